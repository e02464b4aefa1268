/* SPDX-License-Identifier: Apache-2.0 */
/* Text from where it may be anything. */
#ifndef TC_TEXT_H
#define TC_TEXT_H

#include <stddef.h>

/* Terminate a text in `size` bytes; other than printable ASCII becomes '?'. */
void tc_text_bound(char *text, size_t size);

#endif
