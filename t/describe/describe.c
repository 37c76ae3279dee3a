/*
 * describe.c - prints, as JSON, what is declared once in tables of the C sources: tests and documents are held against
 * that, so that nobody has to read C with regular expressions.
 *
 *     directives  [{name, kind, default, min, max, context, help}]  default: null where there is none
 *     messages    [{id, levels}]
 *     served      [{table, method, path, name, when, needs: [word], flags: [word],
 *                  fields: [{name, type, flags: [word], min, max, choices: [word]}]}]
 *     operations  [{name, method, prefix, path, member, query, form, quiet, codes: {reason: {status, code, message}},
 *                  fields: [{name, type, required, clear, min, max}],
 *                  when, instead: the fields of a body that has the field "when"; null and [] where there is one
 * shape}] reasons     [word] rules       [word] version     [number]
 *
 * A table that is to be shown is a function and a row of sections[].
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/place_settings.h"
#include "base/text/rule.h"
#include "base/version.h"
#include "core/message_ids.h"
#include "core/settings.h"
#include "describe.h"

/* Appends one directive; takes value and bounds over, NULL: there is none. */
static void add(json_t *list, const char *kind, const char *name, const char *context, json_t *value, json_t *min,
                json_t *max, const char *help)
{
    json_t *directive = json_pack("{ss,ss,ss,ss,so?,so?,so?}", "name", name, "kind", kind, "context", context, "help",
                                  help, "default", value, "min", min, "max", max);

    if (!directive || json_array_append_new(list, directive)) {
        abort();
    }
}

static json_t *flag(int value)
{
    return value == CLOUDEP_UNSET ? NULL : json_boolean(value);
}

static json_t *text(const char *value)
{
    return value ? json_string(value) : NULL;
}

static json_t *directives(void)
{
    json_t *list = json_array();

#define FLAG(member, name, value, help) add(list, "flag", name, "server", flag(value), NULL, NULL, help);
#define NUMBER(member, name, value, low, high, help)                                                                   \
    add(list, "number", name, "server", json_integer(value), json_integer(low), json_integer(high), help);
#define SECONDS(member, name, value, low, high, help)                                                                  \
    add(list, "seconds", name, "server", json_integer(value), json_integer(low), json_integer(high), help);
#define TEXT(member, name, value, help) add(list, "text", name, "server", text(value), NULL, NULL, help);
#define FILENAME(member, name, help) add(list, "filename", name, "server", NULL, NULL, NULL, help);
#define LIST(member, name, help) add(list, "list", name, "server", NULL, NULL, NULL, help);
#define ROWS(member, name, low, high, help)                                                                            \
    add(list, "rows", name, "server", NULL, json_integer(low), json_integer(high), help);
    CLOUDEP_SETTINGS(FLAG, NUMBER, SECONDS, TEXT, FILENAME, LIST, ROWS)

#define PLACE_FLAG(member, name, help) add(list, "flag", name, "directory", flag(0), NULL, NULL, help);
#define PLACE_TEXT(member, name, setter, help) add(list, "text", name, "directory", NULL, NULL, NULL, help);
#define PLACE_LIST(member, name, setter, help) add(list, "list", name, "directory", NULL, NULL, NULL, help);
#define PLACE_PAIR(member, name, setter, help) add(list, "pair", name, "directory", NULL, NULL, NULL, help);
    CLOUDEP_PLACE_SETTINGS(PLACE_FLAG, PLACE_TEXT, PLACE_LIST, PLACE_TEXT, PLACE_PAIR)
    return list;
}

/* "err, info" as an array. */
static json_t *split(const char *words)
{
    json_t *list = json_array();

    for (const char *word = words; *word; word += strspn(word, ", ")) {
        const size_t length = strcspn(word, ", ");

        if (json_array_append_new(list, json_stringn(word, length))) {
            abort();
        }
        word += length;
    }
    return list;
}

static json_t *messages(void)
{
    json_t *list = json_array();

#define MESSAGE(number, levels)                                                                                        \
    if (json_array_append_new(list, json_pack("{si,so}", "id", number, "levels", split(levels)))) {                    \
        abort();                                                                                                       \
    }
    CLOUDEP_MESSAGES(MESSAGE)
    return list;
}

static json_t *version(void)
{
    return json_pack("[s]", CLOUDEP_VERSION);
}

static json_t *rules(void)
{
    return json_pack("[ssssss]", CLOUDEP_RULE_REQUIRED, CLOUDEP_RULE_FORMAT, CLOUDEP_RULE_LENGTH, CLOUDEP_RULE_CHOICE,
                     CLOUDEP_RULE_PASSWORD, CLOUDEP_RULE_NOT_ALLOWED);
}

static const struct {
    const char *name;
    json_t *(*make)(void);
} sections[] = {
    {"directives", directives},
    {"messages", messages},
    {"operations", describe_operations},
    {"account operations", describe_account_operations},
    {"session operations", describe_session_operations},
    {"served", describe_served},
    {"reasons", describe_reasons},
    {"rules", rules},
    {"version", version},
};

int main(void)
{
    json_t *all = json_object();
    int failed = 0;

    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        failed |= json_object_set_new(all, sections[i].name, sections[i].make());
    }
    failed |= json_dumpf(all, stdout, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    failed |= puts("") < 0 || fflush(stdout) != 0;
    json_decref(all);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
