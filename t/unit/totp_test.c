/*
 * totp_test.c - RFC 4226 and RFC 6238 vectors, codes that oathtool made, the window and the otpauth URL.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/crypto/totp.h"
#include "tap.h"

static const unsigned char rfc_secret[] = "12345678901234567890";
#define RFC_SIZE (sizeof(rfc_secret) - 1)

static void test_vectors(void)
{
    /* RFC 4226, appendix D: counters 0 to 9 */
    static const char *const hotp[] = {"755224", "287082", "359152", "969429", "338314",
                                       "254676", "287922", "162583", "399871", "520489"};
    /* RFC 6238, appendix B, SHA-1: the last six of its eight digits */
    static const struct {
        apr_int64_t seconds;
        const char *code;
    } totp[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
    char code[CLOUDEP_TOTP_DIGITS + 1];

    for (int i = 0; i < 10; i++) {
        is_int(cloudep_totp_code(code, rfc_secret, RFC_SIZE, i), APR_SUCCESS, "RFC 4226 appendix D");
        is_str(code, hotp[i], "is reproduced");
    }
    for (apr_size_t i = 0; i < sizeof(totp) / sizeof(totp[0]); i++) {
        const apr_int64_t step = cloudep_totp_step(apr_time_from_sec(totp[i].seconds));

        is_int(step, totp[i].seconds / 30, "RFC 6238 appendix B: the step");
        is_int(cloudep_totp_code(code, rfc_secret, RFC_SIZE, step), APR_SUCCESS, "has a code");
        is_str(code, totp[i].code, "that is the RFC's");
    }
}

/* Made with: oathtool --totp -N TIME HEX */
static void test_oathtool(void)
{
    static const unsigned char secrets[3][20] = {{0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x21, 0xde, 0xad, 0xbe, 0xef,
                                                  0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x21, 0xde, 0xad, 0xbe, 0xef},
                                                 {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19},
                                                 {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    static const apr_int64_t seconds[] = {0, 951827696, 1795253400, 2147483648, 4294967296};
    static const char *const codes[3][5] = {{"702218", "133222", "699397", "682196", "603450"},
                                            {"858575", "919417", "747850", "808348", "925818"},
                                            {"103905", "287247", "674671", "774012", "502827"}};

    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 5; j++) {
            apr_int64_t step;

            is_int(cloudep_totp_verify(&step, secrets[i], 20, codes[i][j], apr_time_from_sec(seconds[j])), APR_SUCCESS,
                   "oathtool's code is accepted");
            is_int(step, seconds[j] / 30, "as that of its step");
        }
    }
}

static apr_int64_t step_at(apr_int64_t seconds, const char *code, apr_status_t *rv)
{
    apr_int64_t step = 4711;

    *rv = cloudep_totp_verify(&step, rfc_secret, RFC_SIZE, code, apr_time_from_sec(seconds));
    return step;
}

static void test_window(void)
{
    static const char *const bad[] = {"",        "28708",        "2870822",        "28708a", "28708 ",
                                      " 287082", "287 082",      "+28708",         "-28708", "287082\n",
                                      "2870.2",  "\xef\xbc\x92", "28708228708228", NULL};
    apr_status_t rv;

    /* 287082 is the code of step 1: seconds 30 to 59 */
    is_int(step_at(0, "287082", &rv), 1, "one step early is accepted, also at the very first step");
    is_int(step_at(30, "287082", &rv), 1, "the first second of the step");
    is_int(step_at(59, "287082", &rv), 1, "the last second of the step");
    is_int(step_at(89, "287082", &rv), 1, "one step late");
    is_int(rv, APR_SUCCESS, "is accepted");
    is_int(step_at(90, "287082", &rv), -1, "two steps late has no step");
    is_int(rv, CLOUDEP_EFORGED, "and is refused");
    is_int(step_at(120, "359152", &rv), -1, "a later step's code two steps late");
    is_int(rv, CLOUDEP_EFORGED, "is refused as well");
    is_int(step_at(0, "359152", &rv), -1, "two steps early");
    is_int(rv, CLOUDEP_EFORGED, "is refused");
    is_int(step_at(59, "287083", &rv), -1, "one digit wrong");
    is_int(rv, CLOUDEP_EFORGED, "is refused");
    for (const char *const *code = bad; *code; code++) {
        is_int(step_at(59, *code, &rv), -1, "what is no code");
        ok(rv == CLOUDEP_EMALFORMED, "is malformed: '%s'", *code);
    }
}

static void test_text(apr_pool_t *pool)
{
    const char *url;

    is_str(cloudep_totp_secret_text(rfc_secret, RFC_SIZE, pool), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
           "the secret in base32");
    is_str(cloudep_totp_secret_text((const unsigned char *)"f", 1, pool), "MY", "RFC 4648's one byte, without padding");
    is_str(cloudep_totp_secret_text((const unsigned char *)"foob", 4, pool), "MZXW6YQ", "RFC 4648's four bytes");

    is_int(cloudep_totp_url(&url, rfc_secret, RFC_SIZE, "Acme & Co", "alice+1@example.com", pool), APR_SUCCESS,
           "a URL");
    is_str(url,
           "otpauth://totp/Acme%20%26%20Co:alice%2B1%40example.com"
           "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Co"
           "&algorithm=SHA1&digits=6&period=30",
           "with everything escaped, a space not as a plus");
    is_int(cloudep_totp_url(&url, rfc_secret, RFC_SIZE, "A:B?c=d#e/f%20", "x:y", pool), APR_SUCCESS,
           "a hostile issuer");
    is_str(url,
           "otpauth://totp/A%20B%3Fc%3Dd%23e%2Ff%2520:x%20y"
           "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%20B%3Fc%3Dd%23e%2Ff%2520"
           "&algorithm=SHA1&digits=6&period=30",
           "adds neither a parameter nor a second colon");
    is_int(cloudep_totp_url(&url, rfc_secret, RFC_SIZE, "\xe9\x9b\xb2\xe7\xab\xaf", "\xe7\x8e\x8b", pool), APR_SUCCESS,
           "an issuer in Chinese");
    ok(strstr(url, "otpauth://totp/%E9%9B%B2%E7%AB%AF:%E7%8E%8B?") == url, "is escaped byte by byte");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_vectors();
    test_oathtool();
    test_window();
    test_text(pool);
    apr_terminate();
    return done_testing();
}
