/* SPDX-License-Identifier: Apache-2.0 */
/* The slab caches as slabtop(1) shows them, the dentry cache first. */
#include "table.h"

#include "host/host.h"

#include <inttypes.h>

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? (double)part * 100 / (double)whole : 0;
}

/* "Active / Total Objects (% used)", to the colon as wide as slabtop's. */
static void put_title(FILE *to, const char *what)
{
    char title[48];

    snprintf(title, sizeof(title), "Active / Total %s (%% used)", what);
    fprintf(to, " %-35s: ", title);
}

static void put_pair(FILE *to, const char *what, uint64_t active, uint64_t all)
{
    put_title(to, what);
    fprintf(to, "%" PRIu64 " / %" PRIu64 " (%.1f%%)\n", active, all, percent(active, all));
}

static void put_head(FILE *to, const tc_slab_totals *totals)
{
    put_pair(to, "Objects", totals->active, totals->objects);
    put_pair(to, "Slabs", totals->active_slabs, totals->slabs);
    put_pair(to, "Caches", totals->active_caches, totals->caches);
    put_title(to, "Size");
    fprintf(to, "%.2fK / %.2fK (%.1f%%)\n", (double)totals->active_bytes / 1024,
            (double)totals->bytes / 1024, percent(totals->active_bytes, totals->bytes));
    fprintf(to, " Minimum / Average / Maximum Object : %.2fK / %.2fK / %.2fK\n\n",
            totals->least_object / 1024.0,
            totals->objects ? (double)totals->bytes / (double)totals->objects / 1024 : 0,
            totals->most_object / 1024.0);
}

static void put_cache(FILE *to, const tc_slab_cache *cache)
{
    fprintf(to,
            "%8" PRIu64 " %8" PRIu64 " %3.0f%% %7.2fK %7" PRIu64 " %8" PRIu32 " %9" PRIu64
            "K %s\n",
            cache->objects, cache->active, percent(cache->active, cache->objects),
            cache->object_bytes / 1024.0, cache->slabs, cache->objects_per_slab,
            cache->bytes / 1024, cache->name);
}

/* Without root: what is left is an estimate. */
static void put_state(FILE *to, int error)
{
    tc_dentry_state state;
    char why[64];

    tc_dentry_read(&state, NULL);
    fprintf(to,
            " The slab caches need root: /proc/slabinfo: %s.\n From "
            "/proc/sys/fs/dentry-state:\n\n",
            tc_reading_reason(error, why, sizeof(why)));
    if (state.dentries.error) {
        fprintf(to, " nothing either: %s\n",
                tc_reading_reason(state.dentries.error, why, sizeof(why)));
        return;
    }
    fprintf(to, "%10" PRIu64 " dentries\n%10" PRIu64 " of them unused\n", state.dentries.value,
            state.unused.value);
    if (state.negative.error)
        fprintf(to, "%10s of them negative: this kernel does not count them\n", "?");
    else
        fprintf(to, "%10" PRIu64 " of them negative\n", state.negative.value);
    fprintf(to, "%9" PRIu64 "K in slabs, about: an estimate by %d bytes a dentry\n",
            state.dentries.value * TC_DENTRY_BYTES / 1024, TC_DENTRY_BYTES);
}

void churn_table(FILE *to)
{
    static tc_slab slab;
    char why[64];

    tc_slab_read(&slab, NULL);
    if (slab.error) {
        put_state(to, slab.error);
        return;
    }
    if (slab.others_error == 0)
        put_head(to, &slab.totals);
    fputs("    OBJS   ACTIVE  USE OBJ-SIZE   SLABS OBJ/SLAB CACHE-SIZE NAME\n", to);
    put_cache(to, &slab.dentry);
    if (slab.others_error)
        fprintf(to, "The other caches: %s\n",
                tc_reading_reason(slab.others_error, why, sizeof(why)));
    for (unsigned i = 0; i < slab.others && i < 9; i++)
        put_cache(to, &slab.other[i]);
}
