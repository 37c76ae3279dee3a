/*
 * password_change.c - see password_change.h.
 *
 * members.sessions_from is read before anything is compared, and demanded unchanged when the new password is stored:
 * whoever resets the password meanwhile has the last word. Not the generation, as a change of another credential has
 * nothing to do with this one.
 */
#include "flow/password_change.h"

#include <stddef.h>
#include "base/status.h"
#include "core/settings.h"
#include "service/account.h"
#include "service/code.h"
#include "service/freshness.h"
#include "service/password.h"

static cloudep_outcome_t load(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_password_state_t *state)
{
    apr_status_t rv = cloudep_password_load(cloudep_database(ctx), ctx->p, state, who->tenant_id, who->uid,
                                            ctx->config->exchange_issuer);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the member");
}

static cloudep_outcome_t compare_current(cloudep_context_t *ctx, const cloudep_password_state_t *state,
                                         const cloudep_own_password_t *in)
{
    cloudep_outcome_t outcome;

    if (!in->current_password) {
        return cloudep_missing(offsetof(cloudep_own_password_t, current_password), "is required");
    }
    outcome =
        cloudep_compare_password(ctx, state->tenant, state->member, state->member->email, in->current_password, 1);
    return outcome.reason == CLOUDEP_CREDENTIALS_WRONG ? cloudep_refuse(CLOUDEP_PASSWORD_WRONG) : outcome;
}

/* The present password is proof enough. Without one, the session has to be fresh, and a password must be wanted. */
static cloudep_outcome_t check_proof(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                     const cloudep_password_state_t *state, const cloudep_own_password_t *in)
{
    if (state->member->has_password) {
        return compare_current(ctx, state, in);
    }
    return state->elsewhere ? cloudep_refuse(CLOUDEP_PASSWORD_ELSEWHERE) : cloudep_require_fresh(ctx, who);
}

cloudep_outcome_t cloudep_change_own_password(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                              const cloudep_own_password_t *in)
{
    cloudep_password_state_t state;
    cloudep_password_change_t change = {.session_id = in->keep_this_session ? who->session_id : NULL,
                                        .reason = "password_changed"};
    cloudep_outcome_t outcome = load(ctx, who, &state);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    const char *const words[] = {state.member->email, state.tenant->slug, state.member->display_name, NULL};

    outcome =
        cloudep_check_password_rules(ctx, offsetof(cloudep_own_password_t, new_password), in->new_password, words);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = check_proof(ctx, who, &state, in))) {
        return outcome;
    }
    change.sessions_from = state.member->sessions_from;
    outcome = cloudep_set_password(ctx, state.tenant, state.member, offsetof(cloudep_own_password_t, new_password),
                                   in->new_password, &change);
    if (!cloudep_failed(outcome)) {
        cloudep_end_challenges(ctx, who->tenant_id, who->uid);
    }
    return outcome;
}
