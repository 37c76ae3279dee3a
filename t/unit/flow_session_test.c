/*
 * flow_session_test.c - refresh and logout: one successor for each refresh token, the grace, reuse, and what ends a
 * session between two requests.
 */
#include "counted.h"
#include "flow.h"
#include "flow/session.h"

#define SLUG "ses"

static cloudep_tokens_t tokens_of(flow_case_t *at, const cloudep_session_t *session)
{
    cloudep_tokens_t tokens = {0};

    if (cloudep_failed(cloudep_issue_tokens(at->ctx, session, &tokens))) {
        flow_bail_out("no tokens");
    }
    return tokens;
}

static cloudep_tokens_t member(flow_case_t *at, const char *email, const cloudep_session_t **session)
{
    flow_member(at, SLUG, email, session);
    return tokens_of(at, *session);
}

static cloudep_reason_e refresh(flow_case_t *at, const char *token)
{
    const cloudep_session_t *session;

    return cloudep_refresh(at->ctx, token, &session).reason;
}

static void is_refused(flow_case_t *at, const char *token, const char *name)
{
    is_str(cloudep_reason_word(refresh(at, token)), "refresh_token_invalid", name);
}

/* As long ago that the grace is over. */
static void after_the_grace(void)
{
    postgres_sql("UPDATE cloudep.sessions SET rotated_at = rotated_at - interval '1 minute'");
}

/* A cookie that says who it is of is renewed as a refresh token is, but ends nothing when it is too old. */
static void test_cookie(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_session_t *next = NULL;
    cloudep_principal_t who;

    flow_member(at, SLUG, "cookie@ses.test", &session);
    who = flow_principal(at, session->tenant_id, session->id, session->uid);
    who.cookie_seq = session->refresh_seq;
    is_outcome(cloudep_renew_session(at->ctx, &who, &next), CLOUDEP_DONE, "a cookie is renewed");
    is_int(next ? next->refresh_seq : 0, session->refresh_seq + 1, "and gets the next number");
    is_outcome(cloudep_renew_session(at->ctx, &who, &next), CLOUDEP_DONE, "the same cookie within the grace");
    is_int(next ? next->refresh_seq : 0, session->refresh_seq + 1, "gets the same one");
    after_the_grace();
    is_outcome(cloudep_renew_session(at->ctx, &who, &next), CLOUDEP_REFRESH_TOKEN_INVALID, "and not after it");
    is_value(NULL, "which ends no session", "SELECT revoke_reason FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(cloudep_renew_session(at->ctx, &who, &next), CLOUDEP_TENANT_CLOSED, "a tenant that is closed says so");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    flow_end(at);
}

static void test_rotation(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_session_t *next, *repeated;
    const cloudep_tokens_t first = member(at, "rotation@ses.test", &session);
    cloudep_tokens_t second;

    is_outcome(cloudep_refresh(at->ctx, first.refresh, &next), CLOUDEP_DONE, "a refresh token is turned in");
    is_str(next->id, session->id, "the session stays the same");
    is_int(next->refresh_seq, 2, "the successor is of the next generation");
    is_str(next->amr, "otp", "what proved the login stays");
    is_int(next->auth_time, session->auth_time, "and when");
    is_outcome(cloudep_refresh(at->ctx, first.refresh, &repeated), CLOUDEP_DONE, "the same token within the grace");
    is_int(repeated->refresh_seq, 2, "gets the same successor");
    second = tokens_of(at, next);
    after_the_grace();
    is_outcome(cloudep_refresh(at->ctx, second.refresh, &next), CLOUDEP_DONE, "the successor is turned in");
    is_int(next->refresh_seq, 3, "its successor is of the third generation");
    is_refused(at, first.refresh, "the first token, whose grace is over");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "refresh_token_reused", ""), 1, "is counted");
    is_value("refresh token reused", "ends the session",
             "SELECT revoke_reason FROM cloudep.sessions WHERE id = $1::uuid", session->id);
    is_refused(at, tokens_of(at, next).refresh, "the newest token of a session that a reuse has ended");
    flow_end(at);
}

static cloudep_outcome_t refresh_shared(flow_case_t *at, int number, void *token)
{
    const cloudep_session_t *session;
    cloudep_outcome_t outcome = cloudep_refresh(at->ctx, token, &session);

    (void)number;
    return !cloudep_failed(outcome) && session->refresh_seq != 2 ? cloudep_refuse(CLOUDEP_INTERNAL_ERROR) : outcome;
}

static void test_at_once(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tokens_t tokens = member(at, "crowd@ses.test", &session);
    char *token = apr_pstrdup(at->p, tokens.refresh);
    flow_crowd_t crowd = {.run = refresh_shared, .baton = token};

    flow_crowd(&crowd, 16);
    is_int(flow_ended(&crowd, 16, CLOUDEP_DONE), 16, "sixteen refreshes at once get the one successor");
    is_value("2", "the session has rotated once", "SELECT refresh_seq::text FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    flow_end(at);
}

static void test_ended(void)
{
    static const struct {
        const char *sql;
        const char *back;
        const char *name;
    } ends[] = {
        {"UPDATE cloudep.sessions SET idle_expires_at = now() - interval '1 second'",
         "UPDATE cloudep.sessions SET idle_expires_at = now() + interval '1 hour'", "a session idle for too long"},
        {"UPDATE cloudep.sessions SET expires_at = now() - interval '1 second'",
         "UPDATE cloudep.sessions SET expires_at = now() + interval '1 day'", "a session older than is allowed"},
        {"UPDATE cloudep.members SET status = 'suspended'", "UPDATE cloudep.members SET status = 'active'",
         "a member who was suspended"},
        {"UPDATE cloudep.sessions SET revoked_at = now()", "UPDATE cloudep.sessions SET revoked_at = NULL",
         "a session that was revoked"},
        {"UPDATE cloudep.sessions SET refresh_seq = refresh_seq - 1 WHERE refresh_seq > 1", "SELECT 1",
         "a generation that is still to come"},
    };
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_session_t *next;
    cloudep_tokens_t tokens = member(at, "ended@ses.test", &session);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        is_outcome(cloudep_refresh(at->ctx, tokens.refresh, &next), CLOUDEP_DONE,
                   apr_psprintf(at->p, "a refresh before: %s", ends[i].name));
        tokens = tokens_of(at, next);
        after_the_grace();
        postgres_sql(ends[i].sql);
        is_refused(at, tokens.refresh, ends[i].name);
        postgres_sql(ends[i].back);
    }
    flow_end(at);
}

static void test_tokens(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tokens_t tokens = member(at, "tokens@ses.test", &session);

    is_refused(at, tokens.access, "an access token in place of a refresh token");
    ok(flow_logged("refresh token refused: "), "the log says why");
    is_refused(at, "x.y.z", "what is no token");
    flow.config.issuer = "https://other.test";
    is_refused(at, tokens.refresh, "a token of another issuer");
    flow.config.issuer = "https://id.test";
    at->ctx->now += apr_time_from_sec((apr_int64_t)flow.config.refresh_idle + flow.config.clock_leeway + 1);
    is_refused(at, tokens.refresh, "a token that has expired");
    at->ctx->now = apr_time_now();
    is_str(cloudep_reason_word(refresh(at, tokens.refresh)), "done", "the token itself was good");
    flow_end(at);
}

/* Generations that no session has. */
static void test_generations(void)
{
    static const int strange[] = {0, -1, APR_INT32_MAX};
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session, *next;
    const cloudep_tokens_t good = member(at, "generations@ses.test", &session);

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        cloudep_session_t other = *session;

        other.refresh_seq = strange[i];
        is_refused(at, tokens_of(at, &other).refresh, apr_psprintf(at->p, "a token of generation %d", strange[i]));
    }
    is_outcome(cloudep_refresh(at->ctx, good.refresh, &next), CLOUDEP_DONE, "none of them ends the session");
    is_str(at->ctx->note.uid, session->uid, "the event of a refresh is about the member");
    is_str(at->ctx->note.tenant_id, session->tenant_id, "and the tenant");
    flow_end(at);
}

/* A tenant that lets nobody in: its sessions go on when it opens again. */
static void test_closed_tenant(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session, *next;
    const cloudep_tokens_t tokens = member(at, "closed@ses.test", &session);

    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(cloudep_refresh(at->ctx, tokens.refresh, &next), CLOUDEP_TENANT_CLOSED,
               "a refresh at a tenant that allows no login");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_refresh(at->ctx, tokens.refresh, &next), CLOUDEP_DONE, "goes on when it opens again");
    flow_end(at);
}

static void test_logout(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tokens_t tokens = member(at, "logout@ses.test", &session);
    const cloudep_principal_t who = {.tenant_id = session->tenant_id, .uid = session->uid, .session_id = session->id};
    const cloudep_principal_t developer = {.tenant_id = session->tenant_id, .uid = session->uid};

    is_outcome(cloudep_logout(at->ctx, &developer), CLOUDEP_TOKEN_MISSING,
               "a principal without a session has nothing to log out of");
    is_str(cloudep_reason_word(refresh(at, tokens.refresh)), "done", "which ends no session");
    is_outcome(cloudep_logout(at->ctx, &who), CLOUDEP_DONE, "a logout");
    is_refused(at, tokens.refresh, "a refresh after the logout, within the grace");
    is_outcome(cloudep_logout(at->ctx, &who), CLOUDEP_DONE, "a second logout is no failure");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "logout", ""), 1, "one session that ended is counted");
    is_value("logout", "the session says what ended it",
             "SELECT revoke_reason FROM cloudep.sessions WHERE id = $1::uuid", session->id);
    flow_end(at);
}

static void test_database(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tokens_t tokens = member(at, "database@ses.test", &session);

    flow_revoke("UPDATE ON cloudep.sessions");
    is_str(cloudep_reason_word(refresh(at, tokens.refresh)), "database_failed",
           "a refresh that the database cannot store is no refusal of the token");
    flow_grant("UPDATE ON cloudep.sessions");
    is_str(cloudep_reason_word(refresh(at, tokens.refresh)), "done", "the same token serves once the database can");
    flow_end(at);
}

int main(void)
{
    flow_start();
    (void)count_in(256);
    flow_tenant(SLUG);
    test_cookie();
    test_rotation();
    test_at_once();
    test_ended();
    test_tokens();
    test_generations();
    test_closed_tenant();
    test_logout();
    test_database();
    return done_testing();
}
