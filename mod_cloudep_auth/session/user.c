/*
 * user.c - GET and PATCH /user, POST /user/email, GET and POST /user/phone_code, POST /user/phone.
 */
#include "operations.h"

#include <stddef.h>
#include <string.h>
#include <apr_strings.h>
#include "base/text/iso_time.h"
#include "core/needs.h"
#include "core/settings.h"
#include "fields.h"
#include "flow/email_change.h"
#include "flow/history.h"
#include "flow/linked_account.h"
#include "flow/login_phone.h"
#include "flow/own_sessions.h"
#include "flow/profile.h"

#define PAGES 10  /* of 100 rows: nobody has more sessions, and no login is looked for further back */
#define LOGINS 10 /* that are told */

/* ---- what is told ---- */

static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* "+886*****678": enough to know one's own. */
static const char *masked(apr_pool_t *p, const char *number)
{
    const apr_size_t length = number ? strlen(number) : 0;
    char *text = apr_pstrdup(p, text_of(number));

    if (length > 7) {
        memset(text + 4, '*', length - 7);
    }
    return text;
}

static cloudep_outcome_t count_sessions(cloudep_call_t *call, int *count)
{
    cloudep_page_t page = {.limit = "100"};
    cloudep_own_sessions_t found;
    cloudep_outcome_t outcome;

    *count = 0;
    for (int i = 0; i < PAGES; i++) {
        found = (cloudep_own_sessions_t){0};
        if (cloudep_failed(outcome = cloudep_list_sessions(call->ctx, call->principal, &page, &found))) {
            return outcome;
        }
        *count += found.sessions->nelts;
        if (!(page.cursor = found.next)) {
            break;
        }
    }
    return cloudep_done();
}

static int is_login(const char *name)
{
    const apr_size_t length = strlen(name);

    return (strstr(name, ".login") || !strcmp(name, "auth.token.exchange")) &&
           (length < strlen(".start") || strcmp(name + length - strlen(".start"), ".start") != 0);
}

static json_t *login_json(apr_pool_t *p, const cloudep_own_event_t *event)
{
    return json_pack("{ss,ss,ss,ss,ss}", "time", cloudep_iso_time(p, event->at), "address", text_of(event->address),
                     "agent", text_of(event->user_agent), "method", text_of(event->method), "result",
                     event->reason ? event->reason : "success");
}

/* The last logins, and tries at one. */
static cloudep_outcome_t list_logins(cloudep_call_t *call, json_t *list)
{
    cloudep_page_t page = {.limit = "100"};
    cloudep_outcome_t outcome;

    for (int i = 0; i < PAGES && json_array_size(list) < LOGINS; i++) {
        cloudep_history_t found = {0};

        if (cloudep_failed(outcome = cloudep_list_events(call->ctx, call->principal, &page, &found))) {
            return outcome;
        }
        for (int at = 0; at < found.events->nelts && json_array_size(list) < LOGINS; at++) {
            const cloudep_own_event_t *event = &APR_ARRAY_IDX(found.events, at, cloudep_own_event_t);

            if (is_login(event->name)) {
                (void)json_array_append_new(list, login_json(call->ctx->p, event));
            }
        }
        if (!(page.cursor = found.next)) {
            break;
        }
    }
    return cloudep_done();
}

/* The linked account of the provider "lark", or null. */
static cloudep_outcome_t find_lark(cloudep_call_t *call, json_t **lark)
{
    apr_array_header_t *accounts = NULL;
    cloudep_outcome_t outcome = cloudep_linked_accounts(call->ctx, call->principal, &accounts);

    *lark = json_null();
    for (int i = 0; !cloudep_failed(outcome) && i < accounts->nelts; i++) {
        const cloudep_linked_account_t *account = &APR_ARRAY_IDX(accounts, i, cloudep_linked_account_t);

        if (account->provider && !strcmp(account->provider, "lark")) {
            *lark = json_pack("{ss,ss,ss,ss}", "id", account->id, "issuer", account->issuer, "subject",
                              account->subject, "create_time", cloudep_iso_time(call->ctx->p, account->created_at));
            break;
        }
    }
    return outcome;
}

cloudep_outcome_t session_user(cloudep_call_t *call)
{
    apr_pool_t *p = call->ctx->p;
    const cloudep_member_t *member = NULL;
    json_t *lark = NULL, *logins = NULL;
    int sessions;
    cloudep_outcome_t outcome = cloudep_get_profile(call->ctx, call->principal, &member);

    if (cloudep_failed(outcome) || cloudep_failed(outcome = count_sessions(call, &sessions)) ||
        cloudep_failed(outcome = find_lark(call, &lark))) {
        return outcome;
    }
    logins = json_array();
    outcome = list_logins(call, logins);
    call->data =
        json_pack("{ss,ss,ss,ss,ss,ss,si,so,so,sb,ss,ss}", "_id", member->uid, "email", member->email, "name",
                  text_of(member->display_name), "avatar", text_of(member->avatar), "phone",
                  masked(p, member->login_phone), "totp", member->totp_enrolled ? "on" : "", "sessions", sessions,
                  "history", logins, "lark", lark, "status", member->status == CLOUDEP_MEMBER_ACTIVE, "create_time",
                  cloudep_iso_time(p, member->created_at), "update_time", cloudep_iso_time(p, member->updated_at));
    return outcome;
}

/* ---- what is changed ---- */

static const char *const keys[] = {"Email", "Name", "Avatar", NULL};

const cloudep_field_t session_change_fields[] = {
    {.name = "key",
     .type = CLOUDEP_FIELD_CHOICE,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .choices = keys,
     .at = offsetof(session_change_t, key)},
    SESSION_EMAIL(0, offsetof(session_change_t, email)),
    {.name = "name",
     .type = CLOUDEP_FIELD_TEXT,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .max = 100,
     .at = offsetof(session_change_t, name)},
    {.name = "avatar",
     .type = CLOUDEP_FIELD_URL,
     .flags = CLOUDEP_FIELD_ALLOW_EMPTY,
     .at = offsetof(session_change_t, avatar)},
    SESSION_FIELDS_END,
};

/* The second step is POST /user/email. */
static cloudep_outcome_t start_email(cloudep_call_t *call, const session_change_t *in)
{
    cloudep_contact_challenge_t challenge = {0};
    cloudep_outcome_t outcome;

    if (!in->email) {
        return cloudep_missing(offsetof(session_change_t, email), "is required with Email");
    }
    if (call->ctx->config->off & (CLOUDEP_NEEDS_CACHE | CLOUDEP_NEEDS_SEALING | CLOUDEP_NEEDS_MAIL)) {
        return cloudep_refuse(CLOUDEP_NOT_CONFIGURED);
    }
    outcome = cloudep_start_email_change(call->ctx, call->principal, &(const cloudep_email_start_t){.email = in->email},
                                         &challenge);
    if (outcome.rule) {
        outcome.field = offsetof(session_change_t, email);
    }
    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, CLOUDEP_PENDING_EMAIL, challenge.challenge_id);
        apr_table_setn(call->r->headers_out, "X-Next", "user/email");
    }
    return outcome;
}

static cloudep_outcome_t write_profile(cloudep_call_t *call, const cloudep_profile_t *change)
{
    const cloudep_member_t *member = NULL;

    return cloudep_update_profile(call->ctx, call->principal, change, &member);
}

cloudep_outcome_t session_change(cloudep_call_t *call)
{
    const session_change_t *in = call->in;
    cloudep_outcome_t outcome;

    if (!strcmp(in->key, "Email")) {
        outcome = start_email(call, in);
    }
    else if (!strcmp(in->key, "Name")) {
        outcome = in->name ? write_profile(call, &(const cloudep_profile_t){.display_name = in->name})
                           : cloudep_missing(offsetof(session_change_t, name), "is required with Name");
    }
    else {
        outcome = in->avatar ? write_profile(call, &(const cloudep_profile_t){.avatar = in->avatar})
                             : cloudep_missing(offsetof(session_change_t, avatar), "is required with Avatar");
    }
    return cloudep_session_nothing(call, outcome);
}

const cloudep_field_t session_email_fields[] = {
    SESSION_EMAIL(CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_contact_confirm_t, target)),
    SESSION_CODE("code", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_contact_confirm_t, code)),
    SESSION_FIELDS_END,
};

/* A code for a new address or number, by what is under way. */
static cloudep_outcome_t confirm(cloudep_call_t *call, const char *what,
                                 cloudep_outcome_t (*flow)(cloudep_context_t *, const cloudep_principal_t *,
                                                           const cloudep_contact_confirm_t *))
{
    cloudep_contact_confirm_t *in = call->in;
    cloudep_outcome_t outcome;

    in->challenge_id = cloudep_pending(call, what);
    if (!in->challenge_id) {
        return cloudep_refuse(CLOUDEP_CHALLENGE_GONE);
    }
    outcome = flow(call->ctx, call->principal, in);
    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, what, NULL);
    }
    return cloudep_session_nothing(call, outcome);
}

cloudep_outcome_t session_email(cloudep_call_t *call)
{
    return confirm(call, CLOUDEP_PENDING_EMAIL, cloudep_confirm_email_change);
}

const cloudep_field_t session_phone_start_fields[] = {
    SESSION_PHONE(offsetof(cloudep_login_phone_start_t, phone)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_phone_start(cloudep_call_t *call)
{
    cloudep_contact_challenge_t challenge = {0};
    cloudep_outcome_t outcome = cloudep_start_login_phone(call->ctx, call->principal, call->in, &challenge);

    if (!cloudep_failed(outcome)) {
        cloudep_pending_set(call, CLOUDEP_PENDING_PHONE, challenge.challenge_id);
    }
    return cloudep_session_nothing(call, outcome);
}

const cloudep_field_t session_phone_fields[] = {
    SESSION_PHONE(offsetof(cloudep_contact_confirm_t, target)),
    SESSION_CODE("code", CLOUDEP_FIELD_REQUIRED, offsetof(cloudep_contact_confirm_t, code)),
    SESSION_FIELDS_END,
};

cloudep_outcome_t session_phone(cloudep_call_t *call)
{
    return confirm(call, CLOUDEP_PENDING_PHONE, cloudep_confirm_login_phone);
}
