/*
 * enter.c - a login where the session cookie says who asks.
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
