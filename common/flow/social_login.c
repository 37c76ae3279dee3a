/*
 * social_login.c - see social_login.h.
 *
 * The provider says who has logged in, by issuer and subject. Its email address is used for a registration only, and
 * only where no member has it: an address alone never opens an existing account.
 */
#include "flow/social_login.h"

#include <stddef.h>
#include <apr_strings.h>
#include "base/jose/oidc_request.h"
#include "flow/admission.h"
#include "flow/purpose.h"
#include "service/account.h"

#define AMR "fed" /* authenticated elsewhere */

/* ---- register ---- */

cloudep_outcome_t cloudep_social_register_start(cloudep_context_t *ctx, const cloudep_social_registration_t *in,
                                                cloudep_social_start_t *out)
{
    cloudep_social_t social = {.purpose = CLOUDEP_PURPOSE_SOCIAL_REGISTER,
                               .provider = in->provider,
                               .redirect_uri = in->redirect_uri,
                               .invite_code = in->invite_code,
                               .terms_version = in->terms_version,
                               .language = in->language,
                               .marketing_opt_in = in->marketing_opt_in};
    cloudep_admission_t admission;
    cloudep_outcome_t outcome =
        cloudep_social_find(ctx, offsetof(cloudep_social_registration_t, provider), in->provider);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = cloudep_check_admission(ctx, in->tenant_slug, in->invite_code, NULL, &admission);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (!admission.tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED);
    }
    outcome = cloudep_social_check_redirect(admission.tenant, offsetof(cloudep_social_registration_t, redirect_uri),
                                            in->redirect_uri);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    social.tenant_id = admission.tenant->id;
    return cloudep_social_depart(ctx, &social, in->browser, out);
}

static cloudep_outcome_t create(cloudep_context_t *ctx, const cloudep_tenant_t *tenant, const cloudep_social_t *social,
                                const cloudep_social_account_t *account, const cloudep_session_t **out)
{
    cloudep_applicant_t applicant = {.tenant_id = tenant->id,
                                     .email = account->email,
                                     .invite_code = social->invite_code,
                                     .origin = social->provider,
                                     .provider = social->provider,
                                     .display_name = account->name,
                                     .language = social->language,
                                     .terms_version = social->terms_version,
                                     .marketing_opt_in = social->marketing_opt_in};
    cloudep_identity_t identity = account->identity;
    cloudep_session_t *session;
    cloudep_outcome_t outcome = cloudep_new_uid(ctx, &applicant.uid);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_new_uid(ctx, &identity.id))) {
        return outcome;
    }
    outcome = cloudep_session_new(ctx, &session, tenant->id, applicant.uid, AMR,
                                  apr_pstrcat(ctx->p, CLOUDEP_OPENED_IDENTITY, identity.id, NULL));
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    cloudep_note(ctx, NULL, applicant.uid, NULL);
    rv = cloudep_identity_register(cloudep_database(ctx), ctx->p, &applicant, &identity, session);
    switch (rv) {
    case APR_SUCCESS:
        *out = session;
        return cloudep_done();
    case CLOUDEP_ECONFLICT:
        return cloudep_refuse(CLOUDEP_ACCOUNT_EXISTS);
    case CLOUDEP_ELOCKED:
        return cloudep_wait(CLOUDEP_INVITE_BUSY, 1);
    case APR_NOTFOUND:
        /* It was good at the start. */
        return cloudep_explain_refused_invite(ctx, tenant->slug, social->invite_code, NULL);
    default:
        return cloudep_failure(ctx, rv, "creating the member");
    }
}

cloudep_outcome_t cloudep_social_register_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in,
                                                 const cloudep_session_t **session)
{
    const cloudep_social_login_t *login;
    const cloudep_social_t *social;
    const cloudep_tenant_t *tenant;
    cloudep_social_account_t account;
    cloudep_outcome_t outcome = cloudep_social_arrive(ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, in, &login);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    social = cloudep_social_remembered(login);
    if (cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, social->tenant_id, &tenant))) {
        return outcome;
    }
    if (!tenant->registration) {
        return cloudep_refuse(CLOUDEP_REGISTRATION_CLOSED);
    }
    if (!tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED);
    }
    if (cloudep_failed(outcome = cloudep_social_redeem(ctx, login, in->code, &account))) {
        return outcome;
    }
    return create(ctx, tenant, social, &account, session);
}

/* ---- log in ---- */

cloudep_outcome_t cloudep_social_login_start(cloudep_context_t *ctx, const cloudep_social_entry_t *in,
                                             cloudep_social_start_t *out)
{
    cloudep_social_t social = {
        .purpose = CLOUDEP_PURPOSE_SOCIAL_LOGIN, .provider = in->provider, .redirect_uri = in->redirect_uri};
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_social_find(ctx, offsetof(cloudep_social_entry_t, provider), in->provider);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_find_tenant(ctx, in->tenant_slug, &tenant))) {
        return outcome;
    }
    if (!tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED);
    }
    outcome = cloudep_social_check_redirect(tenant, offsetof(cloudep_social_entry_t, redirect_uri), in->redirect_uri);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    social.tenant_id = tenant->id;
    return cloudep_social_depart(ctx, &social, in->browser, out);
}

cloudep_outcome_t cloudep_social_login_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in,
                                              cloudep_login_result_t *out)
{
    const cloudep_social_login_t *login;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_identity_t identity = {0};
    cloudep_first_factor_t first = {.amr = AMR};
    cloudep_outcome_t outcome = cloudep_social_arrive(ctx, CLOUDEP_PURPOSE_SOCIAL_LOGIN, in, &login);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_social_identify(ctx, login, in->code, &identity))) {
        return outcome;
    }
    rv = cloudep_identity_member(cloudep_database(ctx), ctx->p, &tenant, &member,
                                 cloudep_social_remembered(login)->tenant_id, &identity, NULL);
    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !member)) {
        return cloudep_refuse(CLOUDEP_IDENTITY_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    cloudep_note(ctx, NULL, member->uid, NULL);
    first.opened_with = apr_pstrcat(ctx->p, CLOUDEP_OPENED_IDENTITY, identity.id, NULL);
    return cloudep_complete_login(ctx, tenant, member, &first, out);
}

/* ---- form_post ---- */

cloudep_outcome_t cloudep_social_pass_on(cloudep_context_t *ctx, const char *purpose, const cloudep_social_form_t *in,
                                         const char **location)
{
    const struct {
        const char *name, *value;
    } fields[] = {{"code", in->code}, {"error", in->error}, {"state", in->state}, {"iss", in->issuer}};
    apr_table_t *query = apr_table_make(ctx->p, 4);
    const char *page;
    cloudep_outcome_t outcome = cloudep_social_find_page(ctx, purpose, in->state, in->user, &page);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].value) {
            apr_table_setn(query, fields[i].name, fields[i].value);
        }
    }
    *location = cloudep_url_with_query(ctx->p, page, query);
    return cloudep_done();
}
