/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The open bitstream units of a coded picture, header by header. dav1d decodes whatever comes
 * before the first frame that is shown, and says something on standard error, which is
 * httpd's log, about every unit that it does not know.
 */
#include "avif_walk.h"

/* Kinds of units (AV1 specification, 6.2.2). */
#define FRAME_HEADER 3
#define METADATA     5
#define FRAME        6
#define TILE_LIST    8
#define PADDING      15

/* Kinds of metadata that dav1d knows are 1 to this (6.7.1). */
#define METADATA_KNOWN 5

/* Units of all coded pictures of a file: three or four each, of large ones one a tile. */
#define UNITS_MAX (8 * TC_AVIF_ITEMS_MAX)

/* The same for units that dav1d does not know; an honest file has none. */
#define STRANGE_MAX 16

/* Frames of one coded picture: one, or one for each of up to four layers. */
#define FRAMES_MAX 4

/* A place in the data, which may lie in several pieces. */
typedef struct byte_stream {
    tc_avif_walk *walk;
    const tc_avif_extent *extent;
    uint32_t left; /* pieces, with this one */
    uint64_t at;   /* of this piece */
} byte_stream;

/* Pass some bytes; false: fewer are left. */
static bool pass(byte_stream *stream, uint64_t bytes)
{
    while (stream->left > 0 && bytes >= stream->extent->size - stream->at) {
        bytes -= stream->extent->size - stream->at;
        stream->extent++;
        stream->left--;
        stream->at = 0;
    }
    stream->at += stream->left > 0 ? bytes : 0;
    return stream->left > 0;
}

/* The next byte; 0 past the end. */
static uint8_t read_byte(byte_stream *stream)
{
    const uint8_t *byte;
    uint8_t value;

    if (!pass(stream, 0))
        return 0;
    byte = tc_avif_peek(stream->walk, stream->extent->at + stream->at, 1);
    value = byte ? *byte : 0;
    pass(stream, 1);
    return value;
}

/* A number of seven bits a byte (4.10.5). */
static uint64_t read_number(byte_stream *stream)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 56 && pass(stream, 0); shift += 7) {
        uint8_t byte = read_byte(stream);

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static bool is_strange(unsigned kind)
{
    return kind == 0 || (kind > TILE_LIST && kind != PADDING);
}

/* One unit; false behind the last. */
static bool walk_unit(byte_stream *stream, uint32_t *frames)
{
    tc_avif_walk *walk = stream->walk;
    uint8_t head = read_byte(stream);
    unsigned kind = head >> 3 & 15;
    bool sized = head & 2, strange = is_strange(kind);
    uint64_t size;

    if (head & 4)
        read_byte(stream);
    size = sized ? read_number(stream) : UINT64_MAX;
    if (kind == METADATA && size > 0) { /* a number of one byte, if it is a known one */
        uint8_t type = read_byte(stream);

        strange = type == 0 || type > METADATA_KNOWN;
        size--;
    }
    if (strange)
        tc_avif_spend(walk, &walk->strange, STRANGE_MAX, "units of no known kind");
    if (kind == FRAME || kind == FRAME_HEADER)
        tc_avif_spend(walk, frames, FRAMES_MAX, "frames in one picture");
    tc_avif_spend(walk, &walk->units, UNITS_MAX, "units");
    return tc_avif_is_sound(walk) && pass(stream, size);
}

void tc_avif_note_coded(tc_avif_walk *walk, uint64_t pixels, const tc_avif_extent *extent,
                        uint32_t count, tc_avif_picture *picture, uint64_t *all)
{
    byte_stream stream = {walk, extent, count, 0};
    uint32_t frames = 0;

    while (pass(&stream, 0) && walk_unit(&stream, &frames))
        ;
    picture->pictures++;
    *all += pixels * (frames > 1 ? frames : 1);
    if (pixels > picture->one_pixels)
        picture->one_pixels = pixels;
}
