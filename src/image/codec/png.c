/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG through libpng. Rows come out as 8-bit grey or RGB, with alpha where the
 * file has alpha or a transparent colour; palettes are expanded, 16 bits scaled.
 */
#include "base/buffer.h"
#include "png.h"
#include "png_rows.h"
#include "image/colour/cicp.h"
#include "image/colour/icc_make.h"
#include "image/exif/orientation.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* Bytes a single ancillary chunk may claim when it is read, and inflate to. */
#define CHUNK_BYTES_MAX TC_ICC_MAX
#define CHUNKS_KEPT_MAX 64

/* An EXIF block may have fewer than a profile: libpng reads it byte by byte. */
#define EXIF_BYTES_MAX (2 * 1024 * 1024)

/* Chunks before the picture's: files have up to about 50, and libpng looks at each. */
#define CHUNKS_MAX 250000

/* A file this much smaller than its pixels is of flat graphics. */
#define FLAT_RATIO 10

/* A chunk's length and name; libpng has read those of the first IDAT with the header. */
#define CHUNK_HEADER 8

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    tc_error io_error; /* of the input's own, to be told apart from libpng's */
    uint64_t offset;   /* of what libpng reads next */
    png_structp png;
    png_infop info;
    uint32_t width, height, next;
    size_t row_bytes;
    uint8_t *rows; /* one row, or the whole picture when interlaced */
    bool interlaced;
    bool broken;             /* the file; what is left of it is not read */
    tc_fail *damage;         /* NULL where damage is refused */
    const tc_cancel *cancel; /* NULL until decoding starts */
    png_bytepp pointers;     /* of an interlaced picture */
    tc_png_rows *plain;      /* the rows of a picture that needs nothing of libpng's, or NULL */
    uint8_t *icc;
    unsigned chunks; /* seen so far */
    size_t io_at, io_length;
    uint8_t io[4096]; /* bytes of the file, up to `offset` and some further */
};

void tc_png_give_up(png_structp png, png_const_charp message, tc_error fallback)
{
    tc_fail *fail = png_get_error_ptr(png);

    if (fail->error == TC_E_OK)
        tc_fail_set(fail, strstr(message, "emory") ? TC_E_NO_MEMORY : fallback, "PNG: %s",
                    message);
    png_longjmp(png, 1);
}

static void on_decode_error(png_structp png, png_const_charp message)
{
    tc_png_give_up(png, message, TC_E_DAMAGED);
}

/*
 * libpng's warnings concern chunks it then leaves out; the picture is whole. But
 * one it had no memory for, a profile or an orientation, would make it another
 * picture: that is noted, and the caller of libpng looks. Not from here: zlib's
 * frames may lie in between.
 */
void tc_png_warned(png_structp png, png_const_charp message)
{
    tc_fail *fail = png_get_error_ptr(png);

    if (fail->error == TC_E_OK && strstr(message, "emory"))
        tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: %s", message);
}

/* Some bytes of the file, at least one. */
static size_t read_some(png_structp png, void *to, size_t length)
{
    tc_decoder *decoder = png_get_io_ptr(png);
    size_t got = 0;

    decoder->io_error =
        decoder->input->read(decoder->input->context, decoder->offset, to, length, &got);
    if (decoder->io_error) {
        if (decoder->fail->error == TC_E_OK)
            tc_fail_set(decoder->fail, decoder->io_error, "reading failed");
        png_error(png, "read");
    }
    if (got == 0)
        png_error(png, "the file ends before the picture does");
    return got;
}

/*
 * A chunk's head. Of EXIF libpng asks for all at once and byte by byte, and says only
 * afterwards, and as a warning, that it is too much.
 */
static void look_at_chunk(png_structp png, png_const_bytep head)
{
    tc_decoder *decoder = png_get_io_ptr(png);

    if (memcmp(head + 4, "IDAT", 4) != 0 && ++decoder->chunks > CHUNKS_MAX)
        png_error(png, "more than 250000 chunks before the picture");
    if (memcmp(head + 4, "eXIf", 4) == 0 && png_get_uint_32(head) > EXIF_BYTES_MAX)
        png_error(png, "an EXIF chunk of more than 2 MiB");
}

/* libpng asks for a few bytes at a time, and for as many as 8 KiB of pixels. */
static void on_read(png_structp png, png_bytep data, png_size_t length)
{
    tc_decoder *decoder = png_get_io_ptr(png);
    bool head = (png_get_io_state(png) & PNG_IO_MASK_LOC) == PNG_IO_CHUNK_HDR && length == 8;
    png_bytep to = data;

    while (length > 0) {
        size_t part = decoder->io_length - decoder->io_at;

        if (part == 0 && length >= sizeof decoder->io) {
            part = read_some(png, to, length);
        } else {
            if (part == 0) {
                decoder->io_at = 0;
                decoder->io_length = 0;
                part = decoder->io_length = read_some(png, decoder->io, sizeof decoder->io);
            }
            part = part < length ? part : length;
            memcpy(to, decoder->io + decoder->io_at, part);
            decoder->io_at += part;
        }
        decoder->offset += part;
        to += part;
        length -= part;
    }
    if (head)
        look_at_chunk(png, data);
}

static void png_decode_free(tc_decoder *decoder)
{
    if (!decoder)
        return;
    png_destroy_read_struct(&decoder->png, &decoder->info, NULL);
    tc_png_rows_free(decoder->plain);
    tc_buffer_free(decoder->rows);
    tc_buffer_free(decoder->pointers);
    tc_buffer_free(decoder->icc);
    free(decoder);
}

/*
 * Chunks that cannot change the output are skipped unread: text in any number,
 * suggested palettes, histograms, times, physical sizes.
 */
static void skip_chunks(png_structp png)
{
    static const png_byte skipped[] = "tEXt\0zTXt\0iTXt\0sPLT\0hIST\0tIME\0pHYs\0oFFs\0"
                                      "pCAL\0sCAL\0bKGD\0sBIT";

    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, skipped, sizeof skipped / 5);
    /* libpng reads it itself only from 1.6.46 on. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_ALWAYS, (png_const_bytep) "cICP", 1);
    png_set_chunk_cache_max(png, CHUNKS_KEPT_MAX);
    png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
}

/*
 * As browsers and the rows of codec_png_rows.c: some writers name a smaller window than they
 * use, or get zlib's checksum wrong. The chunks' own checksums count.
 */
static void tolerate_zlib_headers(png_structp png)
{
#ifdef PNG_MAXIMUM_INFLATE_WINDOW
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
#endif
#ifdef PNG_IGNORE_ADLER32
    png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#endif
    (void)png;
}

/* A palette may name alphas that are all opaque. */
static bool has_alpha(const tc_decoder *decoder)
{
    int type = png_get_color_type(decoder->png, decoder->info), count = 0;
    png_bytep alpha = NULL;

    if (type & PNG_COLOR_MASK_ALPHA)
        return true;
    if (!png_get_tRNS(decoder->png, decoder->info, &alpha, &count, NULL))
        return false;
    while (type == PNG_COLOR_TYPE_PALETTE && count > 0 && alpha[count - 1] == 255)
        count--;
    return count > 0;
}

static tc_model decoded_model(const tc_decoder *decoder)
{
    int type = png_get_color_type(decoder->png, decoder->info);
    bool alpha = has_alpha(decoder);

    if (type & PNG_COLOR_MASK_COLOR)
        return alpha ? TC_RGB_ALPHA : TC_RGB;
    return alpha ? TC_GREY_ALPHA : TC_GREY;
}

/* Screens' gamma, for which most files are made, and libpng's own bound of what differs from
 * it. */
#define GAMMA_SCREEN 2.2
#define GAMMA_NEAR   0.05

/* What pictures may have: others are mistakes. */
#define GAMMA_LEAST 0.1
#define GAMMA_MOST  10

/*
 * What gAMA and cHRM say as a profile, where it is not what is assumed of a picture without
 * one: as in browsers a gamma of 1/2.2 with the primaries of sRGB is sRGB, and cHRM counts only
 * together with gAMA. A chunk sRGB comes before both.
 */
static size_t make_profile(const tc_decoder *decoder, uint8_t to[TC_ICC_MADE_MAX])
{
    png_const_structrp png = decoder->png;
    png_const_inforp info = decoder->info;
    tc_primaries primaries = tc_primaries_srgb;
    double gamma = 0;
    int intent;
    bool grey = tc_model_is_grey(decoded_model(decoder));

    if (png_get_sRGB(png, info, &intent) || !png_get_gAMA(png, info, &gamma) ||
        gamma < GAMMA_LEAST || gamma > GAMMA_MOST)
        return 0;
    if (!grey)
        png_get_cHRM(png, info, &primaries.white[0], &primaries.white[1], &primaries.red[0],
                     &primaries.red[1], &primaries.green[0], &primaries.green[1],
                     &primaries.blue[0], &primaries.blue[1]);
    if (fabs(gamma * GAMMA_SCREEN - 1) < GAMMA_NEAR &&
        tc_primaries_are_near(&primaries, &tc_primaries_srgb))
        return 0;
    return tc_icc_make(to, &primaries, 1 / gamma, grey);
}

/*
 * What the chunk cICP says, which comes before all others (PNG, third edition, 4.3): of RGB, in
 * full range, and known; else it counts as not there.
 */
static tc_cicp find_cicp(const tc_decoder *decoder)
{
    png_unknown_chunkp chunk;
    int count = png_get_unknown_chunks(decoder->png, decoder->info, &chunk);

    for (; count > 0; count--, chunk++) {
        const png_byte *data = chunk->data;
        tc_cicp colours;

        if (memcmp(chunk->name, "cICP", 4) != 0 || chunk->size != 4)
            continue;
        colours = (tc_cicp){data[0], data[1]};
        if (data[2] == 0 && data[3] == 1 && tc_cicp_is_known(colours))
            return colours;
    }
    return (tc_cicp){0, 0};
}

/* Keep the embedded profile, or what stands for one. False without memory for it. */
static bool keep_profile(tc_decoder *decoder, tc_image_info *info)
{
    uint8_t made[TC_ICC_MADE_MAX];
    png_charp name;
    png_bytep data;
    png_uint_32 length;
    int method;

    info->cicp = find_cicp(decoder);
    if (info->cicp.primaries)
        return true;
    if (!png_get_iCCP(decoder->png, decoder->info, &name, &method, &data, &length)) {
        length = (png_uint_32)make_profile(decoder, made);
        data = made;
    }
    if (length < 128 || length > TC_ICC_MAX)
        return true;
    decoder->icc = tc_buffer_alloc(length);
    if (!decoder->icc)
        return false;
    memcpy(decoder->icc, data, length);
    info->icc = decoder->icc;
    info->icc_length = length;
    return true;
}

static void find_exif(const tc_decoder *decoder, tc_image_info *info)
{
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 length;
    png_bytep exif;

    if (!png_get_eXIf_1(decoder->png, decoder->info, &length, &exif))
        return;
    info->exif = exif;
    info->exif_length = length;
    info->orientation = tc_orientation_read(exif, length);
#endif
}

/* All that may longjmp while the header is read. */
static bool read_header(tc_decoder *decoder)
{
    if (setjmp(png_jmpbuf(decoder->png)))
        return false;
    skip_chunks(decoder->png);
    tolerate_zlib_headers(decoder->png);
    png_set_user_limits(decoder->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_read_fn(decoder->png, decoder, on_read);
    png_read_info(decoder->png, decoder->info);
    return decoder->fail->error == TC_E_OK;
}

/*
 * Whether deflate made so little of the pixels that they must be drawn: screenshots and
 * vector graphics come to a fiftieth, photographs to a third.
 */
static bool is_drawn(const tc_decoder *decoder)
{
    uint64_t bytes = (uint64_t)png_get_rowbytes(decoder->png, decoder->info) * decoder->height;

    return decoder->input->size < bytes / FLAT_RATIO;
}

static tc_error png_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                tc_fail *fail)
{
    tc_decoder *decoder = calloc(1, sizeof *decoder);

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    decoder->input = input;
    decoder->fail = fail;
    decoder->png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, fail, on_decode_error, tc_png_warned);
    decoder->info = decoder->png ? png_create_info_struct(decoder->png) : NULL;
    if (!decoder->info)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    if (!read_header(decoder))
        return fail->error;
    decoder->width = png_get_image_width(decoder->png, decoder->info);
    decoder->height = png_get_image_height(decoder->png, decoder->info);
    decoder->interlaced =
        png_get_interlace_type(decoder->png, decoder->info) != PNG_INTERLACE_NONE;
    *info = (tc_image_info){.format = TC_FORMAT_PNG,
                            .width = decoder->width,
                            .height = decoder->height,
                            .orientation = 1,
                            .model = decoded_model(decoder),
                            .max_reduce = 1,
                            .palette = png_get_color_type(decoder->png, decoder->info) ==
                                       PNG_COLOR_TYPE_PALETTE};
    info->flat = info->palette || is_drawn(decoder);
    info->deep = png_get_bit_depth(decoder->png, decoder->info) > 8;
    if (decoder->interlaced)
        info->held_bytes =
            (uint64_t)decoder->width * decoder->height * tc_model_channels(info->model);
    find_exif(decoder, info);
    if (!keep_profile(decoder, info))
        return tc_fail_set(fail, TC_E_NO_MEMORY, "PNG: out of memory");
    return TC_E_OK;
}

/* Whether rows as they are stored are rows as they are delivered. */
static bool is_plain(const tc_decoder *decoder)
{
    return !decoder->interlaced && decoder->width <= TC_PNG_ROWS_WIDTH &&
           png_get_bit_depth(decoder->png, decoder->info) == 8 &&
           png_get_color_type(decoder->png, decoder->info) != PNG_COLOR_TYPE_PALETTE &&
           !png_get_valid(decoder->png, decoder->info, PNG_INFO_tRNS);
}

/* After each row of each pass of an interlaced picture, all of which is read at once. */
static void on_row(png_structp png, png_uint_32 row, int pass)
{
    const tc_decoder *decoder = png_get_io_ptr(png);

    (void)row;
    (void)pass;
    if (tc_cancel_check(decoder->cancel, decoder->fail))
        png_error(png, "ended");
}

static bool start_reading(tc_decoder *decoder)
{
    png_structp png = decoder->png;

    if (setjmp(png_jmpbuf(png)))
        return false;
    png_set_expand(png);
    if (!has_alpha(decoder))
        png_set_strip_alpha(png);
    if (png_get_bit_depth(png, decoder->info) == 16)
        png_set_scale_16(png);
    if (decoder->interlaced) {
        png_set_interlace_handling(png);
        png_set_read_status_fn(png, on_row);
    }
    png_read_update_info(png, decoder->info);
    decoder->row_bytes = png_get_rowbytes(png, decoder->info);
    return true;
}

static bool read_rows(tc_decoder *decoder)
{
    if (setjmp(png_jmpbuf(decoder->png)))
        return false;
    if (decoder->interlaced)
        png_read_image(decoder->png, decoder->pointers);
    else
        png_read_row(decoder->png, decoder->rows, NULL);
    return true;
}

static tc_error start_libpng(tc_decoder *decoder)
{
    uint32_t held = decoder->interlaced ? decoder->height : 1;

    if (!start_reading(decoder))
        return decoder->fail->error;
    decoder->rows = tc_buffer_alloc(decoder->row_bytes * held);
    decoder->pointers = decoder->interlaced ? tc_buffer_alloc(sizeof(png_bytep) * held) : NULL;
    if (!decoder->rows || (decoder->interlaced && !decoder->pointers))
        return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "PNG: out of memory");
    if (decoder->interlaced) {
        for (uint32_t y = 0; y < held; y++)
            decoder->pointers[y] = decoder->rows + decoder->row_bytes * y;
    }
    return TC_E_OK;
}

static tc_error start_plain(tc_decoder *decoder)
{
    tc_png_rows_want want = {.offset = decoder->offset - CHUNK_HEADER,
                             .width = decoder->width,
                             .height = decoder->height,
                             .step = tc_model_channels(decoded_model(decoder)),
                             .inflater = tc_png_inflater_best(),
                             .cancel = decoder->cancel};

    return tc_png_rows_open(&decoder->plain, decoder->input, &want, decoder->fail);
}

static tc_error png_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                 tc_layout *layout)
{
    tc_model model = decoded_model(decoder);
    tc_error error;

    /* Rows of a PNG cannot be reduced, nor skipped without inflating them. */
    decoder->damage = want->damage;
    decoder->cancel = want->cancel;
    /* Of damage libpng's way of reading knows to the row where it begins. */
    if (is_plain(decoder) && !decoder->damage)
        error = start_plain(decoder);
    else
        error = start_libpng(decoder);
    if (error)
        return error;
    *layout = (tc_layout){.model = model, .planes = 1};
    layout->plane[0].w = decoder->width;
    layout->plane[0].h = decoder->height;
    layout->plane[0].true_w = decoder->width;
    layout->plane[0].true_h = decoder->height;
    layout->plane[0].channels = tc_model_channels(model);
    return TC_E_OK;
}

/*
 * Where damage may be and half of the rows were good, tell and go on; the last good row
 * stands for those that are lost. libpng is not called again.
 */
static bool tolerate(tc_decoder *decoder)
{
    if (!decoder->damage || decoder->interlaced || decoder->fail->error != TC_E_DAMAGED ||
        decoder->next < decoder->height - decoder->height / 2)
        return false;
    *decoder->damage = *decoder->fail;
    decoder->fail->error = TC_E_OK;
    decoder->broken = true;
    return true;
}

static tc_error png_decode_rows(tc_decoder *decoder, tc_strip *strip)
{
    if (decoder->plain)
        return tc_png_rows_next(decoder->plain, strip);
    if (!decoder->broken && !read_rows(decoder) && !tolerate(decoder))
        return decoder->fail->error;
    strip->plane[0].data = decoder->rows;
    strip->plane[0].stride = decoder->row_bytes;
    strip->plane[0].rows = decoder->interlaced ? decoder->height : 1;
    decoder->next += strip->plane[0].rows;
    return TC_E_OK;
}

const tc_codec tc_codec_png = {
    .format = TC_FORMAT_PNG,
    .name = "png",
    .mime = "image/png",
    .stores_alpha = true,
    .library = tc_png_library,
    .decode_open = png_decode_open,
    .decode_start = png_decode_start,
    .decode_rows = png_decode_rows,
    .decode_free = png_decode_free,
    .encode_open = tc_png_encode_open,
    .encode_rows = tc_png_encode_rows,
    .encode_finish = tc_png_encode_finish,
    .encode_free = tc_png_encode_free,
    .encode_held = tc_png_encode_held,
};
