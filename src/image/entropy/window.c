/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <string.h>

#define RST0 0xd0

/* Bytes before a marker that may be 0xff and mean nothing; more of them are left to others. */
#define FILL_MAX 64

void tc_window_init(tc_window *window, tc_entropy_read *read, void *context)
{
    window->read = read;
    window->context = context;
    window->at = window->end = window->raw = window->raw_end = window->data;
}

/* From `raw` to `end` until there is a marker, or nothing. */
static void unstuff(tc_window *window)
{
    while (window->raw < window->raw_end) {
        size_t left = (size_t)(window->raw_end - window->raw);
        const uint8_t *prefix = memchr(window->raw, 0xff, left);
        size_t length = prefix ? (size_t)(prefix - window->raw) : left;

        if (window->end != window->raw)
            memmove(window->end, window->raw, length);
        window->end += length;
        window->raw += length;
        if (!prefix || (left - length < 2 && !window->ended))
            return;
        if (left - length < 2 || window->raw[1] != 0) {
            window->closed = true;
            return;
        }
        *window->end++ = 0xff;
        window->raw += 2;
    }
    window->closed = window->closed || window->ended;
}

/* Move all to the front and read as much as there is room for. */
static void read_more(tc_window *window)
{
    size_t ready = (size_t)(window->end - window->at);
    size_t raw = (size_t)(window->raw_end - window->raw), got = 0;

    memmove(window->data, window->at, ready);
    memmove(window->data + ready, window->raw, raw);
    window->at = window->data;
    window->end = window->data + ready;
    window->raw = window->end;
    window->raw_end = window->raw + raw;
    window->failed =
        !window->read(window->context, window->raw_end, TC_WINDOW - ready - raw, &got);
    window->raw_end += got;
    window->ended = got == 0 || window->failed;
}

void tc_window_fill(tc_window *window)
{
    while (!window->closed && window->end - window->at < TC_MCU_BYTES) {
        if (!window->ended)
            read_more(window);
        unstuff(window);
    }
}

bool tc_window_restart(tc_window *window, unsigned number)
{
    uint8_t *at;

    tc_window_fill(window);
    if (!window->closed)
        return false;
    window->at = window->end;
    if (!window->ended && window->raw_end - window->raw < FILL_MAX)
        read_more(window);
    at = window->raw;
    while (at < window->raw_end && *at == 0xff)
        at++;
    if (at == window->raw || at == window->raw_end || *at != RST0 + number)
        return false;
    window->raw = window->at = window->end = at + 1;
    window->closed = false;
    unstuff(window);
    return true;
}
