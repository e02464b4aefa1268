/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that are simulated by the rules of admission/policy.h, in steps of a millisecond, so
 * that nothing is left to chance: arrivals of several clients, what each conversion takes, and
 * httpd's workers, which may be there from the start or be started by and by.
 */
#ifndef TC_SIMULATED_H
#define TC_SIMULATED_H

#include "admission/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define MS     UINT64_C(1000)
#define SECOND (1000 * MS)

#define MOST_REQUESTS 20000
#define KINDS         4096

typedef struct request {
    uint64_t arrives, work, kib;
    bool plain;    /* a file: it needs a worker for a moment, and no place */
    uint64_t came; /* when a worker took it, and it asked for its place */
    uint64_t cost; /* what it is thought to take with its place */
    unsigned client;
    uint64_t number, start, ends, turn;
    uint32_t passed;
    enum { COMING, WAITING, RUNNING, DONE, REFUSED, LATE } state;
    uint64_t began, ended;
} request;

typedef struct server {
    unsigned processors, places;
    unsigned workers; /* 0: as many as there are requests */
    bool grows;       /* ... of which prefork has few at first */
    unsigned held;    /* ... by those that wait or run */
    unsigned pending; /* that wait for one of them to take their connection */
    uint64_t reserve_since;
    uint64_t wait_us, budget_kib;
    bool capped;
    request *request;
    unsigned count;
    uint64_t now, virtual_now, number;
    tc_waits waits;
    uint64_t mean[KINDS], mean_all, pace;
    uint64_t slow_from; /* from then on a third as fast, for other work is on it; 0: never */
} server;

static unsigned running(const server *server, uint64_t *kib, unsigned *client, bool *one)
{
    unsigned count = 0;

    *kib = 0;
    *one = true;
    for (unsigned at = 0; at < server->count; at++) {
        const request *it = &server->request[at];
        if (it->state != RUNNING)
            continue;
        *one = *one && (count == 0 || *client == it->client);
        *client = it->client;
        *kib += it->kib;
        count++;
    }
    return count;
}

/* As many as there are processors run at full speed, more share them: each runs as fast as
   its share. Returns when the first ends. */
static double share(const server *server, unsigned active)
{
    double all = server->slow_from && server->now >= server->slow_from ? 3 : 1;

    return (active <= server->processors ? 1 : (double)server->processors / active) / all;
}

static void begin(server *server, request *it)
{
    it->state = RUNNING;
    it->began = server->now;
    if (it->start > server->virtual_now)
        server->virtual_now = it->start;
    tc_waits_note(&server->waits, server->now, server->now - it->came);
}

static void fill_places(server *server)
{
    for (;;) {
        uint64_t kib;
        unsigned client = 0, at, active;
        bool one;
        int passes;
        tc_pick pick = {0};

        active = running(server, &kib, &client, &one);
        if (active >= server->places)
            return;
        pick.free_kib = server->budget_kib - kib;
        pick.capped = server->capped && active + 1 == server->places && one &&
                      tc_policy_capped(server->places, active);
        pick.client = client;
        for (unsigned i = 0; i < server->count; i++) {
            const request *it = &server->request[i];
            tc_turn turn = {it->turn, it->number, it->client, it->kib, it->passed};
            if (it->state == WAITING)
                tc_pick_offer(&pick, &turn, i);
        }
        if (!tc_pick_next(&pick, &at, &passes) || server->request[at].kib > pick.free_kib)
            return;
        if (passes >= 0)
            server->request[passes].passed++;
        begin(server, &server->request[at]);
    }
}

/* As the module: it counts itself, and the reserve is in use until half of the rest is free. */
static void take_worker(server *server, tc_load *load)
{
    uint32_t most = server->workers - tc_policy_reserve(server->workers);

    server->held++;
    if (server->held + server->pending > most && !server->reserve_since)
        server->reserve_since = server->now;
    else if (!server->pending && server->held <= most / 2)
        server->reserve_since = 0;
    load->worker = true;
    load->workers = server->workers;
    load->held = server->held;
    load->pending = server->pending;
    load->reserve_us = server->reserve_since ? server->now - server->reserve_since : 0;
}

static bool has_place(const request *it)
{
    return it->state == WAITING || it->state == RUNNING;
}

/* Of its kind, or of all where nothing of its kind was seen. */
static uint64_t mean_of(const server *server, const request *it)
{
    return tc_policy_mean(server->mean[it->work / MS % KINDS], server->mean_all);
}

static void arrive(server *server, request *it)
{
    uint64_t start = server->virtual_now, ahead = 0, oldest = 0;
    uint64_t mean = mean_of(server, it);
    tc_load load = {.wait_us = server->wait_us};

    it->came = server->now;
    for (unsigned at = 0; at < server->count; at++) {
        const request *other = &server->request[at];
        if (!has_place(other) || other->client != it->client)
            continue;
        load.own++;
        if (other->ends > start)
            start = other->ends;
    }
    it->cost = mean ? mean * (server->pace ? server->pace : TC_PACE) / TC_PACE : TC_COST_BLIND;
    it->start = start;
    it->ends = start + it->cost;
    it->turn = tc_policy_turn(start, it->came);
    it->number = ++server->number;
    for (unsigned at = 0; at < server->count; at++) {
        const request *other = &server->request[at];
        if (other->state == RUNNING || (other->state == WAITING && other->turn <= it->turn))
            ahead += other->cost;
        if (other->state == WAITING && server->now - other->came > oldest)
            oldest = server->now - other->came;
    }
    load.expected_us = ahead / server->places;
    load.lasting = tc_waits_lasting(&server->waits, server->now, oldest, server->wait_us / 4);
    if (server->workers)
        take_worker(server, &load);
    it->state = tc_policy_verdict(&load) == TC_WAIT ? WAITING : REFUSED;
}

static void learn(server *server, const request *it)
{
    uint64_t *mean = &server->mean[it->work / MS % KINDS], took = it->ended - it->began;

    if (mean_of(server, it))
        server->pace = tc_policy_pace(server->pace, mean_of(server, it), took);
    *mean = tc_policy_learn(*mean, took);
    server->mean_all = tc_policy_learn(server->mean_all, took);
}

/* Of prefork's first seconds: as idle processes lack it starts 1, 2, 4 ... 32 more of them a
   second. */
static unsigned processes(const server *server)
{
    unsigned some = 5, more = 1;

    for (uint64_t at = SECOND; at <= server->now && some < server->workers; at += SECOND) {
        some += more;
        more = more < 32 ? 2 * more : 32;
    }
    return server->grows && some < server->workers ? some : server->workers;
}

static unsigned pending(const server *server, unsigned next)
{
    unsigned count = 0;

    while (next + count < server->count && server->request[next + count].arrives <= server->now)
        count++;
    return count;
}

/* Those that came, in their order, while a worker is free: one that is refused and a plain file
   have it for this millisecond. */
static unsigned accept_some(server *server, unsigned next)
{
    unsigned brief = 0, workers = processes(server);

    for (; next < server->count && server->request[next].arrives <= server->now; next++) {
        request *it = &server->request[next];

        if (server->workers && server->held + brief >= workers)
            break;
        server->pending = server->grows ? pending(server, next + 1) : 0;
        if (it->plain)
            it->state = DONE;
        else
            arrive(server, it);
        if (has_place(it))
            continue;
        it->ended = server->now;
        brief++;
        server->held -= it->state == REFUSED && server->workers;
    }
    return next;
}

/* Whether it is over after another millisecond, of which `share` was for it. */
static bool goes_on(server *server, request *it, double *done, double share)
{
    if (it->state == WAITING && server->now - it->came > server->wait_us)
        it->state = LATE;
    if (it->state == RUNNING) {
        *done += (double)MS * share;
        if (*done >= (double)it->work)
            it->state = DONE;
    }
    if (has_place(it))
        return true;
    it->ended = server->now;
    server->held -= server->workers != 0;
    if (it->state == DONE)
        learn(server, it);
    return false;
}

/* Until all have come and gone, in steps of a millisecond. */
static void simulate(server *server)
{
    unsigned next = 0, open = 1;
    double *done = calloc(server->count, sizeof *done);

    while (done && (open > 0 || next < server->count)) {
        uint64_t kib;
        unsigned client, active;
        bool one;

        next = accept_some(server, next);
        fill_places(server);
        active = running(server, &kib, &client, &one);
        server->now += MS;
        open = 0;
        for (unsigned at = 0; at < next; at++) {
            request *it = &server->request[at];
            open += has_place(it) && goes_on(server, it, &done[at], share(server, active));
        }
    }
    free(done);
}

/* `count` more of one client, `gap` apart from `from` on. Arrivals of a simulation must rise.
 */
static void add(server *server, unsigned client, unsigned count, uint64_t from, uint64_t gap,
                uint64_t work, uint64_t kib)
{
    for (unsigned i = 0; i < count; i++)
        server->request[server->count++] =
            (request){.arrives = from + i * gap, .work = work, .kib = kib, .client = client};
}

static int by_arrival(const void *a, const void *b)
{
    const request *one = a, *other = b;

    return one->arrives < other->arrives ? -1 : one->arrives > other->arrives;
}

static server make(void)
{
    server made = {.processors = 2,
                   .places = 5,
                   .wait_us = 10 * SECOND,
                   .budget_kib = 1000,
                   .capped = true};

    made.request = calloc(MOST_REQUESTS, sizeof *made.request);
    return made;
}

static void run(server *server)
{
    qsort(server->request, server->count, sizeof *server->request, by_arrival);
    simulate(server);
}

/* How many of a client ended so; and the longest that one of them took, in milliseconds. */
static unsigned ended(const server *server, unsigned client, int state, uint64_t *longest)
{
    unsigned count = 0;

    *longest = 0;
    for (unsigned at = 0; at < server->count; at++) {
        const request *it = &server->request[at];
        if (it->client != client || (int)it->state != state)
            continue;
        count++;
        if ((it->ended - it->arrives) / MS > *longest)
            *longest = (it->ended - it->arrives) / MS;
    }
    return count;
}

static int by_number(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

/* Of those that came from `since` on and were served, the time that 99 % of them stayed under,
   in milliseconds. */
static uint64_t p99(const server *server, uint64_t since)
{
    uint64_t *took = calloc(server->count, sizeof *took), found;
    unsigned count = 0;

    for (unsigned at = 0; at < server->count; at++) {
        const request *it = &server->request[at];
        if (it->state == DONE && it->arrives >= since)
            took[count++] = (it->ended - it->arrives) / MS;
    }
    qsort(took, count, sizeof *took, by_number);
    found = count ? took[count * 99 / 100] : 0;
    free(took);
    return found;
}

/* Of those that ended so, the longest from arrival to end, in milliseconds; and how many. */
static uint64_t longest_of(const server *server, bool plain, int state, unsigned *count)
{
    uint64_t longest = 0;

    *count = 0;
    for (unsigned at = 0; at < server->count; at++) {
        const request *it = &server->request[at];
        if (it->plain != plain || (int)it->state != state)
            continue;
        ++*count;
        if ((it->ended - it->arrives) / MS > longest)
            longest = (it->ended - it->arrives) / MS;
    }
    return longest;
}

#endif
