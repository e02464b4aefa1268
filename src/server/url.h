/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a URL asks for. As a transform, /any/prefix/small_light(PARAMETERS)/path is
 * the picture at /any/prefix/path, resized: it is taken out of the URI before
 * anything maps the URI to a file, so that aliases, rewriting, access control and
 * directory sections are those of the source. As a query, /path?dw=300 is the
 * picture at /path. And where a configuration of mod_small_light takes the transform
 * away by rewriting, it is read off the URI as it came.
 */
#ifndef TC_URL_H
#define TC_URL_H

#include <httpd.h>

#include <stdbool.h>

#define TC_TRANSFORM "/small_light("

typedef enum tc_call_kind { TC_CALL_TRANSFORM, TC_CALL_QUERY, TC_CALL_UNPARSED } tc_call_kind;

/* What the URL asked for; kept with the request. */
typedef struct tc_call {
    tc_call_kind kind;
    const char *text;  /* parameters as within the parentheses, percent-decoded */
    const char *path;  /* the source's, as the client has it, percent-decoded: what is signed */
    const char *whole; /* the path with the transform in it, percent-decoded; NULL: a query */
    bool others;       /* a query that has other keys as well */
} tc_call;

/* The call of this request, or NULL. */
const tc_call *tc_url_call(const request_rec *r);

/* Whether it was called by the transform that TmpfsConvert On allows. */
bool tc_url_is_transform(const request_rec *r);

/*
 * The transform in the URI as the client wrote it, of this request or the one it was
 * redirected from, percent-decoded and kept as the request's call. NULL when there
 * is none, or it does not end.
 */
const tc_call *tc_url_unparsed(request_rec *r);

/* Where tc_url_unparsed has found none: whether a part of the path begins as one does. */
bool tc_url_is_malformed(const request_rec *r);

/*
 * post_read_request hook: of a URL with the transform, Accept is reduced to what decides and
 * conditions by date are taken out. Nothing is configured yet by path, and mod_cache's quick
 * handler is to come.
 */
int tc_url_received(request_rec *r);

/* The request as the client sent it, before it was rewritten to this one. */
const request_rec *tc_url_requested(const request_rec *r);

/* How httpd reads the slashes of this request's path: options of tc_spelling_read. */
unsigned tc_url_slashes(const request_rec *r);

/*
 * The transform in a decoded path, NULL when there is none; `*params` and `*end` are what
 * is between its parentheses and the closing one, NULL when it does not end.
 */
const char *tc_url_find_transform(const char *path, const char **params, const char **end);

/*
 * The parameters in a query, as the transform would have them, percent-decoded; and with
 * `is_signed` what belongs to a signature. NULL when it has none. `*others`, unless
 * `others` is NULL: whether it has other keys.
 */
const char *tc_url_query_text(apr_pool_t *pool, const char *query, bool is_signed,
                              bool *others);

/*
 * Take the transform that begins at `transform` out of r->uri, where it is allowed: DECLINED,
 * with or without a call, or the status to answer.
 */
int tc_url_remove_transform(request_rec *r, const char *transform);

/* translate_name hook, before all others. */
int tc_url_translate(request_rec *r);

/* The same behind mod_rewrite, whose [PT] may have brought a transform in. */
int tc_url_translate_rewritten(request_rec *r);

/* fixups hook: reads the query, once it is known where the source lies. */
int tc_url_fixup(request_rec *r);

/*
 * Whether the response may be a picture that the call is about, by its content type. A
 * transform says that it is one. A query's parameters may as well be a page's own.
 */
bool tc_url_is_picture(const request_rec *r);

/* The same, before there is a response: a type that is not known yet may become a picture's. */
bool tc_url_may_be_picture(const request_rec *r);

/*
 * In the handler phase: whether the source is a file that httpd's default handler would
 * serve as it is, and may be a picture by its content type. A file of any other type may
 * be a program, or a page that a filter puts together: it is left to its own handler, and
 * what that answers is converted by the output filter.
 */
bool tc_url_is_picture_file(const request_rec *r);

/* Whether the URI is that of such a file with more behind it, as AcceptPathInfo allows. */
bool tc_url_is_behind_file(const request_rec *r);

#endif
