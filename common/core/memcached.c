/*
 * memcached.c - see memcached.h.
 */
#include "core/memcached.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <http_log.h>
#include <netdb.h>
#include <stdlib.h>
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

/* A cloudep_cache_told_fn. */
static void tell(void *baton, const char *server, apr_status_t cause)
{
    const server_rec *s = baton;
    const char *why;
    char text[128];

    if (cause == APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, CENO(1245) "memcached %s answers again", server);
        return;
    }
    if (APR_STATUS_IS_EAGAIN(cause)) {
        why = "no answer within CloudEPMemcacheTimeout";
    }
    else if (cause == APR_EGENERAL) {
        why = "it hung up, or what answers there is no memcached";
    }
    else {
        why = apr_strerror(cause, text, sizeof(text));
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                 CENO(1244) "memcached %s (CloudEPMemcacheServer) cannot be asked: %s; this is told once, until it "
                            "answers again",
                 server, why);
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
