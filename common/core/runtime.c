/*
 * runtime.c - see runtime.h: which server has which runtime.
 */
#include "core/runtime.h"

#include <string.h>
#include "core/module.h"

const cloudep_config_t *cloudep_config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &cloudep_module);
}

/* Lists are compared by where they are: a virtual host has its server's own, or another. */
static int same_settings(const cloudep_config_t *a, const cloudep_config_t *b)
{
#define SAME_INT(member, ...) &&a->member == b->member
#define SAME_TEXT(member, ...) &&(a->member == b->member || (a->member && b->member && !strcmp(a->member, b->member)))
#define SAME_LIST(member, ...) &&a->member == b->member
    return 1 CLOUDEP_SETTINGS(SAME_INT, SAME_INT, SAME_INT, SAME_TEXT, SAME_TEXT, SAME_LIST, SAME_LIST);
}

int cloudep_runtime_assign(cloudep_config_t *config, server_rec *s, server_rec *main_server, apr_pool_t *pconf)
{
    for (const server_rec *other = main_server; other != s; other = other->next) {
        const cloudep_config_t *theirs = cloudep_config_of(other);

        if (same_settings(theirs, config)) {
            config->run = theirs->run;
            config->off = theirs->off;
            return 0;
        }
    }
    config->run = apr_pcalloc(pconf, sizeof(*config->run));
    return 1;
}

void cloudep_each_runtime(server_rec *main_server, cloudep_server_fn fn, void *baton)
{
    for (server_rec *s = main_server; s; s = s->next) {
        const cloudep_config_t *config = cloudep_config_of(s);
        const server_rec *first = main_server;

        while (cloudep_config_of(first)->run != config->run) {
            first = first->next;
        }
        if (first == s && config->run) {
            fn(s, config, baton);
        }
    }
}

cloudep_context_t *cloudep_thread_context(server_rec *s, apr_pool_t *p)
{
    cloudep_context_t *ctx = apr_pcalloc(p, sizeof(*ctx));

    ctx->p = p;
    ctx->config = cloudep_config_of(s);
    ctx->now = apr_time_now();
    ctx->network = "unknown";
    ctx->server = s;
    return ctx;
}
