/*
 * enter_test.c - the way back from the login page of another host, without a server: codes of the real flow, on a
 * private PostgreSQL and memcached. Of httpd there is what enter.c calls, and what it was told is kept.
 */
#include "flow.h"

#include <http_core.h>
#include <http_request.h>
#include "answer.h"
#include "clock.h"
#include "take_cookies.h"

#include "access/entry_cookie.h"
#include "access/session_cookie.h"
#include "core/needs.h"
#include "core/request.h"
#include "flow/handoff.h"
#include "guard/guard.h"

#define HERE "https://id.test"
#define PATH "/page?a=b"

/* ---- of httpd ---- */

static int allowed; /* whether the methods were told */

AP_DECLARE(void) ap_allow_standard_methods(request_rec *r, int reset, ...)
{
    (void)r;
    allowed = reset == REPLACE_ALLOW;
}

static ap_HOOK_quick_handler_t *enter;

AP_DECLARE(void)
ap_hook_quick_handler(ap_HOOK_quick_handler_t *hook, const char *const *before, const char *const *after, int order)
{
    (void)before;
    (void)after;
    (void)order;
    enter = hook;
}

/* ---- a member who was sent to log in, and their browser ---- */

static flow_case_t *at;
static const cloudep_session_t *session;
static const char *cookie; /* "name=value", which the browser has from here */
static const char *digest; /* of it */

/* The cookie of that name which an answer sets; "": none. */
static const char *set_cookie(const request_rec *r, const char *name)
{
    const apr_array_header_t *all = apr_table_elts(r->err_headers_out);

    for (int i = 0; i < all->nelts; i++) {
        const char *value = APR_ARRAY_IDX(all, i, apr_table_entry_t).val;

        if (!strncmp(value, name, strlen(name)) && value[strlen(name)] == '=') {
            return apr_pstrmemdup(p, value + strlen(name) + 1, strcspn(value + strlen(name) + 1, ";"));
        }
    }
    return "";
}

/* The cookie of a browser that is sent from here, and its digest. */
static const char *sent_from_here(const char **its)
{
    request_rec *r = request(NULL, NULL);

    flow_must(cloudep_entry_begin(r, its), "the cookie of a browser");
    return apr_pstrcat(p, "__Host-cloudep-enter=", set_cookie(r, "__Host-cloudep-enter"), NULL);
}

/* A code that the login page makes for that host. */
static const char *code_for(const char *origin)
{
    const cloudep_principal_t who = {.tenant_id = session->tenant_id, .uid = session->uid, .session_id = session->id};
    const cloudep_handoff_t in = {origin, PATH, digest};
    const char *code;

    if (cloudep_failed(cloudep_hand_over(at->ctx, &who, &in, &code))) {
        flow_bail_out("no code");
    }
    return code;
}

/* The browser comes back with that query, and a cookie; NULL: it has none. */
static request_rec *come_back_as(const char *query, const char *its)
{
    request_rec *r = request(its ? "Cookie" : NULL, its);

    (void)take_cookies(r);
    r->uri = apr_pstrdup(p, "/.cloudep/enter");
    r->args = query ? apr_pstrdup(p, query) : NULL;
    r->method_number = M_GET;
    r->status = HTTP_OK;
    forget_answer();
    allowed = 0;
    (void)flow_logged("");
    return r;
}

static request_rec *come_back(const char *query)
{
    return come_back_as(query, cookie);
}

static const char *with_code(const char *code)
{
    return apr_pstrcat(p, "code=", code, NULL);
}

static const char *header(const request_rec *r, const char *name)
{
    return apr_table_get(r->headers_out, name);
}

static void is_over(request_rec *r, const char *name)
{
    is_int(enter(r, 0), OK, name);
    is_int(r->status, HTTP_BAD_REQUEST, "it is over");
    ok(strstr(sent.text, "<h1>This address is over</h1>") != NULL, "which a page says");
    ok(!*set_cookie(r, "__Host-cloudep"), "and nobody is let in");
}

static void is_refused(request_rec *r, const char *why, const char *name)
{
    is_over(r, name);
    ok(flow_logged(why), "the log says: %s", why);
}

static void is_let_in(const char *code, const char *name)
{
    request_rec *r = come_back(with_code(code));

    is_int(enter(r, 0), OK, name);
    is_int(r->status, HTTP_SEE_OTHER, "and lets in");
}

/* ---- what is asked ---- */

static void test_asked(void)
{
    static const unsigned needs[] = {CLOUDEP_NEEDS_DATABASE, CLOUDEP_NEEDS_CACHE, CLOUDEP_NEEDS_SESSION_KEYS};
    const char *code = code_for(HERE);
    const char *query = with_code(code);
    request_rec *r;

    is_int(enter(come_back(query), 1), DECLINED, "a lookup is no request");
    r = come_back(query);
    r->uri = apr_pstrdup(p, "/.cloudep/enters");
    is_int(enter(r, 0), DECLINED, "another path is for others");
    r->uri = NULL;
    is_int(enter(r, 0), DECLINED, "as is none");
    flow.config.database = 0;
    is_int(enter(come_back(query), 0), DECLINED, "and this one, without a database");
    flow.config.database = 1;
    r = come_back(query);
    r->method_number = M_POST;
    is_int(enter(r, 0), HTTP_METHOD_NOT_ALLOWED, "a POST is not for it");
    is_int(allowed, 1, "as is told");
    r = come_back(query);
    r->header_only = 1;
    is_int(enter(r, 0), HTTP_METHOD_NOT_ALLOWED, "nor a HEAD, which would use the code up");
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        flow.config.off = needs[i];
        is_int(enter(come_back(query), 0), HTTP_NOT_IMPLEMENTED, "without one of what it needs");
    }
    flow.config.off = 0;
    is_let_in(code, "nothing of which has used the code");
}

static void test_queries(void)
{
    /* before and behind a code; no "behind": without one */
    static const struct {
        const char *before, *behind;
    } bad[] = {{NULL, NULL},      {"", NULL},       {"code", NULL},  {"cod=", ""},
               {"code=", "&b=c"}, {"code=", "%20"}, {"code=", "+b"}, {"x&code=", ""}};
    const char *code = code_for(HERE);
    request_rec *r;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *query = bad[i].behind ? apr_pstrcat(p, bad[i].before, code, bad[i].behind, NULL) : bad[i].before;

        is_over(come_back(query),
                apr_pstrcat(p, "the query \"", bad[i].before ? bad[i].before : "", bad[i].behind ? "CODE" : "",
                            bad[i].behind ? bad[i].behind : "", "\"", NULL));
        ok(!flow_logged("handoff refused"), "of which no code is looked at");
    }
    r = come_back(with_code(code));
    apr_table_unset(r->headers_in, "Host");
    r->hostname = NULL;
    is_over(r, "a request to no host");
    ok(!flow_logged("handoff refused"), "of which no code is looked at either");
    is_let_in(code, "the code alone is");
}

/* ---- codes ---- */

static void test_good(void)
{
    const char *query = with_code(code_for(HERE));
    cloudep_session_cookie_t its = {0};
    const char *reason = NULL;
    request_rec *r = come_back(query);
    const char *value;

    is_int(enter(r, 0), OK, "a code that is good");
    is_int(r->status, HTTP_SEE_OTHER, "sends on");
    is_str(header(r, "Location"), HERE PATH, "to the page on this host");
    is_str(header(r, "Referrer-Policy"), "no-referrer", "which is not told the code");
    value = set_cookie(r, "__Host-cloudep");
    ok(*value && *set_cookie(r, "__Host-cloudep-entered"), "with a session cookie, and one that says so");
    is_refused(come_back(query), "no such code, or not any more", "a code that was used");

    r = come_back_as(NULL, apr_pstrcat(p, "__Host-cloudep=", value, NULL));
    is_int(cloudep_session_cookie(r, &its, &reason), APR_SUCCESS, "the session cookie that a browser gets");
    is_int(its.kind, CLOUDEP_COOKIE_GUARD, "is for guards alone");
    is_str(its.tenant_id, session->tenant_id, "of the session's tenant");
    is_str(its.session_id, session->id, "of the session that was handed over");
    is_str(its.uid, session->uid, "of its member");
    is_int(its.seq, 0, "and the first of it");
}

static void test_refused(void)
{
    const char *code = code_for(HERE);
    const char *other, *ignored;
    request_rec *r = come_back(with_code(flow_wrong(at, code)));

    is_refused(r, "no such code", "a code that nobody made");
    is_int(sent.told, (int)sent.length, "the page has a length");
    is_str(sent.type, "text/html; charset=utf-8", "and a type");
    is_str(header(r, "Cache-Control"), "no-store", "is not kept");
    is_str(header(r, "Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'", "and has nothing in it");
    is_refused(come_back("code=abc"), "no such code", "what is no code");
    is_refused(come_back(with_code(code_for("https://other.test"))), "of another host", "a code for another host");
    is_refused(come_back_as(with_code(code), NULL), "no cookie of this host", "a browser that was not sent from here");
    other = sent_from_here(&ignored);
    is_refused(come_back_as(with_code(code), other), "of another browser", "another browser that was");
    moved = apr_time_from_sec(30);
    is_refused(come_back(with_code(code)), "no such code, or not any more", "a code after half a minute");
    moved = 0;
    is_let_in(code, "before that it is good");
}

static void test_failure(void)
{
    const char *query = with_code(code_for(HERE));

    flow_revoke("SELECT ON cloudep.sessions");
    is_int(enter(come_back(query), 0), HTTP_INTERNAL_SERVER_ERROR, "a database that fails is no address that is over");
    flow_grant("SELECT ON cloudep.sessions");
}

static void test_session_over(void)
{
    const char *query = with_code(code_for(HERE));

    free(postgres_value("UPDATE cloudep.sessions SET revoked_at = now() WHERE id = $1::uuid", session->id, NULL));
    is_refused(come_back(query), "its session is over", "a code whose session has ended");
}

int main(void)
{
    flow_start();
    flow_access();
    flow_tenant("acme");
    at = flow_begin();
    p = at->p;
    start_server_with(&flow.config);
    cloudep_cookie_register_hooks();
    cloudep_enter_register_hooks();
    flow_member(at, "acme", "ann@acme.test", &session);
    cookie = sent_from_here(&digest);
    test_asked();
    test_queries();
    test_good();
    test_refused();
    test_failure();
    test_session_over();
    return done_testing();
}
