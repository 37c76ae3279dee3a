/*
 * health.h - CloudEPServe health: whether a server lives, and whether it is ready for requests.
 *
 * GET MOUNT/live answers 200 as long as httpd answers at all. GET MOUNT/ready answers 200, or 503 when something that
 * the server cannot do without is away, in JSON after draft-inadarei-api-health-check-06: each part with its status,
 * since when it has that, and what is wrong. Nothing there is secret. What was found is kept for a second, so that
 * whoever asks often costs nothing, and nobody waits for a look that somebody else has begun when there is an earlier
 * one.
 */
#ifndef CLOUDEP_HEALTH_H
#define CLOUDEP_HEALTH_H

#include <httpd.h>
#include "core/settings.h"

/** As a member of cloudep_part_t; after everything that is looked at. */
apr_status_t cloudep_health_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

void cloudep_health_register_hooks(apr_pool_t *p);

#endif
