/*
 * page_test.c - what no operation answers, without a server: documents that anybody may read, and httpd's own
 * errors as JSON. Of httpd there is what these files call, and what it was told is kept.
 */
#include "../../mod_cloudep_auth/public_document.h"

#include <http_core.h>
#include <http_request.h>
#include <util_filter.h>
#include "access/mount.h"
#include "access/place.h"
#include "answer.h"
#include "core/passkey_domain.h"
#include "core/request.h"
#include "guard/guard.h"

/* ---- of httpd ---- */

static int allowed; /* whether the methods were told */

AP_DECLARE(void) ap_allow_standard_methods(request_rec *r, int reset, ...)
{
    (void)r;
    allowed = reset == REPLACE_ALLOW;
}

/* RFC 9110 13.1.2, as far as it matters here. */
AP_DECLARE(int) ap_meets_conditions(request_rec *r)
{
    const char *known = apr_table_get(r->headers_in, "If-None-Match");
    const char *tag = apr_table_get(r->headers_out, "ETag");

    return known && tag && !strcmp(known, tag) ? HTTP_NOT_MODIFIED : OK;
}

static const char *auth_type;

AP_DECLARE(const char *) ap_auth_type(request_rec *r)
{
    (void)r;
    return auth_type;
}

static const char *error_document; /* an ErrorDocument of the administrator's */

AP_DECLARE(char *) ap_response_code_string(request_rec *r, int error_index);

AP_DECLARE(char *) ap_response_code_string(request_rec *r, int error_index)
{
    (void)r;
    (void)error_index;
    return (char *)(apr_uintptr_t)error_document;
}

AP_DECLARE(int) ap_index_of_response(int status)
{
    return status;
}

AP_DECLARE(const char *) ap_get_status_line(int status)
{
    return status == HTTP_EXPECTATION_FAILED ? "417 Expectation Failed" : "400 Bad Request";
}

static ap_HOOK_insert_error_filter_t *insert;
static ap_out_filter_func filter;
static int inserted;

AP_DECLARE(void)
ap_hook_insert_error_filter(ap_HOOK_insert_error_filter_t *hook, const char *const *before, const char *const *after,
                            int order)
{
    (void)before;
    (void)after;
    (void)order;
    insert = hook;
}

AP_DECLARE(ap_filter_rec_t *)
ap_register_output_filter(const char *name, ap_out_filter_func function, ap_init_filter_func init, ap_filter_type type)
{
    (void)name;
    (void)init;
    (void)type;
    filter = function;
    return NULL;
}

AP_DECLARE(ap_filter_t *) ap_add_output_filter(const char *name, void *ctx, request_rec *r, conn_rec *c)
{
    (void)name;
    (void)ctx;
    (void)r;
    (void)c;
    inserted++;
    return NULL;
}

AP_DECLARE(apr_status_t) ap_pass_brigade(ap_filter_t *next, apr_bucket_brigade *bucket)
{
    (void)next;
    sent.length = sizeof(sent.text);
    return apr_brigade_flatten(bucket, sent.text, &sent.length);
}

/* What a location walk finds. */
static cloudep_place_t place, walked;
static core_dir_config core;
static void *vector[2], *walked_vector[2];

AP_DECLARE(int) ap_location_walk(request_rec *r)
{
    r->per_dir_config = (struct ap_conf_vector_t *)walked_vector;
    return OK;
}

/* ---- requests ---- */

static request_rec *get(const char *uri, const char *name, const char *value)
{
    static conn_rec connection;
    request_rec *r = request(name, value);

    vector[0] = walked_vector[0] = &core;
    vector[1] = &place;
    walked_vector[1] = &walked;
    connection.bucket_alloc = connection.bucket_alloc ? connection.bucket_alloc : apr_bucket_alloc_create(p);
    r->connection = &connection;
    r->per_dir_config = (struct ap_conf_vector_t *)vector;
    r->uri = apr_pstrdup(p, uri);
    r->method_number = M_GET;
    r->status = HTTP_OK;
    forget_answer();
    allowed = 0;
    return r;
}

static const char *header(const request_rec *r, const char *name)
{
    return apr_table_get(r->headers_out, name);
}

/* ---- documents ---- */

static void test_webauthn(void)
{
    static const cloudep_passkey_domain_t passkeys = {.document = "{\"origins\":[]}"};
    request_rec *r = get("/.well-known/webauthn", NULL, NULL);
    const char *tag;

    r->handler = "cloudep-jwks";
    is_int(webauthn_handler(r), DECLINED, "what is for another document is declined");
    r->handler = "cloudep-webauthn";
    is_int(webauthn_handler(r), HTTP_NOT_FOUND, "without passkeys there is no document");
    ok(!header(r, "Cache-Control"), "which nobody keeps");
    run.passkeys = &passkeys;
    r->main = r;
    is_int(webauthn_handler(r), DECLINED, "a subrequest is");
    r->main = NULL;
    is_int(webauthn_handler(r), OK, "the document");
    is_str(sent.text, "{\"origins\":[]}", "as it is");
    is_int(sent.told, (int)strlen(sent.text), "with its length");
    is_str(sent.type, "application/json", "and type");
    is_str(header(r, "Cache-Control"), "public, max-age=300", "is kept for five minutes");
    is_str(header(r, "Access-Control-Allow-Origin"), "*", "may be read by any page");
    is_str(header(r, "X-Content-Type-Options"), "nosniff", "and is what it says");
    tag = header(r, "ETag");
    is_str(tag, "\"e2def92b397fc1f7e08733879b1454d21b10c19d\"", "it has a tag: its SHA-1");
    r = get("/.well-known/webauthn", "If-None-Match", tag);
    r->handler = "cloudep-webauthn";
    is_int(webauthn_handler(r), HTTP_NOT_MODIFIED, "by which a reader knows that it has it");
    is_int((int)sent.length, 0, "and gets it no more");
    r->method_number = M_POST;
    is_int(webauthn_handler(r), HTTP_METHOD_NOT_ALLOWED, "it is only read");
    is_int(allowed, 1, "as is told");
    run.passkeys = NULL;
}

static int metadata_at(const char *uri)
{
    request_rec *r = get(uri, NULL, NULL);

    r->handler = "cloudep-oauth-server";
    return oauth_server_handler(r);
}

static void test_metadata(void)
{
    request_rec *r = get("/.well-known/jwks.json", NULL, NULL);

    r->handler = "cloudep-jwks";
    is_int(jwks_handler(r), HTTP_NOT_FOUND, "without keys there is no set of them");
    is_int(metadata_at("/.well-known/oauth-authorization-server"), HTTP_NOT_FOUND, "nor metadata");
    run.signing = run.cookie_keys;
    is_int(jwks_handler(r), OK, "with keys there is one");
    is_str(sent.type, "application/jwk-set+json", "of its type");
    ok(strstr(sent.text, "{\"keys\":[") == sent.text, "of the form of RFC 7517");
    is_int(metadata_at("/.well-known/oauth-authorization-server"), OK, "and metadata");
    is_str(sent.text,
           "{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://id.test/.well-known/jwks.json\","
           "\"response_types_supported\":[],\"grant_types_supported\":[]}",
           "of RFC 8414");
    is_int(metadata_at("/.well-known/oauth-authorization-server/x"), HTTP_NOT_FOUND, "at no other path");
    config.issuer = "https://id.test/a/b/";
    is_int(metadata_at("/.well-known/oauth-authorization-server"), HTTP_NOT_FOUND, "an issuer with a path");
    is_int(metadata_at("/.well-known/oauth-authorization-server/a/b"), OK, "has it behind that");
    ok(strstr(sent.text, "\"issuer\":\"https://id.test/a/b/\",\"jwks_uri\":\"https://id.test/.well-known") != NULL,
       "and the keys where they are");
    is_int(metadata_at("/.well-known/oauth-authorization-server/a/b/"), HTTP_NOT_FOUND, "without a slash at its end");
    is_int(metadata_at("/.well-known/oauth-authorization-server/a/c"), HTTP_NOT_FOUND, "no other");
    is_int(metadata_at("/.well-known/oauth-authorization-serves/a/b"), HTTP_NOT_FOUND, "nor elsewhere");
    config.issuer = "https://id.test";
    run.signing = NULL;
}

/* ---- httpd's own errors ---- */

static int is_inserted(request_rec *r, int status)
{
    const int before = inserted;

    r->status = status;
    insert(r);
    return inserted - before;
}

static void test_inserted(void)
{
    static const struct {
        const char *accept;
        int is;
    } accepts[] = {{NULL, 0},
                   {"*/*", 0},
                   {"application/json", 1},
                   {"application/json, text/html", 1},
                   {"text/html, application/json", 0}};
    request_rec *r;

    cloudep_error_register_hooks();
    is_int(is_inserted(get("/x", NULL, NULL), 404), 0, "an error elsewhere stays as it is");
    place.serve = "cloudep-auth";
    is_int(is_inserted(get("/x", NULL, NULL), 404), 1, "one of an API is told as JSON");
    is_int(is_inserted(get("/x", NULL, NULL), 400), 1, "from 400 on");
    is_int(is_inserted(get("/x", NULL, NULL), 399), 0, "and nothing before");
    error_document = "closed today";
    is_int(is_inserted(get("/x", NULL, NULL), 404), 0, "nor where the administrator has a text of their own");
    error_document = NULL;
    place.serve = NULL;
    auth_type = "CloudEP";
    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        r = accepts[i].accept ? get("/x", "Accept", accepts[i].accept) : get("/x", NULL, NULL);
        is_int(
            is_inserted(r, 401), accepts[i].is,
            apr_pstrcat(p, "behind a guard a program, Accept ", accepts[i].accept ? accepts[i].accept : "none", NULL));
    }
    auth_type = "Basic";
    is_int(is_inserted(get("/x", "Accept", "application/json"), 401), 0, "not behind another one");
    auth_type = NULL;

    walked.serve = "cloudep-auth";
    is_int(is_inserted(get("/x", NULL, NULL), 400), 0, "what was walked to another Location is of that");
    server.lookup_defaults = (struct ap_conf_vector_t *)vector;
    r = get("/x", NULL, NULL);
    is_int(is_inserted(r, 400), 1, "for a request that was refused before, it is looked up");
    ok(r->per_dir_config == server.lookup_defaults, "and put back");
    r = get("/x", NULL, NULL);
    r->uri = NULL;
    is_int(is_inserted(r, 400), 0, "one without a path has none");
    walked.serve = NULL;
    is_int(is_inserted(get("/x", NULL, NULL), 400), 0, "nor has one where nothing of ours is");
    server.lookup_defaults = NULL;
}

/* The JSON in place of httpd's page. */
static const char *told(request_rec *r, int status)
{
    ap_filter_t *f = apr_pcalloc(p, sizeof(*f));
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(p, alloc);

    r->status = status;
    f->r = r;
    f->c = r->connection;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("<html>", 6, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("more", 4, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    is_int(filter(f, bb), APR_SUCCESS, apr_psprintf(p, "a page of status %d", status));
    const char *text = apr_pstrmemdup(p, sent.text, sent.length);
    apr_bucket *end = APR_BRIGADE_LAST(bb);

    ok(end != APR_BRIGADE_SENTINEL(bb) && APR_BUCKET_IS_EOS(end), "its end goes on");
    bb = apr_brigade_create(p, alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("rest", 4, alloc));
    (void)filter(f, bb);
    is_int((int)sent.length, 0, "its rest does not");
    return text;
}

static void has(const char *text, const char *part, const char *name)
{
    if (!ok(strstr(text, part) != NULL, "%s", name)) {
        printf("#      got: %s\n# expected: %s\n", text, part);
    }
}

static void test_errors(void)
{
    static const struct {
        int status;
        const char *told;
    } cases[] = {
        {401, "{\"code\":10501000,\"reason\":\"token_missing\",\"message\":\"Bad Request\""},
        {403, "{\"code\":10505000,\"reason\":\"access_refused\""},
        {404, "{\"code\":10301000,\"reason\":\"path_unknown\""},
        {405, "{\"code\":10105000,\"reason\":\"method_not_allowed\""},
        {415, "{\"code\":10105000,\"reason\":\"media_type_unsupported\""},
        {413, "{\"code\":10103000,\"reason\":\"body_too_large\""},
        {502, "{\"code\":10802000,\"reason\":\"provider_failed\""},
        {503, "{\"code\":10603000,\"reason\":\"overloaded\""},
        {500, "{\"code\":10601000,\"reason\":\"internal_error\""},
        {504, "{\"code\":10601000,\"reason\":\"internal_error\""},
        {417, "{\"code\":10101000,\"reason\":\"request_refused\",\"message\":\"Expectation Failed\""},
        {400, "{\"code\":10101000,\"reason\":\"request_refused\",\"message\":\"Bad Request\""},
    };
    request_rec *r;
    size_t length;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        has(told(get("/x", NULL, NULL), cases[i].status), cases[i].told, "is told as its reason");
    }
    r = get("/x", NULL, NULL);
    length = strlen(told(r, 503));
    is_int(sent.told, (int)length, "the length is that of the JSON");
    is_str(r->content_type, "application/json; charset=utf-8", "and the type");
    is_str(header(r, "Cache-Control"), "no-store", "it is not kept");
    is_str(header(r, "Retry-After"), "5", "an overload says when to come again");
    r = get("/x", "Accept-Language", "zh-TW");
    has(told(r, 404), "\"message\":\"沒有這個路徑\"", "in Chinese where that is read");
    place.serve = CLOUDEP_ACCOUNT_HANDLER;
    has(told(get("/x", NULL, NULL), 404), "{\"ok\":false,", "in the style account");
    place.serve = CLOUDEP_SESSION_HANDLER;
    has(told(get("/x", NULL, NULL), 404), "{\"reason\":\"path_unknown\",\"message\":\"Bad Request\"",
        "in the style session");
    has(told(get("/x", NULL, NULL), 401), "{\"code\":\"token_missing\"", "which has a code for 401");
    place.serve = NULL;
    server.lookup_defaults = (struct ap_conf_vector_t *)vector;
    walked.serve = CLOUDEP_ACCOUNT_HANDLER;
    has(told(get("/x", NULL, NULL), 400), "{\"ok\":false,", "before the walk as well");
    walked.serve = CLOUDEP_SESSION_HANDLER;
    has(told(get("/x", NULL, NULL), 400), "{\"reason\":\"request_refused\"", "in either style");
    walked.serve = NULL;
    server.lookup_defaults = NULL;
}

static void test_challenges(void)
{
    static const cloudep_principal_t somebody = {.uid = "u1"};
    request_rec *r = get("/x", NULL, NULL);

    (void)told(r, 401);
    is_str(header(r, "WWW-Authenticate"), "Bearer realm=\"CloudEP\"", "whoever brought no token is told what to bring");
    r = get("/x", NULL, NULL);
    cloudep_request(r)->refused = cloudep_refuse(CLOUDEP_TOKEN_INVALID);
    has(told(r, 401), "{\"code\":10501000,\"reason\":\"token_invalid\"", "a bad token is told");
    is_str(header(r, "WWW-Authenticate"), "Bearer realm=\"CloudEP\", error=\"invalid_token\"", "as such");
    r = get("/x", NULL, NULL);
    cloudep_request(r)->principal = &somebody;
    has(told(r, 403), "\"reason\":\"access_refused\"", "whoever is known");
    is_str(header(r, "WWW-Authenticate"), "Bearer realm=\"CloudEP\", error=\"insufficient_scope\"",
           "is told that it is not enough");
    r = get("/x", NULL, NULL);
    cloudep_request(r)->principal = &somebody;
    (void)told(r, 404);
    ok(!header(r, "WWW-Authenticate"), "but not where that is not it");
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    folder_make(p);
    start_server();
    test_webauthn();
    test_metadata();
    test_inserted();
    test_errors();
    test_challenges();
    folder_remove();
    return done_testing();
}
