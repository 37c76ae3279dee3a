/*
 * local.c - the identity provider "local": argon2id hashes in our own database.
 *
 * No database connection is held while a hash is computed, and the number of hashes at once is bounded.
 */
#include "idp/idp.h"

#include <string.h>

#include "base/store/credential_store.h"
#include "base/crypto/password.h"
#include "base/status.h"
#include "base/text/opaque_string.h"
#include "base/text/validate.h"
#include "idp/hasher.h"

static int configured(const cloudep_config_t *config)
{
    return config->database;
}

static cloudep_password_params_t params_of(const cloudep_config_t *config)
{
    return (cloudep_password_params_t){.memory = (apr_uint32_t)config->password_memory,
                                       .passes = (apr_uint32_t)config->password_passes,
                                       .lanes = (apr_uint32_t)config->password_lanes};
}

static apr_status_t hash(const cloudep_idp_context_t *ctx, const char **phc, const char *password)
{
    cloudep_password_params_t params = params_of(ctx->config);
    const cloudep_password_memory_t *memory;
    apr_status_t rv = cloudep_hasher_enter(&memory, ctx->config->run->hasher);

    if (rv == APR_SUCCESS) {
        rv = cloudep_password_hash(phc, password, &params, memory, ctx->p);
        cloudep_hasher_leave(ctx->config->run->hasher, memory);
    }
    return rv;
}

static apr_status_t keep(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                         const char **kept, const char **reason)
{
    (void)user;
    *reason = NULL;
    return hash(ctx, kept, password);
}

/* The credential comes with the member's row: keep() has taken the time. */
static apr_status_t create(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *kept,
                           const char **reason)
{
    (void)ctx;
    (void)user;
    (void)kept;
    *reason = NULL;
    return APR_SUCCESS;
}

static void pretend(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password)
{
    (void)ctx;
    (void)user;
    (void)password;
}

static apr_status_t set_password(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                                 const char **phc, const char **reason)
{
    (void)user;
    *reason = NULL;
    return hash(ctx, phc, password);
}

/*
 * A hash made with other parameters, or of what version 1.0 took as it was typed, is replaced at the first right login;
 * or its form is noted where that is what was typed, as nobody's ASCII differs. Failing to is no failure of the login.
 */
static void renew(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *compared,
                  const cloudep_credential_t *old)
{
    cloudep_password_params_t params = params_of(ctx->config);
    cloudep_credential_t new = {.phc = old->phc, .form = CLOUDEP_PASSWORD_OPAQUE};
    const char *form;
    int rehash = cloudep_password_needs_rehash(old->phc, &params);

    if (cloudep_password_prepare(&form, NULL, ctx->p, new.form, compared) != APR_SUCCESS) {
        form = compared; /* as it could not be set any more: it stays what it is */
        new.form = old->form;
    }
    rehash |= strcmp(form, compared) != 0;
    if (!rehash && (new.form == old->form || cloudep_is_ascii(compared))) {
        return;
    }
    if (!rehash || hash(ctx, &new.phc, form) == APR_SUCCESS) {
        (void)cloudep_credential_renew(ctx->config->run->db, ctx->p, user->tenant->id, user->uid, old->phc, &new);
    }
}

/* What to compare, and with what. A decoy: whatever comes of it, it is wrong. */
static apr_status_t look_up(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password,
                            cloudep_credential_t *credential, const char **compared, int *decoy)
{
    const cloudep_runtime_t *run = ctx->config->run;
    /* An unknown account costs the same two steps: a look-up, which finds nothing, and a hash. */
    const apr_status_t rv = cloudep_credential_get(run->db, ctx->p, credential, user->tenant->id,
                                                   user->uid ? user->uid : "00000000-0000-0000-0000-000000000000");

    *compared = password;
    *decoy = rv == APR_NOTFOUND ||
             (rv == APR_SUCCESS &&
              cloudep_password_prepare(compared, NULL, ctx->p, credential->form, password) != APR_SUCCESS);
    if (*decoy) {
        *compared = password;
        credential->phc = run->decoy;
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

static apr_status_t verify(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user, const char *password)
{
    const cloudep_runtime_t *run = ctx->config->run;
    const cloudep_password_memory_t *memory;
    cloudep_credential_t credential;
    const char *compared;
    int decoy;
    apr_status_t rv = look_up(ctx, user, password, &credential, &compared, &decoy);

    if (rv == APR_SUCCESS) {
        rv = cloudep_hasher_enter(&memory, run->hasher);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_password_verify(compared, credential.phc, memory, ctx->p);
    cloudep_hasher_leave(run->hasher, memory);
    if (decoy) {
        return CLOUDEP_EFORGED;
    }
    if (rv == APR_SUCCESS) {
        renew(ctx, user, compared, &credential);
    }
    return rv;
}

static apr_status_t nothing_to_do(const cloudep_idp_context_t *ctx, const cloudep_idp_user_t *user)
{
    (void)ctx;
    (void)user;
    return APR_SUCCESS; /* the credential goes with the member's row; the member's status says what is confirmed */
}

const cloudep_idp_t cloudep_idp_local = {
    .name = "local",
    .configured = configured,
    .stored_here = 1,
    .keep = keep,
    .create = create,
    .pretend = pretend,
    .verify = verify,
    .set_password = set_password,
    .confirm = nothing_to_do,
    .change_email = nothing_to_do,
    .remove = nothing_to_do,
};
