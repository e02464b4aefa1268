/* SPDX-License-Identifier: Apache-2.0 */
#include "tags.h"

#include <apr_strings.h>

#include <string.h>

/* One buffer: a client may send hundreds of kilobytes, merged from a hundred header lines. */
const char *tc_tags_of_source(apr_pool_t *pool, const char *tags, const char *variant)
{
    const char *suffix = apr_pstrcat(pool, "-", variant, "\"", NULL);
    const char *at = strstr(tags, suffix), *start;
    /* A tag gets up to four bytes longer, and by one suffix shorter. */
    size_t longest = strlen(tags) / (strlen(suffix) + 1) * 4 + strlen(tags) + 1;
    char *made = at ? apr_palloc(pool, longest) : NULL, *to = made;

    for (; at; at = strstr(at + 1, suffix)) {
        start = at;
        while (start > tags && *start != '"' && *start != ',')
            start--;
        if (*start != '"')
            continue;
        memcpy(to, ", W/", 4);
        memcpy(to + 4, start, (size_t)(at - start));
        to += 4 + (at - start);
        *to++ = '"';
    }
    if (to == made)
        return NULL;
    *to = '\0';
    return made + 2;
}
