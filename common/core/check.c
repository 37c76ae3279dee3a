/*
 * check.c - see check.h.
 */
#include "core/check.h"

#include <grp.h>
#include <http_core.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include <unixd.h>
#include "base/text/json.h"

int cloudep_check_is_wanted(void)
{
    return ap_exists_config_define(CLOUDEP_CHECK_DEFINE);
}

apr_status_t cloudep_check_become_user(void)
{
    const unixd_config_rec *who = &ap_unixd_config;

    if (geteuid() != 0) {
        return APR_SUCCESS;
    }
    if (setgid(who->group_id) != 0 || initgroups(who->user_name, who->group_id) != 0 || setuid(who->user_id) != 0) {
        return apr_get_os_error();
    }
    return APR_SUCCESS;
}

void cloudep_check_say(apr_pool_t *p, const server_rec *s, const char *part, const char *state, const char *said)
{
    json_t *line =
        cloudep_json_own(json_pack("{s:s, s:s, s:s, s:s}", "server", s->is_virtual ? s->server_hostname : "main server",
                                   "part", part, "state", state, "message", said),
                         p);
    const char *text = cloudep_json_text(line, p);

    (void)printf(CLOUDEP_CHECK_LINE "%s\n", text ? text : "{}");
    (void)fflush(stdout);
}
