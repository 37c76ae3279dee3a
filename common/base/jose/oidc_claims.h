/*
 * oidc_claims.h - what an OpenID provider says about itself and about a user (OpenID Connect Core and Discovery 1.0).
 *
 * Pure: the signature was checked before (jwt.h), the clock is a parameter. Texts are copied to the pool.
 */
#ifndef CLOUDEP_OIDC_CLAIMS_H
#define CLOUDEP_OIDC_CLAIMS_H

#include "base/jose/claims.h"

/* A provider's own description. */
typedef struct cloudep_oidc_metadata_t {
    const char *authorization_endpoint; /* NULL where it has none, as the next two */
    const char *token_endpoint;
    const char *userinfo_endpoint;
    const char *jwks_uri;
    int takes_basic; /* its token endpoint takes client_secret_basic */
} cloudep_oidc_metadata_t;

/**
 * Reads a discovery document (OpenID Connect Discovery 1.0, section 3).
 * @param reason on failure a short constant text
 * @return CLOUDEP_EMALFORMED: no such document; CLOUDEP_EREFUSED: it is that of another issuer
 */
apr_status_t cloudep_oidc_metadata_read(const cloudep_oidc_metadata_t **metadata, apr_pool_t *pool, const char *text,
                                        apr_size_t length, const char *issuer, const char **reason);

/* What an id_token must satisfy (OpenID Connect Core 3.1.3.7). */
typedef struct cloudep_idtoken_rule_t {
    const char *issuer;
    const char *audience;              /* our client id */
    const apr_array_header_t *parties; /* of const char *: the azp that are allowed; NULL: the audience only */
    const char *nonce;                 /* NULL: none was sent */
    apr_int64_t now;                   /* Unix seconds */
    apr_int64_t leeway;                /* seconds the clocks may differ */
    apr_int64_t max_age;               /* seconds since iat; 0: does not matter */
} cloudep_idtoken_rule_t;

typedef struct cloudep_idtoken_t {
    const char *subject; /* 1 to 255 printable ASCII characters */
    apr_int64_t exp;
} cloudep_idtoken_t;

/**
 * Checks a verified id_token.
 * @param reason on failure a short constant text that is safe to log; NULL on success
 * @return CLOUDEP_EMALFORMED: a claim is missing or cannot be; CLOUDEP_EREFUSED: of another issuer, for another
 *         client, or no id_token at all; CLOUDEP_EFORGED: another nonce; CLOUDEP_EEXPIRED: expired, too old or not
 *         valid yet
 */
apr_status_t cloudep_idtoken_check(const cloudep_idtoken_t **idtoken, apr_pool_t *pool, const cloudep_jwt_t *jwt,
                                   const cloudep_idtoken_rule_t *rule, const char **reason);

/* What a provider says of an address. */
typedef enum {
    CLOUDEP_EMAIL_ABSENT,   /* there is none, or none that we could mail to */
    CLOUDEP_EMAIL_UNSTATED, /* not whether it is verified: Microsoft Entra and LINE never do */
    CLOUDEP_EMAIL_DENIED,   /* that it is not */
    CLOUDEP_EMAIL_VERIFIED
} cloudep_email_state_e;

/* Whom the provider means. */
typedef struct cloudep_oidc_profile_t {
    const char *email; /* as we store it; NULL: CLOUDEP_EMAIL_ABSENT */
    cloudep_email_state_e email_state;
    const char *name; /* NULL: none that can be shown */
} cloudep_oidc_profile_t;

/**
 * Takes address and name from an id_token or from userinfo. Whether an address is verified is believed only of the
 * document that has the address. The name is kept when this document has none.
 */
void cloudep_oidc_profile_read(cloudep_oidc_profile_t *profile, apr_pool_t *pool, const json_t *claims);

/**
 * The name in what Apple posts beside the code when somebody logs in there for the first time, and never again:
 * {"name":{"firstName":"..","lastName":".."},..}. NULL: none that can be shown. The browser brings it, unsigned.
 */
const char *cloudep_oidc_user_name(apr_pool_t *pool, const char *user);

/** A claim that is text, from claims itself; NULL: absent, empty or something else. */
const char *cloudep_claim_text(const json_t *claims, const char *name);

#endif
