/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes through a spool: in memory, in a file, and on to the next place when
 * one is full. The small file systems it fills are mounted in a mount namespace
 * of this process only.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_portable.h>

#include "tap.h"
#include "dirs.h"
#include "temp/spool.h"

#define KB   1024u
#define MB   (1024u * 1024u)
#define MOST (8 * MB)

static apr_pool_t *root;
static char *pattern, *back; /* what goes in, what comes out */
static char shm[PATH_MAX], disk[PATH_MAX];
static const char *no_mounts; /* why there are none */

static int descriptors(void)
{
    return entries("/proc/self/fd");
}

/* ---- a spool under test ------------------------------------------------------ */

typedef struct spool_rig {
    apr_pool_t *pool;    /* the spool's */
    apr_pool_t *bb_pool; /* outlives it */
    tc_temp_config temp_config;
    tc_spool *spool;
    apr_bucket_brigade *bb;
} spool_rig;

static void rig_up(spool_rig *rig, tc_temp_method method)
{
    memset(rig, 0, sizeof(*rig));
    apr_pool_create(&rig->pool, root);
    apr_pool_create(&rig->bb_pool, root);
    rig->bb = apr_brigade_create(rig->bb_pool, apr_bucket_alloc_create(rig->bb_pool));
    rig->temp_config.method = method;
}

static void rig_dir(spool_rig *rig, const char *path)
{
    tc_temp_dir *dir = &rig->temp_config.dir[rig->temp_config.dirs++];

    dir->path = path;
    tc_temp_fs_of(path, &dir->fs);
}

static apr_status_t rig_write(spool_rig *rig, apr_size_t threshold, apr_size_t total,
                              apr_size_t piece)
{
    apr_status_t status = APR_SUCCESS;

    rig->spool = tc_spool_create(rig->pool, &rig->temp_config, threshold);
    for (apr_size_t at = 0; at < total && status == APR_SUCCESS; at += piece)
        status =
            tc_spool_write(rig->spool, pattern + at, total - at < piece ? total - at : piece);
    return status;
}

static void rig_down(spool_rig *rig)
{
    apr_brigade_destroy(rig->bb);
    apr_pool_destroy(rig->pool);
    apr_pool_destroy(rig->bb_pool);
}

static bool same_contents(spool_rig *rig, apr_size_t total)
{
    apr_size_t got = MOST;

    return apr_brigade_flatten(rig->bb, back, &got) == APR_SUCCESS && got == total &&
           memcmp(back, pattern, total) == 0;
}

static bool seals_same(spool_rig *rig, apr_size_t total)
{
    return tc_spool_seal(rig->spool, rig->bb) == APR_SUCCESS && same_contents(rig, total);
}

static const char *reason(const spool_rig *rig)
{
    return tc_spool_reason(rig->spool);
}

/* One bucket, a file's, that the server may hand to sendfile(2). */
static bool one_file_bucket(const spool_rig *rig)
{
    apr_bucket *first = APR_BRIGADE_FIRST(rig->bb);
    apr_bucket_file *file;

    if (first == APR_BRIGADE_SENTINEL(rig->bb) || !APR_BUCKET_IS_FILE(first) ||
        APR_BUCKET_NEXT(first) != APR_BRIGADE_SENTINEL(rig->bb))
        return false;
    file = first->data;
    return apr_file_flags_get(file->fd) & APR_FOPEN_SENDFILE_ENABLED;
}

static bool only_heap_buckets(const spool_rig *rig)
{
    apr_bucket *bucket;

    for (bucket = APR_BRIGADE_FIRST(rig->bb); bucket != APR_BRIGADE_SENTINEL(rig->bb);
         bucket = APR_BUCKET_NEXT(bucket))
        if (!APR_BUCKET_IS_HEAP(bucket))
            return false;
    return true;
}

/* ---- memory and file ----------------------------------------------------------- */

static void test_sizes(void)
{
    static const struct {
        apr_size_t threshold, total, piece;
    } rows[] = {{0, 0, 1},
                {0, 1, 1},
                {0, 100 * KB, 1},
                {1, 1, 1},
                {1, 2, 1},
                {64 * KB, 0, 1},
                {64 * KB, 64 * KB, 1},
                {64 * KB, 64 * KB + 1, 1},
                {64 * KB, 16 * KB, 16 * KB},
                {64 * KB, 16 * KB + 1, 16 * KB},
                {MB, MB, 4 * KB},
                {MB, MB, MB},
                {MB, MB + 1, MB},
                {MB, 3 * MB, 10007},
                {MB, 3 * MB, 3 * MB},
                {100, 1 * MB, 64 * KB - 1},
                {100, 1 * MB, 64 * KB},
                {100, 1 * MB, 64 * KB + 1},
                {2 * MB, 8 * MB, 333333}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        apr_size_t total = rows[i].total;
        bool to_file = total > rows[i].threshold;
        spool_rig rig;

        rig_up(&rig, TC_TEMP_AUTO);
        ok(rig_write(&rig, rows[i].threshold, total, rows[i].piece) == APR_SUCCESS &&
               tc_spool_length(rig.spool) == (apr_off_t)total,
           "%lu bytes by %lu, threshold %lu", total, rows[i].piece, rows[i].threshold);
        ok(tc_spool_method(rig.spool) == (to_file ? TC_TEMP_MEMFD : TC_TEMP_AUTO), "  %s",
           to_file ? "memfd" : "in memory");
        ok(tc_spool_seal(rig.spool, rig.bb) == APR_SUCCESS &&
               (to_file ? one_file_bucket(&rig) : only_heap_buckets(&rig)) &&
               same_contents(&rig, total) && !*reason(&rig),
           "  the same come out");
        rig_down(&rig);
    }
}

/* Reads at random places of what is in memory, in a file, and in its write buffer. */
static void test_read(void)
{
    static const apr_size_t thresholds[] = {0, 64 * KB, MB}, totals[] = {1, 65 * KB, 500 * KB};

    for (size_t t = 0; t < 9; t++) {
        apr_size_t threshold = thresholds[t / 3], total = totals[t % 3], got, wrong = 0;
        spool_rig rig;

        rig_up(&rig, TC_TEMP_MEMFD);
        rig_write(&rig, threshold, total, 7000);
        for (unsigned round = 0; round < 200; round++) {
            apr_size_t at = (apr_size_t)rand() % (total + 10),
                       want = (apr_size_t)rand() % 70000;
            apr_size_t there = at >= total ? 0 : total - at < want ? total - at : want;

            if (tc_spool_read(rig.spool, (apr_off_t)at, back, want, &got) != APR_SUCCESS ||
                got != there || memcmp(back, pattern + at, got) != 0)
                wrong++;
        }
        ok(wrong == 0, "%zu bytes over a threshold of %zu: read back anywhere", total,
           threshold);
        ok(seals_same(&rig, total), "... and sealed after it");
        ok(tc_spool_read(rig.spool, 0, back, 1, &got) == APR_EOF && got == 0,
           "... then there is no reading");
        rig_down(&rig);
    }
}

static void test_closed(void)
{
    int before = descriptors();
    apr_size_t got;
    spool_rig rig;

    rig_up(&rig, TC_TEMP_MEMFD);
    rig_write(&rig, 0, 10 * KB, KB);
    tc_spool_close(rig.spool);
    tc_spool_close(rig.spool);
    ok(descriptors() == before, "closed twice before its pool goes: no descriptor is left");
    ok(tc_spool_read(rig.spool, 0, back, 1, &got) == APR_EOF &&
           tc_spool_write(rig.spool, "x", 1) == APR_EOF,
       "... and it is dead");
    rig_down(&rig);
}

static void test_methods(const char *dir)
{
    static const tc_temp_method methods[] = {TC_TEMP_AUTO, TC_TEMP_MEMFD, TC_TEMP_TMPFILE,
                                             TC_TEMP_UNLINKED, TC_TEMP_NAMED};

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        const char *word = tc_temp_method_name(methods[i]);
        tc_temp_method want = methods[i] == TC_TEMP_AUTO ? TC_TEMP_MEMFD : methods[i];
        int named = methods[i] == TC_TEMP_NAMED, fds = descriptors();
        spool_rig rig;

        rig_up(&rig, methods[i]);
        rig_dir(&rig, dir);
        ok(rig_write(&rig, 10 * KB, MB, 5000) == APR_SUCCESS &&
               tc_spool_seal(rig.spool, rig.bb) == APR_SUCCESS && one_file_bucket(&rig) &&
               tc_spool_method(rig.spool) == want,
           "%s in %s", word, dir);
        ok(entries(dir) == named, "%s: names while it is sent: %d", word, named);
        ok(same_contents(&rig, MB), "%s: contents", word);
        rig_down(&rig);
        ok(entries(dir) == 0 && descriptors() == fds, "%s: nothing left after the pool", word);
    }
}

static void test_ownership(void)
{
    int fds = descriptors();
    spool_rig rig;

    rig_up(&rig, TC_TEMP_AUTO);
    rig_write(&rig, MB, 500 * KB, 7000);
    tc_spool_seal(rig.spool, rig.bb);
    apr_pool_clear(rig.pool);
    ok(same_contents(&rig, 500 * KB), "sealed memory outlives the spool's pool");
    rig_down(&rig);

    rig_up(&rig, TC_TEMP_NAMED);
    rig_dir(&rig, shm);
    rig_write(&rig, 100, 100 * KB, 7000);
    ok(entries(shm) == 1, "a named file, never sealed");
    rig_down(&rig);
    ok(entries(shm) == 0 && descriptors() == fds, "goes with the pool");

    rig_up(&rig, TC_TEMP_AUTO);
    rig_write(&rig, MB, 100 * KB, 7000);
    rig_down(&rig);
    ok(descriptors() == fds, "so does memory never sealed");

    rig_up(&rig, TC_TEMP_AUTO);
    rig_write(&rig, 100, 1000, 10);
    tc_spool_seal(rig.spool, rig.bb);
    ok(tc_spool_write(rig.spool, "x", 1) == APR_EOF &&
           tc_spool_seal(rig.spool, rig.bb) == APR_EOF && same_contents(&rig, 1000),
       "sealed is sealed");
    rig_down(&rig);
}

/* ---- failures that need no mount -------------------------------------------------- */

/* A file cut short under a mapping would kill the process that reads it. */
static void test_cut_short(void)
{
    const char *data;
    apr_size_t length;
    apr_bucket *bucket;
    apr_os_file_t fd;
    spool_rig rig;

    rig_up(&rig, TC_TEMP_NAMED);
    rig_dir(&rig, shm);
    rig_write(&rig, 0, MB, 7000);
    tc_spool_seal(rig.spool, rig.bb);
    bucket = APR_BRIGADE_FIRST(rig.bb);
    if (apr_os_file_get(&fd, ((apr_bucket_file *)bucket->data)->fd) == APR_SUCCESS)
        ok(ftruncate(fd, 100 * KB) == 0, "somebody cuts a sealed file short");
    ok(apr_bucket_read(bucket, &data, &length, APR_BLOCK_READ) == APR_SUCCESS &&
           !APR_BUCKET_IS_MMAP(bucket) && length > 32 * KB && length <= 64 * KB &&
           !memcmp(data, pattern, length),
       "it is read, not mapped");
    ok(!same_contents(&rig, MB), "and found short");
    rig_down(&rig);
}

static void test_no_place(void)
{
    spool_rig rig;

    rig_up(&rig, TC_TEMP_TMPFILE);
    ok(rig_write(&rig, 10, 100, 100) == APR_ENOSPC, "no directory at all");
    ok(strstr(reason(&rig), "no temporary directory") != NULL, "says: %s", reason(&rig));
    rig_down(&rig);

    rig_up(&rig, TC_TEMP_TMPFILE);
    rig_dir(&rig, "/dev/shm/none/there");
    ok(rig_write(&rig, 10, 100, 100) == APR_ENOENT, "only one that does not exist");
    ok(strcmp(reason(&rig), "/dev/shm/none/there: No such file or directory") == 0, "says: %s",
       reason(&rig));
    ok(tc_spool_write(rig.spool, "x", 1) == APR_ENOENT &&
           tc_spool_seal(rig.spool, rig.bb) == APR_ENOENT && APR_BRIGADE_EMPTY(rig.bb),
       "dead from then on");
    rig_down(&rig);

    rig_up(&rig, TC_TEMP_TMPFILE);
    rig_dir(&rig, "/dev/shm/none/there");
    rig_dir(&rig, shm);
    ok(rig_write(&rig, 10, 100 * KB, 100) == APR_SUCCESS && seals_same(&rig, 100 * KB),
       "the next one is taken");
    rig_down(&rig);
}

static void test_descriptors(void)
{
    struct rlimit limit, none;
    apr_status_t status;
    int fds = descriptors();
    spool_rig rig;

    rig_up(&rig, TC_TEMP_AUTO);
    rig_dir(&rig, shm);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    status = rig_write(&rig, 10, 100, 100);
    setrlimit(RLIMIT_NOFILE, &limit);
    ok(status == EMFILE, "out of descriptors");
    ok(strstr(reason(&rig), "ulimit -n") != NULL, "says: %s", reason(&rig));
    rig_down(&rig);
    ok(descriptors() == fds && entries(shm) == 0, "and leaves nothing");
}

/* A limit on the size of files is another way of being full, everywhere at once. */
static bool reads_same(int fd, apr_size_t total)
{
    return lseek(fd, 0, SEEK_END) == (off_t)total &&
           pread(fd, back, MOST, 0) == (ssize_t)total && memcmp(back, pattern, total) == 0;
}

/* What another process is given to read from. */
static void test_descriptor(const char *what, apr_size_t threshold, apr_size_t total,
                            tc_temp_method method, const char *dir)
{
    spool_rig rig;
    int fds = descriptors(), fd = -1;

    rig_up(&rig, method);
    rig_dir(&rig, dir);
    rig_write(&rig, threshold, total, 1000);
    ok(tc_spool_descriptor(rig.spool, &fd) == APR_SUCCESS && reads_same(fd, total),
       "%s: all of it is in a descriptor", what);
    ok(write(fd, "x", 1) < 0 && ftruncate(fd, 0) != 0, "... that nobody can write to");
    ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "... nor takes to another program");
    ok(tc_spool_read(rig.spool, 0, back, total, &total) == APR_SUCCESS &&
           memcmp(back, pattern, total) == 0,
       "... and the spool still has it");
    close(fd);
    rig_down(&rig);
    ok(descriptors() == fds, "... and nothing is left open");
}

static void test_read_descriptors(void)
{
    test_descriptor("in memory", 64 * KB, 50 * KB + 1, TC_TEMP_AUTO, shm);
    test_descriptor("memfd", 0, 300 * KB + 1, TC_TEMP_MEMFD, shm);
    test_descriptor("tmpfile on tmpfs", 0, 300 * KB + 1, TC_TEMP_TMPFILE, shm);
    test_descriptor("tmpfile on a disk", 10 * KB, 20 * KB, TC_TEMP_TMPFILE, disk);
    test_descriptor("unlinked", 0, 70 * KB, TC_TEMP_UNLINKED, disk);
    test_descriptor("named", 0, 70 * KB, TC_TEMP_NAMED, disk);
}

static void test_file_limit(void)
{
    struct rlimit limit, small;
    apr_status_t status;
    int fds = descriptors();
    spool_rig rig;

    rig_up(&rig, TC_TEMP_AUTO);
    rig_dir(&rig, shm);
    rig_dir(&rig, disk);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 300 * KB;
    setrlimit(RLIMIT_FSIZE, &small);
    status = rig_write(&rig, 10 * KB, MB, 7000);
    setrlimit(RLIMIT_FSIZE, &limit);
    ok(status == APR_ENOSPC, "no file may be so large: %s", reason(&rig));
    rig_down(&rig);
    ok(descriptors() == fds && entries(shm) == 0 && entries(disk) == 0, "and leaves nothing");
}

/* Make the kernel look like one without memfd_create(2), and without O_TMPFILE too. */
static bool forbid(bool tmpfile_too)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, tmpfile_too ? O_TMPFILE & ~O_DIRECTORY : 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EISDIR),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child, as a filter is for life. Exits 0 when good, 2 when there are no filters. */
static int try_old_kernel(bool without_tmpfile)
{
    tc_tempfile file;
    spool_rig rig;

    if (!forbid(without_tmpfile))
        return 2;
    if (tc_temp_open(&file, TC_TEMP_MEMFD, NULL) != EOPNOTSUPP)
        return 3;
    if (without_tmpfile && tc_temp_open(&file, TC_TEMP_TMPFILE, shm) != EOPNOTSUPP)
        return 4;
    rig_up(&rig, TC_TEMP_AUTO);
    rig_dir(&rig, shm);
    if (rig_write(&rig, 10, MB, 7000) != APR_SUCCESS ||
        tc_spool_method(rig.spool) != (without_tmpfile ? TC_TEMP_UNLINKED : TC_TEMP_TMPFILE))
        return 5;
    if (tc_spool_seal(rig.spool, rig.bb) != APR_SUCCESS || !same_contents(&rig, MB))
        return 6;
    rig_down(&rig);
    return entries(shm) == 0 ? 0 : 7;
}

static void test_old_kernel(bool without_tmpfile)
{
    const char *what = without_tmpfile ? "auto without memfd and O_TMPFILE: unlinked"
                                       : "auto without memfd: tmpfile";
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        _exit(try_old_kernel(without_tmpfile));
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        skip(what, "no system call filters here");
    else
        ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s (%#x)", what, (unsigned)status);
}

/* ---- small file systems -------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

/* Mounts that nobody else sees and that go with this process. Before anything else, while
   there is one thread. */
static const char *enter_namespace(void)
{
    char uids[64], gids[64];

    snprintf(uids, sizeof(uids), "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
    snprintf(gids, sizeof(gids), "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
    if (geteuid() != 0 || unshare(CLONE_NEWNS)) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
            return "this user may have no mount namespace";
        if (!write_text("/proc/self/setgroups", "deny") ||
            !write_text("/proc/self/uid_map", uids) || !write_text("/proc/self/gid_map", gids))
            return "no user may be mapped into a namespace";
    }
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
        return "mounts cannot be made private";
    return NULL;
}

static void mount_small(char *dir, size_t size, const char *options)
{
    private_dir(dir, size, "/dev/shm");
    if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options)) {
        printf("Bail out! mount of %s: %s\n", options, strerror(errno));
        exit(1);
    }
}

static void unmount_small(const char *dir)
{
    if (umount(dir) || rmdir(dir))
        printf("# %s stays: %s\n", dir, strerror(errno));
}

static bool empty_again(const char *dir)
{
    struct statvfs st;

    return statvfs(dir, &st) == 0 && st.f_bfree == st.f_blocks && entries(dir) == 0;
}

static void test_full(tc_temp_method method, apr_size_t threshold, apr_size_t piece)
{
    const char *word = tc_temp_method_name(method);
    char small[PATH_MAX], smaller[PATH_MAX];
    int fds = descriptors();
    spool_rig rig;

    mount_small(small, sizeof(small), "size=256k");
    mount_small(smaller, sizeof(smaller), "size=128k");
    rig_up(&rig, method);
    rig_dir(&rig, small);
    rig_dir(&rig, smaller); /* cannot even take what the first one held */
    rig_dir(&rig, disk);
    ok(rig_write(&rig, threshold, MB, piece) == APR_SUCCESS, "%s: 1 MB by %lu past two full",
       word, piece);
    ok(strstr(reason(&rig), smaller) && strstr(reason(&rig), "space"), "%s: says %s", word,
       reason(&rig));
    ok(empty_again(small) && empty_again(smaller), "%s: the full ones are empty again", word);
    ok(tc_spool_seal(rig.spool, rig.bb) == APR_SUCCESS && one_file_bucket(&rig) &&
           same_contents(&rig, MB),
       "%s: nothing is lost", word);
    rig_down(&rig);

    rig_up(&rig, method);
    rig_dir(&rig, small);
    rig_dir(&rig, smaller);
    ok(rig_write(&rig, threshold, MB, piece) == APR_ENOSPC, "%s: all full", word);
    ok(empty_again(small) && empty_again(smaller), "%s: all given back at once", word);
    rig_down(&rig);
    ok(entries(disk) == 0 && descriptors() == fds, "%s: no leftovers", word);
    unmount_small(small);
    unmount_small(smaller);
}

/* Full at the flush of the last buffered bytes. */
static void test_full_at_seal(void)
{
    apr_size_t total = 256 * KB + 10;
    char small[PATH_MAX];
    bool good;
    spool_rig rig;

    mount_small(small, sizeof(small), "size=256k");
    rig_up(&rig, TC_TEMP_TMPFILE);
    rig_dir(&rig, small);
    rig_dir(&rig, disk);
    rig_write(&rig, 0, total, 1000);
    ok(!*reason(&rig), "the last bytes are still in the buffer");
    good = seals_same(&rig, total);
    ok(good && *reason(&rig), "full at the seal: %s", reason(&rig));
    rig_down(&rig);

    rig_up(&rig, TC_TEMP_TMPFILE);
    rig_dir(&rig, small);
    rig_write(&rig, 0, total, 1000);
    ok(tc_spool_seal(rig.spool, rig.bb) == APR_ENOSPC && APR_BRIGADE_EMPTY(rig.bb) &&
           empty_again(small),
       "and no other place: no space, nothing in the brigade");
    rig_down(&rig);
    unmount_small(small);
}

/* With a reserve in a directory of 4 MB: `total` bytes written, where do they end? */
static void test_reserve(const char *small, const char *other, uint64_t bytes, double percent,
                         apr_size_t total, bool reached)
{
    bool moves = reached && other;
    apr_status_t status;
    spool_rig rig;

    rig_up(&rig, TC_TEMP_TMPFILE);
    rig_dir(&rig, small);
    if (other)
        rig_dir(&rig, other);
    for (unsigned at = 0; at < rig.temp_config.dirs; at++) {
        rig.temp_config.dir[at].reserve_bytes = bytes;
        rig.temp_config.dir[at].reserve_percent = percent;
    }
    status = rig_write(&rig, 0, total, 9000);
    ok(status == (reached && !other ? APR_ENOSPC : APR_SUCCESS) &&
           (strstr(reason(&rig), small) != NULL) == reached,
       "%lu KB, to leave %lu KB or %.0f%%%s: %s", total / KB, (unsigned long)(bytes / KB),
       percent, moves ? ", another" : "", reason(&rig));
    ok(!reached || empty_again(small), "  is given back");
    ok(status != APR_SUCCESS || seals_same(&rig, total), "  nothing is lost");
    rig_down(&rig);
}

static void test_reserves(void)
{
    char small[PATH_MAX], large[PATH_MAX];
    uint64_t bytes = 2 * MB + 400 * KB;

    mount_small(small, sizeof(small), "size=4m");
    mount_small(large, sizeof(large), "size=64m");
    test_reserve(small, large, 4 * MB + 1, 0, KB, true);
    test_reserve(small, NULL, 4 * MB + 1, 0, KB, true);
    test_reserve(small, NULL, bytes, 0, MB, false);
    test_reserve(small, NULL, bytes, 0, 3 * MB, true);
    test_reserve(small, large, bytes, 0, 3 * MB, true);
    test_reserve(small, NULL, 0, 60, MB, false);
    test_reserve(small, NULL, 0, 60, 3 * MB, true);
    test_reserve(small, large, 0, 60, 3 * MB, true);
    unmount_small(small);
    unmount_small(large);
}

static void test_mounted(void)
{
    if (no_mounts) {
        skip("full file systems", no_mounts);
        return;
    }
    test_full(TC_TEMP_TMPFILE, 0, 10007);
    test_full(TC_TEMP_TMPFILE, 16 * KB, MB);
    test_full(TC_TEMP_UNLINKED, 16 * KB, 1);
    test_full(TC_TEMP_UNLINKED, 500 * KB, 10007);
    test_full(TC_TEMP_NAMED, 0, 10007);
    test_full(TC_TEMP_NAMED, 16 * KB, 300 * KB);
    test_full_at_seal();
    test_reserves();
}

/* ------------------------------------------------------------------------------------------ */

static void set_up(void)
{
    const char *base = getenv("TC_TEST_DISK_DIR");
    uint32_t state = 1;

    no_mounts = enter_namespace();
    apr_initialize();
    apr_pool_create(&root, NULL);
    pattern = malloc(MOST);
    back = malloc(MOST);
    if (!pattern || !back)
        abort();
    for (size_t i = 0; i < MOST; i++) {
        state = state * 1664525u + 1013904223u;
        pattern[i] = (char)(state >> 24);
    }
    private_dir(shm, sizeof(shm), "/dev/shm");
    private_dir(disk, sizeof(disk), base && *base ? base : "/var/tmp");
}

int main(void)
{
    int fds = descriptors();

    set_up();
    test_sizes();
    test_read();
    test_closed();
    test_methods(shm);
    test_methods(disk);
    test_ownership();
    test_cut_short();
    test_no_place();
    test_descriptors();
    test_read_descriptors();
    test_file_limit();
    test_old_kernel(false);
    test_old_kernel(true);
    test_mounted();
    ok(rmdir(shm) == 0 && rmdir(disk) == 0, "nothing left in the directories");
    apr_pool_destroy(root);
    apr_terminate();
    free(pattern);
    free(back);
    ok(descriptors() == fds, "no descriptor left");
    return done_testing();
}
