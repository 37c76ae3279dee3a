/*
 * dbd_check.h - whether DBDParams lead to a database that this version can work with: for "cloudepctl check", without
 * mod_dbd, whose pools are there in children only.
 */
#ifndef CLOUDEP_DBD_CHECK_H
#define CLOUDEP_DBD_CHECK_H

#include <httpd.h>
#include "core/settings.h"

/** As a member of cloudep_part_t: connects, and looks at the schema, the tenants of Require lines, and the clock. */
apr_status_t cloudep_dbd_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said);

#endif
