/*
 * linked_account.c - see linked_account.h.
 */
#include "flow/linked_account.h"

#include <stddef.h>
#include <string.h>
#include "base/status.h"
#include "base/text/validate.h"
#include "flow/purpose.h"
#include "idp/idp.h"
#include "oidc/oidc.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/freshness.h"
#include "service/notice.h"

/* ---- listing ---- */

static const char *provider_of(const cloudep_context_t *ctx, const char *issuer)
{
    const cloudep_oidc_t *oidc = ctx->config->run->oidc;

    for (int i = 0; oidc && i < oidc->social->nelts; i++) {
        const cloudep_oidc_provider_t *provider = APR_ARRAY_IDX(oidc->social, i, const cloudep_oidc_provider_t *);

        if (!strcmp(provider->issuer, issuer)) {
            return provider->name;
        }
    }
    return NULL;
}

cloudep_outcome_t cloudep_linked_accounts(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                          apr_array_header_t **list)
{
    apr_array_header_t *rows;
    apr_status_t rv = cloudep_identity_list(cloudep_database(ctx), ctx->p, &rows, who->tenant_id, who->uid);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "reading the linked accounts");
    }
    *list = apr_array_make(ctx->p, rows->nelts, sizeof(cloudep_linked_account_t));
    for (int i = 0; i < rows->nelts; i++) {
        const cloudep_linked_t *row = &APR_ARRAY_IDX(rows, i, cloudep_linked_t);

        APR_ARRAY_PUSH(*list, cloudep_linked_account_t) =
            (cloudep_linked_account_t){.id = row->id,
                                       .provider = provider_of(ctx, row->issuer),
                                       .issuer = row->issuer,
                                       .subject = row->subject,
                                       .created_at = row->created_at};
    }
    return cloudep_done();
}

/* ---- linking ---- */

/* Development headers have no session that could end what it began. */
static cloudep_outcome_t check_session(const cloudep_principal_t *who, cloudep_reason_e gone)
{
    if (!who->session_id) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    return who->member ? cloudep_done() : cloudep_refuse(gone);
}

cloudep_outcome_t cloudep_start_link(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                     const cloudep_link_start_t *in, cloudep_social_start_t *out)
{
    const cloudep_social_t social = {.purpose = CLOUDEP_PURPOSE_SOCIAL_LINK,
                                     .tenant_id = who->tenant_id,
                                     .provider = in->provider,
                                     .redirect_uri = in->redirect_uri,
                                     .live_session = who->session_id};
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = check_session(who, CLOUDEP_SUBJECT_GONE);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = cloudep_social_find(ctx, offsetof(cloudep_link_start_t, provider), in->provider)) ||
        cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant))) {
        return outcome;
    }
    outcome = cloudep_social_check_redirect(tenant, offsetof(cloudep_link_start_t, redirect_uri), in->redirect_uri);
    return cloudep_failed(outcome) ? outcome : cloudep_social_depart(ctx, &social, NULL, out);
}

/* The notice, to the member. */
static cloudep_outcome_t tell(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *template,
                              const cloudep_message_t **notice)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant);

    return cloudep_failed(outcome) ? outcome : cloudep_notice_new(ctx, notice, tenant, who->member, template, 0);
}

static cloudep_outcome_t store_link(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                    cloudep_identity_t *identity)
{
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome = cloudep_new_uid(ctx, &identity->id);
    apr_status_t rv;

    if (cloudep_failed(outcome) || cloudep_failed(outcome = tell(ctx, who, "account_linked", &notice))) {
        return outcome;
    }
    rv = cloudep_identity_link(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, identity, notice);
    if (rv == CLOUDEP_ECONFLICT || rv == APR_NOTFOUND) {
        return cloudep_refuse(rv == APR_NOTFOUND ? CLOUDEP_MEMBER_UNKNOWN : CLOUDEP_ACCOUNT_LINKED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "linking the account");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_confirm_link(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                       const cloudep_link_confirm_t *in)
{
    const cloudep_social_callback_t back = {
        .code = in->code, .state = in->state, .issuer = in->issuer, .session_id = who->session_id};
    const cloudep_social_login_t *login;
    cloudep_identity_t identity = {0};
    cloudep_outcome_t outcome = check_session(who, CLOUDEP_MEMBER_UNKNOWN);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_social_arrive(ctx, CLOUDEP_PURPOSE_SOCIAL_LINK, &back, &login)) ||
        cloudep_failed(outcome = cloudep_social_identify(ctx, login, in->code, &identity))) {
        return outcome;
    }
    return store_link(ctx, who, &identity);
}

/* ---- unlinking ---- */

/*
 * Where the identity provider itself served as social provider, that login made a user there, which nobody needs any
 * more. The member's own user has our uid as its name and stays.
 */
static void remove_user(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_identity_t *identity)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    const cloudep_idp_user_t user = {.uid = identity->subject};

    if (!idp || !idp->is_issuer || !idp->is_issuer(ctx->config, identity->issuer) ||
        !strcmp(identity->subject, who->uid) || !cloudep_is_id(identity->subject)) {
        return;
    }
    if (idp->remove(&at, &user) != APR_SUCCESS) {
        CLOUDEP_LOG(ctx, WARNING, 0, CENO(1361) "user %s, of an unlinked account, is still at the identity provider",
                    identity->subject);
    }
}

cloudep_outcome_t cloudep_unlink(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_unlink_t *in)
{
    cloudep_identity_t identity = {.id = in->id};
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    if (!cloudep_is_uuid(in->id)) {
        return cloudep_refuse(CLOUDEP_ACCOUNT_NOT_LINKED);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = tell(ctx, who, "account_unlinked", &notice))) {
        return outcome;
    }
    rv = cloudep_identity_unlink(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, &identity, notice);
    switch (rv) {
    case APR_SUCCESS:
        cloudep_outbox_wake(ctx);
        remove_user(ctx, who, &identity);
        return cloudep_done();
    case APR_NOTFOUND:
        return cloudep_refuse(CLOUDEP_ACCOUNT_NOT_LINKED);
    case CLOUDEP_EREFUSED:
        return cloudep_refuse(CLOUDEP_LAST_WAY_IN);
    case CLOUDEP_ECHANGED:
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    default:
        return cloudep_failure(ctx, rv, "unlinking the account");
    }
}
