/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few functions of httpd, and of our own that need a whole server, that url.c,
 * call.c and sign.c call; decoding as httpd's util.c does it.
 */
#include "httpd_stub.h"

#include "server/accept.h"
#include "server/respond.h"
#include "server/sections.h"

#include <http_request.h>

#include <http_core.h>
#include <http_log.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

module tmpfs_convert_module = {.module_index = 0};

static int digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Decode in place; 400 for a bad escape, 404 for what decodes to a zero byte. */
static int unescape(char *text)
{
    int status = OK;
    char *to = text;

    for (; *text; text++, to++) {
        *to = *text;
        if (*text != '%')
            continue;
        if (!apr_isxdigit(text[1]) || !apr_isxdigit(text[2])) {
            status = HTTP_BAD_REQUEST;
            continue;
        }
        *to = (char)(digit(text[1]) * 16 + digit(text[2]));
        if (*to == '\0' && status == OK)
            status = HTTP_NOT_FOUND;
        text += 2;
    }
    *to = '\0';
    return status;
}

int ap_unescape_urlencoded(char *query)
{
    for (char *at = query; *at; at++) {
        if (*at == '+')
            *at = ' ';
    }
    return unescape(query);
}

void ap_allow_standard_methods(request_rec *r, int reset, ...)
{
    (void)r;
    (void)reset;
}

tc_settings stub_settings = {.enabled = 1, .query = 1};

const tc_settings *tc_config_settings(request_rec *r)
{
    (void)r;
    return &stub_settings;
}

void tc_accept_reduce(request_rec *r)
{
    (void)r;
}

void ap_log_rerror_(const char *file, int line, int index, int level, apr_status_t status,
                    const request_rec *r, const char *format, ...)
{
    (void)file, (void)line, (void)index, (void)level, (void)status, (void)r, (void)format;
}

void ap_log_error_(const char *file, int line, int index, int level, apr_status_t status,
                   const server_rec *server, const char *format, ...)
{
    (void)file, (void)line, (void)index, (void)level, (void)status, (void)server, (void)format;
}

void ap_str_tolower(char *text)
{
    for (; *text; text++)
        *text = (char)apr_tolower(*text);
}

int ap_run_pre_translate_name(request_rec *r)
{
    (void)r;
    return DECLINED;
}

int ap_location_walk(request_rec *r)
{
    (void)r;
    return OK;
}

bool tc_sections_enable(request_rec *r, char *original)
{
    (void)r;
    (void)original;
    return stub_settings.enabled;
}

bool tc_sections_enabled(request_rec *r)
{
    (void)r;
    return stub_settings.enabled;
}

bool tc_sections_is_check(const request_rec *r)
{
    (void)r;
    return false;
}

int tc_respond_error(request_rec *r, const tc_fail *fail)
{
    (void)r;
    return fail->error == TC_E_PARAM ? HTTP_BAD_REQUEST : HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- requests ------------------------------------------------------------------- */

request_rec *stub_request(apr_pool_t *pool, const char *uri, const char *query)
{
    static core_server_config of_server = {.merge_slashes = AP_CORE_CONFIG_UNSET};
    static core_dir_config of_dir;
    static void *server_configs[] = {&of_server}, *dir_configs[] = {&of_dir};
    static const struct ap_logconf quiet = {.level = APLOG_EMERG};
    static server_rec server;
    request_rec *r = apr_pcalloc(pool, sizeof *r);

    server.module_config = (ap_conf_vector_t *)server_configs;
    r->pool = pool;
    r->server = &server;
    r->log = &quiet;
    r->per_dir_config = (ap_conf_vector_t *)dir_configs;
    r->request_config = apr_pcalloc(pool, sizeof(void *));
    r->notes = apr_table_make(pool, 2);
    r->method_number = M_GET;
    r->uri = apr_pstrdup(pool, uri);
    r->parsed_uri.path = r->uri;
    r->unparsed_uri = apr_pstrcat(pool, uri, query ? "?" : NULL, query, NULL);
    r->args = query ? apr_pstrdup(pool, query) : NULL;
    r->filename = apr_pstrdup(pool, "/srv/file");
    r->finfo.filetype = APR_REG;
    r->status = HTTP_OK;
    return r;
}

/* Shorten `path` by `length` bytes at `at`. */
static void cut(char *at, size_t length)
{
    memmove(at, at + length, strlen(at + length) + 1);
}

/* As httpd has it by default: one slash, no segments of dots; false above the root. */
static bool normalise(char *path)
{
    char *at;

    while ((at = strstr(path, "//")) != NULL)
        cut(at, 1);
    while ((at = strstr(path, "/./")) != NULL)
        cut(at, 2);
    if (strlen(path) >= 2 && strcmp(path + strlen(path) - 2, "/.") == 0)
        path[strlen(path) - 1] = '\0';
    while ((at = strstr(path, "/../")) != NULL ||
           ((at = strstr(path, "/..")) != NULL && at[3] == '\0')) {
        char *from = at;

        if (at == path)
            return false;
        while (*--from != '/')
            ;
        at[3] ? cut(from, (size_t)(at + 3 - from)) : (void)(from[1] = '\0');
    }
    return true;
}

request_rec *stub_request_of(apr_pool_t *pool, const char *target)
{
    char *path = apr_pstrmemdup(pool, target, strcspn(target, "?#"));
    const char *query = target[strlen(path)] == '?' ? target + strlen(path) + 1 : NULL;
    request_rec *r;

    if (*path != '/' || strstr(path, "%2f") || strstr(path, "%2F") || unescape(path) != OK ||
        !normalise(path))
        return NULL;
    if (query)
        query = apr_pstrmemdup(pool, query, strcspn(query, "#"));
    r = stub_request(pool, path, query);
    r->unparsed_uri = apr_pstrdup(pool, target);
    return r;
}
