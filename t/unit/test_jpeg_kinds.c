/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds of JPEG that are not supported are told from the header alone, whatever kinds the
 * libjpeg-turbo in use can decode: version 3 reads 12 bits a sample and lossless ones.
 */
#include "tap.h"
#include "jpegs.h"

#define SOF0 0xc0
#define SOS  0xda

/* The first marker of that kind. */
static uint8_t *marker(const bytes *file, uint8_t kind)
{
    for (uint8_t *at = file->data; at + 20 < file->data + file->length; at++) {
        if (at[0] == 0xff && at[1] == kind)
            return at;
    }
    return NULL;
}

static const struct {
    const char *what;
    uint8_t frame, precision;
    uint8_t spectral[3]; /* of the scan: Ss, Se, Ah and Al */
    tc_error error;
} kinds[] = {
    {"baseline", 0xc0, 8, {0, 63, 0}, TC_E_OK},
    {"extended sequential", 0xc1, 8, {0, 63, 0}, TC_E_OK},
    {"extended, 12 bits", 0xc1, 12, {0, 63, 0}, TC_E_UNSUPPORTED},
    {"baseline that claims 12 bits", 0xc0, 12, {0, 63, 0}, TC_E_UNSUPPORTED},
    {"lossless", 0xc3, 8, {1, 0, 0}, TC_E_UNSUPPORTED},
    {"lossless, another predictor", 0xc3, 8, {7, 0, 0}, TC_E_UNSUPPORTED},
    {"lossless, 2 bits", 0xc3, 2, {1, 0, 0}, TC_E_UNSUPPORTED},
    {"lossless, 16 bits", 0xc3, 16, {1, 0, 0}, TC_E_UNSUPPORTED},
    {"hierarchical", 0xc5, 8, {0, 63, 0}, TC_E_UNSUPPORTED},
};

int main(void)
{
    static const sampling grey = {"grey", {1}, {1}, true, false};
    bytes file = make_jpeg(&grey, 64, 48, 1);
    uint8_t *frame = marker(&file, SOF0), *scan = marker(&file, SOS);

    for (size_t at = 0; at < sizeof kinds / sizeof kinds[0]; at++) {
        tc_input input = {read_bytes, &file, file.length, NULL};
        tc_fail fail = {TC_E_OK, ""};
        tc_decoder *decoder = NULL;
        tc_image_info info;
        tc_error error;

        frame[1] = kinds[at].frame;
        frame[4] = kinds[at].precision;
        memcpy(scan + 7, kinds[at].spectral, 3);
        error = tc_codec_jpeg.decode_open(&decoder, &input, &info, &fail);
        tc_codec_jpeg.decode_free(decoder);
        ok(error == kinds[at].error, "%s: %s", kinds[at].what, error ? fail.text : "opened");
    }
    free(file.data);
    return done_testing();
}
