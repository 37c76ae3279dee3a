/*
 * flow_leaving_test.c - leaving, and the export of all that is kept.
 */
#include "self_service.h"
#include "flow/export.h"
#include "flow/leaving.h"

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

int main(void)
{
    self_service_start();
    test_leaving();
    test_export_of_many();
    return done_testing();
}
