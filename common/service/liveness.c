/*
 * liveness.c - one statement for all requests that ask at the same time.
 *
 * Who comes while no statement is under way leads: it takes everybody who waits, itself included, asks once, hands out
 * the answers, and names the first of those who came meanwhile as the next leader. Two statements at once would share
 * less: PostgreSQL worked half as much again for a request.
 */
#include "service/liveness.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <semaphore.h>
#include <stddef.h>
#include <string.h>
#include "base/store/session_store.h"

#define BATCH 64

/* A request that waits, on its thread's stack. */
typedef struct waiter_t {
    const cloudep_access_t *access;
    cloudep_liveness_t *liveness;
    apr_status_t answer;
    int lead; /* woken to lead, not answered */
    sem_t woken;
    struct waiter_t *next;
} waiter_t;

struct cloudep_checker_t {
    cloudep_db_t *db;
    apr_thread_mutex_t *mutex;
    int led; /* a statement is under way, or its leader is named */
    waiter_t *first, **last;
};

/*
 * Arrays that stand there as such would have PostgreSQL plan anew for the length of each batch. On IS NOT DISTINCT FROM
 * see session_store.c.
 */
static const cloudep_statement_t alive = {
    .label = "sessions_alive",
    .sql = "SELECT a.n, s.amr, " CLOUDEP_SQL_SECONDS(
        "s.mfa_at") " FROM unnest((SELECT %s::uuid[]), (SELECT %s::uuid[]), (SELECT %s::uuid[])) WITH ORDINALITY"
                    " a (tenant_id, id, uid, n)"
                    " JOIN cloudep.sessions s ON s.tenant_id = a.tenant_id AND s.id = a.id AND s.uid IS NOT DISTINCT "
                    "FROM a.uid"
                    " JOIN cloudep.members m ON m.tenant_id = s.tenant_id AND m.uid = s.uid"
                    " WHERE s.revoked_at IS NULL AND s.expires_at > now() AND m.status = 'active'"
                    " AND " CLOUDEP_SQL_CURRENT,
    .repeatable = 1,
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

/* "{a,b,c}" of one member of each waiter's token; UUIDs need no quotes. */
static const char *array_of(apr_pool_t *p, waiter_t *const *batch, int n, apr_size_t offset)
{
    char *text = apr_palloc(p, (apr_size_t)n * CLOUDEP_UUID_SIZE + 2);
    char *at = text;

    *at++ = '{';
    for (int i = 0; i < n; i++) {
        memcpy(at, (const char *)batch[i]->access + offset, CLOUDEP_UUID_SIZE - 1);
        at += CLOUDEP_UUID_SIZE - 1;
        *at++ = i + 1 < n ? ',' : '}';
    }
    *at = '\0';
    return text;
}

static void answer(waiter_t *waiter, const cloudep_rows_t *rows, int row)
{
    const char *mfa_at = cloudep_cell(rows, row, 2);

    apr_cpystrn(waiter->liveness->amr, cloudep_cell(rows, row, 1), sizeof(waiter->liveness->amr));
    waiter->liveness->mfa_at = mfa_at ? apr_atoi64(mfa_at) : 0;
    waiter->answer = APR_SUCCESS;
}

static void ask(cloudep_checker_t *checker, apr_pool_t *p, waiter_t *const *batch, int n)
{
    const cloudep_args_t *args = CLOUDEP_ARGS(array_of(p, batch, n, offsetof(cloudep_access_t, tenant_id)),
                                              array_of(p, batch, n, offsetof(cloudep_access_t, session_id)),
                                              array_of(p, batch, n, offsetof(cloudep_access_t, uid)));
    cloudep_rows_t *rows;
    apr_status_t rv = cloudep_db_run(checker->db, p, &rows, &alive, args);

    for (int i = 0; i < n; i++) {
        batch[i]->answer = rv == APR_SUCCESS ? APR_NOTFOUND : rv;
    }
    for (int row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        apr_int64_t i = apr_atoi64(cloudep_cell(rows, row, 0)) - 1;

        if (i >= 0 && i < n) {
            answer(batch[i], rows, row);
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
        (void)sem_post(&batch[i]->woken); /* from here on the waiter's stack is its own again */
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
                                 cloudep_liveness_t *liveness)
{
    waiter_t self = {.access = access, .liveness = liveness};

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
