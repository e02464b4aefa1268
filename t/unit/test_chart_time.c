/* SPDX-License-Identifier: Apache-2.0 */
/* Labels at round local times, through summer time and midnight. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "status/chart_parts.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define DELHI  "IST-5:30"
/* 2025-11-02 00:00 UTC. */
#define DAY0 INT64_C(1762041600)
#define HOUR 3600
#define DAY  86400
/* When summer time began in Berlin, and when it ended, both at 01:00 UTC. */
#define SPRING INT64_C(1743296400)
#define AUTUMN INT64_C(1761440400)

/* Of the steps: 2 s, 5 s, 1 min, 2 min, 30 min, 1 h, 2 h, 3 h, 6 h, 12 h, 1 d, 2 d, 7 d, 28 d.
 */
enum { S2 = 1, S5, M1 = 6, M2, M30 = 11, H1, H2, H3, H6, H12, D1, D2, D7, D28 = 21 };

static const struct {
    const char *what, *zone;
    int64_t from, to;
    unsigned nth;
    const char *labels, *unit;
} times[] = {
    {"seconds", "UTC0", DAY0 + 5, DAY0 + 16, S5, "00:00:05|00:00:10|00:00:15", "UTC"},
    {"minutes", "UTC0", DAY0 + 61, DAY0 + 661, M2, "00:02|00:04|00:06|00:08|00:10", "UTC"},
    {"hours", "UTC0", DAY0 + 60, DAY0 + DAY - 1, H6, "06:00|12:00|18:00", "UTC"},
    {"midnight", BERLIN, DAY0 + 12 * HOUR, DAY0 + 36 * HOUR, H6, "18:00|*3 Nov|06:00|12:00",
     "CET"},
    {"seconds at midnight", "UTC0", DAY0 - 5, DAY0 + 5, S5, "23:59:55|*2 Nov|00:00:05", "UTC"},
    {"half an hour's offset", DELHI, DAY0, DAY0 + 12 * HOUR, H3, "06:00|09:00|12:00|15:00",
     "IST"},
    {"days", BERLIN, DAY0, DAY0 + 3 * DAY, D1, "*3 Nov|*4 Nov|*5 Nov", "CET"},
    {"weeks, from Mondays", "UTC0", DAY0, DAY0 + 16 * DAY, D7, "*3 Nov|*10 Nov|*17 Nov", "UTC"},
    {"months, with the year", "UTC0", DAY0, DAY0 + 80 * DAY, D28,
     "*2025-11-24|*2025-12-22|*2026-01-19", "UTC"},
    {"New Year", "UTC0", 1767225600 - HOUR, 1767225600 + HOUR, H1, "23:00|*1 Jan|01:00", "UTC"},
    {"summer time begins", BERLIN, SPRING - HOUR, SPRING + 2 * HOUR, M30,
     "01:00|01:30|03:00|03:30|04:00|04:30|05:00", "CET/CEST"},
    {"and in steps that it swallows", BERLIN, SPRING - 2 * HOUR, SPRING + 6 * HOUR, H2,
     "00:00|04:00|06:00|08:00", "CET/CEST"},
    {"summer time ends", BERLIN, AUTUMN - HOUR, AUTUMN + 2 * HOUR, M30,
     "02:00|02:30|02:00|02:30|03:00|03:30|04:00", "CEST/CET"},
    {"and in minutes", BERLIN, AUTUMN - 120, AUTUMN + 180, M1,
     "02:58|02:59|02:00|02:01|02:02|02:03", "CEST/CET"},
    {"and in the hour's second coming", BERLIN, AUTUMN + 60, AUTUMN + 300, M1,
     "02:01|02:02|02:03|02:04|02:05", "CET"},
    {"and in days", BERLIN, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY, D1,
     "*25 Oct|*26 Oct|*27 Oct|*28 Oct", "CEST/CET"},
    {"a day that begins at 01:00", "XST4XDT,M9.1.0/0,M4.1.0/0", 1757217600 - 12 * HOUR,
     1757217600 + 13 * HOUR, H6, "12:00|18:00|06:00|12:00", "XST/XDT"},
    {"before 1970", "UTC0", -7 * HOUR, 7 * HOUR, H6, "18:00|*1 Jan|06:00", "UTC"},
    {"a long zone", "<abcdefghijkl>3", DAY0, DAY0 + HOUR, M30, "21:00|21:30|22:00", "abcdefgh"},
};

static void join_times(char *text, size_t size, const tc_time_axis *axis)
{
    *text = '\0';
    for (unsigned at = 0; at < axis->count; at++) {
        snprintf(text + strlen(text), size - strlen(text), "%s%s%s", at ? "|" : "",
                 axis->tick[at].date ? "*" : "", axis->tick[at].text);
    }
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void test_times(void)
{
    tc_time_axis axis;
    char text[512];

    for (size_t at = 0; at < COUNT(times); at++) {
        bool few;
        set_zone(times[at].zone);
        few = tc_time_ticks(&axis, times[at].from, times[at].to, NULL, times[at].nth);
        join_times(text, sizeof text, &axis);
        ok(few && strcmp(text, times[at].labels) == 0, "%s: %s", times[at].what, text);
        ok(strcmp(axis.unit, times[at].unit) == 0, "%s in %s", times[at].what, axis.unit);
    }
    ok(!tc_time_ticks(&axis, DAY0, DAY0 + DAY, NULL, M1), "a day has too many minutes");
}

static const struct {
    int64_t from, to;
    unsigned nth;
    const char *labels, *unit;
} elapsed[] = {
    {0, 11, S5, "0:00|0:05|0:10", "m:ss"},
    {0, 6000, M30, "0:00|30:00|60:00|90:00", "m:ss"},
    {0, 9000, M30, "0:00|0:30|1:00|1:30|2:00|2:30", "h:mm"},
    {0, 3 * DAY, D1, "0:00|24:00|48:00|72:00", "h:mm"},
    {-5, 5, S5, "-0:05|0:00|0:05", "m:ss"},
};

static void test_elapsed(void)
{
    int64_t origin = DAY0 + 12345;
    tc_time_axis axis;
    char text[512];

    set_zone(BERLIN);
    for (size_t at = 0; at < COUNT(elapsed); at++) {
        bool few = tc_time_ticks(&axis, origin + elapsed[at].from, origin + elapsed[at].to,
                                 &origin, elapsed[at].nth);
        join_times(text, sizeof text, &axis);
        ok(few && strcmp(text, elapsed[at].labels) == 0 &&
               strcmp(axis.unit, elapsed[at].unit) == 0,
           "since the first row: %s (%s)", text, axis.unit);
    }
}

/* In any zone and span: in order, inside, and what the label says is what the clock says. */
static void test_random_times(unsigned seed)
{
    static const char *const zones[] = {"UTC0",
                                        BERLIN,
                                        DELHI,
                                        "NPT-5:45",
                                        "XST4XDT,M9.1.0/0,M4.1.0/0",
                                        "LHST-10:30LHDT-11,M10.1.0,M4.1.0"};
    unsigned bad = 0, none = 0;

    srand48(seed);
    for (unsigned round = 0; round < 20000; round++) {
        int64_t from = DAY0 - 400 * DAY + (int64_t)(drand48() * 800 * DAY);
        int64_t to = from + 1 + (int64_t)pow(10, drand48() * 8);
        unsigned nth = 0;
        tc_time_axis axis;
        set_zone(zones[round % COUNT(zones)]);
        while (!tc_time_ticks(&axis, from, to, NULL, nth))
            nth++;
        none += axis.count == 0 && to - from > 60;
        for (unsigned at = 0; at < axis.count; at++) {
            time_t time = axis.tick[at].time;
            struct tm tm = *localtime(&time);
            char clock[16];
            strftime(clock, sizeof clock, nth < M1 ? "%T" : "%R", &tm);
            bad += time < from || time > to || (at && time <= axis.tick[at - 1].time);
            bad += nth < M1 && strlen(axis.tick[at].text) != 8 && !axis.tick[at].date;
            bad += axis.tick[at].date ? tm.tm_hour || tm.tm_min || tm.tm_sec
                                      : strcmp(clock, axis.tick[at].text) != 0;
        }
    }
    ok(bad == 0 && none == 0, "20000 random spans with TC_TEST_SEED=%u: %u bad, %u unlabelled",
       seed, bad, none);
    ok(tc_time_ticks(&(tc_time_axis){0}, TC_TIME_LEAST, TC_TIME_MOST, NULL, 60),
       "and all of time");
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();

    test_times();
    test_elapsed();
    test_random_times(seed);
    return done_testing();
}
