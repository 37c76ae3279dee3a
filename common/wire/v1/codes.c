/*
 * codes.c - v1's status, code and message for each reason; every message to a client of v1 stands here, once.
 *
 * A code is scope * 1000000 + category * 1000 + detail. Scopes: 10 the gateway, 28 authentication, 29 members.
 * Categories, each with the status it mostly has:
 *     101 malformed 400     103 too large 413    104 missing 400      105 unsupported 405, 415
 *     201 database 500      301 absent 404       303 exists 409       309 wrong state 409
 *     310 used up 429       313 locked 423       501 unknown who 401  505 forbidden 403
 *     601 internal 500      603 overloaded 503   604 too often 429    605 not configured 501
 *     802 provider 502
 */
#include "wire/v1/v1.h"

enum {
    OWN, /* the operation's: by its name, auth. or members., else the gateway's */
    GATEWAY = 10,
    AUTH = 28,
    MEMBER = 29
};
enum { ENGLISH, CHINESE, LANGUAGES };

typedef struct row_t {
    int status; /* HTTP */
    int scope;
    int category;
    int detail;
    const char *messages[LANGUAGES];
} row_t;

/* clang-format off */
static const row_t rows[] = {
    /* the request itself */
    [CLOUDEP_PATH_UNKNOWN] = {404, GATEWAY, 301, 0, {
        "no such path", "沒有這個路徑"}},
    [CLOUDEP_METHOD_NOT_ALLOWED] = {405, GATEWAY, 105, 0, {
        "method not allowed on this path", "這個路徑不接受此方法"}},
    [CLOUDEP_MEDIA_TYPE_UNSUPPORTED] = {415, GATEWAY, 105, 0, {
        "the body must be application/json", "內容必須是 application/json"}},
    [CLOUDEP_BODY_TOO_LARGE] = {413, GATEWAY, 103, 0, {
        "the body is too large", "內容過大"}},
    [CLOUDEP_REQUEST_MALFORMED] = {400, GATEWAY, 101, 0, {
        "the request is not well formed", "請求格式不正確"}},
    [CLOUDEP_REQUEST_REFUSED] = {400, GATEWAY, 101, 0, {
        "the request is refused", "請求被拒絕"}},
    [CLOUDEP_FIELD_MISSING] = {400, GATEWAY, 104, 0, {
        "a required field is missing", "缺少必填欄位"}},
    [CLOUDEP_FIELD_INVALID] = {400, GATEWAY, 101, 0, {
        "a field is not of its format", "欄位格式不正確"}},
    /* what serves it */
    [CLOUDEP_NOT_CONFIGURED] = {501, OWN, 605, 0, {
        "this operation is not configured", "此功能尚未設定"}},
    [CLOUDEP_PROVIDER_NOT_CONFIGURED] = {501, AUTH, 605, 0, {
        "this provider is not configured", "此登入供應商尚未設定"}},
    [CLOUDEP_DATABASE_FAILED] = {500, OWN, 201, 0, {
        "database error", "資料庫錯誤"}},
    [CLOUDEP_INTERNAL_ERROR] = {500, OWN, 601, 0, {
        "internal error", "內部錯誤"}},
    [CLOUDEP_PROVIDER_FAILED] = {502, OWN, 802, 0, {
        "the identity provider failed", "身分供應商發生錯誤"}},
    [CLOUDEP_OVERLOADED] = {503, OWN, 603, 0, {
        "overloaded, try again later", "系統忙碌中,請稍後再試"}},
    /* who asks */
    [CLOUDEP_TOKEN_MISSING] = {401, OWN, 501, 0, {
        "an access token is needed: Authorization: Bearer ...", "需要 access token:Authorization: Bearer ..."}},
    [CLOUDEP_TOKEN_INVALID] = {401, OWN, 501, 0, {
        "the access token is invalid, expired or revoked", "access token 無效、已過期或已撤銷"}},
    [CLOUDEP_REFRESH_TOKEN_INVALID] = {401, AUTH, 501, 0, {
        "the refresh token is invalid, expired or revoked", "refresh token 無效、已過期或已撤銷"}},
    [CLOUDEP_XSRF_REQUIRED] = {400, GATEWAY, 101, 1, {
        "the header of the XSRF token is missing or wrong: send the value of its cookie", "缺少 XSRF 標頭或其值不正確:請送出 XSRF cookie 的值"}},
    [CLOUDEP_CROSS_SITE] = {403, GATEWAY, 505, 1, {
        "the request was made by another site", "此請求由其他網站發出"}},
    [CLOUDEP_TLS_REQUIRED] = {403, GATEWAY, 505, 2, {
        "the request came without TLS: use https", "請求未經 TLS 傳送:請使用 https"}},
    [CLOUDEP_IDENTITY_HEADERS_INVALID] = {401, OWN, 501, 0, {
        "X-Tenant-ID and X-UID must be UUIDs", "X-Tenant-ID 與 X-UID 必須是 UUID"}},
    [CLOUDEP_MEMBER_INACTIVE] = {401, OWN, 501, 0, {
        "the member is not active", "會員不在啟用狀態"}},
    [CLOUDEP_SUBJECT_GONE] = {401, OWN, 501, 0, {
        "the token's member does not exist any more", "token 所屬的會員已不存在"}},
    [CLOUDEP_ACCESS_REFUSED] = {403, OWN, 505, 0, {
        "access is refused", "拒絕存取"}},
    [CLOUDEP_TENANT_MISMATCH] = {403, AUTH, 505, 0, {
        "the session is of another tenant", "此 session 屬於另一個租戶"}},
    [CLOUDEP_SECOND_FACTOR_TOO_OLD] = {403, AUTH, 505, 0, {
        "a more recent second factor is needed", "需要較新的第二因素驗證"}},
    [CLOUDEP_FRESH_PROOF_NEEDED] = {403, MEMBER, 505, 1, {
        "prove first that it is you: POST /api/v1/auth/reauthenticate",
        "請先以 POST /api/v1/auth/reauthenticate 驗證身分"}},
    [CLOUDEP_MAILED_CODE_REFUSED] = {403, OWN, 505, 0, {
        "this account proves itself by its password or second factor, not by a mailed code",
        "此帳號須以密碼或第二因素驗證,不能使用郵寄的驗證碼"}},
    /* tenants, invites, registration */
    [CLOUDEP_TENANT_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no such tenant", "沒有這個租戶"}},
    [CLOUDEP_REGISTRATION_CLOSED] = {403, AUTH, 505, 0, {
        "the tenant takes no registrations", "此租戶不開放註冊"}},
    [CLOUDEP_INVITE_UNKNOWN] = {404, AUTH, 301, 0, {
        "no such invite", "沒有這個邀請碼"}},
    [CLOUDEP_INVITE_EXPIRED] = {400, AUTH, 101, 0, {
        "the invite has expired", "邀請碼已過期"}},
    [CLOUDEP_INVITE_USED_UP] = {429, AUTH, 310, 0, {
        "the invite is used up", "邀請碼的使用次數已用完"}},
    [CLOUDEP_INVITE_BUSY] = {423, AUTH, 313, 0, {
        "the invite is in use, try again", "邀請碼使用中,請再試一次"}},
    [CLOUDEP_EMAIL_TAKEN] = {409, AUTH, 303, 0, {
        "the email is registered already", "此電子郵件已註冊"}},
    [CLOUDEP_REGISTRATION_PENDING] = {409, AUTH, 303, 0, {
        "the email has a registration that is not confirmed yet: resume it",
        "此電子郵件的註冊尚未確認:請繼續該註冊"}},
    [CLOUDEP_ACCOUNT_EXISTS] = {409, AUTH, 303, 0, {
        "the account exists already: log in", "帳號已存在:請直接登入"}},
    [CLOUDEP_REGISTRATION_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no registration to resume", "沒有可以繼續的註冊"}},
    [CLOUDEP_REGISTRATION_NOT_PENDING] = {409, AUTH, 309, 0, {
        "the registration is no longer pending", "此註冊已不在等待確認狀態"}},
    [CLOUDEP_REGISTRATION_BUSY] = {409, AUTH, 309, 0, {
        "the registration is being confirmed by another request, try again",
        "此註冊正由另一個請求確認中,請再試一次"}},
    [CLOUDEP_ALREADY_CONFIRMED] = {409, AUTH, 309, 0, {
        "the account is confirmed already", "帳號已確認"}},
    /* login */
    [CLOUDEP_CREDENTIALS_WRONG] = {401, AUTH, 501, 0, {
        "email or password is wrong", "電子郵件或密碼錯誤"}},
    [CLOUDEP_TENANT_CLOSED] = {403, AUTH, 505, 0, {
        "the tenant allows no login", "此租戶不開放登入"}},
    [CLOUDEP_CODE_LOGIN_CLOSED] = {403, AUTH, 505, 0, {
        "the tenant allows no login by a code that is sent", "此租戶不開放以驗證碼登入"}},
    [CLOUDEP_EMAIL_UNCONFIRMED] = {403, AUTH, 505, 0, {
        "the email is not confirmed yet", "電子郵件尚未確認"}},
    [CLOUDEP_SUSPENDED] = {403, AUTH, 505, 0, {
        "the account is suspended", "帳號已停用"}},
    [CLOUDEP_LOGIN_REFUSED] = {403, AUTH, 505, 0, {
        "the account may not log in", "此帳號不可登入"}},
    [CLOUDEP_CREDENTIALS_CHANGED] = {409, OWN, 309, 0, {
        "the account's credentials were changed a moment ago: try again", "帳號的登入憑證剛剛已變更:請再試一次"}},
    [CLOUDEP_TOO_MANY_PASSWORDS] = {429, OWN, 604, 0, {
        "too many wrong passwords, wait before the next", "密碼錯誤次數過多,請稍後再試"}},
    [CLOUDEP_TOO_MANY_FACTORS] = {429, OWN, 604, 0, {
        "too many wrong codes, wait before the next", "驗證碼錯誤次數過多,請稍後再試"}},
    [CLOUDEP_TOO_MANY_GUESSES] = {429, OWN, 604, 0, {
        "too many wrong guesses, wait before the next", "錯誤次數過多,請稍後再試"}},
    [CLOUDEP_TOO_MANY_STARTS] = {429, AUTH, 604, 0, {
        "too many social logins were started, try again later", "社群登入次數過多,請稍後再試"}},
    [CLOUDEP_STATE_INVALID] = {400, AUTH, 101, 0, {
        "the state is not valid, or was used", "state 無效或已使用過"}},
    [CLOUDEP_LOGIN_CANCELLED] = {403, AUTH, 505, 0, {
        "the login was cancelled at the provider", "已在供應商端取消登入"}},
    [CLOUDEP_AUTHORIZATION_INVALID] = {400, AUTH, 101, 0, {
        "the provider does not accept the authorization code: start again", "供應商不接受此授權碼:請重新開始"}},
    [CLOUDEP_LOGIN_LOST] = {404, AUTH, 301, 0, {
        "the login was lost, start again", "登入流程已不存在:請重新開始"}},
    [CLOUDEP_EMAIL_UNVERIFIED] = {403, AUTH, 505, 0, {
        "the provider has not verified the email address", "供應商尚未驗證此電子郵件"}},
    [CLOUDEP_IDENTITY_UNKNOWN] = {404, MEMBER, 301, 0, {
        "nobody is registered with this account", "沒有會員以此帳號註冊"}},
    [CLOUDEP_ID_TOKEN_INVALID] = {401, AUTH, 501, 0, {
        "the id_token is not valid here", "此 id_token 在這裡無效"}},
    /* one-time codes */
    [CLOUDEP_CHALLENGE_GONE] = {404, MEMBER, 301, 0, {
        "no such challenge, or it is over", "沒有這個 challenge,或它已結束"}},
    [CLOUDEP_CHALLENGE_MISMATCH] = {403, OWN, 505, 0, {
        "the challenge is for something else", "此 challenge 屬於其他用途"}},
    [CLOUDEP_CHALLENGE_LOCKED] = {409, MEMBER, 309, 0, {
        "too many wrong codes; the challenge is locked until it expires",
        "驗證碼錯誤次數過多;challenge 已鎖定至到期為止"}},
    [CLOUDEP_CODE_WRONG] = {403, MEMBER, 505, 0, {
        "the code is wrong", "驗證碼錯誤"}},
    [CLOUDEP_CODE_COOLDOWN] = {429, OWN, 604, 0, {
        "a code was sent a moment ago", "驗證碼剛剛已寄出"}},
    [CLOUDEP_CODES_USED_UP] = {429, OWN, 604, 0, {
        "no further code for now, wait for one to expire", "目前無法再寄送驗證碼,請等待其中一組到期"}},
    [CLOUDEP_TOO_MANY_CODES] = {429, OWN, 604, 0, {
        "too many codes were sent, try again later", "寄出的驗證碼過多,請稍後再試"}},
    [CLOUDEP_DAILY_CODES_USED_UP] = {429, MEMBER, 310, 0, {
        "no more codes today", "今日的驗證碼次數已用完"}},
    /* second factors */
    [CLOUDEP_TOTP_WRONG] = {403, OWN, 505, 0, {
        "the TOTP code is wrong or used", "TOTP 驗證碼錯誤或已使用過"}},
    [CLOUDEP_BACKUP_CODE_WRONG] = {403, MEMBER, 505, 0, {
        "the backup code is wrong or used", "備用碼錯誤或已使用過"}},
    [CLOUDEP_TOTP_ENROLLED] = {409, MEMBER, 303, 0, {
        "TOTP is enrolled already", "TOTP 已註冊"}},
    [CLOUDEP_TOTP_NOT_ENROLLED] = {409, MEMBER, 309, 0, {
        "TOTP is not enrolled", "TOTP 尚未註冊"}},
    [CLOUDEP_ENROLMENT_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no enrolment is under way, or it is over", "沒有進行中的 TOTP 註冊,或它已結束"}},
    [CLOUDEP_SECOND_FACTOR_NEEDED] = {403, OWN, 505, 0, {
        "the second factor is needed as well: send code", "還需要第二因素:請傳送 code"}},
    /* passkeys */
    [CLOUDEP_PASSKEY_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no such passkey", "沒有這個通行密鑰"}},
    [CLOUDEP_PASSKEY_REFUSED] = {403, OWN, 505, 0, {
        "the passkey's answer is not one that counts here", "此通行密鑰的回應無法採用"}},
    [CLOUDEP_PASSKEY_COPIED] = {403, OWN, 505, 0, {
        "the passkey's counter went back: it may have been copied", "此通行密鑰的計數器倒退:它可能已被複製"}},
    [CLOUDEP_PASSKEY_TAKEN] = {409, MEMBER, 303, 0, {
        "the passkey is registered already", "此通行密鑰已註冊"}},
    [CLOUDEP_TOO_MANY_PASSKEYS] = {409, MEMBER, 309, 0, {
        "the account has as many passkeys as it may: remove one first", "通行密鑰數量已達上限:請先移除一個"}},
    /* one-time links */
    [CLOUDEP_LINK_GONE] = {404, MEMBER, 301, 0, {
        "no such link, or it is over", "沒有這個連結,或它已失效"}},
    /* accounts */
    [CLOUDEP_MEMBER_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no such member", "沒有這個會員"}},
    [CLOUDEP_ACCOUNT_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no such account", "沒有這個帳號"}},
    [CLOUDEP_PASSWORD_WRONG] = {403, OWN, 505, 0, {
        "the password is wrong", "密碼錯誤"}},
    [CLOUDEP_PASSWORD_ELSEWHERE] = {403, AUTH, 505, 0, {
        "the account logs in at another provider, its password cannot be reset here",
        "此帳號屬於其他身分供應商,密碼不由我們管理"}},
    [CLOUDEP_LAST_WAY_IN] = {409, MEMBER, 309, 0, {
        "this is the last way to log in: add another one first", "這是最後一種登入方式:請先新增另一種"}},
    [CLOUDEP_ACCOUNT_LINKED] = {409, MEMBER, 303, 0, {
        "that account is linked already", "該帳號已連結"}},
    [CLOUDEP_ACCOUNT_NOT_LINKED] = {404, MEMBER, 301, 0, {
        "no such linked account", "沒有這個連結的帳號"}},
    [CLOUDEP_SESSION_UNKNOWN] = {404, MEMBER, 301, 0, {
        "no such session, or it is over", "沒有這個 session,或它已結束"}},
};
/* clang-format on */

_Static_assert(sizeof(rows) / sizeof(rows[0]) == CLOUDEP_REASON_COUNT, "the last reason has a row");

/* What the contract has otherwise for one operation, or, with a name that ends in a dot, for all below it. */
typedef struct exception_t {
    const char *operation;
    cloudep_reason_e reason;
    cloudep_reason_e as; /* not CLOUDEP_DONE: answered with that reason's row */
    int own_message;     /* with as: but with the message of its own row */
    int scope;           /* 0: the row's */
    const char *messages[LANGUAGES];
} exception_t;

/* clang-format off */
static const exception_t exceptions[] = {
    {"members.", CLOUDEP_FIELD_MISSING, .scope = MEMBER},
    {"members.me.password", CLOUDEP_PASSWORD_ELSEWHERE, .scope = MEMBER},
    {"members.me.email.confirm", CLOUDEP_EMAIL_TAKEN, .scope = MEMBER},
    {"members.me.identities.", CLOUDEP_PROVIDER_NOT_CONFIGURED, .scope = MEMBER},
    {"members.me.identities.", CLOUDEP_TOO_MANY_STARTS, .scope = MEMBER},
    {"members.me.identities.", CLOUDEP_STATE_INVALID, .scope = MEMBER},
    {"members.me.identities.", CLOUDEP_AUTHORIZATION_INVALID, .scope = MEMBER},
    {"members.me.identities.", CLOUDEP_LOGIN_LOST, .scope = MEMBER},
    {"members.me.password", CLOUDEP_LOGIN_REFUSED, .scope = MEMBER},
    /* Nobody is let in: whoever logs in begins again. */
    {"auth.login", CLOUDEP_CREDENTIALS_CHANGED, .as = CLOUDEP_CREDENTIALS_WRONG, .messages = {
        "the account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"auth.token.exchange", CLOUDEP_CREDENTIALS_CHANGED, .as = CLOUDEP_LOGIN_REFUSED, .messages = {
        "the account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"auth.login.social.callback", CLOUDEP_CREDENTIALS_CHANGED, .as = CLOUDEP_LOGIN_REFUSED, .messages = {
        "the account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"auth.login.code", CLOUDEP_CREDENTIALS_CHANGED, .as = CLOUDEP_LOGIN_REFUSED, .messages = {
        "the account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    /* Nobody is logged in by it; the reasons tell what it was. */
    {"auth.login.passkey", CLOUDEP_PASSKEY_UNKNOWN, .as = CLOUDEP_CREDENTIALS_WRONG, .messages = {
        "no such passkey: it may have been removed", "沒有這個通行密鑰:它可能已被移除"}},
    {"auth.login.passkey", CLOUDEP_PASSKEY_REFUSED, .as = CLOUDEP_CREDENTIALS_WRONG, .messages = {
        "the passkey's answer is not one that counts here", "此通行密鑰的回應無法採用"}},
    {"auth.login.passkey", CLOUDEP_PASSKEY_COPIED, .as = CLOUDEP_CREDENTIALS_WRONG, .messages = {
        "the passkey's counter went back: it may have been copied", "此通行密鑰的計數器倒退:它可能已被複製"}},
    {"auth.login.passkey", CLOUDEP_CREDENTIALS_CHANGED, .as = CLOUDEP_CREDENTIALS_WRONG, .messages = {
        "the account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"auth.login.passkey", CLOUDEP_CHALLENGE_GONE, .scope = AUTH, .messages = {
        "no such challenge, or it is over: begin again", "沒有這個 challenge,或它已結束:請重新開始"}},
    {"auth.login.passkey.start", CLOUDEP_TOO_MANY_STARTS, .messages = {
        "too many passkey logins were started, try again later", "通行密鑰登入次數過多,請稍後再試"}},
    {"auth.reauthenticate.start", CLOUDEP_TOO_MANY_STARTS, .messages = {
        "passkeys were asked for too often, try again later", "通行密鑰驗證次數過多,請稍後再試"}},
    {"members.me.passkeys.start", CLOUDEP_TOO_MANY_STARTS, .scope = MEMBER, .messages = {
        "too many passkeys were begun, try again later", "新增通行密鑰次數過多,請稍後再試"}},
    {"auth.reauthenticate", CLOUDEP_FRESH_PROOF_NEEDED, .messages = {
        "this account proves itself by its second factor: send code", "此帳號須以第二因素驗證:請傳送 code"}},
    /* These have no code for a failed database. */
    {"auth.password.forgot", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"auth.password.reset", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"auth.token.refresh", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"auth.logout", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"auth.verify", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"members.me.totp.enroll-start", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"members.me.totp.enroll-confirm", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"members.me.totp.verify", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"members.me.totp.backup-codes", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    /* This one counts the codes it sends as the members' own. */
    {"auth.password.forgot", CLOUDEP_CODE_COOLDOWN, .scope = MEMBER},
    {"auth.password.forgot", CLOUDEP_CODES_USED_UP, .scope = MEMBER},
    {"auth.password.forgot", CLOUDEP_TOO_MANY_CODES, .scope = MEMBER},
    {"auth.password.forgot", CLOUDEP_TOO_MANY_GUESSES, .scope = MEMBER},
    {"auth.login.mfa", CLOUDEP_CHALLENGE_GONE, .scope = AUTH, .messages = {
        "no such challenge, or it is over: log in again", "沒有這個 challenge,或它已結束:請重新登入"}},
    {"auth.register.social.form", CLOUDEP_MEDIA_TYPE_UNSUPPORTED, .messages = {
        "the body must be application/x-www-form-urlencoded", "內容必須是 application/x-www-form-urlencoded"}},
    {"auth.login.social.form", CLOUDEP_MEDIA_TYPE_UNSUPPORTED, .messages = {
        "the body must be application/x-www-form-urlencoded", "內容必須是 application/x-www-form-urlencoded"}},
    {"auth.login", CLOUDEP_CHALLENGE_GONE, .scope = AUTH, .messages = {
        "no such challenge, or it is over: log in again", "沒有這個 challenge,或它已結束:請重新登入"}},
    /* The MFA API knows 400 and 401 where the members' operations have more. */
    {"auth.mfa.", CLOUDEP_FIELD_MISSING, .scope = AUTH},
    {"auth.mfa.", CLOUDEP_DATABASE_FAILED, .as = CLOUDEP_INTERNAL_ERROR},
    {"auth.mfa.", CLOUDEP_MEMBER_UNKNOWN, .as = CLOUDEP_SUBJECT_GONE, .own_message = 1},
    {"auth.mfa.", CLOUDEP_TOTP_WRONG, .as = CLOUDEP_FIELD_INVALID, .own_message = 1, .scope = AUTH},
    {"auth.mfa.", CLOUDEP_BACKUP_CODE_WRONG, .as = CLOUDEP_FIELD_INVALID, .own_message = 1, .scope = AUTH},
    {"auth.mfa.", CLOUDEP_ENROLMENT_UNKNOWN, .as = CLOUDEP_FIELD_INVALID, .own_message = 1, .scope = AUTH},
    {"auth.mfa.", CLOUDEP_PASSWORD_WRONG, .as = CLOUDEP_FIELD_INVALID, .own_message = 1, .scope = AUTH},
    {"auth.verify", CLOUDEP_SUBJECT_GONE, .messages = {
        "the member is gone", "會員已不存在"}},
    {"auth.verify", CLOUDEP_REQUEST_MALFORMED, .messages = {
        "the query may have tenant, mfa, fresh, preflight and redirect, and nothing else",
        "查詢字串只能有 tenant、mfa、fresh、preflight 與 redirect"}},
};
/* clang-format on */

static int has_prefix(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

static const exception_t *find_exception(const char *name, cloudep_reason_e reason)
{
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        const exception_t *exception = &exceptions[i];
        const int all_below = exception->operation[strlen(exception->operation) - 1] == '.';

        if (exception->reason == reason &&
            (all_below ? has_prefix(name, exception->operation) : !strcmp(name, exception->operation))) {
            return exception;
        }
    }
    return NULL;
}

static int own_scope(const char *name)
{
    return has_prefix(name, "auth.") ? AUTH : has_prefix(name, "members.") ? MEMBER : GATEWAY;
}

/* Any Chinese is told in that of Taiwan, the only one there is. */
static int language_of(const char *tag)
{
    return tag && !strncasecmp(tag, "zh", 2) && (!tag[2] || tag[2] == '-') ? CHINESE : ENGLISH;
}

cloudep_v1_code_t cloudep_v1_code(const cloudep_operation_t *operation, cloudep_reason_e reason, const char *language)
{
    const char *name = operation ? operation->name : "";
    const exception_t *exception = find_exception(name, reason);
    const row_t *own = &rows[reason < CLOUDEP_REASON_COUNT ? reason : CLOUDEP_INTERNAL_ERROR];
    const row_t *row = exception && exception->as ? &rows[exception->as] : own;
    const char *const *messages;
    int scope;

    if (reason == CLOUDEP_DONE) {
        return (cloudep_v1_code_t){HTTP_OK, CLOUDEP_V1_SUCCESS, "SUCCESS", 1};
    }
    messages = exception && exception->own_message ? own->messages : row->messages;
    messages = exception && exception->messages[ENGLISH] ? exception->messages : messages;
    scope = exception && exception->scope ? exception->scope : row->scope;
    scope = scope == OWN ? own_scope(name) : scope;
    return (cloudep_v1_code_t){row->status, scope * 1000000 + row->category * 1000 + row->detail,
                               messages[language_of(language)], language_of(language) == ENGLISH};
}
