/*
 * start_checks.c - see start_checks.h.
 */
#include "core/start_checks.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_log.h>
#include <stdlib.h>
#include <string.h>
#include "base/status.h"
#include "core/dbd.h"
#include "core/module.h"
#include "core/runtime.h"
#include "core/tree.h"

#define HANDLERS "cloudep-" /* what the names of our handlers begin with */
#define GROUP "cloudep-handler"
#define VERSION "0"

/* ---- Handlers ------------------------------------------------------------------------------------------- */

CLOUDEP_DECLARE(void) cloudep_handler_register(apr_pool_t *p, const char *name)
{
    ap_register_provider(p, GROUP, name, VERSION, name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ap_list_provider_names_t *)a)->provider_name,
                  ((const ap_list_provider_names_t *)b)->provider_name);
}

static const char *known_handlers(apr_pool_t *p)
{
    const apr_array_header_t *names = ap_list_provider_names(p, GROUP, VERSION);
    const char *list = "";

    qsort(names->elts, (size_t)names->nelts, sizeof(ap_list_provider_names_t), by_name);
    for (int i = 0; i < names->nelts; i++) {
        list = apr_pstrcat(p, list, i ? ", " : "",
                           APR_ARRAY_IDX(names, i, const ap_list_provider_names_t).provider_name, NULL);
    }
    return *list ? list : "none at all";
}

/* A cloudep_tree_fn: keeps the first complaint. */
static void check_handler(const ap_directive_t *node, apr_pool_t *p, void *errorv)
{
    const char **error = errorv;
    const char *name = cloudep_tree_word(node, p);

    if (*error || strncasecmp(name, HANDLERS, strlen(HANDLERS)) || ap_lookup_provider(GROUP, name, VERSION)) {
        return;
    }
    *error =
        apr_psprintf(p,
                     "SetHandler %s (%s, line %d): no module that is loaded serves it; there is %s. Correct the name, "
                     "or load its module (LoadModule)",
                     name, node->filename, node->line_num, known_handlers(p));
}

/* ---- Locations without a tenant ------------------------------------------------------------------------- */

static const char *child_word(const ap_directive_t *node, const char *name, apr_pool_t *p)
{
    for (const ap_directive_t *child = node->first_child; child; child = child->next) {
        if (!strcasecmp(child->directive, name)) {
            return cloudep_tree_word(child, p);
        }
    }
    return "";
}

/* Whether the directive stands beside the node, or beside a section around it. */
static int is_around(const ap_directive_t *node, const char *name)
{
    for (; node; node = node->parent) {
        const ap_directive_t *first = node->parent ? node->parent->first_child : ap_conftree;

        for (const ap_directive_t *beside = first; beside; beside = beside->next) {
            if (!strcasecmp(beside->directive, name)) {
                return 1;
            }
        }
    }
    return 0;
}

/* A cloudep_tree_fn: keeps the first complaint. */
static void check_tenant(const ap_directive_t *node, apr_pool_t *p, void *errorv)
{
    const char **error = errorv;
    const char *name = child_word(node, "CloudEPServe", p);

    if (*error || (strcasecmp(name, "account") && strcasecmp(name, "session")) ||
        *child_word(node, "CloudEPTenant", p) || is_around(node, "CloudEPTenant")) {
        return;
    }
    *error =
        apr_psprintf(p,
                     "CloudEPServe %s (%s, line %d): nothing in its requests names a tenant; put CloudEPTenant SLUG "
                     "beside it, or in its server or virtual host",
                     name, node->filename, node->line_num);
}

apr_status_t cloudep_check_locations(apr_pool_t *p, const char **error)
{
    *error = NULL;
    cloudep_tree_each(ap_conftree, "SetHandler", p, check_handler, error);
    cloudep_tree_each(ap_conftree, "<Location", p, check_tenant, error);
    return *error ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

/* ---- Doubts --------------------------------------------------------------------------------------------- */

static const char *name_of(const server_rec *s)
{
    return s->is_virtual ? s->server_hostname : "the main server";
}

static int issues(const server_rec *s)
{
    const cloudep_config_t *config = cloudep_config_of(s);

    return config->database && config->run->signing;
}

/* Members of one database get tokens of either server, and each refuses the other's. */
static void tell_issuers(const server_rec *s, const server_rec *main_server, apr_pool_t *p)
{
    const char *issuer = cloudep_config_of(s)->issuer;
    cloudep_dbd_t own;
    cloudep_dbd_t other;

    if (!issues(s)) {
        return;
    }
    cloudep_dbd_read(&own, s, p);
    for (const server_rec *at = main_server; at != s; at = at->next) {
        if (!issues(at) || !strcmp(cloudep_config_of(at)->issuer, issuer)) {
            continue;
        }
        cloudep_dbd_read(&other, at, p);
        if (!strcmp(own.params, other.params)) {
            ap_log_error(
                APLOG_MARK, APLOG_WARNING, 0, s,
                CENO(1302) "%s and %s have one database (DBDParams) and different issuers (CloudEPIssuer %s and "
                           "%s): each refuses the tokens of the other; give both the same CloudEPIssuer",
                name_of(at), name_of(s), cloudep_config_of(at)->issuer, issuer);
            return;
        }
    }
}

static void tell_slash(const server_rec *s, const cloudep_config_t *config)
{
    const char *issuer = config->issuer;

    if (issuer && issuer[strlen(issuer) - 1] == '/') {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s,
            CENO(1303) "CloudEPIssuer %s ends with /: whoever verifies our tokens has to name it with that slash, "
                       "which is easily lost; leave it out, unless tokens with it are in use",
            issuer);
    }
}

static void tell_connections(const server_rec *s, const cloudep_config_t *config, apr_pool_t *p)
{
    const int most = cloudep_dbd_connections(s, config, p);

    if (config->database && most < config->database_connections) {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s,
            CENO(1301) "CloudEPDatabaseConnections %d is more than DBDMax %d: a child uses %d; raise DBDMax, or "
                       "lower CloudEPDatabaseConnections",
            config->database_connections, most, most);
    }
}

/* What is looked for while the Locations of one server go by. */
typedef struct walk_t {
    const char *api; /* path of the login's Location; NULL: none has come yet */
    const ap_directive_t *api_node;
    server_rec *s;
} walk_t;

/* Whether a Location at that path holds for the other path too. */
static int covers(const char *path, const char *other)
{
    const apr_size_t length = strlen(path);

    return !strncmp(path, other, length) &&
           (!length || path[length - 1] == '/' || !other[length] || other[length] == '/');
}

/* A cloudep_tree_fn. */
static void look_at_location(const ap_directive_t *node, apr_pool_t *p, void *walkv)
{
    walk_t *walk = walkv;
    const char *path = cloudep_tree_word(node, p);

    if (!strcmp(child_word(node, "SetHandler", p), "cloudep-auth")) {
        walk->api = path;
        walk->api_node = node;
    }
    else if (walk->api && covers(path, walk->api) && !strcasecmp(child_word(node, "AuthType", p), "CloudEP")) {
        ap_log_error(
            APLOG_MARK, APLOG_NOTICE, 0, walk->s,
            CENO(1304) "<Location %s> (%s, line %d) is guarded and stands behind <Location %s>: nobody without a "
                       "token can log in there. Put it before that one, unless only a proxy asks this server",
            path, node->filename, node->line_num, walk->api);
    }
}

/* A cloudep_server_fn. */
static void tell_server(server_rec *s, const cloudep_config_t *config, void *p)
{
    if (config->is_set) {
        tell_slash(s, config);
        tell_connections(s, config, p);
    }
}

void cloudep_tell_doubts(server_rec *main_server, apr_pool_t *p)
{
    walk_t walk = {.s = main_server};

    cloudep_each_runtime(main_server, tell_server, p);
    for (const server_rec *s = main_server; s; s = s->next) {
        tell_issuers(s, main_server, p);
    }
    cloudep_tree_each(ap_conftree, "<Location", p, look_at_location, &walk);
}
