/*
 * token_cache.c - a table of fixed size: a token has one place, and the last one to come has it.
 *
 * Keys are SHA-256, so nobody can aim two tokens at one place without finding them by chance, and all that a
 * displaced token costs is one more verification.
 */
#include "token_cache.h"

#include <apr_thread_mutex.h>
#include <openssl/evp.h>
#include <string.h>

#define PLACES 4096 /* about 1.5 MiB a child and server */
#define LOCKS 64

typedef struct place_t {
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access;
} place_t;

struct cloudep_token_cache_t {
    EVP_MD *sha256; /* fetched once, as that takes as long as the hash */
    apr_thread_mutex_t *locks[LOCKS];
    place_t *places;
};

static apr_status_t free_digest(void *sha256)
{
    EVP_MD_free(sha256);
    return APR_SUCCESS;
}

cloudep_token_cache_t *cloudep_token_cache_create(apr_pool_t *pchild)
{
    cloudep_token_cache_t *cache = apr_pcalloc(pchild, sizeof(*cache));

    for (int i = 0; i < LOCKS; i++) {
        if (apr_thread_mutex_create(&cache->locks[i], APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
            return NULL;
        }
    }
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!cache->sha256) {
        return NULL;
    }
    apr_pool_cleanup_register(pchild, cache->sha256, free_digest, apr_pool_cleanup_null);
    cache->places = apr_pcalloc(pchild, PLACES * sizeof(*cache->places));
    return cache;
}

apr_status_t cloudep_token_key(unsigned char key[CLOUDEP_TOKEN_KEY], const cloudep_token_cache_t *cache,
                               const char *token)
{
    return EVP_Digest(token, strlen(token), key, NULL, cache->sha256, NULL) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

static unsigned place_of(const unsigned char *key)
{
    return ((unsigned)key[0] << 8 | key[1]) % PLACES;
}

apr_status_t cloudep_token_cache_get(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                                     cloudep_access_t *access)
{
    unsigned i = place_of(key);
    const place_t *place = &cache->places[i];
    apr_status_t rv = APR_NOTFOUND;

    apr_thread_mutex_lock(cache->locks[i % LOCKS]);
    if (place->access.expires && !memcmp(place->key, key, CLOUDEP_TOKEN_KEY)) {
        *access = place->access;
        rv = APR_SUCCESS;
    }
    apr_thread_mutex_unlock(cache->locks[i % LOCKS]);
    return rv;
}

void cloudep_token_cache_put(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                             const cloudep_access_t *access)
{
    unsigned i = place_of(key);
    place_t *place = &cache->places[i];

    apr_thread_mutex_lock(cache->locks[i % LOCKS]);
    memcpy(place->key, key, CLOUDEP_TOKEN_KEY);
    place->access = *access;
    apr_thread_mutex_unlock(cache->locks[i % LOCKS]);
}
