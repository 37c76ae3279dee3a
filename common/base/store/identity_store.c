/*
 * identity_store.c - members by their accounts at other issuers.
 */
#include "base/store/identity_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"
#include "base/text/validate.h"

enum { REGISTER, BY_IDENTITY, USE_TOKEN, LIST, LINK, UNLINK };

#define LINKED(kind, name, sql) CLOUDEP_COLUMN(cloudep_linked_t, kind, name)
static const cloudep_column_t linked_columns[] = {CLOUDEP_LINKED_COLUMNS(LINKED, LINKED, "")};
const cloudep_record_t cloudep_linked_record = CLOUDEP_RECORD(cloudep_linked_t, linked_columns);

/* clang-format off */
static const cloudep_statement_t statements[] = {
    /*
     * A unique violation, of the email or of the identity, undoes the whole statement, the invite's use with it.
     * The condition on "replaced" is always true: it has the pending member lose the email before it is taken.
     */
    [REGISTER] = {
        .label = "identity_register",
        .sql =
            "WITH applicant AS (" CLOUDEP_SQL_APPLICANT
            "), invite AS (" CLOUDEP_SQL_USE_INVITE("applicant")
            "), replaced AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_REPLACE_PENDING("member")
            "  FROM applicant, invite"
            "  WHERE member.tenant_id = applicant.tenant_id"
            "    AND member.email = applicant.email"
            "    AND " CLOUDEP_SQL_IS_REPLACEABLE("member")
            "  RETURNING member.uid"
            "), admitted AS ("
            "  SELECT invite.id"
            "  FROM invite"
            "  WHERE (SELECT count(*) FROM replaced) >= 0"
            "), member AS (" CLOUDEP_SQL_INSERT_MEMBER("applicant", "admitted", "'active'", "now()", "NULL::uuid[]")
            "), identity AS ("
            "  INSERT INTO cloudep.identities (tenant_id, id, issuer, subject, uid)"
            "  SELECT member.tenant_id, %s::uuid, %s, %s, member.uid"
            "  FROM member"
            "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("member") ")"
            " SELECT " CLOUDEP_SQL_SESSION("opened")
            " FROM opened",
    },
    [BY_IDENTITY] = {
        .label = "identity_member",
        .sql =
            "SELECT identity.id, " CLOUDEP_SQL_TENANT("tenant") ", " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM ("
            "   SELECT %s::uuid AS tenant_id, %s::text AS issuer, %s::text AS subject,"
            "          %s::uuid AS uid, %s::text AS provider"
            " ) AS given"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = given.tenant_id"
            " LEFT JOIN cloudep.identities AS identity"
            "   ON identity.tenant_id = tenant.id"
            "   AND identity.issuer = given.issuer"
            "   AND identity.subject = given.subject"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = tenant.id"
            "   AND member.uid = coalesce(identity.uid, given.uid)"
            "   AND (identity.uid IS NOT NULL OR member.provider = given.provider)"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member"),
        .repeatable = 1,
    },
    [USE_TOKEN] = {
        .label = "identity_use_token",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::text AS digest, to_timestamp(%s::bigint) AS expires_at,"
            "         %s::uuid AS session_id, %s::interval AS grace"
            "), expired AS ("
            "  SELECT tenant_id, digest"
            "  FROM cloudep.used_id_tokens"
            "  WHERE expires_at < now()"
            "  ORDER BY expires_at"
            "  LIMIT 20"
            "  FOR UPDATE SKIP LOCKED"
            "), removed AS ("
            "  DELETE FROM cloudep.used_id_tokens AS used"
            "  USING expired"
            "  WHERE used.tenant_id = expired.tenant_id"
            "    AND used.digest = expired.digest"
            ")"
            " INSERT INTO cloudep.used_id_tokens AS used (tenant_id, digest, expires_at, session_id, used_at)"
            " SELECT given.tenant_id, given.digest, given.expires_at, given.session_id, clock_timestamp()"
            " FROM given"
            " ON CONFLICT (tenant_id, digest) DO UPDATE"
            " SET used_at = used.used_at"
            " WHERE used.session_id IS NOT NULL"
            "   AND used.used_at > clock_timestamp() - (SELECT given.grace FROM given)"
            " RETURNING session_id",
    },
    [LIST] = {
        .label = "identity_list",
        .sql =
            "SELECT " CLOUDEP_LINKED_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "identity")
            " FROM cloudep.identities AS identity"
            " WHERE identity.tenant_id = %s::uuid"
            "   AND identity.uid = %s::uuid"
            " ORDER BY identity.created_at, identity.id",
        .repeatable = 1,
    },
    [LINK] = {
        .label = "identity_link",
        .sql =
            "WITH member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE("member") ","
            "      ways_in = member.ways_in + 1"
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND member.status = 'active'"
            "  RETURNING member.tenant_id, member.uid"
            "), identity AS ("
            "  INSERT INTO cloudep.identities (tenant_id, uid, id, issuer, subject)"
            "  SELECT member.tenant_id, member.uid, given.id, given.issuer, given.subject"
            "  FROM member, (SELECT %s::uuid AS id, %s::text AS issuer, %s::text AS subject) AS given"
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("member") ")"
            " SELECT uid FROM member",
    },
    /* After cloudep_lock_member(). Whether there is such an account, and what was removed; of its row nothing is NULL. */
    [UNLINK] = {
        .label = "identity_unlink",
        .sql =
            "WITH before AS ("
            "  SELECT identity.tenant_id, identity.uid, identity.id"
            "  FROM cloudep.identities AS identity"
            "  WHERE identity.tenant_id = %s::uuid"
            "    AND identity.uid = %s::uuid"
            "    AND identity.id = %s::uuid"
            "), removed AS ("
            "  DELETE FROM cloudep.identities AS identity"
            "  USING before, cloudep.members AS member, cloudep.tenants AS tenant"
            "  WHERE identity.tenant_id = before.tenant_id"
            "    AND identity.id = before.id"
            "    AND member.tenant_id = before.tenant_id"
            "    AND member.uid = before.uid"
            "    AND tenant.id = before.tenant_id"
            "    AND " CLOUDEP_SQL_WAYS_IN("member", "tenant") " > 1"
            "  RETURNING identity.tenant_id, identity.uid, identity.id, identity.issuer, identity.subject"
            "), changed AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE("member") ","
            "      ways_in = member.ways_in - 1"
            "  FROM removed"
            "  WHERE member.tenant_id = removed.tenant_id"
            "    AND member.uid = removed.uid"
            "), ended AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET revoked_at = now(), revoke_reason = 'account unlinked'"
            "  FROM removed"
            "  WHERE session.tenant_id = removed.tenant_id"
            "    AND session.uid = removed.uid"
            "    AND session.opened_with = '" CLOUDEP_OPENED_IDENTITY "' || removed.id"
            "    AND " CLOUDEP_SQL_LIVE("session")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("removed") ")"
            " SELECT removed.issuer, removed.subject"
            " FROM before"
            " LEFT JOIN removed ON true",
    },
};
/* clang-format on */
/* The columns of BY_IDENTITY. */
enum { IDENTITY, TENANT, MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT };
const cloudep_statement_list_t cloudep_identity_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_identity_register(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant,
                                       const cloudep_identity_t *identity, cloudep_session_t *session)
{
    cloudep_args_t args = {0};
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_applicant_args(&args, applicant);
    cloudep_arg(&args, identity->id);
    cloudep_arg(&args, identity->issuer);
    cloudep_arg(&args, identity->subject);
    cloudep_session_args(&args, p, session);
    rv = cloudep_db_run_one(db, p, &rows, &statements[REGISTER], &args);
    if (rv == APR_SUCCESS) {
        cloudep_session_of_row(session, p, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_identity_member(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *tenant_id,
                                     cloudep_identity_t *identity, const char *provisioned_by)
{
    const char *uid = provisioned_by && cloudep_is_uuid(identity->subject) ? identity->subject : NULL;
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, identity->issuer, identity->subject, uid, provisioned_by);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[BY_IDENTITY], args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    identity->id = cloudep_cell(rows, 0, IDENTITY);
    *tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    return cloudep_member_of_row(p, member, rows, 0, MEMBER);
}

apr_status_t cloudep_identity_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list, const char *tenant_id,
                                   const char *uid)
{
    return cloudep_record_list(list, p, db, &cloudep_linked_record, &statements[LIST], CLOUDEP_ARGS(tenant_id, uid));
}

apr_status_t cloudep_identity_link(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                   const cloudep_identity_t *identity, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, identity->id, identity->issuer, identity->subject);

    cloudep_message_args(args, notice);
    return cloudep_db_run_one(db, p, NULL, &statements[LINK], args);
}

apr_status_t cloudep_identity_unlink(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                     cloudep_identity_t *identity, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, identity->id);
    cloudep_step_t steps[] = {
        {.st = cloudep_lock_member(), .args = CLOUDEP_ARGS(tenant_id, uid)},
        {.st = &statements[UNLINK], .args = args},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 2);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
    }
    if (!steps[1].rows->count) {
        return APR_NOTFOUND;
    }
    identity->issuer = cloudep_cell(steps[1].rows, 0, 0);
    identity->subject = cloudep_cell(steps[1].rows, 0, 1);
    return identity->issuer ? APR_SUCCESS : CLOUDEP_EREFUSED;
}

apr_status_t cloudep_identity_use_token(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *digest,
                                        apr_int64_t exp, int grace, const char **session_id)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(
        db, p, &rows, &statements[USE_TOKEN],
        CLOUDEP_ARGS(tenant_id, digest, cloudep_arg_number(p, exp), *session_id, cloudep_arg_seconds(p, grace)));

    if (rv == APR_SUCCESS) {
        *session_id = cloudep_cell(rows, 0, 0);
    }
    return rv == APR_NOTFOUND ? CLOUDEP_ECONFLICT : rv;
}
