/*
 * tenant_origins.c - see tenant_origins.h.
 */
#include "service/tenant_origins.h"

#include <string.h>
#include <apr_thread_mutex.h>
#include "base/store/tenant_store.h"
#include "core/runtime.h"

#define KEPT 10 /* seconds */

struct cloudep_tenant_origins_t {
    cloudep_db_t *db;
    apr_thread_mutex_t *mutex; /* of what follows */
    apr_pool_t *pool;          /* of the list; NULL: it was never read */
    apr_array_header_t *list;  /* of cloudep_tenant_origin_t */
    apr_time_t due;            /* when it is to be read again */
};

cloudep_tenant_origins_t *cloudep_tenant_origins_create(cloudep_db_t *db, apr_pool_t *pchild)
{
    cloudep_tenant_origins_t *origins = apr_pcalloc(pchild, sizeof(*origins));

    origins->db = db;
    return apr_thread_mutex_create(&origins->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) == APR_SUCCESS ? origins : NULL;
}

/* Whether it is this request's turn to read the list; the others go on with what there is. */
static int claim(cloudep_tenant_origins_t *origins, apr_time_t now)
{
    int due;

    apr_thread_mutex_lock(origins->mutex);
    due = now >= origins->due;
    if (due) {
        origins->due = now + apr_time_from_sec(KEPT);
    }
    apr_thread_mutex_unlock(origins->mutex);
    return due;
}

static void read_again(cloudep_context_t *ctx, cloudep_tenant_origins_t *origins)
{
    apr_array_header_t *list;
    apr_pool_t *pool = NULL, *old;
    apr_status_t rv = apr_pool_create_unmanaged_ex(&pool, NULL, NULL);

    if (rv != APR_SUCCESS || (rv = cloudep_tenant_origins(origins->db, pool, &list)) != APR_SUCCESS) {
        if (pool) {
            apr_pool_destroy(pool);
        }
        (void)cloudep_failure(ctx, rv, "reading the tenants' origins");
        return;
    }
    apr_thread_mutex_lock(origins->mutex);
    old = origins->pool;
    origins->pool = pool;
    origins->list = list;
    apr_thread_mutex_unlock(origins->mutex);
    if (old) {
        apr_pool_destroy(old);
    }
}

static int is_of(const cloudep_tenant_origin_t *row, const char *tenant_id, const char *slug)
{
    return tenant_id ? !strcmp(row->tenant_id, tenant_id) : !slug || !strcmp(row->slug, slug);
}

int cloudep_tenant_lists_origin(cloudep_context_t *ctx, const char *origin, const char *tenant_id, const char *slug)
{
    cloudep_tenant_origins_t *origins = ctx->config->run->origins;
    int found = 0;

    if (!origins) {
        return 0;
    }
    if (claim(origins, apr_time_now())) {
        read_again(ctx, origins);
    }
    apr_thread_mutex_lock(origins->mutex);
    for (int i = 0; !found && origins->list && i < origins->list->nelts; i++) {
        const cloudep_tenant_origin_t *row = &APR_ARRAY_IDX(origins->list, i, cloudep_tenant_origin_t);

        found = !strcmp(row->origin, origin) && is_of(row, tenant_id, slug);
    }
    apr_thread_mutex_unlock(origins->mutex);
    return found;
}
