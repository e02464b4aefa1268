/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). Of our own because APR has
 * SHA-1 only, and a second OpenSSL in a process whose mod_ssl brings its own is
 * trouble. Time and memory accesses depend on lengths alone, not on what is hashed.
 */
#ifndef TC_SHA256_H
#define TC_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_SHA256_BYTES 32

typedef struct tc_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} tc_sha256;

void tc_sha256_init(tc_sha256 *hash);
void tc_sha256_add(tc_sha256 *hash, const void *data, size_t length);
void tc_sha256_end(tc_sha256 *hash, uint8_t digest[TC_SHA256_BYTES]);

/* The HMAC of `length` bytes of `data` under the key. */
void tc_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length,
                    uint8_t digest[TC_SHA256_BYTES]);

/* Whether both are the same, in a time that does not tell where they differ. */
bool tc_sha256_equal(const uint8_t a[TC_SHA256_BYTES], const uint8_t b[TC_SHA256_BYTES]);

/*
 * Read a digest: 64 hexadecimal digits of either case, or 43 characters of base64url
 * (RFC 4648, with or without its one '='). False when `text` is neither.
 */
bool tc_sha256_parse(const char *text, size_t length, uint8_t digest[TC_SHA256_BYTES]);

#endif
