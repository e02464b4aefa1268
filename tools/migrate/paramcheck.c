/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the module reads parameters, for tools/migrate-check: each line of standard
 * input is one text as it stands between the brackets of small_light(...), with
 * %xx decoded; a pattern's text comes before it, parted by a tab. For each line
 *
 *   ok <TAB> CANONICAL <TAB> KEYS THAT DO NOT EXIST
 *   bad <TAB> WHY
 *
 * CANONICAL names what departs from the defaults, in one spelling.
 */
#include "image/params/params.h"

#include <stdio.h>
#include <string.h>

typedef struct unknown_keys {
    char keys[512];
} unknown_keys;

static void note(void *context, const char *key, size_t length)
{
    unknown_keys *unknown = context;
    size_t used = strlen(unknown->keys);

    snprintf(unknown->keys + used, sizeof unknown->keys - used, "%s%.*s", used ? " " : "",
             (int)length, key);
}

static void check(const char *line)
{
    const char *tab = strchr(line, '\t');
    const char *own = tab ? tab + 1 : line;
    unknown_keys unknown = {""};
    char canonical[TC_CANONICAL_MAX];
    tc_params params, over;
    tc_fail fail;

    tc_params_init(&params);
    tc_params_init(&over);
    if ((tab && tc_params_parse(&params, line, (size_t)(tab - line), note, &unknown, &fail)) ||
        tc_params_parse(&over, own, strlen(own), note, &unknown, &fail)) {
        printf("bad\t%s\n", fail.text);
        return;
    }
    tc_params_overlay(&params, &over);
    tc_params_canonical(&params, canonical, sizeof canonical);
    printf("ok\t%s\t%s\n", canonical, unknown.keys);
}

int main(void)
{
    char line[65536];

    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        check(line);
    }
    return 0;
}
