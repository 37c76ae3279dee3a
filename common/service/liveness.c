/*
 * liveness.c - one statement for all requests that ask at the same time.
 *
 * A request that finds no statement under way becomes the leader: it takes all that wait, itself included, runs one
 * statement and hands out the answers. Then it makes the first of those that came meanwhile the next leader. With two
 * statements at once fewer requests share one: PostgreSQL then worked half as much again for each request.
 */
#include "service/liveness.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <semaphore.h>
#include "base/store/liveness_store.h"

#define BATCH 64

/* A request that waits, on its thread's stack. */
typedef struct waiter_t {
    const cloudep_access_t *access;
    cloudep_liveness_t *liveness;
    apr_pool_t *p;           /* of the thread that waits, which does not use it meanwhile */
    const char **attributes; /* NULL: not wanted */
    apr_status_t answer;
    int lead; /* woken to become the leader, without an answer */
    sem_t woken;
    struct waiter_t *next;
} waiter_t;

struct cloudep_checker_t {
    cloudep_db_t *db;
    apr_thread_mutex_t *mutex;
    int led; /* a statement is under way, or its leader is named */
    waiter_t *first, **last;
};

cloudep_checker_t *cloudep_checker_create(cloudep_db_t *db, apr_pool_t *pchild)
{
    cloudep_checker_t *checker = apr_pcalloc(pchild, sizeof(*checker));

    if (apr_thread_mutex_create(&checker->mutex, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
        return NULL;
    }
    checker->db = db;
    checker->last = &checker->first;
    return checker;
}

/* The first in the queue, or NULL; the caller holds the mutex. */
static waiter_t *dequeue(cloudep_checker_t *checker)
{
    waiter_t *waiter = checker->first;

    if (waiter) {
        checker->first = waiter->next;
    }
    if (!checker->first) {
        checker->last = &checker->first;
    }
    return waiter;
}

static void answer(waiter_t *waiter, const cloudep_session_state_t *state)
{
    waiter->answer = state->live ? APR_SUCCESS : APR_NOTFOUND;
    if (state->live) {
        apr_cpystrn(waiter->liveness->amr, state->amr, sizeof(waiter->liveness->amr));
        waiter->liveness->proofs = state->proofs;
        waiter->liveness->turn = state->turn;
        if (waiter->attributes) {
            *waiter->attributes = apr_pstrdup(waiter->p, state->attributes);
        }
    }
}

static void ask(cloudep_checker_t *checker, apr_pool_t *p, waiter_t *const *batch, int n)
{
    cloudep_session_key_t keys[BATCH] = {{0}};
    cloudep_session_state_t states[BATCH];
    apr_status_t rv;

    for (int i = 0; i < n; i++) {
        const cloudep_access_t *access = batch[i]->access;

        keys[i] =
            (cloudep_session_key_t){access->tenant_id, access->session_id, access->uid, batch[i]->attributes != NULL};
    }
    rv = cloudep_sessions_look_up(states, p, checker->db, keys, n);
    for (int i = 0; i < n; i++) {
        if (rv == APR_SUCCESS) {
            answer(batch[i], &states[i]);
        }
        else {
            batch[i]->answer = rv;
        }
    }
}

/* The caller holds the mutex, has set led, and is not in the queue. */
static void lead(cloudep_checker_t *checker, apr_pool_t *p, waiter_t *self)
{
    waiter_t *batch[BATCH] = {self};
    waiter_t *next;
    int n = 1;

    while (n < BATCH && (next = dequeue(checker))) {
        batch[n++] = next;
    }
    apr_thread_mutex_unlock(checker->mutex);
    ask(checker, p, batch, n);
    for (int i = 1; i < n; i++) {
        (void)sem_post(&batch[i]->woken); /* the waiter returns now: its stack frame must not be used any more */
    }
    apr_thread_mutex_lock(checker->mutex);
    next = dequeue(checker);
    if (next) {
        next->lead = 1;
        (void)sem_post(&next->woken);
    }
    else {
        checker->led = 0;
    }
    apr_thread_mutex_unlock(checker->mutex);
}

apr_status_t cloudep_checker_ask(cloudep_checker_t *checker, apr_pool_t *p, const cloudep_access_t *access,
                                 cloudep_liveness_t *liveness, const char **attributes)
{
    waiter_t self = {.access = access, .liveness = liveness, .p = p, .attributes = attributes};

    apr_thread_mutex_lock(checker->mutex);
    if (!checker->led) {
        checker->led = 1;
        lead(checker, p, &self);
        return self.answer;
    }
    if (sem_init(&self.woken, 0, 0)) {
        apr_thread_mutex_unlock(checker->mutex);
        return APR_EGENERAL;
    }
    /* This frame outlives its place in the queue: it waits below until somebody has taken it out. */
    /* cppcheck-suppress autoVariables */
    *checker->last = &self;
    checker->last = &self.next; /* cppcheck-suppress autoVariables */
    apr_thread_mutex_unlock(checker->mutex);
    while (sem_wait(&self.woken)) {
        /* interrupted by a signal */
    }
    (void)sem_destroy(&self.woken);
    if (self.lead) {
        apr_thread_mutex_lock(checker->mutex);
        lead(checker, p, &self);
    }
    return self.answer;
}
