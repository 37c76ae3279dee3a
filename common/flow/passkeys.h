/*
 * passkeys.h - a member's passkeys: adding one, seeing, naming and removing them.
 */
#ifndef CLOUDEP_PASSKEYS_H
#define CLOUDEP_PASSKEYS_H

#include "core/principal.h"
#include "service/passkey.h"

/* The options of a registration. */
typedef struct cloudep_passkey_start_t {
    cloudep_passkey_options_t options; /* its passkeys: those that the member has */
    const char *rp_name;               /* the tenant's name */
    const char *user_handle;           /* base64url */
    const char *user_name;             /* login address and tenant: one domain may serve several tenants */
    const char *display_name;
} cloudep_passkey_start_t;

/**
 * Begins to add a passkey. SUBJECT_GONE, FRESH_PROOF_NEEDED, TOO_MANY_PASSKEYS: the member has CLOUDEP_PASSKEYS_MAX;
 * TOO_MANY_STARTS.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_start_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_passkey_start_t *out);

typedef struct cloudep_passkey_finish_t {
    const char *challenge_id;
    const char *name; /* what the member calls it; NULL: "Passkey" */
    cloudep_passkey_attestation_t credential;
} cloudep_passkey_finish_t;

/**
 * Adds the passkey that the browser made, with a notice. The challenge is used up by whatever comes with it, unless a
 * fault of ours is the answer. *id: what the API calls the passkey.
 * SUBJECT_GONE, CHALLENGE_GONE, CHALLENGE_MISMATCH: not begun in this session; PASSKEY_REFUSED, FIELD_INVALID,
 * PASSKEY_TAKEN: it is registered already; CREDENTIALS_CHANGED: since the start.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_finish_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_passkey_finish_t *in,
                       const char **id);

typedef struct cloudep_passkey_list_t {
    const char *rp_id;
    const char *user_handle;      /* NULL: the member has never begun to add one */
    apr_array_header_t *passkeys; /* cloudep_passkey_t, oldest first */
} cloudep_passkey_list_t;

/** SUBJECT_GONE. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_list_passkeys(cloudep_context_t *ctx, const cloudep_principal_t *who, cloudep_passkey_list_t *out);

typedef struct cloudep_passkey_name_t {
    const char *id;
    const char *name;
} cloudep_passkey_name_t;

/** PASSKEY_UNKNOWN. */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_rename_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_passkey_name_t *in);

typedef struct cloudep_passkey_id_t {
    const char *id;
} cloudep_passkey_id_t;

/**
 * Removes a passkey, ends the sessions that were opened with it, with a notice. SUBJECT_GONE, PASSKEY_UNKNOWN,
 * FRESH_PROOF_NEEDED, LAST_WAY_IN: without it the member could not log in any more.
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_remove_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who, const cloudep_passkey_id_t *in);

#endif
