/*
 * sms.c - one request to a gateway for each SMS.
 *
 * Values are escaped for the place they stand in. A gateway's answer can hold the number and the text, so only its
 * status goes into errors. No answer, or one that is not the agreed success, is tried again: a gateway that minds
 * gets {{id}}. A 4xx is about the SMS, and holds up no other; a 5xx and silence are about the gateway.
 */
#include "outbox/sms.h"

#include <ap_regex.h>
#include <apr_strings.h>
#include <jansson.h>
#include <string.h>
#include "base/text/json.h"
#include "base/text/phone.h"
#include "base/text/phone_plan.h"
#include "base/text/template.h"
#include "base/text/validate.h"
#include "core/secret_file.h"
#include "outbox/spool.h"

#define CONNECT_TIMEOUT 5000
#define TOTAL_TIMEOUT 15000
#define ANSWER_MAX 65536

static const char *const names[] = {"to", "to_digits", "to_local", "text", "secret", "id", NULL};
enum { TO, TO_DIGITS, TO_LOCAL, TEXT, SECRET, ID, VALUES };

struct cloudep_sms_setup_t {
    const char *spool; /* or NULL */
    const char *method;
    const char *gateway; /* host[:port], for errors */
    const cloudep_template_t *url;
    const apr_array_header_t *headers; /* of const cloudep_template_t * */
    const cloudep_template_t *body;    /* or NULL */
    cloudep_escape_t body_escape;
    const char *body_type;
    const ap_regex_t *success; /* or NULL: any 2xx */
    const char *user;          /* or NULL */
    const char *secret;        /* or NULL */
    const char *home_code;     /* or NULL */
    const char *ca_file;
};

/* ---- Setup ---------------------------------------------------------------------------------------------- */

static apr_status_t parse(const cloudep_template_t **template, apr_pool_t *pool, const cloudep_sms_setup_t *setup,
                          const char *directive, const char *source, const char **error)
{
    const char *fault;
    apr_status_t rv = cloudep_template_parse(template, pool, source, strlen(source), names, &fault);

    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pool, "%s: %s", directive, fault);
    }
    else if (cloudep_template_uses(*template, SECRET) && !setup->secret) {
        *error = apr_psprintf(pool, "%s: {{secret}} needs CloudEPSMSSecretFile", directive);
        rv = CLOUDEP_EUNSET;
    }
    return rv;
}

/* Values to try the templates with. */
static const char *const *sample(apr_pool_t *pool, const cloudep_sms_setup_t *setup)
{
    const char **values = apr_palloc(pool, sizeof(*values) * VALUES);

    for (int i = 0; i < VALUES; i++) {
        values[i] = "0";
    }
    values[SECRET] = setup->secret;
    return values;
}

static apr_status_t prepare_url(cloudep_sms_setup_t *setup, apr_pool_t *pconf, const char *source, const char **error)
{
    const char *authority = strstr(source, "://");
    const char *scheme;
    const char *host;
    const char *url;
    apr_status_t rv = parse(&setup->url, pconf, setup, "CloudEPSMSTransport", source, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *error = "CloudEPSMSTransport is neither https://... (http to loopback only) nor spool:/folder";
    /* A number must not choose the host that the secret goes to. */
    if (!authority || memchr(authority + 3, '{', strcspn(authority + 3, "/?#")) ||
        cloudep_template_render(&url, pconf, setup->url, CLOUDEP_ESCAPE_URL, sample(pconf, setup)) != APR_SUCCESS ||
        cloudep_http_split(&scheme, &host, pconf, url) != APR_SUCCESS) {
        return CLOUDEP_EMALFORMED;
    }
    setup->gateway = apr_pstrmemdup(pconf, authority + 3, strcspn(authority + 3, "/?#"));
    return !strcmp(scheme, "https") || (!strcmp(scheme, "http") && cloudep_http_is_loopback(host)) ? APR_SUCCESS
                                                                                                   : CLOUDEP_EMALFORMED;
}

static apr_status_t prepare_headers(cloudep_sms_setup_t *setup, apr_pool_t *pconf, const apr_array_header_t *sources,
                                    const char **error)
{
    apr_array_header_t *headers = apr_array_make(pconf, 4, sizeof(const cloudep_template_t *));

    for (int i = 0; sources && i < sources->nelts; i++) {
        const char *source = APR_ARRAY_IDX(sources, i, const char *);
        const char *text;
        const cloudep_template_t *template;
        apr_status_t rv = parse(&template, pconf, setup, "CloudEPSMSHeader", source, error);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!strchr(source, ':') || !cloudep_is_printable(source) ||
            cloudep_template_render(&text, pconf, template, CLOUDEP_ESCAPE_TEXT, sample(pconf, setup)) != APR_SUCCESS) {
            *error = "CloudEPSMSHeader is not \"Name: value\"";
            return CLOUDEP_EMALFORMED;
        }
        if (!strncasecmp(source, "Content-Type:", 13)) {
            setup->body_type = NULL;
        }
        APR_ARRAY_PUSH(headers, const cloudep_template_t *) = template;
    }
    setup->headers = headers;
    return APR_SUCCESS;
}

/* An object, or a list. Two braces begin a placeholder, as in a form of only one. */
static int is_json(const char *source)
{
    return *source == '[' || (*source == '{' && source[1] != '{');
}

static apr_status_t prepare_body(cloudep_sms_setup_t *setup, apr_pool_t *pconf, const char *source, const char **error)
{
    const char *text;
    const char *reason;
    json_t *object;
    apr_status_t rv;
    int json;

    if (!source) {
        return APR_SUCCESS;
    }
    rv = parse(&setup->body, pconf, setup, "CloudEPSMSBody", source, error);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    json = is_json(source);
    setup->body_escape = json ? CLOUDEP_ESCAPE_JSON : CLOUDEP_ESCAPE_URL;
    setup->body_type =
        json ? "Content-Type: application/json" : "Content-Type: application/x-www-form-urlencoded; charset=UTF-8";
    if (json) {
        rv = cloudep_template_render(&text, pconf, setup->body, CLOUDEP_ESCAPE_JSON, sample(pconf, setup));
        /* A list is a part of an object as well. */
        text = rv == APR_SUCCESS && *source == '[' ? apr_pstrcat(pconf, "{\"list\":", text, "}", NULL) : text;
        if (rv != APR_SUCCESS || cloudep_json_parse(&object, &reason, text, strlen(text), pconf) != APR_SUCCESS) {
            *error = "CloudEPSMSBody begins as JSON, yet is none once it is filled in";
            return CLOUDEP_EMALFORMED;
        }
    }
    return APR_SUCCESS;
}

static int uses(const cloudep_template_t *template, int first, int last)
{
    for (int i = first; template && i <= last; i++) {
        if (cloudep_template_uses(template, i)) {
            return 1;
        }
    }
    return 0;
}

/* Whether the request tells the gateway one of the values, wherever it stands. */
static int tells(const cloudep_sms_setup_t *setup, int first, int last)
{
    for (int i = 0; i < setup->headers->nelts; i++) {
        if (uses(APR_ARRAY_IDX(setup->headers, i, const cloudep_template_t *), first, last)) {
            return 1;
        }
    }
    return uses(setup->url, first, last) || uses(setup->body, first, last);
}

/* Requests that no gateway can make an SMS of. */
static apr_status_t check_request(const cloudep_sms_setup_t *setup, const char **error)
{
    *error = NULL;
    if (!strcmp(setup->method, "GET") && setup->body) {
        *error =
            "CloudEPSMSMethod GET has no body: leave CloudEPSMSBody out and put {{to}} and {{text}} into the URL of "
            "CloudEPSMSTransport, or use POST";
    }
    else if (!tells(setup, TO, TO_LOCAL)) {
        *error = "CloudEPSMSTransport tells the gateway no number: put {{to}}, {{to_digits}} or {{to_local}} into "
                 "CloudEPSMSBody or the URL";
    }
    else if (!tells(setup, TEXT, TEXT)) {
        *error = "CloudEPSMSTransport tells the gateway no text: put {{text}} into CloudEPSMSBody or the URL";
    }
    return *error ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

static apr_status_t prepare_gateway(cloudep_sms_setup_t *setup, apr_pool_t *pconf, const cloudep_config_t *config,
                                    const char **error)
{
    apr_status_t rv = APR_SUCCESS;

    setup->method = config->sms_method;
    setup->user = config->sms_user;
    setup->ca_file = config->ca_file;
    if (config->sms_secret_file) {
        rv = cloudep_secret_line(&setup->secret, pconf, "CloudEPSMSSecretFile", config->sms_secret_file, error);
    }
    if (rv == APR_SUCCESS) {
        rv = prepare_url(setup, pconf, config->sms_transport, error);
    }
    if (rv == APR_SUCCESS) {
        rv = prepare_body(setup, pconf, config->sms_body, error);
    }
    if (rv == APR_SUCCESS) {
        rv = prepare_headers(setup, pconf, config->sms_headers, error);
    }
    if (rv == APR_SUCCESS && config->sms_success) {
        setup->success = ap_pregcomp(pconf, config->sms_success, 0);
        *error = "CloudEPSMSSuccess is not a regular expression";
        rv = setup->success ? APR_SUCCESS : CLOUDEP_EMALFORMED;
    }
    if (rv == APR_SUCCESS && strcmp(setup->method, "POST") && strcmp(setup->method, "GET")) {
        *error = "CloudEPSMSMethod is neither POST nor GET";
        rv = CLOUDEP_EMALFORMED;
    }
    if (rv == APR_SUCCESS && setup->user && !setup->secret) {
        *error = "CloudEPSMSUser needs CloudEPSMSSecretFile";
        rv = CLOUDEP_EUNSET;
    }
    return rv == APR_SUCCESS ? check_request(setup, error) : rv;
}

static apr_status_t check_countries(apr_pool_t *pconf, const apr_array_header_t *countries, const char **error)
{
    for (int i = 0; countries && i < countries->nelts; i++) {
        const char *country = APR_ARRAY_IDX(countries, i, const char *);

        if (!cloudep_phone_is_country(country)) {
            *error = apr_pstrcat(pconf, "CloudEPSMSCountries: ", country,
                                 " is no country that has telephones: two capital letters of ISO 3166-1, such as TW, "
                                 "US, or GB for the United Kingdom",
                                 NULL);
            return CLOUDEP_EMALFORMED;
        }
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_sms_prepare(const cloudep_sms_setup_t **out, apr_pool_t *pconf, const cloudep_config_t *config,
                                 const char **error)
{
    cloudep_sms_setup_t *setup = apr_pcalloc(pconf, sizeof(*setup));
    apr_status_t rv;

    *out = NULL;
    if (!config->sms_transport) {
        return CLOUDEP_EUNSET;
    }
    *out = setup;
    setup->home_code = config->sms_home_code;
    if (setup->home_code &&
        (!*setup->home_code || strspn(setup->home_code, "0123456789") != strlen(setup->home_code))) {
        *error = "CloudEPSMSHomeCode is not a country code such as 886";
        return CLOUDEP_EMALFORMED;
    }
    if ((rv = check_countries(pconf, config->sms_countries, error)) != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_spool_folder(&setup->spool, pconf, config->sms_transport, error);
    if (rv != APR_NOTFOUND) {
        return rv;
    }
    rv = prepare_gateway(setup, pconf, config, error);
    /* What a missing secret means to the caller is a mistake, not "no transport". */
    return rv == CLOUDEP_EUNSET ? CLOUDEP_EMALFORMED : rv;
}

/* ---- Sending -------------------------------------------------------------------------------------------- */

static const char *local_number(apr_pool_t *p, const cloudep_sms_setup_t *setup, const char *to)
{
    apr_size_t len = setup->home_code ? strlen(setup->home_code) : 0;

    return len && !strncmp(to + 1, setup->home_code, len) ? apr_pstrcat(p, "0", to + 1 + len, NULL) : to + 1;
}

static cloudep_verdict_e spool(const cloudep_sms_setup_t *setup, apr_pool_t *p, const cloudep_sms_t *sms,
                               const char **error)
{
    json_t *object = cloudep_json_own(json_pack("{s:s, s:s, s:s}", "id", sms->id, "to", sms->to, "text", sms->text), p);
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    apr_status_t rv;

    if (!text) {
        *error = "not an SMS that can be written";
        return CLOUDEP_MESSAGE_REFUSED;
    }
    rv = cloudep_spool_write(p, setup->spool, sms->id, ".json", text, strlen(text), error);
    free(text);
    return rv == APR_SUCCESS ? CLOUDEP_SENT : CLOUDEP_SERVER_DOWN;
}

static apr_status_t make_request(cloudep_http_request_t *request, const cloudep_sms_setup_t *setup, apr_pool_t *p,
                                 const char *const *values)
{
    apr_array_header_t *headers = apr_array_make(p, setup->headers->nelts + 1, sizeof(const char *));
    const char *text = NULL;
    apr_status_t rv = cloudep_template_render(&request->url, p, setup->url, CLOUDEP_ESCAPE_URL, values);

    for (int i = 0; rv == APR_SUCCESS && i < setup->headers->nelts; i++) {
        rv = cloudep_template_render(&text, p, APR_ARRAY_IDX(setup->headers, i, const cloudep_template_t *),
                                     CLOUDEP_ESCAPE_TEXT, values);
        APR_ARRAY_PUSH(headers, const char *) = text;
    }
    if (rv == APR_SUCCESS && setup->body) {
        rv = cloudep_template_render(&request->body, p, setup->body, setup->body_escape, values);
        request->body_len = rv == APR_SUCCESS ? strlen(request->body) : 0;
    }
    if (setup->body_type) {
        APR_ARRAY_PUSH(headers, const char *) = setup->body_type;
    }
    request->headers = headers;
    return rv;
}

/* Statuses that are final for this SMS. Others below 500 can be about the account or the number: that is not known. */
static int is_final(int status)
{
    return status == 400 || status == 413 || status == 414 || status == 415 || status == 422;
}

static cloudep_verdict_e judge(const cloudep_sms_setup_t *setup, apr_pool_t *p, const cloudep_http_response_t *response,
                               const char **error)
{
    int status = response->status;

    if (status >= 200 && status <= 299) {
        *error = apr_psprintf(p, "%s: the gateway's answer does not match CloudEPSMSSuccess", setup->gateway);
        return !setup->success || !ap_regexec(setup->success, response->body, 0, NULL, 0) ? CLOUDEP_SENT
                                                                                          : CLOUDEP_LATER;
    }
    *error = apr_psprintf(p, "%s: the gateway answered HTTP %d", setup->gateway, status);
    if (status >= 500) {
        return CLOUDEP_SERVER_DOWN;
    }
    return is_final(status) ? CLOUDEP_MESSAGE_REFUSED : CLOUDEP_LATER;
}

/* An exchange that brought no answer. */
static cloudep_verdict_e judge_failure(const cloudep_sms_setup_t *setup, apr_pool_t *p, apr_status_t rv,
                                       const char **error)
{
    const char *what = "the exchange with the gateway failed";

    switch (rv) {
    case APR_EINTR:
        return CLOUDEP_NOT_TRIED;
    case CLOUDEP_EREFUSED: /* by us: its values make no URL, or no header */
        *error = "the gateway's templates cannot be filled in";
        return CLOUDEP_MESSAGE_REFUSED;
    case APR_TIMEUP:
        what = "the gateway took too long";
        break;
    case APR_ECONNREFUSED:
        what = "the gateway could not be reached";
        break;
    case CLOUDEP_EFORGED:
        what = "the gateway's certificate is not trusted";
        break;
    default:
        break;
    }
    *error = apr_psprintf(p, "%s: %s", setup->gateway, what);
    return CLOUDEP_SERVER_DOWN;
}

apr_status_t cloudep_sms_check(const cloudep_sms_setup_t *setup, apr_pool_t *p, const char **error)
{
    return setup->spool ? cloudep_spool_check(p, setup->spool, error) : APR_SUCCESS;
}

static void set_values(const char **values, const cloudep_sms_setup_t *setup, apr_pool_t *p, const cloudep_sms_t *sms)
{
    values[TO] = sms->to;
    values[TO_DIGITS] = sms->to + 1;
    values[TO_LOCAL] = local_number(p, setup, sms->to);
    values[TEXT] = sms->text;
    values[SECRET] = setup->secret;
    values[ID] = sms->id;
}

cloudep_verdict_e cloudep_sms_send(const cloudep_sms_setup_t *setup, cloudep_http_t *http, apr_pool_t *p,
                                   const cloudep_sms_t *sms, apr_uint32_t *stop, const char **error)
{
    const char *values[VALUES];
    cloudep_http_request_t request = {.method = setup->method,
                                      .user = setup->user,
                                      .password = setup->secret,
                                      .ca_file = setup->ca_file,
                                      .connect_timeout = CONNECT_TIMEOUT,
                                      .total_timeout = TOTAL_TIMEOUT,
                                      .max_bytes = ANSWER_MAX,
                                      .stop = stop};
    cloudep_http_response_t *response;
    apr_status_t rv;

    if (!cloudep_is_phone(sms->to)) {
        *error = "not a phone number";
        return CLOUDEP_MESSAGE_REFUSED;
    }
    if (setup->spool) {
        return spool(setup, p, sms, error);
    }
    set_values(values, setup, p, sms);
    if (make_request(&request, setup, p, values) != APR_SUCCESS) {
        *error = "the gateway's templates cannot be filled in";
        return CLOUDEP_MESSAGE_REFUSED;
    }
    rv = cloudep_http_exchange(&response, http, p, &request);
    return rv == APR_SUCCESS ? judge(setup, p, response, error) : judge_failure(setup, p, rv, error);
}
