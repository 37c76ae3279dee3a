/*
 * portal_files.c - whether an operator's own files of the account pages can be used (doc/portal.md).
 *
 * The pages show the default in place of a file that cannot be used, and say so to whoever looks. This finds it before.
 */
#include "cloudepctl.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>
#include "base/status.h"
#include "base/text/json.h"

#define OWN "custom/"             /* what the folder is in the addresses of the pages */
#define LARGEST_FILE (256 * 1024) /* bytes */

typedef struct look_t {
    apr_pool_t *p;
    const char *folder;
    cloudepctl_finding_fn *found;
    void *baton;
    int faults;
} look_t;

static void fault(look_t *look, const char *file, const char *why)
{
    look->faults++;
    look->found(look->baton, "bad", apr_pstrcat(look->p, look->folder, "/", file, ": ", why, NULL));
}

/* ---- What a setting of portal.json looks like; portal/state.js has the same list ---- */

static int is_text(json_t *value)
{
    return json_is_string(value);
}

static int is_switch(json_t *value)
{
    return json_is_boolean(value);
}

static int are_texts(json_t *value)
{
    const char *name;
    json_t *one;

    json_object_foreach(value, name, one)
    {
        if (!json_is_string(one)) {
            return 0;
        }
    }
    return json_is_object(value);
}

static int are_languages(json_t *value)
{
    size_t i;
    json_t *one;

    json_array_foreach(value, i, one)
    {
        if (!json_is_string(one) || (strcmp(json_string_value(one), "en") && strcmp(json_string_value(one), "zh-TW"))) {
            return 0;
        }
    }
    return json_is_array(value) && json_array_size(value) > 0;
}

static int are_providers(json_t *value)
{
    size_t i;
    json_t *one;

    json_array_foreach(value, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        const json_t *name = json_object_get(one, "name");

        if (!id || !*id || (name && !json_is_string(name))) {
            return 0;
        }
    }
    return json_is_array(value);
}

static const struct {
    const char *name;
    int (*fits)(json_t *value);
} settings[] = {
    {"name", is_text},
    {"tenant", is_text},
    {"languages", are_languages},
    {"api", is_text},
    {"logo", is_text},
    {"texts", are_texts},
    {"registration", is_switch},
    {"terms", are_texts},
    {"marketing", is_switch},
    {"codeLogin", is_switch},
    {"passkeys", is_switch},
    {"loginPhone", is_switch},
    {"providers", are_providers},
    {"help", is_text},
    {"xsrf", are_texts},
};

static void check_setting(look_t *look, const char *file, const char *name, json_t *value)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (!strcmp(settings[i].name, name)) {
            if (!settings[i].fits(value)) {
                fault(look, file, apr_pstrcat(look->p, name, " cannot have this value", NULL));
            }
            return;
        }
    }
    look->found(look->baton, "doubtful",
                apr_pstrcat(look->p, look->folder, "/", file, ": there is no setting ", name, NULL));
}

/* ---- The files ---- */

/* The text of a file; NULL after a fault. */
static const char *read_text(look_t *look, const char *name)
{
    char why[128];
    apr_file_t *file;
    char *text = apr_pcalloc(look->p, LARGEST_FILE + 1);
    apr_size_t length = LARGEST_FILE + 1;
    apr_status_t rv = apr_file_open(&file, apr_pstrcat(look->p, look->folder, "/", name, NULL),
                                    APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, look->p);

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, text, length, &length);
        (void)apr_file_close(file);
        if (APR_STATUS_IS_EOF(rv)) {
            text[length] = '\0';
            return text;
        }
    }
    fault(look, name, rv == APR_SUCCESS ? "it is too large" : apr_strerror(rv, why, sizeof(why)));
    return NULL;
}

/* The object in a file; NULL after a fault. */
static json_t *read_object(look_t *look, const char *name)
{
    const char *text = read_text(look, name);
    const char *reason;
    json_t *object = NULL;

    if (text && cloudep_json_parse(&object, &reason, text, strlen(text), look->p) != APR_SUCCESS) {
        fault(look, name, reason);
    }
    return object;
}

/* The name of a file in the folder, of its address in the pages; NULL: it is elsewhere. */
static const char *own_file(const char *address)
{
    return address && !strncmp(address, OWN, strlen(OWN)) ? address + strlen(OWN) : NULL;
}

static void check_settings(look_t *look)
{
    json_t *given = read_object(look, "portal.json");
    const char *name, *logo, *file;
    json_t *value;

    json_object_foreach(given, name, value)
    {
        check_setting(look, "portal.json", name, value);
    }
    logo = own_file(json_string_value(json_object_get(given, "logo")));
    if (logo) {
        (void)read_text(look, logo);
    }
    json_object_foreach(json_object_get(given, "texts"), name, value)
    {
        file = own_file(json_string_value(value));
        if (file && !are_texts(value = read_object(look, file)) && value) {
            fault(look, file, "not all of it is text");
        }
    }
}

/* What a browser would pass over without a word is found as far as braces and comments show it. */
static const char *theme_fault(const char *text)
{
    int open = 0;

    for (const char *at = text; *at; at++) {
        if (!strncmp(at, "/*", 2)) {
            at = strstr(at + 2, "*/");
            if (!at) {
                return "a comment has no end";
            }
            at++;
        }
        open += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        if (open < 0) {
            break;
        }
    }
    return open ? "it has not as many { as }" : NULL;
}

int cloudepctl_check_portal(apr_pool_t *p, const char *folder, cloudepctl_finding_fn *found, void *baton)
{
    look_t look = {.p = p, .folder = folder, .found = found, .baton = baton};
    const char *theme, *why;

    check_settings(&look);
    theme = read_text(&look, "theme.css");
    why = theme ? theme_fault(theme) : NULL;
    if (why) {
        fault(&look, "theme.css", why);
    }
    return look.faults;
}
