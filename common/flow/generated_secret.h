/*
 * generated_secret.h - an id and a random key for a client's own use; nothing of them is kept.
 */
#ifndef CLOUDEP_GENERATED_SECRET_H
#define CLOUDEP_GENERATED_SECRET_H

#include "core/context.h"

typedef struct cloudep_generated_secret_t {
    const char *id;  /* 128 random bits */
    const char *key; /* 256, as base64url */
} cloudep_generated_secret_t;

/** Makes one from the CSPRNG. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_generate_secret(cloudep_context_t *ctx, cloudep_generated_secret_t *out);

#endif
