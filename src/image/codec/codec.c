/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "image/colour/colour.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What the build found; the others are known by name and by their magic bytes. */
static const tc_codec *const codecs[] = {
    &tc_codec_jpeg, &tc_codec_png,
#ifdef TC_WITH_GIF
    &tc_codec_gif,
#endif
#ifdef TC_WITH_WEBP
    &tc_codec_webp,
#endif
#ifdef TC_WITH_AVIF
    &tc_codec_avif,
#endif
};

#define CODECS (sizeof codecs / sizeof codecs[0])

static const struct {
    const char *name, *title;
} words[TC_FORMATS] = {
    [TC_FORMAT_NONE] = {"none", "no format"}, [TC_FORMAT_JPEG] = {"jpeg", "JPEG"},
    [TC_FORMAT_PNG] = {"png", "PNG"},         [TC_FORMAT_GIF] = {"gif", "GIF"},
    [TC_FORMAT_TIFF] = {"tiff", "TIFF"},      [TC_FORMAT_WEBP] = {"webp", "WebP"},
    [TC_FORMAT_AVIF] = {"avif", "AVIF"}};

/* Bytes at one place of a file that no other format has there. */
static const struct {
    tc_format format;
    uint8_t at, length;
    const char *bytes;
} magic[] = {
    {TC_FORMAT_JPEG, 0, 3, "\xff\xd8\xff"}, {TC_FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
    {TC_FORMAT_GIF, 0, 6, "GIF87a"},        {TC_FORMAT_GIF, 0, 6, "GIF89a"},
    {TC_FORMAT_TIFF, 0, 4, "II*\0"},        {TC_FORMAT_TIFF, 0, 4, "MM\0*"},
    {TC_FORMAT_TIFF, 0, 4, "II+\0"}, /* with 64-bit offsets */
    {TC_FORMAT_TIFF, 0, 4, "MM\0+"},        {TC_FORMAT_WEBP, 8, 4, "WEBP"},
};

/* A file in ISO boxes begins with a box that names its major brand, and from here on others. */
#define FTYP_BRANDS 16

#define FTYP_BYTES (FTYP_BRANDS + 4 * TC_BRANDS_MAX)

/* Bytes of an ISO file's first box; 0 for other files. */
static size_t ftyp_size(const uint8_t *head, size_t length)
{
    if (length < 12 || memcmp(head + 4, "ftyp", 4) != 0)
        return 0;
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

static bool is_avif_brand(const uint8_t *brand)
{
    return memcmp(brand, "avif", 4) == 0 || memcmp(brand, "avis", 4) == 0;
}

/* AVIF is one of many formats in ISO boxes: the major brand says which, or one of the others.
 */
static bool is_avif(const uint8_t *head, size_t length)
{
    size_t size = ftyp_size(head, length);

    if (size == 0)
        return false;
    if (is_avif_brand(head + 8))
        return true;
    length = length < size ? length : size;
    for (size_t at = FTYP_BRANDS; at + 4 <= length; at += 4) {
        if (is_avif_brand(head + at))
            return true;
    }
    return false;
}

tc_format tc_format_sniff(const uint8_t *head, size_t length)
{
    size_t at;

    for (at = 0; at < sizeof magic / sizeof magic[0]; at++) {
        if ((size_t)magic[at].at + magic[at].length <= length &&
            memcmp(head + magic[at].at, magic[at].bytes, magic[at].length) == 0 &&
            (magic[at].format != TC_FORMAT_WEBP || memcmp(head, "RIFF", 4) == 0))
            return magic[at].format;
    }
    return is_avif(head, length) ? TC_FORMAT_AVIF : TC_FORMAT_NONE;
}

tc_error tc_format_read(const tc_input *input, tc_format *format)
{
    uint8_t head[FTYP_BYTES];
    size_t got = 0, size;
    tc_error error = input->read(input->context, 0, head, TC_SNIFF_BYTES, &got);

    *format = error ? TC_FORMAT_NONE : tc_format_sniff(head, got);
    if (error || *format != TC_FORMAT_NONE)
        return error;
    size = ftyp_size(head, got);
    if (size <= got || size > sizeof head)
        return TC_E_OK;
    error = input->read(input->context, 0, head, size, &got);
    if (!error)
        *format = tc_format_sniff(head, got);
    return error;
}

const tc_codec *tc_codec_find(tc_format format)
{
    size_t at;

    for (at = 0; at < CODECS; at++) {
        if (codecs[at]->format == format)
            return codecs[at];
    }
    return NULL;
}

const char *tc_format_name(tc_format format)
{
    return words[format < TC_FORMATS ? format : TC_FORMAT_NONE].name;
}

const char *tc_format_title(tc_format format)
{
    return words[format < TC_FORMATS ? format : TC_FORMAT_NONE].title;
}

void tc_codec_versions(char *text, size_t size)
{
    size_t used, at;

    text[0] = '\0';
    for (at = 0; at < CODECS; at++) {
        used = strlen(text);
        if (at)
            snprintf(text + used, size - used, ", ");
        used = strlen(text);
        codecs[at]->library(text + used, size - used);
    }
    used = strlen(text);
    if (tc_transform_library())
        snprintf(text + used, size - used, ", %s", tc_transform_library());
}
