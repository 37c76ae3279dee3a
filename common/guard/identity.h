/*
 * identity.h - the identity headers: X-CloudEP-UID, -Tenant, -Session and -AMR.
 */
#ifndef CLOUDEP_IDENTITY_H
#define CLOUDEP_IDENTITY_H

#include <httpd.h>
#include "base/export.h"
#include "core/principal.h"

/** Sets the identity headers of a principal in a table of headers. */
CLOUDEP_DECLARE(void) cloudep_identity_headers(apr_table_t *headers, const cloudep_principal_t *principal);

/** Removes inbound copies of the identity headers, in every spelling that a CGI or a backend would read. */
void cloudep_identity_scrub(request_rec *r);

/** Publishes a principal: environment always, request headers where the Location asks for them. */
void cloudep_identity_publish(request_rec *r, const cloudep_principal_t *principal);

#endif
