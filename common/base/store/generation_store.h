/*
 * generation_store.h - the generation of a member's credentials, and what it ends.
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
 * several tables is that of a moment before the row was locked. What a tenant allows besides, to log in by a code, is
 * added from the tenant's row (CLOUDEP_SQL_WAYS_IN). Whoever adds a way in adds 1 in the UPDATE that raises the
 * generation. Whoever removes one runs two statements by cloudep_db_transact(), so that two removals side by side never
 * take the last ones: cloudep_lock_member(), and then one that sees what was before it:
 *
 *     "WITH member AS (SELECT ... WHERE " CLOUDEP_SQL_WAYS_IN("member", "tenant") " > 1)"
 *     ", removed AS (DELETE ... USING member ... RETURNING tenant_id, uid)"
 *     " UPDATE cloudep.members AS member"
 *     " SET ways_in = member.ways_in - 1, " CLOUDEP_SQL_RAISE("member")
 *     " FROM removed WHERE ..."
 */
#ifndef CLOUDEP_GENERATION_STORE_H
#define CLOUDEP_GENERATION_STORE_H

#include "base/store/db.h"

/* clang-format off */

/*
 * Whether a member has a password. A column and not a look at cloudep.credentials, as with ZITADEL the password is
 * there. NULL is what registrations leave: who registered with a password is platform_native, who came by a social
 * provider has none.
 */
#define CLOUDEP_SQL_HAS_PASSWORD(member) \
    "coalesce(" member ".has_password, " member ".origin = 'platform_native')"

/* For the SET of an UPDATE of cloudep.members, which may be setting the password or taking it away: it is one way in. */
#define CLOUDEP_SQL_COUNT_PASSWORD(member) \
    "ways_in = " member ".ways_in" \
    " + CASE WHEN " CLOUDEP_SQL_HAS_PASSWORD(member) " OR " member ".password_due THEN 0 ELSE 1 END"

/* By how many ways a member can log in, with those that the tenant's settings add: code_login has one for each member,
 * the login phone is one where that logs in. The second: without the login phone. */
#define CLOUDEP_SQL_WAYS_IN(member, tenant) \
    "(" CLOUDEP_SQL_OTHER_WAYS_IN(member, tenant) \
    " + CASE WHEN " tenant ".sms_login AND " member ".login_phone IS NOT NULL THEN 1 ELSE 0 END)"
#define CLOUDEP_SQL_OTHER_WAYS_IN(member, tenant) \
    "(" member ".ways_in + CASE WHEN " tenant ".code_login THEN 1 ELSE 0 END)"

/* For the SET of an UPDATE of cloudep.members: a credential changes; and one whose change ends sessions. */
#define CLOUDEP_SQL_RAISE(member) "generation = " member ".generation + 1"
#define CLOUDEP_SQL_RAISE_AND_END(member) \
    CLOUDEP_SQL_RAISE(member) "," \
    " sessions_from = " member ".generation + 1," \
    " generation_at = clock_timestamp()"

/* Whether a session is of a generation of its member that lives. member may be the NULLs of an outer join. */
#define CLOUDEP_SQL_CURRENT(session, member) \
    "coalesce(" session ".generation >= " member ".sessions_from," \
    " " session ".created_at > " member ".generation_at, true)"

/*
 * Ends the sessions that CLOUDEP_SQL_CURRENT says are over, of each "member" for whom the condition holds, as the CTE
 * "ended": its column "over" is false for the session that goes on, which is of the new generation now. Parameters: that
 * session or NULL, the reason, and what the condition has. To be the statement after the one that raised the generation,
 * in one transaction: it sees the session that was committed while the first waited for the member's row.
 */
#define CLOUDEP_SQL_END_SESSIONS(condition) \
    "given AS (" \
    "  SELECT %s::uuid AS kept, %s::text AS reason" \
    "), ended AS (" \
    "  UPDATE cloudep.sessions AS session" \
    "  SET generation = CASE WHEN session.id = given.kept THEN member.generation ELSE session.generation END," \
    "      revoked_at = CASE WHEN session.id = given.kept THEN NULL ELSE now() END," \
    "      revoke_reason = CASE WHEN session.id = given.kept THEN NULL ELSE given.reason END" \
    "  FROM given, cloudep.members AS member" \
    "  WHERE " condition \
    "    AND session.tenant_id = member.tenant_id" \
    "    AND session.uid = member.uid" \
    "    AND " CLOUDEP_SQL_LIVE("session") \
    "    AND NOT " CLOUDEP_SQL_CURRENT("session", "member") \
    "  RETURNING session.revoked_at IS NOT NULL AS over" \
    ")"

/* clang-format on */

/**
 * Locks an active member, so that the statement after it in the transaction sees all that was done to it before.
 * Arguments: tenant_id, uid. No row: there is none.
 */
const cloudep_statement_t *cloudep_lock_member(void);

/** CLOUDEP_SQL_END_SESSIONS for one member, with the arguments kept session, reason, tenant_id, uid. One row: how many
 * have ended. */
const cloudep_statement_t *cloudep_end_sessions(void);

/** Counts what such a step has ended, by its reason, for the metrics; once it is committed. Returns how many. */
int cloudep_count_ended(const cloudep_step_t *step);

#endif
