/*
 * ca_file.h - CloudEPCAFile: libcurl reads it for each connection, so that a wrong one would only be told by failures.
 */
#ifndef CLOUDEP_CA_FILE_H
#define CLOUDEP_CA_FILE_H

#include <httpd.h>
#include "core/settings.h"

/** As a member of cloudep_part_t: refuses a file without a certificate in it. */
apr_status_t cloudep_ca_file_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

#endif
