/*
 * flow_styles_test.c - what only the API styles "account" and "session" ask of the flows: backup codes that are shown
 * when an enrolment begins, an enrolment by two codes in a row, a link for a forgotten password, sessions of one
 * tenant.
 */
#include <string.h>

#include "base/crypto/totp.h"
#include "flow.h"
#include "flow/generated_secret.h"
#include "flow/login_second_factor.h"
#include "flow/password_reset.h"
#include "flow/profile.h"
#include "flow/session.h"
#include "flow/totp_enrolment.h"

#define SLUG "sty"

/* A member in a session that has just begun. */
static cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    return (cloudep_principal_t){
        .tenant_id = session->tenant_id,
        .uid = session->uid,
        .session_id = session->id,
        .proofs = {.auth_time = apr_time_sec(at->ctx->now), .now = apr_time_sec(at->ctx->now)}};
}

/* The code of the enrolment under way, so many steps later. */
static const char *code_of(flow_case_t *at, const cloudep_principal_t *who, int steps)
{
    char *sealed = postgres_value("SELECT coalesce(pending_secret, secret) FROM cloudep.totp WHERE uid = $1::uuid",
                                  who->uid, NULL);
    char *code = apr_palloc(at->p, CLOUDEP_TOTP_DIGITS + 1);
    const unsigned char *secret;
    apr_size_t size;

    if (!sealed || cloudep_unseal(&secret, &size, at->p, flow.run.sealing, sealed,
                                  apr_pstrcat(at->p, "totp:", who->tenant_id, ":", who->uid, NULL)) != APR_SUCCESS) {
        flow_bail_out("no secret");
    }
    free(sealed);
    (void)cloudep_totp_code(code, secret, size, cloudep_totp_step(at->ctx->now) + steps);
    return code;
}

/* ---- backup codes that are shown first ---- */

static cloudep_outcome_t login_by(flow_case_t *at, const char *email, const char *code)
{
    const cloudep_session_t *session;
    cloudep_login_result_t result = {0};
    cloudep_login_factor_t in = {.tenant_slug = SLUG, .code = code};

    if (cloudep_failed(flow_login(at, SLUG, email, FLOW_PASSWORD, &result)) || result.session) {
        flow_bail_out("a login did not ask for the second factor");
    }
    in.challenge_id = result.mfa_challenge_id;
    return cloudep_login_second_factor(at->ctx, &in, &session);
}

static cloudep_outcome_t confirm(flow_case_t *at, const cloudep_principal_t *who, apr_array_header_t **codes)
{
    return cloudep_confirm_totp_of_shown_codes(at->ctx, who, &(const cloudep_totp_code_t){.code = code_of(at, who, 0)},
                                               codes);
}

static void test_shown_codes(void)
{
    static const char email[] = "shown@styles.test";
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, email);
    cloudep_totp_start_t start;
    apr_array_header_t *first = NULL, *shown = NULL, *made = NULL;

    is_outcome(cloudep_start_totp_with_codes(at->ctx, &who, &start, &first), CLOUDEP_DONE, "an enrolment with codes");
    is_outcome(cloudep_start_totp_with_codes(at->ctx, &who, &start, &shown), CLOUDEP_DONE, "it begins again");
    is_int(shown->nelts, 10, "ten codes are shown");
    is_value("0", "which are none before the confirmation",
             "SELECT count(*) FROM cloudep.backup_codes WHERE uid = $1::uuid", who.uid);
    is_outcome(confirm(at, &who, &made), CLOUDEP_DONE, "it is confirmed");
    ok(!made, "and makes no others");
    is_outcome(login_by(at, email, APR_ARRAY_IDX(first, 0, const char *)), CLOUDEP_BACKUP_CODE_WRONG,
               "those that were shown before are wrong");
    is_outcome(login_by(at, email, APR_ARRAY_IDX(shown, 0, const char *)), CLOUDEP_DONE, "the last ones are right");
    flow_end(at);
}

static void test_codes_of_another_start(void)
{
    static const char email[] = "unshown@styles.test";
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, email);
    cloudep_totp_start_t start;
    apr_array_header_t *shown = NULL, *made = NULL;

    is_outcome(cloudep_start_totp_with_codes(at->ctx, &who, &start, &shown), CLOUDEP_DONE, "codes are shown");
    /* As a node of 1.0.0 begins anew, which knows nothing of shown codes. */
    free(postgres_value("UPDATE cloudep.totp SET pending_codes_of = 'of another secret' WHERE uid = $1::uuid", who.uid,
                        NULL));
    is_outcome(confirm(at, &who, &made), CLOUDEP_DONE, "and another enrolment is confirmed");
    is_int(made ? made->nelts : 0, 10, "it makes codes of its own");
    is_outcome(login_by(at, email, APR_ARRAY_IDX(shown, 0, const char *)), CLOUDEP_BACKUP_CODE_WRONG,
               "the shown ones are wrong");
    is_outcome(login_by(at, email, made ? APR_ARRAY_IDX(made, 0, const char *) : ""), CLOUDEP_DONE,
               "its own are right");
    flow_end(at);
}

/* ---- two codes in a row ---- */

static cloudep_outcome_t by_pair(flow_case_t *at, const cloudep_principal_t *who, const char *url, const char *codes)
{
    return cloudep_confirm_totp_by_pair(at->ctx, who, &(const cloudep_totp_pair_t){.url = url, .codes = codes});
}

static const char *pair(flow_case_t *at, const cloudep_principal_t *who, int first, int second)
{
    return apr_pstrcat(at->p, code_of(at, who, first), " ", code_of(at, who, second), NULL);
}

static void test_pair(void)
{
    static const char email[] = "pair@styles.test";
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, email);
    cloudep_totp_start_t start;

    is_outcome(by_pair(at, &who, "otpauth://totp/x", "123456 654321"), CLOUDEP_ENROLMENT_UNKNOWN,
               "nothing is under way");
    is_outcome(cloudep_start_totp(at->ctx, &who, &start), CLOUDEP_DONE, "an enrolment");
    is_invalid(by_pair(at, &who, "otpauth://totp/x?secret=ABCDEFGH", pair(at, &who, -1, 0)),
               offsetof(cloudep_totp_pair_t, url), CLOUDEP_RULE_FORMAT, "another secret is refused");
    is_invalid(by_pair(at, &who, start.url, code_of(at, &who, 0)), offsetof(cloudep_totp_pair_t, codes),
               CLOUDEP_RULE_LENGTH, "one code is not enough");
    is_outcome(by_pair(at, &who, start.url, pair(at, &who, 0, 0)), CLOUDEP_TOTP_WRONG, "nor the same twice");
    is_outcome(by_pair(at, &who, start.url, pair(at, &who, 1, 0)), CLOUDEP_TOTP_WRONG, "nor two in the wrong order");
    is_outcome(by_pair(at, &who, start.url, pair(at, &who, -1, 1)), CLOUDEP_TOTP_WRONG, "nor with one between");
    is_outcome(by_pair(at, &who, start.url,
                       apr_pstrcat(at->p, flow_wrong(at, code_of(at, &who, 0)), " ", code_of(at, &who, 1), NULL)),
               CLOUDEP_TOTP_WRONG, "nor where the first is wrong");
    is_outcome(by_pair(at, &who, start.url, pair(at, &who, -1, 0)), CLOUDEP_DONE, "two in a row");
    is_outcome(login_by(at, email, code_of(at, &who, 0)), CLOUDEP_TOTP_WRONG, "the second is used up by that");
    is_outcome(login_by(at, email, code_of(at, &who, 1)), CLOUDEP_DONE, "the next is right");
    flow_end(at);
}

/* ---- a forgotten password ---- */

static void test_forgot(void)
{
    static const char asked[] =
        "SELECT count(*) FROM cloudep.outbox WHERE template = 'password_forgot_link' AND target = $1";
    flow_case_t *at = flow_begin();
    cloudep_forgot_t in = {.tenant_slug = SLUG, .email = "forgot@styles.test"};

    (void)member(at, in.email);
    flow.config.code_cooldown = 60;
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_NOT_CONFIGURED, "without an address of the account pages");
    flow.config.account_url = "https://id.test/account/";
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_DATABASE_FAILED, "a mail that cannot be stored");
    flow_grant("INSERT ON cloudep.outbox");
    postgres_sql("UPDATE cloudep.members SET language = 'de' WHERE email = 'forgot@styles.test'");
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_DONE, "can at once when it can be");
    is_value("1", "a mail is due", asked, in.email);
    is_value("de 3600", "in the member's language, for an hour",
             "SELECT language || ' ' || extract(epoch FROM expires_at - created_at)::integer FROM cloudep.outbox"
             " WHERE template = 'password_forgot_link' AND target = $1",
             in.email);
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_CODE_COOLDOWN, "again at once is too soon");
    is_value("1", "and no second mail is due", asked, in.email);
    in.email = "nobody@styles.test";
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_DONE, "whoever is no member is answered alike");
    is_value("0", "who gets none", asked, in.email);
    is_value("0", "and nothing that could be sent is kept",
             "SELECT count(*) FROM cloudep.outbox WHERE template = 'password_forgot_link' AND expires_at > now()"
             " AND target <> 'forgot@styles.test'");
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_CODE_COOLDOWN, "and is too soon as well");
    in.tenant_slug = "there-is-none";
    is_outcome(cloudep_forgot_by_link(at->ctx, &in), CLOUDEP_TENANT_UNKNOWN, "a tenant that is none");
    flow.config.code_cooldown = 0;
    flow_end(at);
}

/* ---- sessions of one tenant ---- */

static void test_one_tenant(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session, *next = NULL;
    const cloudep_member_t *found = NULL;
    cloudep_tokens_t tokens = {0};

    flow_member(at, SLUG, "tenant@styles.test", &session);
    flow_must(cloudep_failed(cloudep_issue_tokens(at->ctx, session, &tokens)) ? APR_EGENERAL : APR_SUCCESS, "tokens");
    is_outcome(cloudep_profile_of_session(at->ctx, session, &found), CLOUDEP_DONE, "the member of a new session");
    is_str(found ? found->email : NULL, "tenant@styles.test", "is whose it is");
    is_outcome(cloudep_refresh_in_tenant(at->ctx, "other", tokens.refresh, &next), CLOUDEP_REFRESH_TOKEN_INVALID,
               "a refresh where another tenant is served");
    is_outcome(cloudep_refresh_in_tenant(at->ctx, "there-is-none", tokens.refresh, &next), CLOUDEP_TENANT_UNKNOWN,
               "or one that is none");
    is_value("1", "does not turn it", "SELECT refresh_seq FROM cloudep.sessions WHERE id = $1::uuid", session->id);
    is_outcome(cloudep_refresh_in_tenant(at->ctx, SLUG, tokens.refresh, &next), CLOUDEP_DONE,
               "where its own is, it goes on");
    flow_end(at);
}

static void test_generated(void)
{
    flow_case_t *at = flow_begin();
    cloudep_generated_secret_t one = {0}, two = {0};

    is_outcome(cloudep_generate_secret(at->ctx, &one), CLOUDEP_DONE, "a generated secret");
    is_outcome(cloudep_generate_secret(at->ctx, &two), CLOUDEP_DONE, "another one");
    is_int(one.id ? (int)strlen(one.id) : 0, 22, "has an id of 128 bits");
    is_int(one.key ? (int)strlen(one.key) : 0, 43, "and a key of 256");
    ok(one.id && two.id && one.key && two.key && strcmp(one.id, two.id) != 0 && strcmp(one.key, two.key) != 0,
       "never the same");
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    flow_tenant("other");
    test_shown_codes();
    test_codes_of_another_start();
    test_pair();
    test_forgot();
    test_one_tenant();
    test_generated();
    return done_testing();
}
