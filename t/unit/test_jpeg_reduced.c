/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEGs decoded at a reduced size by our own decoder of their Huffman codes: for every kind of
 * file the same samples as libjpeg's, and for what is damaged the same rows, error and reason.
 */
#include "tap.h"
#include "jpegs.h"
#include "image/codec/jpeg.h"
#include "image/codec/jpeg_samples.h"

#include <jerror.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * bound >> 24);
}

/* ---- files -------------------------------------------------------------------------- */

typedef enum content { SCENE, NOISE, GRAIN, BOARD, LEVELS, CONTENTS } content;

typedef struct kind {
    const char *name;
    int h[3], v[3];
    bool grey;
} kind;

static const kind kinds[] = {
    {"4:2:0", {2, 1, 1}, {2, 1, 1}, false},
    {"4:2:2", {2, 1, 1}, {1, 1, 1}, false},
    {"4:4:4", {1, 1, 1}, {1, 1, 1}, false},
    {"4:4:0", {1, 1, 1}, {2, 1, 1}, false},
    {"4:1:1", {4, 1, 1}, {1, 1, 1}, false},
    {"4:1:0", {4, 1, 1}, {2, 1, 1}, false},
    {"1x4", {1, 1, 1}, {4, 1, 1}, false},
    {"planes of three sizes", {2, 2, 1}, {2, 1, 2}, false},
    {"finer chroma than luma", {1, 2, 2}, {1, 2, 2}, false},
    {"thirds", {3, 1, 1}, {1, 1, 1}, false},
    {"grey", {1}, {1}, true},
    {"grey that says 2x2", {2}, {2}, true},
};

/* How a file is written, besides its kind. */
typedef struct manner {
    uint32_t w, h;
    content content;
    int quality;
    unsigned interval; /* MCUs between restart markers */
    bool optimised;    /* tables for the file */
    bool long_codes;   /* all of 16 bits */
    bool deep_tables;  /* multipliers of 16 bits */
    void (*more)(j_compress_ptr cinfo);
} manner;

static uint8_t sample(content content, uint32_t x, uint32_t y, uint32_t w, uint32_t h, int c)
{
    double ycc[3];

    switch (content) {
    case NOISE:
        return (uint8_t)below(256);
    case BOARD:
        return (x ^ y) & 1 ? 255 : 0;
    case LEVELS: /* blocks of black and white: the largest differences of DC */
        return (x / 8 ^ y / 8) & 1 ? 255 : 0;
    default:
        scene_at((x + 0.5) / w, (y + 0.5) / h, ycc);
        return (uint8_t)(ycc[c] + (content == GRAIN ? (double)below(24) : 0));
    }
}

/* All symbols that can come, each with a code of 16 bits. */
static void lengthen(JHUFF_TBL *table, bool dc)
{
    unsigned count = 0;

    memset(table, 0, sizeof *table);
    for (unsigned symbol = 0; symbol < 256; symbol++) {
        unsigned size = symbol & 15, zeros = symbol >> 4;

        if (dc ? symbol <= 11 : size <= 10 && (size > 0 || zeros == 0 || zeros == 15))
            table->huffval[count++] = (UINT8)symbol;
    }
    table->bits[16] = (UINT8)count;
}

static void say_nothing(j_common_ptr cinfo, int level)
{
    (void)cinfo;
    (void)level;
}

static bytes write_jpeg(const kind *kind, const manner *manner)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned long length = 0;
    unsigned char *data = NULL;
    uint8_t *row = malloc((size_t)manner->w * 4);

    cinfo.err = jpeg_std_error(&errors);
    errors.emit_message = say_nothing;
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &data, &length);
    cinfo.image_width = manner->w;
    cinfo.image_height = manner->h;
    cinfo.input_components = kind->grey ? 1 : 3;
    cinfo.in_color_space = kind->grey ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, manner->quality, !manner->deep_tables);
    for (int at = 0; at < cinfo.num_components; at++) {
        cinfo.comp_info[at].h_samp_factor = kind->h[at];
        cinfo.comp_info[at].v_samp_factor = kind->v[at];
    }
    cinfo.restart_interval = manner->interval;
    cinfo.optimize_coding = manner->optimised;
    for (int at = 0; manner->long_codes && at < 2; at++) {
        lengthen(cinfo.dc_huff_tbl_ptrs[at], true);
        lengthen(cinfo.ac_huff_tbl_ptrs[at], false);
    }
    if (manner->more)
        manner->more(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    for (uint32_t y = 0; y < manner->h; y++) {
        for (uint32_t x = 0; x < manner->w * (uint32_t)cinfo.input_components; x++) {
            uint32_t at = x / (uint32_t)cinfo.input_components;
            row[x] = sample(manner->content, at, y, manner->w, manner->h,
                            (int)(x % (uint32_t)cinfo.input_components) % 3);
        }
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return (bytes){data, length};
}

/* ---- decoded both ways -------------------------------------------------------------- */

typedef struct source {
    bytes file;
    uint64_t fails_at; /* reading from there on does; 0: never */
} source;

static tc_error read_source(void *context, uint64_t offset, void *buffer, size_t length,
                            size_t *got)
{
    source *source = context;

    *got = 0;
    if (source->fails_at && offset + length > source->fails_at)
        return TC_E_READ;
    return read_bytes(&source->file, offset, buffer, length, got);
}

/* What came of a file. */
typedef struct outcome {
    bytes rows; /* of all planes, as they came */
    tc_layout layout;
    tc_error error;
    tc_fail fail, damage;
    bool begun, ended; /* by our own decoder */
} outcome;

typedef struct way {
    unsigned reduce;
    bool planes;
    bool serve_damaged;
    tc_cancel *cancel;
} way;

static void keep_rows(outcome *outcome, const tc_strip *strip)
{
    for (unsigned p = 0; p < outcome->layout.planes; p++) {
        size_t width = (size_t)outcome->layout.plane[p].w * outcome->layout.plane[p].channels;

        for (uint32_t y = 0; y < strip->plane[p].rows; y++)
            write_bytes(&outcome->rows, strip->plane[p].data + strip->plane[p].stride * y,
                        width);
    }
}

static outcome decode(source *source, const way *way, bool library)
{
    tc_input input = {read_source, source, source->file.length, NULL};
    outcome outcome = {.error = TC_E_OK};
    tc_decoder *decoder = NULL;
    tc_image_info info;
    uint32_t rows = 0;

    outcome.error = tc_codec_jpeg.decode_open(&decoder, &input, &info, &outcome.fail);
    if (!outcome.error) {
        tc_decode_want want = {.reduce = way->reduce,
                               .planes = way->planes && info.planes,
                               .library = library,
                               .source = {0, 0, info.width, info.height},
                               .cancel = way->cancel,
                               .damage = way->serve_damaged ? &outcome.damage : NULL};

        outcome.error = tc_codec_jpeg.decode_start(decoder, &want, &outcome.layout);
        outcome.begun = !outcome.error && decoder->reduced.by;
    }
    while (!outcome.error && rows < outcome.layout.plane[0].h) {
        tc_strip strip = {0};

        outcome.error = tc_codec_jpeg.decode_rows(decoder, &strip);
        if (!outcome.error)
            keep_rows(&outcome, &strip);
        rows += strip.plane[0].rows;
    }
    outcome.ended = !outcome.error && decoder->reduced.by;
    tc_codec_jpeg.decode_free(decoder);
    return outcome;
}

static bool same(const outcome *one, const outcome *other)
{
    return one->error == other->error && strcmp(one->fail.text, other->fail.text) == 0 &&
           one->damage.error == other->damage.error &&
           strcmp(one->damage.text, other->damage.text) == 0 &&
           one->rows.length == other->rows.length &&
           (one->rows.length == 0 ||
            memcmp(one->rows.data, other->rows.data, one->rows.length) == 0);
}

/* How often each came. */
typedef struct tally {
    unsigned cases, different, begun, ended, bad, borne;
} tally;

static const way ways[] = {
    {8, true, false, NULL}, {8, false, false, NULL}, {8, true, true, NULL},
    {8, false, true, NULL}, {4, true, false, NULL},  {4, false, false, NULL},
    {2, true, false, NULL}, {2, false, true, NULL},  {1, true, false, NULL},
    {1, true, true, NULL},  {1, false, false, NULL},
};

/* Of those the ones that our own decoder begins on for every kind: all planes, where it can. */
static unsigned least_begun(void)
{
    return tc_jpeg_put_avx2(DCTSIZE) ? 6 : 2;
}

static void both(tally *tally, source *source, const way *way, const char *what)
{
    outcome own = decode(source, way, false), library = decode(source, way, true);

    tally->cases++;
    tally->begun += own.begun;
    tally->ended += own.ended;
    tally->bad += library.error != TC_E_OK;
    tally->borne += library.damage.error != TC_E_OK;
    if (!same(&own, &library) || library.begun) {
        if (tally->different++ == 0)
            printf("# %s, 1/%u%s: %d %s | %s, libjpeg's %d %s | %s; %zu and %zu bytes\n", what,
                   way->reduce, way->planes ? " planes" : "", own.error, own.fail.text,
                   own.damage.text, library.error, library.fail.text, library.damage.text,
                   own.rows.length, library.rows.length);
    }
    free(own.rows.data);
    free(library.rows.data);
}

static void all_ways(tally *tally, bytes file, const char *what)
{
    source source = {file, 0};

    for (size_t at = 0; at < COUNT(ways); at++)
        both(tally, &source, &ways[at], what);
}

/* ---- what is sound ------------------------------------------------------------------ */

static const uint32_t sizes[][2] = {{1, 1},   {1, 70},  {70, 1},  {7, 9},    {8, 8},
                                    {16, 16}, {17, 15}, {33, 65}, {100, 41}, {130, 130}};

static void sound_files(const kind *kind)
{
    static const unsigned intervals[] = {0, 1, 3, 17, 65535};
    tally tally = {0};
    unsigned wanted = 0;

    for (size_t size = 0; size < COUNT(sizes); size++) {
        for (unsigned content = 0; content < CONTENTS; content++) {
            for (unsigned n = 0; n < 4; n++) {
                static const int qualities[] = {1, 50, 90, 100};
                manner manner = {.w = sizes[size][0],
                                 .h = sizes[size][1],
                                 .content = (enum content)content,
                                 .quality = qualities[n],
                                 .interval = intervals[(size + content + n) % 5],
                                 .optimised = (content + n) % 2};
                bytes file = write_jpeg(kind, &manner);
                char what[80];

                snprintf(what, sizeof what, "%ux%u q%d content %u, interval %u", manner.w,
                         manner.h, manner.quality, content, manner.interval);
                all_ways(&tally, file, what);
                free(file.data);
                wanted++;
            }
        }
    }
    ok(tally.different == 0 && tally.bad == 0, "%s: %u sound files are the same both ways",
       kind->name, wanted);
    ok(tally.ended == tally.begun && tally.begun >= least_begun() * wanted,
       "... and %u of %u times decoded without libjpeg", tally.ended, tally.cases);
}

static void long_codes(void)
{
    tally tally = {0};

    for (size_t at = 0; at < COUNT(kinds); at++) {
        manner manner = {.w = 90, .h = 60, .quality = 95, .content = GRAIN, .long_codes = true};
        bytes file = write_jpeg(&kinds[at], &manner);

        all_ways(&tally, file, kinds[at].name);
        free(file.data);
    }
    ok(tally.different == 0 && tally.bad == 0 && tally.ended >= 2 * COUNT(kinds),
       "codes of 16 bits alone: the same, %u without libjpeg", tally.ended);
}

/* More than a window of data, and many of its ends in an MCU or before a marker. */
static void large_files(void)
{
    tally tally = {0};

    for (unsigned interval = 0; interval < 3; interval++) {
        manner manner = {.w = 900,
                         .h = 700,
                         .quality = 97,
                         .content = NOISE,
                         .interval = interval * interval * 29};
        bytes file = write_jpeg(&kinds[0], &manner);
        source source = {file, 0};

        both(&tally, &source, &ways[0], "large");
        both(&tally, &source, &ways[1], "large");
        both(&tally, &source, &ways[4], "large");
        both(&tally, &source, &ways[6], "large");
        both(&tally, &source, &ways[8], "large");
        free(file.data);
    }
    ok(tally.different == 0 && tally.ended == (tc_jpeg_put_avx2(DCTSIZE) ? tally.cases : 6),
       "files of many windows: %u of %u without libjpeg", tally.ended, tally.cases);
}

/* Whether decoding ends with what the failed read is, as libjpeg's does. */
static bool fails(source *source, const way *way)
{
    outcome own = decode(source, way, false), library = decode(source, way, true);
    bool good = own.error == TC_E_READ && library.error == TC_E_READ &&
                strcmp(own.fail.text, library.fail.text) == 0;

    free(own.rows.data);
    free(library.rows.data);
    return good;
}

/*
 * Pictures of so many MCUs that intervals are decoded in turns: less than a row of MCUs, a row,
 * several, and none that is a whole number of them.
 */
static void intervals_in_turns(const kind *kind)
{
    static const unsigned intervals[] = {4, 5, 17, 0, 100, 0, 333};
    tally tally = {0};
    unsigned failed = 0;

    for (size_t n = 0; n < COUNT(intervals); n++) {
        unsigned most = (unsigned)(kind->h[0] > kind->h[1] ? kind->h[0] : kind->h[1]);
        unsigned across = kind->grey ? DCTSIZE : DCTSIZE * most;
        manner manner = {.w = 547,
                         .h = 390,
                         .content = n % 2 ? GRAIN : NOISE,
                         .quality = 80,
                         .interval = intervals[n] > 0
                                         ? intervals[n]
                                         : (547 + across - 1) / across * ((unsigned)n - 2),
                         .optimised = n % 2};
        bytes file = write_jpeg(kind, &manner);
        source source = {file, 0};
        char what[40];

        snprintf(what, sizeof what, "interval %u", manner.interval);
        for (size_t at = 0; at < COUNT(ways); at += 1 + at % 2)
            both(&tally, &source, &ways[at], what);
        source.fails_at = file.length / 2 + below((uint32_t)file.length / 2);
        failed += fails(&source, &ways[n % 4]);
        free(file.data);
    }
    ok(tally.different == 0 && tally.bad == 0 && tally.ended > COUNT(intervals),
       "%s: intervals in turns, %u times without libjpeg", kind->name, tally.ended);
    ok(failed == COUNT(intervals), "... and reads that fail are told of");
}

/* ---- what is not of the kind -------------------------------------------------------- */

static void as_progressive(j_compress_ptr cinfo)
{
    jpeg_simple_progression(cinfo);
}

static void in_scans(j_compress_ptr cinfo)
{
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};

    cinfo->scan_info = scans;
    cinfo->num_scans = 3;
}

static void as_rgb(j_compress_ptr cinfo)
{
    cinfo->in_color_space = JCS_RGB;
    jpeg_set_colorspace(cinfo, JCS_RGB);
}

static void other_kinds(void)
{
    static const struct {
        const char *name;
        manner manner;
    } others[] = {
        {"progressive", {.w = 90, .h = 60, .quality = 90, .more = as_progressive}},
        {"in several scans", {.w = 90, .h = 60, .quality = 90, .more = in_scans}},
        {"of RGB", {.w = 90, .h = 60, .quality = 90, .more = as_rgb}},
        {"of deep multipliers", {.w = 90, .h = 60, .quality = 1, .deep_tables = true}},
    };

    for (size_t at = 0; at < COUNT(others); at++) {
        bytes file = write_jpeg(&kinds[2], &others[at].manner);
        tally tally = {0};

        all_ways(&tally, file, others[at].name);
        ok(tally.different == 0 && tally.bad == 0 && tally.begun == 0, "a file %s is libjpeg's",
           others[at].name);
        free(file.data);
    }
}

/* ---- markers ------------------------------------------------------------------------ */

static bytes copy_of(const bytes *file)
{
    bytes copy = {malloc(file->length), file->length};

    memcpy(copy.data, file->data, file->length);
    return copy;
}

static void insert(bytes *file, size_t at, const void *data, size_t length)
{
    file->data = realloc(file->data, file->length + length);
    memmove(file->data + at + length, file->data + at, file->length - at);
    memcpy(file->data + at, data, length);
    file->length += length;
}

/* Where marker number `nth` of the scan's data begins: restart markers and the end's. */
static size_t marker(const bytes *file, unsigned nth)
{
    bool scan = false;

    for (size_t at = 0; at + 1 < file->length; at++) {
        if (file->data[at] != 0xff || file->data[at + 1] == 0 || file->data[at + 1] == 0xff)
            continue;
        if (scan && nth-- == 0)
            return at;
        scan = scan || file->data[at + 1] == 0xda;
    }
    abort();
}

typedef enum expected { BY_OURS, BY_LIBJPEG, BAD } expected;

/* A file changed by hand: what it is, and whose. */
static void changed(bytes *file, expected expected, const char *what)
{
    tally tally = {0};
    source source = {*file, 0};

    both(&tally, &source, &ways[0], what);
    both(&tally, &source, &ways[1], what);
    ok(tally.different == 0 && tally.begun == 2 && (tally.bad > 0) == (expected == BAD) &&
           (tally.ended == 2) == (expected == BY_OURS),
       "%s: %s", what,
       expected == BY_OURS      ? "decoded without libjpeg"
       : expected == BY_LIBJPEG ? "decoded by libjpeg"
                                : "damaged");
    free(file->data);
}

static void markers(uint32_t w, uint32_t h, unsigned nth)
{
    manner manner = {.w = w, .h = h, .quality = 90, .content = GRAIN, .interval = 5};
    bytes file = write_jpeg(&kinds[0], &manner), with;
    size_t third = marker(&file, nth);
    static uint8_t fill[100 * 1024];

    memset(fill, 0xff, sizeof fill);
    with = copy_of(&file);
    insert(&with, third, fill, 3);
    changed(&with, BY_OURS, "fill bytes before a restart marker");
    with = copy_of(&file);
    insert(&with, third, fill, sizeof fill);
    changed(&with, BY_LIBJPEG, "more fill bytes than a window holds");
    with = copy_of(&file);
    insert(&with, file.length, "and more", 8);
    changed(&with, BY_OURS, "bytes behind the end");
    with = copy_of(&file);
    with.length -= 2;
    changed(&with, BY_OURS, "no end marker");
    with = copy_of(&file);
    with.length -= 1;
    changed(&with, BY_OURS, "half an end marker");
    with = copy_of(&file);
    insert(&with, third, "\x55\x55\x55\x55", 4);
    changed(&with, BY_OURS, "bytes before a restart marker that nothing needs");
    with = copy_of(&file);
    with.data[third + 1] = 0xd0 | ((with.data[third + 1] + 1) & 7);
    changed(&with, BAD, "a restart marker too early");
    with = copy_of(&file);
    memmove(with.data + third, with.data + third + 2, with.length - third - 2);
    with.length -= 2;
    changed(&with, BAD, "a restart marker that is missing");
    with = copy_of(&file);
    insert(&with, third, "\xff\xd9", 2);
    changed(&with, BAD, "an end marker in the middle");
    with = copy_of(&file);
    insert(&with, third + 2, "\xff\xff\0", 3);
    changed(&with, BAD, "a doubled 0xff in the data");
    with = copy_of(&file);
    with.length = third + 2;
    changed(&with, BAD, "a file cut off behind a restart marker");
    free(file.data);
}

/* ---- damage ------------------------------------------------------------------------- */

static void damage(bytes *file)
{
    unsigned changes = 1 + below(3);
    size_t from = below(8) ? marker(file, 0) / 4 : 20; /* headers now and then */

    while (changes-- > 0) {
        size_t at = from + below((uint32_t)(file->length - from));

        switch (below(6)) {
        case 0:
            file->data[at] = (uint8_t)below(256);
            break;
        case 1:
            file->data[at] ^= (uint8_t)(1 << below(8));
            break;
        case 2:
            file->data[at] = 0xff;
            break;
        case 3:
            insert(file, at, "\xff\xd0\xd1\x12", 1 + below(4));
            break;
        case 4:
            memmove(file->data + at, file->data + at + 1, file->length - at - 1);
            file->length--;
            break;
        default:
            if (below(4) == 0 && at > 700)
                file->length = at;
        }
        if (file->length < from + 8)
            return;
    }
}

/* Pictures of `least` and up to 200 more, across and down. */
static void damaged_files(unsigned interval, unsigned times, uint32_t least)
{
    tally tally = {0};

    for (unsigned n = 0; n < times; n++) {
        manner manner = {.w = least + below(200),
                         .h = least + below(200),
                         .quality = 30 + (int)below(70),
                         .content = (content)below(CONTENTS),
                         .interval = interval,
                         .optimised = below(2)};
        bytes file = write_jpeg(&kinds[below(COUNT(kinds))], &manner);
        source source = {file, below(10) ? 0 : 1 + below((uint32_t)file.length)};
        char what[40];

        damage(&source.file);
        snprintf(what, sizeof what, "damaged file %u", n);
        for (size_t at = 0; at < COUNT(ways); at++)
            both(&tally, &source, &ways[at], what);
        free(source.file.data);
    }
    ok(tally.different == 0, "%u damaged files, interval %u: the same both ways", times,
       interval);
    ok(tally.bad > tally.cases / 20 && tally.borne > 0 && tally.begun > tally.cases / 5 &&
           tally.ended < tally.begun && tally.ended > 0,
       "... of %u cases %u bad, %u served, %u begun and %u ended without libjpeg", tally.cases,
       tally.bad, tally.borne, tally.begun, tally.ended);
}

/* ---- ended from outside ------------------------------------------------------------- */

static tc_error end_later(void *context)
{
    unsigned *left = context;

    return (*left)-- == 0 ? TC_E_CLIENT_GONE : TC_E_OK;
}

static void ended_early(void)
{
    manner manner = {.w = 200, .h = 400, .quality = 90, .content = GRAIN};
    bytes file = write_jpeg(&kinds[0], &manner);
    source source = {file, 0};
    unsigned left = 10;
    tc_cancel cancel = {.check = end_later, .context = &left};
    way way = {8, true, false, &cancel};
    outcome outcome = decode(&source, &way, false);

    ok(outcome.begun && outcome.error == TC_E_CLIENT_GONE && outcome.rows.length > 0,
       "it is cancelled: %s", tc_error_text(outcome.error));
    free(outcome.rows.data);
    free(file.data);
}

int main(void)
{
    for (size_t at = 0; at < COUNT(kinds); at++)
        sound_files(&kinds[at]);
    long_codes();
    large_files();
    other_kinds();
    for (size_t at = 0; at < COUNT(kinds); at++)
        intervals_in_turns(&kinds[at]);
    markers(200, 150, 2);
    markers(400, 300, 2);
    markers(400, 300, 3);
    damaged_files(0, 400, 40);
    damaged_files(1, 200, 40);
    damaged_files(7, 400, 40);
    damaged_files(7, 100, 250);
    damaged_files(40, 100, 250);
    ended_early();
    return done_testing();
}
