/*
 * login_page.h - CloudEPLoginPage: a person in front of a guarded page is sent to where they can log in, or prove more.
 *
 * Only a navigation of a browser is: a fetch, a form that was posted, a WebSocket and a program get 401 and 403, as
 * they would make nothing of a page. The address to come back to goes along as return_to, and "need" says what a
 * session lacks: "mfa" (a second factor) or "fresh" (a proof of a short while ago).
 */
#ifndef CLOUDEP_LOGIN_PAGE_H
#define CLOUDEP_LOGIN_PAGE_H

#include <httpd.h>
#include "base/export.h"

/** Whether a browser asks for a page to show it by itself, and not in a frame of another. */
int cloudep_is_navigation(const request_rec *r);

/**
 * The address of the login page for a request, with the cookie that its way back needs set.
 * @param need "mfa", "fresh"; NULL: a login
 * @return NULL: there is no such page, the request is no navigation, the page could not lead back here, or the browser
 *         keeps no cookies and would only go round
 */
CLOUDEP_DECLARE(const char *) cloudep_login_address(request_rec *r, const char *need);

/**
 * Has the request answered by sending the browser to the login page, if it is one to be sent there.
 * @return HTTP_SEE_OTHER, for the hook to return; DECLINED: there is no address to send it to, or the request is a part
 *         or an error page of another one
 */
int cloudep_send_to_login(request_rec *r, const char *need);

#endif
