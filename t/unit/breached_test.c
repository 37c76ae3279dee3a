/*
 * breached_test.c - the file of breached passwords: made of lists in order and not, of ranges, and read.
 */
#include <apr_escape.h>
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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
    is_int(import(&set, &error, 1, FROM(file("late", LETMEIN "\n" PASSWORD "\n" DIGITS "\n"))), APR_SUCCESS,
           "a list in order but for its first hash");
    ok(cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456") &&
           cloudep_breached_has(set, "letmein"),
       "is sorted as well");
    is_int(import(&set, &error, 1, FROM(file("twice", PASSWORD "\n" PASSWORD ":3\n"))), APR_SUCCESS,
           "a list in order that has a hash twice");
    is_int((long long)cloudep_breached_count(set), 1, "has it once");
    is_int(import(&set, &error, 1, FROM(file("one", PASSWORD "\n"), file("other", DIGITS "\n"))), APR_SUCCESS,
           "a list and another");
    ok(cloudep_breached_has(set, "password") && cloudep_breached_has(set, "123456"), "are both read");
    is_int(import(&set, &error, 1, FROM(ordered, mixed)), APR_SUCCESS, "two lists that have the same hashes");
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

/* What is of a range by its name, and what is a list whose name only begins like one. */
static void test_names(void)
{
    static const char *const lists[] = {"7C4A8.old", "7C4A80.txt", "7C4A8.txt.1", "5BAA", "5BAA6.TXT"};
    const cloudep_breached_t *set = NULL;
    const char *error = NULL;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        is_int(import(&set, &error, 1, FROM(file(lists[i], DIGITS "\n"))), APR_SUCCESS, lists[i]);
        ok(cloudep_breached_count(set) == 1 && cloudep_breached_has(set, "123456"), "is a list of whole hashes");
    }
}

/* The SHA-1 of each number, a line each. */
static const char *numbers(int from, int to)
{
    const char *text = "";

    for (int i = from; i < to; i++) {
        const char *number = apr_itoa(p, i);
        unsigned char hash[EVP_MAX_MD_SIZE];

        (void)EVP_Digest(number, strlen(number), hash, NULL, EVP_sha1(), NULL);
        text = apr_pstrcat(p, text, apr_pescape_hex(p, hash, 20, 0), "\n", NULL);
    }
    return text;
}

/* Sets of every small size: the search misses none and finds no other. */
static void test_search(void)
{
    int missed = 0, wrong = 0;

    for (int count = 1; count <= 10; count++) {
        const cloudep_breached_t *set = NULL;
        const char *error = NULL;

        if (import(&set, &error, 1, FROM(file("numbers", numbers(0, count)))) != APR_SUCCESS) {
            missed++;
            continue;
        }
        for (int i = 0; i < 40; i++) {
            const int found = cloudep_breached_has(set, apr_itoa(p, i));

            missed += i < count && !found;
            wrong += i >= count && found;
        }
    }
    is_int(missed, 0, "in sets of 1 to 10 each password is found");
    is_int(wrong, 0, "and no other");
}

/* What an import leaves: the file, with its time, for httpd to read; and nothing else, also when it fails. */
static void test_file(void)
{
    const char *out = apr_pstrcat(p, dir, "/out", NULL), *making = apr_pstrcat(p, out, ".making", NULL);
    const mode_t mask = umask(0);
    const time_t before = time(NULL);
    const char *error = NULL, *source = file("one", PASSWORD "\n");
    const cloudep_breached_t *set = NULL;
    unsigned char header[24] = {0};
    struct stat stated = {0};
    long long made = 0;
    FILE *in;

    (void)unlink(out);
    (void)unlink(making);
    is_int(import(&set, &error, 1, FROM(source)), APR_SUCCESS, "a file is made");
    ok(stat(out, &stated) == 0 && (stated.st_mode & 07777) == 0644, "which all may read and its owner may write (%o)",
       (unsigned)stated.st_mode);
    in = fopen(out, "r");
    ok(in && fread(header, 1, sizeof(header), in) == sizeof(header) && !fclose(in), "it has a header");
    for (int i = 16; i < 24; i++) {
        made = made << 8 | header[i];
    }
    ok(made >= before && made <= time(NULL), "with the time at which it was made");
    (void)umask(mask);

    (void)file("out.making", apr_psprintf(p, "%0200d", 0));
    is_int(import(&set, &error, 1, FROM(source)), APR_SUCCESS,
           "what an import left that was cut off is in nobody's way");
    is_int((long long)cloudep_breached_count(set), 1, "nor in the file");
    ok(access(making, F_OK) != 0, "no half-made file is left");
    ok(import(&set, &error, 1, FROM(file("bad", "bad\n"))) != APR_SUCCESS && access(making, F_OK) != 0,
       "nor is one when an import fails");
}

/* A folder's bad file, and a file that cannot be made. */
static void test_told(void)
{
    const char *folder = apr_pstrcat(p, dir, "/lists", NULL), *none = apr_pstrcat(p, dir, "/none/out", NULL);
    apr_array_header_t *sources = apr_array_make(p, 1, sizeof(const char *));
    const cloudep_breached_t *set = NULL;
    const char *error = NULL;

    (void)apr_dir_make(folder, APR_FPROT_OS_DEFAULT, p);
    (void)file("lists/a", "hello\n");
    (void)file("lists/b", DIGITS "\n");
    is_int(import(&set, &error, 1, FROM(folder)), CLOUDEP_EMALFORMED, "a folder of which one file is bad");
    ok(error && strstr(error, "/lists/a: line 1: "), "is told with that file: %s", error ? error : "nothing");
    APR_ARRAY_PUSH(sources, const char *) = file("good", PASSWORD "\n");
    error = NULL;
    ok(cloudep_breached_import(p, none, sources, 1, &error) != APR_SUCCESS && error &&
           strstr(error, "/none/out.making: "),
       "a file that cannot be made: %s", error ? error : "nothing");
    error = NULL;
    ok(cloudep_breached_import(p, folder, sources, 1, &error) != APR_SUCCESS && error && strstr(error, "/lists"),
       "a file where a folder is: %s", error ? error : "nothing");
}

/* n bytes of a file of one hash, of which one may be another. */
static apr_status_t open_bytes(size_t n, int at, char other)
{
    char bytes[40] = "CEBREACH\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0hash-one";
    const char *path = apr_pstrcat(p, dir, "/bytes", NULL), *error = NULL;
    const cloudep_breached_t *set = NULL;
    apr_file_t *out;
    apr_status_t rv;

    if (at >= 0) {
        bytes[at] = other;
    }
    rv = apr_file_open(&out, path, APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE, APR_FPROT_OS_DEFAULT, p);
    if (rv != APR_SUCCESS || (rv = apr_file_write_full(out, bytes, n, NULL)) != APR_SUCCESS ||
        (rv = apr_file_close(out)) != APR_SUCCESS) {
        return rv;
    }
    rv = cloudep_breached_open(&set, p, path, &error);
    ok(rv == APR_SUCCESS || (error && strstr(error, "/bytes: is no file that cloudepctl breached import has made")),
       "a file that is none is said to be none: %s", error ? error : "nothing");
    return rv;
}

static void test_bytes(void)
{
    is_int(open_bytes(32, -1, 0), APR_SUCCESS, "a file of one hash");
    is_int(open_bytes(35, -1, 0), CLOUDEP_EMALFORMED, "one with a few bytes behind it");
    is_int(open_bytes(40, -1, 0), CLOUDEP_EMALFORMED, "one with a hash too many");
    is_int(open_bytes(31, -1, 0), CLOUDEP_EMALFORMED, "one that is cut off");
    is_int(open_bytes(24, -1, 0), CLOUDEP_EMALFORMED, "one without its hash");
    is_int(open_bytes(24, 15, 0), APR_SUCCESS, "one that says to have none");
    is_int(open_bytes(23, 15, 0), CLOUDEP_EMALFORMED, "half a header");
    is_int(open_bytes(0, -1, 0), CLOUDEP_EMALFORMED, "an empty file");
    is_int(open_bytes(32, 0, 'X'), CLOUDEP_EMALFORMED, "a file of another kind");
    is_int(open_bytes(32, 7, 'X'), CLOUDEP_EMALFORMED, "a file of a kind much alike");
    is_int(open_bytes(32, 8, 1), CLOUDEP_EMALFORMED, "a number of hashes that is far too great");
}

static void test_faults(void)
{
    static const char *const lines[] = {"hello",        PASSWORD "0",   "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD",
                                        PASSWORD ":",   PASSWORD ":x",  PASSWORD " 3",
                                        PASSWORD ":3x", PASSWORD ": 3", PASSWORD ":-3"};
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
    test_names();
    test_search();
    test_file();
    test_told();
    test_bytes();
    test_faults();
    if (fork() == 0) {
        (void)execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    return done_testing();
}
