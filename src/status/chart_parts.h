/* SPDX-License-Identifier: Apache-2.0 */
/* What chart.c is made of; for it and the tests alone. */
#ifndef TC_CHART_PARTS_H
#define TC_CHART_PARTS_H

#include "chart.h"

/* ---- the axes of values: chart_axis.c ---------------------------------------- */

/* From 0 in equal intervals, each a round number in the unit its labels are in. */
typedef struct tc_chart_axis {
    double step, top;   /* top = intervals * step */
    unsigned intervals; /* 3 to 5 */
    double factor;      /* the labels' unit: value / factor, then the suffix */
    const char *suffix; /* " GiB" */
} tc_chart_axis;

/*
 * Axes for values up to `left_most` and `right_most`, with as many intervals each,
 * so that the grid's lines serve both. A NULL axis is none; one without values (0)
 * goes along with the other.
 */
void tc_chart_axes(tc_chart_axis *left, double left_most, tc_unit left_unit,
                   tc_chart_axis *right, double right_most, tc_unit right_unit);

#define TC_TICK_TEXT 24

/* The label of the grid's line `at`, 0 to intervals. */
void tc_chart_tick(char text[TC_TICK_TEXT], const tc_chart_axis *axis, unsigned at);

/* ---- the axis of time: chart_time.c ------------------------------------------- */

#define TC_TIME_TICKS 16

typedef struct tc_time_tick {
    int64_t time;
    bool date; /* a day begins here, and the label says which */
    char text[TC_TICK_TEXT];
} tc_time_tick;

typedef struct tc_time_axis {
    unsigned count;
    tc_time_tick tick[TC_TIME_TICKS];
    char unit[TC_TICK_TEXT]; /* the zone's name, or what elapsed time is counted in */
} tc_time_axis;

/*
 * The labels between `from` and `to` (from < to) in the `nth` step of 1 s, 2 s, ... at
 * round local times, or, with `origin`, round times since that. False: there would
 * be too many.
 */
bool tc_time_ticks(tc_time_axis *axis, int64_t from, int64_t to, const int64_t *origin,
                   unsigned nth);

/* Years 1 to 9999, all that a label can show. */
#define TC_TIME_LEAST (-62135596800)
#define TC_TIME_MOST  253402214400

/* ---- text: chart_text.c -------------------------------------------------------- */

/* Ems that `text` is wide at most, in any usual sans-serif face. */
double tc_text_width(const char *text, bool bold);

/* Copy `text`, cut with an ellipsis to be `ems` wide at most. */
void tc_text_fit(char *fitted, size_t size, const char *text, bool bold, double ems);

/* ---- lines: chart_trace.c ------------------------------------------------------ */

/* A place in the drawing, in tenths of a unit; `begins`: no line leads to it. */
typedef struct tc_spot {
    int x, y;
    bool begins;
} tc_spot;

/*
 * Points that become spots as they are added, rising in x: of those in one column
 * of one unit only the lowest and the highest stay, and those at a gap; and a
 * column shows one gap at most, as no eye sees more. So the drawing's width limits
 * the spots, not the number of points.
 */
typedef struct tc_trace {
    tc_spot *spot; /* the caller's, `room` of them */
    size_t count, room;
    bool open, gap;             /* inside a line; a gap since the last point */
    int column, gap_column;     /* the last point's; where a line last began */
    tc_spot least, most, final; /* of the column so far, by y and by time */
    bool most_last;             /* `most` came after `least` */
} tc_trace;

/* Spots for a drawing `width` units wide: the extremes of a line and its end, the begin of
   another and its extremes. */
#define TC_TRACE_ROOM(width) (((size_t)(width) + 2) * 6)

void tc_trace_begin(tc_trace *trace, tc_spot *spot, size_t room);
void tc_trace_add(tc_trace *trace, int x, int y);
void tc_trace_gap(tc_trace *trace);
void tc_trace_end(tc_trace *trace);

/* How many lines it has of two spots and more, and how many spots that stand alone. */
void tc_trace_count(const tc_trace *trace, size_t *lines, size_t *lone);

/* How far the lines go up and down in all, in units: whether they are noise. */
double tc_trace_travel(const tc_trace *trace);

/* Path data: the lines, or the spots that stand alone as lines of no length. */
void tc_trace_path(const tc_writer *to, const tc_trace *trace, bool lone);

/* Path data: what lies between two traces of the same points' x and gaps. */
void tc_trace_area(const tc_writer *to, const tc_trace *top, const tc_trace *bottom);

/* Tenths as a number: "-12.3", "4", ".5". */
void tc_put_tenths(const tc_writer *to, int tenths);

/* ---- the data as drawn: chart_data.c --------------------------------------------- */

typedef struct tc_series_range {
    bool any;
    double last, least, most;
} tc_series_range;

typedef struct tc_legend_entry {
    char name[512], value[32];
    int x, row, width;
} tc_legend_entry;

typedef struct tc_plot {
    const tc_writer *to;
    const tc_chart *chart;
    unsigned series;     /* of them drawn */
    int64_t from, until; /* the span, when `span`: else nothing says when */
    bool span, any, uses_left, uses_right;
    double left_most, right_most;
    tc_series_range ranges[TC_CHART_SERIES];

    int width, height, left, right, top, bottom; /* of the svg; the plot's edges */
    tc_chart_axis left_axis, right_axis;
    tc_time_axis time;
    tc_legend_entry entry[TC_CHART_SERIES];

    tc_spot *spots; /* for the two traces */
    size_t room;
    tc_trace trace, below;
} tc_plot;

/* Find the span; then the range of each series and what the axes have to reach. */
void tc_plot_span(tc_plot *plot);
void tc_plot_ranges(tc_plot *plot);

/* Goes through the points inside the span, and over those that go back in time. */
typedef struct tc_cursor {
    size_t next, at;
    double time; /* to begin with -INFINITY */
} tc_cursor;

bool tc_plot_next(const tc_plot *plot, tc_cursor *cursor);

/* A value as it is drawn: 0 or more and not vast; NAN for a gap. */
double tc_plot_value(const tc_plot *plot, unsigned series, size_t at);

/* The sum of the areas before `series`. */
double tc_plot_below(const tc_plot *plot, unsigned series, size_t at);

bool tc_plot_right(const tc_plot *plot, unsigned series); /* against the right axis */
bool tc_plot_area(const tc_plot *plot, unsigned series);
tc_unit tc_plot_unit(const tc_plot *plot, unsigned series);

/* A time that labels can show, and that can be reckoned with. */
int64_t tc_plot_within(int64_t time);

/* "" for NULL. */
const char *tc_plot_text(const char *text);

/* ---- where everything goes: chart_layout.c ------------------------------------------ */

/* Lengths in the viewBox's units. On a telephone the chart is half its size, and text 8
   pixels. */
#define FONT         16
#define TITLE_FONT   18
#define EDGE         4 /* nothing is drawn nearer to the svg's edge */
#define TITLE_ROW    26
#define NAMES_ROW    22 /* the axes' names */
#define TIME_ROW     24
#define LEGEND_ROW   22
#define AXIS_GAP     8 /* between an axis and its labels */
#define SWATCH       24
#define AFTER_SWATCH 6

void tc_plot_layout(tc_plot *plot);

/* Whether there is a row with the axes' names. */
bool tc_plot_has_names(const tc_plot *plot);

#endif
