/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for machines, in the C locale and in one with a decimal comma, which is made here. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"
#include "base/number.h"
#include "image/params/params.h"

static const struct {
    char style;
    int digits;
    double value;
    const char *text;
} cases[] = {
    {'f', 6, 0.5, "0.500000"},
    {'f', 0, 2.0, "2"},
    {'f', 2, -1.25, "-1.25"},
    {'g', 9, 0.1, "0.1"},
    {'g', 9, 1e-7, "1e-07"},
    {'g', 4, 1234567, "1.235e+06"},
    {'g', 9, 1.5e300, "1.5e+300"},
    {'g', 6, 42, "42"},
    {'f', 9, 0, "0.000000000"},
    {'g', 9, INFINITY, "inf"},
    {'f', 3, 123456789.125, "123456789.125"},
};

static void prints(const char *where)
{
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        char text[TC_NUMBER_MAX];
        int length = tc_number_print(text, sizeof text, cases[at].style, cases[at].digits,
                                     cases[at].value);

        ok(strcmp(text, cases[at].text) == 0 && length == (int)strlen(text), "%s: %s is %s",
           where, cases[at].text, text);
    }
}

/* As printf has them; and what it is not for. */
static void test_whole(void)
{
    static const double others[] = {-0.0, -1, 0.5, 99998.5, 100000, 1e300, INFINITY, NAN};
    char text[TC_NUMBER_MAX], right[TC_NUMBER_MAX];
    int wrong = 0;

    for (int value = 0; value <= 99999; value++) {
        int length = tc_number_print_whole(text, value);

        snprintf(right, sizeof right, "%d", value);
        wrong += length != (int)strlen(right) || strcmp(text, right) != 0;
    }
    ok(!wrong, "whole numbers of up to five digits");
    strcpy(text, "as it was");
    for (size_t at = 0; at < sizeof others / sizeof others[0]; at++)
        wrong += tc_number_print_whole(text, others[at]) != 0;
    ok(!wrong && strcmp(text, "as it was") == 0, "no others");
}

/* What an entity tag is made of. */
static void canonical(const char *where)
{
    static const char url[] = "sx=0.5,sy=12.25p,dw=30.75,unsharp=1.5x0.5+1.25+0.05";
    char text[TC_CANONICAL_MAX];
    tc_params params;
    tc_fail fail;

    tc_params_init(&params);
    ok(tc_params_parse(&params, url, strlen(url), NULL, NULL, &fail) == TC_E_OK, "%s: parsed",
       where);
    tc_params_canonical(&params, text, sizeof text);
    ok(strstr(text, "0.5") && strstr(text, "12.25") && strstr(text, "30.75"),
       "%s: parameters with points: %s", where, text);
}

int main(void)
{
    static const char *const made = "mkdir -p build/unit/locale && localedef -i de_DE -f UTF-8 "
                                    "build/unit/locale/de_DE.UTF-8 >/dev/null 2>&1";
    char number[TC_NUMBER_MAX];

    test_whole();
    prints("C");
    canonical("C");
    if (system(made) == -1 || setenv("LOCPATH", "build/unit/locale", 1) != 0 ||
        !setlocale(LC_ALL, "de_DE.UTF-8")) {
        skip("a locale with a decimal comma", "localedef cannot make de_DE.UTF-8 here");
        return done_testing();
    }
    snprintf(number, sizeof number, "%.1f", 0.5);
    ok(strcmp(number, "0,5") == 0, "printf has the locale's comma: %s", number);
    prints("de_DE");
    canonical("de_DE");
    return done_testing();
}
