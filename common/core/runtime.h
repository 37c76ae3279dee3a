/*
 * runtime.h - what a process has made of the settings: servers with equal settings share one.
 */
#ifndef CLOUDEP_RUNTIME_H
#define CLOUDEP_RUNTIME_H

#include "core/context.h"
#include "core/settings.h"

struct server_rec;

/** The settings of a server; their runtime is there from check_config on. Never NULL. */
const cloudep_config_t *cloudep_config_of(const struct server_rec *s);

/**
 * Gives a server its runtime, in check_config: that of the first server with equal settings, or an empty one.
 * @param config the server's, settled
 * @return whether it is an empty one, which is to be prepared
 */
int cloudep_runtime_assign(cloudep_config_t *config, struct server_rec *s, struct server_rec *main_server,
                           apr_pool_t *pconf);

/** Called with the first server of a runtime. */
typedef void (*cloudep_server_fn)(struct server_rec *s, const cloudep_config_t *config, void *baton);

/** Calls fn once for each runtime of all servers. */
void cloudep_each_runtime(struct server_rec *main_server, cloudep_server_fn fn, void *baton);

/** A context for work without a request, in the pool p: a thread's, a sweep's. */
cloudep_context_t *cloudep_thread_context(struct server_rec *s, apr_pool_t *p);

#endif
