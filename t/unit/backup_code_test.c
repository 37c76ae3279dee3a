/*
 * backup_code_test.c - backup codes belong to one member, survive a key rotation, and are found whichever they are.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>

#include "base/crypto/backup_code.h"
#include "tap.h"

#define KEY(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"alg\":\"A256GCM\",\"use\":\"enc\",\"k\":\"" k "\"}"
#define OLD KEY("old", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
#define NEW KEY("new", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8")

static const cloudep_jwks_t *set_of(apr_pool_t *pool, const char *keys)
{
    const char *json = apr_pstrcat(pool, "{\"keys\":[", keys, "]}", NULL);
    const cloudep_jwks_t *set = NULL;
    const char *error = NULL;

    if (cloudep_jwks_parse(&set, pool, json, strlen(json), CLOUDEP_JWKS_OWN, &error) != APR_SUCCESS) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
    return set;
}

static apr_array_header_t *split(apr_pool_t *pool, const char *text)
{
    apr_array_header_t *list = apr_array_make(pool, CLOUDEP_BACKUP_CODES, sizeof(const char *));
    char *last;

    for (char *word = apr_strtok(apr_pstrdup(pool, text), " ", &last); word; word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    return list;
}

/* How many of the codes are found at their own place in the stored list. */
static int found(apr_pool_t *pool, const cloudep_jwks_t *keys, const char *tenant, const char *uid,
                 const apr_array_header_t *codes, const apr_array_header_t *stored)
{
    int right = 0;

    for (int i = 0; i < codes->nelts; i++) {
        const char *text = NULL;

        right += cloudep_backup_code_find(&text, pool, keys, tenant, uid, APR_ARRAY_IDX(codes, i, const char *),
                                          stored) == APR_SUCCESS &&
                 !strcmp(text, APR_ARRAY_IDX(stored, i, const char *));
    }
    return right;
}

static void test_making(const apr_array_header_t *codes, const apr_array_header_t *stored, const char *text)
{
    int shaped = 0;
    int same = 0;
    int shown = 0;

    for (int i = 0; i < codes->nelts; i++) {
        const char *code = APR_ARRAY_IDX(codes, i, const char *);

        shaped += strlen(code) == 8 && strspn(code, "0123456789") == 8;
        shown += strstr(text, code) != NULL;
        for (int j = 0; j < i; j++) {
            same += !strcmp(code, APR_ARRAY_IDX(codes, j, const char *));
        }
    }
    is_int(codes->nelts, CLOUDEP_BACKUP_CODES, "ten codes are made");
    is_int(stored->nelts, CLOUDEP_BACKUP_CODES, "ten texts are to be stored");
    is_int(shaped, CLOUDEP_BACKUP_CODES, "each code has eight digits");
    is_int(same, 0, "no two codes are alike");
    is_int(shown, 0, "no code can be seen in what is stored");
}

int main(void)
{
    apr_pool_t *pool;
    apr_array_header_t *codes;
    apr_array_header_t *newer;
    apr_array_header_t *stored;
    const char *text;
    const char *none;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    const cloudep_jwks_t *keys = set_of(pool, OLD);
    const cloudep_jwks_t *rotated = set_of(pool, NEW "," OLD);

    is_int(cloudep_backup_codes_make(&codes, &text, pool, keys, "t", "u"), APR_SUCCESS, "codes are made");
    stored = split(pool, text);
    test_making(codes, stored, text);
    is_int(found(pool, keys, "t", "u", codes, stored), 10, "each code is found, as the one it is");
    is_int(found(pool, keys, "t", "v", codes, stored), 0, "another member's codes are not found");
    is_int(found(pool, keys, "s", "u", codes, stored), 0, "another tenant's codes are not found");
    is_int(found(pool, rotated, "t", "u", codes, stored), 10, "codes are found after the key was rotated");
    is_int(found(pool, set_of(pool, NEW), "t", "u", codes, stored), 0, "codes are not found once their key is gone");
    is_int(cloudep_backup_codes_make(&newer, &text, pool, rotated, "t", "u"), APR_SUCCESS, "codes under a newer key");
    is_int(found(pool, set_of(pool, NEW), "t", "u", newer, apr_array_append(pool, split(pool, text), stored)), 10,
           "are found beside some whose key is gone");
    is_int(cloudep_backup_code_find(&none, pool, keys, "t", "u", "", stored), CLOUDEP_EFORGED,
           "an empty code is wrong");
    ok(none == NULL, "an empty code finds nothing");
    is_int(cloudep_backup_code_find(&none, pool, keys, "t", "u", APR_ARRAY_IDX(codes, 0, const char *),
                                    apr_array_make(pool, 1, sizeof(const char *))),
           CLOUDEP_EFORGED, "without codes every code is wrong");
    APR_ARRAY_PUSH(stored, const char *) = "not a text of ours";
    is_int(cloudep_backup_code_find(&none, pool, keys, "t", "u", "00000000", stored), CLOUDEP_EMALFORMED,
           "a broken text is told apart from a wrong code");
    is_int(cloudep_backup_codes_make(&codes, &text, pool, NULL, "t", "u"), CLOUDEP_EUNSET,
           "without keys no codes are made");
    return done_testing();
}
