/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients hold: the bound, strangers that meet, threads, killed processes, memory
 * that somebody scribbles over, and a spool that counts for its client.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>

#include "tap.h"
#include "temp/holders.h"
#include "temp/spool.h"

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define SECRET UINT64_C(0x243f6a8885a308d3)

static size_t page;

static void *map(size_t size, int protection)
{
    void *memory = mmap(NULL, size, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no shared memory\n");
        exit(1);
    }
    return memory;
}

static size_t whole_pages(void)
{
    return (tc_holders_size() + page - 1) / page * page;
}

static tc_holders *shared(void)
{
    tc_holders *holders = map(whole_pages(), PROT_READ | PROT_WRITE);

    tc_holders_adopt(holders);
    tc_holders_begin(holders, getpid());
    return holders;
}

static void drop(tc_holders *holders)
{
    munmap(holders, whole_pages());
}

static uint64_t client(uint64_t key)
{
    return tc_holders_client(SECRET, key);
}

static void test_bound(void)
{
    tc_holders *holders = shared();
    uint64_t one = client(1), two = client(2);

    ok(tc_holders_acquire(holders, one, MIB, 600 * KIB) &&
           tc_holders_of(holders, one) == 600 * KIB,
       "a client holds what it took");
    ok(!tc_holders_acquire(holders, one, MIB, 500 * KIB) &&
           tc_holders_of(holders, one) == 600 * KIB,
       "over the bound nothing is counted");
    ok(tc_holders_acquire(holders, one, MIB, 424 * KIB), "up to the bound it is let");
    ok(!tc_holders_acquire(holders, one, MIB, 1), "... and not by a byte more");
    ok(tc_holders_acquire(holders, two, MIB, MIB), "another has a bound of its own");
    ok(tc_holders_largest(holders) == MIB, "the largest is told");
    tc_holders_adopt(holders);
    ok(tc_holders_of(holders, one) == MIB, "taken over, nothing is forgotten");
    tc_holders_release(holders, one, 1000 * KIB);
    tc_holders_release(holders, one, 24 * KIB);
    tc_holders_release(holders, two, MIB);
    ok(tc_holders_of(holders, one) == 0 && tc_holders_largest(holders) == 0,
       "all is free at the end");
    ok(tc_holders_acquire(holders, one, UINT64_MAX, 3 * MIB), "without a bound it is counted");
    ok(!tc_holders_acquire(holders, two, 0, 1) && !tc_holders_acquire(holders, two, 1023, 1) &&
           tc_holders_of(holders, two) == 0,
       "with one of nothing there is nothing");
    ok(!tc_holders_acquire(holders, two, MIB, UINT64_MAX) && tc_holders_of(holders, two) == 0,
       "nor is there more than any bound");
    ok(tc_holders_acquire(NULL, one, 0, MIB), "without the memory there is no bound");
    tc_holders_release(NULL, one, MIB);
    drop(holders);
}

/* IPv6 prefixes in a row, as one that has many would use them. */
static void test_strangers(void)
{
    tc_holders *holders = shared();
    unsigned refused = 0, strangers = 2000;

    for (uint64_t at = 0; at < 200; at++)
        tc_holders_acquire(holders, client(UINT64_C(0x20010db800000000) + at), MIB, MIB);
    for (uint64_t at = 0; at < strangers; at++) {
        uint64_t stranger = client(UINT64_C(0x0a000000) + at);

        if (tc_holders_acquire(holders, stranger, MIB, KIB))
            tc_holders_release(holders, stranger, KIB);
        else
            refused++;
    }
    ok(refused < strangers / 50, "with 200 clients at the bound %u of %u others are refused",
       refused, strangers);
    refused = 0;
    for (uint64_t secret = 0; secret < 100; secret++)
        refused += tc_holders_client(secret, 1) % 1024 == tc_holders_client(secret, 2) % 1024;
    ok(refused < 5, "whether two meet depends on the secret: %u of 100", refused);
    drop(holders);
}

/* Pages of what no process uses are never touched. */
static void test_pages(void)
{
    static unsigned char there[64 * 1024];
    tc_holders *holders = shared();
    unsigned pages = 0;

    for (uint64_t at = 0; at < 100; at++)
        tc_holders_acquire(holders, client(at), MIB, KIB);
    tc_holders_gone(holders, getpid());
    if (whole_pages() / page > sizeof there || mincore(holders, whole_pages(), there)) {
        skip("pages in use", "mincore(2) cannot tell");
    } else {
        for (size_t at = 0; at < whole_pages() / page; at++)
            pages += there[at] & 1;
        ok(pages * page <= 64 * KIB, "one process takes %zu KiB of %zu",
           (size_t)(pages * page / KIB), tc_holders_size() / KIB);
    }
    drop(holders);
}

typedef struct crowd_of_threads {
    tc_holders *holders;
    uint64_t client;
    unsigned *at_once; /* MiB that the client's threads have */
    unsigned got, most;
} crowd_of_threads;

static void *hold_and_give(void *data)
{
    crowd_of_threads *crowd = data;

    for (unsigned round = 0; round < 20000; round++) {
        unsigned now;

        if (!tc_holders_acquire(crowd->holders, crowd->client, 2 * MIB, MIB))
            continue;
        crowd->got++;
        now = __atomic_add_fetch(crowd->at_once, 1, __ATOMIC_SEQ_CST);
        if (now > crowd->most)
            crowd->most = now;
        __atomic_sub_fetch(crowd->at_once, 1, __ATOMIC_SEQ_CST);
        tc_holders_release(crowd->holders, crowd->client, MIB);
    }
    return NULL;
}

static void test_threads(void)
{
    tc_holders *holders = shared();
    pthread_t thread[8];
    crowd_of_threads each[8];
    unsigned at_once[2] = {0}, got = 0, most = 0;

    for (unsigned at = 0; at < 8; at++) {
        each[at] = (crowd_of_threads){holders, client(at / 4), &at_once[at / 4], 0, 0};
        if (pthread_create(&thread[at], NULL, hold_and_give, &each[at]))
            abort();
    }
    for (unsigned at = 0; at < 8; at++) {
        pthread_join(thread[at], NULL);
        got += each[at].got;
        if (each[at].most > most)
            most = each[at].most;
    }
    ok(most == 1 || most == 2, "of four threads a client no more than two have it at once");
    ok(got > 0 && tc_holders_largest(holders) == 0, "threads leave nothing behind: %u taken",
       got);
    drop(holders);
}

/* ---- processes ---------------------------------------------------------------------- */

/* One that holds some and waits for its end. */
static pid_t start_holder(tc_holders *holders, uint64_t bytes)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe(ready) || (pid = fork()) < 0)
        abort();
    if (pid == 0) {
        tc_holders_begin(holders, getpid());
        if (!tc_holders_acquire(holders, client(7), 100 * MIB, bytes) ||
            write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    if (read(ready[0], &byte, 1) != 1)
        abort();
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_killed(void)
{
    tc_holders *holders = shared();
    pid_t one = start_holder(holders, 5 * MIB), two = start_holder(holders, 3 * MIB);

    tc_holders_acquire(holders, client(7), 100 * MIB, MIB);
    ok(tc_holders_of(holders, client(7)) == 9 * MIB, "a client is counted over processes");
    end(one);
    tc_holders_gone(holders, one);
    ok(tc_holders_of(holders, client(7)) == 4 * MIB, "what a killed one held is free");
    tc_holders_gone(holders, one);
    tc_holders_gone(holders, 0x7fffffff);
    ok(tc_holders_of(holders, client(7)) == 4 * MIB, "... once");
    end(two);
    tc_holders_begin(holders, two);
    ok(tc_holders_of(holders, client(7)) == MIB,
       "a process finds nothing that a dead one with its number held");
    drop(holders);
}

static void test_many_processes(void)
{
    tc_holders *holders = shared();
    bool good = true;

    for (pid_t pid = 100000; pid < 103000; pid++) {
        tc_holders_begin(holders, pid);
        good = good && tc_holders_acquire(holders, client(1), UINT64_MAX, KIB);
    }
    for (pid_t pid = 100000; pid < 103000; pid++)
        tc_holders_gone(holders, pid);
    ok(good && tc_holders_of(holders, client(1)) < 3000 * KIB,
       "of 3000 processes those with a share give back: %u KiB are left",
       (unsigned)(tc_holders_of(holders, client(1)) / KIB));
    drop(holders);
}

/* ---- a process that was taken over ---------------------------------------------------- */

static void scribble(unsigned char *at, size_t size, unsigned pattern, unsigned *seed)
{
    static const unsigned char constant[] = {0x00, 0xff, 0x7f, 0x80, 0x01};

    for (size_t byte = 0; byte < size; byte++)
        at[byte] =
            pattern < sizeof constant ? constant[pattern] : (unsigned char)(rand_r(seed) >> 8);
}

static void use_all(tc_holders *holders)
{
    for (uint64_t at = 0; at < 50; at++) {
        tc_holders_acquire(holders, client(at), 10 * MIB, MIB);
        tc_holders_of(holders, client(at));
        tc_holders_release(holders, client(at), MIB);
    }
    tc_holders_largest(holders);
    tc_holders_begin(holders, 4711);
    tc_holders_gone(holders, 4711);
    tc_holders_gone(holders, getpid());
}

/* Between two pages that nobody may touch. */
static void test_scribbled(void)
{
    size_t size = whole_pages();
    unsigned char *around = map(size + 2 * page, PROT_NONE);
    tc_holders *holders = (tc_holders *)(void *)(around + page);
    unsigned seed = 1;

    if (mprotect(holders, size, PROT_READ | PROT_WRITE))
        abort();
    for (unsigned pattern = 0; pattern < 12; pattern++) {
        tc_holders_begin(holders, getpid());
        scribble((unsigned char *)holders, size, pattern, &seed);
        use_all(holders);
        tc_holders_adopt(holders);
        use_all(holders);
    }
    ok(true, "whatever is written there, nothing is touched beside it");
    memset(holders, 0xff, size);
    ok(!tc_holders_adopt(holders) && *(unsigned char *)holders == 0xff,
       "another version's memory is refused, and left as it is");
    memset(holders, 0, size);
    ok(tc_holders_adopt(holders), "fresh memory is taken into use");
    tc_holders_begin(holders, getpid());
    ok(tc_holders_largest(holders) == 0 && tc_holders_acquire(holders, client(1), MIB, MIB),
       "... and is empty");
    ok(!tc_holders_adopt(holders), "what no child of this process holds is not taken over");
    munmap(around, size + 2 * page);
}

/* ---- spools --------------------------------------------------------------------------- */

static tc_temp_config places_of(tc_holders *holders, uint64_t bound)
{
    return (tc_temp_config){.method = TC_TEMP_MEMFD,
                            .memory = UINT64_MAX,
                            .holders = holders,
                            .per_client = bound,
                            .client = client(9),
                            .client_name = "192.0.2.9"};
}

static apr_status_t fill(tc_spool *spool, size_t bytes)
{
    static char data[10000];
    apr_status_t status = APR_SUCCESS;

    for (size_t at = 0; at < bytes && status == APR_SUCCESS; at += sizeof data)
        status =
            tc_spool_write(spool, data, bytes - at < sizeof data ? bytes - at : sizeof data);
    return status;
}

static void test_spool(apr_pool_t *root)
{
    static const struct {
        size_t threshold, bytes, counted;
    } rows[] = {{512 * KIB, 1, 16 * KIB},
                {512 * KIB, 16 * KIB, 16 * KIB},
                {512 * KIB, 200 * KIB, 208 * KIB},
                {512 * KIB, 3 * MIB, 3 * MIB + 256 * KIB},
                {0, 1, 256 * KIB},
                {0, 3 * MIB, 3 * MIB}};

    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        tc_holders *holders = shared();
        tc_temp_config places = places_of(holders, 64 * MIB);
        apr_bucket_brigade *bb = apr_brigade_create(root, apr_bucket_alloc_create(root));
        apr_pool_t *pool;
        tc_spool *spool;
        uint64_t counted;

        apr_pool_create(&pool, root);
        spool = tc_spool_create(pool, &places, rows[row].threshold);
        fill(spool, rows[row].bytes);
        counted = tc_holders_of(holders, client(9));
        ok(counted >= rows[row].bytes && counted <= rows[row].counted,
           "%zu bytes, %zu of them in memory, count as %zu", rows[row].bytes,
           rows[row].threshold, (size_t)counted);
        ok(tc_spool_seal(spool, bb) == APR_SUCCESS &&
               tc_holders_of(holders, client(9)) == counted,
           "... as long as they are sent");
        apr_brigade_destroy(bb);
        apr_pool_destroy(pool);
        ok(tc_holders_of(holders, client(9)) == 0, "... and no longer");
        drop(holders);
    }
}

static void test_spool_refused(apr_pool_t *root)
{
    static const size_t thresholds[] = {0, 512 * KIB, 8 * MIB};

    for (size_t at = 0; at < 3; at++) {
        tc_holders *holders = shared();
        tc_temp_config places = places_of(holders, 4 * MIB);
        tc_spool *first, *second;
        apr_pool_t *pool;

        apr_pool_create(&pool, root);
        first = tc_spool_create(pool, &places, thresholds[at]);
        second = tc_spool_create(pool, &places, thresholds[at]);
        ok(fill(first, 3 * MIB) == APR_SUCCESS && fill(second, 2 * MIB) == TC_SPOOL_CLIENT_FULL,
           "two spools share their client's bound");
        ok(strstr(tc_spool_reason(second), "client 192.0.2.9: holds 4096 KiB") &&
               strstr(tc_spool_reason(second), "4096 KiB of TmpfsConvertTempPerClient"),
           "... says: %s", tc_spool_reason(second));
        ok(tc_holders_of(holders, client(9)) <= 3 * MIB + 512 * KIB,
           "... and the second holds nothing any more");
        ok(tc_spool_write(second, "x", 1) == TC_SPOOL_CLIENT_FULL, "... and is dead");
        tc_spool_close(first);
        tc_spool_close(first);
        ok(tc_holders_of(holders, client(9)) == 0, "... closed, nor does the first");
        apr_pool_destroy(pool);
        ok(tc_holders_of(holders, client(9)) == 0, "... nor is it given back again");
        drop(holders);
    }
}

int main(void)
{
    apr_pool_t *root;

    page = (size_t)sysconf(_SC_PAGESIZE);
    apr_initialize();
    apr_pool_create(&root, NULL);
    test_bound();
    test_strangers();
    test_pages();
    test_threads();
    test_killed();
    test_many_processes();
    test_scribbled();
    test_spool(root);
    test_spool_refused(root);
    apr_pool_destroy(root);
    apr_terminate();
    return done_testing();
}
