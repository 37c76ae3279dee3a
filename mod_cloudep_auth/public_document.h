/*
 * public_document.h - documents that anybody may read, and keep for a while: those below /.well-known.
 */
#ifndef CLOUDEP_PUBLIC_DOCUMENT_H
#define CLOUDEP_PUBLIC_DOCUMENT_H

#include <httpd.h>

/** The content handler "cloudep-jwks": the public keys of our tokens (RFC 7517). DECLINED: not for it. */
int jwks_handler(request_rec *r);

/** The content handler "cloudep-webauthn": who may use our passkeys (WebAuthn Level 3 5.11.1). DECLINED: not for it. */
int webauthn_handler(request_rec *r);

#endif
