/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GIF decoding: the records up to the first frame through giflib, its pixels through our own
 * LZW. The frame is laid on its logical screen, which is transparent where the frame does not
 * cover it. What follows the frame's last pixel is not read. GIF is not written.
 */
#include "base/buffer.h"
#include "codec.h"
#include "gif_lzw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#define STRIP_ROWS 16

#define INTERLACE_PASSES 4

/* An index with its colour: palettes have at most 256, and files that name a colour past
 * their palette's end get black. */
#define COLOURS 256

/* Bytes before the first frame: some files have half a megabyte of XMP there. */
#define HEAD_BYTES_MAX (8 * 1024 * 1024)

/* The most bytes in a block of data. */
#define BLOCK_MAX 255

struct tc_decoder {
    const tc_input *input;
    tc_fail *fail;
    const tc_cancel *cancel; /* NULL until decoding starts */
    tc_error io_error;       /* of the input's own, to be told apart from giflib's */
    uint64_t offset;
    GifFileType *gif;
    uint32_t width, height; /* of the screen */
    tc_rect frame;          /* the first one, on it */
    bool interlaced;
    int transparent; /* index, or NO_TRANSPARENT_COLOR */
    tc_model model;
    uint8_t channels;
    uint8_t colour[COLOURS][4];
    uint8_t *indexes; /* one row of the frame, or all of an interlaced one */
    bool gathered;    /* all rows of an interlaced frame are there */
    uint8_t *strip;
    uint32_t next; /* of the screen's rows */
    size_t io_at, io_length;
    bool ended;   /* more was asked for than there is */
    uint8_t last; /* the last byte that was read */
    uint8_t block[BLOCK_MAX];
    tc_gif_lzw lzw;
    uint8_t io[TC_IO_BYTES];
};

/* The next piece of the file into the buffer; false at its end, or with `io_error`. */
static bool refill(tc_decoder *decoder)
{
    size_t got = 0;

    decoder->io_error = tc_cancel_check(decoder->cancel, decoder->fail);
    if (!decoder->io_error)
        decoder->io_error = decoder->input->read(decoder->input->context, decoder->offset,
                                                 decoder->io, sizeof decoder->io, &got);
    if (decoder->io_error)
        return false;
    decoder->ended = got == 0;
    decoder->offset += got;
    decoder->io_at = 0;
    decoder->io_length = got;
    return got > 0;
}

/* The next `length` bytes, or as many as there are. */
static size_t read_data(tc_decoder *decoder, uint8_t *to, size_t length)
{
    size_t done = 0;

    while (done < length) {
        size_t part = decoder->io_length - decoder->io_at;

        if (part == 0 && !refill(decoder))
            break;
        part = decoder->io_length - decoder->io_at;
        part = part < length - done ? part : length - done;
        memcpy(to + done, decoder->io + decoder->io_at, part);
        decoder->io_at += part;
        done += part;
    }
    if (done > 0)
        decoder->last = to[done - 1];
    return done;
}

/* giflib asks for a few bytes at a time. */
static int on_read(GifFileType *gif, GifByteType *to, int length)
{
    return length > 0 ? (int)read_data(gif->UserData, to, (size_t)length) : 0;
}

static tc_error no_memory(tc_decoder *decoder)
{
    return tc_fail_set(decoder->fail, TC_E_NO_MEMORY, "GIF: out of memory");
}

static tc_error damaged(tc_decoder *decoder, const char *why)
{
    return tc_fail_set(decoder->fail, TC_E_DAMAGED, "GIF: %s", why);
}

/* What giflib's `code` means. */
static tc_error failed(tc_decoder *decoder, int code)
{
    const char *why = GifErrorString(code);

    if (decoder->fail->error)
        return decoder->fail->error;
    if (decoder->io_error)
        return tc_fail_set(decoder->fail, decoder->io_error, "reading failed");
    /* Without memory for the colours giflib says that there is no screen descriptor. */
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM || (code == D_GIF_ERR_NO_SCRN_DSCR && !decoder->ended))
        return no_memory(decoder);
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        why = "the file ends before the picture does";
    return damaged(decoder, why ? why : "the data are not valid");
}

static void gif_decode_free(tc_decoder *decoder)
{
    int code;

    if (!decoder)
        return;
    if (decoder->gif)
        DGifCloseFile(decoder->gif, &code);
    tc_buffer_free(decoder->indexes);
    tc_buffer_free(decoder->strip);
    tc_buffer_free(decoder);
}

/* One extension with all its blocks; the last graphics control before the frame counts. */
static tc_error read_extension(tc_decoder *decoder)
{
    GraphicsControlBlock control;
    GifByteType *block;
    int kind;

    if (decoder->offset > HEAD_BYTES_MAX)
        return damaged(decoder, "more than 8 MiB before the first frame");
    if (DGifGetExtension(decoder->gif, &kind, &block) == GIF_ERROR)
        return failed(decoder, decoder->gif->Error);
    if (kind == GRAPHICS_EXT_FUNC_CODE && block &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        decoder->transparent = control.TransparentColor;
    while (block) {
        if (decoder->offset > HEAD_BYTES_MAX)
            return damaged(decoder, "more than 8 MiB before the first frame");
        if (DGifGetExtensionNext(decoder->gif, &block) == GIF_ERROR)
            return failed(decoder, decoder->gif->Error);
    }
    return TC_E_OK;
}

/* Up to the first frame's pixels. */
static tc_error find_frame(tc_decoder *decoder)
{
    GifRecordType kind;

    do {
        tc_error error = TC_E_OK;

        if (DGifGetRecordType(decoder->gif, &kind) == GIF_ERROR)
            return failed(decoder, decoder->gif->Error);
        if (kind == EXTENSION_RECORD_TYPE)
            error = read_extension(decoder);
        if (error)
            return error;
        if (kind == TERMINATE_RECORD_TYPE)
            return damaged(decoder, "the file holds no picture");
    } while (kind != IMAGE_DESC_RECORD_TYPE);
    /* giflib reads the size of the codes too, and keeps it to itself: the last byte so far. */
    if (DGifGetImageHeader(decoder->gif) == GIF_ERROR)
        return failed(decoder, decoder->gif->Error);
    if (!tc_gif_lzw_open(&decoder->lzw, decoder->last))
        return damaged(decoder, "the code size is not valid");
    return TC_E_OK;
}

/*
 * The screen and the frame's place on it. As in browsers, a frame that reaches over an edge
 * makes the screen larger: to 2 * 65535 a side at most, as each field has 16 bits.
 */
static tc_error check_sizes(tc_decoder *decoder)
{
    const GifFileType *gif = decoder->gif;
    const GifImageDesc *image = &gif->Image;
    tc_rect *frame = &decoder->frame;

    if (image->Width < 1 || image->Height < 1)
        return damaged(decoder, "the picture has no size");
    *frame = (tc_rect){(uint32_t)image->Left, (uint32_t)image->Top, (uint32_t)image->Width,
                       (uint32_t)image->Height};
    decoder->width = (uint32_t)gif->SWidth;
    decoder->height = (uint32_t)gif->SHeight;
    if (decoder->width < frame->x + frame->w)
        decoder->width = frame->x + frame->w;
    if (decoder->height < frame->y + frame->h)
        decoder->height = frame->y + frame->h;
    return TC_E_OK;
}

/* Without a palette black and white, as GIF89a has it, section 18. */
static void read_palette(tc_decoder *decoder)
{
    static GifColorType two[2] = {{0, 0, 0}, {255, 255, 255}};
    static const ColorMapObject plain = {.ColorCount = 2, .BitsPerPixel = 1, .Colors = two};
    const ColorMapObject *map =
        decoder->gif->Image.ColorMap ? decoder->gif->Image.ColorMap : decoder->gif->SColorMap;

    if (!map)
        map = &plain;
    for (int at = 0; at < COLOURS; at++) {
        uint8_t *colour = decoder->colour[at];

        if (at < map->ColorCount) {
            colour[0] = map->Colors[at].Red;
            colour[1] = map->Colors[at].Green;
            colour[2] = map->Colors[at].Blue;
        }
        colour[3] = 255;
    }
    if (decoder->transparent >= 0 && decoder->transparent < COLOURS)
        memset(decoder->colour[decoder->transparent], 0, 4);
}

static tc_error gif_decode_open(tc_decoder **made, const tc_input *input, tc_image_info *info,
                                tc_fail *fail)
{
    tc_decoder *decoder = tc_buffer_zeroed(sizeof *decoder);
    int code = 0;
    tc_error error;

    *made = decoder;
    if (!decoder)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "GIF: out of memory");
    decoder->input = input;
    decoder->fail = fail;
    decoder->transparent = NO_TRANSPARENT_COLOR;
    decoder->gif = DGifOpen(decoder, on_read, &code);
    if (!decoder->gif)
        return failed(decoder, code);
    error = find_frame(decoder);
    if (!error)
        error = check_sizes(decoder);
    if (error)
        return error;
    read_palette(decoder);
    decoder->interlaced = decoder->gif->Image.Interlace;
    decoder->model = decoder->transparent >= 0 || decoder->frame.w < decoder->width ||
                             decoder->frame.h < decoder->height
                         ? TC_RGB_ALPHA
                         : TC_RGB;
    decoder->channels = tc_model_channels(decoder->model);
    *info = (tc_image_info){.format = TC_FORMAT_GIF,
                            .width = decoder->width,
                            .height = decoder->height,
                            .orientation = 1,
                            .model = decoder->model,
                            .max_reduce = 1,
                            .lossless = true};
    if (decoder->interlaced)
        info->held_bytes = (uint64_t)decoder->frame.w * decoder->frame.h;
    return TC_E_OK;
}

static tc_error gif_decode_start(tc_decoder *decoder, const tc_decode_want *want,
                                 tc_layout *layout)
{
    size_t rows = decoder->interlaced ? decoder->frame.h : 1;

    decoder->cancel = want->cancel;
    decoder->indexes = tc_buffer_alloc((size_t)decoder->frame.w * rows);
    decoder->strip = tc_buffer_alloc((size_t)decoder->width * decoder->channels * STRIP_ROWS);
    if (!decoder->indexes || !decoder->strip)
        return no_memory(decoder);
    *layout = (tc_layout){.model = decoder->model, .planes = 1};
    layout->plane[0].w = decoder->width;
    layout->plane[0].h = decoder->height;
    layout->plane[0].true_w = decoder->width;
    layout->plane[0].true_h = decoder->height;
    layout->plane[0].channels = decoder->channels;
    return TC_E_OK;
}

static tc_error ends_early(tc_decoder *decoder)
{
    if (decoder->io_error && decoder->fail->error == TC_E_OK)
        tc_fail_set(decoder->fail, decoder->io_error, "reading failed");
    return decoder->io_error ? decoder->fail->error
                             : damaged(decoder, "the file ends before the picture does");
}

/* The next block of codes, or what there is of it. */
static tc_error next_block(tc_decoder *decoder)
{
    uint8_t length = 0;
    size_t got = 0;

    if (read_data(decoder, &length, 1) == 1)
        got = read_data(decoder, decoder->block, length);
    if (decoder->io_error || got == 0)
        return ends_early(decoder);
    decoder->lzw.data = decoder->block;
    decoder->lzw.data_end = decoder->block + got;
    return TC_E_OK;
}

static tc_error read_row(tc_decoder *decoder, uint8_t *to)
{
    size_t left = decoder->frame.w;

    while (left > 0) {
        size_t done;
        tc_error error = TC_E_OK;
        tc_gif_lzw_state state = tc_gif_lzw_read(&decoder->lzw, to, left, &done);

        to += done;
        left -= done;
        if (state == TC_GIF_LZW_EMPTY)
            error = next_block(decoder);
        else if (state == TC_GIF_LZW_ENDED)
            error = ends_early(decoder);
        else if (state == TC_GIF_LZW_WRONG)
            error = damaged(decoder, "the picture's data are corrupt");
        if (error)
            return error;
    }
    return TC_E_OK;
}

/* An interlaced frame comes as every eighth row, those between, and so on. */
static tc_error gather(tc_decoder *decoder)
{
    static const uint8_t first[INTERLACE_PASSES] = {0, 4, 2, 1};
    static const uint8_t step[INTERLACE_PASSES] = {8, 8, 4, 2};

    decoder->gathered = true;
    for (int pass = 0; pass < INTERLACE_PASSES; pass++) {
        for (uint32_t y = first[pass]; y < decoder->frame.h; y += step[pass]) {
            tc_error error = tc_cancel_check(decoder->cancel, decoder->fail);

            if (!error)
                error = read_row(decoder, decoder->indexes + (size_t)decoder->frame.w * y);
            if (error)
                return error;
        }
    }
    return TC_E_OK;
}

/* The frame's row `y` as indexes. */
static tc_error frame_row(tc_decoder *decoder, uint32_t y, const uint8_t **row)
{
    tc_error error = TC_E_OK;

    *row = decoder->indexes;
    if (!decoder->interlaced)
        return read_row(decoder, decoder->indexes);
    *row += (size_t)decoder->frame.w * y;
    if (!decoder->gathered)
        error = gather(decoder);
    return error;
}

static tc_error screen_row(tc_decoder *decoder, uint8_t *to)
{
    const tc_rect *frame = &decoder->frame;
    uint32_t y = decoder->next++;
    const uint8_t *row;
    tc_error error;

    /* With a frame that does not cover it the screen has alpha: zeros are transparent. */
    memset(to, 0, (size_t)decoder->width * decoder->channels);
    if (y < frame->y || y - frame->y >= frame->h)
        return TC_E_OK;
    error = frame_row(decoder, y - frame->y, &row);
    if (error)
        return error;
    to += (size_t)frame->x * decoder->channels;
    for (uint32_t x = 0; x < frame->w; x++, to += decoder->channels)
        memcpy(to, decoder->colour[row[x]], decoder->channels);
    return TC_E_OK;
}

static tc_error gif_decode_rows(tc_decoder *decoder, tc_strip *strip)
{
    strip->plane[0].data = decoder->strip;
    strip->plane[0].stride = (size_t)decoder->width * decoder->channels;
    strip->plane[0].rows = 0;
    while (strip->plane[0].rows < STRIP_ROWS && decoder->next < decoder->height) {
        tc_error error =
            screen_row(decoder, decoder->strip + strip->plane[0].stride * strip->plane[0].rows);
        if (error)
            return error;
        strip->plane[0].rows++;
    }
    return TC_E_OK;
}

static void gif_library(char *text, size_t size)
{
    snprintf(text, size, "giflib %d.%d.%d", GIFLIB_MAJOR, GIFLIB_MINOR, GIFLIB_RELEASE);
}

const tc_codec tc_codec_gif = {
    .format = TC_FORMAT_GIF,
    .name = "gif",
    .mime = "image/gif",
    .stores_alpha = true,
    .library = gif_library,
    .decode_open = gif_decode_open,
    .decode_start = gif_decode_start,
    .decode_rows = gif_decode_rows,
    .decode_free = gif_decode_free,
};
