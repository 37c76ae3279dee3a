/*
 * credential_store.h - the password hashes of the "local" identity provider.
 */
#ifndef CLOUDEP_CREDENTIAL_STORE_H
#define CLOUDEP_CREDENTIAL_STORE_H

#include "base/store/db.h"

/** @return APR_NOTFOUND: the member has no password; else as cloudep_db_run */
apr_status_t cloudep_credential_get(cloudep_db_t *db, apr_pool_t *p, const char **phc, const char *tenant_id,
                                    const char *uid);

/** Replaces a PHC string by one of the same password with newer parameters, unless it was changed meanwhile. */
apr_status_t cloudep_credential_renew(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *old_phc, const char *new_phc);

#endif
