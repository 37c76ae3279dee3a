/*
 * secret_file.c - see secret_file.h. The mode is that of the file which was opened, not of whatever has its name.
 */
#include "core/secret_file.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "base/status.h"
#include "core/kept_files.h"

#define OTHERS_MAY_USE (APR_FPROT_GREAD | APR_FPROT_GWRITE | APR_FPROT_WREAD | APR_FPROT_WWRITE)
#define LINE_LONGEST 1024

/* As many bytes as there are, or as fit. */
static apr_status_t read_bytes(char *bytes, apr_size_t size, apr_size_t *len, apr_pool_t *pool, const char *path)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_info_get(&info, APR_FINFO_PROT, file);
    if (rv == APR_SUCCESS && info.protection & OTHERS_MAY_USE) {
        rv = CLOUDEP_EREFUSED;
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, bytes, size, len);
    }
    (void)apr_file_close(file);
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

static apr_status_t read_secret(char *bytes, apr_size_t size, apr_size_t *len, apr_pool_t *pool, const char *directive,
                                const char *path, const char **error)
{
    const char *kept;
    char reason[128];
    apr_status_t rv;

    if (!path) {
        *error = apr_psprintf(pool, "%s is not set", directive);
        return CLOUDEP_EMALFORMED;
    }
    if (cloudep_kept_get(&kept, len, pool, path)) {
        *len = *len < size ? *len : size;
        memcpy(bytes, kept ? kept : "", *len);
        rv = kept ? APR_SUCCESS : APR_ENOENT;
    }
    else if ((rv = read_bytes(bytes, size, len, pool, path)) == APR_SUCCESS) {
        cloudep_kept_put(pool, path, bytes, *len);
    }
    if (rv == CLOUDEP_EREFUSED) {
        *error = apr_psprintf(pool, "%s %s: its mode lets others read or change it (chmod 600)", directive, path);
    }
    else if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pool, "%s %s: %s", directive, path, apr_strerror(rv, reason, sizeof(reason)));
    }
    return rv;
}

apr_status_t cloudep_secret_file(const char **text, apr_size_t *len, apr_pool_t *pool, const char *directive,
                                 const char *path, apr_size_t longest, const char **error)
{
    char *bytes = apr_palloc(pool, longest + 1);
    apr_status_t rv = read_secret(bytes, longest + 1, len, pool, directive, path, error);

    if (rv == APR_SUCCESS && *len > longest) {
        *error = apr_psprintf(pool, "%s %s: longer than %" APR_SIZE_T_FMT " bytes", directive, path, longest);
        rv = CLOUDEP_EMALFORMED;
    }
    *text = bytes;
    return rv;
}

apr_status_t cloudep_secret_line(const char **secret, apr_pool_t *pool, const char *directive, const char *path,
                                 const char **error)
{
    char line[LINE_LONGEST + 3] = ""; /* with an end of line, and NUL */
    apr_size_t len;
    apr_status_t rv = read_secret(line, sizeof(line) - 1, &len, pool, directive, path, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (len = strcspn(line, "\n"); len && apr_isspace(line[len - 1]); len--) {
    }
    if (!len || len > LINE_LONGEST) {
        *error = apr_psprintf(pool, "%s %s: the first line is empty, or longer than %d bytes", directive, path,
                              LINE_LONGEST);
        return CLOUDEP_EMALFORMED;
    }
    *secret = apr_pstrmemdup(pool, line, len);
    return APR_SUCCESS;
}
