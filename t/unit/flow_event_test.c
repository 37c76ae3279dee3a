/*
 * flow_event_test.c - events: what is written at once and what is counted, and how the thread brings them to the table,
 * whatever the database does meanwhile.
 */
#include "child.h"
#include "counted.h"
#include "service/event.h"
#include "service/event_tally.h"

#define TENANT "00000000-0000-4000-8000-00000000000a"
#define ANN "00000000-0000-4000-8000-0000000000a1"
#define BOB "00000000-0000-4000-8000-0000000000b1"
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define WAKE 200   /* events that are written without waiting */
#define MOST 10000 /* that wait for the table */

static flow_case_t *at;

static void about(const char *tenant_id, const char *uid)
{
    at->ctx->note.tenant_id = tenant_id;
    at->ctx->note.uid = uid;
}

static void succeed(const char *name)
{
    cloudep_event(at->ctx, name, cloudep_done(), "102000", 0);
}

/* Whether a failure was written at once. */
static int fail(const char *name, cloudep_reason_e reason, const char *code)
{
    (void)flow_logged("");
    cloudep_event(at->ctx, name, cloudep_refuse(reason), code, 0);
    return flow_logged("CE400: {\"event\"");
}

/* So many that the thread takes them now. */
static void wake(void)
{
    for (int i = 0; i < WAKE; i++) {
        succeed("test.wake");
    }
}

#define ROWS(name) "SELECT count(*) FROM cloudep.events WHERE name = '" name "'"

static void begin(void)
{
    at = flow_begin();
    about(TENANT, ANN);
    child_begin(cloudep_event_start);
}

/* The child has ended. */
static void tidy(void)
{
    postgres_sql("DELETE FROM cloudep.events");
    flow_end(at);
}

static void test_success(void)
{
    begin();
    at->ctx->note.method = "pwd";
    at->ctx->network = "192.0.2.0/24";
    at->ctx->traceparent = "00-" TRACE "-00f067aa0ba902b7-01";
    (void)flow_logged("");
    succeed("test.success");
    ok(flow_logged("CE400: {\"event\":\"test.success\",\"result\":\"success\",\"outcome\":\"102000\","
                   "\"tenant_id\":\"" TENANT "\",\"uid\":\"" ANN "\",\"method\":\"pwd\",\"address\":\"192.0.2.1\","
                   "\"user_agent\":\"flow test\",\"request_id\":\"flow-test\",\"trace_id\":\"" TRACE "\"}\n"),
       "the log has an event at once");
    about(NULL, NULL);
    succeed("test.nowhere");
    ok(flow_logged("test.nowhere"), "as one of no tenant");
    child_end();
    is_value(TENANT " 102000 " ANN " pwd 192.0.2.1 flow test flow-test 1 true", "the table has it when the child ends",
             "SELECT concat_ws(' ', tenant_id, outcome, reason, uid, method, address, user_agent, request_id, count,"
             " (abs(extract(epoch FROM now() - at)) < 60)::text) FROM cloudep.events WHERE name = 'test.success'");
    is_value("1", "but for what is of no tenant", "SELECT count(*) FROM cloudep.events");
    tidy();
}

/* Without a database each failure is a line, as nobody would tell their number. */
static void test_no_database(void)
{
    cloudep_db_t *db;

    begin();
    child_end();
    db = flow.run.db;
    flow.run.events = NULL;
    flow.run.db = NULL;
    cloudep_event_start(&child.server, flow.pool);
    ok(!flow.run.events, "without a database no thread runs");
    is_int(fail("test.none", CLOUDEP_TOKEN_INVALID, "1") + fail("test.none", CLOUDEP_TOKEN_INVALID, "1"), 2,
           "and each failure is in the log");
    flow.run.db = db;
    flow_end(at);
}

/* ---- failures ---- */

static void test_apart(void)
{
    static const cloudep_reason_e guesses[] = {CLOUDEP_CREDENTIALS_WRONG, CLOUDEP_PASSWORD_WRONG, CLOUDEP_CODE_WRONG,
                                               CLOUDEP_TOTP_WRONG, CLOUDEP_BACKUP_CODE_WRONG};

    begin();
    wake();
    (void)child_until(child_any(ROWS("test.wake")));
    child_hold("events", wake); /* nothing is told meanwhile */
    ok(fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "the first failure is written at once");
    ok(!fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "the next one is counted");
    ok(!fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "and another");
    ok(fail("test.b", CLOUDEP_TOKEN_INVALID, "1"), "that of another operation is a first one");
    ok(fail("test.a", CLOUDEP_TOKEN_INVALID, "2"), "as is another outcome");
    ok(fail("test.a", CLOUDEP_SUSPENDED, "1"), "and another reason");
    at->ctx->network = "192.0.2.2";
    ok(fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "and another network");
    at->ctx->network = "192.0.2.1";
    about(ANN, ANN);
    ok(fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "and another tenant");
    about(TENANT, BOB);
    ok(!fail("test.a", CLOUDEP_TOKEN_INVALID, "1"), "those of another member are counted beside them");
    for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
        about(TENANT, ANN);
        ok(fail("test.guess", guesses[i], "1"), "a guess: %s", cloudep_reason_word(guesses[i]));
        about(TENANT, BOB);
        ok(fail("test.guess", guesses[i], "1"), "at another member's credential is a first one");
        ok(!fail("test.guess", guesses[i], "1"), "and is counted then");
    }
    for (int i = 0; i < 2; i++) {
        (void)flow_logged("");
        cloudep_event(at->ctx, "test.proven", cloudep_refuse(CLOUDEP_TOKEN_INVALID), "1", 1);
        ok(flow_logged("test.proven"), "of whoever has proved who it is none is counted");
        succeed("test.success");
        ok(flow_logged("\"result\":\"success\""), "nor is a success");
    }
    (void)flow_logged("");
    child_release();
    child_end();
    ok(flow_logged("\"count\":3}"), "the log has the number when the child ends");
    is_value("1 1 3", "so has the table",
             "SELECT string_agg(count::text, ' ' ORDER BY count) FROM cloudep.events"
             " WHERE name = 'test.a' AND tenant_id = '" TENANT "' AND outcome = '1'"
             " AND reason = 'token_invalid'");
    is_value("true", "beside the members whom it may be about it names none",
             "SELECT (uid IS NULL)::text FROM cloudep.events WHERE name = 'test.a' AND count = 3");
    is_value("5", "but whose credential was guessed at",
             "SELECT count(*) FROM (SELECT reason FROM cloudep.events WHERE name = 'test.guess' AND uid = '" BOB "'"
             " GROUP BY reason HAVING sum(count) = 2) AS told");
    tidy();
}

/* More keys than are counted apart: the rest are counted together, and name nobody. */
static void test_full(void)
{
    begin();
    child_hold("events", wake);
    about(NULL, NULL);
    for (int i = 0; i < CLOUDEP_TALLY_KEYS; i++) {
        at->ctx->network = apr_psprintf(at->p, "network %d", i);
        (void)fail("test.many", CLOUDEP_TOKEN_INVALID, "1");
    }
    about(TENANT, ANN);
    at->ctx->network = at->ctx->address = "203.0.113.1";
    at->ctx->traceparent = "00-" TRACE "-00f067aa0ba902b7-01";
    ok(fail("test.full", CLOUDEP_CODE_WRONG, "1"), "beyond that the first failure is written");
    at->ctx->network = at->ctx->address = "203.0.113.2";
    ok(!fail("test.full", CLOUDEP_CODE_WRONG, "1"), "that of another network is counted beside it");
    (void)flow_logged("");
    child_release();
    child_end();
    ok(!flow_logged("203.0.113.2"), "the log names none of those that are counted together");
    is_value("203.0.113.1 1|true 1", "nor does the table, but the first one",
             "SELECT string_agg(concat_ws(' ', coalesce(address, (uid IS NULL AND user_agent IS NULL"
             " AND request_id IS NULL)::text), count), '|' ORDER BY id) FROM cloudep.events WHERE name = 'test.full'");
    tidy();
}

/* Those of no tenant have a line and no row, and do not keep others from theirs. */
static void test_of_no_tenant(void)
{
    begin();
    child_hold("events", wake);
    about(NULL, NULL);
    (void)fail("test.nowhere", CLOUDEP_TOKEN_INVALID, "1");
    (void)fail("test.nowhere", CLOUDEP_TOKEN_INVALID, "1");
    about(TENANT, NULL);
    (void)fail("test.somewhere", CLOUDEP_TOKEN_INVALID, "1");
    (void)fail("test.somewhere", CLOUDEP_TOKEN_INVALID, "1");
    child_release();
    child_end();
    is_value("2", "failures of no tenant are in the way of nobody's", ROWS("test.somewhere"));
    is_value("0", "and are in no row", ROWS("test.nowhere"));
    tidy();
}

/* ---- the thread ---- */

/* While the child goes on. */
static void test_goes_on(void)
{
    flow.config.sweep_interval = 3600;
    begin();
    ok(child_waits(apr_time_from_msec(500)), "events are written twice a second");
    flow_tenant("old");
    postgres_sql("INSERT INTO cloudep.events (tenant_id, name, outcome, at)"
                 " SELECT t.id, 'test.old', '1', now() - interval '91 days' FROM cloudep.tenants AS t,"
                 " generate_series(1, 10001);"
                 "INSERT INTO cloudep.events (tenant_id, name, outcome, at)"
                 " SELECT t.id, 'test.young', '1', now() - interval '89 days' FROM cloudep.tenants AS t");
    (void)fail("test.counted", CLOUDEP_TOKEN_INVALID, "1");
    (void)fail("test.counted", CLOUDEP_TOKEN_INVALID, "1");
    (void)fail("test.counted", CLOUDEP_TOKEN_INVALID, "1");
    ok(child_until(child_any("SELECT sum(count) / 3 FROM cloudep.events WHERE name = 'test.counted'")),
       "what was counted is told while the child goes on");
    ok(child_until(!child_any(ROWS("test.old"))), "old events are removed, more than one run removes");
    is_value("1", "those that are younger than CloudEPEventRetention stay", ROWS("test.young"));
    postgres_sql("UPDATE cloudep.events SET at = now() - interval '91 days' WHERE name = 'test.young'");
    for (int i = 0; i < 2; i++) {
        postgres_sql("DELETE FROM cloudep.events WHERE name = 'test.wake'");
        wake();
        (void)child_until(child_any(ROWS("test.wake")));
    }
    is_value("1", "then none are looked for until CloudEPSweepInterval is over", ROWS("test.young"));
    child_end();
    tidy();
}

/* The statement fails that writes the first one, and the second has come meanwhile. */
static void test_failed(void)
{
    begin();
    child_hold("events", wake);
    succeed("test.second");
    (void)apr_atomic_set32(&child.failed, 0);
    free(postgres_value("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted", NULL));
    ok(child_until(apr_atomic_read32(&child.failed)), "events could not be written");
    child_release();
    ok(child_until(child_any(ROWS("test.second"))), "they are when they can");
    is_value("200", "once", ROWS("test.wake"));
    is_value("true", "in the order in which they came",
             "SELECT (max(id) = max(id) FILTER (WHERE name = 'test.second'))::text FROM cloudep.events");
    (void)flow_logged("");
    flow_revoke("INSERT ON cloudep.events");
    succeed("test.lost");
    succeed("test.lost");
    child_end();
    ok(flow_logged("CE403: 2 events are in this log only"), "what the last run cannot write is told");
    flow_grant("INSERT ON cloudep.events");
    tidy();
}

/* A database that is away for long. */
static void test_most(void)
{
    begin();
    child_hold("events", wake);
    for (int i = 0; i < MOST + 7; i++) {
        at->ctx->request_id = apr_itoa(at->p, i);
        succeed("test.most");
    }
    (void)flow_logged("");
    child_release();
    ok(child_until(child_any("SELECT count(*) / 10000 FROM cloudep.events WHERE name = 'test.most'")),
       "of more events than wait for the table");
    child_end();
    ok(flow_logged("CE402: 7 events are in this log only"), "what there is no room for is told");
    is_int(counted(CLOUDEP_METRIC_EVENTS_DROPPED, "", ""), 7, "and counted");
    is_value("10000 9999", "those that came first are written, each once",
             "SELECT concat_ws(' ', count(DISTINCT request_id), max(request_id::int)) FROM cloudep.events"
             " WHERE name = 'test.most'");
    is_value("10000", "and no more", ROWS("test.most"));
    tidy();
}

int main(void)
{
    flow_start();
    (void)count_in(256);
    child_database()->lock_timeout = 20000;
    test_success();
    test_no_database();
    test_apart();
    test_full();
    test_of_no_tenant();
    test_goes_on();
    test_failed();
    test_most();
    return done_testing();
}
