/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes damaged pictures, the same ones for the same seed:
 *
 *   damage PICTURES OUT COUNT [SEED]
 *
 * PICTURES is a folder of sound ones; OUT gets COUNT files named 00000.jpg and so on.
 */
#include "make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *which)
{
    fprintf(stderr, "damage: %s: %s\n", what, which);
    exit(2);
}

static uint32_t number_of(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || end == text || value > 1000000)
        die("not a number up to 1000000", text);
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    uint32_t wanted, seed;
    size_t count;
    damage_file *files;

    if (argc < 4 || argc > 5)
        die("usage", "damage PICTURES OUT COUNT [SEED]");
    wanted = number_of(argv[3]);
    seed = argc > 4 ? number_of(argv[4]) : 1;
    files = damage_read(argv[1], &count);
    if (!files || count == 0)
        die("no pictures in", argv[1]);
    for (uint32_t number = 0; number < wanted; number++) {
        damage_file made;
        char path[4096];
        const char *end;
        FILE *out;

        damage_make(&made, files, count, seed, number);
        end = made.name ? strrchr(made.name, '.') : NULL;
        if (snprintf(path, sizeof path, "%s/%05u%s", argv[2], number, end ? end : "") >=
            (int)sizeof path)
            die("too long", argv[2]);
        out = fopen(path, "wb");
        if (!made.data || !out || fwrite(made.data, 1, made.size, out) != made.size ||
            fclose(out) != 0)
            die("cannot write", path);
        free(made.data);
    }
    damage_free(files, count);
    return 0;
}
