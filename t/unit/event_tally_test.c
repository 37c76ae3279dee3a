/*
 * event_tally_test.c - failures that are counted: the first is told at once, the others by their number.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

#include "service/event_tally.h"
#include "hammer.h"
#include "tap.h"

static apr_pool_t *p;

static const cloudep_counted_t *only(apr_array_header_t *taken)
{
    return taken->nelts == 1 ? &APR_ARRAY_IDX(taken, 0, cloudep_counted_t) : NULL;
}

static void test_one_key(void)
{
    cloudep_tally_t *tally = cloudep_tally_create(p);
    const cloudep_counted_t *counted;

    is_int(cloudep_tally_add(tally, "a", "{\"n\":0}", "{\"r\":0}", 0), CLOUDEP_TALLY_FIRST,
           "the first is to be written");
    is_int(cloudep_tally_add(tally, "a", "{\"n\":1}", "{\"r\":1}", 0), CLOUDEP_TALLY_COUNTED, "the second is counted");
    is_int(cloudep_tally_add(tally, "a", "{\"n\":2}", "{\"r\":2}", 0), CLOUDEP_TALLY_COUNTED, "the third, too");
    is_int(cloudep_tally_add(tally, "b", "{}", "{}", 0), CLOUDEP_TALLY_FIRST, "another key has a first of its own");
    counted = only(cloudep_tally_take(tally, p));
    is_str(counted ? counted->line : NULL, "{\"n\":1,\"count\":2}", "the line is that of the second, with the number");
    is_str(counted ? counted->record : NULL, "{\"r\":1,\"count\":2}", "as is the row");
    is_int(cloudep_tally_add(tally, "a", "{\"n\":3}", "{}", 0), CLOUDEP_TALLY_COUNTED,
           "in the second that follows one with failures nothing is written at once");
    is_int(cloudep_tally_add(tally, "b", "{}", "{}", 0), CLOUDEP_TALLY_FIRST, "a key without any is forgotten");
    counted = only(cloudep_tally_take(tally, p));
    is_str(counted ? counted->line : NULL, "{\"n\":3,\"count\":1}", "what was told is not told again");
    is_int(cloudep_tally_take(tally, p)->nelts, 0, "nothing is told of a second without failures");
    is_int(cloudep_tally_add(tally, "a", "{}", "{}", 0), CLOUDEP_TALLY_FIRST, "after it there is a first again");
}

static void test_bound(void)
{
    cloudep_tally_t *tally = cloudep_tally_create(p);
    int first = 0;

    for (int i = 0; i < CLOUDEP_TALLY_KEYS; i++) {
        first += cloudep_tally_add(tally, apr_itoa(p, i), "{}", "{}", 0) == CLOUDEP_TALLY_FIRST;
    }
    is_int(first, CLOUDEP_TALLY_KEYS, "there is room for so many keys");
    is_int(cloudep_tally_add(tally, "one more", "{}", "{}", 0), CLOUDEP_TALLY_FULL, "and for no more");
    is_int(cloudep_tally_add(tally, "7", "{}", "{}", 0), CLOUDEP_TALLY_COUNTED, "those that are there go on");
    is_int(cloudep_tally_add(tally, "together", "{}", "{}", 1), CLOUDEP_TALLY_FIRST, "a shared key has room always");
    is_int(cloudep_tally_add(tally, "together", "{}", "{}", 1), CLOUDEP_TALLY_COUNTED, "and is counted");
    is_int(cloudep_tally_take(tally, p)->nelts, 2, "what was counted is told");
    is_int(cloudep_tally_add(tally, "one more", "{}", "{}", 0), CLOUDEP_TALLY_FIRST, "then there is room again");
}

/* ---- from many threads */

static void add(hammer_t *at, void *tally)
{
    const cloudep_tally_e done =
        cloudep_tally_add(tally, apr_itoa(at->pool, at->round % 50), "{\"x\":1}", "{\"y\":2}", 0);

    at->count += done == CLOUDEP_TALLY_FIRST || done == CLOUDEP_TALLY_COUNTED;
    if (at->number == 0 && at->round % 100 == 0) {
        apr_array_header_t *taken = cloudep_tally_take(tally, at->pool);

        for (int i = 0; i < taken->nelts; i++) {
            at->wrong += strncmp(APR_ARRAY_IDX(taken, i, cloudep_counted_t).line, "{\"x\":1,\"count\":", 15) != 0;
        }
    }
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_one_key();
    test_bound();
    (void)hammer("keys are counted and taken at the same time", add, cloudep_tally_create(p));
    return done_testing();
}
