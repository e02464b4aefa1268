/* SPDX-License-Identifier: Apache-2.0 */
/* Round local times. */
#include "chart_parts.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
/* Days longer than this apart are labelled with their year. */
#define DAYS_IN_SIGHT (28 * (int64_t)DAY)

static const int64_t steps[] = {
    1,          2,           5,           10,          15,       30,       MINUTE,   2 * MINUTE,
    5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,     2 * HOUR, 3 * HOUR, 6 * HOUR,
    12 * HOUR,  DAY,         2 * DAY,     7 * DAY,     14 * DAY, 28 * DAY,
};

static int64_t step_of(unsigned nth)
{
    int64_t step;

    if (nth < COUNT(steps))
        return steps[nth];
    step = steps[COUNT(steps) - 1];
    for (nth -= COUNT(steps) - 1; nth > 0 && step < TC_TIME_MOST; nth--)
        step *= 2;
    return step;
}

static int64_t floor_to(int64_t value, int64_t step)
{
    int64_t rest = value % step;

    return value - (rest < 0 ? rest + step : rest);
}

/* ---- local time, or the time since an origin
 * ------------------------------------------------------------------ */

static struct tm local(int64_t time)
{
    time_t at = (time_t)time;
    struct tm tm = {.tm_mday = 1};

    localtime_r(&at, &tm);
    return tm;
}

static int64_t offset_at(const int64_t *origin, int64_t time)
{
    return origin ? -*origin : local(time).tm_gmtoff;
}

/* When the clock shows `shown`; false when it never does, as summer time begins. */
static bool time_of(const int64_t *origin, int64_t shown, int64_t offset, int64_t *time)
{
    *time = shown - offset;
    *time = shown - offset_at(origin, *time);
    return *time + offset_at(origin, *time) == shown;
}

static void zone_of(char text[TC_TICK_TEXT], int64_t from, int64_t to)
{
    struct tm first = local(from), last = local(to);
    const char *before = first.tm_zone ? first.tm_zone : "", *after = last.tm_zone;

    if (!after)
        after = "";
    /* Short enough to always find its place; zones have three to five letters. */
    if (strcmp(before, after) == 0)
        snprintf(text, TC_TICK_TEXT, "%.8s", after);
    else
        snprintf(text, TC_TICK_TEXT, "%.5s/%.5s", before, after);
}

/* ---- labels -------------------------------------------------------------------- */

/* A time as all its labels show it. */
typedef struct label_style {
    int64_t span, step;
    bool days; /* the span goes over a midnight */
} label_style;

static bool in_hours(const label_style *style)
{
    return style->step % MINUTE == 0 && style->span >= 2 * HOUR;
}

static void put_elapsed(char text[TC_TICK_TEXT], int64_t seconds, const label_style *style)
{
    const char *sign = seconds < 0 ? "-" : "";

    if (seconds < 0)
        seconds = -seconds;
    if (in_hours(style))
        snprintf(text, TC_TICK_TEXT, "%s%" PRId64 ":%02d", sign, seconds / HOUR,
                 (int)(seconds % HOUR / MINUTE));
    else
        snprintf(text, TC_TICK_TEXT, "%s%" PRId64 ":%02d", sign, seconds / MINUTE,
                 (int)(seconds % MINUTE));
}

static void put_clock(tc_time_tick *tick, const label_style *style)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = local(tick->time);

    tick->date = style->days && tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0;
    if (style->step >= DAYS_IN_SIGHT)
        snprintf(tick->text, sizeof tick->text, "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000,
                 (tm.tm_mon + 1) % 100, tm.tm_mday % 100);
    else if (tick->date)
        snprintf(tick->text, sizeof tick->text, "%d %s", tm.tm_mday, months[tm.tm_mon % 12]);
    else if (style->step % MINUTE == 0)
        snprintf(tick->text, sizeof tick->text, "%02d:%02d", tm.tm_hour, tm.tm_min);
    else
        snprintf(tick->text, sizeof tick->text, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min,
                 tm.tm_sec);
}

static bool crosses_midnight(int64_t from, int64_t to)
{
    struct tm first = local(from), last = local(to);

    return first.tm_yday != last.tm_yday || first.tm_year != last.tm_year;
}

/* The first round time to try: at or before `from`. */
static int64_t first_shown(const int64_t *origin, int64_t from, int64_t offset, int64_t step)
{
    /* Weeks begin on Monday, as 1970-01-05 was one; shorter steps divide a day. */
    int64_t monday = origin || step <= DAY ? 0 : 4 * DAY;

    return floor_to(from + offset - monday, step) + monday;
}

/* Round times up to `to` into the axis, without labels. */
static void find_ticks(tc_time_axis *axis, const int64_t *origin, int64_t from, int64_t to,
                       int64_t step)
{
    int64_t offset = offset_at(origin, from), last = from - 1, time, now;
    int64_t shown = first_shown(origin, from, offset, step);
    unsigned put_back = 0;

    for (; axis->count < TC_TIME_TICKS; shown += step) {
        bool found = time_of(origin, shown, offset, &time);
        now = shown - time;
        /* Summer time ends: an hour comes twice, and this went past its second coming. */
        if (found && now < offset && put_back++ < TC_TIME_TICKS) {
            shown = floor_to(shown - (offset - now), step) - step;
            offset = now;
            continue;
        }
        if (time > to)
            break;
        if (!found || time <= last)
            continue;
        axis->tick[axis->count++].time = last = time;
        offset = now;
    }
}

bool tc_time_ticks(tc_time_axis *axis, int64_t from, int64_t to, const int64_t *origin,
                   unsigned nth)
{
    label_style style = {to - from, step_of(nth), false};

    memset(axis, 0, sizeof *axis);
    if (style.span / style.step >= TC_TIME_TICKS)
        return false;
    tzset();
    style.days = !origin && crosses_midnight(from, to);
    find_ticks(axis, origin, from, to, style.step);
    for (unsigned at = 0; at < axis->count; at++) {
        tc_time_tick *tick = &axis->tick[at];
        if (origin)
            put_elapsed(tick->text, tick->time - *origin, &style);
        else
            put_clock(tick, &style);
    }
    if (origin)
        snprintf(axis->unit, sizeof axis->unit, in_hours(&style) ? "h:mm" : "m:ss");
    else
        zone_of(axis->unit, from, to);
    return true;
}
