/*
 * asked.h - what a client asked for: by the request itself, or, with forward auth, by the one that another server asks
 * about.
 *
 * That server names it: X-Original-Method or X-Forwarded-Method, X-Forwarded-Host and X-Forwarded-Uri. It has to set
 * them itself for each request, or a client could (doc/guard.md).
 */
#ifndef CLOUDEP_ASKED_H
#define CLOUDEP_ASKED_H

#include <httpd.h>
#include "base/export.h"

/**
 * The method that X-Original-Method or X-Forwarded-Method names; NULL: there is neither. One of them may be the
 * client's own, so where both are, both have to say the same: "" if not.
 */
CLOUDEP_DECLARE(const char *) cloudep_named_method(const request_rec *r);

/** Has the functions below speak of the request that the headers of this one name. */
void cloudep_ask_for_another(request_rec *r);

/** Whether they do. */
CLOUDEP_DECLARE(int) cloudep_asks_for_another(const request_rec *r);

/** GET, HEAD, ...; "": the headers name none, or two. */
const char *cloudep_asked_method(const request_rec *r);

/** Host and port, as in the header Host and as unchecked; NULL: it names none. */
const char *cloudep_asked_host(const request_rec *r);

/** The host without its port, in lower case; "": it names none. */
const char *cloudep_asked_hostname(const request_rec *r);

/** The path and query, "/...", as the client sent them. */
const char *cloudep_asked_path(const request_rec *r);

#endif
