/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <http_log.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

APLOG_USE_MODULE(tmpfs_convert);

typedef enum kind { SWITCH, BYTES, COUNT, WORD } kind;

typedef struct number {
    const char *name;
    kind kind;
    size_t offset; /* in tc_dir_conf; tc_settings begins with the same fields */
    int64_t least, most, preset;
    const char *help; /* of a WORD: begins with the words */
} number;

static const number numbers[] = {
#define X(field, kind, name, least, most, preset, help) \
    {name, kind, offsetof(tc_dir_conf, field), least, most, preset, help},
    TC_NUMBERS(X)
#undef X
};

#define NUMBERS (sizeof numbers / sizeof numbers[0])

static int64_t *number_at(void *conf, const number *row)
{
    return (int64_t *)((char *)conf + row->offset);
}

static tc_dir_conf *dir_conf(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &tmpfs_convert_module);
}

static tc_server_conf *server_conf(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &tmpfs_convert_module);
}

void *tc_dir_conf_create(apr_pool_t *pool, char *directory)
{
    tc_dir_conf *conf = apr_pcalloc(pool, sizeof *conf);

    (void)directory;
    for (size_t at = 0; at < NUMBERS; at++)
        *number_at(conf, &numbers[at]) = TC_UNSET;
    return conf;
}

/* What the inner scope sets wins; patterns add up, by name. */
void *tc_dir_conf_merge(apr_pool_t *pool, void *outer, void *inner)
{
    tc_dir_conf *from = outer, *over = inner;
    tc_dir_conf *conf = apr_pmemdup(pool, from, sizeof *conf);

    for (size_t at = 0; at < NUMBERS; at++) {
        int64_t value = *number_at(over, &numbers[at]);
        if (value != TC_UNSET)
            *number_at(conf, &numbers[at]) = value;
    }
    if (over->max_output_w) {
        conf->max_output_w = over->max_output_w;
        conf->max_output_h = over->max_output_h;
    }
    if (over->defaults)
        conf->defaults = over->defaults;
    if (over->material_dir)
        conf->material_dir = over->material_dir;
    if (over->redirect_prefix)
        conf->redirect_prefix = over->redirect_prefix;
    if (from->patterns && over->patterns)
        conf->patterns = apr_hash_overlay(pool, over->patterns, from->patterns);
    else if (over->patterns)
        conf->patterns = over->patterns;
    return conf;
}

/* Decoding and resampling keep a processor busy; a second one each covers reading and sending.
 */
static uint32_t default_active(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return TC_ACTIVE_PER_CPU * (processors > 0 ? (uint32_t)processors : 1);
}

static void set_active(tc_admission_limits *limits, uint32_t active)
{
    limits->active = active;
    limits->queue = active * TC_QUEUE_PER_ACTIVE;
}

void *tc_server_conf_create(apr_pool_t *pool, server_rec *server)
{
    tc_server_conf *conf = apr_pcalloc(pool, sizeof *conf);

    (void)server;
    conf->temp_dirs = apr_array_make(pool, 2, sizeof(const char *));
    conf->places.method = TC_TEMP_AUTO;
    conf->places.reserve_percent = TC_RESERVE_PERCENT;
    conf->pattern_names = apr_array_make(pool, 8, sizeof(const char *));
    set_active(&conf->admission_limits, default_active());
    conf->admission_limits.wait_ms = TC_WAIT_MS;
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
    return all;
}

/* "64M": a whole number and K, M or G. */
static bool parse_bytes(const char *text, int64_t *value)
{
    char *end;
    apr_off_t number;
    int shift = 0;

    if (!apr_isdigit(*text) || apr_strtoff(&number, text, &end, 10) != APR_SUCCESS)
        return false;
    if (*end)
        shift = apr_toupper(*end) == 'K'   ? 10
                : apr_toupper(*end) == 'M' ? 20
                : apr_toupper(*end) == 'G' ? 30
                                           : -1;
    if (shift < 0 || (*end && end[1]) || number > INT64_MAX >> shift)
        return false;
    *value = (int64_t)number << shift;
    return true;
}

static const char *set_number(cmd_parms *cmd, void *conf, const char *text)
{
    const number *row = cmd->info;
    int64_t value;
    bool good = parse_bytes(text, &value);

    if (row->kind == COUNT && good)
        good = apr_isdigit(text[strlen(text) - 1]);
    if (!good || value < row->least || value > row->most)
        return apr_psprintf(cmd->pool,
                            "%s %s: takes a whole number from %" APR_INT64_T_FMT
                            " to %" APR_INT64_T_FMT "%s",
                            row->name, text, row->least, row->most,
                            row->kind == BYTES ? ", bytes, or with K, M or G behind" : "");
    *number_at(conf, row) = value;
    return NULL;
}

static const char *set_word(cmd_parms *cmd, void *conf, const char *text)
{
    const number *row = cmd->info;
    const char *words = row->help;
    size_t all = strcspn(words, ":"), length;

    for (int64_t value = 0; value <= row->most; value++, words += length + 1) {
        length = strcspn(words, "|:");
        if (strlen(text) == length && strncasecmp(text, words, length) == 0) {
            *number_at(conf, row) = value;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool, "%s %s: takes %.*s", row->name, text, (int)all, row->help);
}

static const char *set_flag(cmd_parms *cmd, void *conf, int on)
{
    *number_at(conf, cmd->info) = on != 0;
    return NULL;
}

static const char *set_max_output(cmd_parms *cmd, void *conf, const char *text)
{
    tc_dir_conf *dir = conf;
    char *end;
    apr_int64_t w = apr_strtoi64(text, &end, 10), h = 0;

    if (*end == 'x' && apr_isdigit(end[1]))
        h = apr_strtoi64(end + 1, &end, 10);
    if (!apr_isdigit(*text) || *end || w < 1 || h < 1 || w > 65500 || h > 65500)
        return apr_psprintf(cmd->pool,
                            "%s %s: takes WIDTHxHEIGHT, each from 1 to 65500, such "
                            "as 8192x8192",
                            cmd->cmd->name, text);
    dir->max_output_w = (uint32_t)w;
    dir->max_output_h = (uint32_t)h;
    return NULL;
}

/*
 * Parameters written in the configuration. There, unlike in a URL, an unknown key
 * is a slip of the pen that nobody would see.
 */
static void note_unknown(void *context, const char *key, size_t length)
{
    snprintf(context, TC_PATTERN_MAX, "%.*s", (int)length, key);
}

static const char *parse_params(cmd_parms *cmd, const char *text, const tc_params **params)
{
    tc_params *made = apr_palloc(cmd->pool, sizeof *made);
    char unknown[TC_PATTERN_MAX] = "";
    tc_fail fail;

    tc_params_init(made);
    if (tc_params_parse(made, text, strlen(text), note_unknown, unknown, &fail))
        return apr_psprintf(cmd->pool, "%s: %s", cmd->cmd->name, fail.text);
    if (*unknown)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, cmd->server,
                     "TC0102: %s: there is no parameter '%s'; it is ignored", cmd->cmd->name,
                     unknown);
    *params = made;
    return NULL;
}

static const char *set_defaults(cmd_parms *cmd, void *conf, const char *text)
{
    return parse_params(cmd, text, &((tc_dir_conf *)conf)->defaults);
}

static const char *set_material_dir(cmd_parms *cmd, void *conf, const char *path)
{
    const char *full = ap_server_root_relative(cmd->pool, path);
    apr_finfo_t info;

    if (!full || apr_stat(&info, full, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS ||
        info.filetype != APR_DIR)
        return apr_psprintf(cmd->pool, "TmpfsConvertMaterialDir %s: there is no such directory",
                            path);
    ((tc_dir_conf *)conf)->material_dir = full;
    return NULL;
}

static const char *set_redirect_prefix(cmd_parms *cmd, void *conf, const char *prefix)
{
    const char *percent = strchr(prefix, '%');

    if (percent && (percent[1] != 's' || strchr(percent + 1, '%')))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertRedirectPrefix %s: takes a URL or path with at most one "
            "%%s, or none",
            prefix);
    for (const char *at = prefix; *at; at++) {
        if (apr_iscntrl(*at) || apr_isspace(*at))
            return "TmpfsConvertRedirectPrefix: takes no space and no control character";
    }
    ((tc_dir_conf *)conf)->redirect_prefix = strcasecmp(prefix, "none") ? prefix : "";
    return NULL;
}

static const char *set_pattern(cmd_parms *cmd, void *conf, const char *name, const char *text)
{
    tc_dir_conf *dir = conf;
    const tc_params *params;
    tc_params probe;
    tc_fail fail;
    const char *as_param = apr_pstrcat(cmd->temp_pool, "p=", name, NULL), *error;

    tc_params_init(&probe);
    if (tc_params_parse(&probe, as_param, strlen(as_param), NULL, NULL, &fail))
        return apr_psprintf(cmd->pool, "%s: the name %s", cmd->cmd->name, fail.text + 2);
    error = parse_params(cmd, text, &params);
    if (error)
        return error;
    if (!dir->patterns)
        dir->patterns = apr_hash_make(cmd->pool);
    apr_hash_set(dir->patterns, name, APR_HASH_KEY_STRING, params);
    APR_ARRAY_PUSH(server_conf(cmd->server)->pattern_names, const char *) = name;
    return NULL;
}

static const char *set_temp_dir(cmd_parms *cmd, void *conf, const char *path)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_server_conf *server = server_conf(cmd->server);

    (void)conf;
    if (error)
        return error;
    if (server->temp_dirs->nelts == TC_SPOOL_DIRS)
        return apr_psprintf(cmd->pool, "TmpfsConvertTempDir: takes at most %d directories",
                            TC_SPOOL_DIRS);
    path = ap_server_root_relative(cmd->pool, path);
    if (!path)
        return "TmpfsConvertTempDir: the path is not valid";
    APR_ARRAY_PUSH(server->temp_dirs, const char *) = path;
    return NULL;
}

static const char *set_temp_method(cmd_parms *cmd, void *conf, const char *word)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)conf;
    if (error)
        return error;
    if (!tc_temp_method_parse(word, &server_conf(cmd->server)->places.method))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertTempMethod %s: takes auto, memfd, tmpfile, unlinked or "
            "named",
            word);
    return NULL;
}

static const char *set_temp_reserve(cmd_parms *cmd, void *conf, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_spool_places *places = &server_conf(cmd->server)->places;
    size_t length = strlen(text);
    int64_t value;

    (void)conf;
    if (error)
        return error;
    if (length > 1 && text[length - 1] == '%') {
        const char *number = apr_pstrmemdup(cmd->temp_pool, text, length - 1);
        if (parse_bytes(number, &value) && value <= 100) {
            places->reserve_percent = (double)value;
            places->reserve_bytes = 0;
            return NULL;
        }
    } else if (parse_bytes(text, &value)) {
        places->reserve_percent = 0;
        places->reserve_bytes = (uint64_t)value;
        return NULL;
    }
    return apr_psprintf(
        cmd->pool,
        "TmpfsConvertTempReserve %s: takes bytes (with K, M or G) or a percentage "
        "from 0%% to 100%%",
        text);
}

static const char *set_max_active(cmd_parms *cmd, void *conf, const char *active,
                                  const char *queue, const char *wait)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    tc_admission_limits *limits = &server_conf(cmd->server)->admission_limits;
    apr_interval_time_t time = apr_time_from_msec(TC_WAIT_MS);
    int64_t most, more = -1;

    (void)conf;
    if (error)
        return error;
    if (!parse_bytes(active, &most) || most > 65535 ||
        (queue && (!parse_bytes(queue, &more) || more > 65535)) ||
        (wait && (!apr_isdigit(*wait) || ap_timeout_parameter_parse(wait, &time, "s") ||
                  time > apr_time_from_sec(3600))))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertMaxActive %s%s%s%s%s: takes the conversions at once (0: "
            "no bound), then how many may wait, each up to 65535, and how long, "
            "up to 1h",
            active, queue ? " " : "", queue ? queue : "", wait ? " " : "", wait ? wait : "");
    set_active(limits, (uint32_t)most);
    if (more >= 0)
        limits->queue = (uint32_t)more;
    limits->wait_ms = (uint32_t)apr_time_as_msec(time);
    return NULL;
}

static const char *set_memory_budget(cmd_parms *cmd, void *conf, const char *text)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int64_t value;

    (void)conf;
    if (error)
        return error;
    if (!parse_bytes(text, &value))
        return apr_psprintf(
            cmd->pool,
            "TmpfsConvertMemoryBudget %s: takes bytes, or with K, M or G behind; "
            "0: no bound",
            text);
    server_conf(cmd->server)->admission_limits.bytes = (uint64_t)value;
    return NULL;
}

static const char *set_history(cmd_parms *cmd, void *conf, const char *interval,
                               const char *samples)
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
    if (samples && (!parse_bytes(samples, &count) || count < 2 || count > TC_HISTORY_MOST))
        return apr_psprintf(cmd->pool,
                            "TmpfsConvertHistory %s %s: takes from 2 to %d samples to keep",
                            interval, samples, TC_HISTORY_MOST);
    server->history_interval = (unsigned)apr_time_sec(time);
    server->history_samples =
        samples ? (unsigned)count : TC_HISTORY_SPAN / server->history_interval;
    return NULL;
}

#define COMMAND_SWITCH(row, name, help) \
    AP_INIT_FLAG(name, set_flag, (void *)(row), RSRC_CONF | ACCESS_CONF, help)
#define COMMAND_BYTES(row, name, help) \
    AP_INIT_TAKE1(name, set_number, (void *)(row), RSRC_CONF | ACCESS_CONF, help)
#define COMMAND_COUNT COMMAND_BYTES
#define COMMAND_WORD(row, name, help) \
    AP_INIT_TAKE1(name, set_word, (void *)(row), RSRC_CONF | ACCESS_CONF, help)

/* The position of a field's row in numbers[]. */
enum {
#define X(field, kind, name, least, most, preset, help) ROW_##field,
    TC_NUMBERS(X)
#undef X
};

const command_rec tc_commands[] = {
#define X(field, kind, name, least, most, preset, help) \
    COMMAND_##kind(&numbers[ROW_##field], name, help),
    TC_NUMBERS(X)
#undef X
#define X(name, arguments, setter, context, help) arguments(name, setter, NULL, context, help),
        TC_OTHERS(X)
#undef X
            {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};

void tc_config_settings(const request_rec *r, tc_settings *settings)
{
    tc_dir_conf *conf = dir_conf(r);

    for (size_t at = 0; at < NUMBERS; at++) {
        int64_t value = *number_at(conf, &numbers[at]);
        *number_at(settings, &numbers[at]) = value == TC_UNSET ? numbers[at].preset : value;
    }
    settings->material_dir = conf->material_dir;
    settings->redirect_prefix = conf->redirect_prefix ? conf->redirect_prefix : "";
    settings->has_defaults = conf->defaults != NULL;
    settings->limits = (tc_limits){
        .max_source = (uint64_t)settings->max_source,
        .max_pixels = (uint64_t)settings->max_pixels,
        .max_output_w = conf->max_output_w ? conf->max_output_w : TC_MAX_OUTPUT_DEFAULT,
        .max_output_h = conf->max_output_h ? conf->max_output_h : TC_MAX_OUTPUT_DEFAULT,
        .max_radius = (uint32_t)settings->radius_max,
        .max_sigma = (uint32_t)settings->sigma_max};
}

tc_error tc_config_params(const request_rec *r, const tc_params *own, tc_params *params,
                          tc_fail *fail)
{
    const tc_dir_conf *conf = dir_conf(r);
    const char *name = "";

    tc_params_init(params);
    if (conf->defaults) {
        tc_params_overlay(params, conf->defaults);
        name = conf->defaults->pattern;
    }
    if (own && *own->pattern)
        name = own->pattern;
    if (*name) {
        const tc_params *pattern =
            conf->patterns ? apr_hash_get(conf->patterns, name, APR_HASH_KEY_STRING) : NULL;
        if (!pattern)
            return tc_fail_set(fail, TC_E_PARAM, "p=%s: no pattern of this name here", name);
        tc_params_overlay(params, pattern);
    }
    if (own)
        tc_params_overlay(params, own);
    apr_cpystrn(params->pattern, name, sizeof params->pattern); /* for the counters */
    return TC_E_OK;
}

unsigned tc_config_pattern_number(const server_rec *server, const char *name)
{
    const tc_server_conf *conf = server_conf(server);
    const unsigned *number =
        conf->pattern_numbers ? apr_hash_get(conf->pattern_numbers, name, APR_HASH_KEY_STRING)
                              : NULL;

    return number ? *number : 0;
}

tc_admission *tc_config_admission(const server_rec *server, const tc_admission_limits **limits)
{
    const tc_server_conf *conf = server_conf(server);

    *limits = &conf->admission_limits;
    return conf->admission;
}

const tc_spool_places *tc_config_places(const server_rec *server)
{
    return &server_conf(server)->places;
}
