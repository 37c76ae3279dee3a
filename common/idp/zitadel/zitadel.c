/*
 * zitadel.c - the identity provider "zitadel": users and passwords live in a ZITADEL, under our uids.
 *
 * Credentials are read once, as root, and never leave this process but for ZITADEL itself.
 */
#include "idp/zitadel/zitadel.h"

#include <apr_shm.h>
#include <apr_strings.h>
#include <string.h>
#include "base/crypto/random.h"
#include "core/secret_file.h"

static int configured(const cloudep_config_t *config)
{
    return config->zitadel_url && (config->zitadel_token_file || config->zitadel_key_file);
}

/* ---- At start ------------------------------------------------------------------------------------------- */

static apr_status_t check_url(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const char *url, const char **error)
{
    apr_size_t len = strlen(url);
    const char *scheme;
    const char *host;

    while (len && url[len - 1] == '/') {
        len--;
    }
    zitadel->url = apr_pstrmemdup(pconf, url, len);
    if (cloudep_http_split(&scheme, &host, pconf, zitadel->url) != APR_SUCCESS || strpbrk(zitadel->url, "?#")) {
        *error = apr_psprintf(pconf, "CloudEPZitadelURL %s: not a URL", url);
        return CLOUDEP_EMALFORMED;
    }
    if (strcmp(scheme, "https") && (strcmp(scheme, "http") || !cloudep_http_is_loopback(host))) {
        *error = apr_psprintf(pconf, "CloudEPZitadelURL %s: must be https, as passwords go there", url);
        return CLOUDEP_EREFUSED;
    }
    return APR_SUCCESS;
}

static apr_status_t load_credentials(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const cloudep_config_t *config,
                                     const char **error)
{
    if (config->zitadel_token_file && config->zitadel_key_file) {
        *error = "CloudEPZitadelTokenFile and CloudEPZitadelKeyFile: only one of them may be set";
        return CLOUDEP_EREFUSED;
    }
    return config->zitadel_key_file ? zitadel_key_load(zitadel, pconf, config->zitadel_key_file, error)
                                    : cloudep_secret_line(&zitadel->pat, pconf, "CloudEPZitadelTokenFile",
                                                          config->zitadel_token_file, error);
}

/* Anonymous memory that the children inherit. */
static apr_status_t share_times(cloudep_zitadel_t *zitadel, apr_pool_t *pconf, const char **error)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, sizeof(*zitadel->times), NULL, pconf);

    if (rv != APR_SUCCESS) {
        *error = "there is no shared memory";
        return rv;
    }
    zitadel->times = apr_shm_baseaddr_get(shm);
    memset(zitadel->times, 0, sizeof(*zitadel->times));
    return APR_SUCCESS;
}

apr_status_t cloudep_zitadel_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    cloudep_zitadel_t *zitadel;
    apr_status_t rv;

    (void)s;
    if (config->run->idp != &cloudep_idp_zitadel) {
        return APR_SUCCESS;
    }
    zitadel = apr_pcalloc(pconf, sizeof(*zitadel));
    rv = check_url(zitadel, pconf, config->zitadel_url, error);
    if (rv == APR_SUCCESS) {
        rv = load_credentials(zitadel, pconf, config, error);
    }
    if (rv == APR_SUCCESS) {
        rv = share_times(zitadel, pconf, error);
    }
    config->run->zitadel = rv == APR_SUCCESS ? zitadel : NULL;
    return rv;
}

/* ---- In a child ----------------------------------------------------------------------------------------- */

apr_status_t cloudep_zitadel_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    cloudep_zitadel_t *zitadel = config->run->zitadel;
    const cloudep_breaker_limits_t limits = {.calls = config->zitadel_connections,
                                             .queue = config->zitadel_queue,
                                             .wait = apr_time_from_msec(config->zitadel_wait),
                                             .failures = config->zitadel_failures,
                                             .pause = apr_time_from_sec(config->zitadel_pause)};
    apr_status_t rv;

    if (!zitadel) {
        return APR_SUCCESS;
    }
    zitadel->http = config->run->http;
    rv = zitadel_token_init(&zitadel->token, pchild);
    for (int kind = 0; rv == APR_SUCCESS && kind < ZITADEL_KINDS; kind++) {
        rv = cloudep_breaker_create(&zitadel->breakers[kind], pchild, &limits);
    }
    return rv == APR_SUCCESS ? zitadel_deferred_start(&zitadel->deferred, s, config, pchild) : rv;
}

/* ---- The provider --------------------------------------------------------------------------------------- */

/*
 * The member's own status decides what is confirmed. ZITADEL is told later, by a thread that tries for some minutes,
 * and no request waits for that.
 */
static apr_status_t confirm(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    apr_status_t rv = zitadel_defer_mark_verified(zitadel_of(ctx)->deferred, user->uid, user->email);

    return rv == APR_SUCCESS ? APR_SUCCESS : zitadel_mark_verified(ctx, user->uid, user->email, 0);
}

static apr_status_t create(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                           const char **reason)
{
    const char *password;
    apr_status_t rv = kept ? zitadel_unkeep(ctx, user, kept, &password) : cloudep_random_password(&password, ctx->p);

    *reason = NULL;
    return rv == APR_SUCCESS ? zitadel_create(ctx, user, password, reason) : rv;
}

/* To refuse a password takes as long as to hash one for a new user. */
static void pretend(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password)
{
    const cloudep_idp_user_t nobody = {.tenant = user->tenant, .email = user->email};

    (void)zitadel_verify(ctx, &nobody, password);
}

/* The issuer of its tokens is its public URL. */
static int is_issuer(const cloudep_config_t *config, const char *issuer)
{
    return !strcmp(issuer, config->run->zitadel->url);
}

const cloudep_idp_t cloudep_idp_zitadel = {
    .name = "zitadel",
    .configured = configured,
    .keep = zitadel_keep,
    .create = create,
    .pretend = pretend,
    .verify = zitadel_verify,
    .set_password = zitadel_set_password,
    .confirm = confirm,
    .change_email = zitadel_change_email,
    .is_issuer = is_issuer,
    .remove = zitadel_remove,
};

int cloudep_zitadel_is_left_alone(const cloudep_config_t *config)
{
    const cloudep_zitadel_t *zitadel = config->run->zitadel;
    int open = 0;

    for (int kind = 0; zitadel && kind < ZITADEL_KINDS; kind++) {
        open |= zitadel->breakers[kind] && cloudep_breaker_is_open(zitadel->breakers[kind]);
    }
    return open;
}
