/*
 * password.c - see password.h.
 */
#include "service/password.h"

#include "base/status.h"
#include "service/throttle.h"

/* What the provider says of a password, as far as it may count. */
static apr_status_t compare(cloudep_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                            int may_be_right)
{
    cloudep_idp_context_t at;
    const cloudep_idp_t *idp = cloudep_idp(ctx, &at);
    apr_status_t rv = idp->verify(&at, user, password);

    /* Whatever the provider says: nobody has no right password. */
    return rv == APR_SUCCESS && (!user->uid || !may_be_right) ? CLOUDEP_EFORGED : rv;
}

cloudep_outcome_t cloudep_compare_password(cloudep_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                           int may_be_right)
{
    cloudep_attempt_t attempt;
    cloudep_outcome_t outcome = cloudep_attempt_begin(ctx, &attempt, user->tenant->id, user->uid, user->email);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = compare(ctx, user, password, may_be_right);
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
