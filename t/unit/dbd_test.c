/*
 * dbd_test.c - what is read of the tree of a configuration, what mod_dbd's directives say, and what "cloudepctl check"
 * finds of a real PostgreSQL.
 */
#include <ap_mpm.h>
#include <apr_dbd.h>
#include <apr_general.h>
#include <apr_hooks.h>
#include <apr_optional.h>
#include <mod_dbd.h>

#include "core/dbd.h"
#include "core/dbd_check.h"
#include "core/tree.h"
#include "folder.h"
#include "postgres.h"
#include "tap.h"
#include "tree.h"

static apr_pool_t *p;
static server_rec server;
static cloudep_config_t config;
static int threaded = 1;

AP_DECLARE(apr_status_t) ap_mpm_query(int query_code, int *result)
{
    *result = query_code == AP_MPMQ_IS_THREADED && threaded ? AP_MPMQ_STATIC : AP_MPMQ_NOT_SUPPORTED;
    return APR_SUCCESS;
}

DBD_DECLARE_NONSTD(ap_dbd_t *) ap_dbd_open(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    (void)s;
    return NULL;
}

/* ---- The tree -----------------------------------------------------------------------------------------------------
 */

#define HOSTS                                                                                                          \
    "DBDMax 1\n"                                                                                                       \
    "<IfModule x>\n"                                                                                                   \
    "dbdmax 2 more\n"                                                                                                  \
    "</IfModule>\n"                                                                                                    \
    "<VirtualHost *:1>\n"                                                                                              \
    "DBDMax 3\n"                                                                                                       \
    "<IfModule x>\n"                                                                                                   \
    "DBDMax 4\n"                                                                                                       \
    "</IfModule>\n"                                                                                                    \
    "</VirtualHost>\n"                                                                                                 \
    "<IfModule x>\n"                                                                                                   \
    "<VirtualHost *:2>\n"                                                                                              \
    "DBDriver \"pg sql\"\n"                                                                                            \
    "</VirtualHost>\n"                                                                                                 \
    "</IfModule>\n"

static server_rec host_at(unsigned line, const char *file)
{
    return (server_rec){.is_virtual = 1, .defn_line_number = line, .defn_name = file};
}

static void test_arguments(void)
{
    const server_rec first = host_at(5, "test.conf"), second = host_at(12, "test.conf");
    const server_rec elsewhere = host_at(5, "other.conf");

    ap_conftree = tree_of(p, HOSTS);
    is_str(cloudep_tree_argument(&server, "DBDMax", p), "2",
           "of the main server's directives the last counts, in any letters, but no virtual host's");
    is_str(cloudep_tree_argument(&first, "DBDMax", p), "4", "a virtual host's last one counts for it");
    is_str(cloudep_tree_argument(&second, "DBDMax", p), "2", "one that has none has the main server's");
    is_str(cloudep_tree_argument(&elsewhere, "DBDMax", p), "2", "a virtual host of another file is another one");
    is_str(cloudep_tree_argument(&second, "DBDriver", p), "pg sql",
           "a virtual host inside a section, a word in quotes");
    is_str(cloudep_tree_argument(&server, "DBDriver", p), NULL, "which the main server does not have");
    ok(cloudep_tree_has("dbdriver"), "but which is there");
    ok(!cloudep_tree_has("DBDParams"), "another is not");
    ap_conftree = tree_of(p, "DBDMax 8\nDBDMax 9\n");
    is_str(cloudep_tree_argument(&server, "DBDMax", p), "9", "of two beside each other the last counts");
}

static void collect(const ap_directive_t *node, apr_pool_t *pool, void *text)
{
    *(const char **)text = apr_pstrcat(pool, *(const char **)text, cloudep_tree_word(node, pool), " ", NULL);
}

static void test_each(void)
{
    const char *text = "";

    ap_conftree = tree_of(p, HOSTS);
    cloudep_tree_each(ap_conftree, "dbdmax", p, collect, &text);
    is_str(text, "1 2 3 4 ", "each directive of a name is seen, in their order");
    text = "";
    cloudep_tree_each(ap_conftree, "<VirtualHost", p, collect, &text);
    is_str(text, "*:1 *:2 ", "and each section, by its argument alone");
    text = "";
    ap_conftree = tree_of(p, "SetHandler a>\n<Files a >\n</Files>\n");
    cloudep_tree_each(ap_conftree, "SetHandler", p, collect, &text);
    cloudep_tree_each(ap_conftree, "<Files", p, collect, &text);
    is_str(text, "a> a ", "of a directive's word, and of one that does not end a section, all is taken");
}

/* ---- DBDParams and DBDMax -----------------------------------------------------------------------------------------
 */

static void test_read(void)
{
    cloudep_dbd_t dbd;

    (void)unsetenv("PGPASSFILE"); /* NOLINT(concurrency-mt-unsafe): one thread */
    ap_conftree = NULL;
    cloudep_dbd_read(&dbd, &server, p);
    is_str(dbd.params, "", "without DBDParams there are none");
    is_str(dbd.passfile, NULL, "and no passfile");
    ap_conftree = tree_of(p, "DBDParams \"user=u password=geheim dbname=d target_session_attrs=read-write host=h,i "
                             "hostaddr=127.0.0.1 port=5,6\"\n");
    (void)setenv("PGPASSFILE", "/of/environment", 1); /* NOLINT(concurrency-mt-unsafe): one thread */
    cloudep_dbd_read(&dbd, &server, p);
    is_str(dbd.target, "host=h,i hostaddr=127.0.0.1 port=5,6 dbname=d user=u target_session_attrs=read-write",
           "messages say where they lead, without the password");
    is_str(dbd.passfile, "/of/environment", "the passfile may be the environment's");
    ap_conftree = tree_of(p, "DBDParams \"host='' passfile='' dbname=d\"\n");
    cloudep_dbd_read(&dbd, &server, p);
    is_str(dbd.target, "dbname=d", "what is empty is not told");
    is_str(dbd.passfile, "/of/environment", "and names no passfile");
    ap_conftree = tree_of(p, "DBDParams \"passfile=/of/params\"\n");
    cloudep_dbd_read(&dbd, &server, p);
    is_str(dbd.passfile, "/of/params", "and that of DBDParams goes before it");
    (void)unsetenv("PGPASSFILE"); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static int connections(const char *max, int wanted)
{
    ap_conftree = max ? tree_of(p, apr_pstrcat(p, "DBDMax ", max, "\n", NULL)) : NULL;
    config.database_connections = wanted;
    return cloudep_dbd_connections(&server, &config, p);
}

static void test_connections(void)
{
    is_int(connections("4", 3), 3, "a child uses CloudEPDatabaseConnections");
    is_int(connections("4", 4), 4, "up to DBDMax");
    is_int(connections("4", 5), 4, "and no more than that");
    is_int(connections(NULL, 11), 10, "which is ten unless it is set");
    is_int(connections(NULL, 10), 10, "all of which may be used");
    is_int(connections("0", 5), 5, "0 is no limit");
    threaded = 0;
    is_int(connections("4", 5), 5, "without threads there is no DBDMax");
    threaded = 1;
}

static const char *fault_of(const char *path)
{
    const cloudep_dbd_t dbd = {.passfile = path};
    const char *fault = cloudep_dbd_passfile_fault(&dbd, p);

    return fault ? fault : "";
}

static void test_passfile(void)
{
    const char *path = folder_file("pgpass", "*:*:*:*:geheim\n", 0600);

    is_str(fault_of(NULL), "", "no passfile is none to complain of");
    is_str(fault_of(path), "", "nor is one that nobody else may read");
    (void)chmod(path, 0640);
    ok(strstr(fault_of(path), "may be read by others (mode 0640)") != NULL, "one that its group may read is");
    (void)chmod(path, 0602);
    ok(strstr(fault_of(path), "may be read by others (mode 0602)") != NULL, "one that others may write, too");
    (void)chmod(path, 0);
    ok(geteuid() == 0 || strstr(fault_of(path), "(Permission denied)"), "one that httpd may not read is told");
    ok(strstr(fault_of(folder.path), "is not a file") != NULL, "a folder is no passfile");
    ok(strstr(fault_of("/nowhere/pgpass"), "/nowhere/pgpass cannot be read by the user id ") != NULL &&
           strstr(fault_of("/nowhere/pgpass"), "(No such file or directory)") != NULL,
       "one that is not there is told, with the reason");
}

static void is_prepared(const char *tree, apr_status_t want, const char *said, const char *name)
{
    const char *error = "";
    apr_status_t rv;

    ap_conftree = tree_of(p, tree);
    rv = cloudep_dbd_prepare(&server, &config, p, &error);
    ok(rv == want && strstr(error, said) && !strstr(error, "geheim"), "%s: %d %s", name, rv, error);
}

static void test_prepared(void)
{
    config.database = 0;
    is_prepared("", APR_SUCCESS, "", "nothing is asked of a server without a database");
    config.database = 1;
    is_prepared("DBDriver pgsql\n", CLOUDEP_EUNSET, "needs mod_dbd: add LoadModule dbd_module", "without mod_dbd");
    apr_hook_global_pool = p;
    APR_REGISTER_OPTIONAL_FN(ap_dbd_open);
    is_prepared("", CLOUDEP_EUNSET, "needs DBDriver: add DBDriver pgsql", "without DBDriver");
    is_prepared("DBDriver sqlite3\n", CLOUDEP_EMALFORMED, "DBDriver sqlite3: CloudEPDatabase On needs DBDriver pgsql",
                "another DBDriver");
    is_prepared("DBDriver pgsql\nDBDParams \"hots=h password=geheim\"\n", CLOUDEP_EMALFORMED,
                "(an option that it does not know)", "an unknown option");
    is_prepared("DBDriver pgsql\nDBDParams \"h geheim\"\n", CLOUDEP_EMALFORMED, "(not option=value)", "no options");
    is_prepared("DBDriver pgsql\nDBDParams \"host=h\"\n", APR_SUCCESS, "", "what libpq can read");
    is_prepared("<VirtualHost *:1>\nDBDriver pgsql\n</VirtualHost>\n", APR_SUCCESS, "", "DBDriver in a virtual host");
}

/* ---- cloudepctl check ---------------------------------------------------------------------------------------------
 */

/* What it says of that database, with lines of the configuration beside DBDParams. */
static const char *checked_at(apr_status_t want, const char *database, const char *lines, const char *name)
{
    const char *said = "";
    apr_status_t rv;

    ap_conftree = tree_of(
        p, apr_psprintf(p, "DBDParams \"host=%s dbname=%s user=" POSTGRES_APP "\"\n%s", postgres.dir, database, lines));
    rv = cloudep_dbd_check(&server, &config, p, &said);
    ok(rv == want, "%s: %d, %s", name, rv, said ? said : "nothing");
    return said ? said : "";
}

static const char *checked(apr_status_t want, const char *lines, const char *name)
{
    return checked_at(want, "cloudep", lines, name);
}

#define GOOD "PostgreSQL answers, and the schema is that of this version"

static void test_check(void)
{
    const char *said;

    is_str(checked(APR_SUCCESS, "", "a good database"), GOOD, "is said to be good");
    is_str(getenv("PGCONNECT_TIMEOUT"), "10", /* NOLINT(concurrency-mt-unsafe): one thread */
           "no server is waited for longer than ten seconds");
    (void)setenv("PGCONNECT_TIMEOUT", "7", 1); /* NOLINT(concurrency-mt-unsafe): one thread */
    (void)setenv("PGPASSFILE", folder_file("open", "*:*:*:*:geheim\n", 0644), 1); /* NOLINT: one thread */
    said = checked_at(APR_EGENERAL, "nothing", "", "a database that is not there");
    ok(!strncmp(said, "DBDParams (host=", 16) && strstr(said, "database \"nothing\" does not exist") &&
           !strchr(said, '\n'),
       "is told with the server's words, in one line");
    ok(strstr(said, ". The passfile ") != NULL, "and the fault of the passfile");
    (void)unsetenv("PGPASSFILE");            /* NOLINT(concurrency-mt-unsafe): one thread */
    is_str(getenv("PGCONNECT_TIMEOUT"), "7", /* NOLINT(concurrency-mt-unsafe): one thread */
           "an operator's own time stays");
}

static void test_check_tenants(void)
{
    postgres_sql("INSERT INTO cloudep.tenants (slug, name) VALUES ('one', 'One'), ('two', 'Two')");
    is_str(checked(APR_SUCCESS, "<Location /x>\nrequire CloudEP-tenant one two\nRequire user three\n</Location>\n",
                   "places of tenants that are there"),
           GOOD, "are good");
    is_str(checked(APR_NOTFOUND, "<Location /x>\nRequire cloudep-tenant one three\n</Location>\n",
                   "a place of a tenant that is not there"),
           "Require cloudep-tenant three: there is no such tenant, so that nobody passes", "is told");
    is_str(checked(APR_NOTFOUND, "Require cloudep-tenant three\nRequire cloudep-tenant one\n", "whichever comes last"),
           "Require cloudep-tenant three: there is no such tenant, so that nobody passes", "it is told");
}

static void test_check_unknown_tenants(void)
{
    const char *said;

    postgres_sql("REVOKE SELECT ON cloudep.tenants FROM " POSTGRES_APP);
    said = checked(CLOUDEP_EDATABASE, "Require cloudep-tenant one\n", "a table of tenants that the role may not read");
    ok(strstr(said, "run cloudepctl migrate") != NULL, "is the schema's fault, and no tenant's");
    postgres_sql("GRANT SELECT ON cloudep.tenants TO " POSTGRES_APP);
}

static void test_check_clock(void)
{
    const char *said;

    config.clock_leeway = -1; /* less than any difference */
    said = checked(CLOUDEP_EREFUSED, "", "a clock that differs by more than CloudEPClockLeeway");
    ok(!strncmp(said, "this machine's clock is 0 s ", 28) && strstr(said, "that of the database: set both by NTP"),
       "is told with the remedy");
    config.clock_leeway = 0;
    (void)checked(APR_SUCCESS, "", "one that does not differ by more");
    config.clock_leeway = 5;
}

#define VERSION "(SELECT max(version) FROM cloudep.migrations)"
#define OLD "the schema is not that of this version: run cloudepctl migrate ("

static void test_check_schema(void)
{
    const char *said;

    postgres_sql("CREATE TEMP TABLE kept AS SELECT * FROM cloudep.migrations WHERE version = " VERSION);
    postgres_sql("INSERT INTO cloudep.migrations (version, name, checksum) SELECT version + 1, 'next', checksum"
                 " FROM kept");
    (void)checked(APR_SUCCESS, "", "a schema of a later version");
    postgres_sql("DELETE FROM cloudep.migrations WHERE version >= (SELECT version FROM kept)");
    is_str(checked(CLOUDEP_EREFUSED, "", "one of the version before"),
           apr_psprintf(p, "the schema is at migration %04d, and this version needs %04d: run cloudepctl migrate",
                        CLOUDEP_SCHEMA_VERSION - 1, CLOUDEP_SCHEMA_VERSION),
           "is told with the remedy");
    postgres_sql("INSERT INTO cloudep.migrations SELECT * FROM kept");
    postgres_sql("REVOKE SELECT ON cloudep.migrations FROM " POSTGRES_APP);
    said = checked(CLOUDEP_EDATABASE, "", "a schema that the role may not read");
    ok(!strncmp(said, OLD "ERROR:  42501: permission denied", strlen(OLD "ERROR:  42501: permission denied")),
       "is told with the remedy");
    postgres_sql("ALTER TABLE cloudep.migrations RENAME COLUMN version TO other");
    postgres_sql("GRANT SELECT ON cloudep.migrations TO " POSTGRES_APP);
    said = checked(CLOUDEP_EDATABASE, "", "one without a column");
    ok(!strncmp(said, OLD "ERROR:  42703: column", strlen(OLD "ERROR:  42703: column")), "as well");
    postgres_sql("ALTER TABLE cloudep.migrations RENAME TO others");
    said = checked(CLOUDEP_EDATABASE, "", "one without a table");
    ok(!strncmp(said, OLD "ERROR:  42P01: relation", strlen(OLD "ERROR:  42P01: relation")), "as well");
    postgres_sql("CREATE VIEW cloudep.migrations AS SELECT 1 / (count(*) - count(*)) AS version FROM cloudep.others");
    postgres_sql("GRANT SELECT ON cloudep.migrations TO " POSTGRES_APP);
    is_str(checked(CLOUDEP_EDATABASE, "", "another failure"), "ERROR:  22012: division by zero",
           "is told in the server's words");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    folder_make(p);
    config.statement_timeout = 20000;
    config.lock_timeout = 5000;
    config.clock_leeway = 5;
    test_arguments();
    test_each();
    test_read();
    test_connections();
    test_passfile();
    test_prepared();
    postgres_start();
    test_check();
    test_check_tenants();
    test_check_unknown_tenants();
    test_check_clock();
    test_check_schema();
    folder_remove();
    return done_testing();
}
