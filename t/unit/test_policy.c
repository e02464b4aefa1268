/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of admission: each function by a table, and together in simulated servers, in
 * which nothing is left to chance.
 */
#include "admission/policy.h"
#include "simulated.h"
#include "tap.h"

#include <string.h>

/* ---- sizes ------------------------------------------------------------------------- */

static void test_sizes(void)
{
    static const struct {
        uint32_t workers, reserve;
    } reserve[] = {{0, 0}, {1, 0},  {2, 0},  {3, 1},    {4, 1},    {8, 1},
                   {9, 3}, {16, 4}, {25, 7}, {150, 38}, {400, 100}};
    static const struct {
        long processors;
        uint32_t active;
    } active[] = {{-1, 3}, {0, 3}, {1, 3}, {2, 5}, {8, 17}};

    for (size_t at = 0; at < sizeof reserve / sizeof *reserve; at++)
        ok(tc_policy_reserve(reserve[at].workers) == reserve[at].reserve,
           "of %u workers %u are kept free", reserve[at].workers, reserve[at].reserve);
    for (size_t at = 0; at < sizeof active / sizeof *active; at++)
        ok(tc_policy_active(active[at].processors) == active[at].active,
           "%ld processors: %u places", active[at].processors, active[at].active);
    ok(!tc_policy_capped(2, 1) && !tc_policy_capped(5, 3) && tc_policy_capped(5, 4) &&
           !tc_policy_capped(0, 100),
       "the last of three places or more is for another client");
}

/* ---- the next ---------------------------------------------------------------------- */

static void test_pick(void)
{
    static const struct {
        const char *what;
        uint64_t free_kib;
        bool capped;
        unsigned count;
        tc_turn turn[4];
        int next, passes;
    } cases[] = {
        {"nothing waits", 100, false, 0, {{0}}, -1, -1},
        {"the smallest turn",
         100,
         false,
         3,
         {{9, 1, 1, 1, 0}, {5, 2, 2, 1, 0}, {7, 3, 3, 1, 0}},
         1,
         -1},
        {"of equal turns the first to come",
         100,
         false,
         2,
         {{5, 9, 1, 1, 0}, {5, 8, 2, 1, 0}},
         1,
         -1},
        {"one that fits passes one that does not",
         10,
         false,
         2,
         {{1, 1, 1, 50, 0}, {2, 2, 2, 5, 0}},
         1,
         0},
        {"one that is before it passes nothing",
         10,
         false,
         2,
         {{3, 1, 1, 50, 0}, {2, 2, 2, 5, 0}},
         1,
         -1},
        {"one passed often enough is next",
         10,
         false,
         2,
         {{1, 1, 1, 50, TC_PASSES}, {2, 2, 2, 5, 0}},
         0,
         -1},
        {"... but not before its turn",
         10,
         false,
         2,
         {{3, 1, 1, 50, TC_PASSES}, {2, 2, 2, 5, 0}},
         1,
         -1},
        {"one that lacks memory is next where nothing else waits",
         10,
         false,
         1,
         {{1, 1, 1, 50, 0}},
         0,
         -1},
        {"of those that lack memory the first is passed",
         10,
         false,
         3,
         {{2, 1, 1, 50, 0}, {1, 2, 2, 60, 0}, {3, 3, 3, 1, 0}},
         2,
         1},
        {"the client with all other places is left out",
         100,
         true,
         2,
         {{1, 1, 7, 1, 0}, {2, 2, 8, 1, 0}},
         1,
         -1},
        {"... though nothing else waits", 100, true, 1, {{1, 1, 7, 1, 0}}, -1, -1},
    };

    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        tc_pick pick = {
            .free_kib = cases[at].free_kib, .capped = cases[at].capped, .client = 7};
        unsigned next = 99;
        int passes = -2;
        bool found;

        for (unsigned i = 0; i < cases[at].count; i++)
            tc_pick_offer(&pick, &cases[at].turn[i], i);
        found = tc_pick_next(&pick, &next, &passes);
        ok(found == (cases[at].next >= 0) && (!found || (int)next == cases[at].next) &&
               passes == cases[at].passes,
           "next: %s", cases[at].what);
    }
}

/* ---- lasting overload ---------------------------------------------------------------- */

static void test_lasting(void)
{
    tc_waits waits = {0};
    uint64_t now = 100 * SECOND, bound = 2 * SECOND;

    ok(!tc_waits_lasting(&waits, now, 0, bound), "nothing waits: no overload");
    ok(tc_waits_lasting(&waits, now, 3 * SECOND, bound),
       "nothing was served, and the oldest waits for long: overload");
    tc_waits_note(&waits, now, 5 * SECOND);
    tc_waits_note(&waits, now + 900 * MS, 4 * SECOND);
    ok(tc_waits_lasting(&waits, now + SECOND, 5 * SECOND, bound),
       "a second in which the least wait was long: overload");
    tc_waits_note(&waits, now + SECOND, 10 * MS);
    ok(!tc_waits_lasting(&waits, now + SECOND, 5 * SECOND, bound), "one short wait ends it");
    ok(!tc_waits_lasting(&waits, now + 2 * SECOND, 5 * SECOND, bound), "... for a second");
    tc_waits_note(&waits, now + 2 * SECOND, 5 * SECOND);
    ok(!tc_waits_lasting(&waits, now + 2 * SECOND, 5 * SECOND, bound), "... at least");
    tc_waits_note(&waits, now + 3 * SECOND, 5 * SECOND);
    ok(tc_waits_lasting(&waits, now + 3 * SECOND, 5 * SECOND, bound), "... and no longer");
    ok(!tc_waits_lasting(&waits, now + 3 * SECOND, 0, bound), "what is over is over");
}

/* With a WAIT of ten seconds; and of a request that has one of httpd's workers. */
#define LOAD(...)                           \
    {                                       \
        .wait_us = 10 * SECOND, __VA_ARGS__ \
    }
#define HTTP1(...) LOAD(.worker = true, __VA_ARGS__)

static const struct {
    const char *what;
    tc_load load;
    tc_verdict verdict;
} verdicts[] = {
    {"a long queue, not for long", LOAD(.expected_us = 9 * SECOND), TC_WAIT},
    {"a queue longer than WAIT", LOAD(.expected_us = 11 * SECOND), TC_TOO_LONG},
    {"a long queue under lasting overload", LOAD(.expected_us = 9 * SECOND, .lasting = true),
     TC_TOO_LONG},
    {"a short wait under lasting overload", LOAD(.expected_us = SECOND, .lasting = true),
     TC_WAIT},
    {"two workers, both taken",
     HTTP1(.workers = 2, .held = 1, .own = 1, .reserve_us = 99 * SECOND), TC_WAIT},
    {"the reserve of a small server, not for long",
     HTTP1(.workers = 25, .held = 24, .own = 24, .reserve_us = 99 * SECOND), TC_WAIT},
    {"... under lasting overload", HTTP1(.lasting = true, .workers = 25, .held = 18, .own = 18),
     TC_NO_WORKERS},
    {"the reserve of a large server, at once",
     HTTP1(.workers = 150, .held = 130, .own = 130, .reserve_us = 100 * MS), TC_WAIT},
    {"... of which half is kept always", HTTP1(.workers = 150, .held = 131, .own = 131),
     TC_NO_WORKERS},
    {"... a quarter where the client has little", HTTP1(.workers = 150, .held = 140, .own = 14),
     TC_WAIT},
    {"... and no more", HTTP1(.workers = 150, .held = 141, .own = 0), TC_NO_WORKERS},
    {"... for a quarter of a second",
     HTTP1(.workers = 150, .held = 112, .own = 112, .reserve_us = 250 * MS), TC_NO_WORKERS},
    {"... by a client that has little",
     HTTP1(.workers = 150, .held = 120, .own = 5, .reserve_us = 9 * SECOND), TC_WAIT},
    {"... of which half is for such",
     HTTP1(.workers = 150, .held = 131, .own = 0, .reserve_us = 9 * SECOND), TC_NO_WORKERS},
    {"a stream of HTTP/2 has none of them",
     LOAD(.workers = 150, .held = 150, .own = 150, .reserve_us = 9 * SECOND), TC_WAIT},
    {"a server of 150 that has few processes yet, and a browser",
     HTTP1(.workers = 150, .held = 8, .own = 6, .pending = 500, .reserve_us = SECOND), TC_WAIT},
    {"... and a client that has most of them while very many wait",
     HTTP1(.workers = 150, .held = 8, .own = 7, .pending = 105, .reserve_us = 250 * MS),
     TC_NO_WORKERS},
    {"... not for so long yet",
     HTTP1(.workers = 150, .held = 8, .own = 7, .pending = 105, .reserve_us = 249 * MS),
     TC_WAIT},
    {"... nor with none that waits for a process",
     HTTP1(.workers = 150, .held = 8, .own = 7, .reserve_us = SECOND), TC_WAIT},
    {"... nor on a small server",
     HTTP1(.workers = 32, .held = 8, .own = 7, .pending = 105, .reserve_us = SECOND), TC_WAIT},
    {"... and one that has less than half of them",
     HTTP1(.workers = 150, .held = 20, .own = 10, .pending = 500, .reserve_us = SECOND),
     TC_WAIT},
    {"workers that nobody knows", HTTP1(.held = 1000), TC_WAIT},
};

static void test_verdict(void)
{
    for (size_t at = 0; at < sizeof verdicts / sizeof *verdicts; at++)
        ok(tc_policy_verdict(&verdicts[at].load) == verdicts[at].verdict, "verdict: %s",
           verdicts[at].what);
}

static void test_learn(void)
{
    uint64_t mean = tc_policy_learn(0, 4000);

    ok(mean == 4000, "the first is the mean");
    for (int i = 0; i < 100; i++)
        mean = tc_policy_learn(mean, 8000);
    ok(mean > 7500 && mean <= 8000, "... which follows: %llu", (unsigned long long)mean);
    ok(tc_policy_learn(0, 0) == 1, "nothing takes no time");
    ok(tc_policy_mean(7, 9) == 7 && tc_policy_mean(0, 9) == 9 && tc_policy_mean(0, 0) == 0 &&
           tc_policy_mean(3 * SECOND, 9) == 3 * SECOND &&
           tc_policy_mean(0, 3 * SECOND) == TC_COST_UNKNOWN,
       "a kind not seen yet is thought to be like the others, but not to take long");
    ok(tc_policy_pace(0, 4000, 4000) == TC_PACE, "as fast as was learned");
    mean = 0;
    for (int i = 0; i < 40; i++)
        mean = tc_policy_pace(mean, 4000, 12000);
    ok(mean > 5 * TC_PACE / 2 && mean <= 3 * TC_PACE, "... and a third as fast: %llu",
       (unsigned long long)mean);
    ok(tc_policy_pace(TC_PACE, 1, SECOND) < 2 * TC_PACE &&
           tc_policy_pace(TC_PACE, 0, UINT64_MAX / TC_PACE) < 2 * TC_PACE,
       "one of another kind counts little");
    ok(tc_policy_left(100, 30) == 70 && tc_policy_left(100, 100) == 0 &&
           tc_policy_left(100, 250) == 150,
       "what is left of a conversion, and of one that is overdue");
    ok(tc_policy_retry(0, 4) == 1 && tc_policy_retry(20 * SECOND, 4) == 6 &&
           tc_policy_retry(UINT64_MAX, 1) == 120 && tc_policy_retry(SECOND, 0) == 2,
       "Retry-After is the work ahead over the places");
}

/* ---- simulated servers ------------------------------------------------------------------ */

static void test_gallery(void)
{
    server server = make();
    uint64_t longest;
    bool good;

    add(&server, 1, 100, 0, 0, 4 * MS, 1);
    run(&server);
    good = ended(&server, 1, DONE, &longest) == 100 && longest < 300;
    ok(good, "a gallery of 100 thumbnails is served, the last after %llu ms",
       (unsigned long long)longest);
    free(server.request);
}

/* Slow ones, all done; then a gallery of a kind that was never seen. */
static void test_unknown(void)
{
    server server = make();
    uint64_t longest;
    bool good;

    add(&server, 1, 30, 0, 1600 * MS, 3 * SECOND, 1);
    add(&server, 2, 100, 60 * SECOND, 0, 4 * MS, 1);
    run(&server);
    good = ended(&server, 2, DONE, &longest) == 100 && longest < 300;
    ok(good,
       "after slow conversions a gallery of another kind is served, the last after %llu ms",
       (unsigned long long)longest);
    free(server.request);
}

static void test_newcomer(void)
{
    static const struct {
        const char *what;
        unsigned count;
        uint64_t cost, kib, most_ms;
    } hogs[] = {
        {"2,000 thumbnails", 2000, 4 * MS, 1, 100},
        {"36 blurs", 36, 700 * MS, 20, 200},
        {"8 plans of most of the memory", 8, 2 * SECOND, 900, 200},
        {"30 of a second each", 30, SECOND, 100, 200},
    };

    for (size_t at = 0; at < sizeof hogs / sizeof *hogs; at++) {
        server server = make();
        uint64_t longest, other;
        bool good;

        add(&server, 1, hogs[at].count, 0, 0, hogs[at].cost, hogs[at].kib);
        add(&server, 2, 6, 1500 * MS, 0, 4 * MS, 1);
        run(&server);
        good = ended(&server, 2, DONE, &longest) == 6 && longest <= hogs[at].most_ms;
        ok(good, "beside %s of one client another's six take %llu ms", hogs[at].what,
           (unsigned long long)longest);
        ok(ended(&server, 1, DONE, &other) + ended(&server, 1, LATE, &other) == hogs[at].count,
           "... and none of the others is refused before its time");
        free(server.request);
    }
}

/* Newcomers all the time, and one client with 60 at once, who is not to starve. */
static void test_stream(void)
{
    server server = make();
    uint64_t longest;
    bool good;

    for (unsigned client = 10; client < 1510; client++)
        add(&server, client, 1, (client - 10) * 4 * MS, 0, 7 * MS, 1);
    add(&server, 1, 60, 500 * MS, 0, 7 * MS, 1);
    run(&server);
    good = ended(&server, 1, DONE, &longest) == 60;
    ok(good, "beside a stream of newcomers a page of 60 is served, the last after %llu ms",
       (unsigned long long)longest);
    free(server.request);
}

/* A large plan beside small ones: neither starves. */
static void test_large(void)
{
    server server = make();
    uint64_t small, large;
    bool good;

    for (unsigned client = 10; client < 400; client++)
        add(&server, client, 1, (client - 10) * 10 * MS, 0, 16 * MS, 100);
    add(&server, 1, 2, 500 * MS, 0, 300 * MS, 950);
    run(&server);
    good = ended(&server, 1, DONE, &large) == 2 && large < 5000;
    ok(good, "two that need most of the memory get it: %llu ms", (unsigned long long)large);
    small = 0;
    for (unsigned client = 10; client < 400; client++) {
        uint64_t one;
        ended(&server, client, DONE, &one);
        small = one > small ? one : small;
    }
    ok(small > 0 && small < 2500, "... and what is small goes on meanwhile: %llu ms at most",
       (unsigned long long)small);
    free(server.request);
}

/* Ten times what it can carry, from many clients: all of one kind, of many kinds, and while
   other work comes to the processors, which is too late for those that wait then. */
static void test_overload(void)
{
    static const struct {
        const char *what;
        unsigned kinds;
        uint64_t slow_from, since;
    } cases[] = {{"one kind", 1, 0, 0},
                 {"64 kinds", 64, 0, 0},
                 {"a third as fast from then on", 64, 6 * SECOND, 8 * SECOND}};

    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        server server = make();
        unsigned count[LATE + 1] = {0};
        uint64_t busy = 0, could = 18 * SECOND, slow = cases[at].slow_from;

        server.slow_from = slow;
        for (unsigned client = 0; client < 9000; client++)
            add(&server, client, 1, client * 2 * MS, 0,
                (40 - cases[at].kinds / 2 + client % cases[at].kinds) * MS, 1);
        run(&server);
        for (unsigned i = 0; i < server.count; i++) {
            const request *it = &server.request[i];
            count[it->state] += it->arrives >= cases[at].since;
            busy += it->state == DONE ? it->work : 0;
        }
        could = slow ? slow + (could - slow) / 3 : could;
        ok(busy >= could * server.processors * 93 / 100,
           "ten times the load, %s: it is busy all the time", cases[at].what);
        ok(p99(&server, cases[at].since) < 10000,
           "... what is accepted ends within WAIT: %llu ms",
           (unsigned long long)p99(&server, cases[at].since));
        ok(count[REFUSED] > 4000 && count[LATE] < count[REFUSED] / 100,
           "... and what is not is told at once: %u, and %u late", count[REFUSED], count[LATE]);
        free(server.request);
    }
}

/* While 500 conversions a second are asked for, ten or a hundred times what can be made, a
   plain file every 20 ms. */
static void test_plain(void)
{
    static const struct {
        const char *what;
        unsigned workers, count;
        uint64_t work;
    } cases[] = {{"12 megapixels", 150, 4000, 40 * MS},
                 {"12 megapixels, 64 workers", 64, 4000, 40 * MS},
                 {"12 megapixels, 400 workers", 400, 4000, 40 * MS},
                 {"blurs", 150, 4000, 400 * MS}};

    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        server server = make();
        uint64_t gap = 2 * MS, plain, told;
        unsigned files = cases[at].count / 10, sent, refused;

        server.workers = cases[at].workers;
        for (unsigned client = 1; client <= cases[at].count; client++)
            add(&server, client, 1, client * gap, 0, cases[at].work, 1);
        add(&server, 0, files, 0, 20 * MS, 0, 0);
        for (unsigned i = 0; i < files; i++)
            server.request[server.count - 1 - i].plain = true;
        run(&server);
        plain = longest_of(&server, true, DONE, &sent);
        told = longest_of(&server, false, REFUSED, &refused);
        ok(sent == files && plain <= 20,
           "under overload, %s: a plain file takes %llu ms at most", cases[at].what,
           (unsigned long long)plain);
        ok(refused > cases[at].count / 2 && told <= 20, "... and a refusal %llu",
           (unsigned long long)told);
        free(server.request);
    }
}

/* Prefork's first seconds: one client comes with 1,000 connections at once, and all of them are
   before another's in the listen queue. */
static void test_growing(void)
{
    static const struct {
        const char *what;
        uint64_t work, from, most_ms;
    } cases[] = {{"thumbnails", 8 * MS, 0, 2100}, /* five processes until the first second */
                 {"blurs", 700 * MS, 0, 2800},
                 {"thumbnails", 8 * MS, 3 * SECOND, 300},
                 {"blurs", 700 * MS, 3 * SECOND, 1000}};

    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        server server = make();
        uint64_t longest;
        bool good;

        server.workers = 150;
        server.grows = true;
        add(&server, 1, 1000, cases[at].from, 0, cases[at].work, 1);
        add(&server, 2, 6, cases[at].from + SECOND / 2, 0, 8 * MS, 1);
        run(&server);
        good = ended(&server, 2, DONE, &longest) == 6 && longest < cases[at].most_ms;
        ok(good,
           "while processes are started, beside a thousand %s of one client another's six "
           "take %llu ms",
           cases[at].what, (unsigned long long)longest);
        free(server.request);
    }
}

/* A hundred at once, of one client or of many, while processes are started. */
static void test_growing_page(void)
{
    for (unsigned clients = 1; clients <= 20; clients += 19) {
        server server = make();
        uint64_t longest;
        unsigned served = 0;

        server.workers = 150;
        server.grows = true;
        for (unsigned client = 1; client <= clients; client++)
            add(&server, client, 100 / clients, 0, 0, 40 * MS, 1);
        run(&server);
        for (unsigned client = 1; client <= clients; client++)
            served += ended(&server, client, DONE, &longest);
        ok(served == 100, "... a hundred of %u are served, though it takes seconds: %u",
           clients, served);
        free(server.request);
    }
}

int main(void)
{
    test_sizes();
    test_pick();
    test_lasting();
    test_verdict();
    test_learn();
    test_gallery();
    test_unknown();
    test_newcomer();
    test_stream();
    test_large();
    test_overload();
    test_plain();
    test_growing();
    test_growing_page();
    return done_testing();
}
