/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may end a conversion: checked between rows, and by decoders between
 * the parts of what takes long before the first row comes.
 */
#ifndef TC_CANCEL_H
#define TC_CANCEL_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * `check` is called often, thousands of times a picture, and is to be cheap. What
 * is not TC_E_OK ends the conversion with that error; it may have set the reason.
 */
typedef struct tc_cancel {
    tc_error (*check)(void *context);
    void *context;
    /*
     * Called before work that takes `ns` nanoseconds and cannot be interrupted: an error when
     * that is more than is left. NULL: the same as check.
     */
    tc_error (*afford)(void *context, uint64_t ns);
} tc_cancel;

/* Check `cancel`, which may be NULL; an error has its reason in `fail` afterwards. */
static inline tc_error tc_cancel_check(const tc_cancel *cancel, tc_fail *fail)
{
    tc_error error = cancel ? cancel->check(cancel->context) : TC_E_OK;

    if (error && fail->error == TC_E_OK)
        tc_fail_set(fail, error, "%s", tc_error_text(error));
    return error;
}

/* Check whether uninterruptible work of `ns` nanoseconds may begin; the same. */
static inline tc_error tc_cancel_afford(const tc_cancel *cancel, uint64_t ns, tc_fail *fail)
{
    tc_error error = tc_cancel_check(cancel, fail);

    if (!error && cancel && cancel->afford)
        error = cancel->afford(cancel->context, ns);
    if (error && fail->error == TC_E_OK)
        tc_fail_set(fail, error, "%s", tc_error_text(error));
    return error;
}

#endif
