/*
 * request.h - what the core remembers of a request, and the context that is made of it.
 */
#ifndef CLOUDEP_REQUEST_H
#define CLOUDEP_REQUEST_H

#include <httpd.h>
#include "core/context.h"
#include "core/principal.h"

/* A cookie of ours, as it came. */
typedef struct cloudep_cookie_t {
    const char *name;
    const char *value;
} cloudep_cookie_t;

/* The request of a client that another server asks about (access/asked.h). */
typedef struct cloudep_asked_t {
    const char *method; /* "": it is not known */
    const char *host;   /* as in the header Host; NULL: it is not known */
    const char *path;   /* and query */
} cloudep_asked_t;

/* One for each request_rec, subrequests and internal redirects too. */
typedef struct cloudep_request_t {
    cloudep_context_t *context;           /* made at first use */
    const cloudep_principal_t *principal; /* the outcome of the check of who asks, once it was made */
    cloudep_outcome_t refused;            /* the same, where it failed */
    int authorizing;                      /* whether step_up.c tries what "Require" says; with what proofs: */
    unsigned taken_as_proved;             /* CLOUDEP_PROOF_..., see guard/guard.h */
    apr_array_header_t *cookies;          /* of cloudep_cookie_t: ours, taken out of the request; NULL: none */
    const cloudep_asked_t *asked;         /* forward auth; NULL: it is about this request */
} cloudep_request_t;

/** Made at first use, in the request's config. */
cloudep_request_t *cloudep_request(request_rec *r);

/** The same, or NULL where nobody has asked for it yet. */
const cloudep_request_t *cloudep_request_seen(const request_rec *r);

/** The context of a request, made at first use. */
CLOUDEP_DECLARE(cloudep_context_t *) cloudep_request_context(request_rec *r);

/** The id of a request as sent in X-Request-Id: 22 characters. */
const char *cloudep_request_id(request_rec *r);

#endif
