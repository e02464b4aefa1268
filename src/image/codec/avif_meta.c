/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A meta box: items, where their data are, their properties and how they refer to each other.
 * Items come into being as libavif makes them, when any table names them first.
 */
#include "avif_meta.h"

#include <stdlib.h>
#include <string.h>

/* Each is a copy of its property: five or six an item. */
#define ASSOCIATIONS_MAX (16 * TC_AVIF_ITEMS_MAX)

/* Each looks two items up. Of a grid with alpha each cell is referred to once. */
#define REFERENCES_MAX (2 * TC_AVIF_ITEMS_MAX)

/* EXIF of all items, bytes; that of cameras has some KiB, and a thumbnail. */
#define EXIF_MAX (4 * 1024 * 1024)

/* Where the number is in the hash table, or would be. */
static uint16_t *slot_of(tc_avif_meta *meta, uint32_t id)
{
    uint32_t at = (id * 0x9e3779b1u) >> 19;

    while (meta->slot[at] && meta->item[meta->slot[at] - 1].id != id)
        at = (at + 1) % TC_AVIF_SLOTS;
    return &meta->slot[at];
}

tc_avif_item *tc_avif_item_find(tc_avif_meta *meta, uint32_t id)
{
    uint16_t slot = *slot_of(meta, id);

    return slot ? &meta->item[slot - 1] : NULL;
}

tc_avif_item *tc_avif_item_of(tc_avif_meta *meta, uint32_t id)
{
    uint16_t *slot = slot_of(meta, id);

    if (id == 0) {
        tc_avif_refuse(meta->walk, "an item has the number 0");
        return NULL;
    }
    if (*slot)
        return &meta->item[*slot - 1];
    if (!tc_avif_spend(meta->walk, &meta->walk->items, TC_AVIF_ITEMS_MAX, "items"))
        return NULL;
    *slot = (uint16_t)(meta->items + 1);
    meta->item[meta->items].id = id;
    return &meta->item[meta->items++];
}

static uint8_t read_version(tc_avif_cursor *body)
{
    return (uint8_t)(tc_avif_read_number(body, 4) >> 24);
}

/* ---- iloc ------------------------------------------------------------------------------ */

static void read_extents(tc_avif_meta *meta, tc_avif_cursor *body, tc_avif_item *item,
                         uint64_t base, unsigned offset_bytes, unsigned length_bytes)
{
    uint32_t count = (uint32_t)tc_avif_read_number(body, 2);

    item->first_extent = meta->extents;
    for (uint32_t at = 0; at < count; at++) {
        uint64_t offset = tc_avif_read_number(body, offset_bytes);
        uint64_t length = tc_avif_read_number(body, length_bytes);

        if (!tc_avif_spend(meta->walk, &meta->walk->extents, TC_AVIF_EXTENTS_MAX,
                           "pieces of items"))
            return;
        if (offset > UINT64_MAX - base || length > UINT64_MAX - item->size) {
            tc_avif_refuse(meta->walk, "an item lies outside the file");
            return;
        }
        meta->extent[meta->extents++] = (tc_avif_extent){base + offset, length};
        item->size += length;
        item->extents++;
    }
}

static bool is_field(unsigned bytes)
{
    return bytes == 0 || bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

static void read_locations(tc_avif_meta *meta, tc_avif_cursor body)
{
    uint8_t version = read_version(&body);
    uint16_t sizes = (uint16_t)tc_avif_read_number(&body, 2);
    unsigned offset_bytes = sizes >> 12, length_bytes = sizes >> 8 & 15;
    unsigned base_bytes = sizes >> 4 & 15, index_bytes = sizes & 15;
    uint32_t count = (uint32_t)tc_avif_read_number(&body, version < 2 ? 2 : 4);

    if (version > 2 || (version > 0 && index_bytes) || !is_field(offset_bytes) ||
        !is_field(length_bytes) || !is_field(base_bytes)) {
        tc_avif_refuse(meta->walk, "the items' locations are in an unknown form");
        return;
    }
    for (uint32_t at = 0; at < count && tc_avif_is_sound(meta->walk); at++) {
        uint32_t id = (uint32_t)tc_avif_read_number(&body, version < 2 ? 2 : 4);
        unsigned method = version > 0 ? tc_avif_read_number(&body, 2) & 15 : 0;
        tc_avif_item *item;
        uint64_t base;

        tc_avif_skip(&body, 2); /* the file that holds it */
        base = tc_avif_read_number(&body, base_bytes);
        item = tc_avif_is_sound(meta->walk) ? tc_avif_item_of(meta, id) : NULL;
        if (!item)
            return;
        if (method > 1 || item->extents > 0) {
            tc_avif_refuse(meta->walk,
                           "an item's location is in an unknown form, or given twice");
            return;
        }
        item->in_idat |= method == 1;
        read_extents(meta, &body, item, base, offset_bytes, length_bytes);
    }
}

/* ---- iinf and iref --------------------------------------------------------------------- */

static void read_infos(tc_avif_meta *meta, tc_avif_cursor body)
{
    uint8_t version = read_version(&body);
    uint32_t count = (uint32_t)tc_avif_read_number(&body, version == 0 ? 2 : 4);

    if (version > 1) {
        tc_avif_refuse(meta->walk, "the list of items is in an unknown form");
        return;
    }
    for (uint32_t at = 0; at < count; at++) {
        tc_avif_box box;
        uint32_t type;
        tc_avif_item *item;

        if (!tc_avif_next(&body, &box) || !tc_avif_is(&box, "infe")) {
            tc_avif_refuse(meta->walk, "fewer items than the list says");
            return;
        }
        version = read_version(&box.body);
        if (version != 2 && version != 3) {
            tc_avif_refuse(meta->walk, "an item's entry is in an unknown form");
            return;
        }
        item = tc_avif_item_of(meta,
                               (uint32_t)tc_avif_read_number(&box.body, version == 2 ? 2 : 4));
        tc_avif_skip(&box.body, 2); /* protection */
        type = (uint32_t)tc_avif_read_number(&box.body, 4);
        if (!item || !tc_avif_is_sound(meta->walk))
            return;
        for (int byte = 0; byte < 4; byte++)
            item->type[byte] = (char)(type >> (24 - 8 * byte));
    }
}

static void note_reference(tc_avif_meta *meta, const tc_avif_box *box, uint32_t from,
                           uint32_t to)
{
    tc_avif_item *item = from && to ? tc_avif_item_of(meta, from) : NULL;

    if (!item)
        return;
    if (tc_avif_is(box, "thmb"))
        item->thumbnail_for = to;
    else if (tc_avif_is(box, "auxl"))
        item->aux_for = to;
    else if (tc_avif_is(box, "dimg") && (item = tc_avif_item_of(meta, to)) != NULL)
        item->cell_of = from;
}

/* libavif does not look where a reference's box ends, so each must end with its list. */
static void read_references(tc_avif_meta *meta, tc_avif_cursor body)
{
    uint8_t version = read_version(&body);
    unsigned bytes = version == 0 ? 2 : 4;
    tc_avif_box box;

    while (version < 2 && tc_avif_next(&body, &box)) {
        uint32_t from = (uint32_t)tc_avif_read_number(&box.body, bytes);
        uint32_t count = (uint32_t)tc_avif_read_number(&box.body, 2);

        for (uint32_t at = 0; at < count; at++) {
            uint32_t to = (uint32_t)tc_avif_read_number(&box.body, bytes);

            if (!tc_avif_spend(meta->walk, &meta->walk->references, REFERENCES_MAX,
                               "references between items"))
                return;
            note_reference(meta, &box, from, to);
        }
        if (box.body.at != box.body.end) {
            tc_avif_refuse(meta->walk, "a reference's length is wrong");
            return;
        }
    }
}

/* ---- iprp -------------------------------------------------------------------------------- */

/* Whether an auxC says that its item is alpha. */
static bool is_alpha_urn(tc_avif_cursor body)
{
    static const char *const urns[] = {"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
                                       "urn:mpeg:hevc:2015:auxid:1"};
    uint64_t left;

    tc_avif_skip(&body, 4);
    left = body.end - body.at;
    for (size_t at = 0; at < sizeof urns / sizeof urns[0]; at++) {
        size_t length = strlen(urns[at]) + 1;
        const uint8_t *name = left >= length ? tc_avif_peek(body.walk, body.at, length) : NULL;

        if (name && memcmp(name, urns[at], length) == 0)
            return true;
    }
    return false;
}

static void read_properties(tc_avif_meta *meta, tc_avif_cursor body)
{
    tc_avif_box box;

    while (tc_avif_next(&body, &box)) {
        tc_avif_property *property;

        if (!tc_avif_spend(meta->walk, &meta->walk->properties, TC_AVIF_PROPERTIES_MAX,
                           "properties"))
            return;
        property = &meta->property[meta->properties++];
        memcpy(property->type, box.type, 4);
        if (tc_avif_is(&box, "ispe")) {
            tc_avif_skip(&box.body, 4);
            property->width = (uint32_t)tc_avif_read_number(&box.body, 4);
            property->height = (uint32_t)tc_avif_read_number(&box.body, 4);
        } else if (tc_avif_is(&box, "auxC")) {
            property->is_alpha = is_alpha_urn(box.body);
        }
    }
}

/* Whether any item may choose what of its coded picture is decoded. */
static bool is_layered(const tc_avif_meta *meta)
{
    static const char choosing[][5] = {"a1op", "lsel", "a1lx"};

    for (uint32_t at = 0; at < meta->properties; at++) {
        for (size_t kind = 0; kind < sizeof choosing / sizeof choosing[0]; kind++) {
            if (memcmp(meta->property[at].type, choosing[kind], 4) == 0)
                return true;
        }
    }
    return false;
}

/* Those that libavif knows; of others an item that cannot do without one is passed over. */
static bool is_supported(const tc_avif_property *property)
{
    static const char known[][5] = {"ispe", "auxC", "colr", "av1C", "pasp", "clap",
                                    "irot", "imir", "pixi", "a1op", "lsel", "a1lx"};

    for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
        if (memcmp(property->type, known[at], 4) == 0)
            return true;
    }
    return false;
}

static void associate(tc_avif_item *item, const tc_avif_property *property, bool essential)
{
    item->unsupported |= essential && !is_supported(property);
    item->is_alpha |= property->is_alpha;
    if (memcmp(property->type, "ispe", 4) != 0 || item->has_size)
        return;
    item->has_size = true;
    item->width = property->width;
    item->height = property->height;
}

static void read_associations(tc_avif_meta *meta, tc_avif_cursor body)
{
    uint32_t head = (uint32_t)tc_avif_read_number(&body, 4);
    unsigned id_bytes = head >> 24 < 1 ? 2 : 4, bytes = head & 1 ? 2 : 1;
    uint32_t count = (uint32_t)tc_avif_read_number(&body, 4);

    for (uint32_t at = 0; at < count && tc_avif_is_sound(meta->walk); at++) {
        tc_avif_item *item =
            tc_avif_item_of(meta, (uint32_t)tc_avif_read_number(&body, id_bytes));
        unsigned of_item = (unsigned)tc_avif_read_number(&body, 1);

        if (!item || item->associated) {
            tc_avif_refuse(meta->walk, "an item's properties are given twice");
            return;
        }
        item->associated = true;
        for (; of_item > 0; of_item--) {
            uint32_t index = (uint32_t)tc_avif_read_number(&body, bytes);
            bool essential = index >> (8 * bytes - 1);

            if (!tc_avif_spend(meta->walk, &meta->walk->associations, ASSOCIATIONS_MAX,
                               "properties of items"))
                return;
            index &= (1u << (8 * bytes - 1)) - 1;
            if (index > meta->properties) {
                tc_avif_refuse(meta->walk, "an item has a property that does not exist");
                return;
            }
            if (index > 0)
                associate(item, &meta->property[index - 1], essential);
        }
    }
}

static void read_item_properties(tc_avif_meta *meta, tc_avif_cursor body)
{
    tc_avif_box box;

    if (!tc_avif_next(&body, &box) || !tc_avif_is(&box, "ipco")) {
        tc_avif_refuse(meta->walk, "items have properties, but there is no list of properties");
        return;
    }
    read_properties(meta, box.body);
    while (tc_avif_next(&body, &box)) {
        if (!tc_avif_is(&box, "ipma")) {
            tc_avif_refuse(meta->walk, "the properties of items are in an unknown form");
            return;
        }
        read_associations(meta, box.body);
    }
}

/* ---- the box ------------------------------------------------------------------------------
 */

static void read_primary(tc_avif_meta *meta, tc_avif_cursor body)
{
    meta->primary = (uint32_t)tc_avif_read_number(&body, read_version(&body) == 0 ? 2 : 4);
}

static void read_idat(tc_avif_meta *meta, tc_avif_cursor body)
{
    meta->idat = body;
}

static void read_meta(tc_avif_meta *meta, tc_avif_cursor body)
{
    static const struct {
        const char *type;
        void (*read)(tc_avif_meta *meta, tc_avif_cursor body);
    } kinds[] = {{"iloc", read_locations},  {"iinf", read_infos},
                 {"iref", read_references}, {"iprp", read_item_properties},
                 {"pitm", read_primary},    {"idat", read_idat}};
    unsigned seen = 0;
    tc_avif_box box;

    read_version(&body);
    while (tc_avif_next(&body, &box)) {
        for (unsigned at = 0; at < sizeof kinds / sizeof kinds[0]; at++) {
            if (!tc_avif_is(&box, kinds[at].type))
                continue;
            if (seen & 1u << at)
                tc_avif_refuse(meta->walk, "two boxes %s", kinds[at].type);
            seen |= 1u << at;
            if (tc_avif_is_sound(meta->walk))
                kinds[at].read(meta, box.body);
        }
    }
}

static bool has_large_exif(const tc_avif_meta *meta)
{
    uint64_t bytes = 0;

    for (uint32_t at = 0; at < meta->items; at++) {
        if (!tc_avif_is_type(&meta->item[at], "Exif"))
            continue;
        if (meta->item[at].size > EXIF_MAX)
            return true;
        bytes += meta->item[at].size;
    }
    return bytes > EXIF_MAX;
}

void tc_avif_walk_meta(tc_avif_walk *walk, tc_avif_cursor body, tc_avif_picture *picture,
                       bool *exif_is_large)
{
    /* Half a MiB, of which most files touch a few pages. */
    tc_avif_meta *meta = tc_avif_is_sound(walk) ? calloc(1, sizeof *meta) : NULL;

    if (!meta) {
        if (tc_avif_is_sound(walk))
            tc_fail_set(walk->fail, TC_E_NO_MEMORY, "AVIF: out of memory");
        return;
    }
    meta->walk = walk;
    read_meta(meta, body);
    if (tc_avif_is_sound(walk) && picture) {
        tc_avif_note_picture(meta, picture);
        picture->layered = is_layered(meta);
    }
    *exif_is_large |= has_large_exif(meta);
    free(meta);
}
