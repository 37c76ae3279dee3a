/*
 * health_checks.c - see health_checks.h.
 *
 * What is down for every node alike and what is this node's alone look the same from here. So a social provider that is
 * away is a warning: its login is away on every node, and to take nodes out of service would end everything else too.
 */
#include "operate/health_checks.h"

#include <apr_strings.h>
#include "base/cache/cache.h"
#include "base/store/clock_store.h"
#include "base/store/health_store.h"
#include "base/store/schema_store.h"
#include "core/db_pool.h"
#include "core/needs.h"
#include "idp/zitadel/zitadel.h"
#include "oidc/oidc.h"

static void add(apr_array_header_t *findings, const char *name, cloudep_health_e status, const char *output)
{
    APR_ARRAY_PUSH(findings, cloudep_finding_t) =
        (cloudep_finding_t){.name = name, .status = status, .output = status == CLOUDEP_HEALTH_PASS ? NULL : output};
}

static void look_at_schema(apr_array_header_t *findings, cloudep_db_t *db, apr_pool_t *p)
{
    int version = 0;

    if (cloudep_schema_version(db, p, &version) != APR_SUCCESS || version < CLOUDEP_SCHEMA_VERSION) {
        add(findings, "schema", CLOUDEP_HEALTH_FAIL, "older than this version needs: run cloudepctl migrate");
    }
    else {
        add(findings, "schema", version > CLOUDEP_SCHEMA_VERSION ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS,
            "newer than this version");
    }
}

static void look_at_clock(apr_array_header_t *findings, cloudep_db_t *db, const cloudep_config_t *config, apr_pool_t *p)
{
    apr_interval_time_t ahead;

    if (cloudep_clock_ahead(db, p, &ahead) == APR_SUCCESS) {
        add(findings, "clock",
            apr_time_sec(ahead > 0 ? ahead : -ahead) > config->clock_leeway ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS,
            "this machine's clock and that of the database differ by more than CloudEPClockLeeway");
    }
}

static void look_at_database(apr_array_header_t *findings, const cloudep_config_t *config, apr_pool_t *p)
{
    cloudep_db_t *db = config->run->db;
    cloudep_database_health_t health = {0};
    apr_status_t rv;

    if (!db) {
        add(findings, "database", CLOUDEP_HEALTH_FAIL, "this child has no connections");
        return;
    }
    rv = cloudep_database_health(db, p, &health);
    if (rv == CLOUDEP_EOVERLOAD) {
        add(findings, "database", CLOUDEP_HEALTH_WARN, "no connection was free in time");
    }
    else if (rv != APR_SUCCESS || health.read_only) {
        add(findings, "database", CLOUDEP_HEALTH_FAIL, rv != APR_SUCCESS ? "does not answer" : "takes no writes");
    }
    else {
        add(findings, "database", CLOUDEP_HEALTH_PASS, NULL);
        look_at_schema(findings, db, p);
        look_at_clock(findings, db, config, p);
    }
    if (rv == APR_SUCCESS || rv == CLOUDEP_EOVERLOAD) {
        add(findings, "standby",
            health.waiting_commits || (rv != APR_SUCCESS && cloudep_db_is_hung(db)) ? CLOUDEP_HEALTH_FAIL
                                                                                    : CLOUDEP_HEALTH_PASS,
            "commits wait for a synchronous standby");
    }
}

static void look_at_memcached(apr_array_header_t *findings, const cloudep_config_t *config, apr_pool_t *p)
{
    cloudep_cache_t *cache = config->run->challenges.cache;
    int servers = 0, answering = 0;

    if (cache) {
        cloudep_cache_health(cache, &servers, &answering, p);
    }
    if (!answering) {
        add(findings, "memcached", CLOUDEP_HEALTH_FAIL, "does not answer");
    }
    else {
        add(findings, "memcached", answering < servers ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS,
            apr_psprintf(p, "%d of %d servers answer", answering, servers));
    }
}

/* Keys that directives name, which a server cannot do without once it uses them. */
static void look_at_keys(apr_array_header_t *findings, const cloudep_config_t *config)
{
    const int lacking = (config->signing_file && (config->off & CLOUDEP_NEEDS_VERIFYING)) ||
                        (config->sealing_file && (config->off & CLOUDEP_NEEDS_SEALING)) ||
                        (config->session_file && (config->off & CLOUDEP_NEEDS_SESSION_KEYS));

    if (config->signing_file || config->sealing_file || config->session_file) {
        add(findings, "keys", lacking ? CLOUDEP_HEALTH_FAIL : CLOUDEP_HEALTH_PASS, "a key set has no key in use");
    }
    add(findings, "files", config->run->old_files ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS,
        "a file was not good at the last restart, and what it held before is in use: the next start will fail");
}

static void look_at_providers(apr_array_header_t *findings, const cloudep_config_t *config, apr_pool_t *p)
{
    const cloudep_oidc_t *oidc = config->run->oidc;
    static const char left_alone[] = "left alone for a while, as calls have failed";

    if (config->run->zitadel) {
        add(findings, "identity_provider",
            cloudep_zitadel_is_left_alone(config) ? CLOUDEP_HEALTH_FAIL : CLOUDEP_HEALTH_PASS, left_alone);
    }
    for (int i = 0; oidc && i < oidc->social->nelts; i++) {
        const cloudep_oidc_provider_t *provider = APR_ARRAY_IDX(oidc->social, i, const cloudep_oidc_provider_t *);

        add(findings, apr_pstrcat(p, "social_login:", provider->name, NULL),
            cloudep_oidc_is_left_alone(provider) ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS, left_alone);
    }
    if (oidc && oidc->exchange) {
        add(findings, "token_exchange",
            cloudep_oidc_is_left_alone(oidc->exchange) ? CLOUDEP_HEALTH_WARN : CLOUDEP_HEALTH_PASS, left_alone);
    }
}

apr_array_header_t *cloudep_health_look(const cloudep_config_t *config, apr_pool_t *p)
{
    apr_array_header_t *findings = apr_array_make(p, 8, sizeof(cloudep_finding_t));

    if (config->database) {
        look_at_database(findings, config, p);
    }
    if (config->memcache_servers) {
        look_at_memcached(findings, config, p);
    }
    look_at_keys(findings, config);
    look_at_providers(findings, config, p);
    return findings;
}
