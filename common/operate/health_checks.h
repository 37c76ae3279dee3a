/*
 * health_checks.h - whether what a server depends on works now: one finding for each part that is in use.
 */
#ifndef CLOUDEP_HEALTH_CHECKS_H
#define CLOUDEP_HEALTH_CHECKS_H

#include <apr_tables.h>
#include "core/settings.h"

/* As in draft-inadarei-api-health-check: warn is said, and the server goes on to serve. */
typedef enum { CLOUDEP_HEALTH_PASS, CLOUDEP_HEALTH_WARN, CLOUDEP_HEALTH_FAIL } cloudep_health_e;

typedef struct cloudep_finding_t {
    const char *name; /* of the part, e.g. "database" or "social_login:google" */
    cloudep_health_e status;
    const char *output; /* what is wrong, without names of hosts, files and accounts; NULL: nothing */
} cloudep_finding_t;

/**
 * Looks at everything that the settings turn on. Takes as long as the timeouts of database and memcached allow.
 * @return of cloudep_finding_t, from p, in an order that stays the same
 */
apr_array_header_t *cloudep_health_look(const cloudep_config_t *config, apr_pool_t *p);

#endif
