/*
 * cells.c - see cells.h: open addressing, without removal.
 */
#include "base/cells.h"

#include <string.h>

#define LAYOUT "cloudep cells 1"

static cloudep_cells_t *shared;

apr_size_t cloudep_cells_size(apr_uint32_t count)
{
    return sizeof(cloudep_cells_t) + count * sizeof(cloudep_cell_t);
}

cloudep_cells_t *cloudep_cells_make(void *memory, apr_uint32_t count)
{
    cloudep_cells_t *cells = memory;

    memset(memory, 0, cloudep_cells_size(count));
    memcpy(cells->layout, LAYOUT, sizeof(LAYOUT));
    cells->count = count;
    return cells;
}

cloudep_cells_t *cloudep_cells_find(void *memory, apr_size_t size)
{
    cloudep_cells_t *cells = memory;

    if (size < sizeof(*cells) || memcmp(cells->layout, LAYOUT, sizeof(LAYOUT)) != 0 || !cells->count ||
        cloudep_cells_size(cells->count) > size) {
        return NULL;
    }
    return cells;
}

/* FNV-1a, 64 bits; never 0. */
static unsigned long long hash_of(const char *key)
{
    unsigned long long hash = 0xcbf29ce484222325ULL;

    for (; *key; key++) {
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3ULL;
    }
    return hash ? hash : 1;
}

static void write_key(cloudep_cell_t *cell, const char *key)
{
    apr_size_t at = 0;

    do {
        atomic_store_explicit(&cell->key[at], key[at], memory_order_relaxed);
    } while (key[at++]);
    atomic_store_explicit(&cell->written, 1, memory_order_release);
}

cloudep_cell_t *cloudep_cells_at(cloudep_cells_t *cells, const char *key)
{
    const unsigned long long hash = hash_of(key);
    const int fits = strnlen(key, CLOUDEP_CELL_KEY) < CLOUDEP_CELL_KEY;

    for (apr_uint32_t i = 0; fits && i < cells->count; i++) {
        cloudep_cell_t *cell = &cells->cells[(hash + i) % cells->count];
        unsigned long long found = atomic_load_explicit(&cell->hash, memory_order_acquire);

        if (!found && atomic_compare_exchange_strong(&cell->hash, &found, hash)) {
            found = hash;
        }
        if (found == hash) {
            if (!atomic_load_explicit(&cell->written, memory_order_acquire)) {
                write_key(cell, key);
            }
            return cell;
        }
    }
    atomic_fetch_add(&cells->refused, 1);
    return NULL;
}

int cloudep_cells_key(const cloudep_cell_t *cell, char key[CLOUDEP_CELL_KEY])
{
    apr_size_t at = 0;

    if (!atomic_load_explicit(&cell->written, memory_order_acquire)) {
        return 0;
    }
    do {
        key[at] = atomic_load_explicit(&cell->key[at], memory_order_relaxed);
    } while (key[at++] && at < CLOUDEP_CELL_KEY);
    key[CLOUDEP_CELL_KEY - 1] = '\0';
    return 1;
}

cloudep_cells_t *cloudep_shared_cells(void)
{
    return shared;
}

void cloudep_share_cells(cloudep_cells_t *cells)
{
    shared = cells;
}
