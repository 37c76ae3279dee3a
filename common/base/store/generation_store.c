/*
 * generation_store.c - see generation_store.h.
 */
#include "base/store/generation_store.h"

#include <apr_strings.h>
#include "base/metrics.h"
#include "base/store/sql.h"
#include "base/store/statements.h"

enum { LOCK_MEMBER, END_SESSIONS };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [LOCK_MEMBER] = {
        .label = "generation_lock_member",
        .sql = CLOUDEP_SQL_ACTIVE_MEMBER("NO KEY UPDATE"),
    },
    [END_SESSIONS] = {
        .label = "generation_end_sessions",
        .sql =
            "WITH " CLOUDEP_SQL_END_SESSIONS("member.tenant_id = %s::uuid AND member.uid = %s::uuid")
            " SELECT count(*) FROM ended WHERE over",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_generation_statements = CLOUDEP_STATEMENT_LIST(statements);

const cloudep_statement_t *cloudep_lock_member(void)
{
    return &statements[LOCK_MEMBER];
}

const cloudep_statement_t *cloudep_end_sessions(void)
{
    return &statements[END_SESSIONS];
}

int cloudep_count_ended(const cloudep_step_t *step)
{
    const int ended = (int)apr_atoi64(cloudep_cell(step->rows, 0, 0));

    if (ended) {
        cloudep_count(CLOUDEP_METRIC_SESSIONS_ENDED, step->args->values[1], NULL, ended);
    }
    return ended;
}
