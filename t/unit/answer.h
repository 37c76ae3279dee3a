/*
 * answer.h - what of httpd writes answers, in tests without a server: what was written is kept.
 */
#ifndef CLOUDEP_TEST_ANSWER_H
#define CLOUDEP_TEST_ANSWER_H

#include <jansson.h>
#include "request.h"

/* What was answered. */
static struct {
    char text[16384];
    apr_size_t length;
    const char *type;
    apr_off_t told; /* the length that was told before; -1: none */
} sent;

static inline void forget_answer(void)
{
    memset(&sent, 0, sizeof(sent));
    sent.told = -1;
}

AP_DECLARE(int) ap_rwrite(const void *buf, int nbyte, request_rec *r)
{
    (void)r;
    if (sent.length + (apr_size_t)nbyte < sizeof(sent.text)) {
        memcpy(sent.text + sent.length, buf, (apr_size_t)nbyte);
        sent.length += (apr_size_t)nbyte;
    }
    return nbyte;
}

AP_DECLARE(void) ap_set_content_type(request_rec *r, const char *ct)
{
    r->content_type = sent.type = ct;
}

AP_DECLARE(void) ap_set_content_length(request_rec *r, apr_off_t length)
{
    (void)r;
    sent.told = length;
}

AP_DECLARE(const char *) ap_auth_name(request_rec *r); /* as http_core.h has it for modules alone */

AP_DECLARE(const char *) ap_auth_name(request_rec *r)
{
    (void)r;
    return NULL;
}

static const char *scheme = "https";

AP_DECLARE(const char *) ap_run_http_scheme(const request_rec *r)
{
    (void)r;
    return scheme;
}

#ifndef CLOUDEP_TEST_FLOW_H /* flow_shim.c has it */
AP_DECLARE(void)
ap_log_rerror_(const char *file, int line, int module_index, int level, apr_status_t status, const request_rec *r,
               const char *fmt, ...)
{
    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)r;
    (void)fmt;
}
#endif

/** What a member of the answer says; "": it has none. */
static inline const char *said(const char *member)
{
    json_t *json = json_loads(sent.text, 0, NULL);
    const char *text = json_string_value(json_object_get(json, member));

    text = text ? apr_pstrdup(p, text) : "";
    json_decref(json);
    return text;
}

#endif
