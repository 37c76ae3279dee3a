/*
 * kept_files.h - the files that directives name, as they were when httpd last read its configuration with success.
 *
 * httpd ends when a restart fails. So that a key file of a wrong mode or a broken template does not end it, a part
 * whose files are not good on a restart is prepared once more, from what the same files held before. A first start, and
 * "apachectl configtest", have no before and refuse.
 *
 * Only bytes are kept, never what was parsed from them: the module is unloaded between two configurations. They are in
 * the memory of the processes that have the keys anyway, and are wiped when newer ones take their place.
 */
#ifndef CLOUDEP_KEPT_FILES_H
#define CLOUDEP_KEPT_FILES_H

#include <apr_pools.h>
#include <apr_tables.h>

/* What outlives a configuration; all zero at first. */
typedef struct cloudep_kept_t {
    apr_pool_t *pool;         /* of what follows */
    struct apr_hash_t *files; /* NULL: nothing is kept */
} cloudep_kept_t;

/**
 * Makes what readers with this pool have read known to the next configuration.
 * @param pconf the pool of the configuration, which readers are given
 */
void cloudep_kept_begin(cloudep_kept_t *kept, apr_pool_t *pconf);

/** Whether there is a before. */
int cloudep_kept_any(apr_pool_t *pconf);

/** From now on readers with this pool get what was before, or (0) read the files. */
void cloudep_kept_use(apr_pool_t *pconf, int use);

/** What was read takes the place of what was kept. process: a pool that outlives the configuration. */
void cloudep_kept_commit(apr_pool_t *pconf, apr_pool_t *process);

/* For those who read files at start. Where nobody began, as in a tool or a test, they always read. */

/** Whether readers get what was before. */
int cloudep_kept_in_use(apr_pool_t *pool);

/**
 * What a file held before, a zero byte behind it. 0: it is to be read. *text NULL: there was no such file.
 */
int cloudep_kept_get(const char **text, apr_size_t *len, apr_pool_t *pool, const char *path);

/** The names (const char *) of the files below a folder that were read before. */
apr_array_header_t *cloudep_kept_names(apr_pool_t *pool, const char *folder);

/** Notes what was read. */
void cloudep_kept_put(apr_pool_t *pool, const char *path, const char *text, apr_size_t len);

#endif
