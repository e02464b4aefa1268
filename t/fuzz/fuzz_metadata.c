/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXIF blocks and colour profiles in sound files: two bytes of length and an EXIF
 * block, then parts of a profile, each two bytes of length, its number and its data.
 * They are put into a JPEG and a PNG of one pixel that our own encoders made, and what
 * the decoders then say of orientation and profile must be what was put in.
 */
#include "fuzz.h"

#include "image/exif/orientation.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define EXIF_MAX  60000
#define PARTS_MAX 255

typedef struct metadata_parts {
    const uint8_t *exif;
    size_t exif_length;
    const uint8_t *part[PARTS_MAX];
    size_t part_length[PARTS_MAX];
    uint8_t number[PARTS_MAX];
    unsigned parts;
    uint8_t *icc; /* all parts in a row */
    size_t icc_length;
} metadata_parts;

static size_t take_length(fuzz_bytes *bytes)
{
    size_t high = fuzz_u8(bytes);

    return high << 8 | fuzz_u8(bytes);
}

static void take_metadata(metadata_parts *metadata, fuzz_bytes *bytes)
{
    metadata->exif_length = take_length(bytes) % EXIF_MAX;
    metadata->exif = fuzz_take(bytes, &metadata->exif_length);
    metadata->icc = malloc(bytes->left + 1);
    must(metadata->icc != NULL);
    while (bytes->left > 3 && metadata->parts < PARTS_MAX) {
        unsigned at = metadata->parts++;

        metadata->part_length[at] = take_length(bytes) % EXIF_MAX;
        metadata->number[at] = fuzz_u8(bytes);
        metadata->part[at] = fuzz_take(bytes, &metadata->part_length[at]);
        memcpy(metadata->icc + metadata->icc_length, metadata->part[at],
               metadata->part_length[at]);
        metadata->icc_length += metadata->part_length[at];
    }
}

static void put(fuzz_sink *sink, const void *data, size_t length)
{
    tc_output output = fuzz_output(sink);

    must(!output.write(output.context, data, length));
}

/* One grey pixel in `format`, with the profile if there is one; false: not built in. */
static bool encode_pixel(fuzz_sink *sink, tc_format format, const uint8_t *icc, size_t length)
{
    static const uint8_t pixel[3] = {90, 120, 200};
    const tc_codec *codec = tc_codec_find(format);
    tc_encode_spec spec = {.model = TC_RGB, .width = 1, .height = 1, .quality = 50};
    tc_strip strip = {{{pixel, 3, 1}}};
    tc_output output = fuzz_output(sink);
    tc_encoder *encoder = NULL;
    tc_fail fail = {0};

    if (!codec || !codec->encode_open)
        return false;
    spec.icc = length ? icc : NULL;
    spec.icc_length = length;
    must(!codec->encode_open(&encoder, &output, &spec, &fail));
    must(!codec->encode_rows(encoder, &strip));
    must(!codec->encode_finish(encoder));
    codec->encode_free(encoder);
    return true;
}

typedef struct seen_parts {
    uint8_t orientation;
    uint8_t *icc;
    size_t icc_length;
} seen_parts;

/* Open the file, which must be sound, and note what it says. */
static void look(const fuzz_sink *sink, seen_parts *seen)
{
    fuzz_file file = {.data = sink->data, .size = sink->size};
    tc_input input = fuzz_input(&file);
    const tc_codec *codec = tc_codec_find(tc_format_sniff(sink->data, sink->size));
    tc_decoder *decoder = NULL;
    tc_image_info info;
    tc_fail fail = {0};

    must(codec != NULL);
    must(!codec->decode_open(&decoder, &input, &info, &fail));
    must(info.width == 1 && info.height == 1);
    seen->orientation = info.orientation;
    must(info.icc_length <= TC_ICC_MAX);
    seen->icc = malloc(info.icc_length + 1);
    must(seen->icc != NULL);
    if (info.icc_length > 0)
        memcpy(seen->icc, info.icc, info.icc_length);
    seen->icc_length = info.icc_length;
    codec->decode_free(decoder);
}

static void put_segment(fuzz_sink *sink, uint8_t marker, const void *head, size_t head_length,
                        const void *data, size_t length)
{
    size_t all = 2 + head_length + length;
    uint8_t start[4] = {0xff, marker, (uint8_t)(all >> 8), (uint8_t)all};

    put(sink, start, sizeof start);
    put(sink, head, head_length);
    put(sink, data, length);
}

static void put_chunk(fuzz_sink *sink, const char *type, const uint8_t *data, size_t length)
{
    uint8_t frame[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
                        (uint8_t)(length >> 8), (uint8_t)length};
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)type, 4);

    memcpy(frame + 4, type, 4);
    put(sink, frame, sizeof frame);
    put(sink, data, length);
    if (length > 0)
        crc = (uint32_t)crc32(crc, data, (uInt)length);
    for (int byte = 0; byte < 4; byte++)
        frame[byte] = (uint8_t)(crc >> (24 - 8 * byte));
    put(sink, frame, 4);
}

static bool in_order(const metadata_parts *metadata)
{
    for (unsigned at = 0; at < metadata->parts; at++) {
        if (metadata->number[at] != at + 1)
            return false;
    }
    return true;
}

static void check_jpeg(const metadata_parts *metadata)
{
    fuzz_sink plain = {0}, file = {0};
    seen_parts seen;

    if (!encode_pixel(&plain, TC_FORMAT_JPEG, NULL, 0))
        return;
    put(&file, plain.data, 2);
    put_segment(&file, 0xe1, "Exif\0", 6, metadata->exif, metadata->exif_length);
    for (unsigned at = 0; at < metadata->parts; at++) {
        uint8_t head[14] = "ICC_PROFILE";

        head[12] = metadata->number[at];
        head[13] = (uint8_t)metadata->parts;
        put_segment(&file, 0xe2, head, sizeof head, metadata->part[at],
                    metadata->part_length[at]);
    }
    put(&file, plain.data + 2, plain.size - 2);
    look(&file, &seen);
    must(seen.orientation == tc_orientation_read(metadata->exif, metadata->exif_length));
    if (seen.icc_length > 0 && in_order(metadata)) {
        must(seen.icc_length == metadata->icc_length);
        must(memcmp(seen.icc, metadata->icc, seen.icc_length) == 0);
    }
    free(seen.icc);
    fuzz_sink_free(&plain);
    fuzz_sink_free(&file);
}

static void check_png(const metadata_parts *metadata)
{
    static const size_t header_end = 8 + 25; /* signature, IHDR */
    uLongf packed_size = compressBound((uLong)metadata->icc_length);
    static const char head[6] = "name\0"; /* the profile's, and its compression: deflate */
    uint8_t *packed = malloc(sizeof head + packed_size);
    fuzz_sink plain = {0}, file = {0};
    seen_parts seen;

    must(packed != NULL);
    memcpy(packed, head, sizeof head);
    if (encode_pixel(&plain, TC_FORMAT_PNG, NULL, 0)) {
        put(&file, plain.data, header_end);
        if (metadata->icc_length > 0 &&
            compress2(packed + sizeof head, &packed_size, metadata->icc,
                      (uLong)metadata->icc_length, 1) == Z_OK)
            put_chunk(&file, "iCCP", packed, sizeof head + packed_size);
        if (metadata->exif_length > 0)
            put_chunk(&file, "eXIf", metadata->exif, metadata->exif_length);
        put(&file, plain.data + header_end, plain.size - header_end);
        look(&file, &seen);
        if (seen.icc_length > 0) {
            must(seen.icc_length <= metadata->icc_length);
            must(memcmp(seen.icc, metadata->icc, seen.icc_length) == 0);
        }
        free(seen.icc);
    }
    free(packed);
    fuzz_sink_free(&plain);
    fuzz_sink_free(&file);
}

/* A profile that a decoder took, an encoder writes such that it comes back the same. */
static void check_round_trip(const metadata_parts *metadata)
{
    for (int format = TC_FORMAT_NONE + 1; format < TC_FORMATS; format++) {
        fuzz_sink file = {0};
        seen_parts seen;

        if (metadata->icc_length > 0 && metadata->icc_length <= TC_ICC_MAX &&
            encode_pixel(&file, (tc_format)format, metadata->icc, metadata->icc_length)) {
            look(&file, &seen);
            must(seen.icc_length == 0 || (seen.icc_length == metadata->icc_length &&
                                          !memcmp(seen.icc, metadata->icc, seen.icc_length)));
            free(seen.icc);
        }
        fuzz_sink_free(&file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    metadata_parts metadata = {0};

    take_metadata(&metadata, &bytes);
    check_jpeg(&metadata);
    check_png(&metadata);
    check_round_trip(&metadata);
    free(metadata.icc);
    fuzz_must_have_freed();
    return 0;
}
