/* SPDX-License-Identifier: Apache-2.0 */
#include "hierarchy.h"

#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMBERSHIP  "/proc/self/cgroup"
#define MOUNTS      "/proc/self/mountinfo"
#define CONTROLLERS "cgroup.controllers"

/* The cgroup's names in the two kinds of hierarchy; empty when it is in none. */
typedef struct membership {
    char own[PATH_MAX];     /* v1's, with the controller */
    char unified[PATH_MAX]; /* v2's */
} membership;

/* A line of mountinfo, as far as it matters. */
typedef struct mount {
    char *root, *point, *type, *options;
} mount;

static bool has_word(const char *list, const char *word, const char *separator)
{
    for (;;) {
        size_t length = strcspn(list, separator);

        if (length == strlen(word) && memcmp(list, word, length) == 0)
            return true;
        if (list[length] == '\0')
            return false;
        list += length + 1;
    }
}

static int copy_path(char to[PATH_MAX], const char *path, const char *below)
{
    int length = snprintf(to, PATH_MAX, "%s%s", path, below);

    if (length >= 0 && length < PATH_MAX)
        return 0;
    to[0] = '\0';
    return ENAMETOOLONG;
}

/* "4:cpu,memory:/path" or "0::/path"; the path may have colons, too. */
static int parse_membership(membership *of, const char *controller, char *line)
{
    char *path = line, *number = strsep(&path, ":"), *list = strsep(&path, ":");

    if (!path || path[0] != '/')
        return 0;
    if (has_word(list, controller, ","))
        return copy_path(of->own, path, "");
    if (strcmp(number, "0") == 0 && list[0] == '\0')
        return copy_path(of->unified, path, "");
    return 0;
}

static int read_membership(membership *of, const char *root, const char *controller)
{
    tc_lines lines;
    char *line;
    int error = tc_lines_open(&lines, root, MEMBERSHIP), bad = 0;

    of->own[0] = of->unified[0] = '\0';
    if (error)
        return error;
    while (!bad && (line = tc_lines_next(&lines)))
        bad = parse_membership(of, controller, line);
    error = tc_lines_close(&lines);
    return error ? error : bad;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The kernel writes a blank in a path as \040. */
static void unescape(char *path)
{
    char *to = path;

    for (; *path; to++) {
        if (path[0] == '\\' && is_octal(path[1]) && is_octal(path[2]) && is_octal(path[3])) {
            *to = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 | (path[3] - '0'));
            path += 4;
        } else {
            *to = *path++;
        }
    }
    *to = '\0';
}

/* "35 31 0:32 /root /point rw,relatime shared:9 - cgroup cgroup rw,memory" */
static bool parse_mount(char *line, mount *is)
{
    char *tail = strstr(line, " - ");

    if (!tail)
        return false;
    *tail = '\0';
    tail += 3;
    for (int i = 0; i < 3; i++)
        strsep(&line, " ");
    is->root = strsep(&line, " ");
    is->point = strsep(&line, " ");
    is->type = strsep(&tail, " ");
    strsep(&tail, " ");
    is->options = tail;
    if (!is->point || !is->options)
        return false;
    unescape(is->root);
    unescape(is->point);
    return true;
}

/*
 * What of the cgroup's `path` is below the mount's root, "" for the root itself; NULL
 * when it lies outside. In a container the path can be the host's, and the mount's root
 * that very path.
 */
static const char *below_root(const char *path, const char *root)
{
    size_t length = strlen(root);

    if (length > 0 && root[length - 1] == '/')
        length--;
    if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/'))
        return NULL;
    path += length;
    /* A cgroup outside the namespace's is shown by way of "..", which a file system takes
       for the folder above the mount point. */
    return has_word(path, "..", "/") ? NULL : strcmp(path, "/") == 0 ? "" : path;
}

static bool is_visible(const char *root, const char *directory)
{
    int fd, error = tc_reading_open(root, directory, &fd);

    if (!error)
        close(fd);
    return !error;
}

/* Whether this mount shows the cgroup itself; the first mount there is stays as a fallback. */
static bool choose_mount(tc_hierarchy *at, const mount *is, const char *path, const char *root)
{
    const char *below = below_root(path, is->root);
    char directory[PATH_MAX];

    if (below && copy_path(directory, is->point, below) == 0 && is_visible(root, directory) &&
        copy_path(at->point, is->point, "") == 0)
        return copy_path(at->directory, directory, "") == 0;
    if (at->point[0] == '\0' && copy_path(at->point, is->point, "") == 0)
        copy_path(at->directory, is->point, "");
    return false;
}

/* Where the hierarchy of file system `type`, with `controller` in its options unless that
   is NULL, shows the cgroup `path`. */
static int find_mount(tc_hierarchy *at, const char *root, const char *type,
                      const char *controller, const char *path)
{
    tc_lines lines;
    mount is;
    bool found = false;
    char *line;
    int error;

    at->point[0] = at->directory[0] = '\0';
    error = path[0] ? tc_lines_open(&lines, root, MOUNTS) : ENOENT;
    if (error)
        return error;
    while (!found && (line = tc_lines_next(&lines)))
        if (parse_mount(line, &is) && strcmp(is.type, type) == 0 &&
            (!controller || has_word(is.options, controller, ",")))
            found = choose_mount(at, &is, path, root);
    error = tc_lines_close(&lines);
    return error ? error : at->point[0] ? 0 : ENOENT;
}

int tc_hierarchy_file(const char *root, const char *directory, const char *file, char *buffer,
                      size_t size)
{
    char path[PATH_MAX + NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    return tc_reading_file(root, path, buffer, size);
}

tc_reading tc_hierarchy_number(const char *root, const char *directory, const char *file)
{
    char path[PATH_MAX + NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    return tc_reading_number(root, path);
}

/* Next to a controller of v1 there may be a v2 hierarchy without it. */
static int has_controller(const char *root, const tc_hierarchy *at, const char *controller)
{
    char list[1024];
    int error = tc_hierarchy_file(root, at->point, CONTROLLERS, list, sizeof(list));

    list[strcspn(list, "\n")] = '\0';
    return error ? error : has_word(list, controller, " ") ? 0 : ENOENT;
}

int tc_hierarchy_find(tc_hierarchy *at, const char *root, const char *controller)
{
    membership of;
    int error = read_membership(&of, root, controller);

    at->version = 1;
    if (error == 0 && find_mount(at, root, "cgroup", controller, of.own) == 0)
        return 0;
    at->version = 2;
    if (!error)
        error = find_mount(at, root, "cgroup2", NULL, of.unified);
    return error ? error : has_controller(root, at, controller);
}

bool tc_hierarchy_up(const tc_hierarchy *at, char *directory)
{
    char *slash = strrchr(directory, '/');

    if (slash)
        *slash = '\0';
    return slash && strlen(directory) >= strlen(at->point);
}
