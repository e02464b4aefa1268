/* SPDX-License-Identifier: Apache-2.0 */
#include "accept.h"

#include "image/codec/codec.h"

#include <http_protocol.h>
#include <util_filter.h>

#include <apr_lib.h>
#include <apr_strings.h>

static const char *skip_blanks(const char *at)
{
    while (apr_isspace(*at))
        at++;
    return at;
}

/* The end of what begins at `at`: the next `stop` or comma outside of quotes. */
static const char *part_end(const char *at, char stop)
{
    bool quoted = false;

    for (; *at && (quoted || (*at != stop && *at != ',')); at++) {
        if (*at == '"')
            quoted = !quoted;
        else if (quoted && *at == '\\' && at[1])
            at++;
    }
    return at;
}

int tc_accept_weight(const char *text)
{
    int whole = 0, place = 1000, weight;
    bool any = false;

    for (; apr_isdigit(*text); text++, any = true)
        whole = whole < 1000 ? whole * 10 + (*text - '0') : whole;
    weight = whole * 1000;
    if (any && *text == '.') {
        while (apr_isdigit(*++text)) {
            place /= 10;
            weight += place ? (*text - '0') * place : *text != '0' && !weight;
        }
    }
    return any ? weight : -1;
}

/* Whether the parameters of one element, from the first ';' on, leave it any weight. */
static bool is_wanted(const char *at)
{
    while (*at == ';') {
        at = skip_blanks(at + 1);
        if (apr_tolower(*at) == 'q' && at[1] == '=')
            return tc_accept_weight(at + 2) != 0;
        at = part_end(at, ';');
    }
    return true;
}

/* Whether `accept` names `type`, in any case and with a weight over 0. */
static bool names(const char *accept, const char *type)
{
    size_t length = strlen(type);

    while (*accept) {
        const char *end;

        accept = skip_blanks(accept);
        end = accept + length;
        if (strncasecmp(accept, type, length) == 0 && strchr(" \t;,", *end) &&
            is_wanted(skip_blanks(end)))
            return true;
        accept = part_end(accept, ',');
        accept += *accept == ',';
    }
    return false;
}

tc_format tc_accept_format(const request_rec *r)
{
    static const tc_format better[] = {TC_FORMAT_AVIF, TC_FORMAT_WEBP};
    const char *accept = apr_table_get(r->headers_in, "Accept");

    for (size_t at = 0; accept && at < sizeof better / sizeof better[0]; at++) {
        const tc_codec *codec = tc_codec_find(better[at]);

        if (codec && codec->encode_open && names(accept, codec->mime))
            return better[at];
    }
    return TC_FORMAT_NONE;
}

/* `vary` without Accept-Encoding; NULL when nothing is left. */
static const char *without_encoding(apr_pool_t *pool, const char *vary)
{
    char *copy = apr_pstrdup(pool, vary), *state, *item;
    const char *rest = NULL;

    for (item = apr_strtok(copy, ", \t", &state); item;
         item = apr_strtok(NULL, ", \t", &state)) {
        if (strcasecmp(item, "Accept-Encoding") != 0)
            rest = rest ? apr_pstrcat(pool, rest, ", ", item, NULL) : item;
    }
    return rest;
}

void tc_accept_unvary(request_rec *r)
{
    apr_table_t *tables[] = {r->headers_out, r->err_headers_out};

    for (size_t at = 0; at < 2; at++) {
        const char *vary = apr_table_getm(r->pool, tables[at], "Vary");

        if (!vary)
            continue;
        vary = without_encoding(r->pool, vary);
        if (vary)
            apr_table_setn(tables[at], "Vary", vary);
        else
            apr_table_unset(tables[at], "Vary");
    }
}

static bool varies_by_accept(request_rec *r, const apr_table_t *headers)
{
    const char *vary = apr_table_get(headers, "Vary");

    return vary && ap_find_token(r->pool, vary, "accept");
}

/* With Accept as it came: the cache's key, or the choice between variants. */
static bool is_used(request_rec *r)
{
    for (const ap_filter_t *f = r->output_filters; f; f = f->next) {
        if (strncasecmp(f->frec->name, "CACHE_SAVE", 10) == 0)
            return true;
    }
    return varies_by_accept(r, r->headers_out) || varies_by_accept(r, r->err_headers_out);
}

void tc_accept_reduce(request_rec *r)
{
    tc_format format = tc_accept_format(r);

    if (r->main || is_used(r))
        return;
    apr_table_setn(r->headers_in, "Accept",
                   format == TC_FORMAT_AVIF   ? "image/avif,*/*"
                   : format == TC_FORMAT_WEBP ? "image/webp,*/*"
                                              : "*/*");
}

void tc_accept_vary(request_rec *r)
{
    const char *vary = apr_table_get(r->headers_out, "Vary");

    if (!vary ||
        (!ap_find_token(r->pool, vary, "Accept") && !ap_find_token(r->pool, vary, "*")))
        apr_table_mergen(r->headers_out, "Vary", "Accept");
}
