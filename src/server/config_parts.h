/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the configuration: setters for the table of commands, and a reader. */
#ifndef TC_CONFIG_PARTS_H
#define TC_CONFIG_PARTS_H

#include "config.h"

/* "64M": a whole number and K, M or G. */
bool tc_config_bytes(const char *text, int64_t *value);

/* Somewhere TmpfsConvertMaxMemory is set to `value`: for tc_config_most_memory. */
void note_max_memory(const server_rec *server, int64_t value);

/* Of the whole server: config_server.c. */
const char *set_temp_dir(cmd_parms *cmd, void *conf, const char *path);
const char *set_temp_method(cmd_parms *cmd, void *conf, const char *word);
const char *set_temp_reserve(cmd_parms *cmd, void *conf, const char *text);
const char *set_temp_memory(cmd_parms *cmd, void *conf, const char *text);
const char *set_temp_per_client(cmd_parms *cmd, void *conf, const char *text);
const char *set_max_active(cmd_parms *cmd, void *conf, const char *active, const char *queue,
                           const char *wait);
const char *set_memory_budget(cmd_parms *cmd, void *conf, const char *text);
const char *set_isolation(cmd_parms *cmd, void *conf, const char *word);
const char *set_history(cmd_parms *cmd, void *conf, const char *interval, const char *samples);

#endif
