/*
 * typed_fuzz.c - what people type: whatever is understood has one form, which is its own form and safe to store.
 *
 * The whole input is an email, a code, a phone number, a language tag, a password and the two headers of preference.
 */
#include "base/text/mime.h"
#include "base/text/accept.h"
#include "base/text/code.h"
#include "base/text/email.h"
#include "base/text/language.h"
#include "base/text/opaque_string.h"
#include "base/text/phone.h"
#include "base/text/phone_plan.h"
#include "base/text/validate.h"
#include "fuzz.h"

static void email(apr_pool_t *pool, const char *text)
{
    const char *once, *twice, *reason;

    if (cloudep_normalize_email(&once, &reason, text, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_email(&twice, NULL, once, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(cloudep_is_token(once) && strlen(once) <= 254 && cloudep_is_mail_address(once) && !reason);
    }
    else {
        FUZZ_CHECK(!once && reason);
    }
}

static void language(apr_pool_t *pool, const char *text)
{
    static const char *const ours[] = {"en", "zh-TW", "pt-BR", NULL};
    const char *once, *twice, *nearest;

    if (cloudep_normalize_language(&once, text, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_language(&twice, once, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(cloudep_is_token(once) && strlen(once) <= 35 && !strpbrk(once, "/.\\_"));
        nearest = cloudep_language_nearest(once, ours, pool);
        FUZZ_CHECK(!nearest || nearest == ours[0] || nearest == ours[1] || nearest == ours[2]);
    }
    else {
        FUZZ_CHECK(!once);
    }
}

static void code(apr_pool_t *pool, const char *text)
{
    const char *once, *twice;

    if (cloudep_normalize_digits(&once, text, 6, 8, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_digits(&twice, once, 6, 8, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(strlen(once) >= 6 && strlen(once) <= 8 && strspn(once, "0123456789") == strlen(once));
    }
    else {
        FUZZ_CHECK(!once);
    }
}

static void phone(apr_pool_t *pool, const char *text)
{
    const char *once, *twice, *reason;

    if (cloudep_normalize_phone(&once, &reason, text, pool) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_normalize_phone(&twice, NULL, once, pool) == APR_SUCCESS && !strcmp(once, twice));
        FUZZ_CHECK(*once == '+' && strlen(once) >= 8 && strlen(once) <= 16 && cloudep_is_phone(once) && !reason);
        FUZZ_CHECK(*cloudep_phone_kind_name(cloudep_phone_kind(once)) == 'a');
        FUZZ_CHECK(!cloudep_phone_in_country(once, ""));
    }
    else {
        FUZZ_CHECK(!once && reason && !cloudep_is_phone(text));
    }
}

static void password(apr_pool_t *pool, const char *text)
{
    const char *once, *twice, *reason;

    if (cloudep_password_prepare(&once, &reason, pool, CLOUDEP_PASSWORD_OPAQUE, text) == APR_SUCCESS) {
        FUZZ_CHECK(cloudep_password_prepare(&twice, NULL, pool, CLOUDEP_PASSWORD_OPAQUE, once) == APR_SUCCESS ||
                   strlen(once) > 4096);
        FUZZ_CHECK((!twice || !strcmp(once, twice)) && *once && cloudep_is_printable(once) && !reason);
    }
    else {
        FUZZ_CHECK(!once && reason);
    }
}

static void preferences(const char *text)
{
    static const char *const types[] = {"text/html", "application/json", NULL};
    static const char *const languages[] = {"en", "zh-TW", NULL};
    const char *type = cloudep_accept_media(text, types), *language = cloudep_accept_language(text, languages);

    FUZZ_CHECK(!type || type == types[0] || type == types[1]);
    FUZZ_CHECK(!language || language == languages[0] || language == languages[1]);
}

static void topic(apr_pool_t *pool, const char *text, size_t size)
{
    (void)size;
    email(pool, text);
    language(pool, text);
    code(pool, text);
    phone(pool, text);
    password(pool, text);
    preferences(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(topic, data, size);
}
