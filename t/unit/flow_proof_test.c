/*
 * flow_proof_test.c - what members prove, and by what: logins by a code, proofs anew, a new password of one's own, a
 * factor that is removed; the pages of one's sessions and codes that renew a session cookie.
 */
#include "base/crypto/totp.h"
#include "core/needs.h"
#include "counted.h"
#include "flow.h"
#include "flow/code_login.h"
#include "flow/own_sessions.h"
#include "flow/password_change.h"
#include "flow/reauthentication.h"
#include "flow/renewal_code.h"
#include "flow/session.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_removal.h"
#include "service/freshness.h"

#define SLUG "proof"
#define PHONE "+886912345678"
#define OTHER_PHONE "+886987654321"
#define NEW_PASSWORD "another rather long pass phrase"

static cloudep_principal_t again(flow_case_t *at, const cloudep_principal_t *who)
{
    return flow_principal(at, who->tenant_id, who->session_id, who->uid);
}

static cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    return flow_principal(at, session->tenant_id, session->id, session->uid);
}

/* Moves what the member proved an hour back. */
static void grow_stale(const cloudep_principal_t *who)
{
    free(postgres_value("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL,"
                        " mfa_at = NULL WHERE uid = $1::uuid",
                        who->uid, NULL));
}

static void set_member(const cloudep_principal_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(flow.pool, "UPDATE cloudep.members SET ", change, " WHERE uid = $1::uuid", NULL),
                        who->uid, NULL));
}

static void set_tenant(const char *change)
{
    postgres_sql(apr_pstrcat(flow.pool, "UPDATE cloudep.tenants SET ", change, NULL));
}

/* ---- logins by a code ---- */

static cloudep_outcome_t ask(flow_case_t *at, const char *email, const char *phone, const char **id)
{
    const cloudep_code_login_start_t in = {.tenant_slug = SLUG, .email = email, .phone = phone};
    cloudep_code_login_challenge_t out = {0};
    const cloudep_outcome_t outcome = cloudep_start_code_login(at->ctx, &in, &out);

    *id = out.challenge_id;
    return outcome;
}

static cloudep_outcome_t log_in(flow_case_t *at, const char *id, const char *phone, const char *code)
{
    const cloudep_code_login_t in = {.tenant_slug = SLUG, .challenge_id = id, .phone = phone, .code = code};
    cloudep_login_result_t out = {0};

    return cloudep_code_login(at->ctx, &in, &out);
}

static void test_code_login(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "code@proof.test");
    const char *id, *code;

    is_outcome(ask(at, "code@proof.test", NULL, &id), CLOUDEP_CODE_LOGIN_CLOSED, "a tenant that allows no such login");
    is_outcome(log_in(at, "x", NULL, "123456"), CLOUDEP_CODE_LOGIN_CLOSED, "takes no code either");
    set_tenant("code_login = true");
    is_outcome(ask(at, "code@proof.test", PHONE, &id), CLOUDEP_FIELD_INVALID, "email and phone at once");
    is_outcome(ask(at, NULL, NULL, &id), CLOUDEP_FIELD_MISSING, "neither of them");
    is_outcome(ask(at, "nobody@proof.test", NULL, &id), CLOUDEP_ACCOUNT_UNKNOWN, "an email that nobody has");
    set_member(&who, "status = 'pending'");
    is_outcome(ask(at, "code@proof.test", NULL, &id), CLOUDEP_ACCOUNT_UNKNOWN, "whoever has not confirmed it");
    set_member(&who, "status = 'active'");
    flow.config.off = CLOUDEP_NEEDS_MAIL;
    is_outcome(ask(at, "code@proof.test", NULL, &id), CLOUDEP_NOT_CONFIGURED, "a server without mail");
    flow.config.off = CLOUDEP_NEEDS_SMS;
    is_outcome(ask(at, "code@proof.test", NULL, &id), CLOUDEP_DONE, "a code is asked for, where there is mail");
    flow.config.off = 0;
    code = flow_code(at, "code@proof.test", "login_code");
    is_outcome(log_in(at, id, PHONE, code), CLOUDEP_CODE_LOGIN_CLOSED, "none is taken for a number without texts");
    is_outcome(log_in(at, id, NULL, flow_wrong(at, code)), CLOUDEP_CODE_WRONG, "a wrong one");
    set_tenant("code_login = false");
    is_outcome(log_in(at, id, NULL, code), CLOUDEP_CODE_LOGIN_CLOSED, "a tenant that has closed meanwhile");
    set_tenant("sms_login = true");
    is_outcome(log_in(at, id, NULL, code), CLOUDEP_CODE_LOGIN_CLOSED, "also where texts log in");
    set_tenant("code_login = true, sms_login = false");
    flow_revoke("INSERT ON cloudep.sessions");
    ok(cloudep_is_fault(log_in(at, id, NULL, code)), "a failure of ours");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(log_in(at, id, NULL, code), CLOUDEP_DONE, "leaves the code good");
    is_value("otp otp", "the session says that it was a code, and which credential",
             "SELECT amr || ' ' || opened_with FROM cloudep.sessions WHERE uid = $1::uuid"
             " ORDER BY created_at DESC LIMIT 1",
             who.uid);
    is_outcome(log_in(at, id, NULL, code), CLOUDEP_CHALLENGE_GONE, "which lets in once");
    (void)ask(at, "code@proof.test", NULL, &id);
    code = flow_code(at, "code@proof.test", "login_code");
    set_member(&who, "email = 'moved@proof.test'");
    is_outcome(log_in(at, id, NULL, code), CLOUDEP_CHALLENGE_GONE, "a code to an address that the member had before");
    set_member(&who, "status = 'suspended'");
    is_outcome(ask(at, "moved@proof.test", NULL, &id), CLOUDEP_SUSPENDED, "a suspended member is told so");
    flow_end(at);
}

/* Nobody learns whose email it is; and whoever guesses at challenges has to wait. */
static void test_code_login_concealed(void)
{
    flow_case_t *at = flow_begin();
    const char *id = NULL;

    set_tenant("code_login = true");
    flow.config.conceal_accounts = 1;
    is_outcome(ask(at, "nobody@proof.test", NULL, &id), CLOUDEP_DONE, "concealed: an email that nobody has");
    is_outcome(log_in(at, id, NULL, "123456"), CLOUDEP_CODE_WRONG, "has a code that is always wrong");
    is_str(flow_code(at, "nobody@proof.test", "login_code"), "", "and is mailed to nobody");
    flow.config.conceal_accounts = 0;
    postgres_sql("DELETE FROM cloudep.budgets");
    is_outcome(log_in(at, NULL, NULL, "123456"), CLOUDEP_CHALLENGE_GONE, "a code without a challenge");
    is_value("1", "counts for the network", "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network'");
    postgres_sql("DELETE FROM cloudep.budgets");
    set_tenant("code_login = false");
    flow_end(at);
}

static void test_texted_login(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "text@proof.test");
    const char *id, *none, *code;

    set_member(&who, "login_phone = '" PHONE "'");
    is_outcome(ask(at, NULL, PHONE, &id), CLOUDEP_CODE_LOGIN_CLOSED, "a tenant of codes by mail has none by text");
    set_tenant("sms_login = true");
    is_outcome(ask(at, NULL, "+886203123456", &id), CLOUDEP_FIELD_INVALID, "what is no number of a person's");
    flow.config.off = CLOUDEP_NEEDS_SMS;
    is_outcome(ask(at, NULL, PHONE, &id), CLOUDEP_NOT_CONFIGURED, "a server without a gateway");
    flow.config.off = CLOUDEP_NEEDS_MAIL;
    is_outcome(ask(at, NULL, PHONE, &id), CLOUDEP_DONE, "a text is asked for, where there is one");
    flow.config.off = 0;
    is_outcome(ask(at, NULL, OTHER_PHONE, &none), CLOUDEP_DONE, "a number that nobody has is told nothing");
    code = flow_code(at, PHONE, "login_sms");
    is_outcome(log_in(at, id, OTHER_PHONE, code), CLOUDEP_CHALLENGE_MISMATCH, "a code is good for its number only");
    set_member(&who, "login_phone = '" OTHER_PHONE "'");
    is_outcome(log_in(at, id, PHONE, code), CLOUDEP_CHALLENGE_GONE, "and for whoever has that number still");
    set_member(&who, "login_phone = '" PHONE "'");
    (void)ask(at, NULL, PHONE, &id);
    is_outcome(log_in(at, id, PHONE, flow_code(at, PHONE, "login_sms")), CLOUDEP_DONE, "the owner of the number");
    is_value("sms login_phone", "the session says that it was a text, and which credential",
             "SELECT amr || ' ' || opened_with FROM cloudep.sessions WHERE uid = $1::uuid"
             " ORDER BY created_at DESC LIMIT 1",
             who.uid);
    (void)ask(at, NULL, PHONE, &id);
    set_tenant("sms_login = false");
    is_outcome(log_in(at, id, NULL, flow_code(at, PHONE, "login_sms")), CLOUDEP_CODE_LOGIN_CLOSED,
               "a code by text where texts log nobody in any more");
    set_tenant("sms_login = false, code_login = false");
    flow_end(at);
}

/* ---- proofs anew ---- */

static cloudep_outcome_t prove(flow_case_t *at, const cloudep_principal_t *who, const cloudep_reauthentication_t *in)
{
    return cloudep_reauthenticate(at->ctx, who, in);
}

static void test_proof_by_password(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "anew@proof.test");
    const cloudep_principal_t nobody = {.tenant_id = who.tenant_id, .uid = who.uid, .member = who.member};
    const cloudep_reauthentication_start_t by_code = {.method = CLOUDEP_REAUTHENTICATE_BY_CODE};
    cloudep_reauthentication_challenge_t challenge;

    grow_stale(&who);
    who = again(at, &who);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "an hour later nothing is fresh");
    is_outcome(prove(at, &nobody, &(cloudep_reauthentication_t){.password = FLOW_PASSWORD}), CLOUDEP_TOKEN_MISSING,
               "whoever has no session proves nothing");
    is_outcome(prove(at,
                     &(cloudep_principal_t){.tenant_id = who.tenant_id, .uid = who.uid, .session_id = who.session_id},
                     &(cloudep_reauthentication_t){.password = FLOW_PASSWORD}),
               CLOUDEP_SUBJECT_GONE, "a member who is gone");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){0}), CLOUDEP_FIELD_MISSING, "no proof");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.challenge_id = "x"}), CLOUDEP_FIELD_MISSING,
               "a challenge without its answer");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.mailed_code = "123456"}), CLOUDEP_FIELD_MISSING,
               "an answer without its challenge");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.password = FLOW_PASSWORD, .challenge_id = "x"}),
               CLOUDEP_FIELD_INVALID, "a password beside a challenge");
    is_outcome(prove(at, &who,
                     &(cloudep_reauthentication_t){
                         .challenge_id = "x",
                         .mailed_code = "123456",
                         .credential = {.id = "x", .client_data = "x", .authenticator_data = "x", .signature = "x"}}),
               CLOUDEP_FIELD_INVALID, "a mailed code beside a passkey");
    flow.config.off = CLOUDEP_NEEDS_PROVIDER;
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.password = FLOW_PASSWORD}), CLOUDEP_NOT_CONFIGURED,
               "a password where none is compared");
    flow.config.off = 0;
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.password = FLOW_PASSWORD, .code = "123456"}),
               CLOUDEP_FIELD_INVALID, "two proofs");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.password = "not the password of anybody"}),
               CLOUDEP_PASSWORD_WRONG, "a wrong password");
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_MAILED_CODE_REFUSED,
               "whoever has a password gets no code");
    is_outcome(prove(at, &who, &(cloudep_reauthentication_t){.password = FLOW_PASSWORD}), CLOUDEP_DONE, "the password");
    who = again(at, &who);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_DONE, "is fresh again");
    flow_end(at);
}

static void test_proof_by_code(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "mailed@proof.test");
    cloudep_principal_t other = member(at, "theirs@proof.test");
    const cloudep_reauthentication_start_t by_code = {.method = CLOUDEP_REAUTHENTICATE_BY_CODE};
    cloudep_reauthentication_challenge_t challenge;
    cloudep_reauthentication_t in = {0};

    set_member(&who, "has_password = false, language = 'de'");
    set_member(&other, "has_password = false");
    grow_stale(&who);
    who = again(at, &who);
    other = again(at, &other);
    flow.config.off = CLOUDEP_NEEDS_MAIL;
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_NOT_CONFIGURED,
               "a code where there is no mail");
    flow.config.off = 0;
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_DONE, "a code is mailed");
    in.challenge_id = challenge.challenge_id;
    in.mailed_code = flow_code(at, "mailed@proof.test", "reauthentication");
    is_value("de", "in the member's language",
             "SELECT language FROM cloudep.outbox WHERE template = 'reauthentication'");
    is_outcome(prove(at, &other, &in), CLOUDEP_CHALLENGE_MISMATCH, "another member's code");
    set_member(&who, "has_password = true");
    who = again(at, &who);
    is_outcome(prove(at, &who, &in), CLOUDEP_MAILED_CODE_REFUSED, "whoever has a password by now proves by that");
    set_member(&who, "has_password = false");
    who = again(at, &who);
    flow_revoke("UPDATE ON cloudep.sessions");
    is_outcome(prove(at, &who, &in), CLOUDEP_DATABASE_FAILED, "a proof that cannot be stored");
    flow_grant("UPDATE ON cloudep.sessions");
    is_outcome(prove(at, &who, &in), CLOUDEP_DONE, "one's own");
    is_outcome(prove(at, &who, &in), CLOUDEP_CHALLENGE_GONE, "proves once");
    who = again(at, &who);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_DONE, "and is fresh");
    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " VALUES ($1::uuid, $2::uuid, 's', now())",
                        who.tenant_id, who.uid, NULL));
    who = again(at, &who);
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_MAILED_CODE_REFUSED,
               "whoever has a second factor gets no code");
    flow_end(at);
}

/* ---- one's own password ---- */

static cloudep_outcome_t change(flow_case_t *at, const cloudep_principal_t *who, const char *current, const char *new)
{
    const cloudep_own_password_t in = {.current_password = current, .new_password = new, .keep_this_session = 1};

    return cloudep_change_own_password(at->ctx, who, &in);
}

static void test_own_password(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "own@proof.test");
    cloudep_login_result_t result;
    const char *id;

    is_outcome(flow_login(at, SLUG, "own@proof.test", FLOW_PASSWORD, &result), CLOUDEP_DONE, "another session");
    is_outcome(change(at, &who, NULL, NEW_PASSWORD), CLOUDEP_FIELD_MISSING, "without the present one");
    is_outcome(change(at, &who, "not the password of anybody", NEW_PASSWORD), CLOUDEP_PASSWORD_WRONG, "a wrong one");
    set_tenant("code_login = true");
    (void)ask(at, "own@proof.test", NULL, &id);
    is_outcome(change(at, &who, FLOW_PASSWORD, NEW_PASSWORD), CLOUDEP_DONE, "a new password");
    is_outcome(log_in(at, id, NULL, flow_code(at, "own@proof.test", "login_code")), CLOUDEP_CHALLENGE_GONE,
               "ends codes that are under way");
    set_tenant("code_login = false");
    is_value("1 password_changed", "the session that changed it goes on, the other one says why not",
             "SELECT count(*) FILTER (WHERE revoked_at IS NULL AND id = $2::uuid) || ' ' ||"
             " string_agg(revoke_reason, ' ') FROM cloudep.sessions WHERE uid = $1::uuid",
             who.uid, who.session_id);
    is_outcome(flow_login(at, SLUG, "own@proof.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG, "the old");
    is_outcome(flow_login(at, SLUG, "own@proof.test", NEW_PASSWORD, &result), CLOUDEP_DONE, "the new");
    flow_end(at);
}

static void test_first_password(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "first@proof.test");

    set_member(&who, "has_password = false");
    grow_stale(&who);
    who = again(at, &who);
    is_outcome(change(at, &who, NULL, NEW_PASSWORD), CLOUDEP_FRESH_PROOF_NEEDED, "a first password without a proof");
    free(postgres_value("UPDATE cloudep.sessions SET auth_time = now() WHERE uid = $1::uuid", who.uid, NULL));
    who = again(at, &who);
    set_member(&who, "origin = 'google'");
    is_outcome(change(at, &who, NULL, NEW_PASSWORD), CLOUDEP_DONE, "with one, also after a social registration");
    flow_end(at);
}

/* Whose company logs them in has no password here, unless the tenant wants one. */
static void test_password_elsewhere(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "company@proof.test");

    flow.config.exchange_issuer = "https://company.test";
    set_member(&who, "has_password = false");
    free(postgres_value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject)"
                        " VALUES ($1::uuid, $2::uuid, 'https://company.test', 's')",
                        who.tenant_id, who.uid, NULL));
    set_tenant("exchange_password = false");
    is_outcome(change(at, &who, NULL, NEW_PASSWORD), CLOUDEP_PASSWORD_ELSEWHERE,
               "whoever logs in elsewhere gets no password here");
    set_tenant("exchange_password = true");
    is_outcome(change(at, &who, NULL, NEW_PASSWORD), CLOUDEP_DONE, "where the tenant wants one they do");
    flow.config.exchange_issuer = NULL;
    flow_end(at);
}

/* Somebody resets the password while the present one is compared: the reset has the last word. */
static void test_reset_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "overtaken@proof.test");

    is_outcome(change(at, &who, "not the password of anybody", NEW_PASSWORD), CLOUDEP_PASSWORD_WRONG,
               "a wrong one, which the right one forgets");
    postgres_sql("CREATE FUNCTION cloudep.reset_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                 "  UPDATE cloudep.members SET generation = generation + 1, sessions_from = generation + 1"
                 "  WHERE email = 'overtaken@proof.test'; RETURN NULL; END $$;"
                 "CREATE TRIGGER reset_now AFTER UPDATE OR DELETE ON cloudep.budgets"
                 "  FOR EACH ROW EXECUTE FUNCTION cloudep.reset_now()");
    is_outcome(change(at, &who, FLOW_PASSWORD, NEW_PASSWORD), CLOUDEP_CREDENTIALS_CHANGED,
               "a password that was reset since it was compared is not changed");
    postgres_sql("DROP TRIGGER reset_now ON cloudep.budgets; DROP FUNCTION cloudep.reset_now()");
    flow_end(at);
}

/* ---- removing a factor ---- */

static cloudep_outcome_t disable(flow_case_t *at, const cloudep_principal_t *who, const char *password, int alone)
{
    const cloudep_totp_removal_t in = {.password = password, .password_alone = alone};

    return cloudep_disable_totp(at->ctx, who, &in);
}

/* Begins an enrolment. Returns the authenticator's codes of two steps, with a space between. */
static const char *begin_totp(flow_case_t *at, const cloudep_principal_t *who, cloudep_totp_start_t *start, int steps)
{
    char codes[2][CLOUDEP_TOTP_DIGITS + 1];
    const unsigned char *secret;
    apr_size_t size;
    char *sealed;

    if (cloudep_failed(cloudep_start_totp(at->ctx, who, start))) {
        flow_bail_out("no enrolment");
    }
    sealed = postgres_value("SELECT pending_secret FROM cloudep.totp WHERE uid = $1::uuid", who->uid, NULL);
    flow_must(cloudep_unseal(&secret, &size, at->p, flow.run.sealing, sealed,
                             apr_pstrcat(at->p, "totp:", who->tenant_id, ":", who->uid, NULL)),
              "the secret");
    free(sealed);
    (void)cloudep_totp_code(codes[0], secret, size, cloudep_totp_step(at->ctx->now) - 1);
    (void)cloudep_totp_code(codes[1], secret, size, cloudep_totp_step(at->ctx->now) - 1 + steps);
    return apr_pstrcat(at->p, codes[0], " ", codes[1], NULL);
}

static void test_pair_and_removal(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "pair@proof.test");
    cloudep_totp_start_t start = {0};
    cloudep_totp_pair_t pair = {.codes = begin_totp(at, &who, &start, 0)};
    char *other;

    pair.url = start.url;
    is_outcome(cloudep_confirm_totp_by_pair(at->ctx, &who, &pair), CLOUDEP_TOTP_WRONG, "the same code twice");
    pair.codes = begin_totp(at, &who, &start, 1);
    pair.url = start.url;
    other = apr_pstrdup(at->p, start.url);
    strstr(other, "secret=")[7] = strstr(other, "secret=")[7] == 'A' ? 'B' : 'A';
    is_outcome(cloudep_confirm_totp_by_pair(at->ctx, &who, &(cloudep_totp_pair_t){.codes = pair.codes, .url = other}),
               CLOUDEP_FIELD_INVALID, "the URL of another secret");
    is_outcome(cloudep_confirm_totp_by_pair(at->ctx, &who, &pair), CLOUDEP_DONE, "two that follow each other");
    grow_stale(&who);
    who = again(at, &who);
    is_outcome(cloudep_remove_totp(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "a factor goes by a fresh proof only");
    is_outcome(disable(at, &who, FLOW_PASSWORD, 0), CLOUDEP_FRESH_PROOF_NEEDED, "the password alone is none");
    is_outcome(disable(at, &who, "not the password of anybody", 1), CLOUDEP_PASSWORD_WRONG, "nor a wrong one");
    is_outcome(disable(at, &who, FLOW_PASSWORD, 1), CLOUDEP_DONE, "but where it is enough");
    flow_end(at);
}

/* ---- one's own sessions ---- */

static int page(flow_case_t *at, const cloudep_principal_t *who, const char *limit, const char **cursor)
{
    const cloudep_page_t in = {.limit = limit, .cursor = *cursor};
    cloudep_own_sessions_t out = {0};
    const cloudep_outcome_t outcome = cloudep_list_sessions(at->ctx, who, &in, &out);

    *cursor = out.next;
    return cloudep_failed(outcome) ? -1 : out.sessions->nelts;
}

static void test_pages(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "pages@proof.test");
    const char *cursor = NULL;

    free(
        postgres_value("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)"
                       " SELECT s.tenant_id, gen_random_uuid(), s.uid, s.generation, 'pwd', s.idle_expires_at,"
                       " s.expires_at FROM cloudep.sessions AS s, generate_series(1, 40) WHERE s.uid = $1::uuid",
                       who.uid, NULL));
    is_int(page(at, &who, NULL, &cursor), 20, "a page has twenty");
    ok(cursor != NULL, "there is a next one");
    is_int(page(at, &who, NULL, &cursor), 20, "which has twenty more");
    is_int(page(at, &who, NULL, &cursor), 1, "and then one");
    ok(!cursor, "which is the last");
    is_int(page(at, &who, "41", &cursor), 41, "as many as there are");
    ok(!cursor, "are the last page");
    is_int(page(at, &who, "100", &cursor), 41, "a hundred may be asked for");
    is_int(page(at, &who, "101", &cursor), -1, "and no more");
    cursor = NULL;
    is_int(page(at, &who, "0", &cursor), -1, "nor none");
    flow_end(at);
}

static cloudep_outcome_t end_session(flow_case_t *at, const cloudep_principal_t *who, const char *id)
{
    return cloudep_end_session(at->ctx, who, &(cloudep_session_id_t){.id = id});
}

static void test_own_sessions(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "mine@proof.test");
    const cloudep_principal_t stranger = member(at, "not-mine@proof.test");
    cloudep_principal_t bare = who;
    cloudep_page_t page = {.limit = "100"};
    cloudep_own_sessions_t out = {0};
    cloudep_login_result_t results[3];
    int present = 0, seen = 0, ended = -1;

    for (int i = 0; i < 3; i++) {
        (void)flow_login(at, SLUG, "mine@proof.test", FLOW_PASSWORD, &results[i]);
    }
    postgres_sql("UPDATE cloudep.sessions SET seen_at = now() - interval '1 hour', created_at = now() - interval '2"
                 " hours'");
    is_outcome(cloudep_list_sessions(at->ctx, &who, &page, &out), CLOUDEP_DONE, "a member's sessions");
    is_int(out.sessions->nelts, 4, "are all that are open");
    for (int i = 0; i < out.sessions->nelts; i++) {
        const cloudep_own_session_t *session = &APR_ARRAY_IDX(out.sessions, i, cloudep_own_session_t);

        present += session->seen_at == apr_time_as_msec(at->ctx->now) && !strcmp(session->id, who.session_id);
        seen += session->seen_at == apr_time_as_msec(at->ctx->now);
    }
    ok(present == 1 && seen == 1, "the one that asks is seen now, and no other");
    page.cursor = cloudep_cursor_text(at->p, &(cloudep_cursor_t){.at = "1", .id = "7"});
    ok(cloudep_list_sessions(at->ctx, &who, &page, &out).reason == CLOUDEP_FIELD_INVALID,
       "the cursor of another list is none");
    is_outcome(end_session(at, &who, "no id"), CLOUDEP_SESSION_UNKNOWN, "what is no id ends none");
    is_outcome(end_session(at, &stranger, results[0].session->id), CLOUDEP_SESSION_UNKNOWN, "nor does another member");
    flow_revoke("UPDATE ON cloudep.sessions");
    is_outcome(end_session(at, &who, results[0].session->id), CLOUDEP_DATABASE_FAILED, "one that cannot be ended");
    is_outcome(cloudep_end_other_sessions(at->ctx, &who, &ended), CLOUDEP_DATABASE_FAILED, "nor the others");
    flow_grant("UPDATE ON cloudep.sessions");
    is_outcome(end_session(at, &who, results[0].session->id), CLOUDEP_DONE, "one that can is");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "ended_by_member", ""), 1, "which is counted");
    bare.session_id = NULL;
    is_outcome(cloudep_end_other_sessions(at->ctx, &bare, &ended), CLOUDEP_TOKEN_MISSING,
               "whoever has no session has no others");
    is_outcome(cloudep_end_other_sessions(at->ctx, &who, &ended), CLOUDEP_DONE, "whoever has one ends the others");
    is_int(ended, 2, "and is told how many they were");
    (void)end_session(at, &who, who.session_id);
    is_outcome(cloudep_end_other_sessions(at->ctx, &who, &ended), CLOUDEP_TOKEN_INVALID,
               "a session that is over ends no other");
    flow_end(at);
}

/* How long a session lives, and how many of them. */
static void test_sessions(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "many@proof.test");
    const int before = flow.config.sessions_per_member;
    cloudep_login_result_t result;

    is_value("0 0 192.0.2.1", "a session has its idle life, its whole life and where it was opened",
             "SELECT extract(epoch FROM idle_expires_at - created_at)::integer - $2::integer || ' ' ||"
             " extract(epoch FROM expires_at - created_at)::integer - $3::integer || ' ' || address"
             " FROM cloudep.sessions WHERE uid = $1::uuid",
             who.uid, apr_itoa(at->p, flow.config.refresh_idle), apr_itoa(at->p, flow.config.session_lifetime));
    flow.config.sessions_per_member = 2;
    for (int i = 0; i < 2; i++) {
        is_outcome(flow_login(at, SLUG, "many@proof.test", FLOW_PASSWORD, &result), CLOUDEP_DONE, "another session");
    }
    is_value("2 0", "of three the oldest is ended where two may be",
             "SELECT count(*) || ' ' || count(*) FILTER (WHERE id = $2::uuid)"
             " FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL",
             who.uid, who.session_id);
    flow.config.sessions_per_member = before;
    flow_end(at);
}

/* ---- renewing a session ---- */

static void test_renewal(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "renewal@proof.test");
    cloudep_principal_t other;
    const cloudep_session_t *session;
    cloudep_login_result_t second = {0};
    cloudep_tokens_t tokens;
    const char *code;

    is_outcome(cloudep_new_renewal_code(at->ctx, &who, &code), CLOUDEP_TOKEN_MISSING, "without a cookie no code");
    who.cookie_seq = 1;
    is_outcome(cloudep_new_renewal_code(at->ctx, &who, &code), CLOUDEP_DONE, "a code that renews the cookie");
    is_outcome(flow_login(at, SLUG, "renewal@proof.test", FLOW_PASSWORD, &second), CLOUDEP_DONE, "another session");
    other = flow_principal(at, who.tenant_id, second.session->id, who.uid);
    other.cookie_seq = 1;
    is_outcome(cloudep_renew_by_code(at->ctx, &other, code, &session), CLOUDEP_CHALLENGE_MISMATCH,
               "is of no use in another session of the member");
    is_outcome(cloudep_renew_by_code(at->ctx, &who, code, &session), CLOUDEP_DONE, "and renews its own");
    is_outcome(cloudep_renew_by_code(at->ctx, &who, code, &session), CLOUDEP_CHALLENGE_GONE, "once");
    if (cloudep_failed(cloudep_issue_tokens(at->ctx, second.session, &tokens))) {
        flow_bail_out("no tokens");
    }
    flow_tenant("elsewhere");
    is_outcome(cloudep_refresh_in_tenant(at->ctx, "elsewhere", tokens.refresh, &session), CLOUDEP_REFRESH_TOKEN_INVALID,
               "a refresh token is of its tenant only");
    is_outcome(cloudep_refresh_in_tenant(at->ctx, SLUG, tokens.refresh, &session), CLOUDEP_DONE, "where it is good");
    flow_end(at);
}

int main(void)
{
    flow_start();
    (void)count_in(256);
    flow_tenant(SLUG);
    flow.config.freshness = 900;
    test_code_login();
    test_code_login_concealed();
    test_texted_login();
    test_proof_by_password();
    test_proof_by_code();
    test_own_password();
    test_first_password();
    test_password_elsewhere();
    test_reset_meanwhile();
    test_pair_and_removal();
    test_pages();
    test_own_sessions();
    test_sessions();
    test_renewal();
    return done_testing();
}
