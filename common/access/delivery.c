/*
 * delivery.c - see delivery.h.
 */
#include "access/delivery.h"

#include "access/cookie.h"
#include "access/session_cookie.h"
#include "access/xsrf.h"
#include "core/config.h"
#include "core/request.h"

cloudep_outcome_t cloudep_give_session(request_rec *r, const cloudep_session_t *session)
{
    cloudep_context_t *ctx = cloudep_request_context(r);
    const cloudep_session_cookie_t cookie = {.kind = CLOUDEP_COOKIE_OWN,
                                             .tenant_id = session->tenant_id,
                                             .session_id = session->id,
                                             .uid = session->uid,
                                             .seq = session->refresh_seq};
    apr_status_t rv = cloudep_xsrf_set_for_session(r, session->tenant_id, session->id, ctx->config->session_lifetime);

    if (rv == APR_SUCCESS) {
        rv = cloudep_session_cookie_set(r, &cookie);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "making a cookie");
}

void cloudep_take_session(request_rec *r)
{
    cloudep_cookie_remove(r, CLOUDEP_COOKIE_SESSION);
    cloudep_xsrf_remove(r);
}
