/*
 * login.c - see login.h. A member with a second factor goes on in login_second_factor.c.
 *
 * The state of an account is told only to whoever knows its password. Without it, a wrong password, an unknown email
 * and an account with no password are the same answer after the same work.
 */
#include "flow/login.h"

#include "base/status.h"
#include "flow/login_second_factor.h"
#include "idp/idp.h"
#include "service/account.h"
#include "service/decoy.h"
#include "service/throttle.h"

/* What the provider says of a password, but for what must not be told. */
static apr_status_t compare(cloudep_context_t *ctx, const cloudep_idp_user_t *user, const cloudep_member_t *member,
                            const char *password)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    apr_status_t rv = idp->verify(&at, user, password);

    if (rv == APR_SUCCESS && !user->uid) {
        return CLOUDEP_EFORGED; /* an account that does not exist has no right password, whatever the provider says */
    }
    if (rv == APR_SUCCESS && member->status == CLOUDEP_MEMBER_PENDING && cloudep_conceals(ctx)) {
        return CLOUDEP_EFORGED; /* else the password of a registration would tell whether the email was free */
    }
    return rv;
}

static cloudep_outcome_t verify_password(cloudep_context_t *ctx, const cloudep_login_t *in,
                                         const cloudep_tenant_t *tenant, const cloudep_member_t *member)
{
    const int somebody =
        member && member->status != CLOUDEP_MEMBER_RESERVED && member->status != CLOUDEP_MEMBER_DELETING;
    const cloudep_idp_user_t user = {.tenant = tenant, .uid = somebody ? member->uid : NULL, .email = in->email};
    cloudep_attempt_t attempt;
    cloudep_outcome_t outcome = cloudep_attempt_begin(ctx, &attempt, tenant->id, user.uid, user.email);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = compare(ctx, &user, member, in->password);
    switch (rv) {
    case APR_SUCCESS:
        return cloudep_attempt_passed(ctx, &attempt);
    case CLOUDEP_EFORGED:
        return cloudep_attempt_failed(ctx, &attempt);
    case CLOUDEP_EREFUSED:
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    default:
        return cloudep_failure(ctx, rv, "checking the password");
    }
}

static cloudep_outcome_t check_state(const cloudep_tenant_t *tenant, const cloudep_member_t *member)
{
    if (!tenant->login) {
        return cloudep_refuse(CLOUDEP_TENANT_CLOSED);
    }
    switch (member->status) {
    case CLOUDEP_MEMBER_ACTIVE:
        return cloudep_done();
    case CLOUDEP_MEMBER_PENDING:
        return cloudep_refuse(CLOUDEP_EMAIL_UNCONFIRMED);
    case CLOUDEP_MEMBER_SUSPENDED:
        return cloudep_refuse(CLOUDEP_SUSPENDED);
    case CLOUDEP_MEMBER_RESERVED:
    case CLOUDEP_MEMBER_DELETING:
    case CLOUDEP_MEMBER_STATUS_COUNT:
        break;
    }
    return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
}

cloudep_outcome_t cloudep_complete_login(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member, const cloudep_first_factor_t *first,
                                         cloudep_login_result_t *out)
{
    cloudep_session_t *session;
    cloudep_outcome_t outcome = check_state(tenant, member);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (member->totp_enrolled) {
        return cloudep_ask_second_factor(ctx, tenant, member, first->amr, out);
    }
    outcome = cloudep_session_new(ctx, &session, tenant->id, member->uid, first->amr);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    session->id = first->session_id ? first->session_id : session->id;
    rv = cloudep_session_open(cloudep_database(ctx), ctx->p, session);
    if (rv == CLOUDEP_ECONFLICT && first->session_id) {
        rv = cloudep_session_again(cloudep_database(ctx), ctx->p, session);
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_ID_TOKEN_INVALID); /* its session went on without whoever repeats the token */
    }
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "opening the session");
    }
    out->session = session;
    return cloudep_done();
}

cloudep_outcome_t cloudep_login(cloudep_context_t *ctx, const cloudep_login_t *in, cloudep_login_result_t *out)
{
    static const cloudep_first_factor_t first = {.amr = "pwd"};
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_outcome_t outcome = cloudep_find_account(ctx, in->tenant_slug, in->email, &tenant, &member);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    outcome = verify_password(ctx, in, tenant, member);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    return member ? cloudep_complete_login(ctx, tenant, member, &first, out)
                  : cloudep_refuse(CLOUDEP_CREDENTIALS_WRONG);
}
