/*
 * schema_store.h - which schema the database has.
 */
#ifndef CLOUDEP_SCHEMA_STORE_H
#define CLOUDEP_SCHEMA_STORE_H

#include "base/store/db.h"

/**
 * The number of the last migration that was applied.
 * @return as cloudep_db_run: CLOUDEP_EDATABASE also where the schema is older than migration 0014, which lets us look
 */
apr_status_t cloudep_schema_version(cloudep_db_t *db, apr_pool_t *p, int *version);

#endif
