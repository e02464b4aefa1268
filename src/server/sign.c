/* SPDX-License-Identifier: Apache-2.0 */
#include "sign.h"

#include "system/sha256.h"

#include <http_log.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

APLOG_USE_MODULE(tmpfs_convert);

/* 128 bits, when they are random; as hexadecimal digits or the like twice that is usual. */
#define KEY_LEAST 16

/* More is no file of keys. */
#define FILE_MOST 65536

/* ---- the file of keys ---------------------------------------------------------------- */

static const char *trim(char *line)
{
    char *end = line + strlen(line);

    while (apr_isspace(*line))
        line++;
    while (end > line && apr_isspace(end[-1]))
        end--;
    *end = '\0';
    return line;
}

static const char *take_lines(cmd_parms *cmd, char *text, apr_array_header_t *keys)
{
    unsigned number = 0;

    while (text) {
        char *next = strchr(text, '\n');
        const char *line;

        if (next)
            *next++ = '\0';
        number++;
        line = trim(text);
        text = next;
        if (!*line || *line == '#')
            continue;
        if (strlen(line) < KEY_LEAST)
            return apr_psprintf(
                cmd->pool,
                "the key in line %u is shorter than %d characters; make one with "
                "openssl rand -hex 32",
                number, KEY_LEAST);
        APR_ARRAY_PUSH(keys, const char *) = line;
    }
    return keys->nelts ? NULL : "there is no key in it";
}

static const char *read_text(cmd_parms *cmd, const char *path, char **text)
{
    char words[120];
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t length;
    apr_status_t status =
        apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, cmd->temp_pool);

    if (status == APR_SUCCESS)
        status =
            apr_file_info_get(&info, APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_PROT, file);
    if (status != APR_SUCCESS)
        return apr_pstrdup(cmd->pool, apr_strerror(status, words, sizeof words));
    if (info.filetype != APR_REG || info.size > FILE_MOST)
        return "it is no file of keys, a line each";
    length = (apr_size_t)info.size;
    *text = apr_pcalloc(cmd->pool, length + 1);
    status = length ? apr_file_read_full(file, *text, length, NULL) : APR_SUCCESS;
    apr_file_close(file);
    if (status != APR_SUCCESS)
        return apr_pstrdup(cmd->pool, apr_strerror(status, words, sizeof words));
    if (memchr(*text, '\0', length))
        return "it is no text";
    if (info.protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE))
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, cmd->server,
                     "TC0121: %s %s: everybody on this machine can read or write it; chmod 600",
                     cmd->cmd->name, path);
    return NULL;
}

const char *tc_sign_read(cmd_parms *cmd, const char *path, const tc_secrets **secrets)
{
    apr_array_header_t *keys = apr_array_make(cmd->pool, 4, sizeof(const char *));
    tc_secrets *made = apr_pcalloc(cmd->pool, sizeof *made);
    char *text = NULL;
    const char *wrong = read_text(cmd, path, &text);

    if (!wrong)
        wrong = take_lines(cmd, text, keys);
    if (wrong)
        return apr_psprintf(cmd->pool, "%s %s: %s", cmd->cmd->name, path, wrong);
    made->keys = (unsigned)keys->nelts;
    made->key = (const char *const *)keys->elts;
    *secrets = made;
    return NULL;
}

/* ---- a call ----------------------------------------------------------------------------- */

static const char *append(apr_pool_t *pool, const char *params, const char *item, size_t length)
{
    const char *more = apr_pstrmemdup(pool, item, length);

    return params ? apr_pstrcat(pool, params, ",", more, NULL) : more;
}

void tc_sign_split(apr_pool_t *pool, const char *text, tc_signed *parts)
{
    const char *item = text, *params = NULL;

    *parts = (tc_signed){.text = text};
    while (item) {
        size_t length = strcspn(item, ",;"), key = strcspn(item, "=,;");
        const char *value =
            item[key] == '=' ? apr_pstrmemdup(pool, item + key + 1, length - key - 1) : "";

        if (tc_sign_is_named(item, key, "sig")) {
            parts->signature = value;
            parts->misplaced = item[length] != '\0';
            parts->text = apr_pstrmemdup(pool, text, (size_t)(item - text) - (item > text));
        } else if (tc_sign_is_named(item, key, "expires")) {
            parts->expires = value;
        } else if (length) {
            params = append(pool, params, item, length);
        }
        item = item[length] ? item + length + 1 : NULL;
    }
    parts->params = params ? params : "";
}

static bool is_signed_by(const char *key, const char *text, const uint8_t *signature)
{
    uint8_t digest[TC_SHA256_BYTES];

    tc_hmac_sha256(key, strlen(key), text, strlen(text), digest);
    return tc_sha256_equal(digest, signature);
}

static tc_error check_time(const tc_signed *parts, tc_fail *fail)
{
    apr_int64_t until, now = apr_time_sec(apr_time_now());
    char *end;

    if (!parts->expires)
        return TC_E_OK;
    until = apr_strtoi64(parts->expires, &end, 10);
    if (!apr_isdigit(*parts->expires) || *end)
        return tc_fail_set(fail, TC_E_SIGNATURE, "expires=%.40s: takes seconds since 1970",
                           parts->expires);
    if (now > until)
        return tc_fail_set(fail, TC_E_SIGNATURE,
                           "the time of this URL was over %" APR_INT64_T_FMT " seconds ago",
                           now - until);
    return TC_E_OK;
}

/* Every key is tried, and how far a signature is right takes no longer or shorter. */
tc_error tc_sign_check(apr_pool_t *pool, const tc_secrets *secrets, const tc_signed *parts,
                       const char *path, tc_fail *fail)
{
    const char *text = apr_pstrcat(pool, parts->text, "\n", path, NULL);
    uint8_t signature[TC_SHA256_BYTES];
    bool good = false;

    if (!parts->signature)
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: this URL must be signed");
    if (parts->misplaced)
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: must be the last parameter");
    if (!tc_sha256_parse(parts->signature, strlen(parts->signature), signature))
        return tc_fail_set(fail, TC_E_SIGNATURE,
                           "sig: takes 64 hexadecimal digits or 43 characters of base64url");
    /* Nothing that could be taken for the end of the parameters. */
    if (strpbrk(parts->text, "\r\n"))
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: a line's end cannot be signed");
    for (unsigned at = 0; at < secrets->keys; at++)
        good |= is_signed_by(secrets->key[at], text, signature);
    if (!good)
        return tc_fail_set(fail, TC_E_SIGNATURE,
                           "sig: is not that of these parameters and this path");
    return check_time(parts, fail);
}
