/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number read from the machine, or why there is none. A figure that cannot be
 * read is a state with its reason, never a zero.
 */
#ifndef TC_FIGURE_H
#define TC_FIGURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * `error` is 0 and `value` holds, or an errno value: ENOENT when this kernel has
 * no such file, ENODATA when the file is there without this field, EACCES when
 * only root may read it, EPROTO when it holds what nobody expects.
 */
typedef struct tc_figure {
    int error;
    uint64_t value;
} tc_figure;

/* A limit that is none. */
#define TC_UNLIMITED UINT64_MAX

static inline tc_figure tc_figure_of(uint64_t value)
{
    return (tc_figure){0, value};
}

static inline tc_figure tc_figure_missing(int error)
{
    return (tc_figure){error, 0};
}

/* Why there is no value, in a few words for people; "" when there is one. Static or `buffer`.
 */
const char *tc_figure_reason(int error, char *buffer, size_t size);

/*
 * The whole of the file `path` below `root` (NULL or "" for this machine's own /)
 * into `buffer`, cut at `size` - 1 and terminated. Returns 0 or an errno value.
 * One open, read and close; kernel files only.
 */
int tc_figure_file(const char *root, const char *path, char *buffer, size_t size);

/* A file that holds one number: a limit's "max" is TC_UNLIMITED. */
tc_figure tc_figure_number(const char *root, const char *path);

/*
 * The number behind the word `key` at the start of a line of `text`, as in
 * "MemFree:   12 kB" (a colon behind the word is skipped): ENODATA without such a line.
 */
tc_figure tc_figure_keyed(const char *text, const char *key);

/* What stands behind `key` and its colon when `line` starts with that word, else NULL. */
const char *tc_figure_behind(const char *line, const char *key);

/*
 * The number that `text` starts with, blanks before it skipped, with `*end` (may be
 * NULL) behind it: EPROTO when there are no digits, when it has more than 64 bits, or
 * when what follows is neither a blank nor the end.
 */
tc_figure tc_figure_parse(const char *text, const char **end);

/* In a smaller unit: EPROTO when the product has more than 64 bits. */
tc_figure tc_figure_times(tc_figure figure, uint64_t factor);

/* Open `path` below `root` for reading. Returns 0 or an errno value. */
int tc_figure_open(const char *root, const char *path, int *fd);

#endif
