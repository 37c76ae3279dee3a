/*
 * json_test.c - what the body parser takes, what it refuses, and that its reasons tell nothing.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/json.h"
#include "tap.h"

static apr_status_t parse(json_t **object, const char **reason, const char *text, apr_pool_t *pool)
{
    return cloudep_json_parse(object, reason, text, strlen(text), pool);
}

static void test_good(apr_pool_t *pool)
{
    json_t *object;
    const char *reason;

    is_int(parse(&object, &reason, "{}", pool), APR_SUCCESS, "the empty object");
    is_int(parse(&object, &reason, " \r\n{\"a\":\"\\u738b\\ud83d\\ude00\",\"b\":[1,2.5,null,true]}\n", pool),
           APR_SUCCESS, "an object with white space around it");
    is_str(reason, NULL, "needs no reason");
    is_str(json_string_value(json_object_get(object, "a")), "\xe7\x8e\x8b\xf0\x9f\x98\x80",
           "escapes and surrogate pairs are decoded");
    is_int(cloudep_json_parse(&object, &reason, "{}garbage", 2, pool), APR_SUCCESS,
           "bytes behind the length are not looked at");
}

static void test_bad(apr_pool_t *pool)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "null",
                                        "true",
                                        "1",
                                        "\"a\"",
                                        "[]",
                                        "[{}]",
                                        "{",
                                        "}",
                                        "{}}",
                                        "{}{}",
                                        "{} x",
                                        "{'a':1}",
                                        "{\"a\":1,}",
                                        "{\"a\" 1}",
                                        "{a:1}",
                                        "{\"a\":01}",
                                        "{\"a\":+1}",
                                        "{\"a\":.5}",
                                        "{\"a\":1.}",
                                        "{\"a\":NaN}",
                                        "{\"a\":Infinity}",
                                        "{\"a\":0x10}",
                                        "{\"a\":1e999}",
                                        "{\"a\":99999999999999999999}",
                                        "{\"a\":\"\x01\"}",
                                        "{\"a\":\"\n\"}",
                                        "{\"a\":\"\\x41\"}",
                                        "{\"a\":\"\\ud800\"}",
                                        "{\"a\":\"\\udc00\\ud800\"}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"a\\u0000b\":1}",
                                        "{\"a\":\"\xff\"}",
                                        "{\"a\":\"\xc0\x80\"}",
                                        "{\"a\":\"\xed\xa0\x80\"}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"o\":{\"a\":1,\"\\u0061\":2}}",
                                        "\xef\xbb\xbf{}",
                                        "{\"a\":\"\\",
                                        "{\"a\":\"",
                                        "// c\n{}",
                                        "{\"a\":tru}",
                                        NULL};
    json_t *object;
    const char *reason;

    for (const char *const *text = texts; *text; text++) {
        object = (json_t *)pool; /* anything but NULL */
        ok(parse(&object, &reason, *text, pool) == CLOUDEP_EMALFORMED && !object && reason, "refused: %s (%s)", *text,
           reason);
    }
    is_int(cloudep_json_parse(&object, &reason, "{\"a\":\"b\0c\"}", 11, pool), CLOUDEP_EMALFORMED,
           "a raw NUL is refused");
    is_int(cloudep_json_parse(&object, &reason, "{}\0", 3, pool), CLOUDEP_EMALFORMED, "also behind the object");
}

static char *nested(const char *open, const char *inside, const char *close, int levels, apr_pool_t *pool)
{
    const apr_size_t one = strlen(open), other = strlen(close);
    char *text = apr_pcalloc(pool, (one + other) * (apr_size_t)levels + strlen(inside) + 1);
    char *p = text;

    for (int i = 0; i < levels; i++, p += one) {
        memcpy(p, open, one);
    }
    p = apr_cpystrn(p, inside, strlen(inside) + 1);
    for (int i = 0; i < levels; i++, p += other) {
        memcpy(p, close, other);
    }
    return text;
}

static void test_depth(apr_pool_t *pool)
{
    json_t *object;
    const char *reason;

    is_int(parse(&object, &reason, nested("{\"a\":", "1", "}", 16, pool), pool), APR_SUCCESS,
           "16 objects in one another");
    is_int(parse(&object, &reason, nested("{\"a\":", "1", "}", 17, pool), pool), CLOUDEP_EMALFORMED, "17 are too many");
    is_str(reason, "the body is nested deeper than 16 levels", "and it says so");
    is_int(parse(&object, &reason, nested("{\"a\":", "1", "}", 10000, pool), pool), CLOUDEP_EMALFORMED, "10000 too");
    is_int(parse(&object, &reason, nested("[", "", "", 100000, pool), pool), CLOUDEP_EMALFORMED,
           "100000 open brackets");
    is_str(reason, "the body is nested deeper than 16 levels", "never reach the parser");
    is_int(parse(&object, &reason, "{\"a\":\"[[[[[[[[[[[[[[[[[[[[{{{{\"}", pool), APR_SUCCESS,
           "brackets in a string are text");
    is_int(parse(&object, &reason, "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[\\\\\",\"b\":[]}", pool), APR_SUCCESS,
           "also behind an escaped quote");
    is_int(parse(&object, &reason, "{\"a\":[[[]]],\"b\":[[[]]],\"c\":[[[]]],\"d\":[[[]]],\"e\":[[[]]],\"f\":[[[]]]}",
                 pool),
           APR_SUCCESS, "side by side is not deep");
    is_int(parse(&object, &reason,
                 apr_pstrcat(pool, "{\"a\":\"\\\\\",\"b\":", nested("[", "", "]", 17, pool), "}", NULL), pool),
           CLOUDEP_EMALFORMED, "an escaped backslash does not hide the end of a string");
}

static void test_reason(apr_pool_t *pool)
{
    static const char *const texts[] = {"{\"password\":\"hunter2secret\" x}",
                                        "{\"password\":\"hunter2secret",
                                        "{\"hunter2secret\":1,\"hunter2secret\":2}",
                                        "{\"a\":\"hunter2secret\\u0000\"}",
                                        "{\"a\":\"hunter2secret\xff\"}",
                                        "hunter2secret",
                                        NULL};
    json_t *object;
    const char *reason;

    for (const char *const *text = texts; *text; text++) {
        is_int(parse(&object, &reason, *text, pool), CLOUDEP_EMALFORMED, "a body with a secret");
        ok(!strstr(reason, "hunter"), "is not quoted: %s", reason);
    }
    (void)parse(&object, &reason, "{\"a\":1,\"a\":2}", pool);
    is_str(reason, "an object has the same key twice", "duplicate keys are told apart");
    (void)parse(&object, &reason, "[]", pool);
    is_str(reason, "the body is not a JSON object", "and what is no object");
    (void)parse(&object, &reason, "{\n\"a\" 1}", pool);
    is_str(reason, "the body is not valid JSON (line 2, column 5)", "and where the syntax breaks");
}

static void test_owner(apr_pool_t *pool)
{
    apr_pool_t *sub;
    json_t *value = json_string("kept"), *object;
    const char *reason;

    if (!ok(apr_pool_create(&sub, pool) == APR_SUCCESS, "a sub-pool")) {
        return;
    }
    ok(cloudep_json_own(json_incref(value), sub) == value, "a value given to a pool");
    is_int(parse(&object, &reason, "{\"a\":{}}", sub), APR_SUCCESS, "and a parsed one");
    is_int((long long)value->refcount, 2, "is held by it");
    apr_pool_destroy(sub);
    is_int((long long)value->refcount, 1, "and dropped with it");
    json_decref(value);
    ok(!cloudep_json_own(NULL, pool), "nothing may be given as well");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_good(pool);
    test_bad(pool);
    test_depth(pool);
    test_reason(pool);
    test_owner(pool);
    apr_terminate();
    return done_testing();
}
