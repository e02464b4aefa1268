/* SPDX-License-Identifier: Apache-2.0 */
#include "remarks.h"

#include <http_log.h>

#include <stdbool.h>
#include <string.h>

APLOG_USE_MODULE(tmpfs_convert);

typedef struct remark {
    tc_remark_kind kind;
    const server_rec *server;
    const char *file; /* and line: where it stands */
    int line;
    const char *name;
} remark;

apr_array_header_t *tc_remarks_make(apr_pool_t *pool)
{
    return apr_array_make(pool, 8, sizeof(remark));
}

void tc_remark(apr_array_header_t *remarks, const cmd_parms *cmd, tc_remark_kind kind,
               const char *name)
{
    APR_ARRAY_PUSH(remarks, remark) =
        (remark){kind, cmd->server, cmd->directive->filename, cmd->directive->line_num, name};
}

/*
 * Whether a remark of this kind, and of this name if it is not NULL, may hold where `at` does:
 * in the same host, or in the main server, from which hosts inherit. Sections are not told
 * apart: a warning too few is better than one too many.
 */
static bool has(const apr_array_header_t *remarks, const server_rec *main, const remark *at,
                tc_remark_kind kind, const char *name)
{
    for (int i = 0; i < remarks->nelts; i++) {
        const remark *other = &APR_ARRAY_IDX(remarks, i, remark);

        if (other->kind == kind && (!name || strcmp(name, other->name) == 0) &&
            (other->server == at->server || other->server == main || at->server == main))
            return true;
    }
    return false;
}

static void check(const apr_array_header_t *remarks, server_rec *main, const remark *at)
{
    switch (at->kind) {
    case TC_REMARK_PATTERN_ONLY:
        if (!has(remarks, main, at, TC_REMARK_PATTERN, NULL) &&
            !has(remarks, main, at, TC_REMARK_SECRET, NULL))
            ap_log_error(
                APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main,
                "TC0124: %s:%d: TmpfsConvertPatternOnly On: no pattern is defined, so every "
                "URL with parameters gets 403; define one with TmpfsConvertPattern",
                at->file, at->line);
        break;
    case TC_REMARK_COALESCE:
        if (!ap_find_linked_module("mod_cache.c"))
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main,
                         "TC0125: %s:%d: TmpfsConvertOnce On: mod_cache is not loaded, so "
                         "waiting requests find no answer to share; load it, or set Off",
                         at->file, at->line);
        break;
    case TC_REMARK_NAMED:
        if (!has(remarks, main, at, TC_REMARK_PATTERN, at->name))
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main,
                         "TC0126: %s:%d: TmpfsConvertDefaults p=%s: there is no such pattern, "
                         "so every conversion there gets 400",
                         at->file, at->line, at->name);
        break;
    default:
        break;
    }
}

void tc_remarks_check(const apr_array_header_t *remarks, server_rec *main)
{
    for (int i = 0; i < remarks->nelts; i++)
        check(remarks, main, &APR_ARRAY_IDX(remarks, i, remark));
}
