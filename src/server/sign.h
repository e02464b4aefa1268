/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed calls. The last parameter, sig=v2.SIGNATURE, is the HMAC-SHA-256, under one of
 * the keys, of the URL without it: the path, percent-decoded, and where there is a query a
 * line feed and the query as it is written.
 *
 *     /small_light(dw=300,dh=200,expires=1800000000)/img/cat.jpg
 *
 * The first form, sig=SIGNATURE, is of the parameters, a line feed and the source's
 * path. It leaves out where the transform stands and the source's query, so it counts
 * only where those decide nothing. docs/signing.md has both in full.
 */
#ifndef TC_SIGN_H
#define TC_SIGN_H

#include "image/params/params.h"

#include <httpd.h>
#include <http_config.h>

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The keys of a file; a signature with any of them is valid. */
typedef struct tc_secrets {
    unsigned keys;
    const char *const *key;
} tc_secrets;

/*
 * Read `path`: a key a line, of 16 bytes at least; empty lines and those beginning
 * with '#' are not keys. NULL, or what is wrong with the file, in `cmd`'s pool.
 */
const char *tc_sign_read(cmd_parms *cmd, const char *path, const tc_secrets **secrets);

/* Keys ignore case. */
static inline bool tc_sign_is_named(const char *key, size_t length, const char *name)
{
    return length == strlen(name) && strncasecmp(key, name, length) == 0;
}

/* Whether `key` is a parameter of the signature. */
static inline bool tc_sign_is_key(const char *key, size_t length)
{
    return tc_sign_is_named(key, length, "sig") || tc_sign_is_named(key, length, "expires");
}

/* A call's text as the parser of parameters reads it, the signature's part looked for. */
typedef struct tc_signed {
    size_t length;     /* of what is before the signature; of all when there is none */
    tc_item signature; /* key NULL: none */
    tc_item expires;   /* key NULL: for ever */
    bool repeated;     /* one of these is named more than once */
    bool misplaced;    /* the signature is not the last parameter */
} tc_signed;

void tc_sign_split(const char *text, tc_signed *parts);

/* Whether the signature is of the second form. */
bool tc_sign_is_second(const tc_signed *parts);

/* The signature's one spelling: digits in small letters, no '=' behind base64url. */
const char *tc_sign_spell(apr_pool_t *pool, const tc_signed *parts);

/*
 * Whether the signature is one of `text`, and not over yet; TC_E_SIGNATURE says why not.
 * `text` is that of the form which tc_sign_is_second says.
 */
tc_error tc_sign_check(const tc_secrets *secrets, const tc_signed *parts, const char *text,
                       tc_fail *fail);

#endif
