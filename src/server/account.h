/* SPDX-License-Identifier: Apache-2.0 */
/* What a request adds to the counters. */
#ifndef TC_ACCOUNT_H
#define TC_ACCOUNT_H

#include "conversion.h"

#include <httpd.h>

/* One finished conversion. */
typedef struct tc_account {
    const tc_summary *summary;
    const tc_stats *stats;
    const char *pattern;  /* "" without one */
    uint64_t queue_ns;    /* from the request's first line to the work on it */
    uint64_t read_ns;     /* reading the source, in all */
    uint64_t read_run_ns; /* of it the part that `stats` has in decode_ns */
    uint64_t source_bytes, result_bytes;
} tc_account;

/*
 * Count a conversion whose result is about to be sent. Sending is over when the
 * request's pool goes, which may be long after the handler has returned.
 */
void tc_account_conversion(request_rec *r, const tc_account *account);

/* A request refused or failed. */
void tc_account_error(const request_rec *r, tc_error error);

/* For the access log: the id of the message that gives the reason of a refusal. Static. */
void tc_account_id(request_rec *r, const char *id);

/* log_transaction hook: count the response by its class of status, as the access log has it. */
int tc_account_transaction(request_rec *r);

#endif
