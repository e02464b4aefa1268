/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include "lines.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMBERSHIP  "/proc/self/cgroup"
#define MOUNTS      "/proc/self/mountinfo"
#define CONTROLLERS "cgroup.controllers"
#define CONTROLLER  "memory"

/* No limit, in v1, is the greatest count of pages: more than any machine's memory. */
#define V1_UNLIMITED (UINT64_C(1) << 62)

/* The cgroup's names in the two kinds of hierarchy; empty when it is in none. */
typedef struct membership {
    char memory[PATH_MAX];  /* v1's, with the memory controller */
    char unified[PATH_MAX]; /* v2's */
} membership;

/* A line of mountinfo, as far as it matters. */
typedef struct mount {
    char *root, *point, *type, *options;
} mount;

/* Where a hierarchy is seen here. */
typedef struct place {
    char point[PATH_MAX];     /* its mount point, empty when it is not mounted */
    char directory[PATH_MAX]; /* the cgroup's, at or below it */
} place;

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
static int take_membership(membership *of, char *line)
{
    char *path = line, *number = strsep(&path, ":"), *list = strsep(&path, ":");

    if (!path || path[0] != '/')
        return 0;
    if (has_word(list, CONTROLLER, ","))
        return copy_path(of->memory, path, "");
    if (strcmp(number, "0") == 0 && list[0] == '\0')
        return copy_path(of->unified, path, "");
    return 0;
}

static int read_membership(membership *of, const char *root)
{
    tc_lines lines;
    char *line;
    int error = tc_lines_open(&lines, root, MEMBERSHIP), bad = 0;

    of->memory[0] = of->unified[0] = '\0';
    if (error)
        return error;
    while (!bad && (line = tc_lines_next(&lines)))
        bad = take_membership(of, line);
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
    int fd, error = tc_figure_open(root, directory, &fd);

    if (!error)
        close(fd);
    return !error;
}

/* Whether this mount shows the cgroup itself; the first mount there is stays as a fallback. */
static bool take_mount(place *at, const mount *is, const char *path, const char *root)
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
static int find_place(place *at, const char *root, const char *type, const char *controller,
                      const char *path)
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
            found = take_mount(at, &is, path, root);
    error = tc_lines_close(&lines);
    return error ? error : at->point[0] ? 0 : ENOENT;
}

static tc_figure number_in(const char *root, const char *directory, const char *file)
{
    char path[PATH_MAX + NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", directory, file);
    return tc_figure_number(root, path);
}

typedef struct wanted {
    const char *key;
    tc_figure *to;
} wanted;

static void read_stat(const char *root, const char *directory, const wanted *want, size_t count)
{
    char path[PATH_MAX + NAME_MAX];
    tc_lines lines;
    const char *line, *behind;
    int error;

    snprintf(path, sizeof(path), "%s/memory.stat", directory);
    error = tc_lines_open(&lines, root, path);
    for (size_t i = 0; i < count; i++)
        *want[i].to = tc_figure_missing(error ? error : ENODATA);
    if (error)
        return;
    while ((line = tc_lines_next(&lines)))
        for (size_t i = 0; i < count; i++)
            if ((behind = tc_figure_behind(line, want[i].key)))
                *want[i].to = tc_figure_parse(behind, NULL);
    error = tc_lines_close(&lines);
    for (size_t i = 0; error && i < count; i++)
        if (want[i].to->error)
            *want[i].to = tc_figure_missing(error);
}

static void read_v1(tc_cgroup *cgroup, const char *root, const place *at)
{
    const wanted want[] = {{"hierarchical_memory_limit", &cgroup->limit},
                           {"slab_reclaimable", &cgroup->slab_reclaimable},
                           {"slab_unreclaimable", &cgroup->slab_unreclaimable}};

    read_stat(root, at->directory, want, sizeof(want) / sizeof(*want));
    if (cgroup->limit.error == ENODATA || cgroup->limit.error == ENOENT)
        cgroup->limit = number_in(root, at->directory, "memory.limit_in_bytes");
    if (!cgroup->limit.error && cgroup->limit.value >= V1_UNLIMITED)
        cgroup->limit.value = TC_UNLIMITED;
    cgroup->usage = number_in(root, at->directory, "memory.usage_in_bytes");
    cgroup->kernel = number_in(root, at->directory, "memory.kmem.usage_in_bytes");
}

/* The least of the limits from the cgroup up to the mount point. Levels without the file
   are the machine's root, and those for which the controller is not enabled. */
static tc_figure least_limit(const char *root, const place *at)
{
    tc_figure least = tc_figure_of(TC_UNLIMITED), limit;
    char directory[PATH_MAX];
    char *slash;

    strcpy(directory, at->directory);
    do {
        limit = number_in(root, directory, "memory.max");
        /* With one unknown the least of all is unknown. */
        if (limit.error && limit.error != ENOENT)
            return limit;
        if (!limit.error && limit.value < least.value)
            least = limit;
        slash = strrchr(directory, '/');
        if (slash)
            *slash = '\0';
    } while (slash && strlen(directory) >= strlen(at->point));
    return least;
}

static void read_v2(tc_cgroup *cgroup, const char *root, const place *at)
{
    const wanted want[] = {{"kernel", &cgroup->kernel},
                           {"slab_reclaimable", &cgroup->slab_reclaimable},
                           {"slab_unreclaimable", &cgroup->slab_unreclaimable}};

    read_stat(root, at->directory, want, sizeof(want) / sizeof(*want));
    cgroup->limit = least_limit(root, at);
    cgroup->usage = number_in(root, at->directory, "memory.current");
}

/* Beside a memory controller of v1 there may be a v2 hierarchy without one. */
static int has_controller(const char *root, const place *at)
{
    char path[PATH_MAX + NAME_MAX], list[1024];
    int error;

    snprintf(path, sizeof(path), "%s/" CONTROLLERS, at->point);
    error = tc_figure_file(root, path, list, sizeof(list));
    list[strcspn(list, "\n")] = '\0';
    return error ? error : has_word(list, CONTROLLER, " ") ? 0 : ENOENT;
}

static void set_place(tc_cgroup *cgroup, int version, const place *at)
{
    cgroup->version = version;
    if (strlen(at->directory) < sizeof(cgroup->path))
        strcpy(cgroup->path, at->directory);
}

void tc_cgroup_read(tc_cgroup *cgroup, const char *root)
{
    membership of;
    place at;
    int error = read_membership(&of, root), v1;

    memset(cgroup, 0, sizeof(*cgroup));
    v1 = error ? error : find_place(&at, root, "cgroup", CONTROLLER, of.memory);
    if (v1 == 0) {
        set_place(cgroup, 1, &at);
        read_v1(cgroup, root, &at);
        return;
    }
    if (!error)
        error = find_place(&at, root, "cgroup2", NULL, of.unified);
    if (!error)
        error = has_controller(root, &at);
    if (!error) {
        set_place(cgroup, 2, &at);
        read_v2(cgroup, root, &at);
        return;
    }
    cgroup->error = error;
    cgroup->limit = cgroup->usage = cgroup->kernel = tc_figure_missing(error);
    cgroup->slab_reclaimable = cgroup->slab_unreclaimable = tc_figure_missing(error);
}
