/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers: headers, validators and conditions for a conversion, and the one
 * place that turns an error into an HTTP status and a log line.
 */
#ifndef TC_RESPOND_H
#define TC_RESPOND_H

#include "image/codec/codec.h"
#include "image/params/params.h"
#include "image/pipeline/pipeline.h"
#include "temp/spool.h"

#include <httpd.h>

#include <apr_file_info.h>

/*
 * Set ETag and Last-Modified from the source's identity, the parameters and
 * the engine's version. OK, or the status that a condition of the client's asks
 * for (304, 412): then nothing needs to be decoded.
 */
int tc_respond_validators(request_rec *r, const apr_finfo_t *source);

/*
 * Answer 304. Not by the handler's return, which would be an error to httpd and go round
 * the filters: mod_cache, where it asked, would not see that what it has is still good, and
 * the client would get a 304 it never asked for.
 */
int tc_respond_unchanged(request_rec *r);

/* Set what the header of a response in `codec`'s format says, its length aside. */
void tc_respond_format(request_rec *r, const tc_codec *codec);

/*
 * Set the content type that the converted response will have, as far as the parameters say. A
 * response without a body, 304, does not show it, but modules like mod_expires go by it.
 */
void tc_respond_expected(request_rec *r, const tc_params *params);

/* Set X-SmallLight-Description: how long the conversion's parts took. */
void tc_respond_description(request_rec *r, const tc_stats *stats, apr_time_t began,
                            apr_time_t opened);

/*
 * A few letters that tell what is made of a source, whichever it is: part of an
 * entity tag next to the source's own.
 */
const char *tc_respond_variant(request_rec *r);

/* The finished result and the end of it into `bb`, and its length into the headers. */
apr_status_t tc_respond_brigade(request_rec *r, tc_spool *result, apr_bucket_brigade *bb,
                                tc_fail *fail);

/* Send the finished result. */
int tc_respond_result(request_rec *r, tc_spool *result);

/*
 * Log `fail` in one line with the file and the reason, and return the status for
 * it, with a short body that says why (unless an ErrorDocument is configured),
 * and Retry-After with 503.
 */
int tc_respond_error(request_rec *r, const tc_fail *fail);

#endif
