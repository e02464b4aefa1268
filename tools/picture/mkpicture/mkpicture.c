/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes pictures for tests and the demo:
 *
 *   mkpicture OUT.{jpg,png,webp,avif,gif} WIDTH HEIGHT [KEY=VALUE...]
 *
 * kind=photo|lighthouse|cutout|noise|flat|quad|ramp|disc
 * colour=RRGGBB colour2=RRGGBB  seed=N
 * orientation=1..8  exif=1 (with artist, copyright and thumbnail)
 * profile=srgb|p3|gamma1|swapped (profile.h; the colours are then the profile's)
 * JPEG: quality=N progressive=1 space=rgb|grey|cmyk|ycck adobe=0|1
 *       sampling=420|422|440|444 restart=N (MCUs between restart markers)
 * PNG:  type=rgb|rgba|grey|greya|palette depth=8|16 interlace=1
 * WebP: type=rgb|rgba quality=N lossless=1 orientation=1..8
 * AVIF: type=rgb|rgba quality=N depth=8|16 (16: 10 bits) orientation=1..8
 * GIF:  type=rgb|rgba interlace=1 frames=N
 *
 * WIDTH x HEIGHT is the upright picture; with orientation=N the stored one is
 * turned so that a viewer that heeds EXIF shows it upright.
 */
#include "exif.h"
#include "optional.h"
#include "profile.h"
#include "scene.h"

#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

typedef struct key {
    const char *name;
    size_t offset;
    bool text;
} key;

#define AT(field) offsetof(options, field)
static const key keys[] = {
    {"kind", AT(kind), true},          {"colour", AT(colour), true},
    {"colour2", AT(colour2), true},    {"space", AT(space), true},
    {"type", AT(type), true},          {"seed", AT(seed), false},
    {"quality", AT(quality), false},   {"progressive", AT(progressive), false},
    {"adobe", AT(adobe), false},       {"orientation", AT(orientation), false},
    {"depth", AT(depth), false},       {"interlace", AT(interlace), false},
    {"profile", AT(profile), true},    {"exif", AT(exif), false},
    {"lossless", AT(lossless), false}, {"frames", AT(frames), false},
    {"sampling", AT(sampling), false}, {"restart", AT(restart), false},
};

static uint8_t level(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* Hills under an evening sky: gradients, edges and grain, as a photograph has them. */
static pixel draw_photo(const scene *scene, uint32_t x, uint32_t y)
{
    uint32_t seed = (uint32_t)scene->options->seed;
    double u = (double)x / scene->w, v = (double)y / scene->h,
           ratio = (double)scene->w / scene->h;
    double grain = (double)(scene_hash(x, y, seed) & 15) - 7.5;
    double cloud = scene_noise(u * 6 * ratio, v * 14, seed + 1) * 0.6 +
                   scene_noise(u * 25, v * 60, seed + 2) * 0.4;
    double r = 250 - 120 * (1 - v) + 40 * cloud, g = 150 + 30 * (1 - v) + 45 * cloud;
    double b = 110 + 120 * (1 - v) + 30 * cloud;
    double dx = (u - 0.68) * ratio, dy = v - 0.3, sun = dx * dx + dy * dy;

    if (sun < 0.008)
        r = 255, g = 236, b = 190;
    for (uint32_t hill = 0; hill < 4; hill++) {
        double base = 0.45 + 0.13 * hill;
        double ridge =
            base + 0.16 * (scene_noise(u * (2 + hill) * ratio, hill * 7.0, seed + 9) - 0.5) +
            0.015 * scene_noise(u * 60, hill, seed + 5);
        if (v > ridge) {
            double leaf =
                scene_noise(u * 240 * ratio, v * 240, seed + 20 + hill) * (12 + 14 * hill);
            r = 110 - 24 * hill + leaf;
            g = 105 - 14 * hill + leaf * 1.2;
            b = 120 - 26 * hill + leaf * 0.5;
        }
    }
    return (pixel){level(r + grain), level(g + grain), level(b + grain), 255};
}

/* Every sample its own: the dearest there is for every codec. */
static pixel draw_noise(const scene *scene, uint32_t x, uint32_t y)
{
    uint32_t h = scene_hash(x, y, (uint32_t)scene->options->seed);

    return (pixel){(uint8_t)h, (uint8_t)(h >> 8), (uint8_t)(h >> 16), (uint8_t)(h >> 24)};
}

static pixel draw_flat(const scene *scene, uint32_t x, uint32_t y)
{
    (void)x;
    (void)y;
    return scene->first;
}

/* Red, green, blue and white quarters. */
static pixel draw_quad(const scene *scene, uint32_t x, uint32_t y)
{
    static const pixel quarter[2][2] = {{{255, 0, 0, 255}, {0, 255, 0, 255}},
                                        {{0, 0, 255, 255}, {255, 255, 255, 255}}};
    return quarter[2 * y >= scene->h][2 * x >= scene->w];
}

static pixel draw_ramp(const scene *scene, uint32_t x, uint32_t y)
{
    return (pixel){level(255.0 * x / scene->w), level(255.0 * y / scene->h), 128, 255};
}

/* An opaque disc with a soft edge; what is transparent carries the second colour. */
static pixel draw_disc(const scene *scene, uint32_t x, uint32_t y)
{
    double dx = x + 0.5 - scene->w / 2.0, dy = y + 0.5 - scene->h / 2.0;
    double inside = 0.4 * (scene->w < scene->h ? scene->w : scene->h) - sqrt(dx * dx + dy * dy);
    pixel colour = inside > -0.5 ? scene->first : scene->second;

    colour.a = level(255 * (inside + 0.5));
    return colour;
}

static const struct {
    const char *name;
    pixel (*draw)(const scene *, uint32_t, uint32_t);
} kinds[] = {{"photo", draw_photo},   {"lighthouse", draw_lighthouse},
             {"cutout", draw_cutout}, {"noise", draw_noise},
             {"flat", draw_flat},     {"quad", draw_quad},
             {"ramp", draw_ramp},     {"disc", draw_disc}};

static uint8_t grey_of(pixel p)
{
    return (uint8_t)((p.r * 299 + p.g * 587 + p.b * 114 + 500) / 1000);
}

static void write_exif(j_compress_ptr cinfo, const options *options)
{
    uint8_t marker[6 + MKPICTURE_EXIF_MAX] = "Exif\0";
    size_t length = mkpicture_exif(marker + 6, options->orientation, options->exif);

    jpeg_write_marker(cinfo, JPEG_APP0 + 1, marker, (unsigned)length + 6);
}

static uint8_t *get_profile(const char *name, size_t *length)
{
    uint8_t *profile = mkpicture_profile(name, length);

    if (!profile)
        die("no such profile in this build", name);
    return profile;
}

/* Ink, what the light lacks, black taken out; files hold it inverted. */
static void put_cmyk(uint8_t *to, pixel p)
{
    uint8_t light = p.r > p.g ? p.r : p.g;
    const uint8_t part[3] = {p.r, p.g, p.b};

    light = p.b > light ? p.b : light;
    for (int c = 0; c < 3; c++) {
        uint8_t ink = light ? (uint8_t)(255 - (part[c] * 255 + light / 2) / light) : 0;
        to[c] = (uint8_t)(255 - ink);
    }
    to[3] = light;
}

static void write_jpeg(const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    const options *options = scene->options;
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors; /* its own way out is right for a tool: say why, exit */
    bool grey = strcmp(options->space, "grey") == 0, ycck = strcmp(options->space, "ycck") == 0;
    bool cmyk = ycck || strcmp(options->space, "cmyk") == 0;
    int channels = grey ? 1 : cmyk ? 4 : 3;
    uint8_t *row = malloc((size_t)w * 4), *profile;
    size_t profile_length;

    if (!row)
        die("out of memory", "row");
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_stdio_dest(&cinfo, out);
    cinfo.image_width = w;
    cinfo.image_height = h;
    cinfo.input_components = channels;
    cinfo.in_color_space = grey ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    if (ycck)
        jpeg_set_colorspace(&cinfo, JCS_YCCK);
    else if (cmyk)
        cinfo.write_Adobe_marker = options->adobe != 0;
    jpeg_set_quality(&cinfo, options->quality, TRUE);
    if (options->sampling) {
        cinfo.comp_info[0].h_samp_factor = options->sampling / 10 % 10 == 2 ? 2 : 1;
        cinfo.comp_info[0].v_samp_factor =
            options->sampling == 420 || options->sampling == 440 ? 2 : 1;
    }
    cinfo.restart_interval = (unsigned)options->restart;
    if (options->progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    if (options->orientation || options->exif)
        write_exif(&cinfo, options);
    if (options->profile) {
        profile = get_profile(options->profile, &profile_length);
        jpeg_write_icc_profile(&cinfo, profile, (unsigned)profile_length);
        free(profile);
    }
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            pixel p = stored_pixel(scene, x, y);
            if (cmyk)
                put_cmyk(row + 4 * (size_t)x, p);
            else if (grey)
                row[x] = grey_of(p);
            else
                memcpy(row + 3 * (size_t)x, &p, 3);
        }
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
}

static const struct type {
    const char *name;
    int png;
    uint8_t channels;
} types[] = {{"rgb", PNG_COLOR_TYPE_RGB, 3},
             {"rgba", PNG_COLOR_TYPE_RGB_ALPHA, 4},
             {"grey", PNG_COLOR_TYPE_GRAY, 1},
             {"greya", PNG_COLOR_TYPE_GRAY_ALPHA, 2},
             {"palette", PNG_COLOR_TYPE_PALETTE, 1}};

/* A 6x6x6 cube: exact for the corners of the colour space. */
static void write_palette(png_structp png, png_infop info)
{
    png_color palette[216];

    for (int at = 0; at < 216; at++)
        palette[at] = (png_color){(png_byte)(at / 36 * 51), (png_byte)(at / 6 % 6 * 51),
                                  (png_byte)(at % 6 * 51)};
    png_set_PLTE(png, info, palette, 216);
}

static uint8_t *put_sample(uint8_t *to, uint8_t value, int depth)
{
    *to++ = value;
    if (depth == 16)
        *to++ = value; /* 0xabab is 0xab of 255 */
    return to;
}

static void put_pixel(uint8_t *to, pixel p, int type, int depth)
{
    if (type == PNG_COLOR_TYPE_PALETTE) {
        *to = (uint8_t)((p.r + 25) / 51 * 36 + (p.g + 25) / 51 * 6 + (p.b + 25) / 51);
        return;
    }
    if (type & PNG_COLOR_MASK_COLOR) {
        to = put_sample(to, p.r, depth);
        to = put_sample(to, p.g, depth);
        to = put_sample(to, p.b, depth);
    } else {
        to = put_sample(to, grey_of(p), depth);
    }
    if (type & PNG_COLOR_MASK_ALPHA)
        put_sample(to, p.a, depth);
}

static const struct type *find_type(const char *name)
{
    for (size_t at = 0; at < sizeof types / sizeof types[0]; at++) {
        if (strcmp(types[at].name, name) == 0)
            return &types[at];
    }
    die("no such type", name);
    return NULL;
}

static void write_png(const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    const options *options = scene->options;
    const struct type *const type = find_type(options->type);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *picture, exif[MKPICTURE_EXIF_MAX];
    size_t bytes, stride;
    png_bytepp rows = malloc(sizeof(png_bytep) * h);

    bytes = (size_t)type->channels * (options->depth == 16 ? 2 : 1);
    stride = bytes * w;
    picture = malloc(stride * h);
    if (!info || !picture || !rows)
        die("out of memory", "picture");
    for (uint32_t y = 0; y < h; y++) {
        rows[y] = picture + stride * y;
        for (uint32_t x = 0; x < w; x++)
            put_pixel(rows[y] + bytes * x, stored_pixel(scene, x, y), type->png,
                      options->depth);
    }
    if (setjmp(png_jmpbuf(png)))
        die("libpng", "failed");
    png_init_io(png, out);
    png_set_IHDR(png, info, w, h, options->depth, type->png,
                 options->interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type->png == PNG_COLOR_TYPE_PALETTE)
        write_palette(png, info);
    if (options->orientation || options->exif)
        png_set_eXIf_1(png, info,
                       (png_uint_32)mkpicture_exif(exif, options->orientation, options->exif),
                       exif);
    if (options->profile) {
        uint8_t *profile = get_profile(options->profile, &bytes);
        png_set_iCCP(png, info, options->profile, PNG_COMPRESSION_TYPE_BASE, profile,
                     (png_uint_32)bytes);
        free(profile);
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(picture);
}

static pixel parse_colour(const char *text)
{
    unsigned r, g, b;

    if (strlen(text) != 6 || sscanf(text, "%2x%2x%2x", &r, &g, &b) != 3)
        die("not a colour", text);
    return (pixel){(uint8_t)r, (uint8_t)g, (uint8_t)b, 255};
}

static void parse_option(options *options, const char *word)
{
    const char *equals = strchr(word, '=');
    size_t at = 0, count = sizeof keys / sizeof keys[0];
    char *end;

    while (equals && at < count &&
           (strlen(keys[at].name) != (size_t)(equals - word) ||
            strncmp(keys[at].name, word, (size_t)(equals - word)) != 0))
        at++;
    if (!equals || at == count)
        die("no such key", word);
    if (keys[at].text) {
        *(const char **)((char *)options + keys[at].offset) = equals + 1;
        return;
    }
    *(int *)((char *)options + keys[at].offset) = (int)strtol(equals + 1, &end, 10);
    if (*end || end == equals + 1)
        die("not a number", word);
}

static void write_as(const char *ending, const scene *scene, FILE *out, uint32_t w, uint32_t h)
{
    if (strcmp(ending, ".png") == 0)
        write_png(scene, out, w, h);
    else if (strcmp(ending, ".jpg") == 0 || strcmp(ending, ".jpeg") == 0)
        write_jpeg(scene, out, w, h);
    else if (!write_optional(ending, scene, out, w, h))
        die("not a format, or its library is not here", ending);
}

int main(int argc, char **argv)
{
    options options = {.kind = "photo",
                       .colour = "3060c0",
                       .colour2 = "000000",
                       .space = "rgb",
                       .type = "rgb",
                       .seed = 1,
                       .quality = 85,
                       .adobe = 1,
                       .depth = 8,
                       .frames = 1};
    scene scene = {.options = &options};
    const char *dot;
    bool swaps;
    FILE *out;

    if (argc < 4 || !(dot = strrchr(argv[1], '.')))
        die("usage", "mkpicture OUT.{jpg,png,webp,avif,gif} WIDTH HEIGHT [KEY=VALUE...]");
    scene.w = (uint32_t)strtoul(argv[2], NULL, 10);
    scene.h = (uint32_t)strtoul(argv[3], NULL, 10);
    for (int at = 4; at < argc; at++)
        parse_option(&options, argv[at]);
    for (size_t at = 0; at < sizeof kinds / sizeof kinds[0]; at++) {
        if (strcmp(kinds[at].name, options.kind) == 0)
            scene.draw = kinds[at].draw;
    }
    if (!scene.draw)
        die("no such kind", options.kind);
    if (scene.w < 1 || scene.h < 1 || scene.w > 65500 || scene.h > 65500)
        die("not a size", argv[2]);
    scene.first = parse_colour(options.colour);
    scene.second = parse_colour(options.colour2);
    swaps = options.orientation >= 5;
    out = fopen(argv[1], "wb");
    if (!out)
        die("cannot write", argv[1]);
    write_as(dot, &scene, out, swaps ? scene.h : scene.w, swaps ? scene.w : scene.h);
    if (fclose(out) != 0)
        die("cannot write", argv[1]);
    return 0;
}
