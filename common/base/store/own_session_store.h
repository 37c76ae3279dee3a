/*
 * own_session_store.h - a member's sessions as the member sees them: listed, ended, and how many there may be.
 */
#ifndef CLOUDEP_OWN_SESSION_STORE_H
#define CLOUDEP_OWN_SESSION_STORE_H

#include "base/store/record.h"
#include "base/text/cursor.h"

/* clang-format off */

/* Times are Unix milliseconds, but for cursor_at. */
#define CLOUDEP_OWN_SESSION_COLUMNS(FIRST, NEXT, session) \
    FIRST(TEXT, id, session ".id") \
    NEXT(NUMBER, created_at, CLOUDEP_SQL_MILLISECONDS(session ".created_at")) \
    NEXT(NUMBER, seen_at, /* the last that is known: greatest() leaves NULL out */ \
         CLOUDEP_SQL_MILLISECONDS("greatest(" session ".created_at, " session ".rotated_at, " session ".mfa_at," \
                                  " " session ".fresh_at, " session ".seen_at)")) \
    NEXT(NUMBER, expires_at, /* when it ends if nothing happens */ \
         CLOUDEP_SQL_MILLISECONDS(session ".idle_expires_at")) \
    NEXT(TEXT, address, session ".address") /* where it was opened from; NULL: unknown, as for the next two */ \
    NEXT(TEXT, user_agent, session ".user_agent") \
    NEXT(TEXT, mfa_method, session ".mfa_method") /* the last second factor, CLOUDEP_MFA_... */ \
    NEXT(TEXT, amr, session ".amr") /* space separated, RFC 8176 */ \
    NEXT(TEXT, cursor_at, CLOUDEP_SQL_MICROSECONDS(session ".created_at"))

typedef struct cloudep_own_session_t {
    CLOUDEP_OWN_SESSION_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
} cloudep_own_session_t;

/* clang-format on */

/**
 * A member's live sessions, the newest first, of those after the cursor.
 * @param out    an array of cloudep_own_session_t, from p
 * @param kept   the session that asks, which is listed in any case while it lives; NULL: none
 * @param cursor NULL: from the first
 * @param limit  rows at most
 * @return as cloudep_db_run
 */
apr_status_t cloudep_own_sessions(apr_array_header_t **out, apr_pool_t *p, cloudep_db_t *db, const char *tenant_id,
                                  const char *uid, const char *kept, const cloudep_cursor_t *cursor, int limit);

/** Ends a session of the member's (id: a UUID). @return APR_NOTFOUND: none that lives; else as cloudep_db_run */
apr_status_t cloudep_own_session_end(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     const char *id);

/**
 * Ends all sessions of the member's but the one that asks, also those that are being opened.
 * @param ended how many
 * @return APR_NOTFOUND: the one that asks is over, so nothing was done; else as cloudep_db_run
 */
apr_status_t cloudep_own_sessions_end_others(cloudep_db_t *db, apr_pool_t *p, int *ended, const char *tenant_id,
                                             const char *uid, const char *kept);

/**
 * Ends the oldest sessions of a member beyond so many. To be run once a session was committed: of many that are opened
 * at the same time the last to come here sees them all.
 * @return as cloudep_db_run
 */
apr_status_t cloudep_own_sessions_limit(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                        int most);

#endif
