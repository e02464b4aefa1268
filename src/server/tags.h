/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags of a converted response: the source's with the variant behind. */
#ifndef TC_TAGS_H
#define TC_TAGS_H

#include <apr_pools.h>

/*
 * Of the client's `tags`, an If-None-Match of any length, those of `variant` as the
 * source's server knows them, weak, in one list; NULL when there are none.
 */
const char *tc_tags_of_source(apr_pool_t *pool, const char *tags, const char *variant);

#endif
