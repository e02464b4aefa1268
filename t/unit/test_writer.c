/* SPDX-License-Identifier: Apache-2.0 */
/* Text on its way out: hostile bytes in, valid XML and JSON out. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "xml.h"
#include "base/writer.h"

#define FFFD "\xef\xbf\xbd"

static sink out;

static const char *xml(const char *text)
{
    tc_writer to = sink_writer(&out);

    tc_put_xml(&to, text);
    return out.text;
}

static const char *json(const char *text)
{
    tc_writer to = sink_writer(&out);

    tc_put_json(&to, text);
    return out.text;
}

/* ---- plain ------------------------------------------------------------------ */

static void test_put(void)
{
    tc_writer to = sink_writer(&out);
    static char longer[100001];

    tc_put(&to, "one ");
    tc_put(&to, "");
    tc_putf(&to, "%d %s", 2, "three");
    tc_putf(&to, "%s", "");
    ok(strcmp(out.text, "one 2 three") == 0, "put and putf: %s", out.text);
    for (size_t length = 500; length <= 520; length++) {
        memset(longer, 'x', length);
        longer[length] = '\0';
        to = sink_writer(&out);
        tc_putf(&to, "%s", longer);
        if (strcmp(out.text, longer) != 0)
            break;
    }
    ok(out.length == 520, "putf about its own buffer's size");
    memset(longer, 'y', 100000);
    longer[100000] = '\0';
    to = sink_writer(&out);
    tc_putf(&to, "<%s>", longer);
    ok(out.length == 100002 && out.text[0] == '<' && out.text[100001] == '>',
       "putf of a hundred thousand bytes");
}

static void test_file(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    tc_writer to = tc_writer_file(stream);

    tc_put(&to, "to a ");
    tc_put_xml(&to, "<stream>");
    fclose(stream);
    ok(strcmp(text, "to a &lt;stream&gt;") == 0, "a writer to a stream: %s", text);
    free(text);
}

/* ---- escapes ------------------------------------------------------------------ */

static const struct {
    const char *what, *text, *xml, *json;
} cases[] = {
    {"nothing", "", "", ""},
    {"words", "plain words.", "plain words.", "plain words."},
    {"markup", "<a href='x'>&\"</a>", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;",
     "<a href='x'>&\\\"</a>"},
    {"an entity", "&lt;", "&amp;lt;", "&lt;"},
    {"a backslash", "C:\\new", "C:\\new", "C:\\\\new"},
    {"letters of all lengths", "\u00e9\u20ac\U0001f600", "\u00e9\u20ac\U0001f600",
     "\u00e9\u20ac\U0001f600"},
    {"lines", "a\nb\tc\r", "a" FFFD "b" FFFD "c" FFFD, "a\\u000ab\\u0009c\\u000d"},
    {"control characters", "\x01\x1f\x7f", FFFD FFFD FFFD, "\\u0001\\u001f\\u007f"},
    {"C1 control characters", "\xc2\x80\xc2\x9f", FFFD FFFD, "\\u0080\\u009f"},
    {"a lone continuation", "a\x80z", "a" FFFD "z", "a\\ufffdz"},
    {"a cut sequence", "a\xe2\x82", "a" FFFD FFFD, "a\\ufffd\\ufffd"},
    {"a cut sequence and markup", "\xf0\x9f<", FFFD FFFD "&lt;", "\\ufffd\\ufffd<"},
    {"a sequence cut by a quote", "\xe2\"", FFFD "&quot;", "\\ufffd\\\""},
    {"overlong slashes", "\xc0\xaf\xe0\x80\xaf", FFFD FFFD FFFD FFFD FFFD,
     "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"an overlong <", "\xf0\x80\x80\xbc", FFFD FFFD FFFD FFFD, "\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"a surrogate", "\xed\xa0\x80", FFFD FFFD FFFD, "\\ufffd\\ufffd\\ufffd"},
    {"past the last", "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, "\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"the last", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
    {"no character", "\xef\xbf\xbe\xef\xbf\xbf", FFFD FFFD, "\xef\xbf\xbe\xef\xbf\xbf"},
    {"never in UTF-8", "\xff\xfe\xf5", FFFD FFFD FFFD, "\\ufffd\\ufffd\\ufffd"},
    {"the mark itself", FFFD, FFFD, FFFD},
};

static void test_escapes(void)
{
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        char quoted[256];
        ok(strcmp(xml(cases[at].text), cases[at].xml) == 0, "XML of %s", cases[at].what);
        snprintf(quoted, sizeof quoted, "\"%s\"", cases[at].json);
        ok(strcmp(json(cases[at].text), quoted) == 0, "JSON of %s", cases[at].what);
    }
}

static void test_each_byte(void)
{
    unsigned bad = 0;

    for (unsigned byte = 1; byte < 256; byte++) {
        char text[] = {'a', (char)byte, 'z', '\0'}, element[64];
        snprintf(element, sizeof element, "<e v=\"%s\">", xml(text));
        sink_put(&out, "</e>", 4);
        strcat(element, out.text);
        if (!xml_well_formed(element))
            bad++;
        if (!is_utf8(json(text)) || strpbrk(out.text, "\n\t\x7f"))
            bad++;
    }
    ok(bad == 0, "each byte alone gives XML and JSON: %u do not", bad);
}

/* Whether `text` is a JSON string: closed, each escape a known one, nothing raw. */
static bool is_json_string(const char *text)
{
    if (*text++ != '"')
        return false;
    for (; *text && *text != '"'; text++) {
        if ((unsigned char)*text < 0x20)
            return false;
        if (*text != '\\')
            continue;
        if (*++text == 'u') {
            if (strspn(text + 1, "0123456789abcdef") < 4)
                return false;
            text += 4;
        } else if (*text != '"' && *text != '\\') {
            return false;
        }
    }
    return strcmp(text, "\"") == 0;
}

/* Random bytes, of those that begin and go on with characters more than chance has it. */
static void random_text(char *text, size_t size)
{
    static const char often[] = "<>&\"'\\\xc2\xe2\xf0\xef\xbf\xbe\x80\x9f\xac";
    size_t length = (size_t)random() % size;

    for (size_t at = 0; at < length; at++) {
        text[at] = random() % 2 ? often[(size_t)random() % (sizeof often - 1)]
                                : (char)(1 + random() % 255);
    }
    text[length] = '\0';
}

static void test_random(void)
{
    const char *given = getenv("TC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid(), bad = 0;
    char text[40], element[512];

    srandom(seed);
    for (unsigned round = 0; round < 50000; round++) {
        uint32_t code;
        size_t read = 0, length;
        random_text(text, sizeof text);
        snprintf(element, sizeof element, "<e v=\"%s\">%s</e>", xml(text), out.text);
        bad += !xml_well_formed(element);
        bad += !is_utf8(json(text)) || !is_json_string(out.text);
        while ((length = tc_utf8(text + read, &code)) > 0)
            read += length;
        bad += read != strlen(text);
    }
    ok(bad == 0, "50000 random texts with TC_TEST_SEED=%u: %u bad", seed, bad);
}

int main(void)
{
    test_put();
    test_file();
    test_escapes();
    test_each_byte();
    test_random();
    free(out.text);
    return done_testing();
}
