/*
 * webauthn.h - passkeys: what a browser answers to navigator.credentials.create() and get(), verified.
 *
 * Web Authentication Level 3 (W3C, as of July 2026), sections 7.1 (registration) and 7.2 (assertion). The sources name
 * each step that is done here, as "7.1 step N" or "7.2 step N" (doc/webauthn.md has a table). These are the caller's,
 * who knows the browser, the members and the database:
 *
 *   7.1 step 1, step 2, step 3, step 4   options, the call, what it answered
 *   7.1 step 26      the credential id is registered for nobody: a unique index
 *   7.1 step 29      storing the credential
 *   7.2 step 1, step 2, step 3, step 4   options, the call, what it answered
 *   7.2 step 5       the id is one of allowCredentials, when there were any
 *   7.2 step 6       whose credential it is, and that the user handle is that member's
 *   7.2 step 24      storing sign count and backup state
 *   7.2 step 25      going on: the challenge must have been consumed before
 *
 * Attestation is asked for as "none": a statement that comes all the same is skipped, so nothing here tells which
 * authenticator it was. Extensions are skipped as well. Frames of other origins are refused.
 *
 * Algorithms: ES256 (-7), EdDSA with Ed25519 (-8), RS256 (-257) with 2048 to 4096 bits.
 * Safe for any number of threads. Leaves nothing in OpenSSL's error queue.
 */
#ifndef CLOUDEP_WEBAUTHN_H
#define CLOUDEP_WEBAUTHN_H

#include <apr_pools.h>
#include "base/status.h"

/* COSE algorithm identifiers (IANA registry "COSE Algorithms"). */
#define CLOUDEP_COSE_ES256 (-7)
#define CLOUDEP_COSE_EDDSA (-8)
#define CLOUDEP_COSE_RS256 (-257)

#define CLOUDEP_WEBAUTHN_ID_MAX 1023 /* bytes of a credential id */
#define CLOUDEP_WEBAUTHN_AAGUID_LEN 16

/* Why a response was refused; cloudep_webauthn_reason_text() has the words. */
typedef enum {
    CLOUDEP_WEBAUTHN_ACCEPTED = 0,
    CLOUDEP_WEBAUTHN_CLIENT_DATA,           /* not a JSON object with the members that must be there */
    CLOUDEP_WEBAUTHN_TYPE,                  /* made by the other ceremony */
    CLOUDEP_WEBAUTHN_CHALLENGE,             /* answers another challenge */
    CLOUDEP_WEBAUTHN_ORIGIN,                /* made on a page that is not one of ours */
    CLOUDEP_WEBAUTHN_CROSS_ORIGIN,          /* made in a frame of another origin's page */
    CLOUDEP_WEBAUTHN_TOP_ORIGIN,            /* the same, said by its other member */
    CLOUDEP_WEBAUTHN_ATTESTATION_OBJECT,    /* not strict CBOR, or members are missing */
    CLOUDEP_WEBAUTHN_ATTESTATION_STATEMENT, /* format "none" with a statement */
    CLOUDEP_WEBAUTHN_AUTHENTICATOR_DATA,    /* not of its layout, or bytes are left */
    CLOUDEP_WEBAUTHN_NO_CREDENTIAL,         /* a registration without attested credential data */
    CLOUDEP_WEBAUTHN_CREDENTIAL_GIVEN,      /* an assertion with attested credential data */
    CLOUDEP_WEBAUTHN_RP_ID,                 /* made for another relying party */
    CLOUDEP_WEBAUTHN_USER_PRESENCE,         /* nobody was there */
    CLOUDEP_WEBAUTHN_USER_VERIFICATION,     /* the user was not verified, but had to be */
    CLOUDEP_WEBAUTHN_BACKUP_STATE,          /* backed up, but not eligible for it */
    CLOUDEP_WEBAUTHN_BACKUP_ELIGIBILITY,    /* not what it was at registration */
    CLOUDEP_WEBAUTHN_ALGORITHM,             /* not offered */
    CLOUDEP_WEBAUTHN_KEY,                   /* COSE key with members missing or malformed */
    CLOUDEP_WEBAUTHN_KEY_TYPE,              /* key type or curve that is not the algorithm's */
    CLOUDEP_WEBAUTHN_KEY_SIZE,              /* RSA outside 2048 to 4096 bits */
    CLOUDEP_WEBAUTHN_KEY_POINT,             /* a point that is not on the curve */
    CLOUDEP_WEBAUTHN_KEY_WEAK,              /* an RSA key that can be factored (rsa_key.h) */
    CLOUDEP_WEBAUTHN_CREDENTIAL_ID,         /* empty, or longer than CLOUDEP_WEBAUTHN_ID_MAX */
    CLOUDEP_WEBAUTHN_SIGNATURE,             /* does not match */
    CLOUDEP_WEBAUTHN_STORED_KEY,            /* the stored key cannot be read, or is not the algorithm's */
    CLOUDEP_WEBAUTHN_UNABLE,                /* OpenSSL failed */
    CLOUDEP_WEBAUTHN_REASONS                /* how many there are */
} cloudep_webauthn_reason_t;

/** A reason in a few words for a log; constant text without anything of the input. */
const char *cloudep_webauthn_reason_text(cloudep_webauthn_reason_t reason);

/* Bytes of a response. */
typedef struct cloudep_webauthn_bytes_t {
    const unsigned char *data;
    apr_size_t len;
} cloudep_webauthn_bytes_t;

/* What a response must satisfy. */
typedef struct cloudep_webauthn_rule_t {
    const char *rp_id;              /* a domain, as in the options */
    const char *const *origins;     /* as browsers write them ("https://id.example"), the list ended by NULL */
    const char *challenge;          /* base64url without padding, as in the options; not empty */
    const int *algorithms;          /* registration: those offered in the options, the list ended by 0 */
    int user_verification_required; /* the options said userVerification: "required" */
    int user_presence_optional;     /* registration with mediation: "conditional" */
} cloudep_webauthn_rule_t;

/* A credential as it is to be stored. */
typedef struct cloudep_webauthn_credential_t {
    cloudep_webauthn_bytes_t id;   /* 1 to CLOUDEP_WEBAUTHN_ID_MAX bytes */
    cloudep_webauthn_bytes_t spki; /* the public key as a SubjectPublicKeyInfo (RFC 5280) in DER */
    int algorithm;                 /* COSE */
    apr_uint32_t sign_count;
    int user_verified;
    int backup_eligible;
    int backed_up;
    unsigned char aaguid[CLOUDEP_WEBAUTHN_AAGUID_LEN]; /* not proved: good for a display name only */
} cloudep_webauthn_credential_t;

/* What an assertion says beside that it is right. */
typedef struct cloudep_webauthn_assertion_t {
    apr_uint32_t sign_count; /* to be stored */
    int user_verified;
    int backed_up; /* to be stored */
    /* The sign count is not above the stored one: a hint at a copied key, no proof. Synced passkeys repeat it. */
    int counter_went_back;
} cloudep_webauthn_assertion_t;

/**
 * Verifies a registration (7.1). *credential: its bytes are allocated from pool; all zero on failure.
 * The id is the one in the authenticator data; the id beside it in the browser's answer is not needed.
 * *reason: why it was refused, CLOUDEP_WEBAUTHN_ACCEPTED on success.
 * CLOUDEP_EMALFORMED: a part is not of its format. CLOUDEP_EREFUSED: well formed, but not what was asked for.
 * APR_EGENERAL: OpenSSL failed.
 */
apr_status_t cloudep_webauthn_register(cloudep_webauthn_credential_t *credential, cloudep_webauthn_reason_t *reason,
                                       apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
                                       const cloudep_webauthn_bytes_t *attestation_object,
                                       const cloudep_webauthn_bytes_t *client_data);

/**
 * Verifies an assertion (7.2) of a stored credential, of which algorithm, spki, sign_count and backup_eligible are
 * looked at. *assertion is all zero on failure.
 * Errors as above, and CLOUDEP_EFORGED: the signature does not match. CLOUDEP_EDATA: the stored key cannot be used.
 */
apr_status_t cloudep_webauthn_assert(cloudep_webauthn_assertion_t *assertion, cloudep_webauthn_reason_t *reason,
                                     apr_pool_t *pool, const cloudep_webauthn_rule_t *rule,
                                     const cloudep_webauthn_credential_t *stored,
                                     const cloudep_webauthn_bytes_t *authenticator_data,
                                     const cloudep_webauthn_bytes_t *client_data,
                                     const cloudep_webauthn_bytes_t *signature);

#endif
