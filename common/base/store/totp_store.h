/*
 * totp_store.h - a member's authenticator and backup codes as they are kept, one statement a step.
 *
 * A secret that is being enrolled lives apart from the one that counts. Whatever proves a second factor is burned by
 * the statement that lets it have its effect: a step is accepted once and never an older one after it, a backup code
 * once. The last accepted step outlives the enrolment, so that enrolling anew does not make it good again.
 */
#ifndef CLOUDEP_TOTP_STORE_H
#define CLOUDEP_TOTP_STORE_H

#include "base/store/member_store.h"
#include "base/store/session_store.h"

#define CLOUDEP_TOTP_PENDING_LIFETIME 600 /* seconds to confirm an enrolment */

/* clang-format off */

#define CLOUDEP_TOTP_COLUMNS(FIRST, NEXT, totp) \
    FIRST(TEXT, secret, totp ".secret") /* sealed; NULL: not enrolled */ \
    NEXT(NUMBER, enrolled_at, CLOUDEP_SQL_MILLISECONDS(totp ".enrolled_at")) /* Unix milliseconds; 0: not enrolled */ \
    NEXT(TEXT, pending_secret, /* sealed; NULL: no enrolment under way */ \
         "CASE WHEN " totp ".pending_expires_at > now() THEN " totp ".pending_secret END") \
    NEXT(TEXT, pending_codes, /* what is kept of the backup codes that were shown with it; NULL: none were */ \
         "CASE WHEN " totp ".pending_codes_of = " totp ".pending_secret THEN " totp ".pending_codes END") \
    NEXT(LIST, codes, /* stored texts of the backup codes that are not used yet */ \
         "ARRAY(" \
         "  SELECT code.mac" \
         "  FROM cloudep.backup_codes AS code" \
         "  WHERE code.tenant_id = " totp ".tenant_id" \
         "    AND code.uid = " totp ".uid" \
         "    AND code.generation = " totp ".backup_generation" \
         "    AND code.used_at IS NULL" \
         ")")

/*
 * Turns TOTP off for the rows of "member" and takes their backup codes, as the CTEs "cleared" and "codes". A row of
 * cloudep.totp stays, with its last step. which: a further condition, or "".
 */
#define CLOUDEP_SQL_CLEAR_TOTP(member, which) \
    "cleared AS (" \
    "  UPDATE cloudep.totp AS totp" \
    "  SET secret = NULL," \
    "      enrolled_at = NULL," \
    "      pending_secret = NULL," \
    "      pending_expires_at = NULL," \
    "      pending_codes = NULL," \
    "      pending_codes_of = NULL," \
    "      backup_generation = totp.backup_generation + 1" \
    "  FROM " member \
    "  WHERE totp.tenant_id = " member ".tenant_id" \
    "    AND totp.uid = " member ".uid" \
    which \
    "  RETURNING totp.tenant_id, totp.uid" \
    "), codes AS (" \
    "  DELETE FROM cloudep.backup_codes AS code" \
    "  USING cleared" \
    "  WHERE code.tenant_id = cleared.tenant_id" \
    "    AND code.uid = cleared.uid" \
    ")"

/* What is kept of a member's second factors, and whom it belongs to. */
typedef struct cloudep_totp_t {
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    CLOUDEP_TOTP_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_totp_t;

/* clang-format on */

/* A second factor that was right, to be burned. */
typedef struct cloudep_totp_proof_t {
    const char *secret;  /* of a TOTP code: the sealed secret it was checked with; NULL for a backup code */
    apr_int64_t step;    /* of a TOTP code */
    const char *code;    /* of a backup code: its stored text */
    const char *network; /* of the budget that judged it: its failures are forgotten */
} cloudep_totp_proof_t;

/* A code that was right for the secret that is being enrolled. */
typedef struct cloudep_enrolment_t {
    apr_int64_t step;
    const char *network; /* of the budget row that judged it */
} cloudep_enrolment_t;

/** @return APR_NOTFOUND: no such member; CLOUDEP_EDATA: a row that cannot be; else as cloudep_db_run */
apr_status_t cloudep_totp_load(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t **totp, const char *tenant_id,
                               const char *uid);

/**
 * Begins an enrolment, or begins it again with another secret (sealed).
 * @param codes what is kept of backup codes that are shown with it; NULL: none are
 * @return CLOUDEP_ECONFLICT: enrolled already; else as cloudep_db_run
 */
apr_status_t cloudep_totp_begin(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                const char *secret, const char *codes);

/**
 * Makes the pending secret of totp the one that counts, burns the step of the code that proved it, forgets failed
 * guesses and stores a new set of backup codes. undo: the digest of the link that takes it back (link_store.h), NULL:
 * none. message: the notice.
 * @return APR_NOTFOUND: the step was used, or the enrolment is no longer the one that was loaded; CLOUDEP_ECONFLICT: a
 *         new code hit an old one, make others; else as cloudep_db_run
 */
apr_status_t cloudep_totp_confirm(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_enrolment_t *right, const char *codes, const char *undo,
                                  const cloudep_message_t *message);

/** A new set of backup codes; the old ones are dead. @return APR_NOTFOUND: not enrolled; else as cloudep_totp_confirm
 */
apr_status_t cloudep_totp_renew_codes(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                      const char *codes, const cloudep_message_t *message);

/**
 * Ends enrolment, pending enrolment and backup codes, what was proved by them in all sessions but one (NULL: in
 * all), and the sessions that the authenticator alone has opened. The notice goes out if there was an enrolment to end.
 */
apr_status_t cloudep_totp_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                 const char *session_id, const cloudep_message_t *message);

/**
 * Burns the proof, forgets failed guesses and notes on the session (NULL: none) that it was stepped up.
 * @return APR_NOTFOUND: it was used before; CLOUDEP_EREFUSED: it is burned, and no second factor of that session, which
 *         the authenticator alone has opened; else as cloudep_db_run
 */
apr_status_t cloudep_totp_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_t *totp,
                                  const cloudep_totp_proof_t *proof, const char *session_id,
                                  const cloudep_message_t *message);

/**
 * Burns the proof, forgets failed guesses and opens the session.
 * @return APR_NOTFOUND: it was used before; CLOUDEP_EREFUSED: the member is not active any more; CLOUDEP_ECHANGED: a
 *         credential was changed since the session's generation was read; else as cloudep_db_run
 */
apr_status_t cloudep_totp_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                cloudep_session_t *session, const cloudep_message_t *message);

/** The same for a login by the authenticator alone: the failures that it forgets are those of the password. */
apr_status_t cloudep_totp_login_alone(cloudep_db_t *db, apr_pool_t *p, const cloudep_totp_proof_t *proof,
                                      cloudep_session_t *session);

#endif
