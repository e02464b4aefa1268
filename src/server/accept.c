/* SPDX-License-Identifier: Apache-2.0 */
#include "accept.h"

#include "image/codec.h"

#include <http_protocol.h>

#include <apr_lib.h>

#include <stdlib.h>

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

/* Whether the parameters of one element, from the first ';' on, leave it any weight. */
static bool is_wanted(const char *at)
{
    while (*at == ';') {
        at = skip_blanks(at + 1);
        if (apr_tolower(*at) == 'q' && at[1] == '=') {
            char *end;
            double weight = strtod(at + 2, &end);

            return end == at + 2 || weight > 0;
        }
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

void tc_accept_vary(request_rec *r)
{
    const char *vary = apr_table_get(r->headers_out, "Vary");

    if (!vary ||
        (!ap_find_token(r->pool, vary, "Accept") && !ap_find_token(r->pool, vary, "*")))
        apr_table_mergen(r->headers_out, "Vary", "Accept");
}
