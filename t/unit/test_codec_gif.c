/* SPDX-License-Identifier: Apache-2.0 */
/* GIFs that giflib's encoder writes, and some that it would not. */
#include "pictures.h"

#ifdef TC_WITH_GIF

#include <gif_lib.h>

#define CODEC (&tc_codec_gif)

/* One frame: indexes that count up along the rows, the palette's colours with them. */
typedef struct gif_frame {
    int x, y, w, h;
    int transparent; /* -1: none */
    bool interlaced;
    int shift; /* added to each index */
} gif_frame;

static int on_write(GifFileType *gif, const GifByteType *data, int length)
{
    put(gif->UserData, data, (size_t)length);
    return length;
}

static int index_at(const gif_frame *frame, int x, int y)
{
    return (x + y * 3 + frame->shift) & 15;
}

static void put_frame(GifFileType *gif, const gif_frame *frame)
{
    static const int first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    GifPixelType row[512];
    GraphicsControlBlock control = {.DisposalMode = DISPOSAL_UNSPECIFIED,
                                    .TransparentColor = frame->transparent};
    GifByteType packed[4];

    EGifGCBToExtension(&control, packed);
    EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, sizeof packed, packed);
    EGifPutImageDesc(gif, frame->x, frame->y, frame->w, frame->h, frame->interlaced, NULL);
    for (int pass = 0; pass < (frame->interlaced ? 4 : 1); pass++) {
        for (int y = frame->interlaced ? first[pass] : 0; y < frame->h;
             y += frame->interlaced ? step[pass] : 1) {
            for (int x = 0; x < frame->w; x++)
                row[x] = (GifPixelType)index_at(frame, x, y);
            EGifPutLine(gif, row, frame->w);
        }
    }
}

static bytes make(int w, int h, const gif_frame *frames, int count)
{
    bytes made = {0};
    int error;
    GifFileType *gif = EGifOpen(&made, on_write, &error);
    ColorMapObject *map;
    GifColorType colours[16];

    for (int at = 0; at < 16; at++)
        colours[at] = (GifColorType){(GifByteType)(at * 17), (GifByteType)(255 - at * 17), 99};
    map = GifMakeMapObject(16, colours);
    EGifSetGifVersion(gif, true);
    EGifPutScreenDesc(gif, w, h, 4, 3, map); /* copies it */
    GifFreeMapObject(map);
    EGifPutComment(gif, "a comment before the frame");
    for (int at = 0; at < count; at++)
        put_frame(gif, &frames[at]);
    EGifCloseFile(gif, &error);
    return made;
}

/* What of the first frame is wrong on the screen, pixels. */
static unsigned wrong_pixels(const pixels *got, const gif_frame *frame)
{
    unsigned wrong = 0;

    for (uint32_t y = 0; y < got->h; y++) {
        for (uint32_t x = 0; x < got->w; x++) {
            int at_x = (int)x - frame->x, at_y = (int)y - frame->y;
            bool inside = at_x >= 0 && at_y >= 0 && at_x < frame->w && at_y < frame->h;
            int index = inside ? index_at(frame, at_x, at_y) : 0;
            const uint8_t *seen = pixel(got, x, y);

            if (!inside || index == frame->transparent)
                wrong += got->model != TC_RGB_ALPHA || seen[3] != 0;
            else
                wrong += seen[0] != index * 17 || seen[1] != 255 - index * 17 ||
                         seen[2] != 99 || (got->model == TC_RGB_ALPHA && seen[3] != 255);
        }
    }
    return wrong;
}

static void test_frames(void)
{
    static const struct {
        const char *what;
        int w, h;
        gif_frame frame;
        tc_model model;
    } cases[] = {
        {"one pixel", 1, 1, {0, 0, 1, 1, -1, false, 5}, TC_RGB},
        {"plain", 37, 23, {0, 0, 37, 23, -1, false, 0}, TC_RGB},
        {"interlaced", 37, 23, {0, 0, 37, 23, -1, true, 0}, TC_RGB},
        {"transparent", 37, 23, {0, 0, 37, 23, 7, false, 0}, TC_RGB_ALPHA},
        {"interlaced and transparent", 37, 23, {0, 0, 37, 23, 0, true, 0}, TC_RGB_ALPHA},
        {"a smaller frame", 60, 50, {11, 7, 37, 23, -1, false, 0}, TC_RGB_ALPHA},
        {"a smaller interlaced frame", 60, 50, {23, 27, 37, 23, 3, true, 0}, TC_RGB_ALPHA},
        {"a frame of one row", 40, 40, {0, 39, 40, 1, -1, true, 0}, TC_RGB_ALPHA},
    };

    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        gif_frame frames[2] = {cases[at].frame, {0, 0, 1, 1, -1, false, 9}};
        bytes file = make(cases[at].w, cases[at].h, frames, 2);
        tc_image_info info = {0};
        pixels got;
        tc_fail fail;

        ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK, "%s",
           cases[at].what);
        ok(info.width == (uint32_t)cases[at].w && info.height == (uint32_t)cases[at].h &&
               info.model == cases[at].model && info.orientation == 1 && info.max_reduce == 1,
           "... has the screen's size, and alpha only if there is any");
        ok(info.held_bytes == (frames[0].interlaced ? (uint64_t)frames[0].w * frames[0].h : 0),
           "... and holds a frame only if interlaced");
        ok(got.data && wrong_pixels(&got, &frames[0]) == 0,
           "... and the first frame's colours");
        free(got.data);
        free(file.data);
    }
}

/* Indexes of `bits` bits each, by giflib's encoder; red is the index. */
static bytes make_indexed(int w, int h, int bits, const GifPixelType *indexes)
{
    bytes made = {0};
    int error;
    GifFileType *gif = EGifOpen(&made, on_write, &error);
    ColorMapObject *map;
    GifColorType colours[256] = {{0}};

    for (int at = 0; at < 256; at++)
        colours[at].Red = (GifByteType)at;
    map = GifMakeMapObject(1 << bits, colours);
    EGifPutScreenDesc(gif, w, h, bits, 0, map);
    GifFreeMapObject(map);
    EGifPutImageDesc(gif, 0, 0, w, h, false, NULL);
    for (int y = 0; y < h; y++) {
        GifPixelType row[512];

        memcpy(row, indexes + (size_t)y * (size_t)w, (size_t)w);
        EGifPutLine(gif, row, w);
    }
    EGifCloseFile(gif, &error);
    return made;
}

/* The file's first frame has these indexes. */
static bool has_indexes(const bytes *file, const GifPixelType *indexes)
{
    tc_fail fail;
    pixels got;
    bool good = decode(CODEC, file, file->length, 1, NULL, &got, &fail) == TC_E_OK;

    for (uint32_t y = 0; good && y < got.h; y++)
        for (uint32_t x = 0; good && x < got.w; x++)
            good = pixel(&got, x, y)[0] == indexes[(size_t)y * got.w + x];
    free(got.data);
    return good;
}

#define CODES_W 400
#define CODES_H 200

/* All lengths of codes, tables that are full and begun anew, strings of all lengths. */
static void test_codes(void)
{
    static const char *const kinds[] = {"noise", "repeats", "one index", "runs"};
    GifPixelType *indexes = malloc(CODES_W * CODES_H);
    uint32_t state = 9;

    for (int bits = 1; bits <= 8; bits++) {
        for (int kind = 0; kind < 4; kind++) {
            bytes file;

            for (int at = 0; at < CODES_W * CODES_H; at++) {
                state = state * 1664525u + 1013904223u;
                indexes[at] = (GifPixelType)((kind == 0   ? state >> 20
                                              : kind == 1 ? (unsigned)at % 97
                                              : kind == 2 ? 1
                                                          : (unsigned)at / 500) &
                                             ((1u << bits) - 1));
            }
            file = make_indexed(CODES_W, CODES_H, bits, indexes);
            ok(has_indexes(&file, indexes), "%d bits, %s: %zu bytes", bits, kinds[kind],
               file.length);
            free(file.data);
        }
    }
    free(indexes);
}

/* A table that is full and not begun anew: each index in a code of its own. */
static void test_full_table(void)
{
    static GifPixelType indexes[100 * 100];
    bytes file = {0}, codes = {0};
    unsigned width = 3, next = 6, bits = 0;
    uint32_t window = 0;

    put(&file, "GIF89a\x64\0\x64\0\x91\0\0\0\0\0\1\0\0\2\0\0\3\0\0", 25);
    put(&file, ",\0\0\0\0\x64\0\x64\0\0\2", 11);
    for (size_t at = 0; at < sizeof indexes; at++) {
        indexes[at] = (GifPixelType)(at * 7 / 3 & 3);
        window |= (uint32_t)indexes[at] << bits;
        for (bits += width; bits >= 8; bits -= 8, window >>= 8)
            put(&codes, &(uint8_t){(uint8_t)window}, 1);
        if (at > 0 && next < 4096 && ++next == 1u << width && width < 12)
            width++;
    }
    put(&codes, &(uint8_t){(uint8_t)window}, 1);
    for (size_t at = 0; at < codes.length; at += 100) {
        size_t length = codes.length - at < 100 ? codes.length - at : 100;

        put(&file, &(uint8_t){(uint8_t)length}, 1);
        put(&file, codes.data + at, length);
    }
    ok(has_indexes(&file, indexes), "a table that stays full");
    free(codes.data);
    free(file.data);
}

static void test_damaged(void)
{
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        const char *what = interlaced ? "interlaced" : "plain";
        gif_frame one = {2, 1, 50, 40, 3, interlaced, 0};
        bytes file = make(60, 50, &one, 1);

        /* Behind the last pixel's code there are that of the end, an empty block and the
         * trailer. */
        try_truncated(CODEC, &file, file.length - 4, 1, what);
        try_changed(CODEC, &file, 5000, what);
        free(file.data);
    }
}

/* One pixel's screen and no pixels of the frame. */
static bytes make_empty(const gif_frame *frame)
{
    const int fields[4] = {frame->x, frame->y, frame->w, frame->h};
    bytes file = {0};

    put(&file, "GIF89a\1\0\1\0\0\0\0,", 14);
    for (int at = 0; at < 4; at++)
        put(&file, (uint8_t[]){(uint8_t)fields[at], (uint8_t)(fields[at] >> 8)}, 2);
    put(&file, "\0\2\0;", 4);
    return file;
}

/* The tables come first: a screen is claimed in bytes 6 to 9. */
static void test_lies(void)
{
    gif_frame one = {0, 0, 20, 10, -1, false, 0};
    bytes file = make(20, 10, &one, 1);
    tc_image_info info;
    tc_fail fail;
    pixels got;

    memset(file.data + 6, 0xff, 4);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_PIXELS_TOO_MANY &&
           info.width == 65535 && info.height == 65535 && info.held_bytes == 0,
       "a large screen is only told of");
    free(file.data);
    one.x = one.y = one.w = one.h = 65535;
    file = make_empty(&one);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_PIXELS_TOO_MANY &&
           info.width == 131070 && info.height == 131070 && info.held_bytes == 0,
       "and so is a large frame far outside");
    free(file.data);
    file = make(20, 10, &one, 0);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED, "no frame: %s",
       fail.text);
    free(file.data);
    CODEC->decode_free(NULL);
}

/* Frames that do not fit their screen: as in browsers the screen becomes larger. */
static void test_screens(void)
{
    static const struct {
        const char *what;
        int screen_w, screen_h;
        gif_frame frame;
        int w, h;
    } cases[] = {
        {"a wider frame", 19, 10, {0, 0, 20, 10, -1, false, 0}, 20, 10},
        {"a higher frame", 20, 3, {0, 0, 20, 10, -1, false, 0}, 20, 10},
        {"a screen of no size", 0, 0, {0, 0, 20, 10, -1, false, 0}, 20, 10},
        {"no size, and displaced", 0, 0, {10, 5, 20, 10, -1, false, 0}, 30, 15},
        {"no width", 0, 50, {0, 0, 20, 10, -1, false, 0}, 20, 50},
        {"no height", 50, 0, {4, 4, 20, 10, -1, false, 0}, 50, 14},
        {"wider, and displaced", 19, 30, {7, 5, 20, 10, -1, false, 0}, 27, 30},
        {"up to the corner", 30, 20, {10, 10, 20, 10, -1, false, 0}, 30, 20},
        {"over the right edge", 30, 20, {15, 0, 20, 10, -1, false, 0}, 35, 20},
        {"over the lower edge", 30, 20, {0, 15, 20, 10, -1, false, 0}, 30, 25},
        {"over the corner", 30, 20, {29, 19, 20, 10, -1, false, 0}, 49, 29},
        {"all of the screen, displaced", 30, 20, {7, 3, 30, 20, -1, false, 0}, 37, 23},
        {"outside", 30, 20, {30, 0, 20, 10, -1, false, 0}, 50, 20},
        {"far to the right", 30, 10, {65535, 0, 20, 10, -1, false, 0}, 65555, 10},
        {"far below", 12, 20, {9, 65535, 4, 10, 3, false, 0}, 13, 65545},
    };

    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            gif_frame one = cases[at].frame;
            tc_image_info info = {0};
            tc_fail fail;
            pixels got;
            bytes file;
            uint8_t *screen;

            one.interlaced = interlaced;
            file = make(cases[at].screen_w, cases[at].screen_h, &one, 1);
            screen = file.data + 6; /* giflib's encoder writes what it is told */
            ok(screen[0] == cases[at].screen_w && screen[2] == cases[at].screen_h &&
                   decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK &&
                   info.width == (uint32_t)cases[at].w &&
                   info.height == (uint32_t)cases[at].h && wrong_pixels(&got, &one) == 0,
               "%s%s", cases[at].what, interlaced ? ", interlaced" : "");
            free(got.data);
            free(file.data);
        }
    }
}

/* Without a palette 0 is black, 1 white, and the others, which no palette has, black. */
static void test_no_palette(void)
{
    /* Codes of three bits: clear, 1, 0, 2; then of four: 3, 1, end. */
    static const uint8_t bare[] = {'G', 'I', 'F', '8', '7', 'a',  5,    0,    1, 0,
                                   0,   0,   0,   ',', 0,   0,    0,    0,    5, 0,
                                   1,   0,   0,   2,   3,   0x0c, 0x34, 0x51, 0, ';'};
    static const uint8_t reds[5] = {255, 0, 0, 0, 255};
    bytes file = {(uint8_t *)bare, sizeof bare, 0, 0};
    tc_image_info info;
    tc_fail fail;
    pixels got;
    bool good = decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_OK &&
                info.model == TC_RGB;

    for (uint32_t x = 0; good && x < 5; x++)
        good = pixel(&got, x, 0)[0] == reds[x] && pixel(&got, x, 0)[2] == reds[x];
    ok(good, "no palette: black and white");
    free(got.data);
}

/* Files that end behind the last pixel, without what should follow it. */
static void test_ends(void)
{
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        gif_frame one = {0, 0, 50, 40, -1, interlaced, 0};
        bytes file = make(50, 40, &one, 1);

        for (size_t cut = 1; cut <= 3; cut++) {
            tc_fail fail;
            pixels got;

            ok(decode(CODEC, &file, file.length - cut, 1, NULL, &got, &fail) == TC_E_OK &&
                   wrong_pixels(&got, &one) == 0,
               "%s, cut off by %zu bytes: all pixels are there",
               interlaced ? "interlaced" : "plain", cut);
            free(got.data);
        }
        free(file.data);
    }
}

int main(void)
{
    test_screens();
    test_no_palette();
    test_ends();
    test_frames();
    test_codes();
    test_full_table();
    test_damaged();
    test_lies();
    return done_testing();
}

#else

int main(void)
{
    skip("GIF", "giflib is not built in");
    return done_testing();
}

#endif
