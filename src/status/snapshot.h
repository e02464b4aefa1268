/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a status page tells, as typed values of one moment. Types only:
 * the collector knows no format, and the formats read no file.
 */
#ifndef TC_SNAPSHOT_H
#define TC_SNAPSHOT_H

#include "admission/admission.h"
#include "shared/history.h"
#include "temp/tempfile.h"

/* A temporary directory in use, or with number 0 memfd's pages. Borrowed strings. */
typedef struct tc_snapshot_temp_dir {
    const char *path;
    tc_temp_fs fs;
    unsigned number; /* its slot in the counts */
    bool named;      /* by TmpfsConvertTempDir, and not taken for want of it */
    tc_reading available, total, inodes_free;
    uint64_t reserve; /* bytes to be left free */
} tc_snapshot_temp_dir;

#define TC_SNAPSHOT_TEMP_DIRS 17

typedef struct tc_snapshot {
    int64_t now, started; /* seconds since 1970 */
    const char *server;   /* httpd's description of itself */
    const char *name;     /* the host's name, as configured */
    const char *version;  /* the module's */
    const char *codecs;   /* the libraries' versions */
    const char *mpm;
    tc_temp_method method;
    tc_host host;       /* its `taken` is that of the dentry readings and memory */
    int64_t slab_taken; /* when the slab was read */
    const tc_counter_snapshot *counts;
    unsigned temp_dirs;
    tc_snapshot_temp_dir temp_dir[TC_SNAPSHOT_TEMP_DIRS];
    uint64_t temp_memory;       /* bytes that files in memory have accounted for */
    uint64_t temp_memory_bound; /* TC_UNLIMITED: none */
    uint64_t client_largest;    /* bytes of temporary data that no client has more of */
    uint64_t client_bound;      /* TC_UNLIMITED: none */
    tc_admission_now admitted;  /* what runs and waits now */
    tc_admission_limits bounds; /* ... and may */
    unsigned converters;        /* processes that are to convert; 0: httpd's children do */
    bool converters_missing;    /* some of them cannot be started */
    unsigned interval;          /* seconds between samples; 0: none are taken */
    unsigned samples;           /* oldest first */
    const tc_sample *sample;
} tc_snapshot;

/* How fast the dentry slab grew over the last `seconds` of samples, bytes a second; NAN when
   they do not reach back for at least a minute. */
double tc_snapshot_growth(const tc_snapshot *snapshot, int64_t seconds);

/* Negative dentries that temporary files of this server have left, as far as it counted: files
   removed after their close on file systems that keep such names. */
uint64_t tc_snapshot_left(const tc_snapshot *snapshot);

#endif
