/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversion for a request: what is common to a source that is a file and
 * one that another handler makes.
 */
#ifndef TC_JOB_H
#define TC_JOB_H

#include "admit.h"
#include "client_cancel.h"
#include "config.h"
#include "spooled_pipeline.h"
#include "source.h"

typedef struct tc_job {
    const tc_settings *settings;
    tc_params params; /* complete: of=auto has become a format */
    bool negotiated;  /* ... and the response varies by Accept */
    tc_source *icon;  /* NULL when no icon is named */
    tc_input input;   /* the source's, with cancellation */
    tc_client_cancel client;
    tc_slot slot;
    tc_pipeline *pipeline; /* NULL unless open */
    tc_fail fail;
    apr_time_t began;
    uint64_t open_read_ns; /* the source's clock when the header was read */
} tc_job;

/* Settings and all layers of parameters for the request, and the icon they name, opened. */
tc_error tc_job_begin(request_rec *r, tc_job *job);

/* TC_E_OVERLOAD when there is no room for a conversion of `bytes` now, nor to wait for one. */
tc_error tc_job_room(request_rec *r, tc_job *job, uint64_t bytes);

/*
 * Take a place, waiting for it if need be, then read the source's header and plan.
 * Nothing of `input` is read before. The place is held until tc_job_run or tc_job_close;
 * after an error it is free. `read_ns` is the time that reading the source has taken so
 * far. TC_E_CLIENT_GONE when the client has left, TC_E_TIMEOUT when TmpfsConvertTimeout,
 * which begins with the reading, is over.
 */
tc_error tc_job_open(request_rec *r, tc_job *job, const tc_input *input,
                     const uint64_t *read_ns);

/*
 * Convert what tc_job_open opened into `*result`, and count it; waits once more where the
 * plan has more memory than there is now. Errors as above. The job is closed either way.
 */
tc_error tc_job_run(request_rec *r, tc_job *job, const uint64_t *read_ns, tc_spool **result,
                    tc_stats *stats);

/* Free the pipeline and then the place; harmless when neither is held. */
void tc_job_close(request_rec *r, tc_job *job);

#endif
