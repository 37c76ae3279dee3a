/*
 * registration_concealed.c - registering and resuming without telling whether an email is taken.
 *
 * A registration of a taken email makes a decoy: a pending member under an address that does not exist, created at the
 * provider, with a use of the invite and a challenge. So the uid, the challenge, the invite and the time are as for a
 * free email. Only the mail differs, and no code is right. The sweep removes the decoy as it removes every registration
 * that was not confirmed.
 */
#include "flow/registration_steps.h"
#include "service/account.h"
#include "service/decoy.h"

/* The decoy that stands for the registrant's email; *member NULL: there is none yet. */
static cloudep_outcome_t find_decoy(cloudep_context_t *ctx, const cloudep_registrant_t *who, const char **email,
                                    const cloudep_member_t **member)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_decoy_email(ctx, email, who->receiver.tenant->id, who->receiver.target);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = cloudep_member_by_email(cloudep_database(ctx), ctx->p, &tenant, member, who->receiver.tenant->slug, *email);
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the decoy");
}

static int is_pending(const cloudep_member_t *member)
{
    return member && member->status == CLOUDEP_MEMBER_PENDING;
}

static int is_taken(cloudep_outcome_t outcome)
{
    return outcome.reason == CLOUDEP_EMAIL_TAKEN || outcome.reason == CLOUDEP_REGISTRATION_PENDING;
}

/* The member, where there is one who can be told by mail. */
static const cloudep_member_t *owner_of(const cloudep_member_t *member)
{
    return member && (member->status == CLOUDEP_MEMBER_ACTIVE || member->status == CLOUDEP_MEMBER_SUSPENDED) ? member
                                                                                                             : NULL;
}

/*
 * A member who is pending already gets one more attempt. The member's row is not updated: an email that nobody
 * registered has no row, and the time of the update would tell the two apart. An attempt is stored for both.
 */
static void use_pending(cloudep_registrant_t *who, const cloudep_member_t *member)
{
    who->attempt.member_uid = member->uid;
    who->receiver.language = member->language;
}

cloudep_outcome_t cloudep_find_concealed(cloudep_context_t *ctx, const cloudep_member_t *member,
                                         cloudep_registrant_t *who)
{
    const char *email;
    const cloudep_member_t *decoy;
    cloudep_outcome_t outcome = find_decoy(ctx, who, &email, &decoy);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (is_pending(member)) {
        use_pending(who, member);
        return cloudep_done();
    }
    who->receiver.decoy = 1;
    if (is_pending(decoy)) {
        use_pending(who, decoy);
    }
    return cloudep_done();
}

/* Stores one more attempt. Takes as long as a new registration. */
static cloudep_outcome_t add_attempt(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                     const cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                     cloudep_challenge_answer_t *out)
{
    cloudep_idp_context_t at;

    cloudep_idp(ctx, &at)->pretend(&at, user, in->password);
    return cloudep_send_attempt_code(ctx, who, out);
}

/* The registration of an email that is taken. */
static cloudep_outcome_t enrol_decoy(cloudep_context_t *ctx, const cloudep_registration_t *in, cloudep_idp_user_t *user,
                                     cloudep_registrant_t *who, const char *email, const cloudep_member_t *decoy,
                                     cloudep_challenge_answer_t *out)
{
    cloudep_outcome_t outcome;

    who->receiver.decoy = 1;
    if (!decoy) {
        user->email = email;
        outcome = cloudep_enrol(ctx, in, user, who, out);
        if (!is_taken(outcome)) {
            return outcome;
        }
    }
    if (is_pending(decoy)) {
        use_pending(who, decoy);
    }
    return add_attempt(ctx, in, user, who, out);
}

cloudep_outcome_t cloudep_enrol_concealed(cloudep_context_t *ctx, const cloudep_registration_t *in,
                                          cloudep_idp_user_t *user, cloudep_registrant_t *who,
                                          cloudep_challenge_answer_t *out)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const cloudep_member_t *decoy;
    const char *email;
    cloudep_outcome_t outcome = cloudep_find_account(ctx, user->tenant->slug, user->email, &tenant, &member);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = find_decoy(ctx, who, &email, &decoy);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!member) {
        outcome = cloudep_enrol(ctx, in, user, who, out);
        if (!is_taken(outcome)) {
            return outcome; /* else taken by another request, or at the provider */
        }
    }
    if (is_pending(member)) {
        use_pending(who, member);
        return add_attempt(ctx, in, user, who, out);
    }
    who->owner = owner_of(member);
    return enrol_decoy(ctx, in, user, who, email, decoy, out);
}
