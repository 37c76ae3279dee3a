/*
 * social.c - register and log in with an account at a social provider, from the start to the return.
 *
 * The provider says who somebody is: issuer and subject. Its email address is believed for a registration only, where
 * it is nobody's yet; nobody ever becomes somebody's member by an address alone.
 */
#include "auth.h"

#include <string.h>

#define AMR "fed" /* authenticated elsewhere */

#define FIELD_PROVIDER                                                                                                 \
    {                                                                                                                  \
        .name = "provider", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED, .max = 32                       \
    }
#define FIELD_REDIRECT                                                                                                 \
    {                                                                                                                  \
        .name = "redirect_uri", .type = CLOUDEP_FIELD_URL, .flags = CLOUDEP_FIELD_REQUIRED                             \
    }

/* Both callbacks take the same; session_id is for clients that keep no cookies, iss comes from some providers. */
enum { CODE, STATE, SESSION, ISSUER };
const cloudep_field_t social_callback_fields[] = {
    {.name = "code", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = 2048},
    {.name = "state", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = 512},
    {.name = "session_id", .type = CLOUDEP_FIELD_ID},
    {.name = "iss", .type = CLOUDEP_FIELD_URL},
    FIELDS_END,
};

/* Whether the tenant allows this very address; no pattern, no prefix. */
static cloudep_problem_t *check_redirect(cloudep_call_t *call, const cloudep_tenant_t *tenant, const char *uri)
{
    size_t length = strlen(uri);

    for (const char *at = tenant->redirect_uris; at && *at; at = strchr(at, '\n') + 1) {
        if (!strncmp(at, uri, length) && at[length] == '\n') {
            return NULL;
        }
    }
    return cloudep_problem_field(call, "redirect_uri", "is not one that the tenant allows");
}

static cloudep_problem_t *find_tenant(cloudep_call_t *call, const char *id, const cloudep_tenant_t **tenant)
{
    apr_status_t rv = cloudep_tenant_by_id(cloudep_database(call), call->p, tenant, id);

    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no such tenant");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "looking up the tenant");
}

/* ---- register ---- */

enum { TENANT, INVITE, PROVIDER, TERMS, LANGUAGE, REDIRECT, MARKETING };
const cloudep_field_t social_register_fields[] = {
    FIELD_TENANT,   FIELD_INVITE,   FIELD_PROVIDER,  FIELD_TERMS,
    FIELD_LANGUAGE, FIELD_REDIRECT, FIELD_MARKETING, FIELDS_END,
};

cloudep_problem_t *social_register_start(cloudep_call_t *call)
{
    cloudep_social_t social = {.purpose = PURPOSE_SOCIAL_REGISTER,
                               .provider = cloudep_text(call, PROVIDER),
                               .redirect_uri = cloudep_text(call, REDIRECT),
                               .invite_code = cloudep_text(call, INVITE),
                               .terms_version = cloudep_text(call, TERMS),
                               .language = cloudep_text(call, LANGUAGE),
                               .marketing_opt_in = call->fields[MARKETING].flag};
    cloudep_admission_t admission;
    cloudep_problem_t *problem = cloudep_social_find(call, social.provider);

    problem = problem ? problem : admit(call, cloudep_text(call, TENANT), social.invite_code, NULL, &admission);
    problem = problem ? problem : check_redirect(call, admission.tenant, social.redirect_uri);
    if (problem) {
        return problem;
    }
    social.tenant_id = admission.tenant->id;
    return cloudep_social_start(call, &social);
}

static cloudep_problem_t *account_exists(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_EXISTS, "the account exists already: log in");
}

/* The invite was good at the start; what has become of it is told as it would have been then. */
static cloudep_problem_t *explain_refusal(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                          const cloudep_social_t *social)
{
    cloudep_admission_t admission;
    cloudep_problem_t *problem = admit(call, tenant->slug, social->invite_code, NULL, &admission);

    return problem
               ? problem
               : cloudep_problem_wait(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_LOCKED, "the invite is in use, try again", 1);
}

static cloudep_problem_t *create(cloudep_call_t *call, const cloudep_tenant_t *tenant, const cloudep_social_t *social,
                                 const cloudep_social_account_t *account)
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
    cloudep_session_t *session;
    cloudep_problem_t *problem = cloudep_new_uid(call, &applicant.uid);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    session = cloudep_session_new(call, tenant->id, applicant.uid, AMR);
    rv = cloudep_identity_register(cloudep_database(call), call->p, &applicant, &account->identity, session);
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_issue_tokens(call, session);
    case CLOUDEP_ECONFLICT:
        return account_exists(call);
    case CLOUDEP_ELOCKED:
        return cloudep_problem_wait(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_LOCKED, "the invite is in use, try again", 1);
    case APR_NOTFOUND:
        return explain_refusal(call, tenant, social);
    default:
        return cloudep_problem_service(call, rv, "creating the member");
    }
}

cloudep_problem_t *social_register_callback(cloudep_call_t *call)
{
    const cloudep_social_t *social;
    const cloudep_tenant_t *tenant;
    cloudep_social_account_t account;
    cloudep_problem_t *problem =
        cloudep_social_return(call, PURPOSE_SOCIAL_REGISTER, cloudep_text(call, STATE), cloudep_text(call, SESSION),
                              cloudep_text(call, ISSUER), &social);

    problem = problem ? problem : find_tenant(call, social->tenant_id, &tenant);
    if (!problem && !tenant->registration) {
        problem = cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the tenant takes no registrations");
    }
    problem = problem ? problem : cloudep_social_redeem(call, social, cloudep_text(call, CODE), &account);
    return problem ? problem : create(call, tenant, social, &account);
}

/* ---- login ---- */

enum { LOGIN_TENANT, LOGIN_PROVIDER, LOGIN_REDIRECT };
const cloudep_field_t social_login_fields[] = {FIELD_TENANT, FIELD_PROVIDER, FIELD_REDIRECT, FIELDS_END};

cloudep_problem_t *social_login_start(cloudep_call_t *call)
{
    cloudep_social_t social = {.purpose = PURPOSE_SOCIAL_LOGIN,
                               .provider = cloudep_text(call, LOGIN_PROVIDER),
                               .redirect_uri = cloudep_text(call, LOGIN_REDIRECT)};
    const cloudep_tenant_t *tenant;
    cloudep_problem_t *problem = cloudep_social_find(call, social.provider);

    problem = problem ? problem : cloudep_find_tenant(call, cloudep_text(call, LOGIN_TENANT), &tenant);
    if (!problem && !tenant->login) {
        problem = cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the tenant allows no login");
    }
    problem = problem ? problem : check_redirect(call, tenant, social.redirect_uri);
    if (problem) {
        return problem;
    }
    social.tenant_id = tenant->id;
    return cloudep_social_start(call, &social);
}

cloudep_problem_t *social_login_callback(cloudep_call_t *call)
{
    const cloudep_social_t *social;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_social_account_t account;
    cloudep_problem_t *problem =
        cloudep_social_return(call, PURPOSE_SOCIAL_LOGIN, cloudep_text(call, STATE), cloudep_text(call, SESSION),
                              cloudep_text(call, ISSUER), &social);
    apr_status_t rv;

    problem = problem ? problem : cloudep_social_redeem(call, social, cloudep_text(call, CODE), &account);
    if (problem) {
        return problem;
    }
    rv = cloudep_identity_member(cloudep_database(call), call->p, &tenant, &member, social->tenant_id,
                                 &account.identity, NULL);
    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !member)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "nobody is registered with this account");
    }
    return rv == APR_SUCCESS ? complete_login(call, tenant, member, AMR)
                             : cloudep_problem_service(call, rv, "looking up the member");
}
