/*
 * health_store.h - what the database says of itself to whoever asks whether this server is ready.
 */
#ifndef CLOUDEP_HEALTH_STORE_H
#define CLOUDEP_HEALTH_STORE_H

#include "base/store/db.h"

typedef struct cloudep_database_health_t {
    int read_only;       /* it takes no writes: a standby, or closed to them */
    int waiting_commits; /* of our role, that have waited for a synchronous standby for two seconds or longer */
} cloudep_database_health_t;

/** @return as cloudep_db_run */
apr_status_t cloudep_database_health(cloudep_db_t *db, apr_pool_t *p, cloudep_database_health_t *health);

#endif
