/*
 * mod_cloudep.c - the core: module record, hooks, and the table of the parts that a server consists of.
 *
 * This is the one file that includes every room. Keys are read as root before the children drop their privileges; what
 * talks to other processes is made in the child.
 */
#define CLOUDEP_RECORD_HERE
#include "guard/guard.h"

#include <ap_provider.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_strings.h>
#include "access/cookie.h"
#include "access/mount.h"
#include "access/origin.h"
#include "access/place.h"
#include "access/tls.h"
#include "base/text/icu.h"
#include "base/version.h"
#include "core/account_url.h"
#include "core/breached.h"
#include "core/ca_file.h"
#include "core/check.h"
#include "core/config.h"
#include "core/db_pool.h"
#include "core/dbd.h"
#include "core/dbd_check.h"
#include "core/event_log.h"
#include "core/http.h"
#include "core/keys.h"
#include "core/kept_files.h"
#include "core/memcached.h"
#include "core/module.h"
#include "core/needs.h"
#include "core/parts.h"
#include "core/passkey_domain.h"
#include "core/runtime.h"
#include "core/shared.h"
#include "core/start_checks.h"
#include "idp/hasher.h"
#include "idp/zitadel/zitadel.h"
#include "oidc/oidc.h"
#include "operate/health.h"
#include "operate/metrics_page.h"
#include "outbox/outbox.h"
#include "service/activity.h"
#include "service/event.h"
#include "service/liveness.h"
#include "service/sweep.h"
#include "service/tenant_origins.h"
#include "service/tenant_slug.h"

/* ---- The parts ------------------------------------------------------------------------------------------ */

static int has_database(const cloudep_config_t *config)
{
    return config->database;
}

/* The pool of connections, and what asks through them for many requests at once. */
static apr_status_t make_database(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_runtime_t *run = config->run;

    if (!config->database) {
        return APR_SUCCESS;
    }
    run->db = cloudep_db_create(s, config, pchild);
    if (!run->db) {
        return APR_EGENERAL;
    }
    run->checker = cloudep_checker_create(run->db, pchild);
    run->slugs = cloudep_slugs_create(run->db, pchild);
    run->origins = cloudep_tenant_origins_create(run->db, pchild);
    return run->checker && run->slugs && run->origins ? APR_SUCCESS : APR_ENOMEM;
}

static apr_status_t make_http(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    (void)s;
    return cloudep_http_create(&config->run->http, pchild);
}

static apr_status_t make_token_cache(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    (void)s;
    config->run->tokens = cloudep_token_cache_create(pchild);
    return config->run->tokens ? APR_SUCCESS : APR_ENOMEM;
}

static apr_status_t find_provider(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const cloudep_idp_t *idp = ap_lookup_provider(CLOUDEP_IDP_GROUP, config->provider, CLOUDEP_IDP_VERSION);

    (void)s;
    if (!idp) {
        *error = apr_psprintf(pconf, "CloudEPIdentityProvider %s: there is no such provider", config->provider);
        return APR_NOTFOUND;
    }
    config->run->idp = idp->configured(config) ? idp : NULL;
    return APR_SUCCESS;
}

static int has_provider(const cloudep_config_t *config)
{
    return config->run->idp != NULL;
}

static apr_status_t start_sweep(server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_sweep_start(main_server, pchild);
    return APR_SUCCESS;
}

static apr_status_t start_activity(server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_activity_start(main_server, pchild);
    return APR_SUCCESS;
}

static apr_status_t start_events(server_rec *main_server, apr_pool_t *pchild)
{
    cloudep_event_start(main_server, pchild);
    return APR_SUCCESS;
}

/* In the order in which they are made; see core/parts.h. */
static const cloudep_part_t parts[] = {
    {"database", "CloudEPDatabase", CLOUDEP_NEEDS_DATABASE, cloudep_dbd_prepare, has_database, make_database,
     .check = cloudep_dbd_check},
    {"memcached", "CloudEPMemcacheServer", CLOUDEP_NEEDS_CACHE, cloudep_memcached_prepare, cloudep_memcached_is_on,
     cloudep_memcached_child_init, .check = cloudep_memcached_check},
    {"signing key", "CloudEPSigningKeys", CLOUDEP_NEEDS_SIGNING, cloudep_signing_keys_prepare, cloudep_can_sign,
     .check = cloudep_signing_keys_check},
    {"verifying key", NULL, CLOUDEP_NEEDS_VERIFYING, .is_on = cloudep_can_verify},
    {"sealing key", "CloudEPSealingKeys", CLOUDEP_NEEDS_SEALING, cloudep_sealing_keys_prepare, cloudep_can_seal,
     .check = cloudep_sealing_keys_check},
    {"session cookies", NULL, CLOUDEP_NEEDS_SESSION_KEYS, cloudep_session_keys_prepare, cloudep_has_session_keys},
    {"refresh tokens", .needs = CLOUDEP_NEEDS_SIGNING, .prepare = cloudep_refresh_keys_prepare},
    {"outgoing HTTP", .prepare = cloudep_ca_file_prepare, .child_init = make_http},
    {"verified tokens", .needs = CLOUDEP_NEEDS_VERIFYING, .child_init = make_token_cache},
    {"password hashing", .needs = CLOUDEP_NEEDS_PROVIDER, .prepare = cloudep_hasher_prepare,
     .child_init = cloudep_hasher_child_init},
    {"identity provider", "CloudEPIdentityProvider", CLOUDEP_NEEDS_PROVIDER, find_provider, has_provider},
    {"ZITADEL", .needs = CLOUDEP_NEEDS_PROVIDER, .prepare = cloudep_zitadel_prepare,
     .child_init = cloudep_zitadel_child_init},
    {"breached passwords", .prepare = cloudep_breached_prepare},
    {"TLS proxies", .prepare = cloudep_tls_prepare},
    {"account pages", .prepare = cloudep_account_url_prepare},
    {"origins", .prepare = cloudep_origins_prepare},
    {"mail", "CloudEPMailTransport", CLOUDEP_NEEDS_MAIL, cloudep_outbox_prepare, cloudep_outbox_has_mail,
     .check = cloudep_outbox_check_mail},
    {"SMS", "CloudEPSMSTransport", CLOUDEP_NEEDS_SMS, .is_on = cloudep_outbox_has_sms,
     .check = cloudep_outbox_check_sms},
    {"social login", "CloudEPSocialProvider", CLOUDEP_NEEDS_SOCIAL, cloudep_oidc_prepare, cloudep_oidc_has_social,
     cloudep_oidc_child_init},
    {"token/exchange", "CloudEPExchangeIssuer", CLOUDEP_NEEDS_EXCHANGE, .is_on = cloudep_oidc_has_exchange},
    {"passkeys", "CloudEPPasskeyDomain", CLOUDEP_NEEDS_PASSKEYS, cloudep_passkey_domain_prepare, cloudep_has_passkeys},
    {"health", .child_init = cloudep_health_child_init},
    {"shared memory", .child_start = cloudep_shared_child_start},
    {"delivery of messages", .child_start = cloudep_outbox_child_init},
    {"sweep", .child_start = start_sweep},
    {"event log", .prepare = cloudep_event_log_prepare},
    {"events", .child_start = start_events},
    {"use of sessions", .child_start = start_activity},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* ---- The configuration is read --------------------------------------------------------------------------- */

static apr_status_t prepare(const cloudep_part_t *part, server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                            const char **error)
{
    apr_status_t rv = part->prepare ? part->prepare(s, config, pconf, error) : APR_SUCCESS;

    if (rv != APR_SUCCESS && !*error) {
        *error = cloudep_status_name(rv);
    }
    return rv;
}

/* On a restart a part whose files are not good goes on with what they held before. Whether that helped. */
static int prepare_again(const cloudep_part_t *part, server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                         const char *why)
{
    const char *error = NULL;
    apr_status_t rv;

    if (!cloudep_kept_any(pconf)) {
        return 0;
    }
    cloudep_kept_use(pconf, 1);
    rv = prepare(part, s, config, pconf, &error);
    cloudep_kept_use(pconf, 0);
    if (rv != APR_SUCCESS) {
        return 0;
    }
    config->run->old_files = 1;
    ap_log_error(
        APLOG_MARK, APLOG_CRIT, 0, s,
        CENO(1300) "%s: %s. httpd goes on with what it had before; the next start will fail unless this is mended",
        part->name, why);
    return 1;
}

static int prepare_parts(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf)
{
    for (size_t i = 0; i < PARTS; i++) {
        const char *error = NULL;

        if (prepare(&parts[i], s, config, pconf, &error) != APR_SUCCESS &&
            !prepare_again(&parts[i], s, config, pconf, error)) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CENO(1) "%s: %s", parts[i].name, error);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    config->off = 0;
    for (size_t i = 0; i < PARTS; i++) {
        config->off |= parts[i].is_on && !parts[i].is_on(config) ? parts[i].needs : 0;
    }
    return OK;
}

static int configure_server(server_rec *s, apr_pool_t *pconf, server_rec *main_server)
{
    cloudep_config_t *config = ap_get_module_config(s->module_config, &cloudep_module);

    if (config->run) {
        return OK; /* a virtual host without directives of ours has the very record of the main server */
    }
    cloudep_config_settle(config);
    return cloudep_runtime_assign(config, s, main_server, pconf) ? prepare_parts(s, config, pconf) : OK;
}

/* One line, however much is off. */
static void tell_what_is_off(server_rec *s, const cloudep_config_t *config, apr_pool_t *ptemp)
{
    const char *list = NULL;

    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].directive && (config->off & parts[i].needs)) {
            list = apr_pstrcat(ptemp, list ? list : "", list ? ", " : "", parts[i].name, " (", parts[i].directive, ")",
                               NULL);
        }
    }
    if (list) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     CENO(10) "%s: not configured, so that what needs it answers 501: %s",
                     s->is_virtual ? s->server_hostname : "main server", list);
    }
    if (config->dev_identity_headers) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     CENO(11) "CloudEPDevIdentityHeaders is On: anybody on this machine may claim to be any member");
    }
}

/* Whether a server is the first of its runtime that has directives of ours: it speaks for the others. */
static int speaks(const server_rec *s, const server_rec *main_server)
{
    const cloudep_config_t *config = cloudep_config_of(s);

    for (const server_rec *other = main_server; other != s; other = other->next) {
        if (cloudep_config_of(other)->run == config->run && cloudep_config_of(other)->is_set) {
            return 0;
        }
    }
    return config->is_set;
}

/* What holds over several servers, once each is prepared. */
static int check_servers(server_rec *main_server, apr_pool_t *ptemp)
{
    const char *error = NULL;

    if (cloudep_outbox_check_names(ptemp, main_server, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server, CENO(709) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* What is kept from one configuration to the next, though this module is unloaded between them. */
static cloudep_kept_t *retained(void)
{
    static const char key[] = "cloudep_kept_files";
    cloudep_kept_t *kept = ap_retained_data_get(key);

    return kept ? kept : ap_retained_data_create(key, sizeof(*kept));
}

/* Here and not in post_config, so that "apachectl configtest" sees whatever would stop a start. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    const char *error = NULL;

    (void)plog;
    /* 1. What lives as long as the process: ICU, and libcurl's global state, while there is one thread. libcurl's
     * cleanup runs after those of its users. */
    cloudep_icu_keep_loaded();
    if (cloudep_http_startup(pconf) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* 2. Settings and parts: also on the dry run, which is where mistakes are to be told. */
    cloudep_kept_begin(retained(), pconf);
    for (server_rec *s = main_server; s; s = s->next) {
        const int problem = configure_server(s, pconf, main_server);

        if (problem != OK) {
            return problem;
        }
    }
    if (check_servers(main_server, ptemp) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (cloudep_check_locations(ptemp, &error) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server, CENO(1305) "%s", error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* 3. A dry run has no restart behind it. */
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        cloudep_kept_commit(pconf, apr_pool_parent_get(pconf));
    }
    return OK;
}

/* A cloudep_server_fn: what "cloudepctl check" wants to know of a server. */
static void check_server(server_rec *s, const cloudep_config_t *config, void *p)
{
    for (size_t i = 0; config->is_set && i < PARTS; i++) {
        const char *said = "it failed, without a reason";
        apr_status_t rv;

        if (parts[i].directive && (config->off & parts[i].needs)) {
            cloudep_check_say(p, s, parts[i].name, "off", apr_pstrcat(p, "not configured: ", parts[i].directive, NULL));
        }
        else if (parts[i].check) {
            rv = parts[i].check(s, config, p, &said);
            cloudep_check_say(p, s, parts[i].name, rv == APR_SUCCESS ? "good" : "bad", said);
        }
    }
}

/* The end of "apachectl configtest". */
static void test_config(apr_pool_t *pconf, server_rec *main_server)
{
    cloudep_tell_doubts(main_server, pconf);
    if (!cloudep_check_is_wanted()) {
        return;
    }
    if (cloudep_check_become_user() != APR_SUCCESS) {
        cloudep_check_say(pconf, main_server, "user", "bad", "User and Group: this process cannot become them");
        return;
    }
    cloudep_each_runtime(main_server, check_server, pconf);
}

/* Says once which version this is, what is off, and what hardly was meant. */
static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *main_server)
{
    apr_status_t rv;

    (void)pconf;
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    rv = cloudep_shared_prepare(main_server);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, main_server,
                     CENO(1430) "there is no shared memory: health and metrics are not counted over all children");
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, main_server, CENO(12) "CloudEP %s", CLOUDEP_VERSION);
    for (server_rec *s = main_server; s; s = s->next) {
        if (speaks(s, main_server)) {
            tell_what_is_off(s, cloudep_config_of(s), ptemp);
            cloudep_outbox_tell(s);
        }
    }
    cloudep_tell_doubts(main_server, ptemp);
    return OK;
}

/* ---- child_init ----------------------------------------------------------------------------------------- */

/* What needs the part is off in this child, for all servers of the runtime: the rest of httpd goes on. */
static void turn_off(server_rec *s, const cloudep_part_t *part, apr_status_t rv)
{
    const cloudep_runtime_t *run = cloudep_config_of(s)->run;

    /* Our own statuses have names; APR's have texts, which httpd shows itself. */
    ap_log_error(APLOG_MARK, APLOG_CRIT, rv < APR_OS_START_USERERR ? rv : 0, s,
                 CENO(21) "%s: this child could not make it (%s)", part->name, cloudep_status_name(rv));
    for (const server_rec *at = s; at; at = at->next) {
        cloudep_config_t *config = ap_get_module_config(at->module_config, &cloudep_module);

        config->off |= config->run == run ? part->needs : 0;
    }
}

static void start_server(server_rec *s, const cloudep_config_t *config, void *pchild)
{
    for (size_t i = 0; i < PARTS; i++) {
        const apr_status_t rv = parts[i].child_init ? parts[i].child_init(s, config, pchild) : APR_SUCCESS;

        if (rv != APR_SUCCESS) {
            turn_off(s, &parts[i], rv);
        }
    }
}

static void child_init(apr_pool_t *pchild, server_rec *main_server)
{
    cloudep_each_runtime(main_server, start_server, pchild);
    for (size_t i = 0; i < PARTS; i++) {
        const apr_status_t rv = parts[i].child_start ? parts[i].child_start(main_server, pchild) : APR_SUCCESS;

        if (rv != APR_SUCCESS) {
            turn_off(main_server, &parts[i], rv);
        }
    }
}

/* ---- Requests ------------------------------------------------------------------------------------------- */

/* Paths of our APIs are no files: neither mapped to the document root nor refused by its Directory rules. */

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
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, before, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, before, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(cloudep_outbox_after_answer, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    cloudep_cookie_register_hooks();
    cloudep_mount_register_hooks();
    cloudep_error_register_hooks();
    cloudep_guard_register_hooks();
    cloudep_health_register_hooks(p);
    cloudep_metrics_page_register_hooks(p);
    cloudep_caching_register_hooks();
    cloudep_methods_register_hooks();
    cloudep_step_up_register_hooks();
    cloudep_enter_register_hooks();
    cloudep_require_register(p);
}

static const command_rec commands[] = {CLOUDEP_SERVER_COMMANDS CLOUDEP_PLACE_COMMANDS{NULL}};

/* The one symbol that httpd looks for. */
extern __attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA cloudep_module;

AP_DECLARE_MODULE(cloudep) = {STANDARD20_MODULE_STUFF, cloudep_place_create, cloudep_place_merge,
                              cloudep_config_create,   cloudep_config_merge, commands,
                              register_hooks};
