/*
 * smtp.c - a mail by libcurl, and what the server's answer to it means.
 *
 * libcurl tells in its debug output which command it has sent and what came back. From that the stage and the reply of
 * a failure are known; libcurl's own codes are the same for several stages. What a server says can hold addresses, so
 * only numbers of it go into errors.
 */
#include "outbox/smtp.h"

#include <httpd.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT 5000
#define TOTAL_TIMEOUT 30000
#define REPLY_TIMEOUT 15L /* s */

/* Where in the session we are; from MAIL on replies are about the mail. */
typedef enum { CONNECT, HELLO, STARTTLS, AUTH, MAIL, RCPT, DATA, TEXT } stage_e;

struct cloudep_smtp_t {
    const cloudep_smtp_setup_t *setup;
    cloudep_http_t *http;
    CURL *curl; /* NULL: not connected */
    stage_e stage;
    int reply;          /* the last one to the stage's command; 0: none yet */
    char enhanced[16];  /* its enhanced status code (RFC 3463), or "" */
    int about_hello;    /* it is about the name that we gave in EHLO */
    char offered[128];  /* mechanisms for AUTH that the server has offered; "": no AUTH */
    int quitting;       /* what comes now is no reply to the stage's command */
    int login_withheld; /* we ended the transfer: a login is configured, and the server offers none */
};

/* ---- Watching the session -------------------------------------------------------------------------------- */

static void clear_reply(cloudep_smtp_t *smtp)
{
    smtp->reply = 0;
    smtp->enhanced[0] = 0;
    smtp->about_hello = 0;
}

static void note_command(cloudep_smtp_t *smtp, const char *line)
{
    static const struct {
        const char *begin;
        stage_e stage;
    } commands[] = {{"EHLO ", HELLO},     {"HELO ", HELLO},   {"STARTTLS", STARTTLS}, {"AUTH ", AUTH},
                    {"MAIL FROM:", MAIL}, {"RCPT TO:", RCPT}, {"DATA\r", DATA}};

    smtp->quitting |= !strncmp(line, "QUIT\r", 5);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        /* In the middle of a login any line may be a secret. */
        if (!strncmp(line, commands[i].begin, strlen(commands[i].begin)) &&
            !(smtp->stage == AUTH && commands[i].stage == DATA)) {
            smtp->stage = commands[i].stage;
            clear_reply(smtp);
            smtp->offered[0] = smtp->stage == HELLO ? 0 : smtp->offered[0];
        }
    }
}

/* "250-AUTH PLAIN LOGIN": the mechanisms, without what a log or a terminal would act on. */
static void note_mechanisms(cloudep_smtp_t *smtp, const char *text)
{
    char *end = smtp->offered;

    for (text += strlen("AUTH "); *text && end < smtp->offered + sizeof(smtp->offered) - 1; text++) {
        if (apr_isalnum(*text) || strchr("-_ ", *text)) {
            *end++ = *text;
        }
    }
    *end = 0;
}

static void note_reply(cloudep_smtp_t *smtp, const char *line)
{
    const char *text = line + 4;
    apr_size_t len;

    if (smtp->quitting || strspn(line, "0123456789") != 3 || !line[3]) {
        return;
    }
    smtp->reply = (int)apr_atoi64(line);
    /* In no other form does libcurl take it for an offer. */
    if (smtp->stage == HELLO && !strncmp(text, "AUTH ", 5)) {
        note_mechanisms(smtp, text);
    }
    if (smtp->stage == DATA && smtp->reply == 354) {
        smtp->stage = TEXT;
    }
    len = strspn(text, "0123456789.");
    if (len >= 5 && len < sizeof(smtp->enhanced) && text[1] == '.') {
        apr_cpystrn(smtp->enhanced, text, len + 1);
    }
    /* Postfix refuses the name in EHLO as late as at RCPT. */
    smtp->about_hello |= ap_strcasestr(text, "helo command rejected") != NULL;
}

static int watch_session(CURL *curl, curl_infotype type, char *bytes, size_t len, void *baton)
{
    char line[600];

    (void)curl;
    apr_cpystrn(line, bytes, len < sizeof(line) ? len + 1 : sizeof(line));
    if (type == CURLINFO_HEADER_OUT) {
        note_command(baton, line);
    }
    else if (type == CURLINFO_HEADER_IN) {
        note_reply(baton, line);
    }
    return 0;
}

/* Between login and mail. libcurl skips the login where no AUTH is offered. */
static int check_login(void *baton, char *peer, char *local, int peer_port, int local_port)
{
    cloudep_smtp_t *smtp = baton;

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    smtp->login_withheld = smtp->setup->user && !*smtp->offered;
    return smtp->login_withheld ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- The connection -------------------------------------------------------------------------------------- */

/*
 * Without its socket a handle goes at once; else libcurl would wait up to two minutes for a hung server to answer
 * the QUIT that it sends.
 */
void cloudep_smtp_disconnect(cloudep_smtp_t *smtp)
{
    curl_socket_t socket = CURL_SOCKET_BAD;

    if (smtp->curl) {
        if (curl_easy_getinfo(smtp->curl, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD) {
            (void)shutdown(socket, SHUT_RDWR);
        }
        curl_easy_cleanup(smtp->curl);
        smtp->curl = NULL;
    }
}

static apr_status_t cleanup_session(void *smtp)
{
    cloudep_smtp_disconnect(smtp);
    return APR_SUCCESS;
}

cloudep_smtp_t *cloudep_smtp_create(apr_pool_t *pool, const cloudep_smtp_setup_t *setup, cloudep_http_t *http)
{
    cloudep_smtp_t *smtp = apr_pcalloc(pool, sizeof(*smtp));

    smtp->setup = setup;
    smtp->http = http;
    apr_pool_cleanup_register(pool, smtp, cleanup_session, apr_pool_cleanup_null);
    return smtp;
}

static int session_options(CURL *curl, cloudep_smtp_t *smtp)
{
    const cloudep_smtp_setup_t *setup = smtp->setup;
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_URL, setup->url) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_USE_SSL, setup->use_ssl) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, REPLY_TIMEOUT) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, cloudep_http_give) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_MAIL_FROM, setup->sender) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, watch_session) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_DEBUGDATA, smtp) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, check_login) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_PREREQDATA, smtp) != CURLE_OK;
    if (setup->user) {
        failed |= curl_easy_setopt(curl, CURLOPT_USERNAME, setup->user) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_PASSWORD, setup->password) != CURLE_OK;
        failed |= curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, setup->login_options) != CURLE_OK;
    }
    return failed ? -1 : 0;
}

static int mail_options(CURL *curl, struct curl_slist *receiver, cloudep_http_source_t *source, int more)
{
    int failed = 0;

    failed |= curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, receiver) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_READDATA, source) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)source->left) != CURLE_OK;
    failed |= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, more ? 0L : 1L) != CURLE_OK;
    return failed ? -1 : 0;
}

/* Connects, unless there is a connection. NULL: out of memory. */
static CURL *connect_to(cloudep_smtp_t *smtp, apr_uint32_t *stop)
{
    if (!smtp->curl) {
        smtp->curl = cloudep_http_handle(smtp->http, smtp->setup->ca_file, CONNECT_TIMEOUT, TOTAL_TIMEOUT, stop);
        if (smtp->curl && session_options(smtp->curl, smtp)) {
            cloudep_smtp_disconnect(smtp);
        }
    }
    smtp->stage = CONNECT;
    smtp->quitting = 0;
    smtp->login_withheld = 0;
    clear_reply(smtp);
    return smtp->curl;
}

static CURLcode perform(cloudep_smtp_t *smtp, const char *to, cloudep_http_source_t *source, int more,
                        apr_uint32_t *stop)
{
    struct curl_slist *receiver = curl_slist_append(NULL, to);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (connect_to(smtp, stop) && receiver && !mail_options(smtp->curl, receiver, source, more)) {
        code = curl_easy_perform(smtp->curl);
    }
    curl_slist_free_all(receiver);
    return code;
}

/* ---- What a failure means -------------------------------------------------------------------------------- */

/* Answers to a command about a mail that say nothing against the mail: the server did not understand us (RFC 5321), or
 * it wants a login (RFC 4954). The operator can mend that. */
static int is_operators(int reply)
{
    return reply == 500 || reply == 502 || reply == 503 || reply == 530 || reply == 534 || reply == 535 || reply == 538;
}

static cloudep_verdict_e judge(const cloudep_smtp_t *smtp, CURLcode code)
{
    if (code == CURLE_OK) {
        return CLOUDEP_SENT;
    }
    if (code == CURLE_ABORTED_BY_CALLBACK && !smtp->login_withheld) {
        return CLOUDEP_NOT_TRIED;
    }
    if (smtp->stage < MAIL || smtp->reply < 400 || smtp->reply == 421 || smtp->about_hello) {
        return CLOUDEP_SERVER_DOWN;
    }
    /* A 5xx to MAIL is about the sender, who is the operator's. */
    if (smtp->reply < 500 || smtp->stage == MAIL || is_operators(smtp->reply)) {
        return CLOUDEP_LATER;
    }
    return smtp->stage == RCPT ? CLOUDEP_RECIPIENT_REFUSED : CLOUDEP_MESSAGE_REFUSED;
}

static const char *explain(const cloudep_smtp_t *smtp, apr_pool_t *p, CURLcode code)
{
    static const char *const names[] = {"connecting", "EHLO ",   "STARTTLS", "AUTH",
                                        "MAIL FROM",  "RCPT TO", "DATA",     "the end of the mail"};
    const cloudep_smtp_setup_t *setup = smtp->setup;
    const char *stage = apr_pstrcat(p, names[smtp->stage], smtp->stage == HELLO ? setup->hello : "", NULL);

    if (smtp->login_withheld) {
        return apr_psprintf(p, "%s: offers no AUTH, but CloudEPMailUser is set: nothing was sent", setup->server);
    }
    if (smtp->about_hello) {
        return apr_psprintf(p, "%s: %s was answered %d %s: the server refuses the EHLO name %s (CloudEPMailHello)",
                            setup->server, stage, smtp->reply, smtp->enhanced, setup->hello);
    }
    if (smtp->reply >= 400) {
        return apr_psprintf(p, "%s: %s was answered %d%s%s", setup->server, stage, smtp->reply,
                            *smtp->enhanced ? " " : "", smtp->enhanced);
    }
    if (code == CURLE_USE_SSL_FAILED && smtp->stage == HELLO) {
        return apr_psprintf(p, "%s: does not offer STARTTLS (CloudEPMailStartTLS)", setup->server);
    }
    if (code == CURLE_LOGIN_DENIED && smtp->stage == HELLO) {
        return apr_psprintf(p, "%s: offers AUTH %s, none of which is one of CloudEPMailAuth: %s", setup->server,
                            smtp->offered, setup->mechanisms);
    }
    return apr_psprintf(p, "%s: %s: %s", setup->server, stage, curl_easy_strerror(code));
}

cloudep_verdict_e cloudep_smtp_send(cloudep_smtp_t *smtp, apr_pool_t *p, const char *to, const char *mail,
                                    apr_size_t len, int more, apr_uint32_t *stop, const char **error)
{
    cloudep_http_source_t source = {mail, len};
    CURLcode code = perform(smtp, to, &source, more, stop);
    cloudep_verdict_e verdict = judge(smtp, code);

    if (verdict != CLOUDEP_SENT) {
        *error = explain(smtp, p, code);
    }
    if (verdict != CLOUDEP_SENT || !more) {
        cloudep_smtp_disconnect(smtp);
    }
    return verdict;
}

int cloudep_smtp_is_ready(cloudep_smtp_t *smtp, apr_pool_t *p, const char **error)
{
    CURLcode code = CURLE_OUT_OF_MEMORY;

    /* Without an upload libcurl sends that command in place of a mail. */
    if (connect_to(smtp, NULL) && curl_easy_setopt(smtp->curl, CURLOPT_UPLOAD, 0L) == CURLE_OK &&
        curl_easy_setopt(smtp->curl, CURLOPT_NOBODY, 1L) == CURLE_OK &&
        curl_easy_setopt(smtp->curl, CURLOPT_CUSTOMREQUEST, "NOOP") == CURLE_OK) {
        code = curl_easy_perform(smtp->curl);
    }
    if (code != CURLE_OK) {
        *error = explain(smtp, p, code);
    }
    cloudep_smtp_disconnect(smtp);
    return code == CURLE_OK;
}
