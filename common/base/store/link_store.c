/*
 * link_store.c - see link_store.h.
 */
#include "base/store/link_store.h"

#include <string.h>
#include "base/store/password_store.h"
#include "base/store/sql.h"
#include "base/store/statements.h"
#include "base/store/totp_store.h"

#define LINK_COLUMNS(FIRST, NEXT, link)                                                                                \
    FIRST(TEXT, tenant_id, link ".tenant_id")                                                                          \
    NEXT(TEXT, digest, link ".digest")                                                                                 \
    NEXT(TEXT, uid, link ".uid")                                                                                       \
    NEXT(TEXT, kind, link ".kind")                                                                                     \
    NEXT(TEXT, undoes, link ".undoes")                                                                                 \
    NEXT(NUMBER, undoes_at, CLOUDEP_SQL_MILLISECONDS(link ".undoes_at"))                                               \
    NEXT(TEXT, restores, link ".restores")

#define LINK(kind, name, sql) CLOUDEP_COLUMN(cloudep_link_t, kind, name)
static const cloudep_column_t columns[] = {LINK_COLUMNS(LINK, LINK, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_link_t, columns);

enum { ADD, FIND, USE, RESTORE, LOCK, UNDO };

/* clang-format off */
static const cloudep_statement_t statements[] = {
    [ADD] = {
        .label = "link_add",
        .sql =
            "INSERT INTO cloudep.links (tenant_id, uid, digest, kind, expires_at)"
            " SELECT member.tenant_id, member.uid, given.digest, given.kind, now() + given.lifetime"
            " FROM cloudep.members AS member,"
            "      (SELECT %s::text AS digest, %s::text AS kind, %s::interval AS lifetime) AS given"
            " WHERE member.tenant_id = %s::uuid"
            "   AND member.uid = %s::uuid"
            " RETURNING digest",
    },
    [FIND] = {
        .label = "link_find",
        .sql =
            "SELECT " LINK_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "link")
            " FROM cloudep.links AS link"
            " WHERE link.tenant_id = %s::uuid"
            "   AND link.digest = %s"
            "   AND " CLOUDEP_SQL_GOOD_LINK("link"),
        .repeatable = 1,
    },
    [USE] = {
        .label = "link_use",
        .sql =
            "UPDATE cloudep.links AS link"
            " SET used_at = now()"
            " WHERE link.tenant_id = %s::uuid"
            "   AND link.digest = %s"
            "   AND " CLOUDEP_SQL_GOOD_LINK("link")
            " RETURNING link.uid",
    },
    [RESTORE] = {
        .label = "link_restore",
        .sql =
            "UPDATE cloudep.links"
            " SET used_at = NULL"
            " WHERE tenant_id = %s::uuid"
            "   AND digest = %s",
        .repeatable = 1,
    },
    /* Before the link's row, as a login has it (totp_store.c): of an undo and a login that makes the link void one comes
     * first. */
    [LOCK] = {
        .label = "link_lock_member",
        .sql =
            "SELECT uid"
            " FROM cloudep.members"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND status IN ('active', 'suspended')"
            " FOR UPDATE",
    },
    /* After LOCK: all that was done to the member before is seen here. "freed" comes before the address is taken. */
    [UNDO] = {
        .label = "link_undo",
        .sql =
            "WITH used AS ("
            "  UPDATE cloudep.links AS link"
            "  SET used_at = now()"
            "  WHERE link.tenant_id = %s::uuid"
            "    AND link.uid = %s::uuid"
            "    AND link.digest = %s"
            "    AND link.kind = '" CLOUDEP_LINK_UNDO "'"
            "    AND " CLOUDEP_SQL_GOOD_LINK("link")
            "  RETURNING link.tenant_id, link.uid, link.digest, link.undoes, link.undoes_at, link.restores"
            "), " CLOUDEP_SQL_CLEAR_TOTP("used", " AND totp.enrolled_at >= used.undoes_at")
            ", unlinked AS ("
            "  DELETE FROM cloudep.identities AS identity"
            "  USING used"
            "  WHERE identity.tenant_id = used.tenant_id"
            "    AND identity.uid = used.uid"
            "    AND identity.created_at >= used.undoes_at"
            "  RETURNING identity.id"
            "), passkeys AS ("
            "  DELETE FROM cloudep.passkeys AS passkey"
            "  USING used"
            "  WHERE passkey.tenant_id = used.tenant_id"
            "    AND passkey.uid = used.uid"
            "    AND passkey.created_at >= used.undoes_at"
            "  RETURNING passkey.id"
            "), younger AS ("
            "  UPDATE cloudep.links AS link"
            "  SET used_at = now()"
            "  FROM used"
            "  WHERE used.undoes = '" CLOUDEP_UNDOES_EMAIL "'"
            "    AND link.tenant_id = used.tenant_id"
            "    AND link.uid = used.uid"
            "    AND link.digest <> used.digest"
            "    AND link.created_at >= used.undoes_at"
            "    AND link.used_at IS NULL"
            "  RETURNING link.restores"
            "), freed AS ("
            "  DELETE FROM cloudep.members AS former"
            "  USING used"
            "  WHERE former.tenant_id = used.tenant_id"
            "    AND former.reserved_by = used.uid"
            "    AND (former.email = used.restores OR former.email IN (SELECT restores FROM younger))"
            "  RETURNING former.uid"
            "), due AS ("
            "  UPDATE cloudep.members AS member"
            "  SET " CLOUDEP_SQL_RAISE_AND_END("member") ","
            "      email = coalesce(used.restores, member.email),"
            "      login_phone = CASE WHEN member.login_phone_at < used.undoes_at THEN member.login_phone END,"
            "      login_phone_at = CASE WHEN member.login_phone_at < used.undoes_at THEN member.login_phone_at END,"
            "      has_password = false,"
            "      password_due = true,"
            "      " CLOUDEP_SQL_COUNT_PASSWORD("member")
            "        - (SELECT count(*) FROM unlinked) - (SELECT count(*) FROM passkeys),"
            "      updated_at = now()"
            "  FROM used"
            "  WHERE member.tenant_id = used.tenant_id"
            "    AND member.uid = used.uid"
            "    AND (SELECT count(*) FROM freed) >= 0"
            "), password AS ("
            "  DELETE FROM cloudep.credentials AS credential"
            "  USING used"
            "  WHERE credential.tenant_id = used.tenant_id"
            "    AND credential.uid = used.uid"
            "), passwords AS (" CLOUDEP_SQL_FORGET_FAILURES(CLOUDEP_BUDGET_PASSWORD, "used")
            "), factors AS (" CLOUDEP_SQL_FORGET_FAILURES(CLOUDEP_BUDGET_FACTOR, "used")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("used") ")"
            " SELECT uid FROM used",
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_link_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_link_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link)
{
    const int lifetime =
        strcmp(link->kind, CLOUDEP_LINK_FIRST_PASSWORD) ? CLOUDEP_LINK_LIFETIME : CLOUDEP_INVITATION_LIFETIME;

    return cloudep_db_run_one(
        db, p, NULL, &statements[ADD],
        CLOUDEP_ARGS(link->digest, link->kind, cloudep_arg_seconds(p, lifetime), link->tenant_id, link->uid));
}

apr_status_t cloudep_link_find(cloudep_db_t *db, apr_pool_t *p, cloudep_link_t *link, const char *tenant_id,
                               const char *digest)
{
    return cloudep_record_one(link, p, db, &record, &statements[FIND], CLOUDEP_ARGS(tenant_id, digest));
}

apr_status_t cloudep_link_use(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link)
{
    return cloudep_db_run_one(db, p, NULL, &statements[USE], CLOUDEP_ARGS(link->tenant_id, link->digest));
}

apr_status_t cloudep_link_restore(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link)
{
    return cloudep_db_run(db, p, NULL, &statements[RESTORE], CLOUDEP_ARGS(link->tenant_id, link->digest));
}

apr_status_t cloudep_link_undo(cloudep_db_t *db, apr_pool_t *p, const cloudep_link_t *link,
                               const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(link->tenant_id, link->uid, link->digest);
    cloudep_step_t steps[] = {
        {.st = &statements[LOCK], .args = CLOUDEP_ARGS(link->tenant_id, link->uid)},
        {.st = &statements[UNDO], .args = args},
        {.st = cloudep_end_sessions(), .args = CLOUDEP_ARGS(NULL, "undone", link->tenant_id, link->uid)},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_transact(db, p, steps, 3);
    if (rv == APR_SUCCESS) {
        (void)cloudep_count_ended(&steps[2]);
    }
    return rv == APR_SUCCESS && !steps[1].rows->count ? APR_NOTFOUND : rv;
}
