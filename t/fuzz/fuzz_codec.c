/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four bytes that say how (reduction and encoder, quality and from 128 on planes, source
 * columns, source rows), then a file of any format built in: it is decoded, and what came out
 * is encoded by the codec chosen and decoded again. The table of codecs says which there are,
 * so that a new one is fuzzed by being built.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

typedef struct decoded_picture {
    tc_layout layout;
    uint8_t *rows; /* of the first plane, or NULL when planes are several */
    uint32_t have[TC_PLANES];
} decoded_picture;

static void keep_strip(decoded_picture *picture, const tc_strip *strip)
{
    const tc_layout *layout = &picture->layout;
    size_t bytes = (size_t)layout->plane[0].w * layout->plane[0].channels;
    uint32_t rows = 0;

    fuzz_read_strip(strip, layout);
    for (uint32_t y = 0; picture->rows && y < strip->plane[0].rows; y++)
        memcpy(picture->rows + bytes * (picture->have[0] + y),
               strip->plane[0].data + strip->plane[0].stride * y, bytes);
    for (unsigned p = 0; p < layout->planes; p++) {
        must(strip->plane[p].rows <= layout->plane[p].h - picture->have[p]);
        picture->have[p] += strip->plane[p].rows;
        rows += strip->plane[p].rows;
    }
    must(rows > 0);
}

static bool is_whole(const decoded_picture *picture)
{
    for (unsigned p = 0; p < picture->layout.planes; p++) {
        if (picture->have[p] < picture->layout.plane[p].h)
            return false;
    }
    return true;
}

static void check_layout(const tc_layout *layout, const tc_image_info *info, unsigned reduce)
{
    uint32_t w = (info->width + reduce - 1) / reduce, h = (info->height + reduce - 1) / reduce;

    must(layout->planes == (layout->model == TC_YCC ? TC_PLANES : 1));
    must(layout->model != TC_YCC || info->planes);
    for (unsigned p = 0; p < layout->planes; p++) {
        must(layout->plane[p].w >= 1 && layout->plane[p].h >= 1);
        must(layout->plane[p].channels >= 1 && layout->plane[p].channels <= 4);
        must(layout->plane[p].true_w > 0 && layout->plane[p].true_w <= info->width);
        must(layout->plane[p].true_h > 0 && layout->plane[p].true_h <= info->height);
        if (layout->planes == 1) {
            must(layout->plane[p].x < w && layout->plane[p].w <= w - layout->plane[p].x);
            must(layout->plane[p].y < h && layout->plane[p].h <= h - layout->plane[p].y);
        }
    }
    if (layout->planes == 1)
        must(layout->plane[0].channels == tc_model_channels(layout->model));
}

/* Where one side of the source rectangle lies: 4 bits of start, 4 of length. */
static void side(uint8_t how, uint32_t full, uint32_t *start, uint32_t *length)
{
    *start = (uint32_t)((uint64_t)full * (how >> 4) / 16);
    *length = (uint32_t)((uint64_t)(full - *start) * ((how & 15) + 1) / 16);
    *length += *length == 0;
}

static tc_error decode_all(const tc_codec *codec, tc_decoder *decoder,
                           const tc_image_info *info, const tc_decode_want *want,
                           decoded_picture *picture)
{
    tc_layout *layout = &picture->layout;
    tc_error error = codec->decode_start(decoder, want, layout);

    if (error)
        return error;
    check_layout(layout, info, want->reduce);
    if (layout->planes == 1)
        picture->rows =
            malloc((size_t)layout->plane[0].w * layout->plane[0].h * layout->plane[0].channels);
    while (!error && !is_whole(picture)) {
        tc_strip strip = {0};

        error = codec->decode_rows(decoder, &strip);
        if (!error)
            keep_strip(picture, &strip);
    }
    return error;
}

static void check_info(const tc_codec *codec, const tc_image_info *info)
{
    must(info->format == codec->format);
    must(info->width >= 1 && info->height >= 1);
    must(info->orientation >= 1 && info->orientation <= 8);
    must(info->max_reduce == 1 || info->max_reduce == 2 || info->max_reduce == 4 ||
         info->max_reduce == 8);
    must(info->icc_length <= TC_ICC_MAX && (info->icc != NULL) == (info->icc_length > 0));
}

/* Decode `file`; whether all of it came. The profile is copied. */
static bool decode(fuzz_file *file, const uint8_t how[4], decoded_picture *picture,
                   tc_image_info *info, uint8_t **icc)
{
    tc_input input = fuzz_input(file);
    tc_fail fail = {0}, damage = {0};
    tc_decoder *decoder = NULL;
    tc_format format;
    tc_error error = tc_format_read(&input, &format);
    const tc_codec *codec = tc_codec_find(format);

    must(!error);
    if (!codec)
        return false;
    error = codec->decode_open(&decoder, &input, info, &fail);
    if (!error) {
        tc_decode_want want = {.reduce = 1u << (how[0] & 3),
                               .planes = info->planes && (how[1] & 2),
                               .cmyk = info->cmyk && (how[1] & 2),
                               .damage = how[1] & 4 ? &damage : NULL};

        check_info(codec, info);
        while (want.reduce > info->max_reduce)
            want.reduce /= 2;
        want.planes = info->planes && how[1] >= 128;
        side(how[2], info->width, &want.source.x, &want.source.w);
        side(how[3], info->height, &want.source.y, &want.source.h);
        if ((uint64_t)info->width * info->height > FUZZ_PIXELS || info->held_bytes > FUZZ_HELD)
            error = tc_fail_set(&fail, TC_E_PIXELS_TOO_MANY, "too many for a fuzzer");
        else
            error = decode_all(codec, decoder, info, &want, picture);
    }
    if (error) {
        fuzz_must_be_told(error, &fail);
    } else if (info->icc) {
        *icc = malloc(info->icc_length);
        must(*icc != NULL);
        memcpy(*icc, info->icc, info->icc_length);
    }
    codec->decode_free(decoder);
    return !error;
}

/* The codec that `how` chooses among those that encode. */
static const tc_codec *choose_encoder(uint8_t how)
{
    const tc_codec *found[TC_FORMATS];
    size_t count = 0;

    for (int format = TC_FORMAT_NONE + 1; format < TC_FORMATS; format++) {
        const tc_codec *codec = tc_codec_find((tc_format)format);
        if (codec && codec->encode_open)
            found[count++] = codec;
    }
    must(count > 0);
    return found[how % count];
}

static void encode(const tc_codec *codec, const decoded_picture *picture,
                   const tc_encode_spec *spec, fuzz_sink *sink)
{
    size_t stride = (size_t)spec->width * picture->layout.plane[0].channels;
    tc_output output = fuzz_output(sink);
    tc_fail fail = {0};
    tc_encoder *encoder = NULL;
    tc_error error = codec->encode_open(&encoder, &output, spec, &fail);

    for (uint32_t y = 0; !error && y < spec->height; y++) {
        tc_strip strip = {{{picture->rows + stride * y, stride, 1}}};
        error = codec->encode_rows(encoder, &strip);
    }
    if (!error)
        error = codec->encode_finish(encoder);
    codec->encode_free(encoder);
    must(!error || error == TC_E_OUTPUT_TOO_LARGE || error == TC_E_NO_MEMORY);
    if (error)
        fuzz_sink_free(sink);
}

/* What an encoder writes, the decoder of the same format reads, at the same size. */
static void round_trip(const decoded_picture *first, const tc_encode_spec *spec,
                       const tc_codec *codec)
{
    static const uint8_t whole[4] = {0, 0, 0x0f, 0x0f};
    fuzz_sink sink = {0};
    fuzz_file file;
    decoded_picture second = {0};
    tc_image_info info;
    uint8_t *icc = NULL;

    encode(codec, first, spec, &sink);
    if (sink.size > 0) {
        file = (fuzz_file){.data = sink.data, .size = sink.size};
        must(decode(&file, whole, &second, &info, &icc));
        must(info.format == codec->format);
        must(info.width == spec->width && info.height == spec->height);
    }
    free(icc);
    free(second.rows);
    fuzz_sink_free(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_file file = {.data = data + 4, .size = size - 4};
    decoded_picture picture = {0};
    tc_image_info info;
    uint8_t *icc = NULL;

    if (size <= 4)
        return 0;
    if (decode(&file, data, &picture, &info, &icc) && picture.rows) {
        const tc_codec *codec = choose_encoder(data[0] >> 2);
        tc_encode_spec spec = {.model = picture.layout.model,
                               .width = picture.layout.plane[0].w,
                               .height = picture.layout.plane[0].h,
                               .quality = 1 + data[1] % 100u,
                               .lossless = data[1] >= 200,
                               .progressive = data[1] & 1,
                               .palette = info.palette,
                               .flat = info.flat,
                               .icc = icc,
                               .icc_length = icc ? info.icc_length : 0};

        if (spec.model == TC_CMYK)
            codec = NULL; /* CMYK becomes RGB before anything is encoded */
        if (codec && (codec->stores_alpha || !tc_model_has_alpha(spec.model)))
            round_trip(&picture, &spec, codec);
    }
    free(icc);
    free(picture.rows);
    fuzz_must_have_freed();
    return 0;
}
