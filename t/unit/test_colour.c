/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management against the arithmetic of the standards: Display P3 and grey light to
 * sRGB by hand, profiles that are sRGB, and profiles that are damaged at random.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "profiles.h"
#include "image/colour/colour.h"
#include "image/colour/icc_make.h"

#ifdef TC_WITH_LCMS

#include <glob.h>
#include <lcms2.h>
#include <time.h>

static double decode(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
}

static double encode(double light)
{
    light = light < 0 ? 0 : light > 1 ? 1 : light;
    return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

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

/* A profile made here against one by Little CMS of the same primaries and power. */
static void made_here(void)
{
    static const struct {
        const char *what;
        tc_primaries primaries;
        double gamma;
    } spaces[] = {
        {"Adobe RGB", {{0.64, 0.33}, {0.21, 0.71}, {0.15, 0.06}, {0.3127, 0.3290}}, 2.19921875},
        {"Display P3 of a power",
         {{0.68, 0.32}, {0.265, 0.69}, {0.15, 0.06}, {0.3127, 0.329}},
         2},
        {"ProPhoto",
         {{0.7347, 0.2653}, {0.1596, 0.8404}, {0.0366, 0.0001}, {0.3457, 0.3585}},
         1.8},
        {"light of sRGB", {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}}, 1},
        {"NTSC under C", {{0.67, 0.33}, {0.21, 0.71}, {0.14, 0.08}, {0.3101, 0.3162}}, 2.2},
    };
    uint8_t from[3 * 500], a[3 * 500], b[3 * 500];

    for (size_t at = 0; at < sizeof from; at++)
        from[at] = (uint8_t)noise();
    for (size_t at = 0; at < sizeof spaces / sizeof spaces[0]; at++) {
        const tc_primaries *p = &spaces[at].primaries;
        cmsCIExyY white = {p->white[0], p->white[1], 1};
        cmsCIExyYTRIPLE corners = {{p->red[0], p->red[1], 1},
                                   {p->green[0], p->green[1], 1},
                                   {p->blue[0], p->blue[1], 1}};
        cmsToneCurve *curve = cmsBuildGamma(NULL, spaces[at].gamma);
        cmsToneCurve *curves[3] = {curve, curve, curve};
        profile theirs = save(cmsCreateRGBProfile(&white, &corners, curves));
        uint8_t ours[TC_ICC_MADE_MAX];
        size_t length = tc_icc_make(ours, p, spaces[at].gamma, false);
        tc_transform *first, *second;
        tc_profile use;
        int most = 0;

        tc_transform_open(&first, ours, length, TC_RGB, &use);
        tc_transform_open(&second, theirs.data, theirs.length, TC_RGB, &use);
        if (first && second) {
            tc_transform_row(first, from, a, 500);
            tc_transform_row(second, from, b, 500);
            for (size_t n = 0; n < sizeof a; n++)
                most = abs(a[n] - b[n]) > most ? abs(a[n] - b[n]) : most;
        }
        ok(first && second && most <= 2, "%s: as Little CMS has it, within %d levels",
           spaces[at].what, most);
        tc_transform_free(first);
        tc_transform_free(second);
        cmsFreeToneCurve(curve);
        free(theirs.data);
    }
}

/* ---- what a profile may cost --------------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static tc_model model_of(const profile *profile)
{
    const uint8_t *space = profile->data + 16;

    return memcmp(space, "CMYK", 4) == 0   ? TC_CMYK
           : memcmp(space, "GRAY", 4) == 0 ? TC_GREY
                                           : TC_RGB;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The library's constants, which count for more than tables that are small. */
#define FIXED (300 * 1024)

/* Whether what a transform takes is planned, but not more than about twice of it. */
static void costs(profile profile, const char *what)
{
    tc_model model = model_of(&profile);
    uint64_t planned = tc_transform_bytes(profile.data, profile.length, model), peak = 0;
    double start = cpu_seconds();
    tc_transform *transform;
    uint8_t row[4 * 256];
    tc_profile use;

    for (size_t at = 0; at < sizeof row; at++)
        row[at] = (uint8_t)noise();
    if (tc_transform_open(&transform, profile.data, profile.length, model, &use) == TC_E_OK &&
        transform) {
        tc_transform_row(transform, row, row, 256);
        peak = tc_transform_peak(transform);
    }
    ok(transform && peak > 0 && peak <= planned && planned <= 2 * peak + FIXED,
       "%s: %llu KiB planned, %llu KiB used", what, (unsigned long long)planned / 1024,
       (unsigned long long)peak / 1024);
    ok(cpu_seconds() - start < 1, "and %.3f s of processor", cpu_seconds() - start);
    tc_transform_free(transform);
    free(profile.data);
}

/* The dearest that the bounds allow, of each kind. */
static void bounded(void)
{
    static const struct {
        const char *what, *space;
        table a2b, b2a;
    } dear[] = {
        {"CMYK of 23^4 points",
         "CMYK",
         {"mft2", 4, 3, 23, 4096, 0, false},
         {NULL, 0, 0, 0, 0, 0, false}},
        {"CMYK and back, of 19^4 and 48^3",
         "CMYK",
         {"mft2", 4, 3, 19, 4096, 0, false},
         {"mft2", 3, 4, 48, 4096, 0, false}},
        {"CMYK of 17^4 of 8 bits and back",
         "CMYK",
         {"mft1", 4, 3, 17, 0, 0, false},
         {"mft1", 3, 4, 63, 0, 0, false}},
        {"CMYK with curves of 32767",
         "CMYK",
         {"mAB ", 4, 3, 2, 32767, 2, false},
         {"mBA ", 3, 4, 2, 32767, 2, false}},
        {"CMYK with functions",
         "CMYK",
         {"mAB ", 4, 3, 17, 0, 2, false},
         {"mBA ", 3, 4, 33, 0, 2, false}},
        {"RGB of 65^3",
         "RGB ",
         {"mft2", 3, 3, 65, 4096, 0, false},
         {NULL, 0, 0, 0, 0, 0, false}},
        {"RGB with curves of 32767",
         "RGB ",
         {"mAB ", 3, 3, 33, 32767, 2, false},
         {NULL, 0, 0, 0, 0, 0, false}},
        {"RGB with functions",
         "RGB ",
         {"mAB ", 3, 3, 33, 0, 2, false},
         {NULL, 0, 0, 0, 0, 0, false}},
        {"grey of 255 points",
         "GRAY",
         {"mft2", 1, 3, 255, 4096, 0, false},
         {NULL, 0, 0, 0, 0, 0, false}},
        {"grey with curves of 32767",
         "GRAY",
         {"mAB ", 1, 3, 255, 32767, 2, false},
         {NULL, 0, 0, 0, 0, 0, false}},
    };

    for (size_t at = 0; at < COUNT(dear); at++)
        costs(make_tables(dear[at].space[0] == 'C' ? "prtr" : "mntr", dear[at].space,
                          &dear[at].a2b, dear[at].b2a.type ? &dear[at].b2a : NULL),
              dear[at].what);
    costs(make_matrix("XYZ ", 0, 0), "a display's functions");
    costs(make_matrix("Lab ", 0, 0), "functions to Lab");
    costs(make_matrix("XYZ ", 32767, 0), "a display's curves of 32767, noise");
    costs(make_matrix("Lab ", 32767, 1.8), "curves of 32767 to Lab");
    costs(make_grey_curve(32767, 0), "a grey curve of 32767, noise");
}

/* ---- the copy that Little CMS sees ---------------------------------------------------- */

/* What Little CMS makes of all of the profile; false when it is nothing. */
static bool convert_whole(const profile *profile, tc_model model, const uint8_t *from,
                          uint8_t *to, uint32_t pixels)
{
    cmsHPROFILE whole = cmsOpenProfileFromMem(profile->data, (cmsUInt32Number)profile->length);
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    cmsHTRANSFORM transform =
        whole ? cmsCreateTransform(whole, model == TC_CMYK ? TYPE_CMYK_8 : TYPE_RGB_8, srgb,
                                   TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC,
                                   cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_COPY_ALPHA)
              : NULL;

    if (transform) {
        cmsDoTransform(transform, from, to, pixels);
        cmsDeleteTransform(transform);
    }
    if (whole)
        cmsCloseProfile(whole);
    cmsCloseProfile(srgb);
    return transform != NULL;
}

#define PIXELS 5000

/* What is converted by the copy of a profile is converted as by the whole of it. */
static void as_whole(profile profile, const char *what)
{
    static uint8_t from[4 * PIXELS], to[3 * PIXELS], whole[3 * PIXELS];
    tc_model model = profile.length > 128 ? model_of(&profile) : TC_RGB;
    tc_transform *transform = NULL;
    tc_profile use = TC_PROFILE_DROP;

    for (size_t at = 0; at < sizeof from; at++)
        from[at] = (uint8_t)noise();
    if (model != TC_GREY)
        tc_transform_open(&transform, profile.data, profile.length, model, &use);
    if (transform) {
        tc_transform_row(transform, from, to, PIXELS);
        ok(convert_whole(&profile, model, from, whole, PIXELS) &&
               memcmp(to, whole, sizeof to) == 0,
           "%s: the same by all of it", what);
    }
    tc_transform_free(transform);
    free(profile.data);
}

static profile read_profile(const char *path)
{
    FILE *in = fopen(path, "rb");
    profile made = {0};
    uint8_t piece[4096];
    size_t got;

    while (in && (got = fread(piece, 1, sizeof piece, in)) > 0)
        put_bytes(&made, piece, got);
    if (in)
        fclose(in);
    return made;
}

/* The profiles that are installed here, of whatever packages. */
static void installed(void)
{
    static const char *const places[] = {"/usr/share/color/icc/*.ic[cm]",
                                         "/usr/share/color/icc/*/*.ic[cm]"};
    int before = tap_count;
    glob_t found;

    for (size_t at = 0; at < COUNT(places); at++) {
        if (glob(places[at], 0, NULL, &found) != 0)
            continue;
        for (size_t n = 0; n < found.gl_pathc && n < 200; n++)
            as_whole(read_profile(found.gl_pathv[n]), found.gl_pathv[n]);
        globfree(&found);
    }
    if (tap_count == before)
        skip("installed profiles", "there are none in /usr/share/color/icc");
}

static void copied(void)
{
    static const table cmyk = {"mft2", 4, 3, 9, 256, 0, false},
                       back = {"mft1", 3, 4, 17, 0, 0, false},
                       rgb_table = {"mAB ", 3, 3, 17, 0, 2, false};
    profile made = make_tables("prtr", "CMYK", &cmyk, &back), stretched = {0};

    as_whole(rgb(p3, srgb_curve()), "Display P3");
    as_whole(make_matrix("XYZ ", 1024, 2.2), "a display's curves");
    as_whole(make_matrix("Lab ", 0, 0), "functions to Lab");
    as_whole(make_tables("scnr", "RGB ", &rgb_table, NULL), "a scanner's table");
    /* More of the file than the tags need, and a size that is wrong. */
    put_bytes(&stretched, made.data, made.length);
    put_bytes(&stretched, NULL, 100);
    as_whole(made, "CMYK with its black point");
    as_whole(stretched, "the same with bytes behind it");
    installed();
}

/*
 * The kind of profile that Little CMS needs minutes for, as it stands in a picture: processing
 * elements with tables of 15 dimensions. Without them it is used as far as the rest goes.
 */
static void processing_elements(void)
{
    static const table grid = {"mAB ", 3, 3, 9, 16, 2, false};
    kind kind = {"mntr", "RGB ", "Lab ", 0x04300000};
    tag tags[2] = {{"D2B0", {0}}, {"A2B0", make_table(&grid)}};
    profile elements = {0}, with, without;
    uint8_t from[300], a[300] = {0}, b[300] = {1};
    tc_transform *first, *second;
    double start = cpu_seconds();
    tc_profile use;

    put_text(&elements, "mpet");
    put_number(&elements, 0, 4);
    put_number(&elements, 3 << 16 | 3, 4);
    put_number(&elements, 1, 4);
    put_number(&elements, 24, 4);
    put_number(&elements, 36 + (12 << 15), 4);
    put_text(&elements, "clut");
    put_number(&elements, 0, 4);
    put_number(&elements, 15 << 16 | 3, 4);
    for (int n = 0; n < 16; n++)
        put_number(&elements, n < 15 ? 2 : 0, 1);
    put_bytes(&elements, NULL, 12 << 15);
    tags[0].bytes = elements;
    with = make_profile(&kind, tags, 2);
    without = make_profile(&kind, tags + 1, 1);
    for (size_t at = 0; at < sizeof from; at++)
        from[at] = (uint8_t)noise();
    tc_transform_open(&first, with.data, with.length, TC_RGB, &use);
    tc_transform_open(&second, without.data, without.length, TC_RGB, &use);
    if (first && second) {
        tc_transform_row(first, from, a, 100);
        tc_transform_row(second, from, b, 100);
    }
    ok(memcmp(a, b, sizeof a) == 0, "a table converts although there are processing elements");
    use_is(make_profile(&kind, tags, 1), TC_RGB, TC_PROFILE_DROP, "processing elements alone");
    ok(cpu_seconds() - start < 1, "and they cost nothing: %.3f s", cpu_seconds() - start);
    tc_transform_free(first);
    tc_transform_free(second);
    free(with.data);
    free(without.data);
    free(elements.data);
    free(tags[1].bytes.data);
}

int main(void)
{
    looks();
    display_p3();
    grey_light();
    damaged();
    made_here();
    bounded();
    copied();
    processing_elements();
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
