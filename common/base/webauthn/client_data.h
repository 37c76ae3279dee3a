/*
 * client_data.h - what the browser says about the page it ran on (WebAuthn Level 3 section 5.8.1).
 */
#ifndef CLOUDEP_CLIENT_DATA_H
#define CLOUDEP_CLIENT_DATA_H

#include "base/webauthn/webauthn.h"

/**
 * Checks clientDataJSON: 7.1 steps 5 to 11, 7.2 steps 8 to 14. Members that are not known are skipped, as browsers add
 * some at random; a member that is there twice is malformed.
 * type: "webauthn.create" or "webauthn.get".
 * CLOUDEP_WEBAUTHN_CLIENT_DATA, _TYPE, _CHALLENGE, _ORIGIN, _CROSS_ORIGIN, _TOP_ORIGIN.
 */
cloudep_webauthn_reason_t cloudep_client_data_check(apr_pool_t *pool, const cloudep_webauthn_bytes_t *client_data,
                                                    const char *type, const cloudep_webauthn_rule_t *rule);

#endif
