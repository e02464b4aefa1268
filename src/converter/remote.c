/* SPDX-License-Identifier: Apache-2.0 */
/* For syscall(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "remote.h"

#include "check.h"
#include "place.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* Between two looks at whether the conversion is still wanted. */
#define LOOK_MS 50

/* A converter looks every 10 ms, where its libraries let it. One that does not end within this
   is in one of them, and killed. */
#define GRACE_MS 200

struct tc_remote {
    const tc_exchange *pool;
    tc_dialogue with;
    uint64_t began_ns;
    const tc_cancel *cancel;
    tc_fail *fail;
    tc_fail damage;
    tc_facts facts;
    tc_report report; /* the last one */
    size_t length;    /* bytes of the result in `data` */
    uint64_t before;  /* ... and of all reports until then */
    bool told;        /* the facts are known */
    bool ended;       /* the last report was the final one, or the converter is gone */
    bool again;       /* all is in order, and another may have it */
    unsigned char data[TC_MESSAGE_DATA];
};

static tc_error gone(tc_remote *remote)
{
    remote->ended = true;
    return tc_fail_set(remote->fail, TC_E_CONVERTER,
                       "the converter process ended during the conversion");
}

static tc_error wrong(const tc_remote *remote, const char *what)
{
    return tc_fail_set(remote->fail, TC_E_CONVERTER,
                       "the converter process sent %s that cannot be right", what);
}

/* ---- reports ----------------------------------------------------------------------------- */

static tc_error take_failure(tc_remote *remote)
{
    const tc_report *report = &remote->report;

    if (!tc_check_error(report->error))
        return wrong(remote, "an error");
    remote->ended = true;
    remote->again = report->again == 1;
    return tc_fail_set(remote->fail, (tc_error)report->error, "%s", report->text);
}

static bool may_be_in_area(const tc_remote *remote, size_t came)
{
    const tc_report *report = &remote->report;

    return remote->with.area >= 0 && report->area == 1 && report->word.say == TC_SAY_DONE &&
           came == 0 && report->length <= TC_AREA;
}

/* Out of the area, where it can change at any time. */
static tc_error copy_area(tc_remote *remote)
{
    const tc_areas *areas = &remote->pool->areas;
    unsigned at = (unsigned)remote->with.area;

    memcpy(remote->data, tc_areas_at(areas, at), remote->report.length);
    return tc_areas_is(areas, at, remote->with.pid) ? TC_E_OK : gone(remote);
}

/* Bytes of the result, if there are any. */
static tc_error take_bytes(tc_remote *remote, size_t length)
{
    if (remote->report.area) {
        if (!may_be_in_area(remote, length))
            return wrong(remote, "an area");
        if (copy_area(remote))
            return remote->fail->error;
        length = remote->report.length;
    }
    if (!tc_check_length(&remote->report, length, remote->before) ||
        remote->before + length > tc_check_most(&remote->facts))
        return wrong(remote, "a length");
    if (length && remote->before == 0 && !tc_check_format(&remote->facts, remote->data, length))
        return wrong(remote, "a result");
    remote->length = length;
    remote->before += length;
    return TC_E_OK;
}

static tc_error take_report(tc_remote *remote, const tc_came *came)
{
    tc_report *report = &remote->report;

    if (came->length != sizeof *report || report->word.magic != TC_MESSAGE_MAGIC ||
        report->word.say < TC_SAY_HEADER || report->word.say > TC_SAY_FAILED)
        return wrong(remote, "a message");
    tc_check_bound(report, tc_clock_ns() - remote->began_ns);
    return report->word.say == TC_SAY_FAILED ? take_failure(remote) : TC_E_OK;
}

/* Wait for the next message, as long as somebody waits for the conversion. */
static tc_error receive(tc_remote *remote, tc_came *came)
{
    struct pollfd look = {remote->with.socket, POLLIN, 0};
    bool steady = remote->pool->steady;

    for (;;) {
        /* Before each message too: a large result is many of them, without a pause. */
        tc_error cancelled = tc_cancel_check(remote->cancel, remote->fail);
        int error;

        if (cancelled)
            return cancelled;
        if (!steady && poll(&look, 1, LOOK_MS) <= 0)
            continue;
        error = tc_message_receive(remote->with.socket, &remote->report, sizeof remote->report,
                                   remote->data, sizeof remote->data, 0, came,
                                   steady ? 0 : MSG_DONTWAIT);
        if (!error)
            return take_report(remote, came);
        if (error == EMSGSIZE)
            return wrong(remote, "a message");
        if (error != EAGAIN && error != EINTR)
            return gone(remote);
    }
}

static tc_error receive_bytes(tc_remote *remote)
{
    tc_came came;
    tc_error error = receive(remote, &came);

    if (!error)
        error = take_bytes(remote, came.more_length);
    if (!error && remote->report.word.say != TC_SAY_DONE && remote->length == 0)
        error = wrong(remote, "a message");
    return error;
}

static tc_error receive_facts(tc_remote *remote, const tc_remote_job *job)
{
    tc_came came;
    tc_error error = receive(remote, &came);

    if (error)
        return error;
    if (!tc_check_facts(&remote->report.facts, job->params, job->limits))
        return wrong(remote, "a plan");
    remote->facts = remote->report.facts;
    remote->told = true;
    return take_bytes(remote, came.more_length);
}

/* ---- opening ----------------------------------------------------------------------------- */

/* Whether this process can have another descriptor. */
static bool has_files(int other)
{
    int file = fcntl(other, F_DUPFD_CLOEXEC, 0);

    if (file >= 0)
        close(file);
    return file >= 0;
}

/* How long to wait for a message: of the dialogue, and so for all children that have it. */
static bool limit_wait(int dialogue)
{
    struct timeval wait = {0, LOOK_MS * 1000};

    return setsockopt(dialogue, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0;
}

/* Whether the message is a converter's, or of a child: which under mpm-itk are any user's, and
   then one's own user's. */
static bool is_ours(const tc_remote *remote, const tc_came *came)
{
    return came->pid && (came->user == remote->pool->user || came->user == geteuid());
}

/* A converter that `socket` has; EINTR: what it had is none. `own`: children send there. */
static int take_from(tc_remote *remote, int socket, bool own)
{
    tc_ready ready;
    tc_came came;
    int error =
        tc_message_receive(socket, &ready, sizeof ready, NULL, 0, 1, &came, MSG_DONTWAIT);
    pid_t pid;

    if (error)
        return error;
    pid = own ? (pid_t)ready.pid : came.pid;
    if (came.fd[0] >= 0 && pid > 0 && is_ours(remote, &came) &&
        tc_word_is(&ready.word, came.length, TC_SAY_READY, sizeof ready) &&
        (own || limit_wait(came.fd[0]))) {
        remote->with = (tc_dialogue){came.fd[0], pid, ready.place,
                                     tc_areas_find(&remote->pool->areas, pid)};
        return 0;
    }
    if (came.fd[0] >= 0)
        close(came.fd[0]);
    return EINTR;
}

/* Take a converter that is ready. */
static tc_error take(tc_remote *remote)
{
    const tc_exchange *pool = remote->pool;
    struct pollfd look[] = {{pool->idle, POLLIN, 0}, {pool->offers, POLLIN, 0}};

    if (tc_own_take(pool->own, &remote->with))
        return TC_E_OK;
    for (;;) {
        int error = take_from(remote, pool->idle, true);
        tc_error cancelled;

        if (error == EAGAIN)
            error = take_from(remote, pool->offers, false);
        if (!error)
            return TC_E_OK;
        /* Cut off, as there was no room for its descriptor; or it has too many, as none has. */
        if (error == EMSGSIZE && !has_files(pool->offers))
            return tc_fail_set(remote->fail, TC_E_NO_FILES, "%s", strerror(EMFILE));
        if (error != EAGAIN && error != EINTR && error != EMSGSIZE)
            return tc_fail_set(remote->fail, TC_E_CONVERTER, "the converters are gone: %s",
                               strerror(error));
        if (error == EAGAIN && tc_areas_hear(&pool->areas) == TC_STAFF_NONE)
            return tc_fail_set(remote->fail, TC_E_NO_CONVERTER,
                               "no converter process can be started");
        /* Each time: what is not a converter may come without an end. */
        cancelled = tc_cancel_check(remote->cancel, remote->fail);
        if (cancelled)
            return cancelled;
        if (error == EAGAIN)
            poll(look, 2, LOOK_MS);
    }
}

static void put_order(tc_order *order, const tc_remote_job *job)
{
    *order = (tc_order){.word = {TC_MESSAGE_MAGIC, TC_SAY_ORDER},
                        .params = *job->params,
                        .source_bytes = job->source_bytes,
                        .icon_bytes = job->icon_bytes,
                        .go_bytes = job->go_bytes,
                        .ends_ns = job->ends_ns,
                        .seconds = job->seconds,
                        .has_icon = job->icon >= 0};
    tc_order_put_limits(order, job->limits);
}

/* Give the order to a converter; those that have died since they were ready are passed over. */
static tc_error give(tc_remote *remote, const tc_remote_job *job)
{
    int fd[] = {job->source, job->icon};
    tc_order order;

    put_order(&order, job);
    for (;;) {
        tc_error error = take(remote);
        int failed;

        if (error)
            return error;
        order.area = remote->with.area >= 0;
        order.place = remote->pool->binds ? tc_place_here(remote->with.socket, remote->with.pid,
                                                          remote->with.place)
                                          : TC_PLACE_FIXED;
        failed = tc_message_send(remote->with.socket, &order, sizeof order, NULL, 0, fd,
                                 job->icon >= 0 ? 2 : 1, MSG_DONTWAIT);
        if (!failed)
            return TC_E_OK;
        close(remote->with.socket);
        remote->with.socket = -1;
        if (failed == ETOOMANYREFS)
            return tc_fail_set(remote->fail, TC_E_NO_FILES, "%s", strerror(failed));
    }
}

tc_error tc_remote_open(tc_remote **remote, const tc_exchange *pool, const tc_remote_job *job,
                        const tc_cancel *cancel, tc_fail *fail)
{
    tc_remote *made = malloc(sizeof *made);
    tc_error error;

    *remote = NULL;
    fail->error = TC_E_OK;
    if (!made)
        return tc_fail_set(fail, TC_E_NO_MEMORY, "out of memory for a result");
    memset(made, 0, offsetof(tc_remote, data));
    made->pool = pool;
    made->with.socket = -1;
    made->cancel = cancel;
    made->fail = fail;
    made->began_ns = tc_clock_ns();
    error = give(made, job);
    if (!error)
        error = receive_facts(made, job);
    if (error) {
        tc_remote_close(made);
        return error;
    }
    *remote = made;
    return TC_E_OK;
}

const tc_facts *tc_remote_facts(const tc_remote *remote)
{
    return &remote->facts;
}

uint64_t tc_remote_open_read_ns(const tc_remote *remote)
{
    return remote->report.open_read_ns;
}

uint64_t tc_remote_read_ns(const tc_remote *remote)
{
    return remote->report.read_ns;
}

const tc_fail *tc_remote_damage(const tc_remote *remote)
{
    return remote->damage.error == TC_E_OK ? NULL : &remote->damage;
}

/* ---- the result -------------------------------------------------------------------------- */

static tc_error say_go(tc_remote *remote)
{
    tc_word word = {TC_MESSAGE_MAGIC, TC_SAY_GO};

    /* From here on it may be in a library. */
    remote->report.word.say = TC_SAY_HEADER;
    return tc_message_send(remote->with.socket, &word, sizeof word, NULL, 0, NULL, 0,
                           MSG_DONTWAIT)
               ? gone(remote)
               : TC_E_OK;
}

tc_error tc_remote_run(tc_remote *remote, const tc_output *output, tc_stats *stats)
{
    tc_error error = remote->report.word.say == TC_SAY_WAIT ? say_go(remote) : TC_E_OK;

    while (!error) {
        if (remote->length)
            error = output->write(output->context, remote->data, remote->length);
        remote->length = 0;
        if (error || remote->report.word.say == TC_SAY_DONE)
            break;
        error = receive_bytes(remote);
    }
    if (error)
        return error;
    remote->ended = true;
    if (remote->before == 0)
        return wrong(remote, "a result");
    remote->again = remote->report.again == 1;
    if (remote->report.facts.damaged == 1)
        tc_fail_set(&remote->damage, TC_E_DAMAGED, "%s", remote->report.text);
    if (stats)
        *stats = remote->report.stats;
    return TC_E_OK;
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Whether the converter closes the dialogue in time, what it still sends being dropped. */
static bool stops(tc_remote *remote)
{
    uint64_t until = tc_clock_ns() + GRACE_MS * UINT64_C(1000000), now;
    struct pollfd look = {remote->with.socket, POLLIN, 0};
    tc_came came;

    shutdown(remote->with.socket, SHUT_WR);
    while ((now = tc_clock_ns()) < until) {
        if (poll(&look, 1, (int)((until - now) / 1000000) + 1) <= 0)
            continue;
        if (tc_message_receive(remote->with.socket, &remote->report, sizeof remote->report,
                               remote->data, sizeof remote->data, 0, &came,
                               MSG_DONTWAIT) == EPIPE)
            return true;
    }
    return false;
}

/*
 * The process of this id is the one that was ready: while it has its end of the dialogue it
 * lives. By a descriptor, which goes on to mean that very process should it end meanwhile.
 */
static void stop(const tc_remote *remote)
{
    struct pollfd look = {remote->with.socket, 0, 0};
    int process = (int)syscall(SYS_pidfd_open, remote->with.pid, 0);
    bool lives = poll(&look, 1, 0) == 0 || !(look.revents & POLLHUP);

    if (lives && process >= 0)
        syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
    else if (lives) /* before Linux 5.3, or in a container that does not know the call */
        kill(remote->with.pid, SIGKILL);
    if (process >= 0)
        close(process);
}

/* To the next child. Where there is no room for it, it is closed and the converter offers
   another. */
static void pass_on(const tc_remote *remote)
{
    tc_ready ready = {
        {TC_MESSAGE_MAGIC, TC_SAY_READY}, remote->with.place, (int32_t)remote->with.pid};

    tc_message_send(remote->pool->give, &ready, sizeof ready, NULL, 0, &remote->with.socket, 1,
                    MSG_DONTWAIT);
}

/* One that is right and done: for this process' next conversion, or another's. Where they are
   too few nobody keeps one that others may wait for. */
static void leave(tc_remote *remote)
{
    const tc_exchange *pool = remote->pool;

    remote->with.place = remote->report.place;
    if (tc_areas_hear(&pool->areas) == TC_STAFF_ALL && tc_own_put(pool->own, &remote->with))
        return;
    pass_on(remote);
    close(remote->with.socket);
}

void tc_remote_close(tc_remote *remote)
{
    if (!remote)
        return;
    if (remote->again) {
        leave(remote);
    } else if (remote->with.socket >= 0) {
        /* One that waits for the word to go on sees that it does not come. */
        if (!remote->ended && remote->report.word.say != TC_SAY_WAIT && !stops(remote))
            stop(remote);
        close(remote->with.socket);
    }
    free(remote);
}
