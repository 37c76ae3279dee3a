/*
 * operations.h - the operations of /api/v1/auth. operations.c has the table; each file beside it has the fields and
 * the functions of one group.
 */
#ifndef CLOUDEP_AUTH_OPERATIONS_H
#define CLOUDEP_AUTH_OPERATIONS_H

#include "flow/login.h"
#include "wire/v1/v1.h"

extern const cloudep_operation_t auth_operations[];
extern const cloudep_operation_t auth_cookie_operations[]; /* cookie.c */

/* register.c */
extern const cloudep_field_t register_fields[], confirm_fields[], resend_fields[], resume_fields[];
cloudep_outcome_t run_register(cloudep_call_t *call);
cloudep_outcome_t run_register_confirm(cloudep_call_t *call);
cloudep_outcome_t run_register_resend(cloudep_call_t *call);
cloudep_outcome_t run_register_resume(cloudep_call_t *call);

/* login.c */
extern const cloudep_field_t login_fields[], login_mfa_fields[];
extern const cloudep_operation_t login_completion;
cloudep_outcome_t run_login(cloudep_call_t *call);
cloudep_outcome_t run_login_mfa(cloudep_call_t *call);

extern const cloudep_field_t code_login_start_fields[], code_login_fields[];
cloudep_outcome_t run_code_login_start(cloudep_call_t *call);
cloudep_outcome_t run_code_login(cloudep_call_t *call);

/** Answers a login that is through with tokens, and one that lacks the second factor with its challenge. */
cloudep_outcome_t answer_login(cloudep_call_t *call, const cloudep_login_result_t *result);

/* mfa.c */
extern const cloudep_field_t mfa_verify_fields[], mfa_disable_fields[], mfa_backup_code_fields[];
cloudep_outcome_t run_mfa_setup(cloudep_call_t *call);
cloudep_outcome_t run_mfa_verify(cloudep_call_t *call);
cloudep_outcome_t run_mfa_disable(cloudep_call_t *call);
cloudep_outcome_t run_mfa_status(cloudep_call_t *call);
cloudep_outcome_t run_mfa_backup_codes(cloudep_call_t *call);
cloudep_outcome_t run_mfa_backup_code(cloudep_call_t *call);
/* passkey.c */
extern const cloudep_field_t passkey_start_fields[], passkey_login_fields[];
cloudep_outcome_t run_passkey_login_start(cloudep_call_t *call);
cloudep_outcome_t run_passkey_login(cloudep_call_t *call);

/* password.c */
extern const cloudep_field_t forgot_fields[], reset_fields[], link_reset_fields[];
cloudep_outcome_t run_password_forgot(cloudep_call_t *call);
cloudep_outcome_t run_password_reset(cloudep_call_t *call);
cloudep_outcome_t run_password_reset_by_link(cloudep_call_t *call);

/* reauthenticate.c */
extern const cloudep_field_t reauthenticate_start_fields[], reauthenticate_fields[];
cloudep_outcome_t run_reauthenticate_start(cloudep_call_t *call);
cloudep_outcome_t run_reauthenticate(cloudep_call_t *call);

/* undo.c */
extern const cloudep_field_t undo_fields[];
cloudep_outcome_t run_undo(cloudep_call_t *call);

/* token.c */
typedef struct refresh_t {
    const char *refresh_token;
} refresh_t;
extern const cloudep_field_t refresh_fields[];
cloudep_outcome_t run_token_refresh(cloudep_call_t *call);
cloudep_outcome_t run_logout(cloudep_call_t *call);

/* social.c */
extern const cloudep_field_t social_register_fields[], social_login_fields[], social_callback_fields[];
extern const cloudep_field_t social_form_fields[];
cloudep_outcome_t run_social_register_start(cloudep_call_t *call);
cloudep_outcome_t run_social_register_callback(cloudep_call_t *call);
cloudep_outcome_t run_social_login_start(cloudep_call_t *call);
cloudep_outcome_t run_social_login_callback(cloudep_call_t *call);
cloudep_outcome_t run_social_register_form(cloudep_call_t *call);
cloudep_outcome_t run_social_login_form(cloudep_call_t *call);

/* exchange.c */
extern const cloudep_field_t exchange_fields[];
cloudep_outcome_t run_token_exchange(cloudep_call_t *call);

/* verify.c */
typedef struct verify_t {
    const char *tenant;    /* slug; NULL: any */
    const char *mfa;       /* seconds since the last second factor, at most; NULL: none is needed */
    const char *fresh;     /* seconds since the last proof, at most; NULL: any session will do */
    const char *preflight; /* "on": CORS preflights pass without a token; NULL: they do not */
    const char *redirect;  /* "on": 303 to the login page; NULL: 401 or 403 that names it */
} verify_t;
extern const cloudep_field_t verify_fields[];
cloudep_outcome_t run_verify(cloudep_call_t *call);

#endif
