/*
 * flow_link_test.c - one-time links: a new password by one, and what a link that is used, over or another's does.
 */
#include "flow.h"
#include "base/crypto/link_token.h"
#include "base/store/link_store.h"
#include "flow/password_reset.h"
#include "service/one_time_link.h"

#define SLUG "lnk"
#define NEW_PASSWORD "an entirely different phrase"

/* A member and the token of a link of that kind. */
static const char *linked(flow_case_t *at, const char *email, const char *kind, const cloudep_session_t **session)
{
    cloudep_link_token_t token;
    cloudep_link_t link = {.kind = kind};

    flow_member(at, SLUG, email, session);
    flow_must(cloudep_link_token_make(&token, at->p, (*session)->tenant_id), "a token");
    link.tenant_id = (*session)->tenant_id;
    link.uid = (*session)->uid;
    link.digest = token.digest;
    flow_must(cloudep_link_add(flow.run.db, at->p, &link), "a link");
    return token.text;
}

static cloudep_outcome_t reset(flow_case_t *at, const char *token, const char *password)
{
    const cloudep_link_reset_t in = {.token = token, .new_password = password};

    return cloudep_reset_by_link(at->ctx, &in);
}

static void test_reset(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *token = linked(at, "reset@link.test", CLOUDEP_LINK_RESET, &session);
    cloudep_login_result_t result;
    cloudep_forgot_result_t code;

    is_invalid(reset(at, token, "reset@link.test"), offsetof(cloudep_link_reset_t, new_password), CLOUDEP_RULE_PASSWORD,
               "a password that the rules refuse");
    is_outcome(flow_login(at, SLUG, "reset@link.test", FLOW_PASSWORD, &result), CLOUDEP_DONE,
               "until a link is used the password stays");
    is_outcome(
        cloudep_forgot_password(at->ctx, &(cloudep_forgot_t){.tenant_slug = SLUG, .email = "reset@link.test"}, &code),
        CLOUDEP_DONE, "a code is under way");
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_DONE, "a link sets the password, also after a refused one");
    is_outcome(
        cloudep_reset_password(at->ctx, &(cloudep_reset_t){.tenant_slug = SLUG,
                                                           .challenge_id = code.challenge_id,
                                                           .code = flow_code(at, "reset@link.test", "password_reset"),
                                                           .new_password = FLOW_PASSWORD}),
        CLOUDEP_CHALLENGE_GONE, "which ends the code");
    is_value("password_reset", "the sessions say why they ended",
             "SELECT string_agg(DISTINCT revoke_reason, ' ') FROM cloudep.sessions WHERE uid = $1::uuid", session->uid);
    is_value("0", "no session goes on",
             "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL", session->uid);
    is_outcome(flow_login(at, SLUG, "reset@link.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "the old password is wrong");
    is_outcome(flow_login(at, SLUG, "reset@link.test", NEW_PASSWORD, &result), CLOUDEP_DONE, "the new one is right");
    is_outcome(reset(at, token, FLOW_PASSWORD), CLOUDEP_LINK_GONE, "a link serves once");
    is_value("1", "one mail told of the new password",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'password_changed'",
             "reset@link.test");
    flow_end(at);
}

static void test_gone(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session, *other;
    const char *token = linked(at, "gone@link.test", CLOUDEP_LINK_RESET, &session);
    const char *undo = linked(at, "undo@link.test", CLOUDEP_LINK_RESET, &other);
    cloudep_link_token_t foreign;

    is_outcome(reset(at, "no token at all", NEW_PASSWORD), CLOUDEP_LINK_GONE, "what can be no token");
    flow_must(cloudep_link_token_make(&foreign, at->p, session->tenant_id), "a token");
    is_outcome(reset(at, foreign.text, NEW_PASSWORD), CLOUDEP_LINK_GONE, "a token that nobody was sent");
    flow_must(cloudep_link_token_make(&foreign, at->p, "00000000-0000-4000-8000-000000000000"), "a token");
    is_outcome(reset(at, apr_pstrcat(at->p, apr_pstrndup(at->p, foreign.text, 21), token + 21, NULL), NEW_PASSWORD),
               CLOUDEP_LINK_GONE, "a token under another tenant");
    free(postgres_value("UPDATE cloudep.links SET kind = 'undo', undoes = 'totp', undoes_at = now()"
                        " WHERE uid = $1::uuid",
                        other->uid, NULL));
    is_outcome(reset(at, undo, NEW_PASSWORD), CLOUDEP_LINK_GONE, "a link of another kind sets no password");
    free(postgres_value("UPDATE cloudep.links SET expires_at = now() WHERE uid = $1::uuid", session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_LINK_GONE, "a link whose time is over");
    free(postgres_value("UPDATE cloudep.links SET expires_at = now() + interval '1 minute' WHERE uid = $1::uuid",
                        session->uid, NULL));
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_SUSPENDED, "the link of a suspended member");
    free(postgres_value(
        "UPDATE cloudep.members SET status = 'active', origin = 'google', has_password = false WHERE uid = $1::uuid",
        session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_PASSWORD_ELSEWHERE, "of one whose password is elsewhere");
    free(postgres_value("UPDATE cloudep.members SET password_due = true WHERE uid = $1::uuid", session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_DONE, "of one whose password an undo took away");
    is_value("f", "whose password is not due any more", "SELECT password_due FROM cloudep.members WHERE uid = $1::uuid",
             session->uid);
    flow_end(at);
}

/* Where links of one tenant only are taken, others count as guesses. */
static void test_of_tenant(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_link_reset_t in = {.token = linked(at, "tenant@link.test", CLOUDEP_LINK_RESET, &session),
                               .tenant_slug = "other",
                               .new_password = NEW_PASSWORD};

    postgres_sql("DELETE FROM cloudep.budgets");
    is_outcome(cloudep_reset_by_link(at->ctx, &in), CLOUDEP_LINK_GONE, "a link of another tenant");
    is_value("1", "counts for the network",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network' AND subject = 'challenge'");
    in.tenant_slug = "there-is-none";
    is_outcome(cloudep_reset_by_link(at->ctx, &in), CLOUDEP_TENANT_UNKNOWN, "a tenant that is none");
    in.tenant_slug = SLUG;
    is_outcome(cloudep_reset_by_link(at->ctx, &in), CLOUDEP_DONE, "its own tenant");
    is_value("1", "which counts no more",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network' AND subject = 'challenge'");
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

/* A first password is for one who came by a social provider, too. */
static void test_first(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *token = linked(at, "first@link.test", CLOUDEP_LINK_FIRST_PASSWORD, &session);

    free(postgres_value("UPDATE cloudep.members SET origin = 'google', has_password = false, status = 'suspended'"
                        " WHERE uid = $1::uuid",
                        session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_SUSPENDED, "a link for a first password of a suspended member");
    free(postgres_value("UPDATE cloudep.members SET status = 'active' WHERE uid = $1::uuid", session->uid, NULL));
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_DONE, "of an active one");
    flow_end(at);
}

static void test_restored(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *token = linked(at, "restored@link.test", CLOUDEP_LINK_RESET, &session);

    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_DATABASE_FAILED, "a reset that the database cannot finish");
    flow_grant("INSERT ON cloudep.outbox");
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_DONE, "the same link serves once the database can");
    flow_end(at);
}

/* Another address between the look-up and the new password: the link went to the one before. */
static void test_address_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *token = linked(at, "moving@link.test", CLOUDEP_LINK_RESET, &session);

    postgres_sql(
        "CREATE FUNCTION cloudep.move_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  UPDATE cloudep.members SET email = 'moved@link.test' WHERE email = 'moving@link.test';"
        "  RETURN NULL; END $$;"
        "CREATE TRIGGER move_now AFTER UPDATE ON cloudep.links FOR EACH ROW EXECUTE FUNCTION cloudep.move_now()");
    is_outcome(reset(at, token, NEW_PASSWORD), CLOUDEP_LINK_GONE, "a member who gets another address meanwhile");
    postgres_sql("DROP TRIGGER move_now ON cloudep.links; DROP FUNCTION cloudep.move_now()");
    flow_end(at);
}

static cloudep_outcome_t use(flow_case_t *at, int number, void *token)
{
    (void)number;
    return reset(at, token, NEW_PASSWORD);
}

static void test_at_once(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    flow_crowd_t crowd = {.run = use};

    crowd.baton = apr_pstrdup(at->p, linked(at, "crowd@link.test", CLOUDEP_LINK_RESET, &session));
    flow_crowd(&crowd, TEST_THREADS);
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_DONE), 1, "of many uses of a link at once one sets a password");
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_LINK_GONE), TEST_THREADS - 1, "the others find it gone");
    flow_end(at);
}

static void test_address(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_new_link_t link;

    flow_member(at, SLUG, "address@link.test", &session);
    is_outcome(cloudep_new_link(at->ctx, session->tenant_id, CLOUDEP_LINK_UNDO, &link), CLOUDEP_DONE,
               "without CloudEPAccountURL");
    ok(!link.url && !link.digest, "there is no link");
    flow.config.account_url = "https://id.test/account/";
    is_outcome(cloudep_new_link(at->ctx, session->tenant_id, CLOUDEP_LINK_UNDO, &link), CLOUDEP_DONE, "with it");
    ok(link.url && !strncmp(link.url, "https://id.test/account/#undo=", 30), "the token is in the fragment: %s",
       link.url);
    flow.config.account_url = NULL;
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    flow_tenant("other");
    test_reset();
    test_gone();
    test_of_tenant();
    test_first();
    test_restored();
    test_address_meanwhile();
    test_at_once();
    test_address();
    return done_testing();
}
