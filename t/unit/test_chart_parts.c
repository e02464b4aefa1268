/* SPDX-License-Identifier: Apache-2.0 */
/* What charts are made of: numbers with units, axes, text, thinned lines. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "xml.h"
#include "status/chart_parts.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static unsigned seed;

static double random_unit(void)
{
    return (double)random() / ((double)RAND_MAX + 1);
}

/* ---- numbers ------------------------------------------------------------------ */

static const struct {
    double value;
    tc_unit unit;
    const char *text;
} numbers[] = {
    {0, TC_UNIT_NONE, "0"},
    {7, TC_UNIT_NONE, "7"},
    {12.34, TC_UNIT_NONE, "12.3"},
    {99.94, TC_UNIT_NONE, "99.9"},
    {99.96, TC_UNIT_NONE, "100"},
    {999, TC_UNIT_NONE, "999"},
    {999.6, TC_UNIT_NONE, "1k"},
    {4123, TC_UNIT_NONE, "4.1k"},
    {123456, TC_UNIT_NONE, "123k"},
    {999999, TC_UNIT_NONE, "1M"},
    {1234567890, TC_UNIT_NONE, "1.2G"},
    {0.25, TC_UNIT_NONE, "0.25"},
    {0.05, TC_UNIT_NONE, "0.05"},
    {0.012, TC_UNIT_NONE, "0.012"},
    {0.0014, TC_UNIT_NONE, "0.0014"},
    {0.996, TC_UNIT_NONE, "1"},
    {0.0005, TC_UNIT_NONE, "5e-4"},
    {1.26e21, TC_UNIT_NONE, "1.3e21"},
    {1e300, TC_UNIT_NONE, "1e300"},
    {DBL_MAX, TC_UNIT_NONE, "1.8e308"},
    {DBL_TRUE_MIN, TC_UNIT_NONE, "4.9e-324"},
    {-1536, TC_UNIT_BYTES, "-1.5 KiB"},
    {0, TC_UNIT_BYTES, "0 B"},
    {512, TC_UNIT_BYTES, "512 B"},
    {1000, TC_UNIT_BYTES, "1000 B"},
    {1023, TC_UNIT_BYTES, "1023 B"},
    {1023.7, TC_UNIT_BYTES, "1 KiB"},
    {1024, TC_UNIT_BYTES, "1 KiB"},
    {1.5 * 0x1p20, TC_UNIT_BYTES, "1.5 MiB"},
    {0x1p30 - 1, TC_UNIT_BYTES, "1 GiB"},
    {23.44 * 0x1p30, TC_UNIT_BYTES, "23.4 GiB"},
    {0x1p70, TC_UNIT_BYTES, "1024 EiB"},
    {1e300, TC_UNIT_BYTES, "1e300 B"},
    {0, TC_UNIT_SECONDS, "0 s"},
    {0.0123, TC_UNIT_SECONDS, "12.3 ms"},
    {0.0009996, TC_UNIT_SECONDS, "1 ms"},
    {42e-6, TC_UNIT_SECONDS, "42 \u00b5s"},
    {3e-9, TC_UNIT_SECONDS, "3 ns"},
    {1e-15, TC_UNIT_SECONDS, "1e-15 s"},
    {59.97, TC_UNIT_SECONDS, "1 min"},
    {90, TC_UNIT_SECONDS, "1.5 min"},
    {5400, TC_UNIT_SECONDS, "1.5 h"},
    {864000, TC_UNIT_SECONDS, "10 d"},
    {12.34, TC_UNIT_PER_SECOND, "12.3/s"},
    {4100, TC_UNIT_PER_SECOND, "4.1k/s"},
    {0.421, TC_UNIT_RATIO, "42.1 %"},
    {1, TC_UNIT_RATIO, "100 %"},
    {0.0005, TC_UNIT_RATIO, "0.05 %"},
    {NAN, TC_UNIT_BYTES, "\u2013"},
    {INFINITY, TC_UNIT_NONE, "\u2013"},
    {-INFINITY, TC_UNIT_NONE, "\u2013"},
    {5, (tc_unit)77, "5"},
};

static void test_numbers(void)
{
    char text[32];

    for (size_t at = 0; at < COUNT(numbers); at++) {
        tc_chart_number(text, sizeof text, numbers[at].value, numbers[at].unit);
        ok(strcmp(text, numbers[at].text) == 0, "%g in unit %d is %s: %s", numbers[at].value,
           numbers[at].unit, numbers[at].text, text);
    }
}

/* Any number is short, and says again what it was but for its rounding. */
static void test_random_numbers(void)
{
    unsigned lengthy = 0, wrong = 0;
    char text[32], small[4];

    for (unsigned round = 0; round < 200000; round++) {
        double value = pow(10, random_unit() * 40 - 20), said;
        char *end;
        tc_chart_number(text, sizeof text, value, (tc_unit)(round % 5));
        lengthy += strlen(text) > 10;
        tc_chart_number(small, sizeof small, value, (tc_unit)(round % 5));
        wrong += strncmp(small, text, 3) != 0;
        tc_chart_number(text, sizeof text, value, TC_UNIT_NONE);
        said = strtod(text, &end);
        if (*end)
            said *= pow(1000, (double)(strchr("kMGTP", *end) - "kMGTP") + 1);
        wrong += fabs(said / value - 1) > 0.051;
    }
    ok(lengthy == 0, "no number is longer than 10 bytes: %u are", lengthy);
    ok(wrong == 0, "all are true: %u are not", wrong);
    tc_chart_number(text, 0, -5, TC_UNIT_NONE);
    tc_chart_number(small, 1, -5, TC_UNIT_NONE);
    ok(strcmp(small, "") == 0, "no room, no number");
}

/* ---- axes --------------------------------------------------------------------- */

static void labels(char *text, size_t size, const tc_chart_axis *axis)
{
    char label[TC_TICK_TEXT];

    *text = '\0';
    for (unsigned at = 0; at <= axis->intervals; at++) {
        tc_chart_tick(label, axis, at);
        snprintf(text + strlen(text), size - strlen(text), "%s%s", at ? "|" : "", label);
    }
}

static const struct {
    double most;
    tc_unit unit;
    const char *labels;
} axes[] = {
    {0, TC_UNIT_NONE, "0|0.2|0.4|0.6|0.8|1"},
    {1, TC_UNIT_NONE, "0|0.2|0.4|0.6|0.8|1"},
    {3, TC_UNIT_NONE, "0|1|2|3"},
    {5.1, TC_UNIT_NONE, "0|2|4|6"},
    {150, TC_UNIT_NONE, "0|50|100|150"},
    {1234, TC_UNIT_NONE, "0|500|1000|1500"},
    {14000, TC_UNIT_NONE, "0|5k|10k|15k"},
    {1.3e6, TC_UNIT_NONE, "0|0.5M|1M|1.5M"},
    {0.003, TC_UNIT_NONE, "0|0.001|0.002|0.003"},
    {0.0003, TC_UNIT_NONE, "0|1e-4|2e-4|3e-4"},
    {1e300, TC_UNIT_NONE, "0|2e299|4e299|6e299|8e299|1e300"},
    {0, TC_UNIT_BYTES, "0|1 B|2 B|3 B|4 B|5 B"},
    {2, TC_UNIT_BYTES, "0|1 B|2 B|3 B"},
    {100, TC_UNIT_BYTES, "0|32 B|64 B|96 B|128 B"},
    {1024, TC_UNIT_BYTES, "0|256 B|512 B|768 B|1024 B"},
    {1.2 * 0x1p30, TC_UNIT_BYTES, "0|256 MiB|512 MiB|768 MiB|1024 MiB|1280 MiB"},
    {1.4 * 0x1p30, TC_UNIT_BYTES, "0|0.5 GiB|1 GiB|1.5 GiB"},
    {23.4 * 0x1p30, TC_UNIT_BYTES, "0|8 GiB|16 GiB|24 GiB"},
    {250 * 0x1p20, TC_UNIT_BYTES, "0|64 MiB|128 MiB|192 MiB|256 MiB"},
    {0.085, TC_UNIT_SECONDS, "0|20 ms|40 ms|60 ms|80 ms|100 ms"},
    {110, TC_UNIT_SECONDS, "0|50 s|100 s|150 s"},
    {500, TC_UNIT_SECONDS, "0|2 min|4 min|6 min|8 min|10 min"},
    {1e-12, TC_UNIT_SECONDS, "0|2e-13 s|4e-13 s|6e-13 s|8e-13 s|1e-12 s"},
    {62, TC_UNIT_PER_SECOND, "0|20/s|40/s|60/s|80/s"},
    {0.04, TC_UNIT_RATIO, "0|20 %|40 %|60 %|80 %|100 %"},
    {1, TC_UNIT_RATIO, "0|20 %|40 %|60 %|80 %|100 %"},
    {1.3, TC_UNIT_RATIO, "0|50 %|100 %|150 %"},
};

static void test_axes(void)
{
    char text[256];
    tc_chart_axis axis, other;

    for (size_t at = 0; at < COUNT(axes); at++) {
        tc_chart_axes(&axis, axes[at].most, axes[at].unit, NULL, 0, TC_UNIT_NONE);
        labels(text, sizeof text, &axis);
        ok(strcmp(text, axes[at].labels) == 0, "an axis to %g in unit %d: %s", axes[at].most,
           axes[at].unit, text);
    }
    tc_chart_axes(&axis, 0.9, TC_UNIT_RATIO, &other, 5.6 * 0x1p20, TC_UNIT_BYTES);
    labels(text, sizeof text, &axis);
    ok(strcmp(text, "0|25 %|50 %|75 %|100 %") == 0, "quarters of a share go with: %s", text);
    labels(text, sizeof text, &other);
    ok(strcmp(text, "0|2 MiB|4 MiB|6 MiB|8 MiB") == 0, "powers of two: %s", text);
    tc_chart_axes(&axis, 0.9, TC_UNIT_RATIO, &other, 6, TC_UNIT_NONE);
    labels(text, sizeof text, &axis);
    ok(strstr(text, "|100 %") && !strstr(text, "150 %"), "a share ends at the whole: %s", text);
    tc_chart_axes(NULL, 0, TC_UNIT_NONE, &other, 60, TC_UNIT_NONE);
    labels(text, sizeof text, &other);
    ok(strcmp(text, "0|20|40|60") == 0, "a right axis alone: %s", text);
}

/* Steps of 1, 2, 5 (and 2.5 for shares), or of powers of two. */
static bool is_round(double step, double factor, tc_unit unit)
{
    int power;

    if (unit == TC_UNIT_BYTES)
        return frexp(step, &power) == 0.5 && step >= 1;
    if (unit == TC_UNIT_RATIO && step == 0.25)
        return true;
    step /= factor;
    step /= pow(10, floor(log10(step) + 1e-9));
    return fabs(step - 1) < 1e-6 || fabs(step - 2) < 1e-6 || fabs(step - 5) < 1e-6;
}

static bool axis_is_good(const tc_chart_axis *axis, double most, tc_unit unit)
{
    char label[TC_TICK_TEXT], before[TC_TICK_TEXT] = "";

    for (unsigned at = 0; at <= axis->intervals; at++) {
        tc_chart_tick(label, axis, at);
        if (strlen(label) > 11 || strcmp(label, before) == 0)
            return false;
        strcpy(before, label);
    }
    return axis->intervals >= 3 && axis->intervals <= 5 && axis->top >= most * (1 - 1e-8) &&
           is_round(axis->step, axis->factor, unit);
}

static void test_random_axes(void)
{
    unsigned bad = 0, squeezed = 0, uneven = 0;

    for (unsigned round = 0; round < 100000; round++) {
        tc_unit one = (tc_unit)(random() % 5), two = (tc_unit)(random() % 5);
        double spread = round % 10 ? 12 : 300, here = pow(10, (random_unit() * 2 - 1) * spread),
               there = pow(10, (random_unit() * 2 - 1) * spread);
        tc_chart_axis left, right;
        tc_chart_axes(&left, here, one, &right, there, two);
        bad += !axis_is_good(&left, here, one) || !axis_is_good(&right, there, two);
        uneven += left.intervals != right.intervals;
        tc_chart_axes(&left, here, one, NULL, 0, TC_UNIT_NONE);
        bad += !axis_is_good(&left, here, one);
        squeezed += left.top > here * 2.01 && one != TC_UNIT_RATIO &&
                    !(one == TC_UNIT_BYTES && here < 2);
    }
    ok(bad == 0, "100000 random axes with TC_TEST_SEED=%u are round: %u are not", seed, bad);
    ok(uneven == 0, "both sides share the grid: %u do not", uneven);
    ok(squeezed == 0, "alone, values take up half the height or more: %u do not", squeezed);
}

/* ---- text ------------------------------------------------------------------------ */

static void test_text(void)
{
    char fitted[64];

    ok(tc_text_width("", false) == 0 && fabs(tc_text_width("00:00", false) - 2.9) < 0.01,
       "widths: five characters are %.2f ems", tc_text_width("00:00", false));
    ok(tc_text_width("Title", true) > tc_text_width("Title", false), "bold is wider");
    ok(tc_text_width("\xff\xff", false) > 2, "bytes that are no text count");
    tc_text_fit(fitted, sizeof fitted, "short", false, 5);
    ok(strcmp(fitted, "short") == 0, "what fits stays");
    tc_text_fit(fitted, sizeof fitted, "something longer", false, 5);
    ok(strcmp(fitted, "someth\u2026") == 0 && tc_text_width(fitted, false) <= 5,
       "what does not is cut: %s", fitted);
    tc_text_fit(fitted, sizeof fitted, "\u20ac\u20ac\u20ac\u20ac", false, 3.3);
    ok(strcmp(fitted, "\u20ac\u20ac\u2026") == 0, "between characters: %s", fitted);
    tc_text_fit(fitted, 8, "iiiiiiiiiiiiiiii", false, 100);
    ok(strlen(fitted) < 8 && strcmp(fitted + strlen(fitted) - 3, "\u2026") == 0,
       "to the room there is: %s", fitted);
    tc_text_fit(fitted, sizeof fitted, "", false, 0);
    ok(strcmp(fitted, "") == 0, "nothing stays nothing");
}

/* ---- lines ------------------------------------------------------------------------ */

#define COLUMNS 100
#define POINTS  100000

static tc_spot spots[TC_TRACE_ROOM(COLUMNS)];

static const char *path(const tc_trace *trace, bool lone)
{
    static sink out;
    tc_writer to = sink_writer(&out);

    tc_trace_path(&to, trace, lone);
    return out.text;
}

static void test_path(void)
{
    static const tc_spot points[] = {{0, 0, false},    {105, -5, false}, {110, -5, false},
                                     {203, -5, false}, {203, 17, false}, {300, 18, false}};
    size_t lines, lone;
    tc_trace trace;

    tc_trace_begin(&trace, spots, COUNT(spots));
    for (size_t at = 0; at < COUNT(points); at++)
        tc_trace_add(&trace, points[at].x, points[at].y);
    tc_trace_gap(&trace);
    tc_trace_gap(&trace);
    tc_trace_add(&trace, 400, 10);
    tc_trace_gap(&trace);
    tc_trace_add(&trace, 500, 10);
    tc_trace_add(&trace, 600, 0);
    tc_trace_gap(&trace);
    tc_trace_end(&trace);
    tc_trace_count(&trace, &lines, &lone);
    ok(lines == 2 && lone == 1, "two lines and a point alone: %zu and %zu", lines, lone);
    ok(strcmp(path(&trace, false), "M0 0l10.5-.5h9.8v2.2l9.7 .1M50 1l10-1") == 0,
       "as short path data: %s", path(&trace, false));
    ok(strcmp(path(&trace, true), "M40 1h0") == 0, "a point alone: %s", path(&trace, true));
    tc_trace_begin(&trace, spots, COUNT(spots));
    tc_trace_end(&trace);
    ok(strcmp(path(&trace, false), "") == 0, "no points, no path");
}

/* In each column the same extremes, first and last points as all the points have. */
static void test_thinning(void)
{
    static int y[POINTS];
    int least[COLUMNS], most[COLUMNS], bad = 0;
    tc_trace trace;

    for (int at = 0; at < COLUMNS; at++) {
        least[at] = INT32_MAX;
        most[at] = INT32_MIN;
    }
    tc_trace_begin(&trace, spots, COUNT(spots));
    for (int at = 0; at < POINTS; at++) {
        int x = (int)((int64_t)at * COLUMNS * 10 / POINTS);
        y[at] = 5000 + (int)(random() % 21) - (at == 54321 ? 4000 : 0);
        tc_trace_add(&trace, x, y[at]);
        least[x / 10] = y[at] < least[x / 10] ? y[at] : least[x / 10];
        most[x / 10] = y[at] > most[x / 10] ? y[at] : most[x / 10];
    }
    tc_trace_end(&trace);
    ok(trace.count <= 2 * COLUMNS + 2, "100000 points in 100 columns: %zu spots", trace.count);
    ok(spots[0].y == y[0] && spots[trace.count - 1].y == y[POINTS - 1],
       "the first and the last are among them");
    for (size_t at = 0; at < trace.count; at++) {
        int column = spots[at].x / 10;
        bad += spots[at].y < least[column] || spots[at].y > most[column];
        bad += at > 0 && spots[at].x < spots[at - 1].x;
        if (spots[at].y == least[column])
            least[column] = INT32_MIN;
        if (spots[at].y == most[column])
            most[column] = INT32_MAX;
    }
    ok(bad == 0, "all from the data, in order");
    for (int at = 0; at < COLUMNS; at++)
        bad += least[at] != INT32_MIN || most[at] != INT32_MAX;
    ok(bad == 0, "each column has its extremes, a spike of one point among them: %d have not",
       bad);
}

static void test_dense_gaps(void)
{
    size_t lines, lone, most = 0;
    tc_trace trace;

    for (unsigned every = 2; every < 20; every++) {
        tc_trace_begin(&trace, spots, COUNT(spots));
        for (int at = 0; at < POINTS; at++) {
            if (random() % every == 0)
                tc_trace_gap(&trace);
            else
                tc_trace_add(&trace, (int)((int64_t)at * COLUMNS * 10 / POINTS),
                             (int)(random() % 1000));
        }
        tc_trace_end(&trace);
        most = trace.count > most ? trace.count : most;
    }
    ok(most < COUNT(spots), "gaps everywhere: %zu spots of at most %zu", most, COUNT(spots));
    tc_trace_begin(&trace, spots, COUNT(spots));
    for (int at = 0; at < POINTS; at++) {
        if (at == POINTS / 2)
            tc_trace_gap(&trace);
        else
            tc_trace_add(&trace, (int)((int64_t)at * COLUMNS * 10 / POINTS), 7);
    }
    tc_trace_end(&trace);
    tc_trace_count(&trace, &lines, &lone);
    ok(lines == 2 && lone == 0, "one gap among a hundred thousand points is one");
    tc_trace_begin(&trace, spots, 5);
    for (int at = 0; at < 1000; at++)
        tc_trace_add(&trace, at, at % 100);
    tc_trace_end(&trace);
    ok(trace.count == 5, "never more than there is room for");
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");

    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    srandom(seed);
    test_numbers();
    test_random_numbers();
    test_axes();
    test_random_axes();
    test_text();
    test_path();
    test_thinning();
    test_dense_gaps();
    return done_testing();
}
