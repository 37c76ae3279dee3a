/*
 * messages_test.c - the files of mails and text messages: which are found, what may stand in them, in which language a
 * message goes out, and with which values.
 */
#include <apr_general.h>
#include <errno.h>

#include "base/status.h"
#include "base/store/outbox_store.h"
#include "base/text/json.h"
#include "base/text/template.h"
#include "folder.h"
#include "outbox/messages.h"
#include "postgres.h"
#include "tap.h"

#define TARGET "ann@example.com"

static apr_pool_t *p;
static const char *installed;
static const char *error;

static const cloudep_messages_t *load(apr_status_t want, const char *from, const char *channel, const char *language,
                                      const char *name)
{
    const cloudep_messages_t *messages = NULL;
    apr_status_t rv;

    error = "";
    rv = cloudep_messages_load(&messages, p, from, installed, channel, language, &error);
    ok(rv == want, "%s: %d %s", name, rv, error);
    return messages;
}

static void is_fault(const char *said, const char *name)
{
    ok(strstr(error, said) != NULL, "%s: %s", name, error);
}

/* A file of an operator's folder with that text, and how the mails of it load; the file goes. */
static void is_file(const char *file, const char *text, apr_status_t want, const char *said, const char *name)
{
    const char *path = folder_file(file, text, 0600);

    (void)load(want, folder.path, strstr(file, "phone") ? CLOUDEP_CHANNEL_SMS : CLOUDEP_CHANNEL_MAIL, "en", name);
    if (want != APR_SUCCESS) {
        is_fault(said, apr_pstrcat(p, name, ", and is told", NULL));
    }
    (void)unlink(path);
}

static cloudep_text_t render(const cloudep_messages_t *messages, const char *message, const char *language,
                             const char *params, const char *name)
{
    cloudep_text_t text = {0};
    const json_t *json = cloudep_json_own(json_loads(params, 0, NULL), p);

    is_int(cloudep_messages_render(&text, messages, p, message, language, json, TARGET,
                                   apr_time_from_sec(1709170200) /* 2024-02-29 01:30 */),
           APR_SUCCESS, name);
    return text;
}

/* ---- Files --------------------------------------------------------------------------------------------------------
 */

#define CODE "{\"code\":\"123456\",\"minutes\":10,\"tenant_name\":\"A & B\"}"

static void test_installed(void)
{
    const cloudep_messages_t *messages = load(APR_SUCCESS, installed, CLOUDEP_CHANNEL_MAIL, "en", "those installed");

    ok(strstr(render(messages, "registration", "en", CODE, "a mail").text, "123456") != NULL, "has its code");
    (void)load(APR_SUCCESS, installed, CLOUDEP_CHANNEL_SMS, "en", "those of text messages");
    (void)load(APR_ENOENT, "/nowhere", CLOUDEP_CHANNEL_MAIL, "en", "a folder that is not there");
    is_fault("templates in /nowhere: No such file", "which is told");
}

static void test_own(void)
{
    const cloudep_messages_t *messages;
    const char *own = folder_file("registration.en.txt", "Subject: Own\n\n{{code}}\n", 0600);
    const char *german = folder_file("registration.de.txt", "Subject: Deutsch\n\n{{code}}\n", 0600);
    const char *capitals = folder_file("login_code.ZH-tw.txt", "Subject: Capitals\n\n{{code}}\n", 0600);
    const char *html = folder_file("registration.de.html", "<p>{{code}} {{tenant_name}}</p>", 0600);
    cloudep_text_t text;

    messages = load(APR_SUCCESS, folder.path, CLOUDEP_CHANNEL_MAIL, "en", "an operator's own files");
    text = render(messages, "registration", "en", CODE, "one that is there");
    is_str(text.subject, "Own", "goes before that installed");
    is_str(text.html, NULL, "whose HTML is none of it");
    text = render(messages, "registration", "de", CODE, "one in another language");
    is_str(text.subject, "Deutsch", "is taken");
    is_str(text.html, "<p>123456 A &amp; B</p>", "with its HTML, in which values are escaped");
    is_str(render(messages, "login_code", "zh-TW", CODE, "one in a language in other letters").subject, "Capitals",
           "goes before that installed, too");
    ok(strcmp(render(messages, "registration", "zh-TW", CODE, "one that is not there").subject, "Own") != 0,
       "is that installed");
    installed = "/nowhere";
    (void)load(APR_ENOENT, folder.path, CLOUDEP_CHANNEL_MAIL, "en", "a folder alone has to have all of them");
    is_fault(".en.txt is missing", "what it lacks is told");
    installed = postgres_path(p, "common/templates");
    (void)unlink(own);
    (void)unlink(german);
    (void)unlink(capitals);
    (void)unlink(html);
}

static void test_other_files(void)
{
    static const char *const others[] = {"registration.txt",    "registration.en.txt~", "registration.en.text",
                                         "registration.a+.txt", "nothing.en.txt",       "business_phone.en.txt"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *path = folder_file(others[i], "{{nonsense}}", 0600);

        (void)load(APR_SUCCESS, folder.path, CLOUDEP_CHANNEL_MAIL, "en",
                   apr_pstrcat(p, others[i], " is no file of a mail", NULL));
        (void)unlink(path);
    }
}

static void test_content(void)
{
    char *large = apr_pcalloc(p, CLOUDEP_TEMPLATE_MAX + 2);

    is_file("registration.en.txt", "Subject: S\n\nno code", CLOUDEP_EMALFORMED,
            "registration.en.txt: has no {{code}} in it", "a mail without its code is refused");
    is_file("password_changed.en.txt", "Subject: S\n\nno code", APR_SUCCESS, "", "a notice has none");
    is_file("registration.en.txt", "Subject: S\n\n{{code}} {{display_name}}", CLOUDEP_EMALFORMED,
            "registration.en.txt: line 3: unknown placeholder {{display_name}}",
            "nothing that a stranger wrote stands beside a code");
    is_file("password_reset_link.en.txt", "Subject: S\n\n{{link}} {{display_name}}", CLOUDEP_EMALFORMED,
            "unknown placeholder {{display_name}}", "nor beside the link of a reset");
    is_file("registration.en.txt", "A subject: S\n\n{{code}}\n", CLOUDEP_EMALFORMED,
            "line 1: does not begin with \"Subject:\"", "a mail without a subject is refused");
    is_file("registration.en.txt", "Subject: {{code}}", CLOUDEP_EMALFORMED, "line 1: does not begin with \"Subject:\"",
            "as is one without text");
    is_file("registration.en.txt", "Subject: \t\r\n\n{{code}}", CLOUDEP_EMALFORMED,
            "line 1: the subject is empty or not printable", "or with an empty subject");
    is_file("registration.en.txt", "Subject: a\tb\n\n{{code}}", CLOUDEP_EMALFORMED,
            "line 1: the subject is empty or not printable", "or with control characters in it");
    memset(large, 'x', CLOUDEP_TEMPLATE_MAX + 1);
    memcpy(large, "Subject: S\n\n{{code}}", 20);
    is_file("registration.en.txt", large, CLOUDEP_EMALFORMED, "longer than ", "a file that is too large is refused");
    large[CLOUDEP_TEMPLATE_MAX] = '\0';
    is_file("registration.en.txt", large, APR_SUCCESS, "", "the largest is taken");
    (void)folder_file("registration.en.txt", "Subject: S\n\n{{code}}", 0600);
    is_file("registration.en.html", "no code", CLOUDEP_EMALFORMED, "registration.en.html: has no {{code}} in it",
            "HTML without the code is refused");
    (void)unlink(folder_path("registration.en.txt"));
    is_file("business_phone.en.txt", "no code", CLOUDEP_EMALFORMED, "business_phone.en.txt: has no {{code}} in it",
            "a text message without its code is refused");
}

static void test_unreadable(void)
{
    const char *path = folder_path("registration.en.txt");

    (void)mkdir(path, 0700);
    (void)load(APR_FROM_OS_ERROR(EISDIR), folder.path, CLOUDEP_CHANNEL_MAIL, "en", "a folder in a file's place");
    is_fault("registration.en.txt: Is a directory", "is told");
    (void)rmdir(path);
}

static void test_subject(void)
{
    const char *path = folder_file("registration.en.txt",
                                   "\xef\xbb\xbfSubject:  Hello {{tenant_name}} \r\n\r\n\n{{code}}\nend\n", 0600);
    const cloudep_messages_t *messages = load(APR_SUCCESS, folder.path, CLOUDEP_CHANNEL_MAIL, "en", "a mail");
    const cloudep_text_t text = render(messages, "registration", "en", CODE, "behind a byte order mark");

    is_str(text.subject, "Hello A & B", "the subject is without white space around it, and not escaped");
    is_str(text.text, "123456\nend\n", "the text begins behind empty lines and keeps its end");
    (void)unlink(path);
}

static void test_sms(void)
{
    const char *path = folder_file("business_phone.en.txt", "{{code}} is it \r\n\n", 0600);
    const cloudep_messages_t *messages = load(APR_SUCCESS, folder.path, CLOUDEP_CHANNEL_SMS, "en", "a text message");
    const cloudep_text_t text = render(messages, "business_phone", "en", CODE, "with an end of line");

    is_str(text.text, "123456 is it", "goes without it");
    is_str(text.subject, NULL, "and without a subject");
    (void)unlink(path);
}

/* ---- Languages ----------------------------------------------------------------------------------------------------
 */

static const char *language_of(const cloudep_messages_t *messages, const char *wanted)
{
    return render(messages, "registration", wanted, CODE, apr_pstrcat(p, "for ", wanted, NULL)).language;
}

static void test_languages(void)
{
    const cloudep_messages_t *messages =
        load(APR_SUCCESS, installed, CLOUDEP_CHANNEL_MAIL, "zh-TW", "the default is zh-TW");

    is_str(language_of(messages, "en-GB"), "en", "a near language");
    is_str(language_of(messages, "fr"), "zh-TW", "the default for one that there is not");
    is_str(language_of(messages, NULL), "zh-TW", "and where none is named");
    messages = load(APR_SUCCESS, installed, CLOUDEP_CHANNEL_MAIL, "fr", "a default that there is not");
    is_str(language_of(messages, NULL), "en", "is English");
    is_str(cloudep_messages_accept(messages, p, "registration", "fr, zh-TW;q=0.9, en;q=0.8"), "zh-TW",
           "whoever asks gets what they read best");
    is_str(cloudep_messages_accept(messages, p, "nothing", "en"), NULL, "of a message that is there");
}

/* ---- Values -------------------------------------------------------------------------------------------------------
 */

static void test_values(void)
{
    const char *path = folder_file("password_changed.en.txt",
                                   "Subject: S\n\n{{display_name}}|{{target}}|{{time}}|{{tenant_name}}", 0600);
    const cloudep_messages_t *messages = load(APR_SUCCESS, folder.path, CLOUDEP_CHANNEL_MAIL, "en", "a notice");

    is_str(render(messages, "password_changed", "en", "{\"tenant_name\":\"T\",\"display_name\":\"Ann\"}", "it").text,
           "Ann|" TARGET "|2024-02-29 01:30 UTC|T", "has name, address and time");
    is_str(render(messages, "password_changed", "en", "{\"tenant_name\":\"T\"}", "where there is no name").text,
           TARGET "|" TARGET "|2024-02-29 01:30 UTC|T", "the address stands for it");
    (void)unlink(path);
}

static void is_checked(const char *channel, const char *message, const char *params, apr_status_t want,
                       const char *lacking, const char *name)
{
    const char *what = "";
    const json_t *json = cloudep_json_own(json_loads(params, JSON_ALLOW_NUL, NULL), p);

    is_int(cloudep_messages_check(channel, message, p, json, &what), want, name);
    if (want != APR_SUCCESS) {
        is_str(what, lacking, "which is named");
    }
}

static void test_check(void)
{
    static const char mail[] = CLOUDEP_CHANNEL_MAIL;

    is_checked(mail, "registration", CODE, APR_SUCCESS, "", "all that a mail needs");
    is_checked(mail, "registration", "{\"code\":\"1\",\"minutes\":10}", CLOUDEP_EDATA, "tenant_name",
               "a value that lacks");
    is_checked(mail, "registration", "{\"code\":\"1\",\"minutes\":true,\"tenant_name\":\"T\"}", CLOUDEP_EDATA,
               "minutes", "one of another kind");
    is_checked(mail, "registration", "{\"code\":\"1\\u0000\",\"minutes\":1,\"tenant_name\":\"T\"}", CLOUDEP_EDATA,
               "code", "a zero byte");
    is_checked(mail, "registration", "{\"code\":\"1\\n2\",\"minutes\":1,\"tenant_name\":\"T\"}", CLOUDEP_EDATA, "code",
               "a line's end in a value");
    is_checked(mail, "nothing", "{}", APR_NOTFOUND, "nothing", "a message that there is not");
    is_checked(CLOUDEP_CHANNEL_SMS, "registration", CODE, APR_NOTFOUND, "registration", "a mail is no text message");
    ok(cloudep_messages_needs_nothing(mail, CLOUDEP_TEMPLATE_TEST), "the mail of cloudepctl needs no values");
    ok(!cloudep_messages_needs_nothing(mail, "registration"), "another does");
    ok(!cloudep_messages_needs_nothing(mail, "nothing"), "one that there is not is no such mail");
}

#define NAMES "\"tenant_name\":\"T\""

/* What each message needs beside the tenant's name; "": no more. */
static void test_needs(void)
{
    static const struct {
        const char *needs; /* a member of params */
        const char *messages;
    } kinds[] = {
        {"\"code\":\"1\",\"minutes\":1",
         "registration password_reset reauthentication login_code business_email business_phone email_change "
         "login_phone login_sms"},
        {"", "registration_exists password_changed totp_enabled totp_disabled totp_undone totp_reset guesses_used_up "
             "backup_codes_renewed business_email_changed business_phone_changed passkey_undone email_change_taken "
             "email_changed email_undone login_phone_changed login_phone_removed login_phone_taken account_linked "
             "account_unlinked member_left"},
        {"\"link\":\"L\"", "totp_enabled_undo password_reset_link password_forgot_link member_invitation "
                           "email_changed_undo"},
        {"\"name\":\"N\"", "passkey_added passkey_removed passkey_copied"},
        {"\"name\":\"N\",\"link\":\"L\"", "passkey_added_undo"},
        {"\"remaining\":1", "backup_code_used"}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *needs = kinds[i].needs;
        const char *params = apr_pstrcat(p, "{" NAMES, *needs ? "," : "", needs, "}", NULL);
        char *rest = apr_pstrdup(p, kinds[i].messages);

        for (char *name = apr_strtok(rest, " ", &rest); name; name = apr_strtok(NULL, " ", &rest)) {
            const char *channel =
                !strncmp(name, "login_sms", 9) || !strcmp(name, "login_phone") || !strcmp(name, "business_phone")
                    ? CLOUDEP_CHANNEL_SMS
                    : CLOUDEP_CHANNEL_MAIL;
            const char *first = apr_pstrmemdup(p, needs + (*needs != 0), strcspn(needs + (*needs != 0), "\""));

            is_checked(channel, name, params, APR_SUCCESS, "", name);
            if (*needs) {
                is_checked(channel, name, "{" NAMES "}", CLOUDEP_EDATA, first, "and no less");
            }
        }
    }
}

static void test_not_rendered(void)
{
    const cloudep_messages_t *messages = load(APR_SUCCESS, installed, CLOUDEP_CHANNEL_MAIL, "en", "mails");
    const json_t *json = cloudep_json_own(json_loads(CODE, 0, NULL), p);
    cloudep_text_t text;

    is_int(cloudep_messages_render(&text, messages, p, "nothing", "en", json, TARGET, 0), APR_NOTFOUND,
           "a message that there is not is not rendered");
    is_int(cloudep_messages_render(&text, messages, p, "business_phone", "en", json, TARGET, 0), APR_NOTFOUND,
           "nor a text message as a mail");
    is_int(cloudep_messages_render(&text, messages, p, "registration", "en", json, "a\nb", 0), CLOUDEP_EDATA,
           "nor to an address of two lines");
    is_int(cloudep_messages_render(&text, messages, p, CLOUDEP_TEMPLATE_TEST, "en", NULL, TARGET, 0), APR_SUCCESS,
           "the mail of cloudepctl is, without values");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    folder_make(p);
    installed = postgres_path(p, "common/templates");
    test_installed();
    test_own();
    test_other_files();
    test_content();
    test_unreadable();
    test_subject();
    test_sms();
    test_languages();
    test_values();
    test_check();
    test_needs();
    test_not_rendered();
    folder_remove();
    return done_testing();
}
