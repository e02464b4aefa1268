/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of a converter: a process that decodes what strangers sent and needs nothing of the
 * system but memory, its socket and the descriptors that come with a job. SECURITY.md has what
 * each lock stops. Descriptors, inherited shared memory, core dumps and privileges are shut off
 * always; TC_LOCK_* are the locks that a kernel may lack, or a test leaves out.
 */
#ifndef TC_LOCKDOWN_H
#define TC_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* X(id, name) */
#define TC_LOCKS(X)         \
    X(SECCOMP, "seccomp")   \
    X(LANDLOCK, "Landlock") \
    X(LIMITS, "limits")

enum tc_lock_order {
#define X(id, name) TC_LOCK_ORDER_##id,
    TC_LOCKS(X)
#undef X
        TC_LOCK_COUNT
};

typedef enum tc_lock {
#define X(id, name) TC_LOCK_##id = 1 << TC_LOCK_ORDER_##id,
    TC_LOCKS(X)
#undef X
        TC_LOCK_ALL = (1 << TC_LOCK_COUNT) - 1
} tc_lock;

typedef struct tc_locks {
    unsigned locks;    /* TC_LOCK_* */
    unsigned landlock; /* version of Landlock's ABI; 0 without it */
} tc_locks;

/* The locks that this kernel, processor and container allow, as processes tell that try them:
   this one stays as it is. */
tc_locks tc_lockdown_now(void);

/*
 * TC_LOCK_* for people: "seccomp, Landlock, limits", or "none". Returns `text`; TC_LOCKS_TEXT
 * bytes are enough.
 */
#define TC_LOCKS_TEXT 64
char *tc_lockdown_text(unsigned locks, char *text, size_t size);

/* Memory that the process keeps although others share it. */
typedef struct tc_lockdown_region {
    const void *start;
    size_t length;
} tc_lockdown_region;

typedef struct tc_lockdown_spec {
    unsigned locks;  /* TC_LOCK_*, each of which the kernel must have */
    const int *keep; /* descriptors that stay open, in any order */
    size_t keep_count;
    unsigned files;      /* descriptors that a job may have open in addition */
    uint64_t file_bytes; /* length of the largest file that may be written; 0: none */
    uint64_t most_bytes; /* of memory for any job, which tc_lockdown_space cannot raise; 0: no
                            limit */
    const tc_lockdown_region *share;
    size_t share_count;
} tc_lockdown_spec;

/* What a converter knows of itself once it is locked. */
typedef struct tc_lockdown {
    unsigned locks;      /* TC_LOCK_* that hold */
    uint64_t base_bytes; /* address space before the first job */
    uintptr_t heap_end;  /* of malloc's heap then */
    uint64_t most_bytes; /* tc_lockdown_spec's */
    int statm;           /* its own /proc/self/statm, where malloc is not glibc's; else -1 */
} tc_lockdown;

/*
 * Open what tc_lockdown_apply needs of /proc and /dev, for a process that changes its root
 * before it forks those that are to be locked. Returns 0, or errno.
 */
int tc_lockdown_prepare(void);

/*
 * Lock this process, which must have one thread, for good. Standard input, output and error
 * that are not in `keep` become /dev/null: what a library prints must not go into a
 * descriptor that came with a job. Such a process ends with _exit(): what others registered
 * for exit() may want memory that is gone. On an error some locks may hold already: end the
 * process.
 */
tc_error tc_lockdown_apply(const tc_lockdown_spec *spec, tc_lockdown *lockdown, tc_fail *fail);

/*
 * Address space that a job takes in addition to its plan, which counts what is used of it:
 * room that malloc takes in advance, and pieces between blocks. No plan is that far off:
 * t/unit/test_cost_memory.c.
 */
#define TC_LOCKDOWN_SPARE ((uint64_t)32 * 1024 * 1024)

/*
 * Before a job, and again when more is known of it: the process may have `bytes` of memory and
 * TC_LOCKDOWN_SPARE in addition to what it had when it was locked and what malloc has kept of
 * the jobs since, after which allocations fail; 0: no limit. Does nothing without
 * TC_LOCK_LIMITS. Returns 0, or errno.
 */
int tc_lockdown_space(const tc_lockdown *lockdown, uint64_t bytes);

/* Whether a malloc that is not glibc's keeps so much address space of the jobs so far that a
   further one may not find enough: the process is to be replaced. */
bool tc_lockdown_is_worn(const tc_lockdown *lockdown);

/*
 * Before a job: from now on the process may take `seconds` of processor time, after which
 * SIGXCPU ends it; 0: no limit. Does nothing without TC_LOCK_LIMITS. Returns 0, or errno.
 */
int tc_lockdown_time(const tc_lockdown *lockdown, unsigned seconds);

#endif
