/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's URI, and behind a newline its query: what url.c makes of them, through
 * its hooks. httpd itself is stood in for by httpd_stub.c.
 */
#include "fuzz.h"
#include "httpd_stub.h"

#include "image/params/params.h"
#include "server/raw.h"
#include "server/spelling.h"
#include "server/url.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include <string.h>

#define FUNCTION "/small_light("

/* Whatever the text, it is one that the parameters' parser takes or refuses. */
static void check_call(const tc_call *call)
{
    tc_params params;
    tc_fail fail = {0};
    tc_error error;

    tc_params_init(&params);
    error = tc_params_parse(&params, call->text, strlen(call->text), NULL, NULL, &fail);
    if (error)
        fuzz_must_be_told(error, &fail);
}

/* The function is taken out of the URI, and nothing else. */
static void check_function(const char *uri, request_rec *r)
{
    const char *from = strstr(uri, FUNCTION);
    int status = tc_url_translate(r);
    const tc_call *call = tc_url_call(r);
    size_t before;

    must(status == DECLINED || status == HTTP_BAD_REQUEST);
    must((call != NULL) == (from != NULL && status == DECLINED));
    if (!call) {
        must(strcmp(r->uri, uri) == 0);
        return;
    }
    before = (size_t)(from - uri);
    must(tc_url_is_transform(r));
    must(strncmp(r->uri, uri, before) == 0 && r->uri[before] == '/');
    must(strlen(r->uri) + strlen(FUNCTION) + strlen(call->text) + 1 == strlen(uri));
    must(!strpbrk(call->text, ")/"));
    check_call(call);
}

/* A zero byte would end the path before what is signed, or asked for, does. */
static bool has_zero(const char *uri)
{
    const char *path = tc_spelling_target(uri), *zero = strstr(path, "%00");

    return zero && zero < path + strcspn(path, "?#");
}

/* What a path is spelled as is read as the same path, and spelled as itself; and nothing
   else is, where it says that it is exact. */
static void check_spelling(apr_pool_t *pool, const char *uri)
{
    for (unsigned options = 0; options <= (TC_SPELLING_MERGE | TC_SPELLING_SLASHES);
         options++) {
        tc_spelling first, again;
        const char *spelled;

        if (!tc_spelling_read(pool, uri, options, &first))
            continue;
        must(!has_zero(uri));
        spelled = tc_spelling_path(pool, first.path);
        must(*spelled == '/' && strlen(spelled) <= 3 * strlen(uri));
        must(tc_spelling_read(pool, spelled, options, &again) && !again.query);
        must(!first.exact || (again.exact && strcmp(again.path, first.path) == 0 &&
                              strcmp(tc_spelling_path(pool, again.path), spelled) == 0));
    }
}

static void check_request(apr_pool_t *pool, const char *uri, const char *query)
{
    request_rec *r = stub_request(pool, uri, query), *redirected;
    const tc_call *call;

    check_function(uri, r);
    tc_raw_restore(r);
    must(strncmp(r->unparsed_uri, uri, strlen(uri)) == 0);
    tc_url_fixup(r);
    call = tc_url_call(r);
    if (call) {
        check_call(call);
        must(call->kind != TC_CALL_QUERY || strlen(call->text) <= strlen(query));
    }
    redirected = stub_request(pool, "/elsewhere", NULL);
    redirected->prev = r;
    call = tc_url_unparsed(redirected);
    must(!call ||
         (call->kind == TC_CALL_UNPARSED && (strstr(uri, FUNCTION) || strchr(uri, '%'))));
    if (call)
        check_call(call);
    check_spelling(pool, uri);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *lasting;
    apr_pool_t *pool;
    char *uri, *newline;

    if (!lasting) {
        must(apr_initialize() == APR_SUCCESS);
        must(apr_pool_create(&lasting, NULL) == APR_SUCCESS);
    }
    must(apr_pool_create(&pool, lasting) == APR_SUCCESS);
    uri = apr_pstrmemdup(pool, (const char *)data, size);
    newline = strchr(uri, '\n');
    if (newline)
        *newline++ = '\0';
    check_request(pool, uri, newline);
    apr_pool_destroy(pool);
    return 0;
}
