/*
 * watchdog.c - see watchdog.h: a thread that shuts down the sockets on which somebody has waited too long.
 *
 * Each wait has a descriptor of its own for the socket: the library may close its one at any time, and the number
 * then be a client's. Slots are taken and left without a lock: their state counts through four phases, so that a
 * deadline read in one wait can never end the next one in the same slot.
 */
#include "core/watchdog.h"

#include <apr_thread_proc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/background.h"

#define ROUND apr_time_from_msec(200)

/* state % PHASES */
enum { IDLE, WAITING, CUTTING, CUT, PHASES };

typedef struct slot_t {
    atomic_uint state;
    atomic_llong deadline;
    int socket;
} slot_t;

struct cloudep_watchdog_t {
    slot_t *slots;
    int count;
    apr_interval_time_t limit;
};

apr_status_t cloudep_watchdog_begin(cloudep_watchdog_t *watchdog, int number, int socket)
{
    slot_t *slot = &watchdog->slots[number];

    slot->socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (slot->socket < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    atomic_store_explicit(&slot->deadline, apr_time_now() + watchdog->limit, memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->state, WAITING, memory_order_release);
    return APR_SUCCESS;
}

int cloudep_watchdog_end(cloudep_watchdog_t *watchdog, int number)
{
    slot_t *slot = &watchdog->slots[number];
    unsigned state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    int cut = 0;

    if (state % PHASES != WAITING || !atomic_compare_exchange_strong(&slot->state, &state, state + PHASES - WAITING)) {
        while (atomic_load(&slot->state) % PHASES != CUT) {
            apr_thread_yield(); /* the time of one shutdown() */
        }
        atomic_fetch_add(&slot->state, PHASES - CUT);
        cut = 1;
    }
    (void)close(slot->socket);
    return cut;
}

static void cut_off_late(slot_t *slot, apr_time_t now)
{
    unsigned state = atomic_load_explicit(&slot->state, memory_order_acquire);

    if (state % PHASES == WAITING && atomic_load_explicit(&slot->deadline, memory_order_relaxed) < now &&
        atomic_compare_exchange_strong(&slot->state, &state, state + CUTTING - WAITING)) {
        (void)shutdown(slot->socket, SHUT_RDWR);
        atomic_fetch_add(&slot->state, CUT - CUTTING);
    }
}

static void look_round(void *watchdogv, apr_pool_t *p, int last)
{
    cloudep_watchdog_t *watchdog = watchdogv;
    const apr_time_t now = apr_time_now();

    (void)p;
    (void)last;
    for (int i = 0; i < watchdog->count; i++) {
        cut_off_late(&watchdog->slots[i], now);
    }
}

apr_status_t cloudep_watchdog_create(cloudep_watchdog_t **created, apr_pool_t *pool, int slots,
                                     apr_interval_time_t limit)
{
    cloudep_watchdog_t *watchdog = apr_pcalloc(pool, sizeof(*watchdog));
    cloudep_background_t *background;
    apr_status_t rv;

    watchdog->slots = apr_pcalloc(pool, sizeof(*watchdog->slots) * (apr_size_t)slots);
    watchdog->count = slots;
    watchdog->limit = limit;
    rv = cloudep_background_start(&background, pool, ROUND, look_round, watchdog);
    *created = rv == APR_SUCCESS ? watchdog : NULL;
    return rv;
}
