/*
 * breached.h - CloudEPBreachedPasswords: the file of passwords that nobody may choose.
 */
#ifndef CLOUDEP_CORE_BREACHED_H
#define CLOUDEP_CORE_BREACHED_H

#include "base/crypto/breached.h"
#include "core/settings.h"

struct server_rec;

/** Maps the file into run->breached, at start and at each graceful restart; the prepare of a part (core/parts.h). */
apr_status_t cloudep_breached_prepare(struct server_rec *s, cloudep_config_t *config, apr_pool_t *pconf,
                                      const char **error);

#endif
