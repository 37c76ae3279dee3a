/*
 * cloudep.h - what the content modules have of the core; idp.h has the rest, for those that ask identity providers.
 *
 * A request takes one straight way: handler -> route -> AuthJWT -> body checked against the route's fields ->
 * flow -> services -> envelope. A flow returns NULL and leaves its answer in call->data, or returns the one
 * problem that is told to the client; nothing is written to the client anywhere else.
 */
#ifndef CLOUDEP_H
#define CLOUDEP_H

#include <httpd.h>
#include <jansson.h>
#include "base/cache/challenge.h"
#include "base/jose/claims.h"
#include "base/export.h"
#include "base/text/field.h"
#include "base/store/identity_store.h"
#include "base/store/lockout_store.h"
#include "base/store/member_store.h"
#include "base/store/session_store.h"
#include "base/store/tenant_store.h"
#include "base/store/totp_store.h"

#define CLOUDEP_AUTH_PREFIX "/api/v1/auth"
#define CLOUDEP_MEMBER_PREFIX "/api/v1/members"

typedef struct cloudep_config_t cloudep_config_t;
typedef struct cloudep_call_t cloudep_call_t;

/* ---- Problems: the failures that a client is told ------------------------------------------------------- */

enum { CLOUDEP_SCOPE_GATEWAY = 10, CLOUDEP_SCOPE_AUTH = 28, CLOUDEP_SCOPE_MEMBER = 29 };

/* The middle of a code; each has one HTTP status. */
enum {
    CLOUDEP_MALFORMED = 101,       /* 400 */
    CLOUDEP_TOO_LARGE = 103,       /* 413 */
    CLOUDEP_MISSING = 104,         /* 400 */
    CLOUDEP_UNSUPPORTED = 105,     /* 405 or 415 */
    CLOUDEP_DATABASE = 201,        /* 500 */
    CLOUDEP_ABSENT = 301,          /* 404 */
    CLOUDEP_EXISTS = 303,          /* 409 */
    CLOUDEP_WRONG_STATE = 309,     /* 409 */
    CLOUDEP_USED_UP = 310,         /* 429 */
    CLOUDEP_LOCKED = 313,          /* 423 */
    CLOUDEP_UNAUTHENTICATED = 501, /* 401 */
    CLOUDEP_FORBIDDEN = 505,       /* 403 */
    CLOUDEP_INTERNAL = 601,        /* 500 */
    CLOUDEP_OVERLOADED = 603,      /* 503 */
    CLOUDEP_TOO_OFTEN = 604,       /* 429 */
    CLOUDEP_UNCONFIGURED = 605,    /* 501 */
    CLOUDEP_PROVIDER_FAILED = 802  /* 502 */
};

typedef struct cloudep_problem_t {
    int scope;
    int category;
    int detail;
    int status;                       /* HTTP; 0: the category's own */
    const char *message;              /* one English sentence for a developer, no secrets */
    const apr_array_header_t *errors; /* of cloudep_field_error_t, or NULL */
    apr_int64_t retry_after;          /* seconds; 0: the default of the status, if it has one */
    const char *challenge;            /* RFC 6750 error of a 401 or 403; NULL: no token was sent */
} cloudep_problem_t;

/** Makes a problem in the call's pool. message must be a constant or live as long as the request. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_problem(cloudep_call_t *call, int scope, int category, const char *message);

/** A 429 or 423 which says when to come back. seconds below 1 count as 1. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_problem_wait(cloudep_call_t *call, int scope, int category, const char *message, apr_int64_t seconds);

/** A 400 for one field of the body. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_problem_field(cloudep_call_t *call, const char *field, const char *reason);

/**
 * The problem for a service that failed (never for APR_SUCCESS, APR_NOTFOUND or what else the flow has its own
 * answer for): database, cache, provider, overload, unset part, impossible data. Logs rv with what.
 */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_problem_service(cloudep_call_t *call, apr_status_t rv, const char *what);

/* ---- Routes --------------------------------------------------------------------------------------------- */

/* Parts of the configuration that an operation cannot do without; it answers 501 when one is not there. */
enum {
    CLOUDEP_NEEDS_DATABASE = 1,
    CLOUDEP_NEEDS_CACHE = 2,
    CLOUDEP_NEEDS_SIGNING = 4,   /* a private signing key */
    CLOUDEP_NEEDS_VERIFYING = 8, /* at least public keys */
    CLOUDEP_NEEDS_SEALING = 16,
    CLOUDEP_NEEDS_PROVIDER = 32,
    CLOUDEP_NEEDS_MAIL = 64,
    CLOUDEP_NEEDS_SMS = 128,
    CLOUDEP_NEEDS_SOCIAL = 256,
    CLOUDEP_NEEDS_EXCHANGE = 512
};

/* How a route is served. */
enum {
    CLOUDEP_ROUTE_TOKEN = 1,       /* needs a live session */
    CLOUDEP_ROUTE_NO_DATABASE = 2, /* its contract has no 201: a database failure is 601 */
    CLOUDEP_ROUTE_QUERY = 4,       /* fields come from the query string */
    CLOUDEP_ROUTE_GUARD = 8        /* not a route: the access hook of another Location */
};

typedef cloudep_problem_t *(*cloudep_flow_fn)(cloudep_call_t *call);

typedef struct cloudep_route_t {
    const char *method; /* GET, POST, PATCH, DELETE */
    const char *path;   /* below the prefix */
    unsigned needs;
    unsigned flags;
    const cloudep_field_t *fields; /* ended by a NULL name; NULL: none */
    cloudep_flow_fn flow;
} cloudep_route_t;

typedef struct cloudep_api_t {
    const char *handler;           /* the name for SetHandler */
    const char *prefix;            /* without a slash at the end */
    int scope;                     /* of the codes that are not a flow's own */
    int missing_scope;             /* of "field missing" */
    const cloudep_route_t *routes; /* ended by a NULL method */
} cloudep_api_t;

/** The content handler of a prefix. DECLINED when the request is not for it. */
CLOUDEP_DECLARE(int) cloudep_serve(request_rec *r, const cloudep_api_t *api);

/* ---- A call --------------------------------------------------------------------------------------------- */

/* Whom a live token speaks for. */
typedef struct cloudep_principal_t {
    const char *tenant_id;
    const char *uid;
    const char *tenant_slug;        /* NULL with development headers */
    const char *session_id;         /* NULL with development headers */
    const char *amr;                /* space separated, RFC 8176 */
    apr_int64_t mfa_at;             /* Unix seconds of the session's last second factor, 0: none */
    const cloudep_member_t *member; /* NULL: the member's row is gone */
} cloudep_principal_t;

/* An answer that is not the envelope: a picture. */
typedef struct cloudep_document_t {
    const char *type; /* media type; NULL: there is nothing to say, 204 */
    const void *bytes;
    apr_size_t length;
} cloudep_document_t;

struct cloudep_call_t {
    request_rec *r;
    apr_pool_t *p;
    const cloudep_config_t *config;
    const cloudep_api_t *api;
    const cloudep_route_t *route;
    const cloudep_principal_t *principal;
    const cloudep_field_value_t *fields; /* one for each of the route's fields, in their order */
    json_t *data;                        /* the answer's "data"; owned by the call */
    const cloudep_document_t *document;  /* not NULL: the answer instead of the envelope; from p */
};

/** The text of field number i, NULL when absent. */
CLOUDEP_DECLARE(const char *) cloudep_text(const cloudep_call_t *call, int i);

/** The id of this request as sent in X-Request-Id: 22 characters, made at first use. */
CLOUDEP_DECLARE(const char *) cloudep_request_id(request_rec *r);

/**
 * AuthJWT: the live principal of a request. Token (or development headers) checked once a request, then
 * remembered. On success *principal is set; else the problem to answer with (401, or 500 when the session
 * could not be looked up: never "anonymous").
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_authenticate(cloudep_call_t *call, const cloudep_principal_t **principal);

/** The identity headers of a principal (X-CloudEP-UID, -Tenant, -Session, -AMR), set in a table of headers. */
CLOUDEP_DECLARE(void) cloudep_identity_headers(apr_table_t *headers, const cloudep_principal_t *principal);

/** The public keys of this server's tokens as a JWK Set; NULL: it has none. */
CLOUDEP_DECLARE(const char *) cloudep_public_keys(request_rec *r);

/* ---- Services ------------------------------------------------------------------------------------------- */

/** The database of this server, for the row functions. Never NULL where the route needs the database. */
CLOUDEP_DECLARE(cloudep_db_t *) cloudep_database(const cloudep_call_t *call);

/** The challenge service of this server. */
CLOUDEP_DECLARE(const cloudep_challenges_t *) cloudep_challenges(const cloudep_call_t *call);

/* Settings that flows of the content modules need: seconds, number, seconds. */
CLOUDEP_DECLARE(int) cloudep_code_lifetime(const cloudep_call_t *call);
CLOUDEP_DECLARE(int) cloudep_code_attempts(const cloudep_call_t *call);
CLOUDEP_DECLARE(int) cloudep_refresh_grace(const cloudep_call_t *call);

/** A uid for a new member. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_new_uid(cloudep_call_t *call, const char **uid);

/** Finds the tenant or gives the contract's 404. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_find_tenant(cloudep_call_t *call, const char *slug, const cloudep_tenant_t **tenant);

/**
 * Finds tenant and member by what a client typed; the contract's 404 without a tenant. *member NULL: nobody of that
 * email.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_find_account(cloudep_call_t *call, const char *slug, const char *email, const cloudep_tenant_t **tenant,
                     const cloudep_member_t **member);

/** A session about to begin, with its lifetimes from the configuration and the client's address. */
CLOUDEP_DECLARE(cloudep_session_t *)
cloudep_session_new(cloudep_call_t *call, const char *tenant_id, const char *uid, const char *amr);

/** Puts the two tokens of a stored session into call->data. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_issue_tokens(cloudep_call_t *call, const cloudep_session_t *session);

/** Reads a refresh token: signature, lifetime, type. NULL: refused (the reason is logged, not told). */
CLOUDEP_DECLARE(const cloudep_claims_t *) cloudep_read_refresh_token(cloudep_call_t *call, const char *token);

/** A mail or SMS about to be written to the outbox; params (an object, owned by the caller) is sealed. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_message_new(cloudep_call_t *call, const cloudep_message_t **message, const char *tenant_id, const char *uid,
                    const char *channel, const char *target, const char *language, const char *template,
                    const json_t *params, apr_int64_t lifetime);

/**
 * Wakes the delivery thread once the answer is out, after a message was committed. Not before: with concealed accounts
 * a delivery that takes the processor from its own answer would show in the time.
 */
CLOUDEP_DECLARE(void) cloudep_outbox_wake(const cloudep_call_t *call);

/** What password rules say; NULL when acceptable, else the 400. words: NULL-ended, what an attacker tries first. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_check_password_rules(cloudep_call_t *call, const char *field, const char *password, const char *const *words);

/* ---- Codes sent to a member, and notices ---------------------------------------------------------------- */

/* A member to whom a code is sent. */
typedef struct cloudep_code_receiver_t {
    const cloudep_tenant_t *tenant;
    const char *uid;
    const char *channel;  /* CLOUDEP_CHANNEL_MAIL or CLOUDEP_CHANNEL_SMS */
    const char *target;   /* email address or E.164 number */
    const char *language; /* NULL: the server's default */
    int decoy;            /* nobody gets the code, and no guess is right */
} cloudep_code_receiver_t;

/**
 * Loads a challenge of that purpose and tenant, or says what the contract says: 404 29301000, or 403 of the API's own
 * scope. Whose it is (spec.uid) is the caller's to compare.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_find_challenge(cloudep_call_t *call, const char *tenant_id, const char *purpose, const char *id,
                       cloudep_challenge_t **challenge);

/** Counts and compares a guess; NULL: right. 403 29505000, 409 29309000 or 404 29301000. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_check_code(cloudep_call_t *call, cloudep_challenge_t *challenge, const char *code);

/** Uses the challenge up; NULL: we are the one. 404 29301000: another one was first. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_consume_challenge(cloudep_call_t *call, const cloudep_challenge_t *challenge);

/** Claims the cooldown of a target, or the 429 of that scope. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_claim_cooldown(cloudep_call_t *call, const char *tenant_id, const char *target, int scope);

/**
 * Starts (or renews) the challenge and makes the message that tells its code; the caller commits the message. purpose
 * is also the message's template. A challenge whose guesses are used up is a 429 of that scope until it expires.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_start_code(cloudep_call_t *call, const cloudep_code_receiver_t *receiver, const char *purpose, int scope,
                   cloudep_challenge_t **challenge, const cloudep_message_t **message);

/** The same where nothing else is to be stored with the message: commits it, and answers challenge_id and expires_in.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_send_code(cloudep_call_t *call, const cloudep_code_receiver_t *receiver, const char *purpose, int scope);

/**
 * A mail to the member's login address that something about the account has changed; for CLOUDEP_SQL_ENQUEUE. Where
 * mail is not configured *message is one that enqueues nothing. remaining: backup codes left, 0 where the template has
 * none.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_notice_new(cloudep_call_t *call, const cloudep_message_t **message, const cloudep_tenant_t *tenant,
                   const cloudep_member_t *member, const char *template, int remaining);

/* ---- Second factors ------------------------------------------------------------------------------------- */

/** Seconds that a second factor stays proved for what CloudEPStepUp guards; 0: off. */
CLOUDEP_DECLARE(int) cloudep_step_up(const cloudep_call_t *call);

/** A new secret for the member, sealed for the store, never seen by anybody else. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_totp_new_secret(cloudep_call_t *call, const char *tenant_id, const char *uid, const char **sealed);

/** The otpauth:// URL of one of the member's sealed secrets. It holds the secret: for the member's eyes only. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_totp_url_of(cloudep_call_t *call, const cloudep_totp_t *totp, const char *sealed, const char **url);

/** What the URL names as issuer: the tenant's own choice, or its name. */
CLOUDEP_DECLARE(const char *) cloudep_totp_issuer(const cloudep_totp_t *totp);

/**
 * Compares a TOTP code with one of the member's sealed secrets; NULL: right, at *step. Wrong: 403 of the API's own
 * scope. It has no effect until *step is burned.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_totp_check(cloudep_call_t *call, const cloudep_totp_t *totp, const char *sealed, const char *code,
                   apr_int64_t *step);

/** New backup codes: *codes a JSON array, owned by the caller, and *stored what the store keeps of them. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_new_backup_codes(cloudep_call_t *call, const cloudep_totp_t *totp, json_t **codes, const char **stored);

/** Whether a code can be a second factor, 6 or 8 digits; else the 400 for that field. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_factor_format(cloudep_call_t *call, const char *field, const char *code);

/**
 * Counts a guess at an enrolled member's second factor, before it is compared; 429 of the API's own scope when the
 * account has to wait. Burning the proof clears the count.
 */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_factor_guess(cloudep_call_t *call, const cloudep_totp_t *totp);

/**
 * Compares a code with an enrolled member's second factors: 6 digits with the authenticator, 8 with the backup codes.
 * NULL: right; *proof is what has to be burned and *message the notice that goes with it. Wrong:
 * cloudep_factor_wrong().
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_factor_check(cloudep_call_t *call, const cloudep_totp_t *totp, const char *code, cloudep_totp_proof_t *proof,
                     const cloudep_message_t **message);

/** The 403 for a wrong or used code: of the API's own scope for TOTP, 29505000 for a backup code. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_factor_wrong(cloudep_call_t *call, const char *code);

/* ---- Events --------------------------------------------------------------------------------------------- */

/**
 * Notes whom the call is about and how they proved it ("pwd", "otp", "totp", ...), for the event that the dispatcher
 * writes when the call is over. NULL leaves what is known. Texts live as long as the call.
 */
CLOUDEP_DECLARE(void)
cloudep_note(const cloudep_call_t *call, const char *tenant_id, const char *uid, const char *method);

/* ---- Throttles ------------------------------------------------------------------------------------------ */

/* A password about to be compared: what its failure is counted for. */
typedef struct cloudep_attempt_t {
    cloudep_lockout_t account; /* subject: the uid, or a keyed hash of an email that nobody has */
    cloudep_lockout_t address;
} cloudep_attempt_t;

/** The client's address as throttles count it, as mod_remoteip sees it: IPv4 whole, IPv6 by its /64. */
CLOUDEP_DECLARE(const char *) cloudep_client_network(request_rec *r);

/**
 * Before a password is compared: 429 28604000 while account or address has to wait, whatever the password.
 * @param uid   NULL: nobody has that email
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_attempt_begin(cloudep_call_t *call, cloudep_attempt_t *attempt, const char *tenant_id, const char *uid,
                      const char *email);

/** It was wrong: counts that and returns problem; the 429 when failures beside it have begun a wait meanwhile. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_attempt_failed(cloudep_call_t *call, const cloudep_attempt_t *attempt, cloudep_problem_t *problem);

/** It was right: forgets the account's failures; the 429 when failures beside it have begun a wait meanwhile. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_attempt_passed(cloudep_call_t *call, const cloudep_attempt_t *attempt);

/* ---- Concealment ---------------------------------------------------------------------------------------- */

/** Whether CloudEPConcealAccounts is on. */
CLOUDEP_DECLARE(int) cloudep_conceals(const cloudep_call_t *call);

/** Makes a receiver (tenant and target are set) one that does not exist: the same for the same email. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_decoy_receiver(cloudep_call_t *call, cloudep_code_receiver_t *receiver);

/** The address that a decoy of this email is registered under; nobody can guess it, and no mail gets there. */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_decoy_email(cloudep_call_t *call, const char **decoy, const char *tenant_id, const char *email);

/** Whether a challenge is one that no guess is right for. */
CLOUDEP_DECLARE(int) cloudep_is_decoy(const cloudep_challenge_t *challenge);

/* ---- Accounts at other issuers -------------------------------------------------------------------------- */

/* What has to be remembered while a member is at a social provider. */
typedef struct cloudep_social_t {
    const char *purpose; /* a word of its own for each flow */
    const char *tenant_id;
    const char *provider;     /* its name in the configuration */
    const char *redirect_uri; /* where the provider sends the browser */
    const char *invite_code;  /* this and the rest: for a registration, else NULL */
    const char *terms_version;
    const char *language;
    int marketing_opt_in;
} cloudep_social_t;

/* Whom a provider means. The email is verified. */
typedef struct cloudep_social_account_t {
    cloudep_identity_t identity;
    const char *email;
    const char *name; /* NULL: unknown */
} cloudep_social_account_t;

/** Whether there is such a provider; else the 400 for the field provider, or 501 for one that is not configured. */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_social_find(cloudep_call_t *call, const char *provider);

/**
 * Remembers what is given, tells the browser who it is, and answers with the address to log in at. May ask the
 * provider. Where the redirect_uri leads has been checked. 429 28604000: too many from this client address.
 */
CLOUDEP_DECLARE(cloudep_problem_t *) cloudep_social_start(cloudep_call_t *call, const cloudep_social_t *social);

/**
 * What was remembered under a state, which is used up by this. 400 28101000: it is not genuine, has expired, was used
 * before, was started by somebody else, or another provider answers; 404 28301000: it is genuine, but what was
 * remembered is lost.
 * @param session_id as the start answered it, from a client without cookies; or NULL
 * @param issuer who says to have answered (RFC 9207); NULL: nobody says
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_social_return(cloudep_call_t *call, const char *purpose, const char *state, const char *session_id,
                      const char *issuer, const cloudep_social_t **social);

/**
 * Turns the code in at the provider. social is from cloudep_social_return(). 400 28101000: the code is not one for this
 * login; 403 28505000: the email is not verified; 502: the provider failed.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_social_redeem(cloudep_call_t *call, const cloudep_social_t *social, const char *code,
                      cloudep_social_account_t *account);

/**
 * The member that an id_token of CloudEPExchangeIssuer means. 401: the token is not valid for this tenant, or was
 * turned in before; 404 29301000: nobody here.
 */
CLOUDEP_DECLARE(cloudep_problem_t *)
cloudep_exchange_member(cloudep_call_t *call, const cloudep_tenant_t *tenant, const char *id_token,
                        const cloudep_member_t **member);

#endif
