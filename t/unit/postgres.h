/*
 * postgres.h - a private PostgreSQL for the unit tests: reached by a socket in a temporary folder, with setup.sql and
 * all migrations of sql/, dead with the test.
 *
 *     postgres_start();
 *     db = postgres_db(pool, POSTGRES_APP);           as httpd connects; any number of threads may use it
 *     postgres_sql("INSERT INTO cloudep.tenants ..."); as the superuser
 *     name = postgres_value("SELECT name FROM cloudep.tenants WHERE slug = $1", "acme", NULL);
 *
 * Whatever cannot be done ends the program ("Bail out!"), so nothing here returns a failure. Run it in the project's
 * top folder, or name that in CLOUDEP_TOP. As root, the server runs as nobody: initdb refuses root.
 */
#ifndef CLOUDEP_TEST_POSTGRES_H
#define CLOUDEP_TEST_POSTGRES_H

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/store/db.h"
#include "base/store/operator_store.h"

#define POSTGRES_APP "cloudep_app"     /* the role of httpd: rows, nothing more */
#define POSTGRES_OWNER "cloudep_owner" /* the role of cloudepctl */
#define POSTGRES_SUPERUSER "postgres"

#define POSTGRES_NOBODY 65534
#define POSTGRES_PATH 256

static struct {
    char dir[POSTGRES_PATH]; /* holds data/, the socket and the log; "": not made yet */
    pid_t pid;               /* 0: not running */
    pid_t owner;             /* the process that started it and ends it */
    PGconn *superuser;
} postgres;

__attribute__((format(printf, 1, 2), noreturn)) static inline void postgres_bail_out(const char *format, ...)
{
    char line[1000];
    FILE *log;
    va_list args;

    (void)snprintf(line, sizeof(line), "%s/log", postgres.dir);
    log = *postgres.dir ? fopen(line, "r") : NULL;
    while (log && fgets(line, sizeof(line), log)) {
        printf("# %s", line);
    }
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    printf("Bail out! PostgreSQL: %s\n", line);
    exit(1); /* NOLINT(concurrency-mt-unsafe): tests start it before their threads */
}

/* The path of one of the server's programs; Debian keeps them out of the PATH, a folder a version. */
static inline void postgres_program(char *path, const char *name)
{
    glob_t found = {0};
    const char *newest = NULL;
    long version = 0;

    (void)glob("/usr/lib/postgresql/*/bin", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const long this = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);

        newest = this > version ? found.gl_pathv[i] : newest;
        version = this > version ? this : version;
    }
    (void)snprintf(path, POSTGRES_PATH, "%s%s%s", newest ? newest : "", newest ? "/" : "", name);
    globfree(&found);
}

/* Begins one of the server's programs, which is sent `last` should this process die. */
static inline pid_t postgres_spawn(const char *name, int last, const char *const *args)
{
    char program[POSTGRES_PATH];
    const char *argv[32] = {name};
    pid_t pid;
    int log;

    for (int i = 0; args[i]; i++) {
        argv[i + 1] = args[i];
    }
    postgres_program(program, name);
    pid = fork();
    if (pid) {
        return pid;
    }
    log = chdir(postgres.dir) == 0 ? open("log", O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (geteuid() == 0 && (setgid(POSTGRES_NOBODY) != 0 || setuid(POSTGRES_NOBODY) != 0)) {
        _exit(126);
    }
    (void)setpgid(0, 0); /* a Ctrl-C is this test's, which then ends the server */
    (void)prctl(PR_SET_PDEATHSIG, last);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)setenv("TZ", "UTC", 1);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)execvp(program, (char *const *)(intptr_t)argv);
    _exit(127);
}

/* A connection for a role, or NULL while there is none. */
static inline PGconn *postgres_connect(const char *database, const char *role)
{
    char conninfo[2 * POSTGRES_PATH];
    PGconn *pg;

    (void)snprintf(conninfo, sizeof(conninfo), "host='%s' dbname=%s user=%s", postgres.dir, database, role);
    pg = PQconnectdb(conninfo);
    if (PQstatus(pg) == CONNECTION_OK) {
        return pg;
    }
    PQfinish(pg);
    return NULL;
}

static inline PGconn *postgres_superuser(void)
{
    if (!postgres.superuser) {
        postgres.superuser = postgres_connect("cloudep", POSTGRES_SUPERUSER);
    }
    if (!postgres.superuser) {
        postgres_bail_out("no connection");
    }
    return postgres.superuser;
}

static inline void postgres_exec(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        postgres_bail_out("%s in: %.200s", PQerrorMessage(pg), sql);
    }
    PQclear(result);
}

/* texts: the SQL, its parameters, NULL. */
static inline char *postgres_value_of(const char *const *texts)
{
    PGconn *pg = postgres_superuser();
    PGresult *result;
    char *value = NULL;
    int n = 0;

    while (texts[n + 1]) {
        n++;
    }
    result = PQexecParams(pg, texts[0], n, NULL, texts + 1, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        postgres_bail_out("%s in: %.200s", PQerrorMessage(pg), texts[0]);
    }
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0)) {
        value = strdup(PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return value;
}

/**
 * char *postgres_value(sql, ..., NULL): runs one statement as the superuser, with texts for $1, $2, ...
 * Returns the first cell of the first row, to be given to free(); NULL: no row, or SQL NULL.
 */
#define postgres_value(...) postgres_value_of((const char *const[]){__VA_ARGS__})

/** Runs SQL of any number of statements as the superuser. */
static inline void postgres_sql(const char *sql)
{
    postgres_exec(postgres_superuser(), sql);
}

/* ---- A cloudep_db_t of it: connections are opened as they are needed, and kept ------------------------------- */

typedef struct postgres_connection_t {
    cloudep_db_lease_t lease;
    struct postgres_connection_t *next;
} postgres_connection_t;

typedef struct postgres_connections_t {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    const char *conninfo;
    const apr_dbd_driver_t *driver;
    postgres_connection_t *free;
} postgres_connections_t;

/* The caller holds the mutex. */
static inline postgres_connection_t *postgres_open(postgres_connections_t *all)
{
    postgres_connection_t *connection = apr_pcalloc(all->pool, sizeof(*connection));
    const char *error = NULL;

    connection->lease.driver = all->driver;
    connection->lease.owner = connection;
    if (apr_pool_create(&connection->lease.pool, all->pool) != APR_SUCCESS ||
        apr_dbd_open_ex(all->driver, connection->lease.pool, all->conninfo, &connection->lease.handle, &error) !=
            APR_SUCCESS) {
        printf("# no connection: %s\n", error ? error : "");
        return NULL;
    }
    return connection;
}

static inline apr_status_t postgres_acquire(void *baton, cloudep_db_lease_t *lease, apr_pool_t *p)
{
    postgres_connections_t *all = baton;
    postgres_connection_t *connection;

    (void)p;
    (void)apr_thread_mutex_lock(all->mutex);
    connection = all->free;
    if (connection) {
        all->free = connection->next;
    }
    else {
        connection = postgres_open(all);
    }
    (void)apr_thread_mutex_unlock(all->mutex);
    if (!connection) {
        return CLOUDEP_EDATABASE;
    }
    *lease = connection->lease;
    return APR_SUCCESS;
}

static inline void postgres_release(void *baton, cloudep_db_lease_t *lease)
{
    postgres_connections_t *all = baton;
    postgres_connection_t *connection = lease->owner;

    (void)apr_thread_mutex_lock(all->mutex);
    connection->next = all->free;
    all->free = connection;
    (void)apr_thread_mutex_unlock(all->mutex);
}

static inline void postgres_report(void *baton, const char *label, const char *sqlstate, const char *message)
{
    (void)baton;
    printf("# statement %s: %s %s\n", label, sqlstate, message);
}

/** The database as a role sees it; for any number of threads. Failures of statements show as diagnostics. */
static inline cloudep_db_t *postgres_db(apr_pool_t *pool, const char *role)
{
    cloudep_db_t *db = apr_pcalloc(pool, sizeof(*db));
    postgres_connections_t *all = apr_pcalloc(pool, sizeof(*all));

    all->pool = pool;
    all->conninfo = apr_psprintf(pool, "host='%s' dbname=cloudep user=%s", postgres.dir, role);
    if (apr_dbd_init(pool) != APR_SUCCESS || apr_dbd_get_driver(pool, "pgsql", &all->driver) != APR_SUCCESS ||
        apr_thread_mutex_create(&all->mutex, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS) {
        postgres_bail_out("APR's driver cannot be loaded");
    }
    db->baton = all;
    db->acquire = postgres_acquire;
    db->release = postgres_release;
    db->report = postgres_report;
    db->statement_timeout = 20000;
    db->lock_timeout = 5000;
    return db;
}

/* ---- Start and end ------------------------------------------------------------------------------------------- */

static inline void postgres_wait(pid_t pid, const char *name)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || status != 0) {
        postgres_bail_out("%s failed (%d)", name, status);
    }
}

/** Ends the server; what it holds stays for another postgres_start(). */
static inline void postgres_stop(void)
{
    if (postgres.superuser) {
        PQfinish(postgres.superuser);
        postgres.superuser = NULL;
    }
    if (postgres.pid) {
        (void)kill(postgres.pid, SIGINT);
        (void)waitpid(postgres.pid, NULL, 0);
        postgres.pid = 0;
    }
}

static inline void postgres_at_exit(void)
{
    pid_t pid;

    if (postgres.owner != getpid()) {
        return; /* a child of the test */
    }
    if (postgres.pid) {
        (void)kill(postgres.pid, SIGQUIT); /* at once: its data goes as well */
        (void)waitpid(postgres.pid, NULL, 0);
    }
    pid = fork();
    if (pid == 0) {
        (void)execlp("rm", "rm", "-rf", postgres.dir, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

/* The folder, and an empty cluster in it. */
static inline void postgres_make(void)
{
    const char *const initdb[] = {"-D",        "data", "-U",   "postgres",          "-A",
                                  "trust",     "-E",   "UTF8", "--no-instructions", "--locale=C.UTF-8",
                                  "--no-sync", NULL};
    const char *tmp = getenv("TMPDIR");

    /* The path of a Unix socket ends at 107 bytes. */
    (void)snprintf(postgres.dir, sizeof(postgres.dir), "%s/cloudep-unit-XXXXXX",
                   tmp && *tmp && strlen(tmp) < 60 ? tmp : "/tmp");
    if (!mkdtemp(postgres.dir) || (geteuid() == 0 && chown(postgres.dir, POSTGRES_NOBODY, POSTGRES_NOBODY) != 0)) {
        *postgres.dir = '\0';
        postgres_bail_out("no temporary folder");
    }
    postgres.owner = getpid();
    (void)atexit(postgres_at_exit);
    postgres_wait(postgres_spawn("initdb", SIGKILL, initdb), "initdb");
}

static inline void postgres_run(void)
{
    const char *const server[] = {"-D", "data",
                                  "-k", postgres.dir,
                                  "-c", "listen_addresses=",
                                  "-c", "fsync=off",
                                  "-c", "full_page_writes=off",
                                  "-c", "synchronous_commit=off",
                                  "-c", "shared_buffers=16MB",
                                  "-c", "max_connections=100",
                                  NULL};
    PGconn *pg = NULL;

    postgres.pid = postgres_spawn("postgres", SIGINT, server);
    for (int tries = 0; !pg && tries < 6000; tries++) {
        if (waitpid(postgres.pid, NULL, WNOHANG) == postgres.pid) {
            postgres.pid = 0;
            postgres_bail_out("the server did not start");
        }
        (void)usleep(10000);
        pg = postgres_connect("postgres", POSTGRES_SUPERUSER);
    }
    if (!pg) {
        postgres_bail_out("the server does not answer");
    }
    PQfinish(pg);
}

/* A file's text, from p. */
static inline const char *postgres_file(apr_pool_t *p, const char *path)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *text;

    if (apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        postgres_bail_out("cannot read %s: is this the project's top folder?", path);
    }
    text = apr_pcalloc(p, (apr_size_t)info.size + 1);
    if (apr_file_read_full(file, text, (apr_size_t)info.size, NULL) != APR_SUCCESS) {
        postgres_bail_out("cannot read %s", path);
    }
    (void)apr_file_close(file);
    return text;
}

/* What a database administrator does, and then "cloudepctl migrate". */
static inline void postgres_schema(void)
{
    const char *top = getenv("CLOUDEP_TOP");
    PGconn *pg = postgres_connect("postgres", POSTGRES_SUPERUSER);
    glob_t found = {0};
    apr_pool_t *p;
    cloudep_db_t *db;

    if (!pg || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        postgres_bail_out("no connection");
    }
    postgres_exec(pg, "CREATE DATABASE cloudep");
    PQfinish(pg);
    top = top ? top : ".";
    postgres_sql(postgres_file(p, apr_pstrcat(p, top, "/sql/setup.sql", NULL)));
    db = postgres_db(p, POSTGRES_OWNER);
    if (glob(apr_pstrcat(p, top, "/sql/[0-9]*.sql", NULL), 0, NULL, &found) != 0 ||
        cloudep_operator_migration_table(db, p) != APR_SUCCESS) {
        postgres_bail_out("no migrations in %s/sql", top);
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        const char *sql = postgres_file(p, found.gl_pathv[i]);

        if (cloudep_operator_migration_apply(db, p, (int)apr_atoi64(name),
                                             apr_pstrndup(p, name + 5, strcspn(name + 5, ".")), "0",
                                             sql) != APR_SUCCESS) {
            postgres_bail_out("the migration %s failed", name);
        }
    }
    globfree(&found);
    apr_pool_destroy(p);
}

/** Starts the server, the first time with an empty database of the present schema. Before any thread is started: the
 * server dies with the thread that began it. apr_initialize() must have been called. */
static inline void postgres_start(void)
{
    const int fresh = !*postgres.dir;

    if (fresh) {
        postgres_make();
    }
    postgres_run();
    if (fresh) {
        postgres_schema();
    }
}

#endif
