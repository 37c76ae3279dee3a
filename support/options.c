/*
 * options.c - options of a command: reading, checking and explaining them from one table.
 */
#include "cloudepctl.h"

#include <apr_getopt.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <limits.h>
#include <string.h>
#include "base/text/validate.h"

/* What every command takes. */
static const cloudepctl_option_t common_options[] = {
    {"database", "CONNINFO", "the database, as for libpq (default: $CLOUDEP_DATABASE)", 0},
    {"json", NULL, "answer with one JSON document", 0},
    {"help", NULL, "show this help", 0},
    {NULL, NULL, NULL, 0}};

/* Letters of options begin here, so that none is a character. */
#define FIRST_LETTER 256
#define MAX_OPTIONS 32

/* APR says what is wrong with an option by a printf-like call; it becomes our error. */
static void APR_THREAD_FUNC option_error(void *arg, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void option_error(void *arg, const char *format, ...)
{
    cloudepctl_t *ctl = arg;
    va_list args;
    char *text;

    va_start(args, format);
    text = apr_pvsprintf(ctl->pool, format, args);
    va_end(args);
    /* It begins with the program's name and ends with a newline. */
    if (strncmp(text, "cloudepctl: ", 12) == 0) {
        text += 12;
    }
    text[strcspn(text, "\n")] = '\0';
    ctl->error = text;
}

static int keep(cloudepctl_t *ctl, const cloudepctl_option_t *option, const char *text)
{
    apr_array_header_t *list = apr_hash_get(ctl->options, option->name, APR_HASH_KEY_STRING);
    apr_size_t length;

    if (text && cloudep_utf8_length(&length, text) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s is not UTF-8", option->name);
    }
    if (!list) {
        list = apr_array_make(ctl->pool, 1, sizeof(const char *));
        apr_hash_set(ctl->options, option->name, APR_HASH_KEY_STRING, list);
    }
    else if (!(option->flags & CLOUDEPCTL_REPEATABLE)) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s is given twice", option->name);
    }
    APR_ARRAY_PUSH(list, const char *) = text ? text : "";
    return CLOUDEPCTL_DONE;
}

/* All options of a command in one array, and the same for APR. */
static int collect(const cloudepctl_option_t **all, apr_getopt_option_t *table, const cloudepctl_option_t *own)
{
    const cloudepctl_option_t *const tables[] = {own, common_options};
    int n = 0;

    for (int t = 0; t < 2; t++) {
        for (const cloudepctl_option_t *o = tables[t]; o->name && n < MAX_OPTIONS; o++, n++) {
            all[n] = o;
            table[n] = (apr_getopt_option_t){o->name, FIRST_LETTER + n, o->argument != NULL, o->help};
        }
    }
    table[n] = (apr_getopt_option_t){NULL, 0, 0, NULL};
    return n;
}

int cloudepctl_parse(cloudepctl_t *ctl, const cloudepctl_command_t *command, int argc, const char *const *argv)
{
    const cloudepctl_option_t *all[MAX_OPTIONS];
    apr_getopt_option_t table[MAX_OPTIONS + 1];
    const int count = collect(all, table, command->options);
    apr_getopt_t *state;
    const char *text;
    apr_status_t rv;
    int letter;
    int code;

    /* APR reorders what it is given and names the program after argv[0]. */
    const char **words = apr_pmemdup(ctl->pool, argv, sizeof(char *) * ((apr_size_t)argc + 1));

    words[0] = "cloudepctl";
    if (apr_getopt_init(&state, ctl->pool, argc, words) != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "no options could be read");
    }
    state->errfn = option_error;
    state->errarg = ctl;
    state->interleave = 1;
    while ((rv = apr_getopt_long(state, table, &letter, &text)) == APR_SUCCESS) {
        code = keep(ctl, all[letter - FIRST_LETTER], text);
        if (code) {
            return code;
        }
    }
    if (rv != APR_EOF) {
        return CLOUDEPCTL_USAGE;
    }
    if (state->ind < argc) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "%s is not an option of this command", state->argv[state->ind]);
    }
    for (int i = 0; i < count; i++) {
        if ((all[i]->flags & CLOUDEPCTL_REQUIRED) && !cloudepctl_option(ctl, all[i]->name)) {
            return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s is missing", all[i]->name);
        }
    }
    return CLOUDEPCTL_DONE;
}

const char *cloudepctl_option(const cloudepctl_t *ctl, const char *name)
{
    const apr_array_header_t *list = cloudepctl_option_list(ctl, name);

    return list ? APR_ARRAY_IDX(list, 0, const char *) : NULL;
}

const apr_array_header_t *cloudepctl_option_list(const cloudepctl_t *ctl, const char *name)
{
    return apr_hash_get(ctl->options, name, APR_HASH_KEY_STRING);
}

int cloudepctl_option_number(cloudepctl_t *ctl, int *number, const char *name, int least, int most)
{
    const char *text = cloudepctl_option(ctl, name);
    char *end;
    apr_int64_t value;

    if (!text) {
        return CLOUDEPCTL_DONE;
    }
    value = apr_strtoi64(text, &end, 10);
    if (!apr_isdigit(*text) || *end || value < least || value > most) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s must be a number from %d to %d", name, least, most);
    }
    *number = (int)value;
    return CLOUDEPCTL_DONE;
}

int cloudepctl_option_switch(cloudepctl_t *ctl, const char **boolean, const char *name)
{
    const char *text = cloudepctl_option(ctl, name);

    *boolean = NULL;
    if (!text) {
        return CLOUDEPCTL_DONE;
    }
    if (strcmp(text, "on") && strcmp(text, "off")) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_USAGE, "--%s must be on or off", name);
    }
    *boolean = strcmp(text, "on") ? "false" : "true";
    return CLOUDEPCTL_DONE;
}

static const char *option_lines(apr_pool_t *p, const cloudepctl_option_t *options)
{
    const char *text = "";

    for (const cloudepctl_option_t *o = options; o->name; o++) {
        const char *name = apr_pstrcat(p, "--", o->name, o->argument ? " " : "", o->argument ? o->argument : "", NULL);

        text = apr_psprintf(p, "%s  %-28s  %s%s%s\n", text, name, o->help,
                            o->flags & CLOUDEPCTL_REQUIRED ? " (required)" : "",
                            o->flags & CLOUDEPCTL_REPEATABLE ? " (may be repeated)" : "");
    }
    return text;
}

int cloudepctl_command_help(cloudepctl_t *ctl, const cloudepctl_command_t *command)
{
    apr_pool_t *p = ctl->pool;
    const char *name =
        apr_pstrcat(p, command->noun, command->verb ? " " : "", command->verb ? command->verb : "", NULL);

    return cloudepctl_print_text(
        ctl,
        apr_pstrcat(p, "usage: cloudepctl ", name, " [OPTIONS]\n\n", command->summary, "\n", command->notes ? "\n" : "",
                    command->notes ? command->notes : "", "\noptions:\n", option_lines(p, command->options),
                    option_lines(p, common_options), "\nexamples:\n", command->examples,
                    "\nexit codes: 0 done, 1 refused, 2 usage, 3 database, 4 file, 5 exists, 6 not found, 7 pending\n",
                    NULL));
}
