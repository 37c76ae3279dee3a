/*
 * flow_zitadel_test.c - calls to ZITADEL: the password check, what answers mean, when it is left alone, its token, and
 * the calls that no request waits for.
 */
#include <openssl/pem.h>
#include "base/jose/jwt.h"
#include "base/jose/oidc_claims.h"
#include "zitadel_peer.h"

#define WRONG "DOM-3gcfDV" /* of a wrong password, in one of its versions */

/* ---- the password check ---- */

static apr_status_t verify_as(flow_case_t *at, const char *uid, const cloudep_member_t *member, const char *password)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);
    const cloudep_idp_user_t user = {.tenant = &zitadel_tenant, .uid = uid, .email = "ada@zit.test", .member = member};

    return zitadel.idp->verify(&ctx, &user, password);
}

static apr_status_t verify(flow_case_t *at, const char *password)
{
    return verify_as(at, ZITADEL_UID, NULL, password);
}

static void opens(const char *session_id)
{
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, 201,
                 apr_psprintf(flow.pool, "{\"sessionId\":\"%s\",\"sessionToken\":\"t\"}", session_id));
}

static void refuses(int status, int code, const char *id)
{
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, status, zitadel_error(code, id));
}

/* A time was measured, so that nobody waits as long as bcrypt usually takes. */
static void test_measured(void)
{
    flow_case_t *at = flow_begin();
    const zitadel_times_t *times = flow.run.zitadel->times;

    opens("first");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a right password");
    is_int(times->count, 1, "is measured where nothing was yet");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "another");
    is_int(times->count, 1, "is not, as nobody compares with it");
    refuses(400, ZITADEL_INVALID, WRONG);
    is_status(verify(at, "wrong"), CLOUDEP_EFORGED, "a wrong one");
    is_int(times->count, 2, "is");
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    is_status(verify_as(at, NULL, NULL, "wrong"), CLOUDEP_EFORGED, "nobody's");
    is_int(times->count, 2, "is not, as it is what waits");
    flow_end(at);
}

static void test_check(void)
{
    flow_case_t *at = flow_begin();
    const char *request;

    opens("a-session_1");
    peer_forgets(&zitadel.peer);
    peer_answers(&zitadel.peer, "DELETE /v2/sessions/a-session_1", 200, "{}");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a right password");
    request = peer_request(&zitadel.peer, ZITADEL_SESSIONS);
    ok(strstr(request, "\r\nAuthorization: Bearer " ZITADEL_PAT "\r\n") != NULL, "is checked with our token");
    ok(strstr(request, "\r\nContent-Type: application/json\r\n") != NULL, "as JSON");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.user.userId", ZITADEL_UID, "for that user");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.password.password", FLOW_PASSWORD, "with that password");
    zitadel_was_sent(ZITADEL_SESSIONS, "lifetime", "60s", "in a session of a minute");
    ok(zitadel_is_asked("DELETE /v2/sessions/a-session_1", 1), "which is ended before that");
    flow_end(at);
}

/* What ZITADEL calls a session becomes part of a path. */
static void test_session_id(void)
{
    flow_case_t *at = flow_begin();
    char id[65] = "";

    opens("../users/x");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a session whose name leads elsewhere");
    memset(id, 'i', 64);
    opens(id);
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "one whose name is too long");
    opens("plain");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "one that is right");
    ok(zitadel_is_asked("DELETE /v2/sessions/plain", 1), "is ended");
    is_int(peer_asked(&zitadel.peer, "DELETE /v2/sessions/../users/x") +
               peer_asked(&zitadel.peer, "DELETE /v2/users/x"),
           0, "the first is not");
    is_int(
        peer_asked(&zitadel.peer, apr_pstrcat(at->p, "DELETE /v2/sessions/", id, NULL)) +
            peer_asked(&zitadel.peer, apr_pstrmemdup(at->p, apr_pstrcat(at->p, "DELETE /v2/sessions/", id, NULL), 83)),
        0, "nor is the second, whole or cut off");
    flow_end(at);
}

/* bcrypt compares the first 72 bytes. */
static void test_length(void)
{
    char password[74] = "";
    flow_case_t *at = flow_begin();

    opens("length");
    memset(password, 'p', 72);
    is_status(verify(at, password), APR_SUCCESS, "a password of 72 bytes");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.user.userId", ZITADEL_UID, "is compared");
    password[72] = 'p';
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    is_status(verify(at, password), CLOUDEP_EFORGED, "one of 73");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.user.userId", "00000000-0000-0000-0000-000000000000",
                     "is compared with nobody's");
    flow_end(at);
}

static void test_form(void)
{
    const cloudep_member_t before = {.password_form = 0}, now = {.password_form = 1};
    flow_case_t *at = flow_begin();

    opens("form");
    is_status(verify_as(at, ZITADEL_UID, &now, "pass ｗｏｒｄ e\xcc\x81"), APR_SUCCESS, "a password that has a form");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.password.password", "pass ｗｏｒｄ \xc3\xa9", "is compared in it");
    is_status(verify_as(at, ZITADEL_UID, &before, "e\xcc\x81"), APR_SUCCESS, "one that was set by version 1.0");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.password.password", "e\xcc\x81", "is compared as it was typed");
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    is_status(verify_as(at, ZITADEL_UID, &now, "tab\there"), CLOUDEP_EFORGED, "one that can have no form");
    zitadel_was_sent(ZITADEL_SESSIONS, "checks.user.userId", "00000000-0000-0000-0000-000000000000",
                     "is compared with nobody's");
    flow_end(at);
}

static void test_verdicts(void)
{
    static const struct {
        int status, code;
        const char *id;
        apr_status_t want;
        const char *name;
    } cases[] = {
        {400, ZITADEL_INVALID, WRONG, CLOUDEP_EFORGED, "a wrong password"},
        {400, ZITADEL_INVALID, "COMMAND-3M0fs", CLOUDEP_EFORGED, "a wrong password, as another version says it"},
        {400, ZITADEL_PRECONDITION, "COMMAND-Df4b3", CLOUDEP_EFORGED, "a user who was removed a moment ago"},
        {400, ZITADEL_PRECONDITION, "COMMAND-3nJ4t", CLOUDEP_EFORGED, "a user without a password"},
        {400, ZITADEL_PRECONDITION, "SESSION-Gj4ko", CLOUDEP_EREFUSED, "a user who is not active"},
        {400, ZITADEL_PRECONDITION, "COMMAND-JLK35", CLOUDEP_EREFUSED, "a user who is locked"},
        {400, ZITADEL_PRECONDITION, "COMMAND-SFA3t", CLOUDEP_EREFUSED, "a user who is locked by this try"},
        {400, ZITADEL_PRECONDITION, "COMMAND-other", CLOUDEP_EPROVIDER, "an error that is not known"},
        {409, ZITADEL_INVALID, WRONG, CLOUDEP_EPROVIDER, "a wrong password with another status"},
        {500, ZITADEL_INVALID, WRONG, CLOUDEP_EPROVIDER, "an error of the server"},
        {403, 7, "COMMAND-JLK35", CLOUDEP_EPROVIDER, "no permission"},
        {404, ZITADEL_NOT_FOUND, "", CLOUDEP_EPROVIDER, "404 without an id: no such route"},
        {404, ZITADEL_NOT_FOUND, "AUTH-7fs1e", CLOUDEP_EPROVIDER, "404 of our service account"},
    };
    flow_case_t *at = flow_begin();

    peer_answers(&zitadel.peer, "GET " ZITADEL_PATH, 404, zitadel_error(ZITADEL_NOT_FOUND, "QUERY-Dfbg2"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refuses(cases[i].status, cases[i].code, cases[i].id);
        is_status(verify(at, FLOW_PASSWORD), cases[i].want, cases[i].name);
    }
    ok(flow_logged("id COMMAND-other"), "the log has the id of an error that is not known");
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, 201, "{\"details\":{}}");
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EPROVIDER, "a success without a session");
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, 201, "ok");
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EPROVIDER, "a success that is not JSON");
    flow_end(at);
}

/* Where ZITADEL has just made the user and its session API does not know of it yet. */
static void test_projection(void)
{
    flow_case_t *at = flow_begin();

    peer_forgets(&zitadel.peer);
    opens("late");
    peer_answers_once(&zitadel.peer, ZITADEL_SESSIONS, 404, zitadel_error(ZITADEL_NOT_FOUND, "QUERY-Dfbg2"));
    peer_answers(&zitadel.peer, "GET " ZITADEL_PATH, 200, "{\"user\":{}}");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a user whom sessions did not know of at first");
    is_int(peer_asked(&zitadel.peer, "GET " ZITADEL_PATH), 1, "is looked up");
    is_int(peer_asked(&zitadel.peer, ZITADEL_SESSIONS), 2, "and checked again");
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EFORGED, "one whom sessions never know of");
    is_int(peer_asked(&zitadel.peer, ZITADEL_SESSIONS), 4, "is not checked for ever");
    peer_answers(&zitadel.peer, "GET " ZITADEL_PATH, 404, zitadel_error(ZITADEL_NOT_FOUND, "QUERY-Dfbg2"));
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EFORGED, "one who is not there");
    is_int(peer_asked(&zitadel.peer, ZITADEL_SESSIONS), 5, "is not checked again");
    is_status(verify_as(at, NULL, NULL, FLOW_PASSWORD), CLOUDEP_EFORGED, "nobody");
    is_int(peer_asked(&zitadel.peer, "GET " ZITADEL_PATH), 3, "is not looked up");
    flow_end(at);
}

/* Whoever is refused without a comparison waits as long as others took. */
static void test_equal_time(void)
{
    zitadel_times_t *times = flow.run.zitadel->times, kept = *times;
    flow_case_t *at = flow_begin();
    apr_time_t began;

    for (int i = 0; i < ZITADEL_TIMES; i++) {
        times->took[i] = 300000;
    }
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    began = apr_time_now();
    is_status(verify_as(at, NULL, NULL, FLOW_PASSWORD), CLOUDEP_EFORGED, "nobody");
    ok(apr_time_now() - began >= 300000, "is refused no sooner than others were");
    began = apr_time_now();
    zitadel.idp->pretend(&(cloudep_idp_context_t){.p = at->p, .config = &flow.config},
                         &(cloudep_idp_user_t){.tenant = &zitadel_tenant, .email = "ada@zit.test"}, FLOW_PASSWORD);
    ok(apr_time_now() - began >= 300000, "a registration that comes to nothing takes as long");
    *times = kept;
    flow_end(at);
}

/* Each check may count towards a lock. */
static void test_once(void)
{
    flow_case_t *at = flow_begin();

    opens("once");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a check over a connection that is kept");
    ok(zitadel_is_asked("DELETE /v2/sessions/once", 1), "whose session was ended");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "and another");
    ok(zitadel_is_asked("DELETE /v2/sessions/once", 2), "whose session was, too");
    peer_forgets(&zitadel.peer);
    peer_answers_once(&zitadel.peer, ZITADEL_SESSIONS, PEER_BREAKS, "");
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EPROVIDER, "a connection that breaks");
    is_int(peer_asked(&zitadel.peer, ZITADEL_SESSIONS), 1, "the check is not made twice");
    flow_end(at);
}

/* ---- left alone ---- */

static apr_status_t removal(flow_case_t *at)
{
    const cloudep_idp_context_t ctx = zitadel_context(at);

    return zitadel.idp->remove(&ctx, &(cloudep_idp_user_t){.tenant = &zitadel_tenant, .uid = ZITADEL_UID});
}

static void test_health(void)
{
    static const struct {
        apr_status_t rv;
        int status;
        cloudep_breaker_end_e want;
    } cases[] = {
        {APR_SUCCESS, 200, CLOUDEP_BREAKER_WORKED},        {APR_SUCCESS, 404, CLOUDEP_BREAKER_WORKED},
        {CLOUDEP_EPROVIDER, 0, CLOUDEP_BREAKER_FAILED},    {CLOUDEP_EPROVIDER, 200, CLOUDEP_BREAKER_FAILED},
        {CLOUDEP_EPROVIDER, 399, CLOUDEP_BREAKER_FAILED},  {CLOUDEP_EPROVIDER, 400, CLOUDEP_BREAKER_NEITHER},
        {CLOUDEP_EPROVIDER, 401, CLOUDEP_BREAKER_FAILED},  {CLOUDEP_EPROVIDER, 403, CLOUDEP_BREAKER_NEITHER},
        {CLOUDEP_EPROVIDER, 404, CLOUDEP_BREAKER_NEITHER}, {CLOUDEP_EPROVIDER, 429, CLOUDEP_BREAKER_FAILED},
        {CLOUDEP_EPROVIDER, 499, CLOUDEP_BREAKER_NEITHER}, {CLOUDEP_EPROVIDER, 500, CLOUDEP_BREAKER_FAILED},
        {CLOUDEP_EPROVIDER, 501, CLOUDEP_BREAKER_NEITHER}, {CLOUDEP_EPROVIDER, 503, CLOUDEP_BREAKER_FAILED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const zitadel_answer_t answer = {.status = cases[i].status, .id = ""};

        ok(zitadel_health(cases[i].rv, &answer) == cases[i].want, "what HTTP %d says about its health, %s",
           cases[i].status, cases[i].rv == APR_SUCCESS ? "to the point" : "else");
    }
}

static void test_breaker(void)
{
    flow_case_t *at = flow_begin();

    zitadel_child_ends();
    flow.config.zitadel_failures = 3;
    zitadel_child();
    ok(!cloudep_zitadel_is_left_alone(&flow.config), "a ZITADEL that was not asked yet");
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, "{}");
    refuses(503, 14, "");
    (void)verify(at, FLOW_PASSWORD);
    (void)verify(at, FLOW_PASSWORD);
    refuses(404, ZITADEL_NOT_FOUND, "QUERY-Dfbg2");
    (void)verify_as(at, NULL, NULL, FLOW_PASSWORD);
    ok(!cloudep_zitadel_is_left_alone(&flow.config), "two failures of three");
    refuses(503, 14, "");
    (void)verify(at, FLOW_PASSWORD);
    ok(cloudep_zitadel_is_left_alone(&flow.config), "the third: an answer without a hash between them says nothing");
    ok(flow_logged(apr_psprintf(at->p, "ZITADEL fails: no calls with a password for %d s", flow.config.zitadel_pause)),
       "the log says for how long");
    peer_forgets(&zitadel.peer);
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EPROVIDER, "then no password is checked");
    is_int(peer_asked(&zitadel.peer, ZITADEL_SESSIONS), 0, "nor is it asked");
    is_status(removal(at), APR_SUCCESS, "but calls without a password go on");
    zitadel_child_ends();
    zitadel_child();
    refuses(503, 14, "");
    (void)verify(at, FLOW_PASSWORD);
    (void)verify(at, FLOW_PASSWORD);
    refuses(400, ZITADEL_INVALID, WRONG);
    (void)verify(at, FLOW_PASSWORD);
    refuses(503, 14, "");
    (void)verify(at, FLOW_PASSWORD);
    ok(!cloudep_zitadel_is_left_alone(&flow.config), "a comparison begins the count anew");
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 502, "");
    (void)removal(at);
    (void)removal(at);
    ok(!cloudep_zitadel_is_left_alone(&flow.config), "failures of one kind are not those of the other");
    (void)removal(at);
    ok(cloudep_zitadel_is_left_alone(&flow.config), "calls without a password have a limit, too");
    ok(flow_logged("ZITADEL fails: no calls without a password for"), "and a word of their own in the log");
    opens("works");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "while passwords are checked");
    zitadel_child_ends();
    flow.config.zitadel_pause = 0;
    zitadel_child();
    for (int i = 0; i < 3; i++) {
        (void)removal(at);
    }
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, "{}");
    is_status(removal(at), APR_SUCCESS, "after the pause one call tries");
    ok(flow_logged("ZITADEL answers again: calls without a password go on"), "and ends it");
    flow.config.zitadel_pause = 10;
    flow.config.zitadel_failures = 1000;
    zitadel_child_ends();
    zitadel_child();
    flow_end(at);
}

/* A call that hashes may take longer than others; neither takes for ever. */
static void test_timeouts(void)
{
    flow_case_t *at = flow_begin();

    flow.config.zitadel_timeout = 100;
    flow.config.zitadel_password_timeout = 600000;
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, PEER_SILENT, "");
    is_status(removal(at), CLOUDEP_EPROVIDER, "a call without a password that gets no answer");
    ok(flow_logged("no answer to DELETE " ZITADEL_PATH), "the log says which");
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, PEER_LATE + 201, "{\"sessionId\":\"x/\"}");
    is_status(verify(at, FLOW_PASSWORD), APR_SUCCESS, "a password that takes longer than other calls may");
    flow.config.zitadel_password_timeout = 100;
    flow.config.zitadel_timeout = 600000;
    peer_answers(&zitadel.peer, ZITADEL_SESSIONS, PEER_SILENT, "");
    is_status(verify(at, FLOW_PASSWORD), CLOUDEP_EPROVIDER, "one that gets no answer");
    flow.config.zitadel_timeout = 5000;
    flow.config.zitadel_password_timeout = 12000;
    flow_end(at);
}

static void test_size(void)
{
    const size_t most = 256 * 1024;
    char *text = malloc(most + 2);
    flow_case_t *at = flow_begin();

    memset(text, ' ', most + 1);
    memcpy(text, "{}", 2);
    text[most] = '\0';
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, text);
    is_status(removal(at), APR_SUCCESS, "an answer of 256 KiB");
    text[most] = ' ';
    text[most + 1] = '\0';
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, text);
    is_status(removal(at), CLOUDEP_EPROVIDER, "a byte more");
    free(text);
    flow_end(at);
}

/* ---- the calls that no request waits for ---- */

/* Waits until the calls that were deferred have come to their end: they are made one by one. */
static void settle(void)
{
    static int settled;
    const char *id = apr_psprintf(flow.pool, "settled-%d", ++settled);

    zitadel_defer_end_session(flow.run.zitadel->deferred, id);
    ok(zitadel_is_asked(apr_pstrcat(flow.pool, "DELETE /v2/sessions/", id, NULL), 1), "the next call is made");
}

static void test_deferred(void)
{
    const cloudep_idp_user_t user = {.tenant = &zitadel_tenant, .uid = ZITADEL_UID, .email = "ada@zit.test"};
    flow_case_t *at = flow_begin();
    const cloudep_idp_context_t ctx = zitadel_context(at);
    char email[321] = "";

    peer_forgets(&zitadel.peer);
    peer_answers(&zitadel.peer, "PATCH " ZITADEL_PATH, 503, "");
    is_status(zitadel.idp->confirm(&ctx, &user), APR_SUCCESS, "no confirmation waits for ZITADEL");
    ok(zitadel_is_asked("PATCH " ZITADEL_PATH, 1), "which is told");
    zitadel_was_sent("PATCH " ZITADEL_PATH, "human.email.email", "ada@zit.test", "the address");
    zitadel_was_sent("PATCH " ZITADEL_PATH, "human.email.isVerified", "true", "and that it is verified");
    zitadel_was_sent("PATCH " ZITADEL_PATH, "username", NULL, "and no other name");
    settle();
    zitadel_child_ends();
    is_int(peer_asked(&zitadel.peer, "PATCH " ZITADEL_PATH), 2, "and again at the end of the child, as it failed");
    ok(flow_logged("ZITADEL does not know that the address of " ZITADEL_UID " is confirmed"), "which the log says");
    zitadel_child();
    peer_answers(&zitadel.peer, "PATCH " ZITADEL_PATH, 404, zitadel_error(ZITADEL_NOT_FOUND, "COMMAND-ugjs0upun6"));
    peer_forgets(&zitadel.peer);
    is_status(zitadel.idp->confirm(&ctx, &user), APR_SUCCESS, "a user who is gone there");
    ok(zitadel_is_asked("PATCH " ZITADEL_PATH, 1), "is told of");
    settle();
    zitadel_child_ends();
    is_int(peer_asked(&zitadel.peer, "PATCH " ZITADEL_PATH), 1, "once");
    zitadel_child();
    peer_answers(&zitadel.peer, "PATCH " ZITADEL_PATH, 200, "{}");
    peer_forgets(&zitadel.peer);
    is_status(zitadel.idp->confirm(&ctx, &user), APR_SUCCESS, "an address that ZITADEL takes");
    ok(zitadel_is_asked("PATCH " ZITADEL_PATH, 1), "is told");
    settle();
    zitadel_child_ends();
    is_int(peer_asked(&zitadel.peer, "PATCH " ZITADEL_PATH), 1, "once, too");
    zitadel_child();
    memset(email, 'e', 319);
    is_status(zitadel_defer_mark_verified(flow.run.zitadel->deferred, ZITADEL_UID, email), APR_SUCCESS,
              "an address of 319 bytes");
    email[319] = 'e';
    is_status(zitadel_defer_mark_verified(flow.run.zitadel->deferred, ZITADEL_UID, email), CLOUDEP_EOVERLOAD,
              "a longer one is not cut off");
    is_status(zitadel_defer_mark_verified(flow.run.zitadel->deferred, "../x", "ada@zit.test"), CLOUDEP_EOVERLOAD,
              "a uid that would lead elsewhere is not taken");
    flow_end(at);
}

/* ---- the access token ---- */

#define TOKEN "POST /oauth/v2/token"

static const cloudep_jwks_t *account; /* verifies assertions */

/* The key file of a service account, in place of a token. */
static void use_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *out = BIO_new(BIO_s_mem());
    const char *error, *path;
    json_t *file, *jwk, *set;
    char *pem, *text;
    long length;

    if (!key || !out || !PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) {
        flow_bail_out("no key");
    }
    length = BIO_get_mem_data(out, &pem);
    pem = apr_pstrmemdup(flow.pool, pem, (apr_size_t)length);
    file = json_pack("{ss,ss,ss,ss}", "type", "serviceaccount", "keyId", "key-1", "key", pem, "userId", "user-1");
    text = json_dumps(file, 0);
    path = folder_file("key", text, 0600);
    flow_must(cloudep_jwk_of_pem(&jwk, flow.pool, pem, "key-1", "RS256"), "the key");
    set = json_pack("{s[O]}", "keys", jwk);
    flow_must(cloudep_jwks_from_json(&account, flow.pool, set, CLOUDEP_JWKS_OWN, &error), "its set");
    flow.config.zitadel_key_file = path;
    is_status(zitadel_prepare(&error), CLOUDEP_EREFUSED, "a token and a key");
    flow.config.zitadel_token_file = NULL;
    zitadel_child_ends();
    flow_must(zitadel_prepare(&error), error ? error : "the key file");
    zitadel_child();
    (void)unlink(path);
    json_decref(set);
    json_decref(file);
    free(text);
    BIO_free(out);
    EVP_PKEY_free(key);
}

static void gives_token(const char *token, int lifetime)
{
    peer_answers(&zitadel.peer, TOKEN, 200,
                 apr_psprintf(flow.pool, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":%d}", token,
                              lifetime));
}

/* Whether the last removal was sent with that token. */
static int is_sent_with(const char *token, const char *name)
{
    return ok(strstr(peer_request(&zitadel.peer, "DELETE " ZITADEL_PATH),
                     apr_pstrcat(flow.pool, "\r\nAuthorization: Bearer ", token, "\r\n", NULL)) != NULL,
              "%s", name);
}

static void test_assertion(void)
{
    flow_case_t *at = flow_begin();
    const char *request, *assertion;
    const cloudep_jwt_t *jwt = NULL;
    const char *reason = NULL;
    apr_time_t before = apr_time_now();
    apr_int64_t iat;

    gives_token("token-1", 1000);
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, "{}");
    peer_forgets(&zitadel.peer);
    for (int i = 0; i < 3; i++) {
        is_status(removal(at), APR_SUCCESS, "a call with a key");
    }
    is_sent_with("token-1", "is sent with the token that was fetched");
    is_int(peer_asked(&zitadel.peer, TOKEN), 1, "once");
    ok(flow.run.zitadel->token.expires >= before + apr_time_from_sec(1000) &&
           flow.run.zitadel->token.expires <= apr_time_now() + apr_time_from_sec(1000),
       "it is good as long as ZITADEL says");
    is_int(flow.run.zitadel->token.expires - flow.run.zitadel->token.renew, apr_time_from_sec(200),
           "and renewed before its last fifth");
    request = peer_request(&zitadel.peer, TOKEN);
    ok(strstr(request, "\r\n\r\ngrant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&") != NULL, "by an assertion");
    ok(strstr(request, "&scope=openid%20urn:zitadel:iam:org:project:id:zitadel:aud&") != NULL, "for ZITADEL's API");
    assertion = strstr(request, "&assertion=");
    flow_must(cloudep_jwt_verify(&jwt, at->p, account, assertion ? assertion + 11 : "", CLOUDEP_JWT_OWN, &reason),
              "the assertion");
    is_str(cloudep_claim_text(jwt->claims, "iss"), "user-1", "of the service account");
    is_str(cloudep_claim_text(jwt->claims, "sub"), "user-1", "about itself");
    is_str(cloudep_claim_text(jwt->claims, "aud"), zitadel.peer.url, "for this ZITADEL");
    iat = json_integer_value(json_object_get(jwt->claims, "iat"));
    ok(iat < apr_time_sec(before) && iat > apr_time_sec(before) - 60, "issued a little ago, should clocks differ");
    is_int(json_integer_value(json_object_get(jwt->claims, "exp")) - iat, 305, "and good for five minutes");
    flow_end(at);
}

static void test_refused_token(void)
{
    flow_case_t *at = flow_begin();

    gives_token("token-2", 1000);
    peer_forgets(&zitadel.peer);
    peer_answers_once(&zitadel.peer, "DELETE " ZITADEL_PATH, 401, zitadel_error(16, "AUTH-7fs1e"));
    is_status(removal(at), APR_SUCCESS, "a token that is refused");
    is_sent_with("token-2", "is replaced");
    is_int(peer_asked(&zitadel.peer, TOKEN), 1, "by one that is fetched");
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 401, zitadel_error(16, "AUTH-7fs1e"));
    peer_forgets(&zitadel.peer);
    gives_token("token-3", 1000);
    is_status(removal(at), CLOUDEP_EPROVIDER, "tokens that are all refused");
    is_int(peer_asked(&zitadel.peer, "DELETE " ZITADEL_PATH), 2, "are tried twice");
    peer_answers(&zitadel.peer, TOKEN, 500, "{\"error\":\"a secret\"}");
    peer_forgets(&zitadel.peer);
    (void)flow_logged("");
    is_status(removal(at), CLOUDEP_EPROVIDER, "a refused token without another to be had");
    is_int(peer_asked(&zitadel.peer, "DELETE " ZITADEL_PATH), 1, "is not used again");
    ok(flow_logged("no token: HTTP 500, refused (an assertion is also refused when the clocks differ)"),
       "the log says why");
    flow_end(at);
}

static void test_renewal(void)
{
    zitadel_token_t *token = &flow.run.zitadel->token;
    flow_case_t *at = flow_begin();

    gives_token("token-4", 1000);
    peer_answers(&zitadel.peer, "DELETE " ZITADEL_PATH, 200, "{}");
    token->expires = apr_time_now() - 1;
    peer_forgets(&zitadel.peer);
    is_status(removal(at), APR_SUCCESS, "a token that has expired");
    is_sent_with("token-4", "is not used");
    gives_token("token-5", 1000);
    token->renew = apr_time_now() - 1;
    is_status(removal(at), APR_SUCCESS, "a token whose last fifth has begun");
    is_sent_with("token-5", "is renewed");
    peer_answers(&zitadel.peer, TOKEN, 500, "{}");
    token->renew = apr_time_now() - 1;
    peer_forgets(&zitadel.peer);
    for (int i = 0; i < 3; i++) {
        is_status(removal(at), APR_SUCCESS, "a token that cannot be renewed");
        is_sent_with("token-5", "is used until its end");
    }
    is_int(peer_asked(&zitadel.peer, TOKEN), 1, "and not renewed with each call");
    ok(token->renew > apr_time_now() + apr_time_from_sec(25) && token->renew <= apr_time_now() + apr_time_from_sec(30),
       "but in half a minute");
    token->expires = apr_time_now() - 1;
    is_status(removal(at), CLOUDEP_EPROVIDER, "when that has come there is none");
    flow_end(at);
}

static void test_no_token(void)
{
    static const struct {
        int status;
        const char *body, *name;
    } cases[] = {
        {200, "{}", "an answer without a token"},
        {200, "{\"access_token\":\"a\"}", "a token without an end"},
        {200, "{\"access_token\":\"a\",\"expires_in\":0}", "a token that has ended"},
        {200, "a", "an answer that is not JSON"},
        {201, "{\"access_token\":\"a\",\"expires_in\":10}", "another status"},
        {PEER_BREAKS, "", "no answer"},
    };
    flow_case_t *at = flow_begin();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_answers(&zitadel.peer, TOKEN, cases[i].status, cases[i].body);
        is_status(removal(at), CLOUDEP_EPROVIDER, cases[i].name);
    }
    flow_end(at);
}

static cloudep_outcome_t remove_in_crowd(flow_case_t *at, int number, void *baton)
{
    (void)number;
    (void)baton;
    return removal(at) == APR_SUCCESS ? cloudep_done() : cloudep_refuse(CLOUDEP_PROVIDER_FAILED);
}

static void test_together(void)
{
    flow_crowd_t crowd = {.run = remove_in_crowd};

    peer_answers(&zitadel.peer, TOKEN, PEER_LATE + 200, "{\"access_token\":\"token-6\",\"expires_in\":1000}");
    peer_forgets(&zitadel.peer);
    flow_crowd(&crowd, 6);
    is_int(flow_ended(&crowd, 6, CLOUDEP_DONE), 6, "six calls at once without a token");
    is_int(peer_asked(&zitadel.peer, TOKEN), 1, "fetch one together");
}

/* ---- the start ---- */

static void test_start(void)
{
    static const struct {
        const char *url;
        apr_status_t want;
    } urls[] = {
        {"https://zitadel.test", APR_SUCCESS},
        {"https://zitadel.test//", APR_SUCCESS},
        {"http://127.0.0.1:8080", APR_SUCCESS},
        {"http://localhost/", APR_SUCCESS},
        {"http://zitadel.test", CLOUDEP_EREFUSED},
        {"ftp://localhost", CLOUDEP_EREFUSED},
        {"https://zitadel.test?a=b", CLOUDEP_EMALFORMED},
        {"https://zitadel.test#a", CLOUDEP_EMALFORMED},
        {"https://a:b@zitadel.test", CLOUDEP_EMALFORMED},
        {"zitadel.test", CLOUDEP_EMALFORMED},
    };
    cloudep_config_t config = {.zitadel_url = "https://zitadel.test"};
    const char *error;

    ok(!zitadel.idp->configured(&config), "a ZITADEL without token or key is not configured");
    config.zitadel_key_file = "key";
    ok(zitadel.idp->configured(&config), "with a key it is");
    config.zitadel_key_file = NULL;
    config.zitadel_token_file = "token";
    ok(zitadel.idp->configured(&config), "or with a token");
    config.zitadel_url = NULL;
    ok(!zitadel.idp->configured(&config), "but not without a URL");
    ok(zitadel.idp->is_issuer(&flow.config, zitadel.peer.url), "its URL, without the slash, is its issuer");
    ok(!zitadel.idp->is_issuer(&flow.config, "https://zitadel.test"), "another is not");
    flow.config.zitadel_key_file = NULL;
    flow.config.zitadel_token_file = folder_file("token", "token\n", 0600);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        flow.config.zitadel_url = urls[i].url;
        is_status(zitadel_prepare(&error), urls[i].want, urls[i].url);
    }
}

int main(void)
{
    zitadel_begin();
    test_measured();
    test_check();
    test_session_id();
    test_length();
    test_form();
    test_verdicts();
    test_projection();
    test_equal_time();
    test_health();
    test_breaker();
    test_once();
    test_timeouts();
    test_size();
    test_deferred();
    use_key();
    test_assertion();
    test_refused_token();
    test_renewal();
    test_no_token();
    test_together();
    zitadel_child_ends();
    test_start();
    folder_remove();
    return done_testing();
}
