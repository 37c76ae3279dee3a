/*
 * setup.c - from the directives to the OpenID providers of a server, and what a child keeps of each.
 */
#include "oidc/oidc.h"

#include <apr_strings.h>
#include "base/text/validate.h"
#include "core/secret_file.h"

#define DIRECTIVE "CloudEPSocialProvider"
#define DEFAULT_SCOPE "openid email profile"
#define NAME_LONGEST 32

/* The words of a row. */
enum { NAME, ISSUER, CLIENT_ID, SECRET, OPTIONS };

static const char *fault(apr_pool_t *p, const char *directive, const char *value, const char *what)
{
    return apr_psprintf(p, "%s %s: %s", directive, value, what);
}

/* https, or http to this machine: what is read from there says whom to believe. */
static int is_safe_url(apr_pool_t *p, const char *url)
{
    const char *scheme;
    const char *host;

    return cloudep_is_url(url) && !strpbrk(url, "?#") && cloudep_http_split(&scheme, &host, p, url) == APR_SUCCESS &&
           (!strcmp(scheme, "https") || cloudep_http_is_loopback(host));
}

/* Fields of the authorization request that are ours alone. */
static int is_reserved(const char *name)
{
    static const char *const names[] = {
        "response_type",  "response_mode",         "client_id", "redirect_uri", "scope", "state", "nonce",
        "code_challenge", "code_challenge_method", "request",   "request_uri"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(names[i], name)) {
            return 1;
        }
    }
    return 0;
}

/* name=value; NULL: fine. */
static const char *read_option(cloudep_oidc_provider_t *provider, apr_table_t *parameters, apr_pool_t *p,
                               const char *option)
{
    const char *equals = strchr(option, '=');
    const char *name = equals ? apr_pstrmemdup(p, option, (apr_size_t)(equals - option)) : option;

    if (!equals || equals == option || !equals[1]) {
        return apr_pstrcat(p, option, " is not name=value", NULL);
    }
    if (!strcmp(name, "scope")) {
        provider->scope = equals + 1;
        return strstr(apr_pstrcat(p, " ", equals + 1, " ", NULL), " openid ") ? NULL : "scope has to have openid in it";
    }
    if (!strcmp(name, "auth")) {
        provider->auth = equals + 1;
        return !strcmp(provider->auth, "basic") || !strcmp(provider->auth, "post") ? NULL : "auth is basic or post";
    }
    if (is_reserved(name)) {
        return apr_pstrcat(p, name, " is set by CloudEP itself", NULL);
    }
    apr_table_addn(parameters, name, equals + 1);
    return NULL;
}

static const char *read_secret(cloudep_oidc_provider_t *provider, apr_pool_t *p, const char *word)
{
    const char *path = ap_server_root_relative(p, word);
    const char *error = NULL;

    if (!strcmp(word, "none")) {
        return NULL;
    }
    return path && cloudep_secret_line(&provider->secret, p, DIRECTIVE, path, &error) == APR_SUCCESS ? NULL
           : error                                                                                   ? error
                   : "the secret's file is no path";
}

/* NULL: fine. */
static const char *read_row(cloudep_oidc_t *oidc, apr_pool_t *p, const char *const *row)
{
    cloudep_oidc_provider_t *provider = apr_pcalloc(p, sizeof(*provider));
    apr_table_t *parameters = apr_table_make(p, 2);
    const char *error;

    if (!cloudep_is_id(row[NAME]) || strlen(row[NAME]) > NAME_LONGEST || cloudep_oidc_social(oidc, row[NAME])) {
        return "the name must be one of its own, of letters, digits, - and _";
    }
    if (!is_safe_url(p, row[ISSUER])) {
        return "the issuer must be an https URL, without query";
    }
    *provider = (cloudep_oidc_provider_t){.all = oidc,
                                          .name = row[NAME],
                                          .issuer = row[ISSUER],
                                          .client_id = row[CLIENT_ID],
                                          .scope = DEFAULT_SCOPE,
                                          .parameters = parameters};
    error = read_secret(provider, p, row[SECRET]);
    for (int i = OPTIONS; !error && row[i]; i++) {
        error = read_option(provider, parameters, p, row[i]);
    }
    if (!error) {
        APR_ARRAY_PUSH(oidc->social, cloudep_oidc_provider_t *) = provider;
    }
    return error;
}

/* The issuer of token/exchange is a provider that only ever gives us its keys. */
static const char *read_exchange(cloudep_oidc_t *oidc, apr_pool_t *p)
{
    const cloudep_config_t *config = oidc->config;

    if (!config->exchange_issuer) {
        return NULL;
    }
    if (!is_safe_url(p, config->exchange_issuer)) {
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
        const char *why = read_row(oidc, pconf, row);

        if (why) {
            *error = fault(pconf, DIRECTIVE, row[NAME], why);
            return APR_EINVAL;
        }
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

int cloudep_oidc_has_social(const cloudep_config_t *config)
{
    return config->run->oidc && config->run->oidc->social->nelts;
}

int cloudep_oidc_has_exchange(const cloudep_config_t *config)
{
    return config->run->oidc && config->run->oidc->exchange;
}
