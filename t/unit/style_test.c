/*
 * style_test.c - what the styles "account" and "session" make of a reason: status, word and sentence; and the words of
 * RFC 6750. Only what needs no request is linked.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include "tap.h"
#include "wire/account/account.h"
#include "wire/session/session.h"
#include "wire/v1/v1.h"

static apr_pool_t *pool;

/* A call that an operation of that name refuses; NULL: of none. */
static cloudep_call_t *call_of(const char *name, const char *languages)
{
    cloudep_call_t *call = apr_pcalloc(pool, sizeof(*call));
    cloudep_operation_t *operation = apr_pcalloc(pool, sizeof(*operation));

    call->ctx = apr_pcalloc(pool, sizeof(*call->ctx));
    call->ctx->p = pool;
    call->ctx->languages = languages;
    operation->name = name;
    call->operation = name ? operation : NULL;
    return call;
}

static cloudep_answer_t refuse(const cloudep_style_t *style, const char *name, cloudep_reason_e reason)
{
    return style->refuse(call_of(name, NULL), cloudep_refuse(reason), NULL);
}

/* What a member of a body says; "": it is not there, or no text. */
static const char *said(const cloudep_answer_t *answer, const char *member)
{
    json_t *json = json_loads(answer->text, 0, NULL);
    const char *text = json_string_value(json_object_get(json, member));

    text = text ? apr_pstrdup(pool, text) : "";
    json_decref(json);
    return text;
}

static void test_account(void)
{
    static const struct {
        const char *operation;
        cloudep_reason_e reason;
        int status;
        const char *word;
        const char *error; /* NULL: does not matter */
    } cases[] = {
        {"account.login", CLOUDEP_SECOND_FACTOR_NEEDED, 401, "totp_required",
         "The TOTP code is needed as well: send totpCode"},
        {"account.login", CLOUDEP_TOTP_WRONG, 401, "totp_wrong", "Invalid TOTP code. Please try again."},
        {"account.login", CLOUDEP_BACKUP_CODE_WRONG, 401, "backup_code_wrong", NULL},
        {"account.login", CLOUDEP_CHALLENGE_GONE, 401, "credentials_changed",
         "The account's credentials were changed a moment ago: log in again"},
        {"account.login", CLOUDEP_CREDENTIALS_CHANGED, 401, "credentials_changed",
         "The account's credentials were changed a moment ago: log in again"},
        {"account.login", CLOUDEP_CREDENTIALS_WRONG, 401, "credentials_wrong", "Email or password is wrong"},
        {"account.login", CLOUDEP_SUSPENDED, 403, "suspended", "The account is suspended"},
        {"account.totp.verify", CLOUDEP_TOTP_WRONG, 400, "totp_wrong", "Invalid TOTP code. Please try again."},
        {"account.totp.disable", CLOUDEP_TOTP_WRONG, 400, "totp_wrong", "The TOTP code is wrong or used"},
        {"account.password.reset", CLOUDEP_SUSPENDED, 400, "suspended", NULL},
        {"account.password.reset", CLOUDEP_ACCOUNT_UNKNOWN, 400, "link_gone", "Reset token is invalid or has expired"},
        {"account.password.reset", CLOUDEP_LINK_GONE, 400, "link_gone", "Reset token is invalid or has expired"},
        {"account.password.reset", CLOUDEP_PASSWORD_ELSEWHERE, 400, "password_elsewhere", NULL},
        {"account.password", CLOUDEP_PASSWORD_ELSEWHERE, 403, "password_elsewhere", NULL},
        {"account.reauthenticate", CLOUDEP_FRESH_PROOF_NEEDED, 400, "fresh_proof_needed",
         "This account proves itself by its second factor: send totpCode"},
        {"account.reauthenticate", CLOUDEP_MAILED_CODE_REFUSED, 400, "mailed_code_refused", NULL},
        {"account.reauthenticate", CLOUDEP_TOTP_NOT_ENROLLED, 400, "totp_not_enrolled", NULL},
        {"account.reauthenticate", CLOUDEP_CHALLENGE_LOCKED, 400, "challenge_locked", NULL},
        {"account.password", CLOUDEP_FRESH_PROOF_NEEDED, 403, "fresh_proof_needed",
         "Prove first that it is you: call reauthenticate"},
        {"account.x", CLOUDEP_CODE_WRONG, 400, "code_wrong", NULL},
        {"account.x", CLOUDEP_CHALLENGE_GONE, 400, "challenge_gone", "The code is over: begin again"},
        {"account.x", CLOUDEP_CHALLENGE_MISMATCH, 400, "challenge_mismatch", NULL},
        {"account.x", CLOUDEP_CHALLENGE_LOCKED, 409, "challenge_locked", NULL},
        {"account.x", CLOUDEP_TOTP_WRONG, 400, "totp_wrong", NULL},
        {"account.x", CLOUDEP_BACKUP_CODE_WRONG, 400, "backup_code_wrong", NULL},
        {"account.x", CLOUDEP_PASSWORD_WRONG, 400, "password_wrong", "The password is wrong"},
        {"account.x", CLOUDEP_ENROLMENT_UNKNOWN, 400, "enrolment_unknown",
         "No TOTP setup is under way: call totp/setup first"},
        {"account.x", CLOUDEP_REGISTRATION_PENDING, 409, "registration_pending",
         "The email has a registration that is not confirmed yet"},
        {"account.x", CLOUDEP_TENANT_UNKNOWN, 501, "not_configured", "This operation is not configured"},
        {"account.x", CLOUDEP_TOKEN_INVALID, 401, "token_invalid", NULL},
        {"account.x", CLOUDEP_TOO_MANY_PASSWORDS, 429, "too_many_passwords", NULL},
        {"account.x", CLOUDEP_DATABASE_FAILED, 500, "database_failed", NULL},
        {NULL, CLOUDEP_PATH_UNKNOWN, 404, "path_unknown", NULL},
        {NULL, CLOUDEP_TOTP_WRONG, 400, "totp_wrong", "The TOTP code is wrong or used"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_answer_t answer = refuse(&cloudep_account_style, cases[i].operation, cases[i].reason);
        const char *name = cases[i].operation ? cases[i].operation : "no operation";

        ok(answer.status == cases[i].status, "account: %s at %s is %d: %d", cases[i].word, name, cases[i].status,
           answer.status);
        ok(strstr(answer.text, "\"ok\":false") != NULL, "and is not ok");
        is_str(said(&answer, "reason"), cases[i].word, "its word");
        if (cases[i].error) {
            is_str(said(&answer, "error"), cases[i].error, "its sentence");
        }
        is_str(cloudep_account_style.code(call_of(cases[i].operation, NULL), cloudep_refuse(cases[i].reason)),
               cases[i].word, "its word in events");
    }
}

static void test_account_language(void)
{
    const cloudep_call_t *call = call_of("account.login", "zh-TW");
    cloudep_answer_t answer =
        cloudep_account_style.refuse((cloudep_call_t *)(size_t)call, cloudep_refuse(CLOUDEP_TOTP_WRONG), NULL);

    is_str(said(&answer, "error"), "TOTP 驗證碼不正確,請再試一次。", "account: a sentence in Chinese");
    answer = cloudep_account_style.refuse(call_of("account.login", "en;q=0.5, zh-TW"),
                                          cloudep_refuse(CLOUDEP_SUSPENDED), NULL);
    is_str(said(&answer, "error"), "帳號已停用", "account: one of v1 in Chinese");
}

static void test_session(void)
{
    static const struct {
        cloudep_reason_e reason;
        int status;
        const char *word, *message; /* message NULL: does not matter */
    } cases[] = {
        {CLOUDEP_PATH_UNKNOWN, 404, "path_unknown", NULL},
        {CLOUDEP_METHOD_NOT_ALLOWED, 405, "method_not_allowed", NULL},
        {CLOUDEP_BODY_TOO_LARGE, 413, "body_too_large", NULL},
        {CLOUDEP_MEDIA_TYPE_UNSUPPORTED, 415, "media_type_unsupported", NULL},
        {CLOUDEP_TENANT_UNKNOWN, 501, "not_configured", NULL},
        {CLOUDEP_CREDENTIALS_WRONG, 400, "credentials_wrong", "email or password is wrong"},
        {CLOUDEP_CREDENTIALS_CHANGED, 400, "credentials_changed", NULL},
        {CLOUDEP_SECOND_FACTOR_NEEDED, 400, "mfa_required", "the second factor is needed: login/totp"},
        {CLOUDEP_FRESH_PROOF_NEEDED, 400, "fresh_proof_needed", "prove first that it is you: reauthenticate"},
        {CLOUDEP_SUSPENDED, 400, "suspended", "the account is suspended"},
        {CLOUDEP_CHALLENGE_GONE, 400, "challenge_gone", NULL},
        {CLOUDEP_ACCOUNT_EXISTS, 400, "account_exists", NULL},
        {CLOUDEP_INVITE_BUSY, 400, "invite_busy", NULL},
        {CLOUDEP_TOO_MANY_PASSWORDS, 429, "too_many_passwords", NULL},
        {CLOUDEP_DATABASE_FAILED, 500, "database_failed", NULL},
        {CLOUDEP_PROVIDER_FAILED, 502, "provider_failed", NULL},
        {CLOUDEP_NOT_CONFIGURED, 501, "not_configured", NULL},
    };
    static const cloudep_reason_e over[] = {CLOUDEP_TOKEN_MISSING, CLOUDEP_TOKEN_INVALID,
                                            CLOUDEP_REFRESH_TOKEN_INVALID};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cloudep_answer_t answer = refuse(&cloudep_session_style, "session.x", cases[i].reason);

        ok(answer.status == cases[i].status, "session: %s is %d: %d", cases[i].word, cases[i].status, answer.status);
        is_str(said(&answer, "reason"), cases[i].word, "its word");
        is_str(said(&answer, "code"), "", "which is no code");
        if (cases[i].message) {
            is_str(said(&answer, "message"), cases[i].message, "its sentence");
        }
        is_str(cloudep_session_style.code(call_of("session.x", NULL), cloudep_refuse(cases[i].reason)), cases[i].word,
               "its word in events");
    }
    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        const cloudep_answer_t answer = refuse(&cloudep_session_style, "session.x", over[i]);

        is_int(answer.status, 401, "session: no session");
        is_str(said(&answer, "code"), cloudep_reason_word(over[i]), "its word, as a code");
        is_str(said(&answer, "reason"), "", "which is no reason");
        is_str(said(&answer, "message"), "there is no session, or it is over", "one sentence for each");
    }
}

static void test_fields(void)
{
    apr_array_header_t *errors = apr_array_make(pool, 2, sizeof(cloudep_field_error_t));
    cloudep_answer_t answer;

    APR_ARRAY_PUSH(errors, cloudep_field_error_t) =
        (cloudep_field_error_t){.field = "email", .rule = "required", .reason = "is required"};
    APR_ARRAY_PUSH(errors, cloudep_field_error_t) =
        (cloudep_field_error_t){.field = "code", .rule = "required", .reason = "is required, too"};
    answer = cloudep_account_style.refuse(call_of("account.x", NULL), cloudep_refuse(CLOUDEP_FIELD_MISSING), errors);
    is_int(answer.status, 400, "account: a field is missing");
    is_str(said(&answer, "error"), "email is required", "the sentence is about the first that is at fault");
    is_str(said(&answer, "field"), "email", "which is named");
    answer = cloudep_session_style.refuse(call_of("session.x", NULL), cloudep_refuse(CLOUDEP_FIELD_MISSING), errors);
    is_int(answer.status, 400, "session: a field is missing");
    is_str(said(&answer, "message"), "email is required", "the sentence is about the first that is at fault");
}

static void test_success(void)
{
    cloudep_call_t *call = call_of("account.x", NULL);
    const cloudep_style_t *const styles[] = {&cloudep_account_style, &cloudep_session_style};
    static const char *const bare[] = {"{\"ok\":true,\"data\":{}}", "{}"};
    static const char *const full[] = {"{\"ok\":true,\"data\":{\"a\":\"b\"}}", "{\"a\":\"b\"}"};

    for (int i = 0; i < 2; i++) {
        cloudep_answer_t answer;

        call->data = NULL;
        answer = styles[i]->answer(call);
        is_int(answer.status, 200, styles[i]->name);
        is_str(answer.text, bare[i], "nothing to say");
        is_str(answer.type, "application/json; charset=utf-8", "as JSON");
        call->data = json_pack("{ss}", "a", "b");
        answer = styles[i]->answer(call);
        is_str(answer.text, full[i], "something");
        json_decref(call->data);
    }
    call->data = NULL;
    (void)cloudep_account_message(call, cloudep_refuse(CLOUDEP_SUSPENDED), "done");
    ok(!call->data, "a refusal has no message of a success");
    cloudep_account_challenge(call, "the-id", 600);
    is_str(json_string_value(json_object_get(call->data, "challengeId")), "the-id", "a challenge has its id");
    is_int(json_integer_value(json_object_get(call->data, "expiresIn")), 600, "and the seconds that it is good for");
    json_decref(call->data);
}

/* RFC 6750 section 3.1 */
static void test_bearer(void)
{
    static const struct {
        cloudep_reason_e reason;
        const char *error;
    } cases[] = {
        {CLOUDEP_TOKEN_MISSING, NULL},
        {CLOUDEP_TOKEN_INVALID, "invalid_token"},
        {CLOUDEP_REFRESH_TOKEN_INVALID, "invalid_token"},
        {CLOUDEP_SUBJECT_GONE, "invalid_token"},
        {CLOUDEP_ID_TOKEN_INVALID, "invalid_token"},
        {CLOUDEP_TENANT_MISMATCH, "insufficient_scope"},
        {CLOUDEP_SECOND_FACTOR_TOO_OLD, "insufficient_scope"},
        {CLOUDEP_FRESH_PROOF_NEEDED, "insufficient_scope"},
        {CLOUDEP_CREDENTIALS_WRONG, NULL},
        {CLOUDEP_SUSPENDED, NULL},
        {CLOUDEP_DONE, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(cloudep_bearer_error(cases[i].reason), cases[i].error,
               apr_pstrcat(pool, "the error of a bearer token: ", cloudep_reason_word(cases[i].reason), NULL));
    }
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_account();
    test_account_language();
    test_session();
    test_fields();
    test_success();
    test_bearer();
    apr_terminate();
    return done_testing();
}
