/*
 * shared.h - the memory that the children of a server share (base/cells.h), which outlives graceful and full restarts.
 */
#ifndef CLOUDEP_SHARED_H
#define CLOUDEP_SHARED_H

#include <httpd.h>

/**
 * Makes the memory at the first start and finds it again after a restart; in post_config.
 * @return APR's failure: nothing is shared, and nothing else is lost
 */
apr_status_t cloudep_shared_prepare(server_rec *main_server);

/** As a member of cloudep_part_t: lets the child use it. */
apr_status_t cloudep_shared_child_start(server_rec *main_server, apr_pool_t *pchild);

#endif
