/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "admission_parts.h"

#include "shared/shared.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LAYOUT   UINT64_C(0x7463616430303038)
#define KIB_MOST (UINT64_MAX >> ACTIVE_BITS)

/* This process's share and number: set once, before its threads are. */
static unsigned own;
static pid_t own_pid;

size_t tc_admission_size(void)
{
    return sizeof(tc_admission);
}

tc_share *tc_share_own(tc_admission *admission)
{
    return &admission->share[own];
}

pid_t tc_share_pid(void)
{
    return own_pid;
}

/* ---- whether it adds up ----------------------------------------------------------- */

/* A copy, each field read once. */
static tc_share read_share(const tc_share *from)
{
    return (tc_share){__atomic_load_n(&from->active, __ATOMIC_RELAXED),
                      __atomic_load_n(&from->queued, __ATOMIC_RELAXED),
                      __atomic_load_n(&from->following, __ATOMIC_RELAXED),
                      __atomic_load_n(&from->held, __ATOMIC_RELAXED),
                      __atomic_load_n(&from->kib, __ATOMIC_RELAXED),
                      __atomic_load_n(&from->temp, __ATOMIC_RELAXED)};
}

static bool sums_agree(const tc_admission *admission)
{
    uint64_t work = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);
    uint64_t active = 0, queued = 0, following = 0, held = 0, kib = 0, temp = 0;

    for (unsigned at = 0; at < TC_PROCESSES; at++) {
        tc_share one = read_share(&admission->share[at]);
        active += one.active;
        queued += one.queued;
        following += one.following;
        held += one.held;
        kib += one.kib;
        temp += one.temp;
    }
    return active == (work & ACTIVE_MOST) && kib == work >> ACTIVE_BITS &&
           temp == __atomic_load_n(&admission->temp, __ATOMIC_SEQ_CST) &&
           following == __atomic_load_n(&admission->following, __ATOMIC_SEQ_CST) &&
           held == __atomic_load_n(&admission->held, __ATOMIC_SEQ_CST) &&
           queued == __atomic_load_n(&admission->queued, __ATOMIC_SEQ_CST) &&
           queued == tc_queue_waiting(&admission->queue);
}

/* Whether everything that is taken is held by a process that can give it back. */
static bool shares_are_by_children(const tc_admission *admission)
{
    for (unsigned at = 1; at < TC_PROCESSES; at++) {
        bool taken = tc_processes_pid(&admission->processes, at) != 0;
        tc_share one = read_share(&admission->share[at]);
        bool has = one.active || one.queued || one.following || one.held || one.kib || one.temp;

        if (taken ? !tc_processes_is_childs(&admission->processes, at) : has)
            return false;
    }
    return true;
}

static bool adds_up(const void *memory)
{
    const tc_admission *admission = memory;

    return sums_agree(admission) && shares_are_by_children(admission) &&
           tc_queue_is_by_children(&admission->queue);
}

bool tc_admission_adds_up(const tc_admission *admission)
{
    return tc_shared_settled(admission, adds_up);
}

bool tc_admission_adopt(tc_admission *memory)
{
    tc_segment is = tc_shared_adopt(memory, LAYOUT, sizeof *memory);

    return is == TC_SEGMENT_NEW || (is == TC_SEGMENT_KNOWN && tc_admission_adds_up(memory));
}

/* ---- counting ------------------------------------------------------------------- */

/* Raise `*number` by one unless it has reached `most`. */
bool tc_share_take_one(uint32_t *number, uint32_t most)
{
    uint32_t now = __atomic_load_n(number, __ATOMIC_RELAXED);

    do {
        if (now >= most)
            return false;
    } while (!__atomic_compare_exchange_n(number, &now, now + 1, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Lower both halves of `work`, each to 0 at least. */
void tc_share_lower_work(tc_admission *admission, uint64_t active, uint64_t kib)
{
    uint64_t now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST), left;

    do {
        uint64_t now_active = now & ACTIVE_MOST, now_kib = now >> ACTIVE_BITS;
        left = (now_kib > kib ? now_kib - kib : 0) << ACTIVE_BITS;
        left |= now_active > active ? now_active - active : 0;
    } while (!__atomic_compare_exchange_n(&admission->work, &now, left, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
}

/* Whole KiB, and few enough that 65535 of them add up within a word. */
uint64_t tc_share_kib(uint64_t bytes)
{
    uint64_t kib = bytes / 1024 + (bytes % 1024 != 0), most = KIB_MOST >> ACTIVE_BITS;

    return kib < most ? kib : most;
}

/* Whether `kib` fit into the bound of bytes where `taken` are taken. */
bool tc_share_has_memory(const tc_admission_limits *limits, uint64_t taken, uint64_t kib)
{
    uint64_t budget = limits->bytes / 1024 + (limits->bytes % 1024 != 0);

    return limits->bytes == 0 || (kib <= budget && taken <= budget - kib);
}

/* Whether a conversion of `kib` may begin while `work` is under way. */
bool tc_share_fits(uint64_t work, const tc_admission_limits *limits, uint64_t kib)
{
    return (work & ACTIVE_MOST) < (limits->active ? limits->active : ACTIVE_MOST) &&
           tc_share_has_memory(limits, work >> ACTIVE_BITS, kib);
}

bool tc_share_enter(tc_admission *admission, const tc_admission_limits *limits, uint64_t kib)
{
    tc_share *mine = tc_share_own(admission);
    uint64_t now = __atomic_load_n(&admission->work, __ATOMIC_SEQ_CST);

    do {
        if (!tc_share_fits(now, limits, kib))
            return false;
    } while (!__atomic_compare_exchange_n(&admission->work, &now,
                                          now + (kib << ACTIVE_BITS) + 1, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_fetch_add(&mine->active, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mine->kib, kib, __ATOMIC_RELAXED);
    return true;
}

/* ---- the dead ------------------------------------------------------------------- */

/* Whether the process is dead, if its parent has not seen that yet; httpd's may take a second.
   false where the kernel cannot tell (before Linux 5.3). */
static bool is_dead(pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    bool dead;

    if (ended.fd < 0)
        return errno == ESRCH;
    dead = poll(&ended, 1, 0) == 1;
    close(ended.fd);
    return dead;
}

/* What the shares tell is on the sums, too, for they are raised after and lowered before. */
static void give_back(tc_admission *admission, const tc_share *gone)
{
    tc_share_lower_work(admission, gone->active, gone->kib);
    tc_shared_lower64(&admission->temp, gone->temp);
    tc_shared_lower(&admission->queued, gone->queued);
    tc_shared_lower(&admission->following, gone->following);
    tc_shared_lower(&admission->held, gone->held);
}

static void clear(tc_share *of)
{
    of->active = of->queued = of->following = of->held = 0;
    of->kib = of->temp = 0;
}

/* By its parent or by the process that found it dead, whichever is first: only one gives back.
 */
void tc_share_forget(tc_admission *admission, pid_t pid)
{
    unsigned at;
    tc_share held;

    tc_queue_forget(&admission->queue, pid);
    at = tc_processes_claim(&admission->processes, pid);
    if (at == 0)
        return;
    held = read_share(&admission->share[at]);
    give_back(admission, &held);
    clear(&admission->share[at]);
    tc_processes_free(&admission->processes, at);
}

bool tc_share_forget_dead(tc_admission *admission, pid_t pid)
{
    if (pid == 0 || pid == own_pid || !is_dead(pid))
        return false;
    tc_share_forget(admission, pid);
    return true;
}

void tc_admission_begin(tc_admission *admission, pid_t pid)
{
    if (!admission)
        return;
    own_pid = pid;
    /* Of one whose number this process has, and whose death nobody saw. */
    tc_admission_gone(admission, pid);
    own = tc_processes_enter(&admission->processes, pid);
    if (own)
        clear(&admission->share[own]);
}

/* ---- temporary data in memory ------------------------------------------------------ */

bool tc_admission_hold(tc_admission *admission, uint64_t most, uint64_t bytes)
{
    uint64_t now;

    if (!admission)
        return true;
    now = __atomic_load_n(&admission->temp, __ATOMIC_RELAXED);
    do {
        if (bytes > most || now > most - bytes)
            return false;
    } while (!__atomic_compare_exchange_n(&admission->temp, &now, now + bytes, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    __atomic_fetch_add(&tc_share_own(admission)->temp, bytes, __ATOMIC_RELAXED);
    return true;
}

void tc_admission_drop(tc_admission *admission, uint64_t bytes)
{
    if (!admission)
        return;
    tc_shared_lower64(&tc_share_own(admission)->temp, bytes);
    tc_shared_lower64(&admission->temp, bytes);
}
