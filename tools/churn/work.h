/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's life. */
#ifndef CHURN_WORK_H
#define CHURN_WORK_H

#include "context.h"
#include "workdir.h"

#include <sys/types.h>

/* A worker's life; `index` of workdir->workers. Never returns. */
_Noreturn void churn_work(const churn_context *context, const churn_options *options,
                          const churn_workdir *workdir, unsigned index, pid_t parent);

#endif
