/*
 * named.c - the tenant and the member that the options of a command name.
 */
#include "cloudepctl.h"

#include "base/text/email.h"
#include "base/text/language.h"
#include "base/text/validate.h"

int cloudepctl_tenant_id(cloudepctl_t *ctl, const char **id)
{
    const char *slug = cloudepctl_option(ctl, "tenant");
    cloudep_operator_tenant_t tenant;
    apr_status_t rv = cloudep_operator_tenant_show(&ctl->db, ctl->pool, &tenant, slug);

    if (rv == APR_NOTFOUND) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "no tenant %s", slug);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    *id = tenant.id;
    return CLOUDEPCTL_DONE;
}

int cloudepctl_is_there(cloudepctl_t *ctl, const char *noun, const char *name, json_t *thing)
{
    return cloudepctl_option(ctl, "if-absent")
               ? cloudepctl_print_done(ctl, noun, cloudepctl_changed(thing, 0), "%s %s unchanged", noun, name)
               : cloudepctl_fail(ctl, CLOUDEPCTL_EXISTS, "%s %s exists already", noun, name);
}

int cloudepctl_check_text(cloudepctl_t *ctl, const char *name, int may_be_empty, int most)
{
    const char *text = cloudepctl_option(ctl, name);
    apr_size_t length;

    if (!text || (may_be_empty && !*text)) {
        return CLOUDEPCTL_DONE;
    }
    if (cloudep_is_blank(text) || !cloudep_is_printable(text) || cloudep_utf8_length(&length, text) != APR_SUCCESS ||
        length > (apr_size_t)most) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s must be printable text of 1 to %d characters", name, most);
    }
    return CLOUDEPCTL_DONE;
}

int cloudepctl_language(cloudepctl_t *ctl, const char **language)
{
    *language = cloudepctl_option(ctl, "language");
    if (*language && cloudep_normalize_language(language, *language, ctl->pool) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--language must be a language tag such as en or zh-TW");
    }
    return CLOUDEPCTL_DONE;
}

int cloudepctl_member_named(cloudepctl_t *ctl, cloudep_operator_member_name_t *who)
{
    const char *email = cloudepctl_option(ctl, "email");
    const char *reason;

    who->tenant_id = NULL;
    who->uid = cloudepctl_option(ctl, "uid");
    who->email = NULL;
    if (!who->uid == !email) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "name the member by --uid or by --email");
    }
    if (who->uid && !cloudep_is_uuid(who->uid)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--uid must be a UUID");
    }
    if (email && cloudep_normalize_email(&who->email, &reason, email, ctl->pool) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--email %s", reason);
    }
    return cloudepctl_tenant_id(ctl, &who->tenant_id);
}

int cloudepctl_no_member(cloudepctl_t *ctl, const cloudep_operator_member_name_t *who)
{
    return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "the tenant has no member %s", who->uid ? who->uid : who->email);
}

int cloudepctl_scope(cloudepctl_t *ctl, const char **tenant_id, const char **uid)
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
