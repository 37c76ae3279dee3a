/*
 * account_url.c - see account_url.h.
 */
#include "core/account_url.h"

#include <apr_strings.h>
#include <string.h>
#include "base/status.h"
#include "base/text/validate.h"

static int begins_with(const char *text, const char *prefix)
{
    return !strncasecmp(text, prefix, strlen(prefix));
}

/* http is for development, on this machine. */
static int is_private(const char *url)
{
    return begins_with(url, "https://") || begins_with(url, "http://127.") || begins_with(url, "http://[::1]") ||
           begins_with(url, "http://localhost:") || begins_with(url, "http://localhost/");
}

apr_status_t cloudep_account_url_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                         const char **error)
{
    const char *url = config->account_url;

    (void)s;
    if (!url || (cloudep_is_url(url) && is_private(url) && !strpbrk(url, "#?"))) {
        return APR_SUCCESS;
    }
    *error = apr_psprintf(pconf,
                          "CloudEPAccountURL %s: must be an https address without ? and #, such as "
                          "https://id.example.com/account/",
                          url);
    return CLOUDEP_EMALFORMED;
}

const char *cloudep_account_link(apr_pool_t *p, const cloudep_config_t *config, const char *kind, const char *token)
{
    return config->account_url ? apr_pstrcat(p, config->account_url, "#", kind, "=", token, NULL) : NULL;
}
