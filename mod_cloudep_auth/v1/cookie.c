/*
 * cookie.c - with CloudEPTokenDelivery cookie: GET /xsrf, and those of the operations that are other ones then.
 */
#include "operations.h"

#include "access/delivery.h"
#include "access/xsrf.h"
#include "flow/session.h"
#include "wire/handoff.h"

static cloudep_outcome_t run_xsrf(cloudep_call_t *call)
{
    const apr_status_t rv = cloudep_xsrf_offer(call->r);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(call->ctx, rv, "making an XSRF token");
    }
    cloudep_answer_nothing(call);
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

static cloudep_outcome_t run_cookie_logout(cloudep_call_t *call)
{
    return cloudep_v1_ok(call, cloudep_leave_session(call));
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
