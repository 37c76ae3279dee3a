/*
 * styles_api_test.c - the operations of the styles "account" and "session": what each field of a request is for, and
 * each member of an answer.
 */
#include "api_provider.h"

#include "../../mod_cloudep_auth/account/operations.h"
#include "../../mod_cloudep_auth/session/operations.h"
#include "base/version.h"
#include "wire/account/account.h"

static const cloudep_api_t account = {CLOUDEP_ACCOUNT_HANDLER, "/account", &cloudep_account_style, account_operations,
                                      NULL};
static const cloudep_api_t session = {CLOUDEP_SESSION_HANDLER, "/session", &cloudep_session_style, session_operations,
                                      NULL};

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
    sql_of("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL"
           " WHERE uid = $1::uuid");
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
    const char *code, *before;

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
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("avatar"), "https://x.test/e.png", "leaves the avatar");
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
    before = apr_pstrdup(p, apr_table_get(jar, "__Host-cloudep"));
    is_int(ask(&session, "POST", "/session/refresh_token", body("{'code':'%s'}", code)), 204, "gives one");
    ok(strcmp(apr_table_get(jar, "__Host-cloudep"), before) != 0, "which is another one");
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

/* Whoever has neither password nor second factor proves who they are by mail, and logs in by text message. */
static void test_codes(void)
{
    const char *challenge;

    newcomer("code@x.test");
    sql_of("UPDATE cloudep.members SET login_phone = '+886933333333', ways_in = 2, has_password = false WHERE uid = "
           "$1::uuid");
    sql_of("DELETE FROM cloudep.credentials WHERE uid = $1::uuid");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = true");
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

/* The pending cookie has all that a browser has under way. */
static void test_pending(void)
{
    const char *challenge;

    newcomer("two@x.test");
    sql_of("UPDATE cloudep.members SET login_phone = '+886944444444', ways_in = 2 WHERE uid = $1::uuid");
    token = NULL;
    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/session";
    place.tenant = "acme";
    jar = apr_table_make(p, 4);
    (void)ask(&session, "GET", "/session/", NULL);
    (void)ask(&session, "POST", "/session/login/sms", body("{'phone':'+886944444444'}"));
    (void)ask(&session, "POST", "/session/forget_code", body("{'email':'two@x.test'}"));
    challenge = apr_table_get(jar, "__Host-cloudep-pending");
    ok(!strncmp(challenge, "sms:", 4) && strstr(challenge, ".reset:") != NULL && strlen(challenge) == 4 + 22 + 7 + 22,
       "two things may be under way: %s", challenge);
    apr_table_set(jar, "__Host-cloudep-pending", apr_pstrcat(p, challenge, ".email:a b.phone", NULL));
    (void)ask(&session, "POST", "/session/login/sms", body("{'phone':'+886944444444'}"));
    challenge = apr_table_get(jar, "__Host-cloudep-pending");
    is_int((int)strlen(challenge), 4 + 22 + 7 + 22, "and nothing that cannot be ours");
    is_int(ask(&session, "POST", "/session/login/sms",
               body("{'phone':'+886944444444','code':'%s'}", flow_code(at, "+886944444444", "login_sms"))),
           204, "of which each");
    is_int(ask(&session, "POST", "/session/forget_reset",
               body("{'email':'two@x.test','code':'%s','password':'" FLOW_PASSWORD "'}",
                    flow_code(at, "two@x.test", "password_reset"))),
           204, "comes to its end");
    jar = NULL;
    memset(&place, 0, sizeof(place));
}

/* An account at lark. */
static void test_lark(void)
{
    static const char *lark[] = {"lark", provider.peer.url, PROVIDER_CLIENT, "none", NULL};

    provider_start();
    provider_row(lark);
    provider_use();
    newcomer("lark@x.test");
    token = NULL;
    place.serve = CLOUDEP_SESSION_HANDLER;
    place.mount = "/session";
    place.tenant = "acme";
    jar = apr_table_make(p, 4);
    (void)ask(&session, "GET", "/session/", NULL);
    (void)ask(&session, "POST", "/session/login", body("{'email':'lark@x.test','password':'" FLOW_PASSWORD "'}"));
    postgres_sql("UPDATE cloudep.tenants SET redirect_uris = "
                 "'{https://id.test/session/user/lark/callback,https://app.test/back}'");
    flow.config.off = CLOUDEP_NEEDS_SOCIAL;
    is_int(ask(&session, "GET", "/session/user/lark", NULL), 400, "lark is not configured");
    flow.config.off = 0;
    is_int(ask(&session, "GET", "/session/user/lark?redirect_uri=https://evil.test/", NULL), 400,
           "a way back that nobody allows");
    is_int(ask(&session, "GET", "/session/user/lark?redirect_uri=https://app.test/back", NULL), 200,
           "one to a page of the tenant");
    is_str(parameter("oauth_url", "redirect_uri"), "https%3a%2f%2fapp.test%2fback", "leads there");
    is_int(ask(&session, "GET", "/session/user/lark", NULL), 200, "without one");
    is_str(parameter("oauth_url", "redirect_uri"), "https%3a%2f%2fid.test%2fsession%2fuser%2flark%2fcallback",
           "it leads here");
    provider_says("oauth_url", "sub3", "lark@x.test");
    is_int(ask(&session, "GET",
               apr_pstrcat(p, "/session/user/lark/callback?code=good&state=", parameter("oauth_url", "state"), NULL),
               NULL),
           204, "back from there");
    sql_of("UPDATE cloudep.identities SET created_at = to_timestamp(1000) WHERE uid = $1::uuid");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("lark"),
           apr_pstrcat(p, "{\"create_time\":\"1970-01-01T00:16:40.000Z\",\"id\":\"",
                       value("SELECT id FROM cloudep.identities WHERE uid = $1::uuid", uid), "\",\"issuer\":\"",
                       provider.peer.url, "\",\"subject\":\"sub3\"}", NULL),
           "it is the member's");
    is_int(ask(&session, "DELETE", "/session/user/lark", NULL), 204, "it is unset");
    (void)ask(&session, "GET", "/session/user", NULL);
    is_str(text("lark"), "null", "and gone");
    is_int(ask(&session, "DELETE", "/session/user/other", NULL), 400, "nothing else can be");
    jar = NULL;
    memset(&place, 0, sizeof(place));
}

int main(void)
{
    start_api();
    test_account();
    test_session();
    test_codes();
    test_pending();
    test_lark();
    json_decref(answer);
    return done_testing();
}
