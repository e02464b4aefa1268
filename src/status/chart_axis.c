/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units, and axes of round ones. */
#include "chart_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* An axis that ends below `axis_from` is not labelled in this unit: "500, 1000, 1500" and
   "100 s" are read faster than "0.5k, 1k, 1.5k" and "1.7 min". */
typedef struct label_scale {
    double factor, axis_from;
    const char *suffix;
} label_scale;

typedef struct unit {
    const label_scale *scale; /* rising */
    size_t scales;
    size_t plain; /* the one that 0 is shown in */
} unit;

static const label_scale plain_scales[] = {{1, 0, ""},        {1e3, 1e4, "k"},
                                           {1e6, 1e6, "M"},   {1e9, 1e9, "G"},
                                           {1e12, 1e12, "T"}, {1e15, 1e15, "P"}};
static const label_scale rate_scales[] = {{1, 0, "/s"},        {1e3, 1e4, "k/s"},
                                          {1e6, 1e6, "M/s"},   {1e9, 1e9, "G/s"},
                                          {1e12, 1e12, "T/s"}, {1e15, 1e15, "P/s"}};
static const label_scale byte_scales[] = {{1, 0, " B"},
                                          {0x1p10, 0x1p10, " KiB"},
                                          {0x1p20, 0x1p20, " MiB"},
                                          {0x1p30, 0x1p30, " GiB"},
                                          {0x1p40, 0x1p40, " TiB"},
                                          {0x1p50, 0x1p50, " PiB"},
                                          {0x1p60, 0x1p60, " EiB"}};
static const label_scale second_scales[] = {
    {1e-9, 0, " ns"},  {1e-6, 1e-6, " \u00b5s"}, {1e-3, 1e-3, " ms"},     {1, 1, " s"},
    {60, 120, " min"}, {3600, 7200, " h"},       {86400, 2 * 86400, " d"}};
static const label_scale ratio_scales[] = {{0.01, 0, " %"}};

static const unit units[] = {
    [TC_UNIT_NONE] = {plain_scales, COUNT(plain_scales), 0},
    [TC_UNIT_BYTES] = {byte_scales, COUNT(byte_scales), 0},
    [TC_UNIT_SECONDS] = {second_scales, COUNT(second_scales), 3},
    [TC_UNIT_PER_SECOND] = {rate_scales, COUNT(rate_scales), 0},
    [TC_UNIT_RATIO] = {ratio_scales, COUNT(ratio_scales), 0},
};

static const unit *unit_of(tc_unit unit)
{
    return &units[(size_t)unit < COUNT(units) ? unit : TC_UNIT_NONE];
}

/* ---- numbers ------------------------------------------------------------------ */

/*
 * Everything here is printed from integers: a process that has set a locale would
 * get a decimal comma from printf's %f.
 */

/* `value`, 0 to 1e12, with up to four decimals, of which trailing zeros go. */
static void put_decimals(char *text, size_t size, double value, int decimals,
                         const char *suffix)
{
    static const int powers[] = {1, 10, 100, 1000, 10000};
    long long parts = llround(value * powers[decimals]) * (powers[4] / powers[decimals]);
    char fraction[16];
    size_t length;

    snprintf(fraction, sizeof fraction, ".%04d", (int)(parts % powers[4]));
    for (length = 5; fraction[length - 1] == '0'; length--)
        continue;
    fraction[length == 1 ? 0 : length] = '\0';
    snprintf(text, size, "%lld%s%s", parts / powers[4], fraction, suffix);
}

/* "1.5e300", for what no prefix reaches. */
static void put_power(char *text, size_t size, double value, const char *suffix)
{
    char digits[32];
    const char *power;

    /* A digit, the locale's point, a digit, "e", the power. */
    snprintf(digits, sizeof digits, "%.1e", value);
    power = strchr(digits, 'e');
    if (power && power > digits && power[-1] != '0')
        snprintf(text, size, "%c.%ce%d%s", digits[0], power[-1], atoi(power + 1), suffix);
    else
        snprintf(text, size, "%ce%d%s", digits[0], power ? atoi(power + 1) : 0, suffix);
}

/* Whether a number can be read without a power of ten. */
static bool fits(double scaled)
{
    return scaled >= 0.0009999 && scaled < 99999.5;
}

/* Three digits, and two of what is less than one. */
static int decimals_for(double value)
{
    return value >= 99.95     ? 0
           : value >= 0.995   ? 1
           : value >= 0.0995  ? 2
           : value >= 0.00995 ? 3
                              : 4;
}

static double rounded(double value)
{
    double power = value >= 99.95 ? 1 : 10;

    return round(value * power) / power;
}

void tc_chart_number(char *text, size_t size, double value, tc_unit unit)
{
    const struct unit *of = unit_of(unit);
    const label_scale *scale = of->scale, *last = scale + of->scales - 1;
    const struct label_scale *plain = scale + of->plain;
    double scaled;

    if (size == 0)
        return;
    if (!isfinite(value)) {
        snprintf(text, size, "\u2013");
        return;
    }
    if (value < 0) {
        text[0] = '-';
        text[1 % size] = '\0';
        tc_chart_number(text + 1, size - 1, -value, unit);
        return;
    }
    if (value == 0) {
        snprintf(text, size, "0%s", plain->suffix);
        return;
    }
    while (scale < last && value >= scale[1].factor)
        scale++;
    /* 1023.99 KiB is 1 MiB once it is rounded. */
    while (scale < last &&
           rounded(value / scale->factor) * scale->factor >= scale[1].factor * (1 - 1e-9))
        scale++;
    scaled = value / scale->factor;
    if (!fits(scaled))
        put_power(text, size, value / plain->factor, plain->suffix);
    else
        put_decimals(text, size, scaled, decimals_for(scaled), scale->suffix);
}

/* ---- axes --------------------------------------------------------------------- */

/* The least of 1, 2, 5, 10, ... that is `least` or more. */
static double decimal_step(double least)
{
    static const double nice[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(least)));
    size_t at = 0;

    /* A hair of tolerance: 0.2 is 2 times 0.1 and a little more. */
    while (at < COUNT(nice) - 1 && nice[at] * power < least * (1 - 1e-9))
        at++;
    return nice[at] * power;
}

/* The least power of two that is `least` or more, but a whole byte. */
static double binary_step(double least)
{
    int power;

    if (frexp(least, &power) == 0.5)
        power--;
    return power > 0 ? ldexp(1, power) : 1;
}

/* Values an axis has to reach; TINY below which they are drawn as 0, and VAST above. */
#define TINY 1e-300
#define VAST 1e303

static double reach(double most, tc_unit unit)
{
    if (unit == TC_UNIT_RATIO && most <= 1)
        return 1;
    if (!(most >= TINY))
        return unit == TC_UNIT_BYTES ? 4 : 1;
    return most < VAST ? most : VAST;
}

/* The unit for the labels of an axis that goes up to `most`. */
static const label_scale *axis_scale(double most, tc_unit unit)
{
    const struct unit *of = unit_of(unit);
    size_t at = 0;

    while (at + 1 < of->scales && most >= of->scale[at + 1].axis_from)
        at++;
    /* Not a hundred thousand days and more. */
    if (most / of->scale[at].factor >= 5e4)
        at = of->plain;
    return &of->scale[at];
}

static double axis_step(double most, tc_unit unit, unsigned intervals)
{
    double factor = axis_scale(most, unit)->factor, least = most / intervals;

    if (unit == TC_UNIT_BYTES)
        return binary_step(least);
    /* Four quarters, for a share and nothing else. */
    if (unit == TC_UNIT_RATIO && most == 1 && intervals == 4)
        return 0.25;
    return decimal_step(least / factor) * factor;
}

/* How much of the axis' height the values take up, 0..1. */
static double use(double most, tc_unit unit, unsigned intervals)
{
    double reached = reach(most, unit);

    /* A share does not go beyond the whole. */
    if (unit == TC_UNIT_RATIO && reached == 1 && intervals == 3)
        return -1;
    return most > 0 ? reached / (axis_step(reached, unit, intervals) * intervals) : 0;
}

static void set_axis(tc_chart_axis *axis, double most, tc_unit unit, unsigned intervals)
{
    double reached = reach(most, unit), step = axis_step(reached, unit, intervals);
    const label_scale *scale = axis_scale(reached, unit);

    /* "256 MiB" is rounder than "0.25 GiB". */
    if (unit == TC_UNIT_BYTES && step < scale->factor / 2)
        scale--;
    if (!fits(step / scale->factor) || !fits(step * intervals / scale->factor))
        scale = &unit_of(unit)->scale[unit_of(unit)->plain];
    axis->step = step;
    axis->intervals = intervals;
    axis->top = step * intervals;
    axis->factor = scale->factor;
    axis->suffix = scale->suffix;
}

void tc_chart_axes(tc_chart_axis *left, double left_most, tc_unit left_unit,
                   tc_chart_axis *right, double right_most, tc_unit right_unit)
{
    double best = -INFINITY;
    unsigned chosen = 5;

    for (unsigned intervals = 5; intervals >= 3; intervals--) {
        double total = (left ? use(left_most, left_unit, intervals) : 0) +
                       (right ? use(right_most, right_unit, intervals) : 0);
        if (total > best + 1e-9) {
            best = total;
            chosen = intervals;
        }
    }
    if (left)
        set_axis(left, left_most, left_unit, chosen);
    if (right)
        set_axis(right, right_most, right_unit, chosen);
}

void tc_chart_tick(char text[TC_TICK_TEXT], const tc_chart_axis *axis, unsigned at)
{
    double value = axis->step * at / axis->factor;

    if (at == 0)
        snprintf(text, TC_TICK_TEXT, "0");
    else if (!fits(axis->step / axis->factor) || !fits(axis->top / axis->factor))
        put_power(text, TC_TICK_TEXT, value, axis->suffix);
    else
        put_decimals(text, TC_TICK_TEXT, value, 3, axis->suffix);
}
