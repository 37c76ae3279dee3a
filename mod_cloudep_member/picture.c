/*
 * picture.c - the QR code of an enrolment under way, as SVG or PNG, whichever the client's Accept prefers.
 *
 * An addition to the contract, for people who would rather look than type. The picture holds the secret, so it is as
 * short-lived as the enrolment and, as every answer, not to be stored.
 */
#include "member.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include "base/text/qr.h"

#define SVG "image/svg+xml"
#define PNG "image/png"

/* How well a media range matches a type: 0 not at all, 3 exactly (RFC 9110 12.5.1). */
static int match(const char *range, const char *type)
{
    const char *slash = strchr(type, '/');

    if (!strcasecmp(range, type)) {
        return 3;
    }
    if (!strncasecmp(range, type, (apr_size_t)(slash - type) + 1) && !strcmp(range + (slash - type) + 1, "*")) {
        return 2;
    }
    return !strcmp(range, "*/*");
}

/* The weight of one element of Accept, in thousandths; without a parameter q it is 1. */
static int weight(char *parameters)
{
    char *last;

    for (char *word = apr_strtok(parameters, "; \t", &last); word; word = apr_strtok(NULL, "; \t", &last)) {
        if (!strncasecmp(word, "q=", 2)) {
            return (int)(strtod(word + 2, NULL) * 1000);
        }
    }
    return 1000;
}

/* What Accept gives a type: the weight of the most specific range that matches it. */
static int preference(apr_pool_t *p, const char *accept, const char *type)
{
    int best = 0;
    int quality = 0;
    char *last;

    for (char *element = apr_strtok(apr_pstrdup(p, accept), ",", &last); element;
         element = apr_strtok(NULL, ",", &last)) {
        char *end;
        int matched;

        while (apr_isspace(*element)) {
            element++;
        }
        end = element + strcspn(element, "; \t");
        matched = match(apr_pstrmemdup(p, element, (apr_size_t)(end - element)), type);
        if (matched > best) {
            best = matched;
            quality = weight(end);
        }
    }
    return quality;
}

/* SVG unless PNG is liked better; a client that wants neither gets what we have. */
static cloudep_problem_t *draw(cloudep_call_t *call, const char *url)
{
    const char *accept = apr_table_get(call->r->headers_in, "Accept");
    cloudep_document_t *document = apr_pcalloc(call->p, sizeof(*document));
    const unsigned char *png;
    const char *svg;
    apr_status_t rv;

    if (accept && preference(call->p, accept, PNG) > preference(call->p, accept, SVG)) {
        document->type = PNG;
        rv = cloudep_qr_png(&png, &document->length, call->p, url);
        document->bytes = rv == APR_SUCCESS ? png : NULL;
    }
    else {
        document->type = SVG;
        rv = cloudep_qr_svg(&svg, &document->length, call->p, url);
        document->bytes = rv == APR_SUCCESS ? svg : NULL;
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "drawing a QR code");
    }
    call->document = document;
    return NULL;
}

cloudep_problem_t *totp_picture(cloudep_call_t *call)
{
    const cloudep_principal_t *who = call->principal;
    const cloudep_totp_t *totp;
    const char *url;
    cloudep_problem_t *problem;
    apr_status_t rv = cloudep_totp_load(cloudep_database(call), call->p, &totp, who->tenant_id, who->uid);

    if (rv == APR_NOTFOUND || (rv == APR_SUCCESS && !totp->pending_secret)) {
        return cloudep_problem(call, CLOUDEP_SCOPE_MEMBER, CLOUDEP_ABSENT, "no enrolment is under way, or it is over");
    }
    if (rv != APR_SUCCESS) {
        return cloudep_problem_service(call, rv, "looking up the enrolment");
    }
    problem = cloudep_totp_url_of(call, totp, totp->pending_secret, &url);
    return problem ? problem : draw(call, url);
}
