/*
 * db_pool.h - the database of a server in a child: mod_dbd's connections, leased for one statement each.
 */
#ifndef CLOUDEP_DB_POOL_H
#define CLOUDEP_DB_POOL_H

#include <httpd.h>
#include "base/store/db.h"
#include "core/settings.h"

/** The database of a server in this child. NULL: out of memory, or mod_dbd is not there. */
cloudep_db_t *cloudep_db_create(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

/** Whether a commit of this child was given up that may wait for a synchronous standby; it may have ended since. */
int cloudep_db_is_hung(const cloudep_db_t *db);

#endif
