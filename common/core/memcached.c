/*
 * memcached.c - see memcached.h.
 */
#include "core/memcached.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <http_log.h>
#include <netdb.h>
#include <stdlib.h>
#include "base/metrics.h"
#include "core/kept_files.h"
#include "core/module.h"

/* Into an array of cloudep_cache_server_t. *text: the first that is none. */
static apr_status_t parse(apr_array_header_t **servers, const char **text, const cloudep_config_t *config,
                          apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;

    *servers = apr_array_make(p, 2, sizeof(cloudep_cache_server_t));
    for (int i = 0; rv == APR_SUCCESS && config->memcache_servers && i < config->memcache_servers->nelts; i++) {
        *text = APR_ARRAY_IDX(config->memcache_servers, i, const char *);
        rv = cloudep_cache_parse_server(apr_array_push(*servers), *text, p);
    }
    return rv;
}

/* Whether a name leads to an address. A resolver that is away just now says nothing about the name. */
static apr_status_t resolve(const cloudep_cache_server_t *server, apr_pool_t *p)
{
    apr_sockaddr_t *address;
    apr_status_t rv =
        server->port ? apr_sockaddr_info_get(&address, server->host, APR_UNSPEC, server->port, 0, p) : APR_SUCCESS;

    return rv == APR_OS_START_EAIERR + abs(EAI_AGAIN) ? APR_SUCCESS : rv;
}

apr_status_t cloudep_memcached_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    apr_array_header_t *servers;
    const char *text;
    apr_status_t rv = parse(&servers, &text, config, pconf);

    (void)s;
    if (rv != APR_SUCCESS) {
        *error =
            apr_psprintf(pconf,
                         "CloudEPMemcacheServer %s: write host, host:port (1 to 65535), [address]:port or the path "
                         "of a socket",
                         text);
    }
    /* A running httpd does not end because a name cannot be looked up just now. */
    for (int i = 0; rv == APR_SUCCESS && !cloudep_kept_in_use(pconf) && i < servers->nelts; i++) {
        const cloudep_cache_server_t *server = &APR_ARRAY_IDX(servers, i, const cloudep_cache_server_t);
        char why[128];

        rv = resolve(server, pconf);
        if (rv != APR_SUCCESS) {
            *error =
                apr_psprintf(pconf, "CloudEPMemcacheServer %s: this name leads to no address (%s): name an address",
                             server->host, apr_strerror(rv, why, sizeof(why)));
        }
    }
    return rv;
}

static const char *describe(apr_status_t cause, char *text, apr_size_t size)
{
    if (APR_STATUS_IS_EAGAIN(cause)) {
        return "no answer within CloudEPMemcacheTimeout";
    }
    return cause == APR_EGENERAL ? "it hung up, or what answers there is no memcached"
                                 : apr_strerror(cause, text, size);
}

/* A cloudep_cache_told_fn. */
static void tell(void *baton, const char *server, apr_status_t cause)
{
    const server_rec *s = baton;
    char text[128];

    cloudep_gauge_add(CLOUDEP_METRIC_CACHE_DOWN, NULL, cause == APR_SUCCESS ? -1 : 1);
    if (cause == APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, CENO(1245) "memcached %s answers again", server);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                 CENO(1244) "memcached %s (CloudEPMemcacheServer) cannot be asked: %s; this is told once, until it "
                            "answers again",
                 server, describe(cause, text, sizeof(text)));
}

int cloudep_memcached_is_on(const cloudep_config_t *config)
{
    return config->memcache_servers != NULL;
}

apr_status_t cloudep_memcached_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild)
{
    apr_array_header_t *servers;
    const char *text;
    int threads = 1;
    apr_status_t rv;

    if (!config->memcache_servers) {
        return APR_SUCCESS;
    }
    rv = parse(&servers, &text, config, pchild);
    (void)ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (rv == APR_SUCCESS) {
        rv = cloudep_cache_create(&config->run->challenges.cache, pchild, servers, threads > 0 ? threads : 1,
                                  apr_time_from_msec(config->memcache_timeout));
    }
    if (rv == APR_SUCCESS) {
        cloudep_cache_tell(config->run->challenges.cache, tell, s);
    }
    return rv;
}

/* A cloudep_cache_told_fn: keeps the cause. */
static void note(void *baton, const char *server, apr_status_t cause)
{
    (void)server;
    *(apr_status_t *)baton = cause;
}

/* One server, by a key that nobody has. */
static apr_status_t ask(const cloudep_cache_server_t *server, const cloudep_config_t *config, apr_pool_t *p,
                        apr_status_t *cause)
{
    const char *const parts[] = {"nobody"};
    apr_array_header_t *alone = apr_array_make(p, 1, sizeof(cloudep_cache_server_t));
    cloudep_cache_t *cache;
    char *value;
    apr_status_t rv;

    APR_ARRAY_PUSH(alone, cloudep_cache_server_t) = *server;
    rv = cloudep_cache_create(&cache, p, alone, 1, apr_time_from_msec(config->memcache_timeout));
    if (rv == APR_SUCCESS) {
        cloudep_cache_tell(cache, note, cause);
        rv = cloudep_cache_get(&value, NULL, cache, cloudep_cache_key("check", parts, 1), p);
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

apr_status_t cloudep_memcached_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    apr_array_header_t *servers;
    const char *text;
    char why[128];
    apr_status_t rv = parse(&servers, &text, config, p);

    (void)s;
    *said = "every memcached answers";
    for (int i = 0; rv == APR_SUCCESS && i < servers->nelts; i++) {
        apr_status_t cause = APR_EGENERAL;

        text = APR_ARRAY_IDX(config->memcache_servers, i, const char *);
        rv = ask(&APR_ARRAY_IDX(servers, i, const cloudep_cache_server_t), config, p, &cause);
        if (rv != APR_SUCCESS) {
            *said = apr_psprintf(p, "CloudEPMemcacheServer %s: %s", text, describe(cause, why, sizeof(why)));
        }
    }
    return rv;
}
