/*
 * public_url.h - the addresses of directives that everybody comes to: the issuer, the account pages.
 */
#ifndef CLOUDEP_PUBLIC_URL_H
#define CLOUDEP_PUBLIC_URL_H

#include <apr_pools.h>

/**
 * Why a URL that directives name as public cannot serve, as the end of a sentence ("must be ..."), or NULL: it has to
 * be https (http to loopback, for development), with a host, and without user, ? and #.
 */
const char *cloudep_public_url_fault(apr_pool_t *pool, const char *url);

#endif
