/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to make a temporary file and be rid of it: one function each. */
#include "method.h"

#include "base.h"

#include "host/host.h"
#include "temp/tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_TRIES 64

void churn_hand_seed(churn_hand *hand)
{
    if (getrandom(hand->random, sizeof(hand->random), 0) != (ssize_t)sizeof(hand->random)) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        hand->random[0] = (uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec;
        hand->random[1] = (uint64_t)getpid();
    }
    hand->random[0] |= 1; /* all zeros would stay zeros */
}

/* xorshift128+: quick, and good enough for names that O_EXCL protects. */
static uint64_t next_random(churn_hand *hand)
{
    uint64_t a = hand->random[0], b = hand->random[1];

    hand->random[0] = b;
    a ^= a << 23;
    hand->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return hand->random[1] + b;
}

void churn_hand_name(churn_hand *hand, char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t bits = 0;

    for (unsigned i = 0; i < hand->name_length; i++) {
        /* 36^12 has 62 bits. */
        if (i % 12 == 0)
            bits = next_random(hand);
        name[i] = letters[bits % 36];
        bits /= 36;
    }
    name[hand->name_length] = '\0';
}

/* A name from 40 characters on lies in an object of its own: its bytes, a terminator and 16
   for a count, from the next larger of the kernel's general caches. */
double churn_bytes_each(uint64_t name_length)
{
    static const double sizes[] = {64, 96, 128, 192, 256, 512};
    size_t i = 0;

    if (name_length < 40)
        return TC_DENTRY_BYTES;
    while (sizes[i] < (double)name_length + 17)
        i++;
    return TC_DENTRY_BYTES + sizes[i];
}

static int create(churn_hand *hand, char *name, int *fd)
{
    *fd = openat(hand->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *fd < 0 ? errno : 0;
}

/* A new file with a new name, which stands in `name` before it does in the directory. */
static int make_as(churn_hand *hand, char *name, int *fd)
{
    int rc = EEXIST;

    for (int tries = 0; rc == EEXIST && tries < NAME_TRIES; tries++) {
        churn_hand_name(hand, name);
        rc = create(hand, name, fd);
    }
    if (rc)
        name[0] = '\0';
    return rc;
}

static int make(churn_hand *hand, int *fd)
{
    return make_as(hand, hand->name, fd);
}

static int fill(churn_hand *hand, int fd)
{
    size_t written;

    return tc_temp_write(fd, hand->data, hand->size, &written);
}

/* The name's removal after `rc`, the outcome so far. */
static int drop(churn_hand *hand, int rc, int flags)
{
    if (unlinkat(hand->dir, hand->name, flags) && rc == 0)
        rc = errno;
    hand->name[0] = '\0';
    return rc;
}

static int close_unlink(churn_hand *hand)
{
    int fd, rc = make(hand, &fd);

    if (rc)
        return rc;
    rc = fill(hand, fd);
    close(fd);
    return drop(hand, rc, 0);
}

static int unlink_close(churn_hand *hand)
{
    int fd, rc = make(hand, &fd);

    if (rc)
        return rc;
    rc = drop(hand, 0, 0);
    if (rc == 0)
        rc = fill(hand, fd);
    close(fd);
    return rc;
}

static int opath_unlink(churn_hand *hand)
{
    int fd, rc = make(hand, &fd), removed;

    if (rc)
        return rc;
    rc = fill(hand, fd);
    close(fd);
    removed = tc_temp_remove_held(hand->dir, hand->name, 0);
    hand->name[0] = '\0';
    return rc ? rc : removed;
}

static int nameless(churn_hand *hand, tc_temp_method method)
{
    tc_tempfile file;
    int rc = tc_temp_open(&file, method, hand->path);

    if (rc)
        return rc;
    rc = fill(hand, file.fd);
    tc_temp_close(&file);
    return rc;
}

static int otmpfile(churn_hand *hand)
{
    return nameless(hand, TC_TEMP_TMPFILE);
}

static int memfd(churn_hand *hand)
{
    return nameless(hand, TC_TEMP_MEMFD);
}

/* The one name: chosen by O_EXCL, so that no file of somebody else's has it. */
static int same_name_begin(churn_hand *hand)
{
    int fd, rc = make_as(hand, hand->kept, &fd);

    if (rc)
        return rc;
    close(fd);
    return tc_temp_remove_held(hand->dir, hand->kept, 0);
}

static void same_name_end(churn_hand *hand)
{
    hand->kept[0] = '\0';
}

static int same_name(churn_hand *hand)
{
    int fd, rc;

    strcpy(hand->name, hand->kept);
    rc = create(hand, hand->name, &fd);
    if (rc) {
        hand->name[0] = '\0';
        return rc;
    }
    rc = fill(hand, fd);
    close(fd);
    return drop(hand, rc, 0);
}

/* The file that all others are renamed over. */
static int rename_begin(churn_hand *hand)
{
    int fd, rc = make_as(hand, hand->kept, &fd);

    if (rc == 0)
        close(fd);
    return rc;
}

static void rename_end(churn_hand *hand)
{
    tc_temp_remove_held(hand->dir, hand->kept, 0);
    hand->kept[0] = '\0';
}

static int rename_over(churn_hand *hand)
{
    int fd, rc = make(hand, &fd);

    if (rc)
        return rc;
    rc = fill(hand, fd);
    close(fd);
    if (rc == 0 && renameat(hand->dir, hand->name, hand->dir, hand->kept) == 0) {
        hand->name[0] = '\0';
        return 0;
    }
    return drop(hand, rc ? rc : errno, 0);
}

static int directory(churn_hand *hand)
{
    int rc = EEXIST;

    for (int tries = 0; rc == EEXIST && tries < NAME_TRIES; tries++) {
        churn_hand_name(hand, hand->name);
        rc = mkdirat(hand->dir, hand->name, 0700) ? errno : 0;
    }
    if (rc == 0)
        return drop(hand, 0, AT_REMOVEDIR);
    hand->name[0] = '\0';
    return rc;
}

static int lookup(churn_hand *hand)
{
    char name[CHURN_NAME];
    struct stat info;

    churn_hand_name(hand, name);
    if (fstatat(hand->dir, name, &info, AT_SYMLINK_NOFOLLOW) && errno != ENOENT)
        return errno;
    return 0;
}

/* What becomes of unlink-close when a close that unlinks follows: the freed name is looked
   up once more. */
static int double_unlink(churn_hand *hand)
{
    char name[CHURN_NAME];
    int fd, rc = make(hand, &fd);

    if (rc)
        return rc;
    strcpy(name, hand->name);
    rc = drop(hand, 0, 0);
    if (rc == 0)
        rc = fill(hand, fd);
    close(fd);
    if (rc == 0 && unlinkat(hand->dir, name, 0) && errno != ENOENT)
        rc = errno;
    return rc;
}

const churn_method churn_methods[] = {
    {.name = "close-unlink",
     .words = "create, write, close, unlink",
     .once = close_unlink,
     .dropped_last = true},
    {.name = "unlink-close", .words = "unlink while still open", .once = unlink_close},
    {.name = "opath-unlink",
     .words = "closed, but an O_PATH descriptor is held over the unlink",
     .once = opath_unlink},
    {.name = "otmpfile", .words = "O_TMPFILE: never has a name", .once = otmpfile},
    {.name = "memfd",
     .words = "memfd_create: in no directory",
     .once = memfd,
     .no_directory = true},
    {.name = "same-name",
     .words = "close-unlink with one name again and again",
     .once = same_name,
     .begin = same_name_begin,
     .end = same_name_end},
    {.name = "rename",
     .words = "a new name renamed over one final name",
     .once = rename_over,
     .begin = rename_begin,
     .end = rename_end},
    {.name = "mkdir", .words = "mkdir, rmdir", .once = directory, .dropped_last = true},
    {.name = "lookup",
     .words = "stat a name that is not there",
     .once = lookup,
     .looked_up = true},
    {.name = "double-unlink",
     .words = "unlink-close, then unlink once more",
     .once = double_unlink,
     .looked_up = true},
};

const size_t churn_method_count = CHURN_COUNT(churn_methods);

const churn_method *churn_method_named(const char *name)
{
    for (size_t i = 0; i < churn_method_count; i++) {
        if (strcmp(name, churn_methods[i].name) == 0)
            return &churn_methods[i];
    }
    return NULL;
}
