/*
 * member_store.c - members' rows, and a registration's steps.
 */
#include "base/store/member_store.h"

#include <apr_strings.h>
#include <string.h>
#include "base/store/session_store.h"

#define TOTP_OF_MEMBER " LEFT JOIN cloudep.totp o ON o.tenant_id = m.tenant_id AND o.uid = m.uid"

static const cloudep_statement_t by_uid = {
    .label = "member_by_uid",
    .sql = "SELECT " CLOUDEP_MEMBER_COLUMNS " FROM cloudep.members m" TOTP_OF_MEMBER
           " WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid",
    .repeatable = 1,
};

static const cloudep_statement_t by_email = {
    .label = "member_by_email",
    .sql = "SELECT " CLOUDEP_TENANT_COLUMNS ", " CLOUDEP_MEMBER_COLUMNS
           " FROM cloudep.tenants t LEFT JOIN cloudep.members m ON m.tenant_id = t.id AND m.email = %s" TOTP_OF_MEMBER
           " WHERE t.slug = %s",
    .repeatable = 1,
};

/* A unique violation undoes the whole statement, the invite's use with it. */
static const cloudep_statement_t reserve = {
    .label = "member_reserve",
    .sql = "WITH a AS (SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::text AS email, %s::text AS code),"
           " i AS (" CLOUDEP_SQL_USE_INVITE("a") ")"
                                                 " INSERT INTO cloudep.members (tenant_id, uid, email, invite_id, "
                                                 "origin, provider, display_name, language,"
                                                 " terms_version, marketing_opt_in, terms_accepted_at)"
                                                 " SELECT a.tenant_id, a.uid, a.email, i.id, %s, %s, %s, %s, %s, "
                                                 "%s::boolean, now() FROM a, i RETURNING uid",
};

static const cloudep_statement_t await_code = {
    .label = "member_await_code",
    .sql =
        "WITH m AS (UPDATE cloudep.members SET status = 'pending', updated_at = now()"
        " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND status IN ('reserved', 'pending') RETURNING tenant_id, uid)"
        " " CLOUDEP_SQL_ENQUEUE("m"),
};

static const cloudep_statement_t activate = {
    .label = "member_activate",
    .sql = "WITH m AS (UPDATE cloudep.members SET status = 'active', activated_at = now(), updated_at = now()"
           " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND status = 'pending'"
           " RETURNING tenant_id, uid, generation),"
           " s AS (" CLOUDEP_SQL_OPEN_SESSION("m") ") SELECT " CLOUDEP_SQL_SESSION_COLUMNS " FROM s",
};

static const cloudep_statement_t abandon = {
    .label = "member_abandon",
    .sql = "UPDATE cloudep.members SET status = 'deleting', updated_at = now()"
           " WHERE tenant_id = %s::uuid AND uid = %s::uuid AND status IN ('reserved', 'deleting') RETURNING uid",
    .repeatable = 1,
};

static const cloudep_statement_t purge = {
    .label = "member_purge",
    .sql =
        "WITH m AS (DELETE FROM cloudep.members WHERE tenant_id = %s::uuid AND uid = %s::uuid AND status = 'deleting'"
        " RETURNING tenant_id, uid, invite_id, activated_at),"
        " s AS (DELETE FROM cloudep.sessions s USING m WHERE s.tenant_id = m.tenant_id AND s.uid = m.uid)"
        " UPDATE cloudep.invites i SET uses = i.uses - 1 FROM m"
        " WHERE i.tenant_id = m.tenant_id AND i.id = m.invite_id AND m.activated_at IS NULL AND i.uses > 0",
};

static const cloudep_statement_t claim_unfinished = {
    .label = "member_claim_unfinished",
    .sql = "WITH a AS (SELECT %s::interval AS reserved_age, %s::interval AS pending_age),"
           " due AS (SELECT m.tenant_id, m.uid FROM cloudep.members m, a"
           " WHERE m.status IN ('reserved', 'pending', 'deleting') AND m.updated_at < now() - CASE m.status"
           " WHEN 'pending' THEN a.pending_age WHEN 'deleting' THEN least(a.reserved_age, interval '10 seconds')"
           " ELSE a.reserved_age END"
           " ORDER BY m.updated_at LIMIT %s::integer FOR UPDATE OF m SKIP LOCKED)"
           " UPDATE cloudep.members m SET status = 'deleting', updated_at = now()"
           " FROM due, cloudep.tenants t"
           " WHERE m.tenant_id = due.tenant_id AND m.uid = due.uid AND t.id = m.tenant_id"
           " RETURNING m.tenant_id, m.uid, m.email, m.provider, t.organization",
};

/* "" clears, NULL leaves. */
#define CHANGED(column) column " = CASE WHEN a." column " IS NULL THEN m." column " ELSE nullif(a." column ", '') END"
static const cloudep_statement_t update_profile = {
    .label = "member_update_profile",
    .sql =
        "WITH a AS (SELECT %s::text AS display_name, %s::text AS avatar, %s::text AS language, %s::text AS currency,"
        " %s::text AS phone),"
        " m AS (UPDATE cloudep.members m SET " CHANGED("display_name") ", " CHANGED("avatar") ", " CHANGED(
            "language") ", " CHANGED("currency") ", " CHANGED("phone") ", updated_at = now() FROM a"
                                                                       " WHERE m.tenant_id = %s::uuid AND m.uid = "
                                                                       "%s::uuid AND m.status = 'active' RETURNING m.*)"
                                                                       " SELECT " CLOUDEP_MEMBER_COLUMNS
                                                                       " FROM m" TOTP_OF_MEMBER,
    .repeatable = 1,
};

static const char *const status_words[] = {"reserved", "pending", "active", "suspended", "deleting"};

const char *cloudep_member_status_name(cloudep_member_status_e status)
{
    return status_words[status];
}

apr_status_t cloudep_member_of_row(apr_pool_t *p, const cloudep_member_t **out, const cloudep_rows_t *rows, int row,
                                   int column)
{
    const char **cells = rows->cells + row * rows->columns + column;
    cloudep_member_t *member;
    size_t status = 0;

    *out = NULL;
    if (!cells[0]) {
        return APR_SUCCESS;
    }
    while (status < sizeof(status_words) / sizeof(status_words[0]) && strcmp(status_words[status], cells[2])) {
        status++;
    }
    if (status == sizeof(status_words) / sizeof(status_words[0])) {
        return CLOUDEP_EDATA;
    }
    member = apr_pcalloc(p, sizeof(*member));
    member->tenant_id = cells[0];
    member->uid = cells[1];
    member->status = (cloudep_member_status_e)status;
    member->email = cells[3];
    member->origin = cells[4];
    member->provider = cells[5];
    member->display_name = cells[6];
    member->avatar = cells[7];
    member->phone = cells[8];
    member->language = cells[9];
    member->currency = cells[10];
    member->business_email = cells[11];
    member->business_email_verified = cells[12][0] == 't';
    member->business_phone = cells[13];
    member->business_phone_verified = cells[14][0] == 't';
    member->totp_enrolled = cells[15][0] == 't';
    member->created_at = apr_atoi64(cells[16]);
    member->updated_at = apr_atoi64(cells[17]);
    member->generation = cells[18];
    member->sessions_from = cells[19];
    member->has_password = cells[20][0] == 't';
    member->password_due = cells[21][0] == 't';
    *out = member;
    return APR_SUCCESS;
}

/* Runs a statement about one member that returns a row when it did something. */
static apr_status_t change(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const cloudep_statement_t *st,
                           const cloudep_args_t *args)
{
    apr_status_t rv = cloudep_db_run(db, p, rows, st, args);

    return rv == APR_SUCCESS && (*rows)->count == 0 ? APR_NOTFOUND : rv;
}

apr_status_t cloudep_member_by_uid(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                   const char *tenant_id, const char *uid)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
    cloudep_rows_t *rows;
    apr_status_t rv = change(db, p, &rows, &by_uid, args);

    return rv == APR_SUCCESS ? cloudep_member_of_row(p, member, rows, 0, 0) : rv;
}

apr_status_t cloudep_member_by_email(cloudep_db_t *db, apr_pool_t *p, const cloudep_tenant_t **tenant,
                                     const cloudep_member_t **member, const char *slug, const char *email)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(email, slug);
    cloudep_rows_t *rows;
    apr_status_t rv = change(db, p, &rows, &by_email, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *tenant = cloudep_tenant_of_row(p, rows, 0, 0);
    return cloudep_member_of_row(p, member, rows, 0, CLOUDEP_TENANT_COLUMN_COUNT);
}

apr_status_t cloudep_member_reserve(cloudep_db_t *db, apr_pool_t *p, const cloudep_applicant_t *applicant)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(applicant->tenant_id, applicant->uid, applicant->email, applicant->invite_code, applicant->origin,
                     applicant->provider, applicant->display_name, applicant->language, applicant->terms_version,
                     applicant->marketing_opt_in ? "true" : "false");
    cloudep_rows_t *rows;

    return change(db, p, &rows, &reserve, args);
}

apr_status_t cloudep_member_await_code(cloudep_db_t *db, apr_pool_t *p, const cloudep_message_t *message)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(message->tenant_id, message->uid, CLOUDEP_ENQUEUE_ARGS(message));
    cloudep_rows_t *rows;

    return change(db, p, &rows, &await_code, args);
}

apr_status_t cloudep_member_activate(cloudep_db_t *db, apr_pool_t *p, cloudep_session_t *session)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid);
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(p, session, args);
    rv = change(db, p, &rows, &activate, args);
    if (rv == APR_SUCCESS) {
        cloudep_session_of_row(session, rows, 0, 0);
    }
    return rv;
}

apr_status_t cloudep_member_abandon(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);
    cloudep_rows_t *rows;

    return change(db, p, &rows, &abandon, args);
}

apr_status_t cloudep_member_purge(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid);

    return cloudep_db_run(db, p, NULL, &purge, args);
}

apr_status_t cloudep_member_claim_unfinished(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **members,
                                             int reserved_age, int pending_age, int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(apr_psprintf(p, "%d seconds", reserved_age),
                                              apr_psprintf(p, "%d seconds", pending_age), apr_itoa(p, limit));

    return cloudep_db_run(db, p, members, &claim_unfinished, args);
}

apr_status_t cloudep_member_update_profile(cloudep_db_t *db, apr_pool_t *p, const cloudep_member_t **member,
                                           const char *tenant_id, const char *uid, const cloudep_profile_t *profile)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(profile->display_name, profile->avatar, profile->language,
                                              profile->currency, profile->phone, tenant_id, uid);
    cloudep_rows_t *rows;
    apr_status_t rv = change(db, p, &rows, &update_profile, args);

    return rv == APR_SUCCESS ? cloudep_member_of_row(p, member, rows, 0, 0) : rv;
}
