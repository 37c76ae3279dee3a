/*
 * email_store.h - a member's login email: who has an address, and what another one ends.
 *
 * The address before stays the member's as long as the change can be undone: a row of cloudep.members, reserved and
 * with reserved_by, has it meanwhile, so that the index which keeps addresses apart keeps this one as well. The sweep
 * removes that row as any other that stayed reserved.
 */
#ifndef CLOUDEP_EMAIL_STORE_H
#define CLOUDEP_EMAIL_STORE_H

#include "base/store/member_store.h"

/* What a member who wants another login email has to do with. */
typedef struct cloudep_email_state_t {
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const cloudep_member_t *owner; /* another member who has the wanted address, or whose address it was; NULL: nobody,
                                      or somebody who has not proved it */
    int enrolment_in_doubt;        /* the member's TOTP can be undone still: it may be a thief's */
} cloudep_email_state_t;

/** @return APR_NOTFOUND: no such member; else as cloudep_db_run, or CLOUDEP_EDATA */
apr_status_t cloudep_email_load(cloudep_db_t *db, apr_pool_t *p, cloudep_email_state_t *state, const char *tenant_id,
                                const char *uid, const char *wanted);

typedef struct cloudep_email_change_t {
    const char *tenant_id;
    const char *uid;
    const char *email;
    const char *generation;  /* that the member must have still */
    const char *session_id;  /* the session that goes on; NULL: all end */
    const char *undo;        /* digest of the link that takes it back; NULL: none, the address before is free then */
    const char *reservation; /* with undo: a uid for the row that keeps the address */
} cloudep_email_change_t;

/**
 * Changes the login email of an active member: all other sessions end, links that were mailed to the address before are
 * void, an unconfirmed registration at the new one has to go, the notice is enqueued.
 * @return CLOUDEP_ECONFLICT: somebody has the address; CLOUDEP_ECHANGED: not active, or of another generation: nothing
 *         was done; else as cloudep_db_run
 */
apr_status_t cloudep_email_change(cloudep_db_t *db, apr_pool_t *p, const cloudep_email_change_t *change,
                                  const cloudep_message_t *notice);

#endif
