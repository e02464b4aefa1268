/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG decoding: rows of grey or RGB, or the planes as they are stored. CMYK and
 * YCCK are turned into RGB row by row.
 */
#include "base/buffer.h"
#include "jpeg.h"

#include <stdlib.h>
#include <string.h>

#define STRIP_ROWS 16

/* A scan's header: marker, length, a count, two bytes a component, three more. */
#define SCAN_HEADER(components) (8u + 2u * (unsigned)(components))

tc_jpeg_blocks *tc_jpeg_blocks_of(j_common_ptr cinfo)
{
    tc_decoder *decoder = cinfo->client_data;

    return &decoder->blocks;
}

/*
 * Find what libjpeg need not see at this scale. It has read just past the first
 * scan's header, so what is buffered is dropped and read again up to the first
 * scan that is skipped.
 */
static void skip_scans(tc_decoder *decoder)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    uint64_t data = decoder->offset - cinfo->src->bytes_in_buffer;

    if (decoder->ended || cinfo->num_components > TC_JPEG_COMPONENTS)
        return;
    jpeg_calc_output_dimensions(cinfo);
    for (int at = 0; at < cinfo->num_components; at++) {
        decoder->frame.component[at].id = (uint8_t)cinfo->comp_info[at].component_id;
        decoder->frame.component[at].dc_only = TC_JPEG_BLOCK_W(&cinfo->comp_info[at]) == 1 &&
                                               TC_JPEG_BLOCK_H(&cinfo->comp_info[at]) == 1;
    }
    decoder->offset = data;
    cinfo->src->bytes_in_buffer = 0;
    if (!tc_jpeg_scans_find(&decoder->scans, decoder->input,
                            data - SCAN_HEADER(cinfo->comps_in_scan), &decoder->frame,
                            decoder->io)) {
        for (int at = 0; at < cinfo->num_components; at++)
            decoder->frame.component[at].dc_only = false;
    }
}

/*
 * Samples more on every side of what is used: at an edge that is none of the
 * picture's, smooth upsampling of chroma lacks its neighbours.
 */
#define MARGIN 4

/*
 * Progressive files are in memory whole before the first row comes, and in their
 * jpeg_skip_scanlines as well as in cropping unusual samplings libjpeg-turbo has had
 * faults.
 */
bool tc_jpeg_crops(j_decompress_ptr cinfo)
{
    for (int at = 0; at < cinfo->num_components; at++) {
        if (cinfo->comp_info[at].h_samp_factor > 2 || cinfo->comp_info[at].v_samp_factor > 2)
            return false;
    }
    return !jpeg_has_multiple_scans(cinfo);
}

/* The columns that are used, and a margin: how many, and the first. */
static JDIMENSION used_columns(const tc_decoder *decoder, const tc_decode_want *want,
                               JDIMENSION *x)
{
    const tc_rect *source = &want->source;
    JDIMENSION width = decoder->cinfo.output_width;
    JDIMENSION end = (source->x + source->w - 1) / want->reduce + 1;

    *x = source->x / want->reduce;
    *x = *x > MARGIN ? *x - MARGIN : 0;
    end = end + MARGIN < width ? end + MARGIN : width;
    return end - *x;
}

/* Leave out the columns that are not used, in whole MCUs. */
static void crop_columns(tc_decoder *decoder, const tc_decode_want *want)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    JDIMENSION x, width = used_columns(decoder, want, &x);

    if (width < cinfo->output_width)
        jpeg_crop_scanline(cinfo, &x, &width);
    decoder->x = x;
}

/* Whether the picture's first row is used, and most of its columns. */
static bool crops_nothing(const tc_decoder *decoder, const tc_decode_want *want)
{
    JDIMENSION x;

    return want->source.y < want->reduce &&
           used_columns(decoder, want, &x) == decoder->cinfo.output_width;
}

/*
 * Bytes behind the scan's header: first those that libjpeg's source has, which it keeps, for it
 * may be needed again.
 */
static bool read_data(void *context, uint8_t *to, size_t length, size_t *got)
{
    tc_decoder *decoder = context;
    const tc_input *input = decoder->input;
    const struct jpeg_source_mgr *source = &decoder->source;

    if (decoder->reduced.at < decoder->offset) {
        size_t left = (size_t)(decoder->offset - decoder->reduced.at);

        *got = left < length ? left : length;
        memcpy(to, source->next_input_byte + source->bytes_in_buffer - left, *got);
        decoder->reduced.at += *got;
        return true;
    }
    if (input->read(input->context, decoder->reduced.at, to, length, got))
        return false;
    decoder->reduced.at += *got;
    return true;
}

/* Decode without libjpeg where that is possible; it has read just past the scan's header. */
static void start_reduced(tc_decoder *decoder, const tc_decode_want *want)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    if (want->library || decoder->ended)
        return;
    jpeg_calc_output_dimensions(cinfo);
    if (!want->planes && !crops_nothing(decoder, want))
        return;
    decoder->reduced.at = decoder->offset - cinfo->src->bytes_in_buffer;
    decoder->reduced.by = tc_jpeg_reduced_open(cinfo, want->planes, read_data, decoder);
}

static bool start_decoding(tc_decoder *decoder, const tc_decode_want *want)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    if (setjmp(decoder->errors.jump))
        return false;
    cinfo->scale_num = 1;
    cinfo->scale_denom = want->reduce;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_block_smoothing = FALSE; /* would blur what a cut progressive file lacks */
    if (want->planes) {
        cinfo->out_color_space = JCS_YCbCr;
        cinfo->raw_data_out = TRUE;
    }
    decoder->single_scan = !jpeg_has_multiple_scans(cinfo);
    decoder->frame.components = (unsigned)cinfo->num_components;
    if (want->reduce == DCTSIZE && cinfo->progressive_mode)
        skip_scans(decoder);
    if (!decoder->single_scan && decoder->frame.components <= TC_JPEG_COMPONENTS)
        tc_jpeg_blocks_put_in(&decoder->blocks, cinfo, &decoder->frame);
    start_reduced(decoder, want);
    if (!decoder->reduced.by)
        jpeg_start_decompress(cinfo);
    decoder->end = cinfo->output_height;
    if (!want->planes && tc_jpeg_crops(cinfo)) {
        crop_columns(decoder, want);
        decoder->y = want->source.y / want->reduce;
        decoder->end = (want->source.y + want->source.h - 1) / want->reduce + 1;
    }
    return true;
}

/*
 * Leave out the rows before the first that is used: whole rows of MCUs without
 * their pixels, but for what the first ones' upsampling looks back to.
 */
static bool skip_rows(tc_decoder *decoder)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    unsigned mcu = (unsigned)cinfo->max_v_samp_factor * TC_JPEG_MIN_BLOCK_H(cinfo);

    if (setjmp(decoder->errors.jump))
        return false;
    if (decoder->y / mcu > 1)
        jpeg_skip_scanlines(cinfo, (decoder->y / mcu - 1) * mcu);
    while (cinfo->output_scanline < decoder->y)
        jpeg_read_scanlines(cinfo, decoder->cmyk ? &decoder->cmyk : decoder->plane[0].row, 1);
    return true;
}

/*
 * Whether a file that ended without its end marker lacks anything. Files of one
 * scan tell while their rows are decoded, progressive ones keep a record of the
 * bits still missing, sequential ones of several scans cannot tell.
 */
static bool scans_complete(const tc_decoder *decoder)
{
    const struct jpeg_decompress_struct *cinfo = &decoder->cinfo;

    if (!decoder->ended || decoder->single_scan)
        return true;
    if (!cinfo->coef_bits)
        return false;
    for (int component = 0; component < cinfo->num_components; component++) {
        for (int at = 0; at < DCTSIZE2; at++) {
            if (cinfo->coef_bits[component][at] != 0)
                return false;
        }
    }
    return true;
}

#define ENDS_EARLY "JPEG: the file ends before the picture does"

/* Whether a scan of each component's DC has at least begun; only progressive files tell. */
static bool has_all_dc(const struct jpeg_decompress_struct *cinfo)
{
    for (int at = 0; at < cinfo->num_components; at++) {
        if (!cinfo->coef_bits || cinfo->coef_bits[at][0] < 0)
            return false;
    }
    return true;
}

bool tc_jpeg_tolerates(j_decompress_ptr cinfo)
{
    bool half = cinfo->input_iMCU_row >= (cinfo->total_iMCU_rows + 1) / 2;
    bool first = cinfo->Ss == 0 && cinfo->Ah == 0; /* of progressive: a scan of DC */

    if (!jpeg_has_multiple_scans(cinfo))
        return half;
    return has_all_dc(cinfo) && (half || !first);
}

/* Rows of pixels, all samples of one next to each other. */
static void shape_pixels(tc_decoder *decoder, unsigned reduce, tc_layout *layout)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    tc_model model = decoder->cmyk_rows                        ? TC_CMYK
                     : cinfo->out_color_space == JCS_GRAYSCALE ? TC_GREY
                                                               : TC_RGB;
    uint8_t channels = tc_model_channels(model);

    *layout = (tc_layout){.model = model, .planes = 1};
    layout->plane[0].x = decoder->x;
    layout->plane[0].y = decoder->y;
    layout->plane[0].w = cinfo->output_width;
    layout->plane[0].h = decoder->end - decoder->y;
    layout->plane[0].true_w = (double)cinfo->image_width / reduce;
    layout->plane[0].true_h = (double)cinfo->image_height / reduce;
    layout->plane[0].channels = channels;
    decoder->plane[0].stride = (size_t)cinfo->output_width * channels;
    decoder->plane[0].rows = STRIP_ROWS;
}

/*
 * The planes, each at its own resolution: libjpeg reduces one of fewer samples
 * less, as long as that leaves it not finer than the finest.
 */
static void shape_planes(tc_decoder *decoder, tc_layout *layout)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    *layout = (tc_layout){.model = TC_YCC, .planes = TC_PLANES};
    for (int at = 0; at < TC_PLANES; at++) {
        const jpeg_component_info *component = &cinfo->comp_info[at];
        unsigned w = TC_JPEG_BLOCK_W(component), h = TC_JPEG_BLOCK_H(component);
        unsigned h_samp = (unsigned)component->h_samp_factor;
        unsigned v_samp = (unsigned)component->v_samp_factor;
        size_t blocks = component->width_in_blocks;

        layout->plane[at].w = component->downsampled_width;
        layout->plane[at].h = component->downsampled_height;
        layout->plane[at].true_w =
            (double)cinfo->image_width * (h_samp * w) / (cinfo->max_h_samp_factor * DCTSIZE);
        layout->plane[at].true_h =
            (double)cinfo->image_height * (v_samp * h) / (cinfo->max_v_samp_factor * DCTSIZE);
        layout->plane[at].channels = 1;
        layout->plane[at].strip_rows = v_samp * h;
        /* libjpeg may write whole MCUs. */
        decoder->plane[at].stride = (blocks + h_samp - 1) / h_samp * h_samp * w;
        decoder->plane[at].rows = v_samp * h;
    }
}

/* Whether rows of CMYK become RGB here. */
static bool converts_cmyk(const tc_decoder *decoder)
{
    return decoder->cinfo.out_color_space == JCS_CMYK && !decoder->cmyk_rows;
}

/* One buffer for the rows of all planes. */
static tc_error make_strip(tc_decoder *decoder, const tc_layout *layout)
{
    size_t bytes = 0;
    uint8_t *to;

    for (unsigned at = 0; at < layout->planes; at++)
        bytes += decoder->plane[at].stride * decoder->plane[at].rows;
    to = decoder->strip = tc_buffer_alloc(bytes);
    if (converts_cmyk(decoder))
        decoder->cmyk = tc_buffer_alloc((size_t)decoder->cinfo.output_width * 4);
    if (!to || (converts_cmyk(decoder) && !decoder->cmyk))
        return tc_fail_set(decoder->errors.fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    for (unsigned at = 0; at < layout->planes; at++) {
        decoder->plane[at].left = layout->plane[at].h;
        for (uint32_t y = 0; y < decoder->plane[at].rows; y++, to += decoder->plane[at].stride)
            decoder->plane[at].row[y] = to;
    }
    return TC_E_OK;
}

tc_error tc_jpeg_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                              tc_layout *layout)
{
    decoder->cancel = want->cancel;
    decoder->cmyk_rows = want->cmyk;
    decoder->errors.damage = want->damage;
    if (!start_decoding(decoder, want))
        return decoder->errors.fail->error;
    if (!scans_complete(decoder)) {
        if (!want->damage || !has_all_dc(&decoder->cinfo))
            return tc_fail_set(decoder->errors.fail, TC_E_DAMAGED, ENDS_EARLY);
        if (want->damage->error == TC_E_OK)
            tc_fail_set(want->damage, TC_E_DAMAGED, ENDS_EARLY);
    }
    if (want->planes)
        shape_planes(decoder, layout);
    else
        shape_pixels(decoder, want->reduce, layout);
    if (make_strip(decoder, layout) || (decoder->y > 0 && !skip_rows(decoder)))
        return decoder->errors.fail->error;
    return TC_E_OK;
}

/*
 * CMYK without a profile: light that passes both the colour's ink and black. Files store the
 * light, as Adobe's do: those without Adobe's marker as well are taken so by browsers, libvips
 * and ImageMagick.
 */
static void cmyk_to_rgb(uint8_t *to, const uint8_t *from, uint32_t pixels)
{
    for (; pixels > 0; pixels--, to += 3, from += 4) {
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((unsigned)from[c] * from[3] + 127) / 255);
    }
}

/* Light to the amount of ink. */
static void invert(JSAMPROW *row, uint32_t rows, size_t length)
{
    for (uint32_t y = 0; y < rows; y++) {
        for (size_t at = 0; at < length; at++)
            row[y][at] = (JSAMPLE)~row[y][at];
    }
}

static void read_pixels(tc_decoder *decoder, uint32_t rows)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    JSAMPROW *row = decoder->plane[0].row;
    uint32_t done = 0;

    while (!decoder->cmyk && done < rows)
        done += jpeg_read_scanlines(cinfo, row + done, rows - done);
    if (decoder->cmyk_rows)
        invert(row, rows, decoder->plane[0].stride);
    for (; done < rows; done++) {
        jpeg_read_scanlines(cinfo, &decoder->cmyk, 1);
        cmyk_to_rgb(row[done], decoder->cmyk, cinfo->output_width);
    }
}

/* One row of MCUs, of which libjpeg fills whole blocks. */
static void read_planes(tc_decoder *decoder)
{
    JSAMPARRAY planes[TC_PLANES] = {decoder->plane[0].row, decoder->plane[1].row,
                                    decoder->plane[2].row};

    jpeg_read_raw_data(&decoder->cinfo, planes, TC_JPEG_ROWS_MAX);
}

static void read_rows(tc_decoder *decoder, uint32_t rows)
{
    if (decoder->cinfo.raw_data_out)
        read_planes(decoder);
    else
        read_pixels(decoder, rows);
}

/* False where the file is not sound. */
static bool read_reduced(tc_decoder *decoder, uint32_t rows)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    const JSAMPARRAY planes[TC_PLANES] = {decoder->plane[0].row, decoder->plane[1].row,
                                          decoder->plane[2].row};

    cinfo->progress->progress_monitor((j_common_ptr)cinfo);
    if (cinfo->raw_data_out)
        return tc_jpeg_reduced_planes(decoder->reduced.by, planes);
    for (uint32_t y = 0; y < rows; y++) {
        if (!tc_jpeg_reduced_pixels(decoder->reduced.by, decoder->plane[0].row[y]))
            return false;
    }
    return true;
}

/*
 * A file that is not sound is libjpeg's from its first row on: what was delivered it decodes
 * to the same once more, then it says what the damage is. Its source is as it was behind the
 * header; what libjpeg takes for damage depends on how much it has in its buffer.
 */
static void begin_again(tc_decoder *decoder)
{
    tc_jpeg_reduced_free(decoder->reduced.by);
    decoder->reduced.by = NULL;
    jpeg_start_decompress(&decoder->cinfo);
    for (uint32_t strip = 0; strip < decoder->reduced.strips; strip++)
        read_rows(decoder, decoder->plane[0].rows);
}

tc_error tc_jpeg_decode_rows(tc_decoder *decoder, tc_strip *strip)
{
    if (setjmp(decoder->errors.jump))
        return decoder->errors.fail->error;
    for (int at = 0; at < TC_PLANES; at++) {
        uint32_t room = decoder->plane[at].rows, left = decoder->plane[at].left;

        strip->plane[at].data = decoder->plane[at].row[0];
        strip->plane[at].stride = decoder->plane[at].stride;
        strip->plane[at].rows = room < left ? room : left;
        decoder->plane[at].left -= strip->plane[at].rows;
    }
    if (decoder->reduced.by && !read_reduced(decoder, strip->plane[0].rows))
        begin_again(decoder);
    if (!decoder->reduced.by)
        read_rows(decoder, strip->plane[0].rows);
    decoder->reduced.strips++;
    return TC_E_OK;
}
