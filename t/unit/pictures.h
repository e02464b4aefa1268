/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures in memory, drawn, encoded and decoded by one codec alone. */
#ifndef PICTURES_H
#define PICTURES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/codec/codec.h"
#include "tap.h"

typedef struct bytes {
    uint8_t *data;
    size_t length, size;
    size_t limit; /* writing over it fails; 0: never */
} bytes;

typedef struct pixels {
    uint32_t w, h;
    tc_model model;
    uint8_t *data; /* NULL when there are none */
} pixels;

__attribute__((unused)) static void put(bytes *to, const void *data, size_t length)
{
    if (to->length + length > to->size) {
        to->size = 2 * (to->length + length);
        to->data = realloc(to->data, to->size);
        if (!to->data)
            abort();
    }
    if (length)
        memcpy(to->data + to->length, data, length);
    to->length += length;
}

static tc_error write_bytes(void *context, const void *data, size_t length)
{
    bytes *to = context;

    if (to->limit && to->length + length > to->limit)
        return TC_E_NO_SPACE;
    put(to, data, length);
    return TC_E_OK;
}

static tc_error read_bytes_at(void *context, uint64_t offset, void *to, size_t length,
                              size_t *got)
{
    const bytes *from = context;

    *got = offset >= from->length ? 0 : from->length - (size_t)offset;
    if (*got > length)
        *got = length;
    memcpy(to, from->data + offset, *got);
    return TC_E_OK;
}

/* A ramp of colours, and where there is alpha a fading from left to right. */
__attribute__((unused)) static pixels draw(uint32_t w, uint32_t h, tc_model model)
{
    uint8_t channels = tc_model_channels(model);
    pixels made = {w, h, model, malloc((size_t)w * h * channels)};
    uint8_t *at = made.data;

    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++, at += channels) {
            at[0] = (uint8_t)(255 * x / w);
            if (!tc_model_is_grey(model)) {
                at[1] = (uint8_t)(255 * y / h);
                at[2] = (uint8_t)(128 + 60 * sin(x * 0.1) * cos(y * 0.1));
            }
            if (tc_model_has_alpha(model))
                at[channels - 1] = (uint8_t)(250 - 200 * x / w);
        }
    }
    return made;
}

static const uint8_t *pixel(const pixels *from, uint32_t x, uint32_t y)
{
    return from->data + ((size_t)y * from->w + x) * tc_model_channels(from->model);
}

/* Encode with whatever of `spec` is not the picture's own. */
__attribute__((unused)) static tc_error encode(const tc_codec *codec, const pixels *from,
                                               tc_encode_spec spec, bytes *to, tc_fail *fail)
{
    tc_output output = {write_bytes, to};
    size_t stride = (size_t)from->w * tc_model_channels(from->model);
    tc_encoder *encoder;
    tc_error error;

    fail->error = TC_E_OK;
    spec.model = from->model;
    spec.width = from->w;
    spec.height = from->h;
    error = codec->encode_open(&encoder, &output, &spec, fail);
    for (uint32_t y = 0; y < from->h && !error; y++) {
        tc_strip strip = {{{from->data + stride * y, stride, 1}}};
        error = codec->encode_rows(encoder, &strip);
    }
    if (!error)
        error = codec->encode_finish(encoder);
    codec->encode_free(encoder);
    return error;
}

static tc_error decode_all(const tc_codec *codec, tc_decoder *decoder,
                           const tc_image_info *info, unsigned reduce, pixels *to)
{
    tc_decode_want want = {.reduce = reduce, .source = {0, 0, info->width, info->height}};
    tc_layout layout;
    size_t stride;
    uint32_t y = 0;
    tc_error error = codec->decode_start(decoder, &want, &layout);

    if (error)
        return error;
    *to = (pixels){layout.plane[0].w, layout.plane[0].h, layout.model, NULL};
    stride = (size_t)to->w * layout.plane[0].channels;
    to->data = malloc(stride * to->h);
    while (y < to->h && !error) {
        tc_strip strip = {0};

        error = codec->decode_rows(decoder, &strip);
        for (uint32_t row = 0; !error && row < strip.plane[0].rows; row++, y++)
            memcpy(to->data + stride * y, strip.plane[0].data + strip.plane[0].stride * row,
                   stride);
    }
    return error;
}

/*
 * Decode the first `length` bytes. Pictures over a million pixels are not decoded:
 * that is the limits' business. `info` may be NULL.
 */
__attribute__((unused)) static tc_error decode(const tc_codec *codec, const bytes *from,
                                               size_t length, unsigned reduce,
                                               tc_image_info *info, pixels *to, tc_fail *fail)
{
    bytes part = {malloc(length ? length : 1), length, length, 0}; /* for ASan: its own end */
    tc_input input = {read_bytes_at, &part, length, NULL};
    tc_image_info own;
    tc_decoder *decoder;
    tc_error error;

    memcpy(part.data, from->data, length);
    fail->error = TC_E_OK;
    *to = (pixels){.data = NULL};
    if (!info)
        info = &own;
    error = codec->decode_open(&decoder, &input, info, fail);
    info->icc = error || !info->icc ? NULL
                                    : memcpy(malloc(info->icc_length), info->icc,
                                             info->icc_length); /* outlives it */
    if (!error && (uint64_t)info->width * info->height > 1000000)
        error = tc_fail_set(fail, TC_E_PIXELS_TOO_MANY, "too many pixels");
    if (!error)
        error = decode_all(codec, decoder, info, reduce, to);
    codec->decode_free(decoder);
    free(part.data);
    if (info == &own)
        free((void *)own.icc);
    if (error) {
        free(to->data);
        to->data = NULL;
    }
    return error;
}

/* The mean difference of what two pictures show, in levels; 255 for different shapes. */
__attribute__((unused)) static double distance(const pixels *a, const pixels *b)
{
    size_t count = (size_t)a->w * a->h * tc_model_channels(a->model);
    double sum = 0;

    if (!a->data || !b->data || a->w != b->w || a->h != b->h || a->model != b->model)
        return 255;
    for (size_t at = 0; at < count; at++)
        sum += abs(a->data[at] - b->data[at]);
    return sum / (double)count;
}

/* Where `name`, four bytes, stands in a file first; NULL when it does not. */
__attribute__((unused)) static uint8_t *find(const bytes *in, const char *name)
{
    for (size_t at = 0; at + 4 <= in->length; at++) {
        if (memcmp(in->data + at, name, 4) == 0)
            return in->data + at;
    }
    return NULL;
}

/* Every shorter file is damaged: none decodes, and none does harm. `step` spares time. */
__attribute__((unused)) static void try_truncated(const tc_codec *codec, const bytes *whole,
                                                  size_t end, size_t step, const char *what)
{
    size_t wrong = 0, first = 0;

    for (size_t length = 0; length < end; length += step) {
        tc_fail fail;
        pixels got;
        tc_error error = decode(codec, whole, length, 1, NULL, &got, &fail);

        free(got.data);
        if (error != TC_E_DAMAGED && wrong++ == 0)
            first = length;
    }
    ok(wrong == 0, "%s: cut off anywhere it is damaged (%zu are not; the first: %zu of %zu)",
       what, wrong, first, end);
}

/* Files with some bytes changed: whatever comes of it, no harm is done. */
__attribute__((unused)) static void try_changed(const tc_codec *codec, const bytes *whole,
                                                unsigned times, const char *what)
{
    bytes copy = {malloc(whole->length), whole->length, whole->length, 0};
    uint32_t seed = 12345;
    unsigned odd = 0;

    for (unsigned round = 0; round < times; round++) {
        tc_fail fail;
        pixels got;
        tc_error error;

        memcpy(copy.data, whole->data, whole->length);
        for (unsigned change = 0; change < 1 + round % 4; change++) {
            seed = seed * 1664525 + 1013904223;
            copy.data[(seed >> 8) % copy.length] = (uint8_t)(seed >> 3);
        }
        error = decode(codec, &copy, copy.length, 1, NULL, &got, &fail);
        free(got.data);
        odd += error != TC_E_OK && error != TC_E_DAMAGED && error != TC_E_UNSUPPORTED &&
               error != TC_E_PIXELS_TOO_MANY && error != TC_E_NO_MEMORY;
    }
    free(copy.data);
    ok(odd == 0, "%s: changed bytes end in a picture or in an error of the source's (%u else)",
       what, odd);
}

/* A profile of `length` bytes: as much of one as codecs look at. */
__attribute__((unused)) static uint8_t *make_profile(size_t length, const char *space)
{
    uint8_t *made = calloc(1, length);

    for (size_t at = 128; at < length; at++)
        made[at] = (uint8_t)at;
    made[0] = (uint8_t)(length >> 24);
    made[1] = (uint8_t)(length >> 16);
    made[2] = (uint8_t)(length >> 8);
    made[3] = (uint8_t)length;
    memcpy(made + 12, "mntr", 4);
    memcpy(made + 16, space, 4);
    memcpy(made + 20, "XYZ acsp", 4);
    memcpy(made + 36, "acsp", 4);
    return made;
}

/* With a profile of `length` bytes: it comes back whole. */
__attribute__((unused)) static void try_profile(const tc_codec *codec, tc_encode_spec spec,
                                                tc_model model, size_t length, const char *what)
{
    uint8_t *icc = make_profile(length, tc_model_is_grey(model) ? "GRAY" : "RGB ");
    pixels from = draw(40, 30, model), got;
    tc_image_info info;
    bytes file = {0};
    tc_fail fail;

    spec.icc = icc;
    spec.icc_length = length;
    ok(encode(codec, &from, spec, &file, &fail) == TC_E_OK, "%s: written", what);
    ok(decode(codec, &file, file.length, 1, &info, &got, &fail) == TC_E_OK, "... read");
    ok(info.icc && info.icc_length == length && memcmp(info.icc, icc, length) == 0,
       "... with its profile (%zu bytes)", info.icc_length);
    ok(distance(&from, &got) < 4, "... and its picture (%.2f)", distance(&from, &got));
    free((void *)info.icc);
    free(got.data);
    free(from.data);
    free(file.data);
    free(icc);
}

/* What cannot be written ends with the output's error. */
__attribute__((unused)) static void try_full(const tc_codec *codec, tc_encode_spec spec,
                                             const char *what)
{
    pixels from = draw(64, 48, TC_RGB);
    bytes file = {.limit = 40};
    tc_fail fail;

    tc_error error = encode(codec, &from, spec, &file, &fail);

    ok(error == TC_E_NO_SPACE && fail.error == TC_E_NO_SPACE, "%s: an output that is full: %s",
       what, fail.error ? fail.text : "all written");
    free(file.data);
    free(from.data);
}

/* A picture there and back: its size, and no further off than `most` levels on average. */
__attribute__((unused)) static void try_round(const tc_codec *codec, tc_encode_spec spec,
                                              uint32_t w, uint32_t h, tc_model model,
                                              tc_model expected, double most, const char *what)
{
    pixels from = draw(w, h, model), got;
    tc_image_info info = {0};
    bytes file = {0};
    tc_fail fail;
    double away = 0;

    ok(encode(codec, &from, spec, &file, &fail) == TC_E_OK, "%s %ux%u: written", what, w, h);
    ok(tc_format_sniff(file.data, file.length) == codec->format,
       "... known by its first bytes");
    ok(decode(codec, &file, file.length, 1, &info, &got, &fail) == TC_E_OK, "... read");
    ok(info.width == w && info.height == h && info.model == expected && got.model == expected &&
           info.orientation == 1 && !info.icc,
       "... with its size and colours");
    if (expected == model) {
        away = distance(&from, &got);
    } else if (got.data) { /* grey that came back as colours */
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++)
                away += abs(*pixel(&from, x, y) - *pixel(&got, x, y));
        away /= (double)w * h;
    }
    ok(away <= most, "... %.2f levels away", away);
    free(got.data);
    free(from.data);
    free(file.data);
}

#endif
