/*
 * flow_ways_in_test.c - linked accounts, passkeys and the login phone: added, taken over and removed, by crowds too;
 * the last way in stays.
 */
#include "self_service.h"
#include "flow/linked_account.h"
#include "flow/login_phone.h"
#include "flow/passkeys.h"

#define PHONE "+886912345678"

/* ---- linked accounts ---- */

static void test_unlink(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "unlink@self.test");
    cloudep_principal_t other = member(at, "neighbour@self.test");
    cloudep_unlink_t in = {.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6b"};
    cloudep_identity_t account = {.id = in.id, .issuer = "https://elsewhere.test", .subject = "1"};
    apr_array_header_t *list;

    flow_must(cloudep_identity_link(flow.run.db, at->p, who.tenant_id, who.uid, &account, CLOUDEP_NO_MESSAGE),
              "a link");
    account.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6c";
    is_int(cloudep_identity_link(flow.run.db, at->p, other.tenant_id, other.uid, &account, CLOUDEP_NO_MESSAGE),
           CLOUDEP_ECONFLICT, "an account is linked to one member");
    is_str(of(at, &other, "ways_in, generation"), "1 0", "and the other has no way in more");
    is_str(of(at, &who, "ways_in, generation"), "2 1", "the first one has");
    is_outcome(cloudep_linked_accounts(at->ctx, &who, &list), CLOUDEP_DONE, "it is listed");
    ok(list->nelts == 1 && !strcmp(APR_ARRAY_IDX(list, 0, cloudep_linked_account_t).issuer, account.issuer) &&
           !APR_ARRAY_IDX(list, 0, cloudep_linked_account_t).provider,
       "with its issuer, which is of no provider of this server");
    is_outcome(cloudep_unlink(at->ctx, &other, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "another member's account");
    in.id = "no-uuid";
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "no id of an account");
    in.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a6b";
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof");
    who.proofs.auth_time += flow.config.freshness;
    free(postgres_value("UPDATE cloudep.sessions SET opened_with = 'identity:' || $2 WHERE uid = $1::uuid", who.uid,
                        in.id, NULL));
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_DONE, "it is unlinked");
    is_str(of(at, &who, "ways_in, generation, sessions_from"), "1 2 0", "a way in less");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "and the session that it opened is over");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_ACCOUNT_NOT_LINKED, "once");
    flow_end(at);
}

/* With code_login on, every member has a way in more. */
static void test_tenants_ways(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "ways@self.test");
    cloudep_unlink_t in = {.id = "7c1b6f0e-2a5d-4b39-9f43-1c2d3e4f5a7b"};
    cloudep_identity_t account = {.id = in.id, .issuer = "https://elsewhere.test", .subject = "2"};

    flow_must(cloudep_identity_link(flow.run.db, at->p, who.tenant_id, who.uid, &account, CLOUDEP_NO_MESSAGE),
              "a link");
    set(&who, "has_password = false, ways_in = 1, login_phone = '+886900000002'");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_LAST_WAY_IN,
               "a login phone that logs nobody in is no way in");
    postgres_sql("UPDATE cloudep.tenants SET code_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_unlink(at->ctx, &who, &in), CLOUDEP_DONE, "a tenant where codes log in has one for everybody");
    is_outcome(cloudep_remove_login_phone(at->ctx, &who), CLOUDEP_DONE, "so the login phone may go as well");
    is_str(of(at, &who, "ways_in, coalesce(login_phone, '-')"), "0 -", "and none of the member's own is left");
    postgres_sql("UPDATE cloudep.tenants SET code_login = false WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* ---- the last way in ---- */

/* A linked account of the member and a passkey, by SQL; the count of ways in is the caller's. */
static const char *account_of(flow_case_t *at, const cloudep_principal_t *who, const char *subject)
{
    char *id = postgres_value("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject)"
                              " VALUES ($1::uuid, $2::uuid, 'i', $3) RETURNING id",
                              who->tenant_id, who->uid, subject, NULL);
    const char *kept = apr_pstrdup(at->p, id);

    free(id);
    return kept;
}

static const char *passkey_of(flow_case_t *at, const cloudep_principal_t *who)
{
    char *id = postgres_value(
        "INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible,"
        " backed_up, aaguid, name)"
        " VALUES ($1::uuid, $2::uuid, gen_random_uuid(), 'AA', -7, 0, false, false,"
        " '00000000-0000-0000-0000-000000000000', 'Key') RETURNING id",
        who->tenant_id, who->uid, NULL);
    const char *kept = apr_pstrdup(at->p, id);

    free(id);
    return kept;
}

/* Of eight one takes the login phone, four a linked account, three a passkey. */
static cloudep_outcome_t take_way(flow_case_t *at, int number, void *crowd_)
{
    crowd_t *crowd = crowd_;
    const cloudep_unlink_t account = {.id = crowd->ids[number]};
    const cloudep_passkey_id_t passkey = {.id = crowd->ids[number]};

    switch (number % 8) {
    case 7:
        return cloudep_remove_login_phone(at->ctx, &crowd->who[0]);
    case 4:
    case 5:
    case 6:
        return cloudep_remove_passkey(at->ctx, &crowd->who[0], &passkey);
    default:
        return cloudep_unlink(at->ctx, &crowd->who[0], &account);
    }
}

#define WAYS_LEFT                                                                                                      \
    "(SELECT count(*) FROM cloudep.identities i WHERE i.uid = m.uid)"                                                  \
    " + (SELECT count(*) FROM cloudep.passkeys k WHERE k.uid = m.uid)"

/* A member with linked accounts, passkeys and a login phone that counts; everything is removed many times at once. */
static void test_last_way_in(void)
{
    flow_case_t *at = flow_begin();
    crowd_t crowd;
    flow_crowd_t run = {.run = take_way, .baton = &crowd};

    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    crowd.who[0] = member(at, "last@self.test");
    set(&crowd.who[0], "has_password = false, ways_in = 7, login_phone = '" PHONE "', login_phone_at = now()");
    for (int i = 0; i < TEST_THREADS; i++) {
        crowd.ids[i] = i < 4   ? account_of(at, &crowd.who[0], apr_psprintf(at->p, "last%d", i))
                       : i < 7 ? passkey_of(at, &crowd.who[0])
                               : crowd.ids[i % 8 == 7 ? 0 : i % 8];
    }
    flow_crowd(&run, TEST_THREADS);
    is_value("1", "of parallel removals of everything one way in is left",
             "SELECT m.ways_in + (m.login_phone IS NOT NULL)::int FROM cloudep.members m WHERE uid = $1::uuid",
             crowd.who[0].uid);
    is_value("t", "and the count is that of the accounts and passkeys",
             "SELECT m.ways_in = " WAYS_LEFT " FROM cloudep.members m WHERE uid = $1::uuid", crowd.who[0].uid);
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_DONE) + flow_ended(&run, TEST_THREADS, CLOUDEP_LAST_WAY_IN) +
               flow_ended(&run, TEST_THREADS, CLOUDEP_PASSKEY_UNKNOWN) +
               flow_ended(&run, TEST_THREADS, CLOUDEP_ACCOUNT_NOT_LINKED),
           TEST_THREADS, "each was removed, refused, or gone already");
    ok(flow_ended(&run, TEST_THREADS, CLOUDEP_LAST_WAY_IN) > 0, "and somebody was told that it is the last one");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false WHERE slug = '" SLUG "'");
    flow_end(at);
}

/* A passkey and a linked account, and nothing else, each removed by half of the crowd. */
static void test_last_of_two(void)
{
    for (int round = 0; round < 8; round++) {
        flow_case_t *at = flow_begin();
        crowd_t crowd;
        flow_crowd_t run = {.run = take_way, .baton = &crowd};
        const char *account, *passkey;

        crowd.who[0] = member(at, apr_psprintf(at->p, "two%d@self.test", round));
        set(&crowd.who[0], "has_password = false, ways_in = 2");
        account = account_of(at, &crowd.who[0], apr_psprintf(at->p, "two%d", round));
        passkey = passkey_of(at, &crowd.who[0]);
        for (int i = 0; i < TEST_THREADS; i++) {
            crowd.ids[i] = i % 8 < 4 ? account : passkey;
        }
        flow_crowd(&run, TEST_THREADS);
        is_value("1 1",
                 apr_psprintf(at->p, "of a passkey and a linked account removed at once one stays, round %d", round),
                 "SELECT concat_ws(' ', m.ways_in, " WAYS_LEFT ") FROM cloudep.members m WHERE uid = $1::uuid",
                 crowd.who[0].uid);
        flow_end(at);
    }
}

/* With codes that log in as another way, the last passkey may go; a login phone counts where it logs in. */
static void test_last_passkey(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "lastkey@self.test");
    cloudep_passkey_id_t in = {.id = passkey_of(at, &who)};

    set(&who, "has_password = false, ways_in = 1, login_phone = '+886900000003'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_LAST_WAY_IN, "the last passkey stays");
    is_str(of(at, &who, "ways_in, generation"), "1 0", "and nothing is counted");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "beside a login phone that logs in it may go");
    is_str(of(at, &who, "ways_in, generation"), "0 1", "and a way in less is counted");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false, code_login = true WHERE slug = '" SLUG "'");
    in.id = passkey_of(at, &who);
    set(&who, "ways_in = 1, login_phone = NULL");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "as it may where codes log in");
    postgres_sql("UPDATE cloudep.tenants SET code_login = false WHERE slug = '" SLUG "'");
    in.id = passkey_of(at, &who);
    set(&who, "ways_in = 2, status = 'suspended'");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_SUBJECT_GONE,
               "a member who was suspended meanwhile removes nothing");
    flow_end(at);
}

/* Of two passkeys the one that is meant goes, and with it the session that it opened. */
static void test_one_of_two_passkeys(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "twokeys@self.test");
    const char *first = passkey_of(at, &who);
    const char *second = passkey_of(at, &who);
    cloudep_passkey_id_t in = {.id = second};

    set(&who, "ways_in = 3");
    free(postgres_value("UPDATE cloudep.sessions SET opened_with = 'passkey:' || $2 WHERE uid = $1::uuid", who.uid,
                        first, NULL));
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "the second of two passkeys is removed");
    is_value(first, "the first one stays",
             "SELECT string_agg(id::text, ' ') FROM cloudep.passkeys WHERE uid = $1::uuid", who.uid);
    is_str(count(at, LIVE_SESSIONS, who.uid), "1", "and so does the session that it opened");
    in.id = first;
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_DONE, "then the first is removed");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "and its session ends");
    is_outcome(cloudep_remove_passkey(at->ctx, &who, &in), CLOUDEP_PASSKEY_UNKNOWN, "once");
    is_str(of(at, &who, "ways_in"), "1", "the password is left");
    flow_end(at);
}

/* ---- login phone ---- */

static cloudep_outcome_t prove(flow_case_t *at, const cloudep_principal_t *who, const char *phone)
{
    const cloudep_login_phone_start_t in = {.phone = phone};
    cloudep_contact_challenge_t challenge;
    cloudep_contact_confirm_t back = {0};
    cloudep_outcome_t outcome = cloudep_start_login_phone(at->ctx, who, &in, &challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    back.challenge_id = challenge.challenge_id;
    back.code = flow_code(at, phone, "login_phone");
    return cloudep_confirm_login_phone(at->ctx, who, &back);
}

static void test_login_phone(void)
{
    static const char number[] = "+886922000111";
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "phone@self.test");
    cloudep_principal_t other = member(at, "phone2@self.test");
    const cloudep_login_phone_start_t premium = {.phone = "+886203123456"};
    cloudep_contact_challenge_t challenge;

    is_invalid(cloudep_start_login_phone(at->ctx, &who, &premium, &challenge),
               offsetof(cloudep_login_phone_start_t, phone), CLOUDEP_RULE_NOT_ALLOWED, "a number that earns money");
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(prove(at, &who, number), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof");
    is_outcome(cloudep_remove_login_phone(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "removes nothing either");
    who.proofs.auth_time += flow.config.freshness;
    is_outcome(prove(at, &who, number), CLOUDEP_DONE, "a number is proved");
    is_str(of(at, &who, "login_phone, ways_in, generation"), "+886922000111 1 1", "and is the login phone");
    is_outcome(prove(at, &who, number), CLOUDEP_DONE, "the same number again");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'login_phone_changed'", "phone@self.test"), "1",
           "one mail told of it");
    free(postgres_value("UPDATE cloudep.sessions SET opened_with = 'login_phone' WHERE uid = $1::uuid", who.uid, NULL));
    set(&who, "has_password = false, ways_in = 0");
    is_outcome(prove(at, &other, number), CLOUDEP_DONE, "somebody else proves it");
    is_str(of(at, &other, "login_phone"), number, "and has it");
    is_str(of(at, &who, "coalesce(login_phone, '-'), password_due, ways_in"), "- t 1",
           "the first one has it no more, and a password is due where nothing else was left");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "the session that it opened is over");
    is_value("phone@self.test", "and they are told",
             "SELECT target FROM cloudep.outbox WHERE uid = $1::uuid AND template = 'login_phone_taken'", who.uid);
    is_str(count(at, LIVE_SESSIONS, other.uid), "1", "the other's session goes on");
    set(&other, "has_password = false, ways_in = 0");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = true WHERE slug = '" SLUG "'");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_LAST_WAY_IN, "the last way in is not removed");
    postgres_sql("UPDATE cloudep.tenants SET sms_login = false WHERE slug = '" SLUG "'");
    set(&other, "has_password = true, ways_in = 1");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_DONE, "it is removed");
    is_outcome(cloudep_remove_login_phone(at->ctx, &other), CLOUDEP_DONE, "also where there is none");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'login_phone_removed'", "phone2@self.test"), "1",
           "which is told once");
    flow_end(at);
}

static cloudep_outcome_t take_number(flow_case_t *at, int number, void *crowd_)
{
    crowd_t *crowd = crowd_;
    const cloudep_contact_confirm_t in = {.challenge_id = crowd->challenges[number].challenge_id,
                                          .code = crowd->ids[number]};

    return cloudep_confirm_login_phone(at->ctx, &crowd->who[number], &in);
}

static void test_one_number(void)
{
    static const cloudep_login_phone_start_t in = {.phone = "+886922000222"};
    flow_case_t *at = flow_begin();
    crowd_t crowd;
    flow_crowd_t run = {.run = take_number, .baton = &crowd};

    for (int i = 0; i < TEST_THREADS; i++) {
        crowd.who[i] = member(at, apr_psprintf(at->p, "number%d@self.test", i));
        if (cloudep_failed(cloudep_start_login_phone(at->ctx, &crowd.who[i], &in, &crowd.challenges[i]))) {
            flow_bail_out("no code was sent");
        }
        crowd.ids[i] = flow_code(at, in.phone, "login_phone");
    }
    flow_crowd(&run, TEST_THREADS);
    is_int(flow_ended(&run, TEST_THREADS, CLOUDEP_DONE), TEST_THREADS, "many prove one number at once");
    is_str(count(at, "members WHERE login_phone = $1", in.phone), "1", "and one of them has it at the end");
    is_str(count(at, "outbox WHERE template = 'login_phone_taken' AND target LIKE $1", "number%"),
           apr_itoa(at->p, TEST_THREADS - 1), "the others were told");
    flow_end(at);
}

int main(void)
{
    self_service_start();
    test_unlink();
    test_tenants_ways();
    test_last_way_in();
    test_last_of_two();
    test_last_passkey();
    test_one_of_two_passkeys();
    test_login_phone();
    test_one_number();
    return done_testing();
}
