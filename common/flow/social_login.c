/*
 * social_login.c - see social_login.h.
 *
 * The provider says who has logged in, by issuer and subject. Its email address is used for a registration only, and
 * only where no member has it: an address alone never opens an existing account.
 */
#include "flow/social_login.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "flow/admission.h"
#include "flow/purpose.h"
#include "oidc/social.h"
#include "service/account.h"

#define AMR "fed" /* authenticated elsewhere */

/* Whether the tenant allows this very address; no pattern, no prefix. field: the offsetof of uri in the flow's input.
 */
static cloudep_outcome_t check_redirect(const cloudep_tenant_t *tenant, apr_size_t field, const char *uri)
{
    size_t length = strlen(uri);

    for (const char *at = tenant->redirect_uris; at && *at; at = strchr(at, '\n') + 1) {
        if (!strncmp(at, uri, length) && at[length] == '\n') {
            return cloudep_done();
        }
    }
    return cloudep_invalid(field, CLOUDEP_RULE_NOT_ALLOWED, "is not one that the tenant allows");
}

static cloudep_outcome_t begin(cloudep_context_t *ctx, const cloudep_social_t *social, const char *browser,
                               cloudep_social_start_t *out)
{
    cloudep_social_redirect_t redirect;
    cloudep_outcome_t outcome = cloudep_social_begin(ctx, social, browser, &redirect);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    *out = (cloudep_social_start_t){.oauth_url = redirect.url,
                                    .session_id = redirect.session_id,
                                    .browser = redirect.browser,
                                    .expires_in = redirect.expires_in};
    return outcome;
}

/* What a provider says in place of a code; Apple has a word of its own. Its words are not logged. */
static cloudep_outcome_t read_error(cloudep_context_t *ctx, const char *error)
{
    if (!strcmp(error, "access_denied") || !strcmp(error, "user_cancelled_authorize")) {
        return cloudep_refuse(CLOUDEP_LOGIN_CANCELLED);
    }
    CLOUDEP_LOG(ctx, WARNING, 0, CENO(1221) "the provider answers with an error in place of a code");
    return cloudep_refuse(CLOUDEP_PROVIDER_FAILED);
}

static cloudep_outcome_t return_from_provider(cloudep_context_t *ctx, const char *purpose,
                                              const cloudep_social_callback_t *in, const cloudep_social_login_t **login)
{
    cloudep_outcome_t outcome =
        cloudep_social_return(ctx, purpose, in->state, in->browser, in->session_id, in->issuer, login);

    return cloudep_failed(outcome) || !in->error ? outcome : read_error(ctx, in->error);
}

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
    outcome = check_redirect(admission.tenant, offsetof(cloudep_social_registration_t, redirect_uri), in->redirect_uri);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    social.tenant_id = admission.tenant->id;
    return begin(ctx, &social, in->browser, out);
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
    cloudep_outcome_t outcome = return_from_provider(ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, in, &login);

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
    outcome = check_redirect(tenant, offsetof(cloudep_social_entry_t, redirect_uri), in->redirect_uri);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    social.tenant_id = tenant->id;
    return begin(ctx, &social, in->browser, out);
}

cloudep_outcome_t cloudep_social_login_finish(cloudep_context_t *ctx, const cloudep_social_callback_t *in,
                                              cloudep_login_result_t *out)
{
    const cloudep_social_login_t *login;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_social_account_t account;
    cloudep_first_factor_t first = {.amr = AMR};
    cloudep_outcome_t outcome = return_from_provider(ctx, CLOUDEP_PURPOSE_SOCIAL_LOGIN, in, &login);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (cloudep_failed(outcome = cloudep_social_redeem(ctx, login, in->code, &account))) {
        return outcome;
    }
    rv = cloudep_identity_member(cloudep_database(ctx), ctx->p, &tenant, &member,
                                 cloudep_social_remembered(login)->tenant_id, &account.identity, NULL);
    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !member)) {
        return cloudep_refuse(CLOUDEP_IDENTITY_UNKNOWN);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    cloudep_note(ctx, NULL, member->uid, NULL);
    first.opened_with = apr_pstrcat(ctx->p, CLOUDEP_OPENED_IDENTITY, account.identity.id, NULL);
    return cloudep_complete_login(ctx, tenant, member, &first, out);
}
