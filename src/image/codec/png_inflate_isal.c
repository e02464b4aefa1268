/* SPDX-License-Identifier: Apache-2.0 */
#include "png_inflate.h"

#include "base/buffer.h"

#include <stdbool.h>
#include <string.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#define HEADER_BYTES   2
#define CHECKSUM_BYTES 4

/* A zlib header (RFC 1950), both bytes as one number. */
#define METHOD(header)    ((header) >> 8 & 15)
#define DEFLATE           8
#define WINDOW(header)    (((header) >> 12) + 8)
#define WINDOW_MOST       15
#define NEEDS_WORDS       0x20 /* a dictionary, which PNG does not have */
#define IS_HEADER(header) ((header) % 31 == 0)

typedef struct isal {
    /* Of the zlib format ISA-L itself takes a header with any window, and counts a wrong
     * checksum as damage: it is given what lies between the two. */
    unsigned header_bytes, header;
    const char *damage;
    bool ended;
    unsigned checksum_bytes;    /* read, once it has ended */
    struct inflate_state state; /* 85 KiB: tables, and output that was not asked for yet */
} isal;

static void *isal_open(void)
{
    isal *made = tc_buffer_alloc(sizeof *made);

    if (!made)
        return NULL;
    memset(made, 0, offsetof(isal, state));
    isal_inflate_init(&made->state);
    return made;
}

static const char *check_header(unsigned header)
{
    if (!IS_HEADER(header))
        return "incorrect header check";
    if (METHOD(header) != DEFLATE)
        return "unknown compression method";
    if (WINDOW(header) > WINDOW_MOST)
        return "invalid window size";
    return header & NEEDS_WORDS ? "the pixel data need a dictionary" : NULL;
}

static void read_header(isal *isal, tc_png_stream *stream)
{
    while (isal->header_bytes < HEADER_BYTES && stream->in_left > 0) {
        isal->header = isal->header << 8 | *stream->in++;
        stream->in_left--;
        if (++isal->header_bytes == HEADER_BYTES)
            isal->damage = check_header(isal->header);
    }
}

static const char *reason(int status)
{
    switch (status) {
    case ISAL_INVALID_LOOKBACK:
        return "invalid distance too far back";
    case ISAL_INVALID_SYMBOL:
        return "invalid code";
    default:
        return "invalid block";
    }
}

/*
 * ISA-L reads eight bytes ahead, which at the end are the checksum's; from version 2.33 on it
 * gives them back, even those of an input before this one, of which `given` bytes were left.
 */
static void note_end(isal *isal, uint32_t given)
{
    const struct inflate_state *state = &isal->state;

    isal->ended = true;
    isal->checksum_bytes = (unsigned)state->read_in_length / 8;
    if (state->avail_in > given)
        isal->checksum_bytes += state->avail_in - given;
    if (isal->checksum_bytes > CHECKSUM_BYTES)
        isal->checksum_bytes = CHECKSUM_BYTES;
}

/*
 * One call of ISA-L; false where it did nothing. After damage it is not called again: it would
 * go on behind it.
 */
static bool inflate_some(isal *isal, tc_png_stream *stream)
{
    struct inflate_state *state = &isal->state;
    uint32_t given = stream->in_left, room = stream->out_left;
    int status;

    state->next_in = (uint8_t *)(uintptr_t)stream->in;
    state->avail_in = given;
    state->next_out = stream->out;
    state->avail_out = room;
    status = isal_inflate(state);
    stream->in_left = state->avail_in < given ? state->avail_in : given;
    stream->in += given - stream->in_left;
    stream->out += room - state->avail_out;
    stream->out_left = state->avail_out;
    if (status < 0)
        isal->damage = reason(status);
    else if (state->block_state == ISAL_BLOCK_FINISH)
        note_end(isal, given);
    return stream->in_left < given || stream->out_left < room;
}

static void skip_checksum(isal *isal, tc_png_stream *stream)
{
    while (isal->checksum_bytes < CHECKSUM_BYTES && stream->in_left > 0) {
        stream->in++;
        stream->in_left--;
        isal->checksum_bytes++;
    }
}

static tc_inflated isal_run(void *state, tc_png_stream *stream)
{
    isal *isal = state;
    bool moves = true;

    read_header(isal, stream);
    if (isal->header_bytes < HEADER_BYTES)
        return TC_INFLATED_HUNGRY;
    while (moves && !isal->damage && !isal->ended) {
        moves = inflate_some(isal, stream);
        moves = moves && stream->in_left > 0 && stream->out_left > 0;
    }
    if (isal->ended)
        skip_checksum(isal, stream);
    if (isal->checksum_bytes == CHECKSUM_BYTES)
        return TC_INFLATED_ENDED;
    /* With input and room left it would be asked the same again without end. */
    if (!isal->damage && stream->in_left > 0 && stream->out_left > 0)
        isal->damage = "no progress";
    stream->why = isal->damage;
    if (isal->damage)
        return TC_INFLATED_DAMAGED;
    return stream->out_left == 0 ? TC_INFLATED_FULL : TC_INFLATED_HUNGRY;
}

static uint32_t isal_crc32(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return crc32_gzip_refl(crc, bytes, length);
}

static const tc_png_inflater inflater = {"ISA-L", isal_open, isal_run, tc_buffer_free,
                                         isal_crc32};

const tc_png_inflater *tc_png_inflater_isal(void)
{
    return &inflater;
}
