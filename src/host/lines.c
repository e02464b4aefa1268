/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tc_lines_open(tc_lines *lines, const char *root, const char *path)
{
    int fd, error = tc_reading_open(root, path, &fd);

    if (error)
        return error;
    lines->file = fdopen(fd, "r");
    if (!lines->file) {
        close(fd);
        return ENOMEM;
    }
    /* stdio would go by the file's block size, a kilobyte in /proc. */
    setvbuf(lines->file, lines->buffer, _IOFBF, sizeof(lines->buffer));
    lines->line = NULL;
    lines->size = 0;
    lines->error = 0;
    return 0;
}

char *tc_lines_next(tc_lines *lines)
{
    ssize_t length;

    if (lines->error)
        return NULL;
    length = getline(&lines->line, &lines->size, lines->file);
    /* An error's errno, and not a half line before it, is what counts. */
    if (length < 0 || ferror(lines->file)) {
        if (!feof(lines->file) || ferror(lines->file))
            lines->error = errno ? errno : EIO;
        return NULL;
    }
    if (lines->line[length - 1] == '\n')
        lines->line[length - 1] = '\0';
    return lines->line;
}

int tc_lines_close(tc_lines *lines)
{
    fclose(lines->file);
    free(lines->line);
    return lines->error;
}
