/* SPDX-License-Identifier: Apache-2.0 */
/* --compare: every method in every directory, one short run each. */
#include "compare.h"

#include "report.h"
#include "run.h"
#include "verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOST_SECONDS 60

typedef struct run_totals {
    unsigned wrong, unsure;
} run_totals;

static void put_head(FILE *to)
{
    fprintf(to, "%-24s %-10s %-13s %9s %8s  %-8s  %s\n", "directory", "fs", "method",
            "neg/file", "us/file", "expected", "verdict");
}

static const char *verdict_words(churn_finding finding, churn_finding expected, bool asked)
{
    if (finding == CHURN_UNSURE)
        return "inconclusive";
    if (expected == CHURN_ANY)
        return churn_finding_name(finding);
    if (finding == expected)
        return finding == CHURN_LEAK ? "leak, as expected" : "clean, as expected";
    if (asked)
        return finding == CHURN_LEAK ? "leak: CONTRADICTED" : "clean: CONTRADICTED";
    return finding == CHURN_LEAK ? "leak, NOT as expected" : "clean, NOT as expected";
}

static void put_row(FILE *to, const churn_options *options, const churn_workdir *workdir,
                    const churn_result *result, churn_finding expected, run_totals *totals)
{
    const char *why;
    churn_finding finding = churn_judge(result, &why);

    fprintf(to, "%-24s %-10s %-13s %9.4f %8.1f  %-8s  %s", workdir->base, workdir->fs.name,
            options->method[0]->name, result->ratio, result->us_a_file,
            churn_finding_name(expected),
            verdict_words(finding, expected, options->expect != CHURN_ANY));
    if (finding == CHURN_UNSURE)
        fprintf(to, ": %s", why);
    fputc('\n', to);
    fflush(to);
    if (finding == CHURN_UNSURE)
        totals->unsure++;
    else if (expected != CHURN_ANY && finding != expected)
        totals->wrong++;
}

/* A file system or a kernel may lack O_TMPFILE, memfd or directories. */
static bool is_unsupported(const churn_result *result)
{
    return result->ending == CHURN_FAILED && result->files == 0 &&
           (result->error == EOPNOTSUPP || result->error == ENOSYS || result->error == EPERM);
}

/* Returns an exit code, CHURN_EXIT_OK to go on. */
static int one(churn_context *context, const churn_options *options, run_totals *totals)
{
    FILE *to = churn_report_text(context->report);
    churn_report *report = context->report;
    churn_expectation expectation;
    churn_result result;
    churn_workdir workdir;
    bool supported;
    int rc = churn_workdir_open(&workdir, options, options->dir[0], &context->shared->undo);

    if (rc) {
        churn_say("--dir: %s: %s", options->dir[0], strerror(rc));
        return CHURN_EXIT_USAGE;
    }
    context->report = NULL;
    churn_run(context, options, &workdir, &result);
    context->report = report;
    churn_expect(&expectation, options->method[0], &workdir.fs, &context->sysctls);
    supported = !is_unsupported(&result);
    if (result.ending != CHURN_DONE && supported) {
        churn_say("%s: stopped: %s", options->method[0]->name, result.why);
    } else {
        if (supported)
            put_row(to, options, &workdir, &result,
                    options->expect ? options->expect : expectation.finding, totals);
        else
            fprintf(to, "%-24s %-10s %-13s %9s %8s  %-8s  not to be had here: %s\n",
                    workdir.base, workdir.fs.name, options->method[0]->name, "-", "-", "-",
                    strerror(result.error));
        churn_report_compared(report, context, options, &workdir, &result, supported);
    }
    churn_workdir_close(&workdir, false, &context->shared->undo);
    if (ferror(to))
        return CHURN_EXIT_STOPPED;
    return result.ending == CHURN_DONE || !supported ? CHURN_EXIT_OK
                                                     : churn_exit_code(options, &result);
}

int churn_compare(churn_context *context)
{
    churn_options options = *context->options;
    run_totals totals = {0, 0};

    put_head(churn_report_text(context->report));
    if (options.duration > MOST_SECONDS)
        options.duration = MOST_SECONDS;
    options.dirs = options.methods = 1;
    for (unsigned dir = 0; dir < context->options->dirs; dir++) {
        for (unsigned method = 0; method < context->options->methods; method++) {
            int code;

            options.dir[0] = context->options->dir[dir];
            options.method[0] = context->options->method[method];
            code = one(context, &options, &totals);
            if (code != CHURN_EXIT_OK)
                return code;
        }
    }
    if (totals.wrong)
        return CHURN_EXIT_CONTRADICTED;
    return totals.unsure ? CHURN_EXIT_UNSURE : CHURN_EXIT_OK;
}
