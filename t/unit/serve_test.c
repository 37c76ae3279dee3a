/*
 * serve_test.c - from a request to its operation and back, without a server: a table of operations of this test is
 * served, in the style v1 but for who asks.
 */
#include "flow.h"
#include "served.h"

#include "access/mount.h"
#include "core/config.h"
#include "core/event_log_private.h"
#include "core/request.h"
#include "service/event.h"
#include "service/tenant_origins.h"
#include "wire/v1/v1.h"
#include "wire/wire.h"

/* ---- the log of events ---- */

static cloudep_event_log_t event_log = {.facility = -1};

static void forget_events(void)
{
    flow_must(apr_file_trunc(event_log.file, 0), "the log of events");
}

static const char *member_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? apr_pstrdup(p, text) : "-";
}

/* The only event of the log: its name, reason or result, code, member and method; NULL: there is none. */
static const char *logged_event(void)
{
    char line[4096];
    apr_size_t length = sizeof(line) - 1;
    apr_off_t start = 0;
    const char *event;
    json_t *json;
    int failed;

    flow_must(apr_file_seek(event_log.file, APR_SET, &start), "the log of events");
    if (apr_file_read(event_log.file, line, &length) != APR_SUCCESS) {
        return NULL;
    }
    json = json_loadb(line, length, 0, NULL);
    failed = json_object_get(json, "reason") != NULL;
    event = apr_pstrcat(p, member_of(json, "event"), " ", member_of(json, failed ? "reason" : "result"), " ",
                        member_of(json, "outcome"), " ", member_of(json, "uid"), " ", member_of(json, "method"), NULL);
    json_decref(json);
    return event;
}

/* ---- the API ---- */

typedef struct {
    const char *tenant;
    const char *name;
    const char *code;
    const char *id;
    const char *language;
    int yes;
} input_t;

static const char *ran; /* what the operation was given; NULL: it did not run */
static cloudep_outcome_t outcome_of_run;

#define TEXT(text) ((text) ? (text) : "-")

static cloudep_outcome_t run_operation(cloudep_call_t *call)
{
    const input_t *in = call->in;

    ran = in ? apr_psprintf(p, "%s: %s %s %s %s %d", call->operation->name, TEXT(in->tenant), TEXT(in->name),
                            TEXT(in->code), TEXT(in->id), in->yes)
             : apr_pstrdup(p, call->operation->name);
    if (!cloudep_failed(outcome_of_run)) {
        call->data = json_pack("{ss}", "a", "b");
    }
    return outcome_of_run;
}

static cloudep_outcome_t run_other(cloudep_call_t *call)
{
    const cloudep_outcome_t outcome = run_operation(call);

    ran = apr_pstrcat(p, "other ", ran, NULL);
    return outcome;
}

static cloudep_outcome_t run_verify(cloudep_call_t *call)
{
    ran = call->principal ? "known" : cloudep_reason_word(call->unknown.reason);
    return call->principal ? cloudep_done() : call->unknown;
}

static cloudep_outcome_t run_elsewhere(cloudep_call_t *call)
{
    ran = "elsewhere";
    call->location = "https://app.test/x";
    return outcome_of_run;
}

static cloudep_outcome_t run_picture(cloudep_call_t *call)
{
    static const cloudep_document_t picture = {"image/x", "\0x", 2};

    call->document = &picture;
    return cloudep_done();
}

#define AT(member) offsetof(input_t, member)

static const cloudep_field_t fields[] = {
    {.name = "tenant_slug",
     .type = CLOUDEP_FIELD_SLUG,
     .flags = CLOUDEP_FIELD_REQUIRED | CLOUDEP_FIELD_TENANT,
     .at = AT(tenant)},
    {.name = "name", .type = CLOUDEP_FIELD_TEXT, .max = 10, .at = AT(name)},
    {.name = "yes", .type = CLOUDEP_FIELD_BOOL, .flags = CLOUDEP_FIELD_DEFAULT_TRUE, .at = AT(yes)},
    {.name = NULL},
};
static const cloudep_field_t other_fields[] = {
    {.name = "tenant_slug", .type = CLOUDEP_FIELD_SLUG, .flags = CLOUDEP_FIELD_TENANT, .at = AT(tenant)},
    {.name = "code", .type = CLOUDEP_FIELD_CODE, .flags = CLOUDEP_FIELD_REQUIRED, .min = 6, .max = 6, .at = AT(code)},
    {.name = NULL},
};
static const cloudep_field_t query_fields[] = {
    {.name = "name", .type = CLOUDEP_FIELD_TEXT, .max = 10, .at = AT(name)},
    {.name = "code", .type = CLOUDEP_FIELD_NUMBER, .min = 1, .max = 3, .at = AT(code)},
    {.name = NULL},
};

static const cloudep_field_t language_fields[] = {
    {.name = "name", .type = CLOUDEP_FIELD_TEXT, .at = AT(name)},
    {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE, .flags = CLOUDEP_FIELD_ALLOW_EMPTY, .at = AT(language)},
    {.name = NULL},
};

#define INPUT(table) .fields = (table), .size = sizeof(input_t)
#define QUIET CLOUDEP_OPERATION_QUIET
#define MEMBER CLOUDEP_OPERATION_MEMBER
#define QUERY CLOUDEP_OPERATION_QUERY

static const cloudep_operation_t other_shape = {"POST", "/shapes",           "t.other",       CLOUDEP_NEEDS_SMS,
                                                0,      INPUT(other_fields), .run = run_other};

static const cloudep_operation_t operations[] = {
    {"GET", "/thing", "t.thing", 0, QUIET, .run = run_operation},
    {"POST", "/thing", "t.make", CLOUDEP_NEEDS_MAIL, 0, .run = run_operation},
    {"GET", "/act", "t.act", 0, 0, .run = run_operation},
    {"GET", "/back", "t.back", 0, CLOUDEP_OPERATION_FROM_ELSEWHERE, .run = run_operation},
    {"POST", "/body", "t.body", 0, 0, INPUT(fields), .run = run_operation},
    {"POST", "/shapes", "t.one", CLOUDEP_NEEDS_MAIL, 0, INPUT(fields), .run = run_operation, .when = "code",
     .instead = &other_shape},
    {"POST", "/form", "t.form", 0, CLOUDEP_OPERATION_FORM, INPUT(query_fields), .run = run_operation},
    {"GET", "/query", "t.query", 0, QUIET | QUERY, INPUT(query_fields), .run = run_operation},
    {"GET", "/strict", "t.strict", 0, QUIET | QUERY | CLOUDEP_OPERATION_STRICT_QUERY, INPUT(query_fields),
     .run = run_operation},
    {"GET", "/list/mine", "t.mine", 0, QUIET, .run = run_operation},
    {"DELETE", "/list/{id}", "t.delete", 0, MEMBER, .size = sizeof(input_t), .id_at = AT(id), .run = run_operation},
    {"GET", "/list/{id}", "t.show", 0, QUIET, .size = sizeof(input_t), .id_at = AT(id), .run = run_operation},
    {"GET", "/list/{id}/more", "t.more", 0, QUIET, .size = sizeof(input_t), .id_at = AT(id), .run = run_operation},
    {"POST", "/own", "t.own", 0, MEMBER | CLOUDEP_OPERATION_RENEWS, INPUT(fields), .run = run_operation},
    {"POST", "/speak", "t.speak", 0, MEMBER, INPUT(language_fields), .run = run_operation},
    {"GET", "/tenants", "t.tenants", CLOUDEP_NEEDS_TENANT, QUIET, .run = run_operation},
    {"GET", "/verify", "t.verify", 0,
     MEMBER | QUIET | QUERY | CLOUDEP_OPERATION_STRICT_QUERY | CLOUDEP_OPERATION_FORWARD_AUTH, INPUT(query_fields),
     .run = run_verify},
    {"GET", "/elsewhere", "t.elsewhere", 0, QUIET, .run = run_elsewhere},
    {"GET", "/picture", "t.picture", 0, QUIET, .run = run_picture},
    {NULL},
};
static const cloudep_operation_t cookie_operations[] = {
    {"POST", "/thing", "t.make.cookie", 0, 0, .run = run_operation},
    {NULL},
};

#define ACME "00000000-0000-4000-8000-00000000000a"
#define GLOBEX "00000000-0000-4000-8000-00000000000b"
#define ANN "00000000-0000-4000-8000-0000000000a1"

static const cloudep_principal_t somebody = {
    .tenant_id = ACME, .uid = ANN, .tenant_slug = "acme", .session_id = "00000000-0000-4000-8000-0000000000c1"};

static const cloudep_member_t chinese = {.language = "zh-TW"};
static const cloudep_principal_t reader = {
    .tenant_id = ACME, .uid = "00000000-0000-4000-8000-0000000000a2", .member = &chinese};

/* Whoever says "me" is somebody, "we" somebody who reads Chinese. */
static cloudep_outcome_t who_asks(cloudep_call_t *call, const cloudep_principal_t **principal)
{
    const char *said = apr_table_get(call->r->headers_in, "Authorization");

    if (said && !strcmp(said, "me")) {
        *principal = &somebody;
        return cloudep_done();
    }
    if (said && !strcmp(said, "we")) {
        *principal = &reader;
        return cloudep_done();
    }
    return cloudep_refuse(!said                    ? CLOUDEP_TOKEN_MISSING
                          : !strcmp(said, "crash") ? CLOUDEP_DATABASE_FAILED
                                                   : CLOUDEP_TOKEN_INVALID);
}

static cloudep_style_t style;
static const cloudep_api_t api = {"t-handler", "/api", &style, operations, cookie_operations};

/* ---- asking ---- */

static const char *event; /* that was written of the last request */

static int ask_with(request_rec *r, const char *method, const char *address, const char *body)
{
    int status;

    ran = NULL;
    forget_events();
    status = serve(r, &api, method, address, body);
    event = logged_event();
    return status;
}

static request_rec *last;

static int ask(const char *method, const char *address)
{
    last = request("X", "y");
    return ask_with(last, method, address, NULL);
}

static int post(const char *address, const char *body)
{
    last = request("Content-Type", "application/json");
    return ask_with(last, "POST", address, body);
}

/* "field rule, field rule" of the last answer. */
static const char *faults(void)
{
    json_t *json = json_loads(sent.text, 0, NULL);
    const char *all = "";
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(json, "errors"), i, one)
    {
        all = apr_pstrcat(p, all, *all ? ", " : "", json_string_value(json_object_get(one, "field")), " ",
                          json_string_value(json_object_get(one, "rule")), NULL);
    }
    json_decref(json);
    return all;
}

static const char *header(const char *name)
{
    return apr_table_get(last->headers_out, name);
}

/* ---- paths and methods ---- */

static void test_paths(void)
{
    static const struct {
        const char *method, *address, *ran;
        int status;
    } cases[] = {
        {"GET", "/api/thing", "t.thing", 200},
        {"HEAD", "/api/thing", "t.thing", 200},
        {"GET", "/api/act", "t.act", 200},
        {"HEAD", "/api/act", NULL, 405},
        {"GET", "/api/nothing", NULL, 404},
        {"GET", "/api/thing/", NULL, 404},
        {"GET", "/apithing", NULL, 404},
        {"GET", "/other/thing", NULL, 404},
        {"GET", "/api", NULL, 404},
        {"DELETE", "/api/thing", NULL, 405},
        {"GET", "/api/list/mine", "t.mine", 200},
        {"GET", "/api/list/a-b_1/more", "t.more: - - - a-b_1 0", 200},
        {"GET", "/api/list/a.b/more", NULL, 404},
        {"GET", "/api/list//more", NULL, 404},
        {"GET", "/api/list/a/more/x", NULL, 404},
        {"GET", "/api/lists/a/more", NULL, 404},
        {"GET", "/api/list/a", "t.show: - - - a 0", 200},
        {"POST", "/api/list/a", NULL, 405},
        {"OPTIONS", "/api/thing", NULL, 200},
        {"OPTIONS", "/api/nothing", NULL, 404},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = apr_pstrcat(p, cases[i].method, " ", cases[i].address, NULL);

        is_int(ask(cases[i].method, cases[i].address), cases[i].status, name);
        is_str(ran, cases[i].ran, apr_pstrcat(p, name, ": its operation", NULL));
    }
    (void)ask("DELETE", "/api/thing");
    is_str(header("Allow"), "OPTIONS, GET, HEAD, POST",
           "Allow has the methods of the path, and HEAD for one that reads");
    is_str(said("reason"), "method_not_allowed", "and the answer says so");
    (void)ask("HEAD", "/api/act");
    is_str(header("Allow"), "OPTIONS, GET", "but not for a GET that does something");
    (void)ask("OPTIONS", "/api/list/a");
    is_str(header("Allow"), "OPTIONS, DELETE, GET, HEAD", "OPTIONS tells them too");
    ok(!header("Access-Control-Allow-Methods"), "which is no answer to a preflight that was none");
    (void)ask("GET", "/api/nothing");
    ok(!header("Allow"), "an unknown path has none");
    last = request("X", "y");
    last->handler = "another";
    is_int(ask_with(last, "GET", "/api/thing", NULL), DECLINED, "what is for another handler is declined");
    last = request("X", "y");
    last->main = last;
    is_int(ask_with(last, "GET", "/api/thing", NULL), DECLINED, "so is a subrequest");
}

static void test_mount(void)
{
    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/mounted/here";
    is_int(ask("GET", "/mounted/here/thing"), 200, "with CloudEPServe its Location is the prefix");
    is_int(ask("GET", "/api/thing"), 404, "and the other one is none");
    is_int(ask("GET", "/mounted/herething"), 404, "nor is what only begins like it");
    place.mount = "";
    is_int(ask("GET", "/thing"), 200, "the Location may be /");
    memset(&place, 0, sizeof(place));
}

static void test_events(void)
{
    (void)ask("GET", "/api/thing");
    is_str(event, NULL, "of what only reads no event is written");
    (void)ask("GET", "/api/act");
    is_str(event, "t.act success 102000 - -", "of what does something one is");
    outcome_of_run = cloudep_refuse(CLOUDEP_SUSPENDED);
    (void)ask("GET", "/api/act");
    is_str(event, "t.act suspended 28505000 - -", "with what became of it");
    outcome_of_run = cloudep_done();
    last = with(request("Authorization", "me"), "Content-Type", "application/json");
    (void)ask_with(last, "DELETE", "/api/list/a", NULL);
    is_str(event, "t.delete success 102000 " ANN " token", "and who it was, where they are known by their session");
    (void)ask("DELETE", "/api/list/a");
    is_str(event, "t.delete token_missing 10501000 - -", "or that they are not");
    (void)ask("GET", "/api/nothing");
    is_str(event, NULL, "an unknown path has none");
}

/* As many refusals as that; returns how many events were written at once. */
static int refused(int times, const char *who)
{
    int written = 0;

    outcome_of_run = cloudep_refuse(CLOUDEP_SUSPENDED);
    for (int i = 0; i < times; i++) {
        last = with(request("Authorization", who), "Content-Type", "application/json");
        (void)ask_with(last, "DELETE", "/api/list/a", NULL);
        written += event != NULL;
    }
    outcome_of_run = cloudep_done();
    return written;
}

static void test_proven(void)
{
    apr_pool_t *child;

    flow_must(apr_pool_create_unmanaged_ex(&child, NULL, NULL), "a pool");
    cloudep_event_start(&server, child);
    is_int(refused(20, "me"), 20, "each refusal of whoever has proved who they are is an event");
    ok(refused(20, "me too") < 20, "those of others are counted");
    apr_pool_destroy(child);
    run.events = NULL;
    is_value("20", "the table has the events of the member",
             "SELECT count(*) FROM cloudep.events WHERE tenant_id = '" ACME "' AND uid = '" ANN "'"
             " AND name = 't.delete' AND reason = 'suspended' AND method = 'token' AND count = 1");
}

/* ---- what an operation needs ---- */

static void test_needs(void)
{
    is_int(ask("POST", "/api/thing"), 200, "with all that it needs");
    config.off = CLOUDEP_NEEDS_MAIL;
    is_int(ask("POST", "/api/thing"), 501, "without one of it");
    is_str(said("reason"), "not_configured", "says so");
    is_int(ask("GET", "/api/thing"), 200, "what does not need it goes on");
    config.off = 0;
    is_int(ask("GET", "/api/tenants"), 501, "what needs the tenant of a Location, without one");
    place.tenant = "acme";
    is_int(ask("GET", "/api/tenants"), 200, "with one");
    memset(&place, 0, sizeof(place));
    scheme = "http";
    is_int(ask("GET", "/api/thing"), 403, "without TLS");
    is_str(said("reason"), "tls_required", "says so");
    is_int(ask("GET", "/api/verify"), 401, "another server may ask without TLS");
    scheme = "https";
}

/* ---- who asks ---- */

static int ask_as(const char *who, const char *method, const char *address)
{
    last = with(request("Authorization", who), "Content-Type", "application/json");
    return ask_with(last, method, address, NULL);
}

static void test_who(void)
{
    is_int(ask_as("me", "DELETE", "/api/list/x"), 200, "a member");
    is_str(ran, "t.delete: - - - x 0", "gets their operation done");
    is_int(ask("DELETE", "/api/list/x"), 401, "nobody");
    is_str(ran, NULL, "gets nothing done");
    is_str(header("WWW-Authenticate"), "Bearer realm=\"CloudEP\"", "and is told what to bring");
    is_int(ask_as("me too", "DELETE", "/api/list/x"), 401, "a bad token");
    is_str(header("WWW-Authenticate"), "Bearer realm=\"CloudEP\", error=\"invalid_token\"", "is told that it is");
    place.tenant = "acme";
    is_int(ask_as("me", "DELETE", "/api/list/x"), 200, "where the own tenant is served");
    place.tenant = "globex";
    is_int(ask_as("me", "DELETE", "/api/list/x"), 401, "where another one is");
    is_str(said("reason"), "token_invalid", "the token is none");
    is_str(ran, NULL, "and nothing is done");
    is_int(ask_as("me", "GET", "/api/verify"), 401, "nor does another server hear that it is good");
    memset(&place, 0, sizeof(place));
    is_int(ask_as("me", "GET", "/api/verify"), 200, "another server asks for a member");
    is_str(ran, "known", "who is known");
    is_int(ask("GET", "/api/verify"), 401, "for nobody");
    is_str(ran, "token_missing", "whoever is not known comes to the operation, which is told why");
    is_int(ask_as("me too", "GET", "/api/verify"), 401, "with a bad token");
    is_str(ran, "token_invalid", "as well");
    is_int(ask_as("crash", "GET", "/api/verify"), 500, "a database that fails");
    is_str(ran, NULL, "is no reason to let anybody come");
    is_int(ask_as("me", "OPTIONS", "/api/verify"), 200, "OPTIONS is answered as GET is");
    is_str(ran, "known", "by the operation");
    is_int(ask("GET", "/api/verify?strange=1"), 401, "nobody is told about a query");
    is_str(ran, NULL, "and it is not looked at");
    is_int(ask_as("me", "GET", "/api/verify?strange=1"), 400, "a member is");
    ok(!cloudep_request(last)->asked, "the request that is asked about is another one only where a cookie may count");
    place.session_cookie = 1;
    (void)ask("GET", "/api/verify");
    ok(cloudep_request(last)->asked != NULL, "there it is");
    (void)ask_as("me", "DELETE", "/api/list/x");
    ok(!cloudep_request(last)->asked, "for forward auth alone");
    memset(&place, 0, sizeof(place));
    is_int(ask_as("me", "POST", "/api/own"), 400, "a body is looked at");
    last = with(request("Authorization", "me too"), "Content-Type", "text/plain");
    is_int(ask_with(last, "POST", "/api/own", "{}"), 415, "its headers before anybody is asked who they are");
    last = with(request("Authorization", "me too"), "Content-Type", "application/json");
    is_int(ask_with(last, "POST", "/api/own", "{}"), 401, "and the rest after that");
    is_int(client.reads, 0, "so that not a byte is read");
    last = with(request("Authorization", "me"), "Content-Type", "application/json");
    is_int(ask_with(last, "POST", "/api/own", "{\"tenant_slug\":\"acme\"}"), 200, "a token needs no new cookie");
}

/* ---- browsers ---- */

/* A request with that header, from where the session cookie says who asks. */
static int browse(const char *method, const char *address, const char *name, const char *value)
{
    last = with(request(name, value), "Content-Type", "application/json");
    return ask_with(last, method, address, NULL);
}

static int sets_cookie(const char *name)
{
    const apr_array_header_t *all = apr_table_elts(last->err_headers_out);

    for (int i = 0; i < all->nelts; i++) {
        if (!strncmp(APR_ARRAY_IDX(all, i, apr_table_entry_t).val, name, strlen(name))) {
            return 1;
        }
    }
    return 0;
}

static void test_browser(void)
{
    const char *const site = "Sec-Fetch-Site";

    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/api";
    is_int(browse("GET", "/api/thing", site, "cross-site"), 200, "a page of another site leads to what reads");
    is_int(browse("GET", "/api/act", site, "cross-site"), 403, "but not to what does something");
    is_str(said("reason"), "cross_site", "says so");
    is_str(ran, NULL, "and does not do it");
    is_int(browse("GET", "/api/back", site, "cross-site"), 200, "unless it is there for that");
    is_int(browse("POST", "/api/thing", site, "cross-site"), 403, "nor to a POST");
    is_int(browse("POST", "/api/thing", site, "same-site"), 403, "nor does one of the same site");
    is_int(browse("POST", "/api/thing", site, "same-origin"), 400, "a page of ours sends the XSRF header");
    is_str(said("reason"), "xsrf_required", "and is told so");
    ok(sets_cookie("XSRF-TOKEN="), "with the cookie that has its value");
    is_str(ran, NULL, "before which nothing is done");
    is_int(browse("GET", "/api/act", site, "same-origin"), 200, "a GET needs none");
    is_int(browse("HEAD", "/api/thing", site, "same-origin"), 200, "nor a HEAD");
    is_int(browse("OPTIONS", "/api/verify", site, "same-origin"), 401, "nor an OPTIONS that another server asks about");
    last = with(request(site, "cross-site"), "Content-Type", "application/x-www-form-urlencoded");
    is_int(ask_with(last, "POST", "/api/form", "name=x"), 200, "a form that another site posts is for that");
    config.off = CLOUDEP_NEEDS_SESSION_KEYS;
    is_int(browse("GET", "/api/thing", site, "same-origin"), 501, "without keys for its cookie nothing is served");
    last = with(request(site, "cross-site"), "Content-Type", "application/x-www-form-urlencoded");
    is_int(ask_with(last, "POST", "/api/form", "name=x"), 200, "but what needs none");
    config.off = 0;
    place.serve = CLOUDEP_ACCOUNT_HANDLER;
    place.delivery = "cookie";
    is_int(browse("GET", "/api/act", site, "cross-site"), 200, "where tokens count a site does not matter");
    is_int(browse("POST", "/api/thing", site, "cross-site"), 200, "nor is an XSRF header asked for");
    is_str(ran, "t.make", "and the operations are those with tokens");
    memset(&place, 0, sizeof(place));
}

/* ---- bodies ---- */

static int post_as(const char *type, const char *body)
{
    last = request("Content-Type", type);
    return ask_with(last, "POST", "/api/body", body);
}

#define GOOD "{\"tenant_slug\":\"acme\"}"

static void test_bodies(void)
{
    char large[200];

    is_int(post("/api/body", GOOD), 200, "a body");
    is_str(ran, "t.body: acme - - - 1", "is read into the input, with what is true by default");
    is_int(post("/api/body", "{\"tenant_slug\":\"acme\",\"name\":\"Ada\",\"yes\":false}"), 200, "with more");
    is_str(ran, "t.body: acme Ada - - 0", "all of it");
    is_int(post_as("application/json; charset=utf-8", GOOD), 200, "a type with a parameter");
    is_int(post_as("Application/JSON ;charset=utf-8", GOOD), 200, "in capitals, with a space");
    is_int(post_as("application/jsonp", GOOD), 415, "one that begins like it");
    is_int(post_as("application/x-www-form-urlencoded", GOOD), 415, "a form in its place");
    last = request("X", "y");
    is_int(ask_with(last, "POST", "/api/body", GOOD), 415, "no type");
    is_int(post("/api/body", "{\"name\":\"" GOOD), 400, "no JSON");
    is_str(said("reason"), "request_malformed", "says so");
    ok(strcmp(said("message"), "the request is not well formed") != 0, "and what is wrong with it");
    is_int(post("/api/body", ""), 400, "nothing");
    client.piece = 3;
    is_int(post("/api/body", GOOD), 200, "one that comes in pieces");
    is_str(ran, "t.body: acme - - - 1", "is put together");
    client.piece = 0;
    client.status = APR_ECONNRESET;
    is_int(post("/api/body", GOOD), HTTP_BAD_REQUEST, "one that cannot be read to its end");
    client.status = AP_FILTER_ERROR;
    is_int(post("/api/body", GOOD), AP_FILTER_ERROR, "where a filter has answered");
    is_str(ran, NULL, "is not run");
    is_int((int)sent.length, 0, "and nobody answers");
    ok(!event, "nor writes it down");
    client.status = APR_SUCCESS;

    memset(large, ' ', sizeof(large));
    memcpy(large, GOOD, strlen(GOOD));
    large[100] = '\0';
    is_int(post("/api/body", large), 200, "a body as long as may be");
    last = with(request("Content-Type", "application/json"), "Content-Length", "100");
    is_int(ask_with(last, "POST", "/api/body", large), 200, "that says so");
    large[100] = ' ';
    large[101] = '\0';
    is_int(post("/api/body", large), 413, "one byte more");
    is_str(said("reason"), "body_too_large", "says so");
    last = with(request("Content-Type", "application/json"), "Content-Length", "101");
    is_int(ask_with(last, "POST", "/api/body", large), 413, "that says so");
    is_int(client.reads, 0, "is not read");
    last = with(request("Content-Type", "application/json"), "Content-Length", "10");
    is_int(ask_with(last, "POST", "/api/body", GOOD "      "), 400, "one that is longer than it says is cut");
    large[150] = '\0';
    last = with(request("Content-Type", "application/json"), "Content-Length", "x");
    is_int(ask_with(last, "POST", "/api/body", large), 413, "a length that is none does not count");
}

static void test_fields(void)
{
    is_int(post("/api/body", "{\"name\":\"much too long\"}"), 400, "faults of fields");
    is_str(faults(), "tenant_slug required, name length", "are told, each of them");
    is_str(said("reason"), "field_missing", "of which a missing one is the reason");
    is_int(post("/api/body", "{\"tenant_slug\":\"acme\",\"name\":\"much too long\"}"), 400, "another");
    is_str(said("reason"), "field_invalid", "is one by itself");
    is_str(ran, NULL, "and nothing is done");
    outcome_of_run = cloudep_invalid(AT(name), CLOUDEP_RULE_CHOICE, "is not liked");
    is_int(post("/api/body", GOOD), 400, "a field that the flow does not like");
    is_str(faults(), "name choice", "is told by its name here");
    outcome_of_run = cloudep_invalid(AT(id), CLOUDEP_RULE_CHOICE, "is not liked");
    is_int(post("/api/body", GOOD), 400, "one that is none here");
    is_str(faults(), "", "is not told");
    outcome_of_run = (cloudep_outcome_t){.reason = CLOUDEP_SUSPENDED, .why = "for a reason"};
    is_int(post("/api/body", GOOD), 403, "a refusal");
    is_str(said("message"), "for a reason", "with a more exact message");
    outcome_of_run = cloudep_done();
}

static void test_tenant_of_location(void)
{
    place.tenant = "acme";
    is_int(post("/api/body", "{}"), 200, "where the Location has a tenant, none is to be named");
    is_str(ran, "t.body: acme - - - 1", "and that one is meant");
    is_int(post("/api/body", "{\"tenant_slug\":null}"), 200, "nor is null");
    is_int(post("/api/body", GOOD), 200, "the same may be");
    is_int(post("/api/body", "{\"tenant_slug\":\"globex\"}"), 404, "another one may not");
    is_str(said("reason"), "tenant_unknown", "as it does not exist here");
    is_str(ran, NULL, "and nothing is done");
    is_int(post("/api/shapes", "{\"code\":\"123456\"}"), 200, "also in the second shape");
    is_str(ran, "other t.other: acme - 123456 - 0", "that one is meant");
    memset(&place, 0, sizeof(place));
    is_int(post("/api/body", "{}"), 400, "elsewhere it has to be named");
}

static void test_shapes(void)
{
    is_int(post("/api/shapes", GOOD), 200, "the first shape");
    is_str(ran, "t.one: acme - - - 1", "is served by the first operation");
    is_int(post("/api/shapes", "{\"code\":\"123456\"}"), 200, "the second one");
    is_str(ran, "other t.other: - - 123456 - 0", "by the other");
    is_str(event, "t.other success 102000 - -", "which is what the event says");
    is_int(post("/api/shapes", "{\"tenant_slug\":\"acme\",\"code\":\"\"}"), 200, "an empty field");
    is_str(ran, "t.one: acme - - - 1", "makes no second shape");
    is_int(post("/api/shapes", "{\"tenant_slug\":\"acme\",\"code\":null}"), 200, "nor null");
    is_int(post("/api/shapes", "{\"tenant_slug\":\"acme\",\"code\":\"123456\",\"name\":\"x\",\"yes\":\"\"}"), 400,
           "a mixture");
    is_str(faults(), "name not_allowed", "is told what does not go with it");
    is_str(said("reason"), "field_invalid", "as a fault of fields");
    config.off = CLOUDEP_NEEDS_SMS;
    is_int(post("/api/shapes", GOOD), 200, "what the second needs, the first does not");
    is_int(post("/api/shapes", "{\"code\":\"123456\"}"), 501, "the second does");
    is_str(ran, NULL, "and is not run");
    config.off = 0;
}

static void test_queries(void)
{
    static const struct {
        const char *address, *ran;
        int status;
    } cases[] = {
        {"/api/query", "t.query: - - - - 0", 200},
        {"/api/query?name=a%20b+c&code=12", "t.query: - a b c 12 - 0", 200},
        {"/api/query?strange=1&name", "t.query: - - - - 0", 200},
        {"/api/query?name=%0", NULL, 400},
        {"/api/query?name=%00", NULL, 400},
        {"/api/query?n%zzme=x", NULL, 400},
        {"/api/query?name=a&name=b", NULL, 400},
        {"/api/query?code=1234", NULL, 400},
        {"/api/strict", "t.strict: - - - - 0", 200},
        {"/api/strict?code=12&name=x", "t.strict: - x 12 - 0", 200},
        {"/api/strict?code=", NULL, 400},
        {"/api/strict?code", NULL, 400},
        {"/api/strict?cod=1", NULL, 400},
        {"/api/strict?codes=1", NULL, 400},
        {"/api/strict?code=1&strange=1", NULL, 400},
        {"/api/strict?c%6fde=1", NULL, 400},
        {"/api/thing?anything=%zz", "t.thing", 200},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(ask("GET", cases[i].address), cases[i].status, cases[i].address);
        is_str(ran, cases[i].ran, apr_pstrcat(p, cases[i].address, ": what came of it", NULL));
    }
    (void)ask("GET", "/api/query?name=%0");
    is_str(said("message"), "the query string is not well formed", "a bad escape is told");
    (void)ask("GET", "/api/query?code=1234");
    is_str(faults(), "code length", "as is a fault of a field");
}

static int post_form(const char *form)
{
    last = request("Content-Type", "application/x-www-form-urlencoded");
    return ask_with(last, "POST", "/api/form", form);
}

static void test_forms(void)
{
    is_int(post_form("name=a+b&code=12&strange=x"), 200, "a form");
    is_str(ran, "t.form: - a b 12 - 0", "is read into the input");
    is_int(post_form("name=%z1"), 400, "a bad escape");
    is_str(said("message"), "the form is not well formed", "is told");
    client.length = 8;
    is_int(post_form("name=a\0b"), 400, "a NUL in it");
    is_str(ran, NULL, "cuts nothing short");
    is_int(post_form("code=1234"), 400, "a fault of a field");
    is_str(faults(), "code length", "is told");
    last = request("Content-Type", "application/json");
    is_int(ask_with(last, "POST", "/api/form", "name=a"), 415, "JSON in its place");
    client.status = APR_ECONNRESET;
    is_int(post_form("name=a"), HTTP_BAD_REQUEST, "one that cannot be read");
    is_str(ran, NULL, "is not run");
    client.status = APR_SUCCESS;
}

/* ---- answers ---- */

static void test_answers(void)
{
    (void)ask("GET", "/api/thing");
    is_str(sent.text, "{\"code\":102000,\"message\":\"SUCCESS\",\"data\":{\"a\":\"b\"}}", "the data of an operation");
    is_int(sent.told, (int)strlen(sent.text), "with its length");
    is_str(sent.type, "application/json; charset=utf-8", "and type");
    is_str(header("Cache-Control"), "no-store", "which nobody keeps");
    is_str(header("X-Content-Type-Options"), "nosniff", "nor guesses");
    is_int((int)strlen(header("X-Request-Id")), 22, "and the request's id");
    is_str(header("Vary"), "Origin", "and varies on the origin");
    last = with(request("Range", "bytes=0-1"), "X", "y");
    (void)ask_with(last, "GET", "/api/thing", NULL);
    ok(!apr_table_get(last->headers_in, "Range"), "no part of it is sent");
    is_int(ask("GET", "/api/elsewhere"), 303, "an operation may send the browser elsewhere");
    is_str(header("Location"), "https://app.test/x", "there");
    is_str(header("Referrer-Policy"), "no-referrer", "which is not told from where");
    is_str(header("Cache-Control"), "no-store", "nor is that kept");
    outcome_of_run = cloudep_refuse(CLOUDEP_LOGIN_CANCELLED);
    is_int(ask("GET", "/api/elsewhere"), 403, "not where it failed");
    ok(!header("Location"), "as the answer has no address");
    outcome_of_run = cloudep_done();
    is_int(ask("GET", "/api/picture"), 200, "or answer a document");
    ok(sent.length == 2 && !memcmp(sent.text, "\0x", 2), "as it is");
    is_int(sent.told, 2, "with its length");
    is_str(sent.type, "image/x", "and type");
    is_str(header("Vary"), "Origin, Accept", "which depends on what is liked");
    is_str(header("Cache-Control"), "no-store", "and is not kept");
}

static void test_retry(void)
{
    static const struct {
        cloudep_reason_e reason;
        int wait;
        const char *told;
    } cases[] = {
        {CLOUDEP_TOO_MANY_PASSWORDS, 30, "30"}, {CLOUDEP_TOO_MANY_PASSWORDS, 0, "5"}, {CLOUDEP_OVERLOADED, 0, "5"},
        {CLOUDEP_INVITE_BUSY, 0, "5"},          {CLOUDEP_INVITE_USED_UP, 30, NULL},   {CLOUDEP_SUSPENDED, 30, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outcome_of_run = (cloudep_outcome_t){.reason = cases[i].reason, .retry_after = cases[i].wait};
        (void)ask("GET", "/api/act");
        is_str(header("Retry-After"), cases[i].told,
               apr_pstrcat(p, "when to come again: ", cloudep_reason_word(cases[i].reason), NULL));
    }
    outcome_of_run = cloudep_done();
}

/* ---- languages ---- */

static const char *spoken(const char *who, const char *languages, const char *body)
{
    last = with(request("Authorization", who), "Content-Type", "application/json");
    if (languages) {
        with(last, "Accept-Language", languages);
    }
    outcome_of_run = cloudep_refuse(CLOUDEP_SUSPENDED);
    (void)ask_with(last, "POST", "/api/speak", body);
    outcome_of_run = cloudep_done();
    return said("message");
}

#define IN_ENGLISH "the account is suspended"
#define IN_CHINESE "帳號已停用"

static void test_languages(void)
{
    is_str(spoken("me", NULL, "{}"), IN_ENGLISH, "a client that says nothing reads English");
    is_str(spoken("me", "fr", "{}"), IN_ENGLISH, "as does one whose language we do not have");
    is_str(spoken("me", "*", "{}"), IN_ENGLISH, "or that reads any");
    is_str(spoken("me", "zh-TW", "{}"), IN_CHINESE, "one that reads Chinese");
    is_str(spoken("me", "en;q=0.5, zh-TW", "{}"), IN_CHINESE, "better");
    is_str(spoken("we", "en", "{}"), IN_CHINESE, "a member's own language comes before that");
    is_str(spoken("we", "en", "{\"language\":\"\"}"), IN_CHINESE, "also where the body empties it");
    is_str(spoken("we", "zh-TW", "{\"name\":\"zh\",\"language\":\"en\"}"), IN_ENGLISH, "one in the body before both");
    last = with(request("Authorization", "we"), "Content-Type", "application/json");
    outcome_of_run = (cloudep_outcome_t){.reason = CLOUDEP_SUSPENDED, .why = "for a reason"};
    (void)ask_with(last, "POST", "/api/speak", "{}");
    is_str(said("message"), IN_CHINESE, "what is known more exactly in English only is not told in its place");
    outcome_of_run = cloudep_done();
}

static void test_refusal(void)
{
    const cloudep_outcome_t fault = cloudep_invalid(AT(name), CLOUDEP_RULE_CHOICE, "is not liked");
    const char *id;

    outcome_of_run = fault;
    (void)post("/api/body", GOOD);
    id = said("request_id");
    is_str(id, header("X-Request-Id"), "a refusal has the request's id");
    is_str(said("message"), "a field is not of its format", "the reason's message");
    ok(strstr(sent.text, "\"code\":10101000,\"reason\":\"field_invalid\"") != NULL, "code and reason");
    ok(strstr(sent.text, "[{\"field\":\"name\",\"rule\":\"choice\",\"reason\":\"is not liked\"}]") != NULL,
       "and what is wrong with the field");
    outcome_of_run.reason = CLOUDEP_SUSPENDED;
    (void)post("/api/body", GOOD);
    is_str(faults(), "", "which stands in no refusal but 400");
    outcome_of_run = cloudep_done();
}

/* ---- pages of other origins ---- */

static int preflight(const char *origin, const char *method)
{
    last = request("Origin", origin);
    if (method) {
        with(last, "Access-Control-Request-Method", method);
    }
    return ask_with(last, "OPTIONS", "/api/thing", NULL);
}

/* The origin that may read what a member asked for. */
static const char *allowed_to_member(const char *origin)
{
    last = with(request("Origin", origin), "Authorization", "me");
    cloudep_request(last)->principal = &somebody;
    (void)ask_with(last, "DELETE", "/api/list/x", NULL);
    return header("Access-Control-Allow-Origin");
}

/* The origin that may read what turned out to be for a tenant. */
static const char *allowed_for(const char *tenant_id, const char *origin)
{
    last = request("Origin", origin);
    cloudep_request_context(last)->note.tenant_id = tenant_id;
    (void)ask_with(last, "GET", "/api/thing", NULL);
    return header("Access-Control-Allow-Origin");
}

static void test_cors(void)
{
    config.allow_origins = list("https://app.test");
    is_int(browse("GET", "/api/thing", "Origin", "https://app.test"), 200, "a page that is listed");
    is_str(header("Access-Control-Allow-Origin"), "https://app.test", "may read the answer");
    is_str(header("Access-Control-Expose-Headers"), "Retry-After, X-Request-Id, WWW-Authenticate", "and these headers");
    ok(!header("Access-Control-Allow-Credentials"), "but brings no cookies where tokens count");
    is_str(header("Vary"), "Origin", "which a cache is told");
    (void)browse("GET", "/api/nothing", "Origin", "https://app.test");
    is_str(header("Access-Control-Allow-Origin"), "https://app.test", "nor is a refusal kept from it");
    (void)browse("GET", "/api/thing", "Origin", "https://id.test");
    ok(!header("Access-Control-Allow-Origin"), "our own page needs nobody's leave");
    (void)browse("GET", "/api/thing", "Origin", "null");
    ok(!header("Access-Control-Allow-Origin"), "null has none");
    is_str(header("Vary"), "Origin", "which varies as well");

    (void)browse("GET", "/api/thing", "Origin", "https://evil.test");
    ok(!header("Access-Control-Allow-Origin"), "a page that nobody lists may not read it");
    (void)browse("GET", "/api/thing", "Origin", "https://page.test");
    is_str(header("Access-Control-Allow-Origin"), "https://page.test", "a page that a tenant lists may");
    (void)browse("GET", "/api/thing", "Origin", "https://globex.test");
    is_str(header("Access-Control-Allow-Origin"), "https://globex.test",
           "where it is for no tenant, any tenant's list counts");
    is_str(allowed_to_member("https://page.test"), "https://page.test", "that of whoever asks");
    is_str(allowed_to_member("https://globex.test"), NULL, "and no other one");
    place.tenant = "acme";
    (void)browse("GET", "/api/thing", "Origin", "https://page.test");
    is_str(header("Access-Control-Allow-Origin"), "https://page.test", "or of the Location");
    (void)browse("GET", "/api/thing", "Origin", "https://globex.test");
    is_str(header("Access-Control-Allow-Origin"), NULL, "where no other one does");
    place.tenant = NULL;
    is_str(allowed_for(GLOBEX, "https://globex.test"), "https://globex.test", "or the one that was asked for");
    is_str(allowed_for(GLOBEX, "https://page.test"), NULL, "where that of another one does not count either");
    last = with(request("Origin", "https://app.test"), "Sec-Fetch-Site", "same-site");
    (void)ask_with(last, "GET", "/api/thing", NULL);
    ok(!header("Access-Control-Allow-Credentials"), "where tokens count not even one of the same site brings cookies");

    is_int(preflight("https://app.test", "POST"), 200, "a preflight");
    is_str(header("Access-Control-Allow-Methods"), "OPTIONS, GET, HEAD, POST", "is told the methods");
    is_str(header("Access-Control-Allow-Headers"),
           "Authorization, Content-Type, Accept-Language, traceparent, X-XSRF-TOKEN", "and headers that may be sent");
    is_str(header("Access-Control-Max-Age"), "600", "for ten minutes");
    (void)preflight("https://app.test", NULL);
    ok(!header("Access-Control-Allow-Methods"), "an OPTIONS that is none is told no more than Allow");
    (void)preflight("https://id.test", "POST");
    ok(!header("Access-Control-Allow-Methods"), "nor is one of our own page");

    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/api";
    last = with(request("Origin", "https://app.test"), "Sec-Fetch-Site", "same-site");
    (void)ask_with(last, "GET", "/api/thing", NULL);
    is_str(header("Access-Control-Allow-Credentials"), "true", "a listed page of the same site brings cookies");
    last = with(request("Origin", "https://app.test"), "Sec-Fetch-Site", "cross-site");
    (void)ask_with(last, "GET", "/api/thing", NULL);
    ok(!header("Access-Control-Allow-Credentials"), "one of another site does not");
    (void)browse("GET", "/api/thing", "Origin", "https://app.test");
    ok(!header("Access-Control-Allow-Credentials"), "nor one that does not say");
    last = with(request("Origin", "https://page.test"), "Sec-Fetch-Site", "same-site");
    (void)ask_with(last, "GET", "/api/thing", NULL);
    is_str(header("Access-Control-Allow-Origin"), "https://page.test", "a page that a tenant lists reads the answer");
    ok(!header("Access-Control-Allow-Credentials"), "but brings no cookies");
    memset(&place, 0, sizeof(place));
    config.allow_origins = NULL;
}

/* ---- the server ---- */

/* With a database of two tenants, of which one lists what needs no leave and what gets none; a log of events, and no
 * thread that writes them to the database yet. */
static void start(void)
{
    const apr_int32_t as = APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_APPEND;
    apr_pool_t *connections;

    postgres_start();
    postgres_sql("INSERT INTO cloudep.tenants (id, slug, name, origins) VALUES"
                 " ('" ACME "', 'acme', 'Acme', '{https://page.test}'),"
                 " ('" GLOBEX "', 'globex', 'Globex', '{https://globex.test,https://id.test,\"null\"}')");
    folder_make(p);
    start_server();
    config.body_limit = 100;
    run.tls_proxies = apr_array_make(p, 1, sizeof(void *));
    flow_must(apr_pool_create_unmanaged_ex(&connections, NULL, NULL), "a pool"); /* a thread opens one as well */
    run.db = postgres_db(connections, POSTGRES_APP);
    run.origins = cloudep_tenant_origins_create(run.db, p);
    flow_must(apr_file_open(&event_log.file, folder_path("events"), as, APR_FPROT_OS_DEFAULT, p), "the log of events");
    run.event_log = &event_log;
    style = cloudep_v1;
    style.authenticate = who_asks;
    outcome_of_run = cloudep_done();
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    start();
    test_paths();
    test_mount();
    test_events();
    test_proven();
    test_needs();
    test_who();
    test_browser();
    test_bodies();
    test_fields();
    test_tenant_of_location();
    test_shapes();
    test_queries();
    test_forms();
    test_answers();
    test_retry();
    test_languages();
    test_refusal();
    test_cors();
    folder_remove();
    return done_testing();
}
