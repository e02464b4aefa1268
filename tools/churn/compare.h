/* SPDX-License-Identifier: Apache-2.0 */
/* --compare: every method in every directory, one short run each. */
#ifndef CHURN_COMPARE_H
#define CHURN_COMPARE_H

#include "context.h"

/* Every method in every directory. Returns the exit code. */
int churn_compare(churn_context *context);

#endif
