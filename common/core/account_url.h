/*
 * account_url.h - CloudEPAccountURL: where the pages are that mailed links lead to.
 *
 * A link is made of this setting and never of a request, whose Host anybody may choose. Its token is in the fragment,
 * which browsers send to nobody.
 */
#ifndef CLOUDEP_ACCOUNT_URL_H
#define CLOUDEP_ACCOUNT_URL_H

#include <apr_pools.h>
#include "core/settings.h"

struct server_rec;

/** Refuses an address that no link can begin with; the prepare of a part (core/parts.h). */
apr_status_t cloudep_account_url_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                         const char **error);

/** The link for a token: "https://id.example.com/account/#undo=TOKEN"; NULL: CloudEPAccountURL is not set. */
const char *cloudep_account_link(apr_pool_t *p, const cloudep_config_t *config, const char *kind, const char *token);

#endif
