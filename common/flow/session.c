/*
 * session.c - see session.h.
 */
#include "flow/session.h"

#include <string.h>
#include <apr_strings.h>
#include "base/metrics.h"
#include "core/settings.h"
#include "service/account.h"
#include "service/token.h"

/* The generation of a refresh token; its jti is "session.generation". 0: it is none of ours. */
static int generation(const cloudep_claims_t *claims)
{
    const char *dot = strrchr(claims->jti, '.');
    apr_int64_t seq = dot ? apr_atoi64(dot + 1) : 0;

    return seq > 0 && seq < APR_INT32_MAX ? (int)seq : 0;
}

/* A tenant that allows no login gives no tokens either. Its sessions are not ended: they go on when it opens again. */
static cloudep_outcome_t explain_refusal(cloudep_context_t *ctx, const char *tenant_id)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, tenant_id, &tenant);

    if (cloudep_failed(outcome) && outcome.reason != CLOUDEP_TENANT_UNKNOWN) {
        return outcome;
    }
    return cloudep_refuse(cloudep_failed(outcome) || tenant->login ? CLOUDEP_REFRESH_TOKEN_INVALID
                                                                   : CLOUDEP_TENANT_CLOSED);
}

cloudep_outcome_t cloudep_refresh(cloudep_context_t *ctx, const char *refresh_token, const cloudep_session_t **out)
{
    const cloudep_claims_t *claims;
    cloudep_session_t *session;
    cloudep_rotation_e rotation;
    cloudep_outcome_t outcome = cloudep_read_refresh_token(ctx, refresh_token, &claims);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    cloudep_note(ctx, claims->tid, claims->sub, NULL);
    if (!generation(claims)) {
        return cloudep_refuse(CLOUDEP_REFRESH_TOKEN_INVALID);
    }
    outcome = cloudep_session_new(ctx, &session, claims->tid, claims->sub, NULL, NULL);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    session->id = claims->sid;
    rv = cloudep_session_rotate(cloudep_database(ctx), ctx->p, session, generation(claims), ctx->config->refresh_grace,
                                &rotation);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "rotating the session");
    }
    if (rotation == CLOUDEP_ROTATION_REFUSED) {
        return explain_refusal(ctx, claims->tid);
    }
    if (rotation == CLOUDEP_ROTATION_REUSED) {
        cloudep_count(CLOUDEP_METRIC_SESSIONS_ENDED, "refresh_token_reused", NULL, 1);
        return cloudep_refuse(CLOUDEP_REFRESH_TOKEN_INVALID);
    }
    *out = session;
    return cloudep_done();
}

cloudep_outcome_t cloudep_refresh_in_tenant(cloudep_context_t *ctx, const char *tenant_slug, const char *refresh_token,
                                            const cloudep_session_t **out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_claims_t *claims;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, tenant_slug, &tenant);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_read_refresh_token(ctx, refresh_token, &claims))) {
        return outcome;
    }
    return strcmp(claims->tid, tenant->id) ? cloudep_refuse(CLOUDEP_REFRESH_TOKEN_INVALID)
                                           : cloudep_refresh(ctx, refresh_token, out);
}

cloudep_outcome_t cloudep_renew_session(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        const cloudep_session_t **out)
{
    cloudep_session_t *session;
    cloudep_outcome_t outcome = cloudep_session_new(ctx, &session, who->tenant_id, who->uid, NULL, NULL);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    session->id = who->session_id;
    rv = cloudep_session_renew(cloudep_database(ctx), ctx->p, session, who->cookie_seq, ctx->config->refresh_grace);
    if (rv == APR_NOTFOUND) {
        return explain_refusal(ctx, who->tenant_id);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "renewing the session");
    }
    *out = session;
    return cloudep_done();
}

cloudep_outcome_t cloudep_logout(cloudep_context_t *ctx, const cloudep_principal_t *who)
{
    apr_status_t rv;

    if (!who->session_id) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING); /* development headers: there is nothing to log out of */
    }
    rv = cloudep_session_end(cloudep_database(ctx), ctx->p, who->tenant_id, who->session_id, "logout");
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "ending the session");
    }
    cloudep_count(CLOUDEP_METRIC_SESSIONS_ENDED, "logout", NULL, rv == APR_SUCCESS);
    return cloudep_done();
}
