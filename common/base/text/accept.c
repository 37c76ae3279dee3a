/*
 * accept.c - weighs what a client would rather have.
 */
#include "base/text/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <unicode/uenum.h>
#include <unicode/uloc.h>

/* One element of Accept. */
typedef struct {
    const char *type;
    size_t length;
    int quality; /* thousandths; negative: it cannot be read */
} range_t;

/* How well an available type is served. */
typedef struct {
    int quality;
    int specificity; /* 0: no range matches, 1: any type, 2: any of the kind, 3: this one */
} match_t;

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Where an element of a list, or a parameter of one, ends: separators in quoted strings count for nothing. */
static const char *end_of(const char *text, const char *separators)
{
    bool quoted = false;

    for (; *text && (quoted || !strchr(separators, *text)); text++) {
        if (*text == '"') {
            quoted = !quoted;
        }
        else if (quoted && *text == '\\' && text[1]) {
            text++;
        }
    }
    return text;
}

/* RFC 9110, 12.4.2: 0 to 1 with at most three digits behind the point. Negative: it is none. */
static int read_weight(const char *text, const char *end)
{
    int weight;

    if (text == end || (*text != '0' && *text != '1')) {
        return -1;
    }
    weight = (*text++ - '0') * 1000;
    if (text < end && *text == '.') {
        text++;
        for (int unit = 100; unit && text < end && *text >= '0' && *text <= '9'; unit /= 10) {
            weight += (*text++ - '0') * unit;
        }
    }
    return text == end && weight <= 1000 ? weight : -1;
}

/* Take the next range off the header; false at its end. */
static bool next_range(range_t *range, const char **header)
{
    const char *text = *header, *end;

    while (is_space(*text) || *text == ',') {
        text++;
    }
    if (!*text) {
        return false;
    }
    range->type = text;
    range->length = strcspn(text, ",; \t");
    range->quality = 1000;
    for (text = end_of(text, ",;"); *text == ';'; text = end) {
        const char *last = end = end_of(text + 1, ",;");

        for (text++; is_space(*text); text++) {
        }
        while (last > text && is_space(last[-1])) {
            last--;
        }
        if (strncasecmp(text, "q=", 2) == 0) {
            range->quality = read_weight(text + 2, last);
        }
    }
    *header = text;
    return true;
}

static int specificity_of(const range_t *range, const char *type)
{
    const size_t kind = strcspn(type, "/") + 1;

    if (strlen(type) == range->length && strncasecmp(range->type, type, range->length) == 0) {
        return 3;
    }
    if (range->length == kind + 1 && range->type[kind] == '*' && strncasecmp(range->type, type, kind) == 0) {
        return 2;
    }
    return range->length == 3 && strncmp(range->type, "*/*", 3) == 0;
}

static match_t match(const char *header, const char *type)
{
    match_t found = {0, 0};
    range_t range;

    while (next_range(&range, &header)) {
        const int specificity = range.quality < 0 ? 0 : specificity_of(&range, type);

        if (specificity > found.specificity) {
            found = (match_t){range.quality, specificity};
        }
    }
    return found;
}

static bool has_range(const char *header)
{
    range_t range;

    while (next_range(&range, &header)) {
        if (range.quality >= 0) {
            return true;
        }
    }
    return false;
}

const char *cloudep_accept_media(const char *header, const char *const available[])
{
    match_t best = {0, 0};
    const char *chosen = NULL;

    if (!header || !has_range(header)) {
        return available[0];
    }
    for (; *available; available++) {
        const match_t now = match(header, *available);

        if (now.quality > best.quality ||
            (now.quality == best.quality && now.quality > 0 && now.specificity > best.specificity)) {
            best = now;
            chosen = *available;
        }
    }
    return chosen;
}

const char *cloudep_accept_language(const char *header, const char *const available[])
{
    UErrorCode status = U_ZERO_ERROR;
    UAcceptResult result = ULOC_ACCEPT_FAILED;
    char chosen[ULOC_FULLNAME_CAPACITY], name[ULOC_FULLNAME_CAPACITY];
    UEnumeration *locales;
    int32_t count = 0;

    while (available[count]) {
        count++;
    }
    if (!header || !count) {
        return NULL;
    }
    locales = uenum_openCharStringsEnumeration(available, count, &status);
    (void)uloc_acceptLanguageFromHTTP(chosen, sizeof(chosen), &result, header, locales, &status);
    uenum_close(locales);
    if (status != U_ZERO_ERROR || result == ULOC_ACCEPT_FAILED) {
        return NULL;
    }
    for (; *available; available++) {
        UErrorCode naming = U_ZERO_ERROR;

        (void)uloc_getName(*available, name, sizeof(name), &naming);
        if (naming == U_ZERO_ERROR && strcmp(name, chosen) == 0) {
            return *available;
        }
    }
    return NULL;
}
