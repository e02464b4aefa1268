/* SPDX-License-Identifier: Apache-2.0 */
/* For vasprintf(3). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "writer.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT 0xfffd
/* U+FFFD itself. */
#define REPLACEMENT_UTF8 "\xef\xbf\xbd"

void tc_put(const tc_writer *to, const char *text)
{
    to->put(to->context, text, strlen(text));
}

void tc_putf(const tc_writer *to, const char *format, ...)
{
    char here[512], *there = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(here, sizeof here, format, args);
    va_end(args);
    if (length >= (int)sizeof here) {
        va_start(args, format);
        length = vasprintf(&there, format, args);
        va_end(args);
        if (length < 0) {
            there = NULL;
            length = (int)strlen(here);
        }
    }
    if (length > 0)
        to->put(to->context, there ? there : here, (size_t)length);
    free(there);
}

/* ---- characters ------------------------------------------------------------- */

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Bytes of the sequence that `lead` begins, 0 when it begins none; its own bits in `*code`. */
static size_t sequence(unsigned char lead, uint32_t *code)
{
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        *code = lead & 0x1f;
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *code = lead & 0x0f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *code = lead & 0x07;
        return 4;
    }
    return 0;
}

/* A character in the shortest form, no surrogate, none past U+10FFFF: its bytes, else 0. */
static size_t decode(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = sequence((unsigned char)text[0], code);

    for (size_t at = 1; at < length; at++) {
        unsigned char byte = (unsigned char)text[at];
        /* The terminator is not a continuation, so this never reads past it. */
        if ((byte & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (byte & 0x3f);
    }
    if (length == 0 || *code < least[length] || *code > 0x10ffff ||
        (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return length;
}

size_t tc_utf8(const char *text, uint32_t *code)
{
    size_t length;

    if (!*text)
        return 0;
    length = decode(text, code);
    /* U+FFFE and U+FFFF are not characters in XML. */
    if (length == 0 || is_control(*code) || *code == 0xfffe || *code == 0xffff)
        *code = REPLACEMENT;
    return length ? length : 1;
}

/* What stands for a character of XML; NULL when it may stand for itself. */
static const char *xml_word(uint32_t code)
{
    switch (code) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case REPLACEMENT:
        return REPLACEMENT_UTF8;
    default:
        return NULL;
    }
}

void tc_put_xml(const tc_writer *to, const char *text)
{
    const char *plain = text;
    uint32_t code;
    size_t length;

    /* What needs no escape goes out in one piece. */
    for (; (length = tc_utf8(text, &code)) > 0; text += length) {
        const char *word = xml_word(code);
        if (!word)
            continue;
        if (text > plain)
            to->put(to->context, plain, (size_t)(text - plain));
        tc_put(to, word);
        plain = text + length;
    }
    if (text > plain)
        to->put(to->context, plain, (size_t)(text - plain));
}

void tc_put_json(const tc_writer *to, const char *text)
{
    const char *plain = text;
    char word[8];
    uint32_t code;
    size_t length;

    tc_put(to, "\"");
    for (; *text; text += length) {
        length = decode(text, &code);
        if (length == 0)
            snprintf(word, sizeof word, "\\ufffd");
        else if (is_control(code))
            snprintf(word, sizeof word, "\\u%04x", (unsigned)code & 0xffff);
        else if (code == '"' || code == '\\')
            snprintf(word, sizeof word, "\\%c", (int)code);
        else
            continue;
        if (text > plain)
            to->put(to->context, plain, (size_t)(text - plain));
        tc_put(to, word);
        length = length ? length : 1;
        plain = text + length;
    }
    if (text > plain)
        to->put(to->context, plain, (size_t)(text - plain));
    tc_put(to, "\"");
}

static void put_to_file(void *context, const char *text, size_t length)
{
    fwrite(text, 1, length, context);
}

tc_writer tc_writer_file(FILE *stream)
{
    return (tc_writer){put_to_file, stream};
}
