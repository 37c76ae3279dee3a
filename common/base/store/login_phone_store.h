/*
 * login_phone_store.h - the number that a member may log in by: one member's in the tenant, whoever proved it last.
 */
#ifndef CLOUDEP_LOGIN_PHONE_STORE_H
#define CLOUDEP_LOGIN_PHONE_STORE_H

#include "base/store/member_store.h"

/**
 * Makes a proved number the login phone of an active member. Whoever had it loses it, with the sessions that it opened
 * and a mail whose text a worker of that outbox makes; one who has no other way in is left with a password that is due.
 * @param outbox whose workers tell whoever loses it; NULL: the main server's
 * @param notice to the member; goes out if that was not the number before
 * @return APR_NOTFOUND: not active; else as cloudep_db_run
 */
apr_status_t cloudep_login_phone_set(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const char *phone, const char *outbox, const cloudep_message_t *notice);

/**
 * Takes the login phone away, with the sessions that it opened; that there is none is a success, without a notice.
 * @return APR_NOTFOUND: not active; CLOUDEP_EREFUSED: it is the last way in; else as cloudep_db_run
 */
apr_status_t cloudep_login_phone_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                        const cloudep_message_t *notice);

#endif
