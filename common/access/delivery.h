/*
 * delivery.h - gives a browser the cookies of a session, and takes them back.
 */
#ifndef CLOUDEP_DELIVERY_H
#define CLOUDEP_DELIVERY_H

#include <httpd.h>
#include "base/export.h"
#include "base/store/session_store.h"
#include "core/outcome.h"

/** The session cookie of kind own for a session as it is now, and its XSRF cookie: after a login or a renewal. */
CLOUDEP_DECLARE(cloudep_outcome_t) cloudep_give_session(request_rec *r, const cloudep_session_t *session);

/** Removes both. */
void cloudep_take_session(request_rec *r);

#endif
