/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's place among the conversions of the server: taken before its original is
 * looked at, with memory for reading a header, and weighed by its plan afterwards.
 */
#ifndef TC_ADMIT_H
#define TC_ADMIT_H

#include "image/params/params.h"
#include "base/cancel.h"
#include "admission/admission.h"
#include "shared/counters.h"

#include <httpd.h>

/* All zero: none. Free by tc_admit_leave, or with the request's pool. */
typedef struct tc_slot {
    tc_admission *admission;
    tc_counters *counters;
    tc_asker asker;
    tc_ticket ticket;
    bool taken;
    uint64_t held;      /* bytes of memory that are counted for it */
    uint64_t waited_ns; /* for it, in all */
} tc_slot;

/*
 * How the request asks: for which client, and holding one of httpd's workers or one of
 * mod_http2's. Conversions with equal `canonical` parameters of originals of about `bytes` are
 * of a kind; NULL: none is asked for.
 */
tc_asker tc_admit_asker(const request_rec *r, const char *canonical, uint64_t bytes);

/* TC_E_OVERLOAD when there is neither a place now nor room to wait for one. */
tc_error tc_admit_room(request_rec *r, const tc_asker *asker, tc_fail *fail);

/*
 * Wait for a place, with memory for a header. TC_E_OVERLOAD, or what `cancel` says. `slot`
 * stays where it is until the request's pool goes.
 */
tc_error tc_admit_enter(request_rec *r, tc_slot *slot, const tc_asker *asker,
                        const tc_cancel *cancel, tc_fail *fail);

/* What is taken and what waits now, for the log: most refusals are not logged. */
typedef struct tc_admit_figures {
    unsigned active, queued;
    char planned[5]; /* bytes, as people write them */
} tc_admit_figures;

tc_admit_figures tc_admit_now(const server_rec *server);

/* Seconds in which what waits now will have been served: for Retry-After. */
unsigned tc_admit_retry(const server_rec *server);

/*
 * Count a plan of `bytes` for the place, without waiting; false in `*fits` when there is no
 * room for it now. TC_E_OUTPUT_TOO_LARGE when there never is.
 */
tc_error tc_admit_weigh(request_rec *r, tc_slot *slot, uint64_t bytes, bool *fits,
                        tc_fail *fail);

/* After tc_admit_leave: wait for a place with `bytes` of memory. As tc_admit_enter; both waits
   together are bounded by WAIT. */
tc_error tc_admit_again(request_rec *r, tc_slot *slot, uint64_t bytes, const tc_cancel *cancel,
                        tc_fail *fail);

/* Give the place back; harmless without one. */
void tc_admit_leave(request_rec *r, tc_slot *slot);

#endif
