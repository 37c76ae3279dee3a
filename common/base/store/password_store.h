/*
 * password_store.h - a member's password: whether there is one, and what a new one ends.
 */
#ifndef CLOUDEP_PASSWORD_STORE_H
#define CLOUDEP_PASSWORD_STORE_H

#include "base/store/member_store.h"

/* What a member who wants to change the password has. */
typedef struct cloudep_password_state_t {
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    int elsewhere; /* the member's company logs them in, and the tenant wants no password beside that */
} cloudep_password_state_t;

/**
 * @param company_issuer whose accounts token/exchange takes; NULL: there is none
 * @return APR_NOTFOUND: no such member; else as cloudep_db_run, or CLOUDEP_EDATA
 */
apr_status_t cloudep_password_load(cloudep_db_t *db, apr_pool_t *p, cloudep_password_state_t *state,
                                   const char *tenant_id, const char *uid, const char *company_issuer);

/* A password that is set, or taken away. */
typedef struct cloudep_password_change_t {
    const char *tenant_id;
    const char *uid;
    const char *phc;           /* to be stored; NULL: the identity provider has it, or there is none any more */
    int due;                   /* it is taken away: nobody knows it, and a reset sets the next */
    const char *email;         /* that the member must have still; NULL: any */
    const char *sessions_from; /* that the member must have still: the password is the one compared; NULL: any */
    const char *session_id;    /* the session that goes on; NULL: all end */
    const char *reason;        /* what the ended sessions say */
} cloudep_password_change_t;

/**
 * Sets (or takes away) the password of an active member, one that is taken away also of a suspended one; raises the
 * generation, ends all sessions but the one that goes on, forgets wrong passwords and enqueues the notice.
 * @return CLOUDEP_ECHANGED: not active, or email or sessions_from are others by now; nothing was done; else as
 *         cloudep_db_run
 */
apr_status_t cloudep_password_change(cloudep_db_t *db, apr_pool_t *p, const cloudep_password_change_t *change,
                                     const cloudep_message_t *notice);

/**
 * Notes that the password which the identity provider has is in the form of RFC 8265, unless another was set meanwhile.
 * @return as cloudep_db_run
 */
apr_status_t cloudep_password_note_form(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t *member);

#endif
