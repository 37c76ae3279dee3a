/*
 * liveness_store.c - see liveness_store.h.
 */
#include "base/store/liveness_store.h"

#include <apr_strings.h>
#include <stddef.h>
#include <string.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

enum { LIVE };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    /*
     * Arrays that stand there as such would have PostgreSQL plan anew for the length of each batch. On IS NOT DISTINCT
     * FROM see session_store.c.
     */
    [LIVE] = {
        .label = "sessions_alive",
        .sql =
            "SELECT asked.place, session.amr,"
            "       CASE WHEN asked.attributes THEN coalesce(member.attributes, '{}') END,"
            "       " CLOUDEP_SQL_PROOFS("session", "totp") ","
            "       " CLOUDEP_SQL_TURN("session")
            " FROM unnest((SELECT %s::uuid[]), (SELECT %s::uuid[]), (SELECT %s::uuid[]),"
            "             (SELECT %s::boolean[]))"
            "      WITH ORDINALITY AS asked (tenant_id, id, uid, attributes, place)"
            " JOIN cloudep.sessions AS session"
            "   ON session.tenant_id = asked.tenant_id"
            "   AND session.id = asked.id"
            "   AND session.uid IS NOT DISTINCT FROM asked.uid"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = session.tenant_id"
            "   AND member.uid = session.uid"
            CLOUDEP_SQL_JOIN_TOTP("totp", "session")
            " WHERE " CLOUDEP_SQL_LIVE("session")
            "   AND member.status = 'active'"
            "   AND " CLOUDEP_SQL_CURRENT("session", "member"),
        .repeatable = 1,
    },
};
/* clang-format on */
enum { PLACE, AMR, ATTRIBUTES, PROOFS, TURN = PROOFS + CLOUDEP_PROOF_COLUMN_COUNT };
const cloudep_statement_list_t cloudep_liveness_statements = CLOUDEP_STATEMENT_LIST(statements);

/* "{a,b,c}" of one member of each key; UUIDs need no quotes. */
static const char *array_of(apr_pool_t *p, const cloudep_session_key_t *keys, int n, apr_size_t offset)
{
    apr_array_header_t *parts = apr_array_make(p, n, sizeof(const char *));

    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(parts, const char *) = *(const char *const *)((const char *)&keys[i] + offset);
    }
    return apr_pstrcat(p, "{", apr_array_pstrcat(p, parts, ','), "}", NULL);
}

/* "{true,false}": whose attributes are wanted. */
static const char *wants_of(apr_pool_t *p, const cloudep_session_key_t *keys, int n)
{
    apr_array_header_t *parts = apr_array_make(p, n, sizeof(const char *));

    for (int i = 0; i < n; i++) {
        APR_ARRAY_PUSH(parts, const char *) = cloudep_arg_boolean(keys[i].attributes);
    }
    return apr_pstrcat(p, "{", apr_array_pstrcat(p, parts, ','), "}", NULL);
}

apr_status_t cloudep_sessions_look_up(cloudep_session_state_t *states, apr_pool_t *p, cloudep_db_t *db,
                                      const cloudep_session_key_t *keys, int n)
{
    const cloudep_args_t *args =
        CLOUDEP_ARGS(array_of(p, keys, n, offsetof(cloudep_session_key_t, tenant_id)),
                     array_of(p, keys, n, offsetof(cloudep_session_key_t, id)),
                     array_of(p, keys, n, offsetof(cloudep_session_key_t, uid)), wants_of(p, keys, n));
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, &rows, &statements[LIVE], args);

    memset(states, 0, sizeof(*states) * (apr_size_t)n);
    for (int row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        const apr_int64_t i = apr_atoi64(cloudep_cell(rows, row, PLACE)) - 1;

        if (i >= 0 && i < n) {
            states[i].live = 1;
            states[i].amr = cloudep_cell(rows, row, AMR);
            states[i].attributes = cloudep_cell(rows, row, ATTRIBUTES);
            cloudep_record_read(&states[i].proofs, p, &cloudep_proofs_record, rows, row, PROOFS);
            cloudep_record_read(&states[i].turn, p, &cloudep_turn_record, rows, row, TURN);
        }
    }
    return rv;
}
