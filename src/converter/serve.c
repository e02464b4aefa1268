/* SPDX-License-Identifier: Apache-2.0 */
/* For POLLRDHUP. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "serve.h"

#include "message.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Between two looks at whether the child still waits: a system call, against many rows. */
#define LOOK_NS UINT64_C(10000000)

/* A conversion that is estimated to take longer is not kept on one processor. What is estimated
   is a bound, of about three times what most pictures take: 5 ms then, which is what the kernel
   gives a process at a time. To be freed and bound again is two system calls. */
#define BOUND_NS UINT64_C(15000000)

/* Plans of less memory have the limit of one of so much, and so have headers: most jobs then
   have that of the job before, which is two system calls less. */
#define LEAST_BYTES (UINT64_C(64) * 1024 * 1024)

/* Seconds of processor time in addition to the limit, which the pipeline itself keeps. */
#define SPARE_SECONDS 2

/* A file that came with a job. */
typedef struct original {
    int fd; /* -1: none, or closed */
    uint64_t size;
    uint64_t read_ns;
} original;

typedef struct job {
    const tc_serve *serve;
    int dialogue;
    int32_t place;
    tc_order order;
    tc_limits limits;
    original source, icon;
    tc_input input, icon_input;
    tc_cancel cancel;
    uint64_t look_ns;
    tc_pipeline *pipeline;
    tc_fail fail;
    tc_report report;
    bool told;           /* a report is out, so that the next bytes are a part */
    bool again;          /* another job may follow in this dialogue */
    unsigned char *data; /* TC_MESSAGE_DATA bytes */
} job;

static volatile sig_atomic_t ended;

void tc_serve_end(void)
{
    ended = 1;
}

/* ---- reading, and being told to stop ---------------------------------------------------- */

static tc_error read_original(void *context, uint64_t offset, void *buffer, size_t length,
                              size_t *got)
{
    original *from = context;
    uint64_t began = tc_clock_ns();
    tc_error error = tc_file_read(from->fd, from->size, offset, buffer, length, got);

    from->read_ns += tc_clock_ns() - began;
    return error;
}

static tc_error late(job *job)
{
    return tc_fail_set(&job->fail, TC_E_TIMEOUT,
                       "not finished within the %u seconds of TmpfsConvertTimeout",
                       job->order.seconds);
}

/* Whether the child has closed its end, or said that it will not read any more. */
static bool is_left(int dialogue)
{
    struct pollfd look = {dialogue, POLLRDHUP, 0};

    return poll(&look, 1, 0) == 1 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static tc_error check(void *context)
{
    job *job = context;
    uint64_t now = tc_clock_tick_ns();

    if (job->order.ends_ns && now >= job->order.ends_ns)
        return late(job);
    if (now < job->look_ns)
        return TC_E_OK;
    job->look_ns = now + LOOK_NS;
    return is_left(job->dialogue) ? TC_E_CLIENT_GONE : TC_E_OK;
}

static tc_error afford(void *context, uint64_t ns)
{
    job *job = context;

    return job->order.ends_ns && tc_clock_ns() + ns > job->order.ends_ns ? late(job) : TC_E_OK;
}

/* ---- reports ---------------------------------------------------------------------------- */

/* A result that is told of once, and by one that goes on: what comes after it in its place
   would have the area too, maybe before the child has read it. */
static bool is_in_area(const job *job, tc_say say)
{
    return say == TC_SAY_DONE && job->serve->area && job->order.area == 1 && job->again &&
           job->report.total == job->report.length;
}

static tc_error report(job *job, tc_say say)
{
    tc_report *report = &job->report;
    size_t sent;

    report->word = (tc_word){TC_MESSAGE_MAGIC, (uint32_t)say};
    report->read_ns = job->source.read_ns + job->icon.read_ns;
    report->total += report->length;
    job->again = job->again && !ended;
    report->again = job->again;
    report->place = job->place;
    report->area = is_in_area(job, say);
    sent = report->area ? 0 : report->length;
    job->told = true;
    if (tc_message_send(job->dialogue, report, sizeof *report, job->data, sent, NULL, 0, 0))
        return tc_fail_set(&job->fail, TC_E_CLIENT_GONE, "%s", tc_error_text(TC_E_CLIENT_GONE));
    report->length = 0;
    return TC_E_OK;
}

static void report_failure(job *job)
{
    job->report.error = job->fail.error;
    job->report.length = 0;
    memcpy(job->report.text, job->fail.text, sizeof job->report.text);
    report(job, TC_SAY_FAILED);
}

static tc_error write_result(void *context, const void *data, size_t length)
{
    job *job = context;
    const unsigned char *from = data;
    tc_error error = TC_E_OK;

    while (length && !error) {
        size_t room = TC_MESSAGE_DATA - job->report.length;
        size_t took = length < room ? length : room;

        if (!room) {
            error = report(job, job->told ? TC_SAY_PART : TC_SAY_HEADER);
            continue;
        }
        memcpy(job->data + job->report.length, from, took);
        job->report.length += (uint32_t)took;
        from += took;
        length -= took;
    }
    return error;
}

static void take_facts(job *job)
{
    const tc_outline *outline = tc_pipeline_outline(job->pipeline);

    job->report.facts = (tc_facts){.source = outline->info.format,
                                   .target = outline->target->format,
                                   .width = outline->info.width,
                                   .height = outline->info.height,
                                   .output_w = outline->plan.output_w,
                                   .output_h = outline->plan.output_h,
                                   .pass = outline->plan.pass,
                                   .plan_bytes = outline->plan.bytes};
    job->report.open_read_ns = job->source.read_ns + job->icon.read_ns;
}

/* ---- a job ------------------------------------------------------------------------------ */

static unsigned cpu_seconds(const tc_limits *limits)
{
    return limits->max_cost_ns
               ? (unsigned)(limits->max_cost_ns / UINT64_C(1000000000)) + SPARE_SECONDS
               : 0;
}

static tc_error limited(job *job, int error)
{
    return error ? tc_fail_set(&job->fail, TC_E_INTERNAL, "limits of a converter: %s",
                               strerror(error))
                 : TC_E_OK;
}

static tc_error limit_space(job *job, uint64_t bytes)
{
    return limited(job, tc_lockdown_space(job->serve->lockdown, bytes));
}

/* The limit of a header, and of small plans. */
static uint64_t least_bytes(const job *job)
{
    uint64_t most = job->limits.max_memory;

    return most && most < LEAST_BYTES ? most : LEAST_BYTES;
}

static tc_error limit_time(job *job)
{
    return limited(job, tc_lockdown_time(job->serve->lockdown, cpu_seconds(&job->limits)));
}

static tc_error open_under(job *job, uint64_t bytes)
{
    tc_error error = limit_space(job, bytes);

    if (error)
        return error;
    return tc_pipeline_open(&job->pipeline, &job->input, &job->order.params, &job->limits,
                            &job->fail);
}

static tc_error open_job(job *job)
{
    tc_error error = open_under(job, least_bytes(job));

    /* A header may take more: a lossless WebP's codes are read with it. */
    if (error == TC_E_NO_MEMORY) {
        job->fail = (tc_fail){0};
        error = open_under(job, job->limits.max_memory);
    }

    if (!error && job->order.has_icon && !tc_pipeline_outline(job->pipeline)->plan.pass)
        error = tc_pipeline_icon(job->pipeline, &job->icon_input);
    if (!error)
        take_facts(job);
    return error;
}

/* Wait for the word to go on; false: the child wants no more than the header. */
static bool is_to_go(job *job)
{
    tc_word word;
    tc_came came;
    int error;

    if (report(job, TC_SAY_WAIT))
        return false;
    do
        error = tc_message_receive(job->dialogue, &word, sizeof word, NULL, 0, 0, &came, 0);
    while (error == EINTR);
    return !error && tc_word_is(&word, came.length, TC_SAY_GO, sizeof word);
}

static tc_error run(job *job)
{
    tc_output output = {write_result, job};
    const tc_plan *plan = &tc_pipeline_outline(job->pipeline)->plan;
    const tc_fail *damage;
    uint64_t least = least_bytes(job);
    tc_error error = limit_space(job, plan->bytes > least ? plan->bytes : least);

    if (plan->cost_ns > BOUND_NS)
        job->place = tc_place_free(job->place);
    if (error)
        return error;
    error = tc_pipeline_run(job->pipeline, &output, &job->cancel, &job->report.stats);
    damage = tc_pipeline_damage(job->pipeline);
    if (!error && damage) {
        job->report.facts.damaged = 1;
        memcpy(job->report.text, damage->text, sizeof job->report.text);
    }
    return error;
}

static void close_original(original *original)
{
    if (original->fd >= 0)
        close(original->fd);
    original->fd = -1;
}

/* Before the last report: the child that has it goes on, on this processor most likely. */
static void let_go(job *job)
{
    tc_pipeline_free(job->pipeline);
    job->pipeline = NULL;
    close_original(&job->source);
    close_original(&job->icon);
}

static void convert(job *job)
{
    const tc_facts *facts = &job->report.facts;
    tc_error error = limit_time(job);

    if (!error)
        error = open_job(job);
    if (!error && (facts->pass || facts->plan_bytes > job->order.go_bytes) && !is_to_go(job))
        return;
    if (!error)
        error = run(job);
    let_go(job);
    if (!error)
        error = report(job, TC_SAY_DONE);
    if (error)
        report_failure(job);
}

/* What an order says, made ready; false: it is not one. The descriptors are the job's. */
static bool take_order(job *job, const tc_came *came)
{
    tc_order *order = &job->order;

    job->pipeline = NULL;
    job->source = (original){.fd = came->fd[0]};
    job->icon = (original){.fd = came->fd[1]};
    if (!tc_word_is(&order->word, came->length, TC_SAY_ORDER, sizeof *order) ||
        came->fd[0] < 0 || (order->has_icon && came->fd[1] < 0))
        return false;
    tc_order_take_limits(order, &job->limits);
    job->place = order->place;
    job->source.size = order->source_bytes;
    job->icon.size = order->icon_bytes;
    job->cancel = (tc_cancel){check, job, afford};
    job->input = (tc_input){read_original, &job->source, order->source_bytes, &job->cancel};
    job->icon_input = (tc_input){read_original, &job->icon, order->icon_bytes, &job->cancel};
    job->look_ns = tc_clock_ns() + LOOK_NS;
    job->fail = (tc_fail){0};
    job->report = (tc_report){0};
    job->told = false;
    return true;
}

/* ---- the pool --------------------------------------------------------------------------- */

/* Between two tries of what the kernel refuses while too many descriptors are on their way; and
   after how many it is the keeper's turn to wait, and to say so. */
#define PAUSE_MS 10
#define TRIES    200

/* A new dialogue, whose other end goes to the child that takes it; -1, with errno: EPIPE when
   the pool is gone. */
static int offer(const tc_serve *serve, int32_t place)
{
    tc_ready ready = {{TC_MESSAGE_MAGIC, TC_SAY_READY}, place, 0};
    int end[2], error;

    for (unsigned tries = 1;; tries++) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end))
            return -1;
        error = tc_message_send(serve->pool, &ready, sizeof ready, NULL, 0, &end[1], 1, 0);
        close(end[1]);
        if (!error)
            return end[0];
        close(end[0]);
        errno = error;
        if (error != ETOOMANYREFS || ended || tries == TRIES)
            return -1;
        poll(NULL, 0, PAUSE_MS);
    }
}

/* Wait for an order, and carry it out: false where no child has the dialogue any more. */
static bool await(job *job)
{
    tc_came came;
    int error;

    do
        error = tc_message_receive(job->dialogue, &job->order, sizeof job->order, NULL, 0, 2,
                                   &came, 0);
    while (error == EINTR && !ended);
    if (error)
        return false;
    if (take_order(job, &came))
        convert(job);
    else
        job->again = false;
    let_go(job);
    return true;
}

static bool is_to_end(const tc_serve *serve)
{
    return ended || tc_lockdown_is_worn(serve->lockdown);
}

/* Jobs of one dialogue, `most` of them. Returns how many there were. */
static unsigned converse(job *job, unsigned most)
{
    unsigned done = 0;

    do
        job->again = done + 1 < most && !is_to_end(job->serve);
    while (await(job) && ++done && job->again);
    return done;
}

bool tc_serve_run(const tc_serve *serve)
{
    /* Too large for a stack, and a process has one. */
    static unsigned char data[TC_MESSAGE_DATA];
    static job job;
    unsigned done = 0;

    job.serve = serve;
    job.data = serve->area ? serve->area : data;
    job.place = serve->place;
    /* Before the first offer, which waits while net.unix.max_dgram_qlen of others do. */
    __atomic_store_n(serve->ready, 1, __ATOMIC_RELAXED);
    while (done < serve->jobs && !is_to_end(serve)) {
        job.dialogue = offer(serve, job.place);
        if (job.dialogue < 0) {
            if (errno == EPIPE || ended)
                return true;
            tc_fail_set(serve->fail, TC_E_INTERNAL, "no offer of a converter: %s",
                        strerror(errno));
            return false;
        }
        done += converse(&job, serve->jobs - done);
        close(job.dialogue);
    }
    return true;
}
