/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_parts.h"
#include "remarks.h"
#include "request.h"

#include <http_log.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <stddef.h>
#include <stdio.h>

APLOG_USE_MODULE(tmpfs_convert);

typedef enum number_kind { SWITCH, BYTES, COUNT, SECONDS, WORD } number_kind;

typedef struct number {
    const char *name;
    number_kind kind;
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

static apr_array_header_t *remarks(const cmd_parms *cmd)
{
    return server_conf(cmd->server)->remarks;
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
    /* Off turns the query off too, unless On is said of it in the same place. */
    if (over->enabled == 0 && over->query == TC_UNSET)
        conf->query = 0;
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
    if (over->secrets)
        conf->secrets = over->secrets;
    if (from->patterns && over->patterns)
        conf->patterns = apr_hash_overlay(pool, over->patterns, from->patterns);
    else if (over->patterns)
        conf->patterns = over->patterns;
    return conf;
}

bool tc_config_bytes(const char *text, int64_t *value)
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
    bool good = tc_config_bytes(text, &value);

    if (row->kind == COUNT && good)
        good = apr_isdigit(text[strlen(text) - 1]);
    if (!good || value < row->least || value > row->most)
        return apr_psprintf(
            cmd->pool,
            "%s %s: takes a whole number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT "%s",
            row->name, text, row->least, row->most,
            row->kind == BYTES ? ", in bytes or with the suffix K, M or G" : "");
    *number_at(conf, row) = value;
    if (row->offset == offsetof(tc_dir_conf, max_memory))
        note_max_memory(cmd->server, value);
    return NULL;
}

/* A bare number is seconds, as for httpd's own directives. A part of a second is refused. */
static const char *set_seconds(cmd_parms *cmd, void *conf, const char *text)
{
    const number *row = cmd->info;
    apr_interval_time_t time;
    int64_t value;
    bool good = tc_config_bytes(text, &value) && apr_isdigit(text[strlen(text) - 1]);

    if (!good && apr_isdigit(*text) &&
        ap_timeout_parameter_parse(text, &time, "s") == APR_SUCCESS) {
        value = apr_time_sec(time);
        good = apr_time_from_sec(value) == time;
    }
    if (!good || value < row->least || value > row->most)
        return apr_psprintf(cmd->pool,
                            "%s %s: takes whole seconds from %" APR_INT64_T_FMT
                            " to %" APR_INT64_T_FMT ", or a time with the suffix s, mi or h",
                            row->name, text, row->least, row->most);
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
    const number *row = cmd->info;

    *number_at(conf, row) = on != 0;
    if (on && row->offset == offsetof(tc_dir_conf, pattern_only))
        tc_remark(remarks(cmd), cmd, TC_REMARK_PATTERN_ONLY, NULL);
    if (on && row->offset == offsetof(tc_dir_conf, coalesce))
        tc_remark(remarks(cmd), cmd, TC_REMARK_COALESCE, NULL);
    /* The URL is read before it is mapped: where a directory says On that takes a lookup. */
    if (on && row->offset == offsetof(tc_dir_conf, enabled) &&
        ap_check_cmd_context(cmd, NOT_IN_DIRECTORY | NOT_IN_FILES))
        server_conf(cmd->server)->directory_on = true;
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
                     "TC0102: %s: unknown parameter '%s' is ignored", cmd->cmd->name, unknown);
    *params = made;
    return NULL;
}

static const char *set_defaults(cmd_parms *cmd, void *conf, const char *text)
{
    tc_dir_conf *dir = conf;
    const char *error = parse_params(cmd, text, &dir->defaults);

    if (!error && *dir->defaults->pattern)
        tc_remark(remarks(cmd), cmd, TC_REMARK_NAMED, dir->defaults->pattern);
    return error;
}

static const char *set_material_dir(cmd_parms *cmd, void *conf, const char *path)
{
    const char *full = ap_server_root_relative(cmd->pool, path);
    apr_finfo_t info;

    if (strcasecmp(path, "none") == 0) {
        ((tc_dir_conf *)conf)->material_dir = "";
        return NULL;
    }
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

static const char *set_secret_file(cmd_parms *cmd, void *conf, const char *path)
{
    static const tc_secrets none = {0};
    tc_dir_conf *dir = conf;

    if (strcasecmp(path, "none") == 0) {
        dir->secrets = &none;
        return NULL;
    }
    path = ap_server_root_relative(cmd->pool, path);
    if (!path)
        return "TmpfsConvertSecretFile: the path is not valid";
    tc_remark(remarks(cmd), cmd, TC_REMARK_SECRET, NULL);
    return tc_sign_read(cmd, path, &dir->secrets);
}

static const char *set_pattern(cmd_parms *cmd, void *conf, const char *name, const char *text)
{
    tc_dir_conf *dir = conf;
    const tc_params *params = NULL;
    tc_params probe;
    tc_fail fail;
    const char *as_param = apr_pstrcat(cmd->temp_pool, "p=", name, NULL), *error;

    tc_params_init(&probe);
    if (tc_params_parse(&probe, as_param, strlen(as_param), NULL, NULL, &fail))
        return apr_psprintf(cmd->pool, "%s: the name %s", cmd->cmd->name, fail.text + 2);
    error = parse_params(cmd, text, &params);
    if (error)
        return error;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): without an error there are some */
    if (*params->pattern)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, cmd->server,
                     "TC0122: %s %s: p=%s in a pattern is ignored; write out its parameters",
                     cmd->cmd->name, name, params->pattern);
    if (!dir->patterns)
        dir->patterns = apr_hash_make(cmd->pool);
    if (apr_hash_get(dir->patterns, name, APR_HASH_KEY_STRING))
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, cmd->server,
            "TC0123: %s %s: defined twice in one place; the definition at %s:%d is used",
            cmd->cmd->name, name, cmd->directive->filename, cmd->directive->line_num);
    apr_hash_set(dir->patterns, name, APR_HASH_KEY_STRING, params);
    tc_remark(remarks(cmd), cmd, TC_REMARK_PATTERN, name);
    APR_ARRAY_PUSH(server_conf(cmd->server)->pattern_names, const char *) = name;
    return NULL;
}

#define COMMAND_SWITCH(row, name, help) \
    AP_INIT_FLAG(name, set_flag, (void *)(row), RSRC_CONF | ACCESS_CONF, help)
#define COMMAND_BYTES(row, name, help) \
    AP_INIT_TAKE1(name, set_number, (void *)(row), RSRC_CONF | ACCESS_CONF, help)
#define COMMAND_COUNT COMMAND_BYTES
#define COMMAND_SECONDS(row, name, help) \
    AP_INIT_TAKE1(name, set_seconds, (void *)(row), RSRC_CONF | ACCESS_CONF, help)
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

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* The smaller of two limits, where 0 means none, and the directive that sets it. */
static void bound_cost(tc_settings *settings, uint64_t budget)
{
    tc_limits *limits = &settings->limits;
    uint64_t memory = (uint64_t)settings->max_memory;
    uint64_t seconds = (uint64_t)settings->max_cost;

    limits->max_output_pixels = (uint64_t)settings->max_output_pixels;
    limits->output_by = "TmpfsConvertMaxOutputPixels";
    limits->max_memory = smaller(memory, budget);
    limits->memory_by =
        limits->max_memory == memory ? "TmpfsConvertMaxMemory" : "TmpfsConvertMemoryBudget";
    limits->max_cost_ns = smaller(seconds, (uint64_t)settings->timeout);
    limits->cost_by =
        limits->max_cost_ns == seconds ? "TmpfsConvertMaxCost" : "TmpfsConvertTimeout";
    limits->max_cost_ns *= UINT64_C(1000000000);
}

static void read_settings(const request_rec *r, tc_settings *settings)
{
    tc_dir_conf *conf = dir_conf(r);

    for (size_t at = 0; at < NUMBERS; at++) {
        int64_t value = *number_at(conf, &numbers[at]);
        *number_at(settings, &numbers[at]) = value == TC_UNSET ? numbers[at].preset : value;
    }
    settings->material_dir =
        conf->material_dir && *conf->material_dir ? conf->material_dir : NULL;
    settings->redirect_prefix = conf->redirect_prefix ? conf->redirect_prefix : "";
    settings->secrets = conf->secrets && conf->secrets->keys ? conf->secrets : NULL;
    settings->has_defaults = conf->defaults != NULL;
    settings->limits = (tc_limits){
        .max_source = (uint64_t)settings->max_source,
        .max_pixels = (uint64_t)settings->max_pixels,
        .max_output_w = conf->max_output_w ? conf->max_output_w : TC_MAX_OUTPUT_DEFAULT,
        .max_output_h = conf->max_output_h ? conf->max_output_h : TC_MAX_OUTPUT_DEFAULT,
        .max_radius = (uint32_t)settings->radius_max,
        .max_sigma = (uint32_t)settings->sigma_max};
    bound_cost(settings, server_conf(r->server)->admission_limits.bytes);
}

const tc_settings *tc_config_settings(request_rec *r)
{
    tc_request *request = tc_request_of(r);

    if (!request->settings || request->settings_of != r->per_dir_config) {
        tc_settings *settings = apr_pcalloc(r->pool, sizeof *settings);

        read_settings(r, settings);
        request->settings = settings;
        request->settings_of = r->per_dir_config;
    }
    return request->settings;
}

bool tc_config_is_on(const request_rec *r)
{
    return dir_conf(r)->enabled > 0;
}

bool tc_config_is_off(const ap_conf_vector_t *conf)
{
    const tc_dir_conf *dir = ap_get_module_config(conf, &tmpfs_convert_module);

    return dir && dir->enabled == 0;
}

bool tc_config_directory_on(const server_rec *server)
{
    return server_conf(server)->directory_on;
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
            return tc_fail_set(fail, TC_E_PARAM, "p=%s: there is no such pattern here", name);
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
    return conf->runtime->admission;
}

const char *tc_config_versions(const server_rec *server)
{
    return server_conf(server)->versions;
}

tc_log_bound *tc_config_log_bound(const server_rec *server)
{
    return &server_conf(server)->runtime->log_bound;
}

uint64_t tc_config_secret(const server_rec *server)
{
    return server_conf(server)->runtime->secret;
}

const tc_temp_config *tc_config_temp(const server_rec *server)
{
    return &server_conf(server)->temp_config;
}
