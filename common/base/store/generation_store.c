/*
 * generation_store.c - see generation_store.h.
 */
#include "base/store/generation_store.h"

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
