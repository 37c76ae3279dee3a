/*
 * cells.h - numbers that all children of a server share: a table of cells in shared memory, each found by its key.
 *
 * A cell is made at its first use and never goes. Nothing here waits or takes a lock, so that a child that is killed at
 * any point leaves nothing that others would wait for: a key is its 64-bit hash, taken by one compare-and-swap, and its
 * text is written by everybody who finds it unwritten, with the same bytes.
 */
#ifndef CLOUDEP_CELLS_H
#define CLOUDEP_CELLS_H

#include <apr.h>
#include <stdatomic.h>

#define CLOUDEP_CELL_KEY 112   /* bytes of a key, with the zero byte behind it */
#define CLOUDEP_CELL_VALUES 16 /* numbers of a cell */

typedef struct cloudep_cell_t {
    atomic_ullong hash;  /* of the key; 0: the cell is free */
    atomic_uint written; /* the key's text is there */
    _Atomic(char) key[CLOUDEP_CELL_KEY];
    atomic_llong values[CLOUDEP_CELL_VALUES]; /* 0 at first */
} cloudep_cell_t;

typedef struct cloudep_cells_t {
    char layout[32];       /* names this layout: memory of another build is not used */
    atomic_ullong refused; /* keys that there was no room for, or that are too long */
    apr_uint32_t count;
    cloudep_cell_t cells[];
} cloudep_cells_t;

/** Bytes that so many cells need. */
apr_size_t cloudep_cells_size(apr_uint32_t count);

/** Makes an empty table of that many cells in memory of that size. */
cloudep_cells_t *cloudep_cells_make(void *memory, apr_uint32_t count);

/** The table in memory that an earlier build may have filled. NULL: it is of another layout or size. */
cloudep_cells_t *cloudep_cells_find(void *memory, apr_size_t size);

/**
 * The cell of a key, made if need be.
 * @return NULL: there is no room, or the key has CLOUDEP_CELL_KEY bytes or more
 */
cloudep_cell_t *cloudep_cells_at(cloudep_cells_t *cells, const char *key);

/** The key of a cell into key. 0: the cell is free, or its key is not written yet. */
int cloudep_cells_key(const cloudep_cell_t *cell, char key[CLOUDEP_CELL_KEY]);

/** The table of this process, or NULL: there is none, as in tools and tests. */
cloudep_cells_t *cloudep_shared_cells(void);

/** Sets it, at the start of a child, before there are threads. */
void cloudep_share_cells(cloudep_cells_t *cells);

#endif
