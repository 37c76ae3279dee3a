/*
 * flow_kept_test.c - what a child keeps of the database, or asks it once for several requests: tenants' slugs, the
 * origins that they list, and whether sessions live.
 */
#include <apr_hash.h>

#include "child.h"
#include "clock.h"
#include "service/liveness.h"
#include "service/tenant_origins.h"
#include "service/tenant_slug.h"

#define SLUG "kept"
#define ORIGIN "https://app.kept.test"

static const char *id_of(flow_case_t *at, const char *slug)
{
    char *value = postgres_value("SELECT id FROM cloudep.tenants WHERE slug = $1", slug, NULL);
    const char *id = apr_pstrdup(at->p, value);

    free(value);
    return id;
}

/* ---- slugs ---- */

static const char *slug_of(flow_case_t *at, cloudep_slugs_t *slugs, const char *id)
{
    const char *slug = NULL;
    const apr_status_t rv = cloudep_tenant_slug(&slug, slugs, id, at->p);

    return rv == APR_SUCCESS ? slug : cloudep_status_name(rv);
}

static unsigned int place_of(const char *id)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;

    return apr_hashfunc_default(id, &length) % 1024;
}

static void test_slugs(void)
{
    flow_case_t *at = flow_begin();
    cloudep_slugs_t *slugs = cloudep_slugs_create(flow.run.db, at->p);
    const char *id = id_of(at, SLUG);
    const char *longest = "slug-of-as-many-characters-as-there-may-be-in-one-which-are-63x";
    const char *same;
    const char *slug = "";
    int n = 0;

    is_int(cloudep_tenant_slug(&slug, slugs, "00000000-0000-4000-8000-000000000000", at->p), APR_NOTFOUND,
           "a tenant that is not there has no slug");
    ok(!slug, "and none is told");
    is_str(slug_of(at, slugs, id), SLUG, "the slug of a tenant");
    flow_revoke("SELECT ON cloudep.tenants");
    is_str(slug_of(at, slugs, id), SLUG, "is known then, whatever the database does");
    is_str(slug_of(at, slugs, "00000000-0000-4000-8000-000000000000"), cloudep_status_name(CLOUDEP_EDATABASE),
           "one that is not known is not");
    flow_grant("SELECT ON cloudep.tenants");
    do {
        same = apr_psprintf(at->p, "00000000-0000-4000-8000-%012d", n++);
    } while (place_of(same) != place_of(id));
    free(postgres_value("INSERT INTO cloudep.tenants (id, slug, name) VALUES ($1::uuid, $2, 'Another')", same, longest,
                        NULL));
    is_str(slug_of(at, slugs, same), longest, "that of another in the same place is its own");
    is_str(slug_of(at, slugs, same), longest, "and stays that, however long it is");
    is_str(slug_of(at, slugs, id), SLUG, "as does that of the one before");
    flow_end(at);
}

/* ---- origins ---- */

static int lists(flow_case_t *at, const char *origin, const char *id, const char *slug)
{
    return cloudep_tenant_lists_origin(at->ctx, origin, id, slug);
}

static void test_origins(void)
{
    flow_case_t *at = flow_begin();
    const char *id = id_of(at, SLUG);
    const char *other = id_of(at, "other");

    ok(!lists(at, ORIGIN, NULL, NULL), "where there are none, no origin is listed");
    flow.run.origins = cloudep_tenant_origins_create(flow.run.db, at->p);
    flow_revoke("SELECT ON cloudep.tenants");
    ok(!lists(at, ORIGIN, NULL, NULL), "nor what cannot be read");
    ok(flow_logged("reading the tenants' origins"), "which is told");
    ok(!lists(at, ORIGIN, NULL, NULL) && !flow_logged("reading"), "and not tried by each request");
    flow_grant("SELECT ON cloudep.tenants");
    moved += apr_time_from_sec(10);
    ok(lists(at, ORIGIN, NULL, NULL), "ten seconds later an origin is one of some tenant");
    ok(lists(at, ORIGIN, id, NULL) && lists(at, ORIGIN, NULL, SLUG), "of this tenant, by its id and by its slug");
    ok(!lists(at, ORIGIN, other, NULL) && !lists(at, ORIGIN, NULL, "other"), "but not of another");
    ok(!lists(at, ORIGIN, other, SLUG), "the id goes before the slug");
    ok(lists(at, "https://two.kept.test", id, NULL), "the second that the tenant lists is one as well");
    ok(!lists(at, ORIGIN "/", id, NULL) && !lists(at, "https://app.kept.tes", id, NULL), "nothing but the whole is");
    postgres_sql("UPDATE cloudep.tenants SET origins = '{https://new.kept.test}' WHERE slug = '" SLUG "'");
    moved += apr_time_from_sec(9);
    ok(lists(at, ORIGIN, id, NULL) && !lists(at, "https://new.kept.test", id, NULL),
       "for ten seconds they are as read");
    moved += apr_time_from_sec(1);
    flow_revoke("SELECT ON cloudep.tenants");
    ok(lists(at, ORIGIN, id, NULL), "and as long as they cannot be read again");
    flow_grant("SELECT ON cloudep.tenants");
    moved += apr_time_from_sec(10);
    ok(!lists(at, ORIGIN, id, NULL) && lists(at, "https://new.kept.test", id, NULL), "then they are as they are");
    flow.run.origins = NULL;
    moved = 0;
    flow_end(at);
}

/* ---- whether sessions live ---- */

static cloudep_checker_t *checker;
static const cloudep_session_t *sessions[2];

static apr_status_t ask(flow_case_t *at, const cloudep_session_t *session, cloudep_liveness_t *liveness,
                        const char **attributes)
{
    cloudep_access_t access = {{0}};

    (void)apr_cpystrn(access.tenant_id, session->tenant_id, sizeof(access.tenant_id));
    (void)apr_cpystrn(access.session_id, session->id, sizeof(access.session_id));
    (void)apr_cpystrn(access.uid, session->uid, sizeof(access.uid));
    *liveness = (cloudep_liveness_t){0};
    return cloudep_checker_ask(checker, at->p, &access, liveness, attributes);
}

static void test_alone(void)
{
    flow_case_t *at = flow_begin();
    const cloudep_session_t stranger = {
        .tenant_id = sessions[0]->tenant_id, .id = sessions[0]->id, .uid = sessions[1]->uid};
    cloudep_liveness_t liveness;
    const char *attributes = NULL;

    postgres_sql("UPDATE cloudep.members SET attributes = '{\"plan\": \"gold\"}' WHERE email = 'ann@kept.test'");
    is_int(ask(at, sessions[0], &liveness, NULL), APR_SUCCESS, "a session lives");
    is_str(liveness.amr, "otp", "opened by a code");
    ok(liveness.proofs.auth_time > 0 && liveness.turn.idle_left > 0, "with when that was, and how long it lives on");
    is_int(ask(at, sessions[0], &liveness, &attributes), APR_SUCCESS, "asked with attributes");
    is_str(attributes, "{\"plan\": \"gold\"}", "it has its member's");
    is_int(ask(at, &stranger, &liveness, &attributes), APR_NOTFOUND, "another member has no such session");
    flow_revoke("SELECT ON cloudep.sessions");
    is_int(ask(at, sessions[0], &liveness, NULL), CLOUDEP_EDATABASE,
           "what cannot be looked up is no session that is over");
    flow_grant("SELECT ON cloudep.sessions");
    flow_end(at);
}

/* Of each request one session and its answer. */
typedef struct crowd_t {
    apr_uint32_t begun; /* atomic */
    int wrong[TEST_THREADS];
} crowd_t;

static void ask_numbered(int number, void *crowdv)
{
    crowd_t *crowd = crowdv;
    flow_case_t *at = flow_begin();
    const cloudep_session_t *session = sessions[number % 2];
    const cloudep_session_t gone = {
        .tenant_id = session->tenant_id, .id = "00000000-0000-4000-8000-000000000000", .uid = session->uid};
    cloudep_liveness_t liveness;
    const char *attributes = "";
    apr_status_t rv;

    (void)apr_atomic_inc32(&crowd->begun);
    rv = ask(at, number % 5 ? session : &gone, &liveness, number % 3 ? &attributes : NULL);
    if (number % 5 == 0) {
        crowd->wrong[number] = rv != APR_NOTFOUND || *attributes || *liveness.amr;
    }
    else {
        crowd->wrong[number] = rv != APR_SUCCESS || strcmp(liveness.amr, number % 2 ? "pwd" : "otp") != 0 ||
                               strcmp(attributes, number % 3 == 0 ? ""
                                                  : number % 2    ? "{}"
                                                                  : "{\"plan\": \"gold\"}") != 0;
    }
    flow_end(at);
}

static apr_uint32_t statements; /* atomic */
static crowd_t *waiting;        /* whom the first statement waits for */
static apr_status_t (*acquire)(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p);

/* The first statement waits until all have asked; the moment more is for those who are on their way into the queue. */
static apr_status_t acquire_later(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    if (apr_atomic_inc32(&statements) == 0) {
        (void)child_until(apr_atomic_read32(&waiting->begun) == TEST_THREADS);
        (void)usleep(30000);
    }
    return acquire(baton, lease, p);
}

/* Twice: the second time the queue has been full and empty before. */
static void test_together(void)
{
    acquire = flow.run.db->acquire;
    flow.run.db->acquire = acquire_later;
    for (int round = 0; round < 2; round++) {
        crowd_t crowd = {0};
        int wrong = 0;

        waiting = &crowd;
        apr_atomic_set32(&statements, 0);
        (void)alarm(30);
        in_threads(TEST_THREADS, ask_numbered, &crowd);
        for (int i = 0; i < TEST_THREADS; i++) {
            wrong += crowd.wrong[i];
        }
        is_int(wrong, 0, "of many who ask at once each gets its own answer");
        ok(apr_atomic_read32(&statements) < TEST_THREADS, "by fewer statements than requests");
    }
    flow.run.db->acquire = acquire;
}

int main(void)
{
    flow_case_t *at;

    flow_start();
    flow_tenant(SLUG);
    flow_tenant("other");
    postgres_sql("UPDATE cloudep.tenants SET origins = '{" ORIGIN ",https://two.kept.test}' WHERE slug = '" SLUG "'");
    at = flow_begin();
    flow_member(at, SLUG, "ann@kept.test", &sessions[0]);
    flow_member(at, SLUG, "bob@kept.test", &sessions[1]);
    postgres_sql("UPDATE cloudep.sessions SET amr = 'pwd' WHERE uid = (SELECT uid FROM cloudep.members"
                 " WHERE email = 'bob@kept.test')");
    checker = cloudep_checker_create(flow.run.db, at->p);
    test_slugs();
    test_origins();
    (void)alarm(30); /* whom nobody answers waits for good */
    test_alone();
    test_together();
    (void)alarm(0);
    return done_testing();
}
