/*
 * password.h - a member's password: comparing one, and setting the next.
 */
#ifndef CLOUDEP_SERVICE_PASSWORD_H
#define CLOUDEP_SERVICE_PASSWORD_H

#include "base/store/password_store.h"
#include "core/context.h"
#include "idp/idp.h"

/**
 * Compares a password as it was typed, and counts it when it is wrong. Nobody (member NULL) takes as long as somebody.
 * CREDENTIALS_WRONG, TOO_MANY_PASSWORDS; LOGIN_REFUSED: the identity provider has the account blocked.
 * @param may_be_right 0: it is wrong, whatever the provider says
 */
cloudep_outcome_t cloudep_compare_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                           const cloudep_member_t *member, const char *email, const char *password,
                                           int may_be_right);

/**
 * Sets a password at the provider, ends the member's sessions and enqueues the notice.
 * FIELD_INVALID at field (an offsetof of the flow's input): the provider refuses it. CREDENTIALS_CHANGED: the member is
 * not active, or what change demands is not so any more; then the password that the provider was given is nobody's.
 * @param change what it demands, the session that goes on, and the reason of those that end; the rest is filled here
 */
cloudep_outcome_t cloudep_set_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                       const cloudep_member_t *member, apr_size_t field, const char *password,
                                       const cloudep_password_change_t *change);

/** Gives the provider a password that nobody knows, in place of the member's. What is stored here is the caller's. */
cloudep_outcome_t cloudep_spoil_password(cloudep_context_t *ctx, const cloudep_tenant_t *tenant,
                                         const cloudep_member_t *member);

#endif
