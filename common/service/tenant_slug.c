/*
 * tenant_slug.c - a table of fixed size: a tenant can be in one place only, and takes it from the one before.
 */
#include "service/tenant_slug.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <string.h>
#include "base/store/tenant_store.h"

#define PLACES 1024 /* about 100 KiB a child and server */

typedef struct place_t {
    char id[37];
    char slug[64];
} place_t;

struct cloudep_slugs_t {
    cloudep_db_t *db;
    apr_thread_mutex_t *mutex;
    place_t *places;
};

cloudep_slugs_t *cloudep_slugs_create(cloudep_db_t *db, apr_pool_t *pchild)
{
    cloudep_slugs_t *slugs = apr_pcalloc(pchild, sizeof(*slugs));

    if (apr_thread_mutex_create(&slugs->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
        return NULL;
    }
    slugs->db = db;
    slugs->places = apr_pcalloc(pchild, PLACES * sizeof(*slugs->places));
    return slugs;
}

static place_t *place_of(cloudep_slugs_t *slugs, const char *tenant_id)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;

    return &slugs->places[apr_hashfunc_default(tenant_id, &length) % PLACES];
}

apr_status_t cloudep_tenant_slug(const char **slug, cloudep_slugs_t *slugs, const char *tenant_id, apr_pool_t *p)
{
    place_t *place = place_of(slugs, tenant_id);
    const cloudep_tenant_t *tenant;
    apr_status_t rv;

    *slug = NULL;
    apr_thread_mutex_lock(slugs->mutex);
    if (!strcmp(place->id, tenant_id)) {
        *slug = apr_pstrdup(p, place->slug);
    }
    apr_thread_mutex_unlock(slugs->mutex);
    if (*slug) {
        return APR_SUCCESS;
    }
    rv = cloudep_tenant_by_id(slugs->db, p, &tenant, tenant_id);
    if (rv == APR_SUCCESS) {
        *slug = tenant->slug;
        apr_thread_mutex_lock(slugs->mutex);
        apr_cpystrn(place->id, tenant_id, sizeof(place->id));
        apr_cpystrn(place->slug, tenant->slug, sizeof(place->slug));
        apr_thread_mutex_unlock(slugs->mutex);
    }
    return rv;
}
