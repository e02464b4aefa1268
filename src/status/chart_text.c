/* SPDX-License-Identifier: Apache-2.0 */
/* How wide a text will be: a server that draws an svg cannot know, so never too little. */
#include "chart_parts.h"

#include <string.h>

/*
 * Hundredths of an em from the space to the tilde in DejaVu Sans, plain and bold,
 * with Verdana the widest of the faces that browsers take for "sans-serif".
 */
static const unsigned char widths[2]['~' - ' ' + 1] = {
    {32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37,  32, 34, 64, 64, 64,
     64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 54, 100, 69, 69, 70, 78, 64,
     58, 78, 76, 30, 30, 66, 56, 87, 75, 79, 61, 79, 70, 64,  62, 74, 69, 99, 69,
     62, 69, 40, 34, 40, 84, 50, 50, 62, 64, 55, 64, 62, 36,  64, 64, 28, 28, 58,
     28, 98, 64, 62, 64, 64, 42, 53, 40, 64, 60, 82, 60, 60,  53, 64, 34, 64, 84},
    {35, 46,  53, 84, 70, 101, 88, 31,  46, 46, 53, 84, 38, 42,  38, 37, 70, 70,  70,
     70, 70,  70, 70, 70, 70,  70, 40,  40, 84, 84, 84, 59, 100, 78, 77, 74, 84,  69,
     69, 83,  84, 38, 38, 78,  64, 100, 84, 86, 74, 86, 78, 73,  69, 82, 78, 111, 78,
     73, 73,  46, 37, 46, 84,  50, 50,  68, 72, 60, 72, 68, 44,  72, 72, 35, 35,  67,
     35, 105, 72, 69, 72, 72,  50, 60,  48, 72, 66, 93, 65, 66,  59, 72, 37, 72,  84}};

#define ELLIPSIS     "\u2026"
#define ELLIPSIS_EMS 1.0

static unsigned width_of(uint32_t code, bool bold)
{
    if (code >= ' ' && code <= '~')
        return widths[bold][code - ' '];
    /* Micro, and the dash for no value. */
    if (code == 0xb5 || code == 0x2013)
        return 74;
    /* The widest of Latin, Greek and Cyrillic, and not less for the rest. */
    return bold ? 123 : 108;
}

double tc_text_width(const char *text, bool bold)
{
    unsigned total = 0;
    uint32_t code;
    size_t length;

    for (; (length = tc_utf8(text, &code)) > 0; text += length)
        total += width_of(code, bold);
    return total / 100.0;
}

void tc_text_fit(char *fitted, size_t size, const char *text, bool bold, double ems)
{
    size_t length = 0, cut = 0, bytes;
    double width = 0;
    uint32_t code;

    while ((bytes = tc_utf8(text + length, &code)) > 0) {
        width += width_of(code, bold) / 100.0;
        if (width > ems || length + bytes + sizeof ELLIPSIS > size)
            break;
        length += bytes;
        if (width + ELLIPSIS_EMS <= ems)
            cut = length;
    }
    memcpy(fitted, text, bytes ? cut : length);
    strcpy(fitted + (bytes ? cut : length), bytes ? ELLIPSIS : "");
}
