/* SPDX-License-Identifier: Apache-2.0 */
/* Flights: who leads, who follows, who comes just after, and what a killed leader leaves. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "shared/flights.h"

/* The same slot, another tag: keys differ above the bits that choose a slot and hold a pid. */
#define KEY   UINT64_C(0x1234567890abcdef)
#define OTHER UINT64_C(0x9234567890abcdef)

static tc_flights *shared(void)
{
    void *memory = mmap(NULL, tc_flights_size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    tc_flights_adopt(memory);
    return memory;
}

static void test_join(void)
{
    tc_flights *flights = shared();
    uint64_t before = tc_flights_clock() - 1;

    ok(tc_flights_join(flights, KEY, before) == TC_FLIGHT_LEAD, "the first one leads");
    ok(tc_flights_join(flights, KEY, before) == TC_FLIGHT_FOLLOW, "the second one follows");
    ok(tc_flights_join(flights, OTHER, before) == TC_FLIGHT_ALONE,
       "another key in the same slot is alone");
    ok(tc_flights_wait(flights, KEY, 20, NULL) == ETIMEDOUT, "a wait in vain ends");
    tc_flights_end(flights, KEY);
    ok(tc_flights_wait(flights, KEY, 60000, NULL) == 0, "after the end nobody waits");
    ok(tc_flights_join(flights, KEY, before) == TC_FLIGHT_DONE,
       "who looked before the end finds it done");
    ok(tc_flights_join(flights, KEY, tc_flights_clock() + 1) == TC_FLIGHT_LEAD,
       "who looked after it leads");
    tc_flights_end(flights, KEY);
    ok(tc_flights_join(flights, OTHER, before) == TC_FLIGHT_LEAD, "the other key is not done");
    ok(tc_flights_join(NULL, KEY, before) == TC_FLIGHT_ALONE, "without memory all are alone");
    tc_flights_gone(NULL, 1);
    munmap(flights, tc_flights_size());
}

static tc_error third_time(void *context)
{
    int *asked = context;

    return ++*asked == 3 ? TC_E_CLIENT_GONE : TC_E_OK;
}

static void test_cancel(void)
{
    tc_flights *flights = shared();
    int asked = 0;
    tc_cancel cancel = {.check = third_time, .context = &asked};

    tc_flights_join(flights, KEY, 0);
    ok(tc_flights_wait(flights, KEY, 60000, &cancel) == ECANCELED && asked == 3,
       "cancelling ends the wait");
    munmap(flights, tc_flights_size());
}

static void test_killed(void)
{
    tc_flights *flights = shared();
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_flights_join(flights, KEY, 0);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    ok(tc_flights_join(flights, KEY, 0) == TC_FLIGHT_FOLLOW,
       "a killed leader is still waited for");
    tc_flights_gone(flights, child + 1);
    ok(tc_flights_join(flights, KEY, 0) == TC_FLIGHT_FOLLOW, "... whoever else dies");
    tc_flights_gone(flights, child);
    ok(tc_flights_join(flights, KEY, 0) == TC_FLIGHT_LEAD, "... until its death is seen");
    munmap(flights, tc_flights_size());
}

#define THREADS 8
#define ROUNDS  3000

typedef struct crowd {
    tc_flights *flights;
    int leading, most, made, failed;
} crowd;

static void *ask(void *data)
{
    crowd *crowd = data;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t key = KEY + (uint64_t)(round % 3);

        switch (tc_flights_join(crowd->flights, key, tc_flights_clock())) {
        case TC_FLIGHT_LEAD:
            if (key == KEY && __atomic_add_fetch(&crowd->leading, 1, __ATOMIC_SEQ_CST) != 1)
                crowd->most = 2;
            if (key == KEY)
                __atomic_sub_fetch(&crowd->leading, 1, __ATOMIC_SEQ_CST);
            __atomic_fetch_add(&crowd->made, 1, __ATOMIC_RELAXED);
            tc_flights_end(crowd->flights, key);
            break;
        case TC_FLIGHT_FOLLOW:
            if (tc_flights_wait(crowd->flights, key, 60000, NULL))
                __atomic_fetch_add(&crowd->failed, 1, __ATOMIC_RELAXED);
            break;
        default:
            break;
        }
    }
    return NULL;
}

static void test_crowd(void)
{
    crowd crowd = {.flights = shared()};
    pthread_t thread[THREADS];

    for (int at = 0; at < THREADS; at++)
        pthread_create(&thread[at], NULL, ask, &crowd);
    for (int at = 0; at < THREADS; at++)
        pthread_join(thread[at], NULL);
    ok(crowd.most == 0, "never two lead at once");
    ok(crowd.made > 0 && crowd.failed == 0, "all waits end: %d flights of %d", crowd.made,
       THREADS * ROUNDS);
    munmap(crowd.flights, tc_flights_size());
}

int main(void)
{
    test_join();
    test_cancel();
    test_killed();
    test_crowd();
    return done_testing();
}
