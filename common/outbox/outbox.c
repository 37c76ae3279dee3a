/*
 * outbox.c - what is made of a server's mail and SMS directives at start, and who wakes the delivery.
 */
#include "outbox/outbox_private.h"

#include <apr_strings.h>
#include <string.h>
#include "base/text/language.h"
#include "base/text/validate.h"
#include "core/module.h"
#include "core/request.h"
#include "core/runtime.h"

#ifndef CLOUDEP_DATADIR
#define CLOUDEP_DATADIR "/usr/local/share/cloudep"
#endif

#define INSTALLED CLOUDEP_DATADIR "/templates"

static const char *template_folder(const cloudep_config_t *config)
{
    return config->template_dir ? config->template_dir : INSTALLED;
}

/* CloudEPOutbox, or a virtual host's ServerName. NULL: the main server's. */
static apr_status_t find_name(cloudep_outbox_setup_t *setup, apr_pool_t *pconf, const server_rec *s,
                              const cloudep_config_t *config, const char **error)
{
    char *name = s->is_virtual && s->server_hostname ? apr_pstrdup(pconf, s->server_hostname) : NULL;

    if (name) {
        ap_str_tolower(name);
    }
    setup->name = config->outbox ? config->outbox : name;
    if (setup->name && (!cloudep_is_printable(setup->name) || strlen(setup->name) > CLOUDEP_OUTBOX_NAME_MAX)) {
        *error = "CloudEPOutbox is too long, or not printable";
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

static apr_status_t prepare_mail(cloudep_outbox_setup_t *setup, apr_pool_t *pconf, const server_rec *s,
                                 const cloudep_config_t *config, const char **error)
{
    apr_status_t rv = cloudep_mail_prepare(&setup->mail, pconf, s, config, error);

    if (rv == APR_SUCCESS) {
        rv = cloudep_messages_load(&setup->mail_messages, pconf, template_folder(config), INSTALLED,
                                   CLOUDEP_CHANNEL_MAIL, config->default_language, error);
    }
    return rv == CLOUDEP_EUNSET ? APR_SUCCESS : rv;
}

static apr_status_t prepare_sms(cloudep_outbox_setup_t *setup, apr_pool_t *pconf, const cloudep_config_t *config,
                                const char **error)
{
    apr_status_t rv = cloudep_sms_prepare(&setup->sms, pconf, config, error);

    if (rv == APR_SUCCESS) {
        rv = cloudep_messages_load(&setup->sms_messages, pconf, template_folder(config), INSTALLED, CLOUDEP_CHANNEL_SMS,
                                   config->default_language, error);
    }
    return rv == CLOUDEP_EUNSET ? APR_SUCCESS : rv;
}

apr_status_t cloudep_outbox_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    cloudep_outbox_setup_t *setup = apr_pcalloc(pconf, sizeof(*setup));
    const char *language;
    apr_status_t rv;

    if (cloudep_normalize_language(&language, config->default_language, pconf) != APR_SUCCESS) {
        *error = apr_psprintf(pconf, "CloudEPDefaultLanguage %s: must be a language tag such as en or zh-TW",
                              config->default_language);
        return CLOUDEP_EMALFORMED;
    }
    config->default_language = language;
    if ((rv = find_name(setup, pconf, s, config, error)) != APR_SUCCESS ||
        (rv = prepare_mail(setup, pconf, s, config, error)) != APR_SUCCESS ||
        (rv = prepare_sms(setup, pconf, config, error)) != APR_SUCCESS) {
        return rv;
    }
    config->run->outbox_setup = setup->mail || setup->sms ? setup : NULL;
    return APR_SUCCESS;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Whether a message looks the same to its receiver, whichever of the two sends it. */
static int sends_alike(const cloudep_config_t *a, const cloudep_config_t *b)
{
    return same_text(a->mail_transport, b->mail_transport) && same_text(a->mail_from, b->mail_from) &&
           same_text(a->mail_user, b->mail_user) && same_text(a->sms_transport, b->sms_transport) &&
           same_text(a->sms_body, b->sms_body) && same_text(a->sms_user, b->sms_user) &&
           same_text(a->template_dir, b->template_dir) && same_text(a->default_language, b->default_language);
}

static const char *server_name(const server_rec *s)
{
    return s->is_virtual ? s->server_hostname : "the main server";
}

apr_status_t cloudep_outbox_check_names(apr_pool_t *p, const server_rec *main_server, const char **error)
{
    for (const server_rec *a = main_server; a; a = a->next) {
        for (const server_rec *b = a->next; b; b = b->next) {
            const cloudep_outbox_setup_t *first = cloudep_config_of(a)->run->outbox_setup;
            const cloudep_outbox_setup_t *second = cloudep_config_of(b)->run->outbox_setup;

            if (first && second && first->name && second->name && !strcmp(first->name, second->name) &&
                !sends_alike(cloudep_config_of(a), cloudep_config_of(b))) {
                *error = apr_psprintf(p,
                                      "%s and %s have one outbox, %s, but send mail or SMS differently: "
                                      "give each a CloudEPOutbox of its own",
                                      server_name(a), server_name(b), first->name);
                return CLOUDEP_ECONFLICT;
            }
        }
    }
    return APR_SUCCESS;
}

void cloudep_outbox_tell(const server_rec *s)
{
    const cloudep_outbox_setup_t *setup = cloudep_config_of(s)->run->outbox_setup;
    const char *hello = setup && setup->mail ? cloudep_mail_hello(setup->mail) : NULL;

    if (hello) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, CENO(708) "%s: mail servers are greeted with EHLO %s%s",
                     server_name(s), hello,
                     strpbrk(hello, ".:") ? "" : ", which is not fully qualified: some refuse that (CloudEPMailHello)");
    }
}

int cloudep_outbox_has_mail(const cloudep_config_t *config)
{
    return config->run->outbox_setup && config->run->outbox_setup->mail;
}

int cloudep_outbox_has_sms(const cloudep_config_t *config)
{
    return config->run->outbox_setup && config->run->outbox_setup->sms;
}

apr_status_t cloudep_outbox_check_mail(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    (void)s;
    return cloudep_mail_check(config->run->outbox_setup->mail, p, said);
}

apr_status_t cloudep_outbox_check_sms(server_rec *s, const cloudep_config_t *config, apr_pool_t *p, const char **said)
{
    (void)s;
    *said = "the gateway is not asked, as it might send something";
    return cloudep_sms_check(config->run->outbox_setup->sms, p, said);
}

int cloudep_outbox_after_answer(request_rec *r)
{
    const cloudep_request_t *state = cloudep_request_seen(r);

    if (state && state->context && state->context->message_committed) {
        const cloudep_config_t *config = cloudep_config_of(r->server);

        cloudep_delivery_wake(config->run->outbox, config);
    }
    return DECLINED;
}
