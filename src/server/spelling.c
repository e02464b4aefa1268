/* SPDX-License-Identifier: Apache-2.0 */
#include "spelling.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* An encoded slash, in the decoded path too. */
#define SLASH        "%2F"
#define SLASH_LENGTH (sizeof SLASH - 1)

/* What RFC 3986 has as pchar without escapes, letters and digits aside; and in a query only
   what parts neither keys nor values, and is not taken for a blank. */
#define IN_PATH  "-._~!$&'()*+,;=:@/"
#define IN_QUERY "-._~!$'()*:@/?"

static int digit(char c)
{
    return apr_isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* ---- decoding ------------------------------------------------------------------ */

typedef struct decoding {
    char *to;
    size_t length;
    bool exact;
} decoding;

/* "%2F" that is not an encoded slash, but an encoded percent sign before "2F", would be
   taken for one. */
static void put(decoding *into, char c)
{
    if (c == SLASH[2] && into->length >= 2 &&
        memcmp(into->to + into->length - 2, SLASH, 2) == 0)
        into->exact = false;
    into->to[into->length++] = c;
}

static void put_escape(decoding *into, char c, unsigned options)
{
    if (c == '/' && !(options & TC_SPELLING_SLASHES)) {
        memcpy(into->to + into->length, SLASH, SLASH_LENGTH);
        into->length += SLASH_LENGTH;
    } else {
        put(into, c);
    }
}

/* False for an escape that is none, or one of a zero byte. */
static bool decode(decoding *into, const char *from, size_t length, unsigned options)
{
    if (!memchr(from, '%', length)) {
        memcpy(into->to, from, length);
        into->to[length] = '\0';
        into->length = length;
        return true;
    }
    for (size_t at = 0; at < length; at++) {
        char c;

        if (from[at] != '%') {
            put(into, from[at]);
            continue;
        }
        if (length - at < 3 || !apr_isxdigit(from[at + 1]) || !apr_isxdigit(from[at + 2]))
            return false;
        c = (char)(digit(from[at + 1]) * 16 + digit(from[at + 2]));
        if (c == '\0')
            return false;
        put_escape(into, c, options);
        at += 2;
    }
    into->to[into->length] = '\0';
    return true;
}

/* Where the segment before the slash that ends at `end` begins; the root has none. */
static char *last_segment(char *path, char *end)
{
    if (end - path > 1) {
        for (end--; end > path && end[-1] != '/'; end--)
            ;
    }
    return end;
}

/* Remove "." and ".." segments (RFC 3986, 5.2.4) and, where they are merged, empty ones. */
static void normalise(char *path, bool merge)
{
    char *to = path + 1;
    const char *from = path + 1;

    while (*from) {
        size_t length = strcspn(from, "/");
        bool dots = length == 2 && from[0] == '.' && from[1] == '.';

        if (dots)
            to = last_segment(path, to);
        if (!dots && !(length == 1 && from[0] == '.') && !(length == 0 && merge)) {
            memmove(to, from, length);
            to += length;
            if (from[length])
                *to++ = '/';
        }
        from += length + (from[length] == '/');
    }
    *to = '\0';
}

const char *tc_spelling_target(const char *uri)
{
    const char *host = strstr(uri, "://");

    return *uri == '/' || !host || strcspn(uri, "/?#") < (size_t)(host - uri)
               ? uri
               : host + 3 + strcspn(host + 3, "/?#");
}

bool tc_spelling_read(apr_pool_t *pool, const char *uri, unsigned options,
                      tc_spelling *spelling)
{
    const char *target = tc_spelling_target(uri);
    size_t length = strcspn(target, "?#");
    decoding into = {.exact = true};

    if (*target != '/')
        return false;
    into.to = apr_palloc(pool, length + 1);
    if (!decode(&into, target, length, options))
        return false;
    if (!(options & TC_SPELLING_AS_WRITTEN))
        normalise(into.to, options & TC_SPELLING_MERGE);
    spelling->target = target;
    spelling->path = into.to;
    spelling->query = NULL;
    if (target[length] == '?' && target[length + 1] && target[length + 1] != '#')
        spelling->query =
            apr_pstrmemdup(pool, target + length + 1, strcspn(target + length + 1, "#"));
    spelling->exact = into.exact;
    return true;
}

/* ---- encoding ------------------------------------------------------------------ */

/* In any locale. */
static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* `c` at `to`, as itself or escaped; its end. */
static char *encode(char *to, char c, const char *plain)
{
    static const char hex[] = "0123456789ABCDEF";

    if (is_letter_or_digit(c) || strchr(plain, c)) {
        *to++ = c;
        return to;
    }
    *to++ = '%';
    *to++ = hex[(unsigned char)c >> 4];
    *to++ = hex[(unsigned char)c & 15];
    return to;
}

const char *tc_spelling_path(apr_pool_t *pool, const char *path)
{
    char *made = apr_palloc(pool, 3 * strlen(path) + 1), *to = made;

    for (; *path; path++) {
        if (strncmp(path, SLASH, SLASH_LENGTH) == 0)
            *to++ = *path; /* as it is; its digits follow */
        else
            to = encode(to, *path, IN_PATH);
    }
    *to = '\0';
    return made;
}

const char *tc_spelling_query(apr_pool_t *pool, const char *params, size_t length)
{
    char *made = apr_palloc(pool, 3 * length + 1), *to = made;
    bool in_value = false;

    for (const char *end = params + length; params < end; params++) {
        if (*params == ',') {
            *to++ = '&';
            in_value = false;
        } else if (*params == '=' && !in_value) {
            *to++ = '=';
            in_value = true;
        } else {
            to = encode(to, *params, IN_QUERY);
        }
    }
    *to = '\0';
    return made;
}
