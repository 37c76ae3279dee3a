/*
 * guard.c - AuthType CloudEP: only live sessions pass, in front of anything that httpd serves or proxies.
 *
 * The check is the one of our own operations (authn.c). Subrequests and internal redirects take over what was found
 * for the request that they were made from; a principal is never taken from r->user, which another module may have
 * set.
 */
#include "guard/guard.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include "access/authn.h"
#include "access/place.h"
#include "base/metrics.h"
#include "core/needs.h"
#include "core/runtime.h"
#include "core/module.h"
#include "core/request.h"
#include "core/trace.h"
#include "guard/identity.h"
#include "guard/login_page.h"
#include "wire/v1/v1.h"

int cloudep_is_guarded(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && !strcasecmp(type, "CloudEP");
}

/* The state of the request that this one was made from, or its own. */
static const cloudep_request_t *state_of(request_rec *r)
{
    const cloudep_request_t *state = NULL;

    for (request_rec *at = r; at && !state; at = at->main ? at->main : at->prev) {
        state = cloudep_request_seen(at);
        if (state && !state->principal && !cloudep_failed(state->refused)) {
            state = NULL;
        }
    }
    return state;
}

const cloudep_principal_t *cloudep_guard_principal(request_rec *r)
{
    const cloudep_request_t *state = state_of(r);

    return state ? state->principal : NULL;
}

cloudep_reason_e cloudep_guard_reason(request_rec *r)
{
    const cloudep_request_t *state = state_of(r);

    if (!state) {
        return CLOUDEP_TOKEN_MISSING;
    }
    return state->principal ? CLOUDEP_ACCESS_REFUSED : state->refused.reason;
}

const char *cloudep_guard_challenge(request_rec *r)
{
    const cloudep_reason_e reason = cloudep_guard_reason(r);

    /* Who asks is known, but that is not enough for this place. */
    return reason == CLOUDEP_ACCESS_REFUSED ? "insufficient_scope" : cloudep_bearer_error(reason);
}

/* Whether this place can be guarded at all. */
static int can_guard(request_rec *r)
{
    if (cloudep_config_of(r->server)->off & (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CENO(200) "AuthType CloudEP needs CloudEPDatabase and CloudEPSigningKeys");
        return 0;
    }
    if (r->proxyreq == PROXYREQ_PROXY) {
        /* Its own credentials are Proxy-Authorization; what we read is for the server behind and would go on to it. */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, CENO(201) "AuthType CloudEP does not guard a forward proxy");
        return 0;
    }
    return 1;
}

/* The status for a request whose principal could not be found. */
static int refuse(request_rec *r, cloudep_outcome_t outcome)
{
    const int status = cloudep_v1_code(NULL, outcome.reason, NULL).status;

    if (status == HTTP_UNAUTHORIZED) {
        if (cloudep_send_to_login(r, NULL) == HTTP_SEE_OTHER) {
            return HTTP_SEE_OTHER;
        }
        ap_note_auth_failure(r);
    }
    return status;
}

static int check_authn(request_rec *r)
{
    const cloudep_principal_t *principal;

    if (!cloudep_is_guarded(r)) {
        return DECLINED;
    }
    if (!can_guard(r)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    principal = cloudep_guard_principal(r);
    if (!principal) {
        /* An operation of our own goes on with the principal, and needs the member with it. */
        cloudep_outcome_t outcome = cloudep_authenticate(r, cloudep_is_api(r), &principal);

        if (cloudep_failed(outcome)) {
            return refuse(r, outcome);
        }
    }
    else if (cloudep_place_of(r)->attributes && !principal->attributes) {
        cloudep_outcome_t outcome = cloudep_authenticate_attributes(r, &principal);

        if (cloudep_failed(outcome)) {
            return refuse(r, outcome);
        }
    }
    r->user = apr_pstrdup(r->pool, principal->uid);
    r->ap_auth_type = apr_pstrdup(r->pool, "CloudEP");
    cloudep_identity_publish(r, principal);
    return OK;
}

/*
 * Whether somebody can be told apart where everybody may pass. A browser sends a session cookie that is over as before,
 * and whoever has one must not be worse off than without: unless the session cannot be looked up, they are nobody.
 */
static int has_live_cookie(request_rec *r)
{
    const cloudep_principal_t *principal;
    cloudep_outcome_t outcome;

    if (!cloudep_takes_session_cookie(r)) {
        return 0;
    }
    outcome = cloudep_authenticate(r, 0, &principal);
    return outcome.reason != CLOUDEP_TOKEN_MISSING && outcome.reason != CLOUDEP_TOKEN_INVALID;
}

/* A token is verified when there is one, also where everybody may pass; it may have been stripped meanwhile. */
static int force_authn(request_rec *r)
{
    return cloudep_is_guarded(r) && cloudep_place_of(r)->token_optional > 0 &&
                   (cloudep_guard_principal(r) || cloudep_request_token(r) || has_live_cookie(r))
               ? OK
               : DECLINED;
}

/* An internal redirect renames the environment, and httpd checks it anew only if its Location is another one. */
static int fixups(request_rec *r)
{
    const cloudep_principal_t *principal =
        r->prev && !r->main && cloudep_is_guarded(r) ? cloudep_guard_principal(r) : NULL;

    if (principal && r->user && !strcmp(r->user, principal->uid)) {
        cloudep_identity_publish(r, principal);
    }
    return DECLINED;
}

static void challenge(request_rec *r)
{
    cloudep_bearer_challenge(r, r->err_headers_out, cloudep_guard_challenge(r));
}

static int note_auth_failure(request_rec *r, const char *type)
{
    if (strcasecmp(type, "CloudEP")) {
        return DECLINED;
    }
    challenge(r);
    return OK;
}

/* httpd asks for a challenge at 401 only; a known client that lacks something gets one at 403 too (RFC 6750 3.1). */
static void challenge_forbidden(request_rec *r)
{
    if (r->status == HTTP_FORBIDDEN && cloudep_is_guarded(r) && cloudep_guard_principal(r)) {
        challenge(r);
    }
}

/* The same for the page that an ErrorDocument brings by an internal redirect: the headers are the refused request's. */
static void challenge_forbidden_page(request_rec *r)
{
    if (r->prev && !r->main && r->status == HTTP_FORBIDDEN) {
        challenge_forbidden(r->prev);
    }
}

/* A preflight carries no credentials by definition; a plain OPTIONS is no preflight. */
static int pass_preflight(request_rec *r)
{
    return r->method_number == M_OPTIONS && cloudep_is_guarded(r) && cloudep_place_of(r)->preflight > 0 &&
                   apr_table_get(r->headers_in, "Origin") &&
                   apr_table_get(r->headers_in, "Access-Control-Request-Method")
               ? OK
               : DECLINED;
}

/* An application's own 403 to somebody who is known counts as refused. */
static int count_decision(request_rec *r)
{
    const char *decision;

    if (!cloudep_is_guarded(r)) {
        return DECLINED;
    }
    if (!cloudep_guard_principal(r)) {
        decision = ap_is_HTTP_ERROR(r->status) ? cloudep_reason_word(cloudep_guard_reason(r)) : "anonymous";
    }
    else {
        decision = r->status == HTTP_UNAUTHORIZED || r->status == HTTP_FORBIDDEN
                       ? cloudep_reason_word(CLOUDEP_ACCESS_REFUSED)
                       : "passed";
    }
    cloudep_count(CLOUDEP_METRIC_GUARD, decision, NULL, 1);
    return DECLINED;
}

/* What goes on to a backend is a traceparent or nothing. */
static void take_trace(request_rec *r)
{
    const char *traceparent = apr_table_get(r->headers_in, "traceparent");

    if (traceparent && cloudep_trace_is_valid(traceparent)) {
        apr_table_setn(r->subprocess_env, "CLOUDEP_TRACE_ID", cloudep_trace_id(traceparent, r->pool));
    }
    else if (traceparent) {
        apr_table_unset(r->headers_in, "traceparent");
        apr_table_unset(r->headers_in, "tracestate");
    }
}

static int scrub(request_rec *r)
{
    take_trace(r);
    cloudep_identity_scrub(r);
    return DECLINED;
}

void cloudep_guard_register_hooks(void)
{
    ap_hook_post_read_request(scrub, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access_ex(pass_preflight, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(check_authn, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(force_authn, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_note_auth_failure(note_auth_failure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(count_decision, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_filter(challenge_forbidden_page, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(challenge_forbidden, NULL, NULL, APR_HOOK_MIDDLE);
}
