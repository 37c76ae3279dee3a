/*
 * keyfile_test.c - the operator's way with the key file: add, activate, retire; and files that must not be used.
 */
#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jose/keyfile.h"
#include "rfc_vectors.h"
#include "tap.h"

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file;

    (void)unlink(path); /* it may be one that cannot be written */
    file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) != 0) {
        printf("Bail out! cannot write %s\n", path);
        exit(1);
    }
}

static void refused(apr_pool_t *pool, const char *path, apr_status_t status, const char *word, const char *what)
{
    const cloudep_jwks_t *set;
    const char *error;

    is_int(cloudep_keyfile_load(&set, pool, path, &error), status, what);
    error = error ? error : "(none)";
    ok(!set && strstr(error, path) && strstr(error, word) && !strstr(error, "jpsQnnGQ"),
       "names the file and the fault: %s", error);
}

/* The kids in the order of the file, with a star at the one in use; "" when it cannot be loaded. */
static const char *listing(apr_pool_t *pool, const char *path)
{
    const cloudep_jwks_t *set;
    const char *error, *text = "";
    int i;

    if (cloudep_keyfile_load(&set, pool, path, &error) != APR_SUCCESS) {
        return "";
    }
    for (i = 0; i < cloudep_jwks_count(set); i++) {
        const cloudep_jwk_t *key = cloudep_jwks_get(set, i);

        text = apr_pstrcat(pool, text, i ? " " : "", cloudep_jwk_kid(key),
                           key == cloudep_jwks_active(set, cloudep_jwk_use(key)) ? "*" : "", NULL);
    }
    return text;
}

static void test_load(apr_pool_t *pool, const char *folder)
{
    static const char private[] = JWKS(JWK("k", RFC7515_A3_PRIVATE));
    const char *path = apr_pstrcat(pool, folder, "/load.jwks", NULL);
    const cloudep_jwks_t *set;
    const char *error;
    char *large = apr_palloc(pool, CLOUDEP_KEYFILE_MAX + 2);

    refused(pool, path, APR_ENOENT, "open", "no file");
    write_file(path, private, 0600);
    is_int(cloudep_keyfile_load(&set, pool, path, &error), APR_SUCCESS, "a private key, mode 0600");
    is_str(error, NULL, "without an error");
    ok(cloudep_jwks_count(set) == 1 && cloudep_jwks_active(set, CLOUDEP_KEY_SIGN), "is loaded");
    write_file(path, private, 0400);
    is_int(cloudep_keyfile_load(&set, pool, path, &error), APR_SUCCESS, "mode 0400");
    write_file(path, private, 0640);
    refused(pool, path, CLOUDEP_EREFUSED, "0640", "a private key that the group may read");
    write_file(path, private, 0604);
    refused(pool, path, CLOUDEP_EREFUSED, "0604", "a private key that others may read");
    write_file(path, JWKS(JWK("k", RFC7515_A1_KEY)), 0644);
    refused(pool, path, CLOUDEP_EREFUSED, "0644", "a secret key that all may read");
    write_file(path, JWKS(JWK("k", RFC7515_A3_PUBLIC)), 0644);
    is_int(cloudep_keyfile_load(&set, pool, path, &error), APR_SUCCESS, "public keys may be read by all");
    write_file(path, JWKS(JWK("k", RFC7515_A3_PUBLIC)), 0664);
    refused(pool, path, CLOUDEP_EREFUSED, "0664", "but not written by others");
    write_file(path, "{\"keys\":[]}", 0600);
    refused(pool, path, CLOUDEP_EMALFORMED, "no key", "no key in it");
    write_file(path, "", 0600);
    refused(pool, path, CLOUDEP_EMALFORMED, "JSON", "an empty file");
    write_file(path, "-----BEGIN PRIVATE KEY-----", 0600);
    refused(pool, path, CLOUDEP_EMALFORMED, "JSON", "PEM");
    write_file(path, JWKS("{" RFC7515_A3_PRIVATE "}"), 0600);
    refused(pool, path, CLOUDEP_EMALFORMED, "kid", "a key without kid");
    write_file(path, JWKS2(JWK("k", RFC7515_A3_PRIVATE), JWK("k", RFC8037_PRIVATE)), 0600);
    refused(pool, path, CLOUDEP_EREFUSED, "same kid", "a kid twice");
    memset(large, ' ', CLOUDEP_KEYFILE_MAX + 1);
    large[CLOUDEP_KEYFILE_MAX + 1] = '\0';
    write_file(path, large, 0600);
    refused(pool, path, CLOUDEP_EREFUSED, "larger", "a huge file");
    (void)unlink(path);
    is_int(mkfifo(path, 0600), 0, "a fifo");
    refused(pool, path, CLOUDEP_EREFUSED, "regular", "is not waited for");
    (void)unlink(path);
    refused(pool, folder, CLOUDEP_EREFUSED, "regular", "a folder");
}

static void test_rotation(apr_pool_t *pool, const char *folder)
{
    const char *path = apr_pstrcat(pool, folder, "/rotation.jwks", NULL);
    const char *new_path = apr_pstrcat(pool, path, ".new", NULL);
    const char *first, *second, *seal, *error, *before;
    struct stat info;

    is_int(cloudep_keyfile_activate(pool, path, "x", &error), APR_ENOENT, "nothing to activate without a file");
    ok(access(path, F_OK) != 0 && access(new_path, F_OK) != 0, "and none is made");
    is_int(cloudep_keyfile_add(&first, pool, path, "ES256", &error), APR_SUCCESS, "the first key makes the file");
    ok(stat(path, &info) == 0 && (info.st_mode & 07777) == 0600, "with mode 0600");
    is_str(listing(pool, path), apr_pstrcat(pool, first, "*", NULL), "it is in use");
    is_int(cloudep_keyfile_add(&second, pool, path, "EdDSA", &error), APR_SUCCESS, "a second key");
    is_str(listing(pool, path), apr_pstrcat(pool, first, "* ", second, NULL), "is published, not in use");
    is_int(cloudep_keyfile_add(&seal, pool, path, "A256GCM", &error), APR_SUCCESS, "the first sealing key");
    is_str(listing(pool, path), apr_pstrcat(pool, first, "* ", second, " ", seal, "*", NULL), "is in use at once");
    is_int(cloudep_keyfile_retire(pool, path, first, &error), CLOUDEP_EREFUSED, "the key in use cannot be retired");
    ok(strstr(error, first) && strstr(error, "in use"), "and the text says why: %s", error);
    is_int(cloudep_keyfile_retire(pool, path, seal, &error), CLOUDEP_EREFUSED, "nor the only sealing key");
    is_int(cloudep_keyfile_activate(pool, path, second, &error), APR_SUCCESS, "the second key comes into use");
    is_str(listing(pool, path), apr_pstrcat(pool, second, "* ", first, " ", seal, "*", NULL), "the first one stays");
    is_int(cloudep_keyfile_retire(pool, path, first, &error), APR_SUCCESS, "now it can be retired");
    is_str(listing(pool, path), apr_pstrcat(pool, second, "* ", seal, "*", NULL), "and is gone");
    before = listing(pool, path);
    is_int(cloudep_keyfile_retire(pool, path, first, &error), APR_NOTFOUND, "not twice");
    ok(strstr(error, first) && strstr(error, path), "and the text names it: %s", error);
    is_int(cloudep_keyfile_activate(pool, path, first, &error), APR_NOTFOUND, "nor activated any more");
    is_int(cloudep_keyfile_add(&first, pool, path, "none", &error), CLOUDEP_EREFUSED, "no key for none");
    ok(!first && strstr(error, "none"), "and the text says so: %s", error);
    is_str(listing(pool, path), before, "what failed changed nothing");
    ok(access(new_path, F_OK) != 0, "and left nothing behind");
    ok(stat(path, &info) == 0 && (info.st_mode & 07777) == 0600, "the mode is still 0600");
}

static void test_lock(apr_pool_t *pool, const char *folder)
{
    const char *path = apr_pstrcat(pool, folder, "/lock.jwks", NULL);
    const char *new_path = apr_pstrcat(pool, path, ".new", NULL);
    const char *kid, *error, *before;

    (void)cloudep_keyfile_add(&kid, pool, path, "ES256", &error);
    before = listing(pool, path);
    write_file(new_path, "half a file", 0600);
    ok(APR_STATUS_IS_EEXIST(cloudep_keyfile_add(&kid, pool, path, "ES256", &error)),
       "a change under way is not disturbed");
    ok(strstr(error, new_path) && strstr(error, "remove"), "and the text says what to do: %s", error);
    is_str(listing(pool, path), before, "the set is as before");
    ok(access(new_path, F_OK) == 0, "the other's file stays");
    (void)unlink(new_path);
    is_int(cloudep_keyfile_add(&kid, pool, path, "ES256", &error), APR_SUCCESS, "afterwards it works");
    (void)unlink(path);
}

static void test_unusable(apr_pool_t *pool, const char *folder)
{
    const char *path = apr_pstrcat(pool, folder, "/unusable.jwks", NULL);
    const char *kid, *error;

    write_file(path, JWKS(JWK("k", RFC7515_A3_PUBLIC)), 0600);
    is_int(cloudep_keyfile_activate(pool, path, "k", &error), CLOUDEP_EREFUSED, "a public key cannot be in use");
    ok(strstr(error, "private") != NULL, "and the text says why: %s", error);
    write_file(path, "{\"keys\":", 0600);
    is_int(cloudep_keyfile_add(&kid, pool, path, "ES256", &error), CLOUDEP_EMALFORMED,
           "a broken file is not overwritten");
    write_file(path, JWKS(JWK("k", RFC7515_A3_PRIVATE)), 0644);
    is_int(cloudep_keyfile_add(&kid, pool, path, "ES256", &error), CLOUDEP_EREFUSED, "nor one that others can read");
    is_int(cloudep_keyfile_add(&kid, pool, apr_pstrcat(pool, folder, "/none/x.jwks", NULL), "ES256", &error),
           APR_ENOENT, "no folder to put it in");
    ok(error && strstr(error, "/none/x.jwks"), "and the text names it: %s", error);
    (void)unlink(path);
}

int main(void)
{
    char folder[] = "/tmp/cloudep-keyfile-XXXXXX";
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(folder)) {
        printf("Bail out! no folder for the test\n");
        return 1;
    }
    test_load(pool, folder);
    test_rotation(pool, folder);
    test_lock(pool, folder);
    test_unusable(pool, folder);
    (void)unlink(apr_pstrcat(pool, folder, "/rotation.jwks", NULL));
    ok(rmdir(folder) == 0, "nothing is left in the folder");
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
