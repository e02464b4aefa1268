/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"

#include <stdlib.h>
#include <string.h>

#ifdef TC_WITH_LCMS

#include <lcms2.h>

static cmsHPROFILE make_p3(void)
{
    static const cmsCIExyY white = {0.3127, 0.3290, 1};
    static const cmsCIExyYTRIPLE primaries = {
        {0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
    static const cmsFloat64Number srgb[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    cmsToneCurve *curve = cmsBuildParametricToneCurve(NULL, 4, srgb);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE made = cmsCreateRGBProfile(&white, &primaries, curves);

    cmsFreeToneCurve(curve);
    return made;
}

static cmsHPROFILE make_gamma1(void)
{
    cmsToneCurve *curve = cmsBuildGamma(NULL, 1);
    cmsHPROFILE made = cmsCreateGrayProfile(cmsD50_xyY(), curve);

    cmsFreeToneCurve(curve);
    return made;
}

/* Ink to Lab through sRGB; the first ink is magenta, the second cyan. */
static cmsInt32Number ink_to_lab(const cmsUInt16Number in[], cmsUInt16Number out[], void *cargo)
{
    cmsUInt16Number rgb[3];

    for (int c = 0; c < 3; c++) {
        int ink = c == 0 ? 1 : c == 1 ? 0 : 2;
        rgb[c] = (cmsUInt16Number)((65535 - in[ink]) * (65535.0 - in[3]) / 65535 + 0.5);
    }
    cmsDoTransform(cargo, rgb, out, 1);
    return 1;
}

static cmsHPROFILE make_swapped(void)
{
    cmsHPROFILE srgb = cmsCreate_sRGBProfile(), lab = cmsCreateLab2Profile(NULL);
    cmsHTRANSFORM to_lab = cmsCreateTransform(srgb, TYPE_RGB_16, lab, TYPE_LabV2_16,
                                              INTENT_RELATIVE_COLORIMETRIC, 0);
    cmsHPROFILE made = cmsCreateProfilePlaceholder(NULL);
    cmsPipeline *table = cmsPipelineAlloc(NULL, 4, 3);
    cmsStage *stage = cmsStageAllocCLut16bit(NULL, 17, 4, 3, NULL);

    cmsStageSampleCLut16bit(stage, ink_to_lab, to_lab, 0);
    cmsPipelineInsertStage(table, cmsAT_END, stage);
    cmsSetProfileVersion(made, 2.1);
    cmsSetDeviceClass(made, cmsSigOutputClass);
    cmsSetColorSpace(made, cmsSigCmykData);
    cmsSetPCS(made, cmsSigLabData);
    cmsWriteTag(made, cmsSigAToB0Tag, table);
    cmsPipelineFree(table);
    cmsDeleteTransform(to_lab);
    cmsCloseProfile(srgb);
    cmsCloseProfile(lab);
    return made;
}

uint8_t *mkpicture_profile(const char *name, size_t *length)
{
    cmsHPROFILE profile = strcmp(name, "p3") == 0        ? make_p3()
                          : strcmp(name, "gamma1") == 0  ? make_gamma1()
                          : strcmp(name, "swapped") == 0 ? make_swapped()
                          : strcmp(name, "srgb") == 0    ? cmsCreate_sRGBProfile()
                                                         : NULL;
    cmsUInt32Number size = 0;
    uint8_t *made = NULL;

    if (profile && cmsSaveProfileToMem(profile, NULL, &size))
        made = malloc(size);
    if (made && !cmsSaveProfileToMem(profile, made, &size)) {
        free(made);
        made = NULL;
    }
    if (profile)
        cmsCloseProfile(profile);
    *length = size;
    return made;
}

#else

uint8_t *mkpicture_profile(const char *name, size_t *length)
{
    (void)name;
    *length = 0;
    return NULL;
}

#endif
