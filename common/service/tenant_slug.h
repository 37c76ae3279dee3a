/*
 * tenant_slug.h - the name of a tenant by its id, without asking the database each time.
 *
 * A slug is what clients send and never changes, so what was found once is true for good.
 */
#ifndef CLOUDEP_TENANT_SLUG_H
#define CLOUDEP_TENANT_SLUG_H

#include "base/store/db.h"

typedef struct cloudep_slugs_t cloudep_slugs_t;

/** Made in the child, for one server's database. NULL: out of memory. */
cloudep_slugs_t *cloudep_slugs_create(cloudep_db_t *db, apr_pool_t *pchild);

/**
 * @param slug from p
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run
 */
apr_status_t cloudep_tenant_slug(const char **slug, cloudep_slugs_t *slugs, const char *tenant_id, apr_pool_t *p);

#endif
