/*
 * alike.c - the commands that are alike but for what they are about: those that list, and those that end things.
 */
#include "cloudepctl.h"

#include <apr_strings.h>

/* The tenant, and the uid of the member that may be named: one named by email is looked up. */
static int read_scope(cloudepctl_t *ctl, const char **tenant_id, const char **uid)
{
    cloudep_operator_member_name_t who;
    cloudep_operator_member_details_t member;
    apr_status_t rv;
    int code;

    *uid = NULL;
    if (!cloudepctl_option(ctl, "uid") && !cloudepctl_option(ctl, "email")) {
        return cloudepctl_option(ctl, "tenant") ? cloudepctl_tenant_id(ctl, tenant_id) : CLOUDEPCTL_DONE;
    }
    if ((code = cloudepctl_member_named(ctl, &who))) {
        return code;
    }
    *tenant_id = who.tenant_id;
    *uid = who.uid;
    if (!who.email) {
        return CLOUDEPCTL_DONE;
    }
    rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &member, &who);
    if (rv == APR_NOTFOUND) {
        return cloudepctl_no_member(ctl, &who);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    *uid = member.uid;
    return CLOUDEPCTL_DONE;
}

static int read_filter(cloudepctl_t *ctl, const cloudepctl_list_t *list, cloudep_operator_filter_t *filter)
{
    int code;

    filter->limit = 100;
    filter->after = cloudepctl_option(ctl, "after");
    filter->over = cloudepctl_option(ctl, "all") != NULL;
    filter->status = cloudepctl_option(ctl, "status");
    filter->name = cloudepctl_option(ctl, "name");
    if ((code = cloudepctl_option_number(ctl, &filter->limit, "limit", 1, 1000)) ||
        (code = read_scope(ctl, &filter->tenant_id, &filter->uid))) {
        return code;
    }
    if (filter->after && list->is_cursor && !list->is_cursor(filter->after)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--after must be %s", list->cursor_name);
    }
    return CLOUDEPCTL_DONE;
}

int cloudepctl_list(cloudepctl_t *ctl, const cloudepctl_list_t *list)
{
    cloudep_operator_filter_t filter = {0};
    json_t *array = cloudepctl_own(ctl, json_array());
    json_t *next = cloudepctl_own(ctl, json_null());
    apr_array_header_t *rows;
    apr_status_t rv;
    int code = read_filter(ctl, list, &filter);
    int count;

    if (code) {
        return code;
    }
    count = filter.limit++; /* the one too many tells that there is more */
    rv = list->read(&ctl->db, ctl->pool, &rows, &filter);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    for (int i = 0; i < rows->nelts && i < count; i++) {
        (void)json_array_append(array, cloudepctl_json(ctl, list->record, rows->elts + i * rows->elt_size));
    }
    if (rows->nelts > count) {
        next = json_object_get(json_array_get(array, (size_t)count - 1), list->cursor);
    }
    return cloudepctl_print_list(ctl, list->name, list->columns, array, next);
}

static int read_selection(cloudepctl_t *ctl, const char *own, cloudep_operator_selection_t *selection)
{
    const int member = cloudepctl_option(ctl, "uid") || cloudepctl_option(ctl, "email");

    selection->own = cloudepctl_option(ctl, own);
    selection->all = cloudepctl_option(ctl, "all") != NULL;
    if ((selection->own != NULL) + member + selection->all != 1) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "say which: --%s, --uid, --email, or --all of the tenant", own);
    }
    return read_scope(ctl, &selection->tenant_id, &selection->uid);
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
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "the tenant has no such %s as %s", ending->noun, selection.own);
    }
    result = cloudepctl_own(ctl, json_object());
    (void)json_object_set_new(result, apr_pstrcat(ctl->pool, ending->noun, "s_", ending->done, NULL),
                              json_integer(count));
    return cloudepctl_print_done(ctl, ending->done, result, "%d %s%s %s", count, ending->noun, count == 1 ? "" : "s",
                                 ending->done);
}
