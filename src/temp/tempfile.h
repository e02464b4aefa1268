/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a temporary file is made, so that it leaves nothing behind: no file after
 * a killed process, and no negative dentry in kernel memory. Plain Linux system
 * calls, no APR.
 *
 * The kernel (d_delete() in fs/dcache.c) keeps a removed name as a negative
 * dentry when the dentry's reference count was one at the unlink, that is, when
 * nothing but the unlink itself still referred to it. Any open descriptor, even
 * a bare O_PATH one, held over the unlink makes the kernel drop the dentry.
 */
#ifndef TC_TEMPFILE_H
#define TC_TEMPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum tc_temp_method {
    TC_TEMP_AUTO,     /* a policy, not a method: memfd, then tmpfile, then unlinked */
    TC_TEMP_MEMFD,    /* memfd_create(2): no directory at all */
    TC_TEMP_TMPFILE,  /* open(2) with O_TMPFILE: never has a name */
    TC_TEMP_UNLINKED, /* made with a name, which is removed at once while open */
    TC_TEMP_NAMED,    /* made with a name, closed, then removed: leaves a negative dentry */
    TC_TEMP_METHODS
} tc_temp_method;

/* Kinds of file system, as far as they differ in what a removed name leaves. */
typedef struct tc_temp_fs {
    char name[16];        /* "ext4", "tmpfs", ... or "0x<magic>" when unknown */
    bool in_memory;       /* its pages are memory that can only be swapped */
    bool keeps_negatives; /* a closed, then removed file leaves a negative dentry */
} tc_temp_fs;

/* Bytes of a temporary file's name with its terminator. Names of 40 characters
   and more would cost the kernel a second object each. */
#define TC_TEMP_NAME 24

/* An open temporary file. `fd` is -1 when closed. */
typedef struct tc_tempfile {
    int fd;
    tc_temp_method method;
    char path[4096]; /* of a TC_TEMP_NAMED file while it exists, else empty */
} tc_tempfile;

/* The directive's word for a method; static. */
const char *tc_temp_method_name(tc_temp_method method);

/* The method a word names; returns false when none does. */
bool tc_temp_method_parse(const char *word, tc_temp_method *method);

/*
 * An unguessable file name: "tc-", five letters that tell this process's id (for
 * tc_temp_sweep), and random letters (getrandom(2)).
 */
void tc_temp_name(char name[TC_TEMP_NAME]);

/*
 * Make a temporary file by `method` (not TC_TEMP_AUTO) in `dir` (unused by
 * memfd): mode 0600, close-on-exec. Returns 0 or an errno value; EOPNOTSUPP
 * when kernel or file system cannot do this method.
 */
int tc_temp_open(tc_tempfile *file, tc_temp_method method, const char *dir);

/*
 * Close it; a named one is then removed by its name. Closing twice is harmless.
 */
void tc_temp_close(tc_tempfile *file);

/*
 * Write all of `length` bytes at the file's position: EINTR and short writes
 * are retried. Returns 0 or an errno value, with the bytes that went out in
 * `*written` in both cases.
 */
int tc_temp_write(int fd, const void *data, size_t length, size_t *written);

/*
 * Remove `name` in the directory `dirfd` while an O_PATH descriptor holds it:
 * leaves no negative dentry even for a file that others have closed already.
 * With `flags` AT_REMOVEDIR for a directory. Returns 0 or an errno value.
 */
int tc_temp_remove_held(int dirfd, const char *name, int flags);

/*
 * Remove what a killed process left in `dir`: between making a file and removing
 * its name, TC_TEMP_UNLINKED has a moment in which a kill leaves it, and
 * TC_TEMP_NAMED has longer. Takes away regular files of `owner` named by
 * tc_temp_name for the process `dead`, or, with 0, for any that no longer is.
 * Returns how many.
 */
unsigned tc_temp_sweep(const char *dir, pid_t dead, uid_t owner);

/* The kind of file system `path` lies on. Returns 0 or an errno value. */
int tc_temp_fs_of(const char *path, tc_temp_fs *fs);

/* Free and total bytes for ordinary users where `path` lies, UINT64_MAX both where the file
   system counts none. Returns 0 or an errno value. */
int tc_temp_space(const char *path, uint64_t *available, uint64_t *total);

/* The same with the number of files that ordinary users can still make there, UINT64_MAX where
   the file system counts none. */
int tc_temp_room(const char *path, uint64_t *available, uint64_t *total, uint64_t *inodes);

/*
 * Whether a process of user `uid` and group `gid` (with the groups of the
 * account `user`, when not NULL) could make files in `dir` by `method`; tried
 * in a forked child that takes on that identity when this process is root, so
 * nothing of it stays here. A child that is killed is followed by another, a few
 * times. To be called at configuration only. Returns 0 or an errno value: ENOENT,
 * ENOTDIR, EACCES, EROFS, EOPNOTSUPP, ...; EINTR: all of them were killed.
 */
int tc_temp_probe(const char *dir, tc_temp_method method, const char *user, uid_t uid,
                  gid_t gid);

#endif
