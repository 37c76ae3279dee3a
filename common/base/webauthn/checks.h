/*
 * checks.h - what registration and assertion demand alike of authenticator data.
 */
#ifndef CLOUDEP_WEBAUTHN_CHECKS_H
#define CLOUDEP_WEBAUTHN_CHECKS_H

#include "base/webauthn/authenticator_data.h"
#include "base/webauthn/webauthn.h"

/**
 * The relying party and the flags that do not need the credential. CLOUDEP_WEBAUTHN_RP_ID, _USER_PRESENCE,
 * _USER_VERIFICATION, _BACKUP_STATE, _UNABLE.
 */
cloudep_webauthn_reason_t cloudep_webauthn_check_data(const cloudep_authenticator_data_t *data,
                                                      const cloudep_webauthn_rule_t *rule, int user_presence_required);

/** The status that goes with a reason. */
apr_status_t cloudep_webauthn_status(cloudep_webauthn_reason_t reason);

#endif
