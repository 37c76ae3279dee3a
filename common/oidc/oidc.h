/*
 * oidc.h - OpenID providers of this server as the core sees them: those of social login, and that of token/exchange.
 *
 * What a provider says about itself, and its keys, are read when they are first needed and kept in each child. Hold no
 * database connection while any of these functions runs: they may ask the provider.
 */
#ifndef CLOUDEP_OIDC_H
#define CLOUDEP_OIDC_H

#include "base/breaker.h"
#include "base/fetched.h"
#include "base/jose/oidc_claims.h"
#include "core/config.h"
#include "core/http.h"

typedef struct cloudep_oidc_t cloudep_oidc_t;

/* One CloudEPSocialProvider, or the issuer of CloudEPExchangeIssuer. */
typedef struct cloudep_oidc_provider_t {
    const cloudep_oidc_t *all;
    const char *name;
    const char *issuer;
    const char *client_id;
    const char *secret;              /* NULL: a public client, or one whose secret is signed */
    const cloudep_jwk_t *secret_key; /* signs the client secret, a JWT; NULL: the secret is a word */
    const char *team_id;             /* with secret_key: its issuer */
    const char *scope;
    const char *auth;                     /* "basic" or "post"; NULL: what the provider takes */
    const char *response_mode;            /* NULL: the provider's default, a query */
    const char *page;                     /* takes over what the provider posts; NULL: it does not post */
    const apr_array_header_t *algorithms; /* of const char *: those of an id_token; NULL: all of a published key */
    const cloudep_jwks_t *secret_keys;    /* id_tokens are signed by the secret (HS256) alone; NULL: published keys */
    int trusts_email;                     /* an address counts unless the provider says that it is not verified */
    const apr_table_t *parameters;        /* more fields of the authorization request */
    cloudep_fetched_t *metadata;          /* cloudep_oidc_metadata_t; made in the child, as the rest */
    cloudep_fetched_t *keys;              /* cloudep_jwks_t */
    cloudep_breaker_t *breaker;           /* around each request */
} cloudep_oidc_provider_t;

struct cloudep_oidc_t {
    server_rec *s;
    const cloudep_config_t *config;
    apr_array_header_t *social;        /* of cloudep_oidc_provider_t * */
    cloudep_oidc_provider_t *exchange; /* NULL: not configured */
    cloudep_http_t *http;
};

/* setup.c */

/* As the members of cloudep_part_t that they are; run->oidc stays NULL where no provider is set. */

apr_status_t cloudep_oidc_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);
/** After run->http. */
apr_status_t cloudep_oidc_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);
int cloudep_oidc_has_social(const cloudep_config_t *config);
int cloudep_oidc_has_exchange(const cloudep_config_t *config);

/** Whether a provider is left alone for a while, as requests to it have failed. */
int cloudep_oidc_is_left_alone(const cloudep_oidc_provider_t *provider);

/** The social provider of that name; NULL: none. */
const cloudep_oidc_provider_t *cloudep_oidc_social(const cloudep_oidc_t *oidc, const char *name);

/* row.c */

/** An https URL, or http to this machine, without query and fragment: what is read there says whom to believe. */
int cloudep_oidc_is_safe_url(apr_pool_t *p, const char *url);

/**
 * Reads one CloudEPSocialProvider into provider, whose all is set.
 * @param row name, issuer, client id, file of the secret or "none", then name=value; ended by NULL
 * @return NULL, or what is wrong and what to write instead
 */
const char *cloudep_oidc_read_row(cloudep_oidc_provider_t *provider, apr_pool_t *p, const char *const *row);

/* provider.c */

/** What the provider says about itself, good as long as p. CLOUDEP_EPROVIDER: it cannot be had. */
apr_status_t cloudep_oidc_metadata(const cloudep_oidc_metadata_t **metadata, const cloudep_oidc_provider_t *provider,
                                   apr_pool_t *p);

/**
 * Verifies a token with the provider's keys, which are read again, once in CloudEPJWKSMinInterval, when they do not
 * fit: a key may be new, or be another one under the kid of before.
 * @param reason on failure a short constant text that is safe to log
 * @return CLOUDEP_EPROVIDER: the keys cannot be had; else as cloudep_jwt_verify()
 */
apr_status_t cloudep_oidc_verify(const cloudep_jwt_t **jwt, const cloudep_oidc_provider_t *provider, apr_pool_t *p,
                                 const char *token, const char **reason);

/**
 * One request to the provider, of so many at once. CLOUDEP_EPROVIDER: no answer, and the log says why, or too many had
 * none lately; CLOUDEP_EOVERLOAD: no place within the time that the request itself may take.
 */
apr_status_t cloudep_oidc_request(cloudep_http_response_t **response, const cloudep_oidc_provider_t *provider,
                                  apr_pool_t *p, cloudep_http_request_t *request);

/* redeem.c */

/* What came back from a provider, and what was sent there before. */
typedef struct cloudep_oidc_return_t {
    const char *code;
    const char *redirect_uri;
    const char *verifier;
    const char *nonce;
} cloudep_oidc_return_t;

/**
 * Redeems an authorization code (RFC 6749, section 4.1.3) and finds out whom the provider means by it.
 * @param subject and profile in p. profile, empty, may be NULL: then only the id_token is looked at
 * @return CLOUDEP_EFORGED: the provider does not know the code, or it is of another login; CLOUDEP_EPROVIDER: no
 *         answer, or one that cannot be believed
 */
apr_status_t cloudep_oidc_redeem(const char **subject, cloudep_oidc_profile_t *profile,
                                 const cloudep_oidc_provider_t *provider, apr_pool_t *p,
                                 const cloudep_oidc_return_t *returned);

/** Whether the address in profile is believed to be the person's. */
int cloudep_oidc_believes(const cloudep_oidc_provider_t *provider, const cloudep_oidc_profile_t *profile);

#endif
