/*
 * assertion_time.c - how long one passkey assertion takes to verify, and how much longer than its signature alone.
 *
 *     assertion_time [rounds]
 *
 * One line for each algorithm: microseconds of cloudep_webauthn_assert(), of EVP_DigestVerify() with a key that is read
 * already, and their ratio; medians of rounds (9) taken in turns, of 500 each.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/webauthn/authenticator_data.h"
#include "base/webauthn/webauthn.h"

#define TIMES 500
#define ROUNDS_MAX 99
#define SIGNATURE_MAX 512
#define DATA_LEN (CLOUDEP_RP_ID_HASH_LEN + 5) /* flags and counter behind the hash */
#define CLIENT                                                                                                         \
    "{\"type\":\"webauthn.get\",\"challenge\":\"7U5_EjJHj2vbYEcZ8S1xiqCC4OYqPbk5m9Qx0KJZ62A\","                        \
    "\"origin\":\"https://id.example.com\",\"crossOrigin\":false}"

typedef struct case_t {
    EVP_PKEY *key;
    const EVP_MD *md;
    cloudep_webauthn_credential_t stored;
    unsigned char data[DATA_LEN];
    unsigned char tbs[DATA_LEN + 32];
    unsigned char signature[SIGNATURE_MAX];
    size_t signature_len;
} case_t;

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "%s failed\n", what);
        exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe) */
    }
}

static void make_case(case_t *at, int algorithm, EVP_PKEY *key, const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    must(len > 0, "writing the key");
    *at = (case_t){.key = key,
                   .md = md,
                   .stored = {.spki = {der, (apr_size_t)len}, .algorithm = algorithm},
                   .signature_len = SIGNATURE_MAX};
    must(EVP_Digest("example.com", 11, at->data, NULL, EVP_sha256(), NULL), "hashing");
    at->data[CLOUDEP_RP_ID_HASH_LEN] = CLOUDEP_FLAG_UP | CLOUDEP_FLAG_UV;
    at->data[DATA_LEN - 1] = 1;
    memcpy(at->tbs, at->data, DATA_LEN);
    must(EVP_Digest(CLIENT, strlen(CLIENT), at->tbs + DATA_LEN, NULL, EVP_sha256(), NULL), "hashing");
    must(EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
             EVP_DigestSign(ctx, at->signature, &at->signature_len, at->tbs, sizeof(at->tbs)) == 1,
         "signing");
    EVP_MD_CTX_free(ctx);
}

static void assert_once(const case_t *at, apr_pool_t *pool)
{
    static const char *const origins[] = {"https://id.example.com", NULL};
    static const cloudep_webauthn_rule_t rule = {.rp_id = "example.com",
                                                 .origins = origins,
                                                 .challenge = "7U5_EjJHj2vbYEcZ8S1xiqCC4OYqPbk5m9Qx0KJZ62A",
                                                 .user_verification_required = 1};
    const cloudep_webauthn_bytes_t data = {at->data, DATA_LEN};
    const cloudep_webauthn_bytes_t client = {(const unsigned char *)CLIENT, strlen(CLIENT)};
    const cloudep_webauthn_bytes_t signature = {at->signature, at->signature_len};
    cloudep_webauthn_assertion_t assertion;
    cloudep_webauthn_reason_t reason;

    must(cloudep_webauthn_assert(&assertion, &reason, pool, &rule, &at->stored, &data, &client, &signature) ==
             APR_SUCCESS,
         "an assertion");
}

static void verify_once(const case_t *at)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(EVP_DigestVerifyInit(ctx, NULL, at->md, NULL, at->key) == 1 &&
             EVP_DigestVerify(ctx, at->signature, at->signature_len, at->tbs, sizeof(at->tbs)) == 1,
         "a signature");
    EVP_MD_CTX_free(ctx);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_value);
    return values[count / 2];
}

/* Microseconds of one. */
static double measure(const case_t *at, apr_pool_t *pool, int whole)
{
    const apr_time_t start = apr_time_now();

    for (int i = 0; i < TIMES; i++) {
        if (whole) {
            assert_once(at, pool);
            apr_pool_clear(pool);
        }
        else {
            verify_once(at);
        }
    }
    return (double)(apr_time_now() - start) / TIMES;
}

int main(int argc, const char *const argv[])
{
    const int wanted = argc > 1 ? (int)apr_atoi64(argv[1]) : 9;
    const int rounds = wanted < 1 || wanted > ROUNDS_MAX ? 9 : wanted;
    static const char *const names[] = {"ES256", "EdDSA", "RS256"};
    case_t cases[3];
    apr_pool_t *pool;

    must(apr_initialize() == APR_SUCCESS && apr_pool_create(&pool, NULL) == APR_SUCCESS, "APR");
    make_case(&cases[0], CLOUDEP_COSE_ES256, EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), EVP_sha256());
    make_case(&cases[1], CLOUDEP_COSE_EDDSA, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
    make_case(&cases[2], CLOUDEP_COSE_RS256, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), EVP_sha256());
    for (int c = 0; c < 3; c++) {
        double whole[ROUNDS_MAX], alone[ROUNDS_MAX], ratio[ROUNDS_MAX];

        for (int i = 0; i < rounds; i++) {
            whole[i] = measure(&cases[c], pool, 1);
            alone[i] = measure(&cases[c], pool, 0);
            ratio[i] = whole[i] / alone[i];
        }
        printf("%s %.1f %.1f %.2f\n", names[c], median(whole, rounds), median(alone, rounds), median(ratio, rounds));
    }
    return EXIT_SUCCESS;
}
