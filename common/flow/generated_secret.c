/*
 * generated_secret.c - see generated_secret.h.
 */
#include "flow/generated_secret.h"

#include "base/crypto/random.h"
#include "base/text/b64.h"

#define KEY_BYTES 32

cloudep_outcome_t cloudep_generate_secret(cloudep_context_t *ctx, cloudep_generated_secret_t *out)
{
    unsigned char bytes[KEY_BYTES];
    apr_status_t rv = cloudep_random_id(&out->id, ctx->p);

    if (rv == APR_SUCCESS) {
        rv = cloudep_random_bytes(bytes, sizeof(bytes));
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a secret");
    }
    out->key = cloudep_b64_encode(ctx->p, bytes, sizeof(bytes));
    return cloudep_done();
}
