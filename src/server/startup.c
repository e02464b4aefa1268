/* SPDX-License-Identifier: Apache-2.0 */
#include "startup.h"

#include "config.h"
#include "ends.h"
#include "monitor.h"
#include "remarks.h"
#include "version.h"
#include "host/mmap_threshold.h"
#include "host/host.h"

#include <http_core.h>
#include <http_log.h>
#include <unixd.h>

#include <apr_strings.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

APLOG_USE_MODULE(tmpfs_convert);

/* Without TmpfsConvertTempDir: TMPDIR, then memory, then where the system keeps such files. */
static const char *const system_dirs[] = {"/dev/shm", "/var/tmp", "/tmp"};

static const char *const errno_words[][2] = {
    {"missing", "make it, or name another"},
    {"not a directory", "name a directory"},
    {"not writable for the server's User", "give that user write access, or name another"},
    {"on a file system that cannot do this method", "set TmpfsConvertTempMethod auto"},
    {"not usable", "name another"},
};

static const char *const *words_for(int error)
{
    switch (error) {
    case ENOENT:
        return errno_words[0];
    case ENOTDIR:
        return errno_words[1];
    case EACCES:
    case EPERM:
    case EROFS:
        return errno_words[2];
    case EOPNOTSUPP:
        return errno_words[3];
    default:
        return errno_words[4];
    }
}

static int probe(const tc_temp_config *temp_config, const char *path)
{
    return tc_temp_probe(path, temp_config->method, ap_unixd_config.user_name,
                         ap_unixd_config.user_id, ap_unixd_config.group_id);
}

/* A file system that others fill too keeps more free for them. `named`: by TempDir; one that
   not everybody may write to is then taken to be for this server. */
static void set_reserve(tc_temp_dir *dir, const tc_server_conf *conf, bool named)
{
    struct stat info;
    bool own = named && stat(dir->path, &info) == 0 && !(info.st_mode & S_IWOTH);

    dir->reserve_bytes = conf->reserve_bytes;
    dir->reserve_percent = conf->reserve_percent;
    if (!conf->reserve_given)
        dir->reserve_percent = own ? TC_RESERVE_PERCENT : TC_RESERVE_SHARED;
}

static int add_temp_dir(tc_server_conf *conf, const char *path, bool named)
{
    tc_temp_dir *dir = &conf->temp_config.dir[conf->temp_config.dirs];
    int error = tc_temp_fs_of(path, &dir->fs);

    if (error)
        return error;
    dir->path = path;
    dir->named = named;
    set_reserve(dir, conf, named);
    conf->temp_config.dirs++;
    return 0;
}

static bool check_named(server_rec *main, tc_server_conf *conf)
{
    bool good = true;

    for (int at = 0; at < conf->temp_dirs->nelts; at++) {
        const char *path = APR_ARRAY_IDX(conf->temp_dirs, at, const char *);
        int error = probe(&conf->temp_config, path);

        if (!error)
            error = add_temp_dir(conf, path, true);
        if (error) {
            const char *const *words = words_for(error);
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, error, main,
                         "TC0101: TmpfsConvertTempDir %s: the directory is %s; %s", path,
                         words[0], words[1]);
            good = false;
        }
    }
    return good;
}

/* A default directory that cannot be used is skipped without a message. */
static void add_default(tc_server_conf *conf, const char *path)
{
    const tc_temp_config *temp_config = &conf->temp_config;

    for (unsigned at = 0; at < temp_config->dirs; at++) {
        if (strcmp(temp_config->dir[at].path, path) == 0)
            return;
    }
    if (probe(temp_config, path) == 0)
        add_temp_dir(conf, path, false);
}

/* Bytes as they were named, or a share of what this machine or container has. */
static uint64_t share_of(const tc_reading *usable, uint64_t bytes, double percent,
                         uint64_t blind)
{
    if (percent <= 0)
        return bytes;
    return usable->error ? blind : (uint64_t)((double)usable->value / 100 * percent);
}

/* The bounds of memory, now that the directives are known. */
static void bound_memory(tc_server_conf *conf, apr_pool_t *pool)
{
    tc_memory *memory = apr_palloc(pool, sizeof *memory);
    tc_cgroup *cgroup = apr_palloc(pool, sizeof *cgroup);
    tc_reading usable;

    tc_memory_read(memory, NULL);
    tc_cgroup_read(cgroup, NULL);
    usable = tc_host_usable(memory, cgroup);
    conf->temp_config.memory = share_of(&usable, conf->temp_memory_bytes,
                                        conf->temp_memory_percent, TC_TEMP_MEMORY_BLIND);
    conf->temp_config.per_client = share_of(&usable, conf->per_client_bytes,
                                            conf->per_client_percent, TC_PER_CLIENT_LEAST);
    if (!conf->per_client_given && conf->temp_config.per_client < TC_PER_CLIENT_LEAST)
        conf->temp_config.per_client = TC_PER_CLIENT_LEAST;
    conf->admission_limits.bytes =
        share_of(&usable, conf->budget_bytes, conf->budget_percent, TC_BUDGET_BLIND);
}

/*
 * A request over HTTP/1.1 that converts or waits keeps one of httpd's workers, and with
 * prefork a process. With a queue bounded by time some are left free (policy.h); a queue of
 * the administrator's is as long as it is, and warned of when none would be free.
 */
static void fit_to_workers(server_rec *main, tc_server_conf *conf)
{
    tc_admission_limits *limits = &conf->admission_limits;
    int daemons = 0, threads = 0;
    uint32_t workers;

    if (ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &daemons) != APR_SUCCESS ||
        ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS || daemons < 1)
        return;
    workers = (uint32_t)daemons * (uint32_t)(threads > 1 ? threads : 1);
    limits->workers = workers;
    if (!conf->active_given && limits->active > workers)
        limits->active = workers;
    if (conf->active_given && limits->active && limits->active + limits->queue >= workers)
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main,
                     "TC0120: TmpfsConvertMaxActive %u %u: running and queued conversions can "
                     "occupy all %u workers, and then nothing else is served; set less, or "
                     "raise MaxRequestWorkers",
                     limits->active, limits->queue, workers);
}

int tc_startup_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main)
{
    tc_server_conf *conf = ap_get_module_config(main->module_config, &tmpfs_convert_module);
    const char *named = getenv("TMPDIR");

    (void)plog;
    tc_remarks_check(conf->remarks, main);
    bound_memory(conf, ptemp);
    fit_to_workers(main, conf);
    conf->temp_config.dirs = 0;
    if (conf->temp_dirs->nelts > 0)
        return check_named(main, conf) ? OK : !OK;
    if (named && *named == '/')
        add_default(conf, apr_pstrdup(pconf, named));
    for (size_t at = 0; at < sizeof system_dirs / sizeof system_dirs[0]; at++)
        add_default(conf, system_dirs[at]);
    return OK;
}

/* Whether files of this server can have a name, if only for a moment. */
static bool makes_names(const tc_temp_config *temp_config)
{
    return temp_config->method != TC_TEMP_MEMFD && temp_config->method != TC_TEMP_TMPFILE;
}

/* Removes the files of one dead child, or with 0 of all processes that have ended. */
static void sweep(server_rec *main, pid_t dead)
{
    const tc_temp_config *temp_config = tc_config_temp(main);
    uid_t owner = geteuid() == 0 ? ap_unixd_config.user_id : geteuid();

    for (unsigned at = 0; at < temp_config->dirs && makes_names(temp_config); at++) {
        unsigned removed = tc_temp_sweep(temp_config->dir[at].path, dead, owner);
        if (removed == 0)
            continue;
        tc_count(tc_monitor_counters(main), TC_AT_TEMP_SWEPT, removed);
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main,
                     "%s: removed %u temporary files of a process that was killed",
                     temp_config->dir[at].path, removed);
    }
}

void tc_startup_child(apr_pool_t *pool, server_rec *main)
{
    (void)pool;
    (void)main;
    tc_mmap_threshold_fix();
}

void tc_startup_child_status(server_rec *main, pid_t pid, ap_generation_t generation, int slot,
                             mpm_child_status status)
{
    (void)generation;
    (void)slot;
    /* A child that only lost its slot still uses them. */
    if (status == MPM_CHILD_EXITED && tc_ends_may_leave(pid))
        sweep(main, pid);
}

int tc_startup_announce(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main)
{
    const tc_temp_config *temp_config = tc_config_temp(main);

    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, main, "mod_tmpfs_convert %s with %s", TC_VERSION,
                 tc_config_versions(main));
    for (unsigned at = 0; at < temp_config->dirs; at++) {
        const tc_temp_dir *dir = &temp_config->dir[at];

        ap_log_error(APLOG_MARK, APLOG_INFO, 0, main, "temporary files: %s on %s, method %s",
                     dir->path, dir->fs.name, tc_temp_method_name(temp_config->method));
        if (temp_config->method == TC_TEMP_NAMED && dir->fs.keeps_negatives)
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main,
                         "TC0103: %s is %s and TmpfsConvertTempMethod is named: each temporary "
                         "file leaves a negative dentry in kernel memory; set "
                         "TmpfsConvertTempMethod auto",
                         dir->path, dir->fs.name);
    }
    sweep(main, 0);
    if (temp_config->dirs == 0 && temp_config->method != TC_TEMP_MEMFD)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main,
                     "TC0104: no directory for temporary files is usable; set "
                     "TmpfsConvertTempDir to one that the server's User can write to");
    return OK;
}
