/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PNG's rows by ISA-L against those by zlib, from the same streams: whole ones of every kind
 * of block and every window, cut and damaged at each place, with a header, a checksum or an end
 * that is wrong, in chunks of every length. Both give the same bytes, the same error and the
 * same reason. The one exception has a test of its own: incomplete Huffman codes.
 */
#include "../preload/heap.h"

#include "image/codec/png_rows.h"

#include "pictures.h"

#include <malloc.h>

#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const tc_png_inflater *isal; /* NULL where it is not built in */

/* Allocations while `armed`: the `at`-th fails. */
static struct {
    bool armed;
    int at, seen, live;
} heap;

HEAP_PLAIN static bool heap_fails(const void *caller)
{
    (void)caller;
    return heap.armed && ++heap.seen == heap.at;
}

HEAP_PLAIN static void heap_changed(int blocks, void *block, const void *caller)
{
    (void)block;
    (void)caller;
    if (heap.armed)
        heap.live += blocks;
}

static uint32_t state = 1;

static uint32_t below(uint32_t bound)
{
    state = state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)state * bound) >> 32);
}

/* ---- streams --------------------------------------------------------------------------- */

typedef struct kind {
    const char *name;
    int level, strategy, window;
    bool flushes; /* several blocks */
} kind;

static const kind kinds[] = {
    {"stored", 0, Z_DEFAULT_STRATEGY, 15, false},
    {"stored, in pieces", 0, Z_DEFAULT_STRATEGY, 15, true},
    {"fixed codes", 6, Z_FIXED, 15, false},
    {"fixed codes, in pieces", 6, Z_FIXED, 15, true},
    {"codes of their own", 9, Z_DEFAULT_STRATEGY, 15, false},
    {"codes of their own, in pieces", 9, Z_DEFAULT_STRATEGY, 15, true},
    {"no matches", 6, Z_HUFFMAN_ONLY, 15, false},
    {"runs", 6, Z_RLE, 15, true},
    {"a window of 512 bytes", 9, Z_DEFAULT_STRATEGY, 9, true},
    {"a window of 1 KiB", 9, Z_DEFAULT_STRATEGY, 10, true},
    {"a window of 2 KiB", 9, Z_DEFAULT_STRATEGY, 11, true},
    {"a window of 4 KiB", 9, Z_DEFAULT_STRATEGY, 12, true},
    {"a window of 8 KiB", 9, Z_DEFAULT_STRATEGY, 13, true},
    {"a window of 16 KiB", 9, Z_DEFAULT_STRATEGY, 14, true},
};

/* Bytes as filtered rows have them: noise of few bits, runs, and what was there before. */
static bytes make_rows(uint32_t row_bytes, uint32_t rows)
{
    bytes made = {0};

    for (uint32_t y = 0; y < rows; y++) {
        put(&made, &(uint8_t){(uint8_t)below(5)}, 1);
        for (uint32_t x = 0; x < row_bytes;) {
            uint32_t length = 1 + below(40), how = below(4);
            uint8_t byte = (uint8_t)below(256);

            for (; length > 0 && x < row_bytes; length--, x++) {
                size_t far = 1 + below(3) + (how == 3 ? made.length / 2 : 0);
                uint8_t noise = (uint8_t)(below(9) - 4);

                if (how >= 2 && far <= made.length)
                    byte = made.data[made.length - far];
                put(&made, how == 0 ? &noise : &byte, 1);
            }
        }
    }
    return made;
}

static bytes compress_rows(const kind *kind, const bytes *rows)
{
    bytes made = {0};
    uint8_t room[4096];
    z_stream zlib = {0};
    size_t piece = kind->flushes ? rows->length / 3 + 1 : rows->length;

    if (deflateInit2(&zlib, kind->level, Z_DEFLATED, kind->window, 8, kind->strategy) != Z_OK)
        abort();
    for (size_t at = 0; at < rows->length; at += piece) {
        size_t length = rows->length - at < piece ? rows->length - at : piece;

        zlib.next_in = rows->data + at;
        zlib.avail_in = (uInt)length;
        do {
            zlib.next_out = room;
            zlib.avail_out = sizeof room;
            deflate(&zlib, at + length < rows->length ? Z_FULL_FLUSH : Z_FINISH);
            put(&made, room, sizeof room - zlib.avail_out);
        } while (zlib.avail_out == 0);
    }
    deflateEnd(&zlib);
    return made;
}

/* ---- a stream alone, in any pieces --------------------------------------------------------
 */

typedef struct outcome {
    tc_inflated status;
    bytes out;
} outcome;

static outcome inflate_in_pieces(const tc_png_inflater *inflater, const bytes *stream,
                                 uint32_t in_most, uint32_t out_most)
{
    void *open = inflater->open();
    tc_png_stream io = {0};
    uint8_t *room = malloc(out_most);
    outcome made = {TC_INFLATED_FULL, {0}};
    size_t used = 0;

    while (made.status == TC_INFLATED_FULL ||
           (made.status == TC_INFLATED_HUNGRY && used < stream->length)) {
        uint8_t *from = io.out;

        if (made.status == TC_INFLATED_HUNGRY) {
            uint32_t most = 1 + below(in_most);

            io.in = stream->data + used;
            io.in_left =
                most < stream->length - used ? most : (uint32_t)(stream->length - used);
            used += io.in_left;
        }
        if (io.out_left == 0) {
            io.out = from = room;
            io.out_left = 1 + below(out_most);
        }
        made.status = inflater->run(open, &io);
        put(&made.out, from, (size_t)(io.out - from));
    }
    inflater->close(open);
    free(room);
    return made;
}

static bool is_inflated(const tc_png_inflater *inflater, const bytes *stream, const bytes *rows,
                        uint32_t in_most, uint32_t out_most)
{
    outcome got = inflate_in_pieces(inflater, stream, in_most, out_most);
    bool good = got.status == TC_INFLATED_ENDED && got.out.length == rows->length &&
                memcmp(got.out.data, rows->data, rows->length) == 0;

    free(got.out.data);
    return good;
}

static void whole_streams(void)
{
    static const uint32_t pieces[][2] = {
        {1 << 20, 1 << 20}, {1 << 20, 100}, {400, 300}, {3000, 40000}, {60000, 70000}};

    for (size_t at = 0; at < COUNT(kinds); at++) {
        bytes rows = make_rows(997, 300), stream = compress_rows(&kinds[at], &rows);
        unsigned wrong = 0;

        for (size_t piece = 0; piece < COUNT(pieces); piece++) {
            const uint32_t *most = pieces[piece];

            wrong += !is_inflated(&tc_png_inflater_zlib, &stream, &rows, most[0], most[1]);
            wrong += isal && !is_inflated(isal, &stream, &rows, most[0], most[1]);
        }
        ok(wrong == 0, "%s: the same bytes, whatever the pieces", kinds[at].name);
        free(rows.data);
        free(stream.data);
    }
}

/* ---- a file's rows
 * --------------------------------------------------------------------------- */

#define W    31
#define STEP 3
#define H    9

static void put_chunk(bytes *to, const char *name, const void *data, size_t length)
{
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)name, 4);
    uint8_t head[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    uint8_t tail[4];

    if (length > 0)
        crc = (uint32_t)crc32(crc, data, (uInt)length);
    for (int at = 0; at < 4; at++)
        tail[at] = (uint8_t)(crc >> (24 - 8 * at));
    put(to, head, 4);
    put(to, name, 4);
    put(to, data, length);
    put(to, tail, 4);
}

/* The chunks alone, from the first IDAT on. */
static bytes make_file(const bytes *stream, size_t chunk)
{
    bytes made = {0};

    for (size_t at = 0; at < stream->length; at += chunk)
        put_chunk(&made, "IDAT", stream->data + at,
                  stream->length - at < chunk ? stream->length - at : chunk);
    put_chunk(&made, "IEND", "", 0);
    return made;
}

typedef struct answer {
    tc_fail fail;
    bytes rows;
} answer;

static answer read_rows(const bytes *file, uint32_t height, const tc_png_inflater *inflater)
{
    tc_input input = {read_bytes_at, (void *)(uintptr_t)file, file->length, NULL};
    tc_png_rows_want want = {0, W, height, STEP, inflater, NULL};
    tc_png_rows *open = NULL;
    answer made = {{TC_E_OK, ""}, {0}};
    tc_error error = tc_png_rows_open(&open, &input, &want, &made.fail);
    uint32_t have = 0;

    while (!error && have < height) {
        tc_strip strip = {0};

        error = tc_png_rows_next(open, &strip);
        for (uint32_t y = 0; !error && y < strip.plane[0].rows; y++, have++)
            put(&made.rows, strip.plane[0].data + strip.plane[0].stride * y, W * STEP);
    }
    tc_png_rows_free(open);
    return made;
}

static bool same_rows(const answer *one, const answer *other)
{
    return one->rows.length == other->rows.length &&
           (one->rows.length == 0 ||
            memcmp(one->rows.data, other->rows.data, one->rows.length) == 0);
}

static bool same_answer(const answer *one, const answer *other)
{
    return one->fail.error == other->fail.error &&
           (!one->fail.error || strcmp(one->fail.text, other->fail.text) == 0) &&
           same_rows(one, other);
}

static void free_answer(answer *answer)
{
    free(answer->rows.data);
}

typedef struct tally {
    unsigned read, refused, wrong, incomplete;
} tally;

/* zlib's words for codes that leave something out; some are said of too many codes as well. */
static bool is_incomplete(const answer *answer)
{
    return answer->fail.error == TC_E_DAMAGED && strstr(answer->fail.text, " set");
}

static void compare(const bytes *file, uint32_t height, tally *tally)
{
    answer by_zlib = read_rows(file, height, &tc_png_inflater_zlib);
    answer by_isal = read_rows(file, height, isal);

    if (by_zlib.fail.error)
        tally->refused++;
    else
        tally->read++;
    if (!by_isal.fail.error && is_incomplete(&by_zlib))
        tally->incomplete++;
    else if (!same_answer(&by_zlib, &by_isal))
        tally->wrong++;
    free_answer(&by_zlib);
    free_answer(&by_isal);
}

static void compare_stream(const bytes *stream, uint32_t height, size_t chunk, tally *tally)
{
    bytes file = make_file(stream, chunk);

    compare(&file, height, tally);
    free(file.data);
}

static void every_chunk(const kind *kind, const bytes *stream)
{
    tally tally = {0};

    for (size_t chunk = 1; chunk <= stream->length; chunk++)
        compare_stream(stream, H, chunk, &tally);
    ok(tally.wrong == 0 && tally.refused == 0 && tally.read > 0,
       "%s: chunks of each length, %u times the same", kind->name, tally.read);
}

/* The file, and with sound chunks the stream. */
static void every_cut(const kind *kind, const bytes *stream)
{
    bytes file = make_file(stream, 100), cut;
    tally tally = {0};

    for (size_t length = 0; length < file.length; length++) {
        cut = (bytes){.data = file.data, .length = length};
        compare(&cut, H, &tally);
    }
    for (size_t length = 1; length < stream->length; length++) {
        cut = (bytes){.data = stream->data, .length = length};
        compare_stream(&cut, H, 100, &tally);
        compare_stream(&cut, H - 1, 100, &tally);
    }
    ok(tally.wrong == 0 && tally.refused > 0, "%s: cut at each byte, %u times the same",
       kind->name, tally.read + tally.refused);
    free(file.data);
}

/*
 * Each bit of the stream, in sound chunks; also where a row of it is not wanted, which what is
 * damaged may concern.
 */
static void every_bit(const kind *kind, bytes *stream)
{
    tally tally = {0};

    for (size_t at = 0; at < stream->length * 8; at++) {
        uint8_t bit = (uint8_t)(1 << (at & 7));

        stream->data[at / 8] ^= bit;
        compare_stream(stream, at & 8 ? H : H - 1, 4000, &tally);
        stream->data[at / 8] ^= bit;
    }
    ok(tally.wrong == 0 && tally.read > 0 && tally.refused > 0,
       "%s: each bit wrong: %u read, %u refused, the same but for %u with incomplete codes",
       kind->name, tally.read, tally.refused, tally.incomplete);
}

static void streams(void)
{
    for (size_t at = 0; at < COUNT(kinds); at++) {
        bytes rows = make_rows(W * STEP, H), stream = compress_rows(&kinds[at], &rows);

        every_chunk(&kinds[at], &stream);
        every_cut(&kinds[at], &stream);
        every_bit(&kinds[at], &stream);
        free(rows.data);
        free(stream.data);
    }
}

/*
 * More rows than are wanted, of one colour: the last bytes of a cut stream are a match that
 * reaches past the picture.
 */
static void more_rows(void)
{
    const kind *kind = &kinds[4];
    bytes rows = {0}, stream;
    tally tally = {0};

    for (size_t at = 0; at < (size_t)(W * STEP + 1) * H; at++)
        put(&rows, "", 1);
    stream = compress_rows(kind, &rows);
    for (size_t length = 1; length < stream.length; length++) {
        bytes cut = {.data = stream.data, .length = length};

        for (uint32_t height = 1; height < H; height++) {
            compare_stream(&cut, height, 1, &tally);
            compare_stream(&cut, height, 100, &tally);
        }
    }
    ok(tally.wrong == 0 && tally.read > 0 && tally.refused > 0,
       "rows of one colour, some of them wanted, cut at each byte: %u read, %u refused",
       tally.read, tally.refused);
    free(rows.data);
    free(stream.data);
}

/* Damage far behind what is asked for, and far behind rows that were delivered. */
static void long_streams(void)
{
    for (size_t at = 0; at < COUNT(kinds); at++) {
        bytes rows = make_rows(W * STEP, 3000), stream = compress_rows(&kinds[at], &rows);
        tally tally = {0};

        for (unsigned round = 0; round < 60; round++) {
            size_t byte = below((uint32_t)stream.length);
            uint8_t bit = (uint8_t)(1 << below(8));

            stream.data[byte] ^= bit;
            compare_stream(&stream, round & 1 ? 3000 : 200, 1 + below(20000), &tally);
            stream.data[byte] ^= bit;
        }
        ok(tally.wrong == 0 && tally.read > 0 && (tally.refused > 0 || kinds[at].level == 0),
           "%s, 3000 rows: %u read, %u refused, the same but for %u with incomplete codes",
           kinds[at].name, tally.read, tally.refused, tally.incomplete);
        free(rows.data);
        free(stream.data);
    }
}

static unsigned calls;

static tc_inflated count_call(void *open, tc_png_stream *stream)
{
    calls++;
    return isal->run(open, stream);
}

/* ISA-L is not given each of very many chunks of a byte. */
static void tiny_chunks(void)
{
    tc_png_inflater counted = *isal;
    bytes rows = make_rows(W * STEP, 3000), stream = compress_rows(&kinds[0], &rows);
    bytes file = make_file(&stream, 1);
    answer by_zlib = read_rows(&file, 3000, &tc_png_inflater_zlib), by_isal;

    counted.run = count_call;
    by_isal = read_rows(&file, 3000, &counted);
    ok(by_zlib.fail.error == TC_E_OK && by_isal.fail.error == TC_E_OK &&
           same_rows(&by_zlib, &by_isal) && calls > 0 && calls < 2000,
       "%zu chunks of one byte: ISA-L is called %u times, then zlib reads them", stream.length,
       calls);
    free_answer(&by_zlib);
    free_answer(&by_isal);
    free(file.data);
    free(rows.data);
    free(stream.data);
}

/* ---- headers, checksums and what follows --------------------------------------------------
 */

static void every_header(void)
{
    bytes rows = make_rows(W * STEP, H), stream = compress_rows(&kinds[4], &rows);
    tally tally = {0};

    for (unsigned header = 0; header < 0x10000; header++) {
        stream.data[0] = (uint8_t)(header >> 8);
        stream.data[1] = (uint8_t)header;
        compare_stream(&stream, H, 4000, &tally);
    }
    /* Windows of 256 bytes to 32 KiB, four levels, a check that follows from them. */
    ok(tally.wrong == 0 && tally.read == 8 * 4 && tally.incomplete == 0,
       "each of 65536 headers: %u read, %u refused", tally.read, tally.refused);
    free(rows.data);
    free(stream.data);
}

static void dictionaries(void)
{
    static const uint8_t words[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    bytes rows = make_rows(W * STEP, H), stream = {0};
    z_stream zlib = {0};
    tally tally = {0};

    deflateInit(&zlib, 9);
    deflateSetDictionary(&zlib, words, sizeof words);
    stream.data = malloc(rows.length * 2);
    zlib.next_in = rows.data;
    zlib.avail_in = (uInt)rows.length;
    zlib.next_out = stream.data;
    zlib.avail_out = (uInt)rows.length * 2;
    deflate(&zlib, Z_FINISH);
    stream.length = zlib.total_out;
    deflateEnd(&zlib);
    for (size_t chunk = 1; chunk < 12; chunk++)
        compare_stream(&stream, H, chunk, &tally);
    ok(tally.wrong == 0 && tally.read == 0, "a preset dictionary: refused");
    free(rows.data);
    free(stream.data);
}

/* Wrong checksums, a part of one, and bytes and chunks behind it. */
static void ends(void)
{
    bytes rows = make_rows(W * STEP, H), stream = compress_rows(&kinds[4], &rows);
    tally sound = {0}, cut = {0};

    for (unsigned more = 0; more < 20; more++) {
        for (size_t chunk = 1; chunk < stream.length + 20; chunk += 1 + chunk / 3)
            compare_stream(&stream, H, chunk, &sound);
        put(&stream, &(uint8_t){(uint8_t)below(256)}, 1);
    }
    stream.length -= 20;
    for (unsigned at = 1; at <= 4; at++)
        stream.data[stream.length - at] ^= 0x55;
    compare_stream(&stream, H, 4000, &sound);
    for (unsigned less = 0; less < 4; less++) {
        stream.length--;
        for (size_t chunk = 1; chunk < stream.length; chunk++)
            compare_stream(&stream, H, chunk, &cut);
    }
    ok(sound.wrong == 0 && sound.refused == 0,
       "a wrong checksum, and bytes behind it: read, %u times", sound.read);
    ok(cut.wrong == 0 && cut.read == 0, "a part of the checksum: refused, %u times",
       cut.refused);
    free(rows.data);
    free(stream.data);
}

/* More rows than are asked for, and damage among those. */
static void surplus(void)
{
    tally tally = {0};

    for (size_t at = 0; at < COUNT(kinds); at++) {
        bytes rows = make_rows(W * STEP, H), stream = compress_rows(&kinds[at], &rows);

        for (uint32_t height = 1; height < H; height++) {
            for (size_t byte = 2; byte < stream.length; byte += 1 + byte / 9) {
                stream.data[byte] ^= 0x10;
                compare_stream(&stream, height, 1 + below((uint32_t)stream.length), &tally);
                stream.data[byte] ^= 0x10;
            }
        }
        free(rows.data);
        free(stream.data);
    }
    ok(tally.wrong == 0 && tally.read > 0 && tally.refused > 0,
       "damage behind the rows: %u read, %u refused, the same but for %u with incomplete codes",
       tally.read, tally.refused, tally.incomplete);
}

/* ---- incomplete codes
 * ------------------------------------------------------------------------ */

typedef struct bits {
    bytes to;
    unsigned count;
} bits;

/* Lowest first, as RFC 1951 has all but the codes themselves. */
static void put_bits(bits *bits, unsigned value, unsigned count)
{
    for (; count > 0; count--, value >>= 1, bits->count++) {
        if (bits->count % 8 == 0)
            put(&bits->to, "", 1);
        bits->to.data[bits->to.length - 1] |= (uint8_t)((value & 1) << bits->count % 8);
    }
}

/*
 * Rows of zeros in one block. Its codes: `length` bits for a zero and for the end, and no
 * others; with 2 bits half of the codes do not exist.
 */
static bytes forge_block(unsigned length, uint32_t zeros)
{
    /* Lengths of the codes of code lengths 16, 17, 18, 0, 8, 7, ..., 2 or 1. */
    static const uint8_t order[] = {16, 17, 18, 0,  8, 7,  9, 6,  10,
                                    5,  11, 4,  12, 3, 13, 2, 14, 1};
    bits bits = {{0}, 0};

    put(&bits.to, "\x78\x01", 2);
    put_bits(&bits, 1 | 2 << 1, 3);
    put_bits(&bits, 0, 5);
    put_bits(&bits, 0, 5);
    put_bits(&bits, sizeof order - 4, 4);
    for (size_t at = 0; at < sizeof order; at++)
        put_bits(&bits, order[at] == 18 ? 1 : order[at] == 0 || order[at] == length ? 2 : 0, 3);
    /* 18 is 0; 0 is 10, the length 11. Its symbols: 0, 255 of none, 256; no distances. */
    put_bits(&bits, 3, 2);
    put_bits(&bits, 0, 1);
    put_bits(&bits, 138 - 11, 7);
    put_bits(&bits, 0, 1);
    put_bits(&bits, 117 - 11, 7);
    put_bits(&bits, 3, 2);
    put_bits(&bits, 1, 2);
    for (uint32_t at = 0; at < zeros; at++)
        put_bits(&bits, 0, length);
    put_bits(&bits, length == 1 ? 1 : 2, length);
    put(&bits.to, "\0\0\0\0", 4);
    return bits.to;
}

static void incomplete_codes(void)
{
    for (unsigned length = 1; length <= 2; length++) {
        bytes stream = forge_block(length, (W * STEP + 1) * H), file = make_file(&stream, 4000);
        answer by_zlib = read_rows(&file, H, &tc_png_inflater_zlib);
        answer by_isal = read_rows(&file, H, isal);

        ok(length == 1 ? by_zlib.fail.error == TC_E_OK : is_incomplete(&by_zlib),
           "%s: %s by zlib", length == 1 ? "all codes" : "half of the codes",
           length == 1 ? "read" : "refused");
        ok(by_isal.fail.error == TC_E_OK && by_isal.rows.length == (size_t)W * STEP * H,
           "... and read by ISA-L");
        free_answer(&by_zlib);
        free_answer(&by_isal);
        free(file.data);
        free(stream.data);
    }
}

/* ---- memory that was never written --------------------------------------------------------
 */

/* What malloc gives has other bytes each time; the rows have not. */
static void nothing_leaks(void)
{
    unsigned wrong = 0, refused = 0;

    for (size_t at = 0; at < COUNT(kinds); at++) {
        bytes rows = make_rows(W * STEP, 60), stream = compress_rows(&kinds[at], &rows);

        for (unsigned round = 0; round < 400; round++) {
            size_t byte = 2 + below((uint32_t)stream.length - 2);
            uint8_t bit = (uint8_t)(1 << below(8));
            bytes file;
            answer one, other;

            stream.data[byte] ^= bit;
            file = make_file(&stream, 1 + below(4000));
            mallopt(M_PERTURB, 0x11);
            one = read_rows(&file, round % 60 + 1, isal);
            mallopt(M_PERTURB, 0xee);
            other = read_rows(&file, round % 60 + 1, isal);
            mallopt(M_PERTURB, 0);
            wrong += !same_answer(&one, &other);
            refused += one.fail.error != TC_E_OK;
            free_answer(&one);
            free_answer(&other);
            free(file.data);
            stream.data[byte] ^= bit;
        }
        free(rows.data);
        free(stream.data);
    }
    ok(wrong == 0 && refused > 0, "no row has what was in memory before, with %u refused",
       refused);
}

/* ---- without memory -------------------------------------------------------------------------
 */

static tc_error read_armed(const bytes *file, int at)
{
    tc_input input = {read_bytes_at, (void *)(uintptr_t)file, file->length, NULL};
    tc_png_rows_want want = {0, W, H, STEP, isal, NULL};
    tc_png_rows *open = NULL;
    tc_fail fail = {TC_E_OK, ""};
    uint32_t have = 0;
    tc_error error;

    heap.at = at;
    heap.seen = heap.live = 0;
    heap.armed = true;
    error = tc_png_rows_open(&open, &input, &want, &fail);
    while (!error && have < H) {
        tc_strip strip = {0};

        error = tc_png_rows_next(open, &strip);
        have += strip.plane[0].rows;
    }
    tc_png_rows_free(open);
    heap.armed = false;
    return error == fail.error ? error : TC_E_INTERNAL;
}

/* zlib, which is asked about the damage, allocates in the middle of the picture. */
static void no_memory(void)
{
    bytes rows = make_rows(W * STEP, H), stream = compress_rows(&kinds[4], &rows);

    for (int damaged = 0; damaged < 2; damaged++) {
        tc_error expected = damaged ? TC_E_DAMAGED : TC_E_OK;
        unsigned wrong = 0, failed = 0;
        bytes file;
        int at = 1;

        /* The first block has a type that does not exist. */
        stream.data[2] |= damaged ? 6 : 0;
        file = make_file(&stream, 4000);
        read_armed(&file, 0);
        if (heap.seen == 0) {
            skip("each allocation failing", "none is this program's own: valgrind, guarded");
            free(file.data);
            continue;
        }
        do {
            tc_error error = read_armed(&file, at);

            failed += error == TC_E_NO_MEMORY;
            wrong += error != (heap.seen < at ? expected : TC_E_NO_MEMORY) || heap.live != 0;
        } while (heap.seen >= at++);
        ok(wrong == 0 && failed > 0,
           "%s stream, each allocation failing: %u times without memory, nothing kept",
           damaged ? "a damaged" : "a sound", failed);
        free(file.data);
    }
    free(rows.data);
    free(stream.data);
}

static void checksums(void)
{
    uint8_t data[1000];
    unsigned wrong = 0;

    for (size_t at = 0; at < sizeof data; at++)
        data[at] = (uint8_t)below(256);
    for (unsigned round = 0; round < 3000; round++) {
        size_t from = below(500), length = below(500);
        uint32_t crc = below(UINT32_MAX);

        wrong += isal->crc32(crc, data + from, length) !=
                 tc_png_inflater_zlib.crc32(crc, data + from, length);
    }
    ok(wrong == 0, "chunks' checksums");
}

int main(void)
{
    isal = tc_png_inflater_isal();
    ok(tc_png_inflater_best() == (isal ? isal : &tc_png_inflater_zlib),
       "ISA-L is taken where it is built in");
    whole_streams();
    if (!isal) {
        skip("ISA-L against zlib", "not built in");
        return done_testing();
    }
    checksums();
    streams();
    more_rows();
    long_streams();
    tiny_chunks();
    every_header();
    dictionaries();
    ends();
    surplus();
    incomplete_codes();
    nothing_leaks();
    no_memory();
    return done_testing();
}
