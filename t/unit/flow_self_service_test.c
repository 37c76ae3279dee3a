/*
 * flow_self_service_test.c - what members do alone: another login email and its undo, login phone, linked accounts,
 * leaving; what each ends, what stays reserved, and that the last way in stays.
 */
#include "counted.h"
#include "flow.h"
#include "flow/email_change.h"
#include "flow/export.h"
#include "flow/leaving.h"
#include "flow/linked_account.h"
#include "flow/login_phone.h"
#include "flow/passkeys.h"
#include "flow/password_reset.h"
#include "flow/undo.h"

#define SLUG "self"
#define PHONE "+886912345678"

/* Who asks: the member of a session, as they are now, proved a moment ago. */
static cloudep_principal_t who_of(flow_case_t *at, const cloudep_session_t *session)
{
    cloudep_principal_t who = {.tenant_id = session->tenant_id,
                               .uid = session->uid,
                               .session_id = session->id,
                               .proofs = {.auth_time = apr_time_sec(at->ctx->now), .now = apr_time_sec(at->ctx->now)}};

    flow_must(cloudep_member_by_uid(flow.run.db, at->p, &who.member, who.tenant_id, who.uid), "the member");
    return who;
}

static cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    return who_of(at, session);
}

/* The member after a change, in the same session. */
static cloudep_principal_t again(flow_case_t *at, const cloudep_principal_t *who)
{
    const cloudep_session_t session = {.tenant_id = who->tenant_id, .uid = who->uid, .id = who->session_id};

    return who_of(at, &session);
}

static void set(const cloudep_principal_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(flow.pool, "UPDATE cloudep.members SET ", change, " WHERE uid = $1::uuid", NULL),
                        who->uid, NULL));
}

static const char *of(flow_case_t *at, const cloudep_principal_t *who, const char *columns)
{
    char *value = postgres_value(
        apr_pstrcat(at->p, "SELECT concat_ws(' ', ", columns, ") FROM cloudep.members WHERE uid = $1::uuid", NULL),
        who->uid, NULL);
    const char *kept = apr_pstrdup(at->p, value ? value : "");

    free(value);
    return kept;
}

static const char *count(flow_case_t *at, const char *from, const char *value)
{
    char *number = postgres_value(apr_pstrcat(at->p, "SELECT count(*) FROM cloudep.", from, NULL), value, NULL);
    const char *kept = apr_pstrdup(at->p, number);

    free(number);
    return kept;
}

#define LIVE_SESSIONS "sessions WHERE uid = $1::uuid AND revoked_at IS NULL"

/* A linked account of the member and a passkey, by SQL; the count of ways in is the caller's. */
static const char *account_of(flow_case_t *at, const cloudep_principal_t *who, const char *subject)
{
    char *id = postgres_value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject)"
                              " VALUES ($1::uuid, $2::uuid, 'i', $3) RETURNING id",
                              who->tenant_id, who->uid, subject, NULL);
    const char *kept = apr_pstrdup(at->p, id);

    free(id);
    return kept;
}

static const char *passkey_of(flow_case_t *at, const cloudep_principal_t *who)
{
    char *id = postgres_value(
        "INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible,"
        " backed_up, aaguid, name)"
        " VALUES ($1::uuid, $2::uuid, gen_random_uuid(), 'AA', -7, 0, false, false,"
        " '00000000-0000-0000-0000-000000000000', 'Key') RETURNING id",
        who->tenant_id, who->uid, NULL);
    const char *kept = apr_pstrdup(at->p, id);

    free(id);
    return kept;
}

/* ---- login email ---- */

static cloudep_outcome_t start(flow_case_t *at, const cloudep_principal_t *who, const char *email,
                               cloudep_contact_challenge_t *challenge)
{
    const cloudep_email_start_t in = {.email = email};

    return cloudep_start_email_change(at->ctx, who, &in, challenge);
}

static cloudep_outcome_t confirm(flow_case_t *at, const cloudep_principal_t *who,
                                 const cloudep_contact_challenge_t *challenge, const char *code)
{
    const cloudep_contact_confirm_t in = {.challenge_id = challenge->challenge_id, .code = code};

    return cloudep_confirm_email_change(at->ctx, who, &in);
}

/* From start to end. *token: of the link in the notice, NULL where that has none. */
static cloudep_outcome_t change(flow_case_t *at, const cloudep_principal_t *who, const char *email)
{
    cloudep_contact_challenge_t challenge;
    cloudep_outcome_t outcome = start(at, who, email, &challenge);

    return cloudep_failed(outcome) ? outcome : confirm(at, who, &challenge, flow_code(at, email, "email_change"));
}

/* The token of the link that was mailed to an address last. */
static const char *mailed_token(flow_case_t *at, const char *address)
{
    static const char sql[] =
        " FROM cloudep.outbox WHERE target = $1 AND template = 'email_changed_undo' ORDER BY created_at DESC LIMIT 1";
    char *params = postgres_value(apr_pstrcat(at->p, "SELECT params", sql, NULL), address, NULL);
    char *tenant_id = postgres_value(apr_pstrcat(at->p, "SELECT tenant_id", sql, NULL), address, NULL);
    const unsigned char *plain;
    const char *token = NULL;
    apr_size_t length;
    json_t *json;

    if (params && cloudep_unseal(&plain, &length, at->p, flow.run.sealing, params,
                                 cloudep_outbox_aad(at->p, tenant_id, address, "email_changed_undo")) == APR_SUCCESS) {
        json = json_loadb((const char *)plain, length, 0, NULL);
        token = apr_pstrdup(at->p, strstr(json_string_value(json_object_get(json, "link")), "#undo=") + 6);
        json_decref(json);
    }
    free(params);
    free(tenant_id);
    return token;
}

static cloudep_outcome_t undo(flow_case_t *at, const char *token)
{
    const cloudep_undo_t in = {.token = token};

    return cloudep_undo(at->ctx, &in);
}

static cloudep_outcome_t register_at(flow_case_t *at, const char *email)
{
    const cloudep_registration_t in = {
        .tenant_slug = SLUG, .invite_code = "open", .email = email, .password = FLOW_PASSWORD, .terms_version = "1"};
    cloudep_challenge_answer_t challenge;

    return cloudep_register(at->ctx, &in, &challenge);
}

/* Has a code mailed by which a password is reset. */
static cloudep_outcome_t forgot(flow_case_t *at, const char *email, const char **challenge_id)
{
    const cloudep_forgot_t in = {.tenant_slug = SLUG, .email = email};
    cloudep_forgot_result_t out = {0};
    const cloudep_outcome_t outcome = cloudep_forgot_password(at->ctx, &in, &out);

    *challenge_id = out.challenge_id;
    return outcome;
}

static cloudep_outcome_t reset_by(flow_case_t *at, const char *challenge_id, const char *code)
{
    const cloudep_reset_t in = {.tenant_slug = SLUG,
                                .challenge_id = challenge_id,
                                .code = code,
                                .new_password = "an entirely different phrase"};

    return cloudep_reset_password(at->ctx, &in);
}

static void test_start(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "start@self.test");
    cloudep_principal_t other = member(at, "owner@self.test");
    cloudep_contact_challenge_t challenge;

    is_invalid(start(at, &who, "start@self.test", &challenge), offsetof(cloudep_email_start_t, email),
               CLOUDEP_RULE_NOT_ALLOWED, "the present address");
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(start(at, &who, "new@self.test", &challenge), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof");
    who.proofs.auth_time += flow.config.freshness;
    is_outcome(start(at, &who, "owner@self.test", &challenge), CLOUDEP_DONE, "a taken address is answered alike");
    ok(challenge.challenge_id && challenge.expires_in == flow.config.code_lifetime, "with a challenge");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'email_change_taken'", "owner@self.test"), "1",
           "its owner gets a notice");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'email_change'", "owner@self.test"), "0", "and no code");
    is_outcome(confirm(at, &who, &challenge, "000000"), CLOUDEP_CODE_WRONG, "and no code is right");
    is_outcome(start(at, &who, "free@self.test", &challenge), CLOUDEP_DONE, "a free one");
    is_outcome(confirm(at, &other, &challenge, flow_code(at, "free@self.test", "email_change")),
               CLOUDEP_CHALLENGE_MISMATCH, "a challenge is its member's");
    flow_end(at);
}

static void test_change(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "a@self.test");
    cloudep_login_result_t second;
    cloudep_contact_challenge_t reset;
    const char *token, *under_way, *code;

    is_outcome(flow_login(at, SLUG, "a@self.test", FLOW_PASSWORD, &second), CLOUDEP_DONE, "a second session");
    free(postgres_value("INSERT INTO cloudep.links (tenant_id, uid, digest, kind, expires_at)"
                        " VALUES ($1::uuid, $2::uuid, 'mailed', 'reset', now() + interval '1 hour')",
                        who.tenant_id, who.uid, NULL));
    is_outcome(forgot(at, "a@self.test", &under_way), CLOUDEP_DONE, "a code goes to the address before");
    code = flow_code(at, "a@self.test", "password_reset");
    is_outcome(start(at, &who, "b@self.test", &reset), CLOUDEP_DONE, "a change begins");
    is_outcome(confirm(at, &who, &reset, flow_wrong(at, flow_code(at, "b@self.test", "email_change"))),
               CLOUDEP_CODE_WRONG, "a wrong code");
    is_outcome(confirm(at, &who, &reset, flow_code(at, "b@self.test", "email_change")), CLOUDEP_DONE, "the right one");
    is_str(of(at, &who, "email"), "b@self.test", "changes the address");
    is_outcome(confirm(at, &who, &reset, flow_code(at, "b@self.test", "email_change")), CLOUDEP_CHALLENGE_GONE, "once");
    is_outcome(reset_by(at, under_way, code), CLOUDEP_CHALLENGE_GONE, "the code to the address before is void");
    is_str(count(at, LIVE_SESSIONS, who.uid), "1", "the other session ends");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "email_changed", ""), 1, "and is counted");
    is_value(who.session_id, "this one goes on",
             "SELECT s.id FROM cloudep.sessions s JOIN cloudep.members m USING (tenant_id, uid)"
             " WHERE uid = $1::uuid AND revoked_at IS NULL AND s.generation >= m.sessions_from",
             who.uid);
    is_str(count(at, "links WHERE used_at IS NULL AND digest = 'mailed' AND uid = $1::uuid", who.uid), "0",
           "a link that was mailed to the address before is void");
    is_outcome(flow_login(at, SLUG, "a@self.test", FLOW_PASSWORD, &second), CLOUDEP_CREDENTIALS_WRONG,
               "the address before logs nobody in");
    is_outcome(flow_login(at, SLUG, "b@self.test", FLOW_PASSWORD, &second), CLOUDEP_DONE, "the new one does");
    is_outcome(register_at(at, "a@self.test"), CLOUDEP_EMAIL_TAKEN, "the address before stays reserved");
    token = mailed_token(at, "a@self.test");
    ok(token != NULL, "it got a notice with a link");
    is_outcome(forgot(at, "b@self.test", &under_way), CLOUDEP_DONE, "a code goes to the new one");
    code = flow_code(at, "b@self.test", "password_reset");
    is_outcome(undo(at, token), CLOUDEP_DONE, "the link takes the change back");
    is_outcome(reset_by(at, under_way, code), CLOUDEP_CHALLENGE_GONE, "the code to the new one is void");
    is_str(of(at, &who, "email, has_password, password_due, ways_in"), "a@self.test f t 1", "with the password");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "and every session");
    is_str(count(at, "members WHERE reserved_by = $1::uuid", who.uid), "0", "nothing is reserved any more");
    is_outcome(register_at(at, "b@self.test"), CLOUDEP_DONE, "the other address is free");
    is_str(count(at, "outbox WHERE template = 'email_undone' AND target = $1", "a@self.test"), "1",
           "the owner is told");
    is_outcome(undo(at, token), CLOUDEP_LINK_GONE, "once");
    flow_end(at);
}

/* Back to the address before, which is reserved for oneself. */
static void test_back(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "here@self.test");
    cloudep_principal_t other = member(at, "envy@self.test");
    cloudep_contact_challenge_t challenge;
    const char *first;

    is_outcome(change(at, &who, "there@self.test"), CLOUDEP_DONE, "away");
    first = mailed_token(at, "here@self.test");
    is_outcome(start(at, &other, "here@self.test", &challenge), CLOUDEP_DONE, "somebody else wants the address before");
    is_outcome(confirm(at, &other, &challenge, "000000"), CLOUDEP_CODE_WRONG, "and gets no code for it");
    is_str(count(at, "outbox WHERE template = 'email_change_taken' AND target = $1", "here@self.test"), "0",
           "nor does the address get a mail");
    who = again(at, &who);
    is_outcome(change(at, &who, "here@self.test"), CLOUDEP_DONE, "and back");
    is_outcome(undo(at, first), CLOUDEP_LINK_GONE, "the link of the first change is void");
    is_str(of(at, &who, "email"), "here@self.test", "and the address what it was");
    is_outcome(undo(at, mailed_token(at, "there@self.test")), CLOUDEP_DONE, "that of the second is good");
    is_str(of(at, &who, "email"), "there@self.test", "and restores the one before it");
    flow_end(at);
}

/* A thief changes the address twice and adds ways in: the first link takes all of it back. */
static void test_undo_of_several(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "mine@self.test");
    const char *first, *second;

    is_outcome(change(at, &who, "thief1@self.test"), CLOUDEP_DONE, "a first change");
    first = mailed_token(at, "mine@self.test");
    who = again(at, &who);
    is_outcome(change(at, &who, "thief2@self.test"), CLOUDEP_DONE, "a second");
    second = mailed_token(at, "thief1@self.test");
    free(postgres_value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject)"
                        " VALUES ($1::uuid, $2::uuid, 'i', 'thief')",
                        who.tenant_id, who.uid, NULL));
    free(postgres_value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject, created_at)"
                        " VALUES ($1::uuid, $2::uuid, 'i', 'owner', now() - interval '1 day')",
                        who.tenant_id, who.uid, NULL));
    set(&who, "ways_in = 3, login_phone = '+886900000001', login_phone_at = now()");
    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " VALUES ($1::uuid, $2::uuid, 's', now())",
                        who.tenant_id, who.uid, NULL));
    is_outcome(undo(at, first), CLOUDEP_DONE, "the link of the first");
    is_str(of(at, &who, "email, ways_in, coalesce(login_phone, '-')"), "mine@self.test 2 -",
           "restores the address, and what was added since is gone");
    is_value("owner", "but not what was there before",
             "SELECT string_agg(subject, ' ') FROM cloudep.identities"
             " WHERE uid = $1::uuid",
             who.uid);
    is_str(count(at, "totp WHERE enrolled_at IS NOT NULL AND uid = $1::uuid", who.uid), "0",
           "an authenticator as well");
    is_outcome(undo(at, second), CLOUDEP_LINK_GONE, "the second link is void");
    is_str(count(at, "members WHERE reserved_by = $1::uuid", who.uid), "0", "and nothing is reserved");
    flow_end(at);
}

/* A link that takes something else back, and the factor that it asks for. */
static void test_undo_asks(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "asks@self.test");
    cloudep_undo_t in;
    const char *token;

    is_outcome(change(at, &who, "asks2@self.test"), CLOUDEP_DONE, "a change");
    token = mailed_token(at, "asks@self.test");
    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " SELECT tenant_id, uid, 's', undoes_at - interval '1 day' FROM cloudep.links"
                        " WHERE uid = $1::uuid AND used_at IS NULL",
                        who.uid, NULL));
    in = (cloudep_undo_t){.token = token};
    is_outcome(cloudep_undo(at->ctx, &in), CLOUDEP_SECOND_FACTOR_NEEDED, "a factor from before it is asked for");
    in.code = "1234567";
    is_invalid(cloudep_undo(at->ctx, &in), offsetof(cloudep_undo_t, code), CLOUDEP_RULE_LENGTH, "of its form");
    in.code = "12345678";
    is_outcome(cloudep_undo(at->ctx, &in), CLOUDEP_BACKUP_CODE_WRONG, "and it has to be right");
    is_str(of(at, &who, "email"), "asks2@self.test", "nothing is undone without");
    free(postgres_value("UPDATE cloudep.totp SET enrolled_at = (SELECT undoes_at FROM cloudep.links"
                        "  WHERE uid = $1::uuid AND used_at IS NULL) WHERE uid = $1::uuid",
                        who.uid, NULL));
    is_outcome(undo(at, token), CLOUDEP_DONE, "one of that very moment is not asked for");
    is_str(of(at, &who, "email"), "asks@self.test", "and the address is back");
    flow_end(at);
}

/* A link that was mailed for a new password undoes nothing. */
static void test_undo_of_another_kind(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "kind@self.test");
    const char *token;

    is_outcome(change(at, &who, "kind2@self.test"), CLOUDEP_DONE, "a change");
    token = mailed_token(at, "kind@self.test");
    free(postgres_value("UPDATE cloudep.links SET kind = 'reset', undoes = NULL, undoes_at = NULL, restores = NULL"
                        " WHERE uid = $1::uuid",
                        who.uid, NULL));
    is_outcome(undo(at, token), CLOUDEP_LINK_GONE, "a link of another kind undoes nothing");
    is_str(of(at, &who, "email"), "kind2@self.test", "the address stays");
    flow_end(at);
}

/* With an older second factor there is nothing to undo, unless its own enrolment is in doubt. */
static void test_second_factor(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "factor@self.test");

    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " VALUES ($1::uuid, $2::uuid, 's', now() - interval '1 day')",
                        who.tenant_id, who.uid, NULL));
    free(postgres_value("INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at)"
                        " VALUES ($1::uuid, $2::uuid, 'doubt', 'undo', 'totp', now(), now() + interval '1 hour')",
                        who.tenant_id, who.uid, NULL));
    who = again(at, &who);
    who.proofs.second_factor = 1;
    who.proofs.mfa_at = who.proofs.auth_time;
    is_outcome(change(at, &who, "factor2@self.test"), CLOUDEP_DONE, "a change with a factor that is in doubt");
    ok(mailed_token(at, "factor@self.test") != NULL, "has an undo");
    free(postgres_value("UPDATE cloudep.links SET used_at = now() WHERE uid = $1::uuid", who.uid, NULL));
    who = again(at, &who);
    who.proofs.second_factor = 1;
    flow.config.freshness = 0;
    is_outcome(change(at, &who, "factor2b@self.test"), CLOUDEP_DONE, "one that no factor has proved");
    flow.config.freshness = 300;
    ok(mailed_token(at, "factor2@self.test") != NULL, "has an undo as well");
    is_outcome(undo(at, mailed_token(at, "factor2@self.test")), CLOUDEP_SECOND_FACTOR_NEEDED, "which asks for it");
    postgres_sql("DELETE FROM cloudep.outbox WHERE target = 'factor2@self.test'");
    who = again(at, &who);
    who.proofs.second_factor = 1;
    who.proofs.mfa_at = who.proofs.auth_time;
    is_outcome(change(at, &who, "factor2@self.test"), CLOUDEP_DONE, "and back");
    free(postgres_value("UPDATE cloudep.links SET used_at = now() WHERE uid = $1::uuid", who.uid, NULL));
    who = again(at, &who);
    who.proofs.second_factor = 1;
    who.proofs.mfa_at = who.proofs.auth_time;
    is_outcome(change(at, &who, "factor3@self.test"), CLOUDEP_DONE, "one with a factor beyond doubt");
    ok(mailed_token(at, "factor2@self.test") == NULL, "has none");
    is_str(count(at, "outbox WHERE template = 'email_changed' AND target = $1", "factor2@self.test"), "1",
           "the notice goes out all the same");
    is_outcome(register_at(at, "factor2@self.test"), CLOUDEP_DONE, "and the address before is free");
    flow_end(at);
}

/* A registration that nobody has confirmed holds no address against whoever proves it. */
static void test_pending(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "proved@self.test");
    cloudep_contact_challenge_t challenge;

    is_outcome(register_at(at, "pending@self.test"), CLOUDEP_DONE, "somebody registers");
    is_outcome(change(at, &who, "pending@self.test"), CLOUDEP_DONE, "a member proves the address");
    is_str(of(at, &who, "email"), "pending@self.test", "and has it");
    who = again(at, &who);
    is_outcome(start(at, &who, "late@self.test", &challenge), CLOUDEP_DONE, "a change begins");
    (void)member(at, "late@self.test");
    is_outcome(confirm(at, &who, &challenge, flow_code(at, "late@self.test", "email_change")), CLOUDEP_EMAIL_TAKEN,
               "an address that was taken meanwhile is told at the end");
    is_outcome(confirm(at, &who, &challenge, flow_code(at, "late@self.test", "email_change")), CLOUDEP_EMAIL_TAKEN,
               "and again, as that used nothing up");
    is_outcome(start(at, &who, "raised@self.test", &challenge), CLOUDEP_DONE, "another change begins");
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(confirm(at, &who, &challenge, flow_code(at, "raised@self.test", "email_change")),
               CLOUDEP_DATABASE_FAILED, "which the database cannot finish");
    flow_grant("INSERT ON cloudep.outbox");
    is_str(of(at, &who, "email"), "pending@self.test", "nothing has changed");
    is_outcome(confirm(at, &who, &challenge, flow_code(at, "raised@self.test", "email_change")), CLOUDEP_DONE,
               "and the same code serves once it can");
    flow_end(at);
}

/* ---- crowds ---- */

typedef struct crowd_t {
    cloudep_principal_t who[TEST_THREADS];
    cloudep_contact_challenge_t challenges[TEST_THREADS];
    const char *ids[TEST_THREADS];
    const char *code;
} crowd_t;

static cloudep_outcome_t take_address(flow_case_t *at, int number, void *crowd_)
{
    crowd_t *crowd = crowd_;

    return confirm(at, &crowd->who[number], &crowd->challenges[number], crowd->ids[number]);
}

static void test_one_address(void)
{
    flow_case_t *at = flow_begin();
    crowd_t crowd;
    flow_crowd_t run = {.run = take_address, .baton = &crowd};

    for (int i = 0; i < TEST_THREADS; i++) {
        crowd.who[i] = member(at, apr_psprintf(at->p, "crowd%d@self.test", i));
        flow.config.codes_per_target = 100000;
        if (cloudep_failed(start(at, &crowd.who[i], "wanted@self.test", &crowd.challenges[i]))) {
            flow_bail_out("a change did not begin");
        }
        crowd.ids[i] = flow_code(at, "wanted@self.test", "email_change");
    }
    flow_crowd(&run, TEST_THREADS);
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_DONE), 1, "of many changes to one address one succeeds");
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_EMAIL_TAKEN), TEST_THREADS - 1, "the others find it taken");
    is_str(count(at, "members WHERE email = $1", "wanted@self.test"), "1", "one member has it");
    flow_end(at);
}

/* Of eight one takes the login phone, four a linked account, three a passkey. */
static cloudep_outcome_t take_way(flow_case_t *at, int number, void *crowd_)
{
    crowd_t *crowd = crowd_;
    const cloudep_unlink_t account = {.id = crowd->ids[number]};
    const cloudep_passkey_id_t passkey = {.id = crowd->ids[number]};

    switch (number % 8) {
    case 7:
        return cloudep_remove_login_phone(at->ctx, &crowd->who[0]);
    case 4:
    case 5:
    case 6:
        return cloudep_remove_passkey(at->ctx, &crowd->who[0], &passkey);
    default:
        return cloudep_unlink(at->ctx, &crowd->who[0], &account);
    }
}

#define WAYS_LEFT                                                                                                      \
    "(SELECT count(*) FROM cloudep.identities i WHERE i.uid = m.uid)"                                                  \
    " + (SELECT count(*) FROM cloudep.passkeys k WHERE k.uid = m.uid)"

/* A member with linked accounts, passkeys and a login phone that counts; everything is removed many times at once. */
static void test_last_way_in(void)
{
    flow_case_t *at = flow_begin();
    crowd_t crowd;
    flow_crowd_t run = {.run = take_way, .baton = &crowd};

    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    crowd.who[0] = member(at, "last@self.test");
    set(&crowd.who[0], "has_password = false, ways_in = 7, login_phone = '" PHONE "', login_phone_at = now()");
    for (int i = 0; i < TEST_THREADS; i++) {
        crowd.ids[i] = i < 4   ? account_of(at, &crowd.who[0], apr_psprintf(at->p, "last%d", i))
                       : i < 7 ? passkey_of(at, &crowd.who[0])
                               : crowd.ids[i % 8 == 7 ? 0 : i % 8];
    }
    flow_crowd(&run, TEST_THREADS);
    is_value("1", "of parallel removals of everything one way in is left",
             "SELECT m.ways_in + (m.login_phone IS NOT NULL)::int FROM cloudep.members m WHERE uid = $1::uuid",
             crowd.who[0].uid);
    is_value("t", "and the count is that of the accounts and passkeys",
             "SELECT m.ways_in = " WAYS_LEFT " FROM cloudep.members m WHERE uid = $1::uuid", crowd.who[0].uid);
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_DONE) + flow_ended(&run, TEST_THREADS, CLOUDEP_LAST_WAY_IN) +
               flow_ended(&run, TEST_THREADS, CLOUDEP_PASSKEY_UNKNOWN) +
               flow_ended(&run, TEST_THREADS, CLOUDEP_ACCOUNT_NOT_LINKED),
           TEST_THREADS, "each was removed, refused, or gone already");
    ok(flow_ended(&run, TEST_THREADS, CLOUDEP_LAST_WAY_IN) > 0, "and somebody was told that it is the last one");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* A passkey and a linked account, and nothing else, each removed by half of the crowd. */
static void test_last_of_two(void)
{
    for (int round = 0; round < 8; round++) {
        flow_case_t *at = flow_begin();
        crowd_t crowd;
        flow_crowd_t run = {.run = take_way, .baton = &crowd};
        const char *account, *passkey;

        crowd.who[0] = member(at, apr_psprintf(at->p, "two%d@self.test", round));
        set(&crowd.who[0], "has_password = false, ways_in = 2");
        account = account_of(at, &crowd.who[0], apr_psprintf(at->p, "two%d", round));
        passkey = passkey_of(at, &crowd.who[0]);
        for (int i = 0; i < TEST_THREADS; i++) {
            crowd.ids[i] = i % 8 < 4 ? account : passkey;
        }
        flow_crowd(&run, TEST_THREADS);
        is_value("1 1",
                 apr_psprintf(at->p, "of a passkey and a linked account removed at once one stays, round %d", round),
                 "SELECT concat_ws(' ', m.ways_in, " WAYS_LEFT ") FROM cloudep.members m WHERE uid = $1::uuid",
                 crowd.who[0].uid);
        flow_end(at);
    }
}

/* With codes that log in as another way, the last passkey may go; a login phone counts where it logs in. */
static void test_last_passkey(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "lastkey@self.test");
    cloudep_passkey_id_t in = {.id = passkey_of(at, &who)};

    set(&who, "has_password = false, ways_in = 1, login_phone = '+886900000003'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_LAST_WAY_IN, "the last passkey stays");
    is_str(of(at, &who, "ways_in, generation"), "1 0", "and nothing is counted");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "beside a login phone that logs in it may go");
    is_str(of(at, &who, "ways_in, generation"), "0 1", "and a way in less is counted");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false, code_login = true WHERE slug = '" SLUG "'");
    in.id = passkey_of(at, &who);
    set(&who, "ways_in = 1, login_phone = NULL");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "as it may where codes log in");
    postgres_sql("UPDATE cloudep.tenants SET code_login = false WHERE slug = '" SLUG "'");
    in.id = passkey_of(at, &who);
    set(&who, "ways_in = 2, status = 'suspended'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_SUBJECT_GONE,
               "a member who was suspended meanwhile removes nothing");
    flow_end(at);
}

/* ---- linked accounts ---- */

static void test_unlink(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "unlink@self.test");
    cloudep_principal_t other = member(at, "neighbour@self.test");
    cloudep_unlink_t in = {.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6b"};
    cloudep_identity_t account = {.id = in.id, .issuer = "https://elsewhere.test", .subject = "1"};
    apr_array_header_t *list;

    flow_must(cloudep_identity_link(flow.run.db, at->p, who.tenant_id, who.uid, &account, CLOUDEP_NO_MESSAGE),
              "a link");
    account.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6c";
    is_int(cloudep_identity_link(flow.run.db, at->p, other.tenant_id, other.uid, &account, CLOUDEP_NO_MESSAGE),
           CLOUDEP_ECONFLICT, "an account is linked to one member");
    is_str(of(at, &other, "ways_in, generation"), "1 0", "and the other has no way in more");
    is_str(of(at, &who, "ways_in, generation"), "2 1", "the first one has");
    is_outcome(cloudep_linked_accounts(at->ctx, &who, &list), CLOUDEP_DONE, "it is listed");
    ok(list->nelts == 1 && !strcmp(APR_ARRAY_IDX(list, 0, cloudep_linked_account_t).issuer, account.issuer) &&
           !APR_ARRAY_IDX(list, 0, cloudep_linked_account_t).provider,
       "with its issuer, which is of no provider of this server");
    is_outcome(cloudep_unlink(at->ctx, &other, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "another member's account");
    in.id = "no-uuid";
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "no id of an account");
    in.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6b";
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof");
    who.proofs.auth_time += flow.config.freshness;
    free(postgres_value("UPDATE cloudep.sessions SET opened_with = 'identity:' || $2 WHERE uid = $1::uuid", who.uid,
                        in.id, NULL));
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_DONE, "it is unlinked");
    is_str(of(at, &who, "ways_in, generation, sessions_from"), "1 2 0", "a way in less");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "and the session that it opened is over");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "once");
    flow_end(at);
}

/* With code_login on, every member has a way in more. */
static void test_tenants_ways(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "ways@self.test");
    cloudep_unlink_t in = {.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a7b"};
    cloudep_identity_t account = {.id = in.id, .issuer = "https://elsewhere.test", .subject = "2"};

    flow_must(cloudep_identity_link(flow.run.db, at->p, who.tenant_id, who.uid, &account, CLOUDEP_NO_MESSAGE),
              "a link");
    set(&who, "has_password = false, ways_in = 1, login_phone = '+886900000002'");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_LAST_WAY_IN,
               "a login phone that logs nobody in is no way in");
    postgres_sql("UPDATE cloudep.tenants SET code_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_DONE, "a tenant where codes log in has one for everybody");
    is_outcome(cloudep_remove_login_phone(at->ctx, &who), CLOUDEP_DONE, "so the login phone may go as well");
    is_str(of(at, &who, "ways_in, coalesce(login_phone, '-')"), "0 -", "and none of the member's own is left");
    postgres_sql("UPDATE cloudep.tenants SET code_login = false WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* ---- login phone ---- */

static cloudep_outcome_t prove(flow_case_t *at, const cloudep_principal_t *who, const char *phone)
{
    const cloudep_login_phone_start_t in = {.phone = phone};
    cloudep_contact_challenge_t challenge;
    cloudep_contact_confirm_t back = {0};
    cloudep_outcome_t outcome = cloudep_start_login_phone(at->ctx, who, &in, &challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    back.challenge_id = challenge.challenge_id;
    back.code = flow_code(at, phone, "login_phone");
    return cloudep_confirm_login_phone(at->ctx, who, &back);
}

static void test_login_phone(void)
{
    static const char number[] = "+886922000111";
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "phone@self.test");
    cloudep_principal_t other = member(at, "phone2@self.test");
    const cloudep_login_phone_start_t premium = {.phone = "+886203123456"};
    cloudep_contact_challenge_t challenge;

    is_invalid(cloudep_start_login_phone(at->ctx, &who, &premium, &challenge),
               offsetof(cloudep_login_phone_start_t, phone), CLOUDEP_RULE_NOT_ALLOWED, "a number that earns money");
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(prove(at, &who, number), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof");
    is_outcome(cloudep_remove_login_phone(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "removes nothing either");
    who.proofs.auth_time += flow.config.freshness;
    is_outcome(prove(at, &who, number), CLOUDEP_DONE, "a number is proved");
    is_str(of(at, &who, "login_phone, ways_in, generation"), "+886922000111 1 1", "and is the login phone");
    is_outcome(prove(at, &who, number), CLOUDEP_DONE, "the same number again");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'login_phone_changed'", "phone@self.test"), "1",
           "one mail told of it");
    free(postgres_value("UPDATE cloudep.sessions SET opened_with = 'login_phone' WHERE uid = $1::uuid", who.uid, NULL));
    set(&who, "has_password = false, ways_in = 0");
    is_outcome(prove(at, &other, number), CLOUDEP_DONE, "somebody else proves it");
    is_str(of(at, &other, "login_phone"), number, "and has it");
    is_str(of(at, &who, "coalesce(login_phone, '-'), password_due, ways_in"), "- t 1",
           "the first one has it no more, and a password is due where nothing else was left");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "the session that it opened is over");
    is_value("phone@self.test", "and they are told",
             "SELECT target FROM cloudep.outbox WHERE uid = $1::uuid AND template = 'login_phone_taken'", who.uid);
    is_str(count(at, LIVE_SESSIONS, other.uid), "1", "the other's session goes on");
    set(&other, "has_password = false, ways_in = 0");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_LAST_WAY_IN, "the last way in is not removed");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false WHERE slug = '" SLUG "'");
    set(&other, "has_password = true, ways_in = 1");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_DONE, "it is removed");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_DONE, "also where there is none");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'login_phone_removed'", "phone2@self.test"), "1",
           "which is told once");
    flow_end(at);
}

static cloudep_outcome_t take_number(flow_case_t *at, int number, void *crowd_)
{
    crowd_t *crowd = crowd_;
    const cloudep_contact_confirm_t in = {.challenge_id = crowd->challenges[number].challenge_id,
                                          .code = crowd->ids[number]};

    return cloudep_confirm_login_phone(at->ctx, &crowd->who[number], &in);
}

static void test_one_number(void)
{
    static const cloudep_login_phone_start_t in = {.phone = "+886922000222"};
    flow_case_t *at = flow_begin();
    crowd_t crowd;
    flow_crowd_t run = {.run = take_number, .baton = &crowd};

    for (int i = 0; i < TEST_THREADS; i++) {
        crowd.who[i] = member(at, apr_psprintf(at->p, "number%d@self.test", i));
        if (cloudep_failed(cloudep_start_login_phone(at->ctx, &crowd.who[i], &in, &crowd.challenges[i]))) {
            flow_bail_out("no code was sent");
        }
        crowd.ids[i] = flow_code(at, in.phone, "login_phone");
    }
    flow_crowd(&run, TEST_THREADS);
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_DONE), TEST_THREADS, "many prove one number at once");
    is_str(count(at, "members WHERE login_phone = $1", in.phone), "1", "and one of them has it at the end");
    is_str(count(at, "outbox WHERE template = 'login_phone_taken' AND target LIKE $1", "number%"),
           apr_itoa(at->p, TEST_THREADS - 1), "the others were told");
    flow_end(at);
}

/* ---- export and leaving ---- */

static void test_leaving(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "leave@self.test");
    cloudep_exported_t exported;
    const char *under_way;

    is_outcome(change(at, &who, "leave2@self.test"), CLOUDEP_DONE, "a member with an address of before");
    who = again(at, &who);
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "what is kept is exported");
    ok(exported.member.rows->nelts == 1 && exported.sessions.rows->nelts == 1 && exported.complete, "all of it");
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof ends no account");
    who.proofs.auth_time += flow.config.freshness;
    is_outcome(forgot(at, "leave2@self.test", &under_way), CLOUDEP_DONE, "a code is under way");
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_DONE, "a member leaves");
    is_outcome(reset_by(at, under_way, flow_code(at, "leave2@self.test", "password_reset")), CLOUDEP_CHALLENGE_GONE,
               "which ends the code");
    is_str(of(at, &who, "status"), "deleting", "and is being deleted");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "logged out everywhere");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "left", ""), 1, "which is counted");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'member_left'", "leave2@self.test"), "1", "and told");
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_MEMBER_UNKNOWN, "once");
    flow_must(cloudep_member_purge(flow.run.db, at->p, who.tenant_id, who.uid), "the purge");
    is_str(count(at, "members WHERE email IN ($1, 'leave2@self.test')", "leave@self.test"), "0",
           "nothing of either address is left");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_MEMBER_UNKNOWN, "nor to be exported");
    flow_end(at);
}

/* More than an answer takes: it says that it is not all. */
static void test_export_of_many(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "many@self.test");
    cloudep_exported_t exported;

    free(
        postgres_value("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at,"
                       " revoked_at)"
                       " SELECT s.tenant_id, gen_random_uuid(), s.uid, s.generation, 'pwd', s.idle_expires_at,"
                       " s.expires_at, now() FROM cloudep.sessions AS s, generate_series(1, 1500)"
                       " WHERE s.uid = $1::uuid",
                       who.uid, NULL));
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "a member of many sessions");
    is_int(exported.sessions.rows->nelts, 1501, "has all of them exported, those that are over too");
    ok(exported.complete, "and is told that they are all");
    free(
        postgres_value("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)"
                       " SELECT s.tenant_id, gen_random_uuid(), s.uid, s.generation, 'pwd', s.idle_expires_at,"
                       " s.expires_at FROM cloudep.sessions AS s, generate_series(1, 18500)"
                       " WHERE s.id = $1::uuid",
                       who.session_id, NULL));
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "one of too many");
    is_int(exported.sessions.rows->nelts, 20000, "has as many as an answer takes");
    ok(!exported.complete, "and is told that it is not all");
    flow_end(at);
}

int main(void)
{
    flow_start();
    (void)count_in(256);
    flow_tenant(SLUG);
    postgres_sql("UPDATE cloudep.invites SET max_uses = 10000");
    flow.config.account_url = "https://id.test/account/";
    flow.config.codes_per_target = 100000;
    flow.config.codes_per_address = flow.config.codes_per_tenant = 0;
    flow.run.db->lock_timeout = 20000; /* crowds stand in line */
    test_start();
    test_change();
    test_back();
    test_undo_of_several();
    test_undo_asks();
    test_undo_of_another_kind();
    test_second_factor();
    test_pending();
    test_one_address();
    test_unlink();
    test_tenants_ways();
    test_last_way_in();
    test_last_of_two();
    test_last_passkey();
    test_login_phone();
    test_one_number();
    test_leaving();
    test_export_of_many();
    return done_testing();
}
