/*
 * isolation_test.c - the conditions of the stores' statements, one by one: what is done to one member touches nobody
 * else, and is done only in the state that it needs.
 *
 * Two strangers are as close as rows can be: another member of the same tenant, and one of another tenant with the same
 * uid and the same ids of sessions, messages and links. All that is theirs is compared before and after each statement.
 */
#include "base/store/budget_store.h"
#include "base/store/contact_store.h"
#include "base/store/credential_store.h"
#include "base/store/event_store.h"
#include "base/store/identity_store.h"
#include "base/store/link_store.h"
#include "base/store/liveness_store.h"
#include "base/store/outbox_store.h"
#include "base/store/own_session_store.h"
#include "base/store/password_store.h"
#include "base/store/sweep_store.h"
#include "base/store/tenant_store.h"
#include "base/store/totp_store.h"
#include "members.h"

/* ---- sessions */

static apr_status_t again(const char *tenant_id, const char *id, const char *uid)
{
    cloudep_session_t opened = {.tenant_id = tenant_id, .id = id, .uid = uid};

    return cloudep_session_again(db, p, &opened);
}

static apr_status_t principal(const char *tenant_id, const char *id, const char *uid)
{
    cloudep_live_session_t live = {0};

    return cloudep_session_principal(db, p, &live, tenant_id, id, uid);
}

/* A statement on a session, with what names it. */
typedef apr_status_t look_up_f(const char *tenant_id, const char *id, const char *uid);

static apr_status_t reauthenticated(const char *tenant_id, const char *id, const char *uid)
{
    return cloudep_session_reauthenticated(db, p, tenant_id, id, uid);
}

static void is_of_session(look_up_f *look_up, const char *what)
{
    begin();
    is_int(look_up(TENANT, SESSION, UID), APR_SUCCESS, apr_pstrcat(p, what, ": the member's own session", NULL));
    alone(what);
    is_int(look_up(NOWHERE, SESSION, UID), APR_NOTFOUND, apr_pstrcat(p, what, ": not of another tenant", NULL));
    is_int(look_up(TENANT, MESSAGE, UID), APR_NOTFOUND, apr_pstrcat(p, what, ": not by another id", NULL));
    is_int(look_up(TENANT, SESSION, OTHER), APR_NOTFOUND, apr_pstrcat(p, what, ": not for another member", NULL));
    set("sessions", "revoked_at = now()");
    ok(look_up(TENANT, SESSION, UID) != APR_SUCCESS, "%s: not one that was ended", what);
    set("sessions", "revoked_at = NULL, expires_at = now()");
    ok(look_up(TENANT, SESSION, UID) != APR_SUCCESS, "%s: not one at its absolute end", what);
    set("sessions", "expires_at = now() + interval '1 hour', generation = 0");
    set("members", "generation = 1, sessions_from = 1");
    ok(look_up(TENANT, SESSION, UID) != APR_SUCCESS, "%s: not one of credentials that were changed", what);
    set("members", "generation = 0, sessions_from = 0");
    is_int(look_up(TENANT, SESSION, UID), APR_SUCCESS, apr_pstrcat(p, what, ": all else being right", NULL));
}

/* A use that changes nothing writes nothing: the row stays where it is. */
static void test_idle_use(void)
{
    static const char where[] =
        "SELECT ctid FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND id = '" SESSION "'";
    const cloudep_use_t use = {TENANT, SESSION, apr_time_sec(apr_time_now()) - 60, 1};
    const char *before;

    fresh();
    set("sessions", "seen_at = now() + interval '1 minute'");
    before = value(where);
    (void)cloudep_sessions_slide(db, p, &use, 1, 60);
    is_str(value(where), before, "a use before the last one writes nothing");
}

static void test_sessions(void)
{
    cloudep_rotation_e outcome;
    cloudep_session_t turned = session;
    const cloudep_use_t use = {TENANT, SESSION, apr_time_sec(apr_time_now()) - 60, 1};

    is_of_session(again, "a session that was just opened");
    set("sessions", "idle_expires_at = now()");
    is_int(again(TENANT, SESSION, UID), CLOUDEP_EREFUSED, "a session that was just opened: not at its idle end");
    set("sessions", "idle_expires_at = now() + interval '1 hour', refresh_seq = 2");
    is_int(again(TENANT, SESSION, UID), CLOUDEP_EREFUSED, "a session that was just opened: not after a refresh");
    is_of_session(principal, "the principal of a session");
    set("members", "status = 'suspended'");
    is_int(principal(TENANT, SESSION, UID), APR_NOTFOUND, "the principal of a session: not of a suspended member");
    is_of_session(reauthenticated, "a reauthentication");
    set("members", "status = 'suspended'");
    is_int(reauthenticated(TENANT, SESSION, UID), APR_NOTFOUND, "a reauthentication: not of a suspended member");
    begin();
    IS_ALONE("sessions", cloudep_session_rotate(db, p, &turned, 1, 10, &outcome), "a rotation");
    IS_ALONE("sessions", cloudep_session_renew(db, p, &turned, 2, 10), "a renewal");
    IS_ALONE("sessions", cloudep_sessions_slide(db, p, &use, 1, 7000), "a use");
    set("sessions", "idle_expires_at = now() + interval '1 hour', seen_at = now() + interval '1 minute'");
    IS_WITHOUT_EFFECT("sessions", cloudep_sessions_slide(db, p, &use, 1, 60), "an earlier use changes nothing");
    set("sessions", "expires_at = now(), seen_at = NULL");
    IS_WITHOUT_EFFECT("sessions", cloudep_sessions_slide(db, p, &use, 1, 7000), "nor does one of a session at its end");
    begin();
    IS_ALONE("sessions", cloudep_session_end(db, p, TENANT, SESSION, "logout"), "a logout");
    is_int(cloudep_session_end(db, p, TENANT, SESSION, "again"), APR_NOTFOUND, "a session ends once");
    is_str(value("SELECT revoke_reason FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND id = '" SESSION "'"),
           "logout", "and keeps the reason");
    is_int(cloudep_session_end(db, p, NOWHERE, SESSION, "logout"), APR_NOTFOUND, "none ends in another tenant");
}

static int listed(const char *tenant_id, const char *uid)
{
    apr_array_header_t *rows = NULL;

    return cloudep_own_sessions(&rows, p, db, tenant_id, uid, NULL, NULL, 10) == APR_SUCCESS ? rows->nelts : -1;
}

static void test_pages(void)
{
    apr_array_header_t *rows = NULL;
    const cloudep_own_session_t *first;

    fresh();
    postgres_sql(
        "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, created_at, idle_expires_at,"
        " expires_at) SELECT tenant_id, id.value::uuid, uid, generation, amr, created_at - id.earlier::interval,"
        " idle_expires_at, expires_at FROM cloudep.sessions,"
        " (VALUES ('e0000000-0000-4000-8000-000000000000', '0 s'),"
        "         ('e0000000-0000-4000-8000-000000000009', '1 h')) AS id (value, earlier)"
        " WHERE tenant_id = '" TENANT "' AND uid = '" UID "'");
    (void)cloudep_own_sessions(&rows, p, db, TENANT, UID, NULL, NULL, 1);
    first = &APR_ARRAY_IDX(rows, 0, cloudep_own_session_t);
    is_str(first->id, SESSION, "the newest session comes first");
    (void)cloudep_own_sessions(&rows, p, db, TENANT, UID, NULL, &(cloudep_cursor_t){first->cursor_at, first->id}, 10);
    is_int(rows->nelts, 2, "after it come the one of the same moment and the one before");
}

#define OLDER "e0000000-0000-4000-8000-000000000009"

static apr_status_t limit_to_one(apr_pool_t *pool)
{
    return cloudep_own_sessions_limit(db, pool, TENANT, UID, 1);
}

static void test_limit_meanwhile(void)
{
    fresh();
    postgres_sql("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, created_at, idle_expires_at,"
                 " expires_at) SELECT tenant_id, '" OLDER "', uid, generation, amr, created_at - interval '1 hour',"
                 " idle_expires_at, expires_at FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND uid = '" UID
                 "'");
    is_int(meanwhile("UPDATE cloudep.sessions SET revoked_at = now() WHERE tenant_id = '" TENANT "' AND id = '" SESSION
                     "'",
                     limit_to_one),
           APR_SUCCESS, "sessions are limited while one of them ends");
    is_str(value("SELECT (revoked_at IS NULL)::text FROM cloudep.sessions WHERE id = '" OLDER "'"), "true",
           "the other one, which is the only one now, goes on");
}

static void test_own_sessions(void)
{
    int ended;

    begin();
    is_int(listed(TENANT, UID), 1, "a member's own sessions are listed");
    is_int(listed(NOWHERE, UID), 0, "none of another tenant's");
    is_int(listed(TENANT, NOBODY), 0, "none of another member's");
    set("members", "generation = 1, sessions_from = 1");
    is_int(listed(TENANT, UID), 0, "none of credentials that were changed");
    begin();
    is_int(cloudep_own_session_end(db, p, TENANT, UID, OTHERS_SESSION), APR_NOTFOUND, "another member's is not ended");
    IS_ALONE("sessions", cloudep_own_session_end(db, p, TENANT, UID, SESSION), "the end of an own session");
    is_int(cloudep_own_session_end(db, p, TENANT, UID, SESSION), APR_NOTFOUND, "it ends once");
    begin();
    set("sessions", "expires_at = now()");
    is_int(cloudep_own_session_end(db, p, TENANT, UID, SESSION), APR_NOTFOUND, "one that is over is not ended");
    begin();
    IS_ALONE("members", cloudep_own_sessions_end_others(db, p, &ended, TENANT, UID, SESSION), "the end of all others");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, NOWHERE, UID, SESSION), APR_NOTFOUND, "of another tenant");
    is_int(cloudep_own_sessions_end_others(db, p, &ended, TENANT, UID, OTHERS_SESSION), APR_NOTFOUND,
           "that asks by another member's");
    begin();
    IS_ALONE("sessions", cloudep_own_sessions_limit(db, p, TENANT, UID, 0), "a limit of sessions");
    begin();
    IS_WITHOUT_EFFECT("sessions", cloudep_own_sessions_limit(db, p, NOWHERE, UID, 0), "the limit in another tenant");
    IS_WITHOUT_EFFECT("sessions", cloudep_own_sessions_limit(db, p, TENANT, OTHER, 0), "the limit of another member");
    set("members", "generation = 1, sessions_from = 1");
    IS_WITHOUT_EFFECT("sessions", cloudep_own_sessions_limit(db, p, TENANT, UID, 0),
                      "a session of credentials that were changed does not count, and keeps why it ended");
}

static int lives(const char *tenant_id, const char *id, const char *uid)
{
    const cloudep_session_key_t key = {tenant_id, id, uid};
    cloudep_session_state_t state;

    return cloudep_sessions_look_up(&state, p, db, &key, 1) == APR_SUCCESS ? state.live : -1;
}

static void test_liveness(void)
{
    fresh();
    is_int(lives(TENANT, SESSION, UID), 1, "a session lives");
    is_int(lives(NOWHERE, SESSION, UID), 0, "in its tenant");
    is_int(lives(TENANT, SESSION, OTHER), 0, "for its member");
    is_int(lives(TENANT, MESSAGE, UID), 0, "by its id");
    set("sessions", "expires_at = now()");
    is_int(lives(TENANT, SESSION, UID), 0, "not at its absolute end");
    set("sessions", "expires_at = now() + interval '1 hour', revoked_at = now()");
    is_int(lives(TENANT, SESSION, UID), 0, "not once it was ended");
    set("sessions", "revoked_at = NULL");
    set("members", "status = 'suspended'");
    is_int(lives(TENANT, SESSION, UID), 0, "not of a suspended member");
    set("members", "status = 'active', generation = 1, sessions_from = 1");
    is_int(lives(TENANT, SESSION, UID), 0, "not of credentials that were changed");
    set("members", "sessions_from = 0");
    is_int(lives(TENANT, SESSION, UID), 1, "all else being right it does");
}

/* ---- linked accounts */

#define ISSUER "https://issuer.example"

static apr_status_t register_account(const char *subject)
{
    static const cloudep_applicant_t applicant = {.tenant_id = TENANT,
                                                  .uid = NOBODY,
                                                  .email = "new@example.com",
                                                  .invite_code = "open",
                                                  .origin = "social",
                                                  .provider = "local"};
    const cloudep_identity_t identity = {.id = MESSAGE, .issuer = ISSUER, .subject = subject};
    cloudep_session_t opened = session;

    opened.id = MESSAGE;
    opened.uid = NOBODY;
    return cloudep_identity_register(db, p, &applicant, &identity, &opened);
}

/* Whom an account stands for; NULL: nobody. */
static const char *member_of(const char *issuer, const char *subject)
{
    cloudep_identity_t identity = {.issuer = issuer, .subject = subject};
    const cloudep_member_t *member = NULL;
    const cloudep_tenant_t *tenant;

    return cloudep_identity_member(db, p, &tenant, &member, TENANT, &identity, NULL) == APR_SUCCESS && member
               ? member->uid
               : NULL;
}

/* Who waits for a code has proved nothing yet, and gives the address up to whom a provider knows by it. */
static void test_accounts(void)
{
    postgres_sql("INSERT INTO cloudep.invites (tenant_id, code, max_uses) VALUES ('" TENANT "', 'open', 100)");
    fresh();
    set("members", "email = 'new@example.com'");
    is_int(register_account("s"), CLOUDEP_ECONFLICT, "nobody takes an active member's address");
    set("members", "status = 'pending', confirming_until = now() + interval '1 minute'");
    is_int(register_account("s"), CLOUDEP_ECONFLICT, "nor that of one who is being confirmed");
    set("members", "confirming_until = NULL");
    postgres_sql("UPDATE cloudep.members SET status = 'pending' WHERE uid = '" OTHER "'");
    is_int(register_account("s"), APR_SUCCESS, "that of one who has not confirmed it is free");
    is_str(value("SELECT string_agg(status, ' ' ORDER BY uid) FROM cloudep.members WHERE tenant_id = '" TENANT "'"),
           "deleting pending active", "who had it goes, and nobody else who waits");
}

static void test_account_of(void)
{
    fresh();
    is_int(register_account("s"), APR_SUCCESS, "a registration by an account");
    is_str(member_of(ISSUER, "s"), NOBODY, "the account stands for its member");
    is_str(member_of("https://another.example", "s"), NULL, "one of another issuer does not");
    is_str(member_of(ISSUER, "t"), NULL, "nor another one of that issuer");
}

static apr_status_t use_token(const char *digest)
{
    const char *opens = SESSION;

    return cloudep_identity_use_token(db, p, TENANT, digest, apr_time_sec(apr_time_now()) + 3600, 0, &opens);
}

static const char *used_tokens(const char *digests)
{
    return value(apr_psprintf(p,
                              "SELECT string_agg(digest, ' ' ORDER BY expires_at) FROM cloudep.used_id_tokens"
                              " WHERE digest LIKE '%s'",
                              digests));
}

static void test_used_tokens(void)
{
    postgres_sql("INSERT INTO cloudep.used_id_tokens (tenant_id, digest, expires_at)"
                 " SELECT '" TENANT "', 'old' || n, now() - n * interval '1 minute' FROM generate_series(1, 25) AS n");
    is_int(use_token("new"), APR_SUCCESS, "an id_token is turned in");
    is_str(used_tokens("old%"), "old5 old4 old3 old2 old1", "twenty notes that are over go, the oldest first");
    postgres_sql("BEGIN; SELECT FROM cloudep.used_id_tokens WHERE digest = 'old5' FOR UPDATE");
    is_int(use_token("newer"), APR_SUCCESS, "a note that another statement holds is not waited for");
    postgres_sql("COMMIT");
    is_str(used_tokens("old%"), "old5", "the others go");
    is_str(used_tokens("new%"), "new newer", "those that are not over stay");
    is_int(use_token("new"), CLOUDEP_ECONFLICT, "none is turned in twice");
}

/* ---- members */

static void test_members(void)
{
    const cloudep_profile_t profile = {.display_name = "New"};
    const cloudep_member_t *member = NULL;
    cloudep_session_t opened = session;

    begin();
    is_int(cloudep_member_by_uid(db, p, &member, TENANT, UID), APR_SUCCESS, "a member is found");
    is_int(cloudep_member_by_uid(db, p, &member, NOWHERE, UID), APR_NOTFOUND, "not in another tenant");
    is_int(cloudep_member_by_uid(db, p, &member, TENANT, NOBODY), APR_NOTFOUND, "not by another uid");
    IS_ALONE("members", cloudep_member_update_profile(db, p, &member, TENANT, UID, &profile), "a profile");
    set("members", "status = 'suspended'");
    is_int(cloudep_member_update_profile(db, p, &member, TENANT, UID, &profile), APR_NOTFOUND,
           "a suspended member's profile stays");
    IS_WITHOUT_EFFECT("members", cloudep_member_abandon(db, p, TENANT, UID), "a suspended member is not abandoned");
    IS_WITHOUT_EFFECT("members", cloudep_member_purge(db, p, TENANT, UID), "nor purged");

    fresh();
    postgres_sql("DELETE FROM cloudep.sessions; UPDATE cloudep.members SET status = 'pending'");
    set("members", "provider_uids = ARRAY[uid]");
    is_int(cloudep_member_activate(db, p, &opened), APR_NOTFOUND, "one who has attempts is confirmed by those");
    set("members", "provider_uids = NULL, status = 'deleting'");
    is_int(cloudep_member_activate(db, p, &opened), APR_NOTFOUND, "a confirmation revives nobody who is being deleted");
    set("members", "status = 'pending'");
    IS_ALONE("members", cloudep_member_activate(db, p, &opened), "a confirmation");

    fresh();
    postgres_sql("UPDATE cloudep.members SET status = 'reserved'");
    IS_ALONE("members", cloudep_member_abandon(db, p, TENANT, UID), "a registration that is given up");
    postgres_sql("UPDATE cloudep.members SET status = 'deleting'");
    IS_ALONE("members", cloudep_member_purge(db, p, TENANT, UID), "a purge");
    is_str(value("SELECT count(*) FROM cloudep.budgets WHERE tenant_id = '" TENANT "' AND subject = '" UID "'"), "0",
           "a purge takes the failures");
    is_str(value("SELECT count(*) FROM cloudep.lockouts WHERE tenant_id = '" TENANT "' AND subject = '" UID "'"), "0",
           "those that a node of 1.0.0 counted");
    is_str(value("SELECT count(*) FROM cloudep.registration_attempts WHERE tenant_id = '" TENANT
                 "' AND member_uid = '" UID "'"),
           "0", "and the attempts");
}

/* Who is claimed to be removed, after so many seconds as a pending member; reserved ones after an hour. */
static const char *claimed(int pending_age, int limit)
{
    apr_array_header_t *members = NULL;
    const char *text = "";

    if (cloudep_member_claim_unfinished(db, p, &members, 3600, pending_age, limit) != APR_SUCCESS) {
        return "failed";
    }
    for (int i = 0; i < members->nelts; i++) {
        const cloudep_unfinished_t *member = &APR_ARRAY_IDX(members, i, cloudep_unfinished_t);

        text = apr_pstrcat(p, text, strcmp(member->uid, UID) ? " other" : " member", NULL);
    }
    return text;
}

/* The two members of the tenant, pending for so many hours each; nobody elsewhere. */
static void pending(const char *member_hours, const char *other_hours)
{
    fresh();
    postgres_sql(apr_psprintf(p,
                              "DELETE FROM cloudep.members WHERE tenant_id <> '" TENANT "';"
                              "UPDATE cloudep.registration_attempts SET created_at = now() - interval '9 hours';"
                              "UPDATE cloudep.members SET status = 'pending', updated_at = now() - interval '1 hour' *"
                              " CASE WHEN uid = '" UID "' THEN %s ELSE %s END",
                              member_hours, other_hours));
}

static void test_unfinished(void)
{
    pending("3", "1");
    is_str(claimed(7200, 9), " member", "who has been pending for too long is claimed");
    pending("3", "4");
    is_str(claimed(7200, 1), " other", "the oldest first");
    pending("3", "4");
    postgres_sql("UPDATE cloudep.members SET status = 'active'");
    is_str(claimed(7200, 9), "", "nobody who is active");
    pending("3", "1");
    postgres_sql("UPDATE cloudep.registration_attempts SET created_at = now() WHERE member_uid = '" UID "'");
    is_str(claimed(7200, 9), "", "nor who has just tried again");
    pending("3", "1");
    postgres_sql("UPDATE cloudep.registration_attempts SET created_at = now() WHERE member_uid = '" OTHER "'");
    is_str(claimed(7200, 9), " member", "another one's attempts do not count");
    pending("3", "4");
    postgres_sql("BEGIN; SELECT FROM cloudep.members WHERE uid = '" OTHER "' FOR UPDATE");
    is_str(claimed(7200, 9), " member", "one whom another statement holds is left out");
    postgres_sql("COMMIT");
}

static void test_tenants(void)
{
    const cloudep_tenant_t *tenant = NULL;
    cloudep_admission_t admission;

    is_int(cloudep_tenant_by_id(db, p, &tenant, ELSEWHERE), APR_SUCCESS, "a tenant is found by its id");
    is_str(tenant->slug, "elsewhere", "and no other one");
    is_int(cloudep_tenant_by_id(db, p, &tenant, UID), APR_NOTFOUND, "none by an id that there is not");
    postgres_sql("INSERT INTO cloudep.invites (tenant_id, code, max_uses, revoked_at) VALUES"
                 " ('" TENANT "', 'taken back', 9, now()), ('" TENANT "', 'good', 9, NULL)");
    (void)cloudep_tenant_admission(db, p, &admission, "here", "good", NULL);
    ok(admission.invite_known, "an invite is known");
    (void)cloudep_tenant_admission(db, p, &admission, "here", "taken back", NULL);
    ok(!admission.invite_known, "one that was taken back is not");
}

static const char *uses(void)
{
    return value("SELECT uses FROM cloudep.invites WHERE tenant_id = '" TENANT "' AND code = 'own'");
}

static void test_invite(void)
{
    fresh();
    postgres_sql("INSERT INTO cloudep.invites (tenant_id, code, max_uses, uses) VALUES ('" TENANT "', 'own', 9, 3),"
                 " ('" TENANT "', 'another', 9, 3);"
                 "UPDATE cloudep.members SET status = 'deleting', activated_at = now(), invite_id ="
                 " (SELECT id FROM cloudep.invites WHERE code = 'own') WHERE tenant_id = '" TENANT "'");
    (void)cloudep_member_purge(db, p, TENANT, UID);
    is_str(uses(), "3", "a member who was active gives the invite's use not back");
    postgres_sql("UPDATE cloudep.members SET activated_at = NULL WHERE tenant_id = '" TENANT "'");
    (void)cloudep_member_purge(db, p, TENANT, OTHER);
    is_str(uses(), "2", "one who never was does");
    is_str(value("SELECT uses FROM cloudep.invites WHERE code = 'another'"), "3", "that of the own invite");
    fresh();
    postgres_sql("UPDATE cloudep.invites SET uses = 0;"
                 "UPDATE cloudep.members SET status = 'deleting', invite_id ="
                 " (SELECT id FROM cloudep.invites WHERE code = 'own') WHERE tenant_id = '" TENANT "'");
    is_int(cloudep_member_purge(db, p, TENANT, UID), APR_SUCCESS, "a member is purged whose invite has no use");
    is_str(uses(), "0", "which gets none");
}

static apr_status_t set_contact(apr_pool_t *pool)
{
    return cloudep_contact_set(db, pool, TENANT, UID, CLOUDEP_CONTACT_EMAIL, "b@example.com", &notice);
}

static void test_contacts(void)
{
    begin();
    IS_ALONE("members",
             cloudep_contact_set(db, p, TENANT, UID, CLOUDEP_CONTACT_EMAIL, "b@example.com", CLOUDEP_NO_MESSAGE),
             "a business email");
    set("members", "status = 'suspended'");
    is_int(cloudep_contact_set(db, p, TENANT, UID, CLOUDEP_CONTACT_EMAIL, "c@example.com", CLOUDEP_NO_MESSAGE),
           APR_NOTFOUND, "a suspended member's contact stays");
    fresh();
    is_int(meanwhile("UPDATE cloudep.members SET business_email = 'b@example.com' WHERE tenant_id = '" TENANT
                     "' AND uid = '" UID "'",
                     set_contact),
           APR_SUCCESS, "a contact that is set by two at once");
    is_str(told(), "0", "is told by one");
}

/* ---- passwords */

static void test_credentials(void)
{
    const cloudep_credential_t renewed = {.phc = "new", .form = CLOUDEP_PASSWORD_OPAQUE};
    cloudep_credential_t credential;

    begin();
    is_int(cloudep_credential_get(db, p, &credential, TENANT, UID), APR_SUCCESS, "a credential is found");
    is_int(cloudep_credential_get(db, p, &credential, NOWHERE, UID), APR_NOTFOUND, "not in another tenant");
    is_int(cloudep_credential_get(db, p, &credential, TENANT, NOBODY), APR_NOTFOUND, "not another member's");
    IS_WITHOUT_EFFECT("credentials", cloudep_credential_renew(db, p, TENANT, UID, "older", &renewed),
                      "a hash takes the place of none but the one that was compared");
    IS_ALONE("credentials", cloudep_credential_renew(db, p, TENANT, UID, "old", &renewed), "another hash");
}

static apr_status_t change(cloudep_password_change_t new)
{
    new.tenant_id = TENANT;
    new.uid = UID;
    new.reason = "changed";
    return cloudep_password_change(db, p, &new, CLOUDEP_NO_MESSAGE);
}

static void test_passwords(void)
{
    const cloudep_member_t *member = NULL;
    cloudep_password_state_t state = {0};

    begin();
    is_int(cloudep_password_load(db, p, &state, NOWHERE, UID, NULL), APR_NOTFOUND, "no password in another tenant");
    is_int(cloudep_password_load(db, p, &state, TENANT, NOBODY, NULL), APR_NOTFOUND, "none of another member");
    is_int(cloudep_password_load(db, p, &state, TENANT, UID, NULL), APR_SUCCESS, "the member's own");
    is_int(change((cloudep_password_change_t){.phc = "new", .email = "x@example.com"}), CLOUDEP_ECHANGED,
           "no password for an address that was changed");
    is_int(change((cloudep_password_change_t){.phc = "new", .sessions_from = "7"}), CLOUDEP_ECHANGED,
           "none beside another change");
    IS_WITHOUT_EFFECT("credentials", change((cloudep_password_change_t){0}),
                      "a password that the identity provider has leaves what is here");
    fresh();
    IS_ALONE("credentials", change((cloudep_password_change_t){.phc = "new"}), "a password");
    is_str(value("SELECT revoke_reason FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND id = '" SESSION "'"),
           "changed", "ends the session");
    IS_ALONE("credentials", change((cloudep_password_change_t){.due = 1}), "a password that is taken away");
    begin();
    set("members", "status = 'suspended'");
    is_int(change((cloudep_password_change_t){.phc = "new"}), CLOUDEP_ECHANGED, "a suspended member gets no password");
    is_int(change((cloudep_password_change_t){.due = 1}), APR_SUCCESS, "but can lose one");
    begin();
    (void)cloudep_member_by_uid(db, p, &member, TENANT, UID);
    IS_ALONE("members", cloudep_password_note_form(db, p, member), "a note on the form");
    fresh();
    set("members", "sessions_from = 3");
    IS_WITHOUT_EFFECT("members", cloudep_password_note_form(db, p, member), "none once another password was set");
}

/* ---- second factors */

static const cloudep_totp_t *totp(void)
{
    const cloudep_totp_t *loaded = NULL;

    if (cloudep_totp_load(db, p, &loaded, TENANT, UID) != APR_SUCCESS) {
        postgres_bail_out("no second factor");
    }
    return loaded;
}

static apr_status_t step_up(const char *secret, int step, const char *code)
{
    const cloudep_totp_proof_t proof = {.secret = secret, .step = step, .code = code, .network = ""};

    return cloudep_totp_step_up(db, p, totp(), &proof, SESSION, CLOUDEP_NO_MESSAGE);
}

static void test_burning(void)
{
    begin();
    is_int(step_up("sealed", 5, NULL), APR_NOTFOUND, "a step is burned once");
    is_int(step_up("another", 6, NULL), APR_NOTFOUND, "a step of another secret is not burned");
    IS_ALONE("totp", step_up("sealed", 6, NULL), "a step");
    IS_ALONE("backup_codes", step_up(NULL, 0, "c1"), "a backup code");
    is_int(step_up(NULL, 0, "c1"), APR_NOTFOUND, "a backup code is burned once");
    is_str(value("SELECT count(*) FROM cloudep.backup_codes WHERE tenant_id = '" TENANT "' AND uid = '" UID
                 "' AND used_at IS NULL"),
           "1", "the other one is still good");
    set("totp", "backup_generation = 2");
    is_int(step_up(NULL, 0, "c2"), APR_NOTFOUND, "one of an older set is not burned");
    fresh();
    set("sessions", "mfa_at = NULL");
    postgres_sql("INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)"
                 " VALUES ('" TENANT "', gen_random_uuid(), '" UID "', 0, 'pwd', now() + interval '1 hour',"
                 "         now() + interval '1 hour')");
    (void)step_up("sealed", 6, NULL);
    is_str(value("SELECT count(*) FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND uid = '" UID
                 "' AND mfa_at IS NOT NULL"),
           "1", "a step-up marks the session that asks and no other of the member");
}

/* Second lines: no proof is loaded of an enrolment that is gone, but it may go meanwhile. */
static void test_burning_meanwhile(void)
{
    const cloudep_totp_proof_t step = {.secret = "sealed", .step = 6, .network = ""};
    const cloudep_totp_proof_t code = {.code = "c1", .network = ""};
    const cloudep_totp_t *loaded;

    begin();
    loaded = totp();
    set("totp", "enrolled_at = NULL");
    is_int(cloudep_totp_step_up(db, p, loaded, &step, SESSION, CLOUDEP_NO_MESSAGE), APR_NOTFOUND,
           "no step of an enrolment that went meanwhile");
    is_int(cloudep_totp_step_up(db, p, loaded, &code, SESSION, CLOUDEP_NO_MESSAGE), APR_NOTFOUND,
           "nor a backup code of one");
}

/* When the undo of the enrolment was spent after a login with that credential; NULL: it is still good. */
static const char *spent(const char *opened_with)
{
    static const cloudep_totp_proof_t proof = {.secret = "sealed", .step = 6, .network = ""};
    cloudep_session_t opened = session;

    opened.id = MESSAGE; /* any id that no session has */
    opened.opened_with = opened_with;
    opened.mfa_method = CLOUDEP_MFA_TOTP;
    is_int(cloudep_totp_login(db, p, &proof, &opened, CLOUDEP_NO_MESSAGE), APR_SUCCESS,
           apr_pstrcat(p, "a login opened with ", opened_with, NULL));
    return value("SELECT date_trunc('year', used_at)::date FROM cloudep.links WHERE tenant_id = '" TENANT
                 "' AND digest = 'd1'");
}

#define LINKED "a1000000-0000-4000-8000-000000000001"

static void link_account(const char *created_at)
{
    postgres_sql(apr_psprintf(p,
                              "INSERT INTO cloudep.identities (tenant_id, id, issuer, subject, uid, created_at) VALUES"
                              " ('" TENANT "', '" LINKED "', 'https://i.example', 's', '" UID "', %s)",
                              created_at));
}

/* The owner is who has a credential that is older than the enrolment. */
static void test_spent_undo(void)
{
    fresh();
    ok(!spent("password"), "a password that is as new leaves the undo of an enrolment good");
    fresh();
    set("credentials", "updated_at = now() - interval '1 hour'");
    ok(spent("password") != NULL, "one that is older spends it");
    fresh();
    set("credentials", "updated_at = now() - interval '1 hour'");
    set("links", "used_at = '2020-01-01'");
    is_str(spent("password"), "2020-01-01", "one that was used stays as it was used");
    fresh();
    ok(!spent("otp"), "a code of the mailbox leaves it good");
    fresh();
    link_account("now()");
    ok(!spent("identity:" LINKED), "so does an account that was linked since");
    fresh();
    link_account("now() - interval '1 hour'");
    ok(spent("identity:" LINKED) != NULL, "one that was linked before spends it");
    fresh();
    link_account("now() - interval '1 hour'");
    ok(!spent("identity:" NOBODY), "another account does not");
}

static apr_status_t remove_totp(apr_pool_t *pool)
{
    return cloudep_totp_remove(db, pool, TENANT, UID, NULL, &notice);
}

static void test_removal(void)
{
    fresh();
    is_int(remove_totp(p), APR_SUCCESS, "an authenticator is removed");
    is_str(told(), "1", "which is told");
    fresh();
    set("totp", "secret = NULL, enrolled_at = NULL, pending_secret = 'p', pending_expires_at = now()");
    is_int(remove_totp(p), APR_SUCCESS, "an enrolment under way is removed");
    is_str(told(), "0", "which is not");
    fresh();
    set("totp", "secret = NULL, enrolled_at = NULL");
    is_int(meanwhile("UPDATE cloudep.members SET generation = generation + 1 WHERE tenant_id = '" TENANT
                     "' AND uid = '" UID "';"
                     "UPDATE cloudep.totp SET secret = 'sealed', enrolled_at = now() WHERE tenant_id = '" TENANT
                     "' AND uid = '" UID "'",
                     remove_totp),
           APR_SUCCESS, "one that is enrolled meanwhile is removed");
    is_str(told(), "1", "which is told");
}

static apr_status_t confirm(const cloudep_totp_t *loaded, const char *undo)
{
    return cloudep_totp_confirm(db, p, loaded, &(cloudep_enrolment_t){6, ""}, "n1 n2", undo, CLOUDEP_NO_MESSAGE);
}

static void test_enrolment(void)
{
    const cloudep_totp_t *loaded;

    begin();
    set("totp", "secret = NULL, enrolled_at = NULL, pending_secret = 'next',"
                " pending_expires_at = now() + interval '1 hour'");
    loaded = totp();
    set("totp", "pending_expires_at = now()");
    is_int(confirm(loaded, NULL), APR_NOTFOUND, "an enrolment is not confirmed at its end");
    set("totp", "pending_expires_at = now() + interval '1 hour', pending_secret = 'begun again'");
    is_int(confirm(loaded, NULL), APR_NOTFOUND, "nor one that was begun again");
    set("totp", "pending_secret = 'next', last_step = 6");
    is_int(confirm(loaded, NULL), APR_NOTFOUND, "nor by a step that was used");
    set("totp", "last_step = 5, secret = 'sealed', enrolled_at = now()");
    is_int(confirm(loaded, NULL), APR_NOTFOUND, "nor beside one that counts");
    set("totp", "secret = NULL, enrolled_at = NULL");
    is_int(cloudep_totp_renew_codes(db, p, TENANT, UID, "n1", CLOUDEP_NO_MESSAGE), APR_NOTFOUND,
           "nobody without an authenticator gets backup codes");
    IS_ALONE("totp", confirm(loaded, NULL), "an enrolment");
    is_str(value("SELECT count(*) FROM cloudep.links WHERE tenant_id = '" TENANT "' AND uid = '" UID "'"), "1",
           "one without a link to undo it has none");
    begin();
    IS_ALONE("backup_codes", cloudep_totp_renew_codes(db, p, TENANT, UID, "n1 n2", CLOUDEP_NO_MESSAGE),
             "another set of codes");
    IS_ALONE("totp", cloudep_totp_remove(db, p, TENANT, UID, NULL, CLOUDEP_NO_MESSAGE), "a removal");
    is_str(value("SELECT count(*) FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND uid = '" UID
                 "' AND mfa_at IS NOT NULL"),
           "0", "takes the proofs of the sessions");
    fresh();
    (void)cloudep_totp_remove(db, p, TENANT, UID, SESSION, CLOUDEP_NO_MESSAGE);
    is_str(value("SELECT count(*) FROM cloudep.sessions WHERE tenant_id = '" TENANT "' AND uid = '" UID
                 "' AND mfa_at IS NOT NULL"),
           "1", "but that of the session that asks");
    is_int(cloudep_totp_load(db, p, &loaded, NOWHERE, UID), APR_NOTFOUND, "no second factor in another tenant");
    is_int(cloudep_totp_load(db, p, &loaded, TENANT, NOBODY), APR_NOTFOUND, "none of another member");
}

/* ---- links */

static apr_status_t find(const char *tenant_id)
{
    cloudep_link_t link;

    return cloudep_link_find(db, p, &link, tenant_id, "d1");
}

static void test_links(void)
{
    const cloudep_link_t link = {.tenant_id = TENANT, .digest = "d1", .uid = UID, .kind = CLOUDEP_LINK_UNDO};
    const cloudep_link_t reset = {.tenant_id = TENANT, .digest = "new", .uid = UID, .kind = CLOUDEP_LINK_RESET};
    const cloudep_link_t others = {.tenant_id = TENANT, .digest = "d1", .uid = OTHER, .kind = CLOUDEP_LINK_UNDO};
    const cloudep_link_t nobodys = {.tenant_id = TENANT, .digest = "n", .uid = NOBODY, .kind = CLOUDEP_LINK_RESET};
    const cloudep_link_t nowhere = {.tenant_id = NOWHERE, .digest = "n", .uid = UID, .kind = CLOUDEP_LINK_RESET};

    begin();
    is_int(find(TENANT), APR_SUCCESS, "a link is found");
    is_int(find(NOWHERE), APR_NOTFOUND, "not in another tenant");
    IS_ALONE("links", cloudep_link_add(db, p, &reset), "another link");
    is_int(cloudep_link_add(db, p, &nobodys), APR_NOTFOUND, "none for nobody");
    is_int(cloudep_link_add(db, p, &nowhere), APR_NOTFOUND, "none in another tenant");
    IS_ALONE("links", cloudep_link_use(db, p, &link), "a use");
    is_int(cloudep_link_use(db, p, &link), APR_NOTFOUND, "a link is used once");
    is_int(find(TENANT), APR_NOTFOUND, "a used one is not found");
    postgres_sql("UPDATE cloudep.links SET used_at = now() WHERE tenant_id = '" ELSEWHERE "'");
    IS_ALONE("links", cloudep_link_restore(db, p, &link), "a link given back");
    set("links", "expires_at = now()");
    is_int(find(TENANT), APR_NOTFOUND, "one at its end is not found");
    is_int(cloudep_link_use(db, p, &link), APR_NOTFOUND, "nor used");
    is_int(cloudep_link_undo(db, p, &link, CLOUDEP_NO_MESSAGE), APR_NOTFOUND, "nor does it undo");
    begin();
    set("members", "status = 'deleting'");
    is_int(cloudep_link_undo(db, p, &link, CLOUDEP_NO_MESSAGE), APR_NOTFOUND, "nothing of a member who goes is undone");
    is_int(cloudep_link_undo(db, p, &others, CLOUDEP_NO_MESSAGE), APR_NOTFOUND, "nor by another member's hand");
    set("members", "status = 'suspended'");
    IS_ALONE("totp", cloudep_link_undo(db, p, &link, CLOUDEP_NO_MESSAGE), "an undo, of a suspended member too");
    ok(!row("credentials"), "an undo takes the password");
    begin();
    set("links", "used_at = now()");
    is_int(cloudep_link_undo(db, p, &link, CLOUDEP_NO_MESSAGE), APR_NOTFOUND, "a used link undoes nothing");
    ok(row("credentials") != NULL, "the password stays");
    set("links", "used_at = NULL, kind = 'reset', undoes = NULL, undoes_at = NULL");
    is_int(cloudep_link_undo(db, p, &link, CLOUDEP_NO_MESSAGE), APR_NOTFOUND, "nor does one of another kind");
}

/* ---- the outbox */

static void test_outbox(void)
{
    static const cloudep_outbox_share_t share = {.channel = CLOUDEP_CHANNEL_MAIL, .is_main = 1};
    cloudep_outbox_recipient_t recipient;
    apr_array_header_t *rows = NULL;

    begin();
    is_int(cloudep_outbox_recipient(db, p, &recipient, TENANT, MESSAGE), APR_SUCCESS, "a message has its recipient");
    is_int(cloudep_outbox_recipient(db, p, &recipient, NOWHERE, MESSAGE), APR_NOTFOUND, "not in another tenant");
    is_int(cloudep_outbox_recipient(db, p, &recipient, TENANT, SESSION), APR_NOTFOUND, "not by another id");
    set("members", "status = 'suspended'");
    is_int(cloudep_outbox_recipient(db, p, &recipient, TENANT, MESSAGE), APR_SUCCESS, "so has a suspended member's");
    set("members", "status = 'pending'");
    is_int(cloudep_outbox_recipient(db, p, &recipient, TENANT, MESSAGE), APR_NOTFOUND, "a pending member's has not");
    IS_ALONE("outbox", cloudep_outbox_retry(db, p, TENANT, MESSAGE, "later"), "a message that is put off");
    IS_ALONE("outbox", cloudep_outbox_release(db, p, TENANT, MESSAGE), "one that is given back");
    IS_ALONE("outbox", cloudep_outbox_delivered(db, p, TENANT, MESSAGE), "one that is delivered");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_delivered(db, p, TENANT, MESSAGE), "it is delivered once");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_retry(db, p, TENANT, MESSAGE, "later"), "and not put off any more");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_release(db, p, TENANT, MESSAGE), "nor given back");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_give_up(db, p, TENANT, MESSAGE, "no"), "nor given up");
    begin();
    IS_ALONE("outbox", cloudep_outbox_give_up(db, p, TENANT, MESSAGE, "no"), "one that is given up");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_give_up(db, p, TENANT, MESSAGE, "never"), "it is given up once");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_retry(db, p, TENANT, MESSAGE, "later"), "and not put off any more");
    IS_WITHOUT_EFFECT("outbox", cloudep_outbox_release(db, p, TENANT, MESSAGE), "nor given back");
    begin();
    postgres_sql("DELETE FROM cloudep.outbox WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')");
    set("outbox", "next_attempt_at = now() + interval '1 minute'");
    is_int(cloudep_outbox_claim(db, p, &rows, &share, 9) == APR_SUCCESS ? rows->nelts : -1, 0, "none before its time");
    set("outbox", "next_attempt_at = now(), delivered_at = now()");
    is_int(cloudep_outbox_claim(db, p, &rows, &share, 9) == APR_SUCCESS ? rows->nelts : -1, 0, "none delivered");
    set("outbox", "delivered_at = NULL, failed_at = now()");
    is_int(cloudep_outbox_claim(db, p, &rows, &share, 9) == APR_SUCCESS ? rows->nelts : -1, 0, "none given up");
    set("outbox", "failed_at = NULL");
    is_int(cloudep_outbox_claim(db, p, &rows, &share, 9) == APR_SUCCESS ? rows->nelts : -1, 1, "else it is claimed");
}

/* The targets of the messages that a worker of the main server claims, in their order. */
static const char *claims(int limit)
{
    static const cloudep_outbox_share_t share = {.channel = CLOUDEP_CHANNEL_MAIL, .is_main = 1};
    apr_array_header_t *rows = NULL;
    const char *text = "";

    if (cloudep_outbox_claim(db, p, &rows, &share, limit) != APR_SUCCESS) {
        return "failed";
    }
    for (int i = 0; i < rows->nelts; i++) {
        text = apr_pstrcat(p, text, APR_ARRAY_IDX(rows, i, cloudep_outbox_row_t).target, NULL);
    }
    return text;
}

/* Messages a, b and c, which are due 2, 3 and 1 seconds ago. */
static void due(void)
{
    fresh();
    postgres_sql(
        "DELETE FROM cloudep.outbox;"
        "INSERT INTO cloudep.outbox (tenant_id, uid, channel, target, template, expires_at, next_attempt_at)"
        " SELECT '" TENANT "', '" UID "', 'mail', target, 'notice', now() + interval '1 hour',"
        "        now() - age * interval '1 second' FROM (VALUES ('a', 2), ('b', 3), ('c', 1)) AS d (target, age)");
}

static void test_claims(void)
{
    due();
    is_str(claims(9), "bac", "messages are claimed in the order in which they are due");
    is_str(claims(9), "", "once");
    due();
    is_str(claims(1), "b", "the first of them where not all are taken");
    due();
    postgres_sql("BEGIN; SELECT FROM cloudep.outbox WHERE target = 'b' FOR UPDATE");
    is_str(claims(9), "ac", "one that another worker holds is left out");
    postgres_sql("COMMIT");
    due();
    postgres_sql("UPDATE cloudep.outbox SET outbox = 'gone', created_at = now() - interval '6 minutes';"
                 "INSERT INTO cloudep.outbox_workers (name) VALUES ('another')");
    is_str(claims(9), "bac", "those of a worker that is gone go to the main server, whoever else is there");
    due();
    postgres_sql("UPDATE cloudep.outbox SET outbox = 'another', created_at = now() - interval '6 minutes'");
    is_str(claims(9), "", "those of one who is there do not");
}

static const char *seen_at(void)
{
    return value("SELECT seen_at FROM cloudep.outbox_workers WHERE name = 'w'");
}

static void test_worker(void)
{
    const char *before;

    (void)cloudep_outbox_seen(db, p, "w");
    before = seen_at();
    (void)cloudep_outbox_seen(db, p, "w");
    is_str(seen_at(), before, "a worker that was just there writes nothing");
    postgres_sql("UPDATE cloudep.outbox_workers SET seen_at = now() - interval '31 seconds'");
    (void)cloudep_outbox_seen(db, p, "w");
    is_str(value("SELECT (seen_at > now() - interval '20 seconds')::text FROM cloudep.outbox_workers WHERE name = 'w'"),
           "true", "half a minute later it does");
}

/* ---- events, and what is swept */

static int happened(const char *tenant_id, const char *uid, const cloudep_cursor_t *after)
{
    apr_array_header_t *rows = NULL;

    return cloudep_events_own(&rows, p, db, tenant_id, uid, after, 10) == APR_SUCCESS ? rows->nelts : -1;
}

static void test_events(void)
{
    apr_array_header_t *rows = NULL;
    const cloudep_own_event_t *newest;

    fresh();
    postgres_sql("INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid)"
                 " SELECT '" TENANT "', at.time, 'login', 'success', '" UID "'"
                 " FROM (VALUES (now()), (now()), (now() - interval '1 hour')) AS at (time)");
    is_int(happened(TENANT, UID, NULL), 3, "what happened to a member is listed");
    is_int(happened(NOWHERE, UID, NULL), 0, "not in another tenant");
    is_int(happened(TENANT, NOBODY, NULL), 0, "not to another member");
    (void)cloudep_events_own(&rows, p, db, TENANT, UID, NULL, 1);
    newest = &APR_ARRAY_IDX(rows, 0, cloudep_own_event_t);
    is_int(happened(TENANT, UID, &(cloudep_cursor_t){newest->cursor_at, newest->cursor_id}), 2,
           "after the first come the one of the same moment and the one before");
}

/* Whether rows that are a little younger than they are kept, and a little older, are there after a sweep: "yn". */
static const char *swept(const char *younger, const char *older, const char *table, const char *column)
{
    static const char sql[] = "UPDATE cloudep.%s SET %s = now() - interval '%s' WHERE tenant_id = '%s'";

    fresh();
    postgres_sql("UPDATE cloudep.outbox SET delivered_at = now()");
    postgres_sql(apr_psprintf(p, sql, table, column, younger, TENANT));
    postgres_sql(apr_psprintf(p, sql, table, column, older, ELSEWHERE));
    (void)cloudep_sweep_remove_old(db, p);
    return value(apr_psprintf(p,
                              "SELECT CASE WHEN EXISTS (SELECT FROM cloudep.%s WHERE tenant_id = '" TENANT
                              "') THEN 'y' ELSE 'n' END || CASE WHEN EXISTS (SELECT FROM cloudep.%s WHERE tenant_id ="
                              " '" ELSEWHERE "') THEN 'y' ELSE 'n' END",
                              table, table));
}

static void test_sweep(void)
{
    is_str(swept("23 hours", "25 hours", "sessions", "expires_at"), "yn", "sessions go a day after their end");
    is_str(swept("23 hours", "25 hours", "links", "expires_at"), "yn", "links go a day after their end");
    is_str(swept("167 hours", "169 hours", "outbox", "created_at"), "yn", "messages go after seven days");
    fresh();
    postgres_sql("UPDATE cloudep.outbox SET created_at = now() - interval '8 days'");
    (void)cloudep_sweep_remove_old(db, p);
    ok(row("outbox") != NULL, "a message that is neither delivered nor given up never goes");
    postgres_sql("INSERT INTO cloudep.lockouts (tenant_id, kind, subject, last_at) VALUES"
                 " ('" TENANT "', 'password', 'younger', now() - interval '47 hours'),"
                 " ('" TENANT "', 'password', 'older', now() - interval '49 hours')");
    (void)cloudep_sweep_remove_old(db, p);
    is_str(value("SELECT string_agg(subject, ' ') FROM cloudep.lockouts WHERE subject LIKE '%er'"), "younger",
           "lockouts go after two days");
}

/* ---- budgets of failures */

static const cloudep_budget_t guesses = {TENANT, "password", UID, ""};

static apr_status_t guess_passed(apr_pool_t *pool)
{
    int wait;

    return cloudep_budget_pass(db, pool, &guesses, &wait);
}

#define OWN_BUDGETS                                                                                                    \
    "SELECT string_agg(kind || network, ' ' ORDER BY kind, network) FROM cloudep.budgets"                              \
    " WHERE tenant_id = '" TENANT "' AND subject = '" UID "'"

static void test_right_guess(void)
{
    begin();
    postgres_sql("INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures)"
                 " VALUES ('" TENANT "', 'password', '" UID "', '192.0.2.1', 1)");
    is_int(guess_passed(p), APR_SUCCESS, "a right guess");
    is_str(value(OWN_BUDGETS), "factor password192.0.2.1", "forgets the failures of its kind and network");
    alone("a right guess");
    begin();
    is_int(meanwhile("UPDATE cloudep.budgets SET blocked_until = now() + interval '1 minute'"
                     " WHERE tenant_id = '" TENANT "' AND kind = 'password' AND subject = '" UID "'",
                     guess_passed),
           CLOUDEP_ELOCKED, "a right guess waits for a failure that is being counted, and for the wait that it begins");
    is_str(value(OWN_BUDGETS), "factor password", "and forgets nothing");
}

static void test_wait_left(void)
{
    const cloudep_budget_failure_t failure = {
        .tenant_id = TENANT, .account = &guesses, .policy = {10, 1, 60, 3600}, .outbox = NULL};
    int wait = 0;

    begin();
    postgres_sql("UPDATE cloudep.budgets SET blocked_until = now() + CASE WHEN tenant_id = '" TENANT
                 "' AND subject = '" UID "' AND kind = 'password' THEN interval '9 s' ELSE interval '1 hour' END");
    is_int(cloudep_budget_fail(db, p, &failure, &wait), CLOUDEP_ELOCKED, "a failure during a wait is not counted");
    ok(wait >= 1 && wait <= 9, "its own wait is told, and nobody else's: %d s", wait);
}

/* Members who are to be told that strangers have used their guesses up. */
static int to_be_told(void)
{
    apr_array_header_t *notices;

    return cloudep_budget_due(db, p, &notices, NULL, 9) == APR_SUCCESS ? notices->nelts : -1;
}

static void set_notice(const char *value)
{
    postgres_sql(apr_psprintf(p,
                              "UPDATE cloudep.budgets SET notice = %s"
                              " WHERE tenant_id = '" TENANT "' AND subject = '" UID "' AND kind = 'password'",
                              value));
}

static void test_notices(void)
{
    begin();
    is_int(to_be_told(), 0, "nobody is to be told of a few failures");
    set_notice("'due'");
    is_int(to_be_told(), 1, "a member whose guesses are used up is to be told");
    set_notice("'told'");
    is_int(to_be_told(), 0, "once");
    set_notice("NULL");
    set("members", "status = 'suspended'");
    (void)to_be_told();
    set("members", "status = 'active'");
    is_str(value("SELECT coalesce(notice, 'none') FROM cloudep.budgets WHERE tenant_id = '" TENANT
                 "' AND subject = '" UID "' AND kind = 'password'"),
           "none", "whoever was suspended meanwhile is told of what comes after");
}

static void test_forgotten_failures(void)
{
    int more;

    begin();
    postgres_sql("UPDATE cloudep.budgets SET last_at = now() - interval '31 days'");
    postgres_sql("BEGIN; SELECT FROM cloudep.budgets WHERE tenant_id = '" TENANT "' AND subject = '" UID
                 "' AND kind = 'password' FOR UPDATE");
    is_int(cloudep_budget_forget(db, p, 30 * 86400, 600, &more), APR_SUCCESS, "old failures are forgotten");
    postgres_sql("COMMIT");
    is_str(value("SELECT string_agg(kind || subject, ' ') FROM cloudep.budgets"), "password" UID,
           "but for one that another statement holds, which is not waited for");
}

int main(void)
{
    start();
    test_sessions();
    test_idle_use();
    test_liveness();
    test_accounts();
    test_account_of();
    test_used_tokens();
    test_pages();
    test_limit_meanwhile();
    test_own_sessions();
    test_members();
    test_unfinished();
    test_tenants();
    test_invite();
    test_contacts();
    test_credentials();
    test_passwords();
    test_burning();
    test_burning_meanwhile();
    test_spent_undo();
    test_removal();
    test_enrolment();
    test_links();
    test_outbox();
    test_claims();
    test_worker();
    test_events();
    test_sweep();
    test_right_guess();
    test_wait_left();
    test_notices();
    test_forgotten_failures();
    return done_testing();
}
