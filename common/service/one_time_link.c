/*
 * one_time_link.c - see one_time_link.h.
 */
#include "service/one_time_link.h"

#include "base/crypto/link_token.h"
#include "core/account_url.h"

cloudep_outcome_t cloudep_new_link(cloudep_context_t *ctx, const char *tenant_id, const char *kind,
                                   cloudep_new_link_t *out)
{
    cloudep_link_token_t token;
    apr_status_t rv;

    *out = (cloudep_new_link_t){0};
    if (!ctx->config->account_url) {
        return cloudep_done();
    }
    rv = cloudep_link_token_make(&token, ctx->p, tenant_id);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a link");
    }
    out->url = cloudep_account_link(ctx->p, ctx->config, kind, token.text);
    out->digest = token.digest;
    return cloudep_done();
}

cloudep_outcome_t cloudep_find_link(cloudep_context_t *ctx, const char *text, cloudep_link_t *link)
{
    cloudep_link_token_t token;
    apr_status_t rv = cloudep_link_token_read(&token, ctx->p, text);

    if (rv == APR_SUCCESS) {
        rv = cloudep_link_find(cloudep_database(ctx), ctx->p, link, token.tenant_id, token.digest);
    }
    if (rv == APR_NOTFOUND || rv == CLOUDEP_EMALFORMED) {
        return cloudep_refuse(CLOUDEP_LINK_GONE);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up a link");
    }
    cloudep_note(ctx, link->tenant_id, link->uid, "link");
    return cloudep_done();
}

cloudep_outcome_t cloudep_use_link(cloudep_context_t *ctx, const cloudep_link_t *link)
{
    apr_status_t rv = cloudep_link_use(cloudep_database(ctx), ctx->p, link);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_LINK_GONE);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "using a link");
}

void cloudep_restore_link(cloudep_context_t *ctx, const cloudep_link_t *link)
{
    /* What cannot be put back costs the member another link. */
    (void)cloudep_link_restore(cloudep_database(ctx), ctx->p, link);
}
