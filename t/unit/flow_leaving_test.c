/*
 * flow_leaving_test.c - what a member reads of all that is kept: profile, history and export; and leaving.
 */
#include "self_service.h"
#include "flow/export.h"
#include "flow/history.h"
#include "flow/leaving.h"
#include "flow/profile.h"

static void test_leaving(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "leave@self.test");
    cloudep_exported_t exported;
    const char *under_way;

    is_outcome(change(at, &who, "leave2@self.test"), CLOUDEP_DONE, "a member with an address of before");
    who = again(at, &who);
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "what is kept is exported");
    ok(exported.member.rows->nelts == 1 && exported.sessions.rows->nelts == 1 && exported.complete, "all of it");
    who.proofs.auth_time -= flow.config.freshness;
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_FRESH_PROOF_NEEDED, "an old proof ends no account");
    who.proofs.auth_time += flow.config.freshness;
    is_outcome(forgot(at, "leave2@self.test", &under_way), CLOUDEP_DONE, "a code is under way");
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_DONE, "a member leaves");
    is_outcome(reset_by(at, under_way, flow_code(at, "leave2@self.test", "password_reset")), CLOUDEP_CHALLENGE_GONE,
               "which ends the code");
    is_str(of(at, &who, "status"), "deleting", "and is being deleted");
    is_str(count(at, LIVE_SESSIONS, who.uid), "0", "logged out everywhere");
    is_int(counted(CLOUDEP_METRIC_SESSIONS_ENDED, "left", ""), 1, "which is counted");
    is_str(count(at, "outbox WHERE target = $1 AND template = 'member_left'", "leave2@self.test"), "1", "and told");
    is_outcome(cloudep_leave(at->ctx, &who), CLOUDEP_MEMBER_UNKNOWN, "once");
    flow_must(cloudep_member_purge(flow.run.db, at->p, who.tenant_id, who.uid), "the purge");
    is_str(count(at, "members WHERE email IN ($1, 'leave2@self.test')", "leave@self.test"), "0",
           "nothing of either address is left");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_MEMBER_UNKNOWN, "nor to be exported");
    flow_end(at);
}

/* So many sessions more, like the member's own; over: of SQL, whether and when they ended. */
static void more_sessions(flow_case_t *at, const cloudep_principal_t *who, int count, const char *over)
{
    free(postgres_value(
        apr_psprintf(at->p,
                     "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at,"
                     " revoked_at)"
                     " SELECT s.tenant_id, gen_random_uuid(), s.uid, s.generation, 'pwd', s.idle_expires_at,"
                     " s.expires_at, %s FROM cloudep.sessions AS s, generate_series(1, %d)"
                     " WHERE s.id = $1::uuid",
                     over, count),
        who->session_id, NULL));
}

/* More than an answer takes: it says that it is not all. */
static void test_export_of_many(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "many@self.test");
    cloudep_exported_t exported;

    more_sessions(at, &who, 1500, "now()");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "a member of many sessions");
    is_int(exported.sessions.rows->nelts, 1501, "has all of them exported, those that are over too");
    ok(exported.complete, "and is told that they are all");
    more_sessions(at, &who, 18500, "NULL");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "one of too many");
    is_int(exported.sessions.rows->nelts, 20000, "has as many as an answer takes");
    ok(!exported.complete, "and is told that it is not all");
    flow_end(at);
}

/* What is kept besides sessions, of this member and no other. */
static void test_export_of_all(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "all@self.test");
    cloudep_exported_t exported;
    const cloudep_operator_event_t *first, *last;

    (void)member(at, "neighbour@self.test");
    postgres_sql("INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid)"
                 " SELECT tenant_id, 'https://prov.test', email, uid FROM cloudep.members;"
                 "INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count,"
                 " backup_eligible, backed_up, aaguid, name)"
                 " SELECT tenant_id, uid, gen_random_uuid(), 'AA', -7, 0, false, false,"
                 " '00000000-0000-0000-0000-000000000000', email FROM cloudep.members;"
                 "INSERT INTO cloudep.events (tenant_id, name, outcome, uid)"
                 " SELECT tenant_id, 'test.' || n, '1', uid FROM cloudep.members, generate_series(1, 1001) AS n"
                 " WHERE email IN ('all@self.test', 'neighbour@self.test') ORDER BY n");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DONE, "a member of two");
    is_int(exported.identities.rows->nelts, 1, "has the own linked account exported");
    is_int(exported.passkeys.rows->nelts, 1, "and passkey");
    is_str(APR_ARRAY_IDX(exported.passkeys.rows, 0, cloudep_passkey_t).name, "all@self.test", "which is that one");
    is_int(exported.sessions.rows->nelts, 1, "and session");
    is_int(exported.events.rows->nelts, 1001, "and events");
    first = &APR_ARRAY_IDX(exported.events.rows, 0, cloudep_operator_event_t);
    last = &APR_ARRAY_IDX(exported.events.rows, 1000, cloudep_operator_event_t);
    ok(!strcmp(first->name, "test.1001") && !strcmp(last->name, "test.1"), "from the newest to the oldest");
    flow_revoke("SELECT ON cloudep.events");
    is_outcome(cloudep_export(at->ctx, &who, &exported), CLOUDEP_DATABASE_FAILED,
               "what cannot be read is not left out without a word");
    flow_grant("SELECT ON cloudep.events");
    flow_end(at);
}

/* ---- the profile ---- */

static void test_profile(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "profile@self.test");
    const cloudep_principal_t gone = {.tenant_id = who.tenant_id, .uid = who.uid};
    const cloudep_session_t session = {.tenant_id = who.tenant_id, .uid = who.uid};
    const cloudep_profile_t change = {.display_name = "Another"};
    const cloudep_member_t *found = NULL;

    is_outcome(cloudep_get_profile(at->ctx, &who, &found), CLOUDEP_DONE, "a member's profile");
    ok(found == who.member, "is that of whoever asks");
    is_outcome(cloudep_get_profile(at->ctx, &gone, &found), CLOUDEP_MEMBER_UNKNOWN, "of a member who is gone");
    is_outcome(cloudep_update_profile(at->ctx, &who, &change, &found), CLOUDEP_DONE, "it is changed");
    is_str(found->display_name, "Another", "and told as it is then");
    is_outcome(cloudep_profile_of_session(at->ctx, &session, &found), CLOUDEP_DONE, "that of a session's member");
    is_str(found->display_name, "Another", "is the same");
    flow_revoke("UPDATE ON cloudep.members");
    is_outcome(cloudep_update_profile(at->ctx, &who, &change, &found), CLOUDEP_DATABASE_FAILED,
               "one that cannot be changed");
    flow_grant("UPDATE ON cloudep.members");
    flow_revoke("SELECT ON cloudep.members");
    is_outcome(cloudep_profile_of_session(at->ctx, &session, &found), CLOUDEP_DATABASE_FAILED, "or read");
    flow_grant("SELECT ON cloudep.members");
    postgres_sql("DELETE FROM cloudep.members WHERE email = 'profile@self.test'");
    is_outcome(cloudep_update_profile(at->ctx, &who, &change, &found), CLOUDEP_MEMBER_UNKNOWN,
               "is another thing than a member who has gone meanwhile");
    is_outcome(cloudep_profile_of_session(at->ctx, &session, &found), CLOUDEP_MEMBER_UNKNOWN, "for a session, too");
    flow_end(at);
}

/* ---- the history, page by page ---- */

static void test_history(void)
{
    flow_case_t *at = flow_begin();
    cloudep_principal_t who = member(at, "history@self.test");
    cloudep_page_t page = {0};
    cloudep_history_t out = {0};
    const char *seen = "";

    free(postgres_value("INSERT INTO cloudep.events (tenant_id, name, outcome, uid, at)"
                        " SELECT tenant_id, n, '1', uid, now() - n / 3 * interval '1 second'"
                        " FROM cloudep.members, generate_series(1, 23) AS n WHERE uid = $1::uuid",
                        who.uid, NULL));
    is_outcome(cloudep_list_events(at->ctx, &who, &page, &out), CLOUDEP_DONE, "a member's history");
    is_int(out.events->nelts, 20, "has twenty events on a page");
    page.limit = "9";
    for (int i = 0; i < 4; i++) {
        out = (cloudep_history_t){0};
        (void)cloudep_list_events(at->ctx, &who, &page, &out);
        for (int n = 0; out.events && n < out.events->nelts; n++) {
            seen = apr_pstrcat(at->p, seen, APR_ARRAY_IDX(out.events, n, cloudep_own_event_t).name, " ", NULL);
        }
        page.cursor = out.next;
        if (!out.next) {
            break;
        }
    }
    is_str(seen, "2 1 5 4 3 8 7 6 11 10 9 14 13 12 17 16 15 20 19 18 23 22 21 ",
           "all pages have each event once, the newest first");
    page.cursor = cloudep_cursor_text(at->p, &(cloudep_cursor_t){.at = "1", .id = who.uid});
    is_invalid(cloudep_list_events(at->ctx, &who, &page, &out), offsetof(cloudep_page_t, cursor), CLOUDEP_RULE_FORMAT,
               "the cursor of another list is none");
    page.cursor = NULL;
    flow_revoke("SELECT ON cloudep.events");
    is_outcome(cloudep_list_events(at->ctx, &who, &page, &out), CLOUDEP_DATABASE_FAILED,
               "a history that cannot be read is not empty");
    flow_grant("SELECT ON cloudep.events");
    flow_end(at);
}

int main(void)
{
    self_service_start();
    test_leaving();
    test_export_of_all();
    test_history();
    test_profile();
    test_export_of_many();
    return done_testing();
}
