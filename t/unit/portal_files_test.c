/*
 * portal_files_test.c - an operator's own files of the account pages: each setting, what the files may hold, and what
 * of them is told.
 */
#include <apr_general.h>

#include "folder.h"
#include "../../support/cloudepctl.h"
#include "tap.h"

#define LARGEST (256 * 1024)

static apr_pool_t *p;
static const char *told; /* findings, " | " between two; without the folder */

static void note(void *baton, const char *state, const char *message)
{
    const size_t length = strlen(folder.path) + 1;

    (void)baton;
    told = apr_pstrcat(p, told, *told ? " | " : "", state, " ", strlen(message) > length ? message + length : message,
                       NULL);
}

/* What is told of the files as they are, and how many faults they have. */
static void is_told(int faults, const char *want, const char *name)
{
    told = "";
    is_int(cloudepctl_check_portal(p, folder.path, note, NULL), faults, apr_pstrcat(p, name, ": faults", NULL));
    is_str(told, want, name);
}

static void settings(const char *text)
{
    (void)folder_file("portal.json", text, 0600);
}

/* Each setting with a value that it can have, and with one that it cannot. */
static void test_settings(void)
{
    static const struct {
        const char *name, *good, *bad;
    } cases[] = {
        {"name", "\"x\"", "7"},
        {"tenant", "\"x\"", "7"},
        {"languages", "[\"zh-TW\", \"en\"]", "[\"en\", \"de\"]"},
        {"languages", "[\"en\"]", "[]"},
        {"languages", "[\"en\"]", "[7]"},
        {"languages", "[\"en\"]", "\"en\""},
        {"api", "\"x\"", "true"},
        {"logo", "\"x\"", "7"},
        {"texts", "{\"en\": \"x\"}", "{\"en\": 7}"},
        {"texts", "{}", "[]"},
        {"registration", "false", "\"false\""},
        {"terms", "{\"version\": \"1\"}", "{\"version\": 1}"},
        {"marketing", "true", "1"},
        {"codeLogin", "true", "1"},
        {"passkeys", "true", "1"},
        {"loginPhone", "true", "1"},
        {"providers", "[{\"id\": \"google\", \"name\": \"G\"}]", "[{\"id\": \"google\", \"name\": 7}]"},
        {"providers", "[]", "{}"},
        {"providers", "[{\"id\": \"google\"}]", "[{\"id\": \"google\"}, {\"id\": \"\"}]"},
        {"providers", "[{\"id\": \"google\"}]", "[{\"name\": \"G\"}]"},
        {"help", "\"x\"", "7"},
        {"xsrf", "{\"xsrfCookie\": \"X\"}", "{\"xsrfCookie\": 1}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *name = cases[i].name;

        settings(apr_psprintf(p, "{\"%s\": %s}", name, cases[i].good));
        is_told(0, "", apr_psprintf(p, "%s can be %s", name, cases[i].good));
        settings(apr_psprintf(p, "{\"%s\": %s}", name, cases[i].bad));
        is_told(1, apr_psprintf(p, "bad portal.json: %s cannot have this value", name),
                apr_psprintf(p, "%s cannot be %s", name, cases[i].bad));
    }
    settings("{\"name\": 7, \"nmae\": 7, \"help\": 7}");
    is_told(2,
            "bad portal.json: name cannot have this value | doubtful portal.json: there is no setting nmae"
            " | bad portal.json: help cannot have this value",
            "each fault is told and counted, and a setting that there is not is a doubt");
    settings("{\"name\": ");
    told = "";
    is_int(cloudepctl_check_portal(p, folder.path, note, NULL), 1, "what is no JSON is a fault");
    ok(!strncmp(told, "bad portal.json: ", 17), "which is told: %s", told);
}

static void test_named_files(void)
{
    settings("{\"logo\": \"custom/logo.svg\"}");
    is_told(1, "bad logo.svg: No such file or directory", "a logo in the folder that is not there");
    (void)folder_file("logo.svg", "<svg/>", 0600);
    is_told(0, "", "and one that is");
    settings("{\"logo\": \"elsewhere/none.svg\", \"texts\": {\"en\": \"elsewhere/none.json\"}}");
    is_told(0, "", "files elsewhere are not looked for");
    settings("{\"texts\": {\"en\": \"custom/a.json\", \"zh-TW\": \"custom/b.json\"}}");
    (void)folder_file("a.json", "{\"help\": \"Aid\"}", 0600);
    is_told(1, "bad b.json: No such file or directory", "the texts of each language are looked for");
    (void)folder_file("b.json", "{\"help\": \"Aid\", \"more\": 1}", 0600);
    is_told(1, "bad b.json: not all of it is text", "and what is in them");
    (void)folder_file("b.json", "{}", 0600);
    is_told(0, "", "which may be nothing");
}

static void theme(const char *text)
{
    (void)folder_file("theme.css", text, 0600);
}

static void test_theme(void)
{
    char *large = apr_pcalloc(p, LARGEST + 2);

    settings("{}");
    theme("a { b: c; } /* } { { */ d { e: f }");
    is_told(0, "", "braces in a comment do not count");
    theme("a { b: c;");
    is_told(1, "bad theme.css: it has not as many { as }", "a brace that stays open");
    theme("} a {");
    is_told(1, "bad theme.css: it has not as many { as }", "one that closes nothing");
    theme("a { } /* b");
    is_told(1, "bad theme.css: a comment has no end", "a comment without an end");
    theme("a { } /*/ b");
    is_told(1, "bad theme.css: a comment has no end", "whose beginning is not its end");
    theme("a / b { c * d }");
    is_told(0, "", "a slash or a star alone begins nothing");
    memset(large, ' ', LARGEST);
    theme(large);
    is_told(0, "", "a file as large as it may be");
    large[LARGEST] = ' ';
    theme(large);
    is_told(1, "bad theme.css: it is too large", "and one byte more");
    (void)unlink(folder_path("theme.css"));
    (void)unlink(folder_path("portal.json"));
    is_told(2, "bad portal.json: No such file or directory | bad theme.css: No such file or directory",
            "both files are asked for");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    folder_make(p);
    theme("a { b: c; }");
    test_settings();
    test_named_files();
    test_theme();
    folder_remove();
    return done_testing();
}
