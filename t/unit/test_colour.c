/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management against the arithmetic of the standards: Display P3 and grey light to
 * sRGB by hand, profiles that are sRGB, and profiles that are damaged at random.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/colour.h"

#ifdef TC_WITH_LCMS

#include <lcms2.h>

static double decode(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
}

static double encode(double light)
{
    light = light < 0 ? 0 : light > 1 ? 1 : light;
    return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

typedef struct profile {
    uint8_t *data;
    size_t length;
} profile;

static profile save(cmsHPROFILE made)
{
    cmsUInt32Number length = 0;
    profile profile = {NULL, 0};

    if (!made || !cmsSaveProfileToMem(made, NULL, &length))
        abort();
    profile.data = malloc(length);
    profile.length = length;
    if (!profile.data || !cmsSaveProfileToMem(made, profile.data, &length))
        abort();
    cmsCloseProfile(made);
    return profile;
}

static profile rgb(const double primaries[6], cmsToneCurve *curve)
{
    cmsCIExyY white = {0.3127, 0.3290, 1};
    cmsCIExyYTRIPLE triple = {{primaries[0], primaries[1], 1},
                              {primaries[2], primaries[3], 1},
                              {primaries[4], primaries[5], 1}};
    cmsToneCurve *curves[3] = {curve, curve, curve};
    profile made = save(cmsCreateRGBProfile(&white, &triple, curves));

    cmsFreeToneCurve(curve);
    return made;
}

static cmsToneCurve *srgb_curve(void)
{
    const cmsFloat64Number p[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};

    return cmsBuildParametricToneCurve(NULL, 4, p);
}

static const double p3[6] = {0.680, 0.320, 0.265, 0.690, 0.150, 0.060};
static const double bt709[6] = {0.640, 0.330, 0.300, 0.600, 0.150, 0.060};

static profile grey(double gamma)
{
    cmsToneCurve *curve = cmsBuildGamma(NULL, gamma);
    profile made = save(cmsCreateGrayProfile(cmsD50_xyY(), curve));

    cmsFreeToneCurve(curve);
    return made;
}

static const char *const uses[] = {"kept", "dropped", "converted"};

static void use_is(profile profile, tc_model model, tc_profile wanted, const char *what)
{
    tc_transform *transform;
    tc_profile use;

    ok(tc_transform_open(&transform, profile.data, profile.length, model, &use) == TC_E_OK &&
           use == wanted && !transform == (wanted != TC_PROFILE_CONVERT),
       "%s is %s", what, uses[wanted]);
    tc_transform_free(transform);
    free(profile.data);
}

static void looks(void)
{
    profile swapped = save(cmsCreate_sRGBProfile());

    use_is(save(cmsCreate_sRGBProfile()), TC_RGB, TC_PROFILE_DROP, "sRGB");
    use_is(save(cmsCreate_sRGBProfile()), TC_RGB_ALPHA, TC_PROFILE_DROP, "sRGB of alpha");
    use_is(rgb(bt709, srgb_curve()), TC_RGB, TC_PROFILE_DROP, "another writer's sRGB");
    use_is(rgb(bt709, cmsBuildGamma(NULL, 1.8)), TC_RGB, TC_PROFILE_CONVERT,
           "its primaries with another curve");
    use_is(rgb(p3, srgb_curve()), TC_RGB, TC_PROFILE_CONVERT, "Display P3");
    use_is(grey(1), TC_GREY, TC_PROFILE_CONVERT, "grey light");
    use_is(grey(1), TC_RGB, TC_PROFILE_DROP, "grey for RGB");
    use_is(rgb(p3, srgb_curve()), TC_GREY, TC_PROFILE_DROP, "RGB for grey");
    use_is(rgb(p3, srgb_curve()), TC_CMYK, TC_PROFILE_DROP, "RGB for CMYK");
    use_is(save(cmsCreateLab4Profile(NULL)), TC_RGB, TC_PROFILE_DROP, "Lab");
    swapped.length = 100;
    use_is(swapped, TC_RGB, TC_PROFILE_DROP, "a stump");
}

/* Display P3 to sRGB, in light: the matrices of both, multiplied (D65 in both). */
static const double to_srgb[3][3] = {
    {1.2249, -0.2247, 0.0}, {-0.0420, 1.0419, 0.0}, {-0.0197, -0.0786, 1.0979}};

static void display_p3(void)
{
    profile profile = rgb(p3, srgb_curve());
    tc_transform *transform;
    uint8_t from[256 * 4], to[256 * 4];
    double most = 0;
    bool alpha = true;
    tc_profile use;

    tc_transform_open(&transform, profile.data, profile.length, TC_RGB_ALPHA, &use);
    free(profile.data); /* nothing of it is needed any more */
    for (int i = 0; i < 256; i++) {
        from[4 * i] = (uint8_t)(i * 7);
        from[4 * i + 1] = (uint8_t)(i * 13 + 50);
        from[4 * i + 2] = (uint8_t)(255 - i);
        from[4 * i + 3] = (uint8_t)i;
    }
    tc_transform_row(transform, from, to, 256);
    for (int i = 0; i < 256; i++) {
        for (int c = 0; c < 3; c++) {
            double light = 0, off;

            for (int k = 0; k < 3; k++)
                light += to_srgb[c][k] * decode(from[4 * i + k] / 255.0);
            off = fabs(encode(light) * 255 - to[4 * i + c]);
            most = off > most ? off : most;
        }
        alpha &= to[4 * i + 3] == from[4 * i + 3];
    }
    /* Near black the curve is steep and the table of 8 bits coarse. */
    ok(most < 3, "Display P3 to sRGB as the standards have it, within %.1f levels", most);
    ok(alpha, "alpha is copied");
    tc_transform_free(transform);
}

static void grey_light(void)
{
    profile profile = grey(1);
    tc_transform *transform;
    uint8_t from[256], to[256];
    double most = 0;
    tc_profile use;

    tc_transform_open(&transform, profile.data, profile.length, TC_GREY, &use);
    free(profile.data);
    for (int i = 0; i < 256; i++)
        from[i] = (uint8_t)i;
    tc_transform_row(transform, from, to, 256);
    for (int i = 0; i < 256; i++) {
        double off = fabs(encode(i / 255.0) * 255 - to[i]);
        most = off > most ? off : most;
    }
    ok(most < 1.5, "grey light to sRGB's grey, within %.1f levels", most);
    tc_transform_free(transform);
}

static void damaged(void)
{
    profile profile = rgb(p3, srgb_curve());
    uint32_t state = 5;
    int used = 0, dropped = 0;

    for (int round = 0; round < 300; round++) {
        uint8_t *copy = malloc(profile.length), row[3] = {1, 2, 3};
        tc_transform *transform;
        tc_profile use;

        memcpy(copy, profile.data, profile.length);
        for (int n = 1 + round % 5; n > 0; n--) {
            state = state * 1664525u + 1013904223u;
            copy[(state >> 8) % profile.length] = (uint8_t)(state >> 24);
        }
        if (tc_transform_open(&transform, copy,
                              round % 4 ? profile.length : (state >> 9) % profile.length,
                              TC_RGB, &use) == TC_E_OK) {
            used += use == TC_PROFILE_CONVERT;
            dropped += use == TC_PROFILE_DROP;
            if (transform)
                tc_transform_row(transform, row, row, 1);
        }
        tc_transform_free(transform);
        free(copy);
    }
    ok(used + dropped == 300, "300 damaged profiles (seed 5): %d used, %d dropped", used,
       dropped);
    free(profile.data);
}

int main(void)
{
    looks();
    display_p3();
    grey_light();
    damaged();
    ok(tc_transform_model(TC_CMYK) == TC_RGB && tc_transform_model(TC_GREY) == TC_GREY,
       "CMYK becomes RGB, grey stays");
    return done_testing();
}

#else

int main(void)
{
    uint8_t profile[200] = {0};
    tc_transform *transform;
    tc_profile use;

    ok(tc_transform_open(&transform, profile, sizeof(profile), TC_RGB, &use) == TC_E_OK &&
           use == TC_PROFILE_KEEP && !transform,
       "without Little CMS profiles are kept");
    ok(!tc_transform_library(), "and there is no library to tell of");
    return done_testing();
}

#endif
