/*
 * setup.c - from the directives to the OpenID providers of a server, and what a child keeps of each.
 */
#include "oidc/oidc.h"

#include <apr_strings.h>

#define DIRECTIVE "CloudEPSocialProvider"

/* The issuer of token/exchange is a provider that only ever gives us its keys. */
static const char *read_exchange(cloudep_oidc_t *oidc, apr_pool_t *p)
{
    const cloudep_config_t *config = oidc->config;

    if (!config->exchange_issuer) {
        return NULL;
    }
    if (!cloudep_oidc_is_safe_url(p, config->exchange_issuer)) {
        return "CloudEPExchangeIssuer must be an https URL, without query";
    }
    if (!config->exchange_audience) {
        return "CloudEPExchangeIssuer needs CloudEPExchangeAudience";
    }
    oidc->exchange = apr_pcalloc(p, sizeof(*oidc->exchange));
    oidc->exchange->all = oidc;
    oidc->exchange->name = "exchange";
    oidc->exchange->issuer = config->exchange_issuer;
    oidc->exchange->client_id = config->exchange_audience;
    return NULL;
}

apr_status_t cloudep_oidc_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    cloudep_oidc_t *oidc = apr_pcalloc(pconf, sizeof(*oidc));
    int rows = config->social_providers ? config->social_providers->nelts : 0;

    if (!rows && !config->exchange_issuer) {
        return APR_SUCCESS;
    }
    oidc->s = s;
    oidc->config = config;
    oidc->social = apr_array_make(pconf, rows + 1, sizeof(cloudep_oidc_provider_t *));
    for (int i = 0; i < rows; i++) {
        const char *const *row = APR_ARRAY_IDX(config->social_providers, i, const char *const *);
        cloudep_oidc_provider_t *provider = apr_pcalloc(pconf, sizeof(*provider));
        const char *why;

        provider->all = oidc;
        if ((why = cloudep_oidc_read_row(provider, pconf, row))) {
            *error = apr_psprintf(pconf, DIRECTIVE " %s: %s", row[0], why);
            return APR_EINVAL;
        }
        APR_ARRAY_PUSH(oidc->social, cloudep_oidc_provider_t *) = provider;
    }
    *error = read_exchange(oidc, pconf);
    if (*error) {
        return APR_EINVAL;
    }
    config->run->oidc = oidc;
    return APR_SUCCESS;
}

const cloudep_oidc_provider_t *cloudep_oidc_social(const cloudep_oidc_t *oidc, const char *name)
{
    for (int i = 0; oidc && i < oidc->social->nelts; i++) {
        const cloudep_oidc_provider_t *provider = APR_ARRAY_IDX(oidc->social, i, const cloudep_oidc_provider_t *);

        if (!strcmp(provider->name, name)) {
            return provider;
        }
    }
    return NULL;
}

int cloudep_oidc_is_left_alone(const cloudep_oidc_provider_t *provider)
{
    return provider->breaker && cloudep_breaker_is_open(provider->breaker);
}

int cloudep_oidc_has_social(const cloudep_config_t *config)
{
    return config->run->oidc && config->run->oidc->social->nelts;
}

int cloudep_oidc_has_exchange(const cloudep_config_t *config)
{
    return config->run->oidc && config->run->oidc->exchange;
}
