/*
 * code_login.c - see code_login.h.
 *
 * The code proves the mailbox, or the telephone. It is good for the address or number that it was sent to, so that
 * whoever has another one meanwhile does not get in by the old one.
 */
#include "flow/code_login.h"

#include <stddef.h>
#include <string.h>
#include "core/needs.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "service/account.h"
#include "service/code.h"
#include "service/decoy.h"
#include "service/sms_number.h"

/* How a code gets to a member, and what a login by it counts as. */
typedef struct way_t {
    const char *channel;
    const char *purpose;
    unsigned int needs; /* what sends it */
    cloudep_first_factor_t first;
} way_t;

static const way_t mailed = {.channel = CLOUDEP_CHANNEL_MAIL,
                             .purpose = CLOUDEP_PURPOSE_LOGIN_CODE,
                             .needs = CLOUDEP_NEEDS_MAIL,
                             .first = {.amr = "otp", .opened_with = CLOUDEP_OPENED_OTP}};
static const way_t texted = {.channel = CLOUDEP_CHANNEL_SMS,
                             .purpose = CLOUDEP_PURPOSE_LOGIN_SMS,
                             .needs = CLOUDEP_NEEDS_SMS,
                             .first = {.amr = "sms", .opened_with = CLOUDEP_OPENED_LOGIN_PHONE}};

static int allows(const cloudep_tenant_t *tenant, const way_t *way)
{
    return way == &texted ? tenant->sms_login : tenant->code_login;
}

static cloudep_outcome_t check_tenant(const cloudep_tenant_t *tenant, const way_t *way)
{
    return allows(tenant, way) ? cloudep_done() : cloudep_refuse(CLOUDEP_CODE_LOGIN_CLOSED);
}

/* ---- the code is asked for ---- */

static cloudep_outcome_t check_input(const cloudep_code_login_start_t *in)
{
    if (!in->email && !in->phone) {
        return cloudep_missing(offsetof(cloudep_code_login_start_t, email), "is required, or phone");
    }
    return in->email && in->phone ? cloudep_invalid(offsetof(cloudep_code_login_start_t, phone),
                                                    CLOUDEP_RULE_NOT_ALLOWED, "must not be given beside email")
                                  : cloudep_done();
}

/* Whether a code is sent to the member. Who has not confirmed the address confirms it by the code of the registration.
 */
static cloudep_outcome_t check_member(const cloudep_member_t *member)
{
    if (member && member->status == CLOUDEP_MEMBER_SUSPENDED) {
        return cloudep_refuse(CLOUDEP_SUSPENDED);
    }
    return member && member->status == CLOUDEP_MEMBER_ACTIVE ? cloudep_done() : cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN);
}

static cloudep_outcome_t receive_mail(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                                      cloudep_code_receiver_t *receiver)
{
    const cloudep_member_t *member;
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &receiver->tenant, &member);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_tenant(receiver->tenant, &mailed))) {
        return outcome;
    }
    return cloudep_member_or_decoy(ctx, check_member(member), member, receiver);
}

/* Whose login phone it is; NULL: nobody's. */
static cloudep_outcome_t find_owner(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const char *phone,
                                    const cloudep_member_t **member)
{
    apr_status_t rv = cloudep_member_by_login_phone(cloudep_database(ctx), ctx->p, member, tenant->id, phone);

    if (rv == APR_NOTFOUND) {
        *member = NULL;
        return cloudep_done();
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the login phone");
}

/* Numbers are few and easily tried, so that nobody is told whether one is a member's. */
static cloudep_outcome_t receive_text(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                                      cloudep_code_receiver_t *receiver)
{
    const cloudep_member_t *member;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &receiver->tenant);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = check_tenant(receiver->tenant, &texted)) ||
        cloudep_failed(outcome =
                           cloudep_check_sms_number(ctx, offsetof(cloudep_code_login_start_t, phone), in->phone)) ||
        cloudep_failed(outcome = find_owner(ctx, receiver->tenant, in->phone, &member))) {
        return outcome;
    }
    return cloudep_member_or_always_decoy(ctx, check_member(member), member, receiver);
}

cloudep_outcome_t cloudep_start_code_login(cloudep_context_t *ctx, const cloudep_code_login_start_t *in,
                                           cloudep_code_login_challenge_t *out)
{
    const way_t *way = in->phone ? &texted : &mailed;
    cloudep_code_receiver_t receiver = {.channel = way->channel, .target = in->phone ? in->phone : in->email};
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = check_input(in);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (ctx->config->off & way->needs) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    outcome = in->phone ? receive_text(ctx, in, &receiver) : receive_mail(ctx, in, &receiver);
    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_send_code_in_turn(ctx, &receiver, way->purpose, &challenge))) {
        return outcome;
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_done();
}

/* ---- the code is given ---- */

/* The challenge, and the way that its code went. The way is not known before. */
static cloudep_outcome_t find_challenge(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                        const cloudep_code_login_t *in, cloudep_challenge_t **challenge,
                                        const way_t **way)
{
    cloudep_outcome_t outcome;

    *way = &mailed;
    outcome = cloudep_find_challenge(ctx, tenant->id, mailed.purpose, in->challenge_id, challenge);
    if (outcome.reason == CLOUDEP_CHALLENGE_MISMATCH) {
        *way = &texted;
        outcome = cloudep_find_challenge(ctx, tenant->id, texted.purpose, in->challenge_id, challenge);
    }
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return in->phone && strcmp((*challenge)->spec.target, in->phone) != 0 ? cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH)
                                                                          : check_tenant(tenant, *way);
}

/* The member of the challenge, read before the code is compared. NULL: nobody, or one of another address by now. */
static cloudep_outcome_t find_member(cloudep_context_t *ctx, const cloudep_challenge_t *challenge, const way_t *way,
                                     const cloudep_member_t **member)
{
    const char *target;
    apr_status_t rv =
        cloudep_member_by_uid(cloudep_database(ctx), ctx->p, member, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    if (rv == APR_NOTFOUND) {
        *member = NULL;
        return cloudep_done();
    }
    target = way == &texted ? (*member)->login_phone : (*member)->email;
    if (!target || strcmp(target, challenge->spec.target) != 0) {
        *member = NULL;
    }
    return cloudep_done();
}

/* The challenge is used up first, so that of parallel requests one gets in; a failure gives it back. */
static cloudep_outcome_t log_in(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                const cloudep_challenge_t *challenge, const cloudep_member_t *member, const way_t *way,
                                cloudep_login_result_t *out)
{
    cloudep_outcome_t outcome = cloudep_consume_challenge(ctx, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!member) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    outcome = cloudep_complete_login(ctx, tenant, member, &way->first, out);
    if (cloudep_failed(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

cloudep_outcome_t cloudep_code_login(cloudep_context_t *ctx, const cloudep_code_login_t *in,
                                     cloudep_login_result_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const way_t *way;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!allows(tenant, &texted) && (in->phone || !allows(tenant, &mailed))) {
        return cloudep_refuse(CLOUDEP_CODE_LOGIN_CLOSED);
    }
    if (!in->challenge_id) {
        return cloudep_challenge_gone(ctx);
    }
    if (cloudep_failed(outcome = find_challenge(ctx, tenant, in, &challenge, &way)) ||
        cloudep_failed(outcome = find_member(ctx, challenge, way, &member)) ||
        cloudep_failed(outcome = cloudep_check_code(ctx, challenge, in->code))) {
        return outcome;
    }
    return log_in(ctx, tenant, challenge, member, way, out);
}
