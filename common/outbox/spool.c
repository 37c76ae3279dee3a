/*
 * spool.c - files that appear complete, in the order of their names.
 */
#include "outbox/spool.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "core/kept_files.h"

#define SCHEME "spool:"
#define OTHERS_MAY_ENTER                                                                                               \
    (APR_FPROT_GREAD | APR_FPROT_GWRITE | APR_FPROT_GEXECUTE | APR_FPROT_WREAD | APR_FPROT_WWRITE | APR_FPROT_WEXECUTE)

apr_status_t cloudep_spool_folder(const char **folder, apr_pool_t *pool, const char *transport, const char **error)
{
    apr_finfo_t info;
    apr_status_t rv;

    if (strncmp(transport, SCHEME, strlen(SCHEME))) {
        return APR_NOTFOUND;
    }
    *folder = apr_pstrdup(pool, transport + strlen(SCHEME));
    if (**folder != '/') {
        *error = apr_psprintf(pool, "%s: not an absolute path", transport);
        return CLOUDEP_EMALFORMED;
    }
    if (cloudep_kept_in_use(pool)) {
        return APR_SUCCESS; /* whoever delivers says what is wrong */
    }
    rv = apr_stat(&info, *folder, APR_FINFO_TYPE | APR_FINFO_PROT, pool);
    if (rv != APR_SUCCESS || info.filetype != APR_DIR) {
        *error = apr_psprintf(pool, "%s: there is no such folder", transport);
        return rv == APR_SUCCESS ? APR_ENOTDIR : rv;
    }
    if (info.protection & OTHERS_MAY_ENTER) {
        *error = apr_psprintf(pool, "%s: its mode lets others in (chmod 700)", transport);
        return CLOUDEP_EREFUSED;
    }
    return APR_SUCCESS;
}

static const char *cannot_write(apr_pool_t *pool, const char *folder, apr_status_t rv)
{
    char reason[128];

    return apr_psprintf(pool, "the spool folder %s cannot be written to: %s", folder,
                        apr_strerror(rv, reason, sizeof(reason)));
}

apr_status_t cloudep_spool_check(apr_pool_t *pool, const char *folder, const char **error)
{
    apr_status_t rv = access(folder, W_OK | X_OK) ? APR_FROM_OS_ERROR(errno) : APR_SUCCESS;

    if (rv != APR_SUCCESS) {
        *error = cannot_write(pool, folder, rv);
    }
    return rv;
}

static apr_status_t write_file(apr_pool_t *pool, const char *path, const char *bytes, apr_size_t len)
{
    apr_file_t *file;
    apr_status_t closed;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE,
                                    APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_write_full(file, bytes, len, NULL);
    if (rv == APR_SUCCESS) {
        rv = apr_file_sync(file);
    }
    closed = apr_file_close(file);
    return rv == APR_SUCCESS ? closed : rv;
}

apr_status_t cloudep_spool_write(apr_pool_t *pool, const char *folder, const char *id, const char *suffix,
                                 const char *bytes, apr_size_t len, const char **error)
{
    apr_time_exp_t t;
    const char *name;
    const char *path;
    const char *hidden;
    apr_status_t rv;

    (void)apr_time_exp_gmt(&t, apr_time_now());
    name = apr_psprintf(pool, "%04d%02d%02dT%02d%02d%02d.%06dZ-%s%s", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                        t.tm_hour, t.tm_min, t.tm_sec, t.tm_usec, id, suffix);
    path = apr_pstrcat(pool, folder, "/", name, NULL);
    hidden = apr_pstrcat(pool, folder, "/.", name, NULL);
    rv = write_file(pool, hidden, bytes, len);
    if (rv == APR_SUCCESS) {
        rv = apr_file_rename(hidden, path, pool);
    }
    if (rv != APR_SUCCESS) {
        *error = cannot_write(pool, folder, rv);
        (void)apr_file_remove(hidden, pool);
    }
    return rv;
}
