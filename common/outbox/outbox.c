/*
 * outbox.c - what is made of a server's mail and SMS directives at start, and how requests write messages.
 */
#include "core/private.h"
#include "outbox/outbox_private.h"

#include <apr_strings.h>
#include "base/text/json.h"
#include "base/crypto/seal.h"

#ifndef CLOUDEP_DATADIR
#define CLOUDEP_DATADIR "/usr/local/share/cloudep"
#endif

static const char *template_folder(const cloudep_config_t *config)
{
    return config->template_dir ? config->template_dir : CLOUDEP_DATADIR "/templates";
}

apr_status_t cloudep_outbox_prepare(const cloudep_outbox_setup_t **out, apr_pool_t *pconf,
                                    const cloudep_config_t *config, const char **error)
{
    cloudep_outbox_setup_t *setup = apr_pcalloc(pconf, sizeof(*setup));
    apr_status_t rv = cloudep_mail_prepare(&setup->mail, pconf, config, error);

    if (rv == APR_SUCCESS) {
        rv = cloudep_messages_load(&setup->mail_messages, pconf, template_folder(config), CLOUDEP_CHANNEL_MAIL,
                                   config->default_language, error);
    }
    if (rv != APR_SUCCESS && rv != CLOUDEP_EUNSET) {
        return rv;
    }
    rv = cloudep_sms_prepare(&setup->sms, pconf, config, error);
    if (rv == APR_SUCCESS) {
        rv = cloudep_messages_load(&setup->sms_messages, pconf, template_folder(config), CLOUDEP_CHANNEL_SMS,
                                   config->default_language, error);
    }
    if (rv != APR_SUCCESS && rv != CLOUDEP_EUNSET) {
        return rv;
    }
    *out = setup->mail || setup->sms ? setup : NULL;
    return APR_SUCCESS;
}

int cloudep_outbox_has_mail(const cloudep_outbox_setup_t *setup)
{
    return setup && setup->mail;
}

int cloudep_outbox_has_sms(const cloudep_outbox_setup_t *setup)
{
    return setup && setup->sms;
}

/* Seals the params of a message. *what says for the log what failed. */
static apr_status_t seal_params(cloudep_call_t *call, cloudep_message_t *message, const json_t *params,
                                const char **what)
{
    const char *lacking;
    const char *text;
    apr_status_t rv = cloudep_messages_check(message->channel, message->template, call->p, params, &lacking);

    if (rv != APR_SUCCESS) {
        *what = apr_pstrcat(call->p, "message ", message->template, ": ", lacking, NULL);
        return CLOUDEP_EDATA;
    }
    *what = "sealing a message";
    text = cloudep_json_text(params, call->p);
    if (!text) {
        return APR_ENOMEM;
    }
    return cloudep_seal(&message->params, call->p, call->config->run->sealing, text, strlen(text),
                        cloudep_outbox_aad(call->p, message->tenant_id, message->target, message->template));
}

cloudep_problem_t *cloudep_message_new(cloudep_call_t *call, const cloudep_message_t **out, const char *tenant_id,
                                       const char *uid, const char *channel, const char *target, const char *language,
                                       const char *template, const json_t *params, apr_int64_t lifetime)
{
    cloudep_message_t *message = apr_pcalloc(call->p, sizeof(*message));
    const char *what;
    apr_status_t rv;

    message->tenant_id = tenant_id;
    message->uid = uid;
    message->channel = channel;
    message->target = target;
    message->language = language;
    message->template = template;
    message->lifetime = apr_psprintf(call->p, "%" APR_INT64_T_FMT, lifetime);
    rv = seal_params(call, message, params, &what);
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, what);
    }
    *out = message;
    return NULL;
}

void cloudep_outbox_wake(const cloudep_call_t *call)
{
    cloudep_request(call->r)->has_mail = 1;
}

int cloudep_outbox_after_answer(request_rec *r)
{
    const cloudep_request_t *state = ap_get_module_config(r->request_config, &cloudep_module);

    if (state && state->has_mail) {
        cloudep_delivery_wake(cloudep_config_of(r->server)->run->outbox);
    }
    return DECLINED;
}
