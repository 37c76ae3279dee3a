/*
 * flow.h - what the tests of flows share: real flows, services and stores on a private PostgreSQL and memcached, with
 * keys of their own, without httpd. Only what writes to httpd's log is replaced (flow_shim.c).
 *
 *     flow_start();
 *     flow_tenant("acme");                                     with the invite "open" of 100 uses
 *     flow_case_t *at = flow_begin();                          a request: at->ctx, gone with flow_end(at)
 *
 * Time is the case's: move at->ctx->now. What PostgreSQL's clock decides is moved by SQL (postgres_sql).
 */
#ifndef CLOUDEP_TEST_FLOW_H
#define CLOUDEP_TEST_FLOW_H

#include <apr_general.h>
#include <apr_strings.h>
#include <jansson.h>
#include <stddef.h>

#include "base/cache/cache.h"
#include "base/crypto/mac.h"
#include "base/crypto/seal.h"
#include "base/jose/keyfile.h"
#include "base/store/session_store.h"
#include "core/http.h"
#include "core/principal.h"
#include "core/settings.h"
#include "flow/login.h"
#include "flow/registration.h"
#include "idp/hasher.h"
#include "idp/idp.h"
#include "postgres.h"
#include "service/liveness.h"
#include "service/tenant_slug.h"
#include "service/token.h"
#include "service/token_cache.h"
#include "tap.h"
#include "memcached.h"

#define FLOW_PASSWORD "a rather long pass phrase of mine"

/* flow_shim.c */
/** Whether a line with that text was logged since the last call; forgets all lines. */
int flow_logged(const char *text);

static struct {
    apr_pool_t *pool;
    cloudep_config_t config;
    cloudep_runtime_t run;
    int port; /* memcached's */
    pid_t memcached;
} flow;

/* One request. */
typedef struct flow_case_t {
    apr_pool_t *p;
    cloudep_context_t *ctx;
} flow_case_t;

__attribute__((noreturn)) static inline void flow_bail_out(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe) */
}

static inline void flow_must(apr_status_t rv, const char *what)
{
    if (rv != APR_SUCCESS) {
        printf("# status %d (%s)\n", rv, cloudep_status_name(rv));
        flow_bail_out(what);
    }
}

/* A key set with one key, as cloudepctl makes it. */
static inline const cloudep_jwks_t *flow_keys(const char *name, const char *alg)
{
    const char *path = apr_psprintf(flow.pool, "%s/%s.jwks", postgres.dir, name);
    const cloudep_jwks_t *set;
    const char *kid, *error;

    if (cloudep_keyfile_add(&kid, flow.pool, path, alg, &error) != APR_SUCCESS ||
        cloudep_keyfile_load(&set, flow.pool, path, &error) != APR_SUCCESS) {
        flow_bail_out(error);
    }
    return set;
}

/* The directives' defaults, and what makes a test fast. */
static inline void flow_settings(void)
{
#define FLOW_INT(member, name, value, ...) .member = (value),
#define FLOW_TEXT(member, name, value, ...) .member = (value),
#define FLOW_NONE(member, ...)
    flow.config = (cloudep_config_t){
        CLOUDEP_SETTINGS(FLOW_INT, FLOW_INT, FLOW_INT, FLOW_TEXT, FLOW_NONE, FLOW_NONE, FLOW_NONE).run = &flow.run};
    flow.config.database = 1;
    flow.config.issuer = "https://id.test";
    flow.config.password_memory = 7168; /* the least that is allowed */
    flow.config.password_passes = 5;
    flow.config.password_workers = 4;
    flow.config.password_queue = TEST_THREADS;
    flow.config.password_wait = 20000;
    flow.config.code_cooldown = 0;
    flow.config.codes_per_target = 1000;
}

static inline void flow_runtime(void)
{
    apr_array_header_t *servers = apr_array_make(flow.pool, 1, sizeof(cloudep_cache_server_t));

    APR_ARRAY_PUSH(servers, cloudep_cache_server_t) = (cloudep_cache_server_t){"127.0.0.1", (apr_port_t)flow.port};
    flow.run.signing = flow_keys("signing", "ES256");
    flow.run.sealing = flow_keys("sealing", "A256GCM");
    flow.run.challenges.keys = flow.run.sealing;
    flow_must(cloudep_derive_jwks(&flow.run.refresh, flow.pool, flow.run.sealing, CLOUDEP_KEY_SEAL, "refresh token"),
              "derived keys");
    flow.run.refresh_key = cloudep_jwks_active(flow.run.refresh, CLOUDEP_KEY_SIGN);
    flow.run.idp = &cloudep_idp_local;
    flow.run.db = postgres_db(flow.pool, POSTGRES_APP);
    flow.run.db->lock_timeout = 300;
    flow.run.tokens = cloudep_token_cache_create(flow.pool);
    flow_must(cloudep_cache_create(&flow.run.challenges.cache, flow.pool, servers, TEST_THREADS, apr_time_from_sec(20)),
              "the cache");
    flow_must(cloudep_http_startup(flow.pool), "libcurl");
    flow_must(cloudep_http_create(&flow.run.http, flow.pool), "the HTTP client");
    flow_must(cloudep_hasher_child_init(NULL, &flow.config, flow.pool), "the hasher");
    flow_must(flow.run.tokens ? APR_SUCCESS : APR_ENOMEM, "the token cache");
}

/** Once, before everything else. */
static inline void flow_start(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&flow.pool, NULL) != APR_SUCCESS) {
        flow_bail_out("no APR");
    }
    (void)signal(SIGPIPE, SIG_IGN); /* as httpd does */
    postgres_start();
    flow.port = free_port();
    flow.memcached = memcached_start(flow.port);
    flow_settings();
    flow_runtime();
}

/** What requests are known by, after flow_start(): keys of cookies, names of tenants, the look-up of sessions. */
static inline void flow_access(void)
{
    flow_must(
        cloudep_derive_jwks(&flow.run.cookie_keys, flow.pool, flow.run.sealing, CLOUDEP_KEY_SEAL, "session cookie"),
        "cookie keys");
    flow_must(cloudep_derive_jwks(&flow.run.xsrf_keys, flow.pool, flow.run.sealing, CLOUDEP_KEY_SEAL, "xsrf"),
              "XSRF keys");
    flow.run.slugs = cloudep_slugs_create(flow.run.db, flow.pool);
    flow.run.checker = cloudep_checker_create(flow.run.db, flow.pool);
}

/* ---- requests */

static inline flow_case_t *flow_begin(void)
{
    flow_case_t *at;
    apr_pool_t *p;

    if (apr_pool_create_unmanaged_ex(&p, NULL, NULL) != APR_SUCCESS) {
        flow_bail_out("no pool"); /* of its own allocator: cases run in threads */
    }
    at = apr_pcalloc(p, sizeof(*at));
    at->p = p;
    at->ctx = apr_pcalloc(p, sizeof(*at->ctx));
    at->ctx->p = p;
    at->ctx->config = &flow.config;
    at->ctx->now = apr_time_now();
    at->ctx->address = at->ctx->network = "192.0.2.1";
    at->ctx->user_agent = "flow test";
    at->ctx->request_id = "flow-test";
    return at;
}

static inline void flow_end(flow_case_t *at)
{
    apr_pool_destroy(at->p);
}

/** Reports whether an outcome has that reason. */
static inline int is_outcome(cloudep_outcome_t got, cloudep_reason_e want, const char *name)
{
    return is_str(cloudep_reason_word(got.reason), cloudep_reason_word(want), name);
}

/** Reports whether an outcome is a fault of one member of the flow's input. */
static inline int is_invalid(cloudep_outcome_t got, apr_size_t field, const char *rule, const char *name)
{
    return ok(got.reason == CLOUDEP_FIELD_INVALID && got.field == field && got.rule && !strcmp(got.rule, rule) &&
                  got.why,
              "%s: %s", name, got.why ? got.why : cloudep_reason_word(got.reason));
}

/** Reports whether a value that postgres_value() would return is the one wanted; parameters as there. */
#define is_value(want, name, ...)                                                                                      \
    do {                                                                                                               \
        char *value_ = postgres_value(__VA_ARGS__, NULL);                                                              \
                                                                                                                       \
        is_str(value_, want, name);                                                                                    \
        free(value_);                                                                                                  \
    } while (0)

/* ---- tenants and members */

/** A tenant, with the invite "open" of 100 uses. */
static inline void flow_tenant(const char *slug)
{
    free(postgres_value("WITH t AS (INSERT INTO cloudep.tenants (slug, name, redirect_uris)"
                        "           VALUES ($1, 'Tenant ' || $1, '{https://app.test/back}') RETURNING id)"
                        " INSERT INTO cloudep.invites (tenant_id, code, max_uses) SELECT id, 'open', 100 FROM t",
                        slug, NULL));
}

/** An invite of a tenant; expires_at: an SQL time. */
static inline void flow_invite(const char *slug, const char *code, const char *uses, const char *expires_at)
{
    free(postgres_value("INSERT INTO cloudep.invites (tenant_id, code, max_uses, expires_at)"
                        " SELECT id, $2, $3::integer, $4::timestamptz FROM cloudep.tenants WHERE slug = $1",
                        slug, code, uses, expires_at, NULL));
}

/** A parameter of the last message of a template to a target, unsealed as the delivery does; "": none is due. */
static inline const char *flow_param(flow_case_t *at, const char *target, const char *template, const char *name)
{
    static const char sql[] = " FROM cloudep.outbox WHERE target = $1 AND template = $2"
                              " ORDER BY created_at DESC, expires_at DESC LIMIT 1";
    char *params = postgres_value(apr_pstrcat(at->p, "SELECT params", sql, NULL), target, template, NULL);
    char *tenant_id = postgres_value(apr_pstrcat(at->p, "SELECT tenant_id", sql, NULL), target, template, NULL);
    const unsigned char *plain;
    const char *value = "";
    apr_size_t length;
    json_t *json;

    if (params && cloudep_unseal(&plain, &length, at->p, flow.run.sealing, params,
                                 cloudep_outbox_aad(at->p, tenant_id, target, template)) == APR_SUCCESS) {
        json = json_loadb((const char *)plain, length, 0, NULL);
        value = apr_pstrdup(at->p, json_string_value(json_object_get(json, name)));
        json_decref(json);
    }
    free(params);
    free(tenant_id);
    return value;
}

/** The code of that message. */
static inline const char *flow_code(flow_case_t *at, const char *target, const char *template)
{
    return flow_param(at, target, template, "code");
}

/** A code that is not the given one. */
static inline const char *flow_wrong(flow_case_t *at, const char *code)
{
    char *wrong = apr_pstrdup(at->p, code);

    *wrong = *wrong == '9' ? '0' : (char)(*wrong + 1);
    return wrong;
}

/** A member of the tenant who has registered and confirmed; *session is open. Ends the program if that fails. */
static inline void flow_member(flow_case_t *at, const char *slug, const char *email, const cloudep_session_t **session)
{
    const cloudep_registration_t in = {.tenant_slug = slug,
                                       .invite_code = "open",
                                       .email = email,
                                       .password = FLOW_PASSWORD,
                                       .display_name = "Somebody",
                                       .terms_version = "1"};
    cloudep_challenge_answer_t challenge = {0};
    cloudep_confirmation_t confirmation = {.tenant_slug = slug};
    cloudep_confirmed_t confirmed = {0};

    if (cloudep_failed(cloudep_register(at->ctx, &in, &challenge))) {
        flow_bail_out("a member could not be registered");
    }
    confirmation.challenge_id = challenge.challenge_id;
    confirmation.code = flow_code(at, email, "registration");
    if (cloudep_failed(cloudep_confirm_registration(at->ctx, &confirmation, &confirmed))) {
        flow_bail_out("a member could not be confirmed");
    }
    *session = confirmed.session;
}

/** A login by password. */
static inline cloudep_outcome_t flow_login(flow_case_t *at, const char *slug, const char *email, const char *password,
                                           cloudep_login_result_t *out)
{
    const cloudep_login_t in = {.tenant_slug = slug, .email = email, .password = password};

    *out = (cloudep_login_result_t){0};
    return cloudep_login(at->ctx, &in, out);
}

/** Whoever is in a session, as the look-up of its next request finds them. */
static inline cloudep_principal_t flow_principal(flow_case_t *at, const char *tenant_id, const char *session_id,
                                                 const char *uid)
{
    cloudep_principal_t who = {.tenant_id = tenant_id, .uid = uid, .session_id = session_id};
    cloudep_live_session_t live = {0};

    flow_must(cloudep_session_principal(flow.run.db, at->p, &live, tenant_id, session_id, uid), "a session");
    who.member = live.member;
    who.proofs = live.proofs;
    who.amr = live.amr;
    return who;
}

/** Has httpd's role refused what the privilege is for, so that the next statement which needs it fails; and gives it
 * back. */
static inline void flow_revoke(const char *privilege)
{
    postgres_sql(apr_pstrcat(flow.pool, "REVOKE ", privilege, " FROM " POSTGRES_APP, NULL));
}

static inline void flow_grant(const char *privilege)
{
    postgres_sql(apr_pstrcat(flow.pool, "GRANT ", privilege, " TO " POSTGRES_APP, NULL));
}

/* ---- many at once */

/* What each of several requests does, and how it ended. */
typedef struct flow_crowd_t {
    cloudep_outcome_t (*run)(flow_case_t *at, int number, void *baton);
    void *baton;
    cloudep_reason_e reasons[TEST_THREADS];
} flow_crowd_t;

static inline void flow_crowd_member(int number, void *crowd_)
{
    flow_crowd_t *crowd = crowd_;
    flow_case_t *at = flow_begin();

    crowd->reasons[number] = crowd->run(at, number, crowd->baton).reason;
    flow_end(at);
}

/** Runs as many requests at the same time; flow_ended() tells how many ended in a reason. */
static inline void flow_crowd(flow_crowd_t *crowd, int count)
{
    in_threads(count, flow_crowd_member, crowd);
}

static inline int flow_ended(const flow_crowd_t *crowd, int count, cloudep_reason_e reason)
{
    int n = 0;

    for (int i = 0; i < count; i++) {
        n += crowd->reasons[i] == reason;
    }
    return n;
}

#endif
