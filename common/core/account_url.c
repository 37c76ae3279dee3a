/*
 * account_url.c - see account_url.h.
 */
#include "core/account_url.h"

#include <apr_strings.h>
#include "base/status.h"
#include "core/public_url.h"

apr_status_t cloudep_account_url_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                         const char **error)
{
    const char *url = config->account_url;
    const char *fault = url ? cloudep_public_url_fault(pconf, url) : NULL;

    (void)s;
    if (!fault) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(pconf, "CloudEPAccountURL %s: it %s, such as https://id.example.com/account/", url, fault);
    return CLOUDEP_EMALFORMED;
}

const char *cloudep_account_link(apr_pool_t *p, const cloudep_config_t *config, const char *kind, const char *token)
{
    return config->account_url ? apr_pstrcat(p, config->account_url, "#", kind, "=", token, NULL) : NULL;
}
