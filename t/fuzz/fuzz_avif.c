/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVIF files that are made from the input, so that what is in them is deep, and decoded. Eight
 * bytes say what is made:
 *
 *   0  sampling (2 bits), depth (2), alpha: none, straight, premultiplied (2), built (1)
 *   1  shape (3), whether it is cropped, turned and mirrored (1)
 *   2  how it is turned (2) and mirrored (1), and then what the pipeline makes of it (3)
 *   3  to 6: the crop's place and size
 *   7  bytes that are changed: that many times a place (2 bytes) and a value
 *
 * Built: a file of boxes around one picture, of numbers of items, pieces and the like that
 * the bytes behind say. A file in which nothing is changed must decode to its size.
 */
#include "fuzz.h"

#ifdef TC_WITH_AVIF

#include "image/pipeline/pipeline.h"

#include "../unit/isobmff.h"

#include <stdlib.h>
#include <string.h>

/* What libavif is asked to encode; each kind once a process, for that takes milliseconds. */
static const struct {
    uint32_t w, h, columns, rows;
    int frames;
} shapes[8] = {{37, 29, 0, 0, 0},  {64, 48, 0, 0, 0},   {1, 1, 0, 0, 0},   {128, 64, 2, 1, 0},
               {64, 192, 1, 3, 0}, {128, 128, 2, 2, 0}, {40, 30, 0, 0, 2}, {17, 90, 0, 0, 0}};

#define KINDS (64 * 16)

static bytes *kind(uint8_t first, uint8_t second)
{
    static const avifPixelFormat format[4] = {
        AVIF_PIXEL_FORMAT_YUV420, AVIF_PIXEL_FORMAT_YUV444, AVIF_PIXEL_FORMAT_YUV422,
        AVIF_PIXEL_FORMAT_YUV400};
    static const unsigned depth[4] = {8, 10, 12, 8};
    static bytes made[KINDS];
    unsigned shape = second & 7;
    bytes *file = &made[(first & 63) << 4 | (second & 15)];
    recipe recipe = {.w = shapes[shape].w,
                     .h = shapes[shape].h,
                     .depth = depth[first >> 2 & 3],
                     .format = format[first & 3],
                     .alpha = first & 0x30,
                     .premultiplied = (first & 0x30) == 0x20,
                     .frames = shapes[shape].frames,
                     .columns = shapes[shape].columns,
                     .rows = shapes[shape].rows,
                     .flags = second & 8 ? AVIF_TRANSFORM_CLAP | AVIF_TRANSFORM_IROT |
                                               AVIF_TRANSFORM_IMIR
                                         : AVIF_TRANSFORM_NONE,
                     .crop = {shapes[shape].w, 1, shapes[shape].h, 1, 0, 1, 0, 1}};

    if (!file->data)
        *file = make(&recipe);
    must(file->length > 0);
    return file;
}

/* A copy of that kind, with the crop and the turn asked for. */
static bytes make_kind(const uint8_t how[8], avifCropRect *crop)
{
    const bytes *from = kind(how[0], how[1]);
    uint32_t w = shapes[how[1] & 7].w, h = shapes[how[1] & 7].h;
    bytes file = {0};

    put(&file, from->data, from->length);
    *crop = (avifCropRect){0, 0, w, h};
    if (how[1] & 8) {
        crop->x = how[3] % w;
        crop->y = how[4] % h;
        crop->width = 1 + how[5] % (w - crop->x);
        crop->height = 1 + how[6] % (h - crop->y);
        set_crop(&file, crop, w, h);
        find(&file, "irot")[4] = how[2] & 3;
        find(&file, "imir")[4] = how[2] >> 2 & 1;
    }
    return file;
}

/* Boxes around one picture of 64x64. */
static bytes make_built(fuzz_bytes *from)
{
    static coded coded;
    still still = {0};
    sequence sequence = {0};
    uint8_t what = fuzz_u8(from);

    if (!coded.data.data)
        coded = make_coded(64, 64);
    if (what & 1) {
        sequence.tracks = fuzz_u8(from) % 4;
        sequence.alphas = fuzz_u8(from) % 3;
        sequence.frames = fuzz_u8(from);
        sequence.chunks = fuzz_u8(from);
        sequence.runs = fuzz_u8(from);
        sequence.descriptions = fuzz_u8(from) % 40;
        sequence.boxes = fuzz_u8(from);
        sequence.items = fuzz_u8(from);
        sequence.alpha_w = fuzz_u8(from);
        return make_sequence(&sequence, &coded);
    }
    still.columns = fuzz_u8(from) % 5;
    still.cells = (still.columns ? still.columns : 1) * (1 + fuzz_u8(from) % 4);
    still.cell_w = fuzz_u8(from) * 4u;
    still.grid_w = fuzz_u8(from) * 4u;
    still.alphas = fuzz_u8(from) % 4;
    still.alpha_w = fuzz_u8(from);
    still.exif = fuzz_u8(from) % 8;
    still.pieces = fuzz_u8(from);
    still.repeats = fuzz_u8(from) % 4;
    still.empty = fuzz_u8(from);
    still.infos = fuzz_u8(from);
    still.associated = fuzz_u8(from);
    still.referred = fuzz_u8(from);
    still.properties = fuzz_u8(from);
    still.associations = fuzz_u8(from) % 252;
    still.references = fuzz_u8(from);
    still.idat = fuzz_u8(from);
    still.icc = fuzz_u8(from);
    still.brands = fuzz_u8(from);
    still.padding = what & 2 ? fuzz_u8(from) * 1000u : 0;
    still.large = what & 4;
    return make_still(&still, &coded);
}

/* Where the chroma cannot be cut there, all of the picture is shown. */
static void expect_size(const uint8_t how[8], avifCropRect *crop)
{
    unsigned sampling = how[0] & 3;
    bool horizontal = sampling == 0 || sampling == 2, vertical = sampling == 0;

    if ((horizontal && (crop->x | crop->width) % 2) ||
        (vertical && (crop->y | crop->height) % 2))
        *crop = (avifCropRect){0, 0, shapes[how[1] & 7].w, shapes[how[1] & 7].h};
}

/* All rows; whether the file is a picture. */
static bool decode_file(fuzz_file *file, tc_image_info *info)
{
    const tc_codec *codec = &tc_codec_avif;
    tc_input input = fuzz_input(file);
    tc_decoder *decoder = NULL;
    tc_fail fail = {0};
    tc_layout layout;
    tc_error error = codec->decode_open(&decoder, &input, info, &fail);

    if (!error &&
        ((uint64_t)info->width * info->height > FUZZ_PIXELS || info->held_bytes > FUZZ_HELD))
        error = tc_fail_set(&fail, TC_E_PIXELS_TOO_MANY, "too many for a fuzzer");
    if (!error) {
        tc_decode_want want = {.reduce = 1, .source = {0, 0, info->width, info->height}};

        error = codec->decode_start(decoder, &want, &layout);
        must(error || (layout.plane[0].w == info->width && layout.plane[0].h == info->height));
    }
    for (uint32_t have = 0; !error && have < info->height;) {
        tc_strip strip = {0};

        error = codec->decode_rows(decoder, &strip);
        if (error)
            break;
        must(strip.plane[0].rows > 0 && strip.plane[0].rows <= info->height - have);
        fuzz_read_strip(&strip, &layout);
        have += strip.plane[0].rows;
    }
    codec->decode_free(decoder);
    if (error)
        fuzz_must_be_told(error, &fail);
    return !error;
}

/* Through all of the conversion. */
static void convert_file(fuzz_file *file, unsigned which)
{
    static const char *const requests[] = {"of=png",
                                           "dw=20,of=jpeg",
                                           "dw=90,dh=90,ds=s,of=png",
                                           "sx=3,sy=5,sw=9,sh=7,of=png",
                                           "of=webp,dw=16",
                                           "dw=1,of=png",
                                           "dh=300,of=jpeg",
                                           "blur=1x1,of=png"};
    tc_limits limits = {.max_pixels = FUZZ_PIXELS,
                        .max_output_w = FUZZ_SIDE,
                        .max_output_h = FUZZ_SIDE,
                        .max_radius = FUZZ_RADIUS,
                        .max_sigma = FUZZ_RADIUS};
    const char *request = requests[which % (sizeof requests / sizeof requests[0])];
    tc_input input = fuzz_input(file);
    fuzz_sink sink = {0};
    tc_output output = fuzz_output(&sink);
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_fail fail = {0};
    tc_error error;

    tc_params_init(&params);
    must(!tc_params_parse(&params, request, strlen(request), NULL, NULL, &fail));
    tc_params_resolve(&params, false);
    error = tc_pipeline_open(&pipeline, &input, &params, &limits, &fail);
    if (!error && tc_pipeline_outline(pipeline)->plan.bytes > FUZZ_HELD)
        error = tc_fail_set(&fail, TC_E_OVERLOAD, "too much for a fuzzer");
    if (!error)
        error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    if (error)
        fuzz_must_be_told(error, &fail);
    else
        must(sink.size > 0);
    tc_pipeline_free(pipeline);
    fuzz_sink_free(&sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes left = {data + 8, size - 8};
    avifCropRect crop = {0, 0, 0, 0};
    tc_image_info info = {0};
    fuzz_file file;
    bytes made;
    bool built, good;

    if (size < 8)
        return 0;
    built = data[0] & 64;
    made = built ? make_built(&left) : make_kind(data, &crop);
    for (unsigned change = 0; change < data[7] % 8u; change++) {
        uint32_t at = (uint32_t)fuzz_u8(&left) << 8;

        at |= fuzz_u8(&left);
        made.data[at % made.length] = fuzz_u8(&left);
    }
    file = (fuzz_file){.data = made.data, .size = made.length};
    good = decode_file(&file, &info);
    if (!built && data[7] % 8u == 0) {
        expect_size(data, &crop);
        must(good && info.width == crop.width && info.height == crop.height);
    }
    if (data[2] & 8)
        convert_file(&file, data[2] >> 4);
    free(made.data);
    fuzz_must_have_freed();
    return 0;
}

#else

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}

#endif
