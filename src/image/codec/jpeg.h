/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the JPEG codec share: opening (codec_jpeg.c), decoding
 * (codec_jpeg_decode.c) and encoding (codec_jpeg_encode.c).
 */
#ifndef TC_CODEC_JPEG_H
#define TC_CODEC_JPEG_H

#include "jpeg_blocks.h"
#include "jpeg_reduced.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

/* libjpeg's error manager with where to go and where to say why. */
typedef struct tc_jpeg_errors {
    struct jpeg_error_mgr manager; /* first, so that libjpeg's pointer is ours */
    jmp_buf jump;
    tc_fail *fail;
    tc_error fallback; /* what a failure is that is neither memory nor a kind unsupported */
    unsigned markers;  /* of decoding: seen so far */
    tc_fail *damage;   /* of decoding: not NULL where damage past half of the rows may be */
} tc_jpeg_errors;

/* The size libjpeg gives to a component's blocks, under either of its interfaces. */
#if JPEG_LIB_VERSION >= 70
#define TC_JPEG_BLOCK_W(component) ((unsigned)(component)->DCT_h_scaled_size)
#define TC_JPEG_BLOCK_H(component) ((unsigned)(component)->DCT_v_scaled_size)
#define TC_JPEG_MIN_BLOCK_H(cinfo) ((unsigned)(cinfo)->min_DCT_v_scaled_size)
#else
#define TC_JPEG_BLOCK_W(component) ((unsigned)(component)->DCT_scaled_size)
#define TC_JPEG_BLOCK_H(component) ((unsigned)(component)->DCT_scaled_size)
#define TC_JPEG_MIN_BLOCK_H(cinfo) ((unsigned)(cinfo)->min_DCT_scaled_size)
#endif

/* Rows of a component in one row of MCUs: at most four blocks (T.81, B.2.2). */
#define TC_JPEG_ROWS_MAX (4 * DCTSIZE)

/* The parts of an embedded profile, which are numbered and may come in any order. */
typedef struct tc_jpeg_profile {
    uint8_t *data; /* in the order they came; once `whole`, in that of their numbers */
    size_t length;
    unsigned parts, count; /* that came; that there should be */
    bool broken, whole;
    struct {
        size_t from, length;
    } part[256]; /* by number, from 1 on; a length of 0: none */
} tc_jpeg_profile;

struct tc_decoder {
    struct jpeg_decompress_struct cinfo;
    tc_jpeg_errors errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const tc_input *input;
    const tc_cancel *cancel; /* NULL until decoding starts */
    uint64_t offset;
    bool ended; /* the data ran out and an end-of-image marker was made up */
    bool single_scan;
    tc_jpeg_frame frame;
    tc_jpeg_scans scans; /* those that are skipped */
    struct {
        tc_jpeg_reduced *by; /* decodes instead of libjpeg, or NULL */
        uint64_t at;         /* what it reads next; libjpeg's source stays where it is */
        uint32_t strips;     /* that were delivered */
    } reduced;
    tc_jpeg_blocks blocks;
    uint8_t orientation;
    uint8_t *exif; /* the first block */
    size_t exif_length;
    tc_jpeg_profile profile;
    uint8_t *marker; /* scratch for one APP marker */
    bool cmyk_rows;  /* rows are TC_CMYK */
    uint8_t *cmyk;   /* one row before conversion */
    uint8_t *strip;  /* rows of every plane */
    uint32_t x, y;   /* of the whole, the first sample that is delivered */
    uint32_t end;    /* the row after the last */
    struct {
        size_t stride;
        uint32_t rows; /* that the strip has room for */
        uint32_t left; /* yet to come */
        JSAMPROW row[TC_JPEG_ROWS_MAX];
    } plane[TC_PLANES];
    uint8_t io[]; /* TC_IO_BYTES */
};

/* Set up `errors` and return the manager for cinfo.err. */
struct jpeg_error_mgr *tc_jpeg_errors_init(tc_jpeg_errors *errors, tc_fail *fail,
                                           tc_error fallback);

/* Whether decoding a part of the picture takes less than the whole; the header is read. */
bool tc_jpeg_crops(j_decompress_ptr cinfo);

/*
 * Whether damage here, while libjpeg decodes, leaves half of the picture or more: of a
 * file in several scans, whether all of it is there in some quality.
 */
bool tc_jpeg_tolerates(j_decompress_ptr cinfo);

tc_error tc_jpeg_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                              tc_layout *layout);
tc_error tc_jpeg_decode_rows(tc_decoder *decoder, tc_strip *strip);

tc_error tc_jpeg_encode_open(tc_encoder **made, const tc_output *output,
                             const tc_encode_spec *spec, tc_fail *fail);
uint64_t tc_jpeg_encode_held(const tc_encode_spec *spec);
tc_error tc_jpeg_encode_rows(tc_encoder *encoder, const tc_strip *strip);
tc_error tc_jpeg_encode_finish(tc_encoder *encoder);
void tc_jpeg_encode_free(tc_encoder *encoder);

#endif
