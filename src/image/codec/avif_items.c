/* SPDX-License-Identifier: Apache-2.0 */
/* What of a meta box's items is decoded, and what that takes. */
#include "avif_meta.h"

#include <string.h>

/* Cells that are alike may share their data, so that all together are more than the file. */
#define SHARED_MAX (1024 * 1024)

/* Pixels of all cells over those of the picture: of two rows and two columns the second may
   be cut to one pixel. libavif wants 64 pixels a side, whatever the picture's size. */
#define CELL_EXCESS 4
#define CELL_SPARE  (1024 * 1024)

/*
 * Coded pictures: cells, alpha. Cameras write 48 cells of 12 megapixels. Each has a decoder of
 * its own, which takes 0.4 MiB and one or two milliseconds to set up.
 */
#define PICTURES_MAX 512

/* A grid's description with 32-bit sizes. */
#define GRID_BYTES 12

bool tc_avif_is_type(const tc_avif_item *item, const char *type)
{
    return memcmp(item->type, type, 4) == 0;
}

/* One that libavif decodes, or looks at the size of. */
static bool is_picture(const tc_avif_item *item)
{
    return item->size > 0 && !item->unsupported &&
           (tc_avif_is_type(item, "av01") || tc_avif_is_type(item, "grid"));
}

/* An item's pieces as places in the file, `count` of them; NULL where they are not there. */
static tc_avif_extent *place(tc_avif_meta *meta, tc_avif_item *item)
{
    tc_avif_extent *extent = &meta->extent[item->first_extent];
    uint64_t size = item->in_idat ? meta->idat.end - meta->idat.at : meta->walk->input->size;

    for (uint32_t at = 0; at < item->extents && !item->placed; at++) {
        if (extent[at].at > size || extent[at].size > size - extent[at].at) {
            tc_avif_refuse(meta->walk, "the file ends before the picture does");
            return NULL;
        }
        if (item->in_idat)
            extent[at].at += meta->idat.at;
    }
    item->placed = true;
    return extent;
}

typedef struct grid_layout {
    uint32_t cells;
    uint32_t width, height;
} grid_layout;

static void read_grid(tc_avif_meta *meta, tc_avif_item *item, grid_layout *grid)
{
    const tc_avif_extent *extent = place(meta, item);
    uint8_t body[GRID_BYTES] = {0};
    uint32_t got = 0;

    for (uint32_t piece = 0; extent && piece < item->extents; piece++) {
        for (uint64_t at = 0; at < extent[piece].size && got < GRID_BYTES; at++) {
            const uint8_t *byte = tc_avif_peek(meta->walk, extent[piece].at + at, 1);

            if (!byte)
                return;
            body[got++] = *byte;
        }
    }
    if (!tc_avif_is_sound(meta->walk))
        return;
    if (item->size != got || got != (body[1] & 1 ? GRID_BYTES : GRID_BYTES - 4)) {
        tc_avif_refuse(meta->walk, "a grid has an impossible length");
        return;
    }
    grid->cells = (body[2] + 1u) * (body[3] + 1u);
    if (body[1] & 1) {
        grid->width =
            (uint32_t)body[4] << 24 | (uint32_t)body[5] << 16 | body[6] << 8 | body[7];
        grid->height =
            (uint32_t)body[8] << 24 | (uint32_t)body[9] << 16 | body[10] << 8 | body[11];
    } else {
        grid->width = (uint32_t)body[4] << 8 | body[5];
        grid->height = (uint32_t)body[6] << 8 | body[7];
    }
}

/* A picture that is coded for itself. */
static void note_coded(tc_avif_meta *meta, tc_avif_item *item, tc_avif_picture *picture,
                       uint64_t *all)
{
    const tc_avif_extent *extent = place(meta, item);

    if (!extent)
        return;
    if (picture->pictures == PICTURES_MAX) {
        tc_fail_set(meta->walk->fail, TC_E_PIXELS_TOO_MANY, "AVIF: more than %d coded pictures",
                    PICTURES_MAX);
        return;
    }
    picture->coded_bytes += item->size;
    tc_avif_note_coded(meta->walk, (uint64_t)item->width * item->height, extent, item->extents,
                       picture, all);
}

/* Cells that claim much more than the picture which they make up. */
static bool is_excessive(uint64_t cells, const tc_avif_item *item)
{
    return cells > CELL_EXCESS * (uint64_t)item->width * item->height + CELL_SPARE;
}

/*
 * The cells of a grid, which libavif decodes one after the other, each to the size that it
 * claims, before it looks whether they are a picture together.
 */
static void note_grid(tc_avif_meta *meta, tc_avif_item *item, tc_avif_picture *picture,
                      uint64_t *all)
{
    uint32_t cells = 0;
    grid_layout grid = {0};

    read_grid(meta, item, &grid);
    if (!tc_avif_is_sound(meta->walk))
        return;
    if (grid.width != item->width || grid.height != item->height) {
        tc_avif_refuse(meta->walk, "a grid's size differs from its picture's");
        return;
    }
    for (uint32_t at = 0; at < meta->items && tc_avif_is_sound(meta->walk); at++) {
        tc_avif_item *cell = &meta->item[at];

        if (cell->cell_of != item->id || !tc_avif_is_type(cell, "av01"))
            continue;
        cells++;
        note_coded(meta, cell, picture, all);
        if (is_excessive(*all, item))
            tc_avif_refuse(meta->walk, "a grid's cells are larger than its picture");
    }
    if (cells != grid.cells)
        tc_avif_refuse(meta->walk, "a grid of %u cells has %u", grid.cells, cells);
}

static void note_item(tc_avif_meta *meta, tc_avif_item *item, tc_avif_picture *picture,
                      uint64_t *all)
{
    if (tc_avif_is_type(item, "grid"))
        note_grid(meta, item, picture, all);
    else
        note_coded(meta, item, picture, all);
}

/*
 * Alphas of the picture, or from libavif 1.0 on of a grid's cells. Which of several it takes
 * differs between versions: all count.
 */
static void note_alphas(tc_avif_meta *meta, const tc_avif_item *colour,
                        tc_avif_picture *picture)
{
    for (uint32_t at = 0; at < meta->items && tc_avif_is_sound(meta->walk); at++) {
        tc_avif_item *item = &meta->item[at];
        const tc_avif_item *of = tc_avif_item_find(meta, item->aux_for);
        uint64_t pixels = 0;

        if (!is_picture(item) || !item->is_alpha || !of ||
            (of != colour && of->cell_of != colour->id))
            continue;
        note_item(meta, item, picture, &pixels);
        picture->alpha_pixels += pixels;
        if ((uint64_t)item->width * item->height > (uint64_t)colour->width * colour->height ||
            is_excessive(picture->alpha_pixels, colour))
            tc_avif_refuse(meta->walk, "the alpha is larger than the picture");
    }
}

/* The item that libavif decodes. A size is looked at wherever an item has one, used or not. */
static tc_avif_item *find_colour(tc_avif_meta *meta)
{
    tc_avif_item *colour = NULL;

    for (uint32_t at = 0; at < meta->items; at++) {
        tc_avif_item *item = &meta->item[at];

        if (!is_picture(item))
            continue;
        if (item->has_size && !tc_avif_size_is_sound(meta->walk, item->width, item->height))
            return NULL;
        if (item->id == meta->primary && !item->thumbnail_for)
            colour = item;
    }
    return colour;
}

void tc_avif_note_picture(tc_avif_meta *meta, tc_avif_picture *picture)
{
    tc_avif_item *colour = find_colour(meta);

    if (!colour)
        return;
    note_item(meta, colour, picture, &picture->colour_pixels);
    note_alphas(meta, colour, picture);
    if (picture->coded_bytes > meta->walk->input->size + SHARED_MAX)
        tc_avif_refuse(meta->walk, "the picture's data are %llu bytes in a file of %llu",
                       (unsigned long long)picture->coded_bytes,
                       (unsigned long long)meta->walk->input->size);
}
