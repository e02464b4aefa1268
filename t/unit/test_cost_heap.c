/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that was planned for a conversion against the peak of what it took from the
 * allocator: for each decoder, orientation, effect and encoder the plan is at least that peak,
 * and at most twice as much. test_cost_memory.c has the same of resident memory, for large
 * pictures and for what does not come from the allocator: coefficients of progressive JPEGs.
 */
#include "../preload/heap.h"

#include "costs.h"

#include <malloc.h>

#include <jpeglib.h>
#include <zlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* It takes other memory, and is asked for a block's size before it is ready. */
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static size_t heap_live, heap_peak;

static bool heap_fails(const void *caller)
{
    (void)caller;
    return false;
}

/* Encoders have threads. */
static void take(size_t size)
{
    size_t now = __atomic_add_fetch(&heap_live, size, __ATOMIC_RELAXED);
    size_t peak = __atomic_load_n(&heap_peak, __ATOMIC_RELAXED);
    while (now > peak && !__atomic_compare_exchange_n(&heap_peak, &peak, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void heap_changed(int blocks, void *block, const void *caller)
{
    (void)caller;
    if (SANITIZED)
        return;
    if (blocks > 0)
        take(malloc_usable_size(block));
    else
        __atomic_sub_fetch(&heap_live, malloc_usable_size(block), __ATOMIC_RELAXED);
}

#define KIB 1024.0

/* What no plan counts, and is the same of every picture: libraries' tables and states. */
#define SLACK_KIB 256.0

#define PICTURE "900 700 kind=noise"

static const struct {
    const char *format, *options, *params;
} cases[] = {
    /* Decoders, to a small JPEG. */
    {"jpg", PICTURE, "dw=300,dh=300,of=jpeg"},
    {"jpg", PICTURE, "dw=200,dh=200,of=jpeg"},
    {"jpg", PICTURE, "dw=100,dh=100,jpeghint=y,of=jpeg"},
    {"jpg", PICTURE " space=grey", "dw=100,dh=100,jpeghint=y,of=jpeg"},
    {"jpg", "7000 2000 kind=noise quality=50", "dw=800,dh=800,jpeghint=y,of=png"},
    {"jpg", PICTURE " space=cmyk", "dw=300,dh=300,of=jpeg"},
    {"png", PICTURE, "dw=300,dh=300,of=jpeg"},
    {"png", PICTURE " interlace=1", "dw=300,dh=300,of=jpeg"},
    {"png", PICTURE " interlace=1 type=rgba depth=16", "dw=300,dh=300,of=jpeg"},
    {"gif", PICTURE, "dw=300,dh=300,of=jpeg"},
    {"gif", PICTURE " interlace=1", "dw=300,dh=300,of=jpeg"},
    {"webp", PICTURE, "dw=300,dh=300,of=jpeg"},
    {"webp", PICTURE " lossless=1", "dw=300,dh=300,of=jpeg"},
    {"webp", PICTURE " type=rgba", "dw=300,dh=300,of=jpeg"},
    {"avif", PICTURE, "dw=300,dh=300,of=jpeg"},
    {"avif", PICTURE " type=rgba", "dw=300,dh=300,of=jpeg"},
    /* Encoders. */
    {"png", PICTURE, "of=jpeg"},
    {"png", PICTURE, "of=jpeg,progressive=y"},
    {"png", PICTURE " type=grey", "of=jpeg,progressive=y"},
    {"png", PICTURE, "of=png"},
    {"png", PICTURE " type=palette", "of=png"},
    {"png", PICTURE, "of=webp"},
    {"png", PICTURE, "of=webp,q=100"},
    {"png", PICTURE " type=rgba", "of=webp"},
    {"png", PICTURE " exif=1", "of=webp,q=100,inhexif=y"},
    {"png", PICTURE " exif=1", "of=webp,inhexif=y"},
    {"png", PICTURE " profile=p3", "of=webp,q=100"},
    {"png", PICTURE, "of=avif"},
    {"png", PICTURE " type=rgba", "of=avif,q=100"},
    /* Orientations. */
    {"png", PICTURE " orientation=2", "of=jpeg"},
    {"png", PICTURE " orientation=3", "of=jpeg"},
    {"png", PICTURE " orientation=4", "of=jpeg"},
    {"png", PICTURE " orientation=5", "of=jpeg"},
    {"png", PICTURE " orientation=6", "of=jpeg"},
    {"png", PICTURE " orientation=7", "of=jpeg"},
    {"png", PICTURE " orientation=8", "of=jpeg"},
    {"jpg", PICTURE " orientation=6", "of=jpeg"},
    {"jpg", PICTURE " orientation=6 space=grey", "of=jpeg"},
    {"png", PICTURE " type=rgba", "angle=90,of=png"},
    {"jpg", PICTURE, "angle=180,dw=600,dh=600,of=png"},
    /* Effects. */
    {"jpg", PICTURE, "blur=50x20,of=jpeg"},
    {"jpg", PICTURE, "sharpen=20x8,of=jpeg"},
    {"jpg", PICTURE, "unsharp=20x8,of=jpeg"},
    {"jpg", PICTURE, "bw=20,bh=20,bc=f00,of=jpeg"},
    {"jpg", PICTURE, "cw=1500,ch=1500,of=jpeg"},
};

#define CASES (sizeof cases / sizeof cases[0])

static bool same_picture(size_t one, size_t other)
{
    return strcmp(cases[one].format, cases[other].format) == 0 &&
           strcmp(cases[one].options, cases[other].options) == 0;
}

static void report(const char *what, const char *params, tc_error error, uint64_t bytes,
                   size_t before)
{
    double planned = (double)bytes / KIB, peak = (double)(heap_peak - before) / KIB;

    if (error == TC_E_NOT_BUILT)
        skip(params, "not built in");
    else
        ok(error == TC_E_OK && peak <= planned + SLACK_KIB && planned <= 2 * peak + SLACK_KIB,
           "%s, %s: planned %.0f KiB, took %.0f: %.2f", what, params, planned, peak,
           planned / peak);
}

static void measure(picture *from, const char *what, const char *params)
{
    static const tc_limits no_limits;
    size_t before = __atomic_load_n(&heap_live, __ATOMIC_RELAXED);
    tc_plan plan = {0};
    tc_fail fail;
    tc_error error;

    heap_peak = before;
    error = convert_picture(from, params, &no_limits, NULL, &plan, NULL, &fail);
    report(what, params, error, plan.bytes, before);
}

/* An icon as large as the answer. */
static void measure_icon(void)
{
    static const tc_limits no_limits;
    static const char params[] = "embedicon=icon.png,of=jpeg";
    picture from = make_picture("jpg", PICTURE),
            icon = make_picture("png", PICTURE " type=rgba interlace=1");
    size_t before = __atomic_load_n(&heap_live, __ATOMIC_RELAXED), count = 0;
    tc_output output = {count_bytes, &count};
    tc_pipeline *pipeline;
    tc_input input, icon_input = {read_picture, &icon, icon.size, NULL};
    uint64_t planned = 0;
    tc_fail fail;
    tc_error error;

    heap_peak = before;
    error = open_conversion(&pipeline, &input, &from, params, &no_limits, &fail);
    if (!error)
        error = tc_pipeline_icon(pipeline, &icon_input);
    if (!error) {
        planned = tc_pipeline_outline(pipeline)->plan.bytes;
        error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    }
    tc_pipeline_free(pipeline);
    report("an icon", params, error, planned, before);
    free(from.data);
    free(icon.data);
}

/* A PNG's EXIF of 2 MiB, of which only the decoder has a copy. */
static void measure_exif(void)
{
    enum { LENGTH = 2 * 1024 * 1024, AT = 8 + 25 };
    picture from = make_picture("png", "200 200 kind=noise"), with;
    uint8_t *chunk;
    uLong crc;

    with = (picture){calloc(1, from.size + LENGTH + 12), from.size + LENGTH + 12, 0};
    chunk = with.data + AT;
    memcpy(with.data, from.data, AT);
    chunk[1] = LENGTH >> 16;
    memcpy(chunk + 4, "eXIfII*\0\x08\0\0", 12);
    crc = crc32(0, chunk + 4, LENGTH + 4);
    for (unsigned at = 0; at < 4; at++)
        chunk[8 + LENGTH + at] = (uint8_t)(crc >> (24 - 8 * at));
    memcpy(chunk + LENGTH + 12, from.data + AT, from.size - AT);
    measure(&with, "a PNG with 2 MiB of EXIF", "of=jpeg");
    free(from.data);
    free(with.data);
}

/* A JPEG's profile of `parts` full parts. */
static void measure_profile(void)
{
    enum { PARTS = 40, PART = 65519, HEAD = 18 };
    picture from = make_picture("jpg", "200 200 kind=noise"), with;
    uint8_t *at;

    with.size = from.size + PARTS * (PART + HEAD);
    with.data = calloc(1, with.size);
    with.burn = 0;
    memcpy(with.data, from.data, 2);
    at = with.data + 2;
    for (unsigned n = 1; n <= PARTS; n++, at += HEAD + PART) {
        memcpy(at, "\xff\xe2\xff\xffICC_PROFILE", HEAD - 2);
        at[HEAD - 2] = (uint8_t)n;
        at[HEAD - 1] = PARTS;
        if (n == 1)
            memcpy(at + HEAD + 16, "RGB XYZ ", 8);
    }
    memcpy(at, from.data + 2, from.size - 2);
    measure(&with, "a JPEG with 2.5 MiB of a profile", "of=jpeg");
    free(from.data);
    free(with.data);
}

/* Restart markers, by which intervals are decoded in turns, which takes more. */
static void measure_restarts(void)
{
    enum { W = 4000, H = 3000 };
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long length = 0;
    JSAMPROW row = malloc(W);
    uint32_t seed = 1;
    picture from;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &data, &length);
    cinfo.image_width = W;
    cinfo.image_height = H;
    cinfo.input_components = 1;
    cinfo.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&cinfo);
    cinfo.restart_in_rows = 1;
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < H) {
        for (unsigned x = 0; x < W; x++)
            row[x] = (JSAMPLE)((seed = seed * 1664525 + 1013904223) >> 26);
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    from = (picture){data, length, 0};
    measure(&from, "a JPEG with restart markers", "dw=300,dh=300,of=jpeg");
    measure(&from, "a JPEG with restart markers", "dw=2000,dh=2000,jpeghint=y,of=jpeg");
    free(data);
}

int main(void)
{
    picture from = {NULL, 0, 0};

    if (SANITIZED) {
        skip("plans against measured peaks", "a sanitizer's build takes other memory");
        return done_testing();
    }
    for (size_t at = 0; at < CASES; at++) {
        if (at == 0 || !same_picture(at, at - 1)) {
            free(from.data);
            from = make_picture(cases[at].format, cases[at].options);
        }
        if (from.data) {
            char what[80];

            snprintf(what, sizeof what, "%s %s", cases[at].format, cases[at].options);
            measure(&from, what, cases[at].params);
        } else {
            skip(cases[at].options, "mkpicture does not make it in this build");
        }
    }
    free(from.data);
    measure_icon();
    measure_exif();
    measure_profile();
    measure_restarts();
    return done_testing();
}
