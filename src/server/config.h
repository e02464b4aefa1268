/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: what directives set, merged, and the readers that know the defaults. */
#ifndef TC_CONFIG_H
#define TC_CONFIG_H

#include "image/scale/geometry.h"
#include "image/params/params.h"
#include "admission/admission.h"
#include "converter/lockdown.h"
#include "converter/exchange.h"
#include "shared/coalesce_table.h"
#include "shared/history.h"
#include "temp/spool.h"

#include <httpd.h>
#include <http_config.h>

#include <apr_hash.h>
#include <apr_thread_proc.h>
#include <apr_tables.h>

#include "directives.h"
#include "loglimit.h"
#include "sign.h"

/* The hook pre_translate_name came with 2.4.49. */
#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
#error "mod_tmpfs_convert needs Apache httpd 2.4.49 or later"
#endif

#define TC_UNSET INT64_C(-1)

/* What holds for a request: server config, virtual host and directory, merged inward. */
typedef struct tc_dir_conf {
#define X(field, kind, name, least, most, preset, help) int64_t field;
    TC_NUMBERS(X)
#undef X
    uint32_t max_output_w, max_output_h; /* 0: unset */
    const tc_params *defaults;           /* NULL: unset */
    const char *material_dir;            /* NULL: unset; "": none */
    const char *redirect_prefix;         /* NULL: unset; "": none */
    const tc_secrets *secrets;           /* NULL: unset; without a key: none */
    apr_hash_t *patterns;                /* name to const tc_params *; NULL: none here */
} tc_dir_conf;

/* TmpfsConvertIsolation. */
typedef enum tc_isolation {
    TC_ISOLATION_UNSET,
    TC_ISOLATION_OFF,
    TC_ISOLATION_ON,
    TC_ISOLATION_REQUIRE
} tc_isolation;

/* The converters of a configuration: converters.c. */
typedef struct tc_converters {
    unsigned count; /* 0: none, conversions run in httpd's children */
    unsigned own;   /* of these, what children may keep: converter/own.h */
    tc_locks locks;
    tc_exchange ends;  /* the children's */
    int claims;        /* tc_own_file; -1: none */
    int areas;         /* tc_areas_make's, until a keeper has it; -1: none */
    int pool;          /* the converters' end of the pool's socket; -1: none */
    apr_proc_t keeper; /* in httpd's parent; pid 0: none */
    apr_pool_t *configuration;
} tc_converters;

/* What a running server has besides its configuration: tc_monitor_start's. */
typedef struct tc_runtime {
    /* Shared; NULL when there is no shared memory: */
    tc_counters *counters;
    tc_history *history;
    tc_admission *admission;
    tc_coalesce_table *coalesce_table;
    uint64_t secret;        /* see tc_config_secret */
    apr_time_t sampled;     /* the parent's: when it last took a sample */
    unsigned doubts;        /* the parent's: samples since admission last added up */
    tc_log_bound log_bound; /* each process' own */
} tc_runtime;

/* What holds for the whole server: set in the main server's configuration only. */
typedef struct tc_server_conf {
    apr_array_header_t *temp_dirs;     /* of const char *; empty: the default chain */
    tc_temp_config temp_config;        /* resolved by tc_startup_check, constant from then on */
    apr_array_header_t *pattern_names; /* of const char *: of all hosts and directories */
    apr_array_header_t *remarks;       /* remarks.c's, of all hosts */
    apr_hash_t *pattern_numbers;       /* name to unsigned *, its slot in the counters */
    /* What files in memory may have; resolved into `temp_config` too. */
    uint64_t temp_memory_bytes;
    double temp_memory_percent; /* of the memory, when over 0 */
    uint64_t per_client_bytes;  /* resolved into `temp_config` too */
    double per_client_percent;  /* of the memory, when over 0 */
    bool per_client_given;      /* else it is at least TC_PER_CLIENT_LEAST */
    uint64_t reserve_bytes;     /* in every directory, if reserve_given; resolved too */
    double reserve_percent;     /* of the file system's size, when over 0 */
    bool reserve_given;
    uint64_t budget_bytes;                /* 0: no bound, unless: */
    double budget_percent;                /* of the memory, when over 0 */
    const char *versions;                 /* of the codec libraries, part of every validator */
    tc_admission_limits admission_limits; /* fitted to the MPM by tc_startup_check */
    bool active_given;
    tc_isolation isolation;
    tc_converters converters;
    unsigned history_interval; /* seconds; 0: no history */
    unsigned history_samples;
    tc_runtime *runtime;  /* tc_monitor_start's; never NULL */
    bool directory_on;    /* some <Directory> or <Files> has TmpfsConvert On */
    uint64_t most_memory; /* the largest TmpfsConvertMaxMemory anywhere; UINT64_MAX: no bound */
} tc_server_conf;

extern module AP_MODULE_DECLARE_DATA tmpfs_convert_module;

extern const command_rec tc_commands[];
void *tc_dir_conf_create(apr_pool_t *pool, char *directory);
void *tc_dir_conf_merge(apr_pool_t *pool, void *outer, void *inner);
void *tc_server_conf_create(apr_pool_t *pool, server_rec *server);
void *tc_server_conf_merge(apr_pool_t *pool, void *main, void *host);

/* The values for a request, every unset one at its default. */
typedef struct tc_settings {
#define X(field, kind, name, least, most, preset, help) int64_t field;
    TC_NUMBERS(X)
#undef X
    tc_limits limits;
    const char *material_dir;    /* NULL when there is none */
    const char *redirect_prefix; /* "" when redirects stay as they are */
    const tc_secrets *secrets;   /* NULL: calls need no signature */
    bool has_defaults;           /* TmpfsConvertDefaults holds here */
} tc_settings;

/*
 * They are computed once for the request's per_dir_config, which httpd's walks and our own
 * change now and then; good for as long as the request, whatever becomes of it.
 */
const tc_settings *tc_config_settings(request_rec *r);

/* Whether TmpfsConvert is On, for less. */
bool tc_config_is_on(const request_rec *r);

/* Whether TmpfsConvert is set to Off in a configuration, and not only unset. */
bool tc_config_is_off(const ap_conf_vector_t *conf);

/* Whether some <Directory> or <Files> turns it On. */
bool tc_config_directory_on(const server_rec *server);

/*
 * Parameters for a request: the directive's defaults, over them the pattern that
 * is named, over both `own`, which is NULL when the URL has none. TC_E_PARAM when
 * the pattern is not known here. The pattern's name is left in `params`.
 */
tc_error tc_config_params(const request_rec *r, const tc_params *own, tc_params *params,
                          tc_fail *fail);

/* The slot of a pattern in the counters; 0 for "" and for names past the last slot. */
unsigned tc_config_pattern_number(const server_rec *server, const char *name);

/* Where conversions are admitted, NULL without shared memory, and how many. */
tc_admission *tc_config_admission(const server_rec *server, const tc_admission_limits **limits);

/* The versions of the codec libraries, in one line. */
const char *tc_config_versions(const server_rec *server);

/* The bound on log lines, which changes with them. */
tc_log_bound *tc_config_log_bound(const server_rec *server);

/* Memory that no conversion may be planned to take more of, whatever its place; 0: no bound. */
uint64_t tc_config_most_memory(const server_rec *server);

/* Where temporary files go. */
const tc_temp_config *tc_config_temp(const server_rec *server);

/* What makes numbers of clients hard to choose (tc_holders_client). */
uint64_t tc_config_secret(const server_rec *server);

#endif
