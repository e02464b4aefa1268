/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory that a child wrote over: at every word, all at once, and while it is
 * used. Nothing beyond the memory is touched, nothing takes long, what comes out is
 * within its bounds, and a process that is named there is left alone.
 */
#include <apr_general.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/text.h"
#include "tap.h"
#include "../preload/scribble.h"
#include "snapshots.h"
#include "base/clock.h"
#include "admission/admission.h"
#include "shared/counters.h"
#include "shared/coalesce_table.h"
#include "shared/history.h"
#include "admission/queue.h"
#include "status/report.h"
#include "shared/shared.h"

static uint64_t check_ms; /* that nothing here depends on */

#define SAMPLES 9
#define ROOM    7
#define READING 0x1p64

/* What came out wrong, in words; the first one stays. */
static const char *wrong;

static void want(bool good, const char *what)
{
    if (!good && !wrong)
        wrong = what;
}

static apr_pool_t *pool;
static tc_counter_snapshot counts;
static pid_t bystander; /* a child that sleeps, and is named wherever a process is */

/* ---- history --------------------------------------------------------------------- */

static tc_history history, larger, smaller;
static tc_sample *out; /* ROOM of them, then nothing */
static double used[TC_TEMP_SLOTS];

static void begin_history(void *memory)
{
    tc_host host = {.taken = 1800000000};

    history = (tc_history){0};
    tc_history_adopt(&history, memory, SAMPLES);
    for (int at = 0; at < SAMPLES + 3; at++)
        tc_history_add(&history, (1800000000 + at) * INT64_C(1000000), &host, &counts, used);
}

static bool is_reading(double value)
{
    return isnan(value) || (value >= 0 && value <= READING);
}

static bool is_within(const tc_sample *sample)
{
    bool good = sample->time > 0 && sample->time <= INT64_C(253402300799);

#define X(field, unit, title) good = good && is_reading(sample->field);
    TC_SAMPLE_FIELDS(X)
#undef X
    return good && is_reading(sample->temp_dir_used[TC_TEMP_SLOTS - 1]);
}

static bool is_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    for (size_t at = 0; at < length; at++) {
        if (text[at] < ' ' || text[at] > '~')
            return false;
    }
    return length < size;
}

static void read_history(const tc_history *from, int64_t since)
{
    unsigned count = tc_history_read(from, since, out, ROOM);

    want(count <= ROOM, "more samples than there is room for");
    for (unsigned at = 0; at < count; at++) {
        want(is_within(&out[at]), "a sample out of bounds");
        want(at == 0 || out[at].time >= out[at - 1].time, "samples that go back in time");
    }
}

static void read_host(tc_host *host)
{
    if (!tc_history_host(&history, host))
        return;
    want(host->taken > 0 && host->slab.others <= TC_SLAB_TOP, "a host out of bounds");
    want(is_text(host->slab.dentry.name, TC_SLAB_NAME) &&
             is_text(host->slab.other[TC_SLAB_TOP - 1].name, TC_SLAB_NAME) &&
             is_text(host->cgroup.path, sizeof host->cgroup.path),
         "a host whose texts do not end");
}

static void use_history(void)
{
    static tc_host host;

    read_history(&history, 0);
    read_history(&history, 1800000004);
    read_history(&history, INT64_MAX);
    read_host(&host);
    tc_history_copy(&larger, &history);
    tc_history_copy(&smaller, &history);
    read_history(&larger, 0);
    read_history(&smaller, 0);
    host.taken = 1800000100;
    tc_history_add(&history, host.taken * 1000000, &host, &counts, used);
    read_history(&history, 0);
}

/* ---- counters -------------------------------------------------------------------- */

static tc_counters counters;

static void begin_counters(void *memory)
{
    memset(&counters, 0, sizeof counters);
    tc_counters_adopt(&counters, memory, 1);
    tc_counters_temp_dir(&counters, "/some", "ext4", true);
    tc_counters_pattern(&counters, "thumb");
    tc_counters_enter(&counters, bystander);
}

static void use_counters(void)
{
    tc_counters_enter(&counters, getpid());
    tc_count(&counters, TC_AT_SOURCE_BYTES, 1);
    tc_gauge(&counters, TC_NOW_QUEUED, 1);
    tc_gauge(&counters, TC_NOW_QUEUED, -1);
    tc_stage_took(&counters, TC_STAGE_TOTAL, 1000);
    tc_counters_read(&counters, &counts);
    want(counts.temp_dirs == 2 && strcmp(counts.temp_dir[1].path, "/some") == 0 &&
             counts.patterns == 2 && strcmp(counts.pattern[1], "thumb") == 0 &&
             counts.since == 1,
         "names that are not those of the configuration");
    for (unsigned at = 0; at < TC_GAUGE_SLOTS; at++)
        want((int64_t)counts.gauge[at] >= 0, "a gauge below 0");
    for (unsigned stage = 0; stage < TC_STAGE_COUNT; stage++) {
        double p99 = tc_histogram_quantile(&counts.stage[stage], 0.99);
        want(isnan(p99) || (p99 >= 0 && p99 <= 100), "a quantile out of bounds");
    }
    want(tc_counters_temp_dir(&counters, "/some", "ext4", true) == 1,
         "another number for a place");
    want(tc_counters_adopt(&counters, counters.slots, 2), "counters that are not taken over");
    tc_counters_leave(&counters, getpid());
}

/* ---- the queue --------------------------------------------------------------------- */

static tc_queue *queue;

static const tc_queue_entry waits = {.client = 7, .kib = 4, .cost_us = 1000, .fair = true};

static void begin_queue(void *memory)
{
    tc_queue_entry runs = waits;

    queue = memory;
    runs.runs = true;
    tc_queue_join(queue, bystander, &waits);
    tc_queue_join(queue, bystander, &runs);
}

static void use_queue(void)
{
    const tc_queue_room room = {.active = 3, .free_kib = 100, .capped = true, .last = true};
    tc_queue_entry entry = waits;
    tc_queue_ahead ahead;
    int place, passes = -1;

    entry.start = tc_queue_start(queue, 7);
    place = tc_queue_join(queue, getpid(), &entry);
    want(place >= -1 && place < TC_QUEUE_PLACES, "a place that is none");
    if (place >= 0) {
        uint32_t bell = tc_queue_bell(queue, place);

        tc_queue_before(queue, place, &room, &passes);
        want(passes >= -1 && passes < TC_QUEUE_PLACES, "one is passed that is none");
        tc_queue_wait(queue, place, bell + 1, 1);
        tc_queue_run(queue, place, passes, 5);
    }
    tc_queue_call(queue, &room);
    tc_queue_capped(queue, 7, 3);
    tc_queue_read(queue, &entry, 10, &ahead);
    tc_queue_read(queue, NULL, UINT64_MAX, &ahead);
    want(tc_queue_waiting(queue) <= TC_QUEUE_PLACES, "more wait than there are places");
    tc_queue_is_by_children(queue);
    tc_queue_leave(queue, place);
    tc_queue_forget(queue, bystander);
}

/* ---- admission ------------------------------------------------------------------------ */

static tc_admission *admission;

static void begin_admission(void *memory)
{
    admission = memory;
    tc_admission_adopt(admission);
    /* Its places are this process's from now on: a child's, as they are in a server. */
    tc_admission_begin(admission, bystander);
}

static tc_error at_once(void *context)
{
    (void)context;
    return TC_E_CLIENT_GONE;
}

static void use_admission(void)
{
    static const tc_admission_limits most[] = {
        {.active = 2, .queue = 3, .wait_ms = 1, .bytes = 1 << 20},
        {.active = 0, .queue = 0, .wait_ms = 0, .bytes = 0},
        {.active = UINT32_MAX, .queue = UINT32_MAX, .wait_ms = 1, .bytes = UINT64_MAX},
        {.active = 3, .timed = true, .wait_ms = 1, .bytes = 1 << 20, .workers = 8}};
    const tc_asker asker = {.client = 7, .kind = 3, .worker = true};
    const tc_cancel watch = {at_once, NULL, NULL};
    tc_admission_now now;
    tc_ticket ticket;

    for (size_t at = 0; at < sizeof most / sizeof most[0]; at++) {
        int rc = tc_admission_enter(admission, &most[at], at % 2 ? &asker : NULL, 4096,
                                    at ? &watch : NULL, &ticket);

        want(ticket.held == (rc == 0), "a ticket that says otherwise");
        want(rc == 0 || rc == EAGAIN || rc == ETIMEDOUT || rc == ECANCELED, "another error");
        tc_admission_full(admission, &most[at], &asker);
        tc_admission_leave(admission, &ticket);
        if (tc_admission_follow(admission, &most[at], &asker, &check_ms))
            tc_admission_unfollow(admission, &asker);
    }
    if (tc_admission_hold(admission, UINT64_MAX, 100))
        tc_admission_drop(admission, 100);
    tc_admission_gone(admission, INT_MAX - 1);
    tc_admission_read(admission, &now);
}

/* ---- coalescing ---------------------------------------------------------------------------
 */

static tc_coalesce_table *coalesce_table;

static void begin_coalesce_table(void *memory)
{
    unsigned slot;

    coalesce_table = memory;
    tc_coalesce_table_adopt(coalesce_table);
    tc_coalesce_table_join(coalesce_table, 77, 0, &slot);
}

static void use_coalesce_table(void)
{
    uint64_t key = scribble_random();
    unsigned slot;
    tc_coalesce_role found =
        tc_coalesce_table_join(coalesce_table, key, tc_coalesce_table_clock(), &slot);

    want(found <= TC_COALESCE_DONE, "a role that is none");
    tc_coalesce_table_wait(coalesce_table, 77, 1, 50, NULL);
    tc_coalesce_table_gone(coalesce_table, INT_MAX - 1);
    if (found == TC_COALESCE_LEAD)
        tc_coalesce_table_end(coalesce_table, key, slot);
    tc_coalesce_table_adopt(coalesce_table);
}

/* ---- everything, everywhere -----------------------------------------------------------------
 */

static const struct {
    const char *name;
    size_t (*size)(void);
    void (*begin)(void *memory);
    void (*use)(void);
} part[] = {
    {"history", NULL, begin_history, use_history},
    {"counters", tc_counters_size, begin_counters, use_counters},
    {"queue", NULL, begin_queue, use_queue},
    {"admission", tc_admission_size, begin_admission, use_admission},
    {"coalesce_table", tc_coalesce_table_size, begin_coalesce_table, use_coalesce_table}};
#define PARTS (sizeof part / sizeof part[0])

/* Each use ends, the waits of a millisecond included, on a machine that does other things too.
 */
#define FILLS      60
#define LONGEST_NS UINT64_C(20000000000)

static size_t size_of(size_t at)
{
    if (part[at].size)
        return part[at].size();
    return at == 0 ? tc_history_size(SAMPLES) : sizeof(tc_queue);
}

static void use(size_t at)
{
    uint64_t from = tc_clock_ns();

    part[at].use();
    want(tc_clock_ns() - from < LONGEST_NS, "a use that takes long");
}

static void report(size_t at, const char *what, unsigned times)
{
    ok(!wrong, "%s: %s, %u times: %s", part[at].name, what, times,
       wrong ? wrong : "what comes out is within bounds");
    wrong = NULL;
}

static void anew(size_t at, void *memory)
{
    memset(memory, 0, size_of(at));
    part[at].begin(memory);
}

/* Every word of what is small; of the rest the first ones, the last, and some. */
static void test_words(size_t at, void *memory)
{
    size_t words = size_of(at) / 8, tried = 0;

    for (size_t word = 0; word < words; word += word < 24 || words < 512 ? 1 : words / 20) {
        for (size_t value = 0; value < SCRIBBLE_VALUES; value++, tried++) {
            anew(at, memory);
            ((uint64_t *)memory)[word] = scribble_values[value];
            use(at);
        }
    }
    report(at, "one word is overwritten", (unsigned)tried);
}

static void test_fills(size_t at, void *memory)
{
    for (size_t value = 0; value < SCRIBBLE_VALUES; value++) {
        anew(at, memory);
        scribble_fill(memory, size_of(at), scribble_values[value]);
        use(at);
        use(at);
    }
    for (int round = 0; round < FILLS; round++) {
        if (round % 3 == 0)
            anew(at, memory);
        (round % 2 ? scribble_all : scribble_some)(memory, size_of(at));
        use(at);
    }
    report(at, "all words are overwritten", SCRIBBLE_VALUES + FILLS);
}

static pid_t start_scribbling(void *memory, size_t size)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        for (int count = 0; count < 50; count++)
            scribble_some(memory, size);
        scribble_all(memory, size);
        usleep(50);
    }
}

#define BESIDE_NS UINT64_C(400000000)

static void test_beside(size_t at, void *memory)
{
    uint64_t from = tc_clock_ns();
    unsigned uses = 0;
    pid_t child;

    anew(at, memory);
    fflush(stdout);
    child = start_scribbling(memory, size_of(at));
    for (; uses < 3 || tc_clock_ns() - from < BESIDE_NS; uses++)
        use(at);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    report(at, "overwritten while it is used", uses);
}

static void test_parts(void)
{
    for (size_t at = 0; at < PARTS; at++) {
        void *memory = scribble_memory(size_of(at));

        test_words(at, memory);
        test_fills(at, memory);
        test_beside(at, memory);
    }
    ok(kill(bystander, 0) == 0 && waitpid(bystander, NULL, WNOHANG) == 0,
       "a child that was named everywhere is alive, and still to be waited for");
}

/* ---- on the page ---------------------------------------------------------------------------
 */

static void count_bytes(void *context, const char *text, size_t length)
{
    (void)text;
    *(size_t *)context += length;
}

static size_t render(const tc_snapshot *snapshot)
{
    const tc_page page = {"nonce", 3600, 5};
    const tc_report *report;
    size_t bytes = 0;
    tc_writer to = {count_bytes, &bytes};

    apr_pool_clear(pool);
    report = tc_report_make(pool, snapshot);
    tc_report_auto(report, &to);
    tc_report_json(report, &to, true);
    tc_report_metrics(report, &to, false);
    tc_report_metrics(report, &to, true);
    tc_report_html(report, &to, &page);
    return bytes;
}

static void test_report(void)
{
    void *ring = scribble_memory(tc_history_size(SAMPLES));
    void *slots = scribble_memory(tc_counters_size());
    static tc_snapshot snapshot;
    size_t least = SIZE_MAX, most = 0;

    for (size_t round = 0; round < 200 + SCRIBBLE_VALUES; round++) {
        size_t bytes;

        make_snapshot(&snapshot);
        if (round % 4 == 0 || round < SCRIBBLE_VALUES) {
            anew(0, ring);
            anew(1, slots);
        }
        if (round < SCRIBBLE_VALUES) {
            scribble_fill(ring, tc_history_size(SAMPLES), scribble_values[round]);
            scribble_fill(slots, tc_counters_size(), scribble_values[round]);
        } else {
            (round % 2 ? scribble_all : scribble_some)(ring, tc_history_size(SAMPLES));
            scribble_all(slots, tc_counters_size());
        }
        snapshot.samples = tc_history_read(&history, 0, out, ROOM);
        snapshot.sample = out;
        tc_history_host(&history, &snapshot.host);
        tc_counters_read(&counters, &counts);
        snapshot.counts = &counts;
        bytes = render(&snapshot);
        least = bytes < least ? bytes : least;
        most = bytes > most ? bytes : most;
    }
    ok(least > 10000 && most < 1 << 20, "reports of what was written over: %zu to %zu bytes",
       least, most);
}

/* ---- what is taken over ------------------------------------------------------------------ */

static void test_adopt(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint64_t value;
    } rows[] = {{"conversions that nobody has", 1, 5},
                {"memory that nobody has", 1, 5 << 16},
                {"temporary data that nobody has", 2, 100},
                {"a queue that nobody is in", 3, 1},
                {"another layout", 0, 1}};
    void *memory = scribble_memory(tc_admission_size());
    const tc_admission_limits limits = {.active = 5};
    tc_admission_now now;
    tc_ticket ticket;

    for (size_t at = 0; at < sizeof rows / sizeof rows[0]; at++) {
        anew(3, memory);
        tc_admission_enter(admission, &limits, NULL, 1, NULL, &ticket);
        ok(tc_admission_adopt(admission), "what adds up is taken over");
        ((uint64_t *)memory)[rows[at].at] += rows[at].value;
        ok(!tc_admission_adopt(admission), "... but not with %s", rows[at].name);
    }
    anew(3, memory);
    tc_admission_begin(admission, 1);
    ok(!tc_admission_adopt(admission), "... nor with places of a process that is no child");
    anew(3, memory);
    tc_admission_enter(admission, &limits, NULL, 4096, NULL, &ticket);
    scribble_fill((char *)memory + 8, 16, 0);
    tc_admission_leave(admission, &ticket);
    tc_admission_gone(admission, bystander);
    tc_admission_read(admission, &now);
    ok(now.active == 0 && now.bytes == 0 && now.temp == 0,
       "sums that were lowered meanwhile stop at 0");
    ok(tc_admission_enter(admission, &limits, NULL, 1, NULL, &ticket) == 0,
       "... and all may enter");
}

static void test_strangers(void)
{
    void *slots = scribble_memory(tc_counters_size());
    void *memory = scribble_memory(tc_coalesce_table_size());
    unsigned slot;

    anew(1, slots);
    tc_counters_enter(&counters, 1);
    tc_gauge(&counters, TC_NOW_QUEUED, 3);
    tc_counters_leave(&counters, bystander);
    tc_counters_enter(&counters, bystander);
    tc_gauge(&counters, TC_NOW_QUEUED, 2);
    tc_counters_adopt(&counters, slots, 2);
    tc_counters_read(&counters, &counts);
    ok(counts.gauge[TC_NOW_QUEUED] == 2, "gauges of a process that is no child are dropped");
    scribble_fill(slots, tc_counters_size(), UINT64_C(0x7fffffff7fffffff));
    tc_counters_adopt(&counters, slots, 2);
    tc_counters_enter(&counters, bystander);
    tc_counters_read(&counters, &counts);
    ok(counts.gauge[TC_NOW_QUEUED] == 0, "nor does what was written over everything stay");
    tc_counters_leave(&counters, bystander);
    anew(4, memory);
    ok(tc_coalesce_table_join(coalesce_table, 77, 0, &slot) == TC_COALESCE_FOLLOW &&
           tc_coalesce_table_adopt(coalesce_table) &&
           tc_coalesce_table_join(coalesce_table, 77, 0, &slot) == TC_COALESCE_LEAD,
       "a conversion that no child leads is over after a restart");
    /* That of key 0, led by the child. */
    ((uint64_t *)memory)[8] = (uint64_t)bystander;
    ok(tc_coalesce_table_adopt(coalesce_table) &&
           tc_coalesce_table_join(coalesce_table, 0, 0, &slot) == TC_COALESCE_FOLLOW,
       "... and a child's is not");
    ((uint64_t *)memory)[0]++;
    ok(!tc_coalesce_table_adopt(coalesce_table),
       "... nor are those of another layout taken over");
}

static void test_small(void)
{
    uint32_t number = 5;
    uint64_t large = 5;
    char text[8] = {'a', '\n', (char)0xff, '<', 'b', 'c', 'd', 'e'};

    tc_shared_lower(&number, 3);
    ok(number == 2, "5 lowered by 3");
    tc_shared_lower(&number, 3);
    ok(number == 0, "2 lowered by 3");
    tc_shared_lower64(&large, UINT64_MAX);
    ok(large == 0, "5 lowered by all there is");
    tc_text_bound(text, sizeof text);
    ok(memcmp(text,
              "a?"
              "?<bcd",
              sizeof text) == 0,
       "a text that did not end, and was none: %s", text);
    ok(tc_shared_is_child(bystander) && !tc_shared_is_child(getpid()) &&
           !tc_shared_is_child(1) && !tc_shared_is_child(0) && !tc_shared_is_child(-1) &&
           !tc_shared_is_child(INT64_MIN) &&
           !tc_shared_is_child((INT64_C(1) << 32) + bystander) &&
           !tc_shared_is_child(bystander - (INT64_C(1) << 32)),
       "a child is one, and no others are");
}

static void test_places(void)
{
    static struct {
        tc_queue queue;
        tc_queue_place behind;
    } memory, before;

    ok(tc_queue_is_by_children(&memory.queue), "a queue that nobody is in is by children");
    tc_queue_join(&memory.queue, bystander, &waits);
    ok(tc_queue_is_by_children(&memory.queue), "... and so is one with a child's place");
    memory.queue.place[1].owner = memory.queue.place[0].owner;
    ok(!tc_queue_is_by_children(&memory.queue), "a place that was never taken is no child's");
    memory.queue.place[1].owner = 0;
    ok(tc_queue_join(&memory.queue, getpid(), &waits) == 1 &&
           !tc_queue_is_by_children(&memory.queue),
       "... nor is that of another process");
    memory.behind.owner = memory.queue.place[0].owner;
    memory.behind.since_us = 5;
    before = memory;
    tc_queue_run(&memory.queue, TC_QUEUE_PLACES, -1, 7);
    tc_queue_run(&memory.queue, -1, -1, 7);
    ok(tc_queue_leave(&memory.queue, TC_QUEUE_PLACES) == 0 &&
           tc_queue_leave(&memory.queue, -1) == 0 &&
           memcmp(&before, &memory, sizeof memory) == 0,
       "a place behind the last, or before the first, is not touched");
}

/* A mean of 1 ms under any pace that another process may have written. */
static void test_pace(void)
{
    static const uint64_t most = UINT64_C(1024) * TC_PACE;
    tc_backlog backlog = {.mean_us = {1000}, .mean_all_us = 1000, .pace = most};

    ok(tc_backlog_cost(&backlog, 0) == 1024000, "a pace of 1024 times as long is taken");
    backlog.pace = 2 * most;
    ok(tc_backlog_cost(&backlog, 0) == 1024000, "... and a slower one for that");
    backlog.pace = UINT64_MAX;
    ok(tc_backlog_cost(&backlog, 0) == 1024000, "... whatever it is");
    backlog.pace = most - TC_PACE;
    ok(tc_backlog_cost(&backlog, 0) == 1023000, "a faster one is taken as it is");
}

/* No conversion takes longer than an hour, whatever was written or learned. */
static void test_costs(void)
{
    static const uint64_t hour = UINT64_C(3600) * 1000000;
    tc_backlog backlog = {.mean_us = {hour - 1, hour + 1, UINT64_MAX}};

    ok(tc_backlog_cost(&backlog, 0) == hour - 1 && tc_backlog_cost(&backlog, 1) == hour &&
           tc_backlog_cost(&backlog, 2) == hour,
       "a mean of more than an hour is one of an hour");
    tc_backlog_learn(&backlog, 2, UINT64_MAX);
    ok(backlog.mean_us[2] <= hour && backlog.mean_all_us <= hour, "... and so it is learned");
    backlog.pace = 2 * TC_PACE;
    ok(tc_backlog_cost(&backlog, 0) == hour, "... at any pace");
}

int main(void)
{
    scribble_seed();
    apr_initialize();
    apr_pool_create(&pool, NULL);
    fflush(stdout);
    bystander = fork();
    if (bystander == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    out = scribble_memory(ROOM * sizeof *out);
    tc_history_adopt(&larger, scribble_memory(tc_history_size(4 * SAMPLES)), 4 * SAMPLES);
    tc_history_adopt(&smaller, scribble_memory(tc_history_size(2)), 2);
    test_small();
    test_places();
    test_pace();
    test_costs();
    test_parts();
    test_report();
    test_adopt();
    test_strangers();
    kill(bystander, SIGKILL);
    waitpid(bystander, NULL, 0);
    apr_terminate();
    return done_testing();
}
