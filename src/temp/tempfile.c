/* SPDX-License-Identifier: Apache-2.0 */
/* For O_TMPFILE, O_PATH and memfd_create(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "tempfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Linux 6.3; C libraries learn of it later than kernels do. Where vm.memfd_noexec is 2
   the kernel refuses a memfd without it. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define ZFS_MAGIC      0x2fc12fc1
#define VFAT_MAGIC     0x4d44
#define BCACHEFS_MAGIC 0xca451a4e

#define PREFIX         "tc-"
#define PREFIX_LENGTH  (sizeof(PREFIX) - 1)
#define RANDOM_LETTERS (TC_TEMP_NAME - 1 - PREFIX_LENGTH)
#define NAME_TRIES     64

static const char *const method_names[TC_TEMP_METHODS] = {
    [TC_TEMP_AUTO] = "auto",         [TC_TEMP_MEMFD] = "memfd", [TC_TEMP_TMPFILE] = "tmpfile",
    [TC_TEMP_UNLINKED] = "unlinked", [TC_TEMP_NAMED] = "named",
};

static const struct {
    uint32_t magic;
    tc_temp_fs fs;
} file_systems[] = {
    {TMPFS_MAGIC, {"tmpfs", true, false}},
    {RAMFS_MAGIC, {"ramfs", true, false}},
    {HUGETLBFS_MAGIC, {"hugetlbfs", true, false}},
    /* Its unlink unhashes the name above and keeps the one below referred to. */
    {OVERLAYFS_SUPER_MAGIC, {"overlayfs", false, false}},
    /* ext2 and ext3 have the same number, and the same driver. */
    {EXT4_SUPER_MAGIC, {"ext4", false, true}},
    {XFS_SUPER_MAGIC, {"xfs", false, true}},
    {BTRFS_SUPER_MAGIC, {"btrfs", false, true}},
    {F2FS_SUPER_MAGIC, {"f2fs", false, true}},
    {BCACHEFS_MAGIC, {"bcachefs", false, true}},
    {ZFS_MAGIC, {"zfs", false, true}},
    {REISERFS_SUPER_MAGIC, {"reiserfs", false, true}},
    {NFS_SUPER_MAGIC, {"nfs", false, true}},
    {CIFS_SUPER_MAGIC, {"cifs", false, true}},
    {SMB2_SUPER_MAGIC, {"smb2", false, true}},
    {FUSE_SUPER_MAGIC, {"fuse", false, true}},
    {VFAT_MAGIC, {"vfat", false, true}},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const char *tc_temp_method_name(tc_temp_method method)
{
    return (unsigned)method < TC_TEMP_METHODS ? method_names[method] : "unknown";
}

bool tc_temp_method_parse(const char *word, tc_temp_method *method)
{
    for (unsigned i = 0; i < TC_TEMP_METHODS; i++) {
        if (strcasecmp(word, method_names[i]) == 0) {
            *method = (tc_temp_method)i;
            return true;
        }
    }
    return false;
}

/* Without getrandom(2), an old kernel or a strict filter, a name may be guessed; O_EXCL
   still keeps the file ours. */
static void fill_from_clock(unsigned char *bytes, size_t length)
{
    struct timespec now;
    uint64_t state;

    clock_gettime(CLOCK_REALTIME, &now);
    state = ((uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec) + (uint64_t)getpid();
    for (size_t i = 0; i < length; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(state >> 56);
    }
}

/* Process ids have 22 bits at most; five letters hold 25. */
#define PID_LETTERS 5

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

/* The process whose file this would be, 0 when the name is not one of the module's. */
static pid_t name_pid(const char *name)
{
    uint32_t pid = 0;

    if (strlen(name) != TC_TEMP_NAME - 1 || strncmp(name, PREFIX, PREFIX_LENGTH) != 0 ||
        strspn(name + PREFIX_LENGTH, letters) != TC_TEMP_NAME - 1 - PREFIX_LENGTH)
        return 0;
    for (int i = 0; i < PID_LETTERS; i++)
        pid = pid * 32 + (uint32_t)(strchr(letters, name[PREFIX_LENGTH + i]) - letters);
    return (pid_t)pid;
}

void tc_temp_name(char name[TC_TEMP_NAME])
{
    uint32_t pid = (uint32_t)getpid();
    unsigned char bytes[RANDOM_LETTERS];
    ssize_t got;

    do
        got = getrandom(bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(bytes))
        fill_from_clock(bytes, sizeof(bytes));

    memcpy(name, PREFIX, PREFIX_LENGTH);
    for (size_t i = 0; i < RANDOM_LETTERS; i++)
        name[PREFIX_LENGTH + i] = letters[bytes[i] % 32];
    for (int i = PID_LETTERS - 1; i >= 0; i--, pid /= 32)
        name[PREFIX_LENGTH + i] = letters[pid % 32];
    name[TC_TEMP_NAME - 1] = '\0';
}

static int open_retrying(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int make_memfd(tc_tempfile *file, const char *dir)
{
    (void)dir;
    file->fd = memfd_create("tmpfs_convert", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (file->fd < 0 && errno == EINVAL)
        file->fd = memfd_create("tmpfs_convert", MFD_CLOEXEC);
    if (file->fd < 0)
        return errno == ENOSYS ? EOPNOTSUPP : errno;
    /* A memfd is open to all at birth, and can be reached through /proc. */
    return fchmod(file->fd, 0600) ? errno : 0;
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int make_tmpfile(tc_tempfile *file, const char *dir)
{
    int rc;

    /* O_EXCL here forbids linkat(2): the file can never get a name. */
    file->fd = open_retrying(dir, O_TMPFILE | O_EXCL);
    if (file->fd >= 0)
        return 0;
    rc = errno;
    switch (rc) {
    /* Kernels and file systems that take the flag for an open of the directory itself. */
    case EISDIR:
    case EINVAL:
    case ENOSYS:
        return EOPNOTSUPP;
    case ENOENT:
        return is_directory(dir) ? EOPNOTSUPP : ENOENT;
    default:
        return rc;
    }
}

static int make_named(tc_tempfile *file, const char *dir)
{
    char name[TC_TEMP_NAME];
    int length, rc = EEXIST;

    for (int tries = 0; rc == EEXIST && tries < NAME_TRIES; tries++) {
        tc_temp_name(name);
        length = snprintf(file->path, sizeof(file->path), "%s/%s", dir, name);
        if (length < 0 || (size_t)length >= sizeof(file->path)) {
            rc = ENAMETOOLONG;
            break;
        }
        file->fd = open_retrying(file->path, O_CREAT | O_EXCL | O_NOFOLLOW);
        rc = file->fd < 0 ? errno : 0;
    }
    if (rc)
        file->path[0] = '\0';
    return rc;
}

static int make_unlinked(tc_tempfile *file, const char *dir)
{
    int rc = make_named(file, dir);

    /* The open descriptor is what makes the kernel drop the dentry. A name that is
       gone already was taken by a sweep that cannot see our process. */
    if (rc == 0 && unlink(file->path) && errno != ENOENT)
        rc = errno;
    file->path[0] = '\0';
    return rc;
}

int tc_temp_open(tc_tempfile *file, tc_temp_method method, const char *dir)
{
    static int (*const makers[TC_TEMP_METHODS])(tc_tempfile *, const char *) = {
        [TC_TEMP_MEMFD] = make_memfd,
        [TC_TEMP_TMPFILE] = make_tmpfile,
        [TC_TEMP_UNLINKED] = make_unlinked,
        [TC_TEMP_NAMED] = make_named,
    };
    int rc;

    file->fd = -1;
    file->method = method;
    file->path[0] = '\0';
    if ((unsigned)method >= TC_TEMP_METHODS || !makers[method])
        return EINVAL;
    if (!dir && method != TC_TEMP_MEMFD)
        return EINVAL;
    rc = makers[method](file, dir);
    if (rc)
        tc_temp_close(file);
    return rc;
}

void tc_temp_close(tc_tempfile *file)
{
    int saved = errno;

    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    if (file->path[0])
        unlink(file->path);
    file->path[0] = '\0';
    errno = saved;
}

int tc_temp_write(int fd, const void *data, size_t length, size_t *written)
{
    const char *from = data;

    *written = 0;
    while (*written < length) {
        ssize_t out = write(fd, from + *written, length - *written);

        if (out > 0)
            *written += (size_t)out;
        else if (out == 0)
            return EIO; /* would go round forever */
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

int tc_temp_remove_held(int dirfd, const char *name, int flags)
{
    int held, rc;

    do
        held = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    while (held < 0 && errno == EINTR);
    /* Short of descriptors, a dentry left behind is better than a file left behind. */
    if (held < 0 && errno != EMFILE && errno != ENFILE)
        return errno;
    rc = unlinkat(dirfd, name, flags & AT_REMOVEDIR) ? errno : 0;
    if (held >= 0)
        close(held);
    return rc;
}

static bool is_left_over(int dirfd, const char *name, pid_t dead, uid_t owner)
{
    pid_t pid = name_pid(name);
    struct stat info;

    if (pid == 0 || (dead ? pid != dead : kill(pid, 0) == 0 || errno != ESRCH))
        return false;
    return fstatat(dirfd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           info.st_uid == owner;
}

unsigned tc_temp_sweep(const char *dir, pid_t dead, uid_t owner)
{
    DIR *entries = opendir(dir);
    unsigned removed = 0;
    struct dirent *entry;

    if (!entries)
        return 0;
    while ((entry = readdir(entries))) {
        if (is_left_over(dirfd(entries), entry->d_name, dead, owner) &&
            tc_temp_remove_held(dirfd(entries), entry->d_name, 0) == 0)
            removed++;
    }
    closedir(entries);
    return removed;
}

int tc_temp_fs_of(const char *path, tc_temp_fs *fs)
{
    struct statfs st;
    uint32_t magic;
    int rc;

    do
        rc = statfs(path, &st);
    while (rc && errno == EINTR);
    if (rc)
        return errno;
    /* f_type is a signed long, and the numbers are unsigned ints of 32 bits. */
    magic = (uint32_t)st.f_type;
    for (size_t i = 0; i < COUNT(file_systems); i++) {
        if (file_systems[i].magic == magic) {
            *fs = file_systems[i].fs;
            return 0;
        }
    }
    snprintf(fs->name, sizeof(fs->name), "0x%x", (unsigned)magic);
    fs->in_memory = false;
    fs->keeps_negatives = true;
    return 0;
}

int tc_temp_room(const char *path, uint64_t *available, uint64_t *total, uint64_t *inodes)
{
    struct statvfs st;
    int rc;

    do
        rc = statvfs(path, &st);
    while (rc && errno == EINTR);
    if (rc)
        return errno;
    /* btrfs makes inodes as it goes, and says 0 of 0. */
    *inodes = st.f_files == 0 ? UINT64_MAX : (uint64_t)st.f_favail;
    if (st.f_blocks == 0) {
        /* ramfs, and tmpfs without a size, count nothing: endless, not full. */
        *available = *total = UINT64_MAX;
        return 0;
    }
    *available = (uint64_t)st.f_bavail * st.f_frsize;
    *total = (uint64_t)st.f_blocks * st.f_frsize;
    return 0;
}

int tc_temp_space(const char *path, uint64_t *available, uint64_t *total)
{
    uint64_t inodes;

    return tc_temp_room(path, available, total, &inodes);
}

static int become(const char *user, uid_t uid, gid_t gid)
{
    if (user ? initgroups(user, gid) : setgroups(1, &gid))
        return errno;
    if (setgid(gid) || setuid(uid))
        return errno;
    return 0;
}

static int check_directory(const char *dir)
{
    struct stat st;

    if (stat(dir, &st))
        return errno;
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) ? errno : 0;
}

static int try_one(const char *dir, tc_temp_method method)
{
    tc_tempfile file;
    int rc;

    /* The same rights are needed, and the probe itself leaves no dentry. */
    if (method == TC_TEMP_NAMED)
        method = TC_TEMP_UNLINKED;
    rc = tc_temp_open(&file, method, dir);
    tc_temp_close(&file);
    return rc;
}

static int probe_here(const char *dir, tc_temp_method method)
{
    int rc = dir ? check_directory(dir) : 0;

    if (rc)
        return rc;
    if (method != TC_TEMP_AUTO)
        return try_one(dir, method);
    if (!dir)
        return try_one(NULL, TC_TEMP_MEMFD);
    if (try_one(dir, TC_TEMP_TMPFILE) == 0)
        return 0;
    return try_one(dir, TC_TEMP_UNLINKED);
}

/* tc_temp_probe once; EINTR: the process that tried it was killed. */
static int probe_apart(const char *dir, tc_temp_method method, const char *user, uid_t uid,
                       gid_t gid)
{
    pid_t child, done;
    int status, rc;

    child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        /* Linux's errno values end at 133: they fit an exit status. */
        rc = geteuid() == 0 ? become(user, uid, gid) : 0;
        _exit(rc ? rc : probe_here(dir, method));
    }
    do
        done = waitpid(child, &status, 0);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* A probe that was killed says nothing of the directory, and a server that is told to restart
   must not end for it. */
#define PROBES 5

int tc_temp_probe(const char *dir, tc_temp_method method, const char *user, uid_t uid,
                  gid_t gid)
{
    int rc = EINTR;

    for (int probe = 0; rc == EINTR && probe < PROBES; probe++)
        rc = probe_apart(dir, method, user, uid, gid);
    return rc;
}
