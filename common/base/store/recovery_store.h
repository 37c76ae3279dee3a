/*
 * recovery_store.h - what a new password ends, in one statement.
 */
#ifndef CLOUDEP_RECOVERY_STORE_H
#define CLOUDEP_RECOVERY_STORE_H

#include "base/store/db.h"
#include "base/export.h"
#include "base/store/outbox_store.h"

/* The kind of lockout that wrong passwords of an account are counted under; its subject is the uid. */
#define CLOUDEP_LOCKOUT_PASSWORD "password"

/**
 * After an active member's password was reset: ends all its sessions, forgets its wrong passwords, and enqueues the
 * notice.
 * @return APR_NOTFOUND: no such active member, nothing was done; else as cloudep_db_run
 */
apr_status_t cloudep_recovery_finish(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const cloudep_message_t *notice);

#endif
