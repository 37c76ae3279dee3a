/*
 * provider.c - what a provider says about itself, and its keys: read from it, kept, used.
 */
#include "oidc/oidc.h"

#include <apr_strings.h>
#include "base/metrics.h"
#include "core/module.h"

#define ANSWER_MAX (256 * 1024) /* bytes of anything a provider says */

static void complain(const cloudep_oidc_provider_t *provider, const char *url, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, provider->all->s, CENO(520) "OpenID provider %s: %s: %s", provider->issuer,
                 url, why);
}

/* A refusal that a client's own input caused must not open the breaker. */
static cloudep_breaker_end_e health(apr_status_t rv, const cloudep_http_response_t *response)
{
    if (rv != APR_SUCCESS || response->status >= 500 || response->status == HTTP_TOO_MANY_REQUESTS) {
        return CLOUDEP_BREAKER_FAILED;
    }
    return response->status == HTTP_OK ? CLOUDEP_BREAKER_WORKED : CLOUDEP_BREAKER_NEITHER;
}

apr_status_t cloudep_oidc_request(cloudep_http_response_t **response, const cloudep_oidc_provider_t *provider,
                                  apr_pool_t *p, cloudep_http_request_t *request)
{
    const cloudep_config_t *config = provider->all->config;
    int probe;
    apr_status_t rv = cloudep_breaker_enter(&probe, provider->breaker);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    request->ca_file = config->ca_file;
    request->total_timeout = config->oidc_timeout;
    request->max_bytes = ANSWER_MAX;
    rv = cloudep_http_exchange(response, provider->all->http, p, request);
    switch (cloudep_breaker_leave(provider->breaker, probe, health(rv, rv == APR_SUCCESS ? *response : NULL))) {
    case CLOUDEP_BREAKER_OPENED:
        cloudep_gauge_add(CLOUDEP_METRIC_BREAKERS_OPEN, provider->name, 1);
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, provider->all->s,
                     CENO(523) "OpenID provider %s fails: not asked for %d s", provider->issuer, config->oidc_pause);
        break;
    case CLOUDEP_BREAKER_CLOSED:
        cloudep_gauge_add(CLOUDEP_METRIC_BREAKERS_OPEN, provider->name, -1);
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, provider->all->s, CENO(524) "OpenID provider %s answers again",
                     provider->issuer);
        break;
    case CLOUDEP_BREAKER_AS_BEFORE:
        break;
    }
    if (rv != APR_SUCCESS) {
        complain(provider, request->url, cloudep_status_name(rv));
        return CLOUDEP_EPROVIDER;
    }
    return APR_SUCCESS;
}

static apr_status_t get_document(cloudep_http_response_t **response, const cloudep_oidc_provider_t *provider,
                                 apr_pool_t *p, const char *url)
{
    apr_array_header_t *headers = apr_array_make(p, 1, sizeof(const char *));
    cloudep_http_request_t request = {.url = url, .headers = headers};
    apr_status_t rv;

    APR_ARRAY_PUSH(headers, const char *) = "Accept: application/json";
    rv = cloudep_oidc_request(response, provider, p, &request);
    if (rv == APR_SUCCESS && (*response)->status != HTTP_OK) {
        complain(provider, url, apr_psprintf(p, "answers %d", (*response)->status));
        return CLOUDEP_EPROVIDER;
    }
    return rv;
}

/* ---- read and kept ---- */

static apr_status_t read_metadata(const void **value, void *baton, apr_pool_t *pool)
{
    const cloudep_oidc_provider_t *provider = baton;
    apr_size_t length = strlen(provider->issuer);
    const char *base = apr_pstrmemdup(pool, provider->issuer, length - (provider->issuer[length - 1] == '/'));
    const char *url = apr_pstrcat(pool, base, "/.well-known/openid-configuration", NULL);
    const cloudep_oidc_metadata_t *metadata;
    cloudep_http_response_t *response;
    const char *reason;
    apr_status_t rv = get_document(&response, provider, pool, url);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (cloudep_oidc_metadata_read(&metadata, pool, response->body, response->len, provider->issuer, &reason) !=
        APR_SUCCESS) {
        complain(provider, url, reason);
        return CLOUDEP_EPROVIDER;
    }
    *value = metadata;
    return APR_SUCCESS;
}

static apr_status_t read_keys(const void **value, void *baton, apr_pool_t *pool)
{
    const cloudep_oidc_provider_t *provider = baton;
    const cloudep_oidc_metadata_t *metadata;
    const cloudep_jwks_t *keys;
    cloudep_http_response_t *response;
    const char *error;
    apr_status_t rv = cloudep_oidc_metadata(&metadata, provider, pool);

    if (rv != APR_SUCCESS || (rv = get_document(&response, provider, pool, metadata->jwks_uri)) != APR_SUCCESS) {
        return rv;
    }
    if (cloudep_jwks_parse(&keys, pool, response->body, response->len, CLOUDEP_JWKS_FOREIGN, &error) != APR_SUCCESS ||
        cloudep_jwks_count(keys) == 0) {
        complain(provider, metadata->jwks_uri, error ? error : "no key in there that we could use");
        return CLOUDEP_EPROVIDER;
    }
    *value = keys;
    return APR_SUCCESS;
}

static apr_status_t keep(cloudep_oidc_provider_t *provider, apr_pool_t *pchild)
{
    const cloudep_config_t *config = provider->all->config;
    cloudep_fetched_rule_t rule = {.fetch = read_metadata,
                                   .baton = provider,
                                   .lifetime = apr_time_from_sec(config->jwks_lifetime),
                                   .min_interval = apr_time_from_sec(config->jwks_min_interval),
                                   .wait = apr_time_from_msec(config->oidc_timeout)};
    const cloudep_breaker_limits_t limits = {.calls = config->oidc_connections,
                                             .queue = config->oidc_connections,
                                             .wait = apr_time_from_msec(config->oidc_timeout),
                                             .failures = config->oidc_failures,
                                             .pause = apr_time_from_sec(config->oidc_pause)};
    apr_status_t rv = cloudep_breaker_create(&provider->breaker, pchild, &limits);

    if (rv != APR_SUCCESS || (rv = cloudep_fetched_create(&provider->metadata, pchild, &rule)) != APR_SUCCESS) {
        return rv;
    }
    rule.fetch = read_keys;
    rule.wait *= 2; /* it may have to read the metadata first */
    return cloudep_fetched_create(&provider->keys, pchild, &rule);
}

apr_status_t cloudep_oidc_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_oidc_t *oidc = config->run->oidc;
    apr_status_t rv = APR_SUCCESS;

    (void)s;
    if (!oidc) {
        return APR_SUCCESS;
    }
    oidc->http = config->run->http;
    for (int i = 0; rv == APR_SUCCESS && i < oidc->social->nelts; i++) {
        rv = keep(APR_ARRAY_IDX(oidc->social, i, cloudep_oidc_provider_t *), pchild);
    }
    return rv == APR_SUCCESS && oidc->exchange ? keep(oidc->exchange, pchild) : rv;
}

/* ---- used ---- */

apr_status_t cloudep_oidc_metadata(const cloudep_oidc_metadata_t **metadata, const cloudep_oidc_provider_t *provider,
                                   apr_pool_t *p)
{
    const void *value = NULL;
    unsigned int generation;
    apr_status_t rv = cloudep_fetched_get(&value, &generation, provider->metadata, p);

    *metadata = value;
    return rv == APR_SUCCESS ? rv : CLOUDEP_EPROVIDER;
}

/* A key may be missing, or be replaced under its kid. */
static int may_be_outdated(apr_status_t rv)
{
    return rv == APR_NOTFOUND || rv == CLOUDEP_EFORGED;
}

static apr_status_t verify_published(const cloudep_jwt_t **jwt, const cloudep_oidc_provider_t *provider, apr_pool_t *p,
                                     const char *token, const char **reason)
{
    const void *keys;
    unsigned int generation;
    apr_status_t renewed, rv;

    *reason = "the provider's keys cannot be had";
    if (cloudep_fetched_get(&keys, &generation, provider->keys, p) != APR_SUCCESS) {
        return CLOUDEP_EPROVIDER;
    }
    rv = cloudep_jwt_verify(jwt, p, keys, token, CLOUDEP_JWT_FOREIGN, reason);
    if (!may_be_outdated(rv)) {
        return rv;
    }
    renewed = cloudep_fetched_renew(&keys, &generation, provider->keys, p);
    if (renewed == APR_NOTFOUND) {
        return rv;
    }
    *reason = "the provider's keys cannot be had";
    return renewed == APR_SUCCESS ? cloudep_jwt_verify(jwt, p, keys, token, CLOUDEP_JWT_FOREIGN, reason)
                                  : CLOUDEP_EPROVIDER;
}

static int is_allowed(const apr_array_header_t *algorithms, const char *name)
{
    for (int i = 0; algorithms && i < algorithms->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(algorithms, i, const char *), name)) {
            return 1;
        }
    }
    return !algorithms;
}

apr_status_t cloudep_oidc_verify(const cloudep_jwt_t **jwt, const cloudep_oidc_provider_t *provider, apr_pool_t *p,
                                 const char *token, const char **reason)
{
    apr_status_t rv = provider->secret_keys
                          ? cloudep_jwt_verify(jwt, p, provider->secret_keys, token, CLOUDEP_JWT_FOREIGN, reason)
                          : verify_published(jwt, provider, p, token, reason);

    if (rv == APR_SUCCESS && !is_allowed(provider->algorithms, cloudep_jwk_alg((*jwt)->key))) {
        *reason = "its algorithm is not among those that alg= names";
        return CLOUDEP_EREFUSED;
    }
    return rv;
}
