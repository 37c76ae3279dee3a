/*
 * generation.c - see generation.h.
 */
#include "base/store/generation.h"

/* clang-format off */
const cloudep_statement_t cloudep_end_sessions = {
    .label = "sessions_end_old",
    .sql = "WITH " CLOUDEP_SQL_END_SESSIONS("m.tenant_id = %s::uuid AND m.uid = %s::uuid")
           " SELECT count(*) FROM ended WHERE over",
};
/* clang-format on */
