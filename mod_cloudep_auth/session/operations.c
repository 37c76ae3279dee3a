/*
 * operations.c - the table of the style "session".
 */
#include "operations.h"

#include "flow/code_login.h"
#include "flow/linked_account.h"
#include "flow/login.h"
#include "flow/login_phone.h"
#include "flow/password_change.h"
#include "flow/password_reset.h"
#include "flow/reauthentication.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_login.h"
#include "wire/handoff.h"
#include "service/contact_code.h"

#define LIVE (CLOUDEP_NEEDS_DATABASE | CLOUDEP_NEEDS_TENANT)
#define CACHED (LIVE | CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING)
#define MAILED (CACHED | CLOUDEP_NEEDS_MAIL)
#define TEXTED (CACHED | CLOUDEP_NEEDS_SMS)
#define FACTOR (LIVE | CLOUDEP_NEEDS_SEALING)

#define MEMBER CLOUDEP_OPERATION_MEMBER
#define RENEWS (CLOUDEP_OPERATION_MEMBER | CLOUDEP_OPERATION_RENEWS)
#define QUIET CLOUDEP_OPERATION_QUIET
#define QUERY CLOUDEP_OPERATION_QUERY
#define NO_QUERY (CLOUDEP_OPERATION_QUERY | CLOUDEP_OPERATION_STRICT_QUERY)

/* The fields of an operation and the flow's input that they are bound into. */
#define INPUT(table, type) .fields = (table), .size = sizeof(type)

/* What sends something is asked for by GET in the contract; POST has it in the body and out of every log. */
const cloudep_operation_t session_operations[] = {
    {"GET", "", "session.ping", 0, QUIET | NO_QUERY, .fields = session_no_fields, .run = session_ping},
    {"GET", "/", "session.ping", 0, QUIET | NO_QUERY, .fields = session_no_fields, .run = session_ping},
    {"POST", "/login", "session.login", LIVE | CLOUDEP_NEEDS_PROVIDER, 0, INPUT(session_login_fields, cloudep_login_t),
     .run = session_login},
    {"POST", "/login/totp", "session.login.totp", CACHED, 0, INPUT(session_totp_login_fields, cloudep_totp_login_t),
     .run = session_totp_login},
    {"GET", "/login/sms", "session.login.sms.start", TEXTED, QUERY,
     INPUT(session_sms_start_fields, cloudep_code_login_start_t), .run = session_sms_start},
    {"POST", "/login/sms", "session.login.sms.start", TEXTED, 0,
     INPUT(session_sms_start_fields, cloudep_code_login_start_t), .run = session_sms_start, .when = "code",
     .instead = &session_sms_login},
    {"GET", "/forget_code", "session.password.forgot", MAILED, QUERY, INPUT(session_forgot_fields, cloudep_forgot_t),
     .run = session_forgot},
    {"POST", "/forget_code", "session.password.forgot", MAILED, 0, INPUT(session_forgot_fields, cloudep_forgot_t),
     .run = session_forgot},
    {"POST", "/forget_reset", "session.password.reset", CACHED | CLOUDEP_NEEDS_PROVIDER, 0,
     INPUT(session_reset_fields, cloudep_reset_t), .run = session_reset},
    {"GET", "/verify", "session.verify", LIVE, MEMBER | QUIET | NO_QUERY, .fields = session_no_fields,
     .run = session_verify},
    {"GET", "/refresh_code", "session.refresh.code", CACHED, MEMBER, .run = session_refresh_code},
    {"POST", "/refresh_code", "session.refresh.code", CACHED, MEMBER, .run = session_refresh_code},
    {"GET", "/refresh_token", "session.refresh", CACHED, MEMBER | QUERY,
     INPUT(session_renewal_query, session_renewal_t), .run = session_refresh_token},
    {"POST", "/refresh_token", "session.refresh", CACHED, MEMBER, INPUT(session_renewal_fields, session_renewal_t),
     .run = session_refresh_token},
    {"POST", "/logout", "session.logout", LIVE, 0, .run = session_logout},
    {"POST", "/reauthenticate/start", "session.reauthenticate.start", MAILED, MEMBER,
     INPUT(session_proof_start_fields, cloudep_reauthentication_start_t), .run = session_proof_start},
    /* What a proof needs beyond these, its flow asks for. */
    {"POST", "/reauthenticate", "session.reauthenticate", LIVE, RENEWS,
     INPUT(session_proof_fields, cloudep_reauthentication_t), .run = session_proof},
    {"GET", "/user", "session.user", LIVE, MEMBER | QUIET | NO_QUERY, .fields = session_no_fields, .run = session_user},
    /* A change of the address needs more, which its flow finds off. */
    {"PATCH", "/user", "session.user.change", LIVE, MEMBER, INPUT(session_change_fields, session_change_t),
     .run = session_change},
    {"POST", "/user/email", "session.user.email", CACHED | CLOUDEP_NEEDS_PROVIDER, RENEWS,
     INPUT(session_email_fields, cloudep_contact_confirm_t), .run = session_email},
    {"POST", "/user/password", "session.user.password", LIVE | CLOUDEP_NEEDS_PROVIDER, RENEWS,
     INPUT(session_password_fields, cloudep_own_password_t), .run = session_password},
    {"GET", "/user/phone_code", "session.user.phone.start", TEXTED, MEMBER | QUERY,
     INPUT(session_phone_start_fields, cloudep_login_phone_start_t), .run = session_phone_start},
    {"POST", "/user/phone_code", "session.user.phone.start", TEXTED, MEMBER,
     INPUT(session_phone_start_fields, cloudep_login_phone_start_t), .run = session_phone_start},
    {"POST", "/user/phone", "session.user.phone", CACHED, RENEWS,
     INPUT(session_phone_fields, cloudep_contact_confirm_t), .run = session_phone},
    {"GET", "/user/totp", "session.user.totp.start", FACTOR, MEMBER | NO_QUERY, .fields = session_no_fields,
     .run = session_totp_start},
    {"POST", "/user/totp", "session.user.totp", FACTOR, RENEWS, INPUT(session_totp_fields, cloudep_totp_pair_t),
     .run = session_totp},
    {"GET", "/user/lark", "session.user.lark.start", CACHED, MEMBER | QUERY,
     INPUT(session_lark_fields, cloudep_link_start_t), .run = session_lark},
    {"GET", "/user/lark/callback", "session.user.lark", CACHED, RENEWS | QUERY | CLOUDEP_OPERATION_FROM_ELSEWHERE,
     INPUT(session_lark_callback_fields, cloudep_link_confirm_t), .run = session_lark_callback},
    {"DELETE", "/user/{id}", "session.user.unset", LIVE, RENEWS, .size = sizeof(session_key_t),
     .id_at = offsetof(session_key_t, key), .run = session_unset},
    {"POST", "/handoff", "session.handoff", LIVE | CLOUDEP_NEEDS_CACHE, MEMBER,
     INPUT(cloudep_handoff_fields, cloudep_handoff_body_t), .run = cloudep_run_handoff},
    {"GET", "/options", "session.options", 0, QUIET | QUERY, INPUT(session_option_fields, session_option_t),
     .run = session_options},
    {NULL},
};
