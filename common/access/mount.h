/*
 * mount.h - CloudEPServe and CloudEPTenant: which API a Location serves, where it begins, and for which tenant.
 *
 * The Location that holds CloudEPServe is the mount: the paths of the API's operations go on from there, also in
 * Locations below it that have settings of their own. So it is refused wherever httpd does not know such a path.
 */
#ifndef CLOUDEP_MOUNT_H
#define CLOUDEP_MOUNT_H

#include <httpd.h>
#include <http_config.h>
#include "base/export.h"

#define CLOUDEP_ACCOUNT_HANDLER "cloudep-account"
#define CLOUDEP_SESSION_HANDLER "cloudep-session"

/** The path below which the API of a request is served, without a slash at the end; NULL: not by CloudEPServe. */
CLOUDEP_DECLARE(const char *) cloudep_mount_path(request_rec *r);

/** The slug of CloudEPTenant for a request; NULL: it is not set. */
CLOUDEP_DECLARE(const char *) cloudep_mount_tenant(const request_rec *r);

const char *cloudep_set_serve(cmd_parms *cmd, void *place, const char *name);
const char *cloudep_set_tenant(cmd_parms *cmd, void *place, const char *slug);

void cloudep_mount_register_hooks(void);

#endif
