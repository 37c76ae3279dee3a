/*
 * flow_social_test.c - registration and login with an account at an OpenID provider, from the start to the session:
 * whose state it is, what changed while somebody was away, and who wins.
 */
#include "base/jose/jwt.h"
#include "base/jose/oidc_request.h"
#include "flow/linked_account.h"
#include "flow/purpose.h"
#include "flow/social_login.h"
#include "provider.h"

#define SLUG "soc"
#define BACK "https://app.test/back"

/* ---- the provider ---- */

static void start_provider(void)
{
    static const char *row[] = {"google", provider.peer.url, PROVIDER_CLIENT, "none", "prompt=consent", NULL};
    static const char *posting[] = {"posting",
                                    provider.peer.url,
                                    PROVIDER_CLIENT,
                                    "none",
                                    "response_mode=form_post",
                                    "page=https://app.test/page?a=b",
                                    "email=trusted",
                                    NULL};

    provider_start();
    provider_row(row);
    provider_row(posting);
    provider_use();
}

/* One parameter of the address that the browser was sent to. */
static const char *parameter(flow_case_t *at, const char *url, const char *name)
{
    const char *found = strstr(url, apr_pstrcat(at->p, name, "=", NULL));

    return found ? apr_pstrndup(at->p, found + strlen(name) + 1, strcspn(found + strlen(name) + 1, "&")) : "";
}

/* Has the provider say who came, in the id_token of that start. */
static void says(flow_case_t *at, const cloudep_social_start_t *start, const char *subject, const char *email,
                 int verified)
{
    json_t *claims = provider_with(provider_claims(subject),
                                   json_pack("{ss,ss,sb}", "nonce", parameter(at, start->oauth_url, "nonce"), "email",
                                             email, "email_verified", verified));

    peer_answers(&provider.peer, PROVIDER_TOKEN, 200,
                 apr_psprintf(at->p, "{\"token_type\":\"Bearer\",\"id_token\":\"%s\"}", provider_signs(at, claims)));
}

/* ---- the flows ---- */

static cloudep_outcome_t enter(flow_case_t *at, const char *invite, cloudep_social_start_t *out)
{
    const cloudep_social_registration_t in = {
        .tenant_slug = SLUG, .invite_code = invite, .provider = "google", .terms_version = "1", .redirect_uri = BACK};

    return cloudep_social_register_start(at->ctx, &in, out);
}

static cloudep_outcome_t go(flow_case_t *at, cloudep_social_start_t *out)
{
    const cloudep_social_entry_t in = {.tenant_slug = SLUG, .provider = "google", .redirect_uri = BACK};

    return cloudep_social_login_start(at->ctx, &in, out);
}

/* Back from the provider, in the browser that started. */
static cloudep_social_callback_t back(flow_case_t *at, const cloudep_social_start_t *start)
{
    return (cloudep_social_callback_t){
        .code = "good", .state = parameter(at, start->oauth_url, "state"), .browser = start->browser};
}

static cloudep_outcome_t enter_end(flow_case_t *at, const cloudep_social_start_t *start,
                                   const cloudep_session_t **session)
{
    const cloudep_social_callback_t in = back(at, start);

    *session = NULL;
    return cloudep_social_register_finish(at->ctx, &in, session);
}

static cloudep_outcome_t go_end(flow_case_t *at, const cloudep_social_start_t *start, cloudep_login_result_t *result)
{
    const cloudep_social_callback_t in = back(at, start);

    *result = (cloudep_login_result_t){0};
    return cloudep_social_login_finish(at->ctx, &in, result);
}

/* A member by the provider. */
static const cloudep_session_t *registered(flow_case_t *at, const char *subject, const char *email)
{
    cloudep_social_start_t start;
    const cloudep_session_t *session;

    if (cloudep_failed(enter(at, "open", &start))) {
        flow_bail_out("a social registration did not start");
    }
    says(at, &start, subject, email, 1);
    if (cloudep_failed(enter_end(at, &start, &session))) {
        flow_bail_out("a social registration did not end");
    }
    return session;
}

static void test_starts(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_registration_t in = {.tenant_slug = SLUG,
                                        .invite_code = "open",
                                        .provider = "elsewhere",
                                        .terms_version = "1",
                                        .redirect_uri = BACK};
    cloudep_social_start_t start;
    cloudep_outcome_t outcome;

    is_invalid(cloudep_social_register_start(at->ctx, &in, &start), offsetof(cloudep_social_registration_t, provider),
               CLOUDEP_RULE_CHOICE, "a provider that is not configured");
    in.provider = "google";
    in.redirect_uri = BACK "/";
    is_invalid(cloudep_social_register_start(at->ctx, &in, &start),
               offsetof(cloudep_social_registration_t, redirect_uri), CLOUDEP_RULE_NOT_ALLOWED,
               "an address that the tenant allows but for its last character");
    in.redirect_uri = "https://app.test/bac";
    is_invalid(cloudep_social_register_start(at->ctx, &in, &start),
               offsetof(cloudep_social_registration_t, redirect_uri), CLOUDEP_RULE_NOT_ALLOWED,
               "the beginning of an address that it allows");
    is_outcome(enter(at, "no such", &start), CLOUDEP_INVITE_UNKNOWN, "a start with an unknown invite");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a start with a good one");
    ok(strstr(start.oauth_url, "code_challenge_method=S256") != NULL, "the browser is sent there with PKCE");
    is_invalid(cloudep_social_login_start(
                   at->ctx,
                   &(cloudep_social_entry_t){.tenant_slug = SLUG, .provider = "google", .redirect_uri = BACK "/"},
                   &start),
               offsetof(cloudep_social_entry_t, redirect_uri), CLOUDEP_RULE_NOT_ALLOWED,
               "a login that ends elsewhere than is allowed");
    in.redirect_uri = BACK;
    in.tenant_slug = "nowhere";
    is_outcome(cloudep_social_register_start(at->ctx, &in, &start), CLOUDEP_TENANT_UNKNOWN,
               "a registration at a tenant that does not exist");
    is_outcome(cloudep_social_login_start(
                   at->ctx,
                   &(cloudep_social_entry_t){.tenant_slug = "nowhere", .provider = "google", .redirect_uri = BACK},
                   &start),
               CLOUDEP_TENANT_UNKNOWN, "nor does a login start there");
    postgres_sql("UPDATE cloudep.tenants SET redirect_uris = '{https://app.test/first,https://app.test/back}'");
    is_outcome(go(at, &start), CLOUDEP_DONE, "the second address that is allowed");
    flow.config.social_starts_per_address = 1;
    at->ctx->network = "192.0.2.77";
    is_outcome(go(at, &start), CLOUDEP_DONE, "the first start of a network within its cap");
    outcome = go(at, &start);
    is_outcome(outcome, CLOUDEP_TOO_MANY_STARTS, "the second one, over the cap");
    ok(outcome.retry_after > 0 && outcome.retry_after <= 3600, "it says when the hour ends");
    flow.config.social_starts_per_address = 1000;
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(go(at, &start), CLOUDEP_TENANT_CLOSED, "a login at a tenant that allows none");
    is_outcome(enter(at, "open", &start), CLOUDEP_TENANT_CLOSED, "nor does a registration start there");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    flow_end(at);
}

static void test_state(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start, other;
    cloudep_social_callback_t in;
    const cloudep_session_t *session;
    char *forged;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration starts");
    is_outcome(go(at, &other), CLOUDEP_DONE, "so does a login, in another browser");
    says(at, &start, "state", "state@soc.test", 1);
    in = back(at, &other);
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "the state of a login does not end a registration");
    in = back(at, &start);
    in.browser = other.browser;
    in.session_id = start.session_id;
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "another browser's cookie, even with the right session_id");
    in.browser = NULL;
    in.session_id = NULL;
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "neither cookie nor session_id");
    in = back(at, &start);
    in.issuer = "https://evil.test";
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "another provider says that it answers");
    in = back(at, &start);
    forged = apr_pstrdup(at->p, in.state);
    forged[strlen(forged) - 1] = forged[strlen(forged) - 1] == 'A' ? 'B' : 'A';
    forged[0] = forged[0] == 'A' ? 'B' : 'A';
    in.state = forged;
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID, "a forged state");
    at->ctx->now += apr_time_from_sec((apr_int64_t)flow.config.social_lifetime + 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_STATE_INVALID, "a state whose time is over");
    at->ctx->now = apr_time_now();
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "none of these has used the state up");
    is_outcome(enter_end(at, &start, &session), CLOUDEP_STATE_INVALID, "the same state a second time");
    ok(flow_logged("state refused: it was used before"), "the log says that it was used");
    flow_end(at);
}

static int is_cancelled(flow_case_t *at, const char *error)
{
    cloudep_social_start_t start;
    cloudep_social_callback_t in;
    const cloudep_session_t *session;

    (void)enter(at, "open", &start);
    in = back(at, &start);
    in.code = NULL;
    in.error = error;
    return cloudep_social_register_finish(at->ctx, &in, &session).reason == CLOUDEP_LOGIN_CANCELLED;
}

static void test_account(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    cloudep_social_callback_t in;
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration whose code is not good");
    in = back(at, &start);
    peer_answers(&provider.peer, PROVIDER_TOKEN, 400, "{\"error\":\"invalid_grant\"}");
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_AUTHORIZATION_INVALID,
               "a code that the provider does not know");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration that the person cancels");
    in = back(at, &start);
    in.code = NULL;
    in.error = "access_denied";
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_LOGIN_CANCELLED,
               "the provider says that the person said no");
    ok(is_cancelled(at, "user_cancelled_authorize"), "as Apple says it");
    ok(is_cancelled(at, "ACCESS_DENIED"), "and LINE");
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "which uses the state up");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration that the provider cannot serve");
    in = back(at, &start);
    in.code = NULL;
    in.error = "words_of_the_provider";
    (void)flow_logged("");
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_PROVIDER_FAILED,
               "another error is the provider's");
    ok(!flow_logged("words_of_the_provider"), "and is not in the log");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration whose address is not verified");
    says(at, &start, "account", "account@soc.test", 0);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_EMAIL_UNVERIFIED, "an address that is not verified there");
    is_outcome(go(at, &start), CLOUDEP_DONE, "a login with it");
    says(at, &start, "account", "account@soc.test", 0);
    is_outcome(go_end(at, &start, &result), CLOUDEP_IDENTITY_UNKNOWN, "an address does not matter to a login");
    session = registered(at, "account", "account@soc.test");
    is_str(session->amr, "fed", "the session says that somebody else authenticated");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "the same account registers again");
    says(at, &start, "account", "account@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_ACCOUNT_EXISTS, "it is registered already");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "another account with the same address registers");
    says(at, &start, "another", "account@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_ACCOUNT_EXISTS,
               "an address alone makes nobody somebody's member");
    is_outcome(go(at, &start), CLOUDEP_DONE, "a login by the provider");
    says(at, &start, "account", "changed@soc.test", 1);
    is_outcome(go_end(at, &start, &result), CLOUDEP_DONE, "the account logs in, whatever its address is by now");
    is_outcome(go(at, &start), CLOUDEP_DONE, "another login by it");
    says(at, &start, "account", "account@soc.test", 0);
    is_outcome(go_end(at, &start, &result), CLOUDEP_DONE,
               "the account logs in, though its address is not verified any more");
    is_outcome(go(at, &start), CLOUDEP_DONE, "a login by an account that nobody registered");
    says(at, &start, "another", "account@soc.test", 1);
    is_outcome(go_end(at, &start, &result), CLOUDEP_IDENTITY_UNKNOWN, "the right address does not log it in");
    flow_end(at);
}

#define OPENED_BY                                                                                                      \
    "SELECT (s.opened_with = 'identity:' || i.id)::text FROM cloudep.sessions s"                                       \
    " JOIN cloudep.identities i USING (tenant_id, uid) WHERE s.id = $1::uuid"

/* What was asked for at the start, and what the session is of. */
static void test_kept(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_social_registration_t in = {.tenant_slug = SLUG,
                                              .invite_code = "open",
                                              .provider = "google",
                                              .terms_version = "7",
                                              .language = "de",
                                              .marketing_opt_in = 1,
                                              .redirect_uri = BACK};
    cloudep_social_start_t start;
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    is_outcome(cloudep_social_register_start(at->ctx, &in, &start), CLOUDEP_DONE, "a registration");
    says(at, &start, "kept", "kept@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "comes to its end");
    is_str(at->ctx->note.uid, session->uid, "the event is about the new member");
    is_value("de 7 true google google", "what was asked for is the member's",
             "SELECT concat_ws(' ', language, terms_version, marketing_opt_in::text, origin, provider)"
             " FROM cloudep.members"
             " WHERE uid = $1::uuid",
             session->uid);
    is_value("true", "the session is of the account at the provider", OPENED_BY, session->id);
    is_outcome(go(at, &start), CLOUDEP_DONE, "a login");
    says(at, &start, "kept", "kept@soc.test", 1);
    at->ctx->note.uid = NULL;
    is_outcome(go_end(at, &start, &result), CLOUDEP_DONE, "comes to its end as well");
    is_str(at->ctx->note.uid, session->uid, "the event is about the member");
    is_value("true", "its session is of the account, too", OPENED_BY, result.session->id);
    flow_end(at);
}

/* ---- linking ---- */

static cloudep_outcome_t link_start(flow_case_t *at, const cloudep_principal_t *who, const char *uri,
                                    cloudep_social_start_t *out)
{
    return cloudep_start_link(at->ctx, who, &(cloudep_link_start_t){.provider = "google", .redirect_uri = uri}, out);
}

static cloudep_outcome_t link_end(flow_case_t *at, const cloudep_principal_t *who, const cloudep_social_start_t *start,
                                  const char *issuer)
{
    const cloudep_link_confirm_t in = {
        .code = "good", .state = parameter(at, start->oauth_url, "state"), .issuer = issuer};

    return cloudep_confirm_link(at->ctx, who, &in);
}

static void test_link(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t second;
    cloudep_social_start_t start, stale;
    cloudep_principal_t who, other, nobody;

    flow_member(at, SLUG, "link@soc.test", &session);
    who = flow_principal(at, session->tenant_id, session->id, session->uid);
    is_outcome(flow_login(at, SLUG, "link@soc.test", FLOW_PASSWORD, &second), CLOUDEP_DONE, "another session");
    other = flow_principal(at, who.tenant_id, second.session->id, who.uid);
    nobody = who;
    nobody.session_id = NULL;
    is_outcome(link_start(at, &nobody, BACK, &start), CLOUDEP_TOKEN_MISSING, "whoever has no session links nothing");
    nobody = who;
    nobody.member = NULL;
    is_outcome(link_start(at, &nobody, BACK, &start), CLOUDEP_SUBJECT_GONE, "nor does a member who is gone");
    is_outcome(link_end(at, &nobody, &(cloudep_social_start_t){.oauth_url = ""}, NULL), CLOUDEP_MEMBER_UNKNOWN,
               "at the end neither");
    flow.config.freshness = 900;
    who.proofs.auth_time -= 900;
    is_outcome(link_start(at, &who, BACK, &start), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof begins no link");
    who.proofs.auth_time += 900;
    is_invalid(link_start(at, &who, BACK "/", &start), offsetof(cloudep_link_start_t, redirect_uri),
               CLOUDEP_RULE_NOT_ALLOWED, "a link that ends elsewhere than is allowed");
    is_outcome(link_start(at, &who, BACK, &start), CLOUDEP_DONE, "a link is begun");
    says(at, &start, "link", "any@soc.test", 0);
    is_outcome(link_end(at, &other, &start, NULL), CLOUDEP_STATE_INVALID,
               "another session of the member does not end it");
    flow.config.social_binding = 0;
    is_outcome(link_end(at, &other, &start, NULL), CLOUDEP_STATE_INVALID, "whatever the settings");
    flow.config.social_binding = 1;
    is_outcome(link_end(at, &who, &start, "https://evil.test"), CLOUDEP_STATE_INVALID,
               "nor does what another provider answers");
    is_outcome(link_end(at, &who, &start, NULL), CLOUDEP_DONE,
               "the session that began it does, whatever the address there");
    is_outcome(link_end(at, &who, &start, NULL), CLOUDEP_STATE_INVALID, "once");
    is_value("1", "the account is the member's",
             "SELECT count(*) FROM cloudep.identities WHERE subject = 'link' AND uid = $1::uuid", who.uid);
    is_value("1", "and one mail tells of it",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'link@soc.test' AND template = 'account_linked'");
    is_outcome(link_start(at, &who, BACK, &start), CLOUDEP_DONE, "another link");
    (void)registered(at, "taken", "taken@soc.test");
    says(at, &start, "taken", "any@soc.test", 1);
    is_outcome(link_end(at, &who, &start, NULL), CLOUDEP_ACCOUNT_LINKED, "of an account that is another member's");
    is_outcome(link_start(at, &who, BACK, &stale), CLOUDEP_DONE, "a link under way");
    is_outcome(go(at, &start), CLOUDEP_DONE, "and a login");
    is_outcome(link_end(at, &who, &start, NULL), CLOUDEP_STATE_INVALID, "whose state ends no link");
    flow_end(at);
}

/* While somebody is at the provider. */
static void test_changed_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    const cloudep_session_t *session;
    cloudep_login_result_t result;
    cloudep_outcome_t outcome;
    PGconn *holder;

    (void)registered(at, "meanwhile", "meanwhile@soc.test");
    flow_invite(SLUG, "soon", "1", "infinity");
    is_outcome(enter(at, "soon", &start), CLOUDEP_DONE, "a start with an invite that ends soon");
    postgres_sql("UPDATE cloudep.invites SET expires_at = now() WHERE code = 'soon'");
    says(at, &start, "soon", "soon@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_INVITE_EXPIRED, "an invite that expired meanwhile");
    postgres_sql("UPDATE cloudep.invites SET expires_at = NULL, uses = 0 WHERE code = 'soon'");
    is_outcome(enter(at, "soon", &start), CLOUDEP_DONE, "a start with an invite of one use");
    postgres_sql("UPDATE cloudep.invites SET uses = 1 WHERE code = 'soon'");
    says(at, &start, "soon", "soon@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_INVITE_USED_UP, "an invite that was used up meanwhile");
    postgres_sql("UPDATE cloudep.invites SET uses = 0 WHERE code = 'soon'");
    is_outcome(enter(at, "soon", &start), CLOUDEP_DONE, "a start with an invite that somebody else uses");
    says(at, &start, "soon", "soon@soc.test", 1);
    holder = postgres_connect("cloudep", POSTGRES_SUPERUSER);
    postgres_exec(holder, "BEGIN; SELECT FROM cloudep.invites WHERE code = 'soon' FOR UPDATE");
    outcome = enter_end(at, &start, &session);
    postgres_exec(holder, "ROLLBACK");
    PQfinish(holder);
    is_outcome(outcome, CLOUDEP_INVITE_BUSY, "an invite whose row stays locked");
    ok(outcome.retry_after > 0, "it says when to come back");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a start at a tenant that takes registrations");
    postgres_sql("UPDATE cloudep.tenants SET registration = false WHERE slug = '" SLUG "'");
    says(at, &start, "closed", "closed@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_REGISTRATION_CLOSED, "registration was closed meanwhile");
    postgres_sql("UPDATE cloudep.tenants SET registration = true WHERE slug = '" SLUG "'");
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a start at a tenant that lets members in");
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    says(at, &start, "closed", "closed@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_TENANT_CLOSED, "which lets nobody in meanwhile");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    is_outcome(go(at, &start), CLOUDEP_DONE, "a login of a member");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'meanwhile@soc.test'");
    says(at, &start, "meanwhile", "meanwhile@soc.test", 1);
    is_outcome(go_end(at, &start, &result), CLOUDEP_SUSPENDED, "a member who was suspended meanwhile");
    flow_end(at);
}

/* A provider that posts, without our cookie. */
static void test_form_post(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_social_registration_t in = {
        .tenant_slug = SLUG, .invite_code = "open", .provider = "posting", .terms_version = "1", .redirect_uri = BACK};
    cloudep_social_form_t form = {.code = "a b", .issuer = "https://id.test"};
    cloudep_social_start_t start, other;
    const cloudep_session_t *session;
    const char *location = NULL;

    is_outcome(enter(at, "open", &other), CLOUDEP_DONE, "a registration at a provider that does not post");
    is_outcome(cloudep_social_register_start(at->ctx, &in, &start), CLOUDEP_DONE, "one at a provider that does");
    ok(strstr(start.oauth_url, "response_mode=form_post") != NULL, "which is asked to");
    form.state = parameter(at, other.oauth_url, "state");
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location),
               CLOUDEP_STATE_INVALID, "a post for a provider without a page");
    form.state = parameter(at, start.oauth_url, "state");
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_LOGIN, &form, &location), CLOUDEP_STATE_INVALID,
               "a post to the callback of the other flow");
    form.user = "{\"name\":{\"firstName\":\"Ada\",\"lastName\":\"L\"}}";
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location), CLOUDEP_DONE,
               "a post to the right one");
    is_str(
        location,
        apr_pstrcat(at->p, "https://app.test/page?a=b&code=a+b&state=", form.state, "&iss=https%3a%2f%2fid.test", NULL),
        "goes on to the page");
    form.user = "{\"name\":{\"firstName\":\"Eve\"}}";
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location), CLOUDEP_DONE,
               "again, with another name");
    says(at, &start, "posting", "posting@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "none of it has used the state up");
    is_value("Ada L", "the first name is the member's",
             "SELECT display_name FROM cloudep.members WHERE email = 'posting@soc.test'");
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location),
               CLOUDEP_STATE_INVALID, "a post for a state that was used");
    is_outcome(cloudep_social_register_start(at->ctx, &in, &start), CLOUDEP_DONE, "another registration there");
    form = (cloudep_social_form_t){.error = "access_denied", .state = parameter(at, start.oauth_url, "state")};
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location), CLOUDEP_DONE,
               "an error is passed on");
    is_str(location, apr_pstrcat(at->p, "https://app.test/page?a=b&error=access_denied&state=", form.state, NULL),
           "as it is");
    says(at, &start, "posting2", "posting2@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "a registration without a name");
    is_value("1", "has none of the one before",
             "SELECT count(*) FROM cloudep.members WHERE email = 'posting2@soc.test' AND display_name IS NULL");
    is_outcome(cloudep_social_register_start(at->ctx, &in, &start), CLOUDEP_DONE, "one that takes too long");
    form.state = parameter(at, start.oauth_url, "state");
    at->ctx->now += apr_time_from_sec((apr_int64_t)flow.config.social_lifetime + 1);
    is_outcome(cloudep_social_pass_on(at->ctx, CLOUDEP_PURPOSE_SOCIAL_REGISTER, &form, &location),
               CLOUDEP_STATE_INVALID, "a post after its time");
    flow_end(at);
}

/* ---- where the browser is sent, and which it is ---- */

static void test_address(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    const cloudep_session_t *session;
    const char *url, *challenge, *body;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration");
    url = start.oauth_url;
    ok(!strncmp(url, provider.peer.url, strlen(provider.peer.url)) &&
           !strncmp(url + strlen(provider.peer.url), "/authorize?", 11),
       "begins at the provider");
    is_str(parameter(at, url, "response_type"), "code", "which is asked for a code");
    is_str(parameter(at, url, "client_id"), PROVIDER_CLIENT, "by our client");
    is_str(parameter(at, url, "redirect_uri"), "https%3a%2f%2fapp.test%2fback", "that comes back there");
    is_str(parameter(at, url, "scope"), "openid+email+profile", "for that scope");
    is_str(parameter(at, url, "prompt"), "consent", "and with what the row has for it");
    ok(!strstr(url, "response_mode="), "nobody asked for a post");
    is_int(start.expires_in, flow.config.social_lifetime, "it says how long there is to log in");
    says(at, &start, "address", "address@soc.test", 1);
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "the registration ends");
    body = strstr(peer_request(&provider.peer, PROVIDER_TOKEN), "\r\n\r\n");
    flow_must(cloudep_pkce_challenge(&challenge, at->p, parameter(at, body, "code_verifier")), "the challenge of PKCE");
    is_str(parameter(at, url, "code_challenge"), challenge, "with the verifier of the challenge that it began with");
    is_str(parameter(at, body, "redirect_uri"), "https%3a%2f%2fapp.test%2fback", "and the same redirect_uri");
    flow_end(at);
}

/* What the provider says of itself is no reason to send a browser into the clear. */
static void test_clear(void)
{
    static const char *const wrong[] = {"http://prov.test/authorize", "http://127.0.0.1.prov.test/authorize"};
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        provider_describes(wrong[i], "");
        provider_use();
        is_outcome(enter(at, "open", &start), CLOUDEP_PROVIDER_FAILED, wrong[i]);
    }
    provider_describes("https://prov.test/authorize?a=b", "");
    provider_use();
    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "an address with TLS");
    ok(!strncmp(start.oauth_url, "https://prov.test/authorize?a=b&", 32), "keeps the query that it has");
    peer_answers(
        &provider.peer, PROVIDER_METADATA, 200,
        apr_psprintf(at->p, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", provider.peer.url, provider.peer.url));
    provider_use();
    is_outcome(enter(at, "open", &start), CLOUDEP_PROVIDER_FAILED, "a provider that has nowhere to log in");
    provider_describes(apr_pstrcat(at->p, provider.peer.url, "/authorize", NULL), "");
    provider_use();
    flow_end(at);
}

/* A browser keeps the id that it has, so that logins in several tabs do not shut each other out. */
static void test_browser(void)
{
    static const struct {
        const char *cookie;
        int kept;
    } cases[] = {
        {"abcdefghijklmnopqrst-_", 1},  {"ABCDEFGHIJKLMNOPQRS019", 1},
        {"abcdefghijklmnopqrst-", 0},   {"abcdefghijklmnopqrst-_a", 0},
        {"abcdefghijklmnopqrst-.", 0},  {"abcdefghijklmnopqrst-;", 0},
        {"abcdefghijklmnopqrst-_;", 0}, {"", 0},
    };
    flow_case_t *at = flow_begin();
    cloudep_social_entry_t in = {.tenant_slug = SLUG, .provider = "google", .redirect_uri = BACK};
    cloudep_social_start_t start, other;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        in.browser = cases[i].cookie;
        is_outcome(cloudep_social_login_start(at->ctx, &in, &start), CLOUDEP_DONE, cases[i].cookie);
        ok((strcmp(start.browser, cases[i].cookie) == 0) == cases[i].kept, "%s",
           cases[i].kept ? "is kept" : "is not kept");
        is_int((int)strlen(start.browser), 22, "an id has 22 characters");
    }
    in.browser = NULL;
    is_outcome(cloudep_social_login_start(at->ctx, &in, &start), CLOUDEP_DONE, "a browser without one");
    is_outcome(cloudep_social_login_start(at->ctx, &in, &other), CLOUDEP_DONE, "and another");
    ok(strcmp(start.browser, other.browser) != 0, "get one each");
    ok(strcmp(start.session_id, other.session_id) != 0, "as do clients without cookies");
    flow_end(at);
}

static void test_client_without_cookies(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start, other;
    cloudep_social_callback_t in;
    const cloudep_session_t *session;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration by a client without cookies");
    is_outcome(enter(at, "open", &other), CLOUDEP_DONE, "another");
    says(at, &start, "cookieless", "cookieless@soc.test", 1);
    in = back(at, &start);
    in.browser = NULL;
    in.session_id = other.session_id;
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_STATE_INVALID,
               "is not ended by the session_id of the other");
    in.session_id = start.session_id;
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_DONE, "but by its own");
    flow.config.social_binding = 0;
    in = back(at, &other);
    in.browser = NULL;
    says(at, &other, "unbound", "unbound@soc.test", 1);
    is_outcome(cloudep_social_register_finish(at->ctx, &in, &session), CLOUDEP_DONE,
               "without CloudEPSocialBinding whoever comes ends it");
    flow.config.social_binding = 1;
    flow_end(at);
}

/* The state says until when it is good: that second is over. */
static void test_last_second(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    const cloudep_session_t *session;
    apr_time_t end;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration that takes as long as it may");
    end = apr_time_from_sec(apr_atoi64(strchr(parameter(at, start.oauth_url, "state"), '.') + 1));
    ok(end >= at->ctx->now + apr_time_from_sec((apr_int64_t)flow.config.social_lifetime - 1) &&
           end <= apr_time_now() + apr_time_from_sec((apr_int64_t)flow.config.social_lifetime + 1),
       "is good for CloudEPSocialLifetime");
    says(at, &start, "second", "second@soc.test", 1);
    at->ctx->now = end;
    is_outcome(enter_end(at, &start, &session), CLOUDEP_STATE_INVALID, "at its end it is over");
    at->ctx->now = end - 1;
    is_outcome(enter_end(at, &start, &session), CLOUDEP_DONE, "a moment before it is not");
    flow_end(at);
}

static void test_not_configured(void)
{
    apr_array_header_t *rows = flow.config.social_providers;
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start, ignored;
    const cloudep_session_t *session;
    const cloudep_social_entry_t unknown = {.tenant_slug = SLUG, .provider = "other", .redirect_uri = BACK};
    cloudep_outcome_t outcome;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration at a provider");
    says(at, &start, "away", "away@soc.test", 1);
    flow.config.social_providers = apr_array_make(at->p, 1, sizeof(const char *const *));
    APR_ARRAY_PUSH(flow.config.social_providers, const char *const *) =
        APR_ARRAY_IDX(rows, 1, const char *const *); /* "posting" alone */
    provider_use();
    is_outcome(enter_end(at, &start, &session), CLOUDEP_PROVIDER_NOT_CONFIGURED, "that is not there any more");
    is_outcome(go(at, &ignored), CLOUDEP_PROVIDER_NOT_CONFIGURED, "the one that everybody knows is not configured");
    outcome = cloudep_social_login_start(at->ctx, &unknown, &ignored);
    is_invalid(outcome, offsetof(cloudep_social_entry_t, provider), CLOUDEP_RULE_CHOICE, "one that nobody knows");
    is_str(outcome.why, "must be one of: google, posting", "the refusal names those there are");
    flow.config.social_providers = rows;
    provider_use();
    outcome = cloudep_social_login_start(at->ctx, &unknown, &ignored);
    is_str(outcome.why, "must be one of: google, posting", "each once");
    flow_end(at);
}

/* An address that is not believed: the log says what the operator can do. */
static void test_belief(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    const cloudep_session_t *session;

    for (int i = 0; i < 3; i++) {
        static const char *const logged[] = {"email=trusted believes it all the same",
                                             "it says that the address is not verified",
                                             "it sends no address that mail gets to"};
        json_t *claims = provider_claims("belief");

        is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration");
        (void)provider_with(claims, json_pack("{ss}", "nonce", parameter(at, start.oauth_url, "nonce")));
        if (i < 2) {
            (void)provider_with(claims, json_pack("{ss}", "email", "belief@soc.test"));
        }
        if (i == 1) {
            (void)provider_with(claims, json_pack("{sb}", "email_verified", 0));
        }
        peer_answers(&provider.peer, PROVIDER_TOKEN, 200,
                     apr_psprintf(at->p, "{\"id_token\":\"%s\"}", provider_signs(at, claims)));
        (void)flow_logged("");
        is_outcome(enter_end(at, &start, &session), CLOUDEP_EMAIL_UNVERIFIED, "by an address that is not believed");
        ok(flow_logged(logged[i]), "%s", logged[i]);
    }
    flow_end(at);
}

typedef struct return_t {
    const cloudep_social_start_t *start;
} return_t;

static cloudep_outcome_t end_shared(flow_case_t *at, int number, void *sharedv)
{
    const return_t *shared = sharedv;
    const cloudep_session_t *session;

    (void)number;
    return enter_end(at, shared->start, &session);
}

static void test_at_once(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    return_t shared = {&start};
    flow_crowd_t crowd = {.run = end_shared, .baton = &shared};

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration that comes back eight times");
    says(at, &start, "crowd", "crowd@soc.test", 1);
    flow_crowd(&crowd, 8);
    is_int(flow_ended(&crowd, 8, CLOUDEP_DONE), 1, "of eight returns with the same state at once one succeeds");
    is_int(flow_ended(&crowd, 8, CLOUDEP_STATE_INVALID), 7, "to the other seven the state was used");
    is_value("1", "one member came of it", "SELECT count(*) FROM cloudep.members WHERE email = 'crowd@soc.test'");
    flow_end(at);
}

static void test_lost(void)
{
    flow_case_t *at = flow_begin();
    cloudep_social_start_t start;
    const cloudep_session_t *session;

    is_outcome(enter(at, "open", &start), CLOUDEP_DONE, "a registration starts before memcached restarts");
    memcached_end(flow.memcached);
    flow.memcached = memcached_start(flow.port);
    says(at, &start, "lost", "lost@soc.test", 1);
    for (int i = 0; i < 1000; i++) { /* the cache leaves a server that failed alone for a second */
        if (enter_end(at, &start, &session).reason == CLOUDEP_LOGIN_LOST) {
            break;
        }
        (void)usleep(10000);
    }
    is_outcome(enter_end(at, &start, &session), CLOUDEP_LOGIN_LOST, "a genuine state that memcached has lost");
    flow_end(at);
}

int main(void)
{
    flow_start();
    start_provider();
    flow_tenant(SLUG);
    test_starts();
    test_state();
    test_account();
    test_kept();
    test_link();
    test_changed_meanwhile();
    test_form_post();
    test_address();
    test_clear();
    test_browser();
    test_client_without_cookies();
    test_last_second();
    test_not_configured();
    test_belief();
    test_at_once();
    test_lost();
    return done_testing();
}
