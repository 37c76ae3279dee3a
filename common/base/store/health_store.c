/*
 * health_store.c - see health_store.h.
 */
#include "base/store/health_store.h"

#include <apr_strings.h>
#include "base/store/statements.h"

enum { HEALTH };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [HEALTH] = {
        .label = "database_health",
        .sql =
            "SELECT current_setting('transaction_read_only') = 'on',"
            "       (SELECT count(*)"
            "          FROM pg_catalog.pg_stat_activity"
            "         WHERE usename = current_user"
            "           AND wait_event = 'SyncRep'"
            "           AND state_change < clock_timestamp() - interval '2 seconds')",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_health_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_database_health(cloudep_db_t *db, apr_pool_t *p, cloudep_database_health_t *health)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[HEALTH], NULL);

    if (rv == APR_SUCCESS) {
        health->read_only = cloudep_cell_true(rows, 0, 0);
        health->waiting_commits = (int)apr_atoi64(cloudep_cell(rows, 0, 1));
    }
    return rv;
}
