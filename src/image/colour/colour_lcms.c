/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colour management through Little CMS. Every transform has a context of its own, so that
 * threads share nothing and what the library says of a bad profile is nobody's business.
 */
#include "base/buffer.h"
#include "colour.h"
#include "icc.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include <lcms2_plugin.h>

/* Two levels of 255 that nobody sees: a profile that differs less from sRGB is sRGB. */
#define NEAR_LEVEL (1.5 / 255)
#define NEAR_XYZ   0.003

#define KB ((uint64_t)1024)

/*
 * What Little CMS keeps of a transform, and what it needs on the way: a table of 17^4 values
 * for CMYK, 33^3 for RGB, curves. Measured (2.14); the test of colours holds them against
 * what is used.
 */
#define CMYK_BYTES (900 * KB)
#define RGB_BYTES  (400 * KB)
#define GREY_BYTES (120 * KB)

/* A transform may use this much more than planned, for other versions of the library. */
#define SLACK_BYTES (16 * 1024 * KB)

struct tc_transform {
    cmsContext context;
    cmsHTRANSFORM transform;
    bool no_memory;            /* an allocation of the library's failed */
    bool over;                 /* the library asked for more than `most` */
    uint64_t used, peak, most; /* bytes that the library has, had and may have at once */
    tc_model model;
    uint8_t
        grey[256]; /* of grey: every level's, which is exact where the library's table is not */
};

/* In front of each of the library's blocks. */
typedef union memory_block {
    struct {
        size_t size;         /* with this */
        tc_transform *owner; /* NULL for those of a context that was still being made */
    } of;
    max_align_t align;
} memory_block;

static void *resize(tc_transform *owner, memory_block *old, size_t size)
{
    size_t had = old ? old->of.size : 0;
    memory_block *made;

    size += sizeof *made;
    if (owner && owner->used - had + size > owner->most) {
        owner->over = true;
        return NULL;
    }
    made = realloc(old, size);
    if (!made) {
        if (owner)
            owner->no_memory = true;
        return NULL;
    }
    made->of.size = size;
    made->of.owner = owner;
    if (owner) {
        owner->used += size - had;
        if (owner->used > owner->peak)
            owner->peak = owner->used;
    }
    return made + 1;
}

static void *on_malloc(cmsContext context, cmsUInt32Number size)
{
    return resize(cmsGetContextUserData(context), NULL, size);
}

static void *on_realloc(cmsContext context, void *old, cmsUInt32Number size)
{
    memory_block *block = old;

    return block ? resize(block[-1].of.owner, block - 1, size) : on_malloc(context, size);
}

static void on_free(cmsContext context, void *old)
{
    memory_block *block = old;

    (void)context;
    if (!block)
        return;
    block--;
    if (block->of.owner)
        block->of.owner->used -= block->of.size;
    free(block);
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

static cmsBool acquire_lock(cmsContext context, void *lock)
{
    (void)context;
    (void)lock;
    return TRUE;
}

static const cmsPluginMutex locks = {
    {cmsPluginMagicNumber, 2060, cmsPluginMutexSig, (cmsPluginBase *)(uintptr_t)&memory},
    make_lock,
    drop_lock,
    acquire_lock,
    drop_lock};

static void on_error(cmsContext context, cmsUInt32Number code, const char *text)
{
    (void)context;
    (void)code;
    (void)text;
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
    /* With tables there are no other tags. */
    if (cmsGetColorSpace(profile) == cmsSigGrayData)
        return is_curve_of_srgb(cmsReadTag(profile, cmsSigGrayTRCTag));
    return cmsIsMatrixShaper(profile) &&
           is_near(cmsReadTag(profile, cmsSigRedColorantTag), 0.4360, 0.2225, 0.0139) &&
           is_near(cmsReadTag(profile, cmsSigGreenColorantTag), 0.3851, 0.7169, 0.0971) &&
           is_near(cmsReadTag(profile, cmsSigBlueColorantTag), 0.1431, 0.0606, 0.7139) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigRedTRCTag)) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigGreenTRCTag)) &&
           is_curve_of_srgb(cmsReadTag(profile, cmsSigBlueTRCTag));
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

/* Little CMS' view of what was checked of the profile; NULL when it has none. */
static cmsHPROFILE open_checked(tc_transform *transform, const tc_icc *icc)
{
    size_t length = tc_icc_length(icc);
    uint8_t *copy = tc_buffer_alloc(length);
    cmsHPROFILE profile;

    if (!copy) {
        transform->no_memory = true;
        return NULL;
    }
    tc_icc_write(icc, copy);
    /* The library makes a copy of its own. */
    profile = cmsOpenProfileFromMemTHR(transform->context, copy, (cmsUInt32Number)length);
    tc_buffer_free(copy);
    return profile;
}

/* The profile's transform, unless it is sRGB's own or the library refuses it. */
static void look(tc_transform *transform, const tc_icc *icc, tc_model model)
{
    cmsHPROFILE profile = open_checked(transform, icc);

    if (!profile)
        return;
    if (model == TC_CMYK || !is_srgb(profile))
        transform->transform = make(transform->context, profile, model);
    cmsCloseProfile(profile);
    transform->model = model;
    if (transform->transform && tc_model_is_grey(model))
        fill_grey(transform);
}

static uint64_t planned(const tc_icc *icc, tc_model model)
{
    uint64_t fixed = model == TC_CMYK          ? CMYK_BYTES
                     : tc_model_is_grey(model) ? GREY_BYTES
                                               : RGB_BYTES;

    /* The library keeps the profile's bytes, its tables, and a copy of them in the transform;
     * while a table is added to that there is another copy. */
    return sizeof(tc_transform) + tc_icc_length(icc) + 2 * tc_icc_tables(icc) +
           tc_icc_largest(icc) + fixed;
}

tc_error tc_transform_open(tc_transform **transform, const uint8_t *icc, size_t length,
                           tc_model model, tc_profile *use)
{
    tc_transform *made;
    tc_error error;
    tc_icc checked;

    *transform = NULL;
    *use = TC_PROFILE_DROP;
    if (!tc_icc_read(&checked, icc, length, model))
        return TC_E_OK;
    made = tc_buffer_zeroed(sizeof *made);
    if (!made)
        return TC_E_NO_MEMORY;
    made->most = planned(&checked, model) + SLACK_BYTES;
    made->context = cmsCreateContext((void *)(uintptr_t)&locks, made);
    if (!made->context) {
        tc_transform_free(made);
        return TC_E_NO_MEMORY;
    }
    cmsSetLogErrorHandlerTHR(made->context, on_error);
    look(made, &checked, model);
    if (made->transform && !made->no_memory && !made->over) {
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

uint64_t tc_transform_bytes(const uint8_t *icc, size_t length, tc_model model)
{
    tc_icc checked;

    return tc_icc_read(&checked, icc, length, model) ? planned(&checked, model) : 0;
}

uint64_t tc_transform_peak(const tc_transform *transform)
{
    return transform->peak;
}

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

const char *tc_transform_library(void)
{
    return "Little CMS " TEXT(LCMS_VERSION);
}
