/*
 * sweep_store.h - removes rows whose time is over.
 */
#ifndef CLOUDEP_SWEEP_STORE_H
#define CLOUDEP_SWEEP_STORE_H

#include "base/store/db.h"

/**
 * Removes, up to a thousand of each, sessions that ended a day ago, lockouts without a failure for two days, and
 * messages that were delivered or given up and are a week old.
 * @return as cloudep_db_run
 */
apr_status_t cloudep_sweep_remove_old(cloudep_db_t *db, apr_pool_t *p);

#endif
