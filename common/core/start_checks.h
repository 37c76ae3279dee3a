/*
 * start_checks.h - mistakes that no directive shows alone: they are told when httpd starts, with what to write instead.
 */
#ifndef CLOUDEP_START_CHECKS_H
#define CLOUDEP_START_CHECKS_H

#include <httpd.h>
#include "base/export.h"

/** Makes the name of a handler known, from register_hooks. One that begins with cloudep- and is not known is a mistake.
 */
CLOUDEP_DECLARE(void) cloudep_handler_register(apr_pool_t *p, const char *name);

/** SetHandler cloudep-... that no module serves. *error: a sentence with file and line. */
apr_status_t cloudep_check_locations(apr_pool_t *p, const char **error);

/** Warns of what works, but hardly as it was meant, in all servers; after they were prepared. */
void cloudep_tell_doubts(server_rec *main_server, apr_pool_t *p);

#endif
