/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks go back to the system, also after a larger one was freed. */
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "host/mmap_threshold.h"

#define MB ((size_t)1024 * 1024)

/* Whether, after a block of 4 MiB was freed, one of `size` is a mapping of its own. */
static bool is_mapped(size_t size)
{
    size_t before;
    void *volatile first = malloc(4 * MB), *volatile second;
    bool mapped;

    memset(first, 1, 4 * MB);
    free(first);
    before = mallinfo2().hblks;
    second = malloc(size);
    mapped = mallinfo2().hblks > before;
    free(second);
    return mapped;
}

/* Whether 800 KiB in small blocks stay with the process when they are freed. */
static bool is_kept(size_t size)
{
    void *volatile blocks[8];
    const char *before = sbrk(0);

    (void)size;
    for (size_t at = 0; at < 8; at++)
        blocks[at] = malloc(MB / 10);
    for (size_t at = 8; at-- > 0;)
        free(blocks[at]);
    return (const char *)sbrk(0) - before > (ptrdiff_t)MB / 2;
}

/* In a process of its own: the allocator's bounds cannot be taken back. */
static bool looks(bool (*look)(size_t), const char *name, const char *value, bool settle,
                  size_t size, bool found)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        unsetenv("MALLOC_MMAP_THRESHOLD_");
        unsetenv("MALLOC_TRIM_THRESHOLD_");
        unsetenv("GLIBC_TUNABLES");
        if (name)
            setenv(name, value, 1);
        if (settle)
            tc_mmap_threshold_fix();
        _exit(look(size) == found ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool holds(const char *name, const char *value, bool settle, size_t size, bool mapped)
{
    return looks(is_mapped, name, value, settle, size, mapped);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__)
    skip("the allocator's bounds", "the sanitizer has an allocator of its own");
    return done_testing();
#endif
    void *volatile block = malloc(1);

    free(block); /* so that there is an arena, if this is glibc's allocator */
    if (getenv("MALLOC_MMAP_THRESHOLD_") || mallinfo2().arena == 0) {
        skip("the allocator's bounds", "another allocator, or one set by the environment");
        return done_testing();
    }
    ok(holds(NULL, NULL, false, 2 * MB, false), "left alone, 2 MiB stay in the arena");
    ok(holds(NULL, NULL, true, 2 * MB, true), "settled, they are a mapping");
    ok(holds(NULL, NULL, true, TC_MMAP_THRESHOLD / 2, false), "half of the bound is none");
    ok(holds("MALLOC_MMAP_THRESHOLD_", "33554432", true, 2 * MB, false),
       "who has a bound in the environment keeps it");
    ok(holds("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=33554432", true, 2 * MB, false),
       "... and who has it as a tunable");
    ok(holds("GLIBC_TUNABLES", "glibc.malloc.arena_max=2", true, 2 * MB, true),
       "... but another tunable is another matter");
    ok(looks(is_kept, NULL, NULL, false, 0, false), "left alone, what is freed goes back");
    ok(looks(is_kept, NULL, NULL, true, 0, true), "settled, less than the bound stays");
    ok(looks(is_kept, "MALLOC_TRIM_THRESHOLD_", "131072", true, 0, false),
       "who has that bound in the environment keeps it");
    return done_testing();
}
