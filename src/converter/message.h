/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What httpd's children and converters say to each other. Both are forked from one process that
 * has this module loaded, so the structs are the same on both sides; what a converter sends is
 * checked all the same as if a stranger had sent it.
 *
 *     converter to any child, through the pool's socket   tc_ready, with a dialogue's end
 *     child to converter, through the dialogue            tc_order, with the original
 *     converter to child                                  tc_report and bytes of the result
 *     child to converter                                  TC_SAY_GO, where a report asks for it
 *     converter to child                                  more reports, the last one final
 *     child to any child                                  tc_ready, with the dialogue's end
 *
 * A dialogue is for many orders, one after the other: the child that had the last one's end
 * lets another child have it, through a socket that only children have, or closes it, and then
 * the converter offers a new one.
 *
 * All sockets are of AF_UNIX and SOCK_SEQPACKET: a message comes whole, or is known to be cut.
 * The end of a dialogue before its final report means that the other side is gone.
 */
#ifndef TC_MESSAGE_H
#define TC_MESSAGE_H

#include "areas.h"

#include "image/pipeline/pipeline.h"

#include <sys/types.h>

#define TC_MESSAGE_MAGIC UINT32_C(0x54430001)

/* Bytes of a result that one message has at most: what a converter writes into is its area, or
   as large, and so is what a child copies both to. */
#define TC_MESSAGE_DATA TC_AREA

#define TC_MESSAGE_FDS 3

typedef enum tc_say {
    TC_SAY_READY = 1,
    TC_SAY_ORDER,
    TC_SAY_GO,
    TC_SAY_HEADER, /* what the header says; the first report, unless another one is */
    TC_SAY_WAIT,   /* the same, and the converter waits for TC_SAY_GO */
    TC_SAY_PART,   /* more bytes of the result */
    TC_SAY_DONE,   /* its last bytes */
    TC_SAY_FAILED
} tc_say;

typedef struct tc_word {
    uint32_t magic, say;
} tc_word;

/* A converter that waits for an order. */
typedef struct tc_ready {
    tc_word word;
    int32_t place; /* where it is bound to: place.h */
    int32_t pid;   /* between children; a converter's is the kernel's to say */
} tc_ready;

/* A conversion. The descriptors of the original and of the icon come with it. */
typedef struct tc_order {
    tc_word word;
    tc_params params;
    tc_limits limits; /* without its pointers: */
    char by[3][32];   /* output_by, memory_by, cost_by; "": NULL */
    uint64_t source_bytes;
    uint64_t icon_bytes; /* with has_icon */
    uint64_t go_bytes;   /* a plan of so much memory need not wait for TC_SAY_GO */
    uint64_t ends_ns;    /* of tc_clock_ns(); 0: never */
    uint32_t seconds;    /* what ends_ns was made of, for the message */
    uint32_t area;       /* 1: a short result may come back in the converter's area */
    int32_t place;       /* where the converter is bound to now */
    bool has_icon;
} tc_order;

/* What is known of a picture by its header, and what becomes of it. */
typedef struct tc_facts {
    uint32_t source, target; /* tc_format */
    uint32_t width, height;  /* of the source */
    uint32_t output_w, output_h;
    uint32_t pass;    /* 1: nothing is done */
    uint32_t damaged; /* 1: tc_report.text says how */
    uint64_t plan_bytes;
} tc_facts;

typedef struct tc_report {
    tc_word word;
    uint32_t error;  /* tc_error, of TC_SAY_FAILED */
    uint32_t length; /* bytes of the result that follow in this message, or ... */
    uint32_t area;   /* 1: ... that are in the converter's area, the whole result */
    uint32_t again;  /* 1: after the final report it waits for another order here */
    int32_t place;   /* where it is bound to */
    uint64_t total;  /* ... and in all, up to here */
    tc_facts facts;
    tc_stats stats;
    uint64_t open_read_ns, read_ns; /* reading the source: for the header, and in all */
    char text[sizeof((tc_fail *)0)->text];
} tc_report;

/*
 * One message of up to three parts, with up to TC_MESSAGE_FDS descriptors. Returns 0 or errno:
 * EAGAIN without room for it, EPIPE when nobody is there to read. Never a SIGPIPE.
 */
int tc_message_send(int socket, const void *part, size_t length, const void *more,
                    size_t more_length, const int *fd, unsigned fds, int flags);

/*
 * The two ends of a socket, closed at exec: the kernel says from which process a message at the
 * first one is. Returns 0, or errno.
 */
int tc_message_pair(int *reading, int *writing);

/* What came with a message. */
typedef struct tc_came {
    size_t length, more_length; /* bytes of both parts */
    pid_t pid;                  /* the sender, as the kernel says; 0: not told ... */
    uid_t user;                 /* ... and then whose it is */
    int fd[TC_MESSAGE_FDS];     /* -1: none; the caller's, and closed at exec */
} tc_came;

/*
 * One message. Returns 0, or errno: EAGAIN, EINTR, EPIPE at the end, EMSGSIZE when it was cut
 * off or has more than `fds` descriptors, none of which is kept then.
 */
int tc_message_receive(int socket, void *part, size_t length, void *more, size_t more_length,
                       unsigned fds, tc_came *came, int flags);

/* Whether a message of `length` bytes is one of `size` bytes that says `say`. */
bool tc_word_is(const tc_word *word, size_t length, tc_say say, size_t size);

/* The limits without their pointers, and with them again: `by` stays where it is meanwhile. */
void tc_order_put_limits(tc_order *order, const tc_limits *limits);
void tc_order_take_limits(const tc_order *order, tc_limits *limits);

#endif
