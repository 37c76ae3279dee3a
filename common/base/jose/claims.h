/*
 * claims.h - what our own access and refresh tokens say (RFC 7519, RFC 9068), and the check of it.
 *
 * Every claim is required, so a token made for another purpose by the same key never passes. All times are
 * Unix seconds; the clock is a parameter.
 */
#ifndef CLOUDEP_CLAIMS_H
#define CLOUDEP_CLAIMS_H

#include <apr_tables.h>
#include "base/jose/jwt.h"

typedef enum { CLOUDEP_TOKEN_ACCESS, CLOUDEP_TOKEN_REFRESH } cloudep_token_kind_t;

typedef struct cloudep_claims_t {
    const char *iss;
    const char *aud;
    const char *sub; /* uid of the member, a UUID */
    const char *tid; /* tenant, a UUID */
    const char *sid; /* session, a UUID */
    const char *jti; /* 1 to 64 printable characters */
    apr_int64_t iat;
    apr_int64_t nbf;
    apr_int64_t exp;
    apr_int64_t auth_time;
    const apr_array_header_t *amr; /* of const char *, RFC 8176; at least one */
} cloudep_claims_t;

/* What a token must satisfy. */
typedef struct cloudep_claims_rule_t {
    cloudep_token_kind_t kind;
    const char *iss;
    const char *aud;
    apr_int64_t now;    /* Unix seconds */
    apr_int64_t leeway; /* seconds the clocks may differ */
} cloudep_claims_rule_t;

/* The "typ" header of a kind: "at+jwt" or "rt+jwt". */
const char *cloudep_claims_typ(cloudep_token_kind_t kind);

/**
 * Signs claims as a token of that kind.
 * @return as cloudep_claims_to_json() and cloudep_jwt_sign()
 */
apr_status_t cloudep_claims_sign(const char **token, apr_pool_t *pool, const cloudep_jwk_t *key,
                                 cloudep_token_kind_t kind, const cloudep_claims_t *claims);

/**
 * The claims as a JSON object for cloudep_jwt_sign, released with pool.
 * CLOUDEP_EMALFORMED: a member is missing or would not pass cloudep_claims_check.
 */
apr_status_t cloudep_claims_to_json(json_t **json, apr_pool_t *pool, const cloudep_claims_t *claims);

/**
 * Checks a verified token. *claims is allocated from pool and does not point into jwt.
 * *reason: on failure a short constant text that is safe to log; NULL on success.
 * CLOUDEP_EMALFORMED: a claim is missing or cannot be. CLOUDEP_EREFUSED: wrong typ, iss or aud.
 * CLOUDEP_EEXPIRED: expired, or not valid yet.
 */
apr_status_t cloudep_claims_check(const cloudep_claims_t **claims, apr_pool_t *pool, const cloudep_jwt_t *jwt,
                                  const cloudep_claims_rule_t *rule, const char **reason);

/**
 * For id_tokens of other providers as well:
 * a NumericDate member (RFC 7519 section 2) in whole seconds; fractions are cut. APR_NOTFOUND: absent.
 * CLOUDEP_EMALFORMED: not a number, negative, or beyond the year 9999.
 */
apr_status_t cloudep_claims_time(apr_int64_t *seconds, const json_t *claims, const char *name);

/**
 * Whether "aud", a string or an array of strings, is or contains audience. False also when it is of
 * any other shape.
 */
int cloudep_claims_has_aud(const json_t *claims, const char *audience);

/* Whether typ, the header of a token, means expected: case-insensitive, "application/" in front may be there
 * (RFC 7515 section 4.1.9). typ may be NULL. */
int cloudep_claims_typ_is(const char *typ, const char *expected);

#endif
