/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all segments of shared memory have in common: the word that tells their layout, the
 * table of processes, waiting for a word to change.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/processes.h"
#include "shared/shared.h"
#include "tap.h"

#define MS UINT64_C(1000000)

static void test_layout(void)
{
    static uint64_t memory[64], before[64];

    ok(tc_shared_adopt(memory, 7, sizeof memory) == TC_SEGMENT_NEW && memory[0] == 7,
       "memory of zeroes is new, and has its layout");
    memory[63] = 1;
    ok(tc_shared_adopt(memory, 7, sizeof memory) == TC_SEGMENT_KNOWN && memory[63] == 1,
       "... known after that, and as it was");
    memcpy(before, memory, sizeof memory);
    ok(tc_shared_adopt(memory, 8, sizeof memory) == TC_SEGMENT_OTHER &&
           memcmp(before, memory, sizeof memory) == 0,
       "... of another layout it is not touched");
    memory[0] = 0;
    ok(tc_shared_adopt(memory, 7, sizeof memory) == TC_SEGMENT_OTHER,
       "... nor without its first word while the last is not zero");
    ok(tc_shared_adopt(memory, 7, sizeof memory - sizeof *memory) == TC_SEGMENT_NEW,
       "... unless only what comes before has to be");
}

static void test_slots(void)
{
    static tc_processes processes;
    unsigned first = tc_processes_enter(&processes, 100), slot;
    unsigned taken = 1;

    ok(first == 1 && tc_processes_pid(&processes, 1) == 100, "slot 0 is for nobody");
    ok(tc_processes_claim(&processes, 0) == 0 && tc_processes_claim(&processes, -100) == 0 &&
           tc_processes_claim(&processes, 999) == 0,
       "no process, no slot");
    while (tc_processes_enter(&processes, 1000 + (pid_t)taken))
        taken++;
    ok(taken == TC_PROCESSES - 1, "%u processes have slots, one more has none", taken);
    slot = tc_processes_claim(&processes, 100);
    ok(slot == first && tc_processes_claim(&processes, 100) == 0,
       "a slot is taken back by one only");
    ok(tc_processes_pid(&processes, first) == -100 && tc_processes_enter(&processes, 5) == 0,
       "... and has no other process while it is cleared");
    tc_processes_free(&processes, slot);
    ok(tc_processes_enter(&processes, 5) == slot, "... and has one afterwards");
}

static void test_children(void)
{
    static tc_processes processes;
    pid_t child = fork();
    unsigned slot;

    if (child == 0) {
        pause();
        _exit(0);
    }
    slot = tc_processes_enter(&processes, child);
    ok(tc_processes_is_childs(&processes, slot), "a child's slot");
    ok(!tc_shared_is_child((INT64_C(1) << 32) + child), "... and what begins another number");
    ok(!tc_processes_is_childs(&processes, slot + 1), "a free slot is no child's");
    ok(!tc_processes_is_childs(&processes, tc_processes_enter(&processes, getppid())),
       "nor is the parent's");
    tc_processes_claim(&processes, child);
    ok(!tc_processes_is_childs(&processes, slot), "nor one that is being taken back");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static uint32_t word;

static void *ring(void *context)
{
    (void)context;
    /* Until the other waits: one that is not there yet is not counted. */
    while (tc_shared_wake(&word, 1) == 0)
        usleep(1000);
    return NULL;
}

static void test_wait(void)
{
    uint64_t began = tc_clock_ns();
    pthread_t thread;

    tc_shared_wait(&word, 1, 60000);
    ok(tc_clock_ns() - began < 30000 * MS, "a word that has changed is not waited for");
    tc_shared_wait(&word, 0, 30);
    ok(tc_clock_ns() - began >= 30 * MS, "... one that has not, for so long");
    ok(tc_shared_wake(&word, 1) == 0, "none waits, none is woken");
    pthread_create(&thread, NULL, ring, NULL);
    began = tc_clock_ns();
    tc_shared_wait(&word, 0, 60000);
    ok(tc_clock_ns() - began < 30000 * MS, "one that waits is woken");
    pthread_join(thread, NULL);
}

static void test_check(void)
{
    double looks = 0;

    ok(tc_shared_check_ms(0) == 50 && tc_shared_check_ms(4) == 50, "few look every 50 ms");
    ok(tc_shared_check_ms(UINT32_MAX) == 1000, "each looks once a second at least");
    for (uint32_t waiting = 1; waiting <= 80; waiting++) {
        double now = waiting * 1000.0 / (double)tc_shared_check_ms(waiting);
        looks = now > looks ? now : looks;
    }
    ok(looks <= 82, "... and 80 of them no more often than 4: %.0f a second", looks);
}

int main(void)
{
    test_check();
    test_layout();
    test_slots();
    test_children();
    test_wait();
    return done_testing();
}
