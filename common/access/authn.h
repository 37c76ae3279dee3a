/*
 * authn.h - who asks: from a bearer token, a cookie or development headers to a live principal.
 */
#ifndef CLOUDEP_AUTHN_H
#define CLOUDEP_AUTHN_H

#include "core/request.h"

/**
 * The live principal of a request. What was found, or refused, is remembered for the request, so that hook and handler
 * agree.
 * @param with_member whether principal->member is wanted; without it CloudEPSessionCache may answer from before
 * @return TOKEN_MISSING, TOKEN_INVALID, IDENTITY_HEADERS_INVALID, MEMBER_INACTIVE; DATABASE_FAILED, OVERLOADED, ...:
 *         the session could not be looked up, which never means "anonymous"
 */
CLOUDEP_DECLARE(cloudep_outcome_t)
cloudep_authenticate(request_rec *r, int with_member, const cloudep_principal_t **principal);

/**
 * The same principal with its attributes, for a place that names some where it was found for a place that does not.
 * TOKEN_INVALID: the session is over meanwhile; DATABASE_FAILED, OVERLOADED, ...
 */
cloudep_outcome_t cloudep_authenticate_attributes(request_rec *r, const cloudep_principal_t **principal);

/** The token that a request brings: bearer header, or the Location's cookie; NULL: none. */
const char *cloudep_request_token(request_rec *r);

#endif
