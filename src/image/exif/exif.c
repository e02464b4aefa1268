/* SPDX-License-Identifier: Apache-2.0 */
#include "exif.h"

#include "tiff.h"

#include <string.h>

#define TAG_STRIP_OFFSETS 0x0111
#define TAG_ORIENTATION   0x0112
#define TAG_STRIP_BYTES   0x0117
#define TAG_ARTIST        0x013b
#define TAG_JPEG_OFFSET   0x0201
#define TAG_JPEG_BYTES    0x0202
#define TAG_COPYRIGHT     0x8298

#define TEXT_MAX 2048

static void put16(uint8_t *to, uint32_t value, bool big_endian)
{
    to[0] = (uint8_t)(big_endian ? value >> 8 : value);
    to[1] = (uint8_t)(big_endian ? value : value >> 8);
}

static void put32(uint8_t *to, uint32_t value, bool big_endian)
{
    put16(to, big_endian ? value >> 16 : value & 0xffff, big_endian);
    put16(to + 2, big_endian ? value & 0xffff : value >> 16, big_endian);
}

/* ---- the whole block, made true ------------------------------------------------------- */

static size_t type_size(uint32_t type)
{
    return type == TC_TIFF_SHORT ? 2 : type == TC_TIFF_LONG ? 4 : 0;
}

/* Number `index` of the entry at `at`, which has as many as it says; 0 when out of reach. */
static uint32_t number(const tc_tiff *tiff, size_t at, uint32_t index)
{
    size_t size = type_size(tc_tiff_get16(tiff, at + 2));
    uint64_t count = tc_tiff_get32(tiff, at + 4), place;

    if (size == 0 || index >= count)
        return 0;
    place = (count * size <= 4 ? at + 8 : tc_tiff_get32(tiff, at + 8)) + (uint64_t)index * size;
    if (place + size > tiff->length)
        return 0;
    return size == 2 ? tc_tiff_get16(tiff, (size_t)place) : tc_tiff_get32(tiff, (size_t)place);
}

/* Wipe the bytes that the entries at `offsets` and `bytes` tell of; cut them off at the end. */
static void wipe(uint8_t *data, tc_tiff *tiff, size_t offsets, size_t bytes)
{
    uint32_t count = tc_tiff_get32(tiff, offsets + 4);

    /* More strips than bytes there cannot be. */
    for (uint32_t index = 0; index < count && index < tiff->length; index++) {
        uint64_t from = number(tiff, offsets, index), length = number(tiff, bytes, index);

        if (from == 0 || from >= tiff->length)
            continue;
        if (length > tiff->length - from)
            length = tiff->length - from;
        memset(data + from, 0, (size_t)length);
        if (from + length == tiff->length && from > offsets && from > bytes)
            tiff->length = (size_t)from;
    }
}

/* The thumbnail that the directory at `offset` describes. */
static void wipe_thumbnail(uint8_t *data, tc_tiff *tiff, size_t offset)
{
    size_t at = 0, jpeg = 0, jpeg_bytes = 0, strips = 0, strip_bytes = 0;

    for (size_t left = tc_tiff_entries(tiff, offset, &at); left > 0;
         left--, at += TC_TIFF_ENTRY) {
        switch (tc_tiff_get16(tiff, at)) {
        case TAG_JPEG_OFFSET:
            jpeg = at;
            break;
        case TAG_JPEG_BYTES:
            jpeg_bytes = at;
            break;
        case TAG_STRIP_OFFSETS:
            strips = at;
            break;
        case TAG_STRIP_BYTES:
            strip_bytes = at;
            break;
        }
    }
    /* The bytes last: they may lie over the directory. */
    if (jpeg && jpeg_bytes && (!strips || !strip_bytes))
        wipe(data, tiff, jpeg, jpeg_bytes);
    else if (strips && strip_bytes)
        wipe(data, tiff, strips, strip_bytes);
}

static void set_upright(uint8_t *data, const tc_tiff *tiff, size_t at)
{
    uint32_t type = tc_tiff_get16(tiff, at + 2);

    if (tc_tiff_get16(tiff, at) != TAG_ORIENTATION)
        return;
    if (type == TC_TIFF_SHORT)
        put16(data + at + 8, 1, tiff->big_endian);
    else
        put32(data + at + 8, 1, tiff->big_endian);
}

size_t tc_exif_normalise(uint8_t *data, size_t length)
{
    tc_tiff tiff;
    size_t directory, at = 0, entries, next;

    if (length > TC_EXIF_MAX || !tc_tiff_open(&tiff, data, length, &directory))
        return 0;
    entries = tc_tiff_entries(&tiff, directory, &at);
    if (entries == 0)
        return 0;
    next = at + entries * TC_TIFF_ENTRY;
    if (next + 4 <= length) {
        wipe_thumbnail(data, &tiff, tc_tiff_get32(&tiff, next));
        if (next + 4 <= tiff.length)
            put32(data + next, 0, tiff.big_endian);
    }
    /* What a mendacious directory had wiped is of no use. */
    length = tiff.length;
    if (!tc_tiff_open(&tiff, data, length, &directory))
        return 0;
    for (entries = tc_tiff_entries(&tiff, directory, &at); entries > 0; entries--) {
        set_upright(data, &tiff, at);
        at += TC_TIFF_ENTRY;
    }
    return length;
}

/* ---- artist and copyright alone ------------------------------------------------------------
 */

typedef struct exif_text {
    const uint8_t *bytes;
    uint32_t length; /* with the terminator; 0: none */
} exif_text;

static exif_text find_text(const tc_tiff *tiff, size_t at)
{
    uint32_t length = tc_tiff_get32(tiff, at + 4);
    size_t place = length <= 4 ? at + 8 : tc_tiff_get32(tiff, at + 8);
    const uint8_t *bytes;

    if (tc_tiff_get16(tiff, at + 2) != TC_TIFF_ASCII || length > TEXT_MAX ||
        place > tiff->length || length > tiff->length - place)
        return (exif_text){NULL, 0};
    bytes = tiff->data + place;
    /* Cameras fill an unset artist with blanks or zeros. */
    while (length > 0 && (bytes[length - 1] == '\0' || bytes[length - 1] == ' '))
        length--;
    /* One without its terminator would be over the bound with it. */
    return (exif_text){bytes, length < TEXT_MAX ? length : 0};
}

/* An entry and its text; returns where the next text goes. */
static size_t put_text(uint8_t *to, size_t entry, uint32_t tag, exif_text text, size_t place)
{
    uint32_t length = text.length + 1;
    size_t value = length <= 4 ? entry + 8 : place;

    put16(to + entry, tag, true);
    put16(to + entry + 2, TC_TIFF_ASCII, true);
    put32(to + entry + 4, length, true);
    put32(to + entry + 8, length <= 4 ? 0 : (uint32_t)place, true);
    memcpy(to + value, text.bytes, text.length);
    if (length <= 4)
        return place;
    to[place + text.length] = '\0';
    place += length;
    if (place % 2 != 0)
        to[place++] = '\0';
    return place;
}

size_t tc_exif_copyright(const uint8_t *data, size_t length, uint8_t to[TC_COPYRIGHT_MAX])
{
    static const uint8_t head[8] = {'M', 'M', 0, 42, 0, 0, 0, 8};
    exif_text artist = {NULL, 0}, copyright = {NULL, 0};
    size_t directory, at = 0, entry = 10, place;
    unsigned count;
    tc_tiff tiff;

    if (!tc_tiff_open(&tiff, data, length, &directory))
        return 0;
    for (size_t left = tc_tiff_entries(&tiff, directory, &at); left > 0;
         left--, at += TC_TIFF_ENTRY) {
        if (tc_tiff_get16(&tiff, at) == TAG_ARTIST)
            artist = find_text(&tiff, at);
        if (tc_tiff_get16(&tiff, at) == TAG_COPYRIGHT)
            copyright = find_text(&tiff, at);
    }
    count = (artist.length > 0) + (copyright.length > 0);
    if (count == 0)
        return 0;
    memcpy(to, head, sizeof head);
    put16(to + 8, count, true);
    place = entry + count * TC_TIFF_ENTRY;
    put32(to + place, 0, true); /* no directory follows */
    place += 4;
    if (artist.length > 0) {
        place = put_text(to, entry, TAG_ARTIST, artist, place);
        entry += TC_TIFF_ENTRY;
    }
    if (copyright.length > 0)
        place = put_text(to, entry, TAG_COPYRIGHT, copyright, place);
    return place;
}
