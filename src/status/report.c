/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "image/codec/codec.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include <math.h>
#include <string.h>

const char *tc_section_name(tc_section section)
{
    static const char *const names[] = {
#define X(id, name, title) name,
        TC_SECTIONS(X)
#undef X
    };

    return section < TC_SECTION_COUNT ? names[section] : "";
}

const char *tc_section_title(tc_section section)
{
    static const char *const titles[] = {
#define X(id, name, title) title,
        TC_SECTIONS(X)
#undef X
    };

    return section < TC_SECTION_COUNT ? titles[section] : "";
}

/* ---- families ----------------------------------------------------------------- */

#define COUNTED(row) (&counted[ROW_##row])

/* The counters' and gauges' own rows. */
enum {
#define X(id, dimension, unit, section, name, title, help) ROW_##id,
    TC_COUNTERS(X) TC_GAUGES(X)
#undef X
        ROWS
};

static const char *const labels[][TC_LABELS] = {
#define X(name, slots, first, second) {first, second},
    TC_DIMENSIONS(X)
#undef X
};

static const struct {
    tc_family family;
    tc_dimension dimension;
    bool gauge;
    unsigned slot, slots;
} rows[ROWS] = {
#define X(id, dim, unit_, section_, name_, title_, help_) \
    {{.section = TC_SECTION_##section_,                   \
      .kind = TC_METRIC_COUNTER,                          \
      .unit = TC_UNIT_##unit_,                            \
      .name = name_,                                      \
      .title = title_,                                    \
      .help = help_},                                     \
     TC_DIM_##dim,                                        \
     false,                                               \
     TC_AT_##id,                                          \
     TC_SLOTS_##dim},
    TC_COUNTERS(X)
#undef X
#define X(id, dim, unit_, section_, name_, title_, help_) \
    {{.section = TC_SECTION_##section_,                   \
      .kind = TC_METRIC_GAUGE,                            \
      .unit = TC_UNIT_##unit_,                            \
      .name = name_,                                      \
      .title = title_,                                    \
      .help = help_},                                     \
     TC_DIM_##dim,                                        \
     true,                                                \
     TC_NOW_##id,                                         \
     TC_SLOTS_##dim},
        TC_GAUGES(X)
#undef X
};

/* Where a row's label stands, two of them. */
#define FORMAT_LABELS "format", "direction"

/* X(id, section, kind, unit, name, title, help, label): all the other families. */
#define FAMILIES(X)                                                                            \
    X(DENTRIES, DENTRIES, GAUGE, NONE, "host_dentries", "Dentries",                            \
      "Dentries the kernel holds, of the whole host", NULL)                                    \
    X(UNUSED, DENTRIES, GAUGE, NONE, "host_dentries_unused", "... unused",                     \
      "Dentries that nothing refers to", NULL)                                                 \
    X(NEGATIVE, DENTRIES, GAUGE, NONE, "host_dentries_negative", "... negative",               \
      "Unused dentries of names that do not exist: each removed file or missed lookup may "    \
      "leave one",                                                                             \
      NULL)                                                                                    \
    X(DENTRY_BYTES, DENTRIES, GAUGE, BYTES, "host_dentry_slab_bytes", "Dentry slab",           \
      "Bytes of kernel memory that the dentry cache takes", NULL)                              \
    X(DENTRY_SHARE, DENTRIES, GAUGE, RATIO, "host_dentry_slab_ratio", "... of the memory",     \
      "The dentry slab's share of the host's memory", NULL)                                    \
    X(DENTRY_GROWTH, DENTRIES, GAUGE, BYTES, "host_dentry_slab_growth_bytes_per_second",       \
      "... growth a second",                                                                   \
      "Bytes a second by which the dentry slab grew over the last ten minutes", NULL)          \
    X(DENTRY_OBJECTS, DENTRIES, GAUGE, NONE, "host_dentry_slab_objects", "Objects, room for",  \
      "Dentries that the slab has room for", NULL)                                             \
    X(DENTRY_ACTIVE, DENTRIES, GAUGE, NONE, "host_dentry_slab_active_objects",                 \
      "Objects in use", "Dentries in use as the slab counts them", NULL)                       \
    X(SLAB_READABLE, DENTRIES, GAUGE, NONE, "host_slabinfo_readable", "slabinfo readable",     \
      "1 when the slab's figures are read, 0 when they are estimates", NULL)                   \
    X(SLAB_TAKEN, DENTRIES, TIME, NONE, "host_slab_sample_timestamp_seconds", "Slab read at",  \
      "When the slab's figures were read", NULL)                                               \
    X(LEFT, DENTRIES, COUNTER, NONE, "temp_dentries_left", "Left by this server's files",      \
      "Negative dentries that this server's temporary files have left, by its own count",      \
      NULL)                                                                                    \
    X(SYSCTL, DENTRIES, GAUGE, NONE, "host_knob", "Value",                                     \
      "Kernel settings that concern dentries, where this kernel has them", "knob")             \
    X(CACHE_BYTES, SLAB, GAUGE, BYTES, "host_slab_bytes", "Size",                              \
      "Bytes that a slab cache takes", "cache")                                                \
    X(CACHE_OBJECTS, SLAB, GAUGE, NONE, "host_slab_objects", "Objects",                        \
      "Objects that a slab cache has room for", "cache")                                       \
    X(CACHE_ACTIVE, SLAB, GAUGE, NONE, "host_slab_active_objects", "Active",                   \
      "Objects in use of a slab cache", "cache")                                               \
    X(CACHE_USE, SLAB, GAUGE, RATIO, "host_slab_use_ratio", "Use",                             \
      "Share of a slab cache's objects that are in use", "cache")                              \
    X(CACHE_SIZE, SLAB, GAUGE, BYTES, "host_slab_object_bytes", "Object",                      \
      "Bytes of one object of a slab cache", "cache")                                          \
    X(CACHE_SLABS, SLAB, GAUGE, NONE, "host_slab_slabs", "Slabs", "Slabs of a slab cache",     \
      "cache")                                                                                 \
    X(CACHE_PER_SLAB, SLAB, GAUGE, NONE, "host_slab_objects_per_slab", "Objects a slab",       \
      "Objects in one slab of a slab cache", "cache")                                          \
    X(MEMORY, MEMORY, GAUGE, BYTES, "host_memory_bytes", "Bytes",                              \
      "The host's memory, from /proc/meminfo", "kind")                                         \
    X(SWAPPED_IN, MEMORY, COUNTER, BYTES, "host_swapped_in_bytes", "Swapped in since boot",    \
      "Bytes read back from swap since the host started", NULL)                                \
    X(SWAPPED_OUT, MEMORY, COUNTER, BYTES, "host_swapped_out_bytes", "Swapped out since boot", \
      "Bytes written to swap since the host started", NULL)                                    \
    X(CGROUP_VERSION, MEMORY, GAUGE, NONE, "cgroup_version", "Memory cgroup, version",         \
      "Version of the memory cgroup this server is in", NULL)                                  \
    X(CGROUP_LIMIT, MEMORY, GAUGE, BYTES, "cgroup_limit_bytes", "... limit",                   \
      "Bytes this server's memory cgroup may have", NULL)                                      \
    X(CGROUP_USAGE, MEMORY, GAUGE, BYTES, "cgroup_usage_bytes", "... usage",                   \
      "Bytes charged to this server's memory cgroup", NULL)                                    \
    X(CGROUP_KERNEL, MEMORY, GAUGE, BYTES, "cgroup_kernel_bytes", "... kernel memory",         \
      "Kernel memory charged to this server's memory cgroup, dentries among it", NULL)         \
    X(CGROUP_SLAB, MEMORY, GAUGE, BYTES, "cgroup_slab_reclaimable_bytes",                      \
      "... reclaimable slab", "Reclaimable slab charged to this server's memory cgroup", NULL) \
    X(METHOD, TEMP, TEXT, NONE, "temp_method", "Method", "How temporary files are made", NULL) \
    X(TEMP_MEMORY, TEMP, GAUGE, BYTES, "temp_memory_bytes", "In memory",                       \
      "Bytes of temporary files in memory: memfd and tmpfs", NULL)                             \
    X(TEMP_BOUND, TEMP, GAUGE, BYTES, "temp_memory_limit_bytes", "... at most",                \
      "Bytes that temporary files in memory may have, by TmpfsConvertTempMemory", NULL)        \
    X(CLIENT, TEMP, GAUGE, BYTES, "temp_client_bytes", "Largest client's",                     \
      "Bytes of temporary data, in memory and in files, of the client that holds most", NULL)  \
    X(CLIENT_BOUND, TEMP, GAUGE, BYTES, "temp_client_limit_bytes", "... at most",              \
      "Bytes of temporary data that a client may have, by TmpfsConvertTempPerClient", NULL)    \
    X(TEMP_DIR_FS, TEMP, TEXT, NONE, "temp_fs", "File system",                                 \
      "The kind of file system of a temporary directory", "dir")                               \
    X(TEMP_DIR_TOTAL, TEMP, GAUGE, BYTES, "temp_fs_size_bytes", "Size",                        \
      "Bytes of the file system of a temporary directory", "dir")                              \
    X(TEMP_DIR_FREE, TEMP, GAUGE, BYTES, "temp_fs_available_bytes", "Available",               \
      "Bytes available in a temporary directory", "dir")                                       \
    X(TEMP_DIR_RESERVE, TEMP, GAUGE, BYTES, "temp_fs_reserve_bytes", "Kept free",              \
      "Bytes kept free in the file system of a temporary directory", "dir")                    \
    X(TEMP_DIR_INODES, TEMP, GAUGE, NONE, "temp_fs_inodes_available", "Inodes",                \
      "Files that can still be made in a temporary directory", "dir")                          \
    X(EXPECTED, TRAFFIC, GAUGE, SECONDS, "conversions_expected_wait_seconds", "Expected wait", \
      "Expected time until all running and waiting conversions have ended", NULL)              \
    X(OLDEST, TRAFFIC, GAUGE, SECONDS, "conversions_oldest_wait_seconds", "Longest wait now",  \
      "Time that the request at the head of the queue has waited", NULL)                       \
    X(WORKERS, TRAFFIC, GAUGE, NONE, "conversions_workers_held", "Workers they hold",          \
      "Workers of httpd that running and waiting conversions hold", NULL)                      \
    X(REFUSED, TRAFFIC, GAUGE, NONE, "conversions_refused_recently", "Refused lately",         \
      "Conversions refused in the last ten minutes because no slot was free", NULL)            \
    X(STAGE, LATENCY, HISTOGRAM, SECONDS, "conversion_duration_seconds", "Duration",           \
      "Time that the stages of conversions took", "stage")                                     \
    X(FORMAT_BUILT, FORMATS, GAUGE, NONE, "format_built", "Built in",                          \
      "1 when a format is built in, read (in) or written (out), else 0", FORMAT_LABELS)        \
    X(FORMAT_LIBRARY, FORMATS, TEXT, NONE, "format_library", "Library",                        \
      "The library that reads and writes a format", "format")                                  \
    X(VERSION, SERVER, TEXT, NONE, "version", "mod_tmpfs_convert", "The module's version",     \
      NULL)                                                                                    \
    X(HTTPD, SERVER, TEXT, NONE, "httpd", "httpd", "httpd's own description", NULL)            \
    X(MPM, SERVER, TEXT, NONE, "mpm", "MPM", "httpd's multi-processing module", NULL)          \
    X(CODECS, SERVER, TEXT, NONE, "codecs", "Codecs",                                          \
      "The libraries that read and write pictures", NULL)                                      \
    X(STARTED, SERVER, TIME, NONE, "start_time_seconds", "Started",                            \
      "When the server started or was last restarted", NULL)                                   \
    X(SINCE, SERVER, TIME, NONE, "counting_since_timestamp_seconds", "Counts since",           \
      "When the counters were zero; restarts do not change it", NULL)                          \
    X(NOW, SERVER, TIME, NONE, "report_timestamp_seconds", "Now",                              \
      "When these figures were read", NULL)                                                    \
    X(INTERVAL, SERVER, GAUGE, SECONDS, "history_interval_seconds", "Samples every",           \
      "Seconds between samples; 0 when none are taken", NULL)                                  \
    X(SAMPLES, SERVER, GAUGE, NONE, "history_samples", "Samples shown", "Samples shown here",  \
      NULL)

enum {
#define X(id, ...) FAMILY_##id,
    FAMILIES(X)
#undef X
};

static const tc_family families[] = {
#define X(id, section, kind, unit, name, title, help, ...) \
    {TC_SECTION_##section,                                 \
     TC_METRIC_##kind,                                     \
     TC_UNIT_##unit,                                       \
     name,                                                 \
     title,                                                \
     help,                                                 \
     {__VA_ARGS__},                                        \
     TC_SECTION_##section == TC_SECTION_SLAB},
    FAMILIES(X)
#undef X
};

#define FAMILY(id) (&families[FAMILY_##id])

/* ---- points ------------------------------------------------------------------- */

typedef struct maker {
    apr_pool_t *pool;
    apr_array_header_t *points;
    const tc_snapshot *snapshot;
} maker;

static tc_point *put(maker *to, const tc_family *family, const char *first, const char *second)
{
    tc_point *point = apr_array_push(to->points);

    memset(point, 0, sizeof *point);
    point->family = family;
    point->label[0] = first;
    point->label[1] = second;
    point->whole = true;
    return point;
}

static tc_point *put_reading(maker *to, const tc_family *family, const char *first,
                             tc_reading reading)
{
    tc_point *point = put(to, family, first, NULL);

    point->error = reading.error;
    point->count = reading.value;
    return point;
}

static tc_point *put_count(maker *to, const tc_family *family, const char *first,
                           uint64_t count)
{
    return put_reading(to, family, first, tc_reading_of(count));
}

static void put_real(maker *to, const tc_family *family, const char *first, double real)
{
    tc_point *point = put(to, family, first, NULL);

    point->whole = false;
    point->real = real;
    if (isnan(real))
        point->error = ENODATA;
}

static void put_text(maker *to, const tc_family *family, const char *first, const char *text)
{
    put(to, family, first, NULL)->text = text ? text : "";
}

static void put_dentries(maker *to)
{
    const tc_snapshot *snapshot = to->snapshot;
    const tc_host *host = &snapshot->host;
    bool estimated;
    tc_reading bytes = tc_host_dentry_bytes(host, &estimated);
    double growth = tc_snapshot_growth(snapshot, 600);
    int slab = host->slab.error;
    bool both = !bytes.error && !host->memory.total.error && host->memory.total.value;

    put_reading(to, FAMILY(DENTRIES), NULL, host->dentry.dentries);
    put_reading(to, FAMILY(UNUSED), NULL, host->dentry.unused);
    put_reading(to, FAMILY(NEGATIVE), NULL, host->dentry.negative);
    put_reading(to, FAMILY(DENTRY_BYTES), NULL, bytes)->estimated = estimated;
    put_real(to, FAMILY(DENTRY_SHARE), NULL,
             both ? (double)bytes.value / (double)host->memory.total.value : NAN);
    if (!isnan(growth))
        put_real(to, FAMILY(DENTRY_GROWTH), NULL, growth);
    put_reading(to, FAMILY(DENTRY_OBJECTS), NULL,
                (tc_reading){slab, host->slab.dentry.objects});
    put_reading(to, FAMILY(DENTRY_ACTIVE), NULL, (tc_reading){slab, host->slab.dentry.active});
    put_count(to, FAMILY(SLAB_READABLE), NULL, slab == 0);
    put_reading(to, FAMILY(SLAB_TAKEN), NULL,
                (tc_reading){slab, (uint64_t)snapshot->slab_taken});
    put_count(to, FAMILY(LEFT), NULL, tc_snapshot_left(snapshot));
    /* Most of them only ever were in one distribution's kernels. */
#define X(field, path, title)                \
    if (host->sysctls.field.error != ENOENT) \
        put_reading(to, FAMILY(SYSCTL), title, host->sysctls.field);
    TC_DENTRY_SYSCTLS(X)
#undef X
}

static const tc_slab_cache *cache_at(const tc_slab *slab, unsigned at)
{
    return at ? &slab->other[at - 1] : &slab->dentry;
}

/* Names that slabinfo cut short may repeat; a row is one name's, the larger cache's. */
static bool is_repeated(const tc_slab *slab, unsigned at)
{
    for (unsigned before = 0; before < at; before++) {
        if (strcmp(cache_at(slab, before)->name, cache_at(slab, at)->name) == 0)
            return true;
    }
    return false;
}

static void put_slab(maker *to)
{
    const tc_slab *slab = &to->snapshot->host.slab;
    unsigned caches = slab->error ? 0 : 1 + (slab->others_error ? 0 : slab->others);

#define COLUMN(id, put_value, value)                       \
    for (unsigned at = 0; at < caches; at++) {             \
        const tc_slab_cache *cache = cache_at(slab, at);   \
        if (!is_repeated(slab, at))                        \
            put_value(to, FAMILY(id), cache->name, value); \
    }
    COLUMN(CACHE_BYTES, put_count, cache->bytes)
    COLUMN(CACHE_OBJECTS, put_count, cache->objects)
    COLUMN(CACHE_ACTIVE, put_count, cache->active)
    COLUMN(CACHE_USE, put_real,
           cache->objects ? (double)cache->active / (double)cache->objects : NAN)
    COLUMN(CACHE_SIZE, put_count, cache->object_bytes)
    COLUMN(CACHE_SLABS, put_count, cache->slabs)
    COLUMN(CACHE_PER_SLAB, put_count, cache->objects_per_slab)
#undef COLUMN
}

static void put_memory(maker *to)
{
    const tc_memory *memory = &to->snapshot->host.memory;
    const tc_cgroup *cgroup = &to->snapshot->host.cgroup;
    int error = cgroup->error;

#define X(field, key, title) put_reading(to, FAMILY(MEMORY), #field, memory->field);
    TC_MEMORY_FIELDS(X)
#undef X
    put_reading(to, FAMILY(SWAPPED_IN), NULL, memory->swapped_in);
    put_reading(to, FAMILY(SWAPPED_OUT), NULL, memory->swapped_out);
    put_reading(to, FAMILY(CGROUP_VERSION), NULL,
                (tc_reading){error, (uint64_t)cgroup->version});
    if (error)
        return; /* one reason is enough */
    put_reading(to, FAMILY(CGROUP_LIMIT), NULL, cgroup->limit);
    put_reading(to, FAMILY(CGROUP_USAGE), NULL, cgroup->usage);
    put_reading(to, FAMILY(CGROUP_KERNEL), NULL, cgroup->kernel);
    put_reading(to, FAMILY(CGROUP_SLAB), NULL, cgroup->slab_reclaimable);
}

/* The name of a counter's slot; NULL for one that is not to be shown. */
static const char *slot_label(const maker *to, tc_dimension dimension, unsigned at)
{
    static const char *const classes[TC_STATUSES] = {NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
    const tc_counter_snapshot *counts = to->snapshot->counts;

    switch (dimension) {
    case TC_DIM_STATUS:
        return at < TC_STATUSES ? classes[at] : NULL;
    case TC_DIM_PATTERN:
        return at >= counts->patterns ? NULL : at == 0 ? "" : counts->pattern[at];
    case TC_DIM_ERROR:
        return at == TC_E_OK ? NULL : tc_error_name((tc_error)at);
    case TC_DIM_TEMP_DIR:
        return at < counts->temp_dirs ? counts->temp_dir[at].path : NULL;
    case TC_DIM_FORMATS:
        return tc_format_name((tc_format)(at / TC_FORMATS));
    default:
        return NULL;
    }
}

/* Formats that cannot come are left out while they have not. */
static bool is_shown(tc_dimension dimension, unsigned at, uint64_t value)
{
    return value || dimension != TC_DIM_FORMATS ||
           (tc_codec_find((tc_format)(at / TC_FORMATS)) &&
            tc_codec_find((tc_format)(at % TC_FORMATS)));
}

static void put_row(maker *to, unsigned row)
{
    const tc_counter_snapshot *counts = to->snapshot->counts;
    const uint64_t *from = rows[row].gauge ? counts->gauge : counts->counter;
    tc_dimension dimension = rows[row].dimension;
    tc_family *family = apr_pmemdup(to->pool, &rows[row].family, sizeof *family);

    memcpy(family->label, labels[dimension], sizeof family->label);
    for (unsigned at = 0; at < rows[row].slots; at++) {
        uint64_t value = from[rows[row].slot + at];
        const char *first = slot_label(to, dimension, at);

        if ((dimension != TC_DIM_ONE && !first) || !is_shown(dimension, at, value))
            continue;
        put_count(to, family, first, value);
        if (dimension == TC_DIM_FORMATS)
            APR_ARRAY_IDX(to->points, to->points->nelts - 1, tc_point).label[1] =
                tc_format_name((tc_format)(at % TC_FORMATS));
    }
}

static void put_rows(maker *to, tc_section section)
{
    for (unsigned row = 0; row < ROWS; row++) {
        if (rows[row].family.section == section)
            put_row(to, row);
    }
}

static void put_temp_dirs(maker *to)
{
    const tc_snapshot *snapshot = to->snapshot;

    put_text(to, FAMILY(METHOD), NULL, tc_temp_method_name(snapshot->method));
    put_count(to, FAMILY(TEMP_MEMORY), NULL, snapshot->temp_memory);
    put_count(to, FAMILY(TEMP_BOUND), NULL, snapshot->temp_memory_bound);
    put_count(to, FAMILY(CLIENT), NULL, snapshot->client_largest);
    put_count(to, FAMILY(CLIENT_BOUND), NULL, snapshot->client_bound);
#define COLUMN(id, put_value, value)                                    \
    for (unsigned at = 0; at < snapshot->temp_dirs; at++) {             \
        const tc_snapshot_temp_dir *temp_dir = &snapshot->temp_dir[at]; \
        put_value(to, FAMILY(id), temp_dir->path, value);               \
    }
    COLUMN(TEMP_DIR_FS, put_text, temp_dir->fs.name)
    COLUMN(TEMP_DIR_TOTAL, put_reading, temp_dir->total)
    COLUMN(TEMP_DIR_FREE, put_reading, temp_dir->available)
    COLUMN(TEMP_DIR_RESERVE, put_count, temp_dir->reserve)
#undef COLUMN
    for (unsigned at = 0; at < snapshot->temp_dirs; at++) {
        if (snapshot->temp_dir[at].number) /* a memfd takes none */
            put_reading(to, FAMILY(TEMP_DIR_INODES), snapshot->temp_dir[at].path,
                        snapshot->temp_dir[at].inodes_free);
    }
    put_rows(to, TC_SECTION_TEMP);
}

static void put_queue(maker *to)
{
    const tc_admission_now *now = &to->snapshot->admitted;
    uint32_t active = to->snapshot->bounds.active;

    put_real(to, FAMILY(EXPECTED), NULL, (double)now->ahead_us / 1e6 / (active ? active : 1));
    put_real(to, FAMILY(OLDEST), NULL, (double)now->oldest_us / 1e6);
    put_count(to, FAMILY(WORKERS), NULL, now->held);
    put_count(to, FAMILY(REFUSED), NULL, now->lately.refused);
}

static void put_latency(maker *to)
{
    static const char *const stages[] = {
#define X(id, name, title) name,
        TC_STAGES(X)
#undef X
    };

    for (unsigned stage = 0; stage < TC_STAGE_COUNT; stage++)
        put(to, FAMILY(STAGE), stages[stage], NULL)->histogram =
            &to->snapshot->counts->stage[stage];
}

/* Every format a URL may name, and what this build can do with it. */
static void put_formats(maker *to)
{
    for (unsigned at = TC_FORMAT_NONE + 1; at < TC_FORMATS; at++) {
        const tc_codec *codec = tc_codec_find((tc_format)at);
        const char *name = tc_format_name((tc_format)at);

        put(to, FAMILY(FORMAT_BUILT), name, "in")->count = codec && codec->decode_open;
        put(to, FAMILY(FORMAT_BUILT), name, "out")->count = codec && codec->encode_open;
    }
    for (unsigned at = TC_FORMAT_NONE + 1; at < TC_FORMATS; at++) {
        const tc_codec *codec = tc_codec_find((tc_format)at);
        char *library = apr_palloc(to->pool, TC_VERSIONS_MAX);

        if (codec)
            codec->library(library, TC_VERSIONS_MAX);
        put_text(to, FAMILY(FORMAT_LIBRARY), tc_format_name((tc_format)at),
                 codec ? library : "not built in");
    }
}

static void put_server(maker *to)
{
    const tc_snapshot *snapshot = to->snapshot;

    put_text(to, FAMILY(VERSION), NULL, snapshot->version);
    put_text(to, FAMILY(HTTPD), NULL, snapshot->server);
    put_text(to, FAMILY(MPM), NULL, snapshot->mpm);
    put_text(to, FAMILY(CODECS), NULL, snapshot->codecs);
    put_count(to, FAMILY(STARTED), NULL, (uint64_t)snapshot->started);
    put_count(to, FAMILY(SINCE), NULL, (uint64_t)snapshot->counts->since);
    put_count(to, FAMILY(NOW), NULL, (uint64_t)snapshot->now);
    put_count(to, FAMILY(INTERVAL), NULL, snapshot->interval);
    put_count(to, FAMILY(SAMPLES), NULL, snapshot->samples);
}

tc_report *tc_report_make(apr_pool_t *pool, const tc_snapshot *snapshot)
{
    tc_report *report = apr_pcalloc(pool, sizeof *report);
    maker to = {pool, apr_array_make(pool, 320, sizeof(tc_point)), snapshot};

    report->pool = pool;
    report->snapshot = snapshot;
    tc_diagnose(&report->diagnosis, snapshot);
    put_dentries(&to);
    put_slab(&to);
    put_memory(&to);
    put_temp_dirs(&to);
    put_rows(&to, TC_SECTION_CONVERSIONS);
    put_latency(&to);
    put_rows(&to, TC_SECTION_TRAFFIC);
    put_queue(&to);
    put_rows(&to, TC_SECTION_PATTERNS);
    put_rows(&to, TC_SECTION_ERRORS);
    put_formats(&to);
    put_server(&to);
    report->points = (unsigned)to.points->nelts;
    report->point = (const tc_point *)to.points->elts;
    return report;
}

/* ---- tables ------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool tc_point_same_row(const tc_point *a, const tc_point *b)
{
    for (unsigned at = 0; at < TC_LABELS; at++) {
        if (!same_text(a->label[at], b->label[at]))
            return false;
    }
    return true;
}

unsigned tc_report_run(const tc_report *report, unsigned first)
{
    const tc_family *family = report->point[first].family;
    unsigned at = first + 1;

    for (; at < report->points; at++) {
        const tc_family *next = report->point[at].family;
        if (next->section != family->section || !same_text(next->label[0], family->label[0]) ||
            !same_text(next->label[1], family->label[1]))
            break;
    }
    return at;
}
