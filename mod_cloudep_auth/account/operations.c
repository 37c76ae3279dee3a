/*
 * operations.c - the table of the style "account".
 */
#include "operations.h"

#include "flow/password_reset.h"
#include "flow/reauthentication.h"
#include "flow/registration.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING | CLOUDEP_NEEDS_TENANT)
#define STORED (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_SIGNING | CLOUDEP_NEEDS_TENANT)
#define FACTOR (LIVE | CLOUDEP_NEEDS_SEALING)
#define CODES                                                                                                          \
    (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_MAIL | CLOUDEP_NEEDS_TENANT)

#define MEMBER CLOUDEP_OPERATION_MEMBER

/* The fields of an operation and the flow's input that they are bound into. */
#define INPUT(table, type) .fields = (table), .size = sizeof(type)

const cloudep_operation_t account_operations[] = {
    {"POST", "/register", "account.register", CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(account_register_fields, cloudep_registration_t), .run = account_register},
    {"POST", "/verify-email", "account.verify-email", STORED | CODES | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(account_verify_email_fields, cloudep_confirmation_t), .run = account_verify_email},
    {"POST", "/login", "account.login", STORED | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(account_login_fields, account_login_t), .run = account_login},
    {"POST", "/refresh", "account.refresh", STORED, 0, INPUT(account_refresh_fields, account_refresh_t),
     .run = account_refresh},
    {"POST", "/logout", "account.logout", LIVE, MEMBER, .run = account_logout},
    {"GET", "/me", "account.me", LIVE, MEMBER | CLOUDEP_OPERATION_QUIET, .run = account_me},
    {"POST", "/forgot-password", "account.password.forgot", CODES, 0, INPUT(account_forgot_fields, cloudep_forgot_t),
     .run = account_forgot},
    {"POST", "/reset-password", "account.password.reset",
     CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_PROVIDER | CLOUDEP_NEEDS_TENANT, 0,
     INPUT(account_reset_fields, cloudep_link_reset_t), .run = account_reset},
    {"POST", "/totp/setup", "account.totp.setup", FACTOR, MEMBER, .run = account_totp_setup},
    {"POST", "/totp/verify", "account.totp.verify", FACTOR, MEMBER,
     INPUT(account_totp_verify_fields, cloudep_totp_code_t), .run = account_totp_verify},
    {"POST", "/totp/disable", "account.totp.disable", FACTOR | CLOUDEP_NEEDS_PROVIDER, MEMBER,
     INPUT(account_totp_disable_fields, cloudep_totp_removal_t), .run = account_totp_disable},
    {"POST", "/reauthenticate/start", "account.reauthenticate.start",
     LIVE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_MAIL, MEMBER,
     INPUT(account_reauthenticate_start_fields, cloudep_reauthentication_start_t), .run = account_reauthenticate_start},
    /* What a proof needs beyond these, its flow asks for. */
    {"POST", "/reauthenticate", "account.reauthenticate", LIVE, MEMBER,
     INPUT(account_reauthenticate_fields, cloudep_reauthentication_t), .run = account_reauthenticate},
    {NULL},
};
