/*
 * flow_sweep_test.c - the sweep: members who never arrived or never left, at the identity provider first; rows whose
 * time is over; and what a child says of clock and schema.
 */
#include "base/store/schema_store.h"
#include "child.h"
#include "service/sweep.h"

#define SLUG "swp"
#define UID "00000000-0000-4000-8000-0000000000"
#define FOREVER 3600 /* seconds between two sweeps: none comes */

static flow_case_t *at;

/* ---- a provider that remembers whom it removed, and does not remove everybody ---- */

static cloudep_idp_t provider;
static char removed[1000]; /* the ends of their uids; read when no sweep runs */

static apr_status_t remove_user(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    const char *end = user->uid + strlen(user->uid) - 2;

    (void)ctx;
    if (strlen(removed) + 10 < sizeof(removed)) {
        (void)snprintf(removed + strlen(removed), 10, "%s%s ", user->tenant->organization ? "org:" : "", end);
    }
    return *end == 'e' ? CLOUDEP_EPROVIDER : APR_SUCCESS;
}

/* ---- sweeps ---- */

static void begin(void)
{
    at = flow_begin();
    flow.run.idp = &provider;
    flow.config.sweep_interval = 0; /* one after the other */
    child_begin(cloudep_sweep_start);
}

/* Sweeps have been that began after this was called. */
static int swept(void)
{
    for (int i = 0; i < 2; i++) {
        postgres_sql("INSERT INTO cloudep.lockouts (tenant_id, kind, subject, last_at)"
                     " VALUES (gen_random_uuid(), 'test', 'swept', now() - interval '9 days')");
        if (!child_until(!child_any("SELECT count(*) FROM cloudep.lockouts WHERE subject = 'swept'"))) {
            return 0;
        }
    }
    return 1;
}

static void end(void)
{
    child_end();
    flow_end(at);
}

/* A member of those two last digits; change: more columns of the row. */
static void insert(const char *digits, const char *status, const char *age, const char *change)
{
    postgres_sql(apr_psprintf(flow.pool,
                              "INSERT INTO cloudep.members (tenant_id, uid, email, status, origin)"
                              " SELECT id, '" UID "%s', '%s@swp.test', '%s', 'platform_native'"
                              " FROM cloudep.tenants WHERE slug = '" SLUG "';"
                              "UPDATE cloudep.members SET updated_at = now() - interval '%s'%s"
                              " WHERE uid = '" UID "%s'",
                              digits, digits, status, age, change, digits));
}

static int is_there(const char *digits)
{
    return child_any(apr_psprintf(flow.pool, "SELECT count(*) FROM cloudep.members WHERE uid = '" UID "%s'", digits));
}

/* Members who are left behind: which of them go, and where first. */
static void test_unfinished(void)
{
    insert("01", "deleting", "1 hour", ", provider_uids = '{" UID "02," UID "01," UID "0a}'");
    insert("03", "reserved", "3 minutes", "");
    insert("04", "reserved", "1 minute", "");
    insert("05", "pending", "8 days", "");
    insert("06", "pending", "6 days", "");
    insert("e7", "deleting", "1 hour", ", provider_uids = '{" UID "08}'");
    insert("09", "deleting", "1 hour", ", provider_uids = '{" UID "e9," UID "0b}'");
    postgres_sql("INSERT INTO cloudep.events (tenant_id, name, outcome, uid, address)"
                 " SELECT tenant_id, 'test', '1', uid, '192.0.2.1' FROM cloudep.members");
    *removed = '\0';
    begin();
    (void)flow_logged("");
    ok(swept(), "members are swept");
    child_end();
    ok(strstr(removed, "org:02 org:0a org:01 ") != NULL, "at the provider those go whom nobody knows, then the member");
    ok(strstr(removed, "org:08 org:e7 ") != NULL, "one whom it does not remove is tried");
    ok(strstr(removed, "org:e9 ") && !strstr(removed, "org:0b ") && !strstr(removed, "org:09 "),
       "and where one of the others stays, the next and the member do as well");
    is_value("3 4", "events name those who stay, and whoever has gone no more",
             "SELECT concat_ws(' ', count(*) FILTER (WHERE name = 'member.erased'), count(DISTINCT uid))"
             " FROM cloudep.events");
    ok(!is_there("01") && !is_there("03") && !is_there("05"), "members go who left or never arrived");
    ok(is_there("04") && is_there("06"), "but not those who may arrive yet");
    ok(is_there("e7") && is_there("09"), "nor those who are at the provider");
    ok(flow_logged("CE162: member " UID "01 of tenant"), "that one has gone is told");
    flow_end(at);
    postgres_sql("UPDATE cloudep.members SET updated_at = now() - interval '1 hour' WHERE status = 'deleting'");
    begin();
    (void)flow_logged("");
    ok(swept(), "they are swept again");
    child_end();
    ok(flow_logged("CE160: member " UID "e7 of tenant"), "that one could not go is told");
    postgres_sql("DELETE FROM cloudep.members; DELETE FROM cloudep.events");
    flow_end(at);
}

/* Confirmations that broke off. */
static void test_stale(void)
{
    static const char over[] = ", confirming = '" UID "ff', confirming_until = now() - interval '1 second'"
                               ", provider_uids = '{" UID "%s}'";

    insert("11", "pending", "1 hour", apr_psprintf(flow.pool, over, "12"));
    insert("13", "pending", "1 hour", apr_psprintf(flow.pool, over, "e4"));
    *removed = '\0';
    begin();
    (void)flow_logged("");
    ok(swept(), "confirmations are swept");
    child_end();
    ok(!strcmp(removed, "org:12 org:e4 ") || !strcmp(removed, "org:e4 org:12 "),
       "whoever was created at the provider is removed there, or tried to, once in a lease");
    is_value("true", "then the next confirmation begins anew",
             "SELECT (provider_uids = '{}' AND confirming IS NULL AND confirming_until IS NULL)::text"
             " FROM cloudep.members WHERE uid = '" UID "11'");
    is_value("true", "and what could not be undone is tried again after CloudEPReservedLifetime",
             "SELECT (cardinality(provider_uids) = 1 AND confirming <> '" UID "ff'"
             " AND confirming_until BETWEEN now() + interval '60 seconds' AND now() + interval '120 seconds')::text"
             " FROM cloudep.members WHERE uid = '" UID "13'");
    ok(is_there("11") && is_there("13"), "the members stay");
    flow_end(at);
    postgres_sql("UPDATE cloudep.members SET confirming_until = now() - interval '1 second', provider_uids = '{" UID
                 "14}'");
    begin();
    (void)flow_logged("");
    ok(swept(), "and again");
    child_end();
    ok(flow_logged("CE1160: member " UID "1"), "which is told when it is done");
    postgres_sql("DELETE FROM cloudep.members");
    flow_end(at);
}

/* Rows whose time is over. */
static void test_rows(void)
{
    insert("21", "active", "1 hour", "");
    postgres_sql("INSERT INTO cloudep.registration_attempts (tenant_id, uid, member_uid, email, challenge,"
                 " created_at) SELECT tenant_id, gen_random_uuid(), uid, days || '@swp.test', '', now() - days * "
                 "interval '1 day'"
                 " FROM cloudep.members, unnest('{6,8}'::int[]) AS days WHERE uid = '" UID "21';"
                 "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, last_at)"
                 " SELECT tenant_id, kind, minutes::text, '', 1, now() - minutes * interval '1 minute'"
                 " FROM cloudep.members, unnest('{network,account}'::text[]) AS kind,"
                 " unnest('{9,11,43000,44000}'::int[]) AS minutes WHERE uid = '" UID "21'");
    postgres_sql("INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, notice)"
                 " SELECT tenant_id, 'password', uid::text, '', 1, 'due' FROM cloudep.members WHERE uid = '" UID "21'");
    begin();
    ok(swept(), "rows are swept");
    end();
    is_value("6@swp.test", "attempts older than CloudEPPendingLifetime go",
             "SELECT string_agg(email, ' ') FROM cloudep.registration_attempts");
    is_value("1", "whoever is to be told of guesses is told, once",
             "SELECT count(*) FROM cloudep.outbox WHERE template = 'guesses_used_up' AND target = '21@swp.test'");
    postgres_sql("DELETE FROM cloudep.budgets WHERE kind = 'password'");
    is_value("account 11 43000 9, network 9", "guesses older than what they are remembered for go",
             "SELECT string_agg(kept, ', ' ORDER BY kept) FROM (SELECT kind || ' ' || string_agg(subject, ' ' ORDER BY"
             " subject) AS kept FROM cloudep.budgets GROUP BY kind) AS kinds");
    postgres_sql("DELETE FROM cloudep.budgets; DELETE FROM cloudep.registration_attempts; DELETE FROM cloudep.members");
}

/* ---- which servers, and when ---- */

static void test_servers(void)
{
    server_rec second = {0};
    void *settings[1];
    cloudep_runtime_t run = flow.run;
    cloudep_config_t config = flow.config;
    cloudep_idp_t seconds = provider;

    config.run = &run;
    config.sweep_interval = 0;
    run.idp = &seconds;
    child_server(&second, settings, &config);
    child.server.next = &second;
    at = flow_begin();
    flow.run.idp = &provider;
    flow.config.sweep_interval = FOREVER;
    insert("31", "deleting", "1 hour", "");
    child_begin(cloudep_sweep_start);
    ok(child_until(!is_there("31")), "of two servers the one that wants it sooner says when the sweep comes");
    child_end();
    config.sweep_interval = FOREVER;
    insert("32", "deleting", "1 hour", "");
    child_begin(cloudep_sweep_start);
    ok(child_waits(apr_time_from_sec(FOREVER)), "between two sweeps are the seconds of CloudEPSweepInterval");
    child_end();
    ok(is_there("32"), "a child that ends sweeps no more");
    config.sweep_interval = 0;
    flow.run.db = NULL;
    child_server(&child.server, child.settings, &flow.config);
    flow_must(apr_pool_create_unmanaged_ex(&child.pool, NULL, NULL), "a pool");
    cloudep_sweep_start(&child.server, child.pool);
    ok(child_until(!is_there("32")), "a server without a database keeps no other from it");
    child_end();
    child.server.next = NULL;
    flow_end(at);
}

/* Without a provider there is nobody to remove; clock and schema are looked at. */
static void test_no_provider(void)
{
    insert("41", "deleting", "1 hour", "");
    postgres_sql(apr_psprintf(flow.pool,
                              "INSERT INTO cloudep.migrations (version, name, checksum)"
                              " VALUES (%d, 'test', repeat('0', 64))",
                              CLOUDEP_SCHEMA_VERSION + 1));
    at = flow_begin();
    flow.config.sweep_interval = 0;
    flow.run.idp = NULL;
    flow.run.schema_compared = 0;
    (void)flow_logged("");
    child_begin(cloudep_sweep_start);
    ok(child_until(flow_logged("CE1462")), "without a provider the schema is looked at");
    child_end();
    ok(is_there("41"), "and nobody is removed");
    postgres_sql("DELETE FROM cloudep.members; DELETE FROM cloudep.migrations WHERE name = 'test'");
    flow_end(at);
}

/* ---- what a child says once ---- */

/* What is said of a clock that is so many seconds ahead of the database's, which is wrong in place of ours. */
static int told_of(double ahead, const char *text)
{
    int told;

    postgres_sql(apr_psprintf(flow.pool,
                              "CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz"
                              " LANGUAGE sql AS $$ SELECT pg_catalog.our_clock() - interval '%f s' $$",
                              ahead));
    flow.run.clock_compared = 0;
    flow.run.schema_compared = 1;
    (void)flow_logged("");
    begin();
    (void)swept();
    child_end();
    told = flow_logged(text);
    flow_end(at);
    return told;
}

static void test_clock(void)
{
    postgres_sql("ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO our_clock");
    child.db = NULL; /* statements that are prepared know the function by what it was */
    ok(told_of(30, "s ahead of that of the database, more than CloudEPClockLeeway (5 s)"),
       "a clock is told that is ahead by more than CloudEPClockLeeway");
    ok(told_of(-30, "s behind that of the database"), "and one that is behind");
    ok(!told_of(5.5, "CE1306") && !told_of(-5.5, "CE1306"), "one that differs by less is not");
    begin();
    (void)swept();
    postgres_sql("CREATE OR REPLACE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz"
                 " LANGUAGE sql AS $$ SELECT pg_catalog.our_clock() - interval '60 s' $$");
    (void)flow_logged("");
    (void)swept();
    end();
    ok(!flow_logged("CE1306"), "a child looks at it once");
    postgres_sql("DROP FUNCTION pg_catalog.clock_timestamp();"
                 "ALTER FUNCTION pg_catalog.our_clock() RENAME TO clock_timestamp");
    child.db = NULL;
}

/* The log of a child that begins with such a schema, and whether it says so once. */
static int told_of_schema(const char *change, const char *text)
{
    int told, again;

    postgres_sql(change);
    flow.run.schema_compared = 0;
    (void)flow_logged("");
    begin();
    (void)swept();
    told = text ? flow_logged(text) : !flow_logged("CE146");
    (void)swept();
    end();
    again = flow_logged("CE146");
    return told && !again;
}

static void test_schema(void)
{
    const char *newer = apr_psprintf(flow.pool,
                                     "INSERT INTO cloudep.migrations (version, name, checksum)"
                                     " VALUES (%d, 'test', repeat('0', 64))",
                                     CLOUDEP_SCHEMA_VERSION + 1);

    ok(told_of_schema("SELECT 1", NULL), "of the schema that these modules are for nothing is said");
    ok(told_of_schema(newer, apr_psprintf(flow.pool,
                                          "CE1462: the schema is newer than these modules (migration %04d, "
                                          "they know %04d)",
                                          CLOUDEP_SCHEMA_VERSION + 1, CLOUDEP_SCHEMA_VERSION)),
       "a newer one is told once");
    ok(told_of_schema(
           apr_psprintf(flow.pool, "DELETE FROM cloudep.migrations WHERE version >= %d", CLOUDEP_SCHEMA_VERSION),
           apr_psprintf(flow.pool, "CE1461: the schema is older than these modules (migration %04d of %04d)",
                        CLOUDEP_SCHEMA_VERSION - 1, CLOUDEP_SCHEMA_VERSION)),
       "an older one is");
    ok(told_of_schema("ALTER TABLE cloudep.migrations RENAME TO elsewhere",
                      "CE1461: the schema is older than these modules (migration 0000 of"),
       "and one that does not say its number");
}

int main(void)
{
    provider = cloudep_idp_local;
    provider.remove = remove_user;
    flow_start();
    flow.run.clock_compared = flow.run.schema_compared = 1;
    flow_tenant(SLUG);
    postgres_sql("UPDATE cloudep.tenants SET organization = 'org'");
    test_unfinished();
    test_stale();
    test_rows();
    test_servers();
    test_no_provider();
    test_clock();
    test_schema();
    return done_testing();
}
