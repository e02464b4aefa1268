/* SPDX-License-Identifier: Apache-2.0 */
/* GIFs that giflib's encoder writes, and some that it would not. */
#include "pictures.h"

#ifdef TC_WITH_GIF

#include <gif_lib.h>

#define CODEC (&tc_codec_gif)

/* One frame: indexes that count up along the rows, the palette's colours with them. */
typedef struct frame {
    int x, y, w, h;
    int transparent; /* -1: none */
    bool interlaced;
    int shift; /* added to each index */
} frame;

static int on_write(GifFileType *gif, const GifByteType *data, int length)
{
    put(gif->UserData, data, (size_t)length);
    return length;
}

static int index_at(const frame *frame, int x, int y)
{
    return (x + y * 3 + frame->shift) & 15;
}

static void put_frame(GifFileType *gif, const frame *frame)
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

static bytes make(int w, int h, const frame *frames, int count)
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
static unsigned wrong_pixels(const pixels *got, const frame *frame)
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
        frame frame;
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
        frame frames[2] = {cases[at].frame, {0, 0, 1, 1, -1, false, 9}};
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

static void test_damaged(void)
{
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        const char *what = interlaced ? "interlaced" : "plain";
        frame one = {2, 1, 50, 40, 3, interlaced, 0};
        bytes file = make(60, 50, &one, 1);

        /* All but the file's trailer. */
        try_truncated(CODEC, &file, file.length - 1, 1, what);
        try_changed(CODEC, &file, 5000, what);
        free(file.data);
    }
}

/* The tables come first: a screen is claimed in bytes 6 to 9. */
static void test_lies(void)
{
    frame one = {0, 0, 20, 10, -1, false, 0};
    bytes file = make(20, 10, &one, 1);
    tc_image_info info;
    tc_fail fail;
    pixels got;

    file.data[6] = 19;
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
       "a frame outside its screen: %s", fail.text);
    file.data[6] = 0;
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED, "no width: %s",
       fail.text);
    memset(file.data + 6, 0xff, 4);
    ok(decode(CODEC, &file, file.length, 1, &info, &got, &fail) == TC_E_PIXELS_TOO_MANY &&
           info.width == 65535 && info.height == 65535 && info.held_bytes == 0,
       "a large screen is only told of");
    free(file.data);
    file = make(20, 10, &one, 0);
    ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED, "no frame: %s",
       fail.text);
    free(file.data);
    {
        /* No palette at all. */
        static const uint8_t bare[] = {'G', 'I', 'F', '8', '7', 'a',  1, 0, 1,  0,
                                       0,   0,   0,   ',', 0,   0,    0, 0, 1,  0,
                                       1,   0,   0,   2,   2,   0x44, 1, 0, ';'};
        file = (bytes){(uint8_t *)bare, sizeof bare, 0, 0};
        ok(decode(CODEC, &file, file.length, 1, NULL, &got, &fail) == TC_E_DAMAGED,
           "no palette: %s", fail.text);
    }
    CODEC->decode_free(NULL);
}

int main(void)
{
    test_frames();
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
