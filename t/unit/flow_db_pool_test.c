/*
 * flow_db_pool_test.c - leases of connections to a real PostgreSQL: how many there are, who waits for one and for how
 * long, what an outage makes of them, and a commit that waits for a synchronous standby. In mod_dbd's place is a store
 * of connections that a case can make fail, or hold up.
 */
#include <apr_atomic.h>
#include <apr_dbd.h>
#include <apr_hooks.h>
#include <apr_optional.h>
#include <mod_dbd.h>
#include <unistd.h>

#include "counted.h"
#include "flow.h"
#include "core/db_pool.h"
#include "operate/health_checks.h"
#include "tree.h"

#define CELLS 256
#define HANG apr_time_from_sec(30) /* what takes so long hangs */

/* ---- mod_dbd ------------------------------------------------------------------------------------------------------
 */

static struct {
    apr_thread_mutex_t *mutex; /* of what follows */
    ap_dbd_t *kept[8];
    int count;  /* of those */
    int out;    /* leased */
    int asked;  /* how often it was asked for one */
    int refuse; /* so many times there is none */
    int slow;   /* the next refusal takes longer than a server that is there */
    int held;   /* whoever asks is held up */
    int inside; /* threads that are */
} dbd;

static void lock(void)
{
    (void)apr_thread_mutex_lock(dbd.mutex);
}

static void unlock(void)
{
    (void)apr_thread_mutex_unlock(dbd.mutex);
}

/* A moment of waiting for what must happen; 30 s of them in all are more than enough. */
static void pause_briefly(void)
{
    static apr_uint32_t pauses;

    if (apr_atomic_inc32(&pauses) > 30000) {
        flow_bail_out("what must happen does not");
    }
    apr_sleep(1000);
}

static int value_of(const int *value)
{
    int now;

    lock();
    now = *value;
    unlock();
    return now;
}

static void set(int *value, int now)
{
    lock();
    *value = now;
    unlock();
}

static ap_dbd_t *connect_anew(void)
{
    ap_dbd_t *made = apr_pcalloc(flow.pool, sizeof(*made));
    const char *error = NULL;

    if (apr_pool_create(&made->pool, NULL) != APR_SUCCESS ||
        apr_dbd_get_driver(made->pool, "pgsql", &made->driver) != APR_SUCCESS ||
        apr_dbd_open_ex(made->driver, made->pool,
                        apr_psprintf(made->pool, "host='%s' dbname=cloudep user=" POSTGRES_APP, postgres.dir),
                        &made->handle, &error) != APR_SUCCESS) {
        flow_bail_out(error ? error : "no connection");
    }
    return made;
}

DBD_DECLARE_NONSTD(ap_dbd_t *) ap_dbd_open(apr_pool_t *p, server_rec *s)
{
    ap_dbd_t *leased = NULL;

    (void)p;
    (void)s;
    set(&dbd.inside, 1);
    while (value_of(&dbd.held)) {
        pause_briefly();
    }
    lock();
    dbd.inside = 0;
    dbd.asked++;
    if (dbd.refuse) {
        dbd.refuse--;
        if (dbd.slow) {
            apr_sleep(apr_time_from_msec(510));
        }
    }
    else {
        leased = dbd.count ? dbd.kept[--dbd.count] : connect_anew();
        /* As mod_dbd's reslist does; the driver connects again. */
        (void)apr_dbd_check_conn(leased->driver, leased->pool, leased->handle);
        dbd.out++;
    }
    unlock();
    return leased;
}

DBD_DECLARE_NONSTD(void) ap_dbd_close(server_rec *s, ap_dbd_t *leased)
{
    (void)s;
    lock();
    dbd.kept[dbd.count++] = leased;
    dbd.out--;
    unlock();
}

/* ---- Leases -------------------------------------------------------------------------------------------------------
 */

static server_rec server = {.server_hostname = (char *)(intptr_t) "id.test"};
static cloudep_db_t *db;

/* The database of a child with so many connections. */
static void begin(int connections, int wait)
{
    flow.config.database_connections = connections;
    flow.config.database_wait = wait;
    flow.config.statement_timeout = 100;
    flow.config.lock_timeout = 70;
    (void)count_in(CELLS);
    db = cloudep_db_create(&server, &flow.config, flow.pool);
    if (!db) {
        flow_bail_out("no database");
    }
    set(&dbd.asked, 0);
    (void)flow_logged("");
}

static apr_status_t lease(cloudep_db_lease_t *to)
{
    *to = (cloudep_db_lease_t){0};
    return db->acquire(db->baton, to, flow.pool);
}

static void give(cloudep_db_lease_t *from)
{
    db->release(db->baton, from);
}

static PGconn *connection(const cloudep_db_lease_t *of)
{
    return apr_dbd_native_handle(of->driver, of->handle);
}

static int answers(const cloudep_db_lease_t *of)
{
    PGresult *result = PQexec(connection(of), "SELECT 1");
    const int good = PQresultStatus(result) == PGRES_TUPLES_OK;

    PQclear(result);
    return good;
}

/* Ends the server's side of a lease, and its client's next statement sees it. */
static void break_off(const cloudep_db_lease_t *of)
{
    free(postgres_value("SELECT pg_terminate_backend($1::integer, 10000)",
                        apr_itoa(flow.pool, PQbackendPID(connection(of))), NULL));
    (void)answers(of);
}

static void test_created(void)
{
    ok(!cloudep_db_create(&server, &flow.config, flow.pool), "without mod_dbd there is no database");
    apr_hook_global_pool = flow.pool;
    APR_REGISTER_OPTIONAL_FN(ap_dbd_open);
    APR_REGISTER_OPTIONAL_FN(ap_dbd_close);
    begin(2, 20);
    is_int(db->statement_timeout, 100, "its statements have CloudEPStatementTimeout");
    is_int(db->lock_timeout, 70, "its locks have CloudEPLockTimeout");
    is_str(db->application, "cloudep id.test", "its sessions say which server they are of");
}

/* What /ready says of the database while there is no connection for it. */
static void health_finds(cloudep_health_e standby, const char *name)
{
    const apr_array_header_t *found;
    cloudep_db_t *before = flow.run.db;

    flow.run.db = db;
    found = cloudep_health_look(&flow.config, flow.pool);
    flow.run.db = before;
    is_str(APR_ARRAY_IDX(found, 0, cloudep_finding_t).output, "no connection was free in time", name);
    is_int(APR_ARRAY_IDX(found, 0, cloudep_finding_t).status, CLOUDEP_HEALTH_WARN, "is a warning");
    is_str(APR_ARRAY_IDX(found, 1, cloudep_finding_t).name, "standby", "beside which the standby");
    is_int(APR_ARRAY_IDX(found, 1, cloudep_finding_t).status, standby,
           standby == CLOUDEP_HEALTH_PASS ? "is good" : "is what fails");
}

static void test_bound(void)
{
    cloudep_db_lease_t one, two, three;
    apr_time_t before;

    begin(2, 20);
    is_int(lease(&one), APR_SUCCESS, "a connection");
    is_int(lease(&two), APR_SUCCESS, "and as many as CloudEPDatabaseConnections");
    ok(answers(&one) && answers(&two) && one.handle != two.handle, "are leased");
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_USED, "", ""), 2, "which metrics count");
    before = apr_time_now();
    is_int(lease(&three), CLOUDEP_EOVERLOAD, "there is not one more");
    ok(apr_time_now() - before < HANG / 2, "which a request learns in CloudEPDatabaseWait, given in milliseconds");
    is_int(dbd.asked, 2, "mod_dbd, where a thread would wait for ever, is not asked for it");
    ok(flow_logged("no database connection was free in time"), "which the log tells");
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_REFUSED, "overload", ""), 1, "and metrics");
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_AWAITED, "", ""), 0, "nobody waits any more");
    health_finds(CLOUDEP_HEALTH_PASS, "that all connections are in use");
    give(&one);
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_USED, "", ""), 1, "one that is given back is in use no more");
    is_int(lease(&three), APR_SUCCESS, "and leased again");
    give(&two);
    give(&three);
    is_int(dbd.out, 0, "mod_dbd has all of them back");
}

/* ---- Others who wait ----------------------------------------------------------------------------------------------
 */

typedef struct other_t {
    pthread_t thread;
    cloudep_db_lease_t lease;
    apr_status_t rv;
    int ended;
} other_t;

static void *wait_for_one(void *otherv)
{
    other_t *other = otherv;
    apr_pool_t *p;

    (void)apr_pool_create_unmanaged_ex(&p, NULL, NULL);
    other->lease = (cloudep_db_lease_t){0};
    other->rv = db->acquire(db->baton, &other->lease, p);
    set(&other->ended, 1);
    apr_pool_destroy(p);
    return NULL;
}

static void start_other(other_t *other)
{
    other->ended = 0;
    if (pthread_create(&other->thread, NULL, wait_for_one, other) != 0) {
        flow_bail_out("no thread");
    }
}

static apr_status_t end_other(other_t *other)
{
    (void)pthread_join(other->thread, NULL);
    return other->rv;
}

/* Until so many wait for a connection. */
static void await_waiting(int count)
{
    while (counted(CLOUDEP_METRIC_CONNECTIONS_AWAITED, "", "") != count) {
        pause_briefly();
    }
}

/* The only connection is this thread's, and two others wait for it. */
static void let_two_wait(other_t *others, cloudep_db_lease_t *one)
{
    begin(1, (int)apr_time_as_msec(HANG));
    is_int(lease(one), APR_SUCCESS, "the only connection");
    start_other(&others[0]);
    start_other(&others[1]);
    await_waiting(2);
}

static void test_woken(void)
{
    other_t others[2];
    cloudep_db_lease_t one;

    let_two_wait(others, &one);
    give(&one);
    while (!value_of(&others[0].ended) && !value_of(&others[1].ended)) {
        pause_briefly();
    }
    ok(!(value_of(&others[0].ended) && value_of(&others[1].ended)), "is given to one of two who wait for it");
    give(value_of(&others[0].ended) ? &others[0].lease : &others[1].lease);
    ok(end_other(&others[0]) == APR_SUCCESS && end_other(&others[1]) == APR_SUCCESS, "and then to the other");
    give(value_of(&others[0].ended) && others[0].lease.owner ? &others[1].lease : &others[0].lease);
}

/* mod_dbd connects under a lock of its own, where a thread waits without end. */
static void test_one_opens(void)
{
    other_t other;
    cloudep_db_lease_t one;

    begin(2, 20);
    set(&dbd.held, 1);
    start_other(&other);
    while (!value_of(&dbd.inside)) {
        pause_briefly();
    }
    is_int(lease(&one), CLOUDEP_EOVERLOAD, "while one thread is in mod_dbd no other goes there");
    set(&dbd.held, 0);
    is_int(end_other(&other), APR_SUCCESS, "which has its connection in the end");
    is_int(lease(&one), APR_SUCCESS, "and then the other");
    give(&one);
    give(&other.lease);
}

/* ---- Outages ------------------------------------------------------------------------------------------------------
 */

static void refuse(int times)
{
    set(&dbd.refuse, times);
    set(&dbd.asked, 0);
}

static void test_outage(void)
{
    cloudep_db_lease_t one, two;

    begin(2, 20);
    refuse(2);
    is_int(lease(&one), CLOUDEP_EDATABASE, "without a server there is no connection");
    is_int(dbd.asked, 2, "mod_dbd is asked twice, as it gives up after one that is broken");
    ok(flow_logged("PostgreSQL cannot be reached"), "which the log tells");
    refuse(2);
    is_int(lease(&one), CLOUDEP_EDATABASE, "the next request tries again");
    ok(!flow_logged("cannot be reached"), "and the log does not tell it again");
    refuse(1);
    is_int(lease(&one), APR_SUCCESS, "a connection that comes at the second try");
    give(&one);
    ok(flow_logged("PostgreSQL can be reached again"), "ends the outage, which the log tells");
    is_int(lease(&one), APR_SUCCESS, "all goes on");
    is_int(lease(&two), APR_SUCCESS, "with all connections");
    give(&one);
    give(&two);
    ok(!flow_logged("reached again"), "and the log is quiet");
    refuse(2);
    (void)lease(&one);
    ok(flow_logged("PostgreSQL cannot be reached"), "the next outage is told");
    is_int(lease(&one), APR_SUCCESS, "it ends");
    give(&one);
    is_int(dbd.out, 0, "mod_dbd has all of them back");
}

static void test_slow_outage(void)
{
    cloudep_db_lease_t one;

    begin(1, 20);
    refuse(2);
    set(&dbd.slow, 1);
    is_int(lease(&one), CLOUDEP_EDATABASE, "a server that does not answer");
    is_int(dbd.asked, 1, "is not tried twice");
    set(&dbd.slow, 0);
    set(&dbd.refuse, 0);
}

/* Until one has succeeded, one request at a time tries a server that has failed. */
static void test_probe(void)
{
    cloudep_db_lease_t one, two;
    apr_time_t before;

    begin(2, (int)apr_time_as_msec(HANG));
    refuse(2);
    (void)lease(&one);
    is_int(lease(&one), APR_SUCCESS, "one request tries whether PostgreSQL is back");
    set(&dbd.asked, 0);
    (void)flow_logged("");
    before = apr_time_now();
    is_int(lease(&two), CLOUDEP_EDATABASE, "meanwhile another one fails");
    ok(apr_time_now() - before < HANG / 2, "and does not wait as for a free connection");
    is_int(dbd.asked, 0, "nor tries it");
    ok(flow_logged("nobody could reach it again yet"), "the log says why");
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_REFUSED, "database", ""), 1, "and metrics count it as an outage");
    give(&one);
    is_int(lease(&one), APR_SUCCESS, "once that one has succeeded");
    is_int(lease(&two), APR_SUCCESS, "the others go on");
    break_off(&one);
    give(&one);
    is_int(lease(&one), APR_SUCCESS, "a lease that broke in use is a failure, too: one request tries");
    is_int(lease(&(cloudep_db_lease_t){0}), CLOUDEP_EDATABASE, "and others fail");
    give(&one);
    give(&two);
}

/* A lease of before the outage that fails as well says nothing of the one that tries. */
static void test_probe_goes_on(void)
{
    cloudep_db_lease_t before, one;

    begin(3, 20);
    is_int(lease(&before), APR_SUCCESS, "a lease of before an outage");
    refuse(2);
    (void)lease(&one);
    is_int(lease(&one), APR_SUCCESS, "one that tries whether PostgreSQL is back");
    break_off(&before);
    give(&before);
    is_int(lease(&(cloudep_db_lease_t){0}), CLOUDEP_EDATABASE,
           "is the only one that does, though the other has failed");
    give(&one);
}

/* Whoever waits for a connection is told of the end of the outage, and of its beginning. */
static void test_all_are_woken(void)
{
    other_t others[2];
    cloudep_db_lease_t one;

    let_two_wait(others, &one);
    break_off(&one);
    set(&dbd.held, 1);
    give(&one);
    while (!value_of(&others[0].ended) && !value_of(&others[1].ended)) {
        pause_briefly();
    }
    set(&dbd.held, 0);
    ok((end_other(&others[0]) == APR_SUCCESS) + (end_other(&others[1]) == APR_SUCCESS) == 1,
       "after a failure one of two who wait tries, and the other does not wait for that");
    give(others[0].rv == APR_SUCCESS ? &others[0].lease : &others[1].lease);
}

/* Those of httpd's role, all of which are idle. */
static void end_sessions(void)
{
    free(postgres_value("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE usename = $1",
                        POSTGRES_APP, NULL));
}

/* ---- Commits that hang --------------------------------------------------------------------------------------------
 */

static const cloudep_statement_t write_name = {.label = "write_name",
                                               .sql = "INSERT INTO cloudep.outbox_workers (name)"
                                                      " VALUES (%s)"};

static void set_standby(const char *names)
{
    postgres_sql(apr_pstrcat(flow.pool, "ALTER SYSTEM SET synchronous_standby_names = '", names, "'", NULL));
    postgres_sql("SELECT pg_reload_conf()");
}

/* Writes until a commit waits for a standby: PostgreSQL reads its settings again in a moment. */
static apr_status_t write_until_it_hangs(void)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS; i++) {
        rv = cloudep_db_run(db, flow.pool, NULL, &write_name, CLOUDEP_ARGS(apr_itoa(flow.pool, i)));
    }
    return rv;
}

static void await_no_commit(void)
{
    char *count = NULL;

    do {
        free(count);
        pause_briefly();
        count = postgres_value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", NULL);
    } while (strcmp(count, "0") != 0);
    free(count);
}

static void test_hung(void)
{
    cloudep_db_lease_t one, two;

    postgres_sql("ALTER ROLE " POSTGRES_APP " SET synchronous_commit = on");
    end_sessions();
    begin(2, 20);
    set_standby("nobody");
    is_int(write_until_it_hangs(), CLOUDEP_EDATABASE, "a commit that waits for a standby is given up");
    ok(flow_logged("CE142: PostgreSQL did not answer in time"), "which the log tells");
    ok(cloudep_db_is_hung(db), "and health");
    is_int(lease(&one), CLOUDEP_EOVERLOAD,
           "its connection asks first: the server is there, and the commit still waits");
    ok(flow_logged("CE1242: commits wait for a synchronous standby"), "which the log tells");
    is_int(lease(&one), APR_SUCCESS, "the other connection serves");
    is_int(lease(&two), CLOUDEP_EOVERLOAD, "where the commit waits there is no lease");
    ok(!flow_logged("CE1242"), "and the log does not tell it again");
    health_finds(CLOUDEP_HEALTH_FAIL, "that the only other connection waits for a standby");
    give(&one);
    is_int(dbd.out, 0, "mod_dbd has all connections back");
    is_int(counted(CLOUDEP_METRIC_CONNECTIONS_USED, "", ""), 0, "none is in use");
    set_standby("");
    await_no_commit();
    is_int(lease(&one), APR_SUCCESS, "once the commit has ended");
    is_int(lease(&two), APR_SUCCESS, "both serve");
    ok(!cloudep_db_is_hung(db), "and no commit hangs");
    give(&one);
    give(&two);
}

static void test_report(void)
{
    begin(1, 20);
    db->report(db->baton, "some_label", "25006", "read only");
    ok(flow_logged("CE141: statement some_label: 25006 read only: this server takes no writes."),
       "a server that takes no writes is told with a remedy");
    db->report(db->baton, "some_label", "23505", "a message");
    ok(!flow_logged("takes no writes"), "another failure is told without it");
}

int main(void)
{
    (void)alarm(120); /* ends a test that hangs */
    flow_start();
    (void)apr_thread_mutex_create(&dbd.mutex, APR_THREAD_MUTEX_DEFAULT, flow.pool);
    test_created();
    test_bound();
    test_woken();
    test_one_opens();
    test_outage();
    test_slow_outage();
    test_probe();
    test_probe_goes_on();
    test_all_are_woken();
    test_hung();
    test_report();
    return done_testing();
}
