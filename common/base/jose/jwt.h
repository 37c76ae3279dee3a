/*
 * jwt.h - signing and verifying JSON Web Tokens in compact form (RFC 7515, 7519, 8725).
 *
 * This layer answers "who signed it and is it whole"; what the claims must say is claims.h.
 */
#ifndef CLOUDEP_JWT_H
#define CLOUDEP_JWT_H

#include "base/jose/jwk.h"

/* Longer tokens of ours are refused before any work is done, in bytes. What brings another's has a limit of its own. */
#define CLOUDEP_JWT_MAX 8192

/* A verified token. Strings live in the pool, claims is released with it (json_incref to keep longer). */
typedef struct cloudep_jwt_t {
    const char *typ; /* header "typ" as written, NULL when absent */
    const cloudep_jwk_t *key;
    json_t *claims; /* an object */
} cloudep_jwt_t;

/**
 * Signs claims (an object) with a private signing key. The header is exactly {"alg","kid","typ"}.
 * CLOUDEP_EUNSET: the key cannot sign, or is NULL. CLOUDEP_EMALFORMED: claims is not an object, or the token would
 * exceed CLOUDEP_JWT_MAX. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_jwt_sign(const char **token, apr_pool_t *pool, const cloudep_jwk_t *key, const char *typ,
                              const json_t *claims);

typedef enum {
    CLOUDEP_JWT_OWN, /* the header must name its key */
    /* Other providers' id_tokens: a header without "kid" is accepted when the set has exactly one key of the header's
     * algorithm (OpenID Connect Core 10.1). "x5c" is not looked at: only the set's keys count. Any length. */
    CLOUDEP_JWT_FOREIGN
} cloudep_jwt_whose_t;

/**
 * Verifies token against the set. token must be the bare compact form: three base64url parts, nothing around.
 * *reason: on failure a short constant text that is safe to log; NULL on success.
 * CLOUDEP_EMALFORMED: not a JWS in compact form, or header or payload is not JSON as it must be.
 * CLOUDEP_EREFUSED: "crit", "jku", "x5u", "jwk", in a token of ours "x5c" (a header that would bring its own key).
 * APR_NOTFOUND: no key of that kid in the set (the caller may refetch the set). CLOUDEP_EFORGED: the signature
 * does not match, or "alg" is not the key's. CLOUDEP_EUNSET: set is NULL. APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_jwt_verify(const cloudep_jwt_t **jwt, apr_pool_t *pool, const cloudep_jwks_t *set,
                                const char *token, cloudep_jwt_whose_t whose, const char **reason);

#endif
