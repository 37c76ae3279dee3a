/*
 * contact_store.h - a member's business email and phone, which count only once they are verified.
 */
#ifndef CLOUDEP_CONTACT_STORE_H
#define CLOUDEP_CONTACT_STORE_H

#include "base/store/member_store.h"

typedef enum { CLOUDEP_CONTACT_EMAIL, CLOUDEP_CONTACT_PHONE } cloudep_contact_e;

/**
 * Writes a verified contact. message, the notice to the login address, goes out if that was not the contact before.
 * @return APR_NOTFOUND: no such member, or not active; else as cloudep_db_run
 */
apr_status_t cloudep_contact_set(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 cloudep_contact_e contact, const char *value, const cloudep_message_t *message);

#endif
