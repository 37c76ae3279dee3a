/*
 * credential_store.h - the password hashes of the "local" identity provider.
 */
#ifndef CLOUDEP_CREDENTIAL_STORE_H
#define CLOUDEP_CREDENTIAL_STORE_H

#include "base/store/db.h"
#include "base/text/opaque_string.h"

/* A hash, and what of the password was hashed. */
typedef struct cloudep_credential_t {
    const char *phc;
    cloudep_password_form_e form;
} cloudep_credential_t;

/** @return APR_NOTFOUND: the member has no password; else as cloudep_db_run */
apr_status_t cloudep_credential_get(cloudep_db_t *db, apr_pool_t *p, cloudep_credential_t *credential,
                                    const char *tenant_id, const char *uid);

/** Replaces a hash by another one of the same password, or notes its form, unless it was changed meanwhile. */
apr_status_t cloudep_credential_renew(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *old_phc, const cloudep_credential_t *credential);

#endif
