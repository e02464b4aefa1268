/* SPDX-License-Identifier: Apache-2.0 */
/* JPEGs in memory: made from a scene of smooth colours, read back as planes; and conversions.
 */
#ifndef JPEGS_H
#define JPEGS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "image/pipeline/pipeline.h"

typedef struct bytes {
    uint8_t *data;
    size_t length;
} bytes;

typedef struct sampling {
    const char *name;
    int h[3], v[3];
    bool grey, progressive;
} sampling;

/* A place in the scene, 0..1 both ways, is Y, Cb, Cr: gentle slopes of different directions. */
static void scene_at(double u, double v, double ycc[3])
{
    ycc[0] = 100 + 40 * u + 30 * v;
    ycc[1] = 108 + 34 * u + 6 * v;
    ycc[2] = 150 - 8 * u - 32 * v;
}

__attribute__((unused)) static void write_orientation(j_compress_ptr cinfo, int orientation)
{
    uint8_t exif[] = {'E',
                      'x',
                      'i',
                      'f',
                      0,
                      0,
                      'I',
                      'I',
                      42,
                      0,
                      8,
                      0,
                      0,
                      0,
                      1,
                      0,
                      /* one entry */ 0x12,
                      0x01,
                      3,
                      0,
                      1,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0};

    exif[24] = (uint8_t)orientation;
    jpeg_write_marker(cinfo, JPEG_APP0 + 1, exif, sizeof exif);
}

/* Levels of grain that make_jpeg adds to the scene. */
static int scene_grain;

__attribute__((unused)) static uint8_t grained(double level, uint32_t x, uint32_t y, int c)
{
    uint32_t h = x * 0x9e3779b1u ^ y * 0x85ebca77u ^ (uint32_t)(c + 1) * 0xc2b2ae3du;

    h = (h ^ h >> 15) * 0x2c1b3c6du;
    if (scene_grain > 0)
        level += (double)((h >> 8) % (2 * (uint32_t)scene_grain + 1)) - scene_grain;
    return (uint8_t)(level + 0.5);
}

/* A stored picture of w x h samples; the scene lies upright in what is stored. */
__attribute__((unused)) static bytes make_jpeg(const sampling *sampling, uint32_t w, uint32_t h,
                                               int orientation)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned long length = 0;
    unsigned char *data = NULL;
    uint8_t *row = malloc((size_t)w * 3);

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &data, &length);
    cinfo.image_width = w;
    cinfo.image_height = h;
    cinfo.input_components = sampling->grey ? 1 : 3;
    cinfo.in_color_space = sampling->grey ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, 100, TRUE);
    for (int at = 0; at < cinfo.num_components; at++) {
        cinfo.comp_info[at].h_samp_factor = sampling->h[at];
        cinfo.comp_info[at].v_samp_factor = sampling->v[at];
    }
    if (sampling->progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    if (orientation > 1)
        write_orientation(&cinfo, orientation);
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            double ycc[3];
            scene_at((x + 0.5) / w, (y + 0.5) / h, ycc);
            for (int c = 0; c < cinfo.input_components; c++)
                row[x * (uint32_t)cinfo.input_components + (uint32_t)c] =
                    grained(ycc[c], x, y, c);
        }
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return (bytes){data, length};
}

/* The planes of a JPEG as they are stored. */
typedef struct planes {
    int count;
    struct {
        uint32_t w, h;
        size_t stride;
        uint8_t *data;
    } plane[3];
} planes;

__attribute__((unused)) static void free_planes(planes *planes)
{
    for (int at = 0; at < planes->count; at++)
        free(planes->plane[at].data);
}

__attribute__((unused)) static planes read_planes(const bytes *file, unsigned reduce)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    planes planes;
    unsigned done = 0;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, file->data, file->length);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.raw_data_out = TRUE;
    cinfo.out_color_space = cinfo.jpeg_color_space;
    cinfo.scale_denom = reduce;
    cinfo.do_block_smoothing = FALSE;
    jpeg_start_decompress(&cinfo);
    planes.count = cinfo.num_components;
    for (int at = 0; at < planes.count; at++) {
        jpeg_component_info *c = &cinfo.comp_info[at];
        planes.plane[at].w = c->downsampled_width;
        planes.plane[at].h = c->downsampled_height;
        planes.plane[at].stride = (size_t)(c->width_in_blocks + 4) * DCTSIZE;
        planes.plane[at].data =
            malloc(planes.plane[at].stride * (c->height_in_blocks + 4) * DCTSIZE);
    }
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW rows[3][4 * DCTSIZE];
        JSAMPARRAY arrays[3] = {rows[0], rows[1], rows[2]};
        for (int at = 0; at < planes.count; at++) {
            jpeg_component_info *c = &cinfo.comp_info[at];
            unsigned strip = (unsigned)(c->v_samp_factor * c->DCT_scaled_size);
            for (unsigned y = 0; y < strip; y++)
                rows[at][y] =
                    planes.plane[at].data + planes.plane[at].stride * (done * strip + y);
        }
        jpeg_read_raw_data(&cinfo, arrays, 4 * DCTSIZE);
        done++;
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    return planes;
}

static tc_error read_bytes(void *context, uint64_t offset, void *buffer, size_t length,
                           size_t *got)
{
    const bytes *file = context;

    *got = offset >= file->length ? 0 : file->length - (size_t)offset;
    *got = *got < length ? *got : length;
    memcpy(buffer, file->data + (*got ? offset : 0), *got);
    return TC_E_OK;
}

static tc_error write_bytes(void *context, const void *data, size_t length)
{
    bytes *file = context;

    file->data = realloc(file->data, file->length + length);
    memcpy(file->data + file->length, data, length);
    file->length += length;
    return TC_E_OK;
}

/* Convert `file` as `params` ask; `plan` and `cancel` may be NULL. Prints the reason of an
 * error. */
__attribute__((unused)) static bytes convert(const bytes *file, const char *params,
                                             tc_plan *plan, const tc_cancel *cancel)
{
    tc_input input = {read_bytes, (void *)(uintptr_t)file, file->length, NULL};
    bytes answer = {NULL, 0};
    tc_output output = {write_bytes, &answer};
    tc_limits limits = {0};
    tc_fail fail = {TC_E_OK, ""};
    tc_pipeline *pipeline = NULL;
    tc_params parsed;

    tc_params_init(&parsed);
    if (tc_params_parse(&parsed, params, strlen(params), NULL, NULL, &fail) ||
        tc_pipeline_open(&pipeline, &input, &parsed, &limits, &fail) ||
        tc_pipeline_run(pipeline, &output, cancel, NULL)) {
        printf("# %s: %s\n", params, fail.text);
        free(answer.data);
        answer = (bytes){NULL, 0};
    }
    if (pipeline && plan)
        *plan = tc_pipeline_outline(pipeline)->plan;
    tc_pipeline_free(pipeline);
    return answer;
}

#endif
