/*
 * trace_test.c - which traceparent of a client goes on (W3C Trace Context, 3.2).
 */
#include <apr_general.h>

#include "core/trace.h"
#include "tap.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static const struct {
    const char *text;
    int valid;
    const char *name;
} cases[] = {
    {"00-" ID "-" PARENT "-01", 1, "one as it must be"},
    {"00-" ID "-" PARENT "-00", 1, "one that is not sampled"},
    {"01-" ID "-" PARENT "-01", 1, "one of a later version"},
    {"01-" ID "-" PARENT "-01-more", 1, "with what that version adds"},
    {"", 0, "nothing"},
    {"00-" ID "-" PARENT "-0", 0, "one that is cut short"},
    {"00-" ID "-" PARENT "-01-more", 0, "one of version 00 with more behind it"},
    {"01-" ID "-" PARENT "-01more", 0, "more without a dash"},
    {"ff-" ID "-" PARENT "-01", 0, "version ff"},
    {"00-00000000000000000000000000000000-" PARENT "-01", 0, "a trace of zeros"},
    {"00-" ID "-0000000000000000-01", 0, "a parent of zeros"},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", 0, "capital letters"},
    {"00-" ID "-" PARENT "-0g", 0, "flags that are no digits"},
    {"00_" ID "-" PARENT "-01", 0, "no dash behind the version"},
    {"00-" ID "_" PARENT "-01", 0, "none behind the trace"},
    {"00-" ID "-" PARENT "_01", 0, "none behind the parent"},
};

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(cloudep_trace_is_valid(cases[i].text), cases[i].valid, cases[i].name);
    }
    is_str(cloudep_trace_id(cases[0].text, pool), ID, "the trace of one");
    is_str(cloudep_trace_of(pool), NULL, "a pool without one");
    cloudep_trace_set(pool, cases[0].text);
    is_str(cloudep_trace_of(pool), cases[0].text, "has the one that was set");
    apr_terminate();
    return done_testing();
}
