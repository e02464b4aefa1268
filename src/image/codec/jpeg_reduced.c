/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_reduced.h"

#include "jpeg.h"
#include "jpeg_samples.h"

#include <stdlib.h>
#include <string.h>

typedef struct component {
    unsigned plane;
    unsigned across, down; /* blocks of an MCU */
    tc_jpeg_scale scale;
    /* For pixels: rows of a row of MCUs, and how many pixels each of its samples is. */
    size_t stride;
    unsigned wide, high;
    JSAMPROW row[TC_JPEG_ROWS_MAX];
} component;

struct tc_jpeg_reduced {
    tc_entropy *entropy;
    uint32_t mcus;  /* across */
    uint32_t width; /* of pixels */
    unsigned components;
    component component[TC_PLANES];
    component *of_plane[TC_PLANES];
    unsigned high, next; /* rows of pixels in a row of MCUs; the next of them */
    uint8_t *samples;    /* for pixels: all components' rows */
};

static bool put_blocks(const component *component, const tc_entropy_block *block,
                       JSAMPARRAY rows, size_t x)
{
    unsigned size = component->scale.size;

    for (unsigned down = 0; down < component->down; down++, rows += size) {
        for (unsigned across = 0; across < component->across; across++, block++) {
            if (!tc_jpeg_samples(&component->scale, block, rows, x + (size_t)across * size))
                return false;
        }
    }
    return true;
}

static bool read_mcus(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES])
{
    tc_entropy_block blocks[TC_ENTROPY_BLOCKS];

    for (uint32_t mcu = 0; mcu < reduced->mcus; mcu++) {
        const tc_entropy_block *block = blocks;

        if (!tc_entropy_mcu(reduced->entropy, blocks))
            return false;
        for (unsigned at = 0; at < reduced->components; at++) {
            const component *component = &reduced->component[at];

            if (!put_blocks(component, block, rows[component->plane],
                            (size_t)mcu * component->across * component->scale.size))
                return false;
            block += component->across * component->down;
        }
    }
    return true;
}

bool tc_jpeg_reduced_planes(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES])
{
    return read_mcus(reduced, rows);
}

/* ---- pixels ------------------------------------------------------------------------- */

/* jdcolor.c's numbers, 16 bits behind the point. */
#define HALF     (1 << 15)
#define CR_RED   91881
#define CB_GREEN 22554
#define CR_GREEN 46802
#define CB_BLUE  116130

static JSAMPLE limited(int32_t level)
{
    return (JSAMPLE)(level < 0 ? 0 : level > MAXJSAMPLE ? MAXJSAMPLE : level);
}

/* The row that pixels of row `y` of the MCUs are of. */
static const JSAMPLE *row_of(const component *component, unsigned y)
{
    return component->row[y / component->high];
}

static void to_rgb(const tc_jpeg_reduced *reduced, unsigned y, JSAMPROW to)
{
    const component *const *of = (const component *const *)reduced->of_plane;
    const JSAMPLE *luma = row_of(of[0], y), *blue = row_of(of[1], y), *red = row_of(of[2], y);

    for (uint32_t x = 0; x < reduced->width; x++, to += 3) {
        int32_t l = luma[x / of[0]->wide];
        int32_t cb = blue[x / of[1]->wide] - CENTERJSAMPLE;
        int32_t cr = red[x / of[2]->wide] - CENTERJSAMPLE;

        to[0] = limited(l + ((CR_RED * cr + HALF) >> 16));
        to[1] = limited(l + ((-CB_GREEN * cb - CR_GREEN * cr + HALF) >> 16));
        to[2] = limited(l + ((CB_BLUE * cb + HALF) >> 16));
    }
}

bool tc_jpeg_reduced_pixels(tc_jpeg_reduced *reduced, JSAMPROW row)
{
    if (reduced->next == 0) {
        JSAMPARRAY rows[TC_PLANES] = {NULL};

        for (unsigned at = 0; at < reduced->components; at++)
            rows[reduced->component[at].plane] = reduced->component[at].row;
        if (!read_mcus(reduced, rows))
            return false;
    }
    if (reduced->components == 1)
        memcpy(row, reduced->component[0].row[reduced->next], reduced->width);
    else
        to_rgb(reduced, reduced->next, row);
    reduced->next = (reduced->next + 1) % reduced->high;
    return true;
}

/* ---- what can be decoded ------------------------------------------------------------ */

bool tc_jpeg_reduced_kind(const struct jpeg_decompress_struct *cinfo)
{
    return !cinfo->progressive_mode && !cinfo->arith_code && cinfo->data_precision == 8 &&
           cinfo->comps_in_scan == cinfo->num_components &&
           ((cinfo->num_components == 1 && cinfo->jpeg_color_space == JCS_GRAYSCALE) ||
            (cinfo->num_components == 3 && cinfo->jpeg_color_space == JCS_YCbCr)) &&
           cinfo->Ss == 0 && cinfo->Se == DCTSIZE2 - 1 && cinfo->Ah == 0 && cinfo->Al == 0;
}

/* In a scan of one component an MCU is a block, whatever its sampling: T.81, A.2.2. */
static unsigned most_across(const struct jpeg_decompress_struct *cinfo)
{
    return cinfo->num_components == 1 ? 1 : (unsigned)cinfo->max_h_samp_factor;
}

static unsigned most_down(const struct jpeg_decompress_struct *cinfo)
{
    return cinfo->num_components == 1 ? 1 : (unsigned)cinfo->max_v_samp_factor;
}

static bool describe(component *component, const jpeg_component_info *info,
                     const struct jpeg_decompress_struct *cinfo)
{
    const JQUANT_TBL *table = info->quant_tbl_no >= 0 && info->quant_tbl_no < NUM_QUANT_TBLS
                                  ? cinfo->quant_tbl_ptrs[info->quant_tbl_no]
                                  : NULL;
    bool alone = cinfo->num_components == 1;

    if (!table || TC_JPEG_BLOCK_W(info) != TC_JPEG_BLOCK_H(info) ||
        !tc_jpeg_scale_make(&component->scale, TC_JPEG_BLOCK_W(info), table))
        return false;
    component->plane = (unsigned)info->component_index;
    component->across = alone ? 1 : (unsigned)info->h_samp_factor;
    component->down = alone ? 1 : (unsigned)info->v_samp_factor;
    return component->plane < TC_PLANES;
}

static bool has_table(int number)
{
    return number >= 0 && number < TC_ENTROPY_TABLES && number < NUM_HUFF_TBLS;
}

static void copy_table(tc_huffman *to, const JHUFF_TBL *from)
{
    memcpy(to->counts, from->bits, sizeof to->counts);
    memcpy(to->symbols, from->huffval, sizeof to->symbols);
}

/* Hand the tables and the scan's header on. */
static tc_entropy *open_entropy(const tc_jpeg_reduced *reduced,
                                const struct jpeg_decompress_struct *cinfo,
                                tc_entropy_read *read, void *context)
{
    tc_huffman dc[TC_ENTROPY_TABLES], ac[TC_ENTROPY_TABLES];
    tc_entropy_scan scan = {.components = reduced->components,
                            .interval = cinfo->restart_interval,
                            .read = read,
                            .context = context};

    for (unsigned at = 0; at < reduced->components; at++) {
        const jpeg_component_info *info = cinfo->cur_comp_info[at];
        const component *component = &reduced->component[at];

        if (!has_table(info->dc_tbl_no) || !has_table(info->ac_tbl_no) ||
            !cinfo->dc_huff_tbl_ptrs[info->dc_tbl_no] ||
            !cinfo->ac_huff_tbl_ptrs[info->ac_tbl_no])
            return NULL;
        copy_table(&dc[info->dc_tbl_no], cinfo->dc_huff_tbl_ptrs[info->dc_tbl_no]);
        copy_table(&ac[info->ac_tbl_no], cinfo->ac_huff_tbl_ptrs[info->ac_tbl_no]);
        scan.dc[info->dc_tbl_no] = &dc[info->dc_tbl_no];
        scan.ac[info->ac_tbl_no] = &ac[info->ac_tbl_no];
        scan.component[at].blocks = component->across * component->down;
        scan.component[at].dc = (unsigned)info->dc_tbl_no;
        scan.component[at].ac = (unsigned)info->ac_tbl_no;
        scan.component[at].dc_only = component->scale.size == 1;
    }
    return tc_entropy_open(&scan);
}

/*
 * Rows of all components for a row of MCUs, and how they lie under the pixels. libjpeg repeats
 * samples of 1/8; others, where they must be more, it smooths.
 */
static bool prepare_pixels(tc_jpeg_reduced *reduced, const struct jpeg_decompress_struct *cinfo)
{
    unsigned smallest = TC_JPEG_MIN_BLOCK_H(cinfo);
    unsigned wide = smallest * most_across(cinfo);
    size_t bytes = 0;
    JSAMPROW to;

    reduced->high = smallest * most_down(cinfo);
    for (unsigned at = 0; at < reduced->components; at++) {
        component *component = &reduced->component[at];
        unsigned across = component->across * component->scale.size;
        unsigned down = component->down * component->scale.size;

        if (wide % across || reduced->high % down)
            return false;
        component->wide = wide / across;
        component->high = reduced->high / down;
        if (smallest > 1 && (component->wide > 1 || component->high > 1))
            return false;
        component->stride = (size_t)reduced->mcus * across;
        bytes += component->stride * down;
    }
    to = reduced->samples = malloc(bytes);
    for (unsigned at = 0; to && at < reduced->components; at++) {
        component *component = &reduced->component[at];

        for (unsigned y = 0; y < component->down * component->scale.size; y++) {
            component->row[y] = to;
            to += component->stride;
        }
    }
    return to != NULL;
}

static bool prepare(tc_jpeg_reduced *reduced, const struct jpeg_decompress_struct *cinfo,
                    bool planes)
{
    unsigned across = TC_JPEG_MIN_BLOCK_H(cinfo) * most_across(cinfo);

    reduced->components = (unsigned)cinfo->num_components;
    reduced->width = cinfo->output_width;
    reduced->mcus = (cinfo->output_width + across - 1) / across;
    for (unsigned at = 0; at < reduced->components; at++) {
        component *component = &reduced->component[at];

        if (!describe(component, cinfo->cur_comp_info[at], cinfo))
            return false;
        reduced->of_plane[component->plane] = component;
    }
    return planes || prepare_pixels(reduced, cinfo);
}

tc_jpeg_reduced *tc_jpeg_reduced_open(const struct jpeg_decompress_struct *cinfo, bool planes,
                                      tc_entropy_read *read, void *context)
{
    tc_jpeg_reduced *reduced;

    /* At 1/2 libjpeg's vectors for 4x4 and 8x8 samples a block save more than is won here. */
    if (!tc_jpeg_reduced_kind(cinfo) || TC_JPEG_MIN_BLOCK_H(cinfo) > 2)
        return NULL;
    reduced = calloc(1, sizeof *reduced);
    if (reduced && prepare(reduced, cinfo, planes))
        reduced->entropy = open_entropy(reduced, cinfo, read, context);
    if (reduced && reduced->entropy)
        return reduced;
    tc_jpeg_reduced_free(reduced);
    return NULL;
}

void tc_jpeg_reduced_free(tc_jpeg_reduced *reduced)
{
    if (!reduced)
        return;
    tc_entropy_free(reduced->entropy);
    free(reduced->samples);
    free(reduced);
}
