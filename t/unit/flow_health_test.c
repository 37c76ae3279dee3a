/*
 * flow_health_test.c - what /ready finds: each thing that a server depends on, as it is, impaired, and away. Outages of
 * real servers are for t/operate/health.t.
 */
#include "flow.h"
#include "base/breaker.h"
#include "core/needs.h"
#include "idp/zitadel/zitadel.h"
#include "oidc/oidc.h"
#include "operate/health_checks.h"
#include "tree.h"

/* What is found, as "database pass, schema fail: why"; parts that pass are left out on request. */
static const char *findings(int all)
{
    static const char *const words[] = {"pass", "warn", "fail"};
    flow_case_t *at = flow_begin();
    const apr_array_header_t *found = cloudep_health_look(&flow.config, at->p);
    const char *text = "";

    for (int i = 0; i < found->nelts; i++) {
        const cloudep_finding_t *finding = &APR_ARRAY_IDX(found, i, cloudep_finding_t);

        if (all || finding->status != CLOUDEP_HEALTH_PASS) {
            text = apr_pstrcat(flow.pool, text, *text ? ", " : "", finding->name, " ", words[finding->status],
                               finding->output ? ": " : "", finding->output ? finding->output : "", NULL);
        }
    }
    flow_end(at);
    return text;
}

static void finds(const char *want, const char *name)
{
    is_str(findings(0), want, name);
}

static void test_nothing(void)
{
    flow.config.database = 0;
    is_str(findings(1), "files pass", "where nothing is set, nothing but files is looked at");
    flow.run.old_files = 1;
    finds("files warn: a file was not good at the last restart, and what it held before is in use: the next start will "
          "fail",
          "files of before are in use");
    flow.run.old_files = 0;
}

/* ---- PostgreSQL ---------------------------------------------------------------------------------------------------
 */

static apr_status_t no_lease(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    (void)baton;
    (void)lease;
    (void)p;
    return CLOUDEP_EDATABASE;
}

static void test_database(void)
{
    cloudep_db_t *good = flow.run.db;
    cloudep_db_t away = {.acquire = no_lease};

    flow.config.database = 1;
    is_str(findings(1), "database pass, schema pass, clock pass, standby pass, files pass", "a good database");
    flow.run.db = NULL;
    finds("database fail: this child has no connections", "a child without a pool of connections");
    flow.run.db = &away;
    is_str(findings(1), "database fail: does not answer, files pass",
           "a server that does not answer: all else is unknown");
    postgres_sql("ALTER ROLE " POSTGRES_APP " SET default_transaction_read_only = on");
    flow.run.db = postgres_db(flow.pool, POSTGRES_APP);
    is_str(findings(1), "database fail: takes no writes, standby pass, files pass", "a server that takes no writes");
    postgres_sql("ALTER ROLE " POSTGRES_APP " RESET default_transaction_read_only");
    flow.run.db = good;
    flow.config.clock_leeway = -1; /* less than any difference */
    finds("clock warn: this machine's clock and that of the database differ by more than CloudEPClockLeeway",
          "clocks that differ by more than CloudEPClockLeeway");
    flow.config.clock_leeway = 0;
    finds("", "clocks that do not");
    flow.config.clock_leeway = 5;
}

#define OLDER "schema fail: older than this version needs: run cloudepctl migrate"

static void test_schema(void)
{
    postgres_sql("CREATE TEMP TABLE kept AS SELECT * FROM cloudep.migrations"
                 " WHERE version = (SELECT max(version) FROM cloudep.migrations)");
    postgres_sql("INSERT INTO cloudep.migrations (version, name, checksum) SELECT version + 1, 'next', checksum"
                 " FROM kept");
    finds("schema warn: newer than this version", "a schema of a later version");
    postgres_sql("DELETE FROM cloudep.migrations WHERE version >= (SELECT version FROM kept)");
    finds(OLDER, "the schema of the version before");
    postgres_sql("INSERT INTO cloudep.migrations SELECT * FROM kept");
    flow_revoke("SELECT ON cloudep.migrations");
    finds(OLDER, "a schema that cannot be read");
    flow_grant("SELECT ON cloudep.migrations");
    flow.config.database = 0;
}

/* ---- memcached ----------------------------------------------------------------------------------------------------
 */

static cloudep_cache_t *cache_of(apr_array_header_t *servers)
{
    cloudep_cache_t *cache = NULL;

    flow_must(cloudep_cache_create(&cache, flow.pool, servers, 1, apr_time_from_sec(20)), "a cache");
    return cache;
}

static void test_memcached(void)
{
    apr_array_header_t *servers = apr_array_make(flow.pool, 2, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *good = flow.run.challenges.cache;

    flow.config.memcache_servers = servers;
    is_str(findings(1), "memcached pass, files pass", "a memcached that answers");
    flow.run.challenges.cache = NULL;
    finds("memcached fail: does not answer", "a child that has none");
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", 1};
    flow.run.challenges.cache = cache_of(servers);
    finds("memcached fail: does not answer", "one that is away");
    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)flow.port};
    flow.run.challenges.cache = cache_of(servers);
    finds("memcached warn: 1 of 2 servers answer", "one of two that is away");
    flow.run.challenges.cache = good;
    flow.config.memcache_servers = NULL;
}

/* ---- Keys ---------------------------------------------------------------------------------------------------------
 */

#define LACKING "keys fail: a key set has no key in use"

static void test_keys(void)
{
    const struct {
        const char **file;
        unsigned lacking;
    } sets[] = {{&flow.config.signing_file, CLOUDEP_NEEDS_VERIFYING},
                {&flow.config.sealing_file, CLOUDEP_NEEDS_SEALING},
                {&flow.config.session_file, CLOUDEP_NEEDS_SESSION_KEYS}};

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        flow.config.off = sets[i].lacking;
        is_str(findings(1), "files pass", "keys that no directive names may lack");
        *sets[i].file = "keys.jwks";
        finds(LACKING, "keys that one names may not");
        flow.config.off = ~sets[i].lacking;
        is_str(findings(1), "keys pass, files pass", "whatever else lacks");
        *sets[i].file = NULL;
        flow.config.off = 0;
    }
}

/* ---- Providers ----------------------------------------------------------------------------------------------------
 */

#define ALONE "left alone for a while, as calls have failed"

static cloudep_breaker_t *breaker(int open)
{
    const cloudep_breaker_limits_t limits = {.calls = 1, .failures = 1, .pause = apr_time_from_sec(3600)};
    cloudep_breaker_t *made;
    int probe;

    flow_must(cloudep_breaker_create(&made, flow.pool, &limits), "a breaker");
    flow_must(cloudep_breaker_enter(&probe, made), "a call");
    (void)cloudep_breaker_leave(made, probe, open ? CLOUDEP_BREAKER_FAILED : CLOUDEP_BREAKER_WORKED);
    return made;
}

static void test_providers(void)
{
    cloudep_oidc_provider_t one = {.name = "one", .breaker = breaker(0)}, two = {.name = "two", .breaker = breaker(1)};
    cloudep_oidc_provider_t exchange = {.name = "exchange", .breaker = breaker(0)};
    cloudep_oidc_t oidc = {.social = apr_array_make(flow.pool, 2, sizeof(cloudep_oidc_provider_t *))};
    cloudep_zitadel_t zitadel = {0};

    APR_ARRAY_PUSH(oidc.social, cloudep_oidc_provider_t *) = &one;
    APR_ARRAY_PUSH(oidc.social, cloudep_oidc_provider_t *) = &two;
    flow.run.oidc = &oidc;
    is_str(findings(1), "files pass, social_login:one pass, social_login:two warn: " ALONE,
           "a social provider that is away is a warning");
    oidc.social->nelts = 0;
    oidc.exchange = &exchange;
    is_str(findings(1), "files pass, token_exchange pass", "the issuer of token/exchange");
    exchange.breaker = breaker(1);
    finds("token_exchange warn: " ALONE, "that is away is a warning, too");
    flow.run.oidc = NULL;
    zitadel.breakers[0] = breaker(0);
    flow.run.zitadel = &zitadel;
    is_str(findings(1), "files pass, identity_provider pass", "ZITADEL");
    zitadel.breakers[0] = breaker(1);
    finds("identity_provider fail: " ALONE, "that is away is a failure: nobody logs in");
    flow.run.zitadel = NULL;
}

int main(void)
{
    flow_start();
    test_nothing();
    test_database();
    test_schema();
    test_memcached();
    test_keys();
    test_providers();
    return done_testing();
}
