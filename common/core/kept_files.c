/*
 * kept_files.c - see kept_files.h.
 */
#include "core/kept_files.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <string.h>

#define KEY "cloudep_kept_files" /* of the pool's userdata */

typedef struct file_t {
    char *text;
    apr_size_t len;
} file_t;

/* What is known while a configuration is read. */
typedef struct reading_t {
    cloudep_kept_t *kept;
    apr_hash_t *now; /* path -> file_t */
    int use_before;
} reading_t;

static reading_t *reading_of(apr_pool_t *pool)
{
    void *reading = NULL;

    return apr_pool_userdata_get(&reading, KEY, pool) == APR_SUCCESS ? reading : NULL;
}

void cloudep_kept_begin(cloudep_kept_t *kept, apr_pool_t *pconf)
{
    reading_t *reading = apr_pcalloc(pconf, sizeof(*reading));

    reading->kept = kept;
    reading->now = apr_hash_make(pconf);
    (void)apr_pool_userdata_setn(reading, KEY, NULL, pconf);
}

int cloudep_kept_any(apr_pool_t *pconf)
{
    const reading_t *reading = reading_of(pconf);

    return reading && reading->kept->files;
}

void cloudep_kept_use(apr_pool_t *pconf, int use)
{
    reading_of(pconf)->use_before = use;
}

int cloudep_kept_in_use(apr_pool_t *pool)
{
    const reading_t *reading = reading_of(pool);

    return reading && reading->use_before;
}

static file_t *copy_of(apr_pool_t *pool, const char *text, apr_size_t len)
{
    file_t *file = apr_palloc(pool, sizeof(*file));

    file->text = apr_pstrmemdup(pool, text, len);
    file->len = len;
    return file;
}

int cloudep_kept_get(const char **text, apr_size_t *len, apr_pool_t *pool, const char *path)
{
    reading_t *reading = reading_of(pool);
    const file_t *file;

    if (!reading || !reading->use_before) {
        return 0;
    }
    file = apr_hash_get(reading->kept->files, path, APR_HASH_KEY_STRING);
    *text = NULL;
    *len = 0;
    if (file) {
        /* What goes on is kept for the next restart too. */
        cloudep_kept_put(pool, path, file->text, file->len);
        *text = apr_pstrmemdup(pool, file->text, file->len);
        *len = file->len;
    }
    return 1;
}

apr_array_header_t *cloudep_kept_names(apr_pool_t *pool, const char *folder)
{
    apr_array_header_t *names = apr_array_make(pool, 16, sizeof(const char *));
    const reading_t *reading = reading_of(pool);
    const apr_size_t length = strlen(folder);

    for (apr_hash_index_t *at = apr_hash_first(pool, reading->kept->files); at; at = apr_hash_next(at)) {
        const char *path = apr_hash_this_key(at);

        if (!strncmp(path, folder, length) && path[length] == '/' && !strchr(path + length + 1, '/')) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrdup(pool, path + length + 1);
        }
    }
    return names;
}

void cloudep_kept_put(apr_pool_t *pool, const char *path, const char *text, apr_size_t len)
{
    reading_t *reading = reading_of(pool);

    if (reading) {
        apr_hash_set(reading->now, apr_pstrdup(pool, path), APR_HASH_KEY_STRING, copy_of(pool, text, len));
    }
}

static void wipe(apr_pool_t *scratch, apr_hash_t *files)
{
    for (apr_hash_index_t *at = files ? apr_hash_first(scratch, files) : NULL; at; at = apr_hash_next(at)) {
        const file_t *file = apr_hash_this_val(at);

        OPENSSL_cleanse(file->text, file->len);
    }
}

void cloudep_kept_commit(apr_pool_t *pconf, apr_pool_t *process)
{
    reading_t *reading = reading_of(pconf);
    cloudep_kept_t *kept = reading->kept;
    const cloudep_kept_t old = *kept;

    if (apr_pool_create(&kept->pool, process) != APR_SUCCESS) {
        *kept = old;
        return;
    }
    kept->files = apr_hash_make(kept->pool);
    for (apr_hash_index_t *at = apr_hash_first(pconf, reading->now); at; at = apr_hash_next(at)) {
        const file_t *file = apr_hash_this_val(at);

        apr_hash_set(kept->files, apr_pstrdup(kept->pool, apr_hash_this_key(at)), APR_HASH_KEY_STRING,
                     copy_of(kept->pool, file->text, file->len));
    }
    wipe(pconf, old.files);
    if (old.pool) {
        apr_pool_destroy(old.pool);
    }
}
