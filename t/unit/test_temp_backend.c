/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound on files in memory: who comes to it goes on to a disk with all it has,
 * or is refused; what is held comes back, from a killed process too. And how often a
 * directory's reserve is looked at: here statvfs(3) says what the test wants.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>

#include "tap.h"
#include "dirs.h"
#include "temp/temp_backend.h"

#define KB   ((apr_size_t)1024)
#define MB   (1024 * KB)
#define STEP TC_TEMP_BACKEND_STEP

static apr_pool_t *pool;
static tc_admission *admission;
static tc_temp_config temp_config;
static char dir[2][PATH_MAX]; /* the first is said to be in memory, the second on a disk */
static char *pattern, *back;

static uint64_t held(void)
{
    tc_admission_now now;

    tc_admission_read(admission, &now);
    return now.temp;
}

static void set_places(tc_temp_method method, bool memory, bool disk, uint64_t bound)
{
    temp_config = (tc_temp_config){.method = method, .admission = admission, .memory = bound};
    if (memory)
        temp_config.dir[temp_config.dirs++] =
            (tc_temp_dir){.path = dir[0], .fs = {"tmpfs", true, false}};
    if (disk)
        temp_config.dir[temp_config.dirs++] =
            (tc_temp_dir){.path = dir[1], .fs = {"ext4", false, true}};
}

/* Append to `backend`, opened when need be, in pieces of `piece` bytes up to `total`. */
static apr_status_t fill(tc_temp_backend *backend, apr_size_t total, apr_size_t piece)
{
    apr_status_t status =
        tc_temp_backend_is_open(backend) ? APR_SUCCESS : tc_temp_backend_open(backend);

    while (status == APR_SUCCESS && (apr_size_t)backend->stored < total) {
        apr_size_t at = (apr_size_t)backend->stored, left = total - at;
        status = tc_temp_backend_write(backend, pattern + at, left < piece ? left : piece);
    }
    return status;
}

static bool holds_same(tc_temp_backend *backend, apr_size_t total)
{
    apr_size_t got;

    return tc_temp_backend_read(backend, 0, back, 8 * MB, &got) == APR_SUCCESS &&
           got == total && memcmp(back, pattern, total) == 0;
}

static bool is_on_disk(const tc_temp_backend *backend)
{
    return backend->file.at.dir && strcmp(backend->file.at.dir->path, dir[1]) == 0;
}

static void test_steps(void)
{
    tc_temp_backend backend;

    set_places(TC_TEMP_MEMFD, false, false, 2 * MB);
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(tc_temp_backend_open(&backend) == APR_SUCCESS && held() == STEP,
       "an open file holds one step");
    ok(fill(&backend, STEP, 1000) == APR_SUCCESS && held() == STEP,
       "... until that is written");
    ok(fill(&backend, STEP + 1, 1) == APR_SUCCESS && held() == 2 * STEP, "then the next");
    ok(fill(&backend, 2 * MB, 300 * KB) == APR_SUCCESS && held() == 2 * MB, "up to the bound");
    ok(holds_same(&backend, 2 * MB), "... with all that was written");
    ok(fill(&backend, 2 * MB + 1, 1) == APR_ENOSPC, "and no byte more");
    ok(strstr(backend.reason, "memfd: all that TmpfsConvertTempMemory allows is taken") != NULL,
       "says: %s", backend.reason);
    tc_temp_backend_close(&backend);
    tc_temp_backend_close(&backend);
    ok(held() == 0, "closed, it holds nothing");
}

static void test_spill(tc_temp_method method, bool memory, apr_size_t piece)
{
    tc_temp_backend first, second;

    set_places(method, memory, true, MB);
    tc_temp_backend_init(&first, pool, &temp_config);
    tc_temp_backend_init(&second, pool, &temp_config);
    ok(fill(&first, 700 * KB, piece) == APR_SUCCESS && !is_on_disk(&first),
       "%s by %lu: the first one is in memory", tc_temp_method_name(method), piece);
    ok(fill(&second, 100 * KB, piece) == APR_SUCCESS && !is_on_disk(&second),
       "the second one too");
    ok(fill(&second, 3 * MB, piece) == APR_SUCCESS && is_on_disk(&second),
       "over the bound it goes to a disk");
    ok(holds_same(&second, 3 * MB), "... with all that was written");
    ok(held() == 3 * STEP, "... and holds no memory any more");
    ok(fill(&first, MB, piece) == APR_SUCCESS && !is_on_disk(&first) && held() == MB,
       "so that the first one has room");
    tc_temp_backend_close(&second);
    tc_temp_backend_init(&second, pool, &temp_config);
    ok(fill(&second, 1, 1) == APR_SUCCESS && is_on_disk(&second) && held() == MB,
       "a new one begins on the disk");
    tc_temp_backend_close(&first);
    tc_temp_backend_close(&second);
    ok(held() == 0 && entries(dir[0]) == 0 && entries(dir[1]) == 0, "nothing is left");
}

static void test_refused(void)
{
    tc_temp_backend backend;

    set_places(TC_TEMP_AUTO, true, false, MB);
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(fill(&backend, 3 * MB, 100 * KB) == APR_ENOSPC, "with memory only it is refused");
    ok(strstr(backend.reason, dir[0]) && strstr(backend.reason, "TmpfsConvertTempMemory"),
       "says: %s", backend.reason);
    tc_temp_backend_close(&backend);
    ok(held() == 0 && entries(dir[0]) == 0, "nothing is left");
    set_places(TC_TEMP_AUTO, true, true, 0);
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(fill(&backend, MB, MB) == APR_SUCCESS && is_on_disk(&backend) &&
           holds_same(&backend, MB),
       "a bound of nothing sends all to the disk");
    tc_temp_backend_close(&backend);
    set_places(TC_TEMP_TMPFILE, false, true, 0);
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(fill(&backend, MB, MB) == APR_SUCCESS && held() == 0,
       "what is on a disk is not bounded");
    tc_temp_backend_close(&backend);
    set_places(TC_TEMP_MEMFD, false, false, MB);
    temp_config.admission = NULL;
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(fill(&backend, 3 * MB, MB) == APR_SUCCESS && held() == 0,
       "without shared memory there is no bound");
    tc_temp_backend_close(&backend);
}

static void test_killed(void)
{
    tc_temp_backend backend;
    pid_t child;

    set_places(TC_TEMP_MEMFD, false, false, MB);
    tc_temp_backend_init(&backend, pool, &temp_config);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        tc_admission_begin(admission, getpid());
        fill(&backend, MB, 64 * KB);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    ok(held() == MB && fill(&backend, 1, 1) == APR_ENOSPC, "a killed process still holds it");
    tc_temp_backend_close(&backend);
    tc_admission_gone(admission, child);
    tc_temp_backend_init(&backend, pool, &temp_config);
    ok(held() == 0 && fill(&backend, MB, MB) == APR_SUCCESS, "... until its death is seen");
    tc_temp_backend_close(&backend);
}

/* ---- the reserve ------------------------------------------------------------------- */

static bool scarce; /* what is left of every file system is less than any reserve */
static unsigned looks;

int statvfs(const char *path, struct statvfs *space)
{
    (void)path;
    looks++;
    *space = (struct statvfs){
        .f_frsize = 4096, .f_blocks = 1 << 20, .f_bavail = scarce ? 0 : 1 << 20};
    return 0;
}

/* Space runs out once the file is open. That is seen when a MiB has been written, in whatever
   pieces: what it has goes to the next place. */
static void test_looks(apr_size_t first, apr_size_t total, bool seen)
{
    tc_temp_backend backend;

    set_places(TC_TEMP_TMPFILE, true, true, UINT64_MAX);
    temp_config.dir[0].reserve_bytes = KB;
    tc_temp_backend_init(&backend, pool, &temp_config);
    scarce = false;
    looks = 0;
    ok(tc_temp_backend_open(&backend) == APR_SUCCESS && looks == 1,
       "opening looks at the reserve");
    scarce = true;
    ok(fill(&backend, first, first) == APR_SUCCESS && looks == 1, "%lu bytes do not", first);
    ok(fill(&backend, total, total) == APR_SUCCESS && looks == 1u + seen &&
           is_on_disk(&backend) == seen && holds_same(&backend, total),
       "... then up to %lu: the reserve is %s", total, seen ? "kept" : "not looked at");
    tc_temp_backend_close(&backend);
    scarce = false;
}

int main(void)
{
    uint32_t state = 1;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    admission = mmap(NULL, tc_admission_size(), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pattern = malloc(8 * MB);
    back = malloc(8 * MB);
    if (admission == MAP_FAILED || !pattern || !back)
        abort();
    tc_admission_adopt(admission);
    for (apr_size_t i = 0; i < 8 * MB; i++) {
        state = state * 1664525u + 1013904223u;
        pattern[i] = (char)(state >> 24);
    }
    private_dir(dir[0], sizeof dir[0], "/dev/shm");
    private_dir(dir[1], sizeof dir[1], "/var/tmp");
    test_steps();
    test_spill(TC_TEMP_AUTO, false, 7000);
    test_spill(TC_TEMP_AUTO, false, MB);
    test_spill(TC_TEMP_AUTO, true, 64 * KB);
    test_spill(TC_TEMP_UNLINKED, true, 300 * KB);
    test_refused();
    test_killed();
    test_looks(1000, MB, false);
    test_looks(1000, MB + 1, true);
    test_looks(MB, MB + 1, true);
    test_looks(MB - 1, 2 * MB - 2, true);
    ok(rmdir(dir[0]) == 0 && rmdir(dir[1]) == 0, "nothing left in the directories");
    apr_pool_destroy(pool);
    apr_terminate();
    free(pattern);
    free(back);
    return done_testing();
}
