/* SPDX-License-Identifier: Apache-2.0 */
#include "sign.h"

#include "base/sha256.h"

#include <http_log.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

APLOG_USE_MODULE(tmpfs_convert);

/* 128 bits if they are random; hexadecimal digits usually have twice that. */
#define KEY_LEAST 16

/* A larger file is not a key file. */
#define FILE_MOST 65536

/* ---- the key file --------------------------------------------------------------------- */

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

static const char *read_lines(cmd_parms *cmd, char *text, apr_array_header_t *keys)
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
    return keys->nelts ? NULL : "there is no key in the file";
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
        return "not a key file (expected one key per line)";
    length = (apr_size_t)info.size;
    *text = apr_pcalloc(cmd->pool, length + 1);
    status = length ? apr_file_read_full(file, *text, length, NULL) : APR_SUCCESS;
    apr_file_close(file);
    if (status != APR_SUCCESS)
        return apr_pstrdup(cmd->pool, apr_strerror(status, words, sizeof words));
    if (memchr(*text, '\0', length))
        return "not a text file";
    if (info.protection & (APR_FPROT_WREAD | APR_FPROT_WWRITE))
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, cmd->server,
                     "TC0121: %s %s: the file is readable or writable by every user of this "
                     "machine; chmod 600",
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
        wrong = read_lines(cmd, text, keys);
    if (wrong)
        return apr_psprintf(cmd->pool, "%s %s: %s", cmd->cmd->name, path, wrong);
    made->keys = (unsigned)keys->nelts;
    made->key = (const char *const *)keys->elts;
    *secrets = made;
    return NULL;
}

/* ---- a call ----------------------------------------------------------------------------- */

/* What the second form's signature begins with. */
#define SECOND        "v2."
#define SECOND_LENGTH (sizeof SECOND - 1)

static void keep_item(tc_item *kept, const tc_item *item, bool *repeated)
{
    *repeated |= kept->key != NULL;
    *kept = *item;
}

void tc_sign_split(const char *text, tc_signed *parts)
{
    size_t at = 0, length = strlen(text);
    tc_item item;

    *parts = (tc_signed){.length = length};
    while (tc_params_next(text, length, &at, &item)) {
        if (tc_sign_is_named(item.key, item.key_length, "expires"))
            keep_item(&parts->expires, &item, &parts->repeated);
        if (!tc_sign_is_named(item.key, item.key_length, "sig"))
            continue;
        keep_item(&parts->signature, &item, &parts->repeated);
        parts->misplaced = at <= length;
        parts->length = (size_t)(item.start - text) - (item.start > text);
    }
}

bool tc_sign_is_second(const tc_signed *parts)
{
    return parts->signature.value_length >= SECOND_LENGTH &&
           memcmp(parts->signature.value, SECOND, SECOND_LENGTH) == 0;
}

/* The digits of the signature, behind the form's name. */
static const char *digits_of(const tc_signed *parts, size_t *length)
{
    size_t before = tc_sign_is_second(parts) ? SECOND_LENGTH : 0;

    *length = parts->signature.value_length - before;
    return parts->signature.value + before;
}

const char *tc_sign_spell(apr_pool_t *pool, const tc_signed *parts)
{
    const tc_item *signature = &parts->signature;
    char *made = apr_pstrmemdup(pool, signature->value, signature->value_length);
    size_t length;

    digits_of(parts, &length);
    if (length == 2 * TC_SHA256_BYTES)
        ap_str_tolower(made);
    else
        made[strcspn(made, "=")] = '\0';
    return made;
}

static tc_error check_time(const tc_item *expires, tc_fail *fail)
{
    apr_int64_t until = 0, now = apr_time_sec(apr_time_now());
    const char *at = expires->value, *end;

    if (!expires->key)
        return TC_E_OK;
    for (end = at + expires->value_length;
         at < end && apr_isdigit(*at) && until < APR_INT64_MAX / 16; at++)
        until = until * 10 + (*at - '0');
    if (at < end || !expires->value_length)
        return tc_fail_set(fail, TC_E_SIGNATURE, "expires=%.*s: takes seconds since 1970",
                           expires->value_length < 40 ? (int)expires->value_length : 40,
                           expires->value);
    if (now > until)
        return tc_fail_set(fail, TC_E_SIGNATURE,
                           "the URL expired %" APR_INT64_T_FMT " seconds ago", now - until);
    return TC_E_OK;
}

static tc_error check_form(const tc_signed *parts, uint8_t signature[TC_SHA256_BYTES],
                           tc_fail *fail)
{
    bool second = tc_sign_is_second(parts);
    const char *digits;
    size_t length;

    if (!parts->signature.key)
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: this URL must be signed");
    if (parts->repeated)
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig, expires: each may be given only once");
    if (parts->misplaced)
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: must be the last parameter");
    digits = digits_of(parts, &length);
    if ((second && length != 2 * TC_SHA256_BYTES) ||
        !tc_sha256_parse(digits, length, signature))
        return tc_fail_set(fail, TC_E_SIGNATURE, "sig: takes %s",
                           second ? SECOND " and 64 hexadecimal digits"
                                  : "64 hexadecimal digits or 43 characters of base64url");
    return TC_E_OK;
}

static bool is_signed_by(const char *key, const char *text, const uint8_t *signature)
{
    uint8_t digest[TC_SHA256_BYTES];

    tc_hmac_sha256(key, strlen(key), text, strlen(text), digest);
    return tc_sha256_equal(digest, signature);
}

/* Every key is tried, in a time that does not depend on how much of a signature is right. */
tc_error tc_sign_check(const tc_secrets *secrets, const tc_signed *parts, const char *text,
                       tc_fail *fail)
{
    uint8_t signature[TC_SHA256_BYTES];
    tc_error error = check_form(parts, signature, fail);
    bool good = false;

    if (error)
        return error;
    for (unsigned at = 0; at < secrets->keys; at++)
        good |= is_signed_by(secrets->key[at], text, signature);
    if (!good)
        return tc_fail_set(fail, TC_E_SIGNATURE,
                           "sig: the signature does not match these parameters and this path");
    return check_time(&parts->expires, fail);
}
