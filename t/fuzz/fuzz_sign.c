/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two URLs, a line each behind one byte of flags, of a server whose URLs are signed, or
 * name patterns only. Where a signature is all zeros the right one is put in its place.
 *
 * Then: a URL is accepted, refused with words, or redirected to one that is accepted as it
 * is; and two URLs with one signed text are redirected to the same, so that what is
 * converted, and of which original, is the same too.
 */
#include "fuzz.h"
#include "httpd_stub.h"

#include "server/call.h"
#include "server/handler.h"
#include "server/raw.h"
#include "server/url.h"
#include "base/sha256.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define KEY    "an example key of some length"
#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define DIGITS (sizeof ZEROS - 1)

/* The first byte's bits. */
enum { PATTERNS = 1, KEYS = 2, IN_PLACE = 4, QUERIES = 8, UNPARSED = 16 };

/* What one URL came to. */
typedef struct check_outcome {
    const char *text; /* that is signed; NULL: nothing is */
    const char *url;  /* at which the picture is; NULL: it is refused */
    const char *uri;  /* the original's, and the rest that decides */
    const char *args;
    tc_params params;
} check_outcome;

static request_rec *make_request(apr_pool_t *pool, const char *url, unsigned flags)
{
    request_rec *r = stub_request_of(pool, url);

    if (!r)
        return NULL;
    r->handler = flags & IN_PLACE ? TC_HANDLER : "proxy-server";
    stub_settings.enabled = !(flags & UNPARSED);
    if (tc_url_translate(r) != DECLINED)
        return NULL;
    tc_raw_restore(r);
    tc_url_fixup(r);
    if (!tc_url_call(r))
        tc_url_unparsed(r);
    return r;
}

static const char *sign(apr_pool_t *pool, const char *url, unsigned flags)
{
    request_rec *r = make_request(pool, url, flags);
    uint8_t digest[TC_SHA256_BYTES];
    const char *zeros = strstr(url, ZEROS), *text;
    char *made;
    tc_fail fail;

    text = r && zeros && tc_url_call(r) ? tc_call_signed_text(r, &fail) : NULL;
    if (!text)
        return url;
    made = apr_pstrdup(pool, url);
    tc_hmac_sha256(KEY, strlen(KEY), text, strlen(text), digest);
    for (size_t at = 0; at < TC_SHA256_BYTES; at++) {
        char hex[3];

        snprintf(hex, sizeof hex, "%02x", digest[at]);
        memcpy(made + (zeros - url) + 2 * at, hex, 2);
    }
    return made;
}

/* Of a function that a rule takes away, what is behind it, as with a rule that is not
   anchored. */
static const char *original_of(const request_rec *r)
{
    const char *params, *end;

    return tc_url_find_transform(r->uri, &params, &end) && end ? end + 1 : r->uri;
}

static tc_error ask(apr_pool_t *pool, const char *url, unsigned flags, check_outcome *outcome)
{
    request_rec *r = make_request(pool, url, flags);
    tc_fail fail = {0};
    tc_error error;

    if (!r)
        return TC_E_PARAM;
    error = tc_call_read(r, &stub_settings, &outcome->params, &fail);
    if (error)
        fuzz_must_be_told(error, &fail);
    outcome->url = error == TC_E_SPELLING ? tc_call_canonical(r) : error ? NULL : url;
    outcome->uri = original_of(r);
    outcome->args = flags & IN_PLACE ? "" : r->args ? r->args : "";
    if (tc_url_call(r))
        outcome->text = tc_call_signed_text(r, &fail);
    return error;
}

static bool all_signed(unsigned flags)
{
    return (flags & (KEYS | PATTERNS)) == KEYS;
}

static bool try(apr_pool_t *pool, const char *url, unsigned flags, check_outcome *outcome)
{
    tc_error error = ask(pool, sign(pool, url, flags), flags, outcome);
    const char *first = outcome->url, *text = outcome->text;

    must(error == TC_E_OK || error == TC_E_PARAM || error == TC_E_PATTERN_ONLY ||
         error == TC_E_SIGNATURE || error == TC_E_SPELLING);
    if (error != TC_E_SPELLING)
        return error == TC_E_OK;
    must(strlen(first) <= 4 * strlen(url) + 64);
    must(ask(pool, first, flags, outcome) == TC_E_OK);
    if (all_signed(flags))
        must(!text == !outcome->text && (!text || strcmp(text, outcome->text) == 0));
    return true;
}

/* One text signed, one answer. */
static void check_both(const check_outcome *one, const check_outcome *other)
{
    char a[TC_CANONICAL_MAX], b[TC_CANONICAL_MAX];

    if (!one->text || !other->text || strcmp(one->text, other->text) != 0)
        return;
    tc_params_canonical(&one->params, a, sizeof a);
    tc_params_canonical(&other->params, b, sizeof b);
    must(strcmp(a, b) == 0 && strcmp(one->params.pattern, other->params.pattern) == 0);
    must(strcmp(one->args, other->args) == 0);
    must(strcmp(one->uri, other->uri) == 0);
}

static void check(apr_pool_t *pool, char *urls, unsigned flags)
{
    static const char *const key[] = {KEY};
    static const tc_secrets secrets = {1, key};
    char *newline = strchr(urls, '\n');
    check_outcome one = {0}, other = {0};

    if (newline)
        *newline++ = '\0';
    stub_settings.pattern_only = (flags & PATTERNS) != 0;
    stub_settings.secrets = flags & KEYS ? &secrets : NULL;
    stub_settings.pattern_query = (flags & QUERIES) != 0;
    if (try(pool, urls, flags, &one) && newline && try(pool, newline, flags, &other) &&
        all_signed(flags))
        check_both(&one, &other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *lasting;
    apr_pool_t *pool;

    if (!lasting) {
        must(apr_initialize() == APR_SUCCESS);
        must(apr_pool_create(&lasting, NULL) == APR_SUCCESS);
    }
    if (size < 2)
        return 0;
    must(apr_pool_create(&pool, lasting) == APR_SUCCESS);
    check(pool, apr_pstrmemdup(pool, (const char *)data + 1, size - 1), data[0]);
    apr_pool_destroy(pool);
    return 0;
}
