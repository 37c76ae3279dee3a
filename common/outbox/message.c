/*
 * message.c - see message.h.
 */
#include "outbox/message.h"

#include <apr_strings.h>
#include <jansson.h>
#include "base/crypto/seal.h"
#include "base/status.h"
#include "base/text/json.h"
#include "core/settings.h"
#include "outbox/messages.h"
#include "outbox/setup.h"

/* The params as the JSON object that is sealed. */
static json_t *params_of(const cloudep_draft_t *draft)
{
    const apr_array_header_t *header = apr_table_elts(draft->params);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)header->elts;
    json_t *object = json_object();

    for (int i = 0; object && i < header->nelts; i++) {
        if (json_object_set_new(object, entries[i].key, json_string(entries[i].val))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

/* Seals the params of a message. *what says for the log what failed. */
static apr_status_t seal_params(cloudep_context_t *ctx, cloudep_message_t *message, const json_t *params,
                                const char **what)
{
    const char *lacking;
    const char *text;
    apr_status_t rv = cloudep_messages_check(message->channel, message->template, ctx->p, params, &lacking);

    if (rv != APR_SUCCESS) {
        *what = apr_pstrcat(ctx->p, "message ", message->template, ": ", lacking, NULL);
        return CLOUDEP_EDATA;
    }
    *what = "sealing a message";
    text = cloudep_json_text(params, ctx->p);
    if (!text) {
        return APR_ENOMEM;
    }
    return cloudep_seal(&message->params, ctx->p, ctx->config->run->sealing, text, strlen(text),
                        cloudep_outbox_aad(ctx->p, message->tenant_id, message->target, message->template));
}

/* Where there is no setup, as in a test of a flow, nobody sends either. */
const char *cloudep_outbox_name(const cloudep_context_t *ctx)
{
    const cloudep_outbox_setup_t *setup = ctx->config->run->outbox_setup;

    return setup ? setup->name : NULL;
}

/* The language that is named, or else the one that whoever asks reads best, of those that the message is in. */
static const char *language_of(const cloudep_context_t *ctx, const cloudep_draft_t *draft)
{
    const cloudep_outbox_setup_t *setup = ctx->config->run->outbox_setup;
    const struct cloudep_messages_t *messages;

    if (draft->language || !ctx->languages || !setup) {
        return draft->language;
    }
    messages = strcmp(draft->channel, CLOUDEP_CHANNEL_MAIL) ? setup->sms_messages : setup->mail_messages;
    return messages ? cloudep_messages_accept(messages, ctx->p, draft->template, ctx->languages) : NULL;
}

cloudep_outcome_t cloudep_message_new(cloudep_context_t *ctx, const cloudep_message_t **out,
                                      const cloudep_draft_t *draft)
{
    cloudep_message_t *message = apr_pcalloc(ctx->p, sizeof(*message));
    json_t *params = draft->params ? cloudep_json_own(params_of(draft), ctx->p) : NULL;
    const char *what = "writing a message";
    apr_status_t rv = APR_SUCCESS;

    message->tenant_id = draft->tenant_id;
    message->uid = draft->uid;
    message->outbox = cloudep_outbox_name(ctx);
    message->channel = draft->channel;
    message->target = draft->target;
    message->language = language_of(ctx, draft);
    message->template = draft->template;
    message->lifetime = apr_psprintf(ctx->p, "%" APR_INT64_T_FMT, draft->lifetime);
    message->traceparent = ctx->traceparent;
    if (draft->params) {
        rv = params ? seal_params(ctx, message, params, &what) : APR_ENOMEM;
    }
    if (rv != APR_SUCCESS) {
        return cloudep_failure(ctx, rv, what);
    }
    *out = message;
    return cloudep_done();
}
