/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a chart as they are drawn, whatever they were. */
#include "chart_parts.h"

#include <math.h>

/* Greater values are drawn as this, so that sixteen of them have a sum. */
#define VALUE_MOST 1e300

const char *tc_plot_text(const char *text)
{
    return text ? text : "";
}

bool tc_plot_right(const tc_plot *plot, unsigned at)
{
    return plot->chart->of[at].right && plot->chart->right;
}

bool tc_plot_area(const tc_plot *plot, unsigned at)
{
    return plot->chart->of[at].area && !tc_plot_right(plot, at);
}

tc_unit tc_plot_unit(const tc_plot *plot, unsigned at)
{
    return tc_plot_right(plot, at) ? plot->chart->right_unit : plot->chart->left_unit;
}

double tc_plot_value(const tc_plot *plot, unsigned series, size_t at)
{
    double value = plot->chart->of[series].value[at];

    if (!isfinite(value))
        return NAN;
    return value < 0 ? 0 : value < VALUE_MOST ? value : VALUE_MOST;
}

double tc_plot_below(const tc_plot *plot, unsigned series, size_t at)
{
    double sum = 0, value;

    for (unsigned below = 0; below < series; below++) {
        if (tc_plot_area(plot, below) && !isnan(value = tc_plot_value(plot, below, at)))
            sum += value;
    }
    return sum;
}

static double fraction_of(const tc_chart *chart, size_t at)
{
    double fraction = chart->fraction ? chart->fraction[at] : 0;

    return fraction > 0 && fraction < 1 ? fraction : 0;
}

static double time_at(const tc_chart *chart, size_t at)
{
    return (double)chart->time[at] + fraction_of(chart, at);
}

bool tc_plot_next(const tc_plot *plot, tc_cursor *cursor)
{
    while (cursor->next < plot->chart->points) {
        double time = time_at(plot->chart, cursor->next);
        cursor->at = cursor->next++;
        if (time < (double)plot->from || time > (double)plot->until || time < cursor->time)
            continue;
        cursor->time = time;
        return true;
    }
    return false;
}

int64_t tc_plot_within(int64_t time)
{
    return time < TC_TIME_LEAST ? TC_TIME_LEAST : time > TC_TIME_MOST ? TC_TIME_MOST : time;
}

void tc_plot_span(tc_plot *plot)
{
    const tc_chart *chart = plot->chart;

    plot->from = tc_plot_within(chart->from);
    plot->until = tc_plot_within(chart->to);
    plot->span = plot->from < plot->until;
    if (plot->span || chart->points == 0)
        return;
    plot->from = TC_TIME_MOST;
    plot->until = TC_TIME_LEAST;
    for (size_t at = 0; at < chart->points; at++) {
        int64_t time = tc_plot_within(chart->time[at]),
                after = tc_plot_within(time + (fraction_of(chart, at) > 0));
        if (time < plot->from)
            plot->from = time;
        if (after > plot->until)
            plot->until = after;
    }
    if (plot->from == plot->until) {
        plot->from = tc_plot_within(plot->from - 30);
        plot->until = tc_plot_within(plot->until + 30);
    }
    plot->span = true;
}

static void extend_range(tc_series_range *ranges, double value)
{
    if (!ranges->any || value < ranges->least)
        ranges->least = value;
    if (!ranges->any || value > ranges->most)
        ranges->most = value;
    ranges->last = value;
    ranges->any = true;
}

void tc_plot_ranges(tc_plot *plot)
{
    tc_cursor cursor = {.time = -INFINITY};

    while (tc_plot_next(plot, &cursor)) {
        double stacked = 0;
        for (unsigned at = 0; at < plot->series; at++) {
            double value = tc_plot_value(plot, at, cursor.at), reached = value;
            double *most = tc_plot_right(plot, at) ? &plot->right_most : &plot->left_most;
            if (isnan(value))
                continue;
            extend_range(&plot->ranges[at], value);
            if (tc_plot_area(plot, at))
                reached = stacked += value;
            if (reached > *most)
                *most = reached;
            plot->any = true;
        }
    }
    for (unsigned at = 0; at < plot->series; at++)
        *(tc_plot_right(plot, at) ? &plot->uses_right : &plot->uses_left) = true;
}
