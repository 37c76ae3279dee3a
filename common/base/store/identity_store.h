/*
 * identity_store.h - accounts at other issuers: issuer and subject name a person, an email does not.
 */
#ifndef CLOUDEP_IDENTITY_STORE_H
#define CLOUDEP_IDENTITY_STORE_H

#include "base/store/session_store.h"

typedef struct cloudep_identity_t {
    const char *id; /* of our row, a UUID; NULL: not known */
    const char *issuer;
    const char *subject;
} cloudep_identity_t;

/**
 * A registration in one step: takes one use of the invite, creates the member as active with that identity, and opens
 * the session; or nothing of it. A member of that email who is still pending has to go: nobody has proved the address
 * for it.
 * @param identity with an id that was made for it
 * @param session of the applicant's tenant and uid; its times are set
 * @return CLOUDEP_ECONFLICT: the identity or the email is taken; APR_NOTFOUND: the invite is (no longer) good;
 *         CLOUDEP_ELOCKED: its row stayed locked; else as cloudep_db_run
 */
apr_status_t cloudep_identity_register(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant,
                                       const cloudep_identity_t *identity, cloudep_session_t *session);

/**
 * The member with that identity, and the tenant, in one round trip. *member NULL: nobody. Sets identity->id, NULL where
 * it is the uid that names the member.
 * @param provisioned_by NULL, or the identity provider whose users have their uid as subject
 * @return APR_NOTFOUND: no such tenant; else as cloudep_db_run, or CLOUDEP_EDATA
 */
apr_status_t cloudep_identity_member(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *tenant_id,
                                     cloudep_identity_t *identity, const char *provisioned_by);

/* clang-format off */

/* A linked account as its member sees it. */
#define CLOUDEP_LINKED_COLUMNS(FIRST, NEXT, identity) \
    FIRST(TEXT, id, identity ".id") \
    NEXT(TEXT, issuer, identity ".issuer") \
    NEXT(TEXT, subject, identity ".subject") \
    NEXT(NUMBER, created_at, CLOUDEP_SQL_MILLISECONDS(identity ".created_at")) /* Unix milliseconds */

typedef struct cloudep_linked_t {
    CLOUDEP_LINKED_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_linked_t;
extern const cloudep_record_t cloudep_linked_record;

/* clang-format on */

/** A member's linked accounts, oldest first. @param list array of cloudep_linked_t */
apr_status_t cloudep_identity_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list, const char *tenant_id,
                                   const char *uid);

/**
 * Links an account to an active member: one more way in.
 * @param identity with an id that was made for it
 * @return CLOUDEP_ECONFLICT: it is linked already, to whomever; APR_NOTFOUND: not active; else as cloudep_db_run
 */
apr_status_t cloudep_identity_link(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                   const cloudep_identity_t *identity, const cloudep_message_t *notice);

/**
 * Unlinks the account of identity->id and ends the sessions that it opened. Fills the rest of *identity.
 * @return APR_NOTFOUND: the member has no such account; CLOUDEP_EREFUSED: it is the last way in; CLOUDEP_ECHANGED: the
 *         member is not active; else as cloudep_db_run
 */
apr_status_t cloudep_identity_unlink(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     cloudep_identity_t *identity, const cloudep_message_t *notice);

/**
 * Notes an id_token as turned in, for the session that it opens; what has expired goes meanwhile.
 * @param digest of the token; its signature is not part of it, as that may have two spellings
 * @param exp when the note may go, Unix seconds
 * @param grace seconds in which the same one counts again, 0: none
 * @param session_id the id that its session is to have; set to that of the first time when it counts again
 * @return CLOUDEP_ECONFLICT: it was turned in before; else as cloudep_db_run
 */
apr_status_t cloudep_identity_use_token(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *digest,
                                        apr_int64_t exp, int grace, const char **session_id);

#endif
