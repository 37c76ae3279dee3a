/*
 * tenant_whole.c - what concerns a tenant with all that it has: export, and removal.
 */
#include "cloudepctl.h"

#define PAGE 1000

/* Called with each member of a tenant. Returns an exit code. */
typedef int member_fn(cloudepctl_t *ctl, const char *tenant_id, const cloudep_operator_member_t *member, void *baton);

static int each_member(cloudepctl_t *ctl, const char *tenant_id, member_fn *fn, void *baton)
{
    cloudep_operator_filter_t filter = {.tenant_id = tenant_id, .limit = PAGE};
    apr_array_header_t *page;
    int code = CLOUDEPCTL_DONE;

    do {
        apr_status_t rv = cloudep_operator_member_list(&ctl->db, ctl->pool, &page, &filter);

        if (rv != APR_SUCCESS) {
            return cloudepctl_database_failed(ctl, rv);
        }
        for (int i = 0; !code && i < page->nelts; i++) {
            const cloudep_operator_member_t *member = &APR_ARRAY_IDX(page, i, cloudep_operator_member_t);

            filter.after = member->email;
            code = fn(ctl, tenant_id, member, baton);
        }
    } while (!code && page->nelts == PAGE);
    return code;
}

/* ---- Export --------------------------------------------------------------------------------------------- */

/* A member_fn: into an array, with all that "member show" has. */
static int export_member(cloudepctl_t *ctl, const char *tenant_id, const cloudep_operator_member_t *member, void *array)
{
    const cloudep_operator_member_name_t who = {.tenant_id = tenant_id, .uid = member->uid};
    cloudep_operator_member_details_t details;
    apr_status_t rv = cloudep_operator_member_show(&ctl->db, ctl->pool, &details, &who);

    if (rv == APR_NOTFOUND) {
        return CLOUDEPCTL_DONE; /* gone meanwhile */
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    (void)json_array_append(array, cloudepctl_json(ctl, &cloudep_operator_member_details_record, &details));
    return CLOUDEPCTL_DONE;
}

static int export_invites(cloudepctl_t *ctl, const char *tenant_id, json_t *array)
{
    cloudep_operator_filter_t filter = {.tenant_id = tenant_id, .limit = PAGE};
    apr_array_header_t *page;

    do {
        apr_status_t rv = cloudep_operator_invite_list(&ctl->db, ctl->pool, &page, &filter);

        if (rv != APR_SUCCESS) {
            return cloudepctl_database_failed(ctl, rv);
        }
        for (int i = 0; i < page->nelts; i++) {
            const cloudep_operator_invite_t *invite = &APR_ARRAY_IDX(page, i, cloudep_operator_invite_t);

            filter.after = invite->code;
            (void)json_array_append(array, cloudepctl_json(ctl, &cloudep_operator_invite_record, invite));
        }
    } while (page->nelts == PAGE);
    return CLOUDEPCTL_DONE;
}

/* The tenant that --slug names. Returns an exit code. */
static int find(cloudepctl_t *ctl, cloudep_operator_tenant_t *tenant)
{
    const char *slug = cloudepctl_option(ctl, "slug");
    apr_status_t rv = cloudep_operator_tenant_show(&ctl->db, ctl->pool, tenant, slug);

    if (rv == APR_NOTFOUND) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "no tenant %s", slug);
    }
    return rv == APR_SUCCESS ? CLOUDEPCTL_DONE : cloudepctl_database_failed(ctl, rv);
}

int cloudepctl_tenant_export(cloudepctl_t *ctl)
{
    json_t *members = cloudepctl_own(ctl, json_array());
    json_t *invites = cloudepctl_own(ctl, json_array());
    cloudep_operator_tenant_t tenant;
    json_t *whole;
    int code;

    if ((code = find(ctl, &tenant)) || (code = export_invites(ctl, tenant.id, invites)) ||
        (code = each_member(ctl, tenant.id, export_member, members))) {
        return code;
    }
    whole = cloudepctl_json(ctl, &cloudep_operator_tenant_record, &tenant);
    (void)json_object_set(whole, "invites", invites);
    (void)json_object_set(whole, "members", members);
    ctl->json = 1; /* there is no other form of it */
    return cloudepctl_print_record(ctl, "tenant", whole);
}

/* ---- Removal -------------------------------------------------------------------------------------------- */

/* A member_fn: as "member delete". One that is being removed already stays so. */
static int delete_member(cloudepctl_t *ctl, const char *tenant_id, const cloudep_operator_member_t *member, void *baton)
{
    const cloudep_operator_member_name_t who = {.tenant_id = tenant_id, .uid = member->uid};
    cloudep_operator_step_t done;
    apr_status_t rv = cloudep_operator_member_step(&ctl->db, ctl->pool, &done, &who, CLOUDEP_OPERATOR_DELETE);

    (void)baton;
    return rv == APR_SUCCESS || rv == APR_NOTFOUND ? CLOUDEPCTL_DONE : cloudepctl_database_failed(ctl, rv);
}

static int count(cloudepctl_t *ctl, cloudep_operator_tenant_contents_t *contents, const char *tenant_id)
{
    apr_status_t rv = cloudep_operator_tenant_contents(&ctl->db, ctl->pool, contents, tenant_id);

    return rv == APR_SUCCESS ? CLOUDEPCTL_DONE : cloudepctl_database_failed(ctl, rv);
}

/* What is said of a tenant that is still there. */
static int print_pending(cloudepctl_t *ctl, const char *slug, const char *tenant_id, const char *what)
{
    cloudep_operator_tenant_contents_t contents;
    json_t *result;
    int code = count(ctl, &contents, tenant_id);

    if (code) {
        return code;
    }
    result = cloudepctl_json(ctl, &cloudep_operator_tenant_contents_record, &contents);
    (void)json_object_set_new(result, "slug", json_string(slug));
    code = cloudepctl_print_done(ctl, "tenant", cloudepctl_changed(result, 0),
                                 "tenant %s has %d members, %d invites, %d events and %d messages: %s", slug,
                                 contents.members, contents.invites, contents.events, contents.messages, what);
    ctl->told = 1;
    return code ? code : CLOUDEPCTL_PENDING;
}

int cloudepctl_tenant_delete(cloudepctl_t *ctl)
{
    cloudep_operator_tenant_t tenant;
    apr_status_t rv;
    int code = find(ctl, &tenant);

    if (code) {
        return code;
    }
    if (!cloudepctl_option(ctl, "yes")) {
        return print_pending(ctl, tenant.slug, tenant.id, "all of that would be removed for good, with --yes");
    }
    rv = cloudep_operator_tenant_set(
        &ctl->db, ctl->pool, &tenant,
        &(cloudep_operator_tenant_change_t){.slug = tenant.slug, .registration = "false", .login = "false"});
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    code = each_member(ctl, tenant.id, delete_member, NULL);
    if (code) {
        return code;
    }
    rv = cloudep_operator_tenant_delete(&ctl->db, ctl->pool, tenant.id);
    if (rv == APR_NOTFOUND) {
        return print_pending(ctl, tenant.slug, tenant.id,
                             "it is closed, and a running server removes the members; then run this again");
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return cloudepctl_print_done(ctl, "tenant",
                                 cloudepctl_changed(cloudepctl_own(ctl, json_pack("{s:s}", "slug", tenant.slug)), 1),
                                 "tenant %s removed", tenant.slug);
}
