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

#define CONTENTS(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_tenant_contents_t, kind, name)
static const cloudep_column_t contents_columns[] = {CLOUDEP_OPERATOR_TENANT_CONTENTS_COLUMNS(CONTENTS, CONTENTS, "")};
const cloudep_record_t cloudep_operator_tenant_contents_record =
    CLOUDEP_RECORD(cloudep_operator_tenant_contents_t, contents_columns);

#define INVITE(kind, name, sql) CLOUDEP_COLUMN(cloudep_operator_invite_t, kind, name)
static const cloudep_column_t invite_columns[] = {CLOUDEP_OPERATOR_INVITE_COLUMNS(INVITE, INVITE, "")};
const cloudep_record_t cloudep_operator_invite_record = CLOUDEP_RECORD(cloudep_operator_invite_t, invite_columns);

enum {
    TENANT_ADD,
    TENANT_SET,
    TENANT_LOCKS_OUT,
    TENANT_SHOW,
    TENANT_LIST,
    TENANT_CONTENTS,
    TENANT_DELETE,
    INVITE_ADD,
    INVITE_LIST,
    INVITE_REVOKE
};

/* clang-format off */

#define TENANT_OF(tenant) CLOUDEP_OPERATOR_TENANT_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, tenant)
#define INVITE_OF(invite) CLOUDEP_OPERATOR_INVITE_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, invite)

static const cloudep_statement_t statements[] = {
    [TENANT_ADD] = {
        .label = "operator_tenant_add",
        .sql =
            "INSERT INTO cloudep.tenants AS tenant"
            " (slug, name, registration, login, totp_issuer, organization, exchange_password, code_login, sms_login,"
            "  totp_login, redirect_uris, origins)"
            " VALUES (%s, %s, coalesce(%s::boolean, true), coalesce(%s::boolean, true),"
            "         nullif(%s, ''), nullif(%s, ''), coalesce(%s::boolean, false), coalesce(%s::boolean, false),"
            "         coalesce(%s::boolean, false), coalesce(%s::boolean, false), %s::text[], %s::text[])"
            " RETURNING " TENANT_OF("tenant"),
    },
    /* What is added keeps its order behind what is there, once each. What is removed goes last, so that it is gone. */
    /* A change to what is there already is none, and leaves updated_at. */
    [TENANT_SET] = {
        .label = "operator_tenant_set",
        .sql =
            "WITH wanted AS ("
            "  SELECT tenant.id,"
            "    coalesce(%s, tenant.name) AS name,"
            "    coalesce(%s::boolean, tenant.registration) AS registration,"
            "    coalesce(%s::boolean, tenant.login) AS login,"
            "    nullif(coalesce(%s, tenant.totp_issuer), '') AS totp_issuer,"
            "    nullif(coalesce(%s, tenant.organization), '') AS organization,"
            "    coalesce(%s::boolean, tenant.exchange_password) AS exchange_password,"
            "    coalesce(%s::boolean, tenant.code_login) AS code_login,"
            "    coalesce(%s::boolean, tenant.sms_login) AS sms_login,"
            "    coalesce(%s::boolean, tenant.totp_login) AS totp_login,"
            "    ARRAY("
            "      SELECT listed.uri"
            "      FROM unnest(tenant.redirect_uris || %s::text[]) WITH ORDINALITY AS listed (uri, place)"
            "      WHERE listed.uri <> ALL (%s::text[])"
            "      GROUP BY listed.uri"
            "      ORDER BY min(listed.place)"
            "    ) AS redirect_uris,"
            "    ARRAY("
            "      SELECT listed.origin"
            "      FROM unnest(tenant.origins || %s::text[]) WITH ORDINALITY AS listed (origin, place)"
            "      WHERE listed.origin <> ALL (%s::text[])"
            "      GROUP BY listed.origin"
            "      ORDER BY min(listed.place)"
            "    ) AS origins"
            "  FROM cloudep.tenants AS tenant"
            "  WHERE tenant.slug = %s"
            "  FOR UPDATE"
            ")"
            " UPDATE cloudep.tenants AS tenant"
            " SET name = wanted.name,"
            "     registration = wanted.registration,"
            "     login = wanted.login,"
            "     totp_issuer = wanted.totp_issuer,"
            "     organization = wanted.organization,"
            "     exchange_password = wanted.exchange_password,"
            "     code_login = wanted.code_login,"
            "     sms_login = wanted.sms_login,"
            "     totp_login = wanted.totp_login,"
            "     redirect_uris = wanted.redirect_uris,"
            "     origins = wanted.origins,"
            "     updated_at = CASE"
            "       WHEN (tenant.name, tenant.registration, tenant.login, tenant.totp_issuer, tenant.organization,"
            "             tenant.exchange_password, tenant.code_login, tenant.sms_login, tenant.totp_login,"
            "             tenant.redirect_uris, tenant.origins)"
            "         IS DISTINCT FROM"
            "            (wanted.name, wanted.registration, wanted.login, wanted.totp_issuer, wanted.organization,"
            "             wanted.exchange_password, wanted.code_login, wanted.sms_login, wanted.totp_login,"
            "             wanted.redirect_uris, wanted.origins)"
            "       THEN now()"
            "       ELSE tenant.updated_at"
            "     END"
            " FROM wanted"
            " WHERE tenant.id = wanted.id"
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
    [TENANT_CONTENTS] = {
        .label = "operator_tenant_contents",
        .sql =
            "WITH contents AS ("
            "  SELECT"
            "    (SELECT count(*) FROM cloudep.members WHERE tenant_id = tenant.id)::integer AS members,"
            "    (SELECT count(*) FROM cloudep.invites WHERE tenant_id = tenant.id)::integer AS invites,"
            "    (SELECT count(*) FROM cloudep.events WHERE tenant_id = tenant.id)::integer AS events,"
            "    (SELECT count(*) FROM cloudep.outbox WHERE tenant_id = tenant.id)::integer AS messages"
            "  FROM (SELECT %s::uuid AS id) AS tenant"
            ")"
            " SELECT " CLOUDEP_OPERATOR_TENANT_CONTENTS_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "contents")
            " FROM contents",
        .repeatable = 1,
    },
    /* A member who comes at the same moment fails it by the reference to the tenant. */
    [TENANT_DELETE] = {
        .label = "operator_tenant_delete",
        .sql =
            "WITH gone AS ("
            "  SELECT tenant.id"
            "  FROM cloudep.tenants AS tenant"
            "  WHERE tenant.id = %s::uuid"
            "    AND NOT EXISTS (SELECT FROM cloudep.members AS member WHERE member.tenant_id = tenant.id)"
            "  FOR UPDATE"
            "), invites AS ("
            "  DELETE FROM cloudep.invites AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), registration_attempts AS ("
            "  DELETE FROM cloudep.registration_attempts AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), lockouts AS ("
            "  DELETE FROM cloudep.lockouts AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), events AS ("
            "  DELETE FROM cloudep.events AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), outbox AS ("
            "  DELETE FROM cloudep.outbox AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), used_id_tokens AS ("
            "  DELETE FROM cloudep.used_id_tokens AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), budgets AS ("
            "  DELETE FROM cloudep.budgets AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            "), known_networks AS ("
            "  DELETE FROM cloudep.known_networks AS row"
            "  USING gone"
            "  WHERE row.tenant_id = gone.id"
            ")"
            " DELETE FROM cloudep.tenants AS tenant"
            " USING gone"
            " WHERE tenant.id = gone.id"
            " RETURNING 1",
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
        change->exchange_password, change->code_login, change->sms_login, change->totp_login,
        cloudep_arg_list(p, change->add_uris), cloudep_arg_list(p, change->add_origins));

    return cloudep_record_one(tenant, p, db, &cloudep_operator_tenant_record, &statements[TENANT_ADD], args);
}

apr_status_t cloudep_operator_tenant_set(cloudep_db_t *db, apr_pool_t *p, cloudep_operator_tenant_t *tenant,
                                         const cloudep_operator_tenant_change_t *change)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(
        change->name, change->registration, change->login, change->totp_issuer, change->organization,
        change->exchange_password, change->code_login, change->sms_login, change->totp_login,
        cloudep_arg_list(p, change->add_uris), cloudep_arg_list(p, change->remove_uris),
        cloudep_arg_list(p, change->add_origins), cloudep_arg_list(p, change->remove_origins), change->slug);

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

apr_status_t cloudep_operator_tenant_contents(cloudep_db_t *db, apr_pool_t *p,
                                              cloudep_operator_tenant_contents_t *contents, const char *tenant_id)
{
    return cloudep_record_one(contents, p, db, &cloudep_operator_tenant_contents_record, &statements[TENANT_CONTENTS],
                              CLOUDEP_ARGS(tenant_id));
}

apr_status_t cloudep_operator_tenant_delete(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id)
{
    cloudep_rows_t *rows;

    return cloudep_db_run_one(db, p, &rows, &statements[TENANT_DELETE], CLOUDEP_ARGS(tenant_id));
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
