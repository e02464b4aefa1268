/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the kept corpus through a fuzz target, one TAP line a file: each file once had
 * a fault or shows a kind of input. The target ends the program when something does
 * not hold, so a line that is missing is a failure. Built as build/unit/fuzz_NAME.t,
 * which runs t/fuzz/corpus/NAME; with arguments, those files and folders instead.
 */
#include "fuzz.h"

#include "../unit/tap.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The file's bytes at the end of their memory exactly, so that a byte further is seen. */
static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = NULL;
    struct stat about;

    *size = 0;
    if (!in || fstat(fileno(in), &about) != 0 || !S_ISREG(about.st_mode)) {
        if (in)
            fclose(in);
        return NULL;
    }
    data = malloc(about.st_size > 0 ? (size_t)about.st_size : 1);
    if (data)
        *size = fread(data, 1, (size_t)about.st_size, in);
    fclose(in);
    return data;
}

static void run_file(const char *path)
{
    size_t size;
    uint8_t *data = read_whole(path, &size);

    if (data) {
        printf("# %s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
    }
    ok(data != NULL, "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    free(data);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void run_path(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, by_name);

    if (count < 0) {
        run_file(path);
        return;
    }
    for (int at = 0; at < count; at++) {
        char name[1024];

        if (entries[at]->d_name[0] != '.' &&
            snprintf(name, sizeof name, "%s/%s", path, entries[at]->d_name) < 1024)
            run_file(name);
        free(entries[at]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        run_path(FUZZ_CORPUS);
    for (int at = 1; at < argc; at++)
        run_path(argv[at]);
    ok(tap_count > 0, "there was something to run");
    return done_testing();
}
