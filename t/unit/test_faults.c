/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: every conversion again and again, each time with another
 * one of its allocations failing, alone or with all that come after. It ends with
 * TC_E_NO_MEMORY or with the very bytes that it makes else, and gives everything
 * back. Pools are left out: without memory APR ends the process, by httpd's design.
 */
#include "../preload/heap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>

#include "tap.h"
#include "dirs.h"
#include "image/codec/codec.h"
#include "image/pipeline/pipeline.h"
#include "temp/spool.h"

#define KB 1024u

/* ---- the allocator ------------------------------------------------------------- */

static struct {
    bool armed, after, own_code;
    int at, seen, hit;
    int live; /* blocks taken less those given back, while armed */
} heap;

extern const char __executable_start, etext;

/* Of this program's own code alone, where APR's pools are at work beside it. */
HEAP_PLAIN static bool counts(const void *caller)
{
    return heap.armed && (!heap.own_code || ((const char *)caller >= &__executable_start &&
                                             (const char *)caller < &etext));
}

HEAP_PLAIN static bool heap_fails(const void *caller)
{
    if (!counts(caller))
        return false;
    heap.seen++;
    if (heap.seen != heap.at && !(heap.after && heap.at && heap.seen > heap.at))
        return false;
    heap.hit++;
    return true;
}

HEAP_PLAIN static void heap_changed(int blocks, void *block, const void *caller)
{
    (void)block;
    if (counts(caller))
        heap.live += blocks;
}

/* From here on the `at`-th allocation fails, 0: none; with `after` all that follow too. */
static void arm(int at, bool after)
{
    heap.at = at;
    heap.after = after;
    heap.seen = heap.hit = heap.live = 0;
    heap.armed = true;
}

static void disarm(void)
{
    heap.armed = false;
}

/* ---- a conversion ---------------------------------------------------------------- */

#define MOST (512 * KB)

typedef struct bytes {
    size_t length;
    uint8_t data[MOST];
} bytes;

static bytes source, result, expected, decoded;

static tc_error read_source(void *context, uint64_t offset, void *to, size_t length,
                            size_t *got)
{
    const bytes *from = context;

    *got = 0;
    if (offset < from->length) {
        *got = from->length - offset < length ? from->length - (size_t)offset : length;
        memcpy(to, from->data + offset, *got);
    }
    return TC_E_OK;
}

static tc_error write_result(void *context, const void *data, size_t length)
{
    bytes *to = context;

    if (length > MOST - to->length)
        return TC_E_WRITE;
    memcpy(to->data + to->length, data, length);
    to->length += length;
    return TC_E_OK;
}

static tc_error convert_from(bytes *from, bytes *to, const tc_params *params, tc_fail *fail)
{
    const tc_limits limits = {0};
    tc_input input = {read_source, from, from->length, NULL};
    tc_output output = {write_result, to};
    tc_pipeline *pipeline;
    tc_error error;

    to->length = 0;
    *fail = (tc_fail){0};
    error = tc_pipeline_open(&pipeline, &input, params, &limits, fail);
    if (!error)
        error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    tc_pipeline_free(pipeline);
    return error;
}

static tc_error convert(const tc_params *params, tc_fail *fail)
{
    return convert_from(&source, &result, params, fail);
}

static bool same_bytes(const bytes *one, const bytes *other)
{
    return one->length == other->length && memcmp(one->data, other->data, one->length) == 0;
}

/* The same bytes, or, as libwebp does without memory for its best, others that mean the same
   pixels. */
static bool is_expected(void)
{
    static bytes pixels;
    tc_params png;
    tc_fail fail;

    if (same_bytes(&result, &expected))
        return true;
    tc_params_init(&png);
    return !tc_params_parse(&png, "of=png", 6, NULL, NULL, &fail) &&
           !convert_from(&expected, &pixels, &png, &fail) &&
           !convert_from(&result, &decoded, &png, &fail) && same_bytes(&pixels, &decoded);
}

/* One with the `at`-th allocation failing. Returns whether there was one. */
static bool without(const tc_params *params, const char *name, int at, bool after, int *bad)
{
    tc_fail fail;
    tc_error error;

    arm(at, after);
    error = convert(params, &fail);
    disarm();
    if (heap.live != 0) {
        printf("# %s: allocation %d%s: %d blocks are not given back\n", name, at,
               after ? " and on" : "", heap.live);
        ++*bad;
    }
    if (error ? error != TC_E_NO_MEMORY || !fail.text[0] : !is_expected()) {
        printf("# %s: allocation %d%s: %s: %s\n", name, at, after ? " and on" : "",
               error ? tc_error_name(error) : "another picture", fail.text);
        ++*bad;
    }
    return heap.hit > 0;
}

static void sweep(const char *picture, const char *request)
{
    tc_params params;
    tc_fail fail = {0};
    char name[200];
    int count, bad = 0, unnoticed = 0;

    snprintf(name, sizeof name, "%s, %s", picture, request);
    tc_params_init(&params);
    if (tc_params_parse(&params, request, strlen(request), NULL, NULL, &fail)) {
        ok(false, "%s: %s", name, fail.text);
        return;
    }
    /* Once for what the libraries make on their first use and keep. */
    convert(&params, &fail);
    arm(0, false);
    if (convert(&params, &fail)) {
        disarm();
        ok(false, "%s: %s", name, fail.text);
        return;
    }
    disarm();
    count = heap.seen;
    expected = result;
    for (int after = 0; after < 2; after++) {
        for (int at = 1; at <= count; at++)
            unnoticed += !without(&params, name, at, after, &bad);
    }
    ok(bad == 0 && unnoticed == 0 && count > 10,
       "%s: %d allocations, each failing: no memory, or the same picture", name, count);
}

/* ---- pictures --------------------------------------------------------------------- */

static char dir[PATH_MAX];

/* build/bin/mkpicture's; false when it knows no such thing. */
static bool make_picture(const char *ending, const char *options)
{
    char command[2 * PATH_MAX], path[PATH_MAX + 20];
    ssize_t got;
    int fd;

    snprintf(path, sizeof path, "%s/picture.%s", dir, ending);
    snprintf(command, sizeof command, "build/bin/mkpicture %s 60 44 %s 2>/dev/null", path,
             options);
    if (system(command) != 0)
        return false;
    fd = open(path, O_RDONLY);
    got = fd < 0 ? -1 : read(fd, source.data, MOST);
    if (fd >= 0)
        close(fd);
    unlink(path);
    source.length = got > 0 ? (size_t)got : 0;
    return got > 0 && got < MOST;
}

/* What is laid upon or done to the picture; keys that this build does not know it ignores. */
static const char *const requests[] = {
    "dw=30,of=jpeg",
    "dw=30,of=png",
    "dw=30,dh=20,da=s,cw=40,ch=30,cc=ff800080,of=png",
    "dw=90,dh=90,ds=s,cw=100,ch=100,cc=246,of=jpeg",
    "sx=10,sy=5,sw=30,sh=30,dw=20,of=jpeg",
    "dw=30,sharpen=0x1,of=jpeg",
    "dw=30,unsharp=0x1+1+0.05,of=png",
    "dw=30,blur=0x1,angle=90,of=jpeg",
    "dw=40,progressive=y,inhexif=y,of=jpeg",
    "dw=30,bw=3,bh=4,bc=f00,of=png",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void sweep_all(const char *picture)
{
    for (size_t at = 0; at < COUNT(requests); at++)
        sweep(picture, requests[at]);
}

static void test_formats(void)
{
    static const struct {
        const char *ending, *options;
    } rows[] = {
        {"jpg", "kind=photo"},
        {"jpg", "kind=photo progressive=1"},
        {"jpg", "kind=photo space=grey"},
        {"jpg", "kind=photo space=ycck orientation=6"},
        {"png", "kind=photo"},
        {"png", "kind=disc type=rgba interlace=1"},
        {"png", "kind=quad type=palette"},
        {"png", "kind=photo type=greya depth=16"},
    };
    char name[100];

    for (size_t at = 0; at < COUNT(rows); at++) {
        snprintf(name, sizeof name, "%s %s", rows[at].ending, rows[at].options);
        if (make_picture(rows[at].ending, rows[at].options))
            sweep_all(name);
        else
            ok(false, "%s: build/bin/mkpicture cannot make it", name);
    }
}

/* A GIF of 60x44 with a transparent colour: pixels of 7 bits are codes of 8 as long as the
   table is emptied in time. */
static void make_gif(void)
{
    static const uint8_t head[] = "GIF89a\x3c\0\x2c\0\xf6\0\0", /* 128 colours */
        control[] = "!\xf9\x04\x01\0\0\x05\0", image[] = ",\0\0\0\0\x3c\0\x2c\0\0\x07";
    uint8_t *to = source.data;

    memcpy(to, head, 13);
    to += 13;
    for (unsigned at = 0; at < 128 * 3; at++)
        *to++ = (uint8_t)(at * 83);
    memcpy(to, control, 8);
    memcpy(to + 8, image, 11);
    to += 19;
    for (unsigned block = 0; block < 44; block++) {
        *to++ = 61;
        *to++ = 128; /* begin anew */
        for (unsigned x = 0; x < 60; x++)
            *to++ = (uint8_t)((x * 3 + block * block) & 127);
    }
    memcpy(to, "\x01\x81\0;", 4); /* the end of the codes, of the blocks, of the file */
    source.length = (size_t)(to + 4 - source.data);
}

/* A picture of the format into `source`, by its own encoder. */
static bool make_encoded(const tc_codec *codec)
{
    char request[40];
    tc_params params;
    tc_fail fail = {0};

    if (!codec->encode_open || !make_picture("png", "kind=photo"))
        return false;
    snprintf(request, sizeof request, "of=%s", codec->name);
    tc_params_init(&params);
    if (tc_params_parse(&params, request, strlen(request), NULL, NULL, &fail) ||
        convert(&params, &fail))
        return false;
    source = result;
    return true;
}

/* The formats that are built in beside those. */
static void test_others(void)
{
    static const tc_format formats[] = {TC_FORMAT_GIF, TC_FORMAT_TIFF, TC_FORMAT_WEBP,
                                        TC_FORMAT_AVIF};
    char versions[TC_VERSIONS_MAX], request[40];

    tc_codec_versions(versions, sizeof versions);
    for (size_t at = 0; at < COUNT(formats); at++) {
        const tc_codec *codec = tc_codec_find(formats[at]);

        if (!codec)
            continue;
        if (formats[at] == TC_FORMAT_AVIF && strstr(versions, "avif 0.")) {
            skip(codec->name, "libavif before 1.0 ends the process without memory");
            continue;
        }
        if (formats[at] == TC_FORMAT_GIF)
            make_gif();
        else if (!make_encoded(codec))
            source.length = 0;
        if (ok(tc_format_sniff(source.data, source.length) == formats[at], "a picture: %s",
               codec->name))
            sweep_all(codec->name);
        if (formats[at] == TC_FORMAT_WEBP)
            skip("webp with alpha",
                 "without memory libwebp's decoder of alpha (1.2.4) writes to address 0");
        if (codec->encode_open && make_picture("png", "kind=disc type=rgba")) {
            snprintf(request, sizeof request, "dw=30,of=%s", codec->name);
            sweep("png kind=disc type=rgba", request);
        }
    }
}

/* A profile that libpng does not mistrust: sizes, signatures and D50, and no tags. */
static void make_profile(uint8_t profile[132])
{
    static const uint8_t d50[12] = {0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d};

    memset(profile, 0, 132);
    profile[3] = 132;
    profile[8] = 2;
    memcpy(profile + 12, "mntrRGB XYZ ", 12);
    memcpy(profile + 36, "acsp", 4);
    memcpy(profile + 68, d50, sizeof d50);
}

/* A picture with the profile, into `source`. */
static bool make_with_profile(const tc_codec *codec)
{
    static uint8_t profile[132], rows[3 * 60 * 44];
    tc_encode_spec spec = {.model = TC_RGB,
                           .width = 60,
                           .height = 44,
                           .quality = 90,
                           .icc = profile,
                           .icc_length = sizeof profile};
    tc_output output = {write_result, &result};
    tc_strip strip = {{{rows, 180, 44}}};
    tc_fail fail = {0};
    tc_encoder *encoder;
    bool made;

    make_profile(profile);
    for (size_t at = 0; at < sizeof rows; at++)
        rows[at] = (uint8_t)(at * at / 91);
    result.length = 0;
    made = !codec->encode_open(&encoder, &output, &spec, &fail);
    for (unsigned y = 0; made && y < 44; y++) {
        strip.plane[0].data = rows + 180 * y;
        strip.plane[0].rows = 1;
        made = !codec->encode_rows(encoder, &strip);
    }
    made = made && !codec->encode_finish(encoder);
    codec->encode_free(encoder);
    source = result;
    return ok(made, "a %s with a profile%s%s", codec->name, made ? "" : ": ", fail.text);
}

/* Neither profile nor orientation may get lost without the conversion failing. */
static void test_metadata(void)
{
    static const uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,  'M', 'M',
                                   0,    42,   0, 0,  0,   8,   0,   1,   1, 18, 0,   3,
                                   0,    0,    0, 1,  0,   6,   0,   0,   0, 0,  0,   0};

    if (make_with_profile(&tc_codec_jpeg)) {
        memmove(source.data + 2 + sizeof exif, source.data + 2, source.length - 2);
        memcpy(source.data + 2, exif, sizeof exif);
        source.length += sizeof exif;
        sweep_all("jpg with profile and orientation");
    }
    if (make_with_profile(&tc_codec_png))
        sweep_all("png with profile");
}

/* ---- spool --------------------------------------------------------------------------- */

/* Take in, read a part of it, seal; what is given back goes with the pools. */
static apr_status_t spool_some(apr_pool_t *parent, apr_size_t threshold, apr_size_t total)
{
    static char part[10 * KB];
    tc_temp_config places = {.method = TC_TEMP_MEMFD};
    apr_bucket_brigade *bb;
    apr_pool_t *pool;
    tc_spool *spool;
    apr_status_t status = APR_SUCCESS;
    apr_size_t got;

    apr_pool_create(&pool, parent);
    bb = apr_brigade_create(pool, apr_bucket_alloc_create(pool));
    spool = tc_spool_create(pool, &places, threshold);
    for (apr_size_t at = 0; at < total && status == APR_SUCCESS; at += sizeof part)
        status = tc_spool_write(spool, part, sizeof part);
    if (status == APR_SUCCESS)
        status = tc_spool_read(spool, 5, part, sizeof part, &got);
    if (status == APR_SUCCESS)
        status = tc_spool_seal(spool, bb);
    else if (tc_spool_write(spool, part, 1) == APR_SUCCESS)
        status = APR_EGENERAL; /* after a failure it must be dead */
    apr_brigade_destroy(bb);
    apr_pool_destroy(pool);
    return status;
}

static void test_spool(apr_pool_t *root)
{
    static const struct {
        const char *name;
        apr_size_t threshold, total;
    } rows[] = {{"in memory", 1024 * KB, 900 * KB},
                {"in a file", 0, 300 * KB},
                {"from memory to a file", 100 * KB, 300 * KB}};

    for (size_t row = 0; row < COUNT(rows); row++) {
        int count, bad = 0, descriptors = entries("/proc/self/fd");

        heap.own_code = true;
        arm(0, false);
        bad += spool_some(root, rows[row].threshold, rows[row].total) != APR_SUCCESS;
        disarm();
        count = heap.seen;
        for (int at = 1; at <= count; at++) {
            apr_status_t status;

            arm(at, at % 2);
            status = spool_some(root, rows[row].threshold, rows[row].total);
            disarm();
            if (status != APR_ENOMEM || heap.live || entries("/proc/self/fd") != descriptors)
                printf("# allocation %d: status %d, %d blocks\n", at, status, heap.live), bad++;
        }
        heap.own_code = false;
        ok(bad == 0 && count > 0, "a spool %s: %d allocations, each failing: APR_ENOMEM",
           rows[row].name, count);
    }
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    apr_pool_t *root;

    apr_initialize();
    apr_pool_create(&root, NULL);
    private_dir(dir, sizeof dir, base && *base ? base : "/tmp");
    test_formats();
    test_others();
    test_metadata();
    test_spool(root);
    rmdir(dir);
    apr_pool_destroy(root);
    apr_terminate();
    return done_testing();
}
