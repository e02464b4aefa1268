/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds of what a file may claim, each at its edge: at the bound the picture is read
 * with all it has, one over it is not.
 */
#include "pictures.h"

#include <jpeglib.h>
#include <zlib.h>

#include "image/codec/jpeg_scans.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static tc_error decode_file(const tc_codec *codec, const bytes *file, unsigned reduce,
                            tc_image_info *info, tc_fail *fail)
{
    tc_image_info own;
    pixels got;
    tc_error error = decode(codec, file, file->length, reduce, info ? info : &own, &got, fail);

    free(got.data);
    if (!info)
        free((void *)(uintptr_t)own.icc);
    return error;
}

/* ---- profiles --------------------------------------------------------------------------- */

static void profile_of(const tc_codec *codec, size_t length, bool kept)
{
    pixels from = draw(16, 16, TC_RGB);
    uint8_t *icc = make_profile(length, "RGB ");
    tc_encode_spec spec = {.quality = 80, .icc = icc, .icc_length = length};
    bytes file = {0};
    tc_image_info info = {0};
    tc_fail fail = {0};
    tc_error error;

    memset(icc + 128, 0, 4); /* no tags, or libpng looks for them */
    error = encode(codec, &from, spec, &file, &fail);
    ok(!error && file.length > 0, "%s: written with a profile of %zu bytes",
       tc_format_title(codec->format), length);
    error = decode_file(codec, &file, 1, &info, &fail);
    ok(!error &&
           (kept ? info.icc_length == length && memcmp(info.icc, icc, length) == 0 : !info.icc),
       "... which is read %s it", kept ? "with" : "without");
    free((void *)(uintptr_t)info.icc);
    free(icc);
    free(from.data);
    free(file.data);
}

static void profiles(void)
{
    static const tc_codec *const codecs[] = {
        &tc_codec_jpeg,
        &tc_codec_png,
#ifdef TC_WITH_WEBP
        &tc_codec_webp,
#endif
#ifdef TC_WITH_AVIF
        &tc_codec_avif,
#endif
    };

    for (size_t at = 0; at < COUNT(codecs); at++) {
        profile_of(codecs[at], TC_ICC_MAX, true);
        profile_of(codecs[at], TC_ICC_MAX + 1, false);
    }
}

/* ---- JPEG ------------------------------------------------------------------------------- */

#define COEFFICIENTS 63

/* `count` scans in an order that the standard allows. All of a colour in one go; then each
 * coefficient of each component alone, and as many as need be in two halves. */
static unsigned make_script(jpeg_scan_info *scan, unsigned count)
{
    unsigned made = 0, twice = count - 1 - 3 * COEFFICIENTS;

    scan[made++] = (jpeg_scan_info){3, {0, 1, 2}, 0, 0, 0, 0};
    for (int component = 0; component < 3; component++) {
        for (int at = 1; at <= COEFFICIENTS; at++) {
            int low = made < 2 * twice ? 1 : 0;

            scan[made++] = (jpeg_scan_info){1, {component}, at, at, 0, low};
            if (low)
                scan[made++] = (jpeg_scan_info){1, {component}, at, at, 1, 0};
        }
    }
    return made;
}

static bytes make_scans(unsigned count)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    jpeg_scan_info script[2 * TC_JPEG_SCANS_MAX];
    unsigned char *data = NULL;
    unsigned long length = 0;
    uint8_t row[3 * 64];
    JSAMPROW rows = row;
    bytes made = {0};

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &data, &length);
    cinfo.image_width = cinfo.image_height = 64;
    cinfo.input_components = 3;
    cinfo.in_color_space = JCS_YCbCr;
    jpeg_set_defaults(&cinfo);
    cinfo.scan_info = script;
    cinfo.num_scans = (int)make_script(script, count);
    jpeg_start_compress(&cinfo, TRUE);
    for (unsigned y = 0; y < 64; y++) {
        for (unsigned at = 0; at < sizeof row; at++)
            row[at] = (uint8_t)(at * 7 + y * y);
        jpeg_write_scanlines(&cinfo, &rows, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    put(&made, data, length);
    free(data);
    return made;
}

static void jpeg_scans(void)
{
    static const struct {
        unsigned scans, reduce;
        tc_error wanted;
    } cases[] = {
        {TC_JPEG_SCANS_MAX, 1, TC_E_OK},
        {TC_JPEG_SCANS_MAX + 1, 1, TC_E_DAMAGED},
        /* Here most scans are not read, and are counted all the same. */
        {TC_JPEG_SCANS_MAX, 8, TC_E_OK},
        {TC_JPEG_SCANS_MAX + 1, 8, TC_E_DAMAGED},
    };

    for (size_t at = 0; at < COUNT(cases); at++) {
        bytes file = make_scans(cases[at].scans);
        tc_fail fail;
        tc_error error = decode_file(&tc_codec_jpeg, &file, cases[at].reduce, NULL, &fail);

        ok(error == cases[at].wanted, "JPEG: %u scans at 1/%u: %s", cases[at].scans,
           cases[at].reduce, error ? fail.text : "a picture");
        free(file.data);
    }
}

/* What libjpeg reports of a grey JPEG without a comment. */
#define JPEG_MARKERS_OWN 10

static void jpeg_markers(unsigned comments, tc_error wanted)
{
    pixels from = draw(16, 16, TC_GREY);
    bytes picture = {0}, file = {0};
    tc_fail fail;
    tc_error error;

    encode(&tc_codec_jpeg, &from, (tc_encode_spec){.quality = 80}, &picture, &fail);
    put(&file, picture.data, 2);
    for (unsigned at = 0; at < comments; at++)
        put(&file, "\xff\xfe\0\2", 4);
    put(&file, picture.data + 2, picture.length - 2);
    error = decode_file(&tc_codec_jpeg, &file, 1, NULL, &fail);
    ok(error == wanted, "JPEG: %u comments: %s", comments, error ? fail.text : "a picture");
    free(from.data);
    free(picture.data);
    free(file.data);
}

/* A profile in two parts: the first is number 1 of `first`, the second `number` of `count`. */
static void jpeg_parts(unsigned first, unsigned number, unsigned count, bool kept)
{
    pixels from = draw(16, 16, TC_RGB);
    uint8_t *icc = make_profile(300, "RGB ");
    uint8_t head[18] = {0xff, 0xe2, 0,   0,   'I', 'C', 'C', '_', 'P',
                        'R',  'O',  'F', 'I', 'L', 'E', 0,   0,   0};
    bytes picture = {0}, file = {0};
    tc_image_info info = {0};
    tc_fail fail;
    tc_error error;

    encode(&tc_codec_jpeg, &from, (tc_encode_spec){.quality = 80}, &picture, &fail);
    put(&file, picture.data, 2);
    head[3] = 16 + 150;
    for (unsigned at = 0; at < 2; at++) {
        head[16] = (uint8_t)(at ? number : 1);
        head[17] = (uint8_t)(at ? count : first);
        put(&file, head, sizeof head);
        put(&file, icc + 150 * at, 150);
    }
    put(&file, picture.data + 2, picture.length - 2);
    error = decode_file(&tc_codec_jpeg, &file, 1, &info, &fail);
    ok(!error && (kept ? info.icc_length == 300 && memcmp(info.icc, icc, 300) == 0 : !info.icc),
       "JPEG: a profile in parts 1 of %u and %u of %u: %s", first, number, count,
       kept ? "whole" : "none");
    free((void *)(uintptr_t)info.icc);
    free(icc);
    free(from.data);
    free(picture.data);
    free(file.data);
}

static void jpegs(void)
{
    jpeg_scans();
    jpeg_markers(10000 - JPEG_MARKERS_OWN, TC_E_OK);
    jpeg_markers(10001 - JPEG_MARKERS_OWN, TC_E_DAMAGED);
    jpeg_parts(2, 2, 2, true);
    jpeg_parts(2, 1, 2, false);
    jpeg_parts(2, 0, 2, false);
    jpeg_parts(2, 3, 2, false);
    jpeg_parts(2, 2, 3, false);
    jpeg_parts(3, 2, 2, false); /* as many as the last one says */
}

/* ---- PNG -------------------------------------------------------------------------------- */

static void put_chunk(bytes *to, const char *name, const void *data, uint32_t length,
                      uint32_t claimed)
{
    uint8_t word[4] = {(uint8_t)(claimed >> 24), (uint8_t)(claimed >> 16),
                       (uint8_t)(claimed >> 8), (uint8_t)claimed};
    size_t from = to->length + 4;
    uint32_t crc;

    put(to, word, 4);
    put(to, name, 4);
    put(to, data, length);
    crc = (uint32_t)crc32(0, to->data + from, 4 + length);
    for (unsigned at = 0; at < 4; at++)
        word[at] = (uint8_t)(crc >> (24 - 8 * at));
    put(to, word, 4);
}

/* Eight grey pixels, their data in two chunks; the second claims to have `claimed` bytes. */
static bytes make_png(unsigned chunks, uint32_t claimed)
{
    static const uint8_t header[13] = {0, 0, 0, 8, 0, 0, 0, 1, 8, 0, 0, 0, 0};
    uint8_t row[9] = {0}, packed[100];
    uLongf length = sizeof packed;
    bytes made = {0};

    compress(packed, &length, row, sizeof row);
    put(&made, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&made, "IHDR", header, sizeof header, sizeof header);
    for (unsigned at = 0; at < chunks; at++)
        put_chunk(&made, "abCd", "", 0, 0);
    put_chunk(&made, "IDAT", packed, 5, 5);
    length -= 5;
    put_chunk(&made, "IDAT", packed + 5, (uint32_t)length,
              claimed ? claimed : (uint32_t)length);
    put_chunk(&made, "IEND", "", 0, 0);
    return made;
}

static void png_of(unsigned chunks, uint32_t claimed, tc_error wanted, const char *text)
{
    bytes file = make_png(chunks, claimed);
    tc_fail fail;
    tc_error error = decode_file(&tc_codec_png, &file, 1, NULL, &fail);

    ok(error == wanted && (!wanted || strstr(fail.text, text)),
       "PNG: %u chunks more, %u bytes claimed: %s", chunks, claimed,
       error ? fail.text : "a picture");
    free(file.data);
}

static void pngs(void)
{
    png_of(0, 0, TC_E_OK, "");
    /* IHDR is one of them. */
    png_of(250000 - 1, 0, TC_E_OK, "");
    png_of(250000, 0, TC_E_DAMAGED, "more than 250000 chunks");
    png_of(0, 0x80000000, TC_E_DAMAGED, "a chunk is too long");
}

/* ---- WebP, AVIF ---------------------------------------------------------------------------
 */

/* Whether an encoder takes pictures of that size; nothing is encoded. */
static void side(const tc_codec *codec, uint32_t w, uint32_t h, tc_error wanted)
{
    bytes file = {0};
    tc_output output = {write_bytes, &file};
    tc_encode_spec spec = {.width = w, .height = h, .model = TC_RGB, .quality = 80};
    tc_encoder *encoder = NULL;
    tc_fail fail = {0};
    tc_error error = codec->encode_open(&encoder, &output, &spec, &fail);

    ok(error == wanted, "%s of %ux%u: %s", tc_format_title(codec->format), w, h,
       error ? fail.text : "is begun");
    codec->encode_free(encoder);
    free(file.data);
}

#ifdef TC_WITH_WEBP

static void put_riff_chunk(bytes *to, const char *name, const void *data, uint32_t length)
{
    put(to, name, 4);
    put(to,
        (uint8_t[4]){(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                     (uint8_t)(length >> 24)},
        4);
    put(to, data, length);
    put(to, "", length & 1);
}

/* With an EXIF block of `length` bytes; `read` of them are read. */
static void webp_exif(uint32_t length, size_t read)
{
    static const uint8_t head[10] = {8, 0, 0, 0, 15, 0, 0, 15, 0, 0};
    pixels from = draw(16, 16, TC_RGB);
    uint8_t *exif = calloc(1, length);
    bytes picture = {0}, file = {0};
    tc_image_info info = {0};
    tc_fail fail;
    tc_error error;

    memcpy(exif, "II*\0\x08\0\0", 8);
    encode(&tc_codec_webp, &from, (tc_encode_spec){.quality = 80}, &picture, &fail);
    put(&file, "RIFF\0\0\0\0WEBP", 12);
    put_riff_chunk(&file, "VP8X", head, sizeof head);
    put(&file, picture.data + 12, picture.length - 12);
    put_riff_chunk(&file, "EXIF", exif, length);
    for (unsigned at = 0; at < 4; at++)
        file.data[4 + at] = (uint8_t)((file.length - 8) >> 8 * at);
    error = decode_file(&tc_codec_webp, &file, 1, &info, &fail);
    ok(!error && info.exif_length == read, "WebP: of %u bytes of EXIF %zu are read", length,
       info.exif_length);
    free((void *)(uintptr_t)info.icc);
    free(exif);
    free(from.data);
    free(picture.data);
    free(file.data);
}

static void webps(void)
{
    webp_exif(65536, 65536);
    webp_exif(65537, 65536);
    side(&tc_codec_webp, 16383, 1, TC_E_OK);
    side(&tc_codec_webp, 16384, 1, TC_E_OUTPUT_TOO_LARGE);
    side(&tc_codec_webp, 1, 16383, TC_E_OK);
    side(&tc_codec_webp, 1, 16384, TC_E_OUTPUT_TOO_LARGE);
}

#else

static void webps(void)
{
    skip("WebP", "libwebp is not built in");
}

#endif

static void avifs(void)
{
#ifdef TC_WITH_AVIF
    side(&tc_codec_avif, 32768, 1, TC_E_OK);
    side(&tc_codec_avif, 32769, 1, TC_E_OUTPUT_TOO_LARGE);
    side(&tc_codec_avif, 1, 32768, TC_E_OK);
    side(&tc_codec_avif, 1, 32769, TC_E_OUTPUT_TOO_LARGE);
#else
    skip("AVIF", "libavif is not built in");
    (void)side;
#endif
}

int main(void)
{
    profiles();
    jpegs();
    pngs();
    webps();
    avifs();
    return done_testing();
}
