/*
 * enter.c - login and logout where the session cookie says who asks.
 */
#include "wire/wire.h"

#include "access/authn.h"
#include "access/delivery.h"
#include "flow/session.h"

cloudep_outcome_t cloudep_enter_session(cloudep_call_t *call, const cloudep_session_t *session)
{
    const cloudep_principal_t *before = NULL;
    cloudep_outcome_t outcome = cloudep_give_session(call->r, session);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!cloudep_failed(cloudep_authenticate(call->r, 0, &before)) && strcmp(before->session_id, session->id) != 0) {
        (void)cloudep_logout(call->ctx, before);
    }
    return cloudep_done();
}

cloudep_outcome_t cloudep_leave_session(cloudep_call_t *call)
{
    cloudep_outcome_t outcome = cloudep_authenticate(call->r, 1, &call->principal);

    if (!cloudep_failed(outcome)) {
        outcome = cloudep_logout(call->ctx, call->principal);
    }
    else if (outcome.reason == CLOUDEP_TOKEN_MISSING || outcome.reason == CLOUDEP_TOKEN_INVALID) {
        outcome = cloudep_done();
    }
    if (!cloudep_failed(outcome)) {
        cloudep_take_session(call->r);
    }
    return outcome;
}
