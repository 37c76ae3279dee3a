/*
 * profile.c - see profile.h.
 */
#include "flow/profile.h"

cloudep_outcome_t cloudep_get_profile(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                      const cloudep_member_t **member)
{
    (void)ctx;
    *member = who->member;
    return who->member ? cloudep_done() : cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
}

cloudep_outcome_t cloudep_profile_of_session(cloudep_context_t *ctx, const cloudep_session_t *session,
                                             const cloudep_member_t **member)
{
    apr_status_t rv = cloudep_member_by_uid(cloudep_database(ctx), ctx->p, member, session->tenant_id, session->uid);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the member");
}

cloudep_outcome_t cloudep_update_profile(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_profile_t *in, const cloudep_member_t **member)
{
    apr_status_t rv =
        cloudep_member_update_profile(cloudep_database(ctx), ctx->p, member, who->tenant_id, who->uid, in);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_MEMBER_UNKNOWN);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "updating the profile");
}
