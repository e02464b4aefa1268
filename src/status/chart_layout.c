/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything in a chart goes. */
#include "chart_parts.h"

#include <math.h>

/* Of what only this file places; the rest is in the header. */
#define ABOVE      10 /* the plot: half of the uppermost label */
#define BELOW      6
#define TIME_GAP   16
#define LEGEND_GAP 20
#define PLOT_LEAST 130 /* the plot's height; the svg grows for it */

static int text_width(const char *text, bool bold)
{
    return (int)ceil(tc_text_width(text, bold) * FONT);
}

/* Next to an axis: its widest label. */
static int margin(const tc_chart_axis *axis)
{
    char text[TC_TICK_TEXT];
    int widest = 0, width;

    for (unsigned at = 0; at <= axis->intervals; at++) {
        tc_chart_tick(text, axis, at);
        width = text_width(text, false);
        widest = width > widest ? width : widest;
    }
    return EDGE + widest + AXIS_GAP;
}

/* With the labels of this step: whether they have room, and room for the axes' labels. */
static bool try_times(tc_plot *plot, unsigned nth, int left, int right)
{
    const tc_chart *chart = plot->chart;
    int64_t origin = tc_plot_within(chart->points ? chart->time[0] : plot->from);
    tc_time_axis *time = &plot->time;
    int widest = 0, half;
    double spacing;

    if (!tc_time_ticks(time, plot->from, plot->until, chart->elapsed ? &origin : NULL, nth))
        return false;
    for (unsigned at = 0; at < time->count; at++) {
        int width = text_width(time->tick[at].text, time->tick[at].date);
        widest = width > widest ? width : widest;
    }
    /* The zone stands left of the first label, wherever that is. */
    half = EDGE + (widest + 1) / 2;
    left = fmax(left, half + text_width(time->unit, false) + AXIS_GAP);
    plot->left = left;
    plot->right = plot->width - (right > half ? right : half);
    if (time->count < 2)
        return true;
    spacing = (double)(time->tick[1].time - time->tick[0].time);
    for (unsigned at = 2; at < time->count; at++)
        spacing = fmin(spacing, (double)(time->tick[at].time - time->tick[at - 1].time));
    return spacing / (double)(plot->until - plot->from) * (plot->right - plot->left) >=
           widest + TIME_GAP;
}

static void layout_axes(tc_plot *plot)
{
    int left = EDGE, right = EDGE;

    tc_chart_axes(plot->uses_left ? &plot->left_axis : NULL, plot->left_most,
                  plot->chart->left_unit, plot->uses_right ? &plot->right_axis : NULL,
                  plot->right_most, plot->chart->right_unit);
    if (plot->any && plot->uses_left)
        left = margin(&plot->left_axis);
    if (plot->any && plot->uses_right)
        right = margin(&plot->right_axis);
    plot->left = left;
    plot->right = plot->width - right;
    for (unsigned nth = 0; plot->span && !try_times(plot, nth, left, right); nth++)
        continue;
}

static int fill_entry(tc_plot *plot, unsigned at)
{
    tc_legend_entry *entry = &plot->entry[at];
    const tc_series_range *ranges = &plot->ranges[at];
    int fixed;

    tc_chart_number(entry->value, sizeof entry->value, ranges->any ? ranges->last : NAN,
                    tc_plot_unit(plot, at));
    fixed = SWATCH + AFTER_SWATCH + text_width(" ", false) + text_width(entry->value, true);
    tc_text_fit(entry->name, sizeof entry->name, tc_plot_text(plot->chart->of[at].name), false,
                (double)(plot->width - 2 * EDGE - fixed) / FONT);
    entry->width = fixed + text_width(entry->name, false);
    return entry->width;
}

/* One after the other; returns the rows. */
static int flow_legend(tc_plot *plot)
{
    int x = EDGE, row = 0;

    for (unsigned at = 0; at < plot->series; at++) {
        tc_legend_entry *entry = &plot->entry[at];
        if (x > EDGE && x + entry->width > plot->width - EDGE) {
            x = EDGE;
            row++;
        }
        entry->x = x;
        entry->row = row;
        x += entry->width + LEGEND_GAP;
    }
    return row + 1;
}

/* In columns, which read better, unless they need more rows. Returns the rows. */
static int layout_legend(tc_plot *plot)
{
    int widest = 1, rows, in_columns, columns;

    if (plot->series == 0)
        return 0;
    for (unsigned at = 0; at < plot->series; at++) {
        int width = fill_entry(plot, at);
        widest = width > widest ? width : widest;
    }
    rows = flow_legend(plot);
    columns = (plot->width - 2 * EDGE + LEGEND_GAP) / (widest + LEGEND_GAP);
    columns = columns < 1 ? 1 : columns;
    in_columns = ((int)plot->series + columns - 1) / columns;
    if (rows == 1 || in_columns > rows)
        return rows;
    for (unsigned at = 0; at < plot->series; at++) {
        plot->entry[at].x = EDGE + (int)at % columns * (widest + LEGEND_GAP);
        plot->entry[at].row = (int)at / columns;
    }
    return in_columns;
}

bool tc_plot_has_names(const tc_plot *plot)
{
    return *tc_plot_text(plot->chart->left) || plot->uses_right;
}

void tc_plot_layout(tc_plot *plot)
{
    int rows = layout_legend(plot), below;

    plot->top = EDGE + (*tc_plot_text(plot->chart->title) ? TITLE_ROW : 0) +
                (tc_plot_has_names(plot) ? NAMES_ROW : 0) + ABOVE;
    below = TIME_ROW + rows * LEGEND_ROW + BELOW;
    if (plot->height < plot->top + PLOT_LEAST + below)
        plot->height = plot->top + PLOT_LEAST + below;
    plot->bottom = plot->height - below;
    layout_axes(plot);
}
