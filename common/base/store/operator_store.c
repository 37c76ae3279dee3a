/*
 * operator_store.c - the operator's statements on tenants and invites.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

#define TENANT(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_tenant_t, kind, name)
static const cloudep_column_t tenant_columns[] = {CLOUDEP_OPERATOR_TENANT_COLUMNS(TENANT, TENANT, "")};
const cloudep_record_t cloudep_operator_tenant_record = CLOUDEP_RECORD(cloudep_operator_tenant_t, tenant_columns);

#define INVITE(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_invite_t, kind, name)
static const cloudep_column_t invite_columns[] = {CLOUDEP_OPERATOR_INVITE_COLUMNS(INVITE, INVITE, "")};
const cloudep_record_t cloudep_operator_invite_record = CLOUDEP_RECORD(cloudep_operator_invite_t, invite_columns);

enum { TENANT_ADD, TENANT_SET, TENANT_LOCKS_OUT, TENANT_SHOW, TENANT_LIST, INVITE_ADD, INVITE_LIST, INVITE_REVOKE };

/* clang-format off */

#define TENANT_OF(tenant) CLOUDEP_OPERATOR_TENANT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, tenant)
#define INVITE_OF(invite) CLOUDEP_OPERATOR_INVITE_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, invite)

static const cloudep_statement_t statements[] = {
    [TENANT_ADD] = {
        .label = "operator_tenant_add",
        .sql =
            "INSERT INTO cloudep.tenants AS tenant"
            " (slug, name, registration, login, totp_issuer, organization, exchange_password, code_login, sms_login,"
            "  redirect_uris)"
            " VALUES (%s, %s, coalesce(%s::boolean, true), coalesce(%s::boolean, true),"
            "         nullif(%s, ''), nullif(%s, ''), coalesce(%s::boolean, false), coalesce(%s::boolean, false),"
            "         coalesce(%s::boolean, false), %s::text[])"
            " RETURNING " TENANT_OF("tenant"),
    },
    /* What is added keeps its order behind what is there, once each. What is removed goes last, so that it is gone. */
    [TENANT_SET] = {
        .label = "operator_tenant_set",
        .sql =
            "UPDATE cloudep.tenants AS tenant"
            " SET name = coalesce(%s, tenant.name),"
            "     registration = coalesce(%s::boolean, tenant.registration),"
            "     login = coalesce(%s::boolean, tenant.login),"
            "     totp_issuer = nullif(coalesce(%s, tenant.totp_issuer), ''),"
            "     organization = nullif(coalesce(%s, tenant.organization), ''),"
            "     exchange_password = coalesce(%s::boolean, tenant.exchange_password),"
            "     code_login = coalesce(%s::boolean, tenant.code_login),"
            "     sms_login = coalesce(%s::boolean, tenant.sms_login),"
            "     redirect_uris = ARRAY("
            "       SELECT listed.uri"
            "       FROM unnest(tenant.redirect_uris || %s::text[]) WITH ORDINALITY AS listed (uri, place)"
            "       WHERE listed.uri <> ALL (%s::text[])"
            "       GROUP BY listed.uri"
            "       ORDER BY min(listed.place)"
            "     ),"
            "     updated_at = now()"
            " WHERE tenant.slug = %s"
            " RETURNING " TENANT_OF("tenant"),
    },
    /* "after" is the tenant as it will be, for CLOUDEP_SQL_WAYS_IN. */
    [TENANT_LOCKS_OUT] = {
        .label = "operator_tenant_locks_out",
        .sql =
            "WITH after AS ("
            "  SELECT id, coalesce(%s::boolean, code_login) AS code_login, coalesce(%s::boolean, sms_login) AS sms_login"
            "  FROM cloudep.tenants"
            "  WHERE slug = %s"
            ")"
            " SELECT count(*)"
            " FROM after"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = after.id"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = tenant.id"
            "   AND member.status IN ('active', 'suspended')"
            " WHERE " CLOUDEP_SQL_WAYS_IN("member", "tenant") " > 0"
            "   AND " CLOUDEP_SQL_WAYS_IN("member", "after") " = 0",
        .repeatable = 1,
    },
    [TENANT_SHOW] = {
        .label = "operator_tenant_show",
        .sql =
            "SELECT " TENANT_OF("tenant")
            " FROM cloudep.tenants AS tenant"
            " WHERE tenant.slug = %s",
        .repeatable = 1,
    },
    [TENANT_LIST] = {
        .label = "operator_tenant_list",
        .sql =
            "SELECT " TENANT_OF("tenant")
            " FROM cloudep.tenants AS tenant"
            " WHERE tenant.slug > coalesce(%s, '')"
            " ORDER BY tenant.slug"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [INVITE_ADD] = {
        .label = "operator_invite_add",
        .sql =
            "INSERT INTO cloudep.invites AS invite (tenant_id, code, max_uses, expires_at)"
            " VALUES (%s::uuid, %s, %s::integer,"
            "         coalesce(now() + make_interval(secs => %s::integer), %s::timestamptz))"
            " RETURNING " INVITE_OF("invite"),
    },
    [INVITE_LIST] = {
        .label = "operator_invite_list",
        .sql =
            "SELECT " INVITE_OF("invite")
            " FROM cloudep.invites AS invite"
            " WHERE invite.tenant_id = %s::uuid"
            "   AND invite.code > coalesce(%s, '')"
            " ORDER BY invite.code"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    [INVITE_REVOKE] = {
        .label = "operator_invite_revoke",
        .sql =
            "UPDATE cloudep.invites AS invite"
            " SET revoked_at = coalesce(invite.revoked_at, now())"
            " WHERE invite.tenant_id = %s::uuid"
            "   AND invite.code = %s"
            " RETURNING " INVITE_OF("invite"),
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_operator_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_operator_tenant_add(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                         const cloudep_operator_tenant_change_t *change)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(
        change->slug, change->name, change->registration, change->login, change->totp_issuer, change->organization,
        change->exchange_password, change->code_login, change->sms_login, cloudep_arg_list(p, change->add_uris));

    return cloudep_record_one(tenant, p, db, &cloudep_operator_tenant_record, &statements[TENANT_ADD], args);
}

apr_status_t cloudep_operator_tenant_set(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                         const cloudep_operator_tenant_change_t *change)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(change->name, change->registration, change->login, change->totp_issuer, change->organization,
                     change->exchange_password, change->code_login, change->sms_login,
                     cloudep_arg_list(p, change->add_uris), cloudep_arg_list(p, change->remove_uris), change->slug);

    return cloudep_record_one(tenant, p, db, &cloudep_operator_tenant_record, &statements[TENANT_SET], args);
}

apr_status_t cloudep_operator_tenant_locks_out(cloudep_db_t *db, apr_pool_t *p, int *count,
                                               const cloudep_operator_tenant_change_t *change)
{
    return cloudep_db_number(count, p, db, &statements[TENANT_LOCKS_OUT],
                             CLOUDEP_ARGS(change->code_login, change->sms_login, change->slug));
}

apr_status_t cloudep_operator_tenant_show(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                          const char *slug)
{
    return cloudep_record_one(tenant, p, db, &cloudep_operator_tenant_record, &statements[TENANT_SHOW],
                              CLOUDEP_ARGS(slug));
}

apr_status_t cloudep_operator_tenant_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                          const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_tenant_record, &statements[TENANT_LIST],
                               CLOUDEP_ARGS(filter->after, apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_invite_add(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_invite_t *invite,
                                         const char *tenant_id, const char *code, int uses, const char *seconds,
                                         const char *expires_at)
{
    return cloudep_record_one(invite, p, db, &cloudep_operator_invite_record, &statements[INVITE_ADD],
                              CLOUDEP_ARGS(tenant_id, code, apr_itoa(p, uses), seconds, expires_at));
}

apr_status_t cloudep_operator_invite_list(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **list,
                                          const cloudep_operator_filter_t *filter)
{
    return cloudep_record_list(list, p, db, &cloudep_operator_invite_record, &statements[INVITE_LIST],
                               CLOUDEP_ARGS(filter->tenant_id, filter->after, apr_itoa(p, filter->limit)));
}

apr_status_t cloudep_operator_invite_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_invite_t *invite,
                                            const char *tenant_id, const char *code)
{
    return cloudep_record_one(invite, p, db, &cloudep_operator_invite_record, &statements[INVITE_REVOKE],
                              CLOUDEP_ARGS(tenant_id, code));
}
