/*
 * outbox.c - what is made of a server's mail and SMS directives at start, and who wakes the delivery.
 */
#include "outbox/outbox_private.h"

#include "core/request.h"
#include "core/runtime.h"

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

int cloudep_outbox_after_answer(request_rec *r)
{
    const cloudep_request_t *state = cloudep_request_seen(r);

    if (state && state->context && state->context->message_committed) {
        cloudep_delivery_wake(cloudep_config_of(r->server)->run->outbox);
    }
    return DECLINED;
}
