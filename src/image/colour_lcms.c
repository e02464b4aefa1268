/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management through Little CMS. Every transform has a context of its own, so that
 * threads share nothing and what the library says of a bad profile is nobody's business.
 */
#include "colour.h"

#include <math.h>
#include <stdlib.h>

#include <lcms2.h>

/* Two levels of 255 that nobody sees: a profile that differs less from sRGB is sRGB. */
#define NEAR_LEVEL (1.5 / 255)
#define NEAR_XYZ   0.003

/* The tables of a transform from CMYK, the largest there are, and what is made on the way. */
#define TABLES_BYTES (2 * 1024 * 1024)

struct tc_transform {
    cmsContext context;
    cmsHTRANSFORM transform;
};

static void on_error(cmsContext context, cmsUInt32Number code, const char *text)
{
    (void)context;
    (void)code;
    (void)text;
}

static cmsColorSpaceSignature space_of(tc_model model)
{
    return model == TC_CMYK          ? cmsSigCmykData
           : tc_model_is_grey(model) ? cmsSigGrayData
                                     : cmsSigRgbData;
}

/* Little CMS' description of our rows. */
static cmsUInt32Number layout_of(tc_model model)
{
    switch (model) {
    case TC_GREY:
        return TYPE_GRAY_8;
    case TC_GREY_ALPHA:
        return TYPE_GRAY_8 | EXTRA_SH(1);
    case TC_RGB_ALPHA:
        return TYPE_RGBA_8;
    case TC_CMYK:
        return TYPE_CMYK_8;
    default:
        return TYPE_RGB_8;
    }
}

/* IEC 61966-2-1's curve, from light to level. */
static double encode(double light)
{
    if (light <= 0.0031308)
        return light * 12.92;
    return 1.055 * pow(light, 1 / 2.4) - 0.055;
}

static bool is_curve_of_srgb(const cmsToneCurve *curve)
{
    if (!curve)
        return false;
    for (int at = 0; at <= 16; at++) {
        double level = at / 16.0;
        if (fabs(encode(cmsEvalToneCurveFloat(curve, (cmsFloat32Number)level)) - level) >
            NEAR_LEVEL)
            return false;
    }
    return true;
}

static bool is_near(const cmsCIEXYZ *got, double x, double y, double z)
{
    return got && fabs(got->X - x) < NEAR_XYZ && fabs(got->Y - y) < NEAR_XYZ &&
           fabs(got->Z - z) < NEAR_XYZ;
}

/* The primaries as sRGB has them, adapted to D50, and its curve; by value, not by name. */
static bool is_srgb(cmsHPROFILE profile)
{
    if (cmsGetColorSpace(profile) == cmsSigGrayData)
        return !cmsIsTag(profile, cmsSigAToB0Tag) &&
               is_curve_of_srgb(cmsReadTag(profile, cmsSigGrayTRCTag));
    return cmsIsMatrixShaper(profile) && !cmsIsTag(profile, cmsSigAToB0Tag) &&
           is_near(cmsReadTag(profile, cmsSigRedColorantTag), 0.4360, 0.2225, 0.0139) &&
           is_near(cmsReadTag(profile, cmsSigGreenColorantTag), 0.3851, 0.7169, 0.0971) &&
           is_near(cmsReadTag(profile, cmsSigBlueColorantTag), 0.1431, 0.0606, 0.7139) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigRedTRCTag)) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigGreenTRCTag)) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigBlueTRCTag));
}

/* A profile that describes a device's or a space's colours, and those of our rows. */
static bool is_usable(cmsHPROFILE profile, tc_model model)
{
    cmsProfileClassSignature class = cmsGetDeviceClass(profile);

    return cmsGetColorSpace(profile) == space_of(model) &&
           (class == cmsSigInputClass || class == cmsSigDisplayClass ||
            class == cmsSigOutputClass || class == cmsSigColorSpaceClass);
}

/* Grey with sRGB's curve. */
static cmsHPROFILE make_grey(cmsContext context)
{
    const cmsFloat64Number parameters[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    cmsToneCurve *curve = cmsBuildParametricToneCurve(context, 4, parameters);
    cmsHPROFILE made = curve ? cmsCreateGrayProfileTHR(context, cmsD50_xyY(), curve) : NULL;

    cmsFreeToneCurve(curve);
    return made;
}

static cmsHTRANSFORM make(cmsContext context, cmsHPROFILE from, tc_model model)
{
    cmsHPROFILE to =
        tc_model_is_grey(model) ? make_grey(context) : cmsCreate_sRGBProfileTHR(context);
    cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_COPY_ALPHA;
    cmsHTRANSFORM made = NULL;

    if (to)
        made = cmsCreateTransformTHR(context, from, layout_of(model), to,
                                     layout_of(tc_transform_model(model)),
                                     INTENT_RELATIVE_COLORIMETRIC, flags);
    if (to)
        cmsCloseProfile(to);
    return made;
}

tc_profile tc_transform_open(tc_transform **transform, const uint8_t *icc, size_t length,
                             tc_model model)
{
    tc_transform *made = calloc(1, sizeof *made);
    cmsHPROFILE profile = NULL;
    tc_profile use = TC_PROFILE_DROP;

    *transform = NULL;
    if (made)
        made->context = cmsCreateContext(NULL, NULL);
    if (made && made->context) {
        cmsSetLogErrorHandlerTHR(made->context, on_error);
        profile = cmsOpenProfileFromMemTHR(made->context, icc, (cmsUInt32Number)length);
    }
    if (profile && is_usable(profile, model) && !(model != TC_CMYK && is_srgb(profile)))
        made->transform = make(made->context, profile, model);
    if (profile)
        cmsCloseProfile(profile);
    if (made && made->transform) {
        *transform = made;
        use = TC_PROFILE_CONVERT;
    } else {
        tc_transform_free(made);
    }
    return use;
}

void tc_transform_row(tc_transform *transform, const uint8_t *from, uint8_t *to,
                      uint32_t pixels)
{
    cmsDoTransform(transform->transform, from, to, pixels);
}

void tc_transform_free(tc_transform *transform)
{
    if (!transform)
        return;
    if (transform->transform)
        cmsDeleteTransform(transform->transform);
    if (transform->context)
        cmsDeleteContext(transform->context);
    free(transform);
}

uint64_t tc_transform_bytes(size_t length)
{
    return TABLES_BYTES + 2 * (uint64_t)length;
}

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

const char *tc_transform_library(void)
{
    return "Little CMS " TEXT(LCMS_VERSION);
}
