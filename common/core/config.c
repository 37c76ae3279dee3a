/*
 * config.c - directives: how they are set, inherited by virtual hosts, checked and given their defaults.
 */
#include "core/config.h"

#include <apr_strings.h>
#include <stddef.h>
#include "core/module.h"

#define INT_AT(config, setting) (*(int *)((char *)(config) + (setting)->offset))
#define TEXT_AT(config, setting) (*(const char **)((char *)(config) + (setting)->offset))
#define LIST_AT(config, setting) (*(apr_array_header_t **)((char *)(config) + (setting)->offset))

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
#define IS_SET_INT(member, ...) || config->member != CLOUDEP_UNSET
#define IS_SET_POINTER(member, ...) || config->member
void cloudep_config_settle(cloudep_config_t *config)
{
    config->is_set = 0 CLOUDEP_SETTINGS(IS_SET_INT, IS_SET_INT, IS_SET_INT, IS_SET_POINTER, IS_SET_POINTER,
                                        IS_SET_POINTER, IS_SET_POINTER);
    CLOUDEP_SETTINGS(SETTLE_INT, SETTLE_INT, SETTLE_INT, SETTLE_TEXT, SETTLE_NOTHING, SETTLE_NOTHING, SETTLE_NOTHING)
}

const char *cloudep_set_flag(cmd_parms *cmd, void *place, int on)
{
    (void)place;
    INT_AT(config_of(cmd), (const cloudep_setting_t *)cmd->info) = on;
    return NULL;
}

static const char *set_bounded(cmd_parms *cmd, apr_int64_t value, const char *unit)
{
    const cloudep_setting_t *setting = cmd->info;

    if (value < setting->min || value > setting->max) {
        return apr_psprintf(cmd->pool, "%s must be between %d and %d%s", cmd->cmd->name, setting->min, setting->max,
                            unit);
    }
    INT_AT(config_of(cmd), setting) = (int)value;
    return NULL;
}

const char *cloudep_set_number(cmd_parms *cmd, void *place, const char *arg)
{
    char *end;
    apr_int64_t value = apr_strtoi64(arg, &end, 10);

    (void)place;
    if (end == arg || *end) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must be a whole number", NULL);
    }
    return set_bounded(cmd, value, "");
}

const char *cloudep_set_seconds(cmd_parms *cmd, void *place, const char *arg)
{
    char *end;
    apr_int64_t days = apr_strtoi64(arg, &end, 10);
    apr_interval_time_t interval;

    (void)place;
    /* httpd's own notation ends at hours. */
    if (end != arg && !strcasecmp(end, "d")) {
        return days > 36600 ? "too many days" : set_bounded(cmd, days * 86400, " seconds");
    }
    if (end == arg || ap_timeout_parameter_parse(arg, &interval, "s") != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must be a time such as 90, 15min, 24h or 30d", NULL);
    }
    return set_bounded(cmd, apr_time_sec(interval), " seconds");
}

const char *cloudep_set_text(cmd_parms *cmd, void *place, const char *arg)
{
    (void)place;
    if (!*arg) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " must not be empty", NULL);
    }
    TEXT_AT(config_of(cmd), (const cloudep_setting_t *)cmd->info) = arg;
    return NULL;
}

const char *cloudep_set_filename(cmd_parms *cmd, void *place, const char *arg)
{
    const char *path = ap_server_root_relative(cmd->pool, arg);

    (void)place;
    if (!path) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, ": not a path: ", arg, NULL);
    }
    TEXT_AT(config_of(cmd), (const cloudep_setting_t *)cmd->info) = path;
    return NULL;
}

const char *cloudep_add_to_list(cmd_parms *cmd, void *place, const char *arg)
{
    apr_array_header_t **list = &LIST_AT(config_of(cmd), (const cloudep_setting_t *)cmd->info);

    (void)place;
    if (!*list) {
        *list = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(*list, const char *) = arg;
    return NULL;
}

const char *cloudep_add_row(cmd_parms *cmd, void *place, int count, char *const words[])
{
    const cloudep_setting_t *setting = cmd->info;
    apr_array_header_t **list = &LIST_AT(config_of(cmd), setting);
    const char **row = apr_pcalloc(cmd->pool, ((apr_size_t)count + 1) * sizeof(*row));

    (void)place;
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

const char *cloudep_refuse_renamed(cmd_parms *cmd, void *place, const char *args)
{
    (void)place;
    (void)args;
    return apr_pstrcat(cmd->pool, cmd->cmd->name, " is called ", (const char *)cmd->info,
                       " now: see doc/upgrading.md for what has changed with the name", NULL);
}

#define AT(member) offsetof(cloudep_config_t, member)
#define PLAIN(member, ...) {AT(member), 0, 0},
#define BOUNDED(member, directive, value, low, high, help) {AT(member), low, high},
#define ROWS(member, directive, low, high, help) {AT(member), low, high},
const cloudep_setting_t cloudep_settings[CLOUDEP_SETTING_COUNT] = {
    CLOUDEP_SETTINGS(PLAIN, BOUNDED, BOUNDED, PLAIN, PLAIN, PLAIN, ROWS)};
