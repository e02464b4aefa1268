/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least work that answers a request at all, with libjpeg and libpng alone, as
 * the floor under what a converter can cost:
 *
 *   floor [-s EIGHTHS] [-t SECONDS] SOURCE SMALL
 *   floor --cut SOURCE OUT.jpg
 *
 * Decodes SOURCE and encodes a picture of SMALL's content, over and over, until so
 * much CPU time is used, the first not counted; nothing is resampled between. A JPEG's planes
 * are decoded at EIGHTHS/8 of its size (8, 4, 2, 1), without colour conversion, and encoded
 * with SMALL's own quantisation and sampling; a PNG is decoded whole and encoded with zlib's
 * level 1 and the filter Sub. SMALL is decoded once, before. Prints `key: value` lines, in CPU
 * time a picture.
 *
 * --cut leaves out of a progressive JPEG the scans that a decode at 1/8 has no use
 * for: those of luma's high frequencies.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#if JPEG_LIB_VERSION >= 70
#define DCT_SIZE(component) ((unsigned)(component)->DCT_v_scaled_size)
#define DCT_LEAST(cinfo)    ((unsigned)(cinfo)->min_DCT_v_scaled_size)
#else
#define DCT_SIZE(component) ((unsigned)(component)->DCT_scaled_size)
#define DCT_LEAST(cinfo)    ((unsigned)(cinfo)->min_DCT_scaled_size)
#endif

#define COMPONENTS 3
#define BAND_MOST  (4 * DCTSIZE) /* rows of a plane in one row of MCUs */

typedef struct file_data {
    uint8_t *data;
    size_t length;
} file_data;

/* One component's samples, each row of MCUs whole. */
typedef struct plane {
    uint8_t *data;
    size_t stride;
    uint32_t rows, band; /* all, and in one row of MCUs */
} plane;

/* What is encoded: planes with the quantisation they came with, or rows. */
typedef struct small_decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    plane planes[COMPONENTS];
    uint32_t w, h;
    int channels, type;
    uint8_t *rows; /* PNG */
} small_decoder;

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
    fprintf(stderr, "floor: %s: %s\n", what, which);
    exit(2);
}

static void *alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);

    if (!memory)
        die("out of memory", "picture");
    return memory;
}

static file_data load(const char *name)
{
    FILE *in = fopen(name, "rb");
    file_data file = {NULL, 0};
    long length;

    if (!in || fseek(in, 0, SEEK_END) != 0 || (length = ftell(in)) <= 0)
        die("cannot read", name);
    rewind(in);
    file.length = (size_t)length;
    file.data = alloc(file.length, 1);
    if (fread(file.data, 1, file.length, in) != file.length)
        die("cannot read", name);
    fclose(in);
    return file;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- JPEG ------------------------------------------------------------------------ */

/* Begin to decode `file`'s planes at eighths/8; `planes` get a band of MCUs or all rows. */
static void begin_planes(struct jpeg_decompress_struct *cinfo, const file_data *file,
                         unsigned eighths, plane *planes, bool whole)
{
    jpeg_mem_src(cinfo, file->data, file->length);
    jpeg_read_header(cinfo, TRUE);
    if (cinfo->num_components != COMPONENTS)
        die("not a colour JPEG", "source");
    cinfo->scale_num = 1;
    cinfo->scale_denom = 8 / eighths;
    cinfo->raw_data_out = TRUE;
    cinfo->out_color_space = cinfo->jpeg_color_space;
    cinfo->do_block_smoothing = FALSE;
    jpeg_start_decompress(cinfo);
    for (int c = 0; c < COMPONENTS; c++) {
        const jpeg_component_info *component = &cinfo->comp_info[c];
        uint32_t band = (uint32_t)component->v_samp_factor * DCT_SIZE(component);
        uint32_t mcus = (component->width_in_blocks + 3) / 4 * 4; /* whole MCUs, and to spare */
        if (band > BAND_MOST)
            die("unusual sampling", "source");
        planes[c] = (plane){NULL, (size_t)mcus * DCT_SIZE(component),
                            whole ? band * cinfo->total_iMCU_rows : band, band};
        planes[c].data = alloc(planes[c].rows, planes[c].stride);
    }
}

/* The rows of MCU row `at` of every plane. */
static void band_rows(plane *planes, uint32_t at, JSAMPROW rows[COMPONENTS][BAND_MOST],
                      JSAMPARRAY arrays[COMPONENTS])
{
    for (int c = 0; c < COMPONENTS; c++) {
        uint32_t first = planes[c].rows > planes[c].band ? at * planes[c].band : 0;
        for (uint32_t y = 0; y < planes[c].band; y++)
            rows[c][y] = planes[c].data + planes[c].stride * (first + y);
        arrays[c] = rows[c];
    }
}

static void read_planes(struct jpeg_decompress_struct *cinfo, plane *planes)
{
    JSAMPROW rows[COMPONENTS][BAND_MOST];
    JSAMPARRAY arrays[COMPONENTS];
    unsigned lines = (unsigned)cinfo->max_v_samp_factor * DCT_LEAST(cinfo);

    for (uint32_t at = 0; cinfo->output_scanline < cinfo->output_height; at++) {
        band_rows(planes, at, rows, arrays);
        jpeg_read_raw_data(cinfo, arrays, lines);
    }
}

static void free_planes(plane *planes)
{
    for (int c = 0; c < COMPONENTS; c++)
        free(planes[c].data);
}

static void decode_jpeg(const file_data *file, unsigned eighths)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors; /* its own way out is right for a tool: say why, exit */
    plane planes[COMPONENTS];

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    begin_planes(&cinfo, file, eighths, planes, false);
    read_planes(&cinfo, planes);
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    free_planes(planes);
}

static void keep_jpeg(small_decoder *small, const file_data *file)
{
    small->jpeg.err = jpeg_std_error(&small->errors);
    jpeg_create_decompress(&small->jpeg);
    begin_planes(&small->jpeg, file, 8, small->planes, true);
    read_planes(&small->jpeg, small->planes);
    small->w = small->jpeg.image_width;
    small->h = small->jpeg.image_height;
}

/* Tables and sampling of the kept picture: its samples encode to its own bytes again. */
static void copy_manner(struct jpeg_compress_struct *to, struct jpeg_decompress_struct *from)
{
    to->image_width = from->image_width;
    to->image_height = from->image_height;
    to->input_components = COMPONENTS;
    to->in_color_space = JCS_YCbCr;
    jpeg_set_defaults(to);
    jpeg_copy_critical_parameters(from, to);
    to->raw_data_in = TRUE;
}

static size_t encode_jpeg(small_decoder *small)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    JSAMPROW rows[COMPONENTS][BAND_MOST];
    JSAMPARRAY arrays[COMPONENTS];
    unsigned char *out = NULL;
    unsigned long length = 0;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &out, &length);
    copy_manner(&cinfo, &small->jpeg);
    jpeg_start_compress(&cinfo, TRUE);
    for (uint32_t at = 0; cinfo.next_scanline < cinfo.image_height; at++) {
        band_rows(small->planes, at, rows, arrays);
        jpeg_write_raw_data(&cinfo, arrays, (unsigned)cinfo.max_v_samp_factor * DCTSIZE);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(out);
    return length;
}

/* ---- PNG ------------------------------------------------------------------------- */

typedef struct png_input {
    const file_data *file;
    size_t at;
} png_input;

static void png_from_memory(png_structp png, png_bytep data, png_size_t length)
{
    png_input *reading = png_get_io_ptr(png);

    if (length > reading->file->length - reading->at)
        png_error(png, "broken off");
    memcpy(data, reading->file->data + reading->at, length);
    reading->at += length;
}

static void png_count(png_structp png, png_bytep data, png_size_t length)
{
    size_t *count = png_get_io_ptr(png);

    (void)data;
    *count += length;
}

static void png_no_flush(png_structp png)
{
    (void)png;
}

/* Every row; into `keep` when it is not NULL, with its shape. */
static void decode_png(const file_data *file, small_decoder *keep)
{
    png_input reading = {file, 0};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *volatile row = NULL;
    size_t stride;
    uint32_t h;

    if (!info || setjmp(png_jmpbuf(png)))
        die("libpng failed", "decode");
    png_set_read_fn(png, &reading, png_from_memory);
    png_read_info(png, info);
    h = png_get_image_height(png, info);
    stride = png_get_rowbytes(png, info);
    row = alloc(keep ? h : 1, stride);
    for (uint32_t y = 0; y < h; y++)
        png_read_row(png, keep ? row + stride * y : row, NULL);
    png_read_end(png, NULL);
    if (keep) {
        keep->w = png_get_image_width(png, info);
        keep->h = h;
        keep->channels = png_get_channels(png, info);
        keep->type = png_get_color_type(png, info);
        keep->rows = row;
    } else {
        free(row);
    }
    png_destroy_read_struct(&png, &info, NULL);
}

static size_t encode_png(const small_decoder *small)
{
    size_t count = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info || setjmp(png_jmpbuf(png)))
        die("libpng failed", "encode");
    png_set_write_fn(png, &count, png_count, png_no_flush);
    png_set_IHDR(png, info, small->w, small->h, 8, small->type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 1);
    png_set_filter(png, 0, PNG_FILTER_SUB);
    png_write_info(png, info);
    for (uint32_t y = 0; y < small->h; y++)
        png_write_row(png, small->rows + (size_t)y * small->w * (size_t)small->channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return count;
}

/* ---- leaving out scans ----------------------------------------------------------- */

/* Where the segment or the entropy-coded data at `at` ends: the next marker. */
static size_t next_marker(const file_data *file, size_t at)
{
    while (at + 1 < file->length &&
           (file->data[at] != 0xff || file->data[at + 1] == 0 || file->data[at + 1] == 0xff ||
            (file->data[at + 1] >= 0xd0 && file->data[at + 1] <= 0xd7)))
        at++;
    return at + 1 < file->length ? at : file->length;
}

/* Whether the scan header of `length` bytes is luma's alone and has no DC. */
static bool is_luma_detail(const uint8_t *header, size_t length, int luma)
{
    return length >= 8 && header[2] == 1 && header[3] == luma && header[5] > 0;
}

static void cut(const char *name, const char *to)
{
    file_data file = load(name);
    FILE *out = fopen(to, "wb");
    int luma = -1;
    size_t at = 2;

    if (!out || file.length < 4 || file.data[0] != 0xff || file.data[1] != 0xd8)
        die("cannot cut", name);
    fwrite(file.data, 1, 2, out);
    while (at + 4 <= file.length && file.data[at] == 0xff && file.data[at + 1] != 0xd9) {
        uint8_t marker = file.data[at + 1];
        const uint8_t *segment = file.data + at + 2;
        size_t length = (size_t)(segment[0] << 8 | segment[1]), end = at + 2 + length;
        if (end > file.length)
            die("broken off", name);
        if (marker == 0xc2 && length >= 11)
            luma = segment[8]; /* the first component's id */
        if (marker == 0xda)
            end = next_marker(&file, end);
        if (marker != 0xda || !is_luma_detail(segment, length, luma))
            fwrite(file.data + at, 1, end - at, out);
        at = end;
    }
    fwrite("\xff\xd9", 1, 2, out);
    if (fclose(out) != 0 || luma < 0)
        die("not a progressive JPEG, or no room", name);
    free(file.data);
}

/* ---- the loop -------------------------------------------------------------------- */

static size_t answer_once(const file_data *source, small_decoder *small, bool jpeg,
                          unsigned eighths, double *decoding)
{
    double start = cpu_seconds();

    if (jpeg)
        decode_jpeg(source, eighths);
    else
        decode_png(source, NULL);
    *decoding += cpu_seconds() - start;
    return jpeg ? encode_jpeg(small) : encode_png(small);
}

static void run(const file_data *source, small_decoder *small, bool jpeg, unsigned eighths,
                double seconds)
{
    double began, decoding = 0, now;
    unsigned pictures = 0;
    size_t bytes;

    /* Once for nothing: a program's first picture also pays for its pages. */
    answer_once(source, small, jpeg, eighths, &decoding);
    began = cpu_seconds();
    decoding = 0;
    do {
        bytes = answer_once(source, small, jpeg, eighths, &decoding);
        now = cpu_seconds();
        pictures++;
    } while (now - began < seconds);
    printf("pictures: %u\ncpu_ms: %.4f\ndecode_ms: %.4f\nencode_ms: %.4f\n", pictures,
           (now - began) * 1e3 / pictures, decoding * 1e3 / pictures,
           (now - began - decoding) * 1e3 / pictures);
    printf("width: %u\nheight: %u\nbytes: %zu\n", small->w, small->h, bytes);
}

int main(int argc, char **argv)
{
    unsigned eighths = 8;
    double seconds = 0;
    file_data source, answer;
    small_decoder small;
    bool jpeg;
    int option;

    if (argc == 4 && strcmp(argv[1], "--cut") == 0) {
        cut(argv[2], argv[3]);
        return 0;
    }
    while ((option = getopt(argc, argv, "s:t:")) != -1) {
        if (option == 's')
            eighths = (unsigned)atoi(optarg);
        else if (option == 't')
            seconds = atof(optarg);
        else
            die("usage", "floor [-s EIGHTHS] [-t SECONDS] SOURCE SMALL");
    }
    if (argc - optind != 2 || eighths < 1 || eighths > 8 || (eighths & (eighths - 1)))
        die("usage", "floor [-s 1|2|4|8] [-t SECONDS] SOURCE SMALL");
    memset(&small, 0, sizeof small);
    source = load(argv[optind]);
    answer = load(argv[optind + 1]);
    jpeg = source.data[0] == 0xff;
    if (jpeg)
        keep_jpeg(&small, &answer);
    else
        decode_png(&answer, &small);
    run(&source, &small, jpeg, eighths, seconds);
    return 0;
}
