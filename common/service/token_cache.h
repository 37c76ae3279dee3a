/*
 * token_cache.h - access tokens whose signature this child has verified already.
 *
 * Verifying a signature costs more than everything else that a guarded request needs, and the same token comes again
 * and again. What is kept is whose token it is and until when. Whether its session lives is looked up each time, unless
 * CloudEPSessionCache says otherwise. The cache is bounded: a new token takes the place of an older one.
 */
#ifndef CLOUDEP_TOKEN_CACHE_H
#define CLOUDEP_TOKEN_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/status.h"
#include "base/store/session_store.h"

typedef struct cloudep_token_cache_t cloudep_token_cache_t;

#define CLOUDEP_UUID_SIZE 37 /* with the NUL */
#define CLOUDEP_TOKEN_KEY 32 /* SHA-256 */

/* What a guarded request needs to know of a session. */
typedef struct cloudep_liveness_t {
    char amr[64];
    cloudep_proofs_t proofs;
    cloudep_turn_t turn; /* for its cookie */
} cloudep_liveness_t;

/* A verified access token. */
typedef struct cloudep_access_t {
    char tenant_id[CLOUDEP_UUID_SIZE];
    char session_id[CLOUDEP_UUID_SIZE];
    char uid[CLOUDEP_UUID_SIZE];
    apr_int64_t expires;         /* Unix seconds */
    apr_time_t checked;          /* when the session was last seen alive by the guard, 0: never */
    cloudep_liveness_t liveness; /* as of then */
} cloudep_access_t;

/** Made in the child, for one server's keys, issuer and audience. NULL: out of memory. */
cloudep_token_cache_t *cloudep_token_cache_create(apr_pool_t *pchild);

/** The key of a token: its SHA-256. @return APR_EGENERAL: OpenSSL failed */
apr_status_t cloudep_token_key(unsigned char key[CLOUDEP_TOKEN_KEY], const cloudep_token_cache_t *cache,
                               const char *token);

/** @return APR_NOTFOUND: not remembered; the caller checks expires against the clock */
apr_status_t cloudep_token_cache_get(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                                     cloudep_access_t *access);

void cloudep_token_cache_put(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                             const cloudep_access_t *access);

#endif
