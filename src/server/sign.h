/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed calls. What is signed is the text of the parameters without the signature,
 * a line feed, and the original's path, both percent-decoded:
 *
 *     dw=300,dh=200,expires=1800000000
 *     /img/cat.jpg
 *
 * and the signature is the last parameter, sig=HMAC-SHA-256 of it under one of the
 * keys. docs/signing.md has it in full.
 */
#ifndef TC_SIGN_H
#define TC_SIGN_H

#include "image/error.h"

#include <httpd.h>
#include <http_config.h>

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The keys of a file, any of which is good. */
typedef struct tc_secrets {
    unsigned keys;
    const char *const *key;
} tc_secrets;

/*
 * Read `path`: a key a line, of 16 bytes at least; empty lines and those beginning
 * with '#' are no keys. NULL, or what is wrong with the file, in `cmd`'s pool.
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

/* A call's text parted: what is signed, the signature, and what is left for conversion. */
typedef struct tc_signed {
    const char *text;      /* before the signature */
    const char *signature; /* NULL: none */
    const char *params;    /* without sig and expires */
    const char *expires;   /* NULL: for ever */
    bool misplaced;        /* the signature is not the last parameter */
} tc_signed;

void tc_sign_split(apr_pool_t *pool, const char *text, tc_signed *parts);

/* Whether the parts are validly signed for `path`, and still are; TC_E_SIGNATURE says why not.
 */
tc_error tc_sign_check(apr_pool_t *pool, const tc_secrets *secrets, const tc_signed *parts,
                       const char *path, tc_fail *fail);

#endif
