/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as text, for machines: validators, JSON, metrics. A module of the same process may
 * have set a locale, and printf's %f and %g then have its decimal comma.
 */
#ifndef TC_NUMBER_H
#define TC_NUMBER_H

#include <stddef.h>

/* Bytes for any finite number at up to nine significant digits, or in 'f' under 1e15. */
#define TC_NUMBER_MAX 40

/*
 * Print `value` as printf's %.*f or %.*g, as `style` is 'f' or 'g', with `digits` and a point
 * in every locale. Returns the length, as snprintf does.
 */
int tc_number_print(char *text, size_t size, char style, int digits, double value);

/* The same into `text`, which is returned, to stand among printf's arguments. */
const char *tc_number_text(char text[static TC_NUMBER_MAX], char style, int digits,
                           double value);

#endif
