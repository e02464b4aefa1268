/* SPDX-License-Identifier: Apache-2.0 */
/* For ppoll and dup3. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "keeper.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Pools at once: that of the configuration of now, and those that some child still has. */
#define POOLS 128

typedef struct keeping {
    const tc_keeper *keeper;
    bool open; /* the parent is there */
    tc_pool *pool[POOLS];
    unsigned pools;
} keeping;

typedef struct given {
    uint32_t magic;
    bool has_areas, has_log; /* their descriptors come in this order */
    tc_pool_spec spec;
} given;

int tc_keeper_control(int *parent, int *keeper)
{
    int end[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end))
        return errno;
    *parent = end[0];
    *keeper = end[1];
    return 0;
}

int tc_keeper_give(int control, const tc_pool_spec *spec, int socket, int areas, int log)
{
    given given = {TC_MESSAGE_MAGIC, areas >= 0, log >= 0, *spec};
    int fd[TC_MESSAGE_FDS] = {socket};
    unsigned fds = 1;

    if (areas >= 0)
        fd[fds++] = areas;
    if (log >= 0)
        fd[fds++] = log;
    return tc_message_send(control, &given, sizeof given, NULL, 0, fd, fds, 0);
}

/* The server's log has been opened again. */
static void take_log(const tc_keeper *keeper, int log)
{
    if (log < 0)
        return;
    if (keeper->log >= 0)
        dup3(log, keeper->log, O_CLOEXEC);
    dup2(log, STDERR_FILENO);
    close(log);
}

static void add_pool(keeping *keeping, const given *given, const tc_came *came)
{
    int areas = given->has_areas ? came->fd[1] : -1;
    int log = given->has_log ? came->fd[given->has_areas ? 2 : 1] : -1;
    tc_pool *pool = NULL;

    take_log(keeping->keeper, log);
    if (given->spec.converters > 0 && given->spec.converters <= TC_POOL_MOST &&
        keeping->pools < POOLS)
        pool = tc_pool_make(&given->spec, came->fd[0], areas, keeping->keeper->watch);
    if (areas >= 0)
        close(areas);
    if (pool)
        keeping->pool[keeping->pools++] = pool;
    else
        close(came->fd[0]);
}

static void take_pool(keeping *keeping)
{
    given given;
    tc_came came;
    int error = tc_message_receive(keeping->keeper->control, &given, sizeof given, NULL, 0,
                                   TC_MESSAGE_FDS, &came, MSG_DONTWAIT);

    if (error == EAGAIN || error == EINTR)
        return;
    if (error) {
        keeping->open = false;
        return;
    }
    if (came.length == sizeof given && given.magic == TC_MESSAGE_MAGIC && came.fd[0] >= 0) {
        add_pool(keeping, &given, &came);
        return;
    }
    for (unsigned at = 0; at < TC_MESSAGE_FDS; at++) {
        if (came.fd[at] >= 0)
            close(came.fd[at]);
    }
}

static void take_ended(keeping *keeping)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned at = 0; at < keeping->pools; at++) {
            if (tc_pool_take_ended(keeping->pool[at], pid, status))
                break;
        }
    }
}

/* The least time after which one of them wants to be filled; -1: none does. */
static int next_ms(const keeping *keeping)
{
    int least = -1;

    for (unsigned at = 0; at < keeping->pools; at++) {
        int wait = (int)tc_pool_wait_ms(keeping->pool[at]);

        if (wait && (least < 0 || wait < least))
            least = wait;
    }
    return least;
}

/* Wait for a converter's end, a pool's, or the parent's word. */
static void wait_for_any(keeping *keeping, const sigset_t *mask)
{
    struct pollfd look[POOLS + 1] = {
        {keeping->open ? keeping->keeper->control : -1, POLLIN, 0}};
    int ms = next_ms(keeping);
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};

    for (unsigned at = 0; at < keeping->pools; at++)
        look[at + 1] = (struct pollfd){tc_pool_fd(keeping->pool[at]), 0, 0};
    if (ppoll(look, keeping->pools + 1, ms < 0 ? NULL : &wait, mask) <= 0)
        return;
    /* From the last on: what takes an ended one's place has been looked at. */
    for (unsigned at = keeping->pools; at-- > 0;) {
        if (look[at + 1].revents & (POLLHUP | POLLERR | POLLNVAL)) {
            tc_pool_end_all(keeping->pool[at]);
            keeping->pool[at] = keeping->pool[--keeping->pools];
        }
    }
    if (look[0].revents)
        take_pool(keeping);
}

static void wake(int signal)
{
    (void)signal;
}

/*
 * httpd's handlers are not ours; nor are the signals that it sends to its whole process group,
 * at its end or at a restart: the sockets tell when all is over.
 */
static void set_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH};
    static const int plain[] = {SIGSEGV, SIGBUS,  SIGABRT, SIGFPE,  SIGILL,
                                SIGTRAP, SIGXCPU, SIGXFSZ, SIGALRM, SIGSYS};
    struct sigaction action = {.sa_handler = SIG_IGN};

    for (size_t at = 0; at < sizeof ignored / sizeof ignored[0]; at++)
        sigaction(ignored[at], &action, NULL);
    action.sa_handler = SIG_DFL;
    for (size_t at = 0; at < sizeof plain / sizeof plain[0]; at++)
        sigaction(plain[at], &action, NULL);
    action.sa_handler = wake;
    sigaction(SIGCHLD, &action, NULL);
}

void tc_keeper_run(const tc_keeper *keeper)
{
    static keeping keeping; /* too large for a stack, and a process has one */
    sigset_t blocked, none;

    keeping.keeper = keeper;
    keeping.open = true;
    set_signals();
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    while (keeping.open || keeping.pools) {
        take_ended(&keeping);
        for (unsigned at = 0; at < keeping.pools; at++)
            tc_pool_fill(keeping.pool[at]);
        wait_for_any(&keeping, &none);
    }
}
