/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is noted while the configuration is read, and what is warned of when all of it is
 * known: directives that are sound one by one and do not work together.
 */
#ifndef TC_REMARKS_H
#define TC_REMARKS_H

#include <httpd.h>
#include <http_config.h>

#include <apr_tables.h>

typedef enum tc_remark_kind {
    TC_REMARK_PATTERN,      /* a pattern is defined, `name` */
    TC_REMARK_NAMED,        /* TmpfsConvertDefaults names one */
    TC_REMARK_PATTERN_ONLY, /* TmpfsConvertPatternOnly On */
    TC_REMARK_SECRET,       /* TmpfsConvertSecretFile with keys */
    TC_REMARK_COALESCE      /* TmpfsConvertOnce On */
} tc_remark_kind;

/* An array for tc_remark. */
apr_array_header_t *tc_remarks_make(apr_pool_t *pool);

/* `name`: a pattern's, kept as it is; NULL for what has none. */
void tc_remark(apr_array_header_t *remarks, const cmd_parms *cmd, tc_remark_kind kind,
               const char *name);

/* Of all hosts, once all modules are loaded. */
void tc_remarks_check(const apr_array_header_t *remarks, server_rec *main);

#endif
