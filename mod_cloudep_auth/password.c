/*
 * password.c - a forgotten password: a code to the login address, and a new password for who has it.
 *
 * A reset proves the mailbox and nothing else: it issues no tokens and does not touch second factors. It ends every
 * session and every open challenge of the member.
 */
#include "auth.h"

#include "base/store/recovery_store.h"

enum { TENANT, EMAIL };
const cloudep_field_t forgot_fields[] = {FIELD_TENANT, FIELD_EMAIL, FIELDS_END};

static cloudep_problem_t *no_account(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such account");
}

/* Whether the password of that member is ours to reset; who has not confirmed the address yet resumes instead. */
static cloudep_problem_t *check_member(cloudep_call_t *call, const cloudep_member_t *member)
{
    if (!member || (member->status != CLOUDEP_MEMBER_ACTIVE && member->status != CLOUDEP_MEMBER_SUSPENDED)) {
        return no_account(call);
    }
    if (member->status == CLOUDEP_MEMBER_SUSPENDED) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the account is suspended");
    }
    if (strcmp(member->origin, "platform_native")) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN,
                               "the account belongs to another identity provider, its password is not ours");
    }
    return NULL;
}

cloudep_problem_t *password_forgot(cloudep_call_t *call)
{
    const char *email = cloudep_text(call, EMAIL);
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = email};
    cloudep_problem_t *problem = cloudep_find_account(call, cloudep_text(call, TENANT), email, &tenant, &member);

    if (problem) {
        return problem;
    }
    problem = check_member(call, member);
    receiver.tenant = tenant;
    if (!problem) {
        receiver.uid = member->uid;
        receiver.language = member->language;
    }
    else if (cloudep_conceals(call)) {
        problem = cloudep_decoy_receiver(call, &receiver);
    }
    if (problem) {
        return problem;
    }
    problem = cloudep_claim_cooldown(call, tenant->id, email, CLOUDEP_SCOPE_MEMBER);
    if (problem) {
        return problem;
    }
    problem = cloudep_send_code(call, &receiver, PURPOSE_PASSWORD_RESET, CLOUDEP_SCOPE_MEMBER);
    if (problem) {
        (void)cloudep_cooldown_release(cloudep_challenges(call), tenant->id, email);
    }
    return problem;
}

enum { RESET_TENANT, RESET_CHALLENGE, RESET_CODE, RESET_PASSWORD };
const cloudep_field_t reset_fields[] = {FIELD_TENANT, FIELD_CHALLENGE, FIELD_CODE, FIELD_PASSWORD("new_password"),
                                        FIELDS_END};

/* member NULL: nobody has proved anything yet, and whether a name is right is not for everybody to find out. */
static cloudep_problem_t *check_rules(cloudep_call_t *call, const cloudep_challenge_t *challenge,
                                      const cloudep_member_t *member)
{
    const char *const words[] = {challenge->spec.target, cloudep_text(call, RESET_TENANT),
                                 member ? member->display_name : NULL, NULL};

    return cloudep_check_password_rules(call, "new_password", cloudep_text(call, RESET_PASSWORD), words);
}

/* Whoever has the code is told what became of the account meanwhile. */
static cloudep_problem_t *find_member(cloudep_call_t *call, const cloudep_challenge_t *challenge,
                                      const cloudep_member_t **member)
{
    apr_status_t rv =
        cloudep_member_by_uid(cloudep_database(call), call->p, member, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv == APR_NOTFOUND) {
        return no_account(call);
    }
    return rv == APR_SUCCESS ? check_member(call, *member) : cloudep_problem_service(call, rv, "looking up the member");
}

static cloudep_problem_t *set_at_provider(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                          const cloudep_member_t *member)
{
    cloudep_idp_context_t ctx;
    const cloudep_idp_t *idp = cloudep_idp(call, &ctx);
    const cloudep_idp_user_t user = {.tenant = tenant,
                                     .uid = member->uid,
                                     .email = member->email,
                                     .display_name = member->display_name,
                                     .language = member->language};
    const char *reason = NULL;
    apr_status_t rv = idp->set_password(&ctx, &user, cloudep_text(call, RESET_PASSWORD), &reason);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_problem_field(call, "new_password", reason ? reason : "is refused by the identity provider");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "setting the password");
}

/* One statement: every session ends, the lockout goes, the notice is on its way. */
static cloudep_problem_t *end_all(cloudep_call_t *call, const cloudep_tenant_t *tenant, const cloudep_member_t *member)
{
    const cloudep_message_t *notice;
    cloudep_problem_t *problem = cloudep_notice_new(call, &notice, tenant, member, "password_changed", 0);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_recovery_finish(cloudep_database(call), call->p, tenant->id, member->uid, notice);
    if (rv == APR_NOTFOUND) {
        return no_account(call);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "ending the sessions");
    }
    cloudep_outbox_wake(call);
    return NULL;
}

/*
 * The challenge is consumed first, so that of parallel requests one sets its password. Until the sessions have ended
 * nothing is lost by a failure: the challenge is put back, and the same code can finish the work.
 */
static cloudep_problem_t *reset(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                const cloudep_challenge_t *challenge, const cloudep_member_t *member)
{
    cloudep_problem_t *problem = cloudep_consume_challenge(call, challenge);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    problem = member->display_name ? check_rules(call, challenge, member) : NULL;
    problem = problem ? problem : set_at_provider(call, tenant, member);
    problem = problem ? problem : end_all(call, tenant, member);
    if (problem) {
        (void)cloudep_challenge_restore(challenge, cloudep_challenges(call), call->p);
        return problem;
    }
    rv = cloudep_challenge_invalidate(cloudep_challenges(call), tenant->id, member->uid);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "ending the open challenges");
    }
    call->data = json_pack("{sb}", "ok", 1);
    return NULL;
}

cloudep_problem_t *password_reset(cloudep_call_t *call)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_problem_t *problem = cloudep_find_tenant(call, cloudep_text(call, RESET_TENANT), &tenant);

    problem = problem ? problem
                      : cloudep_find_challenge(call, tenant->id, PURPOSE_PASSWORD_RESET,
                                               cloudep_text(call, RESET_CHALLENGE), &challenge);
    problem = problem ? problem : check_rules(call, challenge, NULL);
    problem = problem ? problem : cloudep_check_code(call, challenge, cloudep_text(call, RESET_CODE));
    problem = problem ? problem : find_member(call, challenge, &member);
    return problem ? problem : reset(call, tenant, challenge, member);
}
