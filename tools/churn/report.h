/* SPDX-License-Identifier: Apache-2.0 */
/* Where readings go while a run goes on: lines, CSV, JSON, and charts at the end. */
#ifndef CHURN_REPORT_H
#define CHURN_REPORT_H

#include "context.h"
#include "options.h"
#include "workdir.h"
#include "sample.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct churn_report churn_report;

/* Opens the files; ends the program with CHURN_EXIT_USAGE when one cannot be. */
churn_report *churn_report_open(const churn_options *options);
/* Where text for people goes: stdout, or stderr when readings go to stdout. */
FILE *churn_report_text(const churn_report *report);
void churn_report_begin(churn_report *report, const churn_context *context,
                        const churn_options *options, const churn_workdir *workdir);
/* At least each second: shows a line when the interval is over. */
void churn_report_sample(churn_report *report, const churn_sample *sample);
/* The last one: shows its line, unless one was just shown. */
void churn_report_last(churn_report *report, const churn_sample *sample);
void churn_report_end(churn_report *report, const churn_context *context,
                      const churn_options *options, const churn_workdir *workdir,
                      const churn_result *result);
/* A line of --compare, in CSV and JSON. `supported` false: the method is not to be had. */
void churn_report_compared(churn_report *report, const churn_context *context,
                           const churn_options *options, const churn_workdir *workdir,
                           const churn_result *result, bool supported);
/* False when something could not be written, which is then said. */
bool churn_report_close(churn_report *report);

#endif
