/*
 * password_test.c - argon2id hashes, hostile PHC strings, and which passwords are turned down.
 */
#include <pthread.h>
#include <time.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "base/crypto/password.h"
#include "tap.h"

/* Cheap, so that the test is quick; the default is used where it matters. */
static const cloudep_password_params_t cheap = {7168, 1, 1};
static const cloudep_password_params_t standard = {CLOUDEP_PASSWORD_MEMORY, CLOUDEP_PASSWORD_PASSES,
                                                   CLOUDEP_PASSWORD_LANES};

static void test_hash(apr_pool_t *pool)
{
    const char *phc, *other, *const longest = apr_psprintf(pool, "%0*d", 4096, 1);
    const cloudep_password_memory_t lent = {apr_palloc(pool, 7168 * 1024), 7168 * 1024};
    const cloudep_password_memory_t small = {lent.block, 1024};

    is_int(cloudep_password_hash(&phc, "correct horse", &standard, NULL, pool), APR_SUCCESS, "a hash");
    ok(strncmp(phc, "$argon2id$v=19$m=19456,t=2,p=1$", 31) == 0, "has OWASP's parameters: %.31s", phc);
    is_int((long long)strlen(phc), 97, "a salt of 16 and a tag of 32 bytes");
    is_int(cloudep_password_verify("correct horse", phc, NULL, pool), APR_SUCCESS, "the password is known again");
    is_int(cloudep_password_verify("correct horsf", phc, NULL, pool), CLOUDEP_EFORGED, "another is not");
    is_int(cloudep_password_verify("", phc, NULL, pool), CLOUDEP_EFORGED, "nor is none");
    is_int(cloudep_password_verify("correct horse ", phc, NULL, pool), CLOUDEP_EFORGED, "nor one with a space more");

    is_int(cloudep_password_hash(&phc, "p\xc3\xa4ssw\xc3\xb6rd\x01", &cheap, NULL, pool), APR_SUCCESS, "any bytes");
    is_int(cloudep_password_hash(&other, "p\xc3\xa4ssw\xc3\xb6rd\x01", &cheap, NULL, pool), APR_SUCCESS, "twice");
    ok(strcmp(phc, other) != 0, "have two different hashes");
    is_int(cloudep_password_verify("p\xc3\xa4ssw\xc3\xb6rd\x01", other, NULL, pool), APR_SUCCESS, "both good");

    is_int(cloudep_password_hash(&phc, longest, &cheap, NULL, pool), APR_SUCCESS, "4096 bytes");
    is_int(cloudep_password_verify(longest, phc, NULL, pool), APR_SUCCESS, "are a password");
    is_int(cloudep_password_verify(apr_pstrndup(pool, longest, 4095), phc, NULL, pool), CLOUDEP_EFORGED,
           "of which the last byte counts");
    is_int(cloudep_password_verify(apr_pstrcat(pool, longest, "x", NULL), phc, NULL, pool), CLOUDEP_EFORGED,
           "one more is not that password");
    is_int(cloudep_password_hash(&phc, apr_pstrcat(pool, longest, "x", NULL), &cheap, NULL, pool), APR_EINVAL,
           "nor can it be hashed");
    is_str(phc, NULL, "and leaves nothing");

    is_int(cloudep_password_hash(&phc, "correct horse", &cheap, &lent, pool), APR_SUCCESS, "a hash in lent memory");
    is_int(cloudep_password_verify("correct horse", phc, &small, pool), APR_SUCCESS,
           "is good where too little is lent");
    is_int(cloudep_password_verify("correct horse", phc, &lent, pool), APR_SUCCESS, "and in lent memory");
    is_int(cloudep_password_verify("correct horsf", phc, &lent, pool), CLOUDEP_EFORGED, "which forgets the last one");
    ok(!memcmp(lent.block, apr_pcalloc(pool, lent.size), lent.size), "and is left wiped");

    is_int(cloudep_password_decoy(&phc, &cheap, pool), APR_SUCCESS, "a decoy");
    is_int(cloudep_password_verify("password", phc, NULL, pool), CLOUDEP_EFORGED, "lets nobody in");
    ok(!cloudep_password_needs_rehash(phc, &cheap), "and costs what the others do");
}

/* From the test suite of the reference implementation, phc-winner-argon2. */
static void test_vector(apr_pool_t *pool)
{
    static const char phc[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    is_int(cloudep_password_verify("password", phc, NULL, pool), APR_SUCCESS, "the reference implementation's vector");
    is_int(cloudep_password_verify("Password", phc, NULL, pool), CLOUDEP_EFORGED, "and not another password");
}

static void test_malformed(apr_pool_t *pool)
{
#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define TAG "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    const char *const texts[] = {"",
                                 "$",
                                 "x",
                                 "password",
                                 "$argon2id",
                                 "$argon2id$",
                                 "$2b$10$abcdefghijklmnopqrstuv",
                                 "$argon2i$v=19$m=7168,t=1,p=1$" SALT "$" TAG,
                                 "$argon2d$v=19$m=7168,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=16$m=7168,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$m=7168,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=-1,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m= 7168,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=0x10,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=4294967295,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=999999999,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=1048576,t=64,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=0,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=999999999,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=0$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=255$" SALT "$" TAG,
                                 "$argon2id$v=19$m=4,t=1,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$t=1,m=7168,p=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=1,k=1$" SALT "$" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=1",
                                 "$argon2id$v=19$m=7168,t=1,p=1$",
                                 "$argon2id$v=19$m=7168,t=1,p=1$" SALT,
                                 "$argon2id$v=19$m=7168,t=1,p=1$" SALT "$",
                                 "$argon2id$v=19$m=7168,t=1,p=1$$" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=1$" SALT "$" TAG "$",
                                 "$argon2id$v=19$m=7168,t=1,p=1$" SALT "$" TAG "\n",
                                 "$argon2id$v=19$m=7168,t=1,p=1$" SALT "$!" TAG,
                                 "$argon2id$v=19$m=7168,t=1,p=1$\xff\xff$" TAG,
                                 "$argon2id$v=19$m=07168,t=1,p=1$" SALT "$" TAG,
                                 apr_psprintf(pool, "$argon2id$v=19$m=7168,t=1,p=1$" SALT "$%0*d", 600, 0),
                                 NULL};

    for (const char *const *phc = texts; *phc; phc++) {
        ok(cloudep_password_verify("password", *phc, NULL, pool) == CLOUDEP_EDATA, "cannot be a hash: %.60s", *phc);
    }
    is_int(cloudep_password_verify("password", "$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG, NULL, pool),
           CLOUDEP_EFORGED, "a weaker imported hash is looked at");
}

static void test_params(apr_pool_t *pool)
{
    static const cloudep_password_params_t good[] = {{19456, 2, 1}, {47104, 1, 1},    {12288, 3, 1},
                                                     {7168, 5, 1},  {1048576, 4, 16}, {65536, 64, 4}};
    static const cloudep_password_params_t bad[] = {
        {0, 2, 1},     {7167, 5, 1},   {1048577, 1, 1}, {19456, 0, 1},       {7168, 65, 1},
        {19456, 2, 0}, {19456, 2, 17}, {1048576, 5, 1}, {4294967295u, 1, 1}, {7168, 4294967295u, 1}};
    const char *phc;

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_str(cloudep_password_params_fault(&good[i]), NULL, "usable parameters");
    }
    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(cloudep_password_params_fault(&bad[i]) != NULL, "unusable parameters");
        is_int(cloudep_password_hash(&phc, "password", &bad[i], NULL, pool), APR_EINVAL, "are not used");
    }
}

static void test_rehash(apr_pool_t *pool)
{
    static const cloudep_password_params_t more_memory = {8192, 1, 1}, more_passes = {7168, 2, 1},
                                           more_lanes = {7168, 1, 2};
    const char *phc;

    is_int(cloudep_password_hash(&phc, "correct horse", &cheap, NULL, pool), APR_SUCCESS, "a hash");
    ok(!cloudep_password_needs_rehash(phc, &cheap), "is not due with the same parameters");
    ok(cloudep_password_needs_rehash(phc, &more_memory), "is due with other memory");
    ok(cloudep_password_needs_rehash(phc, &more_passes), "other passes");
    ok(cloudep_password_needs_rehash(phc, &more_lanes), "other lanes");
    ok(cloudep_password_needs_rehash("$2b$10$abc", &cheap), "and when it is no argon2id hash");
    is_int(cloudep_password_hash(&phc, "correct horse", &more_lanes, NULL, pool), APR_SUCCESS, "two lanes");
    is_int(cloudep_password_verify("correct horse", phc, NULL, pool), APR_SUCCESS, "work as well");
}

static const char *const words[] = {"Alice.Wonder@example.com", "acme-corp", "Alice Wonderland-Smith",
                                    "a-very-long-address-of-more-than-32-bytes@example.org", NULL};

static void test_refused(apr_pool_t *pool)
{
    static const char *const texts[] = {
        /* common, also in capitals, leet spelling, backwards, with the usual tail */
        "password", "PASSWORD", "Password", "p4ssw0rd", "P@ssw0rd", "P@$$w0rd", "drowssap", "Password1", "password123",
        "Passw0rd!", "P@ssw0rd1234", "Passw0rd2024", "iloveyou", "iloveyou2", "letmein!", "Welcome1", "Welcome1!",
        "trustno1!", "Sunshine1", "monkey12", "admin123", "princess", "football", "baseball1", "summer2024", "starwars",
        "january1", "michelle",
        /* repetitions */
        "aaaaaaaa", "abababab", "abcabcabcabc", "1111111111111111", "passwordpassword", "qxno6qxno6", "kX9$mkX9$mkX9$",
        "\xe5\xaf\x86\xe7\xa2\xbc\xe5\xaf\x86\xe7\xa2\xbc\xe5\xaf\x86\xe7\xa2\xbc\xe5\xaf\x86\xe7\xa2\xbc",
        /* sequences, keyboards, dates */
        "12345678", "123456789", "987654321", "abcdefgh", "abcdefghijklmnopqrstuvwxyz", "qwertyui", "qwertyuiop",
        "asdfghjkl", "zxcvbnm,./", "1qaz2wsx", "19900102", "01/02/1990", "31.12.1999", "11223344", "a1b2c3d4",
        "qwerty123",
        /* the user's own, whole and in parts */
        "alice.wonder@example.com", "ALICE.WONDER@EXAMPLE.COM", "alice.wonder", "4l1ce.w0nder",
        "Alice Wonderland-Smith", "wonderland", "AliceWonderland", "WonderlandAlice", "alicealice", "acme-corp",
        "acme-corp1", "acmecorp", "Smith1990", "a-very-long-address-of-more-than-32-bytes@example.org",
        "a-very-long-address-of-more-than-32-bytes", "A-VERY-LONG-ADDRESS-OF-MORE-THAN-32-BYTES", NULL};
    const char *reason;

    for (const char *const *text = texts; *text; text++) {
        const apr_status_t rv = cloudep_password_acceptable(&reason, *text, words, pool);

        ok(rv == CLOUDEP_EREFUSED && reason && strncmp(reason, "must not ", 9) == 0, "refused: %s (%s)", *text,
           reason ? reason : "accepted");
    }
    for (int i = 8; i <= 128; i += 8) {
        const char *many = apr_psprintf(pool, "%0*d", i, 0);

        ok(cloudep_password_acceptable(&reason, many, NULL, pool) == CLOUDEP_EREFUSED, "%d zeros", i);
    }
}

static void test_accepted(apr_pool_t *pool)
{
    static const char *const texts[] = {
        "kX9$mq2!Lw",
        "correct horse battery staple",
        "Tr0ub4dor&3-x",
        "sunny-Meadow-42-otter",
        "hunter2-plus-more-9",
        "\xe7\xb6\xa0\xe8\x89\xb2\xe7\x9a\x84\xe6\x83\xb3\xe6\xb3\x95\xe7\x86\x9f\xe7\x9d\xa1\xe8\x91\x97",
        "\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c\x31\x32",
        "\xf0\x9f\x90\x99\xf0\x9f\xa5\x95\xf0\x9f\x9a\x80\xf0\x9f\x8e\xb8"
        "\xf0\x9f\x8c\x8b\xf0\x9f\xa7\xa9\xf0\x9f\x90\xb3\xf0\x9f\x8d\x8b",
        "a-b.c d'e\"f\\g$h`i|j",
        "%s%s%s%n%n%n%x%d",
        "v7#Qz!pL v7#Qz!pL ",
        "kX9$mq2!kX9$mq2!",
        "meadow42otter", /* 20 to 40 bits */
        "Alice likes 7 purple llamas",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa kX9$mq2!Lw",
        NULL};
    const char *reason;

    for (const char *const *text = texts; *text; text++) {
        const apr_status_t rv = cloudep_password_acceptable(&reason, *text, words, pool);

        ok(rv == APR_SUCCESS && !reason, "accepted: %s (%s)", *text, reason ? reason : "no reason");
    }
    is_int(cloudep_password_acceptable(&reason, "kX9$mq2!Lw", NULL, pool), APR_SUCCESS, "without words");
}

static void test_reasons(apr_pool_t *pool)
{
    static const char *const wanted[][2] = {
        {"princess", "must not be a common password or a single word"},
        {"acme-corp", "must not be your name, email address or organisation"},
        {"abababab", "must not repeat a short text"},
        {"\xe7\xb6\xa0\xe8\x89\xb2\xe7\x9a\x84\xe7\xb6\xa0\xe8\x89\xb2\xe7\x9a\x84", "must not repeat a short text"},
        {"a-very-long-address-of-more-than-32-bytes", "must not be your name, email address or organisation"},
        {"bcdefghijk", "must not be a sequence of letters or digits"},
        {"zxcvbnm,./", "must not be a keyboard pattern"},
        {"01/02/1990", "must not be a date"},
        {"P@ssw0rd1234", "must not be so easy to guess: common words, names, dates and patterns count little"},
    };
    const char *reason;

    for (apr_size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        (void)cloudep_password_acceptable(&reason, wanted[i][0], words, pool);
        is_str(reason, wanted[i][1], wanted[i][0]);
    }
}

static double cpu_seconds(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Inputs that take libzxcvbn up to a second when it is given all 128 bytes at once. Compared with a
 * hash, so that a slow machine makes no difference. */
static void test_cost(apr_pool_t *pool)
{
    static const char *const units[] = {"$5", "65", "6", "1l|!i7", "4@8({[<369&#!1/|0$5+7%2", "a", "((((", NULL};
    const char *ignored;
    double from = cpu_seconds(), hash, worst = 0;

    (void)cloudep_password_hash(&ignored, "correct horse", &standard, NULL, pool);
    hash = cpu_seconds() - from;
    for (const char *const *unit = units; *unit; unit++) {
        char text[129] = {0};
        double seconds;

        for (apr_size_t i = 0; i < 127; i++) {
            text[i] = (*unit)[i % strlen(*unit)];
        }
        text[0] = text[0] == '2' ? '3' : '2'; /* no repetition as a whole: all pieces may be needed */
        text[127] = '7';
        from = cpu_seconds();
        (void)cloudep_password_acceptable(&ignored, text, words, pool);
        seconds = cpu_seconds() - from;
        worst = seconds > worst ? seconds : worst;
    }
    ok(worst < 5 * hash, "judging a hostile password (%.1f ms) costs less than five hashes (%.1f ms each)",
       worst * 1000, hash * 1000);
}

/* Every byte and many lengths, for the sanitizers to watch. */
static void test_any_bytes(apr_pool_t *pool)
{
    static const char alphabet[] = "s$5a4@c([{<e3l1|7i!o0t+xz2b8g69 \xff\x80\xe7ZzAa";
    unsigned int seed = 1;
    const char *reason;
    int answered = 0;

    for (int round = 0; round < 500; round++) {
        char text[200];
        apr_size_t length = (apr_size_t)round % 150;

        for (apr_size_t i = 0; i < length; i++) {
            seed = seed * 1103515245u + 12345u;
            text[i] = round % 2 ? alphabet[(seed >> 16) % (sizeof(alphabet) - 1)] : (char)(1 + (seed >> 16) % 255);
        }
        text[length] = '\0';
        answered += cloudep_password_acceptable(&reason, text, words, pool) == APR_SUCCESS ? !reason : !!reason;
        apr_pool_clear(pool);
    }
    is_int(answered, 500, "any bytes of any length get an answer");
}

static void *judge_and_hash(void *data)
{
    apr_pool_t *pool;
    const char *reason, *phc;
    int *right = data;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    for (int i = 0; i < 100; i++) {
        *right += cloudep_password_acceptable(&reason, "P@ssw0rd1234", words, pool) == CLOUDEP_EREFUSED;
        *right += cloudep_password_acceptable(&reason, "kX9$mq2!Lw", words, pool) == APR_SUCCESS;
    }
    *right += cloudep_password_hash(&phc, "kX9$mq2!Lw", &cheap, NULL, pool) == APR_SUCCESS &&
              cloudep_password_verify("kX9$mq2!Lw", phc, NULL, pool) == APR_SUCCESS;
    apr_pool_destroy(pool);
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[4];
    int right[4] = {0}, started = 0;

    while (started < 4 && pthread_create(&threads[started], NULL, judge_and_hash, &right[started]) == 0) {
        started++;
    }
    is_int(started, 4, "four threads");
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
        is_int(right[i], 201, "get the same answers at once");
    }
}

int main(void)
{
    apr_pool_t *pool, *scratch;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS ||
        apr_pool_create(&scratch, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_hash(pool);
    test_vector(pool);
    test_malformed(pool);
    test_params(pool);
    test_rehash(pool);
    test_refused(pool);
    test_accepted(pool);
    test_reasons(pool);
    test_cost(pool);
    test_any_bytes(scratch);
    test_threads();
    apr_terminate();
    return done_testing();
}
