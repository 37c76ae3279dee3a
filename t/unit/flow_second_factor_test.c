/*
 * flow_second_factor_test.c - authenticators: enrolment, logins by TOTP and backup codes, what burns, what locks, fresh
 * proof, and logins by the authenticator alone. Time is moved, not waited for.
 */
#include "base/crypto/totp.h"
#include "core/needs.h"
#include "flow.h"
#include "flow/login_second_factor.h"
#include "flow/reauthentication.h"
#include "flow/totp_enrolment.h"
#include "flow/totp_login.h"
#include "flow/totp_removal.h"
#include "service/freshness.h"

#define SLUG "mfa"
#define STEP apr_time_from_sec(CLOUDEP_TOTP_PERIOD)

/* A member with an authenticator; made by enrol(). */
typedef struct person_t {
    const char *email;
    const unsigned char *secret;
    apr_size_t size;
    cloudep_principal_t who;
    const apr_array_header_t *codes;
    apr_time_t now; /* moves on one step with each code that is burned */
} person_t;

/* One of the member's sealed secrets as the authenticator has it. */
static void read_secret(flow_case_t *at, person_t *person, const char *column)
{
    char *sealed = postgres_value(
        apr_pstrcat(at->p, "SELECT ", column, " FROM cloudep.totp WHERE uid = $1::uuid", NULL), person->who.uid, NULL);

    if (!sealed ||
        cloudep_unseal(&person->secret, &person->size, flow.pool, flow.run.sealing, sealed,
                       apr_pstrcat(at->p, "totp:", person->who.tenant_id, ":", person->who.uid, NULL)) != APR_SUCCESS) {
        flow_bail_out("no secret");
    }
    free(sealed);
}

/* The code of the authenticator at the case's time, so many steps later. */
static const char *code_of(flow_case_t *at, const person_t *person, int steps)
{
    char *code = apr_palloc(at->p, CLOUDEP_TOTP_DIGITS + 1);

    (void)cloudep_totp_code(code, person->secret, person->size, cloudep_totp_step(at->ctx->now) + steps);
    return code;
}

static cloudep_outcome_t confirm(flow_case_t *at, const person_t *person, const char *code, apr_array_header_t **codes)
{
    const cloudep_totp_code_t in = {.code = code};

    return cloudep_confirm_totp(at->ctx, &person->who, &in, codes);
}

static person_t enrol(const char *email)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_totp_start_t start;
    apr_array_header_t *codes;
    person_t person = {.email = email};

    flow_member(at, SLUG, email, &session);
    person.who =
        (cloudep_principal_t){.tenant_id = apr_pstrdup(flow.pool, session->tenant_id),
                              .uid = apr_pstrdup(flow.pool, session->uid),
                              .session_id = apr_pstrdup(flow.pool, session->id),
                              .amr = "otp",
                              .proofs = {.auth_time = apr_time_sec(at->ctx->now), .now = apr_time_sec(at->ctx->now)}};
    if (cloudep_failed(cloudep_start_totp(at->ctx, &person.who, &start))) {
        flow_bail_out("no enrolment");
    }
    read_secret(at, &person, "pending_secret");
    if (cloudep_failed(confirm(at, &person, code_of(at, &person, 0), &codes))) {
        flow_bail_out("no enrolment confirmed");
    }
    person.codes = apr_array_make(flow.pool, codes->nelts, sizeof(const char *));
    for (int i = 0; i < codes->nelts; i++) {
        *(const char **)apr_array_push((apr_array_header_t *)(intptr_t)person.codes) =
            apr_pstrdup(flow.pool, APR_ARRAY_IDX(codes, i, const char *));
    }
    person.now = at->ctx->now + STEP;
    flow_end(at);
    return person;
}

static flow_case_t *begin(person_t *person)
{
    flow_case_t *at = flow_begin();

    at->ctx->now = person->now;
    person->now += STEP;
    return at;
}

/* A challenge of a right password. */
static const char *challenge_of(flow_case_t *at, const person_t *person)
{
    cloudep_login_result_t result;

    if (cloudep_failed(flow_login(at, SLUG, person->email, FLOW_PASSWORD, &result)) || result.session) {
        flow_bail_out("a login did not ask for the second factor");
    }
    return result.mfa_challenge_id;
}

static cloudep_outcome_t finish(flow_case_t *at, const char *challenge_id, const char *code,
                                const cloudep_session_t **session)
{
    const cloudep_login_factor_t in = {.tenant_slug = SLUG, .challenge_id = challenge_id, .code = code};

    *session = NULL;
    return cloudep_login_second_factor(at->ctx, &in, session);
}

/* ---- enrolment ---- */

static void test_enrolment(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session;
    cloudep_totp_start_t start;
    cloudep_totp_status_t status;
    apr_array_header_t *codes = NULL;
    person_t person = {.email = "enrol@mfa.test"};
    const char *code, *first;

    flow_member(at, SLUG, person.email, &session);
    person.who =
        (cloudep_principal_t){.tenant_id = session->tenant_id,
                              .uid = session->uid,
                              .session_id = session->id,
                              .proofs = {.auth_time = apr_time_sec(at->ctx->now), .now = apr_time_sec(at->ctx->now)}};
    is_outcome(confirm(at, &person, "123456", &codes), CLOUDEP_ENROLMENT_UNKNOWN, "nothing to confirm yet");
    is_outcome(cloudep_pending_totp_url(at->ctx, &person.who, &first), CLOUDEP_ENROLMENT_UNKNOWN, "nor to be shown");
    flow.config.freshness = 300;
    person.who.proofs.now += 300;
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_FRESH_PROOF_NEEDED,
               "an old proof begins no enrolment");
    person.who.proofs.now -= 300;
    flow.config.freshness = 900;
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_DONE, "an enrolment begins");
    is_outcome(cloudep_pending_totp_url(at->ctx, &person.who, &first), CLOUDEP_DONE, "what is shown of it");
    is_str(first, start.url, "is what it began with");
    is_value("true", "it is good for as long as it says",
             "SELECT (abs(extract(epoch FROM pending_expires_at - now()) - $2::integer) < 60)::text FROM cloudep.totp"
             " WHERE uid = $1::uuid",
             person.who.uid, apr_itoa(at->p, (int)start.expires_in));
    is_str(start.account, person.email, "the authenticator shows the login address");
    is_str(start.issuer, "Tenant " SLUG, "and the tenant's name");
    postgres_sql("UPDATE cloudep.tenants SET totp_issuer = 'An issuer of its own'");
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_DONE, "it begins anew");
    is_str(start.issuer, "An issuer of its own", "or what the tenant has for that");
    postgres_sql("UPDATE cloudep.tenants SET totp_issuer = NULL");
    read_secret(at, &person, "pending_secret");
    first = code_of(at, &person, 0);
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_DONE, "it begins again");
    read_secret(at, &person, "pending_secret");
    code = code_of(at, &person, 0);
    if (strcmp(first, code) != 0) {
        is_outcome(confirm(at, &person, first, &codes), CLOUDEP_TOTP_WRONG, "the code of the secret before is wrong");
    }
    at->ctx->network = "198.51.100.50";
    is_outcome(confirm(at, &person, flow_wrong(at, code), &codes), CLOUDEP_TOTP_WRONG, "a wrong code while enrolling");
    is_value("1", "counts for an unknown network",
             "SELECT failures FROM cloudep.budgets WHERE kind = 'network' AND network = $1", at->ctx->network);
    at->ctx->network = "192.0.2.1";
    postgres_sql("UPDATE cloudep.totp SET pending_expires_at = now() - interval '1 second'");
    is_outcome(confirm(at, &person, code, &codes), CLOUDEP_ENROLMENT_UNKNOWN, "an enrolment whose time is over");
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_DONE, "it begins once more");
    read_secret(at, &person, "pending_secret");
    is_outcome(confirm(at, &person, code_of(at, &person, 1), &codes), CLOUDEP_DONE,
               "a clock that is one step ahead is forgiven");
    is_int(codes ? codes->nelts : 0, 10, "ten backup codes are shown");
    is_outcome(confirm(at, &person, code_of(at, &person, 0), &codes), CLOUDEP_TOTP_ENROLLED, "it is enrolled already");
    is_outcome(cloudep_start_totp(at->ctx, &person.who, &start), CLOUDEP_TOTP_ENROLLED, "and does not begin again");
    is_outcome(cloudep_get_totp(at->ctx, &person.who, &status), CLOUDEP_DONE, "its status can be read");
    ok(status.enrolled && status.backup_codes_remaining == 10, "it is enrolled, with ten backup codes");
    is_value("1", "the member is told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'totp_enabled'", person.email);
    is_outcome(cloudep_remove_totp(at->ctx, &person.who), CLOUDEP_DONE, "it is removed");
    is_outcome(cloudep_renew_backup_codes(at->ctx, &person.who, &codes), CLOUDEP_TOTP_NOT_ENROLLED,
               "and has no backup codes to renew");
    flow.config.account_url = "https://id.test/account/";
    (void)enrol("undone@mfa.test");
    is_value(
        "1 1", "where there are pages the mail has a link, which is kept",
        "SELECT (SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'totp_enabled_undo') || ' ' ||"
        " (SELECT count(*) FROM cloudep.links JOIN cloudep.members USING (tenant_id, uid)"
        "  WHERE email = $1 AND kind = 'undo' AND undoes = 'totp')",
        "undone@mfa.test");
    flow.config.account_url = NULL;
    flow_end(at);
}

/* ---- login ---- */

static void test_codes(void)
{
    person_t person = enrol("codes@mfa.test");
    flow_case_t *at = begin(&person);
    const cloudep_session_t *session;
    const char *challenge = challenge_of(at, &person);
    const char *code = code_of(at, &person, 0);

    is_outcome(finish(at, challenge, flow_wrong(at, code), &session), CLOUDEP_TOTP_WRONG, "a wrong code");
    is_outcome(finish(at, challenge, code_of(at, &person, 2), &session), CLOUDEP_TOTP_WRONG,
               "a code two steps ahead is wrong");
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_DONE, "the right code");
    is_str(session ? session->amr : NULL, "pwd otp mfa", "the session says what proved it");
    is_str(at->ctx->note.method, "totp", "the event says how it was proved");
    is_outcome(finish(at, challenge, code_of(at, &person, 1), &session), CLOUDEP_CHALLENGE_GONE,
               "a challenge that was used");
    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_TOTP_WRONG, "a code that was burned");
    is_outcome(finish(at, challenge_of(at, &person), code_of(at, &person, -1), &session), CLOUDEP_TOTP_WRONG,
               "a code of a step before the burned one");
    at->ctx->now += STEP;
    is_outcome(finish(at, challenge_of(at, &person), code_of(at, &person, 0), &session), CLOUDEP_DONE,
               "the next step's code");
    is_invalid(finish(at, challenge, "1234567", &session), offsetof(cloudep_login_factor_t, code), CLOUDEP_RULE_LENGTH,
               "seven digits are neither");
    flow_end(at);
}

static void test_backup_codes(void)
{
    person_t person = enrol("backup@mfa.test");
    flow_case_t *at = begin(&person);
    const char *code = APR_ARRAY_IDX(person.codes, 3, const char *);
    const cloudep_session_t *session;
    apr_array_header_t *codes;
    cloudep_totp_status_t status;

    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_DONE, "a backup code logs in");
    is_str(session ? session->amr : NULL, "pwd mfa", "the session says that there was a second factor");
    is_str(at->ctx->note.method, "backup_code", "the event says which");
    is_str(session ? session->mfa_method : NULL, CLOUDEP_MFA_BACKUP_CODE, "the session, too");
    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_BACKUP_CODE_WRONG,
               "a backup code serves once");
    is_value("1", "its use is told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'backup_code_used'", person.email);
    is_str(flow_param(at, person.email, "backup_code_used", "remaining"), "9", "which says how many are left");
    is_outcome(cloudep_renew_backup_codes(at->ctx, &person.who, &codes), CLOUDEP_DONE, "new backup codes");
    is_value("1", "are told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'backup_codes_renewed'",
             person.email);
    is_outcome(finish(at, challenge_of(at, &person), APR_ARRAY_IDX(person.codes, 4, const char *), &session),
               CLOUDEP_BACKUP_CODE_WRONG, "the old ones are dead");
    is_outcome(finish(at, challenge_of(at, &person), APR_ARRAY_IDX(codes, 0, const char *), &session), CLOUDEP_DONE,
               "the new ones count");
    is_outcome(cloudep_get_totp(at->ctx, &person.who, &status), CLOUDEP_DONE, "the status after that");
    is_int(status.backup_codes_remaining, 9, "nine are left");
    flow_end(at);
}

/* What each of several requests brings. */
typedef struct try_t {
    const char *challenges[4];
    const char *code;
    apr_time_t now;
} try_t;

static cloudep_outcome_t try_numbered(flow_case_t *at, int number, void *tryv)
{
    const try_t *all = tryv;
    const cloudep_session_t *session;

    at->ctx->now = all->now;
    return finish(at, all->challenges[number], all->code, &session);
}

static void test_one_code_at_once(void)
{
    person_t person = enrol("once@mfa.test");
    flow_case_t *at = begin(&person);
    try_t all = {.code = code_of(at, &person, 0), .now = at->ctx->now};
    flow_crowd_t crowd = {.run = try_numbered, .baton = &all};
    const cloudep_session_t *session;
    int left = -1;

    for (int i = 0; i < 4; i++) {
        all.challenges[i] = challenge_of(at, &person);
    }
    flow_crowd(&crowd, 4);
    is_int(flow_ended(&crowd, 4, CLOUDEP_DONE), 1, "of four logins with the same code at once one succeeds");
    is_int(flow_ended(&crowd, 4, CLOUDEP_TOTP_WRONG), 3, "to the other three the code is wrong");
    for (int i = 0; i < 4; i++) {
        left = crowd.reasons[i] == CLOUDEP_TOTP_WRONG ? i : left;
    }
    at->ctx->now += STEP;
    is_outcome(finish(at, all.challenges[left], code_of(at, &person, 0), &session), CLOUDEP_DONE,
               "a challenge whose code was burned by another login serves with the next code");
    flow_end(at);
}

static void test_changed_meanwhile(void)
{
    person_t person = enrol("meanwhile@mfa.test");
    flow_case_t *at = begin(&person);
    cloudep_login_factor_t in = {.tenant_slug = "other", .challenge_id = challenge_of(at, &person)};
    const char *code = code_of(at, &person, 0);
    const cloudep_session_t *session;

    in.code = code;
    is_outcome(cloudep_login_second_factor(at->ctx, &in, &session), CLOUDEP_CHALLENGE_MISMATCH,
               "a challenge at another tenant");
    is_outcome(finish(at, "AAAAAAAAAAAAAAAAAAAAAA", code, &session), CLOUDEP_CHALLENGE_GONE,
               "a challenge that was never made");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'meanwhile@mfa.test'");
    is_outcome(finish(at, in.challenge_id, code, &session), CLOUDEP_LOGIN_REFUSED,
               "a member who was suspended after the password");
    postgres_sql("UPDATE cloudep.members SET status = 'active' WHERE email = 'meanwhile@mfa.test'");
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(finish(at, in.challenge_id, code, &session), CLOUDEP_LOGIN_REFUSED,
               "a tenant that was closed after the password");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    in.any_tenant = 1;
    is_outcome(cloudep_login_second_factor(at->ctx, &in, &session), CLOUDEP_TENANT_UNKNOWN,
               "a challenge of any tenant, which is named as another's");
    is_outcome(cloudep_remove_totp(at->ctx, &person.who), CLOUDEP_DONE, "the authenticator is removed");
    is_outcome(finish(at, in.challenge_id, code, &session), CLOUDEP_CHALLENGE_GONE,
               "a login whose second factor was removed begins again");
    flow_end(at);
}

/* The row that says so alone, without what goes with it. */
static void test_rows_changed_meanwhile(void)
{
    person_t person = enrol("rows@mfa.test");
    flow_case_t *at = begin(&person);
    const char *challenge = challenge_of(at, &person);
    const char *code = code_of(at, &person, 0);
    const cloudep_session_t *session;

    postgres_sql("UPDATE cloudep.members SET generation = generation + 1 WHERE email = 'rows@mfa.test'");
    is_outcome(finish(at, challenge, flow_wrong(at, code), &session), CLOUDEP_CHALLENGE_GONE,
               "a login of credentials that changed since is over before a code is compared");
    postgres_sql("UPDATE cloudep.members SET generation = generation - 1 WHERE email = 'rows@mfa.test'");
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_CHALLENGE_GONE, "and does not come back");
    challenge = challenge_of(at, &person);
    postgres_sql("UPDATE cloudep.totp SET secret = NULL, enrolled_at = NULL FROM cloudep.members m"
                 " WHERE m.uid = totp.uid AND m.email = 'rows@mfa.test'");
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_CHALLENGE_GONE,
               "nor does one go on whose authenticator is gone");
    flow_end(at);
}

/* What opens the session, and how many there may be. */
static void test_session(void)
{
    person_t person = enrol("session@mfa.test");
    flow_case_t *at = begin(&person);
    const cloudep_first_factor_t first = {.amr = "sms", .opened_with = CLOUDEP_OPENED_LOGIN_PHONE};
    const cloudep_first_factor_t mailed = {.amr = "otp", .opened_with = CLOUDEP_OPENED_OTP};
    cloudep_login_factor_t both = {.tenant_slug = SLUG, .code = "123456", .credential = {.id = "AA"}};
    const int before = flow.config.sessions_per_member;
    const cloudep_session_t *session;
    const cloudep_tenant_t *tenant;
    const cloudep_member_t *member;
    cloudep_login_result_t begun = {0};

    flow_must(cloudep_member_by_email(flow.run.db, at->p, &tenant, &member, SLUG, person.email), "the member");
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &first, &begun), CLOUDEP_DONE,
               "a first factor that was right");
    ok(!begun.session && !begun.passkey, "asks for a code only, where there is no passkey");
    is_int(begun.mfa_expires_in, flow.config.code_lifetime, "for as long as a code lives");
    flow.config.sessions_per_member = 1;
    is_outcome(finish(at, begun.mfa_challenge_id, code_of(at, &person, 0), &session), CLOUDEP_DONE, "the second one");
    is_value("sms otp mfa login_phone totp", "the session has both, and what the first was",
             "SELECT concat_ws(' ', amr, opened_with, mfa_method) FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    is_value("1", "where one session may be the others end",
             "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL", person.who.uid);
    flow.config.sessions_per_member = before;
    is_outcome(cloudep_complete_login(at->ctx, tenant, member, &mailed, &begun), CLOUDEP_DONE, "a mailed code");
    is_outcome(finish(at, begun.mfa_challenge_id, code_of(at, &person, 1), &session), CLOUDEP_DONE, "and the second");
    is_str(session ? session->amr : NULL, "otp mfa", "are one-time codes both, which is said once");
    is_outcome(finish(at, begun.mfa_challenge_id, NULL, &session), CLOUDEP_FIELD_MISSING, "neither code nor passkey");
    both.challenge_id = begun.mfa_challenge_id;
    is_invalid(cloudep_login_second_factor(at->ctx, &both, &session), offsetof(cloudep_login_factor_t, code),
               CLOUDEP_RULE_NOT_ALLOWED, "both at once");
    is_outcome(finish(at, "AAAAAAAAAAAAAAAAAAAAAA", NULL, &session), CLOUDEP_FIELD_MISSING,
               "is told before the challenge is looked at");
    flow_end(at);
}

/* A network that the member was never let in from has guesses of its own. */
static void test_network(void)
{
    person_t person = enrol("network@mfa.test");
    flow_case_t *at = begin(&person);
    const char *challenge = challenge_of(at, &person);
    const cloudep_session_t *session;

    at->ctx->address = at->ctx->network = "198.51.100.77";
    is_outcome(finish(at, challenge, flow_wrong(at, code_of(at, &person, 0)), &session), CLOUDEP_TOTP_WRONG,
               "a wrong code from an unknown network");
    is_outcome(finish(at, challenge, "12345678", &session), CLOUDEP_BACKUP_CODE_WRONG, "a wrong backup code");
    is_value("2", "both count for the network",
             "SELECT failures FROM cloudep.budgets WHERE kind = 'network' AND subject = 'guesses' AND network = $1",
             "198.51.100.77");
    flow_end(at);
}

static void test_limits(void)
{
    person_t person = enrol("limits@mfa.test");
    flow_case_t *at = begin(&person);
    const char *challenge = challenge_of(at, &person);
    const char *code = code_of(at, &person, 0);
    const char *wrong = flow_wrong(at, code);
    const cloudep_session_t *session;
    cloudep_outcome_t outcome;

    for (int i = 1; i <= flow.config.code_attempts; i++) {
        is_outcome(finish(at, challenge, wrong, &session), CLOUDEP_TOTP_WRONG,
                   apr_psprintf(at->p, "wrong code number %d of a challenge", i));
    }
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_CHALLENGE_GONE,
               "the right code of a challenge whose guesses are used up");
    challenge = challenge_of(at, &person);
    while ((outcome = finish(at, challenge, wrong, &session)).reason == CLOUDEP_TOTP_WRONG) {
        /* until the account's limit is reached, over all challenges */
    }
    is_outcome(outcome, CLOUDEP_TOO_MANY_FACTORS, "too many wrong codes over several challenges");
    ok(outcome.retry_after > 0 && outcome.retry_after <= flow.config.guess_wait, "it says how long to wait");
    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_TOO_MANY_FACTORS,
               "the right code has to wait as well");
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now()");
    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_DONE, "the right code after the wait");
    is_value(NULL, "it forgets the account's failures",
             "SELECT failures::text FROM cloudep.budgets WHERE kind = 'factor' AND subject = $1", person.who.uid);
    flow_end(at);
}

static void test_restored(void)
{
    person_t person = enrol("restored@mfa.test");
    flow_case_t *at = begin(&person);
    const char *challenge = challenge_of(at, &person);
    const char *code = code_of(at, &person, 0);
    const cloudep_session_t *session;

    flow_revoke("INSERT ON cloudep.sessions");
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_DATABASE_FAILED,
               "a login that the database cannot store");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(finish(at, challenge, code, &session), CLOUDEP_DONE,
               "the same challenge and code serve once the database can: neither was used up");
    flow_end(at);
}

/* ---- fresh proof ---- */

static void test_fresh_proof(void)
{
    person_t person = enrol("fresh@mfa.test");
    flow_case_t *at = begin(&person);
    const cloudep_totp_code_t in = {.code = code_of(at, &person, 0)};
    const cloudep_totp_code_t again = {.code = code_of(at, &person, 0)};
    apr_array_header_t *codes;

    flow.config.freshness = 300;
    person.who.proofs.second_factor = 1;
    is_outcome(cloudep_remove_totp(at->ctx, &person.who), CLOUDEP_FRESH_PROOF_NEEDED,
               "TOTP is not removed by a session without a second factor");
    is_outcome(cloudep_verify_totp(at->ctx, &person.who, &in), CLOUDEP_DONE, "the session proves one");
    is_outcome(cloudep_verify_totp(at->ctx, &person.who, &again), CLOUDEP_TOTP_WRONG, "the same code a second time");
    is_value("t", "the session's row has it", "SELECT mfa_at IS NOT NULL FROM cloudep.sessions WHERE id = $1::uuid",
             person.who.session_id);
    person.who.proofs.mfa_at = person.who.proofs.now; /* as the next request's look-up finds it */
    person.who.proofs.now += 299;
    is_outcome(cloudep_renew_backup_codes(at->ctx, &person.who, &codes), CLOUDEP_DONE,
               "a proof of 299 seconds ago is fresh, of 300");
    person.who.proofs.now++;
    is_outcome(cloudep_renew_backup_codes(at->ctx, &person.who, &codes), CLOUDEP_FRESH_PROOF_NEEDED,
               "a proof of 300 seconds ago is not");
    flow.config.freshness = 0;
    is_outcome(cloudep_remove_totp(at->ctx, &person.who), CLOUDEP_DONE, "with CloudEPFreshness 0 none is needed");
    flow.config.freshness = 900;
    is_outcome(cloudep_remove_totp(at->ctx, &person.who), CLOUDEP_DONE, "that there is none is no failure");
    is_outcome(cloudep_verify_totp(at->ctx, &person.who, &in), CLOUDEP_TOTP_NOT_ENROLLED, "nothing is left to prove");
    is_value("1", "one mail told that TOTP is off",
             "SELECT count(*) FROM cloudep.outbox WHERE target = $1 AND template = 'totp_disabled'", person.email);
    flow_end(at);
}

/* ---- removal by password, code or both ---- */

static cloudep_outcome_t disable(flow_case_t *at, const cloudep_principal_t *who, const char *password,
                                 const char *code)
{
    return cloudep_disable_totp(at->ctx, who, &(cloudep_totp_removal_t){.password = password, .code = code});
}

static void test_removal(void)
{
    person_t person = enrol("removal@mfa.test");
    flow_case_t *at = begin(&person);
    const char *code = code_of(at, &person, 0);
    const char *wrong = flow_wrong(at, code);
    cloudep_principal_t who = person.who;

    flow_must(cloudep_member_by_uid(flow.run.db, at->p, &who.member, who.tenant_id, who.uid), "the member");
    flow.config.freshness = 300;
    who.proofs.second_factor = 1;
    is_outcome(disable(at, &who, NULL, NULL), CLOUDEP_FIELD_MISSING, "neither password nor code");
    is_invalid(disable(at, &who, NULL, "1234567"), offsetof(cloudep_totp_removal_t, code), CLOUDEP_RULE_LENGTH,
               "seven digits");
    is_outcome(disable(at, &who, FLOW_PASSWORD, NULL), CLOUDEP_FRESH_PROOF_NEEDED,
               "the password in a session without the factor");
    is_outcome(disable(at, &who, FLOW_PASSWORD, wrong), CLOUDEP_TOTP_WRONG, "nor beside a wrong code");
    who.proofs.mfa_at = who.proofs.now;
    flow.config.off = CLOUDEP_NEEDS_PROVIDER;
    is_outcome(disable(at, &who, FLOW_PASSWORD, NULL), CLOUDEP_NOT_CONFIGURED, "where no password is compared");
    flow.config.off = 0;
    is_outcome(disable(at, &who, "not the password", wrong), CLOUDEP_PASSWORD_WRONG, "both wrong");
    free(postgres_value("UPDATE cloudep.budgets SET blocked_until = now() + interval '1 minute'"
                        " WHERE kind = 'factor' AND subject = $1 RETURNING subject",
                        who.uid, NULL));
    is_outcome(disable(at, &who, FLOW_PASSWORD, code), CLOUDEP_TOO_MANY_FACTORS,
               "whoever has to wait does not go round by the password");
    postgres_sql("DELETE FROM cloudep.budgets");
    is_outcome(disable(at, &who, FLOW_PASSWORD, flow_wrong(at, code)), CLOUDEP_DONE,
               "the password in a session with the factor, though the code is wrong");
    is_value("0", "removes it", "SELECT count(*) FROM cloudep.totp WHERE uid = $1::uuid AND secret IS NOT NULL",
             who.uid);
    is_outcome(disable(at, &who, "not the password", NULL), CLOUDEP_PASSWORD_WRONG,
               "where there is none a wrong password is wrong all the same");
    is_outcome(disable(at, &who, FLOW_PASSWORD, NULL), CLOUDEP_DONE, "and a right one no failure");
    is_outcome(disable(at, &who, NULL, "123456"), CLOUDEP_DONE, "nor any code");
    flow.config.freshness = 900;
    flow_end(at);
}

static void test_removal_by_code(void)
{
    person_t person = enrol("removal-code@mfa.test");
    flow_case_t *at = begin(&person);
    cloudep_principal_t who = person.who;

    flow.config.freshness = 300;
    who.proofs.second_factor = 1;
    is_outcome(disable(at, &who, "not the password", code_of(at, &person, 0)), CLOUDEP_DONE,
               "a right code removes the factor, whatever the password");
    flow.config.freshness = 900;
    flow_end(at);
}

/* ---- the authenticator alone ---- */

static cloudep_outcome_t login_alone(flow_case_t *at, const char *email, const char *code,
                                     const cloudep_session_t **session)
{
    const cloudep_totp_login_t in = {.tenant_slug = SLUG, .email = email, .code = code};

    *session = NULL;
    return cloudep_login_by_totp(at->ctx, &in, session);
}

static void allow_alone(const char *allowed)
{
    free(postgres_value("UPDATE cloudep.tenants SET totp_login = $1::boolean WHERE slug = '" SLUG "'", allowed, NULL));
}

static void test_alone(void)
{
    person_t person = enrol("alone@mfa.test");
    flow_case_t *at = begin(&person);
    const char *code = code_of(at, &person, 0);
    const cloudep_session_t *session;

    flow_member(at, SLUG, "plain@mfa.test", &session);
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_CHALLENGE_GONE,
               "the authenticator alone logs nobody in at first");
    allow_alone("true");
    is_outcome(login_alone(at, NULL, code, &session), CLOUDEP_FIELD_MISSING, "a login that says not whose");
    is_invalid(login_alone(at, person.email, APR_ARRAY_IDX(person.codes, 0, const char *), &session),
               offsetof(cloudep_totp_login_t, code), CLOUDEP_RULE_LENGTH, "a backup code is none of the authenticator");
    is_outcome(login_alone(at, "nobody@mfa.test", code, &session), CLOUDEP_TOTP_WRONG, "the code of nobody is wrong");
    is_outcome(login_alone(at, "plain@mfa.test", code, &session), CLOUDEP_TOTP_WRONG,
               "so is that of a member without an authenticator");
    is_outcome(login_alone(at, person.email, flow_wrong(at, code), &session), CLOUDEP_TOTP_WRONG, "a wrong code");
    is_value("1", "a wrong one counts as a wrong password does",
             "SELECT failures::text FROM cloudep.budgets WHERE kind = 'password' AND subject = $1", person.who.uid);
    is_value(NULL, "and as no second factor",
             "SELECT failures::text FROM cloudep.budgets WHERE kind = 'factor' AND subject = $1", person.who.uid);
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_DONE, "the right code logs in");
    is_value("otp none totp", "by one factor",
             "SELECT amr || ' ' || coalesce(mfa_method, CASE WHEN mfa_at IS NULL THEN 'none' END) || ' ' || opened_with"
             " FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    is_value(NULL, "it forgets the failures that judged it",
             "SELECT failures::text FROM cloudep.budgets WHERE kind = 'password' AND subject = $1", person.who.uid);
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_TOTP_WRONG, "a code logs in once");
    is_outcome(finish(at, challenge_of(at, &person), code, &session), CLOUDEP_TOTP_WRONG,
               "nor is it a second factor after that");
    flow_end(at);
}

static cloudep_outcome_t alone_numbered(flow_case_t *at, int number, void *tryv)
{
    const try_t *all = tryv;
    const cloudep_session_t *session;

    (void)number;
    at->ctx->now = all->now;
    return login_alone(at, all->challenges[0], all->code, &session);
}

static void test_alone_at_once(void)
{
    person_t person = enrol("alone-once@mfa.test");
    flow_case_t *at = begin(&person);
    try_t all = {.challenges = {person.email}, .code = code_of(at, &person, 0), .now = at->ctx->now};
    flow_crowd_t crowd = {.run = alone_numbered, .baton = &all};

    flow_crowd(&crowd, 4);
    is_int(flow_ended(&crowd, 4, CLOUDEP_DONE), 1,
           "of four logins by the authenticator alone with one code, one succeeds");
    is_int(flow_ended(&crowd, 4, CLOUDEP_TOTP_WRONG), 3, "and to the others it is wrong");
    flow_end(at);
}

#define MOST_TRIES 200 /* more than any budget has */

static void test_alone_refused(void)
{
    person_t person = enrol("alone-refused@mfa.test");
    flow_case_t *at = begin(&person);
    const char *code = code_of(at, &person, 0);
    const cloudep_session_t *session;
    cloudep_outcome_t outcome = {.reason = CLOUDEP_TOTP_WRONG};

    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'alone-refused@mfa.test'");
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_SUSPENDED,
               "a suspended member with a right code");
    is_outcome(login_alone(at, person.email, flow_wrong(at, code), &session), CLOUDEP_TOTP_WRONG,
               "is not told so with a wrong one");
    postgres_sql("UPDATE cloudep.members SET status = 'active' WHERE email = 'alone-refused@mfa.test'");
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_TENANT_CLOSED, "a tenant that lets nobody in");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    for (int i = 0; i < MOST_TRIES && outcome.reason == CLOUDEP_TOTP_WRONG; i++) {
        outcome = login_alone(at, person.email, flow_wrong(at, code), &session);
    }
    is_outcome(outcome, CLOUDEP_TOO_MANY_PASSWORDS, "too many wrong codes");
    is_outcome(login_alone(at, person.email, code, &session), CLOUDEP_TOO_MANY_PASSWORDS, "keep the right one out");
    is_outcome(flow_login(at, SLUG, person.email, FLOW_PASSWORD, &(cloudep_login_result_t){0}),
               CLOUDEP_TOO_MANY_PASSWORDS, "and the password");
    outcome.reason = CLOUDEP_TOTP_WRONG;
    for (int i = 0; i < MOST_TRIES && outcome.reason == CLOUDEP_TOTP_WRONG; i++) {
        outcome = login_alone(at, "nobody-there@mfa.test", code, &session);
    }
    is_outcome(outcome, CLOUDEP_TOO_MANY_PASSWORDS, "too many codes of nobody");
    postgres_sql("DELETE FROM cloudep.budgets");
    flow_end(at);
}

static void test_never_second_factor(void)
{
    person_t beside = enrol("alone-beside@mfa.test");
    person_t person = enrol("alone-second@mfa.test");
    flow_case_t *at = begin(&person);
    const cloudep_session_t *session, *other, *of_beside;
    cloudep_principal_t who, enrolled;
    cloudep_totp_code_t in;

    is_outcome(login_alone(at, beside.email, code_of(at, &beside, 0), &of_beside), CLOUDEP_DONE,
               "somebody else's login");
    is_outcome(login_alone(at, person.email, code_of(at, &person, 0), &session), CLOUDEP_DONE, "a login by it alone");
    at->ctx->now += STEP;
    who = flow_principal(at, session->tenant_id, session->id, session->uid);
    enrolled = flow_principal(at, person.who.tenant_id, person.who.session_id, person.who.uid);
    ok(who.proofs.by_totp && !enrolled.proofs.by_totp, "that session is told from others");
    in.code = code_of(at, &person, 0);
    is_outcome(cloudep_verify_totp(at->ctx, &who, &in), CLOUDEP_FRESH_PROOF_NEEDED,
               "the next code is no second factor of that session");
    in.code = APR_ARRAY_IDX(person.codes, 0, const char *);
    is_outcome(cloudep_verify_totp(at->ctx, &who, &in), CLOUDEP_FRESH_PROOF_NEEDED, "nor is a backup code");
    is_value("t", "the session has none", "SELECT mfa_at IS NULL FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    is_outcome(cloudep_reauthenticate(at->ctx, &who, &(const cloudep_reauthentication_t){.password = FLOW_PASSWORD}),
               CLOUDEP_DONE, "the password is");
    who = flow_principal(at, session->tenant_id, session->id, session->uid);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_DONE, "and a fresh proof");
    who = flow_principal(at, person.who.tenant_id, person.who.session_id, person.who.uid);
    is_outcome(cloudep_reauthenticate(at->ctx, &who, &(const cloudep_reauthentication_t){.password = FLOW_PASSWORD}),
               CLOUDEP_FRESH_PROOF_NEEDED, "in a session that another credential opened it is not");
    at->ctx->now += STEP;
    is_outcome(login_alone(at, person.email, code_of(at, &person, 0), &other), CLOUDEP_DONE, "another one");
    who.proofs.mfa_at = apr_time_sec(at->ctx->now);
    is_outcome(cloudep_remove_totp(at->ctx, &who), CLOUDEP_DONE, "the authenticator is removed");
    is_value("2", "what it alone has opened has ended",
             "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoke_reason = 'authenticator removed'",
             person.who.uid);
    is_value("t", "nothing of another member", "SELECT revoked_at IS NULL FROM cloudep.sessions WHERE id = $1::uuid",
             of_beside->id);
    is_value("t", "and nothing else", "SELECT revoked_at IS NULL FROM cloudep.sessions WHERE id = $1::uuid",
             person.who.session_id);
    allow_alone("false");
    flow_end(at);
}

static void test_email_of_challenge(void)
{
    person_t person = enrol("whose@mfa.test");
    flow_case_t *at = begin(&person);
    const cloudep_session_t *session = NULL;
    cloudep_login_factor_t in = {.tenant_slug = SLUG,
                                 .challenge_id = challenge_of(at, &person),
                                 .email = "alone@mfa.test",
                                 .code = code_of(at, &person, 0)};

    is_outcome(cloudep_login_second_factor(at->ctx, &in, &session), CLOUDEP_CHALLENGE_MISMATCH,
               "a code with another member's email");
    in.email = person.email;
    is_outcome(cloudep_login_second_factor(at->ctx, &in, &session), CLOUDEP_DONE, "the same with the own one");
    flow_end(at);
}

int main(void)
{
    flow_start();
    flow_tenant(SLUG);
    flow_tenant("other");
    test_enrolment();
    test_codes();
    test_backup_codes();
    test_one_code_at_once();
    test_changed_meanwhile();
    test_rows_changed_meanwhile();
    test_session();
    test_network();
    test_limits();
    test_restored();
    test_removal();
    test_removal_by_code();
    test_fresh_proof();
    test_alone();
    test_alone_at_once();
    test_alone_refused();
    test_never_second_factor();
    test_email_of_challenge();
    return done_testing();
}
