/*
 * sms.h - hands an SMS to an HTTP gateway, or puts it into the spool folder.
 *
 * URL, headers and body are templates, so that one gateway differs from another by configuration only. They may hold
 * {{to}} (E.164: +886912345678), {{to_digits}} (without the plus), {{to_local}} (0912345678 for numbers of
 * CloudEPSMSHomeCode, else as {{to_digits}}), {{text}}, {{secret}} and {{id}} (the same for every try, for gateways
 * that know repeated requests by one).
 */
#ifndef CLOUDEP_SMS_H
#define CLOUDEP_SMS_H

#include "core/config.h"
#include "core/http.h"
#include "outbox/verdict.h"

/* How a server sends SMS; immutable. */
typedef struct cloudep_sms_setup_t cloudep_sms_setup_t;

typedef struct cloudep_sms_t {
    const char *to; /* E.164 */
    const char *text;
    const char *id;
} cloudep_sms_t;

/**
 * Checks the SMS directives and reads the secret. CLOUDEP_EUNSET: no transport is set. On other failures *error is a
 * sentence that names the directive.
 */
apr_status_t cloudep_sms_prepare(const cloudep_sms_setup_t **setup, apr_pool_t *pconf, const cloudep_config_t *config,
                                 const char **error);

/** What can only be checked in a child: its spool folder, if there is one. On failure *error is a sentence. */
apr_status_t cloudep_sms_check(const cloudep_sms_setup_t *setup, apr_pool_t *p, const char **error);

/**
 * Sends one SMS; stop (atomic) ends it soon. p is for scratch and *error.
 * @param error  unless sent: why, for the operator; never a number, a secret or the gateway's words
 */
cloudep_verdict_e cloudep_sms_send(const cloudep_sms_setup_t *setup, cloudep_http_t *http, apr_pool_t *p,
                                   const cloudep_sms_t *sms, apr_uint32_t *stop, const char **error);

#endif
