/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to make a temporary file and be rid of it, and what a name of one costs. */
#ifndef CHURN_METHOD_H
#define CHURN_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct churn_hand churn_hand;

/* A way to make and remove one temporary file. */
typedef struct churn_method {
    const char *name;
    const char *words; /* for people, in a table of methods */
    /* Make one and remove it. Returns 0 or an errno value, with nothing left in both cases. */
    int (*once)(churn_hand *hand);
    /* Before the first and after the last in each directory; may be NULL. */
    int (*begin)(churn_hand *hand);
    void (*end)(churn_hand *hand);
    /* What d_delete() finds: see churn_expect. */
    bool dropped_last; /* the last reference to a file or directory is its unlink's own */
    bool looked_up;    /* a name that is not there is looked up */
    bool no_directory; /* needs none */
} churn_method;

extern const churn_method churn_methods[];
extern const size_t churn_method_count;

/* NULL when there is none of that name. */
const churn_method *churn_method_named(const char *name);

/* What a method works with: one directory of one worker's. */
struct churn_hand {
    int dir;          /* borrowed */
    const char *path; /* the same directory */
    const char *data;
    size_t size;
    unsigned name_length;
    uint64_t random[2];
    /* The name in use, and one kept until the end; "" when there is none. Both lie where
       the parent finds them when a kill left them behind. */
    char *name, *kept;
};

void churn_hand_seed(churn_hand *hand);

/* A name of `hand->name_length` random characters a-z, 0-9 into `name[CHURN_NAME]`. */
void churn_hand_name(churn_hand *hand, char *name);

/* Bytes of kernel memory that a retained name takes. */
double churn_bytes_each(uint64_t name_length);

#endif
