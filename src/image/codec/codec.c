/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "image/colour/colour.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What the build found; JPEG and PNG are always there. */
#define TC_WITH_JPEG 1
#define TC_WITH_PNG  1

/* IS_SET(TC_WITH_GIF): 1 where that is defined as 1, else 0, for what follows to choose by. */
#define COMMA_1                    ,
#define SECOND(first, second, ...) second
#define IF_SET(comma)              SECOND(comma 1, 0, )
#define PASTE(a, b)                a##b
#define COMMA(value)               PASTE(COMMA_, value)
#define IS_SET(name)               IF_SET(COMMA(name))

#define CODEC_0(name)             NULL
#define CODEC_1(name)             &tc_codec_##name
#define CODEC(is_set, name)       PASTE(CODEC_, is_set)(name)
#define ROW(id, name, title, ...) [TC_FORMAT_##id] = CODEC(IS_SET(TC_WITH_##id), name),

/* NULL: known by its name and its magic bytes only. */
static const tc_codec *const codecs[TC_FORMATS] = {TC_FORMAT_LIST(ROW)};
#undef ROW

#define ROW(id, name, title, ...) [TC_FORMAT_##id] = {#name, title},
static const struct {
    const char *name, *title;
} words[TC_FORMATS] = {[TC_FORMAT_NONE] = {"none", "no format"}, TC_FORMAT_LIST(ROW)};
#undef ROW

/* Bytes at one place of a file or at two that no other format has there. */
typedef struct magic_bytes {
    uint8_t at, length;
    const char *bytes;
    uint8_t more_at, more_length;
    const char *more;
} magic_bytes;

#define MAGIC_MOST 4

#define ROW(id, name, title, ...) [TC_FORMAT_##id] = {__VA_ARGS__},
static const magic_bytes magics[TC_FORMATS][MAGIC_MOST] = {TC_FORMAT_LIST(ROW)};
#undef ROW

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

static bool has_bytes(const uint8_t *head, size_t length, size_t at, size_t count,
                      const char *bytes)
{
    return at + count <= length && (count == 0 || memcmp(head + at, bytes, count) == 0);
}

static bool has_magic(const uint8_t *head, size_t length, const magic_bytes *magic)
{
    return magic->length && has_bytes(head, length, magic->at, magic->length, magic->bytes) &&
           has_bytes(head, length, magic->more_at, magic->more_length, magic->more);
}

tc_format tc_format_sniff(const uint8_t *head, size_t length)
{
    for (int format = TC_FORMAT_NONE + 1; format < TC_FORMATS; format++) {
        for (int at = 0; at < MAGIC_MOST; at++) {
            if (has_magic(head, length, &magics[format][at]))
                return (tc_format)format;
        }
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
    return format < TC_FORMATS ? codecs[format] : NULL;
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
    size_t used;

    text[0] = '\0';
    for (int format = TC_FORMAT_NONE + 1; format < TC_FORMATS; format++) {
        if (!codecs[format])
            continue;
        used = strlen(text);
        if (used)
            snprintf(text + used, size - used, ", ");
        used = strlen(text);
        codecs[format]->library(text + used, size - used);
    }
    used = strlen(text);
    if (tc_transform_library())
        snprintf(text + used, size - used, ", %s", tc_transform_library());
}
