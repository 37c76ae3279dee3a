/*
 * password.h - a member's password: comparing one.
 */
#ifndef CLOUDEP_SERVICE_PASSWORD_H
#define CLOUDEP_SERVICE_PASSWORD_H

#include "core/context.h"
#include "idp/idp.h"

/**
 * Compares a password, and counts it when it is wrong. Nobody (user->uid NULL) takes as long as somebody.
 * CREDENTIALS_WRONG, TOO_MANY_PASSWORDS; LOGIN_REFUSED: the identity provider has the account blocked.
 * @param may_be_right 0: it is wrong, whatever the provider says
 */
cloudep_outcome_t cloudep_compare_password(cloudep_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                           int may_be_right);

#endif
