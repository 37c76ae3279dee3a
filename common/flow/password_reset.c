/*
 * password_reset.c - see password_reset.h.
 *
 * A reset proves the mailbox and nothing else: it issues no tokens and does not touch second factors. It ends every
 * session and every open challenge of the member.
 */
#include "flow/password_reset.h"

#include <stddef.h>
#include <string.h>
#include "base/status.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/decoy.h"
#include "service/network.h"
#include "service/one_time_link.h"
#include "service/password.h"

/* Whether the member may reset a password here. A member who has not confirmed the address resumes instead. */
static cloudep_outcome_t check_member(const cloudep_member_t *member)
{
    if (!member || (member->status != CLOUDEP_MEMBER_ACTIVE && member->status != CLOUDEP_MEMBER_SUSPENDED)) {
        return cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN);
    }
    if (member->status == CLOUDEP_MEMBER_SUSPENDED) {
        return cloudep_refuse(CLOUDEP_SUSPENDED);
    }
    if (!member->has_password && !member->password_due) {
        return cloudep_refuse(CLOUDEP_PASSWORD_ELSEWHERE);
    }
    return cloudep_done();
}

cloudep_outcome_t cloudep_forgot_password(cloudep_context_t *ctx, const cloudep_forgot_t *in,
                                          cloudep_forgot_result_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email};
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &tenant, &member);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    receiver.tenant = tenant;
    outcome = in->conceals ? cloudep_member_or_always_decoy(ctx, check_member(member), member, &receiver)
                           : cloudep_member_or_decoy(ctx, check_member(member), member, &receiver);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_send_code_in_turn(ctx, &receiver, CLOUDEP_PURPOSE_PASSWORD_RESET, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    out->challenge_id = challenge->id;
    out->expires_in = cloudep_challenge_remaining(challenge);
    return cloudep_done();
}

/* member NULL: the code was not checked yet. The name is left out then, or a refusal would confirm a guess at it. */
static cloudep_outcome_t check_rules(cloudep_context_t *ctx, const cloudep_reset_t *in,
                                     const cloudep_challenge_t *challenge, const cloudep_member_t *member)
{
    const char *const words[] = {challenge->spec.target, in->tenant_slug, member ? member->display_name : NULL, NULL};

    return cloudep_check_password_rules(ctx, offsetof(cloudep_reset_t, new_password), in->new_password, words);
}

/* The member of the challenge. Whoever has the code is told what became of the account meanwhile. */
static cloudep_outcome_t find_member(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                     const cloudep_member_t **member)
{
    apr_status_t rv =
        cloudep_member_by_uid(cloudep_database(ctx), ctx->p, member, challenge->spec.tenant_id, challenge->spec.uid);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN);
    }
    return rv == APR_SUCCESS ? check_member(*member) : cloudep_failure(ctx, rv, "looking up the member");
}

/*
 * What may fail and be tried again with the same code. The code proves the address, so it has to be the member's still.
 * The generation is not asked for: a code opens no session, and whoever holds a session of the member's could put the
 * owner's reset off for as long as they like by changing something else again and again.
 */
static cloudep_outcome_t change_password(cloudep_context_t *ctx, const cloudep_reset_t *in,
                                         const cloudep_tenant_t *tenant, const cloudep_challenge_t *challenge,
                                         const cloudep_member_t *member)
{
    const cloudep_password_change_t change = {.email = challenge->spec.target, .reason = "password_reset"};
    cloudep_outcome_t outcome = member->display_name ? check_rules(ctx, in, challenge, member) : cloudep_done();

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome =
        cloudep_set_password(ctx, tenant, member, offsetof(cloudep_reset_t, new_password), in->new_password, &change);
    return outcome.reason == CLOUDEP_CREDENTIALS_CHANGED ? cloudep_refuse(CLOUDEP_ACCOUNT_UNKNOWN) : outcome;
}

/*
 * The challenge is consumed first, so that of parallel requests one sets its password. Until the sessions have ended
 * nothing is lost by a failure: the challenge is put back, and the same code can finish the work.
 */
static cloudep_outcome_t finish(cloudep_context_t *ctx, const cloudep_reset_t *in, const cloudep_tenant_t *tenant,
                                const cloudep_challenge_t *challenge, const cloudep_member_t *member)
{
    cloudep_outcome_t outcome = cloudep_consume_challenge(ctx, challenge);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = change_password(ctx, in, tenant, challenge, member);
    if (cloudep_failed(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
        return outcome;
    }
    rv = cloudep_challenge_invalidate(cloudep_challenges(ctx), tenant->id, member->uid);
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "ending the open challenges");
}

/* The newest challenge of an email that was asked for by the client's network. */
static cloudep_outcome_t find_newest(cloudep_context_t *ctx, const cloudep_reset_t *in, const char **challenge_id)
{
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email};
    const cloudep_member_t *member;
    apr_status_t rv;
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &receiver.tenant, &member);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_member_or_always_decoy(ctx, check_member(member), member, &receiver))) {
        return outcome;
    }
    rv = cloudep_challenge_newest(challenge_id, cloudep_challenges(ctx),
                                  &(const cloudep_challenge_spec_t){.tenant_id = receiver.tenant->id,
                                                                    .purpose = CLOUDEP_PURPOSE_PASSWORD_RESET,
                                                                    .uid = receiver.uid},
                                  ctx->network, ctx->p);
    if (rv == APR_NOTFOUND) {
        return cloudep_challenge_gone(ctx);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking for a challenge");
}

cloudep_outcome_t cloudep_reset_password(cloudep_context_t *ctx, const cloudep_reset_t *in)
{
    const char *challenge_id = in->challenge_id;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_challenge_t *challenge;
    cloudep_outcome_t outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!challenge_id && cloudep_failed(outcome = find_newest(ctx, in, &challenge_id))) {
        return outcome;
    }
    outcome = cloudep_find_challenge(ctx, tenant->id, CLOUDEP_PURPOSE_PASSWORD_RESET, challenge_id, &challenge);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (in->email && strcmp(challenge->spec.target, in->email)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    outcome = check_rules(ctx, in, challenge, NULL);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_code(ctx, challenge, in->code);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = find_member(ctx, challenge, &member);
    return cloudep_failed(outcome) ? outcome : finish(ctx, in, tenant, challenge, member);
}

/* ---- by a link ---- */

#define LINK_REQUEST_LIFETIME 3600 /* seconds after which a link that was asked for is not mailed any more */

/* The message gets its link when it is sent, so that asking is the same work for anybody. */
static cloudep_outcome_t ask_for_link(cloudep_context_t *ctx, const cloudep_code_receiver_t *receiver)
{
    const cloudep_draft_t draft = {.tenant_id = receiver->tenant->id,
                                   .uid = receiver->uid,
                                   .channel = CLOUDEP_CHANNEL_MAIL,
                                   .target = receiver->decoy ? CLOUDEP_DECOY_TARGET : receiver->target,
                                   .language = receiver->language,
                                   .template = CLOUDEP_TEMPLATE_FORGOT_LINK,
                                   .lifetime = receiver->decoy ? 0 : LINK_REQUEST_LIFETIME};
    const cloudep_message_t *message = NULL;
    cloudep_outcome_t outcome = cloudep_claim_cooldown(ctx, receiver, CLOUDEP_TEMPLATE_FORGOT_LINK);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_message_new(ctx, &message, &draft);
    if (!cloudep_failed(outcome)) {
        outcome = cloudep_store_code(ctx, message);
    }
    if (cloudep_failed(outcome)) {
        cloudep_release_cooldown(ctx, receiver, CLOUDEP_TEMPLATE_FORGOT_LINK);
    }
    return outcome;
}

cloudep_outcome_t cloudep_forgot_by_link(cloudep_context_t *ctx, const cloudep_forgot_t *in)
{
    const cloudep_member_t *member;
    cloudep_code_receiver_t receiver = {.channel = CLOUDEP_CHANNEL_MAIL, .target = in->email};
    cloudep_outcome_t outcome;

    if (!ctx->config->account_url) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &receiver.tenant, &member);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_member_or_always_decoy(ctx, check_member(member), member, &receiver);
    return cloudep_failed(outcome) ? outcome : ask_for_link(ctx, &receiver);
}

/* A link that there is not, in a known tenant: whoever tries many has to wait. */
static cloudep_outcome_t link_gone(cloudep_context_t *ctx)
{
    const cloudep_outcome_t counted = cloudep_count_network_failure(ctx, CLOUDEP_FAILED_CHALLENGE);

    return cloudep_failed(counted) ? counted : cloudep_refuse(CLOUDEP_LINK_GONE);
}

/* The link, where it may be of one tenant only. */
static cloudep_outcome_t find_link(cloudep_context_t *ctx, const cloudep_link_reset_t *in, cloudep_link_t *link)
{
    const cloudep_tenant_t *tenant = NULL;
    cloudep_outcome_t outcome = in->tenant_slug ? cloudep_find_tenant(ctx, in->tenant_slug, &tenant) : cloudep_done();

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_find_link(ctx, in->token, link);
    if (!tenant || (cloudep_failed(outcome) && outcome.reason != CLOUDEP_LINK_GONE)) {
        return outcome;
    }
    return cloudep_failed(outcome) || strcmp(link->tenant_id, tenant->id) ? link_gone(ctx) : outcome;
}

/* The member of a link and their tenant. A first password is for whoever has none; a reset, for whom it may be. */
static cloudep_outcome_t find_by_link(cloudep_context_t *ctx, const cloudep_link_t *link,
                                      const cloudep_tenant_t **tenant, const cloudep_member_t **member)
{
    const int first = !strcmp(link->kind, CLOUDEP_LINK_FIRST_PASSWORD);
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, link->tenant_id, tenant);
    apr_status_t rv;

    if (cloudep_failed(outcome) || (!first && strcmp(link->kind, CLOUDEP_LINK_RESET))) {
        return cloudep_refuse(CLOUDEP_LINK_GONE);
    }
    rv = cloudep_member_by_uid(cloudep_database(ctx), ctx->p, member, link->tenant_id, link->uid);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? cloudep_refuse(CLOUDEP_LINK_GONE)
                                  : cloudep_failure(ctx, rv, "looking up the member");
    }
    return first && (*member)->status == CLOUDEP_MEMBER_ACTIVE ? cloudep_done() : check_member(*member);
}

/* The link is used up first, so that of parallel requests one sets its password; what fails gives it back. */
static cloudep_outcome_t finish_by_link(cloudep_context_t *ctx, const cloudep_link_reset_t *in,
                                        const cloudep_link_t *link, const cloudep_tenant_t *tenant,
                                        const cloudep_member_t *member)
{
    const cloudep_password_change_t change = {.email = member->email, .reason = "password_reset"};
    cloudep_outcome_t outcome = cloudep_use_link(ctx, link);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_set_password(ctx, tenant, member, offsetof(cloudep_link_reset_t, new_password), in->new_password,
                                   &change);
    if (cloudep_failed(outcome)) {
        cloudep_restore_link(ctx, link);
        return outcome.reason == CLOUDEP_CREDENTIALS_CHANGED ? cloudep_refuse(CLOUDEP_LINK_GONE) : outcome;
    }
    cloudep_end_challenges(ctx, tenant->id, member->uid);
    return cloudep_done();
}

cloudep_outcome_t cloudep_reset_by_link(cloudep_context_t *ctx, const cloudep_link_reset_t *in)
{
    cloudep_link_t link;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_outcome_t outcome = find_link(ctx, in, &link);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = find_by_link(ctx, &link, &tenant, &member))) {
        return outcome;
    }
    const char *const words[] = {member->email, tenant->slug, member->display_name, NULL};

    outcome = cloudep_check_password_rules(ctx, offsetof(cloudep_link_reset_t, new_password), in->new_password, words);
    return cloudep_failed(outcome) ? outcome : finish_by_link(ctx, in, &link, tenant, member);
}
