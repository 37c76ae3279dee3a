/*
 * password.c - see password.h.
 */
#include "service/password.h"

#include <string.h>

#include "base/crypto/random.h"
#include "base/status.h"
#include "base/text/opaque_string.h"
#include "base/text/validate.h"
#include "outbox/message.h"
#include "service/budget.h"
#include "service/notice.h"

/* ---- comparing ---- */

/*
 * A password that was set in version 1.0 is at the provider as it was typed then. Once it is typed in the form of RFC
 * 8265, the provider is known to have that, and whatever makes the same form is right from then on. In ASCII both are
 * one.
 */
static void note_form(cloudep_context_t *ctx, const cloudep_member_t *member, const char *password)
{
    const char *form;

    if (!member || member->password_form ||
        cloudep_password_prepare(&form, NULL, ctx->p, CLOUDEP_PASSWORD_OPAQUE, password) != APR_SUCCESS ||
        strcmp(form, password) != 0 || cloudep_is_ascii(password)) {
        return;
    }
    (void)cloudep_password_note_form(cloudep_database(ctx), ctx->p, member);
}

/* What the provider says of a password, as far as it may count. */
static apr_status_t compare(cloudep_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                            int may_be_right)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    apr_status_t rv = idp->verify(&at, user, password);

    if (rv == APR_SUCCESS && !idp->stored_here) {
        note_form(ctx, user->member, password);
    }
    /* Whatever the provider says: nobody has no right password. */
    return rv == APR_SUCCESS && (!user->uid || !may_be_right) ? CLOUDEP_EFORGED : rv;
}

cloudep_outcome_t cloudep_compare_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                           const cloudep_member_t *member, const char *email, const char *password,
                                           int may_be_right)
{
    const cloudep_idp_user_t user = {
        .tenant = tenant, .uid = member ? member->uid : NULL, .email = email, .member = member};
    cloudep_guess_t guess;
    cloudep_outcome_t outcome = cloudep_guess_begin(ctx, &guess, CLOUDEP_BUDGET_PASSWORD, tenant->id, user.uid, email);
    apr_status_t rv;

    cloudep_note(ctx, NULL, NULL, "pwd");
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = compare(ctx, &user, password, may_be_right);
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_guess_passed(ctx, &guess);
    case CLOUDEP_EFORGED:
        return cloudep_guess_failed(ctx, &guess, CLOUDEP_CREDENTIALS_WRONG);
    case CLOUDEP_EREFUSED:
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    default:
        return cloudep_failure(ctx, rv, "checking the password");
    }
}

/* ---- setting ---- */

/* *reason: why the provider refuses the password, with CLOUDEP_EREFUSED; it may have said nothing. */
static apr_status_t give(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                         const char *password, const char **phc, const char **reason)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    const cloudep_idp_user_t user = {.tenant = tenant,
                                     .uid = member->uid,
                                     .email = member->email,
                                     .display_name = member->display_name,
                                     .language = member->language,
                                     .first_password = !member->has_password};
    const char *form;

    *reason = NULL;
    if (cloudep_password_prepare(&form, reason, ctx->p, CLOUDEP_PASSWORD_OPAQUE, password) != APR_SUCCESS) {
        return CLOUDEP_EREFUSED;
    }
    return idp->set_password(&at, &user, form, phc, reason);
}

static cloudep_outcome_t set_at_provider(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member, apr_size_t field, const char *password,
                                         const char **phc)
{
    const char *reason;
    apr_status_t rv = give(ctx, tenant, member, password, phc, &reason);

    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_invalid(field, CLOUDEP_RULE_PASSWORD, reason ? reason : "is refused by the identity provider");
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "setting the password");
}

cloudep_outcome_t cloudep_spoil_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member)
{
    const char *reason;
    const char *random;
    const char *phc;
    apr_status_t rv = cloudep_random_password(&random, ctx->p);

    if (rv == APR_SUCCESS) {
        rv = give(ctx, tenant, member, random, &phc, &reason);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "taking the password away");
}

/* CREDENTIALS_CHANGED. */
static cloudep_outcome_t store(cloudep_context_t *ctx, const cloudep_password_change_t *change,
                               const cloudep_message_t *notice)
{
    apr_status_t rv = cloudep_password_change(cloudep_database(ctx), ctx->p, change, notice);

    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the password");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

/*
 * The provider has a password that came too late: another change was first, whose password it has overwritten. Nobody
 * is to get in by it, so one takes its place that nobody knows, and a reset sets the next.
 */
static void take_away(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                      const cloudep_message_t *notice)
{
    const cloudep_password_change_t change = {
        .tenant_id = tenant->id, .uid = member->uid, .due = 1, .reason = "password_taken_away"};
    cloudep_outcome_t outcome;

    CLOUDEP_LOG(ctx, WARNING, 0,
                CENO(1120) "member %s: two changes of the password at once at the identity provider:"
                           " neither counts, a reset sets the next",
                member->uid);
    outcome = cloudep_spoil_password(ctx, tenant, member);
    if (!cloudep_failed(outcome)) {
        outcome = store(ctx, &change, notice);
    }
    if (cloudep_failed(outcome)) {
        CLOUDEP_LOG(ctx, ERR, 0,
                    CENO(1121) "member %s: the identity provider may have a password that came too late"
                               " (%s): reset it",
                    member->uid, cloudep_reason_word(outcome.reason));
    }
}

cloudep_outcome_t cloudep_set_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                       const cloudep_member_t *member, apr_size_t field, const char *password,
                                       const cloudep_password_change_t *demands)
{
    cloudep_password_change_t change = *demands;
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome = cloudep_notice_new(ctx, &notice, tenant, member, "password_changed", 0);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = set_at_provider(ctx, tenant, member, field, password, &change.phc))) {
        return outcome;
    }
    change.tenant_id = tenant->id;
    change.uid = member->uid;
    outcome = store(ctx, &change, notice);
    if (outcome.reason == CLOUDEP_CREDENTIALS_CHANGED && !change.phc) {
        take_away(ctx, tenant, member, notice);
    }
    return outcome;
}
