/*
 * operations.c - the table of /api/v1/members.
 */
#include "operations.h"

#include <stddef.h>
#include "flow/contact_verification.h"
#include "flow/email_change.h"
#include "flow/linked_account.h"
#include "flow/login_phone.h"
#include "flow/own_sessions.h"
#include "flow/passkeys.h"
#include "flow/password_change.h"
#include "flow/profile.h"
#include "flow/totp_enrolment.h"

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_VERIFYING)
#define FACTOR (LIVE | CLOUDEP_NEEDS_SEALING)
#define CODES (FACTOR | CLOUDEP_NEEDS_CACHE)
#define PASSKEYS (LIVE | CLOUDEP_NEEDS_PASSKEYS)

#define MEMBER CLOUDEP_OPERATION_MEMBER
#define RENEWS (CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_RENEWS)
#define QUIET (CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_QUIET)

/* The fields of an operation and the flow's input that they are bound into. */
#define INPUT(table, type) .fields = (table), .size = sizeof(type)

const cloudep_operation_t member_operations[] = {
    {"GET", "/me", "members.me", LIVE, QUIET, .run = run_get_profile},
    {"PATCH", "/me", "members.me.patch", LIVE, MEMBER, INPUT(profile_fields, cloudep_profile_t),
     .run = run_update_profile},
    {"POST", "/me/password", "members.me.password", LIVE | CLOUDEP_NEEDS_PROVIDER, RENEWS,
     INPUT(password_fields, cloudep_own_password_t), .run = run_password_change},
    {"POST", "/me/verifications/email/start", "members.me.verifications.email.start", CODES | CLOUDEP_NEEDS_MAIL,
     MEMBER, INPUT(email_start_fields, cloudep_contact_start_t), .run = run_email_start},
    {"POST", "/me/verifications/email/confirm", "members.me.verifications.email.confirm", CODES | CLOUDEP_NEEDS_MAIL,
     MEMBER, INPUT(contact_confirm_fields, cloudep_contact_confirm_t), .run = run_email_confirm},
    {"POST", "/me/verifications/phone/start", "members.me.verifications.phone.start", CODES | CLOUDEP_NEEDS_SMS, MEMBER,
     INPUT(phone_start_fields, cloudep_contact_start_t), .run = run_phone_start},
    {"POST", "/me/verifications/phone/confirm", "members.me.verifications.phone.confirm", CODES | CLOUDEP_NEEDS_SMS,
     MEMBER, INPUT(contact_confirm_fields, cloudep_contact_confirm_t), .run = run_phone_confirm},
    {"GET", "/me/sessions", "members.me.sessions", LIVE, QUIET | CLOUDEP_OPERATION_QUERY,
     INPUT(page_fields, cloudep_page_t), .run = run_list_sessions},
    {"DELETE", "/me/sessions", "members.me.sessions.delete_others", LIVE, MEMBER, .run = run_end_other_sessions},
    {"DELETE", "/me/sessions/{id}", "members.me.sessions.delete", LIVE, MEMBER, .size = sizeof(cloudep_session_id_t),
     .id_at = offsetof(cloudep_session_id_t, id), .run = run_end_session},
    {"GET", "/me/events", "members.me.events", LIVE, QUIET | CLOUDEP_OPERATION_QUERY,
     INPUT(page_fields, cloudep_page_t), .run = run_list_events},
    {"GET", "/me/totp", "members.me.totp", LIVE, QUIET, .run = run_get_totp},
    {"GET", "/me/totp/qr", "members.me.totp.qr", FACTOR, QUIET, .run = run_totp_picture},
    {"POST", "/me/totp/enroll-start", "members.me.totp.enroll-start", FACTOR, MEMBER, .run = run_totp_start},
    {"POST", "/me/totp/enroll-confirm", "members.me.totp.enroll-confirm", FACTOR, RENEWS,
     INPUT(totp_confirm_fields, cloudep_totp_code_t), .run = run_totp_confirm},
    {"POST", "/me/totp/verify", "members.me.totp.verify", FACTOR, RENEWS,
     INPUT(totp_verify_fields, cloudep_totp_code_t), .run = run_totp_verify},
    {"POST", "/me/totp/backup-codes", "members.me.totp.backup-codes", FACTOR, RENEWS, .run = run_totp_backup_codes},
    {"DELETE", "/me/totp", "members.me.totp.delete", LIVE, RENEWS, .run = run_totp_remove},
    {"POST", "/me/passkeys/start", "members.me.passkeys.start", PASSKEYS | CLOUDEP_NEEDS_CACHE, MEMBER,
     .run = run_passkey_start},
    {"POST", "/me/passkeys/finish", "members.me.passkeys.finish", PASSKEYS | CLOUDEP_NEEDS_CACHE, RENEWS,
     INPUT(passkey_finish_fields, cloudep_passkey_finish_t), .run = run_passkey_finish},
    {"GET", "/me/passkeys", "members.me.passkeys", PASSKEYS, QUIET, .run = run_passkey_list},
    {"PATCH", "/me/passkeys/{id}", "members.me.passkeys.patch", PASSKEYS, MEMBER,
     INPUT(passkey_name_fields, cloudep_passkey_name_t), .id_at = offsetof(cloudep_passkey_name_t, id),
     .run = run_passkey_rename},
    {"DELETE", "/me/passkeys/{id}", "members.me.passkeys.delete", PASSKEYS, RENEWS,
     .size = sizeof(cloudep_passkey_id_t), .id_at = offsetof(cloudep_passkey_id_t, id), .run = run_passkey_remove},
    {"POST", "/me/email/start", "members.me.email.start", CODES | CLOUDEP_NEEDS_MAIL, MEMBER,
     INPUT(login_email_start_fields, cloudep_email_start_t), .run = run_login_email_start},
    {"POST", "/me/email/confirm", "members.me.email.confirm", CODES | CLOUDEP_NEEDS_MAIL | CLOUDEP_NEEDS_PROVIDER,
     RENEWS, INPUT(contact_confirm_fields, cloudep_contact_confirm_t), .run = run_login_email_confirm},
    {"POST", "/me/login-phone/start", "members.me.login-phone.start", CODES | CLOUDEP_NEEDS_SMS, MEMBER,
     INPUT(login_phone_start_fields, cloudep_login_phone_start_t), .run = run_login_phone_start},
    {"POST", "/me/login-phone/confirm", "members.me.login-phone.confirm", CODES | CLOUDEP_NEEDS_SMS, RENEWS,
     INPUT(contact_confirm_fields, cloudep_contact_confirm_t), .run = run_login_phone_confirm},
    {"DELETE", "/me/login-phone", "members.me.login-phone.delete", LIVE, RENEWS, .run = run_login_phone_remove},
    {"GET", "/me/identities", "members.me.identities", LIVE, QUIET, .run = run_linked_accounts},
    {"POST", "/me/identities/start", "members.me.identities.start", CODES | CLOUDEP_NEEDS_SOCIAL, MEMBER,
     INPUT(link_start_fields, cloudep_link_start_t), .run = run_link_start},
    {"POST", "/me/identities/confirm", "members.me.identities.confirm", CODES | CLOUDEP_NEEDS_SOCIAL, RENEWS,
     INPUT(link_confirm_fields, cloudep_link_confirm_t), .run = run_link_confirm},
    {"DELETE", "/me/identities/{id}", "members.me.identities.delete", LIVE, RENEWS, .size = sizeof(cloudep_unlink_t),
     .id_at = offsetof(cloudep_unlink_t, id), .run = run_unlink},
    {"GET", "/me/export", "members.me.export", LIVE, MEMBER, .run = run_export},
    {"DELETE", "/me", "members.me.delete", LIVE, MEMBER, .run = run_leave},
    {NULL},
};
