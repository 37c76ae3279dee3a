/*
 * clock_store.c - see clock_store.h.
 */
#include "base/store/clock_store.h"

#include <apr_strings.h>
#include "base/store/statements.h"

enum { READ };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [READ] = {
        .label = "clock_read",
        .sql =
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_clock_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_clock_ahead(cloudep_db_t *db, apr_pool_t *p, apr_interval_time_t *ahead)
{
    cloudep_rows_t *rows;
    const apr_time_t before = apr_time_now();
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[READ], NULL);
    const apr_time_t after = apr_time_now();
    apr_time_t theirs;

    *ahead = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    theirs = apr_atoi64(cloudep_cell(rows, 0, 0));
    if (before > theirs) {
        *ahead = before - theirs;
    }
    else if (after < theirs) {
        *ahead = after - theirs;
    }
    return APR_SUCCESS;
}
