/*
 * place_settings.h - the directives of a Directory, Location or Proxy, each declared once; without httpd's headers.
 *
 * FLAG(member, directive, help)          Off unless set
 * TEXT(member, directive, setter, help)  one word, which the setter checks; none unless set
 * LIST(member, directive, setter, help)  words, each of which the setter checks and adds; none unless set
 * WORD(member, directive, setter, help)  as TEXT, also for a whole server, and not in .htaccess
 * PAIR(member, directive, setter, help)  two words, which the setter checks and adds; not in .htaccess
 */
#ifndef CLOUDEP_PLACE_SETTINGS_H
#define CLOUDEP_PLACE_SETTINGS_H

#define CLOUDEP_PLACE_SETTINGS(FLAG, TEXT, LIST, WORD, PAIR)                                                           \
    FLAG(token_optional, "CloudEPTokenOptional",                                                                       \
         "On: a token is verified when there is one, anonymous requests pass (with Require all granted)")              \
    FLAG(identity_headers, "CloudEPIdentityHeaders", "On: tell the backend X-CloudEP-UID, -Tenant, -Session and -AMR") \
    FLAG(strip_token, "CloudEPStripToken",                                                                             \
         "On: remove the token, in Authorization or the cookie, before the request goes on")                           \
    FLAG(preflight, "CloudEPPreflight", "On: let CORS preflights pass without a token")                                \
    TEXT(cookie, "CloudEPTokenCookie", cloudep_set_cookie, "Name of a cookie that may hold the access token")          \
    LIST(origins, "CloudEPTokenOrigin", cloudep_add_origin,                                                            \
         "Origin from which requests with that cookie may come; repeat for several")                                   \
    PAIR(attribute_headers, "CloudEPIdentityAttribute", cloudep_add_attribute,                                         \
         "Attribute, and the header (X-...) that tells it to the backend; repeat for several")                         \
    WORD(serve, "CloudEPServe", cloudep_set_serve,                                                                     \
         "API that is served from this Location on: auth, members, account, session or jwks")                          \
    WORD(delivery, "CloudEPTokenDelivery", cloudep_set_delivery,                                                       \
         "cookie: logins answer with the session cookie, which says who asks, and not with tokens; body: they do not") \
    FLAG(ping_values, "CloudEPPingValues", "On: GET / of the API style session tells some settings, no secrets")       \
    PAIR(options, "CloudEPOption", cloudep_add_option,                                                                 \
         "Type and JSON file that GET /options of the API style session answers; repeat for several")                  \
    WORD(tenant, "CloudEPTenant", cloudep_set_tenant, "Slug of the tenant that requests are for which name none")

#endif
