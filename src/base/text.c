/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

void tc_text_bound(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (; *text; text++) {
        if (*text < ' ' || *text > '~')
            *text = '?';
    }
}
