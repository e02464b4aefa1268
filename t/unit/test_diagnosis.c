/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence at the top: what it says, and says to do, in every state. */
#include <errno.h>
#include <math.h>

#include "tap.h"
#include "snapshots.h"
#include "status/diagnosis.h"

static tc_snapshot snapshot;
static tc_diagnosis diagnosis;

static const tc_finding *finding(const char *id)
{
    for (unsigned at = 0; at < diagnosis.findings; at++) {
        if (strcmp(diagnosis.finding[at].id, id) == 0)
            return &diagnosis.finding[at];
    }
    return NULL;
}

static bool says(const char *text)
{
    return strstr(diagnosis.summary, text) != NULL;
}

/* One warning of this id, and it is what the sentence says. */
static void only(const char *id, const char *what, const char *todo)
{
    tc_diagnose(&diagnosis, &snapshot);
    ok(!diagnosis.well && diagnosis.findings == 1 && finding(id), "%s", id);
    ok(says(what) && says(todo), "... %s", diagnosis.summary);
}

static void test_well(void)
{
    make_snapshot(&snapshot);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && diagnosis.findings == 0, "a healthy server");
    ok(says("All is well") && says("no dentry") && says("30 MiB") && !says("about"), "... %s",
       diagnosis.summary);
    snapshot.host.slab.error = EACCES;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && finding("slab_estimated") &&
           finding("slab_estimated")->severity == TC_NOTE && says("about"),
       "without root the slab is an estimate, and said to be");
    snapshot.host.slab.error = 0;
    snapshot.interval = 0;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && finding("no_history"), "without samples that is noted");
}

static void test_method(void)
{
    make_snapshot(&snapshot);
    put_on_ext4(&snapshot);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "a disk is well with the default method");
    snapshot.method = TC_TEMP_NAMED;
    made_counts.counter[TC_AT_TEMP_CLOSED + 1] = 1000;
    ok(tc_snapshot_left(&snapshot) == 1000, "files removed after close are what was left");
    only("method_leaves_dentries", "/var/tmp is ext4", "TmpfsConvertTempMethod auto");
    ok(says("1000"), "... with the number left so far");
    snapshot.host.sysctls.dentry_negative = tc_reading_of(1);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && tc_snapshot_left(&snapshot) == 0,
       "a kernel that is set to drop them leaves none");
    snapshot.host.sysctls.dentry_negative = tc_reading_missing(ENOENT);
    snapshot.method = TC_TEMP_AUTO;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && says("1000 are from before"), "after the cure: %s", diagnosis.summary);
    make_snapshot(&snapshot);
    snapshot.method = TC_TEMP_NAMED;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "named on tmpfs leaves nothing");
}

static void test_temp_dirs(void)
{
    make_snapshot(&snapshot);
    snapshot.temp_dir[1].named = true;
    snapshot.temp_dir[1].reserve = 100;
    snapshot.temp_dir[1].available = tc_reading_of(100);
    only("temp_dir_full", "/dev/shm is full", "another directory");
    snapshot.temp_dir[1].available = tc_reading_missing(ENOENT);
    only("temp_dir_unusable", "/dev/shm cannot be used", "TmpfsConvertTempDir");
    /* One that nobody set. */
    snapshot.temp_dir[1].named = false;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && finding("temp_dir_unusable")->severity == TC_NOTE,
       "a default one that cannot be used is noted while others can");
    ok(strstr(finding("temp_dir_unusable")->what, "/dev/shm, one of the defaults, cannot") &&
           !strstr(finding("temp_dir_unusable")->todo, "remove it"),
       "... %s. %s", finding("temp_dir_unusable")->what, finding("temp_dir_unusable")->todo);
    snapshot.temp_dir[1].available = tc_reading_of(100);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well && finding("temp_dir_full")->severity == TC_NOTE,
       "... one that is full too");
    snapshot.temp_dir[0] = snapshot.temp_dir[1];
    snapshot.temp_dirs = 1;
    tc_diagnose(&diagnosis, &snapshot);
    ok(!diagnosis.well && finding("temp_dir_full")->severity == TC_WARNING &&
           finding("no_temp_dir") &&
           strstr(finding("temp_dir_full")->todo, "set TmpfsConvertTempDir to replace"),
       "... and warned of where there are no others: %s", finding("temp_dir_full")->todo);
    snapshot.temp_dirs = 0;
    only("no_temp_dir", "No directory", "TmpfsConvertTempDir");
}

static void test_slab(void)
{
    make_snapshot(&snapshot);
    snapshot.host.slab.dentry.bytes = 5 * GIB;
    only("dentry_slab_large", "5 GiB, 31 %", "not this server's");
    put_on_ext4(&snapshot);
    made_counts.counter[TC_AT_TEMP_CLOSED + 1] = 15000;
    only("dentry_slab_large", "5 GiB", "TmpfsConvertTempMethod auto");
    snapshot.host.slab.dentry.bytes = 4 * GIB;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "a quarter is still a cache");
}

static void test_growth(void)
{
    make_snapshot(&snapshot);
    ok(isnan(tc_snapshot_growth(&snapshot, 600)), "without samples no growth is known");
    grow(&snapshot, 4, 1e7, 5e4);
    ok(isnan(tc_snapshot_growth(&snapshot, 600)), "nor from half a minute");
    grow(&snapshot, 120, 1e7, 5e4);
    ok(fabs(tc_snapshot_growth(&snapshot, 600) - 1e6) < 1, "a megabyte a second is that");
    only("dentry_slab_grows", "grows by 3.4 GiB an hour", "perf record");
    grow(&snapshot, 120, 1e7, 10);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "names of files that exist are no trouble");
    grow(&snapshot, 120, 1e4, 50);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "nor is a little");
    grow(&snapshot, 120, -1e7, -5e4);
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "nor is shrinking");
}

static void test_memory(void)
{
    make_snapshot(&snapshot);
    snapshot.host.cgroup.limit = tc_reading_of(1000);
    snapshot.host.cgroup.usage = tc_reading_of(950);
    only("cgroup_near_limit", "95 %", "Raise the limit");
    make_snapshot(&snapshot);
    grow(&snapshot, 3, 0, 0);
    made_sample[2].swapped_in_bytes = 1e7;
    only("swapping", "swaps in 9.5 MiB", "short of memory");
}

/* The gravest first, the rest counted; and never more than there is room for. */
static void test_many(void)
{
    make_snapshot(&snapshot);
    put_on_ext4(&snapshot);
    snapshot.method = TC_TEMP_NAMED;
    snapshot.host.slab.dentry.bytes = 8 * GIB;
    snapshot.interval = 0;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.findings == 3 && diagnosis.finding[0].severity == TC_WARNING &&
           diagnosis.finding[2].severity == TC_NOTE && says("(and 1 more, below)"),
       "warnings first, then notes");
    for (unsigned at = 0; at < TC_SNAPSHOT_TEMP_DIRS; at++) {
        snapshot.temp_dir[at] = snapshot.temp_dir[1];
        snapshot.temp_dir[at].available = tc_reading_missing(EACCES);
    }
    snapshot.temp_dirs = TC_SNAPSHOT_TEMP_DIRS;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.findings == TC_FINDINGS, "no more findings than there is room for");
}

static void test_temp_memory(void)
{
    make_snapshot(&snapshot);
    snapshot.temp_memory = GIB * 19 / 10;
    only("temp_memory_near_limit", "95 % of their limit of 2 GiB, and no directory",
         "TmpfsConvertTempDir");
    snapshot.temp_dir[1].fs.in_memory = false;
    only("temp_memory_near_limit", "95 % of their limit of 2 GiB. ", "go to a disk");
    snapshot.temp_memory_bound = TC_UNLIMITED;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "without a bound there is nothing to come near to");
    snapshot.temp_memory_bound = snapshot.temp_memory = 0;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "nor where nothing is kept in memory");
}

static void test_usable(void)
{
    tc_memory memory = {.total = tc_reading_of(16 * GIB)};
    tc_cgroup cgroup = {.limit = tc_reading_of(2 * GIB)};

    ok(tc_host_usable(&memory, &cgroup).value == 2 * GIB, "a container's limit");
    cgroup.limit.value = TC_UNLIMITED;
    ok(tc_host_usable(&memory, &cgroup).value == 16 * GIB, "... which is none");
    cgroup.error = ENOENT;
    ok(tc_host_usable(&memory, &cgroup).value == 16 * GIB, "no container");
    memory.total = tc_reading_missing(EACCES);
    ok(tc_host_usable(&memory, &cgroup).error == EACCES, "nothing is known");
    cgroup = (tc_cgroup){.limit = tc_reading_of(GIB)};
    ok(tc_host_usable(&memory, &cgroup).value == GIB, "only the limit is");
}

static void test_queue(void)
{
    make_snapshot(&snapshot);
    snapshot.bounds = (tc_admission_limits){.active = 5, .timed = true, .workers = 25};
    snapshot.admitted.lately = (tc_lately){.served = 1000, .waited_long = 500};
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "half of the waits over a second is well");
    snapshot.admitted.lately.waited_long++;
    only("waits_long", "waited over a second", "cache in front");
    snapshot.admitted.lately = (tc_lately){.served = 1000, .refused = 3};
    only("requests_refused", "3 requests for conversions were refused",
         "Raise MaxRequestWorkers, which is 25");
    snapshot.bounds.workers = 150;
    only("requests_refused", "and 1000 served", "N auto WAIT");
    snapshot.bounds.timed = false;
    only("requests_refused", "3 requests", "Leave QUEUE out");
}

static void test_converters(void)
{
    make_snapshot(&snapshot);
    snapshot.converters = 10;
    tc_diagnose(&diagnosis, &snapshot);
    ok(diagnosis.well, "converters that are all there");
    snapshot.converters_missing = true;
    only("converters_missing", "Of 10 converter processes only 0 can be started", "TC0132");
}

int main(void)
{
    test_well();
    test_converters();
    test_method();
    test_temp_dirs();
    test_slab();
    test_growth();
    test_memory();
    test_many();
    test_temp_memory();
    test_usable();
    test_queue();
    return done_testing();
}
