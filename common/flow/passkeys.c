/*
 * passkeys.c - see passkeys.h.
 *
 * A registration belongs to the session that began it, and to the credentials as they were then: a fresh proof of
 * before a change of them does not add a passkey after it.
 */
#include "flow/passkeys.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "base/crypto/random.h"
#include "base/status.h"
#include "base/text/b64.h"
#include "base/text/validate.h"
#include "core/passkey_domain.h"
#include "core/settings.h"
#include "flow/purpose.h"
#include "outbox/message.h"
#include "service/account.h"
#include "service/code.h"
#include "service/freshness.h"
#include "service/notice.h"
#include "service/one_time_link.h"

#define HANDLE_LEN 32 /* bytes */
#define USUAL_NAME "Passkey"

/* ---- Adding --------------------------------------------------------------------------------------------- */

/* What authenticators know the member by. */
static cloudep_outcome_t find_handle(cloudep_context_t *ctx, const cloudep_principal_t *who, const char **handle)
{
    unsigned char bytes[HANDLE_LEN];
    apr_status_t rv = cloudep_random_bytes(bytes, sizeof(bytes));

    if (rv == APR_SUCCESS) {
        rv = cloudep_passkey_new_handle(cloudep_database(ctx), ctx->p, handle, who->tenant_id, who->uid,
                                        cloudep_b64_encode(ctx->p, bytes, sizeof(bytes)));
    }
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "storing the user handle");
}

static cloudep_outcome_t open_registration(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                           cloudep_passkey_options_t *options)
{
    const cloudep_challenge_spec_t spec = {.tenant_id = who->tenant_id,
                                           .purpose = CLOUDEP_PURPOSE_PASSKEY_REGISTER,
                                           .uid = who->uid,
                                           .extra = who->session_id,
                                           .generation = who->member->generation};

    return cloudep_passkey_begin(ctx, &spec, options);
}

cloudep_outcome_t cloudep_start_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        cloudep_passkey_start_t *out)
{
    const cloudep_tenant_t *tenant;
    apr_array_header_t *passkeys;
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant)) ||
        cloudep_failed(outcome = cloudep_passkeys_here(ctx, who->tenant_id, who->uid, &passkeys))) {
        return outcome;
    }
    if (passkeys->nelts >= CLOUDEP_PASSKEYS_MAX) {
        return cloudep_refuse(CLOUDEP_TOO_MANY_PASSKEYS);
    }
    if (cloudep_failed(outcome = find_handle(ctx, who, &out->user_handle)) ||
        cloudep_failed(outcome = open_registration(ctx, who, &out->options))) {
        return outcome;
    }
    out->options.passkeys = passkeys;
    out->rp_name = tenant->name;
    out->user_name = apr_psprintf(ctx->p, "%s (%s)", who->member->email, tenant->name);
    out->display_name = who->member->display_name ? who->member->display_name : who->member->email;
    return outcome;
}

static int same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* The challenge, which is used up here: one answer is looked at. */
static cloudep_outcome_t use_challenge(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *id,
                                       cloudep_challenge_t **challenge)
{
    cloudep_outcome_t outcome =
        cloudep_find_challenge(ctx, who->tenant_id, CLOUDEP_PURPOSE_PASSKEY_REGISTER, id, challenge);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    if (strcmp((*challenge)->spec.uid, who->uid) || !same((*challenge)->spec.extra, who->session_id)) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_MISMATCH);
    }
    return cloudep_consume_challenge(ctx, *challenge);
}

/* The notice, with the link that undoes the adding where there are pages for it. */
static cloudep_outcome_t tell_of_adding(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *name,
                                        cloudep_new_link_t *undo, const cloudep_message_t **notice)
{
    const cloudep_tenant_t *tenant;
    cloudep_outcome_t outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant);

    if (cloudep_failed(outcome) ||
        cloudep_failed(outcome = cloudep_new_link(ctx, who->tenant_id, CLOUDEP_LINK_UNDO, undo))) {
        return outcome;
    }
    return cloudep_notice_about(ctx, notice, tenant, who->member, undo->url ? "passkey_added_undo" : "passkey_added",
                                name, undo->url);
}

static cloudep_outcome_t store(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *generation,
                               const cloudep_passkey_t *passkey, const char **id)
{
    const cloudep_message_t *notice = NULL;
    cloudep_new_link_t undo;
    cloudep_outcome_t outcome = tell_of_adding(ctx, who, passkey->name, &undo, &notice);
    apr_status_t rv;

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    /* 7.1 step 29 */
    rv = cloudep_passkey_add(cloudep_database(ctx), ctx->p, id, who->tenant_id, who->uid, generation, passkey,
                             undo.digest, notice);
    if (rv == CLOUDEP_ECONFLICT) { /* 7.1 step 26 */
        return cloudep_refuse(CLOUDEP_PASSKEY_TAKEN);
    }
    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_CREDENTIALS_CHANGED);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "storing the passkey");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}

cloudep_outcome_t cloudep_finish_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_passkey_finish_t *in, const char **id)
{
    cloudep_challenge_t *challenge;
    cloudep_passkey_t passkey;
    cloudep_outcome_t outcome;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (cloudep_failed(outcome = use_challenge(ctx, who, in->challenge_id, &challenge))) {
        return outcome;
    }
    outcome = cloudep_passkey_verify_new(ctx, challenge, &in->credential,
                                         offsetof(cloudep_passkey_finish_t, credential), &passkey);
    if (!cloudep_failed(outcome)) {
        passkey.name = in->name ? in->name : USUAL_NAME;
        outcome = store(ctx, who, challenge->spec.generation, &passkey, id);
    }
    if (cloudep_is_fault(outcome)) {
        cloudep_restore_challenge(ctx, challenge);
    }
    return outcome;
}

/* ---- The passkeys that are there ------------------------------------------------------------------------ */

cloudep_outcome_t cloudep_list_passkeys(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                        cloudep_passkey_list_t *out)
{
    apr_status_t rv =
        cloudep_passkey_handle(cloudep_database(ctx), ctx->p, &out->user_handle, who->tenant_id, who->uid);

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "looking up the user handle");
    }
    out->rp_id = ctx->config->run->passkeys->rp_id;
    return cloudep_passkeys_here(ctx, who->tenant_id, who->uid, &out->passkeys);
}

cloudep_outcome_t cloudep_rename_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_passkey_name_t *in)
{
    apr_status_t rv = cloudep_is_uuid(in->id) ? cloudep_passkey_rename(cloudep_database(ctx), ctx->p, who->tenant_id,
                                                                       who->uid, in->id, in->name)
                                              : APR_NOTFOUND;

    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
    }
    return rv == APR_SUCCESS ? cloudep_done() : cloudep_failure(ctx, rv, "naming the passkey");
}

/* The passkey of that id, which is whose asks. */
static cloudep_outcome_t find(cloudep_context_t *ctx, const cloudep_principal_t *who, const char *id,
                              const cloudep_passkey_t **passkey)
{
    apr_array_header_t *passkeys;
    cloudep_outcome_t outcome = cloudep_passkeys_here(ctx, who->tenant_id, who->uid, &passkeys);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    for (int i = 0; i < passkeys->nelts; i++) {
        *passkey = &APR_ARRAY_IDX(passkeys, i, cloudep_passkey_t);
        if (!strcmp((*passkey)->id, id)) {
            return cloudep_done();
        }
    }
    return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
}

cloudep_outcome_t cloudep_remove_passkey(cloudep_context_t *ctx, const cloudep_principal_t *who,
                                         const cloudep_passkey_id_t *in)
{
    const cloudep_passkey_t *passkey;
    const cloudep_tenant_t *tenant;
    const cloudep_message_t *notice;
    cloudep_outcome_t outcome;
    apr_status_t rv;

    if (!who->member) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (cloudep_failed(outcome = find(ctx, who, in->id, &passkey)) ||
        cloudep_failed(outcome = cloudep_require_fresh(ctx, who)) ||
        cloudep_failed(outcome = cloudep_find_tenant_by_id(ctx, who->tenant_id, &tenant)) ||
        cloudep_failed(outcome = cloudep_notice_about(ctx, &notice, tenant, who->member, "passkey_removed",
                                                      passkey->name, NULL))) {
        return outcome;
    }
    rv = cloudep_passkey_remove(cloudep_database(ctx), ctx->p, who->tenant_id, who->uid, passkey->id, notice);
    if (rv == APR_NOTFOUND) {
        return cloudep_refuse(CLOUDEP_PASSKEY_UNKNOWN);
    }
    if (rv == CLOUDEP_EREFUSED) {
        return cloudep_refuse(CLOUDEP_LAST_WAY_IN);
    }
    if (rv == CLOUDEP_ECHANGED) {
        return cloudep_refuse(CLOUDEP_SUBJECT_GONE);
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, "removing the passkey");
    }
    cloudep_outbox_wake(ctx);
    return cloudep_done();
}
