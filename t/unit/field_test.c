/*
 * field_test.c - tables of fields against JSON bodies and query strings.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/field.h"
#include "base/text/json.h"
#include "tap.h"

enum { SLUG, MAIL, PASS, CODE, NAME, LANG, MONEY, PHONE, LINK, OPT_IN, CHOICE, ID, TOKEN, NUMBER, COUNT };

static const char *const providers[] = {"google", "zitadel", NULL};

static const cloudep_field_t fields[] = {
    [SLUG] = {.name = "tenant_slug", .type = CLOUDEP_FIELD_SLUG, .flags = CLOUDEP_FIELD_REQUIRED},
    [MAIL] = {.name = "email", .type = CLOUDEP_FIELD_EMAIL, .flags = CLOUDEP_FIELD_REQUIRED},
    [PASS] =
        {.name = "password", .type = CLOUDEP_FIELD_PASSWORD, .flags = CLOUDEP_FIELD_REQUIRED, .min = 8, .max = 128},
    [CODE] = {.name = "code", .type = CLOUDEP_FIELD_CODE, .min = 6, .max = 8},
    [NAME] = {.name = "display_name", .type = CLOUDEP_FIELD_TEXT, .flags = CLOUDEP_FIELD_ALLOW_EMPTY, .max = 10},
    [LANG] = {.name = "language", .type = CLOUDEP_FIELD_LANGUAGE, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    [MONEY] = {.name = "currency", .type = CLOUDEP_FIELD_CURRENCY},
    [PHONE] = {.name = "phone", .type = CLOUDEP_FIELD_PHONE, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    [LINK] = {.name = "avatar", .type = CLOUDEP_FIELD_URL, .flags = CLOUDEP_FIELD_ALLOW_EMPTY},
    [OPT_IN] = {.name = "marketing_opt_in", .type = CLOUDEP_FIELD_BOOL},
    [CHOICE] = {.name = "provider", .type = CLOUDEP_FIELD_CHOICE, .choices = providers},
    [ID] = {.name = "challenge_id", .type = CLOUDEP_FIELD_ID},
    [TOKEN] = {.name = "refresh_token", .type = CLOUDEP_FIELD_TOKEN, .max = 20},
    [NUMBER] = {.name = "limit", .type = CLOUDEP_FIELD_NUMBER, .max = 3},
    [COUNT] = {.name = NULL}};

#define REQUIRED_GOOD "\"tenant_slug\":\"demo\",\"email\":\"a@b.tw\",\"password\":\"12345678\""

/* Check a body; NULL when it is no JSON, which no test here wants. */
static cloudep_field_value_t *check(apr_array_header_t **errors, const char *body, apr_pool_t *pool)
{
    cloudep_field_value_t *values = NULL;
    const char *reason;
    json_t *object;
    apr_status_t rv;

    *errors = NULL;
    if (cloudep_json_parse(&object, &reason, body, strlen(body), pool) != APR_SUCCESS) {
        ok(0, "test body %s: %s", body, reason);
        return NULL;
    }
    rv = cloudep_field_check_json(&values, errors, fields, object, pool);
    ok(*errors ? rv == CLOUDEP_EMALFORMED && (*errors)->nelts > 0 : rv == APR_SUCCESS,
       "the status agrees with the errors");
    return values;
}

static const cloudep_field_error_t *error_at(const apr_array_header_t *errors, int i)
{
    return errors && i < errors->nelts ? &APR_ARRAY_IDX(errors, i, cloudep_field_error_t) : NULL;
}

static void test_all_good(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    const cloudep_field_value_t *v =
        check(&errors,
              "{\"tenant_slug\":\"demo\",\"email\":\"Alice@Example.COM\",\"password\":\" p\xc3\xa4ss w\\n\\u0001rd \","
              "\"code\":\"123 456\",\"display_name\":\"\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e\",\"language\":\"zh-tw\","
              "\"currency\":\"TWD\",\"phone\":\"+886912345678\",\"avatar\":\"https://a.example/x.png\","
              "\"marketing_opt_in\":true,\"provider\":\"zitadel\",\"challenge_id\":\"aB-_9\","
              "\"refresh_token\":\"a.b~c\",\"limit\":\"100\",\"unknown\":[1,{}],\"__proto__\":null}",
              pool);

    ok(!errors, "every field is good");
    is_str(v[SLUG].text, "demo", "slug");
    is_str(v[MAIL].text, "alice@example.com", "email in lower case");
    is_str(v[PASS].text, " p\xc3\xa4ss w\n\x01rd ", "the password is exactly what was sent");
    is_str(v[CODE].text, "123456", "code without spaces");
    is_str(v[NAME].text, "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e", "name");
    is_str(v[LANG].text, "zh-TW", "language in canonical form");
    is_str(v[MONEY].text, "TWD", "currency");
    is_str(v[PHONE].text, "+886912345678", "phone");
    is_str(v[LINK].text, "https://a.example/x.png", "URL");
    is_str(v[OPT_IN].text, "true", "a Boolean as text");
    ok(v[OPT_IN].flag, "and as flag");
    is_str(v[CHOICE].text, "zitadel", "choice");
    is_str(v[ID].text, "aB-_9", "id");
    is_str(v[TOKEN].text, "a.b~c", "token");
    is_str(v[NUMBER].text, "100", "number");
}

/* What people paste; each kind has a test of its own with all there is. */
static void test_typed(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    const cloudep_field_value_t *v = check(
        &errors,
        "{\"tenant_slug\":\"demo\",\"email\":\" Alice@B\u00fccher.example\u00a0\",\"password\":\"\u00a0 a\u0308bcdef\","
        "\"code\":\"\uff11\uff12\uff13-456\u3000\",\"language\":\"zh_TW\",\"phone\":\"+886 (0)912-345.678\"}",
        pool);

    ok(!errors, "every field is understood");
    is_str(v[MAIL].text, "alice@xn--bcher-kva.example", "an email address");
    is_str(v[PASS].text,
           "\xc2\xa0 a\xcc\x88"
           "bcdef",
           "a password is exactly what was sent");
    is_str(v[CODE].text, "123456", "a code");
    is_str(v[LANG].text, "zh-TW", "a language");
    is_str(v[PHONE].text, "+886912345678", "a phone number");
}

static void test_default_true(apr_pool_t *pool)
{
    static const cloudep_field_t keep[] = {
        {.name = "keep", .type = CLOUDEP_FIELD_BOOL, .flags = CLOUDEP_FIELD_DEFAULT_TRUE}, {.name = NULL}};
    static const struct {
        const char *json;
        bool flag;
        const char *name;
    } cases[] = {{"{}", true, "a Boolean whose default is true is true when absent"},
                 {"{\"keep\":null}", true, "and when null"},
                 {"{\"keep\":true}", true, "and when true"},
                 {"{\"keep\":false}", false, "and false when false"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *object = json_loads(cases[i].json, 0, NULL);
        cloudep_field_value_t *values;
        apr_array_header_t *errors;

        is_int(cloudep_field_check_json(&values, &errors, keep, object, pool), APR_SUCCESS, cases[i].name);
        ok(values[0].flag == cases[i].flag, "%s, as flag", cases[i].name);
        json_decref(object);
    }
}

static void test_absent(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    const cloudep_field_value_t *v;

    v = check(&errors, "{" REQUIRED_GOOD ",\"language\":null,\"marketing_opt_in\":null}", pool);
    ok(!errors, "optional fields may be absent or null");
    is_str(v[NAME].text, NULL, "absent has no value");
    is_str(v[LANG].text, NULL, "null neither");
    ok(!v[OPT_IN].text && !v[OPT_IN].flag, "an absent Boolean is neither true nor sent");

    v = check(&errors, "{" REQUIRED_GOOD ",\"display_name\":\"\",\"currency\":\"\",\"marketing_opt_in\":false}", pool);
    ok(!errors, "optional fields may be empty");
    is_str(v[NAME].text, "", "an empty text passes where the table allows it");
    is_str(v[MONEY].text, NULL, "and else counts as absent");
    ok(v[OPT_IN].text && !v[OPT_IN].flag, "false is sent, and false");

    (void)check(&errors, "{\"email\":null,\"password\":\"\"}", pool);
    is_int(errors ? errors->nelts : 0, 3, "absent, null and empty required fields");
    for (int i = 0; i < 3; i++) {
        const cloudep_field_error_t *error = error_at(errors, i);

        is_str(error ? error->rule : NULL, CLOUDEP_RULE_REQUIRED, "are missing");
        is_str(error ? error->field : NULL, fields[i].name, "named in the table's order");
        is_str(error ? error->reason : NULL, "is required", "with a reason");
    }
}

/* One wrong member beside the good required ones: exactly one error, that of the field. */
static void wrong(int field, const char *json, const char *rule, const char *reason, apr_pool_t *pool)
{
    apr_array_header_t *errors;
    const char *body = apr_psprintf(pool, "{%s,\"%s\":%s}",
                                    field == SLUG   ? "\"email\":\"a@b.tw\",\"password\":\"12345678\""
                                    : field == MAIL ? "\"tenant_slug\":\"demo\",\"password\":\"12345678\""
                                    : field == PASS ? "\"tenant_slug\":\"demo\",\"email\":\"a@b.tw\""
                                                    : REQUIRED_GOOD,
                                    fields[field].name, json);
    const cloudep_field_value_t *values = check(&errors, body, pool);
    const cloudep_field_error_t *error = error_at(errors, 0);

    ok(error && errors->nelts == 1, "one error for %s = %.60s", fields[field].name, json);
    if (!error || !values) {
        return;
    }
    is_str(error->field, fields[field].name, "that names the field");
    is_str(error->rule, rule, "and the rule");
    is_str(error->reason, reason, "and says what is wrong");
    is_str(values[field].text, NULL, "and there is no value");
}

static void test_types(apr_pool_t *pool)
{
    static const char *const not_strings[] = {"1", "1.5", "true", "false", "[]", "{}", "[\"a\"]", NULL};
    static const char *const not_booleans[] = {"1", "0", "\"true\"", "\"\"", "[]", "{}", NULL};

    for (int field = 0; field < COUNT; field++) {
        if (field != OPT_IN) {
            for (const char *const *json = not_strings; *json; json++) {
                wrong(field, *json, CLOUDEP_RULE_FORMAT, "must be a string", pool);
            }
        }
    }
    for (const char *const *json = not_booleans; *json; json++) {
        wrong(OPT_IN, *json, CLOUDEP_RULE_FORMAT, "must be true or false", pool);
    }
}

static void test_forms(apr_pool_t *pool)
{
    wrong(SLUG, "\"Demo\"", CLOUDEP_RULE_FORMAT, "must be lower-case letters, digits and hyphens", pool);
    wrong(MAIL, "\"a@b\"", CLOUDEP_RULE_FORMAT, "must be an email address", pool);
    wrong(MAIL, "\"a@b.tw\\r\\nBcc: c@d.tw\"", CLOUDEP_RULE_FORMAT, "must be an email address", pool);
    wrong(PASS, "\"1234567\"", CLOUDEP_RULE_LENGTH, "must have at least 8 characters", pool);
    wrong(PASS, "\"\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\"", CLOUDEP_RULE_LENGTH, "must have at least 8 characters",
          pool);
    wrong(CODE, "\"1234567\"", CLOUDEP_RULE_FORMAT, "must be 6 or 8 digits", pool);
    wrong(CODE, "\"12345\"", CLOUDEP_RULE_FORMAT, "must be 6 or 8 digits", pool);
    wrong(CODE, "\"123456789\"", CLOUDEP_RULE_FORMAT, "must be 6 or 8 digits", pool);
    wrong(CODE, "\"12345x\"", CLOUDEP_RULE_FORMAT, "must be 6 or 8 digits", pool);
    wrong(CODE, "\" \"", CLOUDEP_RULE_FORMAT, "must be 6 or 8 digits", pool);
    wrong(NAME, "\"12345678901\"", CLOUDEP_RULE_LENGTH, "must have at most 10 characters", pool);
    wrong(NAME, "\"a\\nb\"", CLOUDEP_RULE_FORMAT, "must not have control characters", pool);
    wrong(NAME, "\"\\u202eb\"", CLOUDEP_RULE_FORMAT, "must not have control characters", pool);
    wrong(NAME, "\"  \\u3000\"", CLOUDEP_RULE_FORMAT, "must not be only white space", pool);
    wrong(LANG, "\"english\"", CLOUDEP_RULE_FORMAT, "must be a language tag such as zh-TW or en", pool);
    wrong(MONEY, "\"twd\"", CLOUDEP_RULE_FORMAT, "must be a currency code such as TWD or USD", pool);
    wrong(LANG, "\"zh_\"", CLOUDEP_RULE_FORMAT, "must be a language tag such as zh-TW or en", pool);
    wrong(MAIL, "\"\u00e9@b.tw\"", CLOUDEP_RULE_FORMAT, "must be an email address with ASCII characters before the @",
          pool);
    wrong(PHONE, "\"+886 912 x\"", CLOUDEP_RULE_FORMAT, "must be a phone number such as +886912345678", pool);
    wrong(PHONE, "\"0912345678\"", CLOUDEP_RULE_FORMAT, "must begin with + and the country code, such as +886912345678",
          pool);
    wrong(PHONE, "\"+8860912345678\"", CLOUDEP_RULE_FORMAT,
          "must not have the 0 after the country code that is dialled at home only", pool);
    wrong(LINK, "\"javascript:alert(1)\"", CLOUDEP_RULE_FORMAT, "must be an absolute http or https URL", pool);
    wrong(CHOICE, "\"Google\"", CLOUDEP_RULE_CHOICE, "must be one of: google, zitadel", pool);
    wrong(CHOICE, "\"googleplus\"", CLOUDEP_RULE_CHOICE, "must be one of: google, zitadel", pool);
    wrong(NUMBER, "\"1a\"", CLOUDEP_RULE_FORMAT, "must be digits", pool);
    wrong(NUMBER, "\"-1\"", CLOUDEP_RULE_FORMAT, "must be digits", pool);
    wrong(ID, "\"a b\"", CLOUDEP_RULE_FORMAT, "must be an id as it was handed out", pool);
    wrong(TOKEN, "\"a b\"", CLOUDEP_RULE_FORMAT, "must be printable ASCII without spaces", pool);
    wrong(TOKEN, "\"123456789012345678901\"", CLOUDEP_RULE_LENGTH, "must have at most 20 characters", pool);
}

static void test_lengths(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    char body[2048];
    const cloudep_field_value_t *v;

    for (int characters = 127; characters <= 129; characters++) {
        char *p = body + snprintf(body, sizeof(body), "{\"tenant_slug\":\"demo\",\"email\":\"a@b.tw\",\"password\":\"");

        for (int i = 0; i < characters; i++) {
            p = apr_cpystrn(p, "\xf0\x9f\x98\x80", 5);
        }
        (void)apr_cpystrn(p, "\"}", 3);
        v = check(&errors, body, pool);
        ok((errors == NULL) == (characters <= 128), "a password of %d four-byte characters", characters);
        ok(!v[PASS].text || strlen(v[PASS].text) == (size_t)characters * 4, "is not cut");
    }
    v = check(&errors,
              "{" REQUIRED_GOOD ",\"display_name\":\"\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e"
              "\x8b\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\xe7\x8e\x8b\"}",
              pool);
    ok(!errors && v[NAME].text, "ten characters are ten, whatever their bytes");
}

static void test_many_errors(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    const cloudep_field_value_t *v =
        check(&errors, "{\"password\":\"short\",\"email\":7,\"language\":\"xx\",\"display_name\":\"Ann\"}", pool);

    is_int(errors ? errors->nelts : 0, 4, "all faults are told at once");
    is_str(error_at(errors, 0)->field, "tenant_slug", "in the table's order");
    is_str(error_at(errors, 0)->rule, CLOUDEP_RULE_REQUIRED, "missing ones");
    is_str(error_at(errors, 1)->field, "email", "and malformed ones");
    is_str(error_at(errors, 1)->rule, CLOUDEP_RULE_FORMAT, "told apart");
    is_str(error_at(errors, 2)->field, "password", "the third");
    is_str(error_at(errors, 3)->field, "language", "the fourth");
    is_str(v[NAME].text, "Ann", "what is good has its value nevertheless");
    for (int i = 0; i < 4; i++) {
        ok(!strstr(error_at(errors, i)->reason, "short"), "no reason quotes a value");
    }
}

static void test_ownership(apr_pool_t *pool)
{
    apr_array_header_t *errors;
    cloudep_field_value_t *v;
    json_t *object = json_loads("{" REQUIRED_GOOD ",\"display_name\":\"Ann\"}", 0, NULL);

    is_int(cloudep_field_check_json(&v, &errors, fields, object, pool), APR_SUCCESS, "a body");
    json_decref(object);
    is_str(v[NAME].text, "Ann", "values outlive it");
    is_str(v[PASS].text, "12345678", "all of them");

    object = json_pack("{s:s%}", "display_name", "a\0b", (size_t)3);
    (void)cloudep_field_check_json(&v, &errors, fields, object, pool);
    json_decref(object);
    is_str(error_at(errors, 3) ? error_at(errors, 3)->reason : NULL, "must not have a NUL character",
           "a text with a NUL is never cut short in silence");
}

static void test_query(apr_pool_t *pool)
{
    static const cloudep_field_t callback[] = {
        {.name = "code", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = 2048},
        {.name = "state", .type = CLOUDEP_FIELD_ID, .flags = CLOUDEP_FIELD_REQUIRED},
        {.name = "verbose", .type = CLOUDEP_FIELD_BOOL},
        {.name = "name", .type = CLOUDEP_FIELD_TEXT},
        {.name = NULL}};
    apr_table_t *arguments = apr_table_make(pool, 4);
    apr_array_header_t *errors;
    cloudep_field_value_t *v;

    apr_table_addn(arguments, "code", "4/0Ab");
    apr_table_addn(arguments, "State", "other");
    apr_table_addn(arguments, "state", "s-1");
    apr_table_addn(arguments, "verbose", "true");
    apr_table_addn(arguments, "iss", "ignored");
    is_int(cloudep_field_check_query(&v, &errors, callback, arguments, pool), APR_SUCCESS, "a callback's query");
    is_str(v[0].text, "4/0Ab", "its code");
    is_str(v[1].text, "s-1", "its state, told from one in another case");
    ok(v[2].flag, "its Boolean");
    is_str(v[3].text, NULL, "an absent parameter");

    apr_table_addn(arguments, "state", "s-1");
    is_int(cloudep_field_check_query(&v, &errors, callback, arguments, pool), CLOUDEP_EMALFORMED,
           "a parameter given twice");
    is_str(error_at(errors, 0)->field, "state", "is refused");
    is_str(error_at(errors, 0)->rule, CLOUDEP_RULE_FORMAT, "as malformed");
    is_str(error_at(errors, 0)->reason, "must be given once only", "even with the same value");

    apr_table_clear(arguments);
    apr_table_addn(arguments, "code", "");
    apr_table_addn(arguments, "verbose", "yes");
    apr_table_addn(arguments, "name", "\xc3(");
    is_int(cloudep_field_check_query(&v, &errors, callback, arguments, pool), CLOUDEP_EMALFORMED, "a bad query");
    is_int(errors->nelts, 4, "has four faults");
    is_str(error_at(errors, 0)->rule, CLOUDEP_RULE_REQUIRED, "empty is missing");
    is_str(error_at(errors, 1)->rule, CLOUDEP_RULE_REQUIRED, "absent is missing");
    is_str(error_at(errors, 2)->reason, "must be true or false", "a Boolean is true or false");
    is_str(error_at(errors, 3)->reason, "must be valid UTF-8", "text is UTF-8");
}

/* Names with dots go down into objects; lists of words come out as one text. */
static const cloudep_field_t nested[] = {
    {.name = "credential.response.data", .type = CLOUDEP_FIELD_TOKEN, .flags = CLOUDEP_FIELD_REQUIRED, .max = 100},
    {.name = "credential.response.ways", .type = CLOUDEP_FIELD_WORDS, .max = 3},
    {.name = "credential.id", .type = CLOUDEP_FIELD_ID},
    {.name = NULL}};
enum { DATA, WAYS, CREDENTIAL_ID };

static const cloudep_field_value_t *check_nested(apr_array_header_t **errors, const char *body, apr_pool_t *pool)
{
    cloudep_field_value_t *values = NULL;
    json_t *object = json_loads(body, 0, NULL);

    *errors = NULL;
    (void)cloudep_field_check_json(&values, errors, nested, object, pool);
    json_decref(object);
    return values;
}

static void test_nested(apr_pool_t *pool)
{
    static const char *const without[] = {"{}",
                                          "{\"credential\":null}",
                                          "{\"credential\":\"x\"}",
                                          "{\"credential\":[{\"response\":{\"data\":\"x\"}}]}",
                                          "{\"credential\":{\"response\":7}}",
                                          "{\"credential\":{\"data\":\"x\"}}",
                                          "{\"credential.response.data\":\"x\"}",
                                          "{\"credential\":{\"response.data\":\"x\"}}",
                                          "{\"credentials\":{\"response\":{\"data\":\"x\"}}}",
                                          "{\"cred\":{\"response\":{\"data\":\"x\"}}}",
                                          NULL};
    apr_array_header_t *errors;
    const cloudep_field_value_t *v = check_nested(
        &errors,
        "{\"credential\":{\"id\":\"k\",\"response\":{\"data\":\"d\",\"other\":1}},\"response\":{\"data\":\"z\"}}",
        pool);

    ok(!errors, "members of objects are found");
    is_str(v[DATA].text, "d", "two objects deep");
    is_str(v[CREDENTIAL_ID].text, "k", "and one");
    ok(!v[WAYS].text, "what is not there has no value");
    for (const char *const *body = without; *body; body++) {
        (void)check_nested(&errors, *body, pool);
        is_str(error_at(errors, 0) ? error_at(errors, 0)->field : NULL, "credential.response.data", *body);
        is_str(error_at(errors, 0) ? error_at(errors, 0)->rule : NULL, CLOUDEP_RULE_REQUIRED,
               "is missing, by its whole name");
    }
    (void)check_nested(&errors, "{\"credential\":{\"response\":{\"data\":{\"data\":\"x\"}}}}", pool);
    is_str(error_at(errors, 0) ? error_at(errors, 0)->reason : NULL, "must be a string", "an object is no text");
}

static void test_words(apr_pool_t *pool)
{
    static const struct {
        const char *json, *want;
    } good[] = {{"[\"usb\"]", "usb"}, {"[\"usb\",\"nfc\",\"smart-card_2\"]", "usb nfc smart-card_2"}, {"null", NULL}};
    static const struct {
        const char *json, *reason;
    } bad[] = {{"\"usb\"", "must be an array of at most 3 words"},
               {"{}", "must be an array of at most 3 words"},
               {"7", "must be an array of at most 3 words"},
               {"[\"a\",\"b\",\"c\",\"d\"]", "must be an array of at most 3 words"},
               {"[\"usb\",7]", "must be an array of words, of letters, digits, - and _"},
               {"[null]", "must be an array of words, of letters, digits, - and _"},
               {"[\"\"]", "must be an array of words, of letters, digits, - and _"},
               {"[\"a b\"]", "must be an array of words, of letters, digits, - and _"},
               {"[\"a\\u0000b\"]", "must be an array of words, of letters, digits, - and _"},
               {"[[\"a\"]]", "must be an array of words, of letters, digits, - and _"}};
    apr_array_header_t *errors;
    const cloudep_field_value_t *v;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        v = check_nested(
            &errors, apr_psprintf(pool, "{\"credential\":{\"response\":{\"data\":\"d\",\"ways\":%s}}}", good[i].json),
            pool);
        ok(!errors, "%s is a list of words", good[i].json);
        is_str(v[WAYS].text, good[i].want, "which is one text");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *object = json_pack("{s:{s:{s:s,s:o}}}", "credential", "response", "data", "d", "ways",
                                   json_loads(bad[i].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        cloudep_field_value_t *values;

        errors = NULL;
        is_int(cloudep_field_check_json(&values, &errors, nested, object, pool), CLOUDEP_EMALFORMED, bad[i].json);
        json_decref(object);
        is_str(error_at(errors, 0) ? error_at(errors, 0)->field : NULL, "credential.response.ways",
               "is told by its name");
        is_str(error_at(errors, 0) ? error_at(errors, 0)->reason : NULL, bad[i].reason, "with what it must be");
    }
    v = check_nested(&errors, "{\"credential\":{\"response\":{\"data\":\"d\",\"ways\":[]}}}", pool);
    ok(!errors && (!v[WAYS].text || !*v[WAYS].text), "an empty list is a list");
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_all_good(pool);
    test_typed(pool);
    test_absent(pool);
    test_default_true(pool);
    test_types(pool);
    test_forms(pool);
    test_lengths(pool);
    test_many_errors(pool);
    test_ownership(pool);
    test_query(pool);
    test_nested(pool);
    test_words(pool);
    apr_terminate();
    return done_testing();
}
