/*
 * dbd_check.c - see dbd_check.h.
 */
#include "core/dbd_check.h"

#include <apr_dbd.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include "base/store/clock_store.h"
#include "base/store/schema_store.h"
#include "base/store/tenant_store.h"
#include "core/dbd.h"
#include "core/tree.h"

/* One connection, and what its server complained of. */
typedef struct link_t {
    cloudep_db_lease_t lease;
    apr_pool_t *p;
    const char *sqlstate;
    const char *message;
} link_t;

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    (void)p;
    *lease = ((link_t *)baton)->lease;
    return APR_SUCCESS;
}

static void release(void *baton, cloudep_db_lease_t *lease)
{
    (void)baton;
    (void)lease;
}

static void report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    link_t *link = baton;

    (void)label;
    link->sqlstate = apr_pstrdup(link->p, sqlstate);
    link->message = apr_pstrmemdup(link->p, message, strcspn(message, "\n"));
}

static apr_status_t open_link(link_t *link, apr_pool_t *p, const server_rec *s, const char **said)
{
    const apr_dbd_driver_t *driver = NULL;
    const char *error = NULL;
    const char *passfile;
    cloudep_dbd_t dbd;
    apr_status_t rv;

    link->p = link->lease.pool = p;
    link->sqlstate = link->message = "";
    cloudep_dbd_read(&dbd, s, p);
    (void)setenv("PGCONNECT_TIMEOUT", "10", 0); /* NOLINT(concurrency-mt-unsafe): one thread */
    if ((rv = apr_dbd_init(p)) != APR_SUCCESS || (rv = apr_dbd_get_driver(p, "pgsql", &driver)) != APR_SUCCESS) {
        *said = "APR's driver for PostgreSQL cannot be loaded (Debian: libaprutil1-dbd-pgsql)";
        return rv;
    }
    rv = apr_dbd_open_ex(driver, p, dbd.params, &link->lease.handle, &error);
    if (rv != APR_SUCCESS) {
        passfile = cloudep_dbd_passfile_fault(&dbd, p);
        *said = apr_psprintf(p, "DBDParams (%s): %s%s%s", dbd.target,
                             error && *error ? apr_pstrmemdup(p, error, strcspn(error, "\n")) : "no connection",
                             passfile ? ". " : "", passfile ? passfile : "");
    }
    link->lease.driver = driver;
    return rv;
}

/* What a failed statement means to an operator. */
static const char *explain(const link_t *link)
{
    static const char *const old[] = {"3F000", "42P01", "42703", "42501", "42883"};

    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        if (!strcmp(link->sqlstate, old[i])) {
            return apr_psprintf(link->p, "the schema is not that of this version: run cloudepctl migrate (%s)",
                                link->message);
        }
    }
    return *link->message ? link->message : "a statement failed, without a reason";
}

/* The slugs of "Require cloudep-tenant", a cloudep_tree_fn. */
static void collect(const ap_directive_t *node, apr_pool_t *p, void *slugs)
{
    const char *words = node->args;

    if (!strcasecmp(ap_getword_conf(p, &words), "cloudep-tenant")) {
        while (*words) {
            APR_ARRAY_PUSH((apr_array_header_t *)slugs, const char *) = ap_getword_conf(p, &words);
        }
    }
}

/* A tenant that is not there lets nobody through, ever. */
static apr_status_t check_tenants(cloudep_db_t *db, apr_pool_t *p, const char **said)
{
    apr_array_header_t *slugs = apr_array_make(p, 4, sizeof(const char *));
    const cloudep_tenant_t *tenant;
    apr_status_t rv = APR_SUCCESS;

    cloudep_tree_each(ap_conftree, "Require", p, collect, slugs);
    for (int i = 0; rv == APR_SUCCESS && i < slugs->nelts; i++) {
        const char *slug = APR_ARRAY_IDX(slugs, i, const char *);

        rv = cloudep_tenant_by_slug(db, p, &tenant, slug);
        if (rv == APR_NOTFOUND) {
            *said = apr_psprintf(p, "Require cloudep-tenant %s: there is no such tenant, so that nobody passes", slug);
        }
    }
    return rv;
}

static apr_status_t check_clock(cloudep_db_t *db, apr_pool_t *p, const cloudep_config_t *config, const char **said)
{
    apr_interval_time_t ahead;
    apr_status_t rv = cloudep_clock_ahead(db, p, &ahead);

    if (rv == APR_SUCCESS && apr_time_sec(ahead > 0 ? ahead : -ahead) > config->clock_leeway) {
        *said = apr_psprintf(p, "this machine's clock is %d s %s that of the database: set both by NTP",
                             (int)apr_time_sec(ahead > 0 ? ahead : -ahead), ahead > 0 ? "ahead of" : "behind");
        return CLOUDEP_EREFUSED;
    }
    return rv;
}

static apr_status_t check_schema(cloudep_db_t *db, apr_pool_t *p, const char **said)
{
    int version;
    apr_status_t rv = cloudep_schema_version(db, p, &version);

    if (rv == APR_SUCCESS && version < CLOUDEP_SCHEMA_VERSION) {
        *said = apr_psprintf(p, "the schema is at migration %04d, and this version needs %04d: run cloudepctl migrate",
                             version, CLOUDEP_SCHEMA_VERSION);
        return CLOUDEP_EREFUSED;
    }
    return rv;
}

apr_status_t cloudep_dbd_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    link_t link = {0};
    cloudep_db_t db = {.baton = &link,
                       .acquire = acquire,
                       .release = release,
                       .report = report,
                       .statement_timeout = config->statement_timeout,
                       .lock_timeout = config->lock_timeout};
    apr_status_t rv = open_link(&link, p, s, said);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *said = NULL;
    if ((rv = check_schema(&db, p, said)) == APR_SUCCESS && (rv = check_tenants(&db, p, said)) == APR_SUCCESS &&
        (rv = check_clock(&db, p, config, said)) == APR_SUCCESS) {
        *said = "PostgreSQL answers, and the schema is that of this version";
    }
    if (!*said) {
        *said = explain(&link);
    }
    (void)apr_dbd_close(link.lease.driver, link.lease.handle);
    return rv;
}
