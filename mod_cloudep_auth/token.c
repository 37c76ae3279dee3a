/*
 * token.c - turning a refresh token in for the next, and logging out.
 */
#include "auth.h"

#include <apr_strings.h>

const cloudep_field_t refresh_fields[] = {
    {.name = "refresh_token", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = CLOUDEP_JWT_MAX},
    FIELDS_END,
};

static cloudep_problem_t *refused(cloudep_call_t *call)
{
    cloudep_problem_t *problem = cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNAUTHENTICATED,
                                                 "the refresh token is invalid, expired or revoked");

    problem->challenge = "invalid_token";
    return problem;
}

/* The generation a refresh token is of: its jti is "session.generation". 0: not one of ours. */
static int generation(const cloudep_claims_t *claims)
{
    const char *dot = strrchr(claims->jti, '.');
    apr_int64_t seq = dot ? apr_atoi64(dot + 1) : 0;

    return seq > 0 && seq < APR_INT32_MAX ? (int)seq : 0;
}

cloudep_problem_t *token_refresh(cloudep_call_t *call)
{
    const cloudep_claims_t *claims = cloudep_read_refresh_token(call, cloudep_text(call, 0));
    cloudep_session_t *session;
    cloudep_rotation_e outcome;
    apr_status_t rv;
    int seq = claims ? generation(claims) : 0;

    if (!seq) {
        return refused(call);
    }
    session = cloudep_session_new(call, claims->tid, claims->sub, NULL);
    session->id = claims->sid;
    rv = cloudep_session_rotate(cloudep_database(call), call->p, session, seq, cloudep_refresh_grace(call), &outcome);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "rotating the session");
    }
    if (outcome == CLOUDEP_ROTATION_REFUSED || outcome == CLOUDEP_ROTATION_REUSED) {
        return refused(call);
    }
    return cloudep_issue_tokens(call, session);
}

cloudep_problem_t *logout(cloudep_call_t *call)
{
    apr_status_t rv = APR_SUCCESS;

    if (call->principal->session_id) {
        rv = cloudep_session_end(cloudep_database(call), call->p, call->principal->tenant_id,
                                 call->principal->session_id, "logout");
    }
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_problem_service(call, rv, "ending the session");
    }
    call->data = json_pack("{sb}", "ok", 1);
    return NULL;
}
