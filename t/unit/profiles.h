/* SPDX-License-Identifier: Apache-2.0 */
/* ICC profiles made byte by byte, so that they can be what no library would write. */
#ifndef PROFILES_H
#define PROFILES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct profile {
    uint8_t *data;
    size_t length;
} profile;

/* In steps: tables come by the byte, and a sanitizer's realloc copies all of it each time. */
__attribute__((unused)) static void put_bytes(profile *to, const void *data, size_t length)
{
    const size_t step = 1 << 16;
    size_t room = (to->length + step - 1) / step * step;

    if (!to->data || to->length + length > room)
        to->data = realloc(to->data, (to->length + length + step - 1) / step * step + 1);
    if (!to->data)
        abort();
    if (data)
        memcpy(to->data + to->length, data, length);
    else
        memset(to->data + to->length, 0, length);
    to->length += length;
}

__attribute__((unused)) static void put_number(profile *to, uint32_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        uint8_t byte = (uint8_t)(value >> 8 * bytes);

        put_bytes(to, &byte, 1);
    }
}

__attribute__((unused)) static void put_text(profile *to, const char *text)
{
    put_bytes(to, text, strlen(text));
}

__attribute__((unused)) static void set_number(profile *in, size_t at, uint32_t value)
{
    for (unsigned n = 0; n < 4; n++)
        in->data[at + n] = (uint8_t)(value >> (24 - 8 * n));
}

/* Every tag begins at a multiple of four. */
__attribute__((unused)) static void align(profile *to)
{
    put_bytes(to, NULL, -to->length % 4);
}

/* A tag to be: `name`, and the bytes; the same bytes twice are stored once. */
typedef struct tag {
    const char *name;
    profile bytes;
} tag;

typedef struct kind {
    const char *class, *space, *pcs;
    uint32_t version; /* 0x02400000 or 0x04300000 */
} kind;

/* The tags' bytes are still the caller's. */
__attribute__((unused)) static profile make_profile(const kind *kind, const tag *tags,
                                                    size_t count)
{
    profile made = {0};
    size_t at[128];

    put_number(&made, 0, 4);
    put_text(&made, "test");
    put_number(&made, kind->version, 4);
    put_text(&made, kind->class);
    put_text(&made, kind->space);
    put_text(&made, kind->pcs);
    put_bytes(&made, NULL, 12);
    put_text(&made, "acsp");
    put_bytes(&made, NULL, 28);
    put_number(&made, 0xf6d6, 4);
    put_number(&made, 0x10000, 4);
    put_number(&made, 0xd32d, 4);
    put_bytes(&made, NULL, 128 - made.length);
    put_number(&made, (uint32_t)count, 4);
    put_bytes(&made, NULL, 12 * count);
    for (size_t n = 0; n < count; n++) {
        size_t same = 0;

        while (same < n && tags[same].bytes.data != tags[n].bytes.data)
            same++;
        at[n] = same < n ? at[same] : made.length;
        if (same == n)
            put_bytes(&made, tags[n].bytes.data, tags[n].bytes.length);
        align(&made);
        memcpy(made.data + 132 + 12 * n, tags[n].name, 4);
        set_number(&made, 136 + 12 * n, (uint32_t)at[n]);
        set_number(&made, 140 + 12 * n, (uint32_t)tags[n].bytes.length);
    }
    set_number(&made, 0, (uint32_t)made.length);
    made.data = realloc(made.data, made.length); /* so that reading past its end is seen */
    if (!made.data)
        abort();
    return made;
}

__attribute__((unused)) static profile xyz(double x, double y, double z)
{
    profile made = {0};
    double values[3] = {x, y, z};

    put_text(&made, "XYZ ");
    put_number(&made, 0, 4);
    for (int n = 0; n < 3; n++)
        put_number(&made, (uint32_t)lround(values[n] * 65536), 4);
    return made;
}

/* Noise, the same every time. */
__attribute__((unused)) static uint32_t noise(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return state >> 16;
}

__attribute__((unused)) static void put_noise(profile *to, size_t length)
{
    size_t at = to->length;

    put_bytes(to, NULL, length);
    for (; at < to->length; at++)
        to->data[at] = (uint8_t)noise();
}

/* A sampled curve: of noise, or of x to the power of `gamma`. */
__attribute__((unused)) static void put_curve(profile *to, uint32_t count, double gamma)
{
    put_text(to, "curv");
    put_number(to, 0, 4);
    put_number(to, count, 4);
    if (gamma == 0)
        put_noise(to, 2 * (size_t)count);
    for (uint32_t at = 0; gamma != 0 && at < count; at++)
        put_number(to, (uint32_t)lround(pow(at / (count - 1.0), gamma) * 65535), 2);
    align(to);
}

/* A function of `type`; its parameters are those of sRGB, in the order of type 3. */
__attribute__((unused)) static void put_function(profile *to, unsigned type)
{
    static const double parameters[7] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    static const unsigned counts[5] = {1, 3, 4, 5, 7};

    put_text(to, "para");
    put_number(to, 0, 4);
    put_number(to, type, 2);
    put_number(to, 0, 2);
    for (unsigned n = 0; n < (type < 5 ? counts[type] : 7); n++)
        put_number(to, (uint32_t)lround(parameters[n] * 65536), 4);
}

/* Curves of `count` values, or, where that is 0, functions of type 3. */
__attribute__((unused)) static void put_curves(profile *to, unsigned channels, uint32_t count,
                                               double gamma)
{
    for (; channels > 0; channels--) {
        if (count)
            put_curve(to, count, gamma);
        else
            put_function(to, 3);
    }
}

typedef struct table {
    const char *type; /* "mft1", "mft2", "mAB ", "mBA " */
    unsigned in, out, points;
    uint32_t curve; /* values of each curve; with mAB and mBA 0 for functions */
    unsigned width; /* of mAB and mBA: bytes of a value */
    bool only_b;    /* of mAB and mBA: there are no more than the B curves */
} table;

__attribute__((unused)) static size_t table_values(const table *table)
{
    size_t values = table->out;

    for (unsigned n = 0; n < table->in; n++)
        values *= table->points;
    return values;
}

__attribute__((unused)) static profile make_lut(const table *table)
{
    bool wide = table->type[3] == '2';
    size_t width = wide ? 2 : 1, curve = wide ? table->curve : 256;
    profile made = {0};

    put_text(&made, table->type);
    put_number(&made, 0, 4);
    put_number(&made, table->in << 24 | table->out << 16 | table->points << 8, 4);
    for (int n = 0; n < 9; n++)
        put_number(&made, n % 4 == 0 ? 65536 : 0, 4);
    if (wide) {
        put_number(&made, (uint32_t)curve, 2);
        put_number(&made, (uint32_t)curve, 2);
    }
    put_noise(&made, width * (curve * (table->in + table->out) + table_values(table)));
    return made;
}

__attribute__((unused)) static profile make_lut_ab(const table *table)
{
    unsigned device = table->type[1] == 'A' ? table->in : table->out;
    profile made = {0};

    put_text(&made, table->type);
    put_number(&made, 0, 4);
    put_number(&made, table->in << 24 | table->out << 16, 4);
    put_bytes(&made, NULL, 20);
    set_number(&made, 12, (uint32_t)made.length);
    put_curves(&made, 3, table->curve, 0.8);
    if (table->only_b)
        return made;
    set_number(&made, 16, (uint32_t)made.length);
    for (int n = 0; n < 12; n++)
        put_number(&made, n < 9 ? n % 4 == 0 ? 65536 : 100 : 0, 4);
    set_number(&made, 20, (uint32_t)made.length);
    put_curves(&made, 3, table->curve, 1.1);
    set_number(&made, 24, (uint32_t)made.length);
    for (unsigned n = 0; n < 16; n++)
        put_number(&made, n < table->in ? table->points : 0, 1);
    put_number(&made, table->width << 24, 4);
    put_noise(&made, table_values(table) * table->width);
    align(&made);
    set_number(&made, 28, (uint32_t)made.length);
    put_curves(&made, device, table->curve, 1.2);
    return made;
}

__attribute__((unused)) static profile make_table(const table *table)
{
    return table->type[1] == 'f' ? make_lut(table) : make_lut_ab(table);
}

/* One of those that are made here, for `space`. */
__attribute__((unused)) static profile make_tables(const char *class, const char *space,
                                                   const table *a2b, const table *b2a)
{
    kind kind = {class, space, "Lab ", a2b->type[1] == 'f' ? 0x02400000 : 0x04300000};
    tag tags[2] = {{"A2B0", make_table(a2b)}};
    profile made;

    if (b2a)
        tags[1] = (tag){"B2A0", make_table(b2a)};
    made = make_profile(&kind, tags, b2a ? 2 : 1);
    free(tags[0].bytes.data);
    free(tags[1].bytes.data);
    return made;
}

/* Colorants (Adobe RGB's) and curves of `count` values, or functions. */
__attribute__((unused)) static profile make_matrix(const char *pcs, uint32_t count,
                                                   double gamma)
{
    kind kind = {"mntr", "RGB ", pcs, 0x04300000};
    profile curve = {0}, made;
    tag tags[6] = {{"rXYZ", xyz(0.6097, 0.3111, 0.0195)},
                   {"gXYZ", xyz(0.2053, 0.6257, 0.0609)},
                   {"bXYZ", xyz(0.1492, 0.0632, 0.7446)},
                   {"rTRC", {0}},
                   {"gTRC", {0}},
                   {"bTRC", {0}}};

    put_curves(&curve, 1, count, gamma);
    for (int n = 3; n < 6; n++)
        tags[n].bytes = curve;
    made = make_profile(&kind, tags, 6);
    for (int n = 0; n < 4; n++)
        free(tags[n].bytes.data);
    return made;
}

__attribute__((unused)) static profile make_grey_curve(uint32_t count, double gamma)
{
    kind kind = {"mntr", "GRAY", "XYZ ", 0x04300000};
    tag curve = {"kTRC", {0}};
    profile made;

    put_curves(&curve.bytes, 1, count, gamma);
    made = make_profile(&kind, &curve, 1);
    free(curve.bytes.data);
    return made;
}

#endif
