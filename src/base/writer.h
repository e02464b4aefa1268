/* SPDX-License-Identifier: Apache-2.0 */
/* Text on its way out, to any taker. */
#ifndef TC_WRITER_H
#define TC_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* `put` takes `length` bytes; it cannot fail (a sink that did remembers it in `context`). */
typedef struct tc_writer {
    void (*put)(void *context, const char *text, size_t length);
    void *context;
} tc_writer;

void tc_put(const tc_writer *to, const char *text);

/* printf, of any length; cut at about 500 bytes only when memory has run out. */
void tc_putf(const tc_writer *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Text for XML and HTML, in elements and quoted attributes: < > & " ' are escaped;
 * control characters and bytes that are not UTF-8 become U+FFFD.
 */
void tc_put_xml(const tc_writer *to, const char *text);

/*
 * A JSON string with its quotes: " and \ and control characters are escaped, bytes
 * that are not UTF-8 become \ufffd.
 */
void tc_put_json(const tc_writer *to, const char *text);

/* A writer to a stdio stream. */
tc_writer tc_writer_file(FILE *stream);

/*
 * The first character of `text` into `*code`; returns its bytes, 1 to 4, or 0 at
 * the end. Bytes that are not UTF-8 count as U+FFFD each, and the same goes for
 * control characters, which no page and no chart can show.
 */
size_t tc_utf8(const char *text, uint32_t *code);

#endif
