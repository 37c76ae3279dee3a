/*
 * passkey_store.c - see passkey_store.h.
 */
#include "base/store/passkey_store.h"

#include "base/store/link_store.h"
#include "base/store/sql.h"
#include "base/store/statements.h"

#define PASSKEY(kind, name, sql) CLOUDEP_COLUMN(cloudep_passkey_t, kind, name)
static const cloudep_column_t columns[] = {CLOUDEP_PASSKEY_COLUMNS(PASSKEY, PASSKEY, "")};
static const cloudep_record_t record = CLOUDEP_RECORD(cloudep_passkey_t, columns);

#define TOLD(kind, name) CLOUDEP_COLUMN(cloudep_passkey_t, kind, name)
static const cloudep_column_t told_columns[] = {
    TOLD(TEXT, id) TOLD(TEXT, name) TOLD(TEXT, aaguid) TOLD(LIST, transports) TOLD(BOOLEAN, backup_eligible)
        TOLD(BOOLEAN, backed_up) TOLD(NUMBER, created_at) TOLD(NUMBER, last_used_at)};
const cloudep_record_t cloudep_passkey_told_record = CLOUDEP_RECORD(cloudep_passkey_t, told_columns);

enum { LIST, ANY, HANDLE, NEW_HANDLE, FIND, ADD, RENAME, REMOVE, LOGIN, STEP_UP };

/* clang-format off */

#define COLUMNS(passkey) CLOUDEP_PASSKEY_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, passkey)

/* The passkey as its assertion left it, of the row of member; with member's columns. Arguments: sign_count, backed_up,
 * id. */
#define USE(member) \
    "UPDATE cloudep.passkeys AS passkey" \
    " SET sign_count = given.sign_count, backed_up = given.backed_up, last_used_at = now()" \
    " FROM " member ", (SELECT %s::bigint AS sign_count, %s::boolean AS backed_up, %s::uuid AS id) AS given" \
    " WHERE passkey.tenant_id = " member ".tenant_id" \
    "   AND passkey.uid = " member ".uid" \
    "   AND passkey.id = given.id" \
    " RETURNING passkey.tenant_id, passkey.uid, passkey.created_at, " member ".generation"

/* The link that undoes the adding of the passkey that was used. */
#define UNDOES_USED \
    "link.undoes = '" CLOUDEP_UNDOES_PASSKEY "'" \
    "   AND link.undoes_at = (SELECT created_at FROM used)"

static const cloudep_statement_t statements[] = {
    [LIST] = {
        .label = "passkey_list",
        .sql =
            "SELECT " COLUMNS("passkey")
            " FROM cloudep.passkeys AS passkey"
            " WHERE passkey.tenant_id = %s::uuid"
            "   AND passkey.uid = %s::uuid"
            " ORDER BY passkey.created_at, passkey.id",
        .repeatable = 1,
    },
    [ANY] = {
        .label = "passkey_any",
        .sql =
            "SELECT count(*)"
            " FROM cloudep.passkeys"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid",
        .repeatable = 1,
    },
    [HANDLE] = {
        .label = "passkey_handle",
        .sql =
            "SELECT user_handle"
            " FROM cloudep.members"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid",
        .repeatable = 1,
    },
    [NEW_HANDLE] = {
        .label = "passkey_new_handle",
        .sql =
            "UPDATE cloudep.members"
            " SET user_handle = coalesce(user_handle, %s)"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            " RETURNING user_handle",
        .repeatable = 1,
    },
    [FIND] = {
        .label = "passkey_find",
        .sql =
            "SELECT " COLUMNS("passkey") ","
            "       member.user_handle,"
            "       " CLOUDEP_SQL_TENANT("tenant") ","
            "       " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.passkeys AS passkey"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = passkey.tenant_id"
            "   AND member.uid = passkey.uid"
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = passkey.tenant_id"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE passkey.tenant_id = %s::uuid"
            "   AND passkey.credential_id = %s",
        .repeatable = 1,
    },
    [ADD] = {
        .label = "passkey_add",
        .sql =
            "WITH member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET ways_in = member.ways_in + 1, " CLOUDEP_SQL_RAISE("member")
            "  WHERE member.tenant_id = %s::uuid"
            "    AND member.uid = %s::uuid"
            "    AND member.status = 'active'"
            "    AND member.generation = %s::bigint"
            "  RETURNING member.tenant_id, member.uid"
            "), added AS ("
            "  INSERT INTO cloudep.passkeys"
            "  (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, backed_up, transports,"
            "   aaguid, name)"
            "  SELECT member.tenant_id, member.uid, %s, %s, %s::integer, %s::bigint, %s::boolean, %s::boolean,"
            "         %s::text[], %s::uuid, %s"
            "  FROM member"
            "  RETURNING tenant_id, uid, id, created_at"
            "), undo AS ("
            "  INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at)"
            "  SELECT added.tenant_id, added.uid, link.digest,"
            "         '" CLOUDEP_LINK_UNDO "', '" CLOUDEP_UNDOES_PASSKEY "', added.created_at, now() + link.lifetime"
            "  FROM added, (SELECT %s::text AS digest, %s::interval AS lifetime) AS link"
            "  WHERE link.digest IS NOT NULL"
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("added") ")"
            " SELECT id FROM added",
    },
    [RENAME] = {
        .label = "passkey_rename",
        .sql =
            "UPDATE cloudep.passkeys"
            " SET name = %s"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND id = %s::uuid"
            " RETURNING id",
        .repeatable = 1,
    },
    /* After cloudep_lock_member(). */
    [REMOVE] = {
        .label = "passkey_remove",
        .sql =
            "WITH passkey AS ("
            "  SELECT tenant_id, uid, id"
            "  FROM cloudep.passkeys"
            "  WHERE tenant_id = %s::uuid"
            "    AND uid = %s::uuid"
            "    AND id = %s::uuid"
            "), member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET ways_in = member.ways_in - 1, " CLOUDEP_SQL_RAISE("member")
            "  FROM passkey, cloudep.tenants AS tenant"
            "  WHERE member.tenant_id = passkey.tenant_id"
            "    AND member.uid = passkey.uid"
            "    AND tenant.id = passkey.tenant_id"
            "    AND " CLOUDEP_SQL_WAYS_IN("member", "tenant") " > 1"
            "  RETURNING member.tenant_id, member.uid, passkey.id"
            "), removed AS ("
            "  DELETE FROM cloudep.passkeys AS passkey"
            "  USING member"
            "  WHERE passkey.tenant_id = member.tenant_id"
            "    AND passkey.uid = member.uid"
            "    AND passkey.id = member.id"
            "  RETURNING passkey.tenant_id, passkey.uid, passkey.id"
            "), ended AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET revoked_at = now(), revoke_reason = 'passkey removed'"
            "  FROM removed"
            "  WHERE session.tenant_id = removed.tenant_id"
            "    AND session.uid = removed.uid"
            "    AND session.opened_with = '" CLOUDEP_OPENED_PASSKEY "' || removed.id"
            "    AND " CLOUDEP_SQL_LIVE("session")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("removed") ")"
            " SELECT EXISTS (SELECT FROM passkey), EXISTS (SELECT FROM removed)",
    },
    /* The generation is that of a moment before: a passkey that was removed since raised it. */
    [LOGIN] = {
        .label = "passkey_login",
        .sql =
            "WITH active AS (" CLOUDEP_SQL_ACTIVE_MEMBER("SHARE")
            "), member AS (" CLOUDEP_SQL_OF_GENERATION("active")
            "), used AS (" USE("member")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("used")
            "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("used")
            "), spent AS (" CLOUDEP_SQL_SPEND_UNDO("opened", UNDOES_USED) ")"
            " SELECT EXISTS (SELECT FROM active), EXISTS (SELECT FROM used),"
            "        " CLOUDEP_SQL_SESSION("opened")
            " FROM (SELECT) AS always"
            " LEFT JOIN opened ON true",
    },
    [STEP_UP] = {
        .label = "passkey_step_up",
        .sql =
            "WITH active AS (" CLOUDEP_SQL_ACTIVE_MEMBER("SHARE")
            "), member AS (" CLOUDEP_SQL_OF_GENERATION("active")
            "), used AS (" USE("member")
            "), mail AS (" CLOUDEP_SQL_ENQUEUE("used")
            "), proved AS ("
            "  UPDATE cloudep.sessions AS session"
            "  SET mfa_at = now(), mfa_method = '" CLOUDEP_MFA_PASSKEY "', fresh_at = now()"
            "  FROM used, cloudep.members AS owner"
            "  WHERE session.tenant_id = used.tenant_id"
            "    AND session.uid = used.uid"
            "    AND session.id = %s::uuid"
            "    AND " CLOUDEP_SQL_LIVE("session")
            "    AND owner.tenant_id = used.tenant_id"
            "    AND owner.uid = used.uid"
            "    AND " CLOUDEP_SQL_CURRENT("session", "owner")
            "  RETURNING session.id"
            ")"
            " SELECT EXISTS (SELECT FROM active), EXISTS (SELECT FROM used), EXISTS (SELECT FROM proved)",
    },
};

/* The columns of FIND, of REMOVE, of LOGIN and of STEP_UP. */
enum {
    USER_HANDLE = CLOUDEP_PASSKEY_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, ""),
    TENANT,
    MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT
};
enum { FOUND, REMOVED };
enum { ALLOWED, SESSION = ALLOWED + 2, PROVED = SESSION };
/* clang-format on */
const cloudep_statement_list_t cloudep_passkey_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_passkeys_of(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **passkeys, const char *tenant_id,
                                 const char *uid)
{
    return cloudep_record_list(passkeys, p, db, &record, &statements[LIST], CLOUDEP_ARGS(tenant_id, uid));
}

apr_status_t cloudep_passkey_any(cloudep_db_t *db, apr_pool_t *p, int *any, const char *tenant_id, const char *uid)
{
    return cloudep_db_number(any, p, db, &statements[ANY], CLOUDEP_ARGS(tenant_id, uid));
}

/* Runs a statement that returns a member's handle. */
static apr_status_t handle_by(cloudep_db_t *db, apr_pool_t *p, const char **handle, const cloudep_statement_t *st,
                              const cloudep_args_t *args)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, st, args);

    *handle = rv == APR_SUCCESS ? cloudep_cell(rows, 0, 0) : NULL;
    return rv;
}

apr_status_t cloudep_passkey_handle(cloudep_db_t *db, apr_pool_t *p, const char **handle, const char *tenant_id,
                                    const char *uid)
{
    return handle_by(db, p, handle, &statements[HANDLE], CLOUDEP_ARGS(tenant_id, uid));
}

apr_status_t cloudep_passkey_new_handle(cloudep_db_t *db, apr_pool_t *p, const char **handle, const char *tenant_id,
                                        const char *uid, const char *given)
{
    return handle_by(db, p, handle, &statements[NEW_HANDLE], CLOUDEP_ARGS(given, tenant_id, uid));
}

apr_status_t cloudep_passkey_find(cloudep_db_t *db, apr_pool_t *p, cloudep_passkey_owner_t *owner,
                                  const char *tenant_id, const char *credential_id)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[FIND], CLOUDEP_ARGS(tenant_id, credential_id));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    cloudep_record_read(&owner->passkey, p, &record, rows, 0, 0);
    owner->user_handle = cloudep_cell(rows, 0, USER_HANDLE);
    owner->tenant = cloudep_tenant_of_row(p, rows, 0, TENANT);
    return cloudep_member_of_row(p, &owner->member, rows, 0, MEMBER);
}

apr_status_t cloudep_passkey_add(cloudep_db_t *db, apr_pool_t *p, const char **id, const char *tenant_id,
                                 const char *uid, const char *generation, const cloudep_passkey_t *passkey,
                                 const char *undo, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(
        tenant_id, uid, generation, passkey->credential_id, passkey->spki, cloudep_arg_number(p, passkey->algorithm),
        cloudep_arg_number(p, passkey->sign_count), cloudep_arg_boolean(passkey->backup_eligible),
        cloudep_arg_boolean(passkey->backed_up), cloudep_arg_list(p, passkey->transports), passkey->aaguid,
        passkey->name, undo, cloudep_arg_seconds(p, CLOUDEP_UNDO_LIFETIME));
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_message_args(args, notice);
    rv = cloudep_db_run_one(db, p, &rows, &statements[ADD], args);
    *id = rv == APR_SUCCESS ? cloudep_cell(rows, 0, 0) : NULL;
    return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
}

apr_status_t cloudep_passkey_rename(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                    const char *id, const char *name)
{
    return cloudep_db_run_one(db, p, NULL, &statements[RENAME], CLOUDEP_ARGS(name, tenant_id, uid, id));
}

apr_status_t cloudep_passkey_remove(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                    const char *id, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(tenant_id, uid, id);
    cloudep_step_t steps[] = {
        {.st = cloudep_lock_member(), .args = CLOUDEP_ARGS(tenant_id, uid)},
        {.st = &statements[REMOVE], .args = args},
    };
    apr_status_t rv;

    cloudep_message_args(args, notice);
    if ((rv = cloudep_db_transact(db, p, steps, 2)) != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? CLOUDEP_ECHANGED : rv;
    }
    if (cloudep_cell_true(steps[1].rows, 0, REMOVED)) {
        return APR_SUCCESS;
    }
    return cloudep_cell_true(steps[1].rows, 0, FOUND) ? CLOUDEP_EREFUSED : APR_NOTFOUND;
}

/* Appends the arguments of USE. */
static void use_args(cloudep_args_t *args, apr_pool_t *p, const cloudep_passkey_use_t *use)
{
    cloudep_arg(args, cloudep_arg_number(p, use->sign_count));
    cloudep_arg(args, cloudep_arg_boolean(use->backed_up));
    cloudep_arg(args, use->id);
}

apr_status_t cloudep_passkey_login(cloudep_db_t *db, apr_pool_t *p, const cloudep_passkey_use_t *use,
                                   cloudep_session_t *session, const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(session->tenant_id, session->uid, session->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    use_args(args, p, use);
    cloudep_message_args(args, notice);
    cloudep_session_args(args, p, session);
    if ((rv = cloudep_db_run(db, p, &rows, &statements[LOGIN], args)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_allowed(rows, 0, ALLOWED)) == APR_SUCCESS) {
        cloudep_session_of_row(session, p, rows, 0, SESSION);
    }
    return rv;
}

apr_status_t cloudep_passkey_step_up(cloudep_db_t *db, apr_pool_t *p, const cloudep_passkey_use_t *use,
                                     const cloudep_member_t *owner, const char *session_id,
                                     const cloudep_message_t *notice)
{
    cloudep_args_t *args = CLOUDEP_ARGS(owner->tenant_id, owner->uid, owner->generation);
    cloudep_rows_t *rows;
    apr_status_t rv;

    use_args(args, p, use);
    cloudep_message_args(args, notice);
    cloudep_arg(args, session_id);
    if ((rv = cloudep_db_run(db, p, &rows, &statements[STEP_UP], args)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = cloudep_session_allowed(rows, 0, ALLOWED)) != APR_SUCCESS) {
        return rv;
    }
    return cloudep_cell_true(rows, 0, PROVED) ? APR_SUCCESS : APR_NOTFOUND;
}
