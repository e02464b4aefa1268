/* SPDX-License-Identifier: Apache-2.0 */
/* Directives that hold for the whole server, and what holds without them. */
#include "config.h"

#include "config_parts.h"
#include "remarks.h"
#include "host/processors.h"
#include "image/codec/codec.h"
#include "admission/queue.h"

#include <apr_lib.h>
#include <apr_strings.h>

static tc_server_conf *server_conf(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &tmpfs_convert_module);
}

/* Asked of the libraries once, not for every request. */
static const char *codec_versions(apr_pool_t *pool)
{
    char *text = apr_palloc(pool, TC_VERSIONS_MAX);

    tc_codec_versions(text, TC_VERSIONS_MAX);
    return text;
}

void *tc_server_conf_create(apr_pool_t *pool, server_rec *server)
{
    tc_server_conf *conf = apr_pcalloc(pool, sizeof *conf);

    conf->runtime = apr_pcalloc(pool, sizeof *conf->runtime);
    /* A host shares the main server's, and one of a thousand need not ask again. */
    if (!server->is_virtual)
        conf->versions = codec_versions(pool);
    conf->temp_dirs = apr_array_make(pool, 2, sizeof(const char *));
    conf->temp_config.method = TC_TEMP_AUTO;
    conf->per_client_percent = TC_PER_CLIENT_PERCENT;
    conf->temp_memory_percent = TC_TEMP_MEMORY_PERCENT;
    conf->budget_percent = TC_BUDGET_PERCENT;
    conf->most_memory = TC_MAX_MEMORY;
    conf->pattern_names = apr_array_make(pool, 8, sizeof(const char *));
    conf->remarks = tc_remarks_make(pool);
    conf->admission_limits.active = tc_policy_active(tc_processors(""));
    conf->admission_limits.timed = true;
    conf->admission_limits.wait_ms = TC_WAIT_MS;
    conf->converters.ends = (tc_exchange){.offers = -1, .idle = -1, .give = -1};
    conf->converters.claims = conf->converters.areas = -1;
    conf->converters.pool = -1;
    conf->history_interval = TC_HISTORY_SECONDS;
    conf->history_samples = TC_HISTORY_SPAN / TC_HISTORY_SECONDS;
    return conf;
}

/* Temporary files and counters are one affair of the whole server: hosts share the main one's.
 */
void *tc_server_conf_merge(apr_pool_t *pool, void *main, void *host)
{
    tc_server_conf *all = main, *one = host;

    (void)pool;
    apr_array_cat(all->pattern_names, one->pattern_names);
    apr_array_cat(all->remarks, one->remarks);
    all->directory_on |= one->directory_on;
    if (one->most_memory > all->most_memory)
        all->most_memory = one->most_memory;
    return all;
}

void note_max_memory(const server_rec *server, int64_t value)
{
    tc_server_conf *conf = server_conf(server);
    uint64_t bytes = value ? (uint64_t)value : UINT64_MAX;

    if (bytes > conf->most_memory)
        conf->most_memory = bytes;
}

uint64_t tc_config_most_memory(const server_rec *server)
{
    const tc_server_conf *conf = server_conf(server);
    uint64_t most = conf->most_memory, budget = conf->admission_limits.bytes;

    if (budget && budget < most)
        return budget;
    return most == UINT64_MAX ? 0 : most;
}

const char *set_temp_dir(cmd_parms *cmd, void *conf, const char *path)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    if (error)
        return error;
    if (server->temp_dirs->nelts == TC_TEMP_DIRS)
        return apr_psprintf(cmd->pool, "TmpfsConvertTempDir: takes at most %d directories",
                            TC_TEMP_DIRS);
    path = ap_server_root_relative(cmd->pool, path);
    if (!path)
        return "TmpfsConvertTempDir: the path is not valid";
    APR_ARRAY_PUSH(server->temp_dirs, const char *) = path;
    return NULL;
}

const char *set_temp_method(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)conf;
    if (error)
        return error;
    if (!tc_temp_method_parse(word, &server_conf(cmd->server)->temp_config.method))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertTempMethod %s: takes auto, memfd, tmpfile, unlinked or "
            "named",
            word);
    return NULL;
}

/* "10", "12.5", with up to six decimals. Not by strtod, which reads other spellings, by the
   locale too. */
static bool parse_percent(const char *text, size_t length, double *percent)
{
    int64_t value = 0, unit = 1;
    bool point = false;

    if (!apr_isdigit(text[0]) || !apr_isdigit(text[length - 1]))
        return false;
    for (size_t at = 0; at < length; at++) {
        if (text[at] == '.' && !point) {
            point = true;
        } else if (apr_isdigit(text[at]) && value <= 100 * unit && unit < 1000000) {
            value = value * 10 + (text[at] - '0');
            unit *= point ? 10 : 1;
        } else {
            return false;
        }
    }
    *percent = (double)value / (double)unit;
    return value <= 100 * unit;
}

/* "64M", "10%" or "12.5%". */
static bool parse_share(const char *text, uint64_t *bytes, double *percent)
{
    size_t length = strlen(text);
    int64_t value;

    *bytes = 0;
    *percent = 0;
    if (length > 1 && text[length - 1] == '%')
        return parse_percent(text, length - 1, percent);
    if (!tc_config_bytes(text, &value))
        return false;
    *bytes = (uint64_t)value;
    return true;
}

const char *set_temp_reserve(cmd_parms *cmd, void *conf, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    if (error)
        return error;
    server->reserve_given = true;
    if (!parse_share(text, &server->reserve_bytes, &server->reserve_percent))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertTempReserve %s: takes bytes (with K, M or G) or a percentage "
            "from 0%% to 100%%",
            text);
    return NULL;
}

/* A share, or "off": unbounded. */
static const char *set_bound(cmd_parms *cmd, const char *text, uint64_t *bytes, double *percent)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error)
        return error;
    if (strcasecmp(text, "off") == 0) {
        *bytes = UINT64_MAX;
        *percent = 0;
    } else if (!parse_share(text, bytes, percent)) {
        return apr_psprintf(cmd->pool,
                            "%s %s: takes bytes (with K, M or G), a percentage "
                            "of the memory from 0%% to 100%%, or off",
                            cmd->cmd->name, text);
    }
    return NULL;
}

const char *set_temp_memory(cmd_parms *cmd, void *conf, const char *text)
{
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    return set_bound(cmd, text, &server->temp_memory_bytes, &server->temp_memory_percent);
}

const char *set_temp_per_client(cmd_parms *cmd, void *conf, const char *text)
{
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    server->per_client_given = true;
    return set_bound(cmd, text, &server->per_client_bytes, &server->per_client_percent);
}

const char *set_max_active(cmd_parms *cmd, void *conf, const char *active, const char *queue,
                           const char *wait)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_admission_limits *limits = &server_conf(cmd->server)->admission_limits;
    apr_interval_time_t time = apr_time_from_msec(TC_WAIT_MS);
    int64_t most, more = 0;
    bool timed = !queue || strcasecmp(queue, "auto") == 0;

    (void)conf;
    if (error)
        return error;
    if (!tc_config_bytes(active, &most) || most > 65535 ||
        (!timed && (!tc_config_bytes(queue, &more) || more > TC_QUEUE_MOST)) ||
        (wait && (!apr_isdigit(*wait) || ap_timeout_parameter_parse(wait, &time, "s") ||
                  time > apr_time_from_sec(3600))))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertMaxActive %s%s%s%s%s: takes ACTIVE, conversions at once up to 65535 "
            "(0: no limit), then QUEUE, up to %d or auto, then WAIT, up to 1h",
            active, queue ? " " : "", queue ? queue : "", wait ? " " : "", wait ? wait : "",
            TC_QUEUE_MOST);
    server_conf(cmd->server)->active_given = true;
    limits->active = (uint32_t)most;
    limits->timed = timed;
    limits->queue = (uint32_t)more;
    limits->wait_ms = (uint32_t)apr_time_as_msec(time);
    return NULL;
}

const char *set_memory_budget(cmd_parms *cmd, void *conf, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    if (error)
        return error;
    if (!parse_share(text, &server->budget_bytes, &server->budget_percent))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertMemoryBudget %s: takes bytes (with K, M or G) or a percentage "
            "of the memory from 0%% to 100%%; 0: no limit",
            text);
    return NULL;
}

const char *set_isolation(cmd_parms *cmd, void *conf, const char *word)
{
    static const char *const words[] = {[TC_ISOLATION_OFF] = "off",
                                        [TC_ISOLATION_ON] = "on",
                                        [TC_ISOLATION_REQUIRE] = "require"};
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)conf;
    if (error)
        return error;
    for (int at = TC_ISOLATION_OFF; at <= TC_ISOLATION_REQUIRE; at++) {
        if (strcasecmp(word, words[at]) == 0) {
            server_conf(cmd->server)->isolation = (tc_isolation)at;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool, "TmpfsConvertIsolation %s: takes on, off or require", word);
}

const char *set_history(cmd_parms *cmd, void *conf, const char *interval, const char *samples)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_server_conf *server = server_conf(cmd->server);
    apr_interval_time_t time = 0;
    int64_t count = 0;

    (void)conf;
    if (error)
        return error;
    if (strcasecmp(interval, "off") == 0 && !samples) {
        server->history_interval = 0;
        return NULL;
    }
    if (!apr_isdigit(*interval) || ap_timeout_parameter_parse(interval, &time, "s") ||
        time < apr_time_from_sec(1) || time > apr_time_from_sec(3600))
        return apr_psprintf(cmd->pool,
                            "TmpfsConvertHistory %s: takes off, or the time between samples "
                            "from 1s to 1h",
                            interval);
    if (samples && (!tc_config_bytes(samples, &count) || count < 2 || count > TC_HISTORY_MOST))
        return apr_psprintf(cmd->pool,
                            "TmpfsConvertHistory %s %s: takes from 2 to %d samples to keep",
                            interval, samples, TC_HISTORY_MOST);
    server->history_interval = (unsigned)apr_time_sec(time);
    server->history_samples =
        samples ? (unsigned)count : TC_HISTORY_SPAN / server->history_interval;
    return NULL;
}
