/*
 * mail.c - what the mail directives mean, and the two ways a mail can go: SMTP or a folder.
 *
 * TLS is insisted on and verified unless the server is on this machine.
 */
#include "outbox/mail.h"

#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <string.h>
#include "core/secret_file.h"
#include "outbox/smtp.h"
#include "outbox/spool.h"

struct cloudep_mail_setup_t {
    const char *spool; /* or NULL */
    cloudep_mailbox_t from;
    cloudep_smtp_setup_t smtp; /* without spool */
};

struct cloudep_mailer_t {
    const cloudep_mail_setup_t *setup;
    cloudep_smtp_t *smtp; /* NULL: mails go to the folder */
};

/* ---- Setup ---------------------------------------------------------------------------------------------- */

/* What a login may use unless CloudEPMailAuth says so: what needs nothing but user and password. */
static const char *const usual_mechanisms[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"};

static const struct {
    const char *name;
    int feature; /* of libcurl, 0: always there */
} mechanisms[] = {{"PLAIN", 0},
                  {"LOGIN", 0},
                  {"CRAM-MD5", 0},
                  {"DIGEST-MD5", 0},
                  {"NTLM", CURL_VERSION_NTLM},
                  {"SCRAM-SHA-1", CURL_VERSION_GSASL},
                  {"SCRAM-SHA-256", CURL_VERSION_GSASL}};

static int has_mechanism(const char *name)
{
    const int features = curl_version_info(CURLVERSION_NOW)->features;

    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        if (!strcmp(mechanisms[i].name, name)) {
            return (features & mechanisms[i].feature) == mechanisms[i].feature;
        }
    }
    return 0;
}

static apr_status_t prepare_login(cloudep_smtp_setup_t *smtp, apr_pool_t *pconf, const cloudep_config_t *config,
                                  const char **error)
{
    const apr_array_header_t *list = config->mail_auth;
    const int count = list ? list->nelts : (int)(sizeof(usual_mechanisms) / sizeof(usual_mechanisms[0]));

    smtp->login_options = "";
    smtp->mechanisms = "";
    for (int i = 0; i < count; i++) {
        const char *name = list ? APR_ARRAY_IDX(list, i, const char *) : usual_mechanisms[i];

        if (!has_mechanism(name)) {
            *error = apr_psprintf(pconf,
                                  "CloudEPMailAuth %s: not one of PLAIN, LOGIN, CRAM-MD5, DIGEST-MD5, NTLM, "
                                  "SCRAM-SHA-1 and SCRAM-SHA-256, or this libcurl cannot do it",
                                  name);
            return CLOUDEP_EMALFORMED;
        }
        smtp->login_options = apr_pstrcat(pconf, smtp->login_options, i ? ";" : "", "AUTH=", name, NULL);
        smtp->mechanisms = apr_pstrcat(pconf, smtp->mechanisms, i ? " " : "", name, NULL);
    }
    smtp->user = config->mail_user;
    return cloudep_secret_line(&smtp->password, pconf, "CloudEPMailPasswordFile", config->mail_password_file, error);
}

/* The name of a host, or an address as EHLO takes it (RFC 5321 4.1.3). */
static const char *hello_of_host(apr_pool_t *pool, const char *host)
{
    if (strspn(host, "0123456789.") == strlen(host)) {
        return apr_pstrcat(pool, "[", host, "]", NULL);
    }
    return strchr(host, ':') ? apr_pstrcat(pool, "[IPv6:", host, "]", NULL) : host;
}

/* CloudEPMailHello; else ServerName where it is fully qualified; else the host's name. NULL: it is none. */
static const char *find_hello(apr_pool_t *pconf, const server_rec *s, const cloudep_config_t *config)
{
    char host[APRMAXHOSTLEN + 1];
    const char *hello = config->mail_hello;

    if (!hello && s->server_hostname && strpbrk(s->server_hostname, ".:")) {
        hello = hello_of_host(pconf, s->server_hostname);
    }
    if (!hello) {
        hello = apr_gethostname(host, sizeof(host), pconf) == APR_SUCCESS ? apr_pstrdup(pconf, host) : "localhost";
    }
    for (const char *c = hello; *c; c++) {
        if (!apr_isalnum(*c) && !strchr("-._:[]", *c)) {
            return NULL;
        }
    }
    return *hello && strlen(hello) <= 255 ? hello : NULL;
}

static const char *url_part(CURLU *url, CURLUPart part, apr_pool_t *pool)
{
    char *text = NULL;
    const char *copy = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? apr_pstrdup(pool, text) : NULL;

    curl_free(text);
    return copy;
}

/* The transport's URL with the name for EHLO as its path, which is where libcurl looks for it. */
static apr_status_t prepare_url(cloudep_smtp_setup_t *smtp, apr_pool_t *pconf, const char *transport)
{
    CURLU *url = curl_url();
    const char *port = NULL;
    const char *host = NULL;

    if (url && curl_url_set(url, CURLUPART_URL, transport, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_PATH, apr_pstrcat(pconf, "/", smtp->hello, NULL), 0) == CURLUE_OK) {
        smtp->url = url_part(url, CURLUPART_URL, pconf);
        host = url_part(url, CURLUPART_HOST, pconf);
        port = url_part(url, CURLUPART_PORT, pconf);
    }
    curl_url_cleanup(url);
    if (!smtp->url || !host || !port) {
        return CLOUDEP_EMALFORMED;
    }
    smtp->server = apr_pstrcat(pconf, host, ":", port, NULL);
    return APR_SUCCESS;
}

static apr_status_t prepare_smtp(cloudep_smtp_setup_t *smtp, apr_pool_t *pconf, const server_rec *s,
                                 const cloudep_config_t *config, const char **error)
{
    const char *scheme;
    const char *host;
    int loopback;
    apr_status_t rv = cloudep_http_split(&scheme, &host, pconf, config->mail_transport);

    if (rv != APR_SUCCESS || (strcmp(scheme, "smtp") && strcmp(scheme, "smtps"))) {
        *error = apr_psprintf(pconf,
                              "CloudEPMailTransport %s: must be one of smtp://host[:port], smtps://host[:port] and "
                              "spool:/folder",
                              config->mail_transport);
        return CLOUDEP_EMALFORMED;
    }
    smtp->hello = find_hello(pconf, s, config);
    if (!smtp->hello) {
        *error = "CloudEPMailHello, or the host's name that stands in for it, is neither a host name nor an address "
                 "such as [192.0.2.1]";
        return CLOUDEP_EMALFORMED;
    }
    if ((rv = prepare_url(smtp, pconf, config->mail_transport)) != APR_SUCCESS) {
        *error = "CloudEPMailTransport is not a URL";
        return rv;
    }
    loopback = cloudep_http_is_loopback(host);
    smtp->ca_file = config->ca_file;
    smtp->use_ssl =
        !strcmp(scheme, "smtps") || config->mail_starttls == 1 || (config->mail_starttls == CLOUDEP_UNSET && !loopback)
            ? CURLUSESSL_ALL
            : CURLUSESSL_NONE;
    if (!config->mail_user) {
        if (config->mail_password_file || config->mail_auth) {
            *error = "CloudEPMailPasswordFile and CloudEPMailAuth need CloudEPMailUser: without it nobody logs in";
            return CLOUDEP_EMALFORMED;
        }
        return APR_SUCCESS;
    }
    if (smtp->use_ssl == CURLUSESSL_NONE && !loopback) {
        *error = "CloudEPMailUser with CloudEPMailStartTLS Off would send the password in the clear";
        return CLOUDEP_EREFUSED;
    }
    return prepare_login(smtp, pconf, config, error);
}

apr_status_t cloudep_mail_prepare(const cloudep_mail_setup_t **out, apr_pool_t *pconf, const server_rec *s,
                                  const cloudep_config_t *config, const char **error)
{
    cloudep_mail_setup_t *setup = apr_pcalloc(pconf, sizeof(*setup));
    apr_status_t rv;

    if (!config->mail_transport) {
        return CLOUDEP_EUNSET;
    }
    if (!config->mail_from) {
        *error = "CloudEPMailTransport needs CloudEPMailFrom: add CloudEPMailFrom \"Name <address>\"";
        return CLOUDEP_EMALFORMED;
    }
    if (cloudep_mailbox_parse(&setup->from, pconf, config->mail_from) != APR_SUCCESS) {
        *error = apr_psprintf(pconf, "CloudEPMailFrom %s: must be an address or \"Name <address>\"", config->mail_from);
        return CLOUDEP_EMALFORMED;
    }
    setup->smtp.sender = setup->from.address;
    rv = cloudep_spool_folder(&setup->spool, pconf, config->mail_transport, error);
    if (rv == APR_NOTFOUND) {
        rv = prepare_smtp(&setup->smtp, pconf, s, config, error);
    }
    *out = setup;
    return rv;
}

const char *cloudep_mail_hello(const cloudep_mail_setup_t *setup)
{
    return setup->smtp.hello;
}

/* ---- Sending -------------------------------------------------------------------------------------------- */

apr_status_t cloudep_mailer_create(cloudep_mailer_t **out, apr_pool_t *pool, const cloudep_mail_setup_t *setup,
                                   cloudep_http_t *http, const char **error)
{
    cloudep_mailer_t *mailer = apr_pcalloc(pool, sizeof(*mailer));

    mailer->setup = setup;
    *out = mailer;
    if (setup->spool) {
        return cloudep_spool_check(pool, setup->spool, error);
    }
    if (!http) {
        *error = "libcurl cannot be used";
        return CLOUDEP_EUNSET;
    }
    mailer->smtp = cloudep_smtp_create(pool, &setup->smtp, http);
    return APR_SUCCESS;
}

cloudep_verdict_e cloudep_mailer_send(cloudep_mailer_t *mailer, apr_pool_t *p, const cloudep_mail_t *mail, int more,
                                      apr_uint32_t *stop, const char **error)
{
    cloudep_mail_t complete = *mail;
    const char *bytes;
    apr_size_t len;

    complete.from = mailer->setup->from;
    if (cloudep_mime_compose(&bytes, &len, p, &complete) != APR_SUCCESS) {
        *error = "not a mail that can be written";
        return CLOUDEP_MESSAGE_REFUSED;
    }
    if (!mailer->smtp) {
        return cloudep_spool_write(p, mailer->setup->spool, mail->id, ".eml", bytes, len, error) == APR_SUCCESS
                   ? CLOUDEP_SENT
                   : CLOUDEP_SERVER_DOWN;
    }
    return cloudep_smtp_send(mailer->smtp, p, mail->to, bytes, len, more, stop, error);
}

void cloudep_mailer_disconnect(cloudep_mailer_t *mailer)
{
    if (mailer->smtp) {
        cloudep_smtp_disconnect(mailer->smtp);
    }
}

apr_status_t cloudep_mail_check(const cloudep_mail_setup_t *setup, apr_pool_t *p, const char **said)
{
    cloudep_mailer_t *mailer;
    cloudep_http_t *http;
    apr_status_t rv = cloudep_http_create(&http, p);

    *said = "libcurl cannot be used";
    if (rv != APR_SUCCESS || (rv = cloudep_mailer_create(&mailer, p, setup, http, said)) != APR_SUCCESS) {
        return rv;
    }
    if (!mailer->smtp) {
        *said = apr_psprintf(p, "mails go to the folder %s", setup->spool);
        return APR_SUCCESS;
    }
    if (!cloudep_smtp_is_ready(mailer->smtp, p, said)) {
        *said = apr_psprintf(p, "CloudEPMailTransport: %s", *said);
        return CLOUDEP_EREFUSED;
    }
    *said = apr_psprintf(p, "%s takes mails; \"cloudepctl mail test\" sends one", setup->smtp.server);
    return APR_SUCCESS;
}
