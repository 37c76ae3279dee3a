/*
 * flow_smtp_test.c - mails to a server that answers as a case says, command by command: what its answers mean for the
 * mail, for the worker and for the operator, and what it gets to see. TLS, and real servers, are for t/auth/mail.t.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <httpd.h>
#include <pthread.h>

#include "folder.h"
#include "memcached.h"
#include "outbox/mail.h"
#include "tap.h"

AP_DECLARE(char *) ap_strcasestr(const char *s1, const char *s2)
{
    const size_t len = strlen(s2);

    while (*s1 && strncasecmp(s1, s2, len) != 0) {
        s1++;
    }
    return *s1 ? (char *)(intptr_t)s1 : NULL;
}

/* ---- The server ---------------------------------------------------------------------------------------------------
 */

#define HELLO "250-mx.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"

/* Pairs: how a command begins ("": the connection, ".": the end of a mail), and the answer. */
static const char *const usual[] = {"",       "220 mx.test", "EHLO",     HELLO,      "AUTH",     "334 ",    "AHVzZXI",
                                    "235 in", "MAIL",        "250 good", "RCPT",     "250 good", "DATA",    "354 go",
                                    ".",      "250 taken",   "NOOP",     "250 here", "QUIT",     "221 bye", NULL};
static const char *const *script; /* of the case: before the usual ones */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char seen[8192]; /* all commands, a line each */
static int connections;
static int listening = -1;

static const char *answer_to(const char *line)
{
    const char *const *lists[] = {script, usual};

    for (int list = 0; list < 2; list++) {
        for (const char *const *at = lists[list]; at && *at; at += 2) {
            if (!strncmp(line, *at, strlen(*at)) && (**at || !*line)) {
                return at[1];
            }
        }
    }
    return "500 what";
}

static void answer(FILE *to, const char *line)
{
    (void)pthread_mutex_lock(&mutex);
    if (strlen(seen) + strlen(line) + 2 < sizeof(seen)) {
        strcat(strcat(seen, line), "\n"); /* NOLINT: it was measured */
    }
    (void)fprintf(to, "%s\r\n", answer_to(line));
    (void)pthread_mutex_unlock(&mutex);
    (void)fflush(to);
}

static void serve(FILE *client)
{
    char line[1000];
    int text = 0;

    answer(client, "");
    while (fgets(line, sizeof(line), client)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (text && strcmp(line, ".") != 0) {
            continue;
        }
        text = !text && !strncmp(line, "DATA", 4) && !strncmp(answer_to(line), "354", 3);
        (void)fseek(client, 0, SEEK_CUR);
        answer(client, line);
    }
    (void)fclose(client);
}

static void *serve_all(void *nothing)
{
    int fd;

    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        FILE *client = fdopen(fd, "r+");

        connections++;
        if (client) {
            serve(client);
        }
    }
    return nothing;
}

/* ---- Mails --------------------------------------------------------------------------------------------------------
 */

static apr_pool_t *p;
static cloudep_http_t *http;
static cloudep_config_t config;
static server_rec server = {.server_hostname = (char *)(intptr_t) "id.test"};
static apr_uint32_t stop;
static const char *error;

static const char *const verdicts[] = {"sent",  "recipient refused", "message refused",
                                       "later", "server down",       "not tried"};

static cloudep_mailer_t *mailer_of(void)
{
    const cloudep_mail_setup_t *setup;
    cloudep_mailer_t *mailer = NULL;

    error = "";
    if (cloudep_mail_prepare(&setup, p, &server, &config, &error) != APR_SUCCESS ||
        cloudep_mailer_create(&mailer, p, setup, http, &error) != APR_SUCCESS) {
        printf("Bail out! no mailer: %s\n", error);
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
    return mailer;
}

static const char *send_by(cloudep_mailer_t *mailer, int more)
{
    const cloudep_mail_t mail = {
        .to = "ann@example.com", .subject = "Subject", .text = "Text\n", .language = "en", .id = "id", .date = 1};

    error = "";
    return verdicts[cloudep_mailer_send(mailer, p, &mail, more, &stop, &error)];
}

/* A mail to the server that answers like that; *error is what the operator is told. */
static const char *sent(const char *const *answers)
{
    (void)pthread_mutex_lock(&mutex);
    script = answers;
    *seen = '\0';
    (void)pthread_mutex_unlock(&mutex);
    return send_by(mailer_of(), 0);
}

#define SENT(...) sent((const char *const[]){__VA_ARGS__, NULL})

static void says(const char *text, const char *name)
{
    ok(strstr(error, text) != NULL, "%s: %s", name, error);
    ok(!strstr(error, "ann@") && !strstr(error, "secret"), "and names nobody");
}

static void test_sent(void)
{
    static const char conversation[] =
        "\nEHLO id.test\nMAIL FROM:<no-reply@example.com>\nRCPT TO:<ann@example.com>\nDATA\n.\n";
    cloudep_mailer_t *mailer = mailer_of();

    is_str(SENT("RCPT", "250 good"), "sent", "a mail is sent");
    ok(!strncmp(seen, conversation, strlen(conversation)), "the server sees who sends it, and to whom");
    (void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1); /* NOLINT(concurrency-mt-unsafe): no other thread asks */
    is_str(SENT("RCPT", "250 good"), "sent", "a mail goes through no proxy");
    (void)unsetenv("ALL_PROXY"); /* NOLINT(concurrency-mt-unsafe) */
    is_str(SENT("EHLO", "250 mx.test"), "sent", "nobody has to log in where no login is set");
    connections = 0;
    is_str(send_by(mailer, 1), "sent", "one of two mails");
    is_str(send_by(mailer, 0), "sent", "and the other one");
    is_int(connections, 1, "take one connection");
    is_str(send_by(mailer, 0), "sent", "a later one");
    is_int(connections, 2, "takes another one");
    cloudep_mailer_disconnect(mailer);
    stop = 1;
    is_str(send_by(mailer, 0), "not tried", "a worker that is to end tries none");
    stop = 0;
}

static void test_refused(void)
{
    static const char *const operators[] = {"500", "502", "503", "530", "534", "535", "538"};

    is_str(SENT("RCPT", "550 5.1.1 no ann@example.com"), "recipient refused", "a 5xx to the recipient");
    says("RCPT TO was answered 550 5.1.1", "is told with its codes");
    is_str(SENT("RCPT", "450 4.2.1 ann@example.com is busy"), "later", "a 4xx to the recipient");
    is_str(SENT("RCPT", "421 closing"), "server down", "a 421 is about the server");
    is_str(SENT("MAIL", "550 5.7.1 not you"), "later", "a 5xx to the sender is the operator's");
    is_str(SENT("MAIL", "451 later"), "later", "a 4xx to the sender");
    is_str(SENT("DATA", "554 no"), "message refused", "a 5xx to the mail");
    says(": DATA was answered 554", "is told as that");
    is_str(SENT("DATA", "451 later"), "later", "a 4xx to the mail");
    is_str(SENT(".", "554 5.6.0 no"), "message refused", "a 5xx at its end");
    says("the end of the mail was answered 554 5.6.0", "is told as that");
    is_str(SENT(".", "452 full"), "later", "a 4xx at its end");
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        is_str(SENT("RCPT", apr_pstrcat(p, operators[i], " you", NULL)), "later",
               apr_pstrcat(p, "an answer that the operator can mend: ", operators[i], NULL));
    }
    is_str(SENT("RCPT", "501 syntax"), "recipient refused", "a 501 is none of those");
}

/* Answers of several lines. */
static void test_lines(void)
{
    is_str(SENT("RCPT", "550-no such\r\n550 5.1.1 user"), "recipient refused", "a 5xx of two lines");
    says("RCPT TO was answered 550 5.1.1", "is told with the code of the second");
    is_str(SENT("RCPT", "550-5.1.2 no such\r\n550 user"), "recipient refused", "one whose second line has no code");
    says("RCPT TO was answered 550 5.1.2", "is told with that of the first");
    is_str(SENT("RCPT", "450-4.7.1 wait\r\n450 <id.test>: HELO Command Rejected"), "server down",
           "a second line that is about the name in EHLO");
    says("refuses the EHLO name id.test", "counts");
    is_str(SENT("MAIL", "250-5.0.0 helo command rejected\r\n250 good", "RCPT", "550 no"), "recipient refused",
           "what was said of a command before");
    says("RCPT TO was answered 550", "counts no more");
    ok(!strstr(error, "5.0.0"), "nor does its code");
    is_str(SENT("RCPT", "550 192.0.2.1 is listed"), "recipient refused", "an address in an answer");
    ok(!strstr(error, "192"), "is no code, and not told");
    is_str(SENT("RCPT", "550 5.1.1.1.1.1.1.1.1.1.1.1 what"), "recipient refused", "a code that is none");
    ok(!strstr(error, "5.1.1"), "is not told");
}

static void test_down(void)
{
    is_str(SENT("", "554 no service"), "server down", "a server that wants nobody");
    is_str(SENT("EHLO", "550 no", "HELO", "550 no"), "server down", "one that does not greet back");
    says("EHLO id.test was answered 550", "is told with the name that was given");
    is_str(SENT("RCPT", "450 4.7.1 <id.test>: Helo command rejected: Host not found"), "server down",
           "one that does not like our name says so late");
    says("refuses the EHLO name id.test (CloudEPMailHello)", "the operator is told what to set");
}

static void answer_by(const char *const *answers)
{
    (void)pthread_mutex_lock(&mutex);
    script = answers;
    (void)pthread_mutex_unlock(&mutex);
}

/* What the server said of one mail says nothing of the next. */
static void test_next_mail(void)
{
    cloudep_mailer_t *mailer = mailer_of();

    answer_by((const char *const[]){"RCPT", "550 5.1.1 no such", NULL});
    is_str(send_by(mailer, 1), "recipient refused", "a recipient that is refused");
    answer_by((const char *const[]){"", "554 no service", NULL});
    is_str(send_by(mailer, 1), "server down", "a server that wants nobody at the next mail");
    answer_by(NULL);
    cloudep_mailer_disconnect(mailer);
}

static void set_login(void)
{
    config.mail_user = "user";
    config.mail_password_file = folder_file("password", "secret\n", 0600);
}

/* A server that offers a login at one connection and none at the next. */
static void test_next_login(void)
{
    cloudep_mailer_t *mailer = mailer_of();

    answer_by(NULL);
    is_str(send_by(mailer, 0), "sent", "a mail behind a login");
    answer_by((const char *const[]){"EHLO", "250 mx.test", NULL});
    is_str(send_by(mailer, 0), "server down", "is not followed by one without");
    says("offers no AUTH", "which is told");
    answer_by(NULL);
    cloudep_mailer_disconnect(mailer);
}

static void test_login(void)
{
    char many[300];
    apr_array_header_t *mechanisms = apr_array_make(p, 1, sizeof(const char *));

    memset(many, 'X', sizeof(many));
    set_login();
    test_next_login();
    is_str(SENT("RCPT", "250 good"), "sent", "a mail is sent behind a login");
    ok(strstr(seen, "AUTH PLAIN") != NULL, "by the first mechanism that both have");
    is_str(SENT("AUTH", "535 5.7.8 wrong"), "server down", "a wrong password keeps all mails back");
    says("AUTH was answered 535 5.7.8", "which is told");
    is_str(SENT("EHLO", "250 mx.test"), "server down", "where no login is offered");
    says("offers no AUTH, but CloudEPMailUser is set: nothing was sent", "nothing is sent without one");
    ok(!strstr(seen, "MAIL"), "the server sees no mail");
    is_str(SENT("EHLO", "250-mx.test\r\n250 AUTH GSSAPI"), "server down", "where none of our mechanisms is offered");
    says("offers AUTH GSSAPI, none of which is one of CloudEPMailAuth: PLAIN LOGIN CRAM-MD5 DIGEST-MD5",
         "both lists are told");
    is_str(SENT("EHLO", "250-mx.test\r\n250 AUTH=PLAIN LOGIN"), "server down", "where a login is offered as none is");
    ok(!strstr(seen, "MAIL"), "the server sees no mail");
    is_str(SENT("EHLO", "250-mx.test\r\n250 auth PLAIN"), "server down", "or in other letters than libcurl knows");
    ok(!strstr(seen, "MAIL"), "the server sees no mail");
    is_str(SENT("EHLO", "250-mx.test\r\n250 AUTH \33[1mGSS_API-X"), "server down", "what a terminal would act on");
    says("offers AUTH 1mGSS_API-X, none", "is not told");
    is_str(SENT("EHLO", apr_pstrcat(p, "250-mx.test\r\n250 AUTH ", apr_pstrmemdup(p, many, sizeof(many) - 1), NULL)),
           "server down", "more mechanisms than there is room for");
    ok(strstr(error, "XXX, none") != NULL, "are cut");
    APR_ARRAY_PUSH(mechanisms, const char *) = "LOGIN";
    config.mail_auth = mechanisms;
    is_str(SENT("AUTH LOGIN", "334 VXNlcm5hbWU6", "dX", "334 UGFzc3dvcmQ6", "c2", "235 in"), "sent",
           "the mechanism that is set");
    ok(strstr(seen, "AUTH LOGIN") && !strstr(seen, "AUTH PLAIN"), "is the one");
    config.mail_starttls = 1;
    is_str(SENT("RCPT", "250 good"), "server down", "STARTTLS is demanded of one that has none");
    says("does not offer STARTTLS (CloudEPMailStartTLS)", "which is told");
    ok(!strstr(seen, "AUTH") && !strstr(seen, "MAIL"), "it gets neither password nor mail");
    (void)remove(config.mail_password_file);
}

/* ---- What is set up -----------------------------------------------------------------------------------------------
 */

static cloudep_config_t set_up(const char *transport)
{
    cloudep_config_t other = {.mail_transport = transport, .mail_from = "A <a@example.com>"};

    other.mail_starttls = CLOUDEP_UNSET;
    return other;
}

static apr_status_t prepared(const cloudep_config_t *other, const cloudep_mail_setup_t **setup)
{
    const cloudep_mail_setup_t *unused;

    error = "";
    return cloudep_mail_prepare(setup ? setup : &unused, p, &server, other, &error);
}

static const char *hello_of(const char *host, const char *set)
{
    const cloudep_mail_setup_t *setup;
    cloudep_config_t other = set_up("smtp://127.0.0.1");

    server.server_hostname = (char *)(intptr_t)host;
    other.mail_hello = set;
    return prepared(&other, &setup) == APR_SUCCESS ? cloudep_mail_hello(setup) : NULL;
}

static void test_setup(void)
{
    cloudep_config_t other = set_up("smtp://mail.example");
    apr_array_header_t *mechanisms = apr_array_make(p, 1, sizeof(const char *));

    other.mail_starttls = 0;
    is_int(prepared(&other, NULL), APR_SUCCESS, "mails may go in the clear");
    other.mail_user = "user";
    is_int(prepared(&other, NULL), CLOUDEP_EREFUSED, "a password may not");
    other.mail_transport = "smtp://127.0.0.1";
    ok(prepared(&other, NULL) != CLOUDEP_EREFUSED, "but to this machine");
    other.mail_transport = "smtps://mail.example";
    ok(prepared(&other, NULL) != CLOUDEP_EREFUSED, "and by smtps");
    other = set_up("smtp://mail.example");
    other.mail_user = "user";
    ok(prepared(&other, NULL) != CLOUDEP_EREFUSED, "to another machine TLS is demanded unless it is off");
    other = set_up("smtp://127.0.0.1");
    other.mail_password_file = "/nowhere";
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "a password needs a user");
    other = set_up("smtp://127.0.0.1");
    other.mail_auth = mechanisms;
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "so do mechanisms");
    APR_ARRAY_PUSH(mechanisms, const char *) = "XOAUTH2";
    other.mail_user = "user";
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "a mechanism that nobody knows");
    says("CloudEPMailAuth XOAUTH2", "is told");
    other = set_up("http://127.0.0.1");
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "mails do not go by HTTP");
    other = set_up("smtp://user@127.0.0.1");
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "a user is not set in the URL");
    other = set_up("smtp://127.0.0.1");
    other.mail_from = NULL;
    is_int(prepared(&other, NULL), CLOUDEP_EMALFORMED, "nobody sends nothing");
    other = set_up(NULL);
    is_int(prepared(&other, NULL), CLOUDEP_EUNSET, "without a transport there is none");
    is_str(hello_of("id.test", NULL), "id.test", "EHLO gives ServerName");
    is_str(hello_of("192.0.2.1", NULL), "[192.0.2.1]", "or an address");
    is_str(hello_of("2001:db8::1", NULL), "[IPv6:2001:db8::1]", "of either kind");
    is_str(hello_of("id.test", "mail.test"), "mail.test", "CloudEPMailHello goes first");
    is_str(hello_of("id.test", "mail test"), NULL, "which must be a name");
    is_str(hello_of("id.test", ""), NULL, "and not nothing");
    ok(hello_of("name", NULL) && strcmp(hello_of("name", NULL), "name") != 0, "a name without a domain is not given");
    server.server_hostname = (char *)(intptr_t) "id.test";
}

static void test_check(void)
{
    const cloudep_mail_setup_t *setup = NULL;

    (void)prepared(&config, &setup);
    script = NULL;
    *seen = '\0';
    is_int(cloudep_mail_check(setup, p, &error), APR_SUCCESS, "a server that is there is found good");
    ok(strstr(seen, "NOOP") && !strstr(seen, "MAIL"), "without a mail");
    script = (const char *const[]){"", "554 no service", NULL};
    is_int(cloudep_mail_check(setup, p, &error), CLOUDEP_EREFUSED, "one that wants nobody is not");
    says("CloudEPMailTransport: 127.0.0.1:", "which is told with its name");
    script = NULL;
}

int main(void)
{
    pthread_t thread;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS ||
        cloudep_http_create(&http, p) != APR_SUCCESS || (listening = loopback(0, 1)) < 0 ||
        pthread_create(&thread, NULL, serve_all, NULL)) {
        return 1;
    }
    config.mail_transport = apr_psprintf(p, "smtp://127.0.0.1:%d", port_of(listening));
    config.mail_from = "CloudEP <no-reply@example.com>";
    config.mail_starttls = CLOUDEP_UNSET;
    folder_make(p);
    test_sent();
    test_refused();
    test_lines();
    test_down();
    test_next_mail();
    test_check();
    test_setup();
    test_login();
    folder_remove();
    return done_testing();
}
