/*
 * operations.h - the operations of the style "session". operations.c has the table; each file beside it has the fields
 * and the functions of one group.
 *
 * None of them names a tenant: CloudEPTenant does. What a browser has under way is in its pending cookie.
 */
#ifndef CLOUDEP_SESSION_OPERATIONS_H
#define CLOUDEP_SESSION_OPERATIONS_H

#include "wire/session/session.h"

extern const cloudep_operation_t session_operations[];

/* entry.c */
extern const cloudep_field_t session_no_fields[], session_login_fields[], session_totp_login_fields[];
extern const cloudep_field_t session_sms_start_fields[];
extern const cloudep_operation_t session_sms_login;
cloudep_outcome_t session_login(cloudep_call_t *call);
cloudep_outcome_t session_totp_login(cloudep_call_t *call);
cloudep_outcome_t session_sms_start(cloudep_call_t *call);
cloudep_outcome_t session_logout(cloudep_call_t *call);

/* password.c */
extern const cloudep_field_t session_forgot_fields[], session_reset_fields[], session_password_fields[];
cloudep_outcome_t session_forgot(cloudep_call_t *call);
cloudep_outcome_t session_reset(cloudep_call_t *call);
cloudep_outcome_t session_password(cloudep_call_t *call);

/* live.c */
typedef struct session_renewal_t {
    const char *code;
} session_renewal_t;
extern const cloudep_field_t session_renewal_query[], session_renewal_fields[];
extern const cloudep_field_t session_proof_start_fields[], session_proof_fields[];
cloudep_outcome_t session_verify(cloudep_call_t *call);
cloudep_outcome_t session_refresh_code(cloudep_call_t *call);
cloudep_outcome_t session_refresh_token(cloudep_call_t *call);
cloudep_outcome_t session_proof_start(cloudep_call_t *call);
cloudep_outcome_t session_proof(cloudep_call_t *call);

/* user.c */
typedef struct session_change_t {
    const char *key;
    const char *email;
    const char *name;
    const char *avatar;
} session_change_t;
extern const cloudep_field_t session_change_fields[], session_email_fields[];
extern const cloudep_field_t session_phone_start_fields[], session_phone_fields[];
cloudep_outcome_t session_user(cloudep_call_t *call);
cloudep_outcome_t session_change(cloudep_call_t *call);
cloudep_outcome_t session_email(cloudep_call_t *call);
cloudep_outcome_t session_phone_start(cloudep_call_t *call);
cloudep_outcome_t session_phone(cloudep_call_t *call);

/* factors.c */
typedef struct session_key_t {
    const char *key; /* phone, totp, lark */
} session_key_t;
extern const cloudep_field_t session_totp_fields[], session_lark_fields[], session_lark_callback_fields[];
cloudep_outcome_t session_totp_start(cloudep_call_t *call);
cloudep_outcome_t session_totp(cloudep_call_t *call);
cloudep_outcome_t session_lark(cloudep_call_t *call);
cloudep_outcome_t session_lark_callback(cloudep_call_t *call);
cloudep_outcome_t session_unset(cloudep_call_t *call);

/* site.c */
typedef struct session_option_t {
    const char *type;
} session_option_t;
extern const cloudep_field_t session_option_fields[];
cloudep_outcome_t session_ping(cloudep_call_t *call);
cloudep_outcome_t session_options(cloudep_call_t *call);

#endif
