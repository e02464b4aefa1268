/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversion by a converter, as httpd's child sees it. Nothing that comes back is trusted:
 * formats, sizes, errors, times, texts and the number of bytes are those that the order allows,
 * or the conversion fails with TC_E_CONVERTER.
 */
#ifndef TC_REMOTE_H
#define TC_REMOTE_H

#include "exchange.h"
#include "message.h"

typedef struct tc_remote tc_remote;

/* What is to be converted. Descriptors are for reading only, and stay the caller's. */
typedef struct tc_remote_job {
    int source;
    uint64_t source_bytes;
    int icon; /* -1: none */
    uint64_t icon_bytes;
    const tc_params *params;
    const tc_limits *limits;
    uint64_t go_bytes; /* a plan of so much memory is carried out at once */
    uint64_t ends_ns;  /* of tc_clock_ns(); 0: never */
    unsigned seconds;  /* what ends_ns was made of */
} tc_remote_job;

/*
 * Give `job` to a converter of `pool`, and read its first report: the facts are known then.
 * `cancel`, which may be NULL, is checked while it is waited for, and `pool`, `cancel` and
 * `fail` are borrowed until tc_remote_close. On an error *remote is NULL: the
 * pipeline's, `cancel`'s, TC_E_CONVERTER, TC_E_NO_CONVERTER, TC_E_NO_FILES or
 * TC_E_NO_MEMORY.
 */
tc_error tc_remote_open(tc_remote **remote, const tc_exchange *pool, const tc_remote_job *job,
                        const tc_cancel *cancel, tc_fail *fail);

/* With a format, size and plan that the job allows. */
const tc_facts *tc_remote_facts(const tc_remote *remote);

/* The result into `output`; once. The errors as above, and the output's. */
tc_error tc_remote_run(tc_remote *remote, const tc_output *output, tc_stats *stats);

/* Nanoseconds of reading the originals: for the header, and so far. */
uint64_t tc_remote_open_read_ns(const tc_remote *remote);
uint64_t tc_remote_read_ns(const tc_remote *remote);

/* As tc_pipeline_damage. */
const tc_fail *tc_remote_damage(const tc_remote *remote);

/*
 * The end of it, whatever it does: a converter that does not stop soon is killed. Accepts NULL.
 */
void tc_remote_close(tc_remote *remote);

#endif
