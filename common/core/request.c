/*
 * request.c - see request.h.
 */
#include "core/request.h"

#include <apr_strings.h>
#include "base/crypto/random.h"
#include "base/text/network.h"
#include "core/module.h"
#include "core/runtime.h"
#include "core/trace.h"

#define USER_AGENT_MAX 200 /* bytes kept of what a client calls itself */

cloudep_request_t *cloudep_request(request_rec *r)
{
    cloudep_request_t *state = ap_get_module_config(r->request_config, &cloudep_module);

    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &cloudep_module, state);
    }
    return state;
}

const cloudep_request_t *cloudep_request_seen(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &cloudep_module);
}

/* IPv4 whole, IPv6 by its /64; of IPv6 the larger ones too. */
static void note_networks(cloudep_context_t *ctx, const request_rec *r)
{
    const apr_sockaddr_t *address = r->useragent_addr;

    if (address) {
        ctx->network = cloudep_ipv6_network(address, 64, r->pool);
        ctx->network56 = cloudep_ipv6_network(address, 56, r->pool);
        ctx->network48 = cloudep_ipv6_network(address, 48, r->pool);
    }
    if (!ctx->network) {
        ctx->network = r->useragent_ip ? r->useragent_ip : "unknown";
    }
}

/* What a client calls itself, without what a log or a terminal would act on. */
static const char *user_agent_of(request_rec *r)
{
    const char *given = apr_table_get(r->headers_in, "User-Agent");
    char *text = given ? apr_pstrmemdup(r->pool, given, strnlen(given, USER_AGENT_MAX)) : NULL;

    for (char *c = text; c && *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            *c = '?';
        }
    }
    return text;
}

/* Also for whatever is asked for this request by its pool. */
static const char *traceparent_of(request_rec *r)
{
    const char *given = apr_table_get(r->headers_in, "traceparent");

    given = given && cloudep_trace_is_valid(given) ? given : NULL;
    cloudep_trace_set(r->pool, given);
    return given;
}

static cloudep_context_t *make_context(request_rec *r)
{
    cloudep_context_t *ctx = apr_pcalloc(r->pool, sizeof(*ctx));

    ctx->p = r->pool;
    ctx->config = cloudep_config_of(r->server);
    ctx->now = r->request_time;
    ctx->address = r->useragent_ip;
    note_networks(ctx, r);
    ctx->user_agent = user_agent_of(r);
    ctx->languages = apr_table_get(r->headers_in, "Accept-Language");
    ctx->traceparent = traceparent_of(r);
    ctx->server = r->server;
    ctx->request = r;
    if (cloudep_random_id(&ctx->request_id, r->pool) != APR_SUCCESS) {
        ctx->request_id = "unknown";
    }
    if (!r->log_id) {
        r->log_id = ctx->request_id; /* for %L in ErrorLogFormat and LogFormat */
    }
    return ctx;
}

cloudep_context_t *cloudep_request_context(request_rec *r)
{
    cloudep_request_t *state = cloudep_request(r);

    if (!state->context) {
        state->context = make_context(r);
    }
    return state->context;
}

const char *cloudep_request_id(request_rec *r)
{
    return cloudep_request_context(r)->request_id;
}
