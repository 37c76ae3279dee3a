/*
 * breaker_test.c - the bound on calls, the line before it, and when the breaker opens, probes and closes.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_thread_proc.h>

#include "base/breaker.h"
#include "tap.h"

#define PAUSE apr_time_from_sec(1) /* no machine is so busy that it passes between two calls */

static apr_pool_t *pool;

static cloudep_breaker_t *make(int calls, int queue, int wait_ms, int failures)
{
    const cloudep_breaker_limits_t limits = {calls, queue, apr_time_from_msec(wait_ms), failures, PAUSE};
    cloudep_breaker_t *breaker = NULL;

    ok(cloudep_breaker_create(&breaker, pool, &limits) == APR_SUCCESS, "made: %d at once, %d in line, opens at %d",
       calls, queue, failures);
    return breaker;
}

static int enter(cloudep_breaker_t *breaker)
{
    int probe;

    return cloudep_breaker_enter(&probe, breaker);
}

/* One call from begin to end. */
static cloudep_breaker_change_e call(cloudep_breaker_t *breaker, cloudep_breaker_end_e end)
{
    int probe;
    const apr_status_t rv = cloudep_breaker_enter(&probe, breaker);

    return rv == APR_SUCCESS ? cloudep_breaker_leave(breaker, probe, end) : (cloudep_breaker_change_e)-1;
}

static void test_bound(void)
{
    cloudep_breaker_t *breaker = make(2, 1, 30, 0);

    is_int(enter(breaker), APR_SUCCESS, "the first call goes");
    is_int(enter(breaker), APR_SUCCESS, "the second call goes too");
    is_int(enter(breaker), CLOUDEP_EOVERLOAD, "the third waits and is turned away");
    is_int(cloudep_breaker_leave(breaker, 0, CLOUDEP_BREAKER_WORKED), CLOUDEP_BREAKER_AS_BEFORE, "a call ends");
    is_int(enter(breaker), APR_SUCCESS, "a call that ended makes room for another");
    breaker = make(1, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE, "with no number no failure opens it");
    }
}

static void test_switch(void)
{
    cloudep_breaker_t *breaker = make(4, 0, 0, 3);
    int probe;
    int second;

    is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE, "the first failure leaves it closed");
    is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE, "the second failure leaves it closed");
    is_int(call(breaker, CLOUDEP_BREAKER_WORKED), CLOUDEP_BREAKER_AS_BEFORE, "a success clears the failures");
    is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE,
           "after a success the first failure leaves it closed");
    is_int(call(breaker, CLOUDEP_BREAKER_NEITHER), CLOUDEP_BREAKER_AS_BEFORE,
           "an end that says nothing changes nothing");
    is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE,
           "after a success the second failure leaves it closed");
    is_int(cloudep_breaker_enter(&second, breaker), APR_SUCCESS, "a call that will fail late");
    is_int(call(breaker, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_OPENED, "the third in a row opens it");
    ok(cloudep_breaker_is_open(breaker), "it says so");
    is_int(enter(breaker), CLOUDEP_EPROVIDER, "an open breaker lets nobody call");
    is_int(cloudep_breaker_leave(breaker, second, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE,
           "the late failure changes nothing");

    apr_sleep(PAUSE + apr_time_from_msec(5));
    ok(!cloudep_breaker_is_open(breaker), "and not when a probe may go");
    is_int(cloudep_breaker_enter(&probe, breaker), APR_SUCCESS, "after the pause one call goes");
    is_int(probe, 1, "the call after the pause is the probe");
    is_int(enter(breaker), CLOUDEP_EPROVIDER, "beside the probe nobody calls");
    is_int(cloudep_breaker_leave(breaker, probe, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_AS_BEFORE, "the probe fails");
    is_int(enter(breaker), CLOUDEP_EPROVIDER, "after a failed probe the pause begins anew");

    apr_sleep(PAUSE + apr_time_from_msec(5));
    is_int(call(breaker, CLOUDEP_BREAKER_NEITHER), CLOUDEP_BREAKER_AS_BEFORE, "a probe that says nothing");
    is_int(call(breaker, CLOUDEP_BREAKER_WORKED), CLOUDEP_BREAKER_CLOSED,
           "after a probe that says nothing the next one closes it");
    is_int(enter(breaker), APR_SUCCESS, "a closed breaker lets a call go");
    is_int(enter(breaker), APR_SUCCESS, "a closed breaker lets several calls go at once");
}

/* One thread that waits for the only call to end. */
typedef struct waiter_t {
    cloudep_breaker_t *breaker;
    apr_uint32_t asks;
    apr_status_t result;
} waiter_t;

static void *APR_THREAD_FUNC wait_in_line(apr_thread_t *thread, void *waiterv)
{
    waiter_t *waiter = waiterv;

    apr_atomic_set32(&waiter->asks, 1);
    waiter->result = enter(waiter->breaker);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

static void test_line(void)
{
    waiter_t waiter = {.breaker = make(1, 1, 60000, 1)};
    apr_thread_t *thread;
    apr_status_t rv;

    is_int(enter(waiter.breaker), APR_SUCCESS, "the only call goes");
    (void)apr_thread_create(&thread, NULL, wait_in_line, &waiter, pool);
    while (!apr_atomic_read32(&waiter.asks)) {
        apr_sleep(1000);
    }
    apr_sleep(20000); /* it is most likely in line by now; the result is the same if not */
    is_int(cloudep_breaker_leave(waiter.breaker, 0, CLOUDEP_BREAKER_FAILED), CLOUDEP_BREAKER_OPENED,
           "the only call's failure opens it");
    (void)apr_thread_join(&rv, thread);
    is_int(waiter.result, CLOUDEP_EPROVIDER, "a call that waits is refused when it opens");
    apr_sleep(PAUSE + apr_time_from_msec(5));
    is_int(enter(waiter.breaker), APR_SUCCESS, "and holds no place afterwards");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    test_bound();
    test_switch();
    test_line();
    apr_pool_destroy(pool);
    apr_terminate();
    return done_testing();
}
