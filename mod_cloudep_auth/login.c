/*
 * login.c - email and password; a member with a second factor goes on in mfa.c.
 *
 * The state of an account is told only to who knows its password; without it, a wrong password, an unknown email and
 * an account with no password are the same answer after the same work.
 */
#include "auth.h"

enum { TENANT, EMAIL, PASSWORD };
const cloudep_field_t login_fields[] = {FIELD_TENANT, FIELD_EMAIL, FIELD_PASSWORD("password"), FIELDS_END};

static cloudep_problem_t *wrong_credentials(cloudep_call_t *call)
{
    return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_UNAUTHENTICATED, "email or password is wrong");
}

static cloudep_problem_t *verify_password(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                          const cloudep_member_t *member)
{
    cloudep_idp_context_t ctx;
    const cloudep_idp_t *idp = cloudep_idp(call, &ctx);
    const int somebody =
        member && member->status != CLOUDEP_MEMBER_RESERVED && member->status != CLOUDEP_MEMBER_DELETING;
    const cloudep_idp_user_t user = {
        .tenant = tenant, .uid = somebody ? member->uid : NULL, .email = cloudep_text(call, EMAIL)};
    cloudep_attempt_t attempt;
    cloudep_problem_t *problem = cloudep_attempt_begin(call, &attempt, tenant->id, user.uid, user.email);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    rv = idp->verify(&ctx, &user, cloudep_text(call, PASSWORD));
    if (rv == APR_SUCCESS && !somebody) {
        rv = CLOUDEP_EFORGED; /* whatever the provider says: nobody has no right password */
    }
    if (rv == APR_SUCCESS && member->status == CLOUDEP_MEMBER_PENDING && cloudep_conceals(call)) {
        rv = CLOUDEP_EFORGED; /* who registers an email learns by the password given whether it was free */
    }
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_attempt_passed(call, &attempt);
    case CLOUDEP_EFORGED:
        return cloudep_attempt_failed(call, &attempt, wrong_credentials(call));
    case CLOUDEP_EREFUSED:
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the account may not log in");
    default:
        return cloudep_problem_service(call, rv, "checking the password");
    }
}

static cloudep_problem_t *check_state(cloudep_call_t *call, const cloudep_tenant_t *tenant,
                                      const cloudep_member_t *member)
{
    const char *why = !tenant->login                               ? "the tenant allows no login"
                      : member->status == CLOUDEP_MEMBER_PENDING   ? "the email is not confirmed yet"
                      : member->status == CLOUDEP_MEMBER_SUSPENDED ? "the account is suspended"
                      : member->status != CLOUDEP_MEMBER_ACTIVE    ? "the account may not log in"
                                                                   : NULL;

    return why ? cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, why) : NULL;
}

cloudep_problem_t *complete_login(cloudep_call_t *call, const cloudep_tenant_t *tenant, const cloudep_member_t *member,
                                  const char *amr)
{
    cloudep_session_t *session;
    cloudep_problem_t *problem = check_state(call, tenant, member);
    apr_status_t rv;

    if (problem) {
        return problem;
    }
    if (member->totp_enrolled) {
        return ask_second_factor(call, tenant, member, amr);
    }
    session = cloudep_session_new(call, tenant->id, member->uid, amr);
    rv = cloudep_session_open(cloudep_database(call), call->p, session);
    if (rv == APR_NOTFOUND) {
        return cloudep_problem(call, CLOUDEP_SCOPE_AUTH, CLOUDEP_FORBIDDEN, "the account may not log in");
    }
    return rv == APR_SUCCESS ? cloudep_issue_tokens(call, session)
                             : cloudep_problem_service(call, rv, "opening the session");
}

cloudep_problem_t *login(cloudep_call_t *call)
{
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_problem_t *problem =
        cloudep_find_account(call, cloudep_text(call, TENANT), cloudep_text(call, EMAIL), &tenant, &member);

    problem = problem ? problem : verify_password(call, tenant, member);
    if (problem) {
        return problem;
    }
    return member ? complete_login(call, tenant, member, "pwd") : wrong_credentials(call);
}
