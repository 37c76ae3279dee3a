/*
 * idp.c - what all identity providers share: finding the configured one, and undoing what it began.
 */
#include "idp/idp.h"

#include "base/status.h"
#include "base/store/event_store.h"

const cloudep_idp_t *cloudep_idp(const cloudep_context_t *ctx, cloudep_idp_context_t *at)
{
    at->s = ctx->server;
    at->r = ctx->request;
    at->p = ctx->p;
    at->config = ctx->config;
    return ctx->config->run->idp;
}

apr_status_t cloudep_remove_users(const cloudep_idp_context_t *at, const cloudep_tenant_t *tenant,
                                  const apr_array_header_t *uids)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; i < uids->nelts && rv == APR_SUCCESS; i++) {
        const cloudep_idp_user_t user = {.tenant = tenant, .uid = APR_ARRAY_IDX(uids, i, const char *)};

        rv = at->config->run->idp->remove(at, &user);
    }
    return rv;
}

apr_status_t cloudep_finish_removal(const cloudep_idp_context_t *at, const cloudep_idp_user_t *user)
{
    cloudep_db_t *db = at->config->run->db;
    apr_status_t rv = at->config->run->idp->remove(at, user);

    /* The events first: they can be erased as long as the row says that the member is being deleted. */
    if (rv != APR_SUCCESS || (rv = cloudep_events_erase(db, at->p, user->tenant->id, user->uid)) != APR_SUCCESS) {
        return rv;
    }
    return cloudep_member_purge(db, at->p, user->tenant->id, user->uid);
}

void cloudep_undo_registration(cloudep_context_t *ctx, const cloudep_idp_user_t *user)
{
    cloudep_idp_context_t at;
    apr_status_t rv;

    (void)cloudep_idp(ctx, &at);
    rv = cloudep_member_abandon(cloudep_database(ctx), ctx->p, user->tenant->id, user->uid);
    if (rv == APR_SUCCESS) {
        rv = cloudep_finish_removal(&at, user);
    }
    if (rv != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(150) "registration of %s could not be undone now (%s); the sweep will",
                    user->uid, cloudep_status_name(rv));
    }
}
