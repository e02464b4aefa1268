/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: bounds, the queue, its end, and what a killed process held. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "system/admission.h"

static tc_admission *shared(void)
{
    void *memory = mmap(NULL, tc_admission_size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    tc_admission_adopt(memory);
    return memory;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_now(const tc_admission *admission, uint32_t active, uint32_t queued)
{
    uint32_t a, q;

    tc_admission_now(admission, &a, &q);
    return a == active && q == queued;
}

static void test_bounds(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 2};
    tc_ticket a, b, c;

    ok(tc_admission_enter(admission, &limits, 10, &a) == 0 && a.held &&
           tc_admission_enter(admission, &limits, 10, &b) == 0,
       "two of two are let in");
    ok(tc_admission_enter(admission, &limits, 10, &c) == EAGAIN && !c.held,
       "a third is sent away where there is no queue");
    tc_admission_adopt(admission);
    ok(is_now(admission, 2, 0), "taken over, nothing is forgotten");
    tc_admission_leave(admission, &c);
    ok(is_now(admission, 2, 0), "without a ticket nothing is given back");
    tc_admission_leave(admission, &a);
    tc_admission_leave(admission, &a);
    ok(is_now(admission, 1, 0), "a ticket is given back once");
    ok(tc_admission_enter(admission, &limits, 10, &c) == 0, "then there is a place");
    tc_admission_leave(admission, &b);
    tc_admission_leave(admission, &c);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

static void test_bytes(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.bytes = 100};
    tc_ticket a, b, large;

    ok(tc_admission_enter(admission, &limits, 60, &a) == 0 &&
           tc_admission_enter(admission, &limits, 40, &b) == 0,
       "memory up to the bound");
    ok(tc_admission_enter(admission, &limits, 1, &large) == EAGAIN, "... and no byte more");
    tc_admission_leave(admission, &a);
    ok(tc_admission_enter(admission, &limits, 200, &large) == EAGAIN,
       "what is over the bound waits for all others");
    tc_admission_leave(admission, &b);
    ok(tc_admission_enter(admission, &limits, 200, &large) == 0, "... and is let in alone");
    ok(tc_admission_enter(admission, &limits, 1, &a) == EAGAIN, "... quite alone");
    tc_admission_leave(admission, &large);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

static void test_null(void)
{
    tc_admission_limits limits = {.active = 1};
    tc_ticket ticket;

    ok(tc_admission_enter(NULL, &limits, 1, &ticket) == 0, "without shared memory all come in");
    tc_admission_leave(NULL, &ticket);
    tc_admission_begin(NULL, 1);
    tc_admission_gone(NULL, 1);
}

/* ---- waiting ---------------------------------------------------------------------- */

static void *leave_soon(void *data)
{
    void **both = data;

    usleep(100000);
    tc_admission_leave(both[0], both[1]);
    return NULL;
}

static void test_waiting(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 1, .queue = 1, .wait_ms = 200};
    tc_ticket a, b;
    void *both[2] = {admission, &a};
    pthread_t thread;
    double began;

    tc_admission_enter(admission, &limits, 1, &a);
    began = seconds();
    ok(tc_admission_enter(admission, &limits, 1, &b) == ETIMEDOUT, "a wait in vain ends");
    ok(seconds() - began >= 0.2 && seconds() - began < 5, "... in time");
    ok(is_now(admission, 1, 0), "... and leaves the queue");
    limits.wait_ms = 60000;
    began = seconds();
    pthread_create(&thread, NULL, leave_soon, both);
    ok(tc_admission_enter(admission, &limits, 1, &b) == 0, "a place that comes free is taken");
    ok(seconds() - began < 30, "... at once");
    pthread_join(thread, NULL);
    ok(is_now(admission, 1, 0), "... by one");
    tc_admission_leave(admission, &b);
    munmap(admission, tc_admission_size());
}

/* ---- many at once ------------------------------------------------------------------ */

#define PROCESSES 4
#define THREADS   4
#define ROUNDS    2000
#define PLACES    3

typedef struct watch {
    int inside, most, failed;
} watch;

typedef struct crowd {
    tc_admission *admission;
    watch *watch;
} crowd;

static void *come_and_go(void *data)
{
    const crowd *crowd = data;
    tc_admission_limits limits = {
        .active = PLACES, .queue = 100, .wait_ms = 60000, .bytes = 1000};

    for (int round = 0; round < ROUNDS; round++) {
        tc_ticket ticket;
        int inside;

        if (tc_admission_enter(crowd->admission, &limits, 300, &ticket)) {
            __atomic_fetch_add(&crowd->watch->failed, 1, __ATOMIC_RELAXED);
            continue;
        }
        inside = __atomic_add_fetch(&crowd->watch->inside, 1, __ATOMIC_SEQ_CST);
        if (inside > crowd->watch->most)
            crowd->watch->most = inside;
        __atomic_fetch_sub(&crowd->watch->inside, 1, __ATOMIC_SEQ_CST);
        tc_admission_leave(crowd->admission, &ticket);
    }
    return NULL;
}

static void run_crowd(crowd *crowd)
{
    pthread_t thread[THREADS];

    tc_admission_begin(crowd->admission, getpid());
    for (int at = 0; at < THREADS; at++)
        pthread_create(&thread[at], NULL, come_and_go, crowd);
    for (int at = 0; at < THREADS; at++)
        pthread_join(thread[at], NULL);
    _exit(0);
}

static void test_crowd(void)
{
    crowd crowd = {shared(), mmap(NULL, sizeof(watch), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    pid_t child[PROCESSES];

    fflush(stdout);
    for (int at = 0; at < PROCESSES; at++) {
        child[at] = fork();
        if (child[at] == 0)
            run_crowd(&crowd);
    }
    for (int at = 0; at < PROCESSES; at++) {
        waitpid(child[at], NULL, 0);
        tc_admission_gone(crowd.admission, child[at]);
    }
    ok(crowd.watch->most <= PLACES && crowd.watch->most > 0, "never more than %d at once: %d",
       PLACES, crowd.watch->most);
    ok(crowd.watch->failed == 0, "with room to wait all come in");
    ok(is_now(crowd.admission, 0, 0), "all is free at the end");
    munmap(crowd.admission, tc_admission_size());
}

static void test_killed(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 2, .bytes = 100};
    tc_ticket ticket;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_admission_begin(admission, getpid());
        tc_admission_enter(admission, &limits, 50, &ticket);
        tc_admission_enter(admission, &limits, 50, &ticket);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    ok(tc_admission_enter(admission, &limits, 1, &ticket) == EAGAIN,
       "a killed process still holds its places");
    tc_admission_gone(admission, child);
    ok(is_now(admission, 0, 0) && tc_admission_enter(admission, &limits, 100, &ticket) == 0,
       "... until its death is seen: places and memory come back");
    munmap(admission, tc_admission_size());
}

int main(void)
{
    test_bounds();
    test_bytes();
    test_null();
    test_waiting();
    test_crowd();
    test_killed();
    return done_testing();
}
