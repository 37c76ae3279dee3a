/*
 * messages.c - finds, loads and renders the texts of mails and SMS.
 *
 * The files are read once, in check_config: a mistake in one stops the start, not a member's code on its way.
 */
#include "outbox/messages.h"

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include "base/store/outbox_store.h"
#include "base/text/accept.h"
#include "base/text/language.h"
#include "base/text/template.h"
#include "base/text/validate.h"
#include "core/kept_files.h"

/* What a message may say. Codes go to addresses nobody has confirmed, so nothing a stranger wrote may stand there. */
static const char *const code_names[] = {"code", "minutes", "tenant_name", "target", "time", NULL};
static const char *const notice_names[] = {"tenant_name", "display_name", "target", "time", NULL};
static const char *const named_names[] = {"tenant_name", "display_name", "name", "target", "time", NULL};
static const char *const named_link_names[] = {"tenant_name", "display_name", "name", "link", "target", "time", NULL};
static const char *const link_names[] = {"tenant_name", "display_name", "link", "target", "time", NULL};
static const char *const reset_names[] = {"tenant_name", "link", "target", "time", NULL};
static const char *const used_names[] = {"tenant_name", "display_name", "remaining", "target", "time", NULL};
/* Written by the operator's tool, which has no key to seal params with. */
static const char *const test_names[] = {"target", "time", NULL};
#define NAMES_MAX 7

typedef struct message_t {
    const char *name;
    const char *channel;
    const char *const *names; /* code_names: it has to tell the code */
} message_t;

static const message_t known[] = {
    {"registration", CLOUDEP_CHANNEL_MAIL, code_names},
    {"password_reset", CLOUDEP_CHANNEL_MAIL, code_names},
    {"reauthentication", CLOUDEP_CHANNEL_MAIL, code_names},
    {"login_code", CLOUDEP_CHANNEL_MAIL, code_names},
    {"business_email", CLOUDEP_CHANNEL_MAIL, code_names},
    {"business_phone", CLOUDEP_CHANNEL_SMS, code_names},
    {"email_change", CLOUDEP_CHANNEL_MAIL, code_names},
    {"login_phone", CLOUDEP_CHANNEL_SMS, code_names},
    {"login_sms", CLOUDEP_CHANNEL_SMS, code_names},
    {"registration_exists", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"password_changed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"totp_enabled", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"totp_enabled_undo", CLOUDEP_CHANNEL_MAIL, link_names},
    {"totp_disabled", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"totp_undone", CLOUDEP_CHANNEL_MAIL, notice_names},
    {CLOUDEP_TEMPLATE_TOTP_RESET, CLOUDEP_CHANNEL_MAIL, notice_names},
    {CLOUDEP_TEMPLATE_RESET_LINK, CLOUDEP_CHANNEL_MAIL, reset_names},
    {CLOUDEP_TEMPLATE_FORGOT_LINK, CLOUDEP_CHANNEL_MAIL, reset_names},
    {"guesses_used_up", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"backup_codes_renewed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"backup_code_used", CLOUDEP_CHANNEL_MAIL, used_names},
    {CLOUDEP_TEMPLATE_INVITATION, CLOUDEP_CHANNEL_MAIL, link_names},
    {"business_email_changed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"business_phone_changed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"passkey_added", CLOUDEP_CHANNEL_MAIL, named_names},
    {"passkey_added_undo", CLOUDEP_CHANNEL_MAIL, named_link_names},
    {"passkey_undone", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"passkey_removed", CLOUDEP_CHANNEL_MAIL, named_names},
    {"passkey_copied", CLOUDEP_CHANNEL_MAIL, named_names},
    {"email_change_taken", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"email_changed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"email_changed_undo", CLOUDEP_CHANNEL_MAIL, link_names},
    {"email_undone", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"login_phone_changed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"login_phone_removed", CLOUDEP_CHANNEL_MAIL, notice_names},
    {CLOUDEP_TEMPLATE_LOGIN_PHONE_TAKEN, CLOUDEP_CHANNEL_MAIL, notice_names},
    {"account_linked", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"account_unlinked", CLOUDEP_CHANNEL_MAIL, notice_names},
    {"member_left", CLOUDEP_CHANNEL_MAIL, notice_names},
    {CLOUDEP_TEMPLATE_TEST, CLOUDEP_CHANNEL_MAIL, test_names},
    {NULL, NULL, NULL},
};

/* One message in one language. */
typedef struct version_t {
    const char *language;
    const cloudep_template_t *subject; /* NULL in an SMS */
    const cloudep_template_t *text;
    const cloudep_template_t *html; /* or NULL */
} version_t;

struct cloudep_messages_t {
    const char *channel;
    const char *default_language;
    apr_hash_t *versions; /* message -> array of version_t *, one for each of its languages */
};

static const message_t *find_message(const char *channel, const char *name)
{
    for (const message_t *message = known; message->name; message++) {
        if (!strcmp(message->name, name) && !strcmp(message->channel, channel)) {
            return message;
        }
    }
    return NULL;
}

/* ---- Loading -------------------------------------------------------------------------------------------- */

/* A whole file; APR_ENOENT when there is none. */
static apr_status_t read_file(const char **text, apr_size_t *len, apr_pool_t *pool, const char *path)
{
    apr_file_t *file;
    char *bytes;
    apr_status_t rv;

    if (cloudep_kept_get(text, len, pool, path)) {
        return *text ? APR_SUCCESS : APR_ENOENT;
    }
    rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bytes = apr_palloc(pool, CLOUDEP_TEMPLATE_MAX + 2);
    rv = apr_file_read_full(file, bytes, CLOUDEP_TEMPLATE_MAX + 1, len);
    (void)apr_file_close(file);
    bytes[*len] = 0;
    *text = bytes;
    if (*len >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3)) { /* some editors begin a file with this mark */
        *text += 3;
        *len -= 3;
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return rv;
    }
    cloudep_kept_put(pool, path, *text, *len);
    return APR_SUCCESS;
}

/* Reads and parses one file. APR_ENOENT: there is none, nothing is said. */
static apr_status_t load_file(const cloudep_template_t **template, const char **source, apr_size_t *len,
                              apr_pool_t *pool, const char *path, const char *const *names, const char **error)
{
    const char *fault;
    char reason[128];
    apr_status_t rv = read_file(source, len, pool, path);

    if (APR_STATUS_IS_ENOENT(rv)) {
        return rv;
    }
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pool, "%s: %s", path, apr_strerror(rv, reason, sizeof(reason)));
        return rv;
    }
    rv = cloudep_template_parse(template, pool, *source, *len, names, &fault);
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pool, "%s: %s", path, fault);
        return rv;
    }
    if (names == code_names && !cloudep_template_uses(*template, 0)) {
        *error = apr_psprintf(pool, "%s: has no {{code}} in it", path);
        return CLOUDEP_EMALFORMED;
    }
    return APR_SUCCESS;
}

/* Takes "Subject: ..." and the empty line behind it off a mail. The whole has been parsed, so its parts are right. */
static apr_status_t split_subject(version_t *version, apr_pool_t *pool, const char *source, apr_size_t len,
                                  const char *path, const char *const *names, const char **error)
{
    static const char label[] = "Subject:";
    const char *end = memchr(source, '\n', len);
    const char *first = source + sizeof(label) - 1;
    const char *last = end;
    apr_status_t rv;

    if (!end || strncmp(source, label, sizeof(label) - 1)) {
        *error = apr_psprintf(pool, "%s: line 1: does not begin with \"Subject:\"", path);
        return CLOUDEP_EMALFORMED;
    }
    while (first < last && apr_isspace(*first)) {
        first++;
    }
    while (last > first && apr_isspace(last[-1])) {
        last--;
    }
    if (first == last || !cloudep_is_printable(apr_pstrmemdup(pool, first, (apr_size_t)(last - first)))) {
        *error = apr_psprintf(pool, "%s: line 1: the subject is empty or not printable", path);
        return CLOUDEP_EMALFORMED;
    }
    for (end++; *end == '\r' || *end == '\n'; end++) {
    }
    rv = cloudep_template_parse(&version->subject, pool, first, (apr_size_t)(last - first), names, error);
    if (rv == APR_SUCCESS) {
        rv = cloudep_template_parse(&version->text, pool, end, len - (apr_size_t)(end - source), names, error);
    }
    return rv;
}

static apr_status_t load_version(cloudep_messages_t *messages, apr_pool_t *pool, const char *folder,
                                 const message_t *message, const char *language, const char **error)
{
    version_t *version = apr_pcalloc(pool, sizeof(*version));
    const char *base = apr_pstrcat(pool, folder, "/", message->name, ".", language, NULL);
    const char *path = apr_pstrcat(pool, base, ".txt", NULL);
    apr_array_header_t *versions;
    const char *source;
    apr_size_t len;
    apr_status_t rv = load_file(&version->text, &source, &len, pool, path, message->names, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    version->language = language;
    if (!strcmp(message->channel, CLOUDEP_CHANNEL_SMS)) {
        for (; len && apr_isspace(source[len - 1]); len--) { /* the end of the file's last line costs a character */
        }
        rv = cloudep_template_parse(&version->text, pool, source, len, message->names, error);
    }
    else {
        rv = split_subject(version, pool, source, len, path, message->names, error);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        path = apr_pstrcat(pool, base, ".html", NULL);
        rv = load_file(&version->html, &source, &len, pool, path, message->names, error);
        if (rv != APR_SUCCESS && !APR_STATUS_IS_ENOENT(rv)) {
            return rv;
        }
        rv = APR_SUCCESS;
    }
    if ((versions = apr_hash_get(messages->versions, message->name, APR_HASH_KEY_STRING)) == NULL) {
        versions = apr_array_make(pool, 2, sizeof(const version_t *));
        apr_hash_set(messages->versions, message->name, APR_HASH_KEY_STRING, versions);
    }
    APR_ARRAY_PUSH(versions, const version_t *) = version;
    return rv;
}

/* The message and the language that a file name stands for; NULL: another kind of file. */
static const message_t *parse_file_name(const char **language, apr_pool_t *pool, const char *channel, const char *file)
{
    const char *dot = strchr(file, '.');
    const char *end = strrchr(file, '.');

    if (!dot || dot == end || strcmp(end, ".txt")) {
        return NULL;
    }
    *language = apr_pstrmemdup(pool, dot + 1, (apr_size_t)(end - dot - 1));
    return cloudep_is_id(*language) ? find_message(channel, apr_pstrmemdup(pool, file, (apr_size_t)(dot - file)))
                                    : NULL;
}

static const version_t *find_version(const cloudep_messages_t *messages, apr_pool_t *pool, const char *name,
                                     const char *language);

/* The names of the files in a folder. */
static apr_status_t read_folder(apr_array_header_t **names, apr_pool_t *pool, const char *folder, const char **error)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    char reason[128];
    apr_status_t rv;

    if (cloudep_kept_in_use(pool)) {
        *names = cloudep_kept_names(pool, folder);
        return APR_SUCCESS;
    }
    rv = apr_dir_open(&dir, folder, pool);
    if (rv != APR_SUCCESS) {
        *error = apr_psprintf(pool, "templates in %s: %s", folder, apr_strerror(rv, reason, sizeof(reason)));
        return rv;
    }
    *names = apr_array_make(pool, 64, sizeof(const char *));
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        APR_ARRAY_PUSH(*names, const char *) = apr_pstrdup(pool, entry.name);
    }
    return apr_dir_close(dir);
}

/* Whether a message is there in that very language. */
static int has_version(const cloudep_messages_t *messages, const message_t *message, const char *language)
{
    const apr_array_header_t *versions = apr_hash_get(messages->versions, message->name, APR_HASH_KEY_STRING);

    for (int i = 0; versions && i < versions->nelts; i++) {
        if (!strcasecmp(APR_ARRAY_IDX(versions, i, const version_t *)->language, language)) {
            return 1;
        }
    }
    return 0;
}

/* Loads of a folder what is not there yet. */
static apr_status_t load_folder(cloudep_messages_t *messages, apr_pool_t *pool, const char *folder, const char **error)
{
    apr_array_header_t *names;
    const char *language;
    apr_status_t rv = read_folder(&names, pool, folder, error);

    for (int i = 0; rv == APR_SUCCESS && i < names->nelts; i++) {
        const message_t *message =
            parse_file_name(&language, pool, messages->channel, APR_ARRAY_IDX(names, i, const char *));

        if (message && !has_version(messages, message, language)) {
            rv = load_version(messages, pool, folder, message, language, error);
        }
    }
    return rv;
}

apr_status_t cloudep_messages_load(const cloudep_messages_t **out, apr_pool_t *pool, const char *folder,
                                   const char *installed, const char *channel, const char *default_language,
                                   const char **error)
{
    cloudep_messages_t *messages = apr_pcalloc(pool, sizeof(*messages));
    apr_status_t rv;

    messages->channel = channel;
    messages->default_language = default_language;
    messages->versions = apr_hash_make(pool);
    rv = load_folder(messages, pool, folder, error);
    if (rv == APR_SUCCESS && strcmp(folder, installed) != 0) {
        rv = load_folder(messages, pool, installed, error);
        rv = APR_STATUS_IS_ENOENT(rv) ? APR_SUCCESS : rv; /* then the folder itself has to have everything */
    }
    for (const message_t *message = known; rv == APR_SUCCESS && message->name; message++) {
        /* A folder of an earlier version has no test. */
        if (!strcmp(message->channel, channel) && message->names != test_names &&
            !find_version(messages, pool, message->name, NULL)) {
            *error = apr_psprintf(pool, "templates in %s: %s.en.txt is missing", folder, message->name);
            rv = APR_ENOENT;
        }
    }
    *out = messages;
    return rv;
}

/* ---- Language ------------------------------------------------------------------------------------------- */

/* The languages of versions, ended by NULL. */
static const char **languages_of(const apr_array_header_t *versions, apr_pool_t *pool)
{
    const char **languages = apr_pcalloc(pool, ((apr_size_t)versions->nelts + 1) * sizeof(*languages));

    for (int i = 0; i < versions->nelts; i++) {
        languages[i] = APR_ARRAY_IDX(versions, i, const version_t *)->language;
    }
    return languages;
}

const char *cloudep_messages_accept(const cloudep_messages_t *messages, apr_pool_t *pool, const char *name,
                                    const char *header)
{
    const apr_array_header_t *versions = apr_hash_get(messages->versions, name, APR_HASH_KEY_STRING);

    return versions ? cloudep_accept_language(header, languages_of(versions, pool)) : NULL;
}

/* The version in the language nearest to the one that is wanted. */
static const version_t *look_up(const apr_array_header_t *versions, apr_pool_t *pool, const char *wanted)
{
    const char **languages = languages_of(versions, pool);
    const char *nearest = cloudep_language_nearest(wanted, languages, pool);

    for (int i = 0; nearest && i < versions->nelts; i++) {
        if (languages[i] == nearest) {
            return APR_ARRAY_IDX(versions, i, const version_t *);
        }
    }
    return NULL;
}

static const version_t *find_version(const cloudep_messages_t *messages, apr_pool_t *pool, const char *name,
                                     const char *language)
{
    const apr_array_header_t *versions = apr_hash_get(messages->versions, name, APR_HASH_KEY_STRING);
    const char *const wanted[] = {language, messages->default_language, "en"};

    for (int i = 0; versions && i < 3; i++) {
        const version_t *version = wanted[i] ? look_up(versions, pool, wanted[i]) : NULL;

        if (version) {
            return version;
        }
    }
    return NULL;
}

/* ---- Rendering ------------------------------------------------------------------------------------------ */

static const char *format_time(apr_pool_t *pool, apr_time_t created)
{
    apr_time_exp_t t;

    (void)apr_time_exp_gmt(&t, created);
    return apr_psprintf(pool, "%04d-%02d-%02d %02d:%02d UTC", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                        t.tm_min);
}

static const char *param(const json_t *params, const char *name, apr_pool_t *pool)
{
    const json_t *value = json_object_get(params, name);

    if (json_is_integer(value)) {
        return apr_psprintf(pool, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    /* A text with a zero byte in it is none. */
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)
               ? apr_pstrdup(pool, json_string_value(value))
               : NULL;
}

/* The values in the order of the message's names. */
static apr_status_t make_values(const char **values, const message_t *message, apr_pool_t *pool, const json_t *params,
                                const char *target, apr_time_t created, const char **lacking)
{
    for (int i = 0; message->names[i]; i++) {
        const char *name = message->names[i];

        if (!strcmp(name, "target")) {
            values[i] = target;
        }
        else if (!strcmp(name, "time")) {
            values[i] = format_time(pool, created);
        }
        else {
            values[i] = param(params, name, pool);
        }
        /* A member without a name is called by their address. */
        if (!values[i] && !strcmp(name, "display_name")) {
            values[i] = target;
        }
        if (!values[i] || !cloudep_is_printable(values[i])) {
            *lacking = name;
            return CLOUDEP_EDATA;
        }
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_messages_check(const char *channel, const char *name, apr_pool_t *pool, const json_t *params,
                                    const char **lacking)
{
    const char *values[NAMES_MAX];
    const message_t *message = find_message(channel, name);

    *lacking = name;
    return message ? make_values(values, message, pool, params, "", 0, lacking) : APR_NOTFOUND;
}

int cloudep_messages_needs_nothing(const char *channel, const char *name)
{
    const message_t *message = find_message(channel, name);

    return message && message->names == test_names;
}

apr_status_t cloudep_messages_render(cloudep_text_t *out, const cloudep_messages_t *messages, apr_pool_t *pool,
                                     const char *name, const char *language, const json_t *params, const char *target,
                                     apr_time_t created)
{
    const char *values[NAMES_MAX];
    const char *lacking;
    const message_t *message = find_message(messages->channel, name);
    const version_t *version = message ? find_version(messages, pool, name, language) : NULL;
    cloudep_text_t text = {0};
    apr_status_t rv;

    if (!version) {
        return APR_NOTFOUND;
    }
    text.language = version->language;
    rv = make_values(values, message, pool, params, target, created, &lacking);
    if (rv == APR_SUCCESS && version->subject) {
        rv = cloudep_template_render(&text.subject, pool, version->subject, CLOUDEP_ESCAPE_TEXT, values);
    }
    if (rv == APR_SUCCESS) {
        rv = cloudep_template_render(&text.text, pool, version->text, CLOUDEP_ESCAPE_TEXT, values);
    }
    if (rv == APR_SUCCESS && version->html) {
        rv = cloudep_template_render(&text.html, pool, version->html, CLOUDEP_ESCAPE_HTML, values);
    }
    *out = text;
    return rv;
}
