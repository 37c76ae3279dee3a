/*
 * list.c - what the commands that list things have in common: which rows, a page of them, and where the next begins.
 */
#include "cloudepctl.h"

static int read_filter(cloudepctl_t *ctl, const cloudepctl_list_t *list, cloudep_operator_filter_t *filter)
{
    int code;

    filter->limit = 100;
    filter->after = cloudepctl_option(ctl, "after");
    filter->over = cloudepctl_option(ctl, "all") != NULL;
    filter->status = cloudepctl_option(ctl, "status");
    filter->name = cloudepctl_option(ctl, "name");
    filter->outbox = cloudepctl_option(ctl, "outbox");
    if ((code = cloudepctl_option_number(ctl, &filter->limit, "limit", 1, 1000)) ||
        (code = cloudepctl_scope(ctl, &filter->tenant_id, &filter->uid))) {
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
