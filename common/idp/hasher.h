/*
 * hasher.h - a bound on the passwords hashed at once, and the memory that they are hashed in.
 */
#ifndef CLOUDEP_HASHER_H
#define CLOUDEP_HASHER_H

#include <httpd.h>
#include "base/crypto/password.h"
#include "core/settings.h"

typedef struct cloudep_hasher_t cloudep_hasher_t;

/** The cost of a new hash, as CloudEPPasswordMemory, Passes and Lanes say. */
cloudep_password_params_t cloudep_hasher_params(const cloudep_config_t *config);

/* As the members of cloudep_part_t that they are. */

apr_status_t cloudep_hasher_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);
apr_status_t cloudep_hasher_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

/** Waits for a permit and takes memory to hash in. @return CLOUDEP_EOVERLOAD: queue full or waited too long */
apr_status_t cloudep_hasher_enter(const cloudep_password_memory_t **memory, cloudep_hasher_t *hasher);

/** Returns permit and memory. */
void cloudep_hasher_leave(cloudep_hasher_t *hasher, const cloudep_password_memory_t *memory);

#endif
