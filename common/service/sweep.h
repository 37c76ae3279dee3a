/*
 * sweep.h - the thread that finishes what crashes left.
 */
#ifndef CLOUDEP_SWEEP_H
#define CLOUDEP_SWEEP_H

#include <apr_pools.h>

struct server_rec;

/** Starts the thread of each server's child. */
void cloudep_sweep_start(struct server_rec *main_server, apr_pool_t *pchild);

#endif
