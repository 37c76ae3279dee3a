/*
 * mime_test.c - mails as bytes: headers nobody can add to, bodies that come out as they went in.
 */
#include <apr_base64.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include "base/text/mime.h"
#include "base/text/validate.h"
#include "tap.h"

static const cloudep_mail_t sample = {.from = {"CloudEP", "no-reply@example.org"},
                                      .to = "ann@example.com",
                                      .subject = "Your code",
                                      .text = "Hello,\n\ncode 123456\n",
                                      .html = "<p>123456</p>\n",
                                      .language = "zh-TW",
                                      .id = "0b7d3c9e-8a51-4c0e-9a3f-2f1f0c6e7d11",
                                      .date = 1700000000000000};

static const char *compose(apr_pool_t *pool, const cloudep_mail_t *mail)
{
    const char *message = NULL;
    apr_size_t len;

    return cloudep_mime_compose(&message, &len, pool, mail) == APR_SUCCESS && strlen(message) == len ? message : NULL;
}

/* Decodes quoted-printable up to a line that starts with "--=_", or the end. */
static const char *decoded(apr_pool_t *pool, const char *body)
{
    char *out = apr_palloc(pool, strlen(body) + 1);
    char *o = out;

    while (*body && strncmp(body, "\r\n--=_", 6)) {
        if (!strncmp(body, "=\r\n", 3)) {
            body += 3;
        }
        else if (*body == '=') {
            *o++ = (char)strtol(apr_pstrmemdup(pool, body + 1, 2), NULL, 16);
            body += 3;
        }
        else if (*body == '\r') {
            body++;
        }
        else {
            *o++ = *body++;
        }
    }
    *o = 0;
    return out;
}

static apr_size_t longest_line(const char *message)
{
    apr_size_t longest = 0;

    while (*message) {
        apr_size_t len = strcspn(message, "\r\n");

        longest = len > longest ? len : longest;
        message += len;
        message += strspn(message, "\r\n");
    }
    return longest;
}

static int has_bare_line_end(const char *message)
{
    for (const char *c = message; *c; c++) {
        if ((*c == '\n' && (c == message || c[-1] != '\r')) || (*c == '\r' && c[1] != '\n')) {
            return 1;
        }
    }
    return 0;
}

static void test_headers(apr_pool_t *pool)
{
    static const char expected[] = "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                                   "From: \"CloudEP\"\r\n <no-reply@example.org>\r\n"
                                   "To: ann@example.com\r\n"
                                   "Subject: Your code\r\n"
                                   "Message-ID: <0b7d3c9e-8a51-4c0e-9a3f-2f1f0c6e7d11@example.org>\r\n"
                                   "Auto-Submitted: auto-generated\r\n"
                                   "Content-Language: zh-TW\r\n"
                                   "MIME-Version: 1.0\r\n"
                                   "Content-Type: multipart/alternative;\r\n"
                                   " boundary=\"=_0b7d3c9e-8a51-4c0e-9a3f-2f1f0c6e7d11\"\r\n\r\n";
    const char *message = compose(pool, &sample);
    cloudep_mail_t mail = sample;

    ok(message && !strncmp(message, expected, strlen(expected)), "the headers of a mail");
    mail.from.name = "雲端 \"企業\"";
    ok(!compose(pool, &mail), "a quote in the sender's name is refused");
    mail.from.name = "雲端企業";
    mail.subject = "您的驗證碼";
    message = compose(pool, &mail);
    ok(message && strstr(message, "\r\nFrom: =?UTF-8?B?6Zuy56uv5LyB5qWt?=\r\n <no-reply@example.org>\r\n"),
       "a name that is not ASCII is an encoded word");
    ok(message && strstr(message, "\r\nSubject: =?UTF-8?B?5oKo55qE6amX6K2J56K8?=\r\n"), "so is a subject");
    mail = sample;
    mail.subject = "=?UTF-8?Q?trick?=";
    message = compose(pool, &mail);
    ok(message && strstr(message, "\r\nSubject: =?UTF-8?B?PT9VVEYtOD9RP3RyaWNrPz0=?=\r\n"),
       "what only looks like an encoded word is encoded");
    mail.html = NULL;
    mail.language = NULL;
    message = compose(pool, &mail);
    ok(message && strstr(message, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n") &&
           !strstr(message, "multipart") && !strstr(message, "Content-Language"),
       "without HTML there is one part");
}

static void test_long_subject(apr_pool_t *pool)
{
    cloudep_mail_t mail = sample;
    const char *subject = "";
    const char *at;
    const char *message;
    char *all = apr_pcalloc(pool, 4096);
    apr_size_t len = 0, characters;
    int cut = 0;

    for (int i = 0; i < 40; i++) {
        subject = apr_pstrcat(pool, subject, "驗證碼x", NULL);
    }
    mail.subject = subject;
    message = compose(pool, &mail);
    if (!ok(message != NULL, "a long subject")) {
        return;
    }
    for (at = strstr(message, "=?UTF-8?B?"); at; at = strstr(at, "=?UTF-8?B?")) {
        const char *word = apr_pstrmemdup(pool, at + 10, strcspn(at + 10, "?"));

        const int n = apr_base64_decode(all + len, word);

        cut += cloudep_utf8_length(&characters, apr_pstrmemdup(pool, all + len, (apr_size_t)n)) != APR_SUCCESS;
        len += (apr_size_t)n;
        at += 10;
    }
    all[len] = 0;
    is_str(all, subject, "is put into words");
    is_int(cut, 0, "that do not cut a character");
    ok(longest_line(message) <= 78, "and its lines are short");
    mail.subject = "the quick brown fox jumps over the lazy dog, and then over another one that is just as lazy";
    message = compose(pool, &mail);
    ok(message && longest_line(message) <= 78, "as are those of a long subject in ASCII");
}

static void test_injection(apr_pool_t *pool)
{
    static const char *const bad[] = {"a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\tb", "\xff", "\xe2\x80\xa8", NULL};
    static const char *const bad_address[] = {"ann@example.com\r\nBcc: x@example.com",
                                              "ann@example.com> SIZE=1",
                                              "ann@example.com,bob@example.com",
                                              "<ann@example.com",
                                              "ann@exam ple.com",
                                              "ann@a@b",
                                              "ann",
                                              "@example.com",
                                              "ann@",
                                              "\xc3\xa4nn@example.com",
                                              "",
                                              NULL};

    for (int i = 0; bad[i]; i++) {
        cloudep_mail_t subject = sample;
        cloudep_mail_t name = sample;
        cloudep_mail_t id = sample;
        cloudep_mail_t language = sample;

        subject.subject = name.from.name = id.id = language.language = bad[i];
        ok(!compose(pool, &subject) && !compose(pool, &name) && !compose(pool, &id) && !compose(pool, &language),
           "bad value %d is refused in subject, name, id and language", i);
    }
    for (int i = 0; bad_address[i]; i++) {
        cloudep_mail_t to = sample;
        cloudep_mail_t from = sample;

        to.to = from.from.address = bad_address[i];
        ok(!compose(pool, &to) && !compose(pool, &from), "bad address %d is refused", i);
    }
}

static void test_bodies(apr_pool_t *pool)
{
    cloudep_mail_t mail = sample;
    const char *long_line =
        apr_pstrcat(pool, "12345678901234567890123456789012345678901234567890123456789012345678901234",
                    ".............................................................", NULL);
    const char *text = apr_pstrcat(pool, ".dot\nFrom here\nspace \ntab\t\n--=_", sample.id,
                                   "--\n您的驗證碼：123456 = 100%\n", long_line, "\nno line end", NULL);
    const char *message;
    const char *body;

    mail.text = text;
    message = compose(pool, &mail);
    if (!ok(message != NULL, "a body with everything in it")) {
        return;
    }
    body = strstr(strstr(message, "text/plain"), "\r\n\r\n") + 4;
    is_str(decoded(pool, body), apr_pstrcat(pool, text, "\n", NULL), "comes out as it went in");
    is_int((long long)longest_line(body), 76, "no line of it is longer than 76 characters (RFC 2045, 6.7)");
    ok(!strstr(body, " \r\n") && !strstr(body, "\t\r\n"), "no line ends in white space");
    ok(!strstr(message, "\r\n."), "no line begins with a dot");
    ok(!has_bare_line_end(message), "all line ends are CRLF");
    ok(strstr(body, "=0D") == NULL && strstr(body, "123456 =3D 100%"), "ASCII stays readable");
    ok(strstr(message, "text/plain") < strstr(message, "text/html"), "the HTML comes last (RFC 2046, 5.1.4)");
    body = strstr(strstr(message, "text/html"), "\r\n\r\n") + 4;
    is_str(decoded(pool, body), sample.html, "the HTML as well");
    mail.text = "\xff";
    ok(!compose(pool, &mail), "a text that is not UTF-8 is refused");
    mail.text = "";
    ok(compose(pool, &mail) != NULL, "an empty text is not");
}

static void test_mailbox(apr_pool_t *pool)
{
    static const char *const bad[] = {"",
                                      "Ann",
                                      "Ann <ann@example.com",
                                      "Ann <ann@example.com> x",
                                      "Ann <>",
                                      "<ann>",
                                      "A\nB <ann@example.com>",
                                      "A \"B\" <ann@example.com>",
                                      "A <b@c> <ann@example.com>",
                                      NULL};
    cloudep_mailbox_t box;

    ok(cloudep_mailbox_parse(&box, pool, "ann@example.com") == APR_SUCCESS && !box.name &&
           !strcmp(box.address, "ann@example.com"),
       "a bare address");
    ok(cloudep_mailbox_parse(&box, pool, "Ann B. <ann@example.com>") == APR_SUCCESS && !strcmp(box.name, "Ann B.") &&
           !strcmp(box.address, "ann@example.com"),
       "a name and an address");
    ok(cloudep_mailbox_parse(&box, pool, "\"Ann, B\" <ann@example.com>") == APR_SUCCESS && !strcmp(box.name, "Ann, B"),
       "a quoted name");
    ok(cloudep_mailbox_parse(&box, pool, "<ann@example.com>") == APR_SUCCESS && !box.name, "only brackets");
    for (int i = 0; bad[i]; i++) {
        is_int(cloudep_mailbox_parse(&box, pool, bad[i]), CLOUDEP_EMALFORMED,
               apr_psprintf(pool, "bad mailbox %d is refused", i));
    }
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_headers(pool);
    test_long_subject(pool);
    test_injection(pool);
    test_bodies(pool);
    test_mailbox(pool);
    apr_pool_destroy(pool);
    return done_testing();
}
