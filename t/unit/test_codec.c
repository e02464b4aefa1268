/* SPDX-License-Identifier: Apache-2.0 */
/* Formats by name and by magic bytes, whatever is built in. */
#include <string.h>

#include "image/codec/codec.h"
#include "tap.h"

static const struct {
    const char *bytes;
    size_t length;
    tc_format format;
} heads[] = {
    {"\xff\xd8\xff\xe0", 4, TC_FORMAT_JPEG},
    {"\xff\xd8", 2, TC_FORMAT_NONE},
    {"\x89PNG\r\n\x1a\n", 8, TC_FORMAT_PNG},
    {"\x89PNG\r\n\x1a", 7, TC_FORMAT_NONE},
    {"GIF87a", 6, TC_FORMAT_GIF},
    {"GIF89a\1", 7, TC_FORMAT_GIF},
    {"GIF88a", 6, TC_FORMAT_NONE},
    {"II*\0\10\0\0\0", 8, TC_FORMAT_TIFF},
    {"MM\0*\0\0\0\10", 8, TC_FORMAT_TIFF},
    {"II+\0\10\0\0\0", 8, TC_FORMAT_TIFF},
    {"MM\0+\0\10\0\0", 8, TC_FORMAT_TIFF},
    {"IIII", 4, TC_FORMAT_NONE},
    {"RIFF\4\0\0\0WEBPVP8 ", 16, TC_FORMAT_WEBP},
    {"RIFF\4\0\0\0WAVE", 12, TC_FORMAT_NONE},
    {"RIFX\4\0\0\0WEBP", 12, TC_FORMAT_NONE},
    {"RIFF\4\0\0\0WEB", 11, TC_FORMAT_NONE},
    {"\0\0\0\34ftypavif\0\0\0\0mif1miaf", 24, TC_FORMAT_AVIF},
    {"\0\0\0\34ftypavis\0\0\0\0", 16, TC_FORMAT_AVIF},
    {"\0\0\0\34ftypmif1\0\0\0\0miafavif", 24, TC_FORMAT_AVIF},
    {"\0\0\0\34ftypmif1\0\0\0\0miafavi", 23, TC_FORMAT_NONE},
    {"\0\0\0\34ftypheic\0\0\0\0mif1heic", 24, TC_FORMAT_NONE},
    {"\0\0\0\34ftypmp42\0\0\0\0", 16, TC_FORMAT_NONE},
    {"", 0, TC_FORMAT_NONE},
    {"<svg>", 5, TC_FORMAT_NONE},
};

/* A file of 1 GB that begins with an ftyp, and how much of it was read. */
typedef struct boxed {
    uint32_t size;      /* that the ftyp claims */
    uint32_t at, after; /* `avif` stands there, and the file ends so far behind the ftyp */
    size_t read;
} boxed;

static tc_error read_boxed(void *context, uint64_t offset, void *to, size_t length, size_t *got)
{
    boxed *from = context;
    uint8_t *bytes = to;

    for (*got = 0; *got < length && offset < (uint64_t)from->size + from->after;
         ++*got, offset++) {
        uint8_t head[8] = {(uint8_t)(from->size >> 24),
                           (uint8_t)(from->size >> 16),
                           (uint8_t)(from->size >> 8),
                           (uint8_t)from->size,
                           'f',
                           't',
                           'y',
                           'p'};

        bytes[*got] = offset < 8 ? head[offset]
                      : offset >= from->at && offset < from->at + 4
                          ? (uint8_t) "avif"[offset - from->at]
                          : (uint8_t) "mif1"[offset % 4];
    }
    from->read += *got;
    return from->at == 0 ? TC_E_READ : TC_E_OK;
}

/* Where among an ISO file's brands that of AVIF may stand. */
static void test_brands(void)
{
    static const struct {
        const char *what;
        boxed file;
        tc_format format;
    } rows[] = {
        {"the major brand", {20, 8, 100, 0}, TC_FORMAT_AVIF},
        {"the first of the others", {20, 16, 100, 0}, TC_FORMAT_AVIF},
        {"the fourth", {40, 28, 100, 0}, TC_FORMAT_AVIF},
        {"the fifth", {40, 32, 100, 0}, TC_FORMAT_AVIF},
        {"the last of 100", {16 + 400, 16 + 396, 100, 0}, TC_FORMAT_AVIF},
        {"the last of 1,024", {16 + 4096, 16 + 4092, 100, 0}, TC_FORMAT_AVIF},
        {"the last of 1,025", {20 + 4096, 16 + 4096, 100, 0}, TC_FORMAT_NONE},
        {"not one, but the version", {40, 12, 100, 0}, TC_FORMAT_NONE},
        {"behind the box", {40, 40, 100, 0}, TC_FORMAT_NONE},
        {"behind a box that ends within the first bytes", {20, 24, 100, 0}, TC_FORMAT_NONE},
        {"nowhere in a box of a gigabyte", {1 << 30, 1 << 29, 0, 0}, TC_FORMAT_NONE},
        {"across brands", {60, 34, 100, 0}, TC_FORMAT_NONE},
    };

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        boxed file = rows[at].file;
        tc_input input = {read_boxed, &file, (uint64_t)file.size + file.after, NULL};
        tc_format format = TC_FORMAT_JPEG;

        ok(tc_format_read(&input, &format) == TC_E_OK && format == rows[at].format &&
               file.read <= TC_SNIFF_BYTES + 16 + 4 * TC_BRANDS_MAX,
           "avif is %s: %s, after %zu bytes", rows[at].what, tc_format_title(format),
           file.read);
    }
    {
        boxed file = {40, 0, 100, 0};
        tc_input input = {read_boxed, &file, 140, NULL};
        tc_format format = TC_FORMAT_JPEG;

        ok(tc_format_read(&input, &format) == TC_E_READ && format == TC_FORMAT_NONE,
           "an input's error is told");
    }
}

int main(void)
{
    char versions[TC_VERSIONS_MAX], few[8];

    for (size_t at = 0; at < sizeof heads / sizeof heads[0]; at++) {
        tc_format seen = tc_format_sniff((const uint8_t *)heads[at].bytes, heads[at].length);
        ok(seen == heads[at].format, "head %zu is %s (%s)", at,
           tc_format_title(heads[at].format), tc_format_title(seen));
    }
    test_brands();
    ok(strcmp(tc_format_name(TC_FORMAT_WEBP), "webp") == 0 &&
           strcmp(tc_format_title(TC_FORMAT_WEBP), "WebP") == 0,
       "names for URLs and for people");
    ok(strcmp(tc_format_name(TC_FORMAT_AUTO), "none") == 0, "auto is no format");
    ok(tc_codec_find(TC_FORMAT_JPEG) == &tc_codec_jpeg &&
           tc_codec_find(TC_FORMAT_PNG) == &tc_codec_png,
       "JPEG and PNG are always there");
    ok(!tc_codec_find(TC_FORMAT_NONE) && !tc_codec_find(TC_FORMAT_TIFF) &&
           !tc_codec_find(TC_FORMAT_AUTO),
       "others never");
    tc_codec_versions(versions, sizeof versions);
    ok(strstr(versions, "libjpeg-turbo ") == versions && strstr(versions, ", libpng 1."),
       "versions: %s", versions);
#ifdef TC_WITH_WEBP
    ok(tc_codec_find(TC_FORMAT_WEBP) == &tc_codec_webp && strstr(versions, ", libwebp "),
       "WebP is built in");
#else
    ok(!tc_codec_find(TC_FORMAT_WEBP) && !strstr(versions, "webp"), "WebP is not built in");
#endif
#ifdef TC_WITH_GIF
    ok(tc_codec_find(TC_FORMAT_GIF) == &tc_codec_gif && !tc_codec_gif.encode_open &&
           strstr(versions, ", giflib "),
       "GIF is built in, to read");
#else
    ok(!tc_codec_find(TC_FORMAT_GIF) && !strstr(versions, "giflib"), "GIF is not built in");
#endif
#ifdef TC_WITH_AVIF
    ok(tc_codec_find(TC_FORMAT_AVIF) == &tc_codec_avif && strstr(versions, ", libavif "),
       "AVIF is built in");
#else
    ok(!tc_codec_find(TC_FORMAT_AVIF) && !strstr(versions, "avif"), "AVIF is not built in");
#endif
    memset(few, 'x', sizeof few);
    tc_codec_versions(few, sizeof few - 1);
    ok(strlen(few) == sizeof few - 2 && few[sizeof few - 1] == 'x', "versions: bounded");
    return done_testing();
}
