/*
 * context.h - what flows and services get of a request, and of a thread that works without one.
 *
 * A context is made for each request (core/request.h) and for each piece of background work. It has everything that a
 * decision may depend on: settings and runtime, the time, the client. Nobody below wire/ needs more, and tests make
 * one without httpd.
 */
#ifndef CLOUDEP_CONTEXT_H
#define CLOUDEP_CONTEXT_H

#include <apr_pools.h>
#include <apr_time.h>
#include "base/cache/challenge.h"
#include "base/store/db.h"
#include "core/log.h"
#include "core/outcome.h"

struct cloudep_config_t;
struct request_rec;
struct server_rec;

/* Whom a request turned out to be about, and how they proved it, for the event that is written at its end. */
typedef struct cloudep_note_t {
    const char *tenant_id;
    const char *uid;
    const char *method; /* "pwd", "otp", "totp", "backup_code", a provider's name, ... */
} cloudep_note_t;

typedef struct cloudep_context_t {
    apr_pool_t *p; /* lives as long as the request */
    const struct cloudep_config_t *config;
    apr_time_t now;          /* when the request came; every decision about time is made by it */
    const char *address;     /* the client's, as mod_remoteip sees it; NULL: none, as in a thread */
    const char *network;     /* as limits count it: IPv4 whole, IPv6 by its /64; never NULL */
    const char *network56;   /* an IPv6 client's /56; NULL: IPv4 */
    const char *network48;   /* an IPv6 client's /48; NULL: IPv4 */
    const char *user_agent;  /* shortened, printable ASCII; NULL: none */
    const char *languages;   /* what the client reads best, as Accept-Language has it; NULL: it did not say */
    const char *request_id;  /* as X-Request-Id has it; NULL in a thread */
    const char *traceparent; /* of the trace that the request is part of (core/trace.h); NULL: none */
    cloudep_note_t note;
    int message_committed;       /* a mail or text is in the outbox: delivery is woken once the answer is out */
    struct server_rec *server;   /* for the log */
    struct request_rec *request; /* for the log; NULL in a thread */
} cloudep_context_t;

/** Notes whom the request is about. NULL leaves what is known. Texts live as long as the context. */
void cloudep_note(cloudep_context_t *ctx, const char *tenant_id, const char *uid, const char *method);

/**
 * The outcome of a service that failed (never for APR_SUCCESS, APR_NOTFOUND or what else the caller has an answer of
 * its own for): database, cache, provider, overload, a part that is off, impossible data. Logs rv with what, a
 * constant or a text from the context's pool.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_failure(cloudep_context_t *ctx, apr_status_t rv, const char *what);

/** The database of this server. Never NULL where the operation needs the database. */
cloudep_db_t *cloudep_database(const cloudep_context_t *ctx);

/** The challenge service of this server. */
const cloudep_challenges_t *cloudep_challenges(const cloudep_context_t *ctx);

/** ctx->now in Unix seconds. */
static inline apr_int64_t cloudep_now(const cloudep_context_t *ctx)
{
    return apr_time_sec(ctx->now);
}

#endif
