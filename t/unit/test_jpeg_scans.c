/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A progressive JPEG decoded at 1/8 without the scans that do not matter gives
 * the bytes of the full decode: over samplings, colour spaces, scan scripts,
 * restart intervals and what may stand between scans. A file cut anywhere is as
 * damaged as without the filter, and on arbitrary bytes the parser keeps its
 * promises.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#include "tap.h"
#include "image/codec/jpeg_scans.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

typedef struct bytes {
    uint8_t *data;
    size_t length;
} bytes;

static void *room(size_t size)
{
    void *made = malloc(size ? size : 1);

    if (!made)
        abort();
    return made;
}

static tc_error read_bytes(void *context, uint64_t offset, void *buffer, size_t length,
                           size_t *got)
{
    const bytes *from = context;
    size_t left = offset < from->length ? from->length - (size_t)offset : 0;

    *got = length < left ? length : left;
    memcpy(buffer, from->data + (left ? offset : 0), *got);
    return TC_E_OK;
}

/* ---- making files ------------------------------------------------------------------ */

typedef struct jpeg_kind {
    const char *name;
    J_COLOR_SPACE space;
    int h, v; /* sampling of the first component (and of black) */
    int restart_rows;
    int script; /* index into scripts; -1 is libjpeg's own */
    boolean arithmetic;
    unsigned skipped; /* scans that are not needed */
} jpeg_kind;

/* Splits of the spectrum, no interleaving, late and early refinement. */
static const jpeg_scan_info split[] = {
    {1, {0}, 0, 0, 0, 2},    {1, {2}, 0, 0, 0, 2},       {1, {1}, 0, 0, 0, 2},
    {1, {0}, 1, 9, 0, 3},    {1, {0}, 10, 62, 0, 0},     {1, {0}, 63, 63, 0, 0},
    {1, {1}, 1, 63, 0, 1},   {3, {0, 1, 2}, 0, 0, 2, 1}, {1, {0}, 1, 9, 3, 2},
    {1, {0}, 1, 9, 2, 1},    {1, {2}, 1, 63, 0, 0},      {1, {1}, 1, 63, 1, 0},
    {2, {0, 2}, 0, 0, 1, 0}, {1, {1}, 0, 0, 1, 0},       {1, {0}, 1, 9, 1, 0},
};
/* The spectrum is never completed, which is allowed. */
static const jpeg_scan_info partial[] = {
    {3, {0, 1, 2}, 0, 0, 0, 0},
    {1, {0}, 1, 5, 0, 2},
    {1, {2}, 1, 5, 0, 0},
};
/* Nothing but DC. */
static const jpeg_scan_info only_dc[] = {
    {3, {0, 1, 2}, 0, 0, 0, 1},
    {3, {0, 1, 2}, 0, 0, 1, 0},
};
static const struct {
    const jpeg_scan_info *scans;
    int count;
} scripts[] = {{split, COUNT(split)}, {partial, COUNT(partial)}, {only_dc, COUNT(only_dc)}};

static const jpeg_kind kinds[] = {
    {"4:2:0", JCS_YCbCr, 2, 2, 0, -1, FALSE, 4},
    {"4:2:2", JCS_YCbCr, 2, 1, 0, -1, FALSE, 8},
    {"4:4:0", JCS_YCbCr, 1, 2, 0, -1, FALSE, 8},
    {"4:4:4", JCS_YCbCr, 1, 1, 0, -1, FALSE, 8},
    {"4:1:1", JCS_YCbCr, 4, 1, 0, -1, FALSE, 8},
    {"4:1:0", JCS_YCbCr, 4, 2, 0, -1, FALSE, 4},
    {"RGB", JCS_RGB, 1, 1, 0, -1, FALSE, 12},
    {"grey", JCS_GRAYSCALE, 1, 1, 0, -1, FALSE, 4},
    {"CMYK", JCS_CMYK, 1, 1, 0, -1, FALSE, 16},
    {"YCCK", JCS_YCCK, 1, 1, 0, -1, FALSE, 16},
    {"YCCK 4:2:0", JCS_YCCK, 2, 2, 0, -1, FALSE, 8},
    {"4:2:0, restarts", JCS_YCbCr, 2, 2, 1, -1, FALSE, 4},
    {"4:4:4, restarts", JCS_YCbCr, 1, 1, 2, -1, FALSE, 8},
    {"grey, restarts", JCS_GRAYSCALE, 1, 1, 1, -1, FALSE, 4},
    {"4:2:0, a script of many splits", JCS_YCbCr, 2, 2, 0, 0, FALSE, 6},
    {"4:4:4, a script of many splits", JCS_YCbCr, 1, 1, 0, 0, FALSE, 9},
    {"4:2:0, many splits, restarts", JCS_YCbCr, 2, 2, 1, 0, FALSE, 6},
    {"4:2:0, an incomplete script", JCS_YCbCr, 2, 2, 0, 1, FALSE, 1},
    {"4:4:4, an incomplete script", JCS_YCbCr, 1, 1, 0, 1, FALSE, 2},
    {"DC alone", JCS_YCbCr, 2, 2, 0, 2, FALSE, 0},
    {"4:2:0, arithmetic", JCS_YCbCr, 2, 2, 0, -1, TRUE, 4},
    {"4:4:4, arithmetic, restarts", JCS_YCbCr, 1, 1, 1, -1, TRUE, 8},
};

static bool have_arithmetic = true;

/* Smooth with some noise, so that every band has coefficients. */
static uint8_t sample(uint32_t x, uint32_t y, int c)
{
    return (uint8_t)(x * (unsigned)(2 + c) + y * y / 40 + (x * y >> 4) % (unsigned)(30 + c) +
                     (uint32_t)rand() % 25);
}

static bytes make_jpeg(const jpeg_kind *kind, uint32_t w, uint32_t h)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors; /* its exit is right here */
    unsigned char *made = NULL;
    unsigned long length = 0;
    JSAMPROW row = room((size_t)w * 4);
    bytes file;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &made, &length);
    cinfo.image_width = w;
    cinfo.image_height = h;
    cinfo.in_color_space = kind->space == JCS_YCbCr  ? JCS_RGB
                           : kind->space == JCS_YCCK ? JCS_CMYK
                                                     : kind->space;
    cinfo.input_components = kind->space == JCS_GRAYSCALE                         ? 1
                             : kind->space == JCS_CMYK || kind->space == JCS_YCCK ? 4
                                                                                  : 3;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, kind->space);
    jpeg_set_quality(&cinfo, 90, TRUE);
    cinfo.comp_info[0].h_samp_factor = kind->h;
    cinfo.comp_info[0].v_samp_factor = kind->v;
    if (kind->space == JCS_YCCK) {
        cinfo.comp_info[3].h_samp_factor = kind->h;
        cinfo.comp_info[3].v_samp_factor = kind->v;
    }
    jpeg_simple_progression(&cinfo);
    if (kind->script >= 0) {
        cinfo.scan_info = scripts[kind->script].scans;
        cinfo.num_scans = scripts[kind->script].count;
    }
    cinfo.restart_in_rows = kind->restart_rows;
    cinfo.arith_code = kind->arithmetic;
    jpeg_start_compress(&cinfo, TRUE);
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w * (unsigned)cinfo.input_components; x++)
            row[x] = sample(x / (unsigned)cinfo.input_components, y,
                            (int)(x % (unsigned)cinfo.input_components));
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    file = (bytes){room(length), length};
    memcpy(file.data, made, length);
    free(made);
    return file;
}

/* Where the next marker of `code` begins, from `at` on; data bytes of 0xff do not count. */
static size_t find_marker(const bytes *file, size_t at, uint8_t code)
{
    while (at + 1 < file->length && !(file->data[at] == 0xff && file->data[at + 1] == code))
        at++;
    return at;
}

static void insert(bytes *file, size_t at, const void *what, size_t length)
{
    uint8_t *longer = room(file->length + length);

    memcpy(longer, file->data, at);
    memcpy(longer + at, what, length);
    memcpy(longer + at + length, file->data + at, file->length - at);
    free(file->data);
    *file = (bytes){longer, file->length + length};
}

/* A segment of `length` data bytes that look like markers. */
static void insert_segment(bytes *file, size_t at, uint8_t code, unsigned length)
{
    uint8_t *segment = room(length + 4);

    for (unsigned i = 0; i < length; i++)
        segment[4 + i] = (uint8_t[]){0xff, 0xda, 0x00, 0x0c, 0xff, 0xd9, 0xff}[i % 7];
    segment[0] = 0xff;
    segment[1] = code;
    segment[2] = (uint8_t)((length + 2) >> 8);
    segment[3] = (uint8_t)(length + 2);
    insert(file, at, segment, length + 4);
    free(segment);
}

/* Before every scan but the first: fill bytes, a comment, an APP segment, tables again. */
static void litter(bytes *file)
{
    static const uint8_t fill[] = {0xff, 0xff, 0xff}, loose[] = {0xff, 0x01};
    size_t tables = find_marker(file, 2, 0xdb);
    size_t length = 2 + ((size_t)file->data[tables + 2] << 8 | file->data[tables + 3]);
    uint8_t *copy = room(length);
    size_t at = find_marker(file, 2, 0xda);

    memcpy(copy, file->data + tables, length);
    memset(copy + 5, 1, 60); /* other values: of no effect once a scan has come */
    for (int n = 0;; n++) {
        at = find_marker(file, at + 2, 0xda);
        if (at + 2 > file->length)
            break;
        /* In the order they will have: fill bytes stand directly before the scan. */
        insert(file, at, fill, sizeof fill);
        insert_segment(file, at, 0xfe, n % 3 == 0 ? 65533 : 7 * (unsigned)n);
        insert_segment(file, at, 0xe0 + (uint8_t)(n % 16), 30);
        insert(file, at, copy, length);
        insert(file, at, loose, sizeof loose);
        at = find_marker(file,
                         at + sizeof loose + length + 4 + 30 + 4 +
                             (n % 3 == 0 ? 65533 : 7 * (size_t)n),
                         0xda);
    }
    free(copy);
}

/* ---- decoding them with libjpeg alone --------------------------------------------- */

/* At 1/8 as the codec asks for it; the samples, and the frame as the filter wants it. */
static bytes decode_plain(const bytes *file, tc_jpeg_frame *frame)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    bytes picture;
    size_t stride;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, file->data, file->length);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.scale_num = 1;
    cinfo.scale_denom = 8;
    cinfo.dct_method = JDCT_ISLOW;
    cinfo.do_block_smoothing = FALSE;
    if (cinfo.jpeg_color_space == JCS_YCCK)
        cinfo.out_color_space = JCS_CMYK;
    jpeg_start_decompress(&cinfo);
    *frame = (tc_jpeg_frame){.components = (unsigned)cinfo.num_components};
    for (int at = 0; at < cinfo.num_components; at++) {
        frame->component[at].id = (uint8_t)cinfo.comp_info[at].component_id;
#if JPEG_LIB_VERSION >= 70
        frame->component[at].dc_only = cinfo.comp_info[at].DCT_h_scaled_size == 1 &&
                                       cinfo.comp_info[at].DCT_v_scaled_size == 1;
#else
        frame->component[at].dc_only = cinfo.comp_info[at].DCT_scaled_size == 1;
#endif
    }
    stride = (size_t)cinfo.output_width * (unsigned)cinfo.output_components;
    picture = (bytes){room(stride * cinfo.output_height), stride * cinfo.output_height};
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW row = picture.data + stride * cinfo.output_scanline;
        jpeg_read_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_decompress(&cinfo);
    ok(errors.num_warnings == 0, "... libjpeg has nothing to say against it");
    jpeg_destroy_decompress(&cinfo);
    return picture;
}

static bool find(tc_jpeg_scans *scans, const bytes *file, const tc_jpeg_frame *frame)
{
    static uint8_t buffer[TC_IO_BYTES];
    tc_input input = {read_bytes, (void *)(uintptr_t)file, file->length, NULL};

    memset(scans, 0xa5, sizeof *scans);
    return tc_jpeg_scans_find(scans, &input, find_marker(file, 2, 0xda), frame, buffer);
}

/* What a reader gets that heeds the ranges, in pieces of `most` bytes. */
static bytes filtered(const bytes *file, tc_jpeg_scans *scans, size_t most)
{
    bytes made = {room(file->length), 0};
    uint64_t offset = 0;

    while (offset < file->length) {
        size_t step = tc_jpeg_scans_step(scans, &offset, most), got;

        if (step < 1 || step > most || made.length + step > file->length + most)
            abort();
        read_bytes((void *)(uintptr_t)file, offset, made.data + made.length,
                   step < file->length - made.length ? step : file->length - made.length, &got);
        made.length += got;
        offset += got;
    }
    return made;
}

static void check_file(const jpeg_kind *kind, bytes *file, const char *what)
{
    tc_jpeg_frame frame, same;
    bytes full, few, picture;
    tc_jpeg_scans scans;
    bool found;

    full = decode_plain(file, &frame);
    found = find(&scans, file, &frame);
    if (!ok(found == (kind->skipped > 0) && scans.count == kind->skipped,
            "%s%s: %u scans are skipped", kind->name, what, kind->skipped))
        printf("# %u\n", scans.count);
    few = filtered(file, &scans, 1 + (size_t)rand() % 5000);
    picture = decode_plain(&few, &same);
    ok(few.length <= file->length && picture.length == full.length &&
           memcmp(picture.data, full.data, full.length) == 0,
       "%s%s: the same samples from %zu of %zu bytes", kind->name, what, few.length,
       file->length);
    free(full.data);
    free(few.data);
    free(picture.data);
}

static void same_samples(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        uint32_t w = 130 + (uint32_t)rand() % 200, h = 90 + (uint32_t)rand() % 150;
        bytes file;

        if (kinds[i].arithmetic && !have_arithmetic) {
            skip(kinds[i].name, "this libjpeg has no arithmetic coding");
            continue;
        }
        file = make_jpeg(&kinds[i], w, h);
        check_file(&kinds[i], &file, "");
        litter(&file);
        check_file(&kinds[i], &file, ", littered");
        free(file.data);
    }
}

/* ---- through the codec ---------------------------------------------------------------- */

/* Decode with the codec; what went wrong, and the rows' bytes in *hash. */
static tc_error decode(const bytes *file, unsigned reduce, uint32_t *hash)
{
    tc_input input = {read_bytes, (void *)(uintptr_t)file, file->length, NULL};
    tc_fail fail = {TC_E_OK, ""};
    tc_decoder *decoder = NULL;
    tc_image_info info;
    tc_layout layout;
    tc_error error = tc_codec_jpeg.decode_open(&decoder, &input, &info, &fail);
    tc_decode_want want = {.reduce = reduce};

    *hash = 2166136261u;
    if (!error) {
        want.source = (tc_rect){0, 0, info.width, info.height};
        error = tc_codec_jpeg.decode_start(decoder, &want, &layout);
    }
    for (uint32_t y = 0; !error && y < layout.plane[0].h;) {
        tc_strip strip;

        error = tc_codec_jpeg.decode_rows(decoder, &strip);
        for (uint32_t at = 0; !error && at < strip.plane[0].rows; at++) {
            const uint8_t *row = strip.plane[0].data + strip.plane[0].stride * at;
            for (uint32_t x = 0; x < layout.plane[0].w * layout.plane[0].channels; x++)
                *hash = (*hash ^ row[x]) * 16777619u;
        }
        y += error ? 0 : strip.plane[0].rows;
    }
    tc_codec_jpeg.decode_free(decoder);
    return error;
}

/*
 * The codec, with its own store of coefficients, gives what libjpeg alone gives; also
 * of pictures whose coefficients are got from the system in one piece.
 */
static void coefficients_are_kept(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        bool large = i % 5 == 0;
        uint32_t w = large ? 1100 + (uint32_t)rand() % 9 : 33, h = large ? 905 : 150;
        uint32_t expected = 2166136261u, hash;
        tc_jpeg_frame frame;
        bytes file, picture;

        if ((kinds[i].arithmetic && !have_arithmetic) || kinds[i].space == JCS_CMYK ||
            kinds[i].space == JCS_YCCK)
            continue; /* CMYK is turned into RGB on the way */
        file = make_jpeg(&kinds[i], w, h);
        picture = decode_plain(&file, &frame);
        for (size_t at = 0; at < picture.length; at++)
            expected = (expected ^ picture.data[at]) * 16777619u;
        ok(decode(&file, 8, &hash) == TC_E_OK && hash == expected,
           "%s, %ux%u: the codec's rows are libjpeg's", kinds[i].name, w, h);
        free(picture.data);
        free(file.data);
    }
}

/* A file cut anywhere is refused, or not, at 1/8 as it is at 1/4, where nothing is skipped. */
static void cuts_are_noticed(void)
{
    static const int some[] = {0, 3, 7, 11, 14};

    for (size_t i = 0; i < COUNT(some); i++) {
        const jpeg_kind *kind = &kinds[some[i]];
        bytes file = make_jpeg(kind, 61, 47), cut = file;
        int refused = 0, whole = 0, differ = 0;
        uint32_t hash, entire;

        if (decode(&file, 8, &entire) != TC_E_OK)
            abort();
        for (cut.length = 0; cut.length <= file.length; cut.length++) {
            bytes exact = {room(cut.length), cut.length};
            tc_error at_8, at_4;

            memcpy(exact.data, file.data, cut.length);
            at_4 = decode(&exact, 4, &hash);
            at_8 = decode(&exact, 8, &hash);
            differ += at_8 != at_4 || (at_8 == TC_E_OK && hash != entire);
            *(at_8 ? &refused : &whole) += 1;
            free(exact.data);
        }
        ok(differ == 0 && whole >= 2 && whole <= 4,
           "%s cut at each of %zu bytes: %d refused, %d whole but for the end marker, %d "
           "differ",
           kind->name, file.length, refused, whole, differ);
        free(file.data);
    }
}

/* Damage in a scan that is not needed changes nothing at 1/8, so it is in use there. */
static void skipped_is_unread(void)
{
    bytes file = make_jpeg(&kinds[0], 400, 300);
    uint32_t before, after, quarter;
    tc_jpeg_frame frame;
    tc_jpeg_scans scans;
    bytes picture = decode_plain(&file, &frame);

    if (!find(&scans, &file, &frame) || decode(&file, 8, &before))
        abort();
    for (unsigned at = 0; at < scans.count; at++) {
        uint64_t to = scans.skip[at].to;

        for (uint64_t i = scans.skip[at].from + 20; i < to; i++) {
            if (file.data[i] != 0xff && file.data[i - 1] != 0xff)
                file.data[i] = (uint8_t)((uint32_t)rand() % 255);
        }
    }
    ok(decode(&file, 8, &after) == TC_E_OK && before == after,
       "noise in all scans that are not needed: the same at 1/8");
    ok(decode(&file, 4, &quarter) == TC_E_DAMAGED, "... and damaged at 1/4");
    free(picture.data);
    free(file.data);
}

static void too_many_scans(void)
{
    bytes file = make_jpeg(&kinds[0], 16, 16);
    tc_jpeg_frame frame;
    tc_jpeg_scans scans;
    bytes picture = decode_plain(&file, &frame);
    uint32_t hash;
    size_t first = find_marker(&file, 2, 0xda), second = find_marker(&file, first + 2, 0xda);
    size_t length = second - first;
    uint8_t *scan = room(length);

    memcpy(scan, file.data + first, length);
    ok(find(&scans, &file, &frame), "as it is, scans are skipped");
    insert(&file, second, scan, length);
    ok(!find(&scans, &file, &frame) && scans.count == 0, "a scan that came before: nothing is");
    ok(decode(&file, 8, &hash) == TC_E_DAMAGED, "... and it is refused as ever");
    for (int n = 0; n < TC_JPEG_SCANS_MAX; n++)
        insert(&file, second, scan, length);
    ok(!find(&scans, &file, &frame), "hundreds of scans: nothing is skipped");
    ok(decode(&file, 8, &hash) == TC_E_DAMAGED, "... and they are refused");
    free(scan);
    free(picture.data);
    free(file.data);
}

/* A scan that is not needed and starts at a bit which libjpeg refuses is not skipped. */
static void lowest_bit(unsigned bit, bool sound)
{
    bytes file = make_jpeg(&kinds[18], 40, 30);
    tc_jpeg_frame frame;
    tc_jpeg_scans scans;
    bytes picture = decode_plain(&file, &frame);
    uint32_t hash;
    size_t last = 0, next = find_marker(&file, 2, 0xda);

    while (next + 1 < file.length) {
        last = next;
        next = find_marker(&file, last + 2, 0xda);
    }
    /* Of one component: marker, length, count, component and tables, first, last, bits. */
    file.data[last + 9] = (uint8_t)bit;
    ok(find(&scans, &file, &frame) == sound, "a scan from bit %u on is %s", bit,
       sound ? "skipped" : "not skipped");
    ok(decode(&file, 8, &hash) == (sound ? TC_E_OK : TC_E_DAMAGED), "... and %s",
       sound ? "goes unread" : "refused");
    free(picture.data);
    free(file.data);
}

/* ---- arbitrary bytes ---------------------------------------------------------------- */

static bool in_order(const tc_jpeg_scans *scans, uint64_t length)
{
    uint64_t before = 0;

    if (scans->count > TC_JPEG_SCANS_MAX)
        return false;
    for (unsigned at = 0; at < scans->count; at++) {
        if (scans->skip[at].from < before || scans->skip[at].to <= scans->skip[at].from ||
            scans->skip[at].to > length)
            return false;
        before = scans->skip[at].to;
    }
    return true;
}

static void mutate(bytes *file)
{
    for (int n = 1 + rand() % 4; n > 0; n--) {
        size_t at = (size_t)rand() % file->length;

        switch (rand() % 4) {
        case 0:
            file->data[at] = (uint8_t)rand();
            break;
        case 1:
            file->data[at] = 0xff;
            break;
        case 2:
            file->data[at] = (uint8_t[]){0xda, 0xd9, 0xc4, 0xfe, 0x00, 0xd0, 0xdd}[rand() % 7];
            break;
        default:
            file->length = file->length - (size_t)rand() % (file->length / 8 + 1);
        }
        if (file->length == 0)
            file->length = 1;
    }
}

#define MUTANTS 20000

static void arbitrary_bytes(void)
{
    bytes file = make_jpeg(&kinds[11], 40, 30);
    tc_jpeg_frame frame;
    bytes picture = decode_plain(&file, &frame);
    int wrong = 0, found = 0, refused = 0;

    for (int n = 0; n < MUTANTS; n++) {
        bytes mutant = {room(file.length), file.length}, few;
        tc_jpeg_scans scans;

        memcpy(mutant.data, file.data, file.length);
        if (n % 10 == 0) {
            for (size_t at = file.length / 4; at < file.length; at++)
                mutant.data[at] = rand() % 3 ? (uint8_t)rand() : 0xff;
        }
        mutate(&mutant);
        mutant.data = realloc(mutant.data, mutant.length);
        if (!mutant.data)
            abort();
        found += find(&scans, &mutant, &frame);
        wrong += !in_order(&scans, mutant.length);
        few = filtered(&mutant, &scans, 1 + (size_t)rand() % 300);
        wrong += few.length > mutant.length || (!scans.count && few.length != mutant.length);
        if (n % 20 == 0) {
            uint32_t hash;
            refused += decode(&mutant, 8, &hash) != TC_E_OK;
        }
        free(few.data);
        free(mutant.data);
    }
    ok(wrong == 0, "%d mutants: %d are filtered, %d wrong", MUTANTS, found, wrong);
    ok(found > MUTANTS / 20 && refused > 0, "... both kinds are there, %d refused by the codec",
       refused);
    free(picture.data);
    free(file.data);
}

static void odd_frames(void)
{
    bytes file = make_jpeg(&kinds[3], 40, 30);
    tc_jpeg_frame frame, odd;
    tc_jpeg_scans scans;
    bytes picture = decode_plain(&file, &frame);

    odd = frame;
    odd.component[2].id = odd.component[1].id;
    ok(!find(&scans, &file, &odd), "two components of one name: nothing is skipped");
    odd = frame;
    odd.component[1].id = 77;
    ok(!find(&scans, &file, &odd), "a scan of an unknown component: nothing is skipped");
    odd.components = 0;
    ok(!find(&scans, &file, &odd), "a frame of no components: nothing is skipped");
    odd.components = TC_JPEG_COMPONENTS + 1;
    ok(!find(&scans, &file, &odd), "one of more than there is room for: nothing is skipped");
    free(picture.data);
    free(file.data);
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
#ifndef C_ARITH_CODING_SUPPORTED
    have_arithmetic = false;
#endif
    same_samples();
    coefficients_are_kept();
    cuts_are_noticed();
    skipped_is_unread();
    too_many_scans();
    lowest_bit(13, true);
    lowest_bit(14, false);
    odd_frames();
    arbitrary_bytes();
    return done_testing();
}
