/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_reduced.h"

#include "jpeg.h"
#include "jpeg_rgb.h"
#include "jpeg_samples.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of samples that are kept until it is their turn, at most. */
#define KEPT_MOST (128 * 1024)

/* MCUs of an interval, and of a picture, from which on it is decoded in turns. */
#define TURN_LEAST  4
#define TURNS_LEAST 256

typedef struct component {
    unsigned plane;
    unsigned across, down; /* blocks of an MCU */
    tc_jpeg_scale scale;
    /* For pixels: rows of a row of MCUs, and how many pixels each of its samples is. */
    size_t stride;
    unsigned wide, high;
    JSAMPROW row[TC_JPEG_ROWS_MAX];
    JSAMPROW repeated; /* where a sample is several pixels: one of their rows */
} component;

struct tc_jpeg_reduced {
    tc_entropy *entropy;
    uint32_t mcus;  /* across */
    uint32_t width; /* of pixels */
    unsigned components, mcu_blocks;
    component component[TC_PLANES];
    component *of_plane[TC_PLANES];
    unsigned high, next; /* rows of pixels in a row of MCUs; the next of them */
    uint8_t *samples;    /* for pixels: all components' rows */
    /* MCUs of the picture, of which the first `done` are decoded and `current` delivered. */
    uint32_t total, done, current;
    uint32_t interval; /* of restart markers; 0: they are not decoded in turns */
    uint32_t ahead;    /* rows of MCUs that are kept until it is their turn */
    uint8_t *kept;     /* their samples */
    tc_jpeg_rgb *rgb;
};

/* Side by side, `across` of each of `count` MCUs: a constant, as a loop of so few rounds that
   the compiler does not know takes as long as what the blocks are then made into. */
static inline void line_up(const tc_entropy_block **side, const tc_entropy_block *block,
                           unsigned count, unsigned mcu_blocks, const unsigned across)
{
    for (; count > 0; count--, block += mcu_blocks) {
        for (unsigned n = 0; n < across; n++)
            *side++ = block + n;
    }
}

/* The component's blocks of `count` MCUs, of which the first's are from `block` on. */
static bool put_blocks(const tc_jpeg_reduced *reduced, const component *component,
                       const tc_entropy_block *block, unsigned count, JSAMPARRAY rows, size_t x)
{
    const tc_entropy_block *side[TC_ENTROPY_BOTH * TC_ENTROPY_BLOCKS];
    unsigned across = component->across;

    for (unsigned down = 0; down < component->down; down++, block += across) {
        if (across == 1)
            line_up(side, block, count, reduced->mcu_blocks, 1);
        else if (across == 2)
            line_up(side, block, count, reduced->mcu_blocks, 2);
        else
            line_up(side, block, count, reduced->mcu_blocks, across);
        if (!component->scale.put(&component->scale, side, count * across, rows, x))
            return false;
        rows += component->scale.size;
    }
    return true;
}

/* The next MCUs, of one row. */
static bool put_mcus(const tc_jpeg_reduced *reduced, const tc_entropy_block *block,
                     unsigned count, const JSAMPARRAY rows[TC_PLANES], uint32_t x)
{
    for (unsigned at = 0; at < reduced->components; at++) {
        const component *component = &reduced->component[at];

        if (!put_blocks(reduced, component, block, count, rows[component->plane],
                        (size_t)x * component->across * component->scale.size))
            return false;
        block += component->across * component->down;
    }
    return true;
}

/* ---- two intervals in turns --------------------------------------------------------- */

/* Bytes of the component's rows of a row of MCUs, as they are kept. */
static size_t stride_of(const tc_jpeg_reduced *reduced, const component *component)
{
    return (size_t)reduced->mcus * component->across * component->scale.size;
}

static unsigned rows_of(const component *component)
{
    return component->down * component->scale.size;
}

/* Bytes of a row of MCUs. */
static size_t kept_size(const tc_jpeg_reduced *reduced)
{
    size_t bytes = 0;

    for (unsigned at = 0; at < reduced->components; at++)
        bytes += stride_of(reduced, &reduced->component[at]) * rows_of(&reduced->component[at]);
    return bytes;
}

/* Where the component's rows of row `number` of MCUs are kept. */
static void kept_rows(const tc_jpeg_reduced *reduced, uint32_t number, unsigned component,
                      JSAMPROW row[TC_JPEG_ROWS_MAX])
{
    uint8_t *to = reduced->kept + number % reduced->ahead * kept_size(reduced);

    for (unsigned at = 0; at < component; at++)
        to += stride_of(reduced, &reduced->component[at]) * rows_of(&reduced->component[at]);
    for (unsigned y = 0; y < rows_of(&reduced->component[component]); y++)
        row[y] = to + y * stride_of(reduced, &reduced->component[component]);
}

/* MCUs of any rows from `first` on: those of the current row to where they are wanted. */
static bool place_mcus(const tc_jpeg_reduced *reduced, const tc_entropy_block *block,
                       uint32_t first, unsigned count, const JSAMPARRAY rows[TC_PLANES])
{
    while (count > 0) {
        uint32_t x = first % reduced->mcus, left = reduced->mcus - x;
        unsigned part = left < count ? left : count;
        JSAMPROW row[TC_PLANES][TC_JPEG_ROWS_MAX];
        JSAMPARRAY to[TC_PLANES] = {rows[0], rows[1], rows[2]};

        for (unsigned at = 0; first - x != reduced->current && at < reduced->components; at++) {
            to[reduced->component[at].plane] = row[at];
            kept_rows(reduced, first / reduced->mcus, at, row[at]);
        }
        if (!put_mcus(reduced, block, part, to, x))
            return false;
        first += part;
        count -= part;
        block += part * reduced->mcu_blocks;
    }
    return true;
}

/* The next two intervals. */
static bool read_both(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES])
{
    uint32_t first[2] = {reduced->done, reduced->done + reduced->interval};
    uint32_t rest = reduced->total - first[1];
    uint32_t left[2] = {reduced->interval, rest < reduced->interval ? rest : reduced->interval};

    while (left[0] > 0) {
        const tc_entropy_block *blocks[2];
        unsigned count[2];

        for (unsigned at = 0; at < 2; at++)
            count[at] = left[at] < TC_ENTROPY_BOTH ? left[at] : TC_ENTROPY_BOTH;
        if (!tc_entropy_both(reduced->entropy, count, blocks))
            return false;
        for (unsigned at = 0; at < 2; at++) {
            if (!place_mcus(reduced, blocks[at], first[at], count[at], rows))
                return false;
            first[at] += count[at];
            left[at] -= count[at];
        }
    }
    reduced->done = first[1];
    return true;
}

/* Whether two intervals begin at the next MCU. */
static bool has_both(const tc_jpeg_reduced *reduced)
{
    return reduced->interval > 0 && reduced->done % reduced->interval == 0 &&
           reduced->total - reduced->done > reduced->interval &&
           tc_entropy_has_both(reduced->entropy);
}

/* The first `count` MCUs of the current row, which were kept. */
static void deliver(const tc_jpeg_reduced *reduced, uint32_t count,
                    const JSAMPARRAY rows[TC_PLANES])
{
    for (unsigned at = 0; at < reduced->components; at++) {
        const component *component = &reduced->component[at];
        JSAMPROW row[TC_JPEG_ROWS_MAX];

        kept_rows(reduced, reduced->current / reduced->mcus, at, row);
        for (unsigned y = 0; y < rows_of(component); y++)
            memcpy(rows[component->plane][y], row[y],
                   (size_t)count * component->across * component->scale.size);
    }
}

/* ---- a row of MCUs ------------------------------------------------------------------ */

static bool read_mcus(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES])
{
    uint32_t end = reduced->current + reduced->mcus;

    if (reduced->done > reduced->current)
        deliver(reduced, (reduced->done < end ? reduced->done : end) - reduced->current, rows);
    while (reduced->done < end) {
        uint32_t left = end - reduced->done, x = reduced->done - reduced->current;
        unsigned count = left < TC_ENTROPY_MCUS ? left : TC_ENTROPY_MCUS;
        const tc_entropy_block *block;

        if (has_both(reduced)) {
            if (!read_both(reduced, rows))
                return false;
            continue;
        }
        block = tc_entropy_mcus(reduced->entropy, count);
        if (!block || !put_mcus(reduced, block, count, rows, x))
            return false;
        reduced->done += count;
    }
    reduced->current = end;
    return true;
}

bool tc_jpeg_reduced_planes(tc_jpeg_reduced *reduced, const JSAMPARRAY rows[TC_PLANES])
{
    return read_mcus(reduced, rows);
}

/* ---- pixels ------------------------------------------------------------------------- */

/* A row of chroma with a sample for each pixel. */
static const JSAMPLE *repeated(const tc_jpeg_reduced *reduced, const component *component,
                               const JSAMPLE *row)
{
    JSAMPROW to = component->repeated;

    if (component->wide == 1)
        return row;
    for (uint32_t x = 0; x < reduced->width; x++)
        to[x] = row[x / component->wide];
    return to;
}

/* Row `y` of the MCUs' pixels. */
static void to_rgb(const tc_jpeg_reduced *reduced, unsigned y, JSAMPROW to)
{
    const JSAMPLE *row[TC_PLANES];

    for (unsigned at = 0; at < TC_PLANES; at++) {
        const component *component = reduced->of_plane[at];

        row[at] = repeated(reduced, component, component->row[y / component->high]);
    }
    reduced->rgb(to, row[0], row[1], row[2], reduced->width);
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

static bool is_of_a_kind(const struct jpeg_decompress_struct *cinfo)
{
    return !cinfo->progressive_mode && !cinfo->arith_code && cinfo->data_precision == 8 &&
           cinfo->comps_in_scan == cinfo->num_components &&
           ((cinfo->num_components == 1 && cinfo->jpeg_color_space == JCS_GRAYSCALE) ||
            (cinfo->num_components == 3 && cinfo->jpeg_color_space == JCS_YCbCr)) &&
           cinfo->Ss == 0 && cinfo->Se == DCTSIZE2 - 1 && cinfo->Ah == 0 && cinfo->Al == 0;
}

/* Without vectors libjpeg's own save more than is won here, but for one sample a block. */
unsigned tc_jpeg_reduced_from(const struct jpeg_decompress_struct *cinfo)
{
    return !is_of_a_kind(cinfo) ? 0 : tc_jpeg_put_avx2(DCTSIZE) ? 1 : 8;
}

size_t tc_jpeg_reduced_bytes(const struct jpeg_decompress_struct *cinfo)
{
    uint64_t blocks = (uint64_t)cinfo->image_width * cinfo->image_height / DCTSIZE2;

    return cinfo->restart_interval < TURN_LEAST || blocks < TURNS_LEAST
               ? 0
               : tc_entropy_turns_bytes((unsigned)cinfo->num_components) + KEPT_MOST;
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

static bool describe(tc_jpeg_reduced *reduced, component *component,
                     const jpeg_component_info *info,
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
    reduced->mcu_blocks += component->across * component->down;
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
                            .turns = reduced->interval > 0,
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
        bytes += component->stride * down + (component->wide > 1 ? reduced->width : 0);
    }
    to = reduced->samples = malloc(bytes);
    for (unsigned at = 0; to && at < reduced->components; at++) {
        component *component = &reduced->component[at];

        for (unsigned y = 0; y < component->down * component->scale.size; y++) {
            component->row[y] = to;
            to += component->stride;
        }
        component->repeated = to;
        to += component->wide > 1 ? reduced->width : 0;
    }
    reduced->rgb = tc_jpeg_rgb_avx2();
    if (!reduced->rgb)
        reduced->rgb = tc_jpeg_rgb_plain;
    return to != NULL;
}

/*
 * What it takes to decode two intervals in turns, unless that is too much to keep, or too
 * little to be worth its tables.
 */
static bool prepare_turns(tc_jpeg_reduced *reduced, uint32_t interval)
{
    uint64_t both = 2 * (uint64_t)interval;
    /* The second ends in that row at most behind the one in which the first begins. */
    uint64_t ahead = interval % reduced->mcus == 0 ? both / reduced->mcus - 1
                                                   : (reduced->mcus + both - 2) / reduced->mcus;

    if (interval < TURN_LEAST || both > reduced->total || reduced->total < TURNS_LEAST ||
        ahead * kept_size(reduced) > KEPT_MOST)
        return true;
    reduced->interval = interval;
    reduced->ahead = (uint32_t)ahead;
    reduced->kept = malloc(reduced->ahead * kept_size(reduced));
    return reduced->kept != NULL;
}

static bool prepare(tc_jpeg_reduced *reduced, const struct jpeg_decompress_struct *cinfo,
                    bool planes)
{
    unsigned across = TC_JPEG_MIN_BLOCK_H(cinfo) * most_across(cinfo);
    unsigned down = TC_JPEG_MIN_BLOCK_H(cinfo) * most_down(cinfo);

    reduced->components = (unsigned)cinfo->num_components;
    reduced->width = cinfo->output_width;
    reduced->mcus = (cinfo->output_width + across - 1) / across;
    for (unsigned at = 0; at < reduced->components; at++) {
        component *component = &reduced->component[at];

        if (!describe(reduced, component, cinfo->cur_comp_info[at], cinfo))
            return false;
        reduced->of_plane[component->plane] = component;
    }
    reduced->total = reduced->mcus * ((cinfo->output_height + down - 1) / down);
    return prepare_turns(reduced, cinfo->restart_interval) &&
           (planes || prepare_pixels(reduced, cinfo));
}

tc_jpeg_reduced *tc_jpeg_reduced_open(const struct jpeg_decompress_struct *cinfo, bool planes,
                                      tc_entropy_read *read, void *context)
{
    unsigned from = tc_jpeg_reduced_from(cinfo);
    tc_jpeg_reduced *reduced;

    if (from == 0 || TC_JPEG_MIN_BLOCK_H(cinfo) * from > DCTSIZE)
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
    free(reduced->kept);
    free(reduced);
}
