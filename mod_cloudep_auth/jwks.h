/*
 * jwks.h - the handler of /.well-known/jwks.json.
 */
#ifndef CLOUDEP_JWKS_H
#define CLOUDEP_JWKS_H

#include <httpd.h>

/** The content handler "cloudep-jwks". DECLINED when the request is not for it. */
int jwks_handler(request_rec *r);

#endif
