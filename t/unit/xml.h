/* SPDX-License-Identifier: Apache-2.0 */
/* A sink for a tc_writer, and whether what came is well-formed XML. */
#ifndef XML_H
#define XML_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"

/* Terminated by a zero beyond `length`. */
typedef struct sink {
    char *text;
    size_t length, room;
} sink;

static void sink_put(void *context, const char *text, size_t length)
{
    sink *sink = context;

    if (sink->length + length + 1 > sink->room) {
        sink->room = (sink->length + length + 1) * 2;
        sink->text = realloc(sink->text, sink->room);
        if (!sink->text)
            abort();
    }
    memcpy(sink->text + sink->length, text, length);
    sink->length += length;
    sink->text[sink->length] = '\0';
}

__attribute__((unused)) static tc_writer sink_writer(sink *sink)
{
    sink->length = 0;
    sink_put(sink, "", 0);
    return (tc_writer){sink_put, sink};
}

/* ---- UTF-8, told apart from writer.c's own way ----------------------------------- */

/* Bytes of the well-formed character at `text`, 0 when there is none. */
static size_t utf8_character(const unsigned char *text)
{
    unsigned low = 0x80, high = 0xbf;
    size_t more;

    if (text[0] < 0x80)
        return text[0] > 0;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    more = text[0] < 0xe0 ? 1 : text[0] < 0xf0 ? 2 : 3;
    /* Table 3-7 of the Unicode standard. */
    low = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : low;
    high = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : high;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t at = 2; at <= more; at++) {
        if ((text[at] & 0xc0) != 0x80)
            return 0;
    }
    return more + 1;
}

__attribute__((unused)) static bool is_utf8(const char *text)
{
    size_t length;

    for (; *text; text += length) {
        length = utf8_character((const unsigned char *)text);
        if (length == 0)
            return false;
    }
    return true;
}

/* The same, and no control character but the line's end, and none that XML forbids. */
static bool is_xml_text(const char *text)
{
    if (!is_utf8(text) || strstr(text, "\xef\xbf\xbe") || strstr(text, "\xef\xbf\xbf"))
        return false;
    for (; *text; text++) {
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f)
            return false;
        if (text[0] == '\xc2' && (unsigned char)text[1] < 0xa0)
            return false;
    }
    return true;
}

/* ---- elements ---------------------------------------------------------------------- */

static bool xml_entity(const char *text)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};

    for (size_t at = 0; at < sizeof known / sizeof *known; at++) {
        if (strncmp(text, known[at], strlen(known[at])) == 0)
            return true;
    }
    return false;
}

static bool xml_text(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        if (text[at] == '<' || text[at] == '>' || (text[at] == '&' && !xml_entity(text + at)))
            return false;
    }
    return true;
}

/* ` name="value"` for as long as there are; NULL when something else comes, or one twice. */
static const char *xml_attributes(const char *at)
{
    const char *begin = at;

    while (*at == ' ') {
        size_t name = strcspn(at + 1, "= />\"");
        const char *value = at + 1 + name, *end, *before;
        if (name == 0 || strncmp(value, "=\"", 2) != 0 || !(end = strchr(value + 2, '"')) ||
            !xml_text(value + 2, (size_t)(end - value - 2)))
            return NULL;
        before = memmem(begin, (size_t)(at - begin), at, name + 3);
        if (before)
            return NULL;
        at = end + 1;
    }
    return at;
}

/* Whether `text` is one element, everything in it closed and escaped. */
__attribute__((unused)) static bool xml_well_formed(const char *text)
{
    struct {
        const char *name;
        size_t length;
    } open[16];
    size_t depth = 0, elements = 0;

    if (!is_xml_text(text))
        return false;
    while (*text) {
        size_t plain = strcspn(text, "<"), length;
        if (!xml_text(text, plain) || (depth == 0 && strspn(text, "\n") < plain))
            return false;
        text += plain;
        if (!*text)
            break;
        length = strcspn(text + 1, " />");
        if (text[1] == '/') {
            length = strcspn(text + 2, ">");
            if (depth == 0 || open[--depth].length != length ||
                memcmp(open[depth].name, text + 2, length) != 0)
                return false;
            text += length + 3;
            continue;
        }
        if (depth == 16 || length == 0 || (depth == 0 && elements++ > 0))
            return false;
        open[depth].name = text + 1;
        open[depth++].length = length;
        text = xml_attributes(text + 1 + length);
        if (!text)
            return false;
        if (*text == '/') {
            depth--;
            text++;
        }
        if (*text++ != '>')
            return false;
    }
    return depth == 0 && elements == 1;
}

#endif
