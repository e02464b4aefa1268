/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: bounds, the queue, its end, and what a killed process held. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "base/clock.h"
#include "admission/admission.h"

static uint64_t check_ms; /* that nothing here depends on */

#define KIB UINT64_C(1024)

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
    tc_admission_now now;

    tc_admission_read(admission, &now);
    return now.active == active && now.queued == queued;
}

static void test_bounds(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 2};
    tc_ticket a, b, c;

    ok(tc_admission_enter(admission, &limits, NULL, 10, NULL, &a) == 0 && a.held &&
           tc_admission_enter(admission, &limits, NULL, 10, NULL, &b) == 0,
       "two of two are let in");
    ok(tc_admission_enter(admission, &limits, NULL, 10, NULL, &c) == EAGAIN && !c.held,
       "a third is sent away where there is no queue");
    tc_admission_adopt(admission);
    ok(is_now(admission, 2, 0), "taken over, nothing is forgotten");
    tc_admission_leave(admission, &c);
    ok(is_now(admission, 2, 0), "without a ticket nothing is given back");
    tc_admission_leave(admission, &a);
    tc_admission_leave(admission, &a);
    ok(is_now(admission, 1, 0), "a ticket is given back once");
    ok(tc_admission_enter(admission, &limits, NULL, 10, NULL, &c) == 0,
       "then there is a place");
    tc_admission_leave(admission, &b);
    tc_admission_leave(admission, &c);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

static void test_bytes(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.bytes = 100 * KIB};
    tc_ticket a, b, c;

    ok(tc_admission_enter(admission, &limits, NULL, 60 * KIB, NULL, &a) == 0 &&
           tc_admission_enter(admission, &limits, NULL, 40 * KIB, NULL, &b) == 0,
       "memory up to the bound");
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &c) == EAGAIN,
       "... and no byte more");
    ok(tc_admission_enter(admission, &limits, NULL, 100 * KIB + 1, NULL, &c) == E2BIG &&
           !c.held,
       "a plan over the bound is refused beside others");
    tc_admission_leave(admission, &a);
    tc_admission_leave(admission, &b);
    ok(tc_admission_enter(admission, &limits, NULL, 100 * KIB + 1, NULL, &c) == E2BIG,
       "... and alone");
    ok(tc_admission_enter(admission, &limits, NULL, 100 * KIB, NULL, &c) == 0,
       "one of just the bound is let in");
    tc_admission_leave(admission, &c);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

static uint64_t bytes_now(const tc_admission *admission)
{
    tc_admission_now now;

    tc_admission_read(admission, &now);
    return now.bytes;
}

/* A place taken with memory for a header, and counted with the plan's afterwards. */
static void test_weigh(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.bytes = 100 * KIB};
    tc_ticket a, b, none = {0};

    tc_admission_enter(admission, &limits, NULL, 10 * KIB, NULL, &a);
    tc_admission_enter(admission, &limits, NULL, 10 * KIB, NULL, &b);
    ok(tc_admission_weigh(admission, &limits, 90 * KIB, &a) == 0 &&
           bytes_now(admission) == 100 * KIB,
       "a plan is counted in place of the header");
    ok(tc_admission_weigh(admission, &limits, 11 * KIB, &b) == EAGAIN &&
           bytes_now(admission) == 100 * KIB,
       "one for which there is no memory is not counted");
    ok(tc_admission_weigh(admission, &limits, 101 * KIB, &b) == E2BIG, "... nor one for ever");
    ok(tc_admission_weigh(admission, &limits, 5 * KIB, &b) == 0 &&
           bytes_now(admission) == 95 * KIB,
       "one of less than the header frees memory");
    tc_admission_leave(admission, &a);
    ok(bytes_now(admission) == 5 * KIB, "a place gives back what it was weighed as");
    tc_admission_leave(admission, &b);
    ok(bytes_now(admission) == 0 && is_now(admission, 0, 0), "... each its own");
    ok(tc_admission_weigh(admission, &limits, KIB, &none) == 0 && bytes_now(admission) == 0,
       "without a place nothing is counted");
    munmap(admission, tc_admission_size());
}

/* A plan counts as 4 TiB at most, so that as many as may be at work add up within a word. */
static void test_largest_plans(void)
{
    static const uint64_t most = UINT64_C(0xffffffff) * KIB;
    static const uint64_t plans[] = {most, most + 1, UINT64_MAX};
    tc_admission *admission = shared();
    tc_admission_limits limits = {0};
    tc_ticket ticket[3];

    for (unsigned at = 0; at < 3; at++) {
        ok(tc_admission_enter(admission, &limits, NULL, plans[at], NULL, &ticket[at]) == 0 &&
               bytes_now(admission) == (at + 1) * most && is_now(admission, at + 1, 0),
           "without a bound a plan of %llu bytes counts as 4 TiB",
           (unsigned long long)plans[at]);
    }
    for (unsigned at = 0; at < 3; at++)
        tc_admission_leave(admission, &ticket[at]);
    ok(bytes_now(admission) == 0 && is_now(admission, 0, 0) && tc_admission_adds_up(admission),
       "... until they are given back");
    munmap(admission, tc_admission_size());
}

static void test_null(void)
{
    tc_admission_limits limits = {.active = 1};
    tc_ticket ticket;

    ok(tc_admission_enter(NULL, &limits, NULL, 1, NULL, &ticket) == 0,
       "without shared memory all come in");
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

    tc_admission_enter(admission, &limits, NULL, 1, NULL, &a);
    began = seconds();
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &b) == ETIMEDOUT,
       "a wait in vain ends");
    ok(seconds() - began >= 0.2 && seconds() - began < 5, "... in time");
    ok(is_now(admission, 1, 0), "... and leaves the queue");
    limits.wait_ms = 60000;
    began = seconds();
    pthread_create(&thread, NULL, leave_soon, both);
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &b) == 0,
       "a place that comes free is taken");
    ok(seconds() - began < 30, "... at once");
    pthread_join(thread, NULL);
    ok(is_now(admission, 1, 0), "... by one");
    tc_admission_leave(admission, &b);
    munmap(admission, tc_admission_size());
}

/* ---- nobody waits for it any more ------------------------------------------------- */

static tc_error third_time(void *context)
{
    int *asked = context;

    return ++*asked == 3 ? TC_E_CLIENT_GONE : TC_E_OK;
}

static void test_watch(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 1, .queue = 1, .wait_ms = 60000};
    int asked = 0;
    tc_cancel watch = {.check = third_time, .context = &asked};
    tc_ticket a, b;

    ok(tc_admission_enter(admission, &limits, NULL, 1, &watch, &a) == 0 && asked == 0,
       "who need not wait is not watched");
    ok(tc_admission_enter(admission, &limits, NULL, 1, &watch, &b) == ECANCELED && asked == 3 &&
           !b.held,
       "a watch ends the wait");
    ok(is_now(admission, 1, 0), "... and leaves the queue");
    munmap(admission, tc_admission_size());
}

static void *wait_long(void *data)
{
    void **both = data;
    tc_admission_limits limits = {.active = 1, .queue = 1, .wait_ms = 60000};

    tc_admission_enter(both[0], &limits, NULL, 1, NULL, both[1]);
    return NULL;
}

/* Children of the old configuration and of the new share the sums. */
static void test_changed_limits(void)
{
    tc_admission *admission = shared();
    tc_admission_limits old = {.active = 1}, more = {.active = 3}, less = {.active = 1};
    tc_ticket a, b, c;
    void *both[2] = {admission, &b};
    pthread_t thread;

    tc_admission_enter(admission, &old, NULL, 1, NULL, &a);
    pthread_create(&thread, NULL, wait_long, both);
    while (!is_now(admission, 1, 1))
        usleep(1000);
    ok(tc_admission_enter(admission, &more, NULL, 1, NULL, &c) == 0,
       "without a queue nobody stands behind the old one's");
    ok(tc_admission_enter(admission, &less, NULL, 1, NULL, &(tc_ticket){0}) == EAGAIN,
       "a lower bound holds at once");
    tc_admission_leave(admission, &a);
    tc_admission_leave(admission, &c);
    pthread_join(thread, NULL);
    ok(b.held && is_now(admission, 1, 0), "who waited gets in");
    tc_admission_leave(admission, &b);
    munmap(admission, tc_admission_size());
}

/* Who waits for another's answer has a place of the queue. */
static void test_follow(void)
{
    tc_admission *admission = shared();
    tc_admission_limits limits = {.active = 1, .queue = 2, .wait_ms = 20};
    tc_ticket a, b;

    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &a) == 0, "one at work");
    ok(tc_admission_follow(admission, &limits, NULL, &check_ms) &&
           tc_admission_follow(admission, &limits, NULL, &check_ms) &&
           !tc_admission_follow(admission, &limits, NULL, &check_ms),
       "two follow, a third finds the queue full");
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &b) == EAGAIN,
       "... and so does who waits");
    tc_admission_leave(admission, &a);
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &b) == 0,
       "a free place is open to all");
    tc_admission_unfollow(admission, NULL);
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &a) == ETIMEDOUT,
       "with one less somebody can wait");
    tc_admission_unfollow(admission, NULL);
    tc_admission_leave(admission, &b);
    ok(is_now(admission, 0, 0) && tc_admission_follow(NULL, &limits, NULL, &check_ms),
       "all is free at the end");
    munmap(admission, tc_admission_size());
}

/* ---- temporary data ------------------------------------------------------------------ */

static void test_temp(void)
{
    tc_admission *admission = shared();
    tc_admission_now now;

    ok(tc_admission_hold(admission, 1000, 600) && tc_admission_hold(admission, 1000, 400),
       "temporary data up to the bound");
    ok(!tc_admission_hold(admission, 1000, 1), "... and no byte more");
    ok(!tc_admission_hold(admission, 500, 1) && !tc_admission_hold(admission, 0, 1),
       "... less so under a lower bound");
    ok(!tc_admission_hold(admission, UINT64_MAX, UINT64_MAX), "sums do not overflow");
    tc_admission_drop(admission, 600);
    tc_admission_read(admission, &now);
    ok(now.temp == 400 && now.active == 0, "what is given back is free");
    ok(tc_admission_hold(NULL, 0, 1), "without shared memory there is no bound");
    tc_admission_drop(NULL, 1);
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
        .active = PLACES, .queue = 100, .wait_ms = 60000, .bytes = 3 * KIB};

    for (int round = 0; round < ROUNDS; round++) {
        tc_ticket ticket;
        int inside;

        if (tc_admission_enter(crowd->admission, &limits, NULL, 700, NULL, &ticket)) {
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
    tc_admission_limits limits = {.active = 2, .bytes = 100 * KIB};
    tc_admission_now now;
    tc_ticket ticket;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_admission_begin(admission, getpid());
        tc_admission_enter(admission, &limits, NULL, 50 * KIB, NULL, &ticket);
        tc_admission_enter(admission, &limits, NULL, 50 * KIB, NULL, &ticket);
        tc_admission_hold(admission, 1000, 700);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &ticket) == EAGAIN,
       "a killed process still holds its places");
    ok(!tc_admission_hold(admission, 1000, 400), "... and its temporary data");
    tc_admission_gone(admission, child);
    ok(is_now(admission, 0, 0) &&
           tc_admission_enter(admission, &limits, NULL, 100 * KIB, NULL, &ticket) == 0,
       "... until its death is seen: places and memory come back");
    tc_admission_read(admission, &now);
    ok(now.temp == 0 && tc_admission_hold(admission, 1000, 1000), "... and temporary data");
    tc_admission_gone(admission, child);
    ok(is_now(admission, 1, 0), "told twice it gives back once");
    munmap(admission, tc_admission_size());
}

#define IN_LINE 6

typedef struct in_line {
    tc_admission *admission;
    int *next, came;
} in_line;

/* One place is taken all the time: where nothing is at work, those behind go before a first one
   that gets no processor for too long. */
static const tc_admission_limits one_by_one = {.active = 2, .queue = 10, .wait_ms = 30000};

static void *stand_in_line(void *data)
{
    in_line *one = data;
    tc_ticket ticket;

    if (tc_admission_enter(one->admission, &one_by_one, NULL, 1, NULL, &ticket))
        return NULL;
    one->came = (*one->next)++;
    tc_admission_leave(one->admission, &ticket);
    return NULL;
}

static void until_queued(const tc_admission *admission, uint32_t count)
{
    tc_admission_now now;

    for (int tries = 0; tries < 10000; tries++) {
        tc_admission_read(admission, &now);
        if (now.waiting >= count)
            break;
        usleep(1000);
    }
}

static void test_order(void)
{
    tc_admission *admission = shared();
    in_line line[IN_LINE];
    pthread_t thread[IN_LINE];
    int next = 0, wrong = 0;
    tc_ticket ticket, keeper;

    tc_admission_enter(admission, &one_by_one, NULL, 1, NULL, &keeper);
    tc_admission_enter(admission, &one_by_one, NULL, 1, NULL, &ticket);
    for (int at = 0; at < IN_LINE; at++) {
        line[at] = (in_line){admission, &next, -1};
        pthread_create(&thread[at], NULL, stand_in_line, &line[at]);
        until_queued(admission, (uint32_t)at + 1);
    }
    ok(!tc_admission_full(admission, &one_by_one, NULL), "a queue with room is not full");
    tc_admission_leave(admission, &ticket);
    for (int at = 0; at < IN_LINE; at++) {
        pthread_join(thread[at], NULL);
        wrong += line[at].came != at;
    }
    ok(wrong == 0, "who waits comes in in the order of coming");
    tc_admission_leave(admission, &keeper);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

/* As many as may work and wait, while the first in line, to whom a place came free, has yet to
   go there. */
static void test_just_full(void)
{
    static const tc_admission_limits room_for_one = {.active = 2, .queue = 1, .wait_ms = 10};
    tc_admission *admission = shared();
    tc_ticket ticket, other, third;
    pid_t child;

    tc_admission_enter(admission, &room_for_one, NULL, 1, NULL, &ticket);
    tc_admission_enter(admission, &room_for_one, NULL, 1, NULL, &other);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        static const tc_admission_limits patient = {.active = 2, .queue = 1, .wait_ms = 30000};
        tc_admission_begin(admission, getpid());
        _exit(tc_admission_enter(admission, &patient, NULL, 1, NULL, &third) != 0);
    }
    until_queued(admission, 1);
    ok(tc_admission_full(admission, &room_for_one, NULL) &&
           tc_admission_enter(admission, &room_for_one, NULL, 1, NULL, &third) == EAGAIN,
       "two at work and one in line are all that may be");
    kill(child, SIGSTOP);
    waitpid(child, NULL, WUNTRACED);
    tc_admission_leave(admission, &ticket);
    ok(!tc_admission_full(admission, &room_for_one, NULL),
       "one at work and one called to the other place are not");
    ok(tc_admission_enter(admission, &room_for_one, NULL, 1, NULL, &third) == ETIMEDOUT,
       "... and another may wait");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    tc_admission_gone(admission, child);
    tc_admission_leave(admission, &other);
    ok(is_now(admission, 0, 0), "... and at the end all is free");
    munmap(admission, tc_admission_size());
}

/* Not before Linux 5.3, nor under valgrind 3.19. */
static bool sees_the_dead(void)
{
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (self >= 0)
        close(self);
    return self >= 0;
}

/* Killed while first in line, and its death not seen by its parent yet. */
static void test_killed_first(void)
{
    static const tc_admission_limits two = {.active = 2, .queue = 10, .wait_ms = 30000};
    static const tc_admission_limits room_for_one = {.active = 2, .queue = 1, .wait_ms = 10};
    tc_admission *admission = shared();
    tc_ticket ticket, other, second;
    siginfo_t info;
    uint64_t began;
    pid_t child;

    tc_admission_enter(admission, &two, NULL, 1, NULL, &ticket);
    tc_admission_enter(admission, &two, NULL, 1, NULL, &other);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_admission_begin(admission, getpid());
        tc_admission_enter(admission, &two, NULL, 1, NULL, &ticket);
        _exit(0);
    }
    until_queued(admission, 1);
    kill(child, SIGKILL);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    tc_admission_leave(admission, &ticket);
    began = tc_clock_ns();
    ok(tc_admission_enter(admission, &two, NULL, 1, NULL, &ticket) == 0,
       "a killed first one does not hold up the next");
    ok(tc_clock_ns() - began < UINT64_C(20000000000), "... for long");
    ok(is_now(admission, 2, 0), "... and what it held comes back at once");
    ok(!tc_admission_full(admission, &room_for_one, NULL), "... nor does it fill the queue");
    ok(tc_admission_enter(admission, &room_for_one, NULL, 1, NULL, &second) == ETIMEDOUT,
       "... in which there is a place to wait");
    tc_admission_leave(admission, &ticket);
    tc_admission_leave(admission, &other);
    waitpid(child, NULL, 0);
    tc_admission_gone(admission, child);
    ok(is_now(admission, 0, 0), "... and not twice");
    munmap(admission, tc_admission_size());
}

/* ---- clients ----------------------------------------------------------------------- */

typedef struct hog {
    tc_admission *admission;
    const tc_admission_limits *limits;
    uint64_t client;
    int *next, came;
} hog;

static void *ask_for(void *data)
{
    hog *one = data;
    tc_asker asker = {.client = one->client, .kind = 1, .worker = true};
    tc_ticket ticket;

    if (tc_admission_enter(one->admission, one->limits, &asker, 1, NULL, &ticket))
        return NULL;
    one->came = __atomic_fetch_add(one->next, 1, __ATOMIC_SEQ_CST);
    tc_admission_leave(one->admission, &ticket);
    return NULL;
}

/* The last place is for another client, and clients are served in turn. */
static void test_fair(void)
{
    static const tc_admission_limits timed = {.active = 3, .wait_ms = 30000, .timed = true};
    /* ... of two, as in one_by_one. */
    static const tc_admission_limits one_place = {.active = 2, .wait_ms = 30000, .timed = true};
    tc_admission *admission = shared();
    tc_asker first = {.client = 1, .kind = 1}, second = {.client = 2, .kind = 1};
    tc_admission_limits soon = timed;
    tc_ticket a, b, c, keeper;
    hog line[12];
    pthread_t thread[12];
    int next = 0, worst = 0, late;
    double began, cost = 0.5;

    soon.wait_ms = 20;
    ok(tc_admission_enter(admission, &timed, &first, 1, NULL, &a) == 0 &&
           tc_admission_enter(admission, &timed, &first, 1, NULL, &b) == 0 &&
           tc_admission_enter(admission, &soon, &first, 1, NULL, &c) == ETIMEDOUT,
       "of three places one client has two");
    ok(tc_admission_enter(admission, &soon, &second, 1, NULL, &c) == 0,
       "... and another the third at once");
    usleep((useconds_t)(cost * 1e6));
    tc_admission_leave(admission, &a);
    tc_admission_leave(admission, &b);
    tc_admission_enter(admission, &one_place, &first, 1, NULL, &keeper);
    /* One place, taken; then ten of one client, and after them two of another. A quarter of the
       time by which they came later counts: against at least `cost` for each that waits. */
    began = seconds();
    for (int at = 0; at < 12; at++) {
        line[at] = (hog){admission, &one_place, at < 10 ? 3 : 4, &next, -1};
        pthread_create(&thread[at], NULL, ask_for, &line[at]);
        until_queued(admission, (uint32_t)at + 1);
    }
    late = (int)((seconds() - began) / 4 / cost);
    tc_admission_leave(admission, &c);
    for (int at = 0; at < 12; at++) {
        pthread_join(thread[at], NULL);
        if (at >= 10 && line[at].came > worst)
            worst = line[at].came;
    }
    ok(next == 12 && worst <= 4 + late, "a newcomer's two go between the ten of another: %d",
       worst);
    tc_admission_leave(admission, &keeper);
    ok(is_now(admission, 0, 0), "all is free at the end");
    munmap(admission, tc_admission_size());
}

/* Another process, taken over, may have written anything: nobody hangs or dies of it. */
static void test_scribbled(void)
{
    static const tc_admission_limits timed = {
        .active = 3, .bytes = 100 * KIB, .wait_ms = 1, .timed = true, .workers = 10};
    unsigned char *memory = (unsigned char *)shared();
    tc_admission *admission = (tc_admission *)memory;
    uint32_t seed = 12345;

    for (int round = 0; round < 40; round++) {
        tc_admission_now now;
        tc_ticket ticket;
        uint32_t more;

        for (size_t at = 8; at < tc_admission_size(); at++) {
            seed = seed * 1664525 + 1013904223;
            memory[at] = round % 4 == 0   ? 0xff
                         : round % 4 == 1 ? (unsigned char)(seed >> 24)
                         : round % 4 == 2 ? (at % 8 < 3 ? (unsigned char)(seed >> 24) : 0)
                                          : (seed >> 28 ? 0 : (unsigned char)(seed >> 20));
        }
        if (tc_admission_enter(admission, &timed, NULL, KIB, NULL, &ticket) == 0) {
            tc_admission_weigh(admission, &timed, 2 * KIB, &ticket);
            tc_admission_leave(admission, &ticket);
        }
        tc_admission_full(admission, &timed, NULL);
        if (tc_admission_follow(admission, &timed, NULL, &check_ms))
            tc_admission_unfollow(admission, NULL);
        tc_admission_gone(admission, 1 << 21);
        tc_admission_refused(admission, &more);
        tc_admission_read(admission, &now);
    }
    ok(true, "whatever is in the shared memory, nothing hangs or dies");
    munmap(memory, tc_admission_size());
}

int main(void)
{
    test_bounds();
    test_bytes();
    test_weigh();
    test_largest_plans();
    test_null();
    test_waiting();
    test_watch();
    test_changed_limits();
    test_follow();
    test_temp();
    test_crowd();
    test_killed();
    test_order();
    test_just_full();
    test_fair();
    test_scribbled();
    if (sees_the_dead())
        test_killed_first();
    else
        skip("a killed first one does not hold up the next", "no pidfd_open(2) here");
    return done_testing();
}
