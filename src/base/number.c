/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whatever is not part of a number is the locale's decimal mark, of one byte or more. */
static void put_point(char *text)
{
    size_t before = strspn(text, "+-0123456789einfaEINFA");
    char *rest = text + before;
    size_t mark = strcspn(rest, "0123456789eE");

    if (!mark || !rest[mark])
        return;
    *rest = '.';
    memmove(rest + 1, rest + mark, strlen(rest + mark) + 1);
}

int tc_number_print(char *text, size_t size, char style, int digits, double value)
{
    int length = style == 'f' ? snprintf(text, size, "%.*f", digits, value)
                              : snprintf(text, size, "%.*g", digits, value);

    if (length < 0 || (size_t)length >= size)
        return length;
    put_point(text);
    return (int)strlen(text);
}

int tc_number_print_whole(char text[static TC_NUMBER_MAX], double value)
{
    unsigned rest, length = 1;

    if (signbit(value) || !(value <= 99999) || value != trunc(value))
        return 0;
    rest = (unsigned)value;
    for (unsigned more = rest; more >= 10; more /= 10)
        length++;
    text[length] = '\0';
    for (unsigned at = length; at-- > 0; rest /= 10)
        text[at] = (char)('0' + rest % 10);
    return (int)length;
}

const char *tc_number_text(char text[static TC_NUMBER_MAX], char style, int digits,
                           double value)
{
    tc_number_print(text, TC_NUMBER_MAX, style, digits, value);
    return text;
}
