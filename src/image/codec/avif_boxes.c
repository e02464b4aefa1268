/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, boxes, and those of the file itself. What is refused is what libavif refuses too,
 * or what is over a bound. Boxes that libavif passes over are passed over.
 */
#include "avif_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Boxes of the file itself: a still has 3 or 4, a sequence in pieces two a piece. */
#define FILE_BOXES_MAX 1000

/* Boxes in all others together. */
#define BOXES_MAX 20000

/* The major brand, its version, and the others. */
#define FTYP_MAX (8 + 4 * TC_BRANDS_MAX)

/* ---- failures and reading ---------------------------------------------------------- */

bool tc_avif_is_sound(const tc_avif_walk *walk)
{
    return walk->fail->error == TC_E_OK;
}

bool tc_avif_refuse(tc_avif_walk *walk, const char *format, ...)
{
    char text[200];
    va_list args;

    if (!tc_avif_is_sound(walk))
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tc_fail_set(walk->fail, TC_E_DAMAGED, "AVIF: %s", text);
    return false;
}

bool tc_avif_spend(tc_avif_walk *walk, uint32_t *spent, uint32_t most, const char *what)
{
    if (*spent >= most)
        return tc_avif_refuse(walk, "more than %u %s", most, what);
    ++*spent;
    return tc_avif_is_sound(walk);
}

bool tc_avif_size_is_sound(tc_avif_walk *walk, uint32_t width, uint32_t height)
{
    if (!tc_avif_is_sound(walk))
        return false;
    if (width == 0 || height == 0)
        return tc_avif_refuse(walk, "the picture has no size");
    if (width > TC_AVIF_SIDE_MAX || height > TC_AVIF_SIDE_MAX ||
        (uint64_t)width * height > TC_AVIF_PIXELS_MAX) {
        tc_fail_set(walk->fail, TC_E_PIXELS_TOO_MANY, "AVIF: %ux%u pixels are too many", width,
                    height);
        return false;
    }
    return true;
}

const uint8_t *tc_avif_peek(tc_avif_walk *walk, uint64_t at, size_t length)
{
    tc_error error;

    if (!tc_avif_is_sound(walk))
        return NULL;
    if (at >= walk->window_at && at - walk->window_at <= walk->window_size &&
        walk->window_size - (size_t)(at - walk->window_at) >= length)
        return walk->window + (at - walk->window_at);
    walk->window_at = at;
    walk->window_size = 0;
    error = walk->input->read(walk->input->context, at, walk->window, sizeof walk->window,
                              &walk->window_size);
    if (error) {
        tc_fail_set(walk->fail, error, "reading failed");
        return NULL;
    }
    if (walk->window_size < length) {
        tc_avif_refuse(walk, "the file ends before the picture does");
        return NULL;
    }
    return walk->window;
}

uint64_t tc_avif_read_number(tc_avif_cursor *cursor, unsigned bytes)
{
    uint64_t value = 0;
    const uint8_t *from;

    if (bytes == 0)
        return 0;
    if (cursor->end - cursor->at < bytes) {
        tc_avif_refuse(cursor->walk, "a box is too short for what it holds");
        return 0;
    }
    from = tc_avif_peek(cursor->walk, cursor->at, bytes);
    if (!from)
        return 0;
    cursor->at += bytes;
    while (bytes-- > 0)
        value = value << 8 | *from++;
    return value;
}

bool tc_avif_skip(tc_avif_cursor *cursor, uint64_t bytes)
{
    if (cursor->end - cursor->at < bytes)
        return tc_avif_refuse(cursor->walk, "a box is too short for what it holds");
    cursor->at += bytes;
    return tc_avif_is_sound(cursor->walk);
}

/* ---- boxes --------------------------------------------------------------------------- */

bool tc_avif_is(const tc_avif_box *box, const char *type)
{
    return memcmp(box->type, type, 4) == 0;
}

/*
 * The box at the cursor, which stays before it; `end` is where the box says that it ends,
 * which may be past the cursor's end.
 */
static bool read_head(const tc_avif_cursor *cursor, tc_avif_box *box, uint64_t *end)
{
    tc_avif_cursor body = *cursor;
    uint64_t size = tc_avif_read_number(&body, 4), type = tc_avif_read_number(&body, 4), head;

    for (int at = 0; at < 4; at++)
        box->type[at] = (char)(type >> (24 - 8 * at));
    if (size == 1)
        size = tc_avif_read_number(&body, 8);
    else if (size == 0 && cursor->end == cursor->walk->input->size)
        size = cursor->end - cursor->at; /* of the file's own boxes the last: all the rest */
    if (tc_avif_is(box, "uuid"))
        tc_avif_skip(&body, 16);
    head = body.at - cursor->at;
    if (size < head || size > UINT64_MAX - cursor->at)
        return tc_avif_refuse(cursor->walk, "a box has an impossible size");
    *end = cursor->at + size;
    body.end = *end;
    box->body = body;
    return tc_avif_is_sound(cursor->walk);
}

bool tc_avif_next(tc_avif_cursor *cursor, tc_avif_box *box)
{
    uint64_t end = 0;

    if (!tc_avif_is_sound(cursor->walk) || cursor->at == cursor->end ||
        !tc_avif_spend(cursor->walk, &cursor->walk->boxes, BOXES_MAX, "boxes") ||
        !read_head(cursor, box, &end))
        return false;
    if (end > cursor->end)
        return tc_avif_refuse(cursor->walk, "a box reaches outside its parent");
    cursor->at = end;
    return true;
}

/* ---- the file ---------------------------------------------------------------------------- */

typedef struct brand_list {
    bool seen, avif, avis;
} brand_list;

static void read_brands(tc_avif_cursor body, brand_list *brands)
{
    bool major = true;

    brands->seen = true;
    while (body.at < body.end && tc_avif_is_sound(body.walk)) {
        uint64_t brand = tc_avif_read_number(&body, 4);

        brands->avif |= brand == 0x61766966;
        brands->avis |= brand == 0x61766973;
        if (major)
            tc_avif_skip(&body, 4); /* its version */
        major = false;
    }
}

/* A box that libavif reads as a whole. */
static bool is_readable(tc_avif_walk *walk, const tc_avif_box *box, uint64_t most)
{
    uint64_t size = box->body.end - box->body.at;

    if (size > most)
        return tc_avif_refuse(walk, "a box %.4s of %llu bytes", box->type,
                              (unsigned long long)size);
    if (box->body.end > walk->input->size)
        return tc_avif_refuse(walk, "the file ends before the picture does");
    return true;
}

/* The boxes of the file, as far as libavif reads on. */
static void walk_file(tc_avif_walk *walk, tc_avif_file *file)
{
    tc_avif_cursor all = {walk, 0, walk->input->size};
    brand_list brands = {0};
    uint32_t count = 0;
    bool meta = false, moov = false;

    while (all.at < all.end &&
           !(brands.seen && (meta || !brands.avif) && (moov || !brands.avis))) {
        tc_avif_box box;
        uint64_t end = 0;

        if (!tc_avif_spend(walk, &count, FILE_BOXES_MAX, "boxes before the picture's") ||
            !read_head(&all, &box, &end))
            return;
        if (tc_avif_is(&box, "ftyp")) {
            if (brands.seen)
                tc_avif_refuse(walk, "two boxes ftyp");
            if (is_readable(walk, &box, FTYP_MAX))
                read_brands(box.body, &brands);
        } else if (tc_avif_is(&box, "meta")) {
            if (meta)
                tc_avif_refuse(walk, "two boxes meta");
            meta = true;
            if (is_readable(walk, &box, TC_AVIF_BOX_MAX))
                tc_avif_walk_meta(walk, box.body, &file->still, &file->exif_is_large);
        } else if (tc_avif_is(&box, "moov")) {
            if (moov)
                tc_avif_refuse(walk, "two boxes moov");
            moov = true;
            if (is_readable(walk, &box, TC_AVIF_BOX_MAX))
                tc_avif_walk_moov(walk, box.body, file);
        }
        if (!tc_avif_is_sound(walk))
            return;
        all.at = end < all.end ? end : all.end;
    }
}

tc_error tc_avif_inspect(const tc_input *input, tc_avif_file *file, tc_fail *fail)
{
    tc_avif_walk *walk = calloc(1, sizeof *walk);

    *file = (tc_avif_file){0};
    if (!walk)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "AVIF: out of memory");
    walk->input = input;
    walk->fail = fail;
    walk_file(walk, file);
    free(walk);
    return fail->error;
}
