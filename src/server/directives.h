/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row a directive. From the rows come the struct's fields, their creation,
 * merging and defaults, and the command table; a row's help is what `httpd -L`
 * prints. Add a directive: one row here, one line in conf/tmpfs_convert.conf.
 *
 * TC_NUMBERS: X(field, kind, name, least, most, default, help)
 *     a number for a request, in server config, virtual host and directory;
 *     kind is SWITCH, BYTES (with K, M or G behind), COUNT, SECONDS (or with s, mi or h
 *     behind), or WORD: one of those that the help begins with, split by '|', which stand
 *     for 0, 1 and so on.
 * TC_OTHERS:  X(name, arguments, setter, context, help)
 *     directives whose value is not a single number.
 */
#ifndef TC_DIRECTIVES_H
#define TC_DIRECTIVES_H

#define TC_KIB INT64_C(1024)
#define TC_MIB (1024 * TC_KIB)
#define TC_GIB (1024 * TC_MIB)

#define TC_NUMBERS(X)                                                                        \
    X(enabled, SWITCH, "TmpfsConvert", 0, 1, 0,                                              \
      "On: the URL function /small_light(PARAMETERS)/path resizes the picture at /path")     \
    X(query, SWITCH, "TmpfsConvertQuery", 0, 1, 0,                                           \
      "On: parameters are taken from the query string, as in /img/cat.jpg?dw=300")           \
    X(spool_memory, BYTES, "TmpfsConvertSpoolMemory", 0, TC_GIB, 512 * TC_KIB,               \
      "bytes of a result kept in memory; what is over goes to a temporary file")             \
    X(max_source, BYTES, "TmpfsConvertMaxSource", 1, 16 * TC_GIB, 64 * TC_MIB,               \
      "bytes a source file may have; larger ones are answered 413")                          \
    X(max_pixels, COUNT, "TmpfsConvertMaxPixels", 1, INT64_C(4000000000), 100000000,         \
      "pixels a source picture may have; larger ones are answered 413")                      \
    X(max_output_pixels, COUNT, "TmpfsConvertMaxOutputPixels", 1, INT64_C(4000000000),       \
      16000000, "pixels an answer may have; larger ones are answered 413")                   \
    X(max_memory, BYTES, "TmpfsConvertMaxMemory", 0, 1024 * TC_GIB, TC_MAX_MEMORY,           \
      "bytes one conversion may be planned to take, or 413; 0: no bound")                    \
    X(max_cost, SECONDS, "TmpfsConvertMaxCost", 0, 86400, 3,                                 \
      "seconds of one processor that one conversion may take, or 413; 0: no bound")          \
    X(pattern_only, SWITCH, "TmpfsConvertPatternOnly", 0, 1, 0,                              \
      "On: URLs may name a pattern and nothing else that changes the picture")               \
    X(pattern_query, SWITCH, "TmpfsConvertPatternQuery", 0, 1, 0,                            \
      "On: with PatternOnly a query for an original that another handler makes is allowed")  \
    X(coalesce, SWITCH, "TmpfsConvertOnce", 0, 1, 0,                                         \
      "On: of requests at once for one URL one converts, the others take it from mod_cache") \
    X(timeout, SECONDS, "TmpfsConvertTimeout", 0, 86400, 30,                                 \
      "seconds that one conversion may take, or 503; 0: no bound")                           \
    X(fetch_timeout, SECONDS, "TmpfsConvertFetchTimeout", 0, 86400, 60,                      \
      "seconds in which an original from another server or program must have come, or "      \
      "504; 0: no bound")                                                                    \
    X(radius_max, COUNT, "TmpfsConvertRadiusMax", 1, 1000, 10,                               \
      "pixels that the radius of sharpen, unsharp and blur may have; over it: 400")          \
    X(sigma_max, COUNT, "TmpfsConvertSigmaMax", 1, 1000, 10,                                 \
      "pixels that the sigma of sharpen, unsharp and blur may have; over it: 400")           \
    X(compat, WORD, "TmpfsConvertCompat", 0, 1, 0,                                           \
      "fixed|strict: parameters mean what they say, or what mod_small_light and "            \
      "ngx_small_light make of them")                                                        \
    X(damaged, WORD, "TmpfsConvertDamaged", 0, 1, 0,                                         \
      "refuse|serve: damaged pictures are answered 422, or with what can be decoded "        \
      "where that is half of them or more")                                                  \
    X(keep_copyright, SWITCH, "TmpfsConvertKeepCopyright", 0, 1, 0,                          \
      "On: the artist and copyright that a picture's EXIF names stay in the answer")

#define TC_OTHERS(X)                                                                         \
    X("TmpfsConvertMaxOutput", AP_INIT_TAKE1, set_max_output, RSRC_CONF | ACCESS_CONF,       \
      "WIDTHxHEIGHT in pixels that an answer may have; larger ones are answered 413")        \
    X("TmpfsConvertDefaults", AP_INIT_TAKE1, set_defaults, RSRC_CONF | ACCESS_CONF,          \
      "parameters that hold where a URL and its pattern name none, such as dw=800,q=75")     \
    X("TmpfsConvertPattern", AP_INIT_TAKE2, set_pattern, RSRC_CONF | ACCESS_CONF,            \
      "a name and the parameters that p=NAME in a URL stands for")                           \
    X("SmallLightPatternDefine", AP_INIT_TAKE2, set_pattern, RSRC_CONF | ACCESS_CONF,        \
      "mod_small_light's word for TmpfsConvertPattern")                                      \
    X("TmpfsConvertMaterialDir", AP_INIT_TAKE1, set_material_dir, RSRC_CONF | ACCESS_CONF,   \
      "the directory whose pictures embedicon=NAME may lay over an answer, or none")         \
    X("TmpfsConvertRedirectPrefix", AP_INIT_TAKE1, set_redirect_prefix,                      \
      RSRC_CONF | ACCESS_CONF,                                                               \
      "put before the path of a redirect that a converted original answers; %s is the "      \
      "function as it was called")                                                           \
    X("TmpfsConvertSecretFile", AP_INIT_TAKE1, set_secret_file, RSRC_CONF | ACCESS_CONF,     \
      "a file of keys, one a line, under one of which URLs must be signed, or none")         \
    X("TmpfsConvertTempDir", AP_INIT_ITERATE, set_temp_dir, RSRC_CONF,                       \
      "directories for temporary files, tried in this order while they have room")           \
    X("TmpfsConvertTempMethod", AP_INIT_TAKE1, set_temp_method, RSRC_CONF,                   \
      "how temporary files are made: auto, memfd, tmpfile, unlinked or named")               \
    X("TmpfsConvertTempReserve", AP_INIT_TAKE1, set_temp_reserve, RSRC_CONF,                 \
      "bytes, or percent with %, to be left free in each temporary directory's file system") \
    X("TmpfsConvertTempMemory", AP_INIT_TAKE1, set_temp_memory, RSRC_CONF,                   \
      "bytes, or percent with %, that all temporary files in memory may have, or off")       \
    X("TmpfsConvertTempPerClient", AP_INIT_TAKE1, set_temp_per_client, RSRC_CONF,            \
      "bytes, or percent with %, of temporary data that one client may have, or off")        \
    X("TmpfsConvertMaxActive", AP_INIT_TAKE123, set_max_active, RSRC_CONF,                   \
      "conversions at once over the whole server, how many more may wait, or auto, and how " \
      "long")                                                                                \
    X("TmpfsConvertMemoryBudget", AP_INIT_TAKE1, set_memory_budget, RSRC_CONF,               \
      "memory that all conversions at once may plan for: bytes, percent of the "             \
      "memory with %, or 0 for no bound")                                                    \
    X("TmpfsConvertIsolation", AP_INIT_TAKE1, set_isolation, RSRC_CONF,                      \
      "on, off or require: pictures are converted in processes that are locked up; with "    \
      "require the server does not start where a lock is missing")                           \
    X("TmpfsConvertHistory", AP_INIT_TAKE12, set_history, RSRC_CONF,                         \
      "time between samples for /tmpstat, or off, and how many are kept")

#define TC_MAX_OUTPUT_DEFAULT  8192
#define TC_MAX_MEMORY          (256 * TC_MIB)
#define TC_RESERVE_PERCENT     1.0
#define TC_RESERVE_SHARED      10.0           /* in directories that others use too */
#define TC_PER_CLIENT_PERCENT  3.0            /* about a quarter of TC_TEMP_MEMORY_PERCENT */
#define TC_PER_CLIENT_LEAST    (128 * TC_MIB) /* a source of MaxSource, and its result */
#define TC_TEMP_MEMORY_PERCENT 12.5           /* an eighth */
#define TC_TEMP_MEMORY_BLIND   (256 * TC_MIB) /* where the memory's size cannot be read */
#define TC_BUDGET_PERCENT      25.0           /* a quarter */
#define TC_BUDGET_BLIND        (512 * TC_MIB)
#define TC_WAIT_MS             10000
#define TC_HISTORY_SECONDS     10
#define TC_HISTORY_SPAN        86400 /* seconds kept when no number is given */
#define TC_HISTORY_MOST        100000

#endif
