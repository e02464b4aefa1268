/* SPDX-License-Identifier: Apache-2.0 */
/* What was to be expected, what was found, and that in words. */
#include "verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

#define LEAK_FROM 0.90
#define CLEAN_TO  0.05
/* More than one a file cannot be. */
#define LEAK_TO 1.10

const char *churn_finding_name(churn_finding finding)
{
    static const char *const names[] = {
        [CHURN_ANY] = "unknown",
        [CHURN_LEAK] = "leak",
        [CHURN_CLEAN] = "clean",
        [CHURN_UNSURE] = "inconclusive",
    };

    return names[finding];
}

/* ---- expected ------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names))
        names++;
    return *names != NULL;
}

static void expect(churn_expectation *expectation, churn_finding finding, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

static void expect(churn_expectation *expectation, churn_finding finding, const char *format,
                   ...)
{
    va_list arguments;

    expectation->finding = finding;
    va_start(arguments, format);
    vsnprintf(expectation->why, sizeof(expectation->why), format, arguments);
    va_end(arguments);
}

void churn_expect(churn_expectation *expectation, const churn_method *method,
                  const tc_temp_fs *fs, const tc_dentry_sysctls *sysctls)
{
    static const char *const keep[] = {"ext4", "xfs", "btrfs", NULL};
    bool overlay = strcmp(fs->name, "overlayfs") == 0;

    if (method->no_directory)
        expect(expectation, CHURN_CLEAN, "a memfd has no name in any directory");
    else if (fs->in_memory)
        expect(expectation, CHURN_CLEAN, "%s keeps no names of files that are not there",
               fs->name);
    else if (!overlay && !is_one_of(fs->name, keep))
        expect(expectation, CHURN_ANY, "nothing is known here of %s", fs->name);
    else if (method->looked_up)
        expect(expectation, CHURN_LEAK, "a name that is looked up and not there is kept");
    else if (!method->dropped_last)
        expect(expectation, CHURN_CLEAN,
               method->begin ? "the same names come again"
                             : "no name, or a descriptor is held while it is removed");
    else if (overlay)
        expect(expectation, CHURN_CLEAN, "overlayfs drops the name of what it removes");
    else if (!sysctls->dentry_negative.error && sysctls->dentry_negative.value)
        expect(expectation, CHURN_CLEAN, "fs.dentry-negative=1: removed names are dropped");
    else
        expect(expectation, CHURN_LEAK,
               "%s keeps the name of what nothing refers to when it is removed", fs->name);
}

/* ---- found ---------------------------------------------------------------------------------
 */

churn_finding churn_judge(const churn_result *result, const char **why)
{
    *why = "";
    if (!result->measured)
        *why = "nothing was measured";
    else if (result->few)
        *why = "too few files: at least 1000, and 40 for each of its directories";
    else if (result->noisy)
        *why = "others change the host's figure too much: run it without --in-place or --keep";
    else if (result->ratio > LEAK_TO)
        *why = "others freed negative dentries in the same moment";
    else if (result->ratio >= LEAK_FROM)
        return CHURN_LEAK;
    else if (result->reclaimed)
        *why = "negative dentries were reclaimed while it ran";
    else if (result->ratio <= CLEAN_TO && result->ratio >= -CLEAN_TO)
        return CHURN_CLEAN;
    else
        *why = "neither all nor none were retained";
    return CHURN_UNSURE;
}

int churn_exit_code(const churn_options *options, const churn_result *result)
{
    churn_finding finding;
    const char *why;

    if (result->ending == CHURN_SIGNALLED)
        return 128 + result->signal;
    if (result->ending != CHURN_DONE)
        return CHURN_EXIT_STOPPED;
    if (options->expect == CHURN_ANY)
        return CHURN_EXIT_OK;
    finding = churn_judge(result, &why);
    if (finding == CHURN_UNSURE)
        return CHURN_EXIT_UNSURE;
    return finding == options->expect ? CHURN_EXIT_OK : CHURN_EXIT_CONTRADICTED;
}

/* ---- the final block ----------------------------------------------------------------------
 */

static void put_retained(FILE *to, const churn_context *context, const churn_options *options,
                         const churn_result *result)
{
    double each = churn_bytes_each(options->name_length);
    double rate = result->seconds > 0 ? (double)result->files / result->seconds : 0;
    double ratio = result->ratio > 0 ? result->ratio : 0;

    const char *why;

    if (!result->measured)
        return;
    fprintf(to, "retained       %.0f negative dentries, %.4f a file (%s %s)\n",
            result->retained, result->ratio, context->gauge.name,
            result->by_rmdir ? "fell by that when the directory was removed"
                             : "of the host, less an idle second's change");
    fprintf(to, "host-wide      %s %+.0f meanwhile, all programs together; %+.0f/s before\n",
            context->gauge.name, result->host_delta, result->idle_rate);
    /* Half a measurement is none to go on from. */
    if (churn_judge(result, &why) == CHURN_UNSURE)
        return;
    fprintf(to, "memory         %.0f bytes a file, %.1f MB%s", ratio * each,
            ratio * each * (double)result->files / CHURN_MIB,
            result->by_rmdir ? ", given back" : ", stays until it is reclaimed\n");
    if (result->by_rmdir)
        fprintf(to, " in %.0f ms\n", result->gave_back_ms);
    fprintf(to, "at this rate   %.0f MB a day\n", ratio * each * rate * 86400 / CHURN_MIB);
}

static void put_hog(FILE *to, const churn_context *context, const churn_options *options,
                    const churn_result *result)
{
    const churn_hog *hog = &context->shared->hog;
    tc_memory memory;

    if (!options->hog.value)
        return;
    tc_memory_read(&memory, NULL);
    fprintf(to, "hog            before: %" PRIu64 " MB in %.3f s, worst MB %.1f ms\n",
            options->hog.value, (double)result->hog_before_ns / 1e9,
            (double)result->hog_before_worst_ns / 1e6);
    fprintf(to,
            "               now: %" PRIu64 " of %" PRIu64
            " MB in %.3f s, worst MB %.1f ms (the %" PRIu64 ".)%s\n",
            hog->mb, options->hog.value, (double)hog->total_ns / 1e9,
            (double)hog->worst_ns / 1e6, hog->worst_mb,
            hog->done && !hog->error ? "" : "; then it was killed");
    if (memory.swap_total.error || memory.swap_total.value == 0)
        fputs("               this machine has no swap: caches and slab have to give way\n",
              to);
    else
        fprintf(to, "               this machine has %.0f MB of swap\n",
                (double)memory.swap_total.value / CHURN_MIB);
}

static void put_system(FILE *to, const churn_options *options, const churn_result *result)
{
    if (options->drop.value)
        fprintf(to,
                "drop_caches    %" PRIu64 ": %" PRId64 " dentries (%" PRId64
                " negative), %.1f MB of their slab in %.0f ms\n",
                options->drop.value, result->dropped.dentries, result->dropped.negatives,
                (double)result->dropped.bytes / CHURN_MIB, result->dropped.ms);
    if (options->cache_pressure >= 0)
        fprintf(to, "meanwhile      vm.vfs_cache_pressure=%" PRId64 "\n",
                options->cache_pressure);
    if (options->dentry_negative >= 0)
        fprintf(to, "meanwhile      fs.dentry-negative=%" PRId64 "\n",
                options->dentry_negative);
}

static void put_verdict(FILE *to, const churn_options *options,
                        const churn_expectation *expectation, const churn_result *result)
{
    const char *why;
    churn_finding finding = churn_judge(result, &why);

    fprintf(to, "expected       %s: %s\n", churn_finding_name(expectation->finding),
            expectation->why);
    fprintf(to, "verdict        %s", churn_finding_name(finding));
    if (finding == CHURN_UNSURE)
        fprintf(to, ": %s", why);
    else if (expectation->finding != CHURN_ANY)
        fputs(finding == expectation->finding ? ", as expected" : ", NOT as expected", to);
    if (finding == CHURN_LEAK)
        fputs(": each file left its name in kernel memory", to);
    if (finding == CHURN_CLEAN)
        fputs(": the files left nothing in kernel memory", to);
    fputc('\n', to);
    if (options->expect != CHURN_ANY && finding != CHURN_UNSURE)
        fprintf(to, "               --expect %s: %s\n", churn_finding_name(options->expect),
                finding == options->expect ? "so it is" : "CONTRADICTED");
}

void churn_summary(FILE *to, const churn_context *context, const churn_options *options,
                   const churn_workdir *workdir, const churn_result *result)
{
    churn_expectation expectation;
    struct utsname name = {.release = "?"};

    uname(&name);
    churn_expect(&expectation, options->method[0], &workdir->fs, &context->sysctls);
    if (result->ending != CHURN_DONE)
        fprintf(to, "stopped        %s\n", result->why);
    if (result->strays)
        fprintf(to, "removed        %u files of workers that were killed\n", result->strays);
    fprintf(to, "files          %" PRIu64 " by %s in %s (%s), Linux %s\n", result->files,
            options->method[0]->name, workdir->base, workdir->fs.name, name.release);
    fprintf(to, "seconds        %.1f, %.0f files a second, %.1f us a file\n", result->seconds,
            result->seconds > 0 ? (double)result->files / result->seconds : 0,
            result->us_a_file);
    put_retained(to, context, options, result);
    put_hog(to, context, options, result);
    put_system(to, options, result);
    put_verdict(to, options, &expectation, result);
    if (options->in_place)
        fputs("               what is retained stays until the kernel reclaims it\n", to);
    if (options->keep && workdir->leaf[0])
        fprintf(to, "               kept: %s; its removal gives the memory back\n",
                workdir->path);
}
