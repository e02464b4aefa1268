/* SPDX-License-Identifier: Apache-2.0 */
/* A converter: conversions, one after the other, for any of httpd's children. */
#ifndef TC_SERVE_H
#define TC_SERVE_H

#include "areas.h"
#include "lockdown.h"
#include "place.h"

#include <stdbool.h>

/*
 * A converter is replaced after this number of jobs: one that a picture has taken over sees no
 * more originals than that, and what its libraries leak is given back. A fork takes about as
 * long as a small conversion, so at one in a thousand it costs nothing.
 */
#define TC_SERVE_JOBS 1000

typedef struct tc_serve {
    int pool;        /* where it says that it is ready, and is given work */
    unsigned jobs;   /* ends after these */
    uint32_t *ready; /* set to 1 once it has said so for the first time */
    tc_fail *fail;   /* why it can offer nothing */
    const tc_lockdown *lockdown;
    unsigned char *area; /* of TC_AREA bytes; NULL: none */
    int32_t place;       /* tc_place_begin's, which no locked process can ask for */
} tc_serve;

/*
 * Serve until the pool is gone, `jobs` are done or tc_serve_end was called. Descriptors that
 * come with a job are closed after it. False where the system lets it offer nothing: why is in
 * `fail`. For a process of its own.
 */
bool tc_serve_run(const tc_serve *serve);

/* For a signal handler: end after the job at hand. */
void tc_serve_end(void);

#endif
