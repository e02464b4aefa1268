/* SPDX-License-Identifier: Apache-2.0 */
/* Areas: whose they are, that a converter has its own and no other, and the keeper's word. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "converter/areas.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 3, OWN = 1 };

/* Whether a byte there can be read: the kernel says so where it cannot, and no signal does. */
static bool is_there(const unsigned char *at)
{
    int pipes[2];
    bool there;

    if (pipe2(pipes, O_CLOEXEC))
        bail_out("no pipe");
    there = write(pipes[1], at, 1) == 1;
    close(pipes[0]);
    close(pipes[1]);
    return there;
}

/* In a converter: 0 when it has all of its area and nothing next to it. */
static int look(tc_areas areas)
{
    const unsigned char *own = tc_areas_at(&areas, OWN);
    unsigned char *kept = tc_areas_keep(&areas, OWN);

    if (kept != own || areas.start)
        return 1;
    if (!is_there(own) || !is_there(own + TC_AREA - 1))
        return 2;
    if (is_there(own - 1) || is_there(own + TC_AREA))
        return 3;
    memset(kept, 'r', TC_AREA);
    return 0;
}

static void test_keeping(const tc_areas *read, const tc_areas *written)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(look(*written));
    waitpid(pid, &status, 0);
    ok(status == 0, "a converter has its area, and neither other ones nor whose they are: %d",
       WEXITSTATUS(status));
    ok(*tc_areas_at(read, OWN) == 'r' && tc_areas_at(read, OWN)[TC_AREA - 1] == 'r' &&
           *tc_areas_at(read, 0) == 0 && *tc_areas_at(read, 2) == 0,
       "... and what it writes is read there, and nowhere else");
}

static void test_whose(const tc_areas *read, tc_areas *written)
{
    ok(tc_areas_find(read, 100) < 0, "nobody's at first");
    tc_areas_give(written, 2, 100);
    ok(tc_areas_find(read, 100) == 2 && tc_areas_is(read, 2, 100) && !tc_areas_is(read, 1, 100),
       "a converter has the one that it was given");
    tc_areas_give(written, 2, 0);
    ok(tc_areas_find(read, 100) < 0 && !tc_areas_is(read, 2, 100), "... until it has ended");
    tc_areas_give(written, 2, 200);
    ok(!tc_areas_is(read, 2, 100) && tc_areas_find(read, 200) == 2, "... and another has it");
}

static void test_word(const tc_areas *read, tc_areas *written)
{
    tc_areas none = {NULL, 0};

    ok(tc_areas_hear(read) == TC_STAFF_ALL, "all converters are there, or will be");
    tc_areas_say(written, TC_STAFF_SOME);
    ok(tc_areas_hear(read) == TC_STAFF_SOME, "... until the keeper says that some are");
    tc_areas_say(written, TC_STAFF_NONE);
    ok(tc_areas_hear(read) == TC_STAFF_NONE, "... or none");
    /* The word is the first, with the seconds above its last two bits. */
    *(uint32_t *)written->start -= (TC_AREAS_STALE_S + 1) << 2;
    ok(tc_areas_hear(read) == TC_STAFF_ALL, "... which does not hold once it is gone");
    tc_areas_say(written, TC_STAFF_NONE);
    tc_areas_say(written, TC_STAFF_ALL);
    ok(tc_areas_hear(read) == TC_STAFF_ALL, "... or has them again");
    tc_areas_say(&none, TC_STAFF_NONE);
    ok(tc_areas_hear(&none) == TC_STAFF_ALL, "nothing is heard where there are no areas");
}

static void test_files(int file)
{
    int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    tc_areas areas;

    ok(tc_areas_map(&areas, COUNT + 1, file) == EINVAL && !areas.start,
       "no areas of a file for fewer");
    ok(tc_areas_map(&areas, COUNT, other) == EINVAL && !areas.start, "nor of another file");
    ok(tc_areas_map(&areas, COUNT, -1) == EBADF && !areas.start, "nor of none");
    ok(ftruncate(file, 0) != 0 && errno == EPERM, "none can cut the file short");
    close(other);
}

/* 0: told that the file would be too long, and not killed. */
static int make_under_limit(void)
{
    const struct rlimit little = {1000, 1000};
    tc_areas areas;
    int file;

    if (setrlimit(RLIMIT_FSIZE, &little))
        return 1;
    return tc_areas_make(&areas, COUNT, &file) == EFBIG && !areas.start && file == -1 ? 0 : 2;
}

static void test_limit(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(make_under_limit());
    waitpid(pid, &status, 0);
    ok(status == 0, "under a limit for files there are none, and httpd goes on: %d", status);
}

int main(void)
{
    tc_areas read, written;
    int file;

    if (tc_areas_make(&read, COUNT, &file) || tc_areas_map(&written, COUNT, file))
        bail_out("no areas");
    test_whose(&read, &written);
    test_word(&read, &written);
    test_keeping(&read, &written);
    test_files(file);
    test_limit();
    close(file);
    tc_areas_unmap(&written);
    tc_areas_unmap(&read);
    ok(!read.start && !read.count && tc_areas_find(&read, 200) < 0, "none are left");
    return done_testing();
}
