/*
 * budget_store.c - counts failures and the waits they lead to.
 *
 * clock_timestamp() instead of now(): a statement that waited for the row's lock must see the time after the wait, not
 * the time at which it began, or parallel guesses would find a wait that has not begun yet from their point of view.
 *
 * A failure locks the account's row first and then the network's, from the smallest network to the largest. So no two
 * of them wait for each other.
 */
#include "base/store/budget_store.h"

#include <apr_strings.h>
#include <string.h>
#include "base/store/sql.h"
#include "base/store/statements.h"

enum { KNOWN, CHECK, FAIL, LEFT, PASS, DUE, SETTLE, TELL, FORGET };

/* clang-format off */

/* Whether the account was at the network lately. What ends sessions raises sessions_from, and with that their networks
 * are unknown. */
#define IS_KNOWN(given) \
    "EXISTS (" \
    "  SELECT FROM cloudep.known_networks AS known" \
    "  JOIN cloudep.members AS member" \
    "    ON member.tenant_id = known.tenant_id" \
    "    AND member.uid = known.uid" \
    "  WHERE known.tenant_id = " given ".tenant_id" \
    "    AND known.uid = " given ".uid" \
    "    AND known.network = " given ".network" \
    "    AND known.known_until > now()" \
    "    AND known.generation >= member.sessions_from)"

/* What policy says about the row of that kind and network; row: "budget" or "policy". */
#define OF_POLICY(value, row) \
    "(SELECT " value " FROM policy AS rule WHERE rule.kind = " row ".kind AND rule.network = " row ".network)"

/* The number that this failure has. */
#define COUNTED \
    "CASE WHEN budget.last_at < clock_timestamp() - " OF_POLICY("rule.forget", "budget") " THEN 1" \
    " ELSE budget.failures + 1 END"

/* The wait after that many failures; the exponent is bounded so that it cannot overflow. */
#define WAIT(failures, row) \
    OF_POLICY("interval '1 second' * CASE WHEN " failures " < rule.attempts THEN 0" \
              " ELSE least(rule.longest, rule.first * 2 ^ least(" failures " - rule.attempts, 30)) END", row)

/* Whether the owner is to be told after that many failures: once, when strangers begin to wait. */
#define NOTICE(failures, row, before) \
    "CASE WHEN " row ".network = '' AND " failures " >= " OF_POLICY("rule.attempts", row) \
    "     THEN coalesce(" before ", 'due') END"

#define THIS_BUDGET(budget) \
    budget ".tenant_id = %s::uuid" \
    " AND " budget ".kind = %s" \
    " AND " budget ".subject = %s" \
    " AND " budget ".network = %s"

/* Whose budget it is, if it is an account's. */
#define UID_OF(budget) "CASE WHEN " budget ".subject ~ '^[0-9a-f-]{36}$' THEN " budget ".subject::uuid END"

/* Removes some of the rows of that condition whose last failure was a while ago. Argument: that while. */
#define FORGET_ROWS(condition) \
    " DELETE FROM cloudep.budgets AS budget" \
    " WHERE (tenant_id, kind, subject, network) IN (" \
    "   SELECT tenant_id, kind, subject, network" \
    "   FROM cloudep.budgets" \
    "   WHERE " condition \
    "     AND last_at < now() - %s::interval" \
    "     AND blocked_until < now()" \
    "   LIMIT 1000" \
    "   FOR UPDATE SKIP LOCKED" \
    " )" \
    " RETURNING 1"

static const cloudep_statement_t statements[] = {
    [KNOWN] = {
        .label = "budget_known",
        .sql =
            "SELECT " IS_KNOWN("given")
            " FROM (SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::text AS network) AS given",
        .repeatable = 1,
    },
    [CHECK] = {
        .label = "budget_check",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::uuid AS uid, %s::text AS network,"
            "         %s::text AS network56, %s::text AS network48, %s::text AS kind, %s::text AS subject"
            "), place AS ("
            "  SELECT given.*, " IS_KNOWN("given") " AS known"
            "  FROM given"
            ")"
            " SELECT place.known, coalesce(max(" CLOUDEP_SQL_WAIT_LEFT("budget") "), 0)"
            " FROM place"
            " CROSS JOIN LATERAL ("
            "   VALUES (place.kind, place.subject, CASE WHEN place.known THEN place.network ELSE '' END),"
            "          ('" CLOUDEP_BUDGET_NETWORK "', '" CLOUDEP_BUDGET_GUESSES "',"
            "           CASE WHEN NOT place.known THEN place.network END),"
            "          ('" CLOUDEP_BUDGET_NETWORK "', '" CLOUDEP_BUDGET_GUESSES "',"
            "           CASE WHEN NOT place.known THEN place.network56 END),"
            "          ('" CLOUDEP_BUDGET_NETWORK "', '" CLOUDEP_BUDGET_GUESSES "',"
            "           CASE WHEN NOT place.known THEN place.network48 END)"
            " ) AS judge (kind, subject, network)"
            " LEFT JOIN cloudep.budgets AS budget"
            "   ON budget.tenant_id = place.tenant_id"
            "   AND budget.kind = judge.kind"
            "   AND budget.subject = judge.subject"
            "   AND budget.network = judge.network"
            " GROUP BY place.known",
        .repeatable = 1,
    },
    /* A wait that is on leaves its row as it is, and the statement without that row to return. */
    [FAIL] = {
        .label = "budget_fail",
        .sql =
            "WITH given AS ("
            "  SELECT %s::uuid AS tenant_id, %s::text AS outbox, %s::text AS failed,"
            "         %s::integer AS attempts, %s::integer AS first, %s::integer AS longest,"
            "         %s::integer * interval '1 second' AS forget"
            "), policy AS ("
            "  SELECT 0 AS place, %s::text AS kind, %s::text AS subject, %s::text AS network,"
            "         %s::integer AS attempts, %s::integer AS first, %s::integer AS longest,"
            "         %s::integer * interval '1 second' AS forget"
            "  UNION ALL"
            "  SELECT level.place, '" CLOUDEP_BUDGET_NETWORK "', given.failed, level.network,"
            "         given.attempts * level.share, given.first, given.longest, given.forget"
            "  FROM given, (VALUES (1, %s::text, 1), (2, %s, 4), (3, %s, 16)) AS level (place, network, share)"
            ")"
            " INSERT INTO cloudep.budgets AS budget"
            " (tenant_id, kind, subject, network, failures, last_at, blocked_until, notice, outbox)"
            " SELECT given.tenant_id, policy.kind, policy.subject, policy.network, 1, clock_timestamp(),"
            "        clock_timestamp() + " WAIT("1", "policy") ", " NOTICE("1", "policy", "NULL") ", given.outbox"
            " FROM given, policy"
            " WHERE policy.subject IS NOT NULL"
            "   AND policy.network IS NOT NULL"
            "   AND policy.attempts > 0"
            " ORDER BY policy.place"
            " ON CONFLICT (tenant_id, kind, subject, network) DO UPDATE"
            " SET failures = " COUNTED ","
            "     last_at = clock_timestamp(),"
            "     blocked_until = clock_timestamp() + " WAIT("(" COUNTED ")", "budget") ","
            "     notice = " NOTICE("(" COUNTED ")", "budget", "budget.notice") ","
            "     outbox = excluded.outbox"
            " WHERE budget.blocked_until <= clock_timestamp()"
            " RETURNING budget.kind",
    },
    /* How long the rows of a failure that was not counted make wait. */
    [LEFT] = {
        .label = "budget_left",
        .sql =
            "SELECT coalesce(max(" CLOUDEP_SQL_WAIT_LEFT("budget") "), 0)"
            " FROM cloudep.budgets AS budget"
            " WHERE budget.tenant_id = %s::uuid"
            "   AND (budget.kind, budget.subject, budget.network) IN ((%s, %s, %s),"
            "        ('" CLOUDEP_BUDGET_NETWORK "', %s, %s), ('" CLOUDEP_BUDGET_NETWORK "', %s, %s),"
            "        ('" CLOUDEP_BUDGET_NETWORK "', %s, %s))",
        .repeatable = 1,
    },
    /* The lock waits for a failure that is being counted, and the row comes back as it is after that. */
    [PASS] = {
        .label = "budget_pass",
        .sql =
            "WITH judge AS ("
            "  SELECT tenant_id, kind, subject, network, blocked_until"
            "  FROM cloudep.budgets AS budget"
            "  WHERE " THIS_BUDGET("budget")
            "  FOR UPDATE"
            "), forgotten AS ("
            "  DELETE FROM cloudep.budgets AS budget"
            "  USING judge"
            "  WHERE budget.tenant_id = judge.tenant_id"
            "    AND budget.kind = judge.kind"
            "    AND budget.subject = judge.subject"
            "    AND budget.network = judge.network"
            "    AND " CLOUDEP_SQL_WAIT_LEFT("judge") " = 0"
            ")"
            " SELECT " CLOUDEP_SQL_WAIT_LEFT("judge")
            " FROM judge",
        .repeatable = 1,
    },
    [DUE] = {
        .label = "budget_due",
        .sql =
            "SELECT budget.kind, budget.subject, " CLOUDEP_SQL_TENANT("tenant") ","
            "       " CLOUDEP_SQL_MEMBER("member", "totp")
            " FROM cloudep.budgets AS budget"
            " JOIN cloudep.members AS member"
            "   ON member.tenant_id = budget.tenant_id"
            "   AND member.uid = " UID_OF("budget")
            " JOIN cloudep.tenants AS tenant"
            "   ON tenant.id = budget.tenant_id"
            CLOUDEP_SQL_JOIN_TOTP("totp", "member")
            " WHERE budget.notice = 'due'"
            "   AND budget.outbox IS NOT DISTINCT FROM %s::text"
            "   AND member.status = 'active'"
            " LIMIT %s::integer",
        .repeatable = 1,
    },
    /* Keyed hashes, decoys, and members who are not active have nobody to be told. */
    [SETTLE] = {
        .label = "budget_settle",
        .sql =
            "UPDATE cloudep.budgets AS budget"
            " SET notice = 'told'"
            " WHERE budget.notice = 'due'"
            "   AND NOT EXISTS ("
            "     SELECT FROM cloudep.members AS member"
            "     WHERE member.tenant_id = budget.tenant_id"
            "       AND member.uid = " UID_OF("budget")
            "       AND member.status = 'active')",
        .repeatable = 1,
    },
    [TELL] = {
        .label = "budget_tell",
        .sql =
            "WITH told AS ("
            "  UPDATE cloudep.budgets AS budget"
            "  SET notice = 'told'"
            "  WHERE " THIS_BUDGET("budget")
            "    AND budget.notice = 'due'"
            "  RETURNING budget.tenant_id, budget.subject::uuid AS uid"
            ")"
            " " CLOUDEP_SQL_ENQUEUE("told"),
    },
    [FORGET] = {
        .label = "budget_forget",
        .sql =
            "WITH place AS ("
            "  DELETE FROM cloudep.known_networks"
            "  WHERE (tenant_id, uid, network) IN ("
            "    SELECT tenant_id, uid, network"
            "    FROM cloudep.known_networks"
            "    WHERE known_until < now()"
            "    LIMIT 1000"
            "  )"
            "  RETURNING 1"
            "), account AS (" FORGET_ROWS("kind <> '" CLOUDEP_BUDGET_NETWORK "'")
            "), network AS (" FORGET_ROWS("kind = '" CLOUDEP_BUDGET_NETWORK "'") ")"
            " SELECT greatest((SELECT count(*) FROM place), (SELECT count(*) FROM account),"
            "                 (SELECT count(*) FROM network))",
        .repeatable = 1,
    },
};
/* The columns of CHECK, and of DUE. */
enum { IS_KNOWN_THERE, WAIT_THERE };
enum { KIND, SUBJECT, TENANT, MEMBER = TENANT + CLOUDEP_TENANT_COLUMN_COUNT };
/* clang-format on */
const cloudep_statement_list_t cloudep_budget_statements = CLOUDEP_STATEMENT_LIST(statements);

apr_status_t cloudep_budget_known(cloudep_db_t *db, apr_pool_t *p, const char *tenant_id, const char *uid,
                                  const char *network, int *known)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[KNOWN], CLOUDEP_ARGS(tenant_id, uid, network));

    *known = rv == APR_SUCCESS && cloudep_cell_true(rows, 0, 0);
    return rv;
}

apr_status_t cloudep_budget_check(cloudep_db_t *db, apr_pool_t *p, cloudep_budget_t *budget, const char *uid,
                                  const cloudep_client_t *client, int *wait)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run_one(db, p, &rows, &statements[CHECK],
                                         CLOUDEP_ARGS(budget->tenant_id, uid, client->network, client->network56,
                                                      client->network48, budget->kind, budget->subject));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    budget->network = cloudep_cell_true(rows, 0, IS_KNOWN_THERE) ? client->network : "";
    *wait = (int)apr_atoi64(cloudep_cell(rows, 0, WAIT_THERE));
    return APR_SUCCESS;
}

static void policy_args(cloudep_args_t *args, apr_pool_t *p, const cloudep_budget_policy_t *policy)
{
    cloudep_arg(args, apr_itoa(p, policy->attempts));
    cloudep_arg(args, apr_itoa(p, policy->first));
    cloudep_arg(args, apr_itoa(p, policy->longest));
    cloudep_arg(args, apr_itoa(p, policy->forget));
}

static const cloudep_budget_t no_account; /* its parameters are NULL */

/* What is left of the wait that kept a failure from being counted. */
static apr_status_t ask_left(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_failure_t *failure, int *wait)
{
    const cloudep_budget_t *account = failure->account ? failure->account : &no_account;
    const cloudep_client_t *client = &failure->client;

    return cloudep_db_number(wait, p, db, &statements[LEFT],
                             CLOUDEP_ARGS(failure->tenant_id, account->kind, account->subject, account->network,
                                          failure->failed, client->network, failure->failed, client->network56,
                                          failure->failed, client->network48));
}

/* How many rows a failure is counted in. */
static int rows_of(const cloudep_budget_failure_t *failure)
{
    const int networks = failure->failed && failure->of_network.attempts
                             ? !!failure->client.network + !!failure->client.network56 + !!failure->client.network48
                             : 0;

    return networks + (failure->account && failure->policy.attempts);
}

apr_status_t cloudep_budget_fail(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_failure_t *failure, int *wait)
{
    const cloudep_budget_t *account = failure->account ? failure->account : &no_account;
    cloudep_args_t *args = CLOUDEP_ARGS(failure->tenant_id, failure->outbox, failure->failed);
    cloudep_rows_t *rows;
    apr_status_t rv;

    *wait = 0;
    if (!rows_of(failure)) {
        return APR_SUCCESS;
    }
    policy_args(args, p, &failure->of_network);
    cloudep_arg(args, account->kind);
    cloudep_arg(args, account->subject);
    cloudep_arg(args, account->network);
    policy_args(args, p, &failure->policy);
    cloudep_arg(args, failure->client.network);
    cloudep_arg(args, failure->client.network56);
    cloudep_arg(args, failure->client.network48);
    rv = cloudep_db_run(db, p, &rows, &statements[FAIL], args);
    *wait = rv == CLOUDEP_ELOCKED; /* a row stayed locked: so many guess at once that this one need not be counted */
    if (rv != APR_SUCCESS || rows->count == rows_of(failure)) {
        return rv;
    }
    rv = ask_left(db, p, failure, wait);
    *wait = *wait < 1 ? 1 : *wait;
    return rv == APR_SUCCESS ? CLOUDEP_ELOCKED : rv;
}

apr_status_t cloudep_budget_pass(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_t *budget, int *wait)
{
    apr_status_t rv =
        cloudep_db_number(wait, p, db, &statements[PASS],
                          CLOUDEP_ARGS(budget->tenant_id, budget->kind, budget->subject, budget->network));

    return *wait ? CLOUDEP_ELOCKED : rv;
}

apr_status_t cloudep_budget_due(cloudep_db_t *db, apr_pool_t *p, apr_array_header_t **notices, const char *outbox,
                                int limit)
{
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(db, p, NULL, &statements[SETTLE], NULL);

    *notices = apr_array_make(p, 1, sizeof(cloudep_budget_notice_t));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_db_run(db, p, &rows, &statements[DUE], CLOUDEP_ARGS(outbox, apr_itoa(p, limit)));
    for (int row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        cloudep_budget_notice_t *notice = apr_array_push(*notices);

        notice->tenant = cloudep_tenant_of_row(p, rows, row, TENANT);
        rv = cloudep_member_of_row(p, &notice->member, rows, row, MEMBER);
        notice->budget =
            (cloudep_budget_t){notice->tenant->id, cloudep_cell(rows, row, KIND), cloudep_cell(rows, row, SUBJECT), ""};
    }
    return rv;
}

apr_status_t cloudep_budget_tell(cloudep_db_t *db, apr_pool_t *p, const cloudep_budget_t *budget,
                                 const cloudep_message_t *message)
{
    cloudep_args_t *args = CLOUDEP_ARGS(budget->tenant_id, budget->kind, budget->subject, budget->network);

    cloudep_message_args(args, message);
    return cloudep_db_run(db, p, NULL, &statements[TELL], args);
}

apr_status_t cloudep_budget_forget(cloudep_db_t *db, apr_pool_t *p, int account, int network, int *more)
{
    apr_status_t rv = cloudep_db_number(more, p, db, &statements[FORGET],
                                        CLOUDEP_ARGS(cloudep_arg_seconds(p, account), cloudep_arg_seconds(p, network)));

    *more = *more >= 1000;
    return rv;
}
