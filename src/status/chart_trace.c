/* SPDX-License-Identifier: Apache-2.0 */
/* Many points as few, none of the extremes lost, and these as short path data. */
#include "chart_parts.h"

#include <stdlib.h>

#define COLUMN 10 /* tenths */

/* ---- points to spots ------------------------------------------------------------ */

static bool same(const tc_spot *a, const tc_spot *b)
{
    return a->x == b->x && a->y == b->y;
}

static void keep(tc_trace *trace, tc_spot spot)
{
    if (trace->count == trace->room ||
        (!spot.begins && same(&trace->spot[trace->count - 1], &spot)))
        return;
    trace->spot[trace->count++] = spot;
}

static void end_column(tc_trace *trace)
{
    keep(trace, trace->most_last ? trace->least : trace->most);
    keep(trace, trace->most_last ? trace->most : trace->least);
}

static void end_line(tc_trace *trace)
{
    if (!trace->open)
        return;
    end_column(trace);
    keep(trace, trace->final);
    trace->open = false;
}

void tc_trace_begin(tc_trace *trace, tc_spot *spot, size_t room)
{
    *trace = (tc_trace){.spot = spot, .room = room, .gap_column = -1};
}

void tc_trace_add(tc_trace *trace, int x, int y)
{
    tc_spot spot = {x, y, false};
    int column = x / COLUMN;

    if (trace->gap && column != trace->gap_column)
        end_line(trace);
    trace->gap = false;
    if (!trace->open) {
        trace->open = true;
        trace->gap_column = column;
        keep(trace, (tc_spot){x, y, true});
    } else if (column == trace->column) {
        if (y < trace->least.y) {
            trace->least = spot;
            trace->most_last = false;
        }
        if (y > trace->most.y) {
            trace->most = spot;
            trace->most_last = true;
        }
        trace->final = spot;
        return;
    } else {
        end_column(trace);
    }
    trace->column = column;
    trace->least = trace->most = trace->final = spot;
}

void tc_trace_gap(tc_trace *trace)
{
    trace->gap = true;
}

void tc_trace_end(tc_trace *trace)
{
    end_line(trace);
}

/* ---- spots to path data ----------------------------------------------------------- */

void tc_put_tenths(const tc_writer *to, int tenths)
{
    const char *sign = tenths < 0 ? "-" : "";
    int whole = abs(tenths) / 10, rest = abs(tenths) % 10;

    if (rest == 0)
        tc_putf(to, "%s%d", sign, whole);
    else if (whole == 0)
        tc_putf(to, "%s.%d", sign, rest);
    else
        tc_putf(to, "%s%d.%d", sign, whole, rest);
}

/* Draws with relative steps, which are short to write. */
typedef struct path_pen {
    const tc_writer *to;
    int x, y;
    int level; /* a step along y that is still to be written: the next may prolong it */
    char command;
} path_pen;

static void put_step(path_pen *pen, char command, const int *step, unsigned numbers)
{
    bool again = pen->command == command;

    if (!again)
        pen->to->put(pen->to->context, &command, 1);
    pen->command = command;
    for (unsigned at = 0; at < numbers; at++) {
        if ((again || at > 0) && step[at] >= 0)
            tc_put(pen->to, " ");
        tc_put_tenths(pen->to, step[at]);
    }
}

static void lift(path_pen *pen)
{
    if (pen->level != 0)
        put_step(pen, 'h', &pen->level, 1);
    pen->level = 0;
}

static void move_to(path_pen *pen, const tc_spot *spot)
{
    lift(pen);
    pen->command = 0;
    put_step(pen, 'M', (int[]){spot->x, spot->y}, 2);
    pen->x = spot->x;
    pen->y = spot->y;
}

static void line_to(path_pen *pen, const tc_spot *spot)
{
    int step[] = {spot->x - pen->x, spot->y - pen->y};

    pen->x = spot->x;
    pen->y = spot->y;
    if (step[1] == 0) {
        /* Not when it turns back: that would hide how far it went. */
        if ((pen->level < 0) != (step[0] < 0))
            lift(pen);
        pen->level += step[0];
        return;
    }
    lift(pen);
    if (step[0] == 0)
        put_step(pen, 'v', &step[1], 1);
    else
        put_step(pen, 'l', step, 2);
}

/* Where the line that begins at `at` ends. */
static size_t line_end(const tc_trace *trace, size_t at)
{
    do
        at++;
    while (at < trace->count && !trace->spot[at].begins);
    return at;
}

void tc_trace_count(const tc_trace *trace, size_t *lines, size_t *lone)
{
    *lines = *lone = 0;
    for (size_t at = 0, end; at < trace->count; at = end) {
        end = line_end(trace, at);
        *(end - at > 1 ? lines : lone) += 1;
    }
}

double tc_trace_travel(const tc_trace *trace)
{
    double tenths = 0;

    for (size_t at = 1; at < trace->count; at++)
        tenths += trace->spot[at].begins ? 0 : abs(trace->spot[at].y - trace->spot[at - 1].y);
    return tenths / 10;
}

void tc_trace_path(const tc_writer *to, const tc_trace *trace, bool lone)
{
    path_pen pen = {.to = to};

    for (size_t at = 0, end; at < trace->count; at = end) {
        end = line_end(trace, at);
        if ((end - at == 1) != lone)
            continue;
        move_to(&pen, &trace->spot[at]);
        if (lone)
            tc_put(to, "h0");
        for (size_t next = at + 1; next < end; next++)
            line_to(&pen, &trace->spot[next]);
    }
    lift(&pen);
}

void tc_trace_area(const tc_writer *to, const tc_trace *top, const tc_trace *bottom)
{
    path_pen pen = {.to = to};
    size_t at = 0, below = 0;

    while (at < top->count && below < bottom->count) {
        size_t end = line_end(top, at), below_end = line_end(bottom, below);
        move_to(&pen, &top->spot[at]);
        for (size_t next = at + 1; next < end; next++)
            line_to(&pen, &top->spot[next]);
        for (size_t next = below_end; next > below; next--)
            line_to(&pen, &bottom->spot[next - 1]);
        lift(&pen);
        tc_put(to, "z");
        at = end;
        below = below_end;
    }
}
