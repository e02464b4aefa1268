/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include "areas.h"
#include "place.h"
#include "serve.h"

#include "base/clock.h"
#include "base/text.h"
#include "host/mmap_threshold.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The wait before the next try after one that did not begin; twice as long each time. */
#define FIRST_WAIT_MS 50
#define LAST_WAIT_MS  10000

/*
 * Descriptors of a job in addition to the pool's. It has six; but the kernel refuses to send
 * one while more than the sender's limit are on their way between all processes of the user:
 * an offer from each converter, and two with each order, of each generation that has a request
 * left.
 */
#define GENERATIONS 8
#define JOB_FILES   (8 + 3 * TC_POOL_MOST * GENERATIONS)

/* The exit status of one that cannot be locked, or cannot offer itself: no library's. */
#define NO_USE 71

/* What a converter tells of itself, in memory that all of them share: not to be trusted. */
typedef struct told {
    uint32_t ready;
    tc_fail fail; /* why it could not be locked */
} told;

struct tc_pool {
    tc_pool_spec spec;
    const tc_pool_watch *watch;
    int socket;
    pid_t *pid; /* 0: to be forked */
    told *told;
    tc_areas areas;
    unsigned wait_ms; /* after one that does not begin; 0: all began */
    uint64_t next_ns; /* not before this is another one forked, unless wait_ms is 0 */
};

static size_t told_bytes(const tc_pool *pool)
{
    return pool->spec.converters * sizeof(told);
}

tc_pool *tc_pool_make(const tc_pool_spec *spec, int socket, int areas,
                      const tc_pool_watch *watch)
{
    tc_pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return NULL;
    pool->spec = *spec;
    pool->watch = watch;
    pool->socket = socket;
    pool->pid = calloc(spec->converters, sizeof *pool->pid);
    pool->told =
        mmap(NULL, told_bytes(pool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pool->pid && pool->told != MAP_FAILED) {
        /* Without them results come through the sockets. */
        if (areas >= 0)
            tc_areas_map(&pool->areas, spec->converters, areas);
        return pool;
    }
    if (pool->told != MAP_FAILED)
        munmap(pool->told, told_bytes(pool));
    free(pool->pid);
    free(pool);
    return NULL;
}

/* ---- in a converter --------------------------------------------------------------------- */

static void end_soon(int signal)
{
    (void)signal;
    tc_serve_end();
}

/* One whose keeper is gone ends after its job; a new keeper has forked others. */
static void set_signals(pid_t keeper)
{
    struct sigaction action = {.sa_handler = end_soon};
    sigset_t none;

    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != keeper)
        tc_serve_end();
}

__attribute__((noreturn)) static void become_converter(const tc_pool *pool, unsigned at,
                                                       pid_t keeper)
{
    int keep[] = {pool->socket, STDERR_FILENO};
    tc_areas areas = pool->areas;
    unsigned char *area = areas.start ? tc_areas_keep(&areas, at) : NULL;
    tc_lockdown_region share[] = {{pool->told, told_bytes(pool)}, {area, TC_AREA}};
    tc_lockdown_spec spec = {.locks = pool->spec.locks,
                             .keep = keep,
                             .keep_count = pool->spec.keeps_stderr ? 2 : 1,
                             .files = JOB_FILES,
                             .most_bytes = pool->spec.most_bytes,
                             .share = share,
                             .share_count = area ? 2 : 1};
    tc_lockdown lockdown = {0};
    tc_serve serve = {.pool = pool->socket,
                      .jobs = TC_SERVE_JOBS,
                      .ready = &pool->told[at].ready,
                      .lockdown = &lockdown,
                      .fail = &pool->told[at].fail,
                      .area = area,
                      .place = tc_place_begin()};

    prctl(PR_SET_NAME, "tc-converter");
    set_signals(keeper);
    tc_mmap_threshold_fix();
    if (tc_lockdown_apply(&spec, &lockdown, &pool->told[at].fail) || !tc_serve_run(&serve))
        _exit(NO_USE);
    _exit(EXIT_SUCCESS);
}

/* ---- in the keeper ---------------------------------------------------------------------- */

/* To the children: they need not wait for what does not come. */
static void say_how_many(tc_pool *pool)
{
    unsigned count = 0;

    for (unsigned at = 0; at < pool->spec.converters; at++)
        count += pool->pid[at] != 0;
    tc_areas_say(&pool->areas, !pool->wait_ms ? TC_STAFF_ALL
                               : count        ? TC_STAFF_SOME
                                              : TC_STAFF_NONE);
}

static void wait_before_next(tc_pool *pool, unsigned ms)
{
    pool->next_ns = tc_clock_ns() + ms * UINT64_C(1000000);
    say_how_many(pool);
}

/* The next one waits: what keeps one from beginning most likely keeps others too. */
static void slow_down(tc_pool *pool)
{
    pool->wait_ms = pool->wait_ms ? 2 * pool->wait_ms : FIRST_WAIT_MS;
    if (pool->wait_ms > LAST_WAIT_MS)
        pool->wait_ms = LAST_WAIT_MS;
    wait_before_next(pool, pool->wait_ms);
}

static bool begin(tc_pool *pool, unsigned at)
{
    pid_t keeper = getpid(), pid;

    memset(&pool->told[at], 0, sizeof pool->told[at]);
    pid = fork();
    if (pid == 0)
        become_converter(pool, at, keeper);
    if (pid < 0) {
        pool->watch->ended(pool->watch->context, 0, TC_POOL_NOT_BEGUN, 0, strerror(errno));
        slow_down(pool);
        return false;
    }
    pool->pid[at] = pid;
    tc_areas_give(&pool->areas, at, pid);
    pool->watch->begun(pool->watch->context, pid);
    if (pool->wait_ms)
        wait_before_next(pool, FIRST_WAIT_MS);
    return true;
}

static bool is_ready(const tc_pool *pool, unsigned at)
{
    return __atomic_load_n(&pool->told[at].ready, __ATOMIC_RELAXED) != 0;
}

void tc_pool_fill(tc_pool *pool)
{
    bool all = true;

    if (pool->wait_ms && tc_clock_ns() < pool->next_ns)
        return;
    for (unsigned at = 0; at < pool->spec.converters; at++) {
        /* While they do not begin, one at a time. */
        if (!pool->pid[at] && (!begin(pool, at) || pool->wait_ms))
            return;
        all = all && is_ready(pool, at);
    }
    if (!pool->wait_ms)
        return;
    if (all)
        pool->wait_ms = 0;
    wait_before_next(pool, FIRST_WAIT_MS);
}

static tc_pool_end how_it_ended(const tc_pool *pool, unsigned at, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return TC_POOL_DONE;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return TC_POOL_STOPPED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_USE)
        return TC_POOL_NOT_BEGUN;
    return is_ready(pool, at) ? TC_POOL_DIED : TC_POOL_NOT_BEGUN;
}

static void note_end(tc_pool *pool, unsigned at, int status)
{
    tc_pool_end how = how_it_ended(pool, at, status);
    char why[sizeof pool->told->fail.text];

    memcpy(why, pool->told[at].fail.text, sizeof why);
    tc_text_bound(why, sizeof why);
    pool->watch->ended(pool->watch->context, pool->pid[at], how, status, why);
    pool->pid[at] = 0;
    tc_areas_give(&pool->areas, at, 0);
    if (how == TC_POOL_NOT_BEGUN)
        slow_down(pool);
    else
        pool->next_ns = 0; /* its place at once, whatever others wait for */
}

bool tc_pool_take_ended(tc_pool *pool, pid_t pid, int status)
{
    for (unsigned at = 0; at < pool->spec.converters; at++) {
        if (pool->pid[at] == pid) {
            note_end(pool, at, status);
            return true;
        }
    }
    return false;
}

unsigned tc_pool_wait_ms(const tc_pool *pool)
{
    uint64_t now = tc_clock_ns();

    if (!pool->wait_ms)
        return 0;
    return now < pool->next_ns ? (unsigned)((pool->next_ns - now) / 1000000) + 1 : 1;
}

int tc_pool_fd(const tc_pool *pool)
{
    return pool->socket;
}

void tc_pool_end_all(tc_pool *pool)
{
    const tc_pool_watch *watch = pool->watch;

    for (unsigned at = 0; at < pool->spec.converters; at++) {
        if (pool->pid[at])
            kill(pool->pid[at], SIGKILL);
    }
    for (unsigned at = 0; at < pool->spec.converters; at++) {
        int status = 0;

        if (!pool->pid[at])
            continue;
        waitpid(pool->pid[at], &status, 0);
        watch->ended(watch->context, pool->pid[at], TC_POOL_DONE, status, "");
    }
    munmap(pool->told, told_bytes(pool));
    tc_areas_unmap(&pool->areas);
    close(pool->socket);
    free(pool->pid);
    free(pool);
}
