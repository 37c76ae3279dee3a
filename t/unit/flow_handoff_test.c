/*
 * flow_handoff_test.c - a session that is handed over to another host: once, for half a minute, for that host, browser
 * and session, and never longer than the session lives.
 */
#include "flow.h"
#include "flow/handoff.h"

#define SLUG "handoff"
#define ORIGIN "https://app.test"
#define PATH "/page?a=b#c"
#define ENTER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HALF 22 /* characters of a code that are the challenge's id */

static const cloudep_session_t *session;

static cloudep_principal_t member(void)
{
    return (cloudep_principal_t){.tenant_id = session->tenant_id, .uid = session->uid, .session_id = session->id};
}

/* A code for the session; who: another principal, or NULL. */
static const char *code_of(flow_case_t *at, const cloudep_principal_t *who)
{
    const cloudep_principal_t own = member();
    const cloudep_handoff_t in = {ORIGIN, PATH, ENTER};
    const char *code;

    if (cloudep_failed(cloudep_hand_over(at->ctx, who ? who : &own, &in, &code))) {
        flow_bail_out("no code");
    }
    return code;
}

static cloudep_outcome_t take(flow_case_t *at, const char *code, const char *origin, const char *enter)
{
    const cloudep_entry_t in = {code, origin, enter};
    cloudep_entered_t out = {0};

    return cloudep_take_over(at->ctx, &in, &out);
}

static void is_gone(cloudep_outcome_t outcome, const char *why, const char *name)
{
    is_outcome(outcome, CLOUDEP_CHALLENGE_GONE, name);
    ok(flow_logged(why), "the log says: %s", why);
}

static void test_once(void)
{
    flow_case_t *at = flow_begin();
    const char *code = code_of(at, NULL);
    const cloudep_entry_t in = {code, ORIGIN, ENTER};
    cloudep_entered_t out;

    is_int((int)strlen(code), 2 * HALF, "a code has 256 bits");
    ok(strcmp(code, code_of(at, NULL)) != 0, "no two are alike");
    is_outcome(cloudep_take_over(at->ctx, &in, &out), CLOUDEP_DONE, "it is taken up");
    is_str(out.session_id, session->id, "for the very session");
    is_str(out.tenant_id, session->tenant_id, "of its tenant");
    is_str(out.uid, session->uid, "and its member");
    is_str(out.path, PATH, "with the path, query and fragment that were wanted");
    is_gone(take(at, code, ORIGIN, ENTER), "there is no such code, or not any more", "a second time it is not");
    flow_end(at);
}

/* What does not fit takes nothing away from whom the code is for. */
static void test_misfits(void)
{
    flow_case_t *at = flow_begin();
    const char *code = code_of(at, NULL);
    char *other = apr_pstrdup(at->p, code);

    is_gone(take(at, code, "https://other.test", ENTER), "of another host", "another host");
    is_gone(take(at, code, "http://app.test", ENTER), "of another host", "another scheme");
    is_gone(take(at, code, ORIGIN ":8443", ENTER), "of another host", "another port");
    is_gone(take(at, code, ORIGIN, "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "of another browser",
            "another browser");
    is_gone(take(at, code, ORIGIN, "AAA"), "of another browser", "a part of the cookie's digest");
    is_gone(take(at, code, ORIGIN, NULL), "no cookie of this host", "a browser that was not sent");
    is_gone(take(at, apr_pstrcat(at->p, code, "x", NULL), ORIGIN, ENTER), "no such code", "a longer code");
    is_gone(take(at, apr_pstrmemdup(at->p, code, HALF), ORIGIN, ENTER), "no such code", "half of it");
    is_gone(take(at, "", ORIGIN, ENTER), "no such code", "none");
    other[HALF] = other[HALF] == 'A' ? 'B' : 'A';
    is_gone(take(at, other, ORIGIN, ENTER), "no such code", "another secret behind the id");
    other = apr_pstrcat(at->p, apr_pstrmemdup(at->p, code_of(at, NULL), HALF), code + HALF, NULL);
    is_gone(take(at, other, ORIGIN, ENTER), "no such code", "the secret of another code");
    is_outcome(take(at, code, ORIGIN, ENTER), CLOUDEP_DONE, "the right one is taken up all the same");
    flow_end(at);
}

/* A code that is like another one, but for what its challenge says. */
static const char *like(flow_case_t *at, const char *code, const char *purpose, const char *extra)
{
    cloudep_challenge_spec_t spec;
    cloudep_challenge_t *challenge;

    flow_must(cloudep_challenge_load(&challenge, &flow.run.challenges, apr_pstrmemdup(at->p, code, HALF), at->p),
              "the challenge of a code");
    spec = challenge->spec;
    spec.purpose = purpose ? purpose : spec.purpose;
    spec.extra = extra ? extra : spec.extra;
    flow_must(cloudep_challenge_open(&challenge, &flow.run.challenges, &spec, 30, at->p), "a challenge");
    return apr_pstrcat(at->p, challenge->id, code + HALF, NULL);
}

static void test_purpose(void)
{
    flow_case_t *at = flow_begin();
    const char *code = code_of(at, NULL);

    is_gone(take(at, like(at, code, "login", NULL), ORIGIN, ENTER), "no code of a handoff",
            "a challenge of another purpose");
    is_gone(take(at, like(at, code, NULL, "a\nb\nc"), ORIGIN, ENTER), "no code of a handoff",
            "one that lacks what a handoff has");
    is_outcome(take(at, like(at, code, NULL, NULL), ORIGIN, ENTER), CLOUDEP_DONE, "one that lacks nothing is taken up");
    flow_end(at);
}

static void test_lifetime(void)
{
    flow_case_t *at = flow_begin();
    const char *id = apr_pstrmemdup(at->p, code_of(at, NULL), HALF);
    cloudep_challenge_t *challenge;

    flow_must(cloudep_challenge_load(&challenge, &flow.run.challenges, id, at->p), "the challenge of a code");
    is_int((int)apr_time_sec(challenge->expires - challenge->created), 30, "a code lives for half a minute");
    is_str(challenge->spec.uid, session->uid, "it ends with the member's other challenges");
    ok(!strstr(challenge->spec.extra, code_of(at, NULL) + HALF), "memcached has no secret of it");
    flow_end(at);
}

static void test_session(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t *stranger;
    cloudep_principal_t who = member();
    const char *code = code_of(at, NULL);
    const char *made;

    flow_tenant("handoff-other");
    flow_member(at, "handoff-other", "x@other.test", &stranger);
    who.tenant_id = stranger->tenant_id;
    is_gone(take(at, code_of(at, &who), ORIGIN, ENTER), "its session is over", "a session named with another tenant");
    who = member();
    who.session_id = stranger->id;
    is_gone(take(at, code_of(at, &who), ORIGIN, ENTER), "its session is over", "another member's session");
    who.session_id = NULL;
    is_outcome(cloudep_hand_over(at->ctx, &who, &(cloudep_handoff_t){ORIGIN, PATH, ENTER}, &made),
               CLOUDEP_TOKEN_MISSING, "whoever has no session hands none over");
    postgres_sql(apr_psprintf(at->p, "UPDATE cloudep.sessions SET revoked_at = now() WHERE id = '%s'", session->id));
    is_gone(take(at, code, ORIGIN, ENTER), "its session is over", "the session has ended meanwhile");
    is_gone(take(at, code, ORIGIN, ENTER), "not any more", "and the code with it");
    flow_end(at);
}

static cloudep_outcome_t take_shared(flow_case_t *at, int number, void *code)
{
    (void)number;
    return take(at, *(const char **)code, ORIGIN, ENTER);
}

static void test_at_once(void)
{
    flow_case_t *at = flow_begin();
    const char *code = code_of(at, NULL);
    flow_crowd_t crowd = {.run = take_shared, .baton = &code};

    flow_crowd(&crowd, TEST_THREADS);
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_DONE), 1, "of many at once one takes it up");
    is_int(flow_ended(&crowd, TEST_THREADS, CLOUDEP_CHALLENGE_GONE), TEST_THREADS - 1, "the others do not");
    flow_end(at);
}

int main(void)
{
    flow_case_t *at;

    flow_start();
    flow_tenant(SLUG);
    at = flow_begin();
    flow_member(at, SLUG, "ann@handoff.test", &session);
    test_once();
    test_misfits();
    test_purpose();
    test_lifetime();
    test_at_once();
    test_session();
    return done_testing();
}
