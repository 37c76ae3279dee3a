/*
 * migrate.c - brings the database's schema up to the migrations in a folder.
 *
 * A migration is a file NNNN_name.sql. The database remembers number, name and checksum of each that it has;
 * history is never rewritten: a file that changed after it was applied, or a database that has more than the folder,
 * stops the run before anything happens.
 */
#include "cloudepctl.h"

#include <apr_escape.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CLOUDEPCTL_SQL_DIR CLOUDEP_DATADIR "/sql"
/* A migration is written by hand; a larger file is something else. In bytes. */
#define LARGEST_FILE (4 * 1024 * 1024)

typedef struct migration_t {
    int version;
    const char *file;
    const char *name;       /* between number and .sql */
    const char *sql;        /* NULL: the database has it, the folder does not */
    const char *checksum;   /* SHA-256, hexadecimal */
    const char *applied_at; /* NULL: not yet */
    int ours;               /* applied by this run */
} migration_t;

static const cloudepctl_column_t columns[] = {
    {"version", "VERSION"}, {"name", "NAME"}, {"state", "STATE"}, {"applied_at", "APPLIED"}, {NULL, NULL}};

static const char *folder_of(const cloudepctl_t *ctl)
{
    const char *folder = cloudepctl_option(ctl, "sql-dir");

    return folder ? folder : CLOUDEPCTL_SQL_DIR;
}

static int cannot_read(cloudepctl_t *ctl, const char *path, apr_status_t rv)
{
    char text[128];

    return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s: %s", path, apr_strerror(rv, text, sizeof(text)));
}

static const char *sha256(apr_pool_t *p, const char *data, apr_size_t length)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char *hex;

    if (!EVP_Digest(data, length, digest, &size, EVP_sha256(), NULL)) {
        return NULL;
    }
    hex = apr_palloc(p, size * 2 + 1);
    return apr_escape_hex(hex, digest, size, 0, NULL) == APR_SUCCESS ? hex : NULL;
}

/* The text of an open file; CLOUDEP_EMALFORMED: no file of SQL. */
static apr_status_t read_sql(const char **text, apr_pool_t *p, apr_file_t *file)
{
    apr_finfo_t info;
    char *sql;
    apr_status_t rv;

    if ((rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file))) {
        return rv;
    }
    if (info.filetype != APR_REG || info.size > LARGEST_FILE) {
        return CLOUDEP_EMALFORMED;
    }
    sql = apr_pcalloc(p, (apr_size_t)info.size + 1);
    if (info.size > 0 && (rv = apr_file_read_full(file, sql, (apr_size_t)info.size, NULL))) {
        return rv;
    }
    *text = sql;
    return strlen(sql) == (apr_size_t)info.size ? APR_SUCCESS : CLOUDEP_EMALFORMED;
}

static int read_file(cloudepctl_t *ctl, migration_t *m)
{
    const char *path = apr_pstrcat(ctl->pool, folder_of(ctl), "/", m->file, NULL);
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, ctl->pool);

    if (rv != APR_SUCCESS) {
        return cannot_read(ctl, path, rv);
    }
    rv = read_sql(&m->sql, ctl->pool, file);
    (void)apr_file_close(file);
    if (rv == CLOUDEP_EMALFORMED) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s: not a file of SQL", path);
    }
    if (rv != APR_SUCCESS) {
        return cannot_read(ctl, path, rv);
    }
    m->checksum = sha256(ctl->pool, m->sql, strlen(m->sql));
    return m->checksum ? CLOUDEPCTL_DONE : cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s: no checksum", path);
}

/* NNNN_name.sql, name of a-z, 0-9 and _. Other files (setup.sql) are none of ours. */
static int is_migration(migration_t *m, const char *file, apr_pool_t *p)
{
    const apr_size_t length = strlen(file);

    if (length < 10 || strcmp(file + length - 4, ".sql") || file[4] != '_' || strspn(file, "0123456789") != 4) {
        return 0;
    }
    m->file = apr_pstrdup(p, file);
    m->name = apr_pstrmemdup(p, file + 5, length - 9);
    m->version = (int)apr_atoi64(file);
    return m->version > 0 && strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(m->name);
}

static int by_version(const void *a, const void *b)
{
    return ((const migration_t *)a)->version - ((const migration_t *)b)->version;
}

/* All migrations of the folder, in order. */
static int read_folder(cloudepctl_t *ctl, apr_array_header_t *list)
{
    const char *folder = folder_of(ctl);
    apr_dir_t *dir;
    apr_finfo_t entry;
    migration_t *m;
    int code = CLOUDEPCTL_DONE;
    apr_status_t rv = apr_dir_open(&dir, folder, ctl->pool);

    if (rv != APR_SUCCESS) {
        return cannot_read(ctl, folder, rv);
    }
    while (!code && ((rv = apr_dir_read(&entry, APR_FINFO_NAME, dir)) == APR_SUCCESS || rv == APR_INCOMPLETE)) {
        migration_t found = {0};

        if (entry.name && is_migration(&found, entry.name, ctl->pool)) {
            code = read_file(ctl, &found);
            APR_ARRAY_PUSH(list, migration_t) = found;
        }
    }
    (void)apr_dir_close(dir);
    if (code) {
        return code;
    }
    if (list->nelts == 0) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s: no migrations (NNNN_name.sql)", folder);
    }
    qsort(list->elts, (size_t)list->nelts, sizeof(migration_t), by_version);
    m = (migration_t *)(void *)list->elts;
    for (int i = 1; i < list->nelts; i++) {
        if (m[i].version == m[i - 1].version) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s: %s and %s have one number", folder, m[i - 1].file,
                                   m[i].file);
        }
    }
    return CLOUDEPCTL_DONE;
}

/* The schema, and what the DBA has to do when it is not there. *table: whether anything was ever applied. */
static int check_schema(cloudepctl_t *ctl, int *table)
{
    cloudep_operator_schema_t schema;
    apr_status_t rv = cloudep_operator_schema(&ctl->db, ctl->pool, &schema);

    if (rv != APR_SUCCESS) {
        const int code = cloudepctl_database_failed(ctl, rv);

        /* On a new server the role to connect as is one of the things that setup.sql makes. */
        return strstr(ctl->error, "role \"")
                   ? cloudepctl_fail(ctl, code, "%s (on a new server a database administrator runs %s/setup.sql first)",
                                     ctl->error, folder_of(ctl))
                   : code;
    }
    *table = schema.table;
    if (!schema.schema || !schema.app_role) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                               "the %s missing: a database administrator must run %s/setup.sql with psql first",
                               schema.schema ? "role cloudep_app is" : "schema cloudep is", folder_of(ctl));
    }
    if (!schema.may_create) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                               "this user may not change the schema cloudep: connect as its owner (cloudep_owner)");
    }
    return CLOUDEPCTL_DONE;
}

/* Compares one applied migration with the folder; notes it there. */
static int match(cloudepctl_t *ctl, apr_array_header_t *list, const cloudep_operator_migration_t *applied)
{
    const migration_t *last = &APR_ARRAY_IDX(list, list->nelts - 1, migration_t);

    for (int i = 0; i < list->nelts; i++) {
        migration_t *m = &APR_ARRAY_IDX(list, i, migration_t);

        if (m->version != applied->version) {
            continue;
        }
        if (strcmp(m->checksum, applied->checksum)) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                                   "%s is not what was applied (its checksum changed): restore the file, and put the "
                                   "change into a new migration",
                                   m->file);
        }
        m->applied_at = applied->applied_at;
        return CLOUDEPCTL_DONE;
    }
    return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                           applied->version > last->version
                               ? "the database is newer than %s: it has migration %04d; use the "
                                 "cloudepctl and the files of that version"
                               : "%s lacks migration %04d, which the database has",
                           folder_of(ctl), applied->version);
}

/* What the database has, noted in the list. */
static int read_applied(cloudepctl_t *ctl, apr_array_header_t *list)
{
    apr_array_header_t *applied;
    apr_status_t rv = cloudep_operator_migration_list(&ctl->db, ctl->pool, &applied);
    int code = CLOUDEPCTL_DONE;

    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    for (int i = 0; i < applied->nelts && !code; i++) {
        code = match(ctl, list, &APR_ARRAY_IDX(applied, i, cloudep_operator_migration_t));
    }
    return code;
}

static json_t *migration_json(const migration_t *m)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s?}", "version", m->version, "name", m->name, "state",
                     m->applied_at ? "applied" : "pending", "checksum", m->checksum, "applied_at", m->applied_at);
}

static int apply(cloudepctl_t *ctl, apr_array_header_t *list, migration_t *m)
{
    int code;
    apr_status_t rv = cloudep_operator_migration_apply(&ctl->db, ctl->pool, m->version, m->name, m->checksum, m->sql);

    if (rv == CLOUDEP_ECONFLICT) {
        code = read_applied(ctl, list);
        if (code || m->applied_at) {
            return code; /* another run was faster */
        }
        return cloudepctl_fail(ctl, CLOUDEPCTL_DATABASE,
                               "%s: database: a unique constraint was violated; nothing of the file "
                               "was applied",
                               m->file);
    }
    if (rv != APR_SUCCESS) {
        code = cloudepctl_database_failed(ctl, rv);
        return cloudepctl_fail(ctl, code, "%s: %s", m->file, ctl->error);
    }
    m->ours = 1;
    return CLOUDEPCTL_DONE;
}

static int apply_pending(cloudepctl_t *ctl, apr_array_header_t *list)
{
    json_t *done = cloudepctl_own(ctl, json_array());
    int code = CLOUDEPCTL_DONE;
    const char *text = "";

    for (int i = 0; i < list->nelts && !code; i++) {
        migration_t *m = &APR_ARRAY_IDX(list, i, migration_t);

        if (m->applied_at) {
            continue;
        }
        code = apply(ctl, list, m);
        if (m->ours) {
            text = apr_pstrcat(ctl->pool, text, "applied ", m->file, "\n", NULL);
            (void)json_array_append_new(done, json_pack("{s:i, s:s}", "version", m->version, "name", m->name));
        }
    }
    if (code && *text && !ctl->json) {
        (void)cloudepctl_print_text(ctl, text);
    }
    if (code) {
        return code;
    }
    if (ctl->json) {
        return cloudepctl_print_list(ctl, "applied", columns, done, NULL);
    }
    return cloudepctl_print_text(ctl, *text ? text : "nothing to do: the database is up to date\n");
}

/* What no migration can mend. It is told on standard error and makes no run fail. */
static int warn(cloudepctl_t *ctl)
{
    apr_array_header_t *list;
    apr_status_t rv = cloudep_operator_migration_warnings(&ctl->db, ctl->pool, &list);

    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    for (int i = 0; i < list->nelts; i++) {
        cloudepctl_warn(ctl, APR_ARRAY_IDX(list, i, cloudep_operator_warning_t).text);
    }
    return CLOUDEPCTL_DONE;
}

static int print_status(cloudepctl_t *ctl, const apr_array_header_t *list)
{
    json_t *states = cloudepctl_own(ctl, json_array());
    int pending = 0;
    int code;

    for (int i = 0; i < list->nelts; i++) {
        pending |= !APR_ARRAY_IDX(list, i, migration_t).applied_at;
        (void)json_array_append_new(states, migration_json(&APR_ARRAY_IDX(list, i, migration_t)));
    }
    code = cloudepctl_print_list(ctl, "migrations", columns, states, NULL);
    if (code || !pending) {
        return code;
    }
    ctl->told = 1;
    return CLOUDEPCTL_PENDING;
}

static int migrate(cloudepctl_t *ctl)
{
    apr_array_header_t *list = apr_array_make(ctl->pool, 16, sizeof(migration_t));
    const int status_only = cloudepctl_option(ctl, "status") != NULL;
    apr_status_t rv;
    int table = 0;
    int warned;
    int code;

    /* Building an index on a large table takes what it takes; waiting for a lock does not. */
    ctl->db.statement_timeout = 0;
    if ((code = read_folder(ctl, list)) || (code = check_schema(ctl, &table))) {
        return code;
    }
    if (!status_only && !table) {
        if ((rv = cloudep_operator_migration_table(&ctl->db, ctl->pool))) {
            return cloudepctl_database_failed(ctl, rv);
        }
        table = 1;
    }
    if (table && (code = read_applied(ctl, list))) {
        return code;
    }
    code = status_only ? print_status(ctl, list) : apply_pending(ctl, list);
    if (code && code != CLOUDEPCTL_PENDING) {
        return code;
    }
    warned = warn(ctl);
    return warned ? warned : code;
}

static const cloudepctl_option_t options[] = {
    {"sql-dir", "DIR", "where the migrations are (default " CLOUDEPCTL_SQL_DIR ")", 0},
    {"status", NULL, "only show which are applied and which are pending (then the exit code is 7)", 0},
    {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_migrate_commands[] = {
    {"migrate", NULL, "Brings the schema up to date, as the schema's owner.", options,
     "Once before the first run, a database administrator runs setup.sql with psql: it makes the roles and the\n"
     "schema. Each migration is one transaction together with the note that it was applied. Several runs at the same\n"
     "time do no harm. Settings and rights of the role cloudep_app that do harm are told on standard error.\n",
     "  cloudepctl migrate --database 'host=db.example.org dbname=cloudep user=cloudep_owner'\n"
     "  cloudepctl migrate --status\n",
     migrate},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
