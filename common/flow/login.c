/*
 * login.c - see login.h. A member with a second factor goes on in login_second_factor.c.
 *
 * The state of an account is told only to whoever knows its password. Without it, a wrong password, an unknown email
 * and an account with no password are the same answer after the same work.
 */
#include "flow/login.h"

#include "base/status.h"
#include "flow/login_second_factor.h"
#include "service/account.h"
#include "service/decoy.h"
#include "service/password.h"

static cloudep_outcome_t verify_password(cloudep_context_t *ctx, const cloudep_login_t *in,
                                         const cloudep_tenant_t *tenant, const cloudep_member_t *member)
{
    const int somebody =
        member && member->status != CLOUDEP_MEMBER_RESERVED && member->status != CLOUDEP_MEMBER_DELETING;
    /* Else the password given at a registration would tell whether the email was free. */
    const int concealed = somebody && member->status == CLOUDEP_MEMBER_PENDING && cloudep_conceals(ctx);

    return cloudep_compare_password(ctx, tenant, somebody ? member : NULL, in->email, in->password, !concealed);
}

cloudep_outcome_t cloudep_check_login(const cloudep_tenant_t *tenant, const cloudep_member_t *member)
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

/* The session that the same proof has opened before, as an answer that got lost would have told it. */
static cloudep_outcome_t open_again(cloudep_context_t *ctx, cloudep_session_t *session, cloudep_login_result_t *out)
{
    apr_status_t rv = cloudep_session_again(cloudep_database(ctx), ctx->p, session);

    if (rv == CLOUDEP_EREFUSED || rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_ID_TOKEN_INVALID); /* its session went on without whoever repeats the token */
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the session");
    }
    out->session = session;
    return cloudep_done();
}

cloudep_outcome_t cloudep_complete_login(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member, const cloudep_first_factor_t *first,
                                         cloudep_login_result_t *out)
{
    cloudep_session_t *session;
    cloudep_outcome_t outcome = cloudep_check_login(tenant, member);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (member->totp_enrolled) {
        return cloudep_ask_second_factor(ctx, tenant, member, first, out);
    }
    outcome = cloudep_session_new(ctx, &session, tenant->id, member->uid, first->amr, first->opened_with);
    if (cloudep_failed(outcome)) {
        return outcome;
    }
    session->generation = member->generation;
    session->id = first->session_id ? first->session_id : session->id;
    rv = cloudep_session_open(cloudep_database(ctx), ctx->p, session);
    if (rv == CLOUDEP_ECONFLICT && first->session_id) {
        return open_again(ctx, session, out);
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_LOGIN_REFUSED);
    }
    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "opening the session");
    }
    out->session = session;
    return cloudep_session_opened(ctx, session);
}

cloudep_outcome_t cloudep_login(cloudep_context_t *ctx, const cloudep_login_t *in, cloudep_login_result_t *out)
{
    static const cloudep_first_factor_t first = {.amr = "pwd", .opened_with = CLOUDEP_OPENED_PASSWORD};
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
