/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"

#include "lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SLABINFO "/proc/slabinfo"
#define SYSFS    "/sys/kernel/slab/dentry/"
#define FORMAT   "slabinfo - version: 2."
#define TUNABLES " : tunables "
#define SLABDATA " : slabdata "

/* The numbers before the tunables and those behind slabdata, in slabinfo's order. */
enum { ACTIVE, OBJECTS, OBJECT_BYTES, PER_SLAB, PAGES, COUNTS };
enum { ACTIVE_SLABS, SLABS, SHARED, SLAB_COUNTS };

static bool parse_numbers(const char *text, uint64_t *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        tc_reading reading = tc_reading_parse(text, &text);

        if (reading.error)
            return false;
        numbers[i] = reading.value;
    }
    return true;
}

/* Where the last `count` words of `text` begin, with the blanks before them. */
static char *last_words(char *text, int count)
{
    char *at = text + strlen(text);

    while (count-- > 0) {
        while (at > text && isblank((unsigned char)at[-1]))
            at--;
        while (at > text && !isblank((unsigned char)at[-1]))
            at--;
    }
    while (at > text && isblank((unsigned char)at[-1]))
        at--;
    return at;
}

static int set_sizes(tc_slab_cache *cache, uint64_t object, uint64_t per_slab, uint64_t slab)
{
    if (object > UINT32_MAX || per_slab > UINT32_MAX || slab > UINT32_MAX ||
        __builtin_mul_overflow(cache->slabs, slab, &cache->bytes))
        return EPROTO;
    cache->object_bytes = (uint32_t)object;
    cache->objects_per_slab = (uint32_t)per_slab;
    cache->slab_bytes = (uint32_t)slab;
    return 0;
}

static void set_name(tc_slab_cache *cache, const char *name)
{
    if (snprintf(cache->name, sizeof(cache->name), "%s", name) >= (int)sizeof(cache->name))
        cache->name[sizeof(cache->name) - 2] = '~';
}

/*
 * A cache's line, taken apart: `*name` is the whole name within it. The numbers are
 * counted from the tunables back, since a module may put a blank into its cache's name.
 */
static int parse_cache(char *line, tc_slab_cache *cache, const char **name)
{
    uint64_t count[COUNTS], slab[SLAB_COUNTS], bytes;
    char *tunables = strstr(line, TUNABLES), *data, *numbers;

    memset(cache, 0, sizeof(*cache));
    data = tunables ? strstr(tunables, SLABDATA) : NULL;
    if (!data || !parse_numbers(data + strlen(SLABDATA), slab, SLAB_COUNTS))
        return EPROTO;
    *tunables = '\0';
    numbers = last_words(line, COUNTS);
    if (numbers == line || !parse_numbers(numbers, count, COUNTS) ||
        __builtin_mul_overflow(count[PAGES], (uint64_t)sysconf(_SC_PAGESIZE), &bytes))
        return EPROTO;
    *numbers = '\0';
    *name = line;
    set_name(cache, line);
    cache->active = count[ACTIVE];
    cache->objects = count[OBJECTS];
    cache->active_slabs = slab[ACTIVE_SLABS];
    cache->slabs = slab[SLABS];
    return set_sizes(cache, count[OBJECT_BYTES], count[PER_SLAB], bytes);
}

static bool add(uint64_t *sum, uint64_t value)
{
    return !__builtin_add_overflow(*sum, value, sum);
}

static int add_totals(tc_slab_totals *totals, const tc_slab_cache *cache)
{
    uint64_t active_bytes;

    if (__builtin_mul_overflow(cache->active, (uint64_t)cache->object_bytes, &active_bytes) ||
        !add(&totals->active, cache->active) || !add(&totals->objects, cache->objects) ||
        !add(&totals->active_slabs, cache->active_slabs) ||
        !add(&totals->slabs, cache->slabs) || !add(&totals->active_bytes, active_bytes) ||
        !add(&totals->bytes, cache->bytes))
        return EPROTO;
    if (totals->caches == 0 || cache->object_bytes < totals->least_object)
        totals->least_object = cache->object_bytes;
    if (cache->object_bytes > totals->most_object)
        totals->most_object = cache->object_bytes;
    totals->active_caches += cache->objects != 0;
    totals->caches++;
    return 0;
}

static void rank(tc_slab *slab, const tc_slab_cache *cache)
{
    unsigned at = slab->others;

    while (at > 0 && slab->other[at - 1].bytes < cache->bytes)
        at--;
    if (at == TC_SLAB_TOP)
        return;
    if (slab->others < TC_SLAB_TOP)
        slab->others++;
    memmove(slab->other + at + 1, slab->other + at,
            (slab->others - 1 - at) * sizeof(*slab->other));
    slab->other[at] = *cache;
}

static int parse_line(tc_slab *slab, char *line)
{
    tc_slab_cache cache;
    const char *name;

    if (parse_cache(line, &cache, &name))
        return EPROTO;
    if (slab->error && (strcmp(name, "dentry") == 0 || strcmp(name, "dentry_cache") == 0)) {
        slab->dentry = cache;
        slab->error = 0;
    } else {
        rank(slab, &cache);
    }
    return add_totals(&slab->totals, &cache);
}

/* Sums and an order without one cache would be wrong: then there are none. */
static void forget_others(tc_slab *slab, int error)
{
    slab->others_error = error;
    slab->others = 0;
    memset(&slab->totals, 0, sizeof(slab->totals));
    memset(slab->other, 0, sizeof(slab->other));
}

static int read_slabinfo(tc_slab *slab, const char *root)
{
    tc_lines lines;
    char *line;
    bool known;
    int bad = 0, error = tc_lines_open(&lines, root, SLABINFO);

    if (error)
        return error;
    line = tc_lines_next(&lines);
    known = line && strncmp(line, FORMAT, strlen(FORMAT)) == 0;
    while (known && (line = tc_lines_next(&lines)))
        if (line[0] != '#' && parse_line(slab, line))
            bad = EPROTO;
    error = tc_lines_close(&lines);
    if (!error)
        error = known ? bad : EPROTO;
    /* A line that nobody can read may have been the dentries' own. */
    if (error && slab->error)
        slab->error = error;
    if (error)
        forget_others(slab, error);
    return 0;
}

/* These files have each node's share behind the sum. */
static int sysfs_number(const char *root, const char *path, uint64_t *value)
{
    char text[64];
    tc_reading reading;
    int error = tc_reading_file(root, path, text, sizeof(text));

    if (error)
        return error;
    reading = tc_reading_parse(text, NULL);
    *value = reading.value;
    return reading.error;
}

static int read_sysfs(tc_slab_cache *cache, const char *root)
{
    uint64_t object = 0, per_slab = 0, order = 0;
    const struct {
        const char *path;
        uint64_t *to;
    } files[] = {
        {SYSFS "objects", &cache->active}, {SYSFS "total_objects", &cache->objects},
        {SYSFS "slabs", &cache->slabs},    {SYSFS "slab_size", &object},
        {SYSFS "order", &order},           {SYSFS "objs_per_slab", &per_slab},
    };
    int error = 0;

    memset(cache, 0, sizeof(*cache));
    for (size_t i = 0; i < sizeof(files) / sizeof(*files) && !error; i++)
        error = sysfs_number(root, files[i].path, files[i].to);
    if (!error && order > 20)
        error = EPROTO;
    if (!error) {
        set_name(cache, "dentry");
        cache->active_slabs = cache->slabs;
        error = set_sizes(cache, object, per_slab, (uint64_t)sysconf(_SC_PAGESIZE) << order);
    }
    if (error)
        memset(cache, 0, sizeof(*cache));
    return error;
}

void tc_slab_read(tc_slab *slab, const char *root)
{
    int error;

    memset(slab, 0, sizeof(*slab));
    slab->error = ENODATA;
    error = read_slabinfo(slab, root);
    if (!error)
        return;
    forget_others(slab, error);
    slab->error = error == ENOENT ? read_sysfs(&slab->dentry, root) : error;
}
