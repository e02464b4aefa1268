/* SPDX-License-Identifier: Apache-2.0 */
/* A moov box: tracks, of which colour and alpha are found as libavif finds them. */
#include "avif_walk.h"

/* A sequence has two tracks, colour and alpha. */
#define TRACKS_MAX 16

/* Sample tables, all tracks: five values a frame and track. */
#define ENTRIES_MAX (2 * 5 * TC_AVIF_FRAMES_MAX)

/* Runs of chunks with equally many samples, each of which libavif looks at for each chunk. */
#define RUNS_MAX 1000

/* Sample descriptions, for each of which libavif walks through all that follow. */
#define DESCRIPTIONS_MAX 32

#define VISUAL_ENTRY 78 /* bytes in front of a sample description's boxes */

typedef struct track_boxes {
    uint32_t id, aux_for;
    uint32_t width, height;
    bool has_table, is_av1;
    uint32_t chunks, runs, sizes;
    uint32_t all_size; /* of every sample, or 0: */
    uint32_t size;     /* of the first */
    uint64_t first_at; /* of the first chunk */
    unsigned seen;     /* boxes that a track has once, a bit each */
} track_boxes;

enum {
    SEEN_TKHD = 1,
    SEEN_TREF = 2,
    SEEN_MDIA = 4,
    SEEN_MINF = 8,
    SEEN_STBL = 16,
    SEEN_CHUNKS = 32,
    SEEN_RUNS = 64,
    SEEN_SIZES = 128,
    SEEN_STSS = 256,
    SEEN_STTS = 512,
    SEEN_STSD = 1024
};

static bool first_time(tc_avif_walk *walk, track_boxes *track, unsigned which)
{
    if (track->seen & which)
        return tc_avif_refuse(walk, "a track has two boxes where it may have one");
    track->seen |= which;
    return true;
}

static void read_tkhd(tc_avif_cursor body, track_boxes *track)
{
    uint8_t version = (uint8_t)(tc_avif_read_number(&body, 4) >> 24);
    unsigned wide = version == 1 ? 8 : 4;

    tc_avif_skip(&body, 2 * wide); /* times of creation and modification */
    track->id = (uint32_t)tc_avif_read_number(&body, 4);
    tc_avif_skip(&body, 4 + wide + 52); /* duration, layer, volume, matrix */
    track->width = (uint32_t)tc_avif_read_number(&body, 4) >> 16;
    track->height = (uint32_t)tc_avif_read_number(&body, 4) >> 16;
    tc_avif_size_is_sound(body.walk, track->width, track->height);
}

static void read_tref(tc_avif_cursor body, track_boxes *track)
{
    tc_avif_box box;

    while (tc_avif_next(&body, &box)) {
        if (tc_avif_is(&box, "auxl"))
            track->aux_for = (uint32_t)tc_avif_read_number(&box.body, 4);
    }
}

/* Note the number of a table's entries, of `bytes` each. */
static uint32_t read_count(tc_avif_cursor *body, uint32_t most, unsigned bytes)
{
    tc_avif_walk *walk = body->walk;
    uint32_t count = (uint32_t)tc_avif_read_number(body, 4);

    if (count > most || count > ENTRIES_MAX - walk->entries) {
        tc_avif_refuse(walk, "a sample table of %u entries", count);
        return 0;
    }
    if (body->end - body->at < (uint64_t)count * bytes) {
        tc_avif_refuse(walk, "a sample table is shorter than it says");
        return 0;
    }
    walk->entries += count;
    return count;
}

/* Where the chunks are. */
static void read_chunks(tc_avif_cursor body, track_boxes *track, unsigned bytes)
{
    tc_avif_skip(&body, 4);
    track->chunks = read_count(&body, TC_AVIF_FRAMES_MAX, bytes);
    if (track->chunks > 0)
        track->first_at = tc_avif_read_number(&body, bytes);
}

static void read_sizes(tc_avif_cursor body, track_boxes *track)
{
    tc_avif_skip(&body, 4);
    track->all_size = (uint32_t)tc_avif_read_number(&body, 4);
    if (track->all_size > 0) /* and a number of samples that is of no interest */
        return;
    track->sizes = read_count(&body, TC_AVIF_FRAMES_MAX, 4);
    if (track->sizes > 0)
        track->size = (uint32_t)tc_avif_read_number(&body, 4);
}

static void read_counted(tc_avif_cursor body, uint32_t most, unsigned bytes)
{
    tc_avif_skip(&body, 4);
    read_count(&body, most, bytes);
}

/* libavif takes all that follows a description's first bytes for its boxes. */
static void read_descriptions(tc_avif_cursor body, track_boxes *track)
{
    uint32_t count;

    tc_avif_skip(&body, 4);
    count = (uint32_t)tc_avif_read_number(&body, 4);
    if (count > DESCRIPTIONS_MAX - body.walk->descriptions) {
        tc_avif_refuse(body.walk, "more than %d sample descriptions", DESCRIPTIONS_MAX);
        return;
    }
    body.walk->descriptions += count;
    for (uint32_t at = 0; at < count; at++) {
        tc_avif_cursor rest;
        tc_avif_box box, property;

        if (!tc_avif_next(&body, &box)) {
            tc_avif_refuse(body.walk, "a sample table is shorter than it says");
            return;
        }
        rest = (tc_avif_cursor){body.walk, box.body.at, body.end};
        if (!tc_avif_is(&box, "av01"))
            continue;
        track->is_av1 = true;
        if (rest.end - rest.at <= VISUAL_ENTRY)
            continue;
        tc_avif_skip(&rest, VISUAL_ENTRY);
        while (tc_avif_next(&rest, &property))
            ;
    }
}

static void read_table(tc_avif_cursor body, track_boxes *track)
{
    tc_avif_walk *walk = body.walk;
    tc_avif_box box;

    while (tc_avif_next(&body, &box)) {
        if (tc_avif_is(&box, "stco") && first_time(walk, track, SEEN_CHUNKS))
            read_chunks(box.body, track, 4);
        else if (tc_avif_is(&box, "co64") && first_time(walk, track, SEEN_CHUNKS))
            read_chunks(box.body, track, 8);
        else if (tc_avif_is(&box, "stsc") && first_time(walk, track, SEEN_RUNS))
            read_counted(box.body, RUNS_MAX, 12);
        else if (tc_avif_is(&box, "stsz") && first_time(walk, track, SEEN_SIZES))
            read_sizes(box.body, track);
        else if (tc_avif_is(&box, "stss") && first_time(walk, track, SEEN_STSS))
            read_counted(box.body, TC_AVIF_FRAMES_MAX, 4);
        else if (tc_avif_is(&box, "stts") && first_time(walk, track, SEEN_STTS))
            read_counted(box.body, TC_AVIF_FRAMES_MAX, 8);
        else if (tc_avif_is(&box, "stsd") && first_time(walk, track, SEEN_STSD))
            read_descriptions(box.body, track);
    }
}

/* The boxes of `name` in a body, one of each kind. */
static bool find_once(tc_avif_cursor *body, track_boxes *track, const char *name,
                      unsigned which, tc_avif_cursor *found)
{
    bool there = false;
    tc_avif_box box;

    while (tc_avif_next(body, &box)) {
        if (tc_avif_is(&box, name) && first_time(body->walk, track, which)) {
            *found = box.body;
            there = true;
        }
    }
    return there && tc_avif_is_sound(body->walk);
}

static void read_media(tc_avif_cursor body, track_boxes *track)
{
    tc_avif_cursor information, table;

    if (find_once(&body, track, "minf", SEEN_MINF, &information) &&
        find_once(&information, track, "stbl", SEEN_STBL, &table)) {
        track->has_table = true;
        read_table(table, track);
    }
}

static void read_track(tc_avif_cursor body, track_boxes *track, bool *exif_is_large)
{
    tc_avif_walk *walk = body.walk;
    tc_avif_box box;

    while (tc_avif_next(&body, &box)) {
        if (tc_avif_is(&box, "tkhd") && first_time(walk, track, SEEN_TKHD))
            read_tkhd(box.body, track);
        else if (tc_avif_is(&box, "meta"))
            tc_avif_walk_meta(walk, box.body, NULL, exif_is_large);
        else if (tc_avif_is(&box, "mdia") && first_time(walk, track, SEEN_MDIA))
            read_media(box.body, track);
        else if (tc_avif_is(&box, "tref") && first_time(walk, track, SEEN_TREF))
            read_tref(box.body, track);
    }
}

/* The first track that libavif would take, for colours (0) or as the alpha of `aux_for`. */
static const track_boxes *find_track(const track_boxes *tracks, uint32_t count,
                                     uint32_t aux_for)
{
    for (uint32_t at = 0; at < count; at++) {
        const track_boxes *track = &tracks[at];

        if (track->has_table && track->id && track->chunks && track->is_av1 &&
            track->aux_for == aux_for)
            return track;
    }
    return NULL;
}

/* The first frame of a track. */
static void note_frame(tc_avif_walk *walk, const track_boxes *track, tc_avif_picture *picture,
                       uint64_t *pixels)
{
    tc_avif_extent extent = {track->first_at, track->all_size ? track->all_size : track->size};

    picture->coded_bytes += extent.size;
    tc_avif_note_coded(walk, (uint64_t)track->width * track->height, &extent, 1, picture,
                       pixels);
}

void tc_avif_walk_moov(tc_avif_walk *walk, tc_avif_cursor body, tc_avif_file *file)
{
    track_boxes tracks[TRACKS_MAX] = {{0}};
    const track_boxes *colour, *alpha;
    uint32_t count = 0;
    tc_avif_box box;

    while (tc_avif_next(&body, &box)) {
        if (!tc_avif_is(&box, "trak"))
            continue;
        if (count == TRACKS_MAX) {
            tc_avif_refuse(walk, "more than %d tracks", TRACKS_MAX);
            return;
        }
        read_track(box.body, &tracks[count++], &file->exif_is_large);
    }
    colour = find_track(tracks, count, 0);
    if (!colour || !tc_avif_is_sound(walk))
        return;
    note_frame(walk, colour, &file->sequence, &file->sequence.colour_pixels);
    alpha = find_track(tracks, count, colour->id);
    if (!alpha)
        return;
    note_frame(walk, alpha, &file->sequence, &file->sequence.alpha_pixels);
    if (file->sequence.alpha_pixels > file->sequence.colour_pixels)
        tc_avif_refuse(walk, "the alpha is larger than the picture");
}
