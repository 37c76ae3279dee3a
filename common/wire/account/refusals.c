/*
 * refusals.c - what a reason is in the style "account": where this table says nothing, the status and sentence of v1.
 */
#include "wire/account/account.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include "wire/v1/v1.h"

enum { ENGLISH, CHINESE, LANGUAGES };

typedef struct row_t {
    const char *operation; /* NULL: at all of them */
    cloudep_reason_e reason;
    int status;                      /* HTTP; 0: v1's */
    const char *word;                /* NULL: the reason's */
    const char *messages[LANGUAGES]; /* NULL: v1's */
} row_t;

#define TOTP_AGAIN                                                                                                     \
    {                                                                                                                  \
        "Invalid TOTP code. Please try again.", "TOTP 驗證碼不正確,請再試一次。"                           \
    }
#define LINK_OVER                                                                                                      \
    {                                                                                                                  \
        "Reset token is invalid or has expired", "重設連結無效或已過期"                                      \
    }

/* clang-format off */
/* The first row that fits. */
static const row_t rows[] = {
    {"account.login", CLOUDEP_SECOND_FACTOR_NEEDED, 401, "totp_required", {
        "The TOTP code is needed as well: send totpCode", "還需要 TOTP 驗證碼:請傳送 totpCode"}},
    {"account.login", CLOUDEP_TOTP_WRONG, 401, NULL, TOTP_AGAIN},
    {"account.login", CLOUDEP_BACKUP_CODE_WRONG, 401, NULL, {NULL}},
    {"account.login", CLOUDEP_CHALLENGE_GONE, 401, "credentials_changed", {
        "The account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"account.login", CLOUDEP_CREDENTIALS_CHANGED, 401, NULL, {
        "The account's credentials were changed a moment ago: log in again", "帳號的登入憑證剛剛已變更:請重新登入"}},
    {"account.totp.verify", CLOUDEP_TOTP_WRONG, 400, NULL, TOTP_AGAIN},
    {"account.password.reset", CLOUDEP_SUSPENDED, 400, NULL, {NULL}},
    {"account.password.reset", CLOUDEP_ACCOUNT_UNKNOWN, 400, "link_gone", LINK_OVER},
    {"account.password.reset", CLOUDEP_PASSWORD_ELSEWHERE, 400, NULL, {NULL}},
    {"account.reauthenticate", CLOUDEP_FRESH_PROOF_NEEDED, 400, NULL, {
        "This account proves itself by its second factor: send totpCode", "此帳號須以第二因素驗證:請傳送 totpCode"}},
    {"account.reauthenticate", CLOUDEP_MAILED_CODE_REFUSED, 400, NULL, {NULL}},
    {"account.reauthenticate", CLOUDEP_TOTP_NOT_ENROLLED, 400, NULL, {NULL}},
    {"account.reauthenticate", CLOUDEP_CHALLENGE_LOCKED, 400, NULL, {NULL}},
    {NULL, CLOUDEP_CODE_WRONG, 400, NULL, {NULL}},
    {NULL, CLOUDEP_CHALLENGE_GONE, 400, NULL, {
        "The code is over: begin again", "驗證碼已失效:請重新開始"}},
    {NULL, CLOUDEP_CHALLENGE_MISMATCH, 400, NULL, {NULL}},
    {NULL, CLOUDEP_TOTP_WRONG, 400, NULL, {NULL}},
    {NULL, CLOUDEP_BACKUP_CODE_WRONG, 400, NULL, {NULL}},
    {NULL, CLOUDEP_PASSWORD_WRONG, 400, NULL, {NULL}},
    {NULL, CLOUDEP_ENROLMENT_UNKNOWN, 400, NULL, {
        "No TOTP setup is under way: call totp/setup first", "沒有進行中的 TOTP 設定:請先呼叫 totp/setup"}},
    {NULL, CLOUDEP_LINK_GONE, 400, NULL, LINK_OVER},
    {NULL, CLOUDEP_FRESH_PROOF_NEEDED, 0, NULL, {
        "Prove first that it is you: call reauthenticate", "請先呼叫 reauthenticate 驗證身分"}},
    {NULL, CLOUDEP_REGISTRATION_PENDING, 0, NULL, {
        "The email has a registration that is not confirmed yet", "此電子郵件的註冊尚未確認"}},
    /* CloudEPTenant names it, so that it is the operator's fault. */
    {NULL, CLOUDEP_TENANT_UNKNOWN, 501, "not_configured", {
        "This operation is not configured", "此功能尚未設定"}},
};
/* clang-format on */

static const row_t *find_row(const cloudep_operation_t *operation, cloudep_reason_e reason)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].reason == reason &&
            (!rows[i].operation || (operation && !strcmp(rows[i].operation, operation->name)))) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Messages of v1 are no sentences of their own: they begin with a small letter. */
static const char *capitalised(apr_pool_t *p, const char *message)
{
    char *sentence = apr_pstrdup(p, message);

    *sentence = (char)apr_toupper(*sentence);
    return sentence;
}

cloudep_account_refusal_t cloudep_account_refusal(apr_pool_t *p, const cloudep_operation_t *operation,
                                                  cloudep_reason_e reason, const char *language)
{
    const cloudep_v1_code_t code = cloudep_v1_code(operation, reason, language);
    const row_t *row = find_row(operation, reason);
    cloudep_account_refusal_t refusal = {code.status, cloudep_reason_word(reason), NULL};

    if (row) {
        refusal.status = row->status ? row->status : refusal.status;
        refusal.word = row->word ? row->word : refusal.word;
        refusal.error = row->messages[code.english ? ENGLISH : CHINESE];
    }
    refusal.error = refusal.error ? refusal.error : capitalised(p, code.message);
    return refusal;
}
