/*
 * admission.h - whether a tenant and an invite let somebody register.
 */
#ifndef CLOUDEP_ADMISSION_H
#define CLOUDEP_ADMISSION_H

#include "base/store/tenant_store.h"
#include "core/context.h"

/**
 * Looks at tenant, invite and email, in the order that tells nobody without an invite who is registered, and takes
 * nothing.
 * @param email NULL: not known yet
 * @return TENANT_UNKNOWN, REGISTRATION_CLOSED, INVITE_UNKNOWN, INVITE_EXPIRED, INVITE_USED_UP, EMAIL_TAKEN,
 *         REGISTRATION_PENDING
 */
cloudep_outcome_t cloudep_check_admission(cloudep_context_t *ctx, const char *slug, const char *invite_code,
                                          const char *email, cloudep_admission_t *admission);

/** Why a use of an invite could not be taken: what the admission says now; or else INVITE_BUSY. */
cloudep_outcome_t cloudep_explain_refused_invite(cloudep_context_t *ctx, const char *slug, const char *invite_code,
                                                 const char *email);

#endif
