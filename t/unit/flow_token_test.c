/*
 * flow_token_test.c - what our tokens say and how long they hold, from the cache as well, and which proofs are fresh.
 * Time is the context's.
 */
#include <string.h>

#include "flow.h"
#include "base/jose/jwt.h"
#include "service/freshness.h"

#define SLUG "tok"

static cloudep_tokens_t issue(flow_case_t *at, const cloudep_session_t *session)
{
    cloudep_tokens_t tokens = {0};

    if (cloudep_failed(cloudep_issue_tokens(at->ctx, session, &tokens))) {
        flow_bail_out("no tokens");
    }
    return tokens;
}

static apr_status_t read_token(flow_case_t *at, const char *token)
{
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access;
    const char *reason = NULL;

    return cloudep_read_access_token(at->ctx, token, key, &access, &reason);
}

static apr_status_t read_at(flow_case_t *at, const char *token, apr_time_t now)
{
    at->ctx->now = now;
    return read_token(at, token);
}

/* What a token says, encoded. */
static const char *payload(flow_case_t *at, const char *token)
{
    const char *begin = strchr(token, '.') + 1;

    return apr_pstrmemdup(at->p, begin, strcspn(begin, "."));
}

static void test_expiry(const cloudep_session_t *session)
{
    flow_case_t *at = flow_begin();
    const apr_time_t now = apr_time_from_sec(apr_time_sec(at->ctx->now));
    const apr_time_t end = now + apr_time_from_sec(flow.config.access_lifetime);
    const apr_time_t second = apr_time_from_sec(1);
    cloudep_tokens_t tokens;

    at->ctx->now = now;
    tokens = issue(at, session);
    is_int(tokens.expires_in, flow.config.access_lifetime, "an access token says how long it lives");
    flow.config.clock_leeway = 0;
    is_int(read_at(at, tokens.access, now), APR_SUCCESS, "it is good, and from now on in the cache");
    is_int(read_at(at, tokens.access, end - second), APR_SUCCESS, "in the cache it is good for the last second");
    is_int(read_at(at, tokens.access, end), CLOUDEP_EFORGED, "and not at its end");
    flow.config.clock_leeway = 5;
    is_int(read_at(at, tokens.access, end + 4 * second), APR_SUCCESS, "in the cache the leeway counts too");
    is_int(read_at(at, tokens.access, end + 5 * second), CLOUDEP_EFORGED, "and ends");
    flow_end(at);
}

static void test_claims(const cloudep_session_t *session)
{
    flow_case_t *at = flow_begin();
    const apr_time_t now = at->ctx->now;
    cloudep_session_t ending = *session;
    cloudep_tokens_t first, second;
    const cloudep_jwt_t *jwt;
    const char *reason;

    first = issue(at, session);
    second = issue(at, session);
    ok(strcmp(payload(at, first.access), payload(at, second.access)) != 0, "no two access tokens have one jti");
    at->ctx->now = now + apr_time_from_sec(7);
    second = issue(at, session);
    is_str(second.refresh, first.refresh, "the refresh token of a generation is always the same");
    at->ctx->now = now;
    is_int(cloudep_jwt_verify(&jwt, at->p, flow.run.signing, first.refresh, CLOUDEP_JWT_OWN, &reason), APR_NOTFOUND,
           "no public key verifies a refresh token");
    ending.idle_expires_at = apr_time_sec(now) + 60;
    second = issue(at, &ending);
    is_int(second.expires_in, 60, "no access token outlives its session");
    flow.config.audience = "another";
    first = issue(at, session);
    is_int(read_token(at, first.access), APR_SUCCESS, "a token is for CloudEPAudience");
    flow.config.audience = "cloudep";
    second = issue(at, session);
    flow.config.audience = "another";
    is_int(read_token(at, second.access), CLOUDEP_EFORGED, "one for another is refused");
    flow.config.audience = "cloudep";
    flow_end(at);
}

/* ---- freshness */

#define NOW 1000000 /* when the proofs were read, by the database's clock */

static int fresh(cloudep_proofs_t proofs, int seconds)
{
    cloudep_principal_t who = {.session_id = "s", .proofs = proofs};

    who.proofs.now = NOW;
    return cloudep_is_fresh(&who, seconds);
}

static int recent(apr_int64_t mfa_at, apr_int64_t seconds)
{
    const cloudep_principal_t who = {.session_id = "s", .proofs = {.mfa_at = mfa_at, .now = NOW}};

    return cloudep_has_recent_factor(&who, seconds);
}

static void test_freshness(void)
{
    ok(fresh((cloudep_proofs_t){.auth_time = NOW - 299}, 300), "a login is fresh for so many seconds");
    ok(!fresh((cloudep_proofs_t){.auth_time = NOW - 300}, 300), "and no longer");
    ok(fresh((cloudep_proofs_t){.auth_time = NOW - 900, .fresh_at = NOW - 299}, 300), "so is a proof since");
    ok(fresh((cloudep_proofs_t){.auth_time = NOW - 900, .mfa_at = NOW - 299}, 300), "and a second factor");
    ok(!fresh((cloudep_proofs_t){.auth_time = NOW, .second_factor = 1}, 300),
       "of whom has a second factor a login proves nothing");
    ok(!fresh((cloudep_proofs_t){.auth_time = NOW, .fresh_at = NOW, .second_factor = 1}, 300),
       "nor does a proof without it");
    ok(fresh((cloudep_proofs_t){.mfa_at = NOW - 299, .second_factor = 1}, 300), "but the factor does");
    ok(!fresh((cloudep_proofs_t){0}, 300), "no proof is not fresh");
    ok(recent(NOW - 300, 300), "a second factor is recent for so many seconds");
    ok(!recent(NOW - 301, 300), "and no longer");
    ok(!recent(0, APR_INT32_MAX), "none is not recent, however long that is");
}

int main(void)
{
    flow_case_t *at;
    const cloudep_session_t *session;

    flow_start();
    flow_tenant(SLUG);
    at = flow_begin();
    flow_member(at, SLUG, "a@tok.test", &session);
    test_expiry(session);
    test_claims(session);
    test_freshness();
    flow_end(at);
    return done_testing();
}
