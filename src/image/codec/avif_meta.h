/* SPDX-License-Identifier: Apache-2.0 */
/* A meta box as it was read (codec_avif_meta.c), for what it shows (codec_avif_items.c). */
#ifndef TC_CODEC_AVIF_META_H
#define TC_CODEC_AVIF_META_H

#include "avif_walk.h"

/* Pieces that items' data are in: one an item, more only in files written while they grew. */
#define TC_AVIF_EXTENTS_MAX (2 * TC_AVIF_ITEMS_MAX)

/* Properties that libavif keeps one by one; real files have ten or twenty, however many
   their items are, or a few an item. */
#define TC_AVIF_PROPERTIES_MAX TC_AVIF_ITEMS_MAX

#define TC_AVIF_SLOTS (2 * TC_AVIF_ITEMS_MAX)

typedef struct tc_avif_item {
    uint32_t id;
    char type[4];
    uint64_t size;
    uint32_t first_extent, extents;
    bool in_idat;
    bool placed;                                      /* its pieces are places in the file */
    bool associated, unsupported, is_alpha, has_size; /* by its properties */
    uint32_t width, height;
    uint32_t thumbnail_for, aux_for, cell_of; /* other items' numbers, or 0 */
} tc_avif_item;

typedef struct tc_avif_property {
    char type[4];
    bool is_alpha;
    uint32_t width, height;
} tc_avif_property;

typedef struct tc_avif_meta {
    tc_avif_walk *walk;
    uint32_t primary;
    uint32_t items, extents, properties;
    tc_avif_cursor idat; /* `walk` is NULL without one */
    tc_avif_item item[TC_AVIF_ITEMS_MAX];
    tc_avif_extent extent[TC_AVIF_EXTENTS_MAX];
    tc_avif_property property[TC_AVIF_PROPERTIES_MAX];
    uint16_t slot[TC_AVIF_SLOTS]; /* of a hash table: 0, or an item's place and one */
} tc_avif_meta;

/* The item of that number, or NULL. */
tc_avif_item *tc_avif_item_find(tc_avif_meta *meta, uint32_t id);

/* The item of that number, made where there is none yet; NULL after a failure. */
tc_avif_item *tc_avif_item_of(tc_avif_meta *meta, uint32_t id);

bool tc_avif_is_type(const tc_avif_item *item, const char *type);

/* What decoding the primary item takes. */
void tc_avif_note_picture(tc_avif_meta *meta, tc_avif_picture *picture);

#endif
