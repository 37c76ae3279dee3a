/*
 * breached.c - see breached.h.
 */
#include "core/breached.h"

#include <apr_strings.h>

apr_status_t cloudep_breached_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                      const char **error)
{
    apr_status_t rv;

    (void)s;
    if (!config->breached_passwords) {
        return APR_SUCCESS;
    }
    rv = cloudep_breached_open(&config->run->breached, pconf, config->breached_passwords, error);
    if (rv != APR_SUCCESS) {
        *error = apr_pstrcat(pconf, "CloudEPBreachedPasswords ", *error, NULL);
    }
    return rv;
}
