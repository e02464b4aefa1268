/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#include <stddef.h>

const tc_kernel *tc_kernel_best(void)
{
    const tc_kernel *kernel = tc_kernel_avx2();

    if (!kernel)
        kernel = tc_kernel_neon();
    return kernel ? kernel : &tc_kernel_scalar;
}
