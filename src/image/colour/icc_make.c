/* SPDX-License-Identifier: Apache-2.0 */
#include "icc_make.h"

#include <math.h>
#include <string.h>

#define NEAR 0.003

#define HEADER      128
#define TAG_ENTRY   12
#define XYZ_BYTES   20
#define CURVE_BYTES 16

const tc_primaries tc_primaries_srgb = {
    {0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}};

/* D50, to which all profiles are adapted. */
static const double d50[3] = {0.9642, 1, 0.8249};

typedef struct matrix {
    double m[3][3];
} matrix;

static bool is_near(const double a[2], const double b[2])
{
    return fabs(a[0] - b[0]) < NEAR && fabs(a[1] - b[1]) < NEAR;
}

bool tc_primaries_are_near(const tc_primaries *a, const tc_primaries *b)
{
    return is_near(a->red, b->red) && is_near(a->green, b->green) &&
           is_near(a->blue, b->blue) && is_near(a->white, b->white);
}

static void times(double to[3], const matrix *by, const double from[3])
{
    for (int row = 0; row < 3; row++)
        to[row] = by->m[row][0] * from[0] + by->m[row][1] * from[1] + by->m[row][2] * from[2];
}

/* False for a matrix that has none. */
static bool invert(matrix *to, const matrix *from)
{
    const double(*m)[3] = from->m;
    double determinant = 0;

    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 3; column++) {
            int a = (column + 1) % 3, b = (column + 2) % 3, c = (row + 1) % 3,
                d = (row + 2) % 3;

            to->m[row][column] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    }
    for (int n = 0; n < 3; n++)
        determinant += m[0][n] * to->m[n][0];
    if (!(fabs(determinant) > 1e-6))
        return false;
    for (int at = 0; at < 9; at++)
        to->m[at / 3][at % 3] /= determinant;
    return true;
}

/* At a luminance of 1; false for a y of nothing. */
static bool to_xyz(double to[3], const double xy[2])
{
    if (!(fabs(xy[1]) > 1e-6))
        return false;
    to[0] = xy[0] / xy[1];
    to[1] = 1;
    to[2] = (1 - xy[0] - xy[1]) / xy[1];
    return true;
}

/* Light seen under `white` as it is seen under D50 (Bradford's way, ICC.1, annex E). */
static bool adapt(double colour[3], const double white[3])
{
    static const matrix cones = {
        {{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}};
    double from[3], to[3], seen[3];
    matrix back;

    times(from, &cones, white);
    times(to, &cones, d50);
    times(seen, &cones, colour);
    for (int n = 0; n < 3; n++) {
        if (!(from[n] > 1e-6))
            return false;
        seen[n] *= to[n] / from[n];
    }
    if (!invert(&back, &cones))
        return false;
    times(colour, &back, seen);
    return true;
}

/* XYZ of the primaries at full level, which add up to white. */
static bool find_colorants(double colorants[3][3], const tc_primaries *primaries)
{
    const double *corners[3] = {primaries->red, primaries->green, primaries->blue};
    double white[3], scale[3];
    matrix columns, inverse;

    if (!to_xyz(white, primaries->white))
        return false;
    for (int n = 0; n < 3; n++) {
        if (!to_xyz(colorants[n], corners[n]))
            return false;
        for (int row = 0; row < 3; row++)
            columns.m[row][n] = colorants[n][row];
    }
    if (!invert(&inverse, &columns))
        return false;
    times(scale, &inverse, white);
    for (int n = 0; n < 3; n++) {
        for (int row = 0; row < 3; row++)
            colorants[n][row] *= scale[n];
        if (!adapt(colorants[n], white))
            return false;
        /* As s15Fixed16Numbers. */
        for (int row = 0; row < 3; row++) {
            if (!(fabs(colorants[n][row]) < 32767))
                return false;
        }
    }
    return true;
}

static size_t put32(uint8_t *to, uint32_t value)
{
    for (int n = 0; n < 4; n++)
        to[n] = (uint8_t)(value >> (24 - 8 * n));
    return 4;
}

static size_t put_fixed(uint8_t *to, double value)
{
    return put32(to, (uint32_t)lround(value * 65536));
}

static size_t put_xyz(uint8_t *to, const double xyz[3])
{
    memcpy(to, "XYZ \0\0\0\0", 8);
    for (int n = 0; n < 3; n++)
        put_fixed(to + 8 + 4 * n, xyz[n]);
    return XYZ_BYTES;
}

/* A parametric curve of the first kind: a power. */
static size_t put_power(uint8_t *to, double gamma)
{
    memcpy(to, "para\0\0\0\0\0\0\0\0", 12);
    put_fixed(to + 12, gamma);
    return CURVE_BYTES;
}

/* The header, but for the size: version 4.3, of a display. */
static void put_header(uint8_t *to, bool grey)
{
    put32(to + 8, 0x04300000);
    memcpy(to + 12, grey ? "mntrGRAYXYZ " : "mntrRGB XYZ ", 12);
    to[24] = 2000 >> 8;
    to[25] = 2000 & 255;
    to[27] = to[29] = 1;
    memcpy(to + 36, "acsp", 4);
    for (int n = 0; n < 3; n++)
        put_fixed(to + 68 + 4 * n, d50[n]);
}

size_t tc_icc_make(uint8_t to[TC_ICC_MADE_MAX], const tc_primaries *primaries, double gamma,
                   bool grey)
{
    static const char names[] = "rTRCgTRCbTRCrXYZgXYZbXYZ";
    unsigned count = grey ? 1 : 6;
    size_t place = HEADER + 4 + TAG_ENTRY * count, curve = place;
    double colorants[3][3];
    uint8_t *entry = to + HEADER;

    if (!(gamma > 0 && gamma < 32767) || (!grey && !find_colorants(colorants, primaries)))
        return 0;
    memset(to, 0, TC_ICC_MADE_MAX);
    put_header(to, grey);
    entry += put32(entry, count);
    place += put_power(to + place, gamma);
    for (unsigned n = 0; n < count; n++, entry += TAG_ENTRY) {
        bool is_curve = n < 3;

        memcpy(entry, grey ? "kTRC" : names + 4 * n, 4);
        put32(entry + 4, (uint32_t)(is_curve ? curve : place));
        put32(entry + 8, is_curve ? CURVE_BYTES : XYZ_BYTES);
        if (!is_curve)
            place += put_xyz(to + place, colorants[n - 3]);
    }
    put32(to, (uint32_t)place);
    return place;
}
