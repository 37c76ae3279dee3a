/*
 * stores_test.c - the stores on a real PostgreSQL, as httpd's role: each function is run, which shows that it gives its
 * statement as many arguments as that has, and what it promises of rows that are there and of rows that are not.
 */
#include <apr_general.h>

#include "base/crypto/random.h"
#include "base/store/contact_store.h"
#include "base/store/credential_store.h"
#include "base/store/event_store.h"
#include "base/store/identity_store.h"
#include "base/store/link_store.h"
#include "base/store/liveness_store.h"
#include "base/store/operator_store.h"
#include "base/store/own_session_store.h"
#include "base/store/passkey_store.h"
#include "base/store/password_store.h"
#include "base/store/registration_store.h"
#include "base/store/sweep_store.h"
#include "base/store/totp_store.h"
#include "counted.h"
#include "postgres.h"
#include "tap.h"

static cloudep_db_t *db;
static apr_pool_t *p;
static const cloudep_tenant_t *tenant;

static const char *uuid(void)
{
    const char *id = NULL;

    if (cloudep_random_uuid(&id, p) != APR_SUCCESS) {
        postgres_bail_out("no randomness");
    }
    return id;
}

static void is_value(const char *want, const char *name, const char *sql, const char *value)
{
    char *got = postgres_value(sql, value, NULL);

    is_str(got, want, name);
    free(got);
}

static const cloudep_message_t *notice(const char *uid)
{
    cloudep_message_t *message = apr_pcalloc(p, sizeof(*message));

    *message = (cloudep_message_t){.tenant_id = tenant->id,
                                   .uid = uid,
                                   .channel = CLOUDEP_CHANNEL_MAIL,
                                   .target = "a@example.com",
                                   .template = "notice",
                                   .params = "sealed",
                                   .lifetime = "60"};
    return message;
}

static cloudep_session_t session_of(const char *uid, const char *amr, const char *mfa_method)
{
    return (cloudep_session_t){.tenant_id = tenant->id,
                               .id = uuid(),
                               .uid = uid,
                               .amr = amr,
                               .mfa_method = mfa_method,
                               .generation = "0",
                               .opened_with = CLOUDEP_OPENED_PASSWORD,
                               .address = "127.0.0.1",
                               .idle = 600,
                               .lifetime = 3600};
}

static cloudep_applicant_t applicant_of(const char *uid, const char *email)
{
    return (cloudep_applicant_t){.tenant_id = tenant->id,
                                 .uid = uid,
                                 .email = email,
                                 .invite_code = "CODE",
                                 .origin = "platform_native",
                                 .provider = "local",
                                 .display_name = "A",
                                 .language = "en",
                                 .terms_version = "1",
                                 .marketing_opt_in = 1};
}

/* An attempt at a member's row; its challenge is named after its uid. */
static cloudep_registration_attempt_t attempt_of(const char *member_uid, const char *uid, const char *email)
{
    return (cloudep_registration_attempt_t){.tenant_id = tenant->id,
                                            .uid = uid,
                                            .member_uid = member_uid,
                                            .email = email,
                                            .challenge_id = uid,
                                            .password = "phc",
                                            .display_name = "A",
                                            .language = "en",
                                            .terms_version = "1",
                                            .marketing_opt_in = 1};
}

/* An active member. */
static const char *register_member(const char *email)
{
    const char *uid = uuid();
    const cloudep_applicant_t applicant = applicant_of(uid, email);
    const cloudep_registration_attempt_t attempt = attempt_of(uid, uid, email);
    cloudep_confirming_t how = {0};
    cloudep_session_t session = session_of(uid, "otp", NULL);

    if (cloudep_member_reserve(db, p, &applicant) != APR_SUCCESS ||
        cloudep_registration_begin(db, p, &attempt, NULL, notice(uid)) != APR_SUCCESS ||
        cloudep_registration_confirm(db, p, &how, &session) != APR_SUCCESS) {
        postgres_bail_out("no member");
    }
    return uid;
}

static void test_tenant(void)
{
    const cloudep_tenant_t *again = NULL;
    cloudep_admission_t admission;

    postgres_sql("INSERT INTO cloudep.tenants (slug, name, redirect_uris, organization)"
                 " VALUES ('acme', 'Acme', '{https://a.example/,https://b.example/}', 'org');"
                 "INSERT INTO cloudep.invites (tenant_id, code, max_uses) SELECT id, 'CODE', 100 FROM cloudep.tenants;"
                 "INSERT INTO cloudep.invites (tenant_id, code, max_uses, uses, expires_at)"
                 " SELECT id, 'OLD', 1, 1, now() FROM cloudep.tenants");
    is_int(cloudep_tenant_by_slug(db, p, &tenant, "acme"), APR_SUCCESS, "a tenant is found by its slug");
    is_str(tenant->name, "Acme", "a tenant has its name");
    is_str(tenant->redirect_uris, "https://a.example/\nhttps://b.example/\n", "a tenant has its redirect URIs");
    is_str(tenant->totp_issuer, NULL, "a tenant without an issuer has none");
    is_str(tenant->organization, "org", "a tenant has its organization, the last of its columns");
    ok(tenant->registration && tenant->login, "a tenant is open for registration and login");
    is_int(cloudep_tenant_by_id(db, p, &again, tenant->id), APR_SUCCESS, "a tenant is found by its id");
    is_int(cloudep_tenant_by_slug(db, p, &again, "nobody"), APR_NOTFOUND, "no tenant is found by another slug");
    is_int(cloudep_tenant_admission(db, p, &admission, "acme", "OLD", NULL), APR_SUCCESS, "an invite is looked at");
    ok(admission.invite_known && admission.invite_expired && admission.invite_used_up && !admission.email_taken,
       "the invite is known, expired and used up, and no email was asked for");
}

static void test_registration(void)
{
    const char *uid = uuid();
    const cloudep_applicant_t applicant = applicant_of(uid, "a@example.com");
    cloudep_applicant_t other = applicant_of(uuid(), "b@example.com");
    const cloudep_registration_attempt_t attempt = attempt_of(uid, uid, "a@example.com");
    cloudep_confirming_t how = {.stores_password = 1};
    cloudep_session_t session = session_of(uid, "otp", NULL);
    const cloudep_member_t *member = NULL;
    const cloudep_tenant_t *found = NULL;

    is_int(cloudep_member_reserve(db, p, &applicant), APR_SUCCESS, "an email and a use of the invite are taken");
    is_value("1", "the invite counts one use", "SELECT uses FROM cloudep.invites WHERE code = $1", "CODE");
    is_int(cloudep_member_reserve(db, p, &applicant), CLOUDEP_ECONFLICT, "an email is taken once");
    is_value("1", "a taken email costs no use", "SELECT uses FROM cloudep.invites WHERE code = $1", "CODE");
    other.invite_code = "OLD";
    is_int(cloudep_member_reserve(db, p, &other), APR_NOTFOUND, "an invite that is over lets nobody in");
    is_int(cloudep_registration_confirm(db, p, &how, &session), APR_NOTFOUND, "a reserved member is not activated");
    is_int(cloudep_registration_begin(db, p, &attempt, "phc", notice(uid)), APR_SUCCESS, "the member waits for a code");
    is_int(cloudep_registration_begin(db, p, &attempt, "phc", notice(uid)), APR_NOTFOUND, "and does so once");
    is_value("notice", "the message with the code is enqueued",
             "SELECT template FROM cloudep.outbox WHERE uid = $1::uuid", uid);
    is_int(cloudep_member_activate(db, p, &session), APR_NOTFOUND, "not without its attempt");
    is_int(cloudep_registration_confirm(db, p, &how, &session), APR_SUCCESS, "the member is activated");
    ok(how.has_password && how.has_terms, "with the password and the terms of its attempt");
    ok(session.refresh_seq == 1 && session.auth_time > 0 && session.rotated_at == session.auth_time &&
           session.idle_expires_at == session.auth_time + 600,
       "the session has its generation and its times");
    is_int(cloudep_member_by_email(db, p, &found, &member, "acme", "a@example.com"), APR_SUCCESS,
           "the member is found by email");
    ok(member && member->status == CLOUDEP_MEMBER_ACTIVE && !strcmp(member->uid, uid) && !member->totp_enrolled &&
           member->created_at > 0 && member->updated_at >= member->created_at && !strcmp(found->id, tenant->id),
       "the member found by email has its tenant, status and times");
    is_int(cloudep_member_by_email(db, p, &found, &member, "acme", "nobody@example.com"), APR_SUCCESS,
           "the tenant is found with an email of nobody");
    ok(found && !member, "the tenant found with an email of nobody comes without a member");
}

/* Two people at one address: the one whose attempt is confirmed is the member, and nothing is left of the other. */
static void test_attempts(void)
{
    const char *first = uuid();
    const char *second = uuid();
    const char *lease = uuid();
    const char *later = uuid();
    const cloudep_applicant_t applicant = applicant_of(first, "two@example.com");
    const cloudep_registration_attempt_t theirs = attempt_of(first, first, "two@example.com");
    cloudep_registration_attempt_t ours = attempt_of(first, second, "two@example.com");
    cloudep_session_t session = session_of(second, "otp", NULL);
    cloudep_confirming_t how = {.lease = later, .drops_password = 1};
    cloudep_registration_state_t state = {0};
    cloudep_leased_t leased = {0};
    apr_array_header_t *stale;

    ours.password = "sealed";
    ours.display_name = ours.terms_version = NULL;
    is_int(cloudep_member_reserve(db, p, &applicant), APR_SUCCESS, "the first one reserves the email");
    is_int(cloudep_registration_begin(db, p, &theirs, "phc", notice(first)), APR_SUCCESS, "and waits for a code");
    is_int(cloudep_registration_add(db, p, &ours, CLOUDEP_NO_MESSAGE), APR_SUCCESS, "the second one has an attempt");
    is_int(cloudep_registration_by_challenge(db, p, &state, tenant->id, second, 60), APR_SUCCESS,
           "an attempt is found by its challenge");
    ok(state.pending && !strcmp(state.uid, second) && !strcmp(state.email, "two@example.com"), "with what it is for");
    is_int(cloudep_registration_by_challenge(db, p, &state, tenant->id, second, 0), APR_NOTFOUND,
           "one that is too old is not");
    ours.challenge_id = "renewed";
    is_int(cloudep_registration_renew(db, p, &ours, notice(second)), APR_SUCCESS, "it gets another challenge");
    is_int(cloudep_registration_by_challenge(db, p, &state, tenant->id, second, 60), APR_NOTFOUND,
           "and is not found by the old one any more");
    is_int(cloudep_registration_by_challenge(db, p, &state, tenant->id, "renewed", 60), APR_SUCCESS, "but by the new");

    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, first, lease, 60), APR_SUCCESS, "a lease is taken");
    ok(leased.user_is_there && leased.others->nelts == 0, "the first one's user is at the provider, and nobody else");
    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, second, later, 60), APR_NOTFOUND,
           "while it lasts nobody else gets it");
    is_int(cloudep_registration_release(db, p, tenant->id, first, lease, first), APR_SUCCESS,
           "it is kept for its attempt");
    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, second, later, 60), APR_NOTFOUND,
           "no other attempt gets it");
    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, first, lease, 60), APR_SUCCESS, "that one does");
    is_int(cloudep_registration_release(db, p, tenant->id, first, lease, NULL), APR_SUCCESS, "it is given back");
    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, second, lease, 0), APR_SUCCESS,
           "the second one takes it");
    ok(!leased.user_is_there && leased.others->nelts == 1 &&
           !strcmp(APR_ARRAY_IDX(leased.others, 0, const char *), first) && !strcmp(leased.password, "sealed") &&
           !strcmp(leased.member_uid, first),
       "and finds the first one's user in its way");
    is_int(cloudep_registration_take_over(db, p, &stale, later, 60, 10), APR_SUCCESS, "a lease that ran out");
    ok(stale->nelts == 1 && APR_ARRAY_IDX(stale, 0, cloudep_stale_t).users->nelts == 2,
       "is taken over, with all users who may be there");
    is_int(cloudep_registration_cleared(db, p, &APR_ARRAY_IDX(stale, 0, cloudep_stale_t), later), APR_SUCCESS,
           "they are removed");
    is_int(cloudep_registration_lease(db, p, &leased, tenant->id, second, later, 60), APR_SUCCESS, "the next one");
    ok(!leased.user_is_there && leased.others->nelts == 0, "finds nobody there");
    how.lease = lease;
    is_int(cloudep_registration_confirm(db, p, &how, &session), APR_NOTFOUND, "a lease that was lost confirms nothing");
    how.lease = later;
    is_int(cloudep_registration_confirm(db, p, &how, &session), APR_SUCCESS, "the one that is held does");
    ok(!how.has_password && !how.has_terms, "what the attempt lacks is told");
    is_value("active - -", "the member has what the second one typed, and no password",
             "SELECT status || ' ' || coalesce(display_name, '-') || ' ' || coalesce(phc, '-') FROM cloudep.members"
             " LEFT JOIN cloudep.credentials USING (tenant_id, uid) WHERE uid = $1::uuid",
             second);
    is_value("0", "no attempt is left", "SELECT count(*) FROM cloudep.registration_attempts WHERE email = $1",
             "two@example.com");
    is_int(cloudep_registration_add(db, p, &theirs, CLOUDEP_NO_MESSAGE), APR_SUCCESS, "one that came too late");
    is_int(cloudep_registration_remove_old(db, p, 0), APR_SUCCESS, "goes with the old ones");
    is_value("0", "and is removed", "SELECT count(*) FROM cloudep.registration_attempts WHERE email = $1",
             "two@example.com");
}

static void test_profile(void)
{
    const char *uid = register_member("profile@example.com");
    const cloudep_profile_t profile = {.avatar = "https://a.example/a.png", .display_name = ""};
    const cloudep_member_t *member = NULL;

    is_int(cloudep_member_update_profile(db, p, &member, tenant->id, uid, &profile), APR_SUCCESS,
           "a profile is changed");
    is_str(member->avatar, "https://a.example/a.png", "what is given is set");
    is_str(member->display_name, NULL, "what is empty is cleared");
    is_str(member->language, "en", "what is not given stays");
    is_int(cloudep_contact_set(db, p, tenant->id, uid, CLOUDEP_CONTACT_EMAIL, "b@example.com", notice(uid)),
           APR_SUCCESS, "a business email is set");
    is_int(cloudep_contact_set(db, p, tenant->id, uid, CLOUDEP_CONTACT_EMAIL, "b@example.com", notice(uid)),
           APR_SUCCESS, "the same business email is set again");
    is_value("2", "of both the first is told of, beside the mail of the registration",
             "SELECT count(*) FROM cloudep.outbox WHERE uid = $1::uuid", uid);
    is_int(cloudep_contact_set(db, p, tenant->id, uid, CLOUDEP_CONTACT_PHONE, "+886912345678", CLOUDEP_NO_MESSAGE),
           APR_SUCCESS, "a business phone is set");
    is_int(cloudep_contact_set(db, p, tenant->id, uuid(), CLOUDEP_CONTACT_PHONE, "+1", CLOUDEP_NO_MESSAGE),
           APR_NOTFOUND, "nobody's phone is not set");
    is_int(cloudep_member_by_uid(db, p, &member, tenant->id, uid), APR_SUCCESS, "the member is found by uid");
    ok(member->business_email_verified && member->business_phone_verified, "both contacts are verified");
    is_str(member->business_phone, "+886912345678", "the phone is in the phone's column");
}

/* The words of amr decide nothing: "hwk mfa" is no backup code, and "otp" alone is a code by mail. */
static void test_mfa_method(void)
{
    static const struct {
        const char *amr, *method, *want;
    } cases[] = {{"pwd otp mfa", CLOUDEP_MFA_TOTP, "totp true"},
                 {"pwd mfa", CLOUDEP_MFA_BACKUP_CODE, "backup_code true"},
                 {"hwk mfa", "passkey", "passkey true"},
                 {"hwk mfa", NULL, "- false"},
                 {"otp", NULL, "- false"}};
    const char *uid = register_member("mfa@example.com");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cloudep_session_t session = session_of(uid, cases[i].amr, cases[i].method);
        cloudep_live_session_t live = {0};

        is_int(cloudep_session_open(db, p, &session), APR_SUCCESS, "a session is opened");
        is_value(cases[i].want,
                 apr_psprintf(p, "amr %s with method %s", cases[i].amr, cases[i].method ? cases[i].method : "none"),
                 "SELECT coalesce(mfa_method, '-') || ' ' || (mfa_at IS NOT NULL)::text FROM cloudep.sessions"
                 " WHERE id = $1::uuid",
                 session.id);
        is_int(cloudep_session_principal(db, p, &live, tenant->id, session.id, uid), APR_SUCCESS,
               "the session that was opened lives");
        ok(!live.proofs.mfa_at == !cases[i].method,
           "its principal has a second factor if, and only if, a method was told");
    }
}

static void test_session(void)
{
    const char *uid = register_member("session@example.com");
    cloudep_session_t session = session_of(uid, "pwd", NULL);
    cloudep_session_t nobodys = session_of(uuid(), "pwd", NULL);
    cloudep_rotation_e outcome;
    cloudep_live_session_t live;

    is_int(cloudep_session_open(db, p, &nobodys), CLOUDEP_EREFUSED, "nobody's session is not opened");
    session.generation = "1";
    is_int(cloudep_session_open(db, p, &session), CLOUDEP_ECHANGED, "a session of another generation is not opened");
    session.generation = "0";
    is_int(cloudep_session_open(db, p, &session), APR_SUCCESS, "a member's session is opened");
    is_value("0 password", "a session keeps its generation and what it was opened with",
             "SELECT concat_ws(' ', generation, opened_with) FROM cloudep.sessions WHERE id = $1::uuid", session.id);
    is_int(cloudep_session_rotate(db, p, &session, 1, 10, &outcome), APR_SUCCESS, "its first token is turned in");
    ok(outcome == CLOUDEP_ROTATED && session.refresh_seq == 2, "turning in the first token gives generation two");
    is_int(cloudep_session_rotate(db, p, &session, 1, 10, &outcome), APR_SUCCESS,
           "the first token is turned in again within the grace");
    ok(outcome == CLOUDEP_ROTATION_REPEATED && session.refresh_seq == 2,
       "the first token within the grace gives the same successor");
    is_str(session.amr, "pwd", "a rotated session has its amr");
    is_int(cloudep_session_rotate(db, p, &session, 3, 10, &outcome), APR_SUCCESS,
           "a generation that never was is turned in");
    ok(outcome == CLOUDEP_ROTATION_REFUSED, "a generation that never was is refused");
    is_int(cloudep_session_rotate(db, p, &session, 1, 0, &outcome), APR_SUCCESS,
           "the first token is turned in again without a grace");
    ok(outcome == CLOUDEP_ROTATION_REUSED, "the first token without a grace is taken as stolen");
    is_int(cloudep_session_principal(db, p, &live, tenant->id, session.id, uid), APR_NOTFOUND,
           "a session that a stolen token ended speaks for nobody");
    is_int(cloudep_session_end(db, p, tenant->id, session.id, "logout"), APR_NOTFOUND, "an ended session is not ended");
}

static void test_liveness(void)
{
    const char *uid = register_member("live@example.com");
    cloudep_session_t one = session_of(uid, "pwd", NULL);
    cloudep_session_t two = session_of(uid, "pwd otp mfa", CLOUDEP_MFA_TOTP);
    cloudep_session_key_t keys[3];
    cloudep_session_state_t states[3];

    (void)cloudep_session_open(db, p, &one);
    (void)cloudep_session_open(db, p, &two);
    keys[0] = (cloudep_session_key_t){tenant->id, two.id, uid};
    keys[1] = (cloudep_session_key_t){tenant->id, one.id, uuid()};
    keys[2] = (cloudep_session_key_t){tenant->id, one.id, uid};
    is_int(cloudep_sessions_look_up(states, p, db, keys, 3), APR_SUCCESS, "three sessions are looked up");
    ok(states[0].live && states[0].proofs.mfa_at > 0 && !strcmp(states[0].amr, "pwd otp mfa"),
       "the session with a second factor lives and has it");
    ok(!states[1].live, "a session asked for with another uid does not live");
    ok(states[2].live && states[2].proofs.mfa_at == 0 && !strcmp(states[2].amr, "pwd"),
       "the session without a second factor lives without one");
    is_int(cloudep_session_end(db, p, tenant->id, two.id, "logout"), APR_SUCCESS,
           "the session with a second factor is ended");
    is_int(cloudep_sessions_look_up(states, p, db, keys, 1), APR_SUCCESS, "one session is looked up");
    ok(!states[0].live, "a session that was ended does not live");
}

/* How a renewal by the value seq ends, and the number of the new value. */
static void is_renewed(cloudep_session_t *session, int seq, int grace, apr_status_t rv, const char *name)
{
    is_int(cloudep_session_renew(db, p, session, seq, grace), rv, name);
}

static void test_renewal(void)
{
    const char *uid = register_member("renew@example.com");
    cloudep_session_t session = session_of(uid, "pwd", NULL);
    cloudep_session_t stranger;
    cloudep_live_session_t live = {0};

    (void)cloudep_session_open(db, p, &session);
    stranger = session;
    stranger.uid = uuid();
    is_renewed(&stranger, 1, 10, APR_NOTFOUND, "a session is not renewed for another member");
    is_renewed(&session, 2, 10, APR_NOTFOUND, "nor by a value that never was");
    is_renewed(&session, 1, 10, APR_SUCCESS, "the present value is renewed");
    ok(session.refresh_seq == 2 && !strcmp(session.amr, "pwd"), "by the next one");
    is_renewed(&session, 1, 10, APR_SUCCESS, "the one before, within the grace");
    is_int(session.refresh_seq, 2, "gets the same");
    is_renewed(&session, 1, 0, APR_NOTFOUND, "and without a grace none");
    is_int(cloudep_session_principal(db, p, &live, tenant->id, session.id, uid), APR_SUCCESS, "which ends nothing");
    ok(live.turn.seq == 2 && live.turn.seconds == 0 && live.turn.idle_left > 0, "where it stands is told");
    postgres_sql("UPDATE cloudep.sessions SET rotated_at = now() + interval '1 second'");
    is_renewed(&session, 1, 0, APR_NOTFOUND, "nor one for who began before the other turn");
    postgres_sql("UPDATE cloudep.sessions SET rotated_at = now() - interval '10 seconds',"
                 " idle_expires_at = now() - interval '1 second'");
    (void)cloudep_session_principal(db, p, &live, tenant->id, session.id, uid);
    ok(live.turn.seconds == 10 && live.turn.idle_left <= 0, "as is how long it has been that, and that it was idle");
    is_renewed(&session, 2, 10, APR_NOTFOUND, "a session that was idle for too long is not renewed");
    postgres_sql("UPDATE cloudep.sessions SET idle_expires_at = now() + interval '1 hour'");
    is_renewed(&session, 1, 10, APR_NOTFOUND, "the value before is not good at the very end of the grace");
    postgres_sql("UPDATE cloudep.members SET status = 'suspended' WHERE email = 'renew@example.com'");
    is_renewed(&session, 2, 10, APR_NOTFOUND, "nor is the session of a suspended member");
    postgres_sql("UPDATE cloudep.members SET status = 'active', sessions_from = generation + 1"
                 " WHERE email = 'renew@example.com'");
    is_renewed(&session, 2, 10, APR_NOTFOUND, "nor one of credentials that were changed");
    postgres_sql("UPDATE cloudep.members SET sessions_from = 0 WHERE email = 'renew@example.com'");
    postgres_sql("UPDATE cloudep.tenants SET login = false");
    is_renewed(&session, 2, 10, APR_NOTFOUND, "nor one in a tenant that allows no login");
    postgres_sql("UPDATE cloudep.tenants SET login = true");
    is_renewed(&session, 2, 10, APR_SUCCESS, "all else being right it is");
    (void)cloudep_session_end(db, p, tenant->id, session.id, "logout");
    is_renewed(&session, 3, 10, APR_NOTFOUND, "an ended one is not");
}

/* Seconds that a session has left, if it is idle. */
static apr_int64_t idle_left(const cloudep_session_t *session)
{
    cloudep_live_session_t live = {0};

    return cloudep_session_principal(db, p, &live, tenant->id, session->id, session->uid) == APR_SUCCESS
               ? live.turn.idle_left
               : -1;
}

/* A session of the member, opened so many seconds ago. */
static const char *opened(const char *uid, int seconds_ago)
{
    cloudep_session_t session = session_of(uid, "pwd", NULL);

    (void)cloudep_session_open(db, p, &session);
    postgres_sql(apr_psprintf(p,
                              "UPDATE cloudep.sessions SET created_at = now() - interval '%d seconds' WHERE id = '%s'",
                              seconds_ago, session.id));
    return session.id;
}

/* Whether each of sessions that were opened in that order lives: "yyn". */
static const char *living(const char *uid)
{
    return apr_pstrdup(
        p, postgres_value("SELECT string_agg(CASE WHEN revoked_at IS NULL THEN 'y' ELSE 'n' END, '' ORDER BY"
                          " created_at) FROM cloudep.sessions WHERE uid = $1::uuid",
                          uid, NULL));
}

static void test_own_sessions(void)
{
    const char *uid = register_member("own@example.com");
    const char *other = register_member("other@example.com");
    const char *one, *two, *three, *foreign;
    apr_array_header_t *rows;
    int ended;

    postgres_sql("DELETE FROM cloudep.sessions"); /* of their registrations */
    one = opened(uid, 30);
    two = opened(uid, 20);
    three = opened(uid, 10);
    foreign = opened(other, 40);
    is_int(cloudep_own_sessions(&rows, p, db, tenant->id, uid, one, NULL, 10), APR_SUCCESS, "sessions are listed");
    ok(rows->nelts == 3 && !strcmp(APR_ARRAY_IDX(rows, 0, cloudep_own_session_t).id, three), "the newest first");
    is_int(cloudep_own_session_end(db, p, tenant->id, uid, foreign), APR_NOTFOUND, "another member's is not ended");
    is_int(cloudep_own_session_end(db, p, one, uid, one), APR_NOTFOUND, "nor one in another tenant");
    is_int(cloudep_own_sessions_limit(db, p, tenant->id, uid, 3), APR_SUCCESS, "as many as may be");
    is_str(living(uid), "yyy", "all live");
    is_int(cloudep_own_sessions_limit(db, p, tenant->id, uid, 2), APR_SUCCESS, "one more");
    is_str(living(uid), "nyy", "the oldest ends");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, tenant->id, uid, one), APR_NOTFOUND,
           "one that is over ends no others");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, tenant->id, uid, foreign), APR_NOTFOUND,
           "nor does another member's");
    is_str(living(uid), "nyy", "so they live");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, tenant->id, uid, two), APR_SUCCESS, "a live one does");
    is_int(ended, 1, "as many as there were");
    is_str(living(uid), "nyn", "and goes on");
    postgres_sql("UPDATE cloudep.sessions SET revoked_at = NULL");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, tenant->id, uid, three), APR_NOTFOUND,
           "one of an older generation ends no others, whatever its row says");
    is_str(living(other), "y", "another member has lost none");
}

static void test_slide(void)
{
    const char *uid = register_member("slide@example.com");
    const apr_int64_t now = apr_time_sec(apr_time_now());
    cloudep_session_t used = session_of(uid, "pwd", NULL);
    cloudep_session_t idle = session_of(uid, "pwd", NULL);
    cloudep_session_t unused = session_of(uid, "pwd", NULL);
    cloudep_use_t uses[2];

    (void)cloudep_session_open(db, p, &used);
    (void)cloudep_session_open(db, p, &idle);
    (void)cloudep_session_open(db, p, &unused);
    postgres_sql("UPDATE cloudep.sessions SET idle_expires_at = now() + interval '100 seconds',"
                 " expires_at = now() + interval '1000 seconds'");
    uses[0] = (cloudep_use_t){tenant->id, used.id, now, 1};
    uses[1] = (cloudep_use_t){tenant->id, idle.id, now + 200, 1};
    is_int(cloudep_sessions_slide(db, p, uses, 2, 500), APR_SUCCESS, "two uses are written");
    ok(idle_left(&used) > 480 && idle_left(&used) <= 500, "a session lives on from its use");
    ok(idle_left(&idle) <= 100, "one that had ended by then does not");
    ok(idle_left(&unused) <= 100, "nor one that was not used");
    uses[1] = (cloudep_use_t){tenant->id, unused.id, now - 3, 0};
    (void)cloudep_sessions_slide(db, p, &uses[1], 1, 500);
    ok(idle_left(&unused) <= 100, "nor one that a token speaks for");
    is_value("true", "but when that was seen is noted",
             "SELECT (seen_at < now() - interval '2 seconds')::text FROM cloudep.sessions WHERE id = $1::uuid",
             unused.id);
    uses[0].at = now - 100;
    (void)cloudep_sessions_slide(db, p, uses, 1, 500);
    ok(idle_left(&used) > 480, "an earlier use shortens nothing");
    is_value("true", "and a session was last seen when it was last seen",
             "SELECT (seen_at > now() - interval '50 seconds')::text FROM cloudep.sessions WHERE id = $1::uuid",
             used.id);
    uses[0].at = now;
    (void)cloudep_sessions_slide(db, p, uses, 1, 5000);
    ok(idle_left(&used) > 900 && idle_left(&used) <= 1000, "no session lives longer than its lifetime");
    uses[0] = (cloudep_use_t){tenant->id, unused.id, now};
    postgres_sql("BEGIN");
    postgres_sql("SELECT FROM cloudep.sessions FOR UPDATE");
    is_int(cloudep_sessions_slide(db, p, uses, 1, 500), APR_SUCCESS,
           "a session that another statement holds is left out");
    postgres_sql("COMMIT");
    ok(idle_left(&unused) <= 100, "it is not waited for");
    (void)cloudep_session_end(db, p, tenant->id, unused.id, "logout");
    uses[0].session_id = unused.id;
    (void)cloudep_sessions_slide(db, p, uses, 1, 500);
    is_value(
        "false", "an ended session is not written to",
        "SELECT (idle_expires_at > now() + interval '200 seconds')::text FROM cloudep.sessions WHERE id = $1::uuid",
        unused.id);
}

static void test_totp(void)
{
    const char *uid = register_member("totp@example.com");
    const cloudep_totp_t *totp = NULL;
    const cloudep_totp_proof_t step = {.secret = "sealed", .step = 2};
    const cloudep_totp_proof_t code = {.code = "c4"};
    cloudep_session_t session = session_of(uid, "pwd otp mfa", CLOUDEP_MFA_TOTP);
    cloudep_session_t second = session_of(uid, "pwd mfa", CLOUDEP_MFA_BACKUP_CODE);

    is_int(cloudep_totp_begin(db, p, tenant->id, uid, "sealed", NULL), APR_SUCCESS, "an enrolment begins");
    is_int(cloudep_totp_load(db, p, &totp, tenant->id, uid), APR_SUCCESS, "an enrolment under way is loaded");
    ok(!totp->secret && !totp->enrolled_at && totp->codes->nelts == 0, "an enrolment under way does not count yet");
    is_str(totp->pending_secret, "sealed", "the secret of an enrolment under way is pending");
    is_int(cloudep_totp_confirm(db, p, totp, &(cloudep_enrolment_t){1, ""}, "c1 c2", NULL, notice(uid)), APR_SUCCESS,
           "an enrolment is confirmed");
    is_int(cloudep_totp_confirm(db, p, totp, &(cloudep_enrolment_t){2, ""}, "c1 c2", NULL, notice(uid)), APR_NOTFOUND,
           "an enrolment is confirmed once");
    is_int(cloudep_totp_begin(db, p, tenant->id, uid, "other", NULL), CLOUDEP_ECONFLICT,
           "no other enrolment begins beside one that counts");
    is_int(cloudep_totp_renew_codes(db, p, tenant->id, uid, "c3 c4 c5", notice(uid)), APR_SUCCESS,
           "backup codes are renewed");
    is_int(cloudep_totp_load(db, p, &totp, tenant->id, uid), APR_SUCCESS, "an enrolment that counts is loaded");
    ok(totp->enrolled_at > 0 && totp->codes->nelts == 3 && totp->member->totp_enrolled && !totp->pending_secret,
       "an enrolment that counts has the three new codes");
    is_int(cloudep_totp_login(db, p, &step, &session, notice(uid)), CLOUDEP_ECHANGED,
           "a step opens no session of a generation from before the enrolment");
    session.generation = second.generation = totp->member->generation;
    is_int(cloudep_totp_login(db, p, &step, &session, notice(uid)), APR_SUCCESS, "a step opens a session");
    ok(session.refresh_seq == 1 && session.auth_time > 0, "a session opened by a step has its times");
    is_int(cloudep_totp_login(db, p, &step, &second, notice(uid)), APR_NOTFOUND, "a step is used once");
    is_int(cloudep_totp_login(db, p, &code, &second, notice(uid)), APR_SUCCESS, "a backup code opens a session");
    is_int(cloudep_totp_step_up(db, p, totp, &code, second.id, CLOUDEP_NO_MESSAGE), APR_NOTFOUND,
           "a code is used once");
    is_value("totp", "a session opened by a step says so",
             "SELECT mfa_method FROM cloudep.sessions WHERE id = $1::uuid", session.id);
    is_int(cloudep_totp_step_up(db, p, totp, &(cloudep_totp_proof_t){.code = "c3"}, session.id, CLOUDEP_NO_MESSAGE),
           APR_SUCCESS, "a session is stepped up by a backup code");
    is_value("backup_code", "a session stepped up by a backup code says so",
             "SELECT mfa_method FROM cloudep.sessions WHERE id = $1::uuid", session.id);
    is_int(cloudep_totp_remove(db, p, tenant->id, uid, NULL, notice(uid)), APR_SUCCESS, "the enrolment is removed");
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(cloudep_totp_login(db, p, &step, &second, notice(uid)), CLOUDEP_EREFUSED, "a suspended member is refused");
}

static void test_identity(void)
{
    cloudep_identity_t identity = {uuid(), "https://issuer.example", "subject"};
    cloudep_identity_t ours = {NULL, "https://issuer.example", register_member("provisioned@example.com")};
    const char *id = identity.id;
    const char *uid = uuid();
    const cloudep_applicant_t applicant = applicant_of(uid, "identity@example.com");
    cloudep_session_t session = session_of(uid, "fed", NULL);
    const cloudep_tenant_t *found = NULL;
    const cloudep_member_t *member = NULL;

    is_int(cloudep_identity_register(db, p, &applicant, &identity, &session), APR_SUCCESS, "an identity registers");
    ok(session.refresh_seq == 1, "an identity that registered has a session");
    is_int(cloudep_identity_register(db, p, &applicant, &identity, &session), CLOUDEP_ECONFLICT,
           "an identity registers once");
    is_int(cloudep_identity_member(db, p, &found, &member, tenant->id, &identity, NULL), APR_SUCCESS,
           "an identity is looked up");
    is_str(member ? member->uid : NULL, uid, "an identity is that of the member who registered with it");
    is_str(identity.id, id, "an identity that was looked up has its id");
    is_int(cloudep_identity_member(db, p, &found, &member, tenant->id, &ours, "local"), APR_SUCCESS,
           "a subject that a provider made is looked up");
    is_str(member ? member->uid : NULL, ours.subject, "a subject that a provider made is a member's uid");
    is_str(ours.id, NULL, "a subject that a provider made has no row of its own");
    is_int(cloudep_identity_member(db, p, &found, &member, tenant->id, &ours, "zitadel"), APR_SUCCESS,
           "the subject of another provider is looked up");
    ok(found && !member, "the subject of another provider is nobody's");
}

static void test_used_token(void)
{
    const char *first = uuid(), *again = uuid(), *late = uuid();
    const char *opens = first;

    is_int(cloudep_identity_use_token(db, p, tenant->id, "digest", 4102444800, 10, &opens), APR_SUCCESS,
           "an id_token is turned in");
    is_str(opens, first, "an id_token opens the session that it is turned in for");
    opens = again;
    is_int(cloudep_identity_use_token(db, p, tenant->id, "digest", 4102444800, 10, &opens), APR_SUCCESS,
           "an id_token counts again within the grace");
    is_str(opens, first, "an id_token that counts again is for the first session");
    is_int(cloudep_identity_use_token(db, p, tenant->id, "digest", 4102444800, 0, &again), CLOUDEP_ECONFLICT,
           "an id_token counts once without a grace");
    postgres_sql("UPDATE cloudep.used_id_tokens SET used_at = now() - interval '11 seconds'");
    is_int(cloudep_identity_use_token(db, p, tenant->id, "digest", 4102444800, 10, &late), CLOUDEP_ECONFLICT,
           "an id_token does not count again after the grace");
    postgres_sql("UPDATE cloudep.used_id_tokens SET used_at = now(), session_id = NULL");
    is_int(cloudep_identity_use_token(db, p, tenant->id, "digest", 4102444800, 10, &late), CLOUDEP_ECONFLICT,
           "an id_token that 1.0 took does not count again");
}

static void test_erasure(void)
{
    const char *uid = register_member("erased@example.com");
    const cloudep_event_t event = {.at = 1000000,
                                   .name = "auth.erasure",
                                   .success = 1,
                                   .outcome = "102000",
                                   .tenant_id = tenant->id,
                                   .uid = uid,
                                   .address = "192.0.2.1",
                                   .user_agent = "Mine",
                                   .request_id = "r"};
    char *record = apr_pstrdup(p, cloudep_event_record(&event, p));

    is_int(cloudep_events_store(db, p, &record, 1), APR_SUCCESS, "an event of a member is stored");
    is_int(cloudep_events_erase(db, p, tenant->id, uid), APR_SUCCESS, "erasure is asked for");
    is_value("1", "events of a member who stays are not erased",
             "SELECT count(*) FROM cloudep.events WHERE name = 'auth.erasure' AND uid = $1::uuid", uid);
    is_value("0", "no event says so", "SELECT count(*) FROM cloudep.events WHERE name = $1", "member.erased");
    postgres_sql("UPDATE cloudep.members SET status = 'deleting' WHERE email = 'erased@example.com'");
    is_int(cloudep_events_erase(db, p, tenant->id, uid), APR_SUCCESS, "events of a member who leaves are erased");
    is_value("1", "an erased event stays without a name",
             "SELECT count(*) FROM cloudep.events WHERE name = $1 AND uid IS NULL AND address IS NULL"
             " AND user_agent IS NULL AND request_id IS NULL",
             "auth.erasure");
    is_value("1", "an event says that they were erased", "SELECT count(*) FROM cloudep.events WHERE name = $1",
             "member.erased");
    postgres_sql(apr_psprintf(
        p, "INSERT INTO cloudep.lockouts (tenant_id, kind, subject) VALUES ('%s', 'password', '%s')", tenant->id, uid));
    postgres_sql(apr_psprintf(
        p, "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network) VALUES ('%s', 'codes', '%s', '')",
        tenant->id, uid));
    is_int(cloudep_outbox_enqueue(db, p, notice(uid)), APR_SUCCESS, "a message of the member is enqueued");
    is_int(cloudep_member_purge(db, p, tenant->id, uid), APR_SUCCESS, "the member is purged");
    is_value("0", "messages and lockouts of a purged member are gone",
             "SELECT (SELECT count(*) FROM cloudep.outbox WHERE uid = $1::uuid)"
             " + (SELECT count(*) FROM cloudep.lockouts WHERE subject = $1::text)"
             " + (SELECT count(*) FROM cloudep.budgets WHERE subject = $1::text)",
             uid);
}

/* Nobody's mistake or intrusion may take away what has just happened. */
static void test_expiry_bound(void)
{
    const cloudep_event_t event = {.at = apr_time_now() - apr_time_from_sec(23 * 3600),
                                   .name = "auth.recent",
                                   .success = 1,
                                   .outcome = "102000",
                                   .tenant_id = tenant->id};
    char *record = apr_pstrdup(p, cloudep_event_record(&event, p));
    int removed;

    is_int(cloudep_events_store(db, p, &record, 1), APR_SUCCESS, "an event of 23 hours ago is stored");
    is_int(cloudep_events_expire(db, p, 0, &removed), APR_SUCCESS, "all events are to be removed");
    is_value("1", "an event of the last day stays", "SELECT count(*) FROM cloudep.events WHERE name = $1",
             "auth.recent");
}

/* Of a member with the password "one" of 1.0. */
static void test_password_form(const char *uid)
{
    cloudep_credential_t credential = {.phc = "one", .form = CLOUDEP_PASSWORD_OPAQUE};
    cloudep_password_state_t state = {0};

    is_int(cloudep_credential_renew(db, p, tenant->id, uid, "one", &credential), APR_SUCCESS, "a form is noted");
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_SUCCESS, "the same password is there");
    ok(!strcmp(credential.phc, "one") && credential.form == CLOUDEP_PASSWORD_OPAQUE, "with its form");
    free(postgres_value("UPDATE cloudep.credentials SET phc = 'of 1.0' WHERE uid = $1::uuid RETURNING uid", uid, NULL));
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_SUCCESS, "a node of 1.0 stored another");
    is_int(credential.form, CLOUDEP_PASSWORD_RAW, "which is as it was typed");
    credential = (cloudep_credential_t){.phc = "one", .form = CLOUDEP_PASSWORD_RAW};
    is_int(cloudep_credential_renew(db, p, tenant->id, uid, "of 1.0", &credential), APR_SUCCESS, "a hash is renewed");
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_SUCCESS, "it is there");
    is_int(credential.form, CLOUDEP_PASSWORD_RAW, "as it was typed still");

    free(postgres_value("UPDATE cloudep.members SET password_form = NULL WHERE uid = $1::uuid RETURNING uid", uid,
                        NULL));
    is_int(cloudep_password_load(db, p, &state, tenant->id, uid, NULL), APR_SUCCESS, "the member is looked up");
    ok(!state.member->password_form, "the provider has what was typed");
    free(postgres_value(
        "UPDATE cloudep.members SET sessions_from = sessions_from + 1 WHERE uid = $1::uuid RETURNING uid", uid, NULL));
    is_int(cloudep_password_note_form(db, p, state.member), APR_SUCCESS, "a form is noted too late");
    is_value(NULL, "it is that of an earlier password",
             "SELECT password_form FROM cloudep.members WHERE uid = $1::uuid", uid);
    free(postgres_value(
        "UPDATE cloudep.members SET sessions_from = sessions_from - 1 WHERE uid = $1::uuid RETURNING uid", uid, NULL));
    is_int(cloudep_password_note_form(db, p, state.member), APR_SUCCESS, "a form is noted in time");
    is_int(cloudep_password_load(db, p, &state, tenant->id, uid, NULL), APR_SUCCESS, "the member is looked up again");
    ok(state.member->password_form, "the provider has the form");
}

static void test_password(void)
{
    const char *uid = register_member("password@example.com");
    const cloudep_credential_t new = {.phc = "two", .form = CLOUDEP_PASSWORD_OPAQUE};
    cloudep_credential_t credential = {0};
    cloudep_password_state_t state = {0};
    cloudep_password_change_t change;

    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_NOTFOUND,
           "a member has no password at first");
    free(postgres_value("INSERT INTO cloudep.credentials (tenant_id, uid, phc)"
                        " SELECT tenant_id, uid, 'one' FROM cloudep.members WHERE uid = $1::uuid",
                        uid, NULL));
    is_int(cloudep_credential_renew(db, p, tenant->id, uid, "other", &new), APR_SUCCESS,
           "renewing a password that is another one is no failure");
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_SUCCESS, "the password is there");
    is_str(credential.phc, "one", "a password that was another one is not renewed");
    is_int(credential.form, CLOUDEP_PASSWORD_RAW, "a password of 1.0 is as it was typed");
    test_password_form(uid);
    change = (cloudep_password_change_t){
        .tenant_id = tenant->id, .uid = uid, .phc = "two", .email = "other@example.com", .reason = "password_reset"};
    is_int(cloudep_password_change(db, p, &change, notice(uid)), CLOUDEP_ECHANGED,
           "a password for another address is not stored");
    change.email = "password@example.com";
    is_int(cloudep_password_change(db, p, &change, notice(uid)), APR_SUCCESS, "a password is stored");
    is_value("password_reset", "a new password ends the sessions",
             "SELECT revoke_reason FROM cloudep.sessions WHERE uid = $1::uuid", uid);
    is_value("1 1 1 t", "a new password raises the generation",
             "SELECT concat_ws(' ', generation, sessions_from, ways_in, has_password) FROM cloudep.members"
             " WHERE uid = $1::uuid",
             uid);
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_SUCCESS, "the new password is there");
    is_str(credential.phc, "two", "the new password is the one that was stored");
    is_int(credential.form, CLOUDEP_PASSWORD_OPAQUE, "it is in its form");
    is_value("t", "the member's password is in its form",
             "SELECT password_form FROM cloudep.members WHERE uid = $1::uuid", uid);
    change.sessions_from = "0";
    is_int(cloudep_password_change(db, p, &change, notice(uid)), CLOUDEP_ECHANGED,
           "a password is not stored when something that ends sessions was first");
    change = (cloudep_password_change_t){.tenant_id = tenant->id, .uid = uid, .due = 1, .reason = "undo"};
    is_int(cloudep_password_change(db, p, &change, notice(uid)), APR_SUCCESS, "a password is taken away");
    is_int(cloudep_credential_get(db, p, &credential, tenant->id, uid), APR_NOTFOUND,
           "a password that is taken away is gone");
    is_int(cloudep_password_load(db, p, &state, tenant->id, uid, NULL), APR_SUCCESS, "what there is is looked up");
    ok(!state.member->has_password && state.member->password_due && !state.elsewhere,
       "the next password of a member whose password was taken away is due");
    change.uid = uuid();
    is_int(cloudep_password_change(db, p, &change, notice(uid)), CLOUDEP_ECHANGED,
           "nobody's password is not taken away");
}

static const cloudep_outbox_share_t mail_of_main = {.channel = CLOUDEP_CHANNEL_MAIL, .is_main = 1};
static const cloudep_outbox_share_t sms_of_main = {.channel = CLOUDEP_CHANNEL_SMS, .is_main = 1};

static void test_outbox(void)
{
    apr_array_header_t *rows = NULL;
    const cloudep_outbox_row_t *row;

    postgres_sql("DELETE FROM cloudep.outbox");
    is_int(cloudep_outbox_enqueue(db, p, notice(NULL)), APR_SUCCESS, "a message of no member is enqueued");
    is_int(cloudep_outbox_claim(db, p, &rows, &sms_of_main, 10), APR_SUCCESS, "the other channel is asked");
    is_int(rows->nelts, 0, "the other channel has no message");
    is_int(cloudep_outbox_claim(db, p, &rows, &mail_of_main, 10), APR_SUCCESS, "the message's channel is asked");
    if (!is_int(rows->nelts, 1, "the message's channel has it")) {
        return;
    }
    row = &APR_ARRAY_IDX(rows, 0, cloudep_outbox_row_t);
    ok(!strcmp(row->tenant_id, tenant->id) && !strcmp(row->template, "notice") && !strcmp(row->params, "sealed") &&
           !row->language && row->attempts == 1 && !row->expired,
       "a claimed message is as it was enqueued");
    ok(row->created_at > apr_time_now() - apr_time_from_sec(600) && row->created_at <= apr_time_now(),
       "a claimed message was created in the last minutes");
    is_int(cloudep_outbox_claim(db, p, &rows, &mail_of_main, 10), APR_SUCCESS,
           "the channel of a claimed message is asked");
    is_int(rows->nelts, 0, "a claimed message is nobody else's");
    is_int(cloudep_outbox_retry(db, p, row->tenant_id, row->id, "why"), APR_SUCCESS, "a message is put off");
    is_int(cloudep_outbox_release(db, p, row->tenant_id, row->id), APR_SUCCESS, "a message is handed back");
    is_int(cloudep_outbox_claim(db, p, &rows, &mail_of_main, 10), APR_SUCCESS,
           "a channel is asked after a message was handed back");
    is_int(rows->nelts, 1, "a message that was handed back is due at once");
    is_int(cloudep_outbox_delivered(db, p, row->tenant_id, row->id), APR_SUCCESS, "a message is marked as delivered");
    is_value(NULL, "a delivered message has no params", "SELECT params FROM cloudep.outbox WHERE id = $1::uuid",
             row->id);
    is_int(cloudep_outbox_give_up(db, p, row->tenant_id, row->id, "late"), APR_SUCCESS,
           "giving up a delivered message is no failure");
    is_value(NULL, "a delivered message did not fail", "SELECT failed_at FROM cloudep.outbox WHERE id = $1::uuid",
             row->id);
}

/* Leases what is due in a share, and hands it back. */
static int leased(const cloudep_outbox_share_t *share)
{
    apr_array_header_t *rows = NULL;

    if (cloudep_outbox_claim(db, p, &rows, share, 10) != APR_SUCCESS) {
        return -1;
    }
    for (int i = 0; i < rows->nelts; i++) {
        const cloudep_outbox_row_t *row = &APR_ARRAY_IDX(rows, i, cloudep_outbox_row_t);

        (void)cloudep_outbox_release(db, p, row->tenant_id, row->id);
    }
    return rows->nelts;
}

static void test_outbox_names(void)
{
    const cloudep_outbox_share_t shop = {.channel = CLOUDEP_CHANNEL_MAIL, .name = "shop.example"};
    const cloudep_outbox_share_t other = {.channel = CLOUDEP_CHANNEL_MAIL, .name = "other.example"};
    cloudep_message_t message = *notice(NULL);

    postgres_sql("DELETE FROM cloudep.outbox");
    is_int(cloudep_outbox_enqueue(db, p, &message), APR_SUCCESS, "a message of the main server is enqueued");
    is_int(leased(&shop), 0, "a message without a name is no virtual host's");
    is_int(leased(&mail_of_main), 1, "a message without a name is the main server's");
    postgres_sql("DELETE FROM cloudep.outbox");
    message.outbox = "shop.example";
    is_int(cloudep_outbox_enqueue(db, p, &message), APR_SUCCESS, "a message with a name is enqueued");
    is_int(leased(&other), 0, "a message with a name is no other name's");
    is_int(leased(&mail_of_main), 0, "a message with a name that was just written is not the main server's");
    is_int(leased(&shop), 1, "a message with a name is that name's");
    postgres_sql("UPDATE cloudep.outbox SET created_at = now() - interval '6 minutes'");
    is_int(leased(&mail_of_main), 1, "an old message whose name nobody goes by is the main server's");
    is_int(cloudep_outbox_seen(db, p, "shop.example"), APR_SUCCESS, "a worker says that it is there");
    is_int(leased(&mail_of_main), 0, "an old message whose name somebody goes by is not the main server's");
    is_int(leased(&shop), 1, "an old message whose name somebody goes by is that name's");
    postgres_sql("UPDATE cloudep.outbox_workers SET seen_at = now() - interval '6 minutes'");
    is_int(leased(&mail_of_main), 1, "a message whose name nobody has gone by for long is the main server's");
    is_int(cloudep_outbox_seen(db, p, "shop.example"), APR_SUCCESS, "a worker says again that it is there");
    is_int(leased(&mail_of_main), 0, "a worker that says again that it is there has its messages back");
}

static void test_operator_outbox(cloudep_db_t *owner)
{
    const cloudep_operator_filter_t none = {.outbox = "other.example", .limit = 10};
    cloudep_operator_filter_t shop = {.outbox = "shop.example", .limit = 10};
    cloudep_operator_message_t written;
    cloudep_operator_message_t message;
    apr_array_header_t *list = NULL;
    int count = -1;

    postgres_sql("DELETE FROM cloudep.outbox");
    is_int(cloudep_operator_outbox_test(owner, p, &written, "shop.example", "a@example.com", "en"), APR_SUCCESS,
           "a test mail is written");
    ok(!strcmp(written.state, "waiting") && !strcmp(written.channel, CLOUDEP_CHANNEL_MAIL) && !written.tenant &&
           !strcmp(written.outbox, "shop.example") && written.age_seconds == 0 && written.next_attempt_at,
       "a test mail waits, is of no tenant and carries its outbox's name");
    is_int(cloudep_operator_outbox_list(owner, p, &list, &none), APR_SUCCESS, "another outbox is listed");
    is_int(list->nelts, 0, "another outbox has no message");
    is_int(cloudep_operator_outbox_list(owner, p, &list, &shop), APR_SUCCESS, "its outbox is listed");
    is_int(list->nelts, 1, "its outbox has the message");
    shop.after = written.id;
    is_int(cloudep_operator_outbox_list(owner, p, &list, &shop), APR_SUCCESS, "its outbox is listed behind it");
    is_int(list->nelts, 0, "behind the only message there is none");
    is_int(cloudep_operator_outbox_retry(owner, p, &count, written.id, 0, NULL), APR_SUCCESS,
           "a message that is due is hurried");
    is_int(count, 0, "a message that is due is left alone");
    postgres_sql("UPDATE cloudep.outbox SET next_attempt_at = now() + interval '1 hour', attempts = 1");
    is_int(cloudep_operator_outbox_retry(owner, p, &count, NULL, 1, "other.example"), APR_SUCCESS,
           "all of another outbox are hurried");
    is_int(count, 0, "another outbox has none to hurry");
    is_int(cloudep_operator_outbox_retry(owner, p, &count, NULL, 1, "shop.example"), APR_SUCCESS,
           "all of its outbox are hurried");
    is_int(count, 1, "a message that was put off is due now");
    postgres_sql("UPDATE cloudep.outbox SET delivered_at = now()");
    is_int(cloudep_operator_outbox_show(owner, p, &message, written.id), APR_SUCCESS, "a message is shown");
    ok(!strcmp(message.state, CLOUDEP_OPERATOR_DELIVERED) && !message.next_attempt_at,
       "a delivered message has that state and no next attempt");
    is_int(cloudep_operator_outbox_show(owner, p, &message, uuid()), APR_NOTFOUND, "an unknown message is not found");
    is_int(cloudep_operator_outbox_workers(owner, p, &count, "shop.example"), APR_SUCCESS, "its workers are counted");
    is_int(count, 1, "a worker that said so is there");
    is_int(cloudep_operator_outbox_workers(owner, p, &count, "other.example"), APR_SUCCESS,
           "the workers of another outbox are counted");
    is_int(count, 0, "another outbox has no worker");
}

static void test_events(void)
{
    const cloudep_event_t event = {.at = 1000000,
                                   .name = "login",
                                   .outcome = "28505000",
                                   .reason = "suspended",
                                   .tenant_id = tenant->id,
                                   .user_agent = "a \"quoted\" agent"};
    char *records[] = {apr_pstrdup(p, cloudep_event_record(&event, p))};
    int removed;

    is_int(cloudep_events_store(db, p, records, 1), APR_SUCCESS, "an event is stored");
    is_value("suspended", "a stored event has its reason", "SELECT reason FROM cloudep.events WHERE name = $1",
             "login");
    is_value("a \"quoted\" agent", "a stored event has its user agent as it was sent",
             "SELECT user_agent FROM cloudep.events WHERE name = $1", "login");
    ok(!strchr(cloudep_event_line(&event, p), '\\'), "an event's line has no backslash, which httpd would double");
    is_value("1970-01-01 00:00:01+00", "a stored event has its time",
             "SELECT at AT TIME ZONE 'UTC' || '+00' FROM cloudep.events"
             " WHERE name = $1",
             "login");
    is_int(cloudep_events_expire(db, p, 3600, &removed), APR_SUCCESS, "old events are removed");
    is_int(removed, 1, "it is told how many were");
    is_value("0", "an old event is gone", "SELECT count(*) FROM cloudep.events WHERE name = $1", "login");
}

static void test_leaving(void)
{
    const char *uid = register_member("leaving@example.com");
    const cloudep_applicant_t late = applicant_of(uuid(), "late@example.com");
    apr_array_header_t *members = NULL;

    is_int(cloudep_member_abandon(db, p, tenant->id, uid), APR_NOTFOUND, "an active member is not abandoned");
    is_int(cloudep_member_reserve(db, p, &late), APR_SUCCESS, "a member is reserved");
    is_int(cloudep_member_claim_unfinished(db, p, &members, 3600, 3600, 10), APR_SUCCESS,
           "unfinished members are claimed while none is old enough");
    is_int(members->nelts, 0, "a member that is not old enough is not claimed");
    postgres_sql("UPDATE cloudep.members SET updated_at = now() - interval '1 day' WHERE email = 'late@example.com'");
    is_int(cloudep_member_claim_unfinished(db, p, &members, 3600, 3600, 10), APR_SUCCESS,
           "unfinished members are claimed a day later");
    if (is_int(members->nelts, 1, "a member reserved for a day is claimed")) {
        const cloudep_unfinished_t *member = &APR_ARRAY_IDX(members, 0, cloudep_unfinished_t);

        ok(!strcmp(member->uid, late.uid) && !strcmp(member->email, late.email) &&
               !strcmp(member->organization, "org") && !strcmp(member->tenant_id, tenant->id),
           "a claimed member comes with what its removal needs");
    }
    is_int(cloudep_member_abandon(db, p, tenant->id, late.uid), APR_SUCCESS, "a claimed member is abandoned");
    is_int(cloudep_member_purge(db, p, tenant->id, late.uid), APR_SUCCESS, "a claimed member is purged");
    is_value("0", "a purged member is gone", "SELECT count(*) FROM cloudep.members WHERE email = $1",
             "late@example.com");
}

static void test_sweep(void)
{
    postgres_sql("UPDATE cloudep.sessions SET expires_at = now() - interval '2 days';"
                 "UPDATE cloudep.outbox SET created_at = now() - interval '8 days', delivered_at = now()");
    is_int(cloudep_sweep_remove_old(db, p), APR_SUCCESS, "what is old is removed");
    is_value("0", "sessions and messages are gone",
             "SELECT (SELECT count(*) FROM cloudep.sessions) + (SELECT count(*) FROM cloudep.outbox)"
             " WHERE $1 <> ''",
             "x");
}

/* One column of each kind. */
#define SAMPLE_COLUMNS(FIRST, NEXT, t)                                                                                 \
    FIRST(TEXT, text, t ".a")                                                                                          \
    NEXT(INTEGER, integer, t ".b")                                                                                     \
    NEXT(NUMBER, number, t ".c")                                                                                       \
    NEXT(BOOLEAN, boolean, t ".d")                                                                                     \
    NEXT(JSON, json, t ".e")                                                                                           \
    NEXT(LIST, list, t ".f")

typedef struct sample_t {
    SAMPLE_COLUMNS(CLOUDEP_COLUMN_MEMBER, CLOUDEP_COLUMN_MEMBER, "")
    int other;
} sample_t;

#define SAMPLE(kind, name, sql) CLOUDEP_COLUMN(sample_t, kind, name)
static const cloudep_column_t sample_columns[] = {SAMPLE_COLUMNS(SAMPLE, SAMPLE, "")};
static const cloudep_record_t sample_record = CLOUDEP_RECORD(sample_t, sample_columns);

static void is_sample(const sample_t *sample, const char *text, apr_int64_t number, int more, const char *name)
{
    ok(sample->text && !strcmp(sample->text, text), "%s: the text", name);
    is_int(sample->integer, more, "the integer of the same row");
    ok(sample->number == number, "the number of the same row, of 64 bits");
    is_int(sample->boolean, more, "the truth of the same row");
    is_str(sample->json, more ? "{}" : NULL, "the JSON of the same row");
    is_int(sample->list->nelts, more, "the list of the same row");
}

/* Rows become structs, column by column, whatever the struct had before. */
static void test_records(void)
{
    static const cloudep_statement_t two = {
        .label = "test_records",
        .sql = "SELECT " SAMPLE_COLUMNS(
            CLOUDEP_COLUMN_SQL, CLOUDEP_COLUMN_NEXT_SQL,
            "t") " FROM (VALUES (%s, 1, 5000000000, true, '{}'::json, '{x}'::text[]),"
                 "              ('none', NULL, NULL, NULL, NULL, NULL)) AS t (a, b, c, d, e, f)"};
    static const cloudep_statement_t wide = {
        .label = "test_records_wide", .sql = "SELECT false, 'f', %s, 1, 5000000000, true, '{}'::json, '{x}'::text[]"};
    static const cloudep_statement_t bad = {.label = "test_records_bad", .sql = "SELECT 1 / length(%s)"};
    static const cloudep_statement_t none = {.label = "test_records_none", .sql = "SELECT %s WHERE false"};
    sample_t used = {"used", 7, 7, 7, "7", NULL, 7};
    apr_array_header_t *list = NULL;
    cloudep_rows_t *rows = NULL;

    is_int(cloudep_record_list(&list, p, db, &sample_record, &two, CLOUDEP_ARGS("all")), APR_SUCCESS, "two rows");
    is_int(list->nelts, 2, "are two structs");
    is_sample(&APR_ARRAY_IDX(list, 0, sample_t), "all", 5000000000, 1, "the first row");
    is_sample(&APR_ARRAY_IDX(list, 1, sample_t), "none", 0, 0, "a row of NULLs");
    is_int(cloudep_db_run_one(db, p, &rows, &two, CLOUDEP_ARGS("all")), APR_SUCCESS, "the same rows");
    cloudep_record_read(&used, p, &sample_record, rows, 1, 0);
    is_sample(&used, "none", 0, 0, "NULLs in place of what was there");
    is_int(used.other, 7, "a member without a column stays");
    is_int(cloudep_db_run_one(db, p, &rows, &wide, CLOUDEP_ARGS("late")), APR_SUCCESS, "a row with columns before");
    cloudep_record_read(&used, p, &sample_record, rows, 0, 2);
    is_sample(&used, "late", 5000000000, 1, "a record that begins further right");
    used.text = "kept";
    is_int(cloudep_record_one(&used, p, db, &sample_record, &none, CLOUDEP_ARGS("x")), APR_NOTFOUND, "no row");
    is_str(used.text, "kept", "changes nothing");
    list = NULL;
    is_int(cloudep_record_list(&list, p, db, &sample_record, &bad, CLOUDEP_ARGS("")), CLOUDEP_EDATABASE,
           "a statement that fails");
    ok(!list, "gives no list");
    is_int(cloudep_record_list(&list, p, db, &sample_record, &none, CLOUDEP_ARGS("x")), APR_SUCCESS, "no rows");
    is_int(list ? list->nelts : -1, 0, "are an empty list");
}

/* Texts that PostgreSQL writes with quotes and backslashes come back as they were. */
static void test_lists(void)
{
    static const cloudep_statement_t echo = {.label = "test_list",
                                             .sql = "SELECT %s::text[], NULL::text[], '{NULL}'::text[]"};
    const char *const texts[] = {"plain",       "",     "a,b",       "{x}",     "say \"hi\"",
                                 "back\\slash", "NULL", "two words", "\xc3\xa4"};
    const int count = (int)(sizeof(texts) / sizeof(texts[0]));
    apr_array_header_t *list = apr_array_make(p, count, sizeof(const char *));
    cloudep_rows_t *rows = NULL;

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(list, const char *) = texts[i];
    }
    is_int(cloudep_db_run_one(db, p, &rows, &echo, CLOUDEP_ARGS(cloudep_arg_list(p, list))), APR_SUCCESS,
           "a list goes to PostgreSQL and back");
    list = cloudep_cell_list(p, rows, 0, 0);
    is_int(list->nelts, count, "a list comes back as long as it was");
    for (int i = 0; i < count && i < list->nelts; i++) {
        is_str(APR_ARRAY_IDX(list, i, const char *), texts[i], texts[i]);
    }
    is_int(cloudep_cell_list(p, rows, 0, 1)->nelts, 0, "SQL NULL is an empty list");
    list = cloudep_cell_list(p, rows, 0, 2);
    ok(list->nelts == 1 && !APR_ARRAY_IDX(list, 0, const char *), "an element that is SQL NULL is NULL");
    is_int(cloudep_db_run_one(db, p, &rows, &echo, CLOUDEP_ARGS(cloudep_arg_list(p, NULL))), APR_SUCCESS,
           "no list goes to PostgreSQL");
    is_int(cloudep_cell_list(p, rows, 0, 0)->nelts, 0, "no list is an empty one");
}

static cloudep_link_t link_of(const char *uid, const char *kind)
{
    return (cloudep_link_t){.tenant_id = tenant->id, .digest = uuid(), .uid = uid, .kind = kind};
}

static void test_links(void)
{
    const char *uid = register_member("links@example.com");
    const cloudep_link_t reset = link_of(uid, CLOUDEP_LINK_RESET);
    const cloudep_link_t first = link_of(uid, CLOUDEP_LINK_FIRST_PASSWORD);
    const cloudep_link_t nobodys = link_of(uuid(), CLOUDEP_LINK_RESET);
    cloudep_link_t foreign = reset;
    cloudep_link_t found = {0};

    is_int(cloudep_link_add(db, p, &reset), APR_SUCCESS, "a link is added");
    is_int(cloudep_link_add(db, p, &reset), CLOUDEP_ECONFLICT, "once");
    is_int(cloudep_link_add(db, p, &nobodys), APR_NOTFOUND, "nobody gets none");
    is_value("t", "it is good for an hour",
             "SELECT expires_at - created_at = interval '1 hour' FROM cloudep.links WHERE digest = $1", reset.digest);
    is_int(cloudep_link_find(db, p, &found, tenant->id, reset.digest), APR_SUCCESS, "it is found");
    ok(!strcmp(found.uid, uid) && !strcmp(found.kind, CLOUDEP_LINK_RESET) && !strcmp(found.tenant_id, tenant->id) &&
           !strcmp(found.digest, reset.digest) && !found.undoes && !found.undoes_at && !found.restores,
       "with what it is");
    is_int(cloudep_link_find(db, p, &found, tenant->id, "none"), APR_NOTFOUND, "another one is not");
    is_int(cloudep_link_find(db, p, &found, uuid(), reset.digest), APR_NOTFOUND, "nor under another tenant");
    foreign.tenant_id = uuid();
    is_int(cloudep_link_use(db, p, &foreign), APR_NOTFOUND, "another tenant does not use it");
    is_int(cloudep_link_use(db, p, &reset), APR_SUCCESS, "it is used");
    is_int(cloudep_link_use(db, p, &reset), APR_NOTFOUND, "once");
    is_int(cloudep_link_find(db, p, &found, tenant->id, reset.digest), APR_NOTFOUND, "a used one is not found");
    is_int(cloudep_link_restore(db, p, &foreign), APR_SUCCESS, "another tenant puts nothing back");
    is_int(cloudep_link_find(db, p, &found, tenant->id, reset.digest), APR_NOTFOUND, "so it is used still");
    is_int(cloudep_link_restore(db, p, &reset), APR_SUCCESS, "it is put back");
    is_int(cloudep_link_use(db, p, &reset), APR_SUCCESS, "and serves again");
    is_int(cloudep_link_add(db, p, &first), APR_SUCCESS, "another link");
    is_value("t", "one for a first password is good for seven days",
             "SELECT expires_at - created_at = interval '7 days' FROM cloudep.links WHERE digest = $1", first.digest);
    postgres_sql("UPDATE cloudep.links SET expires_at = now()");
    is_int(cloudep_link_find(db, p, &found, tenant->id, first.digest), APR_NOTFOUND, "one that is over is not found");
    is_int(cloudep_link_use(db, p, &first), APR_NOTFOUND, "nor used");
    is_int(cloudep_link_restore(db, p, &reset), APR_SUCCESS, "one that is over is put back");
    is_int(cloudep_link_use(db, p, &reset), APR_NOTFOUND, "and is over all the same");
}

/* An undo of that kind that began so long ago. */
static cloudep_link_t undo_of(const char *uid, const char *undoes, const char *restores, const char *ago)
{
    const cloudep_link_t link = {.tenant_id = tenant->id, .digest = uuid(), .uid = uid, .restores = restores};

    free(postgres_value("INSERT INTO cloudep.links"
                        " (tenant_id, uid, digest, kind, undoes, undoes_at, restores, created_at, expires_at)"
                        " VALUES ($1::uuid, $2::uuid, $3, 'undo', $4, now() - $6::interval, nullif($5, ''),"
                        "         now() - $6::interval, now() + interval '1 hour')",
                        tenant->id, uid, link.digest, undoes, restores ? restores : "", ago, NULL));
    return link;
}

static void test_undo(void)
{
    const char *uid = register_member("undo@example.com");
    cloudep_link_t link = undo_of(uid, CLOUDEP_UNDOES_TOTP, NULL, "1 hour");
    const cloudep_link_t reset = link_of(uid, CLOUDEP_LINK_RESET);
    cloudep_link_t found = {0};

    is_int(cloudep_link_find(db, p, &found, tenant->id, link.digest), APR_SUCCESS, "an undo is found");
    ok(!strcmp(found.kind, CLOUDEP_LINK_UNDO) && !strcmp(found.undoes, CLOUDEP_UNDOES_TOTP) && found.undoes_at > 0,
       "with what it undoes, and when that was");
    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " VALUES ($1::uuid, $2::uuid, 's', now() - interval '2 hours')",
                        tenant->id, uid, NULL));
    free(postgres_value("INSERT INTO cloudep.credentials (tenant_id, uid, phc) VALUES ($1::uuid, $2::uuid, 'phc')"
                        " ON CONFLICT DO NOTHING",
                        tenant->id, uid, NULL));
    is_int(cloudep_link_add(db, p, &reset), APR_SUCCESS, "another link of the member");
    is_int(cloudep_link_undo(db, p, &reset, notice(uid)), APR_NOTFOUND, "which undoes nothing");
    free(postgres_value("UPDATE cloudep.members SET status = 'deleting' WHERE uid = $1::uuid", uid, NULL));
    is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_NOTFOUND, "nor does one of a member who is leaving");
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_SUCCESS, "a suspended member undoes");
    is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_NOTFOUND, "once");
    is_value("suspended f t 1 1 1", "the password goes and is due, and the generation is raised with its sessions",
             "SELECT concat_ws(' ', status, has_password, password_due, ways_in, generation, sessions_from)"
             " FROM cloudep.members WHERE uid = $1::uuid",
             uid);
    is_value("0", "it is stored no more", "SELECT count(*) FROM cloudep.credentials WHERE uid = $1::uuid", uid);
    is_value("undone", "the session ends", "SELECT revoke_reason FROM cloudep.sessions WHERE uid = $1::uuid", uid);
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "undone", ""), 1, "and is counted");
    is_value("1", "a factor from before the change stays",
             "SELECT count(*) FROM cloudep.totp WHERE enrolled_at IS NOT NULL AND uid = $1::uuid", uid);
    is_value("1", "so does another link", "SELECT count(*) FROM cloudep.links WHERE used_at IS NULL AND uid = $1::uuid",
             uid);
    is_value(
        "1", "the notice is enqueued once",
        "SELECT count(*) FROM cloudep.outbox WHERE template = 'notice' AND target = 'a@example.com' AND uid = $1::uuid"
        " AND created_at = (SELECT max(used_at) FROM cloudep.links WHERE uid = outbox.uid)",
        uid);
    link = undo_of(uid, CLOUDEP_UNDOES_TOTP, NULL, "3 hours");
    is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_SUCCESS, "an undo of a change before the factor");
    is_value("0", "takes that", "SELECT count(*) FROM cloudep.totp WHERE enrolled_at IS NOT NULL AND uid = $1::uuid",
             uid);
}

static void test_undo_of_email(void)
{
    const char *uid = register_member("thief@example.com");
    const char *other = register_member("taken@example.com");
    cloudep_link_t link = undo_of(uid, CLOUDEP_UNDOES_EMAIL, "taken@example.com", "1 hour");

    is_int(cloudep_link_undo(db, p, &link, notice(uid)), CLOUDEP_ECONFLICT, "an address that another member has");
    is_value("thief@example.com 0", "is not restored, and nothing else is done",
             "SELECT concat_ws(' ', email, generation) FROM cloudep.members WHERE uid = $1::uuid", uid);
    free(postgres_value(
        "INSERT INTO cloudep.links (tenant_id, uid, digest, kind, created_at, expires_at) VALUES"
        " ($1::uuid, $2::uuid, 'younger', 'reset', now() - interval '1 minute', now() + interval '1 hour'),"
        " ($1::uuid, $2::uuid, 'older', 'reset', now() - interval '2 hours', now() + interval '1 hour'),"
        " ($1::uuid, $3::uuid, 'another', 'reset', now(), now() + interval '1 hour')",
        tenant->id, uid, other, NULL));
    free(
        postgres_value("UPDATE cloudep.links SET restores = 'owner@example.com' WHERE digest = $1", link.digest, NULL));
    free(postgres_value("INSERT INTO cloudep.members (tenant_id, uid, email, reserved_by) VALUES"
                        " ($1::uuid, gen_random_uuid(), 'owner@example.com', $2::uuid),"
                        " ($1::uuid, gen_random_uuid(), 'older@example.com', $2::uuid)",
                        tenant->id, uid, NULL));
    free(postgres_value("UPDATE cloudep.members SET login_phone = '+886911000111',"
                        " login_phone_at = now() - interval '2 hours' WHERE uid = $1::uuid",
                        uid, NULL));
    is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_SUCCESS, "one that is reserved for the member");
    is_value("owner@example.com +886911000111", "is restored; a login phone from before stays",
             "SELECT concat_ws(' ', email, login_phone) FROM cloudep.members WHERE uid = $1::uuid", uid);
    is_value("another older", "links that were mailed since are void, and no others",
             "SELECT string_agg(digest, ' ' ORDER BY digest) FROM cloudep.links WHERE used_at IS NULL AND digest IN"
             " ('younger', 'older', 'another') AND tenant_id = $1::uuid",
             tenant->id);
    is_value("older@example.com", "as is what they reserved",
             "SELECT string_agg(email, ' ') FROM cloudep.members WHERE reserved_by = $1::uuid", uid);
}

/* ---- passkeys ---- */

/* Of a member's row, and of a passkey's. */
#define COUNTED "SELECT concat_ws(' ', ways_in, generation) FROM cloudep.members WHERE uid = $1::uuid"
#define NAMES "SELECT coalesce(string_agg(name, ' ' ORDER BY name), '-') FROM cloudep.passkeys WHERE uid = $1::uuid"

static cloudep_passkey_t passkey_of(const char *name)
{
    apr_array_header_t *transports = apr_array_make(p, 2, sizeof(const char *));

    APR_ARRAY_PUSH(transports, const char *) = "usb";
    APR_ARRAY_PUSH(transports, const char *) = "nfc";
    return (cloudep_passkey_t){.credential_id = uuid(),
                               .spki = "key",
                               .algorithm = -7,
                               .sign_count = 4000000000,
                               .backup_eligible = 1,
                               .transports = transports,
                               .aaguid = "11111111-2222-4333-8444-555555555555",
                               .name = name};
}

/* Adds one as a member of that generation. *passkey has its id then. */
static apr_status_t add(cloudep_passkey_t *passkey, const char *uid, const char *generation, const char *undo)
{
    return cloudep_passkey_add(db, p, &passkey->id, tenant->id, uid, generation, passkey, undo, notice(uid));
}

/* A passkey of a member whose generation is as it is. */
static cloudep_passkey_t added(const char *uid, const char *name, const char *undo)
{
    cloudep_passkey_t passkey = passkey_of(name);
    char *generation = postgres_value("SELECT generation FROM cloudep.members WHERE uid = $1::uuid", uid, NULL);

    is_int(add(&passkey, uid, generation, undo), APR_SUCCESS, apr_psprintf(p, "the passkey %s is added", name));
    free(generation);
    return passkey;
}

static void test_passkey_add(void)
{
    const char *uid = register_member("key@example.com");
    cloudep_passkey_t passkey = passkey_of("First");
    cloudep_passkey_t same = passkey;

    is_int(add(&passkey, uuid(), "0", NULL), CLOUDEP_ECHANGED, "nobody gets a passkey");
    is_int(add(&passkey, uid, "1", NULL), CLOUDEP_ECHANGED, "nor a member of another generation");
    is_int(cloudep_passkey_add(db, p, &passkey.id, uuid(), uid, "0", &passkey, NULL, notice(uid)), CLOUDEP_ECHANGED,
           "nor one in another tenant");
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(add(&passkey, uid, "0", NULL), CLOUDEP_ECHANGED, "nor one who is suspended");
    free(postgres_value("UPDATE cloudep.members SET status = 'active' WHERE uid = $1::uuid", uid, NULL));
    is_value("1 0", "none of them has counted", COUNTED, uid);
    is_int(add(&passkey, uid, "0", NULL), APR_SUCCESS, "a passkey is added");
    is_value("2 1", "it is a way in, and a change of credentials", COUNTED, uid);
    is_value("0", "without a link there is none", "SELECT count(*) FROM cloudep.links WHERE uid = $1::uuid", uid);
    is_value("2", "its notice goes out, beside the mail of the registration",
             "SELECT count(*) FROM cloudep.outbox WHERE uid = $1::uuid", uid);
    is_int(add(&same, uid, "1", NULL), CLOUDEP_ECONFLICT, "an authenticator's credential is there once in a tenant");
    is_value("2 1", "and the second try has not counted", COUNTED, uid);
    (void)added(uid, "Second", "digest-of-second");
    is_value("undo passkey t t", "the link that undoes it is of the moment it was added, and good for three days",
             "SELECT concat_ws(' ', kind, undoes, undoes_at = (SELECT created_at FROM cloudep.passkeys WHERE name = "
             "'Second'), expires_at - created_at = interval '3 days') FROM cloudep.links WHERE digest = $1",
             "digest-of-second");
}

static void test_passkey_read(void)
{
    const char *uid = register_member("keys@example.com");
    const char *other = register_member("keyless@example.com");
    cloudep_passkey_owner_t owner = {{0}};
    apr_array_header_t *list;
    cloudep_passkey_t older, younger;
    const char *handle;
    int any;

    is_int(cloudep_passkey_handle(db, p, &handle, tenant->id, uid), APR_SUCCESS, "a member has a row for a handle");
    is_str(handle, NULL, "and none in it");
    is_int(cloudep_passkey_new_handle(db, p, &handle, tenant->id, uid, "handle"), APR_SUCCESS, "one is given");
    is_str(handle, "handle", "and told");
    is_int(cloudep_passkey_new_handle(db, p, &handle, tenant->id, uid, "another"), APR_SUCCESS, "another is offered");
    is_str(handle, "handle", "and the first one stays");
    is_int(cloudep_passkey_new_handle(db, p, &handle, uuid(), uid, "x"), APR_NOTFOUND, "not in another tenant");
    is_int(cloudep_passkey_handle(db, p, &handle, uuid(), uid), APR_NOTFOUND, "where it is not told either");
    is_int(cloudep_passkey_handle(db, p, &handle, tenant->id, other), APR_SUCCESS, "another member");
    is_str(handle, NULL, "has none of it");
    younger = added(uid, "Younger", NULL);
    older = added(uid, "Older", NULL);
    free(postgres_value("UPDATE cloudep.passkeys SET created_at = now() - interval '1 day' WHERE id = $1::uuid",
                        older.id, NULL));
    is_int(cloudep_passkeys_of(db, p, &list, tenant->id, uid), APR_SUCCESS, "passkeys are listed");
    ok(list->nelts == 2 && !strcmp(APR_ARRAY_IDX(list, 0, cloudep_passkey_t).name, "Older"), "the oldest first");
    is_int(cloudep_passkeys_of(db, p, &list, tenant->id, other), APR_SUCCESS, "those of another member");
    is_int(list->nelts, 0, "are none");
    (void)cloudep_passkeys_of(db, p, &list, uuid(), uid);
    is_int(list->nelts, 0, "as are those in another tenant");
    (void)cloudep_passkey_any(db, p, &any, tenant->id, uid);
    is_int(any, 2, "a member has any");
    (void)cloudep_passkey_any(db, p, &any, tenant->id, other);
    is_int(any, 0, "another has not");
    (void)cloudep_passkey_any(db, p, &any, uuid(), uid);
    is_int(any, 0, "nor is there one in another tenant");
    is_int(cloudep_passkey_find(db, p, &owner, tenant->id, younger.credential_id), APR_SUCCESS, "one is found");
    ok(!strcmp(owner.passkey.id, younger.id) && !strcmp(owner.passkey.spki, "key") && owner.passkey.algorithm == -7 &&
           owner.passkey.sign_count == 4000000000 && owner.passkey.backup_eligible && !owner.passkey.backed_up &&
           owner.passkey.transports->nelts == 2 && !owner.passkey.last_used_at && owner.passkey.created_at > 0,
       "with all that was stored");
    ok(!strcmp(owner.user_handle, "handle") && !strcmp(owner.tenant->id, tenant->id) && !strcmp(owner.member->uid, uid),
       "and whose it is");
    is_int(cloudep_passkey_find(db, p, &owner, uuid(), younger.credential_id), APR_NOTFOUND, "in its tenant only");
    is_int(cloudep_passkey_find(db, p, &owner, tenant->id, "none"), APR_NOTFOUND, "and by its id only");
    is_int(cloudep_passkey_rename(db, p, tenant->id, uid, older.id, "A"), APR_SUCCESS, "one gets another name");
    is_int(cloudep_passkey_rename(db, p, tenant->id, other, older.id, "B"), APR_NOTFOUND, "not from another member");
    is_int(cloudep_passkey_rename(db, p, uuid(), uid, older.id, "C"), APR_NOTFOUND, "nor in another tenant");
    is_int(cloudep_passkey_rename(db, p, tenant->id, uid, uuid(), "D"), APR_NOTFOUND, "nor one that is not there");
    is_value("A Younger", "the others keep theirs", NAMES, uid);
}

/* Opens a session with that; returns its id. */
static const char *opened_with(const char *uid, const char *with)
{
    cloudep_session_t session = session_of(uid, "pop user mfa", NULL);
    char *generation = postgres_value("SELECT generation FROM cloudep.members WHERE uid = $1::uuid", uid, NULL);

    session.generation = generation;
    session.opened_with = with;
    is_int(cloudep_session_open(db, p, &session), APR_SUCCESS, apr_psprintf(p, "a session is opened with %s", with));
    free(generation);
    return session.id;
}

static void test_passkey_remove(void)
{
    const char *uid = register_member("lost@example.com");
    const char *other = register_member("finder@example.com");
    cloudep_passkey_t lost = added(uid, "Lost", NULL);
    cloudep_passkey_t kept = added(uid, "Kept", NULL);
    const char *by_lost = apr_pstrcat(p, CLOUDEP_OPENED_PASSKEY, lost.id, NULL);
    const char *by_kept = apr_pstrcat(p, CLOUDEP_OPENED_PASSKEY, kept.id, NULL);
    const char *over;

    free(postgres_value("DELETE FROM cloudep.sessions WHERE uid = $1::uuid", uid, NULL));
    over = opened_with(uid, by_lost);
    (void)cloudep_session_end(db, p, tenant->id, over, "logout");
    (void)opened_with(uid, by_lost);
    (void)opened_with(uid, by_kept);
    (void)opened_with(other, by_lost);
    is_int(cloudep_passkey_remove(db, p, tenant->id, other, lost.id, notice(other)), APR_NOTFOUND,
           "another member removes nothing");
    is_int(cloudep_passkey_remove(db, p, tenant->id, uid, uuid(), notice(uid)), APR_NOTFOUND,
           "nor is removed what is not there");
    is_int(cloudep_passkey_remove(db, p, uuid(), uid, lost.id, notice(uid)), CLOUDEP_ECHANGED, "nor in another tenant");
    is_value("3 2", "and nothing is counted", COUNTED, uid);
    is_int(cloudep_passkey_remove(db, p, tenant->id, uid, lost.id, notice(uid)), APR_SUCCESS, "its member removes it");
    is_value("2 3", "a way in less", COUNTED, uid);
    is_value("Kept", "the other one stays", NAMES, uid);
    is_value("passkey:kept -, passkey:lost logout, passkey:lost passkey removed",
             "the sessions that it opened are over, and no others",
             "SELECT string_agg(replace(replace(opened_with, (SELECT id::text FROM cloudep.passkeys WHERE name = 'Kept'"
             " AND uid = $1::uuid), 'kept'), split_part(opened_with, ':', 2), 'lost') || ' ' || coalesce(revoke_reason,"
             " '-'), ', ' ORDER BY opened_with <> 'passkey:' || (SELECT id::text FROM cloudep.passkeys WHERE name ="
             " 'Kept' AND uid = $1::uuid), revoke_reason) FROM cloudep.sessions WHERE uid = $1::uuid",
             uid);
    is_value("0", "another member's session is none of them",
             "SELECT count(*) FROM cloudep.sessions WHERE revoked_at IS NOT NULL AND uid = $1::uuid", other);
    is_value(
        "1", "its member is told once",
        "SELECT count(*) FROM cloudep.outbox WHERE created_at = (SELECT max(revoked_at) FROM cloudep.sessions WHERE"
        " uid = $1::uuid AND revoke_reason = 'passkey removed') AND uid = $1::uuid",
        uid);
    free(postgres_value("UPDATE cloudep.members SET ways_in = 1 WHERE uid = $1::uuid", uid, NULL));
    is_int(cloudep_passkey_remove(db, p, tenant->id, uid, kept.id, notice(uid)), CLOUDEP_EREFUSED,
           "the last one stays");
    free(
        postgres_value("UPDATE cloudep.members SET ways_in = 2, status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(cloudep_passkey_remove(db, p, tenant->id, uid, kept.id, notice(uid)), CLOUDEP_ECHANGED,
           "as do those of a suspended member");
    is_value("Kept", "so it is there", NAMES, uid);
}

/* Logs in by a passkey as a member of that generation. */
static apr_status_t log_in_by(const cloudep_passkey_t *passkey, const char *uid, const char *generation,
                              const char *with, cloudep_session_t *session)
{
    const cloudep_passkey_use_t use = {.id = passkey->id, .sign_count = 4000000001, .backed_up = 1};

    *session = session_of(uid, "pop user mfa", CLOUDEP_MFA_PASSKEY);
    session->generation = generation;
    session->opened_with = with;
    return cloudep_passkey_login(db, p, &use, session, CLOUDEP_NO_MESSAGE);
}

#define USED                                                                                                           \
    "SELECT concat_ws(' ', sign_count, backed_up, last_used_at IS NOT NULL) FROM cloudep.passkeys WHERE id = $1::uuid"

static void test_passkey_login(void)
{
    const char *uid = register_member("login@example.com");
    const char *other = register_member("notlogin@example.com");
    cloudep_passkey_t passkey = added(uid, "Key", NULL);
    cloudep_passkey_t unused = added(uid, "Unused", NULL);
    cloudep_passkey_t foreign = added(other, "Foreign", NULL);
    const char *with = apr_pstrcat(p, CLOUDEP_OPENED_PASSKEY, passkey.id, NULL);
    cloudep_session_t session;

    is_int(log_in_by(&passkey, uid, "1", with, &session), CLOUDEP_ECHANGED, "an older generation does not log in");
    is_int(log_in_by(&foreign, uid, "2", with, &session), CLOUDEP_ECHANGED, "nor does another member's passkey");
    is_value("4000000000 f f", "neither is noted", USED, passkey.id);
    is_int(log_in_by(&passkey, uid, "2", with, &session), APR_SUCCESS, "a passkey logs in");
    ok(session.refresh_seq == 1 && session.auth_time > 0, "which opens the session");
    is_value(
        "passkey t 2", "with a second factor, of the generation that was read",
        "SELECT concat_ws(' ', mfa_method, mfa_at IS NOT NULL, generation) FROM cloudep.sessions WHERE id = $1::uuid",
        session.id);
    is_value("4000000001 t t", "its use is noted", USED, passkey.id);
    is_value("4000000000 f f", "and of no other of its member", USED, unused.id);
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(log_in_by(&passkey, uid, "2", with, &session), CLOUDEP_EREFUSED, "nobody who is suspended logs in");
}

static apr_status_t step_up(const cloudep_passkey_t *passkey, const char *uid, const char *generation,
                            const char *session_id)
{
    const cloudep_passkey_use_t use = {.id = passkey->id, .sign_count = 4000000002, .backed_up = 0};
    const cloudep_member_t owner = {.tenant_id = tenant->id, .uid = uid, .generation = generation};

    return cloudep_passkey_step_up(db, p, &use, &owner, session_id, CLOUDEP_NO_MESSAGE);
}

static void test_passkey_step_up(void)
{
    const char *uid = register_member("proof@example.com");
    const char *other = register_member("noproof@example.com");
    cloudep_passkey_t passkey = added(uid, "Key", NULL);
    const char *session = opened_with(uid, CLOUDEP_OPENED_PASSWORD);
    const char *second = opened_with(uid, CLOUDEP_OPENED_PASSWORD);
    const char *foreign = opened_with(other, CLOUDEP_OPENED_PASSWORD);

    is_int(step_up(&passkey, uid, "0", session), CLOUDEP_ECHANGED, "an older generation proves nothing");
    is_int(step_up(&passkey, other, "0", foreign), CLOUDEP_ECHANGED, "nor does another member's passkey");
    is_int(step_up(&passkey, uid, "1", foreign), APR_NOTFOUND, "nor anything in another member's session");
    (void)cloudep_session_end(db, p, tenant->id, second, "logout");
    is_int(step_up(&passkey, uid, "1", second), APR_NOTFOUND, "nor in one that is over");
    is_value("0", "no session has a proof",
             "SELECT count(*) FROM cloudep.sessions WHERE (mfa_at IS NOT NULL OR fresh_at IS NOT NULL) AND uid IN"
             " ($1::uuid, (SELECT uid FROM cloudep.members WHERE email = 'noproof@example.com'))",
             uid);
    free(postgres_value("UPDATE cloudep.members SET sessions_from = 2 WHERE uid = $1::uuid", uid, NULL));
    is_int(step_up(&passkey, uid, "1", session), APR_NOTFOUND, "nor in one that a change of credentials has ended");
    free(postgres_value("UPDATE cloudep.members SET sessions_from = 0 WHERE uid = $1::uuid", uid, NULL));
    second = opened_with(uid, CLOUDEP_OPENED_PASSWORD);
    is_int(step_up(&passkey, uid, "1", session), APR_SUCCESS, "a live one is proved");
    is_value("passkey t t", "by a second factor, a moment ago",
             "SELECT concat_ws(' ', mfa_method, mfa_at = fresh_at, mfa_at > now() - interval '1 minute') FROM"
             " cloudep.sessions WHERE id = $1::uuid",
             session);
    is_value("f", "and no other is", "SELECT mfa_at IS NOT NULL FROM cloudep.sessions WHERE id = $1::uuid", second);
    free(postgres_value("UPDATE cloudep.members SET status = 'suspended' WHERE uid = $1::uuid", uid, NULL));
    is_int(step_up(&passkey, uid, "1", session), CLOUDEP_EREFUSED, "a suspended member proves nothing");
}

/* The digests of a member's links that are still good. */
#define GOOD                                                                                                           \
    "SELECT coalesce(string_agg(digest, ' ' ORDER BY digest), '-') FROM cloudep.links WHERE used_at IS NULL AND uid "  \
    "= "                                                                                                               \
    "$1::uuid"

/* When the undo of a passkey dies: its factor was used beside a credential that is older than it. */
static void test_passkey_spends_undo(void)
{
    const char *uid = register_member("doubt@example.com");
    const cloudep_passkey_t first = added(uid, "First", "undo-first");
    const cloudep_passkey_t second = added(uid, "Second", "undo-second");
    const char *alone = apr_pstrcat(p, CLOUDEP_OPENED_PASSKEY, first.id, NULL);
    cloudep_identity_t account = {.id = uuid(), .issuer = "https://elsewhere.test", .subject = "doubt"};
    const char *linked = apr_pstrcat(p, CLOUDEP_OPENED_IDENTITY, account.id, NULL);
    cloudep_session_t session;

    free(postgres_value("INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at) VALUES"
                        " ($1::uuid, $2::uuid, 'undo-totp', 'undo', 'totp', now(), now() + interval '1 hour')",
                        tenant->id, uid, NULL));
    is_int(cloudep_identity_link(db, p, tenant->id, uid, &account, CLOUDEP_NO_MESSAGE), APR_SUCCESS,
           "a linked account");
    free(postgres_value("INSERT INTO cloudep.credentials (tenant_id, uid, phc, updated_at) VALUES ($1::uuid, $2::uuid,"
                        " 'phc', now() + interval '1 hour') ON CONFLICT (tenant_id, uid) DO UPDATE SET updated_at ="
                        " excluded.updated_at",
                        tenant->id, uid, NULL));
    is_int(log_in_by(&first, uid, "3", alone, &session), APR_SUCCESS, "the passkey alone logs in");
    is_int(log_in_by(&first, uid, "3", CLOUDEP_OPENED_OTP, &session), APR_SUCCESS, "beside a code");
    is_int(log_in_by(&first, uid, "3", CLOUDEP_OPENED_PASSWORD, &session), APR_SUCCESS, "beside a younger password");
    is_int(log_in_by(&first, uid, "3", linked, &session), APR_SUCCESS, "beside a younger linked account");
    is_value("undo-first undo-second undo-totp", "nothing of it ends a doubt", GOOD, uid);
    free(postgres_value("UPDATE cloudep.credentials SET updated_at = now() - interval '1 hour' WHERE uid = $1::uuid",
                        uid, NULL));
    is_int(log_in_by(&first, uid, "3", CLOUDEP_OPENED_PASSWORD, &session), APR_SUCCESS, "beside an older password");
    is_value("undo-second undo-totp", "it ends that of its own adding", GOOD, uid);
    free(postgres_value("UPDATE cloudep.identities SET created_at = now() - interval '1 hour' WHERE uid = $1::uuid",
                        uid, NULL));
    is_int(log_in_by(&second, uid, "3", linked, &session), APR_SUCCESS, "and beside an older linked account");
    is_value("undo-totp", "as well", GOOD, uid);
}

/* What was added since the undone change goes, and is no way in any more. */
static void test_undo_takes_passkeys(void)
{
    static const char *const kinds[] = {CLOUDEP_UNDOES_TOTP, CLOUDEP_UNDOES_EMAIL, CLOUDEP_UNDOES_PASSKEY};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *uid = register_member(apr_psprintf(p, "undokey%d@example.com", (int)i));
        const char *neighbour = register_member(apr_psprintf(p, "neighbour%d@example.com", (int)i));
        cloudep_link_t link;

        (void)added(uid, "Older", NULL);
        free(postgres_value("UPDATE cloudep.passkeys SET created_at = now() - interval '1 hour' WHERE uid = $1::uuid",
                            uid, NULL));
        (void)added(uid, "Same", NULL);
        (void)added(uid, "Younger", NULL);
        (void)added(neighbour, "Neighbour", NULL);
        free(postgres_value("UPDATE cloudep.passkeys SET created_at = now() - interval '1 minute' WHERE name = 'Same'"
                            " AND uid = $1::uuid",
                            uid, NULL));
        link = undo_of(uid, kinds[i], i == 1 ? apr_psprintf(p, "before%d@example.com", (int)i) : NULL, "1 minute");
        free(postgres_value("UPDATE cloudep.links SET undoes_at = (SELECT created_at FROM cloudep.passkeys WHERE name ="
                            " 'Same' AND uid = $1::uuid) WHERE uid = $1::uuid AND kind = 'undo'",
                            uid, NULL));
        is_int(cloudep_link_undo(db, p, &link, notice(uid)), APR_SUCCESS, apr_psprintf(p, "an undo of %s", kinds[i]));
        is_value("Older", "takes the passkeys that are not older", NAMES, uid);
        is_value("2 4", "which are ways in no more, unlike the password that is due", COUNTED, uid);
        is_value("Neighbour", "another member keeps theirs", NAMES, neighbour);
    }
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    postgres_start();
    (void)count_in(256);
    db = postgres_db(p, POSTGRES_APP);
    test_tenant();
    test_registration();
    test_attempts();
    test_profile();
    test_mfa_method();
    test_session();
    test_liveness();
    test_renewal();
    test_slide();
    test_own_sessions();
    test_totp();
    test_identity();
    test_used_token();
    test_password();
    test_outbox();
    test_outbox_names();
    test_operator_outbox(postgres_db(p, POSTGRES_OWNER));
    test_events();
    test_expiry_bound();
    test_erasure();
    test_leaving();
    test_links();
    test_undo();
    test_undo_of_email();
    test_passkey_add();
    test_passkey_read();
    test_passkey_remove();
    test_passkey_login();
    test_passkey_step_up();
    test_passkey_spends_undo();
    test_undo_takes_passkeys();
    test_sweep();
    test_records();
    test_lists();
    return done_testing();
}
