/*
 * passkey_store.h - members' passkeys as they are kept, one statement a step.
 *
 * A passkey is one way in: adding it raises members.ways_in and the generation of the credentials, removing it lowers
 * the one and raises the other. Whoever logs in by it is let in only if the generation is still what it was when the
 * passkey was read, so a passkey that is being removed lets nobody in.
 */
#ifndef CLOUDEP_PASSKEY_STORE_H
#define CLOUDEP_PASSKEY_STORE_H

#include "base/store/session_store.h"

#define CLOUDEP_PASSKEYS_MAX 20 /* of a member: the list of them goes into each set of options */

/* clang-format off */

#define CLOUDEP_PASSKEY_COLUMNS(FIRST, NEXT, passkey) \
    FIRST(TEXT, id, passkey ".id") /* UUID: what the API calls it */ \
    NEXT(TEXT, credential_id, passkey ".credential_id") /* base64url: what browsers and authenticators call it */ \
    NEXT(TEXT, spki, passkey ".spki") /* SubjectPublicKeyInfo, base64url */ \
    NEXT(INTEGER, algorithm, passkey ".algorithm") /* COSE */ \
    NEXT(NUMBER, sign_count, passkey ".sign_count") \
    NEXT(BOOLEAN, backup_eligible, passkey ".backup_eligible") \
    NEXT(BOOLEAN, backed_up, passkey ".backed_up") \
    NEXT(LIST, transports, passkey ".transports") \
    NEXT(TEXT, aaguid, passkey ".aaguid") /* UUID */ \
    NEXT(TEXT, name, passkey ".name") \
    NEXT(NUMBER, created_at, CLOUDEP_SQL_MILLISECONDS(passkey ".created_at")) /* Unix milliseconds */ \
    NEXT(NUMBER, last_used_at, CLOUDEP_SQL_MILLISECONDS(passkey ".last_used_at")) /* the same; 0: never */

typedef struct cloudep_passkey_t {
    CLOUDEP_PASSKEY_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_passkey_t;

extern const cloudep_record_t cloudep_passkey_told_record; /* what its member is told of one: no key, no counter */

/* clang-format on */

/* A passkey and whose it is. */
typedef struct cloudep_passkey_owner_t {
    cloudep_passkey_t passkey;
    const char *user_handle; /* the member's, base64url; NULL: none yet */
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
} cloudep_passkey_owner_t;

/** The passkeys of a member, oldest first: an array of cloudep_passkey_t. @return as cloudep_db_run */
apr_status_t cloudep_passkeys_of(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **passkeys, const char *tenant_id,
                                 const char *uid);

/** Whether a member has any. @return as cloudep_db_run */
apr_status_t cloudep_passkey_any(cloudep_db_t *db, apr_pool_t *p, int *any, const char *tenant_id, const char *uid);

/** What authenticators know a member by. @return as cloudep_passkey_new_handle */
apr_status_t cloudep_passkey_handle(cloudep_db_t *db, apr_pool_t *p, const char **handle, const char *tenant_id,
                                    const char *uid);

/**
 * The same; given (base64url) becomes the handle of a member who has none yet.
 * @param handle the member's: given, or the one that was there
 * @return APR_NOTFOUND: no such member; else as cloudep_db_run
 */
apr_status_t cloudep_passkey_new_handle(cloudep_db_t *db, apr_pool_t *p, const char **handle, const char *tenant_id,
                                        const char *uid, const char *given);

/** The passkey of that credential id in a tenant. @return APR_NOTFOUND: there is none; else as cloudep_db_run */
apr_status_t cloudep_passkey_find(cloudep_db_t *db, apr_pool_t *p, cloudep_passkey_owner_t *owner,
                                  const char *tenant_id, const char *credential_id);

/**
 * Adds a passkey to an active member whose credentials are still of that generation, with its notice. Of *passkey id,
 * created_at and last_used_at are not looked at.
 * @param id   what the API will call it
 * @param undo digest of the link that undoes it, which the notice has; NULL: there is none
 * @return CLOUDEP_ECHANGED: of another generation, or not active; CLOUDEP_ECONFLICT: the tenant has one of that
 *         credential id; else as cloudep_db_run
 */
apr_status_t cloudep_passkey_add(cloudep_db_t *db, apr_pool_t *p, const char **id, const char *tenant_id,
                                 const char *uid, const char *generation, const cloudep_passkey_t *passkey,
                                 const char *undo, const cloudep_message_t *notice);

/** @return APR_NOTFOUND: the member has no such passkey; else as cloudep_db_run */
apr_status_t cloudep_passkey_rename(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                    const char *id, const char *name);

/**
 * Removes a passkey and ends the sessions that were opened with it; the notice goes out with it.
 * @return APR_NOTFOUND: the member has no such passkey; CLOUDEP_EREFUSED: it is the last way in; CLOUDEP_ECHANGED: the
 *         member is not active any more; else as cloudep_db_run
 */
apr_status_t cloudep_passkey_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                    const char *id, const cloudep_message_t *notice);

/* What a right assertion says, to be stored with its effect. */
typedef struct cloudep_passkey_use_t {
    const char *id; /* of the passkey */
    apr_int64_t sign_count;
    int backed_up;
} cloudep_passkey_use_t;

/**
 * Notes the use of a passkey and opens the session, of the generation that was read with it. notice: goes out with it.
 * @return CLOUDEP_EREFUSED: the member is not active any more; CLOUDEP_ECHANGED: a credential was changed meanwhile;
 *         else as cloudep_db_run
 */
apr_status_t cloudep_passkey_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_passkey_use_t *use,
                                   cloudep_session_t *session, const cloudep_message_t *notice);

/**
 * Notes the use of a passkey, and on a live session of its member that it was proved anew by a second factor.
 * @param owner whose it is, as it was read
 * @return CLOUDEP_EREFUSED: not active any more; CLOUDEP_ECHANGED: a credential was changed meanwhile; APR_NOTFOUND:
 * the session is over; else as cloudep_db_run
 */
apr_status_t cloudep_passkey_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_passkey_use_t *use,
                                     const cloudep_member_t *owner, const char *session_id,
                                     const cloudep_message_t *notice);

#endif
