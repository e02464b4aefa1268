/* SPDX-License-Identifier: Apache-2.0 */
#include "cicp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Transfer characteristics (H.273, table 3) that are not taken for sRGB's. */
enum { GAMMA_22 = 4, GAMMA_28 = 5, LINEAR = 8, PQ = 16, SMPTE_428 = 17, HLG = 18 };

/* cd/m2: of the display that PQ and HLG are shown on, and of diffuse white (BT.2408). */
#define PEAK  1000.0
#define WHITE 203.0

/* Steps of light in the table of levels: near black sRGB has 12.92 * 255 a unit. */
#define LIGHTS 8192

/* Steps of the square root of light in the tables of tone mapping. */
#define TONES 2048

struct tc_cicp_transform {
    tc_model model;
    bool is_hlg, is_hdr;
    float light[256];        /* of a level; 1 is white, of PQ and HLG the display's peak */
    float matrix[3][3];      /* from the primaries to BT.709's, in light */
    float luma[3];           /* of the primaries */
    float system[TONES + 1]; /* of HLG: what the display makes of luminance, a factor */
    float tone[TONES + 1];   /* what tone mapping makes of light, a factor */
    uint8_t level[LIGHTS + 1];
    uint8_t grey[256];
};

/* ---- curves ------------------------------------------------------------------------------ */

static double from_srgb(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
}

static double to_srgb(double light)
{
    return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

/* SMPTE ST 2084: cd/m2 of a level, and the other way round. */
#define PQ_M1 (2610.0 / 16384)
#define PQ_M2 (2523.0 / 4096 * 128)
#define PQ_C1 (3424.0 / 4096)
#define PQ_C2 (2413.0 / 4096 * 32)
#define PQ_C3 (2392.0 / 4096 * 32)

static double from_pq(double level)
{
    double power = pow(level, 1 / PQ_M2), above = power - PQ_C1;

    return above <= 0 ? 0 : 10000 * pow(above / (PQ_C2 - PQ_C3 * power), 1 / PQ_M1);
}

static double to_pq(double nits)
{
    double power = pow(nits / 10000, PQ_M1);

    return pow((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power), PQ_M2);
}

/* BT.2100: the scene's light of a level. */
static double from_hlg(double level)
{
    const double a = 0.17883277, b = 1 - 4 * a, c = 0.5 - a * log(4 * a);

    return level <= 0.5 ? level * level / 3 : (exp((level - c) / a) + b) / 12;
}

static double from_transfer(unsigned transfer, double level)
{
    switch (transfer) {
    case GAMMA_22:
        return pow(level, 2.2);
    case GAMMA_28:
        return pow(level, 2.8);
    case LINEAR:
        return level;
    case SMPTE_428:
        return pow(level, 2.6) * 52.37 / 48;
    case PQ:
        return from_pq(level) / PEAK;
    case HLG:
        return from_hlg(level);
    default:
        return from_srgb(level);
    }
}

/* BT.2390, 5.4: from a display of PEAK to one of WHITE, both black at 0; cd/m2. */
static double tone_mapped(double nits)
{
    double peak = to_pq(PEAK), most = to_pq(WHITE) / peak, knee = 1.5 * most - 0.5;
    double level = to_pq(nits < PEAK ? nits : PEAK) / peak, t, t2, t3;

    if (level > knee) {
        t = (level - knee) / (1 - knee);
        t2 = t * t;
        t3 = t2 * t;
        level = (2 * t3 - 3 * t2 + 1) * knee + (t3 - 2 * t2 + t) * (1 - knee) +
                (-2 * t3 + 3 * t2) * most;
    }
    return from_pq(level * peak);
}

/* ---- primaries -----------------------------------------------------------------------------
 */

typedef struct chromaticity {
    double x, y;
} chromaticity;

typedef struct primaries {
    uint8_t code;
    chromaticity red, green, blue, white;
} primaries;

#define D65            \
    {                  \
        0.3127, 0.3290 \
    }

/* H.273, table 2. The first is what all others are converted to, and the last is XYZ. */
static const primaries known[] = {
    {1, {0.640, 0.330}, {0.300, 0.600}, {0.150, 0.060}, D65},            /* BT.709, sRGB */
    {4, {0.670, 0.330}, {0.210, 0.710}, {0.140, 0.080}, {0.310, 0.316}}, /* BT.470 M */
    {5, {0.640, 0.330}, {0.290, 0.600}, {0.150, 0.060}, D65},            /* BT.601, 625 lines */
    {6, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}, D65},            /* BT.601, 525 lines */
    {7, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}, D65},            /* SMPTE 240M */
    {8, {0.681, 0.319}, {0.243, 0.692}, {0.145, 0.049}, {0.310, 0.316}}, /* film */
    {9, {0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}, D65},            /* BT.2020 */
    {11, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.314, 0.351}}, /* DCI P3 */
    {12, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, D65},            /* Display P3 */
    {22, {0.630, 0.340}, {0.295, 0.605}, {0.155, 0.077}, D65},            /* EBU 3213 */
    {10, {1, 0}, {0, 1}, {0, 0}, {1.0 / 3, 1.0 / 3}},
};

static const primaries *find_primaries(unsigned code)
{
    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
        if (known[at].code == code)
            return &known[at];
    }
    return &known[0];
}

typedef struct matrix {
    double m[3][3];
} matrix;

static matrix multiply(const matrix *a, const matrix *b)
{
    matrix c = {{{0}}};

    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++)
            for (int k = 0; k < 3; k++)
                c.m[row][column] += a->m[row][k] * b->m[k][column];
    return c;
}

static matrix invert(const matrix *of)
{
    matrix made;
    double determinant = 0;

    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 3; column++) {
            int a = (column + 1) % 3, b = (column + 2) % 3;
            int c = (row + 1) % 3, d = (row + 2) % 3;

            made.m[row][column] = of->m[a][c] * of->m[b][d] - of->m[a][d] * of->m[b][c];
        }
    }
    for (int k = 0; k < 3; k++)
        determinant += of->m[0][k] * made.m[k][0];
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++)
            made.m[row][column] /= determinant;
    return made;
}

static void apply(const matrix *by, const double from[3], double to[3])
{
    for (int row = 0; row < 3; row++)
        to[row] = by->m[row][0] * from[0] + by->m[row][1] * from[1] + by->m[row][2] * from[2];
}

static void to_xyz(chromaticity from, double xyz[3])
{
    xyz[0] = from.x / from.y;
    xyz[1] = 1;
    xyz[2] = (1 - from.x - from.y) / from.y;
}

/* RGB of these primaries to XYZ; white is what all three make together. */
static matrix rgb_to_xyz(const primaries *from)
{
    const chromaticity corner[3] = {from->red, from->green, from->blue};
    double white[3], share[3];
    matrix made, inverse;

    for (int at = 0; at < 3; at++) {
        made.m[0][at] = corner[at].x;
        made.m[1][at] = corner[at].y;
        made.m[2][at] = 1 - corner[at].x - corner[at].y;
    }
    to_xyz(from->white, white);
    inverse = invert(&made);
    apply(&inverse, white, share);
    for (int row = 0; row < 3; row++)
        for (int at = 0; at < 3; at++)
            made.m[row][at] *= share[at];
    return made;
}

/* From one white to another, by Bradford's cones. */
static matrix adaptation(chromaticity from, chromaticity to)
{
    const matrix bradford = {
        {{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}}};
    matrix inverse = invert(&bradford), scaled = bradford;
    double one[3], other[3], seen[3], wanted[3];

    to_xyz(from, one);
    to_xyz(to, other);
    apply(&bradford, one, seen);
    apply(&bradford, other, wanted);
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++)
            scaled.m[row][column] *= wanted[row] / seen[row];
    return multiply(&inverse, &scaled);
}

static void set_primaries(tc_cicp_transform *transform, unsigned code)
{
    const primaries *from = find_primaries(code);
    matrix source = rgb_to_xyz(from), target = rgb_to_xyz(&known[0]);
    matrix white = adaptation(from->white, known[0].white), back = invert(&target);
    matrix all = multiply(&white, &source);

    all = multiply(&back, &all);
    for (int row = 0; row < 3; row++) {
        transform->luma[row] = (float)source.m[1][row];
        for (int column = 0; column < 3; column++)
            transform->matrix[row][column] = (float)all.m[row][column];
    }
}

/* ---- a transform
 * ------------------------------------------------------------------------------ */

bool tc_cicp_is_known(tc_cicp colours)
{
    /* Of H.273's table 3, but for what is not told, logarithms, xvYCC and BT.1361. */
    static const uint8_t transfers[] = {1, 4, 5, 6, 7, 8, 13, 14, 15, 16, 17, 18};

    return find_primaries(colours.primaries)->code == colours.primaries &&
           memchr(transfers, colours.transfer, sizeof transfers);
}

bool tc_cicp_is_srgb(tc_cicp colours)
{
    unsigned transfer = colours.transfer;

    return find_primaries(colours.primaries) == &known[0] && transfer != GAMMA_22 &&
           transfer != GAMMA_28 && transfer != LINEAR && transfer != PQ &&
           transfer != SMPTE_428 && transfer != HLG;
}

static float factor(const float *table, float light)
{
    float at = sqrtf(light < 0 ? 0 : light > 1 ? 1 : light) * TONES;
    int below = at >= TONES ? TONES - 1 : (int)at;

    return table[below] + (at - (float)below) * (table[below + 1] - table[below]);
}

static uint8_t level_of(const tc_cicp_transform *transform, float light)
{
    /* The comparison is made so that NaN is black. */
    float at = light > 0 ? light * LIGHTS + 0.5F : 0;

    return transform->level[at < LIGHTS ? (int)at : LIGHTS];
}

/* Of PQ and HLG: from the display's light, or the scene's, to light of which 1 is white. */
static void map_tones(const tc_cicp_transform *transform, float rgb[3])
{
    float most, by = 1;

    if (transform->is_hlg)
        by = factor(transform->system, transform->luma[0] * rgb[0] +
                                           transform->luma[1] * rgb[1] +
                                           transform->luma[2] * rgb[2]);
    most = rgb[0] > rgb[1] ? rgb[0] : rgb[1];
    most = (most > rgb[2] ? most : rgb[2]) * by;
    by *= most > 1 ? 1 / most : factor(transform->tone, most);
    for (int at = 0; at < 3; at++)
        rgb[at] *= by;
}

static void convert(const tc_cicp_transform *transform, const uint8_t *from, uint8_t *to)
{
    float rgb[3] = {transform->light[from[0]], transform->light[from[1]],
                    transform->light[from[2]]};

    if (transform->is_hdr)
        map_tones(transform, rgb);
    for (int row = 0; row < 3; row++)
        to[row] = level_of(transform, transform->matrix[row][0] * rgb[0] +
                                          transform->matrix[row][1] * rgb[1] +
                                          transform->matrix[row][2] * rgb[2]);
}

static void fill_tables(tc_cicp_transform *transform, unsigned transfer)
{
    for (int at = 0; at < 256; at++)
        transform->light[at] = (float)from_transfer(transfer, at / 255.0);
    for (int at = 0; at <= LIGHTS; at++)
        transform->level[at] = (uint8_t)(to_srgb((double)at / LIGHTS) * 255 + 0.5);
    for (int at = 0; transform->is_hdr && at <= TONES; at++) {
        double root = (at ? at : 0.5) / TONES, light = root * root;

        transform->tone[at] = (float)(tone_mapped(light * PEAK) / WHITE / light);
        /* The exponent of the system gamma of such a display, less one (BT.2100). */
        transform->system[at] = (float)pow(light, 0.2);
    }
}

tc_error tc_cicp_open(tc_cicp_transform **transform, tc_cicp colours, tc_model model)
{
    tc_cicp_transform *made = calloc(1, sizeof *made);

    *transform = made;
    if (!made)
        return TC_E_NO_MEMORY;
    made->model = model;
    made->is_hlg = colours.transfer == HLG;
    made->is_hdr = made->is_hlg || colours.transfer == PQ;
    set_primaries(made, colours.primaries);
    fill_tables(made, colours.transfer);
    for (int at = 0; at < 256; at++) {
        uint8_t same[3] = {(uint8_t)at, (uint8_t)at, (uint8_t)at}, to[3];

        convert(made, same, to);
        made->grey[at] = to[1];
    }
    return TC_E_OK;
}

void tc_cicp_row(const tc_cicp_transform *transform, const uint8_t *from, uint8_t *to,
                 uint32_t pixels)
{
    uint8_t step = tc_model_channels(transform->model);
    bool grey = tc_model_is_grey(transform->model);

    for (; pixels > 0; pixels--, from += step, to += step) {
        if (tc_model_has_alpha(transform->model))
            to[step - 1] = from[step - 1];
        if (grey)
            to[0] = transform->grey[from[0]];
        else
            convert(transform, from, to);
    }
}

void tc_cicp_free(tc_cicp_transform *transform)
{
    free(transform);
}

uint64_t tc_cicp_bytes(void)
{
    return sizeof(tc_cicp_transform);
}
