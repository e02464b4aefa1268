/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that keeps converters, and its pools: as many as were asked for, others in the
 * place of those that end, none after the last child has gone; orders that are wrong, signals
 * meant for httpd, and converters that cannot begin.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "converter/keeper.h"
#include "converter/remote.h"
#include "pictures.h"
#include "tap.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "converter/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MB UINT64_C(1048576)

/* Only where something does not come at all is it waited for so long. */
#define PATIENCE_MS 60000

/* Of a pool in most tests. */
#define CONVERTERS 3

static unsigned locks;

/* ---- what the keeper tells -----------------------------------------------------------------
 */

#define BEGUN (-1)

/* Of a converter, and what file the keeper has as its log at that time. */
typedef struct told {
    pid_t pid;
    int how, status; /* how: tc_pool_end, or BEGUN */
    ino_t log;
    uint64_t ns;
    char why[96];
} told;

static int tell_to, log_file;

static void tell(pid_t pid, int how, int status, const char *why)
{
    told told = {.pid = pid, .how = how, .status = status, .ns = tc_clock_ns()};
    struct stat info;

    if (fstat(log_file, &info) == 0)
        told.log = info.st_ino;
    snprintf(told.why, sizeof told.why, "%s", why);
    if (write(tell_to, &told, sizeof told) != (ssize_t)sizeof told)
        _exit(1);
}

static void begun(void *context, pid_t pid)
{
    (void)context;
    tell(pid, BEGUN, 0, "");
}

static void ended(void *context, pid_t pid, tc_pool_end how, int status, const char *why)
{
    (void)context;
    tell(pid, (int)how, status, why);
}

/* ---- a keeper ------------------------------------------------------------------------------
 */

typedef struct kept {
    pid_t pid;
    int control, ear;
} kept;

static kept start(void)
{
    kept kept;
    int own, pipes[2];

    fflush(stdout);
    if (tc_keeper_control(&kept.control, &own) || pipe2(pipes, O_CLOEXEC))
        bail_out("no socket");
    kept.ear = pipes[0];
    kept.pid = fork();
    if (kept.pid == 0) {
        tc_pool_watch watch = {begun, ended, NULL};
        tc_keeper keeper = {own, open("/dev/null", O_WRONLY | O_CLOEXEC), &watch};

        close(kept.control);
        close(pipes[0]);
        tell_to = pipes[1];
        log_file = keeper.log;
        tc_keeper_run(&keeper);
        _exit(0);
    }
    close(own);
    close(pipes[1]);
    return kept;
}

/* Whether something can be read, or the other side is gone. */
static bool comes(int fd, int ms)
{
    struct pollfd look = {fd, POLLIN, 0};
    int ready;

    do
        ready = poll(&look, 1, ms);
    while (ready < 0 && errno == EINTR);
    return ready == 1;
}

/* What it tells next; false when it has ended. */
static bool hear(const kept *kept, told *told)
{
    if (!comes(kept->ear, PATIENCE_MS))
        bail_out("the keeper says nothing");
    return read(kept->ear, told, sizeof *told) == (ssize_t)sizeof *told;
}

static told heard(const kept *kept, int how)
{
    told told = {0};

    if (!hear(kept, &told) || told.how != how) {
        printf("# converter %d: %d in place of %d: %s\n", (int)told.pid, told.how, how,
               told.why);
        told.pid = 0;
    }
    return told;
}

/* Whether `alive` converters end, and all that come meanwhile; of a pool without a child one
   that ends first may be replaced once more. */
static bool all_end(const kept *kept, unsigned alive)
{
    told told;

    while (alive && hear(kept, &told)) {
        if (told.how != BEGUN && told.how != TC_POOL_DONE)
            return false;
        alive += told.how == BEGUN ? 1u : -1u;
    }
    return !alive;
}

static int end(kept *kept)
{
    int status = -1;

    if (kept->control >= 0)
        close(kept->control);
    waitpid(kept->pid, &status, 0);
    close(kept->ear);
    return status;
}

/* The parent and all children are gone: whether it ends then. */
static int let_go(kept *kept)
{
    told told;

    if (kept->control >= 0)
        close(kept->control);
    kept->control = -1;
    while (hear(kept, &told))
        ;
    return end(kept);
}

/* A pool's end for children; the other one is the keeper's. */
static int give(const kept *kept, tc_pool_spec spec, int areas, int log)
{
    int children, converters;

    if (tc_message_pair(&children, &converters) ||
        tc_keeper_give(kept->control, &spec, converters, areas, log))
        bail_out("no pool");
    close(converters);
    return children;
}

static tc_pool_spec three(void)
{
    return (tc_pool_spec){CONVERTERS, locks, TC_BUFFER_GUARDED, 0};
}

/* ---- the tests -----------------------------------------------------------------------------
 */

static bool are_different(const pid_t *pid, unsigned count)
{
    for (unsigned at = 0; at < count; at++) {
        for (unsigned other = 0; other < at; other++) {
            if (pid[at] == pid[other])
                return false;
        }
    }
    return true;
}

/* Converters that offer themselves; their dialogues stay open. */
static unsigned take_offers(int pool, pid_t *pid, int *dialogue, unsigned count)
{
    unsigned taken = 0;

    while (taken < count && comes(pool, PATIENCE_MS)) {
        tc_ready ready;
        tc_came came;

        if (tc_message_receive(pool, &ready, sizeof ready, NULL, 0, 1, &came, 0))
            break;
        pid[taken] = came.pid;
        dialogue[taken++] = came.fd[0];
    }
    return taken;
}

static void test_pool(void)
{
    kept kept = start();
    int pool = give(&kept, three(), -1, -1), dialogue[CONVERTERS];
    pid_t pid[CONVERTERS], offered[CONVERTERS];
    told told;

    for (unsigned at = 0; at < CONVERTERS; at++)
        pid[at] = heard(&kept, BEGUN).pid;
    ok(pid[0] > 0 && are_different(pid, CONVERTERS), "as many converters as were asked for");
    ok(take_offers(pool, offered, dialogue, CONVERTERS) == CONVERTERS &&
           are_different(offered, CONVERTERS),
       "... each offers itself once");
    ok(!comes(kept.ear, 100) && !comes(pool, 0), "... and that is all");

    kill(pid[1], SIGKILL);
    told = heard(&kept, TC_POOL_STOPPED);
    ok(told.pid == pid[1] && WTERMSIG(told.status) == SIGKILL, "one that is killed is told so");
    pid[1] = heard(&kept, BEGUN).pid;
    ok(pid[1] > 0, "... and another one has its place");
    ok(take_offers(pool, offered, dialogue, 1) == 1 && offered[0] == pid[1],
       "... and offers itself");
    kill(pid[2], SIGSEGV);
    told = heard(&kept, TC_POOL_DIED);
    ok(told.pid == pid[2] && WTERMSIG(told.status) == SIGSEGV, "one that dies of a fault");
    pid[2] = heard(&kept, BEGUN).pid;
    take_offers(pool, offered, dialogue, 1);
    kill(pid[0], SIGTERM);
    close(dialogue[0]);
    close(dialogue[1]);
    close(dialogue[2]);
    told = heard(&kept, TC_POOL_DONE);
    ok(told.pid == pid[0] && WIFEXITED(told.status) && WEXITSTATUS(told.status) == 0,
       "one that is told to end does so in order");
    pid[0] = heard(&kept, BEGUN).pid;
    ok(pid[0] > 0 && are_different(pid, CONVERTERS), "... and is replaced as well");

    close(pool);
    ok(all_end(&kept, CONVERTERS), "without a child they end");
    ok(!comes(kept.ear, 100) && waitpid(kept.pid, NULL, WNOHANG) == 0,
       "... the process that forks them stays, for the next configuration");
    ok(end(&kept) == 0, "... and ends with httpd's parent");
}

/* Two configurations at once, as after a graceful restart. */
static void test_two_pools(void)
{
    kept kept = start();
    int old = give(&kept, three(), -1, -1), now;

    for (unsigned at = 0; at < CONVERTERS; at++)
        heard(&kept, BEGUN);
    now = give(&kept, three(), -1, -1);
    for (unsigned at = 0; at < CONVERTERS; at++)
        heard(&kept, BEGUN);
    close(kept.control);
    kept.control = -1;
    ok(!comes(kept.ear, 100), "the parent's end is not that of children that have pools");
    close(old);
    ok(all_end(&kept, CONVERTERS) && !comes(kept.ear, 100), "a pool ends with its last child");
    close(now);
    ok(all_end(&kept, CONVERTERS), "... the other one with its own");
    ok(let_go(&kept) == 0, "... and with the last pool the keeper");
}

/* What is no order: its descriptor is closed, and the keeper goes on. */
static void test_wrong_orders(void)
{
    static const struct {
        const char *name;
        unsigned converters;
    } wrong[] = {{"no converter", 0}, {"more than there can be", TC_POOL_MOST + 1}};
    kept kept = start();
    char text[] = "nonsense";
    int pool, end_of[2];

    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        struct pollfd look;

        pool = give(&kept, (tc_pool_spec){wrong[at].converters, locks, TC_BUFFER_GUARDED, 0},
                    -1, -1);
        look = (struct pollfd){pool, 0, 0};
        ok(poll(&look, 1, PATIENCE_MS) == 1 && (look.revents & POLLHUP),
           "a pool of %s is let go", wrong[at].name);
        close(pool);
    }
    if (tc_message_pair(&end_of[0], &end_of[1]))
        bail_out("no socket");
    tc_message_send(kept.control, text, sizeof text, NULL, 0, &end_of[1], 1, 0);
    tc_message_send(kept.control, text, sizeof text, NULL, 0, NULL, 0, 0);
    close(end_of[1]);
    ok(comes(end_of[0], PATIENCE_MS), "so is what comes with a message that is no order");
    close(end_of[0]);
    pool = give(&kept, three(), -1, -1);
    ok(heard(&kept, BEGUN).pid > 0, "... and the next pool has converters");
    close(pool);
    let_go(&kept);
}

/* More than a keeper has room for: those that it has go on. */
static void test_many_pools(void)
{
    enum { MANY = 140 };
    kept kept = start();
    tc_pool_spec one = {1, locks, TC_BUFFER_GUARDED, 0};
    int pool[MANY];
    unsigned refused = 0;

    for (unsigned at = 0; at < MANY; at++)
        pool[at] = give(&kept, one, -1, -1);
    /* They are taken in order: from the last on, what became of the others is known. */
    for (unsigned at = MANY; at-- > 0;) {
        struct pollfd look = {pool[at], 0, 0};

        if (poll(&look, 1, at + 1 == MANY ? PATIENCE_MS : 0) == 1 && (look.revents & POLLHUP))
            refused++;
    }
    ok(refused > 0 && refused < MANY, "of %d pools at once %u are refused", MANY, refused);
    for (unsigned at = 0; at < MANY - refused; at++)
        heard(&kept, BEGUN);
    ok(!comes(kept.ear, 100), "... the others have their converters");
    for (unsigned at = 0; at < MANY; at++)
        close(pool[at]);
    ok(let_go(&kept) == 0, "... and all end");
}

/* The log is opened again when httpd's is; what ends is written there. */
static void test_log(void)
{
    kept kept = start();
    int file = memfd_create("log", MFD_CLOEXEC), pool, next;
    struct stat info;
    told told;

    fstat(file, &info);
    pool = give(&kept, three(), -1, -1);
    told = heard(&kept, BEGUN);
    ok(told.log != info.st_ino, "a keeper has the log that it was forked with");
    heard(&kept, BEGUN);
    heard(&kept, BEGUN);
    next = give(&kept, three(), -1, file);
    told = heard(&kept, BEGUN);
    ok(told.log == info.st_ino, "... and the one that comes with a pool");
    close(pool);
    close(next);
    close(file);
    let_go(&kept);
}

/* httpd sends these to its whole process group. */
static void test_signals(void)
{
    static const int sent[] = {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH};
    kept kept = start();
    int pool = give(&kept, three(), -1, -1);

    for (unsigned at = 0; at < CONVERTERS; at++)
        heard(&kept, BEGUN);
    for (size_t at = 0; at < sizeof sent / sizeof sent[0]; at++)
        kill(kept.pid, sent[at]);
    ok(!comes(kept.ear, 100) && waitpid(kept.pid, NULL, WNOHANG) == 0,
       "signals that are for httpd do not end it");
    close(pool);
    ok(let_go(&kept) == 0, "... and it ends in order");
}

/* A pool without a socket: none can offer itself. Each waits twice as long as the one before.
 */
static void test_none_begins(void)
{
    enum { TRIES = 3 };
    kept kept = start();
    tc_pool_spec spec = three();
    int file = open("/dev/null", O_RDWR | O_CLOEXEC), wrong = 0;
    uint64_t at_ns[TRIES] = {0}, until = tc_clock_ns() + PATIENCE_MS * UINT64_C(1000000);
    unsigned tries = 0;
    tc_areas read;
    int areas;
    told told;

    if (tc_areas_make(&read, CONVERTERS, &areas))
        bail_out("no areas");
    tc_keeper_give(kept.control, &spec, file, areas, -1);
    close(file);
    close(areas);
    /* The first ones are forked at once, before any has ended. */
    for (unsigned ends = 0; ends < CONVERTERS && hear(&kept, &told);)
        ends += told.how == TC_POOL_NOT_BEGUN;
    while (tries < TRIES && hear(&kept, &told)) {
        if (told.how == BEGUN)
            at_ns[tries++] = told.ns;
        else
            wrong += told.how != TC_POOL_NOT_BEGUN || !strstr(told.why, "no offer");
    }
    ok(!wrong, "converters that can offer nothing have not begun, and say why");
    /* 50 ms, doubled three times until the first of these ends. */
    ok(at_ns[1] - at_ns[0] >= 400000000 && at_ns[2] - at_ns[1] >= 800000000,
       "... and the next one waits, twice as long each time: %.0f and %.0f ms",
       (double)(at_ns[1] - at_ns[0]) / 1e6, (double)(at_ns[2] - at_ns[1]) / 1e6);
    while (tc_areas_hear(&read) != TC_STAFF_NONE && tc_clock_ns() < until)
        usleep(1000);
    ok(tc_areas_hear(&read) == TC_STAFF_NONE, "... and the children know that there is none");
    tc_areas_unmap(&read);
    kill(kept.pid, SIGKILL);
    end(&kept);
}

/* ---- conversions ---------------------------------------------------------------------------
 */

static tc_params params;
static tc_limits limits = {.max_pixels = 1000000,
                           .max_output_w = 1000,
                           .max_output_h = 1000,
                           .max_output_pixels = 100000,
                           .max_memory = 64 << 20};

static int make_picture(uint64_t *size)
{
    pixels drawn = draw(8, 8, TC_RGB);
    bytes made = {0};
    tc_fail fail;
    int file = memfd_create("original", MFD_CLOEXEC);

    if (encode(tc_codec_find(TC_FORMAT_PNG), &drawn, (tc_encode_spec){.quality = 80}, &made,
               &fail) ||
        file < 0 || write(file, made.data, made.length) != (ssize_t)made.length)
        bail_out("no picture");
    *size = made.length;
    free(made.data);
    free(drawn.data);
    return file;
}

static tc_error count_bytes(void *context, const void *data, size_t length)
{
    size_t *count = context;

    (void)data;
    *count += length;
    return TC_E_OK;
}

static bool convert(const tc_exchange *pool, int source, uint64_t size)
{
    tc_remote_job job = {.source = source,
                         .source_bytes = size,
                         .icon = -1,
                         .params = &params,
                         .limits = &limits,
                         .go_bytes = UINT64_MAX};
    size_t count = 0;
    tc_output output = {count_bytes, &count};
    tc_remote *remote;
    tc_fail fail = {0};
    tc_error error = tc_remote_open(&remote, pool, &job, NULL, &fail);

    if (!error)
        error = tc_remote_run(remote, &output, NULL);
    tc_remote_close(remote);
    if (error)
        printf("# %s\n", fail.text);
    return !error && count > 0;
}

/* What the one converter has in its area, before the pool's sockets. */
static bool is_in_area(const tc_exchange *pool, const char *magic)
{
    return memcmp(tc_areas_at(&pool->areas, 0), magic, strlen(magic)) == 0;
}

/* One converter, which is replaced after its jobs: no conversion notices. */
static void test_jobs(void)
{
    kept kept = start();
    tc_exchange pool = {.offers = -1};
    int source, areas;
    uint64_t size;
    unsigned good = 0;
    pid_t first;
    told told;

    if (tc_message_pair(&pool.idle, &pool.give) || tc_areas_make(&pool.areas, 1, &areas))
        bail_out("no sockets");
    pool.offers = give(&kept, (tc_pool_spec){1, locks, TC_BUFFER_GUARDED, 64 * MB}, areas, -1);
    close(areas);
    first = heard(&kept, BEGUN).pid;
    source = make_picture(&size);
    good += convert(&pool, source, size);
    ok(good == 1 && is_in_area(&pool, "\xff\xd8\xff") && tc_areas_find(&pool.areas, first) == 0,
       "a result comes in the converter's area");
    for (unsigned at = 1; at < TC_SERVE_JOBS + 10; at++)
        good += convert(&pool, source, size);
    ok(good == TC_SERVE_JOBS + 10, "%u conversions, more than one converter does", good);
    told = heard(&kept, TC_POOL_DONE);
    ok(told.pid == first, "... the first has ended in order");
    told = heard(&kept, BEGUN);
    ok(told.pid > 0 && !comes(kept.ear, 0), "... and one has its place");
    ok(tc_areas_find(&pool.areas, told.pid) == 0 && tc_areas_find(&pool.areas, first) < 0,
       "... and its area");
    close(source);
    close(pool.offers);
    close(pool.idle);
    close(pool.give);
    end(&kept);
    tc_areas_unmap(&pool.areas);
}

/* ---- limits --------------------------------------------------------------------------------
 */

/* RLIMIT_AS of a process that cannot raise it; 0: it can. */
static uint64_t hard_space(pid_t pid)
{
    char name[64], line[256];
    unsigned long long hard = 0;
    FILE *in;

    snprintf(name, sizeof name, "/proc/%d/limits", (int)pid);
    in = fopen(name, "r");
    while (in && fgets(line, sizeof line, in)) {
        if (sscanf(line, "Max address space %*s %llu", &hard) == 1)
            break;
    }
    if (in)
        fclose(in);
    return hard;
}

/* What is planned at most bounds a process that raises its own limits. */
static void test_limits(void)
{
    static const uint64_t most[] = {64 * MB, 1024 * MB, 0};
    uint64_t hard[3];
    kept kept = start();
    int pool, dialogue;
    pid_t pid;

    for (size_t at = 0; at < 3; at++) {
        pool = give(&kept, (tc_pool_spec){1, locks, TC_BUFFER_GUARDED, most[at]}, -1, -1);
        heard(&kept, BEGUN);
        take_offers(pool, &pid, &dialogue, 1); /* and so it is locked */
        hard[at] = hard_space(pid);
        close(pool);
        all_end(&kept, 1);
        close(dialogue);
    }
    if (TC_BUFFER_GUARDED) {
        skip("address space", "a sanitizer takes what it likes");
    } else {
        ok(hard[0] > 2 * 64 * MB && hard[1] > 2 * 1024 * MB, "address space has a hard limit");
        ok(hard[1] - hard[0] > 2 * 959 * MB && hard[1] - hard[0] < 2 * 961 * MB,
           "... of twice what a job may be planned to take, and what there was");
        ok(hard[2] == 0, "... and none where a plan has none");
    }
    let_go(&kept);
}

int main(void)
{
    tc_fail fail;

    tc_params_init(&params);
    if (tc_params_parse(&params, "dw=4,of=jpg", 11, NULL, NULL, &fail))
        bail_out(fail.text);
    locks = tc_lockdown_now().locks;
    test_pool();
    test_two_pools();
    test_wrong_orders();
    test_many_pools();
    test_log();
    test_signals();
    test_none_begins();
    test_jobs();
    test_limits();
    return done_testing();
}
