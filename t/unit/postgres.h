/*
 * postgres.h - a private PostgreSQL for the unit tests: reached by a socket in a temporary folder, with setup.sql and
 * all migrations of sql/, dead with the test.
 *
 *     postgres_start();
 *     db = postgres_db(pool, POSTGRES_APP);           as httpd connects; any number of threads may use it
 *     postgres_sql("INSERT INTO cloudep.tenants ..."); as the superuser
 *     name = postgres_value("SELECT name FROM cloudep.tenants WHERE slug = $1", "acme", NULL);
 *
 * Where CLOUDEP_BUILD names the build, the first test keeps the empty cluster there, and the others copy it.
 * Whatever cannot be done ends the program ("Bail out!"), so nothing here returns a failure. Run it in the project's
 * top folder, or name that in CLOUDEP_TOP. As root, the server runs as nobody: initdb refuses root.
 */
#ifndef CLOUDEP_TEST_POSTGRES_H
#define CLOUDEP_TEST_POSTGRES_H

#include <apr_escape.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_sha1.h>
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

/** How long statements wait for a lock, in milliseconds. Connections are made anew, as each learns it when it begins.
 */
static inline void postgres_lock_timeout(cloudep_db_t *db, int milliseconds)
{
    postgres_connections_t *all = db->baton;

    (void)apr_thread_mutex_lock(all->mutex);
    db->lock_timeout = milliseconds;
    for (; all->free; all->free = all->free->next) {
        (void)apr_dbd_close(all->driver, all->free->lease.handle);
    }
    (void)apr_thread_mutex_unlock(all->mutex);
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

/* Runs a program of the system. 0: it has done what it should. */
static inline int postgres_command(const char *const *argv)
{
    const pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        (void)execvp(argv[0], (char *const *)(intptr_t)argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static inline void postgres_remove(const char *path)
{
    (void)postgres_command((const char *const[]){"rm", "-rf", path, NULL});
}

static inline void postgres_at_exit(void)
{
    if (postgres.owner != getpid()) {
        return; /* a child of the test */
    }
    if (postgres.pid) {
        (void)kill(postgres.pid, SIGQUIT); /* at once: its data goes as well */
        (void)waitpid(postgres.pid, NULL, 0);
    }
    postgres_remove(postgres.dir);
}

/* The folder of the test's own. */
static inline void postgres_make(void)
{
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
}

static inline void postgres_initdb(void)
{
    const char *const initdb[] = {"-D",
                                  "data",
                                  "-U",
                                  "postgres",
                                  "-A",
                                  "trust",
                                  "-E",
                                  "UTF8",
                                  "--no-instructions",
                                  "--locale=C.UTF-8",
                                  "--no-sync",
                                  "--wal-segsize=1",
                                  NULL};

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
                                  "-c", "max_connections=300",
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

/* The path of one of the project's files. */
static inline const char *postgres_path(apr_pool_t *p, const char *name)
{
    const char *top = getenv("CLOUDEP_TOP");

    return apr_pstrcat(p, top ? top : ".", "/", name, NULL);
}

/* A file of sql/: its name and text. */
typedef struct postgres_script_t {
    const char *name;
    const char *text;
} postgres_script_t;

/* setup.sql and then the migrations, in their order. */
static inline apr_array_header_t *postgres_scripts(apr_pool_t *p)
{
    apr_array_header_t *scripts = apr_array_make(p, 32, sizeof(postgres_script_t));
    glob_t found = {0};

    APR_ARRAY_PUSH(scripts, postgres_script_t) =
        (postgres_script_t){"setup.sql", postgres_file(p, postgres_path(p, "sql/setup.sql"))};
    if (glob(postgres_path(p, "sql/[0-9]*.sql"), 0, NULL, &found) != 0) {
        postgres_bail_out("no migrations: is this the project's top folder?");
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        APR_ARRAY_PUSH(scripts, postgres_script_t) = (postgres_script_t){
            apr_pstrdup(p, strrchr(found.gl_pathv[i], '/') + 1), postgres_file(p, found.gl_pathv[i])};
    }
    globfree(&found);
    return scripts;
}

/* What a database administrator does, and then "cloudepctl migrate". */
static inline void postgres_schema(const apr_array_header_t *scripts, apr_pool_t *p)
{
    PGconn *pg = postgres_connect("postgres", POSTGRES_SUPERUSER);
    cloudep_db_t *db;

    if (!pg) {
        postgres_bail_out("no connection");
    }
    postgres_exec(pg, "CREATE DATABASE cloudep");
    PQfinish(pg);
    postgres_sql(APR_ARRAY_IDX(scripts, 0, postgres_script_t).text);
    db = postgres_db(p, POSTGRES_OWNER);
    if (cloudep_operator_migration_table(db, p) != APR_SUCCESS) {
        postgres_bail_out("no table of migrations");
    }
    for (int i = 1; i < scripts->nelts; i++) {
        const postgres_script_t *at = &APR_ARRAY_IDX(scripts, i, const postgres_script_t);

        if (cloudep_operator_migration_apply(db, p, (int)apr_atoi64(at->name),
                                             apr_pstrndup(p, at->name + 5, strcspn(at->name + 5, ".")), "0",
                                             at->text) != APR_SUCCESS) {
            postgres_bail_out("the migration %s failed", at->name);
        }
    }
}

/* ---- The cluster that is kept: without rows, named after all that makes it ----------------------------------- */

/* A text that is in what it is named after. */
static inline void postgres_hash(apr_sha1_ctx_t *sha1, const char *text)
{
    apr_sha1_update(sha1, text, (unsigned)strlen(text) + 1);
}

/* Its path, whether it is there or not; NULL: none is kept. As root, whose servers are nobody's, none is. */
static inline const char *postgres_kept(const apr_array_header_t *scripts, apr_pool_t *p)
{
    const char *build = getenv("CLOUDEP_BUILD");
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    char server[POSTGRES_PATH];
    apr_sha1_ctx_t sha1;

    if (!build || geteuid() == 0) {
        return NULL;
    }
    postgres_program(server, "postgres");
    apr_sha1_init(&sha1);
    postgres_hash(&sha1, server);
    postgres_hash(&sha1, postgres_file(p, postgres_path(p, "common/base/store/db.c")));
    postgres_hash(&sha1, postgres_file(p, postgres_path(p, "common/base/store/operator_migration_store.c")));
    for (int i = 0; i < scripts->nelts; i++) {
        postgres_hash(&sha1, APR_ARRAY_IDX(scripts, i, postgres_script_t).name);
        postgres_hash(&sha1, APR_ARRAY_IDX(scripts, i, postgres_script_t).text);
    }
    apr_sha1_final(digest, &sha1);
    return apr_pstrcat(p, build, "/unit/cluster-", apr_pescape_hex(p, digest, sizeof(digest), 0), NULL);
}

static inline int postgres_copy(const char *from, const char *to)
{
    return postgres_command((const char *const[]){"cp", "-R", from, to, NULL}) == 0;
}

/* Those of another state than the one kept. */
static inline void postgres_remove_others(const char *kept)
{
    const size_t end = (size_t)(strrchr(kept, '-') - kept);
    char pattern[2 * POSTGRES_PATH];
    glob_t found = {0};

    (void)snprintf(pattern, sizeof(pattern), "%.*s-*", (int)end, kept);
    (void)glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (strncmp(found.gl_pathv[i], kept, strlen(kept)) != 0) {
            postgres_remove(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

/* Keeps the server's data; of several tests at once the first does. What cannot be kept is made again. */
static inline void postgres_keep(const char *kept, const char *data, apr_pool_t *p)
{
    const char *copy = apr_psprintf(p, "%s.%ld", kept, (long)getpid());

    postgres_stop();
    postgres_remove_others(kept);
    if (!postgres_copy(data, copy) || rename(copy, kept) != 0) {
        postgres_remove(copy);
    }
    postgres_run();
}

/** Starts the server, the first time with an empty database of the present schema. Before any thread is started: the
 * server dies with the thread that began it. apr_initialize() must have been called. */
static inline void postgres_start(void)
{
    const apr_array_header_t *scripts;
    const char *kept;
    const char *data;
    apr_pool_t *p;

    if (*postgres.dir) {
        postgres_run();
        return;
    }
    postgres_make();
    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        postgres_bail_out("no memory");
    }
    scripts = postgres_scripts(p);
    kept = postgres_kept(scripts, p);
    data = apr_pstrcat(p, postgres.dir, "/data", NULL);
    if (kept && access(kept, F_OK) == 0) {
        if (!postgres_copy(kept, data)) {
            postgres_bail_out("%s cannot be copied", kept);
        }
        postgres_run();
    }
    else {
        postgres_initdb();
        postgres_run();
        postgres_schema(scripts, p);
        if (kept) {
            postgres_keep(kept, data, p);
        }
    }
    apr_pool_destroy(p);
}

#endif
