/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client that waits for a conversion: whether it is still there, and how long
 * it is made to wait. Checked while the conversion runs or waits for its turn.
 */
#ifndef TC_CLIENT_CANCEL_H
#define TC_CLIENT_CANCEL_H

#include "base/cancel.h"
#include "temp/spool.h"

#include <httpd.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct tc_client_cancel {
    tc_cancel cancel; /* to be handed on; its context is this struct */
    tc_fail *fail;
    const conn_rec *connection;
    int socket;       /* -1: none to look at */
    uint64_t look_ns; /* when to look at it next */
    uint64_t ends_ns; /* when patience ends; 0: never */
    unsigned seconds;
} tc_client_cancel;

/*
 * A number for the client's address, as mod_remoteip and its like see it: the same for all
 * of an IPv6 /64, which one client has to itself. Not 0.
 */
uint64_t tc_client_key(const request_rec *r);

/* Whether httpd knows that the client has left: its connection, or its stream of HTTP/2. */
bool tc_client_is_aborted(const conn_rec *connection);

/* Where temporary data of `r` go, counted for its client; of the request's pool. */
const tc_temp_config *tc_client_temp(const request_rec *r);

/* Begin to watch the client of `r`. `client` stays where it is while its `cancel` is in use. */
void tc_client_cancel_begin(tc_client_cancel *client, const request_rec *r, tc_fail *fail);

/* From now on no longer than `seconds`; 0: as long as it takes. */
void tc_client_cancel_limit(tc_client_cancel *client, unsigned seconds);

#endif
