/*
 * verification.c - business email and phone: a code goes to the new address, and who knows it has the address written.
 *
 * A challenge belongs to a tenant, a member, a purpose and a target, and what is confirmed is its own target: nothing
 * that a client sends at the end says which address it was.
 */
#include "member.h"

#include <apr_strings.h>
#include "base/store/contact_store.h"
#include "base/text/phone_plan.h"

#define DAILY_CODES 10 /* for each member and purpose */

/* What sets the two apart. purpose is also the template of the message. */
typedef struct kind_t {
    cloudep_contact_e contact;
    const char *purpose;
    const char *channel;
    const char *notice;
} kind_t;

static const kind_t email = {CLOUDEP_CONTACT_EMAIL, "business_email", CLOUDEP_CHANNEL_MAIL, "business_email_changed"};
static const kind_t phone = {CLOUDEP_CONTACT_PHONE, "business_phone", CLOUDEP_CHANNEL_SMS, "business_phone_changed"};

const cloudep_field_t email_start_fields[] = {
    {.name = "target", .type = CLOUDEP_FIELD_EMAIL, .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = NULL},
};
const cloudep_field_t phone_start_fields[] = {
    {.name = "target", .type = CLOUDEP_FIELD_PHONE, .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = NULL},
};

enum { CHALLENGE, CODE };
const cloudep_field_t verification_confirm_fields[] = {
    {.name = "challenge_id", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED},
    {.name = "code",
     .type = CLOUDEP_FIELD_CODE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .min = CLOUDEP_CODE_DIGITS,
     .max = CLOUDEP_CODE_DIGITS},
    {.name = NULL},
};

/* The member's tenant; that there is none cannot be. */
static cloudep_problem_t *own_tenant(cloudep_call_t *call, const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_id(cloudep_database(call), call->p, tenant, call->principal->tenant_id);

    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "looking up the tenant");
}

static cloudep_problem_t *claim_daily(cloudep_call_t *call, const kind_t *kind)
{
    apr_uint32_t wait;
    apr_status_t rv = cloudep_quota_claim(&wait, cloudep_challenges(call), call->principal->tenant_id,
                                          call->principal->uid, kind->purpose, DAILY_CODES, call->p);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_problem_wait(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_USED_UP, "no more codes today", wait);
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "counting the day's codes");
}

/* Texts go to telephones of people only: to other numbers they cost much, and earn it for whoever has the number. */
static cloudep_problem_t *check_number(cloudep_call_t *call, const char *number)
{
    const cloudep_phone_kind_e kind = cloudep_phone_kind(number);

    return kind == CLOUDEP_PHONE_ORDINARY
               ? NULL
               : cloudep_problem_field(call, "target",
                                       apr_pstrcat(call->p, "must not be ", cloudep_phone_kind_name(kind), NULL));
}

static cloudep_problem_t *start(cloudep_call_t *call, const kind_t *kind)
{
    const char *target = cloudep_text(call, 0);
    const cloudep_member_t *member = call->principal->member;
    const cloudep_tenant_t *tenant;
    cloudep_code_receiver_t receiver;
    cloudep_problem_t *problem;

    if (!member) {
        return nobody(call);
    }
    if (kind == &phone && (problem = check_number(call, target)) != NULL) {
        return problem;
    }
    problem = own_tenant(call, &tenant);
    problem = problem ? problem : cloudep_claim_cooldown(call, tenant->id, target, CLOUDEP_SCOPE_MEMBER);
    if (problem) {
        return problem;
    }
    receiver = (cloudep_code_receiver_t){tenant, member->uid, kind->channel, target, member->language, 0};
    problem = claim_daily(call, kind);
    problem = problem ? problem : cloudep_send_code(call, &receiver, kind->purpose, CLOUDEP_SCOPE_MEMBER);
    if (problem) {
        /* Nothing was sent: the next try need not wait. */
        (void)cloudep_cooldown_release(cloudep_challenges(call), tenant->id, target);
    }
    return problem;
}

/* The winner of the challenge writes its target; who cannot puts the challenge back. */
static cloudep_problem_t *write_contact(cloudep_call_t *call, const kind_t *kind, const cloudep_challenge_t *challenge)
{
    const cloudep_tenant_t *tenant;
    const cloudep_message_t *notice;
    cloudep_problem_t *problem = own_tenant(call, &tenant);
    apr_status_t rv;

    problem = problem ? problem : cloudep_notice_new(call, &notice, tenant, call->principal->member, kind->notice, 0);
    problem = problem ? problem : cloudep_consume_challenge(call, challenge);
    if (problem) {
        return problem;
    }
    rv = cloudep_contact_set(cloudep_database(call), call->p, tenant->id, call->principal->uid, kind->contact,
                             challenge->spec.target, notice);
    if (rv == APR_NOTFOUND) {
        return member_gone(call);
    }
    if (rv != APR_SUCCESS) {
        (void)cloudep_challenge_restore(challenge, cloudep_challenges(call), call->p);
        return cloudep_problem_service(call, rv, "writing the verified address");
    }
    cloudep_outbox_wake(call);
    return NULL;
}

static cloudep_problem_t *confirm(cloudep_call_t *call, const kind_t *kind)
{
    const cloudep_principal_t *who = call->principal;
    cloudep_challenge_t *challenge;
    cloudep_problem_t *problem;

    if (!who->member) {
        return member_gone(call);
    }
    problem = cloudep_find_challenge(call, who->tenant_id, kind->purpose, cloudep_text(call, CHALLENGE), &challenge);
    if (!problem && strcmp(challenge->spec.uid ? challenge->spec.uid : "", who->uid)) {
        problem = cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_FORBIDDEN, "the challenge is for something else");
    }
    problem = problem ? problem : cloudep_check_code(call, challenge, cloudep_text(call, CODE));
    return problem ? problem : write_contact(call, kind, challenge);
}

cloudep_problem_t *email_verification_start(cloudep_call_t *call)
{
    return start(call, &email);
}

cloudep_problem_t *email_verification_confirm(cloudep_call_t *call)
{
    return confirm(call, &email);
}

cloudep_problem_t *phone_verification_start(cloudep_call_t *call)
{
    return start(call, &phone);
}

cloudep_problem_t *phone_verification_confirm(cloudep_call_t *call)
{
    return confirm(call, &phone);
}
