/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are cheap to send and dear to read: floods of chunks, markers, blocks and clear
 * codes, around pictures of a few pixels. Each ends as it should, within a second of processor
 * and with few reads.
 */
#include "pictures.h"

#include <time.h>

#include <zlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MB           (1024 * 1024)

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef struct counted_input {
    const bytes *file;
    unsigned reads;
} counted_input;

static tc_error count_reads(void *context, uint64_t offset, void *to, size_t length,
                            size_t *got)
{
    counted_input *counted = context;

    counted->reads++;
    return read_bytes_at((void *)(uintptr_t)counted->file, offset, to, length, got);
}

static void try_file(const tc_codec *codec, bytes file, tc_error wanted, const char *what)
{
    counted_input counted = {&file, 0};
    tc_input input = {count_reads, &counted, file.length, NULL};
    double start = cpu_seconds(), used;
    tc_decoder *decoder;
    tc_image_info info;
    tc_fail fail = {0};
    pixels got = {0};
    tc_error error = codec->decode_open(&decoder, &input, &info, &fail);

    if (!error)
        error = decode_all(codec, decoder, &info, 1, &got);
    codec->decode_free(decoder);
    used = cpu_seconds() - start;
    ok(error == wanted, "%s (%zu KB): %s", what, file.length / 1024,
       error ? fail.text : "a picture");
    ok(used < 1 && counted.reads < 4200 + file.length / 1000, "... %.3f s, %u reads", used,
       counted.reads);
    free(got.data);
    free(file.data);
}

static void put_times(bytes *to, const void *data, size_t length, unsigned times)
{
    for (; times > 0; times--)
        put(to, data, length);
}

/* ---- PNG ------------------------------------------------------------------------------ */

static void put_number(bytes *to, uint32_t value)
{
    put(to,
        (uint8_t[4]){(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                     (uint8_t)value},
        4);
}

static void put_png_chunk(bytes *to, const char *name, const void *data, size_t length)
{
    size_t from;

    put_number(to, (uint32_t)length);
    from = to->length;
    put(to, name, 4);
    put(to, data, length);
    put_number(to, (uint32_t)crc32(0, to->data + from, (uInt)(4 + length)));
}

/* Eight pixels of grey, 8 or 16 bits: something, pixels, something, pixels. */
static bytes make_png(int depth, const bytes *before, const bytes *between)
{
    uint8_t header[13] = {0, 0, 0, 8, 0, 0, 0, 1, (uint8_t)depth, 0, 0, 0, 0}, row[17] = {0};
    uLongf length = 100;
    uint8_t packed[100];
    bytes made = {0};

    compress(packed, &length, row, 1 + (uLong)depth);
    put(&made, "\x89PNG\r\n\x1a\n", 8);
    put_png_chunk(&made, "IHDR", header, sizeof header);
    put(&made, before->data, before->length);
    put_png_chunk(&made, "IDAT", packed, 5);
    put(&made, between->data, between->length);
    put_png_chunk(&made, "IDAT", packed + 5, length - 5);
    put_png_chunk(&made, "IEND", "", 0);
    return made;
}

static void try_png(const char *name, size_t length, unsigned times, bool between, int depth,
                    tc_error wanted)
{
    bytes chunk = {0}, chunks = {0}, none = {0};
    uint8_t *data = calloc(1, length + 1);
    char what[80];

    memcpy(data, "MM\0*", length < 4 ? length : 4);
    put_png_chunk(&chunk, name, data, length);
    put_times(&chunks, chunk.data, chunk.length, times);
    snprintf(what, sizeof what, "PNG, %d bits: %u %s of %zu bytes %s", depth, times, name,
             length, between ? "between the picture's" : "before the picture");
    try_file(&tc_codec_png,
             make_png(depth, between ? &none : &chunks, between ? &chunks : &none), wanted,
             what);
    free(data);
    free(chunk.data);
    free(chunks.data);
}

static void pngs(void)
{
    for (int depth = 8; depth <= 16; depth += 8) {
        try_png("tEXt", 10, 900, false, depth, TC_E_OK);
        try_png("tEXt", 0, 500000, false, depth, TC_E_DAMAGED);
        try_png("abCd", 0, 500000, false, depth, TC_E_DAMAGED);
        try_png("gAMA", 4, 500000, false, depth, TC_E_DAMAGED);
        try_png("iTXt", 4 * MB, 3, false, depth, TC_E_OK);
        try_png("eXIf", 2 * MB, 1, false, depth, TC_E_OK);
        try_png("eXIf", 2 * MB + 1, 1, false, depth, TC_E_DAMAGED);
        try_png("IDAT", 0, 500000, true, depth, TC_E_OK);
    }
}

/* ---- JPEG ----------------------------------------------------------------------------- */

static bytes make_jpeg(const void *marker, size_t length, unsigned times)
{
    pixels from = draw(16, 16, TC_RGB);
    bytes picture = {0}, made = {0};
    tc_fail fail;

    encode(&tc_codec_jpeg, &from, (tc_encode_spec){.quality = 80}, &picture, &fail);
    put(&made, picture.data, 2);
    put_times(&made, marker, length, times);
    put(&made, picture.data + 2, picture.length - 2);
    free(from.data);
    free(picture.data);
    return made;
}

static void jpegs(void)
{
    static const struct {
        const char *what, *marker;
        size_t length;
        unsigned times;
        tc_error wanted;
    } cases[] = {
        {"5000 comments", "\xff\xfe\0\3x", 5, 5000, TC_E_OK},
        {"a million comments", "\xff\xfe\0\2", 4, 1000000, TC_E_DAMAGED},
        {"a million EXIF blocks", "\xff\xe1\0\2", 4, 1000000, TC_E_DAMAGED},
        {"a million parts of profiles", "\xff\xe2\0\2", 4, 1000000, TC_E_DAMAGED},
        {"a million of JFIF", "\xff\xe0\0\2", 4, 1000000, TC_E_DAMAGED},
        {"a million of Adobe", "\xff\xee\0\2", 4, 1000000, TC_E_DAMAGED},
        {"two million restarts", "\xff\xd0", 2, 2000000, TC_E_DAMAGED},
        {"a million empty Huffman tables", "\xff\xc4\0\2", 4, 1000000, TC_E_OK},
        {"a million empty quantizers", "\xff\xdb\0\2", 4, 1000000, TC_E_OK},
        {"four million bytes of filling", "\xff", 1, 4000000, TC_E_OK},
    };
    char what[80];

    for (size_t at = 0; at < COUNT(cases); at++) {
        snprintf(what, sizeof what, "JPEG: %s", cases[at].what);
        try_file(&tc_codec_jpeg, make_jpeg(cases[at].marker, cases[at].length, cases[at].times),
                 cases[at].wanted, what);
    }
}

/* ---- GIF ------------------------------------------------------------------------------ */

#ifdef TC_WITH_GIF

/* A frame of `side` pixels squared, of two bits each, with these codes. */
static bytes make_gif(unsigned side, const bytes *extensions, const bytes *codes)
{
    uint8_t low = (uint8_t)side, high = (uint8_t)(side >> 8);
    bytes made = {0};

    put(&made, "GIF89a", 6);
    put(&made, (uint8_t[7]){low, high, low, high, 0x91, 0, 0}, 7);
    put(&made, "\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff", 12);
    put(&made, extensions->data, extensions->length);
    put(&made, (uint8_t[11]){',', 0, 0, 0, 0, low, high, low, high, 0, 2}, 11);
    for (size_t at = 0; at < codes->length; at += 255) {
        size_t length = codes->length - at < 255 ? codes->length - at : 255;

        put(&made, (uint8_t[1]){(uint8_t)length}, 1);
        put(&made, codes->data + at, length);
    }
    put(&made, "\0;", 2);
    return made;
}

static void try_gif(unsigned side, const bytes *extensions, const bytes *codes, tc_error wanted,
                    const char *what)
{
    try_file(&tc_codec_gif, make_gif(side, extensions, codes), wanted, what);
}

static void gifs(void)
{
    /* Codes of three bits: clear is 4, pixels are 0 to 3. */
    static const uint8_t clears[3] = {0x24, 0x49, 0x92}, alternate[3] = {0x04, 0x41, 0x10};
    bytes flood = {0}, pairs = {0}, none = {0}, comment = {0}, comments = {0}, large = {0};

    put_times(&flood, clears, sizeof clears, 4 * MB / 3);
    put_times(&pairs, alternate, sizeof alternate, 1000 * 1000 / 4);
    put(&comment, "!\xfe", 2);
    put_times(&comment, "\1x", 2, 4 * MB);
    put(&comment, "", 1);
    put_times(&comments, "!\xfe\0", 3, 3 * MB);
    put(&large, "!\xfe", 2);
    put_times(&large, "\1x", 2, MB);
    put(&large, "", 1);
    try_gif(10, &none, &flood, TC_E_DAMAGED, "GIF: eleven million clear codes");
    try_gif(1000, &none, &pairs, TC_E_OK, "GIF: a clear code for each of a million pixels");
    try_gif(1000, &large, &pairs, TC_E_OK, "GIF: a comment of a million blocks");
    try_gif(1000, &comment, &pairs, TC_E_DAMAGED, "GIF: a comment of four million blocks");
    try_gif(1000, &comments, &pairs, TC_E_DAMAGED, "GIF: three million comments");
    free(flood.data);
    free(pairs.data);
    free(comment.data);
    free(comments.data);
    free(large.data);
}

#else

static void gifs(void)
{
    skip("GIF", "giflib is not built in");
}

#endif

/* ---- WebP ----------------------------------------------------------------------------- */

#ifdef TC_WITH_WEBP

static void webps(void)
{
    pixels from = draw(16, 16, TC_RGB);
    bytes picture = {0};
    tc_fail fail;

    encode(&tc_codec_webp, &from, (tc_encode_spec){.quality = 80}, &picture, &fail);
    for (unsigned times = 4000; times <= 500000; times *= 125) {
        bytes made = {0};
        char what[80];

        put(&made, picture.data, 12);
        put_times(&made, "XXXX\0\0\0\0", 8, times);
        put(&made, picture.data + 12, picture.length - 12);
        for (unsigned at = 0; at < 4; at++)
            made.data[4 + at] = (uint8_t)((made.length - 8) >> 8 * at);
        snprintf(what, sizeof what, "WebP: %u chunks before the picture", times);
        /* Each chunk is a read: there are no more than 4096. */
        try_file(&tc_codec_webp, made, times > 4096 ? TC_E_DAMAGED : TC_E_OK, what);
    }
    free(picture.data);
    free(from.data);
}

#else

static void webps(void)
{
    skip("WebP", "libwebp is not built in");
}

#endif

int main(void)
{
    pngs();
    jpegs();
    gifs();
    webps();
    return done_testing();
}
