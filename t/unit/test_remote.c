/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a converter may say. A process here plays one: told the truth, a conversion is taken;
 * with any one thing of it altered it fails, nothing else happens to this process, and one that
 * does not answer is killed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "converter/place.h"
#include "converter/pool.h"
#include "converter/remote.h"
#include "tap.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESULT 1000

/* A conversation as a converter has it; altered by a lie. */
typedef struct told {
    tc_report report;
    unsigned char data[TC_MESSAGE_DATA + 1];
    size_t report_length, data_length;
    int fd; /* goes with the report; -1: none */
    bool silent, closes, endless;
    bool in_area;   /* the data is, and does not come */
    bool too_early; /* the area is another's by the time it is read */
} told;

/* Where the area of the process that tells can be written. */
static tc_areas written;

typedef struct lie {
    const char *name;
    void (*tell)(told *told);
    tc_error error; /* what comes of it */
} lie;

static tc_params params;
static tc_limits limits = {.max_pixels = 1000000,
                           .max_output_w = 1000,
                           .max_output_h = 1000,
                           .max_output_pixels = 100000,
                           .max_memory = 1 << 20};

/* ---- lies ----------------------------------------------------------------------------------
 */

static void truth(told *told)
{
    (void)told;
}

#define LIE(name, statement)     \
    static void name(told *told) \
    {                            \
        statement;               \
    }

LIE(magic, told->report.word.magic++)
LIE(word_of_a_child, told->report.word.say = TC_SAY_GO)
LIE(unknown_word, told->report.word.say = 77)
LIE(short_report, told->report_length -= 4; told->data_length = 0)
LIE(no_source, told->report.facts.source = TC_FORMAT_NONE)
LIE(wild_source, told->report.facts.source = UINT32_MAX)
LIE(wild_target, told->report.facts.target = 1000000)
LIE(not_written, told->report.facts.target = TC_FORMAT_TIFF)
LIE(other_target, told->report.facts.target = TC_FORMAT_PNG)
LIE(no_width, told->report.facts.width = 0)
LIE(many_pixels, told->report.facts.width = 1001; told->report.facts.height = 1000)
LIE(overflow, told->report.facts.width = told->report.facts.height = UINT32_MAX)
LIE(no_output, told->report.facts.output_h = 0)
LIE(wide_output, told->report.facts.output_w = 1001)
LIE(large_output, told->report.facts.output_w = told->report.facts.output_h = 400)
LIE(much_memory, told->report.facts.plan_bytes = (1 << 20) + 1)
LIE(pass, told->report.facts.pass = 1)
LIE(pass_of_two, told->report.facts.pass = 2)
LIE(more_than_there_is, told->report.length++; told->report.total++)
LIE(less_than_there_is, told->report.length--; told->report.total--)
LIE(wrong_total, told->report.total++)
LIE(too_long, told->data_length = sizeof told->data; told->report.length = sizeof told->data;
    told->report.total = sizeof told->data)
LIE(nothing, told->data_length = 0; told->report.length = 0; told->report.total = 0)
LIE(another_format, memcpy(told->data, "\x89PNG\r\n\x1a\n", 8))
LIE(no_picture, memcpy(told->data, "<script>", 8))
LIE(endless, told->endless = true)
LIE(closes, told->closes = true)
LIE(silent, told->silent = true)
LIE(area, told->in_area = true; told->report.area = 1; told->data_length = 0)
LIE(two_places, told->report.area = 1)
LIE(area_of_two, area(told); told->report.area = 2)
LIE(area_too_long, area(told); told->report.length = told->report.total = TC_AREA + 1)
LIE(area_of_a_part, area(told); told->report.word.say = TC_SAY_HEADER)
LIE(area_without_a_picture, area(told); memcpy(told->data, "<script>", 8))
LIE(area_of_another, area(told); told->too_early = true)
LIE(gives_descriptor, told->fd = 0)
LIE(redirect, told->report.word.say = TC_SAY_FAILED; told->report.error = TC_E_SPELLING;
    told->report_length = sizeof told->report; told->data_length = 0)
LIE(no_error, told->report.word.say = TC_SAY_FAILED; told->report.error = TC_E_OK;
    told->data_length = 0)
LIE(wild_error, told->report.word.say = TC_SAY_FAILED; told->report.error = 4000000000;
    told->data_length = 0)
LIE(not_a_size, told->report.word.say = TC_SAY_FAILED; told->report.error = TC_E_SIZE;
    told->data_length = 0)
LIE(damage, told->report.word.say = TC_SAY_FAILED; told->report.error = TC_E_DAMAGED;
    memset(told->report.text, 'x', sizeof told->report.text); told->data_length = 0)

static const lie lies[] = {
    {"another magic number", magic, TC_E_CONVERTER},
    {"a word that children say", word_of_a_child, TC_E_CONVERTER},
    {"a word that does not exist", unknown_word, TC_E_CONVERTER},
    {"a report cut short", short_report, TC_E_CONVERTER},
    {"an original without a format", no_source, TC_E_CONVERTER},
    {"an original of a format past the last", wild_source, TC_E_CONVERTER},
    {"a result of a format past the last", wild_target, TC_E_CONVERTER},
    {"a result of a format that is not written", not_written, TC_E_CONVERTER},
    {"a result of another format than was asked for", other_target, TC_E_CONVERTER},
    {"no width", no_width, TC_E_CONVERTER},
    {"more pixels than are allowed", many_pixels, TC_E_CONVERTER},
    {"pixels that overflow", overflow, TC_E_CONVERTER},
    {"no height of the result", no_output, TC_E_CONVERTER},
    {"a result that is too wide", wide_output, TC_E_CONVERTER},
    {"a result of too many pixels", large_output, TC_E_CONVERTER},
    {"a plan of too much memory", much_memory, TC_E_CONVERTER},
    {"a picture to be passed through that nobody wants so", pass, TC_E_CONVERTER},
    {"a truth value of 2", pass_of_two, TC_E_CONVERTER},
    {"more bytes than there are", more_than_there_is, TC_E_CONVERTER},
    {"fewer bytes than there are", less_than_there_is, TC_E_CONVERTER},
    {"a sum that is not one", wrong_total, TC_E_CONVERTER},
    {"more bytes than fit", too_long, TC_E_CONVERTER},
    {"no result", nothing, TC_E_CONVERTER},
    {"a result of another format than it says", another_format, TC_E_CONVERTER},
    {"a result that is not a picture", no_picture, TC_E_CONVERTER},
    {"a result without an end", endless, TC_E_CONVERTER},
    {"an end without a word", closes, TC_E_CONVERTER},
    {"no word at all", silent, TC_E_TIMEOUT},
    {"a result in two places", two_places, TC_E_CONVERTER},
    {"an area of 2", area_of_two, TC_E_CONVERTER},
    {"more bytes than an area has", area_too_long, TC_E_CONVERTER},
    {"an area that is not all of the result", area_of_a_part, TC_E_CONVERTER},
    {"an area without a picture", area_without_a_picture, TC_E_CONVERTER},
    {"an area that is another's by then", area_of_another, TC_E_CONVERTER},
    {"a redirect", redirect, TC_E_CONVERTER},
    {"a failure without an error", no_error, TC_E_CONVERTER},
    {"an error past the last", wild_error, TC_E_CONVERTER},
    {"a size that the picture does not have", not_a_size, TC_E_SIZE},
    {"damage, in a text without an end", damage, TC_E_DAMAGED},
};

/* ---- the process that tells them
 * ------------------------------------------------------------- */

static void make_truth(told *told)
{
    memset(told, 0, sizeof *told);
    told->report.word = (tc_word){TC_MESSAGE_MAGIC, TC_SAY_DONE};
    told->report.facts = (tc_facts){.source = TC_FORMAT_JPEG,
                                    .target = TC_FORMAT_JPEG,
                                    .width = 400,
                                    .height = 300,
                                    .output_w = 40,
                                    .output_h = 30,
                                    .plan_bytes = 1000};
    told->report.length = RESULT;
    told->report.total = RESULT;
    told->report.again = 1; /* where it lies no other request is to have it */
    told->report.stats = (tc_stats){UINT64_MAX, UINT64_MAX, UINT64_MAX};
    told->report.read_ns = told->report.open_read_ns = UINT64_MAX;
    told->report_length = sizeof told->report;
    told->data_length = RESULT;
    memset(told->data, 'd', sizeof told->data);
    memcpy(told->data, "\xff\xd8\xff\xe0", 4);
    told->fd = -1;
}

static void say(int dialogue, const told *told)
{
    if (told->in_area)
        memcpy((unsigned char *)tc_areas_at(&written, 0), told->data, RESULT);
    if (told->too_early)
        tc_areas_give(&written, 0, 1);
    tc_message_send(dialogue, &told->report, told->report_length, told->data, told->data_length,
                    &told->fd, told->fd >= 0, 0);
}

static void say_without_end(int dialogue, told *told)
{
    told->report.word.say = TC_SAY_HEADER;
    while (tc_message_send(dialogue, &told->report, told->report_length, told->data,
                           told->data_length, NULL, 0, 0) == 0) {
        told->report.word.say = TC_SAY_PART;
        told->report.total += told->report.length;
    }
}

static const tc_ready READY = {{TC_MESSAGE_MAGIC, TC_SAY_READY}, TC_PLACE_ANY, 1};

/* Returns its end of the dialogue. */
static int offer(int pool)
{
    int end[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end) ||
        tc_message_send(pool, &READY, sizeof READY, NULL, 0, &end[1], 1, 0))
        _exit(3);
    close(end[1]);
    return end[0];
}

static void take_order(int dialogue)
{
    static tc_order order;
    tc_came came;

    if (tc_message_receive(dialogue, &order, sizeof order, NULL, 0, 2, &came, 0) ||
        !tc_word_is(&order.word, came.length, TC_SAY_ORDER, sizeof order) || came.fd[0] < 0)
        _exit(4);
    close(came.fd[0]);
}

__attribute__((noreturn)) static void play(int pool, const lie *lie)
{
    static told told;
    int dialogue = offer(pool);

    take_order(dialogue);
    make_truth(&told);
    lie->tell(&told);
    if (told.closes)
        _exit(0);
    if (told.silent)
        for (;;)
            pause();
    if (told.endless)
        say_without_end(dialogue, &told);
    else
        say(dialogue, &told);
    _exit(0);
}

/* Two orders in one dialogue, with the truth for each, and no third. */
__attribute__((noreturn)) static void play_twice(int pool)
{
    static told told;
    int dialogue = offer(pool);

    for (int left = 1; left >= 0; left--) {
        take_order(dialogue);
        make_truth(&told);
        told.report.again = (uint32_t)left;
        told.report.place = TC_PLACE_ANY;
        say(dialogue, &told);
    }
    _exit(0);
}

/* One that has many others wait meanwhile, and sees how its dialogue ends. */
__attribute__((noreturn)) static void play_full(int pool, int give)
{
    static told told;
    int dialogue = offer(pool), error;
    tc_came came;

    take_order(dialogue);
    while (tc_message_send(give, &READY, sizeof READY, NULL, 0, NULL, 0, MSG_DONTWAIT) == 0)
        ;
    make_truth(&told);
    say(dialogue, &told);
    error = tc_message_receive(dialogue, &told, sizeof told, NULL, 0, 0, &came, 0);
    _exit(error == EPIPE ? 0 : 5);
}

/* ---- and the one that listens
 * ---------------------------------------------------------------- */

/* Only where nothing comes is it short. */
#define LITTLE UINT64_C(300000000)
#define MUCH   UINT64_C(60000000000)

static uint64_t ends_ns;

static tc_error check(void *context)
{
    tc_fail *fail = context;

    return tc_clock_ns() > ends_ns ? tc_fail_set(fail, TC_E_TIMEOUT, "late") : TC_E_OK;
}

typedef struct heard {
    size_t bytes;
    tc_error error;
    tc_fail fail;
    tc_stats stats;
    uint64_t read_ns, took_ns;
    int status;  /* of the process that told */
    bool passed; /* another conversion could have that converter */
} heard;

static tc_error write_result(void *context, const void *data, size_t length)
{
    heard *heard = context;

    (void)data;
    heard->bytes += length;
    return TC_E_OK;
}

static void convert(heard *heard, const tc_exchange *pool, uint64_t patience_ns)
{
    int source = open("/dev/null", O_RDONLY | O_CLOEXEC);
    tc_cancel cancel = {check, &heard->fail, NULL};
    tc_remote_job job = {.source = source,
                         .source_bytes = 1,
                         .icon = -1,
                         .params = &params,
                         .limits = &limits,
                         .go_bytes = UINT64_MAX};
    tc_output output = {write_result, heard};
    uint64_t began = tc_clock_ns();
    tc_remote *remote;

    ends_ns = began + patience_ns;
    heard->error = tc_remote_open(&remote, pool, &job, &cancel, &heard->fail);
    if (!heard->error)
        heard->error = tc_remote_run(remote, &output, &heard->stats);
    if (!heard->error)
        heard->read_ns = tc_remote_read_ns(remote);
    tc_remote_close(remote);
    heard->took_ns = tc_clock_ns() - began;
    close(source);
}

/* Both ways to wait for a message. */
static bool steady;

/* Returns the converters' end. */
static int open_exchange(tc_exchange *pool)
{
    int converters, areas;

    *pool = (tc_exchange){.steady = steady};
    if (tc_message_pair(&pool->offers, &converters) ||
        tc_message_pair(&pool->idle, &pool->give) || tc_areas_make(&pool->areas, 1, &areas) ||
        tc_areas_map(&written, 1, areas))
        bail_out("no sockets");
    close(areas);
    return converters;
}

static void close_exchange(tc_exchange *pool)
{
    tc_areas_unmap(&written);
    tc_areas_unmap(&pool->areas);
    close(pool->offers);
    close(pool->idle);
    close(pool->give);
}

static bool has_idle(const tc_exchange *pool)
{
    char byte;

    return recv(pool->idle, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* `has_area`: the one that tells has it. */
static heard hear_with(const lie *lie, bool has_area)
{
    heard heard = {0};
    tc_exchange pool;
    int converters = open_exchange(&pool);
    pid_t pid = fork();

    if (pid < 0)
        bail_out("no process");
    if (pid == 0)
        play(converters, lie);
    close(converters);
    if (has_area)
        tc_areas_give(&written, 0, pid);
    convert(&heard, &pool, lie->tell == silent ? LITTLE : MUCH);
    heard.passed = has_idle(&pool);
    waitpid(pid, &heard.status, 0);
    close_exchange(&pool);
    return heard;
}

static heard hear(const lie *lie)
{
    return hear_with(lie, true);
}

static unsigned open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void test_truth(void)
{
    static const lie honest = {"the truth", truth, TC_E_OK};
    heard heard = hear(&honest);

    ok(heard.error == TC_E_OK && heard.bytes == RESULT, "the truth is taken");
    ok(heard.stats.decode_ns <= heard.took_ns && heard.stats.encode_ns <= heard.took_ns &&
           heard.read_ns <= heard.took_ns,
       "... but for times, which are no longer than it took");
    ok(heard.passed, "... and the converter is left to the next");
}

static void test_areas(void)
{
    static const lie honest = {"the truth", area, TC_E_OK};
    heard heard = hear(&honest);

    ok(heard.error == TC_E_OK && heard.bytes == RESULT && heard.passed,
       "the truth in an area is taken");
    heard = hear_with(&honest, false);
    ok(heard.error == TC_E_CONVERTER && !heard.passed,
       "... but not of a converter that has none");
}

static void test_lies(void)
{
    unsigned before = open_files();

    for (size_t at = 0; at < sizeof lies / sizeof lies[0]; at++) {
        heard heard = hear(&lies[at]);

        if (!ok(heard.error == lies[at].error && heard.fail.error == lies[at].error, "%s",
                lies[at].name))
            printf("# error %d: %s\n", heard.error, heard.fail.text);
        ok(heard.passed == (heard.error == TC_E_SIZE || heard.error == TC_E_DAMAGED),
           "... and the next request gets %s",
           heard.passed ? "the converter, which was right" : "another converter");
        if (lies[at].tell == silent)
            ok(WIFSIGNALED(heard.status) && WTERMSIG(heard.status) == SIGKILL,
               "... and it is killed");
        if (lies[at].tell == endless)
            ok(heard.bytes <= ((size_t)40 * 30 * 8 + (16 << 20)), "... ends after %zu bytes",
               heard.bytes);
        if (lies[at].tell == damage)
            ok(strlen(heard.fail.text) == sizeof heard.fail.text - 1, "... which is cut off");
    }
    ok(open_files() == before, "no descriptor is left of all that");
}

/* A descriptor with a report would be the start of an exhaustion. */
static void test_descriptor(void)
{
    static const lie gift = {"a descriptor", gives_descriptor, TC_E_OK};
    unsigned before = open_files();
    heard heard = hear(&gift);

    ok(heard.error == TC_E_CONVERTER, "a report with a descriptor is refused");
    ok(open_files() == before, "... and the descriptor is closed");
}

/* What is in the pool's socket that cannot be a converter, before one that is. */
static void test_tokens(void)
{
    static const lie honest = {"the truth", truth, TC_E_OK};
    tc_ready other = {{1, 2}, 0, 0};
    heard heard = {0};
    tc_exchange pool;
    int converters = open_exchange(&pool);
    int file = open("/dev/null", O_RDONLY), end[2], both[] = {file, file};
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, end))
        bail_out("no sockets");
    tc_message_send(converters, &READY, sizeof READY, NULL, 0, NULL, 0, 0);
    tc_message_send(converters, &other, sizeof other, NULL, 0, &end[1], 1, 0);
    tc_message_send(converters, &READY, sizeof READY.word, NULL, 0, &end[1], 1, 0);
    tc_message_send(converters, &READY, sizeof READY, NULL, 0, &file, 1, 0);
    tc_message_send(converters, &READY, sizeof READY, NULL, 0, both, 2, 0);
    tc_message_send(converters, &READY, sizeof READY, NULL, 0, &end[1], 1, 0);
    tc_message_send(pool.give, &READY, sizeof READY, NULL, 0, &end[1], 1, 0);
    close(end[1]);
    close(end[0]); /* one that has died since it was ready */
    pid = fork();
    if (pid == 0)
        play(converters, &honest);
    close(converters);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_OK, "what cannot be a converter, or has died, is passed over");
    waitpid(pid, NULL, 0);
    heard.fail.error = TC_E_OK;
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_CONVERTER, "without any that is left it fails at once");
    close_exchange(&pool);
    close(file);
}

/* The pool's socket is full of what is no converter, and stays so. */
static void test_flood(void)
{
    heard heard = {0};
    tc_exchange pool;
    int fd[] = {STDIN_FILENO, STDIN_FILENO};
    pid_t pid;

    for (unsigned fds = 0; fds <= 2; fds += 2) {
        int converters = open_exchange(&pool);

        if ((pid = fork()) < 0)
            bail_out("no process");
        if (pid == 0) {
            close(pool.offers);
            while (tc_message_send(converters, &READY, sizeof READY, NULL, 0, fd, fds, 0) == 0)
                ;
            _exit(0);
        }
        close(converters);
        heard.fail.error = TC_E_OK;
        convert(&heard, &pool, LITTLE);
        ok(heard.error == TC_E_TIMEOUT, "a flood of words with %u descriptors is left in time",
           fds);
        close_exchange(&pool);
        waitpid(pid, NULL, 0);
    }
}

/* Take all descriptors that this process can have but `left`. Returns how many were taken. */
static unsigned take_files(int *taken, unsigned most, unsigned left)
{
    unsigned count = 0;

    while (count < most && (taken[count] = dup(STDIN_FILENO)) >= 0)
        count++;
    for (unsigned at = 0; at < left; at++)
        close(taken[--count]);
    return count;
}

/* Words with two descriptors for a process that has room for one. A limit that is low would do
   as well, but bounds what all processes of this user have on their way in sockets too. */
static void test_little_room(void)
{
    enum { MOST = 1024 };
    static const lie honest = {"the truth", truth, TC_E_OK};
    static int taken[MOST];
    struct rlimit limit, less;
    heard heard = {0};
    tc_exchange pool;
    int converters, fd[] = {STDIN_FILENO, STDIN_FILENO};
    unsigned count;
    pid_t pid;

    getrlimit(RLIMIT_NOFILE, &limit);
    less = limit;
    less.rlim_cur = limit.rlim_cur < MOST ? limit.rlim_cur : MOST;
    if (setrlimit(RLIMIT_NOFILE, &less))
        bail_out("no limit");
    converters = open_exchange(&pool);
    for (unsigned at = 0; at < 3; at++)
        tc_message_send(converters, &READY, sizeof READY, NULL, 0, fd, 2, 0);
    pid = fork();
    if (pid == 0)
        play(converters, &honest);
    close(converters);
    count = take_files(taken, MOST, 2); /* for the original, and the one */
    convert(&heard, &pool, MUCH);
    while (count)
        close(taken[--count]);
    if (!ok(heard.error == TC_E_OK, "two descriptors, with room for one: passed over too"))
        printf("# %s\n", heard.fail.text);
    waitpid(pid, NULL, 0);
    close_exchange(&pool);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* One dialogue, offered once, serves as long as the converter says so. */
static void test_again(void)
{
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int converters = open_exchange(&pool), status;
    pid_t pid = fork();

    if (pid == 0)
        play_twice(converters);
    close(converters);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_OK && has_idle(&pool), "a converter is left to the next");
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_OK && heard.bytes == 2 * RESULT, "... which has it");
    ok(!has_idle(&pool), "... and leaves it to no other, as it says");
    waitpid(pid, &status, 0);
    convert(&heard, &pool, MUCH);
    ok(status == 0 && heard.error == TC_E_CONVERTER, "... and so there is none");
    close_exchange(&pool);
    ok(open_files() == before, "... nor any descriptor");
}

/* An exchange of which this process may keep one converter. */
static int open_own_exchange(tc_exchange *pool, int *claims)
{
    int converters = open_exchange(pool);

    *claims = tc_own_file();
    pool->own = tc_own_make(*claims, 1);
    if (!pool->own)
        bail_out("no memory");
    return converters;
}

static void close_own_exchange(tc_exchange *pool, int claims)
{
    tc_own_free(pool->own);
    close(claims);
    close_exchange(pool);
}

/* The same process has it again without a word to others. */
static void test_own(void)
{
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int claims, converters = open_own_exchange(&pool, &claims), status;
    pid_t pid = fork();

    if (pid == 0)
        play_twice(converters);
    close(converters);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_OK && !has_idle(&pool), "a converter is kept from others");
    convert(&heard, &pool, MUCH);
    waitpid(pid, &status, 0);
    ok(heard.error == TC_E_OK && heard.bytes == 2 * RESULT && status == 0,
       "... and has the next order");
    close_own_exchange(&pool, claims);
    ok(open_files() == before, "... without a descriptor that is left");
}

/* It has died since: not an error of the next request, while there are others. */
static void test_own_dead(void)
{
    static const lie honest = {"the truth", truth, TC_E_OK};
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int claims, converters = open_own_exchange(&pool, &claims);

    for (int at = 0; at < 2; at++) {
        pid_t pid = fork();

        if (pid == 0)
            play(converters, &honest); /* says that it is there for another one, and ends */
        convert(&heard, &pool, MUCH);
        waitpid(pid, NULL, 0);
        ok(heard.error == TC_E_OK && !has_idle(&pool),
           at ? "... is passed over, and the next one kept" : "a kept one that dies");
    }
    close(converters);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_CONVERTER, "... until there is none");
    close_own_exchange(&pool, claims);
    ok(open_files() == before, "... without a descriptor that is left");
}

/* What the keeper says of its converters. */
static void test_staff(void)
{
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int claims, converters = open_own_exchange(&pool, &claims), status;
    pid_t pid;

    tc_areas_say(&written, TC_STAFF_NONE);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_NO_CONVERTER && heard.took_ns < MUCH / 2,
       "where none can be started none is waited for");
    tc_areas_say(&written, TC_STAFF_SOME);
    pid = fork();
    if (pid == 0)
        play_twice(converters);
    close(converters);
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_OK && has_idle(&pool),
       "where they are few none is kept from others");
    tc_areas_say(&written, TC_STAFF_NONE);
    convert(&heard, &pool, MUCH);
    waitpid(pid, &status, 0);
    ok(heard.error == TC_E_OK && status == 0, "... and one that is there serves in any case");
    close_own_exchange(&pool, claims);
    ok(open_files() == before, "... without a descriptor that is left");
}

/* What a process of another user says is no converter's: it would get the original. */
static void test_stranger(void)
{
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int converters = open_exchange(&pool), fd[] = {STDIN_FILENO};
    tc_ready ready = {{TC_MESSAGE_MAGIC, TC_SAY_READY}, TC_PLACE_FIXED, (int32_t)getpid()};
    pid_t pid = fork();

    if (pid == 0) {
        int error = setuid(65534) != 0;

        error |= tc_message_send(pool.give, &ready, sizeof ready, NULL, 0, fd, 1, 0) != 0;
        error |= tc_message_send(converters, &ready, sizeof ready, NULL, 0, fd, 1, 0) != 0;
        _exit(error);
    }
    waitpid(pid, NULL, 0);
    convert(&heard, &pool, LITTLE);
    ok(heard.error == TC_E_TIMEOUT && !has_idle(&pool),
       "another user's process is no converter");
    close(converters);
    close_exchange(&pool);
    ok(open_files() == before, "... and leaves no descriptor");
}

/* Where the socket between children has no room, the dialogue ends. */
static void test_full(void)
{
    heard heard = {0};
    unsigned before = open_files();
    tc_exchange pool;
    int converters = open_exchange(&pool), status;
    pid_t pid = fork();

    if (pid == 0)
        play_full(converters, pool.give);
    close(converters);
    convert(&heard, &pool, MUCH);
    waitpid(pid, &status, 0);
    ok(heard.error == TC_E_OK && status == 0,
       "a converter that there is no room for is let go");
    convert(&heard, &pool, MUCH);
    ok(heard.error == TC_E_CONVERTER, "... and what else was there is none");
    close_exchange(&pool);
    ok(open_files() == before, "... without a descriptor that is left");
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL); /* a write to one that is gone must not end this process */
    tc_params_init(&params);
    params.format = TC_FORMAT_JPEG;
    test_truth();
    test_areas();
    test_lies();
    steady = true;
    test_truth();
    test_lies();
    test_descriptor();
    test_tokens();
    test_little_room();
    test_flood();
    test_again();
    test_own();
    test_own_dead();
    test_staff();
    if (geteuid() == 0)
        test_stranger();
    else
        skip("a process of another user", "root alone can be one");
    test_full();
    return done_testing();
}
