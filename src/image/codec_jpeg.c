/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG decoding through libjpeg-turbo. Rows come out as grey or RGB; CMYK and
 * YCCK, Adobe's inversion heeded, are turned into RGB row by row.
 *
 * cinfo, the error manager and every buffer live in one heap struct. Each entry
 * that can reach libjpeg sets its own setjmp and keeps no state in locals over it.
 */
#include "codec_jpeg.h"
#include "codec_jpeg_scans.h"
#include "orientation.h"

#include <stdlib.h>
#include <string.h>

#define BAND_ROWS 16

#define MARKER_EXIF (JPEG_APP0 + 1)
#define MARKER_ICC  (JPEG_APP0 + 2)

/* A scan's header: marker, length, a count, two bytes a component, three more. */
#define SCAN_HEADER(components) (8u + 2u * (unsigned)(components))

/* The size libjpeg gives to a component's blocks, under either of its interfaces. */
#if JPEG_LIB_VERSION >= 70
#define SCALED_SIZE(component) ((component)->DCT_h_scaled_size | (component)->DCT_v_scaled_size)
#else
#define SCALED_SIZE(component) ((component)->DCT_scaled_size)
#endif

/* An APP marker's length field counts itself. */
#define MARKER_MAX 65533

struct tc_decoder {
    struct jpeg_decompress_struct cinfo;
    tc_jpeg_errors errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const tc_input *input;
    const tc_watch *watch; /* NULL until decoding starts */
    uint64_t offset;
    bool ended; /* the data ran out and an end-of-image marker was made up */
    bool single_scan;
    tc_jpeg_scans scans; /* those that are skipped */
    uint8_t orientation;
    uint8_t *icc;
    size_t icc_length;
    unsigned icc_parts; /* parts taken so far; parts out of order end the profile */
    bool icc_broken;
    uint8_t *marker; /* scratch for one APP marker */
    uint8_t *cmyk;   /* one row before conversion */
    uint8_t *band;
    size_t stride;
    uint8_t io[TC_IO_BYTES];
};

static tc_error classify(int code, tc_error fallback)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return TC_E_NO_MEMORY;
    case JERR_IMAGE_TOO_BIG:
        return TC_E_PIXELS_TOO_MANY;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        return TC_E_UNSUPPORTED;
    default:
        return fallback;
    }
}

static void on_error(j_common_ptr cinfo)
{
    tc_jpeg_errors *errors = (tc_jpeg_errors *)cinfo->err;
    char text[JMSG_LENGTH_MAX];

    if (errors->fail->error == TC_E_OK) {
        errors->manager.format_message(cinfo, text);
        tc_fail_set(errors->fail, classify(errors->manager.msg_code, errors->fallback),
                    "JPEG: %s", text);
    }
    longjmp(errors->jump, 1);
}

/*
 * libjpeg goes on after corrupt data and paints grey; we stop. Warnings that
 * concern neither data nor order of scans (stray bytes between markers, odd
 * version numbers) are common in healthy files and pass.
 */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        on_error(cinfo);
    }
}

struct jpeg_error_mgr *tc_jpeg_errors_init(tc_jpeg_errors *errors, tc_fail *fail,
                                           tc_error fallback)
{
    jpeg_std_error(&errors->manager);
    errors->manager.error_exit = on_error;
    errors->manager.emit_message = on_message;
    errors->fail = fail;
    errors->fallback = fallback;
    return &errors->manager;
}

static void on_source(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/*
 * At the end of the data an end-of-image marker is made up: a file that lacks
 * just that is whole, and one that lacks more makes libjpeg warn.
 */
static boolean on_fill(j_decompress_ptr cinfo)
{
    static const JOCTET end[2] = {0xff, JPEG_EOI};
    tc_decoder *decoder = cinfo->client_data;
    size_t got = 0;
    size_t most = tc_jpeg_scans_step(&decoder->scans, &decoder->offset, sizeof decoder->io);
    tc_error error =
        decoder->input->read(decoder->input->context, decoder->offset, decoder->io, most, &got);

    if (error) {
        if (decoder->errors.fail->error == TC_E_OK)
            tc_fail_set(decoder->errors.fail, error, "reading failed");
        on_error((j_common_ptr)cinfo);
    }
    decoder->offset += got;
    decoder->ended = got == 0;
    cinfo->src->next_input_byte = got ? decoder->io : end;
    cinfo->src->bytes_in_buffer = got ? got : sizeof end;
    return TRUE;
}

/* Skipping past what is buffered moves the offset; nothing is read for it. */
static void on_skip(j_decompress_ptr cinfo, long count)
{
    tc_decoder *decoder = cinfo->client_data;
    struct jpeg_source_mgr *source = cinfo->src;

    if (count <= 0)
        return;
    if ((size_t)count > source->bytes_in_buffer) {
        if (!decoder->ended)
            decoder->offset += (uint64_t)count - source->bytes_in_buffer;
        source->bytes_in_buffer = 0;
        return;
    }
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static uint8_t next_byte(j_decompress_ptr cinfo)
{
    if (cinfo->src->bytes_in_buffer == 0)
        cinfo->src->fill_input_buffer(cinfo);
    cinfo->src->bytes_in_buffer--;
    return *cinfo->src->next_input_byte++;
}

/* Without memory for a profile or an orientation the answer would be another picture. */
static void no_memory(j_decompress_ptr cinfo)
{
    ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 0);
}

/* Read an APP marker's body into the scratch buffer; its length. */
static size_t read_marker(j_decompress_ptr cinfo)
{
    tc_decoder *decoder = cinfo->client_data;
    unsigned high = next_byte(cinfo), length = high << 8 | next_byte(cinfo);

    if (length < 2)
        ERREXIT(cinfo, JERR_BAD_LENGTH);
    length -= 2;
    if (!decoder->marker)
        decoder->marker = malloc(MARKER_MAX);
    if (!decoder->marker)
        no_memory(cinfo);
    for (unsigned at = 0; at < length; at++)
        decoder->marker[at] = next_byte(cinfo);
    return length;
}

/* APP1: the first EXIF block that names an orientation decides. */
static boolean on_exif(j_decompress_ptr cinfo)
{
    tc_decoder *decoder = cinfo->client_data;
    size_t length = read_marker(cinfo);

    if (length > 6 && memcmp(decoder->marker, "Exif\0", 6) == 0 && decoder->orientation == 1)
        decoder->orientation = tc_orientation_read(decoder->marker + 6, length - 6);
    return TRUE;
}

/* APP2: one part of an ICC profile: a name, part number, number of parts, bytes. */
static boolean on_icc(j_decompress_ptr cinfo)
{
    static const char name[12] = "ICC_PROFILE";
    tc_decoder *decoder = cinfo->client_data;
    size_t length = read_marker(cinfo), head = sizeof name + 2;
    uint8_t *grown;

    if (length <= head || memcmp(decoder->marker, name, sizeof name) != 0)
        return TRUE;
    length -= head;
    if (decoder->marker[sizeof name] != decoder->icc_parts + 1 ||
        decoder->icc_length + length > TC_ICC_MAX)
        decoder->icc_broken = true;
    if (decoder->icc_broken)
        return TRUE;
    grown = realloc(decoder->icc, decoder->icc_length + length);
    if (!grown)
        no_memory(cinfo);
    decoder->icc = grown;
    memcpy(grown + decoder->icc_length, decoder->marker + head, length);
    decoder->icc_length += length;
    decoder->icc_parts++;
    return TRUE;
}

static void on_progress(j_common_ptr common)
{
    j_decompress_ptr cinfo = (j_decompress_ptr)common;
    tc_decoder *decoder = cinfo->client_data;

    if (cinfo->input_scan_number > TC_JPEG_SCANS_MAX) {
        tc_fail_set(decoder->errors.fail, TC_E_DAMAGED, "JPEG: more than %d scans",
                    TC_JPEG_SCANS_MAX);
        on_error(common);
    }
    if (tc_watch_ask(decoder->watch, decoder->errors.fail))
        on_error(common);
}

static void jpeg_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    jpeg_destroy_decompress(&decoder->cinfo);
    free(decoder->marker);
    free(decoder->icc);
    free(decoder->cmyk);
    free(decoder->band);
    free(decoder);
}

static bool read_header(tc_decoder *decoder)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    if (setjmp(decoder->errors.jump))
        return false;
    jpeg_create_decompress(cinfo);
    cinfo->client_data = decoder;
    cinfo->src = &decoder->source;
    cinfo->progress = &decoder->progress;
    jpeg_set_marker_processor(cinfo, MARKER_EXIF, on_exif);
    jpeg_set_marker_processor(cinfo, MARKER_ICC, on_icc);
    jpeg_read_header(cinfo, TRUE);
    return true;
}

/* Whole-picture memory: the coefficients of a file with several scans. */
static uint64_t coefficient_bytes(j_decompress_ptr cinfo)
{
    uint64_t blocks = 0;

    if (!jpeg_has_multiple_scans(cinfo))
        return 0;
    for (int at = 0; at < cinfo->num_components; at++)
        blocks += (uint64_t)cinfo->comp_info[at].width_in_blocks *
                  cinfo->comp_info[at].height_in_blocks;
    return blocks * sizeof(JBLOCK);
}

/* Choose what rows are decoded to; false for a colour space that has no rule. */
static bool choose_model(j_decompress_ptr cinfo, tc_model *model)
{
    switch (cinfo->jpeg_color_space) {
    case JCS_GRAYSCALE:
        cinfo->out_color_space = JCS_GRAYSCALE;
        *model = TC_GREY;
        return true;
    case JCS_YCbCr:
    case JCS_RGB:
        cinfo->out_color_space = JCS_RGB;
        *model = TC_RGB;
        return true;
    case JCS_CMYK:
    case JCS_YCCK:
        cinfo->out_color_space = JCS_CMYK;
        *model = TC_RGB;
        return true;
    default:
        return false;
    }
}

/* The profile, when it is whole and describes the rows: not one for CMYK turned RGB. */
static bool profile_fits(const tc_decoder *decoder, tc_model model)
{
    return decoder->icc && !decoder->icc_broken && decoder->icc_length >= 128 &&
           memcmp(decoder->icc + 16, model == TC_GREY ? "GRAY" : "RGB ", 4) == 0;
}

static tc_error jpeg_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                 tc_fail *fail)
{
    tc_decoder *decoder = calloc(1, sizeof *decoder);
    j_decompress_ptr cinfo;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    cinfo = &decoder->cinfo;
    cinfo->err = tc_jpeg_errors_init(&decoder->errors, fail, TC_E_DAMAGED);
    decoder->input = input;
    decoder->orientation = 1;
    decoder->progress.progress_monitor = on_progress;
    decoder->source = (struct jpeg_source_mgr){.init_source = on_source,
                                               .fill_input_buffer = on_fill,
                                               .skip_input_data = on_skip,
                                               .resync_to_restart = jpeg_resync_to_restart,
                                               .term_source = on_source};
    if (!read_header(decoder))
        return fail->error;
    *info = (tc_image_info){.format = TC_FORMAT_JPEG,
                            .width = cinfo->image_width,
                            .height = cinfo->image_height,
                            .orientation = decoder->orientation,
                            .max_reduce = 8,
                            .eighth_is_cheap = cinfo->progressive_mode,
                            .held_bytes = coefficient_bytes(cinfo)};
    if (!choose_model(cinfo, &info->model))
        return tc_fail_set(fail, TC_E_UNSUPPORTED, "JPEG: %d components in an unknown space",
                           cinfo->num_components);
    if (profile_fits(decoder, info->model)) {
        info->icc = decoder->icc;
        info->icc_length = decoder->icc_length;
    }
    return TC_E_OK;
}

/*
 * Find what libjpeg need not see at this scale. It has read just past the first
 * scan's header, so what is buffered is dropped and read again up to the first
 * scan that is skipped.
 */
static void skip_scans(tc_decoder *decoder)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    tc_jpeg_frame frame = {.components = (unsigned)cinfo->num_components};
    uint64_t data = decoder->offset - cinfo->src->bytes_in_buffer;

    if (decoder->ended || cinfo->num_components > TC_JPEG_COMPONENTS)
        return;
    jpeg_calc_output_dimensions(cinfo);
    for (int at = 0; at < cinfo->num_components; at++) {
        frame.component[at].id = (uint8_t)cinfo->comp_info[at].component_id;
        frame.component[at].dc_only = SCALED_SIZE(&cinfo->comp_info[at]) == 1;
    }
    decoder->offset = data;
    cinfo->src->bytes_in_buffer = 0;
    tc_jpeg_scans_find(&decoder->scans, decoder->input,
                       data - SCAN_HEADER(cinfo->comps_in_scan), &frame, decoder->io);
}

static bool start_decoding(tc_decoder *decoder, unsigned reduce)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    if (setjmp(decoder->errors.jump))
        return false;
    cinfo->scale_num = 1;
    cinfo->scale_denom = reduce;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_block_smoothing = FALSE; /* would blur what a cut progressive file lacks */
    decoder->single_scan = !jpeg_has_multiple_scans(cinfo);
    if (reduce == DCTSIZE && cinfo->progressive_mode)
        skip_scans(decoder);
    jpeg_start_decompress(cinfo);
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

static tc_error jpeg_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                  tc_layout *layout)
{
    j_decompress_ptr cinfo = &decoder->cinfo;
    uint8_t channels = cinfo->out_color_space == JCS_GRAYSCALE ? 1 : 3;

    decoder->watch = want->watch;
    if (!start_decoding(decoder, want->reduce))
        return decoder->errors.fail->error;
    if (!scans_complete(decoder))
        return tc_fail_set(decoder->errors.fail, TC_E_DAMAGED,
                           "JPEG: the file ends before the picture does");
    decoder->stride = (size_t)cinfo->output_width * channels;
    decoder->band = malloc(decoder->stride * BAND_ROWS);
    if (cinfo->out_color_space == JCS_CMYK)
        decoder->cmyk = malloc((size_t)cinfo->output_width * 4);
    if (!decoder->band || (cinfo->out_color_space == JCS_CMYK && !decoder->cmyk))
        return tc_fail_set(decoder->errors.fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    *layout = (tc_layout){.model = channels == 1 ? TC_GREY : TC_RGB, .planes = 1};
    layout->plane[0].w = cinfo->output_width;
    layout->plane[0].h = cinfo->output_height;
    layout->plane[0].true_w = (double)cinfo->image_width / want->reduce;
    layout->plane[0].true_h = (double)cinfo->image_height / want->reduce;
    layout->plane[0].channels = channels;
    return TC_E_OK;
}

/*
 * CMYK without a profile: light that passes both the colour's ink and black.
 * Files with Adobe's marker store the light (inverted), others the ink.
 */
static void cmyk_to_rgb(uint8_t *to, const uint8_t *from, uint32_t pixels, bool inverted)
{
    uint8_t flip = inverted ? 0 : 255;

    for (; pixels > 0; pixels--, to += 3, from += 4) {
        unsigned black = from[3] ^ flip;
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)(((unsigned)(from[c] ^ flip) * black + 127) / 255);
    }
}

static bool read_band(tc_decoder *decoder, tc_band *band)
{
    j_decompress_ptr cinfo = &decoder->cinfo;

    if (setjmp(decoder->errors.jump))
        return false;
    while (band->plane[0].rows < BAND_ROWS && cinfo->output_scanline < cinfo->output_height) {
        uint8_t *to = decoder->band + decoder->stride * band->plane[0].rows;
        JSAMPROW row = decoder->cmyk ? decoder->cmyk : to;

        jpeg_read_scanlines(cinfo, &row, 1);
        if (decoder->cmyk)
            cmyk_to_rgb(to, row, cinfo->output_width, cinfo->saw_Adobe_marker);
        band->plane[0].rows++;
    }
    return true;
}

static tc_error jpeg_decode_rows(tc_decoder *decoder, tc_band *band)
{
    band->plane[0].data = decoder->band;
    band->plane[0].stride = decoder->stride;
    band->plane[0].rows = 0;
    return read_band(decoder, band) ? TC_E_OK : decoder->errors.fail->error;
}

#define TEXT(x)  TEXT_(x)
#define TEXT_(x) #x

static void jpeg_library(char *text, size_t size)
{
    snprintf(text, size, "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION));
}

const tc_codec tc_codec_jpeg = {
    .format = TC_FORMAT_JPEG,
    .name = "jpeg",
    .mime = "image/jpeg",
    .stores_alpha = false,
    .library = jpeg_library,
    .decode_open = jpeg_decode_open,
    .decode_start = jpeg_decode_start,
    .decode_rows = jpeg_decode_rows,
    .decode_free = jpeg_decode_free,
    .encode_open = tc_jpeg_encode_open,
    .encode_rows = tc_jpeg_encode_rows,
    .encode_finish = tc_jpeg_encode_finish,
    .encode_free = tc_jpeg_encode_free,
};
