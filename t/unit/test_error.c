/* SPDX-License-Identifier: Apache-2.0 */
/* The list of failures and the recording of one: texts, sanitising, truncation. */
#include <string.h>

#include "tap.h"
#include "base/error.h"

static bool printable(const char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e)
            return false;
    }
    return true;
}

static void list_has_texts(void)
{
    static const char *const names[] = {
#define X(id, name, text) name,
        TC_ERROR_LIST(X)
#undef X
    };
    static const char *const texts[] = {
#define X(id, name, text) text,
        TC_ERROR_LIST(X)
#undef X
    };

    for (int i = 0; i < TC_E_COUNT; i++) {
        const char *text = tc_error_text((tc_error)i);

        ok(text && strcmp(text, texts[i]) == 0 && text[0] && printable(text),
           "%s has the list's words", names[i]);
        ok(strcmp(tc_error_name((tc_error)i), names[i]) == 0 &&
               strspn(names[i], "abcdefghijklmnopqrstuvwxyz_") == strlen(names[i]),
           "%s: a name for counters", names[i]);
        for (int j = 0; j < i; j++) {
            if (strcmp(texts[i], texts[j]) == 0)
                ok(false, "TC_E_%s and TC_E_%s say the same", names[i], names[j]);
        }
    }
    ok(TC_E_OK == 0, "TC_E_OK is 0, so that an error is true");
    ok(tc_error_text(TC_E_COUNT) != NULL, "one past the list has a text");
    ok(tc_error_text((tc_error)-1) != NULL, "a negative number has a text");
    ok(tc_error_text((tc_error)1000000) != NULL, "a huge number has a text");
}

static void reasons_are_recorded(void)
{
    tc_fail fail;

    memset(&fail, 0x55, sizeof(fail));
    ok(tc_fail_set(&fail, TC_E_DAMAGED, "row %d of %s", 7, "cat.jpg") == TC_E_DAMAGED,
       "set returns its error");
    ok(fail.error == TC_E_DAMAGED, "the error is recorded");
    ok(strcmp(fail.text, "row 7 of cat.jpg") == 0, "the reason is formatted");

    tc_fail_set(&fail, TC_E_READ, "%s", "x");
    ok(fail.error == TC_E_READ && strcmp(fail.text, "x") == 0, "a second one replaces it");
    tc_fail_set(&fail, TC_E_READ, "%s", "");
    ok(fail.text[0] == '\0', "an empty reason is empty");
}

static void every_byte_is_sanitised(void)
{
    tc_fail fail;
    int wrong = -1;

    for (int byte = 1; byte < 256; byte++) {
        char quoted[4] = {'a', (char)byte, 'b', '\0'};
        char expected = byte >= 0x20 && byte <= 0x7e ? (char)byte : '?';

        tc_fail_set(&fail, TC_E_DAMAGED, "%s", quoted);
        if (strlen(fail.text) != 3 || fail.text[0] != 'a' || fail.text[1] != expected ||
            fail.text[2] != 'b')
            wrong = byte;
    }
    ok(wrong < 0, "bytes outside printable ASCII become '?', others stay (last wrong: %d)",
       wrong);

    tc_fail_set(&fail, TC_E_DAMAGED, "a\r\nSet-Cookie: x\x1b[2J");
    ok(strcmp(fail.text, "a??Set-Cookie: x?[2J") == 0, "no line breaks, no escapes");
    tc_fail_set(&fail, TC_E_DAMAGED, "%s", "100%s %n %d");
    ok(strcmp(fail.text, "100%s %n %d") == 0, "an argument is not a format");
}

static void long_texts_are_cut(void)
{
    struct {
        tc_fail fail;
        unsigned char guard[16];
    } box;
    const size_t room = sizeof(box.fail.text);
    char text[2048];
    bool cut = true, guarded = true, prefix = true;

    for (size_t length = room - 4; length < sizeof(text); length++) {
        memset(&box, 0xaa, sizeof(box));
        memset(text, 'x', length);
        text[length] = '\0';
        tc_fail_set(&box.fail, TC_E_INTERNAL, "%s", text);
        cut &= strnlen(box.fail.text, room) == (length < room ? length : room - 1);
        prefix &= strncmp(box.fail.text, text, room - 1) == 0;
        for (size_t i = 0; i < sizeof(box.guard); i++)
            guarded &= box.guard[i] == 0xaa;
    }
    ok(cut, "long texts fill the room and are terminated");
    ok(prefix, "what is kept is the beginning");
    ok(guarded, "nothing is written behind the struct");

    memset(text, 0xff, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tc_fail_set(&box.fail, TC_E_INTERNAL, "%s", text);
    ok(strnlen(box.fail.text, room) == room - 1 && printable(box.fail.text),
       "a long text of bytes over 127 is sanitised to its end");
}

int main(void)
{
    list_has_texts();
    reasons_are_recorded();
    every_byte_is_sanitised();
    long_texts_are_cut();
    return done_testing();
}
