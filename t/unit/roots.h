/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders that stand for / : the fixtures, and others made for one case. And the
 * checks of a reading.
 */
#ifndef ROOTS_H
#define ROOTS_H

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dirs.h"
#include "host/reading.h"

#define FIXTURES "t/unit/fixtures"
#define NOBODY   65534

/* One line of a test's table: where the machine stands. */
#define FIXTURE(version) FIXTURES "/kernel-" version

__attribute__((unused)) static void need_fixtures(void)
{
    if (access(FIXTURES, R_OK | X_OK)) {
        printf("Bail out! no %s here: run this from the project's folder\n", FIXTURES);
        exit(1);
    }
}

/* A new empty root. */
static void make_root(char root[PATH_MAX])
{
    const char *base = getenv("TMPDIR");

    private_dir(root, PATH_MAX, base && *base ? base : "/tmp");
    chmod(root, 0755);
}

/* A file below it, with the folders it needs. */
static void put_bytes(const char *root, const char *path, const char *bytes, size_t length)
{
    char whole[2 * PATH_MAX];
    FILE *file;

    snprintf(whole, sizeof(whole), "%s%s", root, path);
    for (char *at = strchr(whole + strlen(root) + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(whole, 0755);
        *at = '/';
    }
    file = fopen(whole, "we");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file)) {
        printf("Bail out! %s: %s\n", whole, strerror(errno));
        exit(1);
    }
}

static void put(const char *root, const char *path, const char *text)
{
    put_bytes(root, path, text, strlen(text));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_root(const char *root)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/*
 * What `act` returns in a child that is nobody, when this is root, else here and now:
 * what only root may read is to be seen as others see it.
 */
__attribute__((unused)) static int as_ordinary_user(int (*act)(const void *),
                                                    const void *argument)
{
    pid_t child;
    int status = 0;

    if (geteuid() != 0)
        return act(argument);
    child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
            _exit(255);
        _exit(act(argument));
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

/* Make `path` a file that its owner may not read. */
__attribute__((unused)) static void lock(const char *root, const char *path)
{
    char whole[2 * PATH_MAX];

    snprintf(whole, sizeof(whole), "%s%s", root, path);
    chmod(whole, 0);
}

#define is_value(reading, expected, name) \
    reading_is((reading), 0, (uint64_t)(expected), (name), __LINE__)
#define is_missing(reading, reason, name) reading_is((reading), (reason), 0, (name), __LINE__)

__attribute__((unused)) static void reading_is(tc_reading reading, int error, uint64_t value,
                                               const char *name, int line)
{
    bool good = reading.error == error && reading.value == value;

    if (error)
        tap_ok(good, __BASE_FILE__, line, "%s: %s", name, strerror(error));
    else
        tap_ok(good, __BASE_FILE__, line, "%s: %llu", name, (unsigned long long)value);
    if (!good)
        printf("# got: %s, %llu\n", reading.error ? strerror(reading.error) : "a value",
               (unsigned long long)reading.value);
}

#endif
