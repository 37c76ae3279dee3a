/*
 * register.c - registration by email: reserve, create at the provider, mail a code, confirm.
 *
 * The member's row and the invite's use are taken first, in one statement. Whatever fails after that is undone
 * at once or, after a crash, by the sweep, so neither an orphan at the provider nor a lost use remains.
 */
#include "register.h"

#include <apr_strings.h>

enum { TENANT, INVITE, EMAIL, PASSWORD, DISPLAY_NAME, LANGUAGE, TERMS, MARKETING };
const cloudep_field_t register_fields[] = {
    FIELD_TENANT,
    FIELD_INVITE,
    FIELD_EMAIL,
    FIELD_PASSWORD("password"),
    {.name = "display_name", .type = CLOUDEP_FIELD_TEXT, .min = 1, .max = 100},
    FIELD_LANGUAGE,
    FIELD_TERMS,
    FIELD_MARKETING,
    FIELDS_END,
};

static void challenge_data(cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    call->data = json_pack("{ss,si,ss}", "challenge_id", challenge->id, "expires_in",
                           (int)cloudep_challenge_remaining(challenge), "uid", challenge->spec.uid);
}

cloudep_problem_t *admit(cloudep_call_t *call, const char *slug, const char *invite_code, const char *email,
                         cloudep_admission_t *admission)
{
    apr_status_t rv = cloudep_tenant_admission(cloudep_database(call), call->p, admission, slug, invite_code, email);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such tenant");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up tenant and invite");
    }
    cloudep_note(call, admission->tenant->id, NULL, NULL);
    if (!admission->tenant->registration) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the tenant takes no registrations");
    }
    if (!admission->invite_known) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_ABSENT, "no such invite");
    }
    if (admission->invite_expired) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_MALFORMED, "the invite has expired");
    }
    if (admission->invite_used_up) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_USED_UP, "the invite is used up");
    }
    if (admission->email_taken && !cloudep_conceals(call)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_EXISTS, "the email is registered already");
    }
    return NULL;
}

/* Takes invite and email. What another request took in the meantime is told as if it had been so from the start. */
static cloudep_problem_t *reserve(cloudep_call_t *call, const cloudep_idp_t *idp, const cloudep_idp_user_t *user)
{
    const cloudep_applicant_t applicant = {.tenant_id = user->tenant->id,
                                           .uid = user->uid,
                                           .email = user->email,
                                           .invite_code = cloudep_text(call, INVITE),
                                           .origin = "platform_native",
                                           .provider = idp->name,
                                           .display_name = user->display_name,
                                           .language = user->language,
                                           .terms_version = cloudep_text(call, TERMS),
                                           .marketing_opt_in = call->fields[MARKETING].flag};
    cloudep_admission_t admission;
    cloudep_problem_t *problem;
    apr_status_t rv = cloudep_member_reserve(cloudep_database(call), call->p, &applicant);

    switch (rv) {
    case APR_SUCCESS:
        return NULL;
    case CLOUDEP_ECONFLICT:
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_EXISTS, "the email is registered already");
    case CLOUDEP_ELOCKED:
        return cloudep_problem_wait(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_LOCKED, "the invite is in use, try again", 1);
    case APR_NOTFOUND:
        problem =
            admit(call, cloudep_text(call, TENANT), cloudep_text(call, INVITE), cloudep_text(call, EMAIL), &admission);
        return problem ? problem
                       : cloudep_problem_wait(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_LOCKED,
                                              "the invite is in use, try again", 1);
    default:
        return cloudep_problem_service(call, rv, "reserving the member");
    }
}

/* *in_doubt: nobody knows whether the user will be there, so nothing may be undone yet. */
static cloudep_problem_t *create_at_provider(cloudep_call_t *call, const cloudep_idp_t *idp,
                                             const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user,
                                             int *in_doubt)
{
    const char *reason = NULL;
    apr_status_t rv = idp->create(ctx, user, cloudep_text(call, PASSWORD), &reason);

    *in_doubt = rv == APR_INCOMPLETE;
    rv = *in_doubt ? CLOUDEP_EPROVIDER : rv;
    switch (rv) {
    case APR_SUCCESS:
        return NULL;
    case CLOUDEP_EREFUSED:
        return cloudep_problem_field(call, "password", reason);
    case CLOUDEP_ECONFLICT:
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_EXISTS, "the email is registered already");
    default:
        return cloudep_problem_service(call, rv, "creating the user at the identity provider");
    }
}

/* In place of a code that nobody could use: the owner of the address learns that somebody tried. */
static cloudep_problem_t *tell_owner(cloudep_call_t *call, const registrant_t *who, const cloudep_message_t **message)
{
    const cloudep_message_t *notice;
    cloudep_message_t *copy;
    cloudep_problem_t *problem =
        cloudep_notice_new(call, &notice, who->receiver.tenant, who->owner, "registration_exists", 0);

    if (!problem) {
        copy = apr_pmemdup(call->p, notice, sizeof(*notice));
        copy->uid = who->receiver.uid; /* it goes out with the decoy's row */
        *message = copy;
    }
    return problem;
}

cloudep_problem_t *send_code(cloudep_call_t *call, const registrant_t *who)
{
    cloudep_challenge_t *challenge;
    const cloudep_message_t *message;
    cloudep_problem_t *problem =
        cloudep_start_code(call, &who->receiver, PURPOSE_REGISTRATION, CLOUDEP_SCOPE_AUTH, &challenge, &message);
    apr_status_t rv;

    if (!problem && who->owner) {
        problem = tell_owner(call, who, &message);
    }
    if (problem) {
        return problem;
    }
    rv = who->stored ? cloudep_member_await_code(cloudep_database(call), call->p, message)
                     : cloudep_outbox_enqueue(cloudep_database(call), call->p, message);
    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_WRONG_STATE, "the registration is no longer pending");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "storing the registration");
    }
    cloudep_outbox_wake(call);
    challenge_data(call, challenge);
    return NULL;
}

cloudep_problem_t *enrol(cloudep_call_t *call, cloudep_idp_user_t *user, registrant_t *who)
{
    cloudep_idp_context_t ctx;
    const cloudep_idp_t *idp = cloudep_idp(call, &ctx);
    cloudep_problem_t *problem = cloudep_new_uid(call, &user->uid);
    int in_doubt = 0;

    problem = problem ? problem : reserve(call, idp, user);
    if (problem) {
        return problem;
    }
    who->receiver.uid = user->uid;
    who->stored = 1;
    if (!who->receiver.decoy) {
        cloudep_note(call, NULL, user->uid, NULL);
    }
    problem = create_at_provider(call, idp, &ctx, user, &in_doubt);
    problem = problem ? problem : send_code(call, who);
    if (problem && !in_doubt) {
        cloudep_undo_registration(call, user);
    }
    return problem;
}

cloudep_problem_t *register_start(cloudep_call_t *call)
{
    cloudep_admission_t admission;
    cloudep_idp_user_t user = {.email = cloudep_text(call, EMAIL),
                               .display_name = cloudep_text(call, DISPLAY_NAME),
                               .language = cloudep_text(call, LANGUAGE)};
    const char *email = user.email;
    const char *const words[] = {email, cloudep_text(call, TENANT), user.display_name, NULL};
    registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = email, .language = user.language}};
    cloudep_problem_t *problem =
        admit(call, cloudep_text(call, TENANT), cloudep_text(call, INVITE), cloudep_text(call, EMAIL), &admission);

    problem = problem ? problem : cloudep_check_password_rules(call, "password", cloudep_text(call, PASSWORD), words);
    problem = problem ? problem : cloudep_claim_cooldown(call, admission.tenant->id, email, CLOUDEP_SCOPE_AUTH);
    if (problem) {
        return problem;
    }
    user.tenant = who.receiver.tenant = admission.tenant;
    problem = cloudep_conceals(call) ? enrol_concealed(call, &user, cloudep_text(call, PASSWORD), &who)
                                     : enrol(call, &user, &who);
    if (problem) {
        /* Nothing was sent: the next try need not wait. */
        (void)cloudep_cooldown_release(cloudep_challenges(call), user.tenant->id, email);
    }
    return problem;
}

enum { CONFIRM_TENANT, CONFIRM_CHALLENGE, CONFIRM_CODE };
const cloudep_field_t confirm_fields[] = {FIELD_TENANT, FIELD_CHALLENGE, FIELD_CODE, FIELDS_END};

/* The winner of the challenge activates the member; who cannot puts the challenge back. */
static cloudep_problem_t *activate(cloudep_call_t *call, const cloudep_challenge_t *challenge)
{
    cloudep_session_t *session = cloudep_session_new(call, challenge->spec.tenant_id, challenge->spec.uid, "otp");
    cloudep_problem_t *problem = cloudep_consume_challenge(call, challenge);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = cloudep_member_activate(cloudep_database(call), call->p, session);
    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_WRONG_STATE, "the registration is no longer pending");
    }
    if (rv != APR_SUCCESS) {
        (void)cloudep_challenge_restore(challenge, cloudep_challenges(call), call->p);
        return cloudep_problem_service(call, rv, "activating the member");
    }
    return cloudep_issue_tokens(call, session);
}

/* The provider learns that the email is confirmed; that it could not be told does not undo the confirmation. */
static void tell_provider(cloudep_call_t *call, const cloudep_tenant_t *tenant, const cloudep_challenge_t *challenge)
{
    cloudep_idp_context_t ctx;
    const cloudep_idp_t *idp = cloudep_idp(call, &ctx);
    const cloudep_idp_user_t user = {.tenant = tenant, .uid = challenge->spec.uid, .email = challenge->spec.target};

    (void)idp->confirm(&ctx, &user);
}

cloudep_problem_t *register_confirm(cloudep_call_t *call)
{
    const cloudep_tenant_t *tenant;
    cloudep_challenge_t *challenge;
    cloudep_problem_t *problem = cloudep_find_tenant(call, cloudep_text(call, CONFIRM_TENANT), &tenant);

    problem = problem ? problem
                      : cloudep_find_challenge(call, tenant->id, PURPOSE_REGISTRATION,
                                               cloudep_text(call, CONFIRM_CHALLENGE), &challenge);
    problem = problem ? problem : cloudep_check_code(call, challenge, cloudep_text(call, CONFIRM_CODE));
    problem = problem ? problem : activate(call, challenge);
    if (!problem) {
        tell_provider(call, tenant, challenge);
    }
    return problem;
}

/* A new code for who has not confirmed yet. */
static cloudep_problem_t *send_again(cloudep_call_t *call, const registrant_t *who)
{
    const cloudep_code_receiver_t *receiver = &who->receiver;
    cloudep_problem_t *problem =
        cloudep_claim_cooldown(call, receiver->tenant->id, receiver->target, CLOUDEP_SCOPE_AUTH);

    if (problem) {
        return problem;
    }
    problem = send_code(call, who);
    if (problem) {
        (void)cloudep_cooldown_release(cloudep_challenges(call), receiver->tenant->id, receiver->target);
    }
    return problem;
}

enum { RESEND_TENANT, RESEND_CHALLENGE };
const cloudep_field_t resend_fields[] = {FIELD_TENANT, FIELD_CHALLENGE, FIELDS_END};

cloudep_problem_t *register_resend(cloudep_call_t *call)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member = NULL;
    cloudep_challenge_t *challenge;
    registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL}};
    cloudep_problem_t *problem = cloudep_find_tenant(call, cloudep_text(call, RESEND_TENANT), &tenant);
    apr_status_t rv;

    problem = problem ? problem
                      : cloudep_find_challenge(call, tenant->id, PURPOSE_REGISTRATION,
                                               cloudep_text(call, RESEND_CHALLENGE), &challenge);
    if (problem) {
        return problem;
    }
    rv = cloudep_member_by_uid(cloudep_database(call), call->p, &member, tenant->id, challenge->spec.uid);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_problem_service(call, rv, "looking up the member");
    }
    who.receiver.decoy = cloudep_is_decoy(challenge);
    if (!who.receiver.decoy && (!member || member->status != CLOUDEP_MEMBER_PENDING)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_WRONG_STATE, "the registration is no longer pending");
    }
    who.stored = !who.receiver.decoy && !cloudep_conceals(call);
    who.receiver.tenant = tenant;
    who.receiver.uid = challenge->spec.uid;
    who.receiver.target = challenge->spec.target;
    who.receiver.language = member ? member->language : NULL;
    return send_again(call, &who);
}

enum { RESUME_TENANT, RESUME_EMAIL };
const cloudep_field_t resume_fields[] = {FIELD_TENANT, FIELD_EMAIL, FIELDS_END};

cloudep_problem_t *register_resume(cloudep_call_t *call)
{
    const char *email = cloudep_text(call, RESUME_EMAIL);
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    registrant_t who = {.receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = email}, .stored = 1};
    cloudep_problem_t *problem = cloudep_find_account(call, cloudep_text(call, RESUME_TENANT), email, &tenant, &member);

    if (problem) {
        return problem;
    }
    who.receiver.tenant = tenant;
    if (cloudep_conceals(call)) {
        problem = find_concealed(call, member, &who);
        return problem ? problem : send_again(call, &who);
    }
    if (member && (member->status == CLOUDEP_MEMBER_ACTIVE || member->status == CLOUDEP_MEMBER_SUSPENDED)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_WRONG_STATE, "the account is confirmed already");
    }
    if (!member || member->status != CLOUDEP_MEMBER_PENDING) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no registration to resume");
    }
    who.receiver.uid = member->uid;
    who.receiver.language = member->language;
    return send_again(call, &who);
}
