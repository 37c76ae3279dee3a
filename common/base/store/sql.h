/*
 * sql.h - what several statements have in common, and the writers of its arguments.
 *
 * A fragment takes the aliases of its tables as parameters (string literals), so that a statement shows what it joins.
 * "source" is a CTE, or table, of the statement with the columns tenant_id and uid, unless said otherwise. A fragment
 * that is a statement of its own stands in a CTE:
 *
 *     "WITH changed AS ("
 *     "  UPDATE ... RETURNING tenant_id, uid"
 *     "), mail AS (" CLOUDEP_SQL_ENQUEUE("changed") ")"
 *     " SELECT uid FROM changed"
 *
 * Arguments go in the order in which the fragments stand in the statement.
 */
#ifndef CLOUDEP_SQL_H
#define CLOUDEP_SQL_H

#include "base/store/budget_store.h"
#include "base/store/generation_store.h"
#include "base/store/record.h"
#include "base/store/session_store.h"

/* clang-format off */

/* What shows that a hash was made of the form of RFC 8265: its own end. Version 1.0 writes hashes without it. */
#define CLOUDEP_SQL_FORM_OF(phc) "right(" phc ", 16)"

/* ---- Columns, read by cloudep_tenant_of_row, cloudep_member_of_row and cloudep_session_of_row ---------------- */

#define CLOUDEP_SQL_TENANT(tenant) CLOUDEP_TENANT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, tenant)
#define CLOUDEP_SQL_MEMBER(member, totp) \
    CLOUDEP_MEMBER_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, member, totp)
#define CLOUDEP_SQL_SESSION(session) CLOUDEP_SESSION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, session)
#define CLOUDEP_SQL_PROOFS(session, totp) \
    CLOUDEP_PROOF_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, session, totp)

#define CLOUDEP_SQL_TURN(session) CLOUDEP_TURN_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, session)

/* The row of cloudep.totp that CLOUDEP_SQL_MEMBER and CLOUDEP_SQL_PROOFS look at. */
#define CLOUDEP_SQL_JOIN_TOTP(totp, member) \
    " LEFT JOIN cloudep.totp AS " totp \
    "   ON " totp ".tenant_id = " member ".tenant_id" \
    "   AND " totp ".uid = " member ".uid"

/* ---- Conditions and values ---------------------------------------------------------------------------------- */

/* A session that a request can still use. */
#define CLOUDEP_SQL_LIVE(session) session ".revoked_at IS NULL AND " session ".expires_at > now()"

/* A one-time link that is neither used nor over. */
#define CLOUDEP_SQL_GOOD_LINK(link) link ".used_at IS NULL AND " link ".expires_at > now()"

/*
 * Seconds that a budget still makes wait, rounded up. clock_timestamp() instead of now(): see budget_store.c.
 */
#define CLOUDEP_SQL_WAIT_LEFT(budget) \
    "greatest(ceil(extract(epoch FROM " budget ".blocked_until - clock_timestamp())), 0)::integer"

/* ---- Statements that stand in a CTE ------------------------------------------------------------------------- */

/*
 * The member if it is active, its row locked (lock: "SHARE" or "NO KEY UPDATE") so that a suspension comes before or
 * after. Returns tenant_id, uid, generation. Arguments: tenant_id, uid.
 */
#define CLOUDEP_SQL_ACTIVE_MEMBER(lock) \
    "SELECT tenant_id, uid, generation" \
    " FROM cloudep.members" \
    " WHERE tenant_id = %s::uuid" \
    "   AND uid = %s::uuid" \
    "   AND status = 'active'" \
    " FOR " lock

/*
 * Of source, a CTE of CLOUDEP_SQL_ACTIVE_MEMBER("SHARE"), the member whose credentials are still of that generation:
 * nobody else gets a session. Returns tenant_id, uid, generation. Argument: generation.
 */
#define CLOUDEP_SQL_OF_GENERATION(source) \
    "SELECT tenant_id, uid, generation FROM " source " WHERE generation = %s::bigint"

/*
 * Opens a session for each row of source, with the columns tenant_id, uid, generation. Returns rows of cloudep.sessions, for CLOUDEP_SQL_SESSION. Arguments:
 * cloudep_session_args.
 */
#define CLOUDEP_SQL_OPEN_SESSION(source) \
    "INSERT INTO cloudep.sessions" \
    " (tenant_id, uid, generation, id, amr, mfa_method, mfa_at, opened_with, address, user_agent," \
    " idle_expires_at, expires_at)" \
    " SELECT " source ".tenant_id, " source ".uid, " source ".generation, given.id, given.amr," \
    " given.mfa_method, CASE WHEN given.mfa_method IS NOT NULL THEN now() END," \
    " given.opened_with, given.address, given.user_agent," \
    " now() + least(given.idle, given.lifetime), now() + given.lifetime" \
    " FROM " source "," \
    " (SELECT %s::uuid AS id, %s::text AS amr, %s::text AS mfa_method, %s::text AS opened_with," \
    " %s::text AS address, %s::text AS user_agent," \
    " %s::interval AS idle, %s::interval AS lifetime) AS given" \
    " RETURNING sessions.*"

/* Enqueues a message for each row of source. Returns id. Arguments: cloudep_message_args. */
#define CLOUDEP_SQL_ENQUEUE(source) \
    "INSERT INTO cloudep.outbox" \
    " (tenant_id, uid, outbox, channel, target, language, template, params, expires_at, traceparent)" \
    " SELECT " source ".tenant_id, " source ".uid," \
    " message.outbox, message.channel, message.target, message.language, message.template, message.params," \
    " now() + message.lifetime * interval '1 second', message.traceparent" \
    " FROM " source "," \
    " (SELECT %s::text AS outbox, %s::text AS channel, %s::text AS target, %s::text AS language," \
    " %s::text AS template, %s::text AS params, %s::integer AS lifetime, %s::text AS traceparent) AS message" \
    " WHERE message.channel IS NOT NULL" \
    " RETURNING id"

/* Forgets the failures of a kind (a string literal) of each row of source, wherever they came from. No arguments. */
#define CLOUDEP_SQL_FORGET_FAILURES(kind_, source) \
    "DELETE FROM cloudep.budgets AS budget" \
    " USING " source \
    " WHERE budget.tenant_id = " source ".tenant_id" \
    "   AND budget.kind = '" kind_ "'" \
    "   AND budget.subject = " source ".uid::text"

/* The same of the row that judged. Argument: its network. */
#define CLOUDEP_SQL_FORGET_FAILURES_AT(kind_, source) \
    CLOUDEP_SQL_FORGET_FAILURES(kind_, source) \
    " AND budget.network = %s"

/* Has a registration that nobody has confirmed lose its address to whoever proved it, for the SET of an UPDATE of
 * cloudep.members; and whether it may be: none is that is being confirmed right now. */
#define CLOUDEP_SQL_REPLACE_PENDING(member) \
    "status = 'deleting', email = " member ".uid || '@replaced.invalid', updated_at = now()"
#define CLOUDEP_SQL_IS_REPLACEABLE(member) \
    member ".status = 'pending'" \
    " AND (" member ".confirming_until IS NULL OR " member ".confirming_until < now())"

/*
 * Takes one use of the invite that source (with the columns tenant_id, code) names, if it is still good. Returns id. No
 * arguments.
 */
#define CLOUDEP_SQL_USE_INVITE(source) \
    "UPDATE cloudep.invites AS invite" \
    " SET uses = invite.uses + 1" \
    " FROM " source \
    " WHERE invite.tenant_id = " source ".tenant_id" \
    "   AND invite.code = " source ".code" \
    "   AND invite.revoked_at IS NULL" \
    "   AND (invite.expires_at IS NULL OR invite.expires_at > now())" \
    "   AND invite.uses < invite.max_uses" \
    " RETURNING invite.id"

/* Somebody who registers, as a row; with the columns tenant_id, code it names an invite. Arguments:
 * cloudep_applicant_args. */
#define CLOUDEP_SQL_APPLICANT \
    "SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::text AS email, %s::text AS code," \
    " %s::text AS origin, %s::text AS provider, %s::text AS display_name, %s::text AS language," \
    " %s::text AS terms_version, %s::boolean AS marketing_opt_in"

/*
 * Makes a member of an applicant who used the invite (with the column id), in that status. provider_uids: whom the
 * identity provider may have for a member who is not active yet. No arguments.
 */
#define CLOUDEP_SQL_INSERT_MEMBER(applicant, invite, status, activated_at, provider_uids) \
    "INSERT INTO cloudep.members" \
    " (tenant_id, uid, email, invite_id, origin, provider, display_name, language," \
    " terms_version, marketing_opt_in, terms_accepted_at, status, activated_at, provider_uids)" \
    " SELECT " applicant ".tenant_id, " applicant ".uid, " applicant ".email, " invite ".id, " applicant ".origin," \
    " " applicant ".provider, " applicant ".display_name, " applicant ".language," \
    " " applicant ".terms_version, " applicant ".marketing_opt_in, now(), " status ", " activated_at ", " provider_uids \
    " FROM " applicant ", " invite \
    " RETURNING tenant_id, uid, generation"

/* clang-format on */

/** Appends the arguments of CLOUDEP_SQL_APPLICANT. */
void cloudep_applicant_args(cloudep_args_t *args, const cloudep_applicant_t *applicant);

/** Appends the arguments of CLOUDEP_SQL_OPEN_SESSION; texts live in p. */
void cloudep_session_args(cloudep_args_t *args, apr_pool_t *p, const cloudep_session_t *session);

/** Appends the arguments of CLOUDEP_SQL_ENQUEUE. */
void cloudep_message_args(cloudep_args_t *args, const cloudep_message_t *message);

#endif
