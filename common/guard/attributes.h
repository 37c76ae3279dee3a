/*
 * attributes.h - members' attributes in guarded Locations: what "Require cloudep-attribute" compares, and the headers
 * of CloudEPIdentityAttribute.
 */
#ifndef CLOUDEP_ATTRIBUTES_H
#define CLOUDEP_ATTRIBUTES_H

#include <httpd.h>
#include "base/export.h"
#include "core/principal.h"

/** Whether an attribute is that text, number, true or false, or a list that has it. */
int cloudep_attribute_is(apr_pool_t *p, const cloudep_principal_t *principal, const char *name, const char *value);

/** Sets the headers that the request's Location names in a table of headers; one without an attribute is removed. */
CLOUDEP_DECLARE(void)
cloudep_attribute_headers(request_rec *r, apr_table_t *headers, const cloudep_principal_t *principal);

#endif
