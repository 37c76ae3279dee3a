/*
 * mail.c - SMTP by libcurl.
 *
 * TLS is insisted on and verified unless the server is on this machine. What a server answers can hold addresses, so
 * only its number goes into errors. A 5xx is final only where it is about this mail: to the login or to the greeting
 * it is the operator's to mend, and the mail waits.
 */
#include "outbox/mail.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/socket.h>
#include "core/secret_file.h"
#include "outbox/spool.h"

#define CONNECT_TIMEOUT 5000
#define TOTAL_TIMEOUT 30000
#define ANSWER_TIMEOUT 15L /* s */

struct cloudep_mail_setup_t {
    const char *spool; /* or NULL */
    const char *url;
    cloudep_mailbox_t from;
    const char *user; /* or NULL */
    const char *password;
    const char *ca_file;
    long use_ssl; /* CURLUSESSL_... */
};

struct cloudep_mailer_t {
    const cloudep_mail_setup_t *setup;
    cloudep_http_t *http;
    apr_uint32_t *stop;
    CURL *curl; /* NULL: not connected */
};

/* What is still to be sent of a mail. */
typedef struct source_t {
    const char *bytes;
    apr_size_t left;
} source_t;

/* ---- Setup ---------------------------------------------------------------------------------------------- */

static apr_status_t prepare_smtp(cloudep_mail_setup_t *setup, apr_pool_t *pconf, const cloudep_config_t *config,
                                 const char **error)
{
    const char *scheme;
    const char *host;
    int loopback;
    apr_status_t rv = cloudep_http_split(&scheme, &host, pconf, config->mail_transport);

    if (rv != APR_SUCCESS || (strcmp(scheme, "smtp") && strcmp(scheme, "smtps"))) {
        *error = "CloudEPMailTransport is none of smtp://host[:port], smtps://host[:port] and spool:/folder";
        return CLOUDEP_EMALFORMED;
    }
    loopback = cloudep_http_is_loopback(host);
    setup->url = config->mail_transport;
    setup->ca_file = config->ca_file;
    setup->use_ssl =
        !strcmp(scheme, "smtps") || config->mail_starttls == 1 || (config->mail_starttls == CLOUDEP_UNSET && !loopback)
            ? CURLUSESSL_ALL
            : CURLUSESSL_NONE;
    if (!config->mail_user) {
        return APR_SUCCESS;
    }
    if (setup->use_ssl == CURLUSESSL_NONE && !loopback) {
        *error = "CloudEPMailUser with CloudEPMailStartTLS Off would send the password in the clear";
        return CLOUDEP_EREFUSED;
    }
    setup->user = config->mail_user;
    return cloudep_secret_line(&setup->password, pconf, "CloudEPMailPasswordFile", config->mail_password_file, error);
}

apr_status_t cloudep_mail_prepare(const cloudep_mail_setup_t **out, apr_pool_t *pconf, const cloudep_config_t *config,
                                  const char **error)
{
    cloudep_mail_setup_t *setup = apr_pcalloc(pconf, sizeof(*setup));
    apr_status_t rv;

    if (!config->mail_transport) {
        return CLOUDEP_EUNSET;
    }
    if (!config->mail_from || cloudep_mailbox_parse(&setup->from, pconf, config->mail_from) != APR_SUCCESS) {
        *error = "CloudEPMailFrom is not set to an address or \"Name <address>\"";
        return CLOUDEP_EMALFORMED;
    }
    rv = cloudep_spool_folder(&setup->spool, pconf, config->mail_transport, error);
    if (rv == APR_NOTFOUND) {
        rv = prepare_smtp(setup, pconf, config, error);
    }
    *out = setup;
    return rv;
}

/* ---- Sending -------------------------------------------------------------------------------------------- */

/*
 * Without its socket a handle goes at once; else libcurl would wait up to two minutes for a hung server to answer
 * the QUIT that it sends.
 */
void cloudep_mailer_disconnect(cloudep_mailer_t *mailer)
{
    curl_socket_t socket = CURL_SOCKET_BAD;

    if (mailer->curl) {
        if (curl_easy_getinfo(mailer->curl, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD) {
            (void)shutdown(socket, SHUT_RDWR);
        }
        curl_easy_cleanup(mailer->curl);
        mailer->curl = NULL;
    }
}

static apr_status_t cleanup_mailer(void *mailer)
{
    cloudep_mailer_disconnect(mailer);
    return APR_SUCCESS;
}

apr_status_t cloudep_mailer_create(cloudep_mailer_t **out, apr_pool_t *pool, const cloudep_mail_setup_t *setup,
                                   cloudep_http_t *http, apr_uint32_t *stop)
{
    cloudep_mailer_t *mailer = apr_pcalloc(pool, sizeof(*mailer));

    mailer->setup = setup;
    mailer->http = http;
    mailer->stop = stop;
    apr_pool_cleanup_register(pool, mailer, cleanup_mailer, apr_pool_cleanup_null);
    *out = mailer;
    return http || setup->spool ? APR_SUCCESS : CLOUDEP_EUNSET;
}

static size_t give(char *to, size_t size, size_t count, void *baton)
{
    source_t *source = baton;
    apr_size_t len = size * count < source->left ? size * count : source->left;

    memcpy(to, source->bytes, len);
    source->bytes += len;
    source->left -= len;
    return len;
}

static int connect_options(CURL *curl, const cloudep_mail_setup_t *setup)
{
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_URL, setup->url) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_USE_SSL, setup->use_ssl) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, ANSWER_TIMEOUT) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, give) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_MAIL_FROM, setup->from.address) != CURLE_OK;
    if (setup->user) {
        failed |= curl_easy_setopt(curl, CURLOPT_USERNAME, setup->user) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_PASSWORD, setup->password) != CURLE_OK;
    }
    return failed ? -1 : 0;
}

static int mail_options(CURL *curl, struct curl_slist *receiver, source_t *source, int more)
{
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, receiver) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READDATA, source) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)source->left) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, more ? 0L : 1L) != CURLE_OK;
    return failed ? -1 : 0;
}

/* What a failed transfer means for the mail. answer: the server's last number, 0 if none. */
static apr_status_t verdict(CURLcode code, long answer, int all_sent)
{
    /* libcurl says SEND_ERROR for a refused sender or receiver, and WEIRD_SERVER_REPLY for a refused text, but that
     * also for an unfriendly greeting. */
    if (code == CURLE_SEND_ERROR || (code == CURLE_WEIRD_SERVER_REPLY && all_sent)) {
        if (answer >= 550 && answer <= 556) {
            return CLOUDEP_EREFUSED;
        }
        if (answer >= 400 && answer <= 499 && answer != 421) {
            return CLOUDEP_EPROVIDER;
        }
    }
    return cloudep_http_status(code);
}

static apr_status_t send_smtp(cloudep_mailer_t *mailer, apr_pool_t *p, const cloudep_mail_t *mail, source_t *source,
                              int more, const char **error)
{
    const cloudep_mail_setup_t *setup = mailer->setup;
    struct curl_slist *receiver = curl_slist_append(NULL, mail->to);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long answer = 0;
    apr_status_t rv;

    if (!mailer->curl) {
        mailer->curl = cloudep_http_handle(mailer->http, setup->ca_file, CONNECT_TIMEOUT, TOTAL_TIMEOUT, mailer->stop);
        if (mailer->curl && connect_options(mailer->curl, setup)) {
            cloudep_mailer_disconnect(mailer);
        }
    }
    if (mailer->curl && receiver && !mail_options(mailer->curl, receiver, source, more)) {
        code = curl_easy_perform(mailer->curl);
        (void)curl_easy_getinfo(mailer->curl, CURLINFO_RESPONSE_CODE, &answer);
    }
    rv = verdict(code, answer, source->left == 0);
    if (rv != APR_SUCCESS) {
        *error = answer >= 400 ? apr_psprintf(p, "SMTP %ld: %s", answer, curl_easy_strerror(code))
                               : curl_easy_strerror(code);
    }
    if (rv != APR_SUCCESS || !more) {
        cloudep_mailer_disconnect(mailer);
    }
    curl_slist_free_all(receiver);
    return rv;
}

apr_status_t cloudep_mailer_send(cloudep_mailer_t *mailer, apr_pool_t *p, const cloudep_mail_t *mail, int more,
                                 const char **error)
{
    cloudep_mail_t complete = *mail;
    source_t source;
    apr_status_t rv;

    complete.from = mailer->setup->from;
    rv = cloudep_mime_compose(&source.bytes, &source.left, p, &complete);
    if (rv != APR_SUCCESS) {
        *error = "not a mail that can be written";
        return rv;
    }
    if (mailer->setup->spool) {
        rv = cloudep_spool_write(p, mailer->setup->spool, mail->id, ".eml", source.bytes, source.left);
        *error = "could not write to the spool folder";
        return rv;
    }
    return send_smtp(mailer, p, &complete, &source, more, error);
}
