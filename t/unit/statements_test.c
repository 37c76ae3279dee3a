/*
 * statements_test.c - every statement of every store: its label, its parameters, and whether PostgreSQL with the
 * present schema takes it.
 */
#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_hash.h>

#include "base/store/member_store.h"
#include "base/store/statements.h"
#include "postgres.h"
#include "tap.h"

static const struct {
    const char *store;
    const cloudep_statement_list_t *list;
} stores[] = {
#define STORE(name) {#name, &cloudep_##name##_statements},
    CLOUDEP_STORES(STORE)};
#define STORE_COUNT (sizeof(stores) / sizeof(stores[0]))

/* A store that is not in the list would not be looked at. */
static void test_all_stores(apr_pool_t *p)
{
    apr_finfo_t entry;
    apr_dir_t *dir;
    size_t found = 0;

    if (apr_dir_open(&dir, postgres_path(p, "common/base/store"), p) != APR_SUCCESS) {
        ok(0, "the folder of the stores can be read");
        return;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        const char *ending = strstr(entry.name, "_store.c");
        int listed = 0;

        if (!ending || ending[8]) {
            continue;
        }
        for (size_t i = 0; i < STORE_COUNT; i++) {
            listed += !strcmp(apr_pstrndup(p, entry.name, (apr_size_t)(ending - entry.name)), stores[i].store);
        }
        ok(listed == 1, "%s is in the list of stores once", entry.name);
        found++;
    }
    is_int((long long)found, STORE_COUNT, "every store in the list has its file");
    (void)apr_dir_close(dir);
}

static int is_label(const char *label)
{
    return *label && strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(label) && strlen(label) < 64 &&
           !strchr("0123456789", *label);
}

/* Nothing but %s and %%: apr_dbd has more, which nobody counts. */
static int is_plain(const char *sql)
{
    for (const char *at = strchr(sql, '%'); at; at = strchr(at + 2, '%')) {
        if (at[1] != 's' && at[1] != '%') {
            return 0;
        }
    }
    return 1;
}

static void test_statement(const cloudep_db_lease_t *lease, apr_pool_t *p, const char *store,
                           const cloudep_statement_t *st, apr_hash_t *labels)
{
    apr_dbd_prepared_t *prepared = NULL;

    ok(st->label && st->sql, "the array of the store %s has no hole", store);
    if (!st->label || !st->sql) {
        return;
    }
    ok(is_label(st->label), "the label %s is of [a-z_][a-z0-9_]* and shorter than a name of PostgreSQL", st->label);
    ok(!apr_hash_get(labels, st->label, APR_HASH_KEY_STRING), "the label %s is of one statement only", st->label);
    apr_hash_set(labels, st->label, APR_HASH_KEY_STRING, st);
    ok(is_plain(st->sql), "the statement %s has only %%s and %%%% in it", st->label);
    if (!ok(!apr_dbd_prepare(lease->driver, p, lease->handle, st->sql, st->label, &prepared),
            "PostgreSQL takes the statement %s", st->label)) {
        printf("# %s\n# %s\n", apr_dbd_error(lease->driver, lease->handle, 0), st->sql);
    }
}

static void test_statements(cloudep_db_t *db, apr_pool_t *p)
{
    apr_hash_t *labels = apr_hash_make(p);
    cloudep_db_lease_t lease;

    if (db->acquire(db->baton, &lease, p) != APR_SUCCESS) {
        postgres_bail_out("no connection");
    }
    for (size_t i = 0; i < STORE_COUNT; i++) {
        for (int n = 0; n < stores[i].list->count; n++) {
            test_statement(&lease, p, stores[i].store, &stores[i].list->statements[n], labels);
        }
    }
    db->release(db->baton, &lease);
}

/* Statements have the words of statuses as literals, and the table accepts no others: so must C. */
static void test_statuses(void)
{
    char *check = postgres_value("SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                                 " WHERE conrelid = 'cloudep.members'::regclass AND conname = 'members_status_check'",
                                 NULL);
    int quotes = 0;

    ok(check != NULL, "the table of members has a check of statuses");
    if (!check) {
        return;
    }
    for (int i = 0; i < CLOUDEP_MEMBER_STATUS_COUNT; i++) {
        const char *name = cloudep_member_status_name((cloudep_member_status_e)i);
        cloudep_member_status_e status = CLOUDEP_MEMBER_STATUS_COUNT;
        char quoted[64];

        (void)snprintf(quoted, sizeof(quoted), "'%s'", name);
        ok(strstr(check, quoted) != NULL, "the table of members accepts the status %s", name);
        ok(cloudep_member_status_of(&status, name) == APR_SUCCESS && (int)status == i, "%s is read as itself", name);
    }
    for (const char *at = strchr(check, '\''); at; at = strchr(at + 1, '\'')) {
        quotes++;
    }
    is_int(quotes, 2LL * CLOUDEP_MEMBER_STATUS_COUNT, "the table of members accepts no status that C does not know");
    free(check);
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    postgres_start();
    test_all_stores(pool);
    test_statements(postgres_db(pool, POSTGRES_OWNER), pool);
    test_statuses();
    return done_testing();
}
