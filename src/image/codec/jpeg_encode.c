/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG encoding through libjpeg-turbo: baseline or progressive, 4:2:0, from
 * grey or RGB rows or from planes.
 */
#include "base/buffer.h"
#include "jpeg.h"

#include <stdlib.h>
#include <string.h>

#define LUMA_ROWS (2 * DCTSIZE) /* of one row of MCUs */

struct tc_encoder {
    struct jpeg_compress_struct cinfo;
    tc_jpeg_errors errors;
    struct jpeg_destination_mgr destination;
    struct jpeg_progress_mgr progress;
    const tc_cancel *cancel;
    const tc_output *output;
    uint8_t *mcus; /* of planes: one row of MCUs, which libjpeg takes whole */
    struct {
        uint32_t w, padded; /* samples of a row, and with those that fill the last MCU */
        uint32_t rows, room;
        JSAMPROW row[LUMA_ROWS];
    } plane[TC_PLANES];
    uint8_t io[]; /* TC_IO_BYTES */
};

/* Of a progressive picture most of the work is done once all rows are in. */
static void on_progress(j_common_ptr cinfo)
{
    tc_encoder *encoder = ((j_compress_ptr)cinfo)->client_data;

    if (tc_cancel_check(encoder->cancel, encoder->errors.fail))
        encoder->errors.manager.error_exit(cinfo);
}

static void on_start(j_compress_ptr cinfo)
{
    tc_encoder *encoder = cinfo->client_data;

    encoder->destination.next_output_byte = encoder->io;
    encoder->destination.free_in_buffer = TC_IO_BYTES;
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

    put(encoder, TC_IO_BYTES - encoder->destination.free_in_buffer);
}

void tc_jpeg_encode_free(tc_encoder *encoder)
{
    if (!encoder)
        return;
    jpeg_destroy_compress(&encoder->cinfo);
    tc_buffer_free(encoder->mcus);
    tc_buffer_free(encoder);
}

/* libjpeg keeps all coefficients, 16 bits each, to write them scan by scan. */
uint64_t tc_jpeg_encode_held(const tc_encode_spec *spec)
{
    uint64_t width = (spec->width + LUMA_ROWS - 1) / LUMA_ROWS * LUMA_ROWS;
    uint64_t height = (spec->height + LUMA_ROWS - 1) / LUMA_ROWS * LUMA_ROWS;

    return spec->progressive ? width * height * (spec->model == TC_GREY ? 2 : 3) : 0;
}

static void write_exif(j_compress_ptr cinfo, const tc_encode_spec *spec)
{
    static const uint8_t name[6] = "Exif\0";

    if (!spec->exif)
        return;
    jpeg_write_m_header(cinfo, JPEG_APP0 + 1, (unsigned)(sizeof name + spec->exif_length));
    for (size_t at = 0; at < sizeof name; at++)
        jpeg_write_m_byte(cinfo, name[at]);
    for (size_t at = 0; at < spec->exif_length; at++)
        jpeg_write_m_byte(cinfo, spec->exif[at]);
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
    cinfo->in_color_space = spec->model == TC_GREY  ? JCS_GRAYSCALE
                            : spec->model == TC_YCC ? JCS_YCbCr
                                                    : JCS_RGB;
    jpeg_set_defaults(cinfo);
    cinfo->raw_data_in = spec->model == TC_YCC;
    jpeg_set_quality(cinfo, (int)spec->quality, TRUE);
    if (spec->progressive)
        jpeg_simple_progression(cinfo);
    cinfo->progress = &encoder->progress;
    jpeg_start_compress(cinfo, TRUE);
    write_exif(cinfo, spec);
    if (spec->icc)
        jpeg_write_icc_profile(cinfo, spec->icc, (unsigned)spec->icc_length);
    return true;
}

static tc_error make_mcus(tc_encoder *encoder, const tc_encode_spec *spec)
{
    uint32_t mcus = (spec->width + LUMA_ROWS - 1) / LUMA_ROWS;
    uint8_t *to = encoder->mcus = tc_buffer_alloc((size_t)mcus * (4 + 2) * DCTSIZE2);

    if (!to)
        return tc_fail_set(encoder->errors.fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    for (int at = 0; at < TC_PLANES; at++) {
        encoder->plane[at].w = at == 0 ? spec->width : (spec->width + 1) / 2;
        encoder->plane[at].room = at == 0 ? LUMA_ROWS : DCTSIZE;
        encoder->plane[at].padded = mcus * encoder->plane[at].room;
        for (uint32_t y = 0; y < encoder->plane[at].room; y++, to += encoder->plane[at].padded)
            encoder->plane[at].row[y] = to;
    }
    return TC_E_OK;
}

tc_error tc_jpeg_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail)
{
    tc_encoder *encoder = tc_buffer_alloc(sizeof *encoder + TC_IO_BYTES);

    *made = encoder;
    if (!encoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    memset(encoder, 0, sizeof *encoder);
    encoder->cinfo.err = tc_jpeg_errors_init(&encoder->errors, fail, TC_E_INTERNAL);
    encoder->output = output;
    encoder->cancel = spec->cancel;
    encoder->progress.progress_monitor = on_progress;
    encoder->destination = (struct jpeg_destination_mgr){.init_destination = on_start,
                                                         .empty_output_buffer = on_full,
                                                         .term_destination = on_end};
    if (spec->model == TC_YCC && make_mcus(encoder, spec))
        return fail->error;
    return start_encoding(encoder, spec) ? TC_E_OK : fail->error;
}

/* Keep a row of a plane, its last sample repeated to the end of the last MCU. */
static void keep_row(tc_encoder *encoder, int at, const uint8_t *from)
{
    uint32_t w = encoder->plane[at].w;
    JSAMPROW to = encoder->plane[at].row[encoder->plane[at].rows++];

    memcpy(to, from, w);
    memset(to + w, to[w - 1], encoder->plane[at].padded - w);
}

static void write_mcus(tc_encoder *encoder)
{
    JSAMPARRAY planes[TC_PLANES] = {encoder->plane[0].row, encoder->plane[1].row,
                                    encoder->plane[2].row};

    jpeg_write_raw_data(&encoder->cinfo, planes, LUMA_ROWS);
    for (int at = 0; at < TC_PLANES; at++)
        encoder->plane[at].rows = 0;
}

static void put_planes(tc_encoder *encoder, const tc_strip *strip)
{
    for (int at = 0; at < TC_PLANES; at++) {
        for (uint32_t y = 0; y < strip->plane[at].rows; y++)
            keep_row(encoder, at, strip->plane[at].data + strip->plane[at].stride * y);
    }
    if (encoder->plane[0].rows == encoder->plane[0].room)
        write_mcus(encoder);
}

/* The last row of MCUs, its last rows repeated to its end. */
static void fill_mcus(tc_encoder *encoder)
{
    for (int at = 0; at < TC_PLANES; at++) {
        uint32_t rows = encoder->plane[at].rows;

        for (uint32_t y = rows; y < encoder->plane[at].room; y++)
            memcpy(encoder->plane[at].row[y], encoder->plane[at].row[rows - 1],
                   encoder->plane[at].padded);
    }
    write_mcus(encoder);
}

tc_error tc_jpeg_encode_rows(tc_encoder *encoder, const tc_strip *strip)
{
    if (setjmp(encoder->errors.jump))
        return encoder->errors.fail->error;
    if (encoder->cinfo.raw_data_in) {
        put_planes(encoder, strip);
        return TC_E_OK;
    }
    for (uint32_t y = 0; y < strip->plane[0].rows; y++) {
        JSAMPROW row = (JSAMPROW)(strip->plane[0].data + strip->plane[0].stride * y);
        jpeg_write_scanlines(&encoder->cinfo, &row, 1);
    }
    return TC_E_OK;
}

tc_error tc_jpeg_encode_finish(tc_encoder *encoder)
{
    if (setjmp(encoder->errors.jump))
        return encoder->errors.fail->error;
    if (encoder->plane[0].rows > 0)
        fill_mcus(encoder);
    jpeg_finish_compress(&encoder->cinfo);
    return TC_E_OK;
}
