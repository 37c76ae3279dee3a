/*
 * cookie.c - with CloudEPTokenDelivery cookie: GET /xsrf, and those of the operations that are other ones then.
 */
#include "operations.h"

#include "access/authn.h"
#include "access/delivery.h"
#include "access/xsrf.h"
#include "flow/session.h"
#include "wire/handoff.h"

static cloudep_outcome_t run_xsrf(cloudep_call_t *call)
{
    static const cloudep_document_t no_content = {0};
    const apr_status_t rv = cloudep_xsrf_offer(call->r);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(call->ctx, rv, "making an XSRF token");
    }
    call->document = &no_content;
    return cloudep_done();
}

/* The present value and, within the grace, the one before it get the same successor. */
static cloudep_outcome_t run_cookie_refresh(cloudep_call_t *call)
{
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = cloudep_renew_session(call->ctx, call->principal, &session);

    if (!cloudep_failed(outcome)) {
        outcome = cloudep_give_session(call->r, session);
    }
    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss}", "uid", session->uid);
    }
    return outcome;
}

/* Whoever has no live session is logged out already: their browser only has to forget its cookies. */
static cloudep_outcome_t run_cookie_logout(cloudep_call_t *call)
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
    return cloudep_v1_ok(call, outcome);
}

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)

const cloudep_operation_t auth_cookie_operations[] = {
    {"GET", "/xsrf", "auth.xsrf", 0, CLOUDEP_OPERATION_QUIET, .run = run_xsrf},
    {"POST", "/token/refresh", "auth.token.refresh", LIVE, CLOUDEP_OPERATION_MEMBER, .run = run_cookie_refresh},
    {"POST", "/logout", "auth.logout", LIVE, 0, .run = run_cookie_logout},
    {"POST", "/handoff", "auth.handoff", LIVE | CLOUDEP_NEEDS_CACHE, CLOUDEP_OPERATION_MEMBER,
     .fields = cloudep_handoff_fields, .size = sizeof(cloudep_handoff_body_t), .run = cloudep_run_handoff},
    {NULL},
};
