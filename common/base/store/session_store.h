/*
 * session_store.h - sessions: the truth on whether a token lives.
 *
 * A session is opened inside the statement that earns it (activation, login), its refresh token is turned
 * in for the next one in one atomic statement, and every request looks it up.
 */
#ifndef CLOUDEP_SESSION_STORE_H
#define CLOUDEP_SESSION_STORE_H

#include "base/store/member_store.h"

/* Words for mfa_method. */
#define CLOUDEP_MFA_TOTP "totp"
#define CLOUDEP_MFA_BACKUP_CODE "backup_code"
#define CLOUDEP_MFA_PASSKEY "passkey"

/* Words for opened_with, by which removing a credential ends what it opened. With an id behind it where a member may
 * have several. */
#define CLOUDEP_OPENED_PASSWORD "password"
#define CLOUDEP_OPENED_OTP "otp"           /* a code sent to the login address */
#define CLOUDEP_OPENED_EXCHANGE "exchange" /* an id_token that names the member by our own uid */
#define CLOUDEP_OPENED_IDENTITY "identity:"
#define CLOUDEP_OPENED_PASSKEY "passkey:"
#define CLOUDEP_OPENED_LOGIN_PHONE "login_phone" /* a code sent to the login phone */
#define CLOUDEP_OPENED_TOTP "totp" /* a code of the authenticator alone: nothing of it is a second factor */

/* clang-format off */

/* What the database sets and moves; times are Unix seconds. */
#define CLOUDEP_SESSION_COLUMNS(FIRST, NEXT, session) \
    FIRST(INTEGER, refresh_seq, session ".refresh_seq") /* generation of its refresh token */ \
    NEXT(NUMBER, auth_time, CLOUDEP_SQL_SECONDS(session ".auth_time")) \
    NEXT(NUMBER, rotated_at, /* when the present generation began */ \
         CLOUDEP_SQL_SECONDS("coalesce(" session ".rotated_at, " session ".created_at)")) \
    NEXT(NUMBER, idle_expires_at, /* when it ends if nothing happens; never after its lifetime */ \
         CLOUDEP_SQL_SECONDS(session ".idle_expires_at"))

/* When a session proved whose it is. Unix seconds; 0: never. */
#define CLOUDEP_PROOF_COLUMNS(FIRST, NEXT, session, totp)                                                              \
    FIRST(NUMBER, auth_time, CLOUDEP_SQL_SECONDS(session ".auth_time")) /* it was opened */                            \
    NEXT(NUMBER, mfa_at, CLOUDEP_SQL_SECONDS(session ".mfa_at"))        /* the last second factor */                   \
    NEXT(NUMBER, fresh_at, CLOUDEP_SQL_SECONDS(session ".fresh_at"))    /* the last reauthentication */                \
    NEXT(NUMBER, now, CLOUDEP_SQL_SECONDS("now()")) /* by the clock that the times above are of */                     \
    NEXT(BOOLEAN, second_factor, totp ".enrolled_at IS NOT NULL")       /* the member has one: less proves nothing */  \
    NEXT(BOOLEAN, by_totp, /* the authenticator alone opened it: the password is its second factor */                  \
         session ".opened_with IS NOT DISTINCT FROM '" CLOUDEP_OPENED_TOTP "'")

typedef struct cloudep_proofs_t {
    CLOUDEP_PROOF_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "", "")
} cloudep_proofs_t;

extern const cloudep_record_t cloudep_proofs_record;
#define CLOUDEP_PROOF_COLUMN_COUNT (0 CLOUDEP_PROOF_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, "", ""))

/* Where a session stands, for its cookie. */
#define CLOUDEP_TURN_COLUMNS(FIRST, NEXT, session) \
    FIRST(INTEGER, seq, session ".refresh_seq") \
    NEXT(NUMBER, seconds, /* since that one began */ \
         "floor(extract(epoch FROM now() - coalesce(" session ".rotated_at, " session ".created_at)))::bigint") \
    NEXT(NUMBER, idle_left, /* seconds until it ends if nothing happens; 0 or less: it did */ \
         "ceil(extract(epoch FROM " session ".idle_expires_at - now()))::bigint")

typedef struct cloudep_turn_t {
    CLOUDEP_TURN_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_turn_t;

extern const cloudep_record_t cloudep_turn_record;
#define CLOUDEP_TURN_COLUMN_COUNT (0 CLOUDEP_TURN_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, ""))

typedef struct cloudep_session_t {
    const char *tenant_id;
    const char *id;
    const char *uid;
    const char *amr;        /* space separated, RFC 8176 */
    const char *mfa_method; /* the second factor it is opened with, CLOUDEP_MFA_...; NULL: none, so mfa_at is not set */
    const char *generation; /* of the member's credentials, read before the one it is opened with was compared */
    const char *opened_with; /* that one: CLOUDEP_OPENED_... */
    const char *address;    /* the client's, as mod_remoteip sees it */
    const char *user_agent; /* NULL: none */
    int idle;               /* seconds that it lives without a refresh */
    int lifetime;           /* seconds that it lives at most */
    CLOUDEP_SESSION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_session_t;

/* clang-format on */

/**
 * Reads from a row whether a member was found active, and of the generation that was demanded: two Booleans.
 * @return APR_SUCCESS; CLOUDEP_EREFUSED: not active; CLOUDEP_ECHANGED: of another generation
 */
apr_status_t cloudep_session_allowed(const cloudep_rows_t *rows, int row, int column);

/** Reads CLOUDEP_SQL_SESSION (sql.h) from a row, beginning at column. */
void cloudep_session_of_row(cloudep_session_t *session, apr_pool_t *p, const cloudep_rows_t *rows, int row, int column);

/**
 * Opens a session for an active member whose credentials are still of the session's generation.
 * @return CLOUDEP_EREFUSED: not active (any more); CLOUDEP_ECHANGED: a credential was changed since;
 *         CLOUDEP_ECONFLICT: there is one of that id; else as cloudep_db_run
 */
apr_status_t cloudep_session_open(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session);

/**
 * A session that was opened a moment ago, as it was then. Fills the rest of *session (tenant_id, id, uid are given).
 * @return APR_NOTFOUND: there is none; CLOUDEP_EREFUSED: it is over, or was refreshed since; else as cloudep_db_run
 */
apr_status_t cloudep_session_again(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session);

/* Whom a live session speaks for. */
typedef struct cloudep_live_session_t {
    const cloudep_member_t *member; /* NULL: the session lives but the member's row is gone */
    const char *amr;
    cloudep_proofs_t proofs;
    cloudep_turn_t turn;
} cloudep_live_session_t;

/**
 * Who a token speaks for, in one round trip: session, member and tenant.
 * @return APR_NOTFOUND: the session is over, or its member may not act; CLOUDEP_EDATA: rows that contradict each
 *         other; else as cloudep_db_run
 */
apr_status_t cloudep_session_principal(cloudep_db_t *db, apr_pool_t *p, cloudep_live_session_t *live,
                                       const char *tenant_id, const char *session_id, const char *uid);

typedef enum {
    CLOUDEP_ROTATED,
    CLOUDEP_ROTATION_REPEATED,
    CLOUDEP_ROTATION_REFUSED,
    CLOUDEP_ROTATION_REUSED
} cloudep_rotation_e;

/**
 * Turns refresh generation seq in for the next. Fills the rest of *session (tenant_id, id, uid, idle are given).
 * REPEATED: the same turn again within grace seconds, the same successor. REUSED: an old generation came back, the
 * session was ended. REFUSED: over, unknown, or a generation that never was; or the tenant allows no login.
 */
apr_status_t cloudep_session_rotate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace,
                                    cloudep_rotation_e *outcome);

/**
 * The same for a session that a cookie speaks for: an old generation is refused too, but ends nothing.
 * @return APR_NOTFOUND: refused; else as cloudep_db_run
 */
apr_status_t cloudep_session_renew(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace);

/* That a session was used. */
typedef struct cloudep_use_t {
    const char *tenant_id;
    const char *session_id;
    apr_int64_t at; /* Unix seconds */
    int slides;     /* its idle life goes on from then */
} cloudep_use_t;

/**
 * Notes when n sessions were last seen, and has those that slide live for idle seconds from their use on, never longer
 * than their lifetime. Those that had ended by then stay ended; one whose row another statement holds is left out.
 */
apr_status_t cloudep_sessions_slide(cloudep_db_t *db, apr_pool_t *p, const cloudep_use_t *uses, int n, int idle);

/**
 * Notes on a live session of an active member, and on no other, that it was reauthenticated.
 * @return APR_NOTFOUND: it is over, or the member may not act; else as cloudep_db_run
 */
apr_status_t cloudep_session_reauthenticated(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id,
                                             const char *session_id, const char *uid);

/** Ends a session. @return APR_NOTFOUND: it was over already; else as cloudep_db_run */
apr_status_t cloudep_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *session_id,
                                 const char *reason);

#endif
