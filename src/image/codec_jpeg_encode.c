/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG encoding through libjpeg-turbo: baseline or progressive, 4:2:0, from grey or RGB rows.
 */
#include "codec_jpeg.h"

#include <stdlib.h>

struct tc_encoder {
    struct jpeg_compress_struct cinfo;
    tc_jpeg_errors errors;
    struct jpeg_destination_mgr destination;
    const tc_output *output;
    uint8_t io[TC_IO_BYTES];
};

static void on_start(j_compress_ptr cinfo)
{
    tc_encoder *encoder = cinfo->client_data;

    encoder->destination.next_output_byte = encoder->io;
    encoder->destination.free_in_buffer = sizeof encoder->io;
}

static void put(tc_encoder *encoder, size_t length)
{
    tc_error error = encoder->output->write(encoder->output->context, encoder->io, length);

    if (error) {
        if (encoder->errors.fail->error == TC_E_OK)
            tc_fail_set(encoder->errors.fail, error, "writing the result failed");
        encoder->errors.manager.error_exit((j_common_ptr)&encoder->cinfo);
    }
}

/* libjpeg asks for this when the buffer is full, whatever free_in_buffer says. */
static boolean on_full(j_compress_ptr cinfo)
{
    put(cinfo->client_data, TC_IO_BYTES);
    on_start(cinfo);
    return TRUE;
}

static void on_end(j_compress_ptr cinfo)
{
    tc_encoder *encoder = cinfo->client_data;

    put(encoder, sizeof encoder->io - encoder->destination.free_in_buffer);
}

void tc_jpeg_encode_free(tc_encoder *encoder)
{
    if (!encoder)
        return;
    jpeg_destroy_compress(&encoder->cinfo);
    free(encoder);
}

static bool start_encoding(tc_encoder *encoder, const tc_encode_spec *spec)
{
    j_compress_ptr cinfo = &encoder->cinfo;

    if (setjmp(encoder->errors.jump))
        return false;
    jpeg_create_compress(cinfo);
    cinfo->client_data = encoder;
    cinfo->dest = &encoder->destination;
    cinfo->image_width = spec->width;
    cinfo->image_height = spec->height;
    cinfo->input_components = spec->model == TC_GREY ? 1 : 3;
    cinfo->in_color_space = spec->model == TC_GREY ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, (int)spec->quality, TRUE);
    if (spec->progressive)
        jpeg_simple_progression(cinfo);
    jpeg_start_compress(cinfo, TRUE);
    if (spec->icc)
        jpeg_write_icc_profile(cinfo, spec->icc, (unsigned)spec->icc_length);
    return true;
}

tc_error tc_jpeg_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail)
{
    tc_encoder *encoder = calloc(1, sizeof *encoder);

    *made = encoder;
    if (!encoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    encoder->cinfo.err = tc_jpeg_errors_init(&encoder->errors, fail, TC_E_INTERNAL);
    encoder->output = output;
    encoder->destination = (struct jpeg_destination_mgr){.init_destination = on_start,
                                                         .empty_output_buffer = on_full,
                                                         .term_destination = on_end};
    return start_encoding(encoder, spec) ? TC_E_OK : fail->error;
}

tc_error tc_jpeg_encode_rows(tc_encoder *encoder, const tc_band *band)
{
    if (setjmp(encoder->errors.jump))
        return encoder->errors.fail->error;
    for (uint32_t y = 0; y < band->plane[0].rows; y++) {
        JSAMPROW row = (JSAMPROW)(band->plane[0].data + band->plane[0].stride * y);
        jpeg_write_scanlines(&encoder->cinfo, &row, 1);
    }
    return TC_E_OK;
}

tc_error tc_jpeg_encode_finish(tc_encoder *encoder)
{
    if (setjmp(encoder->errors.jump))
        return encoder->errors.fail->error;
    jpeg_finish_compress(&encoder->cinfo);
    return TC_E_OK;
}
