/*
 * flow_budget_test.c - guesses at accounts: what judges them, and that however many come at once no more are answered
 * than there is budget for.
 */
#include <pthread.h>

#include "flow.h"
#include "service/budget.h"
#include "service/network.h"

#define SLUG "budget"
#define HOME "192.0.2.1" /* where flow_member() is known */
#define ELSEWHERE "198.51.100.7"

static const char *tenant_id;

static flow_case_t *begin_at(const char *network)
{
    flow_case_t *at = flow_begin();

    at->ctx->address = at->ctx->network = network;
    return at;
}

/* Begins a guess at somebody's codes, and has it fail. */
static cloudep_outcome_t fail(flow_case_t *at, const char *kind, const char *uid)
{
    cloudep_guess_t guess;
    cloudep_outcome_t outcome = cloudep_guess_begin(at->ctx, &guess, kind, tenant_id, uid, "nobody@budget.test");

    return cloudep_failed(outcome) ? outcome : cloudep_guess_failed(at->ctx, &guess, CLOUDEP_CODE_WRONG);
}

static cloudep_outcome_t pass(flow_case_t *at, const char *kind, const char *uid)
{
    cloudep_guess_t guess;
    cloudep_outcome_t outcome = cloudep_guess_begin(at->ctx, &guess, kind, tenant_id, uid, "nobody@budget.test");

    return cloudep_failed(outcome) ? outcome : cloudep_guess_passed(at->ctx, &guess);
}

static const char *member(const char *email)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    const char *uid;

    flow_member(at, SLUG, email, &session);
    tenant_id = apr_pstrdup(flow.pool, session->tenant_id);
    uid = apr_pstrdup(flow.pool, session->uid);
    flow_end(at);
    postgres_sql("DELETE FROM cloudep.budgets");
    return uid;
}

/* ---- which network is known ---- */

static int known(const char *uid, const char *network)
{
    flow_case_t *at = begin_at(network);
    int is = -1;

    (void)cloudep_network_known(at->ctx, tenant_id, uid, &is);
    flow_end(at);
    return is;
}

static void open_session(const char *email, const char *network)
{
    flow_case_t *at = begin_at(network);
    cloudep_login_result_t result;

    is_outcome(flow_login(at, SLUG, email, FLOW_PASSWORD, &result), CLOUDEP_DONE,
               apr_psprintf(at->p, "a login from %s", network));
    flow_end(at);
}

#define OF(uid) apr_pstrcat(flow.pool, " WHERE uid = '", uid, "'", NULL)
#define DO(sql, uid) postgres_sql(apr_pstrcat(flow.pool, sql, OF(uid), NULL))

static void test_known(void)
{
    const char *uid = member("known@budget.test");

    is_int(known(uid, HOME), 1, "the network of the registration is known");
    is_int(known(uid, ELSEWHERE), 0, "another is not");
    is_int(known(NULL, HOME), 0, "nobody is known anywhere");
    is_int(known("00000000-0000-4000-8000-000000000000", HOME), 0, "nor is whom there is not");
    open_session("known@budget.test", ELSEWHERE);
    is_int(known(uid, ELSEWHERE), 1, "it is after a session there");
    is_value("1", "which is until 90 days after that session's end",
             "SELECT count(*) FROM cloudep.known_networks k JOIN cloudep.sessions s USING (tenant_id, uid)"
             " WHERE k.uid = $1::uuid AND k.network = $2 AND s.address = $2"
             " AND k.known_until = s.expires_at + interval '90 days'",
             uid, ELSEWHERE);
    DO("UPDATE cloudep.known_networks SET known_until = now()", uid);
    is_int(known(uid, ELSEWHERE), 0, "and no longer");
    open_session("known@budget.test", ELSEWHERE);
    is_int(known(uid, ELSEWHERE), 1, "a new session there makes it known again");
}

static void test_unknown_again(void)
{
    const char *uid = member("again@budget.test");

    open_session("again@budget.test", ELSEWHERE);
    DO("UPDATE cloudep.sessions SET revoked_at = now(), revoke_reason = 'logout'", uid);
    is_int(known(uid, HOME) + known(uid, ELSEWHERE), 2, "whoever logs out stays known");
    is_value("2", "for 90 days from then",
             "SELECT count(*) FROM cloudep.known_networks WHERE uid = $1::uuid"
             " AND known_until BETWEEN now() + interval '89 days' AND now() + interval '90 days'",
             uid);
    open_session("again@budget.test", ELSEWHERE);
    open_session("again@budget.test", ELSEWHERE);
    postgres_sql(
        apr_psprintf(flow.pool,
                     "UPDATE cloudep.sessions SET revoked_at = now(), revoke_reason = 'by the member'"
                     " WHERE id = (SELECT id FROM cloudep.sessions WHERE uid = '%s' AND revoked_at IS NULL LIMIT 1)",
                     uid));
    is_int(known(uid, ELSEWHERE), 1, "a network with another session stays known when one is ended");
    postgres_sql(apr_psprintf(flow.pool,
                              "UPDATE cloudep.sessions SET revoked_at = now(), revoke_reason = 'by the member'"
                              " WHERE uid = '%s' AND revoked_at IS NULL",
                              uid));
    is_int(known(uid, ELSEWHERE), 0, "the end of the last one makes it unknown");
    is_int(known(uid, HOME), 1, "that alone");
}

/* What ends all sessions does it by the generation, also of networks whose sessions are over long since. */
static void test_all_unknown(void)
{
    const char *uid = member("all@budget.test");
    char *kept;

    open_session("all@budget.test", ELSEWHERE);
    kept =
        postgres_value("SELECT id FROM cloudep.sessions WHERE uid = $1::uuid AND address = $2", uid, ELSEWHERE, NULL);
    DO("UPDATE cloudep.members SET generation = generation + 1, sessions_from = generation + 1", uid);
    is_int(known(uid, HOME) + known(uid, ELSEWHERE), 0, "a change that ends sessions makes every network unknown");
    postgres_sql(apr_psprintf(flow.pool,
                              "UPDATE cloudep.sessions SET generation = m.generation FROM cloudep.members m"
                              " WHERE sessions.uid = m.uid AND id = '%s'",
                              kept));
    is_int(known(uid, ELSEWHERE), 1, "but that of the session that goes on");
    is_int(known(uid, HOME), 0, "and no other");
    free(kept);
}

static void test_address_of_sql(void)
{
    static const struct {
        const char *address;
        const char *network;
    } cases[] = {{"192.0.2.1", "192.0.2.1"},
                 {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
                 {"2001:db8::1", "2001:db8::/64"},
                 {"::1", "::/64"},
                 {"unknown", NULL},
                 {"fe80::1%eth0", NULL}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_value(cases[i].network, apr_psprintf(flow.pool, "the network of %s in the database", cases[i].address),
                 "SELECT cloudep.network_of($1)", cases[i].address);
    }
}

/* ---- what judges ---- */

static int failures(const char *kind, const char *subject, const char *network)
{
    char *value =
        postgres_value("SELECT failures FROM cloudep.budgets WHERE kind = $1 AND subject = $2 AND network = $3", kind,
                       subject, network, NULL);
    int number = value ? atoi(value) : 0;

    free(value);
    return number;
}

static void test_budgets_are_apart(void)
{
    static const char *const kinds[] = {CLOUDEP_BUDGET_PASSWORD, CLOUDEP_BUDGET_FACTOR, CLOUDEP_BUDGET_CODES};
    static const cloudep_reason_e waits[] = {CLOUDEP_TOO_MANY_PASSWORDS, CLOUDEP_TOO_MANY_FACTORS,
                                             CLOUDEP_TOO_MANY_GUESSES};
    const char *uid = member("apart@budget.test");
    flow_case_t *home = begin_at(HOME);
    flow_case_t *away = begin_at(ELSEWHERE);

    flow.config.address_attempts = 0;
    for (int kind = 0; kind < 3; kind++) {
        cloudep_outcome_t outcome;
        int free_of_charge = 0;

        while ((outcome = fail(away, kinds[kind], uid)).reason == CLOUDEP_CODE_WRONG) {
            free_of_charge++;
        }
        is_int(free_of_charge, 100, apr_psprintf(home->p, "strangers' failures of kind %s", kinds[kind]));
        is_outcome(outcome, waits[kind], "then they wait");
        is_outcome(pass(begin_at("203.0.113.5"), kinds[kind], uid), waits[kind],
                   "as does whoever comes from another network");
        for (free_of_charge = 0; fail(home, kinds[kind], uid).reason == CLOUDEP_CODE_WRONG;) {
            free_of_charge++;
        }
        is_int(free_of_charge, 10, "where the account is known it has its own");
        is_outcome(pass(home, kinds[kind], uid), waits[kind], "and waits by itself");
        postgres_sql("UPDATE cloudep.budgets SET blocked_until = now() WHERE network = '" HOME "'");
        is_outcome(pass(home, kinds[kind], uid), CLOUDEP_DONE, "a right one after the wait");
        is_int(failures(kinds[kind], uid, HOME), 0, "forgets the row that judged it");
        is_int(failures(kinds[kind], uid, ""), 100, "and not the strangers'");
    }
    flow.config.address_attempts = 50;
    flow_end(home);
    flow_end(away);
}

static void test_networks(void)
{
    const char *uid = member("networks@budget.test");
    flow_case_t *away = begin_at("2001:db8:1:2::/64");

    away->ctx->network56 = "2001:db8:1::/56";
    away->ctx->network48 = "2001:db8:1::/48";
    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    is_int(failures("network", "guesses", "2001:db8:1:2::/64"), 1, "a guess counts for the /64");
    is_int(failures("network", "guesses", "2001:db8:1::/56"), 1, "for the /56");
    is_int(failures("network", "guesses", "2001:db8:1::/48"), 1, "and for the /48");
    postgres_sql(
        "UPDATE cloudep.budgets SET blocked_until = now() + interval '30 s' WHERE network = '2001:db8:1::/48'");
    is_outcome(fail(away, CLOUDEP_BUDGET_CODES, uid), CLOUDEP_TOO_MANY_GUESSES,
               "a wait of the /48 is one of all in it");
    away->ctx->note.tenant_id = tenant_id;
    is_outcome(cloudep_count_network_failure(away->ctx, CLOUDEP_FAILED_INVITE), CLOUDEP_DONE,
               "a wrong invite has a budget of its own");
    is_int(failures("network", CLOUDEP_FAILED_INVITE, "2001:db8:1::/48"), 1, "and is counted there");
    for (int i = 1; i < flow.config.address_attempts; i++) {
        (void)cloudep_count_network_failure(away->ctx, CLOUDEP_FAILED_INVITE);
    }
    is_outcome(cloudep_count_network_failure(away->ctx, CLOUDEP_FAILED_INVITE), CLOUDEP_TOO_MANY_GUESSES,
               "after fifty the network waits");
    is_outcome(cloudep_count_network_failure(away->ctx, CLOUDEP_FAILED_CHALLENGE), CLOUDEP_DONE, "for that alone");
    away->ctx->note.tenant_id = NULL;
    is_outcome(cloudep_count_network_failure(away->ctx, CLOUDEP_FAILED_INVITE), CLOUDEP_DONE,
               "without a tenant nothing is counted");
    flow_end(away);
}

/* What failures for an email that nobody has are counted under. */
static const char *subject_of(flow_case_t *at, const char *tenant, const char *email)
{
    cloudep_guess_t made;

    is_outcome(cloudep_guess_begin(at->ctx, &made, CLOUDEP_BUDGET_PASSWORD, tenant, NULL, email), CLOUDEP_DONE,
               apr_pstrcat(at->p, "a guess at ", email, NULL));
    return made.budget.subject;
}

static void test_subject_of_nobody(void)
{
    static const char other_tenant[] = "00000000-0000-4000-8000-000000000000";
    const cloudep_jwks_t *sealing = flow.run.sealing;
    flow_case_t *at = begin_at(ELSEWHERE);
    const char *subjects[2];

    for (int with_keys = 1; with_keys >= 0; with_keys--) {
        flow.run.sealing = with_keys ? sealing : NULL;
        subjects[with_keys] = subject_of(at, tenant_id, "ghost@budget.test");
        ok(!strstr(subjects[with_keys], "ghost"), "what is counted under is no address: %s", subjects[with_keys]);
        is_str(subject_of(at, tenant_id, "ghost@budget.test"), subjects[with_keys], "it is one for an email");
        ok(strcmp(subject_of(at, tenant_id, "spirit@budget.test"), subjects[with_keys]) != 0,
           "of which each has its own");
        ok(strcmp(subject_of(at, other_tenant, "ghost@budget.test"), subjects[with_keys]) != 0,
           "in another tenant another one");
    }
    flow.run.sealing = sealing;
    ok(strcmp(subjects[0], subjects[1]) != 0, "with sealing keys nobody can make it without them");
    flow_end(at);
}

/* ---- many at once ---- */

#define CROWD 256

typedef struct crowd_t {
    const char *kind;
    const char *uid;
    int right; /* one of them is */
    pthread_barrier_t ready;
    cloudep_reason_e reasons[CROWD];
} crowd_t;

typedef struct guesser_t {
    crowd_t *crowd;
    int number;
} guesser_t;

/* From as many networks; of a second factor the guess is counted before it is compared. */
static void *guess(void *guesser_)
{
    const guesser_t *guesser = guesser_;
    crowd_t *crowd = guesser->crowd;
    flow_case_t *at = flow_begin();
    cloudep_outcome_t outcome;
    cloudep_guess_t made;

    at->ctx->network = apr_psprintf(at->p, "203.0.113.%d", guesser->number);
    (void)pthread_barrier_wait(&crowd->ready);
    outcome = cloudep_guess_begin(at->ctx, &made, crowd->kind, tenant_id, crowd->uid, NULL);
    if (!cloudep_failed(outcome) && !strcmp(crowd->kind, CLOUDEP_BUDGET_FACTOR)) {
        outcome = cloudep_guess_count(at->ctx, &made);
        outcome = cloudep_failed(outcome) ? outcome : cloudep_guess_wrong(at->ctx, &made, CLOUDEP_CODE_WRONG);
    }
    else if (!cloudep_failed(outcome)) {
        outcome = crowd->right && !guesser->number ? cloudep_guess_passed(at->ctx, &made)
                                                   : cloudep_guess_failed(at->ctx, &made, CLOUDEP_CODE_WRONG);
    }
    crowd->reasons[guesser->number] = outcome.reason;
    flow_end(at);
    return NULL;
}

static int run_crowd(crowd_t *crowd, int count, cloudep_reason_e reason)
{
    pthread_t threads[CROWD];
    guesser_t guessers[CROWD];
    int n = 0;

    (void)pthread_barrier_init(&crowd->ready, NULL, (unsigned)count);
    for (int i = 0; i < count; i++) {
        guessers[i] = (guesser_t){crowd, i};
        if (pthread_create(&threads[i], NULL, guess, &guessers[i])) {
            flow_bail_out("no thread");
        }
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    (void)pthread_barrier_destroy(&crowd->ready);
    for (int i = 0; i < count; i++) {
        n += crowd->reasons[i] == reason;
    }
    return n;
}

static void test_races(void)
{
    static const char *const kinds[] = {CLOUDEP_BUDGET_PASSWORD, CLOUDEP_BUDGET_FACTOR, CLOUDEP_BUDGET_CODES};
    static const int counts[] = {64, 256};
    const char *uid = member("race@budget.test");
    static crowd_t crowd;

    postgres_lock_timeout(flow.run.db, 20000);
    flow.config.unknown_guesses = 20;
    for (int kind = 0; kind < 3; kind++) {
        for (int size = 0; size < 2; size++) {
            int answered;

            postgres_sql("DELETE FROM cloudep.budgets");
            crowd = (crowd_t){.kind = kinds[kind], .uid = uid};
            answered = run_crowd(&crowd, counts[size], CLOUDEP_CODE_WRONG);
            is_int(
                answered, 20,
                apr_psprintf(flow.pool, "of %d guesses (%s) at once from as many networks", counts[size], kinds[kind]));
            postgres_sql("UPDATE cloudep.budgets SET blocked_until = now()");
            answered = run_crowd(&crowd, counts[size], CLOUDEP_CODE_WRONG);
            is_int(answered, 1, "of as many after the wait one is answered");
        }
    }
    postgres_sql("DELETE FROM cloudep.budgets");
    crowd = (crowd_t){.kind = CLOUDEP_BUDGET_CODES, .uid = uid, .right = 1};
    ok(run_crowd(&crowd, 64, CLOUDEP_CODE_WRONG) <= 40, "a right one among them gives one budget more at most");
    ok(crowd.reasons[0] == CLOUDEP_DONE || crowd.reasons[0] == CLOUDEP_TOO_MANY_GUESSES, "and passes or has to wait");
    flow.config.unknown_guesses = 100;
    postgres_lock_timeout(flow.run.db, 300);
}

/* Others begin a wait between the beginning of a guess and its end. */
static void test_too_late(void)
{
    const char *uid = member("late@budget.test");
    flow_case_t *home = begin_at(HOME);
    cloudep_guess_t guess_made;
    cloudep_outcome_t outcome;

    (void)fail(home, CLOUDEP_BUDGET_CODES, uid);
    is_outcome(cloudep_guess_begin(home->ctx, &guess_made, CLOUDEP_BUDGET_CODES, tenant_id, uid, NULL), CLOUDEP_DONE,
               "a guess begins");
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now() + interval '1 minute'");
    outcome = cloudep_guess_passed(home->ctx, &guess_made);
    is_outcome(outcome, CLOUDEP_TOO_MANY_GUESSES, "it is right, but others have begun a wait meanwhile");
    ok(outcome.retry_after > 30 && outcome.retry_after <= 60, "it says how long that is");
    is_int(failures("codes", uid, HOME), 1, "and forgets nothing");
    is_outcome(cloudep_guess_failed(home->ctx, &guess_made, CLOUDEP_CODE_WRONG), CLOUDEP_TOO_MANY_GUESSES,
               "had it been wrong nobody were told");
    is_int(failures("codes", uid, HOME), 1, "nor is it counted");
    outcome = pass(home, CLOUDEP_BUDGET_CODES, uid);
    is_outcome(outcome, CLOUDEP_TOO_MANY_GUESSES, "a guess in a wait is not compared");
    ok(outcome.retry_after > 30 && outcome.retry_after <= 60, "it says how long that is, too");
    flow_end(home);
}

/* ---- the owner's mail ---- */

static int mails(const char *target)
{
    char *value = postgres_value(
        "SELECT count(*) FROM cloudep.outbox WHERE template = 'guesses_used_up' AND target = $1", target, NULL);
    int number = atoi(value);

    free(value);
    return number;
}

static void sweep(void)
{
    flow_case_t *at = flow_begin();

    at->ctx->address = NULL;
    cloudep_tell_owners(at->ctx);
    flow_end(at);
}

static void test_mail(void)
{
    const char *uid = member("told@budget.test");
    flow_case_t *away = begin_at(ELSEWHERE);
    flow_case_t *home = begin_at(HOME);

    flow.config.unknown_guesses = 3;
    flow.config.known_guesses = 3;
    for (int i = 0; i < 3; i++) {
        (void)fail(home, CLOUDEP_BUDGET_CODES, uid);
    }
    for (int i = 0; i < 2; i++) {
        (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    }
    sweep();
    is_int(mails("told@budget.test"), 0, "nobody is told before strangers have to wait");
    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    is_int(mails("told@budget.test"), 0, "nothing is written by the guess itself");
    sweep();
    is_int(mails("told@budget.test"), 1, "then the owner is told");
    sweep();
    is_int(mails("told@budget.test"), 1, "once");
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now()");
    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    sweep();
    is_int(mails("told@budget.test"), 1, "and not of each wait");
    for (int i = 0; i < 3; i++) {
        (void)fail(away, CLOUDEP_BUDGET_PASSWORD, uid);
    }
    sweep();
    is_int(mails("told@budget.test"), 2, "of another kind apart");
    postgres_sql("UPDATE cloudep.budgets SET last_at = now() - interval '31 days', blocked_until = now()");
    for (int i = 0; i < 3; i++) {
        (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    }
    sweep();
    is_int(mails("told@budget.test"), 3, "again after all was forgotten");
    for (int i = 0; i < 3; i++) {
        (void)fail(away, CLOUDEP_BUDGET_PASSWORD, NULL);
    }
    postgres_sql("UPDATE cloudep.budgets SET outbox = 'other' WHERE subject ~ '[^0-9a-f-]'");
    sweep();
    is_value("0", "what is due of nobody is settled", "SELECT count(*) FROM cloudep.budgets WHERE notice = 'due'");
    flow.config.unknown_guesses = 100;
    flow.config.known_guesses = 10;
    flow_end(away);
    flow_end(home);
}

/* Each virtual host tells those whose guesses came to it. */
static void test_mail_of_another(void)
{
    const char *uid = member("other@budget.test");
    flow_case_t *away = begin_at(ELSEWHERE);

    flow.config.unknown_guesses = 1;
    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    postgres_sql("UPDATE cloudep.budgets SET outbox = 'other'");
    sweep();
    is_int(mails("other@budget.test"), 0, "another server's owners are left to it");
    postgres_sql("UPDATE cloudep.budgets SET outbox = NULL");
    sweep();
    is_int(mails("other@budget.test"), 1, "one's own are told");
    flow.config.unknown_guesses = 100;
    flow_end(away);
}

static void test_mail_of_nobody(void)
{
    const char *uid = member("suspended@budget.test");
    flow_case_t *away = begin_at(ELSEWHERE);

    flow.config.unknown_guesses = 1;
    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    DO("UPDATE cloudep.members SET status = 'suspended'", uid);
    sweep();
    is_int(mails("suspended@budget.test"), 0, "a suspended member is not told");
    is_value("told", "now or later", "SELECT notice FROM cloudep.budgets WHERE subject = $1", uid);
    flow.config.unknown_guesses = 100;
    flow_end(away);
}

/* ---- what is forgotten ---- */

static void forget(int *more)
{
    flow_case_t *at = flow_begin();

    (void)cloudep_budget_forget(flow.run.db, at->p, 30 * 86400, 600, more);
    flow_end(at);
}

static void test_forgotten(void)
{
    const char *uid = member("forgotten@budget.test");
    flow_case_t *away = begin_at(ELSEWHERE);
    int more;

    (void)fail(away, CLOUDEP_BUDGET_CODES, uid);
    postgres_sql("UPDATE cloudep.budgets SET last_at = now() - interval '29 days' WHERE kind = 'codes'");
    postgres_sql("UPDATE cloudep.budgets SET last_at = now() - interval '9 minutes' WHERE kind = 'network'");
    forget(&more);
    is_value("2", "rows that count still are kept", "SELECT count(*) FROM cloudep.budgets");
    postgres_sql("UPDATE cloudep.budgets SET last_at = now() - interval '11 minutes' WHERE kind = 'network'");
    forget(&more);
    is_value("codes", "a network's row goes after its time", "SELECT string_agg(kind, ' ') FROM cloudep.budgets");
    postgres_sql(
        "UPDATE cloudep.budgets SET last_at = now() - interval '31 days', blocked_until = now() + interval '1 hour'");
    forget(&more);
    is_value("codes", "a wait stays to its end", "SELECT string_agg(kind, ' ') FROM cloudep.budgets");
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now()");
    forget(&more);
    is_value("0", "an account's row goes after 30 days", "SELECT count(*) FROM cloudep.budgets");
    ok(!more, "there are no more");
    is_int(known(uid, HOME), 1, "a network that is known is kept");
    DO("UPDATE cloudep.known_networks SET known_until = now() - interval '1 s'", uid);
    forget(&more);
    is_value("0", "and goes when it is no more", "SELECT count(*) FROM cloudep.known_networks WHERE uid = $1::uuid",
             uid);
    free(postgres_value("INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, last_at)"
                        " SELECT $1::uuid, 'network', 'guesses', n::text, now() - interval '1 day'"
                        " FROM generate_series(1, 1500) n",
                        tenant_id, NULL));
    forget(&more);
    ok(more, "of many some are left");
    forget(&more);
    ok(!more, "for the next round");
    is_value("0", "then all are gone", "SELECT count(*) FROM cloudep.budgets");
    flow_end(away);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    test_address_of_sql();
    test_known();
    test_unknown_again();
    test_all_unknown();
    test_budgets_are_apart();
    test_networks();
    test_subject_of_nobody();
    test_races();
    test_too_late();
    test_mail();
    test_mail_of_another();
    test_mail_of_nobody();
    test_forgotten();
    return done_testing();
}
