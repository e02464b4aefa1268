/* SPDX-License-Identifier: Apache-2.0 */
#include "loglimit.h"

#include "config.h"

#include <http_log.h>

#include <apr_atomic.h>
#include <apr_strings.h>

APLOG_USE_MODULE(tmpfs_convert);

/* Threads that meet here at the turn of a second may let a line or two more through. */
bool tc_log_allows(request_rec *r, int level)
{
    tc_log_bound *bound = tc_config_log_bound(r->server);
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now()), second, suppressed;

    if (!APLOG_R_IS_LEVEL(r, level))
        return false;
    second = apr_atomic_read32(&bound->second);
    if (second != now && apr_atomic_cas32(&bound->second, now, second) == second) {
        apr_atomic_set32(&bound->lines, 0);
        suppressed = apr_atomic_xchg32(&bound->suppressed, 0);
        if (suppressed)
            ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                          "TC0020: %u more lines about requests were left out: this process "
                          "had over %d in a second",
                          (unsigned)suppressed, TC_LOG_RATE);
    }
    if (apr_atomic_inc32(&bound->lines) < TC_LOG_RATE)
        return true;
    apr_atomic_inc32(&bound->suppressed);
    return false;
}

const char *tc_log_name(request_rec *r)
{
    const char *name = r->filename ? r->filename : r->uri;

    if (strlen(name) <= TC_LOG_NAME)
        return name;
    return apr_pstrcat(r->pool, apr_pstrmemdup(r->pool, name, TC_LOG_NAME), "...", NULL);
}
