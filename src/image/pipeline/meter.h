/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor time that a conversion takes while it runs, and its end when that is over
 * the limit: the plan is an estimate, this is the bound. One thread's: a meter is begun,
 * checked and forgotten by the thread that converts.
 */
#ifndef TC_METER_H
#define TC_METER_H

#include "image/scale/geometry.h"
#include "base/cancel.h"

typedef struct tc_meter {
    tc_cancel cancel;       /* to be checked in the place of `other` */
    const tc_cancel *other; /* may be NULL */
    const tc_limits *limits;
    tc_fail *fail;
    uint64_t began_cpu, began, look; /* ns; `look`: not before this is the time taken */
} tc_meter;

/*
 * Begin to measure against limits->max_cost_ns. `limits`, `other` and `fail` are borrowed.
 * The check ends the conversion with TC_E_TOO_COSTLY, or as `other` does.
 */
void tc_meter_begin(tc_meter *meter, const tc_limits *limits, const tc_cancel *other,
                    tc_fail *fail);

#endif
