/*
 * flow_reset_test.c - a forgotten password: who gets a code, what a reset ends, and what a failure leaves.
 */
#include "flow.h"
#include "flow/login_second_factor.h"
#include "flow/password_reset.h"
#include "flow/session.h"

#define SLUG "rst"
#define NEW_PASSWORD "an entirely different phrase"

static cloudep_outcome_t forgot(flow_case_t *at, const char *email, cloudep_forgot_result_t *out)
{
    const cloudep_forgot_t in = {.tenant_slug = SLUG, .email = email};

    *out = (cloudep_forgot_result_t){0};
    return cloudep_forgot_password(at->ctx, &in, out);
}

static cloudep_outcome_t reset(flow_case_t *at, const char *challenge_id, const char *code, const char *password)
{
    const cloudep_reset_t in = {
        .tenant_slug = SLUG, .challenge_id = challenge_id, .code = code, .new_password = password};

    return cloudep_reset_password(at->ctx, &in);
}

/* A member who has asked for a code; *code is what was mailed. */
static const char *asked(flow_case_t *at, const char *email, const cloudep_session_t **session, const char **code)
{
    cloudep_forgot_result_t challenge;

    flow_member(at, SLUG, email, session);
    if (cloudep_failed(forgot(at, email, &challenge))) {
        flow_bail_out("no code");
    }
    *code = flow_code(at, email, "password_reset");
    return challenge.challenge_id;
}

static void test_who(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_forgot_result_t challenge;

    flow_member(at, SLUG, "who@rst.test", &session);
    is_outcome(forgot(at, "nobody@rst.test", &challenge), CLOUDEP_ACCOUNT_UNKNOWN, "an email that nobody has");
    postgres_sql("UPDATE cloudep.members SET status = 'pending' WHERE email = 'who@rst.test'");
    is_outcome(forgot(at, "who@rst.test", &challenge), CLOUDEP_ACCOUNT_UNKNOWN,
               "a member who has not confirmed the address resumes instead");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'who@rst.test'");
    is_outcome(forgot(at, "who@rst.test", &challenge), CLOUDEP_SUSPENDED, "a member who is suspended");
    postgres_sql("UPDATE cloudep.members SET status = 'active', origin = 'google', has_password = false WHERE email = "
                 "'who@rst.test'");
    is_outcome(forgot(at, "who@rst.test", &challenge), CLOUDEP_PASSWORD_ELSEWHERE,
               "a member whose password is another provider's");
    postgres_sql(
        "UPDATE cloudep.members SET origin = 'platform_native', has_password = true WHERE email = 'who@rst.test'");
    is_str(flow_code(at, "who@rst.test", "password_reset"), "", "none of them was mailed a code");
    postgres_sql("UPDATE cloudep.members SET has_password = false, password_due = true WHERE email = 'who@rst.test'");
    is_outcome(forgot(at, "who@rst.test", &challenge), CLOUDEP_DONE, "whose password an undo took away gets one");
    postgres_sql("UPDATE cloudep.members SET has_password = true, password_due = false WHERE email = 'who@rst.test'");
    is_outcome(forgot(at, "who@rst.test", &challenge), CLOUDEP_DONE, "an active member gets one");
    flow_end(at);
}

static void test_reset(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "reset@rst.test", &session, &code);
    const cloudep_session_t *next;
    cloudep_login_result_t result;
    cloudep_tokens_t tokens;

    postgres_sql("UPDATE cloudep.members SET language = 'en' WHERE email = 'reset@rst.test'");
    is_outcome(cloudep_issue_tokens(at->ctx, session, &tokens), CLOUDEP_DONE, "a session is open before");
    is_outcome(reset(at, challenge, flow_wrong(at, code), NEW_PASSWORD), CLOUDEP_CODE_WRONG, "a wrong code");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "the code that was mailed");
    is_outcome(flow_login(at, SLUG, "reset@rst.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "the old password is dead");
    is_outcome(flow_login(at, SLUG, "reset@rst.test", NEW_PASSWORD, &result), CLOUDEP_DONE, "the new one logs in");
    is_outcome(cloudep_refresh(at->ctx, tokens.refresh, &next), CLOUDEP_REFRESH_TOKEN_INVALID,
               "the session from before has ended");
    is_value("password_reset", "which says why",
             "SELECT revoke_reason FROM cloudep.sessions WHERE uid = $1::uuid ORDER BY created_at LIMIT 1",
             session->uid);
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_CHALLENGE_GONE, "the same code a second time");
    is_value("1", "the member is told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'password_changed'",
             "reset@rst.test");
    is_value("en 3 days", "in their language, within three days",
             "SELECT concat_ws(' ', language, expires_at - created_at) FROM cloudep.outbox"
             " WHERE target = $1 AND template = 'password_changed'",
             "reset@rst.test");
    is_str(flow_param(at, "reset@rst.test", "password_changed", "display_name"), "Somebody", "and by their name");
    flow_end(at);
}

static void test_lockout_goes(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "lockout@rst.test", &session, &code);
    cloudep_login_result_t result;

    for (int i = 0; i <= flow.config.known_guesses; i++) {
        (void)flow_login(at, SLUG, "lockout@rst.test", "a wrong pass phrase", &result);
    }
    is_outcome(flow_login(at, SLUG, "lockout@rst.test", FLOW_PASSWORD, &result), CLOUDEP_TOO_MANY_PASSWORDS,
               "after too many wrong passwords a login has to wait");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "a reset need not");
    is_outcome(flow_login(at, SLUG, "lockout@rst.test", NEW_PASSWORD, &result), CLOUDEP_DONE,
               "and after it a login need not either");
    flow_end(at);
}

static void test_rules(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "rules@rst.test", &session, &code);
    const apr_size_t field = offsetof(cloudep_reset_t, new_password);

    is_invalid(reset(at, challenge, code, "password"), field, CLOUDEP_RULE_PASSWORD, "a common password");
    is_invalid(reset(at, challenge, flow_wrong(at, code), "password"), field, CLOUDEP_RULE_PASSWORD,
               "which is told before a code is compared");
    is_invalid(reset(at, challenge, code, "rules@rst.test"), field, CLOUDEP_RULE_PASSWORD, "the own email");
    postgres_sql("UPDATE cloudep.members SET display_name = 'Nebukadnezar Zweifel' WHERE email = 'rules@rst.test'");
    is_outcome(reset(at, challenge, flow_wrong(at, code), "nebukadnezar zweifel"), CLOUDEP_CODE_WRONG,
               "without the code nobody learns that a password is made of the member's name");
    is_invalid(reset(at, challenge, code, "nebukadnezar zweifel"), field, CLOUDEP_RULE_PASSWORD,
               "with the code the member's name is refused");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "the code was not used up by any of these");
    flow_end(at);
}

static void test_changed_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "meanwhile@rst.test", &session, &code);

    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'meanwhile@rst.test'");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_SUSPENDED, "a member who was suspended meanwhile");
    postgres_sql("UPDATE cloudep.members SET status = 'deleting' WHERE email = 'meanwhile@rst.test'");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_ACCOUNT_UNKNOWN, "a member who is being removed");
    postgres_sql("UPDATE cloudep.members SET status = 'active' WHERE email = 'meanwhile@rst.test'");
    postgres_sql("UPDATE cloudep.members SET status = 'active', email = 'moved@rst.test'"
                 " WHERE email = 'meanwhile@rst.test'");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_ACCOUNT_UNKNOWN,
               "a member who has another address by now");
    postgres_sql("UPDATE cloudep.members SET email = 'meanwhile@rst.test' WHERE email = 'moved@rst.test'");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "the code still serves when they are back");
    flow_end(at);
}

/* A login under way by the old password, and a second code. */
static void test_under_way(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code, *second;
    const char *challenge = asked(at, "under-way@rst.test", &session, &code);
    cloudep_forgot_result_t other;

    is_outcome(forgot(at, "under-way@rst.test", &other), CLOUDEP_DONE, "a second code");
    second = flow_code(at, "under-way@rst.test", "password_reset");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "the first one resets");
    is_outcome(reset(at, other.challenge_id, second, FLOW_PASSWORD), CLOUDEP_CHALLENGE_GONE,
               "which ends the second one");
    flow_end(at);
}

/* A code without the name of its challenge: the newest that the client's network asked for. */
static void test_newest(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "newest@rst.test", &session, &code);
    cloudep_reset_t in = {.tenant_slug = SLUG, .email = "newest@rst.test", .code = code, .new_password = NEW_PASSWORD};

    postgres_sql("DELETE FROM cloudep.budgets");
    at->ctx->network = at->ctx->address = "192.0.2.9";
    is_outcome(cloudep_reset_password(at->ctx, &in), CLOUDEP_CHALLENGE_GONE, "another network has asked for none");
    is_value("1", "which counts for it",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network' AND subject = 'challenge'");
    at->ctx->network = at->ctx->address = "192.0.2.1";
    in.email = "nobody@rst.test";
    is_outcome(cloudep_reset_password(at->ctx, &in), CLOUDEP_CHALLENGE_GONE, "nobody has asked for one either");
    in.challenge_id = challenge;
    is_outcome(cloudep_reset_password(at->ctx, &in), CLOUDEP_CHALLENGE_MISMATCH,
               "a challenge that is of another address");
    in.challenge_id = NULL;
    in.email = "newest@rst.test";
    is_outcome(cloudep_reset_password(at->ctx, &in), CLOUDEP_DONE, "the network that asked");
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

static void test_locked(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "locked@rst.test", &session, &code);
    cloudep_forgot_result_t again;

    for (int i = 1; i <= flow.config.code_attempts; i++) {
        is_outcome(reset(at, challenge, flow_wrong(at, code), NEW_PASSWORD), CLOUDEP_CODE_WRONG,
                   apr_psprintf(at->p, "wrong code number %d of a reset", i));
    }
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_CHALLENGE_LOCKED, "the right code after that");
    is_outcome(forgot(at, "locked@rst.test", &again), CLOUDEP_DONE, "whoever asks again gets another challenge");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_CHALLENGE_LOCKED, "the first one stays locked");
    is_outcome(reset(at, again.challenge_id, flow_code(at, "locked@rst.test", "password_reset"), NEW_PASSWORD),
               CLOUDEP_DONE, "the other one's code resets");
    flow_end(at);
}

static void test_restored(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    const char *challenge = asked(at, "restored@rst.test", &session, &code);
    cloudep_login_result_t result;

    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DATABASE_FAILED,
               "a reset whose notice cannot be stored");
    flow_grant("INSERT ON cloudep.outbox");
    is_outcome(reset(at, challenge, code, NEW_PASSWORD), CLOUDEP_DONE, "the same code finishes it");
    is_outcome(flow_login(at, SLUG, "restored@rst.test", NEW_PASSWORD, &result), CLOUDEP_DONE,
               "the new password logs in then");
    flow_end(at);
}

static cloudep_outcome_t reset_numbered(flow_case_t *at, int number, void *inv)
{
    const cloudep_reset_t *in = inv;

    return reset(at, in->challenge_id, in->code, apr_psprintf(at->p, NEW_PASSWORD " number %d", number));
}

static void test_at_once(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *code;
    cloudep_reset_t in = {.challenge_id = asked(at, "crowd@rst.test", &session, &code)};
    flow_crowd_t crowd = {.run = reset_numbered, .baton = &in};
    cloudep_login_result_t result;
    int winner = -1;

    in.code = code;
    flow_crowd(&crowd, 4);
    is_int(flow_ended(&crowd, 4, CLOUDEP_DONE), 1, "of four resets with the same code at once one succeeds");
    is_int(flow_ended(&crowd, 4, CLOUDEP_CHALLENGE_GONE), 3, "the other three are told that the challenge is gone");
    for (int i = 0; i < 4; i++) {
        winner = crowd.reasons[i] == CLOUDEP_DONE ? i : winner;
    }
    is_outcome(flow_login(at, SLUG, "crowd@rst.test", apr_psprintf(at->p, NEW_PASSWORD " number %d", winner), &result),
               CLOUDEP_DONE, "the password is the one of the reset that succeeded");
    flow_end(at);
}

static void test_concealed(void)
{
    flow_case_t *at = flow_begin();
    cloudep_forgot_result_t challenge;

    flow.config.conceal_accounts = 1;
    is_outcome(forgot(at, "unheard-of@rst.test", &challenge), CLOUDEP_DONE, "concealed: an email that nobody has");
    ok(challenge.challenge_id && challenge.expires_in > 0, "concealed: it gets a challenge");
    is_outcome(reset(at, challenge.challenge_id, "123456", NEW_PASSWORD), CLOUDEP_CODE_WRONG,
               "concealed: a guess at nobody's code is wrong");
    is_str(flow_code(at, "unheard-of@rst.test", "password_reset"), "", "concealed: nothing is mailed to that address");
    flow.config.conceal_accounts = 0;
    is_outcome(cloudep_forgot_password(
                   at->ctx, &(cloudep_forgot_t){.tenant_slug = SLUG, .email = "unheard-of@rst.test", .conceals = 1},
                   &challenge),
               CLOUDEP_DONE, "a client that conceals is told nothing either");
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    test_who();
    test_reset();
    test_lockout_goes();
    test_rules();
    test_changed_meanwhile();
    test_under_way();
    test_newest();
    test_locked();
    test_restored();
    test_at_once();
    test_concealed();
    return done_testing();
}
