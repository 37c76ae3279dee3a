/*
 * dbd.h - what mod_dbd's directives say: its module tells nobody, and libpq's own messages name neither the directive
 * nor a passfile that it passed over.
 */
#ifndef CLOUDEP_DBD_H
#define CLOUDEP_DBD_H

#include <httpd.h>
#include "core/settings.h"

typedef struct cloudep_dbd_t {
    const char *params;   /* DBDParams; "": there are none */
    const char *target;   /* host, port, database and role in there, for messages; never a password */
    const char *passfile; /* NULL: none is named */
} cloudep_dbd_t;

/** Reads the directives that hold for a server. */
void cloudep_dbd_read(cloudep_dbd_t *dbd, const server_rec *s, apr_pool_t *p);

/**
 * CloudEPDatabaseConnections, or DBDMax where that is less: for connections beyond it threads would wait in mod_dbd
 * without end.
 */
int cloudep_dbd_connections(const server_rec *s, const cloudep_config_t *config, apr_pool_t *p);

/**
 * Why libpq passes over the passfile, as the user that this process runs as.
 * @return a sentence with the remedy, from p; NULL: it does not, or none is named
 */
const char *cloudep_dbd_passfile_fault(const cloudep_dbd_t *dbd, apr_pool_t *p);

/** As a member of cloudep_part_t: refuses directives that can never lead to a connection. */
apr_status_t cloudep_dbd_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error);

#endif
