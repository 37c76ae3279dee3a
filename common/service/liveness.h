/*
 * liveness.h - whether sessions live, asked for many requests at once.
 *
 * A guarded Location has no query of its own to fold the check into, and a round trip for each file would cost more
 * than the file. Requests that wait at the same time share one statement; each is answered by a look at the
 * database that began after it came, so a session that ended is refused at the very next request.
 */
#ifndef CLOUDEP_LIVENESS_H
#define CLOUDEP_LIVENESS_H

#include "base/store/db.h"
#include "service/token_cache.h"

typedef struct cloudep_checker_t cloudep_checker_t;

/** Made in the child. NULL: out of memory. */
cloudep_checker_t *cloudep_checker_create(cloudep_db_t *db, apr_pool_t *pchild);

/**
 * Looks a session up, alone or together with others.
 * @param p scratch, of this thread alone
 * @param liveness filled on success
 * @param attributes set to the member's, a JSON object from p; NULL: they are not wanted
 * @return APR_NOTFOUND: the session is over, or its member may not act; else as cloudep_db_run
 */
apr_status_t cloudep_checker_ask(cloudep_checker_t *checker, apr_pool_t *p, const cloudep_access_t *access,
                                 cloudep_liveness_t *liveness, const char **attributes);

#endif
