/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guarded buffers, as the sanitizer and fuzz builds have them, whatever build this is. Each
 * access outside a buffer is made in a child process, which must die of it.
 */
#ifndef TC_GUARDED
#define TC_GUARDED
#endif
#include "base/buffer.c"

#include <sys/wait.h>

#include <zlib.h>

#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* As code of a library does it: no sanitizer looks. */
#define UNCHECKED __attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))

UNCHECKED static void store(volatile uint8_t *at)
{
    *at = 1;
}

UNCHECKED static void load(const volatile uint8_t *at)
{
    (void)*at;
}

typedef struct access {
    const char *name;
    void (*make)(uint8_t *buffer, size_t size);
    bool sound;
} access_case;

static void inside(uint8_t *buffer, size_t size)
{
    store(buffer);
    store(buffer + size - 1);
    load(buffer + size / 2);
}

static void write_past(uint8_t *buffer, size_t size)
{
    store(buffer + size);
}

static void write_before(uint8_t *buffer, size_t size)
{
    (void)size;
    store(buffer - 1);
}

/* A pattern cannot tell who read it: the first byte of the page behind is what is caught. */
static void read_past(uint8_t *buffer, size_t size)
{
    load(buffer + round_up(size, ALIGNMENT));
}

static void read_freed(uint8_t *buffer, size_t size)
{
    tc_buffer_free(buffer);
    load(buffer + size / 2);
}

static void write_freed(uint8_t *buffer, size_t size)
{
    tc_buffer_free(buffer);
    store(buffer + size - 1);
}

/* zlib, told of one byte more than there is. */
static void library_past(uint8_t *buffer, size_t size)
{
    uLongf packed = compressBound((uLong)size + 1), room = (uLongf)size + 1;
    uint8_t *plain = calloc(2, size + 1), *bytes = malloc(packed);

    compress(bytes, &packed, plain, (uLong)size + 1);
    uncompress(buffer, &room, bytes, packed);
    free(bytes);
    free(plain);
}

/* How a child ends that makes the access and frees the buffer; what it says in `said`. With
   `reused` the buffer's pages were those of another, which was written to. */
static bool dies(void (*make)(uint8_t *, size_t), size_t size, bool reused, char *said,
                 size_t room)
{
    int ends[2], status = 0;
    size_t got = 0;
    ssize_t more;
    pid_t child;

    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        uint8_t *buffer = tc_buffer_alloc(size);

        if (reused) {
            inside(buffer, size);
            tc_buffer_free(buffer);
            buffer = tc_buffer_alloc(size);
        }
        dup2(ends[1], STDERR_FILENO);
        make(buffer, size);
        tc_buffer_free(buffer);
        _exit(0);
    }
    close(ends[1]);
    while (got + 1 < room && (more = read(ends[0], said + got, room - 1 - got)) > 0)
        got += (size_t)more;
    said[got] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* One under and over each multiple of the alignment and of the page. */
static const size_t sizes[] = {1,  2,  15,   16,   17,   31,   32,    33,
                               64, 80, 4095, 4096, 4097, 5000, 65536, 1000001};

static void test_accesses(void)
{
    static const access_case rows[] = {
        {"inside: nothing happens", inside, true},
        {"one byte written past the end", write_past, false},
        {"one byte written in front", write_before, false},
        {"one byte read behind the slack", read_past, false},
        {"one byte read after the buffer was freed", read_freed, false},
        {"one byte written after the buffer was freed", write_freed, false},
        {"one byte too many written by a library", library_past, false},
    };
    static char said[65536];

    for (size_t row = 0; row < COUNT(rows); row++) {
        unsigned bad = 0, told = 0;

        for (size_t at = 0; at < 2 * COUNT(sizes); at++) {
            size_t size = sizes[at / 2];
            bool died = dies(rows[row].make, size, at % 2, said, sizeof said);

            if (died == rows[row].sound) {
                printf("# %zu bytes%s: %s\n", size, at % 2 ? ", reused pages" : "",
                       died ? said : "nothing noticed");
                bad++;
            }
            told += strstr(said, "tc_buffer: something was written") != NULL;
        }
        ok(bad == 0, "%s, of %zu sizes (%u told by the pattern)", rows[row].name, COUNT(sizes),
           told);
        if (rows[row].make == write_past)
            ok(told == 2 * 10, "... of all sizes that have slack the pattern tells");
        if (rows[row].make == write_before)
            ok(told == 2 * COUNT(sizes), "... of all sizes the pattern tells");
    }
}

/* Where a buffer begins is as round as its size. */
static void test_alignment(void)
{
    static const size_t round[] = {16, 32, 64};
    unsigned bad = 0;

    for (size_t size = 1; size < 10000; size += 7) {
        uint8_t *buffer = tc_buffer_alloc(size);

        bad += !buffer || (uintptr_t)buffer % 16 != 0;
        tc_buffer_free(buffer);
    }
    ok(bad == 0, "every size is aligned to 16");
    for (size_t at = 0; at < COUNT(round); at++) {
        bad = 0;
        for (size_t size = round[at]; size < 20000; size += round[at]) {
            uint8_t *buffer = tc_buffer_alloc(size);

            bad += !buffer || (uintptr_t)buffer % round[at] != 0;
            tc_buffer_free(buffer);
        }
        ok(bad == 0, "multiples of %zu are aligned to it", round[at]);
    }
}

/* Pages of a freed buffer tell nothing of what was in it. */
static void test_reused(void)
{
    unsigned reused = 0, bad = 0;

    for (size_t at = 0; at < COUNT(sizes); at++) {
        uint8_t *first = tc_buffer_alloc(sizes[at]), *again;

        memset(first, 1, sizes[at]);
        tc_buffer_free(first);
        again = tc_buffer_zeroed(sizes[at]);
        reused += again == first;
        for (size_t byte = 0; byte < sizes[at]; byte++)
            bad += again[byte] != 0;
        memset(again, 1, sizes[at]);
        tc_buffer_free(again);
        again = tc_buffer_alloc(sizes[at]);
        for (size_t byte = 0; byte < sizes[at]; byte++)
            bad += again[byte] != JUNK;
        tc_buffer_free(again);
    }
    ok(reused > 0 && bad == 0, "pages are used again, and hold nothing of the earlier buffer");
    ok(kept_maps <= KEPT_MAPS && kept_bytes <= KEPT_BYTES, "what is kept is bounded");
    for (size_t at = 0; at < 4 * KEPT_MAPS; at++)
        tc_buffer_free(tc_buffer_alloc(4096 * at + 1));
    ok(kept_maps <= KEPT_MAPS && kept_bytes <= KEPT_BYTES, "... after buffers of many sizes");
    tc_buffer_free(tc_buffer_zeroed(2 * KEPT_BYTES));
    ok(kept_bytes <= KEPT_BYTES && tc_buffer_live() == 0, "... and after a large one");
}

static void test_contents(void)
{
    uint8_t *buffer = tc_buffer_zeroed(1000), *more;
    unsigned bad = 0;

    for (unsigned at = 0; at < 1000; at++) {
        bad += buffer[at] != 0;
        buffer[at] = (uint8_t)at;
    }
    ok(bad == 0, "zeroed is zero");
    ok(tc_buffer_live() == 1, "one lives");
    more = tc_buffer_resize(buffer, 5001);
    for (unsigned at = 0; at < 1000; at++)
        bad += more[at] != (uint8_t)at;
    more = tc_buffer_resize(more, 10);
    for (unsigned at = 0; at < 10; at++)
        bad += more[at] != (uint8_t)at;
    ok(bad == 0 && tc_buffer_live() == 1, "resized it has the same bytes");
    tc_buffer_free(more);
    more = tc_buffer_resize(NULL, 3);
    ok(more != NULL, "resizing NULL allocates");
    tc_buffer_free(more);
    tc_buffer_free(NULL);
    more = tc_buffer_alloc(0);
    ok(more != NULL && tc_buffer_live() == 1, "no bytes are a buffer too");
    tc_buffer_free(more);
    ok(!tc_buffer_alloc(SIZE_MAX) && !tc_buffer_alloc(SIZE_MAX / 4), "too much is NULL");
    ok(tc_buffer_live() == 0, "none lives");
}

int main(void)
{
    test_accesses();
    test_alignment();
    test_reused();
    test_contents();
    return done_testing();
}
