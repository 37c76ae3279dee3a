/*
 * jwk.h - JSON Web Keys (RFC 7517, 7518, 8037) and sets of them.
 *
 * A set is immutable once parsed, so threads may share it without a lock; rotation is done by parsing a
 * new set and swapping the pointer. A key's algorithm belongs to the key ("alg", or what its type implies) and
 * is never taken from a token.
 *
 * Signature algorithms: ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA (Ed25519) HS256. Sealing: A256GCM.
 */
#ifndef CLOUDEP_JWK_H
#define CLOUDEP_JWK_H

#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>
#include "base/status.h"

typedef struct cloudep_jwk_t cloudep_jwk_t;
typedef struct cloudep_jwks_t cloudep_jwks_t;

/* What a key is for: its "use" (RFC 7517 section 4.2), or what its algorithm implies. */
typedef enum {
    CLOUDEP_KEY_SIGN, /* "sig" */
    CLOUDEP_KEY_SEAL  /* "enc" */
} cloudep_key_use_t;

/* How a set is read. */
typedef enum {
    /* Somebody else's published set: keys we cannot use, secret ones and what is broken are skipped, private
     * members are not looked at, "kid" may be missing. A key without "alg" is there once for each algorithm that it
     * may be used with: a provider that signs with RS512 or PS256 need not say so in its keys. */
    CLOUDEP_JWKS_FOREIGN,
    /* Our own set: everything must be right, each key has its own kid, private parts match. */
    CLOUDEP_JWKS_OWN
} cloudep_jwks_mode_t;

#define CLOUDEP_JWKS_MAX_KEYS 64 /* JWKs that are taken into a set */

/**
 * Parses a JWK Set of json_len bytes. Keys, and what they hold in OpenSSL, live as long as pool.
 * *error: on failure a sentence for the operator, allocated from pool, free of key material.
 * CLOUDEP_EMALFORMED: not a JWK Set (FOREIGN), or a key of it is not right (OWN).
 * CLOUDEP_EREFUSED (OWN): well formed but not allowed: unsupported, too small, duplicate kid.
 * A set without any usable key is a success with cloudep_jwks_count() 0.
 */
apr_status_t cloudep_jwks_parse(const cloudep_jwks_t **set, apr_pool_t *pool, const char *json, apr_size_t json_len,
                                cloudep_jwks_mode_t mode, const char **error);

/* The same from a parsed document, which is only read and may be freed afterwards. */
apr_status_t cloudep_jwks_from_json(const cloudep_jwks_t **set, apr_pool_t *pool, const json_t *document,
                                    cloudep_jwks_mode_t mode, const char **error);

/* Number of keys, each with its algorithm, and key number i (0 based, in the order of the document; NULL beyond). */
int cloudep_jwks_count(const cloudep_jwks_t *set);
const cloudep_jwk_t *cloudep_jwks_get(const cloudep_jwks_t *set, int i);

/* The first key with that kid (an own set has at most one), or NULL. */
const cloudep_jwk_t *cloudep_jwks_find(const cloudep_jwks_t *set, const char *kid);

/**
 * The key in use for new tokens or seals: the first one of that use that has its private part or is a
 * secret. NULL when there is none; set may be NULL.
 */
const cloudep_jwk_t *cloudep_jwks_active(const cloudep_jwks_t *set, cloudep_key_use_t use);

/**
 * The set as it may be published: public members only, secret (oct) keys left out, in the order of
 * the document. Text from pool.
 */
const char *cloudep_jwks_public_json(const cloudep_jwks_t *set, apr_pool_t *pool);

/* kid: NULL only in a foreign set. alg: the name as in RFC 7518. */
const char *cloudep_jwk_kid(const cloudep_jwk_t *key);
const char *cloudep_jwk_alg(const cloudep_jwk_t *key);
cloudep_key_use_t cloudep_jwk_use(const cloudep_jwk_t *key);
/* When an own key was made, and when it was put in use: "created_at" and "activated_at" of the file, in Unix seconds.
 * 0: not known, as of keys of version 1.0. */
apr_time_t cloudep_jwk_created(const cloudep_jwk_t *key);
apr_time_t cloudep_jwk_activated(const cloudep_jwk_t *key);
/* True when it can sign or seal: a private part, or an oct key. */
int cloudep_jwk_is_private(const cloudep_jwk_t *key);
/* The bytes of an oct key (owned by the key), NULL for any other. */
const unsigned char *cloudep_jwk_secret(const cloudep_jwk_t *key, apr_size_t *len);

/**
 * Makes a new private key for one of the algorithms above (RSA: 2048 bits). kid is its RFC 7638 thumbprint,
 * for an oct key 128 random bits. *jwk is released with pool; json_incref it to keep it longer.
 * CLOUDEP_EREFUSED: no such algorithm. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_jwk_generate(json_t **jwk, apr_pool_t *pool, const char *alg);

/**
 * A private key in PEM (PKCS #1, SEC 1 or PKCS #8, not encrypted) as a JWK for that RSA or ES... algorithm, under that
 * kid. *jwk is released with pool. CLOUDEP_EMALFORMED: it is none of that algorithm.
 */
apr_status_t cloudep_jwk_of_pem(json_t **jwk, apr_pool_t *pool, const char *pem, const char *kid, const char *alg);

/**
 * RFC 7638 thumbprint (SHA-256, base64url) of a JWK; only its required public members count.
 * CLOUDEP_EMALFORMED: a required member is missing or of the wrong type, or kty is not known.
 */
apr_status_t cloudep_jwk_thumbprint(const char **thumbprint, apr_pool_t *pool, const json_t *jwk);

#endif
