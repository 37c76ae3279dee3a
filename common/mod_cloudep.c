/*
 * mod_cloudep.c - the core: module record, life cycle, and what is made once a process.
 *
 * Directives and services are here; the two content modules bring the routes. Keys are read as root before the
 * children drop their privileges; what talks to other processes is made in the child.
 */
#define CLOUDEP_RECORD_HERE
#include "guard/guard.h"

#include <ap_mpm.h>
#include <ap_provider.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_dbd.h>
#include <apr_strings.h>
#include "base/jose/keyfile.h"
#include "base/crypto/password.h"
#include "core/http.h"
#include "service/liveness.h"
#include "service/tenant_slug.h"
#include "oidc/oidc.h"
#include "outbox/outbox.h"

void cloudep_each_runtime(server_rec *main_server, cloudep_server_fn fn, void *baton)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const cloudep_config_t *config = cloudep_config_of(s);
        server_rec *first = main_server;

        while (cloudep_config_of(first)->run != config->run) {
            first = first->next;
        }
        if (first == s && config->run) {
            fn(s, config, baton);
        }
    }
}

/* ---- post_config ---------------------------------------------------------------------------------------- */

/* Two servers with equal settings share one runtime: keys are read and caches exist once a process. */
static int same_settings(const cloudep_config_t *a, const cloudep_config_t *b)
{
#define SAME_INT(member, ...) &&a->member == b->member
#define SAME_TEXT(member, ...) &&(a->member == b->member || (a->member && b->member && !strcmp(a->member, b->member)))
#define SAME_LIST(member, ...) &&a->member == b->member
    return 1 CLOUDEP_SETTINGS(SAME_INT, SAME_INT, SAME_INT, SAME_TEXT, SAME_TEXT, SAME_LIST, SAME_LIST);
}

static int load_keys(server_rec *s, apr_pool_t *pconf, const char *path, const cloudep_jwks_t **set)
{
    const char *error = NULL;
    apr_status_t rv;

    if (!path) {
        return OK;
    }
    rv = cloudep_keyfile_load(set, pconf, path, &error);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(1) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int check_memcache_servers(server_rec *s, apr_pool_t *ptemp, const cloudep_config_t *config)
{
    cloudep_cache_server_t server;

    for (int i = 0; config->memcache_servers && i < config->memcache_servers->nelts; i++) {
        const char *text = APR_ARRAY_IDX(config->memcache_servers, i, const char *);

        if (cloudep_cache_parse_server(&server, text, ptemp) != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(2) "CloudEPMemcacheServer %s: not host[:port]", text);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static int check_settings(server_rec *s, apr_pool_t *ptemp, const cloudep_config_t *config)
{
    cloudep_password_params_t params = {(apr_uint32_t)config->password_memory, (apr_uint32_t)config->password_passes,
                                        (apr_uint32_t)config->password_lanes};
    const char *fault = cloudep_password_params_fault(&params);

    if (fault) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(3) "CloudEPPasswordMemory, Passes, Lanes: %s", fault);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (config->database && !APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open)) {
        ap_log_error(
            APLOG_MARK, APLOG_CRIT, 0, s,
            CENO(4) "CloudEPDatabase On needs mod_dbd: add LoadModule dbd_module, DBDriver pgsql and DBDParams");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (config->signing_file && !config->issuer) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(5) "CloudEPSigningKeys needs CloudEPIssuer");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return check_memcache_servers(s, ptemp, config);
}

static int find_provider(server_rec *s, cloudep_config_t *config)
{
    const cloudep_idp_t *idp = ap_lookup_provider(CLOUDEP_IDP_GROUP, config->provider, CLOUDEP_IDP_VERSION);

    if (!idp) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(6) "CloudEPIdentityProvider %s: there is no such provider",
                     config->provider);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    config->run->idp = idp->configured(config) ? idp : NULL;
    return OK;
}

static int prepare_zitadel(server_rec *s, apr_pool_t *pconf, cloudep_config_t *config)
{
    const char *error = NULL;

    if (cloudep_zitadel_prepare(&config->run->zitadel, pconf, config, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(609) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int prepare_outbox(server_rec *s, apr_pool_t *pconf, cloudep_config_t *config)
{
    const char *error = NULL;

    if (cloudep_outbox_prepare(&config->run->outbox_setup, pconf, s, config, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(7) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int check_outboxes(server_rec *main_server, apr_pool_t *ptemp)
{
    const char *error = NULL;

    if (cloudep_outbox_check_names(ptemp, main_server, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server, CENO(709) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int prepare_oidc(server_rec *s, apr_pool_t *pconf, cloudep_config_t *config)
{
    const char *error = NULL;

    if (cloudep_oidc_prepare(&config->run->oidc, pconf, s, config, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(8) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* What an operation may need and this server does not have. */
static unsigned parts_off(const cloudep_config_t *config)
{
    const cloudep_runtime_t *run = config->run;
    unsigned off = 0;

    off |= config->database ? 0 : CLOUDEP_NEEDS_DATABASE;
    off |= config->memcache_servers ? 0 : CLOUDEP_NEEDS_CACHE;
    off |= run->signing ? 0 : CLOUDEP_NEEDS_VERIFYING;
    off |= run->signing && cloudep_jwks_active(run->signing, CLOUDEP_KEY_SIGN) ? 0 : CLOUDEP_NEEDS_SIGNING;
    off |= run->sealing && cloudep_jwks_active(run->sealing, CLOUDEP_KEY_SEAL) ? 0 : CLOUDEP_NEEDS_SEALING;
    off |= run->idp ? 0 : CLOUDEP_NEEDS_PROVIDER;
    off |= cloudep_outbox_has_mail(run->outbox_setup) ? 0 : CLOUDEP_NEEDS_MAIL;
    off |= cloudep_outbox_has_sms(run->outbox_setup) ? 0 : CLOUDEP_NEEDS_SMS;
    off |= run->oidc && run->oidc->social->nelts ? 0 : CLOUDEP_NEEDS_SOCIAL;
    off |= run->oidc && run->oidc->exchange ? 0 : CLOUDEP_NEEDS_EXCHANGE;
    return off;
}

static void tell_what_is_off(server_rec *s, const cloudep_config_t *config)
{
    static const struct {
        unsigned part;
        const char *what;
    } parts[] = {
        {CLOUDEP_NEEDS_DATABASE, "database (CloudEPDatabase)"},
        {CLOUDEP_NEEDS_CACHE, "memcached (CloudEPMemcacheServer)"},
        {CLOUDEP_NEEDS_SIGNING, "signing key (CloudEPSigningKeys)"},
        {CLOUDEP_NEEDS_SEALING, "sealing key (CloudEPSealingKeys)"},
        {CLOUDEP_NEEDS_PROVIDER, "identity provider (CloudEPIdentityProvider)"},
        {CLOUDEP_NEEDS_MAIL, "mail (CloudEPMailTransport)"},
        {CLOUDEP_NEEDS_SMS, "SMS (CloudEPSMSTransport)"},
        {CLOUDEP_NEEDS_SOCIAL, "social login (CloudEPSocialProvider)"},
        {CLOUDEP_NEEDS_EXCHANGE, "token/exchange (CloudEPExchangeIssuer)"},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (config->off & parts[i].part) {
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, CENO(10) "%s: %s is not configured: what needs it answers 501",
                         s->is_virtual ? s->server_hostname : "main server", parts[i].what);
        }
    }
    if (config->dev_identity_headers) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     CENO(11) "CloudEPDevIdentityHeaders is On: anybody on this machine may claim to be any member");
    }
}

static int configure_server(server_rec *s, apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    cloudep_config_t *config = ap_get_module_config(s->module_config, &cloudep_module);
    int rv;

    cloudep_config_settle(config);
    for (server_rec *other = main_server; other != s; other = other->next) {
        if (same_settings(cloudep_config_of(other), config)) {
            config->run = cloudep_config_of(other)->run;
            config->off = cloudep_config_of(other)->off;
            return OK;
        }
    }
    config->run = apr_pcalloc(pconf, sizeof(*config->run));
    rv = check_settings(s, ptemp, config);
    rv = rv != OK ? rv : load_keys(s, pconf, config->signing_file, &config->run->signing);
    rv = rv != OK ? rv : load_keys(s, pconf, config->sealing_file, &config->run->sealing);
    rv = rv != OK ? rv : find_provider(s, config);
    rv = rv != OK ? rv : prepare_zitadel(s, pconf, config);
    rv = rv != OK ? rv : prepare_outbox(s, pconf, config);
    rv = rv != OK ? rv : prepare_oidc(s, pconf, config);
    config->off = rv == OK ? parts_off(config) : 0;
    return rv;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    int rv = OK;

    (void)plog;
    /* 1. libcurl's global state, while there is one thread; its cleanup runs after those of its users. */
    if (cloudep_http_startup(pconf) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* 2. Settings, keys, providers, templates: also on the dry run, which is where mistakes are to be told. */
    for (server_rec *s = main_server; rv == OK && s; s = s->next) {
        rv = configure_server(s, pconf, ptemp, main_server);
    }
    rv = rv != OK ? rv : check_outboxes(main_server, ptemp);
    /* 3. Say once what is off. */
    if (rv == OK && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        for (server_rec *s = main_server; s; s = s->next) {
            if (s == main_server || cloudep_config_of(s)->run != cloudep_config_of(main_server)->run) {
                tell_what_is_off(s, cloudep_config_of(s));
                cloudep_outbox_tell(s, cloudep_config_of(s)->run->outbox_setup);
            }
        }
    }
    return rv;
}

/* ---- child_init ----------------------------------------------------------------------------------------- */

static cloudep_cache_t *connect_cache(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    apr_array_header_t *servers = apr_array_make(pchild, 2, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache = NULL;
    int threads = 1;
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; i < config->memcache_servers->nelts && rv == APR_SUCCESS; i++) {
        rv = cloudep_cache_parse_server(apr_array_push(servers),
                                        APR_ARRAY_IDX(config->memcache_servers, i, const char *), pchild);
    }
    (void)ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (rv == APR_SUCCESS) {
        rv = cloudep_cache_create(&cache, pchild, servers, threads > 0 ? threads : 1,
                                  (apr_interval_time_t)config->memcache_timeout * 1000);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, CENO(20) "memcached cannot be used");
    }
    return cache;
}

static void start_server(server_rec *s, const cloudep_config_t *config, void *pchild)
{
    cloudep_runtime_t *run = config->run;
    cloudep_password_params_t params = {(apr_uint32_t)config->password_memory, (apr_uint32_t)config->password_passes,
                                        (apr_uint32_t)config->password_lanes};

    run->challenges.keys = run->sealing;
    if (config->memcache_servers) {
        run->challenges.cache = connect_cache(s, config, pchild);
    }
    if (config->database) {
        run->db = cloudep_db_create(s, config, pchild);
        run->checker = run->db ? cloudep_checker_create(run->db, pchild) : NULL;
        run->slugs = run->db ? cloudep_slugs_create(run->db, pchild) : NULL;
    }
    run->hasher = cloudep_hasher_create(config, pchild);
    run->tokens = cloudep_token_cache_create(pchild);
    if (cloudep_http_create(&run->http, pchild) != APR_SUCCESS ||
        cloudep_oidc_child_init(run->oidc, pchild, run->http) != APR_SUCCESS || !run->hasher || !run->tokens ||
        (config->database && (!run->db || !run->checker || !run->slugs)) ||
        cloudep_password_decoy(&run->decoy, &params, pchild) != APR_SUCCESS ||
        cloudep_zitadel_child_init(s, config, pchild) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(21) "this child cannot serve CloudEP");
    }
}

static void child_init(apr_pool_t *pchild, server_rec *main_server)
{
    cloudep_each_runtime(main_server, start_server, pchild);
    if (cloudep_outbox_child_init(main_server, pchild) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server, CENO(22) "this child cannot deliver mail");
    }
    cloudep_sweep_start(main_server, pchild);
    cloudep_event_start(main_server, pchild);
}

/* ---- Requests ------------------------------------------------------------------------------------------- */

/* Paths of the API are no files: neither mapped to the document root nor refused by its Directory rules. */

int cloudep_is_api(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *error = NULL;
    const char *handler = NULL;

    /* The handler that SetHandler will set; r->handler is not known yet. */
    if (core && core->expr_handler) {
        handler = ap_expr_str_exec(r, core->expr_handler, &error);
    }
    return handler && !strncmp(handler, "cloudep-", 8);
}

static int translate_name(request_rec *r)
{
    if (!cloudep_is_api(r)) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, "cloudep:", r->uri, NULL);
    return OK;
}

static int map_to_storage(request_rec *r)
{
    return r->filename && !strncmp(r->filename, "cloudep:", 8) ? OK : DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const before[] = {"mod_dbd.c", "mod_watchdog.c", NULL};

    ap_register_provider(p, CLOUDEP_IDP_GROUP, cloudep_idp_local.name, CLOUDEP_IDP_VERSION, &cloudep_idp_local);
    ap_register_provider(p, CLOUDEP_IDP_GROUP, cloudep_idp_zitadel.name, CLOUDEP_IDP_VERSION, &cloudep_idp_zitadel);
    ap_hook_post_config(post_config, before, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, before, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(cloudep_outbox_after_answer, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    cloudep_error_register_hooks();
    cloudep_guard_register_hooks(p);
}

/* The one symbol that httpd looks for. */
extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_module;

AP_DECLARE_MODULE(cloudep) = {STANDARD20_MODULE_STUFF, cloudep_dir_create, cloudep_dir_merge, cloudep_config_create,
                              cloudep_config_merge,    cloudep_commands,   register_hooks};
