/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four bytes that say a PNG's width, height, bytes a pixel, and the length of its chunks; then
 * the stream of its pixels, which lies in sound chunks. Its rows by ISA-L are those by zlib,
 * and the error and its reason are the same; but where zlib does not like a block's codes
 * ISA-L may read on. Without ISA-L zlib is compared with itself.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "image/codec/png_rows.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

typedef struct picture {
    fuzz_file file;
    uint32_t w, h;
    unsigned step;
} picture;

typedef struct answer {
    tc_fail fail;
    uint32_t have;
    uint8_t *rows;
} answer;

static uint8_t *put_word(uint8_t *to, uint32_t word)
{
    for (int at = 0; at < 4; at++)
        *to++ = (uint8_t)(word >> (24 - 8 * at));
    return to;
}

static uint8_t *put_chunk(uint8_t *to, const char *name, const uint8_t *data, size_t length)
{
    uint8_t *named;

    named = put_word(to, (uint32_t)length);
    memcpy(named, name, 4);
    if (length > 0)
        memcpy(named + 4, data, length);
    return put_word(named + 4 + length, (uint32_t)crc32(0, named, (uInt)(4 + length)));
}

/* The chunks from the first of pixels on. */
static uint8_t *make_file(const uint8_t *data, size_t size, size_t chunk, size_t *length)
{
    uint8_t *made = malloc(size + 12 * (size / chunk + 2)), *to = made;

    must(made != NULL);
    for (size_t at = 0; at < size; at += chunk)
        to = put_chunk(to, "IDAT", data + at, size - at < chunk ? size - at : chunk);
    *length = (size_t)(put_chunk(to, "IEND", NULL, 0) - made);
    return made;
}

static void read_rows(const picture *picture, const tc_png_inflater *inflater, answer *answer)
{
    fuzz_file file = picture->file;
    tc_input input = fuzz_input(&file);
    tc_png_rows_want want = {0, picture->w, picture->h, picture->step, inflater, NULL};
    size_t row = (size_t)picture->w * picture->step;
    tc_png_rows *rows = NULL;
    tc_error error;

    *answer = (struct answer){.rows = malloc(row * picture->h)};
    must(answer->rows != NULL);
    error = tc_png_rows_open(&rows, &input, &want, &answer->fail);
    must(!error);
    while (!error && answer->have < picture->h) {
        tc_strip strip = {0};

        error = tc_png_rows_next(rows, &strip);
        must(error ||
             (strip.plane[0].rows >= 1 && strip.plane[0].rows <= picture->h - answer->have));
        for (uint32_t y = 0; !error && y < strip.plane[0].rows; y++, answer->have++)
            memcpy(answer->rows + row * answer->have,
                   strip.plane[0].data + strip.plane[0].stride * y, row);
    }
    must(error == answer->fail.error);
    if (error)
        fuzz_must_be_told(error, &answer->fail);
    tc_png_rows_free(rows);
}

/* zlib's words for a block's codes that it does not like, incomplete or not. */
static bool dislikes_codes(const answer *by_zlib)
{
    return by_zlib->fail.error == TC_E_DAMAGED && strstr(by_zlib->fail.text, " set");
}

static void compare(const picture *picture, const answer *by_zlib, const answer *by_isal)
{
    size_t row = (size_t)picture->w * picture->step;

    if (by_isal->fail.error) {
        must(by_isal->fail.error == by_zlib->fail.error);
        must(strcmp(by_isal->fail.text, by_zlib->fail.text) == 0);
    }
    if (dislikes_codes(by_zlib))
        return;
    must(by_isal->fail.error == by_zlib->fail.error);
    must(by_isal->have == by_zlib->have);
    must(memcmp(by_isal->rows, by_zlib->rows, row * by_zlib->have) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    picture picture = {.w = 1u + fuzz_u8(&bytes), .h = 1u + fuzz_u8(&bytes)};
    answer by_zlib, by_isal;
    size_t chunk, length;
    uint8_t *file;

    picture.step = 1u + fuzz_u8(&bytes) % 4;
    chunk = 1u + fuzz_u8(&bytes) * 16u;
    file = make_file(bytes.at, bytes.left, chunk, &length);
    picture.file = (fuzz_file){file, length, 0};
    read_rows(&picture, &tc_png_inflater_zlib, &by_zlib);
    read_rows(&picture, tc_png_inflater_best(), &by_isal);
    compare(&picture, &by_zlib, &by_isal);
    free(by_zlib.rows);
    free(by_isal.rows);
    free(file);
    fuzz_must_have_freed();
    return 0;
}
