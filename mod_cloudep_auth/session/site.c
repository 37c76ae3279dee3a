/*
 * site.c - GET / and /options: what the server says of itself.
 */
#include "operations.h"

#include <stddef.h>
#include <string.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include "access/mount.h"
#include "access/place.h"
#include "access/xsrf.h"
#include "base/text/iso_time.h"
#include "base/version.h"
#include "core/config.h"
#include "fields.h"
#include "flow/generated_secret.h"

/* No secret is among them. */
static json_t *values_of(cloudep_call_t *call)
{
    const cloudep_config_t *config = call->ctx->config;

    return json_pack("{ss,ss?,ss?,si,si}", "version", CLOUDEP_VERSION, "issuer", config->issuer, "tenant",
                     cloudep_mount_tenant(call->r), "session_idle_timeout", config->refresh_idle, "session_lifetime",
                     config->session_lifetime);
}

cloudep_outcome_t session_ping(cloudep_call_t *call)
{
    char host[APRMAXHOSTLEN + 1] = "";
    const apr_status_t rv = cloudep_xsrf_offer(call->r);

    if (rv != APR_SUCCESS) {
        return cloudep_failure(call->ctx, rv, "making an XSRF token");
    }
    (void)apr_gethostname(host, sizeof(host), call->ctx->p);
    call->data = json_pack("{ss,ss,ss}", "name", host, "ip", call->ctx->address ? call->ctx->address : "", "now",
                           cloudep_iso_time(call->ctx->p, apr_time_as_msec(call->ctx->now)));
    if (cloudep_ping_values(call->r)) {
        (void)json_object_set_new(call->data, "values", values_of(call));
    }
    return cloudep_done();
}

const cloudep_field_t session_option_fields[] = {
    {.name = "type",
     .type = CLOUDEP_FIELD_ID,
     .flags = CLOUDEP_FIELD_REQUIRED,
     .max = 64,
     .at = offsetof(session_option_t, type)},
    SESSION_FIELDS_END,
};

static cloudep_outcome_t generate_secret(cloudep_call_t *call)
{
    cloudep_generated_secret_t secret;
    cloudep_outcome_t outcome = cloudep_generate_secret(call->ctx, &secret);

    if (!cloudep_failed(outcome)) {
        call->data = json_pack("{ss,ss}", "id", secret.id, "key", secret.key);
    }
    return outcome;
}

cloudep_outcome_t session_options(cloudep_call_t *call)
{
    const char *type = ((const session_option_t *)call->in)->type;
    const char *text;

    if (!strcmp(type, "generate-secret")) {
        return generate_secret(call);
    }
    text = cloudep_option(call->r, type);
    call->data = text ? json_loads(text, 0, NULL) : NULL;
    return call->data ? cloudep_done()
                      : cloudep_invalid(offsetof(session_option_t, type), CLOUDEP_RULE_CHOICE, "is not configured");
}
