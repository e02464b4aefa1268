/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include "hierarchy.h"
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* No limit, in v1, is the greatest count of pages: more than any machine's memory. */
#define V1_UNLIMITED (UINT64_C(1) << 62)

typedef struct wanted {
    const char *key;
    tc_reading *to;
} wanted;

static void read_stat(const char *root, const char *directory, const wanted *want, size_t count)
{
    char path[PATH_MAX + NAME_MAX];
    tc_lines lines;
    const char *line, *behind;
    int error;

    snprintf(path, sizeof(path), "%s/memory.stat", directory);
    error = tc_lines_open(&lines, root, path);
    for (size_t i = 0; i < count; i++)
        *want[i].to = tc_reading_missing(error ? error : ENODATA);
    if (error)
        return;
    while ((line = tc_lines_next(&lines)))
        for (size_t i = 0; i < count; i++)
            if ((behind = tc_reading_behind(line, want[i].key)))
                *want[i].to = tc_reading_parse(behind, NULL);
    error = tc_lines_close(&lines);
    for (size_t i = 0; error && i < count; i++)
        if (want[i].to->error)
            *want[i].to = tc_reading_missing(error);
}

static void read_v1(tc_cgroup *cgroup, const char *root, const tc_hierarchy *at)
{
    const wanted want[] = {{"hierarchical_memory_limit", &cgroup->limit},
                           {"slab_reclaimable", &cgroup->slab_reclaimable},
                           {"slab_unreclaimable", &cgroup->slab_unreclaimable}};

    read_stat(root, at->directory, want, sizeof(want) / sizeof(*want));
    if (cgroup->limit.error == ENODATA || cgroup->limit.error == ENOENT)
        cgroup->limit = tc_hierarchy_number(root, at->directory, "memory.limit_in_bytes");
    if (!cgroup->limit.error && cgroup->limit.value >= V1_UNLIMITED)
        cgroup->limit.value = TC_UNLIMITED;
    cgroup->usage = tc_hierarchy_number(root, at->directory, "memory.usage_in_bytes");
    cgroup->kernel = tc_hierarchy_number(root, at->directory, "memory.kmem.usage_in_bytes");
}

/* The least of the limits from the cgroup up to the mount point. Levels without the file
   are the machine's root, and those for which the controller is not enabled. */
static tc_reading least_limit(const char *root, const tc_hierarchy *at)
{
    tc_reading least = tc_reading_of(TC_UNLIMITED), limit;
    char directory[PATH_MAX];

    strcpy(directory, at->directory);
    do {
        limit = tc_hierarchy_number(root, directory, "memory.max");
        /* With one unknown the least of all is unknown. */
        if (limit.error && limit.error != ENOENT)
            return limit;
        if (!limit.error && limit.value < least.value)
            least = limit;
    } while (tc_hierarchy_up(at, directory));
    return least;
}

static void read_v2(tc_cgroup *cgroup, const char *root, const tc_hierarchy *at)
{
    const wanted want[] = {{"kernel", &cgroup->kernel},
                           {"slab_reclaimable", &cgroup->slab_reclaimable},
                           {"slab_unreclaimable", &cgroup->slab_unreclaimable}};

    read_stat(root, at->directory, want, sizeof(want) / sizeof(*want));
    cgroup->limit = least_limit(root, at);
    cgroup->usage = tc_hierarchy_number(root, at->directory, "memory.current");
}

void tc_cgroup_read(tc_cgroup *cgroup, const char *root)
{
    tc_hierarchy at;
    int error = tc_hierarchy_find(&at, root, "memory");

    memset(cgroup, 0, sizeof(*cgroup));
    if (error) {
        cgroup->error = error;
        cgroup->limit = cgroup->usage = cgroup->kernel = tc_reading_missing(error);
        cgroup->slab_reclaimable = cgroup->slab_unreclaimable = tc_reading_missing(error);
        return;
    }
    cgroup->version = at.version;
    if (strlen(at.directory) < sizeof(cgroup->path))
        strcpy(cgroup->path, at.directory);
    if (at.version == 1)
        read_v1(cgroup, root, &at);
    else
        read_v2(cgroup, root, &at);
}
