/* SPDX-License-Identifier: Apache-2.0 */
/* AVIF files box by box, sound ones and others, around one coded picture of libavif's. */
#ifndef ISOBMFF_H
#define ISOBMFF_H

#include "avifs.h"

static void put_number(bytes *to, uint64_t value, unsigned width)
{
    uint8_t number[8];

    for (unsigned at = 0; at < width; at++)
        number[at] = (uint8_t)(value >> (8 * (width - 1 - at)));
    put(to, number, width);
}

static void set_number(uint8_t *to, uint32_t value)
{
    for (int byte = 0; byte < 4; byte++)
        to[byte] = (uint8_t)(value >> (24 - 8 * byte));
}

/* Begin a box; where it begins, for end_box. */
static size_t begin_box(bytes *to, const char *type)
{
    size_t at = to->length;

    put_number(to, 0, 4);
    put(to, type, 4);
    return at;
}

static size_t begin_full_box(bytes *to, const char *type, uint8_t version, uint32_t flags)
{
    size_t at = begin_box(to, type);

    put_number(to, (uint32_t)version << 24 | flags, 4);
    return at;
}

static void end_box(bytes *to, size_t at)
{
    set_number(to->data + at, (uint32_t)(to->length - at));
}

/* An ftyp with `others` brands between mif1 and `brand`. */
static void put_ftyp(bytes *to, const char *brand, unsigned others)
{
    size_t at = begin_box(to, "ftyp");

    put(to, "mif1\0\0\0\0mif1", 12);
    for (unsigned other = 0; other < others; other++)
        put(to, "MA1B", 4);
    put(to, brand, 4);
    end_box(to, at);
}

static void put_hdlr(bytes *to)
{
    size_t at = begin_full_box(to, "hdlr", 0, 0);

    put(to, "\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0", 21);
    end_box(to, at);
}

/* One coded picture. */
typedef struct coded {
    bytes data;
    uint32_t w, h;
    uint8_t av1c[12]; /* the box av1C */
} coded;

static coded make_coded(uint32_t w, uint32_t h)
{
    recipe recipe = {.w = w, .h = h, .depth = 8, .format = AVIF_PIXEL_FORMAT_YUV420};
    bytes file = make(&recipe);
    uint8_t *from = find(&file, "mdat") + 4;
    coded made = {.w = w, .h = h};

    put(&made.data, from, (size_t)(file.data + file.length - from));
    memcpy(made.av1c, find(&file, "av1C") - 4, sizeof made.av1c);
    free(file.data);
    return made;
}

/*
 * A file whose items 1 to `cells` are that picture, all of the same data. With `columns` they
 * make up a grid, which is the primary item. Whatever else is not 0 is there in addition, to
 * make the file dear to parse or to decode.
 */
typedef struct still {
    uint32_t cells, columns;
    uint32_t cell_w, cell_h;   /* what the cells claim; 0: what is coded */
    uint32_t grid_w, grid_h;   /* what the grid claims; 0: what its cells come to */
    uint32_t alphas;           /* items that are the picture as its alpha */
    uint32_t alpha_w, alpha_h; /* what they claim; 0: what is coded */
    uint32_t exif;             /* items of EXIF that are the padding and 8 bytes more */
    uint32_t pieces;           /* of each item's data: single bytes, and the rest */
    uint32_t repeats;          /* of each item's data */
    uint32_t empty;            /* items without data, in iloc alone */
    uint32_t infos;            /* items in iinf alone */
    uint32_t associated;       /* items in ipma alone */
    uint32_t referred;         /* items in iref alone */
    uint32_t properties;       /* of no known kind */
    uint32_t associations;     /* of one property with each item, 255 at most with all others */
    uint32_t references;       /* of the last item, to the first */
    uint32_t idat;             /* bytes */
    uint32_t icc;              /* bytes of a profile */
    uint32_t boxes;            /* in meta, of no use */
    uint32_t file_boxes;       /* in front of meta, likewise */
    uint32_t brands;           /* in front of avif */
    uint32_t padding;          /* bytes in front of meta, EXIF's header first if it fits */
    bool large;                /* the padding's box has a size of 64 bits */
} still;

/* What kinds of items there are, in the order of their numbers. */
typedef struct numbers {
    uint32_t grid, alpha, exif, empty, info, associated, referred, end;
} numbers;

static numbers number_items(const still *still)
{
    numbers made;

    made.grid = 1 + still->cells;
    made.alpha = made.grid + (still->columns != 0);
    made.exif = made.alpha + still->alphas;
    made.empty = made.exif + still->exif;
    made.info = made.empty + still->empty;
    made.associated = made.info + still->infos;
    made.referred = made.associated + still->associated;
    made.end = made.referred + still->referred;
    return made;
}

/* An item's place: `length` bytes of the file. */
static void put_place(bytes *to, const still *still, uint32_t id, uint32_t at, uint32_t length)
{
    uint32_t pieces = still->pieces ? still->pieces : 1;
    uint32_t repeats = still->repeats ? still->repeats : 1;

    put_number(to, id, 4);
    put_number(to, 0, 2 + 2); /* in the file, this file */
    put_number(to, pieces - 1 + repeats, 2);
    for (uint32_t piece = 1; piece < pieces; piece++) {
        put_number(to, at++, 4);
        put_number(to, 1, 4);
        length--;
    }
    for (uint32_t repeat = 0; repeat < repeats; repeat++) {
        put_number(to, at, 4);
        put_number(to, length, 4);
    }
}

static void put_iloc(bytes *to, const still *still, const coded *coded, uint32_t data_at)
{
    numbers items = number_items(still);
    uint32_t data = (uint32_t)coded->data.length;
    size_t box = begin_full_box(to, "iloc", 2, 0);

    put_number(to, 0x4400, 2); /* offsets and lengths of 4 bytes */
    put_number(to, items.info - 1, 4);
    for (uint32_t id = 1; id < items.empty; id++) {
        if (id == items.grid && still->columns) {
            put_number(to, id, 4);
            put_number(to, 1, 2); /* in idat */
            put_number(to, 1, 4); /* one piece */
            put_number(to, 0, 4);
            put_number(to, 12, 4);
        } else {
            put_place(to, still, id, id < items.exif ? data_at : data_at - 8 - still->padding,
                      id < items.exif ? data : still->padding + 8);
        }
    }
    for (uint32_t id = items.empty; id < items.info; id++) {
        put_number(to, id, 4);
        put_number(to, 0, 6);
    }
    end_box(to, box);
}

static void put_iinf(bytes *to, const still *still)
{
    numbers items = number_items(still);
    uint32_t named = items.empty - 1;
    size_t box = begin_full_box(to, "iinf", 1, 0);

    put_number(to, named + still->infos, 4);
    for (uint32_t at = 1; at <= named + still->infos; at++) {
        uint32_t id = at <= named ? at : items.info + (at - named - 1);
        size_t entry = begin_full_box(to, "infe", 3, 0);

        put_number(to, id, 4);
        put_number(to, 0, 2);
        put(to,
            id == items.grid && still->columns                  ? "grid"
            : id >= items.exif && id < items.exif + still->exif ? "Exif"
                                                                : "av01",
            4);
        put_number(to, 0, 1);
        end_box(to, entry);
    }
    end_box(to, box);
}

static void put_ispe(bytes *to, uint32_t w, uint32_t h)
{
    size_t box = begin_full_box(to, "ispe", 0, 0);

    put_number(to, w, 4);
    put_number(to, h, 4);
    end_box(to, box);
}

/* The properties' numbers. */
enum { AV1C = 1, ISPE_CELL, ISPE_GRID, ISPE_ALPHA, AUXC, COLR, USELESS };

static void put_ipco(bytes *to, const still *still, const coded *coded)
{
    uint32_t w = still->cell_w ? still->cell_w : coded->w;
    uint32_t h = still->cell_h ? still->cell_h : coded->h;
    uint32_t rows = still->columns ? still->cells / still->columns : 0;
    size_t box = begin_box(to, "ipco"), property;

    put(to, coded->av1c, sizeof coded->av1c);
    put_ispe(to, w, h);
    put_ispe(to, still->grid_w ? still->grid_w : w * still->columns,
             still->grid_h ? still->grid_h : h * rows);
    put_ispe(to, still->alpha_w ? still->alpha_w : w, still->alpha_h ? still->alpha_h : h);
    property = begin_full_box(to, "auxC", 0, 0);
    put(to, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", 44);
    end_box(to, property);
    property = begin_box(to, "colr");
    put(to, "prof", 4);
    for (uint32_t at = 0; at < still->icc; at++)
        put_number(to, 0, 1);
    end_box(to, property);
    for (uint32_t at = 0; at < still->properties; at++)
        end_box(to, begin_box(to, "free"));
    end_box(to, box);
}

static void put_ipma(bytes *to, const still *still)
{
    numbers items = number_items(still);
    uint32_t pictures = items.exif - 1, more = still->associations;
    size_t box = begin_full_box(to, "ipma", 1, 0);

    put_number(to, pictures + still->associated, 4);
    for (uint32_t at = 1; at <= pictures + still->associated; at++) {
        uint32_t id = at <= pictures ? at : items.associated + (at - pictures - 1);
        bool grid = id == items.grid && still->columns, alpha = id >= items.alpha;
        unsigned own = at > pictures ? 0 : alpha ? 3 : 2 + (still->icc && id == 1);

        put_number(to, id, 4);
        put_number(to, own + more, 1);
        if (own)
            put_number(to, 0x80 | AV1C, 1);
        if (own)
            put_number(to, grid ? ISPE_GRID : alpha ? ISPE_ALPHA : ISPE_CELL, 1);
        if (own == 3)
            put_number(to, alpha ? AUXC : COLR, 1);
        for (uint32_t other = 0; other < more; other++)
            put_number(to, ISPE_CELL, 1);
    }
    end_box(to, box);
}

static void put_reference(bytes *to, const char *type, uint32_t from, uint32_t first,
                          uint32_t count, uint32_t step)
{
    while (count > 0) {
        uint32_t part = count < 65535 ? count : 65535;
        size_t box = begin_box(to, type);

        put_number(to, from, 4);
        put_number(to, part, 2);
        for (uint32_t at = 0; at < part; at++, first += step)
            put_number(to, first, 4);
        end_box(to, box);
        count -= part;
    }
}

static void put_iref(bytes *to, const still *still)
{
    numbers items = number_items(still);
    uint32_t primary = still->columns ? items.grid : 1;
    size_t box = begin_full_box(to, "iref", 1, 0);

    if (still->columns)
        put_reference(to, "dimg", items.grid, 1, still->cells, 1);
    for (uint32_t id = items.alpha; id < items.exif; id++)
        put_reference(to, "auxl", id, primary, 1, 0);
    for (uint32_t id = items.exif; id < items.empty; id++)
        put_reference(to, "cdsc", id, primary, 1, 0);
    for (uint32_t id = items.referred; id < items.end; id++)
        put_reference(to, "cdsc", id, primary, 1, 0);
    put_reference(to, "thmb", items.end - 1, primary, still->references, 0);
    end_box(to, box);
}

/* The idat: a grid's description and whatever else. */
static void put_idat(bytes *to, const still *still, const coded *coded)
{
    uint32_t rows = still->columns ? still->cells / still->columns : 1;
    uint32_t w = still->cell_w ? still->cell_w : coded->w;
    uint32_t h = still->cell_h ? still->cell_h : coded->h;
    size_t box = begin_box(to, "idat");

    put_number(to, 1, 2); /* of 32 bits */
    put_number(to, rows - 1, 1);
    put_number(to, still->columns - 1, 1);
    put_number(to, still->grid_w ? still->grid_w : w * still->columns, 4);
    put_number(to, still->grid_h ? still->grid_h : h * rows, 4);
    for (uint32_t at = 0; at < still->idat; at++)
        put_number(to, 0, 1);
    end_box(to, box);
}

static void put_meta(bytes *to, const still *still, const coded *coded, uint32_t data_at)
{
    numbers items = number_items(still);
    size_t box = begin_full_box(to, "meta", 0, 0), inner;

    put_hdlr(to);
    inner = begin_full_box(to, "pitm", 1, 0);
    put_number(to, still->columns ? items.grid : 1, 4);
    end_box(to, inner);
    put_iloc(to, still, coded, data_at);
    put_iinf(to, still);
    inner = begin_box(to, "iprp");
    put_ipco(to, still, coded);
    put_ipma(to, still);
    end_box(to, inner);
    put_iref(to, still);
    put_idat(to, still, coded);
    for (uint32_t at = 0; at < still->boxes; at++)
        end_box(to, begin_box(to, "free"));
    end_box(to, box);
}

__attribute__((unused)) static bytes make_still(const still *still, const coded *coded)
{
    bytes made = {0};
    size_t box;

    put_ftyp(&made, "avif", still->brands);
    for (uint32_t at = 0; at < still->file_boxes; at++)
        end_box(&made, begin_box(&made, "free"));
    box = begin_box(&made, "free");
    if (still->large)
        put_number(&made, still->padding + 16, 8);
    for (uint32_t at = 0; at < still->padding; at++)
        put_number(&made, at < 8 && still->padding >= 8 ? (uint8_t) "\0\0\0\0II*\0"[at] : 0, 1);
    end_box(&made, box);
    if (still->large)
        set_number(made.data + box, 1);
    box = begin_box(&made, "mdat");
    put(&made, coded->data.data, coded->data.length);
    end_box(&made, box);
    put_meta(&made, still, coded, (uint32_t)(box + 8));
    return made;
}

/* ---- sequences ---------------------------------------------------------------------- */

/* A file of tracks, all of whose frames are that picture. 0 is 1, but for `alphas`. */
typedef struct sequence {
    uint32_t tracks;           /* of colour, of which the first counts */
    uint32_t alphas;           /* tracks that are the first one's alpha */
    uint32_t alpha_w, alpha_h; /* what they claim; 0: what is coded */
    uint32_t w, h;             /* what those of colour claim */
    uint32_t frames, chunks, runs, times, syncs;
    uint32_t descriptions;
    uint32_t boxes;  /* in a description */
    uint32_t tables; /* stco of each track */
    uint32_t items;  /* in each track's own meta, in iloc alone */
} sequence;

static uint32_t one(uint32_t value)
{
    return value ? value : 1;
}

static void put_tkhd(bytes *to, uint32_t id, uint32_t w, uint32_t h)
{
    size_t box = begin_full_box(to, "tkhd", 0, 1);

    put_number(to, 0, 8);
    put_number(to, id, 4);
    for (int at = 0; at < 15; at++)
        put_number(to, 0, 4);
    put_number(to, w << 16, 4);
    put_number(to, h << 16, 4);
    end_box(to, box);
}

static void put_stsd(bytes *to, const sequence *sequence, const coded *coded)
{
    uint32_t count = one(sequence->descriptions);
    size_t box = begin_full_box(to, "stsd", 0, 0), entry;

    put_number(to, count, 4);
    for (uint32_t at = 0; at < count; at++) {
        entry = begin_box(to, "av01");
        for (int byte = 0; byte < 78; byte++)
            put_number(to, 0, 1);
        put(to, coded->av1c, sizeof coded->av1c);
        for (uint32_t other = 0; other < sequence->boxes; other++)
            end_box(to, begin_box(to, "free"));
        end_box(to, entry);
    }
    end_box(to, box);
}

/* A table of `count` entries of `fields` numbers of 32 bits, all alike. */
static void put_table(bytes *to, const char *type, uint32_t count, unsigned fields,
                      uint32_t value)
{
    size_t box = begin_full_box(to, type, 0, 0);

    if (strcmp(type, "stsz") == 0)
        put_number(to, 0, 4);
    put_number(to, count, 4);
    for (uint32_t at = 0; at < count * fields; at++)
        put_number(to, value, 4);
    end_box(to, box);
}

static void put_stbl(bytes *to, const sequence *sequence, const coded *coded, uint32_t data_at)
{
    size_t box = begin_box(to, "stbl"), inner;

    put_stsd(to, sequence, coded);
    for (uint32_t at = 0; at < one(sequence->tables); at++)
        put_table(to, "stco", one(sequence->chunks), 1, data_at);
    inner = begin_full_box(to, "stsc", 0, 0);
    put_number(to, one(sequence->runs), 4);
    for (uint32_t at = 0; at < one(sequence->runs); at++) {
        put_number(to, at + 1, 4);
        put_number(to, 1, 4); /* sample of each */
        put_number(to, 1, 4); /* its description */
    }
    end_box(to, inner);
    put_table(to, "stsz", one(sequence->frames), 1, (uint32_t)coded->data.length);
    put_table(to, "stts", one(sequence->times), 2, 1);
    put_table(to, "stss", one(sequence->syncs), 1, 1);
    end_box(to, box);
}

static void put_trak(bytes *to, const sequence *sequence, const coded *coded, uint32_t data_at,
                     uint32_t id, bool alpha)
{
    uint32_t w = alpha ? sequence->alpha_w : sequence->w;
    uint32_t h = alpha ? sequence->alpha_h : sequence->h;
    size_t box = begin_box(to, "trak"), media, inner;

    put_tkhd(to, id, w ? w : coded->w, h ? h : coded->h);
    if (alpha) {
        inner = begin_box(to, "tref");
        put_table(to, "auxl", 0, 0, 0);
        set_number(to->data + to->length - 8, 1); /* of track 1 */
        end_box(to, inner);
    }
    if (sequence->items) {
        static const still none;
        still items = none;

        items.empty = sequence->items;
        inner = begin_full_box(to, "meta", 0, 0);
        put_hdlr(to);
        put_iloc(to, &items, coded, 0);
        end_box(to, inner);
    }
    media = begin_box(to, "mdia");
    inner = begin_box(to, "minf");
    put_stbl(to, sequence, coded, data_at);
    end_box(to, inner);
    end_box(to, media);
    end_box(to, box);
}

__attribute__((unused)) static bytes make_sequence(const sequence *sequence, const coded *coded)
{
    bytes made = {0};
    uint32_t id = 1;
    size_t box;

    put_ftyp(&made, "avis", 0);
    box = begin_box(&made, "mdat");
    put(&made, coded->data.data, coded->data.length);
    end_box(&made, box);
    {
        uint32_t data_at = (uint32_t)box + 8;

        box = begin_box(&made, "moov");
        for (uint32_t at = 0; at < one(sequence->tracks); at++)
            put_trak(&made, sequence, coded, data_at, id++, false);
        for (uint32_t at = 0; at < sequence->alphas; at++)
            put_trak(&made, sequence, coded, data_at, id++, true);
        end_box(&made, box);
    }
    return made;
}

#endif
