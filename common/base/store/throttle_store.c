/*
 * throttle_store.c - see throttle_store.h. Nothing is written for an account without failures.
 */
#include "base/store/throttle_store.h"

#include <apr_strings.h>

#define LEFT "greatest(ceil(extract(epoch FROM l.blocked_until - clock_timestamp())), 0)::integer"

static const cloudep_statement_t check = {
    .label = "throttle_check",
    .sql = "SELECT coalesce(max(" LEFT "), 0) FROM cloudep.lockouts l WHERE l.tenant_id = %s::uuid"
           " AND (l.kind, l.subject) IN ((%s, %s), (%s, %s))",
    .parameters = 5,
    .repeatable = 1,
};

/* The lock waits for a failure that is being counted, and the row comes back as it is after that. */
static const cloudep_statement_t pass = {
    .label = "throttle_pass",
    .sql = "WITH l AS (SELECT tenant_id, kind, subject, blocked_until FROM cloudep.lockouts"
           " WHERE tenant_id = %s::uuid AND kind = %s AND subject = %s FOR UPDATE),"
           " gone AS (DELETE FROM cloudep.lockouts d USING l WHERE d.tenant_id = l.tenant_id AND d.kind = l.kind"
           " AND d.subject = l.subject AND " LEFT " = 0) SELECT " LEFT " FROM l",
    .parameters = 3,
    .repeatable = 1,
};

apr_status_t cloudep_throttle_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account,
                                    const cloudep_lockout_t *address, int *wait)
{
    const char *args[] = {account->tenant_id, account->kind, account->subject, address->kind, address->subject};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &check, args);

    *wait = rv == APR_SUCCESS && rows->count ? (int)apr_atoi64(cloudep_cell(rows, 0, 0)) : 0;
    return rv;
}

apr_status_t cloudep_throttle_pass(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *account, int *wait)
{
    const char *args[] = {account->tenant_id, account->kind, account->subject};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &pass, args);

    *wait = rv == APR_SUCCESS && rows->count ? (int)apr_atoi64(cloudep_cell(rows, 0, 0)) : 0;
    return *wait ? CLOUDEP_ELOCKED : rv;
}
