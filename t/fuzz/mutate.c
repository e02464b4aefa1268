/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mutator for targets whose input holds a picture: libFuzzer's own, after which a
 * PNG's checksums are made right again, and now and then one that changes what a PNG's
 * compressed stream holds. Without it nearly every change to a PNG ends at the first
 * checksum, which is libpng's to test and not ours.
 */
/* memmem */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define SIGNATURE   "\x89PNG\r\n\x1a\n"
#define CHUNK_EXTRA 12 /* length, type and checksum */
#define RAW_MAX     (256 * 1024)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t get_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_be32(uint8_t *to, uint32_t value)
{
    for (int byte = 0; byte < 4; byte++)
        to[byte] = (uint8_t)(value >> (24 - 8 * byte));
}

/* The end of the chunk at `at`, or NULL when the data end before it does. */
static uint8_t *chunk_end(uint8_t *at, const uint8_t *end)
{
    uint32_t length;

    if (end - at < CHUNK_EXTRA)
        return NULL;
    length = get_be32(at);
    return length <= (size_t)(end - at) - CHUNK_EXTRA ? at + length + CHUNK_EXTRA : NULL;
}

static void mend_checksums(uint8_t *at, const uint8_t *end)
{
    uint8_t *next;

    for (at += 8; (next = chunk_end(at, end)) != NULL; at = next)
        put_be32(next - 4, (uint32_t)crc32(0, at + 4, (uInt)(next - at - 8)));
}

/* Inflate the first IDAT's data as far as it goes, change that, and deflate it again into
   one chunk that takes the place of it. The new size, or 0 when that cannot be. */
static size_t change_rows(uint8_t *data, size_t size, uint8_t *png, size_t max_size)
{
    uint8_t *end = data + size, *at = png + 8, *next, *raw, *packed;
    uLongf packed_size = compressBound(RAW_MAX);
    z_stream stream = {0};
    size_t raw_size, rest, made = 0;

    while ((next = chunk_end(at, end)) != NULL && memcmp(at + 4, "IDAT", 4) != 0)
        at = next;
    raw = next ? malloc(RAW_MAX) : NULL;
    packed = raw ? malloc(packed_size) : NULL;
    if (packed && inflateInit(&stream) == Z_OK) {
        stream.next_in = at + 8;
        stream.avail_in = get_be32(at);
        stream.next_out = raw;
        stream.avail_out = RAW_MAX;
        inflate(&stream, Z_SYNC_FLUSH);
        raw_size = stream.total_out;
        inflateEnd(&stream);
        raw_size = LLVMFuzzerMutate(raw, raw_size, RAW_MAX);
        rest = (size_t)(end - next);
        if (compress2(packed, &packed_size, raw, raw_size, 1) == Z_OK &&
            (size_t)(at - data) + packed_size + CHUNK_EXTRA + rest <= max_size) {
            memmove(at + packed_size + CHUNK_EXTRA, next, rest);
            put_be32(at, (uint32_t)packed_size);
            memcpy(at + 8, packed, packed_size);
            made = (size_t)(at - data) + packed_size + CHUNK_EXTRA + rest;
        }
    }
    free(packed);
    free(raw);
    return made;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint8_t *png = memmem(data, size, SIGNATURE, 8);
    size_t made = png && seed % 4 == 0 ? change_rows(data, size, png, max_size) : 0;

    if (!made)
        made = LLVMFuzzerMutate(data, size, max_size);
    png = memmem(data, made, SIGNATURE, 8);
    if (png && seed % 16 != 1)
        mend_checksums(png, data + made);
    return made;
}
