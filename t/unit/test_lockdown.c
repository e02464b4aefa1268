/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a locked process has lost and what it still has: descriptors, memory, time, rights, and
 * all that a job needs. What an attacker tries is in test_exploits.c.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "calls.h"
#include "dirs.h"
#include "locked.h"
#include "tap.h"

#define MB (1024u * 1024)

static tc_locks kernel;
static char dir[256];
static int original; /* a file of eight bytes, open for reading */

static bool ended_by(const outcome *outcome, int sig)
{
    return WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == sig;
}

/* ---- what is done always -------------------------------------------------------- */

/* Descriptors open above standard error: bits of their numbers. */
static int open_descriptors(const tc_lockdown *lockdown, const void *context)
{
    int found = 0;

    (void)lockdown;
    (void)context;
    for (int fd = 3; fd < 1024; fd++)
        found += fcntl(fd, F_GETFD) >= 0;
    return found;
}

static int print(const tc_lockdown *lockdown, const void *context)
{
    (void)lockdown;
    (void)context;
    return write(STDOUT_FILENO, "x", 1) == 1 ? 0 : errno;
}

/* Whether anything comes out of it when a locked process prints. */
static bool prints(void)
{
    int ends[2], own = dup(STDOUT_FILENO);
    ssize_t got;
    char byte;

    fflush(stdout);
    if (own < 0 || pipe(ends) != 0 || dup2(ends[1], STDOUT_FILENO) < 0)
        return true;
    close(ends[1]);
    got = locked(0, print, NULL).error == 0;
    dup2(own, STDOUT_FILENO);
    close(own);
    got = got != 1 || read(ends[0], &byte, 1) != 0;
    close(ends[0]);
    return got;
}

static int touch(const tc_lockdown *lockdown, const void *memory)
{
    (void)lockdown;
    return *(const volatile char *)memory;
}

static int rights(const tc_lockdown *lockdown, const void *context)
{
    (void)lockdown;
    (void)context;
    return prctl(PR_GET_DUMPABLE) * 2 + !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int apply_again(const tc_lockdown *lockdown, const void *spec)
{
    tc_lockdown second;
    tc_fail fail = {TC_E_OK, ""};

    (void)lockdown;
    return tc_lockdown_apply(spec, &second, &fail) == TC_E_INTERNAL &&
                   strstr(fail.text, "threads") != NULL
               ? 0
               : 1;
}

static void *wait_forever(void *unused)
{
    pause();
    return unused;
}

static int apply_with_thread(const tc_lockdown *lockdown, const void *spec)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, wait_forever, NULL) ? 2 : apply_again(lockdown, spec);
}

static int keep_shared(const tc_lockdown *lockdown, const void *memory)
{
    const tc_lockdown_region share = {memory, 1};
    const tc_lockdown_spec spec = {
        .keep = &original, .keep_count = 1, .share = &share, .share_count = 1};
    tc_lockdown second;
    tc_fail fail = {TC_E_OK, ""};

    /* Descriptors too: the answer's is closed, so the status has what was found. */
    (void)lockdown;
    _exit(tc_lockdown_apply(&spec, &second, &fail) || *(const volatile char *)memory != 'm'
              ? 1
              : 7);
}

static void test_always(void)
{
    const tc_lockdown_spec nothing = {0};
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int inherited = dup2(original, 200);
    outcome got = locked(0, open_descriptors, NULL);

    ok(got.answered && got.error == 2 && inherited == 200,
       "descriptors: %d are left of those kept", got.error);
    close(inherited);
    ok(!prints(), "what is printed goes nowhere");
    *shared = 'm';
    got = locked(0, touch, shared);
    ok(!got.answered, "shared memory is gone: %s", locked_how(&got));
    got = locked(NO_LOCKDOWN, keep_shared, shared);
    ok(WIFEXITED(got.status) && WEXITSTATUS(got.status) == 7, "but what is named stays");
    munmap(shared, 4096);
    got = locked(0, rights, NULL);
    ok(got.answered && got.error == 0, "no core dump, no tracer, no new privileges");
    got = locked(NO_LOCKDOWN, apply_with_thread, &nothing);
    ok(got.answered && got.error == 0, "a process with threads is not locked");
}

/* ---- an older kernel ------------------------------------------------------------ */

/* From here on the kernel of Debian 10: no close_range, no Landlock; and no filter after this.
   `action` is what comes of such a call. */
static bool forget_calls(uint32_t action)
{
    static const uint32_t newer[] = {436, 444, 445, 446, SYS_seccomp};

    return answer_calls(newer, sizeof(newer) / sizeof(*newer), action);
}

static int lock_old(const tc_lockdown *lockdown, const void *answer_to)
{
    const int keep[] = {original, 150};
    const tc_lockdown_spec spec = {.locks = TC_LOCK_LIMITS, .keep = keep, .keep_count = 2};
    tc_lockdown second;
    tc_locks old;
    tc_fail fail = {TC_E_OK, ""};

    (void)answer_to;
    if (!forget_calls(SECCOMP_RET_ERRNO | ENOSYS) || dup2(original, 150) != 150 ||
        dup2(original, 200) != 200)
        _exit(1);
    old = tc_lockdown_now();
    if (old.locks != TC_LOCK_LIMITS || old.landlock != 0)
        _exit(2);
    if (tc_lockdown_apply(&spec, &second, &fail))
        _exit(3);
    /* The descriptor for the answer is closed as well: the status has it. */
    _exit(10 + open_descriptors(lockdown, NULL));
}

/* As systemd's SystemCallFilter does without a SystemCallErrorNumber. */
static int live_under_filter(const tc_lockdown *lockdown, const void *context)
{
    tc_locks now;

    (void)lockdown;
    (void)context;
    if (!forget_calls(SECCOMP_RET_KILL_PROCESS))
        return 1;
    now = tc_lockdown_now();
    return now.locks == TC_LOCK_LIMITS && now.landlock == 0 ? 0 : 2;
}

static void test_old(void)
{
    outcome got;

    if (!(kernel.locks & TC_LOCK_SECCOMP)) {
        skip("an older kernel", "this one has no filter to be like it");
        return;
    }
    got = locked(NO_LOCKDOWN, lock_old, NULL);
    ok(WIFEXITED(got.status) && WEXITSTATUS(got.status) == 12,
       "without close_range and Landlock: %d", WEXITSTATUS(got.status));
    got = locked(NO_LOCKDOWN, live_under_filter, NULL);
    ok(got.answered && got.error == 0,
       "httpd starts under a filter that kills a process for asking about the locks: %d",
       got.error);
}

/* ---- another root ----------------------------------------------------------------- */

/* As httpd's ChrootDir: a folder without /proc and /dev. 20: it may not be changed. */
static int lock_in_root(const tc_lockdown *lockdown, const void *prepared)
{
    const tc_lockdown_spec spec = {
        .locks = kernel.locks, .keep = &original, .keep_count = 1, .most_bytes = 512 * MB};
    tc_lockdown second;
    tc_fail fail = {TC_E_OK, ""};

    if (*(const bool *)prepared && tc_lockdown_prepare())
        _exit(1);
    if ((getuid() != 0 && unshare(CLONE_NEWUSER) != 0) || chroot(dir) != 0 || chdir("/") != 0)
        _exit(20);
    if (tc_lockdown_apply(&spec, &second, &fail))
        _exit(strstr(fail.text, "/proc") ? 2 : 3);
    /* The descriptor for the answer is closed as well: the status has it. */
    _exit(10 + open_descriptors(lockdown, NULL));
}

static void test_root(void)
{
    const bool no = false, yes = true;
    outcome without = locked(NO_LOCKDOWN, lock_in_root, &no);
    outcome with = locked(NO_LOCKDOWN, lock_in_root, &yes);

    if (WEXITSTATUS(with.status) == 20) {
        skip("another root", "neither root nor a kernel with user namespaces for all");
        return;
    }
    ok(WIFEXITED(with.status) && WEXITSTATUS(with.status) == 11, "another root, prepared: %d",
       WEXITSTATUS(with.status));
    ok(WIFEXITED(without.status) && WEXITSTATUS(without.status) == 2, "... and not: %d",
       WEXITSTATUS(without.status));
}

/* ---- limits of a job ------------------------------------------------------------ */

static bool takes(size_t bytes)
{
    /* volatile: or the compiler leaves out what nobody uses. */
    char *volatile memory = malloc(bytes);

    free(memory);
    return memory != NULL;
}

#ifndef TC_GUARDED
static int take_memory(const tc_lockdown *lockdown, const void *context)
{
    (void)context;
    if (tc_lockdown_space(lockdown, 16 * MB) || !takes(16 * MB) || takes(512 * MB))
        return 1;
    if (tc_lockdown_space(lockdown, 512 * MB) || !takes(512 * MB))
        return 2;
    if (tc_lockdown_space(lockdown, 16 * MB) || takes(512 * MB))
        return 3;
    return tc_lockdown_space(lockdown, 0) || takes(1500u * MB) || !takes(512 * MB) ? 4 : 0;
}

/* 64 MB of small blocks, of which only the last is not given back: the heap keeps them. */
static int leave_behind(const tc_lockdown *lockdown, const void *context)
{
    static char *blocks[64 * 1024];

    (void)context;
    if (tc_lockdown_space(lockdown, 128 * MB))
        return 1;
    for (size_t i = 0; i < 64 * 1024; i++)
        blocks[i] = malloc(1000);
    for (size_t i = 0; i < 64 * 1024 - 1; i++)
        free(blocks[i]);
    return tc_lockdown_space(lockdown, 100 * MB) || !takes(100 * MB) || takes(160 * MB) ? 2 : 0;
}

#endif

static int take_time(const tc_lockdown *lockdown, const void *context)
{
    volatile unsigned long turns = 0;

    (void)context;
    if (tc_lockdown_time(lockdown, 1))
        return 1;
    for (;;)
        turns++;
}

static int write_long(const tc_lockdown *lockdown, const void *context)
{
    static char bytes[8192];
    char name[300];
    int fd;

    (void)lockdown;
    (void)context;
    snprintf(name, sizeof(name), "%s/long", dir);
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, sizeof(bytes)) != 4096)
        return 1;
    return write(fd, bytes, 1) < 0 && errno == EFBIG ? 0 : 2;
}

static int break_off(const tc_lockdown *lockdown, const void *context)
{
    (void)lockdown;
    (void)context;
    abort();
}

static void test_limits(void)
{
    outcome got;

#ifdef TC_GUARDED
    skip("memory of a job", "a sanitizer needs address space without a limit");
#else
    got = locked(kernel.locks, take_memory, NULL);
    ok(got.answered && got.error == 0, "memory of a job: %d", got.error);
    got = locked(kernel.locks, leave_behind, NULL);
    ok(got.answered && got.error == 0, "what malloc has kept is not the next job's: %d",
       got.error);
#endif
    got = locked(kernel.locks, take_time, NULL);
    ok(ended_by(&got, SIGXCPU), "processor time of a job: %s", locked_how(&got));
    got = locked(TC_LOCK_LIMITS, write_long, NULL);
    ok(got.answered && got.error == 0, "length of a file: %d", got.error);
    got = locked(kernel.locks, break_off, NULL);
    ok(ended_by(&got, SIGABRT) && !WCOREDUMP(got.status), "abort() ends it as ever: %s",
       locked_how(&got));
}

/* ---- what a converter needs ----------------------------------------------------- */

static int pass_descriptor(int to, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {"x", 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

static int take_descriptor(int from)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec bytes = {&byte, 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    int fd = -1;

    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static int do_job(const tc_lockdown *lockdown, const void *context)
{
    struct pollfd readable = {-1, POLLIN, 0};
    struct timespec now;
    char bytes[4];
    int pair[2], fd;

    (void)context;
    if (tc_lockdown_space(lockdown, 64 * MB) || tc_lockdown_time(lockdown, 5) ||
        !takes(32 * MB) || !takes(1000))
        return 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        pass_descriptor(pair[0], original))
        return 2;
    readable.fd = pair[1];
    fd = poll(&readable, 1, -1) == 1 ? take_descriptor(pair[1]) : -1;
    if (fd < 0 || pread(fd, bytes, 4, 0) != 4 || memcmp(bytes, "orig", 4) != 0)
        return 3;
    if (lseek(fd, 0, SEEK_END) != 8 || close(fd) || close(pair[0]) || close(pair[1]))
        return 4;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) || time(NULL) <= 0 ? 5 : 0;
}

static void test_needs(void)
{
    outcome got = locked(kernel.locks, do_job, NULL);

    ok(got.answered && got.error == 0, "a job under all locks: %d, %s", got.error,
       locked_how(&got));
}

static void lay_out(void)
{
    char path[300];
    int fd;

    private_dir(dir, sizeof(dir), "/tmp");
    snprintf(path, sizeof(path), "%s/original", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    original = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || original < 0 || write(fd, "original", 8) != 8 || close(fd) != 0) {
        printf("Bail out! %s: %s\n", path, strerror(errno));
        exit(1);
    }
    locked_keep[0] = original;
    locked_keep_count = 1;
}

static void clear_away(void)
{
    static const char *const names[] = {"original", "long", ""};
    char path[300];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        remove(path);
    }
}

int main(void)
{
    kernel = tc_lockdown_now();
    lay_out();
    test_always();
    test_old();
    test_root();
    test_limits();
    test_needs();
    clear_away();
    return done_testing();
}
