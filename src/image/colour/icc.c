/* SPDX-License-Identifier: Apache-2.0 */
#include "icc.h"

#include <string.h>

#define NAME(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

#define HEADER    128
#define TAG_TABLE 4  /* the count */
#define TAG_ENTRY 12 /* name, offset, size */
#define TAG_HEAD  8  /* a type's name, four zeros */

#define XYZ_BYTES    20
#define CURVE_HEAD   12 /* of 'curv' and of 'para' */
#define LUT8_HEAD    48 /* channels, grid, a matrix of nine */
#define LUT16_HEAD   52 /* the same, and the lengths of its curves */
#define LUT8_CURVE   256
#define LUTAB_HEAD   32 /* channels, five offsets */
#define GRID_HEAD    20 /* points of up to 16 dimensions, width of a value */
#define MATRIX_BYTES 48

/* A curve in memory: its values, 16 bits each, and what describes it. */
#define CURVE_BYTES 512
/* Samples of a parametric curve. */
#define PARAMETRIC_VALUES 4096

typedef struct profile_reader {
    tc_icc *icc;
    const uint8_t *data;
    uint64_t length;
    uint64_t end;    /* of the tag that is being checked, so far */
    uint64_t tables; /* bytes of its tables in memory, so far */
} profile_reader;

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

static uint64_t aligned(uint64_t value)
{
    return (value + 3) & ~UINT64_C(3);
}

/* The `length` bytes from `from`, which become part of the tag; NULL when they are not there.
 */
static const uint8_t *bytes_at(profile_reader *reader, uint64_t from, uint64_t length)
{
    if (from > reader->length || length > reader->length - from)
        return NULL;
    if (from + length > reader->end)
        reader->end = from + length;
    return reader->data + from;
}

static void count_curve(profile_reader *reader, uint64_t values)
{
    reader->tables += CURVE_BYTES + 2 * values;
}

/* ---- curves --------------------------------------------------------------------------- */

/* Parameters of each function of a 'para' (ICC.1, table 68). */
static const uint8_t parameters[] = {1, 3, 4, 5, 7};

/* A 'curv' or 'para' at `from`; its length into `*length`. */
static bool check_curve(profile_reader *reader, uint64_t from, uint64_t *length)
{
    const uint8_t *at = bytes_at(reader, from, CURVE_HEAD);
    uint32_t count;

    if (!at)
        return false;
    if (get32(at) == NAME('c', 'u', 'r', 'v')) {
        count = get32(at + TAG_HEAD);
        if (count > TC_ICC_CURVE_MAX)
            return false;
        *length = CURVE_HEAD + 2 * (uint64_t)count;
        /* One value is an exponent, none is a straight line. */
        count_curve(reader, count > 1 ? count : PARAMETRIC_VALUES);
    } else if (get32(at) == NAME('p', 'a', 'r', 'a')) {
        count = get16(at + TAG_HEAD);
        if (count >= sizeof parameters)
            return false;
        *length = CURVE_HEAD + 4 * (uint64_t)parameters[count];
        count_curve(reader, PARAMETRIC_VALUES);
    } else {
        return false;
    }
    return bytes_at(reader, from, *length);
}

static bool check_curves(profile_reader *reader, uint64_t from, unsigned count)
{
    uint64_t length;

    for (; count > 0; count--) {
        if (!check_curve(reader, from, &length))
            return false;
        from = aligned(from + length);
    }
    return true;
}

static bool check_curve_tag(profile_reader *reader, uint64_t from)
{
    uint64_t length;

    return check_curve(reader, from, &length);
}

static bool check_xyz_tag(profile_reader *reader, uint64_t from)
{
    const uint8_t *at = bytes_at(reader, from, XYZ_BYTES);

    return at && get32(at) == NAME('X', 'Y', 'Z', ' ');
}

/* ---- lookup tables -------------------------------------------------------------------- */

/* Values of a table with `points` along each of `in` dimensions; 0 when they are too many. */
static uint32_t grid_values(const uint8_t *points, unsigned in, unsigned out)
{
    uint32_t values = out;

    for (unsigned at = 0; at < in; at++) {
        if (points[at] < 2 || values > TC_ICC_VALUES / points[at])
            return 0;
        values *= points[at];
    }
    return values;
}

/* 'mft1' and 'mft2': curves, a table, curves, one behind the other. */
static bool check_lut(profile_reader *reader, uint64_t from, bool wide, unsigned in,
                      unsigned out)
{
    uint64_t head = wide ? LUT16_HEAD : LUT8_HEAD, values;
    const uint8_t *at = bytes_at(reader, from, head);
    uint32_t first = LUT8_CURVE, last = LUT8_CURVE;
    uint8_t points[4];

    if (!at || at[8] != in || at[9] != out)
        return false;
    if (wide) {
        first = get16(at + LUT8_HEAD);
        last = get16(at + LUT8_HEAD + 2);
    }
    memset(points, at[10], sizeof points);
    values = grid_values(points, in, out);
    if (values == 0 || first < 2 || last < 2 || first > TC_ICC_CURVE_MAX ||
        last > TC_ICC_CURVE_MAX)
        return false;
    for (unsigned n = 0; n < in; n++)
        count_curve(reader, first);
    for (unsigned n = 0; n < out; n++)
        count_curve(reader, last);
    reader->tables += 2 * values;
    values += (uint64_t)in * first + (uint64_t)out * last;
    return bytes_at(reader, from, head + (wide ? 2 * values : values));
}

static bool check_grid(profile_reader *reader, uint64_t from, unsigned in, unsigned out)
{
    const uint8_t *at = bytes_at(reader, from, GRID_HEAD);
    uint32_t values;
    unsigned width;

    if (!at)
        return false;
    values = grid_values(at, in, out);
    width = at[16];
    reader->tables += 2 * (uint64_t)values;
    return values > 0 && (width == 1 || width == 2) &&
           bytes_at(reader, from + GRID_HEAD, (uint64_t)values * width);
}

/*
 * 'mAB ' and 'mBA ': curves, a matrix, curves, a table and curves, each at an offset or left
 * out. The A curves are on the table's side of the device, the M and B curves on the other,
 * which has three channels.
 */
static bool check_lut_ab(profile_reader *reader, uint64_t from, bool from_device, unsigned in,
                         unsigned out)
{
    const uint8_t *at = bytes_at(reader, from, LUTAB_HEAD);
    uint64_t b, matrix, m, grid, a;

    if (!at || at[8] != in || at[9] != out)
        return false;
    b = get32(at + 12);
    matrix = get32(at + 16);
    m = get32(at + 20);
    grid = get32(at + 24);
    a = get32(at + 28);
    if (!b || (!grid && in != out))
        return false;
    return check_curves(reader, from + b, 3) &&
           (!matrix || bytes_at(reader, from + matrix, MATRIX_BYTES)) &&
           (!m || check_curves(reader, from + m, 3)) &&
           (!grid || check_grid(reader, from + grid, in, out)) &&
           (!a || check_curves(reader, from + a, from_device ? in : out));
}

/* A table that converts to Lab or XYZ (`from_device`), or back; the device has `channels`. */
static bool check_table(profile_reader *reader, uint64_t from, unsigned channels,
                        bool from_device)
{
    unsigned in = from_device ? channels : 3, out = from_device ? 3 : channels;
    const uint8_t *at = bytes_at(reader, from, TAG_HEAD);

    if (!at)
        return false;
    if (get32(at) == NAME('m', 'f', 't', '1') || get32(at) == NAME('m', 'f', 't', '2'))
        return check_lut(reader, from, get32(at) == NAME('m', 'f', 't', '2'), in, out);
    return get32(at) == (from_device ? NAME('m', 'A', 'B', ' ') : NAME('m', 'B', 'A', ' ')) &&
           check_lut_ab(reader, from, from_device, in, out);
}

/* ---- the tags ------------------------------------------------------------------------- */

typedef enum tag_kind { XYZ, CURVE, FROM_DEVICE, TO_DEVICE } tag_kind;

static bool check_tag(profile_reader *reader, tag_kind kind, uint64_t from, unsigned channels)
{
    switch (kind) {
    case XYZ:
        return check_xyz_tag(reader, from);
    case CURVE:
        return check_curve_tag(reader, from);
    default:
        return check_table(reader, from, channels, kind == FROM_DEVICE);
    }
}

/*
 * The tag's offset; 0 when there is none, or more than one. Entries that reach outside of
 * the profile are not tags.
 */
static uint32_t find_tag(const profile_reader *reader, uint32_t name)
{
    const uint8_t *entry = reader->data + HEADER + TAG_TABLE;
    uint64_t end = get32(reader->data);
    uint32_t found = 0;

    if (end > reader->length)
        end = reader->length;
    for (uint32_t left = get32(reader->data + HEADER); left > 0; left--, entry += TAG_ENTRY) {
        uint32_t from = get32(entry + 4), length = get32(entry + 8);

        if (get32(entry) != name || from == 0 || length == 0 || (uint64_t)from + length > end)
            continue;
        if (found)
            return 0;
        found = from;
    }
    return found;
}

/* Find, check and note a tag. False when it is missing or refused. */
static bool read_tag(profile_reader *reader, tag_kind kind, uint32_t name, unsigned channels)
{
    tc_icc *icc = reader->icc;
    uint32_t from = find_tag(reader, name);

    reader->end = from;
    reader->tables = 0;
    if (!from || !check_tag(reader, kind, from, channels))
        return false;
    icc->tag[icc->count].name = name;
    icc->tag[icc->count].from = from;
    icc->tag[icc->count].length = (size_t)(reader->end - from);
    icc->tag[icc->count].tables = reader->tables;
    icc->count++;
    return true;
}

static bool has_tag(const profile_reader *reader, uint32_t name)
{
    return find_tag(reader, name) != 0;
}

#define A2B0 NAME('A', '2', 'B', '0')
#define A2B1 NAME('A', '2', 'B', '1')
#define B2A0 NAME('B', '2', 'A', '0')

/*
 * What the relative colorimetric intent uses: its own table, or else the perceptual one.
 * For black point compensation the black of a CMYK printer is found by a round trip
 * through the perceptual tables.
 */
static bool read_tables(profile_reader *reader, unsigned channels)
{
    bool colorimetric = has_tag(reader, A2B1);

    if (!read_tag(reader, FROM_DEVICE, colorimetric ? A2B1 : A2B0, channels))
        return false;
    if (channels != 4 || !has_tag(reader, A2B0) || !has_tag(reader, B2A0))
        return true;
    return (!colorimetric || read_tag(reader, FROM_DEVICE, A2B0, channels)) &&
           read_tag(reader, TO_DEVICE, B2A0, channels);
}

/* Colorants and curves, or the one curve of grey. */
static bool read_curves(profile_reader *reader, unsigned channels)
{
    static const struct {
        tag_kind kind;
        uint32_t name;
    } colour[] = {
        {XYZ, NAME('r', 'X', 'Y', 'Z')},   {XYZ, NAME('g', 'X', 'Y', 'Z')},
        {XYZ, NAME('b', 'X', 'Y', 'Z')},   {CURVE, NAME('r', 'T', 'R', 'C')},
        {CURVE, NAME('g', 'T', 'R', 'C')}, {CURVE, NAME('b', 'T', 'R', 'C')},
    };

    if (channels == 1)
        return read_tag(reader, CURVE, NAME('k', 'T', 'R', 'C'), channels);
    for (size_t at = 0; channels == 3 && at < sizeof colour / sizeof colour[0]; at++) {
        if (!read_tag(reader, colour[at].kind, colour[at].name, channels))
            return false;
    }
    return channels == 3;
}

/* ---- the profile ---------------------------------------------------------------------- */

/* The header's fields that count, at their offsets (ICC.1, table 17). */
#define AT_VERSION 8
#define AT_CLASS   12
#define AT_SPACE   16
#define AT_PCS     20
#define AT_DATE    24
#define AT_MAGIC   36
#define AT_WHITE   68

#define VERSION_MAX 0x05000000

static unsigned channels_of(tc_model model)
{
    return model == TC_CMYK ? 4 : tc_model_is_grey(model) ? 1 : 3;
}

static uint32_t space_of(unsigned channels)
{
    return channels == 4   ? NAME('C', 'M', 'Y', 'K')
           : channels == 1 ? NAME('G', 'R', 'A', 'Y')
                           : NAME('R', 'G', 'B', ' ');
}

static bool is_class_of_pictures(uint32_t name)
{
    return name == NAME('s', 'c', 'n', 'r') || name == NAME('m', 'n', 't', 'r') ||
           name == NAME('p', 'r', 't', 'r') || name == NAME('s', 'p', 'a', 'c');
}

static bool check_header(const uint8_t *data, size_t length, unsigned channels)
{
    uint32_t pcs, tags;

    if (length < HEADER + TAG_TABLE || length > TC_ICC_MAX)
        return false;
    pcs = get32(data + AT_PCS);
    tags = get32(data + HEADER);
    return get32(data + AT_MAGIC) == NAME('a', 'c', 's', 'p') &&
           get32(data + AT_VERSION) <= VERSION_MAX &&
           is_class_of_pictures(get32(data + AT_CLASS)) &&
           get32(data + AT_SPACE) == space_of(channels) &&
           (pcs == NAME('X', 'Y', 'Z', ' ') || pcs == NAME('L', 'a', 'b', ' ')) &&
           tags <= TC_ICC_TAGS_MAX && tags <= (length - HEADER - TAG_TABLE) / TAG_ENTRY;
}

bool tc_icc_read(tc_icc *icc, const uint8_t *data, size_t length, tc_model model)
{
    unsigned channels = channels_of(model);
    profile_reader reader = {.icc = icc, .data = data, .length = length};

    *icc = (tc_icc){.data = data, .length = length};
    if (!check_header(data, length, channels))
        return false;
    if (has_tag(&reader, A2B0) || has_tag(&reader, A2B1) ? !read_tables(&reader, channels)
                                                         : !read_curves(&reader, channels))
        return false;
    return tc_icc_length(icc) <= TC_ICC_MAX;
}

/* Whether it converts by a table, which is then its first tag, or by curves. */
static bool has_tables(const tc_icc *icc)
{
    return icc->tag[0].name == A2B0 || icc->tag[0].name == A2B1;
}

/* ---- the copy ------------------------------------------------------------------------- */

/* Where tag `index` has its bytes in the copy; `write` them to `to` unless it is NULL. */
static size_t lay_out(const tc_icc *icc, uint8_t *to)
{
    size_t place = HEADER + TAG_TABLE + TAG_ENTRY * (size_t)icc->count;
    size_t at[TC_ICC_TAKEN];

    for (unsigned n = 0; n < icc->count; n++) {
        unsigned same = 0;

        while (same < n && icc->tag[same].from != icc->tag[n].from)
            same++;
        at[n] = same < n ? at[same] : place;
        if (same == n)
            place += (size_t)aligned(icc->tag[n].length);
        if (to) {
            uint8_t *entry = to + HEADER + TAG_TABLE + TAG_ENTRY * (size_t)n;

            put32(entry, icc->tag[n].name);
            put32(entry + 4, (uint32_t)at[n]);
            put32(entry + 8, (uint32_t)icc->tag[n].length);
            memcpy(to + at[n], icc->data + icc->tag[n].from, icc->tag[n].length);
        }
    }
    return place;
}

size_t tc_icc_length(const tc_icc *icc)
{
    return lay_out(icc, NULL);
}

void tc_icc_write(const tc_icc *icc, uint8_t *to)
{
    static const uint8_t date[12] = {2000 >> 8, 2000 & 255, 0, 1, 0, 1};
    static const uint32_t white[3] = {0xf6d6, 0x10000, 0xd32d}; /* D50, as all profiles */
    size_t length = tc_icc_length(icc);

    memset(to, 0, length);
    put32(to, (uint32_t)length);
    memcpy(to + AT_VERSION, icc->data + AT_VERSION, AT_DATE - AT_VERSION);
    memcpy(to + AT_DATE, date, sizeof date);
    memcpy(to + AT_MAGIC, icc->data + AT_MAGIC, 4);
    for (unsigned n = 0; n < 3; n++)
        put32(to + AT_WHITE + 4 * n, white[n]);
    put32(to + HEADER, icc->count);
    lay_out(icc, to);
}

uint64_t tc_icc_tables(const tc_icc *icc)
{
    uint64_t bytes = 0;

    for (unsigned n = 0; n < icc->count; n++)
        bytes += icc->tag[n].tables;
    return bytes;
}

uint64_t tc_icc_largest(const tc_icc *icc)
{
    uint64_t bytes = 0;

    for (unsigned n = 0; n < icc->count && has_tables(icc); n++)
        bytes = icc->tag[n].tables > bytes ? icc->tag[n].tables : bytes;
    return has_tables(icc) ? bytes : tc_icc_tables(icc);
}
