/*
 * sweep.c - the thread that finishes what a crash or an absent provider left half done.
 *
 * Members whose registration was never completed, or who are being removed, are claimed by one node at a time. They are
 * removed at the identity provider first, so that no orphan stays there, and then here. Rows whose time is over are
 * removed as well.
 */
#include "service/sweep.h"

#include "base/crypto/random.h"
#include "base/status.h"
#include "base/store/clock_store.h"
#include "base/store/registration_store.h"
#include "base/store/schema_store.h"
#include "base/store/sweep_store.h"
#include "core/background.h"
#include "core/settings.h"
#include "core/runtime.h"
#include "idp/idp.h"
#include "service/budget.h"

#define BATCH 50
#define FORGETTING_ROUNDS 100

/* Members whose confirmation never came to its end: nobody is left at the provider, and the next one begins anew. */
static void clear_stale(const cloudep_idp_context_t *at, const cloudep_context_t *log)
{
    cloudep_db_t *db = at->config->run->db;
    apr_array_header_t *members;
    const char *lease;
    apr_status_t rv = cloudep_random_uuid(&lease, at->p);

    if (rv == APR_SUCCESS) {
        rv = cloudep_registration_take_over(db, at->p, &members, lease, at->config->reserved_lifetime, BATCH);
    }
    for (int i = 0; rv == APR_SUCCESS && i < members->nelts; i++) {
        const cloudep_stale_t *member = &APR_ARRAY_IDX(members, i, cloudep_stale_t);
        const cloudep_tenant_t tenant = {.id = member->tenant_id, .organization = member->organization};
        apr_status_t done = cloudep_remove_users(at, &tenant, member->users);

        if (done == APR_SUCCESS) {
            done = cloudep_registration_cleared(db, at->p, member, lease);
        }
        if (done == APR_SUCCESS) {
            CLOUDEP_LOG(log, INFO, 0, CENO(1160) "member %s of tenant %s: an interrupted confirmation was undone",
                        member->uid, member->tenant_id);
        }
        else {
            CLOUDEP_LOG(log, WARNING, 0, CENO(1161) "member %s of tenant %s: undoing an interrupted confirmation: %s",
                        member->uid, member->tenant_id, cloudep_status_name(done));
        }
    }
}

/* As many as there are by now, in parts that nobody waits for. */
static void forget_failures(const cloudep_config_t *config, apr_pool_t *p)
{
    int more = 1;

    for (int i = 0; more && i < FORGETTING_ROUNDS; i++) {
        if (cloudep_budget_forget(config->run->db, p, config->guess_memory, config->address_memory, &more) !=
            APR_SUCCESS) {
            return;
        }
    }
}

/* Once in a child, as soon as the database answers: a node whose clock is wrong issues tokens that others refuse. */
static void compare_clocks(const cloudep_context_t *log)
{
    const cloudep_config_t *config = log->config;
    apr_interval_time_t ahead;
    int seconds;

    if (config->run->clock_compared || cloudep_clock_ahead(config->run->db, log->p, &ahead) != APR_SUCCESS) {
        return;
    }
    config->run->clock_compared = 1;
    seconds = (int)apr_time_sec(ahead > 0 ? ahead : -ahead);
    if (seconds > config->clock_leeway) {
        CLOUDEP_LOG(log, WARNING, 0,
                    CENO(1306) "this machine's clock is %d s %s that of the database, more than CloudEPClockLeeway "
                               "(%d s): other nodes refuse tokens of this one, or it refuses theirs; set both by NTP",
                    seconds, ahead > 0 ? "ahead of" : "behind", config->clock_leeway);
    }
}

/* Once in a child, too: statements that fail for want of a column say nothing of the reason. */
static void compare_schema(const cloudep_context_t *log)
{
    cloudep_runtime_t *run = log->config->run;
    int version = 0;

    /* A table or right that is not there is an older schema than any that says its number. */
    if (run->schema_compared || cloudep_clock_ahead(run->db, log->p, &(apr_interval_time_t){0}) != APR_SUCCESS) {
        return;
    }
    if (cloudep_schema_version(run->db, log->p, &version) != APR_SUCCESS) {
        version = 0;
    }
    run->schema_compared = 1;
    if (version < CLOUDEP_SCHEMA_VERSION) {
        CLOUDEP_LOG(log, ERR, 0,
                    CENO(1461) "the schema is older than these modules (migration %04d of %04d): run cloudepctl "
                               "migrate, as the schema's owner; until then some requests fail",
                    version, CLOUDEP_SCHEMA_VERSION);
    }
    else if (version > CLOUDEP_SCHEMA_VERSION) {
        CLOUDEP_LOG(log, WARNING, 0,
                    CENO(1462) "the schema is newer than these modules (migration %04d, they know %04d): install the "
                               "version on this node that has migrated it",
                    version, CLOUDEP_SCHEMA_VERSION);
    }
}

static void sweep_one(struct server_rec *s, const cloudep_config_t *config, void *baton)
{
    cloudep_idp_context_t ctx = {.s = s, .p = baton, .config = config};
    cloudep_context_t *log = cloudep_thread_context(s, baton);
    apr_array_header_t *members;
    apr_status_t rv;

    if (!config->run->db) {
        return;
    }
    compare_clocks(log);
    compare_schema(log);
    if (!config->run->idp) {
        return;
    }
    rv = cloudep_member_claim_unfinished(config->run->db, ctx.p, &members, config->reserved_lifetime,
                                         config->pending_lifetime, BATCH);
    for (int i = 0; rv == APR_SUCCESS && i < members->nelts; i++) {
        const cloudep_unfinished_t *member = &APR_ARRAY_IDX(members, i, cloudep_unfinished_t);
        cloudep_tenant_t tenant = {.id = member->tenant_id, .organization = member->organization};
        cloudep_idp_user_t user = {.tenant = &tenant, .uid = member->uid, .email = member->email};
        apr_status_t done = cloudep_remove_users(&ctx, &tenant, member->others);

        if (done == APR_SUCCESS) {
            done = cloudep_finish_removal(&ctx, &user);
        }
        if (done == APR_SUCCESS) {
            CLOUDEP_LOG(log, INFO, 0, CENO(162) "member %s of tenant %s: removal finished", user.uid, tenant.id);
        }
        else {
            CLOUDEP_LOG(log, WARNING, 0, CENO(160) "member %s of tenant %s: removal: %s", user.uid, tenant.id,
                        cloudep_status_name(done));
        }
    }
    if (rv == APR_SUCCESS) {
        clear_stale(&ctx, log);
        (void)cloudep_registration_remove_old(config->run->db, ctx.p, config->pending_lifetime);
        (void)cloudep_sweep_remove_old(config->run->db, ctx.p);
        forget_failures(config, ctx.p);
        cloudep_tell_owners(log);
    }
}

static void sweep(void *main_server, apr_pool_t *p, int last)
{
    if (!last) {
        cloudep_each_runtime(main_server, sweep_one, p);
    }
}

static void shortest(struct server_rec *s, const cloudep_config_t *config, void *intervalv)
{
    int *interval = intervalv;

    (void)s;
    if (!*interval || config->sweep_interval < *interval) {
        *interval = config->sweep_interval;
    }
}

void cloudep_sweep_start(struct server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_background_t *background;
    int interval = 0; /* seconds */
    apr_status_t rv;

    cloudep_each_runtime(main_server, shortest, &interval);
    rv = cloudep_background_start(&background, pchild, apr_time_from_sec(interval), sweep, main_server);
    if (rv != APR_SUCCESS) {
        const cloudep_context_t *ctx = cloudep_thread_context(main_server, pchild);

        CLOUDEP_LOG(ctx, ERR, rv, CENO(161) "the sweep could not be started");
    }
}
