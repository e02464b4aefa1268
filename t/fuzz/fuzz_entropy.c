/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baseline JPEGs by our own decoder of their Huffman codes: a file that it decodes to the end
 * has the coefficients that libjpeg finds in it, without a complaint of libjpeg's, whatever
 * pieces it is read in; and what a codec delivers is the same with and without it. The first
 * two bytes say how.
 */
#include "fuzz.h"
#include "../unit/pieces.h"

#include "image/codec/jpeg_samples.h"
#include "image/entropy/entropy.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* ---- coefficients ------------------------------------------------------------------- */

typedef struct library {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    jmp_buf jump;
    bool complained;                  /* of the scan's data */
    tc_entropy *ours, *again, *turns; /* of the same data */
} library;

static void on_error(j_common_ptr cinfo)
{
    longjmp(((library *)cinfo->client_data)->jump, 1);
}

static void on_message(j_common_ptr cinfo, int level)
{
    int code = cinfo->err->msg_code;

    if (level < 0 &&
        (code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        ((library *)cinfo->client_data)->complained = true;
}

static void start(library *library, const uint8_t *data, size_t size)
{
    struct jpeg_decompress_struct *cinfo = &library->cinfo;

    cinfo->err = jpeg_std_error(&library->errors);
    library->errors.error_exit = on_error;
    library->errors.emit_message = on_message;
    cinfo->client_data = library;
    jpeg_create_decompress(cinfo);
    jpeg_mem_src(cinfo, data, size);
    jpeg_read_header(cinfo, TRUE);
}

/* One scan of all components of a file that is neither progressive nor too large for this. */
static bool is_of_a_kind(const struct jpeg_decompress_struct *cinfo)
{
    return !cinfo->progressive_mode && !cinfo->arith_code && cinfo->data_precision == 8 &&
           cinfo->comps_in_scan == cinfo->num_components &&
           cinfo->num_components <= TC_ENTROPY_COMPONENTS && cinfo->Ss == 0 &&
           cinfo->Se == DCTSIZE2 - 1 && cinfo->Ah == 0 && cinfo->Al == 0 &&
           (uint64_t)cinfo->image_width * cinfo->image_height <= FUZZ_PIXELS;
}

static const tc_huffman *copy_table(tc_huffman *to, const JHUFF_TBL *from)
{
    if (!from)
        return NULL;
    memcpy(to->counts, from->bits, sizeof to->counts);
    memcpy(to->symbols, from->huffval, sizeof to->symbols);
    return to;
}

/* `dc_only`: a bit for each component. */
static tc_entropy *open_scan(const struct jpeg_decompress_struct *cinfo, unsigned dc_only,
                             bool turns, pieces *pieces)
{
    tc_huffman dc[TC_ENTROPY_TABLES], ac[TC_ENTROPY_TABLES];
    tc_entropy_scan scan = {.components = (unsigned)cinfo->comps_in_scan,
                            .interval = cinfo->restart_interval,
                            .turns = turns,
                            .read = read_piece,
                            .context = pieces};

    for (int at = 0; at < cinfo->comps_in_scan; at++) {
        const jpeg_component_info *info = cinfo->cur_comp_info[at];

        scan.component[at].blocks = cinfo->comps_in_scan == 1
                                        ? 1
                                        : (unsigned)(info->h_samp_factor * info->v_samp_factor);
        scan.component[at].dc = (unsigned)info->dc_tbl_no;
        scan.component[at].ac = (unsigned)info->ac_tbl_no;
        scan.component[at].dc_only = dc_only >> at & 1;
    }
    for (int at = 0; at < TC_ENTROPY_TABLES; at++) {
        scan.dc[at] = copy_table(&dc[at], cinfo->dc_huff_tbl_ptrs[at]);
        scan.ac[at] = copy_table(&ac[at], cinfo->ac_huff_tbl_ptrs[at]);
    }
    return tc_entropy_open(&scan);
}

/* A block as libjpeg has it. */
static const JCOEF *block_of(library *library, jvirt_barray_ptr *arrays, int component,
                             JDIMENSION x, JDIMENSION y)
{
    j_common_ptr common = (j_common_ptr)&library->cinfo;
    JBLOCKARRAY rows = library->cinfo.mem->access_virt_barray(
        common, arrays[library->cinfo.cur_comp_info[component]->component_index], y, 1, FALSE);

    return rows[0][x];
}

static void compare(const tc_entropy_block *block, const JCOEF *expected, bool dc_only)
{
    must(block->coefficient[0] == expected[0]);
    for (unsigned at = 1; !dc_only && at < DCTSIZE2; at++)
        must((at <= block->last || block->coefficient[at] == 0) &&
             block->coefficient[at] == expected[tc_jpeg_places[at]]);
}

/* The scan's shape, of libjpeg: MCUs and the blocks of each component in them. */
typedef struct shape {
    JDIMENSION across, down;
    JDIMENSION wide[TC_ENTROPY_COMPONENTS], high[TC_ENTROPY_COMPONENTS];
    int components;
} shape;

static shape shape_of(const struct jpeg_decompress_struct *cinfo)
{
    JDIMENSION wide = (JDIMENSION)cinfo->max_h_samp_factor * DCTSIZE;
    JDIMENSION high = (JDIMENSION)cinfo->max_v_samp_factor * DCTSIZE;
    shape shape = {.across = (cinfo->image_width + wide - 1) / wide,
                   .down = (cinfo->image_height + high - 1) / high,
                   .components = cinfo->comps_in_scan};

    for (int at = 0; at < shape.components; at++) {
        shape.wide[at] = (JDIMENSION)cinfo->cur_comp_info[at]->h_samp_factor;
        shape.high[at] = (JDIMENSION)cinfo->cur_comp_info[at]->v_samp_factor;
    }
    if (shape.components == 1) {
        shape.across = cinfo->cur_comp_info[0]->width_in_blocks;
        shape.down = cinfo->cur_comp_info[0]->height_in_blocks;
        shape.wide[0] = shape.high[0] = 1;
    }
    return shape;
}

/* Each block of the MCU at `block`. */
static void compare_mcu(const tc_entropy_block *block, const shape *shape, JDIMENSION mcu,
                        unsigned dc_only, library *library, jvirt_barray_ptr *arrays)
{
    for (int at = 0; at < shape->components; at++) {
        for (JDIMENSION n = 0; n < shape->wide[at] * shape->high[at]; n++, block++) {
            JDIMENSION x = mcu % shape->across * shape->wide[at] + n % shape->wide[at];
            JDIMENSION y = mcu / shape->across * shape->high[at] + n / shape->wide[at];

            compare(block, block_of(library, arrays, at, x, y), dc_only >> at & 1);
        }
    }
}

static unsigned mcu_blocks(const shape *shape)
{
    JDIMENSION blocks = 0;

    for (int at = 0; at < shape->components; at++)
        blocks += shape->wide[at] * shape->high[at];
    return blocks;
}

/* `count` MCUs from `mcu` on; without libjpeg's there is nothing to compare. */
static void compare_mcus(const tc_entropy_block *block, unsigned count, const shape *shape,
                         JDIMENSION mcu, unsigned dc_only, library *library,
                         jvirt_barray_ptr *arrays)
{
    for (unsigned n = 0; arrays && n < count; n++)
        compare_mcu(block + n * mcu_blocks(shape), shape, mcu + n, dc_only, library, arrays);
}

/* Every block of the scan; without libjpeg's just whether all of them come. */
static bool walk(tc_entropy *entropy, const shape *shape, unsigned dc_only, library *library,
                 jvirt_barray_ptr *arrays)
{
    JDIMENSION mcus = shape->across * shape->down;

    for (JDIMENSION mcu = 0; mcu < mcus; mcu += TC_ENTROPY_MCUS) {
        unsigned count = mcus - mcu < TC_ENTROPY_MCUS ? mcus - mcu : TC_ENTROPY_MCUS;
        const tc_entropy_block *block = tc_entropy_mcus(entropy, count);

        if (!block)
            return false;
        compare_mcus(block, count, shape, mcu, dc_only, library, arrays);
    }
    return true;
}

/* Two intervals from `mcu` on. */
static bool walk_both(tc_entropy *entropy, const shape *shape, JDIMENSION mcu,
                      JDIMENSION interval, unsigned dc_only, library *library,
                      jvirt_barray_ptr *arrays)
{
    JDIMENSION first[2] = {mcu, mcu + interval}, end[2] = {mcu + interval, mcu + 2 * interval};
    const tc_entropy_block *blocks[2];
    unsigned count[2];

    if (end[1] > shape->across * shape->down)
        end[1] = shape->across * shape->down;
    while (first[0] < end[0]) {
        for (unsigned at = 0; at < 2; at++) {
            count[at] = end[at] - first[at];
            count[at] = count[at] < TC_ENTROPY_BOTH ? count[at] : TC_ENTROPY_BOTH;
        }
        if (!tc_entropy_both(entropy, count, blocks))
            return false;
        for (unsigned at = 0; at < 2; at++) {
            compare_mcus(blocks[at], count[at], shape, first[at], dc_only, library, arrays);
            first[at] += count[at];
        }
    }
    return true;
}

/* The same as walk, of intervals in turns where there are two. */
static bool walk_turns(tc_entropy *entropy, const shape *shape, JDIMENSION interval,
                       unsigned dc_only, library *library, jvirt_barray_ptr *arrays)
{
    JDIMENSION mcus = shape->across * shape->down;

    for (JDIMENSION mcu = 0; mcu < mcus;) {
        const tc_entropy_block *block;

        if (interval > 0 && mcu % interval == 0 && mcus - mcu > interval &&
            tc_entropy_has_both(entropy)) {
            if (!walk_both(entropy, shape, mcu, interval, dc_only, library, arrays))
                return false;
            mcu += 2 * interval;
            continue;
        }
        block = tc_entropy_mcus(entropy, 1);
        if (!block)
            return false;
        compare_mcus(block, 1, shape, mcu++, dc_only, library, arrays);
    }
    return true;
}

static void coefficients(library *library, const uint8_t *data, size_t size, const uint8_t *how)
{
    struct jpeg_decompress_struct *cinfo = &library->cinfo;
    jvirt_barray_ptr *arrays;
    unsigned dc_only = how[0] >> 4;
    pieces from, again, in_turns, once_more;
    JDIMENSION interval;
    bool good;
    shape shape;

    if (setjmp(library->jump))
        return;
    start(library, data, size);
    if (!is_of_a_kind(cinfo))
        return;
    shape = shape_of(cinfo);
    from = (pieces){cinfo->src->next_input_byte, cinfo->src->bytes_in_buffer,
                    how[1] ? how[1] : SIZE_MAX};
    again = from;
    in_turns = once_more = from;
    library->ours = open_scan(cinfo, dc_only, false, &from);
    library->again = open_scan(cinfo, dc_only, false, &again);
    library->turns = open_scan(cinfo, dc_only, true, &in_turns);
    must(!library->ours == !library->turns);
    if (!library->ours || !library->again)
        return;
    interval = cinfo->restart_interval;
    good = walk(library->ours, &shape, dc_only, library, NULL);
    must(walk_turns(library->turns, &shape, interval, dc_only, library, NULL) == good);
    if (!good)
        return;
    tc_entropy_free(library->turns);
    library->turns = open_scan(cinfo, dc_only, true, &once_more);
    must(library->turns != NULL);
    /* Behind the scan there may be other tables, and an error that ends this. */
    arrays = jpeg_read_coefficients(cinfo);
    must(!library->complained);
    must(walk(library->again, &shape, dc_only, library, arrays));
    must(walk_turns(library->turns, &shape, interval, dc_only, library, arrays));
}

/* ---- samples ------------------------------------------------------------------------ */

typedef struct outcome {
    fuzz_sink rows;
    tc_error error;
    tc_fail fail, damage;
} outcome;

static void keep_rows(outcome *outcome, const tc_layout *layout, const tc_strip *strip)
{
    tc_output output = fuzz_output(&outcome->rows);

    for (unsigned p = 0; p < layout->planes; p++) {
        size_t width = (size_t)layout->plane[p].w * layout->plane[p].channels;

        for (uint32_t y = 0; y < strip->plane[p].rows; y++)
            output.write(output.context, strip->plane[p].data + strip->plane[p].stride * y,
                         width);
    }
}

static outcome decode(fuzz_file *file, const uint8_t *how, bool library)
{
    tc_input input = fuzz_input(file);
    outcome outcome = {.error = TC_E_OK};
    tc_decoder *decoder = NULL;
    tc_image_info info = {0};
    tc_layout layout = {0};
    uint32_t rows = 0;

    outcome.error = tc_codec_jpeg.decode_open(&decoder, &input, &info, &outcome.fail);
    if (!outcome.error &&
        ((uint64_t)info.width * info.height > FUZZ_PIXELS || info.held_bytes > FUZZ_HELD))
        outcome.error = tc_fail_set(&outcome.fail, TC_E_PIXELS_TOO_MANY, "too many");
    if (!outcome.error) {
        tc_decode_want want = {.reduce = 8u >> (how[0] & 1) >> (how[1] >> 6 & 2),
                               .planes = info.planes && how[0] & 2,
                               .library = library,
                               .source = {0, 0, info.width, info.height},
                               .damage = how[0] & 4 ? &outcome.damage : NULL};

        outcome.error = tc_codec_jpeg.decode_start(decoder, &want, &layout);
    }
    while (!outcome.error && rows < layout.plane[0].h) {
        tc_strip strip = {0};

        outcome.error = tc_codec_jpeg.decode_rows(decoder, &strip);
        if (!outcome.error)
            keep_rows(&outcome, &layout, &strip);
        rows += strip.plane[0].rows;
    }
    tc_codec_jpeg.decode_free(decoder);
    return outcome;
}

static void samples(const uint8_t *data, size_t size, const uint8_t *how)
{
    fuzz_file file = {.data = data, .size = size, .fail_at = how[0] & 8 ? how[1] * 16u : 0};
    outcome own = decode(&file, how, false), library = decode(&file, how, true);

    must(own.error == library.error && strcmp(own.fail.text, library.fail.text) == 0);
    must(own.damage.error == library.damage.error &&
         strcmp(own.damage.text, library.damage.text) == 0);
    must(own.rows.size == library.rows.size);
    must(own.rows.size == 0 || memcmp(own.rows.data, library.rows.data, own.rows.size) == 0);
    fuzz_sink_free(&own.rows);
    fuzz_sink_free(&library.rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    library *library = calloc(1, sizeof *library);

    must(library != NULL);
    if (size > 4) {
        coefficients(library, data + 2, size - 2, data);
        tc_entropy_free(library->ours);
        tc_entropy_free(library->again);
        tc_entropy_free(library->turns);
        jpeg_destroy_decompress(&library->cinfo);
        samples(data + 2, size - 2, data);
    }
    free(library);
    fuzz_must_have_freed();
    return 0;
}
