/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what a converter reports can be true of an order. A converter that a picture has
 * taken over may say anything; what httpd takes from it is a picture, a word out of a list, or
 * a number in its range.
 */
#ifndef TC_CHECK_H
#define TC_CHECK_H

#include "message.h"

/* Whether a conversion can end with `error`; others have a meaning for httpd alone. */
bool tc_check_error(uint32_t error);

/* Whether the facts are within what was asked for and allowed. */
bool tc_check_facts(const tc_facts *facts, const tc_params *params, const tc_limits *limits);

/* Bytes that the result can have at most: more than any encoder makes. */
uint64_t tc_check_most(const tc_facts *facts);

/* Whether a message's length is what the report in it says, and so is the sum with `before`. */
bool tc_check_length(const tc_report *report, size_t length, uint64_t before);

/* Whether a result that begins with `data` is of the format that the facts name. */
bool tc_check_format(const tc_facts *facts, const unsigned char *data, size_t length);

/* Bound times by `most`, all that the conversion has taken, and terminate the text. */
void tc_check_bound(tc_report *report, uint64_t most_ns);

#endif
