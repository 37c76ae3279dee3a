/*
 * require.c - "Require cloudep-tenant", "cloudep-mfa", "cloudep-fresh", "cloudep-claim" and "cloudep-attribute".
 */
#include "guard/guard.h"

#include <ap_provider.h>
#include <http_request.h>
#include <mod_auth.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include "access/place.h"
#include "base/text/validate.h"
#include "core/request.h"
#include "core/settings.h"
#include "guard/attributes.h"
#include "service/freshness.h"

#define LONGEST (10 * 366 * 86400) /* seconds: no session is older */
#define USUAL_FRESHNESS 900        /* seconds, for cloudep-fresh where CloudEPFreshness is 0 */

/* A line's arguments, split when the configuration is read. */
typedef struct words_t {
    apr_array_header_t *list; /* of const char * */
    apr_int64_t seconds;
} words_t;

static words_t *split(cmd_parms *cmd, const char *line)
{
    words_t *words = apr_pcalloc(cmd->pool, sizeof(*words));

    words->list = apr_array_make(cmd->pool, 2, sizeof(const char *));
    while (apr_isspace(*line)) {
        line++;
    }
    while (*line) {
        APR_ARRAY_PUSH(words->list, const char *) = ap_getword_conf(cmd->pool, &line);
    }
    return words;
}

/* A value that can never match is refused when the configuration is read: "Require not" would let everybody pass. */
static const char *parse_tenants(cmd_parms *cmd, const char *line, const void **parsed)
{
    words_t *words = split(cmd, line);

    *parsed = words;
    for (int i = 0; i < words->list->nelts; i++) {
        const char *slug = APR_ARRAY_IDX(words->list, i, const char *);

        if (!cloudep_is_slug(slug)) {
            return apr_pstrcat(cmd->pool, "Require cloudep-tenant: ", slug, " is not the slug of a tenant", NULL);
        }
    }
    return words->list->nelts ? NULL : "Require cloudep-tenant needs at least one tenant slug";
}

/* Whether a line is one number of seconds, which is in words->seconds then. */
static int has_seconds(words_t *words)
{
    char *end = NULL;

    if (words->list->nelts == 1) {
        words->seconds = apr_strtoi64(APR_ARRAY_IDX(words->list, 0, const char *), &end, 10);
    }
    return end && !*end && words->seconds > 0 && words->seconds <= LONGEST;
}

static const char *parse_mfa(cmd_parms *cmd, const char *line, const void **parsed)
{
    words_t *words = split(cmd, line);

    *parsed = words;
    return has_seconds(words) ? NULL : "Require cloudep-mfa needs a number of seconds";
}

static const char *parse_fresh(cmd_parms *cmd, const char *line, const void **parsed)
{
    words_t *words = split(cmd, line);

    *parsed = words;
    return !words->list->nelts || has_seconds(words) ? NULL
                                                     : "Require cloudep-fresh takes a number of seconds, or none";
}

static const char *parse_claim(cmd_parms *cmd, const char *line, const void **parsed)
{
    words_t *words = split(cmd, line);
    const char *name;
    const char *value;

    *parsed = words;
    if (words->list->nelts != 2) {
        return "Require cloudep-claim needs a claim and its value";
    }
    name = APR_ARRAY_IDX(words->list, 0, const char *);
    value = APR_ARRAY_IDX(words->list, 1, const char *);
    if (!strcmp(name, "amr")) {
        return *value && !strpbrk(value, " ,") ? NULL : "Require cloudep-claim amr needs one word";
    }
    if (strcmp(name, "sub") && strcmp(name, "tid") && strcmp(name, "sid")) {
        return "Require cloudep-claim knows sub, tid, sid and amr";
    }
    return cloudep_is_uuid(value) ? NULL : "Require cloudep-claim sub, tid and sid need a UUID";
}

static const char *parse_attribute(cmd_parms *cmd, const char *line, const void **parsed)
{
    words_t *words = split(cmd, line);

    *parsed = words;
    if (words->list->nelts != 2) {
        return "Require cloudep-attribute needs an attribute and its value";
    }
    if (!cloudep_is_attribute_name(APR_ARRAY_IDX(words->list, 0, const char *))) {
        return "Require cloudep-attribute: the name of an attribute is 1 to 64 of letters, digits, _, . and -";
    }
    cloudep_place_reads_attributes(cmd);
    return NULL;
}

static authz_status check_tenant(request_rec *r, const char *line, const void *parsed)
{
    const cloudep_principal_t *principal = cloudep_guard_principal(r);
    const words_t *words = parsed;

    (void)line;
    if (!principal) {
        return AUTHZ_DENIED_NO_USER;
    }
    for (int i = 0; principal->tenant_slug && i < words->list->nelts; i++) {
        if (!strcmp(principal->tenant_slug, APR_ARRAY_IDX(words->list, i, const char *))) {
            return AUTHZ_GRANTED;
        }
    }
    return AUTHZ_DENIED;
}

static authz_status check_mfa(request_rec *r, const char *line, const void *parsed)
{
    const cloudep_principal_t *principal = cloudep_guard_principal(r);
    const apr_int64_t seconds = ((const words_t *)parsed)->seconds;

    (void)line;
    if (!principal) {
        return AUTHZ_DENIED_NO_USER;
    }
    return cloudep_is_taken_as_proved(r, CLOUDEP_PROOF_MFA) || cloudep_has_recent_factor(principal, seconds)
               ? AUTHZ_GRANTED
               : AUTHZ_DENIED;
}

/* The seconds of the line; or else those of CloudEPFreshness, or, where that asks for nothing, the usual ones. */
static authz_status check_fresh(request_rec *r, const char *line, const void *parsed)
{
    const cloudep_principal_t *principal = cloudep_guard_principal(r);
    const int usual = cloudep_request_context(r)->config->freshness;
    apr_int64_t seconds = ((const words_t *)parsed)->seconds;

    (void)line;
    if (!principal) {
        return AUTHZ_DENIED_NO_USER;
    }
    if (!seconds) {
        seconds = usual ? usual : USUAL_FRESHNESS;
    }
    return cloudep_is_taken_as_proved(r, CLOUDEP_PROOF_FRESH) || cloudep_is_fresh(principal, seconds) ? AUTHZ_GRANTED
                                                                                                      : AUTHZ_DENIED;
}

/* amr is a list: one of its words has to be the value. */
static int has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += length) {
        if ((at == text || at[-1] == ' ') && (!at[length] || at[length] == ' ')) {
            return 1;
        }
    }
    return 0;
}

static authz_status check_claim(request_rec *r, const char *line, const void *parsed)
{
    const cloudep_principal_t *principal = cloudep_guard_principal(r);
    const words_t *words = parsed;
    const char *name = APR_ARRAY_IDX(words->list, 0, const char *);
    const char *value = APR_ARRAY_IDX(words->list, 1, const char *);
    const char *claim = NULL;

    (void)line;
    if (!principal) {
        return AUTHZ_DENIED_NO_USER;
    }
    if (!strcmp(name, "amr")) {
        return principal->amr && has_word(principal->amr, value) ? AUTHZ_GRANTED : AUTHZ_DENIED;
    }
    claim = !strcmp(name, "sub")   ? principal->uid
            : !strcmp(name, "tid") ? principal->tenant_id
            : !strcmp(name, "sid") ? principal->session_id
                                   : NULL;
    return claim && !strcasecmp(claim, value) ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

static authz_status check_attribute(request_rec *r, const char *line, const void *parsed)
{
    const cloudep_principal_t *principal = cloudep_guard_principal(r);
    const words_t *words = parsed;

    (void)line;
    if (!principal) {
        return AUTHZ_DENIED_NO_USER;
    }
    return cloudep_attribute_is(r->pool, principal, APR_ARRAY_IDX(words->list, 0, const char *),
                                APR_ARRAY_IDX(words->list, 1, const char *))
               ? AUTHZ_GRANTED
               : AUTHZ_DENIED;
}

static const authz_provider tenant_provider = {check_tenant, parse_tenants};
static const authz_provider mfa_provider = {check_mfa, parse_mfa};
static const authz_provider fresh_provider = {check_fresh, parse_fresh};
static const authz_provider claim_provider = {check_claim, parse_claim};
static const authz_provider attribute_provider = {check_attribute, parse_attribute};

void cloudep_require_register(apr_pool_t *p)
{
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cloudep-tenant", AUTHZ_PROVIDER_VERSION, &tenant_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cloudep-mfa", AUTHZ_PROVIDER_VERSION, &mfa_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cloudep-fresh", AUTHZ_PROVIDER_VERSION, &fresh_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cloudep-claim", AUTHZ_PROVIDER_VERSION, &claim_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(p, AUTHZ_PROVIDER_GROUP, "cloudep-attribute", AUTHZ_PROVIDER_VERSION, &attribute_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
