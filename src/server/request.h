/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this module keeps with a request from one hook to the next. Every request_rec has
 * a record of its own: an internal redirect and a subrequest begin with an empty one.
 */
#ifndef TC_REQUEST_H
#define TC_REQUEST_H

#include <httpd.h>
#include <http_config.h>

#include <apr_tables.h>

#include <stdbool.h>

struct tc_call;
struct tc_job;

typedef struct tc_request {
    const struct tc_call *call;         /* what the URL asks for; NULL: nothing */
    const struct tc_settings *settings; /* tc_config_settings()'s */
    const ap_conf_vector_t *settings_of;
    struct tc_job *job;    /* begun by filter or handler; NULL: nothing is converted */
    bool refused;          /* the job's parameters are wrong: its `fail` says why */
    bool no_handler;       /* its type and name have none: SetHandler alone may name one */
    bool in_place;         /* our handler answers, or has passed the whole source on */
    const char *canonical; /* tc_request_canonical()'s, once it was asked for */
    const char *variant;   /* tc_respond_variant()'s, once it was asked for */
    apr_table_t *client_headers; /* headers_in as they came, while others are in their place */
    bool is_mapping;             /* raw.c asks other modules */
    char *unparsed_uri; /* the request's, while one without the transform is in its place */
    /* sections.c's, about the sections of the URI with the transform in it: */
    bool has_sections;        /* there are some */
    bool is_checking;         /* a subrequest for it is under way */
    bool is_deciding;         /* whether this client may have it, and so not what it is */
    bool is_off;              /* TmpfsConvert is Off for the source, whatever they say */
    char *user, *auth_type;   /* who has logged in for them */
    ap_conf_vector_t *merged; /* r->per_dir_config with them */
    char *mapped_uri;         /* r->uri, while the transform's is in its place for mod_cache */
} tc_request;

/* The request's record, made if there is none yet. */
tc_request *tc_request_of(request_rec *r);

/* The same, or NULL when there is none yet. */
tc_request *tc_request_find(const request_rec *r);

/* The job's parameters, by which conversions are the same; NULL: there is none, or they are
   wrong. */
const char *tc_request_canonical(request_rec *r);

#endif
