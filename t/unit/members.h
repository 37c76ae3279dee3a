/*
 * members.h - members and all that is theirs, for the tests of the stores' statements: two of one tenant, and one of
 * another with the same uid and the same ids of sessions, messages and links. No strangers can be closer.
 */
#ifndef CLOUDEP_TEST_MEMBERS_H
#define CLOUDEP_TEST_MEMBERS_H

#include <apr_general.h>
#include <pthread.h>

#include "base/store/session_store.h"
#include "postgres.h"
#include "tap.h"

#define TENANT "a0000000-0000-4000-8000-00000000000a"
#define ELSEWHERE "b0000000-0000-4000-8000-00000000000b" /* a tenant with a member of the same uid */
#define NOWHERE "c0000000-0000-4000-8000-00000000000c"   /* one that has nobody */
#define UID "d0000000-0000-4000-8000-000000000001"
#define OTHER "d0000000-0000-4000-8000-000000000002" /* another member of the tenant */
#define NOBODY "d0000000-0000-4000-8000-000000000003"
#define SESSION "e0000000-0000-4000-8000-000000000001"
#define OTHERS_SESSION "e0000000-0000-4000-8000-000000000002"
#define MESSAGE "f0000000-0000-4000-8000-000000000001"

static cloudep_db_t *db;
static apr_pool_t *p;

/* ---- the members and all that is theirs */

static inline void make_strangers(void)
{
    postgres_sql(
        "INSERT INTO cloudep.tenants (id, slug, name) VALUES"
        " ('" TENANT "', 'here', 'Here'), ('" ELSEWHERE "', 'elsewhere', 'Elsewhere'), ('" NOWHERE
        "', 'nowhere', 'No');"
        "CREATE TABLE public.who AS SELECT tenant_id::uuid, uid::uuid, session::uuid, message::uuid, digest "
        "FROM (VALUES"
        " ('" TENANT "', '" UID "', '" SESSION "', '" MESSAGE "', 'd1'),"
        " ('" TENANT "', '" OTHER "', '" OTHERS_SESSION "', 'f0000000-0000-4000-8000-000000000002', 'd2'),"
        " ('" ELSEWHERE "', '" UID "', '" SESSION "', '" MESSAGE "', 'd1'))"
        " AS given (tenant_id, uid, session, message, digest);"
        "CREATE FUNCTION public.strangers() RETURNS text LANGUAGE sql AS $$"
        " SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
        "   SELECT 'member ' || t::text FROM cloudep.members AS t WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'credential ' || t::text FROM cloudep.credentials AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'totp ' || t::text FROM cloudep.totp AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'code ' || t::text FROM cloudep.backup_codes AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'session ' || t::text FROM cloudep.sessions AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'message ' || t::text FROM cloudep.outbox AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'link ' || t::text FROM cloudep.links AS t"
        "   WHERE (tenant_id, uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'lockout ' || t::text FROM cloudep.lockouts AS t WHERE (tenant_id, subject) <> ('" TENANT
        "', '" UID "')"
        "   UNION ALL SELECT 'attempt ' || t::text FROM cloudep.registration_attempts AS t WHERE (tenant_id, "
        "member_uid) <> ('" TENANT "', '" UID "')"
        "   UNION ALL SELECT 'budget ' || t::text FROM cloudep.budgets AS t"
        "   WHERE (tenant_id, subject) <> ('" TENANT "', '" UID "')"
        " ) AS lines (line) $$");
}

/* Everybody anew: active members with a password, an authenticator, two backup codes, a session, a message, a link to
 * undo the authenticator, and failures. */
static inline void fresh(void)
{
    postgres_sql(
        "DELETE FROM cloudep.sessions; DELETE FROM cloudep.outbox; DELETE FROM cloudep.budgets;"
        "DELETE FROM cloudep.lockouts; DELETE FROM cloudep.registration_attempts;"
        "DELETE FROM cloudep.members;"
        "INSERT INTO cloudep.members (tenant_id, uid, email, status, has_password)"
        " SELECT tenant_id, uid, uid || '@example.com', 'active', true FROM public.who;"
        "INSERT INTO cloudep.credentials (tenant_id, uid, phc) SELECT tenant_id, uid, 'old' FROM public.who;"
        "INSERT INTO cloudep.totp (tenant_id, uid, secret, enrolled_at, last_step, backup_generation)"
        " SELECT tenant_id, uid, 'sealed', now(), 5, 1 FROM public.who;"
        "INSERT INTO cloudep.backup_codes (tenant_id, uid, mac, generation)"
        " SELECT tenant_id, uid, code.mac, 1 FROM public.who, (VALUES ('c1'), ('c2')) AS code (mac);"
        "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, mfa_at, mfa_method, idle_expires_at,"
        "                              expires_at)"
        " SELECT tenant_id, session, uid, 0, 'pwd', now(), 'totp', now() + interval '1 hour', now() + interval '2 "
        "hours'"
        " FROM public.who;"
        "INSERT INTO cloudep.outbox (tenant_id, id, uid, channel, target, template, params, expires_at, attempts)"
        " SELECT tenant_id, message, uid, 'mail', 'a@example.com', 'notice', 'sealed', now() + interval '1 hour', 1"
        " FROM public.who;"
        "INSERT INTO cloudep.links (tenant_id, uid, digest, kind, undoes, undoes_at, expires_at)"
        " SELECT tenant_id, uid, digest, 'undo', 'totp', now() - interval '1 minute', now() + interval '1 hour'"
        " FROM public.who;"
        "INSERT INTO cloudep.lockouts (tenant_id, kind, subject) SELECT tenant_id, 'password', uid::text FROM "
        "public.who;"
        "INSERT INTO cloudep.registration_attempts (tenant_id, uid, member_uid, email, challenge)"
        " SELECT tenant_id, gen_random_uuid(), uid, 'a@example.com', 'c' FROM public.who;"
        "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures)"
        " SELECT tenant_id, kind.word, uid::text, '', 1 FROM public.who,"
        " (VALUES ('password'), ('factor')) AS kind (word)");
}

/* Changes the member's rows; strangers never. */
static inline void set(const char *table, const char *values)
{
    postgres_sql(
        apr_psprintf(p, "UPDATE cloudep.%s SET %s WHERE tenant_id = '" TENANT "' AND uid = '" UID "'", table, values));
}

static inline const char *value(const char *sql)
{
    char *got = postgres_value(sql, NULL);
    const char *kept = got ? apr_pstrdup(p, got) : NULL;

    free(got);
    return kept;
}

/* The member's row in a table, all of it. */
static inline const char *row(const char *table)
{
    return value(apr_psprintf(p,
                              "SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM cloudep.%s AS t"
                              " WHERE tenant_id = '" TENANT "' AND uid = '" UID "'",
                              table));
}

static const char *strangers;

/* Everybody anew, and strangers remembered. */
static inline void begin(void)
{
    fresh();
    strangers = value("SELECT public.strangers()");
}

/* Reports whether strangers have all that they had since begin(). */
static inline void alone(const char *name)
{
    is_str(value("SELECT public.strangers()"), strangers, apr_pstrcat(p, name, ": nobody else is touched", NULL));
}

/* A statement on one table of the member's that must do nothing while the row is as it is. */
#define IS_WITHOUT_EFFECT(table, call, name)                                                                           \
    do {                                                                                                               \
        const char *before_ = row(table);                                                                              \
                                                                                                                       \
        (void)(call);                                                                                                  \
        is_str(row(table), before_, name);                                                                             \
    } while (0)

/* A statement that changes the member's row, and nobody else's. */
#define IS_ALONE(table, call, name)                                                                                    \
    do {                                                                                                               \
        const char *before_;                                                                                           \
                                                                                                                       \
        strangers = value("SELECT public.strangers()");                                                                \
        before_ = row(table);                                                                                          \
        (void)(call);                                                                                                  \
        ok(!row(table) || !before_ || strcmp(row(table), before_) != 0, "%s: it has an effect", name);                 \
        alone(name);                                                                                                   \
    } while (0)

/* A statement that waits for rows that another transaction holds, and sees them as they are then. */
typedef struct waiting_t {
    apr_status_t (*run)(apr_pool_t *pool);
    apr_pool_t *pool;
    apr_status_t rv;
} waiting_t;

static inline void *run_waiting(void *waiting_)
{
    waiting_t *waiting = waiting_;

    waiting->rv = waiting->run(waiting->pool);
    return NULL;
}

/* Asked while it waits, when set, and answered. */
static const char *asked, *answered;

/* Runs a statement while the changes of `held` are made and not committed; these are, once it waits. */
static inline apr_status_t meanwhile(const char *held, apr_status_t (*run)(apr_pool_t *pool))
{
    waiting_t waiting = {.run = run};
    pthread_t thread;
    int tries = 0;

    postgres_lock_timeout(db, 20000);
    postgres_sql(apr_pstrcat(p, "BEGIN; ", held, NULL));
    if (apr_pool_create_unmanaged_ex(&waiting.pool, NULL, NULL) != APR_SUCCESS ||
        pthread_create(&thread, NULL, run_waiting, &waiting)) {
        postgres_bail_out("no thread");
    }
    do {
        (void)usleep(10000);
        postgres_sql("SELECT pg_stat_clear_snapshot()");
    } while (tries++ < 1000 &&
             !strcmp(value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), "0"));
    if (asked) {
        answered = value(asked);
        asked = NULL;
    }
    postgres_sql("COMMIT");
    (void)pthread_join(thread, NULL);
    apr_pool_destroy(waiting.pool);
    postgres_lock_timeout(db, 300);
    return waiting.rv;
}

static const cloudep_session_t session = {.tenant_id = TENANT,
                                          .id = SESSION,
                                          .uid = UID,
                                          .amr = "pwd",
                                          .generation = "0",
                                          .opened_with = CLOUDEP_OPENED_PASSWORD,
                                          .idle = 600,
                                          .lifetime = 3600};

static const cloudep_message_t notice = {.channel = CLOUDEP_CHANNEL_MAIL,
                                         .target = "a@example.com",
                                         .template = "told",
                                         .params = "sealed",
                                         .lifetime = "60"};

/* How many notices there are. */
static inline const char *told(void)
{
    return value("SELECT count(*) FROM cloudep.outbox WHERE template = 'told'");
}

/* The database, with strangers in it. Nobody waits for a lock for long. */
static inline void start(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        postgres_bail_out("no pool");
    }
    postgres_start();
    db = postgres_db(p, POSTGRES_APP);
    db->lock_timeout = 300;
    make_strangers();
}

#endif
