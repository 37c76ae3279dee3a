/*
 * breached_test.c - the file of breached passwords: made of lists in order and not, of ranges, and read.
 */
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto/breached.h"
#include "tap.h"

/* SHA-1 of "password", "123456", "letmein", of coreutils' sha1sum. */
#define PASSWORD "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
#define DIGITS "7c4a8d09ca3762af61e59520943dc26494f8941b"
#define LETMEIN "B7A875FC1EA228B9061041B7CEC4BD3C52AB3CE3"

static apr_pool_t *p;
static const char *dir;

static const char *file(const char *name, const char *text)
{
    const char *path = apr_pstrcat(p, dir, "/", name, NULL);
    apr_file_t *out;

    if (apr_file_open(&out, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE, APR_FPROT_OS_DEFAULT, p) !=
            APR_SUCCESS ||
        apr_file_write_full(out, text, strlen(text), NULL) != APR_SUCCESS || apr_file_close(out) != APR_SUCCESS) {
        printf("Bail out! cannot write %s\n", path);
        exit(1); /* NOLINT(concurrency-mt-unsafe) */
    }
    return path;
}

/* Imports sources (ended by NULL) into "out" and opens that. */
static apr_status_t import(const cloudep_breached_t **set, const char **error, apr_int64_t least,
                           const char *const *from)
{
    apr_array_header_t *sources = apr_array_make(p, 2, sizeof(const char *));
    const char *out = apr_pstrcat(p, dir, "/out", NULL);
    apr_status_t rv;

    for (; *from; from++) {
        APR_ARRAY_PUSH(sources, const char *) = *from;
    }
    rv = cloudep_breached_import(p, out, sources, least, error);
    return rv == APR_SUCCESS ? cloudep_breached_open(set, p, out, error) : rv;
}

#define FROM(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_lists(void)
{
    const char *ordered = file("ordered", PASSWORD ":10\r\n" DIGITS ":3\n\n" LETMEIN "\n");
    const char *mixed = file("mixed", LETMEIN ":1\n" PASSWORD ":2\n" LETMEIN ":1\n" DIGITS ":3\n" PASSWORD ":2\n");
    const cloudep_breached_t *set = NULL;
    const char *error = NULL;

    is_int(import(&set, &error, 1, FROM(ordered)), APR_SUCCESS, "a list in order is imported");
    is_int((long long)cloudep_breached_count(set), 3, "with all its hashes");
    ok(cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456") &&
           cloudep_breached_has(set, "letmein"),
       "the first, the middle and the last are found");
    ok(!cloudep_breached_has(set, "Password") && !cloudep_breached_has(set, "") && !cloudep_breached_has(set, "zzz"),
       "others are not");
    is_int(import(&set, &error, 1, FROM(mixed)), APR_SUCCESS, "a list that is not");
    is_int((long long)cloudep_breached_count(set), 3, "has each hash once");
    ok(cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456") &&
           cloudep_breached_has(set, "letmein"),
       "and they are found");
    is_int(import(&set, &error, 1, FROM(ordered, mixed)), APR_SUCCESS, "two lists");
    is_int((long long)cloudep_breached_count(set), 3, "are one");
    is_int(import(&set, &error, 3, FROM(ordered)), APR_SUCCESS, "with a least number");
    ok(cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456") &&
           !cloudep_breached_has(set, "letmein"),
       "what was seen as often stays, what was seen less often goes");
    is_int(import(&set, &error, 1, FROM(file("empty", ""))), APR_SUCCESS, "an empty list");
    ok(!cloudep_breached_count(set) && !cloudep_breached_has(set, "password"), "has nobody's password");
}

static void test_ranges(void)
{
    const cloudep_breached_t *set = NULL;
    const char *error = NULL;
    const char *folder = apr_pstrcat(p, dir, "/ranges", NULL);

    (void)apr_dir_make(folder, APR_FPROT_OS_DEFAULT, p);
    (void)file("ranges/7C4A8.txt", "D09CA3762AF61E59520943DC26494F8941B:5\n");
    (void)file("ranges/5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8:7\n");
    (void)file("ranges/.hidden", "no list\n");
    is_int(import(&set, &error, 1, FROM(folder)), APR_SUCCESS, "a folder of ranges");
    ok(cloudep_breached_count(set) == 2 && cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456"),
       "their names are part of the hashes");
}

static void test_faults(void)
{
    static const char *const lines[] = {"hello",      PASSWORD "0",  "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD",
                                        PASSWORD ":", PASSWORD ":x", PASSWORD " 3"};
    const cloudep_breached_t *set = NULL;
    const char *error = NULL;
    const char *good = file("good", PASSWORD "\n");

    is_int(import(&set, &error, 1, FROM(good)), APR_SUCCESS, "a file that is there already");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        is_int(import(&set, &error, 1, FROM(file("bad", apr_pstrcat(p, LETMEIN "\n", lines[i], "\n", NULL)))),
               CLOUDEP_EMALFORMED, lines[i]);
        ok(error && strstr(error, "bad: line 2: "), "is told with its line: %s", error ? error : "nothing");
    }
    is_int(cloudep_breached_open(&set, p, apr_pstrcat(p, dir, "/out", NULL), &error), APR_SUCCESS,
           "after a failure the file is there still");
    ok(cloudep_breached_has(set, "password") && !cloudep_breached_has(set, "letmein"), "as it was");
    ok(import(&set, &error, 1, FROM(apr_pstrcat(p, dir, "/none", NULL))) != APR_SUCCESS && strstr(error, "/none: "),
       "a source that is not there: %s", error);
    is_int(cloudep_breached_open(&set, p, file("text", "CEBREACH and then something else"), &error), CLOUDEP_EMALFORMED,
           "another file");
    is_int(cloudep_breached_open(&set, p, file("short", "CEBREACH"), &error), CLOUDEP_EMALFORMED,
           "one that is too short");
    ok(cloudep_breached_open(&set, p, "/nowhere/x", &error) != APR_SUCCESS && strstr(error, "/nowhere/x: "),
       "one that is not there: %s", error);
}

int main(void)
{
    char made[] = "/tmp/cloudep-breached-XXXXXX";

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS || !(dir = mkdtemp(made))) {
        return 1;
    }
    test_lists();
    test_ranges();
    test_faults();
    if (fork() == 0) {
        (void)execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    return done_testing();
}
