/*
 * clock.h - the clock of a test's program, which the test moves: APR's, as our code asks it.
 */
#ifndef CLOUDEP_TEST_CLOCK_H
#define CLOUDEP_TEST_CLOCK_H

#include <apr_time.h>
#include <time.h>

static apr_interval_time_t moved;

apr_time_t apr_time_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000 + moved;
}

#endif
