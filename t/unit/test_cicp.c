/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colours by code points against the standards' figures: Display P3 and BT.2020 to sRGB, curves
 * that are taken for sRGB's, and what becomes of PQ's and HLG's levels. Matrices are those that
 * are published, not made here.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/colour/cicp.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static double decode(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
}

static double encode(double light)
{
    light = light < 0 ? 0 : light > 1 ? 1 : light;
    return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

static void convert(tc_cicp colours, tc_model model, const uint8_t *from, uint8_t *to,
                    uint32_t pixels)
{
    tc_cicp_transform *transform = NULL;

    if (tc_cicp_open(&transform, colours, model) != TC_E_OK)
        abort();
    tc_cicp_row(transform, from, to, pixels);
    tc_cicp_free(transform);
}

static void test_what_is_srgb(void)
{
    static const struct {
        tc_cicp colours;
        bool same;
        const char *what;
    } rows[] = {{{0, 0}, true, "not told"},
                {{2, 2}, true, "unspecified"},
                {{1, 13}, true, "sRGB"},
                {{1, 1}, true, "BT.709"},
                {{1, 6}, true, "BT.709 with BT.601's curve"},
                {{1, 14}, true, "BT.709 with BT.2020's curve"},
                {{77, 99}, true, "unknown"},
                {{12, 13}, false, "Display P3"},
                {{12, 2}, false, "P3, its curve unspecified"},
                {{9, 14}, false, "BT.2020"},
                {{9, 16}, false, "BT.2100 PQ"},
                {{9, 18}, false, "BT.2100 HLG"},
                {{1, 8}, false, "light"},
                {{1, 4}, false, "a gamma of 2.2"},
                {{5, 1}, false, "BT.601 of 625 lines"}};

    for (size_t at = 0; at < COUNT(rows); at++)
        ok(tc_cicp_is_srgb(rows[at].colours) == rows[at].same, "%s is %s", rows[at].what,
           rows[at].same ? "sRGB" : "to be converted");
}

static void test_what_is_known(void)
{
    static const tc_cicp known[] = {{1, 13}, {12, 13}, {9, 16}, {10, 8}},
                         unknown[] = {{0, 0}, {2, 13}, {1, 2}, {1, 9}, {77, 13}, {12, 99}};

    for (size_t at = 0; at < COUNT(known); at++)
        ok(tc_cicp_is_known(known[at]), "%u and %u are known", known[at].primaries,
           known[at].transfer);
    for (size_t at = 0; at < COUNT(unknown); at++)
        ok(!tc_cicp_is_known(unknown[at]), "%u or %u says nothing", unknown[at].primaries,
           unknown[at].transfer);
}

/* In light, from D65 to D65, as published. */
static const double p3[3][3] = {
    {1.2249, -0.2247, 0.0}, {-0.0420, 1.0419, 0.0}, {-0.0197, -0.0786, 1.0979}};
static const double bt2020[3][3] = {
    {1.6605, -0.5876, -0.0728}, {-0.1246, 1.1329, -0.0083}, {-0.0182, -0.1006, 1.1187}};

static void test_matrix(uint8_t primaries, uint8_t transfer, const double matrix[3][3],
                        const char *what)
{
    uint8_t from[256 * 4], to[256 * 4];
    bool alpha = true;
    double most = 0;

    for (int i = 0; i < 256; i++) {
        from[4 * i] = (uint8_t)(i * 7);
        from[4 * i + 1] = (uint8_t)(i * 13 + 50);
        from[4 * i + 2] = (uint8_t)(255 - i);
        from[4 * i + 3] = (uint8_t)i;
    }
    convert((tc_cicp){primaries, transfer}, TC_RGB_ALPHA, from, to, 256);
    for (int i = 0; i < 256; i++) {
        for (int c = 0; c < 3; c++) {
            double light = 0, off;

            for (int k = 0; k < 3; k++)
                light += matrix[c][k] * decode(from[4 * i + k] / 255.0);
            off = fabs(encode(light) * 255 - to[4 * i + c]);
            most = off > most ? off : most;
        }
        alpha &= to[4 * i + 3] == from[4 * i + 3];
    }
    /* The published matrices have four digits. */
    ok(most < 1.2, "%s to sRGB within %.2f levels", what, most);
    ok(alpha, "... and alpha as it was");
}

/* Whatever the primaries, grey stays grey, and white white. */
static void test_neutral(void)
{
    static const uint8_t primaries[] = {1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22};
    unsigned bad = 0;

    for (size_t at = 0; at < COUNT(primaries); at++) {
        uint8_t from[256 * 3], to[256 * 3];

        for (int i = 0; i < 256; i++)
            memset(from + 3 * i, i, 3);
        convert((tc_cicp){primaries[at], 13}, TC_RGB, from, to, 256);
        for (int i = 0; i < 256 * 3; i++)
            bad += abs(from[i] - to[i]) > 1;
        bad += to[3 * 255] != 255 || to[0] != 0;
    }
    ok(bad == 0, "greys of %zu primaries stay as they are (%u do not)", COUNT(primaries), bad);
}

/* In place, in every model, greys come out alike. */
static void test_models(void)
{
    uint8_t grey[256], both[512], colours[768];
    unsigned bad = 0;

    for (int i = 0; i < 256; i++) {
        grey[i] = both[2 * i] = (uint8_t)i;
        both[2 * i + 1] = (uint8_t)(255 - i);
        memset(colours + 3 * i, i, 3);
    }
    convert((tc_cicp){9, 16}, TC_GREY, grey, grey, 256);
    convert((tc_cicp){9, 16}, TC_GREY_ALPHA, both, both, 256);
    convert((tc_cicp){9, 16}, TC_RGB, colours, colours, 256);
    for (int i = 0; i < 256; i++)
        bad += grey[i] != both[2 * i] || both[2 * i + 1] != 255 - i ||
               abs(grey[i] - colours[3 * i]) > 1 || abs(grey[i] - colours[3 * i + 2]) > 1;
    ok(bad == 0, "grey is converted like colours that are grey");
}

/* Levels of grey, and what they come to. */
static void test_curve(tc_cicp colours, const char *what, const double expected[][2],
                       size_t count, double most)
{
    uint8_t level[256], before = 0;
    bool rises = true;

    for (int i = 0; i < 256; i++)
        level[i] = (uint8_t)i;
    convert(colours, TC_GREY, level, level, 256);
    for (int i = 0; i < 256; i++) {
        rises &= level[i] >= before;
        before = level[i];
    }
    ok(rises && level[0] == 0 && level[255] == 255, "%s: black to white, and never falling",
       what);
    for (size_t at = 0; at < count; at++) {
        int from = (int)(expected[at][0] * 255 + 0.5);

        ok(fabs(level[from] - expected[at][1]) <= most, "... level %d is %d, about %.0f", from,
           level[from], expected[at][1]);
    }
}

static void test_curves(void)
{
    /* PQ of 1, 10, 26, 50 and 90 cd/m2 (ST 2084) is light of that over 203; then the curve of
       BT.2390 brings 203 to about 160, and 1,000 and more to white. */
    static const double pq[][2] = {{0.1500, 15},  {0.3022, 63},  {0.38, 100},  {0.4403, 136},
                                   {0.4977, 177}, {0.5807, 229}, {0.7518, 255}};
    /* HLG's reference white is 75 percent, 203 cd/m2 on a display of 1,000, and a grey card of
       18 percent is 38 and 26 (BT.2408), as of PQ. */
    static const double hlg[][2] = {{0.75, 229}, {0.38, 100}, {1, 255}};
    static const double light[][2] = {{0.2140, 128}, {0.5029, 188}};
    static const double gamma[][2] = {{0.5, 128}, {0.8, 204}};

    test_curve((tc_cicp){9, 16}, "PQ", pq, COUNT(pq), 3);
    test_curve((tc_cicp){9, 18}, "HLG", hlg, COUNT(hlg), 3);
    test_curve((tc_cicp){1, 8}, "light", light, COUNT(light), 1.5);
    test_curve((tc_cicp){1, 4}, "a gamma of 2.2", gamma, COUNT(gamma), 1.5);
}

/* A bright colour becomes less bright, and not another colour. */
static void test_hue(void)
{
    static const uint8_t from[3] = {220, 150, 100}; /* of PQ: far over white */
    uint8_t to[3];

    convert((tc_cicp){1, 16}, TC_RGB, from, to, 1);
    ok(to[0] >= 250 && to[1] < 130 && to[2] < 60,
       "an orange of 3,000 cd/m2 is orange: %d %d %d", to[0], to[1], to[2]);
}

int main(void)
{
    test_what_is_srgb();
    test_what_is_known();
    test_matrix(12, 13, p3, "Display P3");
    test_matrix(9, 14, bt2020, "BT.2020");
    test_neutral();
    test_models();
    test_curves();
    test_hue();
    return done_testing();
}
