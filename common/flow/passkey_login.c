/*
 * passkey_login.c - see passkey_login.h.
 */
#include "flow/passkey_login.h"

#include <stddef.h>
#include <apr_strings.h>
#include "base/status.h"
#include "flow/login.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"

cloudep_outcome_t cloudep_start_passkey_login(cloudep_context_t *ctx, const cloudep_passkey_entry_t *in,
                                              cloudep_passkey_options_t *out)
{
    cloudep_challenge_spec_t spec = {.purpose = CLOUDEP_PURPOSE_PASSKEY_LOGIN};
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED);
    }
    spec.tenant_id = tenant->id;
    return cloudep_passkey_begin(ctx, &spec, out);
}

static cloudep_outcome_t open_session(cloudep_context_t *ctx, const cloudep_passkey_proof_t *proof,
                                      cloudep_session_t **session)
{
    const cloudep_passkey_owner_t *owner = &proof->owner;
    cloudep_outcome_t outcome = cloudep_check_login(owner->tenant, owner->member);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_session_new(ctx, session, owner->tenant->id, owner->member->uid, CLOUDEP_AMR_PASSKEY,
                                  apr_pstrcat(ctx->p, CLOUDEP_OPENED_PASSKEY, owner->passkey.id, NULL));
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    (*session)->generation = owner->member->generation;
    (*session)->mfa_method = CLOUDEP_MFA_PASSKEY;
    /* 7.2 step 24, step 25: both by one statement, of a challenge that is used up */
    rv = cloudep_passkey_login(cloudep_database(ctx), ctx->p, &proof->use, *session, proof->notice);
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    }
    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "opening the session");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_session_opened(ctx, *session);
}

cloudep_outcome_t cloudep_passkey_log_in(cloudep_context_t *ctx, const cloudep_passkey_login_t *in,
                                         const cloudep_session_t **session)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    cloudep_passkey_proof_t proof;
    cloudep_session_t *opened = NULL;
    cloudep_outcome_t outcome;

    if (cloudep_failed(outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant)) ||
        cloudep_failed(outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_PASSKEY_LOGIN,
                                                        in->challenge_id, &challenge)) ||
        cloudep_failed(outcome = cloudep_consume_challenge(ctx, challenge))) {
        return outcome;
    }
    outcome = cloudep_passkey_verify(ctx, challenge, &in->credential, offsetof(cloudep_passkey_login_t, credential),
                                     NULL, &proof);
    if (!cloudep_failed(outcome)) {
        outcome = open_session(ctx, &proof, &opened);
    }
    if (cloudep_is_fault(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    *session = opened;
    return outcome;
}
