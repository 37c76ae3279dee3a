/*
 * flow_login_test.c - logins by password: who may, who may not, what is told to whom, and what failures do.
 */
#include "flow.h"

#include "base/crypto/password.h"
#include "hashes.h"
#include "idp/hasher.h"

#define SLUG "login"

static void set_status(const char *email, const char *status)
{
    free(postgres_value("UPDATE cloudep.members SET status = $2 WHERE email = $1", email, status, NULL));
}

static void test_right(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;
    cloudep_tokens_t tokens;

    at->ctx->user_agent = "Browser/1.0";
    flow_member(at, SLUG, "right@login.test", &session);
    is_outcome(flow_login(at, SLUG, "right@login.test", FLOW_PASSWORD, &result), CLOUDEP_DONE,
               "the right password logs in");
    ok(result.session && !result.mfa_challenge_id, "a member without a second factor gets a session");
    if (!result.session) {
        flow_bail_out("no session");
    }
    is_str(result.session->uid, session->uid, "the session is the member's");
    ok(strcmp(result.session->id, session->id) != 0, "the session of a login is a new one");
    is_str(result.session->amr, "pwd", "the session says that a password opened it");
    is_value("password", "and by which credential", "SELECT opened_with FROM cloudep.sessions WHERE id = $1::uuid",
             result.session->id);
    is_value("192.0.2.1", "the session's row has the client's address",
             "SELECT address FROM cloudep.sessions WHERE id = $1::uuid", result.session->id);
    is_value("Browser/1.0", "and what the client calls itself",
             "SELECT user_agent FROM cloudep.sessions WHERE id = $1::uuid", result.session->id);
    is_outcome(cloudep_issue_tokens(at->ctx, result.session, &tokens), CLOUDEP_DONE, "the session gives tokens");
    flow_end(at);
}

static void test_wrong(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    flow_member(at, SLUG, "wrong@login.test", &session);
    is_outcome(flow_login(at, "nowhere", "wrong@login.test", FLOW_PASSWORD, &result), CLOUDEP_TENANT_UNKNOWN,
               "a login at a tenant that does not exist");
    is_outcome(flow_login(at, SLUG, "wrong@login.test", "another pass phrase", &result), CLOUDEP_CREDENTIALS_WRONG,
               "a wrong password");
    ok(!result.session && !result.mfa_challenge_id, "a wrong password gets nothing");
    is_outcome(flow_login(at, SLUG, "nobody@login.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "an email that nobody has");
    postgres_sql("DELETE FROM cloudep.credentials c USING cloudep.members m"
                 " WHERE c.uid = m.uid AND m.email = 'wrong@login.test'");
    is_outcome(flow_login(at, SLUG, "wrong@login.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "a member who has no password");
    flow_end(at);
}

#define COMPOSED "Z\xc3\xbcrich im \xc3\x89t\xc3\xa9 1792"
#define DECOMPOSED "Zu\xcc\x88rich im E\xcc\x81te\xcc\x81 1792"

/* The member's password is what version 1.0 stored of it. */
static const char *store_as_typed(flow_case_t *at, const char *email, const char *password)
{
    const cloudep_password_params_t params = cloudep_hasher_params(at->ctx->config);
    const char *phc = NULL;

    is_int(cloudep_password_hash(&phc, password, &params, NULL, at->ctx->p), APR_SUCCESS,
           "a password is hashed as typed");
    free(postgres_value("UPDATE cloudep.credentials c SET phc = $2, form_of = NULL FROM cloudep.members m"
                        " WHERE m.uid = c.uid AND m.email = $1 RETURNING c.uid",
                        email, phc, NULL));
    return phc;
}

#define FORM_AND_HASH                                                                                                  \
    "SELECT (c.form_of IS NOT DISTINCT FROM right(c.phc, 16)) || ' ' || (c.phc = $2) FROM cloudep.credentials c"       \
    " JOIN cloudep.members m USING (tenant_id, uid) WHERE m.email = $1"

/* Passwords of version 1.0, which hashed what was typed: one check each, and from then on any spelling is the same. */
static void test_forms(void)
{
    static const char email[] = "forms@login.test";
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;
    const char *phc;

    flow_member(at, SLUG, email, &session);
    phc = store_as_typed(at, email, DECOMPOSED);
    is_outcome(flow_login(at, SLUG, email, COMPOSED, &result), CLOUDEP_CREDENTIALS_WRONG,
               "a password that was hashed decomposed is wrong composed");
    is_value("false true", "a wrong password changes nothing", FORM_AND_HASH, email, phc);
    is_outcome(flow_login(at, SLUG, email, DECOMPOSED, &result), CLOUDEP_DONE, "it is right as it was typed");
    is_value("true false", "its form is hashed then", FORM_AND_HASH, email, phc);
    is_outcome(flow_login(at, SLUG, email, COMPOSED, &result), CLOUDEP_DONE, "it is right composed from then on");
    is_outcome(flow_login(at, SLUG, email, DECOMPOSED, &result), CLOUDEP_DONE, "and decomposed");

    phc = store_as_typed(at, email, COMPOSED);
    is_outcome(flow_login(at, SLUG, email, DECOMPOSED, &result), CLOUDEP_CREDENTIALS_WRONG,
               "a password that was hashed composed is wrong decomposed");
    is_outcome(flow_login(at, SLUG, email, COMPOSED, &result), CLOUDEP_DONE, "it is right as it was typed");
    is_value("true true", "the hash is that of its form already", FORM_AND_HASH, email, phc);
    is_outcome(flow_login(at, SLUG, email, DECOMPOSED, &result), CLOUDEP_DONE, "it is right decomposed from then on");
    is_outcome(flow_login(at, SLUG, email,
                          "Z\xc3\xbcrich\xc2\xa0im \xc3\x89t\xc3\xa9\xe3\x80\x80"
                          "1792",
                          &result),
               CLOUDEP_DONE, "and with spaces of other scripts");
    is_outcome(flow_login(at, SLUG, email, "z\xc3\xbcrich im \xc3\x89t\xc3\xa9 1792", &result),
               CLOUDEP_CREDENTIALS_WRONG, "not in another case");
    is_outcome(flow_login(at, SLUG, email, COMPOSED "\x07", &result), CLOUDEP_CREDENTIALS_WRONG,
               "what has no form is a wrong password");

    phc = store_as_typed(at, email, "with a\ttab in it 77");
    is_outcome(flow_login(at, SLUG, email, "with a\ttab in it 77", &result), CLOUDEP_DONE,
               "a password of 1.0 that could not be set any more is good still");
    is_value("false true", "it stays what it is", FORM_AND_HASH, email, phc);
    phc = store_as_typed(at, email, FLOW_PASSWORD);
    is_outcome(flow_login(at, SLUG, email, FLOW_PASSWORD, &result), CLOUDEP_DONE, "a password in ASCII is good");
    is_value("false true", "and nothing is written for it", FORM_AND_HASH, email, phc);
    flow_end(at);
}

/* A hash of other parameters than the server's is made anew at the first right login. */
static void test_parameters(void)
{
    static const char email[] = "parameters@login.test";
    static const char cost[] = "SELECT split_part(c.phc, '$', 4) FROM cloudep.credentials c"
                               " JOIN cloudep.members m USING (tenant_id, uid) WHERE m.email = $1";
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    flow_member(at, SLUG, email, &session);
    is_value("m=7168,t=5,p=1", "a new hash has the server's parameters", cost, email);
    flow.config.password_passes = 6;
    is_outcome(flow_login(at, SLUG, email, "a wrong pass phrase", &result), CLOUDEP_CREDENTIALS_WRONG,
               "a wrong password against a hash of other parameters");
    is_value("m=7168,t=5,p=1", "leaves it", cost, email);
    is_outcome(flow_login(at, SLUG, email, FLOW_PASSWORD, &result), CLOUDEP_DONE, "the right one");
    is_value("m=7168,t=6,p=1", "is hashed with the server's then", cost, email);
    hashes.made = 0;
    is_outcome(flow_login(at, SLUG, email, FLOW_PASSWORD, &result), CLOUDEP_DONE, "it is right afterwards");
    is_int(hashes.made, 0, "and not hashed again");
    flow.config.password_passes = 5;
    flow_end(at);
}

static void is_one_hash(flow_case_t *at, const char *email, const char *name)
{
    cloudep_login_result_t result;

    hashes.made = hashes.compared = 0;
    hashes.memory = hashes.passes = hashes.lanes = 0;
    is_outcome(flow_login(at, SLUG, email, "a wrong pass phrase", &result), CLOUDEP_CREDENTIALS_WRONG, name);
    ok(hashes.compared == 1 && hashes.made == 0, "%s: costs one hash, not %d and %d", name, hashes.compared,
       hashes.made);
    ok(hashes.memory == 7168 && hashes.passes == 5 && hashes.lanes == 1, "%s: of the server's parameters", name);
    postgres_sql("DELETE FROM cloudep.budgets");
}

/* Whoever has no password here, or is nobody, costs as much as a wrong password does. */
static void test_equal_work(void)
{
    static const char email[] = "equal@login.test";
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    is_one_hash(at, email, "a wrong password");
    is_one_hash(at, "nobody@login.test", "an email that nobody has");
    set_status(email, "reserved");
    is_one_hash(at, email, "a reserved address");
    set_status(email, "deleting");
    is_one_hash(at, email, "a member who is being deleted");
    set_status(email, "pending");
    flow.config.conceal_accounts = 1;
    is_one_hash(at, email, "a concealed member");
    flow.config.conceal_accounts = 0;
    set_status(email, "active");
    postgres_sql("DELETE FROM cloudep.credentials c USING cloudep.members m"
                 " WHERE c.uid = m.uid AND m.email = 'equal@login.test'");
    is_one_hash(at, email, "a member without a password");
    flow_end(at);
}

/* What a state of the account answers to the right password, and to a wrong one. */
static void test_states(void)
{
    static const struct {
        const char *status;
        cloudep_reason_e right;
    } states[] = {{"pending", CLOUDEP_EMAIL_UNCONFIRMED},
                  {"suspended", CLOUDEP_SUSPENDED},
                  {"reserved", CLOUDEP_CREDENTIALS_WRONG},
                  {"deleting", CLOUDEP_CREDENTIALS_WRONG},
                  {"active", CLOUDEP_DONE}};
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    flow_member(at, SLUG, "states@login.test", &session);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        set_status("states@login.test", states[i].status);
        is_outcome(flow_login(at, SLUG, "states@login.test", FLOW_PASSWORD, &result), states[i].right,
                   apr_psprintf(at->p, "the right password of a member who is %s", states[i].status));
        is_outcome(flow_login(at, SLUG, "states@login.test", "a wrong pass phrase", &result), CLOUDEP_CREDENTIALS_WRONG,
                   apr_psprintf(at->p, "a wrong password of a member who is %s tells nothing", states[i].status));
        postgres_sql("DELETE FROM cloudep.budgets");
    }
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(flow_login(at, SLUG, "states@login.test", FLOW_PASSWORD, &result), CLOUDEP_TENANT_CLOSED,
               "the right password at a tenant that allows no login");
    is_outcome(flow_login(at, SLUG, "states@login.test", "a wrong pass phrase", &result), CLOUDEP_CREDENTIALS_WRONG,
               "a wrong password at a tenant that allows no login tells nothing");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* With concealed accounts a pending member's password must not tell that the email was free at the registration. */
static void test_concealed(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    flow_member(at, SLUG, "concealed@login.test", &session);
    set_status("concealed@login.test", "pending");
    flow.config.conceal_accounts = 1;
    is_outcome(flow_login(at, SLUG, "concealed@login.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "the right password of a pending member, with concealed accounts");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* A member who changes between the check of the password and the session. */
static void test_changed_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    const cloudep_first_factor_t first = {.amr = "pwd", .opened_with = CLOUDEP_OPENED_PASSWORD};
    cloudep_login_result_t result = {0};

    flow_member(at, SLUG, "meanwhile@login.test", &session);
    is_int(cloudep_member_by_email(flow.run.db, at->p, &tenant, &member, SLUG, "meanwhile@login.test"), APR_SUCCESS,
           "the member as the login has read it");
    set_status("meanwhile@login.test", "suspended");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_LOGIN_REFUSED,
               "a member who was suspended after the password was right gets no session");
    set_status("meanwhile@login.test", "active");
    postgres_sql("UPDATE cloudep.members SET generation = generation + 1 WHERE email = 'meanwhile@login.test'");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_CREDENTIALS_CHANGED,
               "a member whose credentials were changed after the password was right gets no session");
    ok(!result.session, "no session is told of");
    is_value("1", "no session was opened but the registration's",
             "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid", member->uid);
    flow_end(at);
}

/* A proof that names its session, as the answer to an exchanged token that got lost. */
static void test_named_session(void)
{
    static const cloudep_first_factor_t first = {
        .amr = "fed", .opened_with = CLOUDEP_OPENED_PASSWORD, .session_id = "3f7c1e90-5a52-4b7e-9d7a-1c2b3d4e5f60"};
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_login_result_t result = {0};

    flow_member(at, SLUG, "named@login.test", &session);
    flow_must(cloudep_member_by_email(flow.run.db, at->p, &tenant, &member, SLUG, "named@login.test"), "the member");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_DONE, "a named session");
    is_str(result.session ? result.session->id : NULL, first.session_id, "has its name");
    result = (cloudep_login_result_t){0};
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_DONE, "the same proof again");
    is_str(result.session ? result.session->id : NULL, first.session_id, "is answered with the same session");
    postgres_sql("UPDATE cloudep.sessions SET refresh_seq = 2, rotated_at = now() WHERE amr = 'fed'");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_ID_TOKEN_INVALID,
               "not once the session went on");
    postgres_sql(
        "UPDATE cloudep.sessions SET refresh_seq = 1, rotated_at = NULL, revoked_at = now() WHERE amr = 'fed'");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &result), CLOUDEP_ID_TOKEN_INVALID,
               "nor once it has ended");
    flow_end(at);
}

static cloudep_outcome_t guess(flow_case_t *at, int number, void *email)
{
    cloudep_login_result_t result;

    (void)number;
    return flow_login(at, SLUG, email, "a wrong pass phrase", &result);
}

static void test_failures(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;
    cloudep_outcome_t outcome;

    flow_member(at, SLUG, "failures@login.test", &session);
    for (int i = 1; i < flow.config.known_guesses; i++) {
        is_outcome(flow_login(at, SLUG, "failures@login.test", "a wrong pass phrase", &result),
                   CLOUDEP_CREDENTIALS_WRONG, apr_psprintf(at->p, "wrong password number %d", i));
    }
    (void)flow_login(at, SLUG, "failures@login.test", "a wrong pass phrase", &result);
    outcome = flow_login(at, SLUG, "failures@login.test", FLOW_PASSWORD, &result);
    is_outcome(outcome, CLOUDEP_TOO_MANY_PASSWORDS, "the right password after too many wrong ones");
    ok(outcome.retry_after > 0 && outcome.retry_after <= 60, "it says how long to wait");
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now()");
    is_outcome(flow_login(at, SLUG, "failures@login.test", FLOW_PASSWORD, &result), CLOUDEP_DONE,
               "the right password after the wait");
    is_value(NULL, "a right password forgets the account's failures",
             "SELECT failures::text FROM cloudep.budgets WHERE kind = 'password' AND subject = $1", session->uid);
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

/* However many guess at the same time, no more of them are compared with effect than the limit allows. */
static void test_guesses_at_once(void)
{
    char email[] = "crowd@login.test";
    flow_crowd_t crowd = {.run = guess, .baton = email};
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const int count = 16;
    int wrong, held;

    flow_member(at, SLUG, email, &session);
    flow_crowd(&crowd, count);
    wrong = flow_ended(&crowd, count, CLOUDEP_CREDENTIALS_WRONG);
    held = flow_ended(&crowd, count, CLOUDEP_TOO_MANY_PASSWORDS);
    ok(wrong <= flow.config.known_guesses, "of %d guesses at once at most %d are answered: %d", count,
       flow.config.known_guesses, wrong);
    is_int(wrong + held, count, "all other guesses are told to wait");
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

static void test_database(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_login_result_t result;

    flow_member(at, SLUG, "database@login.test", &session);
    flow_revoke("INSERT ON cloudep.sessions");
    is_outcome(flow_login(at, SLUG, "database@login.test", FLOW_PASSWORD, &result), CLOUDEP_DATABASE_FAILED,
               "a session that the database cannot store is no login");
    ok(flow_logged("opening the session failed"), "the log says that opening the session failed");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(flow_login(at, SLUG, "database@login.test", FLOW_PASSWORD, &result), CLOUDEP_DONE,
               "the same login once the database can");
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    test_right();
    test_wrong();
    test_forms();
    test_parameters();
    test_equal_work();
    test_states();
    test_concealed();
    test_changed_meanwhile();
    test_named_session();
    test_failures();
    test_guesses_at_once();
    test_database();
    return done_testing();
}
