/*
 * social.c - POST /register/social/start, /login/social/start, GET and POST /register/social/callback,
 * /login/social/callback.
 *
 * The browser's cookie is written and read here; flows know its value only.
 */
#include "operations.h"

#include <stddef.h>
#include <apr_strings.h>
#include "access/cookie.h"
#include "flow/purpose.h"
#include "flow/social_login.h"
#include "wire/v1/fields.h"

#define CODE_MAX 8192 /* Azure AD B2C's have more than 2048; httpd's LimitRequestLine is the limit of a GET */
#define STATE_MAX 512
#define ERROR_MAX 64
#define USER_MAX 2048

const cloudep_field_t social_register_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_social_registration_t),    CLOUDEP_V1_INVITE(cloudep_social_registration_t),
    CLOUDEP_V1_PROVIDER(cloudep_social_registration_t),  CLOUDEP_V1_TERMS(cloudep_social_registration_t),
    CLOUDEP_V1_LANGUAGE(cloudep_social_registration_t),  CLOUDEP_V1_REDIRECT(cloudep_social_registration_t),
    CLOUDEP_V1_MARKETING(cloudep_social_registration_t), {.name = NULL},
};

const cloudep_field_t social_login_fields[] = {
    CLOUDEP_V1_TENANT(cloudep_social_entry_t),
    CLOUDEP_V1_PROVIDER(cloudep_social_entry_t),
    CLOUDEP_V1_REDIRECT(cloudep_social_entry_t),
    {.name = NULL},
};

/*
 * Both callbacks take the same: a code, or the provider's error in its place; session_id is for clients that keep no
 * cookies, iss comes from some providers.
 */
const cloudep_field_t social_callback_fields[] = {
    {.name = "code", .type = CLOUDEP_FIELD_TOKEN, .max = CODE_MAX, .at = offsetof(cloudep_social_callback_t, code)},
    {.name = "state",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = STATE_MAX,
     .at = offsetof(cloudep_social_callback_t, state)},
    {.name = "error", .type = CLOUDEP_FIELD_TOKEN, .max = ERROR_MAX, .at = offsetof(cloudep_social_callback_t, error)},
    {.name = "session_id", .type = CLOUDEP_FIELD_ID, .at = offsetof(cloudep_social_callback_t, session_id)},
    {.name = "iss", .type = CLOUDEP_FIELD_URL, .at = offsetof(cloudep_social_callback_t, issuer)},
    {.name = NULL},
};

/* What a provider has a browser post to them. */
const cloudep_field_t social_form_fields[] = {
    {.name = "code", .type = CLOUDEP_FIELD_TOKEN, .max = CODE_MAX, .at = offsetof(cloudep_social_form_t, code)},
    {.name = "state",
     .type = CLOUDEP_FIELD_TOKEN,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = STATE_MAX,
     .at = offsetof(cloudep_social_form_t, state)},
    {.name = "error", .type = CLOUDEP_FIELD_TOKEN, .max = ERROR_MAX, .at = offsetof(cloudep_social_form_t, error)},
    {.name = "iss", .type = CLOUDEP_FIELD_URL, .at = offsetof(cloudep_social_form_t, issuer)},
    {.name = "user", .type = CLOUDEP_FIELD_TEXT, .max = USER_MAX, .at = offsetof(cloudep_social_form_t, user)},
    {.name = NULL},
};

/* What the browser's cookie says; NULL: there is none. One that comes twice is there, and is nobody's. */
static const char *browser_of(cloudep_call_t *call)
{
    return cloudep_cookie(call->r, CLOUDEP_COOKIE_BROWSER);
}

/* One of code and error has to be there. */
static cloudep_outcome_t check_callback(cloudep_call_t *call, const char *code, const char *error)
{
    const cloudep_field_error_t missing = {.field = "code", .rule = CLOUDEP_RULE_REQUIRED, .reason = "is required"};
    apr_array_header_t *errors;

    if (code || error) {
        return cloudep_done();
    }
    errors = apr_array_make(call->ctx->p, 1, sizeof(missing));
    APR_ARRAY_PUSH(errors, cloudep_field_error_t) = missing;
    call->field_errors = errors;
    return cloudep_refuse(CLOUDEP_FIELD_MISSING);
}

static void answer_start(cloudep_call_t *call, const cloudep_social_start_t *start)
{
    cloudep_cookie_set(call->r, CLOUDEP_COOKIE_BROWSER, start->browser, start->expires_in);
    call->data = json_pack("{ss,ss,sI}", "oauth_url", start->oauth_url, "session_id", start->session_id, "expires_in",
                           (json_int_t)start->expires_in);
}

cloudep_outcome_t run_social_register_start(cloudep_call_t *call)
{
    cloudep_social_registration_t *in = call->in;
    cloudep_social_start_t start = {0};
    cloudep_outcome_t outcome;

    in->browser = browser_of(call);
    outcome = cloudep_social_register_start(call->ctx, in, &start);
    if (!cloudep_failed(outcome)) {
        answer_start(call, &start);
    }
    return outcome;
}

cloudep_outcome_t run_social_register_callback(cloudep_call_t *call)
{
    cloudep_social_callback_t *in = call->in;
    const cloudep_session_t *session = NULL;
    cloudep_outcome_t outcome = check_callback(call, in->code, in->error);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    in->browser = browser_of(call);
    outcome = cloudep_social_register_finish(call->ctx, in, &session);
    return cloudep_failed(outcome) ? outcome : cloudep_v1_tokens(call, session);
}

cloudep_outcome_t run_social_login_start(cloudep_call_t *call)
{
    cloudep_social_entry_t *in = call->in;
    cloudep_social_start_t start = {0};
    cloudep_outcome_t outcome;

    in->browser = browser_of(call);
    outcome = cloudep_social_login_start(call->ctx, in, &start);
    if (!cloudep_failed(outcome)) {
        answer_start(call, &start);
    }
    return outcome;
}

cloudep_outcome_t run_social_login_callback(cloudep_call_t *call)
{
    cloudep_social_callback_t *in = call->in;
    cloudep_login_result_t result = {0};
    cloudep_outcome_t outcome = check_callback(call, in->code, in->error);

    if (cloudep_failed(outcome)) {
        return outcome;
    }
    in->browser = browser_of(call);
    outcome = cloudep_social_login_finish(call->ctx, in, &result);
    return cloudep_failed(outcome) ? outcome : answer_login(call, &result);
}

static cloudep_outcome_t pass_on(cloudep_call_t *call, const char *purpose)
{
    const cloudep_social_form_t *in = call->in;
    cloudep_outcome_t outcome = check_callback(call, in->code, in->error);

    return cloudep_failed(outcome) ? outcome : cloudep_social_pass_on(call->ctx, purpose, in, &call->location);
}

cloudep_outcome_t run_social_register_form(cloudep_call_t *call)
{
    return pass_on(call, CLOUDEP_PURPOSE_SOCIAL_REGISTER);
}

cloudep_outcome_t run_social_login_form(cloudep_call_t *call)
{
    return pass_on(call, CLOUDEP_PURPOSE_SOCIAL_LOGIN);
}
