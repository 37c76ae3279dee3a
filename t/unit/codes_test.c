/*
 * codes_test.c - v1's status, code and message for each reason, and what the contract has otherwise for some
 * operations.
 */
#include <string.h>
#include "tap.h"
#include "wire/v1/v1.h"

static cloudep_v1_code_t at(const char *name, cloudep_reason_e reason, const char *language)
{
    const cloudep_operation_t operation = {.name = name};

    return cloudep_v1_code(name ? &operation : NULL, reason, language);
}

/* Whether some other reason has the same message. */
static int is_shared(cloudep_reason_e reason, const char *language)
{
    for (int other = CLOUDEP_DONE; other < CLOUDEP_REASON_COUNT; other++) {
        if (other != (int)reason &&
            !strcmp(at(NULL, (cloudep_reason_e)other, language).message, at(NULL, reason, language).message)) {
            return 1;
        }
    }
    return 0;
}

static void test_every_reason(void)
{
    for (int i = CLOUDEP_DONE + 1; i < CLOUDEP_REASON_COUNT; i++) {
        const cloudep_reason_e reason = (cloudep_reason_e)i;
        const char *word = cloudep_reason_word(reason);
        const cloudep_v1_code_t english = at(NULL, reason, NULL);
        const cloudep_v1_code_t chinese = at(NULL, reason, "zh-TW");

        ok(english.status >= 400 && english.status < 600, "%s has a status of a failure", word);
        ok(english.code >= 10101000 && english.code < 30000000, "%s has a code", word);
        ok(english.message && *english.message, "%s has an English message", word);
        ok(chinese.message && *chinese.message, "%s has a Chinese message", word);
        if (!english.message || !chinese.message) {
            continue;
        }
        ok(strcmp(chinese.message, english.message) != 0, "the two messages of %s differ", word);
        ok(!is_shared(reason, NULL), "no other reason has the English message of %s", word);
        ok(!is_shared(reason, "zh-TW"), "no other reason has the Chinese message of %s", word);
        ok(strlen(word) == strspn(word, "abcdefghijklmnopqrstuvwxyz_"), "%s is a word of small letters", word);
    }
}

static void test_codes(void)
{
    static const struct {
        const char *operation;
        cloudep_reason_e reason;
        int status;
        int code;
    } codes[] = {
        {NULL, CLOUDEP_PATH_UNKNOWN, 404, 10301000},
        {NULL, CLOUDEP_METHOD_NOT_ALLOWED, 405, 10105000},
        {NULL, CLOUDEP_TOKEN_MISSING, 401, 10501000},
        {NULL, CLOUDEP_ACCESS_REFUSED, 403, 10505000},
        {"auth.login", CLOUDEP_MEDIA_TYPE_UNSUPPORTED, 415, 10105000},
        {"auth.login", CLOUDEP_FIELD_MISSING, 400, 10104000},
        {"members.me.totp.verify", CLOUDEP_FIELD_MISSING, 400, 29104000},
        {"members.me.patch", CLOUDEP_FIELD_INVALID, 400, 10101000},
        {"auth.login", CLOUDEP_NOT_CONFIGURED, 501, 28605000},
        {"members.me", CLOUDEP_NOT_CONFIGURED, 501, 29605000},
        {"auth.login", CLOUDEP_DATABASE_FAILED, 500, 28201000},
        {"members.me", CLOUDEP_DATABASE_FAILED, 500, 29201000},
        {"auth.password.forgot", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"auth.password.reset", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"auth.token.refresh", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"auth.token.exchange", CLOUDEP_DATABASE_FAILED, 500, 28201000},
        {"auth.logout", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"auth.verify", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"members.me.totp", CLOUDEP_DATABASE_FAILED, 500, 29201000},
        {"members.me.totp.delete", CLOUDEP_DATABASE_FAILED, 500, 29201000},
        {"members.me.totp.enroll-start", CLOUDEP_DATABASE_FAILED, 500, 29601000},
        {"members.me.totp.enroll-confirm", CLOUDEP_DATABASE_FAILED, 500, 29601000},
        {"members.me.totp.verify", CLOUDEP_DATABASE_FAILED, 500, 29601000},
        {"members.me.totp.backup-codes", CLOUDEP_DATABASE_FAILED, 500, 29601000},
        {"auth.register", CLOUDEP_CODE_COOLDOWN, 429, 28604000},
        {"auth.register.resend", CLOUDEP_TOO_MANY_CODES, 429, 28604000},
        {"auth.register.resume", CLOUDEP_CODES_USED_UP, 429, 28604000},
        {"auth.password.forgot", CLOUDEP_CODE_COOLDOWN, 429, 29604000},
        {"auth.password.forgot", CLOUDEP_TOO_MANY_CODES, 429, 29604000},
        {"auth.password.forgot", CLOUDEP_CODES_USED_UP, 429, 29604000},
        {"members.me.verifications.email.start", CLOUDEP_CODE_COOLDOWN, 429, 29604000},
        {"members.me.verifications.phone.start", CLOUDEP_DAILY_CODES_USED_UP, 429, 29310000},
        {"auth.register.confirm", CLOUDEP_CHALLENGE_GONE, 404, 29301000},
        {"auth.login.mfa", CLOUDEP_CHALLENGE_GONE, 404, 28301000},
        {"auth.login.mfa", CLOUDEP_CHALLENGE_MISMATCH, 403, 28505000},
        {"auth.password.reset", CLOUDEP_CHALLENGE_MISMATCH, 403, 28505000},
        {"members.me.verifications.email.confirm", CLOUDEP_CHALLENGE_MISMATCH, 403, 29505000},
        {"auth.register.confirm", CLOUDEP_CODE_WRONG, 403, 29505000},
        {"auth.register.confirm", CLOUDEP_CHALLENGE_LOCKED, 409, 29309000},
        {"auth.login.mfa", CLOUDEP_TOTP_WRONG, 403, 28505000},
        {"auth.login.mfa", CLOUDEP_BACKUP_CODE_WRONG, 403, 29505000},
        {"auth.login.mfa", CLOUDEP_TOO_MANY_FACTORS, 429, 28604000},
        {"members.me.totp.verify", CLOUDEP_TOTP_WRONG, 403, 29505000},
        {"members.me.totp.verify", CLOUDEP_TOO_MANY_FACTORS, 429, 29604000},
        {"auth.login", CLOUDEP_CHALLENGE_GONE, 404, 28301000},
        {"auth.mfa.verify", CLOUDEP_FIELD_MISSING, 400, 28104000},
        {"auth.mfa.verify", CLOUDEP_TOTP_WRONG, 400, 28101000},
        {"auth.mfa.verify", CLOUDEP_ENROLMENT_UNKNOWN, 400, 28101000},
        {"auth.mfa.verify", CLOUDEP_MEMBER_UNKNOWN, 401, 28501000},
        {"auth.mfa.verify", CLOUDEP_TOTP_ENROLLED, 409, 29303000},
        {"auth.mfa.disable", CLOUDEP_PASSWORD_WRONG, 400, 28101000},
        {"auth.mfa.disable", CLOUDEP_FRESH_PROOF_NEEDED, 403, 29505001},
        {"auth.mfa.disable", CLOUDEP_DATABASE_FAILED, 500, 28601000},
        {"auth.mfa.backup_codes.verify", CLOUDEP_BACKUP_CODE_WRONG, 400, 28101000},
        {"auth.mfa.backup_codes.verify", CLOUDEP_TOTP_NOT_ENROLLED, 409, 29309000},
        {"auth.mfa.backup_codes.verify", CLOUDEP_TOO_MANY_FACTORS, 429, 28604000},
        {"members.me.totp.backup-codes", CLOUDEP_FRESH_PROOF_NEEDED, 403, 29505001},
        {"members.me.totp", CLOUDEP_SUBJECT_GONE, 401, 29501000},
        {"auth.verify", CLOUDEP_SUBJECT_GONE, 401, 28501000},
        {"auth.register", CLOUDEP_TENANT_UNKNOWN, 404, 29301000},
        {"auth.register", CLOUDEP_INVITE_UNKNOWN, 404, 28301000},
        {"auth.register", CLOUDEP_INVITE_BUSY, 423, 28313000},
        {"members.me.password", CLOUDEP_PASSWORD_ELSEWHERE, 403, 29505000},
        {"auth.password.reset", CLOUDEP_PASSWORD_ELSEWHERE, 403, 28505000},
        {"members.me.password", CLOUDEP_LOGIN_REFUSED, 403, 29505000},
        {"auth.login", CLOUDEP_LOGIN_REFUSED, 403, 28505000},
        {"members.me.email.confirm", CLOUDEP_EMAIL_TAKEN, 409, 29303000},
        {"auth.register", CLOUDEP_EMAIL_TAKEN, 409, 28303000},
        {"members.me.identities.start", CLOUDEP_PROVIDER_NOT_CONFIGURED, 501, 29605000},
        {"members.me.identities.start", CLOUDEP_TOO_MANY_STARTS, 429, 29604000},
        {"members.me.identities.confirm", CLOUDEP_STATE_INVALID, 400, 29101000},
        {"members.me.identities.confirm", CLOUDEP_AUTHORIZATION_INVALID, 400, 29101000},
        {"members.me.identities.confirm", CLOUDEP_LOGIN_LOST, 404, 29301000},
        {"auth.login.social.callback", CLOUDEP_LOGIN_LOST, 404, 28301000},
        {"auth.login", CLOUDEP_CREDENTIALS_CHANGED, 401, 28501000},
        {"auth.token.exchange", CLOUDEP_CREDENTIALS_CHANGED, 403, 28505000},
        {"auth.login.social.callback", CLOUDEP_CREDENTIALS_CHANGED, 403, 28505000},
        {"auth.login.code", CLOUDEP_CREDENTIALS_CHANGED, 403, 28505000},
        {"auth.login.passkey", CLOUDEP_CREDENTIALS_CHANGED, 401, 28501000},
        {"auth.reauthenticate", CLOUDEP_CREDENTIALS_CHANGED, 409, 28309000},
        {"auth.login.passkey", CLOUDEP_PASSKEY_UNKNOWN, 401, 28501000},
        {"auth.login.passkey", CLOUDEP_PASSKEY_REFUSED, 401, 28501000},
        {"auth.login.passkey", CLOUDEP_PASSKEY_COPIED, 401, 28501000},
        {"auth.reauthenticate", CLOUDEP_PASSKEY_COPIED, 403, 28505000},
        {"members.me.passkeys.patch", CLOUDEP_PASSKEY_UNKNOWN, 404, 29301000},
        {"auth.login.passkey", CLOUDEP_CHALLENGE_GONE, 404, 28301000},
        {"members.me.passkeys.start", CLOUDEP_TOO_MANY_STARTS, 429, 29604000},
        {"auth.login.passkey.start", CLOUDEP_TOO_MANY_STARTS, 429, 28604000},
        {"auth.password.forgot", CLOUDEP_TOO_MANY_GUESSES, 429, 29604000},
        {"auth.register", CLOUDEP_XSRF_REQUIRED, 400, 10101001},
        {"auth.register", CLOUDEP_CROSS_SITE, 403, 10505001},
        {"auth.register", CLOUDEP_TLS_REQUIRED, 403, 10505002},
        {"members.me", CLOUDEP_OVERLOADED, 503, 29603000},
        {"members.me.password", CLOUDEP_PROVIDER_FAILED, 502, 29802000},
        {"auth.register", CLOUDEP_BODY_TOO_LARGE, 413, 10103000},
        {"auth.register", CLOUDEP_INVITE_EXPIRED, 400, 28101000},
        {"auth.register", CLOUDEP_INVITE_USED_UP, 429, 28310000},
        {"authx", CLOUDEP_NOT_CONFIGURED, 501, 10605000},
        {"auth.login", CLOUDEP_DONE, 200, 102000},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const cloudep_v1_code_t code = at(codes[i].operation, codes[i].reason, NULL);
        const char *name = codes[i].operation ? codes[i].operation : "no operation";

        ok(code.status == codes[i].status && code.code == codes[i].code, "%s at %s is %d %d: %d %d",
           cloudep_reason_word(codes[i].reason), name, codes[i].status, codes[i].code, code.status, code.code);
    }
}

static void test_messages(void)
{
    is_str(at("auth.login.mfa", CLOUDEP_CHALLENGE_GONE, NULL).message, "no such challenge, or it is over: log in again",
           "a login's challenge that is gone has a message of its own");
    is_str(at("auth.password.forgot", CLOUDEP_DATABASE_FAILED, NULL).message, "internal error",
           "a failed database is an internal error where the contract has no code for it");
    is_str(at("auth.login", CLOUDEP_CREDENTIALS_CHANGED, "zh-TW").message, "帳號的登入憑證剛剛已變更:請重新登入",
           "the exceptions speak Chinese as well");
    is_str(at("auth.mfa.verify", CLOUDEP_TOTP_WRONG, NULL).message, "the TOTP code is wrong or used",
           "where a reason is answered as another one its own message may stay");
    is_str(at("auth.login", CLOUDEP_TENANT_UNKNOWN, "ZH-hant").message, "沒有這個租戶",
           "any Chinese is that of Taiwan");
    ok(at("auth.login", CLOUDEP_TENANT_UNKNOWN, NULL).english &&
           !at("auth.login", CLOUDEP_TENANT_UNKNOWN, "zh").english,
       "it is told whether a message is in English");
    is_str(at("auth.login", CLOUDEP_TENANT_UNKNOWN, "zh-TW").message,
           at("auth.login", CLOUDEP_TENANT_UNKNOWN, "zh").message, "zh gets the messages in Chinese");
    is_str(at("auth.login", CLOUDEP_TENANT_UNKNOWN, "zho").message, "no such tenant",
           "a language without messages gets the English ones");
    is_str(at("auth.login", CLOUDEP_REASON_COUNT, NULL).message, "internal error",
           "what is no reason is an internal error");
}

int main(void)
{
    test_every_reason();
    test_codes();
    test_messages();
    return done_testing();
}
