/*
 * flow_start_checks_test.c - what stops a start beside the directives themselves: handlers that nobody serves and
 * places without a tenant; and what is warned of. httpd's list of providers is replaced by one of two handlers.
 */
#include <ap_provider.h>

#include "flow.h"
#include "core/module.h"
#include "core/start_checks.h"
#include "tree.h"

/* ---- httpd's list of providers ------------------------------------------------------------------------------------
 */

static apr_table_t *providers;

AP_DECLARE(apr_status_t)
ap_register_provider(apr_pool_t *p, const char *group, const char *name, const char *version, const void *provider)
{
    (void)p;
    (void)group;
    (void)version;
    apr_table_set(providers, name, provider);
    return APR_SUCCESS;
}

AP_DECLARE(void *) ap_lookup_provider(const char *group, const char *name, const char *version)
{
    (void)group;
    (void)version;
    return (void *)(intptr_t)apr_table_get(providers, name);
}

AP_DECLARE(apr_array_header_t *) ap_list_provider_names(apr_pool_t *p, const char *group, const char *version)
{
    const apr_array_header_t *all = apr_table_elts(providers);
    apr_array_header_t *names = apr_array_make(p, 2, sizeof(ap_list_provider_names_t));

    (void)group;
    (void)version;
    for (int i = 0; i < all->nelts; i++) {
        APR_ARRAY_PUSH(names, ap_list_provider_names_t) =
            (ap_list_provider_names_t){.provider_name = APR_ARRAY_IDX(all, i, apr_table_entry_t).key};
    }
    return names;
}

/* ---- Locations ----------------------------------------------------------------------------------------------------
 */

static void is_checked(const char *text, const char *want, const char *name)
{
    const char *error = "not set";
    apr_status_t rv;

    ap_conftree = tree_of(flow.pool, text);
    rv = cloudep_check_locations(flow.pool, &error);
    is_str(error, want, name);
    is_int(rv, want ? CLOUDEP_EMALFORMED : APR_SUCCESS, want ? "which stops the start" : "which does not");
}

static void test_handlers(void)
{
    providers = apr_table_make(flow.pool, 2);
    is_checked("<Location /x>\nSetHandler cloudep-auth\n</Location>\n",
               "SetHandler cloudep-auth (test.conf, line 2): no module that is loaded serves it; there is none at all. "
               "Correct the name, or load its module (LoadModule)",
               "a handler where no module is loaded");
    cloudep_handler_register(flow.pool, "cloudep-webauthn");
    cloudep_handler_register(flow.pool, "cloudep-auth");
    is_checked("<Location /x>\nSetHandler cloudep-auth\n</Location>\n", NULL, "one that is served");
    is_checked("<Location /x>\nSetHandler server-status\n</Location>\n", NULL, "one of another module");
    is_checked(
        "<VirtualHost *:1>\n<Location /x>\nsethandler CloudEP-atuh\n</Location>\n<Location /y>\n"
        "SetHandler cloudep-none\n</Location>\n</VirtualHost>\n",
        "SetHandler CloudEP-atuh (test.conf, line 3): no module that is loaded serves it; there is cloudep-auth, "
        "cloudep-webauthn. Correct the name, or load its module (LoadModule)",
        "of two that nobody serves the first is told, with those that there are");
}

#define NO_TENANT(style, line)                                                                                         \
    "CloudEPServe " style " (test.conf, line " line "): nothing in its requests names a tenant; put CloudEPTenant "    \
    "SLUG beside it, or in its server or virtual host"

static void test_tenants(void)
{
    is_checked("<Location /x>\nCloudEPServe account\n</Location>\n", NO_TENANT("account", "1"),
               "a place of the style account without a tenant");
    is_checked("<Location /x>\ncloudepserve SESSION\n</Location>\n", NO_TENANT("SESSION", "1"),
               "one of the style session");
    is_checked("<Location /x>\nCloudEPServe auth\n</Location>\n", NULL, "one whose requests name their tenant");
    is_checked("<Location /x>\nCloudEPServe account\nCloudEPTenant acme\n</Location>\n", NULL, "one with its tenant");
    is_checked("<Location /x>\nCloudEPServe account\n</Location>\nCloudEPTenant acme\n", NULL,
               "one in the main server's");
    is_checked("<VirtualHost *:1>\nCloudEPTenant acme\n<IfModule x>\n<Location /x>\nCloudEPServe account\n</Location>\n"
               "</IfModule>\n</VirtualHost>\n",
               NULL, "one in a virtual host's");
    is_checked(
        "CloudEPTenant acme\n<VirtualHost *:1>\n<Location /x>\nCloudEPServe account\n</Location>\n</VirtualHost>\n",
        NULL, "one in a virtual host of a server with a tenant");
    is_checked("<VirtualHost *:1>\nCloudEPTenant acme\n</VirtualHost>\n<VirtualHost *:2>\n<Location /x>\n"
               "CloudEPServe account\n</Location>\n</VirtualHost>\n",
               NO_TENANT("account", "5"), "another virtual host's tenant is none of its");
}

/* ---- Doubts -------------------------------------------------------------------------------------------------------
 */

/* Servers, each with settings of its own. */
static server_rec servers[3];
static cloudep_config_t *configs[3];
static cloudep_runtime_t runs[3];
static void *vectors[3][1];

static void make_servers(void)
{
    static const char *const names[] = {"main.test", "one.test", "two.test"};

    for (int i = 0; i < 3; i++) {
        configs[i] = apr_pmemdup(flow.pool, &flow.config, sizeof(flow.config));
        configs[i]->is_set = 1;
        configs[i]->run = &runs[i];
        runs[i].signing = flow.run.signing;
        vectors[i][0] = configs[i];
        servers[i] = (server_rec){.server_hostname = apr_pstrdup(flow.pool, names[i]),
                                  .is_virtual = i > 0,
                                  .module_config = (ap_conf_vector_t *)vectors[i],
                                  .next = i < 2 ? &servers[i + 1] : NULL,
                                  .defn_name = "test.conf",
                                  .defn_line_number = i ? (unsigned)(3 * i - 1) : 0};
    }
}

/* Whether that is said of a configuration; text NULL: nothing is. */
static void tells(const char *tree, const char *text, const char *name)
{
    (void)flow_logged("");
    ap_conftree = tree_of(flow.pool, tree);
    cloudep_tell_doubts(servers, flow.pool);
    ok(text ? flow_logged(text) : !flow_logged("CE13"), "%s", name);
}

#define TWO_HOSTS                                                                                                      \
    "DBDParams dbname=a\n"                                                                                             \
    "<VirtualHost *:1>\nDBDParams dbname=b\n</VirtualHost>\n"                                                          \
    "<VirtualHost *:2>\nDBDParams dbname=b\n</VirtualHost>\n"

static void test_issuers(void)
{
    make_servers();
    tells(TWO_HOSTS, NULL, "nothing is said of servers of one issuer");
    configs[2]->issuer = "https://two.test";
    tells(TWO_HOSTS,
          "CE1302: one.test and two.test have one database (DBDParams) and different issuers (CloudEPIssuer "
          "https://id.test and https://two.test)",
          "two issuers of one database are told");
    runs[1].signing = NULL;
    tells(TWO_HOSTS, NULL, "but not where one of them issues nothing");
    runs[1].signing = flow.run.signing;
    runs[2].signing = NULL;
    tells(TWO_HOSTS, NULL, "nor the other");
    runs[2].signing = flow.run.signing;
    configs[1]->database = 0;
    tells(TWO_HOSTS, NULL, "nor where one has no database");
    configs[1]->database = 1;
    configs[1]->issuer = "https://two.test";
    tells(TWO_HOSTS, NULL, "nor of two databases");
    tells("DBDParams dbname=a\n", "CE1302: the main server and one.test have one database",
          "the main server's is one of them");
}

static void test_slash(void)
{
    make_servers();
    configs[1]->issuer = configs[2]->issuer = configs[0]->issuer = "https://id.test/";
    tells("", "CE1303: CloudEPIssuer https://id.test/ ends with /", "an issuer that ends with / is told");
    configs[0]->is_set = configs[1]->is_set = configs[2]->is_set = 0;
    tells("", NULL, "but not of servers without a directive of ours");
    configs[0]->issuer = configs[1]->issuer = configs[2]->issuer = NULL;
    configs[0]->is_set = 1;
    configs[0]->database = configs[1]->database = configs[2]->database = 0;
    tells("", NULL, "nor where there is none");
}

#define API "<Location /api/v1/auth>\nSetHandler cloudep-auth\n</Location>\n"
#define GUARDED(path) "<Location " path ">\nauthtype cloudep\n</Location>\n"

static void test_guarded(void)
{
    make_servers();
    tells(
        API GUARDED("/"),
        "CE1304: <Location /> (test.conf, line 4) is guarded and stands behind <Location /api/v1/auth>: nobody without",
        "everything guarded behind the login is told");
    tells(GUARDED("/") API, NULL, "before it is as it should be");
    tells(API GUARDED("/api"), "CE1304: <Location /api>", "a folder above the login is");
    tells(API GUARDED("/api/"), "CE1304: <Location /api/>", "with a slash at its end, too");
    tells(API GUARDED("/api/v1/auth"), "CE1304: <Location /api/v1/auth>", "and its own place");
    tells(API GUARDED("/ap"), NULL, "a part of a name is not above it");
    tells(API GUARDED("/api/v1/auth/x"), NULL, "nor is a place below");
    tells(API "<Location />\nAuthType Basic\n</Location>\n", NULL, "nor another module's guard");
    tells(GUARDED("/"), NULL, "without a login there is nothing to say");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&flow.pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    flow.config.database = 1;
    flow.config.issuer = "https://id.test";
    flow.run.signing = (const cloudep_jwks_t *)&flow; /* any: nobody looks into it */
    test_handlers();
    test_tenants();
    test_issuers();
    test_slash();
    test_guarded();
    return done_testing();
}
