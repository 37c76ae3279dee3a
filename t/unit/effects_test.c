/*
 * effects_test.c - all that each statement of the stores writes, column by column, against t/unit/effects.txt.
 *
 * A member has something of every kind. A statement runs, and each row of the tenant that is other than before is told
 * with its new values; times as minutes from now (@0). After a statement was changed on purpose:
 *     BUILD/unit/effects_test --write     and read what git says has changed
 */
#include "base/store/budget_store.h"
#include "base/store/contact_store.h"
#include "base/store/credential_store.h"
#include "base/store/email_store.h"
#include "base/store/identity_store.h"
#include "base/store/link_store.h"
#include "base/store/liveness_store.h"
#include "base/store/login_phone_store.h"
#include "base/store/operator_store.h"
#include "base/store/own_session_store.h"
#include "base/store/passkey_store.h"
#include "base/store/password_store.h"
#include "base/store/record_json.h"
#include "base/store/registration_store.h"
#include "base/store/sweep_store.h"
#include "base/store/totp_store.h"
#include "members.h"

#define RECORD "t/unit/effects.txt"
#define HERE " WHERE tenant_id = '" TENANT "'"
#define OF_MEMBER HERE " AND uid = '" UID "'"
#define OWN(n) "e0000000-0000-4000-8000-00000000001" n /* more sessions of the member */
#define ACCOUNT "a1000000-0000-4000-8000-00000000000"
#define PASSKEY "a2000000-0000-4000-8000-000000000001"
#define NEW "f1000000-0000-4000-8000-000000000007"
#define LEASE "f2000000-0000-4000-8000-000000000001"

/* clang-format off */
static const char functions[] =
    "CREATE FUNCTION public.tables() RETURNS SETOF text LANGUAGE sql AS $$"
    " SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id'"
    " WHERE relnamespace = 'cloudep'::regnamespace AND relkind = 'r' AND relname <> 'events' ORDER BY relname $$;"
    "CREATE FUNCTION public.make_twin() RETURNS void LANGUAGE plpgsql AS $$ DECLARE name text; BEGIN"
    " PERFORM set_config('session_replication_role', 'replica', true);"
    " FOR name IN SELECT public.tables() LOOP"
    "  EXECUTE format('DELETE FROM cloudep.%I WHERE tenant_id = ''" ELSEWHERE "''', name);"
    "  EXECUTE format('INSERT INTO cloudep.%1$I SELECT (jsonb_populate_record(t, %2$L)).* FROM cloudep.%1$I AS t"
    "   WHERE tenant_id = ''" TENANT "''', name, '{\"tenant_id\":\"" ELSEWHERE "\"}');"
    " END LOOP;"
    " UPDATE cloudep.tenants AS other SET code_login = NOT this.code_login, sms_login = NOT this.sms_login"
    " FROM cloudep.tenants AS this WHERE this.id = '" TENANT "' AND other.id <> this.id; END $$;"
    "CREATE FUNCTION public.elsewhere() RETURNS text LANGUAGE plpgsql AS $$ DECLARE name text; one text; rows text := ''; BEGIN"
    " FOR name IN SELECT public.tables() LOOP"
    "  EXECUTE format('SELECT string_agg(t::text, '','' ORDER BY t::text) FROM cloudep.%I AS t"
    "   WHERE tenant_id = ''" ELSEWHERE "''', name) INTO one;"
    "  rows := rows || coalesce(one, '-');"
    " END LOOP; RETURN md5(rows); END $$;"
    "CREATE FUNCTION public.all_rows() RETURNS TABLE (label text, cells jsonb) LANGUAGE sql AS $$"
    " SELECT 'member ' || right(uid::text, 1), to_jsonb(t) FROM cloudep.members AS t" HERE
    " UNION ALL SELECT 'credential ' || right(uid::text, 1), to_jsonb(t) FROM cloudep.credentials AS t" HERE
    " UNION ALL SELECT 'totp ' || right(uid::text, 1), to_jsonb(t) FROM cloudep.totp AS t" HERE
    " UNION ALL SELECT 'code ' || right(uid::text, 1) || mac, to_jsonb(t) FROM cloudep.backup_codes AS t" HERE
    " UNION ALL SELECT 'session ' || right(id::text, 2), to_jsonb(t) FROM cloudep.sessions AS t" HERE
    " UNION ALL SELECT 'message ' || template || coalesce(right(uid::text, 1), ''), to_jsonb(t) FROM cloudep.outbox AS t" HERE
    " UNION ALL SELECT 'link ' || digest, to_jsonb(t) FROM cloudep.links AS t" HERE
    " UNION ALL SELECT 'account ' || subject, to_jsonb(t) FROM cloudep.identities AS t" HERE
    " UNION ALL SELECT 'passkey ' || credential_id, to_jsonb(t) FROM cloudep.passkeys AS t" HERE
    " UNION ALL SELECT 'budget ' || concat_ws(' ', right(subject, 1), kind, network), to_jsonb(t) FROM cloudep.budgets AS t" HERE
    " UNION ALL SELECT 'network ' || right(uid::text, 1) || ' ' || network, to_jsonb(t) FROM cloudep.known_networks AS t" HERE
    " UNION ALL SELECT 'attempt ' || right(member_uid::text, 1) || right(uid::text, 1), to_jsonb(t) FROM cloudep.registration_attempts AS t" HERE
    " UNION ALL SELECT 'invite ' || code, to_jsonb(t) FROM cloudep.invites AS t" HERE
    " UNION ALL SELECT 'event ' || name, to_jsonb(t) FROM cloudep.events AS t" HERE
    " UNION ALL SELECT 'token ' || digest, to_jsonb(t) FROM cloudep.used_id_tokens AS t" HERE
    " UNION ALL SELECT 'tenant', to_jsonb(t) FROM cloudep.tenants AS t WHERE id = '" TENANT "'"
    " UNION ALL SELECT 'elsewhere', jsonb_build_object('rows', public.elsewhere()) $$;"
    "CREATE TABLE public.rows_before (label text, cells jsonb);"
    "CREATE FUNCTION public.remember() RETURNS void LANGUAGE sql AS"
    " $$ DELETE FROM public.rows_before; INSERT INTO public.rows_before SELECT * FROM public.all_rows() $$;"
    "CREATE FUNCTION public.cell(key text, cell text) RETURNS text LANGUAGE sql AS $$"
    " SELECT key || CASE WHEN cell IS NULL THEN ' gone' WHEN cell ~ '^\\d{4}-\\d\\d-\\d\\dT'"
    "   THEN '@' || round(extract(epoch FROM cell::timestamptz - now()) / 60) ELSE '=' || cell END $$;"
    "CREATE FUNCTION public.changes() RETURNS text LANGUAGE sql AS $$"
    " SELECT coalesce(string_agg('  ' || line || E'\\n', '' ORDER BY line COLLATE \"C\"), '') FROM ("
    "  SELECT CASE WHEN old.label IS NULL THEN '+' || new.label WHEN new.label IS NULL THEN '-' || old.label"
    "              ELSE new.label END"
    "    || coalesce((SELECT ' ' || string_agg(public.cell(key, value), ' ' ORDER BY key COLLATE \"C\")"
    "                 FROM jsonb_each_text(new.cells)"
    "                 WHERE value IS DISTINCT FROM old.cells ->> key"
    "                   AND (old.label IS NOT NULL OR key NOT IN ('tenant_id', 'id', 'digest', 'challenge'))), '') AS line"
    "  FROM public.rows_before AS old FULL JOIN public.all_rows() AS new ON new.label = old.label"
    "  WHERE new.cells IS DISTINCT FROM old.cells) AS lines $$";

/* Beside what fresh() makes: two accounts, a passkey, sessions opened by them and by the authenticator alone, one of an
 * older generation, one that is idle, one that is over; a login phone, networks, failures, reservations, links. */
static const char more[] =
    "DELETE FROM cloudep.invites; DELETE FROM cloudep.events; DELETE FROM cloudep.used_id_tokens;"
    "UPDATE cloudep.tenants SET code_login = false, sms_login = false, updated_at = now() - interval '9 hours';"
    "UPDATE cloudep.registration_attempts SET uid = member_uid, created_at = now() - interval '2 hours';"
    "UPDATE cloudep.members SET updated_at = now() - interval '9 hours', created_at = now() - interval '9 hours';"
    "UPDATE cloudep.credentials SET updated_at = now() - interval '5 hours';"
    "UPDATE cloudep.totp SET enrolled_at = now() - interval '50 minutes';"
    "UPDATE cloudep.sessions SET created_at = now() - interval '3 hours', auth_time = now() - interval '3 hours',"
    " mfa_at = now() - interval '2 hours', opened_with = 'password', address = '192.0.2.1';"
    "UPDATE cloudep.members SET ways_in = 4, generation = 3, sessions_from = 2, display_name = 'Ann', language = 'en',"
    " login_phone = '+886911000111', login_phone_at = now() - interval '30 minutes', terms_version = '1',"
    " terms_accepted_at = now() - interval '9 hours', business_email = 'old@example.com'" OF_MEMBER ";"
    "UPDATE cloudep.sessions SET generation = 3" OF_MEMBER ";"
    "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, mfa_at, mfa_method, opened_with, address,"
    "  created_at, auth_time, idle_expires_at, expires_at)"
    " SELECT '" TENANT "', given.id::uuid, '" UID "', given.generation, 'x', now() - interval '40 minutes', method, opened,"
    "  '192.0.2.' || right(given.id, 1), now() - age * interval '1 hour', now() - age * interval '1 hour',"
    "  now() + idle * interval '1 hour', now() + given.ends * interval '1 hour'"
    " FROM (VALUES ('" OWN("1") "', 3, 'totp', 'totp', 4, 1, 2), ('" OWN("2") "', 3, 'backup_code', 'identity:" ACCOUNT "1', 5, 1, 2),"
    "  ('" OWN("3") "', 3, 'passkey', 'passkey:" PASSKEY "', 6, 1, 2), ('" OWN("4") "', 1, NULL, 'password', 7, 1, 2),"
    "  ('" OWN("5") "', 3, NULL, 'login_phone', 8, -1, 2), ('" OWN("6") "', 3, 'totp', 'totp', 9, 1, -1)"
    "  ) AS given (id, generation, method, opened, age, idle, ends);"
    "UPDATE cloudep.sessions SET opened_with = 'password' WHERE id = '" OWN("1") "';"
    "UPDATE cloudep.sessions SET opened_with = 'totp' WHERE id = '" OWN("1") "' OR id = '" OWN("6") "';"
    "INSERT INTO cloudep.identities (tenant_id, id, issuer, subject, uid, created_at) VALUES"
    " ('" TENANT "', '" ACCOUNT "1', 'i', 'before', '" UID "', now() - interval '7 hours'),"
    " ('" TENANT "', '" ACCOUNT "2', 'i', 'since', '" UID "', now() - interval '20 minutes');"
    "INSERT INTO cloudep.passkeys (tenant_id, id, uid, credential_id, spki, algorithm, sign_count, backup_eligible,"
    " backed_up, aaguid, name, created_at) VALUES ('" TENANT "', '" PASSKEY "', '" UID "', 'k', 's', -7, 1, true, false,"
    " '" LEASE "', 'Key', now() - interval '20 minutes');"
    "UPDATE cloudep.links SET undoes_at = now() - interval '1 hour', created_at = now() - interval '1 hour';"
    "INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, restores, created_at, expires_at) VALUES"
    " ('" TENANT "', '" UID "', 'email', 'undo', 'email', now() - interval '1 hour', 'former@example.com',"
    "  now() - interval '1 hour', now() + interval '1 hour'),"
    " ('" TENANT "', '" UID "', 'younger', 'undo', 'email', now() - interval '10 minutes', 'between@example.com',"
    "  now() - interval '10 minutes', now() + interval '1 hour'),"
    " ('" TENANT "', '" UID "', 'passkey', 'undo', 'passkey', now() - interval '20 minutes', NULL,"
    "  now() - interval '20 minutes', now() + interval '1 hour'),"
    " ('" TENANT "', '" UID "', 'reset', 'reset', NULL, NULL, NULL, now() - interval '2 hours', now() + interval '1 hour');"
    "UPDATE cloudep.links SET undoes_at = (SELECT created_at FROM cloudep.passkeys) WHERE digest = 'passkey';"
    "INSERT INTO cloudep.members (tenant_id, uid, email, status, reserved_by, updated_at) VALUES"
    " ('" TENANT "', 'd0000000-0000-4000-8000-000000000004', 'former@example.com', 'reserved', '" UID "', now()),"
    " ('" TENANT "', 'd0000000-0000-4000-8000-000000000005', 'between@example.com', 'reserved', '" UID "', now()),"
    " ('" TENANT "', 'd0000000-0000-4000-8000-000000000006', 'mine@example.com', 'reserved', '" UID "', now()),"
    " ('" TENANT "', 'd0000000-0000-4000-8000-000000000008', 'kept@example.com', 'reserved', '" OTHER "', now());"
    "INSERT INTO cloudep.invites (tenant_id, id, code, max_uses, uses) VALUES ('" TENANT "', '" LEASE "', 'CODE', 9, 3);"
    "UPDATE cloudep.members SET invite_id = (SELECT id FROM cloudep.invites)" OF_MEMBER ";"
    "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures)"
    " SELECT '" TENANT "', kind, '" UID "', '192.0.2.1', 2 FROM (VALUES ('password'), ('factor'), ('codes'), ('network')) AS k (kind)";
/* clang-format on */

static const char *record = "";  /* what RECORD says */
static const char *written = ""; /* what it is to say */
static cloudep_db_t *owner;

/* Everybody anew, then what the case needs beside. */
static void prepare(const char *sql)
{
    fresh();
    postgres_sql(more);
    if (sql) {
        postgres_sql(sql);
    }
}

/* Compares what a statement has done with the record. */
static void is_effect(const char *name, apr_status_t rv)
{
    const char *effect = apr_psprintf(p, "%s (%d)\n%s\n", name, rv, value("SELECT public.changes()"));

    written = apr_pstrcat(p, written, effect, NULL);
    if (!ok(strstr(record, effect) != NULL, "%s", name)) {
        printf("# %s does not say:\n%s", RECORD, effect);
    }
}

/* A statement on the member as it is after that SQL (NULL: as prepare() makes it). Another tenant has the very same,
 * but other settings. */
#define EFFECT(name, sql, call)                                                                                        \
    do {                                                                                                               \
        prepare(sql);                                                                                                  \
        postgres_sql("SELECT public.make_twin(); SELECT public.remember()");                                           \
        is_effect(name, call);                                                                                         \
    } while (0)

/* A statement that goes over all tenants: the other one has nothing that it looks for. */
#define EFFECT_EVERYWHERE(name, sql, call)                                                                             \
    do {                                                                                                               \
        prepare(sql);                                                                                                  \
        postgres_sql("DELETE FROM cloudep.outbox WHERE tenant_id = '" ELSEWHERE "'; SELECT public.remember()");        \
        is_effect(name, call);                                                                                         \
    } while (0)

static cloudep_session_t opening(int idle, int lifetime)
{
    cloudep_session_t opened = session;

    opened.id = NEW;
    opened.generation = "3";
    opened.address = "192.0.2.77";
    opened.user_agent = "Agent";
    opened.idle = idle;
    opened.lifetime = lifetime;
    return opened;
}

/* A use of the session just now, which lives for twenty minutes from it. */
static apr_status_t slide(void)
{
    const cloudep_use_t use = {TENANT, SESSION, apr_time_sec(apr_time_now()), 1};

    return cloudep_sessions_slide(db, p, &use, 1, 1200);
}

static void test_sessions(void)
{
    cloudep_session_t opened = opening(1200, 7200);
    cloudep_session_t shorter = opening(7200, 1200);
    cloudep_session_t turned = opening(1200, 7200);
    cloudep_rotation_e outcome;
    int ended;

    EFFECT("session_open", NULL, cloudep_session_open(db, p, &opened));
    EFFECT("session_open, idle longer than it lives", NULL, cloudep_session_open(db, p, &shorter));
    turned.id = SESSION;
    EFFECT("session_rotate", NULL, cloudep_session_rotate(db, p, &turned, 1, 60, &outcome));
    EFFECT("session_rotate near the end", "UPDATE cloudep.sessions SET expires_at = now() + interval '10 minutes'",
           cloudep_session_rotate(db, p, &turned, 1, 60, &outcome));
    EFFECT("session_rotate again",
           "UPDATE cloudep.sessions SET refresh_seq = 2, rotated_at = now() - interval '1 minute'",
           cloudep_session_rotate(db, p, &turned, 1, 600, &outcome));
    EFFECT("session_rotate after the grace",
           "UPDATE cloudep.sessions SET refresh_seq = 2, rotated_at = now() - interval '20 minutes'",
           cloudep_session_rotate(db, p, &turned, 1, 600, &outcome));
    EFFECT("session_renew", NULL, cloudep_session_renew(db, p, &turned, 1, 60));
    EFFECT("sessions_slide", "UPDATE cloudep.sessions SET idle_expires_at = now() + interval '5 minutes'", slide());
    EFFECT("sessions_slide by less than it has", NULL, slide());
    EFFECT("sessions_slide by an earlier use",
           "UPDATE cloudep.sessions SET seen_at = now() + interval '10 minutes',"
           " idle_expires_at = now() + interval '5 minutes'",
           slide());
    EFFECT("session_reauthenticate", NULL, cloudep_session_reauthenticated(db, p, TENANT, SESSION, UID));
    EFFECT("session_reauthenticate beside the authenticator",
           "UPDATE cloudep.sessions SET mfa_at = NULL, mfa_method = NULL",
           cloudep_session_reauthenticated(db, p, TENANT, OWN("1"), UID));
    EFFECT("session_end", NULL, cloudep_session_end(db, p, TENANT, SESSION, "logout"));
    EFFECT("session_end, the only one there", NULL, cloudep_session_end(db, p, TENANT, OWN("2"), "logout"));
    EFFECT("own_session_end", NULL, cloudep_own_session_end(db, p, TENANT, UID, OWN("2")));
    EFFECT("own_sessions_end_others", NULL, cloudep_own_sessions_end_others(db, p, &ended, TENANT, UID, SESSION));
    is_int(ended, 5, "as many have ended as are told");
    EFFECT("own_sessions_limit", NULL, cloudep_own_sessions_limit(db, p, TENANT, UID, 2));
}

/* The last digits of the member's sessions that are listed. */
static const char *listed(const char *kept, int limit)
{
    apr_array_header_t *rows = NULL;
    const char *text = "";

    (void)cloudep_own_sessions(&rows, p, db, TENANT, UID, kept, NULL, limit);
    for (int i = 0; rows && i < rows->nelts; i++) {
        text = apr_pstrcat(p, text, " ", APR_ARRAY_IDX(rows, i, cloudep_own_session_t).id + 34, NULL);
    }
    return text;
}

static void test_listed(void)
{
    prepare(NULL);
    is_str(listed(NULL, 9), " 01 11 12 13", "sessions that can do something are listed, the newest first");
    is_str(listed(OWN("5"), 9), " 01 11 12 13 15", "and the one that asks, even when it is idle");
    is_str(listed(NULL, 2), " 01 11", "as many as are asked for");
}

static const char *attributes_of(int wanted)
{
    const cloudep_session_key_t key = {TENANT, SESSION, UID, wanted};
    cloudep_session_state_t state;

    (void)cloudep_sessions_look_up(&state, p, db, &key, 1);
    return state.attributes;
}

static void test_attributes(void)
{
    prepare(NULL);
    is_str(attributes_of(1), "{}", "attributes are an object, even if it is empty");
    set("members", "attributes = '{\"a\":1}'");
    is_str(attributes_of(1), "{\"a\": 1}", "those of the member");
    is_str(attributes_of(0), NULL, "which is told whoever asks for them");
}

/* Twenty old ones of a kind, which all go in one sweep. */
static void test_sweep(void)
{
    fresh();
    postgres_sql("INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, idle_expires_at, expires_at)"
                 " SELECT '" TENANT "', gen_random_uuid(), '" UID "', 'old', now(), now() - interval '2 days'"
                 " FROM generate_series(1, 20);"
                 "INSERT INTO cloudep.lockouts (tenant_id, kind, subject, last_at)"
                 " SELECT '" TENANT "', 'old', n, now() - interval '3 days' FROM generate_series(1, 20) AS n;"
                 "INSERT INTO cloudep.links (tenant_id, digest, uid, kind, expires_at)"
                 " SELECT '" TENANT "', 'old' || n, '" UID "', 'reset', now() - interval '2 days'"
                 " FROM generate_series(1, 20) AS n;"
                 "INSERT INTO cloudep.outbox (tenant_id, channel, target, template, created_at, expires_at, failed_at,"
                 " delivered_at) SELECT '" TENANT "', 'mail', 'x', 'old', now() - interval '8 days', now(),"
                 " CASE WHEN n > 10 THEN now() END, CASE WHEN n <= 10 THEN now() END FROM generate_series(1, 20) AS n");
    is_int(cloudep_sweep_remove_old(db, p), APR_SUCCESS, "a sweep");
    is_str(value("SELECT concat_ws(' ', (SELECT count(*) FROM cloudep.sessions WHERE amr = 'old'),"
                 " (SELECT count(*) FROM cloudep.lockouts WHERE kind = 'old'),"
                 " (SELECT count(*) FROM cloudep.links WHERE digest LIKE 'old%'),"
                 " (SELECT count(*) FROM cloudep.outbox WHERE template = 'old'))"),
           "0 0 0 0", "takes whatever is old, delivered or given up");
}

#define PENDING                                                                                                        \
    "UPDATE cloudep.totp SET secret = NULL, enrolled_at = NULL, pending_secret = 'next', pending_codes = 'p1 p2',"     \
    " pending_codes_of = 'next', pending_expires_at = now() + interval '3 minutes'" OF_MEMBER

/* What is loaded is of before the effect: of what prepare() makes. */
static const cloudep_totp_t *totp(void)
{
    const cloudep_totp_t *loaded = NULL;

    if (cloudep_totp_load(db, p, &loaded, TENANT, UID) != APR_SUCCESS) {
        postgres_bail_out("no second factor");
    }
    return loaded;
}

static void test_totp(void)
{
    const cloudep_totp_proof_t step = {.secret = "sealed", .step = 8, .network = "192.0.2.1"};
    const cloudep_totp_proof_t code = {.code = "c1", .network = "192.0.2.1"};
    const cloudep_enrolment_t right = {8, "192.0.2.1"};
    cloudep_session_t opened = opening(1200, 7200);

    EFFECT("totp_begin", "DELETE FROM cloudep.totp" OF_MEMBER, cloudep_totp_begin(db, p, TENANT, UID, "new", "b1 b2"));
    EFFECT("totp_begin again", PENDING, cloudep_totp_begin(db, p, TENANT, UID, "new", NULL));
    EFFECT("totp_confirm", PENDING, cloudep_totp_confirm(db, p, totp(), &right, "n1 n2", "undo", &notice));
    is_str(value("SELECT (undoes_at = enrolled_at)::text FROM cloudep.links JOIN cloudep.totp USING (tenant_id, uid)"
                 " WHERE digest = 'undo'"),
           "true", "its undo is of the very moment");
    EFFECT("totp_renew_codes", NULL, cloudep_totp_renew_codes(db, p, TENANT, UID, "n1", &notice));
    EFFECT("totp_remove", NULL, cloudep_totp_remove(db, p, TENANT, UID, SESSION, &notice));
    EFFECT("totp_remove by nobody's session", NULL, cloudep_totp_remove(db, p, TENANT, UID, NULL, &notice));
    EFFECT("totp_step_up", NULL, cloudep_totp_step_up(db, p, totp(), &step, SESSION, CLOUDEP_NO_MESSAGE));
    EFFECT("totp_step_up by a backup code", NULL, cloudep_totp_step_up(db, p, totp(), &code, SESSION, &notice));
    EFFECT("totp_step_up of what the authenticator opened", NULL,
           cloudep_totp_step_up(db, p, totp(), &step, OWN("1"), &notice));
    EFFECT("totp_step_up of another's session", NULL,
           cloudep_totp_step_up(db, p, totp(), &step, OTHERS_SESSION, &notice));
    opened.mfa_method = CLOUDEP_MFA_TOTP;
    EFFECT("totp_login", NULL, cloudep_totp_login(db, p, &step, &opened, &notice));
    EFFECT("totp_login by a backup code", NULL, cloudep_totp_login(db, p, &code, &opened, &notice));
    EFFECT("totp_login, the password is of the moment of the enrolment",
           "UPDATE cloudep.links SET undoes_at = '2026-01-01' WHERE undoes = 'totp';"
           "UPDATE cloudep.credentials SET updated_at = '2026-01-01'",
           cloudep_totp_login(db, p, &step, &opened, &notice));
    opened.opened_with = "identity:" ACCOUNT "1";
    EFFECT("totp_login by an account", NULL, cloudep_totp_login(db, p, &step, &opened, &notice));
    EFFECT("totp_login by an account of the moment of the enrolment",
           "UPDATE cloudep.links SET undoes_at = '2026-01-01' WHERE undoes = 'totp';"
           "UPDATE cloudep.identities SET created_at = '2026-01-01'",
           cloudep_totp_login(db, p, &step, &opened, &notice));
    opened.opened_with = CLOUDEP_OPENED_PASSWORD;
    opened.generation = "2";
    EFFECT("totp_login of an older generation", NULL, cloudep_totp_login(db, p, &step, &opened, &notice));
    opened.generation = "3";
    opened.mfa_method = NULL;
    EFFECT("totp_login_alone", NULL, cloudep_totp_login_alone(db, p, &step, &opened));
}

static cloudep_link_t link_of(const char *kind, const char *digest)
{
    return (cloudep_link_t){.tenant_id = TENANT, .uid = UID, .kind = kind, .digest = digest};
}

static apr_status_t undo_totp(apr_pool_t *pool)
{
    const cloudep_link_t undo = link_of(CLOUDEP_LINK_UNDO, "d1");

    return cloudep_link_undo(db, pool, &undo, &notice);
}

static void test_undo_meanwhile(void)
{
    prepare(NULL);
    is_int(meanwhile("UPDATE cloudep.members SET generation = generation + 1" OF_MEMBER
                     "; INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid) VALUES ('" TENANT
                     "', 'i', 'meanwhile', '" UID "')",
                     undo_totp),
           APR_SUCCESS, "an undo waits for what is done to the member");
    is_str(value("SELECT count(*) FROM cloudep.identities WHERE subject = 'meanwhile'"), "0", "and undoes that, too");
}

static void test_links(void)
{
    const cloudep_link_t reset = link_of(CLOUDEP_LINK_RESET, "added");
    const cloudep_link_t first = link_of(CLOUDEP_LINK_FIRST_PASSWORD, "added");
    const cloudep_link_t undo = link_of(CLOUDEP_LINK_UNDO, "d1");
    const cloudep_link_t email = link_of(CLOUDEP_LINK_UNDO, "email");
    const cloudep_link_t passkey = link_of(CLOUDEP_LINK_UNDO, "passkey");

    EFFECT("link_add", NULL, cloudep_link_add(db, p, &reset));
    EFFECT("link_add for a first password", NULL, cloudep_link_add(db, p, &first));
    EFFECT("link_use", NULL, cloudep_link_use(db, p, &undo));
    EFFECT("link_restore", "UPDATE cloudep.links SET used_at = now()", cloudep_link_restore(db, p, &undo));
    EFFECT("link_undo of an authenticator", NULL, cloudep_link_undo(db, p, &undo, &notice));
    EFFECT("link_undo of an address", NULL, cloudep_link_undo(db, p, &email, &notice));
    EFFECT("link_undo of an address, a younger one was used",
           "UPDATE cloudep.links SET used_at = now() - interval '5 minutes' WHERE digest = 'younger'",
           cloudep_link_undo(db, p, &email, &notice));
    EFFECT("link_undo of a passkey", "UPDATE cloudep.members SET login_phone_at = now() - interval '40 minutes'" HERE,
           cloudep_link_undo(db, p, &passkey, &notice));
    EFFECT(
        "link_undo in the very moment",
        "UPDATE cloudep.links SET undoes_at = '2026-01-01', created_at = '2026-01-01' WHERE undoes IS NOT NULL;"
        "UPDATE cloudep.totp SET enrolled_at = '2026-01-01'; UPDATE cloudep.identities SET created_at = '2026-01-01';"
        "UPDATE cloudep.passkeys SET created_at = '2026-01-01';"
        "UPDATE cloudep.members SET login_phone_at = '2026-01-01'",
        cloudep_link_undo(db, p, &email, &notice));
}

/* A second passkey of the member, which has opened a session. The first one has opened a session of another member,
 * too, and one that is over. An authenticator was enrolled in the same moment, and there is the undo of another
 * passkey. */
#define ANOTHER_PASSKEY                                                                                                \
    "INSERT INTO cloudep.passkeys (tenant_id, id, uid, credential_id, spki, algorithm, sign_count, backup_eligible,"   \
    " backed_up, aaguid, name, created_at) SELECT tenant_id, '" LEASE "', uid, 'k2', spki, algorithm, 1, true, false," \
    " aaguid, 'Second', now() - interval '10 minutes' FROM cloudep.passkeys;"                                          \
    "UPDATE cloudep.sessions SET opened_with = 'passkey:" LEASE "' WHERE id = '" OWN(                                  \
        "1") "';"                                                                                                      \
             "UPDATE cloudep.sessions SET opened_with = 'passkey:" PASSKEY "' WHERE id IN ('" OWN(                     \
                 "6") "', '" OTHERS_SESSION "');"                                                                      \
                      "UPDATE cloudep.links SET undoes_at = (SELECT min(created_at) FROM cloudep.passkeys) WHERE "     \
                      "digest = 'd1';"                                                                                 \
                      "INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at) VALUES" \
                      " ('" TENANT "', '" UID "', 'second', 'undo', 'passkey', now() - interval '10 minutes',"         \
                      " now() + interval '1 hour')"

static void test_passkeys(void)
{
    const cloudep_passkey_t passkey = {.credential_id = "added",
                                       .spki = "key",
                                       .algorithm = -7,
                                       .sign_count = 4,
                                       .backup_eligible = 1,
                                       .transports = apr_array_make(p, 1, sizeof(const char *)),
                                       .aaguid = LEASE,
                                       .name = "Added"};
    const char *text;

    EFFECT("passkey_add", NULL, cloudep_passkey_add(db, p, &text, TENANT, UID, "3", &passkey, "undo", &notice));
    is_str(value("SELECT (undoes_at = passkey.created_at)::text FROM cloudep.links JOIN cloudep.passkeys AS passkey"
                 " USING (tenant_id, uid) WHERE digest = 'undo' AND credential_id = 'added'"),
           "true", "its undo is of the very moment");
    EFFECT("passkey_add without an undo", NULL,
           cloudep_passkey_add(db, p, &text, TENANT, UID, "3", &passkey, NULL, CLOUDEP_NO_MESSAGE));
    EFFECT("passkey_add of a suspended member", "UPDATE cloudep.members SET status = 'suspended'",
           cloudep_passkey_add(db, p, &text, TENANT, UID, "3", &passkey, NULL, CLOUDEP_NO_MESSAGE));
    EFFECT("passkey_add beside a change", NULL,
           cloudep_passkey_add(db, p, &text, TENANT, UID, "2", &passkey, NULL, CLOUDEP_NO_MESSAGE));
    EFFECT("passkey_rename", NULL, cloudep_passkey_rename(db, p, TENANT, UID, PASSKEY, "Name"));
    EFFECT("passkey_rename, one of two", ANOTHER_PASSKEY, cloudep_passkey_rename(db, p, TENANT, UID, PASSKEY, "Name"));
    EFFECT("passkey_rename of another's", NULL, cloudep_passkey_rename(db, p, TENANT, OTHER, PASSKEY, "Name"));
    EFFECT("passkey_new_handle", NULL, cloudep_passkey_new_handle(db, p, &text, TENANT, UID, "given"));
    EFFECT("passkey_new_handle again", "UPDATE cloudep.members SET user_handle = 'first'" OF_MEMBER,
           cloudep_passkey_new_handle(db, p, &text, TENANT, UID, "given"));
    EFFECT("passkey_remove", NULL, cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
    EFFECT("passkey_remove, one of two", ANOTHER_PASSKEY, cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
    EFFECT("passkey_remove, the second of two", ANOTHER_PASSKEY,
           cloudep_passkey_remove(db, p, TENANT, UID, LEASE, &notice));
    EFFECT("passkey_remove, one of two ways in", "UPDATE cloudep.members SET ways_in = 2" HERE,
           cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
    EFFECT("passkey_remove of who left", "UPDATE cloudep.members SET status = 'deleting'",
           cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
    EFFECT("passkey_remove of another's", NULL, cloudep_passkey_remove(db, p, TENANT, OTHER, PASSKEY, &notice));
    EFFECT("passkey_remove of the last way in", "UPDATE cloudep.members SET ways_in = 1" HERE,
           cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
    EFFECT("passkey_remove beside a login phone",
           "UPDATE cloudep.members SET ways_in = 1" HERE "; UPDATE cloudep.tenants SET sms_login = true",
           cloudep_passkey_remove(db, p, TENANT, UID, PASSKEY, &notice));
}

static void test_passkey_use(void)
{
    const cloudep_passkey_use_t use = {PASSKEY, 5, 1};
    const cloudep_member_t *member = NULL;
    cloudep_session_t opened = opening(1200, 7200);

    EFFECT("passkey_login", NULL, cloudep_passkey_login(db, p, &use, &opened, &notice));
    EFFECT("passkey_login by one of two", ANOTHER_PASSKEY, cloudep_passkey_login(db, p, &use, &opened, &notice));
    opened.generation = "2";
    EFFECT("passkey_login beside a change", NULL, cloudep_passkey_login(db, p, &use, &opened, &notice));
    opened.uid = OTHER;
    opened.generation = "0";
    EFFECT("passkey_login by another's", NULL, cloudep_passkey_login(db, p, &use, &opened, &notice));
    (void)cloudep_member_by_uid(db, p, &member, TENANT, UID);
    EFFECT("passkey_step_up by one of two", ANOTHER_PASSKEY,
           cloudep_passkey_step_up(db, p, &use, member, SESSION, &notice));
    EFFECT("passkey_step_up of another's session", "UPDATE cloudep.sessions SET generation = 3",
           cloudep_passkey_step_up(db, p, &use, member, OTHERS_SESSION, &notice));
    EFFECT("passkey_step_up beside a change", "UPDATE cloudep.members SET generation = 4",
           cloudep_passkey_step_up(db, p, &use, member, SESSION, &notice));
    EFFECT("passkey_step_up", NULL, cloudep_passkey_step_up(db, p, &use, member, SESSION, &notice));
    EFFECT("passkey_step_up of an older session", NULL,
           cloudep_passkey_step_up(db, p, &use, member, OWN("4"), &notice));
    EFFECT("passkey_step_up of one that is over", NULL,
           cloudep_passkey_step_up(db, p, &use, member, OWN("6"), &notice));
}

static void test_accounts(void)
{
    const cloudep_applicant_t applicant = {.tenant_id = TENANT,
                                           .uid = NOBODY,
                                           .email = "new@example.com",
                                           .invite_code = "CODE",
                                           .origin = "google",
                                           .provider = "local",
                                           .display_name = "New",
                                           .language = "en",
                                           .terms_version = "2",
                                           .marketing_opt_in = 1};
    cloudep_identity_t linked = {.id = ACCOUNT "3", .issuer = "i", .subject = "linked"};
    cloudep_identity_t gone = {.id = ACCOUNT "1"};
    cloudep_session_t opened = opening(1200, 7200);
    const char *opens = SESSION;

    opened.uid = NOBODY;
    EFFECT("identity_register", NULL, cloudep_identity_register(db, p, &applicant, &linked, &opened));
    EFFECT("identity_register in place of who waits",
           "UPDATE cloudep.members SET status = 'pending', email = 'new@example.com',"
           " confirming_until = now() - interval '1 minute'" HERE " AND uid = '" OTHER "'",
           cloudep_identity_register(db, p, &applicant, &linked, &opened));
    prepare("UPDATE cloudep.members SET status = 'pending', email = 'new@example.com' WHERE tenant_id = '" ELSEWHERE
            "'");
    is_int(cloudep_identity_register(db, p, &applicant, &linked, &opened), APR_SUCCESS, "a registration by an account");
    is_str(value("SELECT status FROM cloudep.members WHERE tenant_id = '" ELSEWHERE "'"), "pending",
           "leaves whoever waits in another tenant");
    EFFECT("identity_register without an invite, in place of who waits",
           "UPDATE cloudep.invites SET uses = 9; UPDATE cloudep.members SET status = 'pending',"
           " email = 'new@example.com'" HERE " AND uid = '" OTHER "'",
           cloudep_identity_register(db, p, &applicant, &linked, &opened));
    EFFECT("identity_link", NULL, cloudep_identity_link(db, p, TENANT, UID, &linked, &notice));
    EFFECT("identity_link of a suspended member", "UPDATE cloudep.members SET status = 'suspended'",
           cloudep_identity_link(db, p, TENANT, UID, &linked, &notice));
    EFFECT("identity_unlink", NULL, cloudep_identity_unlink(db, p, TENANT, UID, &gone, &notice));
    gone.id = ACCOUNT "1";
    EFFECT("identity_unlink of the last way in", "UPDATE cloudep.members SET ways_in = 1" HERE,
           cloudep_identity_unlink(db, p, TENANT, UID, &gone, &notice));
    EFFECT("identity_unlink beside codes",
           "UPDATE cloudep.members SET ways_in = 1" HERE "; UPDATE cloudep.tenants SET code_login = true",
           cloudep_identity_unlink(db, p, TENANT, UID, &gone, &notice));
    EFFECT("identity_unlink of another's", NULL, cloudep_identity_unlink(db, p, TENANT, OTHER, &gone, &notice));
    EFFECT("identity_use_token", NULL,
           cloudep_identity_use_token(db, p, TENANT, "t", apr_time_sec(apr_time_now()) + 3600, 60, &opens));
    EFFECT("identity_use_token again",
           "INSERT INTO cloudep.used_id_tokens (tenant_id, digest, expires_at, session_id, used_at) VALUES"
           " ('" TENANT "', 't', now() + interval '1 hour', '" SESSION "', now() - interval '2 minutes')",
           cloudep_identity_use_token(db, p, TENANT, "t", apr_time_sec(apr_time_now()) + 3600, 600, &opens));
}

static void test_passwords(void)
{
    const cloudep_password_change_t set_one = {
        .tenant_id = TENANT, .uid = UID, .phc = "a hash of it", .session_id = SESSION, .reason = "changed"};
    const cloudep_password_change_t due = {.tenant_id = TENANT, .uid = UID, .due = 1, .reason = "taken"};
    const cloudep_credential_t renewed = {.phc = "another hash of it", .form = CLOUDEP_PASSWORD_OPAQUE};
    const cloudep_credential_t raw = {.phc = "another hash of it", .form = CLOUDEP_PASSWORD_RAW};

    EFFECT("password_change", NULL, cloudep_password_change(db, p, &set_one, &notice));
    EFFECT("password_change, the first one",
           "DELETE FROM cloudep.credentials; UPDATE cloudep.members SET has_password = false",
           cloudep_password_change(db, p, &set_one, &notice));
    EFFECT("password_change where one is due", "UPDATE cloudep.members SET has_password = false, password_due = true",
           cloudep_password_change(db, p, &set_one, &notice));
    EFFECT("password_change of who came by a social provider",
           "UPDATE cloudep.members SET has_password = NULL, origin = 'google'",
           cloudep_password_change(db, p, &set_one, &notice));
    EFFECT("password_change of who registered with one", "UPDATE cloudep.members SET has_password = NULL",
           cloudep_password_change(db, p, &set_one, &notice));
    EFFECT("password_change, taken away", "UPDATE cloudep.members SET password_form = true",
           cloudep_password_change(db, p, &due, CLOUDEP_NO_MESSAGE));
    EFFECT("credential_renew", NULL, cloudep_credential_renew(db, p, TENANT, UID, "old", &renewed));
    EFFECT("credential_renew as it was typed", "UPDATE cloudep.credentials SET form_of = 'x'",
           cloudep_credential_renew(db, p, TENANT, UID, "old", &raw));
    EFFECT("contact_set_email", NULL,
           cloudep_contact_set(db, p, TENANT, UID, CLOUDEP_CONTACT_EMAIL, "b@example.com", &notice));
    EFFECT("contact_set_email, the same", NULL,
           cloudep_contact_set(db, p, TENANT, UID, CLOUDEP_CONTACT_EMAIL, "old@example.com", &notice));
    EFFECT("contact_set_phone", NULL, cloudep_contact_set(db, p, TENANT, UID, CLOUDEP_CONTACT_PHONE, "+1", &notice));
}

#define ON_PHONE "UPDATE cloudep.sessions SET opened_with = 'login_phone' WHERE id = '" OTHERS_SESSION "';"
#define OTHER_HAS                                                                                                      \
    "UPDATE cloudep.members SET login_phone = '+886911000222', login_phone_at = now(), language = 'en'" HERE           \
    " AND uid = '" OTHER "'"

static void test_addresses(void)
{
    cloudep_email_change_t change = {.tenant_id = TENANT,
                                     .uid = UID,
                                     .email = "mine@example.com",
                                     .generation = "3",
                                     .session_id = SESSION,
                                     .undo = "undo",
                                     .reservation = NOBODY};

    EFFECT("email_change", NULL, cloudep_email_change(db, p, &change, &notice));
    change.generation = "2";
    EFFECT("email_change beside another", NULL, cloudep_email_change(db, p, &change, &notice));
    change.generation = "3";
    change.undo = change.reservation = NULL;
    EFFECT("email_change without an undo", NULL, cloudep_email_change(db, p, &change, &notice));
    change.email = "former@example.com";
    EFFECT("email_change back", NULL, cloudep_email_change(db, p, &change, &notice));
    change.email = "kept@example.com";
    EFFECT("email_change to what another keeps", NULL, cloudep_email_change(db, p, &change, &notice));
    change.email = "wait@example.com";
    EFFECT("email_change to what waits for a code",
           "UPDATE cloudep.members SET status = 'pending', email = 'wait@example.com'" HERE " AND uid = '" OTHER "'",
           cloudep_email_change(db, p, &change, &notice));
    EFFECT("email_change beside one who waits for a code",
           "UPDATE cloudep.members SET status = 'pending'" HERE " AND uid = '" OTHER "'",
           cloudep_email_change(db, p, &change, &notice));
    EFFECT("email_change beside another's links",
           "UPDATE cloudep.links SET uid = '" OTHER "' WHERE digest IN ('reset', 'email') AND tenant_id = '" TENANT "'",
           cloudep_email_change(db, p, &change, &notice));
    EFFECT("email_change, links were used", "UPDATE cloudep.links SET used_at = now() - interval '1 hour'",
           cloudep_email_change(db, p, &change, &notice));
    EFFECT("email_change of a suspended member", "UPDATE cloudep.members SET status = 'suspended'",
           cloudep_email_change(db, p, &change, &notice));
    EFFECT("login_phone_set", NULL, cloudep_login_phone_set(db, p, TENANT, UID, "+886911000222", "box", &notice));
    EFFECT("login_phone_set, the same", NULL,
           cloudep_login_phone_set(db, p, TENANT, UID, "+886911000111", "box", &notice));
    EFFECT("login_phone_set, another's", ON_PHONE OTHER_HAS,
           cloudep_login_phone_set(db, p, TENANT, UID, "+886911000222", "box", &notice));
    EFFECT("login_phone_set, another's last way in",
           OTHER_HAS "; UPDATE cloudep.members SET ways_in = 0, has_password = false" HERE " AND uid = '" OTHER "'",
           cloudep_login_phone_set(db, p, TENANT, UID, "+886911000222", "box", &notice));
    EFFECT("login_phone_set, another's who is due a password",
           OTHER_HAS "; UPDATE cloudep.members SET password_due = true" HERE " AND uid = '" OTHER "'",
           cloudep_login_phone_set(db, p, TENANT, UID, "+886911000222", "box", &notice));
    EFFECT("login_phone_set of a suspended member", "UPDATE cloudep.members SET status = 'suspended'",
           cloudep_login_phone_set(db, p, TENANT, UID, "+886911000222", "box", &notice));
    EFFECT("login_phone_remove", NULL, cloudep_login_phone_remove(db, p, TENANT, UID, &notice));
    EFFECT("login_phone_remove beside another's",
           ON_PHONE OTHER_HAS "; UPDATE cloudep.sessions SET opened_with = 'login_phone' WHERE id = '" OWN("6") "'",
           cloudep_login_phone_remove(db, p, TENANT, UID, &notice));
    EFFECT("login_phone_remove of the last way in",
           "UPDATE cloudep.members SET ways_in = 0; UPDATE cloudep.tenants SET sms_login = true",
           cloudep_login_phone_remove(db, p, TENANT, UID, &notice));
    EFFECT("login_phone_remove of none", "UPDATE cloudep.members SET ways_in = 0, login_phone = NULL",
           cloudep_login_phone_remove(db, p, TENANT, UID, &notice));
}

static void test_members(void)
{
    const cloudep_profile_t profile = {.display_name = "", .currency = "TWD", .terms_version = "2"};
    const cloudep_profile_t nothing = {0};
    const cloudep_applicant_t applicant = {.tenant_id = TENANT,
                                           .uid = NOBODY,
                                           .email = "new@example.com",
                                           .invite_code = "CODE",
                                           .origin = "platform_native",
                                           .provider = "local"};
    const cloudep_member_t *member;
    cloudep_session_t opened = opening(1200, 7200);

    EFFECT("member_update_profile", NULL, cloudep_member_update_profile(db, p, &member, TENANT, UID, &profile));
    EFFECT("member_update_profile, nothing", NULL,
           cloudep_member_update_profile(db, p, &member, TENANT, UID, &nothing));
    EFFECT("member_reserve", NULL, cloudep_member_reserve(db, p, &applicant));
    EFFECT("member_reserve, used up", "UPDATE cloudep.invites SET uses = 9", cloudep_member_reserve(db, p, &applicant));
    EFFECT("member_reserve, the last use", "UPDATE cloudep.invites SET uses = 8",
           cloudep_member_reserve(db, p, &applicant));
    EFFECT("member_reserve, over", "UPDATE cloudep.invites SET expires_at = now()",
           cloudep_member_reserve(db, p, &applicant));
    EFFECT("member_reserve, taken back", "UPDATE cloudep.invites SET revoked_at = now()",
           cloudep_member_reserve(db, p, &applicant));
    EFFECT("member_activate", "UPDATE cloudep.members SET status = 'pending'", cloudep_member_activate(db, p, &opened));
    EFFECT("member_leave", NULL, cloudep_member_leave(db, p, TENANT, UID, &notice));
    EFFECT("member_leave of a suspended one", "UPDATE cloudep.members SET status = 'suspended'",
           cloudep_member_leave(db, p, TENANT, UID, &notice));
    EFFECT("member_abandon", "UPDATE cloudep.members SET status = 'reserved'",
           cloudep_member_abandon(db, p, TENANT, UID));
    EFFECT("member_abandon of who waits", "UPDATE cloudep.members SET status = 'pending'",
           cloudep_member_abandon(db, p, TENANT, UID));
    EFFECT("member_abandon again", "UPDATE cloudep.members SET status = 'deleting'",
           cloudep_member_abandon(db, p, TENANT, UID));
    EFFECT("member_purge", "UPDATE cloudep.members SET status = 'deleting'", cloudep_member_purge(db, p, TENANT, UID));
}

/* Claims who is unfinished: reserved for half an hour, or pending for an hour. */
static apr_status_t claim(int limit)
{
    apr_array_header_t *members;

    return cloudep_member_claim_unfinished(db, p, &members, 1800, 3600, limit);
}

#define AGED(status, since)                                                                                            \
    "DELETE FROM cloudep.registration_attempts; UPDATE cloudep.members SET reserved_by = NULL, status = '" status      \
    "', updated_at = now() - CASE WHEN uid = '" UID "' THEN " since " ELSE interval '0' END" HERE

static void test_unfinished(void)
{
    EFFECT_EVERYWHERE("member_claim_unfinished, reserved", AGED("reserved", "interval '31 minutes'"), claim(9));
    EFFECT_EVERYWHERE("member_claim_unfinished, reserved of late", AGED("reserved", "interval '29 minutes'"), claim(9));
    EFFECT_EVERYWHERE("member_claim_unfinished, pending", AGED("pending", "interval '61 minutes'"), claim(9));
    EFFECT_EVERYWHERE("member_claim_unfinished, pending of late", AGED("pending", "interval '59 minutes'"), claim(9));
    EFFECT_EVERYWHERE(
        "member_claim_unfinished, being confirmed",
        AGED("pending",
             "interval '61 minutes'") "; UPDATE cloudep.members SET confirming_until = now() + interval '1 h'",
        claim(9));
    EFFECT_EVERYWHERE(
        "member_claim_unfinished, confirmed by nobody",
        AGED("pending",
             "interval '61 minutes'") "; UPDATE cloudep.members SET confirming_until = now() - interval '1 h'",
        claim(9));
    EFFECT_EVERYWHERE("member_claim_unfinished, deleting", AGED("deleting", "interval '5 minutes'"), claim(9));
    EFFECT_EVERYWHERE(
        "member_claim_unfinished, no more than asked for",
        AGED("reserved",
             "interval '31 minutes'") "; UPDATE cloudep.members SET updated_at = now() - interval '40 minutes'" HERE
                                      " AND uid = '" OTHER "'",
        claim(1));
}

/* ---- registrations: OTHER waits for a code, with an attempt of its own uid and one of NOBODY's */

#define OF_OTHER HERE " AND uid = '" OTHER "'"
#define WAITS                                                                                                          \
    "DELETE FROM cloudep.registration_attempts; DELETE FROM cloudep.totp" OF_OTHER                                     \
    "; DELETE FROM cloudep.backup_codes" OF_OTHER "; DELETE FROM cloudep.links" OF_OTHER                               \
    "; DELETE FROM cloudep.known_networks" OF_OTHER                                                                    \
    "; UPDATE cloudep.members SET status = 'pending', provider_uids = ARRAY[uid], has_password = NULL" OF_OTHER ";"    \
    "INSERT INTO cloudep.registration_attempts (tenant_id, uid, member_uid, email, challenge, password, display_name," \
    " terms_version, marketing_opt_in, created_at) VALUES"                                                             \
    " ('" TENANT "', '" OTHER "', '" OTHER "', 'o', 'c', 'phc one', 'One', '1', false, now() - interval '1 hour'),"    \
    " ('" TENANT "', '" NOBODY "', '" OTHER "', 'o', 'd', 'phc two', 'Two', NULL, true, now() - interval '1 hour');"
#define LEASED(until)                                                                                                  \
    WAITS "UPDATE cloudep.members SET confirming = '" LEASE "', confirming_until = now() " until OF_OTHER

static apr_status_t lease(const char *uid)
{
    cloudep_leased_t leased;

    return cloudep_registration_lease(db, p, &leased, TENANT, uid, NEW, 300);
}

static apr_status_t confirm(const char *uid, const char *lease, int stores, int drops)
{
    cloudep_confirming_t how = {.lease = lease, .stores_password = stores, .drops_password = drops};
    cloudep_session_t opened = opening(1200, 7200);

    opened.uid = uid;
    return cloudep_registration_confirm(db, p, &how, &opened);
}

static apr_status_t take_over(void)
{
    apr_array_header_t *members;

    return cloudep_registration_take_over(db, p, &members, NEW, 300, 1);
}

static void test_registration(void)
{
    const cloudep_registration_attempt_t attempt = {.tenant_id = TENANT,
                                                    .uid = OTHER,
                                                    .member_uid = OTHER,
                                                    .email = "o@example.com",
                                                    .challenge_id = "id",
                                                    .password = "phc",
                                                    .display_name = "New",
                                                    .terms_version = "2"};
    static const char reserved[] = "DELETE FROM cloudep.registration_attempts; DELETE FROM cloudep.credentials;"
                                   "UPDATE cloudep.members SET status = 'reserved'" OF_OTHER;

    EFFECT("registration_begin", reserved, cloudep_registration_begin(db, p, &attempt, "the hash of one", &notice));
    EFFECT("registration_begin without a password", reserved,
           cloudep_registration_begin(db, p, &attempt, NULL, &notice));
    EFFECT("registration_begin of who waits", WAITS "DELETE FROM cloudep.registration_attempts",
           cloudep_registration_begin(db, p, &attempt, NULL, &notice));
    EFFECT("registration_add", "DELETE FROM cloudep.registration_attempts",
           cloudep_registration_add(db, p, &attempt, &notice));
    EFFECT("registration_renew", WAITS, cloudep_registration_renew(db, p, &attempt, &notice));
    EFFECT("registration_lease", WAITS, lease(OTHER));
    EFFECT("registration_lease of another attempt", WAITS, lease(NOBODY));
    EFFECT("registration_lease of one that a node of 1.0.0 made",
           WAITS "UPDATE cloudep.members SET provider_uids = NULL" OF_OTHER, lease(NOBODY));
    EFFECT("registration_lease of one that is held", LEASED("+ interval '1 hour'"), lease(NOBODY));
    EFFECT("registration_lease of one that ran out", LEASED("- interval '1 hour'"), lease(NOBODY));
    EFFECT("registration_lease of who is active", WAITS "UPDATE cloudep.members SET status = 'active'", lease(OTHER));
    EFFECT("registration_release", LEASED("+ interval '1 hour'"),
           cloudep_registration_release(db, p, TENANT, OTHER, LEASE, NULL));
    EFFECT("registration_release, kept for one", LEASED("+ interval '1 hour'"),
           cloudep_registration_release(db, p, TENANT, OTHER, LEASE, NOBODY));
    EFFECT("registration_release of another's", LEASED("+ interval '1 hour'"),
           cloudep_registration_release(db, p, TENANT, OTHER, NEW, NULL));
    EFFECT("registration_confirm", LEASED("+ interval '1 hour'"), confirm(OTHER, LEASE, 1, 0));
    EFFECT("registration_confirm of another attempt", LEASED("+ interval '1 hour'"), confirm(NOBODY, LEASE, 1, 0));
    EFFECT("registration_confirm, the provider has the password", LEASED("+ interval '1 hour'"),
           confirm(NOBODY, LEASE, 0, 0));
    EFFECT("registration_confirm, the password is dropped", LEASED("+ interval '1 hour'"), confirm(OTHER, LEASE, 0, 1));
    EFFECT("registration_confirm without a password",
           LEASED("+ interval '1 hour'") ";UPDATE cloudep.registration_attempts SET password = NULL",
           confirm(OTHER, LEASE, 1, 0));
    EFFECT("registration_confirm without the lease", LEASED("+ interval '1 hour'"), confirm(OTHER, NEW, 1, 0));
    EFFECT("registration_confirm of who is active", WAITS "UPDATE cloudep.members SET status = 'active'",
           confirm(OTHER, NULL, 1, 0));
    EFFECT_EVERYWHERE("registration_take_over", LEASED("- interval '1 minute'"), take_over());
    EFFECT_EVERYWHERE("registration_take_over of one that is held", LEASED("+ interval '1 minute'"), take_over());
    EFFECT_EVERYWHERE("registration_take_over of who is active",
                      LEASED("- interval '1 minute'") ";UPDATE cloudep.members SET status = 'active'" OF_OTHER,
                      take_over());
    EFFECT_EVERYWHERE(
        "registration_take_over, the oldest",
        LEASED("- interval '1 minute'") ";UPDATE cloudep.members SET status = 'pending', confirming = '" LEASE
                                        "', confirming_until = now() - interval '2 minutes'" OF_MEMBER,
        take_over());
    EFFECT("registration_cleared", LEASED("+ interval '1 hour'"),
           cloudep_registration_cleared(db, p, &(cloudep_stale_t){.tenant_id = TENANT, .uid = OTHER}, LEASE));
    EFFECT("registration_cleared by another", LEASED("+ interval '1 hour'"),
           cloudep_registration_cleared(db, p, &(cloudep_stale_t){.tenant_id = TENANT, .uid = OTHER}, NEW));
    EFFECT_EVERYWHERE("registration_remove_old", WAITS, cloudep_registration_remove_old(db, p, 3660));
    EFFECT_EVERYWHERE("registration_remove_old, older", WAITS, cloudep_registration_remove_old(db, p, 3540));
}

/* ---- beside what another transaction does to the same rows */

static apr_status_t open_meanwhile(apr_pool_t *pool)
{
    cloudep_session_t opened = opening(1200, 7200);

    return cloudep_session_open(db, pool, &opened);
}

static apr_status_t unlink_meanwhile(apr_pool_t *pool)
{
    cloudep_identity_t gone = {.id = ACCOUNT "1"};

    return cloudep_identity_unlink(db, pool, TENANT, UID, &gone, &notice);
}

static apr_status_t lease_meanwhile(apr_pool_t *pool)
{
    cloudep_leased_t leased;

    return cloudep_registration_lease(db, pool, &leased, TENANT, OTHER, NEW, 300);
}

static apr_status_t change_email_meanwhile(apr_pool_t *pool)
{
    const cloudep_email_change_t change = {
        .tenant_id = TENANT, .uid = UID, .email = "new@example.com", .generation = "3"};

    return cloudep_email_change(db, pool, &change, CLOUDEP_NO_MESSAGE);
}

static apr_status_t take_phone_meanwhile(apr_pool_t *pool)
{
    return cloudep_login_phone_set(db, pool, TENANT, UID, "+886911000222", "box", CLOUDEP_NO_MESSAGE);
}

static void test_meanwhile(void)
{
    prepare(NULL);
    is_int(meanwhile("UPDATE cloudep.members SET generation = 4" OF_MEMBER, change_email_meanwhile), CLOUDEP_ECHANGED,
           "an address is not changed beside another change of a credential");
    prepare(OTHER_HAS);
    is_int(meanwhile("UPDATE cloudep.members SET ways_in = 0" OF_OTHER, take_phone_meanwhile), APR_SUCCESS,
           "a login phone is taken from who lost the other ways in meanwhile");
    is_str(value("SELECT password_due::text FROM cloudep.members" OF_OTHER), "true", "which has a password due");
    prepare(NULL);
    is_int(meanwhile("UPDATE cloudep.members SET login_phone = '+886911000222'" OF_MEMBER, take_phone_meanwhile),
           APR_SUCCESS, "a login phone that was set meanwhile");
    is_str(value("SELECT generation::text FROM cloudep.members" OF_MEMBER), "3", "is not set again");
    prepare(OTHER_HAS);
    asked = "SELECT count(*) FROM (SELECT FROM cloudep.members" OF_OTHER " FOR UPDATE SKIP LOCKED) AS free";
    is_int(meanwhile("UPDATE cloudep.members SET updated_at = now()" OF_MEMBER, take_phone_meanwhile), APR_SUCCESS,
           "who wants a number waits for the members concerned");
    is_str(answered, "1", "in the order of their uids");
    prepare(NULL);
    postgres_sql("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('login phone " TENANT " +886911000222', 0))");
    is_int(take_phone_meanwhile(p), CLOUDEP_ELOCKED, "who wants a number waits for others who want it");
    postgres_sql("COMMIT");
    postgres_sql("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('login phone " ELSEWHERE " +886911000222', 0))");
    is_int(take_phone_meanwhile(p), APR_SUCCESS, "and not for those of another tenant");
    postgres_sql("COMMIT");
    prepare("UPDATE cloudep.members SET login_phone = '+886911000222' WHERE tenant_id = '" ELSEWHERE "'");
    postgres_sql("BEGIN; SELECT FROM cloudep.members WHERE tenant_id = '" ELSEWHERE "' FOR UPDATE");
    is_int(take_phone_meanwhile(p), APR_SUCCESS, "nor for the members of another tenant");
    postgres_sql("COMMIT");
    prepare(NULL);
    is_int(meanwhile("UPDATE cloudep.members SET status = 'suspended'" OF_MEMBER, open_meanwhile), CLOUDEP_EREFUSED,
           "a member who is suspended meanwhile gets no session");
    prepare(NULL);
    is_int(meanwhile("UPDATE cloudep.members SET ways_in = 1" OF_MEMBER, unlink_meanwhile), CLOUDEP_EREFUSED,
           "what became the last way in meanwhile stays");
    prepare(WAITS);
    is_int(meanwhile("UPDATE cloudep.members SET confirming = '" LEASE
                     "', confirming_until = now() + interval '1 hour'" OF_OTHER,
                     lease_meanwhile),
           APR_NOTFOUND, "a lease that was taken meanwhile is held");
    prepare(NULL);
    postgres_sql("BEGIN; UPDATE cloudep.sessions SET address = address" OF_MEMBER);
    is_int(slide(), APR_SUCCESS, "a session that another statement changes is not waited for");
    postgres_sql("COMMIT");
    prepare(LEASED("- interval '1 minute'"));
    postgres_sql("BEGIN; SELECT FROM cloudep.members" OF_OTHER " FOR UPDATE");
    is_int(take_over(), APR_SUCCESS, "nor is a lease that another node takes over");
    postgres_sql("COMMIT");
}

/* ---- what is read */

static int is_elsewhere(const char *issuer)
{
    cloudep_password_state_t state = {0};

    (void)cloudep_password_load(db, p, &state, TENANT, UID, issuer);
    return state.elsewhere;
}

static void test_passwords_elsewhere(void)
{
    prepare(NULL);
    is_int(is_elsewhere("i"), 1, "a member whose company logs them in has the password there");
    is_int(is_elsewhere("j"), 0, "another issuer is not the company");
    is_int(is_elsewhere(NULL), 0, "nor is none");
    postgres_sql("UPDATE cloudep.tenants SET exchange_password = true");
    is_int(is_elsewhere("i"), 0, "a tenant may allow a password here, too");
    postgres_sql("UPDATE cloudep.tenants SET exchange_password = false");
}

/* The attempt with the challenge "id" as a case finds it: whether it can be confirmed, and its language. */
static const char *attempt_of(const char *tenant_id)
{
    cloudep_registration_state_t state = {0};

    if (cloudep_registration_by_challenge(db, p, &state, tenant_id, "id", 7200) != APR_SUCCESS) {
        return "none";
    }
    return apr_pstrcat(p, state.pending ? "pending " : "void ", state.language ? state.language : "-", NULL);
}

static void test_attempts(void)
{
    const cloudep_registration_attempt_t attempt = {.tenant_id = TENANT, .uid = OTHER, .challenge_id = "id"};

    prepare(WAITS "UPDATE cloudep.members SET email = 'o', language = 'en'" OF_OTHER);
    (void)cloudep_registration_renew(db, p, &attempt, CLOUDEP_NO_MESSAGE);
    is_str(attempt_of(TENANT), "pending en", "an attempt is found, in the member's language");
    is_str(attempt_of(NOWHERE), "none", "not in another tenant");
    postgres_sql("UPDATE cloudep.registration_attempts SET language = 'de'");
    is_str(attempt_of(TENANT), "pending de", "its own language goes first");
    postgres_sql("UPDATE cloudep.members SET status = 'active'" OF_OTHER);
    is_str(attempt_of(TENANT), "void de", "it is void once its member is active");
    postgres_sql("UPDATE cloudep.members SET status = 'pending', email = 'another'" OF_OTHER);
    is_str(attempt_of(TENANT), "void de", "and once its member has another address");
}

/* Who has the address, and whether the member's factors are in doubt. */
static const char *owner_of(const char *sql, const char *email)
{
    cloudep_email_state_t state = {0};

    prepare(sql);
    (void)cloudep_email_load(db, p, &state, TENANT, UID, email);
    return apr_pstrcat(p, state.owner ? state.owner->uid + 35 : "nobody", state.enrolment_in_doubt ? " doubt" : "",
                       NULL);
}

#define ONLY(which) "DELETE FROM cloudep.links WHERE uid = '" UID "' AND undoes IS DISTINCT FROM " which
#define THEIRS OTHER "@example.com"

static void test_owners(void)
{
    is_str(owner_of(NULL, THEIRS), "2 doubt", "an address of another member is taken");
    is_str(owner_of(ONLY("'passkey'"), THEIRS), "2 doubt", "a passkey that can be undone is in doubt");
    is_str(owner_of(ONLY("'totp'"), THEIRS), "2 doubt", "so is an authenticator");
    is_str(owner_of(ONLY("'email'"), THEIRS), "2", "another address is no factor");
    is_str(owner_of(ONLY("'none'"), THEIRS), "2", "another member's factors do not count");
    is_str(owner_of("DELETE FROM cloudep.links WHERE tenant_id = '" TENANT "'", THEIRS), "2",
           "nor do those of another tenant");
    is_str(owner_of("UPDATE cloudep.links SET expires_at = now()", THEIRS), "2", "or links that are over");
    is_str(owner_of("UPDATE cloudep.links SET used_at = now()", THEIRS), "2", "or that were used");
    is_str(owner_of("UPDATE cloudep.members SET status = 'suspended'" OF_OTHER, THEIRS), "2 doubt",
           "a suspended member's address is taken");
    is_str(owner_of("UPDATE cloudep.members SET status = 'pending'" OF_OTHER, THEIRS), "nobody doubt",
           "that of one who waits for a code is free");
    is_str(owner_of(NULL, UID "@example.com"), "nobody doubt", "one's own is free");
    is_str(owner_of(NULL, "former@example.com"), "nobody doubt", "so is the one before");
    is_str(owner_of(NULL, "kept@example.com"), "8 doubt", "that of before of another member is not");
    is_str(owner_of("INSERT INTO cloudep.members (tenant_id, uid, email, status) VALUES ('" ELSEWHERE "', '" NOBODY
                    "', 'there@example.com', 'active')",
                    "there@example.com"),
           "nobody doubt", "an address of another tenant is free");
}

/* What admits somebody: "known", "expired", "used"; "taken", "pending". */
static const char *admission_of(const char *sql, const char *code, const char *email)
{
    cloudep_admission_t admission;

    prepare(sql);
    (void)cloudep_tenant_admission(db, p, &admission, "here", code, email);
    return apr_pstrcat(p, admission.invite_known ? "known" : "", admission.invite_expired ? " expired" : "",
                       admission.invite_used_up ? " used" : "", admission.email_taken ? " taken" : "",
                       admission.email_pending ? " pending" : "", NULL);
}

static void test_admissions(void)
{
    is_str(admission_of(NULL, "CODE", "x"), "known", "an invite that never ends is good");
    is_str(admission_of("UPDATE cloudep.invites SET expires_at = now() + interval '1 hour'", "CODE", "x"), "known",
           "so is one that ends later");
    is_str(admission_of("UPDATE cloudep.invites SET expires_at = now()", "CODE", "x"), "known expired", "at its end");
    is_str(admission_of("UPDATE cloudep.invites SET uses = 8", "CODE", "x"), "known", "with a use left");
    is_str(admission_of("UPDATE cloudep.invites SET uses = 9", "CODE", "x"), "known used", "without one");
    is_str(admission_of("UPDATE cloudep.invites SET tenant_id = '" ELSEWHERE "'", "CODE", "x"), "",
           "one of another tenant is none");
    is_str(admission_of(NULL, NULL, THEIRS), " taken", "a member's address is taken");
    is_str(admission_of("UPDATE cloudep.members SET status = 'pending'" OF_OTHER, NULL, THEIRS), " taken pending",
           "that of one who waits for a code may be tried again");
    is_str(admission_of(NULL, NULL, "kept@example.com"), " taken", "one that is kept may not");
    is_str(admission_of("UPDATE cloudep.members SET email = 'there@example.com' WHERE tenant_id = '" ELSEWHERE "'",
                        NULL, "there@example.com"),
           "", "one of another tenant is free");
}

/* The names in a JSON object, which goes. */
static const char *names_of(json_t *object)
{
    const char *names = "";
    const char *name;
    json_t *cell;

    json_object_foreach(object, name, cell)
    {
        names = apr_pstrcat(p, names, " ", name, NULL);
    }
    json_decref(object);
    return names;
}

static void test_reads(void)
{
    const cloudep_member_t *member = NULL;
    const cloudep_tenant_t *tenant;
    cloudep_passkey_owner_t found;
    const char *handle = NULL;
    apr_array_header_t *list = NULL;
    int any = -1;

    prepare(NULL);
    is_int(cloudep_member_by_login_phone(db, p, &member, TENANT, "+886911000111"), APR_SUCCESS, "a login phone");
    is_int(cloudep_member_by_login_phone(db, p, &member, NOWHERE, "+886911000111"), APR_NOTFOUND, "is its tenant's");
    (void)cloudep_member_by_email(db, p, &tenant, &member, "nowhere", UID "@example.com");
    ok(!member, "an address is its tenant's");
    is_int(cloudep_passkey_find(db, p, &found, TENANT, "k"), APR_SUCCESS, "a passkey");
    is_int(cloudep_passkey_find(db, p, &found, NOWHERE, "k"), APR_NOTFOUND, "is its tenant's");
    is_int(cloudep_passkey_any(db, p, &any, TENANT, UID), APR_SUCCESS, "a member's passkeys");
    is_int(any, 1, "are counted");
    (void)cloudep_passkey_any(db, p, &any, TENANT, OTHER);
    is_int(any, 0, "and nobody else's");
    (void)cloudep_passkey_any(db, p, &any, NOWHERE, UID);
    is_int(any, 0, "not even in another tenant");
    (void)cloudep_passkeys_of(db, p, &list, TENANT, OTHER);
    is_int(list ? list->nelts : -1, 0, "or listed");
    (void)cloudep_passkeys_of(db, p, &list, NOWHERE, UID);
    is_int(list->nelts, 0, "in another tenant neither");
    postgres_sql(ANOTHER_PASSKEY);
    (void)cloudep_passkeys_of(db, p, &list, TENANT, UID);
    ok(list->nelts == 2 && !strcmp(APR_ARRAY_IDX(list, 0, cloudep_passkey_t).id, PASSKEY),
       "passkeys are listed, the oldest first");
    is_str(names_of(cloudep_record_json(&cloudep_passkey_told_record, list->elts)),
           " id name aaguid transports backup_eligible backed_up created_at last_used_at",
           "their member is told neither key nor counter");
    is_int(cloudep_passkey_find(db, p, &found, TENANT, "k2"), APR_SUCCESS, "each is found");
    is_str(found.passkey.id, LEASE, "by its own id of the authenticator");
    postgres_sql("UPDATE cloudep.members SET user_handle = right(uid::text, 1) || right(tenant_id::text, 1)");
    (void)cloudep_passkey_handle(db, p, &handle, TENANT, UID);
    is_str(handle, "1a", "a member has one handle");
    is_int(cloudep_passkey_handle(db, p, &handle, NOWHERE, UID), APR_NOTFOUND, "in another tenant none");
    is_str(handle, NULL, "none at all");
    (void)cloudep_identity_list(db, p, &list, TENANT, UID);
    ok(list->nelts == 2 && !strcmp(APR_ARRAY_IDX(list, 0, cloudep_linked_t).id, ACCOUNT "1"),
       "linked accounts are listed, the oldest first");
    (void)cloudep_identity_list(db, p, &list, TENANT, OTHER);
    is_int(list->nelts, 0, "of the member alone");
}

/* ---- the outbox */

/* The wait after so many attempts, in units of its least: the first takes five to six seconds. */
static void is_wait(int attempts, int least, int most)
{
    const char *sql = "SELECT extract(epoch FROM next_attempt_at - now())::integer FROM cloudep.outbox" OF_MEMBER;
    const char *was = "SELECT extract(epoch FROM now())::integer";
    int wait;
    apr_int64_t before;

    prepare(apr_psprintf(p, "UPDATE cloudep.outbox SET attempts = %d", attempts));
    before = apr_atoi64(value(was));
    (void)cloudep_outbox_retry(db, p, TENANT, MESSAGE, "why");
    wait = (int)(apr_atoi64(value(sql)) + apr_atoi64(value(was)) - before);
    ok(wait >= least - 1 && wait <= most + 1, "a message waits for %d to %d s after attempt %d: %d", least, most,
       attempts, wait);
}

static apr_status_t outbox_claim(int is_main, const char *channel)
{
    const cloudep_outbox_share_t share = {.channel = channel, .name = "box", .is_main = is_main};
    apr_array_header_t *rows;

    return cloudep_outbox_claim(db, p, &rows, &share, 9);
}

#define NAMED(age) "UPDATE cloudep.outbox SET outbox = 'gone', created_at = now() - interval '" age "'"

static void test_outbox(void)
{
    EFFECT_EVERYWHERE("outbox_claim", NULL, outbox_claim(1, "mail"));
    EFFECT_EVERYWHERE("outbox_claim by a virtual host", NULL, outbox_claim(0, "mail"));
    EFFECT_EVERYWHERE("outbox_claim by the other channel", NULL, outbox_claim(1, "sms"));
    EFFECT_EVERYWHERE("outbox_claim of what is late",
                      "UPDATE cloudep.outbox SET expires_at = now(), last_error = 'why'", outbox_claim(0, "sms"));
    EFFECT_EVERYWHERE("outbox_claim of another's", NAMED("4 minutes"), outbox_claim(1, "mail"));
    EFFECT_EVERYWHERE("outbox_claim of one's who has gone", NAMED("6 minutes"), outbox_claim(1, "mail"));
    EFFECT_EVERYWHERE(
        "outbox_claim of one's who was there",
        NAMED("6 minutes") "; INSERT INTO cloudep.outbox_workers VALUES ('gone', now() - interval '4 minutes')",
        outbox_claim(1, "mail"));
    EFFECT_EVERYWHERE("outbox_claim of one's who was there long ago",
                      NAMED("6 minutes") "; UPDATE cloudep.outbox_workers SET seen_at = now() - interval '6 minutes'",
                      outbox_claim(1, "mail"));
    EFFECT("outbox_retry at the end", "UPDATE cloudep.outbox SET expires_at = now() + interval '2 s', attempts = 20",
           cloudep_outbox_retry(db, p, TENANT, MESSAGE, "why"));
    EFFECT("outbox_release", "UPDATE cloudep.outbox SET attempts = 3, next_attempt_at = now() + interval '1 hour'",
           cloudep_outbox_release(db, p, TENANT, MESSAGE));
    EFFECT("outbox_release, none", "UPDATE cloudep.outbox SET attempts = 0",
           cloudep_outbox_release(db, p, TENANT, MESSAGE));
    EFFECT("outbox_give_up", NULL, cloudep_outbox_give_up(db, p, TENANT, MESSAGE, "why"));
    EFFECT("outbox_delivered", "UPDATE cloudep.outbox SET last_error = 'why'",
           cloudep_outbox_delivered(db, p, TENANT, MESSAGE));
    EFFECT("outbox_enqueue", NULL,
           cloudep_outbox_enqueue(db, p,
                                  &(cloudep_message_t){.tenant_id = TENANT,
                                                       .uid = UID,
                                                       .outbox = "box",
                                                       .channel = CLOUDEP_CHANNEL_SMS,
                                                       .target = "+1",
                                                       .language = "en",
                                                       .template = "added",
                                                       .params = "sealed",
                                                       .lifetime = "600",
                                                       .traceparent = "trace"}));
    is_wait(1, 5, 6);
    is_wait(2, 10, 12);
    is_wait(5, 80, 96);
    is_wait(9, 900, 900);
    is_wait(99, 900, 900);
}

static void is_waiting(const char *sql, const char *want, const char *name)
{
    cloudep_outbox_waiting_t waiting = {-1, -1};

    prepare("DELETE FROM cloudep.outbox WHERE tenant_id <> '" TENANT "'");
    postgres_sql(apr_pstrcat(p, "UPDATE cloudep.outbox SET created_at = now() - interval '10 minutes'" OF_MEMBER ";",
                             sql, NULL));
    (void)cloudep_outbox_waiting(db, p, &waiting, CLOUDEP_CHANNEL_MAIL);
    is_str(apr_psprintf(p, "%d since %d", (int)waiting.messages, (int)(waiting.oldest + 5) / 60), want, name);
}

static void test_waiting(void)
{
    is_waiting("SELECT 1", "2 since 10", "two messages wait, the older one for ten minutes");
    is_waiting("UPDATE cloudep.outbox SET delivered_at = now()" OF_MEMBER, "1 since 0", "not one that was delivered");
    is_waiting("UPDATE cloudep.outbox SET failed_at = now()" OF_MEMBER, "1 since 0", "nor one that was given up");
    is_waiting("UPDATE cloudep.outbox SET expires_at = now()" OF_MEMBER, "1 since 0", "nor one that is late");
    is_waiting("UPDATE cloudep.outbox SET channel = 'sms'" OF_MEMBER, "1 since 0", "nor one of another channel");
    is_waiting("UPDATE cloudep.outbox SET target = '" CLOUDEP_DECOY_TARGET "'" OF_MEMBER, "1 since 0", "nor a decoy's");
}

/* ---- budgets */

/* The failure of a stranger, or (network) at a known network; from an IPv6 network too. */
static apr_status_t fail(const char *network, int attempts)
{
    const cloudep_budget_t account = {TENANT, CLOUDEP_BUDGET_PASSWORD, UID, network};
    const cloudep_budget_failure_t failure = {.tenant_id = TENANT,
                                              .account = &account,
                                              .policy = {attempts, 300, 3000, 86400},
                                              .outbox = "box",
                                              .failed = CLOUDEP_BUDGET_GUESSES,
                                              .client = {"net64", "net56", "net48"},
                                              .of_network = {2, 600, 6000, 3600}};
    int wait;

    return cloudep_budget_fail(db, p, &failure, &wait);
}

#define FAILED(n, age)                                                                                                 \
    "UPDATE cloudep.budgets SET failures = " n ", last_at = now() - interval '" age "', blocked_until = now() -"       \
    " interval '1 s'; INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, last_at, "             \
    "blocked_until)"                                                                                                   \
    " SELECT '" TENANT "', 'network', 'guesses', n, " n ", now() - interval '" age "', now() - interval '1 s'"         \
    " FROM (VALUES ('net64'), ('net56'), ('net48')) AS nets (n)"

static void test_budgets(void)
{
    EFFECT("budget_fail, the first one", "DELETE FROM cloudep.budgets", fail("", 5));
    EFFECT("budget_fail, the only one", "DELETE FROM cloudep.budgets", fail("", 1));
    EFFECT("budget_fail, the last but one", FAILED("3", "10 minutes"), fail("", 5));
    EFFECT("budget_fail, the last one", FAILED("4", "10 minutes"), fail("", 5));
    EFFECT("budget_fail, one more", FAILED("5", "10 minutes"), fail("", 5));
    EFFECT("budget_fail, the eighth", FAILED("7", "50 minutes"), fail("", 5));
    EFFECT("budget_fail, the longest wait", FAILED("40", "50 minutes"), fail("", 5));
    EFFECT("budget_fail, however many", FAILED("2000", "50 minutes"), fail("", 5));
    EFFECT("budget_fail, after the network's are forgotten", FAILED("7", "61 minutes"), fail("", 5));
    EFFECT("budget_fail, after a day", FAILED("7", "1441 minutes"), fail("", 5));
    EFFECT("budget_fail at a known network", FAILED("4", "10 minutes"), fail("192.0.2.1", 5));
    EFFECT("budget_fail, told already", FAILED("4", "1 minute") "; UPDATE cloudep.budgets SET notice = 'told'",
           fail("", 5));
    EFFECT("budget_fail where nothing of the account counts", FAILED("4", "1 minute"), fail("", 0));
}

/* What somebody in that network, inside of "net56" and "net48", has to wait. */
static void is_judged(const char *sql, const char *network, const char *want, const char *name)
{
    cloudep_budget_t budget = {TENANT, CLOUDEP_BUDGET_PASSWORD, UID, NULL};
    const cloudep_client_t client = {network, "net56", "net48"};
    int wait = -1;

    prepare(sql);
    (void)cloudep_budget_check(db, p, &budget, UID, &client, &wait);
    is_str(apr_psprintf(p, "%s %d", *budget.network ? budget.network : "stranger", (wait + 30) / 60), want, name);
}

#define BLOCKED(kind, subject, network)                                                                                \
    "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, blocked_until) VALUES ('" TENANT "', '" kind      \
    "', '" subject "', '" network "', now() + interval '10 minutes') ON CONFLICT (tenant_id, kind, subject, network)"  \
    " DO UPDATE SET blocked_until = excluded.blocked_until"

static void test_judged(void)
{
    is_judged(NULL, "192.0.2.1", "192.0.2.1 0", "a member is known at the network of a session");
    is_judged(NULL, "net64", "stranger 0", "and nowhere else");
    is_judged(BLOCKED("password", UID, ""), "net64", "stranger 10", "strangers wait together");
    is_judged(BLOCKED("password", UID, ""), "192.0.2.1", "192.0.2.1 0", "a known network does not wait with them");
    is_judged(BLOCKED("password", UID, "192.0.2.1"), "192.0.2.1", "192.0.2.1 10", "a known network waits for its own");
    is_judged(BLOCKED("password", UID, "net64"), "net64", "stranger 0",
              "a stranger's network has no budget of its own");
    is_judged(BLOCKED("factor", UID, ""), "net64", "stranger 0", "those of another kind do not count");
    is_judged(BLOCKED("network", "guesses", "net64"), "net64", "stranger 10", "a network that guesses waits");
    is_judged(BLOCKED("network", "guesses", "net56"), "net64", "stranger 10", "so does its /56");
    is_judged(BLOCKED("network", "guesses", "net48"), "net64", "stranger 10", "and its /48");
    is_judged(BLOCKED("network", "codes", "net64"), "net64", "stranger 0", "not for what else failed there");
    is_judged(BLOCKED("network", "guesses", "192.0.2.1"), "192.0.2.1", "192.0.2.1 0",
              "where a member is known others' guesses do not count");
    is_judged("UPDATE cloudep.known_networks SET known_until = now()", "192.0.2.1", "stranger 0",
              "a network is known until its time");
    is_judged("UPDATE cloudep.known_networks SET generation = 1", "192.0.2.1", "stranger 0",
              "and until the member's sessions end");
}

/* ---- the operator */

static const cloudep_operator_member_name_t who = {TENANT, UID, NULL};
static const cloudep_operator_member_name_t by_email = {TENANT, NULL, UID "@example.com"};

static apr_status_t step(cloudep_operator_member_step_e what)
{
    cloudep_operator_step_t done;

    return cloudep_operator_member_step(owner, p, &done, &who, what);
}

static apr_status_t end_sessions(cloudep_operator_selection_t selection)
{
    int count;

    selection.tenant_id = TENANT;
    return cloudep_operator_session_revoke(owner, p, &count, &selection);
}

static apr_status_t clear_lockouts(cloudep_operator_selection_t selection)
{
    int count;

    selection.tenant_id = TENANT;
    return cloudep_operator_lockout_clear(owner, p, &count, &selection);
}

static apr_status_t attributes(const char *add, const char *remove)
{
    apr_array_header_t *list = apr_array_make(p, 1, sizeof(const char *));
    cloudep_operator_attributes_t after;

    APR_ARRAY_PUSH(list, const char *) = remove;
    return cloudep_operator_member_attributes(owner, p, &after, &who, add, list);
}

static void test_operator_members(void)
{
    cloudep_operator_reset_t reset;
    cloudep_operator_step_t done = {0};
    static const char suspended[] = "UPDATE cloudep.members SET status = 'suspended'";

    EFFECT("operator_member_suspend", NULL, step(CLOUDEP_OPERATOR_SUSPEND));
    EFFECT("operator_member_suspend again", suspended, step(CLOUDEP_OPERATOR_SUSPEND));
    EFFECT("operator_member_suspend of who waits", "UPDATE cloudep.members SET status = 'pending'",
           step(CLOUDEP_OPERATOR_SUSPEND));
    EFFECT("operator_member_resume", suspended, step(CLOUDEP_OPERATOR_RESUME));
    EFFECT("operator_member_resume of who is active", NULL, step(CLOUDEP_OPERATOR_RESUME));
    EFFECT("operator_member_resume of who waits", "UPDATE cloudep.members SET status = 'pending'",
           step(CLOUDEP_OPERATOR_RESUME));
    EFFECT("operator_member_delete", NULL, step(CLOUDEP_OPERATOR_DELETE));
    EFFECT("operator_member_delete again", "UPDATE cloudep.members SET status = 'deleting'",
           step(CLOUDEP_OPERATOR_DELETE));
    EFFECT("operator_member_delete of a suspended one", suspended, step(CLOUDEP_OPERATOR_DELETE));
    EFFECT("operator_member_delete of who waits", "UPDATE cloudep.members SET status = 'pending'",
           step(CLOUDEP_OPERATOR_DELETE));
    EFFECT("operator_member_delete of one that is reserved", "UPDATE cloudep.members SET status = 'reserved'",
           step(CLOUDEP_OPERATOR_DELETE));
    EFFECT("operator_member_suspend by email", NULL,
           cloudep_operator_member_step(owner, p, &done, &by_email, CLOUDEP_OPERATOR_SUSPEND));
    is_int(done.sessions_ended, 6, "as many sessions have ended as are told");
    EFFECT("operator_totp_reset", NULL, cloudep_operator_totp_reset(owner, p, &reset, &who, "box"));
    EFFECT("operator_totp_reset beside another's session",
           "UPDATE cloudep.sessions SET opened_with = 'totp' WHERE id = '" OTHERS_SESSION "'",
           cloudep_operator_totp_reset(owner, p, &reset, &who, "box"));
    EFFECT("operator_totp_reset of an enrolment under way", PENDING,
           cloudep_operator_totp_reset(owner, p, &reset, &by_email, "box"));
    EFFECT("operator_password_reset", NULL, cloudep_operator_password_reset(owner, p, &reset, &who, "box"));
    EFFECT("operator_password_reset where one is due",
           "UPDATE cloudep.members SET has_password = false, password_due = true",
           cloudep_operator_password_reset(owner, p, &reset, &by_email, NULL));
    EFFECT("operator_password_reset where there is none", "UPDATE cloudep.members SET has_password = false",
           cloudep_operator_password_reset(owner, p, &reset, &who, "box"));
    EFFECT("operator_password_reset of a suspended member", suspended,
           cloudep_operator_password_reset(owner, p, &reset, &who, "box"));
    EFFECT("operator_member_attributes", "UPDATE cloudep.members SET attributes = '{\"a\":1,\"b\":2}'" OF_MEMBER,
           attributes("{\"c\":3}", "a"));
    EFFECT("operator_session_revoke", NULL, end_sessions((cloudep_operator_selection_t){.own = SESSION}));
    EFFECT("operator_session_revoke of one that is over", NULL,
           end_sessions((cloudep_operator_selection_t){.own = OWN("6")}));
    EFFECT("operator_session_revoke of a member", NULL, end_sessions((cloudep_operator_selection_t){.uid = UID}));
    EFFECT("operator_session_revoke of all", "UPDATE cloudep.sessions SET expires_at = now() WHERE uid = '" OTHER "'",
           end_sessions((cloudep_operator_selection_t){.all = 1}));
    EFFECT("operator_lockout_clear", NULL,
           clear_lockouts((cloudep_operator_selection_t){.own = "password/" UID "/192.0.2.1"}));
    EFFECT("operator_lockout_clear of strangers", NULL,
           clear_lockouts((cloudep_operator_selection_t){.own = "password/" UID "/"}));
    EFFECT("operator_lockout_clear of a member", NULL, clear_lockouts((cloudep_operator_selection_t){.uid = UID}));
    EFFECT("operator_lockout_clear of all", NULL, clear_lockouts((cloudep_operator_selection_t){.all = 1}));
}

static void test_operator_rest(void)
{
    const cloudep_operator_new_member_t new = {TENANT, "added@example.com", "Added", "en", "box"};
    const cloudep_operator_new_member_t waits = {TENANT, "wait@example.com", NULL, NULL, NULL};
    cloudep_operator_invite_t invite;
    int count;

    /* Of a random uid: told as what is there then. */
    prepare(NULL);
    is_int(cloudep_operator_member_add(owner, p, &new), APR_SUCCESS, "an operator adds a member");
    is_str(value("SELECT concat_ws(' ', status, provider, has_password, password_due, ways_in, display_name, language)"
                 " FROM cloudep.members WHERE email = 'added@example.com'"),
           "active local f t 1 Added en", "who is active, and a first password is due");
    is_str(value("SELECT concat_ws(' ', outbox, channel, target, language, template,"
                 " round(extract(epoch FROM expires_at - now()) / 86400)) FROM cloudep.outbox"
                 " WHERE target = 'added@example.com'"),
           "box mail added@example.com en member_invitation 7", "which is told, for a week");
    prepare("UPDATE cloudep.tenants SET organization = 'org';"
            "UPDATE cloudep.members SET status = 'pending', email = 'wait@example.com'" OF_OTHER ";"
            "UPDATE cloudep.members SET status = 'pending', email = 'wait@example.com' WHERE tenant_id = '" ELSEWHERE
            "';"
            "UPDATE cloudep.members SET status = 'pending'" OF_MEMBER);
    is_int(cloudep_operator_member_add(owner, p, &waits), APR_SUCCESS, "in place of one who waits for a code");
    is_str(value("SELECT string_agg(status, ' ') FROM cloudep.members WHERE uid = '" UID "'"), "pending pending",
           "and of nobody else who does");
    is_str(value("SELECT string_agg(status || ' ' || provider, ', ' ORDER BY status) FROM cloudep.members" HERE
                 " AND (email = 'wait@example.com' OR uid = '" OTHER "')"),
           "active zitadel, deleting local", "who goes; with an organization the password is at ZITADEL");
    postgres_sql("UPDATE cloudep.tenants SET organization = NULL");
    is_int(cloudep_operator_member_add(owner, p, &waits), CLOUDEP_ECONFLICT, "nobody is added twice");
    EFFECT("operator_invite_add", NULL, cloudep_operator_invite_add(owner, p, &invite, TENANT, "NEW", 5, "600", NULL));
    EFFECT("operator_invite_add until a time", NULL,
           cloudep_operator_invite_add(owner, p, &invite, TENANT, "NEW", 5, NULL, "infinity"));
    EFFECT("operator_invite_revoke", NULL, cloudep_operator_invite_revoke(owner, p, &invite, TENANT, "CODE"));
    EFFECT("operator_invite_revoke again", "UPDATE cloudep.invites SET revoked_at = now() - interval '1 hour'",
           cloudep_operator_invite_revoke(owner, p, &invite, TENANT, "CODE"));
    EFFECT_EVERYWHERE("operator_outbox_retry",
                      "UPDATE cloudep.outbox SET next_attempt_at = now() + interval '10 minutes'",
                      cloudep_operator_outbox_retry(owner, p, &count, MESSAGE, 0, NULL));
    EFFECT_EVERYWHERE("operator_outbox_retry of what is in hand",
                      "UPDATE cloudep.outbox SET next_attempt_at = now() + interval '50 s'",
                      cloudep_operator_outbox_retry(owner, p, &count, NULL, 1, NULL));
    EFFECT_EVERYWHERE("operator_outbox_retry of what was given up",
                      "UPDATE cloudep.outbox SET failed_at = now(), next_attempt_at = now() + interval '10 minutes'",
                      cloudep_operator_outbox_retry(owner, p, &count, NULL, 1, NULL));
}

static int write_record(void)
{
    apr_file_t *file;

    if (apr_file_open(&file, postgres_path(p, RECORD), APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                      APR_FPROT_OS_DEFAULT, p) != APR_SUCCESS) {
        return 1;
    }
    return apr_file_puts(written, file) != APR_SUCCESS || apr_file_close(file) != APR_SUCCESS;
}

int main(int argc, const char *const *argv)
{
    start();
    postgres_sql(functions);
    postgres_sql("SET jit = off");
    owner = postgres_db(p, POSTGRES_OWNER);
    record = postgres_file(p, postgres_path(p, RECORD));
    test_sessions();
    test_listed();
    test_attributes();
    test_sweep();
    test_totp();
    test_links();
    test_undo_meanwhile();
    test_passkeys();
    test_passkey_use();
    test_accounts();
    test_passwords();
    test_addresses();
    test_members();
    test_unfinished();
    test_registration();
    test_meanwhile();
    test_passwords_elsewhere();
    test_attempts();
    test_owners();
    test_admissions();
    test_reads();
    test_outbox();
    test_waiting();
    test_budgets();
    test_judged();
    test_operator_members();
    test_operator_rest();
    if (argc > 1 && !strcmp(argv[1], "--write")) {
        return write_record();
    }
    return done_testing();
}
