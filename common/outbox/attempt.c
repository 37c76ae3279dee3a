/*
 * attempt.c - one try at one message: unseal it, put it into words, hand it over.
 */
#include "outbox/outbox_private.h"

#include "base/crypto/seal.h"
#include "base/text/json.h"
#include "core/trace.h"
#include "outbox/request.h"

static cloudep_verdict_e open_params(json_t **params, const cloudep_worker_t *worker, apr_pool_t *p,
                                     const cloudep_outbox_row_t *row, const char **error)
{
    const unsigned char *plain;
    const char *reason;
    apr_size_t len;
    apr_status_t rv;

    if (!row->params && cloudep_messages_needs_nothing(row->channel, row->template)) {
        *params = NULL;
        return CLOUDEP_SENT;
    }
    if (!row->params) {
        rv = cloudep_outbox_fulfil(params, p, worker->config, row, error);
        if (rv == CLOUDEP_EDATA) {
            return CLOUDEP_MESSAGE_REFUSED;
        }
        return rv == APR_SUCCESS ? CLOUDEP_SENT : CLOUDEP_LATER;
    }
    *error = "the message's seal cannot be opened";
    rv = cloudep_unseal(&plain, &len, p, worker->config->run->sealing, row->params,
                        cloudep_outbox_aad(p, row->tenant_id, row->target, row->template));
    if (rv == APR_NOTFOUND) {
        return CLOUDEP_LATER; /* another node may have the key that this one lacks */
    }
    if (rv != APR_SUCCESS || cloudep_json_parse(params, &reason, (const char *)plain, len, p) != APR_SUCCESS) {
        return CLOUDEP_MESSAGE_REFUSED;
    }
    return CLOUDEP_SENT;
}

static cloudep_verdict_e hand_over(const cloudep_worker_t *worker, apr_pool_t *p, const cloudep_outbox_row_t *row,
                                   const cloudep_text_t *text, int more, const char **error)
{
    const cloudep_runtime_t *run = worker->config->run;

    if (worker->mailer) {
        const cloudep_mail_t mail = {.to = row->target,
                                     .subject = text->subject,
                                     .text = text->text,
                                     .html = text->html,
                                     .language = text->language,
                                     .id = row->id,
                                     .date = row->created_at};

        return cloudep_mailer_send(worker->mailer, p, &mail, more, worker->stop, error);
    }
    return cloudep_sms_send(run->outbox_setup->sms, run->http, p,
                            &(const cloudep_sms_t){.to = row->target, .text = text->text, .id = row->id}, worker->stop,
                            error);
}

cloudep_verdict_e cloudep_attempt(const cloudep_worker_t *worker, apr_pool_t *p, const cloudep_outbox_row_t *row,
                                  int more, const char **error)
{
    const cloudep_outbox_setup_t *setup = worker->config->run->outbox_setup;
    cloudep_text_t text;
    json_t *params;
    apr_status_t rv;
    cloudep_verdict_e verdict = open_params(&params, worker, p, row, error);

    cloudep_trace_set(p, row->traceparent);

    if (verdict != CLOUDEP_SENT) {
        return verdict;
    }
    rv = cloudep_messages_render(&text, worker->mailer ? setup->mail_messages : setup->sms_messages, p, row->template,
                                 row->language, params, row->target, row->created_at);
    if (rv != APR_SUCCESS) {
        *error = rv == APR_NOTFOUND ? "there is no template for the message" : "the message cannot be put into words";
        return CLOUDEP_MESSAGE_REFUSED;
    }
    return hand_over(worker, p, row, &text, more, error);
}
