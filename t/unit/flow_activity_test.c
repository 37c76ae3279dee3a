/*
 * flow_activity_test.c - when sessions are used: what is noted of them until the thread writes it, and what it writes.
 */
#include "child.h"
#include "service/activity.h"

#define SLUG "use"
#define MOST 20000 /* sessions that are noted until they are written */
#define NO_TIME 3  /* an idle life so short that the thread writes without a pause */

static flow_case_t *at;
static const cloudep_session_t *session, *other;

/* Nobody has seen the session yet, and its idle life ends in an hour. */
static void begin(void)
{
    at = flow_begin();
    postgres_sql("UPDATE cloudep.sessions SET seen_at = NULL, idle_expires_at = now() + interval '1 hour'");
    child_begin(cloudep_activity_start);
}

static void use(const cloudep_session_t *which, const cloudep_turn_t *turn)
{
    cloudep_activity_note(at->ctx, which->tenant_id, which->id, turn);
}

static cloudep_turn_t turn_of(int idle_left)
{
    return (cloudep_turn_t){.idle_left = idle_left};
}

/* Seconds between a time of the session's row and now. */
static apr_int64_t seconds(const cloudep_session_t *which, const char *column)
{
    char *value = postgres_value(apr_pstrcat(at->p, "SELECT floor(extract(epoch FROM ", column,
                                             "))::bigint FROM cloudep.sessions WHERE id = $1::uuid", NULL),
                                 which->id, NULL);
    const apr_int64_t found = value ? apr_atoi64(value) - cloudep_now(at->ctx) : -1000000;

    free(value);
    return found;
}

/* The idle life that the session has when it was used with so much left, and the child has ended. */
static apr_int64_t idle_after(int left)
{
    const cloudep_turn_t turn = turn_of(left);
    apr_int64_t found;

    begin();
    use(session, &turn);
    child_end();
    found = seconds(session, "idle_expires_at");
    flow_end(at);
    return found;
}

static void test_seen(void)
{
    begin();
    use(session, NULL);
    ok(child_waits(apr_time_from_sec(60)), "uses are written once a minute");
    child_end();
    is_int(seconds(session, "seen_at"), 0, "a session is seen when a token of it is used");
    ok(seconds(session, "idle_expires_at") < 3700, "which is no reason to let it live longer");
    is_int(seconds(other, "seen_at"), -1000000, "another session of the member is not seen by that");
    flow_end(at);
}

/* Sessions that a cookie speaks for live on; it is not written more often than need be. */
static void test_slides(void)
{
    const int idle = flow.config.refresh_idle;

    is_int(idle_after(idle - 60), idle, "a session lives on that was written a minute ago");
    ok(idle_after(idle - 59) < 3700, "one that was written since does not yet");
    flow.config.refresh_idle = 120;
    begin();
    postgres_sql("UPDATE cloudep.sessions SET idle_expires_at = now() + interval '10 seconds'");
    use(session, &(cloudep_turn_t){.idle_left = 91});
    use(other, &(cloudep_turn_t){.idle_left = 90});
    ok(child_waits(apr_time_from_sec(30)), "or four times in a short idle life");
    child_end();
    ok(seconds(session, "idle_expires_at") < 20, "a short life is written each quarter of it, not sooner");
    is_int(seconds(other, "idle_expires_at"), 120, "and not later");
    flow.config.refresh_idle = idle;
    flow_end(at);
}

/* Of several uses. */
static void test_together(void)
{
    const cloudep_turn_t turn = turn_of(0);
    apr_time_t now;

    begin();
    now = at->ctx->now;
    use(session, &turn);
    use(session, NULL);
    use(other, NULL);
    at->ctx->now = now - apr_time_from_sec(20);
    use(session, NULL);
    use(other, &turn);
    at->ctx->now = now;
    child_end();
    is_int(seconds(session, "seen_at"), 0, "of several uses the last one is written");
    is_int(seconds(other, "seen_at"), 0, "in whatever order they are noted");
    is_int(seconds(session, "idle_expires_at"), flow.config.refresh_idle, "one by a cookie is enough to live on");
    is_int(seconds(other, "idle_expires_at"), flow.config.refresh_idle, "be it the second");
    flow_end(at);
}

/* More sessions than a statement takes. */
static void test_many(void)
{
    PGresult *found;

    begin();
    free(postgres_value("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at,"
                        " expires_at) SELECT tenant_id, gen_random_uuid(), uid, generation, 'many', idle_expires_at,"
                        " expires_at FROM cloudep.sessions, generate_series(1, 1001) WHERE id = $1::uuid",
                        session->id, NULL));
    found = PQexec(postgres_superuser(), "SELECT id FROM cloudep.sessions WHERE amr = 'many'");
    for (int i = 0; i < PQntuples(found); i++) {
        cloudep_activity_note(at->ctx, session->tenant_id, PQgetvalue(found, i, 0), NULL);
    }
    PQclear(found);
    child_end();
    is_value("1001", "each of many sessions is seen",
             "SELECT count(*) FROM cloudep.sessions WHERE amr = 'many' AND seen_at IS NOT NULL");
    postgres_sql("DELETE FROM cloudep.sessions WHERE amr = 'many'");
    flow_end(at);
}

static void use_one(void)
{
    cloudep_activity_note(at->ctx, session->tenant_id, "00000000-0000-4000-8000-000000000000", NULL);
}

/* More than are noted while the database is busy. */
static void test_most(void)
{
    const int idle = flow.config.refresh_idle;

    flow.config.refresh_idle = NO_TIME;
    begin();
    child_hold("sessions", use_one);
    for (int i = 1; i < MOST; i++) {
        cloudep_activity_note(at->ctx, session->tenant_id, apr_psprintf(at->p, "00000000-0000-4000-8000-%012d", i),
                              NULL);
    }
    use(session, NULL);
    use(other, NULL);
    child_release();
    ok(child_until(seconds(session, "seen_at") == 0), "the last one that there is room for is seen");
    child_end();
    is_int(seconds(other, "seen_at"), -1000000, "one more waits for a later request");
    flow.config.refresh_idle = idle;
    flow_end(at);
}

/* The database is away for a while. */
static void test_failed(void)
{
    const int idle = flow.config.refresh_idle;

    flow.config.refresh_idle = NO_TIME;
    begin();
    flow_revoke("UPDATE ON cloudep.sessions");
    (void)apr_atomic_set32(&child.failed, 0);
    use(session, NULL);
    ok(child_until(apr_atomic_read32(&child.failed)), "that a session was seen cannot be written");
    flow_grant("UPDATE ON cloudep.sessions");
    ok(child_until(child_any("SELECT count(*) FROM cloudep.sessions WHERE seen_at IS NOT NULL")), "it is once it can");
    is_int(seconds(session, "seen_at"), 0, "with the time of its use");
    child_end();
    flow.config.refresh_idle = idle;
    flow_end(at);
}

static void test_no_database(void)
{
    cloudep_db_t *db = flow.run.db;

    at = flow_begin();
    flow.run.activity = NULL;
    flow.run.db = NULL;
    cloudep_activity_start(&child.server, flow.pool);
    ok(!flow.run.activity, "without a database no thread runs");
    use(session, NULL);
    flow.run.db = db;
    flow_end(at);
}

int main(void)
{
    flow_case_t *first;
    cloudep_login_result_t result;

    flow_start();
    child_database()->lock_timeout = 20000;
    flow_tenant(SLUG);
    first = flow_begin();
    flow_member(first, SLUG, "ann@use.test", &session);
    if (cloudep_failed(flow_login(first, SLUG, "ann@use.test", FLOW_PASSWORD, &result)) || !result.session) {
        flow_bail_out("no other session");
    }
    other = result.session;
    test_seen();
    test_slides();
    test_together();
    test_many();
    test_most();
    test_failed();
    test_no_database();
    return done_testing();
}
