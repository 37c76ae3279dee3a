/*
 * breached.c - see breached.h.
 */
#include "base/crypto/breached.h"

#include <apr_file_io.h>
#include <apr_mmap.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/crypto/breached_private.h"

struct cloudep_breached_t {
    const unsigned char *hashes;
    apr_uint64_t count;
};

static apr_uint64_t read_word(const unsigned char *bytes)
{
    apr_uint64_t word = 0;

    for (int i = 0; i < BREACHED_WORD; i++) {
        word = word << 8 | bytes[i];
    }
    return word;
}

static apr_status_t map(const unsigned char **bytes, apr_size_t *size, apr_pool_t *pool, const char *path)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_mmap_t *mapped;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS && info.size < BREACHED_HEADER) {
        rv = CLOUDEP_EMALFORMED;
    }
    if (rv == APR_SUCCESS) {
        rv = apr_mmap_create(&mapped, file, 0, (apr_size_t)info.size, APR_MMAP_READ, pool);
    }
    (void)apr_file_close(file); /* what is mapped stays */
    if (rv == APR_SUCCESS) {
        *bytes = mapped->mm;
        *size = mapped->size;
    }
    return rv;
}

apr_status_t cloudep_breached_open(const cloudep_breached_t **out, apr_pool_t *pool, const char *path,
                                   const char **error)
{
    cloudep_breached_t *breached = apr_pcalloc(pool, sizeof(*breached));
    const unsigned char *bytes = NULL;
    apr_size_t size = 0;
    char reason[128];
    apr_status_t rv = map(&bytes, &size, pool, path);

    if (rv == APR_SUCCESS && (memcmp(bytes, BREACHED_MAGIC, BREACHED_WORD) || size % BREACHED_WORD ||
                              read_word(bytes + BREACHED_WORD) != (size - BREACHED_HEADER) / BREACHED_WORD)) {
        rv = CLOUDEP_EMALFORMED;
    }
    if (rv != APR_SUCCESS) {
        *error = apr_pstrcat(pool, path, ": ",
                             rv == CLOUDEP_EMALFORMED ? "is no file that cloudepctl breached import has made"
                                                      : apr_strerror(rv, reason, sizeof(reason)),
                             NULL);
        return rv;
    }
    breached->hashes = bytes + BREACHED_HEADER;
    breached->count = (size - BREACHED_HEADER) / BREACHED_WORD;
    *out = breached;
    return rv;
}

apr_uint64_t cloudep_breached_count(const cloudep_breached_t *breached)
{
    return breached->count;
}

int cloudep_breached_has(const cloudep_breached_t *breached, const char *password)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    apr_uint64_t low = 0;
    apr_uint64_t high = breached->count;
    apr_uint64_t wanted;

    if (!EVP_Digest(password, strlen(password), hash, NULL, EVP_sha1(), NULL)) {
        return 0;
    }
    wanted = read_word(hash);
    while (low < high) {
        const apr_uint64_t middle = low + (high - low) / 2;
        const apr_uint64_t found = read_word(breached->hashes + middle * BREACHED_WORD);

        if (found == wanted) {
            return 1;
        }
        if (found < wanted) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return 0;
}
