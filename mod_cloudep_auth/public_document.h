/*
 * public_document.h - documents that anybody may read, and keep for a while: those below /.well-known.
 */
#ifndef CLOUDEP_PUBLIC_DOCUMENT_H
#define CLOUDEP_PUBLIC_DOCUMENT_H

#include <httpd.h>

/** The content handler "cloudep-jwks": the public keys of our tokens (RFC 7517). DECLINED: not for it. */
int jwks_handler(request_rec *r);

/**
 * The content handler "cloudep-oauth-server": what others that verify our tokens have to know of us (RFC 8414), at the
 * path that the RFC has for our issuer. DECLINED: not for it.
 */
int oauth_server_handler(request_rec *r);

/** The content handler "cloudep-webauthn": who may use our passkeys (WebAuthn Level 3 5.11.1). DECLINED: not for it. */
int webauthn_handler(request_rec *r);

#endif
