/*
 * mount.c - see mount.h.
 */
#include "access/mount.h"

#include <http_request.h>
#include <apr_fnmatch.h>
#include <apr_strings.h>
#include "access/place.h"
#include "base/text/validate.h"

/* What CloudEPServe takes, the handler that serves it, and the module which has that handler. */
static const struct {
    const char *name;
    const char *handler;
    const char *module;
} apis[] = {
    {"auth", "cloudep-auth", "mod_cloudep_auth.c"},
    {"members", "cloudep-member", "mod_cloudep_member.c"},
    {"account", CLOUDEP_ACCOUNT_HANDLER, "mod_cloudep_auth.c"},
    {"session", CLOUDEP_SESSION_HANDLER, "mod_cloudep_auth.c"},
    {"jwks", "cloudep-jwks", "mod_cloudep_auth.c"},
};
#define APIS (sizeof(apis) / sizeof(apis[0]))

/* Whether the directive stands in a Location right away, and not in an If, a LocationMatch or a pattern. */
static int is_in_location(const cmd_parms *cmd)
{
    const ap_directive_t *section = cmd->directive->parent;

    return section && !strcasecmp(section->directive, "<Location") && section->args[0] != '~' && cmd->path &&
           cmd->path[0] == '/' && !apr_fnmatch_test(cmd->path);
}

static const char *names(apr_pool_t *p)
{
    const char *list = apis[0].name;

    for (size_t i = 1; i < APIS; i++) {
        list = apr_pstrcat(p, list, ", ", apis[i].name, NULL);
    }
    return list;
}

const char *cloudep_set_serve(cmd_parms *cmd, void *placev, const char *name)
{
    cloudep_place_t *place = placev;
    size_t length, i = 0;

    if (!is_in_location(cmd)) {
        return "CloudEPServe stands in <Location /path>, without a pattern: that path is where the API begins";
    }
    while (i < APIS && strcmp(apis[i].name, name) != 0) {
        i++;
    }
    if (i == APIS) {
        return apr_pstrcat(cmd->pool, "CloudEPServe takes one of ", names(cmd->pool), NULL);
    }
    if (!ap_find_linked_module(apis[i].module)) {
        return apr_psprintf(cmd->pool, "CloudEPServe %s needs %s: load that module", name, apis[i].module);
    }
    for (length = strlen(cmd->path); length && cmd->path[length - 1] == '/'; length--) {
    }
    place->serve = apis[i].handler;
    place->mount = apr_pstrmemdup(cmd->pool, cmd->path, length);
    return NULL;
}

const char *cloudep_set_tenant(cmd_parms *cmd, void *placev, const char *slug)
{
    (void)cmd;
    if (!cloudep_is_slug(slug)) {
        return "CloudEPTenant takes the slug of a tenant, as \"cloudepctl tenant list\" shows it";
    }
    ((cloudep_place_t *)placev)->tenant = slug;
    return NULL;
}

const char *cloudep_mount_path(request_rec *r)
{
    return cloudep_place_of(r)->mount;
}

const char *cloudep_mount_tenant(const request_rec *r)
{
    return cloudep_place_of(r)->tenant;
}

/* After the SetHandler of whatever Location is further down or up. */
static int choose_handler(request_rec *r)
{
    const char *handler = cloudep_place_of(r)->serve;

    if (handler) {
        r->handler = handler;
    }
    return DECLINED;
}

void cloudep_mount_register_hooks(void)
{
    ap_hook_fixups(choose_handler, NULL, NULL, APR_HOOK_FIRST);
}
