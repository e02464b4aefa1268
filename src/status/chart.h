/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts over time as one <svg> element: no script, no style sheet and no style
 * attribute, so that a strict Content-Security-Policy takes nothing away; text in
 * currentColor and series in colours that can be told apart on white and on black,
 * also by the colour-blind (Okabe and Ito's palette).
 */
#ifndef TC_CHART_H
#define TC_CHART_H

#include "base/writer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_CHART_SERIES 16

typedef enum tc_unit {
    TC_UNIT_NONE,
    TC_UNIT_BYTES, /* shown with binary prefixes */
    TC_UNIT_SECONDS,
    TC_UNIT_PER_SECOND,
    TC_UNIT_RATIO /* 0..1, shown as percent, on an axis that goes to 100 % */
} tc_unit;

typedef struct tc_chart_series {
    const char *name;
    const double *value; /* one a point, 0 or more; NAN and infinity are a gap */
    bool right;          /* against the right axis */
    bool area;           /* filled, stacked on the areas before it; left axis only */
} tc_chart_series;

typedef struct tc_chart {
    const char *title;      /* drawn above, and the svg's accessible name */
    size_t points;          /* may be 0: then the chart says that there are no data yet */
    const int64_t *time;    /* seconds since 1970, rising; one before its fore is left out */
    const double *fraction; /* of a second after `time`, 0..1, one a point; or NULL */
    int64_t from, to; /* the span drawn, points outside are left out; all if not from < to */
    bool elapsed;     /* time labels count from the first point, as m:ss */
    const char *left, *right; /* the axes' names; right NULL: there is none */
    tc_unit left_unit, right_unit;
    unsigned series; /* the first TC_CHART_SERIES are drawn */
    const tc_chart_series *of;
    unsigned width, height; /* of the viewBox, 320..4000 and 160..4000; 0: 720 x 280 */
    bool standalone;        /* a file of its own: of that size, its text grey for any page */
} tc_chart;

/*
 * Draw: axes with round numbers and units, local time below with the zone's name,
 * a grid, a legend with each series' name and last value. Borrowed data; nothing
 * is kept. The svg scales with the page (width="100%") and has a <title> and a
 * <desc>. A legend of many rows makes it higher than `height`.
 */
void tc_chart_svg(const tc_writer *to, const tc_chart *chart);

/* `value` with its unit in at most 10 characters: "1.5 MiB", "12.3 ms", "4.1k"; a dash when
   it is not finite. */
void tc_chart_number(char *text, size_t size, double value, tc_unit unit);

#endif
