/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVIF files whose boxes are dear to read: those over a bound are refused after little of them
 * was read, and those just within all bounds at once take libavif a fraction of a second and
 * little memory. Each is opened in a process of its own.
 */
#ifdef TC_WITH_AVIF

#include "isobmff.h"

#include "image/codec/avif_boxes.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODEC (&tc_codec_avif)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What opening any file may take. */
#define SECONDS_MAX 1.0
#define KIB_MAX     (64 * 1024)

/* What is read of a file before it is refused. */
#define READ_MAX (1024 * 1024)

typedef struct counted {
    const bytes *file;
    size_t read;
} counted;

static tc_error read_counted(void *context, uint64_t offset, void *to, size_t length,
                             size_t *got)
{
    counted *from = context;
    tc_error error = read_bytes_at((void *)(uintptr_t)from->file, offset, to, length, got);

    from->read += *got;
    return error;
}

/* How opening a file ended, and what it took. */
typedef struct outcome {
    tc_error error;
    char text[240];
    uint32_t width, height;
    uint64_t held;
    bool exif;
    size_t read;
    double seconds;
    long kib;
} outcome;

static double seconds_used(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static long kib_now(void)
{
    FILE *from = fopen("/proc/self/statm", "r");
    long all = 0, resident = 0;

    if (from && fscanf(from, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (from)
        fclose(from);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long kib_most(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

/* Open the file, and decode it if that is asked for. */
static void open_here(const bytes *file, bool whole, outcome *outcome)
{
    counted from = {file, 0};
    tc_input input = {read_counted, &from, file->length, NULL};
    tc_image_info info = {0};
    tc_decoder *decoder = NULL;
    tc_fail fail = {0};
    long before = kib_now();
    double start = seconds_used();

    outcome->error = CODEC->decode_open(&decoder, &input, &info, &fail);
    outcome->width = info.width;
    outcome->height = info.height;
    outcome->held = info.held_bytes;
    outcome->exif = !outcome->error && info.exif;
    outcome->read = from.read;
    if (!outcome->error && whole) {
        tc_decode_want want = {.reduce = 1, .source = {0, 0, info.width, info.height}};
        tc_layout layout;

        outcome->error = CODEC->decode_start(decoder, &want, &layout);
    }
    outcome->seconds = seconds_used() - start;
    outcome->kib = kib_most() - before;
    snprintf(outcome->text, sizeof outcome->text, "%s", outcome->error ? fail.text : "opened");
    CODEC->decode_free(decoder);
}

static outcome open_apart(const bytes *file, bool whole)
{
    outcome outcome = {.error = TC_E_INTERNAL, .text = "the process died"};
    int ends[2];
    pid_t child;

    fflush(stdout);
    malloc_trim(0); /* what earlier files left would hide what this one takes */
    if (pipe(ends) != 0)
        return outcome;
    child = fork();
    if (child == 0) {
        open_here(file, whole, &outcome);
        _exit(write(ends[1], &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], &outcome, sizeof outcome) != sizeof outcome)
        outcome.error = TC_E_INTERNAL;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return outcome;
}

/* Under valgrind time is another, and a sanitizer has memory of its own. */
static bool is_bounded(const outcome *outcome)
{
    const char *preloaded = getenv("LD_PRELOAD");
    bool valgrind = preloaded && strstr(preloaded, "vgpreload");

#ifdef TC_GUARDED
    return valgrind || outcome->seconds < 5 * SECONDS_MAX;
#else
    return valgrind || (outcome->seconds < SECONDS_MAX && outcome->kib < KIB_MAX);
#endif
}

/* ---- within all bounds ------------------------------------------------------------------- */

static void try_opened(const char *what, bytes file)
{
    outcome outcome = open_apart(&file, false);

    ok(outcome.error == TC_E_OK && is_bounded(&outcome), "%s, %zu KiB: %s, %.3f s, %ld KiB",
       what, file.length / 1024, outcome.text, outcome.seconds, outcome.kib);
    free(file.data);
}

static void test_largest(const coded *coded)
{
    static const struct {
        const char *what;
        still still;
    } stills[] = {
        {"a plain file", {.cells = 1}},
        {"a padding of 64-bit size", {.cells = 1, .padding = 100, .large = true}},
        {"a grid of 20x20", {.cells = 400, .columns = 20}},
        {"as many coded pictures as may be",
         {.cells = 510, .columns = 30, .alphas = 1, .alpha_w = 1920, .alpha_h = 1088}},
        {"items without data", {.cells = 1, .empty = 4095}},
        {"items in iinf alone", {.cells = 1, .infos = 4095}},
        {"items in ipma alone", {.cells = 1, .associated = 4095}},
        {"items in iref alone", {.cells = 1, .referred = 4095}},
        {"pieces of items", {.cells = 80, .pieces = 100}},
        {"properties", {.cells = 1, .properties = 4090}},
        {"properties of items", {.cells = 256, .associations = 250}},
        {"references", {.cells = 4000, .references = 8192}},
        {"an idat of 7 MiB", {.cells = 1, .idat = 7 << 20}},
        {"a profile of 7 MiB", {.cells = 1, .icc = 7 << 20}},
        {"EXIF of nearly 4 MiB", {.cells = 1, .exif = 1, .padding = (4 << 20) - 1000}},
        {"EXIF of 40 MiB", {.cells = 1, .exif = 1, .padding = 40 << 20}},
        {"thousands of EXIF", {.cells = 1, .exif = 4000, .padding = 1000}},
        {"boxes", {.cells = 1, .boxes = 19000}},
        {"boxes of the file", {.cells = 1, .file_boxes = 990}},
        {"brands", {.cells = 1, .brands = 1022}},
        {"everything at once",
         {.cells = 510,
          .columns = 30,
          .empty = 3000,
          .referred = 500,
          .associations = 100,
          .references = 7000,
          .properties = 4000,
          .idat = 7 << 20,
          .pieces = 16,
          .boxes = 10000,
          .file_boxes = 900,
          .brands = 1000,
          .padding = 40 << 20}},
    };
    static const struct {
        const char *what;
        sequence sequence;
    } sequences[] = {
        {"a sequence", {.alphas = 1}},
        {"20,000 frames", {.frames = 20000, .chunks = 20000}},
        {"and runs of chunks", {.frames = 20000, .chunks = 20000, .runs = 1000}},
        {"with alpha, and all tables full",
         {.frames = 20000,
          .chunks = 20000,
          .runs = 1000,
          .times = 20000,
          .syncs = 20000,
          .alphas = 1,
          .boxes = 200,
          .descriptions = 16}},
        {"tracks", {.tracks = 16, .boxes = 500}},
        {"items of tracks", {.tracks = 16, .items = 256}},
        {"items of one track", {.items = 4096}},
    };

    for (size_t at = 0; at < COUNT(stills); at++)
        try_opened(stills[at].what, make_still(&stills[at].still, coded));
    for (size_t at = 0; at < COUNT(sequences); at++)
        try_opened(sequences[at].what, make_sequence(&sequences[at].sequence, coded));
}

/* ---- over a bound --------------------------------------------------------------------------
 */

static void try_refused(const char *what, bytes file, tc_error error, const char *why)
{
    outcome outcome = open_apart(&file, false);

    ok(outcome.error == error && strstr(outcome.text, why) && is_bounded(&outcome) &&
           outcome.read < READ_MAX,
       "%s, %zu KiB: %s, %zu KiB read, %.3f s, %ld KiB", what, file.length / 1024, outcome.text,
       outcome.read / 1024, outcome.seconds, outcome.kib);
    free(file.data);
}

static void test_bombs(const coded *coded)
{
    static const struct {
        const char *what;
        still still;
        const char *why;
    } stills[] = {
        {"100,000 items without data", {.cells = 1, .empty = 100000}, "items"},
        {"100,000 items in iinf", {.cells = 1, .infos = 100000}, "items"},
        {"100,000 items in ipma", {.cells = 1, .associated = 100000}, "items"},
        {"100,000 items in iref", {.cells = 1, .referred = 100000}, "items"},
        {"a few too many in each",
         {.cells = 1, .empty = 1100, .infos = 1100, .associated = 1100, .referred = 1100},
         "items"},
        {"a million references", {.cells = 1, .references = 1000000}, "references"},
        {"a million properties", {.cells = 1, .properties = 1000000}, "properties"},
        {"a million properties of items", {.cells = 4000, .associations = 250}, "properties"},
        {"a million pieces of items", {.cells = 4000, .pieces = 250}, "pieces"},
        {"the same bytes 65,000 times", {.cells = 1, .repeats = 65000}, "pieces"},
        {"the same bytes in every cell",
         {.cells = 400, .columns = 20, .pieces = 1, .repeats = 20, .padding = 50000},
         "frames"},
        {"a million boxes", {.cells = 1, .boxes = 1000000}, "boxes"},
        {"a million boxes of the file", {.cells = 1, .file_boxes = 1000000}, "boxes"},
        {"a million brands", {.cells = 1, .brands = 1000000}, "ftyp"},
        {"an idat of 9 MiB", {.cells = 1, .idat = 9 << 20}, "meta"},
        {"a profile of 60 MiB", {.cells = 1, .icc = 60 << 20}, "meta"},
        {"cells that claim 2048x2048",
         {.cells = 16,
          .columns = 4,
          .cell_w = 2048,
          .cell_h = 2048,
          .grid_w = 256,
          .grid_h = 256},
         "larger than its picture"},
        {"an alpha that claims 16384x16384",
         {.cells = 1, .alphas = 1, .alpha_w = 16384, .alpha_h = 16384},
         "larger than the picture"},
        {"a grid whose alpha is larger",
         {.cells = 4, .columns = 2, .alphas = 1, .alpha_w = 16384, .alpha_h = 16384},
         "larger than the picture"},
    };
    static const struct {
        const char *what;
        sequence sequence;
        const char *why;
    } sequences[] = {
        {"30,000 frames", {.frames = 30000, .chunks = 30000}, "sample table"},
        {"a million chunks", {.chunks = 1000000}, "sample table"},
        {"a million times", {.times = 1000000}, "sample table"},
        {"a million syncs", {.syncs = 1000000}, "sample table"},
        {"20,000 runs of chunks",
         {.frames = 20000, .chunks = 20000, .runs = 20000},
         "sample table"},
        {"full tables in many tracks",
         {.tracks = 16, .frames = 20000, .chunks = 20000},
         "sample table"},
        {"1,000 descriptions", {.descriptions = 1000}, "descriptions"},
        {"100,000 boxes in a description", {.boxes = 100000}, "boxes"},
        {"1,000 tracks", {.tracks = 1000}, "tracks"},
        {"a table twice", {.tables = 2}, "two boxes"},
        {"100,000 items of a track", {.items = 100000}, "items"},
        {"5,000 items of tracks", {.tracks = 10, .items = 500}, "items"},
        {"an alpha that is larger",
         {.alphas = 1, .alpha_w = 4096, .alpha_h = 4096},
         "larger than the picture"},
    };
    static const still many = {.cells = 513, .columns = 27};
    static const still large = {.cells = 1, .cell_w = 65535, .cell_h = 65535};
    static const sequence wide = {.w = 65535, .h = 65535};

    for (size_t at = 0; at < COUNT(stills); at++)
        try_refused(stills[at].what, make_still(&stills[at].still, coded), TC_E_DAMAGED,
                    stills[at].why);
    for (size_t at = 0; at < COUNT(sequences); at++)
        try_refused(sequences[at].what, make_sequence(&sequences[at].sequence, coded),
                    TC_E_DAMAGED, sequences[at].why);
    try_refused("513 cells", make_still(&many, coded), TC_E_PIXELS_TOO_MANY, "coded pictures");
    try_refused("a still of 65535x65535", make_still(&large, coded), TC_E_PIXELS_TOO_MANY,
                "pixels");
    try_refused("a sequence of 65535x65535", make_sequence(&wide, coded), TC_E_PIXELS_TOO_MANY,
                "pixels");
}

/* ---- each bound at its edge ----------------------------------------------------------------
 */

/* What is in front of libavif, which has bounds of its own. */
static tc_error inspect(const bytes *file, tc_fail *fail)
{
    tc_input input = {read_bytes_at, (void *)(uintptr_t)file, file->length, NULL};
    tc_avif_file found;

    *fail = (tc_fail){0};
    return tc_avif_inspect(&input, &found, fail);
}

static void test_sides(const coded *coded)
{
    static const struct {
        uint32_t w, h;
        tc_error wanted;
    } rows[] = {
        {65536, 1, TC_E_OK},
        {65537, 1, TC_E_PIXELS_TOO_MANY},
        {1, 65536, TC_E_OK},
        {1, 65537, TC_E_PIXELS_TOO_MANY},
        {16384, 16384, TC_E_OK},
        {16385, 16384, TC_E_PIXELS_TOO_MANY},
        {65536, 65536, TC_E_PIXELS_TOO_MANY}, /* none, in 32 bits */
    };

    for (size_t at = 0; at < COUNT(rows); at++) {
        still still = {.cells = 1, .cell_w = rows[at].w, .cell_h = rows[at].h};
        bytes file = make_still(&still, coded);
        tc_fail fail;
        tc_error error = inspect(&file, &fail);

        ok(error == rows[at].wanted, "a still that claims %ux%u: %s", rows[at].w, rows[at].h,
           error ? fail.text : "sound");
        free(file.data);
    }
}

#define SHARED_MAX (1024 * 1024)

/* A grid of two cells of the same data: both together may be 1 MiB larger than the file. */
static void test_shared(const coded *from)
{
    static const still pair = {.cells = 2, .columns = 2};
    bytes file = make_still(&pair, from);
    size_t others = file.length - from->data.length;

    for (size_t more = 0; more < 2; more++) {
        size_t room = others + SHARED_MAX + more - from->data.length - 4;
        uint8_t *padding = calloc(1, 4 + room); /* one unit of it: kind, size, bytes */
        coded coded = *from;
        tc_fail fail;
        tc_error error;

        free(file.data);
        memcpy(padding,
               (uint8_t[4]){0x7a, (uint8_t)(room | 0x80), (uint8_t)(room >> 7 | 0x80),
                            (uint8_t)(room >> 14)},
               4);
        coded.data = (bytes){0};
        put(&coded.data, padding, 4 + room);
        put(&coded.data, from->data.data, from->data.length);
        file = make_still(&pair, &coded);
        error = inspect(&file, &fail);
        ok(2 * coded.data.length == file.length + SHARED_MAX + more &&
               error == (more ? TC_E_DAMAGED : TC_E_OK) &&
               (!more || strstr(fail.text, "data are")),
           "%zu bytes twice in a file of %zu: %s", coded.data.length, file.length,
           error ? fail.text : "sound");
        free(padding);
        free(coded.data.data);
    }
    free(file.data);
}

/* ---- coded pictures -------------------------------------------------------------------------
 */

/* `count` times a unit in front of the picture's. */
static coded with_units(const coded *from, const char *unit, size_t length, uint32_t count)
{
    coded made = *from;

    made.data = (bytes){0};
    for (uint32_t at = 0; at < count; at++)
        put(&made.data, unit, length);
    put(&made.data, from->data.data, from->data.length);
    return made;
}

/* The picture's frame over and over. */
static coded with_frames(const coded *from, uint32_t count)
{
    coded made = *from;

    made.data = (bytes){0};
    for (uint32_t at = 0; at < count; at++)
        put(&made.data, from->data.data, from->data.length);
    return made;
}

static void try_units(const char *what, coded coded, tc_error error, const char *why,
                      const still *still)
{
    bytes file = make_still(still, &coded);
    outcome outcome = open_apart(&file, true);

    ok(outcome.error == error && (error == TC_E_OK || strstr(outcome.text, why)) &&
           is_bounded(&outcome),
       "%s: %s, %.3f s", what, outcome.text, outcome.seconds);
    free(file.data);
    free(coded.data.data);
}

static void test_units(const coded *coded)
{
    static const still plain = {.cells = 1}, apart = {.cells = 1, .pieces = 60};

    try_units("ten temporal delimiters", with_units(coded, "\x12\0", 2, 10), TC_E_OK, "",
              &plain);
    try_units("100,000 of them", with_units(coded, "\x12\0", 2, 100000), TC_E_DAMAGED, "units",
              &plain);
    try_units("16 units of no kind", with_units(coded, "\x6a\0", 2, 16), TC_E_OK, "", &plain);
    try_units("17 of them", with_units(coded, "\x6a\0", 2, 17), TC_E_DAMAGED, "no known kind",
              &plain);
    try_units("17 of them, in pieces", with_units(coded, "\x6a\1\xff", 3, 17), TC_E_DAMAGED,
              "no known kind", &apart);
    try_units("100 units of known metadata", with_units(coded, "\x2a\6\1\0\1\0\1\x80", 8, 100),
              TC_E_OK, "", &plain);
    try_units("17 of unknown metadata", with_units(coded, "\x2a\2\x09\x80", 4, 17),
              TC_E_DAMAGED, "no known kind", &plain);
    try_units("four frames", with_frames(coded, 4), TC_E_OK, "", &plain);
    try_units("five frames", with_frames(coded, 5), TC_E_DAMAGED, "frames", &plain);
    try_units("five frames, in pieces", with_frames(coded, 5), TC_E_DAMAGED, "frames", &apart);
}

/* What is coded is larger than what is claimed: decoding ends before it begins. */
static void test_lies(void)
{
    static const still cells = {.cells = 16, .columns = 4, .cell_w = 64, .cell_h = 64};
    static const still other = {.cells = 4, .columns = 2, .grid_w = 120, .grid_h = 128};
    coded coded = make_coded(1024, 1024);
    bytes file = make_still(&cells, &coded);
    outcome outcome = open_apart(&file, true);

    ok(outcome.error == TC_E_DAMAGED && is_bounded(&outcome) && outcome.width == 256,
       "16 cells of 64x64 with 1024x1024 coded: %s, %.3f s", outcome.text, outcome.seconds);
    free(file.data);
    free(coded.data.data);
    coded = make_coded(64, 64);
    file = make_still(&other, &coded);
    outcome = open_apart(&file, true);
    ok(outcome.error == TC_E_OK && outcome.width == 120, "cells that are cut at the edge: %s",
       outcome.text);
    set_number(find(&file, "idat") + 8, 128);
    outcome = open_apart(&file, true);
    ok(outcome.error == TC_E_DAMAGED && strstr(outcome.text, "size differs"),
       "a grid that is described with another size: %s", outcome.text);
    free(file.data);
    free(coded.data.data);
}

/* The plan holds what decoding takes, which of a grid is a decoder for each cell. */
static void test_plan(const coded *coded)
{
    static const still grid = {.cells = 400, .columns = 20};
    bytes file = make_still(&grid, coded);
    outcome outcome = open_apart(&file, true);

    ok(outcome.error == TC_E_OK, "a grid of 400: %s", outcome.text);
#ifdef TC_GUARDED
    skip("... takes what was planned", "a sanitizer has memory of its own");
#else
    ok((uint64_t)outcome.kib * 1024 < outcome.held + (4 << 20) &&
           outcome.held < 2 * (uint64_t)outcome.kib * 1024,
       "... takes %ld KiB of %llu planned", outcome.kib,
       (unsigned long long)outcome.held / 1024);
#endif
    free(file.data);
}

/* ---- structure
 * ------------------------------------------------------------------------------- */

/* Set 32 bits behind a box's name. */
static void patch(bytes *file, const char *type, size_t behind, uint32_t value)
{
    uint8_t *at = find(file, type);

    if (at)
        set_number(at + behind, value);
}

static void test_lengths(const coded *coded)
{
    static const still plain = {
        .cells = 2, .columns = 2, .alphas = 1, .alpha_w = 128, .alpha_h = 64, .exif = 1};
    static const char boxes[][5] = {"meta", "hdlr", "pitm", "iloc", "iinf", "infe",
                                    "iprp", "ipco", "av1C", "ispe", "auxC", "colr",
                                    "ipma", "iref", "dimg", "auxl", "cdsc", "idat"};
    static const uint32_t sizes[] = {1, 2, 7, 8, 9, 0x7fffffff, 0x80000000, 0xffffffff};
    unsigned bad = 0, tried = 0;

    for (size_t at = 0; at < COUNT(boxes) * COUNT(sizes); at++) {
        bytes file = make_still(&plain, coded);
        tc_image_info info;
        tc_fail fail;
        pixels got;

        /* The size stands in front of the name. */
        patch(&file, boxes[at / COUNT(sizes)], (size_t)-4, sizes[at % COUNT(sizes)]);
        tried++;
        if (decode(CODEC, &file, file.length, 1, &info, &got, &fail) != TC_E_DAMAGED) {
            printf("# %s of %u bytes: %s\n", boxes[at / COUNT(sizes)], sizes[at % COUNT(sizes)],
                   fail.error ? fail.text : "a picture");
            bad++;
        }
        free(got.data);
        free(file.data);
    }
    ok(bad == 0, "a box of another size is damage (%u of %u are not)", bad, tried);
}

/* Tables that claim more than they have. */
static void test_counts(const coded *coded)
{
    static const struct {
        const char *what, *box;
        size_t behind;
    } rows[] = {{"items in iloc", "iloc", 4 + 4 + 2},
                {"items in iinf", "iinf", 4 + 4},
                {"items in ipma", "ipma", 4 + 4}};

    for (size_t at = 0; at < COUNT(rows); at++) {
        static const still plain = {.cells = 1};
        bytes file = make_still(&plain, coded);

        patch(&file, rows[at].box, rows[at].behind, 0xffffffff);
        try_refused(rows[at].what, file, TC_E_DAMAGED, "AVIF");
    }
}

static void test_truncated(const coded *coded)
{
    static const still plain = {.cells = 2,
                                .columns = 2,
                                .alphas = 1,
                                .alpha_w = 128,
                                .alpha_h = 64,
                                .exif = 1,
                                .pieces = 3};
    static const sequence frames = {.frames = 2, .chunks = 2, .alphas = 1, .items = 3};
    bytes file = make_still(&plain, coded);

    try_truncated(CODEC, &file, file.length, 1, "a grid with alpha and EXIF");
    try_changed(CODEC, &file, 4000, "a grid with alpha and EXIF");
    free(file.data);
    file = make_sequence(&frames, coded);
    try_truncated(CODEC, &file, file.length, 1, "a sequence with alpha");
    try_changed(CODEC, &file, 4000, "a sequence with alpha");
    free(file.data);
}

/* EXIF that is too large to read is left out, and the picture is not. */
static void test_exif(const coded *coded)
{
    static const still little = {.cells = 1, .exif = 1, .padding = 1000};
    static const still none = {.cells = 1, .exif = 1};
    static const still large = {.cells = 1, .exif = 1, .padding = 5 << 20};
    static const still many = {.cells = 1, .exif = 1000, .padding = 10000};
    bytes file = make_still(&little, coded);
    outcome outcome = open_apart(&file, true);

    ok(outcome.error == TC_E_OK && outcome.exif, "EXIF of a KiB is there");
    free(file.data);
    file = make_still(&none, coded);
    outcome = open_apart(&file, true);
    ok(outcome.error == TC_E_OK, "EXIF without a TIFF header keeps no picture back: %s",
       outcome.text);
    free(file.data);
    file = make_still(&large, coded);
    outcome = open_apart(&file, true);
    ok(outcome.error == TC_E_OK && !outcome.exif && outcome.read < READ_MAX,
       "EXIF of 5 MiB is left out: %s, %zu KiB read", outcome.text, outcome.read / 1024);
    free(file.data);
    file = make_still(&many, coded);
    outcome = open_apart(&file, true);
    ok(outcome.error == TC_E_OK && !outcome.exif && outcome.read < READ_MAX,
       "and a thousand of 10 KB: %s, %zu KiB read", outcome.text, outcome.read / 1024);
    free(file.data);
}

int main(void)
{
    coded coded = make_coded(64, 64);

    test_largest(&coded);
    test_bombs(&coded);
    test_sides(&coded);
    test_shared(&coded);
    test_units(&coded);
    test_lies();
    test_plan(&coded);
    test_lengths(&coded);
    test_counts(&coded);
    test_truncated(&coded);
    test_exif(&coded);
    free(coded.data.data);
    return done_testing();
}

#else

#include "tap.h"

int main(void)
{
    skip("AVIF", "libavif is not built in");
    return done_testing();
}

#endif
