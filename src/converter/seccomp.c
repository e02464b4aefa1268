/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Headers may be older than the kernel. These numbers are the same for all processors. */
#ifndef SECCOMP_GET_ACTION_AVAIL
#define SECCOMP_GET_ACTION_AVAIL 2
#endif
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW 4u
#endif
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
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
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH AUDIT_ARCH_X86_64
/* From here on x32's calls, which the table's numbers do not mean. */
#define FOREIGN 0x40000000u
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH
enum condition {
    ALWAYS,
    IS,      /* the argument is `value` */
    IS_NOT,  /* it is another */
    WITHOUT, /* it has none of the bits of `value` */
    IS_SELF, /* it is this process's id */
};

#define ALLOW SECCOMP_RET_ALLOW
#define KILL  SECCOMP_RET_KILL_PROCESS
#define OTHER (SECCOMP_RET_ERRNO | ENOSYS)

/*
 * The first row that matches decides. Only the lower half of an argument is looked at: the
 * kernel takes no more of those here (int), or no more bits mean anything.
 */
static const struct rule {
    uint32_t call, answer;
    enum condition condition;
    uint32_t argument, value;
} rules[] = {
    /* The bytes of a job: descriptors that came with it, and the socket. */
    {SYS_pread64, ALLOW, ALWAYS, 0, 0},
    {SYS_read, ALLOW, ALWAYS, 0, 0},
    {SYS_write, ALLOW, ALWAYS, 0, 0},
    {SYS_recvmsg, ALLOW, ALWAYS, 0, 0},
    {SYS_sendmsg, ALLOW, ALWAYS, 0, 0},
#ifdef SYS_poll
    {SYS_poll, ALLOW, ALWAYS, 0, 0},
#endif
    {SYS_ppoll, ALLOW, ALWAYS, 0, 0},
    {SYS_close, ALLOW, ALWAYS, 0, 0},
    {SYS_lseek, ALLOW, ALWAYS, 0, 0},
    /* Not newfstatat or statx, with which any path can be looked at. */
    {SYS_fstat, ALLOW, ALWAYS, 0, 0},
    {SYS_fcntl, ALLOW, IS, 1, F_GETFD},
    {SYS_fcntl, ALLOW, IS, 1, F_GETFL},
    {SYS_fcntl, ALLOW, IS, 1, F_ADD_SEALS},
    {SYS_fcntl, ALLOW, IS, 1, F_GET_SEALS},
    /* A pair of datagram sockets could send to any socket that has a path. */
    {SYS_socketpair, KILL, IS_NOT, 0, AF_UNIX},
    {SYS_socketpair, ALLOW, IS, 1, SOCK_SEQPACKET | SOCK_CLOEXEC},

    /* Memory that is never code. */
    {SYS_mmap, ALLOW, WITHOUT, 2, PROT_EXEC},
    {SYS_mprotect, ALLOW, WITHOUT, 2, PROT_EXEC},
    {SYS_munmap, ALLOW, ALWAYS, 0, 0},
    {SYS_mremap, ALLOW, ALWAYS, 0, 0},
    {SYS_madvise, ALLOW, ALWAYS, 0, 0},
    {SYS_brk, ALLOW, ALWAYS, 0, 0},

    /* Clocks, where they are not the vDSO's, and locks of libraries. */
    {SYS_clock_gettime, ALLOW, ALWAYS, 0, 0},
    {SYS_gettimeofday, ALLOW, ALWAYS, 0, 0},
#ifdef SYS_time
    {SYS_time, ALLOW, ALWAYS, 0, 0},
#endif
    {SYS_clock_nanosleep, ALLOW, ALWAYS, 0, 0},
    {SYS_nanosleep, ALLOW, ALWAYS, 0, 0},
    {SYS_sched_yield, ALLOW, ALWAYS, 0, 0},
    {SYS_futex, ALLOW, ALWAYS, 0, 0},
    {SYS_getrandom, ALLOW, ALWAYS, 0, 0},

    /* The process: its limits, signals that reach it, its end by itself and by abort(). */
    {SYS_prlimit64, ALLOW, IS, 0, 0},
    {SYS_getrusage, ALLOW, ALWAYS, 0, 0},
    {SYS_sched_setaffinity, ALLOW, IS, 0, 0},
    /* qsort() of glibc asks for the machine's memory, and does not look whether it got it. */
    {SYS_sysinfo, ALLOW, ALWAYS, 0, 0},
    {SYS_getpid, ALLOW, ALWAYS, 0, 0},
    {SYS_getppid, ALLOW, ALWAYS, 0, 0},
    {SYS_gettid, ALLOW, ALWAYS, 0, 0},
    {SYS_rt_sigreturn, ALLOW, ALWAYS, 0, 0},
    {SYS_rt_sigprocmask, ALLOW, ALWAYS, 0, 0},
    {SYS_restart_syscall, ALLOW, ALWAYS, 0, 0},
    {SYS_tgkill, ALLOW, IS_SELF, 0, 0},
    {SYS_exit, ALLOW, ALWAYS, 0, 0},
    {SYS_exit_group, ALLOW, ALWAYS, 0, 0},
#ifdef TC_GUARDED
    /* A sanitizer looks at it before a longjmp. */
    {SYS_sigaltstack, ALLOW, ALWAYS, 0, 0},
#endif

    /* What no decoder does. The allow list stops it anyway: here for the process to end, so
       that an attacker has one try and the administrator a line in the kernel's log. Threads
       fail like anything else; so does clone3, as its flags are out of a filter's sight. */
    {SYS_mmap, KILL, ALWAYS, 0, 0},
    {SYS_mprotect, KILL, ALWAYS, 0, 0},
    {SYS_execve, KILL, ALWAYS, 0, 0},
    {SYS_execveat, KILL, ALWAYS, 0, 0},
#ifdef SYS_fork
    {SYS_fork, KILL, ALWAYS, 0, 0},
    {SYS_vfork, KILL, ALWAYS, 0, 0},
#endif
    {SYS_clone, KILL, WITHOUT, 0, CLONE_THREAD},
    {SYS_ptrace, KILL, ALWAYS, 0, 0},
    {SYS_process_vm_readv, KILL, ALWAYS, 0, 0},
    {SYS_process_vm_writev, KILL, ALWAYS, 0, 0},
    {SYS_kill, KILL, ALWAYS, 0, 0},
    {SYS_tkill, KILL, ALWAYS, 0, 0},
    {SYS_tgkill, KILL, ALWAYS, 0, 0},
    {SYS_rt_sigqueueinfo, KILL, ALWAYS, 0, 0},
    {SYS_rt_tgsigqueueinfo, KILL, ALWAYS, 0, 0},
    {SYS_socket, KILL, ALWAYS, 0, 0},
    {SYS_socketpair, KILL, ALWAYS, 0, 0},
    {SYS_connect, KILL, ALWAYS, 0, 0},
    {SYS_bind, KILL, ALWAYS, 0, 0},
    {SYS_listen, KILL, ALWAYS, 0, 0},
    {SYS_accept, KILL, ALWAYS, 0, 0},
    {SYS_accept4, KILL, ALWAYS, 0, 0},
    {SYS_unshare, KILL, ALWAYS, 0, 0},
    {SYS_setns, KILL, ALWAYS, 0, 0},
    {SYS_mount, KILL, ALWAYS, 0, 0},
    {SYS_bpf, KILL, ALWAYS, 0, 0},
    {SYS_perf_event_open, KILL, ALWAYS, 0, 0},
    {SYS_userfaultfd, KILL, ALWAYS, 0, 0},
    {SYS_keyctl, KILL, ALWAYS, 0, 0},
    {SYS_add_key, KILL, ALWAYS, 0, 0},
    {SYS_io_uring_setup, KILL, ALWAYS, 0, 0},
    {SYS_pidfd_open, KILL, ALWAYS, 0, 0},
    {SYS_pidfd_send_signal, KILL, ALWAYS, 0, 0},
    {SYS_pidfd_getfd, KILL, ALWAYS, 0, 0},
};

#define LOAD(field)                                         \
    ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
                                  offsetof(struct seccomp_data, field)))
#define RETURN(answer) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (answer)))
/* Go on if the condition holds, else leave out `skip` instructions; and the reverse. */
#define IF(how, value, skip) \
    ((struct sock_filter)BPF_JUMP(BPF_JMP | (how) | BPF_K, (value), 0, (skip)))
#define UNLESS(how, value, skip) \
    ((struct sock_filter)BPF_JUMP(BPF_JMP | (how) | BPF_K, (value), (skip), 0))

static struct sock_filter condition(const struct rule *rule, uint32_t self)
{
    switch (rule->condition) {
    case IS:
        return IF(BPF_JEQ, rule->value, 1);
    case IS_NOT:
        return UNLESS(BPF_JEQ, rule->value, 1);
    case WITHOUT:
        return UNLESS(BPF_JSET, rule->value, 1);
    case IS_SELF:
        return IF(BPF_JEQ, self, 1);
    default:
        return IF(BPF_JGE, 0, 1);
    }
}

/* The number of the call is loaded before a rule and after it. Returns behind the last. */
static struct sock_filter *put_rule(struct sock_filter *at, const struct rule *rule,
                                    uint32_t self)
{
    if (rule->condition == ALWAYS) {
        *at++ = IF(BPF_JEQ, rule->call, 1);
        *at++ = RETURN(rule->answer);
        return at;
    }
    *at++ = IF(BPF_JEQ, rule->call, 4);
    /* The lower half: both processors are little endian. */
    *at++ = LOAD(args[rule->argument]);
    *at++ = condition(rule, self);
    *at++ = RETURN(rule->answer);
    *at++ = LOAD(nr);
    return at;
}

/* For each rule five instructions at most, and seven around them. */
_Static_assert(5 * sizeof(rules) / sizeof(*rules) + 7 <= TC_SECCOMP_MOST, "the filter's room");

size_t tc_seccomp_program(struct sock_filter *program, pid_t self)
{
    struct sock_filter *at = program;

    /* 32-bit calls of the same process have other numbers. */
    *at++ = LOAD(arch);
    *at++ = UNLESS(BPF_JEQ, ARCH, 1);
    *at++ = RETURN(KILL);
    *at++ = LOAD(nr);
#ifdef FOREIGN
    *at++ = IF(BPF_JGE, FOREIGN, 1);
    *at++ = RETURN(KILL);
#endif
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        at = put_rule(at, &rules[i], (uint32_t)self);
    *at++ = RETURN(OTHER);
    return (size_t)(at - program);
}
#else
size_t tc_seccomp_program(struct sock_filter *program, pid_t self)
{
    (void)program;
    (void)self;
    return 0;
}
#endif

bool tc_seccomp_known(void)
{
    uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    struct sock_filter program[TC_SECCOMP_MOST];

    return tc_seccomp_program(program, 0) > 0 &&
           syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &kill) == 0;
}

/*
 * SPEC_ALLOW: until 5.16 a filter also turned speculation of loads past stores off for its
 * process, which costs a codec more than all the rest. It is meant for processes that run a
 * stranger's program; 4.16 and older do not know the flag.
 */
int tc_seccomp_apply(void)
{
    struct sock_filter program[TC_SECCOMP_MOST];
    struct sock_fprog filter = {(unsigned short)tc_seccomp_program(program, getpid()), program};

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                &filter) == 0 ||
        (errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &filter) == 0))
        return 0;
    return errno;
}
