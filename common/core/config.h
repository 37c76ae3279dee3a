/*
 * config.h - the directives of a server: what httpd calls to make, inherit and set the settings of settings.h.
 */
#ifndef CLOUDEP_CONFIG_H
#define CLOUDEP_CONFIG_H

#include <httpd.h>
#include <http_config.h>
#include "core/settings.h"

void *cloudep_config_create(apr_pool_t *p, server_rec *s);
void *cloudep_config_merge(apr_pool_t *p, void *base, void *add);
extern const command_rec cloudep_commands[];

/** Puts defaults where nothing was set; post_config, once a server. */
void cloudep_config_settle(cloudep_config_t *config);

const cloudep_config_t *cloudep_config_of(const server_rec *s);

#endif
