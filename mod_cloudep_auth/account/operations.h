/*
 * operations.h - the operations of the style "account". operations.c has the table; each file beside it has the fields
 * and the functions of one group.
 *
 * None of them names a tenant: CloudEPTenant does.
 */
#ifndef CLOUDEP_ACCOUNT_OPERATIONS_H
#define CLOUDEP_ACCOUNT_OPERATIONS_H

#include "flow/login.h"
#include "wire/account/account.h"

extern const cloudep_operation_t account_operations[];

/* registration.c */
extern const cloudep_field_t account_register_fields[], account_verify_email_fields[];
cloudep_outcome_t account_register(cloudep_call_t *call);
cloudep_outcome_t account_verify_email(cloudep_call_t *call);

/* session.c */
typedef struct account_login_t {
    cloudep_login_t login;
    const char *totp_code; /* NULL: not given */
} account_login_t;
typedef struct account_refresh_t {
    const char *refresh_token;
} account_refresh_t;
extern const cloudep_field_t account_login_fields[], account_refresh_fields[];
extern const cloudep_field_t account_reauthenticate_start_fields[], account_reauthenticate_fields[];
cloudep_outcome_t account_login(cloudep_call_t *call);
cloudep_outcome_t account_refresh(cloudep_call_t *call);
cloudep_outcome_t account_logout(cloudep_call_t *call);
cloudep_outcome_t account_reauthenticate_start(cloudep_call_t *call);
cloudep_outcome_t account_reauthenticate(cloudep_call_t *call);

/* me.c */
cloudep_outcome_t account_me(cloudep_call_t *call);
/** What a member is told of himself or herself. */
json_t *account_member(cloudep_call_t *call, const cloudep_member_t *member);

/* password.c */
extern const cloudep_field_t account_forgot_fields[], account_reset_fields[];
cloudep_outcome_t account_forgot(cloudep_call_t *call);
cloudep_outcome_t account_reset(cloudep_call_t *call);

/* totp.c */
extern const cloudep_field_t account_totp_verify_fields[], account_totp_disable_fields[];
cloudep_outcome_t account_totp_setup(cloudep_call_t *call);
cloudep_outcome_t account_totp_verify(cloudep_call_t *call);
cloudep_outcome_t account_totp_disable(cloudep_call_t *call);

#endif
