/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>

static const tc_codec *const codecs[] = {&tc_codec_jpeg, &tc_codec_png};

#define CODECS (sizeof codecs / sizeof codecs[0])

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

const tc_codec *tc_codec_sniff(const uint8_t *head, size_t length)
{
    size_t at;

    for (at = 0; at < CODECS; at++) {
        if (codecs[at]->sniff(head, length))
            return codecs[at];
    }
    return NULL;
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
    static const char *const names[TC_FORMATS] = {
        [TC_FORMAT_NONE] = "none", [TC_FORMAT_JPEG] = "jpeg", [TC_FORMAT_PNG] = "png",
        [TC_FORMAT_GIF] = "gif",   [TC_FORMAT_TIFF] = "tiff", [TC_FORMAT_WEBP] = "webp",
        [TC_FORMAT_AVIF] = "avif"};

    return format < TC_FORMATS ? names[format] : names[TC_FORMAT_NONE];
}

const char *tc_codec_versions(void)
{
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) ", libpng " PNG_LIBPNG_VER_STRING;
}
