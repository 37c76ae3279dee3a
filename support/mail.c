/*
 * mail.c - mails and SMS that wait, or were given up: listing, hurrying, and a test mail.
 */
#include "cloudepctl.h"

#include <apr_time.h>
#include <string.h>
#include "base/store/outbox_store.h"
#include "base/text/email.h"
#include "base/text/validate.h"

#define WAIT_MAX 600 /* s; a test mail lives as long */
#define LOOK_EVERY apr_time_from_msec(200)

static const cloudepctl_column_t columns[] = {
    {"id", "ID"},       {"channel", "CHANNEL"},   {"template", "TEMPLATE"}, {"target", "TO"},
    {"state", "STATE"}, {"age_seconds", "AGE/S"}, {"attempts", "ATTEMPTS"}, {"last_error", "LAST ERROR"},
    {NULL, NULL}};

int cloudepctl_outbox(cloudepctl_t *ctl, const char **outbox)
{
    *outbox = cloudepctl_option(ctl, "outbox");
    if (*outbox && (!**outbox || !cloudep_is_printable(*outbox) || strlen(*outbox) > CLOUDEP_OUTBOX_NAME_MAX)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE,
                               "--outbox must be a CloudEPOutbox or a virtual host's ServerName");
    }
    return CLOUDEPCTL_DONE;
}

static int is_message_id(const char *text)
{
    return cloudep_is_uuid(text);
}

static const cloudepctl_list_t messages = {
    .name = "messages",
    .columns = columns,
    .record = &cloudep_operator_message_record,
    .cursor = "id",
    .is_cursor = is_message_id,
    .cursor_name = "a message's id",
    .read = cloudep_operator_outbox_list,
};

static int list(cloudepctl_t *ctl)
{
    const char *outbox;
    const int code = cloudepctl_outbox(ctl, &outbox);

    return code ? code : cloudepctl_list(ctl, &messages);
}

static int read_message(cloudepctl_t *ctl, cloudep_operator_message_t *message, const char *id)
{
    const apr_status_t rv = cloudep_operator_outbox_show(&ctl->db, ctl->pool, message, id);

    if (rv == APR_NOTFOUND) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_NOT_FOUND, "no message %s", id);
    }
    return rv == APR_SUCCESS ? CLOUDEPCTL_DONE : cloudepctl_database_failed(ctl, rv);
}

static int is_delivered(const cloudep_operator_message_t *message)
{
    return !strcmp(message->state, CLOUDEP_OPERATOR_DELIVERED);
}

static int is_given_up(const cloudep_operator_message_t *message)
{
    return !strcmp(message->state, CLOUDEP_OPERATOR_GIVEN_UP);
}

/* ---- Retry ---------------------------------------------------------------------------------------------- */

/* Why a message cannot be hurried, if it cannot: one whose end is written down has lost its content. */
static int check_hurry(cloudepctl_t *ctl, const char *id)
{
    cloudep_operator_message_t message;
    const int code = read_message(ctl, &message, id);

    if (code) {
        return code;
    }
    if (is_delivered(&message)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "message %s is delivered", id);
    }
    if (is_given_up(&message)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                               "message %s was given up and its content erased: have a new one sent", id);
    }
    return CLOUDEPCTL_DONE;
}

static int retry_messages(cloudepctl_t *ctl)
{
    const char *id = cloudepctl_option(ctl, "id");
    const int all = cloudepctl_option(ctl, "all") != NULL;
    const char *outbox;
    json_t *result;
    int count;
    int code;
    apr_status_t rv;

    if ((id != NULL) == all) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "give one of --id and --all");
    }
    if (id && !is_message_id(id)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--id must be a message's id");
    }
    if ((code = cloudepctl_outbox(ctl, &outbox)) || (id && (code = check_hurry(ctl, id)))) {
        return code;
    }
    rv = cloudep_operator_outbox_retry(&ctl->db, ctl->pool, &count, id, all, outbox);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    result = cloudepctl_own(ctl, json_object());
    (void)json_object_set_new(result, "messages_hurried", json_integer(count));
    return cloudepctl_print_done(ctl, "outbox", result, "%d message%s made due now; others are due within a minute",
                                 count, count == 1 ? "" : "s");
}

/* ---- Test ----------------------------------------------------------------------------------------------- */

/* Waits until the message has come to its end, or the time is over. */
static int wait_for_end(cloudepctl_t *ctl, cloudep_operator_message_t *message, int seconds)
{
    const apr_time_t deadline = apr_time_now() + apr_time_from_sec(seconds);
    int code = CLOUDEPCTL_DONE;

    while (!code && !is_delivered(message) && !is_given_up(message) && apr_time_now() < deadline) {
        apr_sleep(LOOK_EVERY);
        code = read_message(ctl, message, message->id);
    }
    return code;
}

static int tell_end(cloudepctl_t *ctl, const cloudep_operator_message_t *message, int seconds)
{
    if (is_delivered(message)) {
        return cloudepctl_print_done(ctl, "message", cloudepctl_json(ctl, &cloudep_operator_message_record, message),
                                     "mail %s to %s was taken by the mail server", message->id, message->target);
    }
    if (is_given_up(message)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED, "mail %s was given up: %s", message->id, message->last_error);
    }
    return cloudepctl_fail(
        ctl, CLOUDEPCTL_REFUSED, "mail %s was not delivered within %d seconds: %s", message->id, seconds,
        message->last_error ? message->last_error : "no worker has tried it; is an httpd of this outbox running?");
}

/* A name that nobody goes by is mistyped more often than early. */
static int check_worker(cloudepctl_t *ctl, const char *outbox)
{
    int count = 1;
    apr_status_t rv = outbox ? cloudep_operator_outbox_workers(&ctl->db, ctl->pool, &count, outbox) : APR_SUCCESS;

    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    return count ? CLOUDEPCTL_DONE
                 : cloudepctl_fail(ctl, CLOUDEPCTL_REFUSED,
                                   "no httpd with the outbox %s has been there for five minutes; nothing was written",
                                   outbox);
}

static int test(cloudepctl_t *ctl)
{
    const char *to = cloudepctl_option(ctl, "to");
    const char *language;
    const char *outbox;
    const char *reason;
    cloudep_operator_message_t message;
    int seconds = 0;
    int code;
    apr_status_t rv;

    if ((code = cloudepctl_outbox(ctl, &outbox)) ||
        (code = cloudepctl_option_number(ctl, &seconds, "wait", 1, WAIT_MAX))) {
        return code;
    }
    if (cloudep_normalize_email(&to, &reason, to, ctl->pool) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--to %s", reason);
    }
    if ((code = cloudepctl_language(ctl, &language)) || (code = check_worker(ctl, outbox))) {
        return code;
    }
    rv = cloudep_operator_outbox_test(&ctl->db, ctl->pool, &message, outbox, to, language);
    if (rv != APR_SUCCESS) {
        return cloudepctl_database_failed(ctl, rv);
    }
    if (!seconds) {
        return cloudepctl_print_done(ctl, "message", cloudepctl_json(ctl, &cloudep_operator_message_record, &message),
                                     "mail %s to %s is on its way", message.id, to);
    }
    code = wait_for_end(ctl, &message, seconds);
    return code ? code : tell_end(ctl, &message, seconds);
}

#define OUTBOX_OPTION(help)                                                                                            \
    {                                                                                                                  \
        "outbox", "NAME", help, 0                                                                                      \
    }
static const cloudepctl_option_t list_options[] = {{"tenant", "SLUG", "only this tenant's", 0},
                                                   OUTBOX_OPTION("only those of this CloudEPOutbox"),
                                                   {"all", NULL, "those that were delivered, too", 0},
                                                   CLOUDEPCTL_PAGE_OPTIONS,
                                                   {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t retry_options[] = {{"id", "ID", "this message, or", 0},
                                                    {"all", NULL, "every one that was put off", 0},
                                                    OUTBOX_OPTION("only those of this CloudEPOutbox"),
                                                    {NULL, NULL, NULL, 0}};
static const cloudepctl_option_t test_options[] = {
    {"to", "ADDRESS", "where the mail goes", CLOUDEPCTL_REQUIRED},
    OUTBOX_OPTION("as the server of this CloudEPOutbox sends it (default: the main server)"),
    {"language", "TAG", "en, zh-TW, ... (default: CloudEPDefaultLanguage)", 0},
    {"wait", "SECONDS", "wait until the mail server has taken it, 1 to 600", 0},
    {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_mail_commands[] = {
    {"mail", "list", "Lists mails and SMS that are not delivered, newest first, and why.", list_options,
     "States: waiting (not tried yet), put off (it will be tried again), given up, delivered.\n",
     "  cloudepctl mail list\n"
     "  cloudepctl mail list --outbox shop.example.com --json\n",
     list},
    {"mail", "retry", "Makes messages that were put off due now.", retry_options,
     "What is due within a minute anyway is left alone. What was given up has lost its content and cannot be sent.\n",
     "  cloudepctl mail retry --all\n", retry_messages},
    {"mail", "test", "Has httpd send a test mail, through its outbox.", test_options,
     "httpd makes the text (template \"test\") and sends it as any other mail. With --wait the exit code is 0 only "
     "when\n"
     "the mail server has taken it; what it said otherwise is told.\n",
     "  cloudepctl mail test --to you@example.com --wait 30\n", test},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
