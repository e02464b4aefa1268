/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *tc_reading_reason(int error, char *buffer, size_t size)
{
    switch (error) {
    case 0:
        return "";
    case ENOENT:
        return "this kernel has no such file";
    case ENODATA:
        return "this kernel does not tell it";
    case EACCES:
    case EPERM:
        return "only root may read it";
    case EPROTO:
        return "the kernel's words are not understood";
    default:
        snprintf(buffer, size, "%s", strerror(error));
        return buffer;
    }
}

int tc_reading_open(const char *root, const char *path, int *fd)
{
    char whole[PATH_MAX];
    int length = snprintf(whole, sizeof(whole), "%s%s", root ? root : "", path);

    if (length < 0 || (size_t)length >= sizeof(whole))
        return ENAMETOOLONG;
    do
        *fd = open(whole, O_RDONLY | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? errno : 0;
}

int tc_reading_file(const char *root, const char *path, char *buffer, size_t size)
{
    size_t length = 0;
    ssize_t got = 1;
    int fd, error = tc_reading_open(root, path, &fd);

    if (size)
        buffer[0] = '\0';
    if (error)
        return error;
    /* A file made of records gives a page of them at a time. */
    while (got != 0 && length + 1 < size) {
        got = read(fd, buffer + length, size - 1 - length);
        if (got > 0) {
            length += (size_t)got;
        } else if (got < 0 && errno != EINTR) {
            error = errno;
            break;
        }
    }
    close(fd);
    if (size)
        buffer[error ? 0 : length] = '\0';
    return error;
}

tc_reading tc_reading_parse(const char *text, const char **end)
{
    uint64_t value = 0;
    bool good;

    while (isblank((unsigned char)*text))
        text++;
    good = isdigit((unsigned char)*text);
    for (; isdigit((unsigned char)*text); text++)
        good = good && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value);
    if (end)
        *end = text;
    if (!good || (*text && !isspace((unsigned char)*text)))
        return tc_reading_missing(EPROTO);
    return tc_reading_of(value);
}

tc_reading tc_reading_number(const char *root, const char *path)
{
    char text[64];
    const char *end;
    tc_reading reading;
    int error = tc_reading_file(root, path, text, sizeof(text));

    if (error)
        return tc_reading_missing(error);
    if (strcmp(text, "max\n") == 0 || strcmp(text, "max") == 0)
        return tc_reading_of(TC_UNLIMITED);
    reading = tc_reading_parse(text, &end);
    /* A second number, or a file longer than any number. */
    if (reading.error || end[strspn(end, " \t\n")] || strlen(text) == sizeof(text) - 1)
        return tc_reading_missing(EPROTO);
    return reading;
}

const char *tc_reading_behind(const char *line, const char *key)
{
    size_t length = strlen(key);

    if (strncmp(line, key, length) != 0)
        return NULL;
    line += length;
    if (*line == ':')
        return line + 1;
    return isblank((unsigned char)*line) ? line : NULL;
}

tc_reading tc_reading_keyed(const char *text, const char *key)
{
    while (*text) {
        const char *behind = tc_reading_behind(text, key);

        if (behind)
            return tc_reading_parse(behind, NULL);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return tc_reading_missing(ENODATA);
}

tc_reading tc_reading_times(tc_reading reading, uint64_t factor)
{
    if (reading.error == 0 && __builtin_mul_overflow(reading.value, factor, &reading.value))
        return tc_reading_missing(EPROTO);
    return reading;
}
