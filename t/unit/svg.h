/* SPDX-License-Identifier: Apache-2.0 */
/* A chart's svg read again: its lines as points, its labels as places on it. */
#ifndef SVG_H
#define SVG_H

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xml.h"
#include "status/chart_parts.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- what is in the svg ---------------------------------------------------------- */

typedef struct box {
    double x, y, width, height;
} box;

/* An attribute of the element that begins at `element`; 0 when it has none such. */
static double attribute(const char *element, const char *name)
{
    const char *end = strchr(element, '>'), *at = strstr(element, name);

    return at && at < end ? strtod(at + strlen(name), NULL) : 0;
}

static box frame_of(const char *svg)
{
    const char *rect = strstr(svg, "<rect");

    return (box){attribute(rect, " x=\""), attribute(rect, " y=\""),
                 attribute(rect, " width=\""), attribute(rect, " height=\"")};
}

static box view_of(const char *svg)
{
    box box = {0};

    if (sscanf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"%lf %lf %lf %lf\"",
               &box.x, &box.y, &box.width, &box.height) != 4)
        memset(&box, 0, sizeof box);
    return box;
}

/* The path data of the `nth` path whose attributes have `mark`, grid and legend included. */
static const char *path_with(const char *svg, const char *mark, unsigned nth)
{
    for (const char *at = svg; (at = strstr(at, "<path")); at++) {
        const char *found = strstr(at, mark), *end = strchr(at, '>');
        if (found && found < end && nth-- == 0)
            return strstr(at, " d=\"") + 4;
    }
    return "";
}

typedef struct point {
    double x, y;
    bool begins;
} point;

static size_t numbers_of(char command)
{
    return strchr("MlL", command) ? 2 : strchr("hHvV", command) ? 1 : 0;
}

static void step(point *at, char command, const double *number)
{
    at->begins = command == 'M';
    switch (command) {
    case 'M':
        *at = (point){number[0], number[1], true};
        break;
    case 'l':
        at->x += number[0];
        at->y += number[1];
        break;
    case 'h':
        at->x += number[0];
        break;
    case 'v':
        at->y += number[0];
        break;
    case 'H':
        at->x = number[0];
        break;
    case 'V':
        at->y = number[0];
        break;
    default:
        break;
    }
}

/* Path data as points; SIZE_MAX when they are none. */
static size_t points_of(const char *path, point *points, size_t room)
{
    size_t count = 0;
    point at = {0};
    char command = 0;

    while (*path && *path != '"' && count < room) {
        double number[2];
        if (isalpha((unsigned char)*path))
            command = *path++;
        if (!command)
            return SIZE_MAX;
        for (size_t next = 0; next < numbers_of(command); next++) {
            char *end;
            path += *path == ' ';
            number[next] = strtod(path, &end);
            if (end == path)
                return SIZE_MAX;
            path = end;
        }
        if (command == 'z') {
            command = 0;
            continue;
        }
        step(&at, command, number);
        points[count++] = at;
    }
    return count;
}

/* ---- no text over another -------------------------------------------------------- */

typedef struct words {
    double left, right, y;
} words;

/* `text` as far as `end` without its escapes, and its width in ems. */
static double ems_of(const char *text, const char *end, bool bold)
{
    static const struct {
        const char *word;
        char letter;
    } escapes[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}};
    char plain[2048];
    size_t length = 0;

    while (text < end && length < sizeof plain - 1) {
        size_t escape = 0;
        while (escape < COUNT(escapes) &&
               strncmp(text, escapes[escape].word, strlen(escapes[escape].word)) != 0)
            escape++;
        plain[length++] = escape < COUNT(escapes) ? escapes[escape].letter : *text;
        text += escape < COUNT(escapes) ? strlen(escapes[escape].word) : 1;
    }
    plain[length] = '\0';
    return tc_text_width(plain, bold);
}

static words words_at(const char *element)
{
    const char *text = strchr(element, '>'), *end = strstr(element, "</text>");
    const char *span = memmem(element, (size_t)(end - element), "<tspan", 6);
    const char *bold = strstr(element, "font-weight"),
               *anchor = strstr(element, "text-anchor=\"");
    double x = attribute(element, " x=\""), size = attribute(element, " font-size=\""), width;

    size = size > 0 ? size : 16;
    width = ems_of(text + 1, span ? span : end, bold && bold < text);
    if (span)
        width += ems_of(strchr(span, '>') + 1, strstr(span, "</tspan>"), true);
    width *= size;
    if (anchor && anchor < text)
        x -= strncmp(anchor + 13, "middle", 6) == 0 ? width / 2 : width;
    return (words){x, x + width, attribute(element, " y=\"")};
}

/* How many texts are cut by the svg's edge or overlap another. */
static unsigned bad_words(const char *svg)
{
    box view = view_of(svg);
    words all[80];
    size_t count = 0;
    unsigned bad = 0;

    for (const char *at = svg; (at = strstr(at, "<text")) && count < COUNT(all); at++)
        all[count++] = words_at(at);
    for (size_t at = 0; at < count; at++) {
        const words *one = &all[at];
        bad += one->left < -0.5 || one->right > view.width + 0.5 || one->y < 14 ||
               one->y > view.height - 4;
        /* Letters of 16 units are about 12 high: on lines 13 apart they do not meet. */
        for (size_t other = 0; other < at; other++) {
            bad += fabs(one->y - all[other].y) < 13 && one->left < all[other].right &&
                   all[other].left < one->right;
        }
    }
    return bad;
}

static bool has_none_of(const char *svg, const char *const *words)
{
    for (; *words; words++) {
        if (strcasestr(svg, *words))
            return false;
    }
    return true;
}

/* What no chart may have, however it came. */
static unsigned faults(const char *svg)
{
    /* Text has no quotes of its own, so a name cannot look like these. */
    static const char *const forbidden[] = {
        "style=\"", "href=\"",  " id=\"", "onload=\"", "<style",   "<script", "=\"url(", "<!",
        " x=\"nan", " x=\"inf", " x=\"-", " y=\"nan",  " y=\"inf", " y=\"-",  NULL};
    static point points[100000];
    box view = view_of(svg);
    unsigned bad = bad_words(svg);

    bad += !xml_well_formed(svg) || !has_none_of(svg, forbidden) || view.width == 0;
    for (const char *at = svg; (at = strstr(at, " d=\"")); at++) {
        size_t count = points_of(at + 4, points, COUNT(points));
        bad += count == SIZE_MAX || count == COUNT(points);
        for (size_t next = 0; next < count && count != SIZE_MAX; next++) {
            bad += !(points[next].x >= 0 && points[next].x <= view.width &&
                     points[next].y >= 0 && points[next].y <= view.height);
        }
    }
    return bad;
}

#endif
