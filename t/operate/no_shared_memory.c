/*
 * no_shared_memory.c - loaded before httpd, it gives no anonymous shared memory of a mebibyte or more: that of the
 * metrics. That of httpd's scoreboard is smaller here.
 */
#include <apr_shm.h>
#include <dlfcn.h>

typedef apr_status_t create_fn(apr_shm_t **memory, apr_size_t size, const char *file, apr_pool_t *pool);

__attribute__((visibility("default"))) apr_status_t apr_shm_create(apr_shm_t **memory, apr_size_t size,
                                                                   const char *file, apr_pool_t *pool)
{
    create_fn *create;

    if (!file && size >= 1024 * 1024) {
        return APR_ENOMEM;
    }
    *(void **)&create = dlsym(RTLD_NEXT, "apr_shm_create");
    return create ? create(memory, size, file, pool) : APR_ENOTIMPL;
}
