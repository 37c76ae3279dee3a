/*
 * lockout_store.c - counts failures and the waits they lead to.
 *
 * clock_timestamp() instead of now(): who waited for the row's lock must see the time after the wait, not the time at
 * which its own statement began, or parallel guesses would find a wait that has not begun yet from their point of view.
 */
#include "base/store/lockout_store.h"

#include <apr_strings.h>

#define LEFT "greatest(ceil(extract(epoch FROM l.blocked_until - clock_timestamp())), 0)::integer"
#define OF_SUBJECT "l.tenant_id = %s::uuid AND l.kind = %s AND l.subject = %s"

static const cloudep_statement_t check = {
    .label = "lockout_check",
    .sql = "SELECT " LEFT " FROM cloudep.lockouts l WHERE " OF_SUBJECT,
    .parameters = 3,
    .repeatable = 1,
};

/* The wait after that many failures; the exponent is bounded so that it cannot overflow. */
#define WAIT(failures)                                                                                                 \
    "(SELECT CASE WHEN " failures " < attempts THEN 0 ELSE least(longest, first * 2 ^ least(" failures                 \
    " - attempts, 30)) END * interval '1 second' FROM policy)"
/* The number that this failure has. */
#define COUNTED "CASE WHEN l.last_at < clock_timestamp() - (SELECT forget FROM policy) THEN 1 ELSE l.failures + 1 END"

/* A wait that is on leaves the row as it is, and the statement without a row to return. */
static const cloudep_statement_t fail = {
    .label = "lockout_fail",
    .sql = "WITH policy AS (SELECT %s::integer AS attempts, %s::integer AS first, %s::integer AS longest,"
           " %s::integer * interval '1 second' AS forget)"
           " INSERT INTO cloudep.lockouts AS l (tenant_id, kind, subject, failures, last_at, blocked_until)"
           " SELECT %s::uuid, %s, %s, 1, clock_timestamp(), clock_timestamp() + " WAIT(
               "1") " ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET failures = " COUNTED
                    ", last_at = clock_timestamp(), blocked_until = clock_timestamp() + " WAIT(
                        "(" COUNTED ")") " WHERE l.blocked_until <= clock_timestamp() RETURNING " LEFT,
    .parameters = 7,
};

static const cloudep_statement_t clear = {
    .label = "lockout_clear",
    .sql = "DELETE FROM cloudep.lockouts l WHERE " OF_SUBJECT,
    .parameters = 3,
    .repeatable = 1,
};

apr_status_t cloudep_lockout_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout, int *wait)
{
    const char *args[] = {lockout->tenant_id, lockout->kind, lockout->subject};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &check, args);

    *wait = rv == APR_SUCCESS && rows->count ? (int)apr_atoi64(cloudep_cell(rows, 0, 0)) : 0;
    return rv;
}

apr_status_t cloudep_lockout_fail(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout,
                                  const cloudep_lockout_policy_t *policy, int *wait)
{
    const char *args[] = {apr_itoa(p, policy->attempts),
                          apr_itoa(p, policy->first),
                          apr_itoa(p, policy->longest),
                          apr_itoa(p, policy->forget),
                          lockout->tenant_id,
                          lockout->kind,
                          lockout->subject};
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &fail, args);

    *wait = rv == CLOUDEP_ELOCKED; /* its row stayed locked: so many guess at once that this one need not be counted */
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count) {
        *wait = (int)apr_atoi64(cloudep_cell(rows, 0, 0));
        return APR_SUCCESS;
    }
    rv = cloudep_lockout_check(db, p, lockout, wait);
    *wait = *wait < 1 ? 1 : *wait;
    return rv == APR_SUCCESS ? CLOUDEP_ELOCKED : rv;
}

apr_status_t cloudep_lockout_clear(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout)
{
    const char *args[] = {lockout->tenant_id, lockout->kind, lockout->subject};

    return cloudep_db_run(db, p, NULL, &clear, args);
}
