/*
 * oidc_request.h - what we send to an OpenID provider: addresses with a query, forms, proof keys (RFC 6749, RFC 7636).
 */
#ifndef CLOUDEP_OIDC_REQUEST_H
#define CLOUDEP_OIDC_REQUEST_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "base/status.h"

/** Names and values, in their order, as application/x-www-form-urlencoded. */
const char *cloudep_form_encode(apr_pool_t *pool, const apr_table_t *fields);

/** The fields added to the query of an address, which may have one already; a fragment goes. */
const char *cloudep_url_with_query(apr_pool_t *pool, const char *url, const apr_table_t *fields);

/** A fresh code_verifier of 43 characters. APR_EGENERAL: no randomness. */
apr_status_t cloudep_pkce_verifier(const char **verifier, apr_pool_t *pool);

/** Its code_challenge by the method S256. APR_EGENERAL: OpenSSL failed. */
apr_status_t cloudep_pkce_challenge(const char **challenge, apr_pool_t *pool, const char *verifier);

#endif
