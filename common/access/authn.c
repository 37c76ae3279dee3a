/*
 * authn.c - see authn.h.
 *
 * A token that verifies is not enough: its session must live and its member must be active, which one statement
 * answers.
 */
#include "access/authn.h"

#include <http_protocol.h>
#include <util_cookies.h>
#include <apr_strings.h>
#include "access/asked.h"
#include "access/origin.h"
#include "access/place.h"
#include "access/session_cookie.h"
#include "base/store/session_store.h"
#include "base/text/validate.h"
#include "core/config.h"
#include "core/module.h"
#include "service/activity.h"
#include "service/liveness.h"
#include "service/tenant_slug.h"
#include "service/token.h"

static cloudep_outcome_t invalid_token(request_rec *r, const char *reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, CENO(130) "access token refused: %s", reason);
    return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
}

static cloudep_outcome_t invalid_cookie(request_rec *r, const char *reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, CENO(1381) "session cookie refused: %s", reason);
    return cloudep_refuse(CLOUDEP_TOKEN_INVALID);
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

/* Whether what a client asked for is a page to read. */
static int only_reads(const request_rec *r)
{
    const char *method = cloudep_asked_method(r);

    return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

/*
 * A browser sends a cookie also with requests that other sites made it send. So a request that changes something must
 * come from a listed Origin, and so must any request that names an Origin.
 */
static int origin_allowed(request_rec *r, const cloudep_place_t *place)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (!origin) {
        return only_reads(r);
    }
    for (int i = 0; place->origins && i < place->origins->nelts; i++) {
        if (!strcmp(origin, APR_ARRAY_IDX(place->origins, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

const char *cloudep_request_token(request_rec *r)
{
    const cloudep_place_t *place = cloudep_place_of(r);
    const char *token = bearer(r);

    if (token || !place->cookie) {
        return token;
    }
    if (ap_cookie_read(r, place->cookie, &token, 0) != APR_SUCCESS || !token || !*token) {
        return NULL;
    }
    if (!origin_allowed(r, place)) {
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

/* A member who was read has the attributes. */
static void set_member(cloudep_principal_t *principal, const cloudep_member_t *member)
{
    principal->member = member;
    principal->attributes = member && member->attributes ? member->attributes : "{}";
}

/* CloudEPDevIdentityHeaders. TOKEN_MISSING: the headers are not there, or mean nothing here. */
static cloudep_outcome_t from_headers(request_rec *r, cloudep_context_t *ctx, cloudep_principal_t *principal)
{
    const char *tenant = apr_table_get(r->headers_in, "X-Tenant-ID");
    const char *uid = apr_table_get(r->headers_in, "X-UID");
    apr_status_t rv;

    if (!ctx->config->dev_identity_headers || !tenant || !uid || !from_loopback(r)) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    if (!cloudep_is_uuid(tenant) || !cloudep_is_uuid(uid)) {
        return cloudep_refuse(CLOUDEP_IDENTITY_HEADERS_INVALID);
    }
    principal->tenant_id = tenant;
    principal->uid = uid;
    principal->amr = "dev";
    rv = cloudep_member_by_uid(cloudep_database(ctx), ctx->p, &principal->member, tenant, uid);
    if (rv != APR_SUCCESS && rv != APR_NOTFOUND) {
        return cloudep_failure(ctx, rv, "looking up the member");
    }
    set_member(principal, principal->member);
    if (principal->member && principal->member->status != CLOUDEP_MEMBER_ACTIVE) {
        return cloudep_refuse(CLOUDEP_MEMBER_INACTIVE);
    }
    return cloudep_done();
}

/* For a guarded Location: alive or not is all it needs. CloudEPSessionCache may answer from before. */
static apr_status_t ask_whether_alive(cloudep_context_t *ctx, const unsigned char *key, cloudep_access_t *access,
                                      int attributes, cloudep_principal_t *principal)
{
    const cloudep_config_t *config = ctx->config;
    const apr_time_t now = apr_time_now();
    cloudep_liveness_t *liveness = apr_palloc(ctx->p, sizeof(*liveness));

    /* What is remembered has no attributes. */
    if (!attributes && access->checked && now - access->checked < apr_time_from_sec(config->session_cache)) {
        *liveness = access->liveness;
    }
    else {
        apr_status_t rv = cloudep_checker_ask(config->run->checker, ctx->p, access, liveness,
                                              attributes ? &principal->attributes : NULL);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (config->session_cache) {
            access->checked = now; /* the time before the look, so that the bound holds */
            access->liveness = *liveness;
            cloudep_token_cache_put(config->run->tokens, key, access);
        }
    }
    principal->amr = liveness->amr;
    principal->proofs = liveness->proofs;
    return APR_SUCCESS;
}

/* For an operation of our own: the member comes with the answer. */
static apr_status_t look_up(cloudep_context_t *ctx, const cloudep_access_t *access, cloudep_principal_t *principal)
{
    cloudep_live_session_t live = {0};
    apr_status_t rv = cloudep_session_principal(cloudep_database(ctx), ctx->p, &live, access->tenant_id,
                                                access->session_id, access->uid);

    set_member(principal, live.member);
    principal->amr = live.amr;
    principal->proofs = live.proofs;
    return rv;
}

static cloudep_outcome_t from_token(request_rec *r, cloudep_context_t *ctx, int with_member, const char *token,
                                    cloudep_principal_t *principal)
{
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t *access = apr_palloc(ctx->p, sizeof(*access));
    const char *reason = NULL;
    apr_status_t rv;

    if (cloudep_read_access_token(ctx, token, key, access, &reason) != APR_SUCCESS) {
        return invalid_token(r, reason);
    }
    principal->tenant_id = access->tenant_id;
    principal->uid = access->uid;
    principal->session_id = access->session_id;
    rv = with_member ? look_up(ctx, access, principal)
                     : ask_whether_alive(ctx, key, access, cloudep_place_of(r)->attributes, principal);
    if (rv == APR_NOTFOUND) {
        return invalid_token(r, "its session is over");
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_tenant_slug(&principal->tenant_slug, ctx->config->run->slugs, access->tenant_id, ctx->p);
        rv = rv == APR_NOTFOUND ? CLOUDEP_EDATA : rv; /* a live session of no tenant */
    }
    if (rv == APR_SUCCESS) {
        cloudep_activity_note(ctx, access->tenant_id, access->session_id, NULL);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "looking up the session");
}

/* ---- the session cookie ---- */

/* Whether a value of the cookie still counts, by where its session stands. */
static const char *why_over(const cloudep_context_t *ctx, const cloudep_session_cookie_t *cookie,
                            const cloudep_turn_t *turn)
{
    const int present = cookie->seq == turn->seq;
    const int in_grace = cookie->seq == turn->seq - 1 && turn->seconds < ctx->config->refresh_grace;

    if (turn->idle_left <= 0) {
        return "its session was not used for too long";
    }
    return cookie->kind == CLOUDEP_COOKIE_GUARD || present || in_grace ? NULL : "it has a newer value";
}

static void name_session(cloudep_access_t *access, const cloudep_principal_t *principal)
{
    apr_cpystrn(access->tenant_id, principal->tenant_id, sizeof(access->tenant_id));
    apr_cpystrn(access->session_id, principal->session_id, sizeof(access->session_id));
    apr_cpystrn(access->uid, principal->uid, sizeof(access->uid));
}

/* Where a session of a cookie stands; the member is looked up where it is wanted. */
static apr_status_t look_up_cookie(cloudep_context_t *ctx, int with_member, int attributes,
                                   cloudep_principal_t *principal, cloudep_turn_t *turn)
{
    cloudep_access_t access = {.checked = 0};
    cloudep_live_session_t live = {0};
    cloudep_liveness_t *liveness = apr_palloc(ctx->p, sizeof(*liveness));
    apr_status_t rv;

    if (with_member) {
        rv = cloudep_session_principal(cloudep_database(ctx), ctx->p, &live, principal->tenant_id,
                                       principal->session_id, principal->uid);
        set_member(principal, live.member);
        principal->amr = live.amr;
        principal->proofs = live.proofs;
        *turn = live.turn;
        return rv;
    }
    name_session(&access, principal);
    rv = cloudep_checker_ask(ctx->config->run->checker, ctx->p, &access, liveness,
                             attributes ? &principal->attributes : NULL);
    if (rv == APR_SUCCESS) {
        principal->amr = liveness->amr;
        principal->proofs = liveness->proofs;
        *turn = liveness->turn;
    }
    return rv;
}

/* What is guarded asks for no XSRF token, so what is not only read has to come from a page of ours. */
static int may_do(request_rec *r)
{
    return !cloudep_is_for_a_guard(r) || only_reads(r) || cloudep_shows_its_site(r);
}

static cloudep_outcome_t from_cookie(request_rec *r, cloudep_context_t *ctx, int with_member,
                                     cloudep_principal_t *principal)
{
    cloudep_session_cookie_t cookie = {0};
    cloudep_turn_t turn;
    const char *reason = NULL;
    apr_status_t rv = cloudep_session_cookie(r, &cookie, &reason);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    if (!cloudep_may_use_cookie(r, cloudep_listed_origins(r)) || !may_do(r)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, CENO(1380) "session cookie ignored: its Origin is not allowed");
        return cloudep_refuse(CLOUDEP_TOKEN_MISSING);
    }
    if (rv == APR_SUCCESS && cookie.kind == CLOUDEP_COOKIE_GUARD && !cloudep_is_for_a_guard(r)) {
        reason = "it is for guarded Locations only";
        rv = CLOUDEP_EFORGED;
    }
    if (rv != APR_SUCCESS) {
        return invalid_cookie(r, reason);
    }
    principal->tenant_id = cookie.tenant_id;
    principal->session_id = cookie.session_id;
    principal->uid = cookie.uid;
    principal->cookie_seq = cookie.seq;
    rv = look_up_cookie(ctx, with_member, cloudep_place_of(r)->attributes, principal, &turn);
    if (rv == APR_NOTFOUND) {
        return invalid_cookie(r, "its session is over");
    }
    if (rv == APR_SUCCESS && (reason = why_over(ctx, &cookie, &turn))) {
        return invalid_cookie(r, reason);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_tenant_slug(&principal->tenant_slug, ctx->config->run->slugs, principal->tenant_id, ctx->p);
        rv = rv == APR_NOTFOUND ? CLOUDEP_EDATA : rv;
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the session");
    }
    cloudep_activity_note(ctx, principal->tenant_id, principal->session_id, &turn);
    return cloudep_done();
}

/* The session cookie alone where that says who asks; and else a token before it. */
static cloudep_outcome_t find(request_rec *r, cloudep_context_t *ctx, int with_member, cloudep_principal_t *principal)
{
    const char *token;
    cloudep_outcome_t outcome;

    if (cloudep_uses_session_cookie(r)) {
        return from_cookie(r, ctx, with_member, principal);
    }
    token = cloudep_request_token(r);
    if (token) {
        return from_token(r, ctx, with_member, token, principal);
    }
    if (cloudep_takes_session_cookie(r)) {
        outcome = from_cookie(r, ctx, with_member, principal);
        if (outcome.reason != CLOUDEP_TOKEN_MISSING) {
            return outcome;
        }
    }
    return from_headers(r, ctx, principal);
}

cloudep_outcome_t cloudep_authenticate(request_rec *r, int with_member, const cloudep_principal_t **out)
{
    cloudep_request_t *state = cloudep_request(r);
    cloudep_context_t *ctx = cloudep_request_context(r);
    cloudep_principal_t *principal;
    cloudep_outcome_t outcome;

    if (state->principal) {
        *out = state->principal;
        return cloudep_done();
    }
    principal = apr_pcalloc(r->pool, sizeof(*principal));
    outcome = find(r, ctx, with_member, principal);
    if (cloudep_failed(outcome)) {
        state->refused = outcome;
        return outcome;
    }
    state->refused = cloudep_done();
    state->principal = *out = principal;
    return outcome;
}

cloudep_outcome_t cloudep_authenticate_attributes(request_rec *r, const cloudep_principal_t **principal)
{
    cloudep_context_t *ctx = cloudep_request_context(r);
    cloudep_principal_t *more = apr_pmemdup(r->pool, *principal, sizeof(*more));
    cloudep_access_t access = {.checked = 0};
    cloudep_liveness_t *liveness = apr_palloc(r->pool, sizeof(*liveness));
    apr_status_t rv;

    name_session(&access, more);
    rv = cloudep_checker_ask(ctx->config->run->checker, ctx->p, &access, liveness, &more->attributes);
    if (rv == APR_NOTFOUND) {
        return invalid_token(r, "its session is over");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the attributes");
    }
    cloudep_request(r)->principal = *principal = more;
    return cloudep_done();
}
