/*
 * idp.c - what all identity providers share: finding the configured one, and undoing what it began.
 */
#include "core/private.h"

const cloudep_idp_t *cloudep_idp(const cloudep_call_t *call, cloudep_idp_context_t *ctx)
{
    ctx->s = call->r->server;
    ctx->r = call->r;
    ctx->p = call->p;
    ctx->config = call->config;
    return call->config->run->idp;
}

apr_status_t cloudep_finish_removal(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    apr_status_t rv = ctx->config->run->idp->remove(ctx, user);

    return rv == APR_SUCCESS ? cloudep_member_purge(ctx->config->run->db, ctx->p, user->tenant->id, user->uid) : rv;
}

void cloudep_undo_registration(cloudep_call_t *call, const cloudep_idp_user_t *user)
{
    cloudep_idp_context_t ctx;
    apr_status_t rv;

    (void)cloudep_idp(call, &ctx);
    rv = cloudep_member_abandon(call->config->run->db, call->p, user->tenant->id, user->uid);
    if (rv == APR_SUCCESS) {
        rv = cloudep_finish_removal(&ctx, user);
    }
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, call->r,
                      CENO(150) "registration of %s could not be undone now (%s); the sweep will", user->uid,
                      cloudep_status_name(rv));
    }
}
