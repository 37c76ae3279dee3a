/*
 * flow_code_test.c - codes that somebody asks for while strangers do, too: whose count, whom they hold up, what they
 * cost.
 */
#include "base/text/validate.h"
#include "flow.h"
#include "flow/contact_verification.h"
#include "flow/password_reset.h"
#include "flow/reauthentication.h"
#include "outbox/message.h"
#include "service/throttle.h"

#define SLUG "cds"
#define HOME "192.0.2.1" /* where members of these tests register, and so are known */

static void move_to(flow_case_t *at, const char *network)
{
    at->ctx->address = at->ctx->network = network;
}

static cloudep_outcome_t forgot_from(flow_case_t *at, const char *network, const char *email,
                                     cloudep_forgot_result_t *out)
{
    const cloudep_forgot_t in = {.tenant_slug = SLUG, .email = email};

    *out = (cloudep_forgot_result_t){0};
    move_to(at, network);
    return cloudep_forgot_password(at->ctx, &in, out);
}

static cloudep_outcome_t reset_from(flow_case_t *at, const char *network, const char *challenge_id, const char *code)
{
    const cloudep_reset_t in = {
        .tenant_slug = SLUG, .challenge_id = challenge_id, .code = code, .new_password = "an entirely other phrase"};

    move_to(at, network);
    return cloudep_reset_password(at->ctx, &in);
}

/* How many of so many forgots, each from another network, end in a reason; net: what the networks begin with. */
static int strangers(flow_case_t *at, const char *net, int count, const char *email, cloudep_reason_e reason)
{
    cloudep_forgot_result_t out;
    int n = 0;

    for (int i = 0; i < count; i++) {
        n += forgot_from(at, apr_psprintf(at->p, "%s.%d", net, i), email, &out).reason == reason;
    }
    return n;
}

/* In an hour of its own, with the limits of a test; nothing of the hour before counts. */
static flow_case_t *in_an_hour_of_its_own(void)
{
    static int hours = 1;
    flow_case_t *at = flow_begin();

    at->ctx->now += apr_time_from_sec((apr_time_t)3600 * hours++);
    flow.config.code_cooldown = 0;
    flow.config.codes_per_target = flow.config.codes_per_address = flow.config.codes_per_tenant = 1000000;
    flow.config.texts_per_tenant = 1000000;
    return at;
}

/* A stranger who knows the address asks for one code after the other and guesses at them. */
static void test_stranger(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t own, other;
    const char *code;
    int wrong = 0;

    flow_member(at, SLUG, "victim@cds.test", &session);
    flow.config.code_cooldown = 60;
    is_outcome(forgot_from(at, HOME, "victim@cds.test", &own), CLOUDEP_DONE, "the owner asks for a code");
    code = flow_code(at, "victim@cds.test", "password_reset");
    for (int i = 0; i < 30; i++) {
        const char *network = apr_psprintf(at->p, "198.51.100.%d", i);

        wrong += cloudep_failed(forgot_from(at, network, "victim@cds.test", &other));
        for (int n = 0; n < flow.config.code_attempts; n++) {
            (void)reset_from(at, network, other.challenge_id, "000000");
        }
    }
    is_int(wrong, 0, "30 strangers ask for one, too, and use up their guesses");
    is_outcome(reset_from(at, "198.51.100.29", other.challenge_id, "000000"), CLOUDEP_TOO_MANY_GUESSES,
               "so many that strangers have to wait");
    is_outcome(forgot_from(at, HOME, "victim@cds.test", &other), CLOUDEP_CODE_COOLDOWN,
               "only the owner's own request holds the owner up");
    is_outcome(reset_from(at, HOME, own.challenge_id, flow_wrong(at, code)), CLOUDEP_CODE_WRONG,
               "the owner may mistype the code");
    is_outcome(reset_from(at, HOME, own.challenge_id, code), CLOUDEP_DONE, "and the right one is good");
    flow_end(at);
}

static void test_used_up(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t first, second;
    const char *code;

    flow_member(at, SLUG, "used@cds.test", &session);
    (void)forgot_from(at, HOME, "used@cds.test", &first);
    code = flow_code(at, "used@cds.test", "password_reset");
    for (int i = 0; i < flow.config.code_attempts; i++) {
        is_outcome(reset_from(at, HOME, first.challenge_id, flow_wrong(at, code)), CLOUDEP_CODE_WRONG, "a wrong code");
    }
    is_outcome(reset_from(at, HOME, first.challenge_id, code), CLOUDEP_CHALLENGE_LOCKED, "a challenge is used up");
    is_outcome(forgot_from(at, HOME, "used@cds.test", &second), CLOUDEP_DONE, "the next one is no matter of that");
    code = flow_code(at, "used@cds.test", "password_reset");
    is_outcome(reset_from(at, HOME, first.challenge_id, code), CLOUDEP_CHALLENGE_LOCKED, "it stays used up");
    is_outcome(reset_from(at, HOME, second.challenge_id, code), CLOUDEP_DONE, "the next one's code is good");
    flow_end(at);
}

static void test_cooldown(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t out;
    cloudep_outcome_t outcome;

    flow_member(at, SLUG, "cool@cds.test", &session);
    flow.config.code_cooldown = 60;
    is_outcome(forgot_from(at, HOME, "cool@cds.test", &out), CLOUDEP_DONE, "a code");
    outcome = forgot_from(at, HOME, "cool@cds.test", &out);
    is_outcome(outcome, CLOUDEP_CODE_COOLDOWN, "the next one too soon");
    ok(outcome.retry_after > 1 && outcome.retry_after <= 60, "it says when it may come");
    is_outcome(forgot_from(at, "192.0.2.99", "cool@cds.test", &out), CLOUDEP_DONE, "but not for another network");
    is_int(strangers(at, "192.0.2", 2, "cool@cds.test", CLOUDEP_DONE), 1, "of which each has its own");
    flow_end(at);
}

/* A code that could not be stored holds nobody up. */
static void test_not_stored(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t out;

    flow_member(at, SLUG, "stored@cds.test", &session);
    flow.config.code_cooldown = 60;
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(forgot_from(at, HOME, "stored@cds.test", &out), CLOUDEP_DATABASE_FAILED, "a code that cannot be stored");
    flow_grant("INSERT ON cloudep.outbox");
    is_outcome(forgot_from(at, HOME, "stored@cds.test", &out), CLOUDEP_DONE, "may be asked for again at once");
    is_outcome(forgot_from(at, HOME, "stored@cds.test", &out), CLOUDEP_CODE_COOLDOWN, "and then not");
    flow_end(at);
}

static void test_target(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t out;
    cloudep_login_result_t result;

    flow_member(at, SLUG, "target@cds.test", &session);
    move_to(at, "192.0.2.2");
    is_outcome(flow_login(at, SLUG, "target@cds.test", FLOW_PASSWORD, &result), CLOUDEP_DONE, "a second known network");
    flow.config.codes_per_target = 3;
    is_int(strangers(at, "203.0.113", 8, "target@cds.test", CLOUDEP_TOO_MANY_CODES), 6,
           "strangers share an address's cap, less the one that the registration used");
    for (int i = 0; i < 3; i++) {
        is_outcome(forgot_from(at, HOME, "target@cds.test", &out), CLOUDEP_DONE, "a known network has one of its own");
    }
    is_outcome(forgot_from(at, HOME, "target@cds.test", &out), CLOUDEP_TOO_MANY_CODES, "up to the same number");
    flow.config.code_cooldown = 60;
    for (int i = 0; i < 2; i++) {
        is_outcome(forgot_from(at, HOME, "target@cds.test", &out), CLOUDEP_TOO_MANY_CODES,
                   "what is refused for the cap begins no cooldown");
    }
    is_outcome(forgot_from(at, "192.0.2.2", "target@cds.test", &out), CLOUDEP_DONE, "each known network has its own");
    flow_end(at);
}

static void test_network(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    cloudep_forgot_result_t out;
    int n[3] = {0};

    flow.config.conceal_accounts = 1;
    flow.config.codes_per_address = 2;
    /* 40 /64 of each of two /56, and 40 of 40 others in the same /48: two of each. */
    for (int block = 0; block < 3; block++) {
        for (int i = 0; i < 80; i++) {
            at->ctx->network56 =
                apr_psprintf(at->p, block < 2 ? "2001:db8:1:%d00::/56" : "2001:db8:1:%d%02d::/56", block, i / 2);
            at->ctx->network48 = "2001:db8:1::/48";
            n[block] += !cloudep_failed(forgot_from(at, apr_psprintf(at->p, "2001:db8:1:%d%02d::/64", block, i / 2),
                                                    apr_psprintf(at->p, "n%d-%d@cds.test", block, i), &out));
        }
    }
    is_int(n[0], 8, "a /56 may cause four times as many codes as a /64");
    is_int(n[1], 8, "each");
    is_int(n[2], 16, "and a /48 sixteen times as many");
    at->ctx->network56 = at->ctx->network48 = NULL;
    is_int(strangers(at, "198.18.0", 3, "nobody@cds.test", CLOUDEP_DONE), 3, "an IPv4 network is counted alone");
    for (int i = 0; i < 2; i++) {
        (void)forgot_from(at, "198.18.1.1", "nobody2@cds.test", &out);
    }
    (void)flow_logged("");
    is_outcome(forgot_from(at, "198.18.1.1", "nobody3@cds.test", &out), CLOUDEP_TOO_MANY_CODES, "up to its cap");
    is_int(flow_logged("cap reached"), 1, "the log tells that");
    (void)forgot_from(at, "198.18.1.1", "nobody4@cds.test", &out);
    is_int(flow_logged("cap reached"), 0, "once");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* Caps are of a tenant, of a thing and of an hour of the clock; counting nothing else, in no other tenant. */
static void test_caps(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const apr_int64_t hour = apr_time_sec(at->ctx->now) / 3600;
    const cloudep_cache_key_t counter =
        cloudep_cache_key("cap", CLOUDEP_KEY_PARTS("one", "passkey ceremonies", "address", "198.51.103.1",
                                                   apr_psprintf(at->p, "%" APR_INT64_T_FMT, hour)));
    cloudep_outcome_t outcome;
    int life;

    move_to(at, "198.51.103.1");
    at->ctx->now = apr_time_from_sec(hour * 3600 + 600);
    flow.config.passkey_starts_per_address = 2;
    flow.config.social_starts_per_address = 1;
    for (int i = 0; i < 2; i++) {
        is_outcome(cloudep_claim_passkey_start(at->ctx, "one"), CLOUDEP_DONE, "a passkey ceremony of two in an hour");
    }
    outcome = cloudep_claim_passkey_start(at->ctx, "one");
    is_outcome(outcome, CLOUDEP_TOO_MANY_STARTS, "there is no third");
    is_int(outcome.retry_after, 3000, "before the hour of the clock ends");
    is_outcome(cloudep_claim_passkey_start(at->ctx, "two"), CLOUDEP_DONE, "another tenant has its own");
    is_outcome(cloudep_claim_social_start(at->ctx, "one"), CLOUDEP_DONE, "social logins are counted apart");
    is_outcome(cloudep_claim_social_start(at->ctx, "one"), CLOUDEP_TOO_MANY_STARTS, "up to their own number");
    life = memcached_life(flow.port, counter.text);
    ok(life >= 3600 && life < 3610, "the counter lives for an hour, whenever in it that begins: %d s", life);
    at->ctx->now = apr_time_from_sec(hour * 3600 + 3599);
    outcome = cloudep_claim_passkey_start(at->ctx, "one");
    is_outcome(outcome, CLOUDEP_TOO_MANY_STARTS, "the cap holds to the hour's last second");
    is_int(outcome.retry_after, 1, "of which one is left");
    at->ctx->now = apr_time_from_sec(hour * 3600 + 3600);
    is_outcome(cloudep_claim_passkey_start(at->ctx, "one"), CLOUDEP_DONE, "the next hour has its own");
    flow.config.passkey_starts_per_address = 0;
    for (int i = 0; i < 4; i++) {
        is_outcome(cloudep_claim_passkey_start(at->ctx, "one"), CLOUDEP_DONE, "0 is no cap");
    }
    flow.config.passkey_starts_per_address = flow.config.social_starts_per_address = 1000;
    flow_end(at);
}

/* Whoever is refused for one cap uses up none of those that are asked after it: network, target, tenant. */
static void test_order_of_caps(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_sending_t one = {.tenant_id = "order", .target = "one@cds.test"};
    const cloudep_sending_t two = {.tenant_id = "order", .target = "two@cds.test"};

    flow.config.codes_per_address = 2;
    flow.config.codes_per_target = 1;
    flow.config.codes_per_tenant = 2;
    move_to(at, "198.51.104.1");
    is_outcome(cloudep_claim_sending(at->ctx, &one), CLOUDEP_DONE, "a code of a tenant's two");
    is_outcome(cloudep_claim_sending(at->ctx, &one), CLOUDEP_TOO_MANY_CODES, "none for the same address");
    is_outcome(cloudep_claim_sending(at->ctx, &two), CLOUDEP_TOO_MANY_CODES, "nor for another by the same network");
    move_to(at, "198.51.104.2");
    is_outcome(cloudep_claim_sending(at->ctx, &two), CLOUDEP_DONE,
               "the refused ones used up neither target nor tenant");
    flow_end(at);
}

/* A stranger with an IPv6 /48 takes away what they asked for themselves, and not what another network did. */
static void test_wide_network(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t other, own;
    cloudep_challenge_t *challenge;

    flow_member(at, SLUG, "wide@cds.test", &session);
    (void)forgot_from(at, "198.51.100.1", "wide@cds.test", &other);
    at->ctx->network48 = "2001:db8:2::/48";
    for (int i = 0; i < 20; i++) {
        (void)forgot_from(at, apr_psprintf(at->p, "2001:db8:2:%d::/64", i), "wide@cds.test", &own);
    }
    is_int(cloudep_challenge_load(&challenge, &flow.run.challenges, other.challenge_id, at->p), APR_SUCCESS,
           "twenty networks of one /48 take no other network's challenge away");
    flow_end(at);
}

/* Forgots for nobody, and for members. */
static void test_nobody(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t out;

    flow_member(at, SLUG, "real@cds.test", &session); /* one code of the tenant's */
    flow.config.conceal_accounts = 1;
    flow.config.codes_per_tenant = 4;
    (void)flow_logged("");
    is_int(strangers(at, "198.51.100", 20, "nobody-at-all@cds.test", CLOUDEP_DONE), 20,
           "codes for nobody are asked for as often as one likes");
    is_int(flow_logged("no more codes to nobody for this tenant"), 1, "the log tells when they are many");
    is_int(strangers(at, "198.51.101", 3, "real@cds.test", CLOUDEP_DONE), 3, "and leave the members theirs");
    is_outcome(forgot_from(at, HOME, "nobody-at-all@cds.test", &out), CLOUDEP_TOO_MANY_CODES,
               "when the tenant's cap is reached nobody gets one");
    is_outcome(forgot_from(at, HOME, "real@cds.test", &out), CLOUDEP_TOO_MANY_CODES, "like everybody");
    flow.config.codes_per_tenant = 1000000;
    flow.config.codes_per_target = 3;
    is_int(strangers(at, "198.51.102", 5, "nobody-yet@cds.test", CLOUDEP_DONE), 3,
           "an address of nobody has a cap, too");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* What counts a member's wrong codes, where they are known and where a right one clears them. */
static void test_right_code(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    cloudep_forgot_result_t out;
    cloudep_reset_t elsewhere = {.tenant_slug = "elsewhere", .new_password = "an entirely other phrase"};
    cloudep_confirmation_t wrong_purpose = {.tenant_slug = SLUG};
    cloudep_confirmed_t confirmed = {0};
    const char *code;

    flow_member(at, SLUG, "right@cds.test", &session);
    (void)forgot_from(at, HOME, "right@cds.test", &out);
    code = flow_code(at, "right@cds.test", "password_reset");
    is_str(flow_param(at, "right@cds.test", "password_reset", "minutes"), "10", "the mail says how long it is good");
    flow_tenant("elsewhere");
    elsewhere.challenge_id = wrong_purpose.challenge_id = out.challenge_id;
    elsewhere.code = wrong_purpose.code = code;
    is_outcome(cloudep_reset_password(at->ctx, &elsewhere), CLOUDEP_CHALLENGE_MISMATCH, "in another tenant it is none");
    is_outcome(cloudep_confirm_registration(at->ctx, &wrong_purpose, &confirmed), CLOUDEP_CHALLENGE_MISMATCH,
               "nor for another purpose");
    is_outcome(reset_from(at, HOME, out.challenge_id, flow_wrong(at, code)), CLOUDEP_CODE_WRONG, "a wrong code");
    is_value("1", "counts", "SELECT failures FROM cloudep.budgets WHERE kind = 'codes' AND subject = $1", session->uid);
    is_outcome(reset_from(at, HOME, out.challenge_id, code), CLOUDEP_DONE, "the right one");
    is_value("0", "clears it", "SELECT count(*) FROM cloudep.budgets WHERE kind = 'codes' AND subject = $1",
             session->uid);
    flow_end(at);
}

/* Whom a code for nobody is of. */
static const char *decoy_of(flow_case_t *at, const char *email, cloudep_forgot_result_t *out)
{
    cloudep_challenge_t *challenge;

    if (cloudep_failed(forgot_from(at, HOME, email, out)) ||
        cloudep_challenge_load(&challenge, &flow.run.challenges, out->challenge_id, at->p) != APR_SUCCESS) {
        flow_bail_out("no decoy");
    }
    return challenge->spec.uid;
}

static void test_decoy(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    cloudep_forgot_result_t first, again, other;
    const char *uid, *code;

    flow.config.conceal_accounts = 1;
    uid = decoy_of(at, "ghost@cds.test", &first);
    ok(cloudep_is_uuid(uid) && uid[14] == '4' && strchr("89ab", uid[19]), "a decoy's uid looks like any: %s", uid);
    is_str(decoy_of(at, "ghost@cds.test", &again), uid, "it is the same each time");
    ok(strcmp(decoy_of(at, "spirit@cds.test", &other), uid) != 0, "and another one's for another email");
    code = flow_code(at, CLOUDEP_DECOY_TARGET, "password_reset");
    is_int((long long)strlen(code), 6, "a message with a code is written for it");
    is_value("0", "which is over before it could be sent, and names nobody",
             "SELECT count(*) FROM cloudep.outbox WHERE target IN ($1, 'ghost@cds.test', 'spirit@cds.test')"
             " AND (target <> $1 OR expires_at > now() OR language IS NOT NULL)",
             CLOUDEP_DECOY_TARGET);
    is_outcome(reset_from(at, HOME, other.challenge_id, code), CLOUDEP_CODE_WRONG, "its code is wrong, even if known");
    ok(!at->ctx->note.uid, "no event names it as a member");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* How often memcached is asked for what a request does. */
static int calls_of(flow_case_t *at, cloudep_outcome_t (*run)(flow_case_t *at, const char *network, const char *text),
                    const char *network, const char *text, cloudep_reason_e reason, const char *name)
{
    const int before = memcached_calls(flow.port);
    const cloudep_outcome_t outcome = run(at, network, text);
    const int calls = memcached_calls(flow.port) - before;

    is_outcome(outcome, reason, name);
    return calls;
}

static cloudep_outcome_t forgot_once(flow_case_t *at, const char *network, const char *email)
{
    cloudep_forgot_result_t out;

    return forgot_from(at, network, email, &out);
}

static cloudep_outcome_t resume_once(flow_case_t *at, const char *network, const char *email)
{
    const cloudep_resume_t in = {.tenant_slug = SLUG, .email = email};
    cloudep_challenge_answer_t answer;

    move_to(at, network);
    return cloudep_resume_registration(at->ctx, &in, &answer);
}

static cloudep_outcome_t guess_once(flow_case_t *at, const char *network, const char *challenge_id)
{
    return reset_from(at, network, challenge_id, "000000");
}

/* Concealed: whoever measures learns nothing from what memcached is asked. What an hour's or network's first request
 * costs more, it costs for whomever it is; so somebody else's goes first. */
static void test_calls(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_registration_t registration = {.tenant_slug = SLUG,
                                                 .invite_code = "open",
                                                 .email = "pending@cds.test",
                                                 .password = FLOW_PASSWORD,
                                                 .display_name = "Somebody",
                                                 .terms_version = "1"};
    const cloudep_session_t *session;
    cloudep_challenge_answer_t answer;
    cloudep_forgot_result_t real, nobody;

    flow_member(at, SLUG, "calls@cds.test", &session);
    flow.config.conceal_accounts = 1;
    (void)cloudep_register(at->ctx, &registration, &answer);
    (void)resume_once(at, "198.51.99.1", "unpending@cds.test");
    (void)forgot_from(at, "198.51.99.1", "uncalled2@cds.test", &nobody);
    for (int i = 0; i < 7; i++) {
        const char *network = apr_psprintf(at->p, "198.51.100.%d", i);

        (void)forgot_once(at, network, "somebody-else@cds.test");
        /* The first time the member's address has its count already: of the registration. */
        is_int(calls_of(at, forgot_once, network, "uncalled@cds.test", CLOUDEP_DONE, "a code for nobody") -
                   (i == 0 ? 2 : 0),
               calls_of(at, forgot_once, network, "calls@cds.test", CLOUDEP_DONE, "a code for a member"),
               apr_psprintf(at->p, "number %d: as many calls", i));
        is_int(calls_of(at, resume_once, network, "unpending@cds.test", CLOUDEP_DONE, "nobody's registration resumed"),
               calls_of(at, resume_once, network, "pending@cds.test", CLOUDEP_DONE, "somebody's"), "as many calls");
    }
    (void)forgot_from(at, HOME, "calls@cds.test", &real);
    (void)forgot_from(at, HOME, "uncalled@cds.test", &nobody);
    is_int(calls_of(at, guess_once, "198.51.98.1", nobody.challenge_id, CLOUDEP_CODE_WRONG, "a guess at nobody's code"),
           calls_of(at, guess_once, "198.51.98.1", real.challenge_id, CLOUDEP_CODE_WRONG, "at a member's"),
           "as many calls");
    flow.config.conceal_accounts = 0;
    flow_end(at);
}

/* ---- what counts for the client's network */

/* How many failures of a kind a network has. */
static void is_counted(const char *network, const char *kind, const char *count, const char *name)
{
    is_value(count, name,
             "SELECT coalesce(max(failures), 0) FROM cloudep.budgets"
             " WHERE kind = 'network' AND network = $1 AND subject = $2",
             network, kind);
}

static void test_counted(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_session_t *session;
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "no-registration@cds.test"};
    const cloudep_resend_t resend = {.tenant_slug = SLUG, .challenge_id = "AAAAAAAAAAAAAAAAAAAAAA"};
    cloudep_registration_t registration = {.tenant_slug = SLUG,
                                           .invite_code = "closed",
                                           .email = "new@cds.test",
                                           .password = FLOW_PASSWORD,
                                           .display_name = "Somebody",
                                           .terms_version = "1"};
    cloudep_challenge_answer_t answer;
    cloudep_forgot_result_t out;
    cloudep_resend_t again = {.tenant_slug = SLUG};

    flow_member(at, SLUG, "counted@cds.test", &session);
    is_outcome(reset_from(at, "203.0.113.201", "AAAAAAAAAAAAAAAAAAAAAA", "123456"), CLOUDEP_CHALLENGE_GONE,
               "a made-up challenge");
    is_counted("203.0.113.201", "challenge", "1", "counts for the network");
    is_outcome(cloudep_resend_registration(at->ctx, &resend, &answer), CLOUDEP_CHALLENGE_GONE, "one to be resent");
    is_counted("203.0.113.201", "challenge", "2", "counts, too");
    is_outcome(forgot_from(at, "203.0.113.202", "no-member@cds.test", &out), CLOUDEP_ACCOUNT_UNKNOWN,
               "a forgotten password of nobody");
    is_counted("203.0.113.202", "account", "1", "counts for the network");
    is_outcome(cloudep_resume_registration(at->ctx, &resume, &answer), CLOUDEP_REGISTRATION_UNKNOWN,
               "a registration of nobody, to be resumed");
    is_counted("203.0.113.202", "account", "2", "counts, too");
    flow.config.conceal_accounts = 1;
    is_outcome(forgot_from(at, "203.0.113.203", "no-member@cds.test", &out), CLOUDEP_DONE, "concealed, nobody");
    is_counted("203.0.113.203", "account", "0", "counts as little as a member: the count would tell");
    flow.config.conceal_accounts = 0;
    move_to(at, "203.0.113.204");
    is_outcome(cloudep_register(at->ctx, &registration, &answer), CLOUDEP_INVITE_UNKNOWN, "a wrong invite");
    is_counted("203.0.113.204", "invite", "1", "counts for the network");
    registration.invite_code = "open";
    is_outcome(cloudep_register(at->ctx, &registration, &answer), CLOUDEP_DONE, "a right one");
    is_counted("203.0.113.204", "invite", "1", "does not");
    again.challenge_id = answer.challenge_id;
    is_outcome(cloudep_resend_registration(at->ctx, &again, &answer), CLOUDEP_DONE, "nor does a resend");
    is_counted("203.0.113.204", "challenge", "0", "of a challenge that there is");
    flow_end(at);
}

/* Who registers an address again and again has one budget of guesses at its codes. */
static void test_registrations_guesses(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const cloudep_registration_t registration = {.tenant_slug = SLUG,
                                                 .invite_code = "open",
                                                 .email = "guessed@cds.test",
                                                 .password = FLOW_PASSWORD,
                                                 .display_name = "Somebody",
                                                 .terms_version = "1"};
    const cloudep_resume_t resume = {.tenant_slug = SLUG, .email = "guessed@cds.test"};
    cloudep_challenge_answer_t answer;
    cloudep_confirmed_t confirmed;
    cloudep_challenge_t *challenge;
    const char *ids[30];
    int wrong = 0, waits = 0, alive = 0;

    (void)cloudep_register(at->ctx, &registration, &answer);
    for (int i = 0; i < 30; i++) {
        ids[i] = answer.challenge_id;
        move_to(at, apr_psprintf(at->p, "198.51.100.%d", i));
        for (int n = 0; n < flow.config.code_attempts; n++) {
            const cloudep_confirmation_t confirmation = {
                .tenant_slug = SLUG,
                .challenge_id = answer.challenge_id,
                .code = flow_wrong(at, flow_code(at, "guessed@cds.test", "registration"))};
            const cloudep_reason_e reason = cloudep_confirm_registration(at->ctx, &confirmation, &confirmed).reason;

            wrong += reason == CLOUDEP_CODE_WRONG;
            waits += reason == CLOUDEP_TOO_MANY_GUESSES;
        }
        (void)cloudep_resume_registration(at->ctx, &resume, &answer);
    }
    is_int(wrong, flow.config.unknown_guesses, "all attempts to register an address share the guesses at its codes");
    is_int(waits, 150 - flow.config.unknown_guesses, "the others have to wait");
    for (int i = 0; i < 30; i++) {
        alive += cloudep_challenge_load(&challenge, &flow.run.challenges, ids[i], at->p) == APR_SUCCESS;
    }
    is_int(alive, 4, "of all of them five are alive, the newest one among them");
    flow_end(at);
}

/* ---- texts and the day's ten */

typedef struct person_t {
    cloudep_principal_t who;
} person_t;

static person_t person(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;
    const cloudep_member_t *member;
    person_t person;

    move_to(at, HOME);
    flow_member(at, SLUG, email, &session);
    flow_must(cloudep_member_by_uid(flow.run.db, at->p, &member, session->tenant_id, session->uid), "the member");
    person.who = (cloudep_principal_t){.tenant_id = session->tenant_id,
                                       .uid = session->uid,
                                       .tenant_slug = SLUG,
                                       .session_id = session->id,
                                       .member = member};
    return person;
}

static cloudep_outcome_t start_from(flow_case_t *at, const char *network, const person_t *person,
                                    cloudep_contact_e contact, const char *target)
{
    const cloudep_contact_start_t in = {.target = target};
    cloudep_contact_challenge_t out = {0};

    move_to(at, network);
    return cloudep_start_contact(at->ctx, &person->who, contact, &in, &out);
}

/* A code to reauthenticate with is the owner's, too, and known networks have it. */
static void test_reauthentication(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "reauth@cds.test");
    cloudep_member_t *member = apr_pmemdup(at->p, one.who.member, sizeof(*member));
    cloudep_principal_t who = one.who;
    const cloudep_reauthentication_start_t in = {.method = CLOUDEP_REAUTHENTICATE_BY_CODE};
    cloudep_reauthentication_challenge_t out;

    member->has_password = 0;
    who.member = member;
    flow.config.codes_per_target = 1;
    move_to(at, "198.51.100.1");
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &in, &out), CLOUDEP_TOO_MANY_CODES,
               "the registration's code was the only one of all unknown networks");
    move_to(at, HOME);
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &in, &out), CLOUDEP_DONE, "a known network has its own");
    flow_end(at);
}

static void test_texts(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "text1@cds.test");
    const person_t two = person(at, "text2@cds.test");
    int n = 0;

    flow.config.codes_per_target = 5;
    for (int i = 0; i < 6; i++) {
        n += !cloudep_failed(
            start_from(at, apr_psprintf(at->p, "198.51.100.%d", i), &one, CLOUDEP_CONTACT_PHONE, "+886912345678"));
    }
    is_int(n, 3, "of five texts to a number strangers have three");
    for (int i = 0; i < 2; i++) {
        is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, "+886912345678"), CLOUDEP_DONE,
                   "two are kept for a known network");
    }
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, "+886912345678"), CLOUDEP_TOO_MANY_CODES,
               "and there are no more");
    is_outcome(start_from(at, HOME, &two, CLOUDEP_CONTACT_PHONE, "+886912345678"), CLOUDEP_TOO_MANY_CODES,
               "for whomever");
    for (int i = 0; i < 5; i++) {
        is_outcome(start_from(at, HOME, &two, CLOUDEP_CONTACT_PHONE, "+886912345679"), CLOUDEP_DONE,
                   "a known network alone may have all five");
    }
    is_outcome(start_from(at, "198.51.100.1", &two, CLOUDEP_CONTACT_PHONE, "+886912345679"), CLOUDEP_TOO_MANY_CODES,
               "and a stranger none of six");
    flow_end(at);
}

static void test_tenants_texts(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "caps@cds.test");
    const person_t two = person(at, "caps2@cds.test");

    flow.config.texts_per_tenant = 2;
    for (int i = 0; i < 2; i++) {
        is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, apr_psprintf(at->p, "+88691234560%d", i)),
                   CLOUDEP_DONE, "a text of the tenant's two");
    }
    is_outcome(start_from(at, HOME, &two, CLOUDEP_CONTACT_PHONE, "+886912345603"), CLOUDEP_TOO_MANY_CODES,
               "there is no third");
    is_outcome(start_from(at, HOME, &two, CLOUDEP_CONTACT_EMAIL, "caps3@cds.test"), CLOUDEP_DONE,
               "mails have a cap of their own");
    flow_end(at);
}

static void test_countries(void)
{
    static const struct {
        const char *number, *name;
        int served;
    } numbers[] = {
        {"+886912345678", "a number of Taiwan", 1},
        {"+819012345678", "a number of Japan", 1},
        {"+4915112345678", "a number of Germany", 0},
        {"+18765551234", "a number of Jamaica, which shares its code with the United States", 0},
        {"+979123456789", "a premium rate number", 0},
        {"+870773111632", "a satellite telephone", 0},
        {"+808123456789", "a shared cost number", 0},
        {"+882161234567", "a number of an international network", 0},
    };
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "countries@cds.test");

    flow.config.sms_countries = apr_array_make(flow.pool, 2, sizeof(const char *));
    APR_ARRAY_PUSH(flow.config.sms_countries, const char *) = "TW";
    APR_ARRAY_PUSH(flow.config.sms_countries, const char *) = "JP";
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const cloudep_outcome_t outcome = start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, numbers[i].number);

        if (numbers[i].served) {
            is_outcome(outcome, CLOUDEP_DONE, numbers[i].name);
        }
        else {
            is_invalid(outcome, offsetof(cloudep_contact_start_t, target), CLOUDEP_RULE_NOT_ALLOWED, numbers[i].name);
        }
    }
    flow.config.sms_countries = NULL;
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, "+4915112345678"), CLOUDEP_DONE,
               "without a list every country is served");
    is_invalid(start_from(at, HOME, &one, CLOUDEP_CONTACT_PHONE, "+979123456789"),
               offsetof(cloudep_contact_start_t, target), CLOUDEP_RULE_NOT_ALLOWED, "but no premium rate number");
    flow_end(at);
}

/* Nor does one for another address. */
static void test_contact_not_stored(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "contact@cds.test");

    flow.config.code_cooldown = 60;
    flow_revoke("INSERT ON cloudep.outbox");
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "c@cds.test"), CLOUDEP_DATABASE_FAILED,
               "a code for a contact that cannot be stored");
    flow_grant("INSERT ON cloudep.outbox");
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "c@cds.test"), CLOUDEP_DONE,
               "may be asked for again at once, too");
    flow_end(at);
}

/* What is refused costs none of a day's ten codes; tomorrow has ten of its own, so this stays clear of midnight. */
static void test_day(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    const person_t one = person(at, "day@cds.test");
    const person_t two = person(at, "day2@cds.test");
    cloudep_outcome_t outcome;

    if (apr_time_sec(apr_time_now()) % 86400 > 86400 - 60) {
        apr_sleep(apr_time_from_sec(61));
    }
    flow.config.codes_per_target = 1;
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d0@cds.test"), CLOUDEP_DONE,
               "the first of ten codes");
    for (int i = 0; i < 12; i++) {
        (void)start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d0@cds.test");
    }
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d0@cds.test"), CLOUDEP_TOO_MANY_CODES,
               "a dozen starts are refused for the address's cap");
    flow.config.code_cooldown = 60;
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d1@cds.test"), CLOUDEP_DONE, "the second");
    for (int i = 0; i < 12; i++) {
        (void)start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d1@cds.test");
    }
    is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d1@cds.test"), CLOUDEP_CODE_COOLDOWN,
               "a dozen are too soon");
    flow.config.code_cooldown = 0;
    flow.config.codes_per_target = 1000000;
    for (int i = 0; i < 5; i++) {
        is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d2@cds.test"), CLOUDEP_DONE, "five more");
    }
    for (int i = 0; i < 12; i++) {
        (void)start_from(at, "198.51.100.1", &one, CLOUDEP_CONTACT_EMAIL, "d3@cds.test");
    }
    outcome = start_from(at, "198.51.100.1", &one, CLOUDEP_CONTACT_EMAIL, "d3@cds.test");
    is_outcome(outcome, CLOUDEP_CODES_USED_UP, "a dozen get none, as five are alive that were asked for at home");
    ok(outcome.retry_after > 60 && outcome.retry_after <= flow.config.code_lifetime + 1,
       "until the first of them ends");
    for (int i = 0; i < 3; i++) {
        is_outcome(start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d4@cds.test"), CLOUDEP_DONE,
                   "all of them have cost nothing: three are left");
    }
    outcome = start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d4@cds.test");
    is_outcome(outcome, CLOUDEP_DAILY_CODES_USED_UP, "and no more than those");
    ok(outcome.retry_after > 1 && outcome.retry_after <= 86400, "until tomorrow");
    flow.config.codes_per_target = 1;
    (void)start_from(at, HOME, &one, CLOUDEP_CONTACT_EMAIL, "d5@cds.test");
    is_outcome(start_from(at, HOME, &two, CLOUDEP_CONTACT_EMAIL, "d5@cds.test"), CLOUDEP_DONE,
               "a start that is refused for the day uses up nothing of the address's cap");
    flow_end(at);
}

static cloudep_outcome_t start_at_once(flow_case_t *at, int number, void *personv)
{
    return start_from(at, HOME, personv, CLOUDEP_CONTACT_EMAIL, apr_psprintf(at->p, "once%d@cds.test", number));
}

static void test_day_at_once(void)
{
    flow_case_t *at = in_an_hour_of_its_own();
    person_t one = person(at, "once@cds.test");
    flow_crowd_t crowd = {.run = start_at_once, .baton = &one};

    flow_crowd(&crowd, TEST_THREADS);
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_DONE), 10, "of 64 starts at once ten are a day's codes");
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_DAILY_CODES_USED_UP), TEST_THREADS - 10,
           "the others are told that the day has no more");
    is_value("10", "ten are mailed",
             "SELECT count(*) FROM cloudep.outbox WHERE target LIKE 'once%@cds.test'"
             " AND template = 'business_email'");
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    test_stranger();
    test_used_up();
    test_cooldown();
    test_not_stored();
    test_target();
    test_network();
    test_caps();
    test_order_of_caps();
    test_wide_network();
    test_nobody();
    test_right_code();
    test_decoy();
    test_calls();
    test_counted();
    test_registrations_guesses();
    test_reauthentication();
    test_texts();
    test_tenants_texts();
    test_countries();
    test_contact_not_stored();
    test_day();
    test_day_at_once();
    return done_testing();
}
