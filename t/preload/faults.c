/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults for a server under test, by LD_PRELOAD: allocations that fail, temporary
 * files that run full, kernels without memfd, short reads and writes, a clock that
 * jumps. What goes wrong is read from a file of numbers, TC_FAULTS, mapped by every
 * process of the server, so that the test can change it between two requests:
 * t/lib/TmpfsConvertTest/Fault.pm writes it.
 */
#include "heap.h"

#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* In the order of Fault.pm's list. 0 is always: no fault. */
typedef struct faults {
    int64_t alloc_at;    /* the allocation that fails, counted from 1 ... */
    int64_t alloc_after; /* ... and with this all after it */
    int64_t alloc_seen;  /* allocations of ours, counted here */
    int64_t alloc_hit;   /* how many failed */
    int64_t space;       /* 1 + bytes a temporary file in a full place takes */
    int64_t space_errno; /* what a write over it says; ENOSPC when 0 */
    int64_t no_memfd;    /* errno of memfd_create */
    int64_t no_tmpfile;  /* errno of open with O_TMPFILE */
    int64_t no_file;     /* errno of every open of a temporary file or a picture */
    int64_t part;        /* bytes at most a read or write does */
    int64_t interrupt;   /* every so many-th call is interrupted */
    int64_t calls;       /* reads and writes of ours, counted here */
    int64_t clock;       /* seconds that the wall clock is off */
    int64_t random;      /* names of temporary files are no secret: all alike */
    int64_t leak_bytes;  /* memory lost at each temporary file */
    int64_t leak_files;  /* descriptors lost at each temporary file */
    int64_t slow;        /* microseconds that reading 64 KiB of a picture takes longer */
    int64_t hold;  /* the read of a picture, counted from 1, that waits while this is set */
    int64_t reads; /* reads of a picture since it was set, counted here */
} faults;

static faults none, *fault = &none;
/* Directories that are full when `space` says so, in the form of PATH; "memfd" is one. */
static const char *full_dirs;

/* What is known of a descriptor of a temporary file. */
#define FILES 4096
static struct {
    bool ours, limited;
    int64_t written;
} file[FILES];

#define FIND(name)                        \
    static __typeof__(&name) next_##name; \
    if (!next_##name)                     \
    heap_find(&next_##name, #name)

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("TC_FAULTS");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, sizeof(faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED)
        fault = map;
    if (fd >= 0)
        syscall(SYS_close, fd);
    full_dirs = getenv("TC_FULL_DIRS");
}

/* ---- allocations ----------------------------------------------------------------- */

/* The memory of the objects whose allocations are counted: the module and its codecs. The
   pools of APR are not ours: without memory they end the process, by httpd's design. */
static const char *const ours[] = {"/mod_tmpfs_convert.so",
                                   "/libjpeg.so",
                                   "/libpng16.so",
                                   "/libz.so",
                                   "/libwebp",
                                   "/libsharpyuv",
                                   "/libgif",
                                   "/libavif",
                                   "/libaom",
                                   "/libdav1d",
                                   "/libSvtAv1",
                                   "/libheif",
                                   "/libjxl",
                                   "/liblcms2",
                                   "/libexif",
                                   "/libspng",
                                   "/libdeflate"};

#define RANGES 64
static struct {
    uintptr_t from, to;
} range[RANGES];
static unsigned ranges;

static int note_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    for (size_t at = 0; at < sizeof ours / sizeof *ours; at++) {
        if (!info->dlpi_name || !strstr(info->dlpi_name, ours[at]))
            continue;
        for (int i = 0; i < info->dlpi_phnum && ranges < RANGES; i++) {
            const ElfW(Phdr) *header = &info->dlpi_phdr[i];
            if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
                continue;
            range[ranges].from = info->dlpi_addr + header->p_vaddr;
            range[ranges++].to = info->dlpi_addr + header->p_vaddr + header->p_memsz;
        }
    }
    return 0;
}

/* Looked up once a process, at the first fault asked for, when all is loaded. */
static bool is_ours(const void *caller)
{
    static bool known;

    if (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
        dl_iterate_phdr(note_object, NULL);
        __atomic_store_n(&known, true, __ATOMIC_RELEASE);
    }
    for (unsigned at = 0; at < ranges; at++) {
        if ((uintptr_t)caller >= range[at].from && (uintptr_t)caller < range[at].to)
            return true;
    }
    return false;
}

static bool heap_fails(const void *caller)
{
    int64_t at = __atomic_load_n(&fault->alloc_at, __ATOMIC_ACQUIRE), seen;

    if (at == 0 || !is_ours(caller))
        return false;
    seen = __atomic_add_fetch(&fault->alloc_seen, 1, __ATOMIC_ACQ_REL);
    if (seen != at && !(fault->alloc_after && seen > at))
        return false;
    __atomic_add_fetch(&fault->alloc_hit, 1, __ATOMIC_ACQ_REL);
    return true;
}

static void heap_changed(int blocks, void *block, const void *caller)
{
    (void)blocks;
    (void)block;
    (void)caller;
}

/* ---- temporary files ------------------------------------------------------------- */

static bool is_full_dir(const char *path)
{
    const char *at = full_dirs;

    while (at && *at) {
        size_t length = strcspn(at, ":");

        if (length && strncmp(path, at, length) == 0 &&
            (path[length] == '/' || path[length] == '\0'))
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

static void lose(void)
{
    if (fault->leak_bytes) {
        char *lost = heap_next.malloc((size_t)fault->leak_bytes);
        if (lost)
            memset(lost, 1, (size_t)fault->leak_bytes);
        __asm__ volatile("" : : "r"(lost) : "memory");
    }
    for (int64_t left = fault->leak_files; left > 0; left--) {
        if (fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) < 0)
            return;
    }
}

static int note_file(int fd, const char *place)
{
    if (fd >= 0 && fd < FILES) {
        file[fd].limited = is_full_dir(place);
        file[fd].written = 0;
        file[fd].ours = true;
        lose();
    }
    return fd;
}

int memfd_create(const char *name, unsigned flags)
{
    int64_t error = fault->no_file ? fault->no_file : fault->no_memfd;

    if (error) {
        errno = (int)error;
        return -1;
    }
    return note_file((int)syscall(SYS_memfd_create, name, flags), "memfd");
}

static bool is_temporary(const char *path, int flags)
{
    const char *base = strrchr(path, '/');

    return (flags & O_TMPFILE) == O_TMPFILE || (base && strncmp(base, "/tc-", 4) == 0);
}

static int open_file(const char *path, int flags, mode_t mode)
{
    bool temporary = is_temporary(path, flags);
    int64_t error = 0;
    int fd;

    if ((flags & O_TMPFILE) == O_TMPFILE)
        error = fault->no_tmpfile;
    if (fault->no_file && (temporary || strstr(path, "/pictures/")))
        error = fault->no_file;
    if (error) {
        errno = (int)error;
        return -1;
    }
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    return temporary ? note_file(fd, path) : fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    return open_file(path, flags | O_LARGEFILE, mode);
}

int close(int fd)
{
    if (fd >= 0 && fd < FILES)
        file[fd].ours = false;
    return (int)syscall(SYS_close, fd);
}

ssize_t getrandom(void *bytes, size_t length, unsigned flags)
{
    if (fault->random && length < 64) {
        memset(bytes, 0, length);
        return (ssize_t)length;
    }
    return syscall(SYS_getrandom, bytes, length, flags);
}

/* ---- reading and writing ------------------------------------------------------------ */

/* Whether this call is interrupted; else how much of `length` it does. */
static bool interrupted(size_t *length)
{
    int64_t call, every = fault->interrupt, part = fault->part;

    if (!every && !part)
        return false;
    call = __atomic_add_fetch(&fault->calls, 1, __ATOMIC_ACQ_REL);
    if (part && (size_t)part < *length)
        *length = (size_t)part;
    if (!every || call % every)
        return false;
    errno = EINTR;
    return true;
}

ssize_t write(int fd, const void *data, size_t length)
{
    ssize_t out;

    if (fd < 0 || fd >= FILES || !file[fd].ours)
        return syscall(SYS_write, fd, data, length);
    if (interrupted(&length))
        return -1;
    if (fault->space && file[fd].limited) {
        int64_t left = fault->space - 1 - file[fd].written;

        if (left <= 0) {
            errno = fault->space_errno ? (int)fault->space_errno : ENOSPC;
            return -1;
        }
        if ((int64_t)length > left)
            length = (size_t)left;
    }
    out = syscall(SYS_write, fd, data, length);
    if (out > 0)
        file[fd].written += out;
    return out;
}

/* Not for ever: a test that has died does not come back to let go. */
static void hold(void)
{
    int64_t read;

    if (!fault->hold)
        return;
    read = __atomic_add_fetch(&fault->reads, 1, __ATOMIC_ACQ_REL);
    for (int tries = 0; tries < 30000 && fault->hold && read >= fault->hold; tries++)
        usleep(1000);
}

/* Only the module reads at an offset; APR does it by seeking. */
ssize_t pread(int fd, void *to, size_t length, off_t offset)
{
    if (interrupted(&length))
        return -1;
    hold();
    if (fault->slow)
        usleep((useconds_t)((uint64_t)fault->slow * length / 65536));
    return syscall(SYS_pread64, fd, to, length, offset);
}

ssize_t pread64(int fd, void *to, size_t length, off64_t offset)
{
    return pread(fd, to, length, offset);
}

ssize_t read(int fd, void *to, size_t length)
{
    if (fd >= 0 && fd < FILES && file[fd].ours && interrupted(&length))
        return -1;
    return syscall(SYS_read, fd, to, length);
}

/* A converter lets go of all memory that it shares with others; the numbers stay. */
int munmap(void *memory, size_t size)
{
    return memory == fault ? 0 : (int)syscall(SYS_munmap, memory, size);
}

/* ---- the clock -------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    FIND(clock_gettime);
    int rc = next_clock_gettime(clock, now);

    if (rc == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += fault->clock;
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    FIND(gettimeofday);
    int rc = next_gettimeofday(now, zone);

    if (rc == 0)
        now->tv_sec += fault->clock;
    return rc;
}

time_t time(time_t *to)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}
