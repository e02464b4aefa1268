/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporary files against others on the machine: a name that was guessed is not opened, a file
 * without a name gets none, and what a sweep finds under our names is removed only when it is
 * a file. Here names are not random: getrandom(2) says what the test wants.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "dirs.h"
#include "temp/tempfile.h"

static unsigned char random_byte;

ssize_t getrandom(void *to, size_t length, unsigned flags)
{
    (void)flags;
    memset(to, random_byte, length);
    return (ssize_t)length;
}

/* The name that the next file will have, as something else, made by `make`. */
static void guessed(const char *dir, const char *what, int (*make)(const char *path))
{
    static const tc_temp_method methods[] = {TC_TEMP_UNLINKED, TC_TEMP_NAMED};
    char name[TC_TEMP_NAME], path[PATH_MAX];

    for (unsigned at = 0; at < 2; at++) {
        const char *word = tc_temp_method_name(methods[at]);
        tc_tempfile file;
        int rc;

        tc_temp_name(name);
        snprintf(path, sizeof path, "%s/%s", dir, name);
        ok(make(path) == 0, "%s: the next name is there already, as %s", word, what);
        rc = tc_temp_open(&file, methods[at], dir);
        ok(rc == EEXIST && file.fd == -1, "... and is not opened: %s", strerror(rc));
        random_byte++;
        rc = tc_temp_open(&file, methods[at], dir);
        ok(rc == 0, "... but another is");
        tc_temp_close(&file);
        ok(unlink(path) == 0, "... and it is left alone");
    }
}

static int make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

    return fd < 0 ? -1 : close(fd);
}

static int make_link(const char *path)
{
    return symlink("/dev/shm/tc-test-nobody-made-this", path);
}

static void nameless(const char *dir)
{
    char from[64], to[PATH_MAX];
    tc_tempfile file;
    int rc = tc_temp_open(&file, TC_TEMP_TMPFILE, dir);

    if (rc == EOPNOTSUPP) {
        skip("tmpfile", "the file system has no O_TMPFILE");
        return;
    }
    snprintf(from, sizeof from, "/proc/self/fd/%d", file.fd);
    snprintf(to, sizeof to, "%s/name", dir);
    rc = linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) ? errno : 0;
    ok(rc == ENOENT, "a file that never had a name gets none: %s", strerror(rc));
    tc_temp_close(&file);
    unlink(to);
}

/* Under the names of a process that ended: a file, a link to one, a folder. */
static void swept(const char *dir)
{
    char name[TC_TEMP_NAME], path[PATH_MAX], target[PATH_MAX];
    int status;
    pid_t child = fork();

    if (child == 0) {
        for (random_byte = 0; random_byte < 3; random_byte++) {
            tc_temp_name(name);
            snprintf(path, sizeof path, "%s/%s", dir, name);
            snprintf(target, sizeof target, "%s/target", dir);
            if (random_byte == 0   ? make_file(path)
                : random_byte == 1 ? symlink(target, path)
                                   : mkdir(path, 0700))
                _exit(1);
        }
        _exit(make_file(target));
    }
    ok(waitpid(child, &status, 0) == child && status == 0, "a file, a link and a folder");
    ok(tc_temp_sweep(dir, child, geteuid()) == 1, "... of which the file is swept");
    snprintf(target, sizeof target, "rm -r %s/*", dir);
    ok(system(target) == 0, "... and the others are left");
}

int main(void)
{
    char dir[256];

    private_dir(dir, sizeof dir, "/dev/shm");
    guessed(dir, "a file", make_file);
    guessed(dir, "a link", make_link);
    nameless(dir);
    swept(dir);
    ok(entries(dir) == 0 && rmdir(dir) == 0, "nothing else was there");
    return done_testing();
}
