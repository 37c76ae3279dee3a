/*
 * place.h - settings of a Directory, Location or Proxy, and whether it is one of our APIs.
 */
#ifndef CLOUDEP_PLACE_H
#define CLOUDEP_PLACE_H

#include <httpd.h>
#include <http_config.h>
#include "access/place_settings.h"
#include "base/export.h"

/* A row of CloudEPIdentityAttribute. */
typedef struct cloudep_attribute_header_t {
    const char *name;
    const char *header;
} cloudep_attribute_header_t;

typedef struct cloudep_place_t {
    int token_optional;
    int identity_headers;
    int strip_token;
    int preflight;
    int session_cookie;
    const char *login_page;                /* a path, or a URL; NULL: browsers are sent nowhere */
    int attributes;                        /* the place names members' attributes: they are read */
    apr_array_header_t *attribute_headers; /* of cloudep_attribute_header_t */
    const char *cookie;                    /* name of the cookie that may hold the token, NULL: header only */
    apr_array_header_t *origins;           /* from which a request with the cookie may come */
    const char *serve;                     /* the handler of CloudEPServe; NULL: none */
    const char *mount;                     /* with serve: the path of its Location, without a slash at the end */
    const char *delivery;                  /* "cookie" or "body"; NULL: body */
    const char *tenant;                    /* slug of CloudEPTenant; NULL: none */
    int ping_values;
    apr_table_t *options; /* of CloudEPOption: type to JSON; NULL: none */
} cloudep_place_t;

/** The settings in force for a request. Never NULL. */
const cloudep_place_t *cloudep_place_of(const request_rec *r);

/** The JSON that CloudEPOption has for a type; NULL: none. */
CLOUDEP_DECLARE(const char *) cloudep_option(const request_rec *r, const char *type);

/** Whether CloudEPPingValues is On for a request. */
CLOUDEP_DECLARE(int) cloudep_ping_values(const request_rec *r);

/** Whether the request's Location has one of our handlers; from the location walk on. */
int cloudep_is_api(request_rec *r);

/** Whether the session cookie, and nothing else, says who asks. */
int cloudep_uses_session_cookie(request_rec *r);

/** Whether a request is for what a guard is in front of: none of our APIs, or forward auth, which is asked about it. */
int cloudep_is_for_a_guard(request_rec *r);

/** Whether the session cookie may let a request in, beside a token: CloudEPSessionCookie, in front of what is guarded.
 */
int cloudep_takes_session_cookie(request_rec *r);

/** The origins that count as our own for the cookie of a request; NULL: none. */
const apr_array_header_t *cloudep_listed_origins(request_rec *r);

/** Has the attributes read in the place that a directive stands in. */
void cloudep_place_reads_attributes(cmd_parms *cmd);

/** Whether an attribute may have that name. */
int cloudep_is_attribute_name(const char *name);

/** The headers that any place of this httpd names for attributes (const char *); NULL: none. */
const apr_array_header_t *cloudep_all_attribute_headers(const request_rec *r);

void *cloudep_place_create(apr_pool_t *p, char *path);
void *cloudep_place_merge(apr_pool_t *p, void *base, void *add);

const char *cloudep_add_option(cmd_parms *cmd, void *place, const char *type, const char *file);
const char *cloudep_set_cookie(cmd_parms *cmd, void *place, const char *name);
const char *cloudep_set_delivery(cmd_parms *cmd, void *place, const char *word);
const char *cloudep_add_attribute(cmd_parms *cmd, void *place, const char *name, const char *header);
const char *cloudep_add_origin(cmd_parms *cmd, void *place, const char *origin);
const char *cloudep_set_login_page(cmd_parms *cmd, void *place, const char *url);

/* The commands of CLOUDEP_PLACE_SETTINGS, for the one table of the module; a comma is behind the last one. */
#define CLOUDEP_PLACE_FLAG(member, directive, help)                                                                    \
    AP_INIT_FLAG(directive, ap_set_flag_slot, (void *)APR_OFFSETOF(cloudep_place_t, member), OR_AUTHCFG, help),
#define CLOUDEP_PLACE_TEXT(member, directive, setter, help) AP_INIT_TAKE1(directive, setter, NULL, OR_AUTHCFG, help),
#define CLOUDEP_PLACE_LIST(member, directive, setter, help) AP_INIT_ITERATE(directive, setter, NULL, OR_AUTHCFG, help),
#define CLOUDEP_PLACE_WORD(member, directive, setter, help)                                                            \
    AP_INIT_TAKE1(directive, setter, NULL, RSRC_CONF | ACCESS_CONF, help),
#define CLOUDEP_PLACE_PAIR(member, directive, setter, help) AP_INIT_TAKE2(directive, setter, NULL, ACCESS_CONF, help),
#define CLOUDEP_PLACE_COMMANDS                                                                                         \
    CLOUDEP_PLACE_SETTINGS(CLOUDEP_PLACE_FLAG, CLOUDEP_PLACE_TEXT, CLOUDEP_PLACE_LIST, CLOUDEP_PLACE_WORD,             \
                           CLOUDEP_PLACE_PAIR)

#endif
