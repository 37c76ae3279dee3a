/*
 * cells_test.c - the table of shared numbers: found by key, by all threads alike, and full without harm.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <stdlib.h>
#include <string.h>

#include "base/cells.h"
#include "tap.h"

#define THREADS 8
#define ROUNDS 20000
#define KEYS 50

static apr_pool_t *pool;

static cloudep_cells_t *make(apr_uint32_t count)
{
    return cloudep_cells_make(apr_palloc(pool, cloudep_cells_size(count)), count);
}

static void keys(void)
{
    cloudep_cells_t *cells = make(8);
    cloudep_cell_t *one = cloudep_cells_at(cells, "one");
    char text[CLOUDEP_CELL_KEY];
    char longest[CLOUDEP_CELL_KEY + 1];

    ok(one && cloudep_cells_at(cells, "one") == one, "a key has one cell");
    ok(cloudep_cells_at(cells, "two") != one, "and another key another one");
    ok(atomic_load(&one->values[0]) == 0, "which begins at 0");
    ok(cloudep_cells_key(one, text) && !strcmp(text, "one"), "it knows its key");
    memset(longest, 'a', sizeof(longest));
    longest[CLOUDEP_CELL_KEY] = '\0';
    ok(!cloudep_cells_at(cells, longest) && atomic_load(&cells->refused) == 1, "a key that is too long is counted");
    longest[CLOUDEP_CELL_KEY - 1] = '\0';
    one = cloudep_cells_at(cells, longest);
    ok(one && cloudep_cells_key(one, text) && !strcmp(text, longest), "the longest that fits is whole");
}

static void full(void)
{
    cloudep_cells_t *cells = make(4);
    int made = 0;

    for (int i = 0; i < 6; i++) {
        made += cloudep_cells_at(cells, apr_itoa(pool, i)) != NULL;
    }
    ok(made == 4 && atomic_load(&cells->refused) == 2, "a full table refuses more, and counts them");
    ok(cloudep_cells_at(cells, "3") && !cloudep_cells_at(cells, "4"), "those that are there go on");
}

/* What another build left, or a child that was killed. */
static void found(void)
{
    cloudep_cells_t *cells = make(4);
    const apr_size_t size = cloudep_cells_size(4);
    cloudep_cell_t *cell = cloudep_cells_at(cells, "key");
    char text[CLOUDEP_CELL_KEY];

    ok(cloudep_cells_find(cells, size) == cells, "the memory of this build is found again");
    ok(!cloudep_cells_find(cells, size - 1), "not where it is too small");
    atomic_store(&cell->written, 0);
    ok(!cloudep_cells_key(cell, text), "a child was killed before it had written the key");
    ok(cloudep_cells_at(cells, "key") == cell && cloudep_cells_key(cell, text) && !strcmp(text, "key"),
       "the next one writes it");
    cells->layout[0]++;
    ok(!cloudep_cells_find(cells, size), "the memory of another build is not used");
}

static void *APR_THREAD_FUNC add(apr_thread_t *thread, void *cells)
{
    for (int i = 0; i < ROUNDS; i++) {
        char key[16];

        (void)apr_snprintf(key, sizeof(key), "key %d", i % KEYS);
        atomic_fetch_add(&cloudep_cells_at(cells, key)->values[0], 1);
    }
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void together(void)
{
    cloudep_cells_t *cells = make(KEYS);
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int right = 0;

    for (int i = 0; i < THREADS; i++) {
        (void)apr_thread_create(&threads[i], NULL, add, cells, pool);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)apr_thread_join(&rv, threads[i]);
    }
    for (int i = 0; i < KEYS; i++) {
        right += atomic_load(&cloudep_cells_at(cells, apr_psprintf(pool, "key %d", i))->values[0]) ==
                 (long long)THREADS * ROUNDS / KEYS;
    }
    ok(right == KEYS, "%d threads add to %d cells and lose nothing", THREADS, KEYS);
}

int main(void)
{
    (void)apr_initialize();
    (void)atexit(apr_terminate);
    (void)apr_pool_create(&pool, NULL);
    keys();
    full();
    found();
    together();
    return done_testing();
}
