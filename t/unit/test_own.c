/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may keep a converter: no more are kept than there are over, in all processes together,
 * and what a process had that was killed others have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "converter/own.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static tc_dialogue make(pid_t pid)
{
    return (tc_dialogue){dup(STDIN_FILENO), pid, 7, 3};
}

/* As often as it takes to try each byte. */
static bool put(tc_own *own, const tc_dialogue *dialogue, unsigned count)
{
    for (unsigned at = 0; at < count; at++) {
        if (tc_own_put(own, dialogue))
            return true;
    }
    return false;
}

static void test_count(void)
{
    static const unsigned cases[][2] = {{1, 1}, {2, 2}, {40, 32}, {255, 1}, {256, 0}};

    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++)
        ok(tc_own_count(cases[at][0], 256) == cases[at][1],
           "%u conversions at once: %u more may be kept", cases[at][0], cases[at][1]);
}

static void test_order(void)
{
    int file = tc_own_file();
    tc_own *own = tc_own_make(file, 2);
    tc_dialogue first = make(11), second = make(12), third = make(13), got = {-1, 0, 0, 0};

    ok(!tc_own_take(own, &got) && got.socket == -1, "nothing is kept");
    ok(put(own, &first, 2) && put(own, &second, 2), "two are");
    ok(!put(own, &third, 2), "... and no third");
    ok(tc_own_take(own, &got) && got.socket == second.socket && got.pid == 12 &&
           got.place == 7 && got.area == 3,
       "the last one is taken first");
    ok(tc_own_put(own, &third), "there is room again");
    tc_own_free(own);
    ok(close(first.socket) && close(third.socket) && close(second.socket) == 0,
       "what is kept is closed at the end, and what was taken is not");
    close(file);
    ok(!tc_own_take(NULL, &got) && !tc_own_put(NULL, &got), "where nothing may be kept");
}

/* Another process that keeps `count`, until it is killed; it has said so. */
static pid_t begin_other(int file, unsigned count)
{
    tc_dialogue one = make(1);
    int ready[2];
    char byte = 0;
    pid_t pid;

    if (pipe(ready) || (pid = fork()) < 0) {
        printf("Bail out! no process\n");
        exit(1);
    }
    if (pid == 0) {
        tc_own *others = tc_own_make(file, 2);
        bool all = true;

        for (unsigned at = 0; at < count; at++)
            all = put(others, &one, 2) && all;
        if (all)
            (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    ok(read(ready[0], &byte, 1) == 1 && byte == 'r', "another process keeps %u", count);
    close(ready[0]);
    close(one.socket);
    return pid;
}

static void test_processes(void)
{
    for (unsigned theirs = 1; theirs <= 2; theirs++) {
        int file = tc_own_file();
        pid_t pid = begin_other(file, theirs);
        tc_own *own = tc_own_make(file, 2);
        tc_dialogue one = make(1), two = make(2);
        unsigned kept = 0;

        while (kept < 3 && put(own, &one, 4))
            kept++;
        ok(kept == 2 - theirs, "... and this one %u", kept);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (kept < 3 && put(own, &two, 4))
            kept++;
        ok(kept == 2, "... and all when that is killed");
        tc_own_free(own);
        close(file);
    }
}

#define ROUNDS 20000

static tc_own *shared;
static unsigned had_twice;
static int at_work[4];

static void *use(void *context)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        tc_dialogue got;

        if (!tc_own_take(shared, &got))
            continue;
        if (__atomic_exchange_n(&at_work[got.pid], 1, __ATOMIC_ACQ_REL))
            __atomic_add_fetch(&had_twice, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&at_work[got.pid], 0, __ATOMIC_RELEASE);
        if (!tc_own_put(shared, &got))
            __atomic_add_fetch(&had_twice, 1, __ATOMIC_RELAXED);
    }
    return context;
}

static void test_threads(void)
{
    int file = tc_own_file();
    pthread_t thread[4];
    tc_dialogue got;
    unsigned left = 0;

    shared = tc_own_make(file, 3);
    for (int at = 0; at < 3; at++) {
        tc_dialogue one = make(at);

        put(shared, &one, 3);
    }
    for (size_t at = 0; at < 4; at++) {
        if (pthread_create(&thread[at], NULL, use, NULL)) {
            printf("Bail out! no thread\n");
            exit(1);
        }
    }
    for (size_t at = 0; at < 4; at++)
        pthread_join(thread[at], NULL);
    while (tc_own_take(shared, &got)) {
        close(got.socket);
        left++;
    }
    ok(had_twice == 0 && left == 3,
       "four threads share three: none has another's, none is lost");
    tc_own_free(shared);
    close(file);
}

int main(void)
{
    test_count();
    test_order();
    test_processes();
    test_threads();
    return done_testing();
}
