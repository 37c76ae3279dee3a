/*
 * email_store.c - see email_store.h.
 */
#include "base/store/email_store.h"

#include "base/store/link_store.h"
#include "base/store/sql.h"
#include "base/store/statements.h"

enum { LOAD, CHANGE };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [LOAD] = {
        .label = "email_load",
        .sql =
            "SELECT EXISTS ("
            "         SELECT FROM cloudep.links AS link"
            "         WHERE link.tenant_id = member.tenant_id"
            "           AND link.uid = member.uid"
            "           AND link.undoes IN ('" CLOUDEP_UNDOES_TOTP "', '" CLOUDEP_UNDOES_PASSKEY "')"
            "           AND " CLOUDEP_SQL_GOOD_LINK("link")
            "       ),"
            "       " CLOUDEP_SQL_TENANT("tenant") ","
            "       " CLOUDEP_SQL_MEMBER("member", "totp") ","
            "       " CLOUDEP_SQL_MEMBER("owner", "owners_totp")
            " FROM cloudep.members AS member"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = member.tenant_id"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " LEFT JOIN cloudep.members AS owner"
            "   ON owner.tenant_id = member.tenant_id"
            "   AND owner.email = %s"
            "   AND owner.uid <> member.uid"
            "   AND (owner.status IN ('active', 'suspended') OR owner.reserved_by <> member.uid)"
            CLOUDEP_SQL_JOIN_TOTP("owners_totp", "owner")
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid",
        .repeatable = 1,
    },
    /*
     * "freed" and "replaced" come before the address is taken, and "reserved" after the one before is given up: so the
     * conditions on their counts, which are always true, and the join with "changed".
     */
    [CHANGE] = {
        .label = "email_change",
        .sql =
            "WITH given AS ("
            "  SELECT %s::text AS email, %s::text AS digest, %s::uuid AS reservation, %s::interval AS lifetime"
            "), member AS ("
            "  SELECT tenant_id, uid, email"
            "  FROM cloudep.members"
            "  WHERE tenant_id = %s::uuid"
            "    AND uid = %s::uuid"
            "    AND status = 'active'"
            "    AND generation = %s::bigint"
            "  FOR UPDATE"
            "), freed AS ("
            "  DELETE FROM cloudep.members AS former"
            "  USING member, given"
            "  WHERE former.tenant_id = member.tenant_id"
            "    AND former.email = given.email"
            "    AND former.reserved_by = member.uid"
            "  RETURNING former.uid"
            "), replaced AS ("
            "  UPDATE cloudep.members AS other"
            "  SET " CLOUDEP_SQL_REPLACE_PENDING("other")
            "  FROM member, given"
            "  WHERE other.tenant_id = member.tenant_id"
            "    AND other.email = given.email"
            "    AND " CLOUDEP_SQL_IS_REPLACEABLE("other")
            "  RETURNING other.uid"
            "), changed AS ("
            "  UPDATE cloudep.members AS changing"
            "  SET " CLOUDEP_SQL_RAISE_AND_END("changing") ","
            "      email = given.email,"
            "      updated_at = now()"
            "  FROM member, given"
            "  WHERE changing.tenant_id = member.tenant_id"
            "    AND changing.uid = member.uid"
            "    AND (SELECT count(*) FROM freed) + (SELECT count(*) FROM replaced) >= 0"
            "  RETURNING changing.tenant_id, changing.uid"
            "), reserved AS ("
            "  INSERT INTO cloudep.members (tenant_id, uid, email, status, reserved_by, updated_at)"
            "  SELECT changed.tenant_id, given.reservation, member.email, 'reserved', changed.uid,"
            "         now() + given.lifetime"
            "  FROM changed, member, given"
            "  WHERE given.digest IS NOT NULL"
            "), void AS ("
            "  UPDATE cloudep.links AS link"
            "  SET used_at = now()"
            "  FROM changed, given"
            "  WHERE link.tenant_id = changed.tenant_id"
            "    AND link.uid = changed.uid"
            "    AND (link.kind <> '" CLOUDEP_LINK_UNDO "' OR link.restores = given.email)"
            "    AND link.used_at IS NULL"
            "), undo AS ("
            "  INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, restores, expires_at)"
            "  SELECT changed.tenant_id, changed.uid, given.digest,"
            "         '" CLOUDEP_LINK_UNDO "', '" CLOUDEP_UNDOES_EMAIL "', now(), member.email, now() + given.lifetime"
            "  FROM changed, member, given"
            "  WHERE given.digest IS NOT NULL"
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("changed") ")"
            " SELECT uid FROM changed",
    },
};
/* clang-format on */
/* The columns of LOAD. */
enum { IN_DOUBT, TENANT, MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT, OWNER = MEMBER + CLOUDEP_MEMBER_COLUMN_COUNT };
const cloudep_statement_list_t cloudep_email_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_email_load(cloudep_db_t *db, apr_pool_t *p, cloudep_email_state_t *state, const char *tenant_id,
                                const char *uid, const char *wanted)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[LOAD], CLOUDEP_ARGS(wanted, tenant_id, uid));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    state->enrolment_in_doubt = cloudep_cell_true(rows, 0, IN_DOUBT);
    state->tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    rv = cloudep_member_of_row(p, &state->member, rows, 0, MEMBER);
    return rv == APR_SUCCESS ? cloudep_member_of_row(p, &state->owner, rows, 0, OWNER) : rv;
}

apr_status_t cloudep_email_change(cloudep_db_t *db, apr_pool_t *p, const cloudep_email_change_t *change,
                                  const cloudep_message_t *notice)
{
    cloudep_args_t *args =
        CLOUDEP_ARGS(change->email, change->undo, change->reservation, cloudep_arg_seconds(p, CLOUDEP_UNDO_LIFETIME),
                     change->tenant_id, change->uid, change->generation);
    cloudep_step_t steps[] = {
        {.st = &statements[CHANGE], .args = args},
        {.st = cloudep_end_sessions(),
         .args = CLOUDEP_ARGS(change->session_id, "email_changed", change->tenant_id, change->uid)},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 2);
    if (rv == APR_SUCCESS) {
        (void)cloudep_count_ended(&steps[1]);
    }
    return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
}
