/*
 * fuzz.h - what the fuzzers share: a pool for each input, the input as an exact copy, a check that stops.
 *
 * One program per topic, built twice: by clang with libFuzzer ("make -f apxs.mk fuzz"), and by the ordinary compiler
 * with replay.c, which runs the inputs of corpus/ ("./dev test"). The input is copied to memory of its own size, so
 * that a sanitizer sees every byte read beyond it.
 */
#ifndef CLOUDEP_FUZZ_H
#define CLOUDEP_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "base/jose/jwk.h"

/** The entry point that libFuzzer and replay.c call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What must hold for any input; says where it does not and aborts. */
#define FUZZ_CHECK(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/** One topic: text has size bytes and a NUL behind them. */
typedef void (*fuzz_fn)(apr_pool_t *pool, const char *text, size_t size);

/** The pool that lives as long as the program: for keys that are made once. */
static inline apr_pool_t *fuzz_root(void)
{
    static apr_pool_t *root;

    if (!root) {
        FUZZ_CHECK(apr_initialize() == APR_SUCCESS && apr_pool_create(&root, NULL) == APR_SUCCESS);
    }
    return root;
}

/* LeakSanitizer's, there only under it: it does not look into pools that live on. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/** The program's own keys, made of the first json it gives. */
static inline const cloudep_jwks_t *fuzz_keys(const char *json)
{
    static const cloudep_jwks_t *set;
    const char *error;

    if (!set) {
        if (__lsan_disable) {
            __lsan_disable();
        }
        FUZZ_CHECK(cloudep_jwks_parse(&set, fuzz_root(), json, strlen(json), CLOUDEP_JWKS_OWN, &error) == APR_SUCCESS);
        if (__lsan_enable) {
            __lsan_enable();
        }
    }
    return set;
}

/** Runs a topic on one input. */
static inline int fuzz_run(fuzz_fn fn, const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *text = malloc(size + 1);

    FUZZ_CHECK(text && apr_pool_create(&pool, fuzz_root()) == APR_SUCCESS);
    if (size) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    fn(pool, text, size);
    apr_pool_destroy(pool);
    free(text);
    return 0;
}

/** Cuts the next line off *text; "" when there is none. */
static inline const char *fuzz_line(apr_pool_t *pool, const char **text)
{
    size_t length = strcspn(*text, "\n");
    const char *line = apr_pstrmemdup(pool, *text, length);

    *text += length + ((*text)[length] == '\n');
    return line;
}

#endif
