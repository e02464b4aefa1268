/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversion that belongs to a pool and is run into a spool: by a converter process, or by a
 * pipeline in this one.
 */
#ifndef TC_CONVERSION_H
#define TC_CONVERSION_H

#include "converter/exchange.h"
#include "image/pipeline/pipeline.h"
#include "temp/spool.h"

/* Encoded bytes, as both kinds of conversion read them. */
typedef struct tc_original {
    tc_input input;
    uint64_t *read_ns; /* time spent in reading so far, wherever that was */
    /* A descriptor to read from at any offset; the context is the input's. *own: the caller
       is to close it. */
    apr_status_t (*descriptor)(void *context, int *fd, bool *own);
} tc_original;

/* A spool that is converted; made by setting `spool`. */
typedef struct tc_spooled {
    tc_spool *spool;
    uint64_t read_ns;
} tc_spooled;

/* The spool, after all writes, as an original; `spooled` is borrowed as long as that is. */
tc_original tc_conversion_spooled(tc_spooled *spooled);

/* What is to be converted, and how; all of it is borrowed until the conversion is closed. */
typedef struct tc_conversion_want {
    const tc_original *source, *icon; /* icon: NULL without one */
    const tc_params *params;
    const tc_limits *limits;
    const tc_cancel *cancel;
    const tc_exchange *converters; /* NULL: in this process */
    bool or_here; /* where none can be started or reached, in this process too */
    uint64_t
        go_bytes; /* a plan of so much memory may be carried out without tc_conversion_run */
    uint64_t ends_ns; /* when `cancel` ends it, of tc_clock_ns(); 0: never */
    unsigned seconds;
} tc_conversion_want;

/* What is known once the header is read. */
typedef struct tc_summary {
    tc_format format; /* the source's */
    uint32_t width, height;
    const tc_codec *target;
    bool pass; /* the source is to go out as it is; `target` does not count */
    uint64_t plan_bytes;
} tc_summary;

typedef struct tc_conversion tc_conversion;

/*
 * Read the header, and plan. On an error nothing is held. The errors are those of tc_pipeline_*
 * and, with converters, of tc_remote_*.
 */
tc_error tc_conversion_open(apr_pool_t *pool, tc_conversion **conversion,
                            const tc_conversion_want *want, tc_fail *fail);

const tc_summary *tc_conversion_summary(const tc_conversion *conversion);

/*
 * Convert into a new spool of the pool, which holds up to `threshold` bytes in memory before it
 * takes a file in `temp_config`. After an error nothing is held any more, the conversion aside.
 */
tc_error tc_conversion_run(tc_conversion *conversion, const tc_temp_config *temp_config,
                           apr_size_t threshold, tc_spool **result, tc_stats *stats);

/* After the run: what damage the picture has that the policy let pass, or NULL. */
const tc_fail *tc_conversion_damage(const tc_conversion *conversion);

/* Before its pool goes. */
void tc_conversion_close(tc_conversion *conversion);

/* The error that a failure of a spool is to the client. */
tc_error tc_conversion_spool_error(apr_status_t status);

#endif
