/* SPDX-License-Identifier: Apache-2.0 */
/* On which processors a converter may run: where its child is, and everywhere once it is free.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "converter/place.h"
#include "calls.h"
#include "tap.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a process here plays that is to be bound. */
typedef struct converter {
    pid_t pid;
    int dialogue; /* the other end of its socket */
} converter;

/* Says where it began, and after each byte that comes where it is, having freed itself. */
__attribute__((noreturn)) static void play(int socket)
{
    int32_t place = tc_place_begin();
    char byte;

    while (write(socket, &place, sizeof place) == sizeof place && read(socket, &byte, 1) == 1)
        place = tc_place_free(place == TC_PLACE_FIXED ? place : 0);
    _exit(0);
}

static int32_t hear(const converter *converter)
{
    int32_t place = -77;

    return read(converter->dialogue, &place, sizeof place) == sizeof place ? place : -77;
}

static converter begin(void)
{
    converter made;
    int end[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end) || (made.pid = fork()) < 0) {
        printf("Bail out! no process\n");
        exit(1);
    }
    if (made.pid == 0) {
        close(end[0]);
        play(end[1]);
    }
    close(end[1]);
    made.dialogue = end[0];
    return made;
}

static void end(const converter *converter)
{
    close(converter->dialogue);
    waitpid(converter->pid, NULL, 0);
}

static cpu_set_t set_of(pid_t pid)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(pid, sizeof set, &set);
    return set;
}

static bool is_only(pid_t pid, int processor)
{
    cpu_set_t set = set_of(pid);

    return CPU_COUNT(&set) == 1 && CPU_ISSET(processor, &set);
}

static bool is_as(pid_t pid, const cpu_set_t *wanted)
{
    cpu_set_t set = set_of(pid);

    return CPU_EQUAL(&set, wanted);
}

/* This process stays on `processor`, so that it knows where it is. */
static void go_to(int processor)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static int next_of(const cpu_set_t *set, int after)
{
    int at = after + 1;

    while (at < CPU_SETSIZE && !CPU_ISSET(at, set))
        at++;
    return at;
}

static void test_many(const cpu_set_t *all)
{
    int first = next_of(all, -1), second = next_of(all, first);
    converter converter = begin();
    int32_t place = hear(&converter);

    ok(place == TC_PLACE_ANY && is_as(converter.pid, all), "one begins everywhere");
    go_to(first);
    place = tc_place_here(converter.dialogue, converter.pid, place);
    ok(place == first && is_only(converter.pid, first), "bound, it is where its child is");
    go_to(second);
    place = tc_place_here(converter.dialogue, converter.pid, place);
    ok(place == second && is_only(converter.pid, second), "... and follows it");
    ok(tc_place_here(converter.dialogue, converter.pid, TC_PLACE_FIXED) == TC_PLACE_FIXED &&
           is_only(converter.pid, second),
       "one that is fixed is left alone");
    ok(write(converter.dialogue, "", 1) == 1 && hear(&converter) == TC_PLACE_ANY &&
           is_as(converter.pid, all),
       "free, it is everywhere again");
    end(&converter);
    sched_setaffinity(0, sizeof *all, all);
}

/* Its id may be another process's by now: here it is that of one that has closed its end. */
static void test_dead(const cpu_set_t *all)
{
    converter other = begin();
    int ends[2];

    hear(&other);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0)
        close(ends[1]);
    ok(tc_place_here(ends[0], other.pid, TC_PLACE_ANY) == TC_PLACE_ANY && is_as(other.pid, all),
       "where the dialogue has ended no process is bound");
    close(ends[0]);
    end(&other);
}

static void test_one(const cpu_set_t *all)
{
    converter converter;

    go_to(next_of(all, -1));
    converter = begin();
    ok(hear(&converter) == TC_PLACE_FIXED, "on one processor there is nothing to bind");
    end(&converter);
    sched_setaffinity(0, sizeof *all, all);
}

/* A service's filter (systemd's SystemCallFilter=~@resources) ends a process for the call. */
static int find_out_under_filter(void)
{
    static const uint32_t bind[] = {SYS_sched_setaffinity};

    if (!answer_calls(bind, 1, SECCOMP_RET_KILL_PROCESS))
        return 2;
    return tc_place_may();
}

static void test_filter(void)
{
    int status = -1;
    pid_t pid;

    ok(tc_place_may(), "a process may bind others");
    pid = fork();
    if (pid == 0)
        _exit(find_out_under_filter());
    waitpid(pid, &status, 0);
    ok(status == 0, "... and where it would be ended for that it knows: %d", status);
}

int main(void)
{
    cpu_set_t all = set_of(0);

    if (CPU_COUNT(&all) > 1) {
        test_many(&all);
        test_dead(&all);
    } else {
        skip("binding", "there is one processor");
    }
    test_one(&all);
    test_filter();
    return done_testing();
}
