/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdlib.h>
#include <string.h>

#define RST0 0xd0

/* Bytes before a marker that may be 0xff and mean nothing; more of them are left to others. */
#define FILL_MAX 64

bool tc_window_init(tc_window *window, size_t room, unsigned mcus, tc_entropy_read *read,
                    void *context)
{
    window->read = read;
    window->context = context;
    window->room = room;
    /* Zeros, as the margin is looked at before it is found out that nothing is there. */
    window->data = calloc(1, TC_WINDOW_BEFORE + room + mcus * TC_MCU_BYTES);
    if (!window->data)
        return false;
    window->raw = window->raw_end = window->data + TC_WINDOW_BEFORE;
    window->now = (tc_segment){window->raw, window->raw, false};
    return true;
}

void tc_window_free(tc_window *window)
{
    free(window->data);
}

/* From `raw` to the segment's end until there is a marker, or nothing. */
static void unstuff(tc_window *window, tc_segment *segment)
{
    while (window->raw < window->raw_end) {
        size_t left = (size_t)(window->raw_end - window->raw);
        const uint8_t *prefix = memchr(window->raw, 0xff, left);
        size_t length = prefix ? (size_t)(prefix - window->raw) : left;

        if (segment->end != window->raw)
            memmove(segment->end, window->raw, length);
        segment->end += length;
        window->raw += length;
        if (!prefix || (left - length < 2 && !window->ended))
            return;
        if (left - length < 2 || window->raw[1] != 0) {
            segment->closed = true;
            return;
        }
        *segment->end++ = 0xff;
        window->raw += 2;
    }
    segment->closed = segment->closed || window->ended;
}

/* What is still to be read to the front, and what is as in the file next to it. */
static void move(tc_window *window)
{
    tc_segment *last = window->has_next ? &window->next : &window->now;
    size_t raw = (size_t)(window->raw_end - window->raw);
    uint8_t *to = window->data + TC_WINDOW_BEFORE;
    size_t by = (size_t)(window->now.at - to);

    if (by > 0) {
        memmove(to - 1, window->now.at - 1, (size_t)(last->end - window->now.at) + 1);
        window->now.at -= by;
        window->now.end -= by;
        if (window->has_next) {
            window->next.at -= by;
            window->next.end -= by;
        }
    }
    memmove(last->end, window->raw, raw);
    window->raw = last->end;
    window->raw_end = window->raw + raw;
}

/* Bytes behind those that are there; false without room for them. */
static bool read_more(tc_window *window)
{
    const uint8_t *end = window->data + TC_WINDOW_BEFORE + window->room;
    size_t room, got = 0;

    if (window->raw_end + TC_WINDOW > end)
        move(window);
    room = (size_t)(end - window->raw_end);
    if (room == 0)
        return false;
    window->failed = !window->read(window->context, window->raw_end,
                                   room < TC_WINDOW ? room : TC_WINDOW, &got);
    window->raw_end += got;
    window->ended = got == 0 || window->failed;
    return true;
}

void tc_window_fill(tc_window *window)
{
    tc_segment *now = &window->now;

    while (!now->closed && now->end - now->at < TC_MCU_BYTES) {
        if (!window->ended)
            read_more(window);
        unstuff(window, now);
    }
}

/* Have `next`, or its beginning, behind the marker at `raw`. */
static bool begin_next(tc_window *window, unsigned number)
{
    const uint8_t *end;
    uint8_t *at;

    if (window->has_next)
        return true;
    while (!window->ended && window->raw_end - window->raw < FILL_MAX && read_more(window))
        ;
    at = window->raw;
    end = window->raw_end - at < FILL_MAX ? window->raw_end : at + FILL_MAX;
    while (at < end && *at == 0xff)
        at++;
    if (at == window->raw || at == end || *at != RST0 + number)
        return false;
    window->raw = at + 1;
    window->next = (tc_segment){window->raw, window->raw, false};
    window->has_next = true;
    unstuff(window, &window->next);
    return true;
}

bool tc_window_restart(tc_window *window, unsigned number)
{
    /* What no code has taken is passed over, as libjpeg does, however much it is. */
    do {
        window->now.at = window->now.end;
        tc_window_fill(window);
    } while (!window->now.closed);
    window->now.at = window->now.end;
    if (!begin_next(window, number))
        return false;
    tc_window_skip(window);
    return true;
}

/* Have the segment's end. */
static bool read_whole(tc_window *window, tc_segment *segment)
{
    while (!segment->closed) {
        if (!window->ended && !read_more(window))
            return false;
        unstuff(window, segment);
    }
    return true;
}

bool tc_window_two(tc_window *window, unsigned number)
{
    return read_whole(window, &window->now) && begin_next(window, number) &&
           read_whole(window, &window->next);
}

void tc_window_skip(tc_window *window)
{
    window->now = window->next;
    window->has_next = false;
}
