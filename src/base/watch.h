/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may end a conversion: asked between rows, and by decoders between
 * the parts of what takes long before the first row comes.
 */
#ifndef TC_WATCH_H
#define TC_WATCH_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * `check` is asked often, thousands of times a picture, and is to be cheap. What
 * is not TC_E_OK ends the conversion with that error; it may have set the reason.
 */
typedef struct tc_watch {
    tc_error (*check)(void *context);
    void *context;
    /*
     * Asked before work that takes `ns` nanoseconds and cannot be interrupted: an error when
     * that is more than is left. NULL: the same as check.
     */
    tc_error (*afford)(void *context, uint64_t ns);
} tc_watch;

/* Ask `watch`, which may be NULL; an error has its reason in `fail` afterwards. */
static inline tc_error tc_watch_ask(const tc_watch *watch, tc_fail *fail)
{
    tc_error error = watch ? watch->check(watch->context) : TC_E_OK;

    if (error && fail->error == TC_E_OK)
        tc_fail_set(fail, error, "%s", tc_error_text(error));
    return error;
}

/* Ask whether uninterruptible work of `ns` nanoseconds may begin; the same. */
static inline tc_error tc_watch_afford(const tc_watch *watch, uint64_t ns, tc_fail *fail)
{
    tc_error error = tc_watch_ask(watch, fail);

    if (!error && watch && watch->afford)
        error = watch->afford(watch->context, ns);
    if (error && fail->error == TC_E_OK)
        tc_fail_set(fail, error, "%s", tc_error_text(error));
    return error;
}

#endif
