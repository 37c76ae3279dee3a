/*
 * operations.c - the table of /api/v1/auth.
 */
#include "operations.h"

#include "flow/code_login.h"
#include "flow/login_second_factor.h"
#include "flow/passkey_login.h"
#include "flow/password_reset.h"
#include "flow/reauthentication.h"
#include "flow/registration.h"
#include "flow/social_login.h"
#include "flow/token_exchange.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"
#include "flow/undo.h"

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)
#define STORED (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_SIGNING)
#define FACTOR (LIVE | CLOUDEP_NEEDS_SEALING)
#define CODES (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_MAIL)
#define SOCIAL (STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_SOCIAL)

#define MEMBER CLOUDEP_OPERATION_MEMBER
#define RENEWS (CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_RENEWS)

/* The fields of an operation and the flow's input that they are bound into. */
#define INPUT(table, type) .fields = (table), .size = sizeof(type)

const cloudep_operation_t auth_operations[] = {
    {"POST", "/register", "auth.register", CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(register_fields, cloudep_registration_t), .run = run_register},
    {"POST", "/register/confirm", "auth.register.confirm", STORED | CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(confirm_fields, cloudep_confirmation_t), .run = run_register_confirm},
    {"POST", "/register/resend", "auth.register.resend", CODES, 0, INPUT(resend_fields, cloudep_resend_t),
     .run = run_register_resend},
    {"POST", "/register/resume", "auth.register.resume", CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(resume_fields, cloudep_resume_t), .run = run_register_resume},
    {"POST", "/register/social/start", "auth.register.social.start", SOCIAL, 0,
     INPUT(social_register_fields, cloudep_social_registration_t), .run = run_social_register_start},
    {"GET", "/register/social/callback", "auth.register.social.callback", SOCIAL, CLOUDEP_OPERATION_QUERY,
     INPUT(social_callback_fields, cloudep_social_callback_t), .run = run_social_register_callback},
    {"POST", "/register/social/callback", "auth.register.social.form", SOCIAL,
     CLOUDEP_OPERATION_FORM | CLOUDEP_OPERATION_QUIET, INPUT(social_form_fields, cloudep_social_form_t),
     .run = run_social_register_form},
    {"POST", "/login", "auth.login", STORED | CLOUDEP_NEEDS_PROVIDER, 0, INPUT(login_fields, cloudep_login_t),
     .run = run_login, .when = "challenge_id", .instead = &login_completion},
    {"POST", "/login/mfa", "auth.login.mfa", STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING, 0,
     INPUT(login_mfa_fields, cloudep_login_factor_t), .run = run_login_mfa},
    {"POST", "/login/code/start", "auth.login.code.start",
     CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING, 0,
     INPUT(code_login_start_fields, cloudep_code_login_start_t), .run = run_code_login_start},
    {"POST", "/login/code", "auth.login.code", STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING, 0,
     INPUT(code_login_fields, cloudep_code_login_t), .run = run_code_login},
    {"POST", "/mfa/setup", "auth.mfa.setup", FACTOR, MEMBER, .run = run_mfa_setup},
    {"POST", "/mfa/verify", "auth.mfa.verify", FACTOR, RENEWS, INPUT(mfa_verify_fields, cloudep_totp_code_t),
     .run = run_mfa_verify},
    /* Whether passwords can be compared, its flow asks. */
    {"POST", "/mfa/disable", "auth.mfa.disable", FACTOR, RENEWS, INPUT(mfa_disable_fields, cloudep_totp_removal_t),
     .run = run_mfa_disable},
    {"GET", "/mfa/status", "auth.mfa.status", LIVE, MEMBER | CLOUDEP_OPERATION_QUIET, .run = run_mfa_status},
    {"POST", "/mfa/backup-codes", "auth.mfa.backup_codes", FACTOR, RENEWS, .run = run_mfa_backup_codes},
    {"POST", "/mfa/backup-codes/verify", "auth.mfa.backup_codes.verify", FACTOR, RENEWS,
     INPUT(mfa_backup_code_fields, cloudep_totp_code_t), .run = run_mfa_backup_code},
    {"POST", "/login/passkey/start", "auth.login.passkey.start", STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_PASSKEYS,
     0, INPUT(passkey_start_fields, cloudep_passkey_entry_t), .run = run_passkey_login_start},
    {"POST", "/login/passkey", "auth.login.passkey", STORED | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_PASSKEYS, 0,
     INPUT(passkey_login_fields, cloudep_passkey_login_t), .run = run_passkey_login},
    {"POST", "/login/social/start", "auth.login.social.start", SOCIAL, 0,
     INPUT(social_login_fields, cloudep_social_entry_t), .run = run_social_login_start},
    {"GET", "/login/social/callback", "auth.login.social.callback", SOCIAL, CLOUDEP_OPERATION_QUERY,
     INPUT(social_callback_fields, cloudep_social_callback_t), .run = run_social_login_callback},
    {"POST", "/login/social/callback", "auth.login.social.form", SOCIAL,
     CLOUDEP_OPERATION_FORM | CLOUDEP_OPERATION_QUIET, INPUT(social_form_fields, cloudep_social_form_t),
     .run = run_social_login_form},
    {"POST", "/password/forgot", "auth.password.forgot", CODES, 0, INPUT(forgot_fields, cloudep_forgot_t),
     .run = run_password_forgot},
    {"POST", "/password/reset", "auth.password.reset", CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(reset_fields, cloudep_reset_t), .run = run_password_reset},
    {"POST", "/password/reset-by-link", "auth.password.reset_by_link", CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_PROVIDER,
     0, INPUT(link_reset_fields, cloudep_link_reset_t), .run = run_password_reset_by_link},
    /* What a proof needs beyond these, its flow asks for. */
    {"POST", "/reauthenticate/start", "auth.reauthenticate.start", LIVE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING,
     CLOUDEP_OPERATION_MEMBER, INPUT(reauthenticate_start_fields, cloudep_reauthentication_start_t),
     .run = run_reauthenticate_start},
    {"POST", "/reauthenticate", "auth.reauthenticate", LIVE, CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_RENEWS,
     INPUT(reauthenticate_fields, cloudep_reauthentication_t), .run = run_reauthenticate},
    {"POST", "/undo", "auth.undo", CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(undo_fields, cloudep_undo_t), .run = run_undo},
    {"POST", "/token/refresh", "auth.token.refresh", STORED, 0, INPUT(refresh_fields, refresh_t),
     .run = run_token_refresh},
    {"POST", "/token/exchange", "auth.token.exchange", STORED | CLOUDEP_NEEDS_EXCHANGE, 0,
     INPUT(exchange_fields, cloudep_exchange_t), .run = run_token_exchange},
    {"POST", "/logout", "auth.logout", LIVE, CLOUDEP_OPERATION_MEMBER, .run = run_logout},
    {"GET", "/verify", "auth.verify", LIVE,
     CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_QUERY | CLOUDEP_OPERATION_STRICT_QUERY | CLOUDEP_OPERATION_QUIET |
         CLOUDEP_OPERATION_FORWARD_AUTH,
     INPUT(verify_fields, verify_t), .run = run_verify},
    {NULL},
};
