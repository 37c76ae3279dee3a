/*
 * guard.c - AuthType CloudEP: only live sessions pass, in front of anything that httpd serves or proxies.
 *
 * The check is the one of our own routes (authn.c). Subrequests and internal redirects take over what was found for
 * the request that they were made from; a principal is never taken from r->user, which another module may have set.
 */
#include "guard/guard.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_lib.h>
#include <apr_strings.h>

/* ---- Settings ------------------------------------------------------------------------------------------- */

void *cloudep_dir_create(apr_pool_t *p, char *path)
{
    cloudep_dir_t *dir = apr_pcalloc(p, sizeof(*dir));

    (void)path;
    dir->token_optional = dir->identity_headers = dir->strip_token = dir->preflight = CLOUDEP_UNSET;
    return dir;
}

#define MERGE_FLAG(member) dir->member = add->member == CLOUDEP_UNSET ? base->member : add->member
#define MERGE_POINTER(member) dir->member = add->member ? add->member : base->member
void *cloudep_dir_merge(apr_pool_t *p, void *basev, void *addv)
{
    const cloudep_dir_t *base = basev;
    const cloudep_dir_t *add = addv;
    cloudep_dir_t *dir = apr_pcalloc(p, sizeof(*dir));

    MERGE_FLAG(token_optional);
    MERGE_FLAG(identity_headers);
    MERGE_FLAG(strip_token);
    MERGE_FLAG(preflight);
    MERGE_POINTER(cookie);
    MERGE_POINTER(origins);
    return dir;
}

const char *cloudep_set_cookie(cmd_parms *cmd, void *dirv, const char *name)
{
    (void)cmd;
    for (const char *c = name; *c; c++) {
        if (!apr_isgraph(*c) || strchr("()<>@,;:\\\"/[]?={}", *c)) {
            return "CloudEPTokenCookie takes the name of a cookie (RFC 6265 4.1.1)";
        }
    }
    ((cloudep_dir_t *)dirv)->cookie = name;
    return *name ? NULL : "CloudEPTokenCookie takes the name of a cookie";
}

const char *cloudep_add_origin(cmd_parms *cmd, void *dirv, const char *origin)
{
    cloudep_dir_t *dir = dirv;
    const char *host = ap_strstr_c(origin, "://");

    /* It is compared with what browsers send: anything else would never match, or match "null" (RFC 6454 6.1). */
    if (!host || host == origin || !host[3] || strpbrk(host + 3, "/?#@*")) {
        return "CloudEPTokenOrigin takes scheme://host[:port], without a path";
    }
    for (const char *c = origin; *c; c++) {
        if (apr_isupper(*c)) {
            return "CloudEPTokenOrigin is written in lower case, as browsers send it";
        }
    }
    if (!dir->origins) {
        dir->origins = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(dir->origins, const char *) = origin;
    return NULL;
}

const cloudep_dir_t *cloudep_dir_of(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &cloudep_module);
}

/* ---- The check ------------------------------------------------------------------------------------------ */

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
        state = ap_get_module_config(at->request_config, &cloudep_module);
        if (state && !state->principal && !state->refused) {
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

const char *cloudep_guard_challenge(request_rec *r)
{
    const cloudep_request_t *state = state_of(r);

    if (state && state->principal) {
        return "insufficient_scope"; /* known, but not enough for this place */
    }
    return state && state->refused ? state->refused->challenge : NULL;
}

/* Stands for the API in the problems that the check makes here. */
static const cloudep_route_t no_route = {.flags = CLOUDEP_ROUTE_NO_DATABASE | CLOUDEP_ROUTE_GUARD};
/* The same in front of our own routes, which go on with the principal and need the member with it. */
static const cloudep_route_t own_route = {.flags = CLOUDEP_ROUTE_NO_DATABASE};
static const cloudep_api_t no_api = {.scope = CLOUDEP_SCOPE_GATEWAY};

static int check_authn(request_rec *r)
{
    cloudep_call_t call = {.r = r, .p = r->pool, .api = &no_api};
    const cloudep_principal_t *principal = NULL;
    const cloudep_problem_t *problem;

    if (!cloudep_is_guarded(r)) {
        return DECLINED;
    }
    call.config = cloudep_config_of(r->server);
    call.route = cloudep_is_api(r) ? &own_route : &no_route;
    if (call.config->off & (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CENO(200) "AuthType CloudEP needs CloudEPDatabase and CloudEPSigningKeys");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (r->proxyreq == PROXYREQ_PROXY) {
        /* Its own credentials are Proxy-Authorization; what we read is for the server behind and would go on to it. */
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, CENO(201) "AuthType CloudEP does not guard a forward proxy");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    principal = cloudep_guard_principal(r);
    if (!principal) {
        problem = cloudep_authenticate(&call, &principal);
        if (problem) {
            int status = cloudep_problem_status(problem);

            if (status == HTTP_UNAUTHORIZED) {
                ap_note_auth_failure(r);
            }
            return status;
        }
    }
    r->user = apr_pstrdup(r->pool, principal->uid);
    r->ap_auth_type = apr_pstrdup(r->pool, "CloudEP");
    cloudep_identity_publish(r, principal);
    return OK;
}

/* A token is verified when there is one, also where everybody may pass; it may have been stripped meanwhile. */
static int force_authn(request_rec *r)
{
    return cloudep_is_guarded(r) && cloudep_dir_of(r)->token_optional > 0 &&
                   (cloudep_guard_principal(r) || cloudep_request_token(r))
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
    cloudep_reply_challenge(r, r->err_headers_out, cloudep_guard_challenge(r));
}

static int note_auth_failure(request_rec *r, const char *type)
{
    if (strcasecmp(type, "CloudEP")) {
        return DECLINED;
    }
    challenge(r);
    return OK;
}

/* httpd asks for a challenge at 401 only; who is known but lacks something is told at 403 too (RFC 6750 3.1). */
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
    return r->method_number == M_OPTIONS && cloudep_is_guarded(r) && cloudep_dir_of(r)->preflight > 0 &&
                   apr_table_get(r->headers_in, "Origin") &&
                   apr_table_get(r->headers_in, "Access-Control-Request-Method")
               ? OK
               : DECLINED;
}

static int scrub(request_rec *r)
{
    cloudep_identity_scrub(r);
    return DECLINED;
}

void cloudep_guard_register_hooks(apr_pool_t *p)
{
    ap_hook_post_read_request(scrub, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access_ex(pass_preflight, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(check_authn, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(force_authn, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_note_auth_failure(note_auth_failure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_filter(challenge_forbidden_page, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(challenge_forbidden, NULL, NULL, APR_HOOK_MIDDLE);
    cloudep_require_register(p);
}
