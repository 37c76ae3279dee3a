/*
 * ca_file.c - see ca_file.h.
 */
#include "core/ca_file.h"

#include <apr_strings.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include "base/status.h"
#include "core/kept_files.h"

apr_status_t cloudep_ca_file_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const char *path = config->ca_file;
    X509 *certificate;
    BIO *file;
    char why[128];

    (void)s;
    if (!path || cloudep_kept_in_use(pconf)) {
        return APR_SUCCESS; /* a running httpd does not end for it: each connection tells */
    }
    errno = 0;
    file = BIO_new_file(path, "r");
    if (!file) {
        const apr_status_t rv = APR_FROM_OS_ERROR(errno);

        ERR_clear_error();
        *error = apr_psprintf(pconf, "CloudEPCAFile %s: %s", path, apr_strerror(rv, why, sizeof(why)));
        return rv ? rv : APR_EGENERAL;
    }
    certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    BIO_free(file);
    ERR_clear_error();
    if (!certificate) {
        *error = apr_psprintf(pconf, "CloudEPCAFile %s: there is no certificate (PEM) in it", path);
        return CLOUDEP_EMALFORMED;
    }
    X509_free(certificate);
    return APR_SUCCESS;
}
