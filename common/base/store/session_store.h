/*
 * session_store.h - sessions: the truth on whether a token lives.
 *
 * A session is opened inside the statement that earns it (activation, login), its refresh token is turned
 * in for the next one in one atomic statement, and every request looks it up.
 */
#ifndef CLOUDEP_SESSION_STORE_H
#define CLOUDEP_SESSION_STORE_H

#include <apr_time.h>
#include "base/store/member_store.h"

typedef struct cloudep_session_t {
    const char *tenant_id;
    const char *id;
    const char *uid;
    const char *amr; /* space separated, RFC 8176 */
    const char
        *generation; /* the member's credentials' when the one it is opened with was compared; see generation.h */
    const char *opened_with;     /* that one: CLOUDEP_OPENED_..., "identity:ID", "passkey:ID" */
    const char *address;         /* the client's, as mod_remoteip sees it */
    const char *user_agent;      /* NULL: none */
    int idle;                    /* seconds that it lives without a refresh */
    int lifetime;                /* seconds that it lives at most */
    int refresh_seq;             /* generation of its refresh token */
    apr_int64_t auth_time;       /* Unix seconds, set by the database like those below */
    apr_int64_t rotated_at;      /* when the present generation began */
    apr_int64_t idle_expires_at; /* when it ends if nothing happens; never after its lifetime */
} cloudep_session_t;

/* What a session was opened with, so that removing that ends it. With an id behind it where a member may have several.
 */
#define CLOUDEP_OPENED_PASSWORD "password"
#define CLOUDEP_OPENED_OTP "otp"           /* a code sent to the login address */
#define CLOUDEP_OPENED_EXCHANGE "exchange" /* an id_token that names the member by our own uid */
#define CLOUDEP_OPENED_IDENTITY "identity:"

/*
 * The INSERT that opens a session for each row of source (a CTE with tenant_id, uid, generation), to stand in a CTE of
 * the statement that earns it, with its parameters in order; then the columns it returns.
 */
#define CLOUDEP_SQL_OPEN_SESSION(source)                                                                               \
    "INSERT INTO cloudep.sessions (tenant_id, uid, generation, id, amr, mfa_at, mfa_method, address, user_agent,"      \
    " opened_with, idle_expires_at, expires_at)"                                                                       \
    " SELECT s.tenant_id, s.uid, s.generation, %s::uuid, a.amr, CASE WHEN a.amr LIKE '%%mfa%%' THEN now() END,"        \
    " CASE WHEN a.amr LIKE '%%mfa%%' THEN CASE WHEN a.amr LIKE '%%otp%%' THEN 'totp' ELSE 'backup_code' END END,"      \
    " %s, %s, %s, now() + least(a.idle, a.lifetime), now() + a.lifetime"                                               \
    " FROM " source " s, (SELECT %s::text AS amr, %s::interval AS idle, %s::interval AS lifetime) a"                   \
    " RETURNING uid, " CLOUDEP_SESSION_TIMES
#define CLOUDEP_SQL_SECONDS(time) "floor(date_part('epoch', " time "))::bigint"
/* Adjacent texts are taken apart otherwise. */
/* clang-format off */
#define CLOUDEP_SESSION_TIMES                                                                                          \
    "refresh_seq, "                                                                                                    \
    CLOUDEP_SQL_SECONDS("auth_time") " AS auth_time, "                                                                 \
    CLOUDEP_SQL_SECONDS("coalesce(rotated_at, created_at)") " AS began, "                                              \
    CLOUDEP_SQL_SECONDS("idle_expires_at") " AS idle_end"
/* clang-format on */
#define CLOUDEP_SQL_SESSION_COLUMNS "refresh_seq, auth_time, began, idle_end"

/** Appends the arguments of CLOUDEP_SQL_OPEN_SESSION; texts live in p. */
void cloudep_session_args(apr_pool_t *p, const cloudep_session_t *session, cloudep_args_t *args);

/** Reads CLOUDEP_SQL_SESSION_COLUMNS from a row, beginning at column. */
void cloudep_session_of_row(cloudep_session_t *session, const cloudep_rows_t *rows, int row, int column);

/*
 * The member who may have a session, as a CTE "m" with the arguments tenant_id, uid, generation: the row is locked, and
 * seen as it is then. "active" has the row also where the generation is another one by now.
 */
#define CLOUDEP_SQL_LOCK_MEMBER                                                                                        \
    "active AS (SELECT tenant_id, uid, generation FROM cloudep.members"                                                \
    " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND status = 'active' FOR SHARE),"                                 \
    " m AS (SELECT a.tenant_id, a.uid, a.generation FROM active a WHERE a.generation = %s::bigint)"

/** Reads from a row what CLOUDEP_SQL_LOCK_MEMBER found: count of active, count of m. @return APR_SUCCESS;
 * CLOUDEP_EREFUSED: the member is not active (any more); CLOUDEP_ECHANGED: a credential was changed meanwhile */
apr_status_t cloudep_session_locked_member(const cloudep_rows_t *rows);

/**
 * Opens a session for an active member whose credentials are still of the session's generation.
 * @return CLOUDEP_EREFUSED: not active (any more); CLOUDEP_ECHANGED: a credential was changed since; else as
 *         cloudep_db_run
 */
CLOUDEP_DECLARE(apr_status_t) cloudep_session_open(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session);

/* Whom a live session speaks for. */
typedef struct cloudep_live_session_t {
    const cloudep_member_t *member; /* NULL: the session lives but the member's row is gone */
    const char *amr;
    apr_int64_t mfa_at; /* Unix seconds of the last second factor, 0: none */
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
 * session was ended. REFUSED: over, unknown, or a generation that never was.
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_session_rotate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session, int seq, int grace,
                       cloudep_rotation_e *outcome);

/** Ends a session. @return APR_NOTFOUND: it was over already; else as cloudep_db_run */
CLOUDEP_DECLARE(apr_status_t)
cloudep_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *session_id, const char *reason);

#endif
