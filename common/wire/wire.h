/*
 * wire.h - from a request to a flow and back: operations, API styles, and the call that carries one request.
 *
 * An operation is a row of a table: what it is asked by, what it needs, its fields, and a function that calls the flow
 * and writes the data. A style is how all operations of an API read who asks and write answers. A second API is a
 * second table and a second style; no flow is written twice.
 */
#ifndef CLOUDEP_WIRE_H
#define CLOUDEP_WIRE_H

#include <httpd.h>
#include <jansson.h>
#include "base/text/field.h"
#include "core/context.h"
#include "core/needs.h"
#include "core/principal.h"

typedef struct cloudep_call_t cloudep_call_t;

/* How an operation is served. */
enum {
    CLOUDEP_OPERATION_MEMBER = 1,       /* needs a live session; its principal is in call->principal */
    CLOUDEP_OPERATION_QUERY = 2,        /* fields come from the query string */
    CLOUDEP_OPERATION_STRICT_QUERY = 4, /* and one that no field knows, or an empty one, is refused */
    CLOUDEP_OPERATION_QUIET = 8,        /* changes nothing: no event is written, and a GET answers HEAD too */
    /* with MEMBER: another server asks whether a request may pass. OPTIONS is answered as GET is, and who brings no
     * token gets to run() as well, or a bad one, where call->principal is NULL and call->unknown says why. Where
     * CloudEPSessionCookie is On the session cookie counts, too (access/asked.h) */
    CLOUDEP_OPERATION_FORWARD_AUTH = 16,
    /* with MEMBER: changes a credential, or proves anew who asks: the session cookie, where it is that, gets a new
     * value */
    CLOUDEP_OPERATION_RENEWS = 32,
    /* fields come from a body of application/x-www-form-urlencoded that another site has a browser post: no cookie of
     * ours comes along, and nothing may come of it that needs one */
    CLOUDEP_OPERATION_FORM = 64,
    /* another site sends the browser here with a state that it cannot make up: it does something all the same */
    CLOUDEP_OPERATION_FROM_ELSEWHERE = 128,
};

typedef struct cloudep_operation_t {
    const char *method; /* GET, POST, PATCH, DELETE; NULL ends a table */
    const char *path;   /* below the prefix; one segment may be {id}: a path without it that is like it comes first */
    const char *name;   /* of its events, e.g. "auth.password.reset"; unique, stable */
    unsigned needs;     /* CLOUDEP_NEEDS_...: without one of these it answers NOT_CONFIGURED */
    unsigned flags;
    const cloudep_field_t *fields; /* ended by a NULL name; NULL: none */
    apr_size_t size;               /* of the flow's input, which the fields are bound into by their .at; 0: none */
    apr_size_t id_at;              /* offsetof its member for {id}, a const char *; only where path has one */
    /** Calls the flow with call->in, and sets call->data, call->document or call->location on success. */
    cloudep_outcome_t (*run)(cloudep_call_t *call);
    /* A body that has the field when is of another shape, which is served by instead: needs, fields, input and run are
     * of that row, which stands in no table. It takes none of the fields that only the first shape has. */
    const char *when;
    const struct cloudep_operation_t *instead; /* NULL: there is one shape */
} cloudep_operation_t;

/* The text of an answer and how it is sent. */
typedef struct cloudep_answer_t {
    int status;       /* HTTP */
    const char *text; /* body; NULL: it could not be made */
    const char *type; /* media type */
} cloudep_answer_t;

/* How an API speaks. */
typedef struct cloudep_style_t {
    const char *name;
    /** Who asks. TOKEN_MISSING, TOKEN_INVALID, ... */
    cloudep_outcome_t (*authenticate)(cloudep_call_t *call, const cloudep_principal_t **principal);
    /** The body of a success, from call->data. */
    cloudep_answer_t (*answer)(cloudep_call_t *call);
    /** The body of a refusal. errors: what is wrong with fields, or NULL. */
    cloudep_answer_t (*refuse)(cloudep_call_t *call, cloudep_outcome_t outcome, const apr_array_header_t *errors);
    /** The outcome in the style's own words, for the event. */
    const char *(*code)(const cloudep_call_t *call, cloudep_outcome_t outcome);
} cloudep_style_t;

/* One prefix that is served: where it is, what it has, how it speaks. */
typedef struct cloudep_api_t {
    const char *handler; /* the name for SetHandler */
    const char *prefix;  /* without a slash at the end; with CloudEPServe the mount is, in its place */
    const cloudep_style_t *style;
    const cloudep_operation_t *operations;
    /* where the session cookie says who asks: those that are other ones then, and come before; NULL: none */
    const cloudep_operation_t *cookie_operations;
} cloudep_api_t;

/* An answer that is not the style's: a picture. */
typedef struct cloudep_document_t {
    const char *type; /* media type; NULL: there is nothing to say, 204 */
    const void *bytes;
    apr_size_t length;
} cloudep_document_t;

struct cloudep_call_t {
    request_rec *r;
    cloudep_context_t *ctx;
    const cloudep_api_t *api;
    const cloudep_operation_t *operation;   /* NULL: none was found; of two shapes the one that the body is of */
    const cloudep_principal_t *principal;   /* with CLOUDEP_OPERATION_MEMBER */
    cloudep_outcome_t unknown;              /* with CLOUDEP_OPERATION_FORWARD_AUTH: why there is no principal */
    void *in;                               /* the flow's input, filled */
    const char *id;                         /* what {id} of the path is, or NULL */
    json_t *data;                           /* the answer's data; owned by the call */
    const cloudep_document_t *document;     /* not NULL: the answer instead; from the request's pool */
    const char *location;                   /* not NULL: where the browser is sent instead; from the request's pool */
    const apr_array_header_t *field_errors; /* of cloudep_field_error_t: what is wrong with fields, or NULL */
};

/** The content handler of an API. DECLINED when the request is not for it. */
CLOUDEP_DECLARE(int) cloudep_serve(request_rec *r, const cloudep_api_t *api);

/* ---- body.c and fields.c, for the dispatcher ---- */

/** What must be true of a body before anybody is asked for a token. MEDIA_TYPE_UNSUPPORTED, BODY_TOO_LARGE. */
cloudep_outcome_t cloudep_check_body_headers(cloudep_call_t *call);

/** Reads the body as a JSON object into the request's pool. *rc is not OK when httpd has to answer with it. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_read_json(cloudep_call_t *call, json_t **object, int *rc);

/** Reads the body as it is into the request's pool, with NUL behind it. *rc as above. BODY_TOO_LARGE. */
cloudep_outcome_t cloudep_read_text(cloudep_call_t *call, const char **text, apr_size_t *length, int *rc);

/**
 * Reads the operation's fields, checks them and binds them into call->in. *rc as above. FIELD_MISSING and FIELD_INVALID
 * with call->field_errors; REQUEST_MALFORMED.
 */
cloudep_outcome_t cloudep_read_fields(cloudep_call_t *call, int *rc);

/** The field of an outcome by its name on this wire; NULL: none of the operation's. */
const char *cloudep_field_name(const cloudep_call_t *call, apr_size_t at);

/* ---- enter.c ---- */

/**
 * Puts a browser into a session: its cookies are set, and the session that it was in until now ends, as its cookie is
 * gone and nobody could end it any more.
 */
cloudep_outcome_t cloudep_enter_session(cloudep_call_t *call, const struct cloudep_session_t *session);

/**
 * Ends the session of a browser and has it forget its cookies. Whoever has no live session is logged out already: DONE,
 * and the cookies go.
 */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_leave_session(cloudep_call_t *call);

/* ---- answer.c ---- */

/** Has the call answer 204. */
CLOUDEP_DECLARE(void) cloudep_answer_nothing(cloudep_call_t *call);

/** Sends an answer with the headers of every answer; the handler's return value. */
int cloudep_send(request_rec *r, const cloudep_answer_t *answer, cloudep_outcome_t outcome);

/** Sends what is not the style's; the handler's return value. */
int cloudep_send_document(request_rec *r, const cloudep_document_t *document);

/** Sends a browser elsewhere, to GET it (303); the handler's return value. */
int cloudep_send_redirect(request_rec *r, const char *location);

/** Headers of every answer of the APIs, also of those that httpd makes. */
void cloudep_answer_headers(request_rec *r, apr_table_t *headers, int status, cloudep_outcome_t outcome);

/** The challenge of a bearer token; error NULL: the request carried no token at all (RFC 6750 3.1). */
void cloudep_bearer_challenge(request_rec *r, apr_table_t *headers, const char *error);

/** The RFC 6750 error of an outcome; NULL: none. */
const char *cloudep_bearer_error(cloudep_reason_e reason);

#endif
