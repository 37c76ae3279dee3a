/*
 * phone.c - reads phone numbers.
 */
#include "base/text/phone.h"

#include <string.h>

#include <apr_strings.h>

#include "base/text/phone_plan.h"
#include "base/text/typed.h"

#define DIGITS_MIN 7 /* the shortest that exist, on Niue */
#define DIGITS_MAX 15

/* What was read of a number. */
typedef struct {
    bool plus;
    char digits[2 + DIGITS_MAX + 1 + 1]; /* "00" before them, a zero in parentheses among them */
    apr_size_t count;
    apr_size_t optional_zero; /* where a "(0)" stands among the digits; 0: nowhere */
} typed_number_t;

/* The country codes (E.164) in whose numbers a 0 may follow the code, as these countries have no trunk prefix 0:
 * the numbers of libphonenumber's metadata, see phone_plan.h. */
static bool has_zeros(const char *digits, apr_size_t code_length)
{
    static const char *const codes[] = {"225", "226", "229", "242", "378", "39", "992"};

    for (apr_size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strlen(codes[i]) == code_length && strncmp(digits, codes[i], code_length) == 0) {
            return true;
        }
    }
    return false;
}

/* The fault of a number whose digits are given without the plus; NULL: none. */
static const char *judge(const char *digits)
{
    const apr_size_t length = strlen(digits);
    const apr_size_t code_length = cloudep_phone_code_length(digits);

    if (!code_length) {
        return "must begin with the code of a country, such as +886";
    }
    if (digits[code_length] == '0' && !has_zeros(digits, code_length)) {
        return "must not have the 0 after the country code that is dialled at home only";
    }
    return length < DIGITS_MIN || length > DIGITS_MAX ? "must have 7 to 15 digits" : NULL;
}

static bool is_plus(UChar32 c)
{
    return c == '+' || c == 0xff0b || c == 0xfe62; /* full-width and small form */
}

static bool is_opening(UChar32 c)
{
    return c == '(' || c == '[' || c == 0xff08;
}

static bool is_closing(UChar32 c)
{
    return c == ')' || c == ']' || c == 0xff09;
}

static bool is_between(UChar32 c)
{
    return cloudep_typed_is_separator(c) || c == '/' || c == 0xff0f;
}

/* The next character that is not blank. */
static UChar32 next_visible(const char *text, int32_t *at)
{
    UChar32 c;

    do {
        c = cloudep_typed_next(text, at);
    } while (cloudep_typed_is_blank(c));
    return c;
}

/* Whether the text goes on with "0)", as it does behind the parenthesis of a trunk zero. */
static bool is_lone_zero(const char *text, int32_t at)
{
    return cloudep_typed_digit(next_visible(text, &at)) == 0 && is_closing(next_visible(text, &at));
}

/* Collect the digits; false at a character that has no place in a phone number. */
static bool read_digits(typed_number_t *number, const char *text)
{
    int32_t at = 0;
    UChar32 c;

    memset(number, 0, sizeof(*number));
    while ((c = cloudep_typed_next(text, &at)) > 0) {
        const int digit = cloudep_typed_digit(c);

        if (digit >= 0) {
            if (number->count + 1 >= sizeof(number->digits)) {
                return true; /* too long, whatever follows */
            }
            number->digits[number->count++] = (char)('0' + digit);
        }
        else if (is_plus(c)) {
            if (number->plus || number->count) {
                return false;
            }
            number->plus = true;
        }
        else if (is_opening(c)) {
            if (is_lone_zero(text, at)) {
                number->optional_zero = number->count;
            }
        }
        else if (!is_closing(c) && !is_between(c)) {
            return false;
        }
    }
    return c == 0 && number->count;
}

/* The reason why it is no phone number, or NULL. */
static const char *read_phone(const char **phone, const char *text, apr_pool_t *pool)
{
    typed_number_t number;
    char *digits = number.digits;
    apr_size_t code_length;
    const char *fault;

    if (strlen(text) > CLOUDEP_TYPED_MAX || !read_digits(&number, text)) {
        return "must be a phone number such as +886912345678";
    }
    if (!number.plus) {
        if (strncmp(digits, "00", 2) != 0) {
            return "must begin with + and the country code, such as +886912345678";
        }
        digits += 2;
    }
    code_length = cloudep_phone_code_length(digits);
    if (code_length && number.optional_zero == (apr_size_t)(digits - number.digits) + code_length &&
        !has_zeros(digits, code_length)) {
        memmove(digits + code_length, digits + code_length + 1, strlen(digits + code_length));
    }
    if ((fault = judge(digits)) == NULL) {
        *phone = apr_pstrcat(pool, "+", digits, NULL);
    }
    return fault;
}

apr_status_t cloudep_normalize_phone(const char **phone, const char **reason, const char *text, apr_pool_t *pool)
{
    const char *fault;

    *phone = NULL;
    fault = read_phone(phone, text, pool);
    if (reason) {
        *reason = fault;
    }
    return fault ? CLOUDEP_EMALFORMED : APR_SUCCESS;
}

bool cloudep_is_phone(const char *text)
{
    return text[0] == '+' && strspn(text + 1, "0123456789") == strlen(text + 1) && !judge(text + 1);
}
