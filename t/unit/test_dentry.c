/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings from kernel files, and the two rooms nearest to them: dentry-state and
 * the sysctls, on recorded kernels, on files that no kernel writes, and here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>

#include "tap.h"
#include "roots.h"
#include "host/dentry.h"
#include "host/lines.h"
#include "temp/tempfile.h"

#define FILES  5000
#define ROUNDS 5

/* ---- readings ------------------------------------------------------------------ */

static void test_parse(void)
{
    const char *text = "  12\t34", *end;

    is_value(tc_reading_parse(text, &end), 12, "a number behind blanks");
    ok(strcmp(end, "\t34") == 0, "and where it ends");
    is_value(tc_reading_parse(end, NULL), 34, "the next one");
    is_value(tc_reading_parse("7\n", NULL), 7, "before a newline");
    is_value(tc_reading_parse("18446744073709551615", NULL), UINT64_MAX, "the greatest");
    is_missing(tc_reading_parse("18446744073709551616", NULL), EPROTO, "one more");
    is_missing(tc_reading_parse("99999999999999999999999", NULL), EPROTO, "many more");
    is_missing(tc_reading_parse("", NULL), EPROTO, "nothing");
    is_missing(tc_reading_parse("\n12", NULL), EPROTO, "an empty line");
    is_missing(tc_reading_parse("-1", NULL), EPROTO, "below zero");
    is_missing(tc_reading_parse("12x", NULL), EPROTO, "a letter behind");
    is_missing(tc_reading_parse("0x12", NULL), EPROTO, "hexadecimal");
    is_missing(tc_reading_parse("\xb2", NULL), EPROTO, "no digit of ASCII");
}

static void test_keyed(void)
{
    const char *text = "MemTotal:  12 kB\nMem 3\nempty:\nsuffix 4x\nlast 5";

    is_value(tc_reading_keyed(text, "MemTotal"), 12, "a key with a colon");
    is_value(tc_reading_keyed(text, "Mem"), 3, "a key that another one starts with");
    is_value(tc_reading_keyed(text, "last"), 5, "in a line without its newline");
    is_missing(tc_reading_keyed(text, "Total"), ENODATA, "not at the start of a line");
    is_missing(tc_reading_keyed(text, "kB"), ENODATA, "a word that is no key");
    is_missing(tc_reading_keyed(text, "empty"), EPROTO, "a key with nothing behind");
    is_missing(tc_reading_keyed(text, "suffix"), EPROTO, "a key with no number");
    is_missing(tc_reading_keyed("", "x"), ENODATA, "in an empty text");
    is_missing(tc_reading_keyed("\n\n", "x"), ENODATA, "in empty lines");
    ok(tc_reading_behind("key", "key") == NULL, "a key and no more");
}

static void test_arithmetic(void)
{
    is_value(tc_reading_times(tc_reading_of(3), 1024), 3072, "times");
    is_value(tc_reading_times(tc_reading_of(UINT64_MAX), 1), UINT64_MAX, "times one");
    is_missing(tc_reading_times(tc_reading_of(UINT64_MAX / 2), 3), EPROTO, "past 64 bits");
    is_missing(tc_reading_times(tc_reading_missing(EACCES), 2), EACCES, "of a missing figure");
}

static void test_reasons(void)
{
    const int errors[] = {ENOENT, ENODATA, EACCES, EPERM, EPROTO, EIO, 4095};
    char buffer[64], tiny[4];

    ok(strcmp(tc_reading_reason(0, buffer, sizeof(buffer)), "") == 0, "a value has no reason");
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        const char *reason = tc_reading_reason(errors[i], buffer, sizeof(buffer));

        ok(reason[0] && strlen(reason) < sizeof(buffer), "%d: %s", errors[i], reason);
    }
    ok(strlen(tc_reading_reason(EIO, tiny, sizeof(tiny))) == sizeof(tiny) - 1,
       "a small buffer");
}

static void test_file(void)
{
    char root[PATH_MAX], buffer[16], *long_path = malloc(2 * PATH_MAX);

    make_root(root);
    put(root, "/a", "0123456789");
    ok(tc_reading_file(root, "/a", buffer, sizeof(buffer)) == 0 &&
           strcmp(buffer, "0123456789") == 0,
       "a whole file");
    ok(tc_reading_file(root, "/a", buffer, 5) == 0 && strcmp(buffer, "0123") == 0, "cut");
    ok(tc_reading_file(root, "/a", buffer, 1) == 0 && buffer[0] == '\0', "cut to nothing");
    buffer[0] = 'x';
    ok(tc_reading_file(root, "/a", buffer, 0) == 0 && buffer[0] == 'x', "no buffer at all");
    ok(tc_reading_file(root, "/none", buffer, 5) == ENOENT && buffer[0] == '\0', "no file");
    ok(tc_reading_file(root, "/", buffer, 5) == EISDIR && buffer[0] == '\0', "a folder");
    memset(long_path, 'a', 2 * PATH_MAX - 1);
    long_path[2 * PATH_MAX - 1] = '\0';
    long_path[0] = '/';
    ok(tc_reading_file(root, long_path, buffer, 5) == ENAMETOOLONG, "too long a path");
    free(long_path);
    ok(tc_reading_file(NULL, "/proc/self/comm", buffer, 3) == 0 && strlen(buffer) == 2,
       "NULL is the machine's own root");
    ok(tc_reading_file("", "/proc/self/comm", buffer, 3) == 0 && strlen(buffer) == 2,
       "so is \"\"");
    remove_root(root);
}

static void test_number(void)
{
    static const struct {
        const char *text;
        int error;
        uint64_t value;
    } cases[] = {
        {"100\n", 0, 100},
        {"100", 0, 100},
        {"max\n", 0, TC_UNLIMITED},
        {"max", 0, TC_UNLIMITED},
        {"9223372036854771712\n", 0, UINT64_C(9223372036854771712)},
        {"", EPROTO, 0},
        {"\n", EPROTO, 0},
        {"maximum\n", EPROTO, 0},
        {"-1\n", EPROTO, 0},
        {"1 2\n", EPROTO, 0},
        {"1\n2\n", EPROTO, 0},
        {"18446744073709551616\n", EPROTO, 0},
        {"000000000000000000000000000000000000000000000000000000000000000000000000001\n",
         EPROTO, 0},
    };
    char root[PATH_MAX], name[128];

    make_root(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put(root, "/n", cases[i].text);
        snprintf(name, sizeof(name), "number %zu of a file", i);
        reading_is(tc_reading_number(root, "/n"), cases[i].error, cases[i].value, name,
                   __LINE__);
    }
    is_missing(tc_reading_number(root, "/none"), ENOENT, "a number of no file");
    remove_root(root);
}

static void test_lines(void)
{
    char root[PATH_MAX];
    size_t length = 100000;
    char *text = malloc(length + 8), *line;
    tc_lines lines;

    make_root(root);
    memset(text, 'x', length);
    strcpy(text + length, "\n\nend");
    put(root, "/l", text);
    ok(tc_lines_open(&lines, root, "/l") == 0, "lines open");
    line = tc_lines_next(&lines);
    ok(line && strlen(line) == length, "a line of %zu bytes", length);
    line = tc_lines_next(&lines);
    ok(line && line[0] == '\0', "an empty line");
    line = tc_lines_next(&lines);
    ok(line && strcmp(line, "end") == 0, "a line without its newline");
    ok(!tc_lines_next(&lines) && !tc_lines_next(&lines) && tc_lines_close(&lines) == 0,
       "the end");
    ok(tc_lines_open(&lines, root, "/none") == ENOENT, "no lines of no file");
    ok(tc_lines_open(&lines, root, "/") == 0 && !tc_lines_next(&lines) &&
           tc_lines_close(&lines) == EISDIR,
       "a read that fails says so at the end");
    free(text);
    remove_root(root);
}

/* ---- dentry-state --------------------------------------------------------------- */

static void test_kernels(void)
{
    static const struct {
        const char *root;
        uint64_t dentries, unused;
        int error;
        uint64_t negative;
        int negative_sysctl;
    } kernels[] = {
        {FIXTURE("2.6.32"), 108273, 93441, ENODATA, 0, ENOENT},
        {FIXTURE("3.10"), 811862, 780122, ENODATA, 0, ENOENT},
        {FIXTURE("4.18"), 1204466, 1170203, ENODATA, 0, ENOENT},
        {FIXTURE("5.15"), 352841, 327609, 0, 104377, ENOENT},
        {FIXTURE("6.18"), 62063, 60645, 0, 18762, 0},
    };

    for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
        const char *root = kernels[i].root;
        tc_dentry_state state;
        tc_dentry_sysctls sysctls;

        tc_dentry_read(&state, root);
        is_value(state.dentries, kernels[i].dentries, root);
        is_value(state.unused, kernels[i].unused, "unused");
        is_value(state.age_limit, 45, "age limit");
        is_value(state.want_pages, 0, "pages wanted");
        reading_is(state.negative, kernels[i].error, kernels[i].negative, "negative", __LINE__);
        is_value(state.dummy, 0, "the sixth field");
        tc_dentry_sysctls_read(&sysctls, root);
        is_value(sysctls.vfs_cache_pressure, 100, "vm.vfs_cache_pressure");
        reading_is(sysctls.dentry_negative, kernels[i].negative_sysctl, 0, "fs.dentry-negative",
                   __LINE__);
        reading_is(sysctls.vfs_cache_pressure_denom, kernels[i].negative_sysctl,
                   kernels[i].negative_sysctl ? 0 : 100, "its denominator", __LINE__);
        is_missing(sysctls.negative_dentry_limit, ENOENT, "fs.negative-dentry-limit");
        is_missing(sysctls.dentry_fs_klimit, ENOENT, "fs.dentry-fs-klimit");
        is_missing(sysctls.dentry_limit, ENOENT, "fs.dentry-limit");
    }
}

static void test_sysctls(void)
{
    char root[PATH_MAX];
    tc_dentry_sysctls sysctls;

    make_root(root);
    put(root, "/proc/sys/fs/negative-dentry-limit", "5\n");
    put(root, "/proc/sys/fs/dentry-fs-klimit", "2000\n");
    put(root, "/proc/sys/fs/dentry-limit", "1000000\n");
    put(root, "/proc/sys/fs/dentry-negative", "yes\n");
    tc_dentry_sysctls_read(&sysctls, root);
    is_value(sysctls.negative_dentry_limit, 5, "the limit of RHEL 7.8");
    is_value(sysctls.dentry_fs_klimit, 2000, "the limit of RHEL 8.10");
    is_value(sysctls.dentry_limit, 1000000, "the proposed limit");
    is_missing(sysctls.dentry_negative, EPROTO, "a sysctl with a word in it");
    is_missing(sysctls.vfs_cache_pressure, ENOENT, "no sysctl");
    remove_root(root);
}

static void test_versions(void)
{
    static const struct {
        const char *release;
        int error;
    } versions[] = {
        {"4.20.17", ENODATA},  {"5.0.0-rc1+", 0}, {"10.2", 0},    {"6.1.0-18-amd64", 0},
        {"linux-6.1", EPROTO}, {"", EPROTO},      {"-6", EPROTO},
    };
    char root[PATH_MAX];
    tc_dentry_state state;

    make_root(root);
    put(root, "/proc/sys/fs/dentry-state", "30\t20\t45\t0\t0\t0\n");
    tc_dentry_read(&state, root);
    is_missing(state.negative, ENOENT, "a kernel without a version");
    is_value(state.dentries, 30, "its dentries are known all the same");
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        put(root, "/proc/sys/kernel/osrelease", versions[i].release);
        tc_dentry_read(&state, root);
        ok(state.negative.error == versions[i].error && state.negative.value == 0,
           "version '%s', a zero: %s", versions[i].release,
           state.negative.error ? strerror(state.negative.error) : "counts");
    }
    put(root, "/proc/sys/fs/dentry-state", "30\t20\t45\t0\t9\t0\n");
    put(root, "/proc/sys/kernel/osrelease", "4.18.0-553.el8.x86_64");
    tc_dentry_read(&state, root);
    is_value(state.negative, 9, "a count before 5.0, as RHEL 8 has it");
    remove_root(root);
}

/* How many of the six fields hold, and why the next one does not. */
static void test_malformed(void)
{
    static const struct {
        const char *what, *text;
        int good, error;
    } cases[] = {
        {"empty", "", 0, EPROTO},
        {"an empty line", "\n", 0, EPROTO},
        {"words", "no such thing\n", 0, EPROTO},
        {"one field", "123\n", 1, EPROTO},
        {"two fields", "123\t45\n", 2, ENODATA},
        {"four fields, no newline", "123\t45\t6\t7", 4, ENODATA},
        {"five fields", "123\t45\t6\t7\t8\n", 5, ENODATA},
        {"a seventh field", "1\t2\t3\t4\t5\t6\t7\n", 6, 0},
        {"a word in the middle", "1\t2\tthree\t4\t5\t6\n", 2, EPROTO},
        {"a number below zero", "1\t-2\t3\t4\t5\t6\n", 1, EPROTO},
        {"a number of 70 bits", "1180591620717411303424\t2\t3\t4\t5\t6\n", 0, EPROTO},
        {"64 bits", "18446744073709551615\t2\t3\t4\t18446744073709551615\t6\n", 6, 0},
    };
    char root[PATH_MAX], text[1024];
    tc_dentry_state state;

    make_root(root);
    put(root, "/proc/sys/kernel/osrelease", "6.1.0\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int good = 0, error = 0;

        put(root, "/proc/sys/fs/dentry-state", cases[i].text);
        tc_dentry_read(&state, root);
        for (const tc_reading *f = &state.dentries; f <= &state.dummy && !error; f++) {
            error = f->error;
            good += !error;
        }
        ok(good == cases[i].good && error == cases[i].error, "%s: %d fields, then %s",
           cases[i].what, good, error ? strerror(error) : "the end");
    }
    memset(text, '0', sizeof(text));
    strcpy(text + sizeof(text) - 16, "7 6 5 4 3 2\n");
    put(root, "/proc/sys/fs/dentry-state", text);
    tc_dentry_read(&state, root);
    is_missing(state.dentries, EPROTO, "a line longer than any buffer");
    remove_root(root);
}

static int state_error(const void *root)
{
    tc_dentry_state state;

    tc_dentry_read(&state, root);
    if (state.dentries.error && (state.negative.error != state.dentries.error ||
                                 state.dummy.error != state.negative.error))
        return 200;
    return state.dentries.error;
}

static void test_unreadable(void)
{
    char root[PATH_MAX];
    int error;

    make_root(root);
    ok(state_error(root) == ENOENT, "no dentry-state");
    put(root, "/proc/sys/fs/dentry-state", "1\t2\t3\t4\t5\t6\n");
    lock(root, "/proc/sys/fs/dentry-state");
    error = as_ordinary_user(state_error, root);
    ok(error == EACCES, "a locked dentry-state: %s", strerror(error));
    remove_root(root);
}

/* ---- this machine ----------------------------------------------------------------- */

static void test_here(void)
{
    tc_dentry_state state;
    tc_dentry_sysctls sysctls;

    tc_dentry_read(&state, NULL);
    if (state.dentries.error == ENOENT) {
        skip("this machine's dentries", "no /proc/sys/fs/dentry-state");
        return;
    }
    ok(!state.dentries.error && state.dentries.value > 100, "dentries here: %llu",
       (unsigned long long)state.dentries.value);
    ok(!state.unused.error && state.unused.value <= state.dentries.value, "unused: %llu",
       (unsigned long long)state.unused.value);
    if (state.negative.error == ENODATA)
        skip("negative dentries here", "this kernel does not count them");
    else
        ok(!state.negative.error && state.negative.value <= state.dentries.value,
           "negative: %llu", (unsigned long long)state.negative.value);
    tc_dentry_sysctls_read(&sysctls, NULL);
    ok(!sysctls.vfs_cache_pressure.error, "vm.vfs_cache_pressure: %llu",
       (unsigned long long)sysctls.vfs_cache_pressure.value);
    ok(as_ordinary_user(state_error, NULL) == 0, "for everyone to read");
}

/* Why the kernel's count would not show files made, closed and removed in `base`. */
static const char *uncountable(const char *base)
{
    tc_dentry_state state;
    tc_dentry_sysctls sysctls;
    tc_temp_fs fs;

    tc_dentry_read(&state, NULL);
    tc_dentry_sysctls_read(&sysctls, NULL);
    if (state.negative.error)
        return "this kernel does not count negative dentries";
    if (!sysctls.dentry_negative.error && sysctls.dentry_negative.value)
        return "fs.dentry-negative is set";
    if (tc_temp_fs_of(base, &fs) || access(base, W_OK | X_OK))
        return "no folder to make files in";
    return fs.keeps_negatives ? NULL : "its file system keeps no negative dentries";
}

static bool leave_one(int dirfd)
{
    char name[TC_TEMP_NAME];
    int fd;

    tc_temp_name(name);
    fd = openat(dirfd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0 && unlinkat(dirfd, name, 0) == 0;
}

/* The fall of `negative` over the removal of a folder in which FILES were closed and
   then removed: those are its own, whatever the neighbours do. */
static long long fall(const char *base)
{
    char dir[PATH_MAX];
    tc_dentry_state before, after;
    bool good = true;
    int dirfd;

    private_dir(dir, sizeof(dir), base);
    dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < FILES && good; i++)
        good = leave_one(dirfd);
    close(dirfd);
    tc_dentry_read(&before, NULL);
    if (rmdir(dir) || !good)
        return -1;
    tc_dentry_read(&after, NULL);
    return (long long)before.negative.value - (long long)after.negative.value;
}

static void test_negatives(void)
{
    const char *base = getenv("TC_TEST_DISK_DIR"), *why;
    long long drop = 0;

    if (!base || !*base)
        base = "/var/tmp";
    why = uncountable(base);
    if (why) {
        skip("negative dentries of removed files", why);
        return;
    }
    /* A neighbour's burst or a reclaim can spoil a round, hardly all of them. */
    for (int round = 0; round < ROUNDS && drop < FILES * 9 / 10; round++)
        drop = fall(base);
    ok(drop >= FILES * 9 / 10, "%d files closed, then removed: %lld negative dentries", FILES,
       drop);
}

int main(void)
{
    int fds = entries("/proc/self/fd");

    need_fixtures();
    test_parse();
    test_keyed();
    test_arithmetic();
    test_reasons();
    test_file();
    test_number();
    test_lines();
    test_kernels();
    test_sysctls();
    test_versions();
    test_malformed();
    test_unreadable();
    test_here();
    test_negatives();
    ok(entries("/proc/self/fd") == fds, "no descriptor left");
    return done_testing();
}
