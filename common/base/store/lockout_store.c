/*
 * lockout_store.c - counts failures and the waits they lead to.
 *
 * clock_timestamp() instead of now(): a statement that waited for the row's lock must see the time after the wait, not
 * the time at which it began, or parallel guesses would find a wait that has not begun yet from their point of view.
 */
#include "base/store/lockout_store.h"

#include <apr_strings.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

enum { CHECK, FAIL };

/* clang-format off */

/* The wait after that many failures; the exponent is bounded so that it cannot overflow. */
#define WAIT(failures) \
    "(SELECT interval '1 second'" \
    " * CASE WHEN " failures " < policy.attempts THEN 0" \
    " ELSE least(policy.longest, policy.first * 2 ^ least(" failures " - policy.attempts, 30)) END" \
    " FROM policy)"

/* The number that this failure has. */
#define COUNTED \
    "CASE WHEN lockout.last_at < clock_timestamp() - (SELECT policy.forget FROM policy) THEN 1" \
    " ELSE lockout.failures + 1 END"

static const cloudep_statement_t statements[] = {
    [CHECK] = {
        .label = "lockout_check",
        .sql =
            "SELECT " CLOUDEP_SQL_WAIT_LEFT("lockout")
            " FROM cloudep.lockouts AS lockout"
            " WHERE lockout.tenant_id = %s::uuid"
            "   AND lockout.kind = %s"
            "   AND lockout.subject = %s",
        .repeatable = 1,
    },
    /* A wait that is on leaves the row as it is, and the statement without a row to return. */
    [FAIL] = {
        .label = "lockout_fail",
        .sql =
            "WITH policy AS ("
            "  SELECT %s::integer AS attempts, %s::integer AS first, %s::integer AS longest,"
            "         %s::integer * interval '1 second' AS forget"
            ")"
            " INSERT INTO cloudep.lockouts AS lockout"
            " (tenant_id, kind, subject, failures, last_at, blocked_until)"
            " SELECT %s::uuid, %s, %s, 1, clock_timestamp(), clock_timestamp() + " WAIT("1")
            " ON CONFLICT (tenant_id, kind, subject) DO UPDATE"
            " SET failures = " COUNTED ","
            "     last_at = clock_timestamp(),"
            "     blocked_until = clock_timestamp() + " WAIT("(" COUNTED ")")
            " WHERE lockout.blocked_until <= clock_timestamp()"
            " RETURNING " CLOUDEP_SQL_WAIT_LEFT("lockout"),
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_lockout_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_lockout_check(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout, int *wait)
{
    return cloudep_db_number(wait, p, db, &statements[CHECK],
                             CLOUDEP_ARGS(lockout->tenant_id, lockout->kind, lockout->subject));
}

apr_status_t cloudep_lockout_fail(cloudep_db_t *db, apr_pool_t *p, const cloudep_lockout_t *lockout,
                                  const cloudep_lockout_policy_t *policy, int *wait)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(apr_itoa(p, policy->attempts), apr_itoa(p, policy->first), apr_itoa(p, policy->longest),
                     apr_itoa(p, policy->forget), lockout->tenant_id, lockout->kind, lockout->subject);
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[FAIL], args);

    if (rv == APR_SUCCESS) {
        *wait = (int)apr_atoi64(cloudep_cell(rows, 0, 0));
        return APR_SUCCESS;
    }
    *wait = rv == CLOUDEP_ELOCKED; /* its row stayed locked: so many guess at once that this one need not be counted */
    if (rv != APR_NOTFOUND) {
        return rv;
    }
    rv = cloudep_lockout_check(db, p, lockout, wait);
    *wait = *wait < 1 ? 1 : *wait;
    return rv == APR_SUCCESS ? CLOUDEP_ELOCKED : rv;
}
