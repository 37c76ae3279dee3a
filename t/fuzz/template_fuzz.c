/*
 * template_fuzz.c - templates and the values put into them.
 *
 * The first byte is the escaping, two lines are the values, the rest is the template.
 */
#include <jansson.h>

#include "base/text/template.h"
#include "base/text/validate.h"
#include "fuzz.h"

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    static const char *const names[] = {"code", "tenant", NULL};
    const char *source = text + 1;
    const cloudep_template_t *template = NULL;
    const char *values[2], *error = NULL, *result = NULL;
    cloudep_escape_t escape;
    apr_size_t characters;

    if (!size) {
        return;
    }
    escape = *text == 'h'   ? CLOUDEP_ESCAPE_HTML
             : *text == 'j' ? CLOUDEP_ESCAPE_JSON
             : *text == 'u' ? CLOUDEP_ESCAPE_URL
                            : CLOUDEP_ESCAPE_TEXT;
    values[0] = fuzz_line(pool, &source);
    values[1] = fuzz_line(pool, &source);
    if (cloudep_template_parse(&template, pool, source, size - (apr_size_t)(source - text), names, &error) !=
        APR_SUCCESS) {
        FUZZ_CHECK(error && *error);
        return;
    }
    if (cloudep_template_render(&result, pool, template, escape, values) != APR_SUCCESS) {
        return;
    }
    FUZZ_CHECK(strlen(result) <= CLOUDEP_TEMPLATE_MAX && cloudep_utf8_length(&characters, result) == APR_SUCCESS);
    /* A template that is nothing but the value shows what escaping makes of it. */
    FUZZ_CHECK(cloudep_template_parse(&template, pool, "{{code}}", 8, names, &error) == APR_SUCCESS);
    if (cloudep_template_render(&result, pool, template, escape, values) != APR_SUCCESS) {
        return;
    }
    FUZZ_CHECK(escape != CLOUDEP_ESCAPE_HTML || !strpbrk(result, "<>\"'"));
    FUZZ_CHECK(escape != CLOUDEP_ESCAPE_URL || !strpbrk(result, " &=+#?/\r\n"));
    FUZZ_CHECK((escape != CLOUDEP_ESCAPE_TEXT && escape != CLOUDEP_ESCAPE_HTML) || cloudep_is_printable(result));
    if (escape == CLOUDEP_ESCAPE_JSON) {
        json_t *string = json_loads(apr_pstrcat(pool, "\"", result, "\"", NULL), JSON_DECODE_ANY, NULL);

        FUZZ_CHECK(json_is_string(string) && !strcmp(json_string_value(string), values[0]));
        json_decref(string);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
