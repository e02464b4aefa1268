/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversion for a request: what is common to an original that is a file and
 * one that another handler makes.
 */
#ifndef TC_JOB_H
#define TC_JOB_H

#include "config.h"
#include "convert.h"
#include "source.h"

typedef struct tc_job {
    tc_settings settings;
    tc_params params; /* complete: of=auto has become a format */
    bool negotiated;  /* ... and the answer varies by Accept */
    tc_source *icon;  /* NULL when no icon is named */
    tc_pipeline *pipeline;
    tc_fail fail;
    apr_time_t began;
    uint64_t open_read_ns; /* the source's clock when the header was read */
} tc_job;

/*
 * handler hook, before mod_cache's: a request that our handler answers has the headers by
 * which mod_cache tells its answers apart. Always DECLINED.
 */
int tc_job_before_cache(request_rec *r);

/* Settings and all layers of parameters for the request, and the icon they name, opened. */
tc_error tc_job_begin(request_rec *r, tc_job *job);

/* TC_E_OVERLOAD when there is no room for any conversion now, nor to wait for one. */
tc_error tc_job_room(request_rec *r, tc_job *job);

/*
 * Read the original's header and plan; the pipeline is of the request's pool. Where the
 * plan is to pass the original through nothing else is to be done with the job.
 */
tc_error tc_job_open(request_rec *r, tc_job *job, const tc_input *input,
                     const uint64_t *read_ns);

/*
 * Convert into `*result`, and count it, as soon as there is a place for it;
 * `read_ns` is the time that reading the original has taken so far. Ends with
 * TC_E_CLIENT_GONE when nobody waits for it any more, with TC_E_TIMEOUT when it
 * takes too long. The pipeline is closed, and the place free, either way.
 */
tc_error tc_job_run(request_rec *r, tc_job *job, const tc_input *input, const uint64_t *read_ns,
                    tc_spool **result, tc_stats *stats);

#endif
