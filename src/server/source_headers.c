/* SPDX-License-Identifier: Apache-2.0 */
#include "source_headers.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* ---- no-transform ---------------------------------------------------------------------- */

static bool has_no_transform(const request_rec *r, apr_table_t *headers)
{
    const char *control = apr_table_getm(r->pool, headers, "Cache-Control");

    return control && ap_find_token(r->pool, control, "no-transform");
}

bool tc_source_headers_are_final(const request_rec *r)
{
    return has_no_transform(r, r->headers_out) || has_no_transform(r, r->err_headers_out);
}

/* ---- the file's name -------------------------------------------------------------------- */

/* The first of a format is what is written. */
static const struct {
    const char *ending;
    tc_format format;
} endings[] = {{"jpg", TC_FORMAT_JPEG},  {"jpeg", TC_FORMAT_JPEG}, {"jpe", TC_FORMAT_JPEG},
               {"jfif", TC_FORMAT_JPEG}, {"png", TC_FORMAT_PNG},   {"webp", TC_FORMAT_WEBP},
               {"avif", TC_FORMAT_AVIF}, {"gif", TC_FORMAT_GIF},   {"bmp", TC_FORMAT_NONE},
               {"tif", TC_FORMAT_TIFF},  {"tiff", TC_FORMAT_TIFF}, {"heic", TC_FORMAT_NONE},
               {"heif", TC_FORMAT_NONE}, {"jxl", TC_FORMAT_NONE}};
#define ENDINGS (sizeof endings / sizeof endings[0])

static const char *ending_of(tc_format format)
{
    for (size_t at = 0; at < ENDINGS; at++) {
        if (endings[at].format == format)
            return endings[at].ending;
    }
    return NULL;
}

/* The ending of a name, `length` bytes long, if it is one of another format; else 0. */
static size_t other_ending(const char *name, size_t length, tc_format format)
{
    size_t begins = length;

    while (begins > 0 && apr_isalnum(name[begins - 1]))
        begins--;
    if (begins < 2 || name[begins - 1] != '.')
        return 0;
    for (size_t at = 0; at < ENDINGS; at++) {
        if (strlen(endings[at].ending) == length - begins && endings[at].format != format &&
            strncasecmp(name + begins, endings[at].ending, length - begins) == 0)
            return length - begins;
    }
    return 0;
}

/* Bytes of a value, which begins at `at`, without its quotes. */
static size_t value_length(const char *at, bool quoted)
{
    size_t length = 0;

    if (!quoted)
        return strcspn(at, "; \t");
    while (at[length] && at[length] != '"')
        length += at[length] == '\\' && at[length + 1] ? 2 : 1;
    return length;
}

static bool is_filename(const char *name, size_t length)
{
    return (length == 8 && strncasecmp(name, "filename", 8) == 0) ||
           (length == 9 && strncasecmp(name, "filename*", 9) == 0);
}

static const char *renamed(apr_pool_t *pool, const char *text, tc_format format)
{
    const char *made = "", *from = text, *at = text + strcspn(text, ";"), *name;
    size_t length, ending;

    while (*at) {
        at += 1 + strspn(at + 1, "; \t");
        name = at;
        length = strcspn(at, "=; \t");
        at += length + strspn(at + length, " \t");
        if (*at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t");
        if (is_filename(name, length)) {
            const char *value = at + (*at == '"');

            length = value_length(value, *at == '"');
            ending = other_ending(value, length, format);
            if (ending) {
                made = apr_pstrcat(
                    pool, made,
                    apr_pstrmemdup(pool, from, (apr_size_t)(value + length - ending - from)),
                    ending_of(format), NULL);
                from = value + length;
            }
        }
        at += *at == '"' ? 1 + value_length(at + 1, true) : value_length(at, false);
        at += strcspn(at, ";");
    }
    return from == text ? NULL : apr_pstrcat(pool, made, from, NULL);
}

void tc_source_headers_rename(request_rec *r, tc_format format)
{
    apr_table_t *tables[] = {r->headers_out, r->err_headers_out};

    for (size_t at = 0; at < 2 && ending_of(format); at++) {
        const char *text = apr_table_get(tables[at], "Content-Disposition");
        const char *made = text ? renamed(r->pool, text, format) : NULL;

        if (made)
            apr_table_setn(tables[at], "Content-Disposition", made);
    }
}
