/*
 * parts.h - the row type of what a server consists of: database, memcached, keys, mail, ...
 *
 * The table is in mod_cloudep.c. A new part is one row there: check_config prepares the parts, the start of a child
 * makes them, and what is off is told, each by one loop over the rows, in their order.
 */
#ifndef CLOUDEP_PARTS_H
#define CLOUDEP_PARTS_H

#include <httpd.h>
#include "core/settings.h"

/** Unset ones are not called. Servers with equal settings share the parts: the first of them is the one given here. */
typedef struct cloudep_part_t {
    const char *name;      /* as messages have it */
    const char *directive; /* that an operator turns it on with; NULL: it is not told when it is off */
    unsigned needs;        /* the CLOUDEP_NEEDS_... that are off without it; 0: none */

    /**
     * Reads and checks what the settings name, as root, in check_config, also on the dry run; fills config->run.
     * @param error  on failure a sentence for the operator that names the directive; from pconf
     */
    apr_status_t (*prepare)(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

    /** Whether an operation may ask for it; after all parts were prepared. */
    int (*is_on)(const cloudep_config_t *config);

    /**
     * Makes in a child what cannot be made before the fork: connections, locks, threads; fills config->run. Where it
     * fails the child goes on without the part: what needs it answers as if it were not configured.
     */
    apr_status_t (*child_init)(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

    /** Makes what a child has once for all its servers, after child_init of the rows before. */
    apr_status_t (*child_start)(server_rec *main_server, apr_pool_t *pchild);

    /**
     * For "cloudepctl check", of a part that is on, as the user that children run as: asks whether what the settings
     * name answers.
     * @param said  a sentence, from p: what was found, or what is wrong, with directive and remedy
     */
    apr_status_t (*check)(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said);
} cloudep_part_t;

#endif
