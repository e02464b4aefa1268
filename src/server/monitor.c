/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include "config.h"
#include "image/codec/codec.h"
#include "version.h"

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <scoreboard.h>

#include <apr_shm.h>
#include <apr_strings.h>

#include <math.h>
#include <unistd.h>

APLOG_USE_MODULE(tmpfs_convert);

/* The number is of the structs below. */
#define RETAINED "mod_tmpfs_convert shared memory 5"

/* The monitor hook comes about every ten seconds, a little sooner or later. */
#define SLACK apr_time_from_sec(1)

/* Samples in a row in which admission does not add up before that is logged. */
#define DOUBTS 3

/* Shared memory, and the parent's private handle on it. */
typedef struct shm_segment {
    apr_shm_t *shm;
    void *handle; /* of `size` bytes, all zero at first; NULL: it needs none */
    apr_size_t size;
} shm_segment;

/* What outlives the module's own unloading at a restart; in the process's pool. */
typedef struct retained {
    shm_segment counters, history, admission, coalesce_table, holders;
    uint64_t secret; /* as long as `holders` is in use: what is held is found by it */
} retained;

static tc_server_conf *conf_of(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &tmpfs_convert_module);
}

tc_counters *tc_monitor_counters(const server_rec *server)
{
    return conf_of(server)->runtime->counters;
}

tc_coalesce_table *tc_monitor_coalesce_table(const server_rec *server)
{
    return conf_of(server)->runtime->coalesce_table;
}

/* ---- shared memory ------------------------------------------------------------- */

/* APR puts a length before what it hands out, which upsets the alignment. */
#define ALIGNMENT 64

static void *aligned(apr_shm_t *shm)
{
    return (void *)(((uintptr_t)apr_shm_baseaddr_get(shm) + ALIGNMENT - 1) &
                    ~(uintptr_t)(ALIGNMENT - 1));
}

/* New memory for `segment`; the caller lets go of what it had. */
static apr_status_t renew(shm_segment *segment, apr_size_t size, server_rec *main)
{
    return apr_shm_create(&segment->shm, size + ALIGNMENT, NULL, main->process->pool);
}

/* Memory of `size` for `segment`: what it has if that is of this size, else new. */
static apr_status_t acquire_shm(shm_segment *segment, apr_size_t size, server_rec *main)
{
    if (segment->shm && apr_shm_size_get(segment->shm) == size + ALIGNMENT)
        return APR_SUCCESS;
    return renew(segment, size, main);
}

static void let_go(apr_shm_t *old, const shm_segment *segment)
{
    if (old && old != segment->shm)
        apr_shm_destroy(old);
}

/* A handle of `size`, all zero where another version of this module had another size. */
static void *handle_of(shm_segment *segment, apr_size_t size, server_rec *main)
{
    if (segment->size != size) {
        segment->handle = apr_pcalloc(main->process->pool, size);
        segment->size = size;
    }
    return segment->handle;
}

static apr_status_t acquire_counters(shm_segment *segment, tc_server_conf *conf,
                                     server_rec *main)
{
    apr_shm_t *old = segment->shm;
    apr_status_t status = acquire_shm(segment, tc_counters_size(), main);

    if (status != APR_SUCCESS)
        return status;
    conf->runtime->counters = handle_of(segment, sizeof *conf->runtime->counters, main);
    tc_counters_adopt(conf->runtime->counters, aligned(segment->shm),
                      apr_time_sec(apr_time_now()));
    let_go(old, segment);
    return APR_SUCCESS;
}

/* A ring of another size gets what the old one holds. */
static apr_status_t acquire_history(shm_segment *segment, tc_server_conf *conf,
                                    server_rec *main)
{
    unsigned samples = conf->history_interval ? conf->history_samples : 1;
    tc_history *history = handle_of(segment, sizeof *history, main), before = *history;
    apr_shm_t *old = segment->shm;
    apr_status_t status = acquire_shm(segment, tc_history_size(samples), main);

    if (status != APR_SUCCESS)
        return status;
    if (!tc_history_adopt(history, aligned(segment->shm), samples) && old &&
        old != segment->shm)
        tc_history_copy(history, &before);
    conf->runtime->history = history;
    let_go(old, segment);
    return APR_SUCCESS;
}

/* Memory that `adopt` refuses is replaced; children that have it go on with it. */
static apr_status_t acquire_plain(shm_segment *segment, apr_size_t size, bool (*adopt)(void *),
                                  server_rec *main, void **memory)
{
    apr_shm_t *old = segment->shm;
    apr_status_t status = acquire_shm(segment, size, main);

    if (status == APR_SUCCESS && !adopt(aligned(segment->shm))) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main,
                     "shared memory of %" APR_SIZE_T_FMT
                     " bytes: its content is inconsistent or of another version; it is reset",
                     size);
        status = renew(segment, size, main);
        if (status == APR_SUCCESS)
            adopt(aligned(segment->shm));
    }
    if (status != APR_SUCCESS)
        return status;
    let_go(old, segment);
    *memory = aligned(segment->shm);
    return APR_SUCCESS;
}

static bool adopt_admission(void *memory)
{
    return tc_admission_adopt(memory);
}

static bool adopt_coalesce_table(void *memory)
{
    return tc_coalesce_table_adopt(memory);
}

static apr_status_t acquire_admission(shm_segment *segment, tc_server_conf *conf,
                                      server_rec *main)
{
    void *memory = NULL;
    apr_status_t status =
        acquire_plain(segment, tc_admission_size(), adopt_admission, main, &memory);

    conf->runtime->admission = memory;
    return status;
}

static apr_status_t acquire_coalesce_table(shm_segment *segment, tc_server_conf *conf,
                                           server_rec *main)
{
    void *memory = NULL;
    apr_status_t status =
        acquire_plain(segment, tc_coalesce_table_size(), adopt_coalesce_table, main, &memory);

    conf->runtime->coalesce_table = memory;
    return status;
}

static bool adopt_holders(void *memory)
{
    return tc_holders_adopt(memory);
}

static apr_status_t acquire_holders(retained *kept, tc_server_conf *conf, server_rec *main)
{
    void *memory = NULL;
    apr_status_t status =
        acquire_plain(&kept->holders, tc_holders_size(), adopt_holders, main, &memory);

    if (status == APR_SUCCESS && !kept->secret)
        status = apr_generate_random_bytes((unsigned char *)&kept->secret, sizeof kept->secret);
    conf->temp_config.holders = memory;
    conf->runtime->secret = kept->secret;
    return status;
}

/* Temporary directories and patterns keep their numbers, and so their counts, over restarts. */
static void number_names(tc_server_conf *conf, apr_pool_t *pconf)
{
    tc_temp_config *temp_config = &conf->temp_config;

    temp_config->counters = conf->runtime->counters;
    temp_config->admission = conf->runtime->admission;
    for (unsigned at = 0; at < temp_config->dirs; at++)
        temp_config->dir[at].number = tc_counters_temp_dir(
            conf->runtime->counters, temp_config->dir[at].path, temp_config->dir[at].fs.name,
            temp_config->dir[at].fs.keeps_negatives);
    conf->pattern_numbers = apr_hash_make(pconf);
    for (int at = 0; at < conf->pattern_names->nelts; at++) {
        const char *name = APR_ARRAY_IDX(conf->pattern_names, at, const char *);
        unsigned *number = apr_palloc(pconf, sizeof *number);

        *number = tc_counters_pattern(conf->runtime->counters, name);
        apr_hash_set(conf->pattern_numbers, name, APR_HASH_KEY_STRING, number);
    }
}

/* ---- sampling, in the parent ------------------------------------------------------ */

static void read_temp_dir(tc_snapshot_temp_dir *temp_dir, const tc_temp_dir *dir)
{
    uint64_t available = 0, total = 0, inodes = 0;
    int error = tc_temp_room(dir->path, &available, &total, &inodes);

    temp_dir->path = dir->path;
    temp_dir->fs = dir->fs;
    temp_dir->number = dir->number;
    temp_dir->named = dir->named;
    temp_dir->available = (tc_reading){error, available};
    temp_dir->total = (tc_reading){error, total};
    temp_dir->inodes_free = (tc_reading){error, inodes};
    temp_dir->reserve = dir->reserve_bytes;
    if (!error && total != TC_UNLIMITED && dir->reserve_percent > 0)
        temp_dir->reserve = (uint64_t)((double)total * dir->reserve_percent / 100);
}

/* memfd's pages are memory; what they may take is all there is. */
static void read_memfd(tc_snapshot_temp_dir *temp_dir, const tc_host *host)
{
    temp_dir->path = "memfd";
    temp_dir->fs = (tc_temp_fs){"memory", true, false};
    temp_dir->number = 0;
    temp_dir->available = host->memory.available;
    temp_dir->total = host->memory.total;
    temp_dir->inodes_free = tc_reading_missing(ENODATA);
    temp_dir->reserve = 0;
}

static unsigned read_temp_dirs(tc_snapshot_temp_dir *temp_dir,
                               const tc_temp_config *temp_config, const tc_host *host)
{
    unsigned count = 0;

    if (temp_config->method == TC_TEMP_AUTO || temp_config->method == TC_TEMP_MEMFD)
        read_memfd(&temp_dir[count++], host);
    for (unsigned at = 0; at < temp_config->dirs && temp_config->method != TC_TEMP_MEMFD; at++)
        read_temp_dir(&temp_dir[count++], &temp_config->dir[at]);
    return count;
}

/* Each directory's share in use, by its number; of memfd's what our files have of the memory.
 */
static void used_shares(double *used, const tc_snapshot_temp_dir *temp_dir, unsigned count,
                        const tc_counter_snapshot *counts)
{
    for (unsigned at = 0; at < TC_TEMP_SLOTS; at++)
        used[at] = NAN;
    for (unsigned at = 0; at < count; at++) {
        tc_reading total = temp_dir[at].total, available = temp_dir[at].available;
        double taken;

        if (total.error || available.error || total.value == 0 || total.value == TC_UNLIMITED)
            continue;
        taken = temp_dir[at].number == 0 ? (double)counts->gauge[TC_NOW_TEMP_OPEN_BYTES]
                                         : (double)(total.value - available.value);
        used[temp_dir[at].number] = taken / (double)total.value;
    }
}

static void add_sample(tc_server_conf *conf, apr_pool_t *pool)
{
    tc_host *host = apr_palloc(pool, sizeof *host);
    tc_counter_snapshot *counts = apr_palloc(pool, sizeof *counts);
    tc_snapshot_temp_dir temp_dir[TC_SNAPSHOT_TEMP_DIRS];
    double used[TC_TEMP_SLOTS];

    tc_host_read(host, NULL);
    tc_counters_read(conf->runtime->counters, counts);
    used_shares(used, temp_dir, read_temp_dirs(temp_dir, &conf->temp_config, host), counts);
    tc_history_add(conf->runtime->history, apr_time_now(), host, counts, used);
}

/* Sums that stay wrong: a child was killed between two updates, or something wrote there. */
static void check_admission(server_rec *main, tc_server_conf *conf)
{
    if (!conf->runtime->admission || tc_admission_adds_up(conf->runtime->admission))
        conf->runtime->doubts = 0;
    else if (++conf->runtime->doubts == DOUBTS)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main,
                     "TC0130: the sums of admission in shared memory are wrong: a child was "
                     "killed while it changed them, or they were overwritten; conversions may "
                     "be refused until a graceful restart resets them");
}

int tc_monitor_sample(apr_pool_t *pool, server_rec *main)
{
    tc_server_conf *conf = conf_of(main);
    apr_interval_time_t interval =
        apr_time_from_sec(conf->history_interval ? conf->history_interval : 10);
    apr_time_t now = apr_time_now();
    apr_pool_t *scratch;
    uint32_t unlogged;

    if (!conf->runtime->history)
        return DECLINED;
    /* A clock that was put back must not stop the samples until it is there again. */
    if (now >= conf->runtime->sampled && now - conf->runtime->sampled < interval - SLACK)
        return DECLINED;
    conf->runtime->sampled = now;
    check_admission(main, conf);
    unlogged = tc_admission_unlogged(conf->runtime->admission);
    if (unlogged)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, main,
                     "TC0042: %u more requests for conversions were refused since the last "
                     "line with TC0018",
                     unlogged);
    if (apr_pool_create(&scratch, pool) == APR_SUCCESS) {
        add_sample(conf, scratch);
        apr_pool_destroy(scratch);
    }
    return OK;
}

int tc_monitor_start(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main)
{
    tc_server_conf *conf = conf_of(main);
    retained *kept;
    apr_status_t status;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    kept = ap_retained_data_get(RETAINED);
    if (!kept)
        kept = ap_retained_data_create(RETAINED, sizeof *kept);
    status = acquire_counters(&kept->counters, conf, main);
    if (status == APR_SUCCESS)
        status = acquire_history(&kept->history, conf, main);
    if (status == APR_SUCCESS)
        status = acquire_admission(&kept->admission, conf, main);
    if (status == APR_SUCCESS)
        status = acquire_coalesce_table(&kept->coalesce_table, conf, main);
    if (status == APR_SUCCESS)
        status = acquire_holders(kept, conf, main);
    if (status != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, status, main,
                     "TC0105: no shared memory for counters, history and admission: nothing is "
                     "counted and conversions are not limited");
        *conf->runtime = (tc_runtime){.secret = conf->runtime->secret};
        conf->temp_config.holders = NULL;
    }
    number_names(conf, pconf);
    tc_monitor_sample(ptemp, main);
    return OK;
}

void tc_monitor_child(apr_pool_t *pool, server_rec *main)
{
    (void)pool;
    tc_counters_enter(conf_of(main)->runtime->counters, getpid());
    tc_admission_begin(conf_of(main)->runtime->admission, getpid());
    tc_holders_begin(conf_of(main)->temp_config.holders, getpid());
}

void tc_monitor_child_status(server_rec *main, pid_t pid, ap_generation_t generation, int slot,
                             mpm_child_status status)
{
    (void)generation;
    (void)slot;
    /* One that only lost its slot has work to end, and gives back what it holds itself. */
    if (status == MPM_CHILD_EXITED) {
        tc_counters_leave(conf_of(main)->runtime->counters, pid);
        tc_admission_gone(conf_of(main)->runtime->admission, pid);
        tc_coalesce_table_gone(conf_of(main)->runtime->coalesce_table, pid);
        tc_holders_gone(conf_of(main)->temp_config.holders, pid);
    }
}

/* ---- what is known now, in a child ------------------------------------------------- */

/*
 * The dentries are read now, in 5 microseconds; the rest, which costs a hundred
 * times that or is root's to read, is the parent's last sample. Where that is
 * missing or stale, this process reads what it may.
 */
static void read_host(tc_snapshot *snapshot, const tc_server_conf *conf)
{
    tc_host *host = &snapshot->host;
    int64_t patience = 3 * (conf->history_interval > 10 ? conf->history_interval : 10);

    if (!conf->runtime->history || !tc_history_host(conf->runtime->history, host) ||
        snapshot->now - host->taken > patience || host->taken > snapshot->now + patience) {
        tc_host_read(host, NULL);
        snapshot->slab_taken = host->taken;
        return;
    }
    snapshot->slab_taken = host->taken;
    tc_dentry_read(&host->dentry, NULL);
}

static void read_samples(tc_snapshot *snapshot, apr_pool_t *pool, const tc_server_conf *conf,
                         int64_t seconds)
{
    unsigned room, interval = conf->history_interval;
    tc_sample *sample;
    double used[TC_TEMP_SLOTS];

    if (!conf->runtime->history || interval == 0)
        return;
    room = (unsigned)(seconds / interval) + 2;
    if (room > conf->runtime->history->samples)
        room = conf->runtime->history->samples;
    sample = apr_palloc(pool, (room + 1) * sizeof *sample);
    snapshot->samples =
        tc_history_read(conf->runtime->history, snapshot->now - seconds, sample, room);
    /* The clock was put back since. */
    while (snapshot->samples > 0 && sample[snapshot->samples - 1].time > snapshot->now)
        snapshot->samples--;
    /* One more, of now, so that a chart does not end before what the tables tell. */
    used_shares(used, snapshot->temp_dir, snapshot->temp_dirs, snapshot->counts);
    tc_history_now(&sample[snapshot->samples++], snapshot->now * 1000000, &snapshot->host,
                   snapshot->counts, used);
    snapshot->sample = sample;
}

tc_snapshot *tc_monitor_snapshot(apr_pool_t *pool, const server_rec *server, int64_t seconds)
{
    const tc_server_conf *conf = conf_of(server);
    tc_snapshot *snapshot = apr_pcalloc(pool, sizeof *snapshot);
    tc_counter_snapshot *counts = apr_palloc(pool, sizeof *counts);

    tc_counters_read(conf->runtime->counters, counts);
    snapshot->now = apr_time_sec(apr_time_now());
    snapshot->started = apr_time_sec(ap_scoreboard_image->global->restart_time);
    snapshot->server = ap_get_server_banner();
    snapshot->name = server->server_hostname ? server->server_hostname : "";
    snapshot->version = TC_VERSION;
    snapshot->codecs = tc_config_versions(server);
    snapshot->mpm = ap_show_mpm();
    snapshot->method = conf->temp_config.method;
    snapshot->counts = counts;
    tc_admission_read(conf->runtime->admission, &snapshot->admitted);
    snapshot->bounds = conf->admission_limits;
    snapshot->converters = conf->converters.count;
    snapshot->converters_missing = tc_areas_hear(&conf->converters.ends.areas) != TC_STAFF_ALL;
    snapshot->temp_memory = snapshot->admitted.temp;
    snapshot->temp_memory_bound =
        conf->runtime->admission ? conf->temp_config.memory : TC_UNLIMITED;
    snapshot->client_largest = tc_holders_largest(conf->temp_config.holders);
    snapshot->client_bound =
        conf->temp_config.holders ? conf->temp_config.per_client : TC_UNLIMITED;
    snapshot->interval = conf->history_interval;
    read_host(snapshot, conf);
    snapshot->temp_dirs =
        read_temp_dirs(snapshot->temp_dir, &conf->temp_config, &snapshot->host);
    read_samples(snapshot, pool, conf, seconds);
    return snapshot;
}
