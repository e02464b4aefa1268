/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a source from another handler may take to come. A filter in front of
 * all that change the body sees each piece as the handler passes it on, and reads
 * itself what a program still has to write. Behind mod_proxy_http an input filter on
 * the connection to the source's server waits for every byte, those of the header
 * too. Both end the fetch when its time is over or the client has left.
 */
#ifndef TC_FETCH_H
#define TC_FETCH_H

#include "client_cancel.h"

#include <httpd.h>
#include <util_filter.h>

#include <stdbool.h>

#define TC_FETCH_FILTER "TMPFS_CONVERT_FETCH"
#define TC_FETCH_INPUT  "TMPFS_CONVERT_FETCH_IN"
#define TC_FETCH_END    "TMPFS_CONVERT_FETCH_END"

/* One fetch, which lives as long as its request. */
typedef struct tc_fetch {
    request_rec *r;
    tc_client_cancel client;
    tc_fail *fail;
    tc_error ended; /* then `fail` says why */
    uint64_t ends_ns;
    unsigned seconds; /* 0: as long as it takes */
    bool active;      /* the source is still wanted; its owner says when it is not */
    /* Answers the request with *fail in place of what is still to come, once. */
    apr_status_t (*give_up)(void *owner);
    void *owner;
    apr_bucket_brigade *part; /* on its way to the next filter */
} tc_fetch;

/* From now on the source of `r` is waited for, `seconds` at most. Set: give_up and owner. */
void tc_fetch_begin(tc_fetch *fetch, request_rec *r, unsigned seconds, tc_fail *fail);

/* TC_E_FETCH_TIMEOUT or TC_E_CLIENT_GONE when it is to end. */
tc_error tc_fetch_check(tc_fetch *fetch);

/* Output filter, before all of the request's others; its context is the tc_fetch. */
apr_status_t tc_fetch_filter(ap_filter_t *f, apr_bucket_brigade *bb);

/* Input filter on a connection to the source's server. */
apr_status_t tc_fetch_input(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                            apr_read_type_e block, apr_off_t length);

/*
 * Input filter before all others. A body whose fetch was ended looks like one that ends:
 * then mod_proxy closes the connection, and logs no error.
 */
apr_status_t tc_fetch_end(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode,
                          apr_read_type_e block, apr_off_t length);

/* mod_proxy's create_req hook: `response` stands for the response that `r` gets from there. */
int tc_fetch_create(request_rec *r, request_rec *response);

/* mod_proxy's request_status hook: what was ended before its header was there gets its own
   status. */
int tc_fetch_status(int *status, request_rec *r);

#endif
