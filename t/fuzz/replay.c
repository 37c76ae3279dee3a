/*
 * replay.c - stands in for libFuzzer: runs a fuzzer's entry point on the files and folders named, one after another.
 *
 * Prints TAP, one test a file; an input that breaks something ends the program and so the test.
 */
#include <apr_file_info.h>
#include <apr_file_io.h>

#include "fuzz.h"

static int number;

static void replay(const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t length;
    char *bytes;

    FUZZ_CHECK(apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, pool) == APR_SUCCESS);
    FUZZ_CHECK(apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS);
    bytes = apr_palloc(pool, (apr_size_t)info.size + 1);
    FUZZ_CHECK(apr_file_read_full(file, bytes, (apr_size_t)info.size, &length) == APR_SUCCESS || !info.size);
    apr_file_close(file);
    LLVMFuzzerTestOneInput((const uint8_t *)bytes, (size_t)info.size);
    printf("ok %d - %s\n", ++number, path);
    fflush(stdout);
}

static void replay_all(const char *path, apr_pool_t *pool)
{
    apr_dir_t *dir;
    apr_finfo_t entry;

    if (apr_dir_open(&dir, path, pool) != APR_SUCCESS) {
        replay(path, pool);
        return;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (entry.name[0] != '.') {
            replay(apr_pstrcat(pool, path, "/", entry.name, NULL), pool);
        }
    }
    apr_dir_close(dir);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        replay_all(argv[i], fuzz_root());
    }
    printf("1..%d\n", number);
    apr_terminate();
    return number ? EXIT_SUCCESS : EXIT_FAILURE;
}
