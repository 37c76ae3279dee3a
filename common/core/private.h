/*
 * private.h - what the files of the core share and the content modules must not see.
 */
#ifndef CLOUDEP_PRIVATE_H
#define CLOUDEP_PRIVATE_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include "base/crypto/password.h"
#include "core/cloudep.h"
#include "core/config.h"
#include "idp/idp.h"
#include "service/token_cache.h"

extern module AP_MODULE_DECLARE_DATA cloudep_module;
#ifndef CLOUDEP_RECORD_HERE /* the file with the module record declares it by that */
APLOG_USE_MODULE(cloudep);
#endif

/* Message ids: "CE" and a number, never used twice (t/source/messages.t). */
#define CENO(n) "CE" #n ": "

/* What the core remembers of a request. */
typedef struct cloudep_request_t {
    const char *id;
    const cloudep_principal_t *principal;
    const cloudep_problem_t *refused; /* the outcome of the check when it failed */
    const char *about_tenant;         /* for the event; see cloudep_note() */
    const char *about_uid;
    const char *method;
    int has_mail; /* for the delivery to be woken once the answer is out */
} cloudep_request_t;

/** Made at first use, in the request's config. */
cloudep_request_t *cloudep_request(request_rec *r);

/** Whether the request's Location has one of our handlers; from the location walk on. */
int cloudep_is_api(request_rec *r);

/** Hooks, one function a concern. */
void cloudep_error_register_hooks(void);

/* reply.c */

#define CLOUDEP_SUCCESS_CODE "102000" /* the envelope's */

/** HTTP status of a problem. */
int cloudep_problem_status(const cloudep_problem_t *problem);
/** The code that the envelope carries. */
int cloudep_problem_code(const cloudep_problem_t *problem);
/** Sends the envelope; the handler's return value. */
int cloudep_reply(request_rec *r, const cloudep_problem_t *problem, const json_t *data);
/** Sends what is not the envelope, chosen by the client's Accept; the handler's return value. */
int cloudep_reply_document(request_rec *r, const cloudep_document_t *document);
/** The challenge of a bearer token; error NULL: the request carried no token at all (RFC 6750 3.1). */
void cloudep_reply_challenge(request_rec *r, apr_table_t *headers, const char *error);
/** Headers of every answer of the prefixes, also of those that httpd makes. */
void cloudep_reply_headers(request_rec *r, apr_table_t *headers, const cloudep_problem_t *problem);
/** The envelope of a problem as text. */
const char *cloudep_problem_text(request_rec *r, const cloudep_problem_t *problem);

/* body.c */

/** The route's fields, checked. NULL and *rc OK: call->fields is set; *rc not OK: httpd has to answer with it. */
cloudep_problem_t *cloudep_read_fields(cloudep_call_t *call, int *rc);
/** What must be true of a body before anybody is asked for a token; NULL: fine. */
cloudep_problem_t *cloudep_check_body_headers(cloudep_call_t *call);

/* db.c */

/** The database of a server in this child. */
cloudep_db_t *cloudep_db_create(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);

/* token.c */

/** Our own token of that kind, if it is one; NULL and a reason for the log otherwise. */
const cloudep_claims_t *cloudep_read_token(request_rec *r, const cloudep_config_t *config, cloudep_token_kind_t kind,
                                           const char *token, const char **reason);

/**
 * Our own access token, verified now or before in this child. key: its key in the token cache, set in any case.
 * @return CLOUDEP_EFORGED or another failure: refused, *reason is for the log
 */
apr_status_t cloudep_read_access_token(cloudep_call_t *call, const char *token, unsigned char *key,
                                       cloudep_access_t *access, const char **reason);

/* idp.c */

extern const cloudep_idp_t cloudep_idp_local;
extern const cloudep_idp_t cloudep_idp_zitadel;
/** Reads what "zitadel" needs, where a server uses it; else leaves *zitadel alone. *error: for the operator. */
apr_status_t cloudep_zitadel_prepare(struct cloudep_zitadel_t **zitadel, apr_pool_t *pconf,
                                     const cloudep_config_t *config, const char **error);
/** Makes what its calls need in a child, after run->http. */
apr_status_t cloudep_zitadel_child_init(server_rec *s, const cloudep_config_t *config, apr_pool_t *pchild);
/** Removes an abandoned or deleted member at the provider and then here. */
apr_status_t cloudep_finish_removal(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user);

/* hasher.c: a bound on the passwords hashed at once, and the memory that they are hashed in */

typedef struct cloudep_hasher_t cloudep_hasher_t;
cloudep_hasher_t *cloudep_hasher_create(const cloudep_config_t *config, apr_pool_t *pchild);
/** Waits for a turn and for the memory to hash in. @return CLOUDEP_EOVERLOAD: queue full or waited too long */
apr_status_t cloudep_hasher_enter(const cloudep_password_memory_t **memory, cloudep_hasher_t *hasher);
/** Ends the turn and gives its memory back. */
void cloudep_hasher_leave(cloudep_hasher_t *hasher, const cloudep_password_memory_t *memory);

/* service.c */

/** What a client calls itself, shortened, without what a log or a terminal would act on; NULL: nothing. */
const char *cloudep_user_agent(request_rec *r);

/* event.c: what happened, in the events table and in the error log */

/** Writes down how a call ended; problem NULL: well. */
void cloudep_event(const cloudep_call_t *call, const cloudep_problem_t *problem);
/** Starts the thread that stores events and removes old ones. */
void cloudep_event_start(server_rec *main_server, apr_pool_t *pchild);

/* throttle.c */

/** Counts a code about to be sent against the caps on its target, the client's address and the tenant, or the 429. */
cloudep_problem_t *cloudep_claim_sending(cloudep_call_t *call, const char *tenant_id, const char *target, int scope);
/** Counts a social login or registration about to begin against the cap on the client's address, or 429 28604000. */
cloudep_problem_t *cloudep_claim_social_start(cloudep_call_t *call, const char *tenant_id);
/** Counts a wrong guess for the client's address, as CloudEPAddressAttempts says; as cloudep_lockout_fail(). */
apr_status_t cloudep_address_failed(cloudep_call_t *call, const cloudep_lockout_t *address, int *wait);

/* conceal.c: what marks the challenges and messages of decoys */

#define CLOUDEP_DECOY_MARK "decoy"
#define CLOUDEP_DECOY_TARGET "nobody@decoy.invalid" /* of messages that expire unsent */

/* sweep.c: the thread that finishes what crashes left */

void cloudep_sweep_start(server_rec *main_server, apr_pool_t *pchild);

/** The distinct runtimes of all servers: calls fn for the first server of each. */
typedef void (*cloudep_server_fn)(server_rec *s, const cloudep_config_t *config, void *baton);
void cloudep_each_runtime(server_rec *main_server, cloudep_server_fn fn, void *baton);

#endif
