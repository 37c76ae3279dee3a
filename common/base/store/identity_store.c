/*
 * identity_store.c - members by their accounts at other issuers.
 */
#include "base/store/identity_store.h"

#include <apr_strings.h>
#include "base/text/validate.h"

/* A unique violation, of the email or of the identity, undoes the whole statement, the invite's use with it. */
/* clang-format off */
static const cloudep_statement_t register_identity = {
    .label = "identity_register",
    .sql = "WITH a AS (SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::text AS email, %s::text AS code),"
           " i AS (" CLOUDEP_SQL_USE_INVITE("a") "),"
           " m AS (INSERT INTO cloudep.members (tenant_id, uid, email, invite_id, origin, provider, display_name,"
           " language, terms_version, marketing_opt_in, terms_accepted_at, status, activated_at)"
           " SELECT a.tenant_id, a.uid, a.email, i.id, %s, %s, %s, %s, %s, %s::boolean, now(), 'active', now()"
           " FROM a, i RETURNING tenant_id, uid, generation),"
           " d AS (INSERT INTO cloudep.identities (tenant_id, id, issuer, subject, uid)"
           " SELECT m.tenant_id, %s::uuid, %s, %s, m.uid FROM m),"
           " s AS (" CLOUDEP_SQL_OPEN_SESSION("m") ")"
           " SELECT " CLOUDEP_SQL_SESSION_COLUMNS " FROM s",
};

static const cloudep_statement_t by_identity = {
    .label = "identity_member",
    .sql = "SELECT " CLOUDEP_TENANT_COLUMNS ", " CLOUDEP_MEMBER_COLUMNS ", d.id"
           " FROM (SELECT %s::uuid AS tenant_id, %s::text AS issuer, %s::text AS subject, %s::uuid AS uid,"
           " %s::text AS provider) a"
           " JOIN cloudep.tenants t ON t.id = a.tenant_id"
           " LEFT JOIN cloudep.identities d ON d.tenant_id = t.id AND d.issuer = a.issuer AND d.subject = a.subject"
           " LEFT JOIN cloudep.members m ON m.tenant_id = t.id AND m.uid = coalesce(d.uid, a.uid)"
           " AND (d.uid IS NOT NULL OR m.provider = a.provider)"
           " LEFT JOIN cloudep.totp o ON o.tenant_id = m.tenant_id AND o.uid = m.uid",
    .repeatable = 1,
};
/* clang-format on */

static const cloudep_statement_t use_token = {
    .label = "identity_use_token",
    .sql = "WITH a AS (SELECT %s::uuid AS tenant_id, %s::text AS digest, to_timestamp(%s::bigint) AS expires_at),"
           " over AS (SELECT u.tenant_id, u.digest FROM cloudep.used_id_tokens u WHERE u.expires_at < now()"
           " ORDER BY u.expires_at LIMIT 20 FOR UPDATE SKIP LOCKED),"
           " gone AS (DELETE FROM cloudep.used_id_tokens u USING over"
           " WHERE u.tenant_id = over.tenant_id AND u.digest = over.digest)"
           " INSERT INTO cloudep.used_id_tokens (tenant_id, digest, expires_at)"
           " SELECT a.tenant_id, a.digest, a.expires_at FROM a",
};

apr_status_t cloudep_identity_register(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant,
                                       const cloudep_identity_t *identity, cloudep_session_t *session)
{
    cloudep_args_t *args = CLOUDEP_ARGS(
        applicant->tenant_id, applicant->uid, applicant->email, applicant->invite_code, applicant->origin,
        applicant->provider, applicant->display_name, applicant->language, applicant->terms_version,
        cloudep_arg_boolean(applicant->marketing_opt_in), identity->id, identity->issuer, identity->subject);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(p, session, args);
    rv = cloudep_db_run(db, p, &rows, &register_identity, args);
    if (rv == APR_SUCCESS && rows->count == 0) {
        return APR_NOTFOUND;
    }
    if (rv == APR_SUCCESS) {
        cloudep_session_of_row(session, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_identity_member(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *tenant_id,
                                     cloudep_identity_t *identity, const char *provisioned_by)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(tenant_id, identity->issuer, identity->subject,
                     provisioned_by && cloudep_is_uuid(identity->subject) ? identity->subject : NULL, provisioned_by);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &by_identity, args);

    if (rv == APR_SUCCESS && rows->count == 0) {
        return APR_NOTFOUND;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    identity->id = cloudep_cell(rows, 0, CLOUDEP_TENANT_COLUMN_COUNT + CLOUDEP_MEMBER_COLUMN_COUNT);
    return cloudep_member_of_row(p, member, rows, 0, CLOUDEP_TENANT_COLUMN_COUNT);
}

apr_status_t cloudep_identity_use_token(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *digest,
                                        apr_int64_t exp)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, digest, apr_psprintf(p, "%" APR_INT64_T_FMT, exp));

    return cloudep_db_run(db, p, NULL, &use_token, args);
}
