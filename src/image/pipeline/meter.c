/* SPDX-License-Identifier: Apache-2.0 */
#include "meter.h"

#include "base/clock.h"

/* Between two readings of the thread's clock, which is a system call. */
#define LOOK_NS UINT64_C(1000000)

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static tc_error over_limit(const tc_meter *meter)
{
    const tc_limits *limits = meter->limits;

    return tc_fail_set(
        meter->fail, TC_E_TOO_COSTLY,
        "the conversion takes more than %.1f s of processor time, the limit%s%s%s",
        (double)limits->max_cost_ns / 1e9, limits->cost_by ? " (" : "",
        limits->cost_by ? limits->cost_by : "", limits->cost_by ? ")" : "");
}

static tc_error check(void *context)
{
    tc_meter *meter = context;
    uint64_t most = meter->limits->max_cost_ns, now, used;
    tc_error error = tc_cancel_check(meter->other, meter->fail);

    if (error || !most)
        return error;
    /* A thread's time is never ahead of the clock's. */
    now = tc_clock_tick_ns();
    if (now < meter->look)
        return TC_E_OK;
    used = cpu_ns() - meter->began_cpu;
    if (used >= most)
        return over_limit(meter);
    meter->look = now + (most - used > LOOK_NS ? most - used : LOOK_NS);
    return TC_E_OK;
}

/* Work of one piece: whether it can be done, at the speed that the work so far had. */
static tc_error afford(void *context, uint64_t ns)
{
    tc_meter *meter = context;
    uint64_t most = meter->limits->max_cost_ns, used = cpu_ns() - meter->began_cpu;
    uint64_t elapsed = tc_clock_ns() - meter->began;
    double slowness = used > 0 && elapsed > used ? (double)elapsed / (double)used : 1;

    if (most && used + ns > most)
        return over_limit(meter);
    return tc_cancel_afford(meter->other, (uint64_t)((double)ns * slowness), meter->fail);
}

void tc_meter_begin(tc_meter *meter, const tc_limits *limits, const tc_cancel *other,
                    tc_fail *fail)
{
    uint64_t now = tc_clock_ns();

    *meter = (tc_meter){.cancel = {check, meter, afford},
                        .other = other,
                        .limits = limits,
                        .fail = fail,
                        .began_cpu = cpu_ns(),
                        .began = now,
                        .look = now + limits->max_cost_ns};
}
