/*
 * picture.c - the QR code of an enrolment under way, as SVG or PNG, whichever the client's Accept prefers.
 *
 * An addition to the contract, for people who would rather look than type. The picture holds the secret, so it is as
 * short-lived as the enrolment and, as every answer, not to be stored.
 */
#include "member.h"

#include <apr_strings.h>
#include "base/text/accept.h"
#include "base/text/qr.h"

#define SVG "image/svg+xml"
#define PNG "image/png"

/* SVG unless PNG is liked better; a client that wants neither gets what we have. */
static cloudep_problem_t *draw(cloudep_call_t *call, const char *url)
{
    static const char *const types[] = {SVG, PNG, NULL};
    const char *type = cloudep_accept_media(apr_table_get(call->r->headers_in, "Accept"), types);
    cloudep_document_t *document = apr_pcalloc(call->p, sizeof(*document));
    const unsigned char *png;
    const char *svg;
    apr_status_t rv;

    if (type && !strcmp(type, PNG)) {
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
