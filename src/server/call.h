/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a URL may ask for. Where only patterns or only signed URLs may convert, a picture
 * has one URL: any other spelling of it would be another conversion, and another file in
 * every cache. Other spellings are redirected to that URL.
 */
#ifndef TC_CALL_H
#define TC_CALL_H

#include "config.h"

/*
 * The parameters that the request's URL itself names, into `own`; none without a call.
 * TC_E_PARAM, TC_E_PATTERN_ONLY, TC_E_SIGNATURE, or TC_E_SPELLING, after which
 * tc_call_canonical is where to redirect to.
 */
tc_error tc_call_read(request_rec *r, const tc_settings *settings, tc_params *own,
                      tc_fail *fail);

/* Path and query of the one URL, kept with the request. */
const char *tc_call_canonical(const request_rec *r);

/*
 * The text that the signature of the request's call must be of, in the form in which it is
 * signed. NULL, and the reason in `fail`, where that form says too little.
 */
const char *tc_call_signed_text(request_rec *r, tc_fail *fail);

#endif
