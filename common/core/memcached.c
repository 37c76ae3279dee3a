/*
 * memcached.c - see memcached.h.
 */
#include "core/memcached.h"

#include <ap_mpm.h>
#include <apr_strings.h>

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

apr_status_t cloudep_memcached_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    apr_array_header_t *servers;
    const char *text;
    apr_status_t rv = parse(&servers, &text, config, pconf);

    (void)s;
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pconf, "CloudEPMemcacheServer %s: not host[:port]", text);
    }
    return rv;
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

    (void)s;
    if (!config->memcache_servers) {
        return APR_SUCCESS;
    }
    rv = parse(&servers, &text, config, pchild);
    (void)ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (rv == APR_SUCCESS) {
        rv = cloudep_cache_create(&config->run->challenges.cache, pchild, servers, threads > 0 ? threads : 1,
                                  apr_time_from_msec(config->memcache_timeout));
    }
    return rv;
}
