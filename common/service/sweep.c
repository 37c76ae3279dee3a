/*
 * sweep.c - the thread that finishes what a crash or an absent provider left half done.
 *
 * Members that never arrived or were told to leave are claimed by one node at a time, removed at the identity
 * provider, and only then here, so that no orphan stays there. Rows whose time is over go as well.
 */
#include "service/sweep.h"

#include "core/background.h"
#include "core/settings.h"
#include "core/runtime.h"
#include "idp/idp.h"

#define BATCH 50

static const cloudep_statement_t remove_old = {
    .label = "sweep_remove_old",
    .sql =
        "WITH s AS (DELETE FROM cloudep.sessions WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM cloudep.sessions"
        " WHERE expires_at < now() - interval '1 day' LIMIT 1000)),"
        " l AS (DELETE FROM cloudep.lockouts WHERE (tenant_id, kind, subject) IN (SELECT tenant_id, kind, subject"
        " FROM cloudep.lockouts WHERE last_at < now() - interval '2 days' LIMIT 1000))"
        " DELETE FROM cloudep.outbox WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM cloudep.outbox"
        " WHERE created_at < now() - interval '7 days' AND (delivered_at IS NOT NULL OR failed_at IS NOT NULL)"
        " LIMIT 1000)",
    .repeatable = 1,
};

static void sweep_one(struct server_rec *s, const cloudep_config_t *config, void *baton)
{
    cloudep_idp_context_t ctx = {.s = s, .p = baton, .config = config};
    cloudep_context_t *log = cloudep_thread_context(s, baton);
    cloudep_rows_t *members;
    apr_status_t rv;

    if (!config->run->db || !config->run->idp) {
        return;
    }
    rv = cloudep_member_claim_unfinished(config->run->db, ctx.p, &members, config->reserved_lifetime,
                                         config->pending_lifetime, BATCH);
    for (int i = 0; rv == APR_SUCCESS && i < members->count; i++) {
        cloudep_tenant_t tenant = {.id = cloudep_cell(members, i, 0), .organization = cloudep_cell(members, i, 4)};
        cloudep_idp_user_t user = {
            .tenant = &tenant, .uid = cloudep_cell(members, i, 1), .email = cloudep_cell(members, i, 2)};
        apr_status_t done = cloudep_finish_removal(&ctx, &user);

        if (done == APR_SUCCESS) {
            CLOUDEP_LOG(log, INFO, 0, CENO(162) "member %s of tenant %s: removal finished", user.uid, tenant.id);
        }
        else {
            CLOUDEP_LOG(log, WARNING, 0, CENO(160) "member %s of tenant %s: removal: %s", user.uid, tenant.id,
                        cloudep_status_name(done));
        }
    }
    if (rv == APR_SUCCESS) {
        (void)cloudep_db_run(config->run->db, ctx.p, NULL, &remove_old, NULL);
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
