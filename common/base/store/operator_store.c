/*
 * operator_store.c - the operator's statements on tenants and invites.
 */
#include "base/store/operator_store.h"

#include <apr_strings.h>

#define UTC CLOUDEP_OPERATOR_UTC
#define TENANT                                                                                                         \
    "json_build_object('slug', t.slug, 'name', t.name, 'id', t.id, 'registration', t.registration, 'login', t.login,"  \
    " 'redirect_uris', t.redirect_uris, 'totp_issuer', t.totp_issuer, 'organization', t.organization,"                 \
    " 'exchange_password', t.exchange_password,"                                                                       \
    " 'created_at', to_char(t.created_at" UTC "), 'updated_at', to_char(t.updated_at" UTC "))"

static const cloudep_statement_t tenant_add = {
    .label = "operator_tenant_add",
    .sql = "INSERT INTO cloudep.tenants AS t"
           " (slug, name, registration, login, totp_issuer, organization, exchange_password, redirect_uris)"
           " VALUES (%s, %s, coalesce(%s::boolean, true), coalesce(%s::boolean, true), nullif(%s, ''), nullif(%s, ''),"
           " coalesce(%s::boolean, false),"
           " ARRAY(SELECT json_array_elements_text(%s::json))) RETURNING " TENANT,
};

/* What is added keeps its order behind what is there, once each; what is removed goes last, so it is gone for sure. */
static const cloudep_statement_t tenant_set = {
    .label = "operator_tenant_set",
    .sql = "UPDATE cloudep.tenants t SET name = coalesce(%s, t.name),"
           " registration = coalesce(%s::boolean, t.registration), login = coalesce(%s::boolean, t.login),"
           " totp_issuer = nullif(coalesce(%s, t.totp_issuer), ''),"
           " organization = nullif(coalesce(%s, t.organization), ''),"
           " exchange_password = coalesce(%s::boolean, t.exchange_password),"
           " redirect_uris = ARRAY(SELECT uri FROM unnest(t.redirect_uris ||"
           " ARRAY(SELECT json_array_elements_text(%s::json))) WITH ORDINALITY AS u (uri, place)"
           " WHERE uri NOT IN (SELECT json_array_elements_text(%s::json)) GROUP BY uri ORDER BY min(place)),"
           " updated_at = now() WHERE t.slug = %s RETURNING " TENANT,
};

static const cloudep_statement_t tenant_show = {
    .label = "operator_tenant_show",
    .sql = "SELECT " TENANT " FROM cloudep.tenants t WHERE t.slug = %s",
    .repeatable = 1,
};

static const cloudep_statement_t tenant_list = {
    .label = "operator_tenant_list",
    .sql = "SELECT " TENANT " FROM cloudep.tenants t WHERE t.slug > coalesce(%s, '') ORDER BY t.slug LIMIT %s::integer",
    .repeatable = 1,
};

#define INVITE                                                                                                         \
    "json_build_object('code', i.code, 'id', i.id, 'state', CASE WHEN i.revoked_at IS NOT NULL THEN 'revoked'"         \
    " WHEN i.expires_at <= now() THEN 'expired' WHEN i.uses >= i.max_uses THEN 'used up' ELSE 'open' END,"             \
    " 'uses', i.uses, 'max_uses', i.max_uses, 'expires_at', to_char(i.expires_at" UTC "),"                             \
    " 'revoked_at', to_char(i.revoked_at" UTC "), 'created_at', to_char(i.created_at" UTC "))"

static const cloudep_statement_t invite_add = {
    .label = "operator_invite_add",
    .sql = "INSERT INTO cloudep.invites AS i (tenant_id, code, max_uses, expires_at) VALUES (%s::uuid, %s, %s::integer,"
           " coalesce(now() + make_interval(secs => %s::integer), %s::timestamptz)) RETURNING " INVITE,
};

static const cloudep_statement_t invite_list = {
    .label = "operator_invite_list",
    .sql = "SELECT " INVITE " FROM cloudep.invites i WHERE i.tenant_id = %s::uuid AND i.code > coalesce(%s, '')"
           " ORDER BY i.code LIMIT %s::integer",
    .repeatable = 1,
};

static const cloudep_statement_t invite_revoke = {
    .label = "operator_invite_revoke",
    .sql = "UPDATE cloudep.invites i SET revoked_at = coalesce(i.revoked_at, now())"
           " WHERE i.tenant_id = %s::uuid AND i.code = %s RETURNING " INVITE,
    .repeatable = 1,
};

static const char *or_empty(const char *json_array)
{
    return json_array ? json_array : "[]";
}

apr_status_t cloudep_operator_tenant_add(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                         const cloudep_operator_tenant_t *tenant)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(tenant->slug, tenant->name, tenant->registration, tenant->login, tenant->totp_issuer,
                     tenant->organization, tenant->exchange_password, or_empty(tenant->add_uris));

    return cloudep_db_run(db, p, rows, &tenant_add, args);
}

apr_status_t cloudep_operator_tenant_set(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                         const cloudep_operator_tenant_t *tenant)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant->name, tenant->registration, tenant->login, tenant->totp_issuer,
                                              tenant->organization, tenant->exchange_password,
                                              or_empty(tenant->add_uris), or_empty(tenant->remove_uris), tenant->slug);

    return cloudep_db_run(db, p, rows, &tenant_set, args);
}

apr_status_t cloudep_operator_tenant_show(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *slug)
{
    return cloudep_db_run(db, p, rows, &tenant_show, CLOUDEP_ARGS(slug));
}

apr_status_t cloudep_operator_tenant_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *after,
                                          int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &tenant_list, args);
}

apr_status_t cloudep_operator_invite_add(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                         const char *code, int uses, const char *seconds, const char *expires_at)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, code, apr_itoa(p, uses), seconds, expires_at);

    return cloudep_db_run(db, p, rows, &invite_add, args);
}

apr_status_t cloudep_operator_invite_list(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows, const char *tenant_id,
                                          const char *after, int limit)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, after, apr_itoa(p, limit));

    return cloudep_db_run(db, p, rows, &invite_list, args);
}

apr_status_t cloudep_operator_invite_revoke(cloudep_db_t *db, apr_pool_t *p, cloudep_rows_t **rows,
                                            const char *tenant_id, const char *code)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, code);

    return cloudep_db_run(db, p, rows, &invite_revoke, args);
}
