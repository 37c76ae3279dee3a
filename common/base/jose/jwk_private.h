/*
 * jwk_private.h - the inside of a key, for the files that compute with it (jwk*.c, jws.c, seal.c).
 */
#ifndef CLOUDEP_JWK_PRIVATE_H
#define CLOUDEP_JWK_PRIVATE_H

#include <openssl/evp.h>
#include "base/jose/jwk.h"

typedef enum { CLOUDEP_KTY_EC, CLOUDEP_KTY_RSA, CLOUDEP_KTY_OKP, CLOUDEP_KTY_OCT } cloudep_kty_t;

/* One supported algorithm with the only kind of key that it may be used with. */
typedef struct cloudep_alg_t {
    const char *name; /* JWA name */
    cloudep_kty_t kty;
    int pss; /* RSASSA-PSS, with a salt as long as the digest (RFC 7518, section 3.5) */
    const char *kty_name;
    const char *crv;    /* JWK name of the curve, which OpenSSL knows too; NULL: kty has none */
    const char *digest; /* NULL: the algorithm has its own */
    int size;           /* bytes of a coordinate, or of an oct key (HS256: at least) */
    cloudep_key_use_t use;
} cloudep_alg_t;

struct cloudep_jwk_t {
    const cloudep_alg_t *alg;
    const char *kid;
    int is_private;
    apr_time_t created;      /* 0: not known */
    apr_time_t activated;    /* 0: never, or not known */
    const char *public_json; /* NULL: nothing of it may be published */
    unsigned char *secret;   /* oct */
    apr_size_t secret_len;
    EVP_PKEY *pkey; /* signing keys */
    /*
     * Contexts that are set up for this key, only ever copied: fetching and setting up anew for every token would
     * cost locks and look-ups inside OpenSSL. verifier is NULL for HS256, signer for public keys.
     */
    EVP_MD_CTX *signer;
    EVP_MD_CTX *verifier;
    EVP_CIPHER *cipher; /* sealing keys */
};

/**
 * The algorithm for a key's kty, crv, alg and use; crv, alg and use may be NULL. Without alg several may fit: the first
 * one, or the next one after another. NULL: none, or none any more.
 */
const cloudep_alg_t *cloudep_alg_find(const cloudep_alg_t *after, const char *kty, const char *crv, const char *alg,
                                      const char *use);

/** The algorithm of that name, or NULL. */
const cloudep_alg_t *cloudep_alg_by_name(const char *name);

/** "sig" or "enc". */
const char *cloudep_use_name(cloudep_key_use_t use);

/** The names of the required public members for kty, in RFC 7638's order; ended by NULL. oct: its "k". */
const char *const *cloudep_kty_members(cloudep_kty_t kty);

/**
 * Builds what OpenSSL needs out of the JWK's members, for key->alg. The private members are looked at only if
 * key->is_private. What it makes belongs to key.
 * *why: on failure a text for the operator. CLOUDEP_EMALFORMED: members missing or wrong, or not of one key.
 * CLOUDEP_EREFUSED: too small or too large. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_jwk_load(cloudep_jwk_t *key, apr_pool_t *pool, const json_t *jwk, const char **why);

/** Writes key->public_json out of the public members of the JWK that key was loaded from. APR_ENOMEM. */
apr_status_t cloudep_jwk_render(cloudep_jwk_t *key, apr_pool_t *pool, const json_t *jwk);

#endif
