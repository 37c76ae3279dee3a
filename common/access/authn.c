/*
 * authn.c - AuthJWT: from a bearer token to the live principal of a request.
 *
 * A token that verifies is not enough: its session must live and its member must be active, which one statement
 * answers. What was found, or refused, is remembered for the request, so hook and handler agree.
 */
#include "guard/guard.h"

#include <util_cookies.h>
#include <apr_strings.h>
#include "base/jose/claims.h"
#include "base/store/session_store.h"
#include "base/text/validate.h"
#include "service/liveness.h"
#include "service/tenant_slug.h"

static cloudep_problem_t *unauthenticated(cloudep_call_t *call, const char *challenge, const char *message)
{
    cloudep_problem_t *problem = cloudep_problem(call, call->api->scope, CLOUDEP_UNAUTHENTICATED, message);

    problem->challenge = challenge;
    return problem;
}

static cloudep_problem_t *invalid_token(cloudep_call_t *call, const char *reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, call->r, CENO(130) "access token refused: %s", reason);
    return unauthenticated(call, "invalid_token", "the access token is invalid, expired or revoked");
}

/* The token of "Authorization: Bearer x"; NULL: none was sent. Never from the URL (RFC 6750 2.3). */
static const char *bearer(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");

    if (!header || strncasecmp(header, "Bearer ", 7)) {
        return NULL;
    }
    header += 7;
    while (*header == ' ') {
        header++;
    }
    return header;
}

/*
 * A browser sends a cookie with requests that other sites made it send. So what changes something must come from
 * a listed Origin, and so must what names one at all.
 */
static int origin_allowed(request_rec *r, const cloudep_dir_t *dir)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (!origin) {
        return r->method_number == M_GET;
    }
    for (int i = 0; dir->origins && i < dir->origins->nelts; i++) {
        if (!strcmp(origin, APR_ARRAY_IDX(dir->origins, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

const char *cloudep_request_token(request_rec *r)
{
    const cloudep_dir_t *dir = cloudep_dir_of(r);
    const char *token = bearer(r);

    if (token || !dir->cookie) {
        return token;
    }
    if (ap_cookie_read(r, dir->cookie, &token, 0) != APR_SUCCESS || !token || !*token) {
        return NULL;
    }
    if (!origin_allowed(r, dir)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, CENO(131) "token cookie ignored: its Origin is not allowed");
        return NULL;
    }
    return token;
}

static int from_loopback(request_rec *r)
{
    apr_sockaddr_t *peer = r->connection->client_addr;
    char *ip = NULL;

    /* The connection's own peer: a forwarded address is no proof of being local. */
    return apr_sockaddr_ip_get(&ip, peer) == APR_SUCCESS &&
           (!strncmp(ip, "127.", 4) || !strcmp(ip, "::1") || !strncmp(ip, "::ffff:127.", 11)) &&
           (!r->useragent_ip || !strcmp(r->useragent_ip, ip));
}

/* CloudEPDevIdentityHeaders: NULL principal and NULL problem: the headers mean nothing here. */
static cloudep_problem_t *from_headers(cloudep_call_t *call, cloudep_principal_t *principal, int *found)
{
    const char *tenant = apr_table_get(call->r->headers_in, "X-Tenant-ID");
    const char *uid = apr_table_get(call->r->headers_in, "X-UID");
    apr_status_t rv;

    *found = 0;
    if (!call->config->dev_identity_headers || !tenant || !uid || !from_loopback(call->r)) {
        return NULL;
    }
    *found = 1;
    if (!cloudep_is_uuid(tenant) || !cloudep_is_uuid(uid)) {
        return unauthenticated(call, NULL, "X-Tenant-ID and X-UID must be UUIDs");
    }
    principal->tenant_id = tenant;
    principal->uid = uid;
    principal->amr = "dev";
    rv = cloudep_member_by_uid(cloudep_database(call), call->p, &principal->member, tenant, uid);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_problem_service(call, rv, "looking up the member");
    }
    if (principal->member && principal->member->status != CLOUDEP_MEMBER_ACTIVE) {
        return unauthenticated(call, NULL, "the member is not active");
    }
    return NULL;
}

/* For a guarded Location: alive or not is all it needs. CloudEPSessionCache may answer from before. */
static apr_status_t ask_whether_alive(cloudep_call_t *call, const unsigned char *key, cloudep_access_t *access,
                                      cloudep_principal_t *principal)
{
    apr_time_t now = apr_time_now();
    cloudep_liveness_t *liveness = apr_palloc(call->p, sizeof(*liveness));
    apr_status_t rv = APR_SUCCESS;

    if (access->checked && now - access->checked < apr_time_from_sec(call->config->session_cache)) {
        *liveness = access->liveness;
    }
    else {
        rv = cloudep_checker_ask(call->config->run->checker, call->p, access, liveness);
        if (rv == APR_SUCCESS && call->config->session_cache) {
            access->checked = now; /* before the look, so that the bound holds */
            access->liveness = *liveness;
            cloudep_token_cache_put(call->config->run->tokens, key, access);
        }
    }
    if (rv == APR_SUCCESS) {
        principal->amr = liveness->amr;
        principal->mfa_at = liveness->mfa_at;
    }
    return rv;
}

/* For a route of our own: the member comes with the answer. */
static apr_status_t look_up(cloudep_call_t *call, const cloudep_access_t *access, cloudep_principal_t *principal)
{
    cloudep_live_session_t live = {0};
    apr_status_t rv = cloudep_session_principal(cloudep_database(call), call->p, &live, access->tenant_id,
                                                access->session_id, access->uid);

    principal->member = live.member;
    principal->amr = live.amr;
    principal->mfa_at = live.mfa_at;
    return rv;
}

static cloudep_problem_t *from_token(cloudep_call_t *call, cloudep_principal_t *principal, const char *token)
{
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t *access = apr_palloc(call->p, sizeof(*access));
    const char *reason = NULL;
    apr_status_t rv = cloudep_read_access_token(call, token, key, access, &reason);

    if (rv != APR_SUCCESS) {
        return invalid_token(call, reason);
    }
    principal->tenant_id = access->tenant_id;
    principal->uid = access->uid;
    principal->session_id = access->session_id;
    rv = call->route->flags & CLOUDEP_ROUTE_GUARD ? ask_whether_alive(call, key, access, principal)
                                                  : look_up(call, access, principal);
    if (rv == APR_SUCCESS) {
        rv = cloudep_tenant_slug(&principal->tenant_slug, call->config->run->slugs, access->tenant_id, call->p);
        rv = rv == APR_NOTFOUND ? CLOUDEP_EDATA : rv; /* a live session of no tenant */
    }
    if (rv == APR_NOTFOUND) {
        return invalid_token(call, "its session is over");
    }
    return rv == APR_SUCCESS ? NULL : cloudep_problem_service(call, rv, "looking up the session");
}

cloudep_problem_t *cloudep_authenticate(cloudep_call_t *call, const cloudep_principal_t **out)
{
    cloudep_request_t *state = cloudep_request(call->r);
    const char *token;
    cloudep_principal_t *principal;
    cloudep_problem_t *problem;
    int found = 0;

    if (state->principal) {
        *out = state->principal;
        return NULL;
    }
    token = cloudep_request_token(call->r);
    principal = apr_pcalloc(call->p, sizeof(*principal));
    problem = token ? from_token(call, principal, token) : from_headers(call, principal, &found);
    if (!problem && !token && !found) {
        problem = unauthenticated(call, NULL, "an access token is needed: Authorization: Bearer ...");
    }
    if (!problem) {
        state->principal = *out = principal;
    }
    state->refused = problem;
    return problem;
}
