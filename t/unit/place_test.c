/*
 * place_test.c - settings of a Location, without a server: what its directives take, how Locations combine, which API
 * a request is for, whose request a server asks about, and attributes that are compared or told.
 */
#include "access/place.h"

#include <http_core.h>
#include <http_request.h>
#include "access/asked.h"
#include "access/mount.h"
#include "core/config.h"
#include "core/request.h"
#include "guard/attributes.h"
#include "request.h"

/* ---- of httpd ---- */

AP_DECLARE(char *) ap_server_root_relative(apr_pool_t *pool, const char *fname)
{
    return apr_pstrdup(pool, fname);
}

static const char *not_linked; /* the module that httpd has not loaded */

AP_DECLARE(module *) ap_find_linked_module(const char *name)
{
    return not_linked && !strcmp(not_linked, name) ? NULL : &cloudep_module;
}

/* A handler of SetHandler is its text here. */
AP_DECLARE(const char *) ap_expr_str_exec(request_rec *r, const ap_expr_info_t *expr, const char **err)
{
    (void)r;
    *err = NULL;
    return (const char *)expr;
}

static ap_HOOK_fixups_t *fix_up;

AP_DECLARE(void)
ap_hook_fixups(ap_HOOK_fixups_t *hook, const char *const *before, const char *const *after, int order)
{
    (void)before;
    (void)after;
    (void)order;
    fix_up = hook;
}

static void *vector[2];

AP_CORE_DECLARE(void *)
ap_set_config_vectors(server_rec *s, ap_conf_vector_t *section, const char *name, module *of, apr_pool_t *pool)
{
    (void)s;
    (void)section;
    (void)name;
    (void)of;
    (void)pool;
    return vector[1];
}

/* ---- directives ---- */

static cloudep_place_t *fresh(void)
{
    return cloudep_place_create(p, NULL);
}

/* A directive that stands in a section, such as "<Location", with that argument. */
static cmd_parms *command(const char *section, const char *path)
{
    static const command_rec directive = {.name = "CloudEPX"};
    static process_rec process;
    cmd_parms *cmd = apr_pcalloc(p, sizeof(*cmd));
    ap_directive_t *at = apr_pcalloc(p, sizeof(*at));

    process.pconf = p;
    server.process = &process;
    cmd->pool = cmd->temp_pool = p;
    cmd->server = &server;
    cmd->cmd = &directive;
    cmd->path = (char *)apr_pstrdup(p, path);
    cmd->directive = at;
    if (section) {
        at->parent = apr_pcalloc(p, sizeof(*at));
        at->parent->directive = section;
        at->parent->args = path ? path : "";
    }
    return cmd;
}

static cmd_parms *in_location(const char *path)
{
    return command("<Location", path);
}

/* Whether a setter's answer has a text; NULL: whether it took the value. */
static void answers(const char *answer, const char *text, const char *name)
{
    ok(text ? answer && strstr(answer, text) : !answer, "%s: %s", name, answer ? answer : "taken");
}

static void test_serve(void)
{
    static const struct {
        const char *section, *path, *args;
    } wrong[] = {
        {NULL, NULL, ""},
        {"<Directory", "/x", "/x"},
        {"<LocationMatch", "/x", "/x"},
        {"<If", "/x", "true"},
        {"<Location", "/x/*", "/x/*"},
        {"<Location", "/x/[ab]", "/x/[ab]"},
        {"<Location", "/x", "~ /x"},
        {"<Location", "http://x/", "http://x/"},
        {"<Location", NULL, ""},
    };
    static const struct {
        const char *name, *handler;
    } apis[] = {
        {"auth", "cloudep-auth"},       {"members", "cloudep-member"}, {"account", "cloudep-account"},
        {"session", "cloudep-session"}, {"jwks", "cloudep-jwks"},      {"health", "cloudep-health"},
        {"metrics", "cloudep-metrics"},
    };
    cloudep_place_t *place = fresh();

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cmd_parms *cmd = command(wrong[i].section, wrong[i].path);

        if (cmd->directive->parent) {
            ((ap_directive_t *)(apr_uintptr_t)cmd->directive->parent)->args = wrong[i].args;
        }
        answers(cloudep_set_serve(cmd, place, "auth"), "stands in <Location /path>",
                apr_pstrcat(p, wrong[i].section ? wrong[i].section : "no section", " ", wrong[i].args, NULL));
    }
    ok(!place->serve && !place->mount, "and nothing is served");
    answers(cloudep_set_serve(in_location("/x"), place, "authx"),
            "one of auth, members, account, session, jwks, health, metrics", "an API that is not there");
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        answers(cloudep_set_serve(in_location("/id/x"), place, apis[i].name), NULL, apis[i].name);
        is_str(place->serve, apis[i].handler, "its handler");
        is_str(place->mount, "/id/x", "and where it begins");
    }
    not_linked = "mod_cloudep_member.c";
    answers(cloudep_set_serve(in_location("/x"), place, "members"), "needs mod_cloudep_member.c",
            "a module that is not there");
    answers(cloudep_set_serve(in_location("/x"), place, "auth"), NULL, "another one is");
    not_linked = NULL;
    (void)cloudep_set_serve(in_location("/x//"), place, "auth");
    is_str(place->mount, "/x", "a mount has no slash at its end");
    (void)cloudep_set_serve(in_location("/"), place, "auth");
    is_str(place->mount, "", "not even that of the server");
    answers(cloudep_set_tenant(in_location("/"), place, "Not_A_Slug"), "slug of a tenant",
            "a tenant that cannot be one");
    ok(!place->tenant, "is none");
    answers(cloudep_set_tenant(in_location("/"), place, "acme"), NULL, "one that can");
    is_str(place->tenant, "acme", "is");
}

static void test_words(void)
{
    static const char *const bad[] = {"",     "a b",   "a;b",       "a,b", "a=b", "a\"b", "a/b",
                                      "a\tb", "a\x7f", "a\xc3\xa4", "(a)", "a{",  "a\\"};
    cloudep_place_t *place = fresh();

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        answers(cloudep_set_cookie(in_location("/"), fresh(), bad[i]), "the name of a cookie", bad[i]);
    }
    answers(cloudep_set_cookie(in_location("/"), place, "__Host-token.1"), NULL, "a good one");
    is_str(place->cookie, "__Host-token.1", "is taken");

    answers(cloudep_set_delivery(in_location("/x"), place, "cookie"), NULL, "delivery by cookie");
    is_str(place->delivery, "cookie", "is taken");
    answers(cloudep_set_delivery(in_location("/x"), place, "body"), NULL, "by the body");
    is_str(place->delivery, "body", "as well");
    answers(cloudep_set_delivery(in_location("/x"), place, "both"), "cookie or body", "by both");
    answers(cloudep_set_delivery(command(NULL, NULL), place, "cookie"), "in the Location of an API", "of a server");

    answers(cloudep_add_origin(in_location("/x"), place, "https://app.test"), NULL, "an origin");
    answers(cloudep_add_origin(in_location("/x"), place, "https://two.test"), NULL, "another");
    is_int(place->origins->nelts, 2, "both are");
    answers(cloudep_add_origin(in_location("/x"), place, "https://app.test/"), "CloudEPX ", "what is none");
    is_int(place->origins->nelts, 2, "is not");

    answers(cloudep_set_login_page(in_location("/x"), place, "/account/"), NULL, "a login page of this server");
    is_str(place->login_page, "/account/", "is taken");
    answers(cloudep_set_login_page(in_location("/x"), place, "https://id.test/login"), NULL, "of another");
    is_str(place->login_page, "https://id.test/login", "as well");
    answers(cloudep_set_login_page(in_location("/x"), place, "http://id.test/login"), "CloudEPLoginPage",
            "without TLS");
    answers(cloudep_set_login_page(in_location("/x"), place, "/account/?x"), "CloudEPLoginPage", "with a query");
    answers(cloudep_set_login_page(in_location("/x"), place, "/account/#x"), "CloudEPLoginPage", "with a fragment");
    answers(cloudep_set_login_page(in_location("/x"), place, "//evil.test"), "CloudEPLoginPage", "of any server");
    answers(cloudep_set_login_page(in_location("/x"), place, "login"), "CloudEPLoginPage", "relative");
    is_str(place->login_page, "https://id.test/login", "none of which is");
}

static void test_options(void)
{
    char *large = apr_palloc(p, 65536 + 2);
    cloudep_place_t *place = fresh();

    memset(large, ' ', 65537);
    memcpy(large, "{}", 2);
    large[65536] = '\0';
    answers(cloudep_add_option(in_location("/x"), place, "a", folder_file("a", large, 0600)), NULL,
            "an option of 64 KiB");
    large[65536] = ' ';
    large[65537] = '\0';
    answers(cloudep_add_option(in_location("/x"), place, "b", folder_file("b", large, 0600)), "more than 65536 bytes",
            "one of more");
    answers(cloudep_add_option(in_location("/x"), place, "b", folder_file("b", "[]", 0600)),
            "CloudEPOption b: ", "one that is no object");
    answers(cloudep_add_option(in_location("/x"), place, "b", folder_path("none")), "cannot be read",
            "one that is not there");
    answers(cloudep_add_option(in_location("/x"), place, "c", folder_file("c", "{\"x\":1}", 0600)), NULL, "another");
    is_str(apr_table_get(place->options, "c"), "{\"x\":1}", "is its text");
    ok(apr_table_get(place->options, "a") != NULL, "and the first one stays");
    ok(!apr_table_get(place->options, "b"), "a refused one is none");
}

static void test_attribute_directives(void)
{
    static const char *const bad[] = {
        "Authorization", "X-", "X-A B", "X-A_B", "X-A:", "X-CloudEP-UID", "x-cloudep-x", ""};
    char name[66];
    cloudep_place_t *place = fresh();
    request_rec *r;

    memset(name, 'a', 65);
    name[65] = '\0';
    ok(!cloudep_is_attribute_name(name), "a name of 65 characters is none");
    name[64] = '\0';
    ok(cloudep_is_attribute_name(name), "one of 64 is");
    ok(cloudep_is_attribute_name("aZ0_.-"), "letters, digits and the three others");
    ok(!cloudep_is_attribute_name("") && !cloudep_is_attribute_name("a b") && !cloudep_is_attribute_name("a:"),
       "nothing else");
    answers(cloudep_add_attribute(in_location("/x"), place, "a b", "X-A"), "the name of an attribute", "a bad name");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        answers(cloudep_add_attribute(in_location("/x"), place, "tier", bad[i]), "must begin with X-", bad[i]);
    }
    ok(!place->attribute_headers && !place->attributes, "of which none is taken");
    answers(cloudep_add_attribute(in_location("/x"), place, "tier", "X-Tier"), NULL, "a good one");
    answers(cloudep_add_attribute(in_location("/x"), place, "plan", "x-plan2"), NULL, "another");
    is_int(place->attributes, 1, "the place reads attributes");
    is_int(place->attribute_headers->nelts, 2, "these two");
    is_str(APR_ARRAY_IDX(place->attribute_headers, 1, cloudep_attribute_header_t).name, "plan", "by its name");
    is_str(APR_ARRAY_IDX(place->attribute_headers, 1, cloudep_attribute_header_t).header, "x-plan2", "and header");
    answers(cloudep_add_attribute(in_location("/y"), fresh(), "tier", "X-Other"), NULL, "one of another place");
    r = request(NULL, NULL);
    is_int(cloudep_all_attribute_headers(r)->nelts, 3, "the headers of all places are known");
    is_str(APR_ARRAY_IDX(cloudep_all_attribute_headers(r), 2, const char *), "X-Other", "by their names");
    vector[1] = fresh();
    cloudep_place_reads_attributes(in_location("/x"));
    is_int(((cloudep_place_t *)vector[1])->attributes, 1, "a Require has them read as well");
}

/* ---- how places combine ---- */

#define MERGED(member) ((cloudep_place_t *)cloudep_place_merge(p, base, add))->member

static void test_merge(void)
{
    cloudep_place_t *base = fresh(), *add = fresh();

    is_int(base->token_optional, CLOUDEP_UNSET, "a flag is not set at first");
    ok(base->identity_headers == CLOUDEP_UNSET && base->strip_token == CLOUDEP_UNSET &&
           base->preflight == CLOUDEP_UNSET && base->ping_values == CLOUDEP_UNSET &&
           base->session_cookie == CLOUDEP_UNSET,
       "nor is any other");
#define FLAG(member, directive, help)                                                                                  \
    base->member = 1;                                                                                                  \
    is_int(MERGED(member), 1, "inherited: " directive);                                                                \
    add->member = 0;                                                                                                   \
    is_int(MERGED(member), 0, "switched off below: " directive);                                                       \
    base->member = CLOUDEP_UNSET;                                                                                      \
    add->member = 1;                                                                                                   \
    is_int(MERGED(member), 1, "switched on below: " directive);
#define NOTHING(...)
    CLOUDEP_PLACE_SETTINGS(FLAG, NOTHING, NOTHING, NOTHING, NOTHING)
#define TEXT(member)                                                                                                   \
    base->member = (void *)(apr_uintptr_t) "above";                                                                    \
    is_str((const char *)MERGED(member), "above", "inherited: " #member);                                              \
    add->member = (void *)(apr_uintptr_t) "below";                                                                     \
    is_str((const char *)MERGED(member), "below", "set below: " #member);
    TEXT(options)
    TEXT(login_page)
    TEXT(attribute_headers)
    TEXT(cookie)
    TEXT(origins)
    TEXT(delivery)
    TEXT(tenant)
    base->attributes = 1;
    is_int(MERGED(attributes), 1, "attributes that the place above reads are read");
    base->attributes = 0;
    add->attributes = 1;
    is_int(MERGED(attributes), 1, "as are those of the one below");
    add->attributes = 0;
    is_int(MERGED(attributes), 0, "and else none");
}

static void test_merge_mounts(void)
{
    cloudep_place_t *base = fresh(), *add = fresh();

    base->serve = "one";
    base->mount = "/id";
    is_str(MERGED(mount), "/id", "a place below a mount is of it");
    is_str(MERGED(serve), "one", "and of its API");
    add->serve = "two";
    add->mount = "/id/members";
    is_str(MERGED(mount), "/id/members", "the deeper of two mounts counts");
    is_str(MERGED(serve), "two", "with its API");
    add->mount = "/";
    is_str(MERGED(mount), "/id", "in whatever order they stand");
    is_str(MERGED(serve), "one", "with its API");
    add->mount = "/id";
    is_str(MERGED(serve), "two", "of two of the same path the last one");
    base->mount = base->serve = NULL;
    is_str(MERGED(mount), "/id", "a mount below none is one");
}

/* ---- which API a request is for ---- */

static core_dir_config core;

static request_rec *at(cloudep_place_t *place, const char *name, const char *value)
{
    request_rec *r = request(name, value);

    vector[0] = &core;
    vector[1] = place;
    r->per_dir_config = (struct ap_conf_vector_t *)vector;
    return r;
}

static void test_apis(void)
{
    cloudep_place_t *place = fresh();

    ok(!cloudep_is_api(at(place, NULL, NULL)), "a place without an API");
    ok(cloudep_is_for_a_guard(at(place, NULL, NULL)), "is for a guard");
    place->serve = CLOUDEP_ACCOUNT_HANDLER;
    ok(cloudep_is_api(at(place, NULL, NULL)), "one of CloudEPServe is an API");
    ok(!cloudep_is_for_a_guard(at(place, NULL, NULL)), "and for none");
    place->serve = NULL;
    core.expr_handler = (ap_expr_info_t *)(apr_uintptr_t) "cloudep-auth";
    ok(cloudep_is_api(at(place, NULL, NULL)), "as is one of SetHandler");
    core.expr_handler = (ap_expr_info_t *)(apr_uintptr_t) "server-status";
    ok(!cloudep_is_api(at(place, NULL, NULL)), "of ours");
    place->delivery = "cookie";
    ok(!cloudep_uses_session_cookie(at(place, NULL, NULL)), "delivery by cookie is for an API");
    core.expr_handler = (ap_expr_info_t *)(apr_uintptr_t) "cloudep-auth";
    ok(cloudep_uses_session_cookie(at(place, NULL, NULL)), "in which the cookie says who asks");
    place->delivery = "body";
    ok(!cloudep_uses_session_cookie(at(place, NULL, NULL)), "not with delivery in the body");
    place->delivery = NULL;
    ok(!cloudep_uses_session_cookie(at(place, NULL, NULL)), "nor without any");
    place->serve = CLOUDEP_SESSION_HANDLER;
    ok(cloudep_uses_session_cookie(at(place, NULL, NULL)), "in the style session it always does");
    place->serve = CLOUDEP_ACCOUNT_HANDLER;
    place->delivery = "cookie";
    ok(!cloudep_uses_session_cookie(at(place, NULL, NULL)), "in the style account never");
    core.expr_handler = NULL;
}

static void test_guards(void)
{
    cloudep_place_t *place = fresh();
    request_rec *r;

    ok(!cloudep_takes_session_cookie(at(place, NULL, NULL)), "a guard takes no session cookie");
    place->session_cookie = 0;
    ok(!cloudep_takes_session_cookie(at(place, NULL, NULL)), "also where that is Off");
    place->session_cookie = 1;
    ok(cloudep_takes_session_cookie(at(place, NULL, NULL)), "where it is On it does");
    place->serve = "cloudep-auth";
    ok(!cloudep_takes_session_cookie(at(place, NULL, NULL)), "but no API");
    r = at(place, NULL, NULL);
    cloudep_ask_for_another(r);
    ok(cloudep_takes_session_cookie(r) && cloudep_is_for_a_guard(r), "unless it is asked about another request");
    ok(!cloudep_ping_values(r), "values are not told");
    place->ping_values = 1;
    ok(cloudep_ping_values(r), "unless that is On");
    is_str(cloudep_option(r, "x"), NULL, "no options");
    place->options = apr_table_make(p, 1);
    apr_table_setn(place->options, "x", "{}");
    is_str(cloudep_option(r, "x"), "{}", "one");
}

static void test_listed_origins(void)
{
    cloudep_place_t *place = fresh();

    place->origins = list("https://page.test");
    config.allow_origins = list("https://app.test");
    ok(cloudep_listed_origins(at(place, NULL, NULL)) == place->origins, "a guard has its own list of origins");
    place->serve = "cloudep-auth";
    ok(!cloudep_listed_origins(at(place, NULL, NULL)), "an API has none");
    ok(!cloudep_listed_origins(at(place, "Sec-Fetch-Site", "cross-site")), "for other sites");
    ok(cloudep_listed_origins(at(place, "Sec-Fetch-Site", "same-site")) == config.allow_origins,
       "and the server's for its own site");
    config.allow_origins = NULL;
}

static void test_handler(void)
{
    cloudep_place_t *place = fresh();
    request_rec *r = at(place, NULL, NULL);

    cloudep_mount_register_hooks();
    r->handler = "server-status";
    is_int(fix_up(r), DECLINED, "others may choose a handler, too");
    is_str(r->handler, "server-status", "which stays where we serve nothing");
    place->serve = "cloudep-auth";
    (void)fix_up(r);
    is_str(r->handler, "cloudep-auth", "where we do, ours is it");
    place->mount = "/id";
    place->tenant = "acme";
    is_str(cloudep_mount_path(r), "/id", "a mount has a path");
    is_str(cloudep_mount_tenant(r), "acme", "and may have a tenant");
}

/* ---- whose request a server asks about ---- */

static void test_named_method(void)
{
    is_str(cloudep_named_method(request(NULL, NULL)), NULL, "no method is named");
    is_str(cloudep_named_method(request("X-Original-Method", "PUT")), "PUT", "nginx names one");
    is_str(cloudep_named_method(request("X-Forwarded-Method", "POST")), "POST", "Traefik names one");
    is_str(cloudep_named_method(with(request("X-Forwarded-Method", "POST"), "X-Original-Method", "POST")), "POST",
           "twice the same");
    is_str(cloudep_named_method(with(request("X-Forwarded-Method", "GET"), "X-Original-Method", "POST")), "",
           "two are none");
}

static request_rec *asked(const char *host, const char *path)
{
    request_rec *r = request("X-Forwarded-Host", host);

    if (path) {
        with(r, "X-Forwarded-Uri", path);
    }
    r->hostname = "ID.test";
    r->unparsed_uri = apr_pstrdup(p, "/verify");
    cloudep_ask_for_another(r);
    return r;
}

static void test_asked(void)
{
    static const struct {
        const char *host, *name;
    } hosts[] = {
        {"App.Test:8443", "app.test"},
        {"app.test", "app.test"},
        {"[2001:DB8::1]:443", "2001:db8::1"},
        {":80", ""},
        {"8080", ""},
        {"", ""},
    };
    static const struct {
        const char *sent, *path;
    } paths[] = {
        {"/a?b=c", "/a?b=c"},
        {"a", "/a"},
        {"", "/"},
        {"https://app.test/a?b", "/a?b"},
        {"https://app.test?b", "/?b"},
        {"https://app.test", "/"},
        {"/x://y/z", "/x://y/z"},
    };
    request_rec *r = request(NULL, NULL);

    r->hostname = "ID.test";
    r->unparsed_uri = apr_pstrdup(p, "/own?x");
    ok(!cloudep_asks_for_another(r), "a request is about itself");
    is_str(cloudep_asked_method(r), "GET", "its method");
    is_str(cloudep_asked_host(r), "id.test", "its Host");
    is_str(cloudep_asked_hostname(r), "id.test", "the host in small letters");
    is_str(cloudep_asked_path(r), "/own?x", "its path");
    r->prev = request(NULL, NULL);
    r->prev->unparsed_uri = apr_pstrdup(p, "/first");
    is_str(cloudep_asked_path(r), "/first", "before it was redirected");
    r->hostname = NULL;
    is_str(cloudep_asked_hostname(r), "", "no host");

    r = with(asked("app.test", NULL), "X", "y");
    ok(cloudep_asks_for_another(r), "it may be about another one");
    is_str(cloudep_asked_method(r), "", "whose method is not known");
    is_str(cloudep_asked_host(r), "app.test", "whose Host is");
    is_str(cloudep_asked_path(r), "/", "and whose path is not");
    r = with(request("X-Forwarded-Method", "PUT"), "X", "y");
    cloudep_ask_for_another(r);
    is_str(cloudep_asked_method(r), "PUT", "or its method is");
    is_str(cloudep_asked_host(r), NULL, "and its Host is not");
    is_str(cloudep_asked_hostname(r), "", "so it is of none");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        is_str(cloudep_asked_hostname(asked(hosts[i].host, NULL)), hosts[i].name,
               apr_pstrcat(p, "host ", hosts[i].host, NULL));
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        is_str(cloudep_asked_path(asked("app.test", paths[i].sent)), paths[i].path,
               apr_pstrcat(p, "path ", paths[i].sent, NULL));
    }
}

/* ---- attributes ---- */

static const cloudep_principal_t who = {.attributes =
                                            "{\"tier\":\"pro\",\"limit\":5,\"beta\":true,\"tags\":[\"a\",\"b "
                                            "c\",[\"d\"]],\"plan\":{\"seats\":3},\"none\":null,"
                                            "\"empty\":\"\",\"line\":\"a\\nb\",\"umlaut\":{\"a\":\"\\u00e4\"}}"};

static void test_attributes(void)
{
    static const struct {
        const char *name, *value;
        int is;
    } cases[] = {
        {"tier", "pro", 1},     {"tier", "pr", 0},
        {"tier", "prop", 0},    {"limit", "5", 1},
        {"beta", "true", 1},    {"beta", "1", 0},
        {"tags", "b c", 1},     {"tags", "c", 0},
        {"tags", "[\"d\"]", 0}, {"none", "null", 0},
        {"empty", "", 0},       {"plan", "{\"seats\":3}", 0},
        {"gone", "x", 0},       {"tags", "[\"a\",\"b c\",[\"d\"]]", 0},
    };
    const cloudep_principal_t nobody = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(cloudep_attribute_is(p, &who, cases[i].name, cases[i].value), cases[i].is,
               apr_pstrcat(p, "the attribute ", cases[i].name, " is ", cases[i].value, NULL));
    }
    is_int(cloudep_attribute_is(p, &nobody, "tier", "pro"), 0, "without attributes none is anything");
}

static void test_attribute_headers(void)
{
    static const struct {
        const char *name, *header, *value;
    } rows[] = {
        {"tier", "X-Tier", "pro"},
        {"limit", "X-Limit", "5"},
        {"beta", "X-Beta", "true"},
        {"tags", "X-Tags", "[\"a\",\"b c\",[\"d\"]]"},
        {"plan", "X-Plan", "{\"seats\":3}"},
        {"none", "X-None", NULL},
        {"empty", "X-Empty", NULL},
        {"line", "X-Line", NULL},
        {"gone", "X-Gone", NULL},
        {"umlaut", "X-Umlaut", "{\"a\":\"\\u00E4\"}"},
    };
    cloudep_place_t *place = fresh();
    request_rec *r;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)cloudep_add_attribute(in_location("/x"), place, rows[i].name, rows[i].header);
    }
    r = at(place, "X-Gone", "spoofed");
    cloudep_attribute_headers(r, r->headers_in, &who);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_str(apr_table_get(r->headers_in, rows[i].header), rows[i].value,
               apr_pstrcat(p, "the header ", rows[i].header, NULL));
    }
    r = at(fresh(), "X-Tier", "theirs");
    cloudep_attribute_headers(r, r->headers_in, &who);
    is_str(apr_table_get(r->headers_in, "X-Tier"), "theirs", "a place that names none touches none");
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    folder_make(p);
    start_server();
    test_serve();
    test_words();
    test_options();
    test_attribute_directives();
    test_merge();
    test_merge_mounts();
    test_apis();
    test_guards();
    test_listed_origins();
    test_handler();
    test_named_method();
    test_asked();
    test_attributes();
    test_attribute_headers();
    folder_remove();
    return done_testing();
}
