/*
 * mail_fuzz.c - mails made of hostile names, addresses and texts: nothing in them starts a header or a line of its own.
 *
 * Lines: From, To, Subject, language, id, text; the rest is HTML.
 */
#include "base/text/mime.h"
#include "fuzz.h"

/* Every line ends in CRLF, none is longer than RFC 5322's limit, and the header has our fields only. */
static void check_message(const char *message, size_t length)
{
    static const char *const known[] = {"From: ",
                                        "To: ",
                                        "Subject: ",
                                        "Date: ",
                                        "Message-ID: ",
                                        "MIME-Version: ",
                                        "Content-",
                                        "Auto-Submitted",
                                        "X-Auto-Response-Suppress",
                                        "List-Unsubscribe",
                                        " "};
    int in_header = 1;

    FUZZ_CHECK(strlen(message) == length);
    while (*message) {
        const char *end = strstr(message, "\r\n");
        size_t size = end ? (size_t)(end - message) : 0;
        int ours = 0;

        FUZZ_CHECK(end && size <= 998 && !memchr(message, '\r', size) && !memchr(message, '\n', size));
        in_header = in_header && size;
        for (size_t i = 0; in_header && i < sizeof(known) / sizeof(*known); i++) {
            ours |= !strncmp(message, known[i], strlen(known[i]));
        }
        FUZZ_CHECK(!in_header || ours);
        message = end + 2;
    }
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    cloudep_mail_t mail = {.date = apr_time_from_sec(1700000000)};
    const char *from = fuzz_line(pool, &text);
    const char *message = NULL;
    apr_size_t length = 0;

    (void)size;
    if (cloudep_mailbox_parse(&mail.from, pool, from) != APR_SUCCESS) {
        mail.from.name = from;
        mail.from.address = "no-reply@example.com";
    }
    mail.to = fuzz_line(pool, &text);
    mail.subject = fuzz_line(pool, &text);
    mail.language = fuzz_line(pool, &text);
    mail.language = *mail.language ? mail.language : NULL;
    mail.id = fuzz_line(pool, &text);
    mail.text = fuzz_line(pool, &text);
    mail.html = *text ? text : NULL;
    if (cloudep_mime_compose(&message, &length, pool, &mail) == APR_SUCCESS) {
        check_message(message, length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
