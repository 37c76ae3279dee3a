/*
 * tenant_origins.h - the origins whose pages may call the API for a tenant, kept for some seconds.
 *
 * A browser asks before a request (CORS preflight) without saying for which tenant, so that those of all tenants are
 * kept together; the answer to the request itself is for one.
 */
#ifndef CLOUDEP_TENANT_ORIGINS_H
#define CLOUDEP_TENANT_ORIGINS_H

#include <apr_pools.h>
#include "core/context.h"

typedef struct cloudep_tenant_origins_t cloudep_tenant_origins_t;

/** Made in the child. NULL: out of memory. */
cloudep_tenant_origins_t *cloudep_tenant_origins_create(cloudep_db_t *db, apr_pool_t *pchild);

/**
 * Whether a tenant lists an origin. What could not be read is as it was.
 * @param tenant_id of the tenant, or NULL
 * @param slug of the tenant where the id is NULL; both NULL: any tenant
 */
int cloudep_tenant_lists_origin(cloudep_context_t *ctx, const char *origin, const char *tenant_id, const char *slug);

#endif
