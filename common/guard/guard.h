/*
 * guard.h - AuthType CloudEP: what guards a Location, and what it found.
 */
#ifndef CLOUDEP_GUARD_H
#define CLOUDEP_GUARD_H

#include <httpd.h>
#include "core/outcome.h"
#include "core/principal.h"

/** Whether AuthType CloudEP is in force for the request. */
int cloudep_is_guarded(request_rec *r);

/** The principal of this request, or of the one it was made from; NULL: none was found. */
const cloudep_principal_t *cloudep_guard_principal(request_rec *r);

/**
 * Why a request does not pass: TOKEN_MISSING when nobody has looked, the reason of the check of who asks when that
 * failed, and else ACCESS_REFUSED: who asks is known, but that is not enough here.
 */
cloudep_reason_e cloudep_guard_reason(request_rec *r);

/** The RFC 6750 error for a 401 or 403 of this request; NULL: it brought no token. */
const char *cloudep_guard_challenge(request_rec *r);

/* A proof that a session may lack: what "Require cloudep-mfa" and "cloudep-fresh" ask for. */
enum { CLOUDEP_PROOF_MFA = 1, CLOUDEP_PROOF_FRESH = 2 };

/** Whether a request is tried as if its session had a proof, to see whether that would let it in. */
int cloudep_is_taken_as_proved(request_rec *r, unsigned proof);

/* Hooks and providers, one function a file; mod_cloudep.c calls them. */

void cloudep_guard_register_hooks(void);
void cloudep_require_register(apr_pool_t *p);
void cloudep_error_register_hooks(void);
void cloudep_caching_register_hooks(void);
void cloudep_methods_register_hooks(void);
void cloudep_step_up_register_hooks(void);
void cloudep_enter_register_hooks(void);

#endif
