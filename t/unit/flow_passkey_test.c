/*
 * flow_passkey_test.c - passkeys from the first to the last: added, named and removed, a login by one, one as second
 * factor, and as a proof anew; whose they are, what uses a challenge up and what gives it back.
 */
#include "authenticator.h"
#include "core/needs.h"
#include "core/passkey_domain.h"
#include "counted.h"
#include "flow.h"
#include "flow/login_second_factor.h"
#include "flow/passkey_login.h"
#include "flow/passkeys.h"
#include "flow/reauthentication.h"
#include "flow/undo.h"
#include "service/freshness.h"

#define SLUG "key"

static cloudep_principal_t again(flow_case_t *at, const cloudep_principal_t *who)
{
    return flow_principal(at, who->tenant_id, who->session_id, who->uid);
}

static cloudep_principal_t member(flow_case_t *at, const char *email)
{
    const cloudep_session_t *session;

    flow_member(at, SLUG, email, &session);
    return flow_principal(at, session->tenant_id, session->id, session->uid);
}

/* The member in another session, opened by the password. */
static cloudep_principal_t elsewhere(flow_case_t *at, const cloudep_principal_t *who)
{
    cloudep_login_result_t result;

    if (cloudep_failed(flow_login(at, SLUG, who->member->email, FLOW_PASSWORD, &result)) || !result.session) {
        flow_bail_out("no other session");
    }
    return flow_principal(at, who->tenant_id, result.session->id, who->uid);
}

/* Moves what the member proved an hour back. */
static cloudep_principal_t stale(flow_case_t *at, const cloudep_principal_t *who)
{
    free(postgres_value("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL,"
                        " mfa_at = NULL WHERE uid = $1::uuid",
                        who->uid, NULL));
    return again(at, who);
}

static void set(const cloudep_principal_t *who, const char *change)
{
    free(postgres_value(apr_pstrcat(flow.pool, "UPDATE cloudep.members SET ", change, " WHERE uid = $1::uuid", NULL),
                        who->uid, NULL));
}

static cloudep_passkey_start_t begin(flow_case_t *at, const cloudep_principal_t *who)
{
    cloudep_passkey_start_t start = {0};

    if (cloudep_failed(cloudep_start_passkey(at->ctx, who, &start))) {
        flow_bail_out("a passkey was not begun");
    }
    return start;
}

static cloudep_outcome_t finish(flow_case_t *at, const cloudep_principal_t *who, const cloudep_passkey_start_t *start,
                                authenticator_t *with, const char *name, const char **id)
{
    const cloudep_passkey_finish_t in = {.challenge_id = start->options.challenge_id,
                                         .name = name,
                                         .credential = authenticator_create(at->p, with, &start->options)};

    with->user_handle = start->user_handle;
    return cloudep_finish_passkey(at->ctx, who, &in, id);
}

/* A passkey of the member. Returns its id. */
static const char *added(flow_case_t *at, const cloudep_principal_t *who, authenticator_t *with)
{
    const cloudep_passkey_start_t start = begin(at, who);
    const char *id = NULL;

    if (cloudep_failed(finish(at, who, &start, with, NULL, &id))) {
        flow_bail_out("a passkey was not added");
    }
    return id;
}

/* ---- adding ---- */

static void test_start(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "start@key.test");
    const cloudep_principal_t gone = {.tenant_id = who.tenant_id, .uid = who.uid, .session_id = who.session_id};
    cloudep_passkey_start_t start = {0};
    const char *handle;

    is_outcome(cloudep_start_passkey(at->ctx, &gone, &start), CLOUDEP_SUBJECT_GONE, "a member who is gone adds none");
    is_outcome(cloudep_start_passkey(at->ctx, &who, &start), CLOUDEP_DONE, "a passkey is begun");
    is_str(start.rp_name, "Tenant key", "of the tenant's name");
    is_str(start.user_name, "start@key.test (Tenant key)", "of the address and the tenant");
    is_str(start.display_name, "Somebody", "and the member's name");
    is_str(start.options.rp_id, AUTHENTICATOR_RP, "for the domain");
    is_int(start.options.expires_in, flow.config.code_lifetime, "for as long as a code lives");
    is_int(strlen(start.user_handle), 43, "the handle has 256 bits");
    handle = start.user_handle;
    set(&who, "display_name = NULL");
    who = again(at, &who);
    is_outcome(cloudep_start_passkey(at->ctx, &who, &start), CLOUDEP_DONE, "and another");
    is_str(start.user_handle, handle, "the handle stays");
    is_str(start.display_name, "start@key.test", "who has no name is called by the address");
    who = stale(at, &who);
    is_outcome(cloudep_start_passkey(at->ctx, &who, &start), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof begins none");
    flow_end(at);
}

static void test_add(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "add@key.test");
    const cloudep_principal_t other = member(at, "other@key.test");
    const cloudep_principal_t session = elsewhere(at, &who);
    const cloudep_principal_t gone = {.tenant_id = who.tenant_id, .uid = who.uid, .session_id = who.session_id};
    const cloudep_principal_t without = {.tenant_id = who.tenant_id, .uid = who.uid, .member = who.member};
    const cloudep_principal_t others = {.tenant_id = who.tenant_id, .uid = other.uid, .member = other.member};
    authenticator_t key = authenticator(1);
    authenticator_t second = authenticator(2);
    cloudep_passkey_start_t start = begin(at, &without);
    cloudep_principal_t later;
    const char *id = NULL;

    is_outcome(finish(at, &others, &start, &second, NULL, &id), CLOUDEP_CHALLENGE_MISMATCH,
               "another member does not finish it, where neither has a session");
    start = begin(at, &who);
    is_outcome(finish(at, &gone, &start, &key, NULL, &id), CLOUDEP_SUBJECT_GONE, "a member who is gone finishes none");
    is_outcome(finish(at, &session, &start, &key, NULL, &id), CLOUDEP_CHALLENGE_MISMATCH,
               "another session of the member does not finish it");
    is_outcome(finish(at, &other, &start, &key, NULL, &id), CLOUDEP_CHALLENGE_MISMATCH, "nor does another member");
    is_outcome(finish(at, &who, &start, &key, NULL, &id), CLOUDEP_DONE, "the session that began it does");
    is_value("Passkey 2 1", "the passkey has the usual name, is a way in and a change of credentials",
             "SELECT concat_ws(' ', k.name, m.ways_in, m.generation) FROM cloudep.passkeys k"
             " JOIN cloudep.members m USING (tenant_id, uid) WHERE k.id = $1::uuid",
             id);
    is_value("1", "one mail with a link tells of it",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'add@key.test' AND template = 'passkey_added_undo'");
    is_str(flow_param(at, "add@key.test", "passkey_added_undo", "name"), "Passkey", "by the passkey's name");
    is_outcome(finish(at, &who, &start, &second, NULL, &id), CLOUDEP_CHALLENGE_GONE, "one start adds one passkey");
    later = again(at, &who);
    start = begin(at, &later);
    is_int(start.options.passkeys->nelts, 1, "the next start names the one that there is");
    set(&who, "generation = generation + 1");
    later = again(at, &who);
    is_outcome(finish(at, &later, &start, &second, "Laptop", &id), CLOUDEP_CREDENTIALS_CHANGED,
               "a proof from before the credentials changed adds none");
    flow_end(at);
}

static void test_add_refused(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "refused@key.test");
    cloudep_principal_t other = member(at, "taker@key.test");
    authenticator_t key = authenticator(3);
    authenticator_t second = authenticator(4);
    cloudep_passkey_start_t start, another;
    const char *id = added(at, &who, &key);

    start = begin(at, &other);
    is_outcome(finish(at, &other, &start, &key, NULL, &id), CLOUDEP_PASSKEY_TAKEN, "a passkey is one member's only");
    start = begin(at, &other);
    another = begin(at, &other);
    another.options.challenge_id = start.options.challenge_id;
    is_outcome(finish(at, &other, &another, &second, NULL, &id), CLOUDEP_PASSKEY_REFUSED,
               "what was made for another challenge");
    is_outcome(finish(at, &other, &start, &second, NULL, &id), CLOUDEP_CHALLENGE_GONE, "uses this one up");
    start = begin(at, &other);
    flow_revoke("INSERT ON cloudep.passkeys");
    is_outcome(finish(at, &other, &start, &second, NULL, &id), CLOUDEP_DATABASE_FAILED,
               "one that the database cannot store");
    flow_grant("INSERT ON cloudep.passkeys");
    is_outcome(finish(at, &other, &start, &second, "Laptop", &id), CLOUDEP_DONE, "is finished once the database can");
    is_value("Laptop", "and has the name that it was given", "SELECT name FROM cloudep.passkeys WHERE id = $1::uuid",
             id);
    flow_end(at);
}

static void test_most(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "most@key.test");
    cloudep_passkey_start_t start = {0};

    free(postgres_value("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count,"
                        " backup_eligible, backed_up, aaguid, name)"
                        " SELECT $1::uuid, $2::uuid, gen_random_uuid(), 'AA', -7, 0, false, false,"
                        " '00000000-0000-0000-0000-000000000000', 'Key' FROM generate_series(1, 19)",
                        who.tenant_id, who.uid, NULL));
    is_outcome(cloudep_start_passkey(at->ctx, &who, &start), CLOUDEP_DONE, "a twentieth passkey may be begun");
    free(postgres_value("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count,"
                        " backup_eligible, backed_up, aaguid, name)"
                        " VALUES ($1::uuid, $2::uuid, gen_random_uuid(), 'AA', -7, 0, false, false,"
                        " '00000000-0000-0000-0000-000000000000', 'Key')",
                        who.tenant_id, who.uid, NULL));
    is_outcome(cloudep_start_passkey(at->ctx, &who, &start), CLOUDEP_TOO_MANY_PASSKEYS, "a twenty-first may not");
    flow_end(at);
}

/* What the authenticator says of a new key. */
static void test_kept(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "kept@key.test");
    const cloudep_passkey_start_t start = begin(at, &who);
    authenticator_t key = authenticator(20);
    const char *id = NULL;

    for (size_t i = 0; i < sizeof(key.aaguid); i++) {
        key.aaguid[i] = (unsigned char)i;
    }
    key.flags |= AUTHENTICATOR_BE | AUTHENTICATOR_BS;
    key.transports = "usb nfc";
    key.count = 7;
    is_outcome(finish(at, &who, &start, &key, NULL, &id), CLOUDEP_DONE, "a key that was copied already is added");
    is_str(at->ctx->note.method, "passkey", "the event says that it was a passkey");
    is_value("FBQUFBQUFBQUFBQUFBQUFA -7 00010203-0405-0607-0809-0a0b0c0d0e0f usb,nfc 7 true true",
             "what it is, how it is reached and what it has counted is kept",
             "SELECT concat_ws(' ', credential_id, algorithm, aaguid, array_to_string(transports, ','), sign_count,"
             " backup_eligible::text, backed_up::text) FROM cloudep.passkeys WHERE id = $1::uuid",
             id);
    flow_end(at);
}

/* What is no answer, or none of a key that somebody held. */
static void test_made_wrong(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "wrong@key.test");
    cloudep_passkey_start_t start = begin(at, &who);
    authenticator_t key = authenticator(21);
    cloudep_passkey_finish_t in = {.challenge_id = start.options.challenge_id};
    const char *id = NULL;

    in.credential = authenticator_create(at->p, &key, &start.options);
    in.credential.client_data = "a+b=";
    is_invalid(cloudep_finish_passkey(at->ctx, &who, &in, &id),
               offsetof(cloudep_passkey_finish_t, credential) + offsetof(cloudep_passkey_attestation_t, client_data),
               CLOUDEP_RULE_FORMAT, "client data that is no base64url");
    start = begin(at, &who);
    in.challenge_id = start.options.challenge_id;
    in.credential = authenticator_create(at->p, &key, &start.options);
    in.credential.attestation_object = "a+b=";
    is_invalid(cloudep_finish_passkey(at->ctx, &who, &in, &id),
               offsetof(cloudep_passkey_finish_t, credential) +
                   offsetof(cloudep_passkey_attestation_t, attestation_object),
               CLOUDEP_RULE_FORMAT, "an attestation that is no base64url");
    start = begin(at, &who);
    key.flags = AUTHENTICATOR_UP;
    (void)flow_logged("");
    is_outcome(finish(at, &who, &start, &key, NULL, &id), CLOUDEP_PASSKEY_REFUSED,
               "a key whose authenticator has verified nobody");
    ok(flow_logged("CE1410: a new passkey refused: "), "the log says that it was refused");
    flow_end(at);
}

/* ---- those that are there ---- */

static cloudep_outcome_t rename_to(flow_case_t *at, const cloudep_principal_t *who, const char *id, const char *name)
{
    return cloudep_rename_passkey(at->ctx, who, &(cloudep_passkey_name_t){.id = id, .name = name});
}

static cloudep_outcome_t take_off(flow_case_t *at, const cloudep_principal_t *who, const char *id)
{
    return cloudep_remove_passkey(at->ctx, who, &(cloudep_passkey_id_t){.id = id});
}

static void test_list(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "list@key.test");
    const cloudep_principal_t other = member(at, "neighbour@key.test");
    const cloudep_principal_t gone = {.tenant_id = who.tenant_id, .uid = who.uid, .session_id = who.session_id};
    authenticator_t key = authenticator(5);
    cloudep_passkey_list_t list = {0};
    const char *id = added(at, &who, &key);

    who = again(at, &who);
    is_outcome(cloudep_list_passkeys(at->ctx, &who, &list), CLOUDEP_DONE, "passkeys are listed");
    is_int(list.passkeys->nelts, 1, "all of them");
    is_str(list.rp_id, AUTHENTICATOR_RP, "with the domain");
    is_str(list.user_handle, key.user_handle, "and the member's handle");
    is_outcome(cloudep_list_passkeys(at->ctx, &other, &list), CLOUDEP_DONE, "those of the neighbour");
    is_int(list.passkeys->nelts, 0, "are none");
    is_outcome(rename_to(at, &other, id, "Mine"), CLOUDEP_PASSKEY_UNKNOWN, "another member's passkey is not named");
    is_outcome(rename_to(at, &who, "no id", "Mine"), CLOUDEP_PASSKEY_UNKNOWN, "nor is what is no id");
    is_outcome(rename_to(at, &who, id, "Mine"), CLOUDEP_DONE, "one's own is named");
    is_value("Mine", "as was asked", "SELECT name FROM cloudep.passkeys WHERE id = $1::uuid", id);
    is_outcome(take_off(at, &other, id), CLOUDEP_PASSKEY_UNKNOWN, "another member's passkey is not removed");
    is_outcome(take_off(at, &gone, id), CLOUDEP_SUBJECT_GONE, "a member who is gone removes none");
    who = stale(at, &who);
    is_outcome(take_off(at, &who, id), CLOUDEP_FRESH_PROOF_NEEDED, "nor does an old proof");
    free(postgres_value("UPDATE cloudep.sessions SET auth_time = now() WHERE uid = $1::uuid", who.uid, NULL));
    who = again(at, &who);
    is_outcome(take_off(at, &who, id), CLOUDEP_DONE, "a fresh one does");
    is_str(flow_param(at, "list@key.test", "passkey_removed", "name"), "Mine", "and a mail tells which");
    flow_end(at);
}

/* The link that undoes the adding. */
static void test_undo(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "undo@key.test");
    authenticator_t key = authenticator(6);
    const char *id = added(at, &who, &key);
    const char *url = flow_param(at, "undo@key.test", "passkey_added_undo", "link");
    const char *token = strstr(url, "undo=") ? strstr(url, "undo=") + strlen("undo=") : "";

    is_outcome(cloudep_undo(at->ctx, &(cloudep_undo_t){.token = token}), CLOUDEP_DONE, "the mailed link");
    is_value("0", "takes the passkey away", "SELECT count(*) FROM cloudep.passkeys WHERE id = $1::uuid", id);
    is_value("1", "and a mail tells that it was a passkey",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'undo@key.test' AND template = 'passkey_undone'");
    flow_end(at);
}

/* ---- a login ---- */

static cloudep_passkey_options_t asked(flow_case_t *at)
{
    cloudep_passkey_options_t options = {0};

    if (cloudep_failed(
            cloudep_start_passkey_login(at->ctx, &(cloudep_passkey_entry_t){.tenant_slug = SLUG}, &options))) {
        flow_bail_out("no login was begun");
    }
    return options;
}

static cloudep_outcome_t log_in(flow_case_t *at, const char *slug, const char *challenge_id,
                                const cloudep_passkey_assertion_t *credential, const cloudep_session_t **session)
{
    const cloudep_passkey_login_t in = {.tenant_slug = slug, .challenge_id = challenge_id, .credential = *credential};

    *session = NULL;
    return cloudep_passkey_log_in(at->ctx, &in, session);
}

/* From start to end. */
static cloudep_outcome_t logged_in(flow_case_t *at, authenticator_t *with, const cloudep_session_t **session)
{
    const cloudep_passkey_options_t options = asked(at);
    const cloudep_passkey_assertion_t answer = authenticator_get(at->p, with, &options);

    return log_in(at, SLUG, options.challenge_id, &answer, session);
}

static void test_login(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "login@key.test");
    authenticator_t key = authenticator(7);
    const char *id = added(at, &who, &key);
    cloudep_passkey_options_t options = asked(at);
    cloudep_passkey_assertion_t answer = authenticator_get(at->p, &key, &options);
    const cloudep_session_t *session;
    const int before = flow.config.sessions_per_member;

    ok(!options.passkeys, "a login names no passkeys");
    is_outcome(log_in(at, "elsewhere", options.challenge_id, &answer, &session), CLOUDEP_CHALLENGE_MISMATCH,
               "a challenge of another tenant");
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_DONE, "a passkey logs in");
    if (!session) {
        flow_bail_out("no session");
    }
    is_str(session->uid, who.uid, "whose it is");
    is_value(apr_pstrcat(at->p, "pop user mfa passkey passkey:", id, " true", NULL),
             "the session has what it was, which factor and which credential",
             "SELECT concat_ws(' ', amr, mfa_method, opened_with, (mfa_at IS NOT NULL)::text) FROM cloudep.sessions"
             " WHERE id = $1::uuid",
             session->id);
    is_value("1 true", "the use is written down",
             "SELECT sign_count || ' ' || (last_used_at IS NOT NULL) FROM cloudep.passkeys WHERE id = $1::uuid", id);
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_CHALLENGE_GONE, "once");
    flow.config.sessions_per_member = 1;
    is_outcome(logged_in(at, &key, &session), CLOUDEP_DONE, "where one session may be");
    is_value("1", "the others end", "SELECT count(*) FROM cloudep.sessions WHERE uid = $1::uuid AND revoked_at IS NULL",
             who.uid);
    flow.config.sessions_per_member = before;
    is_outcome(
        take_off(at, &(cloudep_principal_t){.tenant_id = who.tenant_id, .uid = who.uid, .member = who.member}, id),
        CLOUDEP_DONE, "the passkey is removed");
    is_value("0", "with the session that it has opened",
             "SELECT count(*) FROM cloudep.sessions WHERE id = $1::uuid AND revoked_at IS NULL", session->id);
    is_outcome(logged_in(at, &key, &session), CLOUDEP_PASSKEY_UNKNOWN, "and logs nobody in any more");
    flow_end(at);
}

/* Keys of each kind that is asked for. */
static void test_algorithms(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "kinds@key.test");
    authenticator_t keys[] = {authenticator_with(30, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")),
                              authenticator_with(31, EVP_RSA_gen(2048))};
    static const char *const names[] = {"-8", "-257"};
    const cloudep_session_t *session;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *id = added(at, &who, &keys[i]);

        is_value(names[i], "a key of another algorithm is added",
                 "SELECT algorithm FROM cloudep.passkeys WHERE id = $1::uuid", id);
        is_outcome(logged_in(at, &keys[i], &session), CLOUDEP_DONE, "and logs in");
        who = again(at, &who);
    }
    flow_end(at);
}

static void test_login_refused(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "denied@key.test");
    authenticator_t key = authenticator(8);
    cloudep_passkey_options_t options, other;
    cloudep_passkey_assertion_t answer;
    const cloudep_session_t *session;

    (void)added(at, &who, &key);
    options = asked(at);
    other = asked(at);
    answer = authenticator_get(at->p, &key, &other);
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_PASSKEY_REFUSED,
               "what was signed for another challenge");
    ok(!session, "opens nothing");
    answer = authenticator_get(at->p, &key, &options);
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_CHALLENGE_GONE,
               "and uses this one up");
    options = asked(at);
    answer = authenticator_get(at->p, &key, &options);
    flow_revoke("INSERT ON cloudep.sessions");
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_DATABASE_FAILED,
               "a login that the database cannot store");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_DONE, "is one once it can");
    set(&who, "status = 'suspended'");
    is_outcome(logged_in(at, &key, &session), CLOUDEP_SUSPENDED, "a suspended member");
    set(&who, "status = 'active'");
    options = asked(at);
    answer = authenticator_get(at->p, &key, &options);
    postgres_sql("UPDATE cloudep.tenants SET login = false WHERE slug = '" SLUG "'");
    is_outcome(log_in(at, SLUG, options.challenge_id, &answer, &session), CLOUDEP_TENANT_CLOSED,
               "a tenant that has closed meanwhile");
    is_outcome(cloudep_start_passkey_login(at->ctx, &(cloudep_passkey_entry_t){.tenant_slug = SLUG}, &options),
               CLOUDEP_TENANT_CLOSED, "where no login is begun either");
    postgres_sql("UPDATE cloudep.tenants SET login = true WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* A counter that went back: somebody else has the key. */
static void test_copied(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "copied@key.test");
    authenticator_t key = authenticator(9);
    const cloudep_session_t *session;

    (void)added(at, &who, &key);
    key.count = 41;
    is_outcome(logged_in(at, &key, &session), CLOUDEP_DONE, "a counter that goes on");
    key.count = 41;
    is_outcome(logged_in(at, &key, &session), CLOUDEP_PASSKEY_COPIED, "one that stands still");
    ok(!session, "opens nothing");
    is_value("1", "and is told by mail",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'copied@key.test' AND template = 'passkey_copied'");
    flow_end(at);
}

/* Of a key that may be copied a counter that stands still means nothing, and one that went back is told. */
static void test_counters(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "counter@key.test");
    authenticator_t copied = authenticator(22);
    authenticator_t one = authenticator(23);
    const cloudep_session_t *session;
    const char *id;

    copied.flags |= AUTHENTICATOR_BE;
    id = added(at, &who, &copied);
    copied.flags |= AUTHENTICATOR_BS;
    copied.count = 41;
    at->ctx->note.uid = at->ctx->note.method = NULL;
    is_outcome(logged_in(at, &copied, &session), CLOUDEP_DONE, "a key that may be copied logs in");
    is_str(at->ctx->note.uid, who.uid, "the event is about its member");
    is_str(at->ctx->note.method, "passkey", "by a passkey");
    is_value("42 true", "how often it was used, and that it is copied, is written down",
             "SELECT sign_count || ' ' || backed_up FROM cloudep.passkeys WHERE id = $1::uuid", id);
    copied.count = 41;
    (void)flow_logged("");
    is_outcome(logged_in(at, &copied, &session), CLOUDEP_DONE, "as it does with a counter that stands still");
    ok(!flow_logged("CE1412"), "which is not told");
    is_value("0", "to nobody",
             "SELECT count(*) FROM cloudep.outbox WHERE target = 'counter@key.test'"
             " AND template = 'passkey_copied'");
    copied.count = 11;
    (void)flow_logged("");
    is_outcome(logged_in(at, &copied, &session), CLOUDEP_DONE, "and with one that went back");
    ok(flow_logged("{\"event\":\"passkey.counter\",\"result\":\"success\",\"outcome\":\"went back\""),
       "which is an event");
    is_str(flow_param(at, "counter@key.test", "passkey_copied", "name"), "Passkey", "and is told by mail, by its name");
    who = again(at, &who);
    (void)added(at, &who, &one);
    one.count = 41;
    is_outcome(logged_in(at, &one, &session), CLOUDEP_DONE, "a key that cannot be copied");
    one.count = 11;
    (void)flow_logged("");
    is_outcome(logged_in(at, &one, &session), CLOUDEP_PASSKEY_COPIED, "logs in no more when its counter went back");
    ok(flow_logged("\"event\":\"passkey.counter\",\"result\":\"failure\",\"outcome\":\"went back\","
                   "\"reason\":\"passkey_copied\""),
       "which is an event, too");
    one.count = 42;
    (void)flow_logged("");
    is_outcome(logged_in(at, &one, &session), CLOUDEP_DONE, "it does when it goes on");
    ok(!flow_logged("passkey.counter"), "without an event of that");
    flow_end(at);
}

/* ---- whose it is, and what is no answer ---- */

static cloudep_outcome_t log_in_with(flow_case_t *at, authenticator_t *with, apr_size_t part, const char *value)
{
    const cloudep_passkey_options_t options = asked(at);
    cloudep_passkey_assertion_t answer = authenticator_get(at->p, with, &options);
    const cloudep_session_t *session;

    *(const char **)((char *)&answer + part) = value;
    return log_in(at, SLUG, options.challenge_id, &answer, &session);
}

#define PART(member) offsetof(cloudep_passkey_assertion_t, member)

static void test_parts(void)
{
    static const apr_size_t parts[] = {PART(id), PART(client_data), PART(authenticator_data), PART(signature),
                                       PART(user_handle)};
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "parts@key.test");
    const apr_size_t field = offsetof(cloudep_passkey_login_t, credential);
    authenticator_t key = authenticator(24);
    cloudep_passkey_options_t other;
    cloudep_outcome_t outcome;

    (void)added(at, &who, &key);
    for (size_t i = 0; i < 5; i++) {
        const cloudep_passkey_assertion_t none = {0};
        cloudep_passkey_assertion_t all = {.id = "a", .client_data = "a", .authenticator_data = "a", .signature = "a"};
        cloudep_passkey_assertion_t alone = {0};

        *(const char **)((char *)&alone + parts[i]) = "a";
        *(const char **)((char *)&all + parts[i]) = NULL;
        ok(!cloudep_passkey_is_given(&none) && cloudep_passkey_is_given(&alone), "part %d is an answer begun", (int)i);
        outcome = cloudep_passkey_check_parts(&all, field);
        ok(i == 4 ? !cloudep_failed(outcome)
                  : outcome.reason == CLOUDEP_FIELD_MISSING && outcome.field == field + parts[i],
           "and %s", i == 4 ? "may be left out" : "is required");
    }
    for (size_t i = 1; i < 4; i++) {
        is_invalid(log_in_with(at, &key, parts[i], "a+b="), field + parts[i], CLOUDEP_RULE_FORMAT,
                   "one that is no base64url");
    }
    other = asked(at);
    is_outcome(log_in_with(at, &key, PART(signature), authenticator_get(at->p, &key, &other).signature),
               CLOUDEP_PASSKEY_REFUSED, "a signature of something else");
    outcome = log_in_with(at, &key, PART(user_handle), NULL);
    ok(outcome.reason == CLOUDEP_FIELD_MISSING && outcome.field == field + PART(user_handle),
       "a login has to say whose the passkey is");
    key.flags = AUTHENTICATOR_UP;
    (void)flow_logged("");
    is_outcome(log_in_with(at, &key, PART(user_handle), key.user_handle), CLOUDEP_PASSKEY_REFUSED,
               "nobody gets in whom the authenticator has not verified");
    ok(flow_logged("CE1410: a passkey refused: "), "the log says that it was refused");
    key.flags |= AUTHENTICATOR_UV;
    free(postgres_value("UPDATE cloudep.passkeys SET spki = 'a+b=' WHERE uid = $1::uuid", who.uid, NULL));
    is_outcome(log_in_with(at, &key, PART(user_handle), key.user_handle), CLOUDEP_INTERNAL_ERROR,
               "a stored key that is none is no fault of the member");
    flow_end(at);
}

static void test_whose(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "whose@key.test");
    const cloudep_principal_t other = member(at, "whose-not@key.test");
    authenticator_t key = authenticator(25);
    authenticator_t others = authenticator(26);
    cloudep_passkey_options_t options;
    cloudep_passkey_assertion_t answer;
    const cloudep_session_t *session;

    (void)added(at, &who, &key);
    (void)added(at, &other, &others);
    at->ctx->note.uid = NULL;
    (void)flow_logged("");
    is_outcome(log_in_with(at, &key, PART(user_handle), others.user_handle), CLOUDEP_PASSKEY_UNKNOWN,
               "a passkey with the handle of another member");
    ok(flow_logged("CE1411"), "which the log tells");
    ok(!at->ctx->note.uid, "and which is about nobody");
    is_outcome(log_in_with(at, &key, PART(id), "AAAA"), CLOUDEP_PASSKEY_UNKNOWN, "a passkey that nobody has");
    if (cloudep_failed(
            cloudep_start_passkey_login(at->ctx, &(cloudep_passkey_entry_t){.tenant_slug = "elsewhere"}, &options))) {
        flow_bail_out("no login was begun");
    }
    answer = authenticator_get(at->p, &key, &options);
    is_outcome(log_in(at, "elsewhere", options.challenge_id, &answer, &session), CLOUDEP_PASSKEY_UNKNOWN,
               "a passkey of another tenant");
    flow.config.passkey_starts_per_address = 1;
    at->ctx->network = "192.0.2.99";
    (void)asked(at);
    is_outcome(cloudep_start_passkey_login(at->ctx, &(cloudep_passkey_entry_t){.tenant_slug = SLUG}, &options),
               CLOUDEP_TOO_MANY_STARTS, "more logins are begun by a network than CloudEPPasskeyStartsPerAddress");
    flow.config.passkey_starts_per_address = 1000;
    flow_revoke("SELECT ON cloudep.passkeys");
    is_outcome(log_in_with(at, &key, PART(user_handle), key.user_handle), CLOUDEP_DATABASE_FAILED,
               "a passkey that cannot be looked up is not unknown");
    flow_grant("SELECT ON cloudep.passkeys");
    flow_end(at);
}

/* ---- as second factor ---- */

static cloudep_login_result_t first_factor(flow_case_t *at, const char *email)
{
    cloudep_login_result_t result;

    if (cloudep_failed(flow_login(at, SLUG, email, FLOW_PASSWORD, &result)) || !result.mfa_challenge_id) {
        flow_bail_out("a login did not ask for the second factor");
    }
    return result;
}

static void enrol_totp(const cloudep_principal_t *who)
{
    free(postgres_value("INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at)"
                        " VALUES ($1::uuid, $2::uuid, 's', now() - interval '1 day')",
                        who->tenant_id, who->uid, NULL));
}

static cloudep_outcome_t second_factor(flow_case_t *at, const char *challenge_id, const char *code,
                                       const cloudep_passkey_assertion_t *credential, const cloudep_session_t **session)
{
    const cloudep_login_factor_t in = {
        .tenant_slug = SLUG, .challenge_id = challenge_id, .code = code, .credential = *credential};

    *session = NULL;
    return cloudep_login_second_factor(at->ctx, &in, session);
}

static void test_second_factor(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_principal_t who = member(at, "mfa@key.test");
    const cloudep_principal_t other = member(at, "friend@key.test");
    authenticator_t key = authenticator(10);
    authenticator_t friends = authenticator(11);
    cloudep_login_result_t begun, another;
    cloudep_passkey_assertion_t answer;
    const cloudep_session_t *session;

    (void)added(at, &other, &friends);
    enrol_totp(&who);
    ok(!first_factor(at, "mfa@key.test").passkey, "whoever has no passkey is not asked for one");
    (void)added(at, &who, &key);
    begun = first_factor(at, "mfa@key.test");
    another = first_factor(at, "mfa@key.test");
    if (!begun.passkey || !another.passkey) {
        flow_bail_out("no passkey was asked for");
    }
    is_int(begun.passkey->passkeys->nelts, 1, "whoever has one is");
    answer = authenticator_get(at->p, &friends, begun.passkey);
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_PASSKEY_UNKNOWN,
               "another member's passkey");
    answer = authenticator_get(at->p, &key, begun.passkey);
    answer.user_handle = friends.user_handle;
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_PASSKEY_UNKNOWN,
               "one's own that says it is another member's");
    answer = authenticator_get(at->p, &key, begun.passkey);
    is_outcome(second_factor(at, begun.mfa_challenge_id, "123456", &answer, &session), CLOUDEP_FIELD_INVALID,
               "a code beside it");
    flow.config.off |= CLOUDEP_NEEDS_PASSKEYS;
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_NOT_CONFIGURED,
               "where there are no passkeys");
    ok(!first_factor(at, "mfa@key.test").passkey, "none is asked for there");
    flow.config.off &= ~(unsigned)CLOUDEP_NEEDS_PASSKEYS;
    answer.signature = NULL;
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_FIELD_MISSING,
               "a part of it alone");
    answer = authenticator_get(at->p, &key, another.passkey);
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_PASSKEY_REFUSED,
               "one that was signed for another login");
    answer = authenticator_get(at->p, &key, begun.passkey);
    answer.user_handle = NULL;
    flow_revoke("INSERT ON cloudep.sessions");
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_DATABASE_FAILED,
               "a session that cannot be stored");
    flow_grant("INSERT ON cloudep.sessions");
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_DONE,
               "after all of these the passkey, which need not say whose it is");
    is_value("pwd pop user mfa passkey password", "the session has both factors and what opened it",
             "SELECT concat_ws(' ', amr, mfa_method, opened_with) FROM cloudep.sessions WHERE id = $1::uuid",
             session->id);
    is_outcome(second_factor(at, begun.mfa_challenge_id, NULL, &answer, &session), CLOUDEP_CHALLENGE_GONE, "once");
    flow_end(at);
}

/* ---- as a proof anew ---- */

static const cloudep_reauthentication_start_t by_passkey = {.method = CLOUDEP_REAUTHENTICATE_BY_PASSKEY};
static const cloudep_reauthentication_start_t by_code = {.method = CLOUDEP_REAUTHENTICATE_BY_CODE};

static cloudep_outcome_t prove(flow_case_t *at, const cloudep_principal_t *who, authenticator_t *with,
                               const cloudep_reauthentication_challenge_t *challenge, const char *challenge_id)
{
    cloudep_reauthentication_t in = {.challenge_id = challenge_id};

    if (!challenge->passkey) {
        flow_bail_out("no passkey was asked for");
    }
    in.credential = authenticator_get(at->p, with, challenge->passkey);
    return cloudep_reauthenticate(at->ctx, who, &in);
}

static void test_proof(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "proof@key.test");
    cloudep_principal_t session = elsewhere(at, &who);
    const cloudep_principal_t other = member(at, "stranger@key.test");
    authenticator_t key = authenticator(12);
    cloudep_reauthentication_challenge_t challenge = {0};
    cloudep_reauthentication_challenge_t another = {0};

    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_passkey, &challenge), CLOUDEP_PASSKEY_UNKNOWN,
               "whoever has no passkey is not asked for one");
    (void)added(at, &who, &key);
    set(&who, "has_password = false");
    who = stale(at, &who);
    session = again(at, &session);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "an hour later nothing is fresh");
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_MAILED_CODE_REFUSED,
               "whoever has a passkey gets no code");
    flow.config.off |= CLOUDEP_NEEDS_PASSKEYS;
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_code, &challenge), CLOUDEP_DONE,
               "but where there are no passkeys");
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_passkey, &challenge), CLOUDEP_NOT_CONFIGURED,
               "where none is asked for");
    flow.config.off &= ~(unsigned)CLOUDEP_NEEDS_PASSKEYS;
    is_outcome(cloudep_start_reauthentication(at->ctx, &who, &by_passkey, &challenge), CLOUDEP_DONE, "it is asked for");
    (void)cloudep_start_reauthentication(at->ctx, &who, &by_passkey, &another);
    is_int(challenge.passkey ? challenge.passkey->passkeys->nelts : 0, 1, "by its name");
    is_outcome(prove(at, &session, &key, &challenge, challenge.challenge_id), CLOUDEP_CHALLENGE_MISMATCH,
               "it proves no other session of the member");
    is_outcome(prove(at, &other, &key, &challenge, challenge.challenge_id), CLOUDEP_CHALLENGE_MISMATCH,
               "nor another member");
    flow_revoke("UPDATE ON cloudep.sessions");
    is_outcome(prove(at, &who, &key, &challenge, challenge.challenge_id), CLOUDEP_DATABASE_FAILED,
               "what cannot be stored");
    flow_grant("UPDATE ON cloudep.sessions");
    is_outcome(prove(at, &who, &key, &challenge, challenge.challenge_id), CLOUDEP_DONE, "is proved once it can");
    is_outcome(prove(at, &who, &key, &challenge, challenge.challenge_id), CLOUDEP_CHALLENGE_GONE, "once");
    who = again(at, &who);
    is_outcome(cloudep_require_fresh(at->ctx, &who), CLOUDEP_DONE, "and is fresh");
    is_value("passkey", "by a second factor", "SELECT mfa_method FROM cloudep.sessions WHERE id = $1::uuid",
             who.session_id);
    is_value("true", "but the other session is not",
             "SELECT (mfa_at IS NULL AND fresh_at IS NULL)::text FROM cloudep.sessions WHERE id = $1::uuid",
             session.session_id);
    (void)cloudep_start_reauthentication(at->ctx, &who, &by_passkey, &challenge);
    is_outcome(prove(at, &who, &key, &another, challenge.challenge_id), CLOUDEP_PASSKEY_REFUSED,
               "one that was signed for another proof");
    is_outcome(prove(at, &who, &key, &challenge, challenge.challenge_id), CLOUDEP_CHALLENGE_GONE,
               "uses this challenge up");
    free(postgres_value("UPDATE cloudep.sessions SET revoked_at = now() WHERE id = $1::uuid", who.session_id, NULL));
    is_outcome(prove(at, &who, &key, &another, another.challenge_id), CLOUDEP_TOKEN_INVALID,
               "a session that has ended meanwhile");
    flow_end(at);
}

int main(void)
{
    const char *error = NULL;

    flow_start();
    (void)count_in(256);
    flow_tenant(SLUG);
    flow_tenant("elsewhere");
    flow.config.freshness = 900;
    flow.config.code_lifetime = 540;
    flow.config.account_url = "https://id.test/account/";
    flow.config.passkey_domain = AUTHENTICATOR_RP;
    flow_must(cloudep_passkey_domain_prepare(NULL, &flow.config, flow.pool, &error), error ? error : "the domain");
    test_start();
    test_add();
    test_add_refused();
    test_most();
    test_kept();
    test_made_wrong();
    test_list();
    test_undo();
    test_login();
    test_algorithms();
    test_login_refused();
    test_copied();
    test_counters();
    test_parts();
    test_whose();
    test_second_factor();
    test_proof();
    return done_testing();
}
