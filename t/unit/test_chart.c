/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as drawn: lines where the values are, every label inside and none over
 * another, well-formed whatever the data and names.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "svg.h"
#include "xml.h"
#include "status/chart.h"

static sink out;

static const char *draw(const tc_chart *chart)
{
    tc_writer to = sink_writer(&out);

    tc_chart_svg(&to, chart);
    return out.text;
}

/* ---- lines where they belong ------------------------------------------------------ */

#define T0     INT64_C(1762041600)
#define BLUE   "stroke=\"#1f83c5\""
#define ORANGE "stroke=\"#d98c00\""

static bool near(double one, double other)
{
    return fabs(one - other) < 0.11;
}

static void test_line(void)
{
    int64_t time[] = {T0, T0 + 50, T0 + 100};
    double one[] = {0, 5, 10}, two[] = {0, 250, 1000};
    tc_chart_series of[] = {{.name = "one", .value = one},
                            {.name = "two", .value = two, .right = true}};
    tc_chart chart = {.title = "A line",
                      .points = 3,
                      .time = time,
                      .from = T0,
                      .to = T0 + 100,
                      .right = "r",
                      .series = 2,
                      .of = of};
    const char *svg = draw(&chart);
    box frame = frame_of(svg);
    point p[8];
    size_t count = points_of(path_with(svg, BLUE, 0), p, COUNT(p));

    ok(count == 3 && near(p[0].x, frame.x) && near(p[0].y, frame.y + frame.height) &&
           near(p[1].x, frame.x + frame.width / 2) &&
           near(p[1].y, frame.y + frame.height / 2) && near(p[2].x, frame.x + frame.width) &&
           near(p[2].y, frame.y),
       "a line from corner to corner");
    count = points_of(path_with(svg, ORANGE, 0), p, COUNT(p));
    ok(count == 3 && near(p[1].y, frame.y + frame.height * 0.75) && near(p[2].y, frame.y),
       "another against the right axis");
    ok(!strstr(path_with(svg, BLUE, 0), "dasharray=\"7 4\"") ||
           strstr(svg, "dasharray") > strstr(svg, BLUE),
       "the left one is solid");
    ok(*path_with(svg, ORANGE " stroke-width=\"2\" stroke-linejoin=\"round\" stroke-dasharray",
                  1),
       "the right one dashed, in the legend as well");
    ok(strstr(svg, ">r (dashed)<") != NULL, "as its axis says");
    ok(strstr(svg, ">one <tspan font-weight=\"bold\">10</tspan>") &&
           strstr(svg, ">two <tspan font-weight=\"bold\">1k</tspan>"),
       "the legend has the last values");
    ok(strstr(svg,
              "<desc>one: last 10, least 0, most 10; two: last 1k, least 0, most 1k.</desc>"),
       "in words");
    ok(strstr(svg, " width=\"100%\"") && strstr(svg, "role=\"img\" aria-label=\"A line\">") &&
           strstr(svg, "<title>A line</title>"),
       "scaled to the page, with a name");
    ok(faults(svg) == 0, "no faults: %u", faults(svg));
    chart.standalone = true;
    ok(strstr(draw(&chart), " width=\"720\" height=\"280\" color=\"#767676\""), "as a file");
}

static void test_stack(void)
{
    int64_t time[] = {T0, T0 + 50, T0 + 100};
    double one[] = {1, 1, 1}, two[] = {2, 1, 3}, line[] = {4, 4, 4};
    tc_chart_series of[] = {{.name = "one", .value = one, .area = true},
                            {.name = "line", .value = line},
                            {.name = "two", .value = two, .area = true}};
    tc_chart chart = {.points = 3, .time = time, .series = 3, .of = of};
    const char *svg = draw(&chart);
    box frame = frame_of(svg);
    double quarter = frame.height / 4, bottom = frame.y + frame.height;
    point p[16];
    size_t count = points_of(path_with(svg, "fill=\"#1f83c5\"", 0), p, COUNT(p));

    ok(count == 4 && near(p[0].y, bottom - quarter) && near(p[1].y, bottom - quarter) &&
           near(p[2].y, bottom) && near(p[3].y, bottom) && near(p[3].x, frame.x),
       "the first area lies on the ground");
    count = points_of(path_with(svg, "fill=\"#009e73\"", 0), p, COUNT(p));
    ok(count == 5 && near(p[0].y, bottom - 3 * quarter) && near(p[1].y, bottom - 2 * quarter) &&
           near(p[2].y, frame.y) && near(p[3].y, bottom - quarter) &&
           near(p[4].y, bottom - quarter) && near(p[4].x, frame.x),
       "the next on it, to the sum of both");
    count = points_of(path_with(svg, ORANGE, 0), p, COUNT(p));
    ok(count == 2 && near(p[0].y, frame.y), "a line between them is not in the sum");
    ok(strstr(svg, "fill=\"#009e73\" fill-opacity") < strstr(svg, ORANGE),
       "and is drawn over the areas");
    one[1] = NAN;
    count = points_of(path_with(draw(&chart), "fill=\"#009e73\"", 0), p, COUNT(p));
    ok(count == 6 && near(p[1].y, bottom - quarter) && near(p[4].y, bottom),
       "where the lower has a gap the upper stands on the ground");
    ok(faults(out.text) == 0, "no faults: %u", faults(out.text));
}

static void test_gaps(void)
{
    int64_t time[] = {T0, T0 + 10, T0 + 20, T0 + 30, T0 + 40};
    double one[] = {1, 2, NAN, 2, 1}, two[] = {NAN, 3, NAN, INFINITY, NAN};
    tc_chart_series of[] = {{.name = "one", .value = one}, {.name = "two", .value = two}};
    tc_chart chart = {.points = 5, .time = time, .series = 2, .of = of};
    point p[8];
    size_t count = points_of(path_with(draw(&chart), BLUE, 0), p, COUNT(p));
    box frame = frame_of(out.text);

    ok(count == 4 && p[0].begins && !p[1].begins && p[2].begins && !p[3].begins &&
           near(p[1].x, frame.x + frame.width / 4) &&
           near(p[2].x, frame.x + frame.width * 0.75),
       "a gap breaks the line");
    count = points_of(path_with(out.text, ORANGE " stroke-width=\"6\"", 0), p, COUNT(p));
    ok(count == 2 && near(p[0].x, frame.x + frame.width / 4) && near(p[1].x, p[0].x),
       "a point alone is a dot");
    ok(strstr(out.text, ">two <tspan font-weight=\"bold\">3</tspan>"),
       "its value is the last there was");
    of[1].area = true;
    draw(&chart);
    ok(*path_with(out.text, ORANGE " stroke-width=\"6\"", 0) == 'M' && faults(out.text) == 0,
       "a dot of an area, too");
    chart.points = 1;
    draw(&chart);
    ok(*path_with(out.text, BLUE " stroke-width=\"6\"", 0) == 'M' && faults(out.text) == 0,
       "one point in all is a dot");
}

#define DAY_POINTS 8640

static void test_many_points(void)
{
    static int64_t time[DAY_POINTS];
    static double value[DAY_POINTS], flat[DAY_POINTS];
    static point p[DAY_POINTS];
    tc_chart_series of[] = {{.name = "spiky", .value = value}, {.name = "flat", .value = flat}};
    tc_chart chart = {.points = DAY_POINTS, .time = time, .series = 2, .of = of};
    bool top = false, bottom = false;
    size_t count;
    box frame;

    for (size_t at = 0; at < DAY_POINTS; at++) {
        time[at] = T0 + (int64_t)at * 10;
        value[at] = 40 + (double)(random() % 20);
        flat[at] = 7;
    }
    value[1234] = 100;
    value[5678] = 0;
    frame = frame_of(draw(&chart));
    count = points_of(path_with(out.text, BLUE, 0), p, DAY_POINTS);
    for (size_t at = 0; at < count; at++) {
        top |= near(p[at].y, frame.y) &&
               fabs(p[at].x - frame.x - frame.width * 1234 / (DAY_POINTS - 1)) < 0.2;
        bottom |= near(p[at].y, frame.y + frame.height) &&
                  fabs(p[at].x - frame.x - frame.width * 5678 / (DAY_POINTS - 1)) < 0.2;
    }
    ok(top && bottom, "one point of 8640 is seen above all others, and one below");
    ok(count > 1000 && count < 2.2 * frame.width, "by %zu points", count);
    count = points_of(path_with(out.text, ORANGE, 0), p, DAY_POINTS);
    ok(count == 2, "a flat line needs %zu", count);
    ok(out.length < 20000, "%zu bytes in all", out.length);
    ok(faults(out.text) == 0, "no faults: %u", faults(out.text));
}

/* ---- little, none and odd ----------------------------------------------------------- */

static bool says_none(const tc_chart *chart)
{
    return strstr(draw(chart), ">no samples yet<") && strstr(out.text, "<rect") &&
           strstr(out.text, "<desc>no samples yet.</desc>") && faults(out.text) == 0;
}

static void test_none(void)
{
    int64_t time[] = {T0, T0 + 10};
    double value[] = {1, 2}, gaps[] = {NAN, -INFINITY};
    tc_chart_series of[] = {{.name = "a", .value = value, .area = true}};
    tc_chart chart = {.title = "t", .from = T0 - 100, .to = T0 - 50, .series = 1, .of = of};

    ok(says_none(&chart), "no points");
    ok(strstr(out.text, ">a <tspan font-weight=\"bold\">\u2013</tspan>"), "no last value");
    chart.points = 2;
    chart.time = time;
    ok(says_none(&chart), "none in the span");
    chart.from = chart.to = 0;
    of[0].value = gaps;
    ok(says_none(&chart), "only gaps");
    ok(says_none(&(tc_chart){0}), "nothing at all");
    of[0].value = value;
    chart.series = 0;
    ok(says_none(&chart), "no series");
}

static void test_plain(void)
{
    int64_t time[] = {T0, T0 + 10, T0 + 20};
    double zero[] = {0, 0, -3}, same[] = {150, 150, 150};
    tc_chart_series of[] = {{.name = "a", .value = zero}};
    tc_chart chart = {.points = 3, .time = time, .series = 1, .of = of};
    point p[8];
    size_t count = points_of(path_with(draw(&chart), BLUE, 0), p, COUNT(p));
    box frame = frame_of(out.text);

    ok(count == 2 && near(p[0].y, frame.y + frame.height) && near(p[1].y, p[0].y) &&
           strstr(out.text, ">0.4<"),
       "zeros, and what is less, lie on the ground of an axis of their own");
    of[0].area = true;
    draw(&chart);
    ok(strstr(path_with(out.text, BLUE, 0), "h") && faults(out.text) == 0, "also as an area");
    of[0] = (tc_chart_series){.name = "a", .value = same};
    count = points_of(path_with(draw(&chart), BLUE, 0), p, COUNT(p));
    ok(count == 2 && strstr(out.text, ">150<") && strstr(out.text, ">50<"),
       "a constant has an axis from 0");
}

static void test_odd_times(void)
{
    int64_t time[] = {T0, T0 + 20, T0 + 10, T0 + 20, T0 + 40, INT64_MAX, INT64_MIN};
    double value[] = {1, 2, 9, 3, 4, 5, 6}, fraction[] = {0, 0.5, 0, 0.75, 0, NAN, 7};
    tc_chart_series of[] = {{.name = "a", .value = value}};
    tc_chart chart = {
        .points = 7, .time = time, .from = T0, .to = T0 + 40, .series = 1, .of = of};
    point p[8];
    size_t count = points_of(path_with(draw(&chart), BLUE, 0), p, COUNT(p));
    box frame = frame_of(out.text);

    ok(count == 4 && near(p[1].x, p[2].x) && near(p[2].y, frame.y + frame.height / 4),
       "a point before its fore is left out, and so are those outside");
    chart.fraction = fraction;
    count = points_of(path_with(draw(&chart), BLUE, 0), p, COUNT(p));
    ok(count == 4 && near(p[1].x, frame.x + frame.width * 20.5 / 40) &&
           near(p[2].x, frame.x + frame.width * 20.75 / 40),
       "parts of a second count");
    chart.from = T0 + 40;
    chart.to = T0;
    ok(faults(draw(&chart)) == 0, "from after to: all points, with those of the end of time");
    chart.from = INT64_MIN;
    chart.to = INT64_MAX;
    ok(faults(draw(&chart)) == 0 && strstr(out.text, "-01-0"), "all of time");
    chart.points = 5;
    chart.elapsed = true;
    chart.from = T0;
    chart.to = T0 + 40;
    draw(&chart);
    ok(strstr(out.text, ">m:ss<") && strstr(out.text, ">0:30<") && faults(out.text) == 0,
       "labels since the first point");
}

static void test_vast(void)
{
    int64_t time[] = {T0, T0 + 10, T0 + 20};
    double vast[] = {DBL_MAX, 1e300, 1}, tiny[] = {DBL_TRUE_MIN, 1e-300, 0};
    tc_chart_series of[TC_CHART_SERIES + 4];
    tc_chart chart = {
        .points = 3, .time = time, .series = COUNT(of), .of = of, .right = "tiny"};
    char names[COUNT(of)][16];
    unsigned bad = 0;

    for (unsigned at = 0; at < COUNT(of); at++) {
        snprintf(names[at], sizeof names[at], "series-%u", at);
        of[at] = (tc_chart_series){names[at], at % 5 ? vast : tiny, at % 5 == 0, at % 2};
    }
    for (unsigned unit = 0; unit < 5; unit++) {
        chart.left_unit = chart.right_unit = (tc_unit)unit;
        bad += faults(draw(&chart));
    }
    ok(bad == 0, "the greatest and the least numbers: %u faults", bad);
    ok(strstr(out.text, "series-15 ") && !strstr(out.text, "series-16"),
       "sixteen series are drawn");
}

static void test_hostile(void)
{
    static char endless[5000];
    int64_t time[] = {T0, T0 + 10};
    double value[] = {1, 2};
    tc_chart_series of[] = {{.name = "</text><script>alert('1')</script>", .value = value},
                            {.name = "\xff\x01&#x0;\"", .value = value, .right = true},
                            {.name = endless, .value = value},
                            {.name = NULL, .value = value}};
    tc_chart chart = {.title = "\"/><svg onclick='",
                      .left = "<b>&amp;</b>\n",
                      .right = endless,
                      .points = 2,
                      .time = time,
                      .series = 4,
                      .of = of};

    memset(endless, 'W', sizeof endless - 1);
    draw(&chart);
    ok(xml_well_formed(out.text) && !strstr(out.text, "<script") && !strstr(out.text, "<b>"),
       "names that would be markup");
    ok(bad_words(out.text) == 0, "and longer than the chart: %u labels cut or overlapping",
       bad_words(out.text));
    chart.title = endless;
    chart.width = 320;
    chart.height = 160;
    draw(&chart);
    ok(bad_words(out.text) == 0 && xml_well_formed(out.text), "also on the smallest chart");
}

/* ---- at random ----------------------------------------------------------------------- */

static double random_unit(void)
{
    return (double)random() / ((double)RAND_MAX + 1);
}

static void random_name(char *name, size_t size)
{
    size_t length = (size_t)random() % (random() % 4 ? 12 : size);

    for (size_t at = 0; at < length; at++)
        name[at] = (char)(random() % 3 ? 'a' + random() % 26 : 1 + random() % 255);
    name[length] = '\0';
}

static double random_value(unsigned kind)
{
    switch (kind % 6) {
    case 0:
        return random_unit();
    case 1:
        return random() % 4 ? pow(10, random_unit() * 15) : NAN;
    case 2:
        return pow(10, random_unit() * 600 - 300);
    case 3:
        return random() % 3 ? 0 : random_unit() * 1e4 - 100;
    case 4:
        return random() % 7 ? 1e9 : INFINITY;
    default:
        return random() % 2 ? NAN : 5;
    }
}

static void random_chart(tc_chart *chart, tc_chart_series *of, char (*names)[64])
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "IST-5:30",
                                        "<&<>3", "<LONGNAMEDZONE>9"};
    static int64_t time[2000];
    static double fraction[2000], value[20][2000];
    int64_t step = (int64_t)pow(10, random_unit() * 6), at_time = T0 + random() % 86400;

    setenv("TZ", zones[(size_t)random() % COUNT(zones)], 1);
    tzset();
    *chart = (tc_chart){.points = (size_t)random() % (random() % 2 ? 2000 : 5),
                        .time = time,
                        .fraction = random() % 3 ? NULL : fraction,
                        .elapsed = random() % 4 == 0,
                        .left_unit = (tc_unit)(random() % 5),
                        .right_unit = (tc_unit)(random() % 5),
                        .right = random() % 2 ? names[18] : NULL,
                        .left = random() % 4 ? names[19] : NULL,
                        .title = random() % 4 ? names[17] : NULL,
                        .series = (unsigned)random() % 18,
                        .of = of,
                        .width = (unsigned)random() % 1000,
                        .height = (unsigned)random() % 500};
    for (size_t at = 0; at < chart->points; at++) {
        at_time += random() % 50 ? step : (random() % 3 - 1) * step * 20;
        time[at] = at_time;
        fraction[at] = random_unit() * 1.1;
    }
    if (random() % 2) {
        chart->from = T0 + random() % 86400;
        chart->to = chart->from + (int64_t)pow(10, random_unit() * 8);
    }
    for (unsigned at = 0; at < 20; at++) {
        unsigned kind = (unsigned)random();
        random_name(names[at], sizeof names[at]);
        for (size_t next = 0; next < chart->points; next++)
            value[at][next] = random_value(kind);
        of[at] = (tc_chart_series){names[at], value[at], random() % 3 == 0, random() % 3 == 0};
    }
}

static void test_random(unsigned seed)
{
    unsigned bad = 0, first = 0;
    tc_chart_series of[20];
    char names[20][64];
    tc_chart chart;

    for (unsigned round = 0; round < 1500; round++) {
        srandom(seed + round);
        random_chart(&chart, of, names);
        if (faults(draw(&chart)) > 0 && bad++ == 0)
            first = seed + round;
    }
    ok(bad == 0, "1500 charts at random with TC_TEST_SEED=%u: %u with faults, the first at %u",
       seed, bad, first);
    if (bad) {
        srandom(first);
        random_chart(&chart, of, names);
        printf("# %u faults, %u of text\n", faults(draw(&chart)), bad_words(out.text));
    }
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid() * 10000;

    setenv("TZ", "UTC0", 1);
    tzset();
    srandom(seed);
    test_line();
    test_stack();
    test_gaps();
    test_many_points();
    test_none();
    test_plain();
    test_odd_times();
    test_vast();
    test_hostile();
    test_random(seed);
    free(out.text);
    return done_testing();
}
