/*
 * memcached.h - the memcached servers of a server, and its challenges, which are kept there.
 */
#ifndef CLOUDEP_MEMCACHED_H
#define CLOUDEP_MEMCACHED_H

#include <httpd.h>
#include "core/settings.h"

/* As the members of cloudep_part_t that they are. */

apr_status_t cloudep_memcached_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);
int cloudep_memcached_is_on(const cloudep_config_t *config);
apr_status_t cloudep_memcached_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

/** As a member of cloudep_part_t: asks each server. */
apr_status_t cloudep_memcached_check(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said);

#endif
