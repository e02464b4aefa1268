/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libraries inside the locks: every picture of the seeds into every format, and damaged
 * ones, under all locks and under each alone, within the memory that was planned. Each has the
 * bytes, or the error, that it has outside. The locked processes are first, so that what a
 * library does once only is done inside.
 */
#include "answers.h"
#include "files.h"
#include "image/pipeline/pipeline.h"
#include "locked.h"
#include "tap.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "converter/seccomp.h"

#define MB           (1024u * 1024)
#define PICTURES_MAX 256
#define DAMAGED      400
#define SEED         20

static const char *const parameters[] = {"dw=40,dh=40,of=jpeg,q=80",
                                         "dw=40,dh=40,of=png",
                                         "dw=40,dh=40,of=webp",
                                         "dw=40,dh=40,of=avif",
                                         "of=jpeg,sharpen=2x1",
                                         "of=webp,q=100,angle=90",
                                         "of=png,cw=50,ch=50,bw=1,bh=1,blur=2x1"};

#define WAYS (sizeof parameters / sizeof parameters[0])

/* Of one process, in memory that its parent sees. */
typedef struct answers {
    answer whole[PICTURES_MAX][WAYS], damaged[DAMAGED];
    unsigned refused; /* calls that the table does not have */
    int first;        /* the number of the first */
} answers;

static damage_file *files;
static size_t count;

/* ---- a conversion ----------------------------------------------------------------- */

static answer convert(const damage_file *file, const char *text, const tc_lockdown *lockdown)
{
    const tc_limits limits = {.max_output_w = 1000,
                              .max_output_h = 1000,
                              .max_pixels = 4 * MB,
                              .max_memory = 256 * MB,
                              .max_radius = 9,
                              .max_sigma = 9};
    answer answer = ANSWER_EMPTY;
    tc_input input = {read_memory, (void *)file, file->size, NULL};
    tc_output output = {add_up, &answer};
    tc_pipeline *pipeline = NULL;
    tc_params params;
    tc_fail fail = {0};

    tc_params_init(&params);
    answer.error = tc_params_parse(&params, text, strlen(text), NULL, NULL, &fail);
    tc_params_resolve(&params, false);
    if (lockdown && (tc_lockdown_space(lockdown, 16 * MB) || tc_lockdown_time(lockdown, 60)))
        answer.error = TC_E_INTERNAL;
    if (!answer.error)
        answer.error = tc_pipeline_open(&pipeline, &input, &params, &limits, &fail);
    if (pipeline && lockdown &&
        tc_lockdown_space(lockdown, tc_pipeline_outline(pipeline)->plan.bytes))
        answer.error = TC_E_INTERNAL;
    if (!answer.error)
        answer.error = tc_pipeline_run(pipeline, &output, NULL, NULL);
    tc_pipeline_free(pipeline);
    return answer;
}

static void convert_all(answers *to, const tc_lockdown *lockdown)
{
    for (size_t at = 0; at < count; at++) {
        for (size_t way = 0; way < WAYS; way++)
            to->whole[at][way] = convert(&files[at], parameters[way], lockdown);
    }
    for (uint32_t number = 0; number < DAMAGED; number++) {
        damage_file damaged;

        damage_make(&damaged, files, count, SEED, number);
        to->damaged[number] = convert(&damaged, parameters[number % WAYS], lockdown);
        free(damaged.data);
    }
}

static int work_locked(const tc_lockdown *lockdown, const void *to)
{
    convert_all((answers *)to, lockdown);
    return 0;
}

/* ---- calls that the table does not have -------------------------------------------- */

static answers *told;

/* As the filter answers: the call fails with ENOSYS. */
static void tell(int sig, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;

    (void)sig;
    if (told->refused++ == 0)
        told->first = info->si_syscall;
#ifdef __x86_64__
    interrupted->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
    interrupted->uc_mcontext.regs[0] = (uint64_t)-ENOSYS;
#else
    (void)interrupted; /* where there is no table, nothing is told */
#endif
}

/* The filter itself, but each call that is not in its table is told. */
static int work_told(const tc_lockdown *lockdown, const void *to)
{
    struct sock_filter program[TC_SECCOMP_MOST];
    struct sock_fprog filter = {(unsigned short)tc_seccomp_program(program, getpid()), program};
    struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};

    told = (answers *)to;
    for (size_t at = 0; at < filter.len; at++) {
        if (program[at].code == (BPF_RET | BPF_K) &&
            program[at].k == (SECCOMP_RET_ERRNO | ENOSYS))
            program[at].k = SECCOMP_RET_TRAP;
    }
    if (sigaction(SIGSYS, &action, NULL) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        return errno;
    convert_all(told, lockdown);
    return 0;
}

/* ---- the test ------------------------------------------------------------------------ */

static bool same(const answer *one, const answer *other)
{
    return one->error == other->error &&
           (one->error || (one->size == other->size && one->sum == other->sum));
}

static void compare(const answers *locked, const answers *free, const char *locks)
{
    size_t different = 0, sound = 0;

    for (size_t at = 0; at < count; at++) {
        for (size_t way = 0; way < WAYS; way++) {
            sound += free->whole[at][way].error == TC_E_OK;
            if (same(&locked->whole[at][way], &free->whole[at][way]))
                continue;
            different++;
            printf("# %s, %s: %s\n", files[at].name, parameters[way],
                   tc_error_text(locked->whole[at][way].error));
        }
    }
    ok(different == 0 && sound > count, "%s: %zu answers are those without locks", locks,
       count * WAYS);
    different = 0;
    for (size_t number = 0; number < DAMAGED; number++)
        different += !same(&locked->damaged[number], &free->damaged[number]);
    ok(different == 0, "%s: and those of %d damaged pictures", locks, DAMAGED);
}

static answers *shared_answers(void)
{
    void *memory =
        mmap(NULL, sizeof(answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return memory;
}

static answers *run(unsigned locks, locked_work *work, const char *name)
{
    answers *to = shared_answers();
    outcome got;

    locked_share = (tc_lockdown_region){to, sizeof(*to)};
    got = locked(locks, work, to);
    ok(got.answered && got.error == 0, "%s: all conversions: %s", name, locked_how(&got));
    return to;
}

int main(void)
{
    static answers outside;
    const tc_locks kernel = tc_lockdown_now();
    const unsigned sets[] = {kernel.locks, TC_LOCK_SECCOMP, TC_LOCK_LANDLOCK, TC_LOCK_LIMITS};
    answers *inside[4], *refused = NULL;
    char text[TC_LOCKS_TEXT];

    files = damage_read(PICTURES, &count);
    if (!ok(files && count >= 20 && count <= PICTURES_MAX, "there are pictures in %s",
            PICTURES))
        return done_testing();
    for (size_t at = 0; at < 4; at++) {
        inside[at] = NULL;
        tc_lockdown_text(sets[at], text, sizeof(text));
        if (sets[at] & ~kernel.locks)
            skip(text, "this kernel has it not");
        else
            inside[at] = run(sets[at], work_locked, text);
    }
    if (kernel.locks & TC_LOCK_SECCOMP) {
        refused = run(TC_LOCK_LIMITS, work_told, "calls that are told");
        ok(refused->refused == 0, "no call that the table does not have: %u, the first %d",
           refused->refused, refused->first);
    }
    convert_all(&outside, NULL);
    for (size_t at = 0; at < 4; at++) {
        if (inside[at])
            compare(inside[at], &outside, tc_lockdown_text(sets[at], text, sizeof(text)));
    }
    damage_free(files, count);
    return done_testing();
}
