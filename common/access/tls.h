/*
 * tls.h - whether a request came by TLS, as far as this server can know.
 */
#ifndef CLOUDEP_TLS_H
#define CLOUDEP_TLS_H

#include <httpd.h>
#include "core/settings.h"

/** As a member of cloudep_part_t: reads the networks of CloudEPTLSProxy. */
apr_status_t cloudep_tls_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

/**
 * Whether tokens and passwords would be in the clear: CloudEPIssuer is https, and neither this server nor a proxy that
 * CloudEPTLSProxy names ended TLS. Says so in the log, once for each child at level warning.
 */
int cloudep_is_in_the_clear(request_rec *r);

#endif
