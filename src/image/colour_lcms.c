/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management through Little CMS. Every transform has a context of its own, so that
 * threads share nothing and what the library says of a bad profile is nobody's business.
 */
#include "buffer.h"
#include "colour.h"

#include <math.h>
#include <stdlib.h>

#include <lcms2_plugin.h>

/* Two levels of 255 that nobody sees: a profile that differs less from sRGB is sRGB. */
#define NEAR_LEVEL (1.5 / 255)
#define NEAR_XYZ   0.003

/* The tables of a transform from CMYK, the largest there are, and what is made on the way. */
#define TABLES_BYTES (2 * 1024 * 1024)

struct tc_transform {
    cmsContext context;
    cmsHTRANSFORM transform;
    bool no_memory; /* the library asked for some in vain */
    tc_model model;
    uint8_t
        grey[256]; /* of grey: every level's, which is exact where the library's table is not */
};

/* No sound profile makes the library ask for so much at once. */
#define PIECE_MOST (64 * 1024 * 1024)

/* Note that memory ran out; a context that is only being made is nobody's yet. */
static void *noted(cmsContext context, void *memory)
{
    tc_transform *transform = cmsGetContextUserData(context);

    if (!memory && transform)
        transform->no_memory = true;
    return memory;
}

static void *on_malloc(cmsContext context, cmsUInt32Number size)
{
    return size > PIECE_MOST ? NULL : noted(context, malloc(size));
}

static void *on_realloc(cmsContext context, void *old, cmsUInt32Number size)
{
    return size > PIECE_MOST ? NULL : noted(context, realloc(old, size));
}

static void on_free(cmsContext context, void *old)
{
    (void)context;
    free(old);
}

static const cmsPluginMemHandler memory = {
    {cmsPluginMagicNumber, 2060, cmsPluginMemHandlerSig, NULL},
    on_malloc,
    on_free,
    on_realloc,
    NULL,
    NULL,
    NULL};

/*
 * A context is one thread's, so that there is nothing to be locked; and the library's
 * own locks, when they find no memory, end the process.
 */
static void *make_lock(cmsContext context)
{
    static char lock;

    (void)context;
    return &lock;
}

static void drop_lock(cmsContext context, void *lock)
{
    (void)context;
    (void)lock;
}

static cmsBool take_lock(cmsContext context, void *lock)
{
    (void)context;
    (void)lock;
    return TRUE;
}

static const cmsPluginMutex locks = {
    {cmsPluginMagicNumber, 2060, cmsPluginMutexSig, (cmsPluginBase *)(uintptr_t)&memory},
    make_lock,
    drop_lock,
    take_lock,
    drop_lock};

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
    case TC_GREY_ALPHA: /* alpha is copied by hand */
        return TYPE_GRAY_8;
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
    cmsUInt32Number flags = cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_COPY_ALPHA |
                            (tc_model_is_grey(model) ? cmsFLAGS_NOOPTIMIZE : 0);
    cmsHTRANSFORM made = NULL;

    if (to)
        made = cmsCreateTransformTHR(context, from, layout_of(model), to,
                                     layout_of(tc_transform_model(model)),
                                     INTENT_RELATIVE_COLORIMETRIC, flags);
    if (to)
        cmsCloseProfile(to);
    return made;
}

static void fill_grey(tc_transform *transform)
{
    uint8_t level[256];

    for (int at = 0; at < 256; at++)
        level[at] = (uint8_t)at;
    cmsDoTransform(transform->transform, level, transform->grey, 256);
}

/* The profile's transform, where it is sound, of our rows, and not sRGB's own. */
static void look(tc_transform *transform, const uint8_t *icc, size_t length, tc_model model)
{
    cmsHPROFILE profile =
        cmsOpenProfileFromMemTHR(transform->context, icc, (cmsUInt32Number)length);

    if (!profile)
        return;
    if (is_usable(profile, model) && !(model != TC_CMYK && is_srgb(profile)))
        transform->transform = make(transform->context, profile, model);
    cmsCloseProfile(profile);
    transform->model = model;
    if (transform->transform && tc_model_is_grey(model))
        fill_grey(transform);
}

tc_error tc_transform_open(tc_transform **transform, const uint8_t *icc, size_t length,
                           tc_model model, tc_profile *use)
{
    tc_transform *made = tc_buffer_zeroed(sizeof *made);
    tc_error error;

    *transform = NULL;
    *use = TC_PROFILE_DROP;
    if (!made)
        return TC_E_NO_MEMORY;
    made->context = cmsCreateContext((void *)(uintptr_t)&locks, made);
    if (!made->context) {
        tc_transform_free(made);
        return TC_E_NO_MEMORY;
    }
    cmsSetLogErrorHandlerTHR(made->context, on_error);
    look(made, icc, length, model);
    if (made->transform && !made->no_memory) {
        *transform = made;
        *use = TC_PROFILE_CONVERT;
        return TC_E_OK;
    }
    /* Less than there should be of it would be a wrong colour, not a profile that is bad. */
    error = made->no_memory ? TC_E_NO_MEMORY : TC_E_OK;
    tc_transform_free(made);
    return error;
}

void tc_transform_row(tc_transform *transform, const uint8_t *from, uint8_t *to,
                      uint32_t pixels)
{
    uint8_t channels = tc_model_channels(transform->model);

    if (!tc_model_is_grey(transform->model)) {
        cmsDoTransform(transform->transform, from, to, pixels);
        return;
    }
    for (; pixels > 0; pixels--, from += channels, to += channels) {
        to[0] = transform->grey[from[0]];
        if (channels > 1)
            to[1] = from[1];
    }
}

void tc_transform_free(tc_transform *transform)
{
    if (!transform)
        return;
    if (transform->transform)
        cmsDeleteTransform(transform->transform);
    if (transform->context)
        cmsDeleteContext(transform->context);
    tc_buffer_free(transform);
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
