/*
 * flow_registration_test.c - registrations: the order of refusals, invites in races, what a failure undoes, codes,
 * and concealed accounts.
 */
#include "flow.h"
#include "hashes.h"

#define SLUG "reg"

static cloudep_registration_t form(const char *email, const char *invite)
{
    return (cloudep_registration_t){.tenant_slug = SLUG,
                                    .invite_code = invite,
                                    .email = email,
                                    .password = FLOW_PASSWORD,
                                    .display_name = "Somebody",
                                    .terms_version = "1"};
}

static cloudep_outcome_t enter(flow_case_t *at, const char *email, const char *invite, cloudep_challenge_answer_t *out)
{
    const cloudep_registration_t in = form(email, invite);

    *out = (cloudep_challenge_answer_t){0};
    return cloudep_register(at->ctx, &in, out);
}

static cloudep_outcome_t confirm(flow_case_t *at, const char *challenge_id, const char *code)
{
    const cloudep_confirmation_t in = {.tenant_slug = SLUG, .challenge_id = challenge_id, .code = code};
    cloudep_confirmed_t confirmed = {0};

    return cloudep_confirm_registration(at->ctx, &in, &confirmed);
}

static void test_straight(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;
    cloudep_confirmed_t confirmed = {0};
    cloudep_confirmation_t in = {.tenant_slug = SLUG};
    cloudep_registration_t typed = form("straight@reg.test", "open");

    typed.language = "de";
    typed.marketing_opt_in = 1;
    is_outcome(cloudep_register(at->ctx, &typed, &answer), CLOUDEP_DONE, "a registration with a good invite");
    is_str(at->ctx->note.uid, answer.uid, "the event of it is about the member");
    is_value("de", "its mail is in the language that was asked for",
             "SELECT language FROM cloudep.outbox WHERE target = 'straight@reg.test'");
    ok(answer.expires_in > 0 && answer.expires_in <= flow.config.code_lifetime, "its code has a lifetime");
    is_value("pending de Somebody 1 true platform_native", "the member is pending until the code is there",
             "SELECT concat_ws(' ', status, language, display_name, terms_version, marketing_opt_in::text, origin)"
             " FROM cloudep.members WHERE uid = $1::uuid",
             answer.uid);
    ok(at->ctx->message_committed, "the delivery will be woken");
    in.challenge_id = answer.challenge_id;
    in.code = flow_code(at, "straight@reg.test", "registration");
    is_outcome(cloudep_confirm_registration(at->ctx, &in, &confirmed), CLOUDEP_DONE,
               "the code that was mailed confirms");
    is_value("active", "the member is active then", "SELECT status FROM cloudep.members WHERE uid = $1::uuid",
             answer.uid);
    is_str(confirmed.session ? confirmed.session->uid : NULL, answer.uid,
           "a session is open, of the uid that the registration told");
    ok(!confirmed.password_required && !confirmed.terms_required, "nothing is missing of what was typed");
    is_value("Somebody de 1 true platform_native otp", "and all of it is there",
             "SELECT concat_ws(' ', m.display_name, m.language, m.terms_version, m.marketing_opt_in::text, m.origin,"
             " s.opened_with) FROM cloudep.members m JOIN cloudep.sessions s USING (tenant_id, uid)"
             " WHERE m.uid = $1::uuid",
             answer.uid);
    is_str(confirmed.session ? confirmed.session->amr : NULL, "otp", "the session says that a code opened it");
    is_outcome(confirm(at, in.challenge_id, in.code), CLOUDEP_CHALLENGE_GONE, "the same code a second time");
    is_str(at->ctx->note.uid, answer.uid, "the event is about the member");
    flow_end(at);
}

/* Tenant, then registration, then invite, then email: nobody without an invite learns who is registered. */
static void test_order(void)
{
    flow_case_t *at = flow_begin();
    cloudep_registration_t in = form("order@reg.test", "open");
    cloudep_challenge_answer_t answer;
    const cloudep_session_t *session;

    flow_member(at, SLUG, "order@reg.test", &session);
    flow_invite(SLUG, "expired", "9", "2020-01-01");
    flow_invite(SLUG, "revoked", "9", "infinity");
    postgres_sql("UPDATE cloudep.invites SET revoked_at = now() WHERE code = 'revoked'");
    flow_invite(SLUG, "used", "1", "infinity");
    postgres_sql("UPDATE cloudep.invites SET uses = 1 WHERE code = 'used'");
    in.tenant_slug = "nowhere";
    is_outcome(cloudep_register(at->ctx, &in, &answer), CLOUDEP_TENANT_UNKNOWN, "a tenant that does not exist");
    is_outcome(enter(at, "order@reg.test", "no such", &answer), CLOUDEP_INVITE_UNKNOWN,
               "a taken email with an unknown invite is told of the invite only");
    is_value("1", "which counts for the network",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network' AND subject = 'invite'");
    is_outcome(enter(at, "order@reg.test", "revoked", &answer), CLOUDEP_INVITE_UNKNOWN,
               "a taken email with a revoked invite is told of the invite only");
    is_outcome(enter(at, "order@reg.test", "expired", &answer), CLOUDEP_INVITE_EXPIRED,
               "a taken email with an expired invite is told of the invite only");
    is_outcome(enter(at, "order@reg.test", "used", &answer), CLOUDEP_INVITE_USED_UP,
               "a taken email with a used up invite is told of the invite only");
    is_outcome(enter(at, "order@reg.test", "open", &answer), CLOUDEP_EMAIL_TAKEN, "a taken email with a good invite");
    postgres_sql("UPDATE cloudep.tenants SET registration = false WHERE slug = '" SLUG "'");
    is_outcome(enter(at, "order2@reg.test", "no such", &answer), CLOUDEP_REGISTRATION_CLOSED,
               "a tenant that takes no registrations says so before it looks at the invite");
    postgres_sql("UPDATE cloudep.tenants SET registration = true WHERE slug = '" SLUG "'");
    in = form("order3@reg.test", "open");
    in.password = "order3@reg.test";
    is_invalid(cloudep_register(at->ctx, &in, &answer), offsetof(cloudep_registration_t, password),
               CLOUDEP_RULE_PASSWORD, "a password made of the own email");
    flow_end(at);
}

/* ---- many at once ---- */

static cloudep_outcome_t enter_numbered(flow_case_t *at, int number, void *invite)
{
    cloudep_challenge_answer_t answer;

    return enter(at, apr_psprintf(at->p, "%s%d@reg.test", (const char *)invite, number), invite, &answer);
}

static cloudep_outcome_t enter_same(flow_case_t *at, int number, void *email)
{
    cloudep_challenge_answer_t answer;

    (void)number;
    return enter(at, email, "same", &answer);
}

static void test_invite_at_once(void)
{
    char invite[] = "three";
    flow_crowd_t crowd = {.run = enter_numbered, .baton = invite};
    const int count = 12;
    int done;

    postgres_lock_timeout(flow.run.db, 10000);
    flow_invite(SLUG, invite, "3", "infinity");
    flow_crowd(&crowd, count);
    done = flow_ended(&crowd, count, CLOUDEP_DONE);
    is_int(done, 3, "an invite of three uses lets three of twelve in");
    is_int(done + flow_ended(&crowd, count, CLOUDEP_INVITE_USED_UP), count, "all others are told that it is used up");
    is_value("3", "the invite was used three times", "SELECT uses::text FROM cloudep.invites WHERE code = $1", invite);
    is_value("3", "there are three members by it", "SELECT count(*) FROM cloudep.members WHERE email LIKE 'three%'");
    postgres_lock_timeout(flow.run.db, 300);
}

static void test_email_at_once(void)
{
    char email[] = "same@reg.test";
    flow_crowd_t crowd = {.run = enter_same, .baton = email};
    const int count = 8;

    postgres_lock_timeout(flow.run.db, 10000);
    flow_invite(SLUG, "same", "100", "infinity");
    flow_crowd(&crowd, count);
    is_int(flow_ended(&crowd, count, CLOUDEP_DONE), 1, "of eight registrations of an email at once one succeeds");
    is_int(flow_ended(&crowd, count, CLOUDEP_EMAIL_TAKEN) + flow_ended(&crowd, count, CLOUDEP_REGISTRATION_PENDING),
           count - 1, "the others are told that it is taken, or that somebody registers with it");
    is_value("1", "one use of the invite was taken", "SELECT uses::text FROM cloudep.invites WHERE code = 'same'");
    postgres_lock_timeout(flow.run.db, 300);
}

static void test_invite_locked(void)
{
    PGconn *holder = postgres_connect("cloudep", POSTGRES_SUPERUSER);
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;
    cloudep_outcome_t outcome;

    flow_invite(SLUG, "held", "5", "infinity");
    postgres_exec(holder, "BEGIN; SELECT FROM cloudep.invites WHERE code = 'held' FOR UPDATE");
    outcome = enter(at, "held@reg.test", "held", &answer);
    is_outcome(outcome, CLOUDEP_INVITE_BUSY, "an invite whose row stays locked");
    ok(outcome.retry_after > 0, "it says when to come back");
    postgres_exec(holder, "ROLLBACK");
    PQfinish(holder);
    is_outcome(enter(at, "held@reg.test", "held", &answer), CLOUDEP_DONE, "the same registration afterwards");
    is_value("1", "the invite was used once", "SELECT uses::text FROM cloudep.invites WHERE code = 'held'");
    flow_end(at);
}

/* A tenant where nobody logs in: the code stays good for when it opens. */
static void test_closed_tenant(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;
    const char *code;

    is_outcome(enter(at, "closed@reg.test", "open", &answer), CLOUDEP_DONE, "a registration");
    code = flow_code(at, "closed@reg.test", "registration");
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_TENANT_CLOSED, "whose tenant closes");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_DONE, "is confirmed by the same code afterwards");
    flow_end(at);
}

/* ---- failures ---- */

static void test_undone(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;

    flow_invite(SLUG, "undone", "5", "infinity");
    flow.config.code_cooldown = 60;
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(enter(at, "undone@reg.test", "undone", &answer), CLOUDEP_DATABASE_FAILED,
               "a registration whose mail cannot be stored");
    flow_grant("INSERT ON cloudep.outbox");
    is_value("0", "no member is left of it", "SELECT count(*) FROM cloudep.members WHERE email = 'undone@reg.test'");
    is_value("0", "the invite has its use back", "SELECT uses::text FROM cloudep.invites WHERE code = 'undone'");
    is_outcome(enter(at, "undone@reg.test", "undone", &answer), CLOUDEP_DONE,
               "the next try need not wait for the cooldown of a mail that was never sent");
    is_outcome(enter(at, "undone2@reg.test", "undone", &answer), CLOUDEP_DONE, "another address has its own cooldown");
    flow.config.code_cooldown = 0;
    flow_revoke("INSERT ON cloudep.credentials");
    is_outcome(enter(at, "undone3@reg.test", "undone", &answer), CLOUDEP_DATABASE_FAILED,
               "a registration whose password cannot be stored");
    flow_grant("INSERT ON cloudep.credentials");
    is_value("2", "the invite has that use back as well",
             "SELECT uses::text FROM cloudep.invites WHERE code = 'undone'");
    flow_revoke("INSERT ON cloudep.credentials");
    flow_revoke("UPDATE ON cloudep.members");
    (void)flow_logged("");
    is_outcome(enter(at, "undone4@reg.test", "undone", &answer), CLOUDEP_DATABASE_FAILED,
               "one that cannot be undone either");
    ok(flow_logged("CE150: registration of "), "is told");
    flow_grant("UPDATE ON cloudep.members");
    flow_grant("INSERT ON cloudep.credentials");
    is_value("reserved", "and left to the sweep",
             "SELECT status FROM cloudep.members WHERE email = 'undone4@reg.test'");
    flow_end(at);
}

/* As when the sweep takes a registration that lasts too long: here right after its row was reserved. */
static void test_swept_meanwhile(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;

    flow_invite(SLUG, "swept", "5", "infinity");
    postgres_sql("CREATE FUNCTION cloudep.sweep_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                 "  UPDATE cloudep.members SET status = 'deleting' WHERE uid = NEW.uid; RETURN NEW; END $$;"
                 "CREATE TRIGGER sweep_now AFTER INSERT ON cloudep.members"
                 "  FOR EACH ROW EXECUTE FUNCTION cloudep.sweep_now()");
    is_outcome(enter(at, "swept@reg.test", "swept", &answer), CLOUDEP_REGISTRATION_NOT_PENDING,
               "a registration that was undone before its code could be sent");
    postgres_sql("DROP TRIGGER sweep_now ON cloudep.members; DROP FUNCTION cloudep.sweep_now()");
    is_str(flow_code(at, "swept@reg.test", "registration"), "", "no code was mailed for it");
    is_value("0", "and the invite has its use back", "SELECT uses::text FROM cloudep.invites WHERE code = 'swept'");
    flow_end(at);
}

/* ---- a provider that answers as it is told, and what happens meanwhile ---- */

static struct {
    apr_status_t keep, create;
    const char *meanwhile; /* SQL, while it keeps the password: the registration has been admitted */
    int pretended, removed;
} standin;

static apr_status_t standin_keep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                 const char **kept, const char **reason)
{
    (void)user;
    if (standin.meanwhile) {
        postgres_sql(standin.meanwhile);
    }
    *kept = apr_pstrcat(ctx->p, "kept ", password, NULL);
    *reason = "must be liked by the provider";
    return standin.keep;
}

static apr_status_t standin_create(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                                   const char **reason)
{
    (void)ctx;
    *reason = "must be liked by the provider";
    return strcmp(kept, "kept " FLOW_PASSWORD) || !strstr(user->email, "@reg.test") ? APR_SUCCESS : standin.create;
}

static void standin_pretend(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password)
{
    (void)ctx;
    standin.pretended += user->uid && !strcmp(password, FLOW_PASSWORD);
}

static apr_status_t standin_remove(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    (void)ctx;
    standin.removed += user->uid != NULL;
    return APR_SUCCESS;
}

/* The provider of the tests from here on. */
static void use_standin(void)
{
    static cloudep_idp_t provider;

    provider = cloudep_idp_local;
    provider.name = "standin";
    provider.stored_here = 0;
    provider.keep = standin_keep;
    provider.create = standin_create;
    provider.pretend = standin_pretend;
    provider.remove = standin_remove;
    memset(&standin, 0, sizeof(standin));
    flow.run.idp = &provider;
}

static void test_provider(void)
{
    static const struct {
        apr_status_t rv;
        cloudep_reason_e reason;
        int removed;
        const char *left;
    } cases[] = {
        {CLOUDEP_EREFUSED, CLOUDEP_FIELD_INVALID, 1, "0"},
        {CLOUDEP_ECONFLICT, CLOUDEP_EMAIL_TAKEN, 1, "0"},
        {CLOUDEP_EPROVIDER, CLOUDEP_PROVIDER_FAILED, 1, "0"},
        {APR_INCOMPLETE, CLOUDEP_PROVIDER_FAILED, 0, "1"},
    };
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "made@reg.test", .password = FLOW_PASSWORD};
    cloudep_outcome_t outcome;

    use_standin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *email = apr_psprintf(at->p, "provider%d@reg.test", (int)i);

        standin.create = cases[i].rv;
        standin.removed = 0;
        outcome = enter(at, email, "open", &answer);
        is_outcome(outcome, cases[i].reason,
                   apr_psprintf(at->p, "a provider says %s", cloudep_status_name(cases[i].rv)));
        is_int(standin.removed, cases[i].removed, "what it may have begun is undone there, unless it does not know");
        is_value(cases[i].left, "and here", "SELECT count(*) FROM cloudep.members WHERE email = $1", email);
        is_str(flow_code(at, email, "registration"), "", "and no code is mailed");
        if (i == 0) {
            is_invalid(outcome, offsetof(cloudep_registration_t, password), CLOUDEP_RULE_PASSWORD,
                       "a password that it refuses");
            is_str(outcome.why, "must be liked by the provider", "for its reason");
        }
    }
    standin.create = APR_SUCCESS;
    standin.keep = CLOUDEP_EREFUSED;
    is_invalid(enter(at, "made@reg.test", "open", &answer), offsetof(cloudep_registration_t, password),
               CLOUDEP_RULE_PASSWORD, "a password that it does not keep");
    standin.keep = APR_SUCCESS;
    is_outcome(enter(at, "made@reg.test", "open", &answer), CLOUDEP_DONE, "one that it takes");
    is_value("standin 0 kept " FLOW_PASSWORD, "is its own: a member's row names it, and has no password",
             "SELECT concat_ws(' ', m.provider, (SELECT count(*) FROM cloudep.credentials c WHERE c.uid = m.uid),"
             " a.password) FROM cloudep.members m JOIN cloudep.registration_attempts a ON a.member_uid = m.uid"
             " WHERE m.email = 'made@reg.test'");
    standin.keep = CLOUDEP_EREFUSED;
    is_invalid(cloudep_resume_registration(at->ctx, &resume, &answer), offsetof(cloudep_resume_t, password),
               CLOUDEP_RULE_PASSWORD, "nor does who resumes get a password that it does not keep");
    flow.run.idp = &cloudep_idp_local;
    flow_end(at);
}

/* What another request has taken since the registration was admitted. */
static void test_taken_meanwhile(void)
{
    static const char member[] = "INSERT INTO cloudep.members (tenant_id, uid, email, status, origin)"
                                 " SELECT id, gen_random_uuid(), 'raced@reg.test', '%s', 'platform_native'"
                                 " FROM cloudep.tenants WHERE slug = '" SLUG "'";
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;

    use_standin();
    standin.meanwhile = apr_psprintf(at->p, member, "active");
    is_outcome(enter(at, "raced@reg.test", "open", &answer), CLOUDEP_EMAIL_TAKEN, "an email that is a member's by now");
    standin.meanwhile = apr_psprintf(at->p, member, "pending");
    postgres_sql("DELETE FROM cloudep.members WHERE email = 'raced@reg.test'");
    is_outcome(enter(at, "raced@reg.test", "open", &answer), CLOUDEP_REGISTRATION_PENDING,
               "an email that somebody registers with by now");
    flow_invite(SLUG, "raced", "9", "infinity");
    standin.meanwhile = "UPDATE cloudep.invites SET uses = 9 WHERE code = 'raced'";
    is_outcome(enter(at, "raced2@reg.test", "raced", &answer), CLOUDEP_INVITE_USED_UP,
               "an invite that is used up by now");
    flow.run.idp = &cloudep_idp_local;
    flow_end(at);
}

/* With concealed accounts nobody is told that the provider has the user already. */
static void test_provider_concealed(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;

    use_standin();
    flow.config.conceal_accounts = 1;
    standin.create = CLOUDEP_ECONFLICT;
    is_outcome(enter(at, "there@reg.test", "open", &answer), CLOUDEP_DONE,
               "concealed: an email that the provider has is answered as any other");
    is_str(flow_code(at, "there@reg.test", "registration"), "", "concealed: and no code is mailed");
    is_value("0 1", "concealed: a decoy stands for it",
             "SELECT concat_ws(' ', count(*) FILTER (WHERE email = 'there@reg.test'),"
             " count(*) FILTER (WHERE uid = $1::uuid)) FROM cloudep.members",
             answer.uid);
    is_int(standin.pretended, 0, "concealed: which the provider has created");
    is_outcome(enter(at, "there@reg.test", "open", &answer), CLOUDEP_DONE, "concealed: again");
    is_int(standin.pretended, 1, "concealed: the provider is as busy as with a new one");
    flow.config.conceal_accounts = 0;
    flow.run.idp = &cloudep_idp_local;
    flow_end(at);
}

/* ---- codes ---- */

static cloudep_challenge_answer_t pending(flow_case_t *at, const char *email)
{
    cloudep_challenge_answer_t answer;

    is_outcome(enter(at, email, "open", &answer), CLOUDEP_DONE, apr_pstrcat(at->p, email, " registers", NULL));
    return answer;
}

static void test_guesses(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t answer = pending(at, "guesses@reg.test");
    const char *code = flow_code(at, "guesses@reg.test", "registration");
    const char *wrong = flow_wrong(at, code);
    const cloudep_resend_t resend = {.tenant_slug = SLUG, .challenge_id = answer.challenge_id};
    cloudep_challenge_answer_t again;
    cloudep_outcome_t outcome;

    for (int i = 1; i <= flow.config.code_attempts; i++) {
        is_outcome(confirm(at, answer.challenge_id, wrong), CLOUDEP_CODE_WRONG,
                   apr_psprintf(at->p, "wrong code number %d", i));
    }
    is_outcome(confirm(at, answer.challenge_id, wrong), CLOUDEP_CHALLENGE_LOCKED, "one wrong code more");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_CHALLENGE_LOCKED,
               "the right code of a challenge that is locked");
    outcome = cloudep_resend_registration(at->ctx, &resend, &again);
    is_outcome(outcome, CLOUDEP_CODES_USED_UP, "no new code brings a locked challenge new guesses");
    ok(outcome.retry_after > 60 && outcome.retry_after <= flow.config.code_lifetime, "it says when the challenge ends");
    flow_end(at);
}

static void test_foreign_challenges(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t answer = pending(at, "foreign@reg.test");
    const char *code = flow_code(at, "foreign@reg.test", "registration");
    cloudep_confirmation_t in = {.tenant_slug = "other", .challenge_id = answer.challenge_id, .code = code};
    cloudep_confirmed_t confirmed = {0};

    is_outcome(cloudep_confirm_registration(at->ctx, &in, &confirmed), CLOUDEP_CHALLENGE_MISMATCH,
               "the right code at another tenant");
    is_outcome(confirm(at, "AAAAAAAAAAAAAAAAAAAAAA", code), CLOUDEP_CHALLENGE_GONE, "a challenge that was never made");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'foreign@reg.test'");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_REGISTRATION_NOT_PENDING,
               "the right code of a member who is not pending any more");
    flow_end(at);
}

static cloudep_outcome_t confirm_shared(flow_case_t *at, int number, void *inv)
{
    const cloudep_confirmation_t *in = inv;

    (void)number;
    return confirm(at, in->challenge_id, in->code);
}

static void test_confirm_at_once(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t answer = pending(at, "winner@reg.test");
    cloudep_confirmation_t in = {.challenge_id = answer.challenge_id,
                                 .code = flow_code(at, "winner@reg.test", "registration")};
    flow_crowd_t crowd = {.run = confirm_shared, .baton = &in};

    flow_crowd(&crowd, 4); /* not more than there are guesses */
    is_int(flow_ended(&crowd, 4, CLOUDEP_DONE), 1, "of four requests with the right code at once one confirms");
    is_int(flow_ended(&crowd, 4, CLOUDEP_CHALLENGE_GONE), 3, "the other three are told that the challenge is gone");
    is_value("1", "one session was opened", "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid", answer.uid);
    flow_end(at);
}

static void test_confirm_restored(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t answer = pending(at, "restored@reg.test");
    const char *code = flow_code(at, "restored@reg.test", "registration");

    flow_revoke("INSERT ON cloudep.sessions");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_DATABASE_FAILED,
               "a confirmation that the database cannot store");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(confirm(at, answer.challenge_id, code), CLOUDEP_DONE, "the same code serves once the database can");
    flow_end(at);
}

static void test_resend(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t first = pending(at, "resend@reg.test");
    const char *code = flow_code(at, "resend@reg.test", "registration");
    const cloudep_resend_t resend = {.tenant_slug = SLUG, .challenge_id = first.challenge_id};
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "resend@reg.test"};
    cloudep_challenge_answer_t second = {0};
    cloudep_challenge_answer_t third = {0};
    const char *next;

    is_outcome(cloudep_resend_registration(at->ctx, &resend, &second), CLOUDEP_DONE, "a code is sent again");
    is_str(second.uid, first.uid, "it is of the same attempt");
    is_str(second.challenge_id, first.challenge_id, "its challenge is the same");
    next = flow_code(at, "resend@reg.test", "registration");
    if (strcmp(next, code) != 0) {
        is_outcome(confirm(at, second.challenge_id, code), CLOUDEP_CODE_WRONG, "the code before is dead");
    }
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &third), CLOUDEP_DONE, "resumed by the email alone");
    ok(strcmp(third.uid, first.uid) != 0 && strcmp(third.challenge_id, first.challenge_id) != 0,
       "what is resumed is an attempt of its own");
    next = flow_code(at, "resend@reg.test", "registration");
    is_outcome(confirm(at, third.challenge_id, next), CLOUDEP_DONE, "the code of the resumption confirms");
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &third), CLOUDEP_ALREADY_CONFIRMED,
               "a registration that is confirmed cannot be resumed");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'resend@reg.test'");
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &third), CLOUDEP_ALREADY_CONFIRMED,
               "nor that of a member who was suspended since");
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &third), CLOUDEP_REGISTRATION_NOT_PENDING,
               "nor is a code sent again for it");
    flow_end(at);
}

/* A challenge that is over does not take what was typed with it; a code is sent again once in a minute. */
static void test_resend_late(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t first = pending(at, "late@reg.test");
    cloudep_resend_t resend = {.tenant_slug = SLUG, .challenge_id = first.challenge_id};
    cloudep_challenge_t *challenge;
    cloudep_challenge_answer_t second = {0};

    flow_must(cloudep_challenge_load(&challenge, cloudep_challenges(at->ctx), first.challenge_id, at->p), "it");
    flow_must(cloudep_challenge_consume(challenge, cloudep_challenges(at->ctx), at->p), "its end");
    flow.config.code_cooldown = 60;
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &second), CLOUDEP_DATABASE_FAILED,
               "a code that cannot be mailed");
    flow_grant("INSERT ON cloudep.outbox");
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &second), CLOUDEP_DONE,
               "leaves no cooldown; a registration whose challenge is over gets a new one");
    is_str(second.uid, first.uid, "for what was typed");
    resend.challenge_id = second.challenge_id;
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &second), CLOUDEP_CODE_COOLDOWN, "not twice in a minute");
    flow.config.code_cooldown = 0;
    is_outcome(confirm(at, second.challenge_id, flow_code(at, "late@reg.test", "registration")), CLOUDEP_DONE,
               "the new code confirms");
    postgres_sql("DELETE FROM cloudep.budgets");
    resend.challenge_id = "AAAAAAAAAAAAAAAAAAAAAA";
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &second), CLOUDEP_CHALLENGE_GONE,
               "a challenge that was never made");
    is_value("1", "counts for the network",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind = 'network' OR kind = 'challenge'");
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

/* What whoever resumes types is the member's. */
static void test_resume_typed(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t first = pending(at, "typed@reg.test");
    const cloudep_resume_t resume = {
        .tenant_slug = SLUG, .email = "typed@reg.test", .password = "a phrase of the owner", .terms_version = "2"};
    cloudep_confirmation_t in = {.tenant_slug = SLUG};
    cloudep_challenge_answer_t answer = {0};
    cloudep_confirmed_t confirmed = {0};
    cloudep_login_result_t result;

    ok(first.uid != NULL, "somebody registers");
    postgres_sql("UPDATE cloudep.members SET language = 'de' WHERE email = 'typed@reg.test'");
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &answer), CLOUDEP_DONE, "resumed with a password");
    is_value("de", "its mail is in the member's language",
             "SELECT language FROM cloudep.outbox WHERE target = 'typed@reg.test' ORDER BY created_at DESC LIMIT 1");
    in.challenge_id = answer.challenge_id;
    in.code = flow_code(at, "typed@reg.test", "registration");
    is_outcome(cloudep_confirm_registration(at->ctx, &in, &confirmed), CLOUDEP_DONE, "and confirmed");
    ok(!confirmed.password_required && !confirmed.terms_required, "nothing is missing of what was typed then");
    is_value("2", "those are the terms", "SELECT terms_version FROM cloudep.members WHERE email = 'typed@reg.test'");
    is_outcome(flow_login(at, SLUG, "typed@reg.test", "a phrase of the owner", &result), CLOUDEP_DONE,
               "and that is the password");
    flow_end(at);
}

/* Somebody registers with an address of somebody else, who then resumes. */
static void test_stranger(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t strangers = pending(at, "owner2@reg.test");
    const char *strangers_code = flow_code(at, "owner2@reg.test", "registration");
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "owner2@reg.test"};
    cloudep_confirmation_t in = {.tenant_slug = SLUG};
    cloudep_challenge_answer_t owners = {0};
    cloudep_confirmed_t confirmed = {0};
    cloudep_login_result_t result;

    is_outcome(flow_login(at, SLUG, "owner2@reg.test", FLOW_PASSWORD, &result), CLOUDEP_EMAIL_UNCONFIRMED,
               "the password of a registration that nobody has confirmed opens nothing");
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &owners), CLOUDEP_DONE,
               "the owner of the address resumes");
    in.challenge_id = owners.challenge_id;
    in.code = flow_code(at, "owner2@reg.test", "registration");
    is_outcome(cloudep_confirm_registration(at->ctx, &in, &confirmed), CLOUDEP_DONE, "the owner's code confirms");
    ok(confirmed.password_required && confirmed.terms_required, "what the owner has not typed is asked for");
    is_str(confirmed.session ? confirmed.session->uid : NULL, owners.uid,
           "the member has the uid of the owner's attempt");
    is_outcome(flow_login(at, SLUG, "owner2@reg.test", FLOW_PASSWORD, &result), CLOUDEP_CREDENTIALS_WRONG,
               "the password that the stranger typed is none of the member's");
    is_outcome(confirm(at, strangers.challenge_id, strangers_code), CLOUDEP_REGISTRATION_NOT_PENDING,
               "the code of the stranger's attempt confirms nothing any more");
    flow_end(at);
}

static void test_resume_refused(void)
{
    flow_case_t *at = flow_begin();
    cloudep_resume_t in = {.tenant_slug = SLUG, .email = "nobody@reg.test"};
    const cloudep_challenge_answer_t first = pending(at, "cool@reg.test");
    cloudep_challenge_answer_t answer;
    cloudep_outcome_t outcome;

    postgres_sql("DELETE FROM cloudep.budgets");
    is_outcome(cloudep_resume_registration(at->ctx, &in, &answer), CLOUDEP_REGISTRATION_UNKNOWN,
               "an email that nobody registers with cannot be resumed");
    is_value("1", "which counts for the network",
             "SELECT sum(failures)::text FROM cloudep.budgets WHERE kind IN ('network', 'account')");
    in.email = "cool@reg.test";
    flow.config.code_cooldown = 60;
    is_outcome(cloudep_resume_registration(at->ctx, &in, &answer), CLOUDEP_DONE, "resumed once");
    outcome = cloudep_resume_registration(at->ctx, &in, &answer);
    is_outcome(outcome, CLOUDEP_CODE_COOLDOWN, "resumed twice in a minute");
    ok(outcome.retry_after > 0 && outcome.retry_after <= 60, "it says how long to wait");
    flow.config.code_cooldown = 0;
    postgres_sql("UPDATE cloudep.members SET status = 'deleting' WHERE email = 'cool@reg.test'");
    is_outcome(cloudep_resume_registration(at->ctx, &in, &answer), CLOUDEP_REGISTRATION_UNKNOWN,
               "a member who is being removed has nothing to resume");
    ok(first.uid != NULL, "the member was there");
    flow_end(at);
}

/* ---- concealed accounts ---- */

static void test_concealed(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_challenge_answer_t real, decoy, same;

    flow_member(at, SLUG, "owner@reg.test", &session);
    flow_invite(SLUG, "hidden", "9", "infinity");
    flow.config.conceal_accounts = 1;
    hashes.made = 0;
    is_outcome(enter(at, "free@reg.test", "hidden", &real), CLOUDEP_DONE, "concealed: a free email");
    is_int(hashes.made, 1, "costs one hash");
    is_outcome(enter(at, "owner@reg.test", "hidden", &decoy), CLOUDEP_DONE, "concealed: a taken email");
    is_int(hashes.made, 2, "costs one as well");
    ok(decoy.challenge_id && strlen(decoy.challenge_id) == strlen(real.challenge_id) &&
           decoy.expires_in == real.expires_in && strlen(decoy.uid) == strlen(real.uid),
       "both are answered alike");
    ok(!at->ctx->note.uid || strcmp(at->ctx->note.uid, decoy.uid) != 0, "the event is not about the decoy");
    ok(strcmp(decoy.uid, session->uid) != 0, "the answer for a taken email does not tell its owner's uid");
    is_value("2", "both took a use of the invite", "SELECT uses::text FROM cloudep.invites WHERE code = 'hidden'");
    is_value("1", "the owner is told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'registration_exists'",
             "owner@reg.test");
    is_value(decoy.uid, "in a message that goes with the decoy",
             "SELECT uid FROM cloudep.outbox WHERE target = $1 AND template = 'registration_exists'", "owner@reg.test");
    is_value("1", "no code is mailed to the owner, but the one of their own registration",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'registration'", "owner@reg.test");
    is_outcome(confirm(at, decoy.challenge_id, "123456"), CLOUDEP_CODE_WRONG, "a guess at a decoy's code is wrong");
    is_outcome(enter(at, "owner@reg.test", "hidden", &same), CLOUDEP_DONE, "concealed: the taken email again");
    is_int(hashes.made, 3, "costs one again");
    ok(strcmp(same.uid, decoy.uid) != 0, "each answer has a uid of its own, as attempts of a pending member have");
    is_value("2", "a registration that is pending takes no second use",
             "SELECT uses::text FROM cloudep.invites WHERE code = 'hidden'");
    is_outcome(cloudep_resume_registration(at->ctx, &(cloudep_resume_t){.tenant_slug = SLUG, .email = "owner@reg.test"},
                                           &same),
               CLOUDEP_DONE, "concealed: and is resumed");
    is_value("3", "each of these is an attempt of the decoy",
             "SELECT count(*) FROM cloudep.registration_attempts WHERE member_uid = $1::uuid", decoy.uid);
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

static void test_concealed_resume(void)
{
    flow_case_t *at = flow_begin();
    cloudep_resume_t in = {.tenant_slug = SLUG, .email = "unheard-of@reg.test"};
    cloudep_challenge_answer_t first = {0};
    cloudep_challenge_answer_t second = {0};

    flow.config.conceal_accounts = 1;
    is_outcome(cloudep_resume_registration(at->ctx, &in, &first), CLOUDEP_DONE,
               "concealed: an email that nobody registers with is resumed");
    is_outcome(cloudep_resume_registration(at->ctx, &in, &second), CLOUDEP_DONE, "concealed: it is resumed again");
    is_str(flow_code(at, "unheard-of@reg.test", "registration"), "",
           "concealed: no code is mailed to whom nobody knows");
    ok(strcmp(second.uid, first.uid) != 0, "concealed: each answer has a uid of its own");
    for (int i = 1; i <= flow.config.code_attempts; i++) {
        is_outcome(confirm(at, second.challenge_id, "123456"), CLOUDEP_CODE_WRONG,
                   apr_psprintf(at->p, "concealed: guess number %d at nobody's code", i));
    }
    is_outcome(confirm(at, second.challenge_id, "123456"), CLOUDEP_CHALLENGE_LOCKED,
               "concealed: nobody's challenge locks as any other");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* A code for a pending member, and who is told of a try at a taken address. */
static void test_concealed_mail(void)
{
    static const struct {
        const char *status, *told;
    } owners[] = {{"suspended", "1"}, {"deleting", "0"}, {"active", "1"}};
    flow_case_t *at = flow_begin();
    const cloudep_challenge_answer_t first = pending(at, "hidden@reg.test");
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "hidden@reg.test"};
    const cloudep_session_t *session;
    cloudep_challenge_answer_t answer = {0};
    cloudep_resend_t resend = {.tenant_slug = SLUG};

    flow_member(at, SLUG, "tried@reg.test", &session);
    flow.config.conceal_accounts = 1;
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &answer), CLOUDEP_DONE, "concealed: a pending member");
    is_outcome(enter(at, "hidden@reg.test", "open", &answer), CLOUDEP_DONE, "concealed: who registers again");
    ok(strcmp(answer.uid, first.uid) != 0, "makes another attempt");
    is_value("3", "concealed: each of these is mailed a code",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'hidden@reg.test' AND template = 'registration'");
    is_outcome(confirm(at, answer.challenge_id, flow_code(at, "hidden@reg.test", "registration")), CLOUDEP_DONE,
               "concealed: which is right");
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        free(postgres_value("UPDATE cloudep.members SET status = $1 WHERE email = 'tried@reg.test'", owners[i].status,
                            NULL));
        postgres_sql("DELETE FROM cloudep.outbox WHERE target = 'tried@reg.test'");
        is_outcome(enter(at, "tried@reg.test", "open", &answer), CLOUDEP_DONE,
                   apr_psprintf(at->p, "concealed: the address of a member who is %s", owners[i].status));
        is_value(owners[i].told, "concealed: is told if that can be",
                 "SELECT count(*) FROM cloudep.outbox WHERE target = 'tried@reg.test'");
    }
    resend.challenge_id = answer.challenge_id;
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &answer), CLOUDEP_DONE,
               "concealed: a code is sent again to nobody");
    is_outcome(confirm(at, answer.challenge_id, "123456"), CLOUDEP_CODE_WRONG, "concealed: which is wrong");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* ---- when memcached is away ---- */

static void test_without_memcached(void)
{
    flow_case_t *at = flow_begin();
    cloudep_challenge_answer_t answer;

    memcached_end(flow.memcached);
    is_outcome(enter(at, "away@reg.test", "open", &answer), CLOUDEP_INTERNAL_ERROR, "a registration without memcached");
    is_value("0", "no member is left of it", "SELECT count(*) FROM cloudep.members WHERE email = 'away@reg.test'");
    flow.memcached = memcached_start(flow.port);
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    flow_tenant("other");
    test_straight();
    test_order();
    test_invite_at_once();
    test_email_at_once();
    test_invite_locked();
    test_closed_tenant();
    test_undone();
    test_swept_meanwhile();
    test_provider();
    test_taken_meanwhile();
    test_provider_concealed();
    test_guesses();
    test_foreign_challenges();
    test_confirm_at_once();
    test_confirm_restored();
    test_resend();
    test_resend_late();
    test_resume_typed();
    test_stranger();
    test_resume_refused();
    test_concealed();
    test_concealed_resume();
    test_concealed_mail();
    test_without_memcached();
    return done_testing();
}
