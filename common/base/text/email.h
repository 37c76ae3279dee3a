/*
 * email.h - email addresses as people type or paste them, and the one form in which they are stored and compared.
 */
#ifndef CLOUDEP_TEXT_EMAIL_H
#define CLOUDEP_TEXT_EMAIL_H

#include <apr_errno.h>
#include <apr_pools.h>

#include "base/status.h"

/**
 * Bring an email address to the form it is stored and compared in: without blank or invisible characters around it,
 * full-width forms as ASCII, in lower case, a domain in another script as A-labels ("b\u00fccher" becomes
 * "xn--bcher-kva": UTS 46, nontransitional, STD 3, with the rules for direction and joiners of RFC 5893 and RFC 5892).
 *
 * What is left must match the pattern of the HTML standard's input type=email; in addition the part before the @ has at
 * most 64 characters, the whole at most 254 (RFC 5321), and the domain has a dot. The form is ASCII, so that it is safe
 * in a mail header; a part before the @ that is not (RFC 6531) is refused, as relays without SMTPUTF8 cannot take it.
 * A domain that is typed in ASCII is not looked into: it was always taken as it is. The form of a form is itself.
 * @param email the form, in @a pool; NULL on failure
 * @param reason on failure a text for the client that goes on from the field's name ("must be ..."), constant, else
 *               NULL; may be NULL itself
 * @param text what was typed; NUL-terminated
 * @return APR_SUCCESS or CLOUDEP_EMALFORMED
 */
apr_status_t cloudep_normalize_email(const char **email, const char **reason, const char *text, apr_pool_t *pool);

#endif
