/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_scans.h"

#include <string.h>

#define COEFFICIENTS 64
#define BIT_MAX      13 /* libjpeg's bound of the lowest bit a scan may start at */

/* Second bytes of markers, T.81 table B.1. */
enum {
    STUFFED = 0x00, /* no marker: a data byte of 0xff */
    TEM = 0x01,
    DHT = 0xc4,
    DAC = 0xcc,
    RST0 = 0xd0,
    RST7 = 0xd7,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    DNL = 0xdc,
    DRI = 0xdd,
    APP0 = 0xe0,
    APP15 = 0xef,
    COM = 0xfe
};

/* The bytes of the file in pieces; each is read once, those of jumped segments not at all. */
typedef struct file_cursor {
    const tc_input *input;
    uint64_t offset; /* of what follows the buffer */
    uint8_t *buffer;
    const uint8_t *at, *end;
} file_cursor;

typedef struct scan_header {
    unsigned components;
    unsigned component[TC_JPEG_COMPONENTS]; /* indices into the frame's */
    uint8_t first, last;                    /* coefficients, in zigzag order */
    uint8_t high, low;                      /* bits: the one before, this one */
} scan_header;

/* The lowest bit that is known of each coefficient, or UNSEEN. */
#define UNSEEN (-1)
typedef struct scan_progress {
    int8_t bit[TC_JPEG_COMPONENTS][COEFFICIENTS];
} scan_progress;

static bool refill(file_cursor *cursor)
{
    size_t got = 0;

    if (cursor->input->read(cursor->input->context, cursor->offset, cursor->buffer, TC_IO_BYTES,
                            &got))
        got = 0;
    cursor->offset += got;
    cursor->at = cursor->buffer;
    cursor->end = cursor->buffer + got;
    return got > 0;
}

static bool next_byte(file_cursor *cursor, uint8_t *byte)
{
    if (cursor->at == cursor->end && !refill(cursor))
        return false;
    *byte = *cursor->at++;
    return true;
}

static uint64_t position(const file_cursor *cursor)
{
    return cursor->offset - (uint64_t)(cursor->end - cursor->at);
}

/* Past the next marker, over whatever stands before it: libjpeg's own rule. */
static bool next_marker(file_cursor *cursor, uint8_t *code)
{
    do {
        const uint8_t *prefix = NULL;

        while (!prefix) {
            if (cursor->at == cursor->end && !refill(cursor))
                return false;
            prefix = memchr(cursor->at, 0xff, (size_t)(cursor->end - cursor->at));
            cursor->at = prefix ? prefix + 1 : cursor->end;
        }
        do {
            if (!next_byte(cursor, code))
                return false;
        } while (*code == 0xff);
    } while (*code == STUFFED);
    return true;
}

static bool is_restart(uint8_t code)
{
    return code >= RST0 && code <= RST7;
}

/* Segments that stand between scans and are of no interest: a length, and bytes of that number.
 */
static bool is_segment(uint8_t code)
{
    return code == DHT || code == DAC || code == DQT || code == DNL || code == DRI ||
           (code >= APP0 && code <= APP15) || code == COM;
}

static bool read_length(file_cursor *cursor, unsigned *length)
{
    uint8_t high, low;

    if (!next_byte(cursor, &high) || !next_byte(cursor, &low))
        return false;
    *length = (unsigned)high << 8 | low;
    return *length >= 2;
}

static bool jump_segment(file_cursor *cursor)
{
    unsigned length;

    if (!read_length(cursor, &length))
        return false;
    length -= 2;
    if (length > (size_t)(cursor->end - cursor->at)) {
        cursor->offset += length - (size_t)(cursor->end - cursor->at);
        cursor->at = cursor->end;
    } else {
        cursor->at += length;
    }
    return true;
}

static bool find_component(const tc_jpeg_frame *frame, uint8_t id, unsigned *index)
{
    for (*index = 0; *index < frame->components; ++*index) {
        if (frame->component[*index].id == id)
            return true;
    }
    return false;
}

/* A scan's header (T.81, B.2.3), from its length on. */
static bool read_scan(file_cursor *cursor, const tc_jpeg_frame *frame, scan_header *scan)
{
    unsigned length;
    uint8_t count, id, tables, bits;

    if (!read_length(cursor, &length) || !next_byte(cursor, &count))
        return false;
    if (count < 1 || count > frame->components || length != 6 + 2u * count)
        return false;
    scan->components = count;
    for (unsigned at = 0; at < count; at++) {
        if (!next_byte(cursor, &id) || !next_byte(cursor, &tables) ||
            !find_component(frame, id, &scan->component[at]))
            return false;
    }
    if (!next_byte(cursor, &scan->first) || !next_byte(cursor, &scan->last) ||
        !next_byte(cursor, &bits))
        return false;
    scan->high = bits >> 4;
    scan->low = bits & 15;
    return true;
}

/*
 * Whether the scan may come now (T.81, G.1.1): DC alone or AC of one component,
 * DC first, and of each coefficient the bits in order, none twice.
 */
static bool follow(scan_progress *progress, const scan_header *scan)
{
    bool dc = scan->first == 0;

    if (dc ? scan->last != 0
           : scan->last < scan->first || scan->last >= COEFFICIENTS || scan->components != 1)
        return false;
    if (scan->low > BIT_MAX || (scan->high != 0 && scan->high != scan->low + 1))
        return false;
    for (unsigned at = 0; at < scan->components; at++) {
        int8_t *bit = progress->bit[scan->component[at]];

        if (!dc && bit[0] == UNSEEN)
            return false;
        for (unsigned k = scan->first; k <= scan->last; k++) {
            if (scan->high != (bit[k] == UNSEEN ? 0 : bit[k]))
                return false;
            bit[k] = (int8_t)scan->low;
        }
    }
    return true;
}

static bool ids_are_unique(const tc_jpeg_frame *frame)
{
    if (frame->components < 1 || frame->components > TC_JPEG_COMPONENTS)
        return false;
    for (unsigned at = 0; at < frame->components; at++) {
        unsigned index;

        if (!find_component(frame, frame->component[at].id, &index) || index != at)
            return false;
    }
    return true;
}

/* From a scan's header to the marker after its data; notes it when it is not needed. */
static bool walk_scan(file_cursor *cursor, const tc_jpeg_frame *frame, scan_progress *progress,
                      tc_jpeg_scans *scans, uint8_t *code)
{
    uint64_t from = position(cursor) - 2;
    scan_header scan;

    if (!read_scan(cursor, frame, &scan) || !follow(progress, &scan))
        return false;
    do {
        if (!next_marker(cursor, code))
            return false;
    } while (is_restart(*code));
    if (scan.first != 0 && frame->component[scan.component[0]].dc_only) {
        scans->skip[scans->count].from = from;
        scans->skip[scans->count].to = position(cursor) - 2;
        scans->count++;
    }
    return true;
}

/* Marker by marker to the end of the image. */
static bool walk(file_cursor *cursor, const tc_jpeg_frame *frame, tc_jpeg_scans *scans)
{
    scan_progress progress;
    unsigned seen = 0;
    uint8_t code;
    bool good = next_marker(cursor, &code);

    memset(&progress, UNSEEN, sizeof progress);
    while (good && code != EOI) {
        if (code == SOS) {
            good = ++seen <= TC_JPEG_SCANS_MAX &&
                   walk_scan(cursor, frame, &progress, scans, &code);
            continue;
        }
        if (is_segment(code))
            good = jump_segment(cursor);
        else
            good = code == TEM || is_restart(code);
        good = good && next_marker(cursor, &code);
    }
    return good;
}

bool tc_jpeg_scans_find(tc_jpeg_scans *scans, const tc_input *input, uint64_t offset,
                        const tc_jpeg_frame *frame, uint8_t *buffer)
{
    file_cursor cursor = {input, offset, buffer, buffer, buffer};

    scans->count = scans->next = 0;
    if (!ids_are_unique(frame) || !walk(&cursor, frame, scans))
        scans->count = 0;
    return scans->count > 0;
}

size_t tc_jpeg_scans_step(tc_jpeg_scans *scans, uint64_t *offset, size_t most)
{
    uint64_t left;

    while (scans->next < scans->count && *offset >= scans->skip[scans->next].from) {
        if (*offset < scans->skip[scans->next].to)
            *offset = scans->skip[scans->next].to;
        scans->next++;
    }
    if (scans->next == scans->count)
        return most;
    left = scans->skip[scans->next].from - *offset;
    return left < most ? (size_t)left : most;
}
