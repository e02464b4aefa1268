/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the parent forks the workers, watches them, and measures what they left. */
#ifndef CHURN_RUN_H
#define CHURN_RUN_H

#include "context.h"
#include "options.h"
#include "workdir.h"

/* One run of `options` (not always context->options) in options->dir[0]. */
void churn_run(churn_context *context, const churn_options *options, churn_workdir *workdir,
               churn_result *result);

#endif
