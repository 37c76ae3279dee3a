/*
 * template_test.c - parsing, escaping and refusing of templates.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include "base/text/template.h"
#include "tap.h"

static const char *const names[] = {"code", "name", NULL};

static const cloudep_template_t *parse(apr_pool_t *pool, const char *source)
{
    const cloudep_template_t *template = NULL;
    const char *error = NULL;

    if (cloudep_template_parse(&template, pool, source, strlen(source), names, &error) != APR_SUCCESS) {
        printf("# %s\n", error);
        return NULL;
    }
    return template;
}

/* What becomes of source, or NULL. */
static const char *rendered(apr_pool_t *pool, const char *source, cloudep_escape_t escape, const char *name)
{
    const char *const values[] = {"123456", name};
    const cloudep_template_t *template = parse(pool, source);
    const char *text = NULL;

    return template && cloudep_template_render(&text, pool, template, escape, values) == APR_SUCCESS ? text : NULL;
}

static apr_status_t fault(apr_pool_t *pool, const char *source, apr_size_t len, const char **error)
{
    const cloudep_template_t *template;

    *error = NULL;
    return cloudep_template_parse(&template, pool, source, len, names, error);
}

static void test_rendering(apr_pool_t *pool)
{
    const cloudep_template_t *template = parse(pool, "a {{code}} b");
    const char *text;

    is_str(rendered(pool, "{{code}}, {{ name }}!{{code}}", CLOUDEP_ESCAPE_TEXT, "Ann"), "123456, Ann!123456",
           "values go in their places, more than once, with spaces around the name");
    is_str(rendered(pool, "", CLOUDEP_ESCAPE_TEXT, "Ann"), "", "the empty template");
    is_str(rendered(pool, "{ } }} {x} %s", CLOUDEP_ESCAPE_TEXT, "Ann"), "{ } }} {x} %s", "single braces are text");
    is_str(rendered(pool, "{{name}}", CLOUDEP_ESCAPE_TEXT, "{{code}}"), "{{code}}", "a value is not a template");
    is_str(rendered(pool, "您好 {{name}}", CLOUDEP_ESCAPE_TEXT, "王小明"), "您好 王小明", "UTF-8");
    ok(cloudep_template_uses(template, 0) && !cloudep_template_uses(template, 1), "which names are used");
    is_int(cloudep_template_render(&text, pool, template, CLOUDEP_ESCAPE_TEXT, (const char *const[]){"1", NULL}),
           APR_SUCCESS, "a value that is not used may be NULL");
    is_int(cloudep_template_render(&text, pool, template, CLOUDEP_ESCAPE_TEXT, (const char *const[]){NULL, "1"}),
           CLOUDEP_EDATA, "one that is used may not");
}

static void test_escaping(apr_pool_t *pool)
{
    is_str(rendered(pool, "<b title=\"{{name}}\">{{name}}</b>", CLOUDEP_ESCAPE_HTML, "<a href='x'>&\"</a>"),
           "<b title=\"&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;\">&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
           "&lt;/a&gt;</b>",
           "HTML: values are escaped, the template is not");
    is_str(rendered(pool, "{\"a\":\"{{name}}\"}", CLOUDEP_ESCAPE_JSON, "\"},\\\r\n\t\x7f\x01中"),
           "{\"a\":\"\\\"},\\\\\\u000d\\u000a\\u0009\\u007f\\u0001中\"}", "JSON");
    is_str(rendered(pool, "a={{name}}&b=1", CLOUDEP_ESCAPE_URL, "x&b=2 +%/\r\n中~"),
           "a=x%26b%3D2%20%2B%25%2F%0D%0A%E4%B8%AD~&b=1", "URL and form");
}

static void test_refused_values(apr_pool_t *pool)
{
    static const char *const bad[] = {
        "a\r\nBcc: x@example.com", "a\nb", "a\tb", "\x7f", "\xc2\x85", "\xff", "\xe2\x80\xae", "\xe2\x80\xa8", NULL};

    for (int i = 0; bad[i]; i++) {
        ok(!rendered(pool, "{{name}}", CLOUDEP_ESCAPE_TEXT, bad[i]) &&
               !rendered(pool, "{{name}}", CLOUDEP_ESCAPE_HTML, bad[i]),
           "unprintable value %d is refused in text and HTML", i);
    }
    ok(!rendered(pool, "{{name}}", CLOUDEP_ESCAPE_URL, "\xff") &&
           !rendered(pool, "{{name}}", CLOUDEP_ESCAPE_JSON, "\xc0\x80"),
       "what is not UTF-8 is refused everywhere");
}

static void test_faults(apr_pool_t *pool)
{
    const char *error;
    char *large = apr_pcalloc(pool, CLOUDEP_TEMPLATE_MAX + 2);

    is_int(fault(pool, "a\nb\n{{kode}}", 12, &error), CLOUDEP_EMALFORMED, "an unknown placeholder");
    is_str(error, "line 3: unknown placeholder {{kode}}", "is told with its line");
    is_int(fault(pool, "{{code", 6, &error), CLOUDEP_EMALFORMED, "an open placeholder");
    is_str(error, "line 1: {{ without a name and }} behind it", "is told");
    is_int(fault(pool, "{{}}", 4, &error), CLOUDEP_EMALFORMED, "one without a name");
    is_int(fault(pool, "{{co de}}", 9, &error), CLOUDEP_EMALFORMED, "one with a space in its name");
    is_int(fault(pool, "{{CODE}}", 8, &error), CLOUDEP_EMALFORMED, "one in capitals");
    is_int(fault(pool, "a\0b", 3, &error), CLOUDEP_EMALFORMED, "a zero byte");
    is_int(fault(pool, "\xff", 1, &error), CLOUDEP_EMALFORMED, "not UTF-8");
    memset(large, 'a', CLOUDEP_TEMPLATE_MAX + 1);
    is_int(fault(pool, large, CLOUDEP_TEMPLATE_MAX, &error), APR_SUCCESS, "as large as allowed");
    is_int(fault(pool, large, CLOUDEP_TEMPLATE_MAX + 1, &error), CLOUDEP_EMALFORMED, "one byte more");
    large[CLOUDEP_TEMPLATE_MAX] = 0;
    ok(!rendered(pool, "{{name}}.", CLOUDEP_ESCAPE_TEXT, large), "a text that grows too large is refused");
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    test_rendering(pool);
    test_escaping(pool);
    test_refused_values(pool);
    test_faults(pool);
    apr_pool_destroy(pool);
    return done_testing();
}
