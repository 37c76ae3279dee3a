/*
 * keyfile.c - our own key set in a file.
 *
 * A change is written to <file>.new beside the file and renamed over it, so a crash leaves the old set or the new
 * one. The new file is created exclusively before the old one is read: that also keeps two operators apart.
 */
#include "base/jose/keyfile.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text/json.h"

#define OTHERS_MAY_READ (APR_FPROT_GREAD | APR_FPROT_WREAD)
#define OTHERS_MAY_WRITE (APR_FPROT_GWRITE | APR_FPROT_WWRITE)
#define OWNER_ONLY (APR_FPROT_UREAD | APR_FPROT_UWRITE)

/* A set that is being changed. */
typedef struct edit_t {
    apr_pool_t *pool;
    const char *path;
    const char *new_path;
    apr_file_t *new_file;
    apr_finfo_t old;           /* valid is 0 when there was no file */
    json_t *document;          /* {"keys": [...]} */
    const cloudep_jwks_t *set; /* the same, parsed */
} edit_t;

static const char *system_error(apr_pool_t *pool, const char *path, const char *what, apr_status_t rv)
{
    char text[160];

    return apr_psprintf(pool, "%s: cannot %s: %s", path, what, apr_strerror(rv, text, sizeof(text)));
}

/* APR's permissions, a hexadecimal digit a class, as chmod writes them. */
static unsigned int chmod_mode(apr_fileperms_t mode)
{
    return (unsigned int)(((mode >> 8 & 7) << 6) | ((mode >> 4 & 7) << 3) | (mode & 7));
}

/* What can be said about the file before it is read. */
static apr_status_t check_file(const apr_finfo_t *info, apr_pool_t *pool, const char *path, const char **error)
{
    if (info->filetype != APR_REG) {
        *error = apr_pstrcat(pool, path, ": not a regular file", NULL);
        return CLOUDEP_EREFUSED;
    }
    if (info->size > CLOUDEP_KEYFILE_MAX) {
        *error = apr_psprintf(pool, "%s: larger than %d bytes", path, CLOUDEP_KEYFILE_MAX);
        return CLOUDEP_EREFUSED;
    }
    if (info->protection & OTHERS_MAY_WRITE) {
        *error = apr_psprintf(pool, "%s: mode %04o lets others change the keys; chmod it to 0600", path,
                              chmod_mode(info->protection));
        return CLOUDEP_EREFUSED;
    }
    return APR_SUCCESS;
}

/* Reads the file. text is allocated from pool, CLOUDEP_KEYFILE_MAX bytes of it at most are used. */
static apr_status_t read_file(char **text, apr_size_t *len, apr_finfo_t *info, apr_pool_t *pool, const char *path,
                              const char **error)
{
    const apr_int32_t wanted = APR_FINFO_TYPE | APR_FINFO_SIZE | APR_FINFO_PROT | APR_FINFO_USER | APR_FINFO_GROUP;
    apr_file_t *file;
    apr_status_t rv = apr_stat(info, path, wanted, pool);

    /* Before opening, as opening a fifo would wait for ever. */
    if (rv == APR_SUCCESS && (rv = check_file(info, pool, path, error)) != APR_SUCCESS) {
        return rv;
    }
    if (rv != APR_SUCCESS ||
        (rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool)) != APR_SUCCESS) {
        *error = system_error(pool, path, "open it", rv);
        return rv;
    }
    /* After opening, as only now it is the file that is read. */
    rv = apr_file_info_get(info, wanted, file);
    if (rv != APR_SUCCESS) {
        *error = system_error(pool, path, "look at it", rv);
    }
    else if ((rv = check_file(info, pool, path, error)) == APR_SUCCESS) {
        *text = apr_palloc(pool, (apr_size_t)info->size + 1);
        rv = apr_file_read_full(file, *text, (apr_size_t)info->size, len);
        if (rv != APR_SUCCESS) {
            *error = system_error(pool, path, "read it", rv);
        }
    }
    (void)apr_file_close(file);
    return rv;
}

static int holds_private(const cloudep_jwks_t *set)
{
    int i;

    for (i = 0; i < cloudep_jwks_count(set); i++) {
        if (cloudep_jwk_is_private(cloudep_jwks_get(set, i))) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t parse_file(const cloudep_jwks_t **set, json_t **document, apr_pool_t *pool, const char *path,
                               const char *text, apr_size_t len, apr_fileperms_t mode, const char **error)
{
    const char *why, *ignored;
    apr_status_t rv = cloudep_json_parse(document, &ignored, text, len, pool);

    why = "not a JSON object, or a member is there twice";
    if (rv == APR_SUCCESS) {
        rv = cloudep_jwks_from_json(set, pool, *document, CLOUDEP_JWKS_OWN, &why);
    }
    if (rv != APR_SUCCESS) {
        *error = apr_pstrcat(pool, path, ": ", why, NULL);
        return rv;
    }
    if ((mode & OTHERS_MAY_READ) && holds_private(*set)) {
        *error = apr_psprintf(pool, "%s: mode %04o lets others read the private keys in it; chmod it to 0600", path,
                              chmod_mode(mode));
        return CLOUDEP_EREFUSED;
    }
    return APR_SUCCESS;
}

/* The set in the file, which may be empty. */
static apr_status_t load(const cloudep_jwks_t **set, json_t **document, apr_finfo_t *info, apr_pool_t *pool,
                         const char *path, const char **error)
{
    char *text;
    apr_size_t len;
    apr_status_t rv = read_file(&text, &len, info, pool, path, error);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = parse_file(set, document, pool, path, text, len, info->protection, error);
    OPENSSL_cleanse(text, len);
    return rv;
}

static apr_status_t not_empty(const cloudep_jwks_t **out, const cloudep_jwks_t *set, apr_pool_t *pool, const char *path,
                              const char **error)
{
    if (!cloudep_jwks_count(set)) {
        *error = apr_pstrcat(pool, path, ": there is no key in it", NULL);
        return CLOUDEP_EMALFORMED;
    }
    *out = set;
    return APR_SUCCESS;
}

apr_status_t cloudep_keyfile_load_text(const cloudep_jwks_t **out, char **text, apr_size_t *len, apr_pool_t *pool,
                                       const char *path, const char **error)
{
    const cloudep_jwks_t *set;
    json_t *document;
    apr_finfo_t info;
    apr_status_t rv;

    *out = NULL;
    *error = NULL;
    *text = NULL;
    if ((rv = read_file(text, len, &info, pool, path, error)) != APR_SUCCESS ||
        (rv = parse_file(&set, &document, pool, path, *text, *len, info.protection, error)) != APR_SUCCESS) {
        return rv;
    }
    return not_empty(out, set, pool, path, error);
}

apr_status_t cloudep_keyfile_load(const cloudep_jwks_t **out, apr_pool_t *pool, const char *path, const char **error)
{
    char *text = NULL;
    apr_size_t len = 0;
    const apr_status_t rv = cloudep_keyfile_load_text(out, &text, &len, pool, path, error);

    if (text) {
        OPENSSL_cleanse(text, len);
    }
    return rv;
}

apr_status_t cloudep_keyfile_parse(const cloudep_jwks_t **out, apr_pool_t *pool, const char *path, const char *text,
                                   apr_size_t len, const char **error)
{
    const cloudep_jwks_t *set;
    json_t *document;
    apr_status_t rv;

    *out = NULL;
    *error = NULL;
    rv = parse_file(&set, &document, pool, path, text, len, OWNER_ONLY, error);
    return rv == APR_SUCCESS ? not_empty(out, set, pool, path, error) : rv;
}

/* Takes the lock and reads the set; a file that is not there is an empty set if may_create. */
static apr_status_t edit_begin(edit_t *edit, apr_pool_t *pool, const char *path, int may_create, const char **error)
{
    apr_status_t rv;

    *edit = (edit_t){.pool = pool, .path = path, .new_path = apr_pstrcat(pool, path, ".new", NULL)};
    *error = NULL;
    rv = apr_file_open(&edit->new_file, edit->new_path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_EXCL, OWNER_ONLY,
                       pool);
    if (rv != APR_SUCCESS) {
        edit->new_file = NULL;
        *error = APR_STATUS_IS_EEXIST(rv)
                     ? apr_pstrcat(pool, edit->new_path,
                                   ": exists; another change is under way, or was interrupted: then remove it", NULL)
                     : system_error(pool, edit->new_path, "create it", rv);
        return rv;
    }
    rv = load(&edit->set, &edit->document, &edit->old, pool, path, error);
    if (APR_STATUS_IS_ENOENT(rv) && may_create) {
        edit->old.valid = 0;
        edit->document = cloudep_json_own(json_pack("{s:[]}", "keys"), pool);
        rv = edit->document ? cloudep_jwks_from_json(&edit->set, pool, edit->document, CLOUDEP_JWKS_OWN, error)
                            : APR_ENOMEM;
    }
    return rv;
}

static void edit_abort(edit_t *edit)
{
    if (edit->new_file) {
        (void)apr_file_close(edit->new_file);
        (void)apr_file_remove(edit->new_path, edit->pool);
    }
}

/* A file that root changes stays its owner's, or the server could not read it any more. */
static apr_status_t keep_owner(const edit_t *edit)
{
    apr_os_file_t descriptor;

    if (!edit->old.valid || geteuid() != 0) {
        return APR_SUCCESS;
    }
    if (apr_os_file_get(&descriptor, edit->new_file) != APR_SUCCESS) {
        return APR_EBADF;
    }
    return fchown(descriptor, edit->old.user, edit->old.group) == 0 ? APR_SUCCESS : apr_get_os_error();
}

/* Makes the rename itself survive a power failure. */
static apr_status_t sync_folder(const edit_t *edit)
{
    const char *slash = strrchr(edit->path, '/');
    const char *folder = slash ? apr_pstrmemdup(edit->pool, edit->path, (apr_size_t)(slash - edit->path) + 1) : ".";
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = APR_SUCCESS;

    if (descriptor < 0) {
        return apr_get_os_error();
    }
    if (fsync(descriptor) != 0) {
        rv = apr_get_os_error();
    }
    (void)close(descriptor);
    return rv;
}

/* Writes the changed document in place of the file. */
static apr_status_t edit_commit(edit_t *edit, const char **error)
{
    char *text = json_dumps(edit->document, JSON_INDENT(2));
    const size_t len = text ? strlen(text) : 0;
    const char *what = "write it";
    apr_status_t rv = len ? apr_file_write_full(edit->new_file, text, len, NULL) : APR_ENOMEM;

    if (text) {
        OPENSSL_cleanse(text, len);
    }
    free(text);
    if (rv == APR_SUCCESS && (rv = apr_file_putc('\n', edit->new_file)) == APR_SUCCESS &&
        (rv = keep_owner(edit)) == APR_SUCCESS && (rv = apr_file_sync(edit->new_file)) == APR_SUCCESS) {
        what = "put it in place";
        if ((rv = apr_file_rename(edit->new_path, edit->path, edit->pool)) == APR_SUCCESS) {
            (void)apr_file_close(edit->new_file);
            edit->new_file = NULL;
            rv = sync_folder(edit);
        }
    }
    if (rv != APR_SUCCESS) {
        *error = system_error(edit->pool, edit->new_path, what, rv);
    }
    return rv;
}

/* Commits if rv is success, and releases the lock in any case. */
static apr_status_t edit_end(edit_t *edit, apr_status_t rv, const char **error)
{
    if (rv == APR_SUCCESS) {
        rv = edit_commit(edit, error);
    }
    edit_abort(edit);
    return rv;
}

/* Notes the time, for whoever lists the keys. */
static apr_status_t stamp(json_t *jwk, const char *name, const char **error)
{
    if (json_object_set_new(jwk, name, json_integer(apr_time_sec(apr_time_now())))) {
        *error = "out of memory";
        return APR_ENOMEM;
    }
    return APR_SUCCESS;
}

/* Begins an edit of the key kid, and tells its place in the document. */
static apr_status_t edit_key(edit_t *edit, const cloudep_jwk_t **key, size_t *place, apr_pool_t *pool, const char *path,
                             const char *kid, const char **error)
{
    apr_status_t rv = edit_begin(edit, pool, path, 0, error);

    *key = NULL;
    *place = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    while ((*key = cloudep_jwks_get(edit->set, (int)*place)) && strcmp(cloudep_jwk_kid(*key), kid) != 0) {
        (*place)++;
    }
    if (!*key) {
        *error = apr_psprintf(pool, "%s: there is no key %s in it", path, kid);
        return APR_NOTFOUND;
    }
    return APR_SUCCESS;
}

apr_status_t cloudep_keyfile_add(const char **kid, apr_pool_t *pool, const char *path, const char *alg,
                                 const char **error)
{
    edit_t edit;
    json_t *jwk = NULL;
    apr_status_t rv = edit_begin(&edit, pool, path, 1, error);

    *kid = NULL;
    if (rv == APR_SUCCESS && cloudep_jwks_count(edit.set) >= CLOUDEP_JWKS_MAX_KEYS) {
        *error = apr_psprintf(pool, "%s: it already holds %d keys; retire one first", path, CLOUDEP_JWKS_MAX_KEYS);
        rv = CLOUDEP_EREFUSED;
    }
    if (rv == APR_SUCCESS && (rv = cloudep_jwk_generate(&jwk, pool, alg)) != APR_SUCCESS) {
        *error = apr_pstrcat(pool, path, rv == CLOUDEP_EREFUSED ? ": no such algorithm: " : ": cannot make a key for ",
                             alg, NULL);
    }
    rv = rv == APR_SUCCESS ? stamp(jwk, "created_at", error) : rv;
    if (rv == APR_SUCCESS && json_array_append(json_object_get(edit.document, "keys"), jwk)) {
        rv = APR_ENOMEM;
        *error = "out of memory";
    }
    rv = edit_end(&edit, rv, error);
    if (rv == APR_SUCCESS) {
        *kid = apr_pstrdup(pool, json_string_value(json_object_get(jwk, "kid")));
    }
    return rv;
}

apr_status_t cloudep_keyfile_activate(apr_pool_t *pool, const char *path, const char *kid, const char **error)
{
    edit_t edit;
    const cloudep_jwk_t *key;
    size_t place;
    apr_status_t rv = edit_key(&edit, &key, &place, pool, path, kid, error);

    if (rv == APR_SUCCESS && !cloudep_jwk_is_private(key)) {
        *error = apr_psprintf(pool, "%s: key %s has no private part", path, kid);
        rv = CLOUDEP_EREFUSED;
    }
    if (rv == APR_SUCCESS) {
        json_t *keys = json_object_get(edit.document, "keys");
        json_t *jwk = json_incref(json_array_get(keys, place));

        rv = stamp(jwk, "activated_at", error);
        if (rv == APR_SUCCESS && (json_array_remove(keys, place) || json_array_insert(keys, 0, jwk))) {
            rv = APR_ENOMEM;
            *error = "out of memory";
        }
        json_decref(jwk);
    }
    return edit_end(&edit, rv, error);
}

apr_status_t cloudep_keyfile_retire(apr_pool_t *pool, const char *path, const char *kid, const char **error)
{
    edit_t edit;
    const cloudep_jwk_t *key;
    size_t place;
    apr_status_t rv = edit_key(&edit, &key, &place, pool, path, kid, error);

    if (rv == APR_SUCCESS && key == cloudep_jwks_active(edit.set, cloudep_jwk_use(key))) {
        *error = apr_psprintf(pool, "%s: key %s is in use; activate another one first", path, kid);
        rv = CLOUDEP_EREFUSED;
    }
    if (rv == APR_SUCCESS && json_array_remove(json_object_get(edit.document, "keys"), place)) {
        *error = "out of memory";
        rv = APR_ENOMEM;
    }
    return edit_end(&edit, rv, error);
}
