/*
 * identity_store.c - members by their accounts at other issuers.
 */
#include "base/store/identity_store.h"

#include "base/store/sql.h"
#include "base/store/statements.h"
#include "base/text/validate.h"

enum { REGISTER, BY_IDENTITY, USE_TOKEN };

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
            "  SET status = 'deleting', email = member.uid || '@replaced.invalid', updated_at = now()"
            "  FROM applicant, invite"
            "  WHERE member.tenant_id = applicant.tenant_id"
            "    AND member.email = applicant.email"
            "    AND member.status = 'pending'"
            "    AND (member.confirming_until IS NULL OR member.confirming_until < now())"
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
