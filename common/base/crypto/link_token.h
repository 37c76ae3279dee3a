/*
 * link_token.h - the tokens of one-time links: the tenant's id and 256 random bits, as base64url.
 *
 * Only a digest is kept: 256 bits cannot be guessed, so that a plain SHA-256 is enough. The tenant's id is in the token
 * because every key begins with it, and whoever opens a link says nothing else.
 */
#ifndef CLOUDEP_LINK_TOKEN_H
#define CLOUDEP_LINK_TOKEN_H

#include <apr_pools.h>
#include "base/export.h"
#include "base/status.h"

#define CLOUDEP_LINK_TOKEN_SIZE 64 /* characters */

/* A token and what is kept of it. */
typedef struct cloudep_link_token_t {
    const char *text; /* for the link, and nobody else */
    const char *tenant_id;
    const char *digest;
} cloudep_link_token_t;

/** A new token of a tenant (a UUID). @return APR_EGENERAL: no randomness, or OpenSSL failed; APR_EINVAL: not a UUID */
apr_status_t cloudep_link_token_make(cloudep_link_token_t *token, apr_pool_t *p, const char *tenant_id);

/** Reads a token that a client sent. @return CLOUDEP_EMALFORMED: it can be none of ours; APR_EGENERAL */
apr_status_t cloudep_link_token_read(cloudep_link_token_t *token, apr_pool_t *p, const char *text);

#endif
