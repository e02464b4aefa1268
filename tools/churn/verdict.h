/* SPDX-License-Identifier: Apache-2.0 */
/* What was to be expected, what was found, and that in words. */
#ifndef CHURN_VERDICT_H
#define CHURN_VERDICT_H

#include "context.h"
#include "method.h"
#include "options.h"
#include "workdir.h"

#include "host/host.h"
#include "temp/tempfile.h"

#include <stdio.h>

typedef struct churn_expectation {
    churn_finding finding; /* CHURN_ANY: nothing is known of this file system */
    char why[200];
} churn_expectation;

void churn_expect(churn_expectation *expectation, const churn_method *method,
                  const tc_temp_fs *fs, const tc_dentry_sysctls *sysctls);

/* CHURN_LEAK, CHURN_CLEAN or CHURN_UNSURE, with the reason of the last. */
churn_finding churn_judge(const churn_result *result, const char **why);

const char *churn_finding_name(churn_finding finding);

/* The final block. */
void churn_summary(FILE *to, const churn_context *context, const churn_options *options,
                   const churn_workdir *workdir, const churn_result *result);

int churn_exit_code(const churn_options *options, const churn_result *result);

#endif
