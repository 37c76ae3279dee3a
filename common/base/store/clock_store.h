/*
 * clock_store.h - the database's clock, which all nodes have in common.
 */
#ifndef CLOUDEP_CLOCK_STORE_H
#define CLOUDEP_CLOCK_STORE_H

#include <apr_time.h>
#include "base/store/db.h"

/**
 * How far this machine's clock is ahead of the database's, at least: the time that asking took may count for either.
 * @param ahead negative: it is behind; 0: not known to differ
 * @return as cloudep_db_run
 */
apr_status_t cloudep_clock_ahead(cloudep_db_t *db, apr_pool_t *p, apr_interval_time_t *ahead);

#endif
