/*
 * registration_store.c - rows of cloudep.registration_attempts, and how one becomes a member.
 */
#include "base/store/registration_store.h"

#include <apr_strings.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

#define STATE(kind, name, sql) CLOUDEP_COLUMN(cloudep_registration_state_t, kind, name)
static const cloudep_column_t state_columns[] = {CLOUDEP_REGISTRATION_COLUMNS(STATE, STATE, "", "")};
static const cloudep_record_t state_record = CLOUDEP_RECORD(cloudep_registration_state_t, state_columns);

#define LEASED(kind, name, sql) CLOUDEP_COLUMN(cloudep_leased_t, kind, name)
static const cloudep_column_t leased_columns[] = {CLOUDEP_CONFIRMATION_COLUMNS(LEASED, LEASED, "")};
static const cloudep_record_t leased_record = CLOUDEP_RECORD(cloudep_leased_t, leased_columns);

#define STALE(kind, name, sql) CLOUDEP_COLUMN(cloudep_stale_t, kind, name)
static const cloudep_column_t stale_columns[] = {CLOUDEP_STALE_COLUMNS(STALE, STALE, "", "")};
static const cloudep_record_t stale_record = CLOUDEP_RECORD(cloudep_stale_t, stale_columns);

enum { BEGIN, ADD, RENEW, BY_CHALLENGE, LEASE, RELEASE, CONFIRM, TAKE_OVER, CLEARED, REMOVE_OLD };

/* clang-format off */

/* What an attempt is found by when its challenge has expired. */
#define DIGEST(challenge_id) "encode(sha256(convert_to(" challenge_id ", 'UTF8')), 'hex')"

/* An attempt as a row. Arguments: attempt_args. */
#define GIVEN \
    "SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::uuid AS member_uid, %s::text AS email," \
    "       %s::text AS challenge_id, %s::text AS password, %s::text AS display_name, %s::text AS language," \
    "       %s::text AS terms_version, %s::boolean AS marketing_opt_in"

/* No arguments. */
#define INSERT_ATTEMPT(from) \
    "INSERT INTO cloudep.registration_attempts" \
    " (tenant_id, uid, member_uid, email, challenge, password, display_name, language, terms_version," \
    "  marketing_opt_in)" \
    " SELECT given.tenant_id, given.uid, given.member_uid, given.email, " DIGEST("given.challenge_id") "," \
    "        given.password, given.display_name, given.language, given.terms_version, given.marketing_opt_in" \
    " FROM " from \
    " RETURNING tenant_id, uid"

static const cloudep_statement_t statements[] = {
    [BEGIN] = {
        .label = "registration_begin",
        .sql =
            "WITH given AS (" GIVEN "), member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET status = 'pending', updated_at = now()"
            "  FROM given"
            "  WHERE member.tenant_id = given.tenant_id"
            "    AND member.uid = given.uid"
            "    AND member.status = 'reserved'"
            "  RETURNING member.tenant_id, member.uid"
            "), attempt AS (" INSERT_ATTEMPT("given, member")
            "), credential AS ("
            "  INSERT INTO cloudep.credentials (tenant_id, uid, phc, form_of)"
            "  SELECT member.tenant_id, member.uid, new.phc, " CLOUDEP_SQL_FORM_OF("new.phc")
            "  FROM member, (SELECT %s::text AS phc) AS new"
            "  WHERE new.phc IS NOT NULL"
            ")"
            " " CLOUDEP_SQL_ENQUEUE("attempt"),
    },
    [ADD] = {
        .label = "registration_add",
        .sql =
            "WITH given AS (" GIVEN "), attempt AS (" INSERT_ATTEMPT("given") ")"
            " " CLOUDEP_SQL_ENQUEUE("attempt"),
    },
    [RENEW] = {
        .label = "registration_renew",
        .sql =
            "WITH attempt AS ("
            "  UPDATE cloudep.registration_attempts"
            "  SET challenge = " DIGEST("%s::text")
            "  WHERE tenant_id = %s::uuid"
            "    AND uid = %s::uuid"
            "  RETURNING tenant_id, uid"
            ")"
            " " CLOUDEP_SQL_ENQUEUE("attempt"),
    },
    [BY_CHALLENGE] = {
        .label = "registration_by_challenge",
        .sql =
            "SELECT " CLOUDEP_REGISTRATION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "attempt", "member")
            " FROM cloudep.registration_attempts AS attempt"
            " LEFT JOIN cloudep.members AS member"
            "   ON member.tenant_id = attempt.tenant_id"
            "   AND member.uid = attempt.member_uid"
            "   AND member.email = attempt.email"
            " WHERE attempt.tenant_id = %s::uuid"
            "   AND attempt.challenge = " DIGEST("%s::text")
            "   AND attempt.created_at > now() - %s::interval",
        .repeatable = 1,
    },
    [LEASE] = {
        .label = "registration_lease",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::uuid AS lease, %s::interval AS lasting"
            "), before AS ("
            "  SELECT member.tenant_id, member.uid AS member_uid,"
            "         coalesce(member.provider_uids, ARRAY[member.uid]) AS users,"
            "         attempt.uid, attempt.password, attempt.display_name, attempt.language"
            "  FROM given"
            "  JOIN cloudep.registration_attempts AS attempt"
            "    ON attempt.tenant_id = given.tenant_id"
            "    AND attempt.uid = given.uid"
            "  JOIN cloudep.members AS member"
            "    ON member.tenant_id = attempt.tenant_id"
            "    AND member.uid = attempt.member_uid"
            "  WHERE member.status = 'pending'"
            "    AND (member.confirming_until IS NULL OR member.confirming_until <= now()"
            "         OR member.confirming = attempt.uid)"
            "  FOR UPDATE OF member"
            ")"
            " UPDATE cloudep.members AS member"
            " SET confirming = given.lease, confirming_until = now() + given.lasting,"
            "     provider_uids = array_remove(before.users, before.uid) || before.uid"
            " FROM given, before"
            " WHERE member.tenant_id = before.tenant_id"
            "   AND member.uid = before.member_uid"
            " RETURNING " CLOUDEP_CONFIRMATION_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "before"),
    },
    [RELEASE] = {
        .label = "registration_release",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::uuid AS lease, %s::uuid AS kept_for"
            ")"
            " UPDATE cloudep.members AS member"
            " SET confirming = given.kept_for,"
            "     confirming_until = CASE WHEN given.kept_for IS NOT NULL THEN member.confirming_until END"
            " FROM given"
            " WHERE member.tenant_id = given.tenant_id"
            "   AND member.uid = given.uid"
            "   AND member.confirming = given.lease",
        .repeatable = 1,
    },
    /*
     * Of two that confirm the same member, the second one waits for the row's lock and finds it active then. Another
     * attempt's password that the row had until now goes with that.
     */
    [CONFIRM] = {
        .label = "registration_confirm",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::uuid AS lease,"
            "         %s::boolean AS stores_password, %s::boolean AS drops_password"
            "), member AS ("
            "  UPDATE cloudep.members AS member"
            "  SET uid = attempt.uid, status = 'active', activated_at = now(), updated_at = now(),"
            "      display_name = attempt.display_name, language = attempt.language,"
            "      terms_version = attempt.terms_version,"
            "      terms_accepted_at = CASE WHEN attempt.terms_version IS NOT NULL THEN attempt.created_at END,"
            "      marketing_opt_in = attempt.marketing_opt_in,"
            "      has_password = attempt.password IS NOT NULL AND NOT given.drops_password,"
            "      password_due = attempt.password IS NULL OR given.drops_password,"
            "      password_form = true,"
            "      provider_uids = NULL, confirming = NULL, confirming_until = NULL"
            "  FROM given, cloudep.registration_attempts AS attempt"
            "  WHERE attempt.tenant_id = given.tenant_id"
            "    AND attempt.uid = given.uid"
            "    AND member.tenant_id = attempt.tenant_id"
            "    AND member.uid = attempt.member_uid"
            "    AND member.status = 'pending'"
            "    AND member.confirming IS NOT DISTINCT FROM given.lease"
            "  RETURNING member.tenant_id, member.uid, member.generation, attempt.member_uid AS old_uid,"
            "    CASE WHEN given.stores_password THEN attempt.password END AS phc,"
            "    member.has_password,"
            "    attempt.terms_version IS NOT NULL AS has_terms"
            "), ended AS ("
            "  DELETE FROM cloudep.registration_attempts AS attempt"
            "  USING member"
            "  WHERE attempt.tenant_id = member.tenant_id"
            "    AND attempt.member_uid = member.old_uid"
            "), removed AS ("
            "  DELETE FROM cloudep.credentials AS credential"
            "  USING member"
            "  WHERE credential.tenant_id = member.tenant_id"
            "    AND credential.uid = member.old_uid"
            "    AND (member.old_uid <> member.uid OR member.phc IS NULL)"
            "), stored AS ("
            "  INSERT INTO cloudep.credentials AS credential (tenant_id, uid, phc, form_of)"
            "  SELECT member.tenant_id, member.uid, member.phc, " CLOUDEP_SQL_FORM_OF("member.phc")
            "  FROM member"
            "  WHERE member.phc IS NOT NULL"
            "  ON CONFLICT (tenant_id, uid) DO UPDATE"
            "  SET phc = excluded.phc, form_of = excluded.form_of, updated_at = now()"
            "), opened AS (" CLOUDEP_SQL_OPEN_SESSION("member") ")"
            " SELECT " CLOUDEP_SQL_SESSION("opened") ", member.has_password, member.has_terms"
            " FROM opened, member",
    },
    [TAKE_OVER] = {
        .label = "registration_take_over",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS lease, %s::interval AS lasting"
            "), due AS ("
            "  SELECT member.tenant_id, member.uid"
            "  FROM cloudep.members AS member"
            "  WHERE member.status = 'pending'"
            "    AND member.confirming_until < now()"
            "  ORDER BY member.confirming_until"
            "  LIMIT %s::integer"
            "  FOR UPDATE OF member SKIP LOCKED"
            ")"
            " UPDATE cloudep.members AS member"
            " SET confirming = given.lease, confirming_until = now() + given.lasting"
            " FROM given, due, cloudep.tenants AS tenant"
            " WHERE member.tenant_id = due.tenant_id"
            "   AND member.uid = due.uid"
            "   AND tenant.id = member.tenant_id"
            " RETURNING " CLOUDEP_STALE_COLUMNS(CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL, "member", "tenant"),
    },
    [CLEARED] = {
        .label = "registration_cleared",
        .sql =
            "UPDATE cloudep.members"
            " SET provider_uids = '{}', confirming = NULL, confirming_until = NULL"
            " WHERE tenant_id = %s::uuid"
            "   AND uid = %s::uuid"
            "   AND confirming = %s::uuid",
        .repeatable = 1,
    },
    [REMOVE_OLD] = {
        .label = "registration_remove_old",
        .sql =
            "DELETE FROM cloudep.registration_attempts"
            " WHERE (tenant_id, uid) IN ("
            "   SELECT tenant_id, uid"
            "   FROM cloudep.registration_attempts"
            "   WHERE created_at < now() - %s::interval"
            "   LIMIT 1000"
            " )",
        .repeatable = 1,
    },
};
/* clang-format on */
const cloudep_statement_list_t cloudep_registration_statements = CLOUDEP_STATEMENT_LIST(statements);

/* Of CONFIRM, behind the session's. */
#define SESSION_COLUMN_COUNT (CLOUDEP_SESSION_COLUMNS(CLOUDEP_COLUMN_ONE, CLOUDEP_COLUMN_ONE, ""))
enum { HAS_PASSWORD = SESSION_COLUMN_COUNT, HAS_TERMS };

static void attempt_args(cloudep_args_t *args, const cloudep_registration_attempt_t *attempt)
{
    cloudep_arg(args, attempt->tenant_id);
    cloudep_arg(args, attempt->uid);
    cloudep_arg(args, attempt->member_uid);
    cloudep_arg(args, attempt->email);
    cloudep_arg(args, attempt->challenge_id);
    cloudep_arg(args, attempt->password);
    cloudep_arg(args, attempt->display_name);
    cloudep_arg(args, attempt->language);
    cloudep_arg(args, attempt->terms_version);
    cloudep_arg(args, cloudep_arg_boolean(attempt->marketing_opt_in));
}

apr_status_t cloudep_registration_begin(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                        const char *credential, const cloudep_message_t *message)
{
    cloudep_args_t args = {0};

    attempt_args(&args, attempt);
    cloudep_arg(&args, credential);
    cloudep_message_args(&args, message);
    return cloudep_db_run_one(db, p, NULL, &statements[BEGIN], &args);
}

apr_status_t cloudep_registration_add(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                      const cloudep_message_t *message)
{
    cloudep_args_t args = {0};

    attempt_args(&args, attempt);
    cloudep_message_args(&args, message);
    return cloudep_db_run(db, p, NULL, &statements[ADD], &args);
}

apr_status_t cloudep_registration_renew(cloudep_db_t *db, apr_pool_t *p, const cloudep_registration_attempt_t *attempt,
                                        const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(attempt->challenge_id, attempt->tenant_id, attempt->uid);

    cloudep_message_args(args, message);
    return cloudep_db_run_one(db, p, NULL, &statements[RENEW], args);
}

apr_status_t cloudep_registration_by_challenge(cloudep_db_t *db, apr_pool_t *p, cloudep_registration_state_t *state,
                                               const char *tenant_id, const char *challenge_id, int lifetime)
{
    return cloudep_record_one(state, p, db, &state_record, &statements[BY_CHALLENGE],
                              CLOUDEP_ARGS(tenant_id, challenge_id, cloudep_arg_seconds(p, lifetime)));
}

apr_status_t cloudep_registration_lease(cloudep_db_t *db, apr_pool_t *p, cloudep_leased_t *leased,
                                        const char *tenant_id, const char *uid, const char *lease, int seconds)
{
    return cloudep_record_one(leased, p, db, &leased_record, &statements[LEASE],
                              CLOUDEP_ARGS(tenant_id, uid, lease, cloudep_arg_seconds(p, seconds)));
}

apr_status_t cloudep_registration_release(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id,
                                          const char *member_uid, const char *lease, const char *kept_for)
{
    return cloudep_db_run(db, p, NULL, &statements[RELEASE], CLOUDEP_ARGS(tenant_id, member_uid, lease, kept_for));
}

apr_status_t cloudep_registration_confirm(cloudep_db_t *db, apr_pool_t *p, cloudep_confirming_t *how,
                                          cloudep_session_t *session)
{
    cloudep_args_t *args =
        CLOUDEP_ARGS(session->tenant_id, session->uid, how->lease, cloudep_arg_boolean(how->stores_password),
                     cloudep_arg_boolean(how->drops_password));
    cloudep_rows_t *rows;
    apr_status_t rv;

    cloudep_session_args(args, p, session);
    rv = cloudep_db_run_one(db, p, &rows, &statements[CONFIRM], args);
    if (rv == APR_SUCCESS) {
        cloudep_session_of_row(session, p, rows, 0, 0);
        how->has_password = cloudep_cell_true(rows, 0, HAS_PASSWORD);
        how->has_terms = cloudep_cell_true(rows, 0, HAS_TERMS);
    }
    return rv;
}

apr_status_t cloudep_registration_take_over(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **members,
                                            const char *lease, int seconds, int limit)
{
    return cloudep_record_list(members, p, db, &stale_record, &statements[TAKE_OVER],
                               CLOUDEP_ARGS(lease, cloudep_arg_seconds(p, seconds), apr_itoa(p, limit)));
}

apr_status_t cloudep_registration_cleared(cloudep_db_t *db, apr_pool_t *p, const cloudep_stale_t *member,
                                          const char *lease)
{
    return cloudep_db_run(db, p, NULL, &statements[CLEARED], CLOUDEP_ARGS(member->tenant_id, member->uid, lease));
}

apr_status_t cloudep_registration_remove_old(cloudep_db_t *db, apr_pool_t *p, int lifetime)
{
    return cloudep_db_run(db, p, NULL, &statements[REMOVE_OLD], CLOUDEP_ARGS(cloudep_arg_seconds(p, lifetime)));
}
