/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot to change and to report on. */
#ifndef SNAPSHOTS_H
#define SNAPSHOTS_H

#include <stdlib.h>
#include <string.h>

#include "status/snapshot.h"

#define GIB ((uint64_t)1024 * 1024 * 1024)

static tc_counter_snapshot made_counts;
static tc_sample made_sample[200];

/* A healthy server on a machine of 16 GiB: memfd, then /dev/shm. */
__attribute__((unused)) static void make_snapshot(tc_snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
    memset(&made_counts, 0, sizeof made_counts);
    memset(made_sample, 0, sizeof made_sample);
    snapshot->now = 1800000000;
    snapshot->started = snapshot->now - 3600;
    snapshot->server = "Apache/2.4";
    snapshot->name = "pictures.example";
    snapshot->version = "9.9";
    snapshot->codecs = "libjpeg-turbo";
    snapshot->mpm = "event";
    snapshot->method = TC_TEMP_AUTO;
    snapshot->temp_memory = GIB;
    snapshot->temp_memory_bound = 2 * GIB;
    snapshot->client_largest = GIB / 8;
    snapshot->client_bound = GIB / 4;
    snapshot->interval = 10;
    snapshot->host.dentry.dentries = tc_reading_of(100000);
    snapshot->host.dentry.unused = tc_reading_of(90000);
    snapshot->host.dentry.negative = tc_reading_of(20000);
    snapshot->host.memory.total = tc_reading_of(16 * GIB);
    snapshot->host.memory.available = tc_reading_of(8 * GIB);
    snapshot->host.cgroup.version = 2;
    snapshot->host.cgroup.limit = tc_reading_of(TC_UNLIMITED);
    strcpy(snapshot->host.slab.dentry.name, "dentry");
    snapshot->host.slab.dentry.bytes = 30 << 20;
    snapshot->host.slab.dentry.objects = 150000;
    snapshot->host.slab.dentry.active = 100000;
    snapshot->slab_taken = snapshot->now - 5;
    made_counts.since = snapshot->started;
    made_counts.temp_dirs = 2;
    strcpy(made_counts.temp_dir[0].path, "memfd");
    strcpy(made_counts.temp_dir[1].path, "/dev/shm");
    strcpy(made_counts.temp_dir[1].fs, "tmpfs");
    made_counts.patterns = 1;
    snapshot->counts = &made_counts;
    snapshot->temp_dirs = 2;
    snapshot->temp_dir[0] = (tc_snapshot_temp_dir){.path = "memfd",
                                                   .fs = {"memory", true, false},
                                                   .available = tc_reading_of(8 * GIB),
                                                   .total = tc_reading_of(16 * GIB)};
    snapshot->temp_dir[1] = (tc_snapshot_temp_dir){.path = "/dev/shm",
                                                   .fs = {"tmpfs", true, false},
                                                   .number = 1,
                                                   .available = tc_reading_of(8 * GIB),
                                                   .total = tc_reading_of(8 * GIB)};
    snapshot->sample = made_sample;
}

/* The second place on ext4, as the parent counts it. */
__attribute__((unused)) static void put_on_ext4(tc_snapshot *snapshot)
{
    snapshot->temp_dir[1].path = "/var/tmp";
    snapshot->temp_dir[1].fs = (tc_temp_fs){"ext4", false, true};
    strcpy(made_counts.temp_dir[1].path, "/var/tmp");
    strcpy(made_counts.temp_dir[1].fs, "ext4");
    made_counts.temp_dir[1].keeps_negatives = true;
}

/* Samples every ten seconds in which the slab and what is in it grow by so much each. */
__attribute__((unused)) static void grow(tc_snapshot *snapshot, unsigned samples, double bytes,
                                         double negatives)
{
    for (unsigned at = 0; at < samples; at++) {
        made_sample[at].time = snapshot->now - 10 * (int64_t)(samples - at);
        made_sample[at].dentry_slab_bytes = 1e6 + bytes * at;
        made_sample[at].dentries = 1000 + bytes / 195 * at;
        made_sample[at].dentries_negative = 100 + negatives * at;
    }
    snapshot->samples = samples;
}

#endif
