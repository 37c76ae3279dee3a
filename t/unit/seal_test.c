/*
 * seal_test.c - sealed records open with the right key, text and context only; keyed hashes survive a key rotation.
 */
#include <apr_escape.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/err.h>

#include "base/text/b64.h"
#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "tap.h"

#define KEY(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"alg\":\"A256GCM\",\"use\":\"enc\",\"k\":\"" k "\"}"
#define OLD KEY("old.1", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
#define NEW KEY("new", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8")
#define SIGNING                                                                                                        \
    "{\"kty\":\"oct\",\"kid\":\"sig\",\"alg\":\"HS256\",\"k\":\"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\"}"

static const cloudep_jwks_t *set_of(apr_pool_t *pool, const char *keys)
{
    const char *json = apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL);
    const cloudep_jwks_t *set = NULL;
    const char *error = NULL;

    if (cloudep_jwks_parse(&set, pool, json, strlen(json), CLOUDEP_JWKS_OWN, &error) != APR_SUCCESS) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
    return set;
}

static const unsigned char *unhex(apr_pool_t *pool, const char *hex, apr_size_t *len)
{
    return apr_punescape_hex(pool, hex, 0, len);
}

static const char *hex(apr_pool_t *pool, const void *data, apr_size_t len)
{
    return apr_pescape_hex(pool, data, len, 0);
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13, 14 and 16. */
static void test_gcm_vectors(apr_pool_t *pool)
{
    static const struct {
        const char *key, *box, *aad, *plain;
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "000000000000000000000000"
         "530f8afbc74536b9a963b4f1c4cb738b",
         "", ""},
        {"0000000000000000000000000000000000000000000000000000000000000000",
         "000000000000000000000000"
         "cea7403d4d606b6e074ec5d3baf39d18"
         "d0d1c8a799996bf0265b98b5d48ab919",
         "", "00000000000000000000000000000000"},
        {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
         "cafebabefacedbaddecaf888"
         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
         "56828838c5f61e6393ba7a0abcc9f662"
         "76fc6ece0f4e1768cddf8853bb2d551b",
         "feedfacedeadbeeffeedfacedeadbeefabaddad2",
         "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
         "49a6b525b16aedf5aa0de657ba637b39"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        apr_size_t key_len, box_len, aad_len, len;
        const unsigned char *key = unhex(pool, cases[i].key, &key_len);
        const unsigned char *box = unhex(pool, cases[i].box, &box_len);
        const unsigned char *aad = *cases[i].aad ? unhex(pool, cases[i].aad, &aad_len) : NULL;
        const char *jwk = apr_pstrcat(pool, "{\"kty\":\"oct\",\"kid\":\"v\",\"alg\":\"A256GCM\",\"k\":\"",
                                      cloudep_b64_encode(pool, key, key_len), "\"}", NULL);
        const unsigned char *plain = NULL;

        is_int(cloudep_unseal(&plain, &len, pool, set_of(pool, jwk),
                              apr_pstrcat(pool, "v1.v.", cloudep_b64_encode(pool, box, box_len), NULL),
                              aad ? apr_pstrmemdup(pool, (const char *)aad, aad_len) : ""),
               APR_SUCCESS, "an AES-256-GCM vector opens");
        is_str(len ? hex(pool, plain, len) : "", cases[i].plain, "and gives the plain text");
    }
}

static void test_round_trip(apr_pool_t *pool)
{
    const cloudep_jwks_t *old = set_of(pool, OLD), *rotated = set_of(pool, NEW "," OLD);
    const char *record, *second;
    const unsigned char *plain;
    apr_size_t len;

    is_int(cloudep_seal(&record, pool, old, "secret", 6, "totp:42"), APR_SUCCESS, "sealed");
    ok(strncmp(record, "v1.old.1.", 9) == 0 && !strstr(record, "secret"), "the record names its key: %s", record);
    is_int(cloudep_seal(&second, pool, old, "secret", 6, "totp:42"), APR_SUCCESS, "sealed again");
    ok(strcmp(record, second) != 0, "the same text never gives the same record");
    is_int(cloudep_unseal(&plain, &len, pool, old, record, "totp:42"), APR_SUCCESS, "opened");
    ok(len == 6 && memcmp(plain, "secret", 7) == 0, "the same text, with a zero byte behind it");

    is_int(cloudep_unseal(&plain, &len, pool, rotated, record, "totp:42"), APR_SUCCESS, "opened after a new key came");
    is_int(cloudep_seal(&second, pool, rotated, "", 0, ""), APR_SUCCESS, "nothing can be sealed");
    ok(strncmp(second, "v1.new.", 7) == 0, "under the new key: %s", second);
    is_int(cloudep_unseal(&plain, &len, pool, rotated, second, ""), APR_SUCCESS, "and opened");
    ok(!len && plain && !*plain, "it is nothing");
    is_int(cloudep_unseal(&plain, &len, pool, set_of(pool, NEW), record, "totp:42"), APR_NOTFOUND,
           "not after the old key went");
    ok(!plain && !len, "then there is no text");
}

static void test_forged(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = set_of(pool, OLD "," SIGNING);
    const unsigned char *plain;
    const char *record;
    char *copy;
    apr_size_t len, i, wrong = 0;

    (void)cloudep_seal(&record, pool, set, "secret", 6, "totp:42");
    is_int(cloudep_unseal(&plain, &len, pool, set, record, "totp:43"), CLOUDEP_EFORGED, "another context");
    ok(!plain, "gives no text");
    is_int(cloudep_unseal(&plain, &len, pool, set, record, ""), CLOUDEP_EFORGED, "no context");
    for (i = 9; i < strlen(record); i++) {
        copy = apr_pstrdup(pool, record);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        wrong += cloudep_unseal(&plain, &len, pool, set, copy, "totp:42") == APR_SUCCESS;
    }
    is_int((long long)wrong, 0, "a change of any character of nonce, text or tag shows");
    is_int(cloudep_unseal(&plain, &len, pool, set_of(pool, KEY("old.1", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8")),
                          record, "totp:42"),
           CLOUDEP_EFORGED, "another key of the same name");
    is_int(cloudep_unseal(&plain, &len, pool, set, apr_pstrcat(pool, "v1.sig.", strrchr(record, '.') + 1, NULL), ""),
           APR_NOTFOUND, "a signing key opens nothing");
}

static void test_malformed(apr_pool_t *pool)
{
    static const char *const records[] = {"",
                                          "v1",
                                          "v1.",
                                          "v1..AAAA",
                                          "v1.old.1.",
                                          "v1.old.1.AAAA",
                                          "v2.old.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          "secret",
                                          "v1.old.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
                                          "v1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    const cloudep_jwks_t *set = set_of(pool, OLD);
    const unsigned char *plain;
    const char *record;
    apr_size_t len;
    size_t i;

    for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        ok(cloudep_unseal(&plain, &len, pool, set, records[i], "") == CLOUDEP_EMALFORMED, "no record: '%s'",
           records[i]);
    }
    is_int(cloudep_unseal(&plain, &len, pool, set, "v1.old.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
           CLOUDEP_EFORGED, "28 bytes are a record, if a wrong one");
    record = apr_psprintf(pool, "v1.old.1.%0*d", 65592 / 3 * 4, 0);
    is_int(cloudep_unseal(&plain, &len, pool, set, record, ""), CLOUDEP_EMALFORMED, "a record longer than any can be");
    is_int(cloudep_unseal(&plain, &len, pool, NULL, "v1.old.1.AAAA", ""), CLOUDEP_EUNSET, "no set");
    is_int(cloudep_seal(&record, pool, NULL, "x", 1, ""), CLOUDEP_EUNSET, "no set to seal with");
    is_int(cloudep_seal(&record, pool, set_of(pool, SIGNING), "x", 1, ""), CLOUDEP_EUNSET, "no sealing key in the set");
    is_int(cloudep_seal(&record, pool, set, apr_pcalloc(pool, 65537), 65537, ""), CLOUDEP_EREFUSED, "too long");
    is_int(cloudep_seal(&record, pool, set, apr_pcalloc(pool, 65536), 65536, ""), APR_SUCCESS, "as long as may be");
    is_int(cloudep_unseal(&plain, &len, pool, set, record, ""), APR_SUCCESS, "opens");
    is_int((long long)len, 65536, "whole");
}

static void fill(unsigned char *bytes, unsigned char first, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        bytes[i] = (unsigned char)(first + i);
    }
}

static void test_kdf_vectors(apr_pool_t *pool)
{
    static const char long_key_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    unsigned char out[82], ikm[80], salt[80], info[80], key[131];

    memset(ikm, 0x0b, 22);
    fill(salt, 0, 13);
    fill(info, 0xf0, 10);
    is_int(cloudep_hkdf_sha256(out, 42, ikm, 22, salt, 13, info, 10), APR_SUCCESS, "RFC 5869 A.1");
    is_str(hex(pool, out, 42), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
           "its key");
    is_int(cloudep_hkdf_sha256(out, 42, ikm, 22, NULL, 0, NULL, 0), APR_SUCCESS, "RFC 5869 A.3, no salt and no info");
    is_str(hex(pool, out, 42), "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
           "its key");
    fill(ikm, 0, 80);
    fill(salt, 0x60, 80);
    fill(info, 0xb0, 80);
    is_int(cloudep_hkdf_sha256(out, 82, ikm, 80, salt, 80, info, 80), APR_SUCCESS, "RFC 5869 A.2, long inputs");
    is_str(hex(pool, out, 82),
           "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
           "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
           "its key");

    memset(key, 0x0b, 20);
    is_int(cloudep_hmac_sha256(out, key, 20, "Hi There", 8), APR_SUCCESS, "RFC 4231 case 1");
    is_str(hex(pool, out, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "its MAC");
    is_int(cloudep_hmac_sha256(out, "Jefe", 4, "what do ya want for nothing?", 28), APR_SUCCESS, "RFC 4231 case 2");
    is_str(hex(pool, out, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "its MAC");
    memset(key, 0xaa, 131);
    is_int(cloudep_hmac_sha256(out, key, 131, long_key_text, 54), APR_SUCCESS, "RFC 4231 case 6");
    is_str(hex(pool, out, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "its MAC");
}

static void test_mac(apr_pool_t *pool)
{
    const cloudep_jwks_t *old = set_of(pool, OLD), *rotated = set_of(pool, NEW "," OLD "," SIGNING);
    const char *stored, *again, *other;

    is_int(cloudep_mac(&stored, pool, old, NULL, "otp", "challenge:123456", 16), APR_SUCCESS, "a keyed hash");
    ok(strncmp(stored, "old.1.", 6) == 0 && strlen(stored) == 6 + 43, "names its key: %s", stored);
    is_int(cloudep_mac(&again, pool, rotated, "old.1", "otp", "challenge:123456", 16), APR_SUCCESS,
           "by that key again");
    is_str(again, stored, "gives the same, so it can be looked up");
    is_int(cloudep_mac(&other, pool, rotated, NULL, "otp", "challenge:123456", 16), APR_SUCCESS, "by the new key");
    ok(strncmp(other, "new.", 4) == 0 && strcmp(other + 4, stored + 6) != 0, "gives another");
    (void)cloudep_mac(&other, pool, old, NULL, "backup", "challenge:123456", 16);
    ok(strcmp(other, stored) != 0, "another purpose gives another");

    is_int(cloudep_mac_check(pool, old, "otp", "challenge:123456", 16, stored), APR_SUCCESS, "matches");
    is_int(cloudep_mac_check(pool, rotated, "otp", "challenge:123456", 16, stored), APR_SUCCESS,
           "matches after a new key came");
    is_int(cloudep_mac_check(pool, old, "otp", "challenge:123457", 16, stored), CLOUDEP_EFORGED, "another code");
    is_int(cloudep_mac_check(pool, old, "otp", "challenge:123456", 15, stored), CLOUDEP_EFORGED, "a shorter code");
    is_int(cloudep_mac_check(pool, old, "backup", "challenge:123456", 16, stored), CLOUDEP_EFORGED, "another purpose");
    is_int(cloudep_mac_check(pool, set_of(pool, NEW), "otp", "challenge:123456", 16, stored), APR_NOTFOUND,
           "the old key went");
    is_int(cloudep_mac_check(pool, old, "otp", "x", 1, "old.1"), CLOUDEP_EMALFORMED, "no MAC in the text");
    is_int(cloudep_mac_check(pool, old, "otp", "x", 1, "old.1."), CLOUDEP_EMALFORMED, "an empty MAC");
    is_int(cloudep_mac_check(pool, old, "otp", "x", 1, strrchr(stored, '.')), CLOUDEP_EMALFORMED, "no kid in the text");
    is_int(cloudep_mac_check(pool, old, "otp", "x", 1, apr_pstrcat(pool, stored, "=", NULL)), CLOUDEP_EMALFORMED,
           "padding");
    is_int(cloudep_mac_check(pool, NULL, "otp", "x", 1, stored), CLOUDEP_EUNSET, "no set");
    is_int(cloudep_mac(&other, pool, set_of(pool, SIGNING), NULL, "otp", "x", 1), CLOUDEP_EUNSET, "no sealing key");
    is_int(cloudep_mac(&other, pool, rotated, "sig", "otp", "x", 1), APR_NOTFOUND, "a signing key is none");
}

static void test_derive(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = set_of(pool, NEW "," OLD);
    unsigned char a[CLOUDEP_MAC_LEN], b[CLOUDEP_MAC_LEN], ikm[32];

    is_int(cloudep_derive_key(a, set, "old.1", "label"), APR_SUCCESS, "a derived key");
    fill(ikm, 0, 32);
    is_int(cloudep_hkdf_sha256(b, sizeof(b), ikm, sizeof(ikm), NULL, 0, "label", 5), APR_SUCCESS, "is HKDF of the key");
    ok(memcmp(a, b, sizeof(a)) == 0, "with the label as info");
    is_int(cloudep_derive_key(b, set, NULL, "label"), APR_SUCCESS, "of the active key");
    ok(memcmp(a, b, sizeof(a)) != 0, "it is another");
    is_int(cloudep_derive_key(a, set, "gone", "label"), APR_NOTFOUND, "of a key that is not there");
    is_int(cloudep_derive_key(a, NULL, NULL, "label"), CLOUDEP_EUNSET, "of no set");
}

/* The same keys as cloudep_derive_key gives, for signing, by kid; another label has others. */
static void test_derived_jwks(apr_pool_t *pool)
{
    const cloudep_jwks_t *set = set_of(pool, NEW "," SIGNING "," OLD), *keys = NULL, *others = NULL;
    unsigned char expected[CLOUDEP_MAC_LEN];
    const char *kids[] = {"new", "old.1"};
    apr_size_t len;

    is_int(cloudep_derive_jwks(&keys, pool, set, CLOUDEP_KEY_SEAL, "refresh token"), APR_SUCCESS, "keys are derived");
    is_int(cloudep_derive_jwks(&others, pool, set, CLOUDEP_KEY_SEAL, "another"), APR_SUCCESS,
           "others for another purpose");
    is_int(cloudep_jwks_count(keys), 2, "one for each sealing key, none for a signing key");
    for (int i = 0; i < 2; i++) {
        const cloudep_jwk_t *key = cloudep_jwks_get(keys, i);

        is_str(cloudep_jwk_kid(key), kids[i], "of its kid, in the same order");
        is_str(cloudep_jwk_alg(key), "HS256", "which signs");
        (void)cloudep_derive_key(expected, set, kids[i], "refresh token");
        ok(!memcmp(cloudep_jwk_secret(key, &len), expected, CLOUDEP_MAC_LEN) && len == CLOUDEP_MAC_LEN,
           "with what is derived for that label");
        ok(memcmp(cloudep_jwk_secret(cloudep_jwks_get(others, i), &len), expected, CLOUDEP_MAC_LEN) != 0,
           "and not what is derived for another");
    }
    is_str(cloudep_jwk_kid(cloudep_jwks_active(keys, CLOUDEP_KEY_SIGN)), "new", "the active sealing key's is active");
    is_str(cloudep_jwks_public_json(keys, pool), "{\"keys\":[]}", "nothing of them may be published");
    is_int(cloudep_derive_jwks(&keys, pool, NULL, CLOUDEP_KEY_SEAL, "refresh token"), APR_SUCCESS, "without keys");
    is_int(cloudep_jwks_count(keys), 0, "there are none");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_gcm_vectors(pool);
    test_round_trip(pool);
    test_forged(pool);
    test_malformed(pool);
    test_kdf_vectors(pool);
    test_mac(pool);
    test_derive(pool);
    test_derived_jwks(pool);
    is_int((long long)ERR_peek_error(), 0, "nothing is left in OpenSSL's error queue");
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
