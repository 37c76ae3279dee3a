/*
 * undo.c - see undo.h.
 */
#include "flow/undo.h"

#include <stddef.h>
#include <string.h>
#include "base/status.h"
#include "idp/idp.h"
#include "outbox/message.h"
#include "service/code.h"
#include "service/notice.h"
#include "service/one_time_link.h"
#include "service/password.h"
#include "service/second_factor.h"

/* The member of the link, as they are now, with what is enrolled. */
static cloudep_outcome_t load(cloudep_context_t *ctx, const cloudep_link_t *link, const cloudep_totp_t **totp)
{
    apr_status_t rv = cloudep_totp_load(cloudep_database(ctx), ctx->p, totp, link->tenant_id, link->uid);

    if (rv == APR_NOTFOUND || strcmp(link->kind, CLOUDEP_LINK_UNDO)) {
        return cloudep_refuse(CLOUDEP_LINK_GONE);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the member");
}

/*
 * A factor from before the change is the owner's, and the mailbox alone does not go round it. The one that is undone is
 * never asked for.
 */
static cloudep_outcome_t prove_older_factor(cloudep_context_t *ctx, const cloudep_undo_t *in,
                                            const cloudep_link_t *link, const cloudep_totp_t *totp)
{
    cloudep_outcome_t outcome;

    if (!totp->secret || totp->enrolled_at >= link->undoes_at) {
        return cloudep_done();
    }
    if (!in->code) {
        return cloudep_refuse(CLOUDEP_SECOND_FACTOR_NEEDED);
    }
    outcome = cloudep_factor_format(offsetof(cloudep_undo_t, code), in->code);
    return cloudep_failed(outcome) ? outcome : cloudep_factor_prove(ctx, totp, in->code, NULL);
}

/*
 * Where the provider keeps the passwords, it gets one that nobody knows, before anything is undone here: if it cannot,
 * the link is still good. Where it is stored here its row goes with the undoing.
 */
static cloudep_outcome_t take_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                       const cloudep_member_t *member)
{
    cloudep_idp_context_t at;

    return cloudep_idp(ctx, &at)->stored_here || !member->has_password ? cloudep_done()
                                                                       : cloudep_spoil_password(ctx, tenant, member);
}

/* The provider gets the address before, as that of flow/email_change.c was told of the other one. */
static cloudep_outcome_t restore_address(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member)
{
    cloudep_idp_context_t at;
    const cloudep_idp_user_t user = {.tenant = tenant,
                                     .uid = member->uid,
                                     .email = member->email,
                                     .first_password = !member->has_password && !member->password_due};
    apr_status_t rv = cloudep_idp(ctx, &at)->change_email(&at, &user);

    return rv == APR_SUCCESS ? cloudep_done()
                             : cloudep_failure(ctx, rv, "restoring the address at the identity provider");
}

/* What the identity provider has to undo. member: as after the undoing. */
static cloudep_outcome_t undo_at_provider(cloudep_context_t *ctx, const cloudep_link_t *link,
                                          const cloudep_tenant_t *tenant, const cloudep_member_t *member)
{
    cloudep_outcome_t outcome = link->restores ? restore_address(ctx, tenant, member) : cloudep_done();

    return cloudep_failed(outcome) ? outcome : take_password(ctx, tenant, member);
}

/* The notice that it was undone. */
static const char *template_of(const cloudep_link_t *link)
{
    return !strcmp(link->undoes, CLOUDEP_UNDOES_EMAIL)     ? "email_undone"
           : !strcmp(link->undoes, CLOUDEP_UNDOES_PASSKEY) ? "passkey_undone"
                                                           : "totp_undone";
}

static cloudep_outcome_t undo(cloudep_context_t *ctx, const cloudep_link_t *link, const cloudep_totp_t *totp)
{
    const cloudep_message_t *notice;
    cloudep_member_t member = *totp->member;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    member.email = link->restores ? link->restores : member.email;
    outcome = cloudep_notice_new(ctx, &notice, totp->tenant, &member, template_of(link), 0);
    if (cloudep_failed(outcome) || cloudep_failed(outcome = undo_at_provider(ctx, link, totp->tenant, &member))) {
        return outcome;
    }
    rv = cloudep_link_undo(cloudep_database(ctx), ctx->p, link, notice);
    if (rv == CLOUDEP_ECONFLICT) {
        return cloudep_refuse(CLOUDEP_EMAIL_TAKEN);
    }
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_LINK_GONE);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "undoing");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_undo(cloudep_context_t *ctx, const cloudep_undo_t *in)
{
    cloudep_link_t link;
    const cloudep_totp_t *totp;
    cloudep_outcome_t outcome = cloudep_find_link(ctx, in->token, &link);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = load(ctx, &link, &totp)) ||
        cloudep_failed(outcome = prove_older_factor(ctx, in, &link, totp)) ||
        cloudep_failed(outcome = undo(ctx, &link, totp))) {
        return outcome;
    }
    cloudep_end_challenges(ctx, link.tenant_id, link.uid); /* a login under way by the old password */
    return outcome;
}
