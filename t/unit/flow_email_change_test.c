/*
 * flow_email_change_test.c - another login email: its code, what it ends, what stays reserved, and its undo.
 */
#include "self_service.h"
#include "flow/undo.h"

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

static void test_start(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "start@self.test");
    cloudep_principal_t other = member(at, "owner@self.test");
    cloudep_contact_confirm_t another = {.target = "another@self.test"};
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
    another.challenge_id = challenge.challenge_id;
    another.code = flow_code(at, "free@self.test", "email_change");
    is_outcome(cloudep_confirm_email_change(at->ctx, &who, &another), CLOUDEP_CHALLENGE_MISMATCH,
               "a challenge is its address's");
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

int main(void)
{
    self_service_start();
    test_start();
    test_change();
    test_back();
    test_undo_of_several();
    test_undo_asks();
    test_undo_of_another_kind();
    test_second_factor();
    test_pending();
    test_one_address();
    return done_testing();
}
