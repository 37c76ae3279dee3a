/*
 * verify.c - forward auth for other servers: nginx, Traefik, HAProxy and Envoy ask here for each request.
 *
 * Not in the contract. 204 with identity headers, 401, or 403 when the session is not of the tenant, or its second
 * factor or last proof not as recent, as the asking server's configuration demands in the query string. A demand that
 * is misspelt or empty would let everybody pass, so the query is strict. With preflight=on a CORS preflight passes
 * without a token, as browsers send none with it; what is behind answers it. Where CloudEPSessionCookie is On the
 * session cookie of the application's host counts, too, and a person without a session is told the login page.
 */
#include "operations.h"

#include <stddef.h>
#include <apr_strings.h>
#include "access/asked.h"
#include "guard/attributes.h"
#include "guard/identity.h"
#include "guard/login_page.h"
#include "service/freshness.h"

static const char *const on[] = {"on", NULL};

const cloudep_field_t verify_fields[] = {
    {.name = "tenant", .type = CLOUDEP_FIELD_SLUG, .at = offsetof(verify_t, tenant)},
    {.name = "mfa", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 9, .at = offsetof(verify_t, mfa)},
    {.name = "fresh", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 9, .at = offsetof(verify_t, fresh)},
    {.name = "preflight", .type = CLOUDEP_FIELD_CHOICE, .choices = on, .at = offsetof(verify_t, preflight)},
    {.name = "redirect", .type = CLOUDEP_FIELD_CHOICE, .choices = on, .at = offsetof(verify_t, redirect)},
    {.name = NULL},
};

/*
 * Whether the request that is asked about is a preflight: OPTIONS with Origin and Access-Control-Request-Method (Fetch
 * 3.3.6). Its method is in X-Original-Method (nginx, HAProxy) or X-Forwarded-Method (Traefik), and else ours.
 */
static int is_preflight(const request_rec *r)
{
    const char *named = cloudep_named_method(r);

    return (named ? !strcmp(named, "OPTIONS") : r->method_number == M_OPTIONS) &&
           apr_table_get(r->headers_in, "Origin") && apr_table_get(r->headers_in, "Access-Control-Request-Method");
}

/*
 * Where a person in front of a page goes for what their session lacks. The asking server sends them there: for nginx,
 * which knows nothing but 401 and 403, by the header Location beside these; for others by redirect=on.
 */
static cloudep_outcome_t refuse(cloudep_call_t *call, cloudep_outcome_t why, const char *need)
{
    const verify_t *in = call->in;
    const char *page = cloudep_login_address(call->r, need);

    if (page && in->redirect) {
        call->location = page;
        return cloudep_done();
    }
    if (page) {
        apr_table_setn(call->r->headers_out, "Location", page);
    }
    return why;
}

/* The cookies that the application is to get, as ours are none of its business. */
static void answer_cookies(cloudep_call_t *call)
{
    const char *rest = apr_table_get(call->r->headers_in, "Cookie");

    if (rest && cloudep_asks_for_another(call->r)) {
        apr_table_setn(call->r->headers_out, "Cookie", rest);
    }
    cloudep_answer_nothing(call);
}

/* What of the demands a session does not meet. */
static cloudep_outcome_t check(cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const verify_t *in = call->in;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (in->tenant && (!who->tenant_slug || strcmp(in->tenant, who->tenant_slug))) {
        return cloudep_refuse(CLOUDEP_TENANT_MISMATCH);
    }
    if (in->mfa && !cloudep_has_recent_factor(who, apr_atoi64(in->mfa))) {
        return refuse(call, cloudep_refuse(CLOUDEP_SECOND_FACTOR_TOO_OLD), "mfa");
    }
    if (in->fresh && !cloudep_is_fresh(who, apr_atoi64(in->fresh))) {
        return refuse(call, cloudep_refuse(CLOUDEP_FRESH_PROOF_NEEDED), "fresh");
    }
    return cloudep_done();
}

cloudep_outcome_t run_verify(cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const verify_t *in = call->in;
    cloudep_outcome_t outcome;

    if (!who && !(in->preflight && call->unknown.reason == CLOUDEP_TOKEN_MISSING && is_preflight(call->r))) {
        return refuse(call, call->unknown, NULL);
    }
    outcome = who ? check(call) : cloudep_done();
    if (cloudep_failed(outcome) || call->location) {
        return outcome;
    }
    answer_cookies(call);
    if (who) {
        cloudep_identity_headers(call->r->headers_out, who);
        cloudep_attribute_headers(call->r, call->r->headers_out, who);
    }
    return outcome;
}
