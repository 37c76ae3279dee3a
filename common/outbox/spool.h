/*
 * spool.h - a folder that takes the place of a mail server or SMS gateway in development.
 */
#ifndef CLOUDEP_SPOOL_H
#define CLOUDEP_SPOOL_H

#include <apr_pools.h>
#include "base/status.h"

/**
 * The folder of "spool:/folder". APR_NOTFOUND: another kind of transport. On other failures, when there is no such
 * folder, its path is not absolute or anybody but its owner may enter it, *error is a sentence.
 */
apr_status_t cloudep_spool_folder(const char **folder, apr_pool_t *pool, const char *transport, const char **error);

/** Whether this process may make files there; call it as the user that will. On failure *error is a sentence. */
apr_status_t cloudep_spool_check(apr_pool_t *pool, const char *folder, const char **error);

/**
 * Writes <time>-<id><suffix>, readable by its owner only, which is there wholly or not at all. On failure *error says
 * which folder and why.
 */
apr_status_t cloudep_spool_write(apr_pool_t *pool, const char *folder, const char *id, const char *suffix,
                                 const char *bytes, apr_size_t len, const char **error);

#endif
