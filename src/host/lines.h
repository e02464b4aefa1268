/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the kernel's line by line, however long it or a line of it is: a number
 * must never be wrong for a buffer's end in its middle.
 */
#ifndef TC_LINES_H
#define TC_LINES_H

#include <stddef.h>
#include <stdio.h>

/* The kernel makes such files a page at a time. */
#define TC_LINES_READ 4096

typedef struct tc_lines {
    FILE *file;
    char *line;
    size_t size;
    int error;
    char buffer[TC_LINES_READ];
} tc_lines;

/* Open `path` below `root`. Returns 0, then tc_lines_close is due, or an errno value. */
int tc_lines_open(tc_lines *lines, const char *root, const char *path);

/*
 * The next line without its newline, to be changed at will and gone with the next call;
 * NULL at the end.
 */
char *tc_lines_next(tc_lines *lines);

/* Returns 0 or an errno value: why there were no more lines, short of the end. */
int tc_lines_close(tc_lines *lines);

#endif
