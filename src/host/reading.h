/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number read from the machine, or why there is none. A reading that cannot be
 * read is a state with its reason, never a zero.
 */
#ifndef TC_READING_H
#define TC_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * `error` is 0 and `value` holds, or an errno value: ENOENT when this kernel has
 * no such file, ENODATA when the file is there without this field, EACCES when
 * only root may read it, EPROTO when it holds what nobody expects.
 */
typedef struct tc_reading {
    int error;
    uint64_t value;
} tc_reading;

/* A limit that is none. */
#define TC_UNLIMITED UINT64_MAX

static inline tc_reading tc_reading_of(uint64_t value)
{
    return (tc_reading){0, value};
}

static inline tc_reading tc_reading_missing(int error)
{
    return (tc_reading){error, 0};
}

/* Why there is no value, in a few words for people; "" when there is one. Static or `buffer`.
 */
const char *tc_reading_reason(int error, char *buffer, size_t size);

/*
 * The whole of the file `path` below `root` (NULL or "" for this machine's own /)
 * into `buffer`, cut at `size` - 1 and terminated. Returns 0 or an errno value.
 * One open, read and close; kernel files only.
 */
int tc_reading_file(const char *root, const char *path, char *buffer, size_t size);

/* A file that holds one number: a limit's "max" is TC_UNLIMITED. */
tc_reading tc_reading_number(const char *root, const char *path);

/*
 * The number behind the word `key` at the start of a line of `text`, as in
 * "MemFree:   12 kB" (a colon behind the word is skipped): ENODATA without such a line.
 */
tc_reading tc_reading_keyed(const char *text, const char *key);

/* What stands behind `key` and its colon when `line` starts with that word, else NULL. */
const char *tc_reading_behind(const char *line, const char *key);

/*
 * The number that `text` starts with, blanks before it skipped, with `*end` (may be
 * NULL) behind it: EPROTO when there are no digits, when it has more than 64 bits, or
 * when what follows is neither a blank nor the end.
 */
tc_reading tc_reading_parse(const char *text, const char **end);

/* In a smaller unit: EPROTO when the product has more than 64 bits. */
tc_reading tc_reading_times(tc_reading reading, uint64_t factor);

/* Open `path` below `root` for reading. Returns 0 or an errno value. */
int tc_reading_open(const char *root, const char *path, int *fd);

#endif
