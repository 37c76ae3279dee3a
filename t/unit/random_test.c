/*
 * random_test.c - form, spread and independence of what must not be guessed.
 */
#include <sys/wait.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_hash.h>
#include <apr_strings.h>

#include "base/crypto/random.h"
#include "base/text/validate.h"
#include "tap.h"

static void test_bytes(void)
{
    unsigned char bytes[4096] = {0};
    int ones = 0;

    is_int(cloudep_random_bytes(bytes, sizeof(bytes)), APR_SUCCESS, "4096 bytes");
    for (apr_size_t i = 0; i < sizeof(bytes); i++) {
        ones += __builtin_popcount(bytes[i]);
    }
    /* 32768 fair coins: 90.5 is one standard deviation, 1000 is never seen */
    ok(ones > 16384 - 1000 && ones < 16384 + 1000, "half of the bits are set (%d)", ones);
    is_int(cloudep_random_bytes(bytes, 0), APR_SUCCESS, "no bytes are fine too");
}

static void test_texts(apr_pool_t *pool)
{
    apr_hash_t *seen = apr_hash_make(pool);
    int good_uuids = 0, good_ids = 0;

    for (int i = 0; i < 1000; i++) {
        const char *uuid, *id;

        if (cloudep_random_uuid(&uuid, pool) == APR_SUCCESS) {
            good_uuids += cloudep_is_uuid(uuid) && uuid[14] == '4' && strchr("89ab", uuid[19]) &&
                          strspn(uuid, "0123456789abcdef-") == 36;
            apr_hash_set(seen, uuid, APR_HASH_KEY_STRING, "");
        }
        if (cloudep_random_id(&id, pool) == APR_SUCCESS) {
            good_ids += cloudep_is_id(id) && strlen(id) == 22;
            apr_hash_set(seen, id, APR_HASH_KEY_STRING, "");
        }
    }
    is_int(good_uuids, 1000, "1000 UUIDs of version 4 and variant 1, in lower case");
    is_int(good_ids, 1000, "1000 ids of 22 characters of base64url");
    is_int(apr_hash_count(seen), 2000, "no two of them equal");
}

/* Whatever rules an identity provider has for passwords: a letter of either case, a digit and a sign. */
static void test_passwords(apr_pool_t *pool)
{
    int good = 0;

    for (int i = 0; i < 1000; i++) {
        const char *password;

        good += cloudep_random_password(&password, pool) == APR_SUCCESS && strlen(password) <= 72 &&
                strpbrk(password, "abcdefghijklmnopqrstuvwxyz") && strpbrk(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") &&
                strpbrk(password, "0123456789") && strpbrk(password, "-_");
    }
    is_int(good, 1000, "1000 random passwords that any rule allows");
}

static void test_digits(apr_pool_t *pool)
{
    int count[6][10] = {{0}}, uneven = 0, malformed = 0;
    const char *code;

    for (int i = 0; i < 20000; i++) {
        if (cloudep_random_digits(&code, 6, pool) != APR_SUCCESS || strlen(code) != 6 ||
            strspn(code, "0123456789") != 6) {
            malformed++;
            continue;
        }
        for (int j = 0; j < 6; j++) {
            count[j][code[j] - '0']++;
        }
    }
    is_int(malformed, 0, "20000 codes of six digits, with leading zeros");
    for (int j = 0; j < 6; j++) {
        for (int digit = 0; digit < 10; digit++) {
            /* 2000 expected, 42 is one standard deviation */
            uneven += count[j][digit] < 1650 || count[j][digit] > 2350;
        }
    }
    is_int(uneven, 0, "each digit comes as often as any other, at each place");
    is_int(cloudep_random_digits(&code, 1, pool), APR_SUCCESS, "one digit");
    is_int((long long)strlen(code), 1, "is one digit");
    is_int(cloudep_random_digits(&code, 18, pool), APR_SUCCESS, "18 digits");
    is_int((long long)strlen(code), 18, "are 18 digits");
    is_int(cloudep_random_digits(&code, 0, pool), APR_EINVAL, "no digits are refused");
    is_int(cloudep_random_digits(&code, 19, pool), APR_EINVAL, "19 digits are refused");
    is_str(code, NULL, "and no code comes out");
}

/* httpd's children are forks of one process that has used the generator already. */
static void test_fork(apr_pool_t *pool)
{
    char from_child[2][23] = {{0}};
    const char *id;

    (void)cloudep_random_id(&id, pool);
    for (int i = 0; i < 2; i++) {
        int ends[2], status = 1;
        pid_t child;

        if (!ok(pipe(ends) == 0, "a pipe")) {
            return;
        }
        child = fork();
        if (child == 0) {
            _exit(cloudep_random_id(&id, pool) != APR_SUCCESS || write(ends[1], id, 22) != 22);
        }
        ok(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child draws an id");
        is_int(read(ends[0], from_child[i], 22), 22, "and tells it");
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    (void)cloudep_random_id(&id, pool);
    ok(strcmp(from_child[0], from_child[1]) != 0, "two children draw different ids");
    ok(strcmp(from_child[0], id) != 0 && strcmp(from_child[1], id) != 0, "and the parent another");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_bytes();
    test_texts(pool);
    test_passwords(pool);
    test_digits(pool);
    test_fork(pool);
    apr_terminate();
    return done_testing();
}
