/*
 * authenticator.h - an authenticator in software, with the browser before it: one ES256 key, and what
 * navigator.credentials.create() and get() answer with it (WebAuthn Level 3 sections 6.1, 6.5).
 */
#ifndef CLOUDEP_TEST_AUTHENTICATOR_H
#define CLOUDEP_TEST_AUTHENTICATOR_H

#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
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

/** A key of its own for each number. */
static inline authenticator_t authenticator(unsigned char number)
{
    authenticator_t made = {.key = EVP_EC_gen("P-256"), .flags = AUTHENTICATOR_UP | AUTHENTICATOR_UV};

    authenticator_check(made.key != NULL);
    memset(made.id, number, sizeof(made.id));
    return made;
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

/** What the browser answers at a registration. */
static inline cloudep_passkey_attestation_t authenticator_create(apr_pool_t *p, const authenticator_t *from,
                                                                 const cloudep_passkey_options_t *options)
{
    static const unsigned char format[] = "\xa3\x63"
                                          "fmt\x64none\x67"
                                          "attStmt\xa0\x68"
                                          "authData\x58";
    static const unsigned char before_x[] = "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20";
    static const unsigned char before_y[] = "\x22\x58\x20";
    unsigned char object[512], point[65];
    unsigned char *length = object + sizeof(format) - 1;
    unsigned char *data = length + 1;
    unsigned char *at = data + authenticator_head(data, from->flags | 0x40, from->count);
    const char *client_data = authenticator_client_data(p, "create", options);
    size_t size;

    authenticator_check(
        EVP_PKEY_get_octet_string_param(from->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) == 1);
    memcpy(object, format, sizeof(format) - 1);
    memcpy(at, from->aaguid, AUTHENTICATOR_AAGUID_LEN);
    at += AUTHENTICATOR_AAGUID_LEN;
    *at++ = 0;
    *at++ = AUTHENTICATOR_ID_LEN;
    memcpy(at, from->id, AUTHENTICATOR_ID_LEN);
    at += AUTHENTICATOR_ID_LEN;
    memcpy(at, before_x, sizeof(before_x) - 1);
    at += sizeof(before_x) - 1;
    memcpy(at, point + 1, 32);
    at += 32;
    memcpy(at, before_y, sizeof(before_y) - 1);
    at += sizeof(before_y) - 1;
    memcpy(at, point + 33, 32);
    at += 32;
    *length = (unsigned char)(at - data);
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
    unsigned char signature[128], message[37 + 32];
    const size_t head = authenticator_head(message, from->flags, ++from->count);
    size_t size = sizeof(signature);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    authenticator_check(digest &&
                        EVP_Digest(client_data, strlen(client_data), message + head, NULL, EVP_sha256(), NULL) == 1 &&
                        EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, from->key) == 1 &&
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
