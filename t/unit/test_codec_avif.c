/* SPDX-License-Identifier: Apache-2.0 */
/* AVIF there and back, and files of libavif's own making: turns, crops, depths, sequences. */
#include "pictures.h"

#ifdef TC_WITH_AVIF

#include "avifs.h"
#include "image/pipeline/pipeline.h"

#define CODEC (&tc_codec_avif)

static const tc_encode_spec lossy = {.quality = 90}, lossless = {.lossless = true};

/* A file of `recipe` decodes to something like `like`. */
static void try_like(const recipe *recipe, const pixels *like, double most, const char *what)
{
    bytes file = make(recipe);
    tc_fail fail;
    pixels got;
    tc_error error = decode(CODEC, &file, file.length, 1, NULL, &got, &fail);
    double away = distance(like, &got);

    ok(error == TC_E_OK && away <= most, "%s (%.2f away)", what, away);
    free(got.data);
    free(file.data);
}

static void test_rounds(void)
{
    static const uint32_t sizes[][2] = {{1, 1}, {7, 5}, {64, 48}, {301, 211}};

    for (size_t at = 0; at < 4; at++) {
        uint32_t w = sizes[at][0], h = sizes[at][1];

        try_round(CODEC, lossy, w, h, TC_RGB, TC_RGB, 8, "lossy");
        try_round(CODEC, lossy, w, h, TC_RGB_ALPHA, TC_RGB_ALPHA, 8, "lossy with alpha");
        try_round(CODEC, lossy, w, h, TC_GREY, TC_GREY, 3, "grey");
        try_round(CODEC, lossy, w, h, TC_GREY_ALPHA, TC_GREY_ALPHA, 3, "grey with alpha");
        try_round(CODEC, lossless, w, h, TC_RGB, TC_RGB, 0, "lossless");
        try_round(CODEC, lossless, w, h, TC_RGB_ALPHA, TC_RGB_ALPHA, 0, "lossless with alpha");
        try_round(CODEC, lossless, w, h, TC_GREY, TC_GREY, 0, "lossless grey");
    }
    try_profile(CODEC, lossy, TC_RGB, 200, "with a profile");
    try_profile(CODEC, lossy, TC_RGB_ALPHA, 70001, "with alpha and a large profile");
    try_profile(CODEC, lossy, TC_GREY, 200, "grey with a profile");
    try_full(CODEC, lossy, "AVIF");
}

/* Converted a few rows at a time, a picture is what libavif makes of it at once. */
static void test_strips(avifPixelFormat format, unsigned depth, bool alpha, const char *what)
{
    recipe recipe = {.w = 67, .h = 75, .depth = depth, .format = format, .alpha = alpha};
    bytes file = make(&recipe);
    avifDecoder *decoder = avifDecoderCreate();
    avifRGBImage rgb;
    pixels whole = {67, 75, alpha ? TC_RGB_ALPHA : TC_RGB, NULL};

    avifDecoderSetIOMemory(decoder, file.data, file.length);
    avifDecoderParse(decoder);
    avifDecoderNextImage(decoder);
    avifRGBImageSetDefaults(&rgb, decoder->image);
    rgb.depth = 8;
    rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.rowBytes = 67 * (alpha ? 4 : 3);
    rgb.pixels = whole.data = malloc((size_t)rgb.rowBytes * 75);
    avifImageYUVToRGB(decoder->image, &rgb);
    try_like(&recipe, &whole, 0, what);
    avifDecoderDestroy(decoder);
    free(whole.data);
    free(file.data);
}

/* Every turn and mirror that the properties can tell, against EXIF's numbers. */
static void test_orientation(void)
{
    static const uint8_t expected[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};

    for (uint8_t angle = 0; angle < 4; angle++) {
        for (uint8_t mirror = 0; mirror < 3; mirror++) {
            recipe recipe = {.w = 32, .h = 16, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420};
            tc_image_info info = {0};
            bytes file;
            pixels got;
            tc_fail fail;

            recipe.flags = AVIF_TRANSFORM_IROT | (mirror ? AVIF_TRANSFORM_IMIR : 0);
            recipe.angle = angle;
            recipe.mirror = mirror ? mirror - 1 : 0;
            file = make(&recipe);
            ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK &&
                   info.orientation == expected[angle][mirror] && info.width == 32,
               "irot %u, imir %d is orientation %u", angle, mirror - 1,
               expected[angle][mirror]);
            free(got.data);
            free(file.data);
        }
    }
}

static void test_kinds(void)
{
    recipe sequence = {
        .w = 40, .h = 30, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420, .frames = 3};
    recipe cropped = {.w = 40,
                      .h = 30,
                      .depth = 8,
                      .format = AVIF_PIXEL_FORMAT_YUV420,
                      .flags = AVIF_TRANSFORM_CLAP,
                      /* 20x10 in the middle */
                      .crop = {20, 1, 10, 1, 0, 1, 0, 1}};
    recipe nonsense = cropped, premultiplied = {.w = 40,
                                                .h = 30,
                                                .depth = 8,
                                                .format = AVIF_PIXEL_FORMAT_YUV444,
                                                .alpha = true,
                                                .premultiplied = true};
    pixels ramp = draw(40, 30, TC_RGB), faded = draw(40, 30, TC_RGB_ALPHA);
    pixels middle = {20, 10, TC_RGB, malloc(600)};

    for (uint32_t y = 0; y < 10; y++)
        memcpy(middle.data + 60 * y, pixel(&ramp, 10, 10 + y), 60);
    try_like(&sequence, &ramp, 6, "of a sequence the first frame");
    try_like(&cropped, &middle, 6, "a clean aperture is cropped to");
    nonsense.crop.widthN = 400;
    try_like(&nonsense, &ramp, 6, "one that makes no sense is not heeded");
    try_like(&premultiplied, &faded, 6, "premultiplied colours come out straight");
    free(ramp.data);
    free(faded.data);
    free(middle.data);
}

/* Two cells side by side are one picture. */
static void test_grid(void)
{
    recipe recipe = {.w = 128,
                     .h = 64,
                     .depth = 8,
                     .format = AVIF_PIXEL_FORMAT_YUV420,
                     .columns = 2,
                     .rows = 1};
    pixels ramp = draw(128, 64, TC_RGB), got;
    bytes file = make(&recipe);
    tc_image_info info;
    tc_fail fail;

    ok(find(&file, "grid") &&
           decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK,
       "a grid of two cells");
    ok(info.width == 128 && info.height == 64 && distance(&ramp, &got) < 6,
       "... is one picture (%.2f away)", distance(&ramp, &got));
    free(got.data);
    free(ramp.data);
    free(file.data);
}

/* A picture of one colour, lossless, whose colours are told by code points. */
static bytes make_solid(const uint8_t colour[3], uint16_t primaries, uint16_t transfer,
                        bool profile)
{
    avifImage *image = avifImageCreate(16, 16, 8, AVIF_PIXEL_FORMAT_YUV444);
    avifEncoder *encoder = avifEncoderCreate();
    avifRWData data = AVIF_DATA_EMPTY;
    uint8_t rows[16 * 16 * 3];
    avifRGBImage rgb;
    bytes made = {0};

    for (size_t at = 0; at < sizeof rows; at++)
        rows[at] = colour[at % 3];
    image->colorPrimaries = (avifColorPrimaries)primaries;
    image->transferCharacteristics = (avifTransferCharacteristics)transfer;
    image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    if (profile) {
        uint8_t *icc = make_profile(200, "RGB ");

        avifImageSetProfileICC(image, icc, 200);
        free(icc);
    }
    avifRGBImageSetDefaults(&rgb, image);
    rgb.depth = 8;
    rgb.format = AVIF_RGB_FORMAT_RGB;
    rgb.pixels = rows;
    rgb.rowBytes = 16 * 3;
    avifImageRGBToYUV(image, &rgb);
    encoder->speed = AVIF_SPEED_FASTEST;
    encoder->minQuantizer = encoder->maxQuantizer = AVIF_QUANTIZER_LOSSLESS;
    avifEncoderWrite(encoder, image, &data);
    put(&made, data.data, data.size);
    avifRWDataFree(&data);
    avifImageDestroy(image);
    avifEncoderDestroy(encoder);
    return made;
}

/* The whole conversion of a file. */
static tc_error run_pipeline(const bytes *from, const char *request, bytes *to, tc_fail *fail)
{
    tc_input input = {read_bytes_at, (void *)(uintptr_t)from, from->length, NULL};
    tc_output output = {write_bytes, to};
    const tc_limits limits = {0};
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_error error;

    tc_params_init(&params);
    error = tc_params_parse(&params, request, strlen(request), NULL, NULL, fail);
    if (!error)
        error = tc_pipeline_open(&pipeline, &input, &params, &limits, fail);
    if (!error)
        error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    tc_pipeline_free(pipeline);
    return error;
}

/* Colours by code points come out in sRGB, and an AVIF says so. */
static void test_colours(void)
{
    static const struct {
        const char *what;
        uint8_t colour[3], wanted[3];
        uint16_t primaries, transfer;
        uint8_t off;
    } rows[] = {
        {"Display P3", {202, 54, 44}, {220, 30, 30}, 12, 13, 2},
        {"Display P3 with BT.709's curve", {202, 54, 44}, {220, 30, 30}, 12, 1, 2},
        {"BT.2020", {180, 70, 43}, {220, 30, 30}, 9, 14, 3},
        {"sRGB", {220, 30, 30}, {220, 30, 30}, 1, 13, 0},
        {"BT.709", {220, 30, 30}, {220, 30, 30}, 1, 1, 0},
        {"what is not told", {220, 30, 30}, {220, 30, 30}, 2, 2, 0},
        {"white of 203 cd/m2 in PQ", {148, 148, 148}, {229, 229, 229}, 9, 16, 3},
        {"a grey card in HLG", {97, 97, 97}, {100, 100, 100}, 9, 18, 3},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        bytes file = make_solid(rows[at].colour, rows[at].primaries, rows[at].transfer, false);
        static const char *const requests[] = {"of=png", "of=avif,q=100"};

        for (size_t which = 0; which < 2; which++) {
            const tc_codec *codec = which ? CODEC : &tc_codec_png;
            tc_image_info info = {0};
            bytes answer = {0};
            pixels got = {0};
            tc_fail fail = {0};
            tc_error error = run_pipeline(&file, requests[which], &answer, &fail);
            bool near = false;

            if (!error)
                error = decode(codec, &answer, answer.length, 1, &info, &got, &fail);
            for (int c = 0; c < 3; c++)
                near = (c == 0 || near) && got.data &&
                       abs(pixel(&got, 8, 8)[c] - rows[at].wanted[c]) <= rows[at].off;
            ok(!error && near, "%s, %s: %d %d %d%s", rows[at].what, requests[which],
               got.data ? got.data[0] : -1, got.data ? got.data[1] : -1,
               got.data ? got.data[2] : -1, error ? fail.text : "");
            if (which)
                ok(info.cicp.primaries == 1 && info.cicp.transfer == 13,
                   "... told as sRGB: %u/%u", info.cicp.primaries, info.cicp.transfer);
            free(got.data);
            free(answer.data);
        }
        free(file.data);
    }
    {
        bytes file = make_solid(rows[0].colour, 12, 13, true);
        tc_image_info info = {0};
        tc_fail fail;
        pixels got;

        ok(!decode(CODEC, &file, file.length, 1, &info, &got, &fail) && info.icc &&
               info.cicp.primaries == 0,
           "a profile counts, and not the code points beside it");
        free((void *)(uintptr_t)info.icc);
        free(got.data);
        free(file.data);
    }
}

/* The size in the header against the one that is coded. */
static void test_lies(void)
{
    recipe recipe = {.w = 64, .h = 48, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420};
    bytes file = make(&recipe);
    uint8_t *size = find(&file, "ispe") + 8;
    tc_image_info info;
    tc_error error;
    tc_fail fail;
    pixels got;

    size[3] = 8;
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_DAMAGED &&
           info.width == 8,
       "more is coded than claimed: %s", fail.text);
    size[3] = 200;
    error = decode(CODEC, &file, file.length, 1, NULL, &got, &fail);
    ok(error == TC_E_DAMAGED || (!error && got.w == 200 && got.h == 48),
       "less is coded than claimed: damaged, or stretched to the claim");
    free(got.data);
    memcpy(size, "\0\0\x27\x10\0\0\x27\x10", 8);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_PIXELS_TOO_MANY &&
           info.width == 10000 && info.height == 10000 && info.held_bytes >= 150000000,
       "much is claimed: only told of");
    memcpy(size, "\0\0\xff\xff\0\0\xff\xff", 8);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_PIXELS_TOO_MANY,
       "more than libavif takes: %s", fail.text);
    memset(size, 0, 8);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED, "no size: %s",
       fail.text);
    free(file.data);
    CODEC->decode_free(NULL);
    CODEC->encode_free(NULL);
}

/* Units of kinds that AV1 does not have, which a decoder would report one by one. */
static void test_noise(void)
{
    recipe recipe = {.w = 200, .h = 150, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420};
    bytes file = make(&recipe);
    uint8_t *data = find(&file, "mdat") + 4;
    tc_fail fail;
    pixels got;

    for (uint8_t *at = data; at + 2 <= file.data + file.length; at += 2)
        memcpy(at, "\x6a", 2); /* type 13, of 0 bytes */
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED &&
           strstr(fail.text, "no known kind"),
       "many strange units: %s", fail.text);
    free(file.data);
}

static void test_damaged(void)
{
    for (int alpha = 0; alpha < 2; alpha++) {
        const char *what = alpha ? "with alpha" : "plain";
        recipe recipe = {
            .w = 40, .h = 30, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420, .alpha = alpha};
        bytes file = make(&recipe);

        try_truncated(CODEC, &file, file.length, 1, what);
        try_changed(CODEC, &file, 2000, what);
        free(file.data);
    }
}

int main(void)
{
    test_rounds();
    test_strips(AVIF_PIXEL_FORMAT_YUV420, 8, false, "4:2:0");
    test_strips(AVIF_PIXEL_FORMAT_YUV420, 8, true, "4:2:0 with alpha");
    test_strips(AVIF_PIXEL_FORMAT_YUV422, 8, false, "4:2:2");
    test_strips(AVIF_PIXEL_FORMAT_YUV444, 8, false, "4:4:4");
    test_strips(AVIF_PIXEL_FORMAT_YUV420, 10, false, "10 bits");
    test_strips(AVIF_PIXEL_FORMAT_YUV444, 12, true, "12 bits with alpha");
    test_orientation();
    test_kinds();
    test_grid();
    test_colours();
    test_lies();
    test_noise();
    test_damaged();
    return done_testing();
}

#else

int main(void)
{
    skip("AVIF", "libavif is not built in");
    return done_testing();
}

#endif
