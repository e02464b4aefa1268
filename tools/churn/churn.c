/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows on the machine at hand that temporary files leave negative dentries in
 * kernel memory, and that other ways of making them do not. churn --help, and
 * docs/churn.1.
 */
#include "base.h"
#include "compare.h"
#include "context.h"
#include "gauge.h"
#include "keeper.h"
#include "memcg.h"
#include "options.h"
#include "workdir.h"
#include "report.h"
#include "run.h"
#include "table.h"
#include "verdict.h"

#include "server/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Taken by churn_wait; SIGCHLD ends a wait. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* A reader that went away is an error of the write. */
    signal(SIGPIPE, SIG_IGN);
}

static bool set_sysctl(churn_context *context, const char *option, const char *path,
                       int64_t value)
{
    int rc = value < 0 ? 0 : churn_sysctl_set(&context->shared->undo, path, value);

    if (rc)
        churn_say("--%s: %s: %s", option, path, strerror(rc));
    return rc == 0;
}

static bool prepare(churn_context *context)
{
    const churn_options *options = context->options;
    char why[CHURN_PATH + 256] = "";

    if (!set_sysctl(context, "vfs-cache-pressure", "/proc/sys/vm/vfs_cache_pressure",
                    options->cache_pressure) ||
        !set_sysctl(context, "dentry-negative", "/proc/sys/fs/dentry-negative",
                    options->dentry_negative))
        return false;
    if (options->memcg_mb && churn_memcg_make(&context->memcg, options->memcg_mb,
                                              &context->shared->undo, why, sizeof(why))) {
        churn_say("--memcg: %s", why);
        return false;
    }
    tc_dentry_sysctls_read(&context->sysctls, NULL);
    return true;
}

static int run_once(churn_context *context)
{
    const churn_options *options = context->options;
    churn_result result;
    churn_workdir workdir;
    int rc = churn_workdir_open(&workdir, options, options->dir[0], &context->shared->undo);

    if (rc) {
        churn_say("--dir: %s: %s", options->dir[0], strerror(rc));
        return CHURN_EXIT_USAGE;
    }
    churn_run(context, options, &workdir, &result);
    churn_report_end(context->report, context, options, &workdir, &result);
    churn_workdir_close(&workdir, options->keep, &context->shared->undo);
    return churn_exit_code(options, &result);
}

/* Everything that leaves something to undo. */
static int run_all(churn_context *context)
{
    churn_keeper keeper;
    int code, rc;

    fflush(NULL);
    rc = churn_keeper_start(&keeper, context->shared);
    if (rc) {
        churn_say("no process for the cleanup: %s", strerror(rc));
        return CHURN_EXIT_USAGE;
    }
    code = CHURN_EXIT_USAGE;
    if (prepare(context))
        code = context->options->compare ? churn_compare(context) : run_once(context);
    churn_undo_all(&context->shared->undo);
    churn_keeper_end(&keeper);
    return code;
}

int main(int argc, char **argv)
{
    static churn_options options;
    static churn_context context;
    int code;

    churn_options_parse(&options, argc, argv);
    if (options.help)
        churn_options_help(stdout);
    else if (options.version)
        puts("churn " TC_VERSION " (mod_tmpfs_convert)");
    else if (options.once)
        churn_table(stdout);
    if (options.help || options.version || options.once)
        return fflush(stdout) || ferror(stdout) ? CHURN_EXIT_STOPPED : CHURN_EXIT_OK;

    block_signals();
    context.options = &options;
    context.shared = mmap(NULL, sizeof(*context.shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (context.shared == MAP_FAILED) {
        churn_say("no shared memory: %s", strerror(errno));
        return CHURN_EXIT_USAGE;
    }
    context.gauge = churn_gauge_choose(options.gauge);
    context.report = churn_report_open(&options);
    code = run_all(&context);
    if (!churn_report_close(context.report) && code == CHURN_EXIT_OK)
        code = CHURN_EXIT_STOPPED;
    return code;
}
