/*
 * provider.h - an OpenID provider for the tests of flows: somebody else's program, so a peer plays it, which says what
 * the test has it say. t/oidc tests against a real one.
 */
#ifndef CLOUDEP_TEST_PROVIDER_H
#define CLOUDEP_TEST_PROVIDER_H

#include "base/jose/jwt.h"
#include "flow.h"
#include "oidc/oidc.h"
#include "peer.h"

#define PROVIDER_METADATA "GET /.well-known/openid-configuration"
#define PROVIDER_KEYS "GET /keys"
#define PROVIDER_TOKEN "POST /token"
#define PROVIDER_USERINFO "GET /userinfo"
#define PROVIDER_CLIENT "client"

static struct {
    peer_t peer;
    const cloudep_jwks_t *keys; /* that it publishes; the active one signs */
} provider;

/** Has it publish a key set. */
static inline void provider_publishes(const cloudep_jwks_t *keys)
{
    peer_answers(&provider.peer, PROVIDER_KEYS, 200, cloudep_jwks_public_json(keys, flow.pool));
}

/** Has it describe itself: its authorization endpoint, and more members, each with a comma before it. */
static inline void provider_describes(const char *authorization, const char *more)
{
    const char *url = provider.peer.url;

    peer_answers(&provider.peer, PROVIDER_METADATA, 200,
                 apr_psprintf(flow.pool,
                              "{\"issuer\":\"%s\",\"authorization_endpoint\":\"%s\",\"jwks_uri\":\"%s/keys\","
                              "\"token_endpoint\":\"%s/token\",\"userinfo_endpoint\":\"%s/userinfo\"%s}",
                              url, authorization, url, url, url, more));
}

/** After flow_start(). */
static inline void provider_start(void)
{
    peer_start(&provider.peer);
    provider.keys = flow_keys("provider", "ES256");
    provider_publishes(provider.keys);
    provider_describes(apr_pstrcat(flow.pool, provider.peer.url, "/authorize", NULL), "");
}

/** One CloudEPSocialProvider; before provider_use(). */
static inline void provider_row(const char *const *row)
{
    if (!flow.config.social_providers) {
        flow.config.social_providers = apr_array_make(flow.pool, 2, sizeof(const char *const *));
    }
    APR_ARRAY_PUSH(flow.config.social_providers, const char *const *) = row;
}

/** What a start and a child do. Again: the child has nothing of what was read before. */
static inline void provider_use(void)
{
    const char *error = NULL;

    flow_must(cloudep_oidc_prepare(NULL, &flow.config, flow.pool, &error), error ? error : "the provider's row");
    flow_must(cloudep_oidc_child_init(NULL, &flow.config, flow.pool), "the provider's client");
}

/** Signs claims, which are released. */
static inline const char *provider_signs(flow_case_t *at, json_t *claims)
{
    const char *token;

    flow_must(cloudep_jwt_sign(&token, at->p, cloudep_jwks_active(provider.keys, CLOUDEP_KEY_SIGN), "JWT", claims),
              "the id_token");
    json_decref(claims);
    return token;
}

/** The claims of an id_token for us, of now and for five minutes. The caller owns them. */
static inline json_t *provider_claims(const char *subject)
{
    const json_int_t now = apr_time_sec(apr_time_now());

    return json_pack("{ss,ss,ss,sI,sI}", "iss", provider.peer.url, "aud", PROVIDER_CLIENT, "sub", subject, "iat", now,
                     "exp", now + 300);
}

/** The same claims with those of more in place of or beside them; both are the caller's to give away. */
static inline json_t *provider_with(json_t *claims, json_t *more)
{
    (void)json_object_update(claims, more);
    json_decref(more);
    return claims;
}

#endif
