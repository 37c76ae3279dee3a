/*
 * schema_store.c - see schema_store.h.
 */
#include "base/store/schema_store.h"

#include "base/store/statements.h"

enum { VERSION };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [VERSION] = {
        .label = "schema_version",
        .sql =
            "SELECT max(version) FROM cloudep.migrations",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_schema_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_schema_version(cloudep_db_t *db, apr_pool_t *p, int *version)
{
    return cloudep_db_number(version, p, db, &statements[VERSION], NULL);
}
