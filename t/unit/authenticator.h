/*
 * authenticator.h - an authenticator in software, with the browser before it: one key, of ES256, EdDSA or RS256, and
 * what navigator.credentials.create() and get() answer with it (WebAuthn Level 3 sections 6.1, 6.5).
 */
#ifndef CLOUDEP_TEST_AUTHENTICATOR_H
#define CLOUDEP_TEST_AUTHENTICATOR_H

#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/b64.h"
#include "service/passkey.h"

#define AUTHENTICATOR_RP "example.com"
#define AUTHENTICATOR_ORIGIN "https://example.com"
#define AUTHENTICATOR_ID_LEN 16
#define AUTHENTICATOR_AAGUID_LEN 16

/* Flags of authenticator data (6.1). */
#define AUTHENTICATOR_UP 0x01 /* somebody was there */
#define AUTHENTICATOR_UV 0x04 /* and was verified */
#define AUTHENTICATOR_BE 0x08 /* the key may be copied */
#define AUTHENTICATOR_BS 0x10 /* and was */

typedef struct authenticator_t {
    EVP_PKEY *key;
    unsigned char id[AUTHENTICATOR_ID_LEN];
    unsigned char aaguid[AUTHENTICATOR_AAGUID_LEN];
    unsigned char flags;    /* that it sets in each answer */
    const char *transports; /* as the browser tells them; NULL: it does not */
    const char *user_handle;
    unsigned int count; /* of the last answer */
} authenticator_t;

static inline void authenticator_check(int good)
{
    if (!good) {
        printf("Bail out! the authenticator failed\n");
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
}

static inline authenticator_t authenticator_with(unsigned char number, EVP_PKEY *key)
{
    authenticator_t made = {.key = key, .flags = AUTHENTICATOR_UP | AUTHENTICATOR_UV};

    authenticator_check(made.key != NULL);
    memset(made.id, number, sizeof(made.id));
    return made;
}

/** A key of its own for each number, of ES256. */
static inline authenticator_t authenticator(unsigned char number)
{
    return authenticator_with(number, EVP_EC_gen("P-256"));
}

static inline const char *authenticator_client_data(apr_pool_t *p, const char *type,
                                                    const cloudep_passkey_options_t *options)
{
    return apr_psprintf(p,
                        "{\"type\":\"webauthn.%s\",\"challenge\":\"%s\",\"origin\":\"" AUTHENTICATOR_ORIGIN
                        "\",\"crossOrigin\":false}",
                        type, options->challenge);
}

/* The first 37 bytes of authenticator data. Returns how many they are. */
static inline size_t authenticator_head(unsigned char *data, unsigned char flags, unsigned int count)
{
    unsigned char *at = data + 32;

    authenticator_check(EVP_Digest(AUTHENTICATOR_RP, strlen(AUTHENTICATOR_RP), data, NULL, EVP_sha256(), NULL) == 1);
    *at++ = flags;
    *at++ = (unsigned char)(count >> 24);
    *at++ = (unsigned char)(count >> 16);
    *at++ = (unsigned char)(count >> 8);
    *at++ = (unsigned char)count;
    return (size_t)(at - data);
}

static inline unsigned char *authenticator_put(unsigned char *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

/* The public key as COSE_Key (RFC 9053). Returns its end. */
static inline unsigned char *authenticator_public(unsigned char *at, EVP_PKEY *key)
{
    unsigned char bytes[300];
    size_t size = sizeof(bytes);
    BIGNUM *modulus = NULL;

    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        authenticator_check(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
                            BN_bn2binpad(modulus, bytes, 256) == 256);
        BN_free(modulus);
        at = authenticator_put(at, "\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00", 11);
        at = authenticator_put(at, bytes, 256);
        return authenticator_put(at, "\x21\x43\x01\x00\x01", 5);
    }
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
        authenticator_check(EVP_PKEY_get_raw_public_key(key, bytes, &size) == 1);
        at = authenticator_put(at, "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", 10);
        return authenticator_put(at, bytes, 32);
    }
    authenticator_check(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof(bytes), &size) ==
                        1);
    at = authenticator_put(at, "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", 10);
    at = authenticator_put(at, bytes + 1, 32);
    at = authenticator_put(at, "\x22\x58\x20", 3);
    return authenticator_put(at, bytes + 33, 32);
}

/** What the browser answers at a registration. */
static inline cloudep_passkey_attestation_t authenticator_create(apr_pool_t *p, const authenticator_t *from,
                                                                 const cloudep_passkey_options_t *options)
{
    static const unsigned char length_of_id[] = {0, AUTHENTICATOR_ID_LEN};
    const char *client_data = authenticator_client_data(p, "create", options);
    unsigned char object[800], data[700];
    unsigned char *end = data + authenticator_head(data, from->flags | 0x40, from->count);
    unsigned char *at;

    end = authenticator_put(end, from->aaguid, AUTHENTICATOR_AAGUID_LEN);
    end = authenticator_put(end, length_of_id, sizeof(length_of_id));
    end = authenticator_put(end, from->id, AUTHENTICATOR_ID_LEN);
    end = authenticator_public(end, from->key);
    at = authenticator_put(object,
                           "\xa3\x63"
                           "fmt\x64none\x67"
                           "attStmt\xa0\x68"
                           "authData",
                           28);
    if (end - data > 255) {
        *at++ = 0x59;
        *at++ = (unsigned char)((end - data) >> 8);
    }
    else {
        *at++ = 0x58;
    }
    *at++ = (unsigned char)(end - data);
    at = authenticator_put(at, data, (size_t)(end - data));
    return (cloudep_passkey_attestation_t){
        .client_data = cloudep_b64_encode(p, (const unsigned char *)client_data, strlen(client_data)),
        .attestation_object = cloudep_b64_encode(p, object, (apr_size_t)(at - object)),
        .transports = from->transports};
}

/** What the browser answers when a passkey is asked for. */
static inline cloudep_passkey_assertion_t authenticator_get(apr_pool_t *p, authenticator_t *from,
                                                            const cloudep_passkey_options_t *options)
{
    const char *client_data = authenticator_client_data(p, "get", options);
    unsigned char signature[256], message[37 + 32];
    const size_t head = authenticator_head(message, from->flags, ++from->count);
    size_t size = sizeof(signature);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    authenticator_check(
        digest && EVP_Digest(client_data, strlen(client_data), message + head, NULL, EVP_sha256(), NULL) == 1 &&
        EVP_DigestSignInit(digest, NULL, EVP_PKEY_get_base_id(from->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256(),
                           NULL, from->key) == 1 &&
        EVP_DigestSign(digest, signature, &size, message, sizeof(message)) == 1);
    EVP_MD_CTX_free(digest);
    return (cloudep_passkey_assertion_t){
        .id = cloudep_b64_encode(p, from->id, sizeof(from->id)),
        .client_data = cloudep_b64_encode(p, (const unsigned char *)client_data, strlen(client_data)),
        .authenticator_data = cloudep_b64_encode(p, message, head),
        .signature = cloudep_b64_encode(p, signature, size),
        .user_handle = from->user_handle};
}

#endif
