/* SPDX-License-Identifier: Apache-2.0 */
/* For struct ucred and MSG_CMSG_CLOEXEC. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int tc_message_pair(int *reading, int *writing)
{
    int end[2], on = 1, error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end))
        return errno;
    if (setsockopt(end[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) {
        error = errno;
        close(end[0]);
        close(end[1]);
        return error;
    }
    *reading = end[0];
    *writing = end[1];
    return 0;
}

int tc_message_send(int socket, const void *part, size_t length, const void *more,
                    size_t more_length, const int *fd, unsigned fds, int flags)
{
    struct iovec io[2] = {{(void *)part, length}, {(void *)more, more_length}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(TC_MESSAGE_FDS * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = io, .msg_iovlen = more_length ? 2 : 1};

    if (fds) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fd, fds * sizeof(int));
    }
    while (sendmsg(socket, &message, MSG_NOSIGNAL | flags) < 0) {
        if (errno != EINTR)
            return errno == ECONNRESET ? EPIPE : errno;
    }
    return 0;
}

/* The descriptors of one control message; those that there is no place for are closed. */
static void take_fds(const struct cmsghdr *header, unsigned fds, unsigned *taken, tc_came *came)
{
    const unsigned char *data = CMSG_DATA(header);
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t at = 0; at < count; at++) {
        int fd;

        memcpy(&fd, data + at * sizeof fd, sizeof fd);
        if (*taken < fds)
            came->fd[*taken] = fd;
        else
            close(fd);
        (*taken)++;
    }
}

static unsigned take_control(struct msghdr *message, unsigned fds, tc_came *came)
{
    unsigned taken = 0;

    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != SOL_SOCKET)
            continue;
        if (at->cmsg_type == SCM_RIGHTS)
            take_fds(at, fds, &taken, came);
        if (at->cmsg_type == SCM_CREDENTIALS &&
            at->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
            struct ucred sender;

            memcpy(&sender, CMSG_DATA(at), sizeof sender);
            came->pid = sender.pid;
            came->user = sender.uid;
        }
    }
    return taken;
}

int tc_message_receive(int socket, void *part, size_t length, void *more, size_t more_length,
                       unsigned fds, tc_came *came, int flags)
{
    struct iovec io[2] = {{part, length}, {more, more_length}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(TC_MESSAGE_FDS * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = io,
                             .msg_iovlen = more_length ? 2 : 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    unsigned taken;

    *came = (tc_came){.fd = {-1, -1, -1}};
    if (got < 0)
        return errno == ECONNRESET ? EPIPE : errno;
    taken = take_control(&message, fds, came);
    if (taken > fds || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (unsigned at = 0; at < TC_MESSAGE_FDS; at++) {
            if (came->fd[at] >= 0)
                close(came->fd[at]);
            came->fd[at] = -1;
        }
        return EMSGSIZE;
    }
    if (got == 0)
        return EPIPE;
    came->length = (size_t)got < length ? (size_t)got : length;
    came->more_length = (size_t)got - came->length;
    return 0;
}

bool tc_word_is(const tc_word *word, size_t length, tc_say say, size_t size)
{
    return length == size && word->magic == TC_MESSAGE_MAGIC && word->say == (uint32_t)say;
}

void tc_order_put_limits(tc_order *order, const tc_limits *limits)
{
    const char *by[] = {limits->output_by, limits->memory_by, limits->cost_by};

    order->limits = *limits;
    order->limits.output_by = order->limits.memory_by = order->limits.cost_by = NULL;
    for (size_t at = 0; at < sizeof by / sizeof by[0]; at++)
        snprintf(order->by[at], sizeof order->by[at], "%s", by[at] ? by[at] : "");
}

static const char *or_null(const char *by)
{
    return *by ? by : NULL;
}

void tc_order_take_limits(const tc_order *order, tc_limits *limits)
{
    *limits = order->limits;
    limits->output_by = or_null(order->by[0]);
    limits->memory_by = or_null(order->by[1]);
    limits->cost_by = or_null(order->by[2]);
}
