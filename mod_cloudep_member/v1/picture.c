/*
 * picture.c - GET /me/totp/qr: the QR code of an enrolment under way, as SVG or PNG, whichever Accept prefers.
 *
 * An addition to the contract, for people who would rather look than type. The picture holds the secret, so it is as
 * short-lived as the enrolment and, as every answer, not to be stored.
 */
#include "operations.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include "base/text/qr.h"
#include "flow/totp_enrolment.h"

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

/* A weight, 0 or 1 with digits behind the point (RFC 9110 12.4.2), in thousandths; what is none counts as 0. */
static int thousandths(const char *text)
{
    int value = apr_isdigit(text[0]) ? (text[0] - '0') * 1000 : 0;
    int unit = 100;

    for (const char *c = text[0] && text[1] == '.' ? text + 2 : ""; apr_isdigit(*c); c++) {
        value += (*c - '0') * unit;
        unit /= 10;
    }
    return value > 1000 ? 0 : value;
}

/* The weight of one element of Accept, in thousandths; without a parameter q it is 1. */
static int weight(char *parameters)
{
    char *last;

    for (char *word = apr_strtok(parameters, "; \t", &last); word; word = apr_strtok(NULL, "; \t", &last)) {
        if (!strncasecmp(word, "q=", 2)) {
            return thousandths(word + 2);
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

static apr_status_t draw_png(cloudep_document_t *document, apr_pool_t *p, const char *url)
{
    const unsigned char *png = NULL;
    apr_status_t rv = cloudep_qr_png(&png, &document->length, p, url);

    document->type = PNG;
    document->bytes = png;
    return rv;
}

static apr_status_t draw_svg(cloudep_document_t *document, apr_pool_t *p, const char *url)
{
    const char *svg = NULL;
    apr_status_t rv = cloudep_qr_svg(&svg, &document->length, p, url);

    document->type = SVG;
    document->bytes = svg;
    return rv;
}

/* SVG unless PNG is liked better; a client that wants neither gets what we have. */
static int prefers_png(const cloudep_call_t *call)
{
    const char *accept = apr_table_get(call->r->headers_in, "Accept");

    return accept && preference(call->ctx->p, accept, PNG) > preference(call->ctx->p, accept, SVG);
}

cloudep_outcome_t run_totp_picture(cloudep_call_t *call)
{
    cloudep_document_t *document = apr_pcalloc(call->ctx->p, sizeof(*document));
    const char *url = NULL;
    apr_status_t rv;
    cloudep_outcome_t outcome = cloudep_pending_totp_url(call->ctx, call->principal, &url);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    rv = prefers_png(call) ? draw_png(document, call->ctx->p, url) : draw_svg(document, call->ctx->p, url);
    if (rv != APR_SUCCESS) {
        return cloudep_failure(call->ctx, rv, "drawing a QR code");
    }
    call->document = document;
    return outcome;
}
