/*
 * purpose.h - what a challenge is for. A challenge of one purpose never serves another.
 */
#ifndef CLOUDEP_PURPOSE_H
#define CLOUDEP_PURPOSE_H

#define CLOUDEP_PURPOSE_REGISTRATION "registration"
#define CLOUDEP_PURPOSE_PASSWORD_RESET "password_reset"
#define CLOUDEP_PURPOSE_LOGIN_MFA "login_mfa"
#define CLOUDEP_PURPOSE_LOGIN_CODE "login_code"
#define CLOUDEP_PURPOSE_LOGIN_SMS "login_sms"
#define CLOUDEP_PURPOSE_RENEWAL "renewal"
#define CLOUDEP_PURPOSE_REAUTHENTICATION "reauthentication"
#define CLOUDEP_PURPOSE_SOCIAL_REGISTER "social_register"
#define CLOUDEP_PURPOSE_SOCIAL_LOGIN "social_login"
#define CLOUDEP_PURPOSE_SOCIAL_LINK "social_link"
#define CLOUDEP_PURPOSE_EMAIL_CHANGE "email_change"
#define CLOUDEP_PURPOSE_LOGIN_PHONE "login_phone"
#define CLOUDEP_PURPOSE_BUSINESS_EMAIL "business_email"
#define CLOUDEP_PURPOSE_BUSINESS_PHONE "business_phone"
#define CLOUDEP_PURPOSE_PASSKEY_REGISTER "passkey_register"
#define CLOUDEP_PURPOSE_PASSKEY_LOGIN "passkey_login"
#define CLOUDEP_PURPOSE_PASSKEY_REAUTHENTICATION "passkey_reauthentication"

#endif
