/*
 * config.c - directives: how they are set, inherited by virtual hosts, checked and given their defaults.
 */
#include "guard/guard.h"

#include <apr_strings.h>
#include <stddef.h>

/* How one directive stores its value; handed to the setters as cmd->info. */
typedef struct setting_t {
    size_t offset;
    int min;
    int max;
} setting_t;

#define INT_AT(config, setting) (*(int *)((char *)(config) + (setting)->offset))
#define TEXT_AT(config, setting) (*(const char **)((char *)(config) + (setting)->offset))
#define LIST_AT(config, setting) (*(apr_array_header_t **)((char *)(config) + (setting)->offset))

const cloudep_config_t *cloudep_config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &cloudep_module);
}

static cloudep_config_t *config_of(cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &cloudep_module);
}

#define CREATE_INT(member, ...) config->member = CLOUDEP_UNSET;
#define CREATE_POINTER(member, ...) config->member = NULL;
void *cloudep_config_create(apr_pool_t *p, server_rec *s)
{
    cloudep_config_t *config = apr_pcalloc(p, sizeof(*config));

    (void)s;
    CLOUDEP_SETTINGS(CREATE_INT, CREATE_INT, CREATE_INT, CREATE_POINTER, CREATE_POINTER, CREATE_POINTER, CREATE_POINTER)
    return config;
}

#define MERGE_INT(member, ...) config->member = add->member == CLOUDEP_UNSET ? base->member : add->member;
#define MERGE_POINTER(member, ...) config->member = add->member ? add->member : base->member;
void *cloudep_config_merge(apr_pool_t *p, void *basev, void *addv)
{
    const cloudep_config_t *base = basev;
    const cloudep_config_t *add = addv;
    cloudep_config_t *config = apr_pcalloc(p, sizeof(*config));

    CLOUDEP_SETTINGS(MERGE_INT, MERGE_INT, MERGE_INT, MERGE_POINTER, MERGE_POINTER, MERGE_POINTER, MERGE_POINTER)
    return config;
}

#define SETTLE_INT(member, directive, value, ...)                                                                      \
    if (config->member == CLOUDEP_UNSET) {                                                                             \
        config->member = value;                                                                                        \
    }
#define SETTLE_TEXT(member, directive, value, ...)                                                                     \
    if (!config->member) {                                                                                             \
        config->member = value;                                                                                        \
    }
#define SETTLE_NOTHING(...)
void cloudep_config_settle(cloudep_config_t *config)
{
    CLOUDEP_SETTINGS(SETTLE_INT, SETTLE_INT, SETTLE_INT, SETTLE_TEXT, SETTLE_NOTHING, SETTLE_NOTHING, SETTLE_NOTHING)
}

static const char *set_flag(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    INT_AT(config_of(cmd), (const setting_t *)cmd->info) = on;
    return NULL;
}

static const char *set_bounded(cmd_parms *cmd, apr_int64_t value, const char *unit)
{
    const setting_t *setting = cmd->info;

    if (value < setting->min || value > setting->max) {
        return apr_psprintf(cmd->pool, "%s must be between %d and %d%s", cmd->cmd->name, setting->min, setting->max,
                            unit);
    }
    INT_AT(config_of(cmd), setting) = (int)value;
    return NULL;
}

static const char *set_number(cmd_parms *cmd, void *dir, const char *arg)
{
    char *end;
    apr_int64_t value = apr_strtoi64(arg, &end, 10);

    (void)dir;
    if (end == arg || *end) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must be a whole number", NULL);
    }
    return set_bounded(cmd, value, "");
}

static const char *set_seconds(cmd_parms *cmd, void *dir, const char *arg)
{
    char *end;
    apr_int64_t days = apr_strtoi64(arg, &end, 10);
    apr_interval_time_t interval;

    (void)dir;
    /* httpd's own notation ends at hours. */
    if (end != arg && !strcasecmp(end, "d")) {
        return days > 36600 ? "too many days" : set_bounded(cmd, days * 86400, " seconds");
    }
    if (end == arg || ap_timeout_parameter_parse(arg, &interval, "s") != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must be a time such as 90, 15min, 24h or 30d", NULL);
    }
    return set_bounded(cmd, apr_time_sec(interval), " seconds");
}

static const char *set_text(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)dir;
    if (!*arg) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must not be empty", NULL);
    }
    TEXT_AT(config_of(cmd), (const setting_t *)cmd->info) = arg;
    return NULL;
}

static const char *set_filename(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *path = ap_server_root_relative(cmd->pool, arg);

    (void)dir;
    if (!path) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": not a path: ", arg, NULL);
    }
    TEXT_AT(config_of(cmd), (const setting_t *)cmd->info) = path;
    return NULL;
}

static const char *add_to_list(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_array_header_t **list = &LIST_AT(config_of(cmd), (const setting_t *)cmd->info);

    (void)dir;
    if (!*list) {
        *list = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(*list, const char *) = arg;
    return NULL;
}

static const char *add_row(cmd_parms *cmd, void *dir, int count, char *const words[])
{
    const setting_t *setting = cmd->info;
    apr_array_header_t **list = &LIST_AT(config_of(cmd), setting);
    const char **row = apr_pcalloc(cmd->pool, ((apr_size_t)count + 1) * sizeof(*row));

    (void)dir;
    if (count < setting->min || count > setting->max) {
        return apr_psprintf(cmd->pool, "%s takes %d to %d words", cmd->cmd->name, setting->min, setting->max);
    }
    for (int i = 0; i < count; i++) {
        row[i] = apr_pstrdup(cmd->pool, words[i]);
    }
    if (!*list) {
        *list = apr_array_make(cmd->pool, 2, sizeof(const char **));
    }
    APR_ARRAY_PUSH(*list, const char **) = row;
    return NULL;
}

#define AT(member) offsetof(cloudep_config_t, member)
#define DECLARE_FLAG(member, ...) static const setting_t setting_##member = {AT(member), 0, 1};
#define DECLARE_NUMBER(member, directive, value, low, high, help)                                                      \
    static const setting_t setting_##member = {AT(member), low, high};
#define DECLARE_TEXT(member, ...) static const setting_t setting_##member = {AT(member), 0, 0};
#define DECLARE_ROWS(member, directive, low, high, help)                                                               \
    static const setting_t setting_##member = {AT(member), low, high};
CLOUDEP_SETTINGS(DECLARE_FLAG, DECLARE_NUMBER, DECLARE_NUMBER, DECLARE_TEXT, DECLARE_TEXT, DECLARE_TEXT, DECLARE_ROWS)

/* The command table keeps a writable pointer that the setters only read. */
#define INFO(member) ((void *)(apr_uintptr_t)&setting_##member)
#define COMMAND_FLAG(member, directive, value, help) AP_INIT_FLAG(directive, set_flag, INFO(member), RSRC_CONF, help),
#define COMMAND_NUMBER(member, directive, value, low, high, help)                                                      \
    AP_INIT_TAKE1(directive, set_number, INFO(member), RSRC_CONF, help),
#define COMMAND_SECONDS(member, directive, value, low, high, help)                                                     \
    AP_INIT_TAKE1(directive, set_seconds, INFO(member), RSRC_CONF, help),
#define COMMAND_TEXT(member, directive, value, help) AP_INIT_TAKE1(directive, set_text, INFO(member), RSRC_CONF, help),
#define COMMAND_FILENAME(member, directive, help) AP_INIT_TAKE1(directive, set_filename, INFO(member), RSRC_CONF, help),
#define COMMAND_LIST(member, directive, help) AP_INIT_ITERATE(directive, add_to_list, INFO(member), RSRC_CONF, help),
#define COMMAND_ROWS(member, directive, low, high, help)                                                               \
    AP_INIT_TAKE_ARGV(directive, add_row, INFO(member), RSRC_CONF, help),

const command_rec cloudep_commands[] = {CLOUDEP_SETTINGS(COMMAND_FLAG, COMMAND_NUMBER, COMMAND_SECONDS, COMMAND_TEXT,
                                                         COMMAND_FILENAME, COMMAND_LIST, COMMAND_ROWS)
                                            CLOUDEP_DIR_COMMANDS{NULL}};
