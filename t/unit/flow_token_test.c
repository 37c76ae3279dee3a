/*
 * flow_token_test.c - what our tokens say and how long they hold, from the cache as well, and which proofs are fresh.
 * Time is the context's.
 */
#include <string.h>

#include "flow.h"
#include "base/jose/claims.h"
#include "base/jose/jwt.h"
#include "base/text/b64.h"
#include "flow/generated_secret.h"
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

/* What a token says under a name, as JSON. */
static const char *claim(flow_case_t *at, const char *token, const char *name)
{
    const char *encoded = payload(at, token);
    unsigned char *bytes;
    apr_size_t length;
    json_t *claims;
    char *text;
    const char *copy;

    flow_must(cloudep_b64_decode(&bytes, &length, at->p, encoded, strlen(encoded)), "a payload");
    claims = json_loadb((const char *)bytes, length, 0, NULL);
    text = json_dumps(json_object_get(claims, name), JSON_COMPACT | JSON_ENCODE_ANY);
    copy = apr_pstrdup(at->p, text ? text : "");
    free(text);
    json_decref(claims);
    return copy;
}

static int number(flow_case_t *at, const char *token, const char *name)
{
    return atoi(claim(at, token, name));
}

static void test_said(const cloudep_session_t *session)
{
    flow_case_t *at = flow_begin();
    const int now = (int)apr_time_sec(at->ctx->now);
    cloudep_session_t old = *session;
    cloudep_tokens_t tokens;

    old.auth_time = now - 300;
    old.rotated_at = now - 200;
    old.idle_expires_at = now + 5000;
    old.refresh_seq = 7;
    old.amr = "pwd otp mfa";
    tokens = issue(at, &old);
    is_int(number(at, tokens.access, "iat"), now, "an access token is of now");
    is_int(number(at, tokens.access, "nbf"), now, "from now on");
    is_int(number(at, tokens.access, "exp"), now + 900, "for CloudEPAccessTokenLifetime");
    is_int(number(at, tokens.access, "auth_time"), now - 300, "it says when its session was opened");
    is_str(claim(at, tokens.access, "amr"), "[\"pwd\",\"otp\",\"mfa\"]", "and by what");
    is_str(claim(at, tokens.access, "sub"), apr_psprintf(at->p, "\"%s\"", session->uid), "whose it is");
    is_str(claim(at, tokens.access, "tid"), apr_psprintf(at->p, "\"%s\"", session->tenant_id), "in which tenant");
    is_str(claim(at, tokens.access, "sid"), apr_psprintf(at->p, "\"%s\"", session->id), "and session");
    is_str(claim(at, tokens.access, "iss"), "\"https://id.test\"", "by whom");
    is_int(number(at, tokens.refresh, "iat"), now - 200, "a refresh token is of its session's turn");
    is_int(number(at, tokens.refresh, "exp"), now + 5000, "to the end of the session");
    is_str(claim(at, tokens.refresh, "jti"), apr_psprintf(at->p, "\"%s.7\"", session->id), "and of that generation");
    flow_end(at);
}

static void test_read(const cloudep_session_t *session)
{
    flow_case_t *at = flow_begin();
    const apr_time_t end = at->ctx->now + apr_time_from_sec(flow.config.access_lifetime);
    cloudep_tokens_t tokens = issue(at, session), fresh = issue(at, session);
    unsigned char key[CLOUDEP_TOKEN_KEY];
    cloudep_access_t access;
    const char *reason;

    for (int i = 0; i < 2; i++) {
        is_int(cloudep_read_access_token(at->ctx, tokens.access, key, &access, &reason), APR_SUCCESS,
               i ? "a token from the cache" : "a token");
        is_str(access.uid, session->uid, "is the member's");
        is_str(access.tenant_id, session->tenant_id, "of the tenant");
        is_str(access.session_id, session->id, "and of the session");
    }
    flow.config.clock_leeway = 5;
    is_int(read_at(at, fresh.access, end + apr_time_from_sec(4)), APR_SUCCESS,
           "the leeway counts where a token is verified, too");
    flow_end(at);
}

/* A token of one kind is none of the other, and each kind has its keys. */
static void test_kinds(const cloudep_session_t *session)
{
    const cloudep_jwk_t *refresh_key = flow.run.refresh_key;
    flow_case_t *at = flow_begin();
    const apr_int64_t now = apr_time_sec(at->ctx->now);
    apr_array_header_t *amr = apr_array_make(at->p, 1, sizeof(const char *));
    const cloudep_claims_t claims = {.iss = flow.config.issuer,
                                     .aud = flow.config.audience,
                                     .sub = session->uid,
                                     .tid = session->tenant_id,
                                     .sid = session->id,
                                     .jti = "made",
                                     .iat = now,
                                     .nbf = now,
                                     .exp = now + 60,
                                     .auth_time = now,
                                     .amr = amr};
    cloudep_tokens_t tokens = issue(at, session);
    const cloudep_claims_t *read;
    const char *token;

    APR_ARRAY_PUSH(amr, const char *) = "pwd";
    is_int(read_token(at, tokens.refresh), CLOUDEP_EFORGED, "a refresh token is no access token");
    is_outcome(cloudep_read_refresh_token(at->ctx, tokens.access, &read), CLOUDEP_REFRESH_TOKEN_INVALID,
               "nor an access token a refresh token");
    is_outcome(cloudep_read_refresh_token(at->ctx, tokens.refresh, &read), CLOUDEP_DONE, "a refresh token");
    flow.run.refresh_key = cloudep_jwks_active(flow.run.signing, CLOUDEP_KEY_SIGN);
    tokens = issue(at, session);
    flow.run.refresh_key = refresh_key;
    is_outcome(cloudep_read_refresh_token(at->ctx, tokens.refresh, &read), CLOUDEP_DONE,
               "one as 1.0 signed it, and CloudEPRefreshTokens signed does, is taken as well");
    is_int(read_token(at, tokens.refresh), CLOUDEP_EFORGED, "but is no access token either");
    flow_must(cloudep_claims_sign(&token, at->p, cloudep_jwks_active(flow.run.signing, CLOUDEP_KEY_SIGN),
                                  CLOUDEP_TOKEN_ACCESS, &claims),
              "a token");
    is_int(read_token(at, token), APR_SUCCESS, "an access token under a signing key");
    flow_must(cloudep_claims_sign(&token, at->p, refresh_key, CLOUDEP_TOKEN_ACCESS, &claims), "a token");
    is_int(read_token(at, token), CLOUDEP_EFORGED, "under the key of refresh tokens is none");
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
    ok(cloudep_is_fresh(&(cloudep_principal_t){.proofs = {.now = NOW}}, 300),
       "whoever has no session was proved by this very request");
    ok(recent(NOW - 300, 300), "a second factor is recent for so many seconds");
    ok(!recent(NOW - 301, 300), "and no longer");
    ok(!recent(0, APR_INT32_MAX), "none is not recent, however long that is");
}

static void test_required(void)
{
    const cloudep_principal_t stale = {.session_id = "s", .proofs = {.auth_time = NOW - 300, .now = NOW}};
    const int usual = flow.config.freshness;
    flow_case_t *at = flow_begin();

    flow.config.freshness = 300;
    is_outcome(cloudep_require_fresh(at->ctx, &stale), CLOUDEP_FRESH_PROOF_NEEDED, "CloudEPFreshness asks for a proof");
    flow.config.freshness = 301;
    is_outcome(cloudep_require_fresh(at->ctx, &stale), CLOUDEP_DONE, "no older than that");
    flow.config.freshness = 0;
    is_outcome(cloudep_require_fresh(at->ctx, &stale), CLOUDEP_DONE, "0 asks for none");
    flow.config.freshness = usual;
    flow_end(at);
}

/* A secret for a client's own use. */
static void test_generated(void)
{
    flow_case_t *at = flow_begin();
    cloudep_generated_secret_t one = {0}, other = {0};

    is_outcome(cloudep_generate_secret(at->ctx, &one), CLOUDEP_DONE, "a secret is made");
    is_outcome(cloudep_generate_secret(at->ctx, &other), CLOUDEP_DONE, "and another");
    is_int(strlen(one.key), 43, "a key has 256 bits");
    is_int(strlen(one.id), 22, "an id 128");
    ok(strcmp(one.key, other.key) != 0 && strcmp(one.id, other.id) != 0, "no two are alike");
    flow_end(at);
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
    test_said(session);
    test_read(session);
    test_kinds(session);
    test_freshness();
    test_required();
    test_generated();
    flow_end(at);
    return done_testing();
}
