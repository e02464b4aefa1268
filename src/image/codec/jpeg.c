/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG through libjpeg-turbo: what a file is, its bytes, its header and markers.
 *
 * cinfo, the error manager and every buffer live in one heap struct. Each entry
 * that can reach libjpeg sets its own setjmp and keeps no state in locals over it.
 */
#include "base/buffer.h"
#include "jpeg.h"
#include "image/exif/orientation.h"

#include <stdlib.h>
#include <string.h>

#define MARKER_EXIF (JPEG_APP0 + 1)
#define MARKER_ICC  (JPEG_APP0 + 2)

/* An APP marker's length field counts itself. */
#define MARKER_MAX 65533

/* Markers of a file: a few hundred where it holds megabytes of XMP or of profiles. */
#define MARKERS_MAX 10000

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

__attribute__((noreturn)) static void on_error(j_common_ptr cinfo)
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

/* Where damage may be, and is little enough, note the first and go on. */
static bool tolerate(j_common_ptr cinfo)
{
    tc_jpeg_errors *errors = (tc_jpeg_errors *)cinfo->err;
    char text[JMSG_LENGTH_MAX];

    if (!errors->damage || !tc_jpeg_tolerates((j_decompress_ptr)cinfo))
        return false;
    if (errors->damage->error == TC_E_OK) {
        errors->manager.format_message(cinfo, text);
        tc_fail_set(errors->damage, TC_E_DAMAGED, "JPEG: %s", text);
    }
    return true;
}

/* Count a marker, which libjpeg reports at its first level of tracing. */
static void count_marker(j_common_ptr cinfo)
{
    tc_jpeg_errors *errors = (tc_jpeg_errors *)cinfo->err;

    if (++errors->markers <= MARKERS_MAX)
        return;
    if (errors->fail->error == TC_E_OK)
        tc_fail_set(errors->fail, errors->fallback, "JPEG: more than %d markers", MARKERS_MAX);
    on_error(cinfo);
}

/*
 * libjpeg goes on after corrupt data and paints grey; we stop, unless that was asked for.
 * Warnings that concern neither data nor order of scans (stray bytes between markers, odd
 * version numbers) are common in healthy files and pass.
 */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level == 1)
        count_marker(cinfo);
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        if (!tolerate(cinfo))
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
    errors->markers = 0;
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
    size_t most = tc_jpeg_scans_step(&decoder->scans, &decoder->offset, TC_IO_BYTES);
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

/* Copy the next bytes of the file, which may lie on both sides of a piece's end. */
static void read_bytes(j_decompress_ptr cinfo, uint8_t *to, size_t length)
{
    struct jpeg_source_mgr *source = cinfo->src;

    while (length > 0) {
        size_t part;

        if (source->bytes_in_buffer == 0)
            source->fill_input_buffer(cinfo);
        part = length < source->bytes_in_buffer ? length : source->bytes_in_buffer;
        memcpy(to, source->next_input_byte, part);
        source->next_input_byte += part;
        source->bytes_in_buffer -= part;
        to += part;
        length -= part;
    }
}

/* Without memory for a profile or an orientation the output would be another picture. */
__attribute__((noreturn)) static void no_memory(j_decompress_ptr cinfo)
{
    cinfo->err->msg_code = JERR_OUT_OF_MEMORY;
    cinfo->err->msg_parm.i[0] = 0;
    on_error((j_common_ptr)cinfo);
}

/* Read an APP marker's body into the scratch buffer; its length. */
static size_t read_marker(j_decompress_ptr cinfo)
{
    tc_decoder *decoder = cinfo->client_data;
    uint8_t head[2];
    unsigned length;

    count_marker((j_common_ptr)cinfo);
    read_bytes(cinfo, head, sizeof head);
    length = (unsigned)head[0] << 8 | head[1];
    if (length < 2)
        ERREXIT(cinfo, JERR_BAD_LENGTH);
    length -= 2;
    if (!decoder->marker)
        decoder->marker = tc_buffer_alloc(MARKER_MAX);
    if (!decoder->marker)
        no_memory(cinfo);
    read_bytes(cinfo, decoder->marker, length);
    return length;
}

/* The first EXIF block, in case the output is to have it. */
static void keep_exif(j_decompress_ptr cinfo, const uint8_t *exif, size_t length)
{
    tc_decoder *decoder = cinfo->client_data;

    if (decoder->exif)
        return;
    decoder->exif = tc_buffer_alloc(length);
    if (!decoder->exif)
        no_memory(cinfo);
    memcpy(decoder->exif, exif, length);
    decoder->exif_length = length;
}

/* APP1: the first EXIF block counts. */
static boolean on_exif(j_decompress_ptr cinfo)
{
    tc_decoder *decoder = cinfo->client_data;
    size_t length = read_marker(cinfo);

    if (length <= 6 || memcmp(decoder->marker, "Exif\0", 6) != 0 || decoder->exif)
        return TRUE;
    decoder->orientation = tc_orientation_read(decoder->marker + 6, length - 6);
    keep_exif(cinfo, decoder->marker + 6, length - 6);
    return TRUE;
}

/* Part `number` of `count`. One that is doubled or does not fit the others ends the profile. */
static void keep_part(j_decompress_ptr cinfo, unsigned number, unsigned count,
                      const uint8_t *data, size_t length)
{
    tc_decoder *decoder = cinfo->client_data;
    tc_jpeg_profile *profile = &decoder->profile;
    uint8_t *grown;

    if (number < 1 || number > count || (profile->parts > 0 && count != profile->count) ||
        profile->part[number].length > 0 || profile->length + length > TC_ICC_MAX)
        profile->broken = true;
    if (profile->broken)
        return;
    grown = tc_buffer_resize(profile->data, profile->length + length);
    if (!grown)
        no_memory(cinfo);
    profile->data = grown;
    memcpy(grown + profile->length, data, length);
    profile->part[number].from = profile->length;
    profile->part[number].length = length;
    profile->length += length;
    profile->count = count;
    profile->parts++;
}

/* APP2: one part of an ICC profile: a name, part number, number of parts, bytes. */
static boolean on_icc(j_decompress_ptr cinfo)
{
    static const char name[12] = "ICC_PROFILE";
    tc_decoder *decoder = cinfo->client_data;
    size_t length = read_marker(cinfo), head = sizeof name + 2;

    if (length > head && memcmp(decoder->marker, name, sizeof name) == 0)
        keep_part(cinfo, decoder->marker[sizeof name], decoder->marker[sizeof name + 1],
                  decoder->marker + head, length - head);
    return TRUE;
}

/* Put the parts into order, when all of them are there. False without memory. */
static bool join_profile(tc_jpeg_profile *profile)
{
    bool ordered = true;
    uint8_t *joined, *to;

    profile->whole = !profile->broken && profile->parts > 0 && profile->parts == profile->count;
    for (unsigned n = 2; n <= profile->count; n++)
        ordered &= profile->part[n].from > profile->part[n - 1].from;
    if (!profile->whole || ordered)
        return true;
    joined = to = tc_buffer_alloc(profile->length);
    if (!joined)
        return false;
    for (unsigned n = 1; n <= profile->count; n++) {
        memcpy(to, profile->data + profile->part[n].from, profile->part[n].length);
        to += profile->part[n].length;
    }
    tc_buffer_free(profile->data);
    profile->data = joined;
    return true;
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
    if (tc_cancel_check(decoder->cancel, decoder->errors.fail))
        on_error(common);
}

static void jpeg_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    jpeg_destroy_decompress(&decoder->cinfo);
    tc_jpeg_reduced_free(decoder->reduced.by);
    tc_jpeg_blocks_free(&decoder->blocks);
    tc_buffer_free(decoder->marker);
    tc_buffer_free(decoder->profile.data);
    tc_buffer_free(decoder->exif);
    tc_buffer_free(decoder->cmyk);
    tc_buffer_free(decoder->strip);
    tc_buffer_free(decoder);
}

/*
 * libjpeg-turbo 3 reads headers of what only its functions for other samples decode: 12 bits,
 * and lossless coding, whose scans are told by a predictor in place of a first coefficient.
 */
static void refuse_kinds(j_decompress_ptr cinfo)
{
    if (cinfo->data_precision != 8)
        ERREXIT1(cinfo, JERR_BAD_PRECISION, cinfo->data_precision);
#if LIBJPEG_TURBO_VERSION_NUMBER >= 3000000
    if (!cinfo->progressive_mode && cinfo->Ss > 0 && cinfo->Se == 0)
        ERREXIT1(cinfo, JERR_SOF_UNSUPPORTED, 0xc3);
#endif
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
    refuse_kinds(cinfo);
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

/* The profile, when it is whole and describes what is stored. */
static bool profile_fits(const tc_decoder *decoder, const tc_image_info *info)
{
    const char *space = info->cmyk ? "CMYK" : info->model == TC_GREY ? "GRAY" : "RGB ";

    return decoder->profile.whole && decoder->profile.length >= 128 &&
           memcmp(decoder->profile.data + 16, space, 4) == 0;
}

static tc_error jpeg_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                 tc_fail *fail)
{
    tc_decoder *decoder = tc_buffer_alloc(sizeof *decoder + TC_IO_BYTES);
    j_decompress_ptr cinfo;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    memset(decoder, 0, sizeof *decoder);
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
    info->planes = cinfo->jpeg_color_space == JCS_YCbCr;
    info->own_reduced = tc_jpeg_reduced_from(cinfo);
    info->own_bytes = info->own_reduced ? tc_jpeg_reduced_bytes(cinfo) : 0;
    info->crops = tc_jpeg_crops(cinfo);
    info->exif = decoder->exif;
    info->exif_length = decoder->exif_length;
    info->cmyk = cinfo->out_color_space == JCS_CMYK;
    if (!join_profile(&decoder->profile))
        return tc_fail_set(fail, TC_E_NO_MEMORY, "JPEG: out of memory");
    if (profile_fits(decoder, info)) {
        info->icc = decoder->profile.data;
        info->icc_length = decoder->profile.length;
    }
    return TC_E_OK;
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
    .accepts_planes = true,
    .decode_open = jpeg_decode_open,
    .decode_start = tc_jpeg_decode_start,
    .decode_rows = tc_jpeg_decode_rows,
    .decode_free = jpeg_decode_free,
    .encode_open = tc_jpeg_encode_open,
    .encode_held = tc_jpeg_encode_held,
    .encode_rows = tc_jpeg_encode_rows,
    .encode_finish = tc_jpeg_encode_finish,
    .encode_free = tc_jpeg_encode_free,
};
