/*
 * take_cookies.h - what httpd calls for each request that was read, in tests without a server: our cookies are taken
 * out.
 */
#ifndef CLOUDEP_TEST_TAKE_COOKIES_H
#define CLOUDEP_TEST_TAKE_COOKIES_H

#include <http_protocol.h>
#include "access/cookie.h"

static ap_HOOK_post_read_request_t *take_cookies; /* after cloudep_cookie_register_hooks() */

AP_DECLARE(void)
ap_hook_post_read_request(ap_HOOK_post_read_request_t *hook, const char *const *before, const char *const *after,
                          int order)
{
    (void)before;
    (void)after;
    (void)order;
    take_cookies = hook;
}

#endif
