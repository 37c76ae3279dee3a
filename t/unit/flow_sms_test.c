/*
 * flow_sms_test.c - SMS to a gateway that answers with one status after the other: what each means for the SMS, for the
 * worker and for the operator. What a request looks like, and certificates, are for t/member/sms.t.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <httpd.h>
#include <pthread.h>

#include "memcached.h"
#include "outbox/sms.h"
#include "tap.h"

/* httpd's regular expressions, as far as the cases need them: a text with or without ^ before it. */
AP_DECLARE(ap_regex_t *) ap_pregcomp(apr_pool_t *p, const char *pattern, int flags)
{
    ap_regex_t *regex = apr_pcalloc(p, sizeof(*regex));

    (void)flags;
    regex->re_pcre = apr_pstrdup(p, pattern);
    return regex;
}

AP_DECLARE(int)
ap_regexec(const ap_regex_t *regex, const char *string, apr_size_t nmatch, ap_regmatch_t *pmatch, int flags)
{
    const char *pattern = regex->re_pcre;

    (void)nmatch;
    (void)pmatch;
    (void)flags;
    return (*pattern == '^' ? !strncmp(string, pattern + 1, strlen(pattern + 1)) : strstr(string, pattern) != NULL)
               ? 0
               : AP_REG_NOMATCH;
}

AP_DECLARE(char *) ap_strcasestr(const char *s1, const char *s2)
{
    (void)s1;
    (void)s2;
    return NULL;
}

static const char *status = "200 OK"; /* of the next answer, whose body is "done" */
static int listening = -1;

static void *serve_all(void *nothing)
{
    int fd;

    while ((fd = accept(listening, NULL, NULL)) >= 0) {
        char request[4096] = "";
        char answer[200];
        ssize_t got = 0;
        ssize_t n;

        while (!strstr(request, "text=") && got < (ssize_t)sizeof(request) - 1 &&
               (n = read(fd, request + got, sizeof(request) - 1 - (size_t)got)) > 0) {
            got += n;
        }
        (void)snprintf(answer, sizeof(answer), "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone",
                       status);
        if (write(fd, answer, strlen(answer)) < 0) {
            printf("# no answer was taken\n");
        }
        close(fd);
    }
    return nothing;
}

static apr_pool_t *p;
static cloudep_http_t *http;
static cloudep_config_t config;
static apr_uint32_t stop;
static const char *error;

static const char *sent_to(const char *number)
{
    static const char *const verdicts[] = {"sent",  "recipient refused", "message refused",
                                           "later", "server down",       "not tried"};
    const cloudep_sms_t sms = {.to = number, .text = "123456 is your code", .id = "id"};
    const cloudep_sms_setup_t *setup;

    error = "";
    if (cloudep_sms_prepare(&setup, p, &config, &error) != APR_SUCCESS) {
        return error;
    }
    return verdicts[cloudep_sms_send(setup, http, p, &sms, &stop, &error)];
}

static void is_judged(const char *answer, const char *want)
{
    status = answer;
    is_str(sent_to("+886912345678"), want, answer);
    ok(!strstr(error, "912345678") && !strstr(error, "123456") && !strstr(error, "done"), "told without what it is of");
}

static void test_answers(void)
{
    is_judged("200 OK", "sent");
    is_judged("202 Accepted", "sent");
    is_judged("299 Odd", "sent");
    is_judged("300 Choices", "later");
    is_judged("400 Bad", "message refused");
    is_judged("401 Who", "later");
    is_judged("403 No", "later");
    is_judged("404 None", "later");
    is_judged("413 Large", "message refused");
    is_judged("414 Long", "message refused");
    is_judged("415 Type", "message refused");
    is_judged("422 Unprocessable", "message refused");
    is_judged("429 Many", "later");
    is_judged("499 Odd", "later");
    is_judged("500 Fault", "server down");
    ok(strstr(error, "the gateway answered HTTP 500") != NULL, "with the status: %s", error);
    is_judged("503 Busy", "server down");
    config.sms_success = "^don";
    is_judged("200 OK", "sent");
    config.sms_success = "^ok";
    is_judged("200 OK", "later");
    ok(strstr(error, "does not match CloudEPSMSSuccess") != NULL, "which is told");
    is_judged("503 Busy", "server down");
    config.sms_success = NULL;
}

static void test_others(void)
{
    is_str(sent_to("0912345678"), "message refused", "what is no number is not sent");
    stop = 1;
    is_str(sent_to("+886912345678"), "not tried", "a worker that is to end tries none");
    stop = 0;
    config.sms_transport = "http://127.0.0.1:1/?to={{to}}&text={{text}}";
    is_str(sent_to("+886912345678"), "server down", "a gateway that is not there");
    ok(strstr(error, "the gateway could not be reached") != NULL, "is told as that: %s", error);
}

static void is_refused(const char *transport, const char *want)
{
    const cloudep_sms_setup_t *setup;

    config.sms_transport = transport;
    error = "";
    is_int(cloudep_sms_prepare(&setup, p, &config, &error), CLOUDEP_EMALFORMED, transport);
    ok(strstr(error, want) != NULL, "it says so: %s", error);
}

static void test_setup(void)
{
    is_refused("http://sms.example/?to={{to}}&text={{text}}", "neither https://... (http to loopback only)");
    is_refused("https://{{to}}.example/?text={{text}}", "neither https://");
    is_refused("https://sms.example/?text={{text}}", "tells the gateway no number");
    is_refused("https://sms.example/?to={{to}}", "tells the gateway no text");
    is_refused("https://sms.example/?to={{to}}&text={{text}}&key={{secret}}", "{{secret}} needs CloudEPSMSSecretFile");
    config.sms_user = "user";
    is_refused("https://sms.example/?to={{to}}&text={{text}}", "CloudEPSMSUser needs CloudEPSMSSecretFile");
    config.sms_user = NULL;
    config.sms_home_code = "+886";
    is_refused("https://sms.example/?to={{to}}&text={{text}}", "CloudEPSMSHomeCode");
    config.sms_home_code = NULL;
    config.sms_method = "PUT";
    is_refused("https://sms.example/?to={{to}}&text={{text}}", "neither POST nor GET");
    config.sms_method = "GET";
    config.sms_body = "text={{text}}";
    is_refused("https://sms.example/?to={{to}}", "GET has no body");
    config.sms_method = "POST";
    config.sms_body = "{\"text\": {{text}}";
    is_refused("https://sms.example/?to={{to}}", "begins as JSON, yet is none");
}

int main(void)
{
    pthread_t thread;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS ||
        cloudep_http_create(&http, p) != APR_SUCCESS || (listening = loopback(0, 1)) < 0 ||
        pthread_create(&thread, NULL, serve_all, NULL)) {
        return 1;
    }
    config.sms_transport = apr_psprintf(p, "http://127.0.0.1:%d/?to={{to_digits}}&text={{text}}", port_of(listening));
    config.sms_method = "GET";
    test_answers();
    test_others();
    test_setup();
    return done_testing();
}
