/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that was planned for a conversion against its measured peak: never less, and of
 * what is dearest to encode not more than twice as much; and against its address space, which
 * is what a converter's limit holds for. A process for each, so that none finds what another
 * one left.
 */
#include "costs.h"

#include <malloc.h>
#include <sys/wait.h>

#include "converter/lockdown.h"

#define KIB 1024.0

/* What no plan counts: code and stack that are touched, the allocator's own, small change. */
#define SLACK_KIB 2048.0

/* What a converter's limit allows in addition to the plan. */
#define SPARE_KIB ((double)TC_LOCKDOWN_SPARE / KIB)

static const struct {
    const char *format, *options, *params;
    bool dearest; /* to encode: the plan must be near */
} cases[] = {
    /* By source. Over 2 megapixels libwebp holds no tokens: content decides little. */
    {"png", "1400 1000 kind=noise", "of=webp,q=82", true},
    {"png", "1400 1000 kind=noise", "of=webp,q=99", true},
    {"png", "1400 1000 kind=noise", "of=webp,q=20", true},
    {"png", "1400 1000 kind=noise", "of=avif,q=82", true},
    {"png", "1400 1000 kind=noise", "of=avif,q=99", true},
    {"png", "1400 1000 kind=noise", "of=avif,q=100", true},
    {"png", "1400 1000 kind=photo", "of=webp,q=82", false},
    {"png", "1400 1000 kind=flat", "of=webp,q=82", false},
    {"png", "2000 1500 kind=noise", "of=webp,q=82", true},
    {"png", "2000 1500 kind=noise", "of=webp,q=99", true},
    {"png", "2000 1500 kind=noise", "of=webp,q=100", true},
    {"png", "2000 1500 kind=noise", "of=avif,q=82", true},
    {"png", "2000 1500 kind=noise", "of=avif,q=99", true},
    {"png", "2000 1500 kind=noise", "of=avif,q=100", true},
    {"png", "2000 1500 kind=photo", "of=webp,q=82", true},
    {"png", "2000 1500 kind=photo", "of=webp,q=100", true},
    {"png", "2000 1500 kind=photo", "of=avif,q=82", false},
    {"png", "2000 1500 kind=photo", "blur=10x10,of=jpeg", true},
    {"png", "2000 1500 kind=photo", "unsharp=0x10,sharpen=0x10,blur=0x10,of=jpeg", true},
    {"png", "2000 1500 kind=flat", "of=webp,q=82", true},
    {"png", "2000 1500 kind=flat", "of=webp,q=100", false},
    {"png", "2000 1500 kind=flat", "of=avif,q=82", false},
    {"png", "1600 1500 kind=noise type=rgba", "of=webp,q=82", true},
    {"png", "1600 1500 kind=noise type=rgba", "of=webp,q=100", true},
    {"png", "1600 1500 kind=noise type=rgba", "of=avif,q=82", true},
    {"png", "1600 1500 kind=noise type=rgba", "of=avif,q=100", true},
    {"png", "1600 1500 kind=disc type=rgba", "of=webp,q=82", false},
    {"png", "300 200 kind=noise type=rgba", "of=webp,dw=1600,dh=1500,da=n,ds=s", true},
    {"jpg", "2000 1500 kind=noise", "of=jpeg,progressive=y,q=95", true},
    {"jpg", "2000 1500 kind=noise progressive=1", "of=jpeg", true},
    {"jpg", "2000 1500 kind=noise progressive=1", "dw=100,dh=100,of=jpeg", false},
    {"jpg", "2000 1500 kind=photo", "angle=90,of=jpeg", true},
    {"png", "2000 1500 kind=photo interlace=1", "dw=100,dh=100,of=jpeg", true},
    {"png", "2000 1500 kind=photo depth=16 type=rgba interlace=1", "dw=100,dh=100,of=jpeg",
     true},
    {"gif", "2000 1500 kind=photo interlace=1", "dw=100,dh=100,of=jpeg", true},
    {"webp", "2000 1500 kind=noise quality=90", "dw=1500,dh=1500,of=jpeg", true},
    {"webp", "2000 1500 kind=noise lossless=1", "dw=1500,dh=1500,of=jpeg", true},
    {"avif", "2000 1500 kind=noise quality=90", "dw=1500,dh=1500,of=jpeg", true},
    {"avif", "2000 1500 kind=noise quality=90 type=rgba", "dw=1500,dh=1500,of=jpeg", true},
};

/* A reading of this process, KiB; 0 where it cannot be read. */
static double status_kib(const char *name)
{
    FILE *in = fopen("/proc/self/status", "r");
    char line[256];
    double value = 0;

    while (in && fgets(line, sizeof line, in)) {
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtod(line + strlen(name) + 1, NULL);
    }
    if (in)
        fclose(in);
    return value;
}

/* Let VmHWM begin anew. */
static bool reset_peak(void)
{
    FILE *out = fopen("/proc/self/clear_refs", "w");
    bool good = out && fputs("5", out) >= 0;

    if (out && fclose(out) != 0)
        good = false;
    return good;
}

typedef struct measured {
    tc_error error;
    double planned, peak, space; /* KiB; peaks of memory and of address space */
} measured;

static measured measure(picture *from, const char *params)
{
    static const tc_limits no_limits;
    measured got = {TC_E_INTERNAL, 0, 0, 0};
    tc_fail fail;
    tc_plan plan = {0};
    double before, before_space;

    before = status_kib("VmRSS");
    before_space = status_kib("VmSize");
    if (!reset_peak() || before == 0)
        return got;
    got.error = convert_picture(from, params, &no_limits, NULL, &plan, NULL, &fail);
    got.planned = (double)plan.bytes / KIB;
    got.peak = status_kib("VmHWM") - before;
    got.space = status_kib("VmPeak") - before_space;
    return got;
}

/* A measurement in a process of its own. */
typedef struct forked_run {
    pid_t child;
    int result; /* to be read from; -1: there was no process */
} forked_run;

static forked_run begin_apart(picture *from, const char *params)
{
    int ends[2];
    forked_run apart = {-1, -1};

    if (pipe(ends) != 0)
        return apart;
    fflush(stdout);
    apart.child = fork();
    if (apart.child == 0) {
        measured got = measure(from, params);

        _exit(write(ends[1], &got, sizeof got) != sizeof got);
    }
    close(ends[1]);
    apart.result = ends[0];
    return apart;
}

static measured end_apart(const forked_run *apart)
{
    measured got = {TC_E_INTERNAL, 0, 0, 0};

    if (apart->child < 0 || read(apart->result, &got, sizeof got) != sizeof got)
        got.error = TC_E_INTERNAL;
    if (apart->result >= 0)
        close(apart->result);
    if (apart->child > 0)
        waitpid(apart->child, NULL, 0);
    return got;
}

#define CASES (sizeof cases / sizeof cases[0])

static bool same_picture(size_t one, size_t other)
{
    return strcmp(cases[one].format, cases[other].format) == 0 &&
           strcmp(cases[one].options, cases[other].options) == 0;
}

static void compare(size_t at, measured got)
{
    if (got.error == TC_E_NOT_BUILT) {
        skip(cases[at].params, "not built in");
        return;
    }
    ok(got.error == TC_E_OK && got.peak <= got.planned + SLACK_KIB &&
           (!cases[at].dearest || got.planned <= 2 * got.peak + SLACK_KIB),
       "%s %s, %s: planned %.0f KiB, took %.0f: %.2f", cases[at].format, cases[at].options,
       cases[at].params, got.planned, got.peak, got.planned / got.peak);
    ok(got.space <= got.planned + SPARE_KIB, "address space: %.0f KiB more than planned",
       got.space - got.planned);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip("plans against measured peaks", "a sanitizer's build takes other memory");
    return done_testing();
#endif
    picture from = {NULL, 0, 0};
    size_t end;

    if (!reset_peak()) {
        skip("plans against measured peaks", "/proc/self/clear_refs cannot be written");
        return done_testing();
    }
    mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* what is freed is gone */
    for (size_t at = 0; at < CASES; at = end) {
        forked_run running[CASES];

        for (end = at + 1; end < CASES && same_picture(at, end); end++)
            ;
        free(from.data);
        from = make_picture(cases[at].format, cases[at].options);
        if (!from.data) {
            skip(cases[at].options, "mkpicture does not make it in this build");
            continue;
        }
        /* Two at a time. */
        for (size_t now = at, next = at; now < end; now++) {
            for (; next < end && next < now + 2; next++)
                running[next] = begin_apart(&from, cases[next].params);
            compare(now, end_apart(&running[now]));
        }
    }
    free(from.data);
    return done_testing();
}
