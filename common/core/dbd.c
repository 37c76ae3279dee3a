/*
 * dbd.c - see dbd.h: what mod_dbd's directives say.
 */
#include "core/dbd.h"

#include <ap_mpm.h>
#include <apr_dbd.h>
#include <http_config.h>
#include <mod_dbd.h>
#include <apr_strings.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/status.h"
#include "core/tree.h"

#define DBD_MAX 10 /* mod_dbd's own default */

/* "host=... port=..." */
static const char *describe(const PQconninfoOption *options, apr_pool_t *p)
{
    static const char *const told[] = {"host", "hostaddr", "port", "dbname", "user", "target_session_attrs"};
    const char *text = "";

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        for (const PQconninfoOption *option = options; option && option->keyword; option++) {
            if (option->val && *option->val && !strcmp(option->keyword, told[i])) {
                text = apr_pstrcat(p, text, *text ? " " : "", told[i], "=", option->val, NULL);
            }
        }
    }
    return text;
}

void cloudep_dbd_read(cloudep_dbd_t *dbd, const server_rec *s, apr_pool_t *p)
{
    const char *params = cloudep_tree_argument(s, "DBDParams", p);
    PQconninfoOption *options;

    dbd->params = params ? params : "";
    dbd->passfile = apr_pstrdup(p, getenv("PGPASSFILE")); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    options = PQconninfoParse(dbd->params, NULL);
    dbd->target = describe(options, p);
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        if (option->val && *option->val && !strcmp(option->keyword, "passfile")) {
            dbd->passfile = apr_pstrdup(p, option->val);
        }
    }
    PQconninfoFree(options);
}

int cloudep_dbd_connections(const server_rec *s, const cloudep_config_t *config, apr_pool_t *p)
{
    const char *text = cloudep_tree_argument(s, "DBDMax", p);
    const int most = text ? (int)apr_atoi64(text) : DBD_MAX;
    int threaded = 0;

    /* Without threads a child has one connection, and mod_dbd no pool. */
    if (ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded) != APR_SUCCESS || threaded == AP_MPMQ_NOT_SUPPORTED) {
        return config->database_connections;
    }
    return most > 0 && most < config->database_connections ? most : config->database_connections;
}

const char *cloudep_dbd_passfile_fault(const cloudep_dbd_t *dbd, apr_pool_t *p)
{
    const char *why = NULL;
    struct stat about;

    if (!dbd->passfile) {
        return NULL;
    }
    if (stat(dbd->passfile, &about) != 0 || access(dbd->passfile, R_OK) != 0) {
        const int code = errno;
        char text[128];

        why = apr_psprintf(p, "cannot be read by the user id %lu that httpd runs as (%s)", (unsigned long)geteuid(),
                           apr_strerror(APR_FROM_OS_ERROR(code), text, sizeof(text)));
    }
    else if (!S_ISREG(about.st_mode)) {
        why = "is not a file";
    }
    else if (about.st_mode & (S_IRWXG | S_IRWXO)) {
        why = apr_psprintf(p, "may be read by others (mode %04o)", (unsigned)(about.st_mode & 07777));
    }
    return why ? apr_psprintf(p,
                              "The passfile %s %s, so that no password is sent: it must belong to the user that httpd "
                              "runs as, with mode 0600",
                              dbd->passfile, why)
               : NULL;
}

apr_status_t cloudep_dbd_prepare(server_rec *s, cloudep_config_t *config, apr_pool_t *pconf, const char **error)
{
    const char *driver = cloudep_tree_argument(s, "DBDriver", pconf);
    cloudep_dbd_t dbd;
    char *wrong = NULL;
    PQconninfoOption *options;

    if (!config->database) {
        return APR_SUCCESS;
    }
    if (!APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open)) {
        *error = "CloudEPDatabase On needs mod_dbd: add LoadModule dbd_module, DBDriver pgsql and DBDParams";
        return CLOUDEP_EUNSET;
    }
    if (!cloudep_tree_has("DBDriver")) {
        *error = "CloudEPDatabase On needs DBDriver: add DBDriver pgsql, and DBDParams with the way to PostgreSQL";
        return CLOUDEP_EUNSET;
    }
    if (driver && strcmp(driver, "pgsql") != 0) {
        *error = apr_psprintf(pconf, "DBDriver %s: CloudEPDatabase On needs DBDriver pgsql", driver);
        return CLOUDEP_EMALFORMED;
    }
    cloudep_dbd_read(&dbd, s, pconf);
    options = PQconninfoParse(dbd.params, &wrong);
    if (!options) {
        /* libpq quotes a word of it, which may be a part of a password: its kind of complaint is enough. */
        *error = apr_psprintf(pconf,
                              "DBDParams: libpq cannot read them (%s); write them as \"host=... port=5432 "
                              "dbname=cloudep user=cloudep_app passfile=...\"",
                              wrong && strstr(wrong, "invalid connection option") ? "an option that it does not know"
                                                                                  : "not option=value");
        PQfreemem(wrong);
        return CLOUDEP_EMALFORMED;
    }
    PQconninfoFree(options);
    return APR_SUCCESS;
}
