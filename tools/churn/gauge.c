/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory retained, told by what a kernel reading falls by when the
 * directory is removed: rmdir frees the directory's negative dentries, and in the
 * few milliseconds that it takes little else happens on the machine. No root is
 * needed, and what others make before and after does not count.
 */
/* For O_PATH. */
#define _GNU_SOURCE
#include "gauge.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

churn_gauge churn_gauge_choose(churn_gauge_kind wanted)
{
    churn_gauge negative = {CHURN_GAUGE_NEGATIVE, "nr_negative"};
    /* Counts all dentries, in every kernel: an empty directory has none but negatives. */
    churn_gauge dentries = {CHURN_GAUGE_DENTRIES, "nr_dentry"};

    if (wanted == CHURN_GAUGE_AUTO)
        return churn_gauge_read(&negative).error ? dentries : negative;
    return wanted == CHURN_GAUGE_NEGATIVE ? negative : dentries;
}

tc_reading churn_gauge_read(const churn_gauge *gauge)
{
    tc_dentry_state state;

    tc_dentry_read(&state, NULL);
    return gauge->kind == CHURN_GAUGE_NEGATIVE ? state.negative : state.dentries;
}

typedef struct reading {
    tc_reading reading;
    double at;
} reading;

static reading read_now(const churn_gauge *gauge)
{
    reading now;

    now.at = churn_now();
    now.reading = churn_gauge_read(gauge);
    return now;
}

static double fall(const reading *from, const reading *to)
{
    return (double)from->reading.value - (double)to->reading.value;
}

/* Others go on meanwhile as they did just before, and what they change is taken off. */
#define OTHERS_WINDOW 0.0005

int churn_gauge_rmdir(const churn_gauge *gauge, int dir, const char *name, double *drop)
{
    int held = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc;
    reading first, before, after;

    if (held < 0)
        return errno;
    /* With a fresh slice of time it is less likely that the kernel takes the processor away
       in the middle, when others could do more. */
    sched_yield();
    first = read_now(gauge);
    do
        before = read_now(gauge);
    while (before.at < first.at + OTHERS_WINDOW);
    rc = unlinkat(dir, name, AT_REMOVEDIR) ? errno : 0;
    after = read_now(gauge);
    /* Held so far, or the directory's own name would become one more. */
    close(held);
    if (rc == 0)
        rc = first.reading.error;
    if (rc == 0)
        *drop = fall(&before, &after) -
                fall(&first, &before) * (after.at - before.at) / (before.at - first.at);
    return rc;
}

/* ---- canaries ------------------------------------------------------------------------- */

#define CANARIES       3
#define CANARY_LOOKUPS (CHURN_CANARIES / CANARIES)

static void canary_name(char *name, size_t size, int which)
{
    snprintf(name, size, "canary-%d", which);
}

static int canary_make(const churn_workdir *workdir, int which)
{
    char name[32];
    struct stat info;
    int dir, rc;

    canary_name(name, sizeof(name), which);
    if (mkdirat(workdir->fd, name, 0700))
        return errno;
    dir = openat(workdir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        rc = errno;
        tc_temp_remove_held(workdir->fd, name, AT_REMOVEDIR);
        return rc;
    }
    for (int i = 0; i < CANARY_LOOKUPS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW);
    }
    close(dir);
    return 0;
}

/* Most of them hold what they should: a burst of a neighbour's may spoil one. */
static bool canaries_hold(const churn_gauge *gauge, const churn_workdir *workdir)
{
    int holding = 0;

    for (int i = 0; i < CANARIES; i++) {
        char name[32];
        double drop;

        canary_name(name, sizeof(name), i);
        if (churn_gauge_rmdir(gauge, workdir->fd, name, &drop) == 0 &&
            drop > CANARY_LOOKUPS / 2)
            holding++;
    }
    return holding > CANARIES / 2;
}

bool churn_canary_probe(const churn_gauge *gauge, const churn_workdir *workdir)
{
    churn_canary_leave(workdir);
    return canaries_hold(gauge, workdir);
}

void churn_canary_leave(const churn_workdir *workdir)
{
    for (int i = 0; i < CANARIES; i++)
        canary_make(workdir, i);
}

bool churn_canary_alive(const churn_gauge *gauge, const churn_workdir *workdir)
{
    return canaries_hold(gauge, workdir);
}
