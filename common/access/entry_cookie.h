/*
 * entry_cookie.h - the cookie of a browser that was sent from here to the login page of another host.
 *
 * A session is handed over to the very browser that was sent: a random cookie stays on this host, and its SHA-256 goes
 * along as "enter". Whoever comes back has to have the cookie, so that nobody can be led into the session of somebody
 * else. It is kept for some minutes after that, for other tabs. A second one, which lives for seconds, notes that the
 * browser was let in: the browser counts them, as the clocks of nodes may differ.
 */
#ifndef CLOUDEP_ENTRY_COOKIE_H
#define CLOUDEP_ENTRY_COOKIE_H

#include <httpd.h>
#include <apr_errno.h>

#define CLOUDEP_ENTRY_LIFETIME 600 /* seconds */

/**
 * Gives a browser the cookie, or the one that it has for longer.
 * @param digest of it, base64url
 * @return APR_EGENERAL: no randomness, or OpenSSL failed
 */
apr_status_t cloudep_entry_begin(request_rec *r, const char **digest);

/** The digest of the cookie that a request brought; NULL: it brought none of ours. */
const char *cloudep_entry_digest(request_rec *r);

/** Notes in a cookie that the browser is let in now. */
void cloudep_entry_note(request_rec *r);

/** Whether it was let in so short a while ago that nobody had to do anything since. */
int cloudep_entry_is_recent(request_rec *r);

#endif
