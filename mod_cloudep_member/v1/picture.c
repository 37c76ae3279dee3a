/*
 * picture.c - GET /me/totp/qr: the QR code of an enrolment under way, as SVG or PNG, whichever Accept prefers.
 *
 * An addition to the contract, for people who would rather look than type. The picture holds the secret, so it is as
 * short-lived as the enrolment and, as every answer, not to be stored.
 */
#include "operations.h"

#include <string.h>
#include "base/text/accept.h"
#include "base/text/qr.h"
#include "flow/totp_enrolment.h"

#define SVG "image/svg+xml"
#define PNG "image/png"

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
    static const char *const types[] = {SVG, PNG, NULL};
    const char *type = cloudep_accept_media(apr_table_get(call->r->headers_in, "Accept"), types);

    return type && !strcmp(type, PNG);
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
