/*
 * cursor_test.c - cursors of pages: what was written is read again, and nothing else is.
 */
#include <string.h>
#include "base/text/b64.h"
#include "base/text/cursor.h"
#include "tap.h"

#define UUID "0f8fad5b-d9cb-469f-a165-70867728950e"

static void test_round_trip(apr_pool_t *p)
{
    const cloudep_cursor_t row = {.at = "1767225600123456", .id = UUID};
    const cloudep_cursor_t event = {.at = "0", .id = "999999999999999999"};
    cloudep_cursor_t read = {0};

    ok(cloudep_cursor_read(&read, p, cloudep_cursor_text(p, &row), cloudep_cursor_is_uuid) == APR_SUCCESS &&
           !strcmp(read.at, row.at) && !strcmp(read.id, row.id),
       "a cursor of a UUID is read as it was written");
    ok(cloudep_cursor_read(&read, p, cloudep_cursor_text(p, &event), cloudep_cursor_is_number) == APR_SUCCESS &&
           !strcmp(read.at, event.at) && !strcmp(read.id, event.id),
       "a cursor of a number is read as it was written");
}

static void test_malformed(apr_pool_t *p)
{
    static const char *const plain[] = {
        "",         ".",         "1767225600123456",         "." UUID,   "1767225600123456.", "-1." UUID,
        "1 ." UUID, "1e3." UUID, "123456789012345678." UUID, "1.." UUID, "1." UUID ".",       "1." UUID "'",
        "1.17",
    };
    cloudep_cursor_t read;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        ok(cloudep_cursor_read(&read, p, cloudep_b64_encode(p, plain[i], strlen(plain[i])), cloudep_cursor_is_uuid) ==
               CLOUDEP_EMALFORMED,
           "\"%s\" is no cursor", plain[i]);
    }
    ok(cloudep_cursor_read(&read, p, cloudep_b64_encode(p, "1." UUID "\0x", 40), cloudep_cursor_is_uuid) ==
           CLOUDEP_EMALFORMED,
       "nor is one with a NUL in it");
    ok(cloudep_cursor_read(&read, p, "not base64url!", cloudep_cursor_is_uuid) == CLOUDEP_EMALFORMED,
       "nor what is no base64url");
    ok(cloudep_cursor_read(&read, p, cloudep_b64_encode(p, "1.9999999999999999999", 21), cloudep_cursor_is_number) ==
           CLOUDEP_EMALFORMED,
       "a number of 19 digits is no id");
    ok(cloudep_cursor_read(&read, p, cloudep_b64_encode(p, "1." UUID, 38), cloudep_cursor_is_number) ==
           CLOUDEP_EMALFORMED,
       "nor is a UUID where a number is");
}

int main(void)
{
    apr_pool_t *p;

    apr_initialize();
    apr_pool_create(&p, NULL);
    test_round_trip(p);
    test_malformed(p);
    apr_pool_destroy(p);
    apr_terminate();
    return done_testing();
}
