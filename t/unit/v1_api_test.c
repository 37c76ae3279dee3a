/*
 * v1_api_test.c - v1's operations: what each field of a request is for, and each member of an answer.
 */
#include "api_provider.h"

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
    mfa = text("data.mfa_challenge_id");
    is_int(ask(&auth, "POST", "/auth/login",
               body("{'tenant_slug':'globex','challenge_id':'%s','mfa_code':'123456'}", mfa)),
           404, "a login of another tenant");
    is_str(text("reason"), "tenant_unknown", "is told that it is");
    is_int(ask(&auth, "POST", "/auth/login", body("{'challenge_id':'%s','mfa_code':'%s'}", mfa, next_code())), 200,
           "or by the other shape of a login, which needs no tenant");
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
}

/* ---- forward auth ---- */

static void test_verify(void)
{
    newcomer("verify@x.test");
    sql_of("UPDATE cloudep.members SET attributes = '{\"tier\": \"pro\"}' WHERE uid = $1::uuid");
    is_int(ask(&auth, "GET", "/auth/verify", NULL), 204, "another server asks for a member");
    is_str(apr_table_get(last->headers_out, "X-CloudEP-UID"), uid, "and is told who it is");
    is_str(apr_table_get(last->headers_out, "X-CloudEP-Tenant"), "acme", "of which tenant");
    is_str(apr_table_get(last->headers_out, "X-CloudEP-Session"), session_id, "and in which session");
    place.attribute_headers = apr_array_make(p, 1, sizeof(cloudep_attribute_header_t));
    APR_ARRAY_PUSH(place.attribute_headers, cloudep_attribute_header_t) =
        (cloudep_attribute_header_t){"tier", "X-Tier"};
    (void)ask(&auth, "GET", "/auth/verify", NULL);
    is_str(apr_table_get(last->headers_out, "X-Tier"), "pro", "with the attributes that the Location names");
    is_int(ask(&auth, "GET", "/auth/verify?tenant=acme", NULL), 204, "of the tenant that is wanted");
    is_int(ask(&auth, "GET", "/auth/verify?tenant=acm", NULL), 403, "or of another one");
    is_str(text("reason"), "tenant_mismatch", "as is said");
    is_str(apr_table_get(last->headers_out, "WWW-Authenticate"),
           "Bearer realm=\"CloudEP\", error=\"insufficient_scope\"", "also in the words of RFC 6750");
    ok(!apr_table_get(last->headers_out, "X-CloudEP-UID"), "without telling who it is");
    is_int(ask(&auth, "GET", "/auth/verify?mfa=300", NULL), 403, "a second factor is wanted");
    is_str(text("reason"), "second_factor_too_old", "which there is none of");
    sql_of("UPDATE cloudep.sessions SET mfa_at = now() - interval '200 seconds', auth_time = now() - interval '200 "
           "seconds', fresh_at = NULL WHERE uid = $1::uuid");
    is_int(ask(&auth, "GET", "/auth/verify?mfa=300", NULL), 204, "where there is one");
    is_int(ask(&auth, "GET", "/auth/verify?mfa=100", NULL), 403, "not too long ago");
    is_int(ask(&auth, "GET", "/auth/verify?fresh=300", NULL), 204, "a fresh proof");
    is_int(ask(&auth, "GET", "/auth/verify?fresh=100", NULL), 403, "as fresh as is wanted");
    is_str(text("reason"), "fresh_proof_needed", "as is said");
    is_int(ask(&auth, "GET", "/auth/verify?fresh=", NULL), 400, "a demand that is empty is none");
    sql_of("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid");
    is_int(ask(&auth, "GET", "/auth/verify", NULL), 401, "whoever is suspended is nobody");
    token = NULL;
    memset(&place, 0, sizeof(place));
}

/* A request that another server asks about, with these two headers, or none (NULL). */
static int asked(const char *method, const char *address, const char *name, const char *is)
{
    last = with(request("Origin", "https://app.test"), "Access-Control-Request-Method", "PUT");
    last->request_time = apr_time_now() + ahead;
    if (name) {
        with(last, name, is);
    }
    return serve(last, &auth, method, address, NULL);
}

static void test_preflight(void)
{
    is_int(asked("OPTIONS", "/auth/verify?preflight=on", NULL, NULL), 204, "a preflight passes without a token");
    is_int(asked("OPTIONS", "/auth/verify", NULL, NULL), 401, "where that is wanted");
    is_int(asked("GET", "/auth/verify?preflight=on", NULL, NULL), 401, "a GET is none");
    is_int(asked("GET", "/auth/verify?preflight=on", "X-Original-Method", "OPTIONS"), 204,
           "unless it is asked about one");
    is_int(asked("GET", "/auth/verify?preflight=on", "X-Forwarded-Method", "OPTIONS"), 204, "by any server");
    is_int(asked("OPTIONS", "/auth/verify?preflight=on", "X-Original-Method", "GET"), 401,
           "and not about something else");
    is_int(asked("OPTIONS", "/auth/verify?preflight=on", "Authorization", "Bearer x"), 401,
           "a bad token does not pass");
    last = request("Origin", "https://app.test");
    is_int(serve(last, &auth, "OPTIONS", "/auth/verify?preflight=on", NULL), 401,
           "an OPTIONS that asks for no method is none");
    last = request("Access-Control-Request-Method", "PUT");
    is_int(serve(last, &auth, "OPTIONS", "/auth/verify?preflight=on", NULL), 401, "nor one of no page");
}

/* Another server asks about a page that a browser goes to, or, without a mode, about what a program asks for. */
static int goes_to(const char *address, const char *mode)
{
    last =
        with(with(request("X-Forwarded-Host", "id.test"), "X-Forwarded-Uri", "/page?a"), "X-Forwarded-Method", "GET");
    last->request_time = apr_time_now() + ahead;
    with(last, "Cookie", "a=1");
    if (mode) {
        with(last, "Sec-Fetch-Mode", mode);
    }
    if (token) {
        with(last, "Authorization", apr_pstrcat(p, "Bearer ", token, NULL));
    }
    return serve(last, &auth, "GET", address, NULL);
}

static void test_login_page(void)
{
    static const char page[] = "/login/?return_to=https%3A%2F%2Fid.test%2Fpage%3Fa";

    place.session_cookie = 1;
    place.login_page = "/login/";
    is_int(goes_to("/auth/verify", "navigate"), 401, "a person without a session");
    is_str(apr_table_get(last->headers_out, "Location"), page, "is told the login page");
    is_int(goes_to("/auth/verify?redirect=on", "navigate"), 303, "or sent there");
    is_str(apr_table_get(last->headers_out, "Location"), page, "where that is wanted");
    is_int(goes_to("/auth/verify?redirect=on", NULL), 401, "a program is not");
    newcomer("page@x.test");
    is_int(goes_to("/auth/verify?mfa=300", "navigate"), 403, "whoever lacks a second factor");
    is_str(apr_table_get(last->headers_out, "Location"), apr_pstrcat(p, page, "&need=mfa", NULL),
           "is told where to give it");
    sql_of(
        "UPDATE cloudep.sessions SET auth_time = now() - interval '200 seconds', fresh_at = NULL WHERE uid = $1::uuid");
    is_int(goes_to("/auth/verify?fresh=100&redirect=on", "navigate"), 303, "whoever lacks a fresh proof");
    is_str(apr_table_get(last->headers_out, "Location"), apr_pstrcat(p, page, "&need=fresh", NULL), "is sent there");
    is_int(goes_to("/auth/verify", NULL), 204, "whoever lacks nothing");
    is_str(apr_table_get(last->headers_out, "Cookie"), "a=1", "passes with the cookies that are not ours");
    place.session_cookie = 0;
    (void)goes_to("/auth/verify", NULL);
    ok(!apr_table_get(last->headers_out, "Cookie"), "which are not told where no cookie counts");
    token = NULL;
    memset(&place, 0, sizeof(place));
}

/* ---- accounts at other providers ---- */

#define BACK "https://app.test/back"

static void start_provider(void)
{
    static const char *google[] = {"google", provider.peer.url, PROVIDER_CLIENT, "none", NULL};
    static const char *posting[] = {"posting", provider.peer.url,         PROVIDER_CLIENT,
                                    "none",    "response_mode=form_post", "page=https://app.test/page",
                                    NULL};

    provider_start();
    provider_row(google);
    provider_row(posting);
    provider_use();
}

static void test_social_register(void)
{
    const char *state;

    token = NULL;
    jar = apr_table_make(p, 4);
    is_int(ask(&auth, "POST", "/auth/register/social/start",
               body("{'tenant_slug':'acme','invite_code':'open','provider':'google','accept_terms_version':'7','"
                    "language':'zh-tw','redirect_uri':'" BACK "',"
                    "'marketing_opt_in':true}")),
           200, "a registration by another account");
    is_json("data.expires_in", "600", "is to be done within ten minutes");
    is_int((int)strlen(text("data.session_id")), 22, "and has an id for clients without cookies");
    ok(strstr(apr_table_get(last->err_headers_out, "Set-Cookie"), "__Host-cloudep-browser=") != NULL &&
           strstr(apr_table_get(last->err_headers_out, "Set-Cookie"), "; Max-Age=600;") != NULL,
       "others have a cookie");
    provider_says("data.oauth_url", "sub1", "social@x.test");
    state = parameter("data.oauth_url", "state");
    is_int(ask(&auth, "GET", apr_pstrcat(p, "/auth/register/social/callback?code=good&state=", state, NULL), NULL), 200,
           "back from there");
    uid = text("data.uid");
    is_str(text("data.token_type"), "Bearer", "there are tokens");
    is_str(value("SELECT concat_ws(' ', email, language, terms_version, marketing_opt_in, origin) FROM cloudep.members "
                 "WHERE uid = $1::uuid",
                 uid),
           "social@x.test zh-TW 7 t google", "each field is where it belongs");
    is_int(ask(&auth, "GET", apr_pstrcat(p, "/auth/register/social/callback?code=good&state=", state, NULL), NULL), 400,
           "once");
    is_int(ask(&auth, "GET", apr_pstrcat(p, "/auth/register/social/callback?state=", state, NULL), NULL), 400,
           "a callback with neither code nor error");
    is_str(text("errors.0.field"), "code", "is told that it lacks the code");
    jar = NULL;
}

static void begin_login(void)
{
    token = NULL;
    is_int(ask(&auth, "POST", "/auth/login/social/start",
               body("{'tenant_slug':'acme','provider':'google','redirect_uri':'" BACK "'}")),
           200, "a login by another account");
    is_json("data.expires_in", "600", "is to be done within ten minutes");
    provider_says("data.oauth_url", "sub1", "social@x.test");
}

static const char *callback(const char *more)
{
    return apr_pstrcat(p, "/auth/login/social/callback?state=", parameter("data.oauth_url", "state"), more, NULL);
}

static void test_social_login(void)
{
    begin_login();
    is_int(ask(&auth, "GET", apr_pstrcat(p, callback("&code=good&session_id="), text("data.session_id"), NULL), NULL),
           200, "by the id, without a cookie");
    is_str(text("data.uid"), uid, "it is the member's");
    jar = apr_table_make(p, 4);
    begin_login();
    is_int(ask(&auth, "GET", apr_pstrcat(p, callback("&code=good&iss="), provider.peer.url, NULL), NULL), 200,
           "by the cookie");
    begin_login();
    is_int(ask(&auth, "GET", callback("&code=good&iss=https://other.test"), NULL), 400,
           "what another provider sends is none of this one's");
    begin_login();
    is_int(ask(&auth, "GET", callback("&error=access_denied"), NULL), 403, "whoever does not want to");
    is_str(text("reason"), "login_cancelled", "has cancelled it");
    begin_login();
    apr_table_clear(jar);
    is_int(ask(&auth, "GET", callback("&code=good"), NULL), 400, "in another browser it is nobody's");
    jar = NULL;
}

static void test_social_form(void)
{
    is_int(ask(&auth, "POST", "/auth/login/social/start",
               body("{'tenant_slug':'acme','provider':'posting','redirect_uri':'" BACK "'}")),
           200, "a provider that posts");
    is_int(ask(&auth, "POST", "/auth/login/social/callback",
               apr_pstrcat(p, "code=good&state=", parameter("data.oauth_url", "state"), NULL)),
           303, "goes on");
    ok(strstr(apr_table_get(last->headers_out, "Location"), "https://app.test/page?") ==
               apr_table_get(last->headers_out, "Location") &&
           strstr(apr_table_get(last->headers_out, "Location"), "code=good") != NULL,
       "to its page, with what it said: %s", apr_table_get(last->headers_out, "Location"));
    (void)ask(&auth, "POST", "/auth/login/social/start",
              body("{'tenant_slug':'acme','provider':'posting','redirect_uri':'" BACK "'}"));
    is_int(ask(&auth, "POST", "/auth/register/social/callback",
               apr_pstrcat(p, "code=good&state=", parameter("data.oauth_url", "state"), NULL)),
           400, "a login is no registration");
    (void)ask(&auth, "POST", "/auth/login/social/start",
              body("{'tenant_slug':'acme','provider':'posting','redirect_uri':'" BACK "'}"));
    is_int(ask(&auth, "POST", "/auth/login/social/callback",
               apr_pstrcat(p, "state=", parameter("data.oauth_url", "state"), NULL)),
           400, "nothing");
    is_str(text("errors.0.field"), "code", "lacks the code");
}

static void test_link(void)
{
    newcomer("link@x.test");
    is_int(
        ask(&members, "POST", "/members/me/identities/start", body("{'provider':'google','redirect_uri':'" BACK "'}")),
        200, "another account is linked");
    is_json("data.expires_in", "600", "within ten minutes");
    provider_says("data.oauth_url", "sub2", "other@x.test");
    is_int(ask(&members, "POST", "/members/me/identities/confirm",
               body("{'code':'good','state':'%s'}", parameter("data.oauth_url", "state"))),
           200, "by what the provider says");
    is_int(ask(&members, "GET", "/members/me/identities", NULL), 200, "it is there");
    is_str(text("data.identities.0.provider"), "google", "by its name");
    is_str(text("data.identities.0.subject"), "sub2", "and subject");
    token = NULL;
}

/* ---- the same by cookie ---- */

static const char *live_sessions(void)
{
    return value("SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL", uid);
}

static void test_cookie(void)
{
    const char *login = body("{'tenant_slug':'acme','email':'cookie@x.test','password':'" FLOW_PASSWORD "'}");
    const char *before;

    newcomer("cookie@x.test");
    (void)ask(&auth, "POST", "/auth/logout", NULL);
    token = NULL;
    place.serve = "cloudep-auth";
    place.mount = "/auth";
    place.delivery = "cookie";
    jar = apr_table_make(p, 4);
    is_int(ask(&auth, "GET", "/auth/xsrf", NULL), 204, "by cookie: a visitor gets an XSRF token");
    is_int(ask(&auth, "POST", "/auth/login", login), 200, "a login");
    is_str(text("data"), apr_pstrcat(p, "{\"uid\":\"", uid, "\"}", NULL), "has no tokens");
    is_str(live_sessions(), "1", "it is a session");
    before = apr_pstrdup(p, apr_table_get(jar, "__Host-cloudep"));
    is_int(ask(&auth, "POST", "/auth/token/refresh", NULL), 200, "a refresh");
    is_str(text("data.uid"), uid, "tells whose it is");
    ok(strcmp(apr_table_get(jar, "__Host-cloudep"), before) != 0, "and gives a new value");
    before = apr_pstrdup(p, apr_table_get(jar, "__Host-cloudep"));
    is_int(ask(&auth, "POST", "/auth/reauthenticate", body("{'password':'" FLOW_PASSWORD "'}")), 200, "a fresh proof");
    ok(strcmp(apr_table_get(jar, "__Host-cloudep"), before) != 0, "gives one as well");
    before = apr_pstrdup(p, apr_table_get(jar, "__Host-cloudep"));
    is_int(ask(&auth, "GET", "/auth/mfa/status", NULL), 200, "what only reads");
    is_str(apr_table_get(jar, "__Host-cloudep"), before, "does not");
    is_int(ask(&auth, "POST", "/auth/handoff", body("{'return_to':'/page?x=y'}")), 200, "a way back on this host");
    is_str(text("data.url"), "https://id.test/page?x=y", "is the page");
    is_int(ask(&auth, "POST", "/auth/handoff", body("{'return_to':'https://evil.test/'}")), 400,
           "one to a host that nobody lists");
    is_str(text("errors.0.field"), "return_to", "is told");
    is_int(ask(&auth, "POST", "/auth/login", login), 200, "another login in the same browser");
    is_str(live_sessions(), "1", "ends the session before");
    is_int(ask(&auth, "POST", "/auth/logout", NULL), 200, "a logout");
    is_json("data", "{'ok':true}", "is said");
    is_str(live_sessions(), "0", "and is one");
    is_str(apr_table_get(jar, "__Host-cloudep"), "", "the browser forgets the session");
    is_str(apr_table_get(jar, "XSRF-TOKEN"), "", "and its token");
    is_int(ask(&auth, "GET", "/auth/xsrf", NULL), 204, "a visitor again");
    is_int(ask(&auth, "POST", "/auth/logout", NULL), 200, "is logged out already");
    apr_table_unset(jar, "__Host-cloudep");
    (void)ask(&auth, "GET", "/auth/xsrf", NULL);
    is_int(ask(&auth, "POST", "/auth/logout", NULL), 200, "also without a cookie");
    (void)ask(&auth, "GET", "/auth/xsrf", NULL);
    is_int(ask(&auth, "POST", "/auth/token/refresh", NULL), 401, "and refreshes nothing");
    jar = NULL;
    memset(&place, 0, sizeof(place));
}

int main(void)
{
    start_api();
    flow_tenant("globex");
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
    start_provider();
    test_social_register();
    test_social_login();
    test_social_form();
    test_link();
    test_passwords();
    test_code_login();
    test_cookie();
    test_verify();
    test_preflight();
    test_login_page();
    json_decref(answer);
    return done_testing();
}
