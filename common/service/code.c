/*
 * code.c - what all flows with a code sent to a member share: cooldown, challenge, message, guess; and notices.
 */
#include "core/private.h"

/* Seconds that a notice is worth sending: long enough for a mail server's weekend. */
#define NOTICE_LIFETIME (3 * 86400)

cloudep_problem_t *cloudep_find_challenge(cloudep_call_t *call, const char *tenant_id, const char *purpose,
                                          const char *id, cloudep_challenge_t **challenge)
{
    apr_status_t rv = cloudep_challenge_load(challenge, cloudep_challenges(call), id, call->p);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such challenge, or it is over");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "loading the challenge");
    }
    if (strcmp((*challenge)->spec.tenant_id, tenant_id) || strcmp((*challenge)->spec.purpose, purpose)) {
        return cloudep_problem(call, call->api->scope, CLOUDEP_FORBIDDEN, "the challenge is for something else");
    }
    cloudep_note(call, tenant_id, cloudep_is_decoy(*challenge) ? NULL : (*challenge)->spec.uid,
                 (*challenge)->mac ? "otp" : NULL);
    return NULL;
}

cloudep_problem_t *cloudep_check_code(cloudep_call_t *call, cloudep_challenge_t *challenge, const char *code)
{
    apr_status_t rv = cloudep_challenge_check(challenge, cloudep_challenges(call), code,
                                              (apr_uint32_t)call->config->code_attempts, call->p);

    if (rv == APR_SUCCESS && cloudep_is_decoy(challenge)) {
        rv = CLOUDEP_EFORGED;
    }
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

cloudep_problem_t *cloudep_consume_challenge(cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    apr_status_t rv = cloudep_challenge_consume(challenge, cloudep_challenges(call), call->p);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such challenge, or it is over");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "consuming the challenge");
}

cloudep_problem_t *cloudep_claim_cooldown(cloudep_call_t *call, const char *tenant_id, const char *target, int scope)
{
    cloudep_problem_t *problem;
    apr_uint32_t wait;
    apr_status_t rv = cloudep_cooldown_claim(&wait, cloudep_challenges(call), tenant_id, target,
                                             (apr_uint32_t)call->config->code_cooldown, call->p);

    if (rv == APR_EEXIST) {
        return cloudep_problem_wait(call, scope, CLOUDEP_TOO_OFTEN, "a code was sent a moment ago", wait);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "claiming the cooldown");
    }
    problem = cloudep_claim_sending(call, tenant_id, target, scope);
    if (problem) {
        (void)cloudep_cooldown_release(cloudep_challenges(call), tenant_id, target);
    }
    return problem;
}

cloudep_problem_t *cloudep_start_code(cloudep_call_t *call, const cloudep_code_receiver_t *receiver,
                                      const char *purpose, int scope, cloudep_challenge_t **challenge,
                                      const cloudep_message_t **message)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = receiver->tenant->id,
                                           .purpose = purpose,
                                           .uid = receiver->uid,
                                           .target = receiver->target,
                                           .extra = receiver->decoy ? CLOUDEP_DECOY_MARK : NULL};
    const int lifetime = call->config->code_lifetime;
    const char *code;
    json_t *params;
    cloudep_problem_t *problem;
    apr_status_t rv = cloudep_challenge_start(challenge, &code, cloudep_challenges(call), &spec, (apr_uint32_t)lifetime,
                                              (apr_uint32_t)call->config->code_attempts, call->p);

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
    problem = cloudep_message_new(call, message, receiver->tenant->id, receiver->uid, receiver->channel,
                                  receiver->decoy ? CLOUDEP_DECOY_TARGET : receiver->target, receiver->language,
                                  purpose, params, receiver->decoy ? 0 : lifetime);
    json_decref(params);
    return problem;
}

cloudep_problem_t *cloudep_send_code(cloudep_call_t *call, const cloudep_code_receiver_t *receiver, const char *purpose,
                                     int scope)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message = NULL;
    cloudep_problem_t *problem = cloudep_start_code(call, receiver, purpose, scope, &challenge, &message);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_outbox_enqueue(cloudep_database(call), call->p, message);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "storing the message");
    }
    cloudep_outbox_wake(call);
    call->data =
        json_pack("{ss,si}", "challenge_id", challenge->id, "expires_in", (int)cloudep_challenge_remaining(challenge));
    return NULL;
}

cloudep_problem_t *cloudep_notice_new(cloudep_call_t *call, const cloudep_message_t **message,
                                      const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                      const char *template, int remaining)
{
    static const cloudep_message_t none = {0}; /* not CLOUDEP_NO_MESSAGE, which lives as long as this block */
    json_t *params;
    cloudep_problem_t *problem;

    *message = &none;
    if (!template || call->config->off & (CLOUDEP_NEEDS_MAIL | CLOUDEP_NEEDS_SEALING)) {
        return NULL;
    }
    params = json_pack("{ss,ss*,si}", "tenant_name", tenant->name, "display_name", member->display_name, "remaining",
                       remaining);
    problem = cloudep_message_new(call, message, tenant->id, member->uid, CLOUDEP_CHANNEL_MAIL, member->email,
                                  member->language, template, params, NOTICE_LIFETIME);
    json_decref(params);
    return problem;
}
