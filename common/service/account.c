/*
 * account.c - see account.h.
 */
#include "service/account.h"

#include <apr_strings.h>
#include "base/crypto/breached.h"
#include "base/crypto/password.h"
#include "base/crypto/random.h"
#include "base/metrics.h"
#include "base/store/own_session_store.h"
#include "base/text/opaque_string.h"
#include "base/text/validate.h"
#include "core/settings.h"

cloudep_outcome_t cloudep_new_uid(cloudep_context_t *ctx, const char **uid)
{
    apr_status_t rv = cloudep_random_uuid(uid, ctx->p);

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "making a uid");
}

static cloudep_outcome_t found_tenant(cloudep_context_t *ctx, apr_status_t rv, const cloudep_tenant_t *tenant)
{
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TENANT_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the tenant");
    }
    cloudep_note(ctx, tenant->id, NULL, NULL);
    return cloudep_done();
}

cloudep_outcome_t cloudep_find_tenant(cloudep_context_t *ctx, const char *slug, const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_slug(cloudep_database(ctx), ctx->p, tenant, slug);

    return found_tenant(ctx, rv, rv == APR_SUCCESS ? *tenant : NULL);
}

cloudep_outcome_t cloudep_find_tenant_by_id(cloudep_context_t *ctx, const char *id, const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_id(cloudep_database(ctx), ctx->p, tenant, id);

    return found_tenant(ctx, rv, rv == APR_SUCCESS ? *tenant : NULL);
}

cloudep_outcome_t cloudep_find_account(cloudep_context_t *ctx, const char *slug, const char *email,
                                       const cloudep_tenant_t **tenant, const cloudep_member_t **member)
{
    apr_status_t rv = cloudep_member_by_email(cloudep_database(ctx), ctx->p, tenant, member, slug, email);
    cloudep_outcome_t outcome = found_tenant(ctx, rv, rv == APR_SUCCESS ? *tenant : NULL);

    if (!cloudep_failed(outcome) && *member) {
        cloudep_note(ctx, NULL, (*member)->uid, NULL);
    }
    return outcome;
}

cloudep_outcome_t cloudep_session_new(cloudep_context_t *ctx, cloudep_session_t **out, const char *tenant_id,
                                      const char *uid, const char *amr, const char *opened_with)
{
    cloudep_session_t *session = apr_pcalloc(ctx->p, sizeof(*session));
    apr_status_t rv = cloudep_random_uuid(&session->id, ctx->p);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a session's id");
    }
    session->tenant_id = tenant_id;
    session->uid = uid;
    session->amr = amr;
    session->opened_with = opened_with;
    session->address = ctx->address;
    session->user_agent = ctx->user_agent;
    session->idle = ctx->config->refresh_idle;
    session->lifetime = ctx->config->session_lifetime;
    *out = session;
    return cloudep_done();
}

cloudep_outcome_t cloudep_session_opened(cloudep_context_t *ctx, const cloudep_session_t *session)
{
    const int most = ctx->config->sessions_per_member;
    apr_status_t rv;

    cloudep_count(CLOUDEP_METRIC_SESSIONS_OPENED, NULL, NULL, 1);
    rv = most ? cloudep_own_sessions_limit(cloudep_database(ctx), ctx->p, session->tenant_id, session->uid, most)
              : APR_SUCCESS;

    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "ending the oldest sessions");
}

cloudep_outcome_t cloudep_form_password(cloudep_context_t *ctx, const char **form, apr_size_t field,
                                        const char *password)
{
    const char *why;

    return cloudep_password_prepare(form, &why, ctx->p, CLOUDEP_PASSWORD_OPAQUE, password) == APR_SUCCESS
               ? cloudep_done()
               : cloudep_invalid(field, CLOUDEP_RULE_PASSWORD, why);
}

cloudep_outcome_t cloudep_check_password_rules(cloudep_context_t *ctx, apr_size_t field, const char *password,
                                               const char *const *words)
{
    const cloudep_breached_t *breached = ctx->config->run->breached;
    const char *form;
    const char *why;
    apr_size_t length;
    cloudep_outcome_t outcome = cloudep_form_password(ctx, &form, field, password);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    /* Its field has counted what was typed, which may be more. */
    if (cloudep_utf8_length(&length, form) != APR_SUCCESS || length < CLOUDEP_PASSWORD_LEAST) {
        return cloudep_invalid(field, CLOUDEP_RULE_LENGTH,
                               apr_psprintf(ctx->p, "must have at least %d characters", CLOUDEP_PASSWORD_LEAST));
    }
    if (cloudep_password_acceptable(&why, form, words, ctx->p) != APR_SUCCESS) {
        return cloudep_invalid(field, CLOUDEP_RULE_PASSWORD, why);
    }
    return breached && cloudep_breached_has(breached, form)
               ? cloudep_invalid(field, CLOUDEP_RULE_PASSWORD, "is known from a data breach")
               : cloudep_done();
}
