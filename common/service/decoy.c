/*
 * decoy.c - CloudEPConcealAccounts: receivers that do not exist.
 *
 * A decoy is derived from the email with a key that no client has. So it is the same each time, as a member would be,
 * and it takes the same path through the code. Its challenges count, lock and expire like any other, but no guess is
 * right. Its messages are written and expire unsent.
 */
#include "service/decoy.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include "base/crypto/mac.h"
#include "core/settings.h"
#include "service/network.h"

#define LABEL "cloudep decoy"

int cloudep_conceals(const cloudep_context_t *ctx)
{
    return ctx->config->conceal_accounts;
}

int cloudep_is_decoy(const cloudep_challenge_t *challenge)
{
    return challenge->spec.extra && !strcmp(challenge->spec.extra, CLOUDEP_DECOY_MARK);
}

/* Bytes that stand for an email of a tenant. */
static apr_status_t derive(cloudep_context_t *ctx, unsigned char bytes[CLOUDEP_MAC_LEN], const char *tenant_id,
                           const char *what, const char *email)
{
    const char *text = apr_pstrcat(ctx->p, what, "\n", tenant_id, "\n", email, NULL);
    unsigned char key[CLOUDEP_MAC_LEN];
    apr_status_t rv = cloudep_derive_key(key, ctx->config->run->sealing, NULL, LABEL);

    if (rv == APR_SUCCESS) {
        rv = cloudep_hmac_sha256(bytes, key, sizeof(key), text, strlen(text));
    }
    OPENSSL_cleanse(key, sizeof(key));
    return rv;
}

cloudep_outcome_t cloudep_decoy_receiver(cloudep_context_t *ctx, cloudep_code_receiver_t *receiver)
{
    unsigned char b[CLOUDEP_MAC_LEN];
    apr_status_t rv = derive(ctx, b, receiver->tenant->id, "uid", receiver->target);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a decoy");
    }
    /* It looks like any uid of ours: version 4, variant 1 (RFC 9562). */
    receiver->uid = apr_psprintf(ctx->p, "%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                                 b[1], b[2], b[3], b[4], b[5], b[6] & 0x0f, b[7], (b[8] & 0x3f) | 0x80, b[9], b[10],
                                 b[11], b[12], b[13], b[14], b[15]);
    receiver->language = NULL;
    receiver->decoy = 1;
    return cloudep_done();
}

/* The member, or who stands for one. */
static cloudep_outcome_t choose(cloudep_context_t *ctx, int conceals, cloudep_outcome_t allowed,
                                const cloudep_member_t *member, cloudep_code_receiver_t *receiver)
{
    const cloudep_outcome_t concealed = conceals ? cloudep_decoy_receiver(ctx, receiver) : allowed;

    if (cloudep_failed(allowed) || cloudep_failed(concealed)) {
        return concealed;
    }
    receiver->uid = member->uid;
    receiver->language = member->language;
    receiver->decoy = 0;
    return cloudep_done();
}

cloudep_outcome_t cloudep_member_or_decoy(cloudep_context_t *ctx, cloudep_outcome_t allowed,
                                          const cloudep_member_t *member, cloudep_code_receiver_t *receiver)
{
    cloudep_outcome_t outcome = choose(ctx, cloudep_conceals(ctx), allowed, member, receiver);

    if (outcome.reason == CLOUDEP_ACCOUNT_UNKNOWN) {
        const cloudep_outcome_t counted = cloudep_count_network_failure(ctx, CLOUDEP_FAILED_ACCOUNT);

        return cloudep_failed(counted) ? counted : outcome;
    }
    return cloudep_failed(outcome) ? outcome
                                   : cloudep_network_known(ctx, receiver->tenant->id, receiver->uid, &receiver->known);
}

cloudep_outcome_t cloudep_member_or_always_decoy(cloudep_context_t *ctx, cloudep_outcome_t allowed,
                                                 const cloudep_member_t *member, cloudep_code_receiver_t *receiver)
{
    const cloudep_outcome_t outcome = choose(ctx, 1, allowed, member, receiver);

    return cloudep_failed(outcome) ? outcome
                                   : cloudep_network_known(ctx, receiver->tenant->id, receiver->uid, &receiver->known);
}

cloudep_outcome_t cloudep_decoy_email(cloudep_context_t *ctx, const char **decoy, const char *tenant_id,
                                      const char *email)
{
    unsigned char bytes[CLOUDEP_MAC_LEN];
    char hex[2 * 16 + 1];
    apr_status_t rv = derive(ctx, bytes, tenant_id, "email", email);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "making a decoy");
    }
    for (int i = 0; i < 16; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    *decoy = apr_pstrcat(ctx->p, hex, "@decoy.invalid", NULL);
    return cloudep_done();
}
