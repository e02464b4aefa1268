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
#include "conversion.h"
#include "source.h"

typedef struct tc_job {
    const tc_settings *settings;
    tc_params params; /* complete: of=auto has become a format */
    bool negotiated;  /* ... and the response varies by Accept */
    tc_source *icon;  /* NULL when no icon is named */
    bool whole;       /* the conversion may begin with the header, for its result is wanted */
    tc_original original; /* with cancellation */
    tc_client_cancel client;
    tc_slot slot;
    tc_conversion_want want;
    tc_conversion *conversion; /* NULL unless open */
    tc_fail fail;
    apr_time_t began;
    uint64_t open_read_ns; /* the source's clock when the header was read */
} tc_job;

/* Settings and all layers of parameters for the request, and the icon they name, opened. */
tc_error tc_job_begin(request_rec *r, tc_job *job);

/* TC_E_OVERLOAD when there is no room for a conversion now, nor to wait for one. */
tc_error tc_job_room(request_rec *r, tc_job *job);

/*
 * Take a place, waiting for it if need be, then read the source's header and plan.
 * Nothing of the original is read before. The place is held until tc_job_run or
 * tc_job_close; after an error it is free. TC_E_CLIENT_GONE when the client has left,
 * TC_E_TIMEOUT when TmpfsConvertTimeout, which begins with the reading, is over.
 */
tc_error tc_job_open(request_rec *r, tc_job *job, const tc_original *original);

/*
 * Convert what tc_job_open opened into `*result`, and count it; waits once more where the
 * plan has more memory than there is now. Errors as above. The job is closed either way.
 */
tc_error tc_job_run(request_rec *r, tc_job *job, tc_spool **result, tc_stats *stats);

/* Free the conversion and then the place; harmless when neither is held. */
void tc_job_close(request_rec *r, tc_job *job);

#endif
