/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and its HMAC against the vectors of FIPS 180-4 and RFC 4231. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "base/sha256.h"

static bool is_hex(const uint8_t *digest, const char *hex)
{
    char text[2 * TC_SHA256_BYTES + 1];

    for (unsigned i = 0; i < TC_SHA256_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return strncmp(text, hex, strlen(hex)) == 0;
}

static bool hashes(const void *data, size_t length, size_t piece, const char *hex)
{
    uint8_t digest[TC_SHA256_BYTES];
    tc_sha256 hash;

    tc_sha256_init(&hash);
    for (size_t at = 0; at < length; at += piece)
        tc_sha256_add(&hash, (const char *)data + at,
                      length - at < piece ? length - at : piece);
    tc_sha256_end(&hash, digest);
    return is_hex(digest, hex);
}

static void test_hash(void)
{
    static const char *const two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const char *const million_hex =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    char *million = malloc(1000000);

    if (!million)
        abort();
    memset(million, 'a', 1000000);
    ok(hashes("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
       "nothing");
    ok(hashes("abc", 3, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
       "one block");
    ok(hashes(two, 56, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
       "two blocks");
    for (size_t piece = 1; piece <= 1000000; piece = piece * 7 + 3)
        ok(hashes(million, 1000000, piece, million_hex), "a million by %lu",
           (unsigned long)piece);
    free(million);
}

/* Around the places where the padding needs a block more; reference: hashlib of Python. */
static void test_lengths(void)
{
    static const struct {
        size_t length;
        const char *hex;
    } rows[] = {{54, "45f316e10b2c99abf374b22bda893cf3300d77263f1e272349ed414680522952"},
                {55, "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072"},
                {56, "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e"},
                {57, "ae14a2563ccf969d99aca69ce6bb74981f734bbf9f655f73b8f06db68cab5217"},
                {63, "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2"},
                {64, "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c"},
                {65, "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9"},
                {119, "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c"},
                {120, "13f05a0b594787f5ecd315edc96141bd3243203d1b7d4f0836f37308b276ba98"},
                {127, "70156a14adbabf98cff3a71c7084b417abf057a8efd27329ca36b7202c87d81f"},
                {128, "24da1b81d0b16df6428eee73c69fcb2a93c76bc6df706f0c6670fe6bfe800464"},
                {129, "0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd"},
                {183, "b95933e340383f43cfb72bb337fbb80bd93b9f54f5b49f5cd9635d2c62e7f386"},
                {184, "f3936e2eb513e068318995db8ff8a043fe9cbcf079934b8dfd49046c0fca45be"}};
    char text[200];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ok(hashes(text, rows[i].length, 13, rows[i].hex), "%lu bytes",
           (unsigned long)rows[i].length);
}

static void test_hmac(void)
{
    static const uint8_t counted[25] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                        14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25};
    uint8_t key[131], data[50], digest[TC_SHA256_BYTES];
    static const char *const large =
        "This is a test using a larger than block-size key and a larger than block-size data. "
        "The key needs to be hashed before being used by the HMAC algorithm.";

    memset(key, 0x0b, 20);
    tc_hmac_sha256(key, 20, "Hi There", 8, digest);
    ok(is_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
       "RFC 4231, 1");
    tc_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    ok(is_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
       "RFC 4231, 2");
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    tc_hmac_sha256(key, 20, data, 50, digest);
    ok(is_hex(digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
       "RFC 4231, 3");
    memset(data, 0xcd, sizeof data);
    tc_hmac_sha256(counted, 25, data, 50, digest);
    ok(is_hex(digest, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
       "RFC 4231, 4");
    memset(key, 0x0c, 20);
    tc_hmac_sha256(key, 20, "Test With Truncation", 20, digest);
    ok(is_hex(digest, "a3b6167473100ee06e0c796c2955552b"), "RFC 4231, 5");
    memset(key, 0xaa, sizeof key);
    tc_hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                   digest);
    ok(is_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
       "RFC 4231, 6");
    tc_hmac_sha256(key, 131, large, strlen(large), digest);
    ok(is_hex(digest, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
       "RFC 4231, 7");
}

static bool reads(const char *text)
{
    uint8_t digest[TC_SHA256_BYTES];

    return tc_sha256_parse(text, strlen(text), digest) &&
           is_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_parse(void)
{
    uint8_t a[TC_SHA256_BYTES] = {1}, b[TC_SHA256_BYTES] = {1};

    ok(reads("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "hex");
    ok(reads("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"),
       "... in capitals");
    ok(reads("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"), "base64url");
    ok(reads("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="), "... with its end");
    ok(!reads("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa1"), "... in one spelling");
    ok(!reads("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"), "not the other base64");
    ok(!reads("") && !reads("ba78") &&
           !reads("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") &&
           !reads("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"),
       "nothing else");
    ok(tc_sha256_equal(a, b), "equal ones");
    for (unsigned at = 0; at < TC_SHA256_BYTES; at++) {
        bool equal = false;

        for (unsigned bit = 0; bit < 8; bit++) {
            b[at] ^= (uint8_t)(1u << bit);
            equal |= tc_sha256_equal(a, b);
            b[at] ^= (uint8_t)(1u << bit);
        }
        ok(!equal, "unequal in any bit of byte %u", at);
    }
}

int main(void)
{
    test_hash();
    test_lengths();
    test_hmac();
    test_parse();
    return done_testing();
}
