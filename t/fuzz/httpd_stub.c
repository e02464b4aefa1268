/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few functions of httpd, and of our own that need a whole server, that url.c
 * calls; decoding as httpd's util.c does it.
 */
#include "server/config.h"
#include "server/respond.h"
#include "server/sections.h"

#include <http_request.h>

#include <apr_lib.h>

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

int ap_unescape_url_keep2f(char *url, int decode_slashes)
{
    (void)decode_slashes; /* always asked for here */
    return unescape(url);
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

void tc_config_settings(const request_rec *r, tc_settings *settings)
{
    (void)r;
    memset(settings, 0, sizeof *settings);
    settings->enabled = 1;
    settings->query = 1;
}

bool tc_sections_enable(request_rec *r, char *original)
{
    (void)r;
    (void)original;
    return true;
}

bool tc_sections_enabled(request_rec *r)
{
    (void)r;
    return true;
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
