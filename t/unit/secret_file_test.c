/*
 * secret_file_test.c - files of secrets that directives name: whose they must be, how long, and what a restart goes on
 * with when they are not good any more.
 */
#include "core/secret_file.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "core/ca_file.h"
#include "core/kept_files.h"
#include "folder.h"
#include "tap.h"

static apr_pool_t *p;
static const char *error;

static const char *repeat(char c, size_t length)
{
    char *text = apr_pcalloc(p, length + 1);

    memset(text, c, length);
    return text;
}

static apr_status_t line_of(const char **line, apr_pool_t *pool, const char *path)
{
    error = "";
    return cloudep_secret_line(line, pool, "CloudEPFile", path, &error);
}

/* What is wrong with a first line that is not taken. */
static void is_line(const char *text, const char *want, const char *name)
{
    const char *line = NULL;
    apr_status_t rv = line_of(&line, p, folder_file("line", text, 0600));

    ok(want ? rv == APR_SUCCESS && !strcmp(line, want) : rv == CLOUDEP_EMALFORMED, "%s", name);
}

static void test_line(void)
{
    const char *line;

    is_line("secret\n", "secret", "a line");
    is_line("secret", "secret", "one without an end");
    is_line(" sec ret \t\r\nmore\n", " sec ret", "white space at its end does not count, nor does the next line");
    is_line("\nsecret\n", NULL, "an empty first line");
    is_line(" \n", NULL, "one of spaces");
    is_line("", NULL, "an empty file");
    is_line(apr_pstrcat(p, repeat('x', 1024), "\r\n", NULL), repeat('x', 1024), "1024 bytes");
    is_line(apr_pstrcat(p, repeat('x', 1025), "\n", NULL), NULL, "1025 bytes");
    is_line(repeat('x', 5000), NULL, "5000 bytes");
    is_int(line_of(&line, p, NULL), CLOUDEP_EMALFORMED, "no file");
    is_str(error, "CloudEPFile is not set", "it says so");
    ok(APR_STATUS_IS_ENOENT(line_of(&line, p, folder_path("none"))) && strstr(error, "CloudEPFile /"),
       "a file that is not there: %s", error);
}

static void test_modes(void)
{
    static const mode_t open[] = {0640, 0620, 0604, 0602, 0660, 0666, 0644};
    static const mode_t closed[] = {0600, 0400, 0700};
    const char *line;

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        is_int(line_of(&line, p, folder_file("open", "verysecret\n", open[i])), CLOUDEP_EREFUSED,
               apr_psprintf(p, "mode %04o lets others in", open[i]));
        ok(strstr(error, "chmod 600") && !strstr(error, "verysecret"), "it says what to do: %s", error);
    }
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        is_int(line_of(&line, p, folder_file("closed", "verysecret\n", closed[i])), APR_SUCCESS,
               apr_psprintf(p, "mode %04o does not", closed[i]));
    }
}

static void test_whole(void)
{
    const char *text;
    apr_size_t length;

    is_int(cloudep_secret_file(&text, &length, p, "CloudEPFile", folder_file("whole", "0123456789", 0600), 10, &error),
           APR_SUCCESS, "a file of as many bytes as there may be");
    ok(length == 10 && !memcmp(text, "0123456789", 10), "all of it is read");
    is_int(cloudep_secret_file(&text, &length, p, "CloudEPFile", folder_file("whole", "0123456789a", 0600), 10, &error),
           CLOUDEP_EMALFORMED, "one byte more is too many");
    ok(strstr(error, "longer than 10 bytes") != NULL, "it says so: %s", error);
}

/* ---- restarts ---- */

/* A configuration is read: its pool. */
static apr_pool_t *begin(cloudep_kept_t *kept)
{
    apr_pool_t *pconf;

    (void)apr_pool_create(&pconf, p);
    cloudep_kept_begin(kept, pconf);
    return pconf;
}

static void test_restart(void)
{
    static cloudep_kept_t kept;
    const char *path = folder_file("kept", "first\n", 0600);
    apr_pool_t *pconf = begin(&kept);
    const char *line = NULL;
    const char *text;
    apr_size_t length;

    ok(!cloudep_kept_any(pconf), "at the first start nothing is kept");
    (void)line_of(&line, pconf, path);
    (void)line_of(&line, pconf, folder_file("other", "other\n", 0600));
    cloudep_kept_commit(pconf, p);
    apr_pool_destroy(pconf);
    (void)folder_file("kept", "second\n", 0644);
    (void)unlink(folder_path("other"));
    pconf = begin(&kept);
    ok(cloudep_kept_any(pconf) && !cloudep_kept_in_use(pconf), "at a restart something is, and files are read");
    is_int(line_of(&line, pconf, path), CLOUDEP_EREFUSED, "one is not good any more");
    cloudep_kept_use(pconf, 1);
    ok(cloudep_kept_in_use(pconf), "then what was before is in use");
    is_int(line_of(&line, pconf, path), APR_SUCCESS, "the file is not read");
    is_str(line, "first", "but what it held");
    is_int(line_of(&line, pconf, folder_path("other")), APR_SUCCESS, "as of one that is gone");
    ok(APR_STATUS_IS_ENOENT(line_of(&line, pconf, folder_path("new"))), "what was not there then is not there");
    is_int(cloudep_kept_names(pconf, folder.path)->nelts, 2, "what is kept of a folder");
    is_int(cloudep_kept_names(pconf, "/tmp")->nelts, 0, "and not of what is below it");
    cloudep_kept_use(pconf, 0);
    ok(!cloudep_kept_get(&text, &length, pconf, path), "afterwards files are read again");
    cloudep_kept_commit(pconf, p);
    apr_pool_destroy(pconf);
    pconf = begin(&kept);
    cloudep_kept_use(pconf, 1);
    is_int(line_of(&line, pconf, path), APR_SUCCESS, "the next restart");
    is_str(line, "first", "has the same, as nothing better was read");
    apr_pool_destroy(pconf);
}

/* What takes the place of a secret wipes it. */
static void test_wiped(void)
{
    static cloudep_kept_t kept;
    const char *path = folder_file("wiped", "to be wiped\n", 0600);
    apr_pool_t *pconf = begin(&kept);
    apr_pool_t *holds;
    const char *line, *bytes;
    struct {
        char *text;
        apr_size_t length;
    } * file;
    int left = 0;

    (void)line_of(&line, pconf, path);
    cloudep_kept_commit(pconf, p);
    file = apr_hash_get(kept.files, path, APR_HASH_KEY_STRING);
    bytes = file ? file->text : "no secret at all";
    ok(!strncmp(bytes, "to be wiped", 11), "a secret is kept");
    holds = kept.pool;
    kept.pool = NULL; /* this test destroys it, once it has looked */
    apr_pool_destroy(pconf);
    pconf = begin(&kept);
    cloudep_kept_commit(pconf, p);
    for (int i = 0; i < 11; i++) {
        left += bytes[i] != '\0';
    }
    is_int(left, 0, "and wiped when another configuration takes its place");
    apr_pool_destroy(holds);
    apr_pool_destroy(pconf);
}

/* ---- CA certificates ---- */

static apr_status_t prepare_ca(apr_pool_t *pool, const char *path)
{
    cloudep_config_t *config = apr_pcalloc(p, sizeof(*config));

    config->ca_file = path;
    error = "";
    return cloudep_ca_file_prepare(NULL, config, pool, &error);
}

static void test_ca(void)
{
    static cloudep_kept_t kept;
    const char *none = folder_file("none.pem", "no certificate\n", 0644);
    apr_pool_t *pconf = begin(&kept);

    is_int(prepare_ca(p, NULL), APR_SUCCESS, "without CA certificates the system's hold");
    is_int(prepare_ca(p, none), CLOUDEP_EMALFORMED, "a file without a certificate");
    ok(strstr(error, "there is no certificate (PEM) in it") != NULL, "it says so: %s", error);
    ok(APR_STATUS_IS_ENOENT(prepare_ca(p, folder_path("gone.pem"))), "one that is not there: %s", error);
    cloudep_kept_use(pconf, 1);
    is_int(prepare_ca(pconf, none), APR_SUCCESS, "a restart does not end for it");
    apr_pool_destroy(pconf);
}

int main(void)
{
    (void)apr_initialize();
    (void)apr_pool_create(&p, NULL);
    folder_make(p);
    test_line();
    test_modes();
    test_whole();
    test_restart();
    test_wiped();
    test_ca();
    folder_remove();
    return done_testing();
}
