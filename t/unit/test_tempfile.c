/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How temporary files are made: what each method promises on tmpfs and on a
 * disk, what it leaves in kernel memory, and what a killed process leaves.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "dirs.h"
#include "temp/tempfile.h"

#define FILES  2000
#define ROUNDS 5

static const tc_temp_method methods[] = {TC_TEMP_MEMFD, TC_TEMP_TMPFILE, TC_TEMP_UNLINKED,
                                         TC_TEMP_NAMED};
#define METHODS (sizeof(methods) / sizeof(*methods))

/* ---- names and words ------------------------------------------------------ */

static void test_words(void)
{
    tc_temp_method method;

    for (unsigned i = 0; i < TC_TEMP_METHODS; i++) {
        const char *word = tc_temp_method_name((tc_temp_method)i);
        ok(tc_temp_method_parse(word, &method) && method == i, "%s is a method", word);
    }
    ok(tc_temp_method_parse("MemFD", &method) && method == TC_TEMP_MEMFD, "in any case");
    ok(!tc_temp_method_parse("", &method) && !tc_temp_method_parse("mem", &method),
       "other words are none");
    ok(strcmp(tc_temp_method_name(TC_TEMP_METHODS), "unknown") == 0, "no name past the last");
}

static void test_names(void)
{
    char name[TC_TEMP_NAME], other[TC_TEMP_NAME];

    tc_temp_name(name);
    tc_temp_name(other);
    ok(strlen(name) == TC_TEMP_NAME - 1 && strncmp(name, "tc-", 3) == 0, "a name: %s", name);
    ok(strspn(name + 3, "abcdefghijklmnopqrstuvwxyz234567") == TC_TEMP_NAME - 4, "of letters");
    ok(strcmp(name, other) != 0, "and another the next time");
}

/* ---- each method ---------------------------------------------------------- */

static bool write_and_read(int fd)
{
    char back[6] = "";
    size_t written = 0;

    return tc_temp_write(fd, "hello", 5, &written) == 0 && written == 5 &&
           pread(fd, back, 5, 0) == 5 && strcmp(back, "hello") == 0;
}

static void test_method(const char *base, const char *kind, tc_temp_method method)
{
    const char *word = tc_temp_method_name(method);
    int visible = method == TC_TEMP_NAMED, fds = entries("/proc/self/fd"), rc;
    tc_tempfile file;
    char dir[PATH_MAX];
    struct stat st = {0};

    private_dir(dir, sizeof(dir), base);
    rc = tc_temp_open(&file, method, dir);
    if (!ok(rc == 0, "%s on %s opens: %s", word, kind, strerror(rc)))
        return;
    ok(file.method == method && (file.path[0] != '\0') == visible, "%s: as asked for", word);
    ok(fstat(file.fd, &st) == 0 && S_ISREG(st.st_mode), "%s on %s: a plain file", word, kind);
    ok((st.st_mode & 07777) == 0600, "%s on %s: mode %04o", word, kind,
       (unsigned)st.st_mode & 07777);
    ok((int)st.st_nlink == visible, "%s on %s: %d links", word, kind, (int)st.st_nlink);
    ok(fcntl(file.fd, F_GETFD) & FD_CLOEXEC, "%s on %s: close-on-exec", word, kind);
    ok(entries(dir) == visible, "%s on %s: %d names while open", word, kind, visible);
    ok(write_and_read(file.fd), "%s on %s: reads what was written", word, kind);
    tc_temp_close(&file);
    tc_temp_close(&file);
    ok(file.fd == -1 && entries(dir) == 0 && entries("/proc/self/fd") == fds,
       "%s on %s: nothing left, closed twice", word, kind);
    rmdir(dir);
}

static void test_errors(void)
{
    char long_dir[PATH_MAX + 10], dir[PATH_MAX];
    tc_tempfile file;
    size_t written = 1;
    int fds = entries("/proc/self/fd"), full;

    memset(long_dir, 'a', sizeof(long_dir) - 1);
    long_dir[sizeof(long_dir) - 1] = '\0';
    private_dir(dir, sizeof(dir), "/dev/shm");
    rmdir(dir);
    for (size_t i = 1; i < METHODS; i++) {
        const char *word = tc_temp_method_name(methods[i]);
        ok(tc_temp_open(&file, methods[i], dir) == ENOENT, "%s: no directory", word);
        ok(tc_temp_open(&file, methods[i], "/proc/self/status") == ENOTDIR, "%s: a file", word);
        ok(tc_temp_open(&file, methods[i], long_dir) == ENAMETOOLONG, "%s: too long", word);
        ok(tc_temp_open(&file, methods[i], NULL) == EINVAL && file.fd == -1, "%s: NULL", word);
    }
    ok(tc_temp_open(&file, TC_TEMP_AUTO, "/dev/shm") == EINVAL, "auto is no method");
    if (geteuid() == 0)
        ok(tc_temp_open(&file, TC_TEMP_TMPFILE, "/proc") == EOPNOTSUPP, "tmpfile on procfs");
    else
        skip("tmpfile on procfs", "only root may try");
    full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ok(tc_temp_write(full, "x", 1, &written) == ENOSPC && written == 0, "a full device");
    close(full);
    ok(entries("/proc/self/fd") == fds, "no descriptor left by the errors");
}

/* ---- negative dentries ------------------------------------------------------ */

static long negatives(void)
{
    long field[6] = {0};
    FILE *state = fopen("/proc/sys/fs/dentry-state", "re");
    int got = 0;

    if (!state)
        return -1;
    while (got < 6 && fscanf(state, "%ld", &field[got]) == 1)
        got++;
    fclose(state);
    return got < 5 ? -1 : field[4];
}

/* Why the kernel's count of negative dentries says nothing here; NULL when it does. */
static const char *uncountable(void)
{
    FILE *policy = fopen("/proc/sys/fs/dentry-negative", "re");
    int value = 0;

    if (policy) {
        if (fscanf(policy, "%d", &value) != 1)
            value = 0;
        fclose(policy);
    }
    if (value)
        return "fs.dentry-negative is set";
    /* Before Linux 5.0 the field was another one, always 0. */
    return negatives() > 0 ? NULL : "no count of negative dentries in fs.dentry-state";
}

typedef bool leave_one(const char *dir, int dirfd, tc_temp_method method);

static bool by_method(const char *dir, int dirfd, tc_temp_method method)
{
    tc_tempfile file;

    (void)dirfd;
    if (tc_temp_open(&file, method, dir))
        return false;
    tc_temp_close(&file);
    return true;
}

static bool by_remove_held(const char *dir, int dirfd, tc_temp_method method)
{
    char name[TC_TEMP_NAME];
    int fd;

    (void)dir;
    (void)method;
    tc_temp_name(name);
    fd = openat(dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    close(fd);
    return tc_temp_remove_held(dirfd, name, 0) == 0;
}

static bool by_remove_held_dir(const char *dir, int dirfd, tc_temp_method method)
{
    char name[TC_TEMP_NAME];

    (void)dir;
    (void)method;
    tc_temp_name(name);
    return mkdirat(dirfd, name, 0700) == 0 &&
           tc_temp_remove_held(dirfd, name, AT_REMOVEDIR) == 0;
}

static bool by_probe(const char *dir, int dirfd, tc_temp_method method)
{
    (void)dirfd;
    return tc_temp_probe(dir, method, NULL, geteuid(), getegid()) == 0;
}

/*
 * Negative dentries retained per file, -1 on failure. The files have a directory
 * of their own, and its removal drops what they left: the count's fall over that
 * one call is theirs, whatever the neighbours do meanwhile.
 */
static double retained(const char *base, leave_one *leave, tc_temp_method method, int files)
{
    char dir[PATH_MAX];
    bool good = true;
    long before, after;
    int dirfd;

    private_dir(dir, sizeof(dir), base);
    dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < files && good; i++)
        good = leave(dir, dirfd, method);
    close(dirfd);
    before = negatives();
    if (rmdir(dir) || !good)
        return -1;
    after = negatives();
    return (double)(before - after) / files;
}

/* A stray neighbour's burst or a reclaim can spoil one round, hardly all of them. */
static void test_retained(const char *base, const char *kind, const char *word,
                          leave_one *leave, tc_temp_method method, int files, bool leaks)
{
    double ratio = -1;
    bool good = false;

    for (int round = 0; round < ROUNDS && !good; round++) {
        ratio = retained(base, leave, method, files);
        good = leaks ? ratio >= 0.9 : ratio > -0.05 && ratio < 0.05;
    }
    ok(good, "%s on %s: %.4f negative dentries a file", word, kind, ratio);
}

static void test_negatives(const char *base, const tc_temp_fs *fs)
{
    const char *why = uncountable();

    if (why) {
        skip("negative dentries", why);
        return;
    }
    for (size_t i = 0; i < METHODS - 1; i++)
        test_retained(base, fs->name, tc_temp_method_name(methods[i]), by_method, methods[i],
                      FILES, false);
    test_retained(base, fs->name, "remove held", by_remove_held, TC_TEMP_NAMED, FILES, false);
    test_retained(base, fs->name, "remove held directory", by_remove_held_dir, TC_TEMP_NAMED,
                  FILES, false);
    test_retained(base, fs->name, "probe of named", by_probe, TC_TEMP_NAMED, FILES / 10, false);
    if (fs->keeps_negatives && strcmp(fs->name, "ext4") != 0 && strcmp(fs->name, "xfs") != 0 &&
        strcmp(fs->name, "btrfs") != 0)
        skip("named leaves its dentries", fs->name);
    else
        test_retained(base, fs->name, "named", by_method, TC_TEMP_NAMED, FILES,
                      fs->keeps_negatives);
}

static void test_remove_held(const char *base)
{
    char dir[PATH_MAX];
    int dirfd, fd;

    private_dir(dir, sizeof(dir), base);
    dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok(tc_temp_remove_held(dirfd, "none", 0) == ENOENT, "remove held: no such name");
    ok(symlinkat("/dev/null", dirfd, "link") == 0 &&
           tc_temp_remove_held(dirfd, "link", 0) == 0 && access("/dev/null", F_OK) == 0,
       "remove held: a link, not its target");
    mkdirat(dirfd, "d", 0700);
    ok(tc_temp_remove_held(dirfd, "d", 0) == EISDIR, "remove held: a directory needs the flag");
    fd = openat(dirfd, "d/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    ok(tc_temp_remove_held(dirfd, "d", AT_REMOVEDIR) == ENOTEMPTY, "and to be empty");
    ok(tc_temp_remove_held(dirfd, "d/f", 0) == 0 &&
           tc_temp_remove_held(dirfd, "d", AT_REMOVEDIR) == 0 && entries(dir) == 0,
       "all removed");
    close(dirfd);
    rmdir(dir);
}

/* ---- a killed process ------------------------------------------------------ */

static void hold_until_killed(const char *dir, tc_temp_method method, int say)
{
    tc_tempfile file;
    size_t written;
    bool good = tc_temp_open(&file, method, dir) == 0 &&
                tc_temp_write(file.fd, "held", 4, &written) == 0;

    if (write(say, good ? "y" : "n", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void test_killed(const char *base, const char *kind, tc_temp_method method)
{
    const char *word = tc_temp_method_name(method);
    char dir[PATH_MAX], said = '?';
    int ends[2];
    pid_t child;

    private_dir(dir, sizeof(dir), base);
    if (pipe2(ends, O_CLOEXEC))
        abort();
    child = fork();
    if (child == 0)
        hold_until_killed(dir, method, ends[1]);
    close(ends[1]);
    ok(read(ends[0], &said, 1) == 1 && said == 'y', "%s on %s: a child holds one", word, kind);
    close(ends[0]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ok(entries(dir) == 0 && rmdir(dir) == 0, "%s on %s: killed, it leaves nothing", word, kind);
}

/* ---- what directories are ---------------------------------------------------- */

static void test_file_systems(void)
{
    tc_temp_fs fs = {"", false, false};
    uint64_t available = 0, total = 0;

    ok(tc_temp_fs_of("/dev/shm", &fs) == 0, "/dev/shm lies on something");
    ok(strcmp(fs.name, "tmpfs") == 0 && fs.in_memory && !fs.keeps_negatives, "on %s", fs.name);
    ok(tc_temp_fs_of("/proc", &fs) == 0, "so does /proc");
    ok(strcmp(fs.name, "0x9fa0") == 0 && !fs.in_memory && fs.keeps_negatives,
       "an unknown one, called by its number: %s", fs.name);
    ok(tc_temp_fs_of("/dev/shm/none/there", &fs) == ENOENT, "none where nothing is");
    ok(tc_temp_space("/dev/shm", &available, &total) == 0, "there is a word on space");
    ok(total > 0 && available <= total, "in /dev/shm: %llu of %llu bytes",
       (unsigned long long)available, (unsigned long long)total);
    ok(tc_temp_space("/proc", &available, &total) == 0 && available == UINT64_MAX &&
           total == UINT64_MAX,
       "what counts no blocks is never full");
    ok(tc_temp_space("/dev/shm/none/there", &available, &total) == ENOENT, "nor space");
}

static int probe(const char *dir, tc_temp_method method, const struct passwd *who)
{
    return tc_temp_probe(dir, method, who ? who->pw_name : NULL, who ? who->pw_uid : geteuid(),
                         who ? who->pw_gid : getegid());
}

/* How many of the processes to come are killed before they do anything. */
static int to_kill;

static void in_parent(void)
{
    to_kill -= to_kill > 0;
}

static void in_child(void)
{
    if (to_kill > 0)
        raise(SIGKILL);
}

/* As by the OOM killer: that says nothing of the directory. */
static void test_killed_probe(const char *base)
{
    pthread_atfork(NULL, in_parent, in_child);
    to_kill = 2;
    ok(probe(base, TC_TEMP_AUTO, NULL) == 0 && to_kill == 0,
       "a probe that is killed is repeated");
    to_kill = 1000;
    ok(probe(base, TC_TEMP_AUTO, NULL) == EINTR && to_kill > 900, "... not for ever");
    to_kill = 0;
}

static void test_probe(const char *base)
{
    const struct passwd *who = geteuid() == 0 ? getpwnam("nobody") : NULL;
    int fds = entries("/proc/self/fd");
    char dir[PATH_MAX];

    private_dir(dir, sizeof(dir), base);
    for (unsigned i = 0; i < TC_TEMP_METHODS; i++) {
        const char *word = tc_temp_method_name((tc_temp_method)i);
        chmod(dir, 01777);
        ok(probe(dir, (tc_temp_method)i, who) == 0, "probe %s: fine", word);
        chmod(dir, 0555);
        if (geteuid() == 0 && !who)
            skip("probe of a locked directory", "no account nobody");
        else
            ok(probe(dir, (tc_temp_method)i, who) == EACCES, "probe %s: EACCES", word);
        ok(probe("/dev/shm/none/there", (tc_temp_method)i, who) == ENOENT, "%s: ENOENT", word);
        ok(probe("/proc/self/status", (tc_temp_method)i, who) == ENOTDIR, "%s: ENOTDIR", word);
    }
    ok(probe(NULL, TC_TEMP_MEMFD, who) == 0, "memfd needs no directory");
    ok(probe(NULL, TC_TEMP_AUTO, who) == 0, "nor does auto");
    ok(probe(NULL, TC_TEMP_NAMED, who) == EINVAL, "but named does");
    ok(entries(dir) == 0 && entries("/proc/self/fd") == fds, "probes leave nothing");
    rmdir(dir);
}

static void test_on(const char *base)
{
    tc_temp_fs fs = {"", false, false};

    if (tc_temp_fs_of(base, &fs) || access(base, W_OK | X_OK)) {
        skip(base, strerror(errno));
        return;
    }
    for (size_t i = 0; i < METHODS; i++)
        test_method(base, fs.name, methods[i]);
    for (size_t i = 0; i < METHODS - 1; i++)
        test_killed(base, fs.name, methods[i]);
    test_remove_held(base);
    test_probe(base);
    test_negatives(base, &fs);
}

/* A process that makes a named file and is killed; the parent takes it away. */
static void test_sweep(const char *base)
{
    char dir[256], path[300];
    tc_tempfile living;
    pid_t child;
    int status, pipe_fds[2];
    char byte;

    private_dir(dir, sizeof(dir), base);
    ok(tc_temp_open(&living, TC_TEMP_NAMED, dir) == 0, "a file of a living process");
    snprintf(path, sizeof(path), "%s/tc-not-one-of-our-names", dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    if (pipe(pipe_fds))
        return;
    child = fork();
    if (child == 0) {
        tc_tempfile file;
        int rc = tc_temp_open(&file, TC_TEMP_NAMED, dir);
        _exit(write(pipe_fds[1], rc ? "n" : "y", 1) == 1 ? pause() : 1);
    }
    ok(read(pipe_fds[0], &byte, 1) == 1 && byte == 'y', "a file of a child");
    ok(tc_temp_sweep(dir, 0, geteuid()) == 0, "nothing is swept while all live");
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    ok(entries(dir) == 3, "the killed child's file is left");
    ok(tc_temp_sweep(dir, getpid() + 100000, geteuid()) == 0, "another process's is not swept");
    ok(tc_temp_sweep(dir, child, geteuid() + 1) == 0, "another user's is not");
    ok(tc_temp_sweep(dir, child, geteuid()) == 1, "the child's is, by its id");
    ok(entries(dir) == 2, "and the others stay");
    tc_temp_close(&living);
    unlink(path);
    ok(rmdir(dir) == 0, "nothing else was there");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const char *disk = getenv("TC_TEST_DISK_DIR");
    int fds = entries("/proc/self/fd");
    tc_temp_fs fs;

    umask(022);
    if (!disk || !*disk)
        disk = "/var/tmp";
    test_words();
    test_names();
    test_errors();
    test_file_systems();
    test_killed_probe("/dev/shm");
    test_sweep("/dev/shm");
    test_on("/dev/shm");
    if (tc_temp_fs_of(disk, &fs) == 0 && fs.in_memory)
        skip("a disk", "TC_TEST_DISK_DIR is in memory");
    else
        test_on(disk);
    ok(entries("/proc/self/fd") == fds, "no descriptor left");
    return done_testing();
}
