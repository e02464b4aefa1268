/* SPDX-License-Identifier: Apache-2.0 */
#include "converters.h"

#include "config.h"
#include "monitor.h"

#include "base/buffer.h"
#include "converter/keeper.h"
#include "converter/place.h"
#include "converter/remote.h"
#include "host/processors.h"

#include <http_core.h>
#include <http_log.h>
#include <mpm_common.h>
#include <unixd.h>

#include <apr_portable.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

APLOG_USE_MODULE(tmpfs_convert);

static tc_server_conf *conf_of(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &tmpfs_convert_module);
}

const tc_exchange *tc_converters_pool(const server_rec *server)
{
    const tc_exchange *ends = &conf_of(server)->converters.ends;

    return ends->offers >= 0 ? ends : NULL;
}

bool tc_converters_wanted(const server_rec *server)
{
    return conf_of(server)->isolation != TC_ISOLATION_UNSET;
}

/* ---- whether there are any --------------------------------------------------------------- */

static bool has_sandbox(unsigned locks)
{
    return (locks & TC_LOCK_SECCOMP) && (locks & TC_LOCK_LANDLOCK);
}

/* Why there are none where nothing is said; NULL: there are. Where each change of process costs
   the processor its translations, a small picture would cost a seventh more. */
static const char *why_off(const tc_converters *converters)
{
    if (!has_sandbox(converters->locks.locks))
        return "the kernel or the container does not allow seccomp filters and Landlock";
    if (!tc_processors_keep_translations(""))
        return "changes of process are dear on this processor, which has no PCID";
    return NULL;
}

/* Each has a descriptor on its way that it offers itself with, and so have those of generations
   before: the kernel allows a user as many as the process that sends one may have open. */
static unsigned most_converters(void)
{
    struct rlimit files;
    rlim_t most = TC_POOL_MOST;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 < most)
        most = files.rlim_cur / 4;
    return most > 2 ? (unsigned)most : 2;
}

/* As many as conversions may run at once, which then is no more than there can be, and those
   that children keep. */
static void count_converters(tc_server_conf *conf)
{
    tc_admission_limits *limits = &conf->admission_limits;
    unsigned most = most_converters();

    if (limits->active == 0 || limits->active > most)
        limits->active = limits->workers && limits->workers < most ? limits->workers : most;
    conf->converters.own = tc_own_count(limits->active, most);
    conf->converters.count = limits->active + conf->converters.own;
}

int tc_converters_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main)
{
    tc_server_conf *conf = conf_of(main);
    tc_converters *converters = &conf->converters;
    char text[TC_LOCKS_TEXT];

    (void)pconf;
    (void)plog;
    (void)ptemp;
    converters->count = 0;
    if (conf->isolation == TC_ISOLATION_OFF)
        return OK;
    converters->locks = tc_lockdown_now();
    if (conf->isolation == TC_ISOLATION_REQUIRE &&
        (converters->locks.locks & TC_LOCK_ALL) != TC_LOCK_ALL) {
        ap_log_error(
            APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, main,
            "TC0127: TmpfsConvertIsolation require: the kernel or the container does "
            "not allow: %s; set it to on, or change that",
            tc_lockdown_text(TC_LOCK_ALL & ~converters->locks.locks, text, sizeof text));
        return !OK;
    }
    if (conf->isolation != TC_ISOLATION_UNSET || !why_off(converters))
        count_converters(conf);
    return OK;
}

/* ---- in the process that keeps them ------------------------------------------------------ */

static void begun(void *context, pid_t pid)
{
    server_rec *main = context;

    (void)pid;
    tc_gauge(tc_monitor_counters(main), TC_NOW_CONVERTERS, 1);
}

static void log_death(server_rec *main, pid_t pid, int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main,
                     "TC0131: converter %d died by signal %d: a system call that decoding does "
                     "not need",
                     (int)pid, WTERMSIG(status));
    else if (WIFSIGNALED(status))
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main, "TC0131: converter %d died by signal %d",
                     (int)pid, WTERMSIG(status));
    else
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main,
                     "TC0131: converter %d ended with status %d", (int)pid,
                     WEXITSTATUS(status));
}

static void log_failure(server_rec *main, int status, const char *text)
{
    if (*text)
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main, "TC0132: a converter could not begin: %s",
                     text);
    else
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, main,
                     "TC0132: a converter could not begin: it ended with wait status %d",
                     status);
}

static void ended(void *context, pid_t pid, tc_pool_end how, int status, const char *text)
{
    server_rec *main = context;
    tc_counters *counters = tc_monitor_counters(main);

    if (pid)
        tc_gauge(counters, TC_NOW_CONVERTERS, -1);
    switch (how) {
    case TC_POOL_DONE:
        break;
    case TC_POOL_STOPPED:
        tc_count(counters, TC_AT_CONVERTER_KILLS, 1);
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, main, "converter %d was killed", (int)pid);
        break;
    case TC_POOL_DIED:
        tc_count(counters, TC_AT_CONVERTER_DEATHS, 1);
        log_death(main, pid, status);
        break;
    case TC_POOL_NOT_BEGUN:
        log_failure(main, status, text);
        break;
    }
}

/* Whatever else httpd's parent has open at this time is none of a keeper's business. */
static void close_others(int control, int log)
{
    int most = (int)sysconf(_SC_OPEN_MAX);

    if (most < 0 || most > 65536)
        most = 65536;
    for (int fd = STDERR_FILENO + 1; fd < most; fd++) {
        if (fd != control && fd != log)
            close(fd);
    }
}

static int log_of(const server_rec *main)
{
    apr_os_file_t log = -1;

    if (main->error_log)
        apr_os_file_get(&log, main->error_log);
    return log;
}

__attribute__((noreturn)) static void keep(server_rec *main, apr_pool_t *pool, int control)
{
    tc_counters *counters = tc_monitor_counters(main);
    tc_pool_watch watch = {begun, ended, main};
    tc_keeper keeper = {control, log_of(main), &watch};

    prctl(PR_SET_NAME, "tc-keeper");
    close_others(control, keeper.log);
    /* The children's, to read all of them. */
    tc_areas_unmap(&conf_of(main)->converters.ends.areas);
    /* Before a ChrootDir. What fails here fails again in a converter, which says so. */
    tc_lockdown_prepare();
    if (ap_run_drop_privileges(pool, main))
        _exit(EXIT_FAILURE);
    tc_counters_enter(counters, getpid());
    tc_keeper_run(&keeper);
    _exit(EXIT_SUCCESS);
}

/* ---- in httpd's parent ------------------------------------------------------------------- */

/* What outlives a restart: the keeper, and by what it was forked. */
typedef struct kept {
    pid_t pid;   /* 0: none */
    int control; /* the parent's end */
    dev_t device;
    ino_t inode;
    struct timespec changed;
    uid_t user;
} kept;

static kept *retained(void)
{
    static const char key[] = "tmpfs-convert-keeper";
    kept *found = ap_retained_data_get(key);

    return found ? found : ap_retained_data_create(key, sizeof *found);
}

/* Whose the keeper and the converters are. */
static uid_t user(void)
{
    return geteuid() == 0 ? ap_unixd_config.user_id : geteuid();
}

/* The file of this module, and the user: a keeper of others is of no use. */
static kept describe(void)
{
    kept now = {.user = user()};
    struct stat info;
    Dl_info module;

    if (dladdr(&tmpfs_convert_module, &module) && stat(module.dli_fname, &info) == 0) {
        now.device = info.st_dev;
        now.inode = info.st_ino;
        now.changed = info.st_mtim;
    }
    return now;
}

static bool is_same(const kept *keeper, const kept *now)
{
    return keeper->device == now->device && keeper->inode == now->inode &&
           keeper->changed.tv_sec == now->changed.tv_sec &&
           keeper->changed.tv_nsec == now->changed.tv_nsec && keeper->user == now->user;
}

/* Fork a keeper. Returns 0, or the error. */
static apr_status_t fork_keeper(server_rec *main)
{
    tc_converters *converters = &conf_of(main)->converters;
    kept *keeper = retained();
    int own, control, error = tc_keeper_control(&own, &control);
    apr_status_t status = error;

    if (!error)
        status = apr_proc_fork(&converters->keeper, converters->configuration);
    if (status == APR_INCHILD) {
        close(own);
        keep(main, converters->configuration, control);
    }
    if (!error)
        close(control);
    if (status != APR_INPARENT) {
        if (!error)
            close(own);
        return status;
    }
    *keeper = describe();
    keeper->pid = converters->keeper.pid;
    keeper->control = own;
    return APR_SUCCESS;
}

static void forget_keeper(void)
{
    kept *keeper = retained();

    if (keeper->pid)
        close(keeper->control);
    keeper->pid = 0;
}

static void close_areas(tc_converters *converters)
{
    if (converters->areas >= 0)
        close(converters->areas);
    converters->areas = -1;
}

/* The areas go with it once: those of a keeper that is gone may still be written to. */
static int give_pool(server_rec *main)
{
    tc_converters *converters = &conf_of(main)->converters;
    tc_pool_spec spec = {converters->count, converters->locks.locks, TC_BUFFER_GUARDED,
                         tc_config_most_memory(main)};
    int error = tc_keeper_give(retained()->control, &spec, converters->pool, converters->areas,
                               log_of(main));

    if (!error)
        close_areas(converters);
    return error;
}

static void maintain(int reason, void *data, int status);

static void watch_keeper(server_rec *main)
{
    tc_converters *converters = &conf_of(main)->converters;

    if (!retained()->pid)
        return;
    converters->keeper = (apr_proc_t){.pid = retained()->pid};
    apr_proc_other_child_register(&converters->keeper, maintain, main, NULL,
                                  converters->configuration);
}

static void log_end(server_rec *main, int status)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, main,
                 "TC0133: the process that keeps the converters ended with wait status %d; "
                 "another one is started",
                 status);
}

/* One that was killed right before this restart: the MPM, which has not looked since, would
   find a child that it does not know any more. */
static void bury_keeper(server_rec *main)
{
    pid_t pid = retained()->pid;
    int status;

    if (waitpid(pid, &status, WNOHANG) == pid)
        log_end(main, status);
    tc_counters_leave(tc_monitor_counters(main), pid);
    forget_keeper();
}

/* A keeper that has the pool: the one of the configuration before, or another. */
static void have_keeper(server_rec *main)
{
    kept *keeper = retained(), now = describe();
    apr_status_t status;

    if (keeper->pid && !is_same(keeper, &now))
        forget_keeper(); /* it goes on for the children of before */
    else if (keeper->pid && give_pool(main))
        bury_keeper(main);
    if (!keeper->pid) {
        status = fork_keeper(main);
        if (status == APR_SUCCESS)
            status = give_pool(main);
        if (status != APR_SUCCESS)
            ap_log_error(APLOG_MARK, APLOG_CRIT, status, main,
                         "TC0134: no process for the converters: every conversion will fail");
    }
    watch_keeper(main);
}

static bool is_stopping(void)
{
    int state;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING;
}

/* apr_proc_other_child_register's: what became of the keeper. */
static void maintain(int reason, void *data, int status)
{
    server_rec *main = data;

    if (reason == APR_OC_REASON_UNREGISTER || reason == APR_OC_REASON_RESTART ||
        reason == APR_OC_REASON_RUNNING)
        return;
    tc_counters_leave(tc_monitor_counters(main), retained()->pid);
    apr_proc_other_child_unregister(data);
    forget_keeper();
    if (is_stopping() || conf_of(main)->converters.count == 0)
        return;
    log_end(main, status);
    have_keeper(main);
}

/* A new configuration, or the end. The pool goes on for the children that have the old one, and
   ends after the last of them. */
static apr_status_t let_go(void *data)
{
    tc_converters *converters = data;

    close(converters->ends.offers);
    close(converters->ends.idle);
    close(converters->ends.give);
    close(converters->pool);
    if (converters->claims >= 0)
        close(converters->claims);
    close_areas(converters);
    tc_areas_unmap(&converters->ends.areas);
    converters->ends = (tc_exchange){.offers = -1, .idle = -1, .give = -1};
    converters->pool = converters->claims = -1;
    return APR_SUCCESS;
}

static void announce(const tc_converters *converters, server_rec *main)
{
    unsigned locks = converters->locks.locks;
    char text[TC_LOCKS_TEXT], without[TC_LOCKS_TEXT];

    ap_log_error(APLOG_MARK, APLOG_INFO, 0, main, "%u converters, locked by: %s; missing: %s",
                 converters->count, tc_lockdown_text(locks, text, sizeof text),
                 tc_lockdown_text(TC_LOCK_ALL & ~locks, without, sizeof without));
    if (!has_sandbox(locks))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main,
                     "TC0128: converters run without %s, which the kernel or the container "
                     "does not allow: code that a picture brings in has more to reach",
                     tc_lockdown_text(TC_LOCK_ALL & ~locks, without, sizeof without));
}

/* Returns 0, or errno and has none of them. */
static int open_sockets(tc_converters *converters)
{
    tc_exchange *ends = &converters->ends;
    int error = tc_message_pair(&ends->offers, &converters->pool);

    ends->steady = (converters->locks.locks & TC_LOCK_SECCOMP) != 0;
    ends->binds = tc_place_may();
    ends->user = user();
    if (!error && (error = tc_message_pair(&ends->idle, &ends->give)) != 0) {
        close(ends->offers);
        close(converters->pool);
        ends->offers = converters->pool = -1;
    }
    /* Without it each is passed on. */
    if (!error)
        converters->claims = tc_own_file();
    if (!error)
        tc_areas_make(&ends->areas, converters->count, &converters->areas);
    return error;
}

int tc_converters_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *main)
{
    tc_converters *converters = &conf_of(main)->converters;
    int error;

    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    converters->configuration = pconf;
    if (converters->count == 0) {
        if (conf_of(main)->isolation == TC_ISOLATION_UNSET)
            ap_log_error(APLOG_MARK, APLOG_INFO, 0, main,
                         "TmpfsConvertIsolation is not set, and off: %s", why_off(converters));
        watch_keeper(main); /* that of a configuration before */
        return OK;
    }
    error = open_sockets(converters);
    if (error) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, error, main,
                     "TC0129: no socket for the converters");
        return !OK;
    }
    apr_pool_cleanup_register(pconf, converters, let_go, apr_pool_cleanup_null);
    announce(converters, main);
    have_keeper(main);
    return OK;
}

static apr_status_t let_own_go(void *data)
{
    tc_exchange *ends = data;

    tc_own_free(ends->own);
    ends->own = NULL;
    return APR_SUCCESS;
}

void tc_converters_child(apr_pool_t *pool, server_rec *main)
{
    tc_converters *converters = &conf_of(main)->converters;

    if (converters->claims >= 0 && converters->own > 0)
        converters->ends.own = tc_own_make(converters->claims, converters->own);
    apr_pool_cleanup_register(pool, &converters->ends, let_own_go, apr_pool_cleanup_null);
    if (converters->pool >= 0)
        close(converters->pool);
    converters->pool = -1;
    forget_keeper();
}
