/*
 * generation.h - the generation of a member's credentials, and what it ends.
 *
 * members.generation counts the changes of a member's credentials (password, second factor, linked accounts, ...), and
 * suspensions. It is read before a credential is compared, and a session is opened only if it is still the same once
 * the member's row is locked; the session keeps it. So nobody gets in by a credential that was changed meanwhile.
 * members.sessions_from is the least generation whose sessions live. A change that ends sessions sets it to the new
 * generation: sessions of older ones are over at that moment, also one whose row nobody could see yet. They are marked
 * by a second statement of the same transaction (CLOUDEP_SQL_END_SESSIONS).
 *
 * members.ways_in counts by what the member can log in: a password (or one that is due), each linked account, each
 * passkey. A member of token/exchange has the account there as a linked one. It is a column because a count over
 * several tables is that of a moment before the row was locked. Whoever adds a way in adds 1 in the UPDATE that raises
 * the generation. Whoever removes one runs two statements by cloudep_db_transact(), so that two removals side by side
 * never take the last ones: SELECT ... FROM cloudep.members m WHERE ... AND m.ways_in > 1 FOR NO KEY UPDATE WITH gone
 * AS (DELETE ... RETURNING ...) UPDATE cloudep.members m SET ways_in = m.ways_in - 1, CLOUDEP_SQL_RAISE FROM gone WHERE
 * ...
 */
#ifndef CLOUDEP_GENERATION_H
#define CLOUDEP_GENERATION_H

#include "base/store/db.h"

/*
 * Whether a member m has a password. A column and not a look at cloudep.credentials, as with ZITADEL the password is
 * there. NULL is what registrations leave: who registered with a password is platform_native, who came by a social
 * provider has none.
 */
#define CLOUDEP_SQL_HAS_PASSWORD "coalesce(m.has_password, m.origin = 'platform_native')"

/* For the SET of an UPDATE of members m: a credential changes; and one whose change ends sessions. */
#define CLOUDEP_SQL_RAISE "generation = m.generation + 1"
#define CLOUDEP_SQL_RAISE_AND_END                                                                                      \
    CLOUDEP_SQL_RAISE ", sessions_from = m.generation + 1, generation_at = clock_timestamp()"

/* Whether a session s is of a generation of its member m that lives. m may be the NULLs of an outer join. */
#define CLOUDEP_SQL_CURRENT "coalesce(s.generation >= m.sessions_from, s.created_at > m.generation_at, true)"

/*
 * Ends the sessions that CLOUDEP_SQL_CURRENT says are over, of the members m for which the condition holds, as the CTE
 * "ended": its column "over" is false for the session that goes on, which is of the new generation now. Parameters:
 * that session or NULL, the reason, and what the condition has. To be the statement after the one that raised the
 * generation, in one transaction: it sees the session that was committed while the first waited for the member's row.
 */
#define CLOUDEP_SQL_END_SESSIONS(condition)                                                                            \
    "a AS (SELECT %s::uuid AS kept, %s::text AS reason),"                                                              \
    " ended AS (UPDATE cloudep.sessions s SET"                                                                         \
    " generation = CASE WHEN s.id = a.kept THEN m.generation ELSE s.generation END,"                                   \
    " revoked_at = CASE WHEN s.id = a.kept THEN NULL ELSE now() END,"                                                  \
    " revoke_reason = CASE WHEN s.id = a.kept THEN NULL ELSE a.reason END"                                             \
    " FROM a, cloudep.members m WHERE " condition " AND s.tenant_id = m.tenant_id AND s.uid = m.uid"                   \
    " AND s.revoked_at IS NULL AND s.expires_at > now() AND NOT " CLOUDEP_SQL_CURRENT                                  \
    " RETURNING s.revoked_at IS NOT NULL AS over)"

/* The same for one member, with the parameters kept session, reason, tenant_id, uid. One row: how many have ended. */
extern const cloudep_statement_t cloudep_end_sessions;

#endif
