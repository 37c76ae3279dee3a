/*
 * folder.h - a folder of a test's own, with files of its making, gone with the test.
 */
#ifndef CLOUDEP_TEST_FOLDER_H
#define CLOUDEP_TEST_FOLDER_H

#include <apr_file_info.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    apr_pool_t *pool;
    char path[32];
} folder = {.path = "/tmp/cloudep-unit-XXXXXX"};

__attribute__((noreturn)) static inline void folder_bail_out(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe) */
}

/** Once, before everything else; paths are from the pool. */
static inline void folder_make(apr_pool_t *pool)
{
    folder.pool = pool;
    if (!mkdtemp(folder.path)) {
        folder_bail_out(folder.path);
    }
}

/** The path of a file of that name, whether it is there or not. */
static inline const char *folder_path(const char *name)
{
    return apr_pstrcat(folder.pool, folder.path, "/", name, NULL);
}

/** A file of that text and mode, in place of one that is there; its path. */
static inline const char *folder_file(const char *name, const char *text, mode_t mode)
{
    const char *path = folder_path(name);
    FILE *file;

    (void)unlink(path);
    file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) != 0) {
        folder_bail_out(path);
    }
    return path;
}

/** At the end. */
static inline void folder_remove(void)
{
    apr_finfo_t info;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, folder.path, folder.pool) == APR_SUCCESS) {
        while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
            (void)unlink(folder_path(info.name));
        }
        (void)apr_dir_close(dir);
    }
    (void)rmdir(folder.path);
}

#endif
