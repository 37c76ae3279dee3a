/*
 * end.c - what the commands that end things have in common: which of them, and how many there were.
 */
#include "cloudepctl.h"

#include <apr_strings.h>

static int read_selection(cloudepctl_t *ctl, const char *own, cloudep_operator_selection_t *selection)
{
    const int member = cloudepctl_option(ctl, "uid") || cloudepctl_option(ctl, "email");

    selection->own = cloudepctl_option(ctl, own);
    selection->all = cloudepctl_option(ctl, "all") != NULL;
    if ((selection->own != NULL) + member + selection->all != 1) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "say which: --%s, --uid, --email, or --all of the tenant", own);
    }
    return cloudepctl_scope(ctl, &selection->tenant_id, &selection->uid);
}

int cloudepctl_end(cloudepctl_t *ctl, const cloudepctl_ending_t *ending)
{
    cloudep_operator_selection_t selection = {0};
    json_t *result;
    apr_status_t rv;
    int count;
    const int code = read_selection(ctl, ending->own, &selection);

    if (code) {
        return code;
    }
    rv = ending->end(&ctl->db, ctl->pool, &count, &selection);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    if (selection.own && count == 0) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "the tenant has no such %s as %s", ending->noun,
                               selection.own);
    }
    result = cloudepctl_own(ctl, json_object());
    (void)json_object_set_new(result, apr_pstrcat(ctl->pool, ending->noun, "s_", ending->done, NULL),
                              json_integer(count));
    return cloudepctl_print_done(ctl, ending->done, result, "%d %s%s %s", count, ending->noun, count == 1 ? "" : "s",
                                 ending->done);
}
