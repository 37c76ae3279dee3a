/*
 * access_test.c - requests without a server: which site sent one, the cookies that it brings and gets, the token that
 * proves a page of ours, and what is noted of its client.
 */
#include "access/origin.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_protocol.h>
#include <string.h>

#include "access/cookie.h"
#include "access/entry_cookie.h"
#include "access/session_cookie.h"
#include "access/xsrf.h"
#include "core/request.h"
#include "request.h"
#include "take_cookies.h"

/* ---- origins ---- */

static void test_same_origin(void)
{
    static const char *const same[] = {"https://id.test", "https://ID.test", "https://id.test:443"};
    static const char *const others[] = {"http://id.test",
                                         "https://id.tes",
                                         "https://id.test.evil",
                                         "https://id.test:8443",
                                         "https://id.test:44",
                                         "https://id.test:80",
                                         "id.test",
                                         "null",
                                         "",
                                         "https://a@id.test",
                                         "https://id.test/"};
    request_rec *r = request(NULL, NULL);

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        ok(cloudep_is_same_origin(r, same[i]), "%s is the request's own", same[i]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ok(!cloudep_is_same_origin(r, others[i]), "\"%s\" is not", others[i]);
    }
    ok(cloudep_is_same_origin(with(r, "Host", "id.test:8443"), "https://id.test:8443"), "a port is a part of it");
    ok(!cloudep_is_same_origin(r, "https://id.test"), "in both");
    ok(cloudep_is_same_origin(with(r, "Host", "id.test:443"), "https://id.test"), "but for that of the scheme");
    config.issuer = "http://localhost";
    ok(cloudep_is_same_origin(with(r, "Host", "localhost:80"), "http://localhost"), "which is 80 with http");
    ok(!cloudep_is_same_origin(with(r, "Host", "localhost:443"), "http://localhost"), "and not 443");
    config.issuer = NULL;
    ok(!cloudep_is_same_origin(request(NULL, NULL), "https://id.test"), "without an issuer nothing is");
    config.issuer = "https://id.test";
    ok(!cloudep_is_same_origin(request(NULL, NULL), NULL), "no origin is not");
}

static void test_cross_site(void)
{
    static const struct {
        const char *site, *origin;
        int is;
    } cases[] = {
        {NULL, NULL, 0},
        {"same-origin", NULL, 0},
        {"none", NULL, 0},
        {"same-site", NULL, 1},
        {"cross-site", NULL, 1},
        {"same-origin-not", NULL, 1},
        {NULL, "https://id.test", 0},
        {NULL, "https://evil.test", 1},
        {NULL, "null", 1},
        {"same-origin", "https://evil.test", 1},
        {"none", "https://evil.test", 1},
        {"same-origin", "https://id.test", 0},
        {"same-site", "https://id.test", 0},
        {"cross-site", "https://app.test", 0},
        {"same-site", "https://evil.test", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        request_rec *r = request(NULL, NULL);

        if (cases[i].site) {
            with(r, "Sec-Fetch-Site", cases[i].site);
        }
        if (cases[i].origin) {
            with(r, "Origin", cases[i].origin);
        }
        is_int(cloudep_is_cross_site(r, list("https://app.test")), cases[i].is,
               apr_psprintf(p, "whether another site sent it: Sec-Fetch-Site %s, Origin %s",
                            cases[i].site ? cases[i].site : "none given",
                            cases[i].origin ? cases[i].origin : "none given"));
    }
}

static void test_may_use_cookie(void)
{
    const apr_array_header_t *listed = list("https://app.test");

    ok(cloudep_may_use_cookie(request(NULL, NULL), listed), "without an Origin a cookie may be used");
    ok(cloudep_may_use_cookie(request("Origin", "https://id.test"), listed), "with our own");
    ok(cloudep_may_use_cookie(request("Origin", "https://app.test"), listed), "with a listed one");
    ok(!cloudep_may_use_cookie(request("Origin", "https://app.test"), NULL), "not with one that no list has");
    ok(!cloudep_may_use_cookie(request("Origin", "https://app.test.evil"), listed), "nor one that begins like it");
    ok(!cloudep_may_use_cookie(request("Origin", "null"), listed), "nor null");
    ok(!cloudep_may_use_cookie(request("Upgrade", "websocket"), listed), "a WebSocket has to name an Origin");
    ok(cloudep_may_use_cookie(with(request("Upgrade", "websocket"), "Origin", "https://id.test"), listed), "of ours");
    ok(cloudep_shows_its_site(request("Sec-Fetch-Site", "same-origin")), "of the same origin shows its site");
    ok(cloudep_shows_its_site(request("Sec-Fetch-Site", "none")), "typed by somebody, too");
    ok(cloudep_shows_its_site(request("Origin", "https://id.test")), "an Origin does");
    ok(!cloudep_shows_its_site(request("Sec-Fetch-Site", "same-site")), "of the same site does not");
    ok(!cloudep_shows_its_site(request(NULL, NULL)), "nor what says nothing");
}

static void test_may_send_to(void)
{
    static const struct {
        const char *address, *origin;
    } cases[] = {
        {"/page?x=1", "https://id.test"},
        {"https://id.test/page", "https://id.test"},
        {"https://app.test/", "https://app.test"},
        {"https://app.test:8443/", NULL},
        {"https://evil.test/", NULL},
        {"http://id.test/", NULL},
        {"/.cloudep/enter?code=x", NULL},
        {"https://app.test/.cloudep/enter", NULL},
        {"/.cloudepx", "https://id.test"},
    };

    config.application_origins = list("https://app.test");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cloudep_target_t target;
        const int may = cloudep_target_read(&target, p, cases[i].address) == APR_SUCCESS &&
                        cloudep_may_send_to(request(NULL, NULL), &target);

        is_str(may ? target.origin : NULL, cases[i].origin,
               apr_psprintf(p, "whether a browser may be sent to %s", cases[i].address));
    }
    is_str(cloudep_own_origin(with(request(NULL, NULL), "Host", "Id.Test:443")), "https://id.test",
           "the own origin is as browsers write it");
    is_str(cloudep_own_origin(with(request(NULL, NULL), "Host", "id.test/x")), NULL, "a Host with a path has none");
    config.issuer = "http://localhost";
    is_str(cloudep_own_origin(with(request(NULL, NULL), "Host", "localhost:8080")), "http://localhost:8080",
           "its scheme is the issuer's");
    config.issuer = "https://id.test";
    config.application_origins = NULL;
}

/* ---- cookies ---- */

/* The cookie of that name which an answer sets, without its name; "": none. */
static const char *set_cookie(request_rec *r, const char *name)
{
    const apr_array_header_t *all = apr_table_elts(r->err_headers_out);
    const char *found = "";

    for (int i = 0; i < all->nelts; i++) {
        const char *value = APR_ARRAY_IDX(all, i, apr_table_entry_t).val;

        if (!strncmp(value, name, strlen(name)) && value[strlen(name)] == '=') {
            found = value + strlen(name) + 1;
        }
    }
    return found;
}

/* A request with the cookies that an answer set, the header as browsers send it. */
static request_rec *next_request(request_rec *r)
{
    const apr_array_header_t *all = apr_table_elts(r->err_headers_out);
    const char *cookies = "";

    for (int i = 0; i < all->nelts; i++) {
        const char *value = APR_ARRAY_IDX(all, i, apr_table_entry_t).val;

        cookies = apr_pstrcat(p, cookies, *cookies ? "; " : "", apr_pstrmemdup(p, value, strcspn(value, ";")), NULL);
    }
    r = request("Cookie", cookies);
    (void)take_cookies(r);
    return r;
}

static void test_cookies(void)
{
    request_rec *r = request(NULL, NULL);

    cloudep_cookie_set(r, CLOUDEP_COOKIE_PENDING, "v", 600);
    is_str(set_cookie(r, "__Host-cloudep-pending"), "v; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax",
           "a cookie of ours");
    cloudep_cookie_set(r, CLOUDEP_COOKIE_VISITOR, "v", 0);
    is_str(set_cookie(r, "__Host-cloudep-visitor"), "v; Path=/; Secure; HttpOnly; SameSite=Lax",
           "one until the browser is closed");
    cloudep_cookie_remove(r, CLOUDEP_COOKIE_SESSION);
    is_str(set_cookie(r, "__Host-cloudep"), "; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
           "one that is removed");
    cloudep_cookie_set_readable(r, "XSRF-TOKEN", "t", 5);
    is_str(set_cookie(r, "XSRF-TOKEN"), "t; Path=/; Max-Age=5; Secure; SameSite=Lax", "one that scripts read");
    config.issuer = "http://localhost";
    r = request(NULL, NULL);
    cloudep_cookie_set(r, CLOUDEP_COOKIE_SESSION, "v", 1);
    is_str(set_cookie(r, "cloudep"), "v; Path=/; Max-Age=1; HttpOnly; SameSite=Lax", "without TLS");
    cloudep_cookie_set(r, CLOUDEP_COOKIE_BROWSER, "v", 1);
    is_str(set_cookie(r, "__Host-cloudep-browser"), "v; Path=/; Max-Age=1; Secure; HttpOnly; SameSite=Lax",
           "that of a social login is the same everywhere");
    config.issuer = "https://id.test";
}

static void test_taken(void)
{
    request_rec *r = request("Cookie", "a=1; __Host-cloudep=s; b=2,__HOST-CLOUDEP-x=y; c=__Host-cloudep; cloudep=z");

    (void)take_cookies(r);
    is_str(apr_table_get(r->headers_in, "Cookie"), "a=1; b=2, c=__Host-cloudep; cloudep=z",
           "nobody else sees a cookie of ours, and the others are as they were");
    is_str(cloudep_cookie(r, CLOUDEP_COOKIE_SESSION), "s", "we see it");
    is_str(cloudep_cookie(r, CLOUDEP_COOKIE_VISITOR), NULL, "and none that is not there");
    r = request("Cookie", "__Host-cloudep=one; __Host-cloudep=two");
    (void)take_cookies(r);
    is_str(cloudep_cookie(r, CLOUDEP_COOKIE_SESSION), "", "of two nobody knows which it is");
    ok(!apr_table_get(r->headers_in, "Cookie"), "where all are ours no header is left");
    r = request("Cookie", "__Host-cloudepx=1; XSRF-TOKEN=theirs");
    (void)take_cookies(r);
    is_str(apr_table_get(r->headers_in, "Cookie"), "__Host-cloudepx=1; XSRF-TOKEN=theirs", "other programs' stay");
    r = request("Cookie", "x=1; XSRF-TOKEN=" CLOUDEP_XSRF_MARK "abc");
    (void)take_cookies(r);
    is_str(apr_table_get(r->headers_in, "Cookie"), "x=1", "our XSRF token goes");
}

/* ---- the session cookie ---- */

static const cloudep_session_cookie_t own = {CLOUDEP_COOKIE_OWN, "t1", "s1", "u1", 7};

/* A request with the session cookie of that value. */
static request_rec *with_session(const char *value)
{
    request_rec *r = request("Cookie", apr_pstrcat(p, "__Host-cloudep=", value, NULL));

    (void)take_cookies(r);
    return r;
}

static const char *session_value(void)
{
    request_rec *r = request(NULL, NULL);
    const char *value;

    (void)cloudep_session_cookie_set(r, &own);
    value = set_cookie(r, "__Host-cloudep");
    return apr_pstrmemdup(p, value, strcspn(value, ";"));
}

static void is_forged(request_rec *r, const char *name)
{
    cloudep_session_cookie_t cookie;
    const char *reason = NULL;

    is_int(cloudep_session_cookie(r, &cookie, &reason), CLOUDEP_EFORGED, name);
}

static void test_session_cookie(void)
{
    const cloudep_jwks_t *keys = run.cookie_keys;
    const char *value = session_value();
    char *changed = apr_pstrdup(p, value);
    cloudep_session_cookie_t cookie = {0};
    const char *reason;
    request_rec *r = request(NULL, NULL);

    is_int(cloudep_session_cookie(r, &cookie, &reason), APR_NOTFOUND, "no cookie");
    (void)cloudep_session_cookie_set(r, &own);
    ok(strstr(set_cookie(r, "__Host-cloudep"), "; Max-Age=5000;") != NULL, "it lives as long as a session may");
    r = with_session(value);
    is_int(cloudep_session_cookie(r, &cookie, &reason), APR_SUCCESS, "ours");
    is_str(apr_psprintf(p, "%d %s %s %s %d", cookie.kind, cookie.tenant_id, cookie.session_id, cookie.uid, cookie.seq),
           "0 t1 s1 u1 7", "says whose session it is");
    r->hostname = "ID.test";
    is_int(cloudep_session_cookie(r, &cookie, &reason), APR_SUCCESS, "a host's capital letters do not matter");
    r->hostname = "other.test";
    is_forged(r, "on another host it is none");
    *changed = *changed == 'a' ? 'b' : 'a';
    is_forged(with_session(changed), "one letter of its text");
    changed = apr_pstrdup(p, value);
    changed[strlen(changed) - 2] = changed[strlen(changed) - 2] == 'a' ? 'b' : 'a';
    is_forged(with_session(changed), "one letter near the end of its HMAC");
    is_forged(with_session(apr_pstrmemdup(p, value, strlen(value) - 1)), "an HMAC that is too short");
    is_forged(with_session(apr_pstrcat(p, value, "A", NULL)), "one with a byte behind it");
    is_forged(with_session(apr_pstrmemdup(p, value, strcspn(value, "."))), "no HMAC");
    is_forged(with_session("..."), "dots");
    is_forged(with_session(apr_pstrcat(p, value, "; __Host-cloudep=", value, NULL)), "twice");
    run.cookie_keys = run.xsrf_keys;
    is_forged(with_session(value), "under another key of that name");
    run.cookie_keys = keys;
    r = request(NULL, NULL);
    r->hostname = "";
    is_int(cloudep_session_cookie_set(r, &own), CLOUDEP_EUNSET, "for no host there is none");
}

/* ---- XSRF ---- */

static int holds(request_rec *r, const char *token)
{
    return cloudep_xsrf_holds(with(r, "X-XSRF-TOKEN", token));
}

static const char *token_of(request_rec *r)
{
    const char *value = set_cookie(r, "XSRF-TOKEN");

    return apr_pstrmemdup(p, value, strcspn(value, ";"));
}

static void test_xsrf(void)
{
    request_rec *r = request(NULL, NULL);
    const char *visitor, *token, *session;

    is_int(cloudep_xsrf_offer(r), APR_SUCCESS, "a visitor gets a token");
    token = token_of(r);
    ok(!strstr(set_cookie(r, "XSRF-TOKEN"), "Max-Age"), "until the browser is closed");
    visitor = apr_pstrmemdup(p, set_cookie(r, "__Host-cloudep-visitor"), 22);
    r = next_request(r);
    ok(holds(r, token), "which holds with the visitor's cookie");
    ok(!cloudep_xsrf_holds(next_request(request(NULL, NULL))), "none does not");
    ok(!holds(request(NULL, NULL), token), "nor one without the cookie");
    ok(!holds(r, apr_pstrmemdup(p, token, strlen(token) - 1)), "nor a part of it");
    ok(!holds(r, apr_pstrcat(p, token, "x", NULL)), "nor more");
    ok(!holds(r, ""), "nor an empty one");
    (void)cloudep_xsrf_offer(r);
    is_str(token_of(r), token, "a visitor's stays");
    ok(!*set_cookie(r, "__Host-cloudep-visitor"), "as does the cookie");
    r = with_session(session_value());
    ok(!holds(r, token), "it does not hold for a session");
    r = request("Cookie",
                apr_pstrcat(p, "__Host-cloudep=", session_value(), "; __Host-cloudep-visitor=", visitor, NULL));
    (void)take_cookies(r);
    ok(!holds(r, token), "not even of the same browser");
    is_int(cloudep_xsrf_offer(r), APR_SUCCESS, "a session gets its own");
    session = token_of(r);
    ok(strcmp(session, token) != 0, "which is another one");
    ok(strstr(set_cookie(r, "XSRF-TOKEN"), "; Max-Age=5000;") != NULL, "for as long as a session may live");
    ok(holds(with_session(session_value()), session), "it holds");
    (void)cloudep_xsrf_set_for_session(r, "t1", "s2", 1);
    ok(strcmp(token_of(r), session) != 0, "another session has another one");
    (void)cloudep_xsrf_set_for_session(r, "t2", "s1", 1);
    ok(strcmp(token_of(r), session) != 0, "as has one of another tenant");
}

/* ---- the cookies of a handoff ---- */

static void test_entry(void)
{
    request_rec *r = request(NULL, NULL);
    const char *digest = NULL, *again = NULL;

    ok(!cloudep_entry_digest(r) && !cloudep_entry_is_recent(r), "a browser that was sent nowhere");
    is_int(cloudep_entry_begin(r, &digest), APR_SUCCESS, "one that is sent to a login page");
    ok(strstr(set_cookie(r, "__Host-cloudep-enter"), apr_psprintf(p, "; Max-Age=%d;", CLOUDEP_ENTRY_LIFETIME)) != NULL,
       "has a cookie");
    r = next_request(r);
    is_str(cloudep_entry_digest(r), digest, "by which it is known again");
    (void)cloudep_entry_begin(r, &again);
    is_str(again, digest, "sent once more it has the same");
    cloudep_entry_note(r);
    is_str(set_cookie(r, "__Host-cloudep-entered"), "1; Path=/; Max-Age=10; Secure; HttpOnly; SameSite=Lax",
           "that it was let in is known for ten seconds");
    ok(cloudep_entry_is_recent(next_request(r)), "while it has that cookie");
    r = request("Cookie", "__Host-cloudep-enter=short");
    (void)take_cookies(r);
    ok(!cloudep_entry_digest(r), "what cannot be ours is none");
}

/* ---- what is noted of a client ---- */

static const cloudep_context_t *context_at(const char *address, const char *agent)
{
    request_rec *r = request("User-Agent", agent);

    (void)apr_sockaddr_info_get(&r->useragent_addr, address, APR_UNSPEC, 80, 0, p);
    r->useragent_ip = (char *)apr_pstrdup(p, address);
    return cloudep_request_context(r);
}

static void test_client(void)
{
    const cloudep_context_t *ctx = context_at("192.0.2.7", "Browser/1.0\tby\xc3\xa4\x1b[2J\x7f");
    char agent[256];

    is_str(ctx->network, "192.0.2.7", "a network of IPv4 is the address");
    ok(!ctx->network56 && !ctx->network48, "without larger ones");
    is_str(ctx->user_agent, "Browser/1.0?by???[2J?", "what a log or terminal would act on is replaced");
    memset(agent, 'x', sizeof(agent));
    agent[255] = '\0';
    ctx = context_at("2001:db8:1:2:3::4", agent);
    is_str(ctx->address, "2001:db8:1:2:3::4", "an address is whole");
    is_str(ctx->network, "2001:db8:1:2::/64", "a network of IPv6 is the /64");
    is_str(ctx->network56, "2001:db8:1::/56", "the /56 is known, too");
    is_str(ctx->network48, "2001:db8:1::/48", "and the /48");
    is_int((int)strlen(ctx->user_agent), 200, "of what a client calls itself 200 bytes are kept");
    is_int((int)strlen(ctx->request_id), 22, "a request has an id");
    ok(strcmp(ctx->request_id, context_at("192.0.2.7", "x")->request_id) != 0, "of its own");
    is_str(cloudep_request_context(request("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
               ->traceparent,
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a trace is taken up");
    is_str(cloudep_request_context(request("traceparent", "00-x"))->traceparent, NULL, "one that is none is not");
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    folder_make(p);
    start_server();
    cloudep_cookie_register_hooks();
    test_same_origin();
    test_cross_site();
    test_may_use_cookie();
    test_may_send_to();
    test_cookies();
    test_taken();
    test_session_cookie();
    test_xsrf();
    test_entry();
    test_client();
    folder_remove();
    return done_testing();
}
