/*
 * passkey.h - passkey ceremonies: the options that a browser is given, and what it answers, verified.
 *
 * Each ceremony has a challenge of its own purpose (base/cache/challenge.h). What the authenticator signs is a hash of
 * its id, purpose and tenant, so nothing more has to be remembered, and an answer serves for nothing else. User
 * verification is demanded always.
 *
 * Nothing here uses a challenge up or lets anybody in.
 */
#ifndef CLOUDEP_PASSKEY_H
#define CLOUDEP_PASSKEY_H

#include "base/cache/challenge.h"
#include "base/store/passkey_store.h"
#include "core/context.h"

#define CLOUDEP_AMR_PASSKEY "pop user mfa" /* RFC 8176: a key was proved, to a verified user */

/* The options of a ceremony; what is the same in all of them, such as the algorithms, the wire knows. */
typedef struct cloudep_passkey_options_t {
    const char *challenge_id; /* which the answer has to name */
    apr_int64_t expires_in;   /* seconds */
    const char *challenge;    /* what is signed, base64url */
    const char *rp_id;        /* the domain */
    const apr_array_header_t
        *passkeys; /* cloudep_passkey_t: only these, or at a registration none of them; NULL: any */
} cloudep_passkey_options_t;

/* What navigator.credentials.create() and get() answer, each a text of base64url or NULL. */
typedef struct cloudep_passkey_attestation_t {
    const char *client_data;
    const char *attestation_object;
    const char *transports; /* words with a space between two; NULL: not told */
} cloudep_passkey_attestation_t;

typedef struct cloudep_passkey_assertion_t {
    const char *id; /* of the credential */
    const char *client_data;
    const char *authenticator_data;
    const char *signature;
    const char *user_handle; /* NULL: the authenticator does not tell, which it may only where passkeys were named */
} cloudep_passkey_assertion_t;

/**
 * Counts a ceremony against the cap on the client's network and opens its challenge, for as long as a code lives. All
 * of *options is set but the passkeys. TOO_MANY_STARTS.
 */
cloudep_outcome_t cloudep_passkey_begin(cloudep_context_t *ctx, const cloudep_challenge_spec_t *spec,
                                        cloudep_passkey_options_t *options);

/** The options for a challenge that is open already. All of *options is set but the passkeys. */
cloudep_outcome_t cloudep_passkey_options_for(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                              cloudep_passkey_options_t *options);

/**
 * The passkeys of a member that this server can use: an array of cloudep_passkey_t, empty where passkeys are not
 * configured.
 */
cloudep_outcome_t cloudep_passkeys_here(cloudep_context_t *ctx, const char *tenant_id, const char *uid,
                                        apr_array_header_t **passkeys);

/**
 * Verifies a registration. *passkey is what to store, but for its name.
 * PASSKEY_REFUSED; FIELD_INVALID in what begins at the offsetof field of the flow's input.
 */
cloudep_outcome_t cloudep_passkey_verify_new(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                             const cloudep_passkey_attestation_t *in, apr_size_t field,
                                             cloudep_passkey_t *passkey);

/** Whether any part of an assertion is there. */
int cloudep_passkey_is_given(const cloudep_passkey_assertion_t *in);

/** Whether all of it is there, for input that need not have one. FIELD_MISSING in what begins at the offsetof field. */
cloudep_outcome_t cloudep_passkey_check_parts(const cloudep_passkey_assertion_t *in, apr_size_t field);

/* A right assertion: whose it is, and what is to be stored with its effect. */
typedef struct cloudep_passkey_proof_t {
    cloudep_passkey_owner_t owner;
    cloudep_passkey_use_t use;
    const cloudep_message_t *notice; /* goes out with the use: its counter went back */
} cloudep_passkey_proof_t;

/**
 * Finds the passkey of an assertion and verifies it. What went wrong is logged; the event tells whose passkey it was.
 * PASSKEY_UNKNOWN: there is none, or it is not the member's; PASSKEY_REFUSED; PASSKEY_COPIED: its counter went back,
 * and it cannot have been copied by its owner; FIELD_MISSING (user_handle, where uid is NULL) and FIELD_INVALID in what
 * begins at the offsetof field.
 * @param uid whose it has to be; NULL: anybody's in the challenge's tenant
 */
cloudep_outcome_t cloudep_passkey_verify(cloudep_context_t *ctx, const cloudep_challenge_t *challenge,
                                         const cloudep_passkey_assertion_t *in, apr_size_t field, const char *uid,
                                         cloudep_passkey_proof_t *proof);

#endif
