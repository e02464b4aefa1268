/* SPDX-License-Identifier: Apache-2.0 */
/* Flights: who leads, who follows, who comes just after, and what a killed leader leaves. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "shared/coalesce_table.h"

/* Of the same slots: keys differ above the bits that choose a slot and hold a pid. */
#define KEY      UINT64_C(0x1234567890abcdef)
#define OTHER(n) (KEY + ((uint64_t)(n) << 40))
#define PLACES   8

static tc_coalesce_table *shared(void)
{
    void *memory = mmap(NULL, tc_coalesce_table_size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    tc_coalesce_table_adopt(memory);
    return memory;
}

static void test_join(void)
{
    tc_coalesce_table *table = shared();
    uint64_t before = tc_coalesce_table_clock() - 1;
    unsigned slot, first, other[PLACES], good = 0;

    ok(tc_coalesce_table_join(table, KEY, before, &first) == TC_COALESCE_LEAD,
       "the first one leads");
    ok(tc_coalesce_table_join(table, KEY, before, &slot) == TC_COALESCE_FOLLOW,
       "the second one follows");
    for (unsigned at = 1; at < PLACES; at++)
        good +=
            tc_coalesce_table_join(table, OTHER(at), before, &other[at]) == TC_COALESCE_LEAD;
    ok(good == PLACES - 1, "others find a slot beside it");
    ok(tc_coalesce_table_join(table, OTHER(PLACES), before, &slot) == TC_COALESCE_ALONE,
       "... until there is none: that one is alone");
    ok(tc_coalesce_table_join(table, OTHER(PLACES - 1), before, &slot) == TC_COALESCE_FOLLOW,
       "the last of them is found");
    tc_coalesce_table_end(table, OTHER(1), other[1]);
    ok(tc_coalesce_table_join(table, OTHER(PLACES - 1), before, &slot) == TC_COALESCE_FOLLOW,
       "... also behind a slot that is free again");
    tc_coalesce_table_end(table, OTHER(PLACES - 1), other[PLACES - 1]);
    ok(tc_coalesce_table_join(table, OTHER(PLACES - 1), before, &slot) == TC_COALESCE_DONE &&
           tc_coalesce_table_join(table, OTHER(PLACES - 1), tc_coalesce_table_clock() + 1,
                                  &slot) == TC_COALESCE_LEAD,
       "... and its end too");
    tc_coalesce_table_end(table, OTHER(PLACES - 1), slot);
    ok(tc_coalesce_table_wait(table, KEY, 20, 50, NULL) == ETIMEDOUT, "a wait in vain ends");
    tc_coalesce_table_end(table, KEY, first);
    ok(tc_coalesce_table_wait(table, KEY, 60000, 50, NULL) == 0, "after the end nobody waits");
    ok(tc_coalesce_table_join(table, KEY, before, &slot) == TC_COALESCE_DONE,
       "who looked before the end finds it done");
    ok(tc_coalesce_table_join(table, KEY, tc_coalesce_table_clock() + 1, &first) ==
           TC_COALESCE_LEAD,
       "who looked after it leads");
    tc_coalesce_table_end(table, KEY, first);
    ok(tc_coalesce_table_join(table, OTHER(PLACES), before, &slot) == TC_COALESCE_LEAD,
       "another key is not done");
    ok(tc_coalesce_table_join(NULL, KEY, before, &slot) == TC_COALESCE_ALONE,
       "without memory all are alone");
    tc_coalesce_table_gone(NULL, 1);
    munmap(table, tc_coalesce_table_size());
}

static tc_error third_time(void *context)
{
    int *asked = context;

    return ++*asked == 3 ? TC_E_CLIENT_GONE : TC_E_OK;
}

static void test_cancel(void)
{
    tc_coalesce_table *table = shared();
    unsigned slot;
    int asked = 0;
    tc_cancel cancel = {.check = third_time, .context = &asked};

    tc_coalesce_table_join(table, KEY, 0, &slot);
    ok(tc_coalesce_table_wait(table, KEY, 60000, 50, &cancel) == ECANCELED && asked == 3,
       "cancelling ends the wait");
    munmap(table, tc_coalesce_table_size());
}

static void test_killed(void)
{
    tc_coalesce_table *table = shared();
    unsigned slot;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_coalesce_table_join(table, KEY, 0, &slot);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    ok(tc_coalesce_table_join(table, KEY, 0, &slot) == TC_COALESCE_FOLLOW,
       "a killed leader is still waited for");
    tc_coalesce_table_gone(table, child + 1);
    ok(tc_coalesce_table_join(table, KEY, 0, &slot) == TC_COALESCE_FOLLOW,
       "... whoever else dies");
    tc_coalesce_table_gone(table, child);
    ok(tc_coalesce_table_join(table, KEY, 0, &slot) == TC_COALESCE_LEAD,
       "... until its death is seen");
    munmap(table, tc_coalesce_table_size());
}

#define THREADS 8
#define ROUNDS  8000
#define KEYS    3

typedef struct crowd_of_threads {
    tc_coalesce_table *table;
    int leading[KEYS], most, made, failed;
} crowd_of_threads;

static void *ask(void *data)
{
    crowd_of_threads *crowd = data;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t key = OTHER(round % KEYS);
        int *leading = &crowd->leading[round % KEYS];
        unsigned slot;

        switch (tc_coalesce_table_join(crowd->table, key, tc_coalesce_table_clock(), &slot)) {
        case TC_COALESCE_LEAD:
            if (__atomic_add_fetch(leading, 1, __ATOMIC_SEQ_CST) != 1)
                crowd->most = 2;
            sched_yield();
            __atomic_sub_fetch(leading, 1, __ATOMIC_SEQ_CST);
            __atomic_fetch_add(&crowd->made, 1, __ATOMIC_RELAXED);
            tc_coalesce_table_end(crowd->table, key, slot);
            break;
        case TC_COALESCE_FOLLOW:
            if (tc_coalesce_table_wait(crowd->table, key, 60000, 50, NULL))
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
    crowd_of_threads crowd = {.table = shared()};
    pthread_t thread[THREADS];

    for (int at = 0; at < THREADS; at++)
        pthread_create(&thread[at], NULL, ask, &crowd);
    for (int at = 0; at < THREADS; at++)
        pthread_join(thread[at], NULL);
    ok(crowd.most == 0, "never two lead at once");
    ok(crowd.made > 0 && crowd.failed == 0, "all waits end: %d conversions of %d", crowd.made,
       THREADS * ROUNDS);
    munmap(crowd.table, tc_coalesce_table_size());
}

int main(void)
{
    test_join();
    test_cancel();
    test_killed();
    test_crowd();
    return done_testing();
}
