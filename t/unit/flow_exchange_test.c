/*
 * flow_exchange_test.c - id_tokens at token/exchange: whose they are, of which organisation, how old, and that each
 * serves once.
 */
#include <openssl/bn.h>
#include "base/store/identity_store.h"
#include "base/text/b64.h"
#include "flow/token_exchange.h"
#include "oidc/exchange.h"
#include "provider.h"

#define SLUG "exc"
#define ORGANIZATION "2301"
#define SUBJECT "ada"

static const char *uid; /* of the member who has SUBJECT */

/* ---- tokens */

static json_t *claims_of(const char *subject)
{
    static int made;

    return provider_with(provider_claims(subject),
                         json_pack("{ss,si}", flow.config.exchange_organization, ORGANIZATION, "test", ++made));
}

static const char *token_of(flow_case_t *at, const char *subject)
{
    return provider_signs(at, claims_of(subject));
}

/* With other claims, which are released. */
static const char *token_with(flow_case_t *at, json_t *more)
{
    return provider_signs(at, provider_with(claims_of(SUBJECT), more));
}

/* s and n - s sign the same for ECDSA on P-256: the token with the other one. */
static const char *other_spelling(flow_case_t *at, const char *token)
{
    static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const char *dot = strrchr(token, '.');
    unsigned char *bytes;
    apr_size_t length;
    BIGNUM *n = NULL, *s;

    flow_must(cloudep_b64_decode(&bytes, &length, at->p, dot + 1, strlen(dot + 1)), "a signature");
    s = BN_bin2bn(bytes + 32, 32, NULL);
    if (length != 64 || !s || !BN_hex2bn(&n, order) || !BN_sub(s, n, s) || BN_bn2binpad(s, bytes + 32, 32) != 32) {
        flow_bail_out("no other signature");
    }
    BN_free(s);
    BN_free(n);
    return apr_pstrcat(at->p, apr_pstrmemdup(at->p, token, (apr_size_t)(dot - token)), ".",
                       cloudep_b64_encode(at->p, bytes, 64), NULL);
}

/* ---- the exchange */

typedef struct got_t {
    const cloudep_member_t *member;
    const char *opened_with;
    const char *session_id;
} got_t;

static cloudep_outcome_t exchange_at(flow_case_t *at, const char *slug, const char *token, got_t *got)
{
    const cloudep_tenant_t *tenant;

    *got = (got_t){0};
    flow_must(cloudep_tenant_by_slug(flow.run.db, at->p, &tenant, slug), "a tenant");
    return cloudep_exchange_member(at->ctx, tenant, token, &got->member, &got->opened_with, &got->session_id);
}

static cloudep_outcome_t exchange(flow_case_t *at, const char *token, got_t *got)
{
    return exchange_at(at, SLUG, token, got);
}

static void is_refused(flow_case_t *at, const char *token, const char *why, const char *name)
{
    got_t got;

    (void)flow_logged("");
    is_outcome(exchange(at, token, &got), CLOUDEP_ID_TOKEN_INVALID, name);
    ok(flow_logged(apr_pstrcat(at->p, "id_token refused: ", why, NULL)), "%s: the log says why", name);
}

/* ---- */

static void test_member(void)
{
    flow_case_t *at = flow_begin();
    char *identity = postgres_value("SELECT id FROM cloudep.identities WHERE subject = $1", SUBJECT, NULL);
    got_t got;

    is_outcome(exchange(at, token_of(at, SUBJECT), &got), CLOUDEP_DONE, "an id_token of a linked account");
    is_str(got.member ? got.member->uid : "", uid, "means the member who has linked it");
    is_str(got.opened_with, apr_pstrcat(at->p, "identity:", identity, NULL),
           "whose session ends when the account is unlinked");
    ok(got.session_id != NULL, "and has its name from the token");
    is_outcome(exchange(at, token_of(at, "adam"), &got), CLOUDEP_MEMBER_UNKNOWN, "a subject that nobody has linked");
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_MEMBER_UNKNOWN,
               "a subject that is a uid means nobody while passwords live here");
    free(identity);
    flow_end(at);
}

/* Where ZITADEL is the identity provider, its users have our uids. */
static void test_uid(void)
{
    flow_case_t *at = flow_begin();
    got_t got;

    postgres_sql("UPDATE cloudep.members SET provider = 'zitadel'");
    flow.config.provider = "zitadel";
    flow.config.zitadel_url = apr_pstrcat(flow.pool, provider.peer.url, "/", NULL);
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_DONE, "a uid from the ZITADEL that has the passwords");
    is_str(got.member ? got.member->uid : "", uid, "means that member");
    is_str(got.opened_with, CLOUDEP_OPENED_EXCHANGE, "whose session depends on no linked account");
    flow.config.zitadel_url = provider.peer.url;
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_DONE, "with and without a slash at the end of its URL");
    flow.config.zitadel_url = apr_pstrcat(flow.pool, provider.peer.url, "0", NULL);
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_MEMBER_UNKNOWN, "a uid from another ZITADEL");
    flow.config.zitadel_url = apr_pstrmemdup(flow.pool, provider.peer.url, strlen(provider.peer.url) - 1);
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_MEMBER_UNKNOWN, "one whose URL only begins alike");
    flow.config.zitadel_url = "https://zitadel.test";
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_MEMBER_UNKNOWN, "a uid from quite another one");
    flow.config.zitadel_url = provider.peer.url;
    flow.config.provider = "local";
    is_outcome(exchange(at, token_of(at, uid), &got), CLOUDEP_MEMBER_UNKNOWN,
               "a uid from a ZITADEL that has no passwords of ours");
    flow.config.zitadel_url = NULL;
    postgres_sql("UPDATE cloudep.members SET provider = 'local'");
    flow_end(at);
}

static void test_organization(void)
{
    flow_case_t *at = flow_begin();
    const char *claim = flow.config.exchange_organization;
    got_t got;

    is_refused(at, token_with(at, json_pack("{ss}", claim, "2302")), "of another organisation",
               "the token of another organisation");
    is_refused(at, token_with(at, json_pack("{ss}", claim, "23")), "of another organisation",
               "one that the organisation begins with");
    is_refused(at, token_with(at, json_pack("{sn}", claim)), "the claim of the organisation is missing",
               "a token without an organisation");
    is_refused(at, token_with(at, json_pack("{s[s]}", claim, ORGANIZATION)), "the claim of the organisation is missing",
               "an organisation that is no text");
    postgres_sql("UPDATE cloudep.tenants SET organization = NULL WHERE slug = '" SLUG "'");
    is_refused(at, token_of(at, SUBJECT), "the tenant has no organisation", "a tenant without an organisation");
    is_refused(at, token_with(at, json_pack("{sn}", claim)), "the tenant has no organisation",
               "neither tenant nor token has one");
    postgres_sql("UPDATE cloudep.tenants SET organization = '" ORGANIZATION "' WHERE slug = '" SLUG "'");
    flow.config.exchange_organization = "hd";
    is_refused(at, token_with(at, json_pack("{sn,ss}", "hd", claim, ORGANIZATION)),
               "the claim of the organisation is missing", "the default claim where another one is named");
    flow.config.exchange_organization = claim;
    is_outcome(exchange(at, token_of(at, SUBJECT), &got), CLOUDEP_DONE, "the tenant's organisation");
    flow_end(at);
}

static void test_claims(void)
{
    flow_case_t *at = flow_begin();
    const json_int_t now = apr_time_sec(at->ctx->now);
    const json_int_t oldest = now - flow.config.exchange_max_age - flow.config.oidc_leeway;
    apr_array_header_t *parties = apr_array_make(at->p, 1, sizeof(const char *));
    const cloudep_jwks_t *own = provider.keys;
    const char *foreign;
    got_t got;

    is_refused(at, token_with(at, json_pack("{ss}", "iss", "https://evil.test")), "wrong iss", "another issuer");
    is_refused(at, token_with(at, json_pack("{ss}", "aud", "another")), "wrong aud", "another audience");
    is_refused(at, token_with(at, json_pack("{ss}", "azp", "another")), "wrong azp", "another party that asked");
    APR_ARRAY_PUSH(parties, const char *) = "another";
    flow.config.exchange_parties = parties;
    is_outcome(exchange(at, token_with(at, json_pack("{ss}", "azp", "another")), &got), CLOUDEP_DONE,
               "a party that the configuration names");
    is_refused(at, token_with(at, json_pack("{ss}", "azp", PROVIDER_CLIENT)), "wrong azp",
               "the audience, which it does not name");
    flow.config.exchange_parties = NULL;
    is_outcome(exchange(at, token_with(at, json_pack("{sI}", "iat", oldest)), &got), CLOUDEP_DONE,
               "a token of the greatest age");
    is_refused(at, token_with(at, json_pack("{sI}", "iat", oldest - 1)), "issued too long ago", "one that is older");
    is_outcome(exchange(at, token_with(at, json_pack("{sI}", "exp", now - flow.config.oidc_leeway + 1)), &got),
               CLOUDEP_DONE, "one that expired within the leeway");
    is_refused(at, token_with(at, json_pack("{sI}", "exp", now - flow.config.oidc_leeway)), "expired",
               "one that expired before it");
    at->ctx->now += apr_time_from_sec(3600);
    is_refused(at, token_of(at, SUBJECT), "expired", "the time is the request's");
    at->ctx->now -= apr_time_from_sec(3600);
    provider.keys = flow_keys("foreign", "ES256");
    foreign = token_of(at, SUBJECT);
    provider.keys = own;
    is_outcome(exchange(at, foreign, &got), CLOUDEP_ID_TOKEN_INVALID, "a token that another key has signed");
    is_outcome(exchange(at, "a.b", &got), CLOUDEP_ID_TOKEN_INVALID, "what is no token");
    flow_end(at);
}

static void test_single_use(void)
{
    flow_case_t *at = flow_begin();
    const char *token = token_of(at, SUBJECT);
    got_t first, again, other;

    is_outcome(exchange(at, token, &first), CLOUDEP_DONE, "a token");
    is_outcome(exchange(at, token, &again), CLOUDEP_DONE, "the same within the grace");
    is_str(again.session_id, first.session_id, "leads into the same session");
    is_outcome(exchange(at, other_spelling(at, token), &again), CLOUDEP_DONE, "the same with another signature");
    is_str(again.session_id, first.session_id, "is no other token");
    is_outcome(exchange(at, token_of(at, SUBJECT), &other), CLOUDEP_DONE, "another token");
    ok(other.session_id && first.session_id && strcmp(other.session_id, first.session_id) != 0,
       "leads into another session");
    postgres_sql("UPDATE cloudep.used_id_tokens SET used_at = used_at - interval '11 seconds'");
    is_refused(at, token, "it was used before", "a token after the grace");
    is_refused(at, other_spelling(at, token), "it was used before", "nor does another signature make another of it");
    flow.config.exchange_single_use = 0;
    is_outcome(exchange(at, token, &again), CLOUDEP_DONE, "where tokens may serve more than once");
    ok(!again.session_id, "sessions are not called after them");
    flow.config.exchange_single_use = 1;
    postgres_sql("DELETE FROM cloudep.used_id_tokens");
    is_outcome(exchange(at, token_of(at, "nobody"), &again), CLOUDEP_MEMBER_UNKNOWN, "a token of nobody");
    is_value("0", "is not used up by that", "SELECT count(*) FROM cloudep.used_id_tokens");
    token = token_of(at, SUBJECT);
    flow_revoke("INSERT ON cloudep.used_id_tokens");
    is_outcome(exchange(at, token, &again), CLOUDEP_DATABASE_FAILED, "a token that cannot be noted lets nobody in");
    flow_grant("INSERT ON cloudep.used_id_tokens");
    flow_end(at);
}

/* As long as it would be accepted, and not much longer. */
static void test_memory(void)
{
    flow_case_t *at = flow_begin();
    const json_int_t now = apr_time_sec(at->ctx->now);
    const int leeway = flow.config.oidc_leeway, age = flow.config.exchange_max_age;
    got_t got;
    apr_int64_t end;
    char *value;

    postgres_sql("DELETE FROM cloudep.used_id_tokens");
    is_outcome(exchange(at, token_with(at, json_pack("{sI}", "exp", now + 20)), &got), CLOUDEP_DONE,
               "a token that expires soon");
    value = postgres_value("SELECT extract(epoch FROM expires_at)::bigint FROM cloudep.used_id_tokens", NULL);
    end = apr_atoi64(value);
    ok(end >= now + 20 + leeway, "is known as long as its exp and the leeway let it in");
    ok(end <= now + 20 + 3 * leeway, "and not for much longer");
    free(value);
    postgres_sql("DELETE FROM cloudep.used_id_tokens");
    is_outcome(exchange(at, token_with(at, json_pack("{sI,sI}", "iat", now + leeway, "exp", now + 86400)), &got),
               CLOUDEP_DONE, "a token that lasts, of a clock that is ahead");
    value = postgres_value("SELECT extract(epoch FROM expires_at)::bigint FROM cloudep.used_id_tokens", NULL);
    end = apr_atoi64(value);
    ok(end >= now + leeway + age + leeway, "is known as long as its age lets it in");
    ok(end <= now + age + 4 * leeway, "and not for a day");
    free(value);
    flow_end(at);
}

/* The flow gives the session the name that the token leads to. */
static void test_session(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_exchange_t in = {.tenant_slug = SLUG, .id_token = token_of(at, SUBJECT)};
    cloudep_login_result_t first = {0}, again = {0};

    is_outcome(cloudep_exchange_token(at->ctx, &in, &first), CLOUDEP_DONE, "a login by id_token");
    is_outcome(cloudep_exchange_token(at->ctx, &in, &again), CLOUDEP_DONE, "the same once more");
    is_str(again.session->id, first.session->id, "is answered with the same session");
    is_str(first.session->amr, "fed", "which says that somebody else authenticated");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE status = 'active'");
    is_outcome(cloudep_exchange_token(at->ctx, &(cloudep_exchange_t){SLUG, token_of(at, SUBJECT)}, &again),
               CLOUDEP_SUSPENDED, "a member who is suspended");
    postgres_sql("UPDATE cloudep.members SET status = 'active' WHERE status = 'suspended'");
    is_outcome(cloudep_exchange_token(at->ctx, &(cloudep_exchange_t){"nowhere", token_of(at, SUBJECT)}, &again),
               CLOUDEP_TENANT_UNKNOWN, "a tenant that is none");
    flow_end(at);
}

static void test_other_tenant(void)
{
    flow_case_t *at = flow_begin();
    const char *token = token_of(at, SUBJECT);
    got_t got;

    flow_tenant("exc2");
    postgres_sql("UPDATE cloudep.tenants SET organization = '" ORGANIZATION "' WHERE slug = 'exc2'");
    is_outcome(exchange_at(at, "exc2", token, &got), CLOUDEP_MEMBER_UNKNOWN,
               "the account of a member of another tenant");
    flow_end(at);
}

static void test_provider_fails(void)
{
    flow_case_t *at = flow_begin();
    const char *token = token_of(at, SUBJECT);
    got_t got;

    provider_use(); /* a child that has no keys yet */
    peer_answers(&provider.peer, PROVIDER_KEYS, 503, "");
    is_outcome(exchange(at, token, &got), CLOUDEP_PROVIDER_FAILED, "a provider whose keys cannot be had");
    provider_publishes(provider.keys);
    flow_end(at);
}

static void set_up(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;

    provider_start();
    flow.config.exchange_issuer = provider.peer.url;
    flow.config.exchange_audience = PROVIDER_CLIENT;
    provider_use();
    flow_tenant(SLUG);
    postgres_sql("UPDATE cloudep.tenants SET organization = '" ORGANIZATION "' WHERE slug = '" SLUG "'");
    flow_member(at, SLUG, "ada@exc.test", &session);
    uid = apr_pstrdup(flow.pool, session->uid);
    free(postgres_value("INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid)"
                        " SELECT tenant_id, $1, $2, uid FROM cloudep.members WHERE uid = $3::uuid",
                        provider.peer.url, SUBJECT, uid, NULL));
    flow_end(at);
}

int main(void)
{
    flow_start();
    set_up();
    test_member();
    test_uid();
    test_organization();
    test_claims();
    test_single_use();
    test_memory();
    test_session();
    test_other_tenant();
    test_provider_fails();
    return done_testing();
}
