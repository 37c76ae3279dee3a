/*
 * code.c - what all flows with a mailed code share: cooldown, challenge, message, guess.
 */
#include "auth.h"

cloudep_problem_t *find_challenge(cloudep_call_t *call, const char *tenant_id, const char *purpose, const char *id,
                                  cloudep_challenge_t **challenge)
{
    apr_status_t rv = cloudep_challenge_load(challenge, cloudep_challenges(call), id, call->p);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such challenge, or it is over");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "loading the challenge");
    }
    if (strcmp((*challenge)->spec.tenant_id, tenant_id) || strcmp((*challenge)->spec.purpose, purpose)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the challenge is for something else");
    }
    return NULL;
}

cloudep_problem_t *check_code(cloudep_call_t *call, cloudep_challenge_t *challenge, const char *code)
{
    apr_status_t rv = cloudep_challenge_check(challenge, cloudep_challenges(call), code,
                                              (apr_uint32_t)cloudep_code_attempts(call), call->p);

    switch (rv) {
    case APR_SUCCESS:
        return NULL;
    case CLOUDEP_EFORGED:
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_FORBIDDEN, "the code is wrong");
    case CLOUDEP_ELOCKED:
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_WRONG_STATE,
                               "too many wrong codes; the challenge is locked until it expires");
    case APR_NOTFOUND:
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such challenge, or it is over");
    default:
        return cloudep_problem_service(call, rv, "checking the code");
    }
}

cloudep_problem_t *claim_cooldown(cloudep_call_t *call, const char *tenant_id, const char *target, int scope)
{
    apr_uint32_t wait;
    apr_status_t rv = cloudep_cooldown_claim(&wait, cloudep_challenges(call), tenant_id, target,
                                             (apr_uint32_t)cloudep_code_cooldown(call), call->p);

    if (rv == APR_EEXIST) {
        return cloudep_problem_wait(call, scope, CLOUDEP_TOO_OFTEN, "a code was sent a moment ago", wait);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "claiming the cooldown");
}

cloudep_problem_t *start_code(cloudep_call_t *call, const code_receiver_t *receiver, const char *purpose, int scope,
                              cloudep_challenge_t **challenge, const cloudep_message_t **message)
{
    const cloudep_challenge_spec_t spec = {
        .tenant_id = receiver->tenant->id, .purpose = purpose, .uid = receiver->uid, .target = receiver->email};
    int lifetime = cloudep_code_lifetime(call);
    const char *code;
    json_t *params;
    cloudep_problem_t *problem;
    apr_status_t rv = cloudep_challenge_start(challenge, &code, cloudep_challenges(call), &spec, (apr_uint32_t)lifetime,
                                              (apr_uint32_t)cloudep_code_attempts(call), call->p);

    if (rv == CLOUDEP_ELOCKED) {
        return cloudep_problem_wait(call, scope, CLOUDEP_TOO_OFTEN,
                                    "too many wrong codes; wait for the challenge to expire",
                                    cloudep_challenge_remaining(*challenge));
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "starting the challenge");
    }
    params =
        json_pack("{ss,si,ss}", "code", code, "minutes", (lifetime + 59) / 60, "tenant_name", receiver->tenant->name);
    problem = cloudep_message_new(call, message, receiver->tenant->id, receiver->uid, CLOUDEP_CHANNEL_MAIL,
                                  receiver->email, receiver->language, purpose, params, lifetime);
    json_decref(params);
    return problem;
}
