/*
 * api_test.c - operations of the APIs with real flows, on a private PostgreSQL and memcached, without httpd's server:
 * what each field of a request is for, and each member of an answer.
 */
#include "flow.h"
#include "served.h"

#include "../../mod_cloudep_auth/account/operations.h"
#include "../../mod_cloudep_auth/session/operations.h"
#include "../../mod_cloudep_auth/v1/operations.h"
#include "../../mod_cloudep_member/v1/operations.h"

#include "access/cookie.h"
#include "access/mount.h"
#include "base/crypto/totp.h"
#include "base/version.h"
#include "core/needs.h"
#include "core/passkey_domain.h"
#include "service/liveness.h"
#include "service/tenant_slug.h"
#include "wire/account/account.h"

static const cloudep_api_t auth = {"cloudep-auth", "/auth", &cloudep_v1, auth_operations, auth_cookie_operations};
static const cloudep_api_t members = {"cloudep-member", "/members", &cloudep_v1, member_operations, NULL};
static const cloudep_api_t account = {CLOUDEP_ACCOUNT_HANDLER, "/account", &cloudep_account_style, account_operations,
                                      NULL};
static const cloudep_api_t session = {CLOUDEP_SESSION_HANDLER, "/session", &cloudep_session_style, session_operations,
                                      NULL};

static ap_HOOK_post_read_request_t *take_cookies;

AP_DECLARE(void)
ap_hook_post_read_request(ap_HOOK_post_read_request_t *hook, const char *const *before, const char *const *after,
                          int order)
{
    (void)before;
    (void)after;
    (void)order;
    take_cookies = hook;
}

/* ---- asking ---- */

static flow_case_t *at;
static request_rec *last;
static const char *token; /* of whoever asks; NULL: nobody */
static apr_table_t *jar;  /* of a browser; NULL: it is none */
static json_t *answer;

static int keep_cookie(void *unused, const char *name, const char *value)
{
    const char *end = strchr(value, '=');
    const char *key = apr_pstrmemdup(p, value, (apr_size_t)(end - value));

    (void)unused;
    (void)name;
    apr_table_set(jar, key, apr_pstrmemdup(p, end + 1, strcspn(end + 1, ";")));
    return 1;
}

static int send_cookie(void *r, const char *name, const char *value)
{
    apr_table_mergen(((request_rec *)r)->headers_in, "Cookie", apr_pstrcat(p, name, "=", value, NULL));
    return 1;
}

/* A request, and its answer. */
static int ask(const cloudep_api_t *api, const char *method, const char *address, const char *body)
{
    int status;

    last = with(request("Content-Type", "application/json"), "User-Agent", "Browser/1");
    last->request_time = at->ctx->now;
    if (token) {
        with(last, "Authorization", apr_pstrcat(p, "Bearer ", token, NULL));
    }
    if (jar) {
        apr_table_do(send_cookie, last, jar, NULL);
        with(last, "Cookie",
             apr_table_get(last->headers_in, "Cookie") ? apr_table_get(last->headers_in, "Cookie") : "");
        with(last, "X-XSRF-TOKEN", apr_table_get(jar, "XSRF-TOKEN") ? apr_table_get(jar, "XSRF-TOKEN") : "");
        (void)take_cookies(last);
    }
    status = serve(last, api, method, address, body);
    if (jar) {
        apr_table_do(keep_cookie, NULL, last->err_headers_out, "Set-Cookie", NULL);
    }
    json_decref(answer);
    answer = json_loads(sent.text, 0, NULL);
    return status;
}

static json_t *find(const char *path)
{
    json_t *found = answer;

    while (*path && found) {
        const apr_size_t length = strcspn(path, ".");
        const char *name = apr_pstrmemdup(p, path, length);

        found = json_is_array(found) ? json_array_get(found, (size_t)apr_atoi64(name)) : json_object_get(found, name);
        path += length + (path[length] == '.');
    }
    return found;
}

/* What is at "a.b.0" of the answer: a text as it is, JSON of anything else; NULL: nothing. */
static const char *text(const char *path)
{
    json_t *found = find(path);
    char *dumped;
    const char *kept;

    if (!found || json_is_string(found)) {
        return found ? apr_pstrdup(p, json_string_value(found)) : NULL;
    }
    dumped = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    kept = apr_pstrdup(p, dumped);
    free(dumped);
    return kept;
}

/* The answer at a path is that JSON, with its members in order; '' stand for "". */
static void is_json(const char *path, const char *want, const char *name)
{
    char *quoted = apr_pstrdup(p, want);

    for (char *c = quoted; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    is_str(text(path), quoted, name);
}

/* A body with '' in place of "", as in printf. */
__attribute__((format(printf, 1, 2))) static const char *body(const char *format, ...)
{
    va_list args;
    char *made;

    va_start(args, format);
    made = apr_pvsprintf(p, format, args);
    va_end(args);
    for (char *c = made; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return made;
}

static const char *value(const char *sql, const char *argument)
{
    char *found = postgres_value(sql, argument, NULL);
    const char *kept = found ? apr_pstrdup(p, found) : NULL;

    free(found);
    return kept;
}

/* ---- members ---- */

static const char *uid, *session_id;

/* A new member, who asks from now on. */
static void newcomer(const char *email)
{
    token = NULL;
    (void)ask(&auth, "POST", "/auth/register",
              body("{'tenant_slug':'acme','invite_code':'open','email':'%s','password':'" FLOW_PASSWORD
                   "','accept_terms_version':'1'}",
                   email));
    uid = text("data.uid");
    (void)ask(&auth, "POST", "/auth/register/confirm",
              body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", text("data.challenge_id"),
                   flow_code(at, email, "registration")));
    token = text("data.access_token");
    session_id = value("SELECT id FROM cloudep.sessions WHERE uid = $1::uuid", uid);
    if (!uid || !token || !session_id) {
        flow_bail_out(sent.text);
    }
}

static void sql_of(const char *sql)
{
    free(postgres_value(sql, uid, NULL));
}

/* ---- registration ---- */

static void test_register(void)
{
    const char *challenge, *code;

    is_int(ask(&auth, "POST", "/auth/register",
               body("{'tenant_slug':'acme','invite_code':'open','email':'Ada@X.test','password':'" FLOW_PASSWORD
                    "','display_name':'Ada',"
                    "'language':'zh-tw','accept_terms_version':'7','marketing_opt_in':true}")),
           200, "a registration");
    is_str(text("data.expires_in"), "600", "its code is good for ten minutes");
    uid = text("data.uid");
    is_str(value("SELECT concat_ws(' ', email, display_name, language, terms_version, marketing_opt_in) FROM "
                 "cloudep.members WHERE uid = $1::uuid",
                 uid),
           "ada@x.test Ada zh-TW 7 t", "each field is where it belongs");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/register/resend", body("{'tenant_slug':'acme','challenge_id':'%s'}", challenge)),
           200, "another code");
    is_str(text("data.uid"), uid, "for the same member");
    is_str(text("data.expires_in"), "600", "is as good");
    challenge = text("data.challenge_id");
    code = flow_code(at, "ada@x.test", "registration");
    is_int(ask(&auth, "POST", "/auth/register/confirm",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", challenge, code)),
           200, "its confirmation");
    is_str(text("data.uid"), uid, "is the member's");
    is_str(text("data.token_type"), "Bearer", "with tokens");
    is_str(text("data.expires_in"), "900", "for a quarter of an hour");
    ok(text("data.access_token") && text("data.refresh_token") &&
           strcmp(text("data.access_token"), text("data.refresh_token")) != 0,
       "of two kinds");
    ok(!find("data.password_required") && !find("data.terms_required"), "and nothing is left to do");
    is_int(ask(&auth, "POST", "/auth/token/refresh", body("{'refresh_token':'%s'}", text("data.refresh_token"))), 200,
           "the refresh token is one");
    is_str(text("data.uid"), uid, "of the member");
}

/* Registers, and takes that up again with no more than is given; then confirms it. */
static void resumed(const char *email, const char *more)
{
    const char *challenge;

    (void)ask(&auth, "POST", "/auth/register",
              body("{'tenant_slug':'acme','invite_code':'open','email':'%s','password':'" FLOW_PASSWORD
                   "','accept_terms_version':'1'}",
                   email));
    is_int(ask(&auth, "POST", "/auth/register/resume", body("{'tenant_slug':'acme','email':'%s'%s}", email, more)), 200,
           "a registration is taken up again");
    is_json("data.expires_in", "600", "with a code for ten minutes");
    uid = text("data.uid");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/register/confirm",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", challenge,
                    flow_code(at, email, "registration"))),
           200, "and confirmed");
    is_str(text("data.uid"), uid, "by whoever did");
}

static void test_resume(void)
{
    resumed("both@x.test", ",'password':'" FLOW_PASSWORD "','accept_terms_version':'9'");
    ok(!find("data.password_required") && !find("data.terms_required"), "with all of it nothing is left to do");
    is_str(value("SELECT terms_version FROM cloudep.members WHERE uid = $1::uuid", uid), "9", "the terms are those");
    resumed("terms@x.test", ",'password':'" FLOW_PASSWORD "'");
    ok(!find("data.password_required"), "without terms no password is wanted");
    is_json("data.terms_required", "true", "but they are");
    resumed("password@x.test", ",'accept_terms_version':'9'");
    is_json("data.password_required", "true", "without a password one is wanted");
    ok(!find("data.terms_required"), "and no terms are");
}

/* ---- profiles ---- */

static void test_profile(void)
{
    newcomer("me@x.test");
    is_int(ask(&members, "GET", "/members/me", NULL), 200, "a profile");
    is_json("data.attributes", "{}", "without attributes has an object of them");
    ok(!find("data.display_name") && !find("data.avatar") && !find("data.phone") && !find("data.login_phone") &&
           !find("data.business_email"),
       "and leaves out what is not set");
    is_int(ask(&members, "PATCH", "/members/me",
               body("{'display_name':'Ada','avatar':'https://x.test/"
                    "a.png','language':'de','currency':'TWD','phone':'+886912345678',"
                    "'accept_terms_version':'8'}")),
           200, "changed");
    sql_of("UPDATE cloudep.members SET business_email = 'b@x.test', business_email_verified_at = now(), business_phone "
           "= '+886911111111',"
           " login_phone = '+886922222222', attributes = '{\"tier\": \"pro\"}', created_at = to_timestamp(1000), "
           "updated_at = to_timestamp(2000)"
           " WHERE uid = $1::uuid");
    (void)ask(&members, "GET", "/members/me", NULL);
    is_str(text("data"),
           apr_pstrcat(
               p,
               "{\"attributes\":{\"tier\":\"pro\"},\"avatar\":\"https://x.test/a.png\",\"business_email\":\"b@x.test\","
               "\"business_email_verified\":true,\"business_phone\":\"+886911111111\",\"business_phone_verified\":"
               "false,\"create_at\":1000000,"
               "\"currency\":\"TWD\",\"display_name\":\"Ada\",\"language\":\"de\",\"login_phone\":\"+886922222222\","
               "\"origin\":\"platform_native\",\"phone\":\"+886912345678\",\"status\":\"active\",\"tenant_id\":\"",
               value("SELECT tenant_id FROM cloudep.members WHERE uid = $1::uuid", uid),
               "\",\"totp_enrolled\":false,\"uid\":\"", uid,
               "\",\"update_at\":2000000,\"zitadel_email\":\"me@x.test\"}", NULL),
           "each member of it is what it says");
    is_str(value("SELECT terms_version FROM cloudep.members WHERE uid = $1::uuid", uid), "8", "terms are accepted");
    is_int(ask(&members, "PATCH", "/members/me",
               body("{'display_name':'','avatar':'','language':'','currency':'','phone':''}")),
           200, "emptied");
    ok(!find("data.display_name") && !find("data.avatar") && !find("data.language") && !find("data.currency") &&
           !find("data.phone"),
       "all of it is gone, as the answer has it");
    is_str(text("data.login_phone"), "+886922222222", "but what stands for itself");
}

/* ---- sessions and events ---- */

static void test_sessions(void)
{
    newcomer("sessions@x.test");
    sql_of("UPDATE cloudep.sessions SET created_at = to_timestamp(1000), seen_at = to_timestamp(2000), expires_at = "
           "to_timestamp(4000000000),"
           " idle_expires_at = to_timestamp(3500000000), amr = 'pwd otp mfa', mfa_method = 'totp', mfa_at = now(), "
           "address = '192.0.2.9', user_agent = 'Phone/2'"
           " WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, created_at, seen_at, expires_at, idle_expires_at, "
           "generation)"
           " SELECT tenant_id, 'e0000000-0000-4000-8000-000000000001', uid, 'pwd', to_timestamp(500), "
           "to_timestamp(700), to_timestamp(4000000000), to_timestamp(4000000000), generation"
           " FROM cloudep.sessions WHERE uid = $1::uuid");
    is_int(ask(&members, "GET", "/members/me/sessions?limit=1", NULL), 200, "sessions");
    is_str(text("data.sessions.0.id"), session_id, "the newest first");
    ok(find("data.next_cursor") && text("data.next_cursor"), "with where to go on");
    is_int((int)json_array_size(find("data.sessions")), 1, "as many as are wanted");
    is_int(ask(&members, "GET", apr_pstrcat(p, "/members/me/sessions?limit=1&cursor=", text("data.next_cursor"), NULL),
               NULL),
           200, "there");
    is_str(text("data.sessions.0.id"), "e0000000-0000-4000-8000-000000000001", "is the other one");
    is_str(text("data.sessions.0.current"), "false", "which is not this one");
    is_str(text("data.sessions.0.last_seen_at"), "700000", "was seen then");
    is_str(text("data.sessions.0.methods"), "[\"pwd\"]", "was proved by one thing");
    ok(!find("data.sessions.0.second_factor") && !find("data.sessions.0.address") &&
           !find("data.sessions.0.user_agent"),
       "and of which no more is known");
    (void)ask(&members, "GET", "/members/me/sessions", NULL);
    (void)json_object_del(find("data.sessions.0"), "last_seen_at"); /* now */
    is_str(
        text("data.sessions.0"),
        apr_pstrcat(
            p,
            "{\"address\":\"192.0.2.9\",\"created_at\":1000000,\"current\":true,\"expires_at\":3500000000000,\"id\":\"",
            session_id,
            "\",\"methods\":[\"pwd\",\"otp\",\"mfa\"],\"second_factor\":\"totp\",\"user_agent\":\"Phone/2\"}", NULL),
        "each member of one is what it says");
    is_str(text("data.next_cursor"), "null", "nothing is left");
    is_int(ask(&members, "DELETE", "/members/me/sessions", NULL), 200, "the others are ended");
    is_str(text("data.ended"), "1", "all one of them");
    is_int(ask(&members, "DELETE", "/members/me/sessions/e0000000-0000-4000-8000-000000000001", NULL), 404,
           "it is over then");
    is_int(ask(&members, "DELETE", apr_pstrcat(p, "/members/me/sessions/", session_id, NULL), NULL), 200,
           "this one may be ended");
    is_int(ask(&members, "GET", "/members/me", NULL), 401, "which is the end of it");
}

static void test_events(void)
{
    newcomer("events@x.test");
    sql_of(
        "INSERT INTO cloudep.events (tenant_id, uid, at, name, outcome, reason, method, address, user_agent, "
        "request_id, count)"
        " SELECT tenant_id, uid, to_timestamp(1000 + n), 'auth.login', CASE n WHEN 1 THEN 'failure' ELSE 'success' END,"
        " CASE n WHEN 1 THEN 'credentials_wrong' END, CASE n WHEN 1 THEN 'pwd' END, CASE n WHEN 1 THEN '192.0.2.8' END,"
        " CASE n WHEN 1 THEN 'Phone/1' END, CASE n WHEN 1 THEN 'r1' END, n + 4"
        " FROM cloudep.members, generate_series(0, 1) AS n WHERE uid = $1::uuid");
    is_int(ask(&members, "GET", "/members/me/events?limit=1", NULL), 200, "events");
    is_json("data.events.0",
            "{'address':'192.0.2.8','at':1001000,'count':5,'event':'auth.login','method':'pwd','reason':'credentials_"
            "wrong','request_id':'r1',"
            "'success':false,'user_agent':'Phone/1'}",
            "each member of one is what it says");
    is_int(ask(&members, "GET", apr_pstrcat(p, "/members/me/events?cursor=", text("data.next_cursor"), NULL), NULL),
           200, "the rest");
    is_json("data.events.0", "{'at':1000000,'count':4,'event':'auth.login','success':true}",
            "has no more than is known");
    is_str(text("data.next_cursor"), "null", "and is the last");
    is_int(ask(&members, "GET", "/members/me/events?limit=1000", NULL), 400, "a thousand are too many");
}

/* ---- second factors ---- */

static unsigned char secret[64];
static apr_size_t secret_size;

/* The secret as people type it (RFC 4648). */
static void learn_secret(const char *typed)
{
    unsigned bits = 0, count = 0;

    secret_size = 0;
    for (; *typed; typed++) {
        bits = bits << 5 | (unsigned)(*typed >= 'A' ? *typed - 'A' : *typed - '2' + 26);
        count += 5;
        if (count >= 8) {
            count -= 8;
            secret[secret_size++] = (unsigned char)(bits >> count);
        }
    }
}

/* The authenticator's next code, as time goes on. */
static const char *next_code(void)
{
    char *code = apr_palloc(p, CLOUDEP_TOTP_DIGITS + 1);

    at->ctx->now += apr_time_from_sec(CLOUDEP_TOTP_PERIOD);
    (void)cloudep_totp_code(code, secret, secret_size, cloudep_totp_step(at->ctx->now));
    return code;
}

static void test_totp(void)
{
    const char *url;

    newcomer("totp@x.test");
    is_int(ask(&members, "GET", "/members/me/totp", NULL), 200, "no TOTP");
    is_json("data", "{'backup_codes_remaining':0,'enrolled':false}", "says so and no more");
    is_int(ask(&members, "POST", "/members/me/totp/enroll-start", NULL), 200, "an enrolment");
    url = text("data.otpauth_url");
    ok(url && strstr(url, "otpauth://totp/") == url, "has the URL for an app");
    is_str(text("data.issuer"), "Tenant acme", "its issuer");
    is_str(text("data.account"), "totp@x.test", "account");
    is_json("data.digits", "6", "digits");
    is_json("data.period_seconds", "30", "period");
    is_json("data.expires_in", "600", "and the seconds that it is good for");
    learn_secret(apr_pstrmemdup(p, strstr(url, "secret=") + 7, strcspn(strstr(url, "secret=") + 7, "&")));
    is_int(ask(&members, "POST", "/members/me/totp/enroll-confirm", body("{'code':'%s'}", next_code())), 200,
           "confirmed");
    is_int((int)json_array_size(find("data.backup_codes")), 10, "there are ten backup codes");
    (void)ask(&members, "GET", "/members/me/totp", NULL);
    is_json("data.enrolled", "true", "it is there");
    is_json("data.backup_codes_remaining", "10", "with its backup codes");
    is_json("data.digits", "6", "its digits");
    is_json("data.period_seconds", "30", "its period");
    ok(json_integer_value(find("data.enrolled_at")) > 1000000000, "and since when");
    is_int(ask(&members, "POST", "/members/me/totp/verify", body("{'code':'%s'}", next_code())), 200,
           "a code is verified");
    is_int(ask(&members, "POST", "/members/me/totp/backup-codes", NULL), 200, "new backup codes");
    is_int((int)json_array_size(find("data.backup_codes")), 10, "are ten");
    is_int(ask(&members, "POST", "/members/me/totp/verify", body("{'code':'%s'}", text("data.backup_codes.0"))), 200,
           "of which each counts");
    (void)ask(&members, "GET", "/members/me/totp", NULL);
    is_json("data.backup_codes_remaining", "9", "once");
}

static void test_mfa(void)
{
    const char *mfa, *code;

    newcomer("mfa@x.test");
    is_int(ask(&auth, "GET", "/auth/mfa/status", NULL), 200, "no second factor");
    is_json("data", "{'backup_codes_remaining':0,'digits':6,'enabled':false,'period_seconds':30}", "says so");
    is_int(ask(&auth, "POST", "/auth/mfa/setup", NULL), 200, "a setup");
    is_str(text("data.qr_url"), "/api/v1/members/me/totp/qr", "tells where its picture is");
    is_str(text("data.issuer"), "Tenant acme", "its issuer");
    is_str(text("data.account"), "mfa@x.test", "account");
    is_json("data.digits", "6", "digits");
    is_json("data.period_seconds", "30", "period");
    is_json("data.expires_in", "600", "and the seconds that it is good for");
    ok(strstr(text("data.otpauth_url"), text("data.secret")) != NULL, "the URL has the secret");
    learn_secret(text("data.secret"));
    is_int(ask(&auth, "POST", "/auth/mfa/verify", body("{'code':'%s'}", next_code())), 200, "confirmed");
    is_int((int)json_array_size(find("data.backup_codes")), 10, "there are ten backup codes");
    code = text("data.backup_codes.3");
    is_int(ask(&auth, "POST", "/auth/mfa/backup-codes/verify", body("{'code':'%s'}", code)), 200, "each counts");
    (void)ask(&auth, "GET", "/auth/mfa/status", NULL);
    is_json("data.enabled", "true", "it is there");
    is_json("data.backup_codes_remaining", "9", "with those that are left");
    ok(json_integer_value(find("data.enrolled_at")) > 1000000000, "and since when");
    is_int(ask(&auth, "POST", "/auth/mfa/backup-codes", NULL), 200, "new ones");
    is_int((int)json_array_size(find("data.backup_codes")), 10, "are ten");

    token = NULL;
    is_int(ask(&auth, "POST", "/auth/login",
               body("{'tenant_slug':'acme','email':'mfa@x.test','password':'" FLOW_PASSWORD "'}")),
           200, "a login");
    is_json("data.mfa_required", "true", "lacks the second factor");
    is_json("data.mfa_methods", "['totp','backup_code']", "one of these");
    is_json("data.mfa_expires_in", "600", "within ten minutes");
    ok(!find("data.access_token") && !find("data.public_key"), "and has no token");
    mfa = text("data.mfa_challenge_id");
    is_int(ask(&auth, "POST", "/auth/login/mfa",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", mfa, next_code())),
           200, "with it");
    is_str(text("data.uid"), uid, "it is the member's");
    token = text("data.access_token");
    is_int(ask(&members, "GET", "/members/me/sessions", NULL), 200, "with tokens");
    is_str(text("data.sessions.0.second_factor"), "totp", "of a session with a second factor");
    token = NULL;
    (void)ask(&auth, "POST", "/auth/login",
              body("{'tenant_slug':'acme','email':'mfa@x.test','password':'" FLOW_PASSWORD "'}"));
    is_int(ask(&auth, "POST", "/auth/login",
               body("{'challenge_id':'%s','mfa_code':'%s'}", text("data.mfa_challenge_id"), next_code())),
           200, "or by the other shape of a login, which needs no tenant");
    token = text("data.access_token");
    is_int(ask(&auth, "POST", "/auth/mfa/disable", body("{'password':'" FLOW_PASSWORD "','code':'%s'}", next_code())),
           200, "it is disabled by password and code");
    (void)ask(&auth, "GET", "/auth/mfa/status", NULL);
    is_json("data.enabled", "false", "and gone");
}

/* ---- passkeys and linked accounts ---- */

static void test_passkeys(void)
{
    newcomer("keys@x.test");
    is_int(ask(&members, "GET", "/members/me/passkeys", NULL), 200, "no passkeys");
    is_json("data.passkeys", "[]", "are none");
    is_str(text("data.rp_id"), "x.test", "of this domain");
    ok(!find("data.user_id"), "and nobody was told a handle");
    sql_of("UPDATE cloudep.members SET ways_in = 3, user_handle = 'handle' WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.passkeys (tenant_id, id, uid, credential_id, spki, algorithm, sign_count, "
           "backup_eligible, backed_up, aaguid, name,"
           " transports, created_at, last_used_at)"
           " SELECT tenant_id, ('f0000000-0000-4000-8000-00000000000' || n)::uuid, uid, 'credential' || n, 'AA', -7, "
           "0, true, n = 1,"
           " 'a0000000-0000-4000-8000-000000000001', 'Key ' || n, CASE n WHEN 1 THEN '{usb,nfc}'::text[] ELSE '{}' "
           "END, to_timestamp(1000 + n),"
           " CASE n WHEN 1 THEN to_timestamp(2000) END FROM cloudep.members, generate_series(1, 2) AS n WHERE uid = "
           "$1::uuid");
    (void)ask(&members, "GET", "/members/me/passkeys", NULL);
    is_str(text("data.user_id"), "handle", "whose they are");
    is_json("data.passkeys.0",
            "{'aaguid':'a0000000-0000-4000-8000-000000000001','create_at':1001000,'credential_id':'credential1','id':'"
            "f0000000-0000-4000-8000-000000000001',"
            "'last_used_at':2000000,'name':'Key 1','synced':true,'transports':['usb','nfc']}",
            "each member of one is what it says");
    is_json("data.passkeys.1.synced", "false", "another one is not synced");
    ok(!find("data.passkeys.1.last_used_at"), "nor was it ever used");
    is_int(ask(&members, "PATCH", "/members/me/passkeys/f0000000-0000-4000-8000-000000000002", body("{'name':'Mine'}")),
           200, "renamed");
    is_json("data", "{'ok':true}", "is well");
    (void)ask(&members, "GET", "/members/me/passkeys", NULL);
    is_str(text("data.passkeys.1.name"), "Mine", "as is seen");
    is_str(text("data.passkeys.0.name"), "Key 1", "but for the other one");
    is_int(ask(&members, "DELETE", "/members/me/passkeys/f0000000-0000-4000-8000-000000000001", NULL), 200, "removed");
    is_json("data", "{'ok':true}", "is well");
    (void)ask(&members, "GET", "/members/me/passkeys", NULL);
    is_str(text("data.passkeys.0.name"), "Mine", "the other one stays");
}

static void test_passkey_start(void)
{
    newcomer("start@x.test");
    sql_of("UPDATE cloudep.members SET display_name = 'Ada', ways_in = 2 WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, "
           "backed_up, aaguid, name, transports)"
           " SELECT tenant_id, uid, 'known', 'AA', -7, 0, true, true, 'a0000000-0000-4000-8000-000000000001', 'Key', "
           "'{usb}'"
           " FROM cloudep.members WHERE uid = $1::uuid");
    is_int(ask(&members, "POST", "/members/me/passkeys/start", NULL), 200, "a new passkey");
    is_json("data.expires_in", "600", "is to be made within ten minutes");
    is_json("data.public_key.timeout", "600000", "as the browser is told");
    is_json("data.public_key.rp", "{'id':'x.test','name':'Tenant acme'}", "for this domain");
    is_str(text("data.public_key.user.name"), "start@x.test (Tenant acme)",
           "by the name of the account and its tenant");
    is_str(text("data.public_key.user.displayName"), "Ada", "shown as that of the member");
    is_str(text("data.public_key.user.id"), value("SELECT user_handle FROM cloudep.members WHERE uid = $1::uuid", uid),
           "under their handle");
    is_json("data.public_key.pubKeyCredParams",
            "[{'alg':-7,'type':'public-key'},{'alg':-8,'type':'public-key'},{'alg':-257,'type':'public-key'}]",
            "by one of three algorithms, in that order");
    is_json("data.public_key.excludeCredentials", "[{'id':'known','transports':['usb'],'type':'public-key'}]",
            "by none that is there");
    is_str(text("data.public_key.attestation"), "none", "without attestation");
    is_json("data.public_key.authenticatorSelection",
            "{'requireResidentKey':true,'residentKey':'required','userVerification':'required'}",
            "and of a kind that tells who it is");
    ok(text("data.public_key.challenge") && strcmp(text("data.public_key.challenge"), text("data.challenge_id")) != 0,
       "its challenge is not the id");
    token = NULL;
    is_int(ask(&auth, "POST", "/auth/login/passkey/start", body("{'tenant_slug':'acme'}")), 200, "a login by one");
    is_json("data.expires_in", "600", "within ten minutes");
    is_json("data.public_key.allowCredentials", "[]", "of any");
    is_json("data.public_key.timeout", "600000", "as the browser is told");
    is_str(text("data.public_key.rpId"), "x.test", "of this domain");
    is_str(text("data.public_key.userVerification"), "required", "who is looked at");
}

static void test_identities(void)
{
    newcomer("linked@x.test");
    sql_of("UPDATE cloudep.members SET ways_in = 2 WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.identities (tenant_id, id, uid, issuer, subject, created_at)"
           " SELECT tenant_id, 'f0000000-0000-4000-8000-00000000000a', uid, 'https://login.test', 'sub1', "
           "to_timestamp(1000) FROM cloudep.members WHERE uid = $1::uuid");
    is_int(ask(&members, "GET", "/members/me/identities", NULL), 200, "linked accounts");
    is_json("data.identities",
            "[{'create_at':1000000,'id':'f0000000-0000-4000-8000-00000000000a','issuer':'https://"
            "login.test','subject':'sub1'}]",
            "each member of one is what it says");
    is_int(ask(&members, "GET", "/members/me/export", NULL), 200, "all that is known");
    is_str(text("data.identities.0.subject"), "sub1", "has them");
    ok(!find("data.member.identities"), "once");
    is_str(text("data.member.email"), "linked@x.test", "has the member");
    is_str(text("data.sessions.0.id"), session_id, "the sessions");
    is_json("data.passkeys", "[]", "the passkeys");
    ok(json_is_array(find("data.events")), "the events");
    is_json("data.complete", "true", "and is all");
    is_int(ask(&members, "DELETE", "/members/me/identities/f0000000-0000-4000-8000-00000000000a", NULL), 200,
           "unlinked");
    is_str(value("SELECT count(*) FROM cloudep.identities WHERE uid = $1::uuid", uid), "0", "it is gone");
    is_int(ask(&members, "DELETE", "/members/me", NULL), 200, "whoever leaves");
    is_int(ask(&members, "GET", "/members/me", NULL), 401, "is gone");
}

/* ---- contacts ---- */

static void confirm(const char *path, const char *target, const char *template, const char *name)
{
    is_json("data.expires_in", "600", apr_pstrcat(p, name, ": a code for ten minutes", NULL));
    is_int(ask(&members, "POST", path,
               body("{'challenge_id':'%s','code':'%s'}", text("data.challenge_id"), flow_code(at, target, template))),
           200, name);
}

static void test_contacts(void)
{
    newcomer("contact@x.test");
    is_int(ask(&members, "POST", "/members/me/verifications/email/start", body("{'target':'b@y.test'}")), 200,
           "a business email");
    confirm("/members/me/verifications/email/confirm", "b@y.test", "business_email", "is verified");
    is_int(ask(&members, "POST", "/members/me/verifications/phone/start", body("{'target':'+886911111111'}")), 200,
           "a business phone");
    confirm("/members/me/verifications/phone/confirm", "+886911111111", "business_phone", "is verified");
    is_int(ask(&members, "POST", "/members/me/login-phone/start", body("{'phone':'+886922222222'}")), 200,
           "a phone to log in by");
    confirm("/members/me/login-phone/confirm", "+886922222222", "login_phone", "is verified");
    is_int(ask(&members, "POST", "/members/me/email/start", body("{'email':'new@y.test'}")), 200,
           "another email to log in by");
    confirm("/members/me/email/confirm", "new@y.test", "email_change", "is verified");
    (void)ask(&members, "GET", "/members/me", NULL);
    is_str(apr_pstrcat(p, text("data.business_email"), " ", text("data.business_email_verified"), " ",
                       text("data.business_phone"), " ", text("data.business_phone_verified"), " ",
                       text("data.login_phone"), " ", text("data.zitadel_email"), NULL),
           "b@y.test true +886911111111 true +886922222222 new@y.test", "each is where it belongs");
    is_int(ask(&members, "DELETE", "/members/me/login-phone", NULL), 200, "the phone to log in by is removed");
    (void)ask(&members, "GET", "/members/me", NULL);
    ok(!find("data.login_phone"), "and gone");
}

/* ---- passwords, proofs and logins by a code ---- */

static void test_passwords(void)
{
    const char *challenge;

    newcomer("pass@x.test");
    sql_of("INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, created_at, expires_at, idle_expires_at, generation)"
           " SELECT tenant_id, gen_random_uuid(), uid, 'pwd', now(), now() + interval '1 day', now() + interval '1 "
           "day', generation"
           " FROM cloudep.sessions WHERE uid = $1::uuid");
    is_int(ask(&members, "POST", "/members/me/password",
               body("{'current_password':'" FLOW_PASSWORD "','new_password':'an entirely different phrase'}")),
           200, "another password");
    is_int(ask(&members, "GET", "/members/me", NULL), 200, "leaves this session, unless it is said otherwise");
    is_str(value("SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL", uid), "1",
           "and no other");
    is_int(ask(&members, "POST", "/members/me/password",
               body("{'current_password':'an entirely different phrase','new_password':'yet another different "
                    "phrase','keep_this_session':false}")),
           200, "one more");
    is_int(ask(&members, "GET", "/members/me", NULL), 401, "ends it as well");
    token = NULL;
    is_int(ask(&auth, "POST", "/auth/password/forgot", body("{'tenant_slug':'acme','email':'pass@x.test'}")), 200,
           "a forgotten one");
    is_json("data.expires_in", "600", "has a code for ten minutes");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/password/reset",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s','new_password':'" FLOW_PASSWORD "'}",
                    challenge, flow_code(at, "pass@x.test", "password_reset"))),
           200, "by which it is reset");
    is_json("data", "{'ok':true}", "as is said");
    is_int(ask(&auth, "POST", "/auth/login",
               body("{'tenant_slug':'acme','email':'pass@x.test','password':'" FLOW_PASSWORD "'}")),
           200, "to that one");
    is_str(text("data.uid"), uid, "of the member");
    token = text("data.access_token");
    is_int(ask(&auth, "POST", "/auth/reauthenticate", body("{'password':'" FLOW_PASSWORD "'}")), 200,
           "it is a fresh proof");
    is_json("data", "{'ok':true}", "as is said");
    is_int(ask(&auth, "POST", "/auth/logout", NULL), 200, "a logout");
    is_json("data", "{'ok':true}", "is said");
}

static void test_code_login(void)
{
    const char *challenge;

    newcomer("code@x.test");
    sql_of("UPDATE cloudep.members SET login_phone = '+886933333333', ways_in = 2 WHERE uid = $1::uuid");
    postgres_sql("UPDATE cloudep.tenants SET code_login = true, sms_login = true");
    token = NULL;
    is_int(ask(&auth, "POST", "/auth/login/code/start", body("{'tenant_slug':'acme','email':'code@x.test'}")), 200,
           "a code by mail");
    is_json("data.expires_in", "600", "is good for ten minutes");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/login/code",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", challenge,
                    flow_code(at, "code@x.test", "login_code"))),
           200, "logs in");
    is_str(text("data.uid"), uid, "the member");
    is_int(ask(&auth, "POST", "/auth/login/code/start", body("{'tenant_slug':'acme','phone':'+886933333333'}")), 200,
           "one by text message");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/login/code",
               body("{'tenant_slug':'acme','challenge_id':'%s','code':'%s'}", challenge,
                    flow_code(at, "+886933333333", "login_sms"))),
           200, "as well");
    is_str(text("data.uid"), uid, "the same member");
    token = text("data.access_token");
    sql_of("UPDATE cloudep.members SET has_password = false WHERE uid = $1::uuid");
    sql_of("DELETE FROM cloudep.credentials WHERE uid = $1::uuid");
    is_int(ask(&auth, "POST", "/auth/reauthenticate/start", body("{'method':'code'}")), 200,
           "whoever has nothing else is mailed a code");
    is_json("data.expires_in", "600", "for ten minutes");
    ok(!find("data.public_key"), "and asked for no passkey");
    challenge = text("data.challenge_id");
    is_int(ask(&auth, "POST", "/auth/reauthenticate",
               body("{'challenge_id':'%s','mailed_code':'%s'}", challenge,
                    flow_code(at, "code@x.test", "reauthentication"))),
           200, "which is a proof");

    place.serve = CLOUDEP_ACCOUNT_HANDLER;
    place.mount = "/account";
    place.tenant = "acme";
    is_int(ask(&account, "POST", "/account/reauthenticate/start", body("{'method':'code'}")), 200,
           "account: a mailed code");
    is_json("data.expiresIn", "600", "for ten minutes");
    challenge = text("data.challengeId");
    is_int(ask(&account, "POST", "/account/reauthenticate",
               body("{'challengeId':'%s','mailedCode':'%s'}", challenge,
                    flow_code(at, "code@x.test", "reauthentication"))),
           200, "which is a proof");

    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/session";
    token = NULL;
    jar = apr_table_make(p, 4);
    (void)ask(&session, "GET", "/session/", NULL);
    is_int(ask(&session, "POST", "/session/login/sms", body("{'phone':'+886933333333'}")), 204,
           "session: a code by text message");
    is_int(ask(&session, "POST", "/session/login/sms",
               body("{'phone':'+886933333333','code':'%s'}", flow_code(at, "+886933333333", "login_sms"))),
           204, "logs in");
    is_int(ask(&session, "POST", "/session/reauthenticate", body("{'mailed_code':'123456'}")), 400,
           "a code that nobody has asked for");
    is_str(text("reason"), "challenge_gone", "is over");
    is_int(ask(&session, "POST", "/session/reauthenticate/start", body("{'method':'code'}")), 204, "a mailed code");
    is_int(ask(&session, "POST", "/session/reauthenticate",
               body("{'mailed_code':'%s'}", flow_code(at, "code@x.test", "reauthentication"))),
           204, "is a proof");
    is_int(ask(&session, "GET", "/session/verify", NULL), 204, "of this session");
    jar = NULL;
    memset(&place, 0, sizeof(place));
}

/* ---- the style account ---- */

static void test_account(void)
{
    const char *code, *refresh, *challenge;

    token = NULL;
    place.serve = CLOUDEP_ACCOUNT_HANDLER;
    place.mount = "/account";
    place.tenant = "acme";
    is_int(ask(&account, "POST", "/account/register",
               body("{'email':'Bob@X.test','password':'" FLOW_PASSWORD
                    "','name':'Bob','language':'zh-tw','inviteCode':'open','acceptTermsVersion':'7'}")),
           200, "account: a registration");
    is_json("data.expiresIn", "600", "its code is good for ten minutes");
    is_str(text("data.message"), "A code has been sent to the email address.", "as is said");
    challenge = text("data.challengeId");
    uid = apr_pstrdup(p, value("SELECT uid FROM cloudep.members WHERE email = $1", "bob@x.test"));
    is_str(value("SELECT concat_ws(' ', email, display_name, language, terms_version) FROM cloudep.members WHERE uid = "
                 "$1::uuid",
                 uid),
           "bob@x.test Bob zh-TW 7", "each field is where it belongs");
    code = flow_code(at, "bob@x.test", "registration");
    is_int(ask(&account, "POST", "/account/verify-email", body("{'challengeId':'%s','code':'%s'}", challenge, code)),
           200, "its confirmation");
    is_json("data.expiresIn", "900", "has tokens for a quarter of an hour");
    ok(!find("data.passwordRequired") && !find("data.termsRequired"), "and nothing is left to do");
    refresh = text("data.refreshToken");
    token = text("data.token");
    sql_of("UPDATE cloudep.members SET created_at = to_timestamp(1000), updated_at = to_timestamp(2000.5),"
           " attributes = '{\"tier\": \"pro\", \"machineLimit\": 7, \"trialEndsAt\": \"2026-02-01\"}' WHERE uid = "
           "$1::uuid");
    is_int(ask(&account, "GET", "/account/me", NULL), 200, "whoever it is");
    is_str(text("data"),
           apr_pstrcat(p, "{\"createdAt\":\"1970-01-01T00:16:40.000Z\",\"email\":\"bob@x.test\",\"id\":\"", uid,
                       "\",\"machineLimit\":7,\"name\":\"Bob\",\"tier\":\"pro\",\"totpEnabled\":false,\"trialEndsAt\":"
                       "\"2026-02-01\","
                       "\"updatedAt\":\"1970-01-01T00:33:20.500Z\"}",
                       NULL),
           "each member of it is what it says");
    is_int(ask(&account, "POST", "/account/refresh", body("{'refreshToken':'%s'}", refresh)), 200, "a refresh");
    ok(text("data.token") && strcmp(text("data.refreshToken"), refresh) != 0, "has the next tokens");
    token = text("data.token");

    is_int(ask(&account, "POST", "/account/totp/setup", NULL), 200, "a second factor");
    is_int((int)json_array_size(find("data.backupCodes")), 10, "with ten backup codes");
    code = text("data.backupCodes.4");
    ok(strstr(text("data.otpauthUrl"), text("data.secret")) != NULL, "the URL has the secret");
    learn_secret(text("data.secret"));
    is_int(ask(&account, "POST", "/account/totp/verify", body("{'totpCode':'%s'}", next_code())), 200, "confirmed");
    is_json("data", "{'message':'Two-factor authentication enabled successfully'}", "is said");
    is_int(ask(&account, "POST", "/account/login",
               body("{'email':'bob@x.test','password':'" FLOW_PASSWORD "','totpCode':'%s'}", code)),
           200, "a login by a backup code that was shown");
    is_str(text("data.user.id"), uid, "tells whose it is");
    is_json("data.user.totpEnabled", "true", "as it is now");
    is_json("data.expiresIn", "900", "with tokens");
    token = text("data.token");
    is_int(ask(&account, "POST", "/account/reauthenticate", body("{'totpCode':'%s'}", next_code())), 200,
           "a fresh proof");
    is_json("data", "{'message':'Reauthenticated successfully'}", "is said");
    is_int(ask(&account, "POST", "/account/totp/disable", body("{'password':'" FLOW_PASSWORD "'}")), 200,
           "the password alone turns it off");
    is_json("data", "{'message':'Two-factor authentication disabled'}", "as is said");
    (void)ask(&account, "GET", "/account/me", NULL);
    is_json("data.totpEnabled", "false", "it is off");
    is_int(ask(&account, "POST", "/account/logout", NULL), 200, "a logout");
    is_json("data", "{'message':'Logged out successfully'}", "is said");
    is_int(ask(&account, "GET", "/account/me", NULL), 401, "and is one");
    token = NULL;
    is_int(ask(&account, "POST", "/account/forgot-password", body("{'email':'bob@x.test'}")), 200,
           "a forgotten password");
    is_json("data", "{'message':'If an account with that email exists, a reset link has been sent.'}",
            "is told alike to anybody");
    is_str(value("SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'password_forgot_link'",
                 "bob@x.test"),
           "1", "and a link is mailed");
    memset(&place, 0, sizeof(place));
}

/* ---- the style session ---- */

static void test_session(void)
{
    const char *code;

    newcomer("eve@x.test");
    token = NULL;
    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/session";
    place.tenant = "acme";
    jar = apr_table_make(p, 4);
    is_int(ask(&session, "GET", "/session/", NULL), 200, "session: hello");
    is_str(text("ip"), "192.0.2.1", "whoever comes is told from where");
    ok(text("name") && strlen(text("now")) == strlen("2026-01-01T00:00:00.000Z"), "to whom, and when");
    ok(!find("values"), "and no values");
    place.ping_values = 1;
    (void)ask(&session, "GET", "/session/", NULL);
    is_str(text("values"),
           "{\"issuer\":\"https://"
           "id.test\",\"session_idle_timeout\":2592000,\"session_lifetime\":7776000,\"tenant\":\"acme\",\"version\":"
           "\"" CLOUDEP_VERSION "\"}",
           "unless that is On");
    is_int(ask(&session, "POST", "/session/login", body("{'email':'eve@x.test','password':'" FLOW_PASSWORD "'}")), 204,
           "a login");
    is_int(ask(&session, "GET", "/session/verify", NULL), 204, "is a session");
    sql_of("DELETE FROM cloudep.events WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.events (tenant_id, uid, at, name, outcome, reason, method, address, user_agent)"
           " SELECT tenant_id, uid, to_timestamp(1000 + n), CASE n % 3 WHEN 0 THEN 'session.login' WHEN 1 THEN "
           "'auth.login.code.start' ELSE 'auth.token.exchange' END,"
           " CASE n WHEN 150 THEN 'failure' ELSE 'success' END, CASE n WHEN 150 THEN 'credentials_wrong' END, CASE n "
           "WHEN 150 THEN 'pwd' END,"
           " CASE n WHEN 150 THEN '192.0.2.8' END, CASE n WHEN 150 THEN 'Phone/1' END"
           " FROM cloudep.members, generate_series(1, 150) AS n WHERE uid = $1::uuid");
    sql_of("INSERT INTO cloudep.identities (tenant_id, id, uid, issuer, subject, created_at)"
           " SELECT tenant_id, gen_random_uuid(), uid, 'https://login.test', 'sub2', to_timestamp(1000) FROM "
           "cloudep.members WHERE uid = $1::uuid");
    sql_of("UPDATE cloudep.members SET display_name = 'Eve', avatar = 'https://x.test/e.png', login_phone = "
           "'+886912345678', ways_in = 3,"
           " created_at = to_timestamp(1000), updated_at = to_timestamp(2000) WHERE uid = $1::uuid");
    is_int(ask(&session, "GET", "/session/user", NULL), 200, "whoever it is");
    is_int((int)json_array_size(find("history")), 10, "the last ten logins are told");
    is_json("history.0",
            "{'address':'192.0.2.8','agent':'Phone/"
            "1','method':'pwd','result':'credentials_wrong','time':'1970-01-01T00:19:10.000Z'}",
            "each member of one is what it says");
    is_json("history.1", "{'address':'','agent':'','method':'','result':'success','time':'1970-01-01T00:19:09.000Z'}",
            "what is not known is empty");
    is_str(text("history.2.time"), "1970-01-01T00:19:07.000Z", "what only began one is none");
    (void)json_object_del(answer, "history");
    is_str(
        text(""),
        apr_pstrcat(
            p, "{\"_id\":\"", uid,
            "\",\"avatar\":\"https://x.test/"
            "e.png\",\"create_time\":\"1970-01-01T00:16:40.000Z\",\"email\":\"eve@x.test\","
            "\"lark\":null,\"name\":\"Eve\",\"phone\":\"+886******678\",\"sessions\":2,\"status\":true,\"totp\":\"\","
            "\"update_time\":\"1970-01-01T00:33:20.000Z\"}",
            NULL),
        "each member of the answer is what it says");
    sql_of(
        "UPDATE cloudep.events SET name = 'session.login.sms.start' WHERE uid = $1::uuid AND at >= to_timestamp(1003)");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_int((int)json_array_size(find("history")), 1, "a login is looked for beyond the first page");
    sql_of("INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, created_at, expires_at, idle_expires_at, generation)"
           " SELECT tenant_id, gen_random_uuid(), uid, 'pwd', now(), now() + interval '1 day', now() + interval '1 "
           "day', generation"
           " FROM (SELECT * FROM cloudep.sessions WHERE uid = $1::uuid LIMIT 1) AS one, generate_series(1, 103)");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_json("sessions", "105", "sessions are counted beyond the first page, too");

    is_int(
        ask(&session, "PATCH", "/session/user", body("{'key':'Name','name':'Adam','avatar':'https://x.test/x.png'}")),
        204, "a new name");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Avatar','name':'x','avatar':'https://x.test/y.png'}")),
           204, "a new avatar");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(apr_pstrcat(p, text("name"), " ", text("avatar"), NULL), "Adam https://x.test/y.png",
           "what the key names is changed, and nothing else");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Name','avatar':'https://x.test/x.png'}")), 400,
           "no name");
    is_str(text("message"), "name is required with Name", "is told");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Avatar','name':'x'}")), 400, "no avatar");
    is_str(text("message"), "avatar is required with Avatar", "is told");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Email','name':'x'}")), 400, "no email");
    is_str(text("message"), "email is required with Email", "is told");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Email','email':'new@z.test'}")), 204, "another email");
    is_str(apr_table_get(last->headers_out, "X-Next"), "user/email", "is confirmed there");
    code = flow_code(at, "new@z.test", "email_change");
    is_int(ask(&session, "POST", "/session/user/email", body("{'email':'other@z.test','code':'%s'}", code)), 400,
           "not for another one");
    is_int(ask(&session, "POST", "/session/user/email", body("{'email':'new@z.test','code':'%s'}", code)), 204,
           "by its code");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("email"), "new@z.test", "it is the member's");
    is_int(ask(&session, "POST", "/session/user/email", body("{'email':'new@z.test','code':'%s'}", code)), 400, "once");
    is_str(text("reason"), "challenge_gone", "as nothing is under way any more");
    flow.config.off = CLOUDEP_NEEDS_MAIL;
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Email','email':'new2@z.test'}")), 501,
           "without mail there is no other email");
    is_int(ask(&session, "PATCH", "/session/user", body("{'key':'Name','name':'Eve'}")), 204, "but a name");
    flow.config.off = 0;
    is_int(ask(&session, "GET", "/session/user/phone_code?phone=%2B886911111119", NULL), 204, "another phone");
    code = flow_code(at, "+886911111119", "login_phone");
    is_int(ask(&session, "POST", "/session/user/phone", body("{'phone':'+886911111118','code':'%s'}", code)), 400,
           "not for another one");
    is_int(ask(&session, "POST", "/session/user/phone", body("{'phone':'+886911111119','code':'%s'}", code)), 204,
           "by its code");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("phone"), "+886******119", "is the member's");
    is_int(ask(&session, "DELETE", "/session/user/phone", NULL), 204, "it is unset");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("phone"), "", "and gone");

    is_int(ask(&session, "GET", "/session/refresh_code", NULL), 200, "a code for a new value of the cookie");
    code = text("code");
    is_int(ask(&session, "POST", "/session/refresh_token", body("{'code':'%s'}", code)), 204, "gives one");
    is_int(ask(&session, "GET", "/session/refresh_token", NULL), 400, "no code");
    is_str(text("message"), "code is required", "is told");
    (void)ask(&session, "GET", "/session/refresh_code", NULL);
    is_int(ask(&session, "GET", "/session/refresh_token", body("{'code':'%s'}", text("code"))), 204,
           "also in the body of a GET");
    is_int(ask(&session, "GET", "/session/user/totp", NULL), 200, "a second factor");
    code = text("totp");
    learn_secret(apr_pstrmemdup(p, strstr(code, "secret=") + 7, strcspn(strstr(code, "secret=") + 7, "&")));
    {
        const char *first = next_code();

        is_int(ask(&session, "POST", "/session/user/totp",
                   body("{'totp':'%s','tss':['%s','%s']}", code, first, next_code())),
               204, "by two codes");
    }
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("totp"), "on", "is on");
    is_int(ask(&session, "POST", "/session/reauthenticate", body("{'code':'%s'}", next_code())), 204,
           "a fresh proof by it");
    is_int(ask(&session, "POST", "/session/user/password",
               body("{'old':'" FLOW_PASSWORD "','password':'an entirely different phrase'}")),
           204, "a new password");
    is_int(ask(&session, "GET", "/session/verify", NULL), 204, "of a session that goes on");
    is_int(ask(&session, "POST", "/session/logout", NULL), 204, "a logout");
    is_int(ask(&session, "GET", "/session/verify", NULL), 401, "is one");

    (void)ask(&session, "GET", "/session/", NULL);
    is_int(ask(&session, "POST", "/session/login",
               body("{'email':'new@z.test','password':'an entirely different phrase'}")),
           400, "a login lacks the second factor");
    is_str(text("reason"), "mfa_required", "as is said");
    is_int(ask(&session, "POST", "/session/login/totp", body("{'code':'%s'}", next_code())), 204,
           "which goes on with it");
    is_int(ask(&session, "GET", "/session/verify", NULL), 204, "and is a session");
    is_int(ask(&session, "POST", "/session/login/totp", body("{'code':'%s'}", next_code())), 400, "once");
    is_int(ask(&session, "DELETE", "/session/user/totp", NULL), 204, "it is unset");
    is_int(ask(&session, "POST", "/session/logout", NULL), 204, "a logout");
    (void)ask(&session, "GET", "/session/", NULL);
    is_int(ask(&session, "POST", "/session/forget_code", body("{'email':'new@z.test'}")), 204, "a forgotten password");
    code = flow_code(at, "new@z.test", "password_reset");
    is_int(ask(&session, "POST", "/session/forget_reset",
               body("{'email':'new@z.test','code':'%s','password':'yet another different phrase'}", code)),
           204, "is reset by its code");
    ok(!*apr_table_get(jar, "__Host-cloudep-pending"), "and nothing is under way any more");
    is_int(ask(&session, "POST", "/session/login",
               body("{'email':'new@z.test','password':'yet another different phrase'}")),
           204, "to that one");
    is_int(ask(&session, "GET", "/session/options?type=generate-secret", NULL), 200, "a secret");
    ok(text("id") && text("key") && strcmp(text("id"), text("key")) != 0, "has an id and a key");
    is_int(ask(&session, "GET", "/session/options?type=x", NULL), 400, "an option that is none");
    is_str(text("message"), "type is not configured", "is told");
    place.options = apr_table_make(p, 1);
    apr_table_setn(place.options, "x", "{\"a\":1}");
    is_int(ask(&session, "GET", "/session/options?type=x", NULL), 200, "one that is");
    is_str(text(""), "{\"a\":1}", "is its JSON");
    jar = NULL;
    memset(&place, 0, sizeof(place));
}

int main(void)
{
    static const cloudep_passkey_domain_t passkeys = {.rp_id = "x.test"};

    flow_start();
    flow_tenant("acme");
    flow.config.account_url = "https://id.test/account/";
    flow.config.passkey_domain = "x.test";
    flow.run.passkeys = &passkeys;
    flow_must(
        cloudep_derive_jwks(&flow.run.cookie_keys, flow.pool, flow.run.sealing, CLOUDEP_KEY_SEAL, "session cookie"),
        "cookie keys");
    flow_must(cloudep_derive_jwks(&flow.run.xsrf_keys, flow.pool, flow.run.sealing, CLOUDEP_KEY_SEAL, "xsrf"),
              "XSRF keys");
    flow.run.slugs = cloudep_slugs_create(flow.run.db, flow.pool);
    flow.run.checker = cloudep_checker_create(flow.run.db, flow.pool);
    at = flow_begin();
    p = at->p;
    start_server_with(&flow.config);
    cloudep_cookie_register_hooks();
    test_register();
    test_resume();
    test_profile();
    test_sessions();
    test_events();
    test_totp();
    test_mfa();
    test_passkeys();
    test_passkey_start();
    test_identities();
    test_contacts();
    test_passwords();
    test_code_login();
    test_account();
    test_session();
    json_decref(answer);
    return done_testing();
}
