/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of a converter's system calls, run here by an interpreter of its own: what each
 * call is answered, on this processor, whatever the kernel of the test has. Whether the kernel
 * takes the filter, and what it does to a process, is test_lockdown.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/buffer.h"
#include "converter/seccomp.h"
#include "tap.h"

#define SELF  4711
#define ALLOW SECCOMP_RET_ALLOW
#define KILL  SECCOMP_RET_KILL_PROCESS
#define OTHER (SECCOMP_RET_ERRNO | ENOSYS)
#define FAULT 1u /* no answer of a filter's */

#if defined(__x86_64__) || defined(__aarch64__)
/* Where the headers are older. */
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open        434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#ifdef __x86_64__
#define HERE      AUDIT_ARCH_X86_64
#define ELSEWHERE AUDIT_ARCH_I386
#else
#define HERE      AUDIT_ARCH_AARCH64
#define ELSEWHERE AUDIT_ARCH_ARM
#endif

static struct sock_filter program[TC_SECCOMP_MOST];
static size_t length;

/* As the kernel runs it, for the instructions that it has: FAULT for any other, for a jump
   out of it and for an end without an answer. */
static uint32_t run(const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < length; at++) {
        const struct sock_filter *now = &program[at];

        switch (now->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (now->k % 4 || now->k > sizeof(*data) - 4)
                return FAULT;
            memcpy(&a, (const char *)data + now->k, 4);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == now->k ? now->jt : now->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= now->k ? now->jt : now->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += a & now->k ? now->jt : now->jf;
            break;
        case BPF_RET | BPF_K:
            return now->k;
        default:
            return FAULT;
        }
    }
    return FAULT;
}

/* The answer to a call; `argument` is the `at`-th, the others have all bits set. */
static uint32_t answer(uint32_t arch, long call, unsigned at, uint64_t argument)
{
    struct seccomp_data data = {.nr = (int)call, .arch = arch};

    memset(data.args, 0xff, sizeof(data.args));
    data.args[at] = argument;
    return run(&data);
}

static const struct {
    const char *what;
    long call;
    unsigned at;
    uint64_t argument;
    uint32_t answer;
} cases[] = {
#define CALL(name, is)              \
    {                               \
#name, SYS_##name, 0, 0, is \
    }
    CALL(read, ALLOW),
    CALL(pread64, ALLOW),
    CALL(recvmsg, ALLOW),
    CALL(sendmsg, ALLOW),
    CALL(ppoll, ALLOW),
    CALL(fstat, ALLOW),
    CALL(futex, ALLOW),
    CALL(munmap, ALLOW),
    CALL(clock_gettime, ALLOW),
    CALL(exit_group, ALLOW),
    CALL(openat, OTHER),
    CALL(newfstatat, OTHER),
    CALL(statx, OTHER),
    CALL(memfd_create, OTHER),
    CALL(ftruncate, OTHER),
    CALL(fchmod, OTHER),
    CALL(ioctl, OTHER),
    CALL(dup, OTHER),
    CALL(prctl, OTHER),
    CALL(rt_sigaction, OTHER),
    CALL(sendto, OTHER),
    CALL(clone3, OTHER),
    CALL(execve, KILL),
    CALL(execveat, KILL),
    CALL(ptrace, KILL),
    CALL(process_vm_readv, KILL),
    CALL(process_vm_writev, KILL),
    CALL(kill, KILL),
    CALL(tkill, KILL),
    CALL(rt_sigqueueinfo, KILL),
    CALL(socket, KILL),
    CALL(connect, KILL),
    CALL(bind, KILL),
    CALL(accept4, KILL),
    CALL(unshare, KILL),
    CALL(setns, KILL),
    CALL(bpf, KILL),
    CALL(io_uring_setup, KILL),
    CALL(userfaultfd, KILL),
    CALL(perf_event_open, KILL),
    CALL(pidfd_open, KILL),
    CALL(pidfd_send_signal, KILL),
    CALL(pidfd_getfd, KILL),
    {"mmap to read and write", SYS_mmap, 2, PROT_READ | PROT_WRITE, ALLOW},
    {"mmap to run", SYS_mmap, 2, PROT_READ | PROT_EXEC, KILL},
    {"mprotect to read", SYS_mprotect, 2, PROT_READ, ALLOW},
    {"mprotect to run", SYS_mprotect, 2, PROT_EXEC, KILL},
    {"mprotect to run, with more bits", SYS_mprotect, 2, 1ull << 32 | PROT_EXEC, KILL},
    {"fcntl F_GETFL", SYS_fcntl, 1, F_GETFL, ALLOW},
    {"fcntl F_SETFL", SYS_fcntl, 1, F_SETFL, OTHER},
    {"fcntl F_SETOWN, which sends signals", SYS_fcntl, 1, F_SETOWN, OTHER},
    {"fcntl F_DUPFD", SYS_fcntl, 1, F_DUPFD, OTHER},
    {"limits of this process", SYS_prlimit64, 0, 0, ALLOW},
    {"limits of another", SYS_prlimit64, 0, 1, OTHER},
    {"processors of this process", SYS_sched_setaffinity, 0, 0, ALLOW},
    {"processors of another", SYS_sched_setaffinity, 0, 1, OTHER},
    {"a signal to itself", SYS_tgkill, 0, SELF, ALLOW},
    {"a signal to another", SYS_tgkill, 0, SELF + 1, KILL},
    {"a signal to everything", SYS_tgkill, 0, (uint64_t)-1, KILL},
    {"a thread", SYS_clone, 0, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, OTHER},
    {"a process", SYS_clone, 0, 17 /* SIGCHLD */, KILL},
    {"a call that does not exist yet", 900, 0, 0, OTHER},
#ifdef __x86_64__
    CALL(poll, ALLOW),
    CALL(open, OTHER),
    CALL(stat, OTHER),
    CALL(fork, KILL),
    CALL(vfork, KILL),
    {"x32: read", 0x40000000, 0, 0, KILL},
    {"x32: execve", 0x40000000 + 520, 0, 0, KILL},
#endif
};

static void test_calls(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t got = answer(HERE, cases[i].call, cases[i].at, cases[i].argument);

        ok(got == cases[i].answer, "%s: %#x", cases[i].what, got);
    }
}

static uint32_t pair(uint64_t domain, uint64_t type)
{
    struct seccomp_data data = {
        .nr = SYS_socketpair, .arch = HERE, .args = {domain, type, 0, 0, 0, 0}};

    return run(&data);
}

static void test_pairs(void)
{
    ok(pair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC) == ALLOW, "a pair of sockets for a job");
    ok(pair(AF_UNIX, SOCK_SEQPACKET) == KILL, "a pair that would pass an exec");
    ok(pair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC) == KILL, "a pair that can send elsewhere");
    ok(pair(30 /* AF_TIPC */, SOCK_SEQPACKET | SOCK_CLOEXEC) == KILL, "a pair over a network");
}

/* Every number there is, so that a jump that misses shows: few are let through, and where
   buffers are guarded sigaltstack, for the sanitizer. */
static void test_all(void)
{
    unsigned allowed = 0, faults = 0, elsewhere = 0;

    for (long call = 0; call < 1024; call++) {
        uint32_t got = answer(HERE, call, 0, 0);

        allowed += got == ALLOW;
        faults += got != ALLOW && got != KILL && got != OTHER;
        elsewhere += answer(ELSEWHERE, call, 0, 0) != KILL;
    }
    ok(faults == 0, "each call has one of three answers");
    ok(allowed >= 25 && allowed <= 34 + TC_BUFFER_GUARDED,
       "%u calls are let through whatever their arguments", allowed);
    ok(elsewhere == 0, "no call of another processor's is let through");
    ok(answer(HERE, -1, 0, 0) != ALLOW, "nor one with a number below 0");
}

int main(void)
{
    length = tc_seccomp_program(program, SELF);
    if (!ok(length > 0 && length <= TC_SECCOMP_MOST, "a filter of %zu instructions", length))
        return done_testing();
    test_calls();
    test_pairs();
    test_all();
    return done_testing();
}
#else
int main(void)
{
    skip("the filter of system calls", "there is no table for this processor");
    return done_testing();
}
#endif
