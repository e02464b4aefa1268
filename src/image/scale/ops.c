/* SPDX-License-Identifier: Apache-2.0 */
#include "ops.h"

#include <stddef.h>

const tc_scale_ops *tc_scale_ops_best(void)
{
    const tc_scale_ops *ops = tc_scale_ops_avx2();

    if (!ops)
        ops = tc_scale_ops_neon();
    return ops ? ops : &tc_scale_ops_scalar;
}
