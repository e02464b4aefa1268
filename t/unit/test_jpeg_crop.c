/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a JPEG is, to the byte, that part of the whole: for every sampling that
 * is cropped, every reduction and any rectangle, in RGB and grey.
 */
#include <time.h>

#include "tap.h"
#include "jpegs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const sampling samplings[] = {
    {"4:2:0", {2, 1, 1}, {2, 1, 1}, false, false},
    {"4:2:2", {2, 1, 1}, {1, 1, 1}, false, false},
    {"4:4:4", {1, 1, 1}, {1, 1, 1}, false, false},
    {"4:4:0", {1, 1, 1}, {2, 1, 1}, false, false},
    {"planes of three sizes", {2, 2, 1}, {2, 1, 2}, false, false},
    {"finer chroma than luma", {1, 2, 2}, {1, 2, 2}, false, false},
    {"4:1:1", {4, 1, 1}, {1, 1, 1}, false, false},
    {"4:2:0 progressive", {2, 1, 1}, {2, 1, 1}, false, true},
    {"grey", {1}, {1}, true, false},
};

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

typedef struct decoded_picture {
    tc_layout layout;
    uint8_t *rows; /* plane[0].w x plane[0].h pixels */
} decoded_picture;

/* What the decoder delivers for `source` at `reduce`; its rows are the caller's to free. */
static bool decode(decoded_picture *picture, const bytes *file, unsigned reduce,
                   const tc_rect *source)
{
    tc_input input = {read_bytes, (void *)(uintptr_t)file, file->length, NULL};
    tc_decode_want want = {.reduce = reduce, .source = *source};
    tc_fail fail = {TC_E_OK, ""};
    tc_decoder *decoder = NULL;
    tc_image_info info;
    uint32_t done = 0;
    size_t stride = 0;
    bool good = tc_codec_jpeg.decode_open(&decoder, &input, &info, &fail) == TC_E_OK &&
                tc_codec_jpeg.decode_start(decoder, &want, &picture->layout) == TC_E_OK;

    picture->rows = NULL;
    if (good) {
        stride = (size_t)picture->layout.plane[0].w * picture->layout.plane[0].channels;
        picture->rows = malloc(stride * picture->layout.plane[0].h);
    }
    while (good && done < picture->layout.plane[0].h) {
        tc_strip strip;

        good = tc_codec_jpeg.decode_rows(decoder, &strip) == TC_E_OK;
        for (uint32_t y = 0; good && y < strip.plane[0].rows; y++, done++)
            memcpy(picture->rows + stride * done,
                   strip.plane[0].data + strip.plane[0].stride * y, stride);
    }
    if (!good)
        printf("# %s\n", fail.text);
    tc_codec_jpeg.decode_free(decoder);
    return good;
}

/* Whether `part` holds `source`, and there has the whole's pixels. */
static bool is_part(const decoded_picture *part, const decoded_picture *whole, unsigned reduce,
                    const tc_rect *source)
{
    uint32_t left = source->x / reduce, right = (source->x + source->w - 1) / reduce;
    uint32_t top = source->y / reduce, bottom = (source->y + source->h - 1) / reduce;
    uint32_t x = part->layout.plane[0].x, y = part->layout.plane[0].y;
    uint32_t w = part->layout.plane[0].w, h = part->layout.plane[0].h;
    uint32_t n = part->layout.plane[0].channels;

    if (x > left || y > top || right >= x + w || bottom >= y + h)
        return false;
    for (uint32_t row = top; row <= bottom; row++) {
        const uint8_t *a = part->rows + ((size_t)(row - y) * w + left - x) * n;
        const uint8_t *b = whole->rows + ((size_t)row * whole->layout.plane[0].w + left) * n;
        if (memcmp(a, b, (size_t)(right - left + 1) * n) != 0)
            return false;
    }
    return true;
}

static tc_rect random_rect(uint32_t w, uint32_t h)
{
    tc_rect rect = {below(w), below(h), 0, 0};

    rect.w = 1 + below(w - rect.x);
    rect.h = 1 + below(h - rect.y);
    return rect;
}

static void parts_of(const sampling *sampling, unsigned pictures, unsigned parts)
{
    unsigned wrong = 0, smaller = 0, expected = pictures * parts;

    for (unsigned at = 0; at < pictures; at++) {
        uint32_t w = 1 + below(200), h = 1 + below(200);
        unsigned reduce = 1u << at % 4;
        bytes file = make_jpeg(sampling, w, h, 1);
        decoded_picture whole, part;

        wrong += !decode(&whole, &file, reduce, &(tc_rect){0, 0, w, h});
        for (unsigned round = 0; round < parts; round++) {
            tc_rect rect = random_rect(w, h);

            if (decode(&part, &file, reduce, &rect) && is_part(&part, &whole, reduce, &rect)) {
                smaller += part.layout.plane[0].w < whole.layout.plane[0].w ||
                           part.layout.plane[0].h < whole.layout.plane[0].h;
            } else {
                wrong++;
                printf("# %ux%u 1/%u: %ux%u at %u,%u\n", w, h, reduce, rect.w, rect.h, rect.x,
                       rect.y);
            }
            free(part.rows);
        }
        free(whole.rows);
        free(file.data);
    }
    ok(wrong == 0, "%s: %u parts, %u of them less than the whole", sampling->name, expected,
       smaller);
    if (sampling->h[0] <= 2 && !sampling->progressive)
        ok(smaller > expected / 2, "most of them");
}

int main(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    srand(seed);
    printf("# TC_TEST_SEED=%u\n", seed);
    scene_grain = 60;
    for (size_t at = 0; at < COUNT(samplings); at++)
        parts_of(&samplings[at], 40, 25);
    return done_testing();
}
