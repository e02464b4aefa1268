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

/*
 * Print `value` as %d does, if it is whole and of up to five digits, which most are: printf's
 * way is twenty times as long. Returns the length, less than TC_NUMBER_MAX; 0: it is another
 * number, and nothing is printed.
 */
int tc_number_print_whole(char text[static TC_NUMBER_MAX], double value);

/* The same as tc_number_print into `text`, which is returned, to stand among printf's
 * arguments. */
const char *tc_number_text(char text[static TC_NUMBER_MAX], char style, int digits,
                           double value);

#endif
