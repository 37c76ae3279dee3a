/*
 * token_cache.c - a table of fixed size: a token can be in one set of a few places only; new tokens replace older ones.
 *
 * Keys are SHA-256, so nobody can choose tokens that fall into one set. A token that was replaced costs one more
 * verification.
 */
#include "service/token_cache.h"

#include <apr_thread_mutex.h>
#include <openssl/evp.h>
#include <string.h>

#define SETS 1024
#define WAYS 4 /* with one, of 200 tokens in use 10 displaced each other all the time; in all about 1.5 MiB */
#define LOCKS 64

typedef struct place_t {
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access;
} place_t;

typedef struct set_t {
    place_t places[WAYS];
    unsigned next; /* the place that is replaced next */
} set_t;

struct cloudep_token_cache_t {
    EVP_MD *sha256; /* fetched once, as that takes as long as the hash */
    apr_thread_mutex_t *locks[LOCKS];
    set_t *sets;
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
    cache->sets = apr_pcalloc(pchild, SETS * sizeof(*cache->sets));
    return cache;
}

apr_status_t cloudep_token_key(unsigned char key[CLOUDEP_TOKEN_KEY], const cloudep_token_cache_t *cache,
                               const char *token)
{
    return EVP_Digest(token, strlen(token), key, NULL, cache->sha256, NULL) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

static unsigned set_of(const unsigned char *key)
{
    return ((unsigned)key[0] << 8 | key[1]) % SETS;
}

/* The caller holds the lock. NULL: it is not there. */
static place_t *find(set_t *set, const unsigned char *key)
{
    for (place_t *place = set->places; place < set->places + WAYS; place++) {
        if (place->access.expires && !memcmp(place->key, key, CLOUDEP_TOKEN_KEY)) {
            return place;
        }
    }
    return NULL;
}

apr_status_t cloudep_token_cache_get(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                                     cloudep_access_t *access)
{
    unsigned i = set_of(key);
    const place_t *place;

    apr_thread_mutex_lock(cache->locks[i % LOCKS]);
    place = find(&cache->sets[i], key);
    if (place) {
        *access = place->access;
    }
    apr_thread_mutex_unlock(cache->locks[i % LOCKS]);
    return place ? APR_SUCCESS : APR_NOTFOUND;
}

void cloudep_token_cache_put(cloudep_token_cache_t *cache, const unsigned char key[CLOUDEP_TOKEN_KEY],
                             const cloudep_access_t *access)
{
    unsigned i = set_of(key);
    set_t *set = &cache->sets[i];
    place_t *place;

    apr_thread_mutex_lock(cache->locks[i % LOCKS]);
    place = find(set, key);
    if (!place) {
        place = &set->places[set->next];
        set->next = (set->next + 1) % WAYS;
    }
    memcpy(place->key, key, CLOUDEP_TOKEN_KEY);
    place->access = *access;
    apr_thread_mutex_unlock(cache->locks[i % LOCKS]);
}
