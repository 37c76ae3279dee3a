/*
 * breached.c - the file of passwords from data breaches, which CloudEPBreachedPasswords names.
 */
#include "cloudepctl.h"

#include <limits.h>
#include "base/crypto/breached.h"

static int import(cloudepctl_t *ctl)
{
    const char *path = cloudepctl_option(ctl, "file");
    const cloudep_breached_t *breached;
    const char *error = NULL;
    json_t *result;
    int least = 1;
    apr_status_t rv;
    const int code = cloudepctl_option_number(ctl, &least, "least", 1, INT_MAX);

    if (code) {
        return code;
    }
    rv = cloudep_breached_import(ctl->pool, path, cloudepctl_option_list(ctl, "from"), least, &error);
    if (rv == APR_SUCCESS) {
        rv = cloudep_breached_open(&breached, ctl->pool, path, &error);
    }
    if (rv != APR_SUCCESS) {
        return cloudepctl_fail(ctl, CLOUDEPCTL_FILE, "%s", error);
    }
    result = cloudepctl_own(
        ctl, json_pack("{s:s, s:I}", "file", path, "passwords", (json_int_t)cloudep_breached_count(breached)));
    return cloudepctl_print_done(ctl, "breached", result, "%s has %" APR_UINT64_T_FMT " passwords", path,
                                 cloudep_breached_count(breached));
}

static const cloudepctl_option_t import_options[] = {
    {"file", "FILE", "the file to make, as CloudEPBreachedPasswords names it", CLOUDEPCTL_REQUIRED},
    {"from", "PATH", "a list of SHA-1 hashes, or a folder of lists", CLOUDEPCTL_REQUIRED | CLOUDEPCTL_REPEATABLE},
    {"least", "N", "leave out what was seen less often (1)", 0},
    {NULL, NULL, NULL, 0}};

const cloudepctl_command_t cloudepctl_breached_commands[] = {
    {"breached", "import", "Makes the file of passwords that nobody may choose.", import_options,
     "Takes the lists of Have I Been Pwned: lines of HASH:COUNT, or files of ranges, named by the first five digits, "
     "with\n"
     "the other 35 in each line. The file takes 8 bytes a password. Servers read it at start and at a graceful "
     "restart.\n",
     "  cloudepctl breached import --file /etc/cloudep/breached --from pwned-passwords-sha1-ordered-by-hash.txt\n"
     "  cloudepctl breached import --file /etc/cloudep/breached --from ranges/ --least 10\n",
     import},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL}};
