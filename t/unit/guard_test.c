/*
 * guard_test.c - AuthType CloudEP without a server: who passes, what "Require" says, what the server behind and caches
 * are told. Members ask by real tokens and cookies of real sessions; only httpd itself is replaced.
 */
#include "flow.h"

#include "guard/guard.h"

#include <ap_provider.h>
#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_filter.h>
#include "access/asked.h"
#include "access/authn.h"
#include "access/cookie.h"
#include "access/place.h"
#include "access/session_cookie.h"
#include "answer.h"
#include "core/needs.h"
#include "core/request.h"
#include "guard/identity.h"

/* ---- of httpd: what is registered, and what these hooks call ---- */

static ap_HOOK_access_checker_ex_t *hooks_access[2]; /* of guard.c, of caching.c */
static ap_HOOK_check_user_id_t *check_authn;
static ap_HOOK_auth_checker_t *step_up;
static ap_HOOK_force_authn_t *force_authn;
static ap_HOOK_fixups_t *fixups[2];
static ap_HOOK_note_auth_failure_t *note_auth_failure;
static ap_HOOK_insert_filter_t *insert_filters[2];
static ap_HOOK_insert_error_filter_t *insert_errors[2];
static ap_HOOK_post_read_request_t *scrub, *take_cookies;
static ap_HOOK_map_to_storage_t *refuse_method;
static ap_HOOK_post_config_t *turn_trace_off;
static ap_out_filter_func filter;
static int of_caching; /* whose hooks are registered */

#define HOOK(name, keep)                                                                                               \
    AP_DECLARE(void)                                                                                                   \
    ap_hook_##name(ap_HOOK_##name##_t *hook, const char *const *before, const char *const *after, int order)           \
    {                                                                                                                  \
        (void)before;                                                                                                  \
        (void)after;                                                                                                   \
        (void)order;                                                                                                   \
        keep = hook;                                                                                                   \
    }
#define AUTH_HOOK(name, type_t, keep)                                                                                  \
    AP_DECLARE(void)                                                                                                   \
    ap_hook_##name(type_t *hook, const char *const *before, const char *const *after, int order, int type)             \
    {                                                                                                                  \
        (void)before;                                                                                                  \
        (void)after;                                                                                                   \
        (void)order;                                                                                                   \
        (void)type;                                                                                                    \
        keep = hook;                                                                                                   \
    }

static ap_HOOK_log_transaction_t *count_decision;

HOOK(force_authn, force_authn)
HOOK(fixups, fixups[of_caching])
HOOK(note_auth_failure, note_auth_failure)
HOOK(insert_filter, insert_filters[of_caching])
HOOK(insert_error_filter, insert_errors[of_caching])
HOOK(post_read_request, scrub)
HOOK(map_to_storage, refuse_method)
HOOK(log_transaction, count_decision)
HOOK(post_config, turn_trace_off)
AUTH_HOOK(check_access_ex, ap_HOOK_access_checker_ex_t, hooks_access[of_caching])
AUTH_HOOK(check_authn, ap_HOOK_check_user_id_t, check_authn)
AUTH_HOOK(check_authz, ap_HOOK_auth_checker_t, step_up)

AP_DECLARE(ap_filter_rec_t *)
ap_register_output_filter(const char *name, ap_out_filter_func function, ap_init_filter_func init, ap_filter_type type)
{
    (void)name;
    (void)init;
    (void)type;
    filter = function;
    return NULL;
}

static const char *added; /* what the filter that was added varies on */

AP_DECLARE(ap_filter_t *) ap_add_output_filter(const char *name, void *ctx, request_rec *r, conn_rec *c)
{
    (void)name;
    (void)r;
    (void)c;
    added = ctx;
    return NULL;
}

AP_DECLARE(void) ap_remove_output_filter(ap_filter_t *f)
{
    (void)f;
}

AP_DECLARE(apr_status_t) ap_pass_brigade(ap_filter_t *next, apr_bucket_brigade *bucket)
{
    (void)next;
    (void)bucket;
    return APR_SUCCESS;
}

/* Items of a list, in small letters but for what is quoted; no item here has a comma in quotes. */
AP_DECLARE(char *) ap_get_list_item(apr_pool_t *pool, const char **field)
{
    const char *item = *field + strspn(*field, ", \t");
    const apr_size_t length = strcspn(item, ",");
    char *copy = apr_pstrmemdup(pool, item, length);

    *field = item[length] ? item + length : NULL;
    ap_str_tolower(copy);
    return *copy ? copy : NULL;
}

AP_DECLARE(char *) ap_getword_conf(apr_pool_t *pool, const char **line)
{
    char *word = ap_getword_white(pool, line);

    return word;
}

static struct {
    const char *name;
    const authz_provider *provider;
} providers[8];

AP_DECLARE(apr_status_t)
ap_register_auth_provider(apr_pool_t *pool, const char *provider_group, const char *provider_name,
                          const char *provider_version, const void *provider, int type)
{
    (void)pool;
    (void)provider_group;
    (void)provider_version;
    (void)type;
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (!providers[i].name) {
            providers[i].name = provider_name;
            providers[i].provider = provider;
            break;
        }
    }
    return APR_SUCCESS;
}

static const char *auth_type = "CloudEP";

AP_DECLARE(const char *) ap_auth_type(request_rec *r)
{
    (void)r;
    return auth_type;
}

static int challenged; /* whether httpd is to challenge the client */

AP_DECLARE(void) ap_note_auth_failure(request_rec *r)
{
    (void)r;
    challenged = 1;
}

static int walked_to_a_guard; /* what a location walk finds */

AP_DECLARE(int) ap_location_walk(request_rec *r)
{
    r->per_dir_config = (struct ap_conf_vector_t *)(apr_uintptr_t)(walked_to_a_guard ? 1 : 0);
    auth_type = walked_to_a_guard ? "CloudEP" : NULL;
    return OK;
}

static void *place_vector[2];

AP_CORE_DECLARE(void *)
ap_set_config_vectors(server_rec *s, ap_conf_vector_t *section_vector, const char *section, module *mod,
                      apr_pool_t *pool)
{
    (void)s;
    (void)section_vector;
    (void)section;
    (void)mod;
    (void)pool;
    return place_vector[1];
}

/* ---- who asks ---- */

/* A member of the tenant "acme", with a session. */
typedef struct person_t {
    const cloudep_session_t *session;
    const char *token;  /* Authorization */
    const char *cookie; /* the session cookie */
} person_t;

static person_t ada, bob;
static apr_status_t away; /* what the database refuses to be asked with; 0: it does not */

static apr_status_t acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *pool)
{
    return away ? away : postgres_acquire(baton, lease, pool);
}

static cloudep_place_t place;
static core_dir_config core;

static request_rec *get(const char *name, const char *value)
{
    static conn_rec connection;
    request_rec *r = request(name, value);

    place_vector[0] = &core;
    place_vector[1] = &place;
    r->per_dir_config = (struct ap_conf_vector_t *)place_vector;
    r->request_time = apr_time_now();
    r->connection = &connection;
    r->subprocess_env = apr_table_make(p, 4);
    r->uri = apr_pstrdup(p, "/page");
    r->unparsed_uri = r->uri;
    r->method_number = M_GET;
    r->status = HTTP_OK;
    auth_type = "CloudEP";
    challenged = 0;
    added = NULL;
    return r;
}

/* A request with the token of a member. */
static request_rec *asked_by(const person_t *who)
{
    return get("Authorization", who->token);
}

/* A request with the session cookie of a member, which is taken out as it was read. */
static request_rec *browsed_by(const person_t *who)
{
    request_rec *r = get("Cookie", who->cookie);

    (void)take_cookies(r);
    return r;
}

/* The request once it was found out who asks. */
static request_rec *found(request_rec *r)
{
    const cloudep_principal_t *principal;

    if (cloudep_failed(cloudep_authenticate(r, 0, &principal))) {
        flow_bail_out("a member is not known");
    }
    return r;
}

static request_rec *known(void)
{
    return found(asked_by(&ada));
}

/* Changes a member's session. */
static void session_of(const person_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(p, "UPDATE cloudep.sessions SET ", change, " WHERE id = $1::uuid", NULL),
                        who->session->id, NULL));
}

/* Changes a member. */
static void member_of(const person_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(p, "UPDATE cloudep.members SET ", change, " WHERE uid = $1::uuid", NULL),
                        who->session->uid, NULL));
}

static person_t newcomer(const char *email)
{
    flow_case_t *at = flow_begin();
    cloudep_session_cookie_t cookie = {.kind = CLOUDEP_COOKIE_OWN};
    cloudep_tokens_t tokens = {0};
    request_rec *r;
    person_t who;

    p = at->p; /* of all that comes after */
    r = request(NULL, NULL);
    flow_member(at, "acme", email, &who.session);
    if (cloudep_failed(cloudep_issue_tokens(at->ctx, who.session, &tokens))) {
        flow_bail_out("no token");
    }
    cookie.tenant_id = who.session->tenant_id;
    cookie.session_id = who.session->id;
    cookie.uid = who.session->uid;
    cookie.seq = who.session->refresh_seq;
    flow_must(cloudep_session_cookie_set(r, &cookie), "a session cookie");
    who.token = apr_pstrcat(p, "Bearer ", tokens.access, NULL);
    who.cookie = apr_table_get(r->err_headers_out, "Set-Cookie");
    who.cookie = apr_pstrmemdup(p, who.cookie, strcspn(who.cookie, ";"));
    return who;
}

static void fresh_place(void)
{
    place = *(cloudep_place_t *)cloudep_place_create(p, NULL);
}

static const char *env(const request_rec *r, const char *name)
{
    return apr_table_get(r->subprocess_env, name);
}

/* ---- who passes ---- */

static void test_check(void)
{
    request_rec *r = get(NULL, NULL);

    auth_type = "Basic";
    is_int(check_authn(r), DECLINED, "what another one guards is not ours");
    auth_type = NULL;
    is_int(check_authn(r), DECLINED, "nor what nobody does");
    r = asked_by(&ada);
    auth_type = "cloudep";
    is_int(check_authn(r), OK, "a member passes");
    is_str(r->user, ada.session->uid, "under their id");
    is_str(r->ap_auth_type, "CloudEP", "by this guard");
    ok(!cloudep_guard_principal(r)->member, "nothing more is looked up");
    place.serve = "cloudep-member";
    r = asked_by(&ada);
    is_int(check_authn(r), OK, "in front of an API as well");
    ok(cloudep_guard_principal(r)->member != NULL, "which needs the member");
    fresh_place();
    flow.config.off = CLOUDEP_NEEDS_DATABASE;
    is_int(check_authn(asked_by(&ada)), 500, "without a database nobody passes");
    flow.config.off = CLOUDEP_NEEDS_VERIFYING;
    is_int(check_authn(asked_by(&ada)), 500, "nor without keys");
    flow.config.off = CLOUDEP_NEEDS_CACHE;
    is_int(check_authn(asked_by(&ada)), OK, "what is not needed does not matter");
    flow.config.off = 0;
    r = asked_by(&ada);
    r->proxyreq = PROXYREQ_PROXY;
    is_int(check_authn(r), 500, "a forward proxy is not guarded");
}

static void test_refused(void)
{
    is_int(check_authn(get("Authorization", "Bearer x")), 401, "a bad token does not pass");
    is_int(challenged, 1, "and is challenged");
    session_of(&bob, "revoked_at = now()");
    is_int(check_authn(asked_by(&bob)), 401, "nor does one whose session is over");
    session_of(&bob, "revoked_at = NULL");
    member_of(&bob, "status = 'suspended'");
    is_int(check_authn(asked_by(&bob)), 401, "or whose member is suspended");
    member_of(&bob, "status = 'active'");
    is_int(check_authn(asked_by(&bob)), OK, "but the same one otherwise");
    away = CLOUDEP_EOVERLOAD;
    is_int(check_authn(asked_by(&ada)), 503, "who cannot be looked up does not");
    is_int(challenged, 0, "nor is challenged");
    away = 0;
}

static void test_led_to(void)
{
    request_rec *r = get(NULL, NULL);

    r->main = known();
    is_int(check_authn(r), OK, "a part of a page is for whom the page is");
    r = get(NULL, NULL);
    r->prev = known();
    is_int(check_authn(r), OK, "as is what a request was led to");
    r = get(NULL, NULL);
    r->prev = known();
    place.attributes = 1;
    away = CLOUDEP_EOVERLOAD;
    is_int(check_authn(r), 503, "where attributes are wanted they are looked up");
    away = 0;
    place.attributes = 0;
    place.attribute_headers = apr_array_make(p, 1, sizeof(cloudep_attribute_header_t));
    APR_ARRAY_PUSH(place.attribute_headers, cloudep_attribute_header_t) =
        (cloudep_attribute_header_t){"tier", "X-Tier"};
    r = get(NULL, NULL);
    r->prev = known();
    place.attributes = 1;
    is_int(check_authn(r), OK, "if they can be");
    is_str(apr_table_get(r->headers_in, "X-Tier"), "pro", "and told");
    fresh_place();
}

static void test_optional(void)
{
    request_rec *r;

    is_int(force_authn(asked_by(&ada)), DECLINED, "a token is not looked at where nobody is guarded");
    place.token_optional = 1;
    is_int(force_authn(get(NULL, NULL)), DECLINED, "where it is optional nobody needs one");
    is_int(force_authn(get("Authorization", "Bearer x")), OK, "one that is there is looked at");
    r = known();
    apr_table_unset(r->headers_in, "Authorization");
    is_int(force_authn(r), OK, "as is whoever is known");
    is_int(force_authn(browsed_by(&ada)), DECLINED, "a session cookie is none where it is not taken");
    place.session_cookie = 1;
    is_int(force_authn(browsed_by(&ada)), OK, "a session cookie that is live is one");
    session_of(&bob, "revoked_at = now()");
    is_int(force_authn(browsed_by(&bob)), DECLINED, "one that is over is none");
    session_of(&bob, "revoked_at = NULL");
    is_int(force_authn(get(NULL, NULL)), DECLINED, "nor is none");
    away = CLOUDEP_EDATABASE;
    is_int(force_authn(browsed_by(&ada)), OK, "one that cannot be looked up is not nobody's");
    away = 0;
    fresh_place();
}

static request_rec *preflight(void)
{
    request_rec *r = with(get("Origin", "https://app.test"), "Access-Control-Request-Method", "PUT");

    r->method_number = M_OPTIONS;
    return r;
}

static void test_preflight(void)
{
    request_rec *r;

    is_int(hooks_access[0](preflight()), DECLINED, "a preflight does not pass unasked");
    place.preflight = 1;
    is_int(hooks_access[0](preflight()), OK, "where CloudEPPreflight is On it does");
    r = preflight();
    r->method_number = M_GET;
    is_int(hooks_access[0](r), DECLINED, "a GET does not");
    r = preflight();
    apr_table_unset(r->headers_in, "Origin");
    is_int(hooks_access[0](r), DECLINED, "nor what is of no page");
    r = preflight();
    apr_table_unset(r->headers_in, "Access-Control-Request-Method");
    is_int(hooks_access[0](r), DECLINED, "nor what asks for no method");
    r = preflight();
    auth_type = "Basic";
    is_int(hooks_access[0](r), DECLINED, "nor what is not ours");
    fresh_place();
}

/* ---- challenges ---- */

static const char *challenge_of(request_rec *r, int status)
{
    r->status = status;
    insert_errors[0](r);
    return apr_table_get(r->err_headers_out, "WWW-Authenticate");
}

static void test_challenges(void)
{
    request_rec *r;

    is_str(challenge_of(known(), 403), "Bearer realm=\"CloudEP\", error=\"insufficient_scope\"",
           "whoever is known is told that it is not enough");
    is_str(challenge_of(known(), 401), NULL, "httpd itself asks for the challenge of a 401");
    is_str(challenge_of(get(NULL, NULL), 403), NULL, "nobody lacks nothing");
    r = known();
    auth_type = "Basic";
    is_str(challenge_of(r, 403), NULL, "nor does whom another one guards against");
    r = get(NULL, NULL);
    r->prev = known();
    r->status = HTTP_FORBIDDEN;
    r->prev->status = HTTP_FORBIDDEN;
    insert_filters[0](r);
    is_str(apr_table_get(r->prev->err_headers_out, "WWW-Authenticate"),
           "Bearer realm=\"CloudEP\", error=\"insufficient_scope\"",
           "the page of an error has the challenge of what was refused");
    r = get(NULL, NULL);
    is_int(note_auth_failure(r, "Basic"), DECLINED, "a challenge of another one is not ours");
    is_int(note_auth_failure(r, "CloudEP"), OK, "ours is");
    is_str(apr_table_get(r->err_headers_out, "WWW-Authenticate"), "Bearer realm=\"CloudEP\"",
           "for who brought no token");
    is_int(cloudep_guard_reason(r), CLOUDEP_TOKEN_MISSING, "nobody has looked");
    is_int(cloudep_guard_reason(known()), CLOUDEP_ACCESS_REFUSED, "whoever is known is refused");
    r = asked_by(&ada);
    away = CLOUDEP_EDATABASE;
    (void)check_authn(r);
    away = 0;
    is_int(cloudep_guard_reason(r), CLOUDEP_DATABASE_FAILED, "or why they are not");
}

/* ---- what the server behind is told ---- */

static void test_identity(void)
{
    request_rec *r;

    r = asked_by(&ada);
    (void)check_authn(r);
    is_str(apr_pstrcat(p, env(r, "CLOUDEP_UID"), " ", env(r, "CLOUDEP_TENANT"), " ", env(r, "CLOUDEP_SESSION"), " ",
                       env(r, "CLOUDEP_AMR"), NULL),
           apr_pstrcat(p, ada.session->uid, " acme ", ada.session->id, " pwd otp", NULL),
           "the environment has who it is");
    ok(!apr_table_get(r->headers_in, "X-CloudEP-UID"), "headers do not");
    place.identity_headers = 1;
    r = asked_by(&ada);
    (void)check_authn(r);
    is_str(apr_table_get(r->headers_in, "X-CloudEP-UID"), ada.session->uid, "unless that is On");
    is_str(apr_table_get(r->headers_in, "X-CloudEP-Tenant"), "acme", "with the tenant");
    is_str(apr_table_get(r->headers_in, "X-CloudEP-Session"), ada.session->id, "the session");
    is_str(apr_table_get(r->headers_in, "X-CloudEP-AMR"), "pwd otp", "and how it was proved");
    is_str(apr_table_get(r->headers_in, "Authorization"), ada.token, "the token goes on");
    place.strip_token = 1;
    r = asked_by(&ada);
    (void)check_authn(r);
    ok(!apr_table_get(r->headers_in, "Authorization"), "unless it is to be taken out");
    fresh_place();
    r = get(NULL, NULL);
    r->prev = known();
    r->user = apr_pstrdup(p, ada.session->uid);
    (void)fixups[0](r);
    is_str(env(r, "CLOUDEP_UID"), ada.session->uid, "what a request was led to has it as well");
    r = get(NULL, NULL);
    r->prev = known();
    r->user = apr_pstrdup(p, "somebody else");
    (void)fixups[0](r);
    is_str(env(r, "CLOUDEP_UID"), NULL, "but not for another user");
    r = known();
    r->user = apr_pstrdup(p, ada.session->uid);
    (void)fixups[0](r);
    is_str(env(r, "CLOUDEP_UID"), NULL, "nor twice");
}

static void test_scrub(void)
{
    static const char *const spoofed[] = {"X-CloudEP-UID",     "x_cloudep_uid", "X.CloudEP.Tenant",
                                          "X-CLOUDEP-SESSION", "X-CloudEP-AMR", "X-Tier"};
    static const char *const kept[] = {"X-CloudEP-UIDs", "X-CloudEP", "XX-CloudEP-UID", "X-Other"};
    cmd_parms cmd = {.pool = p, .server = &server};
    static process_rec process;
    cloudep_place_t *other = cloudep_place_create(p, NULL);
    request_rec *r;

    process.pconf = p;
    server.process = &process;
    (void)cloudep_add_attribute(&cmd, other, "tier", "X-Tier");
    for (size_t i = 0; i < sizeof(spoofed) / sizeof(spoofed[0]); i++) {
        r = with(get(spoofed[i], "spoofed"), "X-Other", "kept");
        (void)scrub(r);
        ok(!apr_table_get(r->headers_in, spoofed[i]), "a client does not say %s", spoofed[i]);
        is_str(apr_table_get(r->headers_in, "X-Other"), "kept", "the rest stays");
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        r = get(kept[i], "kept");
        (void)scrub(r);
        is_str(apr_table_get(r->headers_in, kept[i]), "kept", kept[i]);
    }
    r = get("Connection", "close, X-CloudEP-UID; x-tier, X-Other");
    (void)scrub(r);
    is_str(apr_table_get(r->headers_in, "Connection"), "close, X-Other", "nor has it a header of ours dropped");
    r = get("Connection", "X-CloudEP-UID");
    (void)scrub(r);
    ok(!apr_table_get(r->headers_in, "Connection"), "not even alone");
    r = get("Connection", "close, X-Other");
    (void)scrub(r);
    is_str(apr_table_get(r->headers_in, "Connection"), "close, X-Other", "others it may");
}

static void test_trace(void)
{
    request_rec *r =
        with(get("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "tracestate", "a=b");

    (void)scrub(r);
    is_str(env(r, "CLOUDEP_TRACE_ID"), "0af7651916cd43dd8448eb211c80319c", "a trace has its id in the environment");
    is_str(apr_table_get(r->headers_in, "tracestate"), "a=b", "and goes on");
    r = with(get("traceparent", "00-x"), "tracestate", "a=b");
    (void)scrub(r);
    ok(!apr_table_get(r->headers_in, "traceparent") && !apr_table_get(r->headers_in, "tracestate"),
       "one that is none does not");
    is_str(env(r, "CLOUDEP_TRACE_ID"), NULL, "nor has an id");
}

/* ---- Require ---- */

static const char *parsed_fault(const char *name, const char *line, const void **parsed)
{
    cmd_parms *cmd = apr_pcalloc(p, sizeof(*cmd));

    cmd->pool = p;
    cmd->server = &server;
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]) && providers[i].name; i++) {
        if (!strcmp(providers[i].name, name)) {
            return providers[i].provider->parse_require_line(cmd, line, parsed);
        }
    }
    return "there is no such provider";
}

/* What a Require says of a request: granted, denied, nobody, or that it is none. */
static const char *verdict(request_rec *r, const char *name, const char *line)
{
    const void *parsed = NULL;
    authz_status status = AUTHZ_GENERAL_ERROR;

    if (parsed_fault(name, line, &parsed)) {
        return "none";
    }
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]) && providers[i].name; i++) {
        if (!strcmp(providers[i].name, name)) {
            status = providers[i].provider->check_authorization(r, line, parsed);
        }
    }
    return status == AUTHZ_GRANTED          ? "granted"
           : status == AUTHZ_DENIED         ? "denied"
           : status == AUTHZ_DENIED_NO_USER ? "nobody"
                                            : "an error";
}

static const char *upper(const char *text)
{
    char *copy = apr_pstrdup(p, text);

    for (char *c = copy; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    return copy;
}

static const char *of(const char *name, const char *id)
{
    return apr_pstrcat(p, name, " ", id, NULL);
}

static void test_require(void)
{
    request_rec *r = known();
    const cloudep_principal_t *who = cloudep_guard_principal(r);
    const cloudep_session_t *session = ada.session;
    const int age = (int)(who->proofs.now - who->proofs.mfa_at);
    const struct {
        const char *name, *line, *verdict;
    } cases[] = {
        {"cloudep-tenant", "acme", "granted"},
        {"cloudep-tenant", " other acme", "granted"},
        {"cloudep-tenant", "acm", "denied"},
        {"cloudep-tenant", "", "none"},
        {"cloudep-tenant", "Not_A_Slug", "none"},
        {"cloudep-mfa", apr_itoa(p, age), "granted"},
        {"cloudep-mfa", apr_itoa(p, age - 1), "denied"},
        {"cloudep-mfa", "", "none"},
        {"cloudep-mfa", "0", "none"},
        {"cloudep-mfa", "-1", "none"},
        {"cloudep-mfa", "9s", "none"},
        {"cloudep-mfa", "1 2", "none"},
        {"cloudep-mfa", "316224000", "granted"},
        {"cloudep-mfa", "316224001", "none"},
        {"cloudep-fresh", apr_itoa(p, age + 1), "granted"},
        {"cloudep-fresh", apr_itoa(p, age), "denied"},
        {"cloudep-fresh", "", "granted"},
        {"cloudep-fresh", "x", "none"},
        {"cloudep-claim", "amr otp", "granted"},
        {"cloudep-claim", "amr pwd", "granted"},
        {"cloudep-claim", "amr ot", "denied"},
        {"cloudep-claim", "amr wd", "denied"},
        {"cloudep-claim", "amr a,b", "none"},
        {"cloudep-claim", "amr", "none"},
        {"cloudep-claim", of("sub", upper(session->uid)), "granted"},
        {"cloudep-claim", of("sub", session->tenant_id), "denied"},
        {"cloudep-claim", of("tid", session->tenant_id), "granted"},
        {"cloudep-claim", of("sid", session->id), "granted"},
        {"cloudep-claim", of("sid", session->uid), "denied"},
        {"cloudep-claim", "sub ada", "none"},
        {"cloudep-claim", of("iss", session->id), "none"},
        {"cloudep-attribute", "tier pro", "denied"},
        {"cloudep-attribute", "tier", "none"},
        {"cloudep-attribute", "a:b c", "none"},
    };
    static const char *const all[][2] = {{"cloudep-tenant", "acme"},
                                         {"cloudep-mfa", "100"},
                                         {"cloudep-fresh", ""},
                                         {"cloudep-claim", "amr otp"},
                                         {"cloudep-attribute", "tier pro"}};

    flow.config.freshness = age + 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(verdict(r, cases[i].name, cases[i].line), cases[i].verdict,
               apr_pstrcat(p, "Require ", cases[i].name, " ", cases[i].line, NULL));
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        is_str(verdict(get(NULL, NULL), all[i][0], all[i][1]), "nobody",
               apr_pstrcat(p, "nobody passes ", all[i][0], NULL));
    }
    flow.config.freshness = age;
    is_str(verdict(r, "cloudep-fresh", ""), "denied", "without a number CloudEPFreshness counts");
    is_int(place.attributes, 1, "what Require names of attributes is read");
    is_str(verdict(known(), "cloudep-attribute", "tier pro"), "granted", "whoever has an attribute passes by it");
    fresh_place();
}

/* A request by headers of development, which name no session, and a tenant by its id alone. */
static request_rec *developer(void)
{
    request_rec *r = with(get("X-Tenant-ID", bob.session->tenant_id), "X-UID", bob.session->uid);

    r->useragent_ip = apr_pstrdup(p, "127.0.0.1");
    flow_must(apr_sockaddr_info_get(&r->connection->client_addr, r->useragent_ip, APR_INET, 0, 0, p), "an address");
    flow.config.dev_identity_headers = 1;
    return found(r);
}

static void test_require_proofs(void)
{
    request_rec *r;

    is_str(verdict(developer(), "cloudep-tenant", "acme"), "denied", "whoever is of no tenant that is known is denied");
    flow.config.dev_identity_headers = 0;
    is_str(verdict(found(asked_by(&bob)), "cloudep-mfa", "1000"), "denied", "whoever has no second factor does not");
    flow.config.freshness = 0;
    session_of(&bob, "auth_time = now() - interval '800 seconds'");
    r = found(asked_by(&bob));
    is_str(verdict(r, "cloudep-fresh", ""), "granted", "where CloudEPFreshness is 0 a quarter of an hour counts");
    session_of(&bob, "auth_time = now() - interval '900 seconds'");
    r = found(asked_by(&bob));
    is_str(verdict(r, "cloudep-fresh", ""), "denied", "and no more");
}

/* ---- a page that wants more of whoever is known ---- */

static const char *required[2]; /* lines of "Require", all of which have to be met; NULL: none */
static int refusal = 401;       /* what httpd says where they are not */
static int tries, told;         /* of "Require", and those of which the log has lines */
static int tried_in_tries;      /* whether it was tried while it is tried */

static void require(const char *one, const char *other)
{
    required[0] = one;
    required[1] = other;
}

AP_DECLARE(int) ap_run_auth_checker(request_rec *r)
{
    tries++;
    told += !r->log || r->log->level > APLOG_EMERG;
    tried_in_tries |= step_up(r) != DECLINED;
    apr_table_setn(r->err_headers_out, "WWW-Authenticate", "of this try");
    for (int i = 0; i < 2 && required[i]; i++) {
        const char *line = required[i];
        const char *name = ap_getword_white(p, &line);

        if (strcmp(verdict(r, name, line), "granted") != 0) {
            return refusal;
        }
    }
    return OK;
}

#define FRESH "cloudep-fresh 50"
#define MFA "cloudep-mfa 50"
#define NO_PROOF_HELPS "cloudep-tenant other"

/* A known person in front of a page, with the session cookie. */
static request_rec *person(void)
{
    request_rec *r;

    place.session_cookie = 1;
    place.login_page = "/login/";
    tries = told = tried_in_tries = 0;
    r = found(browsed_by(&ada));
    return with(r, "Sec-Fetch-Mode", "navigate");
}

static const char *sent_to(request_rec *r)
{
    const char *location = apr_table_get(r->headers_out, "Location");

    location = location ? location : apr_table_get(r->err_headers_out, "Location");
    return location ? location : "nowhere";
}

static void test_step_up(void)
{
    request_rec *r = person();

    require(NULL, NULL);
    is_int(step_up(r), OK, "what is let in passes");
    is_int(tries, 1, "at the first try");
    is_int(told, 0, "of which the log says nothing");
    is_str(apr_table_get(r->err_headers_out, "WWW-Authenticate"), NULL, "nor the answer");
    is_int(tried_in_tries, 0, "and which tries nothing itself");
    require(FRESH, NULL);
    r = person();
    is_int(step_up(r), HTTP_SEE_OTHER, "whoever lacks a fresh proof is sent to the login page");
    is_str(sent_to(r), "/login/?return_to=https%3A%2F%2Fid.test%2Fpage&need=fresh", "for that");
    is_int(cloudep_is_taken_as_proved(r, CLOUDEP_PROOF_FRESH | CLOUDEP_PROOF_MFA), 0,
           "nothing is taken as proved then");
    require(MFA, NULL);
    r = person();
    is_int(step_up(r), HTTP_SEE_OTHER, "whoever lacks a second factor as well");
    is_str(sent_to(r), "/login/?return_to=https%3A%2F%2Fid.test%2Fpage&need=mfa", "for that");
    require(MFA, FRESH);
    r = person();
    (void)step_up(r);
    is_str(sent_to(r), "/login/?return_to=https%3A%2F%2Fid.test%2Fpage&need=mfa",
           "whoever lacks both gives the second factor");
    require(NO_PROOF_HELPS, NULL);
    r = person();
    is_int(step_up(r), 403, "whoever lacks what no proof gives is refused, as another login would not help");
    is_int(told, 1, "which the log tells, once");
    refusal = 500;
    is_int(step_up(person()), 500, "a failure is one");
    refusal = 401;
    require(MFA, NULL);
    r = person();
    apr_table_unset(r->headers_in, "Sec-Fetch-Mode");
    is_int(step_up(r), 403, "a program is sent nowhere");
    r = person();
    place.login_page = NULL;
    is_int(step_up(r), 403, "nor is anybody without a login page");
    r = person();
    place.session_cookie = 0;
    is_int(step_up(r), DECLINED, "without a session cookie httpd asks by itself");
    place.session_cookie = 1;
    is_int(step_up(with(get(NULL, NULL), "Sec-Fetch-Mode", "navigate")), DECLINED, "as for whoever is not known");
    r = person();
    auth_type = "Basic";
    is_int(step_up(r), DECLINED, "or is guarded against by another one");
    require(NULL, NULL);
    fresh_place();
}

/* ---- caches ---- */

static request_rec *kept(const char *name, const char *value)
{
    request_rec *r = known();
    ap_filter_t *f = apr_pcalloc(p, sizeof(*f));

    apr_table_setn(r->headers_out, name, value);
    apr_table_setn(r->headers_out, "X-Page", "y");
    added = NULL;
    insert_filters[1](r);
    f->r = r;
    f->ctx = (void *)(apr_uintptr_t)added;
    (void)filter(f, NULL);
    return r;
}

static void test_caches(void)
{
    static const struct {
        const char *given, *told;
    } cases[] = {
        {"public, max-age=60", "private, max-age=60"},
        {"max-age=60", "private, max-age=60"},
        {"s-maxage=9, max-age=60", "private, max-age=60"},
        {"no-store", "no-store"},
        {"private", "private"},
        {"private=\"x\", max-age=1", "private, max-age=1"},
        {"public", "private"},
        {"public, no-store", "no-store"},
        {"Public", "private"},
        {"no-cache", "private, no-cache"},
    };
    static const char *const others[] = {"X-Accel-Expires", "Surrogate-Control", "Edge-Control", "CDN-Cache-Control",
                                         "Cloudflare-CDN-Cache-Control"};
    request_rec *r;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        r = kept("Cache-Control", cases[i].given);
        is_str(apr_table_get(r->headers_out, "Cache-Control"), cases[i].told,
               apr_pstrcat(p, "Cache-Control: ", cases[i].given, NULL));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        r = kept(others[i], "60");
        ok(!apr_table_get(r->headers_out, others[i]), "%s is not told", others[i]);
        is_str(apr_table_get(r->headers_out, "X-Page"), "y", "what else is told stays");
    }
    r = kept("Vary", "Accept");
    is_str(apr_table_get(r->headers_out, "Cache-Control"), "private", "a page is for nobody else");
    is_str(apr_table_get(r->headers_out, "Vary"), "Accept, Authorization", "and varies on who asks");
    place.cookie = "token";
    is_str(apr_table_get(kept("X", "y")->headers_out, "Vary"), "Authorization, Cookie", "also by a cookie of a token");
    place.cookie = NULL;
    place.session_cookie = 1;
    is_str(apr_table_get(kept("X", "y")->headers_out, "Vary"), "Authorization, Cookie", "or the session cookie");
    fresh_place();
    r = known();
    r->main = get(NULL, NULL);
    insert_filters[1](r);
    is_str(added, NULL, "a part of a page has no head");
    r = known();
    auth_type = NULL;
    insert_errors[1](r);
    is_str(added, NULL, "what is not guarded is left alone");
    r = known();
    (void)hooks_access[1](r);
    is_str(env(r, "no-cache"), "1", "httpd's own cache keeps nothing that is guarded");
    r = get(NULL, NULL);
    auth_type = NULL;
    (void)hooks_access[1](r);
    is_str(env(r, "no-cache"), NULL, "but what is not");
    place.serve = "cloudep-auth";
    (void)hooks_access[1](r);
    is_str(env(r, "no-cache"), "1", "and no API");
    fresh_place();
}

/* ---- methods ---- */

static void test_methods(void)
{
    static core_server_config core_of_server;
    request_rec *r = get(NULL, NULL);
    void **both = (void **)server.module_config;

    flow.config.database = 1;
    is_int(refuse_method(r), DECLINED, "a GET is for others");
    r->method_number = M_TRACE;
    is_int(refuse_method(r), 405, "a TRACE is refused");
    flow.config.database = 0;
    is_int(refuse_method(r), DECLINED, "where CloudEP is");
    flow.config.database = 1;
    r = get(NULL, NULL);
    r->uri = apr_pstrdup(p, "*");
    is_int(refuse_method(r), DECLINED, "OPTIONS of the whole server are answered where nothing of it is guarded");
    walked_to_a_guard = 1;
    is_int(refuse_method(r), 405, "and refused where / is");
    is_str(r->uri, "*", "which changes nothing of the request");
    ok(r->per_dir_config == (struct ap_conf_vector_t *)place_vector, "nor its settings");
    walked_to_a_guard = 0;
    both[0] = &core_of_server;
    core_of_server.trace_enable = AP_TRACE_ENABLE;
    (void)turn_trace_off(p, p, p, &server);
    is_int(core_of_server.trace_enable, AP_TRACE_DISABLE, "TRACE is off");
    flow.config.database = 0;
    core_of_server.trace_enable = AP_TRACE_ENABLE;
    (void)turn_trace_off(p, p, p, &server);
    is_int(core_of_server.trace_enable, AP_TRACE_ENABLE, "where CloudEP is");
    flow.config.database = 1;
}

/* Ada has an attribute, and gave a second factor a while ago. */
static void start(void)
{
    flow_start();
    flow_access();
    flow_tenant("acme");
    flow.run.db->acquire = acquire;
    start_server_with(&flow.config);
    cloudep_cookie_register_hooks();
    take_cookies = scrub; /* the next one takes its place */
    cloudep_guard_register_hooks();
    cloudep_methods_register_hooks();
    cloudep_step_up_register_hooks();
    cloudep_require_register(flow.pool);
    of_caching = 1;
    cloudep_caching_register_hooks();
    ada = newcomer("ada@x.test");
    bob = newcomer("bob@x.test");
    member_of(&ada, "attributes = '{\"tier\": \"pro\"}'");
    session_of(&ada, "amr = 'pwd otp', auth_time = now() - interval '300 seconds',"
                     " mfa_at = now() - interval '100 seconds'");
}

int main(void)
{
    start();
    fresh_place();
    ok(step_up != NULL && count_decision != NULL, "all of it is there");
    test_check();
    test_refused();
    test_led_to();
    test_optional();
    test_preflight();
    test_challenges();
    test_identity();
    test_scrub();
    test_trace();
    test_require();
    test_require_proofs();
    test_step_up();
    test_caches();
    test_methods();
    return done_testing();
}
