/*
 * password_store.c - see password_store.h.
 */
#include "base/store/password_store.h"

#include "base/store/lockout_store.h"

/* clang-format off */
static const cloudep_statement_t load = {
    .label = "password_load",
    .sql = "SELECT NOT t.exchange_password AND EXISTS (SELECT FROM cloudep.identities i"
           " WHERE i.tenant_id = m.tenant_id AND i.uid = m.uid AND i.issuer = %s),"
           " " CLOUDEP_TENANT_COLUMNS ", " CLOUDEP_MEMBER_COLUMNS
           " FROM cloudep.members m"
           " JOIN cloudep.tenants t ON t.id = m.tenant_id"
           " LEFT JOIN cloudep.totp o ON o.tenant_id = m.tenant_id AND o.uid = m.uid"
           " WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid",
    .repeatable = 1,
};

/* What is compared is of the row once its lock is held, so a suspension or another change comes before or after. */
static const cloudep_statement_t change = {
    .label = "password_change",
    .sql = "WITH a AS (SELECT %s::text AS phc, %s::boolean AS due, %s::text AS email, %s::bigint AS sessions_from),"
           " m AS (UPDATE cloudep.members m SET " CLOUDEP_SQL_RAISE_AND_END ","
           " has_password = NOT a.due, password_due = a.due,"
           " ways_in = m.ways_in + CASE WHEN " CLOUDEP_SQL_HAS_PASSWORD " OR m.password_due THEN 0 ELSE 1 END"
           " FROM a WHERE m.tenant_id = %s::uuid AND m.uid = %s::uuid"
           " AND (m.status = 'active' OR (a.due AND m.status = 'suspended'))"
           " AND m.email = coalesce(a.email, m.email) AND m.sessions_from = coalesce(a.sessions_from, m.sessions_from)"
           " RETURNING m.tenant_id, m.uid, a.phc, a.due),"
           " stored AS (INSERT INTO cloudep.credentials (tenant_id, uid, phc)"
           " SELECT m.tenant_id, m.uid, m.phc FROM m WHERE m.phc IS NOT NULL"
           " ON CONFLICT (tenant_id, uid) DO UPDATE SET phc = excluded.phc, updated_at = now()),"
           " gone AS (DELETE FROM cloudep.credentials c USING m"
           " WHERE c.tenant_id = m.tenant_id AND c.uid = m.uid AND m.due),"
           " unlocked AS (" CLOUDEP_SQL_UNLOCK(CLOUDEP_LOCKOUT_PASSWORD, "m") "),"
           " mail AS (" CLOUDEP_SQL_ENQUEUE("m") ")"
           " SELECT uid FROM m",
};
/* clang-format on */

apr_status_t cloudep_password_load(cloudep_db_t *db, apr_pool_t *p, cloudep_password_state_t *state,
                                   const char *tenant_id, const char *uid, const char *company_issuer)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(company_issuer, tenant_id, uid);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &load, args);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    state->elsewhere = cloudep_cell_true(rows, 0, 0);
    state->tenant = cloudep_tenant_of_row(p, rows, 0, 1);
    return cloudep_member_of_row(p, &state->member, rows, 0, 1 + CLOUDEP_TENANT_COLUMN_COUNT);
}

apr_status_t cloudep_password_change(cloudep_db_t *db, apr_pool_t *p, const cloudep_password_change_t *new,
                                     const cloudep_message_t *notice)
{
    cloudep_step_t steps[] = {
        {.st = &change,
         .args = CLOUDEP_ARGS(new->phc, cloudep_arg_boolean(new->due), new->email, new->sessions_from, new->tenant_id,
                              new->uid, CLOUDEP_ENQUEUE_ARGS(notice))},
        {.st = &cloudep_end_sessions, .args = CLOUDEP_ARGS(new->session_id, new->reason, new->tenant_id, new->uid)},
    };
    apr_status_t rv = cloudep_db_transact(db, p, steps, 2);

    return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
}
