/* SPDX-License-Identifier: Apache-2.0 */
#include "chart.h"

#include "chart_parts.h"

#include <math.h>
#include <stdlib.h>

#define ON_THE_RIGHT "7 4"
/* The ninth series has the first one's colour again. */
#define AGAIN_LEFT  "13 3 2 3"
#define AGAIN_RIGHT "7 4 2 4"

/* A line that goes up and down this many times its width is drawn thinner. */
#define NOISY 10

/*
 * Okabe and Ito's colours without black, and with yellow, orange and the light
 * blue darker and the dark blue lighter: each has to be seen on white as well as on black.
 */
static const char *const colours[] = {"#1f83c5", "#d98c00", "#009e73", "#cc79a7",
                                      "#d55e00", "#3fa0dc", "#a89b00", "#8c8c8c"};
#define COLOURS (sizeof(colours) / sizeof(*colours))

/* ---- the frame and its words ---------------------------------------------------------- */

static void put_text(const tc_plot *plot, double x, int y, const char *attributes,
                     const char *text)
{
    tc_put(plot->to, "<text x=\"");
    tc_put_tenths(plot->to, (int)lround(x * 10));
    tc_putf(plot->to, "\" y=\"%d\"%s>", y, attributes);
    tc_put_xml(plot->to, text);
    tc_put(plot->to, "</text>\n");
}

static double x_of(const tc_plot *plot, double time)
{
    return plot->left + (time - (double)plot->from) /
                            ((double)plot->until - (double)plot->from) *
                            (plot->right - plot->left);
}

/* The grid's line `at` from below. */
static double line_y(const tc_plot *plot, unsigned at, unsigned intervals)
{
    return plot->bottom - (double)(plot->bottom - plot->top) * at / intervals;
}

static unsigned intervals(const tc_plot *plot)
{
    return plot->uses_left ? plot->left_axis.intervals : plot->right_axis.intervals;
}

static void put_grid(const tc_plot *plot)
{
    tc_put(plot->to, "<path fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".16\" "
                     "d=\"");
    for (unsigned at = 1; plot->any && at < intervals(plot); at++) {
        tc_putf(plot->to, "M%d ", plot->left);
        tc_put_tenths(plot->to, (int)lround(line_y(plot, at, intervals(plot)) * 10));
        tc_putf(plot->to, "H%d", plot->right);
    }
    for (unsigned at = 0; at < plot->time.count; at++) {
        tc_put(plot->to, "M");
        tc_put_tenths(plot->to, (int)lround(x_of(plot, (double)plot->time.tick[at].time) * 10));
        tc_putf(plot->to, " %dV%d", plot->top, plot->bottom + 4);
    }
    tc_putf(plot->to,
            "M%d %d\"/>\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
            "stroke=\"currentColor\" stroke-opacity=\".4\"/>\n",
            plot->left, plot->bottom, plot->left, plot->top, plot->right - plot->left,
            plot->bottom - plot->top);
}

static void put_axis(const tc_plot *plot, const tc_chart_axis *axis, int x, const char *anchor)
{
    char text[TC_TICK_TEXT];

    for (unsigned at = 0; at <= axis->intervals; at++) {
        tc_chart_tick(text, axis, at);
        put_text(plot, x, (int)lround(line_y(plot, at, axis->intervals)) + 6, anchor, text);
    }
}

static void put_times(const tc_plot *plot)
{
    int y = plot->bottom + 20;

    if (plot->span)
        put_text(plot, EDGE, y, " fill-opacity=\".75\"", plot->time.unit);
    for (unsigned at = 0; at < plot->time.count; at++) {
        const tc_time_tick *tick = &plot->time.tick[at];
        put_text(plot, x_of(plot, (double)tick->time), y,
                 tick->date ? " text-anchor=\"middle\" font-weight=\"bold\""
                            : " text-anchor=\"middle\"",
                 tick->text);
    }
}

static void put_names(const tc_plot *plot)
{
    static const char dashed[] = " (dashed)";
    const tc_chart *chart = plot->chart;
    char name[512], right[512 + sizeof dashed];
    double ems = (double)(plot->width - 2 * EDGE) / FONT;
    int y = EDGE + (*tc_plot_text(chart->title) ? TITLE_ROW : 0) + FONT;

    if (plot->uses_right)
        ems = ems / 2 - 1;
    if (*tc_plot_text(chart->left)) {
        tc_text_fit(name, sizeof name, chart->left, false, ems);
        put_text(plot, EDGE, y, " fill-opacity=\".75\"", name);
    }
    if (plot->uses_right) {
        tc_text_fit(name, sizeof name, chart->right, false, ems - tc_text_width(dashed, false));
        snprintf(right, sizeof right, "%s%s", name, *name ? dashed : dashed + 1);
        put_text(plot, plot->width - EDGE, y, " fill-opacity=\".75\" text-anchor=\"end\"",
                 right);
    }
}

static void put_frame(const tc_plot *plot)
{
    char title[512];

    if (*tc_plot_text(plot->chart->title)) {
        tc_text_fit(title, sizeof title, plot->chart->title, true,
                    (double)(plot->width - 2 * EDGE) / TITLE_FONT);
        put_text(plot, EDGE, EDGE + TITLE_FONT, " font-size=\"18\" font-weight=\"bold\"",
                 title);
    }
    put_names(plot);
    put_grid(plot);
    if (plot->any && plot->uses_left)
        put_axis(plot, &plot->left_axis, plot->left - AXIS_GAP, " text-anchor=\"end\"");
    if (plot->any && plot->uses_right)
        put_axis(plot, &plot->right_axis, plot->right + AXIS_GAP, "");
    put_times(plot);
}

/* ---- the series ------------------------------------------------------------------------ */

/* A series as a trace: its values, for an area on top of what is below; or only that. */
static void trace_series(tc_plot *plot, tc_trace *trace, tc_spot *spots, unsigned series,
                         bool only_below)
{
    double top = tc_plot_right(plot, series) ? plot->right_axis.top : plot->left_axis.top;
    double height = (plot->bottom - plot->top) * 10.0;
    tc_cursor cursor = {.time = -INFINITY};

    tc_trace_begin(trace, spots, plot->room);
    while (tc_plot_next(plot, &cursor)) {
        double value = tc_plot_value(plot, series, cursor.at);
        if (isnan(value)) {
            tc_trace_gap(trace);
            continue;
        }
        if (tc_plot_area(plot, series))
            value = tc_plot_below(plot, series, cursor.at) + (only_below ? 0 : value);
        tc_trace_add(trace, (int)lround(x_of(plot, cursor.time) * 10),
                     plot->bottom * 10 - (int)lround(value / top * height));
    }
    tc_trace_end(trace);
}

static const char *dashes(const tc_plot *plot, unsigned series)
{
    if (tc_plot_right(plot, series))
        return series < COLOURS ? ON_THE_RIGHT : AGAIN_RIGHT;
    return series < COLOURS ? NULL : AGAIN_LEFT;
}

/* The attributes of a series' line, up to its path. */
static void put_stroke(const tc_plot *plot, unsigned series, bool noisy)
{
    const char *dash = dashes(plot, series);

    tc_putf(plot->to,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\" ",
            colours[series % COLOURS], noisy ? "1.4" : "2");
    if (dash)
        tc_putf(plot->to, "stroke-dasharray=\"%s\" d=\"", dash);
    else
        tc_put(plot->to, "stroke-linecap=\"round\" d=\"");
}

static void put_area(const tc_plot *plot, unsigned series)
{
    const char *colour = colours[series % COLOURS];

    tc_putf(plot->to,
            "<path fill=\"%s\" fill-opacity=\"%s\" stroke=\"%s\" stroke-linejoin=\"round\" "
            "d=\"",
            colour, series < COLOURS ? ".6" : ".3", colour);
    tc_trace_area(plot->to, &plot->trace, &plot->below);
    tc_put(plot->to, "\"/>\n");
}

static void put_series(tc_plot *plot, unsigned series)
{
    size_t lines, lone;

    trace_series(plot, &plot->trace, plot->spots, series, false);
    tc_trace_count(&plot->trace, &lines, &lone);
    if (lines > 0 && tc_plot_area(plot, series)) {
        trace_series(plot, &plot->below, plot->spots + plot->room, series, true);
        put_area(plot, series);
    } else if (lines > 0) {
        put_stroke(plot, series,
                   tc_trace_travel(&plot->trace) > NOISY * (plot->right - plot->left));
        tc_trace_path(plot->to, &plot->trace, false);
        tc_put(plot->to, "\"/>\n");
    }
    if (lone > 0) {
        tc_putf(plot->to,
                "<path fill=\"none\" stroke=\"%s\" stroke-width=\"6\" "
                "stroke-linecap=\"round\" d=\"",
                colours[series % COLOURS]);
        tc_trace_path(plot->to, &plot->trace, true);
        tc_put(plot->to, "\"/>\n");
    }
}

static void put_words(const tc_plot *plot, const char *words)
{
    put_text(plot, (plot->left + plot->right) / 2.0, (plot->top + plot->bottom) / 2 + 6,
             " text-anchor=\"middle\"", words);
}

static void put_all_series(tc_plot *plot)
{
    if (!plot->any) {
        put_words(plot, "no samples yet");
        return;
    }
    plot->room = TC_TRACE_ROOM(plot->width);
    plot->spots = malloc(2 * plot->room * sizeof *plot->spots);
    if (!plot->spots) {
        put_words(plot, "out of memory");
        return;
    }
    /* Lines are seen before areas. */
    for (unsigned at = 0; at < plot->series; at++) {
        if (tc_plot_area(plot, at))
            put_series(plot, at);
    }
    for (unsigned at = 0; at < plot->series; at++) {
        if (!tc_plot_area(plot, at))
            put_series(plot, at);
    }
    free(plot->spots);
}

static void put_legend(const tc_plot *plot)
{
    for (unsigned at = 0; at < plot->series; at++) {
        const tc_legend_entry *entry = &plot->entry[at];
        int y = plot->bottom + TIME_ROW + entry->row * LEGEND_ROW + FONT + 2;
        if (tc_plot_area(plot, at)) {
            tc_putf(plot->to,
                    "<path fill=\"%s\" fill-opacity=\"%s\" stroke=\"%s\" "
                    "d=\"M%d %dh%dv10h-%dz\"/>\n",
                    colours[at % COLOURS], at < COLOURS ? ".6" : ".3", colours[at % COLOURS],
                    entry->x, y - 11, SWATCH, SWATCH);
        } else {
            put_stroke(plot, at, false);
            tc_putf(plot->to, "M%d %dh%d\"/>\n", entry->x, y - 6, SWATCH);
        }
        tc_putf(plot->to, "<text x=\"%d\" y=\"%d\">", entry->x + SWATCH + AFTER_SWATCH, y);
        tc_put_xml(plot->to, entry->name);
        tc_putf(plot->to, " <tspan font-weight=\"bold\">%s</tspan></text>\n", entry->value);
    }
}

/* ---- for readers who cannot see it ------------------------------------------------------- */

static void put_description(const tc_plot *plot)
{
    tc_put(plot->to, "<desc>");
    if (!plot->any)
        tc_put(plot->to, "no samples yet");
    for (unsigned at = 0; plot->any && at < plot->series; at++) {
        const tc_series_range *ranges = &plot->ranges[at];
        char last[32], least[32], most[32];
        tc_put(plot->to, at ? "; " : "");
        tc_put_xml(plot->to, tc_plot_text(plot->chart->of[at].name));
        if (!ranges->any) {
            tc_put(plot->to, ": no samples");
            continue;
        }
        tc_chart_number(last, sizeof last, ranges->last, tc_plot_unit(plot, at));
        tc_chart_number(least, sizeof least, ranges->least, tc_plot_unit(plot, at));
        tc_chart_number(most, sizeof most, ranges->most, tc_plot_unit(plot, at));
        tc_putf(plot->to, ": last %s, least %s, most %s", last, least, most);
    }
    tc_put(plot->to, ".</desc>\n");
}

static void put_head(const tc_plot *plot)
{
    const char *title = tc_plot_text(plot->chart->title);

    tc_putf(plot->to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\"",
            plot->width, plot->height);
    if (plot->chart->standalone)
        tc_putf(plot->to, " width=\"%d\" height=\"%d\" color=\"#767676\"", plot->width,
                plot->height);
    else
        tc_put(plot->to, " width=\"100%\"");
    tc_putf(plot->to,
            " fill=\"currentColor\" font-family=\"sans-serif\" font-size=\"%d\" role=\"img\" "
            "aria-label=\"",
            FONT);
    tc_put_xml(plot->to, title);
    tc_put(plot->to, "\">\n<title>");
    tc_put_xml(plot->to, title);
    tc_put(plot->to, "</title>\n");
    put_description(plot);
}

static int limited(unsigned value, unsigned usual, unsigned least, unsigned most)
{
    value = value ? value : usual;
    return (int)(value < least ? least : value > most ? most : value);
}

void tc_chart_svg(const tc_writer *to, const tc_chart *chart)
{
    tc_plot plot = {.to = to, .chart = chart};

    plot.series = chart->series < TC_CHART_SERIES ? chart->series : TC_CHART_SERIES;
    plot.width = limited(chart->width, 720, 320, 4000);
    plot.height = limited(chart->height, 280, 160, 4000);
    tc_plot_span(&plot);
    tc_plot_ranges(&plot);
    tc_plot_layout(&plot);
    put_head(&plot);
    put_frame(&plot);
    put_all_series(&plot);
    put_legend(&plot);
    tc_put(to, "</svg>\n");
}
