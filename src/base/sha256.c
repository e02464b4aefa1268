/* SPDX-License-Identifier: Apache-2.0 */
#include "sha256.h"

#include <string.h>

#define BLOCK 64

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* FIPS 180-4, 6.2.2, step 1. */
static void expand(uint32_t schedule[64], const uint8_t *block)
{
    for (unsigned t = 0; t < 16; t++)
        schedule[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
                      (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (unsigned t = 16; t < 64; t++) {
        uint32_t x = schedule[t - 15], y = schedule[t - 2];
        uint32_t s0 = rotate(x, 7) ^ rotate(x, 18) ^ x >> 3;
        uint32_t s1 = rotate(y, 17) ^ rotate(y, 19) ^ y >> 10;

        schedule[t] = schedule[t - 16] + s0 + schedule[t - 7] + s1;
    }
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t schedule[64], v[8];

    expand(schedule, block);
    memcpy(v, state, sizeof v);
    for (unsigned t = 0; t < 64; t++) {
        uint32_t a = v[0], e = v[4];
        uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t choose = (e & v[5]) ^ (~e & v[6]);
        uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
        uint32_t one = v[7] + sum1 + choose + round_constants[t] + schedule[t];

        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += one;
        v[0] = one + sum0 + majority;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

void tc_sha256_init(tc_sha256 *hash)
{
    *hash = (tc_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                  0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void tc_sha256_add(tc_sha256 *hash, const void *data, size_t length)
{
    const uint8_t *from = data;

    while (length) {
        size_t filled = hash->length % BLOCK, part = BLOCK - filled;

        if (part > length)
            part = length;
        memcpy(hash->block + filled, from, part);
        hash->length += part;
        from += part;
        length -= part;
        if (filled + part == BLOCK)
            compress(hash->state, hash->block);
    }
}

void tc_sha256_end(tc_sha256 *hash, uint8_t digest[TC_SHA256_BYTES])
{
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bits = hash->length * 8;
    size_t filled = hash->length % BLOCK;
    uint8_t length[8];

    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    tc_sha256_add(hash, padding, (filled < 56 ? 56 : 120) - filled);
    tc_sha256_add(hash, length, sizeof length);
    for (unsigned i = 0; i < TC_SHA256_BYTES; i++)
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void begin_padded(tc_sha256 *hash, const uint8_t key[BLOCK], uint8_t with)
{
    uint8_t padded[BLOCK];

    for (unsigned i = 0; i < BLOCK; i++)
        padded[i] = key[i] ^ with;
    tc_sha256_init(hash);
    tc_sha256_add(hash, padded, BLOCK);
}

void tc_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length,
                    uint8_t digest[TC_SHA256_BYTES])
{
    uint8_t block[BLOCK] = {0};
    tc_sha256 hash;

    if (key_length > BLOCK) {
        tc_sha256_init(&hash);
        tc_sha256_add(&hash, key, key_length);
        tc_sha256_end(&hash, block);
    } else if (key_length) {
        memcpy(block, key, key_length);
    }
    begin_padded(&hash, block, 0x36);
    tc_sha256_add(&hash, data, length);
    tc_sha256_end(&hash, digest);
    begin_padded(&hash, block, 0x5c);
    tc_sha256_add(&hash, digest, TC_SHA256_BYTES);
    tc_sha256_end(&hash, digest);
}

bool tc_sha256_equal(const uint8_t a[TC_SHA256_BYTES], const uint8_t b[TC_SHA256_BYTES])
{
    volatile uint8_t differ = 0;

    for (unsigned i = 0; i < TC_SHA256_BYTES; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool tc_sha256_parse(const char *text, size_t length, uint8_t digest[TC_SHA256_BYTES])
{
    bool hex = length == 2 * TC_SHA256_BYTES;
    unsigned bits = 0, put = 0;
    uint32_t word = 0;

    if (length == 44 && text[43] == '=')
        length--;
    if (!hex && length != 43)
        return false;
    for (size_t at = 0; at < length; at++) {
        int digit = hex ? hex_digit(text[at]) : base64_digit(text[at]);

        if (digit < 0)
            return false;
        word = word << (hex ? 4 : 6) | (uint32_t)digit;
        bits += hex ? 4 : 6;
        if (bits >= 8)
            digest[put++] = (uint8_t)(word >> (bits -= 8));
    }
    /* Of the last base64 character two bits are over, and zero in the one true spelling. */
    return (word & ((1u << bits) - 1)) == 0;
}
