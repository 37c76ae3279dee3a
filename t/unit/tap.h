/*
 * tap.h - just enough of the Test Anything Protocol for the C unit tests.
 *
 * One program per topic: call ok(), is_int() and is_str() from main() and end it with
 * `return done_testing();`. The plan is printed last, so a program that dies half way fails under
 * prove. Not for several threads at once.
 */
#ifndef CLOUDEP_TAP_H
#define CLOUDEP_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    int run;
    int failed;
} tap;

/**
 * Report one test; @a format names it. Returns @a condition, so that a follow-up can depend on it.
 * What cannot stand in a line of TAP becomes a question mark: names may quote hostile input.
 */
__attribute__((format(printf, 2, 3))) static inline int ok(int condition, const char *format, ...)
{
    char name[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    for (char *p = name; *p; p++) {
        *p = (*p < ' ' || *p > '~' || *p == '#') ? '?' : *p;
    }
    tap.run++;
    tap.failed += !condition;
    printf("%sok %d - %s\n", condition ? "" : "not ", tap.run, name);
    fflush(stdout);
    return condition;
}

/** Report whether @a got is @a want; a failure shows both. */
static inline int is_int(long long got, long long want, const char *name)
{
    if (!ok(got == want, "%s", name)) {
        printf("#      got: %lld\n# expected: %lld\n", got, want);
        return 0;
    }
    return 1;
}

/** Report whether the strings are equal; NULL is equal to NULL only. A failure shows both. */
static inline int is_str(const char *got, const char *want, const char *name)
{
    const int same = (got && want) ? strcmp(got, want) == 0 : got == want;

    if (!ok(same, "%s", name)) {
        printf("#      got: %s\n# expected: %s\n", got ? got : "(null)", want ? want : "(null)");
        return 0;
    }
    return 1;
}

/** Print the plan. Returns the exit status of the program: 0 when every test passed. */
static inline int done_testing(void)
{
    printf("1..%d\n", tap.run);
    if (tap.failed) {
        printf("# %d of %d tests failed\n", tap.failed, tap.run);
    }
    return tap.failed || !tap.run;
}

#endif
